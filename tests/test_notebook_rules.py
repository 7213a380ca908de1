"""The notebooks keep the rules, and each rule is able to catch what it is for."""

import copy
import re

import nbformat
import notebook_rules as rules
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from helpers import ROOT
from helpers.press import notebooks

pytestmark = pytest.mark.documents

PATHS = notebooks.find()
each_notebook = pytest.mark.parametrize(
    "path", PATHS, ids=lambda path: f"{path.parent.name}/{path.stem}"
)
FIGURE = {
    "image": {"alt": "The loss falls from 1.0 to 0.1 over ten epochs and stays there."},
    "figure": {"caption": "Training loss.", "name": "fig-loss"},
}


def stream(text, kind="stdout"):
    return new_output("stream", name=kind, text=text)


def cell(source, *outputs, tags=(), **metadata):
    if tags:
        metadata["tags"] = list(tags)
    return new_code_cell(source, outputs=list(outputs), metadata=metadata)


def good_notebook():
    """A small notebook that keeps every rule."""
    png = new_output("display_data", {"image/png": "iVBORw0KGgo="})
    error = new_output(
        "error", ename="ValueError", evalue="expected 2", traceback=["ValueError: ..."]
    )
    setup = notebooks.setup_source(*notebooks.repository())
    cells = [
        new_markdown_cell("# A chapter"),
        cell(setup, tags=notebooks.SETUP_TAGS),
        cell(
            "from helpers import engine\n\nengine.select()",
            stream("jax, float64\n"),
            tags=["engine", "nbval-ignore-output"],
        ),
        cell("print(2 + 2)", stream("4\n")),
        cell("draw()", png, mystnb=FIGURE),
        cell("raise ValueError('expected 2')", error, tags=["raises-exception"]),
        cell("answer = ...", stream("Not started yet.\n"), tags=["exercise"]),
        cell("f.dprint();", stream("Add\n"), tags=["nbval-ignore-output"]),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    for count, code in enumerate(rules.code_cells(notebook), start=1):
        code.execution_count = count
    return notebooks.normalise(notebook)


SETUP, ENGINE, PRINT, DRAW, FAIL, START, LIST = range(1, 8)


def test_the_good_notebook_keeps_every_rule():
    problems = [p for rule in rules.RULES for p in rule(good_notebook())]
    assert problems == []


def change(index, **parts):
    """A change of one cell of the good notebook."""

    def apply(notebook):
        notebook.cells[index].update(copy.deepcopy(parts))

    return apply


def describe(**parts):
    """A change of the figure's description."""
    return change(DRAW, metadata={"mystnb": {**FIGURE, **parts}})


def swap_opening(notebook):
    cells = notebook.cells
    cells[SETUP], cells[ENGINE] = cells[ENGINE], cells[SETUP]


def repeat_figure(notebook):
    notebook.cells.append(copy.deepcopy(notebook.cells[DRAW]))


def tagged(index, *tags, **parts):
    """A change of a cell's tags, and of its other metadata."""
    return change(index, metadata={"tags": list(tags), **parts})


def says(output):
    """A change of what the cell in the middle prints."""
    return change(
        PRINT, outputs=[stream(output) if isinstance(output, str) else output]
    )


TAG = "nbval-ignore-output"
BAD = {
    rules.executed_in_order: {
        "never run": change(PRINT, execution_count=None),
        "run twice": change(PRINT, execution_count=9),
    },
    rules.known_tags: {"misspelt tag": tagged(PRINT, "timings")},
    rules.announced_errors: {
        "surprise": change(FAIL, metadata={}),
        "no error": change(FAIL, outputs=[]),
    },
    rules.nothing_on_stderr: {"warning": says(stream("DeprecationWarning", "stderr"))},
    rules.described_figures: {
        "no description": change(DRAW, metadata={}),
        "empty alt": describe(image={"alt": "A plot."}),
        "no caption": describe(figure={"name": "fig-loss"}),
        "alt is caption": describe(
            figure={"caption": FIGURE["image"]["alt"], "name": "fig-loss"}
        ),
        "no name": describe(figure={"caption": "Loss."}),
        "name twice": repeat_figure,
    },
    rules.narrow_code: {"wide code": change(PRINT, source="x = " + "1" * 72)},
    rules.opening_cells: {
        "other set-up": change(SETUP, source="import sys"),
        "no engine": change(ENGINE, source="import helpers"),
        "engine compared": tagged(ENGINE, "engine"),
        "order": swap_opening,
        "second engine": tagged(PRINT, "engine", TAG),
    },
    rules.compared_outputs: {
        "hidden number": tagged(PRINT, TAG),
        "hidden by comment": change(PRINT, source="# NBVAL_IGNORE_OUTPUT\nprint(4)"),
    },
    rules.no_trace_of_the_machine: {
        "memory address": says("<object at 0x7f31c2a0d1f0>"),
        "folder": says("read /home/ada/course/data/sunspots.csv"),
        "folder on Windows": says(r"read C:\course\data\sunspots.csv"),
        "folder in a result": says(
            new_output("execute_result", {"text/plain": "'/tmp/x'"})
        ),
        "colours": says("\x1b[31mred\x1b[0m"),
    },
    rules.untouched_starters: {
        "solved starter": change(START, outputs=[stream("Exercise 1: right\n")])
    },
    rules.survives_jupytext: {"jupytext": tagged(PRINT, "timing", collapsed=True)},
}


@pytest.mark.parametrize(
    ("rule", "case"), [(rule, case) for rule in rules.RULES for case in BAD[rule]]
)
def test_each_rule_catches_a_bad_notebook(rule, case):
    notebook = good_notebook()
    BAD[rule][case](notebook)
    assert list(rule(notebook)), f"{rule.__name__} passes a notebook with: {case}"


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
@each_notebook
def test_the_notebooks_keep_the_rules(path, rule):
    problems = list(rule(notebooks.read(path)))
    assert not problems, "\n".join([f"{rule.__doc__} But:", *problems])


@each_notebook
def test_the_files_are_written_the_one_way(path):
    text = path.read_text(encoding="utf-8")
    assert text == notebooks.dumps(notebooks.read(path)), (
        "run python -m helpers.press.notebooks setup"
    )
    assert rules.nb_clean(path) == ""


def test_nb_clean_catches_metadata_noise(tmp_path):
    clean, noisy = tmp_path / "clean.ipynb", tmp_path / "noisy.ipynb"
    notebook = good_notebook()
    clean.write_text(notebooks.dumps(notebook), encoding="utf-8")
    notebook.cells[PRINT].metadata["collapsed"] = True
    noisy.write_text(nbformat.writes(notebook), encoding="utf-8")
    assert rules.nb_clean(clean) == ""
    assert "collapsed" in rules.nb_clean(noisy)


def test_every_notebook_stands_in_the_table_of_contents_in_order():
    listed = re.findall(
        r"file: (book/\S+)", (ROOT / "_toc.yml").read_text(encoding="utf-8")
    )
    there = [p.relative_to(ROOT).with_suffix("").as_posix() for p in PATHS]
    assert set(there) <= set(listed)
    for folder in ("book/solutions/", "book/"):
        part = [p for p in there if re.fullmatch(rf"{folder}\d\d_\w+", p)]
        assert part == [p for p in listed if p in part]


def test_every_chapter_has_its_solutions():
    solutions = [path.name for path in PATHS if path.parent.name == "solutions"]
    assert [path.name for path in notebooks.chapters()] == solutions
