"""The definition of a term shows beside it, and is that of the glossary."""

import functools
import importlib
import re
import sys
from urllib.parse import urljoin

import pytest
import rendered_book
import test_browser
from bs4 import BeautifulSoup
from docutils import nodes
from rendered_book import parsed
from test_browser import DESKTOP, PHONE, TABLET, Visit, grave

from helpers import ROOT
from helpers.press import notebooks

pytestmark = pytest.mark.documents

address, browser = test_browser.address, test_browser.browser
sys.path.append(str(ROOT / "book" / "_extensions"))
book_mathjax = importlib.import_module("book_mathjax")
book_terms = importlib.import_module("book_terms")

CHAPTERS = [f"book/{path.stem}.html" for path in notebooks.chapters()]
PAGE = "book/04_bptt.html"
GLOSSARY = (ROOT / "book/glossary.md").read_text(encoding="utf-8")


def page(name):
    return parsed(rendered_book.book().html / name)


def said(element):
    """The text of an element, with two dollars for a formula."""
    text = ""
    for node in element.children:
        if node.name is None:
            text += node.replace("’", "'")
        elif node.name == "math":
            text += "$$"
        else:
            text += said(node)
    return " ".join(text.split())


def source(anchor):
    """The entry of the glossary in its source."""
    [line] = re.findall(rf'^- <a id="{anchor}"></a>(.*)$', GLOSSARY, re.MULTILINE)
    return line


def entry(anchor):
    """What the glossary says of a term, without markup."""
    line = re.sub(r"\$[^$]+\$", "$$", source(anchor))
    return re.sub(r"\[([^]]*)\]\([^)]*\)|\*\*|`|(?<!\w)\*(?=\w)|(?<=\w)\*", r"\1", line)


@functools.cache
def definitions(name):
    """What a page carries for its terms, by anchor. (A template hides its elements.)"""
    template = page(name).select_one("template#definitions")
    inside = BeautifulSoup(template.decode_contents(), "html.parser")
    return {box["id"].removeprefix("definition-"): box for box in inside.select("p")}


def terms(name):
    """The links to the glossary in a page, that open a definition."""
    return page(name).select("article a.term")


@pytest.mark.parametrize("name", CHAPTERS)
def test_each_definition_is_that_of_the_glossary(name):
    anchors = {link["href"].partition("#")[2] for link in terms(name)}
    assert set(definitions(name)) == anchors
    assert len(anchors) > 20
    for anchor, box in definitions(name).items():
        text, _, last = said(box).rpartition(", ")
        assert (text, last) == (" ".join(entry(anchor).split()), "glossary")
        formulas = re.findall(r"\$([^$]+)\$", source(anchor))
        assert [m.get_text() for m in box.select("math")] == [
            BeautifulSoup(book_mathjax.mathml(tex), "html.parser").get_text()
            for tex in formulas
        ]


def goals(element, name):
    """Where the links of an element lead that stands on a page."""
    whence = f"https://book.invalid/{name}"
    return [urljoin(whence, link["href"]) for link in element.select("a[href]")]


@pytest.mark.parametrize("name", [*CHAPTERS, "book/solutions/04_bptt.html"])
def test_the_links_of_a_definition_lead_where_those_of_the_glossary_do(name):
    glossary = "book/glossary.html"
    for anchor, box in definitions(name).items():
        item = page(glossary).select_one(f'a[id="{anchor}"]').find_parent("li")
        entry = f"https://book.invalid/{glossary}#{anchor}"
        assert goals(box, name) == [*goals(item, glossary), entry]


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_term_is_a_plain_link_within_the_text(name):
    for link in terms(name):
        assert re.fullmatch(r"glossary\.html#[\w-]+", link["href"])
        assert not link.find_parent(["h1", "h2", "h3", "pre", "code", "table"])
    links = {link["href"] for link in page(name).select("article a.reference")}
    linked = {link for link in links if link.startswith("glossary.html#")}
    assert linked == {link["href"] for link in terms(name)}


def test_the_text_of_a_page_stays_as_it_was():
    cells = notebooks.read(ROOT / "book/04_bptt.ipynb").cells
    [source] = [c.source for c in cells if c.source.startswith("# 4.")]
    shown = said(page(PAGE).select_one("article"))
    for sentence in re.findall(r"(?<=\. )[A-Z][\w ,]+\.", source):
        assert sentence in shown


def test_pages_without_terms_carry_nothing():
    for name in ("book/index.html", "book/bibliography.html"):
        assert not page(name).select("template#definitions, script[src*='terms.js']")


