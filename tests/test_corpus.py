"""Corpora: found, fetched from a server of bad manners, cleaned and split."""

import codecs
import csv
import hashlib
import re
import subprocess
import sys
import threading
import unicodedata
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.tasks import corpus

PARTS = {
    "train.tsv": 'I like it.\t1\tx1\n"With a\ttab"\t2\tx2\n',
    "dev.tsv": "[NAME] said &quot;no&quot;\t3\tx3\n",
    "test.tsv": "Äh, nein\t4\tx4\n",
}
COMMENTS = ["I like it.", "With a tab", '_NAME_ said "no"', "Äh, nein"]
CLASSIC = 'body\n"One, two\n\n&gt;three"\nfour\n'
FILES = {name: content.encode() for name, content in PARTS.items()} | {
    "reddit-comments-2015-08.csv": CLASSIC.encode()
}


def damaged(content):
    """Bytes of the same length, one of them changed."""
    return bytes([content[0] ^ 1]) + content[1:]


# A server that behaves as told -----------------------------------------------


@pytest.fixture
def server(monkeypatch):
    """`answers` says how it behaves from request to request; `asked` what it got."""
    released = threading.Event()
    state = SimpleNamespace(answers=repeat("well"), asked=[])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.strip("/")
            state.asked.append(name)
            answer = next(state.answers)
            if answer == "missing":
                self.send_error(404)
                return
            content = FILES[name]
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if answer == "corrupt":
                self.wfile.write(damaged(content))
            elif answer in ("short", "stall"):
                self.wfile.write(content[: len(content) // 2])
                self.wfile.flush()
                if answer == "stall":
                    released.wait(60)
            else:
                self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    state.address = f"http://127.0.0.1:{server.server_port}/"
    # whatever proxy this computer has, it is not asked
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield state
    released.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def course(server, tmp_path, monkeypatch):
    """A course whose corpora are those of the server, with an empty cache."""
    sources = {
        name: corpus.Source(
            server.address,
            {file: hashlib.sha256(FILES[file]).hexdigest() for file in source.sha256},
        )
        for name, source in corpus.SOURCES.items()
    }
    monkeypatch.setattr(corpus, "SOURCES", sources)
    monkeypatch.setattr(corpus, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(corpus, "TIMEOUT", 0.5)
    monkeypatch.setattr(corpus, "RETRIES", 0)
    monkeypatch.delenv("RNN_DATA_DIR", raising=False)
    return SimpleNamespace(server=server, cache=tmp_path / "cache", tmp=tmp_path)


def put(folder, change=None):
    """The files in a folder, `change` made to the bytes of each."""
    folder.mkdir(parents=True)
    for name, content in FILES.items():
        (folder / name).write_bytes(change(content) if change else content)


# Fetching --------------------------------------------------------------------


@pytest.mark.parametrize("name", corpus.SOURCES)
def test_what_is_fetched_is_that_of_a_commit(name):
    commit = corpus.SOURCES[name].address.split("/")[5]
    assert re.fullmatch("[0-9a-f]{40}", commit)


def test_nothing_is_fetched_unasked(course):
    with pytest.raises(FileNotFoundError) as caught:
        corpus.load("goemotions")
    message = str(caught.value)
    assert "train.tsv" in message
    assert "corpus.load('goemotions', fetch=True)" in message
    assert "RNN_DATA_DIR" in message
    assert course.server.asked == []
    assert not course.cache.exists()


def test_fetched_once_and_then_found(course, capsys):
    assert corpus.load("goemotions", fetch=True) == COMMENTS
    assert course.server.asked == list(PARTS)
    said = capsys.readouterr()
    assert "100%" in said.err  # the bar
    assert said.out == ""
    assert corpus.load("goemotions", fetch=True) == COMMENTS
    assert corpus.load("goemotions") == COMMENTS
    assert course.server.asked == list(PARTS)


def test_the_classic_comments(course):
    assert corpus.load("classic", fetch=True) == ["One, two three", "four"]


@pytest.mark.parametrize("folder", [".", "goemotions"])
def test_found_in_the_folder_that_is_named(course, monkeypatch, folder):
    put(course.tmp / "data" / folder)
    monkeypatch.setenv("RNN_DATA_DIR", str(course.tmp / "data"))
    assert corpus.load("goemotions") == COMMENTS
    assert course.server.asked == []


def test_a_folder_without_the_files_is_passed_over(course, monkeypatch):
    put(course.cache / "goemotions")
    monkeypatch.setenv("RNN_DATA_DIR", str(course.tmp / "nowhere"))
    assert corpus.load("goemotions") == COMMENTS


FAILURES = [
    ("missing", ConnectionError, "404"),
    ("short", ConnectionError, "cannot be downloaded"),
    ("stall", ConnectionError, "timed out"),
    ("corrupt", ValueError, "not the published file"),
]


@pytest.mark.parametrize(("answer", "kind", "message"), FAILURES)
def test_a_failed_download_says_what_to_do(course, answer, kind, message):
    course.server.answers = chain(["well"], repeat(answer))
    with pytest.raises(kind, match=message) as caught:
        corpus.load("goemotions", fetch=True)
    assert f"{course.server.address}dev.tsv" in str(caught.value)
    assert "try again" in str(caught.value)
    # what came whole is kept, of what did not nothing
    left = [path.name for path in course.cache.rglob("*") if path.is_file()]
    assert left == ["train.tsv"]


@pytest.mark.parametrize(("answer", "kind", "message"), FAILURES)
def test_a_failed_download_replaces_nothing(course, answer, kind, message):
    folder = course.cache / "goemotions"
    put(folder, lambda content: b"an older version")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    course.server.answers = repeat(answer)
    with pytest.raises(kind, match=message):
        corpus.load("goemotions", fetch=True)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_good_file_is_not_fetched_again(course):
    put(course.cache / "goemotions")
    course.server.answers = repeat("corrupt")
    assert corpus.load("goemotions", fetch=True) == COMMENTS
    assert course.server.asked == []


def test_a_failed_download_is_tried_again(course, monkeypatch):
    monkeypatch.setattr(corpus, "RETRIES", 3)
    waits = []
    monkeypatch.setattr("pooch.core.time.sleep", waits.append)
    course.server.answers = chain(["short", "corrupt", "missing"], repeat("well"))
    assert corpus.load("goemotions", fetch=True) == COMMENTS
    assert len(waits) == 3


def test_without_a_network(course, monkeypatch):
    source = corpus.SOURCES["goemotions"]._replace(address="http://127.0.0.1:9/")
    monkeypatch.setitem(corpus.SOURCES, "goemotions", source)
    with pytest.raises(ConnectionError, match=r"train\.tsv cannot be downloaded"):
        corpus.load("goemotions", fetch=True)


CHANGES = [damaged, lambda content: content[:9], lambda content: b""]


@pytest.mark.parametrize("change", CHANGES)
def test_a_damaged_file_in_the_cache_is_refused_and_can_be_renewed(course, change):
    put(course.cache / "goemotions", change)
    with pytest.raises(ValueError, match=r"train\.tsv is damaged.*fetch=True"):
        corpus.load("goemotions")
    assert corpus.load("goemotions", fetch=True) == COMMENTS


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("fetch", [False, True])
def test_a_damaged_file_of_the_reader_is_refused(course, monkeypatch, change, fetch):
    put(course.tmp / "data", change)
    monkeypatch.setenv("RNN_DATA_DIR", str(course.tmp / "data"))
    with pytest.raises(ValueError, match=r"train\.tsv is damaged.*take it out"):
        corpus.load("goemotions", fetch=fetch)
    assert course.server.asked == []
    assert (course.tmp / "data/train.tsv").read_bytes() == change(FILES["train.tsv"])


def test_the_published_files_where_they_are_at_hand():
    try:
        comments = corpus.load("goemotions")
    except FileNotFoundError as error:
        pytest.skip(str(error))
    assert len(comments) == 54_263
    assert comments[0].startswith("My favourite food is anything")  # of train.tsv
    assert sum("_NAME_" in comment for comment in comments) > 5_000
    assert not any("[NAME]" in comment for comment in comments)


# Files of one's own ----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", "One.\n\n Two &amp; three\r\nfour", ["One.", "Two & three", "four"]),
        ("a.TXT", "\ufeffone", ["one"]),
        ("a.csv", "comment\none\n\n\"two, 'three'\"\n", ["one", "two, 'three'"]),
        ("a.csv", 'id,Body\n1,one\n2,"a ""quote"""\n', ["one", 'a "quote"']),
        ("a.csv", "text\r\none\r\n", ["one"]),
        ("a.csv", "\ufeffcomment,topic\none,x\n", ["one"]),
        ("a.csv", "comment,id\r\rone,1\rtwo,2", ["one", "two"]),
        ("a.csv", "id, comment\n1, one; two\n", ["one; two"]),
        ("a.csv", "body\none; two | three\tfour\n", ["one; two | three four"]),
        ("a.csv", "comment\n7\nseven\n\U0001f600\n", ["7", "seven", "\U0001f600"]),
        ("a.txt", "one\rtwo\r\nthree\x1b", ["one", "two", "three"]),
        ("a.txt", "x" * 200_000, ["x" * 200_000]),
    ],
)
@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_a_file_of_ones_own(tmp_path, name, content, expected, kind):
    (tmp_path / name).write_bytes(content.encode())
    assert corpus.load(kind(tmp_path / name)) == expected


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"", "holds no comment"),
        ("a.txt", b" \n\n", "holds no comment"),
        ("a.txt", b"https://example.org", "holds no comment"),
        ("a.txt", "é".encode("latin-1"), "not UTF-8"),
        ("a.csv", b"", "header must name a column"),
        ("a.csv", b"comment\n", "holds no comment"),
        ("a.csv", b"id,text\n1,one\n", "column comment or body; got .'id', 'text'"),
        ("a.csv", b'comment\n"cut in the mid', "unexpected end of data"),
        ("a.csv", b"comment\none, two\n", "line 2 has 2 fields and the first 1"),
        ("a.csv", b"comment\n" + b"x" * 200_000, "field larger than field limit"),
        ("a.csv", b"\x89PNG\r\n\x1a\n\xff", "not UTF-8"),
    ],
)
def test_a_bad_file_of_ones_own(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        corpus.load(path)
    assert str(path) in str(caught.value)
    assert "correct the file" in str(caught.value)


@pytest.mark.parametrize(
    "gone", ["[deleted]", "[removed]", "[ Removed by Reddit ]", "[Deleted by user]"]
)
def test_what_stands_for_a_comment_that_is_gone_is_none(tmp_path, gone):
    said = [gone, "one", f"he wrote {gone}", "[deleted] scene", "[removable]"]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["body", *said]), encoding="utf-8")
    assert corpus.load(path) == said[1:]
    path.write_text(f"body\n{gone}\n{gone}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"no comment, only placeholders such as '\["):
        corpus.load(path)
    path = path.with_suffix(".txt")
    path.write_text(f"one\n{gone}\n", encoding="utf-8")
    assert corpus.load(path) == ["one"]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("id;body\n1;nice day today\n", "semicolons"),
        ("id;body\n1;nice day, today\n", "semicolons"),
        ('"id";"Body"\r\n"1";"nice"\r\n', "semicolons"),
        ("comment;\nnice;\n", "semicolons"),
        ("\ufeffid; comment\n1; nice\n", "semicolons"),
        ("sep=;\nid;body\n1;nice\n", "semicolons"),
        ("id;text\n1;nice\n", "semicolons"),
        ("id\tcomment\n1\tnice\n", "tabs"),
        ("comment|id\nnice|1\n", "bars"),
    ],
)
def test_another_delimiter_is_named(tmp_path, content, name):
    path = tmp_path / "a.csv"
    path.write_text(content, encoding="utf-8", newline="")
    with pytest.raises(ValueError, match=f"between {name}, not between commas") as seen:
        corpus.load(path)
    assert "quotes" not in str(seen.value)


