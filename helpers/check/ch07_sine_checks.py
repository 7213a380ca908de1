"""The checks of the exercises of chapter 7."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from helpers.check.core import Verdict, call, compare, compare_parts, exercise, unpack
from helpers.check.core.values import SAME, to_numbers
from helpers.check.core.verdicts import right, wrong
from helpers.check.core.words import number

# The waves of exercise 7.5: the length of their windows, and what is good enough.
WINDOW = 20
GOOD = 0.05
STEPS = (0.5, 1.5)  # of the waves
NEAR = 0.3  # a network trained on the step 1 alone is good up to about so far from it


@exercise("Two values of a sine and its step say all that comes after.")
def next_value(student: Callable) -> Iterator[Verdict]:
    """Judge `next_value(before, now, step)`: a sine continued from two values."""
    angle = np.array([-1.3, 0.2, 0.9, 2.5])
    # With the step 1 first: it is the wave of the chapter.
    for before, now, step in (
        (0.5, 0.9, 1.0),
        (0.5, 0.9, 0.2),
        (-0.3, 0.1, 2.5),
        (np.sin(angle), np.sin(angle + 0.7), 0.7),
    ):
        shown = "arrays" if np.ndim(now) else f"{before}, {now}"
        name = f"next_value({shown}, {step})"
        a, b, w = before, now, step
        yield compare(
            name,
            call(name, student, np.copy(a)[()], np.copy(b)[()], w),
            2 * np.cos(w) * b - a,
            mistakes={
                "the step is taken as 1": 2 * np.cos(1) * b - a,
                "the factor 2 is missing": np.cos(w) * b - a,
                "the value before is added, expected subtracted": 2 * np.cos(w) * b + a,
                "before and now are exchanged": 2 * np.cos(w) * a - b,
                "this is the straight line on, as if cos(step) were 1": 2 * b - a,
                "2 sin(step), expected 2 cos(step)": 2 * np.sin(w) * b - a,
                "the step is in radians already": 2 * np.cos(np.radians(w)) * b - a,
                "the best guess from one value; there are two": np.cos(w) * b,
                "the value before is missing": 2 * np.cos(w) * b,
                "this is the present value": b,
                "both terms have the wrong sign": a - 2 * np.cos(w) * b,
            },
        )


@exercise("No value that a validation window shows or asks for was trained on.")
def split_apart(student: Callable) -> Iterator[Verdict]:
    """Judge `split_apart(n_values, length, n_training)`: no value in common."""
    parts = ("training", "validation")
    for n, length, n_training in ((250, 50, 100), (60, 5, 20), (17, 3, 4), (20, 6, 8)):
        name = f"split_apart({n}, {length}, {n_training})"

        def starts(first: int, stop: int) -> np.ndarray:
            return np.arange(first, max(first, stop))

        first, end = n_training + length, n - length
        expected = {"training": starts(0, n_training), "validation": starts(first, end)}
        validation = {
            "the windows overlap: they begin where training stops, so that only the "
            "targets are new": starts(n_training, end),
            "the first of them begins with the last training target": (
                starts(first - 1, end)
            ),
            "one window at the start is missing: after the last training target all is "
            "new": starts(first + 1, end),
            "twice the length is left out, once is enough": starts(first + length, end),
            "the last window has no next value": starts(first, end + 1),
            "the last window that has a next value is missing": starts(first, end - 1),
            "these are all values from there on, expected starts of windows that have "
            "a next value": starts(first, n),
            "these are the targets, expected the starts of the windows": (
                starts(first + length, n)
            ),
        }
        training = {
            "these are the targets, expected the starts of the windows": (
                starts(length, first)
            ),
            "these are the values of the windows, expected their starts": (
                starts(0, first)
            ),
        }
        mistakes = {s: {"validation": result} for s, result in validation.items()}
        for sentence, result in training.items():
            mistakes.setdefault(sentence, {})["training"] = result
        got = unpack(name, call(name, student, n, length, n_training), parts)
        yield compare_parts(
            got, expected, mistakes=mistakes, label=f"the {{}} windows of {name}"
        )


@exercise("Each wave costs two values of memory, whatever its amplitude and phase.")
def exact_rule(student: Callable) -> Iterator[Verdict]:
    """Judge `exact_rule(steps)`: the linear rule that continues a sum of sines."""
    for steps in ([1.0], [0.5, 1.2], [0.3, 0.8, 2.0]):
        name = f"exact_rule({steps})"
        w = np.array(steps)
        polynomial = _polynomial(w)
        rule = -polynomial[:0:-1]
        singles = [-_polynomial(one)[:0:-1] for one in w[:, None]]
        mistakes = {
            "the newest value comes first, expected the oldest": rule[::-1],
            "all signs are wrong: what stands on one side of an equation must change "
            "its sign on the other": -rule,
            "this is the whole polynomial; its first coefficient belongs to the value "
            "that is wanted": polynomial,
            "this is the whole polynomial with its signs changed; its first "
            "coefficient belongs to the value that is wanted": -polynomial,
            "these are the rules of the single waves one after another: they must be "
            "multiplied as polynomials": np.concatenate(singles),
            "the rules of the single waves are added: they must be multiplied as "
            "polynomials": np.sum(singles, axis=0),
            "the rules of the single waves are averaged: they must be multiplied as "
            "polynomials": np.mean(singles, axis=0),
            "the steps are in radians already": -_polynomial(np.radians(w))[:0:-1],
            "the factor 2 is missing": -_polynomial(w, 1.0)[:0:-1],
            "cos(step) has the wrong sign": -_polynomial(w, -2.0)[:0:-1],
        }
        yield compare(name, call(name, student, list(steps)), rule, mistakes=mistakes)


def _polynomial(steps: np.ndarray, factor: float = 2.0) -> np.ndarray:
    """The product of 1 - factor cos(step) z + z^2, from the power 0 on."""
    product = np.ones(1)
    for step in steps:
        product = np.convolve(product, [1.0, -factor * np.cos(step), 1.0])
    return product


@exercise("The state is all that the loop carries on: the start is read once.")
def roll_on(student: Callable) -> Iterator[Verdict]:
    """Judge `roll_on(start, n, W_ih, W_hh, b_h, W_ho, b_o, h0)`: a closed loop."""
    name = "roll_on(start, n, W_ih, W_hh, b_h, W_ho, b_o, h0)"
    for T, n, n_hid, seed in ((6, 8, 3, 0), (4, 3, 5, 1), (1, 5, 4, 2)):
        rng = np.random.default_rng(seed)
        shapes = ((1, n_hid), (n_hid, n_hid), n_hid, (n_hid, 1), 1, n_hid)
        params = [rng.normal(0, 0.8, shape) for shape in shapes]
        start = rng.uniform(-1, 1, T)
        result = call(name, student, start.copy(), n, *(p.copy() for p in params))
        yield compare(
            name,
            result,
            _rolled(start, n, *params),
            mistakes=_roll_mistakes(start, n, params),
        )


def _rolled(
    start, n, W_ih, W_hh, b_h, W_ho, b_o, h0, heard=lambda o, i: o
) -> np.ndarray:
    """The next n values; `heard(o, i)` is the input after forecast o, number i."""

    def step(x, h):
        return np.tanh(x * W_ih[0] + h @ W_hh + b_h)

    h = h0
    for x in start:
        h = step(x, h)
    values = []
    for i in range(n):
        values.append((h @ W_ho + b_o)[0])
        h = step(heard(values[-1], i), h)
    return np.array(values)


def _roll_mistakes(start, n, params) -> dict[str, np.ndarray]:
    """The roll-out with one mistake each."""
    W_ih, W_hh, b_h, W_ho, b_o, h0 = params
    right_one = _rolled(start, n, *params)
    windowed, fresh = list(start), list(start)
    for _ in range(n):
        windowed.append(_rolled(np.array(windowed[-len(start) :]), 1, *params)[0])
        fresh.append(_rolled(np.array(fresh[-1:]), 1, *params)[0])
    zeros = 0 * h0
    return {
        "the window is read anew from h0 for each value, expected to go on from the "
        "state": np.array(windowed[len(start) :]),
        "the state is forgotten after each value, expected to go on from it": (
            np.array(fresh[len(start) :])
        ),
        "the inputs after the start are 0, expected the forecasts": (
            _rolled(start, n, *params, heard=lambda o, i: 0)
        ),
        "the last known value is heard again and again, expected the forecasts": (
            _rolled(start, n, *params, heard=lambda o, i: start[-1])
        ),
        "the start is heard again, expected the forecasts": (
            _rolled(start, n, *params, heard=lambda o, i: start[i % len(start)])
        ),
        "the start is among the values, expected those after it": (
            np.concatenate([start, right_one])
        ),
        "the last known value is heard twice": (
            _rolled(np.append(start, start[-1]), n, *params)
        ),
        "the last known value is not heard before the first forecast": (
            _rolled(start[:-1], n, *params)
        ),
        "only the last value of the start is heard, expected all": (
            _rolled(start[-1:], n, *params)
        ),
        "the start is read backwards": _rolled(start[::-1], n, *params),
        "the state begins at zero, expected at h0": (
            _rolled(start, n, W_ih, W_hh, b_h, W_ho, b_o, zeros)
        ),
        "b_h is missing": _rolled(start, n, W_ih, W_hh, 0 * b_h, W_ho, b_o, h0),
        "b_o is missing": _rolled(start, n, W_ih, W_hh, b_h, W_ho, 0 * b_o, h0),
        "W_hh is transposed": _rolled(start, n, W_ih, W_hh.T, b_h, W_ho, b_o, h0),
        "the first forecast is missing": _rolled(start, n + 1, *params)[1:],
        "one value too many": _rolled(start, n + 1, *params),
    }


def waves(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, Any]:
    """n windows x (20, n, 1), the next values (n,), and the steps of the waves (n,)."""
    steps, phases = rng.uniform(*STEPS, n), rng.uniform(0, 2 * np.pi, n)
    values = np.sin(phases + np.arange(WINDOW + 1)[:, None] * steps)
    return values[:-1, :, None], values[-1], steps


@exercise(
    "The network finds the step of a wave from the wave, which no rule with fixed "
    "weights on two values can."
)
def forecast(student: Callable) -> Iterator[Verdict]:
    """Judge `forecast(x)`: one trained network for waves of many steps."""
    x, y, steps = waves(500, np.random.default_rng(7))
    name = f"forecast(x) with x of shape {x.shape}"
    o = _forecasts(name, call(name, student, x.copy()), len(y))
    if isinstance(o, Verdict):
        yield o
        return
    few = 7
    alone = f"forecast(x[:, :{few}]) with x of shape {x.shape}"
    o_few = _forecasts(alone, call(alone, student, x[:, :few].copy()), few)
    if isinstance(o_few, Verdict):
        yield o_few
    elif np.abs(o_few - o[:few]).max() > SAME:
        yield wrong(alone, "the forecast depends on the other waves of the batch")
    yield _close(name, o, x[:, :, 0], y, steps)


def _forecasts(name: str, result: Any, n: int) -> np.ndarray | Verdict:
    """The forecasts of n waves as finite numbers, or the Verdict on why not."""
    hints = {
        (n, 1): ": take [:, 0]",
        (WINDOW, n): ": one forecast a wave, after the last step",
        (WINDOW, n, 1): ": one forecast a wave, after the last step",
    }
    return to_numbers(name, result, "forecasts", (n,), lambda s: hints.get(s, ""))


def _close(name: str, o, x, y, steps) -> Verdict:
    """Whether the forecasts o are the next values y, and if not, what else they are."""

    def error(other) -> float:
        return float(np.sqrt(np.mean((o - other) ** 2)))

    rmse = error(y)
    if rmse < 1e-5:
        return wrong(
            name,
            "the error is zero. That is a formula, and no trained network is so exact: "
            "let a network find it",
        )
    if rmse <= GOOD:
        return right(name)
    for other, sentence in (
        (x[-1], "this is the last value of each wave"),
        (2 * np.cos(1) * x[-1] - x[-2], "this is the rule for the step 1"),
        (np.cos(steps) * x[-1], "this is the best guess from the last value alone"),
    ):
        if error(other) < GOOD / 2:
            return wrong(name, f"{sentence}, expected the next one of any wave")
    if o.std() < 0.05:
        return wrong(name, f"the forecast is always about {number(o.mean())}")
    if error(-y) < 2 * GOOD:
        return wrong(name, "the forecasts have the wrong sign")
    far = np.abs(steps - 1) > NEAR
    near, wide = (np.sqrt(np.mean((o - y)[m] ** 2)) for m in (~far, far))
    if near < GOOD:
        return wrong(
            name,
            f"the RMSE is {number(near)} for steps from {1 - NEAR} to {1 + NEAR}, and "
            f"{number(wide)} for the others: train on steps from {STEPS[0]} to "
            f"{STEPS[1]}",
        )
    said = "it needs more training or another rate"
    if rmse > 0.6:
        said = "always 0 would do about as well, so nothing is learned yet"
    return wrong(name, f"the RMSE is {number(rmse)}, expected at most {GOOD}: {said}")
