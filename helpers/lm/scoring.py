"""What a language model thinks of sentences, and what its own sentences are like.

Scores are log-probabilities in nats, an array (T,) for each sentence of T predicted
words, END among them. `helpers.lm.ngrams.log_probabilities` gives the same of an n-gram
model, and whatever takes them here judges both models alike. In the same way, what
counts marks and commas takes lists of tokens, from the corpus or from the model.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from helpers import arguments
from helpers.lm.model import LanguageModel, advance, start
from helpers.results.intervals import (
    Estimate,
    clustered_interval,
    mean_interval,
    wilson,
)
from helpers.tasks.text import SPECIAL, Vocabulary

BATCH = 64  # sentences at once
Scores = list[np.ndarray]


# Scores -----------------------------------------------------------------------


def log_probabilities(
    model: LanguageModel, sentences: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """log P of each word after START given all words before it: (T,) each.

    Sentences are word indices START, w_1, ... as `Vocabulary.encode` makes them; one
    that lacks END is a beginning, and its score that of the beginning. Raises
    ValueError for a sentence without a word after START, and for what are not indices
    of words, and for parameters that are not finite or do not fit together.
    """
    model = arguments.of_kind("model", model, LanguageModel).checked()
    sentences = arguments.sequences("sentences", sentences, len(model.vocabulary))
    for i, sentence in enumerate(sentences):
        if len(sentence) < 2 or sentence[0] != model.vocabulary.start:
            raise ValueError(
                f"sentences must be START and at least one word; got {sentence} as "
                f"sentence {i}"
            )
    # Sentences of like length together, so that little is computed for nothing.
    by_length = np.argsort([len(sentence) for sentence in sentences], kind="stable")
    scores: Scores = [np.empty(0)] * len(sentences)
    for some in np.split(by_length, range(BATCH, len(sentences), BATCH)):
        log_p = _padded([sentences[i] for i in some], model)
        for i, row in zip(some, log_p, strict=True):
            scores[i] = row[: len(sentences[i]) - 1]
    return scores


def _padded(sentences: list[np.ndarray], model: LanguageModel) -> np.ndarray:
    """log P of all words of a batch, (B, T); beyond the end of a sentence, noise."""
    n = len(sentences)
    x = np.full((n, max(map(len, sentences), default=1)), model.vocabulary.end)
    for row, sentence in zip(x, sentences, strict=True):
        row[: len(sentence)] = sentence
    log_p = np.empty((n, x.shape[1] - 1))
    state = tuple(np.tile(s, (n, 1)) for s in start(model.params))
    for t in range(x.shape[1] - 1):
        state, o = advance(x[:, t], state, model.params)
        o = o - o.max(axis=1, keepdims=True)
        log_p[:, t] = o[np.arange(n), x[:, t + 1]] - np.log(np.exp(o).sum(axis=1))
    return log_p


def perplexity(nats: float) -> float:
    """exp of a mean of -log p; infinity for what is too large for a float.

    Raises ValueError for what is no such mean, which is at least 0; NaN stays NaN.
    """
    expected = "a mean of -log P, at least 0"
    nats = arguments.number("nats", nats, expected, lambda v: not v < -1e-6)
    try:
        return math.exp(nats)
    except OverflowError:
        return math.inf


def shown(perplexity: float, digits: int = 2) -> str:
    """A perplexity to read: so many digits after the point, or few digits in all.

    Raises ValueError for what is no number of at least 0, NaN aside, and for digits
    that are no integer from 0 to 20.
    """
    expected = "a number of at least 0"
    perplexity = arguments.number(
        "perplexity", perplexity, expected, lambda v: not v < 0
    )
    digits = arguments.integer("digits", digits, 0, 20)
    return f"{perplexity:.{digits}f}" if perplexity < 1e6 else f"{perplexity:.3g}"


class Group(NamedTuple):
    """The perplexity of the model on some of the words."""

    label: str
    perplexity: Estimate  # its interval takes the words for independent of each other
    n: int  # the number of words


def by_position(log_p: Scores, longest: int = 20) -> list[Group]:
    """Perplexity at the places 1 to `longest` of a sentence, as far as there are words.

    Place 1 is the first word after START. Raises ValueError for what is no log P, NaN
    and infinity among it, and for a `longest` that is no positive integer.
    """
    log_p = arguments.log_p("log_p", log_p, known=True)
    longest = arguments.integer("longest", longest)
    longest = min(longest, max(map(len, log_p), default=0))
    columns = ([row[t] for row in log_p if len(row) > t] for t in range(longest))
    return [
        _group(str(t), column)
        for t, column in enumerate(columns, start=1)
        if len(column) > 1
    ]


def by_rank(
    log_p: Scores,
    sentences: Sequence[np.ndarray],
    vocabulary: Vocabulary,
    edges: Sequence[int] = (10, 100, 1000),
) -> list[Group]:
    """Perplexity on END, on UNKNOWN, and on words from common to rare.

    A vocabulary holds its words in the order of how common they were in training. The
    first group has the first `edges[0]` of them, and so on. Groups without at least two
    words are left out. Raises ValueError for what is no log P, NaN and infinity among
    it, for sentences that are not as long as their scores, and for edges that are not
    positive integers, each above the one before.
    """
    log_p = arguments.log_p("log_p", log_p, known=True)
    arguments.of_kind("vocabulary", vocabulary, Vocabulary)
    sentences = arguments.sequences("sentences", sentences, len(vocabulary))
    lengths = [len(sentence) - 1 for sentence in sentences]
    if lengths != [len(row) for row in log_p]:
        raise ValueError(
            "sentences must hold START and a word for each log P, as many sentences as "
            f"log_p has; got {len(sentences)} sentences for {len(log_p)} or others"
        )
    least, edges = 1, arguments.listed("edges", edges, "a list of positive integers")
    for edge in edges:
        least = arguments.integer("edges", edge, least) + 1
    values = np.concatenate([np.empty(0), *log_p])
    targets = np.concatenate([np.empty(0, int), *(s[1:] for s in sentences)])
    rank = np.cumsum([word not in SPECIAL for word in vocabulary.words])[targets]
    last = len(vocabulary) - len(SPECIAL)
    special = {"END": vocabulary.end, "UNKNOWN": vocabulary.unknown}
    groups = {label: targets == i for label, i in special.items()}
    ordinary = ~np.isin(targets, [vocabulary.index[word] for word in SPECIAL])
    for low, high in pairwise([0, *(edge for edge in edges if edge < last), last]):
        groups[f"{low + 1} to {high}"] = ordinary & (low < rank) & (rank <= high)
    return [_group(k, values[where]) for k, where in groups.items() if where.sum() > 1]


def _group(label: str, log_p: Sequence[float]) -> Group:
    value, low, high = mean_interval(-np.asarray(log_p))
    return Group(label, Estimate(*np.exp([value, low, high]).tolist()), len(log_p))


# Real sentences against changed ones ------------------------------------------


def shuffled(sentence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """START, the words in another order, END.

    Raises ValueError for a sentence of one word, or of one word again and again, and
    for an `rng` that is no generator.
    """
    arguments.generator(rng)
    words = _changeable(sentence)
    while True:
        new = rng.permutation(words)
        if (new != words).any():
            return np.array([sentence[0], *new, sentence[-1]])


def swapped(sentence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The sentence with two different neighbours in each other's place.

    The least change of order, and the hardest to notice. Errors as in `shuffled`.
    """
    arguments.generator(rng)
    words = _changeable(sentence)
    i = rng.choice(np.flatnonzero(words[:-1] != words[1:]))
    words[[i, i + 1]] = words[[i + 1, i]]
    return np.array([sentence[0], *words, sentence[-1]])


