"""Keep names apart where the whole book is one page, for print (helpers/press/pdf.py).

Every chapter has a section "Quiz", and every page of solutions too. On one page each
takes the name of its page before its own, and the links that lead to it follow.
"""

import re
from collections import Counter

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

ANCHOR = re.compile(r'(?<=<a id=")[^"]+')  # in the HTML of a page
PAGE = "#document-"  # how Sphinx begins a link to what has become a part of the one


def keep_apart(app: Sphinx, document: nodes.document, docname: str) -> None:
    """Rename what several pages name alike, before Sphinx drops the page of a link."""
    if app.builder.name != "singlehtml":
        return
    elements = document.findall(nodes.Element)
    uses = Counter(name for element in elements for name in element.get("ids", ()))
    for raw in document.findall(nodes.raw):
        uses.update(ANCHOR.findall(raw.astext()))

    def apart(page: str, name: str) -> str:
        return f"{page}-{name}" if uses[name] > 1 else name

    for part in document.findall(addnodes.start_of_file):
        page = part["docname"]
        for element in part.findall(nodes.Element):
            element["ids"] = [apart(page, name) for name in element.get("ids", ())]
            if "refid" in element:
                element["refid"] = apart(page, element["refid"])
        for raw in list(part.findall(nodes.raw)):
            html = ANCHOR.sub(lambda m, page=page: apart(page, m[0]), raw.astext())
            raw[:] = [nodes.Text(html)]
    for link in document.findall(nodes.reference):
        page, _, name = link.get("refuri", "").removeprefix(PAGE).partition("#")
        if link.get("refuri", "").startswith(PAGE) and name:
            link["refuri"] = f"#{apart(page, name)}"


def setup(app: Sphinx) -> dict:
    """Tell Sphinx what to call, and when."""
    app.connect("doctree-resolved", keep_apart)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
