"""The whole book as one PDF, printed by Chromium.

    python -m helpers.press.pdf            writes _build/rnns-unrolled.pdf

Sphinx puts all pages on one. `edition` gives it a cover, a contents list with page
numbers and running heads, and print.css beside this file makes paper of it, in fonts
that come with matplotlib, so that every computer prints the same. A Chromium must be
installed; the variable CHROME names another one.
"""

import argparse
import sys
from io import BytesIO
from pathlib import Path

import matplotlib
import yaml
from bs4 import BeautifulSoup, Tag
from playwright.sync_api import Page, sync_playwright
from pypdf import PdfReader

from helpers import ROOT
from helpers.browser import LAUNCH, chromium
from helpers.press.rendering import render
from helpers.results import console
from helpers.results.files import write_text

PDF = Path("_build/rnns-unrolled.pdf")
STYLE = Path(__file__).with_name("print.css")
FACES = {  # files of matplotlib: style, weight, and the family that print.css names
    "STIXGeneral": ("normal", "normal", "STIXGeneral"),
    "STIXGeneralItalic": ("italic", "normal", "STIXGeneral"),
    "STIXGeneralBol": ("normal", "bold", "STIXGeneral"),
    "STIXGeneralBolIta": ("italic", "bold", "STIXGeneral"),
    "DejaVuSans": ("normal", "normal", "DejaVu Sans"),
    "DejaVuSans-Oblique": ("italic", "normal", "DejaVu Sans"),
    "DejaVuSans-Bold": ("normal", "bold", "DejaVu Sans"),
    "DejaVuSansMono": ("normal", "normal", "DejaVu Sans Mono"),
    "DejaVuSansMono-Oblique": ("italic", "normal", "DejaVu Sans Mono"),
    "DejaVuSansMono-Bold": ("normal", "bold", "DejaVu Sans Mono"),
}
# Of no use on paper: what it costs to run a page, marks to click, cells that show
# neither code nor output, and the MathML of a formula, of which a reader gets the TeX.
LEFT_OUT = "p.cost, p.doors, a.headerlink, mjx-assistive-mml, script"
LEFT_OUT += ", div.cell:not(:has(pre, .cell_output))"
NUMBER = '<span class="number">000</span>'  # of a page, until it is known
NUMBERED = ("Solution", "Back to the exercise")  # what a reader turns to
SHORT = 12  # lines of a listing that stays on one page
# The tokens of Pygments that print.css colours, by name or its first letter.
COLOURED = {"k": "keyword", "ow": "keyword", "c": "comment", "s": "string"}
COLOURED |= {"nf": "defined", "nc": "defined"}
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
{formulas}
<style>
{style}
</style>
</head>
<body>
<header class="cover">
<p class="title">{title}</p>
<p class="about">A course on recurrent neural networks in live PyTensor</p>
<img src="{picture}" alt="">
<p class="imprint">The RNNs, Unrolled authors</p>
</header>
<nav class="contents">
<h1 id="contents">Contents</h1>
{contents}
</nav>
<main>
{chapters}
</main>
</body>
</html>
"""


def faces() -> list[str]:
    """The fonts, each as a rule of a style sheet.

    Raises RuntimeError if matplotlib lacks one.
    """
    rules = []
    for file, (style, weight, family) in FACES.items():
        path = Path(matplotlib.get_data_path(), f"fonts/ttf/{file}.ttf")
        if not path.exists():
            raise RuntimeError(f"{path} is missing: install matplotlib again")
        rules.append(
            f'@font-face {{ font-family: "{family}"; font-style: {style};'
            f' font-weight: {weight}; src: url("{path.as_uri()}"); }}'
        )
    return rules


def merge_tokens(listing: Tag) -> None:
    """Leave of the tokens of a listing those that print.css colours.

    Each would be an element of the PDF, and they were half of its bytes.
    """
    last = None
    for token in listing.find_all("span"):
        name = " ".join(token.get("class", ()))
        kind = COLOURED.get(name) or COLOURED.get(name[:1])
        if kind is None or not token.get_text():
            token.unwrap()
        elif last and token.previous_sibling is last and last["class"] == kind:
            last.append(token.extract().get_text())
        else:
            token["class"], last = kind, token


def line(section: Tag, inner: str = "") -> str:
    """The line of a section in the contents list, and what stands below it."""
    title = section.find(["h1", "h2"]).decode_contents()
    link = f'<a href="#{section["id"]}"><span>{title}</span>{NUMBER}</a>'
    return f"<li>{link}{inner}</li>\n"


def listed(part: Tag, deep: bool) -> str:
    """The contents list of a part: its chapters, and if `deep` their sections."""
    lines = []
    for chapter in part.find_all("section", recursive=False):
        sections = chapter.find_all("section", recursive=False) if deep else []
        inner = "".join(map(line, sections))
        lines.append(line(chapter, f"\n<ul>\n{inner}</ul>" if inner else ""))
    return f"<ul>\n{''.join(lines)}</ul>\n"


def edition(html: str, parts: list[str]) -> str:
    """The page of the print edition, from that of Sphinx and the names of the parts.

    Raises RuntimeError where the page has another number of parts.
    """
    page = BeautifulSoup(html, "html.parser")
    preface = page.select_one("article > section")
    wrappers = [part.extract() for part in preface.select("div.toctree-wrapper")]
    if len(wrappers) != len(parts):
        raise RuntimeError(f"a book of {len(parts)} parts has {len(wrappers)} of them")
    chapters = [preface]
    for part in wrappers:
        for chapter in part.find_all("section", recursive=False):
            for heading in chapter.find_all(["h2", "h3", "h4", "h5", "h6"]):
                heading.name = f"h{int(heading.name[1]) - 1}"
            # What links to the page lead to goes with its title on to a new sheet.
            chapter.insert(0, chapter.find_previous_sibling("span").extract())
            chapters.append(chapter)
    heads = []
    for number, chapter in enumerate(chapters):
        for element in chapter.select(LEFT_OUT):
            element.decompose()
        for formula in chapter.select("[data-tex] > mjx-container"):
            formula["role"], formula["aria-label"] = "img", formula.parent["data-tex"]
        for listing in chapter.select("pre"):
            merge_tokens(listing)
            if listing.get_text().count("\n") <= SHORT:
                listing["class"] = "short"
        for link in chapter.select('a[href^="#"]'):
            if link.get_text() in NUMBERED:
                link.append(BeautifulSoup(f", page {NUMBER}", "html.parser"))
        title = chapter.h1.get_text().replace("\\", r"\\").replace('"', r"\"")
        if chapter is preface:  # its title is that of the book: on the left, everywhere
            heads.append(f'@page {{ @top-left {{ content: "{title}"; }} }}')
        else:
            name = f"sheet-{number}"
            heads.append(f'@page {name} {{ @top-right {{ content: "{title}"; }} }}')
            chapter["style"] = f"page: {name}"
    contents = [f"<ul>\n{line(preface)}</ul>\n"]
    for i, (name, part) in enumerate(zip(parts, wrappers, strict=True)):
        contents.append(f"<h2>{name}</h2>\n{listed(part, deep=i == 0)}")
    return PAGE.format(
        title=preface.h1.get_text(),
        formulas="\n".join(map(str, page.select("head style"))),
        style="\n".join([*faces(), STYLE.read_text(encoding="utf-8"), *heads]),
        picture=preface.img["src"],
        contents="".join(contents),
        chapters="\n".join(map(str, chapters)),
    )


def single_page(root: Path = ROOT) -> Path:
    """Build the print edition as one page; returns its file.

    Raises RuntimeError with what Sphinx said if a warning or an error came.
    """
    book = render(root, root, "singlehtml")
    if book.status:
        raise RuntimeError(f"the book could not be built:\n{book.log}")
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    text = (book.html / "book/index.html").read_text(encoding="utf-8")
    # The page lies in book/, but its links are those of a page beside that folder.
    text = text.replace('href="book/index.html#', 'href="#')
    text = text.replace('href="#document-book/index"', 'href="#"')  # the first page
    text = edition(text, [part["caption"] for part in toc["parts"]])
    write_text(book.html / "book.html", text)
    return book.html / "book.html"


def number_pages(tab: Page) -> None:
    """Write into the contents list, and where a link says so, the number of the page.

    Chromium tells it only once it has printed, so it prints twice.
    """
    printed = PdfReader(BytesIO(tab.pdf(prefer_css_page_size=True, tagged=False)))
    pages = {
        name.removeprefix("/"): printed.get_destination_page_number(place) + 1
        for name, place in printed.named_destinations.items()
    }
    tab.evaluate(
        """(pages) => {
            for (const number of document.querySelectorAll(".number"))
                number.textContent = pages[number.parentElement.hash.slice(1)];
        }""",
        pages,
    )


def print_page(page: Path, pdf: Path) -> None:
    """Print an HTML file, with an outline; fonts and pictures are waited for.

    Raises RuntimeError where there is no Chromium, or a picture is missing.
    """
    if not chromium():
        raise RuntimeError(
            "no Chromium: install it, or name one by the variable CHROME"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), **LAUNCH)
        tab = browser.new_page(color_scheme="light")
        tab.goto(page.as_uri(), wait_until="load", timeout=120_000)
        tab.evaluate("document.fonts.ready.then(() => true)")
        # What lies far down is not loaded before somebody scrolls there.
        missing = tab.evaluate(
            """() => Promise.all([...document.images].map((image) => {
                image.loading = "eager";
                return image.decode().then(() => [], () => [image.src]);
            })).then((found) => found.flat())"""
        )
        if missing:
            raise RuntimeError(f"{missing[0]} is missing")
        if tab.query_selector(".number"):
            number_pages(tab)
        whole = pdf.with_suffix(".part")
        tab.pdf(
            path=whole,
            prefer_css_page_size=True,
            outline=True,
            tagged=True,
            print_background=True,
        )
        browser.close()
    whole.replace(pdf)


def main() -> int:
    """The command line; returns the exit code."""
    console.show_any_text()
    argparse.ArgumentParser(
        prog="python -m helpers.press.pdf", description="Print the book as a PDF."
    ).parse_args()
    try:
        print_page(single_page(), ROOT / PDF)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"The book on paper: {ROOT / PDF}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
