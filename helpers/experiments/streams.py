"""The recorded experiments of chapter 3: the dot product of two streams.

A network hears x[t] = (x0[t], x1[t]) for T steps, each uniform in [-1, 1], and at the
end says the sum over t of x0[t] * x1[t]. It has to multiply, which a linear network
cannot, and to remember what it has summed so far. Every update draws fresh examples, so
there is nothing to overfit. Performance is R^2 on examples that no update has seen: 1
minus the mean squared error over the variance of the target, which is T / 9.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as pt
from scipy.special import expit
from scipy.stats import norm

from helpers import initialisation
from helpers.elman import (
    Elman,
    hidden_states,
    hidden_states_numpy,
    initial_elman,
    readout,
    shared,
)
from helpers.experiments.feedforward import traced
from helpers.experiments.runner import Experiment
from helpers.feedforward import mean_squared_error, sgd
from helpers.optimisers import adam, soft_threshold

# The same function for PyTensor and for NumPy, under one name.
ACTIVATIONS: dict[str, tuple[Callable, Callable]] = {
    "tanh": (pt.tanh, np.tanh),
    "sigmoid": (pt.sigmoid, expit),
}
INITIALISATIONS: dict[str, Callable] = {
    "normal": initialisation.normal,
    "uniform": initialisation.uniform,
    "unit": initialisation.unit_singular_value,
    "orthogonal": initialisation.orthogonal,
}
OPTIMISERS: dict[str, Callable] = {"sgd": sgd, "adam": adam}


def examples(
    length: int, n: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """n fresh examples: x (length, n, 2) and the target y (n, 1)."""
    x = rng.uniform(-1, 1, (length, n, 2))
    return x, x.prod(axis=2).sum(axis=0)[:, None]


def r_squared(o: np.ndarray, y: np.ndarray) -> float:
    """1 - mean squared error / variance of y: 0 for the mean, 1 for no error."""
    return float(1 - np.mean((o - y) ** 2) / y.var())


class Compiled(NamedTuple):
    """A network with its optimiser, compiled once a process.

    `step(x, y, lr, l1)` makes one update on the mean squared error, then draws W_hh
    towards zero by lr * l1; it returns the loss before the update.
    """

    activation: str
    length: int
    batch: int
    params: Elman
    memory: list  # the optimiser's own shared variables
    step: pytensor.compile.Function


@cache
def compiled(
    activation: str,
    optimiser: str,
    batch: int,
    *,
    length: int,
    hidden: int,
    train_h0: bool = True,
) -> Compiled:
    """Build and compile; the values of the parameters are set by `train`.

    One example is a batch of one here: under JAX that runs four times as fast as a
    graph of vectors.
    """
    params = shared(initial_elman(2, hidden, 1, np.random.default_rng(0)))
    x = pt.tensor3("x", shape=(length, batch, 2))
    y = pt.matrix("y", shape=(batch, 1))
    lr, l1 = pt.scalars("lr", "l1")
    h = hidden_states(x, params, ACTIVATIONS[activation][0])
    loss = mean_squared_error(readout(h[-1], params), y)
    trained = list(params if train_h0 else params[:-1])
    updates = OPTIMISERS[optimiser](loss, trained, lr)
    memory = [p for p, _ in updates if p not in trained]
    updates = soft_threshold(updates, params.W_hh, lr * l1)
    step = pytensor.function([x, y, lr, l1], loss, updates=updates)
    return Compiled(activation, length, batch, params, memory, step)


def values(net: Compiled) -> Elman:
    """The parameters as they are now, as NumPy arrays."""
    return Elman(*(np.asarray(p.get_value()) for p in net.params))


def outputs(x: np.ndarray, params: Elman, activation: str) -> np.ndarray:
    """What a network says at the end of x (T, n, 2): (n, 1).

    In NumPy, because that takes any length without compiling anew.
    """
    h = hidden_states_numpy(x, params, ACTIVATIONS[activation][1])
    return readout(h[-1], params)


def train(
    net: Compiled,
    start: Elman,
    rng: np.random.Generator,
    *,
    lr: float,
    updates: int,
    l1: float = 0.0,
    noise: float = 0.0,
) -> Iterator[tuple[int, float | None]]:
    """Train `net` from `start`; yields (k, loss) after update k = 0, 1, ...

    k = 0 is the untrained network, without a loss. `noise` is the standard deviation
    of the white noise on the inputs; the targets are those of the clean inputs.
    """
    for p, value in zip(net.params, start, strict=True):
        p.set_value(value)
    for p in net.memory:
        p.set_value(np.zeros_like(p.get_value()))
    yield 0, None
    for k in range(1, updates + 1):
        x, y = examples(net.length, net.batch, rng)
        if noise:
            x += noise * rng.standard_normal(x.shape)
        yield k, float(net.step(x, y, lr, l1))


class Learned(NamedTuple):
    """What came of one training."""

    trace: list  # losses at updates 50, 100, 150, 200
    curve: list  # R^2 at the marks
    params: Elman  # at the end


def learn(net, start, seed: int, test, marks, **options) -> Learned:
    """Train with `options` as in `train`; R^2 on `test` after the updates in `marks`.

    All trainings of one seed draw their examples in one order, so two settings of
    equal batch size see the same ones.
    """
    trace, curve = [], []
    for k, loss in train(net, start, np.random.default_rng([seed, 1]), **options):
        if traced(k):
            trace.append(loss)
        if k in marks:
            curve.append(
                r_squared(outputs(test[0], values(net), net.activation), test[1])
            )
    return Learned(trace, curve, values(net))


def initial(seed: int, init: str, hidden: int) -> Elman:
    """The untrained network of a seed."""
    rng = np.random.default_rng([seed, 0])
    return initial_elman(2, hidden, 1, rng, INITIALISATIONS[init])


def test_set(seed: int, parameters: dict, length: int | None = None):
    """Examples that no training sees: x and y, as from `examples`."""
    rng = np.random.default_rng([seed, 2])
    return examples(length or parameters["length"], parameters["test"], rng)


# As published: sigmoid units, tiny weights, plain SGD on single examples.

PUBLISHED = {
    "length": 10,
    "hidden": 20,  # the source does not say; as in the other experiments
    "activation": "sigmoid",
    "init": "normal",
    "optimiser": "sgd",
    "train_h0": False,
    "batch": 1,
    "rates": [0.01, 0.05, 0.1],
    "updates": 20_000,
    "long": {"rate": 0.05, "updates": 300_000},
    "test": 2000,
}


def published(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed: R^2 with each learning rate, and with one of them in a long run.

    "long" goes on where the run with its rate has ended. The curves hold R^2 at 20
    marks, evenly spaced, of which the first is the untrained network.
    """
    net = compiled(
        parameters["activation"],
        parameters["optimiser"],
        parameters["batch"],
        length=parameters["length"],
        hidden=parameters["hidden"],
        train_h0=parameters["train_h0"],
    )
    runs = {f"rate {lr:g}": (lr, parameters["updates"]) for lr in parameters["rates"]}
    return {}
