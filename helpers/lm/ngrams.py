"""Interpolated Kneser-Ney: the n-gram models that the network is compared with.

The probability of a word w after the n - 1 words u before it is

    P(w | u) = max(c(u w) - D, 0) / c(u) + D N(u) / c(u) P(w | u without its first word)

where c(u w) counts the n-gram, c(u) sums it over w, and N(u) is the number of different
w seen after u. What the discount D takes from the words that were seen, the lower order
gives to all. A context that was never seen leaves everything to the lower order, and
below the order 1 every word but START is equally likely.

Below the highest order, c counts in how many different contexts an n-gram was seen, not
how often: "francisco" is frequent, but only after "san" (Kneser and Ney 1995, "Improved
backing-off for m-gram language modeling"; interpolated as by Chen and Goodman 1999, "An
empirical study of smoothing techniques for language modeling").

The modified version of Chen and Goodman has three discounts for an order, for what was
counted once, twice, and three times or more, so that D N(u) becomes the sum of what the
n-grams after u give. In it the n-grams that begin with START keep their own counts at
every order, since nothing but START ever stands before them, and those that begin with
two are left to the order below, which has the same counts.

A sentence is a sequence of word indices START, w_1, ..., END. Each word after START is
predicted. More copies of START stand before it where the contexts need them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from helpers import arguments

SENTENCES = "a list of sentences"


@dataclass(frozen=True, eq=False)
class Order:
    """The counts of one order k. A context is one number, its words the digits.

    A k-gram is one too: V times the place of its context among `contexts`, plus its
    last word.
    """

    grams: np.ndarray  # (number of k-grams,), sorted
    counts: np.ndarray  # c(u w) of each k-gram
    contexts: np.ndarray  # (number of contexts,), sorted: k-grams without the last word
    totals: np.ndarray  # c(u) of each context
    given: np.ndarray  # what the k-grams of each context give: D N(u) for one D
    discounts: np.ndarray  # (3,): of what was counted once, twice, more often


@dataclass(frozen=True, eq=False)
class KneserNey:
    """An n-gram model of a vocabulary of V words; `fit` makes one."""

    V: int
    start: int  # the index of START
    orders: tuple[Order, ...]  # from 1 to n


def fit(
    sentences: Sequence[Sequence[int]],
    n: int,
    V: int,
    start: int,
    modified: bool = False,
) -> KneserNey:
    """The n-gram model of sentences of word indices: n = 2 for bigrams.

    Each order has the discount D = n_1 / (n_1 + 2 n_2), where n_1 and n_2 are how many
    of its n-grams have the counts 1 and 2 (Ney, Essen and Kneser 1994); where no count
    is 1, which leaves the formula without a basis, D = 1/2. With `modified` it has
    three, i - (i + 1) D n_{i+1} / n_i for the counts i = 1, 2 and 3 or more (Chen and
    Goodman 1999), with D in the place of one that is not between 0 and i; where one of
    the n_i is 0, D for all.

    Raises ValueError for an n or V out of range and for words that are not in the
    vocabulary or that cannot stand where they do.
    """
    n = arguments.integer("n", n, expected="at least 1")
    V = arguments.integer("V", V)
    start = arguments.integer("start", start, 0, V - 1)
    if V < 2 or n >= 64 or V ** (n - 1) >= 2**63:
        raise ValueError(
            f"n must be at least 1, V at least 2, and V ** (n - 1) below 2 ** 63; got "
            f"n = {n}, V = {V}"
        )
    grams = _ngrams(sentences, n, V, start)
    if not len(grams):
        raise ValueError("sentences must hold at least one word to predict; got none")
    before, last, orders = _keys(grams[:, :-1], V), grams[:, -1], []
    for k in range(n, 0, -1):
        raw = None
        if modified and k < n:
            _, _, raw = _counted(_keys(grams[:, n - k : -1], V), grams[:, -1], V)
        contexts, keys, counts = _counted(before, last, V)
        if raw is not None and k > 1:
            begins = contexts[keys // V] // V ** (k - 2) == start
            counts = np.where(begins, raw, counts)
        found = contexts, keys, counts
        if modified and k > 2:
            found = _once(*found, V, contexts // V ** (k - 3) != start * V + start)
        orders.append(_order(*found, V, modified))
        if k > 1:
            # Each different k-gram is one context in which its last k - 1 words stand.
            before, last = contexts[keys // V] % V ** (k - 2), keys % V
    return KneserNey(V, start, tuple(reversed(orders)))


def _counted(before: np.ndarray, last: np.ndarray, V: int) -> tuple[np.ndarray, ...]:
    """Contexts, k-grams and how often each comes, of contexts and words after them."""
    contexts, place = np.unique(before, return_inverse=True)
    return contexts, *np.unique(place * V + last, return_counts=True)


def _once(contexts, keys, counts, V: int, once: np.ndarray) -> tuple[np.ndarray, ...]:
    """Those with contexts of one START at most; all of them where there is no other."""
    kept = once[keys // V]
    if not kept.any():
        return contexts, keys, counts
    place = np.cumsum(once) - 1
    moved = place[keys // V] * V + keys % V
    return contexts[once], moved[kept], counts[kept]


def _order(contexts, grams, counts, V: int, modified: bool) -> Order:
    discounts = _discounts(counts, modified)
    first = np.searchsorted(grams, np.arange(len(contexts)) * V)
    totals = np.add.reduceat(counts, first)
    given = np.add.reduceat(discounts[np.minimum(counts, 3) - 1], first)
    return Order(grams, counts, contexts, totals, given, discounts)


def _discounts(counts: np.ndarray, modified: bool) -> np.ndarray:
    n = np.array([np.sum(counts == i) for i in (1, 2, 3, 4)])
    D = n[0] / (n[0] + 2 * n[1]) if n[0] else 0.5
    if not modified or not n.all():
        return np.full(3, float(D))
    i = np.arange(1, 4)
    three = i - (i + 1) * D * n[1:] / n[:-1]
    return np.where((three > 0) & (three <= i), three, D)


def probabilities(model: KneserNey, grams: np.ndarray) -> np.ndarray:
    """P(last word | the words before it), shape (...), for n-grams (..., n).

    An n-gram is a row of word indices, and n the highest order of the model. Raises
    ValueError for rows of another length and for what are not indices of words.
    """
    V, n = _fitted(model).V, len(model.orders)
    grams = arguments.indices("grams", grams, V)
    if grams.ndim < 1 or grams.shape[-1] != n:
        raise ValueError(f"grams must have shape (..., {n}); got {grams.shape}")
    p = np.where(grams[..., -1] == model.start, 0, 1 / (V - 1))
    for k, order in enumerate(model.orders, start=1):
        place, known = _find(order.contexts, _keys(grams[..., n - k : -1], V))
        gram, seen = _find(order.grams, place * V + grams[..., -1])
        count = np.where(known & seen, order.counts[gram], 0)
        off = order.discounts[np.clip(count, 1, 3) - 1]
        kept = np.maximum(count - off, 0)
        mixed = (kept + order.given[place] * p) / order.totals[place]
        p = np.where(known, mixed, p)
    return p


def distribution(model: KneserNey, context: Sequence[int]) -> np.ndarray:
    """P(w | context) for all words w: (V,). START has the probability 0.

    Only the last n - 1 words of the context count, and what a shorter one lacks is
    START: the empty context is the beginning of a sentence. Raises ValueError for what
    are not indices of words.
    """
    n = len(_fitted(model).orders)
    context = arguments.indices("context", context, model.V, ("words",))
    context = [*[model.start] * (n - 1), *context][len(context) :]
    words = np.arange(model.V)
    columns = [np.full(model.V, word) for word in context]
    return probabilities(model, np.stack([*columns, words], axis=1))


def log_probabilities(
    model: KneserNey, sentences: Sequence[Sequence[int]]
) -> list[np.ndarray]:
    """log P of each word after START, in nats: an array (T,) for each sentence.

    Raises ValueError for sentences as `fit` does.
    """
    orders = _fitted(model).orders
    sentences = arguments.listed("sentences", sentences, SENTENCES)
    grams = _ngrams(sentences, len(orders), model.V, model.start)
    log_p = np.log(probabilities(model, grams))
    ends = np.cumsum([len(sentence) - 1 for sentence in sentences], dtype=int)
    return np.split(log_p, ends)[:-1]  # nothing follows the last end


def perplexity(log_p: Iterable[np.ndarray]) -> float:
    """exp of the mean of -log P over all predicted words of all sentences.

    `log_p` is what `log_probabilities` returns, of this or of another model. Raises
    ValueError if it holds no word, or what is above 0 and so no log P.
    """
    log_p = np.concatenate([np.empty(0), *arguments.log_p("log_p", log_p)])
    if not len(log_p):
        raise ValueError("log_p must hold at least one word; got none")
    return float(np.exp(-log_p.mean()))


def _fitted(model: KneserNey) -> KneserNey:
    return arguments.of_kind("model", model, KneserNey)


def _ngrams(sentences, n: int, V: int, start: int) -> np.ndarray:
    """The n-grams that end in a predicted word, in order: (number of words, n).

    All sentences are laid end to end, each with n - 1 copies of START before it. An
    n-gram that reaches back into the sentence before ends in START, and so is dropped.
    """
    parts = []
    sentences = arguments.listed("sentences", sentences, SENTENCES)
    for i, sentence in enumerate(sentences):
        sentence = arguments.indices(f"sentences[{i}]", sentence, V, ("T",))
        if not len(sentence) or sentence[0] != start or start in sentence[1:]:
            raise ValueError(
                f"sentences must begin with START ({start}) and hold no other; "
                f"sentence {i}: {sentence}"
            )
        parts += [np.full(n - 1, start), sentence[1:]]
    text = np.concatenate(parts or [np.empty(0, np.int64)])
    if len(text) < n:
        return np.empty((0, n), dtype=np.int64)
    grams = np.lib.stride_tricks.sliding_window_view(text, n)
    return grams[grams[:, -1] != start]


def _keys(grams: np.ndarray, V: int) -> np.ndarray:
    """N-grams (..., n) as numbers (...) in base V, the last word the last digit."""
    return grams.astype(np.int64) @ (V ** np.arange(grams.shape[-1])[::-1])


def _find(keys: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each wanted key is or would be among sorted keys, and whether it is."""
    i = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return i, keys[i] == wanted
