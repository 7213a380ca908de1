"""What all tests share: quiet engines, true marks, and workers that end together.

The marks stand in pyproject.toml. `documents` is set by hand, and every other test is
of `python`; `engine` is set by hand, and only such a test is told which engine was
chosen. tests/test_marks.py proves both.
"""

import functools
import json
import os
import sys

import matplotlib
import pytest
from xdist.scheduler import LoadScopeScheduling

from helpers import ROOT, compiled_code

os.environ.setdefault("RNN_QUIET", "1")
# Each worker has a core: on more threads than cores, products wait.
os.environ.setdefault("OMP_NUM_THREADS", "1")
compiled_code.use()
# Not by MPLBACKEND: the kernels that run the notebooks would inherit it.
matplotlib.use("Agg")

ENGINES = ("pytensor", "jax", "numba")
UNMARKED = "an engine for a test that is not marked `engine`"


# Marks --------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)  # before -m looks at the marks
def pytest_collection_modifyitems(items):
    """Mark what is not of `documents`, and put what takes longest first."""
    for item in items:
        if not item.get_closest_marker("documents"):
            item.add_marker("python")
    items.sort(key=lambda item: -expected_seconds(item.nodeid))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Hide the chosen engine from what is not marked for it, all from documents."""
    with pytest.MonkeyPatch.context() as patch:
        if not item.get_closest_marker("engine"):
            patch.setenv("RNN_ENGINE", UNMARKED)
        if item.get_closest_marker("documents"):
            for name in ENGINES:
                patch.setitem(sys.modules, name, None)  # now its import fails
        elif "pytensor" in sys.modules:
            # Nor does a test compile for what another one has selected.
            sys.modules["pytensor"].config.mode = unselected()
        return (yield)


@functools.cache
def unselected():
    """A mode of PyTensor that compiles nothing."""
    from pytensor.compile.mode import Mode

    class Unselected(Mode):
        @property
        def function_maker(self):
            raise RuntimeError("this test compiles and has selected no engine")

    return Unselected()


# Engines ------------------------------------------------------------------------------


@pytest.fixture
def python_engine():
    """What the test compiles is for the Python engine."""
    from helpers import engine

    engine.select("python")


@pytest.fixture(scope="module", autouse=True)
def compiled_here_alone():
    """What an experiment keeps compiled serves all tests of a module, none of another.

    The next may select another engine.
    """
    yield
    for name, module in list(sys.modules.items()):
        if name.startswith("helpers.experiments."):
            for value in vars(module).values():
                if hasattr(value, "cache_clear") and value.__module__ == name:
                    value.cache_clear()


# Distribution -------------------------------------------------------------------------


@functools.cache
def cold_seconds():
    """The seconds that each notebook takes without compiled code, as recorded."""
    file = ROOT / "data/results/run_times.json"
    record = json.loads(file.read_text(encoding="utf-8"))
    return {name: times["cold_s"] for name, times in record["notebooks"].items()}


# Seconds of the modules of tests that take longest, in that slice of .ci/run in which
# each does. A wrong figure costs only an idle worker at the end.
LONG = {
    "test_browser.py": 120,
    "test_explorables.py": 120,
    "test_lm_training.py": 50,
    "test_engine.py": 50,
    "test_ch06_embedded_reber_runs.py": 45,
    "test_recorded_results.py": 40,
    "test_train_it.py": 40,
    "test_remember.py": 40,
    "test_three_pasts.py": 40,
    "test_every_check.py": 40,
    "test_quiz_form.py": 40,
    "test_book.py": 30,
    "test_lm_model.py": 30,
    "test_ch07_sine_runs.py": 30,
    "test_ch09_beyond_runs.py": 30,
    "test_recurrences.py": 30,
    "test_check_mutants.py": 25,
    "test_ch05_reber_runs.py": 25,
    "test_ch03_scan_checks.py": 20,
    "test_ch08_language_model_checks.py": 20,
    "test_ch06_embedded_reber_checks.py": 20,
    "test_ch01_feedforward_checks.py": 20,
    "test_ch03_streams_runs.py": 20,
    "test_runner.py": 20,
    "test_notebooks.py": 20,
    "test_public_surface.py": 20,
    "test_trainer.py": 20,
    "test_mutation.py": 20,
    "test_terms.py": 20,
    "test_ch09_beyond_checks.py": 20,
    "test_ch05_reber_checks.py": 10,
    "test_ch04_bptt_checks.py": -1,  # many short tests that come last and fill the gaps
}
# Modules whose tests share nothing that takes long to make: any worker takes the next.
SHARED = (
    "test_browser.py",
    "test_ch04_bptt_checks.py",
    "test_check_mutants.py",
    "test_every_check.py",
    "test_explorables.py",
    "test_lm_model.py",
    "test_lm_training.py",
    "test_quiz_form.py",
    "test_recorded_results.py",
    "test_remember.py",
    "test_terms.py",
    "test_three_pasts.py",
    "test_train_it.py",
    "test_weight.py",
)


def expected_seconds(nodeid):
    """How long the work that a test belongs to may take; 0 for what is short."""
    file = nodeid.split("::")[0]
    return cold_seconds().get(file) or LONG.get(file.removeprefix("tests/"), 0)


class LongestFirst(LoadScopeScheduling):
    """Gives a worker that has nothing left the next module, or the next test of one."""

    def _split_scope(self, nodeid):
        file = nodeid.split("::")[0]
        return nodeid if file.removeprefix("tests/") in SHARED else file


@pytest.hookimpl(optionalhook=True)  # nothing where xdist is not loaded
def pytest_xdist_make_scheduler(config, log):
    config.option.loadscopereorder = False  # the order is that of the collection
    return LongestFirst(config, log)
