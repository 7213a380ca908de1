"""Files: whole whenever a process is killed, refused when damaged, held by one."""

import ast
import io
import os
import re
import signal
import subprocess
import sys
import zipfile
from typing import NamedTuple

import numpy as np
import pytest
from kills import killed_at_every_write

import helpers
from helpers.networks import trained
from helpers.results import console, files

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


class Net(NamedTuple):
    """Something to save."""

    W: np.ndarray
    b: np.ndarray


def net(value):
    return Net(np.full((3, 2), float(value)), np.full(3, float(value)))


# Killed -----------------------------------------------------------------------

SAVE = """
from test_files import net
from helpers.networks import trained

def act(folder):
    trained.save("net", net({value}), {{"value": {value}}}, folder)
"""


def saved(folder):
    """What `load` finds, after a look at what the JSON says of it."""
    said = files.read_json(folder / "net.json")
    found = trained.load("net", Net, folder)
    assert (said["value"] == found.W).all()
    assert (found.b == said["value"]).all()
    return said["value"]


@forks
def test_a_file_is_the_old_or_the_new_one_whenever_its_writer_is_killed(tmp_path):
    before = tmp_path / "before"
    files.write_text(before / "a.txt", "old " * 100)
    code = "from helpers.results import files\n"
    code += "def act(folder): files.write_text(folder / 'a.txt', 'new ' * 100)"
    *killed, whole = killed_at_every_write(before, tmp_path / "killed", code)
    assert len(killed) >= 3
    for folder in killed:
        assert (folder / "a.txt").read_text() in ("old " * 100, "new " * 100)
    assert (whole / "a.txt").read_text() == "new " * 100
    assert [path.name for path in whole.iterdir()] == ["a.txt"]


@forks
def test_a_network_is_the_old_or_the_new_one_whenever_its_saving_is_killed(tmp_path):
    before, killed = tmp_path / "before", tmp_path / "killed"
    before.mkdir()
    trained.save("net", net(1), {"value": 1}, before)
    *parts, whole = killed_at_every_write(before, killed, SAVE.format(value=2))
    assert len(parts) >= 7  # three files, each made, sent to the disk and renamed
    found = [saved(folder) for folder in parts]
    assert found == sorted(found)  # first the old one, then the new
    assert set(found) == {1, 2}
    assert saved(whole) == 2
    assert sorted(path.name for path in whole.iterdir()) == ["net.json", "net.npz"]
    # Nor does the next saving lose what the killed one has left half done.
    left, again = parts[found.index(2)], tmp_path / "again"
    *parts, whole = killed_at_every_write(left, again, SAVE.format(value=3))
    assert {saved(folder) for folder in parts} == {2, 3}
    assert saved(whole) == 3


# Arrays -----------------------------------------------------------------------