WORDS = st.text(st.characters(exclude_categories=["C"]), max_size=12)


@settings(deadline=None)
@given(
    st.lists(WORDS, min_size=1),
    st.sampled_from(",;\t|"),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_the_csv_module_writes_is_read_or_its_delimiter_named(
    tmp_path_factory, comments, delimiter, quoting, end
):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    form = {"delimiter": delimiter, "quoting": quoting, "lineterminator": end}
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = enumerate(["an only comment", *comments])
        csv.writer(file, **form).writerows([("id", "body"), *rows])
    if delimiter == ",":
        read = [text for text in map(corpus.clean, comments) if text]
        assert corpus.load(path) == ["an only comment", *read]
    else:
        with pytest.raises(ValueError, match="not between commas"):
            corpus.load(path)


@settings(deadline=None)
@given(st.binary(max_size=60), st.sampled_from([b"", b"body\n", b"id,comment\n1,"]))
@pytest.mark.parametrize("ending", [".csv", ".txt"])
def test_any_bytes_are_read_or_refused_with_a_reason(
    tmp_path_factory, ending, content, before
):
    path = tmp_path_factory.mktemp("any") / f"a{ending}"
    path.write_bytes(before + content)
    said = ""
    try:
        assert all(corpus.load(path))
    except ValueError as error:
        said = str(error)
    if said:
        assert said.startswith(f"{path} ")
        assert len(said) > len(str(path)) + 20


@pytest.mark.parametrize(
    ("content", "message"),
    [
        # no header, or none that names a text
        ("nice day today\nand a walk\n", r"got \['nice day today'\]"),
        ("1,nice day today\n2,a walk\n", "must name a column comment or body"),
        ("nice; day\nand a walk\n", r"got \['nice; day'\]"),
        ("id\n1\n2\n", r"got \['id'\]"),
        ("comment,body\n1,one\n", "must name only one column comment or body"),
        ("body,Body \none,two\n", "must name only one column comment or body"),
        ("comment\n17\n-3.5e4\n2015-08-01\n", "column of comments holds numbers: '17'"),
    ],
)
def test_a_header_must_name_the_comments(tmp_path, content, message):
    path = tmp_path / "a.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        corpus.load(path)


ADVICE = ("must stand in double", "no space", "must be doubled", "never closed")
ADVICE += ("shorten that comment",)


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        ("id,comment\n1,text, with comma\n", "must stand in double"),
        ('id, comment\n1, "text, with comma"\n', "no space"),
        ("id,comment\n1\n", None),  # a comma too few
        ('id,comment\n1,"text\n2,more\n', "never closed"),
        ('id,comment\n1,"a "nice" day"\n', "must be doubled"),
        ("comment\n" + "x" * 160_000, "shorten that comment"),
    ],
)
def test_the_advice_on_a_row_is_true_or_there_is_none(tmp_path, content, advice):
    path = tmp_path / "a.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match="line 2") as caught:
        corpus.load(path)
    found = [words for words in ADVICE if words in str(caught.value)]
    assert found == [advice] * (advice is not None)


