"""Figures that answer when touched, without a kernel and without another host.

A chapter shows the picture _static/explorables/NAME.svg in a figure of its own:

    <figure data-explorable="NAME">

    ![What is to be seen.](_static/explorables/NAME.svg)

    <figcaption>What it means.</figcaption>
    </figure>

Any viewer of notebooks shows that. Here the picture is put into the page itself, and
the script NAME.js, those that it NEEDS, and the numbers NAME.json are added to this
page alone. The scripts are not modules and fetch nothing, since a book that is opened
as a file may do neither. They are written to be read; the book has them without
comments.

What is too large for the page is one more script, NAME-WHAT.js, which NAME.js loads
when the reader asks for it. A module of the project writes it into the rendered book.
"""

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

FOLDER = "book/_static/explorables"
NEEDS = {  # scripts that come before NAME.js
    "reber-walker": ("networks", "grammar"),
    "reddit-on-tap": ("networks", "reddit-words"),
    "two-memories": ("networks", "gated-cells", "grammar"),
    "remember": (
        "networks",
        "gated-cells",
        "numpy-random",
        "grammar",
        "embedded-training",
        "training",
        "settings",
    ),
    "three-pasts": ("networks", "gated-cells", "grammar", "three-networks"),
    "unroller": ("settings",),
    "train-it": (
        "networks",
        "more-starts",
        "numpy-random",
        "grammar",
        "reber-training",
        "training",
        "settings",
        "train-it-gradient",
    ),
}
ON_REQUEST = {
    "reddit-on-tap": ("reddit-on-tap-model.js", "helpers.press.model_in_page")
}
FIGURE = re.compile(r'<figure data-explorable="([\w-]+)"')
# Comments and indentation. No string of these scripts has two strokes after a space.
UNREAD = re.compile(r"^\s*//.*\n|^\s+|[ ]+// .*$", re.MULTILINE)
# The end of a line that plainly goes on.
BREAK = re.compile(r"(?<=[{(\[,;])\n|\n(?=[})\].?:&|])")


def scripts(names: Iterable[str]) -> list[str]:
    """All scripts that these explorables need, each once, in the order of loading."""
    return list(
        dict.fromkeys(
            script for name in names for script in (*NEEDS.get(name, ()), name)
        )
    )


def put_picture(app: Sphinx, document: nodes.document, docname: str) -> None:
    """Replace the image by its drawing, which then takes the colours of the page."""
    if app.builder.format != "html":
        return
    for image in list(document.findall(nodes.image)):
        if image["uri"].startswith(f"{FOLDER}/"):
            drawing = Path(app.srcdir, image["uri"]).read_text(encoding="utf-8")
            image.replace_self(nodes.raw("", drawing, format="html"))


def add_scripts(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Add to a page the scripts and numbers of its explorables, and their style."""
    names = FIGURE.findall(context.get("body", ""))
    if not names or app.builder.name == "singlehtml":  # which is for paper
        return
    app.add_css_file("explorables/explorable.css")
    for script in ("explorable", *scripts(names)):
        app.add_js_file(f"explorables/{script}.js", loading_method="defer")
    for name in names:
        numbers = Path(app.srcdir, FOLDER, f"{name}.json").read_text(encoding="utf-8")
        app.add_js_file(
            None,
            body=numbers.replace("</", r"<\/"),
            type="application/json",
            id=f"{name}-numbers",
        )
        if name in ON_REQUEST:
            file, module = ON_REQUEST[name]
            path = Path(app.outdir, "_static/explorables", file)
            subprocess.run(
                [sys.executable, "-m", module, path], cwd=app.srcdir, check=True
            )


def slimmed(script: str) -> str:
    """The script without comments, indentation and most of its line breaks."""
    return BREAK.sub("", UNREAD.sub("", script))


def slim(app: Sphinx, exception: Exception | None) -> None:
    """Make the scripts of the rendered book short."""
    for path in Path(app.outdir, "_static/explorables").glob("*.js"):
        text = path.read_text(encoding="utf-8")
        path.write_text(slimmed(text), encoding="utf-8")


def setup(app: Sphinx) -> dict:
    """Tell Sphinx what to call, and when."""
    app.connect("doctree-resolved", put_picture)
    app.connect("html-page-context", add_scripts)
    app.connect("build-finished", slim)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
