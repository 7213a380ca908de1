"""What one gradient through T steps costs, in time and memory, by T.

    python -m helpers.bench.ch04_bptt_times

writes `data/results/bptt-costs.json`, which chapter 4 reads with `load`. Each
implementation and length has a process of its own; no number is written unless all
implementations give the same gradient.
"""

import argparse
import contextlib
import io
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytensor
import pytensor.tensor as pt

from helpers import engine
from helpers.bench.timing import in_new_process, peak_memory_MB, seconds_per_call
from helpers.networks import bptt
from helpers.networks.elman import (
    Elman,
    hidden_states,
    hidden_states_numpy,
    initial_elman,
    readout,
    shared,
)
from helpers.networks.initialisation import orthogonal
from helpers.results import records
from helpers.results.provenance import load_average, machine, write_measured

SCHEMA = "rnns-unrolled costs 1"
NAME = "bptt-costs"
MODULE = "helpers.bench.ch04_bptt_times"
COMMAND = f"python -m {MODULE}"
LENGTHS = (10, 30, 100, 300, 1000)
WAYS = ("numpy", "jax", "numba")
BATCH, INPUTS, HIDDEN, OUTPUTS = 64, 2, 64, 1
ROUNDS = 9


def load(folder: Path | str | None = None) -> dict:
    """The recorded costs: "ways" holds a list of rows for each implementation.

    A row has "T", "ms" (median of the rounds), "ms_range" and "MB" (peak memory of the
    process). Raises FileNotFoundError where there is no file and ValueError for a
    damaged one; both say how to make it.
    """
    return records.load_measured(NAME, SCHEMA, "costs", "ways", COMMAND, folder)


def slope(rows: Sequence[dict], column: str, at_least: int) -> float:
    """The exponent p of column ~ T^p, fitted by least squares to rows with T so large.

    1 means twice the steps, twice the cost.
    """
    points = [(row["T"], row[column]) for row in rows if row["T"] >= at_least]
    T, value = np.log(np.array(points, dtype=float)).T
    return float(np.polyfit(T, value, 1)[0])


def problem(T: int) -> tuple[np.ndarray, np.ndarray, Elman]:
    """Inputs (T, BATCH, INPUTS), targets (T, BATCH, OUTPUTS) and parameters."""
    rng = np.random.default_rng(0)
    params = initial_elman(INPUTS, HIDDEN, OUTPUTS, rng, orthogonal)
    x = rng.standard_normal((T, BATCH, INPUTS))
    return x, rng.standard_normal((T, BATCH, OUTPUTS)), params


def by_numpy(T: int) -> Callable[[], list[np.ndarray]]:
    """A function that makes the gradients by the loop of `helpers.networks.bptt`."""
    x, y, params = problem(T)

    def gradient():
        h = hidden_states_numpy(x, params)
        return list(bptt.bptt(x, h, readout(h, params) - y, params))

    return gradient


def by_pytensor(T: int, name: str) -> Callable[[], list[np.ndarray]]:
    """The same by `pytensor.grad`, compiled for the engine `name`."""
    with contextlib.redirect_stdout(io.StringIO()):
        engine.select(name)
    x, y, values = problem(T)
    params = shared(values)
    steps = T if name == "jax" else None  # JAX must know it when it compiles
    X, Y = (
        pt.tensor3(name, shape=(steps, BATCH, size))
        for name, size in (("x", INPUTS), ("y", OUTPUTS))
    )
    loss = ((readout(hidden_states(X, params), params) - Y) ** 2).sum() / 2
    compiled = pytensor.function([X, Y], pt.grad(loss, list(params)))
    # np.asarray waits: the values may still be on their way.
    return lambda: [np.asarray(g) for g in compiled(x, y)]


def measure(way: str, T: int, rounds: int) -> dict:
    """One implementation at one length, in this process."""
    gradient = by_numpy(T) if way == "numpy" else by_pytensor(T, way)
    gradients = gradient()
    # The last bits of a sum over T steps depend on its order; norms do for a check.
    numbers = [float(np.linalg.norm(g)) for g in gradients]
    seconds = seconds_per_call(gradient, rounds)
    return {"seconds": seconds, "MB": peak_memory_MB(), "numbers": numbers}


def record(
    ways: Sequence[str] = WAYS,
    lengths: Sequence[int] = LENGTHS,
    rounds: int = ROUNDS,
    folder: Path | str = records.FOLDER,
) -> Path:
    """Measure everything; returns the file's path.

    Raises RuntimeError where a process fails or the implementations disagree.
    """
    begun, load_before = time.perf_counter(), load_average()
    rows: dict[str, list] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as cache:

        def measured(way: str, T: int, rounds: int) -> dict:
            arguments = ["--way", way, "--T", str(T), "--rounds", str(rounds)]
            return in_new_process(MODULE, arguments, cache, threads=1)

        for way in ways:  # fill the cache: compiling takes memory of its own
            measured(way, lengths[0], 0)
        for T in lengths:
            expected = None
            for way in ways:
                got = measured(way, T, rounds)
                expected = expected or got["numbers"]
                if not np.allclose(got["numbers"], expected, rtol=1e-9):
                    raise RuntimeError(f"{way} and {ways[0]} differ at T = {T}")
                ms = 1000 * np.array(got["seconds"])
                rows[way].append(
                    {
                        "T": T,
                        "ms": float(f"{np.median(ms):.4g}"),
                        "ms_range": [float(f"{v:.4g}") for v in (ms.min(), ms.max())],
                        "MB": round(got["MB"], 1),
                    }
                )
    return write_measured(
        NAME,
        SCHEMA,
        COMMAND,
        {
            "summary": "Milliseconds for one gradient through T steps, and the peak "
            "memory of the process, by implementation and T.",
            "network": f"Elman {INPUTS}-{HIDDEN}-{OUTPUTS}, batch of {BATCH}, float64; "
            "loss at every step, forward pass and all six gradients",
            "machine": machine(),
            "threads": 1,
            "load_before": load_before,
            "ways": rows,
        },
        begun,
        folder,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """The command line: without arguments, record everything."""
    parser = argparse.ArgumentParser(
        prog=COMMAND, description="Time gradients by length; record in data/results/."
    )
    parser.add_argument("--way", choices=WAYS, help="measure this one here and print")
    parser.add_argument("--T", type=int, default=LENGTHS[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args(argv)
    if options.way:
        print(json.dumps(measure(options.way, options.T, options.rounds)))
        return 0
    try:
        path = record(rounds=options.rounds)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    for way, rows in load()["ways"].items():
        for row in rows:
            print(f"{way:6} T = {row['T']:4}: {row['ms']:8.4g} ms, {row['MB']:6.1f} MB")
    print(f"written to {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
