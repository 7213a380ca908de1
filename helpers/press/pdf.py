"""The whole book as one PDF, printed by Chromium.

    python -m helpers.press.pdf            writes _build/rnns-unrolled.pdf

Sphinx puts all pages on one, and the print style of book/_static/book.css makes paper
of it. A Chromium must be installed; the variable CHROME names another one.
"""

import argparse
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from helpers import ROOT
from helpers.browser import LAUNCH, chromium
from helpers.press.rendering import render
from helpers.results import console
from helpers.results.files import write_text

PDF = Path("_build/rnns-unrolled.pdf")
FOOTER = """\
<div style="font: 8px sans-serif; color: #666; width: 100%; text-align: center">
<span class="pageNumber"></span></div>"""


def single_page(root: Path = ROOT) -> Path:
    """Build the book as one page; returns its file.

    Raises RuntimeError with what Sphinx said if a warning or an error came.
    """
    book = render(root, root, "singlehtml")
    if book.status:
        raise RuntimeError(f"the book could not be built:\n{book.log}")
    # The page lies in book/, but its links are those of a page beside that folder.
    text = (book.html / "book/index.html").read_text(encoding="utf-8")
    text = text.replace('href="book/index.html#', 'href="#')
    text = text.replace('href="#document-book/index"', 'href="#"')  # the first page
    write_text(book.html / "book.html", text)
    return book.html / "book.html"


def print_page(page: Path, pdf: Path) -> None:
    """Print an HTML file on A4, with an outline; fonts and pictures are waited for.

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
        whole = pdf.with_suffix(".part")
        tab.pdf(
            path=whole,
            format="A4",
            margin={"top": "18mm", "bottom": "18mm", "left": "19mm", "right": "19mm"},
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=FOOTER,
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
