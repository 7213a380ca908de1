"""The book is rendered when a source has changed, and not otherwise."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from helpers import ROOT
from helpers.press import rendering
from helpers.press.rendering import Rendered


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of two pages; `course.rendered` counts how often they were rendered."""
    for name in rendering.SOURCES:
        if "." in name:
            (tmp_path / name).touch()
        else:
            (tmp_path / name).mkdir()
    for name in ("index.md", "01_one.ipynb"):
        (tmp_path / "book" / name).touch()
    monkeypatch.setattr(rendering, "render", Fake())
    return tmp_path


class Fake:
    """Renders by writing empty pages, and says that it has or has not warned."""

    def __init__(self):
        self.times, self.status = 0, 0

    def __call__(self, source, output):
        self.times += 1
        html = output / "_build/html"
        for path in (source / "book").iterdir():
            page = html / "book" / path.with_suffix(".html").name
            page.parent.mkdir(parents=True, exist_ok=True)
            page.touch()
        (html / "index.html").touch()
        return Rendered(html, self.status, f"rendered {self.times} times")


def later(path):
    """Let a file be changed after all that there is."""
    path.touch()
    newest = max(p.stat().st_mtime_ns for p in path.parents[1].rglob("*"))
    os.utime(path, ns=(newest + 1, newest + 1))


def test_it_is_rendered_once_until_a_source_changes(course):
    first = rendering.book(course)
    assert (first.status, first.log) == (0, "rendered 1 times")
    assert rendering.book(course) == first
    for source in (course / "book/index.md", course / "helpers/new.py"):
        later(source)
        before = rendering.render.times
        assert rendering.book(course).log == f"rendered {before + 1} times"
        assert rendering.book(course).log == f"rendered {before + 1} times"


def test_what_no_page_shows_renders_nothing(course):
    first = rendering.book(course)
    for name in ("data/.partial", "helpers/__pycache__", "tests"):
        (course / name).mkdir()
        later(course / name / "file")
    assert rendering.book(course) == first


def test_a_book_that_warned_is_rendered_from_the_beginning_until_it_does_not(course):
    (course / "_build/.doctrees").mkdir(parents=True)
    rendering.render.status = 1
    for _ in range(2):
        assert rendering.book(course).status == 1
        assert not (course / "_build/.doctrees").exists()
        assert not (course / "_build/html/index.html").exists()
    assert rendering.render.times == 2
    rendering.render.status = 0
    assert rendering.book(course).status == 0
    assert rendering.book(course).log == "rendered 3 times"


def test_a_page_without_a_source_goes(course):
    html = rendering.book(course).html
    (course / "book/01_one.ipynb").unlink()
    assert rendering.book(course).log == "rendered 2 times"
    assert [path.name for path in (html / "book").iterdir()] == ["index.html"]


def test_workers_that_ask_at_once_share_one(course):
    with ThreadPoolExecutor(4) as workers:
        made = set(workers.map(rendering.book, [course] * 4))
    assert {book.log for book in made} == {"rendered 1 times"}


def test_the_command_shows_what_was_wrong_and_fails(monkeypatch, capsys):
    broken = Rendered(ROOT, 1, "WARNING: an anchor is missing")
    monkeypatch.setattr(rendering, "book", lambda: broken)
    assert rendering.main() == 1
    assert "an anchor is missing" in capsys.readouterr().err
