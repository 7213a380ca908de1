"""What all states of a linear recurrence cost with their gradient: loop and rounds.

    python -m helpers.bench linear-scan [--quick]

writes `data/results/linear-scan.json`, which chapter 9 reads with `load`. Two ways to
all states of h_t = a_t h_{t-1} + b_t, on JAX and with the threads that it takes: "scan"
is the loop of T steps, `recurrences.linear`, and "parallel scan" the log2 T rounds of
`parallel_scan.doubling`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytensor
import pytensor.tensor as pt

from helpers.bench.recording import Part, Plan, Recording, spread
from helpers.bench.timing import Timed, select
from helpers.networks import recurrences
from helpers.networks.parallel_scan import doubling

LENGTHS = (10, 30, 100, 300, 1000)
BATCHES, UNITS = (1, 32), 64
# The last bits of a sum over T steps depend on its order; norms do for a check.
TOLERANCE = {"rtol": 1e-9, "atol": 1e-12}


def load(folder: Path | str | None = None) -> dict:
    """The recorded costs: "lengths" holds a row for each way and T.

    A row has "way", "batch", "T", "ms" (one gradient: the median of the rounds),
    "ms_range" and "MB" (the most that its process held beyond what it had imported).
    Errors as in `recording.Recording.load`.
    """
    return RECORDING.load(folder)


WAYS = {"scan": lambda a, b, _: recurrences.linear(a, b), "parallel scan": doubling}


def build(way: str, batch: int, T: int) -> Callable[[], list[np.ndarray]]:
    """The compiled mean square of all states with its gradients by a and b."""
    rng = np.random.default_rng(0)
    shape = T, batch, UNITS
    values = rng.uniform(0.5, 1, shape), rng.standard_normal(shape)
    a, b = pt.tensor3("a", shape=shape), pt.tensor3("b", shape=shape)
    loss = (WAYS[way](a, b, T) ** 2).mean()
    compiled = pytensor.function([a, b], [loss, *pt.grad(loss, [a, b])])
    # np.asarray waits: the values may still be on their way.
    return lambda: [np.asarray(value) for value in compiled(*values)]


def prepare(way: str, batch: int, T: int, engine: str = "jax") -> Callable[[], Timed]:
    """What makes one way at one size; the engine is selected now."""
    select(engine)

    def norms(values: list[np.ndarray]) -> dict:
        return dict(zip(("loss", "a", "b"), map(np.linalg.norm, values), strict=True))

    return lambda: Timed(build(way, batch, T), norms)


def plan(quick: bool, folder: Path, lengths: Sequence[int] = LENGTHS) -> Plan:
    """All lengths, both ways by turns. Quick: fewer rounds.

    Each is timed in a second process: compiling takes memory of its own.
    """
    parts = [
        Part(
            f"batch {batch}, T = {T}",
            __name__,
            tuple(WAYS),
            ({"batch": batch, "T": T},),
            rounds=3 if quick else 9,
            together=True,
            again=True,
            **TOLERANCE,
        )
        for batch in BATCHES
        for T in lengths
    ]

    def contents(rows: list[dict], _) -> dict:
        return {
            "problem": f"{UNITS} units, float64, on JAX; all states of linear "
            "recurrences, the mean of their squares and its gradients by a and b",
            "lengths": [
                {"way": row["way"], **row["given"]}
                | spread(row["seconds"])
                | {"MB": round(row["own_MB"])}
                for row in rows
            ],
        }

    return Plan(parts, contents)


RECORDING = Recording(
    name="linear-scan",
    schema="rnns-unrolled linear scans 1",
    key="lengths",
    summary="Milliseconds and memory for the states of a linear recurrence and their "
    "gradient, by a loop and in log2 T rounds, by T.",
    plan=plan,
)
