"""Record timings: ways to compute the same, compared in processes of their own.

No number is written unless all ways agree. What is finished is kept on disk piece by
piece, so that an interrupted recording goes on where it was.
"""

import contextlib
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np

from helpers.bench import worker
from helpers.results import files, provenance, records
from helpers.results.tables import significant

COMMAND = "python -m helpers.bench"
BENCH = "bench"  # what the command records when it is given no name
PACKAGES = ("numba", "torch")
SLOWEST = 2.0  # seconds a call, beyond which a way takes no larger size


@dataclass(frozen=True)
class Part:
    """What is compared: ways to compute the same, each in a process of its own.

    `module` has a function `prepare(way, **given)`, which imports and selects what a
    way needs, and returns a function that makes it: a `timing.Timed`.
    """

    name: str
    module: str
    ways: tuple[str, ...]
    given: tuple[dict, ...] = ({},)  # if more than one: growing sizes, one by one
    rounds: int = 9
    round_s: float = 0.2
    rtol: float | None = None  # how closely numbers must agree; None: not compared
    atol: float = 0.0  # what is enough for small numbers
    threads: int | None = None
    together: bool = False  # all are made ready, and take turns; else one after another
    again: bool = False  # made ready anew in a second process, which is the one timed
    cold: bool = True  # nothing is compiled yet; else the parts share what is


class Plan(NamedTuple):
    """What a recording measures, and what it writes."""

    parts: Sequence[Part]
    # From rows of `measure`, and rows of what was left out, what the file holds.
    contents: Callable[[list[dict], list[dict]], dict]


@dataclass(frozen=True)
class Recording:
    """A file of timings in data/results/, and how it is made.

    `plan(quick, folder, **options)` may put files that `prepare` reads into the folder.
    """

    name: str
    schema: str
    key: str  # of its rows
    summary: str
    plan: Callable[..., Plan]

    def command(self, quick: bool = False) -> str:
        """The command that records it."""
        name = "" if self.name == BENCH else f" {self.name}"
        return COMMAND + name + " --quick" * quick

    def load(self, folder: Path | str | None = None) -> dict:
        """What is recorded, from `folder` (the course's own if not given).

        Raises FileNotFoundError where there is no file, and ValueError for one that is
        damaged or of another form; both say how to make it.
        """
        return records.load_measured(
            self.name, self.schema, "timings", self.key, self.command(), folder
        )

    def record(
        self, folder: Path | str = records.FOLDER, quick: bool = False, **options
    ) -> Path:
        """Measure everything; returns the file's path.

        Each finished piece is kept in `folder`/.partial until all are. Raises
        RuntimeError where a process fails or the ways disagree, BlockingIOError where
        another process records the same, and whatever `plan` raises; nothing is written
        then.
        """
        partial = Path(folder) / ".partial" / self.name
        remedy = "wait for it, or give another folder by --output"
        with files.alone(partial, "recording in", remedy):
            try:
                path = self._record(Path(folder), partial, quick, **options)
                _forget(partial)
            finally:
                if not any(partial.glob("*.json")):
                    _forget(partial)
        return path

    def _record(self, folder: Path, partial: Path, quick: bool, **options) -> Path:
        begun, load_before = time.perf_counter(), provenance.load_average()
        parts, contents = self.plan(quick, partial, **options)
        machine = {"machine": provenance.machine(), "cores": joblib.cpu_count()}
        rows, left_out = [], []
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as caches:
            for part in parts:
                say(f"{part.name} ...")
                try:
                    found = _finish(part, machine, partial, Path(caches))
                except Disagreement:  # who was wrong, and was timed with it?
                    _forget(partial)
                    raise
                rows += found["rows"]
                left_out += found["left_out"]
        return provenance.write_measured(
            self.name,
            self.schema,
            self.command(quick),
            {
                "summary": self.summary,
                "quick": quick,
                **machine,
                "load_before": load_before,
                **contents(rows, left_out),
            },
            begun,
            folder,
            PACKAGES,
        )


def spread(seconds: Sequence[float], name: str = "ms", factor: float = 1000) -> dict:
    """Median and range of the rounds, `factor` times the seconds, to 4 digits."""
    values = factor * np.array(seconds)
    return {
        name: significant(np.median(values)),
        f"{name}_range": [significant(f(values)) for f in (np.min, np.max)],
    }


# One part ------------------------------------------------------------------------


class Disagreement(RuntimeError):
    """Ways to compute the same that do not."""


