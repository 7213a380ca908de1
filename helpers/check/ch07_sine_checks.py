"""The checks of the exercises of chapter 7."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from helpers.check.clues import ask, changed, with_clue
from helpers.check.core import Domain, Probe, Verdict, call, exercise, judge
from helpers.check.core.values import SAME, to_numbers
from helpers.check.core.verdicts import VALUES, right, wrong
from helpers.check.core.words import number

# The waves of exercise 7.5: the length of their windows, and what is good enough.
WINDOW = 8
GOOD = 0.05
STEPS = (0.5, 2.0)  # of the waves
AMPLITUDES = (0.5, 1.5)
NEAR = 0.3  # a network trained on the step 1 alone is good up to about so far from it


# Exercise 7.1 --------------------------------------------------------------------


def _draw_values(rng: np.random.Generator) -> tuple[float, float, float]:
    phase, step = rng.uniform(0, 2 * np.pi), rng.uniform(0.05, 3)
    before, now = rng.uniform(0.2, 5) * np.sin(phase + np.array([0, step]))
    return float(before), float(now), float(step)


@exercise(
    "Two values of a sine and its step say all that comes after.",
    Domain(
        "next_value(before, now, step)",
        "The sine may have any amplitude and phase, and the step lies between 0 and "
        r"$\pi$.",
        _draw_values,
        # With the step 1 first: it is the wave of the chapter.
        [(0.5, 0.9, 1.0), (0.5, 0.9, 0.2), (-0.3, 0.1, 2.5)],
    ),
)
def next_value(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `next_value(before, now, step)`: a sine continued from two values."""
    probes = [
        p._replace(name="next_value({:.3g}, {:.3g}, {:.3g})".format(*p.arguments))
        for p in probes
    ]
    verdict = judge(student, probes, _next, mistakes=_next_mistakes)
    yield with_clue(verdict, _next_clues(student))


def _next(before: float, now: float, step: float) -> float:
    return 2 * np.cos(step) * now - before


def _next_mistakes(a: float, b: float, w: float) -> dict[str, float]:
    two = 2 * np.cos(w)
    phase = np.arcsin(np.clip(b, -1, 1))
    rising = phase if b >= a else np.pi - phase
    true_phase = np.arctan2(b, (b * np.cos(w) - a) / np.sin(w))
    with_a = np.arcsin(np.clip(a, -1, 1)) + 2 * w
    return {
        "the step is taken as 1": 2 * np.cos(1) * b - a,
        "the factor 2 is missing": np.cos(w) * b - a,
        "the value before is added, expected subtracted": two * b + a,
        "before and now are exchanged": two * a - b,
        "this is the straight line on, as if cos(step) were 1": 2 * b - a,
        "2 sin(step), expected 2 cos(step)": 2 * np.sin(w) * b - a,
        "the step is in radians already": 2 * np.cos(np.radians(w)) * b - a,
        "the best guess from one value; there are two": np.cos(w) * b,
        "the value before is missing": two * b,
        "this is the present value": b,
        "this is the value before": a,
        "both terms have the wrong sign": a - two * b,
        "the phase is right, but the amplitude is taken as 1: the rule must hold for "
        "any, and needs no phase": np.sin(true_phase + w),
        "the amplitude is taken as 1: the rule must hold for any, and needs no phase": (
            np.sin(phase + w)
        ),
        "the phase is taken from the present value, with an amplitude of 1: the rule "
        "must hold for any, and needs no phase": np.sin(rising + w),
        "the phase is taken from the value before, with an amplitude of 1: the rule "
        "must hold for any, and needs no phase": np.sin(with_a),
        "this goes on by the last difference, as on a straight line, times the step": (
            b + w * (b - a)
        ),
        "2 stands in the exponent, expected as a factor": np.cos(w) ** 2 * b - a,
        "2 is added to cos(step), expected multiplied": (2 + np.cos(w)) * b - a,
        "now is added to 2 cos(step), expected multiplied": two + b - a,
        "now is missing: this is 2 cos(step) - before": two - a,
        "2 cos(step) is missing: this is now - before": b - a,
        "2 cos(step) is divided by now, expected multiplied": (
            two / b - a if b else np.nan
        ),
        "2 is divided by cos(step), expected multiplied": 2 / np.cos(w) * b - a,
        "the step itself is taken, expected its cosine": 2 * w * b - a,
        "cos(2 step), expected 2 cos(step)": np.cos(2 * w) * b - a,
        "the value before is multiplied, expected subtracted": two * b * a,
        "the difference is multiplied by 2 cos(step), expected now alone": two
        * (b - a),
    }


