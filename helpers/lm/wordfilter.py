"""Which words of a vocabulary a classroom should not meet in generated text.

The model learned from comments of strangers, and some of them swear. The list in
data/unsuitable-words.txt holds profanity, slurs and sexual words, judged for pupils of
14, and stands there in rot13. Words alone are matched: a sentence of harmless words can
still be unkind, and no list knows that.
"""

import codecs
import re
from collections.abc import Iterable
from functools import cache

import numpy as np

from helpers import ROOT, arguments

PATH = ROOT / "data" / "unsuitable-words.txt"
STARRED_OUT = re.compile(r"[a-z][*@#$%]+[a-z]")  # the way newspapers print them


def unsuitable(words: Iterable[str]) -> np.ndarray:
    """True for each word that should not be shown: an array of booleans (V,).

    `words` are those of a vocabulary, in their order. Upper and lower case are one.
    Of a word with hyphens and the like each part is matched, and letters may be
    repeated. An entry of the list stands for the word and its inflections in -s, -es,
    -ed, -er, -ers and -ing; with "=" for that form alone; with "*" for all words that
    contain it. Raises ValueError for what is not a list of words.
    """
    words = arguments.tokens(words, "words")
    return np.array([_matches(word.lower()) for word in words], dtype=bool)


@cache
def _matches(word: str) -> bool:
    return bool(_pattern().search(word) or STARRED_OUT.search(word))


@cache
def _pattern() -> re.Pattern:
    lines = PATH.read_text(encoding="utf-8").splitlines()
    entries = [codecs.decode(s, "rot13") for s in lines if not s.startswith("#")]
    return re.compile("|".join(map(_entry, entries)))


def _entry(entry: str) -> str:
    """A regular expression that is found in the words for which an entry stands."""
    mark, word = (entry[0], entry[1:]) if entry[0] in "=*" else ("", entry)
    if mark == "=":
        return rf"\b{word}\b"
    letters = "".join(f"{letter}+" for letter in word)
    if mark == "*":
        return letters
    if word.endswith("e"):
        return rf"\b{letters[:-2]}(e+|es|ed|er|ers|ing)\b"
    return rf"\b{letters}(s|es|ed|er|ers|ing)?\b"
