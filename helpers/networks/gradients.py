"""Gradients by central differences: the judge of every gradient in the course."""

from collections.abc import Callable, Sequence

import numpy as np

from helpers import arguments


def numerical_gradient(
    f: Callable[..., float], values: Sequence[np.ndarray], eps: float = 1e-5
) -> list[np.ndarray]:
    """Gradient of the scalar f(*values) with respect to each array in `values`.

    Central differences, (f(v + eps) - f(v - eps)) / (2 eps), one element at a time:
    two calls of f an element. Their error is of order eps^2 from the formula and
    1e-16 / eps from rounding; in float64 the sum is least near eps = 1e-5. The arrays
    come back unchanged, also where f raises. Raises ValueError for what is not a
    float64 array that can be written to and shares no memory, for an f that returns no
    number, and for an eps that is not positive or is lost in rounding.
    """
    values, gradient = list(values), []
    eps = _checked(f, values, eps)
    for value in values:
        slopes = np.empty_like(value)
        for i in np.ndindex(value.shape):
            kept = value[i]
            try:
                value[i] = kept + eps
                above = _scalar(f(*values))
                value[i] = kept - eps
                below = _scalar(f(*values))
            finally:
                value[i] = kept
            slopes[i] = (above - below) / (2 * eps)
        gradient.append(slopes)
    return gradient


def _scalar(result) -> float:
    return arguments.number("f(*values)", result, "one number", lambda value: True)


def _checked(f: Callable, values: list, eps: float) -> float:
    arguments.function("f", f)
    eps = arguments.positive("eps", eps)
    for number, value in enumerate(values):
        name = f"values[{number}]"
        if type(value) is not np.ndarray or not value.flags.writeable:
            raise arguments.wrong(name, "an array that can be written to", value)
        if value.dtype != np.float64:
            raise ValueError(
                f"{name} must be float64, or rounding hides the difference; "
                f"got {value.dtype}"
            )
        if np.any((value + eps == value) | (value - eps == value)):
            raise ValueError(
                f"eps must be larger, or rounding loses it in {name}, where values "
                f"reach {np.abs(value).max():g}; got {eps}"
            )
        for other in values[:number]:
            if np.shares_memory(value, other):
                raise ValueError(
                    f"{name} must have memory of its own, or another array changes "
                    f"with it; got a view"
                )
    return eps


def relative_error(a: np.ndarray, b: np.ndarray) -> float:
    """Norm of a - b over the larger of the two norms; 0 where both are zero.

    NaN where an element is NaN or infinite: no error is below a bound then. The norms
    of the largest and of the smallest numbers neither overflow nor vanish. Raises
    ValueError where the shapes differ: broadcasting would hide a mistake.
    """
    a, b = (
        arguments.array(name, value).astype(np.float64)
        for name, value in {"a": a, "b": b}.items()
    )
    if a.shape != b.shape:
        raise ValueError(f"a and b must have one shape; got {a.shape} and {b.shape}")
    with np.errstate(over="ignore"):
        norm = max(np.linalg.norm(a), np.linalg.norm(b))
    if 1e-100 < norm < 1e100:  # no square has overflowed, and none that counts vanished
        return float(_norm(a - b) / norm)
    largest = np.max(np.abs([a, b]), initial=0)
    if largest == 0:
        return 0.0
    if not np.isfinite(largest):
        return np.nan
    # Powers of 2 change no digit.
    a, b = (np.ldexp(value, -np.frexp(largest)[1]) for value in (a, b))
    return float(_norm(a - b) / np.maximum(_norm(a), _norm(b)))


def _norm(v: np.ndarray) -> float:
    """The norm of v, also where the squares of its elements vanish."""
    exponent = np.frexp(np.max(np.abs(v), initial=0))[1]
    return np.ldexp(np.linalg.norm(np.ldexp(v, -exponent)), exponent)
