"""The workloads as one would write them in JAX, without PyTensor."""

from functools import partial

import numpy as np

from helpers.bench.workloads import LR, Step, Workload
from helpers.networks.elman import Elman


def make(workload: Workload, unroll: bool = False, steps: int | None = None) -> Step:
    """lax.scan over what goes into the units, value_and_grad, donated parameters.

    With `unroll` the scan over time is written out step by step. With `steps`, so many
    of SGD in one call, by a scan over them.
    """
    import jax
    import jax.numpy as jnp

    params = [jax.tree.map(jnp.asarray, workload.start)]

    def costs(o, y):
        if workload.cost == "sigmoid":
            return (jax.nn.softplus(o) - y * o).sum(axis=-1)
        if workload.cost == "squared":
            return ((o - y) ** 2).sum(axis=-1)
        log_p = jax.nn.log_softmax(o)
        return -jnp.take_along_axis(log_p, y[..., None], axis=-1)[..., 0]

    def loss(looked_up, p, x, y, weights):
        rows = (looked_up if workload.words else x @ looked_up) + p.b_h

        def forward(h_tm1, row):
            h_t = jnp.tanh(row + h_tm1 @ p.W_hh)
            return h_t, h_t

        h0 = jnp.broadcast_to(p.h0, rows.shape[1:])
        _, h = jax.lax.scan(forward, h0, rows, unroll=len(rows) if unroll else 1)
        o = h[-len(y) :] @ p.W_ho + p.b_o
        return (weights * costs(o, y)).sum()

    def update(p, x, y, weights):
        # The rows that are looked up, not all of W_ih, are what the loss depends on.
        first = p.W_ih[x] if workload.words else p.W_ih
        cost, (g_first, g) = jax.value_and_grad(loss, (0, 1))(first, p, x, y, weights)
        new = jax.tree.map(lambda value, slope: value - LR * slope, p, g)
        if workload.words:
            W_ih = p.W_ih.at[x].add(-LR * g_first)
        else:
            W_ih = p.W_ih - LR * g_first
        return cost, new._replace(W_ih=W_ih)

    @partial(jax.jit, donate_argnums=0)
    def training(p, *examples):
        if not steps:
            return update(p, *examples)
        new, costs = jax.lax.scan(lambda p, one: update(p, *one)[::-1], p, examples)
        return costs[-1], new

    examples = list(workload.examples)
    if steps:
        examples = [np.stack([part] * steps) for part in examples]

    def run() -> float:
        cost, params[0] = training(params[0], *examples)
        return float(cost)

    return Step(run, lambda: Elman(*map(np.asarray, params[0])), steps or 1)
