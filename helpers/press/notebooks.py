"""Run, time and look after the notebooks of the course.

    python -m helpers.press.notebooks execute [--chapter 03]   refresh the outputs
    python -m helpers.press.notebooks time [--chapter 03]      measure seconds, memory
    python -m helpers.press.notebooks setup                    write the Colab cell
    python -m helpers.press.notebooks repository ADDRESS       set the public address

A notebook is always written the same way (``dumps``): two runs on one machine give
the same bytes, so that a difference in git is a difference in what a reader sees.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import re
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat import NotebookNode

from helpers import ROOT
from helpers.press import folding
from helpers.press.rendering import COLOURS
from helpers.results import console
from helpers.results.files import write_text

RUN_TIMES = Path("data/results/run_times.json")
TIMEOUT = 600  # seconds that one cell may take
SLOW_CELL, SLOW_NOTEBOOK = 20.0, 60.0  # seconds that a reader may wait
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
METADATA = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
CELL_METADATA = ("tags", "mystnb")
SETUP_TAGS = ["setup", "remove-cell"]

# The first code cell of every notebook, which the book leaves out. ADDRESS and BRANCH
# come from pyproject.toml.
SETUP = """\
# On Colab, this cell fetches the course and what it needs (a minute or
# two). Anywhere else, it does nothing.
import sys

if "google.colab" in sys.modules:
    from pathlib import Path
    from subprocess import run

    address = "ADDRESS"
    branch = "BRANCH"
    if not address:
        raise RuntimeError(
            "This copy of the course does not know its public address."
            " Run it on your own computer as the README says, or set the"
            " address with `make repository` and open the notebook again."
        )
    course = Path("rnns-unrolled").resolve()
    if not course.exists():
        clone = ["git", "clone", "--depth=1", "--branch", branch]
        run([*clone, address, str(course)], check=True)
    install = [sys.executable, "-m", "pip", "install", "-q", "-e"]
    run([*install, str(course)], check=True)
    sys.path.insert(0, str(course))  # `import helpers` works from now on"""


def find(chapter: str | None = None, root: Path = ROOT) -> list[Path]:
    """The notebooks in reading order: each chapter before its solutions, appendices.

    A `chapter` such as "03" stands for that chapter and its solutions only, or it is
    the name of an appendix such as "from_theano". The folder `root` holds `book`.

    Raises ValueError if no notebook has that number or name.
    """
    book = root / "book"
    paths = [*book.glob("*.ipynb"), *book.glob("solutions/*.ipynb")]
    if chapter is not None:
        number = f"{chapter.zfill(2)}_" if chapter.isdecimal() else None
        paths = [p for p in paths if p.stem == chapter or p.stem[:3] == number]
        if not paths:
            raise ValueError(
                "chapter must be the number of a chapter or the name of an appendix "
                f"in book/, got {chapter!r}"
            )
    # Numbers come before letters.
    return sorted(paths, key=lambda path: (path.name, len(path.parts)))


def chapters(root: Path = ROOT) -> list[Path]:
    """The chapters in order, without solutions and appendices."""
    return sorted((root / "book").glob("[0-9][0-9]_*.ipynb"))


# ---------------------------------------------------------------------------
# One way to write a notebook


