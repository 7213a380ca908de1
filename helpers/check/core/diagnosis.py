"""Comparing a value with the right one, and saying how they differ."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from helpers.check.core.values import to_array
from helpers.check.core.verdicts import VALUES, Verdict, not_started, right, wrong
from helpers.check.core.words import describe, number, shape

# Sums of float32 numbers agree to about five digits, whoever computes them.
FLOAT32_TOLERANCE = 1e-5


class Said(NamedTuple):
    """How two values differ, and the name of the rule that saw it."""

    text: str
    rule: str


def compare(
    name: str,
    got: Any,
    expected: Any,
    *,
    mistakes: Mapping[str, Any] | None = None,
    rtol: float = 1e-6,
) -> Verdict:
    """The verdict on `got`, a student's value called `name`, beside `expected`.

    Two arrays are the same when they have one shape and no entry differs by more than
    `rtol` times the largest entry expected; whole numbers must be equal. If they are
    not, `mistakes` is asked first: it maps a sentence, without full stop, to the value
    that this mistake gives. A mistake that changes nothing here or that overflows is
    passed over. Then comes what can be seen without knowing the exercise: shape, sign,
    factor, order.

    `got` may be anything; a Verdict is handed on. Raises ValueError where `expected`
    is not an array of finite numbers.
    """
    if isinstance(got, Verdict):
        return got
    if got is Ellipsis or got is NotImplemented:
        return not_started(name)
    if got is None:
        return wrong(name, "None, expected numbers", "type")
    target = _real(to_array("expected", expected))
    if target is None or not np.isfinite(target).all():
        raise ValueError(f"expected must hold finite numbers; got {describe(expected)}")
    array = to_array(name, got)
    if isinstance(array, Verdict):
        return array
    value = _real(array)
    if value is None:
        said = f"the dtype is {array.dtype}, expected real numbers"
        return wrong(name, said, "type")
    if array.dtype == np.float32:
        rtol = max(rtol, FLOAT32_TOLERANCE)
    if np.asarray(expected).dtype.kind in "iu":
        rtol = 0.0
    if target.ndim == 0 and value.size == 1:
        value = value.reshape(())  # an array of one number is a number as well
    # Overflow in what follows is the student's number, not a fault worth a warning.
    with np.errstate(all="ignore"):
        if _same(value, target, rtol):
            return right(name)
        near = {
            sentence: np.asarray(result, float)
            for sentence, result in (mistakes or {}).items()
        }
        # Beside an infinite number every difference is small.
        near = {s: r for s, r in near.items() if np.isfinite(r).all()}
        near = {s: r for s, r in near.items() if not _same(r, target, rtol)}
        return wrong(name, *_what_differs(value, target, near, rtol, array.dtype))


def compare_parts(
    got: Mapping[str, Any] | Verdict,
    expected: Mapping[str, Any],
    *,
    mistakes: Mapping[str, Mapping[str, Any]] | None = None,
    order: Sequence[str] | None = None,
    label: str = "{}",
    rtol: float = 1e-6,
) -> Verdict:
    """The verdict on several values by name: which are right, and what the first lacks.

    A mistake maps its sentence to the values that it gives, by name; names that it does
    not concern may be absent. `order` is the order in which to look, by default that
    of `expected`; `label` turns a name into what the answer calls it.
    """
    if isinstance(got, Verdict):
        return got
    verdicts = {
        name: compare(
            label.format(name),
            got[name],
            expected[name],
            mistakes={s: r[name] for s, r in (mistakes or {}).items() if name in r},
            rtol=rtol,
        )
        for name in order or expected
    }
    failed = [verdict for verdict in verdicts.values() if not verdict.ok]
    fine = [name for name, verdict in verdicts.items() if verdict.ok]
    if not failed:
        return right(", ".join(fine))
    for verdict in failed:
        if not verdict.started:
            return verdict
    if not fine:
        return failed[0]
    said = f"{', '.join(fine)}: right. {failed[0].message}"
    return Verdict(False, True, said, failed[0].rule)


def _real(array: np.ndarray | Verdict) -> np.ndarray | None:
    """The array in float64; None for complex numbers and for no array at all."""
    if isinstance(array, Verdict) or array.dtype.kind == "c":
        return None
    with np.errstate(all="ignore"):
        return array.astype(np.float64)


def _same(a: np.ndarray, b: np.ndarray, rtol: float) -> bool:
    """Whether `a` equals `b` in shape and, measured on the largest of b, in entries."""
    if a.shape != b.shape:
        return False
    scale = np.abs(b).max(initial=0.0)
    return bool(np.all(np.abs(a - b) <= rtol * scale))


def _factor(got: np.ndarray, expected: np.ndarray, rtol: float) -> float | None:
    """The c with got = c * expected, if there is one; two numbers tell nothing."""
    if got.shape != expected.shape or got.size < 2 or not expected.any():
        return None
    c = float(np.vdot(got, expected) / np.vdot(expected, expected))
    return c if np.isfinite(c) and c and _same(got, c * expected, rtol) else None


def _what_differs(
    got: np.ndarray,
    expected: np.ndarray,
    mistakes: Mapping[str, np.ndarray],
    rtol: float,
    dtype: np.dtype,
) -> Said:
    """The sentence on two arrays that are not the same."""
    numbers = ""
    if got.size == expected.size == 1 and got.shape == expected.shape:
        numbers = _side_by_side(got.item(), expected.item())
    for sentence, result in mistakes.items():
        if _same(got, result, rtol):
            return Said(numbers + sentence, "mistake")
    if got.shape != expected.shape:
        return Said(_shape(got, expected, rtol), "shape")
    bad = ~np.isfinite(got)
    if bad.any():
        kind = "nan" if np.isnan(got).any() else "infinite"
        count = f"{np.count_nonzero(bad)} of {got.size} entries are {kind}"
        return Said(f"it is {kind}" if got.ndim == 0 else count, "not finite")
    if numbers:
        said = _two_numbers(got.item(), expected.item(), dtype)
        return Said(numbers + said.text, said.rule)
    if not got.any():
        return Said("zero everywhere", "zero")
    c = _factor(got, expected, rtol)
    if c is not None:
        return Said(_times(c), "factor")
    for sentence, result in mistakes.items():
        c = _factor(got, result, rtol)
        if c is not None:
            return Said(f"{sentence}. And the whole is {_times(c)}", "mistake")
    return _entries(got, expected, rtol, dtype)


def _side_by_side(got: float, expected: float) -> str:
    """Two numbers that differ, with as many digits as it takes to see it."""
    shown = number(got), number(expected)
    for digits in range(4, 18):
        if shown[0] != shown[1]:
            break
        shown = f"{got:.{digits}g}", f"{expected:.{digits}g}"
    return f"{shown[0]}, expected {shown[1]}: "


def _two_numbers(got: float, expected: float, dtype: np.dtype) -> Said:
    """How one number differs from another."""
    for c in (-1.0, 0.5, 2.0):
        if expected and np.isclose(got, c * expected, rtol=1e-6, atol=0):
            return Said(_times(c), "factor")
    difference = abs(got - expected)
    size = "large" if got > expected else "small"
    if expected.is_integer():
        return Said(f"{number(difference)} too {size}", VALUES)
    if 0 < difference < 1 and got in (np.floor(expected), np.round(expected)):
        return Said("is the fraction cut off?", "rounding")
    for digits in range(1, 5):
        if round(got, digits) == got == round(expected, digits):
            return Said(f"rounded to {digits} digits after the point", "rounding")
    if difference <= 1e-4 * abs(expected):
        return Said(_few_digits(difference / abs(expected), dtype), "rounding")
    return Said(f"{number(difference)} too {size}", VALUES)


def _few_digits(error: float, dtype: np.dtype) -> str:
    """What to say of a relative error that is small and still too large."""
    if dtype.kind == "f" and error <= 4 * np.finfo(dtype).eps:
        return f"right only to the few digits that {dtype} holds"
    return f"right only to {int(-np.log10(error))} digits: is it rounded on the way?"


def _times(c: float) -> str:
    """A factor in words."""
    size = {1.0: "", 0.5: "half of", 2.0: "twice"}.get(round(abs(c), 6))
    if size is None:
        size = f"{number(abs(c))} times"
    words = ["of the opposite sign"] if c < 0 else []
    return " and ".join([*words, f"{size} what it should be"] if size else words)


def _unit(ndim: int, axis: int) -> tuple[str, str]:
    """What an axis counts, one and many of it."""
    if ndim == 1:
        return "entry", "entries"
    if ndim == 2:
        return (("row", "rows"), ("column", "columns"))[axis]
    return f"slice along axis {axis}", f"slices along axis {axis}"


def _shape(got: np.ndarray, expected: np.ndarray, rtol: float) -> str:
    """How two shapes differ, and whether the numbers are right all the same."""
    text = f"{'has ' if got.ndim else ''}{shape(got)}, expected {shape(expected)}: "
    if got.ndim == 2 and got.shape == expected.shape[::-1]:
        if _same(got.T, expected, rtol):
            return text + "right, but transposed"
        return text + "are rows and columns exchanged?"
    if got.size == expected.size:
        if _same(got.reshape(expected.shape), expected, rtol):
            return text + "the numbers are right, the shape is not"
        return text + "nor are the numbers right"
    for axis in range(got.ndim if got.ndim == expected.ndim + 1 else 0):
        for how in (np.sum, np.mean):
            if got.size and _same(how(got, axis=axis), expected, rtol):
                return f"{text}the {how.__name__} over axis {axis} is missing"
    if got.ndim != expected.ndim:
        many = got.ndim > expected.ndim
        return f"{text}too {'many' if many else 'few'} axes"
    differ = [i for i in range(got.ndim) if got.shape[i] != expected.shape[i]]
    if len(differ) > 1:
        return text + "more than one axis differs"
    return text + _length(got, expected, differ[0], rtol)


def _length(got: np.ndarray, expected: np.ndarray, axis: int, rtol: float) -> str:
    """What is missing or too many along the only axis whose length differs."""
    short, long = (got, expected) if got.size < expected.size else (expected, got)
    n, extra = short.shape[axis], long.shape[axis] - short.shape[axis]
    where = ""
    if n and _same(np.take(long, range(n), axis), short, rtol):
        where = " at the end"
    elif n and _same(np.take(long, range(extra, n + extra), axis), short, rtol):
        where = " at the start"
    one, many = _unit(got.ndim, axis)
    what = f"one {one}" if extra == 1 else f"{extra} {many}"
    return f"{what} {'missing' if short is got else 'too many'}{where}"


def _entries(
    got: np.ndarray, expected: np.ndarray, rtol: float, dtype: np.dtype
) -> Said:
    """How the entries of two arrays of one shape differ."""
    if got.ndim == 2 and _same(got.T, expected, rtol):
        return Said("right, but transposed", "order")
    for axis in range(got.ndim):
        one, many = _unit(got.ndim, axis)
        if _same(np.flip(got, axis), expected, rtol):
            return Said(f"right, but with the {many} in reverse order", "order")
        n = got.shape[axis]
        all_but_first, all_but_last = range(1, n), range(n - 1)
        for word, here, there in (
            ("late", all_but_first, all_but_last),
            ("early", all_but_last, all_but_first),
        ):
            moved = np.take(got, here, axis)
            if n > 2 and _same(moved, np.take(expected, there, axis), rtol):
                return Said(f"each {one} comes one place too {word}", "order")
    difference = got - expected
    scale = np.abs(expected).max()
    if np.ptp(difference) <= rtol * scale:
        size = "large" if difference.flat[0] > 0 else "small"
        by = number(abs(difference.flat[0]))
        return Said(f"{by} too {size} everywhere: is a term missing?", "term")
    if dtype.kind in "iu" and np.all(np.abs(difference) < 1):
        return Said(f"the dtype is {dtype}, so the fractions are cut off", "rounding")
    largest = np.abs(difference).max()
    for digits in range(1, 5):
        if np.array_equal(np.round(expected, digits), got):
            return Said(f"rounded to {digits} digits after the point", "rounding")
    eps = np.finfo(dtype).eps if dtype.kind == "f" else 0
    if largest <= max(1e-4, 4 * eps) * scale:
        return Said(_few_digits(largest / scale, dtype), "rounding")
    by = f"off by up to {number(largest)}, where the largest is {number(scale)}"
    bad = np.abs(difference) > rtol * scale
    place = _place(bad) if np.count_nonzero(bad) > 1 else ""
    if place:
        return Said(f"{place}, {by}", "place")
    if bad.all():
        return Said(f"all {bad.size} entries are wrong, {by}", VALUES)
    first = tuple(np.argwhere(bad)[0])
    said = (
        f"{np.count_nonzero(bad)} of {bad.size} entries wrong, {by}; the first is "
        f"{[int(i) for i in first]}: {number(got[first])}, "
        f"expected {number(expected[first])}"
    )
    return Said(said, VALUES)


def _place(bad: np.ndarray) -> str:
    """Where all that is wrong lies, if that is one end of one axis; else ""."""
    for axis in range(bad.ndim):
        others = tuple(i for i in range(bad.ndim) if i != axis)
        n, wrong_at = bad.shape[axis], np.flatnonzero(bad.any(axis=others))
        if n < 3 or len(wrong_at) == n:
            continue
        one, many = _unit(bad.ndim, axis)
        first, last = int(wrong_at[0]), int(wrong_at[-1])
        if first == last:
            end = {0: f" (the first {one})", n - 1: f" (the last {one})"}
            return f"wrong only in {one} {first}{end.get(first, '')}"
        if last - first + 1 == len(wrong_at) and (first == 0 or last == n - 1):
            if first == 0:
                return f"wrong up to {one} {last}, right after it"
            return f"right up to {one} {first - 1}, wrong after it"
        if len(set(np.diff(wrong_at))) == 1 and len(wrong_at) > 2:
            return f"wrong only in the {many} {', '.join(map(str, wrong_at))}"
    return ""
