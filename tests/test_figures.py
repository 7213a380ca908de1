"""The figures in the notebooks are light, are read on a phone, and enter the page."""

import importlib
import sys
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup

from helpers import ROOT
from helpers.press import notebooks

pytestmark = pytest.mark.documents

sys.path.append(str(ROOT / "book" / "_extensions"))
book_figures = importlib.import_module("book_figures")

SVG = "{http://www.w3.org/2000/svg}"
PHONE = 390  # pixels
LEAST = 1.12  # pixels for a point of a panel, where it does not fill the phone alone
SMALLEST = 10  # pixels of a letter
HEAVIEST = 150_000  # characters of a figure
FIGURES = [
    pytest.param(output.data["image/svg+xml"], id=f"{path.stem}-{index}")
    for path in notebooks.find()
    for index, cell in enumerate(notebooks.read(path).cells)
    for output in cell.get("outputs", [])
    if "image/svg+xml" in output.get("data", {})
]


def test_there_are_figures():
    assert len(FIGURES) > 40


@pytest.mark.parametrize("svg", FIGURES)
def test_a_figure_is_light_and_its_letters_are_large_enough(svg):
    assert len(svg) < HEAVIEST
    root = ElementTree.fromstring(svg)
    panels = root.findall(f"{SVG}svg[@class='panel']")
    assert panels
    for panel in panels:
        scale = min(LEAST, PHONE / float(panel.get("width")))
        for text in panel.iter(f"{SVG}text"):
            parts = [text] if text.get("font-size") else list(text)
            # Of a formula the letters count, and not the small ones above and below.
            size = max(float(part.get("font-size")) for part in parts)
            assert size * scale > SMALLEST - 0.1, "".join(text.itertext())


DRAWN = """<svg xmlns="http://www.w3.org/2000/svg" font-family="serif"
 stroke-linejoin="round"><rect fill="#fff"/>
<svg class="panel" x="0" width="200" height="100" viewBox="0 0 200 100"><g/></svg>
<svg class="panel" x="200" width="100" height="100" viewBox="200 0 100 100"/></svg>"""


def test_a_page_gets_the_panels_without_the_ground_and_with_their_sizes():
    page = BeautifulSoup(book_figures.panels(DRAWN, 'A < "B"'), "html.parser")
    [figure] = page.select("div.panels")
    assert figure["role"] == "img"
    assert figure["aria-label"] == 'A < "B"'
    assert "rect" not in str(figure)
    panels = figure.find_all("svg", recursive=False)
    assert [panel["viewbox"] for panel in panels] == ["0 0 200 100", "200 0 100 100"]
    assert [panel["width"] for panel in panels] == ["300", "150"]
    assert [panel["style"] for panel in panels] == ["--width: 200", "--width: 100"]
    assert figure["style"] == "--width: 300"


def test_what_is_no_figure_of_ours_is_refused():
    with pytest.raises(ValueError, match="a figure must have panels"):
        book_figures.panels('<svg xmlns="http://www.w3.org/2000/svg"/>', "")
