"""Put the figures of the notebooks into the page, where they take its colours.

The SVG of a figure (helpers/figures/vector.py) holds its panels as images of their own.
The page gets these side by side, or below each other where it is narrow
(_static/book.css). Their sizes stand in the page, so that nothing moves as it loads;
the PNG beside the SVG is for viewers that show no SVG, and is left out.
"""

from html import escape
from pathlib import Path
from xml.etree import ElementTree

from docutils import nodes
from sphinx.application import Sphinx

SVG = "{http://www.w3.org/2000/svg}"
VECTOR, RASTER = "image/svg+xml", "image/png"
PIXELS = 1.5  # of a wide page, for a point of a figure


def panels(svg: str, alt: str) -> str:
    """The HTML of a figure that shows its panels, and is one image to a reader.

    Raises ValueError for an SVG without panels.
    """
    ElementTree.register_namespace("", SVG[1:-1])
    root = ElementTree.fromstring(svg)
    look = {key: root.get(key) for key in ("font-family", "stroke-linejoin")}
    shown, whole = [], 0.0
    for panel in root.findall(f"{SVG}svg[@class='panel']"):
        width, height = float(panel.get("width")), float(panel.get("height"))
        whole += width
        for key in ("x", "width", "height"):
            panel.attrib.pop(key, None)
        # The width comes from the style, which a print without it must not need.
        size = {"width": f"{PIXELS * width:.0f}", "height": f"{PIXELS * height:.0f}"}
        panel.attrib |= look | size | {"style": f"--width: {width:g}"}
        shown.append(ElementTree.tostring(panel, encoding="unicode").strip())
    if not shown:
        raise ValueError("a figure must have panels; this one is none of plots.svg")
    return (
        f'<div class="panels" role="img" aria-label="{escape(alt)}"'
        f' style="--width: {whole:g}">\n' + "\n".join(shown) + "\n</div>\n"
    )


def put_figures(app: Sphinx, document: nodes.document) -> None:
    """Replace the files of figures by their panels."""
    for vector in list(document.findall(nodes.container)):
        if vector.get("mime_type") != VECTOR:
            continue
        for image in list(vector.findall(nodes.image)):
            path = Path(app.srcdir, image["uri"].lstrip("/"))
            html = panels(path.read_text(encoding="utf-8"), image.get("alt", ""))
            image.replace_self(nodes.raw("", html, format="html"))
        for other in list(vector.parent.children):
            if other.get("mime_type") == RASTER:
                vector.parent.remove(other)


def setup(app: Sphinx) -> dict:
    """Tell Sphinx what to call, and when."""
    app.connect("doctree-read", put_figures, priority=400)  # before files are copied
    return {"parallel_read_safe": True, "parallel_write_safe": True}
