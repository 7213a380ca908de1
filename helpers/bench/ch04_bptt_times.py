"""What one gradient through T steps costs, in time and memory, by T.

    python -m helpers.bench bptt-costs [--quick]

writes `data/results/bptt-costs.json`, which chapter 4 reads with `load`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytensor
import pytensor.tensor as pt

from helpers.bench.recording import Part, Plan, Recording, spread
from helpers.bench.timing import Timed, select
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

LENGTHS = (10, 30, 100, 300, 1000)
WAYS = ("numpy", "jax", "numba")
BATCH, INPUTS, HIDDEN, OUTPUTS = 64, 2, 64, 1
# The last bits of a sum over T steps depend on its order; norms do for a check.
TOLERANCE = {"rtol": 1e-9, "atol": 1e-8}


def load(folder: Path | str | None = None) -> dict:
    """The recorded costs: "ways" holds a list of rows for each implementation.

    A row has "T", "ms" (median of the rounds), "ms_range" and "MB" (peak memory of the
    process). Errors as in `recording.Recording.load`.
    """
    return RECORDING.load(folder)


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
    """The same by `pytensor.grad`, compiled for the engine `name`, now selected."""
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


def prepare(way: str, T: int) -> Callable[[], Timed]:
    """What makes the gradient of one implementation; its engine is selected now."""
    if way == "numpy":
        make = partial(by_numpy, T)
    else:
        select(way)
        make = partial(by_pytensor, T, way)

    def norms(gradients: list[np.ndarray]) -> dict:
        return dict(zip(Elman._fields, map(np.linalg.norm, gradients), strict=True))

    return lambda: Timed(make(), norms)


def plan(
    quick: bool,
    folder: Path,
    ways: Sequence[str] = WAYS,
    lengths: Sequence[int] = LENGTHS,
) -> Plan:
    """All lengths; a quick run skips Numba.

    Each gradient is timed in a second process: compiling takes memory of its own.
    """
    ways = tuple(way for way in ways if way != "numba" or not quick)
    parts = [
        Part(
            f"T = {T}",
            __name__,
            ways,
            ({"T": T},),
            rounds=3 if quick else 9,
            threads=1,
            again=True,
            cold=False,
            **TOLERANCE,
        )
        for T in lengths
    ]

    def contents(rows: list[dict], _) -> dict:
        found = {
            way: [
                row["given"] | spread(row["seconds"]) | {"MB": round(row["peak_MB"], 1)}
                for row in rows
                if row["way"] == way
            ]
            for way in ways
        }
        return {
            "network": f"Elman {INPUTS}-{HIDDEN}-{OUTPUTS}, batch of {BATCH}, float64; "
            "loss at every step, forward pass and all six gradients",
            "threads": 1,
            "ways": found,
        }

    return Plan(parts, contents)


RECORDING = Recording(
    name="bptt-costs",
    schema="rnns-unrolled costs 1",
    key="ways",
    summary="Milliseconds for one gradient through T steps, and the peak memory of the "
    "process, by implementation and T.",
    plan=plan,
)