def _next_clues(student: Callable) -> Iterator[str]:
    """With which weights the two values count."""
    step, expected = 0.7, 2 * np.cos(0.7)
    none, of_now, of_before, of_both, twice = (
        ask(student, *values, step)
        for values in ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (2.0, 2.0))
    )
    if any(got is None or got.size != 1 for got in (none, of_now, of_before, of_both)):
        return
    if not np.isclose(none.item(), 0):
        yield f"Two zeros are followed by {number(none.item())}, expected by zero."
    if changed(2 * of_both, twice) or changed(of_now + of_before, of_both):
        yield (
            "Values twice as large are not followed by one twice as large, and it "
            "should be so for any amplitude."
        )
    if not np.isclose(of_before.item(), -1):
        weight = number(of_before.item())
        yield f"The value before has the weight {weight} at step 0.7, expected -1."
    if not np.isclose(of_now.item(), expected):
        yield (
            f"The present value has the weight {number(of_now.item())} at step 0.7, "
            f"expected 2 cos(0.7), which is {number(expected)}."
        )


# Exercise 7.2 --------------------------------------------------------------------


def _draw_split(rng: np.random.Generator) -> tuple[int, int, int]:
    length, n_training = int(rng.integers(1, 9)), int(rng.integers(1, 13))
    return length + n_training + int(rng.integers(0, 25)), length, n_training


PARTS = ("training", "validation")


