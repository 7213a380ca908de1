"""What a first reader may pass over is folded: drawing code, and what goes deeper.

The code of a cell that is tagged `hide-input` (helpers/press/folding.py) stands behind
a line that says what it makes. A section whose heading begins "Going deeper" keeps its
heading, and its text stands behind a line too; a script folds it, so that without
scripts it stands open. A link into what is folded, a search and a print open it (the
browser, and _static/book.js). On paper nothing is folded, and folded code is left out.
"""

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

DEEPER = "Going deeper"
# The style shows the one or the other (_static/book.css).
SHOW = '<span class="show">Show</span><span class="hide">Hide</span>'
FOLD = (
    f'<details class="deeper" open><summary>{SHOW} this section</summary>'
    "<script>document.currentScript.parentElement.open = false</script>\n"
)
PAPER = "singlehtml"


def made_by(cell: nodes.Element) -> str:
    """What to call the code of a cell: by what it shows."""
    if any("image/" in e.get("mime_type", "") for e in cell.findall(nodes.container)):
        return "Show the code of this figure"
    if len(cell.children) == 1:
        imports = cell.astext().startswith(("import ", "from "))
        return "Show what is imported" if imports else "Show the code"
    shown = cell.findall(nodes.container)
    table = any(entry.get("mime_type") == "text/html" for entry in shown)
    return f"Show the code of this {'table' if table else 'output'}"


def name_cells(app: Sphinx, document: nodes.document) -> None:
    """Say on the line before each folded cell what it makes."""
    for cell in document.findall(nodes.container):
        if "prompt_show" in cell:
            cell["prompt_show"] = made_by(cell)


def fold_sections(app: Sphinx, document: nodes.document, docname: str) -> None:
    """Fold what stands under a heading that begins "Going deeper"."""
    if app.builder.format != "html" or app.builder.name == PAPER:
        return
    for section in list(document.findall(nodes.section)):
        title = section.next_node(nodes.title)
        if title.parent is section and title.astext().startswith(DEEPER):
            place = section.index(title) + 1
            text = section[place:]
            section[place:] = [
                nodes.raw("", FOLD, format="html"),
                *text,
                nodes.raw("", "</details>\n", format="html"),
            ]


def visit_code(self: HTML5Translator, node: HideCodeCellNode) -> None:
    """Begin the folded code of a cell."""
    if self.builder.name == PAPER:
        raise nodes.SkipNode
    said = node["prompt_show"].replace("Show", SHOW, 1)
    self.body.append(f'<details class="code"><summary>{said}</summary>\n')


def depart_code(self: HTML5Translator, node: HideCodeCellNode) -> None:
    """End the folded code of a cell."""
    self.body.append("</details>\n")


def setup(app: Sphinx) -> dict:
    """Tell Sphinx what to call, and when."""
    app.add_node(HideCodeCellNode, override=True, html=(visit_code, depart_code))
    app.connect("doctree-read", name_cells)
    app.connect("doctree-resolved", fold_sections)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
