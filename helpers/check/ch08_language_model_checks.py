"""The checks of the exercises of chapter 8."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from scipy.special import softmax

from helpers.check.core import Verdict, call, compare, compare_parts, exercise, unpack
from helpers.check.core.computation import Computation
from helpers.check.core.probabilities import to_probabilities
from helpers.check.core.values import to_finite
from helpers.check.core.verdicts import right, wrong
from helpers.check.core.words import describe, number
from helpers.lm import ngrams, training
from helpers.tasks.text import END, START, UNKNOWN, Vocabulary

# Exercise 8.6: the words of its vocabulary, and what share of the perplexity of the
# bigram model is good enough. Below the other share no model is believed not to have
# seen the sentences before; a bigram model that was fitted to them too has 0.48.
WORDS = 1000
GOOD, SEEN = 0.92, 0.7
AGAIN = 5  # of how many places it is asked twice
SAME = 1e-5  # what counts as unchanged: above the rounding of float32


# Exercise 8.1 --------------------------------------------------------------------


@exercise(
    "At each position x has the word that is read, and y the one that comes next."
)
def training_pair(student: Callable) -> Iterator[Verdict]:
    """Judge `training_pair(words, vocabulary)`: what is read, and what is to come."""
    for words in (
        ["the", "cat", "sat", "."],
        ["a", "wombat", "sat", "there", "."],
        ["wow"],
        [],
    ):
        # The special words do not stand in front, so that no number can be guessed.
        vocabulary = Vocabulary(("the", END, "cat", UNKNOWN, ".", START, "sat", "a"))
        sequence = vocabulary.encode(words)
        mistakes = _pair_mistakes(words, sequence, vocabulary)
        name = f"training_pair({words}, vocabulary)"
        result = call(name, student, list(words), vocabulary)
        yield compare_parts(
            unpack(name, result, ("x", "y")),
            {"x": sequence[:-1], "y": sequence[1:]},
            mistakes=mistakes,
            label=f"{{}} of {name}",
        )


def _pair_mistakes(words, sequence, v: Vocabulary) -> dict[str, dict[str, Any]]:
    """The pair with one mistake each; `sequence` is START, the words, END."""
    ids = sequence[1:-1]

    def with_unknown_as(i: int) -> list[int]:
        return [v.start, *(v.index.get(word, i) for word in words), v.end]

    sequences = {
        "START is missing": [*ids, v.end],
        "END is missing": [v.start, *ids],
        "START and END are missing": ids,
        "START and END are exchanged": [v.end, *ids, v.start],
        "unknown words are left out, expected UNKNOWN in their place": (
            sequence[sequence != v.unknown]
        ),
        **{
            f"unknown words are {what}, expected UNKNOWN": with_unknown_as(i)
            for what, i in (
                ("word 0", 0),
                ("START", v.start),
                ("END", v.end),
                ("-1", -1),
                ("a number beyond the vocabulary", len(v)),
            )
        },
    }
    return {
        "END is in x, but after it nothing comes": {"x": sequence},
        "START is in y, but it is never predicted": {"y": sequence},
        "these are the words that come next; they belong into y": {"x": sequence[1:]},
        "these are the words that are read; expected the next word of each": {
            "y": sequence[:-1]
        },
        "the words are shifted by two places, expected one": {"y": sequence[2:]},
        **{text: {"x": s[:-1], "y": s[1:]} for text, s in sequences.items()},
    }


# Exercise 8.2 --------------------------------------------------------------------


@exercise(
    "Each word counts the same, in a long sentence and in a short one, and however "
    "many there are."
)
def perplexity(student: Callable) -> Iterator[Verdict]:
    """Judge `perplexity(p)`: from the probabilities of the words of some sentences."""
    rng = np.random.default_rng(0)
    few, one = [[0.2, 0.9], [0.01, 0.1, 0.3, 0.05, 0.6], [0.5]], [[0.5, 0.25, 0.1]]
    many = [rng.uniform(1e-4, 0.02, n) for n in rng.integers(1, 30, 100)]
    for what, given in (
        (few, few),
        (one, one),
        (f"p of {len(many)} sentences", many),
    ):
        p = [np.array(sentence) for sentence in given]
        name = f"perplexity({what})"
        result = to_finite(
            name,
            call(name, student, [sentence.copy() for sentence in p]),
            "the product of so many small numbers is 0 for a computer. Add their "
            "logarithms",
        )
        log_p = np.log(np.concatenate(p))
        with np.errstate(all="ignore"):
            mistakes = _perplexity_mistakes(p)
        yield compare(name, result, np.exp(-log_p.mean()), mistakes=mistakes)


def _perplexity_mistakes(p: list[np.ndarray]) -> dict[str, Any]:
    """The perplexity with one mistake each."""
    every = np.concatenate(p)
    log_p = np.log(every)
    means = np.array([np.log(sentence).mean() for sentence in p])
    without_end = np.concatenate([sentence[:-1] for sentence in p])
    return {
        "this is the mean of the perplexities of the sentences, expected that of all "
        "words at once": np.exp(-means).mean(),
        "each sentence counts the same, expected each word: divide once, by the number "
        "of all words": np.exp(-means.mean()),
        "these are the perplexities of the sentences, expected one of all words": (
            np.exp(-means)
        ),
        "END is left out, but the model predicts it like a word": (
            np.exp(-np.log(without_end).mean())
        ),
        "divided by the number of sentences, expected that of the words": (
            np.exp(-log_p.sum() / len(p))
        ),
        "this is the mean of -log p, the loss: its exponential is missing": (
            -log_p.mean()
        ),
        "this is the mean of log p": log_p.mean(),
        "the sign is missing: this is the geometric mean of the probabilities, and the "
        "perplexity is 1 divided by it": np.exp(log_p.mean()),
        "this is the sum of -log p, expected the mean": -log_p.sum(),
        "this is exp of the sum, expected of the mean": np.exp(-log_p.sum()),
        "exp and log2 do not go together: exp and log, or 2 to the power and log2": (
            np.exp(-np.log2(every).mean())
        ),
        "exp and log10 do not go together": np.exp(-np.log10(every).mean()),
        "2 to the power and log do not go together: exp and log, or 2 to the power and "
        "log2": 2 ** (-log_p.mean()),
        "this is 1 / (mean probability): the logarithms come before the mean": (
            1 / every.mean()
        ),
        "this is the mean of 1 / p: the logarithms come before the mean": (
            (1 / every).mean()
        ),
        "log p is weighted by p: the words that came have all the same weight": (
            np.exp(-(every * log_p).mean())
        ),
        "this is the entropy formula with p as weights, which needs the probabilities "
        "of all words, not of those that came": np.exp(-(every * log_p).sum()),
    }


# Exercise 8.3 --------------------------------------------------------------------


@exercise(
    "What is excluded has no chance at all, the others share it, and large logits "
    "do no harm."
)
def word_probabilities(student: Callable) -> Iterator[Verdict]:
    """Judge `word_probabilities(o, temperature, excluded)`: to draw the next word."""
    o = np.array([0.3, -1.2, 2.1, 0.0, 1.4, -0.6])
    far = 3000.0 * (np.arange(len(o)) == 3)
    for logits, temperature, excluded, remark in (
        (o, 1.0, [], ""),
        (o, 2.0, [0], ""),
        (o, 0.5, [], ""),
        (o, 1.0, [2, 3], ""),
        (o + 1000, 0.7, [4], " with logits of about 1000"),
        (o - 1000, 0.7, [4], " with logits of about -1000"),
        (o + far, 0.7, [3], " where the logit of word 3 is 3000"),
    ):
        name = f"word_probabilities(o, {temperature:g}, {excluded}){remark}"
        p = to_finite(
            name,
            call(name, student, logits.copy(), temperature, list(excluded)),
            "exp of a large number overflows, and where exp gives 0 for all words the "
            "sum is 0. First subtract the largest logit of those that may be drawn",
        )
        with np.errstate(all="ignore"):
            expected, mistakes = _drawing(logits, temperature, excluded)
        verdict = compare(name, p, expected, mistakes=mistakes)
        yield verdict
        if verdict.ok and p[excluded].any():
            most = number(p[excluded].max())
            yield wrong(name, f"an excluded word gets {most}, expected exactly 0")


def _drawing(o, temperature, excluded) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The probabilities, and those with one mistake each."""
    out = np.isin(np.arange(len(o)), excluded)

    def without(values, instead=-np.inf):
        return np.where(out, instead, values)

    p, at_one = softmax(without(o / temperature)), softmax(without(o))
    unnormalised = np.exp(without(o / temperature))
    return p, {
        "nothing is excluded": softmax(o / temperature),
        "the temperature is not used": at_one,
        "multiplied by the temperature, expected divided": softmax(
            without(o * temperature)
        ),
        "neither the temperature nor `excluded` is used": softmax(o),
        "only the excluded words are left, expected all others": softmax(
            np.where(out, o / temperature, -np.inf)
        ),
        "the excluded words are 0, but the others must share what they lose: divide "
        "by the new sum": without(softmax(o / temperature), 0.0),
        "a logit of 0 excludes no word, because exp(0) = 1: take -infinity": softmax(
            without(o / temperature, 0.0)
        ),
        "the excluded words are cut out, expected 0 in their places": p[~out],
        "not normalised: divide by the sum": unnormalised,
        "not normalised: divide by the sum, not by the largest": (
            unnormalised / unnormalised.max()
        ),
        "these are the logarithms of the probabilities": np.log(p),
        "these are logits, expected their softmax": o / temperature,
        "the probabilities are divided by the temperature, expected the logits": (
            at_one / temperature
        ),
        "this is a softmax of probabilities, expected one of logits": softmax(
            without(at_one / temperature)
        ),
        "all is given to the likeliest": (p == p.max()).astype(float),
    }


