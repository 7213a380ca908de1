"""What the code prints wraps where it is a sentence; a table shows as a table."""

import importlib
import re
import sys

import pytest
from bs4 import BeautifulSoup
from docutils import nodes
from docutils.utils import new_document
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.formatters import DisplayFormatter

from helpers import ROOT, results
from helpers.press import notebooks

pytestmark = pytest.mark.documents

sys.path.append(str(ROOT / "book" / "_extensions"))
book_outputs = importlib.import_module("book_outputs")

WORDS = st.from_regex(r"[a-z<&\[(%]{1,6}( [a-z0-9,.]{1,5}){0,2}", fullmatch=True)
NUMBERS = st.from_regex(
    r"-?[0-9]{1,3}(\.[0-9]{1,3})?( \[[0-9], [0-9]\])?", fullmatch=True
)


@st.composite
def tables(draw):
    """The head and the rows of a table."""
    size = draw(st.integers(1, 4))
    head = draw(st.lists(WORDS, min_size=size, max_size=size))
    kinds = [draw(st.sampled_from([WORDS, NUMBERS])) for _ in head]
    row = st.tuples(*(st.one_of(kind, st.just("")) for kind in kinds))
    return head, [list(r) for r in draw(st.lists(row, max_size=5))]


def shown(table):
    """What Jupyter stores of a table that is displayed."""
    return DisplayFormatter().format(table)[0]


@settings(deadline=None, max_examples=50)
@given(tables())
def test_a_table_is_shown_as_text_and_as_html_of_the_same_cells(what):
    head, rows = what
    text = results.table(rows, head)
    found = shown(text)
    assert found["text/plain"] == str(text) == f"{text}"
    page = BeautifulSoup(found["text/html"], "html.parser")
    cells = [[c.text for c in r.select("th, td")] for r in page.select("tr")]
    assert cells == [head, *rows]
    assert len(page.select("thead tr")) == 1
    for line, *others in zip(text.splitlines(), cells[:1], strict=False):
        assert line.split() == " ".join(others[0]).split()


def test_numbers_stand_to_the_right_and_intervals_stay_whole():
    rows = [["a", "1.5 [1.2, 1.9]", "x"], ["b", "", "2 y"]]
    html = shown(results.table(rows, ["", "loss", "what"]))["text/html"]
    page = BeautifulSoup(html, "html.parser")
    right = page.find_all(style="text-align: right")
    assert [c.text for c in right] == ["loss", "1.5 [1.2, 1.9]", ""]
    assert [e.text for e in page.select(".interval")] == ["[1.2, 1.9]"]
    assert [c["scope"] for c in page.select("th")] == ["col"] * 2 + ["row"] * 2


def wraps(text):
    """Whether a page lets a printed text wrap."""
    document = new_document("page")
    document += nodes.literal_block(text, text, classes=["output", "stream"])
    book_outputs.name_sentences(None, document)
    return "sentences" in document[0]["classes"]


@pytest.mark.parametrize("text", ["a sentence", "One.\nAnd another: a, b and 1.5."])
def test_sentences_wrap(text):
    assert wraps(text)


@pytest.mark.parametrize(
    "text", ["rows    (1, 2)\ncolumns (2, 1)", "h = [1\n     2]", "a  b\n-  -\n1  2"]
)
def test_what_has_columns_does_not(text):
    assert not wraps(text)


def test_no_cell_prints_a_table():
    """It would be shown as text where it could be a table."""
    for path in sorted((ROOT / "book").rglob("*.ipynb")):
        code = "\n".join(cell.source for cell in notebooks.read(path).cells)
        assert not re.search(r"print\(\s*results\.(table|comparisons)\(", code), path
