"""A student's value as a NumPy array."""

from collections.abc import Callable
from numbers import Number
from typing import Any

import numpy as np
from pytensor.graph.basic import Variable

from helpers.check.core.calls import listed
from helpers.check.core.graphs import evaluate
from helpers.check.core.verdicts import Verdict, wrong
from helpers.check.core.words import describe, first_line

SAME = 1e-4  # what counts as unchanged: well above the rounding of float32
NUMERIC_KINDS = "biufc"  # bool, signed and unsigned integer, float, complex


def to_array(name: str, value: Any) -> np.ndarray | Verdict:
    """A NumPy array of numbers, or the Verdict on why `value` is not one.

    Takes numbers of all kinds, nested lists, what iterators give, NumPy and JAX arrays,
    of objects too, PyTensor shared variables and symbolic expressions without free
    inputs, and lists of these.
    """
    try:
        value = listed(value)
    except Exception as error:
        return wrong(name, f"it cannot be read: {first_line(error)}", "error")
    if isinstance(value, (list, tuple)):
        value = [
            evaluate(name, item) if isinstance(item, Variable) else item
            for item in value
        ]
        failed = [item for item in value if isinstance(item, Verdict)]
        if failed:
            return failed[0]
    elif isinstance(value, Variable):
        value = evaluate(name, value)
    if isinstance(value, Verdict):
        return value
    try:
        array = np.asarray(value)
    except Exception:
        # NumPy refuses nested lists of unequal lengths, and any object may refuse.
        return wrong(
            name, f"{describe(value)} that does not make an array of numbers", "type"
        )
    if array.dtype == object:
        array = _of_objects(array)
    if array.dtype.kind not in NUMERIC_KINDS:
        return wrong(name, f"{describe(value)}, expected numbers", "type")
    return array


def _of_objects(array: np.ndarray) -> np.ndarray:
    """An array of fractions, big integers or one-element arrays in float64."""
    numbers = [
        isinstance(item, Number)
        or (isinstance(item, np.ndarray) and item.dtype.kind in "biuf")
        for item in array.flat
    ]
    if not (array.size and all(numbers)):
        return array
    try:
        # One array of equal arrays has more axes than an array of objects shows.
        return np.array(array.tolist(), dtype=float)
    except Exception:
        return array


def to_numbers(
    name: str,
    value: Any,
    what: str,
    shape: tuple[int, ...],
    hint: Callable[[tuple[int, ...]], str],
) -> np.ndarray | Verdict:
    """Finite numbers of this shape, in float64, or the Verdict on what is wrong.

    `what` says what they are, and `hint` of another shape what may have gone wrong.
    `value` may be anything; a Verdict is handed on.
    """
    array = value if isinstance(value, Verdict) else to_array(name, value)
    if isinstance(array, Verdict):
        return array
    if array.dtype.kind == "c":
        said = f"the dtype is {array.dtype}, expected real numbers"
        return wrong(name, said, "type")
    if array.shape != shape:
        said = f"{describe(array)}, expected shape {shape}{hint(array.shape)}"
        return wrong(name, said, "shape")
    if not np.isfinite(array).all():
        return wrong(name, f"some {what} are nan or infinite", "not finite")
    return array.astype(float)


def to_finite(
    name: str, value: Any, hint: str, subject: str = ""
) -> np.ndarray | Verdict:
    """A NumPy array of finite numbers, or the Verdict that it is not, with a hint.

    `subject` begins the sentence, by default "some numbers are" for more than one.
    `value` may be anything; a Verdict is handed on.
    """
    array = value if isinstance(value, Verdict) else to_array(name, value)
    if isinstance(array, Verdict) or np.isfinite(array).all():
        return array
    subject = subject or ("some numbers are " if array.ndim else "")
    kind = "nan" if np.isnan(array).any() else "infinite"
    return wrong(name, f"{subject}{kind}: {hint}", "not finite")


def to_truth(name: str, value: Any) -> bool | Verdict:
    """True or False, also as 0 or 1 or in an array of one element, or the Verdict.

    `value` may be anything; a Verdict is handed on.
    """
    array = value if isinstance(value, Verdict) else to_array(name, value)
    if isinstance(array, Verdict):
        return array
    if array.size != 1 or array.item() not in (0, 1):
        said = describe(array) if array.size != 1 else str(array.item())
        return wrong(name, f"{said}, expected True or False", "type")
    return bool(array.item())
