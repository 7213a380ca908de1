"""The network that came with the tutorial behind chapter 8, in our parameters.

Beside its program the tutorial (Britz 2015) gives the arrays of a network that it has
trained: 50 units and 8,000 words, without biases. `load` fetches them where it is told
to, like a corpus, and reads them without pickle. They are under the Apache License 2.0
(Copyright 2015 Denny Britz), and no part of this course.

Its column vectors are our rows: s_t = tanh(U[:, x_t] + W s_{t-1}) and o_t = V s_t
there, so that W_ih = U^T, W_hh = W^T and W_ho = V^T, and the biases and h0 are 0. Words
0 and 1 are START and END and the last is UNKNOWN; the others stand by falling count in
the tutorial's 15,000 comments, the corpus "classic"; `vocabulary` counts them again.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from helpers.networks.elman import Elman
from helpers.tasks import corpus
from helpers.tasks.text import END, START, UNKNOWN, Vocabulary, sentences

NAME, FILE = "wildml", "trained-model-theano.npz"
AGAIN = "published.load(fetch=True)"
SOURCE = corpus.Source(
    "https://raw.githubusercontent.com/dennybritz/rnn-tutorial-rnnlm/"
    "344d8ffbe2230335c44138ecbd4cd93c7e993aa0/data/",
    {FILE: "4c6fd11e93d1ac009878b9c40e8fa5eba36f704352725ce96cc91368271ccd99"},
)


def load(fetch: bool = False) -> Elman:
    """The published parameters, float32: W_ih (V, H), W_hh (H, H), W_ho (H, V).

    With `fetch` the file (3.2 MB) may be downloaded, as by `corpus.load`, which says
    where it is looked for. Raises FileNotFoundError if it is not on this computer,
    ValueError for a file of another content, and ConnectionError if a download fails.
    """
    return read(corpus.find(NAME, FILE, SOURCE, AGAIN, fetch))


def read(path: Path | str) -> Elman:
    """The parameters in a file of the tutorial's form: U (H, V), V (V, H), W (H, H).

    Raises ValueError for what is no such file, and for numbers that are not finite.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            U, V, W = (arrays[name] for name in "UVW")
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(
            f"{path} must hold the arrays U, V and W of numbers ({error}); fetch it "
            f"again: {AGAIN}"
        ) from None
    H = len(W)
    shapes = U.shape, V.shape, W.shape
    if W.ndim != 2 or V.ndim != 2 or shapes != ((H, len(V)), (len(V), H), (H, H)):
        raise ValueError(
            f"{path} must hold U (H, V), V (V, H) and W (H, H); got {shapes}"
        )
    if not all(a.dtype.kind == "f" and np.isfinite(a).all() for a in (U, V, W)):
        raise ValueError(f"{path} must hold finite numbers; got others")
    zeros = np.zeros(H, W.dtype)
    return Elman(
        U.T.copy(), W.T.copy(), zeros, V.T.copy(), np.zeros(len(V), W.dtype), zeros
    )


class Counted(NamedTuple):
    """The words of the published network, as far as they can be counted again."""

    vocabulary: Vocabulary
    counts: np.ndarray  # (V,) how often each was counted; 0 for the special words
    sentences: list[list[str]]  # the tokens that were counted


def vocabulary(comments: Sequence[str], size: int) -> Counted:
    """START, END, the most common words of the comments by falling count, UNKNOWN.

    The comments are taken as they stand in the file, since the tutorial cleaned
    nothing. Two things cannot be had again: how NLTK cut words in 2015, and the order
    of words that are equally common, which was that of a dictionary of Python 2; here
    it is that of their characters. Raises ValueError for fewer than `size` words.
    """
    read = [tokens for comment in comments for tokens in sentences(comment)]
    counted = Counter(token for tokens in read for token in tokens)
    ranked = sorted(counted, key=lambda word: (-counted[word], word))[: size - 3]
    if len(ranked) < size - 3:
        raise ValueError(
            f"comments must hold {size - 3} different words at least; got {len(ranked)}"
        )
    counts = np.array([0, 0, *(counted[word] for word in ranked), 0])
    return Counted(Vocabulary((START, END, *ranked, UNKNOWN)), counts, read)


def certain(counts: np.ndarray) -> np.ndarray:
    """Which words must have stood where they stand, (V,): no other has their count.

    START, END and UNKNOWN, the words 0, 1 and -1, are certain.
    """
    times = Counter(counts[2:-1].tolist())
    alone = [times[count] == 1 for count in counts[2:-1].tolist()]
    return np.array([True, True, *alone, True])
