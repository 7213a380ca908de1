"""The checks of chapter 7's exercises: right answers, near-misses, garbage."""

import numpy as np
import pytest
from check_answers import (
    ask,
    check_accepts,
    check_tells,
    each_near_miss,
    off_a_little,
    spoiling,
)

from helpers.check import ch07_sine_checks as check


def next_value(before, now, step):
    return 2 * np.cos(step) * now - before


def split_apart(n_values, length, n_training):
    first = n_training + length
    return np.arange(n_training), np.arange(first, n_values - length)


def exact_rule(steps):
    product = np.ones(1)
    for step in steps:
        product = np.convolve(product, [1, -2 * np.cos(step), 1])
    return -product[:0:-1]


def roll_on(
    start, n, W_ih, W_hh, b_h, W_ho, b_o, h0, hears=lambda o, start: o, g=np.tanh
):
    h, values = h0, []
    for x in start:
        h = g(x * W_ih[0] + h @ W_hh + b_h)
    for _ in range(n):
        values.append((h @ W_ho + b_o)[0])
        h = g(hears(values[-1], start) * W_ih[0] + h @ W_hh + b_h)
    return np.array(values)


def forecast(x, error=0.01):
    """The next value from three, by a formula, with an error like a network's."""
    a, b, c = x[-3:, :, 0]
    cosine = np.clip(((a + c) * b) / (2 * np.maximum(b**2, 1e-12)), -1, 1)
    return 2 * cosine * c - b + error * np.cos(50 * c)


SOLUTIONS = {
    check.next_value: next_value,
    check.split_apart: split_apart,
    check.exact_rule: exact_rule,
    check.roll_on: roll_on,
    check.forecast: forecast,
}
CHECKS = list(SOLUTIONS)
each_check = pytest.mark.parametrize("checked", CHECKS, ids=lambda c: c.__name__)


@each_check
def test_a_right_answer_is_right(checked):
    check_accepts(checked, SOLUTIONS[checked])


OTHER_WAYS = {
    "ranges": (
        check.split_apart,
        lambda n, length, k: (range(k), range(k + length, n - length)),
    ),
    "a list": (check.split_apart, lambda *a: [list(part) for part in split_apart(*a)]),
    "the roots of the polynomial": (
        check.exact_rule,
        lambda steps: (
            -np.poly(np.exp(1j * np.append(steps, np.negative(steps)))).real[:0:-1]
        ),
    ),
    "a rule in floats": (
        check.exact_rule,
        lambda steps: list(map(float, exact_rule(steps))),
    ),
    "a loop on rows": (
        check.roll_on,
        lambda start, n, *p: roll_on(start.reshape(-1), n, *p).tolist(),
    ),
    "float32": (check.forecast, lambda x: forecast(x).astype(np.float32)),
}


@pytest.mark.parametrize("case", OTHER_WAYS)
def test_other_ways_are_right_too(case):
    checked, student = OTHER_WAYS[case]
    check_accepts(checked, student)


NEAR_VALUE = {
    "the step is taken as 1": lambda a, b, w: next_value(a, b, 1.0),
    "the factor 2 is missing": lambda a, b, w: np.cos(w) * b - a,
    "expected subtracted": lambda a, b, w: 2 * np.cos(w) * b + a,
    "before and now are exchanged": lambda a, b, w: next_value(b, a, w),
    "the straight line on": lambda a, b, w: 2 * b - a,
    "2 sin(step)": lambda a, b, w: 2 * np.sin(w) * b - a,
    "in radians already": lambda a, b, w: next_value(a, b, np.radians(w)),
    "the best guess from one value": lambda a, b, w: np.cos(w) * b,
    "the value before is missing": lambda a, b, w: 2 * np.cos(w) * b,
    "this is the present value": lambda a, b, w: b,
    "both terms have the wrong sign": lambda a, b, w: a - 2 * np.cos(w) * b,
}


def apart(begin=0, end=0, training=None):
    """A split whose validation windows begin and end so much too late."""

    def split(n, length, k):
        known = np.arange(k) if training is None else training(n, length, k)
        return known, np.arange(k + length + begin, n - length + end)

    return split


NEAR_SPLIT = {
    "the windows overlap": lambda n, length, k: (
        np.arange(k),
        np.arange(k, n - length),
    ),
    "begins with the last training target": apart(begin=-1),
    "one window at the start is missing": apart(begin=1),
    "twice the length": lambda n, length, k: (
        np.arange(k),
        np.arange(k + 2 * length, n - length),
    ),
    "the last window has no next value": apart(end=1),
    "that has a next value is missing": apart(end=-1),
    "these are all values from there on": lambda n, length, k: (
        np.arange(k),
        np.arange(k + length, n),
    ),
    "these are the targets": lambda n, length, k: (
        np.arange(length, k + length),
        np.arange(k + length, n - length),
    ),
    "these are the values of the windows": apart(
        training=lambda n, length, k: np.arange(k + length)
    ),
    "one entry missing at the end": apart(
        training=lambda n, length, k: np.arange(k - 1)
    ),
    "expected 2 results: training, validation": lambda n, length, k: np.arange(k),
}

