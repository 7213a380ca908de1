"""Gradients by central differences: the judge of every gradient in the course."""

from collections.abc import Callable, Sequence

import numpy as np


def numerical_gradient(
    f: Callable[..., float], values: Sequence[np.ndarray], eps: float = 1e-5
) -> list[np.ndarray]:
    """Gradient of the scalar f(*values) with respect to each array in `values`.

    Central differences, (f(v + eps) - f(v - eps)) / (2 eps), one element at a time:
    two calls of f an element. Their error is of order eps^2 from the formula and
    1e-16 / eps from rounding; in float64 the sum is least near eps = 1e-5. The arrays
    come back unchanged. Raises ValueError for an array that is not float64.
    """
    gradient = []
    for number, value in enumerate(values):
        if value.dtype != np.float64:
            raise ValueError(
                f"values[{number}] must be float64, or rounding hides the difference; "
                f"got {value.dtype}"
            )
        slopes = np.empty_like(value)
        for i in np.ndindex(value.shape):
            kept = value[i]
            value[i] = kept + eps
            above = float(f(*values))
            value[i] = kept - eps
            below = float(f(*values))
            value[i] = kept
            slopes[i] = (above - below) / (2 * eps)
        gradient.append(slopes)
    return gradient


def relative_error(a: np.ndarray, b: np.ndarray) -> float:
    """Norm of a - b over the larger of the two norms; 0 where both are zero.

    Raises ValueError where the shapes differ: broadcasting would hide a mistake.
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        raise ValueError(f"a and b must have one shape; got {a.shape} and {b.shape}")
    scale = max(np.linalg.norm(a), np.linalg.norm(b))
    return float(np.linalg.norm(a - b) / scale) if scale > 0 else 0.0