def agree(part: Part, way: str, numbers: dict, agreed: dict) -> None:
    """Compare numbers with those `agreed`, set by the first way that has them.

    Raises Disagreement where one differs by more than `part` allows.
    """
    for name, found in numbers.items():
        expected = agreed.setdefault(name, found)
        off = np.abs(found - expected)
        if not np.all(off <= np.maximum(part.atol, part.rtol * np.abs(expected))):
            raise Disagreement(
                f"{way} differs from the others on {part.name}: {name} by "
                f"{np.max(off):.1e}"
            )


def measure(part: Part, ways: Sequence[str], caches: Path, agreed: dict) -> dict:
    """These ways of a part: "rows", and "left_out" with those that became too slow.

    A row has "part", "way", "given", "title", "seconds" (a call, by round), "cold_s"
    and "again_s" (to make it ready; null without `again`), "peak_MB" and "own_MB" (as
    `worker.Worker.memory` says). Raises RuntimeError where a process fails.
    """
    rows, left_out = [], []
    processes: dict[str, worker.Process] = {}
    with contextlib.ExitStack() as stack:

        def start(way: str) -> worker.Process:
            # PyTorch hands its folder to a compiler, where a blank would end it.
            cache = caches / _plain(part.name if part.cold else "shared") / _plain(way)
            process = worker.Process(part.module, way, cache, part.threads)
            return stack.enter_context(contextlib.closing(process))

        for given in part.given:
            these = []
            for way in ways:
                process = processes.get(way) or start(way)
                built = process.ask("build", **given)
                row = {"part": part.name, "way": way, "given": given}
                row |= {"title": built["title"], "again_s": None, "seconds": []}
                row["cold_s"] = significant(built["seconds"])
                if part.rtol is not None:
                    agree(part, way, process.numbers(), agreed)
                if part.again:
                    process.close()
                    process = start(way)
                    again = process.ask("build", **given)["seconds"]
                    row["again_s"] = significant(again)
                say(f"  {way}: ready in {row['cold_s']} s")
                processes[way] = process
                these.append(row)
            turns = part.rounds if part.together else 1
            for _ in range(turns):
                for row in these:
                    row["seconds"] += processes[row["way"]].ask(
                        "time", rounds=part.rounds // turns, round_s=part.round_s
                    )["seconds"]
            for row in these:
                row |= processes[row["way"]].ask("memory")
                if np.median(row["seconds"]) > SLOWEST and given != part.given[-1]:
                    size = " and ".join(f"{k} = {v}" for k, v in given.items())
                    why = f"a step took over {SLOWEST:.0f} s at {size}"
                    left_out.append({"what": part.name, "way": row["way"], "why": why})
                    processes.pop(row["way"]).close()
            ways = list(processes)
            rows += these
    return {"rows": rows, "left_out": left_out}


# All parts -----------------------------------------------------------------------


def _finish(part: Part, machine: dict, partial: Path, caches: Path) -> dict:
    """`measure` of all ways, or what is kept of them from before in this setting."""
    setting = machine | {"versions": provenance.versions(PACKAGES)}
    setting |= {"code": [provenance.code(m) for m in (worker.__name__, part.module)]}
    setting |= {"data": provenance.data()}
    setting = files.plain(setting | {"part": asdict(part)}, "setting")
    rows, left_out, agreed = [], [], {}
    pieces = [part.ways] if part.together else [(way,) for way in part.ways]
    for ways in pieces:
        name = part.name if part.together else f"{part.name} {ways[0]}"
        path = partial / f"{_plain(name)}.json"
        found = None
        with contextlib.suppress(FileNotFoundError, KeyError, TypeError, ValueError):
            kept = files.read_json(path)
            if kept["setting"] == setting:
                found = kept["found"]
                agreed |= {k: np.array(v) for k, v in kept["agreed"].items()}
                say("  measured before: " + ", ".join(ways))
        if found is None:
            found = measure(part, ways, caches, agreed)
            later = {} if part.together else {k: v.tolist() for k, v in agreed.items()}
            kept = {"setting": setting, "found": found, "agreed": later}
            files.write_json(path, kept)
        rows += found["rows"]
        left_out += found["left_out"]
    return {"rows": rows, "left_out": left_out}


def _plain(name: str) -> str:
    """A name of a file or a folder, of letters, digits and hyphens."""
    return re.sub(r"[^0-9A-Za-z]+", "-", name)


def _forget(partial: Path) -> None:
    """Remove what was kept, and the folder above unless another run needs it."""
    shutil.rmtree(partial, ignore_errors=True)
    with contextlib.suppress(OSError):
        partial.parent.rmdir()


def say(text: str) -> None:
    """Report progress."""
    print(text, file=sys.stderr, flush=True)
