"""The minutes of a chapter follow from what is read, by one rule."""

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from helpers.press import reading

pytestmark = pytest.mark.documents

GUIDE = """\
# Guide

## Chapter 1: One

| 1 | [Why?](01.ipynb#why) | 5 |
| 2 | [Going deeper: how?](01.ipynb#going-deeper-how) | 5 |
| | **together** | **5** |
| | **going deeper** | **5** |

## Chapter 2: Two

| 1 | [Why?](02.ipynb#why) | 5 |
| | **together** | **5** |
"""
TABLE = "| a | b |\n|---|---|\n| 1 | 2 |\n"


def words(n):
    return "word " * n


def chapter(*cells):
    """The minutes of a chapter of Markdown cells and ready code cells."""
    made = [new_markdown_cell(c) if isinstance(c, str) else c for c in cells]
    return reading.chapter(nbformat.v4.new_notebook(cells=made))


def code(lines, *outputs, **metadata):
    source = "\n".join(f"x_{i} = compute({i})" for i in range(lines))
    return new_code_cell(source, outputs=list(outputs), metadata=metadata)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        (words(100), 1),
        ("a formula $x + y$, " + words(98), 1 + 1 / 6),
        (f"$$ {words(30)} $$", 1),
        (f"```\n{words(100)}\n```", 0),
        (f"before<!-- compares: {words(50)}-->\n" + words(99), 1),
        ("[word](a-file.ipynb#with-words) " + words(99), 1),
        (f"{words(50)}\n\n{TABLE}\n{words(50)}", 1 + 3),
    ],
)
def test_the_minutes_of_a_text(text, minutes):
    assert reading.of_text(text) == pytest.approx(minutes)


def test_lines_count_where_they_compute_figures_and_printed_tables_always():
    png = new_output("display_data", {"image/png": "iVBORw0KGgo="})
    printed = new_output("display_data", {"text/plain": " a  b\n--  -\n 1  2"})
    other = new_output("stream", text="a - b\n---\n")
    assert reading.of_code(code(20), folded=False) == 2
    assert reading.of_code(code(20), folded=True) == 0
    assert reading.of_code(code(20, png, printed, other), folded=True) == 1 + 3


def test_parts_have_their_own_minutes():
    counted = chapter(
        f"# A chapter\n\n{words(298)}",
        f"## Three questions first\n\n{words(97)}",
        code(90, tags=["setup"]),
        f"## Why?\n\n{words(199)}\n\n### A part\n\n{words(298)}",
        code(20),
        f"### Going deeper: how?\n\n{words(397)}",
        code(10),
        f"### Another part\n\n{words(98)}",
        f"## Going deeper: where?\n\n{words(97)}\n\n### There\n\n{words(99)}",
        f"## Summary\n\n{words(99)}",
        f"## Quiz\n\n{words(500)}\n\n## Exercises\n\n"
        "### Exercise 1.1: One (easy, 10 minutes)\n\n"
        f"### Exercise 1.2: Two (hard, 30 minutes)\n\n{words(500)}",
        code(50),
        f"## Further reading\n\n{words(500)}",
    )
    assert [(p.title, p.minutes) for p in counted.parts] == [
        ("Why?", 4 + 2 + 3 + 2 + 1 + 1),
        ("Going deeper: how?", 4 + 1),
        ("Going deeper: where?", 2),
    ]
    assert (counted.main, counted.deeper, counted.exercises) == (13, 7, 40)
    assert counted.line() == (
        "**It takes** about 15 minutes to read and run, 5 more to go deeper,"
        " and 40 for the exercises."
    )


def test_the_guide_gets_the_minutes_of_one_chapter():
    counted = chapter(
        f"## Why?\n\n{words(799)}", f"## Going deeper: how?\n\n{words(298)}"
    )
    assert reading.write_minutes(GUIDE, 1, counted) == GUIDE.replace(
        "#why) | 5 |", "#why) | 8 |", 1
    ).replace("how) | 5 |", "how) | 3 |").replace(
        "together** | **5**", "together** | **8**", 1
    ).replace("deeper** | **5**", "deeper** | **3**")


def test_the_command_prints_the_line_of_each_chapter(capsys):
    assert reading.main([]) == 0
    said = capsys.readouterr().out
    assert len(re.findall(r"^\d\. \*\*It takes\*\* about \d+", said, re.M)) == 9
