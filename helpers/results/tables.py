"""Tables and durations as text, and numbers rounded for them."""

import re
from collections.abc import Iterable, Sequence

import numpy as np

from helpers import arguments
from helpers.results.intervals import Estimate


def table(rows: Iterable[Sequence], headers: Sequence[str], width: int = 75) -> str:
    """Rows as plain text in columns, numbers to the right, words to the left.

    Floats and estimates are shown to 4 significant digits; a cell that needs another
    form comes as text. Raises ValueError for rows of another length than `headers`
    and for a table wider than `width` characters.
    """
    rows = [[_cell(value) for value in row] for row in rows]
    for row in rows:
        if len(row) != len(headers):
            raise ValueError(
                f"rows must have {len(headers)} cells, one per header; got {row}"
            )
    columns = list(zip(headers, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    right = [
        bool(rows) and all(re.match(r"[-+]?[.\d]|$", cell) for cell in column[1:])
        for column in columns
    ]
    lines = [
        "  ".join(
            cell.rjust(w) if r else cell.ljust(w)
            for cell, w, r in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in [headers, ["-" * w for w in widths], *rows]
    ]
    widest = max(map(len, lines))
    if widest > width:
        raise ValueError(
            f"rows must fit into {width} characters; got a table of {widest}"
        )
    return "\n".join(lines)


def significant(value: float, digits: int = 4) -> float:
    """A number rounded to so many significant digits; NaN and infinity stay.

    Raises ValueError for what is no number, and for digits below 1.
    """
    value = arguments.number("value", value, "a number", lambda value: True)
    digits = arguments.integer("digits", digits)
    return float(f"{value:.{digits}g}")


def duration(seconds: float) -> str:
    """A length of time to read: "8.3 s", "3 min 20 s", "2 h 5 min".

    Raises ValueError for what is no number of at least 0.
    """
    seconds = arguments.not_negative("seconds", seconds)
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _cell(value) -> str:
    if isinstance(value, Estimate | float | np.floating):
        return f"{value:.4g}"
    return str(value)
