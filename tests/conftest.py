"""What all tests share: quiet engines, true marks, and workers that end together.

The marks stand in pyproject.toml. `documents` is set by hand, and every other test is
of `python`; `engine` is set by hand, and only such a test is told which engine was
chosen; tests/test_marks.py proves both. What is `slow` follows from tests/seconds.json.
"""

import functools
import json
import os
import sys
from collections import Counter

import matplotlib
import pytest
import seconds
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
    """Mark what is not of `documents`, and what takes long."""
    for item in items:
        if not item.get_closest_marker("documents"):
            item.add_marker("python")
        if pace := seconds.pace(item.nodeid):
            item.add_marker("slow" if item.get_closest_marker("daily") else pace)


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
            # Nor does a test compile for what another has selected, or in its numbers.
            config = sys.modules["pytensor"].config
            config.mode, config.floatX = unselected(), "float64"
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


# Seconds ------------------------------------------------------------------------------


def pytest_addoption(parser):
    """Offer to record how long each test takes."""
    said = "keep in tests/seconds.json how long each test took"
    parser.addoption("--record-seconds", action="store_true", help=said)


def pytest_configure(config):
    """Record, where the reports of all workers arrive."""
    if config.getoption("--record-seconds") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(seconds.Recorder())
    config.pluginmanager.register(LongestBegun())


# Distribution -------------------------------------------------------------------------


@functools.cache
def cold_seconds():
    """The seconds that each notebook takes without compiled code, as recorded."""
    file = ROOT / "data/results/run_times.json"
    record = json.loads(file.read_text(encoding="utf-8"))
    return {name: times["cold_s"] for name, times in record["notebooks"].items()}


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


class LongestFirst(LoadScopeScheduling):
    """Gives a worker that has nothing left the next module, or the next test of one."""

    def _split_scope(self, nodeid):
        return scope(nodeid)


def scope(nodeid):
    """What one worker runs whole: a notebook, a module or a single test."""
    file = nodeid.split("::")[0]
    return nodeid if file.removeprefix("tests/") in SHARED else file


class LongestBegun:
    """A plugin of its own, so that it sees what -m has left."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items):
        """Put first what takes longest together."""
        total = Counter(cold_seconds())
        for item in items:
            total[scope(item.nodeid)] += seconds.recorded().get(item.nodeid, 0)
        items.sort(key=lambda item: -total[scope(item.nodeid)])


@pytest.hookimpl(optionalhook=True)  # nothing where xdist is not loaded
def pytest_xdist_make_scheduler(config, log):
    config.option.loadscopereorder = False  # the order is that of the collection
    return LongestFirst(config, log)
