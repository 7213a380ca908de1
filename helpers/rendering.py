"""Render the book strictly, as `make book` does: a warning is an error."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Rendered:
    """A book that was rendered, and what Jupyter Book said."""

    html: Path  # the folder of the pages
    status: int  # 0 if there was neither a warning nor an error
    log: str


def render(source: Path, output: Path, builder: str = "html") -> Rendered:
    """Render the book in `source` into `output`/_build by a builder of Sphinx."""
    options = ["-W", "--keep-going", "-n", "-q", "--path-output", str(output)]
    command = [sys.executable, "-c", JUPYTER_BOOK, "build", str(source), *options]
    run = subprocess.run(
        [*command, "--builder", builder], capture_output=True, encoding="utf-8"
    )
    log = COLOURS.sub("", run.stdout + run.stderr)
    return Rendered(output / "_build" / builder, run.returncode, log)
