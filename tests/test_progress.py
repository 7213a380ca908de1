"""A chapter says what is left of its main line, in the minutes of the guide."""

import importlib
import re
import sys

import pytest
import rendered_book
import test_browser
from rendered_book import parsed
from test_browser import DESKTOP, PHONE, TABLET, Visit, grave

from helpers import ROOT
from helpers.press import notebooks, reading

pytestmark = pytest.mark.documents

address, browser = test_browser.address, test_browser.browser
sys.path.append(str(ROOT / "book" / "_extensions"))
book_progress = importlib.import_module("book_progress")

CHAPTERS = [path.stem for path in notebooks.chapters()]
PAGE = "book/04_bptt.html"
COUNTED = reading.all_chapters()
GUIDE = (ROOT / "book/teaching.md").read_text(encoding="utf-8")


def page(name):
    return parsed(rendered_book.book().html / "book" / f"{name}.html")


@pytest.mark.parametrize("name", CHAPTERS)
def test_each_section_carries_the_minutes_of_the_guide(name):
    sections = page(name).select("section[data-minutes]")
    for section in sections:
        row = rf"\]\({name}\.ipynb#(\S+)\) \| {section['data-minutes']} \|"
        slugs = re.findall(row, GUIDE)
        heading = section.select_one("h2").get_text().removesuffix("#")
        # The guide names an anchor by the heading without its formulas.
        words = re.findall(r"[a-z]{3,}", heading.lower())
        assert any(all(w in slug for w in words[:2]) for slug in slugs), heading
    total = sum(int(section["data-minutes"]) for section in sections)
    assert total == COUNTED[int(name[:2])].main


def test_only_chapters_count():
    html = rendered_book.book().html
    for path in html.glob("book/**/*.html"):
        scripts = parsed(path).select("script[src*='progress.js']")
        assert len(scripts) == (path.parent.name == "book" and path.stem in CHAPTERS)


LEFT = ".progress-left"
READ = "e => Number(getComputedStyle(e).getPropertyValue('--read'))"


def scroll(page, selector, edge):
    """Bring an edge of an element to the line at which one reads."""
    page.evaluate(
        """([selector, edge]) => {
            const box = document.querySelector(selector).getBoundingClientRect();
            scrollTo({ top: scrollY + box[edge] - innerHeight / 3 + 2,
                       behavior: "instant" });
        }""",
        [selector, edge],
    )
    page.wait_for_timeout(100)


@pytest.mark.browser
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_what_is_left_follows_the_page(browser, address, width):
    main = [part for part in COUNTED[4].parts if not part.deeper]
    whole = COUNTED[4].main
    with Visit(browser, address, PAGE, width=width) as visit:
        page, left = visit.page, visit.page.locator(LEFT)
        minutes = int(left.inner_text().split()[0])
        assert whole - 1 <= minutes <= whole
        for number in (1, 4, len(main) - 1):
            anchor = page.locator("section[data-minutes]").nth(number)
            scroll(page, f"#{anchor.get_attribute('id')}", "top")
            rest = sum(part.minutes for part in main[number:])
            assert left.inner_text() == f"{rest} min left"
            assert left.get_attribute("aria-valuenow") == str(whole - rest)
            assert left.evaluate(READ) == pytest.approx(1 - rest / whole, abs=0.005)
        scroll(page, "#summary", "bottom")
        assert left.inner_text() == "read to the end"
        assert left.evaluate(READ) == 1
        assert visit.said == []


@pytest.mark.browser
def test_what_goes_deeper_takes_none_of_the_minutes(browser, address):
    with Visit(browser, address, PAGE) as visit:
        page, left = visit.page, visit.page.locator(LEFT)
        folds = page.locator("section[data-minutes] details.deeper")
        fold = folds.first
        fold.evaluate("e => { e.open = true; e.id = 'fold'; }")
        scroll(page, "#fold", "top")
        before = left.evaluate(READ)
        scroll(page, "#fold", "bottom")
        assert left.evaluate(READ) == pytest.approx(before, abs=0.001)


@pytest.mark.browser
@pytest.mark.parametrize("width", [PHONE, TABLET, DESKTOP])
def test_it_moves_nothing_and_is_in_nobody_s_way(browser, address, width):
    with Visit(browser, address, PAGE, width=width) as visit:
        page, left = visit.page, visit.page.locator(LEFT)
        header = page.locator(".bd-header-article").bounding_box()
        place = left.bounding_box()
        assert header["y"] <= place["y"]
        assert place["y"] + place["height"] <= header["y"] + header["height"]
        for button in page.locator(".bd-header-article button:visible").all():
            box = button.bounding_box()
            right = box["x"] >= place["x"] + place["width"]
            assert right or box["x"] + box["width"] <= place["x"]
        left.evaluate("e => { e.hidden = true; e.style.display = 'none'; }")
        assert page.locator(".bd-header-article").bounding_box() == header
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert grave(page, ".bd-header-article") == []


@pytest.mark.browser
def test_who_wants_less_motion_sees_whole_minutes(browser, address):
    context = {"reduced_motion": "reduce"}
    with Visit(browser, address, PAGE, **context) as visit:
        page, left = visit.page, visit.page.locator(LEFT)
        for y in range(0, 4000, 400):
            page.evaluate("y => scrollTo({ top: y, behavior: 'instant' })", y)
            page.wait_for_timeout(60)
            minutes = left.evaluate(READ) * COUNTED[4].main
            assert minutes == pytest.approx(round(minutes), abs=0.01)