def read(path: Path) -> NotebookNode:
    """The notebook in a file, in today's format."""
    return nbformat.read(path, as_version=4)


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Remove in place what differs between editors, machines and runs.

    Kept are sources, outputs, execution counts, tags and the figures' descriptions.
    A cell's id follows from its text, and so does whether it folds; of a traceback the
    calls inside the libraries are left out, because they name folders of this machine.
    """
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = nbformat.from_dict(METADATA)
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict(
            {key: cell.metadata[key] for key in CELL_METADATA if cell.metadata.get(key)}
        )
        text = f"{cell.cell_type}\n{cell.source}"
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        seen[digest] = seen.get(digest, 0) + 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                output.traceback = short_traceback(output.traceback)
    folding.fold(notebook)
    return notebook


def short_traceback(frames: list[str]) -> list[str]:
    """A traceback without colours, and without the frames that lie in files.

    They come as Jupyter stores them, the message last.
    """
    plain = [COLOURS.sub("", frame) for frame in frames]
    short: list[str] = []
    for frame in plain:
        if not frame.startswith("File "):
            short.append(frame)
        elif short[-1:] != ["..."]:
            short.append("...")
    return short


def dumps(notebook: NotebookNode) -> str:
    """The text of a notebook's file, normalised.

    Raises nbformat.ValidationError if it does not fit the format.
    """
    normalise(notebook)
    nbformat.validate(notebook)
    return nbformat.writes(notebook, version=4) + "\n"


def save(path: Path, notebook: NotebookNode) -> bool:
    """Write a notebook to its file, which is left alone where nothing has changed.

    Returns whether it was written; errors as `dumps`.
    """
    text = dumps(notebook)
    changed = text != path.read_text(encoding="utf-8")
    if changed:
        write_text(path, text)
    return changed


# ---------------------------------------------------------------------------
# Running them


def run(notebook: NotebookNode, folder: Path) -> list[float]:
    """Run a notebook in place in a fresh kernel and normalise it.

    Returns the seconds that each code cell took. The kernel works in `folder`.

    Raises CellExecutionError if a cell fails that is not tagged `raises-exception`, and
    CellTimeoutError if one takes longer than TIMEOUT seconds.
    """
    started, seconds = 0.0, []

    def start(cell: NotebookNode, cell_index: int) -> None:
        nonlocal started
        started = time.perf_counter()

    def stop(cell: NotebookNode, cell_index: int, execute_reply: dict) -> None:
        seconds.append(time.perf_counter() - started)

    normalise(notebook)
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--log-level=ERROR"],  # no advice on encryption
        on_cell_execute=start,
        on_cell_executed=stop,
    )
    # What the book shows comes from the default engine and from IPython's own settings.
    chosen_elsewhere = {"RNN_ENGINE", "MPLBACKEND"}
    environment = {k: v for k, v in os.environ.items() if k not in chosen_elsewhere}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as settings:
        client.execute(env={**environment, "IPYTHONDIR": settings, "RNN_QUIET": "1"})
    normalise(notebook)
    return seconds


def execute(paths: list[Path]) -> None:
    """Run notebooks and write their outputs, telling on stderr how long each took.

    Where there are two cores, two notebooks run at once: most of a run is compiling,
    and that is the work of one core.

    Raises what `run` raises; that notebook's file is left as it was, and so are those
    that have not begun.
    """
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as workers:
        for told in workers.map(refresh, paths):  # cancels the rest if one fails
            say(told)


def refresh(path: Path) -> str:
    """Run a notebook, write its outputs if they have changed, and tell of it.

    Raises what `run` raises.
    """
    start = time.perf_counter()
    notebook = read(path)
    cells = run(notebook, path.parent)
    total = time.perf_counter() - start
    told = [
        f"{path.name} in {path.parent.name}/: {total:.1f} s,"
        f" slowest cell {max(cells, default=0):.1f} s,"
        f" {'written' if save(path, notebook) else 'unchanged'}"
    ]
    told += [
        f"  warning: cell [{count}] took {took:.0f} s, over {SLOW_CELL} s"
        for count, took in enumerate(cells, start=1)
        if took > SLOW_CELL
    ]
    if total > SLOW_NOTEBOOK:
        told.append(f"  warning: over {SLOW_NOTEBOOK} s (the first run also compiles)")
    return "\n".join(told)


def say(text: str, end: str = "\n") -> None:
    """Report progress."""
    print(text, end=end, file=sys.stderr, flush=True)


def measure(path: Path, caches: str) -> tuple[float, float]:
    """Run one notebook, discarding its outputs; to be called in a process of its own.

    Returns the seconds from the start of the kernel to its end, and its peak memory in
    MB. Engines keep compiled code in the folder `caches`.
    """
    flags = os.environ.get("PYTENSOR_FLAGS", "")
    folder = f"base_compiledir={caches}/pytensor"
    os.environ["PYTENSOR_FLAGS"] = f"{flags},{folder}".strip(",")
    os.environ["NUMBA_CACHE_DIR"] = f"{caches}/numba"
    os.environ["RNN_COMPILED"] = caches
    import resource  # not on Windows, where the rest of this module works

    start = time.perf_counter()
    run(read(path), path.parent)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return seconds, peak / (1e6 if sys.platform == "darwin" else 1e3)


def record_times(paths: list[Path], root: Path = ROOT) -> None:
    """Time each notebook without and with compiled code in the caches.

    The results go to data/results/run_times.json beside those of other notebooks.
    Raises what `run` raises.
    """
    file = root / RUN_TIMES
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    times = kept.get("notebooks", {})
    # A process for each run: the peak memory of its kernel is that of its children.
    workers = ProcessPoolExecutor(
        1, mp_context=multiprocessing.get_context("spawn"), max_tasks_per_child=1
    )
    for path in paths:
        name = path.relative_to(root).as_posix()
        say(f"{name} ...", end=" ")
        with tempfile.TemporaryDirectory() as caches:
            cold, _ = workers.submit(measure, path, caches).result()
            warm, memory = workers.submit(measure, path, caches).result()
        times[name] = {
            "cold_s": round(cold, 1),
            "warm_s": round(warm, 1),
            "memory_mb": round(memory),
        }
        say(f"cold {cold:.1f} s, warm {warm:.1f} s, {memory:.0f} MB")
        record = {
            "schema": "run-times",
            "date": datetime.now(UTC).date().isoformat(),
            "cores": os.cpu_count(),
            "notebooks": dict(sorted(times.items())),
        }
        write_text(file, json.dumps(record, indent=1) + "\n")
    workers.shutdown()


# ---------------------------------------------------------------------------
# The cell that fetches the course on Colab


def repository(root: Path = ROOT) -> tuple[str, str]:
    """The public address and branch in pyproject.toml; "" while there is none."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    course = project["tool"]["rnns-unrolled"]
    return course["repository"], course["branch"]


