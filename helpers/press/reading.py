"""How long a chapter takes, by one rule: what is read, at the rates below.

    python -m helpers.press.reading          the minutes of every chapter
    python -m helpers.press.reading guide    write them into the teacher's guide

The rates were chosen among round ones so that the eight chapters of the first edition
take what two readers needed for them, within 25% each (within 15%, as it came out). A
page states the minutes in its opening, and the teacher's guide those of each section;
tests/test_teaching.py compares both with this rule.
"""

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode

from helpers import ROOT
from helpers.press import folding, notebooks
from helpers.results import console, tables
from helpers.results.files import write_text

# What is read in a minute, or is looked at for so many.
WORDS, LINES, INLINE = 100, 10, 6
FIGURE, TABLE, FORMULA = 1, 3, 1

DEEPER = "Going deeper: "
QUESTIONS, SUMMARY = "Three questions first", "Summary"
UNREAD = ("Quiz", "Exercises", "Further reading")  # no part of the reading
LONGEST = 90  # minutes of a main line
STEP = 5  # minutes to which a page rounds
GUIDE = Path("book/teaching.md")

COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
BLOCK = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
DISPLAYED = re.compile(r"\$\$.*?\$\$", re.DOTALL)
IN_LINE = re.compile(r"\$[^$]+\$")
ROWS = re.compile(r"(?:^\|.*\n?)+", re.MULTILINE)
PRINTED = re.compile(r"^ *-{2,}(?:  -+)+ *$", re.MULTILINE)  # the rule of `table`
TARGET = re.compile(r"\]\([^)]*\)")
WORD = re.compile(r"[^\W_][\w'.,-]*")
HEADING = re.compile(r"^(##|###) (.+)$", re.MULTILINE)
EXERCISE = re.compile(r"^### Exercise .+\(\w+, (\d+) minutes\)$", re.MULTILINE)


@dataclass
class Part:
    """A section, or a deeper part of one, and the minutes that it takes."""

    title: str
    deeper: bool
    exact: float = 0

    @property
    def minutes(self) -> int:
        """The minutes as the teacher's guide has them."""
        return max(1, round(self.exact))


@dataclass
class Chapter:
    """The minutes of a chapter."""

    parts: list[Part] = field(default_factory=list)
    exercises: int = 0

    @property
    def main(self) -> int:
        """The minutes of the main line."""
        return sum(part.minutes for part in self.parts if not part.deeper)

    @property
    def deeper(self) -> int:
        """The minutes of what goes deeper."""
        return sum(part.minutes for part in self.parts if part.deeper)

    def line(self) -> str:
        """What the opening of the page says of them."""
        more = f" {rounded(self.deeper)} more to go deeper," if self.deeper else ""
        return (
            f"**It takes** about {rounded(self.main)} minutes to read and run,{more}"
            f" and {rounded(self.exercises)} for the exercises."
        )


def rounded(minutes: float) -> int:
    """To the nearest five minutes, and at least five."""
    return max(STEP, STEP * round(minutes / STEP))


def of_text(text: str) -> float:
    """The minutes of a piece of Markdown."""
    text = BLOCK.sub("", COMMENT.sub("", text))
    minutes = FORMULA * len(DISPLAYED.findall(text))
    text = DISPLAYED.sub("", text)
    minutes += len(IN_LINE.findall(text)) / INLINE
    text = IN_LINE.sub(" ", text)
    minutes += TABLE * len(ROWS.findall(text))
    text = TARGET.sub("]", ROWS.sub("", text))
    return minutes + len(WORD.findall(text)) / WORDS


def of_code(cell: NotebookNode, folded: bool) -> float:
    """The minutes of a code cell with what it shows."""
    minutes = 0 if folded else folding.lines(cell.source) / LINES
    for output in cell.outputs:
        pictures = any(key.startswith("image/") for key in output.get("data", {}))
        minutes += FIGURE * pictures
        minutes += TABLE * len(PRINTED.findall(output.get("text", "")))
    return minutes


def pieces(notebook: NotebookNode) -> Iterator[tuple[str, str, float]]:
    """What is read, in order: ("##", a heading, 0) or ("", "", minutes)."""
    folded = {id(cell) for cell in folding.foldable(notebook)}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            before, *found = HEADING.split(cell.source)
            yield "", "", of_text(before)
            for level, title, text in zip(*[iter(found)] * 3, strict=True):
                yield level, title, 0
                yield "", "", of_text(f"{title}\n{text}")
        elif not folding.NEVER & {*cell.metadata.get("tags", [])} - {
            "raises-exception"
        }:
            yield "", "", of_code(cell, id(cell) in folded)


def chapter(notebook: NotebookNode) -> Chapter:
    """The minutes of a chapter.

    The opening counts with the first section, and the summary with the last one of the
    main line.
    """
    counted, opening, section = Chapter(), 0.0, ""
    main = part = None  # where the minutes go: the section, and the part in it
    for level, title, minutes in pieces(notebook):
        if level == "##":
            section = title
        if section in UNREAD:
            continue
        new = title.startswith(DEEPER) or level == "##"
        if new and title not in (QUESTIONS, SUMMARY):
            part = Part(title, title.startswith(DEEPER), opening)
            opening = 0.0
            counted.parts.append(part)
            main = part if level == "##" else main
        elif level == "###" or title == SUMMARY:
            part = main
        if title == SUMMARY:
            part = [p for p in counted.parts if not p.deeper][-1]
        if part is None:
            opening += minutes
        else:
            part.exact += minutes
    text = "\n\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    counted.exercises = sum(map(int, EXERCISE.findall(text)))
    return counted


def all_chapters(root: Path = ROOT) -> dict[int, Chapter]:
    """The minutes of every chapter, under its number."""
    paths = notebooks.chapters(root)
    return {int(path.name[:2]): chapter(notebooks.read(path)) for path in paths}


def write_minutes(guide: str, number: int, counted: Chapter) -> str:
    """The teacher's guide with the minutes of a chapter in the rows of its table."""
    before, heading, text = guide.partition(f"\n## Chapter {number}: ")
    text, end, after = text.partition("\n## ")
    for part in counted.parts:
        row = rf"(\| \[{re.escape(part.title)}\]\(\S+\) \|) \d+ \|"
        text = re.sub(row, rf"\1 {part.minutes} |", text)
    for name, minutes in (("together", counted.main), ("going deeper", counted.deeper)):
        row = rf"(\| \| \*\*{name}\*\* \|) \*\*\d+\*\* \|"
        text = re.sub(row, rf"\1 **{minutes}** |", text, count=1)
    return f"{before}{heading}{text}{end}{after}"


def main(arguments: list[str] | None = None) -> int:
    """Print the table, or write the guide; return the exit code."""
    console.show_any_text()
    parser = argparse.ArgumentParser(
        prog="python -m helpers.press.reading", description=__doc__.splitlines()[0]
    )
    parser.add_argument("what", nargs="?", choices=["table", "guide"], default="table")
    what = parser.parse_args(arguments).what
    minutes = all_chapters()
    if what == "guide":
        text = (ROOT / GUIDE).read_text(encoding="utf-8")
        for number, counted in minutes.items():
            text = write_minutes(text, number, counted)
        write_text(ROOT / GUIDE, text)
        return 0
    rows = [(n, c.main, c.deeper, c.exercises) for n, c in minutes.items()]
    print(tables.table(rows, ["chapter", "main line", "going deeper", "exercises"]))
    for number, counted in minutes.items():
        print(f"\n{number}. {counted.line()}")
        for part in counted.parts:
            print(f"    {part.minutes:3d}  {part.title}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
