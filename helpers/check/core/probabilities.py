"""A student's value as a probability distribution."""

from typing import Any

import numpy as np

from helpers.check.core.values import to_numbers
from helpers.check.core.verdicts import Verdict, wrong
from helpers.check.core.words import number


def to_probabilities(name: str, value: Any, n: int) -> np.ndarray | Verdict:
    """n probabilities that sum to 1, in float64, or the Verdict on what is wrong.

    `value` may be anything; a Verdict is handed on.
    """

    def hint(shape: tuple[int, ...]) -> str:
        if len(shape) != 2 or shape[1] != n:
            return ""
        return ": take row 0" if shape[0] == 1 else ": one row, the last?"

    p = to_numbers(name, value, "probabilities", (n,), hint)
    if isinstance(p, Verdict):
        return p
    if p.min() < 0:
        hint = "are these logits?"
        if p.max() <= 0 and abs(np.exp(p).sum() - 1) < 1e-4:
            hint = "are these the logarithms of the probabilities?"
        return wrong(name, f"the smallest is {number(p.min())}, negative: {hint}")
    if abs(p.sum() - 1) > 1e-4:
        hint = ": divide by the sum" if p.max() <= 1 else ""
        return wrong(name, f"the sum is {number(p.sum())}, expected 1{hint}")
    return p
