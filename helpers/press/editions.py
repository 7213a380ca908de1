"""Make what a teacher hands out: the editions, and a kit that needs no network.

    python -m helpers.press.editions

is what `make class` runs once the book is built. It writes into dist/

- the student edition: chapters, helpers, data and the book, without solutions and
  without this room;
- the teacher edition: with them, the guide and the pages about hosting;
- the offline kit: the student edition, every package that the chapters need, for
  this Python on this kind of computer, and a script that installs them.

An edition holds the files that git tracks, as they stand in the folder, and nothing
else. The same files give the same bytes.
"""

import hashlib
import json
import os
import posixpath
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import nbformat
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from helpers import ROOT, environment
from helpers.environment import SetUpError
from helpers.press import notebooks
from helpers.press.notebooks import say
from helpers.press.rendering import render
from helpers.results import console
from helpers.results.files import write_bytes, write_text

NAME = "rnns-unrolled"
# What runs and what is read; the rest of the repository builds and tests it.
HANDED_OUT = (".binder/", "book/", "data/", "helpers/")
HANDED_OUT += ("CITATION.cff", "LICENSE", "pyproject.toml")
MACHINERY = ("book/_extensions/", "book/_templates/")  # of the book
LEFT_OUT = (*MACHINERY, "book/conftest.py", "book/ruff.toml")
FOR_TEACHERS = ("book/solutions/", "book/teaching.", "helpers/press/")
FOR_TEACHERS += ("book/hosting.", "book/jupyterhub_config.")
TO_BUILD = ("_config.yml", "_toc.yml", *MACHINERY, "helpers/press/")
# What the installer of the kit reads, and an edition unpacked over it leaves the same.
INSTALLED = ("helpers/", "pyproject.toml", "requirements.lock")
SECTIONS = ("# To run", "# To read and write")  # of requirements.txt, for an edition
LINK = re.compile(r"(?<!!)\[([^]]+)\]\(([^)\s#]+)(?:#[^)\s]*)?\)")
DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip file can hold

README = """\
# RNNs, Unrolled: {edition} edition

A course on recurrent neural networks in live PyTensor. To read it, open
`html/index.html`, which needs no network.

To run it you need {python}, and about 1.5 GB of disk. {how}

The last line opens the chapters in JupyterLab. {last}

The code is under the MIT licence (`LICENSE`), text and figures under CC BY 4.0
(`LICENSE-TEXT`).
"""
ONLINE = """\
On Linux,
macOS or WSL, in this folder:

    python3 -m venv .venv
    .venv/bin/python -m pip install --require-hashes -r requirements.lock
    .venv/bin/python -m pip install --no-deps --no-build-isolation -e .
    .venv/bin/python -m jupyterlab --config=book/jupyter_lab_config.py

and on Windows:

    py -3.11 -m venv .venv
    .venv\\Scripts\\python -m pip install --require-hashes -r requirements.lock
    .venv\\Scripts\\python -m pip install --no-deps --no-build-isolation -e .
    .venv\\Scripts\\python -m jupyterlab --config=book/jupyter_lab_config.py"""
OFFLINE = """\
No
network: the packages are in `wheels/`. In this folder:

    {install}
    {jupyterlab} --config=book/jupyter_lab_config.py"""
LAST = {
    "student": """\
Each ends with
exercises that check your answer and say what is wrong with it. Your teacher has the
solutions.""",
    "teacher": """\
The solutions
are in `book/solutions/`. Without a network, unpack the offline kit and then this
edition over it, and install as the kit says.""",
}
INSTALL = {
    "install.sh": """\
#!/bin/sh
# Install the course from the packages beside this script, without a network.
cd "$(dirname "$0")" && exec "${PYTHON:-python3}" helpers/environment.py .venv
""",
    "install.bat": """\
@rem Install the course from the packages beside this script, without a network.\r
@cd /d "%~dp0"\r
@py -{python} helpers\\environment.py .venv\r
""",
}


# What an edition holds ---------------------------------------------------------


