"""The recorded experiments of chapter 7: waves, and one that the sun makes.

All networks are trained on half the mean squared error. Errors are reported as RMSE.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from itertools import accumulate, product, repeat
from typing import NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as pt
from scipy.special import expit

from helpers.experiments.ch01_feedforward_runs import rmse
from helpers.experiments.ch03_streams_runs import ACTIVATIONS, OPTIMISERS
from helpers.experiments.runner import Experiment, traced
from helpers.experiments.trainer import Learned, Trainer
from helpers.networks import bptt, initialisation
from helpers.networks.elman import (
    Elman,
    hidden_states,
    hidden_states_numpy,
    initial_elman,
    readout,
    shared,
)
from helpers.networks.feedforward import (
    initial_values,
    mean_squared_error,
    minibatches,
    network,
)
from helpers.networks.optimisers import adam, clip_by_value, sgd
from helpers.tasks import sine, sunspots

# Windows of the sine, and the next value -------------------------------------------


@cache
def compiled(
    activation: str, optimiser: str, batch: int, k: int, *, biases: bool, hidden: int
) -> Trainer:
    """A network that reads a window and says the next value; h0 stays zero.

    An update has inputs x (50, batch, 1), y (batch, 1) and lr. Gradients go k steps
    back (-1: all), and their elements are clipped at 10, as published. `biases=False`
    leaves the biases as they are.
    """
    params = shared(initial_elman(1, hidden, 1, np.random.default_rng(0)))
    x = pt.tensor3("x", shape=(sine.LENGTH, batch, 1))
    y = pt.matrix("y", shape=(batch, 1))
    lr = pt.scalar("lr")
    h = hidden_states(x, params, ACTIVATIONS[activation][0], truncate_gradient=k)
    loss = mean_squared_error(readout(h[-1], params), y) / 2
    trained = [params.W_ih, params.W_hh, params.W_ho]
    if biases:
        trained += [params.b_h, params.b_o]
    gradients = clip_by_value(pt.grad(loss, trained), 10)
    updates = OPTIMISERS[optimiser](gradients, trained, lr)
    return Trainer([x, y, lr], loss, updates, params)


def positive(n_in: int, n_out: int, rng: np.random.Generator) -> np.ndarray:
    """Uniform between 0 and 1, the published first weights."""
    return rng.uniform(0, 1, (n_in, n_out))


def forecast(x: np.ndarray, params: Elman, activation: str) -> np.ndarray:
    """What a network says after windows x (T, n, 1): (n, 1)."""
    h = hidden_states_numpy(x, params, ACTIVATIONS[activation][1])
    return readout(h[-1], params)


def examples(
    n: int, batch: int, shuffled: bool, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Batches of indices without end: epochs one after another."""
    while True:
        if shuffled:
            yield from minibatches(n, batch, rng)
        else:
            yield from np.arange(n).reshape(-1, batch)


def learn(
    seed: int,
    data: tuple[sine.Windows, sine.Windows],
    *,
    hidden: int,
    activation: str,
    optimiser: str,
    batch: int,
    lr: float,
    updates: int,
    stop: int | None = None,
    k: int = -1,
    falling: bool = True,
    published_weights: bool = False,
    every: int = 100,
) -> Learned:
    """One training; `falling` lets the rate fall to zero along a straight line.

    The curve, (marks, 2), is training and validation RMSE at the start and after each
    `every` updates. A rate that does not fall goes with windows that are not shuffled,
    as published.
    `stop` ends the training early, at the rates that it would have had.
    """
    rng = np.random.default_rng(seed)
    net = compiled(
        activation, optimiser, batch, k, biases=not published_weights, hidden=hidden
    )
    init = positive if published_weights else initialisation.unit_singular_value
    net.reset(initial_elman(1, hidden, 1, rng, init))
    training = data[0]

    def batches() -> Iterator[tuple]:
        for done, i in enumerate(examples(len(training.y), batch, falling, rng)):
            rate = lr * (1 - done / updates) if falling else lr
            yield training.x[:, i], training.y[i], rate

    curve = [
        [rmse(forecast(x, net.now(), activation), y) for x, y in data]
        for _ in net.train(batches(), stop or updates, lambda k: k % every == 0)
    ]
    return Learned(net.trace, np.array(curve), net.now())


