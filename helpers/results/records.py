"""Recorded results: an experiment's runs, seed by seed, as chapters read them."""

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from helpers import ROOT
from helpers.results.files import read_json
from helpers.results.tables import duration

FOLDER = ROOT / "data" / "results"


SCHEMA = "rnns-unrolled experiment 1"


# What is about a record or a run, and not found out by it.
ABOUT = {
    *("schema", "summary", "command", "versions", "packages", "date", "note"),
    *("machine", "cores", "threads", "rounds", "quick", "load_before", "duration_s"),
    *("seed", "settings", "trace"),
}

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


class Watched(Mapping):
    """A dict of a record that notes in `read` which of its values were asked for.

    So do the dicts in it, also those in lists, which share the keys.
    """

    def __init__(self, values: dict, path: str, read: set[str]) -> None:
        self._values, self._path, self._read = values, path, read

    def __getitem__(self, key):
        value = self._values[key]
        self._read.add(f"{self._path}{key}")
        return _watched(value, f"{self._path}{key}.", self._read)

    def __iter__(self) -> Iterator:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)


def _watched(value, path: str, read: set[str]):
    if isinstance(value, dict):
        return Watched(value, path, read)
    if type(value) is list:
        return [_watched(item, path, read) for item in value]
    return value


# What was loaded, for `also_recorded`: what each record holds, and the keys that were
# read. A record that is loaded twice is one.
LOADED: dict[str, tuple[dict, set[str]]] = {}


def _read_of(name: str, found) -> set[str]:
    """The keys of `name` that were read; `found` is what it holds."""
    read = LOADED[name][1] if name in LOADED else set()
    LOADED[name] = (_keys(found), read)
    return read


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
    read = _read_of(name, runs[0])
    return Results(name, parameters, tuple(seeds), tuple(runs), document, read)


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

    Such files hold something else than a run for each seed. A dict comes as one that
    cannot be changed, and that counts what is read of it (`Watched`). It must have this
    "schema" and something under `key`; `what` names its contents in an error. Raises
    FileNotFoundError where there is no file, and ValueError for one that is damaged, of
    another schema, or that `parse` cannot read; both say that `command` makes it.
    """
    path = Path(folder or FOLDER) / f"{name}.json"
    try:
        document = read_json(path)
        if document["schema"] != schema or not document[key]:
            raise ValueError("another schema")
        found = parse(document)
        return _watched(found, "", _read_of(name, found))
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

    A paragraph for each record, to print at the end of a chapter. "a.{b; c}" stands for
    a.b, a.c and all that begins with "a.b." or "a.c.".
    """
    lines = ["Also recorded:"]
    for name, (found, read) in LOADED.items():
        rest = {key: value for key, value in found.items() if key != "metrics"}
        left = _unread(found.get("metrics", {}), "metrics.", read)
        left += _unread(rest, "", read)
        text = f"{name}: {'; '.join(left) or 'nothing else'}"
        lines.append(textwrap.fill(text, 75, subsequent_indent="    "))
    return "\n".join(lines)


def _unread(node: dict, path: str, read: set[str]) -> list[str]:
    """What of the values in `node`, which is at `path`, is not in `read`.

    Keys below which the same is left are one entry.
    """
    groups: dict[str, list[str]] = {}
    for key, value in node.items():
        if read.isdisjoint(_leaves(value, f"{path}{key}")):
            groups.setdefault("", []).append(key)
        elif left := _unread(_keys(value), f"{path}{key}.", read):
            groups.setdefault(f".{_one_of(left)}", []).append(key)
    alone = groups.pop("", [])
    return alone + [f"{_one_of(keys)}{left}" for left, keys in groups.items()]


def _leaves(value, path: str) -> Iterator[str]:
    below = _keys(value)
    for key, inner in below.items():
        yield from _leaves(inner, f"{path}.{key}")
    if not below:
        yield path


def _keys(value) -> dict:
    """What was found out, by its keys, in a dict or in all dicts of a list."""
    dicts = [value] if isinstance(value, dict) else value
    if not isinstance(dicts, list) or not all(isinstance(d, dict) for d in dicts):
        return {}
    return {k: v for found in dicts for k, v in found.items() if k not in ABOUT}


def _one_of(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{{{'; '.join(names)}}}"


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
