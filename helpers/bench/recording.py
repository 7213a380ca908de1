"""Measure every way on every workload, in rounds that alternate, and write it down.

No number is written unless all ways give the same loss and gradients. What is finished
is kept on disk part by part, so that an interrupted run goes on where it was.
"""

import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np

from helpers.bench import worker
from helpers.bench.ways import FLOORS, WAYS, missing
from helpers.bench.workloads import AXES, WORKLOADS
from helpers.results import files, records
from helpers.results.provenance import load_average, machine, versions, write_measured

SCHEMA = "rnns-unrolled bench 1"
NAME = "bench"
COMMAND = "python -m helpers.bench"
TOLERANCE = 1e-8  # of losses and gradients in float64
SLOWEST = 2.0  # seconds a step, beyond which a series ends


class Effort(NamedTuple):
    """How much is measured."""

    rounds: int
    round_s: float
    warm: bool  # whether compiling is timed a second time, in a process of its own
    skipped: tuple[str, ...]  # ways that take long to compile
    series: tuple[str, ...]  # ways whose series by size are taken
    every: int  # 1: all sizes of a series; 3: every third


PRODUCTS = ("products", "products jax")
FULL = Effort(
    15,
    0.2,
    True,
    (),
    ("numpy", "pytensor numba", "pytensor jax", "jax", "torch rnn", *PRODUCTS),
    1,
)
QUICK = Effort(
    3,
    0.02,
    False,
    ("pytensor python", "pytensor c", "pytensor numba"),
    ("numpy", "pytensor jax", "products"),
    3,
)


def load(folder: Path | str | None = None) -> dict:
    """The recorded bench.

    "workloads": rows with "name", "title", "sizes" (text), "dtype" and "threads".
    "steps": rows with "workload", "way" (or the name of a floor), "title", "ms" (median
    of the rounds), "ms_range"; for ways also "cold_s" and "warm_s" (seconds of
    compiling with empty caches and with what that left on disk; null where it was not
    measured) and "MB". "series": rows with "axis", "size", "way", "title", "ms" and
    "ms_range". "left_out": rows with "what", "way" and "why".

    Raises FileNotFoundError where there is no file and ValueError for a damaged one;
    both say how to make it.
    """
    return records.load_measured(NAME, SCHEMA, "bench", "steps", COMMAND, folder)


# One part: a workload, or a series -------------------------------------------------


def check(what: str, process: worker.Process, agreed: dict, folder: Path) -> None:
    """Losses and gradients in float64 against those `agreed`, set by the first.

    Raises RuntimeError where they differ.
    """
    path = folder / "check.npz"
    process.ask("check", what=what, path=str(path))
    with np.load(path) as found:
        values = dict(found)
    for name, expected in agreed.items():
        off = float(np.abs(values[name] - expected).max())
        if not off <= TOLERANCE * max(1.0, float(np.abs(expected).max())):
            raise RuntimeError(
                f"{process.name} differs from the others on {what}: {name} by {off:.1e}"
            )
    agreed |= values


def take_turns(processes: Sequence[worker.Process], effort: Effort) -> list[dict]:
    """Milliseconds of a step for each, from rounds in which all have their turn."""
    seconds: list[list[float]] = [[] for _ in processes]
    for _ in range(effort.rounds):
        for process, mine in zip(processes, seconds, strict=True):
            mine.append(process.ask("time", seconds=effort.round_s)["seconds"])
    return [
        {
            "ms": _digits(1000 * np.median(mine)),
            "ms_range": [_digits(1000 * f(mine)) for f in (min, max)],
        }
        for mine in seconds
    ]


def _digits(value: float) -> float:
    return float(f"{value:.4g}")


def measure_workload(name: str, effort: Effort, caches: Path) -> dict:
    """All ways on one workload: compiled, checked, compiled again, then timed."""
    threads = WORKLOADS[name].threads
    agreed, processes, rows, left_out = {}, [], [], []
    with contextlib.ExitStack() as stack:

        def start(way: str) -> tuple[worker.Process, float]:
            cache = caches / way
            cache.mkdir(parents=True, exist_ok=True)
            process = worker.Process(way, cache, threads)
            stack.enter_context(contextlib.closing(process))
            return process, _digits(process.ask("build", what=name)["seconds"])

        for way in WAYS | FLOORS:
            if why := reason(way, effort):
                left_out.append({"what": name, "way": way, "why": why})
                continue
            process, cold_s = start(way)
            row = {"workload": name, "way": way, "title": (WAYS | FLOORS)[way].title}
            if way in WAYS:
                check(name, process, agreed, caches)
                row |= {"cold_s": cold_s, "warm_s": None}
            if way in WAYS and effort.warm:
                process.close()
                process, row["warm_s"] = start(way)
            say(f"  {way}: ready in {cold_s:.1f} s")
            processes.append(process)
            rows.append(row)
        for row, timing in zip(rows, take_turns(processes, effort), strict=True):
            row |= timing
        for row, process in zip(rows, processes, strict=True):
            if row["way"] in WAYS:
                row["MB"] = round(process.ask("memory")["MB"])
    return {"rows": rows, "left_out": left_out}


