"""The feedforward network of chapter 1, in PyTensor.

Row-vector form: a batch `x` has shape (n, n_in) and a layer computes
`g(x @ W + b)` with `W` of shape (n_in, n_out) and `b` of shape (n_out,).
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pytensor
import pytensor.tensor as pt


def initial_values(sizes: Sequence[int], rng: np.random.Generator) -> list[np.ndarray]:
    """Weights and biases, uniform in +-1/sqrt(n_in) of each layer.

    `sizes` are the widths of the layers from input to output, for example
    (9, 8, 1). Returns [W_1, b_1, W_2, b_2, ...] as NumPy arrays of floatX.
    """
    if len(sizes) < 2 or any(int(size) != size or size < 1 for size in sizes):
        raise ValueError(
            f"sizes must be two or more positive integers; got {tuple(sizes)}"
        )
    values = []
    for n_in, n_out in pairwise(sizes):
        limit = 1 / np.sqrt(n_in)
        values.append(rng.uniform(-limit, limit, (n_in, n_out)))
        values.append(rng.uniform(-limit, limit, n_out))
    return [value.astype(pytensor.config.floatX) for value in values]


def network(x, params: Sequence):
    """Output (n, n_out) of a network with tanh hidden layers and a linear readout.

    `params` is [W_1, b_1, W_2, b_2, ...]: symbolic or shared variables.
    """
    *hidden, W_ho, b_o = params
    h = x
    for W, b in zip(hidden[::2], hidden[1::2], strict=True):
        h = pt.tanh(h @ W + b)
    return h @ W_ho + b_o


def mean_squared_error(o, target):
    """Mean over the examples of the squared error, summed over the outputs."""
    return ((o - target) ** 2).sum(axis=-1).mean()


def minibatches(n: int, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """One epoch: the indices 0..n-1 in random order, `size` at a time.

    The last n % size indices of the shuffle are left out, so that every batch has
    one shape and is compiled once.
    """
    if not 1 <= size <= n:
        raise ValueError(f"size must lie in 1..{n}, the number of examples; got {size}")
    order = rng.permutation(n)
    for start in range(0, n - size + 1, size):
        yield order[start : start + size]
