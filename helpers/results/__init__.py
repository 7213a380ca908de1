"""Recorded results: read them, summarise them over seeds, print them, write them.

`python -m helpers.experiments NAME` writes `data/results/NAME.json`: one run per
seed, with everything that decided the outcome. A chapter reads it with `load`, and
each number that it quotes comes with an interval over the seeds.

Below are the names that a chapter uses, as in `results.load(NAME)`. The other rooms
import the modules themselves: `records`, `intervals`, `comparing`, `tables`, `files`
and `provenance`, which says where and with what a number was made. No network and no
experiment is in here.
"""

from helpers.results.comparing import compare, comparisons
from helpers.results.intervals import Estimate, mean_interval, median_interval, wilson
from helpers.results.records import also_recorded, describe, load
from helpers.results.tables import table

__all__ = [
    "Estimate",
    "also_recorded",
    "compare",
    "comparisons",
    "describe",
    "load",
    "mean_interval",
    "median_interval",
    "table",
    "wilson",
]