def npz(**arrays):
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def zipped(content, kind=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", kind) as archive:
        archive.writestr("W.npy", content)
    return file.getvalue()


def npy(value, header=None):
    content = io.BytesIO()
    np.save(content, value)
    content = content.getvalue()
    return content.replace(b"(3,)", header) if header else content


WHOLE = npz(W=np.arange(300.0))
PACKED = zipped(npy(np.random.default_rng(0).random(300)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive",
        WHOLE[:-30],
        WHOLE[: len(WHOLE) // 2],
        WHOLE[:200] + b"\xff" + WHOLE[201:],
        npy(np.ones(3)),  # an array, and no archive of them
        zipped(b""),
        zipped(b"no array"),
        zipped(npy(np.ones(3))[:-9]),
        zipped(npy(np.ones(3), b"(4,)")),
        zipped(npy(np.ones(3), b"(-3,)")),
        zipped(b"x" * 999).replace(b"\x08\x00", b"\x63\x00"),  # unknown compression
        PACKED[:999] + b"\xff" * 9 + PACKED[1008:],
        npz(W=np.array([{"a": 1}], object)),
    ],
    ids=range(14),
)
def test_what_is_no_whole_npz_file_is_refused(tmp_path, content):
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"no whole npz file: .") as caught:
        files.read_npz(path)
    assert "unsafely" not in str(caught.value)


def test_arrays_that_do_not_fit_into_memory_are_not_called_damaged(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(zipped(npy(np.ones(3), b"(9999999999999999,)")))
    with pytest.raises(MemoryError, match="Unable to allocate"):
        files.read_npz(path)


def test_arrays_are_read_as_they_were_written(tmp_path):
    arrays = {"a": np.arange(6).reshape(2, 3)[:, ::2], "b": np.array("text")}
    files.write_npz(tmp_path / "new" / "a.npz", arrays)
    found = files.read_npz(tmp_path / "new" / "a.npz")
    assert found.keys() == arrays.keys()
    for name, value in arrays.items():
        np.testing.assert_array_equal(found[name], value, strict=True)


def test_a_file_that_cannot_be_opened_is_not_called_damaged(tmp_path):
    with pytest.raises(FileNotFoundError):
        files.read_npz(tmp_path / "a.npz")
    with pytest.raises(OSError, match=r"directory|denied"):
        files.read_npz(tmp_path)


# One process at a time --------------------------------------------------------

HOLD = """
import sys
from helpers.results import files
with files.alone(sys.argv[1], "training in", "wait for it"):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(folder):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    return process


@pytest.mark.parametrize("end", ["well", "killed"])
def test_a_folder_is_held_by_one_process_until_that_ends(tmp_path, end):
    folder = tmp_path / "run"
    process = holder(folder)
    said = re.escape(f"another process is training in {folder}: wait for it")
    with pytest.raises(BlockingIOError, match=said):
        files.alone(folder, "training in", "wait for it").__enter__()
    if end == "killed":
        process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    process.communicate()
    assert (process.returncode == 0) == (end == "well")
    with files.alone(folder, "training in", ""):
        pass
    with files.alone(folder, "training in", ""):
        pass


# What people are told ---------------------------------------------------------


def test_the_way_to_restore_a_file_fits_the_copy_of_the_course(tmp_path, monkeypatch):
    path = helpers.ROOT / "data" / "sunspots.csv"
    assert files.restoring(path) == "restore it with `git checkout data/sunspots.csv`"
    monkeypatch.setattr(files, "ROOT", tmp_path)  # a copy that git knows nothing of
    path = tmp_path / "data" / "sunspots.csv"
    assert files.restoring(path) == (
        "copy data/sunspots.csv from a fresh copy of the course"
    )


def test_a_console_shows_what_it_has_no_character_for(monkeypatch):
    content = io.BytesIO()
    stream = io.TextIOWrapper(content, encoding="cp1252", write_through=True)
    monkeypatch.setattr(sys, "stdout", stream)
    with pytest.raises(UnicodeEncodeError):
        print("\N{GRINNING FACE}")
    console.show_any_text()
    print("naïve \N{GRINNING FACE} \ud800")
    assert content.getvalue().split() == [b"na\xefve", rb"\U0001f600", rb"\ud800"]


def test_in_jupyter_nothing_is_changed(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    console.show_any_text()
    print("\N{GRINNING FACE}")
    assert sys.stdout.getvalue() == "\N{GRINNING FACE}\n"


def test_every_command_begins_with_that():
    found = 0
    for path in (helpers.ROOT / "helpers").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        # One has no package yet; the other speaks to its parent, in ASCII.
        if path.name not in ("environment.py", "worker.py") and "__main__" in text:
            main = [
                node
                for node in ast.parse(text).body
                if isinstance(node, ast.FunctionDef) and node.name == "main"
            ]
            if 'if __name__ == "__main__"' in text:
                assert ast.unparse(main[0].body[1]) == "console.show_any_text()", path
                found += 1
    assert found > 10
