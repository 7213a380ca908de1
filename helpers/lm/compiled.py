"""The step of `helpers.lm.by_hand` in PyTensor: SGD, one sentence an update."""

from collections.abc import Callable

import pytensor
import pytensor.tensor as pt

from helpers.elman import Elman
from helpers.lm import inplace, model
from helpers.lm.training import softmax_layer


def sgd_step(params: Elman, T: int | None = None) -> Callable:
    """A compiled step(x, y, lr) for shared `params`: returns the summed loss before it.

    x and y (T,) are the words read and those to predict. As by hand, only rows of W_ih
    that were looked up change; `inc_subtensor` adds where a word occurs twice. JAX
    needs the length T of the sentences that will come; other engines take all.
    """
    x, y = (pt.ivector(name, shape=(T,)) for name in "xy")
    lr = pt.scalar("lr")
    rows = params.W_ih[x]
    h = model.states(rows, params)
    costs, o, d_o = softmax_layer(h, y, pt.ones_like(h[:, 0]), params)
    wrt = [rows, *params[1:]]
    g_rows, *grads = pt.grad(None, wrt, known_grads={o: d_o})
    updates = [(params.W_ih, pt.inc_subtensor(rows, -lr * g_rows))]
    updates += [(p, p - lr * g) for p, g in zip(wrt[1:], grads, strict=True)]
    return pytensor.function(
        [x, y, lr], costs.sum(), updates=updates, mode=inplace.mode()
    )
