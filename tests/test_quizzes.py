"""Each chapter has a quiz that keeps its answers to itself; its solutions tell them."""

import re
from collections import Counter
from functools import cache
from typing import NamedTuple

import pytest

from helpers.press import notebooks, reading

pytestmark = pytest.mark.documents

CHAPTERS = notebooks.chapters()
QUESTION = re.compile(r"^\*\*Question (\d)\.\*\* (.+\?)$", re.MULTILINE)
OPTION = re.compile(r"^- \(([a-d])\) (.+)$", re.MULTILINE)
ANSWER = re.compile(r"^\*\*Question (\d): \(([a-d])\)\.\*\* (.+)$", re.MULTILINE)
SHORTEST = 40  # characters that say what is wrong with an option
HEADING = "## Quiz\n"


class Quiz(NamedTuple):
    """The Markdown cells of a chapter and of its solutions, in order."""

    stem: str
    chapter: list[str]
    solutions: list[str]


@cache
def markdown(path):
    cells = notebooks.read(path).cells
    return tuple(cell.source for cell in cells if cell.cell_type == "markdown")


def load(path):
    pages = (path, path.parent / "solutions" / path.name)
    return Quiz(path.stem, *(list(markdown(page)) for page in pages))


def section(cells):
    """The cell of the quiz, or "" where there is not exactly one."""
    found = [cell for cell in cells if cell.startswith(HEADING)]
    return found[0] if len(found) == 1 else ""


def parts(pattern, text):
    """What stands under each match: {number: (the match, options by letter)}."""
    found = {}
    for match in pattern.finditer(text):
        after = text[match.end() :].split("\n**", 1)[0]
        found[int(match[1])] = (match, OPTION.findall(after))
    return found


def answers(quiz):
    """The right letter of each question."""
    found = parts(ANSWER, section(quiz.solutions))
    return {number: match[2] for number, (match, _) in found.items()}


def problems(quiz):
    """A sentence for whatever is wrong with a quiz."""
    asked, told = section(quiz.chapter), section(quiz.solutions)
    if not asked or not told:
        yield "the chapter and its solutions need one cell each with the heading Quiz"
        return
    titles = [cell.partition("\n")[0] for cell in quiz.chapter if cell[:3] == "## "]
    at = titles.index(HEADING.strip())
    if titles[at - 1 : at + 2] != ["## Summary", "## Quiz", "## Exercises"]:
        yield "the quiz does not stand between the summary and the exercises"

    questions, explained = parts(QUESTION, asked), parts(ANSWER, told)
    for found in (questions, explained):
        if [*found] != [1, 2, 3, 4, 5]:
            yield f"questions {[*found]}, expected 1 to 5"
    for number, (_, options) in questions.items():
        letters = "".join(letter for letter, _ in options)
        if letters not in ("abc", "abcd"):
            yield f"question {number} has the options {letters!r}"
        right, others = explained.get(number, (None, []))
        if right is None or right[2] not in letters:
            yield f"question {number} has no right answer"
        elif "".join(letter for letter, _ in others) != letters.replace(right[2], ""):
            yield f"not every wrong option of question {number} is spoken of"
        for letter, text in others:
            if len(text) < SHORTEST:
                yield f"nothing is said of option {letter} of question {number}"
    if len(set(answers(quiz).values())) < 3:
        yield "the right letters are nearly all alike"

    *lines, last = [line for line in asked.splitlines()[1:] if line]
    if f"](solutions/{quiz.stem}.ipynb#quiz)" not in last:
        yield "the last line does not lead to the answers"
    if f"](../{quiz.stem}.ipynb#quiz)" not in told:
        yield "the answers do not lead back"
    for line in lines[1:]:
        if not QUESTION.match(line) and not OPTION.match(line):
            yield f"neither question nor option: {line[:50]!r}"
    text = "\n".join(quiz.chapter)
    if ANSWER.search(text):
        yield "the chapter answers a question"
    for match, _ in explained.values():
        for sentence in match[3].split(". "):
            if len(sentence) >= SHORTEST and sentence in text:
                yield f"the chapter gives away {sentence!r}"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_the_quiz_is_whole_and_answered_on_the_solutions_page(path):
    assert [*problems(load(path))] == []