@exercise(
    "No value that a validation window shows or asks for was trained on.",
    Domain(
        "split_apart(n_values, length, n_training)",
        "All three are at least 1, and `n_values` is at least `n_training + length`.",
        _draw_split,
        [(250, 50, 100), (60, 5, 20), (17, 3, 4), (20, 6, 8), (9, 1, 1)],
        drawn=20,
    ),
)
def split_apart(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `split_apart(n_values, length, n_training)`: no value in common."""
    verdict = judge(student, probes, _split, mistakes=_split_mistakes, parts=PARTS)
    if verdict.rule in (VALUES, "shape", "zero", "place", "order"):
        yield from _split_faults(student, probes)
    yield verdict


def _starts(first: int, stop: int) -> np.ndarray:
    return np.arange(first, max(first, stop))


def _split(n: int, length: int, n_training: int) -> tuple[np.ndarray, np.ndarray]:
    return _starts(0, n_training), _starts(n_training + length, n - length)


def _split_mistakes(n: int, length: int, n_training: int) -> dict[str, dict[str, Any]]:
    first, end = n_training + length, n - length
    validation = {
        "the windows overlap: they begin where training stops, so that only the "
        "targets are new": _starts(n_training, end),
        "the first of them begins with the last training target": (
            _starts(first - 1, end)
        ),
        "one window at the start is missing: after the last training target all is "
        "new": _starts(first + 1, end),
        "twice the length is left out, once is enough": _starts(first + length, end),
        "the last window has no next value": _starts(first, end + 1),
        "the last window that has a next value is missing": _starts(first, end - 1),
        "these are all values from there on, expected starts of windows that have a "
        "next value": _starts(first, n),
        "these are the targets, expected the starts of the windows": (
            _starts(first + length, n)
        ),
    }
    training = {
        "these are the targets, expected the starts of the windows": (
            _starts(length, first)
        ),
        "these are the values of the windows, expected their starts": _starts(0, first),
        "these are numbered from 1, expected from 0": _starts(1, n_training + 1),
    }
    mistakes = {s: {"validation": result} for s, result in validation.items()}
    for sentence, result in training.items():
        mistakes.setdefault(sentence, {})["training"] = result
    return mistakes


def _split_faults(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """A window that should be there and is not, or the other way round, and why."""
    for name, arguments, _ in probes:
        result = call(name, student, *arguments)
        if isinstance(result, Verdict) or len(result) != len(PARTS):
            return
        n, length, n_training = arguments
        last = n_training + length - 1
        for part, got, expected in zip(PARTS, result, _split(*arguments), strict=True):
            windows = np.asarray(got)
            if windows.ndim != 1 or not np.all(windows == np.round(windows)):
                return
            missing = [int(i) for i in expected if i not in windows]
            extra = [int(i) for i in windows if i not in expected]
            label = f"the {part} windows of {name}"
            if extra:
                i = extra[0]
                why = f"its target would be value {i + length}, after the last, {n - 1}"
                if i + length < n and part == "training":
                    why = f"the first {n_training} are those that begin at 0 to "
                    why += str(n_training - 1)
                elif i + length < n:
                    why = f"value {max(i, 0)} belongs to the training windows, whose "
                    why += f"last value is the target {last}"
                said = f"one begins at {i}, which it should not: {why}"
                yield wrong(label, said, "window")
            if missing:
                i = missing[0]
                why = f"all of its values, {i} to {i + length}, are new"
                if part == "training":
                    why = f"it is one of the first {n_training}"
                yield wrong(label, f"that from {i} is missing: {why}", "window")
            if list(windows) != list(expected):
                yield wrong(label, "each once, in order, is expected", "window")


# Exercise 7.3 --------------------------------------------------------------------


def _draw_waves(rng: np.random.Generator) -> tuple[list[float]]:
    return (np.round(rng.uniform(0.1, 3, rng.integers(1, 5)), 3).tolist(),)


@exercise(
    "Each wave costs two values of memory, whatever its amplitude and phase.",
    Domain(
        "exact_rule(steps)",
        r"There is at least one step, and each lies between 0 and $\pi$.",
        _draw_waves,
        [([1.0],), ([0.5, 1.2],), ([0.3, 0.8, 2.0],)],
    ),
)
def exact_rule(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `exact_rule(steps)`: the linear rule that continues a sum of sines."""
    verdict = judge(student, probes, _rule, mistakes=_rule_mistakes)
    yield with_clue(verdict, _rule_clues(student))


def _polynomial(steps: Sequence[float], factor: float = 2.0) -> np.ndarray:
    """The product of 1 - factor cos(step) z + z^2, from the power 0 on."""
    product = np.ones(1)
    for step in steps:
        product = np.convolve(product, [1.0, -factor * np.cos(step), 1.0])
    return product


def _rule(steps: Sequence[float]) -> np.ndarray:
    return -_polynomial(steps)[:0:-1]


def _rule_mistakes(steps: Sequence[float]) -> dict[str, np.ndarray]:
    w, polynomial, rule = np.array(steps), _polynomial(steps), _rule(steps)
    singles = [_rule([one]) for one in w]

    def of_products(factor: Callable) -> np.ndarray:
        product = np.ones(1)
        for step in w:
            product = np.convolve(product, factor(step))
        return -product[:0:-1]

    return {
        "the newest value comes first, expected the oldest": rule[::-1],
        "all signs are wrong: what stands on one side of an equation must change its "
        "sign on the other": -rule,
        "all signs are wrong, and the newest value comes first": -rule[::-1],
        "this is the whole polynomial; its first coefficient belongs to the value that "
        "is wanted": polynomial,
        "this is the whole polynomial with its signs changed; its first coefficient "
        "belongs to the value that is wanted": -polynomial,
        "the value that is wanted is among the values, and the oldest is missing": (
            -polynomial[:-1]
        ),
        "the value that is wanted is among the values, and the oldest is missing. They "
        "are in reverse order": -polynomial[-2::-1],
        "these are the rules of the single waves one after another: they must be "
        "multiplied as polynomials": np.concatenate(singles),
        "the rules of the single waves are added: they must be multiplied as "
        "polynomials": np.sum(singles, axis=0),
        "the rules of the single waves are averaged: they must be multiplied as "
        "polynomials": np.mean(singles, axis=0),
        "this is the rule of the last wave alone: all are multiplied": singles[-1],
        "this is the rule of the first wave alone: all are multiplied": singles[0],
        "the last wave is left out": _rule(w[:-1]),
        "the first wave is left out": _rule(w[1:]),
        "the steps are in radians already": _rule(np.radians(w)),
        "the factor 2 is missing": -_polynomial(w, 1.0)[:0:-1],
        "cos(step) has the wrong sign": -_polynomial(w, -2.0)[:0:-1],
        "2 sin(step), expected 2 cos(step)": _rule(np.pi / 2 - w),
        "the step itself is taken, expected its cosine": of_products(
            lambda step: [1, -2 * step, 1]
        ),
        "the last term of each factor has the wrong sign: it is + z^2": of_products(
            lambda step: [1, -2 * np.cos(step), -1]
        ),
        "the first term of each factor has the wrong sign: it is 1": of_products(
            lambda step: [-1, -2 * np.cos(step), 1]
        ),
        "z^2 is missing in each factor": of_products(
            lambda step: [1, -2 * np.cos(step)]
        ),
        "1 is missing in each factor": of_products(lambda step: [-2 * np.cos(step), 1]),
        "cos(step) is missing in each factor": of_products(lambda step: [1, -2, 1]),
        "2 is divided by cos(step), expected multiplied": of_products(
            lambda step: [1, -2 / np.cos(step), 1]
        ),
        "cos(step) is added to -2, expected multiplied": of_products(
            lambda step: [1, -2 + np.cos(step), 1]
        ),
        "cos(step) stands at the wrong power of z": of_products(
            lambda step: [-2 * np.cos(step), 1, 1]
        ),
    }


def _rule_clues(student: Callable) -> Iterator[str]:
    """Whether the rule continues a constant, and waves, as it should."""
    for steps in ([1.0], [0.5, 1.2]):
        rule = ask(student, steps)
        if rule is None or rule.shape != (2 * len(steps),):
            return
        for step in steps:
            wave = np.sin(0.3 + step * np.arange(2 * len(steps) + 1))
            if np.isclose(rule @ wave[:-1], wave[-1]):
                continue
            why = "its coefficients are wrong between the ends"
            if not np.isclose(rule[0], -1):
                why = f"the oldest value has the weight {number(rule[0])}, expected -1"
            shown = np.array2string(rule, precision=3)
            yield (
                f"exact_rule({steps}) gives {shown}, which does not continue a wave of "
                f"step {step}: {why}."
            )


# Exercise 7.4 --------------------------------------------------------------------


def _network(rng: np.random.Generator, T: int, n: int, n_hid: int) -> tuple:
    shapes = ((1, n_hid), (n_hid, n_hid), n_hid, (n_hid, 1), 1, n_hid)
    start = rng.uniform(-1, 1, T)
    return (start, n, *(rng.normal(0, 0.8, shape) for shape in shapes))


def _draw_network(rng: np.random.Generator) -> tuple:
    T, n, n_hid = rng.integers(1, 8, 3)
    return _network(rng, int(T), int(n), int(n_hid))


NETWORKS = [
    _network(np.random.default_rng(seed), *sizes)
    for seed, sizes in enumerate(((6, 8, 3), (4, 3, 5), (1, 5, 4), (6, 6, 6)))
]


@exercise(
    "The state is all that the loop carries on: the start is read once.",
    Domain(
        "roll_on(start, n, W_ih, W_hh, b_h, W_ho, b_o, h0)",
        "`T` and `n` are at least 1.",
        _draw_network,
        NETWORKS,
    ),
)
def roll_on(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `roll_on(start, n, W_ih, W_hh, b_h, W_ho, b_o, h0)`: a closed loop."""
    probes = [
        p._replace(name=f"roll_on(...) with {p.arguments[1]} values after a start of ")
        for p in probes
    ]
    probes = [p._replace(name=f"{p.name}{len(p.arguments[0])}") for p in probes]
    verdict = judge(student, probes, _rolled, mistakes=_roll_mistakes)
    yield with_clue(verdict, _roll_clues(student))


def _right_state(x, W_ih, h, W_hh, b_h):
    return np.tanh(x * W_ih[0] + h @ W_hh + b_h)


def _rolled(start, n, W_ih, W_hh, b_h, W_ho, b_o, h0, **other: Callable) -> np.ndarray:
    """The next n values; `other` may hold other formulas.

    hear(x, W_ih, h, W_hh, b_h) is the next state, after the values of the start
    `first`, say(h, W_ho, b_o) the forecast, and again(start, o, i) the input after
    forecast o, number i.
    """
    hear = other.get("hear", _right_state)
    first = other.get("first", hear)
    say = other.get("say", lambda h, W_ho, b_o: (h @ W_ho + b_o)[0])
    again = other.get("again", lambda start, o, i: o)
    h = h0
    for x in start:
        h = first(x, W_ih, h, W_hh, b_h)
    values = []
    for i in range(n):
        values.append(say(h, W_ho, b_o))
        h = hear(again(start, values[-1], i), W_ih, h, W_hh, b_h)
    return np.array(values)


# How the state may be wrong, in both loops or in one.
STATES: dict[str, Callable] = {
    "b_h is missing": lambda x, W_ih, h, W_hh, b_h: np.tanh(x * W_ih[0] + h @ W_hh),
    "b_h is subtracted, expected added": lambda x, W_ih, h, W_hh, b_h: np.tanh(
        x * W_ih[0] + h @ W_hh - b_h
    ),
    "b_h is multiplied, expected added": lambda x, W_ih, h, W_hh, b_h: np.tanh(
        (x * W_ih[0] + h @ W_hh) * b_h
    ),
    "only b_h is left of the state": lambda x, W_ih, h, W_hh, b_h: np.tanh(b_h),
    "the input is missing": lambda x, W_ih, h, W_hh, b_h: np.tanh(h @ W_hh + b_h),
    "the input is not multiplied by W_ih": lambda x, W_ih, h, W_hh, b_h: np.tanh(
        x + h @ W_hh + b_h
    ),
    "W_ih stands alone, expected times the input": (
        lambda x, W_ih, h, W_hh, b_h: np.tanh(W_ih[0] + h @ W_hh + b_h)
    ),
    "W_ih is added to the input, expected multiplied": (
        lambda x, W_ih, h, W_hh, b_h: np.tanh(x + W_ih[0] + h @ W_hh + b_h)
    ),
    "the input is divided by W_ih, expected multiplied": (
        lambda x, W_ih, h, W_hh, b_h: np.tanh(x / W_ih[0] + h @ W_hh + b_h)
    ),
    "the input has the wrong sign": lambda x, W_ih, h, W_hh, b_h: np.tanh(
        -x * W_ih[0] + h @ W_hh + b_h
    ),
    "the last state is missing": lambda x, W_ih, h, W_hh, b_h: np.tanh(
        x * W_ih[0] + b_h
    ),
    "the last state has the wrong sign": lambda x, W_ih, h, W_hh, b_h: np.tanh(
        x * W_ih[0] - h @ W_hh + b_h
    ),
    "the last state is not multiplied by W_hh": lambda x, W_ih, h, W_hh, b_h: np.tanh(
        x * W_ih[0] + h + b_h
    ),
    "input and state are multiplied, expected added": (
        lambda x, W_ih, h, W_hh, b_h: np.tanh(x * W_ih[0] * (h @ W_hh) + b_h)
    ),
    "W_hh is transposed": lambda x, W_ih, h, W_hh, b_h: np.tanh(
        x * W_ih[0] + W_hh @ h + b_h
    ),
    "the products are elementwise: h @ W_hh is a product of matrices": (
        lambda x, W_ih, h, W_hh, b_h: np.tanh(x * W_ih[0] + (h * W_hh).sum(1) + b_h)
    ),
    "the tanh is missing": lambda x, W_ih, h, W_hh, b_h: x * W_ih[0] + h @ W_hh + b_h,
    "a sine stands in the place of the tanh": lambda x, W_ih, h, W_hh, b_h: np.sin(
        x * W_ih[0] + h @ W_hh + b_h
    ),
    "a sigmoid stands in the place of the tanh": lambda x, W_ih, h, W_hh, b_h: (
        1 / (1 + np.exp(-(x * W_ih[0] + h @ W_hh + b_h)))
    ),
    "the state stays as it was": lambda x, W_ih, h, W_hh, b_h: h,
}
SAYINGS: dict[str, Callable] = {
    "b_o is missing": lambda h, W_ho, b_o: (h @ W_ho)[0],
    "b_o is subtracted, expected added": lambda h, W_ho, b_o: (h @ W_ho - b_o)[0],
    "b_o is multiplied, expected added": lambda h, W_ho, b_o: (h @ W_ho * b_o)[0],
    "only b_o is said": lambda h, W_ho, b_o: b_o[0],
    "the output has a tanh around it, expected none": (
        lambda h, W_ho, b_o: np.tanh(h @ W_ho + b_o)[0]
    ),
    "the output has the wrong sign": lambda h, W_ho, b_o: -(h @ W_ho + b_o)[0],
    "the first unit alone is heard by the output": lambda h, W_ho, b_o: (
        h[0] * W_ho[0] + b_o
    )[0],
    "the state itself is said, expected the output": lambda h, W_ho, b_o: h[0],
}
INPUTS: dict[str, Callable] = {
    "the inputs after the start are 0, expected the forecasts": lambda s, o, i: 0,
    "the inputs after the start are 1, expected the forecasts": lambda s, o, i: 1,
    "the last known value is heard again and again, expected the forecasts": (
        lambda s, o, i: s[-1]
    ),
    "the first known value is heard again and again, expected the forecasts": (
        lambda s, o, i: s[0]
    ),
    "the start is heard again, expected the forecasts": lambda s, o, i: s[i % len(s)],
    "the number of the step is heard, expected the forecasts": lambda s, o, i: i,
    "the forecasts are heard with the wrong sign": lambda s, o, i: -o,
}


def _roll_mistakes(start, n, *params) -> dict[str, np.ndarray]:
    """The roll-out with one mistake each."""
    h0 = params[-1]
    right_one, first = _rolled(start, n, *params), _rolled(start, 1, *params)[0]
    windowed, fresh = list(start), list(start)
    for _ in range(n):
        windowed.append(_rolled(np.array(windowed[-len(start) :]), 1, *params)[0])
        fresh.append(_rolled(np.array(fresh[-1:]), 1, *params)[0])
    mistakes = {
        "the window is read anew from h0 for each value, expected to go on from the "
        "state": np.array(windowed[len(start) :]),
        "the state is forgotten after each value, expected to go on from it": (
            np.array(fresh[len(start) :])
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
        "the first known value is not heard": _rolled(start[1:], n, *params),
        "only the last value of the start is heard, expected all": (
            _rolled(start[-1:], n, *params)
        ),
        "only the first value of the start is heard, expected all": (
            _rolled(start[:1], n, *params)
        ),
        "the start is not heard at all": _rolled(start[:0], n, *params),
        "the start is read backwards": _rolled(start[::-1], n, *params),
        "the state begins at zero, expected at h0": (
            _rolled(start, n, *params[:-1], 0 * h0)
        ),
        "the first forecast is missing": _rolled(start, n + 1, *params)[1:],
        "one value too many": _rolled(start, n + 1, *params),
        "one value too few": right_one[:-1],
        "only the last value is returned, expected all": right_one[-1],
        "only the first value is returned, expected all": first,
        "the values are in reverse order": right_one[::-1],
        "the first forecast is repeated: the state does not go on": (np.full(n, first)),
    }
    for sentence, again in INPUTS.items():
        mistakes[sentence] = _rolled(start, n, *params, again=again)
    for sentence, state in STATES.items():
        mistakes[sentence] = _rolled(start, n, *params, hear=state)
        mistakes[f"{sentence}, in the loop over the start"] = _rolled(
            start, n, *params, first=state, hear=_right_state
        )
        mistakes[f"{sentence}, in the loop over the forecasts"] = _rolled(
            start, n, *params, first=_right_state, hear=state
        )
    for sentence, say in SAYINGS.items():
        mistakes[sentence] = _rolled(start, n, *params, say=say)
    return mistakes


def _roll_clues(student: Callable) -> Iterator[str]:
    """Which part of the loops is wrong: the start, the output, or what is heard."""
    start, _, W_ih, W_hh, b_h, W_ho, b_o, h0 = NETWORKS[0]
    silent = (0 * W_ih, 0 * W_hh, 0 * b_h, W_ho, b_o, h0)
    values = ask(student, start, 3, *silent)
    if values is not None and values.shape == (3,) and not np.allclose(values, b_o):
        yield "Where W_ih, W_hh and b_h are 0 all values should be b_o, and are not."
    one = ask(student, start[:1], 1, *NETWORKS[0][2:])
    if one is not None and not np.allclose(
        one, _rolled(start[:1], 1, *NETWORKS[0][2:])
    ):
        yield "It is wrong already for a start of one value and n = 1: the step itself."
    whole = ask(student, start, 1, *NETWORKS[0][2:])
    if whole is not None and not np.allclose(whole, _rolled(*NETWORKS[0])[:1]):
        yield "The first forecast is wrong: how is the start read?"
    if one is not None and whole is not None:
        yield "The first forecast is right, and the next ones are not: what is heard?"


# Exercise 7.5 --------------------------------------------------------------------


def waves(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, Any]:
    """n windows x (8, n, 1), the next values (n,), and the steps of the waves (n,)."""
    steps, phases = rng.uniform(*STEPS, n), rng.uniform(0, 2 * np.pi, n)
    values = np.sin(phases + np.arange(WINDOW + 1)[:, None] * steps)
    values *= rng.uniform(*AMPLITUDES, n)
    return values[:-1, :, None], values[-1], steps


@exercise(
    "The network finds the step of a wave from the wave, which no rule with fixed "
    "weights can, on all its values either."
)
def forecast(student: Callable) -> Iterator[Verdict]:
    """Judge `forecast(x)`: one trained network for waves of many steps."""
    x, y, steps = waves(500, np.random.default_rng(7))
    name = f"forecast(x) with x of shape {x.shape}"
    o = _forecasts(name, call(name, student, x), len(y))
    if isinstance(o, Verdict):
        yield o
        return
    few = 7
    alone = f"forecast(x[:, :{few}]) with x of shape {x.shape}"
    o_few = _forecasts(alone, call(alone, student, x[:, :few]), few)
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
    if np.abs(x.T @ np.linalg.lstsq(x.T, o)[0] - o).max() < 1e-6:
        return wrong(
            name,
            f"the RMSE is {number(rmse)}, and the forecasts are a linear rule of the "
            f"{WINDOW} values. The step stands in none of them: a network is needed",
        )
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


# Exercise 7.6 --------------------------------------------------------------------


def _draw_table(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    return _table(rng, int(rng.integers(2, 7)), *map(int, rng.integers(1, 9, 2)))


def _table(rng: np.random.Generator, T: int, n: int, m: int) -> tuple[np.ndarray, ...]:
    """Random known windows, and new ones that are not far from multiples of them."""
    x, y = rng.standard_normal((T, n)), rng.standard_normal(n)
    x_new = x[:, rng.integers(n, size=m)] * rng.uniform(-3, 3, m)
    return x, y, x_new + 0.3 * rng.standard_normal((T, m))


# Two known windows: the nearest is the second, the nearest multiple that of the first,
# by a factor of -2; and the same with a factor of 3.
TABLES = [
    (
        np.array([[1.0, -1.0], [2.0, -2.0], [0.0, 2.0]]),
        np.array([5.0, 7.0]),
        np.array([[-2.0], [-4.0], [0.5]]),
    ),
    (
        np.array([[1.0, 2.0], [0.0, 2.0]]),
        np.array([5.0, 7.0]),
        np.array([[3.0, -1.0], [0.5, -0.9]]),
    ),
    *(
        _table(np.random.default_rng(s), *n)
        for s, n in enumerate(((4, 6, 5), (3, 3, 3)))
    ),
]


@exercise(
    "A table that may multiply knows waves of every amplitude, and learns nothing.",
    Domain(
        "scaled_look_up(x, y, x_new)",
        "`T` is at least 2, `n` and `m` are at least 1, and no known window is zero "
        "throughout.",
        _draw_table,
        TABLES,
        drawn=12,
    ),
)
def scaled_look_up(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `scaled_look_up(x, y, x_new)`: the target of the nearest multiple."""
    probes = [
        p._replace(
            name="scaled_look_up(x, y, x_new) with x of shape "
            f"{p.arguments[0].shape} and x_new of shape {p.arguments[2].shape}"
        )
        for p in probes
    ]
    yield judge(student, probes, _multiplied, mistakes=_table_mistakes)


def _multiplied(x: np.ndarray, y: np.ndarray, x_new: np.ndarray) -> np.ndarray:
    factors = x_new.T @ x / (x**2).sum(axis=0)
    return _answers(y, factors, factors, _distances(x, x_new, factors))


def _distances(x: np.ndarray, x_new: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Squared distances (m, n) of new windows from multiples of the known ones."""
    return ((x_new[:, :, None] - factors * x[:, None, :]) ** 2).sum(axis=0)


def _answers(y, factors, told, distances) -> np.ndarray:
    """Of the known window at the smallest distance: its target times what is told."""
    nearest = distances.argmin(axis=1)
    return told[np.arange(len(factors)), nearest] * y[nearest]


def _table_mistakes(x, y, x_new) -> dict[str, np.ndarray]:
    """The answers with one mistake each."""
    product, length = x_new.T @ x, (x**2).sum(axis=0)
    new_length = (x_new**2).sum(axis=0)[:, None]
    right, one = product / length, np.ones_like(product)
    sign = np.where(product < 0, -1.0, 1.0)

    def told(factors, answered=None, distances=None) -> np.ndarray:
        found = _distances(x, x_new, factors) if distances is None else distances
        return _answers(y, factors, factors if answered is None else answered, found)

    plain = _distances(x, x_new, one)
    return {
        "this is the plain table: no known window is multiplied": told(one),
        "this is the table that changes signs: the factor may be any number": told(
            sign
        ),
        "the target is not multiplied by the factor": told(right, one),
        "the target is divided by the factor, expected multiplied": told(
            right, 1 / np.where(right == 0, np.nan, right)
        ),
        "the factor is right, but the window is chosen before it is multiplied": told(
            right, right, plain
        ),
        "the known window is chosen by the plain distance or by that with a changed "
        "sign": told(right, right, _distances(x, x_new, sign)),
        "the largest distance is taken, expected the smallest": told(
            right, right, -_distances(x, x_new, right)
        ),
        "the factor has the wrong sign": told(-right),
        "the factor is never negative here": told(np.abs(right)),
        "negative factors are cut off at 0": told(np.maximum(right, 0)),
        "the factor is that of the lengths, and knows no sign": told(
            np.sqrt(new_length / length)
        ),
        "the product is not divided by the square of the known window": told(product),
        "the product is divided by the length of the known window, expected by its "
        "square": told(product / np.sqrt(length)),
        "the product is divided by the square of the new window, expected by that of "
        "the known one": told(product / np.where(new_length == 0, np.nan, new_length)),
        "the window with the largest product is taken, expected the smallest "
        "distance": told(right, right, -product),
        "the window with the largest cosine is taken, but a negative factor may be "
        "nearer": told(right, right, -product / np.sqrt(length)),
        "the distances are not squared before they are added": told(
            right,
            right,
            np.abs(x_new[:, :, None] - right * x[:, None, :]).sum(axis=0),
        ),
        "these are the factors, expected the targets times the factors": _answers(
            np.ones_like(y), right, right, _distances(x, x_new, right)
        ),
        "the targets of all known windows are averaged, expected the nearest alone": (
            (right * y).mean(axis=1)
        ),
    }
