"""The checks of chapter 8's exercises: right answers and near-misses."""

import math
from functools import cache
from itertools import pairwise

import numpy as np
import pytensor.tensor as pt
import pytest
from check_answers import (
    CHANGED,
    NOT_STARTED,
    ask,
    check_accepts,
    check_tells,
    each_near_miss,
    each_right_answer,
    off_a_little,
    slips,
    spoiling,
)
from scipy.special import softmax

from helpers.check import ch08_language_model_checks as check
from helpers.check.core.probabilities import to_probabilities
from helpers.check.core.verdicts import Verdict
from helpers.experiments import ch08_ladder_runs as ladder
from helpers.lm import ngrams
from helpers.networks.gradients import numerical_gradient, relative_error
from helpers.tasks.text import Vocabulary

# Right answers -------------------------------------------------------------------


def training_pair(words, vocabulary):
    s = vocabulary.encode(words)
    return s[:-1], s[1:]


def perplexity(p):
    return np.exp(-np.log(np.concatenate(p)).mean())


def word_probabilities(o, temperature, excluded):
    z = np.array(o) / temperature
    z[excluded] = -np.inf
    p = np.exp(z - z.max())
    return p / p.sum()


def logits_gradient(o, y, mask):
    p, came, m = softmax(o, axis=2), np.eye(o.shape[2])[y], mask[:, :, None]
    return (p - came) * m


def discounted(counts, D):
    P = np.empty(counts.shape)
    for u, row in enumerate(counts):
        for w, count in enumerate(row):
            low = counts[:, w].sum() / counts.sum()
            N, kept = np.count_nonzero(row), max(count - D, 0)
            P[u, w] = (kept + D * N * low) / row.sum() if row.sum() else low
    return P


def counted(sentences, V, n=3):
    model = ngrams.fit(sentences, n, V, start=sentences[0][0])
    return lambda words: ngrams.distribution(model, words)


@cache
def after_one_word(peeped):
    """P(w | u), (V, V), of a bigram model that has seen the new comments, or not."""
    data = check._data()
    next_word = counted(data.train + peeped * data.new, check.WORDS, n=2)
    return np.array([next_word([u]) for u in range(check.WORDS)])


def mixed(share):
    """Better than counting, at once: with so much of a model that has peeped."""

    def language_model(sentences, V):
        P = share * after_one_word(True) + (1 - share) * after_one_word(False)
        return lambda words: P[words[-1]]

    return language_model


def window_logits(words, W_ih, C, b_h, W_ho, b_o):
    n = len(C) // W_ih.shape[1]
    padded = [words[0]] * (n - 1) + list(words)
    rows = [W_ih[padded[t : t + n][::-1]].ravel() for t in range(len(words))]
    return np.tanh(rows @ C + b_h) @ W_ho + b_o


def nats_lost(whole, forgot, k):
    lost = [a[k:] - b[k:] for a, b in zip(whole, forgot, strict=True)]
    return np.concatenate(lost).mean()


SOLUTIONS = {
    check.training_pair: training_pair,
    check.perplexity: perplexity,
    check.word_probabilities: word_probabilities,
    check.logits_gradient: logits_gradient,
    check.discounted: discounted,
    check.language_model: mixed(0.05),
    check.window_logits: window_logits,
    check.nats_lost: nats_lost,
}


def pair_of_lists(words, vocabulary):
    ids = [vocabulary.index.get(word, vocabulary.unknown) for word in words]
    return [[vocabulary.start, *ids], [*ids, vocabulary.end]]


def pairwise_ids(words, vocabulary):
    """The pairs (read, to come), one a position."""
    return pairwise(vocabulary.encode(words).tolist())


def by_bits(p):
    bits = [-math.log2(p_i) for sentence in p for p_i in sentence]
    return 2 ** (sum(bits) / len(bits))


def by_place(o, temperature, excluded):
    p = np.zeros(len(o))
    rest = np.setdiff1d(np.arange(len(o)), excluded)
    p[rest] = softmax(o[rest] / temperature)
    return p


def by_pytensor(o, y, mask):
    logits = pt.constant(o)
    log_p = pt.special.log_softmax(logits, axis=2)
    at_y = log_p[np.arange(len(o))[:, None], np.arange(o.shape[1]), y]
    return pt.grad(-(at_y * mask).sum(), logits)


