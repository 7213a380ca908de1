"""Tables and durations as text, and numbers rounded for them."""

import re
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from helpers import arguments
from helpers.results.intervals import Estimate

INTERVAL = re.compile(r"(\S+) (\[.*\])")


class Table(str):
    """A table as text, which Jupyter and the book show as a table where they can.

    `display` it there: the text stands beside the HTML, for whatever shows no HTML.
    Without its style the HTML is still a table.
    """

    lines: list[list[str]]  # the cells, the headers first
    right: list[bool]  # of each column, whether it stands to the right

    def __new__(cls, lines: list[list[str]], right: list[bool]) -> "Table":
        """Make the text."""
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        rule = ["-" * w for w in widths]
        text = "\n".join(
            "  ".join(
                cell.rjust(w) if r else cell.ljust(w)
                for cell, w, r in zip(line, widths, right, strict=True)
            ).rstrip()
            for line in [lines[0], rule, *lines[1:]]
        )
        made = super().__new__(cls, text)
        made.lines, made.right = lines, right
        return made

    def _repr_pretty_(self, printer, cycle: bool) -> None:
        printer.text(str(self))  # and not in quotes

    def _repr_html_(self) -> str:
        head, *body = self.lines
        heads = ["th scope='col'" if cell else "td" for cell in head]
        tags = ["th scope='row'", *["td"] * (len(head) - 1)]
        kinds_of = [heads, *[tags] * len(body)]
        first, *others = [
            "<tr>" + "".join(map(_html, line, kinds, self.right)) + "</tr>"
            for line, kinds in zip(self.lines, kinds_of, strict=True)
        ]
        return (
            f'<div class="printed"><table class="table"><thead>{first}</thead>\n'
            "<tbody>" + "\n".join(others) + "</tbody></table></div>\n"
        )


def table(rows: Iterable[Sequence], headers: Sequence[str], width: int = 75) -> Table:
    """Rows in columns, as text and as HTML, numbers to the right, words to the left.

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
    right = [
        bool(rows) and all(re.match(r"[-+]?[.\d]|$", cell) for cell in column)
        for column in zip(*rows, strict=True)
    ] or [False] * len(headers)
    made = Table([list(headers), *rows], right)
    widest = max(map(len, made.splitlines()))
    if widest > width:
        raise ValueError(
            f"rows must fit into {width} characters; got a table of {widest}"
        )
    return made


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


def _html(cell: str, tag: str, right: bool) -> str:
    """A cell of a table; an interval stays in one piece, below its estimate or not."""
    inside = escape(cell, quote=False)
    if estimate := INTERVAL.fullmatch(inside):
        inside = f'{estimate[1]} <span class="interval">{estimate[2]}</span>'
    side = "right" if right else "left"
    return f'<{tag} style="text-align: {side}">{inside}</{tag.split()[0]}>'
