"""The words of comparisons on the pages, and the comparisons that bear them out.

    python -m helpers.press.wording    the sentences that say "better" without a name

A sentence that sets one recorded setting above another ends with the name of a
comparison, in a comment that no reader sees, and a cell of the course prints that
comparison (`helpers.results.comparisons`):

    Clipping by norm is better.<!-- compares: norm over value -->
    Neither is better.<!-- no difference: norm 1 over norm 2 -->

The first says that the first setting of the comparison is ahead, the second that the
seeds do not show a difference. tests/test_wording.py compares both with what the cells
print. Which of the sentences without a name should have one takes a reader to say.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from nbformat import NotebookNode

from helpers import ROOT
from helpers.press import notebooks
from helpers.results import console

WORDS = re.compile(r"\b(best|better|worse|worst|ahead|beat|beats|beaten)\b", re.I)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
MARK = re.compile(r"<!-- (compares|no difference): ([^\n<>]+?) -->")
DENIED = re.compile(r"\b(no|not|nor|none|neither|nothing|never|cannot)\b|n't\b", re.I)
# A line of the table that `comparisons` prints.
PRINTED = re.compile(
    r"^ *(\S.*?) {2,}(\d+) of (\d+) \[([\d.]+), ([\d.]+)\] {2,}\S+ \[.+\]$", re.M
)
CODE = re.compile(r"^```.*?^```$|`[^`\n]+`", re.DOTALL | re.MULTILINE)
SENTENCE = re.compile(r"(?<=[.?!>])[*\")]*\s+|\n\s*\n|\n(?=[-#|>] |\d+\. )")
FEWEST = 6  # seeds that differ: of fewer no share is shown to be above a half


class Verdict(NamedTuple):
    """What a printed comparison shows."""

    page: str
    differ: int  # seeds
    low: float
    high: float

    @property
    def ahead(self) -> bool:
        """Whether the first setting is shown to be ahead."""
        return self.differ >= FEWEST and self.low > 0.5

    @property
    def behind(self) -> bool:
        """Whether the second one is."""
        return self.differ >= FEWEST and self.high < 0.5


def pages(root: Path = ROOT) -> Iterator[tuple[str, str]]:
    """Each page of the book under its name: its Markdown."""
    for path in notebooks.find(root=root):
        cells = notebooks.read(path).cells
        found = [
            cell.source if cell.cell_type == "markdown" else caption(cell)
            for cell in cells
        ]
        yield path.relative_to(root / "book").as_posix(), "\n\n".join(found)
    for path in sorted((root / "book").glob("*.md")):
        yield path.name, path.read_text(encoding="utf-8")


def caption(cell: NotebookNode) -> str:
    """What stands below the figure of a code cell; "" where there is none."""
    return cell.metadata.get("mystnb", {}).get("figure", {}).get("caption", "")


def printed(root: Path = ROOT) -> Iterator[tuple[str, Verdict]]:
    """The comparisons that the notebooks print, under their names."""
    for path in notebooks.find(root=root):
        yield from in_notebook(path.stem, notebooks.read(path))


def in_notebook(page: str, notebook: NotebookNode) -> Iterator[tuple[str, Verdict]]:
    """The comparisons that one of them prints."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            for name, _, differ, low, high in PRINTED.findall(output.get("text", "")):
                yield name, Verdict(page, int(differ), float(low), float(high))


def sentences(text: str) -> list[str]:
    """The sentences of a piece of Markdown, with their marks, and without code."""
    found = SENTENCE.split(CODE.sub("`code`", text))
    return [" ".join(sentence.split()) for sentence in found if sentence.strip()]


def unmarked(text: str) -> list[str]:
    """The sentences that say a word of comparison and carry no name."""
    return [s for s in sentences(text) if WORDS.search(s) and not MARK.search(s)]


def faults(text: str, known: dict[str, Verdict]) -> Iterator[str]:
    """What is wrong with the marks of a page."""
    text = CODE.sub("`code`", text)
    for comment in COMMENT.findall(text):
        if not MARK.fullmatch(comment):
            yield f"{comment} is no mark of a comparison"
    for line in text.splitlines():
        if line.lstrip(" >*-").startswith("<!--"):
            yield f"{line[:40]} begins a line, so that Markdown ends the paragraph"
    for sentence in sentences(text):
        said = COMMENT.sub("", sentence)
        for kind, name in MARK.findall(sentence):
            if name not in known:
                yield f"no cell prints the comparison {name!r}"
            elif kind == "compares" and not known[name].ahead:
                yield f"{name!r} does not show the first ahead: {sentence}"
            elif kind == "no difference":
                if known[name].ahead or known[name].behind:
                    yield f"{name!r} shows a difference: {sentence}"
                if WORDS.search(said) and not DENIED.search(said):
                    yield f"{name!r} shows no difference: {sentence}"


def main() -> int:
    """Print what is unmarked; return the exit code."""
    console.show_any_text()
    for page, text in pages():
        if found := unmarked(text):
            print("\n".join([f"\n{page}", *(f"  {sentence}" for sentence in found)]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
