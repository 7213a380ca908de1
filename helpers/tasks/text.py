"""From comments to the numbers a language model reads, and back.

A comment is cut into sentences and these into tokens (`sentences`); a `Vocabulary`
keeps the most common tokens and gives each a number. Everything is lower-cased. NLTK's
rules do the cutting; no model of NLTK is downloaded.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from helpers import arguments
from helpers.results.files import write_text

UNKNOWN, START, END = "UNKNOWN_TOKEN", "SENTENCE_START", "SENTENCE_END"
SPECIAL = (START, END, UNKNOWN)
# After these a full stop does not end a sentence.
TITLES = {"dr", "jr", "mr", "mrs", "ms", "prof", "sr", "st"}
ABBREVIATIONS = TITLES | {"a.m", "e.g", "i.e", "p.m", "u.k", "u.s", "vs"}


# Cutting ---------------------------------------------------------------------


@cache
def _tokenisers():
    """NLTK's tokenisers, of sentences and of words. To import them takes seconds."""
    from nltk.tokenize import NLTKWordTokenizer
    from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer

    parameters = PunktParameters()
    parameters.abbrev_types = ABBREVIATIONS
    return PunktSentenceTokenizer(parameters), NLTKWordTokenizer()


def cut(comment: str) -> list[str]:
    """The sentences of a comment, as it wrote them.

    By the rules of Punkt (Kiss and Strunk 2006, Computational Linguistics 32) with a
    short list of abbreviations instead of a trained model. What has no letter or digit
    belongs to the sentence before: in "Nice! :)" there is one sentence, not two.
    """
    if not isinstance(comment, str):
        raise ValueError(f"comment must be text; got {comment!r}")
    parts: list[str] = []
    for part in _tokenisers()[0].tokenize(comment):
        if parts and not any(map(str.isalnum, part)):
            parts[-1] += " " + part
        else:
            parts.append(part)
    return parts


def sentences(comment: str) -> list[list[str]]:
    """The tokens of each sentence of a comment, lower-cased, without START and END.

    What comes from elsewhere than `corpus.load` should pass `corpus.clean` first. A
    token is a word, a number, a mark ("!", "...") or a part of a contraction: "do" and
    "n't". Double quotes are "``" where they open and "''" where they close. Blank text
    has no sentence, and no sentence is empty.
    """
    tokenised = (_tokenisers()[1].tokenize(part.lower()) for part in cut(comment))
    return [tokens for tokens in tokenised if tokens]


# Numbering -------------------------------------------------------------------


