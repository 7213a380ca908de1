"""A student's value as a NumPy array."""

from collections.abc import Callable
from typing import Any

import numpy as np
from pytensor.graph.basic import Variable

from helpers.check.core.graphs import evaluate
from helpers.check.core.verdicts import Verdict, wrong
from helpers.check.core.words import describe

SAME = 1e-4  # what counts as unchanged: well above the rounding of float32
NUMERIC_KINDS = "biufc"  # bool, signed and unsigned integer, float, complex


def to_array(name: str, value: Any) -> np.ndarray | Verdict:
    """A NumPy array of numbers, or the Verdict on why `value` is not one.

    Takes numbers, nested lists, NumPy and JAX arrays, PyTensor shared variables and
    symbolic expressions without free inputs, and lists of these.
    """
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
        return wrong(name, f"{describe(value)} that does not make an array of numbers")
    if array.dtype.kind not in NUMERIC_KINDS:
        return wrong(name, f"{describe(value)}, expected numbers")
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
        return wrong(name, f"the dtype is {array.dtype}, expected real numbers")
    if array.shape != shape:
        said = f"{describe(array)}, expected shape {shape}{hint(array.shape)}"
        return wrong(name, said)
    if not np.isfinite(array).all():
        return wrong(name, f"some {what} are nan or infinite")
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
    return wrong(name, f"{subject}{kind}: {hint}")
