"""Sentences of like length side by side, so that little of a batch is filler.

Sequences are what `Vocabulary.encode` makes: START, the words, END. A sequence of n
numbers gives n - 1 predictions, x = sequence[:-1] and y = sequence[1:]: START is never
predicted. JAX compiles for one length, so lengths are rounded up to a few buckets, and
a mask says which positions are real.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from helpers import arguments


class Batch(NamedTuple):
    """B sentences of at most T predictions, one a column."""

    x: np.ndarray  # (T, B) int32, the words read; 0 where the sentence has ended
    y: np.ndarray  # (T, B) int32, the words to predict; 0 there too
    mask: np.ndarray  # (T, B) float32, 1 at real predictions and 0 at filler


def bucket_lengths(sequences: Sequence[np.ndarray], count: int = 10) -> tuple[int, ...]:
    """At most `count` lengths T, the last the longest, with the least filler in sum.

    Found exactly, by dynamic programming over the lengths that occur. Raises
    ValueError without sequences, for a count below 1, for a sequence that predicts
    nothing, and for one that is not made of indices of words.
    """
    lengths = _predictions(arguments.sequences("sequences", sequences))
    count = arguments.integer("count", count, expected="at least 1")
    T, sentences = np.unique(lengths, return_counts=True)
    below = np.concatenate([[0], np.cumsum(sentences)])
    # cost[j]: positions, real or not, of the j shortest lengths in the buckets so far
    cost = np.concatenate([[0.0], np.full(len(T), np.inf)])
    cuts = []
    for _ in range(min(count, len(T))):
        with_one_more = cost[:, None] + (below[None, 1:] - below[:, None]) * T
        with_one_more[below[:, None] >= below[None, 1:]] = np.inf
        best = with_one_more.argmin(axis=0)
        cuts.append(best)
        cost = np.concatenate([[np.inf], with_one_more.min(axis=0)])
    chosen, j = [], len(T)
    for best in reversed(cuts):
        chosen.append(int(T[j - 1]))
        j = best[j - 1]
    return tuple(reversed(chosen))


def batches(
    sequences: Sequence[np.ndarray],
    lengths: Sequence[int],
    tokens: int,
    rng: np.random.Generator | None = None,
) -> list[tuple[int, int, np.ndarray]]:
    """A plan of (T, B, indices of sequences): each sequence once, in its bucket.

    B = tokens // T, at least 1, so that batches of all buckets hold about `tokens`
    predictions. The last of a bucket may have fewer indices than B. With `rng` the
    sequences of a bucket and then all batches are shuffled. Raises ValueError for
    `tokens` below 1, lengths that are not positive integers, a sequence longer than the
    last bucket, an `rng` that is no generator, and as `bucket_lengths`.
    """
    predictions = _predictions(arguments.sequences("sequences", sequences))
    tokens = arguments.integer("tokens", tokens, expected="at least 1")
    lengths = arguments.listed("lengths", lengths, "a list of positive integers")
    lengths = sorted(arguments.integer("lengths", T) for T in lengths)
    if predictions.max() > max(lengths, default=0):
        raise ValueError(
            f"lengths must reach {predictions.max()}, the longest sequence; "
            f"got {max(lengths, default='none')}"
        )
    if rng is not None:
        arguments.generator(rng)
    plan = []
    bucket = np.searchsorted(lengths, predictions)
    for k, T in enumerate(lengths):
        (members,) = np.nonzero(bucket == k)
        if rng is not None:
            rng.shuffle(members)
        B = max(1, tokens // T)
        plan += [(T, B, members[i : i + B]) for i in range(0, len(members), B)]
    if rng is not None:
        rng.shuffle(plan)
    return plan


def fill(
    sequences: Sequence[np.ndarray], T: int, B: int, indices, carried: bool = False
) -> Batch:
    """The batch of these sequences; columns left over are filler throughout.

    Where sequences are `carried` on over sentences, their first number, START, stands
    within them, too; it is read there, and no prediction.

    Raises ValueError for indices that are not those of at most B sequences, for
    sequences that predict nothing or more than T words, and for sizes that are not
    positive integers.
    """
    T, B = arguments.integer("T", T), arguments.integer("B", B)
    arguments.of_kind("sequences", sequences, Sequence, np.ndarray)
    indices = arguments.indices("indices", indices, len(sequences), ("n",))
    if len(indices) > B:
        raise ValueError(
            f"B must be at least {len(indices)}, the number of indices; got {B}"
        )
    chosen = arguments.sequences("sequences", [sequences[i] for i in indices])
    ends = np.zeros(B, int)
    if chosen:
        ends[: len(chosen)] = _predictions(chosen)
    if ends.max() > T:
        raise ValueError(f"T must be at least {ends.max()}, the longest; got {T}")
    t = np.arange(T + 1)
    words = np.zeros((T + 1, B), np.int32)
    if chosen:
        words.T[: len(chosen)][t <= ends[: len(chosen), None]] = np.concatenate(chosen)
    real = there = t[:-1, None] < ends
    if carried and chosen:
        real = there & (words[1:] != chosen[0][0])
    return Batch(words[:-1] * there, words[1:], real.astype(np.float32))


def filled(
    sequences: Sequence[np.ndarray],
    lengths: Sequence[int],
    tokens: int,
    carried: bool = False,
) -> Iterator[Batch]:
    """All sequences once, in batches, unshuffled: for an evaluation.

    Raises ValueError as `batches`, when the first batch is asked for.
    """
    for T, B, indices in batches(sequences, lengths, tokens):
        yield fill(sequences, T, B, indices, carried)


def _predictions(sequences: Sequence[np.ndarray]) -> np.ndarray:
    lengths = np.array([len(sequence) - 1 for sequence in sequences])
    if len(lengths) == 0 or lengths.min() < 1:
        raise ValueError(
            "sequences must be one or more arrays of at least 2 numbers; got lengths "
            f"{(lengths[:5] + 1).tolist()}"
        )
    return lengths
