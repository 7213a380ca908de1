"""What a page loads is little, and nothing is lost by it.

Bytes are those of the files, before a server compresses them.
"""

import base64
import importlib
import io
import re
import sys
from importlib.resources import files
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
import rendered_book
import test_browser
import tinycss2
from fontTools.ttLib import TTFont
from rendered_book import contents, each, listed, parsed
from test_browser import PHONE, Visit

from helpers import ROOT
from helpers.press import notebooks

pytestmark = pytest.mark.documents

address, browser = test_browser.address, test_browser.browser

sys.path.append(str(ROOT / "book" / "_extensions"))
book_mathjax = importlib.import_module("book_mathjax")
weight_fonts = importlib.import_module("weight_fonts")
weight_pages = importlib.import_module("weight_pages")
weight_styles = importlib.import_module("weight_styles")

FRONT, SEARCH = "book/index.html", "search.html"
NAMES = (*listed(), SEARCH)
BYTES = {FRONT: 500_000}  # and another page
PAGE_BYTES = 1_200_000
REQUESTS = 40
BOOK_BYTES = 14_468_000  # 0.6 of what the book took before anything was left out
URL = re.compile(r"""url\("?([^")]+)"?\)""")
ICON = re.compile(r"fa-(?!solid|lg)[\w-]+")


@pytest.fixture(scope="module")
def html():
    return rendered_book.book().html


def addresses(page):
    """What a page asks for by itself: scripts, style sheets, pictures, fonts."""
    yield from (e["src"] for e in page.select("script[src], img[src]"))
    for link in page.select("link[href]"):
        if {"stylesheet", "icon", "preload"} & set(link["rel"]):
            yield link["href"]
    for style in page.select("style"):
        yield from URL.findall(style.text)


def loaded(html, name):
    """The files that a page loads, itself among them. A font is loaded if it may be."""
    found = {html / name}
    for address in addresses(parsed(html / name)):
        parts = urlsplit(address)
        if not parts.scheme:
            found.add((html / name).parent.joinpath(unquote(parts.path)).resolve())
    for sheet in [path for path in found if path.suffix == ".css"]:
        for address in URL.findall(sheet.read_text(encoding="utf-8")):
            if not urlsplit(address).scheme:
                found.add(sheet.parent.joinpath(address).resolve())
    return found


# ---------------------------------------------------------------------------
# The budgets


@pytest.mark.parametrize("name", NAMES)
def test_a_page_keeps_to_its_budget(html, name):
    asked = loaded(html, name)
    assert sum(path.stat().st_size for path in asked) <= BYTES.get(name, PAGE_BYTES)
    assert len(asked) <= REQUESTS
    blocking = [
        script["src"]
        for script in parsed(html / name).select("script[src]")
        if not {"defer", "async"} & set(script.attrs) and script.get("type") != "module"
    ]
    # The search of Sphinx has scripts that wait for each other.
    assert blocking == []


def test_the_book_keeps_to_its_budget(html):
    sizes = [path.stat().st_size for path in html.rglob("*") if path.is_file()]
    assert sum(sizes) <= BOOK_BYTES


def test_only_a_page_with_formulas_has_their_style_and_fonts(html):
    with_formulas = 0
    for name in NAMES:
        page = parsed(html / name)
        there = bool(page.select("mjx-container"))
        styles = "".join(style.text for style in page.select("style"))
        assert ("mjx-" in styles) == there, name
        assert any(path.suffix == ".woff" for path in loaded(html, name)) == there
        with_formulas += there
    assert 8 < with_formulas < len(NAMES)


@pytest.mark.browser
@pytest.mark.parametrize("name", each(listed()))
def test_chromium_loads_no_more_and_no_script_keeps_it_waiting(browser, address, name):
    blocking = """performance.getEntriesByType("resource").filter(
        (entry) => entry.renderBlockingStatus == "blocking").map((entry) => entry.name)
    """
    with Visit(browser, address, name, width=PHONE) as visit:
        files = [r for r in visit.responses if r.url.startswith("http")]
        total = sum(len(response.body()) for response in files)
        assert total <= BYTES.get(name, PAGE_BYTES)
        assert len(files) <= REQUESTS
        assert all(".css" in url for url in visit.page.evaluate(blocking))


