"""The checks of the exercises of chapter 1."""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise

import numpy as np
import pytensor
import pytensor.tensor as pt

from helpers.check.core import Verdict, call, compare, compare_parts, exercise, unpack
from helpers.check.core.graphs import function, run_updates
from helpers.networks.feedforward import mean_squared_error, network

NAMES = ("W_ih", "b_h", "W_ho", "b_o")


@exercise(
    "A layer from m to n units has m * n weights and n biases, and the input "
    "layer has none."
)
def count_parameters(student: Callable) -> Iterator[Verdict]:
    """Judge `count_parameters(sizes)`: the weights and biases of a network."""
    for sizes in ([3, 4, 2], [9, 8, 1], [12, 20, 10, 5, 1], [4, 2]):
        weights = sum(m * n for m, n in pairwise(sizes))
        biases = sum(sizes[1:])
        name = f"count_parameters({sizes})"
        yield compare(
            name,
            call(name, student, list(sizes)),
            weights + biases,
            mistakes={
                "the biases are not counted": weights,
                "the weights are not counted": biases,
                "the input units have no biases": weights + sum(sizes),
                "each unit has a bias, not each layer": weights + len(sizes) - 1,
                "the biases of the last layer are missing": weights + sum(sizes[1:-1]),
                "the last layer is missing": (
                    weights + biases - sizes[-2] * sizes[-1] - sizes[-1]
                ),
                "the first layer is missing": (
                    weights + biases - sizes[0] * sizes[1] - sizes[1]
                ),
            },
        )


@exercise("Each window holds k values and ends right before the one to predict.")
def windows(student: Callable) -> Iterator[Verdict]:
    """Judge `windows(series, k)`: all windows, and the value that follows each."""
    for n, k in ((12, 3), (8, 1), (5, 4)):
        series = np.random.default_rng(n).integers(1, 100, n) / 10
        name = f"windows(series, {k})"
        result = unpack(name, call(name, student, series.copy(), k), ("X", "y"))
        X = np.stack([series[i : i + k] for i in range(n - k)])
        after = np.stack([series[i + 1 : i + 1 + k] for i in range(n - k)])
        y = series[k:]
        yield compare_parts(
            result,
            {"X": X, "y": y},
            mistakes={
                "k + 1 values in each window, the last of them the one to predict": {
                    "X": np.column_stack([X, y])
                },
                "one step late: X[i] holds y[i], the value to predict": {"X": after},
                "X and y are exchanged": {"X": y, "y": X},
                "the newest value comes first, expected the oldest first": {
                    "X": X[:, ::-1]
                },
                "the last window has no value that follows it": {
                    "X": np.vstack([X, series[n - k :]])
                },
                "one step late: y[i] is series[i + k + 1], expected series[i + k]": {
                    "y": y[1:]
                },
                "one step early: y[i] is still in the window X[i]": {
                    "y": series[k - 1 : -1]
                },
                "the windows overlap: one starts at each value of the series": {
                    "y": series[k::k]
                },
            },
            order=("y", "X"),
            label=f"{{}} of {name}",
        )


@exercise("All four gradients equal those of pt.grad.")
def gradients(student: Callable) -> Iterator[Verdict]:
    """Judge `gradients(X, y, W_ih, b_h, W_ho, b_o)`: backpropagation by hand."""
    for n, n_in, n_hid in ((6, 3, 4), (5, 2, 3)):
        X, y, *params = arguments = _example(n, n_in, n_hid)
        name = "gradients(X, y, W_ih, b_h, W_ho, b_o)"
        result = call(name, student, *(array.copy() for array in arguments))
        expected = dict(zip(NAMES, _loss_gradients()(*arguments), strict=True))
        yield compare_parts(
            unpack(name, result, NAMES),
            expected,
            mistakes=_gradient_mistakes(X, y, *params),
            # An error travels backwards with the gradient: look where it begins.
            order=("b_o", "W_ho", "b_h", "W_ih"),
        )


def _example(n: int, n_in: int, n_hid: int) -> list[np.ndarray]:
    """X (n, n_in), y (n, 1), W_ih, b_h, W_ho, b_o, all standard normal."""
    rng = np.random.default_rng(n)
    shapes = ((n, n_in), (n, 1), (n_in, n_hid), (n_hid,), (n_hid, 1), (1,))
    return [rng.normal(size=shape) for shape in shapes]


@cache
def _loss_gradients() -> Callable:
    """The function that PyTensor derives: (X, y, *params) to the four gradients."""
    X, y, W_ho, W_ih = (pt.dmatrix() for _ in range(4))
    b_h, b_o = pt.dvector(), pt.dvector()
    params = [W_ih, b_h, W_ho, b_o]
    loss = mean_squared_error(network(X, params), y)
    return function([X, y, *params], pt.grad(loss, params))


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


