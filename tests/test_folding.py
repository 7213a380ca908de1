"""Cells that only import, draw or print a record fold, and no cell that computes."""

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from helpers.press import folding, notebooks

pytestmark = pytest.mark.documents

PATHS = notebooks.find()
IMPORTS = """\
import matplotlib.pyplot as plt
import numpy as np
import pytensor
import pytensor.tensor as pt
from helpers import engine, results
from helpers.bench import ch03_engine_times
from helpers.figures import plots
from helpers.lm import model
from helpers.networks import elman
from helpers.tasks.reber import strings
"""
MADE = """\
step = pytensor.function([x], x)
steps = [pytensor.function([x], x)]
def by_hand(x):
    return np.tanh(x)
def trained(x):
    return elman.hidden_states(x)
def draw(x):
    plt.plot(x)
"""
DRAWING = "fig, ax = plt.subplots()\nax.plot(y)\nax.set_xlabel('x')\n"
FOLDED = {
    "imports": IMPORTS + "plots.use()",
    "draws": DRAWING + "plots.label(ax, 1, 2, 'y', 'output')",
    "draws with arrays": DRAWING + "ax.plot(np.cumsum(y))",
    "draws what was written out": DRAWING + "ax.plot(by_hand(y))",
    "draws what was made": DRAWING + "ax.plot(states)",
    "draws by a function": "a = 1\nb = 2\nc = 3\ndraw(a)",
    "prints a record": (
        "runs = results.load('runs')\nrows = []\nfor row in runs.seeds:\n"
        "    rows.append([row])\nprint(results.table(rows, ['a']))"
    ),
    "prints times": "t = ch03_engine_times.load()\na = 1\nb = 2\nprint(t['date'])",
}
OPEN = {
    "is short": "fig, ax = plt.subplots()\nax.plot(y)\nplots.label(ax)",
    "only calculates": "a = np.ones(3)\nb = a @ a\nc = b + 1\nprint(c)",
    "networks": DRAWING + "ax.plot(elman.hidden_states(y))",
    "tasks": DRAWING + "ax.plot(strings(3))",
    "lm": DRAWING + "ax.plot(model.V)",
    "engine": DRAWING + "engine.select()",
    "PyTensor": DRAWING + "z = pt.tanh(y)",
    "a graph and a table": "a = 1\nb = 2\nz = pt.tanh(a)\nprint(results.table([[z]]))",
    "a compiled function": DRAWING + "ax.plot(step(y))",
    "one out of a list": DRAWING + "for f in steps:\n    ax.plot(f(y))",
    "a function that computes": DRAWING + "ax.plot(trained(y))",
    "no Python": DRAWING + "%matplotlib inline",
}


def after(source, **metadata):
    """The last cell of a notebook that imports and defines, after folding."""
    cells = [new_code_cell(text) for text in (IMPORTS, MADE, "states = step(1)")]
    notebook = new_notebook(cells=[*cells, new_code_cell(source, metadata=metadata)])
    return notebooks.normalise(notebook).cells[-1].metadata


@pytest.mark.parametrize("case", FOLDED)
def test_what_only_shows_folds_in_the_book_and_in_jupyter(case):
    wanted = {"tags": ["hide-input"], "jupyter": {"source_hidden": True}}
    assert after(FOLDED[case]) == wanted


@pytest.mark.parametrize("case", OPEN)
def test_what_computes_or_is_short_stands_open(case):
    folded = {"tags": ["hide-input"], "jupyter": {"source_hidden": True}}
    assert after(OPEN[case], **folded) == {}


@pytest.mark.parametrize("tag", sorted(folding.NEVER))
def test_what_a_reader_is_to_see_never_folds(tag):
    assert after(FOLDED["draws"], tags=[tag]) == {"tags": [tag]}


def test_other_tags_stay():
    assert after(FOLDED["draws"], tags=["timing"])["tags"] == ["timing", "hide-input"]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_in_the_notebooks_just_these_cells_fold(path):
    notebook = notebooks.read(path)
    tagged = [c for c in notebook.cells if "hide-input" in c.metadata.get("tags", [])]
    assert tagged == list(folding.foldable(notebook))
    hidden = [c for c in notebook.cells if "jupyter" in c.metadata]
    assert hidden == tagged
    assert all(c.metadata.jupyter == {"source_hidden": True} for c in hidden)