def _changeable(sentence: np.ndarray) -> np.ndarray:
    sentence = arguments.indices("sentence", sentence, arguments.WORDS, ("T",))
    words = np.array(sentence[1:-1])
    if len(np.unique(words)) < 2:
        raise ValueError(
            f"sentence must hold two different words between START and END; got "
            f"{sentence}"
        )
    return words


def preference(real: Scores, changed: Scores) -> Estimate:
    """The share of pairs in which the real sentence has the higher probability.

    Raises ValueError for lists of different lengths, for what is above 0 and so no log
    P, and for NaN, which no comparison finds higher.
    """
    real, changed = (
        arguments.log_p(name, scores)
        for name, scores in {"real": real, "changed": changed}.items()
    )
    if len(real) != len(changed):
        raise ValueError(
            f"changed must hold as many sentences as real, {len(real)}; got "
            f"{len(changed)}"
        )
    better = _sums("real", real) > _sums("changed", changed)
    return _share(better.tolist())


def _sums(name: str, scores: Scores) -> np.ndarray:
    """log P of each sentence; ValueError where one is NaN."""
    sums = np.array([row.sum() for row in scores])
    if np.isnan(sums).any():
        raise ValueError(f"{name} must hold log P; got NaN for {np.isnan(sums).sum()}")
    return sums


