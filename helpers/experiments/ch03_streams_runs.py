"""The recorded experiments of chapter 3: the dot product of two streams.

A network hears x[t] = (x0[t], x1[t]) for T steps, each uniform in [-1, 1], and at the
end says the sum over t of x0[t] * x1[t]. It has to multiply, which no linear network
can, and to keep what it has summed so far. Every update draws fresh examples, so there
is nothing to overfit. The measure is R^2 on examples that no update has seen: 1 minus
the mean squared error over the variance of the target, which is T / 9.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import count, product
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pytensor.tensor as pt
import scipy  # imports its statistics at their first use
from scipy.special import expit

from helpers.experiments.runner import Experiment
from helpers.experiments.trainer import Learned, Trainer
from helpers.networks import initialisation
from helpers.networks.elman import (
    Elman,
    hidden_states,
    hidden_states_numpy,
    initial_elman,
    readout,
    shared,
)
from helpers.networks.feedforward import mean_squared_error
from helpers.networks.optimisers import (
    adam,
    clip_by_norm,
    clip_by_value,
    sgd,
    soft_threshold,
)

# Under one name, the same function for PyTensor and for NumPy.
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
CLIPS: dict[str, Callable] = {"value": clip_by_value, "norm": clip_by_norm}


class Examples(NamedTuple):
    """Inputs x (T, n, 2) and targets y (n, 1)."""

    x: np.ndarray
    y: np.ndarray


def examples(length: int, n: int, rng: np.random.Generator) -> Examples:
    """n fresh examples of `length` steps."""
    x = rng.uniform(-1, 1, (length, n, 2))
    return Examples(x, dot_product(x))


def dot_product(x: np.ndarray) -> np.ndarray:
    """The sum over t of x0[t] * x1[t], for x (T, n, 2): (n, 1)."""
    return x.prod(axis=2).sum(axis=0)[:, None]


def last_product(x: np.ndarray) -> np.ndarray:
    """x0 * x1 of the last step alone, which needs no memory; shapes as above."""
    return x[-1].prod(axis=1)[:, None]


def first_sum(x: np.ndarray) -> np.ndarray:
    """The sum over t of x0[t] alone, which needs no product; shapes as above."""
    return x[:, :, 0].sum(axis=0)[:, None]


def r_squared(o: np.ndarray, y: np.ndarray) -> float:
    """1 - mean squared error / variance of y: 0 for the mean, 1 for no error."""
    return float(1 - np.mean((o - y) ** 2) / y.var())


# Training --------------------------------------------------------------------


@cache
def compiled(
    activation: str,
    optimiser: str,
    batch: int,
    *,
    length: int = 10,
    hidden: int = 20,
    train_h0: bool = True,
    clip: tuple[str, float] | None = None,
) -> Trainer:
    """A network with its optimiser, compiled once a process.

    An update has inputs x (length, batch, 2), y (batch, 1), lr and l1: a step on the
    mean squared error, which then draws W_hh towards zero by lr * l1. A single example
    is a batch of one. `clip` names one of `CLIPS` and its limit.
    """
    params = shared(initial_elman(2, hidden, 1, np.random.default_rng(0)))
    x = pt.tensor3("x", shape=(length, batch, 2))
    y = pt.matrix("y", shape=(batch, 1))
    lr, l1 = pt.scalars("lr", "l1")
    h = hidden_states(x, params, ACTIVATIONS[activation][0])
    loss = mean_squared_error(readout(h[-1], params), y)
    trained = list(params if train_h0 else params[:-1])
    grads = pt.grad(loss, trained)
    if clip:
        grads = CLIPS[clip[0]](grads, clip[1])
    updates = OPTIMISERS[optimiser](grads, trained, lr)
    updates = soft_threshold(updates, params.W_hh, lr * l1)
    return Trainer([x, y, lr, l1], loss, updates, params)


def train(
    net: Trainer,
    start: Elman,
    rng: np.random.Generator,
    *,
    lr: float,
    updates: int,
    l1: float = 0.0,
    noise: float = 0.0,
    falls_for: int = 0,
    target: Callable[[np.ndarray], np.ndarray] = dot_product,
    look: Callable[[int], bool] = lambda k: False,
) -> Iterator[tuple[int, np.ndarray | None]]:
    """Train `net` from `start` on fresh examples; yields (k, loss) as `Trainer.train`.

    `noise` is the standard deviation of the white noise on the inputs; the targets,
    `target` of the inputs, are those of the clean ones. The rate stays at `lr`, or
    falls from there in equal steps to zero in `falls_for` updates.
    """
    net.reset(start)
    length, batch, _ = net.inputs[0].type.shape

    def batches() -> Iterator[tuple]:
        for k in count():
            x = examples(length, batch, rng).x
            y = target(x)
            if noise:
                x += noise * rng.standard_normal(x.shape)
            left = max(0, 1 - k / falls_for) if falls_for else 1
            yield x, y, lr * left, l1

    return net.train(batches(), updates, look)


def outputs(x: np.ndarray, params: Elman, activation: str) -> np.ndarray:
    """What a network says at the end of x (T, n, 2): (n, 1).

    In NumPy, which takes any length without compiling anew.
    """
    h = hidden_states_numpy(x, params, ACTIVATIONS[activation][1])
    return readout(h[-1], params)


def fresh(seed: int, parameters: dict, length: int | None = None) -> Examples:
    """Examples that no training sees, of the trained length if none is given."""
    rng = np.random.default_rng([seed, 2])
    return examples(length or parameters["length"], parameters["test"], rng)


def first_values(
    seed: int, hidden: int, init: str, but: Mapping[str, str] = MappingProxyType({})
) -> Elman:
    """The weights that all trainings of a seed and an initialisation start from.

    `but` leads from names of parameters to the initialisation that these have instead.
    """

    def values(init: str) -> Elman:
        rng = np.random.default_rng([seed, 0])
        return initial_elman(2, hidden, 1, rng, INITIALISATIONS[init])

    others = {name: getattr(values(other), name) for name, other in but.items()}
    return values(init)._replace(**others)


def learn(
    seed: int,
    parameters: dict,
    *,
    activation: str,
    init: str,
    optimiser: str,
    batch: int,
    every: int,
    train_h0: bool = True,
    but: Mapping[str, str] = MappingProxyType({}),
    target: Callable[[np.ndarray], np.ndarray] = dot_product,
    **options,
) -> Learned:
    """One training, its curve R^2 on the test examples; `options` as in `train`.

    All trainings of a seed and a batch size see the same inputs.
    """
    length, hidden = parameters["length"], parameters["hidden"]
    net = compiled(
        activation, optimiser, batch, length=length, hidden=hidden, train_h0=train_h0
    )
    start = first_values(seed, hidden, init, but)
    x = fresh(seed, parameters).x
    y = target(x)
    options |= {"target": target, "look": lambda k: k % every == 0}
    curve = [
        r_squared(outputs(x, net.now(), activation), y)
        for _ in train(net, start, np.random.default_rng([seed, 1]), **options)
    ]
    return Learned(net.trace, np.round(curve, 4), net.now())


# As published: sigmoid units, tiny weights, plain SGD on single examples, h0 zero.

PUBLISHED = {
    "length": 10,
    "hidden": 20,  # the source does not say; as in the other experiments
    "setting": {
        "activation": "sigmoid",
        "init": "normal",
        "optimiser": "sgd",
        "batch": 1,
        "train_h0": False,
    },
    "lr": [0.01, 0.05, 0.1],
    "updates": 20_000,
    "long_lr": 0.05,
    "long_updates": 300_000,
    "every": 2000,
    "test": 2000,
}


def published(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed: R^2 at each learning rate, and for one of them after a long run."""
    traces, curves, metrics = {}, {}, {}
    for lr in parameters["lr"]:
        key, long = f"lr {lr:g}", lr == parameters["long_lr"]
        learned = learn(
            seed,
            parameters,
            **parameters["setting"],
            every=parameters["every"],
            lr=lr,
            updates=updates or parameters["long_updates" if long else "updates"],
        )
        traces[key], curves[key] = learned.trace, learned.curve
        if long:
            metrics["long"] = learned.curve[-1]
        up_to = parameters["updates"] // parameters["every"] + 1
        metrics[key] = learned.curve[:up_to][-1]
    return {"trace": traces, "metrics": metrics, "curves": curves}


