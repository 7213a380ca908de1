"""Questions that are answered in the page, with a word on whatever one chooses.

A chapter asks under a heading such as "Quiz", and every viewer of notebooks shows that:

    **Question 1.** How many states has a coin?

    - (a) One.
    - (b) Two.

Its solutions tell under a heading of the same name which option is right and why, and
what is wrong with each of the others:

    **Question 1: (b).** It has two faces.

    - (a) A ball has one.

The page holds the list, as in Jupyter and on paper. The words of the solutions are put
beside it, written so that nobody reads them by accident, and the script quiz.js makes a
form of both. It fetches nothing, since a book that is opened as a file may not.

The link to the solution of an exercise, too, stands behind the cell with its check.
"""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

FOLDER = "solutions"
ASKED = re.compile(r"Question (\d+)\.")
ANSWERED = re.compile(r"Question (\d+): \(([a-z])\)\.")
OPTION = re.compile(r"\(([a-z])\) ")
CHECKED = "tag_exercise"
PAPER = "singlehtml"
logger = logging.getLogger(__name__)


class Question(NamedTuple):
    """A question with its options, or an answer with its words."""

    match: re.Match  # of its first words, which are bold
    text: nodes.paragraph
    options: dict[str, list[nodes.Node]]  # what stands after each letter
    list: nodes.bullet_list | None


def is_paragraph(node: nodes.Node) -> bool:
    """Whether a node is a paragraph, and says something."""
    return isinstance(node, nodes.paragraph) and bool(node.astext())


def parts(text: nodes.Element) -> list[nodes.Node]:
    """What a paragraph consists of, but for empty text, with which some begin."""
    return [node for node in text.children if node.astext()]


def questions(section: nodes.section, pattern: re.Pattern) -> Iterator[Question]:
    """What begins with bold words of that pattern in a section, and its list."""
    for text in filter(is_paragraph, section.children):
        strong = parts(text)[0]
        match = pattern.fullmatch(strong.astext())
        if match and isinstance(strong, nodes.strong):
            after = text.next_node(descend=False, siblings=True)
            listed = after if isinstance(after, nodes.bullet_list) else None
            options = dict(map(option, listed.children if listed else ()))
            yield Question(match, text, options, listed)


def option(item: nodes.list_item) -> tuple[str, list[nodes.Node]]:
    """The letter of an item of a list, and what it says; no letter if it has none."""
    first, *rest = parts(item[0])
    letter = OPTION.match(first.astext())
    if letter is None:
        return "", [first, *rest]
    return letter[1], [nodes.Text(first.astext()[letter.end() :]), *rest]


def sections(document: nodes.document) -> dict[str, nodes.section]:
    """The sections of a page by their titles."""
    found = document.findall(nodes.section)
    return {section.next_node(nodes.title).astext(): section for section in found}


def page_of_answers(app: Sphinx, docname: str) -> str:
    """The page with the solutions of a chapter; "" if the book has none."""
    path = PurePosixPath(docname)
    answers = str(path.parent / FOLDER / path.name)
    return answers if answers in app.env.found_docs else ""


def note(app: Sphinx, document: nodes.document) -> None:
    """Give each answer an anchor, and read a chapter again when its answers change."""
    docname = app.env.docname
    if answers := page_of_answers(app, docname):
        app.env.note_dependency(app.env.doc2path(answers))
    if PurePosixPath(docname).parent.name == FOLDER:
        for section in document.findall(nodes.section):
            for answer in questions(section, ANSWERED):
                answer.text["ids"].append(f"{section['ids'][0]}-{answer.match[1]}")


def move_solutions(app: Sphinx, document: nodes.document) -> None:
    """Put the link to the solution of an exercise behind its starter cell."""
    for cell in list(document.findall(nodes.container)):
        if CHECKED in cell["classes"]:
            before = cell.parent.children[: cell.parent.index(cell)]
            for link in filter(is_paragraph, before):
                if link.astext() == "Solution":
                    cell.parent.remove(link)
                    cell.parent.insert(cell.parent.index(cell) + 1, link)


def html(app: Sphinx, content: list[nodes.Node]) -> str:
    """What some nodes of a sentence look like."""
    copies = [node.deepcopy() for node in content]
    return app.builder.render_partial(nodes.inline("", "", *copies))["fragment"].strip()


def key(app: Sphinx, asked: Question, answer: Question, link: str) -> str:
    """What the form of a question knows: the right option, the words, and the link."""
    words = answer.options | {answer.match[2]: parts(answer.text)[1:]}
    for letter in asked.options.keys() ^ words.keys():
        text = "Option (%s) of a question and its word in the solutions: one is missing"
        logger.warning(text, letter, location=asked.text)
    said = {letter: html(app, words.get(letter, [])) for letter in asked.options}
    known = {"right": answer.match[2], "words": said, "link": link}
    return base64.b64encode(json.dumps(known).encode()).decode()


def add_keys(app: Sphinx, document: nodes.document, docname: str) -> None:
    """Put beside each question what its form will say."""
    answers = page_of_answers(app, docname)
    if app.builder.format != "html" or app.builder.name == PAPER or not answers:
        return
    told = sections(app.env.get_doctree(answers))
    page = app.builder.get_relative_uri(docname, answers)
    for title, section in sections(document).items():
        asked = list(questions(section, ASKED))
        if not asked:
            continue
        found = questions(told[title], ANSWERED) if title in told else ()
        known = {answer.match[1]: answer for answer in found}
        for question in asked:
            number = question.match[1]
            if number not in known or question.list is None:
                text = "Question %s has no options, or no answer in the solutions"
                logger.warning(text, number, location=question.text)
                continue
            answer = known[number]
            link = f"{page}#{answer.text['ids'][0]}"
            form = nodes.raw(
                "",
                f'<div class="quiz-question" data-quiz='
                f'"{key(app, question, answer, link)}">\n',
                format="html",
            )
            place = section.index(question.text)
            section.insert(place, form)
            place = section.index(question.list)
            section.insert(place + 1, nodes.raw("", "</div>\n", format="html"))
        for last in section.children[section.index(asked[-1].text) :]:
            if isinstance(last, nodes.paragraph) and last.next_node(nodes.reference):
                last["classes"].append("quiz-answers")


def add_files(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Add the script and the style of the forms to the pages that have one."""
    if 'class="quiz-question"' in context.get("body", ""):
        app.add_css_file("quiz.css")
        app.add_js_file("quiz.js", loading_method="defer")


def setup(app: Sphinx) -> dict:
    """Tell Sphinx what to call, and when."""
    app.connect("doctree-read", note)
    app.connect("doctree-read", move_solutions)
    app.connect("doctree-resolved", add_keys)
    app.connect("html-page-context", add_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
