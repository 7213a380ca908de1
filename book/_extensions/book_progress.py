"""A chapter says how many minutes of its main line are left.

Each section of the main line carries its minutes, which follow from one rule
(helpers.press.reading) and are those of the teacher's guide. progress.js shows in the
header what is left of them, and a bar. What goes deeper, the quiz and the exercises are
not counted.
"""

from pathlib import Path

from docutils import nodes
from helpers.press import notebooks, reading
from sphinx.application import Sphinx

NOT_COUNTED = (reading.QUESTIONS, reading.SUMMARY, *reading.UNREAD)


def main_line(document: nodes.document) -> list[str]:
    """The anchors of the sections of a chapter that the rule gives minutes."""
    anchors = []
    for section in document.next_node(nodes.section).children:
        if isinstance(section, nodes.section):
            title = section.next_node(nodes.title).astext()
            if title not in NOT_COUNTED and not title.startswith(reading.DEEPER):
                anchors.append(section["ids"][0])
    return anchors


def add_minutes(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Write the minutes of each section of a chapter into the page."""
    path = Path(app.srcdir, f"{pagename}.ipynb")
    if path not in notebooks.chapters(Path(app.srcdir)) or doctree is None:
        return
    if app.builder.name != "html":
        return
    parts = reading.chapter(notebooks.read(path)).parts
    minutes = [part.minutes for part in parts if not part.deeper]
    for anchor, count in zip(main_line(doctree), minutes, strict=True):
        begin = f'<section id="{anchor}"'
        marked = f'{begin} data-minutes="{count}"'
        context["body"] = context["body"].replace(begin, marked, 1)
    app.add_js_file("progress.js", loading_method="defer")


def setup(app: Sphinx) -> dict:
    """Tell Sphinx what to call, and when."""
    app.connect("html-page-context", add_minutes)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
