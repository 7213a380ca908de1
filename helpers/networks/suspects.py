"""Seven wrong backward passes, the suspects of the lab in chapter 4.

No spoilers: read on only after you have named them by their symptoms.

Each is a backward pass of the Elman network with tanh units and the loss
1/2 sum_t |o_t - y_t|^2, for one sequence x (T, n_in) with targets y (T, n_out). Each
returns what should be the gradients with respect to W_ih, W_hh, b_h, W_ho, b_o and h0,
in this order, and makes one mistake that has been published or is often made. They are
written out in full, each like the code in which one would meet it.
`helpers.networks.bptt.bptt` is right.
"""

from functools import wraps

import numpy as np

from helpers import arguments
from helpers.networks.elman import Elman, hidden_states_numpy, readout

SHAPES = arguments.shapes_of(Elman) | {"x": (("T", "n_in"),), "y": (("T", "n_out"),)}


def in_one_type(suspect):
    """The same, from arrays of one type, or ValueError where they do not fit."""

    @wraps(suspect)
    def checked(x, y, *params):
        x, y, params = arguments.arrays(SHAPES, Elman, Elman(*params), x=x, y=y)
        return suspect(x, y, *params)

    return checked


@in_one_type
def suspect_1(x, y, W_ih, W_hh, b_h, W_ho, b_o, h0):
    """Six arrays, of the shapes of the parameters."""
    h, d_o = _forward(x, y, W_ih, W_hh, b_h, W_ho, b_o, h0)
    d_W_ih, d_W_hh, d_b_h = np.zeros_like(W_ih), np.zeros_like(W_hh), np.zeros_like(b_h)
    d_W_ih_t, d_W_hh_t, d_b_h_t = 0 * W_ih, 0 * W_hh, 0 * b_h
    from_later = np.zeros_like(h0)
    for t in reversed(range(len(x))):
        d_a = (d_o[t] @ W_ho.T + from_later) * (1 - h[t] ** 2)
        d_W_ih_t += np.outer(x[t], d_a)
        d_W_hh_t += np.outer(h[t - 1] if t > 0 else h0, d_a)
        d_b_h_t += d_a
        d_W_ih += d_W_ih_t
        d_W_hh += d_W_hh_t
        d_b_h += d_b_h_t
        from_later = d_a @ W_hh.T
    return d_W_ih, d_W_hh, d_b_h, h.T @ d_o, d_o.sum(axis=0), from_later


@in_one_type
def suspect_2(x, y, W_ih, W_hh, b_h, W_ho, b_o, h0):
    """Six arrays, of the shapes of the parameters."""
    h, d_o = _forward(x, y, W_ih, W_hh, b_h, W_ho, b_o, h0)
    d_W_ih, d_W_hh, d_b_h = np.zeros_like(W_ih), np.zeros_like(W_hh), np.zeros_like(b_h)
    from_later = np.zeros_like(h0)
    for t in reversed(range(len(x))):
        d_a = (d_o[t] @ W_ho.T + from_later) * (1 - h[t] ** 2)
        d_W_ih += np.outer(x[t], d_a)
        d_W_hh += np.outer(h[t - 1] if t > 0 else h0, d_a)
        d_b_h += d_a
        from_later = d_a @ W_hh
    return d_W_ih, d_W_hh, d_b_h, h.T @ d_o, d_o.sum(axis=0), from_later


@in_one_type
def suspect_3(x, y, W_ih, W_hh, b_h, W_ho, b_o, h0):
    """Six arrays, of the shapes of the parameters."""
    h, d_o = _forward(x, y, W_ih, W_hh, b_h, W_ho, b_o, h0)
    a = x @ W_ih + np.vstack([h0, h[:-1]]) @ W_hh + b_h
    d_W_ih, d_W_hh, d_b_h = np.zeros_like(W_ih), np.zeros_like(W_hh), np.zeros_like(b_h)
    from_later = np.zeros_like(h0)
    for t in reversed(range(len(x))):
        d_a = (d_o[t] @ W_ho.T + from_later) * (1 - a[t] ** 2)
        d_W_ih += np.outer(x[t], d_a)
        d_W_hh += np.outer(h[t - 1] if t > 0 else h0, d_a)
        d_b_h += d_a
        from_later = d_a @ W_hh.T
    return d_W_ih, d_W_hh, d_b_h, h.T @ d_o, d_o.sum(axis=0), from_later


