"""The links at the foot of a page lead on, and say why one would follow them."""

import importlib
import re
import sys

import pytest
import rendered_book
from rendered_book import contents, parsed

from helpers import ROOT

pytestmark = pytest.mark.documents

sys.path.append(str(ROOT / "book" / "_extensions"))
book_neighbours = importlib.import_module("book_neighbours")
neighbours = book_neighbours.neighbours

TOC = ["index", "01_a", "02_b", "solutions/01_a", "solutions/02_b", "notation"]


@pytest.mark.parametrize(
    ("page", "before", "after"),
    [
        ("index", None, "01_a"),
        ("01_a", "index", "02_b"),
        ("02_b", "01_a", "notation"),
        ("notation", "02_b", None),
        ("solutions/01_a", "01_a", "02_b"),
        ("solutions/02_b", "02_b", "notation"),
    ],
)
def test_solutions_lie_beside_the_way(page, before, after):
    assert neighbours(page, TOC) == (before, after)


def links(name):
    """The two links at the foot of a page, by their direction."""
    path = rendered_book.book().html / f"{name}.html"
    found = parsed(path).select(".prev-next-area a")
    return path, {link["class"][0].partition("-")[0]: link for link in found}


@pytest.mark.parametrize("name", contents())
def test_each_page_leads_on_with_a_reason(name):
    path, found = links(name)
    before, after = neighbours(name, contents())
    wanted = {"left": before, "right": after}
    assert set(found) == {side for side, page in wanted.items() if page}
    for side, link in found.items():
        goal = rendered_book.book().html / f"{wanted[side]}.html"
        assert (path.parent / link["href"]).resolve() == goal.resolve()
        title = link.select_one(".prev-next-title")
        [reason] = [e.extract().get_text() for e in title.select(".reason")]
        assert re.fullmatch(r"[A-Z][^<>]+\.", reason), reason
        assert 5 <= len(reason.split()) <= 30, reason
        heading = parsed(goal).select_one("article h1").get_text().removesuffix("#")
        assert title.get_text() == heading


def test_each_reason_is_given_once_and_for_a_page():
    names = {name.rpartition("/")[2] for name in contents()}
    assert set(book_neighbours.REASONS) == names
    reasons = [why for both in book_neighbours.REASONS.values() for why in both]
    assert len(reasons) == len(set(reasons))


def test_a_page_without_reasons_is_linked_all_the_same():
    assert book_neighbours.reason("book/99_new", False, "book/index") == ""