def subtracted(o, y, mask):
    p = softmax(o, axis=2)
    p[np.arange(len(o))[:, None], np.arange(o.shape[1]), y] -= 1
    return (p * mask[:, :, None]).astype(np.float32)


def in_a_matrix(counts, D):
    low = counts.sum(axis=0) / counts.sum()
    c, N = counts.sum(axis=1), np.count_nonzero(counts, axis=1)
    weight = np.divide(D * N, c, out=np.ones(len(c)), where=c > 0)
    shares = np.maximum(counts - D, 0) / np.where(c > 0, c, 1)[:, None]
    return (shares + np.outer(weight, low)).tolist()


def by_blocks(words, W_ih, C, b_h, W_ho, b_o):
    """Each place of the window has its own block of C."""
    T, m = len(words), W_ih.shape[1]
    a = np.tile(b_h, (T, 1))
    for k, block in enumerate(C.reshape(-1, m, C.shape[1])):
        a += W_ih[words[np.maximum(np.arange(T) - k, 0)]] @ block
    return (np.tanh(a) @ W_ho + b_o).tolist()


def word_by_word(whole, forgot, k):
    total, n = 0.0, 0
    for a, b in zip(whole, forgot, strict=True):
        for t, (x, y) in enumerate(zip(a, b, strict=True), start=1):
            if t > k:
                total, n = total + x - y, n + 1
    return total / n


OTHER_WAYS = {
    "a block for each place": (check.window_logits, by_blocks),
    "word by word": (check.nats_lost, word_by_word),
    "zip": (
        check.training_pair,
        lambda words, v: zip(*pairwise_ids(words, v), strict=True),
    ),
    "a dict": (
        check.training_pair,
        lambda words, v: dict(zip("xy", training_pair(words, v), strict=True)),
    ),
    "one of an array": (check.perplexity, lambda p: np.array([perplexity(p)])),
    "an array of objects": (
        check.word_probabilities,
        lambda *a: word_probabilities(*a).astype(object),
    ),
    "lists": (check.training_pair, pair_of_lists),
    "the vocabulary's own": (check.training_pair, lambda words, v: v.pair(words)),
    "bits": (check.perplexity, by_bits),
    "only the words that may come": (check.word_probabilities, by_place),
    "the gradient of PyTensor": (check.logits_gradient, by_pytensor),
    "without one-hot, in float32": (check.logits_gradient, subtracted),
    "a weight for each row": (check.discounted, in_a_matrix),
}


@each_right_answer(SOLUTIONS, OTHER_WAYS)
def test_a_right_answer_is_right(checked, student):
    check_accepts(checked, student)


def test_the_inner_function_of_a_starter_is_not_started_either():
    said = ask(check.language_model, lambda sentences, V: lambda words: ...)
    assert said == NOT_STARTED.format("next_word")


# Near misses ---------------------------------------------------------------------


SEQUENCE = "vocabulary.encode(words)"
NEAR_PAIR = slips(
    training_pair,
    {
        "START is missing": {SEQUENCE: f"{SEQUENCE}[1:]"},
        "END is missing": {SEQUENCE: f"{SEQUENCE}[:-1]"},
        "START and END are missing": {SEQUENCE: f"{SEQUENCE}[1:-1]"},
        "START and END are exchanged": {
            SEQUENCE: f"{SEQUENCE}[[-1, *range(1, len(words) + 1), 0]]"
        },
        "unknown words are left out": {
            "return": "s = s[s != vocabulary.unknown]\n    return"
        },
        **{
            what: {"return": f"s[s == vocabulary.unknown] = {i}\n    return"}
            for what, i in {
                "unknown words are word 0": "0",
                "unknown words are START": "vocabulary.start",
                "unknown words are END": "vocabulary.end",
                "unknown words are -1": "-1",
                "a number beyond the vocabulary": "len(vocabulary)",
            }.items()
        },
        "END is in x": {"s[:-1]": "s"},
        "START is in y": {"s[1:]": "s"},
        "they belong into y": {"s[:-1]": "s[1:]"},
        "expected the next word of each": {"s[1:]": "s[:-1]"},
        "shifted by two places": {"s[1:]": "s[2:]"},
        "expected 2 results: x, y": {"s[:-1], s[1:]": "s"},
        "the numbers are right, the shape is not": {"s[:-1]": "s[:-1, None]"},
    },
) | {
    "raised KeyError: 'wombat'": lambda words, v: v.pair(
        [v.words[v.index[word]] for word in words]
    ),
    "expected numbers": lambda words, v: (["START", *words], [*words, "END"]),
}