@in_one_type
def suspect_4(x, y, W_ih, W_hh, b_h, W_ho, b_o, h0):
    """Six arrays, of the shapes of the parameters."""
    h, d_o = _forward(x, y, W_ih, W_hh, b_h, W_ho, b_o, h0)
    d_W_ih, d_W_hh, d_b_h = np.zeros_like(W_ih), np.zeros_like(W_hh), np.zeros_like(b_h)
    d_h0 = np.zeros_like(h0)
    from_later = np.zeros_like(h0)
    for t in reversed(range(len(x))):
        d_a = (d_o[t] @ W_ho.T + from_later) * (1 - h[t] ** 2)
        d_W_ih += np.outer(x[t], d_a)
        d_W_hh += np.outer(h[t - 1] if t > 0 else h0, d_a)
        d_b_h += d_a
        from_later = d_a @ W_hh.T
    return d_W_ih, d_W_hh, d_b_h, h.T @ d_o, d_o.sum(axis=0), d_h0


@in_one_type
def suspect_5(x, y, W_ih, W_hh, b_h, W_ho, b_o, h0):
    """Six arrays, of the shapes of the parameters."""
    h, d_o = _forward(x, y, W_ih, W_hh, b_h, W_ho, b_o, h0)
    d_W_ih, d_W_hh, d_b_h = np.zeros_like(W_ih), np.zeros_like(W_hh), np.zeros_like(b_h)
    from_later = np.zeros_like(h0)
    for t in reversed(range(len(x))):
        d_a = (d_o[t] @ W_ho.T + from_later) * (1 - h[t] ** 2)
        d_W_ih += x[t] @ W_ih
        d_W_hh += (h[t - 1] if t > 0 else h0) @ W_hh
        d_b_h += d_a
        from_later = d_a @ W_hh.T
    return d_W_ih, d_W_hh, d_b_h, h.T @ d_o, d_o.sum(axis=0), from_later


@in_one_type
def suspect_6(x, y, W_ih, W_hh, b_h, W_ho, b_o, h0):
    """Six arrays, of the shapes of the parameters."""
    h, d_o = _forward(x, y, W_ih, W_hh, b_h, W_ho, b_o, h0)
    d_W_ih, d_W_hh, d_b_h = np.zeros_like(W_ih), np.zeros_like(W_hh), np.zeros_like(b_h)
    from_later = np.zeros_like(h0)
    for t in reversed(range(len(x))):
        d_a = from_later * (1 - h[t] ** 2)
        d_W_ih += np.outer(x[t], d_a)
        d_W_hh += np.outer(h[t - 1] if t > 0 else h0, d_a)
        d_b_h += d_a
        from_later = (d_a + d_o[t] @ W_ho.T * (1 - h[t] ** 2)) @ W_hh.T
    return d_W_ih, d_W_hh, d_b_h, h.T @ d_o, d_o.sum(axis=0), from_later


@in_one_type
def suspect_7(x, y, W_ih, W_hh, b_h, W_ho, b_o, h0):
    """Six arrays, of the shapes of the parameters."""
    h, d_o = _forward(x, y, W_ih, W_hh, b_h, W_ho, b_o, h0)
    d_W_ih, d_W_hh, d_b_h = np.zeros_like(W_ih), np.zeros_like(W_hh), np.zeros_like(b_h)
    d_W_ho, d_b_o = np.zeros_like(W_ho), np.zeros_like(b_o)
    from_later = np.zeros_like(h0)
    for t in reversed(range(len(x))):
        d_W_ho += np.outer(h[t], d_o[-1])
        d_b_o += d_o[-1]
        d_a = (d_o[-1] @ W_ho.T + from_later) * (1 - h[t] ** 2)
        d_W_ih += np.outer(x[t], d_a)
        d_W_hh += np.outer(h[t - 1] if t > 0 else h0, d_a)
        d_b_h += d_a
        from_later = d_a @ W_hh.T
    return d_W_ih, d_W_hh, d_b_h, d_W_ho, d_b_o, from_later


def _forward(x, y, *params):
    """The states (T, n_hid), and the errors o - y of the outputs (T, n_out)."""
    params = Elman(*params)
    h = hidden_states_numpy(x, params)
    return h, readout(h, params) - y


SUSPECTS = {name: value for name, value in globals().items() if name[:8] == "suspect_"}
