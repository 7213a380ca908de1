"""One step of SGD by every way on every workload, and by size: the bench.

    python -m helpers.bench [--quick]

writes `data/results/bench.json`, which the appendix on engines reads with `load`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import joblib

from helpers import engine
from helpers.bench import call_times, ways
from helpers.bench.recording import BENCH, Part, Plan, Recording, spread
from helpers.bench.timing import Timed
from helpers.bench.ways import ALL, FLOORS, WAYS
from helpers.bench.workloads import AXES, LR, WORKLOADS, Workload
from helpers.engine.memory import keep_memory

TOLERANCE = 1e-8  # of losses and gradients in float64


SERIES = ("numpy", "pytensor numba", "pytensor jax", "jax", "torch rnn")
SERIES += ("products", "products jax")
QUICK_SERIES = ("numpy", "pytensor jax", "products")
# Not in a quick run.
SLOW = ("pytensor python", "pytensor c", "pytensor numba", "training numba")


def load(folder: Path | str | None = None) -> dict:
    """The recorded bench.

    "workloads": rows with "name", "title", "sizes" (text), "dtype" and "threads".
    "steps": rows with "workload", "way" (or the name of a floor), "title", "ms" (median
    of the rounds), "ms_range"; for ways also "cold_s" and "warm_s" (seconds of
    compiling with empty caches and with what that left on disk; null where it was not
    measured) and "MB". "series": rows with "axis", "size", "way", "title", "ms" and
    "ms_range". "calls": rows with "engine", "call" (as `call_times.WHAT`), "us" and
    "us_range". "left_out": rows with "what", "way" and "why". Errors as in
    `recording.Recording.load`.
    """
    return RECORDING.load(folder)


def workload(given: dict, dtype: str | None = None) -> Workload:
    """That of {"workload": "sine"}, or one of a series, {"H": 300}."""
    options = {"dtype": dtype} if dtype else {}
    if "workload" in given:
        return WORKLOADS[given["workload"]].make(**options)
    (axis,) = given
    return AXES[axis].make(**given, **options)


def prepare(way: str, **given) -> Callable[[], Timed]:
    """What makes a way ready for a workload; its engine is chosen now."""
    keep_memory()  # as the trainer of the language model does: for all alike
    todo = workload(given)
    ways.prepare(way, str(todo.dtype))

    def numbers(_) -> dict:
        """Loss and gradients in float64."""
        if way in FLOORS:
            return {}
        double = workload(given, "float64")
        ways.prepare(way, "float64")
        options = {"steps": 1} if ALL[way].many else {}
        step = ALL[way].make(double, **options)
        loss, after = step.run(), step.values()
        ways.prepare(way, str(todo.dtype))
        return {"loss": loss} | {
            name: (getattr(double.start, name) - value) / LR
            for name, value in after._asdict().items()
        }

    def made() -> Timed:
        step = ALL[way].make(todo)
        return Timed(step.run, numbers, steps=step.steps)

    return made


def by_all(name: str, which: str, names: Sequence[str], **options) -> Part:
    """A part: one of WORKLOADS by these ways, which must agree."""
    threads, given = WORKLOADS[which].threads, ({"workload": which},)
    options |= {"threads": threads, "rtol": TOLERANCE, "atol": TOLERANCE}
    return Part(name, __name__, tuple(names), given, **options)


def plan(quick: bool, folder: Path) -> Plan:
    """All workloads, with the check, and all series.

    A quick run takes every third size, and does not time compiling a second time.
    """
    rounds, round_s = (3, 0.02) if quick else (15, 0.2)
    effort = {"rounds": rounds, "round_s": round_s, "together": True}
    left_out = []

    def there(what: str, names: Iterable[str]) -> Iterator[str]:
        """Those of the ways that can take part; the others are left out."""
        made = (WORKLOADS | AXES)[what].make()
        for way in names:
            skipped = "left out of a quick run" if quick and way in SLOW else None
            if why := skipped or ways.missing(way, made):
                left_out.append({"what": what, "way": way, "why": why})
            else:
                yield way

    parts = [
        by_all(name, name, there(name, ALL), again=not quick, **effort)
        for name in WORKLOADS
    ]
    for name, (_, sizes, threads) in AXES.items():
        taking = tuple(there(name, QUICK_SERIES if quick else SERIES))
        given = tuple({name: size} for size in sizes[:: 3 if quick else 1])
        parts.append(Part(name, __name__, taking, given, threads=threads, **effort))

    on = tuple(name for name in ("numba", "jax") if name in engine.installed())
    taking = tuple(way for way in call_times.ways(on) if not (quick and "numba" in way))
    parts.append(Part("calls", call_times.__name__, taking, threads=1, **effort))

    def contents(rows: list[dict], slow: list[dict]) -> dict:
        return {
            "rounds": rounds,
            "workloads": [_described(name) for name in WORKLOADS],
            "steps": [_step(row) for row in rows if row["part"] in WORKLOADS],
            "series": [_of_size(row) for row in rows if row["part"] in AXES],
            "calls": [_call(row) for row in rows if row["part"] == "calls"],
            "left_out": left_out + slow,
        }

    return Plan(parts, contents)


def _step(row: dict) -> dict:
    way = row["way"]
    step = {"workload": row["part"], "way": way, "title": ALL[way].title}
    if way in WAYS:
        step |= {"cold_s": row["cold_s"], "warm_s": row["again_s"]}
    step |= spread(row["seconds"])
    return step | ({"MB": round(row["own_MB"])} if way in WAYS else {})


def _of_size(row: dict) -> dict:
    axis, way = row["part"], row["way"]
    size = row["given"][axis]
    named = {"axis": axis, "size": size, "way": way, "title": ALL[way].title}
    return named | spread(row["seconds"])


def _call(row: dict) -> dict:
    name, what = row["way"].split(": ")
    called = {"engine": name, "call": what}
    return called | spread(row["seconds"], "us", 1e6)


def _described(name: str) -> dict:
    chapter = WORKLOADS[name]
    made = chapter.make()
    n_hid, n_out = made.start.W_ho.shape
    T, *B = made.x.shape[: 1 + (not made.single)]
    examples = f" x {B[0]}" if B else ""
    n_in = len(made.start.W_ih)
    return {
        "name": name,
        "title": chapter.title,
        "sizes": f"{n_in}-{n_hid}-{n_out}, {T} steps{examples}",
        "dtype": str(made.dtype),
        "threads": chapter.threads or joblib.cpu_count(),
    }


RECORDING = Recording(
    name=BENCH,
    schema="rnns-unrolled bench 1",
    key="steps",
    summary="Milliseconds of one SGD step, medians and ranges of rounds in which all "
    "ways take turns; seconds to compile; memory in MB.",
    plan=plan,
)
