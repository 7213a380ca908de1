"""The checks of chapter 3's exercises: right answers, near-misses, garbage."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from check_answers import check_accepts, check_tells, each_near_miss
from pytensor import scan

from helpers.check import ch03_scan_checks as check


def running(step, x, start, **options):
    return scan(step, sequences=x, outputs_info=start, return_updates=False, **options)


def running_product(x):
    return running(lambda x_t, p: p * x_t, x, pt.ones(()))


def leaky_step(x_t, h_tm1, W_ih, W_hh, b_h, alpha):
    new = pt.tanh(x_t @ W_ih + h_tm1 @ W_hh + b_h)
    return (1 - alpha) * h_tm1 + alpha * new


def herd(start, n_steps, a, b, taps=(-3, -1), swap=False):
    def year(y_tm3, y_tm1):
        return a * y_tm3 + b * y_tm1 if swap else a * y_tm1 + b * y_tm3

    return scan(
        year,
        outputs_info={"initial": start, "taps": list(taps)},
        n_steps=n_steps,
        return_updates=False,
    )


def masked_states(x, mask, h0, W_ih, W_hh, b_h, rest=lambda h: h, column=True):
    def step(x_t, m_t, h_tm1, W_ih, W_hh, b_h):
        new = pt.tanh(x_t @ W_ih + h_tm1 @ W_hh + b_h)
        return pt.switch(m_t[:, None] if column else m_t, new, rest(h_tm1))

    return scan(
        step,
        sequences=[x, mask],
        outputs_info=h0,
        non_sequences=[W_ih, W_hh, b_h],
        return_updates=False,
    )


def delayed(x, delay=3, scale=0.95):
    """An echo by hand, with an error that a trained network could have."""
    x = x[:, :, 0]
    return scale * np.concatenate([np.zeros((delay, x.shape[1])), x[: len(x) - delay]])


SOLUTIONS = {
    check.running_product: running_product,
    check.leaky_step: leaky_step,
    check.herd: herd,
    check.masked_states: masked_states,
    check.echo: delayed,
}
CHECKS = list(SOLUTIONS)
each_check = pytest.mark.parametrize("checked", CHECKS, ids=lambda c: c.__name__)


@each_check
def test_a_right_answer_is_right(checked):
    check_accepts(checked, SOLUTIONS[checked])


def product_from_the_first(x):
    rest = running(lambda x_t, p: p * x_t, x[1:], x[0])
    return pt.concatenate([x[:1], rest])


def states_by_arithmetic(x, mask, h0, W_ih, W_hh, b_h):
    def step(x_t, m_t, h_tm1):
        new = np.tanh(x_t @ W_ih + h_tm1 @ W_hh + b_h)
        return m_t * new + (1 - m_t) * h_tm1

    return running(step, [x, mask[:, :, None]], h0)


OTHER_WAYS = {
    "the first number as the start": (check.running_product, product_from_the_first),
    "a NumPy start": (
        check.running_product,
        lambda x: running(lambda x_t, p: p * x_t, x, np.ones((), x.dtype)),
    ),
    "all three taps": (
        check.herd,
        lambda start, n, a, b: scan(
            lambda y_tm3, y_tm2, y_tm1: a * y_tm1 + b * y_tm3,
            outputs_info={"initial": start, "taps": [-3, -2, -1]},
            n_steps=n,
            return_updates=False,
        ),
    ),
    "by arithmetic": (check.masked_states, states_by_arithmetic),
}


@pytest.mark.parametrize("case", OTHER_WAYS)
def test_other_ways_are_right_too(case):
    checked, student = OTHER_WAYS[case]
    check_accepts(checked, student)


@pytest.mark.parametrize("floatX", ["float32", "float64"])
@pytest.mark.parametrize(
    "checked", [check.running_product, check.leaky_step, check.masked_states]
)
def test_graphs_are_judged_in_the_precision_of_the_engine(checked, floatX):
    with pytensor.config.change_flags(floatX=floatX):
        check_accepts(checked, SOLUTIONS[checked])


NEAR_PRODUCT = {
    "the start is 0": lambda x: running(lambda x_t, p: p * x_t, x, pt.zeros(())),
    "the running sum, expected": lambda x: running(
        lambda x_t, p: p + x_t, x, pt.zeros(())
    ),
    "the running sum from 1 on": lambda x: running(
        lambda x_t, p: p + x_t, x, pt.ones(())
    ),
    "the first number counts twice": lambda x: running(lambda x_t, p: p * x_t, x, x[0]),
    "the first product is missing": lambda x: running(
        lambda x_t, p: p * x_t, x[1:], x[0]
    ),
    "the start is among the products": lambda x: pt.concatenate(
        [pt.ones(1), running_product(x)]
    ),
    "that before the step": lambda x: pt.concatenate(
        [pt.ones(1), running_product(x)[:-1]]
    ),
    "only the last product": lambda x: running_product(x)[-1],
    "nothing is handed from step to step": lambda x: running(
        lambda x_t: x_t * 1, x, None
    ),
    "only two neighbours": lambda x: pt.concatenate([x[:1], x[1:] * x[:-1]]),
    "the graph holds no scan": pt.cumprod,
    "scan refuses the start": lambda x: running(lambda x_t, p: p * x_t, x, 1),
    "give scan return_updates=False": lambda x: (running_product(x), {}),
    "expected a symbolic expression": lambda x: np.cumprod(x.get_value()),
}


def a_step(combine):
    """A leaky step that puts its parts together by `combine(h, total, alpha)`."""
    return lambda x_t, h_tm1, W_ih, W_hh, b_h, alpha: combine(
        h_tm1, x_t @ W_ih + h_tm1 @ W_hh + b_h, alpha
    )


NEAR_LEAKY = {
    "scan gives x_t first": lambda h, x, *others: leaky_step(x, h, *others),
    "alpha and 1 - alpha": a_step(lambda h, s, a: a * h + (1 - a) * pt.tanh(s)),
    "inside the tanh": a_step(lambda h, s, a: pt.tanh((1 - a) * h + a * s)),
    "nothing leaks": a_step(lambda h, s, a: pt.tanh(s)),
    "1 - alpha is missing": a_step(lambda h, s, a: h + a * pt.tanh(s)),
    "factor alpha is missing": a_step(lambda h, s, a: (1 - a) * h + pt.tanh(s)),
    "both factors": a_step(lambda h, s, a: h + pt.tanh(s)),
    "in front of the tanh": a_step(lambda h, s, a: a * pt.tanh(s)),
    "the last state is missing inside": lambda x, h, W_ih, W_hh, b_h, a: (
        (1 - a) * h + a * pt.tanh(x @ W_ih + b_h)
    ),
    "the tanh is missing": a_step(lambda h, s, a: (1 - a) * h + a * s),
    "b_h is missing": lambda x, h, W_ih, W_hh, b_h, a: leaky_step(
        x, h, W_ih, W_hh, 0 * b_h, a
    ),
    "W_ih and W_hh are exchanged": lambda x, h, W_ih, W_hh, b_h, a: leaky_step(
        x, h, W_hh, W_ih, b_h, a
    ),
    # Right for one example only: with a batch the sum runs over the examples too.
    "expected shape (5, 4)": lambda x, h, W_ih, W_hh, b_h, a: leaky_step(
        x if x.ndim == 1 else x[0], h if h.ndim == 1 else h[0], W_ih, W_hh, b_h, a
    ),
}
NEAR_HERD = {
    "a and b are exchanged, or the two taps": lambda s, n, a, b: herd(
        s, n, a, b, swap=True
    ),
    "receives the value of 3 steps ago first": lambda s, n, a, b: herd(
        s, n, a, b, taps=(-1, -3)
    ),
    "from 2 steps ago": lambda s, n, a, b: herd(s[1:], n, a, b, taps=(-2, -1)),
    "from 1 step ago": lambda s, n, a, b: herd(s, n, a + b, 0),
    "read backwards": lambda s, n, a, b: herd(s[::-1], n, a, b),
    "expected those after it": lambda s, n, a, b: pt.concatenate([s, herd(s, n, a, b)]),
    "counts only those after it": lambda s, n, a, b: pt.concatenate(
        [s, herd(s, n, a, b)]
    )[:n],
    "only the last value": lambda s, n, a, b: herd(s, n, a, b)[-1],
    "a does nothing": lambda s, n, a, b: herd(s, n, 1, b),
    "b does nothing": lambda s, n, a, b: herd(s, n, a, 1),
    "the animals of last year": lambda s, n, a, b: herd(s, n, 0, b),
    "the calves are missing": lambda s, n, a, b: herd(s, n, a, 0),
    "one step too many": lambda s, n, a, b: herd(s, n + 1, a, b),
}


def with_h0(x, mask, h0, *params):
    return pt.concatenate([h0[None], masked_states(x, mask, h0, *params)])


NEAR_MASK = {
    "the mask is not used": lambda x, m, *others: masked_states(x, 0 * m + 1, *others),
    "the other way round": lambda x, m, *others: masked_states(x, 1 - m, *others),
    "the state is 0 where": lambda *a: masked_states(*a, rest=lambda h: 0 * h),
    "the state is h0 where": lambda *a: masked_states(*a, rest=lambda h: a[2]),
    "returned as 0": lambda x, m, *others: masked_states(x, m, *others) * m[:, :, None],
    "the input is silent": lambda x, m, *others: masked_states(
        x * m[:, :, None], 0 * m + 1, *others
    ),
    "held for good": lambda x, m, *others: masked_states(
        x, pt.cumprod(m, axis=0), *others
    ),
    "one step late": lambda x, m, *others: masked_states(
        x, pt.concatenate([m[:1], m[:-1]]), *others
    ),
    "starts from zero": lambda x, m, h0, *others: masked_states(x, m, 0 * h0, *others),
    "h0 stands among": with_h0,
    "only the last states": lambda *a: masked_states(*a)[-1],
    "time and batch are exchanged": lambda *a: masked_states(*a).swapaxes(0, 1),
    "W_hh is transposed": lambda x, m, h0, W_ih, W_hh, b_h: masked_states(
        x, m, h0, W_ih, W_hh.T, b_h
    ),
    "b_h is missing": lambda x, m, h0, W_ih, W_hh, b_h: masked_states(
        x, m, h0, W_ih, W_hh, 0 * b_h
    ),
    "m_t[:, None] makes it a column": lambda *a: masked_states(*a, column=False),
    "scan refuses the start": lambda x, m, h0, *others: masked_states(
        x, m, h0[0], *others
    ),
}


def untrained(x):
    rng = np.random.default_rng(0)
    W_ih, W_hh, W_ho = (rng.normal(size=shape) for shape in ((1, 9), (9, 9), 9))
    h, o = np.zeros((x.shape[1], 9)), []
    for x_t in x:
        h = np.tanh(x_t @ W_ih + h @ W_hh)
        o.append(h @ W_ho)
    return np.stack(o)


def standardised(x):
    return delayed((x - x.mean(axis=0)) / x.std(axis=0), scale=0.55)


def short_memory(x):
    o = delayed(x)
    o[20:] = 0
    return o


def half(x):
    return 0.4 * delayed(x, scale=1)


NEAR_ECHO = {
    "this is the input of 2 steps ago": lambda x: delayed(x, 2),
    "this is the input of 4 steps ago": lambda x: delayed(x, 4),
    "this is the input of 1 step ago": lambda x: delayed(x, 1),
    "this is the input of 0 steps ago": lambda x: 0.95 * x[:, :, 0],
    "step 10 and later changes the output at step 9": lambda x: np.concatenate(
        [x[1:, :, 0], x[:1, :, 0]]
    ),
    "it looks into the future": standardised,
    "the wrong sign": lambda x: -delayed(x),
    "the output is always 0: nothing is heard": lambda x: 0 * x[:, :, 0],
    "the mean of the targets and little else": lambda x: 0.01 * untrained(x),
    "has not learned it": untrained,
    "it is on the way": half,
    "(60, 50, 1), where shape (20, 50, 1) is right: R^2 is": short_memory,
    "the error is zero": lambda x: delayed(x, scale=1),
    "depends on the other examples": lambda x: (
        delayed(x) + 0.1 * delayed(x).mean(axis=1, keepdims=True)
    ),
    "take [:, :, 0]": lambda x: delayed(x)[:, :, None],
    "time and batch are exchanged": lambda x: delayed(x).T,
    "only the last step": lambda x: delayed(x)[-1],
    "the first 3 steps are missing": lambda x: delayed(x)[3:],
    "some outputs are nan": lambda x: delayed(x) * np.nan,
    "expected numbers": lambda x: "echo",
    "expected real numbers": lambda x: delayed(x) * 1j,
}


@each_near_miss(CHECKS, (NEAR_PRODUCT, NEAR_LEAKY, NEAR_HERD, NEAR_MASK, NEAR_ECHO))
def test_a_near_miss_is_told_what_it_is(checked, sentence, student):
    check_tells(checked, sentence, student)