def measure_series(axis: str, effort: Effort, caches: Path) -> dict:
    """Step times by one size; a way leaves when a step takes longer than SLOWEST."""
    rows, left_out = [], []
    sizes = AXES[axis].sizes
    with contextlib.ExitStack() as stack:
        processes = []
        for way in effort.series:
            if why := reason(way, effort):
                left_out.append({"what": axis, "way": way, "why": why})
                continue
            cache = caches / way
            cache.mkdir(parents=True, exist_ok=True)
            process = worker.Process(way, cache, AXES[axis].threads)
            processes.append(stack.enter_context(contextlib.closing(process)))
        for size in sizes[:: effort.every]:
            for process in processes:
                process.ask("build", what=f"{axis}={size}")
            timings = take_turns(processes, effort)
            for process, timing in zip(processes, timings, strict=True):
                title = (WAYS | FLOORS)[process.name].title
                row = {"axis": axis, "size": size, "way": process.name, "title": title}
                rows.append(row | timing)
            for process, timing in zip([*processes], timings, strict=True):
                if timing["ms"] > 1000 * SLOWEST and size < sizes[-1]:
                    processes.remove(process)
                    why = f"a step took over {SLOWEST:.0f} s at {axis} = {size}"
                    row = {"what": axis, "way": process.name, "why": why}
                    left_out.append(row)
            say(f"  {axis} = {size}")
    return {"rows": rows, "left_out": left_out}


def reason(way: str, effort: Effort) -> str | None:
    """Why this way does not take part; None if it does."""
    if way in effort.skipped:
        return "left out of a quick run"
    return missing(way)


# All parts -----------------------------------------------------------------------


def record(quick: bool = False, folder: Path | str = records.FOLDER) -> Path:
    """Measure everything; returns the file's path.

    Each finished part is kept in `folder`/.partial/bench until all are. Raises
    RuntimeError where a process fails or the ways disagree; nothing is written then.
    """
    folder, begun, load_before = Path(folder), time.perf_counter(), load_average()
    effort = QUICK if quick else FULL
    partial = folder / ".partial" / NAME
    setting = {
        "quick": quick,
        "rounds": effort.rounds,
        "packages": versions(("numba", "torch")),
        "machine": machine(),
        "cores": joblib.cpu_count(),
    }
    steps = [
        _part(partial, setting, name, measure_workload, effort) for name in WORKLOADS
    ]
    series = [_part(partial, setting, axis, measure_series, effort) for axis in AXES]
    path = write_measured(
        NAME,
        SCHEMA,
        COMMAND + " --quick" * quick,
        {
            "summary": "Milliseconds of one SGD step, medians and ranges of rounds in "
            "which all ways take turns; seconds to compile; memory in MB.",
            **setting,
            "load_before": load_before,
            "workloads": [_described(name) for name in WORKLOADS],
            "steps": [row for part in steps for row in part["rows"]],
            "series": [row for part in series for row in part["rows"]],
            "left_out": [row for part in steps + series for row in part["left_out"]],
        },
        begun,
        folder,
    )
    shutil.rmtree(partial)
    with contextlib.suppress(OSError):  # not empty: an unfinished run of another
        partial.parent.rmdir()
    return path


def _part(
    partial: Path, setting: dict, name: str, measure: Callable, effort: Effort
) -> dict:
    """What was measured of this part before in the same setting, or is now."""
    path = partial / f"{name.replace(' ', '-')}.json"
    with contextlib.suppress(FileNotFoundError, KeyError, TypeError, ValueError):
        found = files.read_json(path)
        if found["setting"] == setting:
            say(f"{name}: measured before")
            return found["part"]
    say(f"{name} ...")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as caches:
        part = measure(name, effort, Path(caches))
    files.write_json(path, {"setting": setting, "part": part})
    return part


def _described(name: str) -> dict:
    chapter = WORKLOADS[name]
    workload = chapter.make()
    n_hid, n_out = workload.start.W_ho.shape
    T, *B = workload.x.shape[: 1 + (workload.weights.ndim == 2)]
    examples = f" x {B[0]}" if B else ""
    n_in = len(workload.start.W_ih)
    return {
        "name": name,
        "title": chapter.title,
        "sizes": f"{n_in}-{n_hid}-{n_out}, {T} steps{examples}",
        "dtype": str(workload.dtype),
        "threads": chapter.threads or joblib.cpu_count(),
    }


def say(text: str) -> None:
    """Report progress."""
    print(text, file=sys.stderr, flush=True)
