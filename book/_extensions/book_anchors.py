"""Let plain links reach ``<a id="..."></a>``, as in every Markdown viewer.

MyST checks a link such as ``bibliography.md#elman1990`` against the headings
of that page; this adds the anchors that the page writes in HTML.
"""

import re

from docutils import nodes
from sphinx.application import Sphinx

ANCHOR = re.compile(r'<a id="([^"]+)">')


def register(app: Sphinx, document: nodes.document) -> None:
    """Add the anchors of a page to the targets that MyST knows."""
    slugs = app.env.metadata[app.env.docname].setdefault("myst_slugs", {})
    for raw in document.findall(nodes.raw):
        for name in ANCHOR.findall(raw.astext()):
            slugs[name] = [raw.line, name, name]


def setup(app: Sphinx) -> dict:
    """Tell Sphinx what to call, and when."""
    app.connect("doctree-read", register)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
