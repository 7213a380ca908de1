"""The checks of chapter 2's exercises: right answers, near-misses, garbage."""

import numpy as np
from check_answers import (
    ask,
    check_accepts,
    check_tells,
    each_near_miss,
    each_right_answer,
    slips,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.check import ch02_elman_checks as check


def count_parameters(n_in, n_hid, n_out, learned_h0):
    weights = n_in * n_hid + n_hid * n_hid + n_hid * n_out
    biases = n_hid + n_out
    return weights + biases + (n_hid if learned_h0 else 0)


def step_columns(x, h, W_ih, W_hh, b_h):
    return np.tanh(W_ih.T @ x + W_hh.T @ h + b_h[:, None])


def set_radius(W, radius):
    return W * radius / np.abs(np.linalg.eigvals(W)).max()


def forward(x, lengths, W_ih, W_hh, b_h, h0):
    h_t = np.tile(h0, (x.shape[1], 1))
    h = []
    for t, x_t in enumerate(x):
        new = np.tanh(x_t @ W_ih + h_t @ W_hh + b_h)
        h_t = np.where((t < lengths)[:, None], new, h_t)
        h.append(h_t)
    return np.stack(h)


def latch():
    return 6, 4, 0


def bracket(n, opening, closing):
    W_ih = np.zeros((n, 1))
    W_ih[opening], W_ih[closing] = 4.0, -4.0
    return W_ih, np.array([[2.0]]), np.array([0.0])


def recall(h, x, lag):
    A = np.column_stack([h[lag:], np.ones(len(h) - lag)])
    y = x[: len(x) - lag]
    o = A @ np.linalg.lstsq(A, y, rcond=None)[0]
    return 1 - ((y - o) ** 2).mean() / y.var()


SOLUTIONS = {
    check.count_parameters: count_parameters,
    check.step_columns: step_columns,
    check.set_radius: set_radius,
    check.forward: forward,
    check.latch: latch,
    check.bracket: bracket,
    check.recall: recall,
}


OTHER_WAYS = {
    "by rows": (
        check.step_columns,
        lambda x, h, W_ih, W_hh, b_h: np.tanh(x.T @ W_ih + h.T @ W_hh + b_h).T,
    ),
    "by np.outer": (
        check.step_columns,
        lambda x, h, W_ih, W_hh, b_h: np.tanh(
            np.einsum("ij,ik->jk", W_ih, x) + W_hh.T @ h + np.outer(b_h, [1.0])
        ),
    ),
    "a list": (check.set_radius, lambda W, r: set_radius(W, r).tolist()),
    "example by example": (
        check.forward,
        lambda x, lengths, *params: np.concatenate(
            [forward(x[:, [i]], lengths[[i]], *params) for i in range(x.shape[1])],
            axis=1,
        ),
    ),
    "dict": (check.latch, lambda: {"w_ih": 6, "w_hh": 4, "b_h": 0}),
    "arrays": (check.latch, lambda: (np.array([[5.0]]), np.array([3.0]), 0.1)),
    "lists, larger": (
        check.bracket,
        lambda n, opening, closing: {
            "W_ih": [[9 * (i == opening) - 8 * (i == closing)] for i in range(n)],
            "W_hh": [[3]],
            "b_h": [0],
        },
    ),
    "no symbol is quite silent": (
        check.bracket,
        lambda n, opening, closing: (bracket(n, opening, closing)[0] + 0.1, [[2]], [0]),
    ),
    "by the correlation": (
        check.recall,
        lambda h, x, lag: (
            np.linalg.norm(
                np.linalg.qr(h[lag:] - h[lag:].mean(axis=0))[0].T
                @ (x[: len(x) - lag] - x[: len(x) - lag].mean())
            )
            ** 2
            / ((x[: len(x) - lag] - x[: len(x) - lag].mean()) ** 2).sum()
        ),
    ),
}


@each_right_answer(SOLUTIONS, OTHER_WAYS)
def test_a_right_answer_is_right(checked, student):
    check_accepts(checked, student)


def off(by):
    """A count that is off by as much as `by` says."""
    return lambda i, h, o, learned: (
        count_parameters(i, h, o, learned) + by(i, h, o, learned)
    )


NEAR_COUNT = {
    "h0 counts only if": off(lambda i, h, o, learned: h * (not learned)),
    "a learned h0 is missing": off(lambda i, h, o, learned: -h * learned),
    "one number for each hidden unit": off(lambda i, h, o, learned: (1 - h) * learned),
    "expected no matrix": off(lambda i, h, o, learned: (h * h - h) * learned),
    "not one for each matrix": off(lambda i, h, o, learned: h),
    "hears itself as well": off(lambda i, h, o, learned: -h),
    "W_hh is missing": off(lambda i, h, o, learned: -h * h),
    "not only to itself": off(lambda i, h, o, learned: h - h * h),
    "W_ih is missing": off(lambda i, h, o, learned: -i * h),
    "W_ho is missing": off(lambda i, h, o, learned: -h * o),
    "b_o is missing": off(lambda i, h, o, learned: -o),
    "the biases are missing": off(lambda i, h, o, learned: -h - o),
    "the inputs have no biases": off(lambda i, h, o, learned: i),
}
NEAR_STEP = slips(
    step_columns,
    {
        "W_hh is not transposed; it is square": {"W_hh.T @ h": "W_hh @ h"},
        "make it a column": {"b_h[:, None]": "b_h"},
        "expected a column, and W_hh is not": {
            "W_hh.T @ h + b_h[:, None]": "W_hh @ h + b_h"
        },
        "the tanh is missing": {"np.tanh": ""},
        "b_h is missing": {" + b_h[:, None]": ""},
        "the last state is missing": {"W_hh.T @ h + ": ""},
        "the input is missing": {"W_ih.T @ x + ": ""},
        "this is the sigmoid": {"np.tanh": "(lambda a: 1 / (1 + np.exp(-a)))"},
        "right, but transposed": {"b_h[:, None])": "b_h[:, None]).T"},
        "the shape is not": {"b_h[:, None])": "b_h[:, None])[:, 0]"},
    },
) | {"W_ih @ x": lambda x, h, W_ih, W_hh, b_h: np.tanh(W_ih @ x)}


def scale_in_place(W, radius):
    W *= radius / np.abs(np.linalg.eigvals(W)).max()
    return W


LARGEST = "np.abs(np.linalg.eigvals(W)).max()"
NEAR_RADIUS = slips(
    set_radius,
    {
        "largest singular value": {LARGEST: "np.linalg.norm(W, 2)"},
        "with the largest real part": {LARGEST: "np.linalg.eigvals(W).real.max()"},
        "absolute real part: 3 + 4i": {
            LARGEST: "np.abs(np.linalg.eigvals(W).real).max()"
        },
        "complex numbers": {LARGEST: "np.linalg.eigvals(W).max()"},
        "[0, -2]], 1.25): scaled by the eigenvalue with the largest real part": {
            LARGEST: "np.abs(np.linalg.eigvals(W).max())"
        },
        "eigvalsh": {"eigvals(": "eigvalsh("},
        "square root of the sum of squares": {LARGEST: "np.linalg.norm(W)"},
        "largest entry": {"np.linalg.eigvals(W)": "W"},
        "the radius is now 1": {"* radius ": ""},
        "only after dividing": {" / " + LARGEST: ""},
        "expected divided": {"radius /": "radius *"},
        "W is divided by radius": {"* radius": "/ radius"},
    },
) | {"W itself has changed": scale_in_place}


NEAR_FORWARD = slips(
    forward,
    {
        "go on changing": {"t < lengths": "lengths >= 0"},
        "are 0 after": {"new, h_t": "new, 0 * h_t"},
        "are 0 after an example has ended": {
            "np.where((t < lengths)[:, None], new, h_t)": "new",
            "h.append(h_t)": "h.append(h_t * (t < lengths)[:, None])",
        },
        "go back to h0": {"new, h_t": "new, h0"},
        "held one step late": {"t < lengths": "t <= lengths"},
        "held one step early": {"t < lengths": "t < lengths - 1"},
        "the input is silent": {
            "np.where((t < lengths)[:, None], new, h_t)": "new",
            "x_t @ W_ih": "(x_t * (t < lengths)[:, None]) @ W_ih",
        },
        "end with the shortest": {"t < lengths": "t < lengths.min() + 0 * lengths"},
        "the lengths act on the units": {"(t < lengths)[:, None]": "t < lengths"},
        "Put in a copy, h_t.copy()": {
            "h_t = np.where((t < lengths)[:, None], new, h_t)": (
                "h_t[t < lengths] = new[t < lengths]"
            )
        },
        "time and batch are exchanged": {"stack(h)": "stack(h, axis=1)"},
        "h0 stands among the states": {"h = []": "h = [h_t]"},
        "that before the step": {"h = []": "h = [h_t]", "stack(h)": "stack(h[:-1])"},
        "only the last states": {"np.stack(h)": "h_t"},
        "starts from zero": {"tile(h0": "tile(0 * h0"},
        "W_hh is transposed": {"@ W_hh": "@ W_hh.T"},
        "b_h is missing": {" + b_h)": ")"},
    },
)
NEAR_LATCH = {
    "it forgets": lambda: (1, 0.9, 0),
    "Nothing holds the state while w_hh is at most 1": lambda: (1, 1, 0),
    "stuck on one side": lambda: (5, 3, 3),
    "stuck on one side: after a pulse of +1 and 50 silent": lambda: (5, 3, -3),
    "noise flips it": lambda: (7, 2, 0),
    "inputs of +0.2 turn the sign of h at step": lambda: (4, 3, 0.8),
    "stuck: a pulse of +1 does not flip": lambda: (1, 3, 0),
    "but only to h = ": lambda: (3.2, 3, 0),
    "w_ih is 0": lambda: (0, 3, 0),
    "w_ih is negative": lambda: (-5, 3, 0),
    "w_hh is negative": lambda: (5, -3, 0),
    "expected 3 results: w_ih, w_hh, b_h": lambda: (5, 3),
    "w_hh is an array of shape (2, 2), expected one": lambda: (5, np.eye(2), 0),
    "b_h is nan, expected one number": lambda: (5, 3, np.nan),
    "w_ih: a text (str), expected numbers": lambda: ("5", 3, 0),
}


NEAR_BRACKET = slips(
    bracket,
    {
        "pushes the state down and the closing one up": {"4.0, -4.0": "-4.0, 4.0"},
        "it opens the bracket. Its weight must outweigh": {"4.0, -4": "1.0, -4"},
        "it closes the bracket. Its weight must outweigh": {"-4.0": "-1.0"},
        "W_hh is too small to hold a state of 0.5": {"[[2.0]]": "[[0.9]]"},
        "no bracket. W_hh is too small": {"[[2.0]]": "[[1.05]]"},
        "W_hh is negative": {"[[2.0]]": "[[-2.0]]"},
        "Its weight is -3: it should leave": {
            "np.zeros((n, 1))": "np.full((n, 1), -3.0)"
        },
        "b_h is too far from 0": {"np.array([0.0])": "np.array([1.0])"},
        "W_ih has the shape (4,), expected (4, 1)": {"np.zeros((n, 1))": "np.zeros(n)"},
        "W_hh has the shape (1,), expected (1, 1)": {"[[2.0]]": "[2.0]"},
        "b_h must hold finite real numbers": {"[0.0]": "[np.nan]"},
        "expected 3 results: W_ih, W_hh, b_h": {", np.array([0.0])": ""},
    },
)
NEAR_RECALL = slips(
    recall,
    {
        "no bias": {"np.column_stack([h[lag:], np.ones(len(h) - lag)])": "h[lag:]"},
        "the share that is left over": {"1 - ((y": "((y"},
        "the correlation, expected its square": {
            "return 1 - ((y - o) ** 2).mean() / y.var()": (
                "return (1 - ((y - o) ** 2).mean() / y.var()) ** 0.5"
            )
        },
        "the mean squared error": {
            "1 - ((y - o) ** 2).mean() / y.var()": "((y - o) ** 2).mean()"
        },
        "the sum of the squared errors": {
            "1 - ((y - o) ** 2).mean() / y.var()": "((y - o) ** 2).sum()"
        },
        "divide it by the variance of the targets": {" / y.var()": ""},
        "taken around 0, expected around their mean": {"y.var()": "(y**2).mean()"},
        "of all of x, expected of the targets": {"y.var()": "x.var()"},
        "the lag goes the other way": {
            "h[lag:], np.ones": "h[: len(h) - lag], np.ones",
            "x[: len(x) - lag]": "x[lag:]",
        },
        "come around from the end of x": {
            "h[lag:], np.ones(len(h) - lag)": "h, np.ones(len(h))",
            "x[: len(x) - lag]": "np.roll(x, lag)",
        },
        "those of the future": {
            "h[lag:], np.ones(len(h) - lag)": "h, np.ones(len(h))",
            "x[: len(x) - lag]": "np.roll(x, -lag)",
        },
    },
)


@each_near_miss(
    SOLUTIONS,
    (
        NEAR_COUNT,
        NEAR_STEP,
        NEAR_RADIUS,
        NEAR_FORWARD,
        NEAR_LATCH,
        NEAR_BRACKET,
        NEAR_RECALL,
    ),
)
def test_a_near_miss_is_told_what_it_is(checked, sentence, student):
    check_tells(checked, sentence, student)


def inputs_and_last_pulses(rng, n=300, T=400):
    """Pulses of +-1 with at most 50 steps of noise between them: two arrays (T, n).

    The noise of a sequence is drawn, or always works against the last pulse, or is
    silent.
    """
    x, last = np.empty((T, n)), np.empty((T, n))
    for i in range(n):
        t, kind = 0, i % 3
        while t < T:
            pulse = rng.choice([-1.0, 1.0])
            pulses = rng.choice([1, 1, 60])
            gap = rng.choice([0, rng.integers(51), 50])
            noise = (rng.uniform(-0.2, 0.2, gap), np.full(gap, -0.2 * pulse), 0)[kind]
            part = np.concatenate([np.full(pulses, pulse), np.zeros(gap) + noise])
            part = part[: T - t]
            x[t : t + len(part), i] = part
            last[t : t + len(part), i] = pulse
            t += len(part)
    return x, last


INPUTS, LAST_PULSES = inputs_and_last_pulses(np.random.default_rng(0))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.floats(-1, 9), st.floats(-1, 7), st.just(0.0) | st.floats(-1.5, 1.5))
def test_the_latch_is_right_exactly_if_no_sequence_defeats_it(w_ih, w_hh, b_h):
    right = ask(check.latch, lambda: (w_ih, w_hh, b_h)).startswith("Right. ")
    h, kept = np.zeros(INPUTS.shape[1]), True
    for x_t, pulse in zip(INPUTS, LAST_PULSES, strict=True):
        h = np.tanh(w_ih * x_t + w_hh * h + b_h)
        kept = kept and bool((np.sign(h) == pulse).all())
    assert kept == right


def test_the_latch_has_room():
    # Far from the edge: every weight may be off by a tenth, and b_h by 0.3.
    for w_ih in (5.4, 6, 6.6):
        for w_hh in (3.6, 4, 4.4):
            for b_h in (-0.3, 0, 0.3):
                said = ask(check.latch, lambda w=(w_ih, w_hh, b_h): w)
                assert said.startswith("Right. "), (w_ih, w_hh, b_h, said)
