"""From comments to numbers and back."""

import os
import random
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.tokenize.punkt import PunktTokenizer

from helpers.tasks import corpus, text
from helpers.tasks.text import END, START, UNKNOWN, Vocabulary

# every character that Python knows, halves of pairs among them
ANYTHING = st.text(st.characters(codec=None))


@pytest.fixture(scope="module")
def comments():
    return corpus.load("comments")


@pytest.fixture(scope="module")
def sentences(comments):
    return [tokens for comment in comments for tokens in text.sentences(comment)]


@pytest.fixture(scope="module")
def complete(sentences):
    """A vocabulary that knows every token of the shipped comments."""
    return Vocabulary.of(sentences, 1_000_000)


# Cutting ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("Yes. No!", [["yes", "."], ["no", "!"]]),
        ("I don't.", [["i", "do", "n't", "."]]),
        ("It's 3.50, OK?", [["it", "'s", "3.50", ",", "ok", "?"]]),
        ('He said "no".', [["he", "said", "``", "no", "''", "."]]),
        ("Well... no", [["well", "...", "no"]]),
        ("See Dr. Ames. Now", [["see", "dr.", "ames", "."], ["now"]]),
        ("Saws, e.g. mine", [["saws", ",", "e.g.", "mine"]]),
        ("Nice! :)", [["nice", "!", ":", ")"]]),
        ("Wow! !! 1 of 2.", [["wow", "!", "!", "!"], ["1", "of", "2", "."]]),
        ("?! Right. Ok", [["?", "!"], ["right", "."], ["ok"]]),
        ("_NAME_'s dog. _NAME_!", [["_name_", "'s", "dog", "."], ["_name_", "!"]]),
        ("ÉTÉ. 日本語", [["été", "."], ["日本語"]]),
        ("", []),
        (" \n ", []),
    ],
)
def test_sentences_and_tokens(comment, expected):
    assert text.sentences(comment) == expected


def test_a_sentence_is_no_list():
    with pytest.raises(ValueError, match=r"comment must be text; got \['a'\]"):
        text.sentences(["a"])


@settings(deadline=None)
@given(ANYTHING)
def test_nothing_is_lost_of_any_text(comment):
    found = text.sentences(comment)
    assert all(found)
    tokens = [token for sentence in found for token in sentence]
    assert all(token.split() == [token] and token == token.lower() for token in tokens)

    def bare(text):  # quotes change their form
        return re.sub(r"[\s\"'`]", "", text).casefold()

    assert bare("".join(tokens)) == bare(comment)


@settings(deadline=None)
@given(ANYTHING)
def test_any_comment_survives_the_whole_way(tmp_path_factory, comment):
    sentences = text.sentences(corpus.clean(comment))
    vocabulary = Vocabulary.of(sentences, 1000)
    ids = [i for tokens in sentences for i in vocabulary.encode(tokens)]
    assert vocabulary.unknown not in ids
    vocabulary.decode(ids)
    path = tmp_path_factory.getbasetemp() / "words"
    vocabulary.save(path)
    assert Vocabulary.load(path) == vocabulary


def test_sentences_agree_with_the_official_model():
    """Where both are on this computer; the share is of comments cut the same."""
    try:
        official = PunktTokenizer("english")
        comments = corpus.load("goemotions")
    except (LookupError, FileNotFoundError):
        pytest.skip("needs punkt_tab in NLTK_DATA and GoEmotions in RNN_DATA_DIR")
    same = 0
    for comment in comments:
        parts = []
        for part in official.tokenize(comment):
            # what has no letter or digit is a sentence there, and not with us
            if parts and not re.search(r"[^\W_]", part):
                parts[-1] += " " + part
            else:
                parts.append(part)
        same += parts == text.cut(comment)
    print(f"{same / len(comments):.2%} of {len(comments)} comments cut the same")
    assert same >= 0.99 * len(comments)


# Numbering -------------------------------------------------------------------

