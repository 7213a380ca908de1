"""The recorded experiments of chapter 1."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as pt

from helpers.experiments.runner import Experiment
from helpers.experiments.trainer import Trainer
from helpers.networks.feedforward import (
    initial_values,
    mean_squared_error,
    minibatches,
    network,
)
from helpers.networks.optimisers import sgd
from helpers.tasks import sunspots


def rmse(o: np.ndarray, target: np.ndarray) -> float:
    """Root of the mean squared difference of two arrays of one shape."""
    return float(np.sqrt(np.mean((o - target) ** 2)))


class Compiled(NamedTuple):
    """A network of given layer sizes and batch size, compiled once a process.

    An update of the trainer has inputs x, y, lr and decay: SGD on the mean squared
    error plus decay times the sum of the squared weights. `predict(x)` returns the
    outputs for any number of examples.
    """

    sizes: tuple[int, ...]
    batch: int
    trainer: Trainer
    predict: pytensor.compile.Function


@cache
def compiled(sizes: tuple[int, ...], batch: int) -> Compiled:
    """Build and compile; the values of the parameters are set by `train`."""
    start = initial_values(sizes, np.random.default_rng(0))
    params = [pytensor.shared(value) for value in start]
    x = pt.matrix("x", shape=(batch, sizes[0]))
    y = pt.matrix("y", shape=(batch, sizes[-1]))
    lr, decay = pt.scalars("lr", "decay")
    penalty = sum((W**2).sum() for W in params[::2])
    loss = mean_squared_error(network(x, params), y) + decay * penalty
    trainer = Trainer([x, y, lr, decay], loss, sgd(loss, params, lr), params)
    any_x = pt.matrix("any_x")
    predict = pytensor.function([any_x], network(any_x, params))
    return Compiled(sizes, batch, trainer, predict)


def train(
    net: Compiled,
    X: np.ndarray,
    y: np.ndarray,
    rng: np.random.Generator,
    *,
    lr: float,
    updates: int,
    decay: float = 0.0,
    noise: float = 0.0,
    look: Callable[[int], bool] = lambda k: False,
) -> Iterator[tuple[int, np.ndarray | None]]:
    """Start `net` afresh and train it; yields (k, loss) as `Trainer.train`.

    `noise` is the standard deviation of the white noise added to the inputs, drawn
    anew for each batch.
    """
    net.trainer.reset(initial_values(net.sizes, rng))

    def batches() -> Iterator[tuple]:
        for i in endless_minibatches(len(X), net.batch, rng):
            x = X[i] + noise * rng.standard_normal(X[i].shape) if noise else X[i]
            yield x, y[i], lr, decay

    return net.trainer.train(batches(), updates, look)


def endless_minibatches(
    n: int, size: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """The indices of one mini-batch after the other, epoch after epoch."""
    while True:
        yield from minibatches(n, size, rng)


# Universal approximation: held-out error against the width of the hidden layer.

APPROXIMATION = {
    "function": "sin(2 pi x) on [-1, 1]",
    "widths": [1, 2, 4, 8, 16, 32, 64],
    "examples": 200,
    "validation": 200,
    "batch": 20,
    "updates": 20_000,
    "lr": [0.025, 0.05, 0.1, 0.2, 0.4, 0.8],
    "target_noise": 0.01,  # in one of the exact readouts
}
TRACED = 2  # of the rates: the larger ones diverge at some of the widths


@cache
def side_by_side(width: int, batch: int, rates: tuple[float, ...]) -> Trainer:
    """Networks of one input and one output that differ in their learning rates alone.

    Each parameter has the networks as its first axis, and biases a second one of length
    1. An update has the inputs x and y, both (batch, 1), and trains all networks on
    them; its loss holds one a network.
    """
    start = stacked(initial_values((1, width, 1), np.random.default_rng(0)), rates)
    W_ih, b_h, W_ho, b_o = params = [pytensor.shared(v, shape=v.shape) for v in start]
    x, y = pt.matrix("x", shape=(batch, 1)), pt.matrix("y", shape=(batch, 1))
    o = pt.tanh(x @ W_ih + b_h) @ W_ho + b_o  # (networks, batch, 1)
    losses = ((o - y) ** 2).mean(axis=(1, 2))
    lr = pt.constant(np.array(rates)[:, None, None])
    return Trainer([x, y], losses, sgd(losses.sum(), params, lr), params)


def stacked(values: list[np.ndarray], rates: Sequence[float]) -> list[np.ndarray]:
    """The parameters of one network as those of as many equal ones as rates."""
    return [np.stack([np.atleast_2d(value)] * len(rates)) for value in values]


def features(W_ih: np.ndarray, b_h: np.ndarray, x: np.ndarray) -> np.ndarray:
    """What a readout sees at x, (n, n_in): the hidden units and a 1, (n, n_hid + 1)."""
    return np.column_stack([np.tanh(x @ W_ih + b_h), np.ones(len(x))])


def exact_readout(F: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The W_ho with b_o below it that make F times it closest to y, (n_hid + 1, n_out).

    By least squares; singular values of F below the rounding of the largest are taken
    for zero.
    """
    return np.linalg.lstsq(F, y, rcond=None)[0]


