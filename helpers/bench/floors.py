"""Less than this no implementation takes: the products alone, the memory alone.

Both work on arrays of the workload's sizes, compute nothing of use, and leave out what
could be done better: no tanh, no loss, no update. The loops are compiled by Numba, and
the products are those of BLAS.
"""

import numba
import numpy as np

from helpers.bench.workloads import Step, Workload


def products(workload: Workload) -> Step:
    """The products of matrices that forward and backward cannot do without."""
    p, (x, y, _) = workload.start, workload.examples
    B = workload.weights.shape[1:]  # () for one example
    rng = np.random.default_rng(0)

    def some(*shape: int) -> np.ndarray:  # small: repeated products must not grow
        return rng.uniform(-1e-3, 1e-3, shape).astype(workload.dtype)

    n_hid, n_out = p.W_ho.shape
    h, d = some(*B, n_hid), some(*B, n_hid)
    all_h = some(x.size if workload.words else x[..., 0].size, n_hid)
    all_o = some(y.size if workload.words else y[..., 0].size, n_out)
    read = all_h[: len(all_o)]
    W_hh_T = np.ascontiguousarray(p.W_hh.T)
    flat_x = None if workload.words else x.reshape(-1, x.shape[-1])

    def run() -> float:
        if flat_x is not None:  # words are looked up instead
            _ = flat_x @ p.W_ih, flat_x.T @ all_h
        _to_and_fro(h, d, p.W_hh, W_hh_T, len(x))
        _ = all_h.T @ all_h
        _ = read @ p.W_ho, all_o @ p.W_ho.T, read.T @ all_o
        return 0.0

    return Step(run, lambda: p)


@numba.njit(nogil=True)
def _to_and_fro(h, d, W, W_T, steps):
    for _ in range(steps):  # a state forwards, an error backwards
        np.dot(h, W, d)
        np.dot(d, W_T, h)


def memory(workload: Workload) -> Step:
    """Each parameter that changes, and each output, read once and written once."""
    p, (x, y, _) = workload.start, workload.examples
    rows = x.size * len(p.h0) if workload.words else p.W_ih.size
    outputs = (y.size if workload.words else y[..., 0].size) * len(p.b_o)
    sizes = [rows, p.W_hh.size, p.W_ho.size, outputs]
    everything = np.ones(sum(sizes), workload.dtype)

    def run() -> float:
        _negate(everything)
        return 0.0

    return Step(run, lambda: p)


@numba.njit(parallel=True)
def _negate(values):
    for i in numba.prange(values.size):
        values[i] = -values[i]
