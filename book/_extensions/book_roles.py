r"""The symbols of the main formulas in the colours that figures give their roles.

An input is blue in the figures, a state green, an output orange and a gradient purple
(helpers.figures.plots), and so are $x$, $h$, $o$ and $\delta h$ in each formula that
stands on a line of its own. The names of the symbols say which is which, so that the
notebooks stay plain; where a chapter gives a name to something else, it is said here.
A line after the first such formula of a page names the colours.
"""

import re
from pathlib import PurePosixPath

from docutils import nodes
from helpers.figures.plots import COLOURS
from sphinx.application import Sphinx

SYMBOLS = {"x": "input", "h": "hidden", "o": "output"}
# In a cell with gates o is the output gate, and u stands for the logits (notation.md).
ELSEWHERE = {"06_embedded_reber": {"x": "input", "h": "hidden", "u": "output"}}
NAMES = {
    "input": "input",
    "hidden": "hidden state",
    "output": "output",
    "gradient": "gradient",
}
CLASS = re.compile(r"\brole-(\w+)")
END, PARAGRAPH = "</div>\n", "</p>\n"  # of a formula on a line of its own, and of text
WITHIN = re.compile(r"<p>(?:<[^>]*>)*[a-z]")  # a sentence goes on after its formula


def roles(docname: str) -> dict[str, str]:
    """The role of each letter that has one, on this page."""
    return ELSEWHERE.get(PurePosixPath(docname).name, SYMBOLS)


def note(app: Sphinx, document: nodes.document) -> None:
    """Give each formula on a line of its own the roles of its page."""
    for formula in document.findall(nodes.math_block):
        formula["roles"] = roles(app.env.docname)


def style() -> str:
    """The colours: those of the figures, and in the dark their lighter ones."""
    light = [f".role-{role} {{ color: {COLOURS[role]} }}" for role in NAMES]
    dark = [
        f'html[data-theme="dark"] .role-{role} {{ color: var(--picture-{role}) }}'
        for role in NAMES
    ]
    return "\n".join([*light, "@media screen {", *dark, "}"])


def legend(found: set[str]) -> str:
    """The line that names the colours of these roles."""
    named = [
        f'<strong class="role-{role}">{name}</strong>'
        for role, name in NAMES.items()
        if role in found
    ]
    said = f"Colours of symbols, as in figures: {', '.join(named)}."
    return f'<p class="formula-roles">{said}</p>\n'


def explain(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Put the line after the first coloured formula, and the colours into the page."""
    body = context.get("body", "")
    if not (first := CLASS.search(body)):
        return
    place = body.index(END, first.start()) + len(END)
    if WITHIN.match(body, place):
        place = body.index(PARAGRAPH, place) + len(PARAGRAPH)
    line = legend(set(CLASS.findall(body)))
    context["body"] = body[:place] + line + body[place:]
    tags = context.get("metatags", "")
    context["metatags"] = f"{tags}\n<style>\n{style()}\n</style>"


def setup(app: Sphinx) -> dict:
    """Tell Sphinx what to call, and when."""
    app.connect("doctree-read", note)
    app.connect("html-page-context", explain)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