# Why it waits: tasks that need only one of the two things, and one matrix made larger.

PLATEAU = {
    "length": 10,
    "hidden": 20,
    "setting": PUBLISHED["setting"],
    "lr": 0.05,
    "updates": 40_000,
    "every": 2000,
    "test": 2000,
    "larger": "unit",
}
TARGETS = {"no memory": last_product, "no product": first_sum}


def plateau(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed, trained as it was published, with one thing made easier at a time.

    "no memory" and "no product": another target, that of `TARGETS`. "larger W_ih",
    "larger W_hh" and "larger W_ho": the product of two streams, but this matrix begins
    by the initialisation `larger`. The training to compare with is that of `published`,
    which sees the same inputs.
    """
    common = {
        **parameters["setting"],
        "every": parameters["every"],
        "lr": parameters["lr"],
        "updates": updates or parameters["updates"],
    }
    runs = {
        key: learn(seed, parameters, target=target, **common)
        for key, target in TARGETS.items()
    }
    for name in ("W_ih", "W_hh", "W_ho"):
        but = {name: parameters["larger"]}
        runs[f"larger {name}"] = learn(seed, parameters, but=but, **common)
    return {
        "trace": {key: learned.trace for key, learned in runs.items()},
        "metrics": {"R2": {key: learned.curve[-1] for key, learned in runs.items()}},
        "curves": {key: learned.curve for key, learned in runs.items()},
    }


# Done well: what the activation, the initialisation and the optimiser decide.

GOOD = {"activation": "sigmoid", "init": "unit", "optimiser": "adam"}

WELL = {
    "length": 10,
    "hidden": 20,
    "activations": ["tanh", "sigmoid"],
    "inits": ["normal", "uniform", "unit", "orthogonal"],
    "lr": {"sgd": 0.05, "adam": 0.003},
    "batch": 32,
    "updates": 10_000,
    "every": 500,
    "test": 2000,
    "linear_readout_examples": 10_000,
    "lengths": [5, 10, 15, 20, 30, 40],
    "good": GOOD,
    "noise": [0.05, 0.1, 0.2],
}


def linear_readout(training: Examples, x: np.ndarray) -> np.ndarray:
    """The best linear rule's predictions at x (T, n, 2): (n, 1).

    Least squares on the training examples, from all 2 T inputs and a constant.
    """

    def features(x):
        n = x.shape[1]
        return np.column_stack([np.swapaxes(x, 0, 1).reshape(n, -1), np.ones(n)])

    weights, *_ = np.linalg.lstsq(features(training.x), training.y, rcond=None)
    return features(x) @ weights


def best_under_noise(x: np.ndarray, sd: float) -> np.ndarray:
    """The best predictions from inputs x (T, n, 2) that carry white noise: (n, 1).

    No rule has a smaller mean squared error than the mean of the target given x. A
    clean input given its noisy value is normal about that value, with standard
    deviation `sd` and cut off at +-1; such a variable's mean is known, and the two
    inputs of a step are independent, so their means multiply.
    """
    low, high, normal = (-1 - x) / sd, (1 - x) / sd, scipy.stats.norm
    inside = normal.cdf(high) - normal.cdf(low)
    mean = x + sd * (normal.pdf(low) - normal.pdf(high)) / inside
    return dot_product(mean)


def well(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed: R^2 of 16 settings and two baselines; lengths and noise.

    "R2": each setting, at the length it was trained for; "mean" and "linear": baselines
    fitted on examples of their own; "lengths": each setting at other lengths. "noise":
    the good setting, trained with noise of one standard deviation and tested with
    another ("0.1 to 0.2"), beside the exact dot product of the noisy inputs ("exact to
    0.2") and the best possible prediction from them ("best to 0.2").
    """
    common = {
        "batch": parameters["batch"],
        "every": parameters["every"],
        "updates": updates or parameters["updates"],
    }
    runs = {}
    for activation, init, optimiser in product(
        parameters["activations"], parameters["inits"], parameters["lr"]
    ):
        runs[f"{activation} {init} {optimiser}"] = learn(
            seed,
            parameters,
            activation=activation,
            init=init,
            optimiser=optimiser,
            lr=parameters["lr"][optimiser],
            **common,
        )
    good, lr = parameters["good"], parameters["lr"][parameters["good"]["optimiser"]]
    noisy = {
        sd: learn(seed, parameters, **good, lr=lr, noise=sd, **common)
        for sd in parameters["noise"]
    }
    traces = {key: learned.trace for key, learned in runs.items()}
    traces |= {f"noise {sd:g}": learned.trace for sd, learned in noisy.items()}
    if updates:
        return {"trace": traces}

    test = fresh(seed, parameters)
    rng = np.random.default_rng([seed, 3])
    training = examples(
        parameters["length"], parameters["linear_readout_examples"], rng
    )
    lengths: dict = {key: {} for key in runs}
    for length in parameters["lengths"]:
        x, y = fresh(seed, parameters, length)
        for key, learned in runs.items():
            o = outputs(x, learned.params, key.split()[0])
            lengths[key][str(length)] = r_squared(o, y)
    clean = "{activation} {init} {optimiser}".format(**good)
    noisy = {0: runs[clean]} | noisy
    noise: dict = {}
    for tested in noisy:
        x = test.x + tested * rng.standard_normal(test.x.shape)
        for trained, learned in noisy.items():
            o = outputs(x, learned.params, good["activation"])
            noise[f"{trained:g} to {tested:g}"] = r_squared(o, test.y)
        if tested:
            noise[f"exact to {tested:g}"] = r_squared(dot_product(x), test.y)
            best = best_under_noise(x, tested)
            noise[f"best to {tested:g}"] = r_squared(best, test.y)
    return {
        "trace": traces,
        "metrics": {
            "R2": {key: learned.curve[-1] for key, learned in runs.items()},
            "mean": r_squared(training.y.mean(), test.y),
            "linear": r_squared(linear_readout(training, test.x), test.y),
            "lengths": lengths,
            "noise": noise,
        },
        "curves": {key: learned.curve for key, learned in runs.items()},
    }


# Noise on the inputs, trained to the end: the rate falls to zero.

NOISE = {
    "length": 10,
    "hidden": 20,
    "good": GOOD,
    "batch": 32,
    "lr": 0.003,
    "updates": 15_000,
    "every": 1000,
    "test": 2000,
    "noise": [0.0, 0.05, 0.1, 0.2, 0.4],
}


def noise(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed: R^2 by the noise of the training and that of the test.

    "R2": "0.1 to 0.2" was trained with noise of the first standard deviation and tested
    with the second; "best to 0.2" is the best possible prediction. The curves are of
    each training, on test examples without noise.
    """
    levels = parameters["noise"]
    runs = {
        sd: learn(
            seed,
            parameters,
            **parameters["good"],
            batch=parameters["batch"],
            every=parameters["every"],
            lr=parameters["lr"],
            falls_for=parameters["updates"],
            noise=sd,
            updates=updates or parameters["updates"],
        )
        for sd in levels
    }
    test, rng = fresh(seed, parameters), np.random.default_rng([seed, 3])
    R2 = {}
    for tested in levels:
        x = test.x + tested * rng.standard_normal(test.x.shape)
        best = best_under_noise(x, tested) if tested else test.y
        R2[f"best to {tested:g}"] = r_squared(best, test.y)
        for trained, learned in runs.items():
            o = outputs(x, learned.params, parameters["good"]["activation"])
            R2[f"{trained:g} to {tested:g}"] = r_squared(o, test.y)
    return {
        "trace": {f"noise {sd:g}": learned.trace for sd, learned in runs.items()},
        "metrics": {"R2": R2},
        "curves": {f"noise {sd:g}": learned.curve for sd, learned in runs.items()},
    }


# The batch: at an equal number of updates, and at an equal number of examples.

BATCH = {
    "length": 10,
    "hidden": 20,
    "good": GOOD,
    "lr": 0.003,
    "equal_updates": 2500,
    "equal_examples": 80_000,
    # By batch size: enough updates for both comparisons.
    "updates": {"1": 80_000, "8": 10_000, "32": 2500, "128": 2500},
    "every": {"1": 500, "8": 125, "32": 125, "128": 125},
    "test": 2000,
}


def batch(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed: R^2 for each batch size, after equal updates and equal examples."""
    runs = {
        size: learn(
            seed,
            parameters,
            **parameters["good"],
            batch=int(size),
            every=parameters["every"][size],
            lr=parameters["lr"],
            updates=updates or total,
        )
        for size, total in parameters["updates"].items()
    }

    def after(size, k):  # or at the end, in a run that stops before
        return runs[size].curve[: k // parameters["every"][size] + 1][-1]

    return {
        "trace": {size: learned.trace for size, learned in runs.items()},
        "metrics": {
            "equal updates": {
                size: after(size, parameters["equal_updates"]) for size in runs
            },
            "equal examples": {
                size: after(size, parameters["equal_examples"] // int(size))
                for size in runs
            },
        },
        "curves": {size: learned.curve for size, learned in runs.items()},
    }


# Sparse recurrent weights, by an L1 penalty with its proximal step.

SPARSE = {
    "length": 10,
    "hidden": 20,
    "setting": {
        "activation": "sigmoid",
        "init": "unit",
        # Not Adam: it gives each weight a rate of its own, and the proximal step of
        # one common strength would then belong to another penalty.
        "optimiser": "sgd",
        "batch": 32,
    },
    "lr": 0.1,
    "l1": [0.0, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2],
    "updates": 20_000,
    "every": 1000,
    "test": 2000,
}


def sparse(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed: R^2 and the share of exact zeros in W_hh for each strength."""
    runs = {
        f"l1 {l1:g}": learn(
            seed,
            parameters,
            **parameters["setting"],
            every=parameters["every"],
            lr=parameters["lr"],
            l1=l1,
            updates=updates or parameters["updates"],
        )
        for l1 in parameters["l1"]
    }
    return {
        "trace": {key: learned.trace for key, learned in runs.items()},
        "metrics": {
            "R2": {key: learned.curve[-1] for key, learned in runs.items()},
            "zeros": {
                key: np.mean(learned.params.W_hh == 0) for key, learned in runs.items()
            },
        },
        "curves": {key: learned.curve for key, learned in runs.items()},
    }


EXPERIMENTS = (
    Experiment(
        name="streams-published",
        summary="The dot product of two streams, trained as it was published.",
        parameters=PUBLISHED,
        run=published,
        metrics=("lr 0.01", "lr 0.05", "lr 0.1", "long"),
    ),
    Experiment(
        name="streams-plateau",
        summary="Why it waits: without memory, without a product, one matrix larger.",
        parameters=PLATEAU,
        run=plateau,
        metrics=tuple(
            f"R2.{key}"
            for key in (*TARGETS, "larger W_ih", "larger W_hh", "larger W_ho")
        ),
    ),
    Experiment(
        name="streams-well",
        summary="The same by initialisation and optimiser; other lengths; noise.",
        parameters=WELL,
        run=well,
        metrics=(
            "R2.sigmoid unit adam",
            "R2.tanh unit adam",
            "R2.sigmoid unit sgd",
            "R2.sigmoid normal sgd",
            "linear",
            "lengths.sigmoid unit adam.20",
            "noise.0 to 0.2",
            "noise.0.2 to 0.2",
        ),
    ),
    Experiment(
        name="streams-noise",
        summary="The same by the noise of training and test, trained to the end.",
        parameters=NOISE,
        run=noise,
        metrics=(
            *(f"R2.{sd:g} to {sd:g}" for sd in NOISE["noise"]),
            "R2.0 to 0.2",
            "R2.0.1 to 0.2",
            "R2.0.4 to 0.2",
            "R2.best to 0.2",
        ),
    ),
    Experiment(
        name="streams-batch",
        summary="The same by batch size, after equal updates and equal examples.",
        parameters=BATCH,
        run=batch,
        metrics=tuple(
            f"equal {what}.{size}"
            for what in ("updates", "examples")
            for size in BATCH["updates"]
        ),
    ),
    Experiment(
        name="streams-sparse",
        summary="The same with an L1 penalty on W_hh: exact zeros against R^2.",
        parameters=SPARSE,
        run=sparse,
        metrics=tuple(
            f"{what}.l1 {l1:g}" for what in ("R2", "zeros") for l1 in SPARSE["l1"]
        ),
    ),
)
