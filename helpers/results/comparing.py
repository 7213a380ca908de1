"""Two settings compared seed by seed: which is ahead, how often, and by how much.

The runs of an experiment share what is drawn from a seed, first weights and examples.
What a seed has in common falls out of the difference of its two runs, so that pairs
show a difference that two separate intervals may hide.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from helpers import arguments
from helpers.results.intervals import Estimate, median_interval, wilson
from helpers.results.tables import Table, table


class Comparison(NamedTuple):
    """Over the seeds, a first setting beside a second."""

    ahead: int  # the seeds in which the first is ahead
    differ: int  # the seeds in which the two differ at all
    share: Estimate  # of the first number in the second
    difference: Estimate  # median over all seeds of first - second


def compare(first, second, smaller: bool = False) -> Comparison:
    """Compare two settings over the same seeds.

    Both hold a value for each seed, shape (n_seeds,), but that one of them may be a
    single number, such as a baseline. The larger value is ahead, or the smaller one of
    errors and losses, with `smaller`. Seeds without a difference say nothing about
    which is ahead: the share and its interval (`wilson`) are of the others, and where
    there are none, the share is NaN, from 0 to 1. The median difference and its
    interval (`median_interval`) are of all seeds.

    Raises ValueError for other shapes, for NaN and infinity, and for fewer seeds than
    the median's interval needs (6).
    """
    arrays = [arguments.array(n, v) for n, v in (("first", first), ("second", second))]
    a, b = (array.astype(float) for array in arrays)
    shape = a.shape or b.shape
    if len(shape) != 1 or not {a.shape, b.shape} <= {(), shape}:
        raise ValueError(
            "first and second must have one entry per seed each, in the same order, "
            f"or one be a single number; got the shapes {a.shape} and {b.shape}"
        )
    for name, array in (("first", a), ("second", b)):
        if not np.all(np.isfinite(array)):
            raise ValueError(f"{name} must be finite; got NaN or infinity in it")
    difference = a - b
    ahead = int(np.sum(difference < 0 if smaller else difference > 0))
    differ = int(np.sum(difference != 0))
    share = wilson(ahead, differ) if differ else Estimate(float("nan"), 0.0, 1.0)
    return Comparison(ahead, differ, share, median_interval(difference))


def comparisons(pairs: Mapping[str, tuple], smaller: bool = False) -> Table:
    """A table of comparisons, {name: (first, second)}, each as `compare` takes them.

    A sentence about a comparison carries its name: see "How a chapter is built" in the
    teacher's guide. Raises what `compare` and `table` raise.
    """
    rows, seeds = [], set()
    for name, (first, second) in pairs.items():
        ahead, differ, share, difference = compare(first, second, smaller)
        often = f"{ahead} of {differ} [{share.low:.2f}, {share.high:.2f}]"
        rows.append((name, often, f"{difference:.2g}"))
        seeds.add(max(np.size(first), np.size(second)))
    n = f" ({seeds.pop()} seeds)" if len(seeds) == 1 else ""
    return table(rows, ["comparison", f"ahead in{n}", "median difference"])
