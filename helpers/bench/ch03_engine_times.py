"""What each engine needs to compile one Elman network, and to run it.

    python -m helpers.bench.ch03_engine_times

writes `data/results/elman-engines.json`, which chapter 3 reads with `load`. Each
engine has a process of its own; no number is written unless all engines agree.
"""

import argparse
import contextlib
import io
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
import pytensor
import pytensor.tensor as pt

from helpers import engine
from helpers.bench.timing import in_new_process, seconds_per_call
from helpers.networks.elman import hidden_states, initial_elman, readout, shared
from helpers.networks.feedforward import mean_squared_error
from helpers.networks.optimisers import sgd
from helpers.results import records, tables
from helpers.results.provenance import load_average, machine, write_measured

SCHEMA = "rnns-unrolled engines 1"
NAME = "elman-engines"
MODULE = "helpers.bench.ch03_engine_times"
COMMAND = f"python -m {MODULE}"
STEPS, INPUTS, HIDDEN, LR = 12, 2, 10, 0.05
COMPARED_UPDATES = 5
ROUNDS = 15


class Timing(NamedTuple):
    """One engine."""

    engine: str
    title: str  # with its version
    compile_s: float  # to the end of the first call, with empty caches
    again_s: float  # the same in a new process, with what the first left on disk
    call_us: float  # one update: the median of the rounds, each many calls
    call_us_range: tuple[float, float]  # the fastest and the slowest round


@dataclass(frozen=True)
class Timings:
    """All engines of one machine, fastest first."""

    rows: tuple[Timing, ...]
    meta: dict  # summary, graph, command, versions, machine, cores, load_before, date


def load(folder: Path | str | None = None) -> Timings:
    """The recorded timings, from `folder` (the course's own if not given).

    Raises FileNotFoundError where there are none and ValueError for a file that is
    damaged or of another form; both say how to make it.
    """

    def timings(document: dict) -> Timings:
        del document["schema"]
        rows = tuple(
            Timing(**row | {"call_us_range": tuple(row["call_us_range"])})
            for row in document.pop("engines")
        )
        return Timings(rows, document)

    return records.load_measured(
        NAME, SCHEMA, "timings of engines", "engines", COMMAND, folder, timings
    )


# One engine, in its own process -----------------------------------------------


def example() -> tuple[np.ndarray, np.ndarray]:
    """x (STEPS, INPUTS) and the target y (1,): the dot product of two streams."""
    x = np.random.default_rng(1).uniform(-1, 1, (STEPS, INPUTS))
    return x, x.prod(axis=1).sum(keepdims=True)


def build():
    """The compiled update `step(x, y)`, which returns the loss, and its parameters.

    Forward, backward and an SGD update on the squared error at the end.
    """
    start = initial_elman(INPUTS, HIDDEN, 1, np.random.default_rng(0))
    params = shared(start)
    x = pt.matrix("x", shape=(STEPS, INPUTS))
    y = pt.vector("y", shape=(1,))
    loss = mean_squared_error(readout(hidden_states(x, params)[-1], params), y)
    updates = sgd(loss, list(params), LR)
    return pytensor.function([x, y], loss, updates=updates), params


def measure(name: str, rounds: int) -> dict:
    """Compile and run on this engine: seconds, microseconds and the numbers it gives.

    Without rounds, only compiling is timed.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        chosen = engine.select(name)
    x, y = example()
    start = time.perf_counter()
    step, params = build()
    losses = [float(step(x, y))]
    compile_s = time.perf_counter() - start
    losses += [float(step(x, y)) for _ in range(COMPARED_UPDATES - 1)]
    values = [np.asarray(p.get_value()).ravel() for p in params]
    # float waits: the value may still be on its way
    call_us = [1e6 * s for s in seconds_per_call(lambda: float(step(x, y)), rounds)]
    return {
        "title": chosen.title,
        "compile_s": compile_s,
        "call_us": call_us,
        "numbers": np.concatenate([losses, *values]).tolist(),
    }


def measure_in_new_process(name: str, rounds: int, cache: str) -> dict:
    """`measure` in a process that keeps what it compiles in the folder `cache`."""
    return in_new_process(MODULE, ["--engine", name, "--rounds", str(rounds)], cache)


# All engines --------------------------------------------------------------------


def check_equal(outcomes: dict[str, dict]) -> None:
    """Losses and parameters of all engines to 1e-9; RuntimeError where they differ."""
    (first, expected), *others = outcomes.items()
    for name, outcome in others:
        if not np.allclose(
            outcome["numbers"], expected["numbers"], rtol=1e-9, atol=1e-12
        ):
            raise RuntimeError(
                f"{name} and {first} differ after {COMPARED_UPDATES} updates"
            )


def record(
    names: Sequence[str] | None = None,
    rounds: int = ROUNDS,
    folder: Path | str = records.FOLDER,
) -> Path:
    """Time these engines (all installed ones if not given); returns the file's path.

    Raises RuntimeError where an engine fails or gives other numbers than the rest.
    """
    outcomes, begun, load_before = {}, time.perf_counter(), load_average()
    for name in names or engine.installed():
        with tempfile.TemporaryDirectory() as cache:
            outcomes[name] = measure_in_new_process(name, rounds, cache)
            again = measure_in_new_process(name, 0, cache)
            outcomes[name]["again_s"] = again["compile_s"]
    check_equal(outcomes)
    timings = [
        Timing(
            name,
            outcome["title"],
            round(outcome["compile_s"], 2),
            round(outcome["again_s"], 2),
            round(float(np.median(outcome["call_us"])), 1),
            (round(min(outcome["call_us"]), 1), round(max(outcome["call_us"]), 1)),
        )
        for name, outcome in outcomes.items()
    ]
    return write_measured(
        NAME,
        SCHEMA,
        COMMAND,
        {
            "summary": "Seconds to compile an Elman network and microseconds to run "
            "one update of it, by engine.",
            "graph": f"Elman network, {INPUTS} inputs, {HIDDEN} hidden units, {STEPS} "
            "steps, float64: loss at the end, its gradient, one SGD update",
            "machine": machine(),
            "cores": joblib.cpu_count(),
            "load_before": load_before,
            "engines": [
                row._asdict() for row in sorted(timings, key=lambda row: row.call_us)
            ],
        },
        begun,
        folder,
        ("numba",),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """The command line: without arguments, record all engines."""
    parser = argparse.ArgumentParser(
        prog=COMMAND, description="Time each engine and record it in data/results/."
    )
    parser.add_argument("--engine", help="time this one here and print what came out")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args(argv)
    if options.engine:
        print(json.dumps(measure(options.engine, options.rounds)))
        return 0
    try:
        path = record(rounds=options.rounds)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    rows = [(row.title, row.compile_s, row.again_s, row.call_us) for row in load().rows]
    print(tables.table(rows, ("engine", "compile s", "again s", "update us")))
    print(f"written to {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
