"""A copy of the course as a git repository, for the tests that hand it on."""

import os
import subprocess
from pathlib import Path

from helpers import ROOT

# What a command in a copy needs, without what leads it to this folder's course.
ELSEWHERE = {"PYTHONPATH", "RNN_ENGINE", "MPLBACKEND"}
PLAIN = {key: value for key, value in os.environ.items() if key not in ELSEWHERE}


def make_copy(folder: Path) -> Path:
    """Copy the course, as it stands and without what git ignores, and commit it."""
    git = ["git", f"--git-dir={folder}/.git", f"--work-tree={ROOT}"]
    git += ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    for command in (
        ["git", "init", "-q", "-b", "main", folder],
        [*git, "add", "."],
        [*git, "commit", "-q", "-m", "The course"],
        ["git", "-C", folder, "reset", "-q", "--hard"],
    ):
        subprocess.run(command, cwd=ROOT, check=True)
    return folder
