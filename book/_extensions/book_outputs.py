"""Let the sentences that code prints wrap; what it prints in columns scrolls.

Tables come as HTML (helpers/results/tables.py).
"""

import re

from docutils import nodes
from sphinx.application import Sphinx

COLUMNS = re.compile(r"\S {2,}\S|^ +\S", re.MULTILINE)


def name_sentences(app: Sphinx, document: nodes.document) -> None:
    """Give a class to what was printed and has no columns."""
    for printed in document.findall(nodes.literal_block):
        if "stream" in printed["classes"] and not COLUMNS.search(printed.astext()):
            printed["classes"].append("sentences")


def setup(app: Sphinx) -> dict:
    """Tell Sphinx what to call, and when."""
    app.connect("doctree-read", name_sentences)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