def approximation(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed: test RMSE of networks of each width, and how hard their readout is.

    "trained" by SGD, at the "rate" with the smallest validation error; "exact readout":
    the same hidden layer with the readout solved exactly; "noisy readout": that from
    targets with noise; "random hidden": the exact readout of the hidden layer before
    training. "condition" is the condition number of the features of a hidden layer at
    the examples, "largest weight" the largest absolute value in a readout.
    """
    kinds = ("trained", "rate", "exact readout", "noisy readout", "random hidden")
    metrics: dict = {kind: {} for kind in kinds}
    metrics |= {"condition": {}, "largest weight": {}}
    traces: dict = {}
    rates = tuple(parameters["lr"])
    X_test = np.linspace(-1, 1, 401)[:, None]
    y_test = np.sin(2 * np.pi * X_test)
    for width in parameters["widths"]:
        key = str(width)
        rng, others = (np.random.default_rng([seed, width, *i]) for i in ((), (1,)))
        X = rng.uniform(-1, 1, (parameters["examples"], 1))
        y = np.sin(2 * np.pi * X)
        X_val = others.uniform(-1, 1, (parameters["validation"], 1))
        y_val = np.sin(2 * np.pi * X_val)
        noise = parameters["target_noise"] * others.standard_normal(y.shape)
        start = initial_values((1, width, 1), rng)

        trainer = side_by_side(width, parameters["batch"], rates)
        trainer.reset(stacked(start, rates))
        order = endless_minibatches(len(X), parameters["batch"], rng)
        batches = ((X[i], y[i]) for i in order)
        for _ in trainer.train(batches, updates or parameters["updates"]):
            pass  # nothing is looked at
        traces[key] = [losses[:TRACED] for losses in trainer.trace]

        nets = list(zip(*trainer.now(), strict=True))
        with np.errstate(all="ignore"):  # some have diverged
            validation = [rmse(outputs(net, X_val), y_val) for net in nets]
        best = int(np.nanargmin(validation))
        W_ih, b_h, W_ho, b_o = nets[best]
        metrics["rate"][key] = rates[best]
        metrics["trained"][key] = rmse(outputs(nets[best], X_test), y_test)

        F, F_test = (features(W_ih, b_h, x) for x in (X, X_test))
        F_0, F_0_test = (features(*start[:2], x) for x in (X, X_test))
        exact, noisy = exact_readout(F, y), exact_readout(F, y + noise)
        random = exact_readout(F_0, y)
        metrics["exact readout"][key] = rmse(F_test @ exact, y_test)
        metrics["noisy readout"][key] = rmse(F_test @ noisy, y_test)
        metrics["random hidden"][key] = rmse(F_0_test @ random, y_test)
        metrics["condition"][key] = {
            "trained": np.linalg.cond(F),
            "random": np.linalg.cond(F_0),
        }
        metrics["largest weight"][key] = {
            "trained": max(abs(W_ho).max(), abs(b_o).max()),
            "exact": abs(exact).max(),
            "random": abs(random).max(),
        }
    return {"trace": traces, "metrics": metrics}


def outputs(net: Sequence[np.ndarray], x: np.ndarray) -> np.ndarray:
    """What one network of those side by side gives at x, (n, 1)."""
    W_ih, b_h, W_ho, b_o = net
    return np.tanh(x @ W_ih + b_h) @ W_ho + b_o


# Overfitting, and cures for it.

OVERFITTING = {
    "function": "sin(pi x0) + x1 x2 on [-1, 1]^5",
    "inputs": 5,
    "hidden": 30,
    "training": 40,
    "validation": 40,
    "test": 1000,
    "target_noise": 0.3,
    "lr": 0.1,
    "batch": 10,
    "updates": 20_000,
    "input_noise": [0.05, 0.1, 0.2, 0.3, 0.5, 0.8],
    "decay": [0.001, 0.003, 0.01, 0.03, 0.1, 0.3],
    "marks": [0, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000],
}


def overfitting(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed: errors along plain training, and along each strength of each cure.

    Training and validation targets carry noise; test errors are against the
    noiseless function. The strength of a cure, and the mark at which early stopping
    stops, are those with the smallest validation error.
    """
    sizes = (parameters["inputs"], parameters["hidden"], 1)
    rng = np.random.default_rng(seed)

    def draw(n, target_noise):
        X = rng.uniform(-1, 1, (n, sizes[0]))
        y = np.sin(np.pi * X[:, :1]) + X[:, 1:2] * X[:, 2:3]
        return X, y + target_noise * rng.standard_normal(y.shape)

    sets = {
        "training": draw(parameters["training"], parameters["target_noise"]),
        "validation": draw(parameters["validation"], parameters["target_noise"]),
        "test": draw(parameters["test"], 0.0),
    }
    settings = {"plain": {}}
    settings |= {f"noise {s:g}": {"noise": s} for s in parameters["input_noise"]}
    settings |= {f"decay {s:g}": {"decay": s} for s in parameters["decay"]}
    net = compiled(sizes, parameters["batch"])
    traces: dict = {}
    curves: dict = {key: {name: [] for name in sets} for key in settings}
    for key, cure in settings.items():
        for _ in train(
            net,
            *sets["training"],
            np.random.default_rng([seed, 1]),  # the same start for all
            lr=parameters["lr"],
            updates=updates or parameters["updates"],
            look=lambda k: k in parameters["marks"],
            **cure,
        ):
            for name, (X, y) in sets.items():
                curves[key][name].append(rmse(np.asarray(net.predict(X)), y))
        traces[key] = net.trainer.trace

    def chosen(cure):
        candidates = [key for key in settings if key.startswith(cure)]
        return min(candidates, key=lambda key: curves[key]["validation"][-1])

    stop = int(np.argmin(curves["plain"]["validation"]))
    noise, decay = chosen("noise"), chosen("decay")
    y_train, y_test = sets["training"][1], sets["test"][1]
    return {
        "trace": traces,
        "metrics": {
            "constant": rmse(np.full_like(y_test, y_train.mean()), y_test),
            "plain": curves["plain"]["test"][-1],
            "early stopping": curves["plain"]["test"][stop],
            "noise": curves[noise]["test"][-1],
            "decay": curves[decay]["test"][-1],
        },
        "chosen": {
            "early stopping": parameters["marks"][stop],
            "noise": noise,
            "decay": decay,
        },
        "curves": curves,
    }


# The sunspots, from a window of years.

SUNSPOTS = {
    "window": 9,
    "hidden": 8,
    "lr": 0.05,
    "batch": 20,
    "updates": 20_000,
    "check_every": 50,
    "train_to": sunspots.TRAIN_END,
    "validate_to": sunspots.VALIDATION_END,
}


def sunspot_window(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed: test RMSE of a window network, stopped early and not, in sunspots.

    "forecast" holds the early-stopped network's forecasts of the test years.
    """
    sets = sunspots.split_windows(parameters["window"])
    mean, sd = sets[0].y.mean(), sets[0].y.std()
    scaled = [((X - mean) / sd, (y - mean) / sd) for X, y in sets]
    net = compiled((parameters["window"], parameters["hidden"], 1), parameters["batch"])
    errors: list = []  # rows of (training, validation, test) RMSE
    best = np.inf
    for k, _ in train(
        net,
        *scaled[0],
        np.random.default_rng(seed),
        lr=parameters["lr"],
        updates=updates or parameters["updates"],
        look=lambda k: k % parameters["check_every"] == 0,
    ):
        forecasts = [mean + sd * np.asarray(net.predict(X)) for X, _ in scaled]
        errors.append([rmse(f, y) for f, (_, y) in zip(forecasts, sets, strict=True)])
        if errors[-1][1] < best:
            best, stopped_at, forecast = errors[-1][1], k, forecasts[2].ravel()
    training, validation, test = np.transpose(errors)
    return {
        "trace": {"window": net.trainer.trace},
        "metrics": {
            "early stopping": rmse(forecast, sets[2].y.ravel()),
            "to the end": test[-1],
            "training at the end": training[-1],
        },
        "stopped_at": stopped_at,
        "forecast": np.round(forecast, 2),
        "curves": {
            "training": np.round(training[::10], 3),
            "validation": np.round(validation[::10], 3),
            "test": np.round(test[::10], 3),
        },
    }


# A delay longer than the window.

DELAY = {
    "windows": [4, 8, 12],
    "delays": list(range(16)),
    "hidden": 16,
    "training": 2000,
    "test": 2000,
    "lr": 0.1,
    "batch": 20,
    "updates": 4000,
}


def delay(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed: R^2 on fresh noise of recalling x[t - lag] from a window.

    The window holds x[t - k + 1], ..., x[t]; x is uniform in [-1, 1]. R^2 = 0 is
    what the best constant, the mean, reaches.
    """
    longest = max(parameters["delays"]) + max(parameters["windows"])
    metrics: dict = {}
    traces: dict = {}
    for window in parameters["windows"]:
        net = compiled((window, parameters["hidden"], 1), parameters["batch"])
        for lag in parameters["delays"]:
            key = f"window {window} delay {lag}"
            rng = np.random.default_rng([seed, window, lag])
            t = np.arange(longest, longest + parameters["training"])
            x = rng.uniform(-1, 1, longest + parameters["training"])
            in_window = np.arange(1 - window, 1)
            for _ in train(
                net,
                x[t[:, None] + in_window],
                x[t - lag, None],
                rng,
                lr=parameters["lr"],
                updates=updates or parameters["updates"],
            ):
                pass  # nothing is looked at
            traces[key] = net.trainer.trace
            t = np.arange(longest, longest + parameters["test"])
            x = rng.uniform(-1, 1, longest + parameters["test"])
            o, y = np.asarray(net.predict(x[t[:, None] + in_window])), x[t - lag, None]
            metrics[key] = 1 - np.mean((o - y) ** 2) / y.var()
    return {"trace": traces, "metrics": metrics}


EXPERIMENTS = (
    Experiment(
        name="feedforward-approximation",
        summary="Held-out error against the width, and how hard the readout is.",
        parameters=APPROXIMATION,
        run=approximation,
        metrics=tuple(
            f"{kind}.{width}"
            for kind in ("trained", "exact readout")
            for width in (1, 2, 4, 8)
        ),
    ),
    Experiment(
        name="feedforward-overfitting",
        summary="Test error of a network that overfits, and with each of three cures.",
        parameters=OVERFITTING,
        run=overfitting,
        metrics=("constant", "plain", "early stopping", "noise", "decay"),
    ),
    Experiment(
        name="feedforward-sunspots",
        summary="Forecasts of the yearly sunspot number from a window of nine years.",
        parameters=SUNSPOTS,
        run=sunspot_window,
        metrics=("early stopping", "to the end"),
    ),
    Experiment(
        name="feedforward-delay",
        summary="Recalling an input of some steps ago from a window.",
        parameters=DELAY,
        run=delay,
        metrics=("window 8 delay 7", "window 8 delay 8"),
    ),
)