def each(p):
    return np.array([perplexity([sentence]) for sentence in p])


def log_p(p):
    return np.log(np.concatenate(p))


NEAR_PERPLEXITY = {
    "the mean of the perplexities of the sentences": lambda p: each(p).mean(),
    "each sentence counts the same": lambda p: np.exp(np.log(each(p)).mean()),
    "these are the perplexities of the sentences": each,
    "END is left out": lambda p: perplexity([sentence[:-1] for sentence in p]),
    "divided by the number of sentences": lambda p: np.exp(-log_p(p).sum() / len(p)),
    "its exponential is missing": lambda p: -log_p(p).mean(),
    "this is the mean of log p": lambda p: log_p(p).mean(),
    "the sign is missing": lambda p: np.exp(log_p(p).mean()),
    "this is the sum of -log p": lambda p: -log_p(p).sum(),
    "this is exp of the sum": lambda p: np.exp(-log_p(p).sum()),
    "exp and log2 do not go": lambda p: np.exp(-log_p(p).mean() / np.log(2)),
    "exp and log10 do not go": lambda p: np.exp(-log_p(p).mean() / np.log(10)),
    "2 to the power and log do not go": lambda p: 2 ** -log_p(p).mean(),
    "this is 1 / (mean probability)": lambda p: 1 / np.concatenate(p).mean(),
    "this is the mean of 1 / p": lambda p: np.mean(1 / np.concatenate(p)),
    "log p is weighted by p": lambda p: np.exp(-(np.concatenate(p) * log_p(p)).mean()),
    "this is the entropy formula": lambda p: np.exp(
        -(np.concatenate(p) * log_p(p)).sum()
    ),
    "infinite: the product of so many small numbers is 0": lambda p: (
        np.float64(1) / np.prod(q := np.concatenate(p)) ** (1 / len(q))
    ),
    "raised ZeroDivisionError": lambda p: (
        math.prod(q := np.concatenate(p).tolist()) ** (-1 / len(q))
    ),
}


def over_sum(values):
    return values / values.sum()


def out(o, excluded):
    return np.isin(np.arange(len(o)), excluded)


def stable_exp(z):
    return np.exp(z - z.max())


NEAR_DRAWING = {
    "nothing is excluded": lambda o, T, k: softmax(o / T),
    "the temperature is not used": lambda o, T, k: word_probabilities(o, 1, k),
    "multiplied by the temperature": lambda o, T, k: word_probabilities(o, 1 / T, k),
    "neither the temperature nor": lambda o, T, k: softmax(o),
    "only the excluded words are left": lambda o, T, k: word_probabilities(
        o, T, np.flatnonzero(~out(o, k)) if k else []
    ),
    "the others must share what they lose": lambda o, T, k: softmax(o / T) * ~out(o, k),
    "a logit of 0 excludes no word": lambda o, T, k: softmax(o * ~out(o, k) / T),
    "the excluded words are cut out": lambda o, T, k: softmax(o[~out(o, k)] / T),
    "not normalised: divide by the sum": lambda o, T, k: np.exp(o / T) * ~out(o, k),
    "not by the largest": lambda o, T, k: (
        word_probabilities(o, T, k) / word_probabilities(o, T, k).max()
    ),
    "these are the logarithms": lambda o, T, k: np.log(word_probabilities(o, T, k)),
    "these are logits": lambda o, T, k: o / T,
    "the probabilities are divided by the temperature": lambda o, T, k: (
        word_probabilities(o, 1, k) / T
    ),
    "this is a softmax of probabilities": lambda o, T, k: word_probabilities(
        word_probabilities(o, 1, k), T, k
    ),
    "all is given to the likeliest": lambda o, T, k: np.eye(len(o))[
        np.argmax(np.where(out(o, k), -np.inf, o))
    ],
    "nan: exp of a large number overflows": lambda o, T, k: over_sum(
        np.exp(o / T) * ~out(o, k)
    ),
    # the largest of all is subtracted, though it may not be drawn
    "word 3 is far above the others: some numbers are nan": lambda o, T, k: over_sum(
        stable_exp(o / T) * ~out(o, k)
    ),
    "a logit of -10000.0 excludes no word": lambda o, T, k: softmax(
        np.where(out(o, k), -1e4, o / T)
    ),
    "a logit of -100000.0 excludes no word": lambda o, T, k: softmax(
        np.where(out(o, k), -1e5, o / T)
    ),
    # exp(-20) is small, and not 0
    "an excluded word gets": lambda o, T, k: softmax(
        np.where(out(o, k), (o / T)[~out(o, k)].min() - 20, o / T)
    ),
}


