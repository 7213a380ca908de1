"""The checks of the exercises of chapter 1."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

from helpers.check.core import Domain, Probe, Verdict, exercise, judge
from helpers.check.core.graphs import function, run_updates
from helpers.networks.feedforward import mean_squared_error, network

NAMES = ("W_ih", "b_h", "W_ho", "b_o")


# 1.1 ------------------------------------------------------------------------------


def _draw_marked(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    n = int(rng.integers(1, 25))
    return rng.integers(-99, 100, n) / 10, rng.random(n) < rng.uniform(0.1, 0.6)


@exercise(
    "One number that is kept remembers over any distance.",
    Domain(
        "last_marked(x, marked)",
        "`x` and `marked` are arrays of one length, at least 1: numbers, and True or "
        "False.",
        _draw_marked,
        weak=(
            (
                np.array([3.0, 5.0, 2.0, 7.0, 4.0, 6.0, 1.0]),
                np.array([False, True, False, False, True, False, False]),
            ),
            (np.array([2.0, -8.0, 9.0, 1.0]), np.array([True, True, False, True])),
            (np.array([4.0, 6.0]), np.array([False, False])),
        ),
    ),
)
def last_marked(student: Callable, probes: list[Probe]) -> Iterator[Verdict]:
    """Judge `last_marked(x, marked)`: a memory that no window has."""
    yield judge(student, probes, _kept, mistakes=_kept_mistakes, formulas=[_by_place])


def _kept(x: np.ndarray, marked: np.ndarray) -> np.ndarray:
    kept, y = 0.0, np.zeros(len(x))
    for t in range(len(x)):
        if marked[t]:
            kept = x[t]
        y[t] = kept
    return y


def _by_place(x: np.ndarray, marked: np.ndarray) -> np.ndarray:
    place = np.maximum.accumulate(np.where(marked, np.arange(len(x)) + 1, 0))
    return np.append(0.0, x)[place]


def _kept_mistakes(x: np.ndarray, marked: np.ndarray) -> dict[str, np.ndarray]:
    """What is kept with one mistake each."""
    y, n = _kept(x, marked), len(x)
    only = np.where(marked, x, 0.0)
    before = np.append(0.0, only[:-1])
    seen = np.cumsum(marked) > 0
    first = x[np.argmax(marked)]
    last = x[n - 1 - np.argmax(marked[::-1])]
    return {
        "one step late: at a marked step the answer is the number of this step": (
            np.append(0.0, y[:-1])
        ),
        "the first marked number is kept for ever: a later one replaces it": (
            np.where(seen, first, 0.0)
        ),
        "this looks into the future: the last mark of the whole series": (
            np.full(n, last)
        ),
        "this is x itself, marked or not": x,
        "nothing is kept: 0 at each step that is not marked": only,
        "only one step is kept: go back to the last marked step, however far": (
            np.where(marked, x, before)
        ),
        "the marked numbers are added up, expected the last of them": np.cumsum(only),
        "the largest marked number is kept, expected the last": (
            np.where(seen, np.maximum.accumulate(np.where(marked, x, -np.inf)), 0.0)
        ),
        "the steps that are not marked are kept": _kept(x, ~marked),
        "these are the marks, expected the numbers at them": marked.astype(float),
        "this is where the last mark was, expected the number there": (
            _kept(np.arange(n), marked)
        ),
        "before the first mark the answer is 0, not the first number": (
            np.where(seen, y, x[0])
        ),
    }


# 1.2 ------------------------------------------------------------------------------


def _draw_sizes(rng: np.random.Generator) -> tuple[list[int]]:
    return (rng.integers(1, 41, rng.integers(2, 7)).tolist(),)


@exercise(
    "A layer from m to n units has m * n weights and n biases, and the input "
    "layer has none.",
    Domain(
        "count_parameters(sizes)",
        "`sizes` holds whole numbers, each at least 1.",
        _draw_sizes,
        weak=(([3, 4, 2],), ([9, 8, 1],), ([12, 20, 10, 5, 1],), ([4, 2],)),
    ),
)
def count_parameters(student: Callable, probes: list[Probe]) -> Iterator[Verdict]:
    """Judge `count_parameters(sizes)`: the weights and biases of a network."""
    yield judge(student, probes, _count, mistakes=_count_mistakes, formulas=[_by_layer])


def _count(sizes: list[int]) -> int:
    return sum(m * n for m, n in pairwise(sizes)) + sum(sizes[1:])


def _by_layer(sizes: list[int]) -> int:
    return sum((m + 1) * n for m, n in pairwise(sizes))


def _count_mistakes(sizes: list[int]) -> dict[str, int]:
    """The counts with one mistake each."""
    biases = sum(sizes[1:])
    weights = _count(sizes) - biases
    return {
        "the biases are not counted": weights,
        "the weights are not counted": biases,
        "the input units have no biases": weights + sum(sizes),
        "each unit has a bias, not each layer": weights + len(sizes) - 1,
        "the biases of the last layer are missing": weights + sum(sizes[1:-1]),
        "the last layer is missing": _count(sizes[:-1]),
        "the first layer is missing": _count(sizes[1:]),
        "each unit has a single bias, not one for each of its inputs": (
            weights + sum(sizes[:-1])
        ),
        "m weights lead to each of n units, m * n and not m + n": (
            sum(map(sum, pairwise(sizes))) + biases
        ),
        "m + 1 and n are added, expected multiplied": (
            sum((m + 1 + n) for m, n in pairwise(sizes))
        ),
        "m * n weights and n biases are added, not subtracted": weights - biases,
    }


# 1.3 ------------------------------------------------------------------------------


def _draw_series(rng: np.random.Generator) -> tuple[np.ndarray, int]:
    n = int(rng.integers(2, 30))
    return rng.integers(-99, 100, n) / 10, int(rng.integers(1, n))


def _series(n: int, k: int) -> tuple[np.ndarray, int]:
    return np.random.default_rng(n).integers(1, 100, n) / 10, k


@exercise(
    "Each window holds k values and ends right before the one to predict.",
    Domain(
        "windows(series, k)",
        "`series` is an array of at least 2 numbers, and `k` is at least 1 and smaller "
        "than $n$.",
        _draw_series,
        weak=(_series(12, 3), _series(10, 1), _series(5, 4), _series(2, 1)),
    ),
)
def windows(student: Callable, probes: list[Probe]) -> Iterator[Verdict]:
    """Judge `windows(series, k)`: all windows, and the value that follows each."""
    yield judge(
        student,
        probes,
        _windows,
        mistakes=_window_mistakes,
        parts=("X", "y"),
        order=("y", "X"),
    )


def _windows(series: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    return np.stack([series[i : i + k] for i in range(len(series) - k)]), series[k:]


def _window_mistakes(series: np.ndarray, k: int) -> dict[str, dict[str, np.ndarray]]:
    """X and y with one mistake each."""
    n = len(series)
    X, y = _windows(series, k)
    return {
        "k + 1 values in each window, the last of them the one to predict": {
            "X": np.column_stack([X, y])
        },
        "one step late: X[i] holds y[i], the value to predict": {
            "X": np.stack([series[i + 1 : i + 1 + k] for i in range(n - k)])
        },
        "X and y are exchanged": {"X": y, "y": X},
        "the newest value comes first, expected the oldest first": {"X": X[:, ::-1]},
        "the last window has no value that follows it": {
            "X": np.vstack([X, series[n - k :]])
        },
        "one step late: y[i] is series[i + k + 1], expected series[i + k]": {
            "y": y[1:]
        },
        "one step early: y[i] is still in the window X[i]": {"y": series[k - 1 : -1]},
        "the windows overlap: one starts at each value of the series": {
            "y": series[k::k]
        },
        "this is the whole series, expected what follows the first window": {
            "y": series
        },
        "cut off at the other end: the values to predict are series[k:]": {
            "y": series[:-k]
        },
        "only a single window, expected all": {"X": X[0]},
        "all windows are the same: each must begin one value later": {
            "X": np.tile(X[:1], (n - k, 1))
        },
    }


# 1.4 ------------------------------------------------------------------------------


def _draw_example(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """X (n, n_in), y (n, 1), W_ih, b_h, W_ho, b_o, all standard normal."""
    n, n_in, n_hid = rng.integers(1, 8), *rng.integers(1, 6, 2)
    return _example(rng, n, n_in, n_hid)


def _example(rng, n, n_in, n_hid) -> tuple[np.ndarray, ...]:
    shapes = ((n, n_in), (n, 1), (n_in, n_hid), (n_hid,), (n_hid, 1), (1,))
    return tuple(rng.normal(size=shape) for shape in shapes)


@exercise(
    "All four gradients equal those of pt.grad.",
    Domain(
        "gradients(X, y, W_ih, b_h, W_ho, b_o)",
        "There is at least one example, input and hidden unit, and all numbers are "
        "finite.",
        _draw_example,
        weak=[_example(np.random.default_rng(6), 6, 3, 4)],
    ),
)
def gradients(student: Callable, probes: list[Probe]) -> Iterator[Verdict]:
    """Judge `gradients(X, y, W_ih, b_h, W_ho, b_o)`: backpropagation by hand."""
    yield judge(
        student,
        probes,
        lambda *arguments: _loss_gradients()(*arguments),
        mistakes=_gradient_mistakes,
        formulas=[_by_hand],
        parts=NAMES,
        # An error travels backwards with the gradient: look where it begins.
        order=("b_o", "W_ho", "b_h", "W_ih"),
        label="{part}",
        leads={
            "b_o": "It is the sum of the gradient at o: look at o and at this gradient",
            "W_ho": "The gradient at o is right, since that of b_o is: look at its "
            "product with h",
            "b_h": "The gradient at o is right: look at its way back through W_ho and "
            "the tanh",
            "W_ih": "The gradient at the sum of the hidden units is right, since that "
            "of b_h is: look at its product with X",
        },
    )


@cache
def _loss_gradients() -> Callable:
    """The function that PyTensor derives: (X, y, *params) to the four gradients."""
    X, y, W_ho, W_ih = (pt.dmatrix() for _ in range(4))
    b_h, b_o = pt.dvector(), pt.dvector()
    params = [W_ih, b_h, W_ho, b_o]
    loss = mean_squared_error(network(X, params), y)
    return function([X, y, *params], pt.grad(loss, params))


def _by_hand(X, y, W_ih, b_h, W_ho, b_o) -> tuple[np.ndarray, ...]:
    h = np.tanh(X @ W_ih + b_h)
    d_o = 2 / len(X) * (h @ W_ho + b_o - y)
    d_a = (d_o @ W_ho.T) * (1 - h**2)
    return X.T @ d_a, d_a.sum(axis=0), h.T @ d_o, d_o.sum(axis=0)


def _gradient_mistakes(X, y, W_ih, b_h, W_ho, b_o) -> dict[str, dict[str, np.ndarray]]:
    """The gradients with one mistake each: the sentence, and the values by name."""
    n = len(X)
    a = X @ W_ih + b_h
    h = np.tanh(a)
    error = h @ W_ho + b_o - y
    d_o = 2 / n * error
    d_a = d_o @ W_ho.T * (1 - h**2)

    def backward(d_o=d_o, back=W_ho.T, slope=1 - h**2) -> dict[str, np.ndarray]:
        d_a = d_o @ back * slope
        return dict(
            zip(NAMES, (X.T @ d_a, d_a.sum(0), h.T @ d_o, d_o.sum(0)), strict=True)
        )

    return {
        "the factor 2 is missing: the derivative of e**2 is 2 * e": backward(error / n),
        "divide by n: the loss is the mean over the examples": backward(2 * error),
        "the factor 2 / n is missing": backward(error),
        "the sign is wrong: the error is o - y": backward(-d_o),
        "the derivative of tanh is missing: multiply by 1 - h**2": backward(slope=1.0),
        "1 - h**2 takes h, the output of tanh, and not its input": backward(
            slope=1 - a**2
        ),
        "the derivative of tanh is 1 - h**2, not 1 - h": backward(slope=1 - h),
        "h * (1 - h) belongs to the sigmoid; for tanh it is 1 - h**2": backward(
            slope=h * (1 - h)
        ),
        "the way back through W_ho is missing": backward(back=np.ones_like(W_ho.T)),
        "the sum over the examples became a mean": {
            "b_h": d_a.mean(0),
            "b_o": d_o.mean(0),
        },
        "summed over the units, expected over the examples (axis 0)": {
            "b_h": d_a.sum(1),
            "b_o": d_o.sum(1),
        },
    }


# 1.5 ------------------------------------------------------------------------------


def _draw_logits(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    n, classes = int(rng.integers(1, 7)), int(rng.integers(2, 6))
    o = np.round(rng.normal(0, 3, (n, classes)).clip(-20, 20), 2)
    return o, np.eye(classes)[rng.integers(0, classes, n)]


@exercise(
    "The gradient is p - y for each example, divided by how many there are.",
    Domain(
        "cross_entropy(o, y)",
        "`o` has at least one row and two columns, its numbers lie between -20 and 20, "
        "and each row of `y` has a single 1 among zeros.",
        _draw_logits,
        weak=(
            (
                np.array([[2.0, 1.0, 0.0], [-1.0, 3.0, 0.5]]),
                np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
            ),
            (np.array([[1.0, 2.0]]), np.array([[1.0, 0.0]])),
        ),
    ),
)
def cross_entropy(student: Callable, probes: list[Probe]) -> Iterator[Verdict]:
    """Judge `cross_entropy(o, y)`: the loss of a softmax, and its gradient."""
    yield judge(
        student,
        probes,
        _cross_entropy,
        mistakes=_cross_entropy_mistakes,
        formulas=[_by_probabilities],
        parts=("loss", "d_o"),
    )


def _cross_entropy(o: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    log_p = o - np.log(np.exp(o).sum(axis=1, keepdims=True))
    return -(y * log_p).sum() / len(o), (np.exp(log_p) - y) / len(o)


def _by_probabilities(o: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    p = np.exp(o) / np.exp(o).sum(axis=1, keepdims=True)
    loss = -np.log((p * y).sum(axis=1)).mean()
    return loss, (p - y) / len(o)


def _cross_entropy_mistakes(o, y) -> dict[str, dict[str, Any]]:
    """The loss and its gradient with one mistake each."""
    n, (loss, d_o) = len(o), _cross_entropy(o, y)
    p = d_o * n + y
    others = np.exp(o) / np.exp(o).sum()  # one distribution over all examples
    down = np.exp(o) / np.exp(o).sum(axis=0)
    by_p = -y / p  # the derivative with respect to p
    return {
        "the sum over the examples is taken, expected their mean": {
            "loss": loss * n,
            "d_o": p - y,
        },
        "the mean over the examples and the classes is taken": {
            "loss": loss / o.shape[1],
            "d_o": d_o / o.shape[1],
        },
        "the minus sign is missing: a logarithm of a probability is negative": {
            "loss": -loss
        },
        "the logarithm of the sum of the exponentials is missing": {
            "loss": -(y * o).sum() / n
        },
        "the logarithm is missing: this is minus the probability": {
            "loss": -(y * p).sum() / n
        },
        "this is the probability of the right class, expected minus its logarithm": {
            "loss": (y * p).sum() / n
        },
        "the logarithm is to base 2, expected the natural one": {
            "loss": loss / np.log(2)
        },
        "all classes count, expected only the one that y marks": {
            "loss": -np.log(p).sum() / n
        },
        "this is the mean squared error of p": {
            "loss": ((p - y) ** 2).sum() / n,
            "d_o": 2 * (p - y) / n,
        },
        "the exponentials are divided by the sum over all examples, expected by that "
        "of their row": {
            "loss": -(y * np.log(others)).sum() / n,
            "d_o": (others - y) / n,
        },
        "the softmax runs down the examples (axis 0), expected over the classes (axis "
        "1)": {"loss": -(y * np.log(down)).sum() / n, "d_o": (down - y) / n},
        "the sign is wrong: the gradient is p - y": {"d_o": -d_o},
        "y is missing in p - y": {"d_o": p / n},
        "this is o - y: the logits are not yet probabilities": {"d_o": (o - y) / n},
        "this is the derivative with respect to p, expected that to o": {
            "d_o": by_p / n
        },
        "p - y is the whole way to o: p * (1 - p) is in it already": {
            "d_o": d_o * p * (1 - p)
        },
        "only the entries of the right classes are there: the others get p": {
            "d_o": d_o * y
        },
        "the exponentials are not divided by their sum": {"d_o": (np.exp(o) - y) / n},
    }


# 1.6 ------------------------------------------------------------------------------


def _draw_features(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    m = int(rng.integers(1, 5))
    n = m + int(rng.integers(0, 6))
    return rng.normal(size=(n, m)), round(float(rng.uniform(0.05, 0.5)), 3)


@exercise(
    "The smaller the singular value, the closer its factor is to 1: the slower it is.",
    Domain(
        "shrink_factors(F, lr)",
        "`F` has at least one column and at least as many rows as columns, all numbers "
        "are finite, and `lr` is positive.",
        _draw_features,
        weak=(
            (np.array([[0.0, 2.0], [4.0, 0.0], [0.0, 0.0], [0.0, 0.0]]), 0.1),
            (np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 3.0], [1.0, 0.0, 1.0]]), 0.3),
        ),
    ),
)
def shrink_factors(student: Callable, probes: list[Probe]) -> Iterator[Verdict]:
    """Judge `shrink_factors(F, lr)`: gradient descent by singular values."""
    yield judge(
        student,
        probes,
        _factors,
        mistakes=_factor_mistakes,
        formulas=[_by_eigenvalues],
    )


def _factors(F: np.ndarray, lr: float) -> np.ndarray:
    s = np.linalg.svd(F, compute_uv=False)
    return 1 - 2 * lr * s**2 / len(F)


def _by_eigenvalues(F: np.ndarray, lr: float) -> np.ndarray:
    curvatures = 2 * np.linalg.eigvalsh(F.T @ F) / len(F)
    return 1 - lr * curvatures[::-1]


def _factor_mistakes(F: np.ndarray, lr: float) -> dict[str, np.ndarray]:
    """The factors with one mistake each."""
    n, m = F.shape
    s = np.linalg.svd(F, compute_uv=False)
    right = 1 - 2 * lr * s**2 / n
    return {
        "the singular values are not squared": 1 - 2 * lr * s / n,
        "eigenvalues of F.T @ F are squares already: they are squared twice": (
            1 - 2 * lr * s**4 / n
        ),
        "the factor 2 is missing: the derivative of e**2 is 2 * e": 1 - lr * s**2 / n,
        "divide by n: the loss is the mean over the examples": 1 - 2 * lr * s**2,
        "divided by the number of columns, expected by that of the examples": (
            1 - 2 * lr * s**2 / m
        ),
        "divided by the number of all entries, expected by that of the examples": (
            1 - 2 * lr * s**2 / (n * m)
        ),
        "lr is not used": 1 - 2 * s**2 / n,
        "divided by lr, expected multiplied": 1 - 2 * s**2 / (n * lr),
        "the sign is wrong: an update takes the gradient away": 1 + 2 * lr * s**2 / n,
        "this is what one update takes away, expected what it leaves": 1 - right,
        "a factor may be negative, when the step goes beyond the lowest point": (
            np.abs(right)
        ),
        "this is how the loss shrinks: it goes with the square of the error": right**2,
        "the factors come with the smallest singular value first": right[::-1],
        "these are the singular values, expected the factors": s,
        "divided by the largest singular value: only lr scales the step": (
            1 - 2 * lr * (s / s[0]) ** 2 / n
        ),
    }


# 1.7 ------------------------------------------------------------------------------


def _draw_decay(rng: np.random.Generator) -> tuple:
    lr, decay = np.round(rng.uniform(0.01, 0.5, 2), 3).tolist()
    return (*_draw_example(rng), lr, decay)


@exercise(
    "Each update also shrinks the weights a little, and leaves the biases.",
    Domain(
        "l2_updates(loss, params, lr, decay)",
        "`params` is a list of shared variables, matrices and vectors, and `lr` and "
        "`decay` are positive numbers.",
        _draw_decay,
        weak=[(*_example(np.random.default_rng(6), 6, 3, 4), 0.1, 0.03)],
        drawn=1,
        arguments=("X", "y", *NAMES, "lr", "decay"),
    ),
)
def l2_updates(student: Callable, probes: list[Probe]) -> Iterator[Verdict]:
    """Judge `l2_updates(loss, params, lr, decay)`: SGD with a penalty on weights."""
    yield judge(
        student,
        probes,
        _decayed,
        mistakes=_decay_mistakes,
        parts=NAMES,
        label="the step of {part}",
        give=_given_decay,
        take=lambda name, updates, given: run_updates(name, updates, given[1], 1),
    )


def _given_decay(arguments: tuple) -> list:
    """loss, params, lr and decay for arrays."""
    X, y, *values, lr, decay = arguments
    params = [pytensor.shared(v, name=n) for v, n in zip(values, NAMES, strict=True)]
    loss = mean_squared_error(network(pt.constant(X), params), pt.constant(y))
    return [loss, params, lr, decay]


def _decayed(X, y, *values, sign=-1, on=(0, 2), penalty=None) -> dict[str, np.ndarray]:
    """One update when the gradients of `on` gain penalty(p); (1, *shape) each."""
    *params, lr, decay = values
    penalty = penalty or (lambda p: 2 * decay * p)
    gradients = _loss_gradients()(X, y, *params)
    return {
        name: sign * lr * (g + penalty(p) * (i in on))[None]
        for i, (name, g, p) in enumerate(zip(NAMES, gradients, params, strict=True))
    }


def _decay_mistakes(*arguments) -> dict[str, dict[str, np.ndarray]]:
    """The updates with one mistake each."""
    lr, decay = arguments[-2:]

    def moves(penalty: Callable, **how) -> dict[str, np.ndarray]:
        return _decayed(*arguments, penalty=penalty, **how)

    return {
        "this is plain SGD, without the penalty": moves(lambda p: 0.0),
        "the factor 2 is missing: the derivative of W**2 is 2 * W": moves(
            lambda p: decay * p
        ),
        "the biases are decayed too": moves(lambda p: 2 * decay * p, on=range(4)),
        "the biases are decayed, and the weights are not: weights are matrices": moves(
            lambda p: 2 * decay * p, on=(1, 3)
        ),
        "the penalty has the wrong sign: the weights grow": moves(
            lambda p: -2 * decay * p
        ),
        "the step goes uphill: subtract lr times the gradient": moves(
            lambda p: 2 * decay * p, sign=1
        ),
        "the gradient of the penalty is not multiplied by lr": moves(
            lambda p: 2 * decay * p / lr
        ),
        "the penalty is not multiplied by decay": moves(lambda p: 2 * p),
        "the penalty is divided by decay, expected multiplied": moves(
            lambda p: 2 * p / decay
        ),
        "the absolute values are summed, expected the squares": moves(
            lambda p: decay * np.sign(p)
        ),
        "the mean of the squares is taken, expected their sum": moves(
            lambda p: 2 * decay * p / p.size
        ),
        "the weights are summed, expected their squares": moves(
            lambda p: decay * np.ones_like(p)
        ),
        "the cubes are summed, expected the squares": moves(lambda p: 3 * decay * p**2),
        "only the first of the matrices is in the penalty": moves(
            lambda p: 2 * decay * p, on=(0,)
        ),
        "only the last of the matrices is in the penalty": moves(
            lambda p: 2 * decay * p, on=(2,)
        ),
    } | {
        sentence: {
            name: change(move, p)[None]
            for (name, (move,)), p in zip(
                _decayed(*arguments).items(), arguments[2:6], strict=True
            )
        }
        for sentence, change in (
            ("this is the new value alone, without the old one", lambda m, p: m - p),
            ("the parameter stays, though there is an update", lambda m, p: 0 * m),
            ("this is lr times the gradient alone", lambda m, p: -m - p),
            ("the step is divided by lr, expected multiplied", lambda m, p: m / lr**2),
            ("the parameter counts twice in its new value", lambda m, p: m + p),
            (
                "the step has the right size, from minus the old value",
                lambda m, p: m - 2 * p,
            ),
            ("the old value is multiplied by the step", lambda m, p: -p * m - p),
        )
    }


# 1.8 ------------------------------------------------------------------------------

UPDATES = 4  # as many are made


def _draw_bowl(rng: np.random.Generator) -> tuple:
    lr, mu = np.round(rng.uniform(0.05, 0.95, 2), 3).tolist()
    shape = rng.integers(1, 5, 2)
    return rng.normal(size=shape), rng.normal(size=shape[1]), rng.normal(), lr, mu


@exercise(
    "The velocity remembers past gradients, each fading by mu at every update.",
    Domain(
        "momentum_updates(loss, params, lr, mu)",
        "`params` is a list of shared variables of any shape, and `lr` and `mu` are "
        "numbers between 0 and 1.",
        _draw_bowl,
        weak=[
            (
                np.array([[1.0, -2.0, 0.5], [3.0, 0.2, -1.0]]),
                np.array([1.5, -0.4]),
                0.3,
                0.1,
                0.7,
            )
        ],
        drawn=1,
        arguments=("W", "b", "lowest", "lr", "mu"),
    ),
)
def momentum_updates(student: Callable, probes: list[Probe]) -> Iterator[Verdict]:
    """Judge `momentum_updates(loss, params, lr, mu)`: gradient descent with memory."""
    yield judge(
        student,
        probes,
        _path,
        mistakes=_momentum_mistakes,
        parts=("W", "b"),
        label=f"{{part}} over {UPDATES} updates",
        give=_given_bowl,
        take=_walked,
    )


def _given_bowl(arguments: tuple) -> list:
    """Loss, params, lr and mu, where the gradient of each parameter is p - lowest."""
    W, b, lowest, lr, mu = arguments
    params = [pytensor.shared(W, name="W"), pytensor.shared(b, name="b")]
    loss = sum((0.5 * (p - lowest) ** 2).sum() for p in params)
    return [loss, params, lr, mu]


def _walked(name: str, updates: Any, given: Sequence) -> Any:
    return run_updates(name, updates, given[1], UPDATES)


def _path(
    W, b, lowest, lr, mu, rule=None, first=np.zeros_like
) -> dict[str, np.ndarray]:
    """How far each parameter is from its start after 1, ..., UPDATES updates."""
    rule = rule or (lambda p, v, g: (p + mu * v - lr * g, mu * v - lr * g))
    moved = {}
    for name, start in (("W", W), ("b", b)):
        p, v, places = start, first(start), []
        for _ in range(UPDATES):
            p, v = rule(p, v, p - lowest)
            places.append(p - start)
        moved[name] = np.stack(places)
    return moved


def _momentum_mistakes(*arguments) -> dict[str, dict[str, np.ndarray]]:
    """The paths with one mistake each."""
    lr, mu = arguments[-2:]

    def path(rule: Callable | None = None, **how) -> dict[str, np.ndarray]:
        return _path(*arguments, rule=rule, **how)

    def follow(velocity: Callable) -> dict[str, np.ndarray]:
        """First update v, then add the new v to p."""
        return path(lambda p, v, g: (p + velocity(v, g), velocity(v, g)))

    def new(v: np.ndarray, g: np.ndarray) -> np.ndarray:
        return mu * v - lr * g

    return {
        "this is plain SGD: is v used, and is (v, new v) in the list?": path(
            lambda p, v, g: (p - lr * g, v)
        ),
        "moves one update late: p must use the new v, mu * v - lr * g": path(
            lambda p, v, g: (p + v, new(v, g))
        ),
        "never moves: v stays zero. Is the pair (v, new v) in the list?": path(
            lambda p, v, g: (p, v)
        ),
        "goes uphill: the gradient has the wrong sign": follow(
            lambda v, g: mu * v + lr * g
        ),
        "mu * v has the wrong sign": follow(lambda v, g: -mu * v - lr * g),
        "the gradient is multiplied by 1 - mu, expected by lr alone": follow(
            lambda v, g: mu * v - (1 - mu) * lr * g
        ),
        "the gradient is multiplied by mu, expected by lr alone": follow(
            lambda v, g: mu * (v - lr * g)
        ),
        "v is not multiplied by mu, so nothing fades": follow(lambda v, g: v - lr * g),
        "v is divided by mu, expected multiplied": follow(lambda v, g: v / mu - lr * g),
        "mu and v are added, expected multiplied": follow(lambda v, g: mu + v - lr * g),
        "v is mu to the power of itself, expected times": follow(
            lambda v, g: mu**v - lr * g
        ),
        "the gradient is not multiplied by lr": follow(lambda v, g: mu * v - g),
        "the gradient is divided by lr, expected multiplied": follow(
            lambda v, g: mu * v - g / lr
        ),
        "the new v is mu alone less the step: v itself is missing": follow(
            lambda v, g: mu - lr * g
        ),
        "the gradient is missing: this is mu * v - lr": follow(
            lambda v, g: mu * v - lr
        ),
        "lr and the gradient are added, expected multiplied": follow(
            lambda v, g: mu * v - (lr + g)
        ),
        "the gradient acts twice, in v and again in p": path(
            lambda p, v, g: (p + mu * v - 2 * lr * g, new(v, g))
        ),
        "this is Nesterov's variant: add v itself to p": path(
            lambda p, v, g: (p + mu * new(v, g) - lr * g, new(v, g))
        ),
        "v must start at zero, not at the parameter's value": path(first=np.copy),
        "v must start at zero, not at one": path(first=np.ones_like),
        "p becomes the new v, expected p + v": path(
            lambda p, v, g: (new(v, g), new(v, g))
        ),
        "p is multiplied by the new v, expected p + v": path(
            lambda p, v, g: (p * new(v, g), new(v, g))
        ),
        "p is divided by the new v, expected p + v": path(
            lambda p, v, g: (p / new(v, g), new(v, g))
        ),
    }
