"""Ways to step downhill, and to keep a gradient short.

The optimisers return a list of updates, pairs (shared variable, new value), for the
`updates` of `pytensor.function`. They take a loss, or the list of its gradients, one a
parameter, where something was done to these first. What an optimiser remembers between
updates are new shared variables, updated along with `params`; setting them to zero
starts afresh. All raise ValueError, when the graph is built, for gradients that are not
of the types and shapes of the parameters, and for rates and limits that are neither
such numbers nor variables for them.
"""

from collections.abc import Sequence

import numpy as np
import pytensor
import pytensor.tensor as pt

from helpers import arguments


def sgd(loss_or_grads, params: Sequence, lr) -> list[tuple]:
    """Plain gradient descent: each parameter minus lr times its gradient."""
    grads, lr = _gradients(loss_or_grads, params), _rate("lr", lr, params)
    return [(p, p - lr * g) for p, g in zip(params, grads, strict=True)]


def momentum(loss_or_grads, params: Sequence, lr, beta: float = 0.9) -> list[tuple]:
    """SGD with a velocity v = beta v + g, by which each parameter moves: p - lr v.

    In a lasting slope the steps grow to lr / (1 - beta) times it (Polyak 1964; in this
    form Sutskever et al. 2013). Raises ValueError for a beta outside [0, 1).
    """
    _check_share("beta", beta)
    grads, lr = _gradients(loss_or_grads, params), _rate("lr", lr, params)
    updates = []
    for p, g in zip(params, grads, strict=True):
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
    _check_share("beta1", beta1)
    _check_share("beta2", beta2)
    arguments.positive("epsilon", epsilon)
    grads, lr = _gradients(loss_or_grads, params), _rate("lr", lr, params)
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
    if not all(hasattr(p, "get_value") for p in params):
        raise arguments.wrong("params", "shared variables", params)
    if not isinstance(loss_or_grads, list | tuple):
        arguments.check_graph({"loss": ((),)}, loss=loss_or_grads)
        return pt.grad(loss_or_grads, list(params))
    if len(loss_or_grads) != len(params):
        expected = f"a loss or {len(params)} gradients, one a parameter"
        raise arguments.wrong("loss_or_grads", expected, loss_or_grads)
    for i, (p, g) in enumerate(zip(params, loss_or_grads, strict=True)):
        arguments.check_like(f"loss_or_grads[{i}]", g, p.name or f"params[{i}]", p)
    return list(loss_or_grads)


def _rate(name: str, value, params: Sequence, number=arguments.not_negative):
    """A number, or a variable that changes the type of no parameter."""
    if not hasattr(value, "type"):
        return number(name, value)
    for p in params:
        arguments.check_broadcast(name, value, p.name or "params", p)
    return value


def _check_share(name: str, value: float) -> None:
    fits = "at least 0 and below 1", lambda value: 0 <= value < 1
    arguments.number(name, value, *fits)


def _listed(grads: Sequence) -> list:
    if not isinstance(grads, list | tuple):
        raise arguments.wrong("grads", "a list of gradients", grads)
    arguments.check_graph({}, grads=grads)
    return list(grads)


def _remembered(what: str, p):
    """A shared variable of zeros for parameter p."""
    shape = p.get_value(borrow=True).shape
    zeros = np.zeros(shape, pytensor.config.floatX)
    return pytensor.shared(zeros, name=f"{what}_{p.name}", shape=shape)


def clip_by_value(grads: Sequence, limit) -> list:
    """Each element of each gradient drawn into [-limit, limit], for itself.

    Turns the gradient as a whole: large elements are cut, small ones are not.
    """
    limit = _rate("limit", limit, _listed(grads), arguments.positive)
    return [pt.clip(g, -limit, limit) for g in grads]


def clip_by_norm(grads: Sequence, limit) -> list:
    """All gradients times limit / norm where their common norm is above limit.

    The norm is that of all elements together, so that the direction stays (Pascanu,
    Mikolov and Bengio 2013, algorithm 1). Where the norm overflows all are NaN: times
    limit / infinity they would be 0, and training would stand still unseen.
    """
    limit = _rate("limit", limit, _listed(grads), arguments.positive)
    norm = pt.sqrt(sum((g**2).sum() for g in grads))
    nan = pt.constant(np.nan, dtype=norm.dtype)
    factor = pt.switch(pt.isinf(norm), nan, limit / pt.maximum(norm, limit))
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
    amount = _rate("amount", amount, [param])

    def shrunk(value):
        return pt.sign(value) * pt.maximum(pt.abs(value) - amount, 0)

    return [(p, shrunk(new) if p is param else new) for p, new in updates]