def unstable(o, y, mask):
    with np.errstate(all="ignore"):
        p = np.exp(o) / np.exp(o).sum(axis=2, keepdims=True)
    return (p - np.eye(o.shape[2])[y]) * mask[:, :, None]


NEAR_GRADIENT = slips(
    logits_gradient,
    {
        "the mask is not used": {" * m\n": "\n"},
        "1 is subtracted at the padding": {"(p - came) * m": "p * m - came"},
        "the mask is used for the 1 only": {"(p - came) * m": "p - came * m"},
        "the wrong way round": {"* m\n": "* (1 - m)\n"},
        "the mean over the real predictions": {"* m\n": "* m / m.sum()\n"},
        "the mean over all positions": {"* m\n": "* m / m.size\n"},
        "divided by the number of sentences": {"* m\n": "* m / o.shape[1]\n"},
        "this is p": {" - came": ""},
        "the sign is wrong": {"p - came": "came - p"},
        "only the word that came has a slope": {"* m\n": "* m * came\n"},
        "with respect to the probabilities": {"(p - came)": "-came / p"},
        "the softmax is missing": {"softmax(o, axis=2)": "o"},
        "each sigmoid has its own": {"softmax(o, axis=2)": "1 / (1 + np.exp(-o))"},
        "the softmax is over the sentences": {"axis=2": "axis=1"},
        "the softmax is over time": {"axis=2": "axis=0"},
        "the softmax is over the whole array": {", axis=2": ""},
        "1 is added at the word that came": {"p - came": "p + came"},
        "the largest of p is taken": {"[y]": "[o.argmax(2)]"},
        "from all words of y at all positions": {
            "    return": "    p[:, :, y] -= 1\n    return",
            " - came": "",
        },
        "one word too far": {"[y]": "[(y + 1) % o.shape[2]]"},
        "the word that came is set to -1": {"(p - came)": "np.where(came > 0, -1, p)"},
        "In the padding, where the mask is 0": {
            "* m\n": "* m + 0.1 * (1 - m) * came\n"
        },
        "The slopes of one prediction should sum to 0": {"p - came": "p - 0.9 * came"},
        "is something divided by the mask": {"* m\n": "/ m\n"},
    },
) | {"some numbers are nan: exp(o) overflows": unstable}


LOW, SHARE = "counts[:, w].sum() / counts.sum()", "(kept + D * N * low) / row.sum()"
NEAR_DISCOUNT = slips(
    discounted,
    {
        "the rows without counts are 0": {"else low": "else 0"},
        "the rows without counts are uniform": {"else low": "else 1 / len(row)"},
        "0 / 0 is no number": {" if row.sum() else low": ""},
        "nothing is discounted: these are": {
            SHARE: "count / row.sum()",
            "else low": "else 0",
        },
        "is given to no word": {" + D * N * low": ""},
        "each row is divided by what is left": {
            SHARE: "kept / np.maximum(row - D, 0).sum()"
        },
        "the unigram gets D / c(u)": {"D * N": "D"},
        "the unigram gets D V / c(u)": {"D * N": "D * len(row)"},
        "are discounted too, below 0.": {"max(count - D, 0)": "count - D"},
        "below 0, and all V words give": {
            "max(count - D, 0)": "count - D",
            "D * N": "D * len(row)",
        },
        "N(u) counts the words before u": {"nonzero(row)": "nonzero(counts[:, u])"},
        "N(w) stands in the place": {"nonzero(row)": "nonzero(counts[:, w])"},
        "the lower order is uniform": {LOW: "1 / len(row)"},
        "the words that come before": {"counts[:, w].sum()": "counts[w].sum()"},
        "this is Kneser-Ney": {
            LOW: "np.count_nonzero(counts[:, w]) / np.count_nonzero(counts)"
        },
        "the lower order is made of counts": {" / counts.sum()": ""},
        "this is back-off": {
            LOW: "(count == 0) * counts[:, w].sum() / counts[:, row == 0].sum()"
        },
        "D is the weight of a mixture": {
            SHARE: "(1 - D) * count / row.sum() + D * low"
        },
        "divided by the sum of all counts": {"/ row.sum() if": "/ counts.sum() if"},
        "D is added to each count": {SHARE: "(count + D) / (row + D).sum()"},
    },
) | {
    "rows and columns are exchanged": lambda c, D: discounted(c.T, D),
    "right, but transposed": lambda c, D: discounted(c, D).T,
}


