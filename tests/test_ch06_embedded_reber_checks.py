"""The checks of chapter 6's exercises: right answers, near-misses, garbage."""

from fractions import Fraction
from functools import partial

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from check_answers import (
    CHANGED,
    ask,
    check_accepts,
    check_tells,
    each_near_miss,
    each_right_answer,
    edited,
    slips,
    spoiling,
)
from scipy.special import expit

from helpers.check import ch06_embedded_reber_checks as check


def undecided_cost(predictions, outputs):
    return 2 * np.log(2) / (predictions * outputs)


def share_right(o, place, is_T):
    at = o[place, np.arange(o.shape[1])]
    return np.mean((at[:, check.T] > at[:, check.P]) == is_T)


def carried(f):
    share = np.ones_like(f)
    for t in reversed(range(len(f) - 1)):
        share[t] = share[t + 1] * f[t + 1]
    return share


def coupled_step(x_t, h_tm1, c_tm1, W_ih, W_hh, b_h):
    n = W_hh.shape[0]
    a = x_t @ W_ih + h_tm1 @ W_hh + b_h
    f, o, g = (a[..., k * n : (k + 1) * n] for k in (0, 1, 2))
    f, o, g = pt.sigmoid(f), pt.sigmoid(o), pt.tanh(g)
    c_t = f * c_tm1 + (1 - f) * g
    return o * pt.tanh(c_t), c_t


def memory(prefixes, sure=0.95):
    """The rule, said with the doubt of a trained network."""
    p = [sure - doubt(prefix) * (sure < 1) for prefix in prefixes]
    return np.array(
        [p if s[1] == "T" else 1 - p for s, p in zip(prefixes, p, strict=True)]
    )


def doubt(prefix):
    """A little, from all that was read."""
    return 1e-3 * prefix.count("X") + 1e-4 * len(prefix)


def bias_for(share, lag):
    f = share ** (1 / lag)
    return np.log(f / (1 - f))


def ported_step(x_t, h_tm1, c_tm1, weight_ih, weight_hh, bias_ih, bias_hh):
    a = x_t @ weight_ih.T + h_tm1 @ weight_hh.T + bias_ih + bias_hh
    i, f, g, o = np.split(a, 4, axis=-1)
    c_t = expit(f) * c_tm1 + expit(i) * np.tanh(g)
    return expit(o) * np.tanh(c_t), c_t


def coupled_back(d_h, d_c, f, o, g, c_tm1, c_t):
    out = np.tanh(c_t)
    d_cell = d_c + d_h * o * (1 - out**2)
    d_f, d_o, d_g = d_cell * (c_tm1 - g), d_h * out, d_cell * (1 - f)
    d_a = [d_f * f * (1 - f), d_o * o * (1 - o), d_g * (1 - g**2)]
    return np.concatenate(d_a), d_cell * f


SOLUTIONS = {
    check.undecided_cost: undecided_cost,
    check.share_right: share_right,
    check.carried: carried,
    check.coupled_step: coupled_step,
    check.memory: memory,
    check.bias_for: bias_for,
    check.ported_step: ported_step,
    check.coupled_back: coupled_back,
}


def wrong_in_one_of(n, prefixes):
    p = memory(prefixes)
    p[::n] = 1 - p[::n]
    return p


OTHER_WAYS = {
    "one of an array": (check.undecided_cost, lambda p, k: [undecided_cost(p, k)]),
    "a fraction": (
        check.share_right,
        lambda o, place, is_T: Fraction(
            int(np.sum(np.ravel(share_right(o, place, is_T) * len(is_T)).round())),
            len(is_T),
        ),
    ),
    "row by row, from a generator": (
        check.carried,
        lambda f: (f[t + 1 :].prod(axis=0) for t in range(len(f))),
    ),
    "a loop over strings": (
        check.share_right,
        lambda o, place, is_T: (
            sum(
                (o[place[i], i, 1] > o[place[i], i, 2]) == is_T[i]
                for i in range(len(place))
            )
            / len(place)
        ),
    ),
    "by cumprod": (
        check.carried,
        lambda f: np.vstack([np.cumprod(f[:0:-1], axis=0)[::-1], np.ones(f.shape[1])]),
    ),
    "a dict": (
        check.coupled_step,
        lambda *a: dict(zip(("h_t", "c_t"), coupled_step(*a), strict=True)),
    ),
    "written as a difference": (
        check.coupled_step,
        edited(coupled_step, {"f * c_tm1 + (1 - f) * g": "g + f * (c_tm1 - g)"}),
    ),
    "by the logit": (
        check.bias_for,
        lambda share, lag: -np.log(share ** (-1 / lag) - 1),
    ),
    "sliced, with the weights turned round first": (
        check.ported_step,
        lambda x, h, c, A, B, a, b: ported_step(x, h, c, A.T.copy().T, B, 0 * a, a + b),
    ),
    "a dict of errors": (
        check.coupled_back,
        lambda *a: dict(zip(("d_a", "d_c_tm1"), coupled_back(*a), strict=True)),
    ),
    "five mistakes in 500": (check.memory, partial(wrong_in_one_of, 120)),
}