def tracked(root: Path) -> list[str]:
    """The files in a folder that git tracks, as "book/index.md", sorted.

    Raises SetUpError where the folder is no git repository of its own.
    """
    git = ["git", "-C", str(root), "ls-files", "-z", "--full-name"]
    run = subprocess.run(git, capture_output=True, encoding="utf-8")
    names = sorted(filter(None, run.stdout.split("\0")))
    if run.returncode or "pyproject.toml" not in names:
        raise SetUpError(
            "The editions are made from the files that git tracks, and"
            f" {root} is not a clone of the course: git clone it, and make them there."
        )
    return names


def edition(root: Path, student: bool) -> dict[str, bytes]:
    """The files of the student's or the teacher's edition, by name, the book apart.

    Raises SetUpError as `tracked`.
    """
    names = [name for name in tracked(root) if (root / name).is_file()]
    gone = {name for name in names if student and name.startswith(FOR_TEACHERS)}
    handed_out = {
        name: without_links(name, (root / name).read_bytes(), gone)
        for name in names
        if name.startswith(HANDED_OUT) and not name.startswith(LEFT_OUT)
        if name not in gone
    }
    lists = ("requirements.txt", "requirements.lock")
    lock = short_lock(*((root / name).read_text(encoding="utf-8") for name in lists))
    which = "student" if student else "teacher"
    said = readme(which, "Python 3.11 to 3.14", ONLINE)
    return {**handed_out, "README.md": said, "requirements.lock": lock.encode()}


def readme(edition: str, python: str, how: str) -> bytes:
    """The README of an edition, "student" or "teacher": what to run it on, and how."""
    last = LAST[edition]
    return README.format(edition=edition, python=python, how=how, last=last).encode()


