"""The questions of a page are forms; without scripts they are the lists they were."""

import base64
import importlib
import io
import json
import sys

import pytest
import rendered_book
import test_browser
from bs4 import BeautifulSoup
from rendered_book import parsed
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils
from test_browser import COLOURS, DESKTOP, PHONE, Visit, grave
from test_quizzes import CHAPTERS, SHORTEST, answers, load

from helpers import ROOT

pytestmark = pytest.mark.documents

address, browser = test_browser.address, test_browser.browser
sys.path.append(str(ROOT / "book" / "_extensions"))
book_quiz = importlib.import_module("book_quiz")

PAGE = "book/02_elman.html"
RIGHT = answers(load(ROOT / "book/02_elman.ipynb"))


def known(question):
    """What the form of a question is given."""
    return json.loads(base64.b64decode(question["data-quiz"]))


def plain(html):
    """The text of a piece of HTML."""
    return words_of(BeautifulSoup(html, "html.parser"))


def words_of(element):
    """Its text, with single spaces."""
    return " ".join(element.text.split())


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_page_asks_by_lists_and_keeps_the_answers_to_itself(path):
    html = rendered_book.book().html / "book"
    page = parsed(html / f"{path.stem}.html")
    solutions = parsed(html / f"solutions/{path.stem}.html")
    [section] = page.select("section#quiz")
    asked, shown = section.select(".quiz-question"), words_of(page)
    right = answers(load(path))
    assert [known(question)["right"] for question in asked] == [*right.values()]
    for number, question in enumerate(asked, start=1):
        assert [child.name for child in question.find_all(recursive=False)] == [
            "p",
            "ul",
        ]
        form = known(question)
        letters = [item.text.strip()[1] for item in question.select("li")]
        assert [*form["words"]] == letters
        place, anchor = form["link"].split("#")
        assert place == f"solutions/{path.stem}.html"
        answer = solutions.find(id=anchor)
        others = answer.find_next_sibling("ul")
        told = {words_of(item)[1]: words_of(item)[4:] for item in others.select("li")}
        start = f"Question {number}: ({form['right']}). "
        assert words_of(answer).startswith(start)
        told[form["right"]] = words_of(answer).removeprefix(start)
        assert {letter: plain(html) for letter, html in form["words"].items()} == told
        assert "<a " not in "".join(form["words"].values())  # a link from elsewhere
        assert min(map(len, told.values())) >= SHORTEST
        assert not [word for word in told.values() if word in shown]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_the_link_to_a_solution_stands_behind_the_check(path):
    page = parsed(rendered_book.book().html / f"book/{path.stem}.html")
    cells = page.select("div.cell.tag_exercise")
    links = [cell.find_next_sibling().find("a") for cell in cells]
    assert [link.text for link in links] == ["Solution"] * len(cells)
    exercises = page.select("section#exercises section > p > a")
    assert [a for a in exercises if a.text == "Solution"] == links


# ---------------------------------------------------------------------------
# A small book

CHAPTER = """# One

## What do you remember?

**Question 1.** How many faces has a coin?

- (a) One.
- (b) Two.

## Quiz

**Question 1.** How many has a cube?

- (a) Six.
- (b) Eight.

The [answers](solutions/one.md) say it.
"""
SOLUTIONS = """# Solutions

## What do you remember?

**Question 1: (b).** It has `two`.

- (a) A ball has one.

## Quiz

**Question 1: (a).** Six squares.

- (b) These are its corners.
"""


def build(folder, files, builder="html"):
    """The page of the chapter in a small book, and what Sphinx warned of."""
    files = {"index.md": "# Book\n```{toctree}\n:glob:\n**\n```\n"} | files
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    warnings = io.StringIO()
    out = folder.with_name(builder)
    options = {"extensions": ["myst_parser", "book_quiz"], "html_theme": "basic"}
    with patch_docutils(), docutils_namespace():  # of this build alone
        Sphinx(
            folder,
            None,
            out,
            folder.with_name("trees"),
            builder,
            options,
            status=None,
            warning=warnings,
        ).build()
    page = out / ("index.html" if builder == "singlehtml" else "one.html")
    text = page.read_text(encoding="utf-8")
    return BeautifulSoup(text, "html.parser"), warnings.getvalue()


BOOK = {"one.md": CHAPTER, "solutions/one.md": SOLUTIONS}


def test_a_quiz_and_opening_questions_have_the_same_form(tmp_path):
    page, warnings = build(tmp_path / "source", BOOK)
    assert warnings == ""
    first, second = map(known, page.select(".quiz-question"))
    assert first["right"] == "b"
    assert first["link"] == "solutions/one.html#what-do-you-remember-1"
    assert [plain(word) for word in first["words"].values()] == [
        "A ball has one.",
        "It has two.",
    ]
    assert "<code" in first["words"]["b"]
    assert (second["right"], second["link"]) == ("a", "solutions/one.html#quiz-1")
    assert page.select("link[href*='quiz.css']")
    assert page.select("script[src*='quiz.js']")
    assert [text.text[:11] for text in page.select(".quiz-answers")] == ["The answers"]

    # The page is made again when its answers change.
    changed = {"solutions/one.md": SOLUTIONS.replace("A ball", "The moon")}
    page, _ = build(tmp_path / "source", changed)
    word = known(page.select_one(".quiz-question"))["words"]["a"]
    assert plain(word) == "The moon has one."


