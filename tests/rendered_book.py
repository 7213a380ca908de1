"""The rendered book, that of `make book`, for the tests that look at it."""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup

from helpers import ROOT
from helpers.press import rendering, serving
from helpers.press.rendering import Rendered

# The explorables, and the page on which each stands.
EXPLORABLES = {
    "reber-walker": "book/05_reber.html",
    "train-it": "book/05_reber.html",
    "gradient-horizon": "book/04_bptt.html",
    "unroller": "book/02_elman.html",
    "two-memories": "book/06_embedded_reber.html",
    "cell-gates": "book/06_embedded_reber.html",
    "remember": "book/06_embedded_reber.html",
    "reddit-on-tap": "book/08_language_model.html",
    "three-pasts": "book/09_beyond.html",
}


def contents() -> list[str]:
    """What _toc.yml lists, without suffixes, the first page first."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    files = [entry["file"] for part in toc["parts"] for entry in part["chapters"]]
    return [toc["root"], *files]


def listed() -> list[str]:
    """The addresses of the pages that _toc.yml lists, relative to the book."""
    return [f"{name}.html" for name in contents()]


# Pages that differ in kind: the first, a chapter with explorables, solutions, an
# appendix of tables, one of commands. What is opened in a browser page by page is
# opened there whenever browsers are tested, and on all other pages at night.
OF_EACH_KIND = (
    "book/index.html",
    "book/02_elman.html",
    "book/solutions/03_scan.html",
    "book/engines.html",
    "book/hosting.html",
)


def each(names: Iterable[str], page: Callable[[str], str] = str) -> list:
    """The names as parameters of a test that opens the page of one."""
    night = pytest.mark.nightly
    return [
        pytest.param(name, marks=() if page(name) in OF_EACH_KIND else night)
        for name in names
    ]


# One book for all tests and all workers: the first that asks renders it if need be.
book: Callable[[], Rendered] = functools.cache(rendering.book)


class Unhurried(serving.Quiet):
    """Tells LinkChecker, which waits between its requests otherwise."""

    def end_headers(self):
        self.send_header("LinkChecker", "may ask as often as it likes")
        super().end_headers()


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder at a local address while the block runs."""
    handler = functools.partial(Unhurried, directory=folder)
    with serving.Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@functools.cache
def parsed(path: Path) -> BeautifulSoup:
    """The elements of an HTML file; parsing the longest takes a second."""
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