# ---------------------------------------------------------------------------
# What goes, and what stays


def test_what_a_page_or_a_sheet_asks_for_is_there_and_nothing_else(html):
    asked = set().union(*(loaded(html, name) for name in NAMES))
    asked |= loaded(html, "genindex.html")
    assert [path for path in asked if not path.exists()] == []
    scripts = " ".join(p.read_text("utf-8") for p in asked if p.suffix == ".js")
    cards = " ".join(
        str(meta) for name in NAMES for meta in parsed(html / name).select("meta")
    )
    idle = [
        path.name
        for path in html.joinpath("_static").rglob("*.*")
        if path.is_file() and path not in asked and "LICENSE" not in path.name
    ]
    assert [name for name in idle if name not in scripts + cards] == []
    assert not html.joinpath("_static/locales").exists()


def test_a_notebook_to_download_is_whole_but_for_its_outputs(html):
    for path in notebooks.find():
        copy = html / "_sources" / path.relative_to(ROOT)
        got = nbformat.read(copy, as_version=4)
        nbformat.validate(got)
        cells = [
            (cell.cell_type, cell.source, cell.metadata.get("tags"))
            for cell in notebooks.read(path).cells
        ]
        assert cells == [
            (cell.cell_type, cell.source, cell.metadata.get("tags"))
            for cell in got.cells
        ], path.name
        assert not any(cell.get("outputs") for cell in got.cells)


def selectors(sheet):
    """The selectors of a style sheet's rules, each by itself, with few spaces."""
    rules, found = tinycss2.parse_stylesheet(sheet, True, True), []
    while rules:
        rule = rules.pop()
        if rule.type == "qualified-rule":
            text = tinycss2.serialize(rule.prelude)
            text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
            text = re.sub(r"\s+", " ", re.sub(r"\s*([>+~,])\s*", r"\1", text)).strip()
            found += re.split(r",(?![^(\[]*[)\]])", text)
        elif rule.type == "at-rule" and rule.content and "media" in rule.at_keyword:
            rules += tinycss2.parse_rule_list(rule.content, True, True)
    return found


def matches(page, selector):
    """Whether a page has an element that the selector selects in some state.

    What is said in brackets is not understood, and taken for no.
    """
    bare = re.sub(r"(^|[ >+~])(?=:)", r"\1*", selector)
    bare = re.sub(r"::?[\w-]+", "", bare)
    understood = re.fullmatch(r"[\w .#>+~*-]+", bare)
    return bool(understood and page.select(bare, limit=1))


@pytest.mark.parametrize("name", [FRONT, "book/bibliography.html"])
def test_every_rule_of_the_theme_for_an_element_of_a_page_stays(html, name):
    styles = files("pydata_sphinx_theme") / "theme/pydata_sphinx_theme/static/styles"
    kept = html.joinpath("_static/theme.css").read_text(encoding="utf-8")
    kept, page = set(selectors(kept)), parsed(html / name)
    found = 0
    for sheet in ("bootstrap.css", "pydata-sphinx-theme.css"):
        known = set(selectors((styles / sheet).read_text(encoding="utf-8")))
        needed = {s for s in known if s not in kept and matches(page, s)}
        assert needed == set()
        found += len(known & kept)
    assert found > 300


def glyphs(font):
    """The characters that a font draws."""
    with TTFont(font) as opened:
        return {chr(code) for code in opened.getBestCmap()}


def test_fonts_hold_every_sign_of_the_formulas(html):
    shown, seen = {}, 0
    for name in NAMES:
        for style in parsed(html / name).select("style"):
            for url in URL.findall(style.text):
                signs = re.findall(r'content: ?"([^"])"', style.text)
                shown.setdefault(url.rsplit("/", 1)[-1], set()).update(signs)
    for font, signs in shown.items():
        whole = glyphs(book_mathjax.source() / book_mathjax.FONTS / font)
        assert whole & signs <= glyphs(html / "mathjax" / font), font
        seen += len(whole & signs)
    assert seen > 100