TEXT = "comment\nnaïve “words” for €5\n"


@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
@pytest.mark.parametrize("name", ["a.csv", "b c.txt"])
def test_the_way_to_convert_an_encoding_works(tmp_path, encoding, name):
    path = tmp_path / name
    path.write_bytes(TEXT.encode(encoding))
    with pytest.raises(ValueError, match="not UTF-8") as caught:
        corpus.load(path)
    [command] = re.findall(r'`python -c "(.*)"`', str(caught.value))
    subprocess.run([sys.executable, "-c", command], check=True)
    copy = path.with_stem(f"{path.stem}-utf-8")
    assert copy.read_text(encoding="utf-8") == TEXT
    assert corpus.load(copy)[-1] == 'naïve "words" for €5'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89PNG\r\n\x1a\n\xff", "no text in another encoding"),
        (b"PK\x03\x04" + bytes(99), "NUL bytes"),
        (bytes(range(256)), "NUL bytes"),
        (b"one\0two", "NUL bytes"),
        (codecs.BOM_UTF16_LE + b"odd", "utf-16, but that is not so either"),
        ("日本語".encode("euc-jp") + b"\x81", "cp1252, .* not so either"),
    ],
)
def test_what_no_advice_converts_gets_none(tmp_path, content, message):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(ValueError, match=f"not UTF-8: .*{message}") as caught:
        corpus.load(tmp_path / "a.txt")
    assert "python" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"there is no file .*mine\.csv"
    ) as seen:
        corpus.load(tmp_path / "mine.csv")
    assert str(seen.value).endswith("give the path of one that exists")


