"""The language model by hand: forward, backward and SGD in NumPy, a sentence at a time.

The network is that of `helpers.lm.model` with the Elman cell. Chapter 8 writes these
functions out. The gradient of W_ih is needed for the words that were read and for no
others, and is made for them alone.
"""

from collections.abc import Iterable

import numpy as np

from helpers import arguments
from helpers.networks.elman import Elman, readout

SHAPES = arguments.shapes_of(Elman)
ONE = SHAPES | {"h": (("T", "n_hid"),), "p": (("T", "n_out"),)}


def forward(x: np.ndarray, params: Elman) -> tuple[np.ndarray, np.ndarray]:
    """All states (T, n_hid) and probabilities p (T, V) for word indices x (T,).

    In the type of the parameters together. Raises ValueError for parameters that do not
    fit together, and for what are not indices of words.
    """
    (params,) = arguments.arrays(SHAPES, Elman, params)
    x = arguments.indices("x", x, len(params.W_ih), ("T",))
    rows = params.W_ih[x] + params.b_h
    h = np.empty((len(x), len(params.h0)), rows.dtype)
    h_t = params.h0
    for t, row in enumerate(rows):
        h_t = np.tanh(row + h_t @ params.W_hh)
        h[t] = h_t
    o = readout(h, params)
    p = np.exp(o - o.max(axis=1, keepdims=True))
    return h, p / p.sum(axis=1, keepdims=True)


def mean_loss(sentences: Iterable[np.ndarray], params: Elman) -> float:
    """-log P in nats, the mean over all predicted words of START, words, END.

    Raises ValueError for no word to predict, and as `forward`.
    """
    (params,) = arguments.arrays(SHAPES, Elman, params)
    losses = []
    for sentence in sentences:
        sentence = arguments.indices("sentences", sentence, len(params.b_o), ("T",))
        _, p = forward(sentence[:-1], params)
        losses.append(-np.log(p[np.arange(len(p)), sentence[1:]]))
    if not sum(map(len, losses)):
        raise ValueError("sentences must hold a word to predict; got none")
    return float(np.concatenate(losses).mean())


def backward(
    x: np.ndarray, y: np.ndarray, h: np.ndarray, p: np.ndarray, params: Elman
) -> Elman:
    """The gradient of the summed loss of one sentence, from what `forward` returned.

    In the place of W_ih's gradient (V, n_hid) stands that of the rows W_ih[x],
    (T, n_hid): row t belongs to word x[t], and a word that was read twice has two.
    Raises ValueError for shapes that do not fit and for what are not indices of words.
    """
    h, p, params = arguments.arrays(ONE, Elman, params, h=h, p=p)
    x = arguments.indices("x", x, len(params.W_ih), (len(h),))
    y = arguments.indices("y", y, len(params.b_o), (len(h),))
    d_o = p.copy()
    d_o[np.arange(len(y)), y] -= 1
    from_o = d_o @ params.W_ho.T
    d_a = np.empty_like(h)
    from_later = np.zeros_like(params.h0)
    for t in reversed(range(len(h))):
        d_a[t] = (from_o[t] + from_later) * (1 - h[t] ** 2)
        from_later = d_a[t] @ params.W_hh.T
    before = np.vstack([params.h0, h[:-1]])
    return Elman(d_a, before.T @ d_a, d_a.sum(0), h.T @ d_o, d_o.sum(0), from_later)


def sgd_step(x: np.ndarray, y: np.ndarray, params: Elman, lr: float) -> None:
    """One step down the gradient of one sentence; changes `params` in place.

    Raises ValueError for parameters that are not floating-point arrays, which could not
    take the step, for an lr that is not a number of at least 0, and as `backward`.
    """
    lr = arguments.not_negative("lr", lr)
    for name, value in params._asdict().items():
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            raise arguments.wrong(name, "a floating-point array", value)
    gradient = backward(x, y, *forward(x, params), params)
    np.subtract.at(params.W_ih, x, lr * gradient.W_ih)
    for value, slope in zip(params[1:], gradient[1:], strict=True):
        slope *= lr
        value -= slope
