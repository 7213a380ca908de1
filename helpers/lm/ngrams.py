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
    """The counts of one order k. An n-gram is one number, its words the digits."""

    grams: np.ndarray  # (number of k-grams,), sorted
    counts: np.ndarray  # c(u w) of each k-gram
    contexts: np.ndarray  # (number of contexts,), sorted: k-grams without the last word
    totals: np.ndarray  # c(u) of each context
    followers: np.ndarray  # N(u) of each context
    discount: float


@dataclass(frozen=True, eq=False)
class KneserNey:
    """An n-gram model of a vocabulary of V words; `fit` makes one."""

    V: int
    start: int  # the index of START
    orders: tuple[Order, ...]  # from 1 to n


def fit(sentences: Sequence[Sequence[int]], n: int, V: int, start: int) -> KneserNey:
    """The n-gram model of sentences of word indices: n = 2 for bigrams.

    Each order has the discount D = n_1 / (n_1 + 2 n_2), where n_1 and n_2 are how many
    of its n-grams have the counts 1 and 2 (Ney, Essen and Kneser 1994); where no count
    is 1, which leaves the formula without a basis, D = 1/2.

    Raises ValueError for an n or V out of range and for words that are not in the
    vocabulary or that cannot stand where they do.
    """
    n = arguments.integer("n", n, expected="at least 1")
    V = arguments.integer("V", V)
    start = arguments.integer("start", start, 0, V - 1)
    if V < 2 or n >= 63 or V**n >= 2**63:
        raise ValueError(
            f"n must be at least 1, V at least 2, and V ** n below 2 ** 63; got "
            f"n = {n}, V = {V}"
        )
    grams = _ngrams(sentences, n, V, start)
    if not len(grams):
        raise ValueError("sentences must hold at least one word to predict; got none")
    keys, counts = np.unique(_keys(grams, V), return_counts=True)
    orders = [_order(keys, counts, V)]
    for k in range(n - 1, 0, -1):
        # Each different (k + 1)-gram is one context in which its last k words stand.
        keys, counts = np.unique(keys % V**k, return_counts=True)
        orders.append(_order(keys, counts, V))
    return KneserNey(V, start, tuple(reversed(orders)))


def _order(grams: np.ndarray, counts: np.ndarray, V: int) -> Order:
    contexts, first = np.unique(grams // V, return_index=True)
    totals = np.add.reduceat(counts, first)
    followers = np.diff([*first, len(grams)])
    n_1, n_2 = np.sum(counts == 1), np.sum(counts == 2)
    discount = float(n_1 / (n_1 + 2 * n_2)) if n_1 else 0.5
    return Order(grams, counts, contexts, totals, followers, discount)


def probabilities(model: KneserNey, grams: np.ndarray) -> np.ndarray:
    """P(last word | the words before it), shape (...), for n-grams (..., n).

    An n-gram is a row of word indices, and n the highest order of the model. Raises
    ValueError for rows of another length and for what are not indices of words.
    """
    V, n = _fitted(model).V, len(model.orders)
    grams = arguments.indices("grams", grams, V)
    if grams.ndim < 1 or grams.shape[-1] != n:
        raise ValueError(f"grams must have shape (..., {n}); got {grams.shape}")
    keys = _keys(grams, V)
    p = np.where(keys % V == model.start, 0, 1 / (V - 1))
    for k, order in enumerate(model.orders, start=1):
        gram = keys % V**k
        count = _look_up(order.grams, order.counts, gram)
        total = _look_up(order.contexts, order.totals, gram // V)
        followers = _look_up(order.contexts, order.followers, gram // V)
        kept = np.maximum(count - order.discount, 0)
        mixed = (kept + order.discount * followers * p) / np.maximum(total, 1)
        p = np.where(total > 0, mixed, p)
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


def _look_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The values of the wanted keys, 0 for a key that is not there; keys are sorted."""
    i = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[i] == wanted, values[i], 0)