@pytest.mark.parametrize("name", ["twitter", "mine.pdf", ""])
def test_another_name_is_refused(name):
    with pytest.raises(ValueError, match="'comments', 'goemotions', 'classic' or"):
        corpus.load(name)


def test_the_shipped_comments_can_be_restored(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "COMMENTS", tmp_path / "comments.csv")
    with pytest.raises(FileNotFoundError, match="git checkout"):
        corpus.load()
    (tmp_path / "comments.csv").write_text('topic,comment\nfood,"cut')
    with pytest.raises(ValueError, match="git checkout"):
        corpus.load()


# Cleaning --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("Salt &amp; pepper &lt;3 &#39;n&#39; oil", "Salt & pepper <3 'n' oil"),
        ("a&amp;nbsp;b &#x200B;c", "a b c"),
        ("one\r\n\r\ntwo\tthree  four ", "one two three four"),
        ('See [this one](https://example.org/a_(b) "t").', "See this one."),
        ("![cat](https://example.org/c.png) [[x]](/r/x)", "cat [x]"),
        (
            "[not a link](see above) [NAME](he is)",
            "[not a link](see above) _NAME_(he is)",
        ),
        ("Look: https://example.org/a?b=c, www.example.org.", "Look: , ."),
        ("(<HTTP://EXAMPLE.ORG>)", "()"),
        ("**bold**, *it*, ***both***, **a *b* c**", "bold, it, both, a b c"),
        ("~~no~~ `code` ```\nx\n``` ^small", "no code x small"),
        ("_it_ and __b__, (_so_)", "it and b, (so)"),
        ("2*3*4 s**t snake_case_word ^_^ x^2", "2*3*4 s**t snake_case_word ^_^ x^2"),
        (r"\*not\* ¯\\\_(ツ)_/¯", r"*not* ¯\_(ツ)_/¯"),
        ("&gt; he said\n&gt;&gt; she said\n\nno", "he said she said no"),
        ("&gt;:( grr", ">:( grr"),
        ("# Title\n* one\n- two\n***\n1 - 2", "Title one two 1 - 2"),
        ("#1 -5 points", "#1 -5 points"),
        ("[NAME]'s [RELIGION]", "_NAME_'s _RELIGION_"),
        ("don’t “say” ‘it’", "don't \"say\" 'it'"),
        ("a\x00b\x1b[31mc\u202e\ud800d", "ab[31mcd"),
        ("naïve 日本 👍🏽", "naïve 日本 👍🏽"),
        ("", ""),
    ],
)
def test_clean(raw, cleaned):
    assert corpus.clean(raw) == cleaned