# Exercise 8.4 --------------------------------------------------------------------


@exercise(
    "What the model said minus what came, at each real prediction, and nothing at "
    "the padding."
)
def logits_gradient(student: Callable) -> Iterator[Verdict]:
    """Judge `logits_gradient(o, y, mask)`: where the backward pass begins."""
    rng = np.random.default_rng(0)
    lengths, n_words = (5, 2, 3, 1), 6
    mask = (np.arange(max(lengths))[:, None] < lengths).astype(float)
    for scale, remark in ((1.0, ""), (400.0, " with large logits")):
        o = scale * rng.normal(0, 1, (*mask.shape, n_words))
        y = rng.integers(0, n_words, mask.shape).astype(np.int32)
        name = f"logits_gradient(o, y, mask) with o of shape {o.shape}{remark}"
        result = to_finite(
            name,
            call(name, student, o.copy(), y.copy(), mask.copy()),
            "exp(o) overflows. First subtract the largest logit of each prediction",
        )
        with np.errstate(all="ignore"):
            expected, mistakes = _slopes(o, y, mask)
        yield compare(name, result, expected, mistakes=mistakes)


def _slopes(o, y, mask) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The gradient, and those with one mistake each."""
    p, real = softmax(o, axis=2), mask[:, :, None]
    came = np.arange(o.shape[2]) == y[:, :, None]
    everywhere = p.copy()
    everywhere[:, :, y.ravel()] -= 1
    gradient = (p - came) * real
    return gradient, {
        "the mask is not used": p - came,
        "1 is subtracted at the padding, too": p * real - came,
        "the mask is used for the 1 only, expected for p too": p - came * real,
        "the mask is used the wrong way round": (p - came) * (1 - real),
        "this is the gradient of the mean over the real predictions, expected that of "
        "the sum": gradient / mask.sum(),
        "this is the gradient of the mean over all positions, expected that of the "
        "sum": gradient / mask.size,
        "divided by the number of sentences, expected the gradient of the sum": (
            gradient / mask.shape[1]
        ),
        "this is p: 1 must be subtracted at the word that came": p * real,
        "the sign is wrong: expected p - 1 at the word that came, and p elsewhere": (
            -gradient
        ),
        "only the word that came has a slope, but the others have one, too": (
            (p - 1) * came * real
        ),
        "this is the gradient with respect to the probabilities, expected the logits": (
            -(came / p) * real
        ),
        "the softmax is missing": (o - came) * real,
        "each sigmoid has its own probability here, expected a softmax": (
            (1 / (1 + np.exp(-o)) - came) * real
        ),
        "the softmax is over the sentences, expected over the words, axis 2": (
            (softmax(o, axis=1) - came) * real
        ),
        "the softmax is over time, expected over the words, axis 2": (
            (softmax(o, axis=0) - came) * real
        ),
        "the softmax is over the whole array, expected over axis 2": (
            (softmax(o) - came) * real
        ),
        "1 is added at the word that came, expected subtracted": (p + came) * real,
        "the largest of p is taken for the word that came": (
            (p - (p == p.max(axis=2, keepdims=True))) * real
        ),
        "1 is subtracted from all words of y at all positions: give a word for each "
        "position, as in p[t, b, y]": everywhere * real,
        "1 is subtracted one word too far": (p - np.roll(came, 1, axis=2)) * real,
    }


# Exercise 8.5 --------------------------------------------------------------------


@exercise(
    "What the seen pairs give away, the unigram shares out, and each row sums to 1."
)
def discounted(student: Callable) -> Iterator[Verdict]:
    """Judge `discounted(counts, D)`: a bigram model with absolute discounting."""
    counts = np.array(
        [
            [0, 3, 1, 0, 1],
            [2, 0, 0, 1, 0],
            [0, 1, 0, 4, 2],
            [0, 0, 1, 0, 5],
            [1, 0, 1, 1, 0],
        ]
    )
    unseen = counts.copy()
    unseen[4] = 0
    for c, D, remark in (
        (counts, 0.75, ""),
        (counts, 0.4, ""),
        (unseen, 0.75, ", where nothing ever follows word 4"),
    ):
        name = f"discounted(counts, {D:g}){remark}"
        result = to_finite(
            name,
            call(name, student, c.copy(), D),
            "where no word follows u, c(u) = 0, and 0 / 0 is no number. Such a row "
            "is the unigram",
        )
        with np.errstate(all="ignore"):
            mistakes = _discount_mistakes(c, D)
        yield compare(name, result, _shared_out(c, D), mistakes=mistakes)


def _shared_out(c: np.ndarray, D: float, **formulas: Callable) -> np.ndarray:
    """P(w | u) (V, V) from counts c, row u and column w.

    Some of its parts may have other `formulas` (see `Computation`).
    """
    m = Computation(formulas)
    m.total = c.sum(axis=1, keepdims=True)
    m.unigram = c.sum(axis=0) / c.sum()
    m.N = (c > 0).sum(axis=1, keepdims=True)
    m.kept = np.maximum(c - D, 0)
    m.low = m.unigram
    P = (m.kept + D * m.N * m.low) / np.maximum(m.total, 1)
    m.empty = m.low
    return np.where(m.total > 0, P, m.empty)


def _discount_mistakes(c: np.ndarray, D: float) -> dict[str, np.ndarray]:
    """The bigram model with one mistake each."""
    V, total = len(c), np.maximum(c.sum(axis=1, keepdims=True), 1)
    unigram, kept = c.sum(axis=0) / c.sum(), np.maximum(c - D, 0)
    backed_off = np.where(c > 0, 0, unigram)
    backed_off = backed_off / backed_off.sum(axis=1, keepdims=True)
    contexts = (c > 0).sum(axis=0)
    return {
        "rows and columns are exchanged: counts[u, w] says how often w follows u": (
            _shared_out(c.T, D)
        ),
        "the rows without counts are 0, expected the unigram": (
            _shared_out(c, D, empty=lambda m: 0)
        ),
        "the rows without counts are uniform, expected the unigram": (
            _shared_out(c, D, empty=lambda m: 1 / V)
        ),
        "nothing is discounted: these are the shares of the counts": (
            _shared_out(c, 0, empty=lambda m: 0)
        ),
        "what is taken away is given to no word: D N(u) / c(u) times the unigram is "
        "missing": kept / total,
        "each row is divided by what is left, expected that the unigram gets the rest "
        "of it": (kept / np.maximum(kept.sum(axis=1, keepdims=True), 1e-12)),
        "the unigram gets D / c(u), expected D N(u) / c(u): N(u) pairs gave D each": (
            _shared_out(c, D, N=lambda m: 1)
        ),
        "the unigram gets D V / c(u), but only the N(u) pairs that occur gave D": (
            _shared_out(c, D, N=lambda m: V)
        ),
        "pairs that do not occur are discounted too, below 0": (
            _shared_out(c, D, kept=lambda m: c - D)
        ),
        "pairs that do not occur are discounted too, below 0, and all V words give": (
            _shared_out(c, D, kept=lambda m: c - D, N=lambda m: V)
        ),
        "N(u) counts the words before u, expected those after it": (
            _shared_out(c, D, N=lambda m: contexts[:, None])
        ),
        "N(w) stands in the place of N(u)": _shared_out(c, D, N=lambda m: contexts),
        "the lower order is uniform, expected the unigram": (
            _shared_out(c, D, low=lambda m: np.full(V, 1 / V))
        ),
        "the unigram has the shares of the words that come before, expected after": (
            _shared_out(c, D, low=lambda m: c.sum(axis=1) / c.sum())
        ),
        "this is Kneser-Ney: the lower order counts the contexts of a word. Expected "
        "how often the word occurs": _shared_out(
            c, D, low=lambda m: contexts / contexts.sum()
        ),
        "the lower order is made of counts, expected their shares": (
            _shared_out(c, D, low=lambda m: c.sum(axis=0))
        ),
        "only the words that never followed u get something, expected all words: this "
        "is back-off": _shared_out(
            c, D, low=lambda m: backed_off, empty=lambda m: unigram
        ),
        "D is the weight of a mixture here, expected what each pair gives": (
            (1 - D) * c / total + D * unigram
        ),
        "divided by the sum of all counts, expected by that of the row": (
            _shared_out(c, D) * total / c.sum()
        ),
        "D is added to each count, expected subtracted": (
            (c + D) / (c + D).sum(axis=1, keepdims=True)
        ),
    }


# Exercise 8.6 --------------------------------------------------------------------


class _Answers(NamedTuple):
    """What the student's model says: one entry for each prediction."""

    of_next: np.ndarray  # the probability of the word that came
    of_last: np.ndarray  # that of the word just read
    differ: bool  # whether what it says depends on the words


