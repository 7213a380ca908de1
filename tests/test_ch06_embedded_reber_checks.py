"""The checks of chapter 6's exercises: right answers, near-misses, garbage."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from check_answers import ask, check_accepts, check_tells, each_near_miss, spoiling

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


def coupled_step(
    x_t, h_tm1, c_tm1, W_ih, W_hh, b_h, order=(0, 1, 2), combine=None, out=None
):
    n = W_hh.shape[0]
    a = x_t @ W_ih + h_tm1 @ W_hh + b_h
    f, o, g = (a[..., k * n : (k + 1) * n] for k in order)
    f, o, g = pt.sigmoid(f), pt.sigmoid(o), pt.tanh(g)
    c_t = combine(f, o, g, c_tm1) if combine else f * c_tm1 + (1 - f) * g
    return (out(o, c_t) if out else o * pt.tanh(c_t)), c_t


def memory(prefixes, sure=0.95):
    """The rule, said with the doubt of a trained network."""
    return np.array([sure if prefix[1] == "T" else 1 - sure for prefix in prefixes])


SOLUTIONS = {
    check.undecided_cost: undecided_cost,
    check.share_right: share_right,
    check.carried: carried,
    check.coupled_step: coupled_step,
    check.memory: memory,
}
CHECKS = list(SOLUTIONS)
each_check = pytest.mark.parametrize("checked", CHECKS, ids=lambda c: c.__name__)


@each_check
def test_a_right_answer_is_right(checked):
    check_accepts(checked, SOLUTIONS[checked])


def a_few_wrong(prefixes, every=120):
    p = memory(prefixes)
    p[::every] = 1 - p[::every]
    return p


OTHER_WAYS = {
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
        lambda *a: coupled_step(*a, combine=lambda f, o, g, c: g + f * (c - g)),
    ),
    "five mistakes in 500": (check.memory, a_few_wrong),
}


@pytest.mark.parametrize("case", OTHER_WAYS)
def test_other_ways_are_right_too(case):
    checked, student = OTHER_WAYS[case]
    check_accepts(checked, student)


@pytest.mark.parametrize("floatX", ["float32", "float64"])
def test_graphs_are_judged_in_the_precision_of_the_engine(floatX):
    with pytensor.config.change_flags(floatX=floatX):
        check_accepts(check.coupled_step, coupled_step)


NEAR_COST = {
    "only one of the two": lambda t, n: np.log(2) / (t * n),
    "base 2": lambda t, n: 2 / (t * n),
    "the cost at the one place": lambda t, n: 2 * np.log(2),
    "the mean over the outputs is missing": lambda t, n: 2 * np.log(2) / t,
    "the mean over the predictions is missing": lambda t, n: 2 * np.log(2) / n,
    "the wrong sign": lambda t, n: -undecided_cost(t, n),
    "a softmax would lose": lambda t, n: np.log(2) / t,
}


def at_place(change):
    def student(o, place, is_T):
        some = np.arange(o.shape[1])
        return change(o, place, some, is_T)

    return student


NEAR_SHARE = {
    "the share of wrong answers": lambda *a: 1 - share_right(*a),
    "a number of strings": lambda o, place, is_T: (
        share_right(o, place, is_T) * len(place)
    ),
    "not compared with is_T": at_place(
        lambda o, place, some, is_T: np.mean(o[place, some, 1] > o[place, some, 2])
    ),
    "all places count": lambda o, place, is_T: np.mean(
        (o[:, :, 1] > o[:, :, 2]) == is_T
    ),
    "the last step of all": lambda o, place, is_T: np.mean(
        (o[-1, :, 1] > o[-1, :, 2]) == is_T
    ),
    "one step too late": lambda o, place, is_T: share_right(o, place + 1, is_T),
    "one step too early": lambda o, place, is_T: share_right(o, place - 1, is_T),
    "largest of all seven": at_place(
        lambda o, place, some, is_T: np.mean(
            o[place, some].argmax(axis=1) == np.where(is_T, 1, 2)
        )
    ),
    "where its output is positive": at_place(
        lambda o, place, some, is_T: np.mean((o[place, some, 1] > 0) == is_T)
    ),
}
NEAR_CARRIED = {
    "the gate of step t itself": lambda f: np.cumprod(f[::-1], axis=0)[::-1],
    "left of the first cell": lambda f: np.cumprod(f, axis=0),
    "the last row is missing": lambda f: carried(f)[:-1],
    "in reverse order": lambda f: carried(f)[::-1],
    "only the first row": lambda f: carried(f)[0],
    "only one step": lambda f: np.vstack([f[1:], np.ones(f.shape[1])]),
    "a sum, expected a product": lambda f: np.cumsum(
        np.vstack([f[1:], np.ones(f.shape[1])])[::-1], axis=0
    )[::-1],
    "the mean over the cells": lambda f: carried(f).mean(axis=1),
    "runs over the cells too": lambda f: carried(f.prod(axis=1, keepdims=True))[:, 0],
}


def a_cell(combine):
    return lambda *arguments: coupled_step(*arguments, combine=combine)


NEAR_COUPLED = {
    "f and 1 - f are exchanged": a_cell(lambda f, o, g, c: (1 - f) * c + f * g),
    "all of the candidate": a_cell(lambda f, o, g, c: f * c + g),
    "the output gate lets": a_cell(lambda f, o, g, c: f * c + o * g),
    "nothing is forgotten": a_cell(lambda f, o, g, c: c + (1 - f) * g),
    "the last cell is missing": a_cell(lambda f, o, g, c: (1 - f) * g),
    "stands in the place of the last cell": lambda x, h, c, *w: coupled_step(
        x, h, c, *w, combine=lambda f, o, g, c: f * h + (1 - f) * g
    ),
    "the last cell and the last state are exchanged": lambda x, h, c, *w: coupled_step(
        x, c, h, *w
    ),
    "another order: x_t first": lambda x, h, c, *w: coupled_step(h, x, c, *w),
    "another order: f, o, g": lambda *a: coupled_step(*a, order=(1, 0, 2)),
    "in the order g, f, o": lambda *a: coupled_step(*a, order=(1, 2, 0)),
    "b_h is missing": lambda x, h, c, W_ih, W_hh, b_h: coupled_step(
        x, h, c, W_ih, W_hh, 0 * b_h
    ),
    "the tanh of the cell": lambda *a: coupled_step(*a, out=lambda o, c: o * c),
    "the output gate is missing": lambda *a: coupled_step(
        *a, out=lambda o, c: pt.tanh(c)
    ),
    "around the gate too": lambda *a: coupled_step(*a, out=lambda o, c: pt.tanh(o * c)),
    "the two results are exchanged": lambda *a: coupled_step(*a)[::-1],
    "expected 2 results: h_t, c_t": lambda *a: coupled_step(*a)[0],
    # Right for one example only: blocks along the first axis.
    "c_t of coupled_step": lambda x, h, c, W_ih, W_hh, b_h: coupled_step(
        x if x.ndim == 1 else x[0],
        h if h.ndim == 1 else h[0],
        c,
        W_ih,
        W_hh,
        b_h,
    ),
}


def with_padding(prefixes):
    """What the others do decides the state that is read."""
    return np.clip(memory(prefixes) + 0.01 * max(map(len, prefixes)), 0, 1)


def mostly(prefixes):
    p = memory(prefixes)
    p[::4] = 1 - p[::4]
    return p


NEAR_MEMORY = {
    "exactly 0 or 1": lambda prefixes: memory(prefixes, sure=1.0),
    "P for T and T for P": lambda prefixes: memory(prefixes, sure=0.05),
    "the answer is always 0.5": lambda prefixes: np.full(len(prefixes), 0.5),
    "at chance": lambda prefixes: np.array(
        [0.4 + 0.01 * (len(prefix) % 20) for prefix in prefixes]
    ),
    "on the way": mostly,
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
    CHECKS, (NEAR_COST, NEAR_SHARE, NEAR_CARRIED, NEAR_COUPLED, NEAR_MEMORY)
)
def test_a_near_miss_is_told_what_it_is(checked, sentence, student):
    check_tells(checked, sentence, student)


@pytest.mark.parametrize("checked", [check.share_right, check.carried, check.memory])
def test_the_check_hands_out_copies(checked):
    check_accepts(checked, spoiling(SOLUTIONS[checked]))


def test_the_memory_asked_for_cannot_be_guessed_from_the_inner_string():
    """The inner string tells nothing about the symbol: only the second one does."""

    def by_the_inner_string(prefixes):
        return np.array([0.1 + 0.8 * ("TT" in prefix[2:]) for prefix in prefixes])

    assert "at chance" in ask(check.memory, by_the_inner_string)
