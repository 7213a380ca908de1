"""Ways to step downhill, and to keep a gradient short.

The optimisers return a list of updates, pairs (shared variable, new value), for the
`updates` of `pytensor.function`. They take a loss, or the list of its gradients, one a
parameter, where something was done to these first. What an optimiser remembers between
updates are new shared variables, updated along with `params`; setting them to zero
starts afresh.
"""

from collections.abc import Sequence

import numpy as np
import pytensor
import pytensor.tensor as pt


def sgd(loss_or_grads, params: Sequence, lr) -> list[tuple]:
    """Plain gradient descent: each parameter minus lr times its gradient."""
    grads = _gradients(loss_or_grads, params)
    return [(p, p - lr * g) for p, g in zip(params, grads, strict=True)]


def momentum(loss_or_grads, params: Sequence, lr, beta: float = 0.9) -> list[tuple]:
    """SGD with a velocity v = beta v + g, by which each parameter moves: p - lr v.

    In a lasting slope the steps grow to lr / (1 - beta) times it (Polyak 1964; in this
    form Sutskever et al. 2013). Raises ValueError for a beta outside [0, 1).
    """
    if not 0 <= beta < 1:
        raise ValueError(f"beta must be at least 0 and below 1; got {beta}")
    updates = []
    for p, g in zip(params, _gradients(loss_or_grads, params), strict=True):
        v = _remembered("velocity", p)
        v_new = beta * v + g
        updates += [(v, v_new), (p, p - lr * v_new)]
    return updates


def adam(
    loss_or_grads,
    params: Sequence,
    lr,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> list[tuple]:
    """Adam (Kingma and Ba 2015, algorithm 1): steps of about lr in each element.

    m and v are running means of the gradient and of its square; both start at zero,
    and the divisions by 1 - beta^t correct for it, with t counting the updates. Raises
    ValueError for a beta outside [0, 1).
    """
    if not (0 <= beta1 < 1 and 0 <= beta2 < 1):
        raise ValueError(
            f"beta1 and beta2 must be at least 0 and below 1; got {beta1} and {beta2}"
        )
    grads = _gradients(loss_or_grads, params)
    count = pytensor.shared(np.zeros((), pytensor.config.floatX), name="adam_t")
    t = count + 1
    updates = [(count, t)]
    for p, g in zip(params, grads, strict=True):
        m, v = _remembered("adam_m", p), _remembered("adam_v", p)
        m_new = beta1 * m + (1 - beta1) * g
        v_new = beta2 * v + (1 - beta2) * g**2
        m_hat = m_new / (1 - beta1**t)
        v_hat = v_new / (1 - beta2**t)
        step = lr * m_hat / (pt.sqrt(v_hat) + epsilon)
        updates += [(m, m_new), (v, v_new), (p, p - step)]
    return updates


def _gradients(loss_or_grads, params: Sequence) -> list:
    if isinstance(loss_or_grads, list | tuple):
        return list(loss_or_grads)
    return pt.grad(loss_or_grads, list(params))


def _remembered(what: str, p):
    """A shared variable of zeros for parameter p."""
    shape = p.get_value(borrow=True).shape
    zeros = np.zeros(shape, pytensor.config.floatX)
    return pytensor.shared(zeros, name=f"{what}_{p.name}", shape=shape)


def clip_by_value(grads: Sequence, limit) -> list:
    """Each element of each gradient drawn into [-limit, limit], for itself.

    Turns the gradient as a whole: large elements are cut, small ones are not.
    """
    return [pt.clip(g, -limit, limit) for g in grads]


def clip_by_norm(grads: Sequence, limit) -> list:
    """All gradients times limit / norm where their common norm is above limit.

    The norm is that of all elements together, so that the direction stays (Pascanu,
    Mikolov and Bengio 2013, algorithm 1).
    """
    norm = pt.sqrt(sum((g**2).sum() for g in grads))
    factor = limit / pt.maximum(norm, limit)
    return [factor * g for g in grads]


def soft_threshold(updates: Sequence[tuple], param, amount) -> list[tuple]:
    """The same updates, after which `param` is drawn towards zero by `amount`.

    Elements within +-amount of zero become exactly zero. After an SGD step of rate lr,
    amount = lr * strength makes it a proximal gradient step on
    loss + strength * sum |param|: the penalty's own slope, +-strength, would jump to
    and fro about zero and hardly ever meet it (Beck and Teboulle 2009, "A fast
    iterative shrinkage-thresholding algorithm", section 1). Raises ValueError where
    `param` is not updated.
    """
    if not any(p is param for p, _ in updates):
        raise ValueError(
            f"param must be among the updated variables "
            f"{', '.join(str(p) for p, _ in updates)}; got {param}"
        )

    def shrunk(value):
        return pt.sign(value) * pt.maximum(pt.abs(value) - amount, 0)

    return [(p, shrunk(new) if p is param else new) for p, new in updates]
