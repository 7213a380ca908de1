"""Recorded results: an experiment's runs, seed by seed, as chapters read them."""

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from helpers import ROOT
from helpers.results.files import read_json
from helpers.results.tables import duration

FOLDER = ROOT / "data" / "results"


SCHEMA = "rnns-unrolled experiment 1"


# Of a run, what is about the run and not found out by it.
ABOUT = {"seed", "trace", "duration_s", "machine"}

T = TypeVar("T")


@dataclass(frozen=True)
class Results:
    """A recorded experiment: what ran, and what came out of each seed."""

    name: str
    parameters: dict
    seeds: tuple[int, ...]
    runs: tuple[dict, ...]  # one per seed, in the order of `seeds`
    meta: dict  # summary, command, versions, engine, floatX, date, duration_s, ...
    read: set[str] = field(default_factory=set, repr=False, compare=False)

    def metric(self, key: str) -> np.ndarray:
        """One metric over the seeds, shape (n_seeds,).

        `key` is dotted where metrics are nested: "validation.rmse". Raises
        ValueError for an unknown key.
        """
        values = _stack([run["metrics"] for run in self.runs], key)
        self.read.add(f"metrics.{key}")
        return values

    def curve(self, key: str) -> np.ndarray:
        """Any other value of the runs over the seeds, shape (n_seeds, ...).

        `key` starts at the run: "trace.width 8". Raises ValueError for an unknown
        key, and for curves whose shapes differ between the seeds.
        """
        values = _stack(self.runs, key)
        self.read.add(key)
        return values


# What was loaded, for `also_recorded`: a record that is loaded twice is one.
LOADED: dict[str, Results] = {}


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
    read = LOADED[name].read if name in LOADED else set()
    result = Results(name, parameters, tuple(seeds), tuple(runs), document, read)
    LOADED[name] = result
    return result


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


def also_recorded() -> str:
    """What the records hold that were loaded so far, and nothing has read.

    A paragraph for each record, to print at the end of a chapter. "a.{b, c}" stands for
    a.b, a.c and all that begins with "a.b." or "a.c.".
    """
    lines = []
    for name, result in LOADED.items():
        found = {k: v for k, v in result.runs[0].items() if k not in ABOUT}
        left = [key.removeprefix("metrics.") for key in _unread(found, "", result.read)]
        text = f"{name}: {', '.join(left) or 'nothing else'}"
        lines.append(textwrap.fill(text, 75, subsequent_indent="    "))
    return "\n".join(["Also recorded:", *lines])


def _unread(node: dict, path: str, read: set[str]) -> Iterator[str]:
    """What of the values in `node`, which is at `path`, is not in `read`."""
    whole, parts = [], {}
    for key, value in node.items():
        leaves = {f"{path}{leaf}" for leaf in flatten({key: value})}
        if leaves and leaves.isdisjoint(read):
            whole.append(key)
        elif isinstance(value, dict):
            parts[key] = value
    if len(whole) > 1 and path not in ("", "metrics."):
        yield f"{path}{{{', '.join(whole)}}}"
    else:
        yield from (f"{path}{key}" for key in whole)
    for key, value in parts.items():
        yield from _unread(value, f"{path}{key}.", read)


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