@settings(deadline=None)
@given(st.text(st.characters(codec=None)))
def test_clean_takes_any_text(comment):
    cleaned = corpus.clean(comment)
    assert cleaned == " ".join(cleaned.split())
    kinds = {unicodedata.category(character) for character in cleaned}
    assert kinds.isdisjoint({"Cc", "Cf", "Cs"})


@settings(deadline=None)
@given(st.text("*_~^>#`[]()<\\-/ \nabhttps:&;.!", max_size=60))
def test_clean_takes_any_markup(comment):
    cleaned = corpus.clean(comment)
    letters = "".join(c for c in cleaned if c.isalpha())
    source = iter(comment)
    assert all(letter in source for letter in letters)  # in order, none invented


@settings(deadline=None)
@given(st.text("abcdeé ,.?!'0123456789"))
def test_clean_leaves_plain_text_alone(comment):
    assert corpus.clean(comment) == " ".join(comment.split())


# Splitting -------------------------------------------------------------------


@settings(deadline=None)
@given(st.integers(20, 300), st.integers(0, 5))
def test_split_is_complete(n, seed):
    comments = [f"{i % 50}" for i in range(n)]  # some alike
    parts = corpus.split(comments, seed)
    assert Counter(chain(*parts)) == Counter(comments)
    held = n // 20
    assert [len(part) for part in parts] == [n - 2 * held, held, held]


def test_split_is_shuffled_and_repeatable():
    comments = [str(i) for i in range(1000)]
    first = corpus.split(comments)
    assert comments == [str(i) for i in range(1000)]
    assert first == corpus.split(comments, seed=0)
    assert set(first.test) != set(corpus.split(comments, seed=1).test)
    # each part holds comments from everywhere
    for part in first:
        assert 400 < sum(map(int, part)) / len(part) < 600


def test_a_few_comments_are_not_split():
    with pytest.raises(ValueError, match="at least 20 to split; got 19"):
        corpus.split(["a"] * 19)
