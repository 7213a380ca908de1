"""Lint, format and spelling of everything, and the form of docstrings."""

import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from helpers import ROOT

pytestmark = pytest.mark.documents

BIN = Path(sys.executable).parent


def complaints(*command, cwd=ROOT):
    result = subprocess.run(
        [str(BIN / command[0]), *command[1:]], cwd=cwd, capture_output=True, text=True
    )
    return (result.stdout + result.stderr) * bool(result.returncode)


@pytest.mark.parametrize(
    "command",
    [
        "ruff check --no-cache --quiet",
        "ruff format --no-cache --quiet --diff",
        "codespell",
    ],
)
def test_it_finds_nothing(command):
    said = complaints(*command.split())
    assert not said, said


def test_codespell_reads_prose_and_not_pictures(tmp_path):
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    mistake = "recieve"  # codespell:ignore
    (tmp_path / "prose.ipynb").write_text(f'"source": "we {mistake} it"\n')
    (tmp_path / "picture.ipynb").write_text(
        f'"image/png": "abc/{mistake}/+"\n'
        f'"<image href=\\"data:image/png;base64,abc/{mistake}/+\\"/>"\n'
    )
    said = complaints("codespell", cwd=tmp_path)
    assert "prose.ipynb" in said
    assert "picture.ipynb" not in said


def test_docstrings_are_prose_without_headings():
    """That each is there, and its form, is ruff's affair."""
    heading = re.compile(
        r"^ *(Args|Arguments|Parameters|Returns|Yields|Raises|Attributes):?$", re.M
    )
    assert heading.search("  Args:\n    x: a number")
    for path in (*ROOT.glob("helpers/**/*.py"), *ROOT.glob("book/_extensions/*.py")):
        assert not heading.search(path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("module", ["helpers.engine", "test_engine"])
@pytest.mark.parametrize("category", [DeprecationWarning, FutureWarning])
def test_what_is_on_its_way_out_fails_in_our_own_code(module, category):
    with pytest.raises(category):
        warnings.warn_explicit("gone soon", category, f"{module}.py", 1, module)