@each_right_answer(SOLUTIONS, OTHER_WAYS)
def test_a_right_answer_is_right(checked, student):
    check_accepts(checked, student)


@pytest.mark.parametrize("floatX", ["float32", "float64"])
def test_graphs_are_judged_in_the_precision_of_the_engine(floatX):
    with pytensor.config.change_flags(floatX=floatX):
        check_accepts(check.coupled_step, coupled_step)


NEAR_COST = slips(
    undecided_cost,
    {
        "only one of the two": {"2 * np": "np"},
        "base 2": {"np.log(2)": "1"},
        "the cost at the one place": {" / (predictions * outputs)": ""},
        "the mean over the outputs is missing": {
            "predictions * outputs)": "predictions)"
        },
        "the mean over the predictions is missing": {"(predictions * ": "("},
        "the wrong sign": {"2 * np": "-2 * np"},
        "a softmax would lose": {
            "2 * np": "np",
            "predictions * outputs)": "predictions)",
        },
    },
)
LARGER = "at[:, check.T] > at[:, check.P]"
NEAR_SHARE = slips(
    share_right,
    {
        "the share of wrong answers": {"== is_T": "!= is_T"},
        "a number of strings": {"np.mean": "np.sum"},
        "not compared with is_T": {" == is_T": ""},
        "all places count": {
            "o[place, np.arange(o.shape[1])]": "o",
            LARGER: "at[:, :, 1] > at[:, :, 2]",
        },
        "the last step of all": {"o[place, np.arange(o.shape[1])]": "o[-1]"},
        "one step too late": {"[place,": "[place + 1,"},
        "one step too early": {"[place,": "[place - 1,"},
        "largest of all seven": {
            f"({LARGER}) == is_T": "at.argmax(axis=1) == np.where(is_T, 1, 2)"
        },
        "the answer is T where its output is positive": {LARGER: "at[:, check.T] > 0"},
        "logits[place] picks all strings": {
            "[place, np.arange(o.shape[1])]": "[place]",
            LARGER: "at[..., check.T] > at[..., check.P]",
        },
        "outputs 2 and 5 are P and V": {LARGER: "at[:, 2] > at[:, 5]"},
        "the first step of all": {"o[place, np.arange(o.shape[1])]": "o[0]"},
        "It depends on other outputs than those of T and P": {
            LARGER: "at[:, check.T] > at[:, check.P] + at[:, 6]"
        },
    },
)
NEAR_CARRIED = slips(
    carried,
    {
        "the last row is missing": {"return share": "return share[:-1]"},
        "in reverse order": {"return share": "return share[::-1]"},
        "only the first row": {"return share": "return share[0]"},
        "only one step": {"share[t + 1] * f": "f"},
        "a sum, expected a product": {"share[t + 1] * f": "share[t + 1] + f"},
        "the mean over the cells": {"return share": "return share.mean(axis=1)"},
    },
) | {
    "a gate may be 0: multiply the gates that come after": lambda f: (
        np.cumprod(f, axis=0)[-1] / np.cumprod(f, axis=0)
    ),
    "Row 0 (counted from 0) should be row 1 times f[1], and is row 1 times f[0]": (
        lambda f: (
            np.concatenate([carried(f)[1:2] * f[:1], carried(f)[1:]])
            if len(f) > 1
            else carried(f)
        )
    ),
    "the gate of step t itself": lambda f: np.cumprod(f[::-1], axis=0)[::-1],
    "left of the first cell": lambda f: np.cumprod(f, axis=0),
    "runs over the cells too": lambda f: carried(f.prod(axis=1, keepdims=True))[:, 0],
}
CELL, OUT = "f * c_tm1 + (1 - f) * g", "o * pt.tanh(c_t)"
NEAR_COUPLED = slips(
    coupled_step,
    {
        "f and 1 - f are exchanged": {CELL: "(1 - f) * c_tm1 + f * g"},
        "all of the candidate": {"(1 - f) * ": ""},
        "the output gate lets": {"(1 - f)": "o"},
        "nothing is forgotten": {"f * c_tm1": "c_tm1"},
        "the last cell is missing": {"f * c_tm1 + ": ""},
        "stands in the place of the last cell": {"f * c_tm1": "f * h_tm1"},
        "the last cell and the last state are exchanged": {
            "h_tm1, c_tm1,": "c_tm1, h_tm1,"
        },
        "another order: x_t first": {"x_t, h_tm1,": "h_tm1, x_t,"},
        "taken in the order o, f, g": {"(0, 1, 2)": "(1, 0, 2)"},
        "in the order g, f, o": {"(0, 1, 2)": "(1, 2, 0)"},
        "b_h is missing": {" + b_h": ""},
        "the tanh of the cell": {OUT: "o * c_t"},
        "the output gate is missing": {OUT: "pt.tanh(c_t)"},
        "around the gate too": {OUT: "pt.tanh(o * c_t)"},
        "the results are right, but in the order c_t, h_t": {
            f"{OUT}, c_t": f"c_t, {OUT}"
        },
        "expected 2 results: h_t, c_t": {f"{OUT}, c_t": OUT},
        "The blocks lie along the last axis; a batch has": {"a[...,": "a["},
        # Right for one example only: blocks along the first axis.
        "c_t of coupled_step": {"a[...,": "a.reshape((-1, 3 * n))[0]["},
    },
)