class _Data(NamedTuple):
    """The shipped comments as in the chapter: word indices START, words, END."""

    vocabulary: Vocabulary
    train: list[np.ndarray]
    new: list[np.ndarray]  # validation and test


@lru_cache(maxsize=1)
def _data() -> _Data:
    data = training.data("comments", WORDS)
    return _Data(data.vocabulary, data.train, data.validation + data.test)


@lru_cache(maxsize=1)
def _baselines() -> tuple[float, float, float]:
    """The perplexities of Kneser-Ney unigrams, bigrams and trigrams."""
    data = _data()
    fitted = (
        ngrams.fit(data.train, n, WORDS, data.vocabulary.start) for n in (1, 2, 3)
    )
    return tuple(
        ngrams.perplexity(ngrams.log_probabilities(model, data.new)) for model in fitted
    )


@exercise(
    f"Its perplexity is at least {100 * (1 - GOOD):.0f}% below that of the bigram "
    "model, on sentences that it never saw."
)
def language_model(student: Callable) -> Iterator[Verdict]:
    """Judge `language_model(sentences, V)`, which learns and returns `next_word`.

    `next_word(words)` has the probabilities (V,) of the word that comes after these.
    """
    data = _data()
    name = f"language_model(sentences, {WORDS})"
    next_word = call(name, student, [s.copy() for s in data.train], WORDS)
    if not isinstance(next_word, Verdict) and not callable(next_word):
        what = describe(next_word)
        next_word = wrong(name, f"returned {what}, expected the function next_word")
    answers = _asked(next_word, data)
    if isinstance(answers, Verdict):
        yield answers
        return
    yield _judged(name, answers)


