"""The step of `helpers.lm.by_hand` in PyTensor: SGD, one sentence an update or more."""

from collections.abc import Callable

import pytensor
import pytensor.tensor as pt

from helpers.lm import inplace, model
from helpers.lm.training import softmax_layer
from helpers.networks.elman import Elman


def sgd_step(params: Elman, T: int | None = None) -> Callable:
    """A compiled step(x, y, lr) for shared `params`: returns the summed loss before it.

    x and y (T,) are the words read and those to predict. JAX needs the length T of the
    sentences that will come; other engines take all.
    """
    x, y = (pt.ivector(name, shape=(T,)) for name in "xy")
    lr = pt.scalar("lr")
    loss, updates = loss_and_updates(x, y, pt.ones_like(y, params.h0.dtype), params, lr)
    return pytensor.function([x, y, lr], loss, updates=updates, mode=inplace.mode())


def loss_and_updates(x, y, weights, params: Elman, lr) -> tuple:
    """The weighted sum of -log P of words y, and one step of SGD down its slope.

    x, y and weights have shape (T,), or (T, B) for B sentences. As by hand, only rows
    of W_ih that were looked up change; `inc_subtensor` adds where a word occurs twice.
    """
    rows = params.W_ih[x]
    h = model.states(rows, params)
    h, weights = h.reshape((-1, h.shape[-1])), weights.ravel()
    costs, o, d_o = softmax_layer(h, y.ravel(), weights, params)
    wrt = [rows, *params[1:]]
    g_rows, *grads = pt.grad(None, wrt, known_grads={o: d_o})
    updates = [(params.W_ih, pt.inc_subtensor(rows, -lr * g_rows))]
    updates += [(p, p - lr * g) for p, g in zip(wrt[1:], grads, strict=True)]
    return (costs * weights).sum(), updates
