"""The comments that the language model learns from, and how they become plain text.

`load` gives the comments that ship with the course, two real collections by name, or a
file of your own. The real ones are fetched only when asked for, and each file is
checked against its published sha256 every time it is read.

- "comments": written for this course, in data/comments.csv; who wrote it and its
  licence: data/README.md.
- "goemotions": 54,263 comments from reddit, with names masked, CC BY 4.0 (Demszky et
  al. 2020, ACL). 4.4 MB.
- "classic": the 15,000 comments of August 2015 that the well-known tutorial on this
  model uses (Britz 2015). 7.6 MB. The texts belong to those who wrote them.
"""

import codecs
import csv
import hashlib
import html
import io
import os
import re
import unicodedata
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from helpers import ROOT, arguments
from helpers.results.files import restoring

with warnings.catch_warnings():
    # In a notebook its progress bar says at once that it misses a package.
    warnings.filterwarnings("ignore", "IProgress not found")
    import pooch

COMMENTS = ROOT / "data" / "comments.csv"
CACHE = pooch.os_cache("rnns-unrolled")
TIMEOUT = 30  # seconds without a byte after which a download has failed
RETRIES = 3  # further attempts of a download that has failed
COLUMNS = ("comment", "body")  # where a csv file holds its text
# What the errors of the csv module call for, by words in them.
QUOTING = {
    "field limit": "; shorten that comment, or close the double quote that opens it",
    "unexpected end": "; a double quote is opened and never closed",
    "expected after": "; a double quote within a quoted comment must be doubled",
}
DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}  # which are not commas
GONE = re.compile(r"\[\s*(?:deleted|removed)(?: by [\w ]+)?\s*\]", re.IGNORECASE)
NUMBER = re.compile(r"\s*[-+]?\d[-+\d.,:/eE\s]*")
ENCODINGS = {  # by how a file begins
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class Source(NamedTuple):
    """Published files: where they lie, and the sha256 of each, in reading order."""

    address: str
    sha256: dict[str, str]


SOURCES = {
    "goemotions": Source(
        "https://raw.githubusercontent.com/google-research/google-research/"
        "4c4299485319ed72ef782020c81784be5468924e/goemotions/data/",
        {
            "train.tsv": (
                "1c254a142be5c00e80d819b9ae1bbd36d94b2eeb8f4b1271846508d57e57d9c5"
            ),
            "dev.tsv": (
                "575489c079c9de1097062a01738f998590d6b7ead66dd1c9fd1d2ba01fd8bc62"
            ),
            "test.tsv": (
                "0587b2dd8b27b97352adbfc3fb083d46005c8946657fdc2b1ca8b1cc7f1f8be4"
            ),
        },
    ),
    "classic": Source(
        "https://raw.githubusercontent.com/dennybritz/rnn-tutorial-rnnlm/"
        "344d8ffbe2230335c44138ecbd4cd93c7e993aa0/data/",
        {
            "reddit-comments-2015-08.csv": (
                "0bfd7e4252d802f707eb33e7016e4bf93c95c4c00ad1fafa1472d144ad75c107"
            ),
        },
    ),
}


def load(name: str | Path = "comments", fetch: bool = False) -> list[str]:
    """The comments of a corpus, cleaned (see `clean`), those without text left out.

    "[deleted]" and "[removed]", which stand for a comment that is gone, are no text.

    `name` is "comments", "goemotions" or "classic" (see above); or the path of a file
    of your own, .txt with a comment a line or .csv: fields between commas, a header,
    and a column "comment" or "body"; an only column may also be called "text". Both are
    UTF-8.

    With `fetch` a file of "goemotions" or "classic" that is not on this computer may be
    downloaded, into the cache of your system; without it nothing is. Looked for are the
    folder that the environment variable RNN_DATA_DIR names, its subfolder of that name,
    and the cache.

    Raises FileNotFoundError if there is no such file here, ValueError if a file holds
    something else than it should, here or where it was downloaded from, and
    ConnectionError if a download fails, for whatever reason. A download that fails or
    is damaged leaves the files as they were.
    """
    paths, remedy = _files(name, fetch)
    found = [text for path in paths for text in map(clean, _read(path, remedy)) if text]
    comments = [text for text in found if not GONE.fullmatch(text)]
    if not comments:
        what = f", only placeholders such as {found[0]!r}" if found else ""
        raise ValueError(f"{paths[0]} holds no comment{what}; {remedy}")
    return comments


def raw(name: str, fetch: bool = False) -> list[str]:
    """The comments of a published corpus as they stand in its files, none left out.

    Arguments and errors as in `load`, of "goemotions" and "classic" alone.
    """
    if name not in SOURCES:
        known = ", ".join(map(repr, SOURCES))
        raise ValueError(f"name must be one of {known}; got {name!r}")
    paths, remedy = _files(name, fetch)
    return [comment for path in paths for comment in _read(path, remedy)]


def _files(name: str | Path, fetch: bool) -> tuple[list[Path], str]:
    """Where a corpus lies, and what to do where it is damaged."""
    if name in SOURCES:
        again = f"corpus.load({name!r}, fetch=True)"
        paths = [
            find(name, file, SOURCES[name], again, fetch)
            for file in SOURCES[name].sha256
        ]
        return paths, "delete it and load it again"
    if name == "comments":
        return [COMMENTS], restoring(COMMENTS)
    if Path(name).suffix.lower() in (".csv", ".txt"):
        return [Path(name)], "correct the file"
    raise ValueError(
        f"name must be 'comments', {', '.join(map(repr, SOURCES))} or the path of a "
        f".csv or .txt file; got {str(name)!r}"
    )


class Split(NamedTuple):
    """Comments to learn from, to choose by, and to report on."""

    train: list[str]
    validation: list[str]
    test: list[str]


def split(comments: list[str], seed: int = 0) -> Split:
    """The comments shuffled, 5% for validation, 5% for the test, the rest to train.

    By comment, not by sentence: the sentences of one comment speak of the same things,
    so a test on its neighbours would be too easy. Raises ValueError for fewer than 20
    comments, which leave a part empty.
    """
    if isinstance(comments, str):
        raise arguments.wrong("comments", "a list of comments", comments)
    arguments.integer("seed", seed, 0)
    if len(comments) < 20:
        raise ValueError(f"comments must be at least 20 to split; got {len(comments)}")
    order = np.random.default_rng(seed).permutation(len(comments))
    shuffled = [comments[i] for i in order]
    held = len(comments) // 20
    cut = len(comments) - 2 * held
    return Split(shuffled[:cut], shuffled[cut : cut + held], shuffled[cut + held :])


# Cleaning --------------------------------------------------------------------

ADDRESS = r"(?:https?://|www\.)"
# What is written for a browser, and what of it a reader sees, in this order. Each
# pattern stops at the next mark of its kind, so that no comment takes long.
STARS = (r"(?<![\w\\*])(\*{1,3})(?=\S)([^*\n]+)(?<=[^\s\\])\1(?![\w*])", r"\2")
MARKUP = [
    # [text](address "title"), also of an image
    (
        rf"!?\[((?:[^\[\]\n]|\[[^\[\]\n]*\])*)\]\((?:{ADDRESS}|mailto:|[/#])"
        r"(?:[^()\s]|\([^()\s]*\))*(?: \"[^\"\n]*\")?\)",
        r"\1",
    ),
    # an address, but not the full stop or bracket after it
    (rf"<?{ADDRESS}\S*[^\s.,;:!?)\]}}>*'\"]>?", ""),
    # a line across the page
    (r"(?m)^[ \t]*([-*_])(?:[ \t]*\1){2,}[ \t]*$", ""),
    # at the start of a line: > quotes (but not the face >:), # headings, - items
    (r"(?m)^[ \t]*(?:>(?![:;_.])[> \t]*)?(?:#+[ \t]+|[-*+][ \t]+)?", ""),
    (r"```|`([^`\n]+)`", r"\1"),
    STARS,  # *one*, **two**, ***three***
    STARS,  # *one* within **two**
    (r"~~(?=\S)([^~\n]+)(?<=\S)~~", r"\1"),
    (r"(?<![^\s(\"'])(__?)(?=\S)([^_\n]+)(?<=\S)\1(?![^\s)\"'.,;:!?])", r"\2"),
    (r"(?<!\S)\^+(?=[^\W_])", ""),  # ^small
    (r"\\([\\`*_~^#>()\[\]{}.!+-])", r"\1"),  # \* is a star
    ("[‘’]", "'"),
    ("[“”]", '"'),
    # GoEmotions hides who and which religion: one word each (Vocabulary.decode knows)
    (r"\[(NAME|RELIGION)\]", r"_\1_"),
]
MARKUP = [(re.compile(pattern, re.IGNORECASE), seen) for pattern, seen in MARKUP]


def clean(comment: str) -> str:
    """A comment as plain text on one line.

    HTML entities and the markup of reddit become what a reader would see, addresses are
    taken out, typographic quotes become those of the keyboard, and the masks of
    GoEmotions one word each: [NAME] becomes _NAME_. Characters that control a terminal
    or the direction of writing are dropped, and any run of white space is one space.
    """
    # twice: reddit takes entities, and its own data come with each "&" as "&amp;"
    comment = html.unescape(html.unescape(comment)).replace("\r\n", "\n")
    comment = "".join(c for c in comment if c.isspace() or not _controls(c))
    for pattern, seen in MARKUP:
        comment = pattern.sub(seen, comment)
    return " ".join(comment.split())


def _controls(character: str) -> bool:
    """Whether a character is a control (Cc), a format (Cf) or half a pair (Cs)."""
    return unicodedata.category(character) in ("Cc", "Cf", "Cs")


# Reading ---------------------------------------------------------------------


def _read(path: Path, remedy: str) -> list[str]:
    """The raw comments of a file, by its ending. `remedy` closes each error."""
    try:
        text = _text(path)
    except FileNotFoundError:
        if path != COMMENTS:
            remedy = "give the path of one that exists"
        raise FileNotFoundError(f"there is no file {path}; {remedy}") from None
    except ValueError as error:
        raise ValueError(f"{path} is not UTF-8: {error}; {remedy}") from None
    kind = path.suffix.lower()
    if kind == ".txt":
        return re.split(r"\r\n|\r|\n", text)
    try:
        if kind == ".tsv":
            return [row[0] for row in _rows(text, "\t")]
        _check_delimiter(text)
        rows = _rows(text, ",")
        column = _column(next(rows, []))
        comments = [row[column] for row in rows]
        if comments and all(map(NUMBER.fullmatch, comments)):
            raise ValueError(f"its column of comments holds numbers: {comments[0]!r}")
        return comments
    except (csv.Error, ValueError) as error:
        raise ValueError(f"{path} is no table of comments: {error}; {remedy}") from None


def _text(path: Path) -> str:
    """The text of a file in UTF-8. Raises ValueError with the way to convert others."""
    content = path.read_bytes()
    encoding = next((e for b, e in ENCODINGS.items() if content.startswith(b)), None)
    if encoding is None and b"\0" in content:
        # In UTF-16 every second byte of Latin letters is 0.
        zeros = content[1::2].count(0), content[::2].count(0)
        encoding = f"utf-16-{'lb'[zeros[0] < zeros[1]]}e"
        if max(zeros) < len(content) / 4 or min(zeros) > len(content) / 8:
            raise ValueError("it holds NUL bytes, as text in UTF-8 never does")
    what = f"it seems to be {encoding}"
    if encoding is None:
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            what = str(error)
        # Text has no control characters but white space and escape.
        if re.search(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f]", content):
            raise ValueError(f"{what}, and no text in another encoding")
        encoding, what = "cp1252", f"{what}; maybe it is cp1252, of Windows"
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(f"{what}, but that is not so either ({error})") from None
    here = path.as_posix()
    there = path.with_stem(f"{path.stem}-utf-8").as_posix()
    raise ValueError(
        f"{what}, and `python -c \"open({there!r}, 'w', encoding='utf-8').write("
        f'open({here!r}, encoding={encoding!r}).read())"` writes a copy in UTF-8'
    )


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    """The rows of a table, empty ones left out.

    Raises ValueError, with the reason as far as it shows, where their lengths differ or
    the quotes are wrong.
    """
    form = {"strict": True, "delimiter": delimiter}
    reader = csv.reader(io.StringIO(text, newline=""), **form)
    width, line = None, 1
    try:
        for row in filter(None, reader):
            width = width or len(row)
            if len(row) != width:
                raise ValueError(
                    f"line {reader.line_num} has {len(row)} fields and the first "
                    f"{width}{_why(row, width, delimiter)}"
                )
            yield row
            line = reader.line_num + 1
    except csv.Error as error:
        why = next((w for e, w in QUOTING.items() if e in str(error)), "")
        raise ValueError(f"the row from line {line} on: {error}{why}") from None


def _why(row: list[str], width: int, delimiter: str) -> str:
    """Why a row may have another number of fields than the first, if it shows."""
    if any(re.match(r'\s+"', field) for field in row):
        return " (no space may stand before the double quote that opens a comment)"
    if len(row) > width and delimiter == ",":
        return " (a comment that holds a comma must stand in double quotes)"
    return ""


def _check_delimiter(text: str) -> None:
    """Raise ValueError if the header is one of another delimiter than commas."""
    first = re.split(r"[\r\n]", text, maxsplit=1)[0].lower()
    for mark, name in DELIMITERS.items():
        fields = {field.strip(' "') for field in first.split(mark)}
        if mark in first and fields & {*COLUMNS, "text", "sep="}:
            raise ValueError(f"its fields stand between {name}, not between commas")


def _column(header: list[str]) -> int:
    """Which column of a csv file holds the comments."""
    titles = [title.strip().lower() for title in header]
    named = [i for i, title in enumerate(titles) if title in COLUMNS]
    if titles == ["text"]:
        named = [0]
    if len(named) != 1:
        only = "only one" if named else "a"
        raise ValueError(
            f"its header must name {only} column {' or '.join(COLUMNS)}; got {header}"
        )
    return named[0]


# Finding and fetching --------------------------------------------------------


def find(name: str, file: str, source: Source, again: str, fetch: bool = False) -> Path:
    """Where a published file lies on this computer, checked; fetched if it may be.

    `name` is the folder that it has in the cache and may have in RNN_DATA_DIR, and
    `again` what the reader writes to fetch it. Errors as in `load`.
    """
    given = os.environ.get("RNN_DATA_DIR")
    folders = [Path(given), Path(given) / name] if given else []
    for path in (folder / file for folder in folders):
        if path.is_file():
            if _sha256(path) != source.sha256[file]:
                raise ValueError(
                    f"{path} is damaged or another version: its sha256 is not "
                    f"{source.sha256[file]}; take it out of the folder that "
                    f"RNN_DATA_DIR names, or put a good one from {source.address} there"
                )
            return path
    path = Path(CACHE) / name / file
    if fetch:
        _fetch(source, file, path.parent)
    elif not path.is_file():
        raise FileNotFoundError(
            f"{file} of {name!r} is not on this computer: {again} downloads it, or "
            f"name the folder that holds it in RNN_DATA_DIR (got {given!r})"
        )
    elif _sha256(path) != source.sha256[file]:
        raise ValueError(
            f"{path} is damaged: its sha256 is not {source.sha256[file]}; "
            f"{again} downloads it again"
        )
    return path


def _fetch(source: Source, file: str, folder: Path) -> None:
    """Download a file into `folder`, unless a good one is there.

    pooch checks the sha256 of what came before it replaces anything.
    """
    store = pooch.create(
        path=folder,
        base_url=source.address,
        registry=source.sha256,
        retry_if_failed=RETRIES,
    )
    bar = pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT)
    remedy = (
        "nothing was changed here; try again, or put the file into a folder and name "
        "that in RNN_DATA_DIR"
    )
    try:
        store.fetch(file, downloader=bar)
    except OSError as error:  # those of the network are, and so is a full disk
        raise ConnectionError(
            f"{source.address}{file} cannot be downloaded ({error}); {remedy}"
        ) from None
    except ValueError:
        raise ValueError(
            f"{source.address}{file} is not the published file (another sha256): the "
            f"download was damaged or the file has changed there; {remedy}"
        ) from None


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
