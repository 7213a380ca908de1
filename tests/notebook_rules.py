"""What a notebook of this course must be like: one function a rule.

Each takes a notebook and yields a sentence for whatever breaks the rule. nbval runs
the notebooks and compares their text outputs; these rules cover what it lets pass.
"""

import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jupytext
from nbformat import NotebookNode

from helpers import ROOT
from helpers.press import notebooks

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
WIDTH = 75  # characters of code that a phone, Colab and a printed page show
SHORTEST_ALT = 30  # characters; a text alternative says what is to be seen
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")
FOLDER = re.compile(
    r"(?<![\w.:/])/(?:home|root|Users|tmp|usr|opt|var|content)/\w|\b[A-Z]:\\|"
    + re.escape(str(ROOT))
)
COLOUR = re.compile(r"\x1b\[")

Problems = Iterator[str]


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The code cells in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell: NotebookNode) -> set[str]:
    """The tags of a cell."""
    return set(cell.metadata.get("tags", []))


def name(cell: NotebookNode) -> str:
    """How a message names a cell: by its first line."""
    return repr(cell.source.partition("\n")[0][:50])


def texts(output: NotebookNode) -> Iterator[str]:
    """Everything in an output that is text and not a picture."""
    for key, value in output.get("data", {}).items():
        if not key.startswith("image/"):
            yield value if isinstance(value, str) else json.dumps(value)
    if "text" in output:
        yield output.text
    if output.output_type == "error":
        yield "\n".join([output.evalue, *output.traceback])


def executed_in_order(notebook: NotebookNode) -> Problems:
    """Every code cell was run, once, from top to bottom."""
    counts = [cell.execution_count for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts are {counts}: run make execute"


def known_tags(notebook: NotebookNode) -> Problems:
    """Tags come from a fixed list: a misspelt one would do nothing."""
    for cell in notebook.cells:
        if unknown := tags(cell) - TAGS:
            yield f"unknown tags {sorted(unknown)} in {name(cell)}"


def announced_errors(notebook: NotebookNode) -> Problems:
    """A cell ends in an error exactly where it is tagged so."""
    for cell in code_cells(notebook):
        failed = any(output.output_type == "error" for output in cell.outputs)
        if failed and "raises-exception" not in tags(cell):
            yield f"an error without the tag raises-exception in {name(cell)}"
        if not failed and "raises-exception" in tags(cell):
            yield f"no error despite the tag raises-exception in {name(cell)}"


def nothing_on_stderr(notebook: NotebookNode) -> Problems:
    """No warning and no progress bar reaches a reader."""
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if output.get("name") == "stderr":
                yield f"stderr says {output.text[:60]!r} in {name(cell)}"


def described_figures(notebook: NotebookNode) -> Problems:
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


def narrow_code(notebook: NotebookNode) -> Problems:
    """Code fits the page."""
    for cell in code_cells(notebook):
        for line in cell.source.splitlines():
            if len(line) > WIDTH:
                yield f"{len(line)} characters, at most {WIDTH}: {line!r}"


def opening_cells(notebook: NotebookNode) -> Problems:
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


def compared_outputs(notebook: NotebookNode) -> Problems:
    """nbval skips only what must differ between machines and versions."""
    for cell in code_cells(notebook):
        excused = tags(cell) & {"engine", "timing"} or "dprint(" in cell.source
        if "nbval-ignore-output" in tags(cell) and not excused:
            yield f"nbval-ignore-output is not for {name(cell)}"
        for word in ("NBVAL_", "PYTEST_VALIDATE"):
            if word in cell.source:
                yield f"a comment {word}... does a tag's work in {name(cell)}"


def no_trace_of_the_machine(notebook: NotebookNode) -> Problems:
    """Outputs name no folder and no memory address, and carry no terminal colours."""
    for cell in code_cells(notebook):
        for text in itertools.chain.from_iterable(map(texts, cell.outputs)):
            for pattern in (ADDRESS, FOLDER, COLOUR):
                if found := pattern.search(text):
                    yield f"{found.group()!r} in the output of {name(cell)}"


def untouched_starters(notebook: NotebookNode) -> Problems:
    """The check below each starter answers that the exercise was not started."""
    for cell in code_cells(notebook):
        if "exercise" in tags(cell):
            said = " ".join(itertools.chain.from_iterable(map(texts, cell.outputs)))
            if "not started" not in said.lower():
                yield f"the starter {name(cell)} says {said[:60]!r}"


def survives_jupytext(notebook: NotebookNode) -> Problems:
    """Edited as text (jupytext) and back, the notebook is the same."""
    text = jupytext.writes(notebook, fmt="py:percent")
    back = jupytext.reads(text, fmt="py:percent")
    if len(back.cells) != len(notebook.cells):
        yield f"{len(notebook.cells)} cells become {len(back.cells)} in jupytext"
    for cell, other in zip(notebook.cells, back.cells, strict=False):
        for part in ("cell_type", "source", "metadata"):
            if cell[part] != other[part]:
                yield f"jupytext changes the {part} of {name(cell)}"


RULES = (
    executed_in_order,
    known_tags,
    announced_errors,
    nothing_on_stderr,
    described_figures,
    narrow_code,
    opening_cells,
    compared_outputs,
    no_trace_of_the_machine,
    untouched_starters,
    survives_jupytext,
)


def nb_clean(path: Path) -> str:
    """What nb-clean finds in a file beside tags and descriptions of figures, or ""."""
    options = ["-o", "-c", "-n"]
    for field in notebooks.CELL_METADATA:
        options += ["--preserve-cell-metadata-field", field]
    found = subprocess.run(
        [Path(sys.executable).with_name("nb-clean"), "check", *options, path],
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    return (found.stdout + found.stderr) * bool(found.returncode)
