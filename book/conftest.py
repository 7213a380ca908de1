"""How nbval runs the chapters: quietly, and as Jupyter would."""

import os
import tempfile

import pytest
from nbval.kernel import RunningKernel

from helpers import compiled_code
from helpers.press.notebooks import chapters

CHAPTERS = set(chapters())
# Where Numba compiles for minutes, which the other engines do in seconds.
MINUTES = (
    "03_scan.ipynb",
    "05_reber.ipynb",
    "06_embedded_reber.ipynb",
    "07_sine.ipynb",
    "08_language_model.ipynb",
    "09_beyond.ipynb",
)
os.environ.setdefault("RNN_QUIET", "1")
# Each worker has a core: on more threads than cores, products wait.
os.environ.setdefault("OMP_NUM_THREADS", "1")
compiled_code.use()
# Neither the settings nor the history of whoever runs the tests take part.
SETTINGS = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
os.environ["IPYTHONDIR"] = SETTINGS.name


@pytest.hookimpl(tryfirst=True)  # before -m looks at the marks
def pytest_collection_modifyitems(items):
    """Mark the cells: each is run on the chosen engine; skip figures.

    Every `make test` runs the chapters; solutions and appendices are run
    with what is slow.
    """
    cells = [item for item in items if item.path.suffix == ".ipynb"]
    for cell in cells:
        cell.add_marker("engine")
        cell.add_marker("python")
        if cell.path.resolve() not in CHAPTERS:
            cell.add_marker("slow")
        elif cell.path.name in MINUTES:
            cell.add_marker("minutes")
    for notebook in {cell.parent for cell in cells}:
        notebook.skip_compare += (
            "image/svg+xml",
        )  # as it is with image/png


def execute_cell_input(kernel, source, allow_stdin=None):
    """Run a cell and keep it in the kernel's history, as Jupyter does.

    nbval does not, and then a final semicolon silences no value.
    """
    return kernel.kc.execute(
        source, allow_stdin=allow_stdin, stop_on_error=False
    )


RunningKernel.execute_cell_input = execute_cell_input
