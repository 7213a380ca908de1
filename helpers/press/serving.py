"""Show the book at a local address, until Ctrl-C.

python -m helpers.press.serving 8000 is what `make serve PORT=8000` does.
"""

import argparse
import contextlib
import functools
import gzip
import io
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from helpers import ROOT
from helpers.results import console

TEXT = (".html", ".css", ".js", ".svg", ".json", ".txt", ".ipynb", ".md", ".bib")


@functools.lru_cache(maxsize=256)
def compressed(path: Path, changed: int) -> bytes:
    """The content of a file, by gzip; `changed` is when it last was, in ns."""
    return gzip.compress(path.read_bytes(), mtime=0)


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, text compressed as servers on the web do, and logs nothing."""

    def log_message(self, *arguments):
        """Say nothing of a request."""

    def send_head(self):
        """Answer all but the content, which is returned as a file to be read."""
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if self.path.endswith("/") else path
        taken = self.headers.get("Accept-Encoding", "")
        asked_before = "If-Modified-Since" in self.headers
        if asked_before or "gzip" not in taken or path.suffix not in TEXT:
            return super().send_head()
        try:
            status = path.stat()
            content = compressed(path, status.st_mtime_ns)
        except OSError:
            return super().send_head()  # which says what is wrong
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Last-Modified", self.date_time_string(status.st_mtime))
        self.send_header("Vary", "Accept-Encoding")
        self.end_headers()
        return io.BytesIO(content)


class Server(ThreadingHTTPServer):
    """A server that a browser may leave before it has everything."""

    def handle_error(self, request, client_address):
        """Say what went wrong, unless the other end has gone."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def port(text: str) -> int:
    """The number of a port; raises argparse.ArgumentTypeError for anything else."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError(
            f"the port must be a number from 1 to 65535; got {text!r}"
        )
    return int(text)


def serve(folder: Path, number: int) -> None:
    """Serve a folder on a port of this computer, and say where once it answers.

    Ends by KeyboardInterrupt. Raises OSError for a port that cannot be had.
    """
    handler = functools.partial(Quiet, directory=folder)
    with Server(("127.0.0.1", number), handler) as server:
        # Not "localhost": that may be another server's at an address of IPv6.
        print(f"The book: http://127.0.0.1:{number}/ (Ctrl-C ends it)", flush=True)
        server.serve_forever()


def main() -> int:
    """The command line; returns the exit code."""
    console.show_any_text()
    parser = argparse.ArgumentParser(
        prog="make serve", usage="make serve [PORT=8000]", description="Show the book."
    )
    parser.add_argument("port", type=port, metavar="PORT")
    number = parser.parse_args().port
    try:
        with contextlib.suppress(KeyboardInterrupt):
            serve(ROOT / "_build/html", number)
    except OSError as error:
        parser.error(
            f"port {number} cannot be had ({error.strerror}). Name another one:"
            f" make serve PORT={number % 65535 + 1}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