@pytest.mark.parametrize("case", ["on paper", "no solutions"])
def test_elsewhere_there_are_lists(tmp_path, case):
    paper = case == "on paper"
    files = BOOK if paper else {"one.md": CHAPTER.partition("The [")[0]}
    page, warnings = build(
        tmp_path / "source", files, "singlehtml" if paper else "html"
    )
    assert warnings == ""
    assert len(page.select("ul > li")) >= 4
    assert not page.select(".quiz-question, [src*='quiz.js']")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("- (a) A ball has one.\n", ""),
        ("- (b) These", "- (c) These"),
        ("Question 1: (a)", "Question 2: (a)"),
        ("## Quiz", "## Riddles"),
        ("Question 1: (a)", "Question 1: (c)"),
    ],
)
def test_a_missing_word_is_a_warning(tmp_path, old, new):
    solutions = SOLUTIONS.replace(old, new)
    assert solutions != SOLUTIONS
    _, warnings = build(tmp_path / "source", BOOK | {"solutions/one.md": solutions})
    assert "one.md" in warnings
    assert "in the solutions" in warnings


# ---------------------------------------------------------------------------
# In the browser

FORM = ".quiz-question form"


def focused(page, attribute):
    return page.evaluate("name => document.activeElement[name]", attribute)


@pytest.mark.browser
def test_a_question_is_answered_by_the_keyboard_alone(browser, address):
    with Visit(browser, address, PAGE) as visit:
        page = visit.page
        form = page.locator(FORM).first
        group = page.get_by_role("group", name="Question 1.").first
        radios = group.get_by_role("radio")
        assert radios.count() == 4
        said = form.get_by_role("status")
        radios.first.focus()
        assert form.locator("label").first.evaluate(
            "e => getComputedStyle(e).outlineStyle"
        ) == ("solid")
        page.keyboard.press("Enter")
        assert said.inner_text() == "Choose an option first."
        assert form.get_by_role("link").count() == 0
        page.keyboard.press("ArrowDown")
        assert focused(page, "value") == "b"
        page.keyboard.press("Tab")
        assert focused(page, "textContent") == "Check"
        page.keyboard.press("Enter")
        assert said.inner_text().startswith("(b) is wrong. That is the network")
        page.keyboard.press("Tab")
        assert focused(page, "textContent") == "Solution of question 1"
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Shift+Tab")
        for _ in range(2):
            page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        assert said.inner_text().startswith(f"({RIGHT[1]}) is right. Near zero")
        assert said.locator("mjx-container").count() == 2
        assert form.get_by_role("link").count() == 1
        form.get_by_role("link").press("Enter")
        page.wait_for_url("**/solutions/02_elman.html#quiz-1")
        assert visit.said == []


@pytest.mark.browser
def test_each_option_has_its_word_and_the_answers_wait_for_all_checks(browser):
    path = rendered_book.book().html / PAGE
    with browser.new_context() as context:  # a book that is opened as a file
        page = context.new_page()
        page.goto(path.as_uri())
        answers = page.locator(".quiz-answers")
        heard = set()
        for number, form in enumerate(page.locator(FORM).all(), start=1):
            assert not answers.is_visible()
            for radio in form.get_by_role("radio").all():
                radio.check()
                form.get_by_role("button").click()
                said = form.get_by_role("status").inner_text()
                letter = radio.get_attribute("value")
                verdict = "right" if letter == RIGHT[number] else "wrong"
                assert said.startswith(f"({letter}) is {verdict}. ")
                heard.add(said)
        assert len(heard) == page.get_by_role("radio").count() == 19
        assert answers.is_visible()


@pytest.mark.browser
def test_without_scripts_there_is_a_list_and_a_link(browser, address):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{address}/{PAGE}")
        assert page.locator(".quiz-question > ul > li").count() == 19
        assert page.get_by_role("radio").count() == 0
        assert page.locator(".quiz-answers a").is_visible()


@pytest.mark.browser
@pytest.mark.parametrize(("theme", "width"), [("light", PHONE), ("dark", DESKTOP)])
def test_a_form_that_was_checked_is_accessible(browser, address, theme, width):
    with Visit(browser, address, PAGE, theme, width) as visit:
        for form in visit.page.locator(FORM).all():
            form.get_by_role("radio").first.check()
            form.get_by_role("button").click()
            for label in form.locator("label").all():
                assert label.bounding_box()["height"] >= 24
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
        if theme == "light":
            assert grave(visit.page, "#quiz", without=COLOURS) == []
        assert grave(visit.page, "#quiz", [*COLOURS, "target-size"]) == []