NEAR_RULE = {
    "the newest value comes first": lambda steps: exact_rule(steps)[::-1],
    "all signs are wrong": lambda steps: -exact_rule(steps),
    "this is the whole polynomial; ": lambda steps: np.append(
        1, -exact_rule(steps)[::-1]
    ),
    "the whole polynomial with its signs changed": lambda steps: np.append(
        -1, exact_rule(steps)[::-1]
    ),
    "one after another": lambda steps: np.concatenate(
        [exact_rule([step]) for step in steps]
    ),
    "are added": lambda steps: np.sum([exact_rule([step]) for step in steps], axis=0),
    "are averaged": lambda steps: np.mean(
        [exact_rule([step]) for step in steps], axis=0
    ),
    "in radians already": lambda steps: exact_rule(np.radians(steps)),
    "cos(step) has the wrong sign": lambda steps: exact_rule(np.pi - np.array(steps)),
}


def on_windows(start, n, *params):
    values = list(start)
    for _ in range(n):
        values.append(roll_on(values[-len(start) :], 1, *params)[0])
    return np.array(values[len(start) :])


def from_one_value(start, n, *params):
    values = list(start)
    for _ in range(n):
        values.append(roll_on(values[-1:], 1, *params)[0])
    return np.array(values[len(start) :])


NEAR_ROLL = {
    "the window is read anew": on_windows,
    "the state is forgotten": from_one_value,
    "the inputs after the start are 0": lambda *a: roll_on(*a, hears=lambda o, s: 0),
    "heard again and again": lambda *a: roll_on(*a, hears=lambda o, s: s[-1]),
    "the start is among the values": lambda start, *a: np.append(
        start, roll_on(start, *a)
    ),
    "the last known value is heard twice": lambda start, *a: roll_on(
        np.append(start, start[-1]), *a
    ),
    "is not heard before the first forecast": lambda start, *a: roll_on(start[:-1], *a),
    "only the last value of the start": lambda start, *a: roll_on(start[-1:], *a),
    "the start is read backwards": lambda start, *a: roll_on(start[::-1], *a),
    "the state begins at zero": lambda *a: roll_on(*a[:-1], 0 * a[-1]),
    "b_h is missing": lambda s, n, W_ih, W_hh, b_h, *a: roll_on(
        s, n, W_ih, W_hh, 0 * b_h, *a
    ),
    "b_o is missing": lambda *a: roll_on(*a[:-2], 0 * a[-2], a[-1]),
    "W_hh is transposed": lambda s, n, W_ih, W_hh, *a: roll_on(s, n, W_ih, W_hh.T, *a),
    "the first forecast is missing": lambda s, n, *a: roll_on(s, n + 1, *a)[1:],
    "one value too many": lambda s, n, *a: roll_on(s, n + 1, *a),
    "the numbers are right, the shape is not": lambda *a: roll_on(*a)[:, None],
    "all 8 entries are wrong": lambda *a: roll_on(*a, g=np.sin),
}

NEAR_FORECAST = {
    "take [:, 0]": lambda x: forecast(x)[:, None],
    "one forecast a wave": lambda x: x[:, :, 0],
    "That is a formula": lambda x: forecast(x, error=0.0),
    "the last value of each wave": lambda x: x[-1, :, 0],
    "the rule for the step 1": lambda x: next_value(x[-2, :, 0], x[-1, :, 0], 1.0),
    "the forecast is always about 0.2": lambda x: np.full(x.shape[1], 0.2),
    "the wrong sign": lambda x: -forecast(x),
    "it needs more training": lambda x: 0.9 * forecast(x),
    "always 0 would do about as well": lambda x: x[0, :, 0],
    "other waves of the batch": lambda x: forecast(x) + x[-1, :, 0].mean(),
    "nan or infinite": lambda x: forecast(x) * np.nan,
    "for steps from 0.7 to 1.3": lambda x: narrow(x),
}


def narrow(x):
    """Good for steps about 1 only."""
    a, b, c = x[-3:, :, 0]
    cosine = np.clip(((a + c) * b) / (2 * np.maximum(b**2, 1e-12)), -1, 1)
    near = np.abs(np.arccos(cosine) - 1) < 0.35
    return forecast(x) + np.where(near, 0.0, 0.4)


@each_near_miss(CHECKS, (NEAR_VALUE, NEAR_SPLIT, NEAR_RULE, NEAR_ROLL, NEAR_FORECAST))
def test_a_near_miss_is_named(checked, sentence, student):
    check_tells(checked, sentence, student)


@each_check
def test_a_small_error_is_never_right(checked):
    if checked is check.forecast:  # judged by its RMSE, so a small error is right
        return
    said = ask(checked, off_a_little(SOLUTIONS[checked]))
    assert said.startswith("Not yet. "), said


@each_check
def test_inputs_are_the_students_to_spoil(checked):
    for _ in range(2):
        check_accepts(checked, spoiling(SOLUTIONS[checked]))
