"""The checks of chapter 4: planted bugs, right answers in other ways, garbage.

The wrong backward passes are written here as plain loops, on their own: the checker
makes its wrong gradients in another way, and must recognise these.
"""

from functools import partial

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from check_answers import (
    GARBAGE,
    NOT_STARTED,
    ask,
    check_tells,
    each_near_miss,
    near_misses,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from helpers import engine
from helpers.check import ch04_backward_mistakes as mistakes
from helpers.check import ch04_bptt_checks as check
from helpers.networks import bptt, elman
from helpers.networks.elman import Elman
from helpers.networks.gradients import numerical_gradient
from helpers.networks.suspects import SUSPECTS

SEEDS = st.integers(0, 10**6)


def plain(
    x, y, W_ih, W_hh, b_h, W_ho, b_o, h0, bugs=(), k=3, loss="each", units="tanh"
):
    """Backpropagation through time, one step after the other, with `bugs` by name."""

    def unit(a):
        return np.tanh(a) if units == "tanh" else 1 / (1 + np.exp(-a))

    def slope_by(h):
        return 1 - h * h if units == "tanh" else h - h * h

    T = len(x)
    W = W_hh.T if "forward transposed" in bugs else W_hh
    h_t = 0 * h0 if "h0 zero" in bugs else h0
    before, a, h, d_o = [], [], [], []
    for t in range(T):
        before.append(h_t)
        a.append(x[t] @ W_ih + h_t @ W + (0 if "no b_h" in bugs else b_h))
        h_t = unit(a[-1])
        h.append(h_t)
        d_o.append(h_t @ W_ho + (0 if "no b_o" in bugs else b_o) - y[t])
    if loss == "last" and "all errors" not in bugs:
        d_o = [0 * d for d in d_o[:-1]] + d_o[-1:]
    if "only last error" in bugs:
        d_o = [0 * d for d in d_o[:-1]] + d_o[-1:]
    if "last error everywhere" in bugs:
        d_o = d_o[-1:] * T
    if "no last error" in bugs:
        d_o = [*d_o[:-1], 0 * d_o[-1]]
    if "sign" in bugs:
        d_o = [-d for d in d_o]
    if "twice" in bugs:
        d_o = [2 * d for d in d_o]
    if "mean" in bugs:
        d_o = [d / T for d in d_o]
    if "mean of all" in bugs:
        d_o = [2 * d / T / len(d) for d in d_o]

    g = {
        name: np.zeros(p.shape)
        for name, p in zip(Elman._fields, (W_ih, W_hh, b_h, W_ho, b_o, h0), strict=True)
    }
    running = {name: np.zeros(value.shape) for name, value in g.items()}
    later = np.zeros(len(h0))
    for t in reversed(range(T)):
        slope = slope_by(h[t])
        if "pre-activation" in bugs:
            slope = slope_by(a[t])
        if "no slope" in bugs:
            slope = np.ones(len(h0))
        if "another unit" in bugs:
            slope = h[t] * (1 - h[t]) if units == "tanh" else 1 - h[t] ** 2
        if "unit twice" in bugs:
            slope = slope_by(unit(h[t]))
        if "no square" in bugs:
            slope = 1 - h[t]
        if "slope before" in bugs:
            slope = slope_by(before[t])
        if "slope of last" in bugs:
            slope = slope_by(h[-1])
        own = d_o[t] @ (W_ho if "W_ho" in bugs else W_ho.T)
        d_h = own + later
        d_a = d_h * slope
        if "later after slope" in bugs:
            d_a = own * slope + later
        if "own after slope" in bugs:
            d_a = own + later * slope
        on = d_h if "slope not on the way" in bugs else d_a
        used = d_h if "slope not in the sums" in bugs else d_a
        if "own skipped" in bugs:
            used = later * slope
        if "h_t" in bugs:
            came = h[t]
        elif "no h0 in W_hh" in bugs and t == 0:
            came = 0 * h0
        else:
            came = before[t]
        part = {
            "W_ih": np.outer(x[t], used),
            "W_hh": np.outer(came, used),
            "b_h": used,
            "W_ho": np.outer(before[t] if "h_tm1" in bugs else h[t], d_o[t]),
            "b_o": d_o[t],
            "h0": 0 * h0,
        }
        if "a_t" in bugs:
            part["W_ho"] = np.outer(a[t], d_o[t])
        if "last error in W_ho" in bugs:
            part["W_ho"], part["b_o"] = np.outer(h[t], d_o[-1]), d_o[-1]
        if "forward product" in bugs:
            part["W_ih"], part["W_hh"] = x[t] @ W_ih, before[t] @ W_hh
        for name in g:
            running[name] += part[name]
            if "not reset" in bugs:
                g[name] += running[name]
            elif "set" in bugs or ("biases set" in bugs and name[0] == "b"):
                g[name] = part[name]
            elif "biases last" in bugs and name[0] == "b":
                g[name] += part[name] if t == T - 1 else 0
            else:
                g[name] += part[name]
        later = on @ (W_hh if "transposed" in bugs else W_hh.T)
        if "no W_hh" in bugs:
            later = on
        if "stops before the first" in bugs and t == 1:
            break
        if "last steps" in bugs and t == T - k:
            later = np.zeros(len(h0))
            for name in ("W_ho", "b_o"):  # they do not go back
                g[name] = sum(
                    np.outer(h[s], d_o[s]) if name == "W_ho" else d_o[s]
                    for s in range(T)
                )
            break
        if "chunks" in bugs and t % k == 0 and t > 0:
            later = np.zeros(len(h0))
    g["h0"] = later
    if "no h0" in bugs:
        g["h0"] = np.zeros(len(h0))
    if "h0 short" in bugs:
        g["h0"] = d_a
    if "h0 is h1" in bugs:
        g["h0"] = d_h
    if "slope at h0" in bugs:
        g["h0"] = later * slope_by(h0)
    if "h0 transposed" in bugs:
        g["h0"] = d_a @ W_hh
    if "W_hh turned" in bugs:
        g["W_hh"] = g["W_hh"].T
    if "clip" in bugs:
        g = {name: np.minimum(np.maximum(value, -2), 2) for name, value in g.items()}
    return [g[name] for name in Elman._fields]


def with_bugs(*bugs, k=3):
    return partial(plain, bugs=bugs, k=k)


UNITS = {"tanh": (np.tanh, bptt.tanh_slope), "sigmoid": (expit, bptt.sigmoid_slope)}


def forward_sums(x, y, *params, loss="each", units="tanh"):
    """The parts of the sums added up going forward, and never reset."""
    params, (g, slope) = Elman(*params), UNITS[units]
    h = elman.hidden_states_numpy(x, params, g)
    d_o = elman.readout(h, params) - y
    d_a = bptt.state_errors(h, d_o, params, slope) * slope(h)
    before = np.vstack([params.h0, h[:-1]])
    totals = [np.zeros(p.shape) for p in params[:5]]
    running = [0 * total for total in totals]
    for t in range(len(x)):
        pairs = ((x[t], d_a[t]), (before[t], d_a[t]), (1, d_a[t]), (h[t], d_o[t]))
        for i, (left, right) in enumerate((*pairs, (1, d_o[t]))):
            running[i] = running[i] + np.outer(left, right).reshape(totals[i].shape)
            totals[i] = totals[i] + running[i]
    return (*totals, d_a[0] @ params.W_hh.T)


def sums_over_outputs(x, y, *params, **how):
    """Output after output goes all the way back; its sums are never reset."""
    params = Elman(*params)
    totals = [np.zeros(p.shape) for p in params]
    running = [0 * total for total in totals]
    for s in range(len(x)):
        part = window(x, y, *params, outputs=[s], **how)
        running = [r + p for r, p in zip(running, part, strict=True)]
        totals = [t + r for t, r in zip(totals, running, strict=True)]
    return totals


def window(x, y, *params, k=10**6, outputs=None, loss="each", units="tanh"):
    """Each error goes back by itself, through at most k steps."""
    W_ih, W_hh, b_h, W_ho, b_o, h0 = params
    g, slope = UNITS[units]
    states = [h0]
    for x_t in x:
        states.append(g(x_t @ W_ih + states[-1] @ W_hh + b_h))
    if outputs is None:
        outputs = range(len(x)) if loss == "each" else [len(x) - 1]
    g_ih, g_hh, g_h, g_ho, g_o, g_0 = (np.zeros(p.shape) for p in params)
    for s in outputs:
        d_o = states[s + 1] @ W_ho + b_o - y[s]
        g_ho += np.outer(states[s + 1], d_o)
        g_o += d_o
        error = W_ho @ d_o
        for t in range(s, max(-1, s - k), -1):
            error = error * slope(states[t + 1])
            g_ih += np.outer(x[t], error)
            g_hh += np.outer(states[t], error)
            g_h += error
            error = W_hh @ error
            if t == 0:
                g_0 += error
    return g_ih, g_hh, g_h, g_ho, g_o, g_0


# A backward pass: right ones ------------------------------------------------------


def by_pytensor(x, y, *params, loss, units):
    shared = elman.shared(Elman(*params))
    g = {"tanh": pt.tanh, "sigmoid": pt.sigmoid}[units]
    o = elman.readout(elman.hidden_states(pt.constant(x), shared, g), shared)
    squares = (o - y) ** 2
    total = (squares if loss == "each" else squares[-1]).sum() / 2
    return pytensor.function([], pt.grad(total, list(shared)))()


def by_differences(x, y, *params, loss, units):
    def total(*values):
        values = Elman(*values)
        h = elman.hidden_states_numpy(x, values, UNITS[units][0])
        squares = (elman.readout(h, values) - y) ** 2
        return (squares if loss == "each" else squares[-1]).sum() / 2

    return numerical_gradient(total, params)


def by_helper(x, y, *params, loss, units):
    params, (g, slope) = Elman(*params), UNITS[units]
    h = elman.hidden_states_numpy(x, params, g)
    d_o = elman.readout(h, params) - y
    if loss == "last":
        d_o[:-1] = 0
    return bptt.bptt(x, h, d_o, params, slope)


def by_batch(x, y, *params, **how):
    """As a batch of one, and by matrix products."""
    return by_helper(x[:, None], y[:, None], *params, **how)


def with_noise(*arguments, **how):
    rng = np.random.default_rng(0)
    right = plain(*arguments, **how)
    return [g * (1 + 1e-12 * rng.standard_normal(g.shape)) for g in right]


RIGHT = {
    "a loop": plain,
    "output by output": window,
    "the helper": by_helper,
    "a batch of one": by_batch,
    "noise of the last digits": with_noise,
    "lists": lambda *a, **how: [g.tolist() for g in plain(*a, **how)],
    "a dict": lambda *a, **how: by_helper(*a, **how)._asdict(),
    "float32": lambda *a, **how: [g.astype("float32") for g in plain(*a, **how)],
}
each_loss_and_unit = pytest.mark.parametrize(
    ("loss", "units"), [("each", "tanh"), ("last", "tanh"), ("each", "sigmoid")]
)


def judged(student, loss="each", units="tanh", **seed):
    """What the check says of a function that knows its loss and its units."""
    student = partial(student, loss=loss, units=units)
    return ask(lambda s: check.backward(s, loss, units, **seed), student)


@each_loss_and_unit
@pytest.mark.parametrize("way", RIGHT)
@settings(max_examples=5, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_a_right_function_is_never_blamed(way, loss, units, seed):
    said = judged(RIGHT[way], loss, units, seed=seed)
    assert said.startswith("Right. "), said


@each_loss_and_unit
@pytest.mark.parametrize("student", [by_pytensor, by_differences])
def test_independent_gradients_are_right(student, loss, units, capsys):
    engine.select("python")
    said = judged(student, loss, units)
    assert said.startswith("Right. "), said


# A backward pass: planted bugs ----------------------------------------------------

# What was planted, and the beginning of what must be found.
PLANTED = {
    "slope of the pre-activation: ": with_bugs("pre-activation"),
    "slope forgotten: ": with_bugs("no slope"),
    "slope of another unit: ": with_bugs("another unit"),
    "activation taken twice: ": with_bugs("unit twice"),
    "slope 1 - h: ": with_bugs("no square"),
    "slope of the step before: ": with_bugs("slope before"),
    "slope of the last step: ": with_bugs("slope of last"),
    "slope on the own error only: ": with_bugs("later after slope"),
    "slope on the later errors only: ": with_bugs("own after slope"),
    "slope forgotten on the way: ": with_bugs("slope not on the way"),
    "slope forgotten in the sums: ": with_bugs("slope not in the sums"),
    "W_hh for its transpose: what goes on": with_bugs("transposed"),
    "W_hh for its transpose: on the way back": with_bugs("h0 transposed"),
    "W_hh transposed in the forward": with_bugs("forward transposed"),
    "W_hh forgotten on the way back: ": with_bugs("no W_hh"),
    "W_ho for its transpose: ": with_bugs("W_ho"),
    "h0 used as zero: the first step": with_bugs("h0 zero"),
    "h0 used as zero: in the gradient": with_bugs("no h0 in W_hh"),
    "b_h forgotten in the forward pass: ": with_bugs("no b_h"),
    "b_o forgotten in the forward pass: ": with_bugs("no b_o"),
    "own step skipped: ": with_bugs("own skipped"),
    "sign: the error is o - y": with_bugs("sign"),
    "factor 2: ": with_bugs("twice"),
    "mean for the sum: the loss is a sum over the steps": with_bugs("mean"),
    "mean for the sum: this is the gradient of the mean of (o": with_bugs(
        "mean of all"
    ),
    "error of the last step at each step: it arises": with_bugs(
        "last error everywhere"
    ),
    "error of the last step at each step: it belongs": with_bugs("last error in W_ho"),
    "sums not reset: on the way back": with_bugs("not reset"),
    "only the first step's part: a gradient is": with_bugs("set"),
    "only the last step's part: the gradient of a bias": with_bugs("biases last"),
    "only the first step's part: the gradient of a bias": with_bugs("biases set"),
    "first step left out: ": with_bugs("stops before the first"),
    "forward product: ": with_bugs("forward product"),
    "h_t for h_{t-1}: ": with_bugs("h_t"),
    "h_{t-1} for h_t: ": with_bugs("h_tm1"),
    "a_t for h_t: ": with_bugs("a_t"),
    "gradient transposed: ": with_bugs("W_hh turned"),
    "h0 forgotten: ": with_bugs("no h0"),
    "gradient of h0 one step short: this is d_a": with_bugs("h0 short"),
    "gradient of h0 one step short: this is d_h": with_bugs("h0 is h1"),
    "slope at h0: ": with_bugs("slope at h0"),
    "clipped: each element is cut at +-2,": with_bugs("clip"),
    "truncated: each error goes back through 1 step only": partial(window, k=1),
    "truncated: each error goes back through 4 steps": partial(window, k=4),
    "truncated: each error goes back through 11 steps": partial(window, k=11),
}
EACH = PLANTED | {
    "only the last error: ": with_bugs("only last error"),
    "last step left out: ": with_bugs("no last error"),
    "sums not reset: going forward": forward_sums,
    "sums not reset: what one output's": sums_over_outputs,
    "truncated: only the last 4 steps are gone back": with_bugs("last steps", k=4),
    "truncated: no error crosses a cut, and there is a cut after every 4": with_bugs(
        "chunks", k=4
    ),
}
# With one error alone, all errors have become the last one's, or none is left.
LAST = {
    sentence: student
    for sentence, student in PLANTED.items()
    if "last step at each step: it belongs" not in sentence
} | {"errors of all outputs: ": with_bugs("all errors")}


@pytest.mark.parametrize(
    ("loss", "units", "sentence", "student"),
    [
        pytest.param(loss, units, *planted, id=f"{loss}-{units}-{planted[0]}")
        for loss, units, table in (
            ("each", "tanh", EACH),
            ("last", "tanh", LAST),
            ("each", "sigmoid", EACH),
        )
        for planted in table.items()
    ],
)
@settings(max_examples=3, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_a_planted_bug_is_named(loss, units, sentence, student, seed):
    said = judged(student, loss, units, seed=seed)
    assert said.startswith("Not yet. "), said
    assert f". {sentence}" in said, said


@pytest.mark.parametrize(("right", "wrong"), [("tanh", "sigmoid"), ("sigmoid", "tanh")])
def test_other_units_are_named(right, wrong):
    said = ask(lambda s: check.backward(s, units=right), partial(plain, units=wrong))
    assert f". {wrong} units: the states are those of " in said


def both(x, y, *params, **how):
    """The suspect without the transpose, and its gradient of h0 set to zero."""
    gradients = list(SUSPECTS["suspect_2"](x, y, *params))
    return [*gradients[:5], 0 * gradients[5]]


@pytest.mark.parametrize(
    ("sentences", "student"),
    [
        (("W_hh for its transpose: ", "h0 forgotten: "), both),
        (("sign: ", "own step skipped: "), with_bugs("sign", "own skipped")),
        (("slope forgotten: ", "mean for the sum: "), with_bugs("no slope", "mean")),
        (("h_t for h_{t-1}: ", "clipped: "), with_bugs("h_t", "clip")),
        (
            ("slope of the pre-activation: ", "W_hh for its transpose: "),
            with_bugs("pre-activation", "transposed"),
        ),
    ],
)
@settings(max_examples=3, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_two_bugs_at_once_are_both_named(sentences, student, seed):
    said = judged(student, seed=seed)
    assert said.startswith("Not yet. ")
    for sentence in sentences:
        assert sentence in said


def changed(name, change):
    """A right function, but for one gradient."""
    return lambda *a: [
        change(g) if part == name else g
        for part, g in zip(Elman._fields, plain(*a), strict=True)
    ]


def other_matrix(x, y, W_ih, W_hh, *others):
    """The way back through a matrix that is not quite W_hh."""
    right = plain(x, y, W_ih, W_hh, *others)
    strange = plain(x, y, W_ih, W_hh - 0.1, *others)
    return [*strange[:3], *right[3:5], strange[5]]


# An answer that no known mistake explains, and where the checker says to look.
UNKNOWN = {
    "b_o comes first on the way back": changed("b_o", np.cumsum),
    "look at the product h_t^T d_o": changed("W_ho", np.sin),
    "look at the loop that carries it back": other_matrix,
    "look at its product with what goes in": changed("W_hh", np.cos),
    "look at how it ends": changed("h0", lambda g: g[::-1]),
}


@pytest.mark.parametrize("sentence", UNKNOWN)
def test_an_unknown_mistake_is_called_so_and_placed(sentence):
    said = ask(check.backward, UNKNOWN[sentence])
    assert "Unlike any mistake I know; " in said
    assert sentence in said


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_noise_is_unlike_any_mistake(seed):
    rng = np.random.default_rng(seed)
    said = ask(
        check.backward,
        lambda x, y, *params: [rng.normal(0, 9, p.shape) for p in params],
    )
    assert "Unlike any mistake I know" in said
    assert "right:" not in said


def test_zeros_and_the_parameters_themselves_are_no_gradients():
    for student in (lambda x, y, *p: [0 * g for g in p], lambda x, y, *p: p):
        assert "Unlike any mistake I know" in ask(check.backward, student)


def test_the_symptom_is_measured():
    said = ask(check.backward, changed("W_ih", lambda g: -3 * g))
    assert "right: W_hh, b_h, W_ho, b_o, h0; wrong: W_ih (-3 times what it" in said
    said = ask(check.backward, changed("h0", lambda g: 0 * g))
    assert "h0 (zero)" in said
    turned = ask(check.backward, changed("b_o", lambda g: 2 * g[::-1]))
    assert "length times 2)" in turned


def test_gradients_in_another_order_are_recognised():
    order = (1, 0, 2, 5, 4, 3)
    said = ask(check.backward, lambda *a: [plain(*a)[i] for i in order])
    assert "but in the order W_hh, W_ih, b_h, h0, b_o, W_ho" in said


def test_a_transposed_gradient_is_recognised_by_its_shape():
    said = ask(check.backward, changed("W_ih", np.transpose))
    assert "the gradient of W_ih from backward(" in said
    assert "right, but transposed" in said


def test_a_bug_that_only_one_shape_shows_is_found_behind_the_error():
    said = ask(check.backward, with_bugs("W_ho"))
    assert "raised ValueError" in said
    assert "Where it does run it is this. W_ho for its transpose: " in said


@pytest.mark.parametrize(
    ("student", "sentence"),
    [
        (changed("h0", lambda g: g * np.nan), "entries are nan"),
        (changed("W_hh", lambda g: g * 1j), "expected real numbers"),
        (changed("b_h", lambda g: "b_h"), "expected numbers"),
        (changed("b_o", lambda g: None), "None, expected numbers"),
        (lambda *a: plain(*a)[:5], "expected 6 results: W_ih, W_hh, b_h, W_ho, b_o"),
    ],
)
def test_what_are_no_gradients_is_told_so(student, sentence):
    assert sentence in ask(check.backward, student)


def test_loss_and_units_must_be_known():
    with pytest.raises(ValueError, match="loss must be one of each, last; got 'first'"):
        check.backward(plain, "first")
    with pytest.raises(ValueError, match="units must be one of tanh, sigmoid; got 're"):
        check.backward(plain, units="relu")


@each_loss_and_unit
@settings(max_examples=4, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_every_mistake_shows_and_differs_from_the_others(loss, units, seed):
    """Else the checker could not name it; truncations may be equal by their nature."""
    invisible = {
        {"each": "errors of all outputs", "last": "only the last error"}[loss],
        f"{units} units",
    }
    problems = mistakes.random_problems(np.random.default_rng(seed), loss, units)[:2]
    truths = [mistakes.way_back(problem) for problem in problems]
    seen = []
    for mistake in mistakes.MISTAKES:
        if mistake.name == "truncated":
            continue
        made = [mistakes.made_with((mistake,), problem) for problem in problems]
        answers = [
            mistakes.Answer(*of)
            for of in zip(problems, made, truths, strict=True)
            if of[1]
        ]
        shows = any(answer.wrong for answer in answers)
        assert shows == (mistake.name not in invisible), mistake.name
        for other, others in seen if shows else ():
            alike = [
                m and o and not mistakes.Answer(p, m, o).wrong
                for p, m, o in zip(problems, made, others, strict=True)
            ]
            assert not all(alike), (mistake, other)
        if shows:
            seen.append((mistake, made))


# The suspects ---------------------------------------------------------------------

NAMED = {
    "suspect_1": "sums not reset",
    "suspect_2": "W_hh for its transpose",
    "suspect_3": "slope of the pre-activation",
    "suspect_4": "h0 forgotten",
    "suspect_5": "forward product",
    "suspect_6": "own step skipped",
    "suspect_7": "error of the last step at each step",
}


@pytest.mark.parametrize("name", SUSPECTS)
def test_the_checker_names_each_suspect(name):
    said = ask(check.backward, SUSPECTS[name])
    assert f". {NAMED[name]}: " in said
    assert " and " not in said.partition(NAMED[name])[0].partition("wrong:")[2]


def test_the_suspects_are_known_by_their_names():
    assert ask(check.suspects, NAMED).startswith("Right. ")
    spaced = {name: f" {guess} " for name, guess in NAMED.items()}
    assert ask(check.suspects, spaced).startswith("Right. ")


@pytest.mark.parametrize("name", SUSPECTS)
def test_no_suspect_goes_by_another_name(name):
    known = [n for n in mistakes.NAMES if check._suspect(name, n).ok]
    assert known == [NAMED[name]]


@pytest.mark.parametrize(
    ("guess", "sentence"),
    [
        ({}, "Not started yet: replace the `...` in guess."),
        (dict.fromkeys(NAMED, ...), "Not started yet: replace the `...` in guess."),
        (NAMED | {"suspect_5": ...}, "suspect_5: still `...`"),
        (NAMED | {"suspect_5": "bad luck"}, "no mistake is called 'bad luck'"),
        (NAMED | {"suspect_5": 3}, "expected the name of a mistake"),
        (NAMED | {"suspect_4": "sign"}, "would make W_ih, W_hh, b_h, W_ho, b_o wrong"),
        (NAMED | {"suspect_1": "h_t for h_{t-1}"}, "would leave W_ih, b_h right, but"),
        (NAMED | {"suspect_2": "slope forgotten"}, "but in another way"),
        (
            {"suspect_1": "sums not reset"},
            "Not yet. suspect_1: right. suspect_2: still",
        ),
        ([1], "expected a dict of names"),
        (None, "expected a dict of names"),
    ],
)
def test_a_guess_is_judged_by_its_symptoms(guess, sentence):
    assert sentence in ask(check.suspects, guess)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(garbage=GARBAGE)
def test_any_guess_is_answered(garbage):
    for guess in (garbage, dict.fromkeys(NAMED, garbage)):
        said = ask(check.suspects, guess)
        assert said.startswith(("Not yet. ", "Not started yet: ")), said


# The other exercises --------------------------------------------------------------


def bound(W_hh, lag, steepest):
    return (steepest * np.linalg.svd(W_hh)[1][0]) ** lag


def leaky_backward(x, y, W_ih, W_hh, b_h, W_ho, b_o, h0, alpha, bug=""):
    T = len(x)
    h, g = [h0], []
    for x_t in x:
        g.append(np.tanh(x_t @ W_ih + h[-1] @ W_hh + b_h))
        h.append(g[-1] if bug == "plain" else (1 - alpha) * h[-1] + alpha * g[-1])
    d_W_ih, d_W_hh, d_b_h, d_W_ho, d_b_o = (
        np.zeros(p.shape) for p in (W_ih, W_hh, b_h, W_ho, b_o)
    )
    arriving = np.zeros(len(h0))
    for t in reversed(range(T)):
        d_o = h[t + 1] @ W_ho + b_o - y[t]
        d_h = W_ho @ d_o + arriving
        slope = 1 - (h[t + 1] if bug == "slope of h" else g[t]) ** 2
        if bug == "no slope":
            slope = 1
        d_a = (1 if bug == "no alpha" else alpha) * d_h * slope
        leaking = (1 - alpha) * d_h
        if bug == "exchanged":
            d_a, leaking = (1 - alpha) * d_h * slope, alpha * d_h
        if bug == "no leak" or (bug == "no leak at h0" and t == 0):
            leaking = 0 * d_h
        if bug == "leak with slope":
            leaking = leaking * slope
        if bug == "leak without share":
            leaking = d_h
        d_W_ih += np.outer(x[t], d_a)
        d_W_hh += np.outer(h[t], d_a)
        d_b_h += d_a
        d_W_ho += np.outer(h[t + 1], d_o)
        d_b_o += d_o
        through = d_a @ W_hh if bug == "transposed" else W_hh @ d_a
        if bug == "no W_hh" or (bug == "no W_hh at h0" and t == 0):
            through = 0 * d_h
        arriving = leaking + through
    return d_W_ih, d_W_hh, d_b_h, d_W_ho, d_b_o, arriving


def window_gradients(x, y, *params_and_k):
    *params, k = params_and_k
    return window(x, y, *params, k=k)


def relu_lags(x, W_ih, W_hh, b_h, d_h, tanh=False, slope=None, back=None, shift=0):
    h = [np.zeros(len(b_h))]
    for x_t in x:
        a = x_t @ W_ih + h[-1] @ W_hh + b_h
        h.append(np.tanh(a) if tanh else a * (a > 0))
    norms = []
    for t in range(len(x), 0, -1):
        norms.append(np.sqrt((d_h**2).sum()))
        here = h[t - shift]
        d_h = (W_hh if back is None else back(W_hh)) @ (
            d_h * ((here > 0) if slope is None else slope(here))
        )
    return np.array(norms)


SOLUTIONS = {
    check.backward: plain,
    check.bound: bound,
    check.leaky_backward: leaky_backward,
    check.window_gradients: window_gradients,
    check.relu_lags: relu_lags,
}
CHECKS = list(SOLUTIONS)
each_check = pytest.mark.parametrize("checked", CHECKS, ids=lambda c: c.__name__)


@each_check
def test_a_right_answer_is_right(checked):
    said = ask(checked, SOLUTIONS[checked])
    assert said.startswith("Right. "), said


@pytest.mark.parametrize(
    ("checked", "student"),
    [
        (check.bound, lambda W, lag, s: s**lag * np.linalg.norm(W, 2) ** lag),
        (
            check.window_gradients,
            lambda x, y, *p: bptt.windows(
                x,
                h := elman.hidden_states_numpy(x, Elman(*p[:-1])),
                elman.readout(h, Elman(*p[:-1])) - y,
                Elman(*p[:-1]),
                p[-1],
            ),
        ),
        (check.relu_lags, lambda *a: relu_lags(*a).tolist()),
    ],
)
def test_other_ways_are_right_too(checked, student):
    said = ask(checked, student)
    assert said.startswith("Right. "), said


@each_check
def test_a_starter_is_not_started(checked):
    said = ask(checked, lambda *arguments: ...)
    assert said == NOT_STARTED.format(checked.__name__)


def test_the_starter_for_sigmoid_units_has_a_name_of_its_own():
    said = ask(lambda s: check.backward(s, units="sigmoid"), lambda *arguments: ...)
    assert said == NOT_STARTED.format("backward_sigmoid")


NEAR_BOUND = {
    "the spectral radius": lambda W, lag, s: (
        (s * np.abs(np.linalg.eigvals(W)).max()) ** lag
    ),
    "take the product of the norms": lambda W, lag, s: (
        s**lag * np.linalg.norm(np.linalg.matrix_power(W, lag), 2)
    ),
    "root of the sum of squares": lambda W, lag, s: (s * np.linalg.norm(W)) ** lag,
    "not only at one": lambda W, lag, s: s * np.linalg.norm(W, 2) ** lag,
    "the slopes are missing": lambda W, lag, s: np.linalg.norm(W, 2) ** lag,
    "one step too many": lambda W, lag, s: bound(W, lag + 1, s),
    "one step too few": lambda W, lag, s: bound(W, lag - 1, s),
    "of a single step": lambda W, lag, s: bound(W, 1, s),
    "multiplied by the lag": lambda W, lag, s: lag * bound(W, 1, s),
    "the largest element": lambda W, lag, s: (s * np.abs(W).max()) ** lag,
}
NEAR_LEAKY = {
    sentence: lambda *a, bug=bug: leaky_backward(*a, bug=bug)
    for sentence, bug in {
        "nothing leaks": "plain",
        "the leak is missing on the way back": "no leak",
        "the slope is taken as 1 - h^2": "slope of h",
        "the slope is missing": "no slope",
        "alpha is missing: only": "no alpha",
        "it does not pass the tanh": "leak with slope",
        "1 - alpha is missing": "leak without share",
        "alpha and 1 - alpha are exchanged": "exchanged",
        "W_hh is not transposed": "transposed",
        "the way through W_hh is missing": "no W_hh",
        "past the weights of the first step": "no leak at h0",
        "through the weights of the first step": "no W_hh at h0",
    }.items()
}


def by_way(way, more=0):
    def student(x, y, *params_and_k):
        *params, k = params_and_k
        params = Elman(*params)
        h = elman.hidden_states_numpy(x, params)
        return way(x, h, elman.readout(h, params) - y, params, k + more)

    return student


NEAR_WINDOW = {
    "this is the whole gradient": lambda *a: plain(*a[:-1]),
    "one step too far": by_way(bptt.windows, more=1),
    "one step too short": lambda *a: window_gradients(*a[:-1], max(a[-1] - 1, 1)),
    "cut off at fixed places": by_way(bptt.chunks),
    "only the last k steps": by_way(bptt.last_steps),
    "h0 is always zero": lambda *a: [*window_gradients(*a)[:5], 0 * a[7]],
}
NEAR_RELU = {
    "in the order of time": lambda *a: relu_lags(*a)[::-1],
    "lag 0 is missing": lambda *a: relu_lags(*a)[1:],
    "those of tanh": lambda *a: relu_lags(*a, slope=lambda h: 1 - h**2),
    "the slopes are missing": lambda *a: relu_lags(*a, slope=lambda h: 1),
    "one step too early": lambda *a: relu_lags(*a, shift=1),
    "the slopes are the states": lambda *a: relu_lags(*a, slope=lambda h: h),
    "W_hh is not transposed": lambda *a: relu_lags(*a, back=np.transpose),
    "these are the states of tanh": lambda *a: relu_lags(*a, tanh=True),
    "the squares of the norms": lambda *a: relu_lags(*a) ** 2,
    "divided by the first": lambda *a: relu_lags(*a) / relu_lags(*a)[0],
}
NEAR = near_misses(
    (check.bound, check.leaky_backward, check.window_gradients, check.relu_lags),
    (NEAR_BOUND, NEAR_LEAKY, NEAR_WINDOW, NEAR_RELU),
)


@each_near_miss(NEAR)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_near_miss_is_told_what_it_is(checked, sentence, student):
    check_tells(checked, sentence, student)


@pytest.mark.parametrize("loss", mistakes.LOSSES)
@settings(max_examples=30, deadline=None, derandomize=True)
@given(garbage=GARBAGE)
def test_garbage_in_one_place_is_answered(loss, garbage):
    said = ask(
        lambda s: check.backward(s, loss),
        lambda *a: [a[2], garbage, *a[4:]],
    )
    assert said.startswith(("Not yet. ", "Not started yet: ")), said