# The embedding ----------------------------------------------------------------


def nearest(word: str, model: LanguageModel, n: int = 5) -> list[tuple[str, float]]:
    """The n words whose rows of W_ih have the largest cosine with that of `word`.

    Raises ValueError for a word that the vocabulary lacks, for an n that is not an
    integer from 1 to the number of other words, for parameters that are not finite or
    do not fit together, and for rows without a direction: of zeros only, or of values
    too large or small to be squared.
    """
    model = arguments.of_kind("model", model, LanguageModel).checked()
    words = model.vocabulary.words
    n = arguments.integer("n", n, 1, len(words) - 1)
    if not isinstance(word, str) or word not in model.vocabulary.index:
        raise ValueError(f"word must be one that the model knows; got {word!r}")
    lengths = np.linalg.norm(model.params.W_ih, axis=1, keepdims=True)
    directed = (lengths > 0) & (lengths < np.inf)
    if not directed.all():
        raise ValueError(
            "rows of W_ih must have a length above 0 and below infinity; got "
            f"{lengths[~directed][0]} for one of {words[np.argmin(directed)]!r}"
        )
    rows = model.params.W_ih / lengths
    at = model.vocabulary.index[word]
    cosines = rows @ rows[at]
    cosines[at] = -np.inf
    best = np.argsort(-cosines, kind="stable")[:n]
    return [(words[i], float(cosines[i])) for i in best]


# What sentences are like --------------------------------------------------------
#
# Each of these takes tokens as `helpers.tasks.text.sentences` makes them, which writes
# an opening double quote as two backquotes and a closing one as two apostrophes.

PAIRS = {"(": ")", "[": "]", "{": "}", "``": "''", "“": "”"}
AND_OR = ("and", "or")


def tokens(ids: Sequence[int], vocabulary: Vocabulary) -> list[str]:
    """The words of a sentence of indices, without START and END.

    Raises ValueError for what are not indices of words of the vocabulary.
    """
    arguments.of_kind("vocabulary", vocabulary, Vocabulary)
    ids = arguments.indices("ids", ids, len(vocabulary), ("T",))
    marks = (vocabulary.start, vocabulary.end)
    return [vocabulary.words[i] for i in ids if i not in marks]


def habits(sentences: Sequence[Sequence[str]]) -> dict[str, Estimate]:
    """How sentences use marks: shares with intervals, under what they are shares of.

    A share of nothing is NaN, with an interval from 0 to 1. Raises ValueError for what
    are not lists of tokens, as the functions below do.
    """
    sentences = arguments.listed("sentences", sentences, "a list of sentences")
    sentences = [
        arguments.tokens(s, f"sentences[{i}]") for i, s in enumerate(sentences)
    ]
    neighbours = [pair for sentence in sentences for pair in pairwise(sentence)]
    marks = {*PAIRS, *PAIRS.values()}
    paired = [sentence for sentence in sentences if marks & set(sentence)]
    return {
        "sentences that end in . ! or ?": _share(map(ends_closed, sentences)),
        "commas with and/or after them": _share(
            after in AND_OR for word, after in neighbours if word == ","
        ),
        "and/or with a comma before them": _share(
            before == "," for before, word in neighbours if word in AND_OR
        ),
        "sentences with !!, ??, !? or ?!": _share(map(repeats_marks, sentences)),
        "brackets or quotes left unmatched": _share(map(leaves_unmatched, paired)),
    }


def ends_closed(sentence: Sequence[str]) -> bool:
    """Whether it ends in a full stop, ! or ?, brackets and quotes after it aside."""
    words = arguments.tokens(sentence)
    while words and words[-1] in PAIRS.values():
        words.pop()
    return bool(words) and words[-1].endswith((".", "!", "?", "…"))


def repeats_marks(sentence: Sequence[str]) -> bool:
    """Whether two marks, ! or ?, stand next to each other."""
    marks, words = ("!", "?"), arguments.tokens(sentence)
    return any(a.endswith(marks) and b.startswith(marks) for a, b in pairwise(words))


def leaves_unmatched(sentence: Sequence[str]) -> bool:
    """Whether a bracket or double quote lacks its partner, as in a smiley."""
    expected = []
    for token in arguments.tokens(sentence):
        if token in PAIRS:
            expected.append(PAIRS[token])
        elif token in PAIRS.values() and (not expected or expected.pop() != token):
            return True
    return bool(expected)


def _share(outcomes: Iterable[bool]) -> Estimate:
    outcomes = list(map(bool, outcomes))
    if not outcomes:
        return Estimate(float("nan"), 0.0, 1.0)
    return wilson(sum(outcomes), len(outcomes))


