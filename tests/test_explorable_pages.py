"""The explorables in the rendered pages, before anybody uses them."""

import pytest
import rendered_book
from rendered_book import EXPLORABLES, parsed

pytestmark = pytest.mark.documents


def test_only_the_pages_that_have_one_load_scripts_for_it():
    for name in rendered_book.pages():
        page = parsed(rendered_book.book().html / name)
        files = [e.get("src") or e["href"] for e in page.select("[src], [href]")]
        files = {file.split("?")[0] for file in files}
        wanted = {
            f"../_static/explorables/{explorable}.js"
            for explorable, place in EXPLORABLES.items()
            if place == name
        }
        ours = {file for file in files if "/explorables/" in file}
        assert wanted == {file for file in ours if "/explorable." not in file}
        for common in ("explorable.js", "explorable.css"):
            there = any(file.endswith(f"/{common}") for file in ours)
            assert there == bool(wanted), name


def test_the_picture_stands_in_the_page_with_its_words():
    for name, place in EXPLORABLES.items():
        page = parsed(rendered_book.book().html / place)
        [figure] = page.select("figure[data-explorable]")
        assert figure["data-explorable"] == name
        svg = figure.find("svg")
        assert svg["role"] == "img"
        assert len(svg["aria-label"]) > 100
