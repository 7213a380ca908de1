"""The Elman network of chapters 2 and 3, in NumPy and in PyTensor.

    h_t = g(x_t W_ih + h_{t-1} W_hh + b_h),    o_t = h_t W_ho + b_o

Vectors are rows. A sequence x has shape (T, n_in), a batch of sequences of one length
(T, batch, n_in): time first, features last (Elman 1990, "Finding structure in time").
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np
import pytensor
import pytensor.tensor as pt

from helpers import arguments
from helpers.networks import initialisation

Params = TypeVar("Params", bound=tuple)  # Elman, LSTM or GRU


class Elman(NamedTuple):
    """The parameters: NumPy arrays, or PyTensor variables of the same shapes."""

    W_ih: np.ndarray  # (n_in, n_hid)
    W_hh: np.ndarray  # (n_hid, n_hid)
    b_h: np.ndarray  # (n_hid,)
    W_ho: np.ndarray  # (n_hid, n_out)
    b_o: np.ndarray  # (n_out,)
    h0: np.ndarray  # (n_hid,), the state before the first step


SHAPES = arguments.shapes_of(Elman, x="n_in")


def initial_elman(
    n_in: int,
    n_hid: int,
    n_out: int,
    rng: np.random.Generator,
    init: Callable[..., np.ndarray] = initialisation.unit_singular_value,
) -> Elman:
    """First values, arrays of floatX: weights by `init`, biases and h0 zero.

    `init` is a function of `helpers.networks.initialisation`. Raises ValueError for
    sizes that are not positive integers and for an `rng` that is no generator.
    """
    return Elman(**initial_arrays(1, n_in, n_hid, n_out, rng, init))


def initial_arrays(blocks: int, n_in, n_hid, n_out, rng, init) -> dict[str, np.ndarray]:
    """First values of a cell with so many blocks of columns, by the parameters' names.

    Arguments and errors otherwise as in `initial_elman`.
    """
    sizes = {"n_in": n_in, "n_hid": n_hid, "n_out": n_out}
    n_in, n_hid, n_out = (arguments.integer(*size) for size in sizes.items())
    arguments.generator(rng)
    arguments.function("init", init)

    def side_by_side(n: int) -> np.ndarray:
        return np.hstack([init(n, n_hid, rng) for _ in range(blocks)])

    values = {
        "W_ih": side_by_side(n_in),
        "W_hh": side_by_side(n_hid),
        "b_h": np.zeros(blocks * n_hid),
        "W_ho": init(n_hid, n_out, rng),
        "b_o": np.zeros(n_out),
        "h0": np.zeros(n_hid),
    }
    floatX = pytensor.config.floatX
    return {name: value.astype(floatX) for name, value in values.items()}


def shared(values: Params) -> Params:
    """The same parameters as shared variables, named as in the formulas.

    Of this network or of a gated cell. Their shapes are fixed, which JAX needs for a
    scan inside a scan.
    """
    return type(values)(
        *(
            pytensor.shared(value, name=name, shape=value.shape)
            for name, value in values._asdict().items()
        )
    )


def hidden_states_numpy(
    x: np.ndarray, params: Elman, g: Callable = np.tanh
) -> np.ndarray:
    """All states h_1, ..., h_T of NumPy arrays, by a loop over time.

    x has shape (T, n_in) or (T, batch, n_in); returns (T, n_hid) or
    (T, batch, n_hid), of the type of all that enters. Raises ValueError for any other
    shape, of x or of a parameter, and for what is no array of real numbers.
    """
    x, params = arguments.arrays(SHAPES, Elman, params, x=x)
    arguments.function("g", g)
    W_ih, W_hh, b_h, *_, h0 = params
    h_t = np.broadcast_to(h0, (*x.shape[1:-1], len(h0)))
    h = np.empty((len(x), *h_t.shape), x.dtype)
    for t, x_t in enumerate(x):
        h_t = g(x_t @ W_ih + h_t @ W_hh + b_h)
        h[t] = h_t
    return h


def step(x_t, h_tm1, W_ih, W_hh, b_h, g: Callable = pt.tanh):
    """One step: the new state from x_t (n_in,) and the last state h_tm1 (n_hid,).

    Both may have a batch axis in front. The order of the arguments is that in which
    scan gives them: sequences, states, non-sequences.
    """
    return g(x_t @ W_ih + h_tm1 @ W_hh + b_h)


def for_each_example(h0, x):
    """The first state of x: h0 (n_hid,), or (batch, n_hid) with h0 for its rows.

    x is (T, n_in) or (T, batch, n_in), a PyTensor variable. Raises ValueError for an x
    of other than 2 or 3 axes.
    """
    arguments.check_time(x)
    return h0 if x.ndim == 2 else h0 + pt.zeros_like(x[0, :, 0])[:, None]


def hidden_states(x, params: Elman, g: Callable = pt.tanh, truncate_gradient: int = -1):
    """All states h_1, ..., h_T as a PyTensor expression, by scan over time.

    Shapes as in `hidden_states_numpy`; each example of a batch starts from h0. JAX
    takes the gradient only if T is known when it compiles: give x a static shape,
    such as `pt.tensor3("x", shape=(10, None, 2))`. Gradients go back through the last
    `truncate_gradient` steps, -1 for all. Raises ValueError for types, numbers of axes
    and lengths that do not fit, as far as they are known, and for a `truncate_gradient`
    of other than a positive integer or -1.
    """
    arguments.check_variables(SHAPES, Elman, params, x)
    if truncate_gradient != -1:
        arguments.integer("truncate_gradient", truncate_gradient)
    # All x_t @ W_ih could be computed before the loop. With 20 units that was measured
    # to be no faster under JAX, and so the step stays the formula.
    return pytensor.scan(
        partial(step, g=g),
        sequences=x,
        outputs_info=for_each_example(params.h0, x),
        non_sequences=[params.W_ih, params.W_hh, params.b_h],
        truncate_gradient=truncate_gradient,
        strict=True,
        return_updates=False,
    )


def readout(h, params: Elman):
    """o = h W_ho + b_o for states of shape (..., n_hid): (..., n_out), linear.

    For NumPy arrays and PyTensor variables alike. Raises ValueError for shapes that do
    not fit.
    """
    h, W_ho, b_o = arguments.of_readout(h, params)
    return h @ W_ho + b_o
