"""The symbols of formulas have the colours that figures give their roles."""

import importlib
import re
import sys

import pytest
import rendered_book
import test_browser
from bs4 import BeautifulSoup
from rendered_book import parsed
from test_artwork import contrast
from test_browser import Visit, coded

from helpers import ROOT
from helpers.figures import plots

pytestmark = pytest.mark.documents

address, browser = test_browser.address, test_browser.browser
sys.path.append(str(ROOT / "book" / "_extensions"))
book_mathjax = importlib.import_module("book_mathjax")
book_roles = importlib.import_module("book_roles")

STYLE = (ROOT / "book/_static/book.css").read_text(encoding="utf-8")
DARK = dict(re.findall(r"--picture-(\w+): (#[0-9a-f]{6});", STYLE))
PAGES = {"light": "#ffffff"}
[PAGES["dark"]] = re.findall(r"--pst-color-background: (#[0-9a-f]{6})", STYLE)
ITALIC = {"x": "1D465", "h": "210E", "o": "1D45C", "u": "1D462", "δ": "1D6FF"}
ITALIC |= {c: f"{0x1D44E + ord(c) - 97:X}" for c in "abcdefgijklmnpqrstvwyz"}
ITALIC |= {c: f"{0x1D434 + ord(c) - 65:X}" for c in "WLTM"}
COLOURS = "all => all.map((e) => getComputedStyle(e).color)"
LETTER = {f"mjx-c{code}": letter for letter, code in ITALIC.items()}


def coloured(tex, roles=book_roles.SYMBOLS):
    """The letters of a formula that have a role, in order: "h:hidden t:hidden"."""
    html = book_mathjax.typeset(tex, roles=roles)
    formula = BeautifulSoup(html, "html.parser").select_one("mjx-math")
    found = []
    for glyph in formula.select("mjx-c[class]"):
        names = (name for e in glyph.parents for name in e.get("class", ()))
        role = next((name[5:] for name in names if name.startswith("role-")), "")
        letter = LETTER.get(glyph["class"][0])
        if role and letter:
            found.append(f"{letter}:{role}")
    return " ".join(found)


@pytest.mark.parametrize(
    ("tex", "found"),
    [
        ("x + h + o", "x:input h:hidden o:output"),
        ("h_t W_{hh} + b_h", "h:hidden t:hidden"),
        ("W_{ih} + b_o + n_{out}", ""),
        (r"x_t^\top h_{t-1}^k", "x:input t:input h:hidden t:hidden"),
        (r"\delta h_t W", "δ:gradient h:gradient t:gradient"),
        (r"\delta W_{ij}", "δ:gradient W:gradient i:gradient j:gradient"),
        (r"\delta W^\top h^\top", "δ:gradient W:gradient h:hidden"),
        (r"\cos(t + \delta) + \delta", ""),
        (r"\frac{\partial L}{\partial o_t}", "L:gradient o:gradient t:gradient"),
        (r"\frac{h}{2}", "h:hidden"),
        (r"e^{o_k}", "o:output k:output"),
        (r"\tanh(x) \cdot \text{hox}", "x:input"),
        (
            r"\begin{aligned} h &= x \\ o &= h W \end{aligned}",
            "h:hidden x:input o:output h:hidden",
        ),
        (r"\begin{pmatrix} x_1 & h \end{pmatrix}", "x:input h:hidden"),
        (r"\underbrace{n}_{h_0}", "h:hidden"),
        (r"\sum_t \delta a_t", "δ:gradient a:gradient t:gradient"),
    ],
)
def test_a_symbol_has_the_colour_of_its_role(tex, found):
    assert coloured(tex) == found


def test_an_output_gate_is_no_output():
    cell = book_roles.roles("book/06_embedded_reber")
    assert coloured(r"h_t = o_t \odot c_t", cell) == "h:hidden t:hidden"
    assert coloured(r"\delta o_t", cell) == "δ:gradient o:gradient t:gradient"
    assert book_roles.roles("book/solutions/06_embedded_reber") == cell
    assert book_roles.roles("book/04_bptt") == book_roles.SYMBOLS


def test_a_formula_in_a_sentence_stays_black_and_mathml_as_it_was():
    tex = r"h_t = \tanh(x_t W_{ih})"
    assert "role-" not in book_mathjax.typeset(tex)

    def mathml(html):
        formula = BeautifulSoup(html, "html.parser")
        return str(formula.select_one("mjx-assistive-mml math"))

    plain = mathml(book_mathjax.typeset(tex, roles={}))
    assert mathml(book_mathjax.typeset(tex, roles=book_roles.SYMBOLS)) == plain
    assert "role-" not in plain


@pytest.mark.parametrize("role", book_roles.NAMES)
def test_the_colours_are_those_of_figures_and_stand_out(role):
    style = book_roles.style()
    assert f".role-{role} {{ color: {plots.COLOURS[role]} }}" in style
    assert f".role-{role} {{ color: var(--picture-{role}) }}" in style
    assert contrast(plots.COLOURS[role], PAGES["light"]) >= 4.5
    assert contrast(DARK[role], PAGES["dark"]) >= 4.5


def test_each_page_with_colours_names_its_own_once():
    html, seen = rendered_book.book().html, 0
    for path in html.glob("book/**/*.html"):
        page = parsed(path)
        formulas = [m for m in page.select("div.math") if m.select("[class*=role-]")]
        lines = page.select(".formula-roles")
        assert len(lines) == bool(formulas), path.name
        if formulas:
            seen += 1
            assert lines[0].find_previous_sibling("div") is formulas[0]
            after = str(lines[0].find_next_sibling())
            assert not re.match(r"<p>[a-z]", after), f"{path.name}: in a sentence"
            used = {
                c for m in formulas for e in m.select("[class]") for c in e["class"]
            }
            used = {name for name in used if name.startswith("role-")}
            named = [strong["class"][0] for strong in lines[0].select("strong")]
            assert set(named) == used
            assert len(named) == len(used)
    assert seen >= 8


@pytest.mark.browser
@pytest.mark.parametrize("theme", PAGES)
def test_a_browser_shows_these_colours(browser, address, theme):
    wanted = plots.COLOURS if theme == "light" else DARK
    with Visit(browser, address, "book/04_bptt.html", theme) as visit:
        for role in book_roles.NAMES:
            glyphs = visit.page.locator(f"mjx-container .role-{role}")
            found = glyphs.evaluate_all(
                "all => all.map(e => getComputedStyle(e).color)"
            )
            assert {coded(colour) for colour in found} == {wanted[role].lower()}
        figure = visit.page.locator(".panels .gradient-line").first
        line = figure.evaluate("e => getComputedStyle(e).stroke")
        assert coded(line) == wanted["gradient"].lower()
