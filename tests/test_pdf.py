"""The book on paper: one page whose links hold, and a printer that misses nothing."""

import re

import pytest
import rendered_book

from helpers import ROOT
from helpers.press import pdf

PAGE = re.compile(rb"/Type\s*/Page\b")

needs_chromium = pytest.mark.skipif(
    not pdf.chromium(), reason="no Chromium: install it, or name one by CHROME"
)


@pytest.mark.documents
@pytest.mark.slow
def test_all_pages_are_one_and_no_link_leads_out_of_it():
    page = rendered_book.parsed(pdf.single_page())
    ids = {element["id"] for element in page.select("[id]")}
    for name in re.findall(r"file: (\S+)", (ROOT / "_toc.yml").read_text("utf-8")):
        assert f"document-{name}" in ids
    inside = [link["href"][1:] for link in page.select("a[href^='#']")]
    assert len(inside) > 500
    assert [link for link in inside if link and link not in ids] == []
    assert not page.select("script[src*=explorables]")


@pytest.mark.documents
@pytest.mark.browser
@needs_chromium
def test_each_page_of_paper_is_printed(tmp_path):
    html, printed = tmp_path / "two.html", tmp_path / "two.pdf"
    html.write_text("<h1>One</h1><h1 style='break-before: page'>Two</h1>", "utf-8")
    pdf.print_page(html, printed)
    assert len(PAGE.findall(printed.read_bytes())) == 2
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".part"] == []


@pytest.mark.documents
@pytest.mark.browser
@needs_chromium
def test_a_missing_picture_stops_the_printer(tmp_path):
    html = tmp_path / "one.html"
    html.write_text("<img src='gone.png' loading='lazy'>", "utf-8")
    with pytest.raises(RuntimeError, match=r"gone\.png is missing"):
        pdf.print_page(html, tmp_path / "one.pdf")
    assert not (tmp_path / "one.pdf").exists()


def test_without_chromium_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(pdf, "chromium", lambda: None)
    with pytest.raises(RuntimeError, match="install it, or name one"):
        pdf.print_page(tmp_path / "one.html", tmp_path / "one.pdf")


def test_a_book_that_cannot_be_built_is_not_printed(tmp_path):
    with pytest.raises(RuntimeError, match="the book could not be built"):
        pdf.single_page(tmp_path)