NEAR_BIAS = slips(
    bias_for,
    {
        "this is the gate, expected the bias": {"np.log(f / (1 - f))": "f"},
        "the sign is turned round": {"f / (1 - f)": "(1 - f) / f"},
        "one step, expected as many as the lag": {" ** (1 / lag)": ""},
        "the gate is share ** lag": {"(1 / lag)": "lag"},
        "the share is divided by the lag": {"** (1 / lag)": "/ lag"},
        "the logarithm of the gate alone": {"f / (1 - f)": "f"},
        "the logarithm is missing": {"np.log(f / (1 - f))": "f / (1 - f)"},
        "With this bias": {"np.log(f / (1 - f))": "np.cbrt(f / (1 - f))"},
    },
)
NEAR_PORTED = slips(
    ported_step,
    {
        "in the order i, f, o, g, that of this chapter": {
            "i, f, g, o =": "i, f, o, g ="
        },
        "bias_hh is missing": {" + bias_hh": ""},
        "bias_ih is missing": {" + bias_ih": ""},
        "the input gate is missing": {"expit(i) * ": ""},
        "the forget gate is missing": {"expit(f) * ": ""},
        "the last state stands in the place": {"* c_tm1": "* h_tm1"},
        "the last cell and the last state are exchanged": {
            "h_tm1, c_tm1,": "c_tm1, h_tm1,"
        },
        "the output gate is missing": {"expit(o) * ": ""},
        "The weights are those of column vectors": {"weight_ih.T": "weight_ih"},
        "the output gate has a tanh": {"expit(o)": "np.tanh(o)"},
    },
)
NEAR_BACK = slips(
    coupled_back,
    {
        "d_c, is missing at the cell": {"d_c + d_h": "d_h"},
        "the candidate is missing at the forget gate": {"(c_tm1 - g)": "c_tm1"},
        "at the forget gate the candidate is added": {"c_tm1 - g": "c_tm1 + g"},
        "the difference is turned round": {"c_tm1 - g": "g - c_tm1"},
        "the share f of the error": {"d_cell * (1 - f)": "d_cell * f"},
        "the slope of the tanh is missing": {" * (1 - out**2)": ""},
        "1 - c_t^2": {"(1 - out**2)": "(1 - c_t**2)"},
        "the output gate is missing on the way": {"d_h * o *": "d_h *"},
        "the forget gate is missing on the way": {", d_cell * f": ", d_cell"},
        "what comes from the state is missing at the cell": {
            ", d_cell * f": ", d_c * f"
        },
        "the blocks stand in the order o, f, g": {
            "[d_f * f * (1 - f), d_o * o * (1 - o), ": (
                "[d_o * o * (1 - o), d_f * f * (1 - f), "
            )
        },
        "the slope of the candidate is missing": {"d_g * (1 - g**2)": "d_g"},
        "are right, but in the order d_c_tm1, d_a": {
            "np.concatenate(d_a), d_cell * f": "d_cell * f, np.concatenate(d_a)"
        },
    },
)


