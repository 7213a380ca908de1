"""What a check finds out about an answer that no mistake it knows explains."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from helpers.check.core import Verdict, call
from helpers.check.core.graphs import evaluate
from helpers.check.core.values import to_array
from helpers.check.core.verdicts import VALUES


def with_clue(verdict: Verdict, clues: Iterable[str]) -> Verdict:
    """The verdict, and the first of the clues where it knows no more than the place.

    A clue is a whole sentence, or "" where there is none. `clues` may be a generator,
    which asks the student's function more; it is left alone if the verdict is enough.
    """
    if verdict.ok or verdict.rule not in (VALUES, "place"):
        return verdict
    for clue in clues:
        if clue:
            said = f"{verdict.message.rstrip('.')}. {clue}"
            return Verdict(False, True, said, "property")
    return verdict


def ask(function: Callable, *arguments: Any) -> np.ndarray | None:
    """What the function gives, in float64; None for what is not finite numbers."""
    result = call("", function, *arguments)
    if not isinstance(result, Verdict):
        result = evaluate("", result) if hasattr(result, "owner") else result
        result = to_array("", result)
    if isinstance(result, Verdict) or result.dtype.kind not in "biuf":
        return None
    return result.astype(float) if np.isfinite(result).all() else None


def changed(before: np.ndarray | None, after: np.ndarray | None) -> bool:
    """Whether both are there, and not the same."""
    if before is None or after is None or before.shape != after.shape:
        return False
    return not np.allclose(before, after, rtol=1e-4, atol=1e-8)


def of_probabilities(p: np.ndarray) -> Iterator[str]:
    """What keeps numbers from being probabilities: a sum that is not 1, a sign."""
    if p.ndim and abs(p.sum() - 1) > 1e-6:
        yield f"The sum is {p.sum():.3g}, and probabilities sum to 1."
    if p.size and p.min() < 0:
        yield f"The smallest is {p.min():.3g}, and no probability is below 0."
