"""A table that was printed is read back as it was, and what is no table stays text."""

import importlib
import sys

import pytest
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import ROOT, results

pytestmark = pytest.mark.documents

sys.path.append(str(ROOT / "book" / "_extensions"))
book_outputs = importlib.import_module("book_outputs")

WORDS = st.from_regex(r"[a-z<&\[(%]{1,6}( [a-z0-9,.]{1,5}){0,2}", fullmatch=True)
NUMBERS = st.from_regex(
    r"-?[0-9]{1,3}(\.[0-9]{1,3})?( \[[0-9], [0-9]\])?", fullmatch=True
)


@st.composite
def tables(draw):
    """The head and the rows of a table; somewhere a row says more than its name."""
    size = draw(st.integers(2, 4))
    head = draw(st.lists(WORDS, min_size=size, max_size=size))
    kinds = [WORDS, *(draw(st.sampled_from([WORDS, NUMBERS])) for _ in head[1:])]
    row = st.tuples(*(st.one_of(kind, st.just("")) for kind in kinds[:-1]), kinds[-1])
    return head, [list(r) for r in draw(st.lists(row, min_size=1, max_size=5))]


@settings(deadline=None, max_examples=50)
@given(
    tables(), st.sampled_from(["", "A title\n"]), st.sampled_from(["", "\nThe end."])
)
def test_a_printed_table_is_read_back(what, before, after):
    head, rows = what
    text = before + results.table(rows, head) + after
    found = book_outputs.parts(text)
    shown = [before.strip(), [head, *rows], after.strip()]
    assert [part for part in found if isinstance(part, list)] == [[head, *rows]]
    assert [p.strip() if isinstance(p, str) else p for p in found] == [
        part for part in shown if part
    ]
    page = BeautifulSoup(book_outputs.table([head, *rows]), "html.parser")
    assert [[c.text for c in r.select("th, td")] for r in page.select("tr")] == [
        head,
        *rows,
    ]


def test_numbers_stand_to_the_right_and_intervals_stay_whole():
    rows = [["a", "1.5 [1.2, 1.9]", "x"], ["b", "", "2 y"]]
    text = results.table(rows, ["", "loss", "what"])
    page = BeautifulSoup(book_outputs.table(book_outputs.parts(text)[0]), "html.parser")
    assert [c.text for c in page.select(".number")] == ["loss", "1.5 [1.2, 1.9]", ""]
    assert [e.text for e in page.select(".interval")] == ["[1.2, 1.9]"]
    assert [c["scope"] for c in page.select("th")] == ["col"] * 2 + ["row"] * 2


@pytest.mark.parametrize(
    "text",
    [
        "a sentence",
        "two\n---\nlines under a rule of one column",
        "step 1: h = [ 0.762 -0.462]\n\nstep 2",
        "rows    (1, 2)\ncolumns (2, 1)",
    ],
)
def test_what_is_no_table_stays_as_it_is(text):
    assert book_outputs.parts(text) == [text]


def test_two_tables_and_what_is_said_between_them():
    one = results.table([["a", 1]], ["", "n"])
    text = f"first\n{one}\nshort\n\n{one}\nThe slope is larger than it was before."
    rows = [["", "n"], ["a", "1"]]
    said = ["first", rows, "short\n", rows, "The slope is larger than it was before."]
    assert book_outputs.parts(text) == said
