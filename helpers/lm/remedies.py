"""What is known to help a language model of words, each remedy in a few lines.

A network may have one more matrix: an embedding E, (V, m), from which x_t reads its
row, so that W_ih is (m, n_hid). With it, and with these:

- Tied weights (Press and Wolf 2017, Inan et al. 2017): W_ho is E^T, so that a word has
  the same numbers where it is read and where it is predicted. Where n_hid is not m, P,
  (n_hid, m), stands between: W_ho = P E^T. Without E, an Elman network may have
  W_ho = W_ih^T.
- Dropout: at each step anew on inputs and outputs, never on the way from state to state
  (Zaremba et al. 2014); one mask for all steps of a sequence, on that way, too (Gal and
  Ghahramani 2016); one mask for inputs and for outputs, and on W_hh itself one for each
  update, DropConnect (Merity et al. 2018).
- Embedding dropout: all rows of a word at once (Gal and Ghahramani 2016).
- The state carried on over the sentences of a comment: one long sequence, in which
  START is read and not predicted.
- Layer norm: what enters tanh or a gate has mean 0 and variance 1 over the units, then
  a gain and the bias (Ba, Kiros and Hinton 2016).
- The mean of the weights of many updates (Polyak and Juditsky 1992).

`helpers.lm.model.folded` gives the plain network that computes the same when nothing is
dropped; only layer norm has none.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pytensor
import pytensor.tensor as pt

from helpers.lm import model
from helpers.lm.model import Learned, Params
from helpers.networks.gated import lstm_of
from helpers.networks.initialisation import uniform
from helpers.tasks.text import Vocabulary

EPSILON = 1e-5  # keeps the division of layer norm finite


# What is learned ---------------------------------------------------------------


def initial(
    cell: str,
    V: int,
    H: int,
    rng: np.random.Generator,
    rows: float = 1.0,
    embedding: int | None = None,
    tied: bool = False,
    norm: bool = False,
) -> Learned:
    """First values of all that is learned, arrays of floatX.

    As `model.initial`; the rows that are looked up lie within +-`rows`, those of E or
    of W_ih. Errors as in `model.shapes` and `model.initial`.
    """
    made = model.shapes(cell, V, H, embedding, tied, norm)
    found = model.initial(cell, V, H, rng, rows)._asdict()
    if "E" in made:
        found["E"] = rng.uniform(-rows, rows, made["E"])
        blocks = [uniform(embedding, H, rng) for _ in range(made["W_ih"][1] // H)]
        found["W_ih"] = np.hstack(blocks)
    if "P" in made:
        found["P"] = uniform(H, embedding, rng)
    if norm:
        found["gain"] = np.ones(made["gain"])
    floatX = pytensor.config.floatX
    return {name: found[name].astype(floatX) for name in made}


# Reading and saying ---------------------------------------------------------------


def read(x, learned: Learned):
    """What the cell reads at each step, (T, B, columns), for looked-up rows (T, B, m).

    With E, these times W_ih; otherwise the rows themselves.
    """
    if "E" not in learned:
        return x
    T, B, m = x.type.shape
    return (x.reshape((T * B, m)) @ learned["W_ih"]).reshape((T, B, -1))


def said(h, learned: Learned):
    """What is multiplied by W_ho: states (N, n_hid), with P these times it."""
    return h @ learned["P"] if "P" in learned else h


# Dropout --------------------------------------------------------------------------


def mask_shapes(settings, T: int, B: int, m: int, W_hh: tuple) -> dict[str, tuple]:
    """The shapes of the masks that an update needs, by where they stand.

    "rows" and "h" are inputs and outputs; locked, they have one step for all. "back" is
    on h_{t-1}, "connect" on W_hh, "words" on the words of a batch, whole rows of them.
    """
    steps = 1 if settings.locked else T
    rates = rates_of(settings)
    found = {"rows": (steps, B, m), "h": (steps, B, W_hh[0]), "back": (B, W_hh[0])}
    found |= {"connect": W_hh, "words": (T * B, 1)}
    return {name: shape for name, shape in found.items() if rates[name]}


def rates_of(settings) -> dict[str, float]:
    """The share that is dropped, by where."""
    rates = dict.fromkeys(("rows", "h"), settings.dropout)
    rates |= {"back": settings.recurrent, "connect": settings.connect}
    return rates | {"words": settings.words}


def masks(shapes: dict, rates: dict, rng: np.random.Generator) -> list[np.ndarray]:
    """Each mask: 0 where something is dropped, else 1 / (1 - p), in float32."""
    found = []
    for name, shape in shapes.items():
        p = np.float32(rates[name])
        found.append((rng.random(shape, np.float32) >= p) * (1 / (1 - p)))
    return found


# The step of the cell -------------------------------------------------------------


def layer_norm(z, blocks: int):
    """z (..., blocks * n) with mean 0 and variance 1 over the units of each block."""
    n = z.shape[-1] // blocks
    parts = [z[..., k * n : (k + 1) * n] for k in range(blocks)]
    centred = [part - part.mean(axis=-1, keepdims=True) for part in parts]
    return pt.concatenate(
        [c / pt.sqrt((c**2).mean(axis=-1, keepdims=True) + EPSILON) for c in centred],
        axis=-1,
    )


def _normed(_: Callable) -> Callable:
    """The step of an Elman network or an LSTM with layer norm, gain and bias."""

    def step(a_t, h_tm1, *rest):
        *cell, W_hh, gain, bias = rest
        sums = layer_norm(a_t + h_tm1 @ W_hh, 4 if cell else 1) * gain + bias
        return lstm_of(sums, *cell, W_hh.shape[-2]) if cell else (pt.tanh(sums),)

    return step


def _dropping(step: Callable) -> Callable:
    """A step that reads the last state through a mask, the same at all times."""

    def dropped(a_t, h_tm1, *rest):
        *rest, kept = rest
        return step(a_t, h_tm1 * kept, *rest)

    return dropped


def states(rows, learned: Learned, params: Params, truncate, kept: dict):
    """`model.states` with the masks "back" and "connect" and layer norm, if any."""
    wraps, given = [], []
    if "gain" in learned:
        wraps.append(_normed)
        given += [learned["gain"], params.b_h]
        params = params._replace(b_h=pt.zeros_like(params.b_h))
    if "back" in kept:
        wraps.append(_dropping)
        given.append(kept["back"])
    if "connect" in kept:
        params = params._replace(W_hh=params.W_hh * kept["connect"])

    def wrap(step: Callable) -> Callable:
        for change in wraps:
            step = change(step)
        return step

    return model.states(rows, params, truncate, wrap, given)


# Over the sentences of a comment --------------------------------------------------


def joined(
    comments: Sequence[Sequence[list[str]]], vocabulary: Vocabulary
) -> list[np.ndarray]:
    """A sequence for each comment: START, words, END, START, words, END and so on."""
    return [
        np.concatenate([vocabulary.encode(tokens) for tokens in comment])
        for comment in comments
        if comment
    ]


# Rates ----------------------------------------------------------------------------


def constant(lr: float, done: int, total: int, warmup: float) -> float:
    """The same rate for all updates, after a rise over the first share `warmup`."""
    return lr * _rise(done, total, warmup)


def linear(lr: float, done: int, total: int, warmup: float) -> float:
    """A rise over the first share `warmup` of the updates, then a line to 0."""
    before = warmup * total
    if done < before:
        return lr * _rise(done, total, warmup)
    return lr * (total - done) / (total - before)


def _rise(done: int, total: int, warmup: float) -> float:
    return min(1.0, (done + 1) / (warmup * total)) if warmup else 1.0
