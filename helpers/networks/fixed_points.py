"""Where a network comes to rest while it reads the same inputs over and over.

F(h) is the state after the inputs x_1, ..., x_T, read from the state h. Where F(h) = h
the network is back where it was, and would be so for ever: a fixed point. They are
found as Sussillo and Barak (2013, "Opening the black box: low-dimensional dynamics in
high-dimensional recurrent neural networks") do, as minima of q(h) = |F(h) - h|^2 from
many starts. A minimum above zero is no fixed point, but a place where the network moves
less than all around it.

How a small step away from a fixed point grows or fades is in the eigenvalues of dF/dh:
if all are smaller than 1 in absolute value, the network comes back.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares

from helpers import arguments
from helpers.networks.elman import SHAPES, Elman

ZERO = 1e-18  # of q, whose two parts are rounded at about 1e-16 each
CLOSE = 1e-3  # two ends of a search that are closer than this are one


class Minimum(NamedTuple):
    """A minimum of q."""

    h: np.ndarray  # (n_hid,)
    q: float
    eigenvalues: np.ndarray  # of dF/dh, (n_hid,), complex, the largest first
    found: int  # how many searches have ended here

    @property
    def is_fixed(self) -> bool:
        """Whether F(h) = h, to rounding."""
        return self.q < ZERO

    @property
    def radius(self) -> float:
        """The largest absolute eigenvalue: below 1 a fixed point attracts."""
        return float(np.abs(self.eigenvalues[0]))


def run(h: np.ndarray, x: np.ndarray, params: Elman) -> tuple[np.ndarray, np.ndarray]:
    """The state F(h) after the inputs x, (n_hid,), and J = dF/dh, (n_hid, n_hid).

    h has shape (n_hid,), x (T, n_in). J[i, j] is how much unit j of F(h) changes with
    unit i of h, as in a product of row vectors: one factor W_hh diag(1 - h_t^2) for
    each step. Raises ValueError for other shapes and for what is no array of finite
    real numbers.
    """
    driven, W_hh = _driven(x, params)
    h = arguments.array("h", h, (len(W_hh),)).astype(float)
    _check_finite({"h": h})
    return _run(h, driven, W_hh)


def _driven(x, params: Elman) -> tuple[np.ndarray, np.ndarray]:
    """What the inputs and the biases add at each step, (T, n_hid), and W_hh."""
    x, params = arguments.arrays(SHAPES, Elman, params, x=x)
    x = arguments.array("x", x, ("T", len(params.W_ih)))
    params = Elman(*(value.astype(float) for value in params))
    with np.errstate(invalid="ignore", over="ignore"):  # it is looked at below
        driven = x @ params.W_ih + params.b_h
    _check_finite({"x and params": driven, "W_hh": params.W_hh})
    return driven, params.W_hh


def _check_finite(arrays: dict[str, np.ndarray]) -> None:
    for name, values in arrays.items():
        if not np.isfinite(values).all():
            raise ValueError(f"{name} must be finite; got NaN or infinity among it")


def _run(h, driven: np.ndarray, W_hh: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    J = np.eye(len(h))
    for from_outside in driven:
        h = np.tanh(from_outside + h @ W_hh)
        J = J @ (W_hh * (1 - h**2))
    return h, J


def minima(x: np.ndarray, starts: np.ndarray, params: Elman) -> list[Minimum]:
    """The different minima of |F(h) - h|^2 in which searches from `starts` end.

    x has shape (T, n_in), starts (n, n_hid); what is not between -1 and 1, where all
    fixed points lie, is moved there. The smallest q comes first. Each search is that of
    Levenberg and Marquardt. What no search meets is not found: that these are all is
    not shown. Raises ValueError as `run` does.
    """
    driven, W_hh = _driven(x, params)
    starts = arguments.array("starts", starts, ("n", len(W_hh))).astype(float)
    _check_finite({"starts": starts})
    here = np.eye(len(W_hh))
    ends = [
        least_squares(
            lambda h: _run(h, driven, W_hh)[0] - h,
            start,
            jac=lambda h: (_run(h, driven, W_hh)[1] - here).T,
            method="lm",
            **dict.fromkeys(("ftol", "xtol", "gtol"), 1e-15),
        ).x
        for start in np.clip(starts, -1, 1)
    ]
    found: list[tuple[float, np.ndarray, int]] = []
    for q, h in sorted(
        ((_speed(h, driven, W_hh), h) for h in ends), key=lambda e: e[0]
    ):
        for i, (least, other, times) in enumerate(found):
            if np.linalg.norm(h - other) < CLOSE:
                found[i] = least, other, times + 1
                break
        else:
            found.append((q, h, 1))
    return [
        Minimum(h, q, _eigenvalues(_run(h, driven, W_hh)[1]), times)
        for q, h, times in found
    ]


def _speed(h, driven: np.ndarray, W_hh: np.ndarray) -> float:
    """q(h)."""
    return float(((_run(h, driven, W_hh)[0] - h) ** 2).sum())


def _eigenvalues(J: np.ndarray) -> np.ndarray:
    """The eigenvalues of J, the largest in absolute value first."""
    values = np.linalg.eigvals(J).astype(complex)
    return values[np.argsort(-np.abs(values), kind="stable")]
