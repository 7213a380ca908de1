"""The checks of chapter 1's exercises: right answers, near-misses, garbage."""

from itertools import pairwise

import jax.numpy as jnp
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from check_answers import (
    GARBAGE,
    ask,
    check_accepts,
    check_survives,
    each_near_miss,
    each_right_answer,
    slips,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.check import ch01_feedforward_checks as check
from helpers.check import core


def last_marked(x, marked):
    y = []
    for t in range(len(x)):
        before = y[-1] if t else 0.0
        y.append(x[t] if marked[t] else before)
    return np.array(y)


def products(sizes):
    return [m * n for m, n in pairwise(sizes)]


def layers(sizes):
    return [m * n + n for m, n in pairwise(sizes)]


def plain_windows(series, k):
    X = [series[i : i + k] for i in range(len(series) - k)]
    return np.array(X), series[k:]


def backward(X, y, W_ih, b_h, W_ho, b_o):
    a = X @ W_ih + b_h
    h = np.tanh(a)
    d_o = 2 / len(X) * (h @ W_ho + b_o - y)
    d_a = d_o @ W_ho.T * (1 - h**2)
    return [X.T @ d_a, d_a.sum(0), h.T @ d_o, d_o.sum(0)]


def cross_entropy(o, y):
    n = len(o)
    e = np.exp(o)
    p = e / e.sum(axis=1, keepdims=True)
    return -(y * np.log(p)).sum() / n, (p - y) / n


def shrink_factors(F, lr):
    s = np.linalg.svd(F)[1]
    return 1 - lr * 2 * s**2 / len(F)


def l2_updates(loss, params, lr, decay):
    return [
        (p, p - lr * (g + 2 * decay * p) if p.ndim == 2 else p - lr * g)
        for p, g in zip(params, pt.grad(loss, params), strict=True)
    ]


def momentum_updates(loss, params, lr, mu):
    updates = []
    for p, g in zip(params, pt.grad(loss, params), strict=True):
        v = pytensor.shared(0 * p.get_value())
        v_new = mu * v - lr * g
        updates += [(v, v_new), (p, p + v_new)]
    return updates


SOLUTIONS = {
    check.last_marked: last_marked,
    check.count_parameters: lambda sizes: sum(layers(sizes)),
    check.windows: plain_windows,
    check.gradients: backward,
    check.cross_entropy: cross_entropy,
    check.shrink_factors: shrink_factors,
    check.l2_updates: l2_updates,
    check.momentum_updates: momentum_updates,
}
each_check = pytest.mark.parametrize("checked", SOLUTIONS, ids=lambda c: c.__name__)


def symbolic_gradients(X, y, *params):
    params = [pytensor.shared(p) for p in params]
    W_ih, b_h, W_ho, b_o = params
    o = pt.tanh(X @ W_ih + b_h) @ W_ho + b_o
    return pt.grad(((o - y) ** 2).mean(), params)


def by_indices(o, y):
    """Stable, by the index of the right class."""
    o = o - o.max(axis=1, keepdims=True)
    log_p = o - np.log(np.exp(o).sum(axis=1, keepdims=True))
    right, rows = y.argmax(axis=1), np.arange(len(o))
    d_o = np.exp(log_p)
    d_o[rows, right] -= 1
    return -log_p[rows, right].mean(), d_o / len(o)


def by_pytensor(o, y):
    logits = pytensor.shared(o)
    loss = (pt.log(pt.exp(logits).sum(axis=1)) - (y * logits).sum(axis=1)).mean()
    return loss, pt.grad(loss, logits)


def one_update(F, lr):
    """By what one update does to an error along each singular direction."""
    _, _, directions = np.linalg.svd(F, full_matrices=False)
    return [v @ (v - lr * 2 / len(F) * F.T @ (F @ v)) for v in directions]


def heavy_ball(loss, params, lr, mu):
    """The same path with a velocity of other units: p moves by lr * v."""
    updates = {}
    for p in params:
        v = pytensor.shared(0 * p.get_value())
        updates[v] = mu * v - pt.grad(loss, p)
        updates[p] = p + lr * updates[v]
    return updates


OTHER_WAYS = {
    "kept as a list": (check.last_marked, lambda *a: last_marked(*a).tolist()),
    "kept in JAX": (
        check.last_marked,
        lambda x, m: jnp.asarray(last_marked(x, m), "float32"),
    ),
    "cross-entropy by indices": (check.cross_entropy, by_indices),
    "cross-entropy in PyTensor": (check.cross_entropy, by_pytensor),
    "cross-entropy by name": (
        check.cross_entropy,
        lambda o, y: dict(zip(("d_o", "loss"), cross_entropy(o, y)[::-1], strict=True)),
    ),
    "factors by one update": (check.shrink_factors, one_update),
    "a NumPy integer": (
        check.count_parameters,
        lambda sizes: np.dot(np.add(sizes[:-1], 1), sizes[1:]),
    ),
    "a symbolic count": (
        check.count_parameters,
        lambda sizes: ((pt.constant(sizes[:-1]) + 1) * pt.constant(sizes[1:])).sum(),
    ),
    "windows as lists": (
        check.windows,
        lambda s, k: [part.tolist() for part in plain_windows(s, k)],
    ),
    "windows in JAX": (
        check.windows,
        lambda s, k: [jnp.asarray(part, "float32") for part in plain_windows(s, k)],
    ),
    "windows by name": (
        check.windows,
        lambda s, k: dict(zip("yX", plain_windows(s, k)[::-1], strict=True)),
    ),
    "symbolic gradients": (check.gradients, symbolic_gradients),
    "gradients in JAX": (
        check.gradients,
        lambda *a: [jnp.asarray(g, "float32") for g in backward(*a)],
    ),
    "another velocity": (check.momentum_updates, heavy_ball),
}


@each_right_answer(SOLUTIONS, OTHER_WAYS)
def test_a_right_answer_is_right(checked, student):
    check_accepts(checked, student)


@pytest.mark.parametrize("floatX", ["float32", "float64"])
@pytest.mark.parametrize("checked", [check.l2_updates, check.momentum_updates])
def test_updates_are_judged_whatever_the_engine(checked, floatX):
    with pytensor.config.change_flags(floatX=floatX, mode="JAX"):
        check_accepts(checked, SOLUTIONS[checked])


# ---------------------------------------------------------------------------
# The exercises of chapter 1: near-misses


def two_layers_only(sizes):
    n_in, n_hid, n_out = sizes
    return (n_in + 1) * n_hid + (n_hid + 1) * n_out


NEAR_MARKED = {
    "one step late: at a marked step": lambda x, m: np.append(0, last_marked(x, m))[
        :-1
    ],
    "the first marked number is kept for ever": lambda x, m: np.where(
        np.cumsum(m) > 0, x[np.argmax(m)], 0.0
    ),
    "this looks into the future": lambda x, m: np.full(
        len(x), (x[m] if m.any() else x)[-1]
    ),
    "this is x itself, marked or not": lambda x, m: x,
    "nothing is kept: 0 at each step that is not marked": lambda x, m: x * m,
    "only one step is kept": lambda x, m: np.where(m, x, np.append(0, x * m)[:-1]),
    "the marked numbers are added up": lambda x, m: np.cumsum(x * m),
    "the largest marked number is kept": lambda x, m: [
        max(x[: t + 1][m[: t + 1]], default=0.0) for t in range(len(x))
    ],
    "the steps that are not marked are kept": lambda x, m: last_marked(x, ~m),
    "these are the marks, expected the numbers at them": lambda x, m: m,
    "this is where the last mark was": lambda x, m: last_marked(range(len(x)), m),
    "before the first mark the answer is 0": lambda x, m: np.where(
        np.cumsum(m) > 0, last_marked(x, m), x[0]
    ),
    "expected shape (7,): one entry missing at the end": lambda x, m: last_marked(x, m)[
        :-1
    ],
    "is a `return` missing?": lambda x, m: None,
}
NEAR_COUNT = {
    "the biases are not counted": lambda s: sum(products(s)),
    "the weights are not counted": lambda s: sum(s[1:]),
    "the input units have no biases": lambda s: sum(products(s)) + sum(s),
    "each unit has a bias, not each layer": lambda s: sum(products(s)) + len(s) - 1,
    "the biases of the last layer are missing": lambda s: sum(layers(s)) - s[-1],
    "the last layer is missing": lambda s: sum(layers(s)[:-1]),
    "the first layer is missing": lambda s: sum(layers(s)[1:]),
    "count_parameters([12, 20, 10, 5, 1]): line": two_layers_only,
    "not one for each of its inputs": lambda s: sum(products(s)) + sum(s[:-1]),
    "m * n and not m + n": lambda s: sum(map(sum, pairwise(s))) + sum(s[1:]),
    "m + 1 and n are added": lambda s: sum(map(sum, pairwise(s))) + len(s) - 1,
    "are added, not subtracted": lambda s: sum(products(s)) - sum(s[1:]),
    "1 too large. It is too large by 1 each time": lambda s: sum(layers(s)) + 1,
    "It is too small by sizes[0] each time": lambda s: sum(layers(s)) - s[0],
    "expected numbers": lambda s: str(sum(layers(s))),
    "is a `return` missing?": lambda s: print(end="") if sum(layers(s)) else 0,
}


def cut(X=lambda X, s, k: X, y=lambda y, s, k: y):
    """Windows with one mistake, in X or in y."""

    def student(series, k):
        good_X, good_y = plain_windows(series, k)
        return X(good_X, series, k), y(good_y, series, k)

    return student


NEAR_WINDOWS = {
    "k + 1 values in each window, the last of them the one to predict": cut(
        X=lambda X, s, k: plain_windows(np.append(s, 0), k + 1)[0]
    ),
    "one step late: X[i] holds y[i], the value to predict": cut(
        X=lambda X, s, k: plain_windows(np.append(s, 0), k)[0][1:]
    ),
    "X and y are exchanged": lambda s, k: plain_windows(s, k)[::-1],
    "the newest value comes first": cut(X=lambda X, s, k: X[:, ::-1]),
    "the last window has no value that follows it": cut(
        X=lambda X, s, k: np.lib.stride_tricks.sliding_window_view(s, k)
    ),
    "one step late: y[i] is series[i + k + 1], expected series[i + k]": cut(
        X=lambda X, s, k: X[:-1], y=lambda y, s, k: y[1:]
    ),
    "one step early: y[i] is still in the window X[i]": cut(
        y=lambda y, s, k: s[k - 1 : -1]
    ),
    "the windows overlap: one starts at each value of the series": lambda s, k: (
        s[: len(s) // k * k - k].reshape(-1, k),
        s[k::k],
    ),
    "this is the whole series": cut(y=lambda y, s, k: s),
    "cut off at the other end": cut(y=lambda y, s, k: s[:-k]),
    "only a single window": cut(X=lambda X, s, k: X[0]),
    "all windows are the same": cut(X=lambda X, s, k: np.tile(X[0], (len(X), 1))),
    "s itself has changed: leave what is given as it is": lambda s, k: (
        *plain_windows(s.copy(), k),
        s.sort(),
    )[:2],
    "has shape (9, 1), expected shape (9,): the numbers are right": cut(
        y=lambda y, s, k: y[:, None]
    ),
    "shape (8,), expected shape (9,): one entry missing at the end": cut(
        X=lambda X, s, k: X[:-1], y=lambda y, s, k: y[:-1]
    ),
    "shape (8, 3), expected shape (9, 3): one row missing at the end": cut(
        X=lambda X, s, k: X[:-1]
    ),
    "shape (3, 9), expected shape (9, 3): right, but transposed": cut(
        X=lambda X, s, k: X.T
    ),
    "returned an array of shape (9, 3), expected 2 results: X, y": lambda s, k: (
        plain_windows(s, k)[0]
    ),
    "X of windows(series, 3): 27 of 27 entries are nan": cut(
        X=lambda X, s, k: X * np.nan
    ),
    "y of windows(series, 1): has": lambda s, k: (
        plain_windows(s, k) if k > 1 else plain_windows(s, 3)
    ),
}


NEAR_GRADIENTS = slips(
    backward,
    {
        "the factor 2 is missing: the derivative of e**2 is 2 * e": {
            "2 / len(X)": "1 / len(X)"
        },
        "divide by n: the loss is the mean over the examples": {"2 / len(X)": "2"},
        "the factor 2 / n is missing": {"2 / len(X)": "1"},
        "the sign is wrong: the error is o - y": {"2 / len(X)": "-2 / len(X)"},
        "b_o, W_ho: right. b_h: the derivative of tanh is missing": {"1 - h**2": "1"},
        "1 - h**2 takes h, the output of tanh, and not its input": {
            "1 - h**2": "1 - a**2"
        },
        "the derivative of tanh is 1 - h**2, not 1 - h": {"1 - h**2": "1 - h"},
        "h * (1 - h) belongs to the sigmoid": {"1 - h**2": "h * (1 - h)"},
        "the way back through W_ho is missing": {"d_o @ W_ho.T": "d_o"},
        "b_o: -0.303, expected -1.82: the sum over the examples became a mean": {
            "d_a.sum(0)": "d_a.mean(0)",
            "d_o.sum(0)": "d_o.mean(0)",
        },
        "summed over the units, expected over the examples (axis 0)": {
            "d_a.sum(0)": "d_a.sum(1)"
        },
        "has shape (6, 4), expected shape (4,): the sum over axis 0 is missing": {
            "d_a.sum(0)": "d_a"
        },
        "W_ho: has shape (1, 4), expected shape (4, 1): right, but transposed": {
            "X.T @ d_a": "d_a.T @ X",
            "h.T @ d_o": "d_o.T @ h",
        },
        "b_o: a single number, expected shape (1,): the numbers are right": {
            "d_o.sum(0)": "d_o.sum()"
        },
        "b_h: 5 times what it should be": {"d_a.sum(0)": "d_a.sum(0) * 5"},
        "expected 4 results: W_ih, b_h, W_ho, b_o": {", d_o.sum(0)": ""},
        "Not started yet: replace the `...` in W_ih": {"X.T @ d_a": "..."},
    },
)
NEAR_ENTROPY = slips(
    cross_entropy,
    {
        "the sum over the examples is taken, expected their mean": {"len(o)": "1"},
        "the mean over the examples and the classes is taken": {"len(o)": "o.size"},
        "the minus sign is missing": {"-(y": "(y"},
        "the logarithm of the sum of the exponentials is missing": {"np.log(p)": "o"},
        "the logarithm is missing: this is minus": {"np.log(p)": "p"},
        "this is the probability of the right class": {"-(y * np.log(p))": "(y * p)"},
        "the logarithm is to base 2": {"np.log(p)": "np.log2(p)"},
        "all classes count": {"-(y * np.log(p))": "-np.log(p)"},
        "this is the mean squared error of p": {
            "-(y * np.log(p))": "((p - y) ** 2)",
            "(p - y) / n": "2 * (p - y) / n",
        },
        "divided by the sum over all examples": {
            "e.sum(axis=1, keepdims=True)": "e.sum()"
        },
        "the softmax runs down the examples (axis 0)": {"axis=1": "axis=0"},
        "the sign is wrong: the gradient is p - y": {"(p - y) / n": "(y - p) / n"},
        "y is missing in p - y": {"(p - y) / n": "p / n"},
        "this is o - y: the logits are not yet probabilities": {"(p - y)": "(o - y)"},
        "this is the derivative with respect to p": {"(p - y) / n": "-y / p / n"},
        "p * (1 - p) is in it already": {"(p - y) / n": "(p - y) * p * (1 - p) / n"},
        "only the entries of the right classes": {"(p - y) / n": "(p - y) * y / n"},
        "the exponentials are not divided by their sum": {"(p - y)": "(e - y)"},
        "expected 2 results: loss, d_o": {", (p - y) / n": ""},
    },
)
NEAR_FACTORS = slips(
    shrink_factors,
    {
        "the singular values are not squared": {"s**2": "s"},
        "they are squared twice": {"s**2": "s**4"},
        "the factor 2 is missing": {"lr * 2 *": "lr *"},
        "divide by n: the loss is the mean": {" / len(F)": ""},
        "divided by the number of columns": {"len(F)": "F.shape[1]"},
        "divided by the number of all entries": {"len(F)": "F.size"},
        "lr is not used": {"lr * 2": "2"},
        "divided by lr, expected multiplied": {"lr * 2": "2 / lr"},
        "the sign is wrong: an update takes the gradient away": {"1 -": "1 +"},
        "this is what one update takes away": {"1 - lr": "lr"},
        "a factor may be negative": {
            "1 - lr * 2 * s**2 / len(F)": "abs(1 - lr * 2 * s**2 / len(F))"
        },
        "it goes with the square of the error": {
            "1 - lr * 2 * s**2 / len(F)": "(1 - lr * 2 * s**2 / len(F)) ** 2"
        },
        "the smallest singular value first": {"svd(F)[1]": "svd(F)[1][::-1]"},
        "these are the singular values": {"1 - lr * 2 * s**2 / len(F)": "s"},
        "divided by the largest singular value": {"s**2": "(s / s[0]) ** 2"},
        "expected shape (2,)": {"svd(F)[1]": "svd(F)[1][:1]"},
    },
)
STEP = "p - lr * (g + 2 * decay * p)"
NEAR_L2 = slips(
    l2_updates,
    {
        "this is plain SGD, without the penalty": {STEP: "p - lr * g"},
        "the factor 2 is missing: the derivative of W**2 is 2 * W": {
            "2 * decay": "decay"
        },
        "b_h: the biases are decayed too": {"p.ndim == 2": "p.ndim"},
        "the penalty has the wrong sign: the weights grow": {"g + 2": "g - 2"},
        "the step goes uphill: subtract lr times the gradient": {
            STEP: "p + lr * (g + 2 * decay * p)"
        },
        "the gradient of the penalty is not multiplied by lr": {
            STEP: "p - lr * g - 2 * decay * p"
        },
        "the penalty is not multiplied by decay": {"2 * decay * p": "2 * p"},
        "the absolute values are summed, expected the squares": {
            "2 * decay * p": "decay * pt.sign(p)"
        },
        "the mean of the squares is taken, expected their sum": {
            "2 * decay * p": "2 * decay * p / p.size"
        },
        "the step of W_ih: 10 times what it should be": {STEP: "p - g - 2 * decay * p"},
        "the biases are decayed, and the weights are not": {
            "p.ndim == 2": "p.ndim == 1"
        },
        "divided by decay, expected multiplied": {"2 * decay * p": "2 * p / decay"},
        "the weights are summed, expected their": {"2 * decay * p": "decay"},
        "the cubes are summed": {"2 * decay * p": "3 * decay * p**2"},
        "only the first of the matrices": {"p.ndim == 2": "p is params[0]"},
        "only the last of the matrices": {"p.ndim == 2": "p is params[2]"},
        "the new value alone, without the old one": {
            "(p, p - lr * (": "(p, -lr * (",
            "else p - lr": "else -lr",
        },
        "the parameter stays, though there is an update": {
            STEP: "p + 0 * loss",
            "else p - lr * g": "else p",
        },
        "this is lr times the gradient alone": {
            "(p, p - lr * (": "(p, lr * (",
            "else p - lr": "else lr",
        },
        "the step is divided by lr": {
            STEP: "p - (g + 2 * decay * p) / lr",
            "else p - lr * g": "else p - g / lr",
        },
        "the parameter counts twice in its new": {
            "(p, p - lr * (": "(p, 2 * p - lr * (",
            "else p - lr": "else 2 * p - lr",
        },
        "from minus the old value": {
            "(p, p - lr * (": "(p, -p - lr * (",
            "else p - lr": "else -p - lr",
        },
        "the old value is multiplied by the step": {
            "(p, p - lr * (": "(p, p * lr * (",
            "else p - lr": "else p * lr",
        },
        "W_ih is not updated": {"strict=True)\n    ]": "strict=True)\n    ][1:]"},
        "entry 0 of the list is a symbolic expression": {"(p, p - lr": "(2 * p - lr"},
        "compile these updates": {STEP: "loss"},
    },
)
NEAR_MOMENTUM = slips(
    momentum_updates,
    {
        "this is plain SGD: is v used, and is (v, new v) in the list?": {
            "(v, v_new), ": ""
        },
        "moves one update late: p must use the new v, mu * v - lr * g": {
            "p + v_new": "p + v"
        },
        "never moves: v stays zero. Is the pair (v, new v) in the list?": {
            "(v, v_new), (p, p + v_new)": "(p, p + v)"
        },
        "goes uphill: the gradient has the wrong sign": {"p + v_new": "p - v_new"},
        "mu * v has the wrong sign": {"mu * v -": "-mu * v -"},
        "the gradient is multiplied by 1 - mu, expected by lr alone": {
            "lr * g": "(1 - mu) * lr * g"
        },
        "the gradient is multiplied by mu, expected by lr alone": {
            "mu * v - lr * g": "mu * (v - lr * g)"
        },
        "v is not multiplied by mu, so nothing fades": {"mu * v": "v"},
        "the gradient is not multiplied by lr": {"lr * g": "g"},
        "the gradient acts twice, in v and again in p": {
            "p + v_new": "p + v_new - lr * g"
        },
        "this is Nesterov's variant: add v itself to p": {
            "p + v_new": "p + mu * v_new - lr * g"
        },
        "v must start at zero, not at the parameter's value": {"0 * p.": "p."},
        "v is divided by mu": {"mu * v -": "v / mu -"},
        "mu and v are added": {"mu * v -": "mu + v -"},
        "v is mu to the power of itself": {"mu * v -": "mu**v -"},
        "the gradient is divided by lr": {"lr * g": "g / lr"},
        "v itself is missing": {"mu * v -": "mu -"},
        "the gradient is missing: this is mu * v - lr": {"lr * g": "lr"},
        "lr and the gradient are added": {"lr * g": "(lr + g)"},
        "p becomes the new v": {"p + v_new": "v_new"},
        "p is multiplied by the new v": {"p + v_new": "p * v_new"},
        "p is divided by the new v": {"p + v_new": "p / v_new"},
        "v must start at zero, not at one": {"0 * p.": "p.get_value() ** 0 + 0 * p."},
        "updates a symbolic expression": {"(v, v_new)": "(0 * p, p)"},
        "compile these updates": {"0 * p.get_value()": "np.zeros((9, 1, 1))"},
    },
)
NEAR = (
    NEAR_MARKED,
    NEAR_COUNT,
    NEAR_WINDOWS,
    NEAR_GRADIENTS,
    NEAR_ENTROPY,
    NEAR_FACTORS,
    NEAR_L2,
    NEAR_MOMENTUM,
)


@each_near_miss(SOLUTIONS, NEAR)
def test_a_near_miss_is_told_what_it_is(checked, sentence, student):
    with np.errstate(all="ignore"):
        said = ask(checked, student)
    assert not said.startswith("Right")
    assert sentence in said


@each_check
def test_every_mistake_that_a_check_knows_is_tried(checked, monkeypatch):
    known = set()

    def noting(student, probes, answer, *, mistakes, **how):
        for probe in probes:
            known.update(mistakes(*probe.arguments))
        return core.judge(student, probes, answer, mistakes=mistakes, **how)

    monkeypatch.setattr(check, "judge", noting)
    ask(checked, SOLUTIONS[checked])
    tried = NEAR[list(SOLUTIONS).index(checked)]
    assert known
    for mistake in known:
        heard = [part for part in tried if part in mistake or mistake in part]
        shared = [part for part in tried if part.split(": ")[-1] in mistake]
        assert heard or shared, f"no near-miss makes the check say: {mistake}"


@pytest.mark.parametrize(
    "checked", [check.windows, check.gradients, check.cross_entropy]
)
@settings(max_examples=40, deadline=None)
@given(parts=st.lists(GARBAGE, min_size=2, max_size=4))
def test_whatever_comes_back_in_parts_is_answered(checked, parts):
    check_survives(checked, tuple(parts))


# PyTensor, too, may say that an update is complex, before the check does.
@pytest.mark.filterwarnings("ignore:Casting complex values to real")
@pytest.mark.parametrize("name", ["l2_updates", "momentum_updates"])
@settings(max_examples=40, deadline=None)
@given(garbage=GARBAGE)
def test_whatever_stands_in_an_update_is_answered(name, garbage):
    checked = getattr(check, name)
    said = ask(checked, lambda loss, params, *rest: [(p, garbage) for p in params])
    assert said.startswith("Not yet. ")
