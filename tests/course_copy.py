"""A copy of the course as a git repository, for the tests that hand it on."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from helpers import ROOT

# What a command in a copy needs, without what leads it to this folder's course.
ELSEWHERE = {"PYTHONPATH", "RNN_ENGINE", "MPLBACKEND"}
PLAIN = {key: value for key, value in os.environ.items() if key not in ELSEWHERE}


def make_copy(folder: Path) -> Path:
    """Copy the course, as it stands and without what git ignores, and commit it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("the course's folder is not a git repository")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    for command in (
        ["init", "-q"],
        ["checkout", "-q", "-b", "main"],
        ["add", "."],
        ["commit", "-q", "-m", "The course"],
    ):
        subprocess.run([*git, *command], cwd=folder, check=True)
    return folder
