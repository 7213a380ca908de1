"""Ways to step downhill beside plain SGD (`helpers.feedforward.sgd`).

Each returns a list of updates, pairs (shared variable, new value), for the `updates`
of `pytensor.function`.
"""

from collections.abc import Sequence

import numpy as np
import pytensor
import pytensor.tensor as pt


def adam(
    loss,
    params: Sequence,
    lr,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> list[tuple]:
    """Adam (Kingma and Ba 2015, algorithm 1): steps of about lr in each element.

    m and v are running means of the gradient and of its square; both start at zero,
    and the divisions by 1 - beta^t correct for it. They and the count t are new shared
    variables, updated along with `params`; setting them to zero starts afresh. Raises
    ValueError for a beta outside [0, 1).
    """
    if not (0 <= beta1 < 1 and 0 <= beta2 < 1):
        raise ValueError(
            f"beta1 and beta2 must be at least 0 and below 1; got {beta1} and {beta2}"
        )
    floatX = pytensor.config.floatX
    count = pytensor.shared(np.zeros((), floatX), name="adam_t")
    t = count + 1
    updates = [(count, t)]
    for p, g in zip(params, pt.grad(loss, params), strict=True):
        zeros = np.zeros(p.get_value(borrow=True).shape, floatX)
        m = pytensor.shared(zeros, name=f"adam_m_{p.name}")
        v = pytensor.shared(zeros, name=f"adam_v_{p.name}")
        m_new = beta1 * m + (1 - beta1) * g
        v_new = beta2 * v + (1 - beta2) * g**2
        m_hat = m_new / (1 - beta1**t)
        v_hat = v_new / (1 - beta2**t)
        step = lr * m_hat / (pt.sqrt(v_hat) + epsilon)
        updates += [(m, m_new), (v, v_new), (p, p - step)]
    return updates


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
