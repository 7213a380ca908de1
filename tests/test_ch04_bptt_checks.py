"""The checks of chapter 4: planted bugs, right answers in other ways, garbage.

The wrong backward passes are plain loops of which a line or two are replaced, as a
student would have them: the checker makes its wrong gradients in another way, and must
recognise these.
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
    check_accepts,
    check_tells,
    each_near_miss,
    each_right_answer,
    edited,
    slips,
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


UNITS = {"tanh": (np.tanh, bptt.tanh_slope), "sigmoid": (expit, bptt.sigmoid_slope)}
OTHER = {"tanh": "sigmoid", "sigmoid": "tanh"}


def plain(x, y, W_ih, W_hh, b_h, W_ho, b_o, h0, loss="each", units="tanh"):
    """Backpropagation through time, one step after the other."""
    g, slope = UNITS[units]
    T = len(x)
    h, a = [h0], []
    for t in range(T):
        a.append(x[t] @ W_ih + h[t] @ W_hh + b_h)
        h.append(g(a[t]))
    o = [h[t + 1] @ W_ho + b_o for t in range(T)]
    d_o = [o[t] - y[t] for t in range(T)]
    if loss == "last":
        d_o[:-1] = [0 * d for d in d_o[:-1]]
    sums = [np.zeros(p.shape) for p in (W_ih, W_hh, b_h, W_ho, b_o)]
    later = 0 * h0
    for t in reversed(range(T)):
        own = W_ho @ d_o[t]
        d_h = own + later
        d_a = d_h * slope(h[t + 1])
        summed = d_a
        parts = [np.outer(x[t], summed), np.outer(h[t], summed), summed]
        parts += [np.outer(h[t + 1], d_o[t]), d_o[t]]
        sums = [s + part for s, part in zip(sums, parts, strict=True)]
        later = W_hh @ d_a
    return [*sums, later]


def again_and_again(parts):
    """The sum of all that a running sum has been, part after part."""
    return np.cumsum(parts, axis=0).sum(axis=0)


def forward_sums(x, y, *params, loss="each", units="tanh"):
    """The parts of the sums added up going forward, and never reset."""
    params, (g, slope) = Elman(*params), UNITS[units]
    h = elman.hidden_states_numpy(x, params, g)
    d_o = elman.readout(h, params) - y
    d_a = bptt.state_errors(h, d_o, params, slope) * slope(h)
    before = np.vstack([params.h0, h[:-1]])
    outer = [p[:, :, None] * d[:, None] for p, d in ((x, d_a), (before, d_a), (h, d_o))]
    parts = (outer[0], outer[1], d_a, outer[2], d_o)
    return [*map(again_and_again, parts), d_a[0] @ params.W_hh.T]


def sums_over_outputs(x, y, *params, **how):
    """Output after output goes all the way back; its sums are never reset."""
    parts = [window(x, y, *params, outputs=[s], **how) for s in range(len(x))]
    return [again_and_again(of_one) for of_one in zip(*parts, strict=True)]


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

# The beginning of what must be found, and what is planted: code of `plain` and what
# stands in its place.
BUGS = {
    "slope of the pre-activation: ": {"slope(h[t + 1])": "slope(a[t])"},
    "slope forgotten: ": {"slope(h[t + 1])": "1"},
    "slope of another unit: ": {"slope(h[t + 1])": "UNITS[OTHER[units]][1](h[t + 1])"},
    "activation taken twice: ": {"slope(h[t + 1])": "slope(g(h[t + 1]))"},
    "slope 1 - h: ": {"slope(h[t + 1])": "(1 - h[t + 1])"},
    "slope of the step before: ": {"slope(h[t + 1])": "slope(h[t])"},
    "slope of the last step: ": {"slope(h[t + 1])": "slope(h[T])"},
    "slope on the own error only: ": {
        "d_a = d_h * slope(h[t + 1])": "d_a = own * slope(h[t + 1]) + later"
    },
    "slope on the later errors only: ": {
        "d_a = d_h * slope(h[t + 1])": "d_a = own + later * slope(h[t + 1])"
    },
    "slope forgotten on the way: ": {"later = W_hh @ d_a": "later = W_hh @ d_h"},
    "slope forgotten in the sums: ": {"summed = d_a": "summed = d_h"},
    "W_hh for its transpose: what goes on": {"W_hh @ d_a": "d_a @ W_hh"},
    "W_hh for its transpose: on the way back": {"*sums, later": "*sums, d_a @ W_hh"},
    "W_hh transposed in the forward": {"h[t] @ W_hh": "h[t] @ W_hh.T"},
    "W_hh forgotten on the way back: ": {"W_hh @ d_a": "d_a"},
    "W_ho for its transpose: ": {"W_ho @ d_o[t]": "d_o[t] @ W_ho"},
    "h0 used as zero: the first step": {"h, a = [h0]": "h, a = [0 * h0]"},
    "h0 used as zero: in the gradient": {
        "np.outer(h[t], summed)": "np.outer(h[t] * (t > 0), summed)"
    },
    "b_h forgotten in the forward pass: ": {" + b_h": ""},
    "b_o forgotten in the forward pass: ": {" + b_o": ""},
    "own step skipped: ": {"summed = d_a": "summed = later * slope(h[t + 1])"},
    "sign: the error is o - y": {"o[t] - y[t]": "y[t] - o[t]"},
    "factor 2: ": {"o[t] - y[t]": "2 * (o[t] - y[t])"},
    "mean for the sum: the loss is a sum over the steps": {
        "o[t] - y[t]": "(o[t] - y[t]) / T"
    },
    "mean for the sum: this is the gradient of the mean of (o": {
        "o[t] - y[t]": "2 * (o[t] - y[t]) / y.size"
    },
    "error of the last step at each step: it arises": {
        "later = 0 * h0": "later, d_o = 0 * h0, d_o[-1:] * T"
    },
    "error of the last step at each step: it belongs": {
        "np.outer(h[t + 1], d_o[t]), d_o[t]": "np.outer(h[t + 1], d_o[-1]), d_o[-1]"
    },
    "sums not reset: on the way back": {
        "later = 0 * h0": "later, running = 0 * h0, sums",
        "sums = [s + part for s, part": "running = [r + part for r, part in "
        "zip(running, parts, strict=True)]\n        sums = [s + r for s, r",
        "zip(sums, parts": "zip(sums, running",
    },
    "only the first step's part: a gradient is": {"s + part for": "part for"},
    "only the last step's part: the gradient of a bias": {
        "s + part for": "s + part * (part.ndim == 2 or t == T - 1) for"
    },
    "only the first step's part: the gradient of a bias": {
        "s + part for": "s * (part.ndim == 2) + part for"
    },
    "first step left out: ": {
        "return": "    if t == 1:\n            break\n    return"
    },
    "forward product: ": {
        "np.outer(x[t], summed)": "x[t] @ W_ih",
        "np.outer(h[t], summed)": "h[t] @ W_hh",
    },
    "h_t for h_{t-1}: ": {"np.outer(h[t], summed)": "np.outer(h[t + 1], summed)"},
    "h_{t-1} for h_t: ": {"np.outer(h[t + 1], d_o[t])": "np.outer(h[t], d_o[t])"},
    "a_t for h_t: ": {"np.outer(h[t + 1], d_o[t])": "np.outer(a[t], d_o[t])"},
    "gradient transposed: ": {"*sums, later": "sums[0], sums[1].T, *sums[2:], later"},
    "h0 forgotten: ": {"*sums, later": "*sums, 0 * h0"},
    "gradient of h0 one step short: this is d_a": {"*sums, later": "*sums, d_a"},
    "gradient of h0 one step short: this is d_h": {"*sums, later": "*sums, d_h"},
    "slope at h0: ": {"*sums, later": "*sums, later * slope(h0)"},
    "clipped: each element is cut at +-2,": {
        "[*sums, later]": "[np.clip(value, -2, 2) for value in (*sums, later)]"
    },
}
PLANTED = slips(plain, BUGS) | {
    "truncated: each error goes back through 1 step only": partial(window, k=1),
    "truncated: each error goes back through 4 steps": partial(window, k=4),
    "truncated: each error goes back through 11 steps": partial(window, k=11),
}
EACH = {
    **PLANTED,
    **slips(
        plain,
        {
            "only the last error: ": {'loss == "last"': "True"},
            "last step left out: ": {
                "later = 0 * h0": "later, d_o[-1] = 0 * h0, 0 * d_o[-1]"
            },
            "truncated: only the last 4 steps are gone back": {
                "own + later": "(own + later) * (t >= T - 4)"
            },
            "truncated: no error crosses a cut, and there is a cut after every 4": {
                "later = W_hh @ d_a": "later = W_hh @ d_a * (t == 0 or t % 4 > 0)"
            },
        },
    ),
    "sums not reset: going forward": forward_sums,
    "sums not reset: what one output's": sums_over_outputs,
}
# With one error alone, all errors have become the last one's, or none is left.
LAST = {
    sentence: student
    for sentence, student in PLANTED.items()
    if "last step at each step: it belongs" not in sentence
} | {"errors of all outputs: ": edited(plain, {'loss == "last"': "False"})}


# With another loss and other units the diagnosis is the same code: once a night.
@pytest.mark.parametrize(
    ("loss", "units", "sentence", "student"),
    [
        pytest.param(
            loss,
            units,
            *planted,
            id=f"{loss}-{units}-{planted[0]}",
            marks=() if (loss, units) == ("each", "tanh") else pytest.mark.nightly,
        )
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
        *(
            (sentences, edited(plain, *(BUGS[sentence] for sentence in sentences)))
            for sentences in (
                ("sign: the error is o - y", "own step skipped: "),
                (
                    "slope forgotten: ",
                    "mean for the sum: the loss is a sum over the steps",
                ),
                ("h_t for h_{t-1}: ", "clipped: each element is cut at +-2,"),
                (
                    "slope of the pre-activation: ",
                    "W_hh for its transpose: what goes on",
                ),
            )
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


# Other answers, and what must be said of them.
SAID = {
    "zeros": (lambda x, y, *p: [0 * g for g in p], "Unlike any mistake I know"),
    "the parameters": (lambda x, y, *p: p, "Unlike any mistake I know"),
    "a factor": (
        changed("W_ih", lambda g: -3 * g),
        "right: W_hh, b_h, W_ho, b_o, h0; wrong: W_ih (-3 times what it",
    ),
    "a zero": (changed("h0", lambda g: 0 * g), "h0 (zero)"),
    "turned": (changed("b_o", lambda g: 2 * g[::-1]), "length times 2)"),
    "another order": (
        lambda *a: [plain(*a)[i] for i in (1, 0, 2, 5, 4, 3)],
        "but in the order W_hh, W_ih, b_h, h0, b_o, W_ho",
    ),
    "transposed": (
        changed("W_ih", np.transpose),
        "the gradient of W_ih from backward(.*right, but transposed",
    ),
    "an error that only one shape shows": (
        PLANTED["W_ho for its transpose: "],
        "raised ValueError.*Where it does run it is this. W_ho for its transpose: ",
    ),
    "nan": (changed("h0", lambda g: g * np.nan), "entries are nan"),
    "complex": (changed("W_hh", lambda g: g * 1j), "expected real numbers"),
    "a text": (changed("b_h", lambda g: "b_h"), "expected numbers"),
    "None": (changed("b_o", lambda g: None), "None, expected numbers"),
    "five": (lambda *a: plain(*a)[:5], "expected 6 results: W_ih, W_hh, b_h, W_ho, b"),
}


@pytest.mark.parametrize("case", SAID)
def test_an_answer_is_told_what_it_is(case):
    student, sentences = SAID[case]
    said = ask(check.backward, student)
    assert all(sentence in said for sentence in sentences.split(".*")), said


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
    said = ask(check.backward, partial(SUSPECTS[name]))
    assert f". {NAMED[name]}: " in said
    assert " and " not in said.partition(NAMED[name])[0].partition("wrong:")[2]


@pytest.mark.parametrize("name", SUSPECTS)
def test_the_checker_does_not_name_a_suspect_for_the_asking(name):
    said = ask(check.backward, SUSPECTS[name])
    assert said.startswith("Not yet. ")
    worked_out = name == "suspect_3"  # in the chapter
    assert (NAMED[name] in said) == worked_out
    assert ("asked in exercise 4.1" in said) != worked_out


def test_the_suspects_are_known_by_their_names():
    assert ask(check.suspects, NAMED).startswith("Right. ")
    spaced = {name: f" {guess} " for name, guess in NAMED.items()}
    assert ask(check.suspects, spaced).startswith("Right. ")
    loud = {name: guess.capitalize() for name, guess in NAMED.items()}
    assert ask(check.suspects, loud).startswith("Right. ")


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


def leaky_backward(x, y, W_ih, W_hh, b_h, W_ho, b_o, h0, alpha):
    T, h, g = len(x), [h0], []
    for t in range(T):
        g.append(np.tanh(x[t] @ W_ih + h[t] @ W_hh + b_h))
        h.append((1 - alpha) * h[t] + alpha * g[t])
    sums = [np.zeros(p.shape) for p in (W_ih, W_hh, b_h, W_ho, b_o)]
    past = through = 0 * h0
    for t in reversed(range(T)):
        d_o = h[t + 1] @ W_ho + b_o - y[t]
        d_h = W_ho @ d_o + past + through
        slope = 1 - g[t] ** 2
        d_a = alpha * d_h * slope
        past = (1 - alpha) * d_h
        through = W_hh @ d_a
        to_the_sum = np.outer(x[t], d_a), np.outer(h[t], d_a), d_a
        parts = (*to_the_sum, np.outer(h[t + 1], d_o), d_o)
        sums = [s + part for s, part in zip(sums, parts, strict=True)]
    return [*sums, past + through]


def window_gradients(x, y, *params_and_k):
    *params, k = params_and_k
    return window(x, y, *params, k=k)


def relu_lags(x, W_ih, W_hh, b_h, d_h):
    h, norms = [np.zeros(len(b_h))], []
    for x_t in x:
        a = x_t @ W_ih + h[-1] @ W_hh + b_h
        h.append(a * (a > 0))
    for t in range(len(x), 0, -1):
        norms.append(np.sqrt((d_h**2).sum()))
        d_h = W_hh @ (d_h * (h[t] > 0))
    return np.array(norms)


def jacobian(h, W_hh):
    J = np.eye(len(W_hh))
    for h_t in h:
        J = J @ W_hh @ np.diag(1 - h_t**2)
    return J


def mean_of_clipped(g, limit):
    norms = np.sqrt((g**2).sum(axis=1))
    shares = limit / np.maximum(norms, limit)
    return shares @ g / len(g)


def clip(d_W, d_b, limit):
    norm = np.sqrt((d_W**2).sum() + (d_b**2).sum())
    share = limit / max(norm, limit)
    return share * d_W, share * d_b


SOLUTIONS = {
    check.backward: plain,
    check.bound: bound,
    check.leaky_backward: leaky_backward,
    check.window_gradients: window_gradients,
    check.relu_lags: relu_lags,
    check.jacobian: jacobian,
    check.mean_of_clipped: mean_of_clipped,
    check.clip: clip,
}


def by_way(way, more=0):
    def student(x, y, *params_and_k):
        *params, k = params_and_k
        params = Elman(*params)
        h = elman.hidden_states_numpy(x, params)
        return way(x, h, elman.readout(h, params) - y, params, k + more)

    return student


def by_errors(error, h, W_hh):
    for h_t in h[::-1]:
        error = W_hh @ (error * (1 - h_t**2))
    return error


OTHER_WAYS = {
    "a product": (
        check.bound,
        lambda W, lag, s: s**lag * np.linalg.norm(W, 2) ** lag,
    ),
    "the helper": (check.window_gradients, by_way(bptt.windows)),
    "a list": (check.relu_lags, lambda *a: relu_lags(*a).tolist()),
    "by errors that go back": (
        check.jacobian,
        lambda h, W: np.transpose([by_errors(e, h, W) for e in np.eye(len(W))]),
    ),
    "by the mean of a list": (
        check.mean_of_clipped,
        lambda g, c: np.mean([v / max(1, np.linalg.norm(v) / c) for v in g], axis=0),
    ),
    "in a list": (
        check.clip,
        lambda W, b, c: [
            g * min(1, c / np.hypot(np.linalg.norm(W), np.linalg.norm(b) or 1e-300))
            for g in (W, b)
        ],
    ),
}


@each_right_answer(SOLUTIONS, OTHER_WAYS)
def test_a_right_answer_is_right(checked, student):
    check_accepts(checked, student)


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
NEAR_LEAKY = slips(
    leaky_backward,
    {
        "nothing leaks": {"(1 - alpha) * h[t] + alpha * g[t]": "g[t]"},
        "the leak is missing on the way back": {"(1 - alpha) * d_h": "0 * d_h"},
        "the slope is taken as 1 - h^2": {"1 - g[t] ** 2": "1 - h[t + 1] ** 2"},
        "the slope is missing": {"1 - g[t] ** 2": "1"},
        "alpha is missing: only": {"alpha * d_h * slope": "d_h * slope"},
        "it does not pass the tanh": {"(1 - alpha) * d_h": "(1 - alpha) * d_h * slope"},
        "1 - alpha is missing": {"(1 - alpha) * d_h": "d_h"},
        "alpha and 1 - alpha are exchanged": {
            "d_a = alpha": "d_a = (1 - alpha)",
            "past = (1 - alpha) * d_h": "past = alpha * d_h",
        },
        "W_hh is not transposed": {"W_hh @ d_a": "d_a @ W_hh"},
        "the way through W_hh is missing": {"W_hh @ d_a": "0 * d_a"},
        "past the weights of the first step": {"past + through]": "through]"},
        "through the weights of the first step": {"past + through]": "past]"},
    },
)


NEAR_WINDOW = {
    "this is the whole gradient": lambda *a: plain(*a[:-1]),
    "one step too far": by_way(bptt.windows, more=1),
    "one step too short": lambda *a: window_gradients(*a[:-1], max(a[-1] - 1, 1)),
    "cut off at fixed places": by_way(bptt.chunks),
    "only the last k steps": by_way(bptt.last_steps),
    "h0 is always zero": lambda *a: [*window_gradients(*a)[:5], 0 * a[7]],
}
NEAR_RELU = slips(
    relu_lags,
    {
        "in the order of time": {"array(norms)": "array(norms[::-1])"},
        "lag 0 is missing": {"array(norms)": "array(norms[1:])"},
        "those of tanh": {"(h[t] > 0)": "(1 - h[t] ** 2)"},
        "the slopes are missing": {" * (h[t] > 0)": ""},
        "one step too early": {"h[t] > 0": "h[t - 1] > 0"},
        "the slopes are the states": {"h[t] > 0": "h[t]"},
        "W_hh is not transposed": {"W_hh @ (": "W_hh.T @ ("},
        "these are the states of tanh": {"a * (a > 0)": "np.tanh(a)"},
        "these are the states without a relu": {"a * (a > 0)": "a"},
        "the squares of the norms": {"array(norms)": "array(norms) ** 2"},
        "divided by the first": {"array(norms)": "array(norms) / norms[0]"},
    },
)
NEAR_JACOBIAN = slips(
    jacobian,
    {
        "rows and columns are exchanged": {"return J": "return J.T"},
        "W_hh is transposed": {"J @ W_hh @": "J @ W_hh.T @"},
        "in the reverse order": {"in h:": "in h[::-1]:"},
        "the slopes are missing": {" @ np.diag(1 - h_t**2)": ""},
        "on the wrong side": {
            "W_hh @ np.diag(1 - h_t**2)": "np.diag(1 - h_t**2) @ W_hh"
        },
        "taken as 1 - h,": {"1 - h_t**2": "1 - h_t"},
        "the slopes are the states": {"1 - h_t**2": "h_t"},
        "the first step is missing": {"in h:": "in h[1:]:"},
        "the last step is missing": {"in h:": "in h[:-1]:"},
        "element by element": {
            "np.eye(len(W_hh))": "np.ones_like(W_hh)",
            "J @ W_hh @ np.diag(1 - h_t**2)": "J * W_hh * (1 - h_t**2)",
        },
        "the factors are added": {
            "np.eye(len(W_hh))": "np.zeros_like(W_hh)",
            "J @ W_hh @ np.diag": "J + W_hh @ np.diag",
        },
    },
)
NEAR_CLIPPED = slips(
    mean_of_clipped,
    {
        "the sum over the examples": {" / len(g)": ""},
        "is made longer": {"np.maximum(norms, limit)": "np.maximum(norms, 1e-300)"},
        "the largest element": {"np.sqrt((g**2).sum(axis=1))": "abs(g).max(axis=1)"},
        "gets the length 1": {
            "limit / np.maximum(norms, limit)": "np.where(norms > limit, 1 / norms, 1)"
        },
        "is left out": {
            "limit / np.maximum(norms, limit)": "np.where(norms > limit, 0, 1)"
        },
        "nothing is clipped": {"limit / np.maximum(norms, limit)": "norms**0"},
        "one norm of the whole batch": {
            "(g**2).sum(axis=1)": "(g**2).sum() + 0 * g[:, 0]"
        },
    },
) | {
    "the mean is clipped": lambda g, c: mean_of_clipped(g.mean(axis=0)[None], c),
    "clipped by value": lambda g, c: np.clip(g, -c, c).mean(axis=0),
    "a norm for each parameter": lambda g, c: (
        g * c / np.maximum(np.linalg.norm(g, axis=0), c)
    ).mean(axis=0),
}
NEAR_CLIP = slips(
    clip,
    {
        "made longer": {"max(norm, limit)": "max(norm, 1e-300)"},
        "the norm of d_W is taken": {" + (d_b**2).sum()": ""},
        "the root is missing": {"np.sqrt(": "("},
        "the mean of the squares": {
            "((d_W**2).sum() + (d_b**2).sum())": "(np.mean(np.append(d_W, d_b) ** 2))"
        },
        "set to zero": {"limit / max(norm, limit)": "float(norm <= limit)"},
        "gets the length 1": {
            "limit / max(norm, limit)": "1 / norm if norm > limit else 1"
        },
        "d_b is not clipped": {"share * d_b": "d_b"},
        "nothing is clipped": {"limit / max(norm, limit)": "1"},
    },
) | {
    "by its own norm": lambda W, b, c: (clip(W, 0 * b, c)[0], clip(0 * W, b, c)[1]),
    "clipped by value": lambda W, b, c: (np.clip(W, -c, c), np.clip(b, -c, c)),
    "the sum of the two norms": lambda W, b, c: tuple(
        g * c / max(np.linalg.norm(W) + np.linalg.norm(b), c) for g in (W, b)
    ),
    "the larger of the two norms": lambda W, b, c: tuple(
        g * c / max(np.linalg.norm(W), np.linalg.norm(b), c) for g in (W, b)
    ),
    "the largest element": lambda W, b, c: tuple(
        g * c / max(np.abs(W).max(), np.abs(b).max(), c) for g in (W, b)
    ),
    "the largest singular value": lambda W, b, c: tuple(
        g * c / max(np.hypot(np.linalg.norm(W, 2), np.linalg.norm(b)), c)
        for g in (W, b)
    ),
}


@each_near_miss(
    (
        check.bound,
        check.leaky_backward,
        check.window_gradients,
        check.relu_lags,
        check.jacobian,
        check.mean_of_clipped,
        check.clip,
    ),
    (
        NEAR_BOUND,
        NEAR_LEAKY,
        NEAR_WINDOW,
        NEAR_RELU,
        NEAR_JACOBIAN,
        NEAR_CLIPPED,
        NEAR_CLIP,
    ),
)
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


@pytest.mark.parametrize("seed", range(3))
def test_the_jacobian_is_that_of_central_differences(seed):
    rng = np.random.default_rng(seed)
    params = elman.initial_elman(2, 4, 1, rng)._replace(h0=rng.normal(0, 0.5, 4))
    x, h0 = rng.standard_normal((6, 2)), params.h0
    h = elman.hidden_states_numpy(x, params)
    ends = [
        elman.hidden_states_numpy(x, params._replace(h0=h0 + step * e))[-1]
        for e in np.eye(4)
        for step in (1e-6, -1e-6)
    ]
    differences = (np.array(ends[::2]) - ends[1::2]) / 2e-6
    np.testing.assert_allclose(check._jacobian(h, params.W_hh), differences, atol=1e-8)