def without_links(name: str, content: bytes, gone: set[str]) -> bytes:
    """A file with its Markdown links to files that are gone as plain text.

    Its `name` says its folder and its kind; `gone` holds names as in `tracked`.
    """

    def as_text(match: re.Match) -> str:
        target = posixpath.join(posixpath.dirname(name), match[2])
        return match[1] if posixpath.normpath(target) in gone else match[0]

    def rewritten(text: str) -> str:
        # A line that is only such a link has nothing to say without it.
        lines = text.split("\n")
        alone = (LINK.fullmatch(line.strip()) for line in lines)
        kept = [
            line
            for line, link in zip(lines, alone, strict=True)
            if not (link and as_text(link) != link[0])
        ]
        return LINK.sub(as_text, "\n".join(kept))

    if not gone or not name.endswith((".md", ".ipynb")):
        return content
    if name.endswith(".md"):
        return rewritten(content.decode()).encode()
    notebook = nbformat.reads(content.decode(), as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and rewritten(cell.source) != cell.source:
            cell.source = rewritten(cell.source).rstrip()
    return notebooks.dumps(notebook).encode()


def short_lock(requirements: str, lock: str) -> str:
    """The entries of requirements.lock that running the notebooks needs.

    The others build the book and test it. Who needs a package stands in its comment:
    "# via dask, nltk". What is installed here could tell as well
    (importlib.metadata), but of this Python and this system only.

    Raises ValueError where the sections of requirements.txt have other titles.
    """
    sections = [s for s in requirements.split("\n\n") if s.startswith(SECTIONS)]
    if len(sections) != len(SECTIONS):
        raise ValueError(
            f"requirements.txt must have the sections {SECTIONS}, got {len(sections)}"
        )
    direct = re.findall(r"^([\w.-]+)[<>=]", "\n".join(sections), re.MULTILINE)
    needed = {canonicalize_name(name) for name in direct}
    locked = entries(lock)
    while (
        more := {name for _, name, users in locked if needed & {*users.split(", ")}}
        - needed
    ):
        needed |= more
    return "".join(text for text, name, _ in locked if name in needed)


def entries(lock: str) -> list[tuple[str, str, str]]:
    """The entries of a lock: text with hashes, canonical name, by whom it is needed."""
    entry = r"(?m)^(([\w.-]+)==(?:.*\\\n)*.*\n(?: +# via (.*)\n)?)"
    return re.findall(entry, lock)


# The book ------------------------------------------------------------------------


def book_in(folder: Path) -> dict[str, bytes]:
    """The files of a book as an edition has them, in html/, hidden ones left out."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    return {
        f"html/{name}": path.read_bytes()
        for name, path in sorted(paths.items())
        if path.is_file() and not re.search(r"(^|/)\.", name)
    }


def student_contents(contents: str, names: set[str]) -> str:
    """_toc.yml with only those pages that an edition has, empty parts left out."""
    toc = yaml.safe_load(contents)
    stems = {name.rpartition(".")[0] for name in names}
    for part in toc["parts"]:
        part["chapters"] = [page for page in part["chapters"] if page["file"] in stems]
    toc["parts"] = [part for part in toc["parts"] if part["chapters"]]
    return yaml.safe_dump(toc, sort_keys=False)


def student_book(root: Path, files: dict[str, bytes]) -> dict[str, bytes]:
    """The book built from the files of the student edition: no page of the others.

    Raises SetUpError with what Jupyter Book said if that warns or fails.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as made:
        source = Path(made, "course")
        for name in tracked(root):
            if name.startswith(TO_BUILD):
                write_bytes(source / name, (root / name).read_bytes())
        for name, content in files.items():
            write_bytes(source / name, content)
        toc = (root / "_toc.yml").read_text(encoding="utf-8")
        write_text(source / "_toc.yml", student_contents(toc, set(files)))
        book = render(source, Path(made))
        if book.status:
            said = book.log.strip()
            raise SetUpError(f"The student's book could not be built:\n{said}")
        return book_in(book.html)


# The kit -------------------------------------------------------------------------


def pins(lock: str, patch: int) -> set[str]:
    """The entries of a lock for this computer and one patch of this Python.

    What is locked can differ between 3.11.4 and 3.11.5, and a class has both.
    """
    minor = environment.this_computer()["python"]
    where = {"python_full_version": f"{minor}.{patch}"}
    found = set()
    for text, _, _ in entries(lock):
        package, _, hashes = text.partition(" \\\n")
        marker = Requirement(package).marker
        if marker is None or marker.evaluate(where):
            found.add(f"{package.partition(' ')[0]} \\\n{hashes}")
    return found


def make_wheelhouse(lock: str, folder: Path) -> None:
    """Fill a folder with the packages of a lock, for this Python and computer.

    A folder that holds them already is left alone, so that only the first kit needs
    a network. Raises SetUpError if pip fails.
    """
    stamp = folder / environment.MADE_FOR
    digest = hashlib.sha256(lock.encode()).hexdigest()
    made_for = {**environment.this_computer(), "lock": digest}
    if stamp.exists() and json.loads(stamp.read_text(encoding="utf-8")) == made_for:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # What is locked has a wheel everywhere; one that was built here has no known hash.
    pip = [sys.executable, *environment.PIP, "download", "--only-binary=:all:"]
    pip += ["--no-deps", "--progress-bar=off", "--ignore-requires-python"]
    pip += ["--require-hashes", "--dest", folder, "-r", folder / "pins.txt"]
    log = environment.beside(folder, environment.LOG)
    oldest, newest = pins(lock, 0), pins(lock, 99)
    with environment.only_one(log) as output:
        for packages in filter(None, (oldest, newest - oldest)):
            write_text(folder / "pins.txt", "".join(sorted(packages)))
            environment.run_logged(pip, output, folder)
    (folder / "pins.txt").unlink()
    log.unlink()
    write_text(stamp, json.dumps(made_for, indent=1) + "\n")


def kit(student: dict[str, bytes], wheels: Path) -> dict[str, bytes | Path]:
    """The files of the offline kit for this computer."""
    here = environment.this_computer()
    windows = here["system"] == "Windows"
    script = "install.bat" if windows else "install.sh"
    how = OFFLINE.format(
        install=script if windows else f"sh {script}",
        jupyterlab=f"{environment.python_of(Path('.venv'))} -m jupyterlab",
    )
    python = "Python {python} on {system} {machine}".format(**here)
    packages = {f"{environment.WHEELS}/{path.name}": path for path in wheels.iterdir()}
    installed = {name: student[name] for name in student if name.startswith(INSTALLED)}
    return {
        **student,
        "README.md": readme("student", python, how),
        script: INSTALL[script].replace("{python}", here["python"]).encode(),
        **packages,
        environment.SUMS: sums({**installed, **packages}),
    }


def sums(files: dict[str, bytes | Path]) -> bytes:
    """What `sha256sum -c` reads, for files given by content or place."""
    lines = []
    for name, content in sorted(files.items()):
        content = content.read_bytes() if isinstance(content, Path) else content
        lines.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    return "".join(lines).encode()


# The archives ----------------------------------------------------------------------


def write_zip(path: Path, files: dict[str, bytes | Path]) -> None:
    """Write files, given by content or place, as a zip file with one folder.

    Dates, order and permissions are always the same.
    """
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in sorted(files.items()):
            info = zipfile.ZipInfo(f"{NAME}/{name}", DATE)
            info.create_system = 3  # Unix, whose permissions follow
            info.external_attr = (0o755 if name.endswith(".sh") else 0o644) << 16
            packed = name.endswith((".whl", ".npz", ".png", ".woff2"))
            info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
            data = content.read_bytes() if isinstance(content, Path) else content
            archive.writestr(info, data)


def make_editions(root: Path = ROOT) -> list[Path]:
    """Write dist/ in the course's folder: both editions, and the offline kit.

    Returns the archives, those for all computers first. What stood in dist/ is replaced
    when all is done. Where the packages cannot be fetched, the editions are there all
    the same and the kit is not.

    Raises SetUpError if the book is not built, git or Jupyter Book fails (dist/ is then
    as it was), or the packages cannot be fetched.
    """
    html = root / "_build" / "html"
    if not (html / "index.html").exists():
        raise SetUpError("The book is not built yet: make book, or make class.")
    student, teacher = edition(root, student=True), edition(root, student=False)
    lock = student["requirements.lock"].decode()
    say("Building the students' book, which leaves out the solutions ...")
    student |= student_book(root, student)
    new = root / "_build" / "dist"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    write_zip(new / f"{NAME}-student.zip", student)
    write_zip(new / f"{NAME}-teacher.zip", teacher | book_in(html))
    say("Collecting the packages of the offline kit ...")
    wheels = root / "_build" / environment.WHEELS
    failure = None
    try:
        make_wheelhouse(lock, wheels)
    except SetUpError as error:
        failure = SetUpError(
            f"The editions are in {root / 'dist'}, but no offline kit. {error}"
        )
    else:
        computer = "{system}-{machine}-python{python}"
        name = computer.format(**environment.this_computer()).lower()
        write_zip(new / f"{NAME}-kit-{name}.zip", kit(student, wheels))
    replace(root / "dist", new)
    if failure:
        raise failure
    archives = (root / "dist").iterdir()
    return sorted(archives, key=lambda path: ("-kit-" in path.name, path.name))


def replace(folder: Path, new: Path) -> None:
    """Put a new folder in the place of another, or of none."""
    former = new.with_name(f"{folder.name}-former")
    shutil.rmtree(former, ignore_errors=True)
    if folder.exists():
        os.replace(folder, former)
    os.replace(new, folder)
    shutil.rmtree(former, ignore_errors=True)


def main() -> int:
    """Run the command; return its exit code."""
    console.show_any_text()
    try:
        for path in make_editions():
            print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1e6:.0f} MB")
    except (SetUpError, OSError) as error:
        say(f"\n{error}")
        return 1
    except KeyboardInterrupt:
        say("\nInterrupted. The same command starts it anew.")
        return environment.INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
