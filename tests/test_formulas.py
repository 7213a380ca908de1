"""Formulas are numbered and spoken of in a way that every viewer of notebooks shows."""

import re

import pytest

from helpers.press import notebooks

pytestmark = pytest.mark.documents

PATHS = notebooks.find()
each_notebook = pytest.mark.parametrize(
    "path", PATHS, ids=lambda path: f"{path.parent.name}/{path.stem}"
)
TAG = re.compile(r"\\tag\{(.*?)\} \$\$$", re.MULTILINE)
LINK = re.compile(r"\[\(([\w.]+)\)\]\(([\w./]*)#(eq-[\w-]+)\)")
ROLE, BLOCK, LABEL = r"\{[a-z:]+\}`", r"^```\{|^:::", r"^\([\w-]+\)=|\$\$ *\([\w-]+\)"
MYST = re.compile("|".join((ROLE, BLOCK, LABEL)), re.MULTILINE)


def prose(path):
    """The Markdown of a notebook."""
    cells = notebooks.read(path).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


@each_notebook
def test_the_numbers_of_a_page_are_in_order(path):
    chapter = path.stem[:2].lstrip("0")
    begin = f"S{chapter}" if path.parent.name == "solutions" else chapter
    tags = TAG.findall(prose(path))
    assert tags == [f"{begin}.{k}" for k in range(1, len(tags) + 1)]
    assert len(tags) == prose(path).count(r"\tag{")


def test_a_link_says_the_number_of_the_formula_it_leads_to():
    links = 0
    for path in PATHS:
        for number, file, anchor in LINK.findall(prose(path)):
            assert anchor == f"eq-{number.replace('.', '-')}"
            goal = (path.parent / file).resolve() if file else path
            assert number in TAG.findall(prose(goal)), f"{path.name}: {number}"
            links += 1
    assert links > 5


@each_notebook
def test_a_notebook_has_no_markup_that_jupyter_would_show_as_it_stands(path):
    assert MYST.findall(prose(path)) == []


@pytest.mark.parametrize(
    "text", ["{eq}`eq-cell`", "$$ x $$ (eq-x)", "```{note}", ":::{note}", "(part)="]
)
def test_such_markup_is_seen(text):
    assert MYST.search(f"Text.\n\n{text}" if "{eq}" not in text else f"As in {text}.")
