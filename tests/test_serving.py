"""The book at a local address: said when it answers, refused where it cannot."""

import gzip
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from rendered_book import served
from test_environment import run_make

from helpers.press import serving

SERVE = [sys.executable, "-m", "helpers.press.serving"]


@pytest.mark.parametrize("text", ["", "abc", "0", "-1", "80.5", "65536", "8_000"])
def test_what_is_no_port_is_refused(text):
    run = subprocess.run([*SERVE, "--", text], capture_output=True, text=True)
    assert run.returncode == 2
    assert f"a number from 1 to 65535; got {text!r}" in run.stderr
    assert run.stdout == ""


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_port_in_use_is_refused(address):
    with socket.create_server((address, 0)) as other:
        number = other.getsockname()[1]
        run = subprocess.run([*SERVE, str(number)], capture_output=True, text=True)
    assert run.returncode == 2
    assert f"port {number} cannot be had" in run.stderr
    assert f"make serve PORT={number + 1}" in run.stderr
    assert "http" not in run.stdout


def test_the_address_is_said_when_it_answers(tmp_path):
    (tmp_path / "index.html").write_text("the book")
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    code = "import sys; from pathlib import Path; from helpers.press import serving;"
    code += " serving.serve(Path(sys.argv[1]), int(sys.argv[2]))"
    command = [sys.executable, "-c", code, tmp_path, str(number)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        said = process.stdout.readline().split()[2]
        assert said == f"http://127.0.0.1:{number}/"
        assert urllib.request.urlopen(said).read() == b"the book"
        process.terminate()


@pytest.mark.parametrize("takes", ["gzip, br", ""])
def test_text_comes_compressed_to_who_takes_that(tmp_path, takes):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/index.html").write_text("the book " * 100)
    (tmp_path / "a.woff").write_bytes(b"a font")
    asked = {"Accept-Encoding": takes}
    with served(tmp_path) as address:
        for name in ("deep/", "deep/index.html", "deep"):
            request = urllib.request.Request(f"{address}/{name}", headers=asked)
            answer = urllib.request.urlopen(request)
            content = answer.read()
            assert answer.headers["Content-Encoding"] == ((takes and "gzip") or None)
            assert answer.headers["Content-Type"] == "text/html"
            assert int(answer.headers["Content-Length"]) == len(content)
            if takes:
                assert len(content) < 100
                content = gzip.decompress(content)
            assert content == b"the book " * 100
        request = urllib.request.Request(f"{address}/a.woff", headers=asked)
        assert urllib.request.urlopen(request).read() == b"a font"
        since = urllib.request.Request(f"{address}/deep/", headers=asked)
        since.add_header("If-Modified-Since", answer.headers["Last-Modified"])
        with pytest.raises(urllib.error.HTTPError, match="304"):
            urllib.request.urlopen(since)
        gone = urllib.request.Request(f"{address}/gone.html", headers=asked)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(gone)


def test_a_file_that_changed_is_compressed_anew(tmp_path):
    page = tmp_path / "page.html"
    with served(tmp_path) as address:
        for text in (b"one", b"two"):
            page.write_bytes(text)
            request = urllib.request.Request(f"{address}/page.html")
            request.add_header("Accept-Encoding", "gzip")
            answer = urllib.request.urlopen(request).read()
            assert gzip.decompress(answer) == text


def test_make_hands_the_port_on():
    for port in ("8000", "abc", ""):
        last = run_make("-n", "serve", f"PORT={port}").stdout.splitlines()[-1]
        assert last.endswith(f'/python -m helpers.press.serving "{port}"')


def test_every_number_of_a_port_is_taken():
    assert [serving.port(text) for text in ("1", "8000", "65535")] == [1, 8000, 65535]
