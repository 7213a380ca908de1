"""The gated cells of chapter 6, LSTM and GRU, in PyTensor and in NumPy.

Both are used like `helpers.networks.elman`: vectors are rows, a sequence x has shape
(T, n_in), a batch of sequences of one length (T, batch, n_in), and the outputs are
o_t = h_t W_ho + b_o. `readout` and `shared` of that module serve these cells too. The
weights of a cell's gates stand side by side in one matrix, n_hid columns a gate.

LSTM (Hochreiter and Schmidhuber 1997, "Long short-term memory", with the forget gate of
Gers, Schmidhuber and Cummins 2000, "Learning to forget"):

    [i_t f_t o_t g_t] = [s s s tanh](x_t W_ih + h_{t-1} W_hh + b_h),  s the sigmoid
    c_t = f_t c_{t-1} + i_t g_t,    h_t = o_t tanh(c_t)

GRU (Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder",
equations 5 to 8, with biases and with z for 1 - z):

    [r_t z_t] = s(x_t W_ih + h_{t-1} W_hh + b_h),       the first two blocks
    g_t = tanh(x_t W_ih + (r_t h_{t-1}) W_hh + b_h),    the last block
    h_t = (1 - z_t) h_{t-1} + z_t g_t
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as pt
from scipy.special import expit

from helpers import arguments
from helpers.networks import initialisation
from helpers.networks.elman import for_each_example, initial_arrays


class LSTM(NamedTuple):
    """The parameters: NumPy arrays, or PyTensor variables of the same shapes.

    Blocks of columns, in this order: input gate, forget gate, output gate, candidate.
    """

    W_ih: np.ndarray  # (n_in, 4 n_hid)
    W_hh: np.ndarray  # (n_hid, 4 n_hid)
    b_h: np.ndarray  # (4 n_hid,)
    W_ho: np.ndarray  # (n_hid, n_out)
    b_o: np.ndarray  # (n_out,)
    h0: np.ndarray  # (n_hid,), the state before the first step
    c0: np.ndarray  # (n_hid,), the cell before the first step


class GRU(NamedTuple):
    """The parameters: NumPy arrays, or PyTensor variables of the same shapes.

    Blocks of columns, in this order: reset gate, update gate, candidate.
    """

    W_ih: np.ndarray  # (n_in, 3 n_hid)
    W_hh: np.ndarray  # (n_hid, 3 n_hid)
    b_h: np.ndarray  # (3 n_hid,)
    W_ho: np.ndarray  # (n_hid, n_out)
    b_o: np.ndarray  # (n_out,)
    h0: np.ndarray  # (n_hid,), the state before the first step


SHAPES = {
    LSTM: arguments.shapes_of(LSTM, 4, x="n_in"),
    GRU: arguments.shapes_of(GRU, 3, x="n_in"),
}


def initial_lstm(
    n_in: int,
    n_hid: int,
    n_out: int,
    rng: np.random.Generator,
    init: Callable[..., np.ndarray] = initialisation.uniform,
    forget_bias: float = 1.0,
) -> LSTM:
    """First values, arrays of floatX: each block of weights by `init`, biases zero.

    Only the bias of the forget gate is `forget_bias`: at 1 the gate begins at 0.73, so
    that a cell keeps what it holds for a while before it has learned to (Gers et al.
    2000; Jozefowicz, Zaremba and Sutskever 2015). `init` is a function of
    `helpers.networks.initialisation`. Raises ValueError for sizes that are not positive
    integers, an `rng` that is no generator, and a `forget_bias` that is not finite.
    """
    forget_bias = arguments.number("forget_bias", forget_bias)
    common = initial_arrays(4, n_in, n_hid, n_out, rng, init)
    common["b_h"].reshape(4, -1)[1] = forget_bias
    return LSTM(**common, c0=np.zeros_like(common["h0"]))


def initial_gru(
    n_in: int,
    n_hid: int,
    n_out: int,
    rng: np.random.Generator,
    init: Callable[..., np.ndarray] = initialisation.uniform,
) -> GRU:
    """First values, arrays of floatX: each block of weights by `init`, biases zero.

    Arguments and errors as in `initial_lstm`.
    """
    return GRU(**initial_arrays(3, n_in, n_hid, n_out, rng, init))


# One step ---------------------------------------------------------------------


def lstm_from(
    a_t, h_tm1, c_tm1, W_hh, sigmoid: Callable = pt.sigmoid, tanh: Callable = pt.tanh
):
    """One step of the LSTM from its input's part of the sums, a_t = x_t W_ih + b_h.

    Returns the new state and the new cell, (h_t, c_t). a_t (4 n_hid,), h_tm1 and c_tm1
    (n_hid,), or all three a batch axis in front. For NumPy arrays pass their sigmoid
    and tanh.
    """
    n = W_hh.shape[-2]
    return lstm_of(a_t + h_tm1 @ W_hh, c_tm1, n, sigmoid, tanh)


def lstm_of(
    sums, c_tm1, n, sigmoid: Callable = pt.sigmoid, tanh: Callable = pt.tanh
) -> tuple:
    """One step of the LSTM from all its sums (4 n,), n = n_hid: (h_t, c_t)."""
    gates = sigmoid(sums[..., : 3 * n])
    i_t, f_t, o_t = (gates[..., k * n : (k + 1) * n] for k in range(3))
    g_t = tanh(sums[..., 3 * n :])
    c_t = f_t * c_tm1 + i_t * g_t
    return o_t * tanh(c_t), c_t


def gru_from(
    a_t, h_tm1, W_hh, sigmoid: Callable = pt.sigmoid, tanh: Callable = pt.tanh
):
    """One step of the GRU from a_t = x_t W_ih + b_h: h_t. Arguments as in lstm_from."""
    n = W_hh.shape[-2]
    gates = sigmoid(a_t[..., : 2 * n] + h_tm1 @ W_hh[..., : 2 * n])
    r_t, z_t = gates[..., :n], gates[..., n:]
    g_t = tanh(a_t[..., 2 * n :] + (r_t * h_tm1) @ W_hh[..., 2 * n :])
    return (1 - z_t) * h_tm1 + z_t * g_t


def lstm_step(x_t, h_tm1, c_tm1, W_ih, W_hh, b_h, **functions):
    """One step of the LSTM from its input x_t (n_in,): (h_t, c_t), see `lstm_from`."""
    return lstm_from(x_t @ W_ih + b_h, h_tm1, c_tm1, W_hh, **functions)


def gru_step(x_t, h_tm1, W_ih, W_hh, b_h, **functions):
    """One step of the GRU from its input x_t (n_in,): h_t, see `gru_from`."""
    return gru_from(x_t @ W_ih + b_h, h_tm1, W_hh, **functions)


# All steps --------------------------------------------------------------------


def lstm_states(x, params: LSTM):
    """All states and all cells, (h, c), as PyTensor expressions, by scan over time.

    x is (T, n_in) or (T, batch, n_in); h and c have its shape with n_hid as the last
    axis. For gradients under JAX, T must be static (see `helpers.networks.elman`).
    Raises ValueError for types, numbers of axes and lengths that do not fit.
    """
    arguments.check_variables(SHAPES[LSTM], LSTM, params, x)
    return pytensor.scan(
        lstm_step,
        sequences=x,
        outputs_info=[for_each_example(s, x) for s in (params.h0, params.c0)],
        non_sequences=[params.W_ih, params.W_hh, params.b_h],
        strict=True,
        return_updates=False,
    )


def gru_states(x, params: GRU):
    """All states h as a PyTensor expression; shapes and errors as in `lstm_states`."""
    arguments.check_variables(SHAPES[GRU], GRU, params, x)
    return pytensor.scan(
        gru_step,
        sequences=x,
        outputs_info=for_each_example(params.h0, x),
        non_sequences=[params.W_ih, params.W_hh, params.b_h],
        strict=True,
        return_updates=False,
    )


def lstm_states_numpy(x: np.ndarray, params: LSTM) -> tuple[np.ndarray, np.ndarray]:
    """All states and all cells, (h, c), of NumPy arrays, by a loop over time.

    Shapes as in `lstm_states`, of the type of all that enters. Raises ValueError for an
    x or a parameter of another shape, and for what is no array of real numbers.
    """
    x, params = arguments.arrays(SHAPES[LSTM], LSTM, params, x=x)
    step = partial(lstm_step, sigmoid=expit, tanh=np.tanh)
    states = _loop(step, x, params, (params.h0, params.c0))
    return states[:, 0], states[:, 1]


def gru_states_numpy(x: np.ndarray, params: GRU) -> np.ndarray:
    """All states h of NumPy arrays; shapes and errors as in `lstm_states_numpy`."""
    x, params = arguments.arrays(SHAPES[GRU], GRU, params, x=x)

    def step(x_t, h_tm1, *weights):
        return (gru_step(x_t, h_tm1, *weights, sigmoid=expit, tanh=np.tanh),)

    return _loop(step, x, params, (params.h0,))[:, 0]


def _loop(step: Callable, x: np.ndarray, params, start: tuple) -> np.ndarray:
    """What the step returns at all times, (T, number of states, ..., n_hid)."""
    states = [np.broadcast_to(s, (*x.shape[1:-1], len(s))) for s in start]
    every = np.empty((len(x), len(states), *states[0].shape), x.dtype)
    for t, x_t in enumerate(x):
        states = step(x_t, *states, params.W_ih, params.W_hh, params.b_h)
        every[t] = states
    return every