def test_the_fonts_of_icons_draw_every_icon_of_the_pages(html):
    sheet = html.joinpath("_static/theme.css").read_text(encoding="utf-8")
    fonts = [
        TTFont(io.BytesIO(base64.b64decode(data)))
        for data in re.findall(r'url\("data:font/woff;base64,([^"]+)"', sheet)
    ]
    drawn = {
        chr(code)
        for font in fonts
        for code, glyph in font.getBestCmap().items()
        if font["glyf"][glyph].numberOfContours
    }
    named = set()
    for name in NAMES:
        text = (html / name).read_text(encoding="utf-8")
        named |= set(ICON.findall(" ".join(re.findall(r'class="([^"]*)"', text))))
    assert {"fa-bars", "fa-magnifying-glass", "fa-moon"} <= named
    for icon in named:
        [content] = re.findall(rf'\.{icon}::?before[^{{]*{{content:"(.)"}}', sheet)
        assert content in drawn, icon


# ---------------------------------------------------------------------------
# How a style sheet is cut


@pytest.mark.parametrize(
    ("rule", "stays"),
    [
        (".used{color:red}", ".used{color:red}"),
        (".idle{color:red}", ""),
        (".used.idle{color:red}", ""),
        (".used .idle{color:red}", ""),
        (".used:not(.idle){color:red}", ".used:not(.idle){color:red}"),
        (".used:hover::after{content:'.idle'}", '.used:hover::after{content:".idle"}'),
        ("#here, #gone { color : red }", "#here{color:red}"),
        ("P > B{color:red}", "P>B{color:red}"),
        ("p > table{color:red}", ""),
        ("p[class~=idle]{color:red}", "p[class~=idle]{color:red}"),
        ("*,:root{--a: ;color:red!important}", "*,:root{--a: ;color:red!important}"),
        ("@media print{.idle{top:0}p{top:0}}", "@media print{p{top:0}}"),
        ("@media print{.idle{top:0}}", ""),
        ("@keyframes idle{from{top:0}}", "@keyframes idle{from{top:0}}"),
        (
            "/* p */p/* a */{/* b */top:calc(1px + /* c */2px)}",
            "p{top:calc(1px + 2px)}",
        ),
        ("p{background:url(../a.svg)}", "p{background:url(a.svg)}"),
        ('p{background:url("b/a.svg")}', 'p{background:url("sub/b/a.svg")}'),
        ("p{background:url(data:b,a)}", "p{background:url(data:b,a)}"),
    ],
)
def test_a_rule_goes_only_if_it_names_what_is_not_there(rule, stays):
    page = '<p class="used other" id="here"><b>x</b></p>'
    assert weight_styles.cut(rule, weight_styles.words(page), "sub") == stays


def test_what_a_script_may_write_counts_as_there():
    page = "<p>x</p><script>e.className = `tip-${side} shown`</script>"
    words = weight_styles.words(page)
    assert weight_styles.cut(".shown{top:0}.x{top:0}", words) == ".shown{top:0}"


def test_what_an_attribute_hides_counts_as_there():
    said = '{"a": "<i class=\\"deep\\">a word of a quiz, in base64</i>"}'
    hidden = base64.b64encode(said.encode()).decode()
    page = f'<p data-a="{hidden}" data-b="&lt;u class=&quot;deeper&quot;>"></p>'
    sheet = "i.deep{top:0}u.deeper{top:0}b{top:0}"
    assert weight_styles.cut(sheet, weight_styles.words(page)) == sheet[:-8]


def test_a_formula_in_the_answers_of_a_quiz_has_its_style(html):
    found = 0
    for name in NAMES:
        page = parsed(html / name)
        style = "".join(sheet.text for sheet in page.select("head style"))
        for question in page.select("[data-quiz]"):
            said = base64.b64decode(question["data-quiz"]).decode("utf-8")
            used = set(re.findall(r"\bmjx-c[0-9A-F]+\b", said))
            assert used <= set(re.findall(r"\.(mjx-c\w+)", style)), name
            found += len(used)
    assert found > 20


