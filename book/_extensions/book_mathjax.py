"""Serve MathJax from the book itself, so that formulas need no other host.

The files come from the package sphinx-mathjax-offline. Its own extension would copy all
33 MB of them, into _static; the book needs 2 MB, beside its pages. Of the parts a page
loads only those that it uses, 0.8 MB in place of the 1.3 MB of all in one file.
"""

import shutil
from importlib.metadata import distribution
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

PACKAGE = "sphinx-mathjax-offline"
SCRIPT = "startup.js"
# The last one makes the hidden MathML that screen readers read.
LOADED = ("input/tex", "output/chtml", "a11y/assistive-mml")
PARTS = (
    SCRIPT,
    "core.js",
    *(f"{name}.js" for name in LOADED),
    "output/chtml/fonts/tex.js",
)
FONTS = "output/chtml/fonts/woff-v2"
FOLDER = "mathjax"


def source() -> Path:
    """The folder of the installed package that holds MathJax.

    Raises ExtensionError if the package has no such file.
    """
    for file in distribution(PACKAGE).files or ():
        if file.name == SCRIPT:
            return Path(str(file.locate())).parent
    raise ExtensionError(f"{PACKAGE} must hold {SCRIPT}; it does not")


def copy_mathjax(app: Sphinx) -> None:
    """Put script and fonts into the output, before pages refer to them."""
    if app.builder.format != "html":
        return
    start, goal = source(), Path(app.outdir, FOLDER)
    for name in PARTS:
        (goal / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(start / name, goal / name)
    shutil.copytree(start / FONTS, goal / FONTS, dirs_exist_ok=True)


def setup(app: Sphinx) -> dict:
    """Tell Sphinx what to call, and when."""
    # Sphinx looks for scripts in _static.
    app.config.mathjax_path = f"../{FOLDER}/{SCRIPT}"
    # Without the menu, which offers parts that are not copied.
    app.config.mathjax3_config = {"loader": {"load": LOADED}}
    app.connect("builder-inited", copy_mathjax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
