"""The explorables in the rendered pages, before anybody uses them."""

import pytest
import rendered_book
from rendered_book import EXPLORABLES, Page

pytestmark = pytest.mark.documents


def test_only_the_pages_that_have_one_load_scripts_for_it():
    for name in rendered_book.pages():
        page = Page(rendered_book.book().html / name)
        files = {
            (e.attributes.get("src") or e.attributes.get("href") or "").split("?")[0]
            for e in page.elements
        }
        wanted = {
            f"../_static/explorables/{explorable}.js"
            for explorable, place in EXPLORABLES.items()
            if place == name
        }
        assert wanted == {
            file
            for file in files
            if "/explorables/" in file and "/explorable." not in file
        }
        for common in ("explorable.js", "explorable.css"):
            there = any(file.endswith(f"/explorables/{common}") for file in files)
            assert there == bool(wanted), name


def test_the_picture_stands_in_the_page_with_its_words():
    for name, place in EXPLORABLES.items():
        page = Page(rendered_book.book().html / place)
        [figure] = [
            e for e in page.find("figure") if e.attributes.get("data-explorable")
        ]
        assert figure.attributes["data-explorable"] == name
        svg = next(e for e in figure.inside if e.tag == "svg")
        assert svg.attributes["role"] == "img"
        assert len(svg.attributes["aria-label"]) > 100
