"""Compiled code is kept where only the same compilers and processor find it."""

import os

import pooch
import pytensor
import pytest

from helpers.press import caches


@pytest.mark.parametrize("changed", ["version", "processor"])
def test_other_versions_and_processors_have_another_folder(monkeypatch, changed):
    key = caches.key()
    assert caches.key() == key
    if changed == "version":
        new = {"numba": "99.0"}
        old = caches.version
        monkeypatch.setattr(caches, "version", lambda name: new.get(name) or old(name))
    else:
        monkeypatch.setattr(caches.llvm, "get_host_cpu_name", lambda: "abacus")
    assert caches.key() != key


def test_it_lies_in_the_users_cache_folder_and_other_flags_stay(monkeypatch):
    monkeypatch.setenv("PYTENSOR_FLAGS", "optimizer=fast_run")
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    folder = caches.use()
    assert folder.is_relative_to(pooch.os_cache("rnns-unrolled"))
    assert os.environ["NUMBA_CACHE_DIR"] == str(folder / "numba")
    assert os.environ["PYTENSOR_FLAGS"] == (
        f"optimizer=fast_run,base_compiledir={folder / 'pytensor'}"
    )


def test_a_folder_that_the_user_has_named_stays(monkeypatch):
    monkeypatch.setenv("PYTENSOR_FLAGS", "base_compiledir=/mine")
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/ours")
    caches.use()
    assert os.environ["PYTENSOR_FLAGS"] == "base_compiledir=/mine"
    assert os.environ["NUMBA_CACHE_DIR"] == "/ours"


def test_these_tests_use_it():
    named = os.environ["PYTENSOR_FLAGS"].split("base_compiledir=")[1].split(",")[0]
    assert str(pytensor.config.base_compiledir) == named
