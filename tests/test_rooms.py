"""The house: who imports whom, and where a stranger looks for a thing."""

import ast
import logging
import re

import pytest
from importlinter import cli

from helpers import ROOT
from helpers.press import notebooks

pytestmark = pytest.mark.documents

HELPERS = sorted((ROOT / "helpers").rglob("*.py"))
# From the bottom up: a module may name those of its own room and of rooms before it.
ORDER = ("results", "engine", "tasks", "networks", "figures", "lm", "check")
ORDER += ("experiments", "bench", "press")
KINDS = {"experiments": ("runs",), "check": ("checks", "mistakes"), "bench": ("times",)}
COMMAND = re.compile(r"-m (helpers(?:\.\w+)*)")


def text(path):
    return path.read_text(encoding="utf-8")


def room(name):
    """The room of a module by its name, "" for what stands beside the rooms."""
    first = name.removeprefix("helpers").strip(".").partition(".")[0]
    return first if first in ORDER else ""


def file_of(name, inside="__init__"):
    """The file of a module by its name, None where there is none."""
    path = ROOT.joinpath(*name.split("."))
    found = [path.with_suffix(".py"), path / f"{inside}.py"]
    return next((file for file in found if file.exists()), None)


def imported(source):
    """What a source imports from helpers, as "helpers.tasks.reber.REBER"."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.startswith("helpers"))
        elif isinstance(node, ast.ImportFrom) and node.module.startswith("helpers"):
            yield from (f"{node.module}.{a.name}" for a in node.names)


# Who imports whom ----------------------------------------------------------------


@pytest.fixture
def loggers_as_before():
    """Import-linter switches off all loggers that are there, also those of Sphinx."""
    names = list(logging.root.manager.loggerDict)
    there = {
        logging.getLogger(name): logging.getLogger(name).disabled for name in names
    }
    yield
    for logger, disabled in there.items():
        logger.disabled = disabled


@pytest.mark.usefixtures("loggers_as_before")
def test_the_contracts_hold(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert cli.lint_imports(no_cache=True) == 0, capsys.readouterr().out


def test_no_module_names_one_of_a_room_above():
    """Nor does it start such a module, or import it by its name."""
    for path in HELPERS:
        mine = room(".".join(path.relative_to(ROOT).parts))
        values = (getattr(n, "value", "") for n in ast.walk(ast.parse(text(path))))
        for name in (v for v in values if isinstance(v, str)):
            if re.fullmatch(r"helpers(\.\w+)+", name):
                assert file_of(name), f"{path.name} names {name}"
                assert ORDER.index(room(name)) <= ORDER.index(mine), path.name


@pytest.mark.parametrize("path", notebooks.find(), ids=lambda path: path.stem)
def test_a_notebook_imports_no_press(path):
    code = [c.source for c in notebooks.read(path).cells if c.cell_type == "code"]
    names = {name for source in code for name in imported(source)}
    assert names
    for name in names:
        assert room(name) not in ("press", ""), name
        assert file_of(name) or file_of(name.rpartition(".")[0]), name


# Where a thing is ------------------------------------------------------------------


def test_every_room_says_what_belongs_there():
    assert {p.parent.name for p in ROOT.glob("helpers/*/__init__.py")} == set(ORDER)
    for path in ROOT.glob("helpers/**/__init__.py"):
        said = ast.get_docstring(ast.parse(text(path))) or ""
        assert len(said.split("\n\n")) > 1, f"{path} says too little"


def test_no_two_modules_have_the_same_name():
    names = [path.name for path in [*HELPERS, *(ROOT / "tests").glob("*.py")]]
    own = [name for name in names if name not in ("__init__.py", "__main__.py")]
    assert sorted(own) == sorted(set(own))


def test_a_module_of_a_chapter_says_which_and_what_it_holds():
    found = [path for path in HELPERS if re.match(r"ch\d\d_", path.name)]
    assert {path.parent.name for path in found} == set(KINDS)
    for path in found:
        assert path.stem.rpartition("_")[2] in KINDS[path.parent.name], path.name
    tests = (ROOT / "tests").glob("test_ch[0-9][0-9]_*.py")
    named = {path.stem.removeprefix("test_") for path in tests}
    assert named <= {path.stem for path in found}
    assert len(named) > 15


# Commands --------------------------------------------------------------------------


def with_commands():
    """The files in which a command may stand."""
    yield from (ROOT / "Makefile", ROOT / ".ci/run", *ROOT.glob("*.md"))
    yield from (*ROOT.glob(".github/**/*.yml"), *HELPERS)
    for kind in ("md", "py", "ipynb", "json"):
        yield from (*ROOT.glob(f"book/**/*.{kind}"), *ROOT.glob(f"data/**/*.{kind}"))


def test_every_command_that_is_named_is_one():
    found = {}
    for path in with_commands():
        found |= dict.fromkeys(COMMAND.findall(text(path)), path)
    assert len(found) > 10
    for name, path in found.items():
        file = file_of(name, "__main__")
        assert file, f"{path} says {name}"
        assert "__main__" in text(file), f"{path} says {name}"