def _asked(next_word: Callable | Verdict, data: _Data) -> _Answers | Verdict:
    """What the model says at all places of the new sentences, or what is wrong.

    In random order, and a few of them twice: what it says must depend on the words
    alone.
    """
    if isinstance(next_word, Verdict):
        return next_word
    places = [(s[:t], s[t]) for s in data.new for t in range(1, len(s))]
    order = np.random.default_rng(8).permutation(len(places))
    first: dict[int, np.ndarray] = {}
    of_next, of_last, differ = [], [], False
    for i in (*order, *order[:AGAIN]):
        words, came = places[i]
        name = f"next_word(words) {_after(words, data.vocabulary)}"
        p = to_probabilities(name, call(name, next_word, words.copy()), WORDS)
        if isinstance(p, Verdict):
            return p
        if i in first:
            if np.abs(p - first[i]).max() > SAME:
                return wrong(
                    name,
                    "says something else when asked again: it must depend on `words` "
                    "alone, not on chance or on what was asked before",
                )
            continue
        if p[came] == 0:
            word = data.vocabulary.words[came]
            return wrong(
                name, f'"{word}" has the probability 0, and it came: none may have it'
            )
        if len(first) < AGAIN:
            first[i] = p
        differ = differ or bool(np.abs(p - first[order[0]]).max() > SAME)
        of_next.append(p[came])
        if len(words) > 1:  # START is never predicted
            of_last.append(p[words[-1]])
    return _Answers(np.array(of_next), np.array(of_last), differ)


