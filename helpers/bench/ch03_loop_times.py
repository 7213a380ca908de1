"""What a product inside the loop costs, and what unrolling the loop does, on JAX.

    python -m helpers.bench elman-loop [--quick]

writes `data/results/elman-loop.json`, which chapter 3 reads with `load`. Four ways to
write one Elman network: "inside" is the formula as it stands, in a scan; "outside" does
x_t W_ih of all steps before the scan, in one product of matrices; "three axes" does it
there, too, but leaves x its axes of time and batch; "unrolled" is the formula without a
scan, a copy of the step for each step of time.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytensor
import pytensor.tensor as pt

from helpers.bench.recording import Part, Plan, Recording, spread
from helpers.bench.timing import Timed, select
from helpers.networks.elman import (
    Elman,
    hidden_states,
    initial_elman,
    readout,
    shared,
    step,
)
from helpers.networks.feedforward import mean_squared_error

BATCH = 32
LENGTHS, SMALL = (10, 20, 40, 80), 20  # hidden units while T grows
SIZES, LONG = (20, 80, 320), 100  # steps while the inputs and hidden units grow
TOLERANCE = {"rtol": 1e-9, "atol": 1e-9}  # of the loss and of norms of its gradients


def load(folder: Path | str | None = None) -> dict:
    """The recorded timings: "lengths" and "sizes" hold a row for each way and size.

    A row has "way", "T", "n" (inputs, and hidden units), "compile_s" (from the graph to
    the end of the first call), "us" (one loss with its gradients: the median of the
    rounds) and "us_range". Errors as in `recording.Recording.load`.
    """
    return RECORDING.load(folder)


def inside(x, params: Elman):
    """All states (T, batch, n_hid), with both products in the loop."""
    return hidden_states(x, params)


def outside(x, params: Elman):
    """The same with x_t W_ih of all steps before the loop, in one product."""
    T, batch, n_in = x.type.shape
    rows = x.reshape((T * batch, n_in)) @ params.W_ih
    return _loop(rows.reshape((T, batch, -1)), params)


def three_axes(x, params: Elman):
    """The same with the product as one types it, for x of three axes."""
    return _loop(x @ params.W_ih, params)


def _loop(products, params: Elman):
    """All states, given x_t W_ih of all steps (T, batch, n_hid)."""
    return pytensor.scan(
        lambda a_t, h_tm1, W_hh: pt.tanh(a_t + h_tm1 @ W_hh),
        sequences=products + params.b_h,
        outputs_info=pt.tile(params.h0, (products.type.shape[1], 1)),
        non_sequences=[params.W_hh],
        strict=True,
        return_updates=False,
    )


def unrolled(x, params: Elman):
    """The same without a loop in the graph."""
    h, h_t = [], params.h0
    for t in range(x.type.shape[0]):
        h_t = step(x[t], h_t, params.W_ih, params.W_hh, params.b_h)
        h.append(h_t)
    return pt.stack(h)


WAYS = {
    "inside": inside,
    "outside": outside,
    "three axes": three_axes,
    "unrolled": unrolled,
}
COMPARED = {
    "lengths": ("inside", "outside", "unrolled"),
    "sizes": ("inside", "outside", "three axes"),
}


def build(way: str, T: int, n: int) -> Callable[[], list[np.ndarray]]:
    """The compiled loss with its six gradients, on inputs that stay the same.

    The target is a number at the end of each of BATCH sequences.
    """
    rng = np.random.default_rng(0)
    params = shared(initial_elman(n, n, 1, rng))
    inputs = rng.standard_normal((T, BATCH, n)), rng.standard_normal((BATCH, 1))
    x, y = pt.tensor3("x", shape=(T, BATCH, n)), pt.matrix("y", shape=(BATCH, 1))
    loss = mean_squared_error(readout(WAYS[way](x, params)[-1], params), y)
    compiled = pytensor.function([x, y], [loss, *pt.grad(loss, list(params))])
    # np.asarray waits: the values may still be on their way.
    return lambda: [np.asarray(value) for value in compiled(*inputs)]


def prepare(way: str, T: int, n: int, engine: str = "jax") -> Callable[[], Timed]:
    """What makes one way at one size; the engine is selected now."""
    select(engine)

    def norms(values: list[np.ndarray]) -> dict:
        names = [f"{name} at T = {T}, n = {n}" for name in ("loss", *Elman._fields)]
        return dict(zip(names, map(np.linalg.norm, values), strict=True))

    return lambda: Timed(build(way, T, n), norms)


def plan(
    quick: bool,
    folder: Path,
    lengths: Sequence[int] = LENGTHS,
    sizes: Sequence[int] = SIZES,
) -> Plan:
    """By length, with the graph unrolled; by size, the loops. Quick: fewer rounds."""
    growing = {
        "lengths": [{"T": T, "n": SMALL} for T in lengths],
        "sizes": [{"T": LONG, "n": n} for n in sizes],
    }
    parts = [
        Part(
            name,
            __name__,
            COMPARED[name],
            tuple(given),
            rounds=3 if quick else 9,
            threads=1,
            together=True,
            **TOLERANCE,
        )
        for name, given in growing.items()
    ]

    def contents(rows: list[dict], _) -> dict:
        found: dict = {
            name: [
                {"way": row["way"], **row["given"], "compile_s": row["cold_s"]}
                | spread(row["seconds"], "us", 1e6)
                for row in rows
                if row["part"] == name
            ]
            for name in growing
        }
        return {
            "network": f"Elman n-n-1, batch of {BATCH}, float64, on JAX; loss at the "
            "end and all six gradients",
            "threads": 1,
            **found,
        }

    return Plan(parts, contents)


RECORDING = Recording(
    name="elman-loop",
    schema="rnns-unrolled loops 1",
    key="lengths",
    summary="Seconds to compile an Elman network on JAX and microseconds for its "
    "gradient: x W_ih inside the loop, before it, and the loop unrolled.",
    plan=plan,
)