def setup_source(address: str, branch: str) -> str:
    """The text of the set-up cell for a public address and branch."""
    return SETUP.replace("ADDRESS", address).replace("BRANCH", branch)


def put_setup(notebook: NotebookNode, source: str) -> None:
    """Give a notebook its set-up cell, or that cell its text, in place."""
    code = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    first = code[0] if code else len(notebook.cells)
    if not code or "setup" not in notebook.cells[first].metadata.get("tags", []):
        notebook.cells.insert(first, nbformat.v4.new_code_cell())
    notebook.cells[first].source = source
    notebook.cells[first].metadata["tags"] = SETUP_TAGS


def set_up(root: Path = ROOT) -> None:
    """Write the set-up cell into every notebook, leaving its outputs as they are."""
    source = setup_source(*repository(root))
    for path in find(root=root):
        notebook = read(path)
        put_setup(notebook, source)
        if save(path, notebook):
            say(f"{path.relative_to(root)} written")


def set_repository(address: str, branch: str = "main", root: Path = ROOT) -> None:
    """Write the public address into pyproject.toml and every notebook.

    It is "https://github.com/OWNER/NAME", or "" for none; Colab fetches `branch`.

    Raises ValueError if the address or the branch has another form.
    """
    address = address.removesuffix("/").removesuffix(".git")
    name, form = r"[\w.-]+", "https://github.com/OWNER/NAME"
    if address and not re.fullmatch(rf"https://github\.com/{name}/{name}", address):
        raise ValueError(f"address must be {form}, got {address!r}")
    if not re.fullmatch(rf"{name}(/{name})*", branch):
        raise ValueError(f"branch must be the name of a git branch, got {branch!r}")
    file = root / "pyproject.toml"
    text = file.read_text(encoding="utf-8")
    for key, value in (("repository", address), ("branch", branch)):
        text = re.sub(rf'(?m)^{key} = ".*"$', f'{key} = "{value}"', text)
    write_text(file, text)
    if repository(root) != (address, branch):
        raise ValueError("[tool.rnns-unrolled] in pyproject.toml has another form")
    set_up(root)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return its exit code."""
    console.show_any_text()
    parser = argparse.ArgumentParser(
        prog="python -m helpers.press.notebooks", description=__doc__.splitlines()[0]
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text, run_all in (
        ("execute", "run the notebooks and refresh their outputs", execute),
        ("time", f"measure seconds and memory into {RUN_TIMES}", record_times),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--chapter", help="its number, such as 03, or its name")
        command.set_defaults(do=lambda chosen, do=run_all: do(find(chosen.chapter)))
    text = "write the Colab cell into every notebook, and tidy it"
    commands.add_parser("setup", help=text).set_defaults(do=lambda _: set_up())
    command = commands.add_parser("repository", help="set the public address")
    command.add_argument("address", help="https://github.com/OWNER/NAME")
    command.add_argument("--branch", default="main")
    command.set_defaults(
        do=lambda chosen: set_repository(chosen.address, chosen.branch)
    )
    options = parser.parse_args(arguments)
    try:
        options.do(options)
    except (CellExecutionError, CellTimeoutError, ValueError) as error:
        say(f"\n{error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
