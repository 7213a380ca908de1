"""The workloads in PyTensor: one graph, compiled for any engine."""

import contextlib
import io

import numpy as np
import pytensor
import pytensor.tensor as pt

from helpers import engine
from helpers.bench.workloads import LR, Step, Workload
from helpers.elman import Elman, readout, shared
from helpers.lm import compiled, inplace, model
from helpers.optimisers import sgd


def select(name: str, dtype: str) -> None:
    """`helpers.engine.select` without its line."""
    with contextlib.redirect_stdout(io.StringIO()):
        engine.select(name, floatX=dtype)


def make(workload: Workload, name: str) -> Step:
    """The workload on the engine `name`, which has been selected."""
    params = shared(workload.start)
    x, y, weights = workload.examples
    if name == "jax":  # must know the shapes when it compiles
        shapes = [part.shape for part in workload.examples]
    else:
        shapes = [(None,) * part.ndim for part in workload.examples]
    variables = [
        pt.tensor(name, dtype=part.dtype, shape=shape)
        for name, part, shape in zip("xyw", workload.examples, shapes, strict=True)
    ]
    loss, updates = graph(workload.cost, *variables, params)
    step = pytensor.function(variables, loss, updates=updates, mode=inplace.mode())
    step.trust_input = True

    def run() -> float:
        return float(step(x, y, weights))

    return Step(run, lambda: Elman(*(np.asarray(p.get_value()) for p in params)))


def graph(cost: str, x, y, weights, params: Elman) -> tuple:
    """The loss, and the updates of one step of SGD.

    All products with inputs come before the loop and all readouts after it.
    """
    if cost == "softmax":
        return compiled.loss_and_updates(x, y, weights, params, LR)
    h = model.states(x @ params.W_ih, params)
    o = readout(h[-y.shape[0] :], params)
    costs = pt.softplus(o) - y * o if cost == "sigmoid" else (o - y) ** 2
    loss = (weights * costs.sum(axis=-1)).sum()
    return loss, sgd(loss, list(params), LR)
