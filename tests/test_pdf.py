"""The book on paper: one page whose links hold, and a printer that misses nothing."""

import re
import unicodedata
from collections import Counter

import pytest
import rendered_book
from playwright.sync_api import sync_playwright
from pypdf import PdfReader

from helpers import ROOT
from helpers.press import pdf

# The page of Sphinx, with a front page, a chapter and its solution.
BOOK = """\
<html><head><style>mjx-container {{ color: black; }}</style></head><body><article>
<section id="a-book"><h1>A book<a class="headerlink" href="#a-book">#</a></h1>
<p class="cost">Four minutes.</p>
<figure id="cover"><img src="cover.svg" alt="A cover."></figure>
<div class="toctree-wrapper">
<span id="document-book/one"></span><section id="one"><h2>1. One "line" \\ more</h2>
<p>See <span class="math" data-tex="a &lt; b"><mjx-container><mjx-math
aria-hidden="true">ab</mjx-math><mjx-assistive-mml>ab</mjx-assistive-mml>
</mjx-container></span>.</p>
<div class="cell"></div>
<div class="cell"><div class="cell_input"><pre><span></span><span class="k">def</span>
<span class="nf">f</span><span class="p">(</span><span class="s2">"a</span><span
class="si">{{b}}</span><span class="s2">"</span><span class="p">)</span>
</pre></div></div>
{filler}
<section id="what"><h3>What is <em>it</em>?</h3><p>It is this.</p></section>
<section id="task"><h3>Exercise 1.1</h3><p><a href="#answer"><span>Solution</span></a>
</p></section></section>
</div>
<div class="toctree-wrapper">
<span id="document-book/answers"></span><section id="answers"><h2>Answers</h2>
<section id="answer"><h3>Exercise 1.1</h3><p>So.</p></section></section>
</div>
</section></article></body></html>
"""
PARTS = ["Chapters", "Solutions"]

needs_chromium = pytest.mark.skipif(
    not pdf.chromium(), reason="no Chromium: install it, or name one by CHROME"
)


def edition(filler=""):
    return pdf.edition(BOOK.format(filler=filler), PARTS)


