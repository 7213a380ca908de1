"""helpers.press.notebooks runs and writes notebooks, each time the same way."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from test_environment import run_make

from helpers import ROOT
from helpers.press import notebooks
from helpers.results import files

PROJECT = """\
[project]
name = "course"

[tool.rnns-unrolled]
# A comment that stays.
repository = ""
branch = "main"
"""
ADDRESS = "https://github.com/ada/course"


@pytest.fixture
def course(tmp_path):
    """A course of two chapters and one solution, as files."""
    (tmp_path / "book" / "solutions").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    for name in ("extra", "02_b", "01_a", "solutions/01_a"):
        cells = [new_markdown_cell("# A chapter"), new_code_cell("print(6 * 7)")]
        nbformat.write(new_notebook(cells=cells), tmp_path / f"book/{name}.ipynb")
    (tmp_path / "book" / "draft.txt").write_text("not a notebook", encoding="utf-8")
    return tmp_path


FIRST = ["book/01_a.ipynb", "solutions/01_a.ipynb"]


@pytest.mark.parametrize(
    ("chapter", "found"),
    [
        (None, [*FIRST, "book/02_b.ipynb", "book/extra.ipynb"]),
        ("extra", ["book/extra.ipynb"]),
        ("1", FIRST),
        ("01", FIRST),
    ],
)
def test_find_gives_chapters_with_solutions_and_appendices(course, chapter, found):
    paths = notebooks.find(chapter, root=course)
    assert [f"{path.parent.name}/{path.name}" for path in paths] == found


@pytest.mark.parametrize("chapter", ["9", "draft", "", "../01"])
def test_find_names_an_unknown_chapter(course, chapter):
    with pytest.raises(ValueError, match="chapter must be the number"):
        notebooks.find(chapter, root=course)


def test_dumps_does_not_depend_on_the_editor():
    plain, edited = new_notebook(), new_notebook(metadata={"widgets": {}, "kernel": 1})
    for notebook in (plain, edited):
        notebook.cells = [
            new_markdown_cell("text"),
            new_code_cell("x = 1", metadata={"tags": ["timing"]}),
            new_code_cell("x = 1"),
        ]
    edited.cells[1].metadata.update(collapsed=True, execution={"iopub.status": "now"})
    edited.cells[2].metadata["tags"] = []
    assert notebooks.dumps(plain) == notebooks.dumps(edited)
    ids = [cell["id"] for cell in json.loads(notebooks.dumps(plain))["cells"]]
    assert len(set(ids)) == 3
    again = nbformat.reads(notebooks.dumps(plain), as_version=4)
    assert notebooks.dumps(again) == notebooks.dumps(plain)


def test_a_cell_keeps_its_id_when_others_come_before_it():
    cells = [new_code_cell("a"), new_code_cell("b")]
    later = notebooks.normalise(new_notebook(cells=cells)).cells[1].id
    alone = notebooks.normalise(new_notebook(cells=[new_code_cell("b")])).cells[0].id
    assert later == alone


def test_short_traceback_keeps_the_notebooks_own_frames():
    frames = [
        "\x1b[31mValueError\x1b[39m   Traceback (most recent call last)",
        "\x1b[36mCell\x1b[39m\x1b[36m \x1b[39mIn[3], line 1",
        "\x1b[36mFile\x1b[39m /home/ada/lib/scan.py:12",
        "File /home/ada/lib/op.py:3",
        "\x1b[31mValueError\x1b[39m: two",
    ]
    assert notebooks.short_traceback(frames) == [
        "ValueError   Traceback (most recent call last)",
        "Cell In[3], line 1",
        "...",
        "ValueError: two",
    ]


def test_run_gives_the_same_bytes_each_time(tmp_path):
    source = (
        "import os, sys, time\n"
        "time.sleep(0.3)\n"
        "print(os.path.basename(os.getcwd()), os.environ['RNN_QUIET'])\n"
        "print('RNN_ENGINE' in os.environ)"
    )
    failing = new_code_cell(
        "import json\njson.loads('{')", metadata={"tags": ["raises-exception"]}
    )
    first = new_notebook(cells=[new_code_cell(source), failing])
    second = nbformat.from_dict(first)
    (tmp_path / "folder").mkdir()
    seconds = notebooks.run(first, tmp_path / "folder")
    notebooks.run(second, tmp_path / "folder")
    assert notebooks.dumps(first) == notebooks.dumps(second)
    assert first.cells[0].outputs[0].text == "folder 1\nFalse\n"
    assert [cell.execution_count for cell in first.cells] == [1, 2]
    assert first.cells[1].outputs[0].ename == "JSONDecodeError"
    assert "decoder.py" not in "".join(first.cells[1].outputs[0].traceback)
    assert len(seconds) == 2
    assert 0.3 <= seconds[0] < 30


def test_execute_writes_outputs_and_then_leaves_the_file(course, capsys, monkeypatch):
    path = course / "book" / "01_a.ipynb"
    with monkeypatch.context() as patch:
        patch.setattr(notebooks, "SLOW_CELL", 0.0)
        patch.setattr(notebooks, "SLOW_NOTEBOOK", 0.0)
        notebooks.execute([path])
    assert notebooks.read(path).cells[1].outputs[0].text == "42\n"
    said = capsys.readouterr().err
    for words in ("written", "warning: cell [1] took", "warning: over 0.0 s"):
        assert words in said
    before = path.stat().st_mtime_ns
    notebooks.execute([path])
    assert path.stat().st_mtime_ns == before
    said = capsys.readouterr().err
    assert "unchanged" in said
    assert "warning" not in said


def test_execute_leaves_a_failing_notebook_as_it_was(course):
    path = course / "book" / "01_a.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1 / 0")]), path)
    before = path.read_bytes()
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        notebooks.execute([path])
    assert path.read_bytes() == before


@pytest.mark.skipif(os.cpu_count() == 1, reason="with one core, one runs at a time")
def test_execute_runs_two_notebooks_at_once(course, monkeypatch):
    meeting, run = threading.Barrier(2), notebooks.run

    def meet(notebook, folder):
        meeting.wait(timeout=60)
        return run(notebook, folder)

    monkeypatch.setattr(notebooks, "run", meet)
    paths = [course / "book" / f"{name}.ipynb" for name in ("01_a", "02_b")]
    notebooks.execute(paths)
    outputs = [notebooks.read(path).cells[1].outputs[0].text for path in paths]
    assert outputs == ["42\n", "42\n"]


def test_write_text_keeps_the_old_file_if_it_fails(tmp_path, monkeypatch):
    path = tmp_path / "file"
    files.write_text(path, "old")

    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        files.write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.nightly
def test_record_times_keeps_those_of_other_notebooks(course):
    file = course / notebooks.RUN_TIMES
    other = {"cold_s": 2.0, "warm_s": 1.0, "memory_mb": 3}
    files.write_text(file, json.dumps({"notebooks": {"book/07_x.ipynb": other}}))
    notebooks.record_times([course / "book" / "01_a.ipynb"], root=course)
    record = json.loads(file.read_text())
    assert record["schema"] == "run-times"
    assert record["cores"] >= 1
    assert record["notebooks"]["book/07_x.ipynb"] == other
    measured = record["notebooks"]["book/01_a.ipynb"]
    assert measured.keys() == other.keys()
    assert 0 < measured["warm_s"] < 60
    assert 20 < measured["memory_mb"] < 2000  # a kernel alone: about 80 MB


def test_set_repository_writes_the_address_everywhere_and_no_more(course):
    notebooks.set_repository(ADDRESS + ".git", "main", root=course)
    project = (course / "pyproject.toml").read_text()
    assert project == PROJECT.replace('repository = ""', f'repository = "{ADDRESS}"')
    for path in notebooks.find(root=course):
        kinds = [cell.cell_type for cell in notebooks.read(path).cells]
        assert kinds == ["markdown", "code", "code"]
        assert notebooks.read(path).cells[1].metadata.tags == notebooks.SETUP_TAGS
        assert f'address = "{ADDRESS}"' in notebooks.read(path).cells[1].source
    once = [path.read_bytes() for path in notebooks.find(root=course)]
    notebooks.set_repository(ADDRESS, root=course)
    assert once == [path.read_bytes() for path in notebooks.find(root=course)]
    notebooks.set_repository("", root=course)
    assert (course / "pyproject.toml").read_text() == PROJECT


@pytest.mark.parametrize(
    ("address", "branch", "argument"),
    [
        ("github.com/ada/course", "main", "address"),
        ("https://github.com/ada", "main", "address"),
        ('https://github.com/ada/"course', "main", "address"),
        (ADDRESS, "", "branch"),
        (ADDRESS, 'main", "x', "branch"),
    ],
)
def test_set_repository_refuses_other_forms(course, address, branch, argument):
    with pytest.raises(ValueError, match=f"{argument} must be"):
        notebooks.set_repository(address, branch, root=course)
    assert (course / "pyproject.toml").read_text() == PROJECT


def test_the_command_says_what_is_wrong_without_a_traceback(capsys):
    assert notebooks.main(["execute", "--chapter", "99"]) == 1
    assert notebooks.main(["repository", "somewhere"]) == 1
    said = capsys.readouterr().err
    assert "got '99'" in said
    assert "got 'somewhere'" in said


def test_make_diff_shows_words_and_no_pictures(tmp_path):
    path = tmp_path / "book" / "one.ipynb"
    path.parent.mkdir()
    shutil.copy(ROOT / ".gitattributes", tmp_path)

    def write(word, picture):
        output = new_output("display_data", {"image/png": picture * 99})
        cells = [new_markdown_cell(f"A {word} pulse"), new_code_cell("draw()")]
        cells[1].outputs = [output]
        path.write_text(notebooks.dumps(new_notebook(cells=cells)), encoding="utf-8")

    def shell(command, folder=tmp_path):
        return subprocess.check_output(command, shell=True, cwd=folder, text=True)

    write("short", "iVBORw0KGgo=")
    shell("git init -q && git add .")
    write("long", "iVBORw0KGgp=")
    command = run_make("-n", "diff").stdout.replace("\\\n", "").splitlines()[-1]
    said = shell(command.replace(".venv/bin", str(Path(sys.executable).parent)))
    changed = [line for line in said.splitlines() if line.startswith(("-#", "+#"))]
    assert changed == ["-# A short pulse", "+# A long pulse"]
    assert "iVBOR" not in said
    assert "iVBOR" in shell("git diff", path.parent)  # where nothing is set up


@pytest.mark.nightly
def test_nbval_compares_outputs_and_honours_a_final_semicolon(tmp_path):
    shutil.copy(ROOT / "book" / "conftest.py", tmp_path)
    for name, said in {"same": ["42\n"], "other": ["43\n"], "silent": []}.items():
        code = new_code_cell("x = 42\nx;\nprint(x)\nx;", execution_count=1)
        code.outputs = [new_output("stream", name="stdout", text=s) for s in said]
        nbformat.write(new_notebook(cells=[code]), tmp_path / f"{name}.ipynb")
    options = ["-p", "no:cacheprovider", "--nbval", "--nbval-current-env", "-rA"]
    command = [sys.executable, "-m", "pytest", *options]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout
    assert "\nPASSED same.ipynb" in said, said
    other, silent = said.split("FAILURES")[1].split("silent.ipynb::")[:2]
    assert "Cell outputs differ" in other
    assert "Unexpected output" in silent
    assert len(re.findall(r"(?m)^FAILED (?:other|silent)\.ipynb", said)) == 2
