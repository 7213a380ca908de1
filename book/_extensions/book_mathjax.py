r"""Typeset the formulas when the book is built: a page needs no script for them.

MathJax (from the package sphinx-mathjax-offline) runs here in an engine for JavaScript
that comes as a package too (mini-racer). A page gets the finished formulas, as HTML to
look at and as MathML that screen readers read, and the style of just the glyphs that
it uses; the fonts lie beside the pages. A formula that cannot be read is a warning,
and so an error of a strict build.

A formula is numbered as in every viewer of notebooks, by ``\tag{6.1}`` at its end, and
spoken of by a plain link, ``[(6.1)](06_embedded_reber.ipynb#eq-6-1)``.
"""

import atexit
import functools
import json
import re
import shutil
from importlib.metadata import distribution
from pathlib import Path

from docutils import nodes
from py_mini_racer import MiniRacer
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

PACKAGE = "sphinx-mathjax-offline"
PARTS = ("startup", "core", "adaptors/liteDOM", "input/tex", "a11y/assistive-mml")
PARTS += ("output/chtml", "output/chtml/fonts/tex")
FONTS = "output/chtml/fonts/woff-v2"
FOLDER = "mathjax"
TAG = re.compile(r"\s*\\tag\{([\w.]+)\}")
OPENING = re.compile(r"[(\[“‘]+$")
CLOSING = re.compile(r"^[.,;:!?)\]”’]+")
MATHML = re.compile(r"<math.*</math>", re.DOTALL)
UNUSED = re.compile(r' (?:xmlns|data-mjx-texclass)="[^"]*"')  # within a page of HTML
FAULT = re.compile(r'data-mjx-error="([^"]*)"')
logger = logging.getLogger(__name__)


def source() -> Path:
    """The folder of the installed package that holds MathJax.

    Raises ExtensionError if the package has no such file.
    """
    for file in distribution(PACKAGE).files or ():
        if file.name == "startup.js":
            return Path(str(file.locate())).parent
    raise ExtensionError(f"{PACKAGE} must hold startup.js; it does not")


@functools.cache
def mathjax() -> MiniRacer:
    """MathJax, ready to typeset. It stays for the whole build."""
    names = [f"{name}.js" for name in PARTS]
    texts = {name: (source() / name).read_text(encoding="utf-8") for name in names}
    engine = MiniRacer()
    atexit.register(engine.close)  # Python would wait for its thread for ever
    engine.eval(f"var sources = {json.dumps(texts)}, fontURL = '../{FOLDER}';")
    for script in ("book_mathjax.js", "book_roles.js"):
        engine.eval(Path(__file__).with_name(script).read_text(encoding="utf-8"))
    engine.eval("MathJax.startup.promise").get(timeout=60)
    return engine


def typeset(
    tex: str, location: object = None, roles: dict[str, str] | None = None
) -> str:
    """The HTML of a formula; a warning names the place of one that is wrong.

    A formula on a line of its own has `roles` for its letters (book_roles), one in a
    sentence has none.
    """
    html = UNUSED.sub("", mathjax().call("typeset", tex, roles))
    if fault := FAULT.search(html):
        logger.warning("%s in the formula %s", fault[1], tex, location=location)
    return html


def mathml(tex: str, location: object = None) -> str:
    """The MathML of a formula in a sentence, which a browser shows by itself."""
    return MATHML.search(typeset(tex, location))[0]


class Numbers(SphinxTransform):
    """Takes the numbers out of the formulas, and lets links reach them."""

    default_priority = 100  # before MyST looks where links lead

    def apply(self, **kwargs: object) -> None:
        """Note the number of each formula that has one, and its anchor."""
        known = self.document.__dict__.setdefault("myst_slugs", {})
        others = self.env.metadata[self.env.docname].setdefault("myst_slugs", {})
        for block in self.document.findall(nodes.math_block):
            tex = block.astext()
            if tag := TAG.search(tex):
                block["number"], block.children = tag[1], []
                block += nodes.Text(TAG.sub("", tex))
                name = f"eq-{tag[1].replace('.', '-')}"
                block["ids"].append(name)
                known[name] = others[name] = [block.line, name, f"({tag[1]})"]


def keep_marks(app: Sphinx, document: nodes.document, docname: str) -> None:
    """Let no line end or begin between a formula and the punctuation around it."""
    for formula in list(document.findall(nodes.math)):
        place, siblings = formula.parent.index(formula), formula.parent.children
        around = ["", ""]
        for side, beside, mark in ((0, place - 1, OPENING), (1, place + 1, CLOSING)):
            text = siblings[beside] if 0 <= beside < len(siblings) else None
            if isinstance(text, nodes.Text) and (found := mark.search(text)):
                around[side] = found[0]
                siblings[beside] = nodes.Text(mark.sub("", text))
                siblings[beside].parent = formula.parent
        formula["around"] = around


def visit_math(self: HTML5Translator, node: nodes.math) -> None:
    """Write a formula in a sentence."""
    before, after = node.get("around", ("", ""))
    tex = {"data-tex": node.astext().strip()}  # what is copied
    self.body.append(f'<span class="unbroken">{self.encode(before)}')
    self.body.append(self.starttag(node, "span", "", CLASS="math notranslate", **tex))
    self.body.append(f"{typeset(node.astext(), node)}</span>")
    self.body.append(f"{self.encode(after)}</span>")
    raise nodes.SkipNode


def visit_displaymath(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on a line of its own, and its number."""
    tex = {"data-tex": node.astext().strip()}
    self.body.append(self.starttag(node, "div", CLASS="math notranslate", **tex))
    self.body.append(typeset(node.astext(), node, node["roles"]))
    if node.get("number"):
        self.body.append(f'<span class="eqno">({node["number"]})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def add_style(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Give a page the style of its formulas."""
    if "<mjx-container" in context.get("body", ""):
        up = "../" * (pagename.count("/") if app.builder.name != "singlehtml" else 0)
        sheet = mathjax().call("style").replace(f"../{FOLDER}/", f"{up}{FOLDER}/")
        tags = context.get("metatags", "")
        context["metatags"] = f"{tags}\n<style>{sheet}</style>"


def copy_fonts(app: Sphinx) -> None:
    """Put the fonts into the output, before pages refer to them."""
    if app.builder.format == "html":
        goal = Path(app.outdir, FOLDER)
        shutil.rmtree(goal, ignore_errors=True)  # an older book kept scripts there
        shutil.copytree(source() / FONTS, goal)


def setup(app: Sphinx) -> dict:
    """Tell Sphinx what to call, and when."""
    app.add_html_math_renderer("typeset", (visit_math, None), (visit_displaymath, None))
    app.config.html_math_renderer = "typeset"
    app.add_transform(Numbers)
    app.connect("builder-inited", copy_fonts)
    app.connect("doctree-resolved", keep_marks)
    app.connect("html-page-context", add_style)
    # One engine typesets all pages, and a process of its own has none.
    return {"parallel_read_safe": True, "parallel_write_safe": False}
