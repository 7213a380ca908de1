"""Recorded results: an experiment's runs, seed by seed, as chapters read them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from helpers import ROOT
from helpers.results.files import read_json
from helpers.results.tables import duration

FOLDER = ROOT / "data" / "results"


SCHEMA = "rnns-unrolled experiment 1"


T = TypeVar("T")


@dataclass(frozen=True)
class Results:
    """A recorded experiment: what ran, and what came out of each seed."""

    name: str
    parameters: dict
    seeds: tuple[int, ...]
    runs: tuple[dict, ...]  # one per seed, in the order of `seeds`
    meta: dict  # summary, command, versions, engine, floatX, date, duration_s, ...

    def metric(self, key: str) -> np.ndarray:
        """One metric over the seeds, shape (n_seeds,).

        `key` is dotted where metrics are nested: "validation.rmse". Raises
        ValueError for an unknown key.
        """
        return _stack([run["metrics"] for run in self.runs], key)

    def curve(self, key: str) -> np.ndarray:
        """Any other value of the runs over the seeds, shape (n_seeds, ...).

        `key` starts at the run: "trace.width 8". Raises ValueError for an unknown
        key, and for curves whose shapes differ between the seeds.
        """
        return _stack(self.runs, key)


def load(
    name: str,
    folder: Path | str | None = None,
    command: str = "python -m helpers.experiments",
) -> Results:
    """The recorded result `name`, from `folder` (the course's own if not given).

    Raises FileNotFoundError where there is none, and ValueError for a file that is
    damaged or is not the record of this experiment; both say that `command`, with the
    name, makes it.
    """
    path = Path(folder or FOLDER) / f"{name}.json"
    remedy = f"`{command} {name}` makes it"
    try:
        document = read_json(path)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"no recorded result {name!r}: {path} is missing; {remedy}"
        ) from None
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); {remedy} again") from None
    try:
        schema, recorded = document.pop("schema"), document.pop("experiment")
        if (schema, recorded) != (SCHEMA, name):
            raise ValueError(f"it holds {recorded!r} in the form {schema!r}")
        runs, seeds = document.pop("runs"), document.pop("seeds")
        if [run["seed"] for run in runs] != seeds or not seeds:
            raise ValueError("its runs are not those of its seeds")
        parameters = document.pop("parameters")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else error
        raise ValueError(
            f"{path} is no record of the experiment {name!r} ({what}); {remedy} again"
        ) from None
    return Results(name, parameters, tuple(seeds), tuple(runs), document)


def load_measured(
    name: str,
    schema: str,
    what: str,
    key: str,
    command: str,
    folder: Path | str | None = None,
    parse: Callable[[dict], T] = lambda document: document,
) -> T:
    """What `parse` makes of the file `name`, written by a command of its own.

    Such files hold something else than a run for each seed. The dict must have this
    "schema" and something under `key`; `what` names its contents in an error. Raises
    FileNotFoundError where there is no file, and ValueError for one that is damaged, of
    another schema, or that `parse` cannot read; both say that `command` makes it.
    """
    path = Path(folder or FOLDER) / f"{name}.json"
    try:
        document = read_json(path)
        if document["schema"] != schema or not document[key]:
            raise ValueError("another schema")
        return parse(document)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is missing; `{command}` makes it") from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} holds no {what} ({error!r}); `{command}` makes it anew"
        ) from None


def describe(result: Results) -> str:
    """How a result was made, in two lines to print below what was read from it.

    The time is wall-clock, summed over the sessions in which the seeds were run.
    """
    n = len(result.seeds)
    seeds = f"{n} seed{'s' * (n > 1)}"
    day, time = result.meta["date"][:10], duration(result.meta["duration_s"])
    return (
        f"{result.name}: {seeds}, recorded {day} in {time}\n  {result.meta['command']}"
    )


def flatten(nested: dict) -> dict:
    """{"a": {"b": 1}} as {"a.b": 1}; what is not a dict stays as it is."""
    flat = {}
    for key, value in nested.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{inner}": v for inner, v in flatten(value).items()}
        else:
            flat[key] = value
    return flat


def _stack(runs: Sequence[dict], key: str) -> np.ndarray:
    flat = [flatten(run) for run in runs]
    if not all(key in run for run in flat):
        known = ", ".join(sorted(flat[0]))
        raise ValueError(f"key must be one of {known}; got {key!r}")
    try:
        return np.array([run[key] for run in flat])
    except ValueError:
        raise ValueError(
            f"key {key!r} differs in shape between the seeds, so it cannot be stacked"
        ) from None
