"""Less than this no implementation takes: the products alone, the memory alone.

They work on arrays of the workload's sizes, compute nothing of use, and leave out what
could be done better: no tanh, no loss, no update. The products are done by two
libraries, since each is the faster one for some sizes.
"""

import numba
import numpy as np

from helpers.bench.workloads import Step, Workload


def _operands(workload: Workload) -> list[np.ndarray]:
    """h and d (B, n_hid), all h, the h that are read, all d_o, and x in two axes.

    Without B for one example. Small numbers: what is multiplied again and again must
    not grow. Words are looked up, so that x, in their place, has no features.
    """
    p, (x, y, _) = workload.start, workload.examples
    n_hid, n_out = p.W_ho.shape
    B = workload.weights.shape[1:]
    read = workload.weights.size
    steps = len(x) * read // len(y)
    shapes = [(*B, n_hid), (*B, n_hid), (steps, n_hid), (read, n_hid), (read, n_out)]
    rng = np.random.default_rng(0)
    made = [rng.uniform(-1e-3, 1e-3, s).astype(workload.dtype) for s in shapes]
    n_in = 0 if workload.words else x.shape[-1]
    return [*made, np.ones((steps, n_in), workload.dtype)]


def products(workload: Workload) -> Step:
    """What forward and backward cannot do without, by BLAS in a compiled loop."""
    p = workload.start
    h, d, all_h, read, all_o, x = _operands(workload)
    W_ih, W_hh_T = p.W_ih[: x.shape[1]], np.ascontiguousarray(p.W_hh.T)

    def run() -> float:
        _to_and_fro(h, d, p.W_hh, W_hh_T, len(workload.x))
        _ = x @ W_ih, x.T @ all_h, all_h.T @ all_h
        _ = read @ p.W_ho, all_o @ p.W_ho.T, read.T @ all_o
        return 0.0

    return Step(run, lambda: p)


@numba.njit(nogil=True)
def _to_and_fro(h, d, W, W_T, steps):
    for _ in range(steps):  # a state forwards, an error backwards
        np.dot(h, W, d)
        np.dot(d, W_T, h)


def products_jax(workload: Workload) -> Step:
    """The same by JAX."""
    import jax

    p = workload.start
    W_ih = p.W_ih[:0] if workload.words else p.W_ih

    @jax.jit
    def multiply(operands, W_ih, W_hh, W_ho):
        h, d, all_h, read, all_o, x = operands

        def to_and_fro(_, pair):
            d = pair[0] @ W_hh
            return d @ W_hh.T, d

        looped = jax.lax.fori_loop(0, len(workload.x), to_and_fro, (h, d))
        inputs = x @ W_ih, x.T @ all_h, all_h.T @ all_h
        return looped, inputs, (read @ W_ho, all_o @ W_ho.T, read.T @ all_o)

    given = jax.device_put((_operands(workload), W_ih, p.W_hh, p.W_ho))

    def run() -> float:
        jax.block_until_ready(multiply(*given))
        return 0.0

    return Step(run, lambda: p)


def memory(workload: Workload) -> Step:
    """Each parameter that changes, and each output, read and written once, by one core.

    Of W_ih in the language model, only the rows of the words change.
    """
    p, (*_, all_h, _, all_o, _) = workload.start, _operands(workload)
    W_ih = all_h if workload.words else p.W_ih
    sizes = [part.size for part in (W_ih, p.W_hh, p.W_ho, all_o)]
    everything = np.ones(sum(sizes), workload.dtype)

    def run() -> float:
        np.negative(everything, out=everything)
        return 0.0

    return Step(run, lambda: p)