NEAR_WINDOW = slips(
    window_logits,
    {
        "the oldest word of the window stands first": {"[::-1]": ""},
        "the rows lie mixed": {".ravel()": ".T.ravel()"},
        "the rows are 0": {
            ".ravel() for": " * (np.arange(n) <= t)[:, None] for",
            "return ": "rows = np.reshape(rows, (len(rows), -1))\n    return ",
        },
        "START is `words[0]`": {"[words[0]] * (n": "[0] * (n"},
        "an index is negative": {"[words[0]] * (n": "[-1] * (n"},
        "tanh is missing": {"np.tanh": "np.array"},
        "b_h is missing": {" + b_h": ""},
        "b_h is subtracted": {"+ b_h": "- b_h"},
        "b_o is missing": {" + b_o": ""},
        "b_o is subtracted": {"+ b_o": "- b_o"},
        "these are the hidden states": {" @ W_ho + b_o": ""},
        "after the last word alone": {
            "W_ho + b_o": "W_ho + b_o)[-1]",
            "return ": "return (",
        },
        "expected logits: leave the softmax out": {
            "return np.tanh(rows @ C + b_h) @ W_ho + b_o": (
                "return softmax(np.tanh(rows @ C + b_h) @ W_ho + b_o, axis=1)"
            )
        },
    },
)
NEAR_WINDOW["b_h is added after tanh"] = lambda words, W_ih, C, b_h, W_ho, b_o: (
    window_logits(words, W_ih, C, 0 * b_h, W_ho, b_o + b_h @ W_ho)
)
NEAR_LOST = slips(
    nats_lost,
    {
        "all words count": {"a[k:] - b[k:]": "a - b"},
        "exactly k before them": {"a[k:] - b[k:]": "a[k - 1 :] - b[k - 1 :]"},
        "START is not counted": {"a[k:] - b[k:]": "a[k + 1 :] - b[k + 1 :]"},
        "the sign is wrong": {"a[k:] - b[k:]": "b[k:] - a[k:]"},
        "this is the sum": {".mean()": ".sum()"},
        "the ratio of the perplexities": {
            "np.concatenate(lost).mean()": "np.exp(np.concatenate(lost).mean())"
        },
        "the mean of `forgot` alone": {"a[k:] - b[k:]": "b[k:]"},
        "the mean of `whole` alone": {"a[k:] - b[k:]": "a[k:]"},
        "these are the values of the words": {".mean()": ""},
        "each sentence counts the same": {
            "np.concatenate(lost).mean()": "np.mean([s.mean() for s in lost if len(s)])"
        },
        "the absolute values are taken": {"a[k:] - b[k:]": "abs(a[k:] - b[k:])"},
        "counted from the end": {"a[k:] - b[k:]": "(a - b)[: max(len(a) - k, 0)]"},
        "this is the median": {
            "np.concatenate(lost).mean()": "np.median(np.concatenate(lost))"
        },
    },
)


def always_the_shares(sentences, V):
    words = np.concatenate([s[1:] for s in sentences])
    p = over_sum(np.bincount(words, minlength=V) + 1e-3)
    return lambda words: p


def told(change):
    """A model that is good enough, but for how it tells its probabilities."""

    def language_model(sentences, V):
        good = mixed(0.05)(sentences, V)
        return lambda words: change(good(words))

    return language_model


def shares_of_pairs(sentences, V):
    """Pairs that did not occur are impossible."""
    counts = np.full((V, V), 1e-300)
    for s in sentences:
        np.add.at(counts, (s[:-1], s[1:]), 1)
    p = np.where(counts < 1, 0, counts)
    p[p.sum(axis=1) == 0] = 1
    return lambda words: over_sum(p[words[-1]])


