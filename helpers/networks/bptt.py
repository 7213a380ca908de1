"""Backpropagation through time, written out in NumPy (chapter 4).

The network is that of `helpers.networks.elman`,

    a_t = x_t W_ih + h_{t-1} W_hh + b_h,    h_t = g(a_t),    o_t = h_t W_ho + b_o,

and L a loss of its outputs. From the errors d_o[t] = dL/do_t the functions below make
the gradient of L with respect to each parameter. They agree on one way back:

    dL/da_t = (d_o[t] W_ho^T + dL/da_{t+1} W_hh^T) * g'(a_t)

and differ in how far an error may travel along it. x has shape (T, n_in), h (T, n_hid),
d_o (T, n_out); or all three a batch axis in second place, over which gradients are
summed. h is what `helpers.networks.elman.hidden_states_numpy` returns. Where the loss
does not look at an output, d_o is zero.

Sources: Werbos 1990, Proceedings of the IEEE 78; for the truncated ways Williams and
Peng 1990, Neural Computation 2. `slope` gives g'(a) from h = g(a).
"""

from collections.abc import Callable

import numpy as np

from helpers import arguments
from helpers.networks.elman import Elman

SHAPES = arguments.shapes_of(Elman, h="n_hid", d_o="n_out", x="n_in")


def tanh_slope(h: np.ndarray) -> np.ndarray:
    """The slope of tanh where its value is h. Raises ValueError for no real numbers."""
    h = arguments.floats({"h": h})["h"]
    return 1 - h**2


def sigmoid_slope(h: np.ndarray) -> np.ndarray:
    """The slope of the sigmoid where its value is h; errors as in `tanh_slope`."""
    h = arguments.floats({"h": h})["h"]
    return h * (1 - h)


def state_errors(
    h: np.ndarray, d_o: np.ndarray, params: Elman, slope: Callable = tanh_slope
) -> np.ndarray:
    """dL/dh_t for all steps, shaped as h: what reaches each state from all later ones.

    Raises ValueError for shapes that do not fit and for no real numbers.
    """
    h, d_o, params, slopes = _checked(params, slope, h=h, d_o=d_o)
    return _state_errors(d_o, params, slopes)


def _state_errors(d_o, params: Elman, slopes: np.ndarray) -> np.ndarray:
    """dL/dh_t from the slopes g'(a_t), shaped as these."""
    d_h = np.empty_like(slopes)
    from_later = np.zeros_like(slopes[0])
    for t in reversed(range(len(d_h))):
        d_h[t] = d_o[t] @ params.W_ho.T + from_later
        from_later = (d_h[t] * slopes[t]) @ params.W_hh.T
    return d_h


def bptt(x, h, d_o, params: Elman, slope: Callable = tanh_slope) -> Elman:
    """The gradient, whole: every error travels back to the first step.

    Raises ValueError for shapes that do not fit and for no real numbers.
    """
    h, d_o, x, params, slopes = _checked(params, slope, h=h, d_o=d_o, x=x)
    return _whole(x, h, d_o, params, slopes)


def _whole(x, h, d_o, params: Elman, slopes) -> Elman:
    d_a = _state_errors(d_o, params, slopes) * slopes
    return _gradients(x, h, d_o, d_a, params)


def windows(x, h, d_o, params: Elman, k: int, slope: Callable = tanh_slope) -> Elman:
    """Truncated: each error travels back through k steps, its own step included.

    The state before these steps counts as a constant. Costs k passes over the
    sequence. Raises ValueError for k < 1 and for shapes that do not fit.
    """
    k = arguments.integer("k", k, expected="a positive number of steps")
    h, d_o, x, params, slopes = _checked(params, slope, h=h, d_o=d_o, x=x)
    arriving = (d_o @ params.W_ho.T) * slopes  # at t: from the output at t
    d_a = arriving.copy()
    for _ in range(1, min(k, len(h))):
        # at t: from the output one step further ahead than the pass before
        arriving = (arriving[1:] @ params.W_hh.T) * slopes[: len(arriving) - 1]
        d_a[: len(arriving)] += arriving
    return _gradients(x, h, d_o, d_a, params)


def chunks(x, h, d_o, params: Elman, k: int, slope: Callable = tanh_slope) -> Elman:
    """Truncated: the sequence is cut every k steps, and no error crosses a cut.

    The state does cross, as a constant. An error travels back 1 to k steps, by where
    in its chunk it arises. The gradients of the chunks are summed. Raises ValueError
    for k < 1 and for shapes that do not fit.
    """
    k = arguments.integer("k", k, expected="a positive number of steps")
    h, d_o, x, params, slopes = _checked(params, slope, h=h, d_o=d_o, x=x)
    parts = []
    for start in range(0, len(h), k):
        chunk = slice(start, start + k)
        before = params if start == 0 else params._replace(h0=h[start - 1])
        part = _whole(x[chunk], h[chunk], d_o[chunk], before, slopes[chunk])
        no_h0 = np.zeros_like(params.h0)
        parts.append(part if start == 0 else part._replace(h0=no_h0))
    return Elman(*(sum(gradients) for gradients in zip(*parts, strict=True)))


def last_steps(x, h, d_o, params: Elman, k: int, slope: Callable = tanh_slope) -> Elman:
    """Truncated: only the last k steps of the sequence are gone back through.

    Errors of earlier outputs reach W_ho and b_o and nothing else, and none reaches h0
    if k < T. This is what the argument `truncate_gradient=k` of scan computes. Raises
    ValueError for k < 1 and for shapes that do not fit.
    """
    k = arguments.integer("k", k, expected="a positive number of steps")
    h, d_o, x, params, slopes = _checked(params, slope, h=h, d_o=d_o, x=x)
    d_a = np.zeros_like(h)
    d_a[-k:] = _state_errors(d_o[-k:], params, slopes[-k:]) * slopes[-k:]
    return _gradients(x, h, d_o, d_a, params)


def _gradients(x, h, d_o, d_a, params: Elman) -> Elman:
    """From the errors at outputs and sums to the gradients of the parameters."""
    before = np.concatenate([np.broadcast_to(params.h0, h[:1].shape), h[:-1]])
    d_h0 = d_a[0] @ params.W_hh.T
    return Elman(
        W_ih=_product(x, d_a),
        W_hh=_product(before, d_a),
        b_h=_total(d_a),
        W_ho=_product(h, d_o),
        b_o=_total(d_o),
        h0=d_h0.sum(axis=0) if h.ndim == 3 else d_h0,
    )


def _product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The sum over steps and examples of the outer products left^T right."""
    return left.reshape(-1, left.shape[-1]).T @ right.reshape(-1, right.shape[-1])


def _total(errors: np.ndarray) -> np.ndarray:
    """The sum over steps and examples."""
    return errors.reshape(-1, errors.shape[-1]).sum(axis=0)


def _checked(params: Elman, slope: Callable, **sequences) -> tuple:
    """The sequences, `params` and the slopes g'(a), all in one type."""
    arguments.function("slope", slope)
    h, *others, params = arguments.arrays(SHAPES, Elman, params, **sequences)
    if not len(h):
        raise ValueError(f"h must have at least one step; got shape {h.shape}")
    slopes = np.broadcast_to(slope(h), h.shape).astype(h.dtype, copy=False)
    return h, *others, params, slopes
