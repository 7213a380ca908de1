"""The workloads by hand in NumPy: as the chapters write them, and over the batch."""

import numpy as np
from scipy.special import expit

from helpers.bench.workloads import LR, Step, Workload
from helpers.lm import by_hand
from helpers.networks import bptt
from helpers.networks.elman import Elman, hidden_states_numpy, readout


def loss_and_errors(o: np.ndarray, workload: Workload) -> tuple[float, np.ndarray]:
    """The loss of logits o (n, B, n_out), and its slope with respect to them."""
    _, y, w = workload.examples
    if workload.cost == "sigmoid":
        costs = (np.logaddexp(0, o) - y * o).sum(axis=-1)
        return (w * costs).sum(), w[..., None] * (expit(o) - y)
    if workload.cost == "squared":
        return (w * ((o - y) ** 2).sum(axis=-1)).sum(), 2 * w[..., None] * (o - y)
    p = np.exp(o - o.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    at_y = (*np.indices(y.shape), y)
    loss = -(w * np.log(p[at_y])).sum()
    p[at_y] -= 1
    p *= w[..., None]
    return loss, p


def one_by_one(workload: Workload) -> Step:
    """The loops of chapters 4 and 8, one example after another."""
    batch = not workload.single
    B = workload.weights.shape[-1] if batch else 1
    parts = [workload.example(i) for i in range(B)] if batch else [workload]
    params = Elman(*(value.copy() for value in workload.start))

    def gradient(part: Workload) -> tuple[float, Elman]:
        if part.words:
            h, p = by_hand.forward(part.x, params)
            costs = -np.log(p[np.arange(len(p)), part.y])
            weight = part.weights[0]  # the same for all words
            g = by_hand.backward(part.x, part.y, h, p, params)
            return weight * costs.sum(), Elman(*(weight * value for value in g))
        h = hidden_states_numpy(part.x, params)
        d_o = np.zeros((len(h), len(params.b_o)), workload.dtype)
        o = readout(h[-len(part.y) :], params)
        loss, d_o[-len(part.y) :] = loss_and_errors(o, part)
        return loss, bptt.bptt(part.x, h, d_o, params)

    def run() -> float:
        found = [gradient(part) for part in parts]
        for part, (_, g) in zip(parts, found, strict=True):
            descend(params, g, part.x if part.words else None)
        return float(sum(loss for loss, _ in found))

    return Step(run, lambda: params)


def over_batch(workload: Workload) -> Step:
    """All examples at once; whatever needs no earlier state is one product."""
    x, y, _ = workload.examples
    n = len(y)
    params = Elman(*(value.copy() for value in workload.start))

    def run() -> float:
        rows = params.W_ih[x] if workload.words else x @ params.W_ih
        rows = rows + params.b_h
        # h[0] is the state before the first step
        h = np.empty((len(x) + 1, *rows.shape[1:]), rows.dtype)
        h[0] = params.h0
        for t, row in enumerate(rows):
            h[t + 1] = np.tanh(row + h[t] @ params.W_hh)
        loss, d_o = loss_and_errors(readout(h[-n:], params), workload)
        d_a = 1 - h[1:] ** 2  # the slope of tanh, times what arrives from above
        from_o = d_o @ params.W_ho.T
        d_h = np.zeros_like(h[0])
        for t in reversed(range(len(x))):
            if t >= len(x) - n:
                d_h = d_h + from_o[t - len(x)]
            d_a[t] *= d_h
            d_h = d_a[t] @ params.W_hh.T
        flat_a, flat_o = flat(d_a), flat(d_o)
        gradient = Elman(
            W_ih=d_a if workload.words else flat(x).T @ flat_a,
            W_hh=flat(h[:-1]).T @ flat_a,
            b_h=flat_a.sum(axis=0),
            W_ho=flat(h[-n:]).T @ flat_o,
            b_o=flat_o.sum(axis=0),
            h0=flat(d_h[None]).sum(axis=0),
        )
        descend(params, gradient, x if workload.words else None)
        return float(loss)

    return Step(run, lambda: params)


def flat(values):
    """(steps, examples, features) as (steps times examples, features).

    For NumPy arrays and PyTensor variables alike.
    """
    return values.reshape((-1, values.shape[-1]))


def descend(params: Elman, gradient: Elman, words: np.ndarray | None) -> None:
    """One step of SGD in place; the gradient of W_ih is that of the rows of `words`."""
    for value, slope in zip(params[1:], gradient[1:], strict=True):
        value -= LR * slope
    if words is None:
        params.W_ih[:] -= LR * gradient.W_ih
    else:
        np.subtract.at(params.W_ih, words, LR * gradient.W_ih)
