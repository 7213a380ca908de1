"""The recurrence h_t = a_t h_{t-1} + b_t without a loop over time, h before it zero.

a and b are PyTensor variables of shape (T, ..., n). Two steps are again one of the same
form, h_t = (a_t a_{t-1}) h_{t-2} + (a_t b_{t-1} + b_t): so any stretch of steps can be
put together first, all stretches side by side.
"""

import pytensor.tensor as pt


def doubling(a, b, T: int):
    """All h, (T, ..., n), in ceil(log2 T) rounds (Hillis and Steele 1986).

    After round r each element is put together of 2^r steps, or of all before it.
    """
    step = 1
    while step < T:
        b = pt.concatenate([b[:step], b[step:] + a[step:] * b[:-step]])
        a = pt.concatenate([a[:step], a[step:] * a[:-step]])
        step *= 2
    return b


def by_cumsum(log_a, b):
    """All h by h_t = A_t sum_{s <= t} b_s / A_s, with A_t the product of a_1 to a_t.

    Short, and only for short sequences: 1 / A_s leaves the range of the numbers. The
    gradient is wrong before h is, where an engine makes A_t^2 of what holds A_t twice,
    as the gradient of h^2 does: A_t^2 is 0 when A_t is not yet.
    """
    log_A = pt.cumsum(log_a, axis=0)
    return pt.exp(log_A) * pt.cumsum(b * pt.exp(-log_A), axis=0)


def by_log_cumsum(log_a, log_b, T: int):
    """The same sum in logarithms, for b > 0 (Feng et al. 2024, appendix).

    The running log of a sum of exponentials is put together by doubling. log(e^u + e^v)
    is u + softplus(v - u): `pt.logaddexp` overflows beyond 709.
    """
    log_A = pt.cumsum(log_a, axis=0)
    s, step = log_b - log_A, 1
    while step < T:
        late, early = s[step:], s[:-step]
        s = pt.concatenate([s[:step], late + pt.softplus(early - late)])
        step *= 2
    return pt.exp(log_A + s)
