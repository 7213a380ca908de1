"""The marks are true: they hold where they stand, and what they promise is enforced."""

import ast
import os
import re
import shutil
import subprocess
import sys
from functools import cache

import pytest
from test_environment import run_make

from helpers import ROOT
from helpers.press.notebooks import find, read

ENGINES = {"pytensor", "jax", "numba", "torch"}
TESTS = ROOT / "tests"
CONFTEST = TESTS / "conftest.py"


# Documents import no engine -----------------------------------------------------------


@cache
def modules():
    """Our own modules by name: those of helpers, and those of the tests."""
    ours = [*ROOT.glob("helpers/**/*.py"), *TESTS.glob("*.py")]
    found = {}
    for path in ours:
        parts = path.relative_to(TESTS if path.parent == TESTS else ROOT).parts
        name = ".".join(parts).removesuffix(".py").removesuffix(".__init__")
        found[name] = path
    return found


@cache
def imported(path, inside=True):
    """Every name that a file may import, at its top or anywhere in it."""
    names = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree) if inside else tree.body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def engines_behind(path, seen=None, inside=True):
    """The engines that a file imports, itself or through modules of ours.

    Imports inside of functions count too, if not told otherwise.
    """
    seen = set() if seen is None else seen
    seen.add(path)
    names = imported(path, inside)
    found = {name.split(".")[0] for name in names} & ENGINES
    for name in names:
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            inner = modules().get(".".join(parts[:end]))
            if inner and inner not in seen:
                found |= engines_behind(inner, seen, inside)
    return found


@pytest.mark.documents
def test_what_is_marked_documents_imports_no_engine():
    marked = [p for p in TESTS.glob("*.py") if "mark.documents" in p.read_text("utf-8")]
    assert len(marked) > 10
    reached = {path.name: engines_behind(path) for path in marked}
    assert not any(reached.values()), reached
    # The shared module imports them in what other tests ask for, and not before.
    assert engines_behind(CONFTEST) == {"jax", "pytensor"}
    assert not engines_behind(CONFTEST, inside=False)


@pytest.mark.documents
def test_an_engine_behind_other_modules_is_found(tmp_path):
    plain, late = tmp_path / "plain.py", tmp_path / "late.py"
    plain.write_text("def later():\n    from helpers.results import files\n")
    late.write_text("def later():\n    from helpers.networks import elman\n")
    assert engines_behind(plain) == set()
    assert "pytensor" in engines_behind(late)


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
"""
PLAIN = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
FAILS = {
    "test_asks_unmarked",
    "test_compiles_with_what_another_selected",
    "test_document_imports_an_engine",
}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """Runs pytest on a module whose marks are partly false, as our tests are run."""
    folder = tmp_path_factory.mktemp("sample")
    (folder / "tests").mkdir()
    shutil.copy(CONFTEST, folder / "tests")
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "tests/test_sample.py").write_text(SAMPLE, encoding="utf-8")

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


def test_every_cell_of_every_notebook_is_run_on_the_chosen_engine():
    command = [sys.executable, "-m", "pytest", "--nbval", "-q", "--collect-only"]
    command += ["-p", "no:cacheprovider", "-m", "engine and python", "book"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    [summary] = re.findall(r"^(\d+) tests collected in", done.stdout, re.M)
    code = [c for p in find() for c in read(p).cells if c.cell_type == "code"]
    assert int(summary) == len(code)


# What the commands select ------------------------------------------------------------

USUAL = "not slow and not browser and not network and not nightly"


@pytest.mark.documents
@pytest.mark.parametrize(
    ("variables", "marks"),
    [
        ([], USUAL),
        (["ENGINE=numba"], f"engine and {USUAL}"),
        (["PYTHON=python3.12"], f"python and {USUAL}"),
        (["ENGINE=c", "PYTHON=/usr/bin/python3"], f"engine and python and {USUAL}"),
        (["MARKS=nightly"], "nightly"),
    ],
)
def test_make_test_runs_what_another_engine_or_python_can_change(variables, marks):
    said = run_make("--dry-run", "test", *variables).stdout
    assert re.findall(r'pytest .* -m "(.*)"', said) == [marks]


@pytest.mark.documents
def test_pytest_alone_runs_what_make_test_does(pytestconfig):
    assert USUAL in pytestconfig.getini("addopts")
