"""Each exercise has one starter and one solution, linked both ways."""

import re

import pytest
from myst_parser.mdit_to_docutils.base import default_slugify

from helpers import ROOT
from helpers.press import notebooks

EXERCISE = re.compile(
    r"^### (Exercise (\d+)\.(\d+): .+ \((?:easy|medium|hard), \d+ minutes\))$", re.M
)
SOLUTION = re.compile(r"^## (Exercise (\d+)\.(\d+): .+)$", re.M)
LINK = re.compile(r"\]\(([\w./]+)#([\w-]+)\)")
CHAPTERS = sorted((ROOT / "book").glob("[0-9][0-9]_*.ipynb"))
each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


def sections(path, heading):
    """Heading, chapter, number, text and starter cells of each exercise in a file."""
    found = []
    for cell in notebooks.read(path).cells:
        match = heading.search(cell.source) if cell.cell_type == "markdown" else None
        if match:
            title, chapter, number = match.groups()
            found.append((title, int(chapter), int(number), [cell.source], []))
        elif cell.cell_type == "markdown" and cell.source.startswith("## "):
            found.append(("", 0, 0, [], []))
        elif found and cell.cell_type == "markdown":
            found[-1][3].append(cell.source)
        elif found and "exercise" in cell.metadata.get("tags", []):
            found[-1][4].append(cell)
    return [section for section in found if section[0]]


def links(texts):
    return [link for text in texts for link in LINK.findall(text)]


def test_there_are_chapters():
    assert len(CHAPTERS) == 9


@each_chapter
def test_exercises_and_solutions_belong_together(path):
    exercises = sections(path, EXERCISE)
    solved = sections(path.parent / "solutions" / path.name, SOLUTION)
    expected = [(int(path.stem[:2]), i + 1) for i in range(len(exercises))]
    assert len(exercises) >= 4
    assert [section[1:3] for section in exercises] == expected
    assert [section[1:3] for section in solved] == expected
    for exercise, solution in zip(exercises, solved, strict=True):
        title = exercise[0].partition(" (")[0]
        assert solution[0] == title
        assert len(exercise[4]) == 1, f"{title} needs one starter cell"
        assert links(exercise[3]) == [
            (f"solutions/{path.name}", default_slugify(solution[0]))
        ]
        assert (f"../{path.name}", default_slugify(exercise[0])) in links(solution[3])


@each_chapter
def test_every_starter_cell_belongs_to_an_exercise(path):
    tags = [cell.metadata.get("tags", []) for cell in notebooks.read(path).cells]
    starters = sum("exercise" in of_cell for of_cell in tags)
    assert starters == sum(len(s[4]) for s in sections(path, EXERCISE))


@each_chapter
def test_the_committed_solutions_are_right(path):
    for cell in notebooks.read(path.parent / "solutions" / path.name).cells:
        if cell.cell_type == "code" and re.search(r"^check\.", cell.source, re.M):
            said = "".join(output.get("text", "") for output in cell.outputs)
            assert said.startswith("Right. "), cell.source