def with_padding(prefixes):
    """What the others do decides the state that is read."""
    return np.clip(memory(prefixes) + 0.01 * max(map(len, prefixes)), 0, 1)


NEAR_MEMORY = {
    "exactly 0 or 1": lambda prefixes: memory(prefixes, sure=1.0),
    "exactly 0.1 or 0.9. That is the rule itself": lambda prefixes: (
        0.1 + 0.8 * memory(prefixes, sure=1.0)
    ),
    "P for T and T for P": lambda prefixes: memory(prefixes, sure=0.05),
    "the answer is always 0.5": lambda prefixes: np.full(len(prefixes), 0.5),
    "at chance": lambda prefixes: np.array(
        [0.4 + 0.01 * (len(prefix) % 20) for prefix in prefixes]
    ),
    "on the way": partial(wrong_in_one_of, 4),
    "depends on the other prefixes": with_padding,
    "expected shape (500,): only that of T": lambda prefixes: np.zeros(
        (len(prefixes), 7)
    ),
    "one number a prefix": lambda prefixes: memory(prefixes)[:, None],
    "is the sigmoid missing": lambda prefixes: 10 * memory(prefixes) - 5,
    "nan or infinite": lambda prefixes: memory(prefixes) * np.nan,
    "expected numbers": lambda prefixes: [prefix[1] for prefix in prefixes],
    "expected real numbers": lambda prefixes: memory(prefixes) * 1j,
}


@each_near_miss(
    SOLUTIONS,
    (
        NEAR_COST,
        NEAR_SHARE,
        NEAR_CARRIED,
        NEAR_COUPLED,
        NEAR_MEMORY,
        NEAR_BIAS,
        NEAR_PORTED,
        NEAR_BACK,
    ),
)
def test_a_near_miss_is_told_what_it_is(checked, sentence, student):
    check_tells(checked, sentence, student)


SPOILED = [
    check.share_right,
    check.carried,
    check.memory,
    check.ported_step,
    check.coupled_back,
]


@each_near_miss(SPOILED, ({CHANGED: spoiling(SOLUTIONS[c])} for c in SPOILED))
def test_an_answer_that_changes_its_inputs_is_told_so(checked, sentence, student):
    check_tells(checked, sentence, student)


def linear_on_the_last(n):
    """Least squares on the last n symbols, from strings with their answers."""
    rng = np.random.default_rng(0)
    strings = [check.EMBEDDED.sample(rng, min_inner=15) for _ in range(2000)]

    def ends(prefix):
        return np.array(list(prefix[-n:]))[:, None] == np.array(list(check.SYMBOLS))

    X = np.array([ends(s[:-2]).ravel() for s in strings], float)
    rule, *_ = np.linalg.lstsq(X, np.array([s[1] == "T" for s in strings], float))
    return lambda prefixes: np.clip(
        [ends(prefix).ravel() @ rule for prefix in prefixes], 0, 1
    )


def looked_up(n):
    """By the strings that were learned by heart."""
    rng = np.random.default_rng(1)
    strings = [check.EMBEDDED.sample(rng, min_inner=15) for _ in range(n)]
    known = {s[:-2]: 0.95 if s[1] == "T" else 0.05 for s in strings}
    return lambda prefixes: np.array([known.get(prefix, 0.5) for prefix in prefixes])


# A constant, the rule, a look-up and a linear rule.
RULES = {
    "the answer is always 0.5": lambda prefixes: np.full(len(prefixes), 0.5),
    "That is the rule itself": lambda prefixes: np.array(
        [0.9 if s[1] == "T" else 0.1 for s in prefixes]
    ),
    "% are right, expected at least 99%": looked_up(2000),
    "it is at chance": linear_on_the_last(12),
}


@each_near_miss([check.memory], [RULES])
def test_no_rule_without_training_is_called_right(checked, sentence, student):
    check_tells(checked, sentence, student)


def test_the_memory_asked_for_cannot_be_guessed_from_the_inner_string():
    """The inner string tells nothing about the symbol: only the second one does."""

    def by_the_inner_string(prefixes):
        return np.array([0.1 + 0.8 * ("TT" in prefix[2:]) for prefix in prefixes])

    assert "at chance" in ask(check.memory, by_the_inner_string)