@exercise("Each update also shrinks the weights a little, and leaves the biases.")
def l2_updates(student: Callable) -> Iterator[Verdict]:
    """Judge `l2_updates(loss, params, lr, decay)`: SGD with a penalty on weights."""
    lr, decay = 0.1, 0.03
    X, y, *values = _example(6, 3, 4)
    gradient = dict(zip(NAMES, _loss_gradients()(X, y, *values), strict=True))
    value = dict(zip(NAMES, values, strict=True))
    weights = [name for name in NAMES if value[name].ndim == 2]

    def moves(penalty: Callable, on=weights, sign=-1) -> dict[str, np.ndarray]:
        """One update when the gradients of `on` gain `penalty`; (1, *shape) each."""
        return {
            name: sign * lr * (g + penalty(value[name]) * (name in on))[None]
            for name, g in gradient.items()
        }

    params = [pytensor.shared(value[name], name=name) for name in NAMES]
    loss = mean_squared_error(network(pt.constant(X), params), pt.constant(y))
    name = "l2_updates(loss, params, lr, decay)"
    updates = call(name, student, loss, list(params), lr, decay)
    yield compare_parts(
        run_updates(name, updates, params, 1),
        moves(lambda p: 2 * decay * p),
        mistakes={
            "this is plain SGD, without the penalty": moves(lambda p: 0.0),
            "the factor 2 is missing: the derivative of W**2 is 2 * W": moves(
                lambda p: decay * p
            ),
            "the biases are decayed too": moves(lambda p: 2 * decay * p, on=NAMES),
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
            "the absolute values are summed, expected the squares": moves(
                lambda p: decay * np.sign(p)
            ),
            "the mean of the squares is taken, expected their sum": moves(
                lambda p: 2 * decay * p / p.size
            ),
        },
        label="the step of {}",
    )


@exercise("The velocity remembers past gradients, each fading by mu at every update.")
def momentum_updates(student: Callable) -> Iterator[Verdict]:
    """Judge `momentum_updates(loss, params, lr, mu)`: gradient descent with memory."""
    lr, mu, n = 0.1, 0.7, 4
    start = {
        "W": np.array([[1.0, -2.0, 0.5], [3.0, 0.2, -1.0]]),
        "b": np.array([1.5, -0.4]),
    }
    params = [pytensor.shared(value, name=name) for name, value in start.items()]
    # A bowl for each parameter: the gradient is p - lowest.
    lowest = 0.3
    loss = sum((0.5 * (p - lowest) ** 2).sum() for p in params)

    def path(rule: Callable, first: Callable = np.zeros_like) -> dict[str, np.ndarray]:
        """How far each parameter is from its start after 1, ..., n updates."""
        moved = {}
        for name, p in start.items():
            v, places = first(p), []
            for _ in range(n):
                p, v = rule(p, v, p - lowest)
                places.append(p - start[name])
            moved[name] = np.stack(places)
        return moved

    def follow(velocity: Callable) -> Callable:
        """The rule that first updates v, then adds the new v to p."""
        return lambda p, v, g: (p + velocity(v, g), velocity(v, g))

    momentum = follow(lambda v, g: mu * v - lr * g)
    name = "momentum_updates(loss, params, lr, mu)"
    updates = call(name, student, loss, list(params), lr, mu)
    yield compare_parts(
        run_updates(name, updates, params, n),
        path(momentum),
        mistakes={
            "this is plain SGD: is v used, and is (v, new v) in the list?": path(
                lambda p, v, g: (p - lr * g, v)
            ),
            "moves one update late: p must use the new v, mu * v - lr * g": path(
                lambda p, v, g: (p + v, mu * v - lr * g)
            ),
            "never moves: v stays zero. Is the pair (v, new v) in the list?": path(
                lambda p, v, g: (p, v)
            ),
            "goes uphill: the gradient has the wrong sign": path(
                follow(lambda v, g: mu * v + lr * g)
            ),
            "mu * v has the wrong sign": path(follow(lambda v, g: -mu * v - lr * g)),
            "the gradient is multiplied by 1 - mu, expected by lr alone": path(
                follow(lambda v, g: mu * v - (1 - mu) * lr * g)
            ),
            "the gradient is multiplied by mu, expected by lr alone": path(
                follow(lambda v, g: mu * (v - lr * g))
            ),
            "v is not multiplied by mu, so nothing fades": path(
                follow(lambda v, g: v - lr * g)
            ),
            "the gradient is not multiplied by lr": path(
                follow(lambda v, g: mu * v - g)
            ),
            "the gradient acts twice, in v and again in p": path(
                lambda p, v, g: (p + mu * v - 2 * lr * g, mu * v - lr * g)
            ),
            "this is Nesterov's variant: add v itself to p": path(
                lambda p, v, g: (p + mu * (mu * v - lr * g) - lr * g, mu * v - lr * g)
            ),
            "v must start at zero, not at the parameter's value": path(
                momentum, first=np.copy
            ),
            "v must start at zero, not at one": path(momentum, first=np.ones_like),
        },
        label=f"{{}} over {n} updates",
    )
