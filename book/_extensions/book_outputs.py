"""Show what the code prints as what it is: tables as tables, sentences that wrap.

A table that `results.table` printed is text in every viewer of notebooks and in the
terminal. The book reads it back, column by column, and makes a table of it, in which an
interval may go below its estimate where the page is narrow.
"""

import re
from html import escape

from docutils import nodes
from sphinx.application import Sphinx

RULE = re.compile(r"-+(?:  -+)+")  # under the head of a table
COLUMNS = re.compile(r"\S {2,}\S|^ +\S", re.MULTILINE)
INTERVAL = re.compile(r"(\S+) (\[.*\])")
NUMBER = re.compile(r"[-+]?[.\d]")


def cells(line: str, spans: list[tuple[int, int]]) -> list[str] | None:
    """A line cut into its columns; None if it is not a line of this table."""
    between = zip([(0, 0), *spans], [*spans, (len(line), 0)], strict=True)
    if any(line[end:start].strip() for (_, end), (start, _) in between):
        return None
    row = [line[start:end].strip() for start, end in spans]
    return row if any(row[1:]) else None


def parts(text: str) -> list[str | list[list[str]]]:
    """What was printed, in order: text, or a table as its rows, the head first."""
    lines, found, plain = text.split("\n"), [], []
    while lines:
        if len(lines) > 1 and RULE.fullmatch(lines[1]):
            spans = [m.span() for m in re.finditer("-+", lines[1])]
            rows = [[lines[0][start:end].strip() for start, end in spans]]
            del lines[:2]
            while lines and (row := cells(lines[0], spans)):
                rows.append(row)
                del lines[0]
            found += ["\n".join(plain), rows]
            plain = []
        else:
            plain.append(lines.pop(0))
    found.append("\n".join(plain))
    return [part for part in found if not isinstance(part, str) or part.strip()]


def cell(text: str, tag: str, right: bool) -> str:
    """A cell of a table; an interval is kept in one piece."""
    inside = escape(text)
    if estimate := INTERVAL.fullmatch(inside):
        inside = f'{estimate[1]} <span class="interval">{estimate[2]}</span>'
    aligned = ' class="number"' if right else ""
    return f"<{tag}{aligned}>{inside}</{tag.split()[0]}>"


def table(rows: list[list[str]]) -> str:
    """The HTML of a table: numbers to the right, as `results.table` puts them."""
    head, *body = rows
    right = [
        all(NUMBER.match(text) or not text for text in column)
        for column in zip(*body, strict=True)
    ] or [False] * len(head)
    tags = ["th scope='row'", *["td"] * (len(head) - 1)]
    heads = ["th scope='col'" if text else "td" for text in head]
    lines = [zip(head, heads, right, strict=True)]
    lines += [zip(row, tags, right, strict=True) for row in body]
    first, *others = [
        "<tr>" + "".join(cell(*c) for c in line) + "</tr>" for line in lines
    ]
    return (
        f'<div class="printed"><table class="table"><thead>{first}</thead>\n'
        "<tbody>" + "\n".join(others) + "</tbody></table></div>\n"
    )


def show(app: Sphinx, document: nodes.document) -> None:
    """Put tables and sentences in the place of what was printed."""
    for printed in list(document.findall(nodes.literal_block)):
        if "stream" not in printed["classes"]:
            continue
        shown = []
        for part in parts(printed.astext()):
            if isinstance(part, str):
                block = printed.copy()
                block.rawsource = part
                block += nodes.Text(part)
                if not COLUMNS.search(part):
                    block["classes"] = [*block["classes"], "sentences"]
            else:
                block = nodes.raw("", table(part), format="html")
            shown.append(block)
        printed.parent.replace(printed, shown)  # the table has no classes of the text


def setup(app: Sphinx) -> dict:
    """Tell Sphinx what to call, and when."""
    app.connect("doctree-read", show, priority=600)  # after what reads the text
    return {"parallel_read_safe": True, "parallel_write_safe": True}
