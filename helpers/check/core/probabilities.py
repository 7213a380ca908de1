"""A student's value as a probability distribution."""

from typing import Any

import numpy as np

from helpers.check.core.values import to_array
from helpers.check.core.verdicts import Verdict, wrong
from helpers.check.core.words import describe, number


def to_probabilities(name: str, value: Any, n: int) -> np.ndarray | Verdict:
    """n probabilities that sum to 1, in float64, or the Verdict on what is wrong.

    `value` may be anything; a Verdict is handed on.
    """
    p = value if isinstance(value, Verdict) else to_array(name, value)
    if isinstance(p, Verdict):
        return p
    if p.dtype.kind == "c":
        return wrong(name, f"the dtype is {p.dtype}, expected real numbers")
    if p.shape != (n,):
        hint = ""
        if p.ndim == 2 and p.shape[1] == n:
            hint = ": take row 0" if len(p) == 1 else ": one row, the last?"
        return wrong(name, f"{describe(p)}, expected shape ({n},){hint}")
    if not np.isfinite(p).all():
        return wrong(name, "some probabilities are nan or infinite")
    p = p.astype(float)
    if p.min() < 0:
        hint = "are these logits?"
        if p.max() <= 0 and abs(np.exp(p).sum() - 1) < 1e-4:
            hint = "are these the logarithms of the probabilities?"
        return wrong(name, f"the smallest is {number(p.min())}, negative: {hint}")
    if abs(p.sum() - 1) > 1e-4:
        hint = ": divide by the sum" if p.max() <= 1 else ""
        return wrong(name, f"the sum is {number(p.sum())}, expected 1{hint}")
    return p
