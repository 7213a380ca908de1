"""A value over the seeds with its interval: of a median, of a mean, of a share."""

import math
from typing import NamedTuple

import numpy as np
import scipy  # imports its statistics, which take a second, at their first use
from scipy import special

from helpers import arguments


class Estimate(NamedTuple):
    """A value with its interval; f"{estimate:.3f}" gives "0.512 [0.498, 0.531]"."""

    value: float | np.ndarray
    low: float | np.ndarray
    high: float | np.ndarray

    def __format__(self, spec: str) -> str:
        return f"{self.value:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"


def median_interval(values, confidence: float = 0.95) -> Estimate:
    """Median over the seeds (axis 0) and an interval for the true median.

    `values` has shape (n_seeds,) or (n_seeds, ...); with more than one axis, each
    part of the estimate is an array of the remaining shape.

    The interval runs between two of the sorted values, the k-th smallest and the
    k-th largest. It misses the true median only if fewer than k of the n values fall
    on one side of it, which is a matter of n tosses of a fair coin: the interval is
    exact whatever the distribution of the values, with no resampling and no
    assumption of symmetry (Conover, Practical Nonparametric Statistics, section
    3.2). We take the largest k that keeps the confidence: for 20 seeds and 95%,
    k = 6, and the interval holds the true median 95.9% of the time. (The function
    `scipy.stats.quantile_test` gives the same, of one column at a time and after an
    import of a second.)

    Raises ValueError for too few values: below 6, not even the whole range reaches
    95%.
    """
    values, confidence = _checked(values, confidence)
    n, miss = len(values), 1 - confidence
    k = np.sum(special.bdtr(np.arange(n), n, 0.5) <= miss / 2)
    if k == 0:
        needed = math.ceil(1 - math.log2(miss))
        raise ValueError(
            f"values must have at least {needed} entries for a median's interval at "
            f"confidence {confidence:g}; got {n}"
        )
    ordered = np.sort(values, axis=0)
    return _estimate(np.median(values, axis=0), ordered[k - 1], ordered[n - k])


def median_of_new_runs(
    values, n_new: int | None = None, confidence: float = 0.95
) -> Estimate:
    """Median over the seeds, and where the median of `n_new` new runs should fall.

    Wider than `median_interval`, which places the true median: a new median has its
    own scatter, the more the fewer new runs there are. If the n recorded and the
    `n_new` new values (as many as recorded, if not given) come from one distribution,
    each order of the pooled values is equally likely, whatever that distribution. So
    the number of new values among the first j of the pool is hypergeometric, and the
    chance that the new median lies below the i-th recorded value is the chance that
    half of the new values are among the first i + half - 1 (Fligner and Wolfe 1979,
    Journal of the American Statistical Association 74). We take the largest i that
    keeps the confidence: for 20 and 20 runs at 95%, the interval runs from the 4th
    smallest to the 4th largest value. Where too few runs allow none, it is the whole
    range of the recorded values.
    """
    values, confidence = _checked(values, confidence)
    n = len(values)
    n_new = n if n_new is None else n_new
    n_new = arguments.integer("n_new", n_new)
    half = (n_new + 1) // 2
    i = np.arange(1, n + 1)
    below = scipy.stats.hypergeom.sf(half - 1, n + n_new, n_new, i + half - 1)
    largest = np.sum(below <= (1 - confidence) / 2)  # `below` grows with i
    i = max(1, min(largest, (n + 1) // 2))
    ordered = np.sort(values, axis=0)
    return _estimate(np.median(values, axis=0), ordered[i - 1], ordered[n - i])


def mean_interval(values, confidence: float = 0.95) -> Estimate:
    """Mean over the seeds (axis 0) and Student's t interval for the true mean.

    Shapes as in `median_interval`. Unlike that one it assumes that the values, or at
    least their mean, are close to normally distributed: right for averages of many
    things, wrong for a rate that is 0 or 1 in most runs.
    """
    values, confidence = _checked(values, confidence)
    n = len(values)
    if n < 2:
        raise ValueError(f"values must have at least 2 entries; got {n}")
    mean = values.mean(axis=0)
    error = values.std(axis=0, ddof=1) / math.sqrt(n)
    reach = special.stdtrit(n - 1, (1 + confidence) / 2) * error
    return _estimate(mean, mean - reach, mean + reach)


def clustered_interval(values, groups, confidence: float = 0.95) -> Estimate:
    """Mean of all values, with an interval for values that come in groups.

    `values` and `groups` have shape (n,): values of one group, such as the words of one
    comment, may depend on each other, those of different groups do not. The mean is the
    ratio of two sums over the groups, so its error is that of a ratio (Cochran 1977,
    Sampling Techniques, chapter 9A), with Student's t for as many groups. Where each
    value is a group of its own the interval is that of `mean_interval`. Raises
    ValueError for fewer than two groups.
    """
    values, confidence = _checked(values, confidence)
    groups = arguments.array("groups", groups)
    if values.ndim != 1:
        raise ValueError(f"values must have one axis; got {values.shape}")
    if groups.shape != values.shape:
        raise ValueError(
            f"groups must name a group for each of the values; got {groups.shape} for "
            f"values of {values.shape}"
        )
    _, at = np.unique(groups, return_inverse=True)
    sums, sizes = np.bincount(at, values), np.bincount(at)
    n = len(sums)
    if n < 2:
        raise ValueError(f"groups must be at least 2; got {n}")
    mean = values.mean()
    error = math.sqrt(n / (n - 1) * np.sum((sums - mean * sizes) ** 2)) / len(values)
    reach = special.stdtrit(n - 1, (1 + confidence) / 2) * error
    return _estimate(mean, mean - reach, mean + reach)


def wilson(successes: int, trials: int, confidence: float = 0.95) -> Estimate:
    """Share of successes and Wilson's interval for their true rate.

    It stays within 0 and 1 and says something sensible for 0 or all successes
    (Wilson 1927, Journal of the American Statistical Association 22). Raises ValueError
    for what are not whole numbers of trials and of successes among them.
    """
    confidence = _share("confidence", confidence)
    trials = arguments.integer("trials", trials)
    successes = arguments.integer("successes", successes, 0, trials)
    test = scipy.stats.binomtest(successes, trials)
    interval = test.proportion_ci(confidence, method="wilson")
    return _estimate(successes / trials, interval.low, interval.high)


def _share(name: str, value: float) -> float:
    between = "between 0 and 1", lambda value: 0 < value < 1
    return arguments.number(name, value, *between)


def _checked(values, confidence: float) -> tuple[np.ndarray, float]:
    confidence = _share("confidence", confidence)
    values = arguments.array("values", values).astype(float)
    if values.ndim == 0 or len(values) == 0:
        raise ValueError(
            f"values must hold one entry per seed; got the shape {values.shape}"
        )
    if not np.all(np.isfinite(values)):
        raise ValueError("values must be finite; got NaN or infinity among them")
    return values, confidence


def _estimate(*parts) -> Estimate:
    return Estimate(*(float(p) if np.ndim(p) == 0 else p for p in parts))
