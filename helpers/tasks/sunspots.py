"""The yearly sunspot numbers, 1700 to 2008: the course's real series.

Source, licence and checksum: data/README.md.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from helpers import ROOT, arguments
from helpers.results.files import restoring

PATH = ROOT / "data" / "sunspots.csv"
FIRST, LAST = 1700, 2008
# The split of every chapter that forecasts this series: train on the years up to
# 1920, choose on 1921 to 1955, report on 1956 to 2008.
TRAIN_END, VALIDATION_END = 1920, 1955


class Series(NamedTuple):
    """Years, int, and mean sunspot number of each, float; both of shape (309,)."""

    years: np.ndarray
    counts: np.ndarray


def load(path: Path = PATH) -> Series:
    """Read the series.

    Raises FileNotFoundError where the file is missing, and ValueError where it does
    not hold one non-negative number for each year from 1700 to 2008.
    """
    advice = restoring(path) if Path(path) == PATH else "load() reads the course's own"
    if not Path(path).is_file():
        raise FileNotFoundError(f"no sunspot numbers at {path}: {advice}")
    try:
        table = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
    except ValueError as error:
        raise ValueError(f"{path} is not a table of numbers ({error}): {advice}") from (
            error
        )
    expected = np.arange(FIRST, LAST + 1)
    if table.shape != (len(expected), 2) or not np.array_equal(table[:, 0], expected):
        raise ValueError(
            f"{path} must hold the years {FIRST} to {LAST}, one a row, with two "
            f"columns; got shape {table.shape}: {advice}"
        )
    counts = table[:, 1]
    if not np.all(np.isfinite(counts) & (counts >= 0)):
        raise ValueError(f"{path} holds a negative or missing number: {advice}")
    return Series(expected, counts)


def windows(series: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """All windows of k neighbours and the value that follows each.

    `series` has shape (n,). Returns X (n - k, k), oldest value first, and y
    (n - k,): y[i] is the value right after X[i]. Raises ValueError for what is not n
    real numbers, and for a k that is not an integer from 1 to n - 1.
    """
    series = arguments.array("series", series, ("n",))
    k = arguments.integer("k", k, 1, len(series) - 1)
    X = np.lib.stride_tricks.sliding_window_view(series, k)[:-1]
    return X.copy(), series[k:].copy()


class Windows(NamedTuple):
    """Windows X (n, k), oldest year first, and the number that follows, y (n, 1)."""

    X: np.ndarray
    y: np.ndarray


def split_windows(k: int) -> tuple[Windows, Windows, Windows]:
    """Windows of k years for training, validation and test, by the year of the target.

    A window of the validation or test years may reach back over the border: what lies
    in the past is known when the forecast is made. Raises ValueError for a k with which
    a part of the years has no window.
    """
    arguments.integer("k", k, 1, TRAIN_END - FIRST)
    years, counts = load()
    X, y = windows(counts, k)
    part = np.digitize(years[k:], [TRAIN_END + 1, VALIDATION_END + 1])
    return tuple(Windows(X[part == p], y[part == p, None]) for p in range(3))
