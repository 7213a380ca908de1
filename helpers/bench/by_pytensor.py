"""The workloads in PyTensor: one graph, compiled for any engine."""

from collections.abc import Callable

import numpy as np
import pytensor
import pytensor.tensor as pt

from helpers.bench.by_numpy import flat
from helpers.bench.workloads import LR, Step, Workload
from helpers.experiments.trainer import compile_updates
from helpers.lm import compiled, inplace
from helpers.networks.elman import Elman, for_each_example, readout, shared
from helpers.networks.optimisers import sgd


def make(
    workload: Workload, name: str, steps: int | None = None, unroll: bool = False
) -> Step:
    """The workload on the engine `name`, which has been selected.

    With `steps`, so many in one compiled function: a whole training. With `unroll` the
    loops over time are written out step by step.
    """
    params = shared(workload.start)
    known = name == "jax"  # the shapes, when it compiles
    variables = [
        pt.tensor(dtype=part.dtype, shape=part.shape if known else (None,) * part.ndim)
        for part in workload.examples
    ]
    scan = unrolled if unroll else pytensor.scan
    loss, updates = graph(workload.cost, *variables, params, scan)
    examples = list(workload.examples)
    if steps:
        step = compile_updates(variables, loss, updates, steps)
        examples = [np.stack([part] * steps) for part in examples]
    else:
        step = pytensor.function(variables, loss, updates=updates, mode=inplace.mode())
    step.trust_input = True

    def run() -> float:
        return float(np.ravel(step(*examples))[-1])

    def values() -> Elman:
        return Elman(*(np.asarray(p.get_value()) for p in params))

    return Step(run, values, steps or 1)


def graph(
    cost: str, x, y, weights, params: Elman, scan: Callable = pytensor.scan
) -> tuple:
    """The loss, and the updates of one step of SGD.

    All products with inputs come before the loop and all readouts after it. The way
    back is written out (`sum_errors`): `pytensor.grad` through scan would add up the
    gradient of W_hh step by step, where one product of all steps will do.
    """
    if cost == "softmax":
        return compiled.loss_and_updates(x, y, weights, params, LR)
    rows = x @ params.W_ih + params.b_h
    h = scan(
        lambda row, h_tm1, W_hh: pt.tanh(row + h_tm1 @ W_hh),
        sequences=[rows],
        outputs_info=for_each_example(params.h0, rows),
        non_sequences=[params.W_hh],
        strict=True,
        return_updates=False,
    )
    o = readout(h[-y.shape[0] :], params)
    costs = pt.softplus(o) - y * o if cost == "sigmoid" else (o - y) ** 2
    loss = (weights * costs.sum(axis=-1)).sum()
    d_h, d_W_ho, d_b_o = pt.grad(loss, [h, params.W_ho, params.b_o])
    d_a = sum_errors(h, d_h, params.W_hh, scan)
    before = pt.concatenate([(params.h0 + pt.zeros_like(h[0]))[None], h[:-1]])
    flat_a, d_h0 = flat(d_a), pt.atleast_2d(d_a[0]) @ params.W_hh.T
    gradient = Elman(
        W_ih=flat(x).T @ flat_a,
        W_hh=flat(before).T @ flat_a,
        b_h=flat_a.sum(axis=0),
        W_ho=d_W_ho,
        b_o=d_b_o,
        h0=d_h0.sum(axis=0),
    )
    return loss, sgd(list(gradient), list(params), LR)


def sum_errors(h, d_h, W_hh, scan: Callable = pytensor.scan):
    """dL/da_t of all steps, shaped as h, from what reaches h_t from its own output.

    The recursion of chapter 4, as a scan from the last step to the first.
    """

    def back(d_h_t, slope_t, d_a_next, W_hh):
        return (d_h_t + d_a_next @ W_hh.T) * slope_t

    d_a = scan(
        back,
        sequences=[d_h[::-1], (1 - h**2)[::-1]],
        outputs_info=pt.zeros_like(h[0]),
        non_sequences=[W_hh],
        strict=True,
        return_updates=False,
    )
    return d_a[::-1]


def unrolled(step: Callable, sequences, outputs_info, non_sequences, **_):
    """What `pytensor.scan` returns for one state, without a loop.

    The number of steps is the static length of the first of the sequences.
    """
    states, state = [], outputs_info
    for t in range(sequences[0].type.shape[0]):
        state = step(*(s[t] for s in sequences), state, *non_sequences)
        states.append(state)
    return pt.stack(states)