SENTENCES = [["b", "a", "."], ["b", "c", "."], ["a", "b", "."], ["d"]]


def test_a_vocabulary_holds_the_most_common_words():
    # b and . 3 times, a 2, c and d once: ties by character
    assert Vocabulary.of(SENTENCES, 7).words == (
        START,
        END,
        UNKNOWN,
        ".",
        "b",
        "a",
        "c",
    )
    assert Vocabulary.of(SENTENCES, 5).words == (START, END, UNKNOWN, ".", "b")
    assert len(Vocabulary.of(SENTENCES, 100)) == 8  # no more words than there are


def test_a_vocabulary_does_not_depend_on_the_order(sentences):
    shuffled = random.Random(1).sample(sentences, len(sentences))
    assert Vocabulary.of(shuffled, 500) == Vocabulary.of(iter(sentences), 500)


def test_a_vocabulary_covers_what_counting_says(sentences):
    """An independent count: the share of the most common of NumPy's unique words."""
    tokens = np.array([token for tokens in sentences for token in tokens])
    _, counts = np.unique(tokens, return_counts=True)
    vocabulary = Vocabulary.of(sentences, 1003)
    ids = np.concatenate([vocabulary.encode(tokens)[1:-1] for tokens in sentences])
    known = np.mean(ids != vocabulary.unknown)
    assert known == np.sort(counts)[-1000:].sum() / len(tokens)


def test_encode_and_pair():
    vocabulary = Vocabulary.of(SENTENCES, 6)
    s, e, u = vocabulary.start, vocabulary.end, vocabulary.unknown
    assert [vocabulary.words[i] for i in (s, e, u)] == [START, END, UNKNOWN]
    ids = vocabulary.encode(["a", "zebra", "."])
    assert ids.dtype == np.int32
    assert ids.tolist() == [s, 5, u, 3, e]
    x, y = vocabulary.pair(["a", "zebra", "."])
    assert x.tolist() == [s, 5, u, 3]
    assert y.tolist() == [5, u, 3, e]
    assert vocabulary.encode([]).tolist() == [s, e]


def test_words_of_the_text_are_never_special():
    """Tokens are lower-cased, so that a comment cannot end its own sentence."""
    tokens = text.sentences("SENTENCE_END UNKNOWN_TOKEN")[0]
    vocabulary = Vocabulary.of([tokens], 5)
    assert vocabulary.encode(tokens)[1:-1].tolist() == [3, 4]


def test_marked_sentences_do_not_count_the_marks():
    marked = [[START, *tokens, END] for tokens in SENTENCES]
    assert Vocabulary.of(marked, 7) == Vocabulary.of(SENTENCES, 7)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Vocabulary.of(SENTENCES, 3), "size must be more than 3; got 3"),
        (lambda: Vocabulary.of(["b a"], 9), "list of tokens; got the text 'b a'"),
        (lambda: Vocabulary.of(SENTENCES, 9).encode("b"), "got the text 'b'"),
        (lambda: Vocabulary((START, END)), rf"got no \['{UNKNOWN}'\]"),
        (lambda: Vocabulary((START, END, UNKNOWN, "a", "a")), "'a' more than once"),
        (lambda: Vocabulary((START, END, UNKNOWN, "")), "got '' as word 3"),
        (lambda: Vocabulary((START, END, UNKNOWN, "a b")), "got 'a b' as word 3"),
        (
            lambda: Vocabulary.of(SENTENCES, 5).decode([5]),
            "ids must be .* 0 to 4; got 5",
        ),
        (lambda: Vocabulary.of(SENTENCES, 5).decode([-1]), "got -1"),
    ],
)
def test_bad_input_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# Saving ----------------------------------------------------------------------


def test_a_saved_vocabulary_is_one_word_a_line(tmp_path):
    vocabulary = Vocabulary.of([["été", "日本", "a"]], 6)
    vocabulary.save(tmp_path / "words.txt")
    lines = f"{START}\n{END}\n{UNKNOWN}\na\nété\n日本\n"
    assert (tmp_path / "words.txt").read_bytes() == lines.encode()
    assert Vocabulary.load(tmp_path / "words.txt") == vocabulary


