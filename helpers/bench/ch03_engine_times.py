"""What each engine needs to compile one Elman network, and to run it.

    python -m helpers.bench elman-engines [--quick]

writes `data/results/elman-engines.json`, which chapter 3 reads with `load`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytensor
import pytensor.tensor as pt

from helpers import engine
from helpers.bench.recording import Part, Plan, Recording, spread
from helpers.bench.timing import Timed, select
from helpers.networks.elman import hidden_states, initial_elman, readout, shared
from helpers.networks.feedforward import mean_squared_error
from helpers.networks.optimisers import sgd

STEPS, INPUTS, HIDDEN, LR = 12, 2, 10, 0.05
COMPARED_UPDATES = 5
TOLERANCE = {"rtol": 1e-9, "atol": 1e-12}  # of losses, and of parameters after them


def load(folder: Path | str | None = None) -> dict:
    """The recorded timings: "engines" holds a row for each, fastest first.

    A row has "engine", "title" (with its version), "compile_s" (to the end of the first
    call, with empty caches), "again_s" (the same in a new process, with what the first
    left on disk), "call_us" (one update: the median of the rounds, each many calls) and
    "call_us_range". Errors as in `recording.Recording.load`.
    """
    return RECORDING.load(folder)


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


def prepare(name: str) -> Callable[[], Timed]:
    """What compiles the update for this engine, which is selected now."""
    title = select(name).title
    x, y = example()

    def make() -> Timed:
        step, params = build()

        def run() -> float:
            return float(step(x, y))  # float waits: the value may be on its way

        def numbers(first: float) -> dict:
            losses = [first, *(run() for _ in range(COMPARED_UPDATES - 1))]
            values = {k: p.get_value() for k, p in params._asdict().items()}
            return {"losses": losses} | values

        return Timed(run, numbers, title)

    return make


def plan(quick: bool, folder: Path, names: Sequence[str] | None = None) -> Plan:
    """These engines (all installed ones if not given); a quick run skips two."""
    slow = ("numba", "c") * quick
    names = names or [name for name in engine.installed() if name not in slow]
    rounds = 3 if quick else 15
    part = Part("elman", __name__, tuple(names), rounds=rounds, again=True, **TOLERANCE)

    def contents(rows: list[dict], _) -> dict:
        engines = [
            {
                "engine": row["way"],
                "title": row["title"],
                "compile_s": row["cold_s"],
                "again_s": row["again_s"],
                **spread(row["seconds"], "call_us", 1e6),
            }
            for row in rows
        ]
        return {
            "graph": f"Elman network, {INPUTS} inputs, {HIDDEN} hidden units, {STEPS} "
            "steps, float64: loss at the end, its gradient, one SGD update",
            "engines": sorted(engines, key=lambda row: row["call_us"]),
        }

    return Plan([part], contents)


RECORDING = Recording(
    name="elman-engines",
    schema="rnns-unrolled engines 1",
    key="engines",
    summary="Seconds to compile an Elman network and microseconds to run one update "
    "of it, by engine.",
    plan=plan,
)
