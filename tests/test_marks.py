"""The marks are true: they hold where they stand, and what they promise is enforced."""

import os
import re
import shutil
import subprocess
import sys
from itertools import combinations
from modulefinder import ModuleFinder
from types import CodeType

import pytest
import seconds
from rendered_book import EXPLORABLES, OF_EACH_KIND, each, listed
from test_environment import run_make

from helpers import ROOT
from helpers.press.notebooks import chapters, find, read
from helpers.results import files

ENGINES = {"pytensor", "jax", "numba", "torch"}
TESTS = ROOT / "tests"
CONFTEST = TESTS / "conftest.py"


# Documents import no engine -----------------------------------------------------------


class AtTheTop(ModuleFinder):
    """Finds what is imported outside of functions."""

    def scan_code(self, co, m):
        flat = (None if isinstance(c, CodeType) else c for c in co.co_consts)
        super().scan_code(co.replace(co_consts=tuple(flat)), m)


def engines_behind(*paths, finder=ModuleFinder):
    """The engines that files import, themselves or through modules of ours.

    Pairs (engine, module that imports it). Imports inside of functions count too, if
    `finder` finds them.
    """
    found = finder([str(ROOT), str(TESTS)])  # where the engines are not
    for path in paths:
        found.load_file(str(path))
    return {
        (engine, by)
        for name, importers in found.badmodules.items()
        for by in importers
        if (engine := name.partition(".")[0]) in ENGINES
    }


@pytest.mark.documents
def test_what_is_marked_documents_imports_no_engine():
    marked = [p for p in TESTS.glob("*.py") if "mark.documents" in p.read_text("utf-8")]
    assert len(marked) > 10
    assert engines_behind(*marked) == set()
    # The shared module imports them in what other tests ask for, and not before.
    assert dict(engines_behind(CONFTEST)).keys() == {"jax", "pytensor"}
    assert engines_behind(CONFTEST, finder=AtTheTop) == set()


@pytest.mark.documents
def test_an_engine_behind_other_modules_is_found(tmp_path):
    plain, late = tmp_path / "plain.py", tmp_path / "late.py"
    plain.write_text("def later():\n    from helpers.results import files\n")
    late.write_text("def later():\n    from helpers.networks import elman\n")
    assert engines_behind(plain) == set()
    assert "pytensor" in dict(engines_behind(late))


# The marks are enforced where tests run ----------------------------------------------

