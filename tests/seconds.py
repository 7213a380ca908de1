"""How long each test takes: what makes it slow, and what is begun first.

seconds.json holds the seconds of every test that takes a tenth of one or more: of its
call alone, the usual engine, two quiet cores. A test is `slow` by these, and by no mark
of its own; what is not recorded is quick. To record what a run takes:

    PYTEST_ADDOPTS=--record-seconds make test       (or make test-all)
"""

import functools
from collections import defaultdict
from pathlib import Path

from helpers.results import files

FILE = Path(__file__).with_suffix(".json")
LEAST = 0.1  # of what is recorded
SLOW = 0.2  # a test
ALL_CASES = 8  # all cases of a test that are recorded
NIGHTLY = 1.5  # a test that is not marked `daily`


@functools.cache
def recorded() -> dict[str, float]:
    """The seconds of each test that takes a tenth of a second or more, by its name."""
    if not FILE.exists():
        return {}
    return files.read_json(FILE)


def function(name: str) -> str:
    """The name of a test without that of its case."""
    return name.partition("[")[0]


@functools.cache
def paces() -> dict[str, str]:
    """The mark of each test that is not quick, by its name; see `marks`."""
    return marks(recorded())


def marks(seconds: dict[str, float]) -> dict[str, str]:
    """ "slow" or "nightly" by the name of a test, or by that of all cases of one."""
    total: dict[str, float] = defaultdict(float)
    for name, its in seconds.items():
        total[function(name)] += its
    found = {name: "slow" for name, its in total.items() if its >= ALL_CASES}
    for name, its in seconds.items():
        if its >= SLOW:
            found[name] = "nightly" if its >= NIGHTLY else "slow"
    return found


def pace(name: str) -> str | None:
    """The mark of a test of this name, if it is not quick."""
    return paces().get(name) or paces().get(function(name))


class Recorder:
    """Keeps what the tests of a run take, with what was recorded before."""

    def __init__(self):
        """Begin with nothing."""
        self.took: dict[str, float] = {}

    def pytest_runtest_logreport(self, report):
        """Keep the seconds of a test's call, unless it was skipped."""
        name = report.nodeid
        if report.when == "call" and report.passed and name.startswith("tests/"):
            self.took[name] = report.duration

    def pytest_sessionfinish(self):
        """Write the file."""
        files.write_json(FILE, merged(recorded(), self.took))


def merged(old: dict[str, float], new: dict[str, float]) -> dict[str, float]:
    """What the file holds after a run; tests that are no longer there are dropped."""
    return {
        name: round(its, 1)
        for name, its in sorted({**old, **new}.items())
        if its >= LEAST and is_there(function(name))
    }


def is_there(name: str) -> bool:
    """Whether a module has a test of this name."""
    module, _, test = name.partition("::")
    source = FILE.parent.parent / module
    return source.exists() and f"def {test}(" in source.read_text("utf-8")