def test_a_checkout_with_other_line_ends_is_the_same(tmp_path):
    path = tmp_path / "words.txt"
    path.write_bytes(f"{START}\r\n{END}\r\n{UNKNOWN}\r\na\r\n".encode())
    assert Vocabulary.load(path).words[-1] == "a"


def test_a_save_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "words.txt"
    old = Vocabulary.of(SENTENCES, 5)
    old.save(path)

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        Vocabulary.of(SENTENCES, 7).save(path)
    assert Vocabulary.load(path) == old
    assert list(tmp_path.iterdir()) == [path]


WHOLE = f"{START}\n{END}\n{UNKNOWN}\na\nb\n".encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "words must hold"),
        (WHOLE.replace(b"b\n", b"a\n"), "'a' more than once"),
        (WHOLE.replace(b"SENTENCE_END\n", b""), "got no .'SENTENCE_END'"),
        (WHOLE.replace(b"a\n", b"\n"), "got '' as word 3"),
        (WHOLE.replace(b"a\n", b"a b\n"), "got 'a b' as word 3"),
        (WHOLE.replace(b"a\n", b"\xff\xfe\n"), "can't decode"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, content, message):
    path = tmp_path / "words.txt"
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=rf"words\.txt holds no vocabulary: .*{message}"
    ):
        Vocabulary.load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"words\.txt"):
        Vocabulary.load(tmp_path / "words.txt")


# Reading again ---------------------------------------------------------------


@pytest.mark.parametrize(
    "readable",
    [
        "I don't think it's 5% (or $5), is it?",
        'He said "no", and I\'m sure that "yes" was "maybe!"',
        "I cannot, I wanna, I'm gonna, I gotta... lemme! Gimme!",
        "They'd say we've won; we'll see :)",
        "So :( but I <3 it!!!",
        "The so 'called' thing isn't i.e. mine.",
        "The dogs' bones are #1.",
        "[NAME]'s dog and [RELIGION] stay.",
        '"Why?" I asked.',
        "(I know.)",
        "Été is i-beam season.",
    ],
)
def test_decode_is_readable(readable):
    sentences = text.sentences(corpus.clean(readable))
    vocabulary = Vocabulary.of(sentences, 1000)
    ids = [i for tokens in sentences for i in vocabulary.encode(tokens)]
    assert vocabulary.decode(ids) == readable


def test_decode_ends_a_sentence_at_each_end():
    vocabulary = Vocabulary.of(SENTENCES, 7)
    s, e, u = vocabulary.start, vocabulary.end, vocabulary.unknown
    assert vocabulary.decode([s, 4, 5, 3, e, s, 5, 3, e]) == "B a. A."
    assert vocabulary.decode(np.array([4, u])) == f"B {UNKNOWN}"  # not ended yet
    assert vocabulary.decode([]) == ""
    assert vocabulary.decode([s, e]) == ""


def test_decode_gives_the_shipped_comments_back(comments, complete):
    """But for capitals, and nearly always: spaces that a writer set are lost."""
    same = again = 0
    for comment in comments:
        sentences = text.sentences(comment)
        ids = [i for tokens in sentences for i in complete.encode(tokens)]
        readable = complete.decode(ids)
        same += readable.lower() == comment.lower()
        again += text.sentences(readable) == sentences
    assert same >= 0.98 * len(comments)
    assert again >= 0.98 * len(comments)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 400)))
def test_decode_keeps_every_word(complete, ids):
    """Whatever the order: generated text is not always well formed."""

    def bare(words):
        return re.sub(r"[\s\"'`]", "", "".join(words)).lower()

    words = [complete.words[i] for i in ids]
    kept = [word for word in words if word not in (START, END)]
    assert bare(complete.decode(ids)) == bare(kept)
