"""A student's value as a NumPy array."""

from typing import Any

import numpy as np
from pytensor.graph.basic import Variable

from helpers.check.core.graphs import evaluate
from helpers.check.core.verdicts import Verdict, wrong
from helpers.check.core.words import describe

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