# Agreement at a distance --------------------------------------------------------

NOUNS = (
    ("dog", "dogs"),
    ("cat", "cats"),
    ("boy", "boys"),
    ("girl", "girls"),
    ("man", "men"),
    ("woman", "women"),
    ("child", "children"),
    ("kid", "kids"),
    ("guy", "guys"),
    ("friend", "friends"),
    ("teacher", "teachers"),
    ("student", "students"),
    ("player", "players"),
    ("team", "teams"),
    ("doctor", "doctors"),
    ("parent", "parents"),
    ("car", "cars"),
    ("book", "books"),
    ("movie", "movies"),
    ("song", "songs"),
    ("game", "games"),
    ("picture", "pictures"),
    ("house", "houses"),
    ("phone", "phones"),
)
VERBS = (("is", "are"), ("was", "were"), ("has", "have"))
# What stands between noun and verb says nothing about their number, except in the last
# kind: there the noun next to the verb is of the other number.
BETWEEN = {
    "0 words": ("",),
    "1 word": ("here", "really"),
    "2 words": ("over there", "you like"),
    "4 words": ("that i saw there", "that you asked for"),
    "8 words": (
        "that i told you about when you asked",
        "that you and i used to talk about",
    ),
    "3 words, a noun that misleads": ("near the {}", "with the {}"),
}


class Probe(NamedTuple):
    """The beginning of a sentence, and two verbs of which one agrees with its noun."""

    kind: str  # a key of BETWEEN
    noun: str  # its noun, in the singular
    beginning: list[str]
    right: str
    wrong: str


def probes(vocabulary: Vocabulary) -> list[Probe]:
    """All beginnings like "the dogs over there", as far as the vocabulary has words.

    Each stands there once for each pair of verbs, and with the noun in both numbers: a
    model that always prefers the same verb is right half of the time. So is one that
    sees two words back, wherever two words that say nothing come between.
    """
    arguments.of_kind("vocabulary", vocabulary, Vocabulary)
    made = []
    for kind, fillers in BETWEEN.items():
        for noun in NOUNS:
            other = NOUNS[(NOUNS.index(noun) + 1) % len(NOUNS)]
            for number in (0, 1):
                for filler in fillers:
                    filled = filler.format(other[1 - number])
                    beginning = ["the", noun[number], *filled.split()]
                    for verbs in VERBS:
                        probe = Probe(
                            kind, noun[0], beginning, verbs[number], verbs[1 - number]
                        )
                        words = [*noun, *other, *beginning, *verbs]
                        if all(word in vocabulary.index for word in words):
                            made.append(probe)
    return made


def agreement(
    score: Callable[[list[np.ndarray]], Scores], vocabulary: Vocabulary
) -> dict[str, Estimate]:
    """For each kind of probe, the share in which the right verb is the likelier one.

    `score` gives log P of sentences: `partial(log_probabilities, model)`. The probes
    share nouns, so the intervals are those of groups of probes with one noun: they say
    what other nouns would give, with these verbs and these words between. Kinds for
    which the vocabulary has fewer than two nouns are left out. Raises ValueError where
    `score` does not give log P for each sentence.
    """
    arguments.function("score", score)
    asked = probes(vocabulary)

    def last(verbs: Iterable[str]) -> np.ndarray:
        """log P of each verb at the end of its beginning."""
        begun = [
            vocabulary.encode([*probe.beginning, verb])[:-1]  # without END
            for probe, verb in zip(asked, verbs, strict=True)
        ]
        log_p = arguments.log_p("score(sentences)", score(begun))
        if len(log_p) != len(begun) or not all(map(len, log_p)):
            raise ValueError(
                f"score must give log P of the words of {len(begun)} sentences; got "
                f"{len(log_p)} arrays, {sum(map(len, log_p))} values in all"
            )
        return np.array([row[-1] for row in log_p])

    right, wrong = last(p.right for p in asked), last(p.wrong for p in asked)
    if np.isnan([right, wrong]).any():
        raise ValueError("score must give log P; got NaN")
    agrees = right > wrong
    kinds = np.array([p.kind for p in asked])
    _, nouns = np.unique([p.noun for p in asked], return_inverse=True)
    found = {}
    for kind in BETWEEN:
        some = kinds == kind
        if len(set(nouns[some])) > 1:
            share = clustered_interval(agrees[some], nouns[some])
            found[kind] = Estimate(share.value, max(share.low, 0), min(share.high, 1))
    return found
