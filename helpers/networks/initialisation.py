"""First values of weight matrices, and what each promises about `x @ W`.

Every function is `f(n_in, n_out, rng)` and returns a float64 array of shape
(n_in, n_out), to be used as `x @ W`; all but `uniform` and `normal` are scaled by
their singular values, the factors by which W stretches vectors. All raise ValueError
for sizes that are not positive integers and for an `rng` that is no generator.
"""

import numpy as np

from helpers import arguments


def uniform(n_in: int, n_out: int, rng: np.random.Generator) -> np.ndarray:
    """Uniform in +-1/sqrt(n_in).

    A unit then sums n_in inputs to a variance of a third of theirs (LeCun et al. 1998,
    "Efficient BackProp", section 4.6, take sqrt(3) as much).
    """
    n_in, n_out = _checked(n_in, n_out, rng)
    limit = 1 / np.sqrt(n_in)
    return rng.uniform(-limit, limit, (n_in, n_out))


def unit_singular_value(n_in: int, n_out: int, rng: np.random.Generator) -> np.ndarray:
    """Uniform, divided by the largest singular value, which so becomes 1.

    No vector grows in `x @ W`; most shrink, because the other singular values spread
    between 0 and 1. The choice of the classic Reber grammar tutorial.
    """
    n_in, n_out = _checked(n_in, n_out, rng)
    return _scaled(rng.uniform(-1, 1, (n_in, n_out)))


def orthogonal(n_in: int, n_out: int, rng: np.random.Generator) -> np.ndarray:
    """Orthogonal, each such matrix as likely as any other: all singular values are 1.

    A square W keeps the length of every vector. If n_in < n_out the rows are
    orthonormal, so `x @ W` still keeps lengths; if n_in > n_out the columns are.
    Proposed for networks by Saxe, McClelland and Ganguli (2014). The QR factors of a
    normal matrix are unique only once the diagonal of R is made positive; without that
    Q would not be uniformly (Haar) distributed (Mezzadri 2007, "How to generate random
    matrices from the classical compact groups", section 5).
    """
    n_in, n_out = _checked(n_in, n_out, rng)
    tall = rng.standard_normal((max(n_in, n_out), min(n_in, n_out)))
    Q, R = np.linalg.qr(tall)
    Q = Q * np.where(np.diag(R) < 0, -1.0, 1.0)
    return Q if n_in >= n_out else Q.T


def normal(
    n_in: int, n_out: int, rng: np.random.Generator, sd: float = 0.01
) -> np.ndarray:
    """Normal with mean 0 and standard deviation `sd`, whatever the size.

    0.01 is the choice of Ramalho's tutorial of 2013. The largest singular value is
    about sd (sqrt(n_in) + sqrt(n_out)): 0.09 for 20 units. Raises ValueError for an
    `sd` that is not positive.
    """
    n_in, n_out = _checked(n_in, n_out, rng)
    sd = arguments.positive("sd", sd)
    return rng.normal(0, sd, (n_in, n_out))


def sparse(
    n_in: int, n_out: int, rng: np.random.Generator, connections: int = 4
) -> np.ndarray:
    """Each unit hears `connections` of the inputs, or all where there are fewer.

    The other weights of its column are 0. Which ones, is drawn for each unit alone;
    their values are normal. Martens (2010, "Deep learning via Hessian-free
    optimization", section 5) starts from such weights. All are divided by the largest
    singular value, as in `unit_singular_value`: a scale that matrices that are not
    square have too, unlike the spectral radius of echo state networks. Raises
    ValueError for `connections` that are not a positive integer.
    """
    n_in, n_out = _checked(n_in, n_out, rng)
    connections = arguments.integer("connections", connections)
    W = np.zeros((n_in, n_out))
    for unit in range(n_out):
        heard = rng.choice(n_in, min(connections, n_in), replace=False)
        W[heard, unit] = rng.standard_normal(len(heard))
    return _scaled(W)


def _scaled(W: np.ndarray) -> np.ndarray:
    return W / np.linalg.norm(W, 2)  # the norm of order 2 is the largest singular value


def _checked(n_in: int, n_out: int, rng: np.random.Generator) -> tuple[int, int]:
    arguments.generator(rng)
    return arguments.integer("n_in", n_in), arguments.integer("n_out", n_out)
