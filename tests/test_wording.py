"""Who says that a setting is better has compared it, seed by seed, and it is."""

import re
from functools import cache

import nbformat
import pytest
from docutils.core import publish_parts
from myst_parser.parsers.docutils_ import Parser
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from helpers.press import notebooks, wording
from helpers.press.wording import Verdict

pytestmark = pytest.mark.documents

KNOWN = {
    "a over b": Verdict("page", 20, 0.64, 0.95),
    "b over a": Verdict("page", 20, 0.05, 0.36),
    "c over d": Verdict("page", 20, 0.34, 0.74),
    "few": Verdict("page", 5, 0.57, 1.0),
}


def marked(sentence, name, kind="compares"):
    return f"{sentence}<!-- {kind}: {name} -->"


@cache
def printed():
    return [*wording.printed()]


@cache
def pages():
    return dict(wording.pages())


def test_all_comparisons_have_names_of_their_own():
    names = [name for name, _ in printed()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("page", pages())
def test_what_a_page_claims_is_printed_and_true(page):
    assert [*wording.faults(pages()[page], dict(printed()))] == []


@pytest.mark.parametrize(
    "text",
    [
        marked("A is better than b.", "a over b"),
        marked("B is worse than a.", "a over b") + "\nThen comes more.",
        marked("C is no better than d.", "c over d", "no difference"),
        marked("C learns as much as d.", "c over d", "no difference"),
        marked(
            marked("A beats b, but c does not beat d.", "a over b"),
            "c over d",
            "no difference",
        ),
        "Write `<!-- compares: NAME -->` after a sentence.",
    ],
)
def test_a_true_claim_passes(text):
    assert [*wording.faults(text, KNOWN)] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (marked("A is better.", "a over e"), "no cell prints"),
        (marked("B is better.", "b over a"), "does not show the first ahead"),
        (marked("C is better.", "c over d"), "does not show the first ahead"),
        (marked("Five are ahead.", "few"), "does not show the first ahead"),
        (marked("As good.", "a over b", "no difference"), "shows a difference"),
        (marked("As good.", "b over a", "no difference"), "shows a difference"),
        (marked("C is better.", "c over d", "no difference"), "shows no difference"),
        ("A is better.<!-- compare: a over b -->", "no mark"),
        ("A is better.<!-- a note -->", "no mark"),
        ("A is\n<!-- compares: a over b -->better.", "begins a line"),
        ("- <!-- compares: a over b -->better.", "begins a line"),
    ],
)
def test_a_false_claim_is_seen(text, said):
    assert any(said in fault for fault in wording.faults(text, KNOWN))


@pytest.mark.parametrize(
    "text",
    [
        "Fine. This is the\nbest. Fine.",
        "- (a) Adam is better",
        "| a table | beats |",
        "## The worst\n",
        marked("A is better.", "a over b") + " And this is worse.",
    ],
)
def test_a_word_without_a_name_is_listed(text):
    assert len(wording.unmarked(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        marked("A is better.", "a over b"),
        marked("A is **better.**", "a over b") + " Fine.",
        "Run `best(1)`.\n\n```\nbetter\n```\n",
        "A bettering alphabet.",
    ],
)
def test_nothing_else_is_listed(text):
    assert wording.unmarked(text) == []


def test_comparisons_are_read_from_what_cells_print():
    table = (
        "comparison     ahead in (20 seeds)    median difference\n"
        "-------------  ---------------------  -----------------\n"
        "one over half  17 of 20 [0.64, 0.95]  0.51 [0.5, 0.51]\n"
        "all            20 of 20 [0.84, 1.00]  -0.1 [-0.2, -0.1]\n"
        "other: 17 of 20 [0.64, 0.95]\n"
    )
    cell = new_code_cell(
        "print()", outputs=[new_output("display_data", {"text/plain": table})]
    )
    found = dict(wording.in_notebook("page", nbformat.v4.new_notebook(cells=[cell])))
    assert found == {
        "one over half": Verdict("page", 20, 0.64, 0.95),
        "all": Verdict("page", 20, 0.84, 1.0),
    }


def test_a_mark_is_not_shown_and_ends_no_paragraph():
    text = marked("A is better.", "a over b") + " The same paragraph.\nThe same."
    parts = publish_parts(
        text,
        parser=Parser(),
        writer_name="html5",
        settings_overrides={"raw_enabled": True},
    )
    assert parts["body"].count("<p>") == 1
    plain = wording.COMMENT.sub("", parts["body"])
    assert "A is better. The same paragraph.\nThe same." in plain
    assert "compares" not in plain


def test_the_command_lists_sentences_under_their_page(capsys):
    assert wording.main() == 0
    said = capsys.readouterr().out
    assert re.search(r"^glossary\.md\n  .+\b(best|better)\b", said, re.MULTILINE)


# What is recorded and not shown -------------------------------------------------------

READS = re.compile(r"results\.load\(|\.metric\(|\.curve\(")
SAYS = "print(results.also_recorded())"


def unseen(notebook):
    """What is wrong with how a chapter names what it does not show of its records."""
    code = []
    for cell in notebook.cells:
        if cell.source.startswith("## Summary"):
            break
        if cell.cell_type == "code":
            code.append(cell)
    read = [i for i, cell in enumerate(code) if READS.search(cell.source)]
    said = [i for i, cell in enumerate(code) if cell.source == SAYS]
    if read and not said:
        yield f"no cell with {SAYS}"
    elif read and (len(said) > 1 or said[0] < read[-1]):
        yield f"{SAYS} stands once, below the last cell that reads a record"
    for i in said:
        if not any("Also recorded:" in o.get("text", "") for o in code[i].outputs):
            yield "the cell was not run"


@pytest.mark.parametrize("path", notebooks.chapters(), ids=lambda path: path.stem)
def test_a_chapter_names_what_it_does_not_show_of_its_records(path):
    assert [*unseen(notebooks.read(path))] == []


@pytest.mark.parametrize(
    ("sources", "fine"),
    [
        (["x = results.load('a')", SAYS], True),
        (["print(1)"], True),
        (["x = results.load('a')"], False),
        (["x = results.load('a')", SAYS, "x.metric('b')"], False),
        (["x = results.load('a')", SAYS, "y.curve('b')", SAYS], False),
    ],
)
def test_a_chapter_that_names_too_little_is_seen(sources, fine):
    said = new_output("stream", text="Also recorded:\na: nothing else\n")
    cells = [new_code_cell(s, outputs=[said] * (s == SAYS)) for s in sources]
    cells += [new_markdown_cell("## Summary"), new_code_cell("results.load('b')")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    assert fine == (not [*unseen(notebook)])