# ---------------------------------------------------------------------------
# Which words are terms


def document(*children):
    """A page of these paragraphs and sections, under a title."""
    section = nodes.section("", nodes.title("", "A page"), *children, ids=["a-page"])
    made = nodes.section("")
    made += section
    return made


def paragraph(text):
    """A paragraph; what stands between two stars is bold."""
    made = nodes.paragraph()
    for i, part in enumerate(text.split("*")):
        made += nodes.strong("", part) if i % 2 else nodes.Text(part)
    return made


class Builder:
    format, name = "html", "html"

    def get_relative_uri(self, whence, where):
        return "glossary.html"

    def get_target_uri(self, docname):
        return f"{docname}.html"


class App:
    """As much of Sphinx as `mark` asks for."""

    def __init__(self):
        self.builder, self.env = Builder(), self

    def doc2path(self, docname):
        return f"{docname}.ipynb"


@pytest.fixture
def marked(monkeypatch):
    """Marks a page of these parts; returns the terms that became links."""

    def known(name, home):
        text = nodes.paragraph("", "", nodes.strong("", f"{name}."))
        return book_terms.Term(name.lower().replace(" ", "-"), text, home)

    made = [
        known("Gradient", "one.html#home"),
        known("Gradient check", "one.html#check"),
        known("Solved", "two.html#solved"),
        known("Batch, mini-batch", "two.html#batch"),
    ]
    monkeypatch.setattr(book_terms, "entries", lambda app: {t.anchor: t for t in made})
    monkeypatch.setitem(book_terms.FORMS, "solved", ())

    def mark(*children):
        page = document(*children)
        book_terms.mark(App(), page, "book/one")
        found = [link for link in page.findall(nodes.reference)]
        return [link.astext() for link in found if "term" in link["classes"]]

    book_terms.patterns.cache_clear()
    yield mark
    book_terms.patterns.cache_clear()


def test_the_first_use_is_marked_and_one_long_after(marked):
    text = "Gradients are arrays, and a gradient is one."
    assert marked(paragraph(text)) == ["Gradients"]
    far = paragraph("word " * book_terms.AGAIN)
    assert marked(paragraph(text), far, paragraph(text)) == ["Gradients", "Gradients"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a gradient check of a gradient", ["gradient check", "gradient"]),
        ("a gradient\ncheck", ["gradient\ncheck"]),
        ("two mini-batches", ["mini-batches"]),
        ("gradient-free, ungraded", []),
        ("the gradients' sum (a gradient)", ["gradients"]),
        ("a task that is solved", []),
        ("*Gradient.* The gradient is", []),
        ("*A long sentence in bold about gradients*", ["gradients"]),
    ],
)
def test_what_is_a_term(marked, text, found):
    assert marked(paragraph(text)) == found


def test_no_term_is_marked_where_it_is_explained_or_asked_about(marked):
    def section(title, anchor):
        return nodes.section(
            "", nodes.title("", title), paragraph("A gradient."), ids=[anchor]
        )

    assert marked(section("What is it?", "home")) == []
    assert marked(section("Quiz", "quiz")) == []
    assert marked(section("The gradient again", "more")) == ["gradient"]


def test_code_and_headings_are_no_prose(marked):
    code = nodes.paragraph("", "", nodes.literal("", "gradient"))
    assert marked(code, nodes.rubric("", "", nodes.math("", "gradient"))) == []


def test_a_link_of_the_text_counts(marked):
    link = nodes.reference("", "its slope", refuri="glossary.html#gradient")
    text = nodes.paragraph("", "", link)
    assert marked(text, paragraph("A gradient.")) == ["its slope"]


def test_words_of_other_meaning_are_no_terms():
    forms = {anchor: "|".join(book_terms.FORMS[anchor]) for anchor in book_terms.FORMS}
    for anchor, text, found in (
        ("update", "an update, the update gate", ["update"]),
        ("unknown", "an unknown word is UNKNOWN", ["UNKNOWN"]),
        ("clipping", "clip it, clipped and eclipsed", ["clip", "clipped"]),
    ):
        pattern = re.compile(rf"\b(?:{forms[anchor]})\b", re.IGNORECASE)
        assert [match[0] for match in pattern.finditer(text)] == found


def test_every_form_belongs_to_a_term():
    known = set(re.findall(r'<a id="([\w-]+)"></a>', GLOSSARY))
    assert set(book_terms.FORMS) <= known


# ---------------------------------------------------------------------------
# By mouse, keyboard and touch

SHOWN = """() => [...document.querySelectorAll(".definition")].filter(
    (box) => getComputedStyle(box).display != "none").map((box) => box.id)"""