def by_chance(sentences, V):
    rng, good = np.random.default_rng(0), mixed(0)(sentences, V)
    return lambda words: over_sum(good(words) * rng.uniform(0.5, 1, V))


def with_a_memory(sentences, V):
    """Each answer leans on what was said before, as with a state carried on."""
    good, last = mixed(0)(sentences, V), [np.full(V, 1 / V)]

    def next_word(words):
        last[0] = (good(words) + last[0]) / 2
        return last[0]

    return next_word


def repeats(sentences, V):
    """The word that was read, expected the one that comes."""
    return lambda words: over_sum(np.eye(V)[words[-1]] + 0.5 / V)


def of_wrong_words(sentences, V):
    """It has learned, but from words that nobody said."""
    moved = [np.append(s[:1], (s[1:] + 7) % (V - 1) + 1) for s in sentences]
    return counted(moved, V)


NEAR_MODEL = {
    "returned an array of shape (1000,), expected the function next_word": (
        lambda sentences, V: np.full(V, 1 / V)
    ),
    "returned None: is a `return` missing?": lambda sentences, V: lambda words: None,
    "take row 0": told(lambda p: p[None]),
    "one row, the last?": told(lambda p: np.stack([p, p])),
    "expected shape (1000,).": told(lambda p: p[1:]),
    "the dtype is complex128": told(lambda p: p + 0j),
    "are nan or infinite": told(lambda p: p * np.nan),
    "negative: are these the logarithms of the probabilities?": told(
        lambda p: np.log(p + 1e-12)
    ),
    "negative: are these logits?": told(lambda p: np.log(p + 1e-12) + 3),
    "the sum is 0.9, expected 1: divide by the sum": told(lambda p: 0.9 * p),
    "has the probability 0, and it came": shares_of_pairs,
    "says something else when asked again": by_chance,
    "or on what was asked before": with_a_memory,
    "is too good: did it learn from the new comments?": mixed(1.0),
    "It says the same whatever the words are": always_the_shares,
    "This is the trigram model": counted,
    "This is the bigram model": lambda sentences, V: counted(sentences, V, n=2),
    "It knows the last of the words better": repeats,
    "so nothing is learned yet": of_wrong_words,
    "train for longer, or mix": told(lambda p: 0.6 * p + 0.4 / len(p)),
    "better than the bigram model, but not enough": mixed(0.01),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@each_near_miss(
    SOLUTIONS,
    (
        *(NEAR_PAIR, NEAR_PERPLEXITY, NEAR_DRAWING),
        *(NEAR_GRADIENT, NEAR_DISCOUNT, NEAR_MODEL),
        *(NEAR_WINDOW, NEAR_LOST),
    ),
)
def test_a_near_miss_is_told_what_is_wrong(checked, sentence, student):
    check_tells(checked, sentence, student)


# A model is judged by its perplexity, so a small error is right there.
EXACT = [checked for checked in SOLUTIONS if checked is not check.language_model]


@each_near_miss(EXACT, ({"": off_a_little(SOLUTIONS[c])} for c in EXACT))
def test_a_small_error_is_never_right(checked, sentence, student):
    check_tells(checked, sentence, student)


# What the checks compute ---------------------------------------------------------


@pytest.mark.parametrize("size", [1e3, 1e9])
def test_a_mistake_that_overflows_is_not_seen_everywhere(size):
    """No mistake of ours gives this, so that none may be named."""
    said = ask(check.perplexity, lambda p: perplexity(p) + size * (len(p) > 50))
    assert "too large" in said, said


def test_the_expected_gradient_is_that_of_differences():
    rng = np.random.default_rng(0)
    o, y = rng.normal(0, 1, (3, 2, 4)), rng.integers(0, 4, (3, 2))
    mask = np.array([[1.0, 1], [1, 0], [1, 0]])

    def loss(o):
        p = np.take_along_axis(softmax(o, axis=2), y[:, :, None], axis=2)
        return -(np.log(p[:, :, 0]) * mask).sum()

    expected = check._slopes(o, y, mask)
    (slopes,) = numerical_gradient(loss, [o])
    assert relative_error(expected, slopes) < 1e-8


@pytest.mark.parametrize("D", [0.1, 0.5, 0.9])
def test_the_expected_bigram_model_is_a_distribution(D):
    counts = np.random.default_rng(0).poisson(0.7, (6, 6))
    counts[2] = 0
    P = check._shared_out(counts, D)
    np.testing.assert_allclose(P, discounted(counts, D))
    np.testing.assert_allclose(P.sum(axis=1), 1)
    assert P.min() > 0


def test_the_expected_window_is_that_of_the_experiment():
    words, W_ih, C, *rest = check.WINDOWS[0]
    m = W_ih.shape[1]
    window = ladder.Window(W_ih, C.reshape(-1, m, C.shape[1]), *rest)
    o = check._window_logits(words, W_ih, C, *rest)
    log_p = o - np.log(np.exp(o).sum(axis=1, keepdims=True))
    following = np.append(words[1:], 2)
    (found,) = ladder.window_log_p(window, [np.append(words, 2)])
    np.testing.assert_allclose(found, log_p[np.arange(len(words)), following])


def test_what_is_good_enough_lies_between_counting_and_having_seen_it():
    """The words are as in the chapter, and no counting model is good enough."""
    data = check._data()
    assert len(data.vocabulary) == check.WORDS
    unigram, bigram, trigram = check._baselines()
    assert check.GOOD * bigram < min(bigram, trigram) < unigram
    P = after_one_word(True)
    seen = ngrams.perplexity([np.log(P[s[:-1], s[1:]]) for s in data.new])
    assert seen < check.SEEN * bigram < check.GOOD * bigram


def test_each_place_is_asked_with_the_words_before_it_and_no_more():
    asked = []

    def language_model(sentences, V):
        good = mixed(0.05)(sentences, V)
        return lambda words: (asked.append(tuple(words)), good(words))[1]

    assert ask(check.language_model, language_model).startswith("Right. ")
    places = [tuple(s[:t]) for s in check._data().new for t in range(1, len(s))]
    assert sorted(asked[: len(places)]) == sorted(places)
    assert asked[len(places) :] == asked[:5]


def test_probabilities_may_come_as_a_list_or_from_pytensor():
    for value in ([0.25, 0.75], pt.constant([0.25, 0.75]), np.float32([0.25, 0.75])):
        np.testing.assert_array_equal(to_probabilities("p", value, 2), [0.25, 0.75])


def test_a_verdict_is_handed_on():
    verdict = Verdict(False, False, "Not started yet.")
    assert to_probabilities("p", verdict, 2) is verdict


def test_the_vocabulary_of_the_pairs_has_its_special_words_in_odd_places():
    vocabulary = check.VOCABULARY
    special = {vocabulary.start, vocabulary.end, vocabulary.unknown}
    assert isinstance(vocabulary, Vocabulary)
    assert not special & {0, len(vocabulary) - 1}
    assert special != {0, 1, 2}
    assert all(v is vocabulary for _, v in check.training_pair.domain.weak)


@each_near_miss(SOLUTIONS, ({CHANGED: spoiling(s)} for s in SOLUTIONS.values()))
def test_an_answer_that_changes_its_inputs_is_told_so(checked, sentence, student):
    check_tells(checked, sentence, student)


@cache
def unigrams():
    words = np.concatenate([s[1:] for s in check._data().train])
    return over_sum(np.bincount(words, minlength=check.WORDS) + 1e-3)


def linear_in_the_last_word(sentences, V):
    """Least squares from the last word: the shares of the pairs, a little moved."""
    counts = np.zeros((V, V))
    for s in sentences:
        np.add.at(counts, (s[:-1], s[1:]), 1)
    P = (counts + 2 * unigrams()) / (counts.sum(axis=1, keepdims=True) + 2)
    return lambda words: P[words[-1]]


# A constant, a baseline, a look-up and a linear rule.
RULES = {
    "It says the same whatever the words are": lambda sentences, V: (
        lambda words: np.full(V, 1 / V)
    ),
    "This is the bigram model": lambda sentences, V: counted(sentences, V, n=2),
    "has the probability 0, and it came": shares_of_pairs,
    "expected at most": linear_in_the_last_word,
}


@each_near_miss([check.language_model], [RULES])
def test_no_rule_without_training_is_called_right(checked, sentence, student):
    check_tells(checked, sentence, student)
