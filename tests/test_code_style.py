"""Lint, format and spelling of everything; docstrings of what a reader may import."""

import ast
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from helpers import ROOT

pytestmark = pytest.mark.documents

BIN = Path(sys.executable).parent
MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("helpers", "book/_extensions")
    for path in (ROOT / folder).rglob("*.py")
)
ENTRY = ("main", "setup")  # called by a command line and by Sphinx: named by them


def complaints(*command, cwd=ROOT):
    result = subprocess.run(
        [str(BIN / command[0]), *command[1:]], cwd=cwd, capture_output=True, text=True
    )
    return (result.stdout + result.stderr) * bool(result.returncode)


def test_ruff_finds_nothing():
    said = complaints("ruff", "check", "--no-cache", "--quiet", ".")
    assert not said, said


def test_everything_is_formatted():
    said = complaints("ruff", "format", "--no-cache", "--quiet", "--diff", ".")
    assert not said, said


def test_codespell_finds_nothing():
    said = complaints("codespell")
    assert not said, said


def test_codespell_reads_prose_and_not_pictures(tmp_path):
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    mistake = "recieve"  # codespell:ignore
    (tmp_path / "prose.ipynb").write_text(f'"source": "we {mistake} it"\n')
    (tmp_path / "picture.ipynb").write_text(f'"image/png": "abc/{mistake}/+"\n')
    said = complaints("codespell", cwd=tmp_path)
    assert "prose.ipynb" in said
    assert "picture.ipynb" not in said


def undocumented(source, name):
    """Public modules, classes and functions without a docstring."""
    found = []

    def visit(node, path):
        if ast.get_docstring(node) is None:
            found.append(path)
        if isinstance(node, ast.FunctionDef):
            return  # what is inside a function is its own affair
        for child in node.body:
            named = isinstance(child, (ast.FunctionDef, ast.ClassDef))
            if named and not child.name.startswith("_") and child.name not in ENTRY:
                visit(child, f"{path}.{child.name}")

    visit(ast.parse(source), name)
    return found


@pytest.mark.parametrize("module", MODULES)
def test_what_is_public_is_documented(module):
    assert undocumented((ROOT / module).read_text(encoding="utf-8"), module) == []


def test_a_missing_docstring_is_seen():
    source = (
        '"""m"""\nclass A:\n    """a"""\n    def f(self): ...\n    def _g(self): ...'
    )
    assert undocumented(source, "m") == ["m.A.f"]


@pytest.mark.parametrize("module", ["helpers.engine", "test_engine"])
@pytest.mark.parametrize("category", [DeprecationWarning, FutureWarning])
def test_what_is_on_its_way_out_fails_in_our_own_code(module, category):
    with pytest.raises(category):
        warnings.warn_explicit("gone soon", category, f"{module}.py", 1, module)
