"""The checks of the exercises of chapter 8."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from scipy.special import softmax

from helpers.check.clues import ask, changed, of_probabilities, with_clue
from helpers.check.core import Domain, Probe, Verdict, call, exercise, judge
from helpers.check.core.computation import Computation
from helpers.check.core.patience import TRAINING
from helpers.check.core.probabilities import to_probabilities
from helpers.check.core.values import to_array, to_finite
from helpers.check.core.verdicts import VALUES, right, wrong
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

# The special words do not stand in front, so that no number can be guessed.
VOCABULARY = Vocabulary(("the", END, "cat", UNKNOWN, ".", START, "sat", "a"))


def _draw_words(rng: np.random.Generator) -> tuple[list[str], Vocabulary]:
    known = ["the", "cat", "sat", "on", "a", "mat", "."]
    inside = [
        START,
        END,
        UNKNOWN,
        *rng.choice(known, rng.integers(1, 7), replace=False),
    ]
    vocabulary = Vocabulary(tuple(map(str, rng.permutation(inside))))
    return list(map(str, rng.choice([*known, "wombat"], rng.integers(8)))), vocabulary


@exercise(
    "At each position x has the word that is read, and y the one that comes next.",
    Domain(
        "training_pair(words, vocabulary)",
        "`vocabulary` is a `Vocabulary` of any words in any order",
        _draw_words,
        [
            (["the", "cat", "sat", "."], VOCABULARY),
            (["a", "wombat", "sat", "there", "."], VOCABULARY),
            (["wow"], VOCABULARY),
            ([], VOCABULARY),
        ],
    ),
)
def training_pair(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `training_pair(words, vocabulary)`: what is read, and what is to come."""
    verdict = judge(student, probes, _pair, mistakes=_pair_mistakes, parts=("x", "y"))
    if verdict.rule in (VALUES, "shape", "place", "order", "zero"):
        verdict = _word_by_word(verdict, student, probes)
    yield verdict


def _pair(words: list[str], vocabulary: Vocabulary) -> tuple[np.ndarray, np.ndarray]:
    sequence = vocabulary.encode(words)
    return sequence[:-1], sequence[1:]


def _word_by_word(verdict: Verdict, student: Callable, probes) -> Verdict:
    """The first of the numbers that is wrong, and which words it and the right one are.

    The verdict itself if there is none to show.
    """
    for name, arguments, _ in probes:
        result = call(name, student, *arguments)
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            return verdict
        for part, got, expected in zip("xy", result, _pair(*arguments), strict=True):
            numbers = to_array(f"{part} of {name}", got)
            if isinstance(numbers, Verdict):
                return numbers
            if numbers.ndim != 1 or numbers.dtype.kind not in "iuf":
                return verdict
            words = arguments[1].words
            shown = [_word(i, words) for i in numbers]
            wanted = [_word(i, words) for i in expected]
            if shown != wanted:
                said = f"{part} of {name}: it reads {', '.join(shown) or 'nothing'}, "
                said += f"expected {', '.join(wanted)}."
                return Verdict(False, True, said, "words")
    return verdict


def _word(i: float, words: Sequence[str]) -> str:
    return words[int(i)] if i == int(i) and 0 <= i < len(words) else f"number {i:g}"


def _pair_mistakes(words, v: Vocabulary) -> dict[str, dict[str, Any]]:
    """The pair with one mistake each; `sequence` is START, the words, END."""
    sequence = v.encode(words)
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
        "the words are in reverse order": {
            "x": np.concatenate([sequence[:1], ids[::-1]]),
            "y": np.concatenate([ids[::-1], sequence[-1:]]),
        },
        **{text: {"x": s[:-1], "y": s[1:]} for text, s in sequences.items()},
    }


# Exercise 8.2 --------------------------------------------------------------------


def _draw_sentences(rng: np.random.Generator) -> tuple[list[np.ndarray]]:
    lengths = rng.integers(1, 20, rng.integers(1, 40))
    return ([rng.uniform(1e-4, 1, n) for n in lengths],)


def _sentences(*given: Sequence[float]) -> tuple[list[np.ndarray]]:
    return ([np.array(sentence) for sentence in given],)


def _many() -> tuple[list[np.ndarray]]:
    rng = np.random.default_rng(0)
    return ([rng.uniform(1e-4, 0.02, n) for n in rng.integers(1, 30, 100)],)


