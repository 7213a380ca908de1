"""The checks of chapter 3's exercises: right answers, near-misses, garbage."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from check_answers import (
    check_accepts,
    check_tells,
    each_near_miss,
    each_right_answer,
    edited,
    slips,
)
from pytensor import scan

from helpers.check import ch03_scan_checks as check


def running(step, x, start, **options):
    return scan(step, sequences=x, outputs_info=start, return_updates=False, **options)


def running_product(x):
    return running(lambda x_t, p: p * x_t, x, pt.ones(()))


def leaky_step(x_t, h_tm1, W_ih, W_hh, b_h, alpha):
    new = pt.tanh(x_t @ W_ih + h_tm1 @ W_hh + b_h)
    return (1 - alpha) * h_tm1 + alpha * new


def herd(start, n_steps, a, b):
    return scan(
        lambda y_tm3, y_tm1: a * y_tm1 + b * y_tm3,
        outputs_info={"initial": start, "taps": [-3, -1]},
        n_steps=n_steps,
        return_updates=False,
    )


def masked_states(x, mask, h0, W_ih, W_hh, b_h):
    def step(x_t, m_t, h_tm1, W_ih, W_hh, b_h):
        new = pt.tanh(x_t @ W_ih + h_tm1 @ W_hh + b_h)
        return pt.switch(m_t[:, None], new, h_tm1)

    return scan(
        step,
        sequences=[x, mask],
        outputs_info=h0,
        non_sequences=[W_ih, W_hh, b_h],
        return_updates=False,
    )


def in_pieces(run, x, h0, size):
    state, pieces = h0, []
    for start in range(0, len(x), size):
        h = run(x[start : start + size], state)
        pieces.append(h)
        state = h[-1]
    return np.concatenate(pieces)


def gated_states(x, h0, W_z, b_z, W_ih, W_hh, b_h):
    def step(z_t, a_t, h_tm1, W_hh):
        return (1 - z_t) * h_tm1 + z_t * pt.tanh(a_t + h_tm1 @ W_hh)

    return scan(
        step,
        sequences=[pt.sigmoid(x @ W_z + b_z), x @ W_ih + b_h],
        outputs_info=h0,
        non_sequences=[W_hh],
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
    check.in_pieces: in_pieces,
    check.gated_states: gated_states,
    check.echo: delayed,
}


def product_from_the_first(x):
    rest = running(lambda x_t, p: p * x_t, x[1:], x[0])
    return pt.concatenate([x[:1], rest])


def states_by_arithmetic(x, mask, h0, W_ih, W_hh, b_h):
    def step(x_t, m_t, h_tm1):
        new = np.tanh(x_t @ W_ih + h_tm1 @ W_hh + b_h)
        return m_t * new + (1 - m_t) * h_tm1

    return running(step, [x, mask[:, :, None]], h0)


def pieces_by_recursion(run, x, h0, size):
    h = run(x[:size], h0)
    rest = x[size:]
    return np.vstack(
        [h, pieces_by_recursion(run, rest, h[-1], size)] if len(rest) else h
    )


def gated_by_one_large_product(x, h0, W_z, b_z, W_ih, W_hh, b_h):
    n_hid = b_z.shape[0]
    both = pt.dot(x, pt.concatenate([W_z, W_ih], axis=1))
    z, a = pt.sigmoid(both[:, :, :n_hid] + b_z), both[:, :, n_hid:]
    return running(
        lambda z_t, a_t, h: h + z_t * (pt.tanh(a_t + b_h + pt.dot(h, W_hh)) - h),
        [z, a],
        h0,
    )


OTHER_WAYS = {
    "the first number as the start": (check.running_product, product_from_the_first),
    "a NumPy start": (
        check.running_product,
        lambda x: running(lambda x_t, p: p * x_t, x, np.ones((), x.dtype)),
    ),
    "all three taps": (
        check.herd,
        edited(herd, {"y_tm3, y_tm1:": "y_tm3, _, y_tm1:", "[-3, -1]": "[-3, -2, -1]"}),
    ),
    "by arithmetic": (check.masked_states, states_by_arithmetic),
    "by recursion": (check.in_pieces, pieces_by_recursion),
    "one step a piece": (
        check.in_pieces,
        lambda run, x, h0, size: in_pieces(run, x, h0, 1),
    ),
    "by one large product": (check.gated_states, gated_by_one_large_product),
}


@each_right_answer(SOLUTIONS, OTHER_WAYS)
def test_a_right_answer_is_right(checked, student):
    check_accepts(checked, student)


@pytest.mark.parametrize("floatX", ["float32", "float64"])
@pytest.mark.parametrize(
    "checked",
    [
        check.running_product,
        check.leaky_step,
        check.masked_states,
        check.gated_states,
    ],
)
def test_graphs_are_judged_in_the_precision_of_the_engine(checked, floatX):
    with pytensor.config.change_flags(floatX=floatX):
        check_accepts(checked, SOLUTIONS[checked])


NEAR_PRODUCT = slips(
    running_product,
    {
        "the start is 0": {"pt.ones": "pt.zeros"},
        "the running sum, expected": {"p * x_t": "p + x_t", "pt.ones": "pt.zeros"},
        "the running sum from 1 on": {"p * x_t": "p + x_t"},
        "the first number counts twice": {"pt.ones(())": "x[0]"},
        "the first product is missing": {"x, pt.ones(())": "x[1:], x[0]"},
        "nothing is handed from step to step": {
            "x_t, p: p * x_t, x, pt.ones(())": "x_t: x_t * 1, x, None"
        },
        "its dtype is int8, and what the step returns has float64. A plain 1 is": {
            "pt.ones(())": "1"
        },
        "Of a plain 1.0 or 0.1 PyTensor makes float32": {"pt.ones(())": "1.0"},
        "PyTensor makes float32, pt.ones(()) is": {"pt.ones(())": "pt.constant(1.0)"},
        "1 everywhere: the step hands on": {"p * x_t": "p + 0 * x_t"},
    },
) | {
    "the start is among the products": lambda x: pt.concatenate(
        [pt.ones(1), running_product(x)]
    ),
    "that before the step": lambda x: pt.concatenate(
        [pt.ones(1), running_product(x)[:-1]]
    ),
    "only the last product": lambda x: running_product(x)[-1],
    "only two neighbours": lambda x: pt.concatenate([x[:1], x[1:] * x[:-1]]),
    "the graph holds no scan": pt.cumprod,
    "give scan return_updates=False": lambda x: (running_product(x), {}),
    "expected a symbolic expression": lambda x: np.cumprod(x.get_value()),
}


STEP = "(1 - alpha) * h_tm1 + alpha * new"
SUM = "x_t @ W_ih + h_tm1 @ W_hh + b_h"
NEAR_LEAKY = slips(
    leaky_step,
    {
        "scan gives x_t first": {"(x_t, h_tm1,": "(h_tm1, x_t,"},
        "alpha and 1 - alpha": {STEP: "alpha * h_tm1 + (1 - alpha) * new"},
        "inside the tanh": {STEP: f"pt.tanh((1 - alpha) * h_tm1 + alpha * ({SUM}))"},
        "nothing leaks": {STEP: "new"},
        # Right for the first alpha that is tried.
        "W_hh, b_h, 0.8): ": {STEP: "0.7 * h_tm1 + 0.3 * new"},
        "1 - alpha is missing": {"(1 - alpha) * ": ""},
        "factor alpha is missing": {"alpha * new": "new"},
        "both factors": {STEP: "h_tm1 + new"},
        "in front of the tanh": {STEP: "alpha * new"},
        "the last state is missing inside": {"h_tm1 @ W_hh + ": ""},
        "the tanh is missing": {"pt.tanh": ""},
        "b_h is missing": {" + b_h)": ")"},
        "W_ih and W_hh are exchanged": {"W_ih, W_hh,": "W_hh, W_ih,"},
        # Right for one example only: with a batch the sum runs over the examples too.
        "expected shape (5, 4)": {
            "x_t @ W_ih + h_tm1": "x_t.reshape((-1, x_t.shape[-1]))[0] @ W_ih + "
            "h_tm1.reshape((-1, h_tm1.shape[-1]))[0]",
            "* h_tm1 +": "* h_tm1.reshape((-1, h_tm1.shape[-1]))[0] +",
        },
    },
)
NEAR_HERD = slips(
    herd,
    {
        "a and b are exchanged, or the two taps": {"a * y_tm1 + b": "b * y_tm1 + a"},
        "receives the value of 3 steps ago first": {"[-3, -1]": "[-1, -3]"},
        "from 2 steps ago": {"[-3, -1]": "[-2, -1]", '": start': '": start[1:]'},
        "from 1 step ago": {"y_tm1 + b * y_tm3": "y_tm1 + b * y_tm1"},
        "read backwards": {'": start': '": start[::-1]'},
        "a does nothing": {"a * ": ""},
        "b does nothing": {"b * ": ""},
        "the animals of last year": {"a * ": "0 * "},
        "the calves are missing": {"b * ": "0 * "},
        "one step too many": {"=n_steps": "=n_steps + 1"},
        "one step too few": {"=n_steps": "=n_steps - 1"},
    },
) | {
    "expected those after it": lambda s, *a: pt.concatenate([s, herd(s, *a)]),
    "counts only those after it": lambda s, n, *a: pt.concatenate([s, herd(s, n, *a)])[
        :n
    ],
    "only the last value": lambda *a: herd(*a)[-1],
}


def with_h0(x, mask, h0, *params):
    return pt.concatenate([h0[None], masked_states(x, mask, h0, *params)])


SEQUENCES = "sequences=[x, mask]"
NEAR_MASK = slips(
    masked_states,
    {
        "the mask is not used": {"m_t[:, None], ": "1, "},
        "the other way round": {"new, h_tm1)": "h_tm1, new)"},
        "the state is 0 where": {"new, h_tm1)": "new, 0 * h_tm1)"},
        "the state is h0 where": {"new, h_tm1)": "new, h0)"},
        "the input is silent": {
            SEQUENCES: "sequences=[x * mask[:, :, None], 0 * mask + 1]"
        },
        "held for good": {SEQUENCES: "sequences=[x, pt.cumprod(mask, axis=0)]"},
        "one step late": {
            SEQUENCES: "sequences=[x, pt.concatenate([mask[:1], mask[:-1]])]"
        },
        "starts from zero": {"outputs_info=h0": "outputs_info=0 * h0"},
        "W_hh is transposed": {"@ W_hh": "@ W_hh.T"},
        "b_h is missing": {" + b_h)": ")"},
        "m_t[:, None] makes it a column": {"m_t[:, None]": "m_t"},
        "the start: it has 1 axes, and what": {"outputs_info=h0": "outputs_info=h0[0]"},
        "Does the step take its arguments in the order": {
            "def step(x_t, m_t, h_tm1,": "def step(h_tm1, x_t, m_t,"
        },
    },
) | {
    "returned as 0": lambda x, m, *others: masked_states(x, m, *others) * m[:, :, None],
    "h0 stands among": with_h0,
    "only the last states": lambda *a: masked_states(*a)[-1],
    "time and batch are exchanged": lambda *a: masked_states(*a).swapaxes(0, 1),
}


NEAR_PIECES = slips(
    in_pieces,
    {
        "each piece begins from h0": {"        state = h[-1]\n": ""},
        "begins from zeros but the first": {"state = h[-1]": "state = 0 * h0"},
        "each piece begins from zeros, expected": {
            "state, pieces = h0": "state, pieces = 0 * h0",
            "        state = h[-1]\n": "",
        },
        "the first piece begins from zeros": {
            "state, pieces = h0": "state, pieces = 0 * h0"
        },
        "from the first state of the piece before": {"h[-1]": "h[0]"},
        "from the mean state": {"h[-1]": "h.mean(axis=0)"},
        "missing where it is shorter": {"len(x), size": "len(x) - size + 1, size"},
        "only the states of the last piece": {"np.concatenate(pieces)": "pieces[-1]"},
        "only the states of the first piece": {"np.concatenate(pieces)": "pieces[0]"},
        "only the last state of each piece": {"append(h)": "append(h[-1:])"},
        "only the last state, expected all": {"np.concatenate(pieces)": "state"},
        "run was given a piece of 7 steps, and takes 1 to 3": {
            "run(x[start : start + size], state)": "run(x, state)"
        },
        "run was given a piece of 4 steps": {"start + size]": "start + size + 1]"},
    },
) | {
    "h0 stands among": lambda run, x, h0, size: np.concatenate(
        [h0[None], in_pieces(run, x, h0, size)]
    ),
}


BOTH = "x @ W_ih + b_h]"
NEAR_GATED = slips(
    gated_states,
    {
        "z_t and 1 - z_t are exchanged": {
            "(1 - z_t) * h_tm1 + z_t": "z_t * h_tm1 + (1 - z_t)"
        },
        "the gate has no sigmoid": {"pt.sigmoid": ""},
        "the gate has a tanh": {"pt.sigmoid": "pt.tanh"},
        "the gate does nothing": {"(1 - z_t) * h_tm1 + z_t * ": ""},
        "b_z is missing": {" + b_z": ""},
        "b_h is missing": {" + b_h": ""},
        "the tanh is missing": {"pt.tanh": ""},
        "W_z and W_ih are exchanged": {"x @ W_z": "x @ W_ih", BOTH: "x @ W_z + b_h]"},
        "b_z and b_h are exchanged": {"+ b_z": "+ b_h", BOTH: "x @ W_ih + b_z]"},
        "W_hh is transposed": {"@ W_hh": "@ W_hh.T"},
        "is missing inside the tanh": {" + h_tm1 @ W_hh": ""},
        "the factor 1 - z_t": {"(1 - z_t) * ": ""},
        "the factor z_t is missing": {"z_t * pt.tanh": "pt.tanh"},
        "the last state is missing in front": {"(1 - z_t) * h_tm1 + ": ""},
        "starts from zero": {"outputs_info=h0": "outputs_info=0 * h0"},
        "each step makes 2 products, expected 1": {
            "a_t + h_tm1": "a_t @ W_ih + b_h + h_tm1",
            BOTH: "x]",
        },
        "the loop holds no product": {
            "h_tm1 @ W_hh": "(h_tm1[:, :, None] * W_hh).sum(axis=1)"
        },
    },
) | {
    "h0 stands among": lambda x, h0, *a: pt.concatenate(
        [h0[None], gated_states(x, h0, *a)]
    ),
    "only the last states": lambda *a: gated_states(*a)[-1],
    "time and batch are exchanged": lambda *a: gated_states(*a).swapaxes(0, 1),
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


TABLES = (
    NEAR_PRODUCT,
    NEAR_LEAKY,
    NEAR_HERD,
    NEAR_MASK,
    NEAR_PIECES,
    NEAR_GATED,
    NEAR_ECHO,
)


@each_near_miss(SOLUTIONS, TABLES)
def test_a_near_miss_is_told_what_it_is(checked, sentence, student):
    check_tells(checked, sentence, student)
