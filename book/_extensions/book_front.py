"""The first page: what leads into the course looks like it, and its map can be used.

The page is plain Markdown, as in every viewer. Here its first paragraph and the links
below it are marked for the style (_static/book.css), and the map, which is a picture
there, becomes a drawing whose boxes lead to the chapters.
"""

from pathlib import Path

from docutils import nodes
from helpers.press import artwork, notebooks
from sphinx.application import Sphinx

MAP = "map.svg"


def mark(app: Sphinx, document: nodes.document) -> None:
    """Mark what the first screen consists of."""
    if app.env.docname != app.config.root_doc:
        return
    first = next(document.findall(nodes.section))
    texts = [node for node in first.children if isinstance(node, nodes.paragraph)]
    for text in texts[:1]:
        text["classes"].append("aim")
    for node in first.children:
        if isinstance(node, nodes.bullet_list):
            node["classes"].append("facts")
    for text in texts:
        beside = [part for part in text.children if isinstance(part, nodes.Text)]
        if not "".join(map(nodes.Text.astext, beside)).strip():  # nothing but links
            text["classes"].append("doors")


def link_map(app: Sphinx, document: nodes.document, docname: str) -> None:
    """Draw the map in the page, with a link for each box."""
    if app.builder.format != "html" or docname != app.config.root_doc:
        return
    for image in list(document.findall(nodes.image)):
        if not image["uri"].endswith(MAP):
            continue
        links = {
            int(path.name[:2]): app.builder.get_relative_uri(
                docname, f"book/{path.stem}"
            )
            for path in notebooks.chapters(Path(app.srcdir))
        }
        drawing = artwork.learning_map(links, image["alt"])
        html = f'<div class="map">\n{drawing}</div>\n'
        image.replace_self(nodes.raw("", html, format="html"))


def setup(app: Sphinx) -> dict:
    """Tell Sphinx what to call, and when."""
    app.connect("doctree-read", mark, priority=600)  # after book_cost
    app.connect("doctree-resolved", link_map)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
