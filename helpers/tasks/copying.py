"""The copying task of chapter 9: read n symbols, then say them again.

    input    c a d b  GO  c a d       n symbols, the sign GO, n - 1 symbols
    output   . . . .   c  a d b       nothing is asked of the first n steps

What is to be said is known in full before the first of it is said. From there on the
network hears the symbol that it should have said last, right or wrong: teacher forcing.
Symbols are equally likely and independent, so n of them are n log2(K) bits, and what
has been said tells nothing about what comes: who has forgotten guesses, and is right
once in K. Graves, Wayne and Danihelka (2014, "Neural Turing machines", section 4.1) ask
for copies of random vectors, without hearing them again.
"""

from typing import NamedTuple

import numpy as np

from helpers import arguments

K = 8  # symbols, the integers from 0 to 7
GO = K  # the index of the sign among the inputs


class Copies(NamedTuple):
    """Sequences as a padded batch, time first: what a network reads and should say.

    One-hot; zero where nothing is heard, and where nothing is asked.
    """

    x: np.ndarray  # (T, ..., K + 1)
    y: np.ndarray  # (T, ..., K)


def examples(symbols: np.ndarray, lengths: np.ndarray | None = None) -> Copies:
    """The task of each column of symbols (N, ...): T is 2 N.

    With `lengths` (...), from 1 to N, only so many of a column's symbols are its
    sequence; what is left of its 2 N steps comes after it and is zero. Raises
    ValueError for what are no symbols, for no symbols, and for lengths that do not fit.
    """
    symbols = arguments.indices("symbols", symbols, K)
    if not symbols.ndim or not len(symbols):
        raise arguments.wrong("symbols", "of one step or more", symbols)
    N, *columns = symbols.shape
    n = np.broadcast_to(N, columns)
    if lengths is not None:
        n = arguments.indices("lengths", lengths, N + 1, tuple(columns))
        if n.size and n.min() < 1:
            raise arguments.wrong("lengths", f"from 1 to {N}", lengths)
    t = np.arange(2 * N).reshape(-1, *[1] * len(columns))
    said = np.where((n <= t) & (t < 2 * n), t - n, -1)  # which symbol; -1 is none
    heard = np.where(t < n, t, np.where((n < t) & (t < 2 * n), t - n - 1, -1))
    x, y = (
        np.eye(K + 1)[np.where(at < 0, K, np.take_along_axis(symbols, at, axis=0))]
        for at in (heard, said)
    )
    x[..., GO] = t == n
    return Copies(x, y[..., :K])


def share_right(o: np.ndarray, y: np.ndarray) -> float:
    """The share of what is asked where the largest output is the right one.

    o and y (T, ..., K), y as of `Copies`. Where an output is NaN the answer is wrong.
    Raises ValueError for other shapes and where nothing is asked.
    """
    y = arguments.array("y", y)
    o = arguments.array("o", o, y.shape)
    asked = y.any(axis=-1)
    if not asked.any():
        raise arguments.wrong("y", "targets, some of which are asked", y)
    right = o.argmax(axis=-1) == y.argmax(axis=-1)
    return float((right & ~np.isnan(o).any(axis=-1))[asked].mean())
