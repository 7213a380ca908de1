"""The comments that ship with the course are what they are said to be."""

import csv
import re
from collections import Counter

import pytest

from helpers import ROOT
from helpers.tasks import corpus, text


@pytest.fixture(scope="module")
def rows():
    with open(ROOT / "data/comments.csv", encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        assert reader.fieldnames == ["topic", "comment"]
        return list(reader)


def words(comment):
    return re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)*", comment.lower())


def test_there_are_enough(rows):
    assert len(rows) >= 800
    sentences = [s for row in rows for s in text.sentences(row["comment"])]
    assert sum(map(len, sentences)) >= 20_000
    # counted without the tokeniser: runs of letters
    assert len({word for row in rows for word in words(row["comment"])}) >= 3_000


def test_they_are_not_made_from_templates(rows):
    grams = Counter(
        gram
        for row in rows
        for gram in zip(*(words(row["comment"])[k:] for k in range(6)), strict=False)
    )
    once = sum(n for n in grams.values() if n == 1)
    assert once >= 0.97 * grams.total()


def test_they_speak_of_many_things(rows):
    topics = Counter(row["topic"] for row in rows)
    assert len(topics) >= 25
    assert min(topics.values()) >= 5


def test_each_is_a_comment_of_its_own(rows):
    assert all(set(row) == {"topic", "comment"} for row in rows)
    assert all(value.strip() for row in rows for value in row.values())
    plain = Counter(" ".join(words(row["comment"])) for row in rows)
    assert [comment for comment, n in plain.items() if n > 1] == []
    assert "" not in plain


def test_they_name_no_address(rows):
    address = re.compile(r"https?:|www\.|\w\.(?:com|org|net)\b|\S@\S+\.\w", re.I)
    assert [row for row in rows if address.search(row["comment"])] == []


def test_cleaning_finds_nothing_to_clean(rows):
    comments = [row["comment"] for row in rows]
    assert corpus.load("comments") == comments
