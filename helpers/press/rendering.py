"""Render the book strictly: a warning is an error.

    python -m helpers.press.rendering      what `make book` does: render what changed

Commands and tests that need the rendered book share this one: `book` renders it only
where a source is newer than its pages, and one process at a time.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from helpers import ROOT
from helpers.environment import STAMP
from helpers.results import console

SOURCES = ("_config.yml", "_toc.yml", "book", "data", "helpers")
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
        [*command, "--builder", builder],
        capture_output=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},  # whatever the console's is
    )
    log = COLOURS.sub("", run.stdout + run.stderr)
    return Rendered(output / "_build" / builder, run.returncode, log)


def sources(root: Path) -> Iterator[Path]:
    """The files that a rendered book depends on; the last tells of the packages."""
    for name in SOURCES:
        for path in (root / name, *(root / name).rglob("*")):
            parts = path.relative_to(root).parts
            hidden = any(part.startswith((".", "__pycache__")) for part in parts)
            if path.is_file() and not hidden:
                yield path
    stamp = Path(sys.prefix) / STAMP
    if stamp.exists():
        yield stamp


def lost(root: Path, html: Path) -> list[Path]:
    """The rendered pages whose source is gone, which Sphinx leaves where they are."""
    return [
        page
        for page in html.glob("book/**/*.html")
        if not any(
            (root / page.relative_to(html)).with_suffix(suffix).exists()
            for suffix in (".md", ".ipynb")
        )
    ]


def book(root: Path = ROOT) -> Rendered:
    """The book of the course in `root`/_build, rendered if a source is newer.

    A book that could not be rendered without a warning is no book: it is rendered
    anew, from the beginning, until it can.
    """
    build = root / "_build"
    page, log = build / "html/index.html", build / "book.log"
    build.mkdir(exist_ok=True)
    with FileLock(build / ".book.lock"):
        left = lost(root, page.parent)
        since = page.stat().st_mtime_ns if page.exists() and log.exists() else 0
        if not left and all(f.stat().st_mtime_ns <= since for f in sources(root)):
            return Rendered(page.parent, 0, log.read_text(encoding="utf-8"))
        print("Rendering the book ...", flush=True)
        for path in left:
            path.unlink()
        made = render(root, root)
        log.write_text(made.log, encoding="utf-8")
        if made.status:
            # What has warned must warn again next time: forget what was read.
            shutil.rmtree(build / ".doctrees", ignore_errors=True)
            page.unlink(missing_ok=True)
        else:
            page.touch()
        return made


def main() -> int:
    """Run the command; return its exit code."""
    console.show_any_text()
    made = book()
    if made.status:
        print(made.log, file=sys.stderr)
    return made.status


if __name__ == "__main__":
    sys.exit(main())
