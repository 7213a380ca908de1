"""What a linear readout can decode of past inputs: the memory capacity of a network.

A network is driven by independent random numbers. How well its state tells the input
of k steps ago is one number for each lag k; their sum is the memory capacity (Jaeger
2001, "Short term memory in echo state networks"), which no network of n units can have
above n. Chapter 2 measures it before any training.
"""

import numpy as np

from helpers import arguments


def recalled(h: np.ndarray, x: np.ndarray, longest: int) -> np.ndarray:
    """The share of the input of k steps ago that a state tells, k = 0 to `longest`.

    h (T, n_hid) are the states and x (T,) the inputs of one run; returns r2
    (longest + 1,). For each lag the linear readout with a bias that comes closest to
    x_{t-k} is fitted by least squares on the first half of the steps. r2[k] is its
    squared correlation with x_{t-k} on the second half: 1 if it tells it exactly, and
    about 2 / T by chance; 0 where the readout is constant. The sum of r2 is the memory
    capacity, counted from lag 0, the input that has just come.

    Raises ValueError for other shapes, for numbers that are not finite, for an x that
    does not change, and for fewer than 2 (longest + n_hid + 2) steps.
    """
    h = arguments.array("h", h, ("T", "n_hid")).astype(float)
    x = arguments.array("x", x, (len(h),)).astype(float)
    longest = arguments.integer("longest", longest, 0)
    for name, values in (("h", h), ("x", x)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name} must be finite; got NaN or infinity among it")
    half, fewest = len(x) // 2, longest + h.shape[1] + 2
    if half < fewest:
        raise ValueError(f"x must have at least {2 * fewest} steps; got {len(x)}")
    if np.ptp(x[: half - longest]) == 0 or np.ptp(x[half : -longest or None]) == 0:
        raise ValueError("x must change in both halves; got the same number throughout")
    # The size of a unit is no matter, and should be none to the arithmetic of the fit.
    units = np.column_stack([h / _size(h[longest:half]), np.ones(len(h))])
    # What is rolled around the end stands before the steps that are used.
    past = np.column_stack([np.roll(x / _size(x), k) for k in range(longest + 1)])
    readout = np.linalg.lstsq(units[longest:half], past[longest:half], rcond=None)[0]
    told, past = units[half:] @ readout, past[half:]
    told, past = told - told.mean(axis=0), past - past.mean(axis=0)
    told, past = told / _size(told), past / _size(past)
    apart = (told**2).sum(axis=0) * (past**2).sum(axis=0)
    together = (told * past).sum(axis=0) ** 2
    return np.divide(together, apart, out=np.zeros_like(apart), where=apart > 0)


def _size(values: np.ndarray) -> np.ndarray:
    """The largest absolute value of each column, or 1 where that is 0."""
    size = np.abs(values).max(axis=0)
    return np.where(size == 0, 1, size)
