"""The set-up cell: nothing at home, on Colab everything that a notebook needs."""

import subprocess
import sys
import venv
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from course_copy import PLAIN, make_copy
from test_requirements import locked

from helpers.press import notebooks

ADDRESS = "https://github.com/ada/course"
CELL = notebooks.setup_source(ADDRESS, "main")


def run_cell(source=CELL):
    """Run the text of a cell, in a namespace of its own."""
    exec(compile(source, "set-up cell", "exec"), {})


@pytest.fixture
def commands(monkeypatch, tmp_path):
    """What the cell has run, in an empty folder; nothing is really run."""
    commands = []

    def run(command, check):
        assert check, "a command that fails must stop the cell"
        commands.append(command)
        if command[0] == "git":
            Path(command[-1]).mkdir()

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    return commands


@pytest.fixture
def colab(monkeypatch):
    """As if this ran on Colab."""
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))


def test_the_text_holds_the_address():
    assert "ADDRESS" not in CELL
    assert "BRANCH" not in CELL
    assert f'"{ADDRESS}"' in CELL
    assert CELL.startswith("# On Colab, this cell fetches the course")


def test_at_home_it_does_nothing(commands):
    path = list(sys.path)
    run_cell()
    assert commands == []
    assert sys.path == path


def test_on_colab_it_fetches_and_installs_the_course(commands, colab, tmp_path):
    run_cell()
    course = str(tmp_path / "rnns-unrolled")
    clone, install = commands
    assert clone[:2] == ["git", "clone"]
    assert "--depth=1" in clone
    assert clone[-4:] == ["--branch", "main", ADDRESS, course]
    assert install[0] == sys.executable
    assert install[1:4] == ["-m", "pip", "install"]
    assert install[-2:] == ["-e", course]
    assert sys.path[0] == course
    run_cell()  # a second run fetches nothing
    assert [command[0] for command in commands[2:]] == [sys.executable]


def test_on_colab_a_failure_stops_the_cell(commands, colab, monkeypatch):
    def fail(command, check):
        commands.append(command)
        raise subprocess.CalledProcessError(128, command)

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(subprocess.CalledProcessError):
        run_cell()
    assert len(commands) == 1


def test_without_an_address_it_says_what_to_do(commands, colab):
    with pytest.raises(RuntimeError, match="make repository"):
        run_cell(notebooks.setup_source("", "main"))
    assert commands == []


# The whole way, in a stand-in for Colab ---------------------------------------

# Of its runtime 2026.01, as https://github.com/googlecolab/backend-info tells.
COLAB = ("numpy==2.0.2", "jax==0.7.2", "numba==0.60.0", "pytensor==2.35.1")
RUN = """
import nbformat, sys
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=600).execute()
nbformat.write(notebook, sys.argv[1])
"""


VERSIONS = """
from importlib.metadata import version
print(*(f"{name}=={version(name)}" for name in ("pytensor", "numba", "numpy", "jax")))
"""


@pytest.fixture
def colab_python(tmp_path):
    """A fresh Python with versions as Colab has them, and a kernel that imports
    google.colab."""
    folder = tmp_path / "colab"
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    packages = ["ipykernel", "nbclient", "matplotlib", *COLAB]
    subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "google" / "colab").mkdir(parents=True)
    for module in ("__init__.py", "output.py"):  # JAX imports the second
        (site / "google" / "colab" / module).touch()
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "colab.py").write_text("import google.colab\n")
    return python


@pytest.mark.network
@pytest.mark.nightly
def test_a_chapter_alone_runs_on_colab(colab_python, tmp_path):
    repository = make_copy(tmp_path / "origin").as_uri()
    chapter = notebooks.find()[0]
    notebook = notebooks.read(chapter)
    notebooks.put_setup(notebook, notebooks.setup_source(repository, "main"))
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    notebook.cells += [
        nbformat.v4.new_code_cell(first.source),  # a reader runs it once more
        nbformat.v4.new_code_cell("import helpers\nprint(helpers.__file__)"),
        nbformat.v4.new_code_cell(VERSIONS),
    ]
    content = tmp_path / "content"
    content.mkdir()
    alone = content / chapter.name
    nbformat.write(notebook, alone)
    result = subprocess.run(
        [colab_python, "-c", RUN, alone],
        cwd=content,
        env={**PLAIN, "IPYTHONDIR": str(tmp_path / "ipython")},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    place, versions = (c.outputs[0].text for c in notebooks.read(alone).cells[-2:])
    assert place.strip() == str(content / "rnns-unrolled" / "helpers" / "__init__.py")
    # What Colab has too old is as locked, and the rest is Colab's.
    tested = {p.name: p for p in locked() if not p.marker or p.marker.evaluate()}
    new = [f"{name}{tested[name].specifier}" for name in ("pytensor", "numba")]
    assert versions.split() == [*new, *COLAB[:2]]