def change(page, old, new):
    """A change of the cell of the quiz, of its first match only."""

    def apply(quiz):
        cells = getattr(quiz, page)
        at = cells.index(section(cells))
        assert re.search(old, cells[at])
        cells[at] = re.sub(old, new, cells[at], count=1)

    return apply


def move_up(quiz):
    quiz.chapter.insert(1, quiz.chapter.pop(quiz.chapter.index(section(quiz.chapter))))


def give_away(quiz):
    [(match, _), *_] = parts(ANSWER, section(quiz.solutions)).values()
    quiz.chapter.append(match[3])


BAD = {
    "no quiz": change("chapter", "## Quiz", "## Riddles"),
    "no answers": change("solutions", "## Quiz", "## Riddles"),
    "elsewhere": move_up,
    "four questions": change("chapter", r"\*\*Question 5", "**Riddle 5"),
    "four answers": change("solutions", r"\*\*Question 5", "**Riddle 5"),
    "no option b": change("chapter", r"(?m)^- \(b\) .*\n", ""),
    "an option that is not there": change("solutions", r"2: \(.\)", "2: (x)"),
    "another right letter": change("solutions", r"1: \(.\)", "1: (b)"),
    "one option unspoken of": change("solutions", r"(?m)^- \(.\) .*$", ""),
    "two words on an option": change("solutions", r"(?m)^(- \(.\)) .*$", r"\1 Not so."),
    "no link": change("chapter", r"\(solutions/.*?\)", "()"),
    "no link back": change("solutions", r"\(\.\./.*?\)", "()"),
    "a hint": change("chapter", r"(?m)^- \(a\)", "Hint: think of zeros.\n\n- (a)"),
    "the key below": change("chapter", r"\Z", "\n\n**Question 1: (a).** It is."),
    "the reason in the text": give_away,
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_quiz_is_seen(case):
    quiz = load(CHAPTERS[0])
    BAD[case](quiz)
    assert [*problems(quiz)], f"a quiz passes with: {case}"


def test_neither_the_letter_nor_the_length_tells_the_right_answer():
    letters, longest, questions = Counter(), 0, 0
    for quiz in map(load, CHAPTERS):
        right = answers(quiz)
        letters.update(right.values())
        for number, (_, options) in parts(QUESTION, section(quiz.chapter)).items():
            questions += 1
            lengths = {letter: len(text) for letter, text in options}
            longest += max(lengths, key=lengths.get) == right[number]
    assert set(letters) == set("abcd")
    assert max(letters.values()) < 0.4 * questions, letters
    assert longest < 0.4 * questions, f"{longest} of {questions} are the longest"


# The questions that open a chapter ----------------------------------------------------

OPENING = re.compile(r"^(\d)\. .+\? \(\[chapter (\d)\]\((\d\d)_\w+\.ipynb#[\w-]+\)\)$")


def opens_with_questions(cells, number):
    """Whether the first section has three questions on earlier chapters, with links."""
    first = next(cell for cell in cells if cell.startswith("## "))
    heading, _, *lines = first.rstrip().splitlines()
    found = [OPENING.match(line) for line in lines]
    return (
        heading == f"## {reading.QUESTIONS}"
        and all(found)
        and [match[1] for match in found] == ["1", "2", "3"]
        and all(int(match[2]) == int(match[3]) < number for match in found)
    )


@pytest.mark.parametrize("path", CHAPTERS[1:], ids=lambda path: path.stem)
def test_a_chapter_opens_with_three_questions_on_earlier_ones(path):
    assert opens_with_questions(markdown(path), int(path.stem[:2]))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("## Three questions first", "## Questions"),
        ("3. What", "4. What"),
        ("\n3. What? ([chapter 1](01_a.ipynb#b))", ""),
        ("[chapter 1]", "[chapter 2]"),
        ("What? (", "What. ("),
        ("#b", ""),
    ],
)
def test_another_opening_is_seen(old, new):
    lines = [f"{k}. What? ([chapter 1](01_a.ipynb#b))" for k in (1, 2, 3)]
    good = "\n".join(["## Three questions first", "", *lines])
    assert opens_with_questions(["# A title", good, "## Why?"], 2)
    assert not opens_with_questions(["# A title", good, "## Why?"], 1)
    assert not opens_with_questions(["# A title", good.replace(old, new)], 2)