@dataclass(frozen=True)
class Vocabulary:
    """Words by number: `words[i]` is word i. The three special words are among them."""

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        missing = [word for word in SPECIAL if word not in self.index]
        if missing:
            raise ValueError(f"words must hold {', '.join(SPECIAL)}; got no {missing}")
        for i, word in enumerate(self.words):
            if word.split() != [word]:
                raise ValueError(f"words must be words; got {word!r} as word {i}")
            if self.index[word] != i:
                raise ValueError(f"words must differ; got {word!r} more than once")

    @classmethod
    def of(cls, sentences: Iterable[Sequence[str]], size: int) -> "Vocabulary":
        """The special words and the most common words of `sentences`, `size` in all.

        Words that are equally common stand in the order of their characters, so that
        the order of the sentences does not matter. There are fewer words than `size`
        where the sentences hold fewer. Raises ValueError for a size that is not an
        integer above 3, and for sentences that are not lists of tokens.
        """
        least, expected = len(SPECIAL) + 1, f"more than {len(SPECIAL)}"
        size = arguments.integer("size", size, least, expected=expected)
        if isinstance(sentences, str):
            raise arguments.wrong("sentences", "lists of tokens", sentences)
        counts = Counter()
        for tokens in sentences:
            counts.update(arguments.tokens(tokens))
        for word in SPECIAL:
            counts.pop(word, None)
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        return cls((*SPECIAL, *ranked[: size - len(SPECIAL)]))

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def index(self) -> dict[str, int]:
        """The number of each word."""
        return {word: i for i, word in enumerate(self.words)}

    @property
    def start(self) -> int:
        """The number of START."""
        return self.index[START]

    @property
    def end(self) -> int:
        """The number of END."""
        return self.index[END]

    @property
    def unknown(self) -> int:
        """The number of UNKNOWN, which stands for every other word."""
        return self.index[UNKNOWN]

    def encode(self, tokens: Sequence[str]) -> np.ndarray:
        """START, the numbers of the tokens, END: int32, shape (len(tokens) + 2,).

        A token that is not in the vocabulary becomes UNKNOWN.
        """
        ids = (
            self.index.get(token, self.unknown) for token in arguments.tokens(tokens)
        )
        return np.array([self.start, *ids, self.end], dtype=np.int32)

    def pair(self, tokens: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """What the model reads and what it should say, each (len(tokens) + 1,).

        x starts with START, and y[t] is the word after x[t], at last END.
        """
        sequence = self.encode(tokens)
        return sequence[:-1], sequence[1:]

    def decode(self, ids: Iterable[int]) -> str:
        """The words of the numbers as text for a reader, with spaces and capitals.

        START and END are left out, and each END ends a sentence. The text is readable,
        not the original: which words had capitals is lost, but for "I" and the first
        word of a sentence.
        """
        if not isinstance(ids, Iterable):
            raise arguments.wrong("ids", "indices of words", ids)
        found, tokens = [], []
        for i in [*ids, self.end]:
            expected = f"from 0 to {len(self) - 1}"
            i = arguments.integer("ids", i, 0, len(self) - 1, f"integers {expected}")
            word = self.words[i]
            if word == END:
                found.append(_readable(tokens))
                tokens = []
            elif word != START:
                tokens.append(word)
        return " ".join(filter(None, found))

    def save(self, path: Path | str) -> None:
        """Write the words to a file, one a line, word 0 first. Atomic."""
        write_text(Path(path), "".join(f"{word}\n" for word in self.words))

    @classmethod
    def load(cls, path: Path | str) -> "Vocabulary":
        """Read what `save` wrote.

        Raises FileNotFoundError where there is no file, and ValueError where it is not
        UTF-8 or its lines are not different words, the special ones among them.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
            return cls(tuple(text.removesuffix("\n").split("\n")))
        except ValueError as error:
            raise ValueError(f"{path} holds no vocabulary: {error}") from None


# Reading again ---------------------------------------------------------------

# What stands between two tokens, as the tokeniser sets it and as a reader expects it.
# Each pattern sees a space on both sides of a token that it may change.
SPACING = [
    (r" (can) (?=not )", r" \1"),
    (r" (gim|lem) (?=me )", r" \1"),
    (r" (gon|wan) (?=na )", r" \1"),
    (r" (got) (?=ta )", r" \1"),
    (r" (?=(?:n't|'(?:s|m|d|ll|re|ve)) )", ""),
    (r" ' ([^']{1,60}) ' ", r" '\1' "),  # 'so called'
    (r" ([:;]) ([()dp/]) ", r" \1\2 "),  # faces
    (r" < 3 ", " <3 "),
    (r" ([(\[{]) ", r" \1"),
    (r" (?=(?:\.+|[,!?;:)\]}]|''?) )", ""),
    ("''", '"'),
    (r" `` ", ' "'),
    (r"(?<=\d) (?=% )", ""),
    (r" ([$#@]) (?=\w)", r" \1"),
    (r"(?<![\w'.-])i(?![\w-]|\.\w)", "I"),
    (r"_(?:name|religion)_", lambda mask: f"[{mask[0].strip('_').upper()}]"),
    (r"^[\W_]*[^\W\d_]", lambda first: first[0].upper()),
]
SPACING = [(re.compile(pattern), readable) for pattern, readable in SPACING]


def _readable(tokens: Sequence[str]) -> str:
    """The tokens of one sentence as text."""
    text = f" {' '.join(tokens)} "
    for pattern, readable in SPACING:
        text = pattern.sub(readable, text)
    return text.strip()
