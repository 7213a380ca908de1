"""Recorded results: read them, summarise them over seeds, print them, write them.

`python -m helpers.experiments NAME` writes `data/results/NAME.json`: one run per
seed, with everything that decided the outcome. A chapter reads it with `load`, and
each number that it quotes comes with an interval over the seeds.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import scipy  # imports its statistics, which take a second, at their first use
from scipy import special

from helpers.files import write_text

FOLDER = Path(__file__).resolve().parent.parent / "data" / "results"
SCHEMA = "rnns-unrolled experiment 1"
T = TypeVar("T")


# Reading ---------------------------------------------------------------------


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


def load(name: str, folder: Path | str | None = None) -> Results:
    """The recorded result `name`, from `folder` (the course's own if not given).

    Raises FileNotFoundError where there is none, and ValueError for a file that is
    damaged or is not the record of this experiment; both say how to make it.
    """
    path = Path(folder or FOLDER) / f"{name}.json"
    remedy = f"`python -m helpers.experiments {name}` makes it"
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


# Summaries over seeds --------------------------------------------------------


class Estimate(NamedTuple):
    """A value with its interval; f"{estimate:.3f}" gives "0.512 [0.498, 0.531]"."""

    value: float | np.ndarray
    low: float | np.ndarray
    high: float | np.ndarray

    def __format__(self, spec: str) -> str:
        return f"{self.value:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"


def median_interval(values, confidence: float = 0.95) -> Estimate:
    """Median over the seeds (axis 0) and an interval for the true median.

    `values` has shape (n_seeds,) or (n_seeds, ...); with more than one axis, each
    part of the estimate is an array of the remaining shape.

    The interval runs between two of the sorted values, the k-th smallest and the
    k-th largest. It misses the true median only if fewer than k of the n values fall
    on one side of it, which is a matter of n tosses of a fair coin: the interval is
    exact whatever the distribution of the values, with no resampling and no
    assumption of symmetry (Conover, Practical Nonparametric Statistics, section
    3.2). We take the largest k that keeps the confidence: for 20 seeds and 95%,
    k = 6, and the interval holds the true median 95.9% of the time.

    Raises ValueError for too few values: below 6, not even the whole range reaches
    95%.
    """
    values = _checked(values, confidence)
    n, miss = len(values), 1 - confidence
    k = np.sum(special.bdtr(np.arange(n), n, 0.5) <= miss / 2)
    if k == 0:
        needed = math.ceil(1 - math.log2(miss))
        raise ValueError(
            f"values must have at least {needed} entries for a median's interval at "
            f"confidence {confidence:g}; got {n}"
        )
    ordered = np.sort(values, axis=0)
    return _estimate(np.median(values, axis=0), ordered[k - 1], ordered[n - k])


def median_of_new_runs(
    values, n_new: int | None = None, confidence: float = 0.95
) -> Estimate:
    """Median over the seeds, and where the median of `n_new` new runs should fall.

    Wider than `median_interval`, which places the true median: a new median has its
    own scatter, the more the fewer new runs there are. If the n recorded and the
    `n_new` new values (as many as recorded, if not given) come from one distribution,
    each order of the pooled values is equally likely, whatever that distribution. So
    the number of new values among the first j of the pool is hypergeometric, and the
    chance that the new median lies below the i-th recorded value is the chance that
    half of the new values are among the first i + half - 1 (Fligner and Wolfe 1979,
    Journal of the American Statistical Association 74). We take the largest i that
    keeps the confidence: for 20 and 20 runs at 95%, the interval runs from the 4th
    smallest to the 4th largest value. Where too few runs allow none, it is the whole
    range of the recorded values.
    """
    values = _checked(values, confidence)
    n = len(values)
    n_new = n if n_new is None else n_new
    if n_new < 1:
        raise ValueError(f"n_new must be a positive integer; got {n_new!r}")
    half = (n_new + 1) // 2
    i = np.arange(1, n + 1)
    below = scipy.stats.hypergeom.sf(half - 1, n + n_new, n_new, i + half - 1)
    largest = np.sum(below <= (1 - confidence) / 2)  # `below` grows with i
    i = max(1, min(largest, (n + 1) // 2))
    ordered = np.sort(values, axis=0)
    return _estimate(np.median(values, axis=0), ordered[i - 1], ordered[n - i])


def mean_interval(values, confidence: float = 0.95) -> Estimate:
    """Mean over the seeds (axis 0) and Student's t interval for the true mean.

    Shapes as in `median_interval`. Unlike that one it assumes that the values, or at
    least their mean, are close to normally distributed: right for averages of many
    things, wrong for a rate that is 0 or 1 in most runs.
    """
    values = _checked(values, confidence)
    n = len(values)
    if n < 2:
        raise ValueError(f"values must have at least 2 entries; got {n}")
    mean = values.mean(axis=0)
    error = values.std(axis=0, ddof=1) / math.sqrt(n)
    reach = special.stdtrit(n - 1, (1 + confidence) / 2) * error
    return _estimate(mean, mean - reach, mean + reach)


def wilson(successes: int, trials: int, confidence: float = 0.95) -> Estimate:
    """Share of successes and Wilson's interval for their true rate.

    It stays within 0 and 1 and says something sensible for 0 or all successes
    (Wilson 1927, Journal of the American Statistical Association 22).
    """
    _check_confidence(confidence)
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(
            "successes must be between 0 and trials, and trials at least 1; "
            f"got {successes} of {trials}"
        )
    test = scipy.stats.binomtest(int(successes), int(trials))
    interval = test.proportion_ci(confidence, method="wilson")
    return _estimate(successes / trials, interval.low, interval.high)


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1; got {confidence!r}")


def _checked(values, confidence: float) -> np.ndarray:
    _check_confidence(confidence)
    values = np.asarray(values, dtype=float)
    if values.ndim == 0 or len(values) == 0:
        raise ValueError(
            f"values must hold one entry per seed; got the shape {values.shape}"
        )
    if not np.all(np.isfinite(values)):
        raise ValueError("values must be finite; got NaN or infinity among them")
    return values


def _estimate(*parts) -> Estimate:
    return Estimate(*(float(p) if np.ndim(p) == 0 else p for p in parts))


# Printing --------------------------------------------------------------------


def table(rows: Iterable[Sequence], headers: Sequence[str], width: int = 75) -> str:
    """Rows as plain text in columns, numbers to the right, words to the left.

    Floats and estimates are shown to 4 significant digits; a cell that needs another
    form comes as text. Raises ValueError for rows of another length than `headers`
    and for a table wider than `width` characters.
    """
    rows = [[_cell(value) for value in row] for row in rows]
    for row in rows:
        if len(row) != len(headers):
            raise ValueError(
                f"rows must have {len(headers)} cells, one per header; got {row}"
            )
    columns = list(zip(headers, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    right = [
        bool(rows) and all(re.match(r"[-+]?[.\d]|$", cell) for cell in column[1:])
        for column in columns
    ]
    lines = [
        "  ".join(
            cell.rjust(w) if r else cell.ljust(w)
            for cell, w, r in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in [headers, ["-" * w for w in widths], *rows]
    ]
    widest = max(map(len, lines))
    if widest > width:
        raise ValueError(
            f"rows must fit into {width} characters; got a table of {widest}"
        )
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """A length of time to read: "8.3 s", "3 min 20 s", "2 h 5 min"."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _cell(value) -> str:
    if isinstance(value, Estimate | float | np.floating):
        return f"{value:.4g}"
    return str(value)


# Writing ---------------------------------------------------------------------


def plain(value, where: str):
    """`value` as a recorded file holds it; `where` names it in an error.

    Arrays of NumPy and JAX become lists, floats keep 10 significant digits: enough
    for every comparison, and the files stay small and their differences readable.
    Raises ValueError for NaN, infinity, keys that are not text, and whatever else
    JSON cannot hold.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        rounded = float(f"{value:.10g}")
        if not math.isfinite(rounded):
            raise ValueError(f"{where} must be finite; got {value}")
        return rounded
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise ValueError(f"keys of {where} must be text; got {key!r}")
        return {key: plain(v, f"{where}.{key}") for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v, f"{where}[{i}]") for i, v in enumerate(value)]
    if hasattr(value, "__array__"):
        array = np.asarray(value)
        if array.dtype.kind in "biufU":  # booleans, integers, floats, text
            kind = float if array.dtype.kind == "f" else array.dtype
            return plain(array.astype(kind).tolist(), where)
    raise ValueError(
        f"{where} must be made of numbers, text, lists and dicts; got {value!r}"
    )


def read_json(path: Path):
    """What a JSON file holds. Raises ValueError if it is damaged or not strict."""

    def refuse(constant):
        raise ValueError(f"{constant} is not a JSON number")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def write_json(path: Path, document: dict) -> None:
    """Write a dict as strict JSON, a key a line, and a dict a line in lists of dicts.

    Atomic: whatever happens on the way, the file is either the old or the new one.
    Raises ValueError for NaN and infinity.
    """

    def dump(value) -> str:
        return json.dumps(value, allow_nan=False, ensure_ascii=False)

    entries = []
    for key, value in document.items():
        text = dump(value)
        if isinstance(value, list) and value and isinstance(value[0], dict):
            text = "[\n  " + ",\n  ".join(map(dump, value)) + "\n ]"
        entries.append(f" {dump(key)}: {text}")
    write_text(path, "{\n" + ",\n".join(entries) + "\n}\n")