SAMPLE = """
import pytest

def choose():
    from helpers import engine
    return engine.select().name

def compile():
    import pytensor, pytensor.tensor as pt
    x = pt.dscalar()
    return pytensor.function([x], 2 * x)(1)

def test_asks_unmarked():
    choose()

@pytest.mark.engine
def test_asks_marked():
    assert choose() == "python" and compile() == 2

def test_leaves_float32():
    from helpers import engine
    engine.select("python", floatX="float32")

def test_computes_in_float64():
    import pytensor
    assert pytensor.config.floatX == "float64"

def test_compiles_with_what_another_selected():
    compile()

def test_selects_its_own():
    from helpers import engine
    assert engine.select("python").name == "python" and compile() == 2

@pytest.mark.documents
def test_document_imports_an_engine():
    import pytensor

@pytest.mark.documents
def test_document():
    pass

@pytest.mark.parametrize("seconds", [0, 0.2])
def test_waits(seconds):
    __import__("time").sleep(seconds)
"""
PLAIN = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
FAILS = {
    "test_asks_unmarked",
    "test_compiles_with_what_another_selected",
    "test_document_imports_an_engine",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A copy of what our tests share, and the sample."""
    folder = tmp_path_factory.mktemp("sample")
    (folder / "tests").mkdir()
    shutil.copy(CONFTEST, folder / "tests")
    shutil.copy(seconds.__file__, folder / "tests")
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "tests/test_sample.py").write_text(SAMPLE, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def sample(folder):
    """Runs pytest on a module whose marks are partly false, as our tests are run."""
    # nbval takes seconds to import, and would run nothing here.
    without = ["-p", "no:cacheprovider", "-p", "no:nbval", "tests"]
    environment = {"PYTHONPATH": str(ROOT), "RNN_ENGINE": "python", **PLAIN}

    def run(*runs):
        """What pytest says with each of these lists of options, in one process."""
        code = f"import pytest; [pytest.main([*{without}, *run]) for run in {runs}]"
        command = [sys.executable, "-c", code]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True
        )
        return done.stdout

    return run


def test_a_test_whose_mark_is_false_fails(sample):
    said = sample(["-rA"])
    failed, passed = (
        set(re.findall(rf"^{outcome} \S+::(\w+)", said, re.M))
        for outcome in ("FAILED", "PASSED")
    )
    assert failed == FAILS
    assert passed == set(re.findall(r"def (test_\w+)", SAMPLE)) - FAILS


def test_every_test_is_of_python_or_of_documents(sample):
    marks = ("python and documents", "not python", "engine")
    said = sample(*(["-q", "--collect-only", "-m", mark] for mark in marks))
    # A line of counts ends what is said of each.
    found = re.split(r"(?m)^.*\btests? .*collected.*$|^no tests.*$", said)
    assert [set(re.findall(r"::(\w+)", names)) for names in found[:3]] == [
        set(),
        {"test_document_imports_an_engine", "test_document"},
        {"test_asks_marked"},
    ]


@pytest.mark.parametrize(
    ("marks", "notebooks"),
    [("engine and python", find()), ("engine and not slow", chapters())],
    ids=["all", "chapters"],
)
def test_every_cell_is_run_on_the_chosen_engine(marks, notebooks):
    command = [sys.executable, "-m", "pytest", "--nbval", "-q", "--collect-only"]
    command += ["-p", "no:cacheprovider", "-m", marks, "book"]
    plain = {**os.environ, "PYTEST_ADDOPTS": ""}
    done = subprocess.run(command, cwd=ROOT, env=plain, capture_output=True, text=True)
    [summary] = re.findall(r"^(\d+)\S* tests collected", done.stdout, re.M)
    code = [c for p in notebooks for c in read(p).cells if c.cell_type == "code"]
    assert int(summary) == len(code)


# What takes long ----------------------------------------------------------------------


@pytest.mark.documents
def test_a_test_is_slow_by_its_seconds_or_by_those_of_all_its_cases():
    recorded = {"quick": 0.1, "slow": 0.2, "long": 1.5}
    recorded |= {f"many[{i}]": 0.1 for i in range(65)} | {"many[65]": 1.6}
    recorded |= {f"few[{i}]": 0.1 for i in range(79)}
    assert seconds.marks(recorded) == {
        "slow": "slow",
        "long": "nightly",
        "many": "slow",
        "many[65]": "nightly",
    }


@pytest.mark.documents
def test_what_is_gone_or_quick_by_now_is_no_longer_recorded():
    here = "tests/test_marks.py::test_a_test_whose_mark_is_false_fails"
    gone = {"tests/test_marks.py::test_gone": 1.0, "tests/test_gone.py::test_it": 1.0}
    assert seconds.merged({here: 1.0, **gone}, {}) == {here: 1.0}
    assert seconds.merged({here: 1.0}, {here: 2.04}) == {here: 2.0}
    assert seconds.merged({here: 1.0}, {here: 0.04}) == {}


def test_what_a_run_takes_is_recorded(sample, folder):
    sample(["--record-seconds", "-k", "waits"])
    recorded = files.read_json(folder / "tests/seconds.json")
    assert list(recorded) == ["tests/test_sample.py::test_waits[0.2]"]
    assert recorded.popitem()[1] >= 0.2


# A sample of the pages ----------------------------------------------------------------


@pytest.mark.documents
def test_a_browser_opens_a_page_of_each_kind_and_at_night_all_others():
    parameters = each(listed())
    assert [name for [name], *_ in parameters] == listed()
    by_day = [name for [name], marks, _ in parameters if not marks]
    assert sorted(by_day) == sorted(OF_EACH_KIND)
    assert {mark.name for _, marks, _ in parameters for mark in marks} == {"nightly"}
    kinds = (r"index\.html", r"\d\d_\w+\.html", r"solutions/\S+", r"[a-z]+\.html")
    for kind in kinds:
        assert any(re.fullmatch(f"book/{kind}", name) for name in by_day), kind
    assert set(EXPLORABLES.values()) & set(by_day)


# What the commands select ------------------------------------------------------------

USUAL = "not slow and not browser and not network and not nightly"


@pytest.mark.documents
@pytest.mark.parametrize(
    ("variables", "marks"),
    [
        ([], f"not records and {USUAL}"),
        (["ENGINE=numba"], f"engine and {USUAL}"),
        (["PYTHON=python3.12"], f"not records and python and {USUAL}"),
        (["ENGINE=c", "PYTHON=/usr/bin/python3"], f"engine and python and {USUAL}"),
        (["ENGINE=numba", "AND=not records"], f"engine and not records and {USUAL}"),
        (["MARKS=nightly"], "nightly"),
    ],
)
def test_make_test_runs_what_another_engine_or_python_can_change(variables, marks):
    said = run_make("--dry-run", "test", *variables).stdout
    assert re.findall(r'pytest .* -m "(.*)"', said) == [marks]


RARE = {"browser", "network", "nightly"}
# What a test is of, and what it needs.
KINDS = [
    {*kind, *needs}
    for kind in (["documents"], ["python"], ["python", "engine"])
    for n in range(len(RARE) + 4)
    for needs in combinations(sorted({"records", "slow", "minutes", *RARE}), n)
]


@pytest.fixture
def slices(tmp_path):
    """What `.ci/run` selects: pairs ((newer Python?, engine or ""), marks)."""
    tools = dict.fromkeys(("chromium", "git", "python3"), "")
    tools["make"] = f'exec {shutil.which("make")} --dry-run "$@"'
    for name, script in tools.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    environment = {**PLAIN, "PATH": f"{tmp_path}:{PLAIN['PATH']}"}
    environment["NEWER_PYTHON"] = "newer"
    command = [ROOT / ".ci/run", "book", "test", "more", "engine", "nightly"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = re.findall(
        r'^(?:RNN_ENGINE=(\w+))? *(\S+)/python -m pytest .* -m "(.*)"',
        done.stdout,
        re.M,
    )
    return [(("newer" in python, engine), marks) for engine, python, marks in lines]


@pytest.mark.documents
@pytest.mark.parametrize(
    ("where", "of", "without"),
    [
        ((False, ""), set(), set()),
        ((False, "numba"), {"engine"}, RARE),
        ((True, ""), {"python"}, RARE),
        ((True, "numba"), {"engine"}, {"records", *RARE}),
    ],
    ids=["as usual", "another engine", "newer Python", "both"],
)
def test_the_slices_leave_nothing_out(slices, where, of, without):
    expressions = [marks for place, marks in slices if place == where]
    names = set().union(*KINDS)
    for kind in KINDS:
        if of <= kind and not without & kind:
            has = {name: name in kind for name in names}
            assert any(eval(marks, {}, has) for marks in expressions), kind


@pytest.mark.documents
def test_by_day_no_test_is_run_twice_in_one_place(slices):
    usual = [marks for place, marks in slices if place == (False, "")]
    names = set().union(*KINDS)
    for kind in KINDS:
        has = {name: name in kind for name in names}
        assert sum(eval(marks, {}, has) for marks in usual) == 1, kind


@pytest.mark.documents
def test_pytest_alone_runs_what_make_test_does(pytestconfig):
    assert f"not records and {USUAL}" in pytestconfig.getini("addopts")