RECT = "e => e.getBoundingClientRect().toJSON()"


def in_sight(page, number=0):
    """A term of the page, in the middle of the window."""
    term = page.locator("article a.term").nth(number)
    term.evaluate("e => e.scrollIntoView({ block: 'center', behavior: 'instant' })")
    return term


def name_of(term):
    return "definition-" + term.get_attribute("href").partition("#")[2]


@pytest.mark.browser
def test_a_definition_shows_to_who_points_and_can_be_pointed_at(browser, address):
    with Visit(browser, address, PAGE) as visit:
        term = in_sight(visit.page)
        assert visit.page.evaluate(SHOWN) == []
        term.hover()
        box = visit.page.locator(f"#{name_of(term)}")
        box.wait_for()
        box.hover()
        visit.page.wait_for_timeout(500)
        assert visit.page.evaluate(SHOWN) == [name_of(term)]
        visit.page.keyboard.press("Escape")
        assert visit.page.evaluate(SHOWN) == []
        term.hover()
        box.wait_for()
        visit.page.mouse.move(1, 1)
        box.wait_for(state="hidden")
        assert visit.said == []


@pytest.mark.browser
def test_a_definition_shows_to_the_keyboard_and_is_read_out(browser, address):
    with Visit(browser, address, PAGE) as visit:
        terms = visit.page.locator("article a.term")
        term = in_sight(visit.page, 3)
        described = terms.evaluate_all(
            """all => all.map((e) => document.getElementById(
                e.getAttribute("aria-describedby"))?.textContent.length > 20)"""
        )
        assert all(described)
        term.evaluate("e => e.focus({ focusVisible: true })")
        assert visit.page.evaluate(SHOWN) == [name_of(term)]
        visit.page.keyboard.press("Escape")
        assert visit.page.evaluate(SHOWN) == []
        term.evaluate("e => e.blur()")
        term.evaluate("e => e.focus({ focusVisible: true })")
        visit.page.keyboard.press("Tab")
        assert name_of(term) not in visit.page.evaluate(SHOWN)


@pytest.mark.browser
def test_a_tap_shows_the_definition_and_the_next_one_follows(browser, address):
    touch = {"has_touch": True, "is_mobile": True}
    with Visit(browser, address, PAGE, width=PHONE, **touch) as visit:
        term = in_sight(visit.page, 1)
        term.tap()
        assert visit.page.evaluate(SHOWN) == [name_of(term)]
        assert visit.page.url.endswith(PAGE)
        visit.page.touchscreen.tap(200, 150)
        assert visit.page.evaluate(SHOWN) == []
        term.tap()
        visit.page.locator(f"#{name_of(term)} a").last.tap()
        visit.page.wait_for_url("**/glossary.html#*")
        visit.page.go_back()
        term = in_sight(visit.page, 1)
        term.tap()
        term.tap()
        visit.page.wait_for_url("**/glossary.html#*")


@pytest.mark.browser
@pytest.mark.parametrize("width", [PHONE, TABLET, DESKTOP])
def test_a_definition_lies_in_the_window_beside_its_term(browser, address, width):
    with Visit(browser, address, PAGE, width=width) as visit:
        page = visit.page
        page.evaluate("document.querySelectorAll('details').forEach(e => e.open = 1)")
        for number in range(0, page.locator("article a.term").count(), 6):
            term = in_sight(page, number)
            term.evaluate("e => e.focus({ focusVisible: true })")
            box = page.locator(f"#{name_of(term)}").evaluate(RECT)
            lines = term.evaluate("e => [...e.getClientRects()].map(r => r.toJSON())")
            assert 0 <= box["left"] < box["right"] <= width
            assert 0 <= box["top"] < box["bottom"] <= 900
            assert box["top"] >= lines[-1]["bottom"] or box["bottom"] <= lines[0]["top"]
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            term.evaluate("e => e.blur()")


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_definition_is_read_by_all(browser, address, theme):
    with Visit(browser, address, PAGE, theme) as visit:
        term = in_sight(visit.page, 3)
        term.evaluate("e => e.focus({ focusVisible: true })")
        assert grave(visit.page, f"#{name_of(term)}") == []


@pytest.mark.browser
def test_without_scripts_a_term_leads_to_its_entry(browser, address):
    with browser.new_context(java_script_enabled=False) as plain:
        page = plain.new_page()
        page.goto(f"{address}/{PAGE}")
        assert page.locator(".definition").count() == 0
        page.locator("article a.term").first.click()
        assert "glossary.html#" in page.url
