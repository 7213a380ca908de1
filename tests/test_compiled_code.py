"""Compiled code is kept where only the same compilers and processor find it."""

import json
import os
import signal
import subprocess
import sys
import zlib

import llvmlite.binding as llvm
import platformdirs
import pytensor
import pytest

from helpers import compiled_code


@pytest.mark.parametrize("changed", ["version", "processor"])
def test_other_versions_and_processors_have_another_folder(monkeypatch, changed):
    key = compiled_code.key()
    assert compiled_code.key() == key
    if changed == "version":
        new = {"numba": "99.0"}
        old = compiled_code.version
        monkeypatch.setattr(
            compiled_code, "version", lambda name: new.get(name) or old(name)
        )
    else:
        monkeypatch.setattr(llvm, "get_host_cpu_name", lambda: "abacus")
    assert compiled_code.key() != key


def test_it_lies_in_the_users_cache_folder_and_other_flags_stay(monkeypatch):
    monkeypatch.setenv("PYTENSOR_FLAGS", "optimizer=fast_run")
    for name in ("NUMBA_CACHE_DIR", "RNN_COMPILED"):
        monkeypatch.delenv(name, raising=False)
    compiled_code.use()
    folder = compiled_code.folder()
    assert folder.is_relative_to(platformdirs.user_cache_path("rnns-unrolled"))
    assert os.environ["NUMBA_CACHE_DIR"] == str(folder / "numba")
    assert os.environ["PYTENSOR_FLAGS"] == (
        f"optimizer=fast_run,base_compiledir={folder / 'pytensor'}"
    )


def test_a_folder_that_the_user_has_named_stays(monkeypatch):
    monkeypatch.setenv("PYTENSOR_FLAGS", "base_compiledir=/mine")
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/ours")
    compiled_code.use()
    assert os.environ["PYTENSOR_FLAGS"] == "base_compiledir=/mine"
    assert os.environ["NUMBA_CACHE_DIR"] == "/ours"


def test_nothing_is_kept_where_it_is_off(monkeypatch):
    monkeypatch.setenv("RNN_COMPILED", "off")
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    compiled_code.use()
    assert compiled_code.folder() is None
    assert "NUMBA_CACHE_DIR" not in os.environ


def test_these_tests_use_it():
    named = os.environ["PYTENSOR_FLAGS"].split("base_compiledir=")[1].split(",")[0]
    assert str(pytensor.config.base_compiledir) == named


# What JAX keeps -----------------------------------------------------------------------

PROGRAM = """
import json, os, signal, sys
from helpers import compiled_code
compiled_code.keep_jax()
compiled_code.keep_jax()
import jax
hits = []
jax.monitoring.register_event_listener(
    lambda event, **_: hits.append(event) if event.endswith("/cache_hits") else None)
print(jax.jit(lambda x: (x * 3 + 1).sum())(jax.numpy.arange(5.0)))
print(json.dumps([len(hits), jax.config.jax_compilation_cache_dir]))
if sys.argv[1:]:
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def run(folder, *arguments, **environ):
    """How many functions a process found compiled, and the folder that JAX used."""
    names = ("JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE")
    kept = {key: value for key, value in os.environ.items() if key not in names}
    result = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", PROGRAM, *arguments],
        env=kept | {"RNN_COMPILED": str(folder), "JAX_PLATFORMS": "cpu"} | environ,
        capture_output=True,
        text=True,
    )
    assert result.stderr == ""
    assert result.returncode == (-signal.SIGKILL if arguments else 0)
    value, told = result.stdout.splitlines()
    assert float(value) == 35
    return json.loads(told)


def test_what_jax_compiles_is_found_by_the_next_process(tmp_path):
    if sys.platform == "win32":
        pytest.skip("no SIGKILL")
    hits, own = run(tmp_path, "kill")
    assert hits == 0
    assert os.path.isdir(own)
    hits, _ = run(tmp_path)  # it removes what the killed one has left
    assert hits > 0
    assert not os.path.isdir(own)
    (kept,) = tmp_path.glob("*/jax")
    assert [path.name for path in kept.parent.iterdir()] == ["jax"]
    for path in kept.iterdir():
        path.write_bytes(path.read_bytes()[:-9])  # only what is whole is linked to it
    assert run(tmp_path)[0] == 0


@pytest.mark.parametrize(
    ("folder", "environ"),
    [
        ("off", {}),
        ("/proc/none", {}),  # cannot be written
        ("x", {"JAX_ENABLE_COMPILATION_CACHE": "false"}),
    ],
)
def test_where_nothing_is_kept_jax_compiles_as_before(folder, environ, tmp_path):
    hits, own = run(tmp_path / folder if folder == "x" else folder, **environ)
    assert (hits, own) == (0, None)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_the_user_has_named_for_jax_stays(tmp_path):
    named = str(tmp_path / "mine")
    assert run(tmp_path / "ours", JAX_COMPILATION_CACHE_DIR=named)[1] == named
    assert not (tmp_path / "ours").exists()


@pytest.mark.parametrize("what", ["half", "noise", "nothing"])
def test_a_file_that_is_not_whole_is_not_kept(tmp_path, what):
    own, kept = tmp_path / "own", tmp_path / "kept"
    own.mkdir()
    kept.mkdir()
    whole = zlib.compress(b"code" * 1000)
    parts = {
        "half": whole[:-7],
        "noise": b"\x28\xb5\x2f\xfd" + bytes(9),
        "nothing": b"",
    }
    (own / "a-cache").write_bytes(parts[what])
    (own / "b-cache").write_bytes(whole)
    known = set()
    compiled_code._publish(own, kept, known)
    assert known == {path.name for path in kept.iterdir()} == {"b-cache"}


def test_the_oldest_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(compiled_code, "MOST", 3)
    kept = tmp_path / "jax"
    kept.mkdir()
    for age in range(5):
        path = kept / f"{age}-cache"
        path.write_bytes(b"")
        os.utime(path, (1000 - age, 1000 - age))
    own = compiled_code._own_folder(kept)
    for folder in (own, kept):
        assert sorted(os.listdir(folder)) == ["0-cache", "1-cache", "2-cache"]
