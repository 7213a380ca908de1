"""The checks of chapter 1's exercises: right answers, near-misses, garbage."""

from itertools import pairwise

import jax.numpy as jnp
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from check_answers import (
    GARBAGE,
    NOT_STARTED,
    ask,
    check_survives,
    code_cells,
    each_near_miss,
    edited,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import ROOT
from helpers.check import ch01_feedforward_checks as check
from helpers.check import core

CHECKS = [
    check.count_parameters,
    check.windows,
    check.gradients,
    check.l2_updates,
    check.momentum_updates,
]
each_check = pytest.mark.parametrize("checked", CHECKS, ids=lambda c: c.__name__)
CHAPTER = ROOT / "book" / "01_feedforward.ipynb"
SOLUTIONS = CHAPTER.parent / "solutions" / CHAPTER.name


@pytest.fixture(scope="module")
def solutions():
    """What the cells of the solutions notebook import and define."""
    names = {}
    for source, _ in code_cells(SOLUTIONS):
        if source.startswith(("import ", "from ", "def ")):
            exec(source, names)
    return names


@each_check
def test_the_solution_is_right(checked, solutions):
    assert ask(checked, solutions[checked.__name__]).startswith("Right. ")


@each_check
def test_the_starter_is_not_started(checked):
    name = checked.__name__
    starters = [
        source
        for source, tags in code_cells(CHAPTER)
        if "exercise" in tags and source.startswith(f"def {name}(")
    ]
    assert len(starters) == 1
    assert starters[0].endswith(f"\ncheck.{name}({name})")
    names = {"check": check}
    exec(starters[0], names)
    assert ask(checked, names[name]) == NOT_STARTED.format(name)


def plain_windows(series, k):
    X = [series[i : i + k] for i in range(len(series) - k)]
    return np.array(X), series[k:]


def symbolic_gradients(X, y, *params):
    params = [pytensor.shared(p) for p in params]
    W_ih, b_h, W_ho, b_o = params
    o = pt.tanh(X @ W_ih + b_h) @ W_ho + b_o
    return pt.grad(((o - y) ** 2).mean(), params)


def heavy_ball(loss, params, lr, mu):
    """The same path with a velocity of other units: p moves by lr * v."""
    updates = {}
    for p in params:
        v = pytensor.shared(0 * p.get_value())
        updates[v] = mu * v - pt.grad(loss, p)
        updates[p] = p + lr * updates[v]
    return updates


OTHER_WAYS = {
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


@pytest.mark.parametrize("case", OTHER_WAYS)
def test_other_ways_are_right_too(case):
    checked, student = OTHER_WAYS[case]
    assert ask(checked, student).startswith("Right. ")


@pytest.mark.parametrize("floatX", ["float32", "float64"])
def test_updates_are_judged_whatever_the_engine(solutions, floatX):
    with pytensor.config.change_flags(floatX=floatX, mode="JAX"):
        for name in ("l2_updates", "momentum_updates"):
            said = ask(getattr(check, name), solutions[name])
            assert said.startswith("Right. ")


# ---------------------------------------------------------------------------
# The exercises of chapter 1: near-misses


def products(sizes):
    return [m * n for m, n in pairwise(sizes)]


def layers(sizes):
    return [m * n + n for m, n in pairwise(sizes)]


def two_layers_only(sizes):
    n_in, n_hid, n_out = sizes
    return (n_in + 1) * n_hid + (n_hid + 1) * n_out


NEAR_COUNT = {
    "the biases are not counted": lambda s: sum(products(s)),
    "the weights are not counted": lambda s: sum(s[1:]),
    "the input units have no biases": lambda s: sum(products(s)) + sum(s),
    "each unit has a bias, not each layer": lambda s: sum(products(s)) + len(s) - 1,
    "the biases of the last layer are missing": lambda s: sum(layers(s)) - s[-1],
    "the last layer is missing": lambda s: sum(layers(s)[:-1]),
    "the first layer is missing": lambda s: sum(layers(s)[1:]),
    "count_parameters([12, 20, 10, 5, 1]): line": two_layers_only,
    "1 too large": lambda s: sum(layers(s)) + 1,
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


def backward(X, y, W_ih, b_h, W_ho, b_o):
    a = X @ W_ih + b_h
    h = np.tanh(a)
    d_o = 2 / len(X) * (h @ W_ho + b_o - y)
    d_a = d_o @ W_ho.T * (1 - h**2)
    return [X.T @ d_a, d_a.sum(0), h.T @ d_o, d_o.sum(0)]


NEAR_GRADIENTS = {
    sentence: edited(backward, slip)
    for sentence, slip in {
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
    }.items()
}


def decayed(rule=None, on=(2,)):
    """L2 updates by a rule (p, g, lr, decay) for the parameters of some dimensions."""

    def student(loss, params, lr, decay):
        return [
            (p, rule(p, g, lr, decay) if p.ndim in on else p - lr * g)
            for p, g in zip(params, pt.grad(loss, params), strict=True)
        ]

    return student


NEAR_L2 = {
    "this is plain SGD, without the penalty": decayed(on=()),
    "the factor 2 is missing: the derivative of W**2 is 2 * W": decayed(
        lambda p, g, lr, c: p - lr * (g + c * p)
    ),
    "b_h: the biases are decayed too": decayed(
        lambda p, g, lr, c: p - lr * (g + 2 * c * p), on=(1, 2)
    ),
    "the penalty has the wrong sign: the weights grow": decayed(
        lambda p, g, lr, c: p - lr * (g - 2 * c * p)
    ),
    "the step goes uphill: subtract lr times the gradient": decayed(
        lambda p, g, lr, c: p + lr * (g + 2 * c * p)
    ),
    "the gradient of the penalty is not multiplied by lr": decayed(
        lambda p, g, lr, c: p - lr * g - 2 * c * p
    ),
    "the penalty is not multiplied by decay": decayed(
        lambda p, g, lr, c: p - lr * (g + 2 * p)
    ),
    "the absolute values are summed, expected the squares": decayed(
        lambda p, g, lr, c: p - lr * (g + c * pt.sign(p))
    ),
    "the mean of the squares is taken, expected their sum": decayed(
        lambda p, g, lr, c: p - lr * (g + 2 * c * p / p.size)
    ),
    "the step of W_ih: 10 times what it should be": decayed(
        lambda p, g, lr, c: p - g - 2 * c * p
    ),
    "W_ih is not updated": lambda loss, params, lr, c: [(p, p) for p in params[1:]],
    "entry 0 of the list is a symbolic expression": lambda loss, params, lr, c: [
        2 * p for p in params
    ],
    "compile these updates": lambda loss, params, lr, c: [(p, loss) for p in params],
}


def moving(new_v, new_p, start=np.zeros_like, kept=True):
    """Momentum by rules for the new v and, knowing it, for the new p."""

    def student(loss, params, lr, mu):
        updates = []
        for p, g in zip(params, pt.grad(loss, params), strict=True):
            v = pytensor.shared(start(p.get_value()))
            v_new = new_v(v, g, lr, mu)
            updates += [(v, v_new)] * kept + [(p, new_p(p, v, v_new, g, lr, mu))]
        return updates

    return student


def right_v(v, g, lr, mu):
    return mu * v - lr * g


def right_p(p, v, v_new, *others):
    return p + v_new


NEAR_MOMENTUM = {
    "this is plain SGD: is v used, and is (v, new v) in the list?": moving(
        right_v, right_p, kept=False
    ),
    "moves one update late: p must use the new v, mu * v - lr * g": moving(
        right_v, lambda p, v, *others: p + v
    ),
    "never moves: v stays zero. Is the pair (v, new v) in the list?": moving(
        right_v, lambda p, v, *others: p + v, kept=False
    ),
    "goes uphill: the gradient has the wrong sign": moving(
        right_v, lambda p, v, v_new, *others: p - v_new
    ),
    "mu * v has the wrong sign": moving(lambda v, g, lr, mu: -mu * v - lr * g, right_p),
    "the gradient is multiplied by 1 - mu, expected by lr alone": moving(
        lambda v, g, lr, mu: mu * v - (1 - mu) * lr * g, right_p
    ),
    "the gradient is multiplied by mu, expected by lr alone": moving(
        lambda v, g, lr, mu: mu * (v - lr * g), right_p
    ),
    "v is not multiplied by mu, so nothing fades": moving(
        lambda v, g, lr, mu: v - lr * g, right_p
    ),
    "the gradient is not multiplied by lr": moving(
        lambda v, g, lr, mu: mu * v - g, right_p
    ),
    "the gradient acts twice, in v and again in p": moving(
        right_v, lambda p, v, v_new, g, lr, mu: p + v_new - lr * g
    ),
    "this is Nesterov's variant: add v itself to p": moving(
        right_v, lambda p, v, v_new, g, lr, mu: p + mu * v_new - lr * g
    ),
    "v must start at zero, not at the parameter's value": moving(
        right_v, right_p, start=np.copy
    ),
    "v must start at zero, not at one": moving(right_v, right_p, start=np.ones_like),
    "updates a symbolic expression": lambda loss, params, lr, mu: [
        (pt.zeros_like(p), p) for p in params
    ],
    "compile these updates": moving(
        right_v, right_p, start=lambda value: np.zeros(value.size + 1)[:, None, None]
    ),
}
NEAR = (NEAR_COUNT, NEAR_WINDOWS, NEAR_GRADIENTS, NEAR_L2, NEAR_MOMENTUM)


@each_near_miss(CHECKS, NEAR)
def test_a_near_miss_is_told_what_it_is(checked, sentence, student):
    with np.errstate(all="ignore"):
        said = ask(checked, student)
    assert not said.startswith("Right")
    assert sentence in said


@each_check
def test_every_mistake_that_a_check_knows_is_tried(checked, solutions, monkeypatch):
    known = set()

    def note(compare):
        def noting(*args, mistakes, **options):
            known.update(mistakes)
            return compare(*args, mistakes=mistakes, **options)

        return noting

    for name in ("compare", "compare_parts"):
        monkeypatch.setattr(check, name, note(getattr(core, name)))
    ask(checked, solutions[checked.__name__])
    tried = NEAR[CHECKS.index(checked)]
    assert known
    for mistake in known:
        heard = [part for part in tried if part in mistake or mistake in part]
        shared = [part for part in tried if part.split(": ")[-1] in mistake]
        assert heard or shared, f"no near-miss makes the check say: {mistake}"


@each_check
@settings(max_examples=40, deadline=None)
@given(parts=st.lists(GARBAGE, min_size=2, max_size=4))
def test_whatever_comes_back_in_parts_is_answered(checked, parts):
    check_survives(checked, tuple(parts))


@pytest.mark.parametrize("name", ["l2_updates", "momentum_updates"])
@settings(max_examples=40, deadline=None)
@given(garbage=GARBAGE)
def test_whatever_stands_in_an_update_is_answered(name, garbage):
    checked = getattr(check, name)
    said = ask(checked, lambda loss, params, *rest: [(p, garbage) for p in params])
    assert said.startswith("Not yet. ")