def test_a_sheet_that_is_no_css_is_refused():
    with pytest.raises(ValueError, match="must be CSS; line 2"):
        weight_styles.cut("p{top:0}\n}")


def test_what_no_rule_asks_for_goes():
    sheet = (
        ":root{--a:1;--b:var(--a);--c:2}@keyframes turn{from{top:0}}"
        "@keyframes idle{from{top:0}}@font-face{font-family:A;src:url(a)}"
        '@font-face{font-family:"B C";src:url(b)}'
        'p{animation:turn 1s;left:var(--c);font-family:"B C"}'
    )
    left = weight_styles.without_idle(sheet)
    assert "--c:2" in left
    assert not re.search("--a|--b|idle|url.?.?a", left)
    assert "turn{" in left
    assert left.count("@font-face") == 1
    assert "--a:1" in weight_styles.without_idle(sheet, "style='top: var(--b)'")


# ---------------------------------------------------------------------------
# How a page is written short


PAGE = """<div>
    <p class="a">one
      two</p>

    <div class="highlight"><pre><span></span><span class="n">x</span>
 <span class="o">=</span>
 <span class="p">(</span><span class="mi">1</span><span class="p">)</span>
</pre></div>
    <textarea>
      a   b</textarea>
    <script type="application/json">{"a":  [1.0,
      2e-05], "b": "<\\/script>"}</script>
    <svg><path id="f0123abcd-0-1" fill="#112233"/><use href="#f0123abcd-0-1"/></svg>
</div>
"""
PYGMENTS = (
    'html[data-theme="light"] .highlight .n { color: #080808 } /* Name */\n'
    'html[data-theme="dark"] .highlight .n { color: #ffffff }\n'
    'html[data-theme="light"] .highlight .p { color: #080808 }\n'
    'html[data-theme="dark"] .highlight .p { color: #ffffff }\n'
    'html[data-theme="light"] .highlight .o { color: #080808 }\n'
    'html[data-theme="dark"] .highlight .o { color: #00ff00 }\n'
)


def short(page):
    page = weight_pages.listings(page, weight_pages.plain(PYGMENTS))
    return weight_pages.spaces(weight_pages.figures(page), weight_styles.cut)


def test_a_page_written_short_says_the_same():
    assert weight_pages.plain(PYGMENTS) == {"n", "p"}
    text = short(PAGE)
    assert '<p class="a">one\ntwo</p>\n<div' in text
    assert '<pre class="n">x\n <span class="o">=</span>\n (<span' in text
    assert "<textarea>\n      a   b</textarea>" in text
    assert '{"a":[1.0,2e-05],"b":"<\\/script>"}' in text
    assert '<path id="f-0" fill="#123"/><use href="#f-0"/>' in text
    assert short(text) == text


def test_no_two_words_are_joined_where_a_comment_stood(html):
    remarks = re.compile(r"(\w+)[.,;:*]*<!--[^>]*--> (\w+)")
    for name in contents():
        if (ROOT / f"{name}.ipynb").exists():
            said = parsed(html / f"{name}.html").get_text()
            cells = (ROOT / f"{name}.ipynb").read_text(encoding="utf-8")
            for before, after in remarks.findall(cells):
                assert re.search(rf"{before}[.,;:]*\s+{after}", said), (name, after)


def test_a_listing_without_such_words_keeps_its_colour():
    page = '<div class="highlight"><pre><span></span>make book\n</pre></div>'
    assert short(page) == '<div class="highlight"><pre>make book\n</pre></div>'


def test_a_cut_font_holds_what_is_asked_and_is_the_same_each_time():
    font = book_mathjax.source() / book_mathjax.FONTS / "MathJax_Math-Italic.woff"
    cut = weight_fonts.cut(font, "xy→")
    assert glyphs(io.BytesIO(cut)) == {"x", "y"}
    assert len(cut) < font.stat().st_size / 5
    assert weight_fonts.cut(font, "y→x") == cut
    assert weight_fonts.cut(font, "→") == font.read_bytes()