CLASSIC = {"optimiser": "sgd", "lr": 1e-4, "batch": 1, "k": 5, "falling": False}
WELL = {"batch": 10, "updates": 2000}

TRAINING = {
    "hidden": 100,
    "settings": {
        # 25 epochs of 100 windows, one at a time
        "published": CLASSIC
        | {"activation": "sigmoid", "updates": 2500, "published_weights": True},
        "classic sigmoid": CLASSIC | {"activation": "sigmoid", "updates": 2500},
        "classic tanh": CLASSIC | {"activation": "tanh", "updates": 2500},
        # 200 epochs of 10 batches
        "sgd sigmoid": WELL | {"activation": "sigmoid", "optimiser": "sgd", "lr": 0.05},
        "sgd tanh": WELL | {"activation": "tanh", "optimiser": "sgd", "lr": 0.05},
        "adam sigmoid": WELL
        | {"activation": "sigmoid", "optimiser": "adam", "lr": 0.003},
        "adam tanh": WELL | {"activation": "tanh", "optimiser": "adam", "lr": 0.003},
        "adam tanh truncated": WELL
        | {"activation": "tanh", "optimiser": "adam", "lr": 0.003, "k": 5},
    },
    "roll_out": 200,
}


def training(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed: each setting's RMSE, and its closed loop after the last value.

    "training", "validation": one step ahead; "closed": RMSE over the whole roll-out;
    "phase": the largest error of the phase in it, in radians; "phases": the largest so
    far, every 10 steps.
    """
    data = sine.split()
    steps = parameters["roll_out"]
    known = np.sin(np.arange(200 - sine.LENGTH, 200))
    ahead = np.arange(200, 200 + steps)
    traces: dict = {}
    metrics: dict = {"training": {}, "validation": {}, "closed": {}, "phase": {}}
    curves: dict = {}
    phases: dict = {}
    for name, setting in parameters["settings"].items():
        hidden = parameters["hidden"]
        learned = learn(seed, data, hidden=hidden, stop=updates, **setting)
        traces[name] = learned.trace
        if updates:
            continue
        curves[name] = np.round(learned.curve, 5)
        metrics["training"][name], metrics["validation"][name] = learned.curve[-1]
        say = partial(forecast, params=learned.params, activation=setting["activation"])
        o = sine.roll_out(say, known, steps)
        error = sine.wrapped(sine.wave(np.append(known[-1], o)).phase - ahead)
        largest = np.maximum.accumulate(np.abs(error))
        metrics["closed"][name] = rmse(o, np.sin(ahead))
        metrics["phase"][name] = largest[-1]
        phases[name] = np.round(largest[9::10], 5)
    return {"trace": traces, "metrics": metrics, "curves": curves, "phases": phases}


# The published budget with tanh units alone, over more seeds than the others.
BUDGET = TRAINING | {"settings": {"classic tanh": TRAINING["settings"]["classic tanh"]}}

SPLITS = {
    "hidden": 40,
    "settings": {
        "tanh": TRAINING["settings"]["adam tanh"],
        "sigmoid": TRAINING["settings"]["adam sigmoid"],
    },
    # What is trained on, and the splits whose validation windows are asked after it.
    "asked": {
        "published": ["published", "apart"],
        "new half": ["new half"],
        "amplitude": ["amplitude", "louder"],
        "frequency": ["frequency"],
    },
}


def splits(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed: two kinds of units by one recipe, for each way to split.

    "training" and "validation" are RMSEs at the end. "odd" is the root mean square of
    f(x) + f(-x) over the validation windows, where f is what the network says: it is
    zero for an odd function.
    """
    traces: dict = {}
    metrics: dict = {"training": {}, "validation": {}, "odd": {}}
    for how, asked in parameters["asked"].items():
        data = sine.split(how)
        for units, setting in parameters["settings"].items():
            learned = learn(
                seed,
                data,
                hidden=parameters["hidden"],
                stop=updates,
                every=setting["updates"],
                **setting,
            )
            traces[f"{how}, {units}"] = learned.trace
            say = partial(forecast, params=learned.params, activation=units)
            metrics["training"].setdefault(how, {})[units] = rmse(
                say(data[0].x), data[0].y
            )
            for name in asked:
                x, y = sine.split(name)[1]
                metrics["validation"].setdefault(name, {})[units] = rmse(say(x), y)
                metrics["odd"].setdefault(name, {})[units] = rmse(say(x), -say(-x))
    return {"trace": traces, "metrics": metrics}


# The published errors ----------------------------------------------------------------

# Of the gradient, each alone.
BUGS = (
    "none",
    "forward product",
    "slope of the sum",
    "slope of the last step",
    "own step skipped",
    "input of the last step",
    "sums run on",
    "error at each step",
    "readout at each step",
)


def gradients(
    x: np.ndarray, y: np.ndarray, params: Elman, k: int, bug: str = "none"
) -> Elman:
    """Gradients of half the mean squared error after windows x (T, n, 1), y (n, 1).

    The units are sigmoid, the error travels back k steps, and `bug` is one of `BUGS`.
    Without a bug it is `helpers.networks.bptt.windows`. Raises ValueError for an
    unknown bug.
    """
    if bug not in BUGS:
        raise ValueError(f"bug must be one of {', '.join(BUGS)}; got {bug!r}")
    h = hidden_states_numpy(x, params, expit)
    before = np.concatenate([np.broadcast_to(params.h0, h[:1].shape), h[:-1]])
    last = len(x) - 1
    d_o = (readout(h[last], params) - y) / len(y)
    if bug == "slope of the sum":
        slope = bptt.sigmoid_slope(x @ params.W_ih + before @ params.W_hh + params.b_h)
    else:
        slope = bptt.sigmoid_slope(h)
    terms = []  # what each step adds to the gradients of W_ih, W_hh and b_h
    arriving = d_o @ params.W_ho.T
    for t in range(last, last - k, -1):
        d_a = arriving * slope[last if bug == "slope of the last step" else t]
        s = last if bug == "input of the last step" else t
        inputs, states = x[s].T @ d_a, before[s].T @ d_a
        if bug == "forward product":
            inputs = np.broadcast_to((x[s] @ params.W_ih).mean(0), inputs.shape)
            states = np.broadcast_to((before[s] @ params.W_hh).mean(0), states.shape)
        terms.append((inputs, states, d_a.sum(axis=0)))
        arriving = d_a @ params.W_hh.T
        if bug == "error at each step":
            arriving = arriving + d_o @ params.W_ho.T
    if bug == "own step skipped":
        terms = terms[1:]
    if bug == "sums run on":
        terms = accumulate(terms, lambda a, b: tuple(map(np.add, a, b)))
    W_ih, W_hh, b_h = (sum(parts) for parts in zip(*terms, strict=True))
    seen = h.sum(axis=0) if bug == "readout at each step" else h[last]
    return Elman(W_ih, W_hh, b_h, seen.T @ d_o, d_o.sum(axis=0), 0 * params.h0)


BUGGY = {
    "hidden": 100,
    "bugs": list(BUGS),
    "k": 5,
    "batch": 10,
    "lr": 0.003,
    "updates": 2000,
}


@cache
def adam_given(hidden: int) -> Trainer:
    """An update has inputs the five gradients and lr: Adam, without a loss (0)."""
    params = shared(initial_elman(1, hidden, 1, np.random.default_rng(0)))
    trained = list(params[:-1])  # h0 stays zero
    given = [p.type() for p in trained]
    lr = pt.scalar("lr")
    return Trainer([*given, lr], pt.zeros(()), adam(given, trained, lr), params)


def learn_with(bug: str, seed: int, parameters: dict, stop: int | None = None):
    """The training of "adam sigmoid" with this gradient: (trace, [first RMSE, last]).

    `stop` as in `learn`.
    """
    training, validation = sine.split()
    rng = np.random.default_rng(seed)
    net = adam_given(parameters["hidden"])
    now = initial_elman(1, parameters["hidden"], 1, rng)
    net.reset(now)
    order = examples(len(training.y), parameters["batch"], True, rng)
    trace, ends = [], [rmse(forecast(validation.x, now, "sigmoid"), validation.y)]
    updates = parameters["updates"]
    for done in range(stop or updates):
        batch = training.take(next(order))
        if traced(done + 1):
            trace.append(rmse(forecast(batch.x, now, "sigmoid"), batch.y))
        d = gradients(*batch, now, parameters["k"], bug)
        net.step(*d[:-1], parameters["lr"] * (1 - done / updates))
        now = net.now()
    ends.append(rmse(forecast(validation.x, now, "sigmoid"), validation.y))
    return trace, ends


def bugs(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed: validation RMSE before and after training with each bug alone."""
    traces: dict = {}
    metrics: dict = {"start": {}, "end": {}}
    for bug in parameters["bugs"]:
        trace, (before, after) = learn_with(bug, seed, parameters, updates)
        traces[bug] = trace
        metrics["start"][bug], metrics["end"][bug] = before, after
    return {"trace": traces, "metrics": metrics}


# All errors at once.

PUBLISHED = {"hidden": 100, "epochs": 25, "lr": 1e-4}


class Published(NamedTuple):
    """What the published training leaves behind.

    `losses` has shape (epochs + 1, 2): sums of half the squared errors in the training
    and the validation windows, before each epoch and after the last.
    """

    losses: np.ndarray
    W_ih: np.ndarray
    W_hh: np.ndarray
    W_ho: np.ndarray


def unshared_states(x: np.ndarray, W_ih: np.ndarray, W_hh: np.ndarray) -> np.ndarray:
    """All states (T, n, n_hid) with a row of W_ih (T, n_hid) for each step."""
    h_t, h = np.zeros((x.shape[1], len(W_hh))), []
    for x_t, row in zip(x, W_ih, strict=True):
        h_t = expit(x_t * row + h_t @ W_hh)
        h.append(h_t)
    return np.array(h)


def published_training(
    W_ih: np.ndarray,
    W_hh: np.ndarray,
    W_ho: np.ndarray,
    *,
    epochs: int,
    lr: float = 1e-4,
    frozen: bool = False,
) -> Published:
    """The published training with all its errors at once, in our notation.

    W_ih has shape (50, n_hid): a row of weights for each step of the window. No
    biases. `frozen` trains W_ho only. All rows of the published "gradients" of W_ih
    and of W_hh are alike, so one row stands for all. The arrays given stay as they
    are.
    """
    W_ih, W_hh, W_ho = W_ih.copy(), W_hh.copy(), W_ho.copy()
    data = sine.split()

    def losses() -> list[float]:
        ends = [unshared_states(x, W_ih, W_hh)[-1] @ W_ho for x, _ in data]
        return [((o - y) ** 2).sum() / 2 for o, (_, y) in zip(ends, data, strict=True)]

    course = [losses()]
    x, y = data[0]
    for _ in range(epochs):
        for i in range(len(y)):
            h = unshared_states(x[:, i : i + 1], W_ih, W_hh)[:, 0]
            d_o = h[-1] @ W_ho - y[i]
            before = np.vstack([0 * h[:1], h[:-1]]) @ W_hh
            inputs = x[:, i] * W_ih
            row_ih = row_hh = sum_ih = sum_hh = np.zeros(len(W_hh))
            d_W_ho = np.zeros_like(W_ho)
            for t in range(len(x)):
                times = min(t, 5)  # the inner loop adds the same term at each step
                sum_ih = sum_ih + times * inputs[t]
                sum_hh = sum_hh + times * before[t]
                row_ih = np.clip(row_ih + sum_ih, -10, 10)
                row_hh = np.clip(row_hh + sum_hh, -10, 10)
                d_W_ho = np.clip(d_W_ho + np.outer(h[t], d_o), -10, 10)
            if not frozen:
                W_ih -= lr * row_ih
                W_hh -= lr * row_hh
            W_ho -= lr * d_W_ho
        course.append(losses())
    return Published(np.array(course), W_ih, W_hh, W_ho)


def said_as_published(x: np.ndarray, net: Published) -> np.ndarray:
    """The published prediction (n, 1): the whole window goes in at each step."""
    inputs = x[:, :, 0].T @ net.W_ih
    h = np.zeros_like(inputs)
    for _ in x:
        h = expit(inputs + h @ net.W_hh)
    return h @ net.W_ho


def published(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed: the published training, and with all but the readout frozen.

    "start", "end" and "frozen" are validation losses, sums of half the squared errors.
    "as coded" is the RMSE as published: windows of the training set, fed whole at each
    step, against validation targets. "fair" is that of the same network on the
    validation windows, fed as in training.
    """
    T, n_hid, rng = sine.LENGTH, parameters["hidden"], np.random.default_rng(seed)
    weights = [positive(*shape, rng) for shape in ((T, n_hid), (n_hid, n_hid))]
    weights.append(positive(n_hid, 1, rng))
    epochs = 2 if updates else parameters["epochs"]  # 2 of 100 updates
    net = published_training(*weights, epochs=epochs, lr=parameters["lr"])
    trace = {"published": net.losses[:3, 1]}
    if updates:
        return {"trace": trace}
    frozen = published_training(
        *weights, epochs=epochs, lr=parameters["lr"], frozen=True
    )
    training, validation = sine.split()
    fair = unshared_states(validation.x, net.W_ih, net.W_hh)[-1] @ net.W_ho
    as_coded = said_as_published(training.x[:, : len(validation.y)], net)
    return {
        "trace": trace,
        "metrics": {
            "start": net.losses[0, 1],
            "end": net.losses[-1, 1],
            "frozen": frozen.losses[-1, 1],
            "as coded": rmse(as_coded, validation.y),
            "fair": rmse(fair, validation.y),
        },
        "curves": {
            "published": np.round(net.losses[:, 1], 2),
            "frozen": np.round(frozen.losses[:, 1], 2),
        },
    }


# Two channels, and one ----------------------------------------------------------------

CHANNELS = {
    "step": 0.2,
    "steps": 32,
    "hidden": 4,
    "lr": 0.1,
    "updates": 10_000,
    "settings": ["two", "two, no memory", "one", "one, no memory", "one, any phase"],
    "test": 1000,
}


@cache
def channel_net(n: int, steps: int, hidden: int, memory: bool) -> Trainer:
    """A network and SGD on two sequences of n channels, with W_hh or not.

    An update has inputs x and y (steps, 2, n) and lr.
    """
    params = shared(initial_elman(n, hidden, n, np.random.default_rng(0)))
    x = pt.tensor3("x", shape=(steps, 2, n))
    y = pt.tensor3("y", shape=(steps, 2, n))
    lr = pt.scalar("lr")
    if memory:
        h, trained = hidden_states(x, params), list(params)
    else:
        h = pt.tanh(x @ params.W_ih + params.b_h)
        trained = [params.W_ih, params.b_h, params.W_ho, params.b_o]
    loss = ((readout(h, params) - y) ** 2).mean()
    return Trainer([x, y, lr], loss, sgd(loss, trained, lr), params)


def _waves(n: int, parameters: dict, rng) -> Iterator[tuple]:
    """Inputs of updates without end: phases drawn anew, or the fixed ones without rng.

    The fixed two sequences lie one step apart.
    """
    steps, step = parameters["steps"], parameters["step"]
    x = sine.channels([0, -step], steps, step)[:, :, :n]
    while True:
        if rng:
            x = sine.channels(rng.uniform(0, 2 * np.pi, 2), steps, step)[:, :, :n]
        yield x[:-1], x[1:], parameters["lr"]


def two_channels(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed: the next step of a sine from two channels or one, with memory or not.

    Two sequences, one a step behind the other, are all that is trained on; "any phase"
    draws the phases of both anew for each update. Metrics are on new phases: "late" is
    the RMSE from step 11 on, "first" at step 1, when there is nothing to remember;
    "by step" in the curves is at each.
    """
    steps, hidden, step = (parameters[key] for key in ("steps", "hidden", "step"))
    rng = np.random.default_rng([seed, 1])
    phases = rng.uniform(0, 2 * np.pi, parameters["test"])
    test = sine.channels(phases, steps, step)
    traces: dict = {}
    metrics: dict = {}
    curves: dict = {}
    for name in parameters["settings"]:
        n, memory = (2 if name.startswith("two") else 1), "no memory" not in name
        net = channel_net(n, steps, hidden, memory)
        net.reset(initial_elman(n, hidden, n, np.random.default_rng([seed, 0])))
        batches = _waves(n, parameters, rng if "any phase" in name else None)
        for _ in net.train(batches, updates or parameters["updates"]):
            pass  # nothing is looked at
        traces[name] = net.trace
        now = net.now()
        x = test[:, :, :n]
        if memory:
            h = hidden_states_numpy(x[:-1], now)
        else:
            h = np.tanh(x[:-1] @ now.W_ih + now.b_h)
        squares = ((readout(h, now) - x[1:]) ** 2).mean(axis=(1, 2))
        metrics[name] = {
            "first": np.sqrt(squares[0]),
            "late": np.sqrt(squares[10:].mean()),
        }
        curves[name] = np.round(np.sqrt(squares), 5)
    return {"trace": traces, "metrics": metrics, "by step": curves}


# The sunspots, with a memory ----------------------------------------------------------

SUNSPOTS = {
    "window": 9,
    "updates": 4000,
    "check_every": 25,
    "patience": 500,
    "train_to": sunspots.TRAIN_END,
    "validate_to": sunspots.VALIDATION_END,
}
# The same for both kinds of networks.
SUNSPOT_SEARCH = SUNSPOTS | {
    "hidden": [2, 4, 8, 16, 32, 64, 128],
    "lr": [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1],
}


class Scale(NamedTuple):
    """The scaling of chapter 1: mean and deviation of its training targets."""

    mean: float
    sd: float


def scale(window: int) -> Scale:
    """Of the training years that have a window of years before them."""
    y = sunspots.split_windows(window)[0].y
    return Scale(y.mean(), y.std())


@cache
def recurrent_sunspots(hidden: int, window: int) -> Trainer:
    """An update has the input lr: it is one on all training years as one sequence.

    The loss leaves out the first `window` years, which a window network cannot
    forecast either.
    """
    params = shared(initial_elman(1, hidden, 1, np.random.default_rng(0)))
    mean, sd = scale(window)
    years, counts = sunspots.load()
    z = ((counts[years <= sunspots.TRAIN_END] - mean) / sd)[:, None]
    h = hidden_states(pt.constant(z[:-1]), params)
    loss = mean_squared_error(readout(h, params)[window - 1 :], z[window:])
    lr = pt.scalar("lr")
    return Trainer([lr], loss, adam(loss, list(params), lr), params, chunk=25)


@cache
def window_sunspots(hidden: int, window: int) -> Trainer:
    """The same for the window network of chapter 1, on all training windows."""
    first = initial_values((window, hidden, 1), np.random.default_rng(0))
    params = [pytensor.shared(value, shape=value.shape) for value in first]
    mean, sd = scale(window)
    X, y = ((part - mean) / sd for part in sunspots.split_windows(window)[0])
    loss = mean_squared_error(network(pt.constant(X), params), y)
    lr = pt.scalar("lr")
    return Trainer([lr], loss, adam(loss, params, lr), params, chunk=25)


def run_on(params: Elman, counts: np.ndarray, horizon: int, to: Scale) -> np.ndarray:
    """Forecasts of the recurrent network from each year, (horizon, years).

    [0, t] is for the year after t, given all years up to t; [j, t] is j years further,
    by feeding the forecasts back.
    """
    h = hidden_states_numpy(((counts - to.mean) / to.sd)[:, None], params)
    forecasts = []
    for _ in range(horizon):
        o = readout(h, params)
        forecasts.append(to.mean + to.sd * o[:, 0])
        h = np.tanh(o @ params.W_ih + h @ params.W_hh + params.b_h)
    return np.array(forecasts)


def window_on(say: Callable, counts: np.ndarray, window: int, horizon: int):
    """The same for a rule that maps windows (n, window) to forecasts (n,).

    The first window - 1 years, which have no full window behind them, hold nan.
    """
    X = np.lib.stride_tricks.sliding_window_view(counts, window)
    forecasts = np.full((horizon, len(counts)), np.nan)
    for j in range(horizon):
        o = say(X)
        forecasts[j, window - 1 :] = o
        X = np.column_stack([X[:, 1:], o])
    return forecasts


def by_horizon(forecasts: np.ndarray, counts: np.ndarray, first: int) -> np.ndarray:
    """RMSE of forecasts (horizon, years) made from year number `first` on, by horizon.

    The further ahead, the fewer years there are to compare with.
    """
    n = len(counts)
    return np.array(
        [
            rmse(made[first : n - 1 - j], counts[first + 1 + j :])
            for j, made in enumerate(forecasts)
        ]
    )


def window_says(values: list[np.ndarray], to: Scale, X: np.ndarray) -> np.ndarray:
    """The window network's forecasts (n,) after windows X (n, window) of sunspots."""
    W_ih, b_h, W_ho, b_o = values
    h = np.tanh((X - to.mean) / to.sd @ W_ih + b_h)
    return (to.mean + to.sd * (h @ W_ho + b_o))[:, 0]


def forecasts_of(
    kind: str, values: Sequence, counts: np.ndarray, window: int, horizon: int
) -> np.ndarray:
    """What a "recurrent" or a "window" network says, as `run_on` or `window_on`."""
    to = scale(window)
    if kind == "recurrent":
        return run_on(Elman(*values), counts, horizon, to)
    return window_on(partial(window_says, values, to), counts, window, horizon)


class Stopped(NamedTuple):
    """The network of a training where its validation error was least."""

    trace: list
    values: list[np.ndarray]
    error: float
    at: int  # updates


def learn_sunspots(
    kind: str,
    hidden: int,
    lr: float,
    rng: np.random.Generator,
    parameters: dict,
    updates: int | None = None,
) -> Stopped:
    """Adam on all training years at once, stopped where the validation error is least.

    `kind` is "recurrent" or "window". The training ends with the updates, or when that
    error has not been beaten for `patience` of them.
    """
    window, every = parameters["window"], parameters["check_every"]
    counts, border = sunspots.load().counts, borders(parameters)
    if kind == "recurrent":
        net = recurrent_sunspots(hidden, window)
        net.reset(initial_elman(1, hidden, 1, rng))
    else:
        net = window_sunspots(hidden, window)
        net.reset(initial_values((window, hidden, 1), rng))
    best, values, at = np.inf, [], 0
    total = updates or parameters["updates"]
    for k, _ in net.train(repeat((lr,)), total, lambda k: k and k % every == 0):
        now = list(net.now())
        made = forecasts_of(kind, now, counts, window, 1)[0, slice(*border)]
        error = rmse(made, counts[border[0] + 1 : border[1] + 1])
        if error < best:
            best, values, at = error, now, k
        if k - at >= parameters["patience"]:
            break
    return Stopped(net.trace, values, best, at)


def borders(parameters: dict) -> tuple[int, int]:
    """The numbers of the last training year and of the last validation year."""
    years = sunspots.load().years
    return tuple(
        int(np.argmax(years == parameters[key])) for key in ("train_to", "validate_to")
    )


def search_sunspots(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed: both kinds of networks in one setting, by turns one of all settings.

    The settings are the pairs of a size and a rate. "validation" and "test" are RMSEs
    one year ahead, by kind.
    """
    counts, tested = sunspots.load().counts, borders(parameters)[1]
    hidden, lr = turn(seed, parameters)
    traces: dict = {}
    metrics: dict = {"validation": {}, "test": {}}
    stopped_at: dict = {}
    for kind in ("recurrent", "window"):
        rng = np.random.default_rng([seed, 1])  # not those of the comparison
        learned = learn_sunspots(kind, hidden, lr, rng, parameters, updates)
        made = forecasts_of(kind, learned.values, counts, parameters["window"], 1)
        traces[kind] = learned.trace
        metrics["validation"][kind] = learned.error
        metrics["test"][kind] = by_horizon(made, counts, tested)[0]
        stopped_at[kind] = learned.at
    setting = {"hidden": hidden, "lr": lr}
    return {
        "trace": traces,
        "metrics": metrics,
        "stopped_at": stopped_at,
        "setting": setting,
    }


def turn(seed: int, parameters: dict) -> tuple[int, float]:
    """The size and the rate whose turn it is: all rates of a size, then the next."""
    settings = list(product(parameters["hidden"], parameters["lr"]))
    return settings[seed % len(settings)]


# The comparison: of each kind the setting that the search chose, and half and twice as
# many units, at the rates that it found for these.
SUNSPOT_RATES = {
    "recurrent": {8: 0.001, 16: 0.03, 32: 0.01},
    "window": {2: 0.03, 4: 0.1, 8: 0.001},
}
SUNSPOT_CHOICE = ["recurrent 16", "window 4"]
SUNSPOT_COMPARISON = SUNSPOTS | {
    "settings": {
        f"{kind} {hidden}": {"kind": kind, "hidden": hidden, "lr": lr}
        for kind, rates in SUNSPOT_RATES.items()
        for hidden, lr in rates.items()
    },
    "chosen": SUNSPOT_CHOICE,
    "horizon": 22,
    "free_run": 53,
}


def forecast_sunspots(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed: each setting, stopped early, in sunspots.

    "horizon" holds the RMSE in the test years for 1, 2, ... years ahead in a closed
    loop, and "range" that of the last 22 years of a run that hears nothing after 1955.
    Of the chosen settings, "forecast" holds what they say for the test years, one year
    ahead, and "free run" that run.
    """
    counts, tested = sunspots.load().counts, borders(parameters)[1]
    traces: dict = {}
    metrics: dict = {"validation": {}, "test": {}, "range": {}}
    found: dict = {"forecast": {}, "horizon": {}, "free run": {}, "stopped_at": {}}
    for name, setting in parameters["settings"].items():
        rng = np.random.default_rng(seed)
        learned = learn_sunspots(
            **setting, rng=rng, parameters=parameters, updates=updates
        )
        traces[name] = learned.trace
        forecasts = forecasts_of(
            setting["kind"],
            learned.values,
            counts,
            parameters["window"],
            parameters["free_run"],
        )
        errors = by_horizon(forecasts[: parameters["horizon"]], counts, tested)
        metrics["validation"][name], metrics["test"][name] = learned.error, errors[0]
        metrics["range"][name] = np.ptp(forecasts[-22:, tested])
        found["stopped_at"][name] = learned.at
        found["horizon"][name] = np.round(errors, 2)
        if name in parameters["chosen"]:
            found["forecast"][name] = np.round(forecasts[0, tested:-1], 2)
            found["free run"][name] = np.round(forecasts[:, tested], 1)
    return {"trace": traces, "metrics": metrics, **found}


EXPERIMENTS = (
    Experiment(
        name="sine-training",
        summary="The next value of a sine: the classic budget, and training done well.",
        parameters=TRAINING,
        run=training,
        metrics=(
            *(f"validation.{name}" for name in TRAINING["settings"]),
            "closed.adam tanh",
            "closed.adam sigmoid",
            "phase.adam tanh",
        ),
    ),
    Experiment(
        name="sine-budget",
        summary="The classic budget with tanh units, for more seeds.",
        parameters=BUDGET,
        run=training,
        metrics=("validation.classic tanh",),
    ),
    Experiment(
        name="sine-splits",
        summary="Tanh and sigmoid units, asked for waves of a kind that was held out.",
        parameters=SPLITS,
        run=splits,
        metrics=tuple(
            f"validation.{how}.{units}"
            for asked in SPLITS["asked"].values()
            for how in asked
            for units in SPLITS["settings"]
        ),
    ),
    Experiment(
        name="sine-bugs",
        summary="Sigmoid networks trained with each error of a published gradient.",
        parameters=BUGGY,
        run=bugs,
        metrics=tuple(f"end.{bug}" for bug in BUGS),
    ),
    Experiment(
        name="sine-published",
        summary="The published training with all its errors, whole and half frozen.",
        parameters=PUBLISHED,
        run=published,
        metrics=("end", "frozen", "as coded", "fair"),
    ),
    Experiment(
        name="sine-channels",
        summary="The next step of a sine from one channel or two, with memory or not.",
        parameters=CHANNELS,
        run=two_channels,
        metrics=tuple(f"{name}.late" for name in CHANNELS["settings"]),
    ),
    Experiment(
        name="sine-search-sunspots",
        summary="One search for recurrent and window networks: 42 settings by turns.",
        parameters=SUNSPOT_SEARCH,
        run=search_sunspots,
        metrics=("validation.recurrent", "validation.window"),
    ),
    Experiment(
        name="sine-sunspots",
        summary="Forecasts of the sunspot number: recurrent networks and windows.",
        parameters=SUNSPOT_COMPARISON,
        run=forecast_sunspots,
        metrics=tuple(f"test.{name}" for name in SUNSPOT_COMPARISON["settings"]),
    ),
)