def plain(text):
    """A text without ligatures and lines, as it is compared."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def parsed(text):
    return rendered_book.BeautifulSoup(text, "html.parser")


@pytest.fixture(scope="module")
def page():
    """The print edition of the book, as a file."""
    return pdf.single_page()


@pytest.fixture(scope="module")
def printed(page, tmp_path_factory):
    """The whole book, printed."""
    path = tmp_path_factory.mktemp("printed") / "book.pdf"
    pdf.print_page(page, path)
    return path


# The page that is printed ------------------------------------------------------


@pytest.mark.documents
def test_an_edition_has_a_cover_and_a_contents_list():
    page = parsed(edition())
    assert page.select_one(".cover .title").text == "A book"
    assert page.select_one(".cover img")["src"] == "cover.svg"
    listed = {link["href"]: link.span.text for link in page.select(".contents a")}
    assert listed == {
        "#a-book": "A book",
        "#one": '1. One "line" \\ more',
        "#what": "What is it?",
        "#task": "Exercise 1.1",
        "#answers": "Answers",  # whose sections are found from the exercises
    }
    assert [part.text for part in page.select(".contents h2")] == PARTS


@pytest.mark.documents
def test_an_edition_leaves_out_what_paper_has_no_use_for():
    page = parsed(edition())
    assert not page.select(pdf.LEFT_OUT)
    assert len(page.select(".cell")) == 1
    formula = page.select_one("mjx-container")
    assert (formula["role"], formula["aria-label"]) == ("img", "a < b")


@pytest.mark.documents
def test_a_listing_keeps_its_text_and_the_colours_of_the_style():
    [code] = parsed(edition()).select("pre")
    [whole] = parsed(BOOK.format(filler="")).select("pre")
    assert code.text == whole.text
    kinds = [(*token["class"], token.text) for token in code.select("span")]
    assert kinds == [("keyword", "def"), ("defined", "f"), ("string", '"a{b}"')]
    style = pdf.STYLE.read_text(encoding="utf-8")
    assert all(f".{kind} {{" in style for kind in pdf.COLOURED.values())


@pytest.mark.documents
def test_headings_are_those_of_a_chapter():
    page = parsed(edition())
    assert [h.text for h in page.select("main h1")] == [
        "A book",
        '1. One "line" \\ more',
        "Answers",
    ]
    assert {h.name for h in page.select("main section section > :is(h1, h2)")} == {"h2"}


@pytest.mark.documents
def test_a_book_with_another_number_of_parts_is_refused():
    with pytest.raises(RuntimeError, match="a book of 1 parts has 2"):
        pdf.edition(BOOK.format(filler=""), ["Chapters"])


@pytest.mark.documents
@pytest.mark.nightly
def test_all_pages_are_one_and_no_link_leads_out_of_it(page):
    page = rendered_book.parsed(page)
    names = Counter(element["id"] for element in page.select("[id]"))
    assert {name: n for name, n in names.items() if n > 1} == {}
    for name in re.findall(r"file: (\S+)", (ROOT / "_toc.yml").read_text("utf-8")):
        assert f"document-{name}" in names
    inside = [link["href"][1:] for link in page.select("a[href^='#']")]
    assert len(inside) > 500
    assert [link for link in inside if link and link not in names] == []
    assert not page.select("script")


@pytest.mark.documents
@pytest.mark.nightly
def test_a_link_to_what_every_chapter_has_leads_to_its_own(page):
    """Each chapter has a quiz, and its answers stand with the solutions to it."""
    page = rendered_book.parsed(page)
    quizzes = page.select("main > section > section[id$='quiz']")
    assert len(quizzes) == 18
    for quiz in quizzes[:9]:
        links = {link["href"][1:] for link in quiz.select("a[href$='quiz']")}
        number = quiz.parent.h1.text.split(".")[0]
        [answers] = [page.find(id=name) for name in links]
        assert answers.parent.h1.text == f"Solutions to chapter {number}"


# The printer -------------------------------------------------------------------


@pytest.mark.documents
@pytest.mark.browser
@needs_chromium
@pytest.mark.parametrize("lines", [33, 35, 37, 39])
def test_what_the_contents_list_says_is_so(tmp_path, lines):
    """Wherever the page breaks: a heading is never the last line of one."""
    (tmp_path / "cover.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>', "utf-8"
    )
    html = tmp_path / "book.html"
    html.write_text(edition("<p>A line.</p>\n" * lines), "utf-8")
    pdf.print_page(html, tmp_path / "book.pdf")
    pages = PdfReader(tmp_path / "book.pdf").pages
    pages = [plain(page.extract_text()) for page in pages]
    titles = ["A book", '1. One "line" \\ more', "What is it?", "Answers"]
    contents = pages[1].partition("Contents")[2]
    for title in titles:
        [number] = re.findall(rf"{re.escape(title)} (\d+)", contents)
        assert title in pages[int(number) - 1]
    [what] = [page for page in pages[2:] if "What is it?" in page]
    assert "It is this." in what
    # The running head, and the number of the page, of which the cover has none.
    for number, page in enumerate(pages, 1):
        assert "A book" in page
        assert bool(re.search(rf"(?<!\d){number}(?!\d)", page)) == (number > 1), page
    one = [page for page in pages[2:] if "A line." in page]
    assert all(titles[1] in page for page in one)
    [answer] = [i for i, page in enumerate(pages, 1) if "So." in page]
    assert f"Solution, page {answer}" in what


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


def test_without_its_fonts_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(pdf.matplotlib, "get_data_path", lambda: str(tmp_path))
    with pytest.raises(RuntimeError, match=r"STIXGeneral\.ttf is missing"):
        edition()


def test_a_book_that_cannot_be_built_is_not_printed(tmp_path):
    with pytest.raises(RuntimeError, match="the book could not be built"):
        pdf.single_page(tmp_path)


# The whole book ----------------------------------------------------------------

MEASURE = """() => {
    const size = (element) => parseFloat(getComputedStyle(element).fontSize);
    const formulas = [...document.querySelectorAll(".math > mjx-container")].filter(
        (e) => e.parentElement.matches("p > *, p > .unbroken > *"));
    const listings = [...document.querySelectorAll("main pre")].filter(
        (e) => e.getBoundingClientRect().height);
    return {
        sizes: formulas.map((e) => size(e) / size(e.closest("p"))),
        text: Math.min(...[...document.querySelectorAll("main section > p")].map(size)),
        code: Math.min(...listings.map(size)),
        // What a listing has beside its lines, in lines.
        spare: listings.map((e) => {
            const lines = document.createRange();
            lines.selectNodeContents(e);
            const height = e.getBoundingClientRect().height;
            return (height - lines.getBoundingClientRect().height) / size(e);
        }),
        ends: listings.filter((e) => /^\\s*\\n|\\n\\s*\\n$/.test(e.textContent)).length,
    };
}"""


@pytest.mark.documents
@pytest.mark.browser
@pytest.mark.nightly
@needs_chromium
def test_formulas_have_the_size_of_the_text_and_listings_no_empty_rows(page):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=pdf.chromium(), **pdf.LAUNCH
        )
        tab = browser.new_page()
        tab.goto(page.as_uri(), timeout=120_000)
        tab.evaluate("document.fonts.ready.then(() => true)")
        found = tab.evaluate(MEASURE)
        browser.close()
    # A small letter of the text has 0.450 of its size, one of a formula 0.431.
    assert len(found["sizes"]) > 1000
    assert min(found["sizes"]) * 0.431 / 0.450 > 0.98
    assert max(found["sizes"]) * 0.431 / 0.450 < 1.02
    assert found["text"] >= 9.5 * 4 / 3  # points
    assert found["code"] >= 8 * 4 / 3
    assert len(found["spare"]) > 800
    assert max(found["spare"]) < 1
    assert found["ends"] == 0


@pytest.mark.documents
@pytest.mark.browser
@pytest.mark.nightly
@needs_chromium
def test_the_whole_book_is_short_and_light_and_no_heading_ends_a_page(printed):
    """It had 450 pages and 20.4 MB, without a cover and numbers."""
    book = PdfReader(printed)
    assert 200 < len(book.pages) <= 0.78 * 450
    assert printed.stat().st_size <= 0.6 * 20_431_844

    def headings(items):
        for item in items:
            if isinstance(item, list):
                yield from headings(item)
            else:
                yield item

    found = list(headings(book.outline))
    assert len(found) > 500
    texts = [plain(page.extract_text()) for page in book.pages]
    foot = 19 / 25.4 * 72  # points, in print.css
    for heading in found:
        assert heading.top > foot + 20, heading.title
        number = book.get_destination_page_number(heading)
        assert not texts[number].endswith(plain(heading.title)), (number, heading.title)
    # What the contents list says of each of them is so.
    begin = {name[1:]: place for name, place in book.named_destinations.items()}
    contents = rendered_book.parsed(pdf.ROOT / "_build/singlehtml/book.html")
    for link in contents.select(".contents a"):
        number = book.get_destination_page_number(begin[link["href"][1:]]) + 1
        if not link.select("mjx-container"):
            line = f"{plain(link.span.text)} {number}"
            assert any(line in text for text in texts[1:4])
