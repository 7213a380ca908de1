"""The feedforward network of chapter 1, in PyTensor.

Row-vector form: a batch `x` has shape (n, n_in) and a layer computes
`g(x @ W + b)` with `W` of shape (n_in, n_out) and `b` of shape (n_out,).
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pytensor
import pytensor.tensor as pt

from helpers import arguments


def initial_values(sizes: Sequence[int], rng: np.random.Generator) -> list[np.ndarray]:
    """Weights and biases, uniform in +-1/sqrt(n_in) of each layer.

    `sizes` are the widths of the layers from input to output, for example
    (9, 8, 1). Returns [W_1, b_1, W_2, b_2, ...] as NumPy arrays of floatX. Raises
    ValueError for other sizes than two or more positive integers, and for an `rng` that
    is no generator.
    """
    if len(arguments.array("sizes", sizes, ("layers",))) < 2:
        raise arguments.wrong("sizes", "two or more positive integers", sizes)
    expected = "two or more positive integers"
    sizes = [arguments.integer("sizes", size, expected=expected) for size in sizes]
    arguments.generator(rng)
    values = []
    for n_in, n_out in pairwise(sizes):
        limit = 1 / np.sqrt(n_in)
        values.append(rng.uniform(-limit, limit, (n_in, n_out)))
        values.append(rng.uniform(-limit, limit, n_out))
    return [value.astype(pytensor.config.floatX) for value in values]


def network(x, params: Sequence):
    """Output (n, n_out) of a network with tanh hidden layers and a linear readout.

    `params` is [W_1, b_1, W_2, b_2, ...]: symbolic or shared variables. Raises
    ValueError for types, numbers of axes and lengths that do not fit, as far as known.
    """
    if len(params) < 2 or len(params) % 2:
        raise ValueError(f"params must be W and b of each layer; got {len(params)}")
    expected = {"x": (("n", "n_0"),)}
    for i in range(0, len(params), 2):
        expected[f"params[{i}]"] = ((f"n_{i // 2}", f"n_{i // 2 + 1}"),)
        expected[f"params[{i + 1}]"] = ((f"n_{i // 2 + 1}",),)
    arguments.check_graph(expected, x=x, params=params)
    *hidden, W_ho, b_o = params
    h = x
    for W, b in zip(hidden[::2], hidden[1::2], strict=True):
        h = pt.tanh(h @ W + b)
    return h @ W_ho + b_o


def mean_squared_error(o, target):
    """Mean over the examples of the squared error, summed over the outputs.

    Raises ValueError for an `o` and a `target` of different shapes: (n, 1) and (n,)
    would be compared each with each.
    """
    arguments.check_shape("target", target, "o", o)
    return ((o - target) ** 2).sum(axis=-1).mean()


def minibatches(n: int, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """One epoch: the indices 0..n-1 in random order, `size` at a time.

    The last n % size indices of the shuffle are left out, so that every batch has
    one shape and is compiled once. Raises ValueError for a size that is not from 1 to
    n, and for an `rng` that is no generator.
    """
    n = arguments.integer("n", n)
    size = arguments.integer("size", size, 1, n)
    arguments.generator(rng)

    def epoch():
        order = rng.permutation(n)
        for start in range(0, n - size + 1, size):
            yield order[start : start + size]

    return epoch()