@exercise(
    "Each word counts the same, in a long sentence and in a short one, and however "
    "many there are.",
    Domain(
        "perplexity(p)",
        "There is at least one sentence, and no probability is 0.",
        _draw_sentences,
        [
            _sentences([0.2, 0.9], [0.01, 0.1, 0.3, 0.05, 0.6], [0.5]),
            _sentences([0.5, 0.25, 0.1]),
            _many(),
        ],
    ),
)
def perplexity(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `perplexity(p)`: from the probabilities of the words of some sentences."""
    probes = [p._replace(name=f"perplexity({_shown(*p.arguments)})") for p in probes]

    def take(name: str, result: Any, given: Sequence) -> Any:
        return to_finite(
            name,
            result,
            "the product of so many small numbers is 0 for a computer. Add their "
            "logarithms",
        )

    verdict = judge(
        student, probes, _perplexity, mistakes=_perplexity_mistakes, take=take
    )
    yield with_clue(verdict, _perplexity_clues(student))


def _shown(p: list[np.ndarray]) -> str:
    if sum(map(len, p)) > 10:
        return f"p of {len(p)} sentence{'s' if len(p) > 1 else ''}"
    return str([sentence.round(3).tolist() for sentence in p])


def _perplexity(p: list[np.ndarray]) -> float:
    return np.exp(-np.log(np.concatenate(p)).mean())


def _perplexity_clues(student: Callable) -> Iterator[str]:
    """What every perplexity has in common."""
    (few,) = _sentences([0.25, 0.25, 0.25], [0.25])
    of_four = ask(student, few)
    if of_four is not None and of_four.size == 1 and not np.isclose(of_four, 4):
        yield (
            "If each word has the probability 1/4 the perplexity is 4, and it says "
            f"{number(of_four.item())}."
        )
    (p,) = _sentences([0.2, 0.9], [0.01, 0.1, 0.3])
    (q,) = _sentences([0.2], [0.9, 0.01, 0.1, 0.3])
    if changed(ask(student, p), ask(student, q)):
        yield "It depends on where one sentence ends and the next begins."
    if changed(ask(student, p), ask(student, p[::-1])):
        yield "It depends on the order of the sentences."


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
        "this is the perplexity of the first sentence alone": np.exp(-means[0]),
        "this is the perplexity of the last sentence alone": np.exp(-means[-1]),
        "this is the perplexity of the worst word: the mean is missing": (
            1 / every.min()
        ),
        "this is 1 / p of the best word: the mean is missing": 1 / every.max(),
        "these are the values of the words, expected one: the mean is missing": (
            1 / every
        ),
        "this is the median of 1 / p, expected exp of the mean of -log p": np.exp(
            -np.median(log_p)
        ),
        "1 is subtracted from exp": np.exp(-log_p.mean()) - 1,
        "1 is added to p before the logarithm": np.exp(-np.log1p(every).mean()),
        "the logarithm is missing: this is exp of minus the mean probability": (
            np.exp(-every.mean())
        ),
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


def _draw_logits(rng: np.random.Generator) -> tuple[np.ndarray, float, list[int]]:
    V = int(rng.integers(2, 10))
    o = rng.normal(0, rng.choice([1, 5, 2000]), V) + rng.choice([0, 3000, -3000])
    excluded = rng.choice(V, rng.integers(0, V), replace=False)
    return o, float(np.exp(rng.uniform(-1.5, 1.5))), excluded.tolist()


def _drawings() -> list[tuple[np.ndarray, float, list[int]]]:
    o = np.array([0.3, -1.2, 2.1, 0.0, 1.4, -0.6])
    far = 3000.0 * (np.arange(len(o)) == 3)
    return [
        (o, 1.0, []),
        (o, 2.0, [0]),
        (o, 0.5, []),
        (o, 1.0, [2, 3]),
        (o, 2.0, [2, 4]),
        (o + 1000, 0.7, [4]),
        (o - 1000, 0.7, [4]),
        (o + far, 0.7, [3]),
        # Less likely than any number that one would write in the place of -infinity.
        (o - 9000, 0.5, [1]),
        (np.where(far > 0, o, o - 9000), 1.5, [3]),
        (o - 1e5, 1.0, [2]),
    ]


@exercise(
    "What is excluded has no chance at all, the others share it, and large logits "
    "do no harm.",
    Domain(
        "word_probabilities(o, temperature, excluded)",
        "At least one word is left, and the temperature is greater than 0.",
        _draw_logits,
        _drawings(),
    ),
)
def word_probabilities(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `word_probabilities(o, temperature, excluded)`: to draw the next word."""
    probes = [p._replace(name=_drawing_name(*p.arguments)) for p in probes]
    verdict = judge(
        student, probes, _drawn, mistakes=_drawing_mistakes, take=_finite_drawing
    )
    yield with_clue(verdict, _drawing_clues(student))
    for name, arguments, _ in probes:
        p, excluded = ask(student, *arguments), arguments[2]
        if p is not None and p[excluded].any():
            most = number(p[excluded].max())
            yield wrong(name, f"an excluded word gets {most}, expected exactly 0")
            return


def _drawing_name(o: np.ndarray, temperature: float, excluded: list[int]) -> str:
    remark = "" if np.abs(o).max() < 100 else " with logits of some thousands"
    largest = int(o.argmax())
    if remark and o[largest] > np.sort(o)[-2] + 500 and largest in excluded:
        remark = f" where the logit of word {largest} is far above the others"
    return f"word_probabilities(o, {temperature:.3g}, {excluded}){remark}"


def _finite_drawing(name: str, result: Any, given: Sequence) -> Any:
    hint = (
        "exp of a large number overflows, and where exp gives 0 for all words the sum "
        "is 0. First subtract the largest logit of those that may be drawn"
    )
    if "logit" not in name:
        hint = "an excluded word has the logit -infinity: what is computed with it?"
    return to_finite(name, result, hint)


def _without(values: np.ndarray, excluded: list[int], instead: float) -> np.ndarray:
    return np.where(np.isin(np.arange(len(values)), excluded), instead, values)


def _drawn(o: np.ndarray, temperature: float, excluded: list[int]) -> np.ndarray:
    return softmax(_without(o / temperature, excluded, -np.inf))


def _drawing_mistakes(o, temperature, excluded) -> dict[str, np.ndarray]:
    """The probabilities with one mistake each."""
    out = np.isin(np.arange(len(o)), excluded)

    def without(values, instead=-np.inf):
        return np.where(out, instead, values)

    p, at_one = _drawn(o, temperature, excluded), softmax(without(o))
    unnormalised = np.exp(without(o / temperature))
    others = softmax(o / temperature)
    below = {
        f"a logit of {value} excludes no word where the others are as low: take "
        "-infinity": softmax(without(o / temperature, value))
        for value in (-10.0, -50.0, -100.0, -1000.0, -1e4, -1e5)
    } | {
        f"a logit of {value}, divided by the temperature, excludes no word where the "
        "others are as low: take -infinity": softmax(without(o, value) / temperature)
        for value in (-10.0, -50.0, -100.0, -1000.0, -1e4, -1e5)
    }
    return below | {
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
        "all words get the same, the excluded ones too": (np.full(len(o), 1 / len(o))),
        "divided by the mean, expected by the sum": p * len(p),
        "multiplied by the sum, expected divided": unnormalised * unnormalised.sum(),
        "the sign of the logits is wrong: the likeliest comes last": softmax(
            without(-o / temperature)
        ),
        "the exponential is missing: this is the share of the logits themselves": (
            without(o / temperature, 0) / without(o / temperature, 0).sum()
        ),
        "the exponential is missing: the logits, less the largest, are divided by "
        "their sum": (o - o.max()) / (o - o.max()).sum()
        if not excluded
        else np.full(len(o), np.nan),
        "the temperature is added, expected divided": softmax(without(o + temperature)),
        "the temperature divides the probabilities, and they are normalised again": (
            without(others / temperature, 0) / others[~out].sum()
        ),
        "the largest word is excluded too": (
            _drawn(o, temperature, [*excluded, int(np.argmax(without(o)))])
            if (~out).sum() > 1
            else p
        ),
        "all is given to the likeliest": (p == p.max()).astype(float),
    }


def _drawing_clues(student: Callable) -> Iterator[str]:
    """What all probabilities have in common, and what these should not depend on."""
    o = np.array([0.3, -1.2, 2.1, 0.0])
    p, hot = ask(student, o, 1.0, [2]), ask(student, o, 4.0, [2])
    if p is None or hot is None or p.shape != o.shape or hot.shape != o.shape:
        return
    yield from of_probabilities(p)
    yield from of_probabilities(hot)
    if p[2]:
        yield f"The excluded word gets {number(p[2])}, expected 0."
    if changed(p, ask(student, o + 1, 1.0, [2])):
        yield "It changes when 1 is added to all logits, and a softmax does not."
    if not changed(p, hot):
        yield "The temperature makes no difference."
    if not np.isclose(p[0] / p[3], np.exp(0.3)):
        yield (
            "At temperature 1 a logit that is higher by 0.3 should make a word e**0.3 "
            f"= 1.35 times as likely, and it is {number(p[0] / p[3])} times."
        )
    yield "It is right at temperature 1: what does another temperature change?"


# Exercise 8.4 --------------------------------------------------------------------


def _draw_batch(rng: np.random.Generator) -> tuple:
    lengths, n_words = rng.integers(1, 7, rng.integers(1, 6)), int(rng.integers(2, 8))
    return _batch(rng, lengths, n_words, float(rng.choice([1, 4, 400])))


def _batch(rng, lengths: Sequence[int], n_words: int, scale: float) -> tuple:
    mask = (np.arange(max(lengths))[:, None] < lengths).astype(float)
    o = scale * rng.normal(0, 1, (*mask.shape, n_words))
    return o, rng.integers(0, n_words, mask.shape).astype(np.int32), mask


BATCHES = [
    _batch(np.random.default_rng(0), lengths, n_words, scale)
    for lengths, n_words, scale in (
        ((5, 2, 3, 1), 6, 1.0),
        ((4, 4), 5, 1.0),
        ((5, 2, 3, 1), 6, 400.0),
        ((3, 2, 1), 3, 1.0),
    )
]


@exercise(
    "What the model said minus what came, at each real prediction, and nothing at "
    "the padding.",
    Domain(
        "logits_gradient(o, y, mask)",
        "Where the mask is 0, `o` holds any numbers and `y` any words.",
        _draw_batch,
        BATCHES,
    ),
)
def logits_gradient(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `logits_gradient(o, y, mask)`: where the backward pass begins."""
    probes = [p._replace(name=_batch_name(*p.arguments)) for p in probes]

    def take(name: str, result: Any, given: Sequence) -> Any:
        hint = (
            "exp(o) overflows. First subtract the largest logit of each prediction"
            if name.endswith("large logits")
            else "is something divided by the mask, which is 0 in the padding?"
        )
        return to_finite(name, result, hint)

    verdict = judge(student, probes, _slopes, mistakes=_slope_mistakes, take=take)
    yield with_clue(verdict, _slope_clues(student))


def _batch_name(o, y, mask) -> str:
    remark = " with large logits" if np.abs(o).max() > 100 else ""
    return f"logits_gradient(o, y, mask) with o of shape {o.shape}{remark}"


def _slopes(o, y, mask) -> np.ndarray:
    came = np.arange(o.shape[2]) == y[:, :, None]
    return (softmax(o, axis=2) - came) * mask[:, :, None]


def _slope_mistakes(o, y, mask) -> dict[str, np.ndarray]:
    """The gradient with one mistake each."""
    p, real = softmax(o, axis=2), mask[:, :, None]
    came = np.arange(o.shape[2]) == y[:, :, None]
    everywhere = p.copy()
    everywhere[:, :, y.ravel()] -= 1
    gradient = _slopes(o, y, mask)
    raised = np.exp(o - o.max(axis=2, keepdims=True))
    ends = {
        "1 is subtracted at the first word, expected at the word that came": 0,
        "1 is subtracted at the last word, expected at the word that came": -1,
    }
    return {
        sentence: (p - (np.arange(o.shape[2]) == np.arange(o.shape[2])[i])) * real
        for sentence, i in ends.items()
    } | {
        "the exponentials are not divided by their sum": (raised - came) * real,
        "the exponentials are multiplied by their sum, expected divided": (
            raised * raised.sum(axis=2, keepdims=True) - came
        )
        * real,
        "the exponentials are divided by their mean, expected by their sum": (
            raised / raised.mean(axis=2, keepdims=True) - came
        )
        * real,
        "the exponentials are divided by the largest, expected by their sum": (
            raised / raised.max(axis=2, keepdims=True) - came
        )
        * real,
        "the exponentials are divided by the sum over all sentences, expected over the "
        "words": (raised / raised.sum(axis=1, keepdims=True) - came) * real,
        "the exponentials are divided by the sum over time, expected over the words": (
            raised / raised.sum(axis=0, keepdims=True) - came
        )
        * real,
        "the exponentials are divided by the sum over the whole array, expected over "
        "the words": (raised / raised.sum() - came) * real,
        "the sign of the logits is wrong: this is the softmax of -o": (
            (softmax(-o, axis=2) - came) * real
        ),
        "the exponential is missing: the logits are divided by their sum": (
            (o - o.max(axis=2, keepdims=True))
            / (o - o.max(axis=2, keepdims=True)).sum(axis=2, keepdims=True)
            - came
        )
        * real,
        "all words are equally likely here: is the exponential of anything taken?": (
            (1 / o.shape[2] - came) * real
        ),
        "p is 1 everywhere: it is divided by itself": (1 - came) * real,
        "2 is subtracted at the word that came, expected 1": (p - 2 * came) * real,
        "the word that came is set to -1, expected to p - 1": (
            np.where(came, -1, p) * real
        ),
        "the word that came is set to 1, expected to p - 1": (
            np.where(came, 1, p) * real
        ),
        "the word that came is set to 0, expected to p - 1": (
            np.where(came, 0, p) * real
        ),
        "the mask is added, expected multiplied": p - came + real,
        "the mask is subtracted, expected multiplied": p - came - real,
        "1 is added at the word that came, and at the padding too": (p * real + came),
        "this is the mask alone": (real + 0 * p),
        "the words y stand in the place of the mask": (p - came) * y[:, :, None],
        "time and sentence are exchanged for the word that came": (
            (p - np.swapaxes(came, 0, 1)) * real
            if o.shape[0] == o.shape[1]
            else np.full(o.shape, np.nan)
        ),
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


def _slope_clues(student: Callable) -> Iterator[str]:
    """What holds for the gradient of each prediction."""
    o, y, mask = BATCHES[0]
    slopes = ask(student, o, y, mask)
    if slopes is None or slopes.shape != o.shape:
        return
    real, came = mask > 0, np.arange(o.shape[2]) == y[:, :, None]
    if slopes[~real].any():
        yield "In the padding, where the mask is 0, all should be 0, and is not."
    rest = slopes[real][~came[real]]
    if rest.min() < 0:
        yield "At a word that did not come there should be its p, and it is negative."
    if (slopes[real][came[real]] > 0).any():
        yield "At the word that came there should be p - 1, and it is positive."
    sums = slopes[real].sum(axis=1)
    if not np.allclose(sums, 0):
        yield (
            "The slopes of one prediction should sum to 0, because p sums to 1 and 1 "
            f"is subtracted, and those of the first sum to {number(sums[0])}."
        )
    wrong_at = ~np.isclose(slopes, _slopes(o, y, mask))
    if not (wrong_at & came).any():
        yield "It is right at the words that came, and wrong at the others."
    if not (wrong_at & ~came).any():
        yield "It is wrong only at the words that came, where p - 1 is expected."
    if not wrong_at[:, 0].any():
        yield "It is right for the first sentence: which axis counts the sentences?"
    if not wrong_at[0].any():
        yield "It is right for the first step of time: which axis counts the steps?"


# Exercise 8.5 --------------------------------------------------------------------


def _draw_counts(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    V = int(rng.integers(2, 8))
    counts = rng.poisson(rng.choice([0.4, 1.0, 3.0]), (V, V))
    counts[rng.integers(V)] *= rng.integers(2)
    counts[rng.integers(V), rng.integers(V)] += 1
    return counts, float(rng.uniform(0.05, 0.95))


def _counted() -> list[tuple[np.ndarray, float]]:
    counts = np.array(
        [
            [0, 3, 1, 0, 1],
            [2, 0, 0, 1, 0],
            [0, 1, 0, 4, 2],
            [0, 0, 1, 0, 5],
            [1, 0, 1, 1, 0],
        ]
    )
    unseen, once = counts.copy(), counts.copy()
    unseen[4] = 0
    once[2] = [0, 0, 1, 0, 0]
    return [(counts, 0.75), (counts, 0.4), (unseen, 0.75), (once, 0.5)]


@exercise(
    "What the seen pairs give away, the unigram shares out, and each row sums to 1.",
    Domain(
        "discounted(counts, D)",
        "At least one count is not 0.",
        _draw_counts,
        _counted(),
    ),
)
def discounted(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `discounted(counts, D)`: a bigram model with absolute discounting."""
    probes = [p._replace(name=_counts_name(*p.arguments)) for p in probes]

    def take(name: str, result: Any, given: Sequence) -> Any:
        hint = "is something divided by a count, which may be 0?"
        if "nothing" in name:
            hint = (
                "where no word follows u, c(u) = 0, and 0 / 0 is no number. Such a row "
                "is the unigram"
            )
        return to_finite(name, result, hint)

    verdict = judge(
        student, probes, _shared_out, mistakes=_discount_mistakes, take=take
    )
    yield with_clue(verdict, _discount_clues(student))


def _counts_name(counts: np.ndarray, D: float) -> str:
    empty = np.flatnonzero(counts.sum(axis=1) == 0)
    name = f"discounted(counts, {D:.3g})"
    return f"{name}, where nothing ever follows word {empty[0]}" if len(empty) else name


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
    return np.where(c.sum(axis=1, keepdims=True) > 0, P, m.empty)


def _discount_mistakes(c: np.ndarray, D: float) -> dict[str, np.ndarray]:
    """The bigram model with one mistake each."""
    V, total = len(c), np.maximum(c.sum(axis=1, keepdims=True), 1)
    unigram, kept = c.sum(axis=0) / c.sum(), np.maximum(c - D, 0)
    backed_off = np.where(c > 0, 0, unigram)
    backed_off = backed_off / backed_off.sum(axis=1, keepdims=True)
    contexts = (c > 0).sum(axis=0)
    mistakes = {
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
        "nothing is discounted, but the unigram gets its share all the same": (
            _shared_out(c, D, kept=lambda m: c)
        ),
        "the seen pairs keep nothing: only the unigram's share is left": (
            _shared_out(c, D, kept=lambda m: 0 * m.kept)
        ),
        "each seen pair keeps 1 at least": (
            _shared_out(c, D, kept=lambda m: np.maximum(c - D, 1))
        ),
        "D is added to each count, and the unigram gets its share": (
            _shared_out(c, D, kept=lambda m: c + D)
        ),
        "D is taken from the counts the wrong way round": (
            _shared_out(c, D, kept=lambda m: np.maximum(D - c, 0))
        ),
        "the smaller of c - D and 0 is kept, expected the larger": (
            _shared_out(c, D, kept=lambda m: np.minimum(c - D, 0))
        ),
        "counts and D are multiplied, expected subtracted": (
            _shared_out(c, D, kept=lambda m: c * D)
        ),
        "the unigram's share is subtracted, expected added": (
            (kept - D * (c > 0).sum(axis=1, keepdims=True) * unigram) / total
        ),
        "D N(u) is shared out without the unigram: each word gets all of it": (
            _shared_out(c, D, low=lambda m: np.ones(V), empty=lambda m: unigram)
        ),
        "the unigram gets 1 / c(u), expected D N(u) / c(u)": (
            _shared_out(c, D, N=lambda m: 1 / D)
        ),
        "the unigram gets N(u) / c(u), expected D N(u) / c(u)": (
            _shared_out(c, D, low=lambda m: unigram / D, empty=lambda m: unigram)
        ),
        "D and N(u) are added, expected multiplied": (
            _shared_out(c, D, N=lambda m: (D + m.N) / D)
        ),
        "D is divided by N(u), expected multiplied": (
            _shared_out(c, D, N=lambda m: 1 / np.maximum(m.N, 1))
        ),
        "N(u) counts the pairs that occurred more than once, expected all": (
            _shared_out(c, D, N=lambda m: (c > 1).sum(axis=1, keepdims=True))
        ),
        "N(u) counts the words that never followed u": (
            _shared_out(c, D, N=lambda m: (c == 0).sum(axis=1, keepdims=True))
        ),
        "N(u) is 1 for each pair, expected their number in the row": (
            _shared_out(c, D, N=lambda m: c > 0)
        ),
        "N(u) is the number of pairs in the whole table, expected in the row": (
            _shared_out(c, D, N=lambda m: np.count_nonzero(c))
        ),
        "N(u) is the share of the words in the row, expected their number": (
            _shared_out(c, D, N=lambda m: m.N / V)
        ),
        "N(u) is the number of tokens c(u), expected that of different words": (
            _shared_out(c, D, N=lambda m: m.total)
        ),
        "each row is divided by its largest count, expected by its sum": (
            _shared_out(c, D, total=lambda m: c.max(axis=1, keepdims=True))
        ),
        "each row is divided by its mean, expected by its sum": (
            np.where(total > 0, V, 1) * _shared_out(c, D)
        ),
        "the sums of the columns stand in the place of those of the rows": (
            _shared_out(c, D, total=lambda m: c.sum(axis=0, keepdims=True))
        ),
        "the sum of column w stands in the place of that of row u": (
            _shared_out(c, D, total=lambda m: c.sum(axis=0)[:, None])
        ),
        "the sums lie along the wrong axis: keepdims=True is missing": (
            _shared_out(c, D, total=lambda m: c.sum(axis=1))
        ),
        "N lies along the wrong axis: keepdims=True is missing": (
            _shared_out(c, D, N=lambda m: (c > 0).sum(axis=1))
        ),
        "each pair is divided by its own count, expected by the sum of the row": (
            _shared_out(c, D, total=lambda m: np.maximum(c, 1))
        ),
        "the rows are not divided by c(u)": _shared_out(c, D) * total,
        "the rows are multiplied by c(u), expected divided": (
            _shared_out(c, D) * total**2
        ),
        "the unigram is the mean of each column, expected its share of all": (
            _shared_out(c, D, low=lambda m: c.mean(axis=0) / c.sum())
        ),
        "the unigram is the largest of each column, expected its share of all": (
            _shared_out(c, D, low=lambda m: c.max(axis=0) / c.sum())
        ),
        "the unigram is divided by the mean of all counts, expected by their sum": (
            _shared_out(c, D, low=lambda m: c.sum(axis=0) / c.mean())
        ),
        "the unigram is divided by the largest count, expected by the sum of all": (
            _shared_out(c, D, low=lambda m: c.sum(axis=0) / c.max())
        ),
        "the unigram is the share of each pair, expected that of each word": (
            _shared_out(c, D, low=lambda m: c / c.sum())
        ),
        "all rows are the unigram: what was counted is not used": (
            np.broadcast_to(unigram, c.shape)
        ),
        "D is added to each count, expected subtracted": (
            (c + D) / (c + D).sum(axis=1, keepdims=True)
        ),
    }
    if (c.sum(axis=1) > 0).all():
        return mistakes
    # Who makes another mistake may treat a row without counts in one way or another.
    return {s: P for s, P in mistakes.items() if s.startswith("the rows without")}


def _discount_clues(student: Callable) -> Iterator[str]:
    """What holds for every such model."""
    counts, D = _counted()[0]
    P = ask(student, counts, D)
    if P is None or P.shape != counts.shape:
        return
    sums, expected = P.sum(axis=1), _shared_out(counts, D)
    unigram = counts.sum(axis=0) / counts.sum()
    off = np.flatnonzero(~np.isclose(sums, 1))
    if len(off):
        yield (
            f"Row {off[0]} sums to {number(sums[off[0]])}, and the probabilities of "
            "the next word sum to 1."
        )
    if P.min() < 0:
        yield f"The smallest is {number(P.min())}, and no probability is below 0."
    without, with_all = ask(student, counts, 0.0), ask(student, counts, 1.0)
    if without is not None and not np.allclose(without, _shared_out(counts, 0.0)):
        yield "For D = 0 each row should have the shares of its counts, and has not."
    if with_all is not None and not changed(without, with_all):
        yield "D makes no difference."
    unseen = counts == 0
    shares = np.where(unseen, P / unigram, np.nan)
    if np.nanmax(np.nanmax(shares, axis=1) - np.nanmin(shares, axis=1)) > 1e-6:
        yield (
            "Two words that never followed u should be to each other as in the unigram "
            "model, and are not."
        )
    if not (np.isclose(P, expected) ^ unseen).any() or np.allclose(
        P[unseen], expected[unseen]
    ):
        yield "It is right for the pairs that never occurred: what do the others keep?"


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
    next_word = call(name, student, data.train, WORDS, seconds=TRAINING)
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
        p = to_probabilities(name, call(name, next_word, words), WORDS)
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


# Exercise 8.7 --------------------------------------------------------------------


def _draw_window(rng: np.random.Generator) -> tuple:
    T, n, m, H, V = (int(rng.integers(low, 6)) for low in (1, 1, 1, 2, 3))
    return _window(rng, T, n, m, H, V)


def _window(rng: np.random.Generator, T: int, n: int, m: int, H: int, V: int) -> tuple:
    shapes = (V, m), (n * m, H), (H,), (H, V), (V,)
    return rng.integers(0, V, T), *(rng.normal(size=shape) for shape in shapes)


WINDOWS = [
    _window(np.random.default_rng(i), *sizes)
    for i, sizes in enumerate(
        [(5, 3, 2, 4, 6), (1, 2, 3, 4, 5), (2, 4, 2, 3, 5), (4, 1, 3, 2, 5)]
    )
]


@exercise(
    "Each word and those before it give the logits of the next, and copies of the "
    "first word stand where there are too few.",
    Domain(
        "window_logits(words, W_ih, C, b_h, W_ho, b_o)",
        "`words` holds at least one index, of which the first is START",
        _draw_window,
        WINDOWS,
    ),
)
def window_logits(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `window_logits(...)`: the logits (T, V) of a window network."""
    probes = [p._replace(name=_window_name(*p.arguments)) for p in probes]
    verdict = judge(student, probes, _window_logits, mistakes=_window_mistakes)
    yield with_clue(verdict, _window_clues(student))


def _window_name(words, W_ih, C, *rest) -> str:
    n = len(C) // W_ih.shape[1]
    plural = "s" if len(words) > 1 else ""
    return f"window_logits(...) of {len(words)} word{plural} with a window of {n}"


def _window_logits(
    words,
    W_ih,
    C,
    b_h,
    W_ho,
    b_o,
    *,
    order=lambda rows: rows,
    pad=None,
    later=0,
    f=np.tanh,
) -> np.ndarray:
    """The logits; `order` takes the rows (n, m), newest first, of one window."""
    m = W_ih.shape[1]
    n = len(C) // m
    padded = [words[0]] * (n - 1) + list(words)
    o = []
    for t in range(len(words)):
        at = np.clip(np.arange(t, t + n)[::-1] + later, 0, len(padded) - 1)
        rows = W_ih[np.array(padded)[at]].copy()
        if pad is not None:
            rows[np.arange(n) > t] = pad(W_ih)
        o.append(f(order(rows).ravel() @ C + b_h) @ W_ho + b_o)
    return np.array(o)


def _window_mistakes(words, W_ih, C, b_h, W_ho, b_o) -> dict[str, np.ndarray]:
    """The logits with one mistake each."""
    given = words, W_ih, C, b_h, W_ho, b_o
    right_one = _window_logits(*given)
    p = softmax(right_one, axis=1)
    n, m = len(C) // W_ih.shape[1], W_ih.shape[1]
    return {
        "the oldest word of the window stands first, expected the newest": (
            _window_logits(*given, order=lambda rows: rows[::-1])
        ),
        "the rows lie mixed, number by number: lay one whole row behind the other": (
            _window_logits(*given, order=lambda rows: rows.T)
        ),
        "where there are fewer words than n the rows are 0, expected those of START": (
            _window_logits(*given, pad=lambda W: 0)
        ),
        "where there are fewer words than n stands word 0; START is `words[0]`, which "
        "may have another index": _window_logits(*given, pad=lambda W: W[0]),
        "where there are fewer words than n stands the last row of W_ih: an index is "
        "negative": _window_logits(*given, pad=lambda W: W[-1]),
        "the window reads one word too far: the one to be predicted": (
            _window_logits(*given, later=1)
        ),
        "the window ends one word too early": _window_logits(*given, later=-1),
        "all words of the window are the newest one": (
            _window_logits(*given, order=lambda rows: np.tile(rows[:1], (n, 1)))
        ),
        "all words of the window are the oldest one": (
            _window_logits(*given, order=lambda rows: np.tile(rows[-1:], (n, 1)))
        ),
        "the mean of the rows stands in the place of each": _window_logits(
            *given, order=lambda rows: np.tile(rows.mean(axis=0), (n, 1))
        ),
        "only the newest word is read": _window_logits(
            *given, order=lambda rows: rows * (np.arange(n) == 0)[:, None]
        ),
        "tanh is missing": _window_logits(*given, f=lambda a: a),
        "b_h is missing": _window_logits(*given[:3], 0 * b_h, W_ho, b_o),
        "b_h is subtracted, expected added": (
            _window_logits(*given[:3], -b_h, W_ho, b_o)
        ),
        "b_h is added after tanh, expected inside": _window_logits(
            words, W_ih, C, 0 * b_h, W_ho, b_o + b_h @ W_ho
        ),
        "b_o is missing": _window_logits(*given[:5], 0 * b_o),
        "b_o is subtracted, expected added": _window_logits(*given[:5], -b_o),
        "tanh is taken of the rows, expected of the whole layer": _window_logits(
            words, np.tanh(W_ih), C, b_h, W_ho, b_o, f=lambda a: a
        ),
        "these are probabilities, expected logits: leave the softmax out": p,
        "these are logarithms of probabilities, expected logits": np.log(p),
        "these are the logits after the last word alone, expected after each": (
            right_one[-1]
        ),
        "these are the hidden states: W_ho is missing": _window_logits(
            *given[:4], np.eye(C.shape[1]), 0 * C[0]
        ),
        "these are the rows end to end: the layer is missing": np.array(
            [
                W_ih[[words[max(t - k, 0)] for k in range(n)]].reshape(n * m)
                for t in range(len(words))
            ]
        ),
        "tanh is taken of the logits, too": np.tanh(right_one),
    }


def _window_clues(student: Callable) -> Iterator[str]:
    """Which part of the network is wrong."""
    words, W_ih, C, b_h, W_ho, b_o = WINDOWS[0]
    o = ask(student, words, W_ih, 0 * C, 0 * b_h, W_ho, b_o)
    if o is not None and not np.allclose(o, b_o):
        yield "Where C and b_h are 0 every row should be b_o, and is not."
    alone = WINDOWS[3]
    one = ask(student, *alone)
    if one is not None and not changed(_window_logits(*alone), one):
        yield "It is right for a window of one word: how are the rows laid end to end?"
    o = ask(student, *WINDOWS[0])
    if o is not None and o.shape == (len(words), len(b_o)):
        full = np.isclose(o, _window_logits(*WINDOWS[0])).all(axis=1)
        if full[2:].all():
            yield "It is right where the window is full: what stands before START?"


# Exercise 8.8 --------------------------------------------------------------------


def _draw_forgetting(rng: np.random.Generator) -> tuple:
    lengths, k = rng.integers(1, 9, rng.integers(2, 9)), int(rng.integers(1, 5))
    lengths[0] = k + rng.integers(1, 4)
    return _forgetting(rng, lengths, k)


def _forgetting(rng: np.random.Generator, lengths: Sequence[int], k: int) -> tuple:
    whole = [np.log(rng.uniform(0.01, 0.9, n)) for n in lengths]
    forgot = []
    for of_whole in whole:
        lost = rng.exponential(0.3, len(of_whole)) - 0.05
        forgot.append(np.minimum(of_whole - lost * (np.arange(len(lost)) >= k), 0))
    return whole, forgot, k


FORGETTING = [
    _forgetting(np.random.default_rng(i), lengths, k)
    for i, (lengths, k) in enumerate(
        [((4, 1, 3), 2), ((2, 5), 1), ((3, 6, 2, 4), 3), ((7, 2, 9, 1), 4)]
    )
]


@exercise(
    "Only the words that have more than k before them count, each of them the same.",
    Domain(
        "nats_lost(whole, forgot, k)",
        "at least one sentence has more than `k` words, END counted",
        _draw_forgetting,
        FORGETTING,
    ),
)
def nats_lost(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `nats_lost(whole, forgot, k)`: what forgetting costs, where it can."""
    probes = [p._replace(name=_forgetting_name(*p.arguments)) for p in probes]
    verdict = judge(student, probes, _nats_lost, mistakes=_forgetting_mistakes)
    yield with_clue(verdict, _forgetting_clues(student))


def _forgetting_name(whole, forgot, k) -> str:
    lengths = ", ".join(str(len(some)) for some in whole)
    return f"nats_lost(whole, forgot, {k}) with sentences of {lengths} words"


def _lost(whole, forgot, first: int) -> list[np.ndarray]:
    pairs = zip(whole, forgot, strict=True)
    return [a[max(first, 0) :] - b[max(first, 0) :] for a, b in pairs]


def _nats_lost(whole, forgot, k: int) -> float:
    concerned = np.concatenate(_lost(whole, forgot, k))
    return concerned.mean() if len(concerned) else np.nan


def _forgetting_mistakes(whole, forgot, k: int) -> dict[str, Any]:
    """The loss with one mistake each."""
    lost, every = _lost(whole, forgot, k), np.concatenate(_lost(whole, forgot, 0))
    concerned = np.concatenate(lost)
    long = [some for some in lost if len(some)]
    far = np.concatenate(_lost(whole, forgot, k + 1))
    mistakes = {
        "all words count, also those that have no more than k words before them": (
            every.mean()
        ),
        "words that have exactly k before them count, too; expected more than k": (
            np.concatenate(_lost(whole, forgot, k - 1)).mean()
        ),
        "the sign is wrong: what is lost is whole - forgot": -concerned.mean(),
        "this is the sum, expected the mean": concerned.sum(),
        "the sum is divided by the number of all words, expected of those that count": (
            concerned.sum() / len(every)
        ),
        "the sum is divided by the number of sentences": concerned.sum() / len(whole),
        "each sentence counts the same, expected each word": (
            np.mean([some.mean() for some in long])
        ),
        "this is the ratio of the perplexities, expected nats": (
            np.exp(concerned.mean())
        ),
        "this is how many percent the perplexity grows, expected nats": (
            100 * np.expm1(concerned.mean())
        ),
        "this is the mean of `whole` alone": np.concatenate(
            [some[k:] for some in whole]
        ).mean(),
        "this is the mean of `forgot` alone": np.concatenate(
            [some[k:] for some in forgot]
        ).mean(),
        "these are the values of the words, expected their mean": concerned,
        "only the words at place k + 1 count, expected all from there on": (
            np.mean([some[0] for some in long])
        ),
        "only the last word of each sentence counts": (
            np.mean([some[-1] for some in long])
        ),
        "only sentences with more than k words count, but all of their words": (
            np.concatenate(
                [a - b for a, b in zip(whole, forgot, strict=True) if len(a) > k]
            ).mean()
        ),
        "this is the median, expected the mean": np.median(concerned),
        "the absolute values are taken: what is gained must count against it": (
            abs(concerned).mean()
        ),
        "this is the difference of the probabilities, expected of their logarithms": (
            np.concatenate(
                [
                    np.exp(a[k:]) - np.exp(b[k:])
                    for a, b in zip(whole, forgot, strict=True)
                ]
            ).mean()
        ),
        "the words are counted from the end of the sentence": np.concatenate(
            [(a - b)[: max(len(a) - k, 0)] for a, b in zip(whole, forgot, strict=True)]
        ).mean(),
    }
    if len(far):
        mistakes["START is not counted: it is read, too, and is a word before"] = (
            far.mean()
        )
    return mistakes


def _forgetting_clues(student: Callable) -> Iterator[str]:
    """What every such mean has in common."""
    whole, forgot, k = FORGETTING[2]
    same = ask(student, whole, whole, k)
    if same is not None and same.size == 1 and abs(same.item()) > 1e-9:
        yield (
            "Where nothing is forgotten 0 nats are lost, and it says "
            f"{number(same.item())}."
        )
    shifted = [some - 1 for some in forgot]
    more = ask(student, whole, shifted, k)
    less = ask(student, whole, forgot, k)
    if more is not None and less is not None and more.size == less.size == 1:
        grown = more.item() - less.item()
        if not np.isclose(grown, 1):
            yield (
                "If each word loses one nat more the result should grow by 1, and it "
                f"grows by {number(grown)}."
            )
