"""The rendered book, that of `make book`, for the tests that look at it."""

import contextlib
import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import yaml

from helpers import ROOT
from helpers.press import rendering
from helpers.press.rendering import Rendered

VOID = {"br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}

# The explorables, and the page on which each stands.
EXPLORABLES = {
    "reber-walker": "book/05_reber.html",
    "gradient-horizon": "book/04_bptt.html",
    "unroller": "book/02_elman.html",
    "two-memories": "book/06_embedded_reber.html",
    "reddit-on-tap": "book/08_language_model.html",
}


def contents() -> list[str]:
    """What _toc.yml lists, without suffixes, the first page first."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    files = [entry["file"] for part in toc["parts"] for entry in part["chapters"]]
    return [toc["root"], *files]


def listed() -> list[str]:
    """The addresses of the pages that _toc.yml lists, relative to the book."""
    return [f"{name}.html" for name in contents()]


# One book for all tests and all workers: the first that asks renders it if need be.
book: Callable[[], Rendered] = functools.cache(rendering.book)


@functools.cache
def pages() -> tuple[str, ...]:
    """The addresses of the pages that have a source, relative to the book."""
    html = book().html
    found = sorted(html.glob("book/**/*.html"))
    assert found, f"no page was built:\n{book().log}"
    return tuple(path.relative_to(html).as_posix() for path in found)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and logs nothing."""

    def log_message(self, *arguments):
        pass

    def end_headers(self):
        # Where a server does not say so, LinkChecker waits between its requests.
        self.send_header("LinkChecker", "may ask as often as it likes")
        super().end_headers()


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder at a local address while the block runs."""
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@dataclass(eq=False)
class Element:
    """An element of a page: tag, attributes, and the elements around it."""

    tag: str
    attributes: dict[str, str | None]
    around: tuple["Element", ...] = field(repr=False)
    # Where it begins and ends among all elements, and among all texts, of its page.
    page: "Page" = field(repr=False)
    first: tuple[int, int] = field(repr=False)
    last: tuple[int, int] | None = field(default=None, repr=False)

    @property
    def inside(self) -> list["Element"]:
        """The elements in it, in order."""
        end = self.last and self.last[0]
        return self.page.elements[self.first[0] + 1 : end]

    @property
    def text(self) -> str:
        """Its text and that of the elements in it."""
        end = self.last and self.last[1]
        return "".join(self.page.texts[self.first[1] : end])

    def has_class(self, name: str) -> bool:
        return name in (self.attributes.get("class") or "").split()


class Page(HTMLParser):
    """All elements of a page, in order."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.texts: list[str] = []
        self.open: list[Element] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        place = len(self.elements), len(self.texts)
        element = Element(tag, dict(attrs), tuple(self.open), self, place)
        self.elements.append(element)
        if tag in VOID:
            element.last = len(self.elements), len(self.texts)
        else:
            self.open.append(element)

    def handle_endtag(self, tag):
        while any(element.tag == tag for element in self.open):
            ended = self.open.pop()
            ended.last = len(self.elements), len(self.texts)
            if ended.tag == tag:
                return

    def handle_data(self, data):
        self.texts.append(data)

    def find(self, tag: str) -> list[Element]:
        """The elements with a tag."""
        return [element for element in self.elements if element.tag == tag]
