"""The notebooks keep the rules, and each rule is able to catch what it is for.

A rule takes a notebook and yields a sentence for whatever breaks it. nbval runs the
notebooks and compares their text outputs; these rules cover what it lets pass.
"""

import copy
import json
import re

import jupytext
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from rendered_book import contents

from helpers import ROOT
from helpers.press import notebooks

pytestmark = pytest.mark.documents

PATHS = notebooks.find()
each_notebook = pytest.mark.parametrize(
    "path", PATHS, ids=lambda path: f"{path.parent.name}/{path.stem}"
)
TAGS = {
    "setup",  # the Colab cell
    "engine",  # the line that selects the engine
    "nbval-ignore-output",
    "timing",
    "raises-exception",
    "hide-input",
    "exercise",  # a starter cell
    "remove-cell",
}
SHORTEST_ALT = 30  # characters; a text alternative says what is to be seen
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")
FOLDER = re.compile(
    r"(?<![\w.:/])/(?:home|root|Users|tmp|usr|opt|var|content)/\w|\b[A-Z]:\\|"
    + re.escape(str(ROOT))
)
COLOUR = re.compile(r"\x1b\[")


def code_cells(notebook):
    """The code cells in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell):
    """The tags of a cell."""
    return set(cell.metadata.get("tags", []))


def name(cell):
    """How a message names a cell: by its first line."""
    return repr(cell.source.partition("\n")[0][:50])


def texts(cell):
    """Everything in the outputs of a cell that is text and not a picture."""
    for output in cell.outputs:
        for key, value in output.get("data", {}).items():
            if not key.startswith("image/"):
                yield value if isinstance(value, str) else json.dumps(value)
        if "text" in output:
            yield output.text
        if output.output_type == "error":
            yield "\n".join([output.evalue, *output.traceback])


def executed_in_order(notebook):
    """Every code cell was run, once, from top to bottom."""
    counts = [cell.execution_count for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts are {counts}: run make execute"


def known_tags(notebook):
    """Tags come from a fixed list: a misspelt one would do nothing."""
    for cell in notebook.cells:
        if unknown := tags(cell) - TAGS:
            yield f"unknown tags {sorted(unknown)} in {name(cell)}"


def announced_errors(notebook):
    """A cell ends in an error exactly where it is tagged so."""
    for cell in code_cells(notebook):
        failed = any(output.output_type == "error" for output in cell.outputs)
        if failed and "raises-exception" not in tags(cell):
            yield f"an error without the tag raises-exception in {name(cell)}"
        if not failed and "raises-exception" in tags(cell):
            yield f"no error despite the tag raises-exception in {name(cell)}"


def nothing_on_stderr(notebook):
    """No warning and no progress bar reaches a reader."""
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if output.get("name") == "stderr":
                yield f"stderr says {output.text[:60]!r} in {name(cell)}"


def described_figures(notebook):
    """Each figure has a text alternative, a caption and a name of its own."""
    names = []
    for cell in code_cells(notebook):
        kinds = [kind for output in cell.outputs for kind in output.get("data", {})]
        if not any(kind.startswith("image/") for kind in kinds):
            continue
        described = cell.metadata.get("mystnb", {})
        alt = described.get("image", {}).get("alt", "").strip()
        figure = described.get("figure", {})
        caption = figure.get("caption", "").strip()
        if len(alt) < SHORTEST_ALT:
            yield f"alt text {alt!r} does not say what {name(cell)} shows"
        if not caption:
            yield f"no caption for the figure of {name(cell)}"
        elif alt == caption:
            yield f"alt text repeats the caption of {name(cell)}"
        if not figure.get("name"):
            yield f"no name for the figure of {name(cell)}"
        names.append(figure.get("name"))
    for twice in {figure for figure in names if figure and names.count(figure) > 1}:
        yield f"two figures are named {twice!r}"


def figures_for_every_viewer(notebook):
    """A figure is SVG, and PNG for who shows no SVG in a notebook of another."""
    for cell in code_cells(notebook):
        for output in cell.outputs:
            kinds = {k for k in output.get("data", {}) if k.startswith("image/")}
            if kinds not in (set(), {"image/svg+xml", "image/png"}):
                yield f"{name(cell)} shows a figure as {', '.join(kinds)} alone"


def opening_cells(notebook):
    """First the Colab cell, word for word, then the engine; no other has their tags."""
    cells = code_cells(notebook)
    if not cells or cells[0].source != notebooks.setup_source(*notebooks.repository()):
        yield "no set-up cell comes first: run python -m helpers.press.notebooks setup"
    if len(cells) < 2 or "engine.select(" not in cells[1].source:
        yield "the second code cell does not select the engine"
    opening = ({"setup"}, {"engine", "nbval-ignore-output"})
    for cell, wanted in zip(cells, opening, strict=False):
        if not wanted <= tags(cell):
            yield f"{name(cell)} lacks some of the tags {sorted(wanted)}"
    for cell in cells[2:]:
        if misplaced := tags(cell) & {"setup", "engine"}:
            yield f"{name(cell)} is tagged {sorted(misplaced)}"


def compared_outputs(notebook):
    """nbval skips only what must differ between machines and versions."""
    for cell in code_cells(notebook):
        excused = tags(cell) & {"engine", "timing"} or "dprint(" in cell.source
        if "nbval-ignore-output" in tags(cell) and not excused:
            yield f"nbval-ignore-output is not for {name(cell)}"
        for word in ("NBVAL_", "PYTEST_VALIDATE"):
            if word in cell.source:
                yield f"a comment {word}... does a tag's work in {name(cell)}"


def no_trace_of_the_machine(notebook):
    """Outputs name no folder and no memory address, and carry no terminal colours."""
    for cell in code_cells(notebook):
        for text in texts(cell):
            for pattern in (ADDRESS, FOLDER, COLOUR):
                if found := pattern.search(text):
                    yield f"{found.group()!r} in the output of {name(cell)}"


def untouched_starters(notebook):
    """The check below each starter answers that the exercise was not started."""
    for cell in code_cells(notebook):
        if "exercise" in tags(cell):
            said = " ".join(texts(cell))
            if "not started" not in said.lower():
                yield f"the starter {name(cell)} says {said[:60]!r}"


def survives_jupytext(notebook):
    """Edited as text (jupytext) and back, the notebook is the same."""
    text = jupytext.writes(notebook, fmt="py:percent")
    back = jupytext.reads(text, fmt="py:percent")
    if len(back.cells) != len(notebook.cells):
        yield f"{len(notebook.cells)} cells become {len(back.cells)} in jupytext"
    for cell, other in zip(notebook.cells, back.cells, strict=False):
        for part in ("cell_type", "source", "metadata"):
            if cell[part] != other[part]:
                yield f"jupytext changes the {part} of {name(cell)}"


# Each rule catches what it is for --------------------------------------------------

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
    pictures = {"image/svg+xml": "<svg/>", "image/png": "iVBORw0KGgo="}
    figure = new_output("display_data", pictures)
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
        cell("draw()", figure, mystnb=FIGURE),
        cell("raise ValueError('expected 2')", error, tags=["raises-exception"]),
        cell("answer = ...", stream("Not started yet.\n"), tags=["exercise"]),
        cell("f.dprint();", stream("Add\n"), tags=["nbval-ignore-output"]),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    for count, code in enumerate(code_cells(notebook), start=1):
        code.execution_count = count
    return notebooks.normalise(notebook)


SETUP, ENGINE, PRINT, DRAW, FAIL, START, LIST = range(1, 8)


def test_the_good_notebook_keeps_every_rule():
    problems = [p for rule in BAD for p in rule(good_notebook())]
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
    executed_in_order: {
        "never run": change(PRINT, execution_count=None),
        "run twice": change(PRINT, execution_count=9),
    },
    known_tags: {"misspelt tag": tagged(PRINT, "timings")},
    announced_errors: {
        "surprise": change(FAIL, metadata={}),
        "no error": change(FAIL, outputs=[]),
    },
    nothing_on_stderr: {"warning": says(stream("DeprecationWarning", "stderr"))},
    described_figures: {
        "no description": change(DRAW, metadata={}),
        "empty alt": describe(image={"alt": "A plot."}),
        "no caption": describe(figure={"name": "fig-loss"}),
        "alt is caption": describe(
            figure={"caption": FIGURE["image"]["alt"], "name": "fig-loss"}
        ),
        "no name": describe(figure={"caption": "Loss."}),
        "name twice": repeat_figure,
    },
    figures_for_every_viewer: {
        "PNG alone": change(
            DRAW, outputs=[new_output("display_data", {"image/png": "iVBORw0KGgo="})]
        ),
        "SVG alone": change(
            DRAW, outputs=[new_output("display_data", {"image/svg+xml": "<svg/>"})]
        ),
    },
    opening_cells: {
        "other set-up": change(SETUP, source="import sys"),
        "no engine": change(ENGINE, source="import helpers"),
        "engine compared": tagged(ENGINE, "engine"),
        "order": swap_opening,
        "second engine": tagged(PRINT, "engine", TAG),
    },
    compared_outputs: {
        "hidden number": tagged(PRINT, TAG),
        "hidden by comment": change(PRINT, source="# NBVAL_IGNORE_OUTPUT\nprint(4)"),
    },
    no_trace_of_the_machine: {
        "memory address": says("<object at 0x7f31c2a0d1f0>"),
        "folder": says("read /home/ada/course/data/sunspots.csv"),
        "folder on Windows": says(r"read C:\course\data\sunspots.csv"),
        "folder in a result": says(
            new_output("execute_result", {"text/plain": "'/tmp/x'"})
        ),
        "colours": says("\x1b[31mred\x1b[0m"),
    },
    untouched_starters: {
        "solved starter": change(START, outputs=[stream("Exercise 1: right\n")])
    },
    survives_jupytext: {"jupytext": tagged(PRINT, "timing", collapsed=True)},
}


@pytest.mark.parametrize(
    ("rule", "case"), [(rule, case) for rule, cases in BAD.items() for case in cases]
)
def test_each_rule_catches_a_bad_notebook(rule, case):
    notebook = good_notebook()
    BAD[rule][case](notebook)
    assert [*rule(notebook)], f"{rule.__name__} passes a notebook with: {case}"


@pytest.mark.parametrize("rule", BAD, ids=lambda rule: rule.__name__)
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


def test_every_chapter_has_its_solutions_and_the_contents_list_them_in_order():
    there = [p.relative_to(ROOT).with_suffix("").as_posix() for p in PATHS]
    for folder in ("book/solutions/", "book/"):
        part = [p for p in there if re.fullmatch(rf"{folder}\d\d_\w+", p)]
        assert part == [p for p in contents() if p in part]
    solutions = [path.name for path in PATHS if path.parent.name == "solutions"]
    assert [path.name for path in notebooks.chapters()] == solutions