def _after(words: np.ndarray, vocabulary: Vocabulary) -> str:
    """Where in a sentence we are: 'after "... i do not"', "at the start"."""
    shown = [vocabulary.words[i] for i in words[1:]]
    if not shown:
        return "at the start"
    return f'after "{"... " if len(shown) > 3 else ""}{" ".join(shown[-3:])}"'


def _judged(name: str, answers: _Answers) -> Verdict:
    """Whether the perplexity is good enough, and if not, what may be the matter."""
    unigram, bigram, trigram = _baselines()
    reached, wanted = _perplexity_of(answers.of_next), GOOD * bigram
    said = f"the perplexity is {number(reached)}, expected at most {number(wanted)}"
    if reached < SEEN * bigram:
        return wrong(
            name,
            f"the perplexity is {number(reached)}, which is too good: did it learn "
            "from the new comments? Let it learn from `sentences` only",
        )
    if reached <= wanted:
        return right(name)
    if not answers.differ:
        return wrong(name, f"{said}. It says the same whatever the words are")
    for model, value in (("bigram", bigram), ("trigram", trigram)):
        if np.isclose(reached, value, rtol=1e-6):
            return wrong(name, f"{said}. This is the {model} model of the chapter")
    if _perplexity_of(answers.of_last) < reached / 2:
        return wrong(
            name,
            f"{said}. It knows the last of the words better: expected the "
            "probabilities of the next one",
        )
    if reached > unigram:
        return wrong(
            name,
            f"{said}. Without looking at the words one gets {number(unigram)}, so "
            "nothing is learned yet",
        )
    if reached > bigram:
        return wrong(
            name,
            f"{said}. The bigram model has {number(bigram)}: train for longer, or mix "
            "what yours says with what the bigram model says",
        )
    return wrong(name, f"{said}. That is better than the bigram model, but not enough")


def _perplexity_of(p: np.ndarray) -> float:
    with np.errstate(divide="ignore"):
        return ngrams.perplexity([np.log(p)])
