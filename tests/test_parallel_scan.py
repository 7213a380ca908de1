"""helpers.networks.parallel_scan against the loop, and where each form ends."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from helpers import engine
from helpers.networks.parallel_scan import by_cumsum, by_log_cumsum, doubling

pytestmark = pytest.mark.usefixtures("python_engine")


def coefficients(T, n=3, seed=0):
    """Forget gates a and positive terms b of a minGRU, (T, 2, n)."""
    rng = np.random.default_rng(seed)
    a = 1 / (1 + np.exp(rng.normal(size=(T, 2, n))))
    return a, (1 - a) * np.exp(rng.normal(size=(T, 2, n)))


def by_loop(a, b):
    """All h; and by backpropagation the gradients of mean h^2 by a and by b."""
    h, d_a, d_b = np.zeros_like(b), np.zeros_like(a), np.zeros_like(b)
    for t in range(len(a)):
        h[t] = (a[t] * h[t - 1] if t else 0) + b[t]
    d = np.zeros_like(b[0])
    for t in reversed(range(len(a))):
        d = d + 2 * h[t] / h.size
        d_b[t], d_a[t] = d, d * (h[t - 1] if t else 0)
        d = d * a[t]
    return h, d_a, d_b


FORMS = {
    "doubling": lambda a, b, T: doubling(a, b, T),
    "cumsum": lambda a, b, T: by_cumsum(pt.log(a), b),
    "log cumsum": lambda a, b, T: by_log_cumsum(pt.log(a), pt.log(b), T),
}


def computed(form, a, b):
    variables = [pt.tensor3(name, shape=a.shape) for name in "ab"]
    h = FORMS[form](*variables, len(a))
    slopes = pt.grad((h**2).mean(), variables, disconnected_inputs="ignore")
    found = pytensor.function(variables, [h, *slopes])(a, b)
    return [np.array(value) for value in found]


def errors(found, expected):
    """The largest difference of h, and of gradients relative to the largest."""
    return [
        np.abs(got - right).max() / ((i > 0 and np.abs(right).max()) or 1)
        for i, (got, right) in enumerate(zip(found, expected, strict=True))
    ]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("T", [1, 2, 7, 32])
def test_every_form_is_the_loop(form, T):
    a, b = coefficients(T)
    assert max(errors(computed(form, a, b), by_loop(a, b))) < 1e-13


def test_doubling_takes_any_sign_and_any_factor():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 13, 2, 3))
    a[4] = 0  # a state that is forgotten
    found = computed("doubling", a, b)
    np.testing.assert_allclose(found[0], by_loop(a, b)[0], rtol=1e-12, atol=1e-12)


def test_doubling_needs_as_many_rounds_as_T_has_binary_digits():
    def products(T):
        a, b = (pt.matrix(name, shape=(T, 1)) for name in "ab")
        seen, open_ends = set(), [doubling(a, b, T)]
        while open_ends:
            apply = open_ends.pop().owner
            if apply is not None and apply not in seen:
                seen.add(apply)
                open_ends.extend(apply.inputs)
        names = [str(getattr(node.op, "scalar_op", "")) for node in seen]
        return names.count("mul") + names.count("Mul")

    # Each round but the last multiplies for b and for a; nothing reads the last a.
    assert [products(T) for T in (1, 2, 4, 5, 32)] == [0, 1, 3, 5, 9]


def test_the_cumulative_sum_goes_wrong_without_a_word():
    """Where an engine rewrites A (A h) as A^2 h: A^2 is 0 long before A is."""
    if why := engine.why_not("jax"):
        pytest.skip(why)
    engine.select("jax")
    (a, b), variables = coefficients(512), [pt.tensor3(shape=(512, 2, 3)) for _ in "ab"]
    h = FORMS["cumsum"](*variables, 512)
    alone = pytensor.function(variables, h)
    slopes = pytensor.function(variables, pt.grad((h**2).mean(), variables))
    found = [np.array(value) for value in (alone(a, b), *slopes(a, b))]
    h, d_a, d_b = errors(found, by_loop(a, b))
    assert h < 1e-11
    assert min(d_a, d_b) > 0.1


def test_the_logarithms_do_not():
    a, b = coefficients(512)
    assert max(errors(computed("log cumsum", a, b), by_loop(a, b))) < 1e-11


@pytest.mark.nightly
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["jax", "numba"])
def test_every_engine_gives_the_same(form, name):
    if why := engine.why_not(name):
        pytest.skip(why)
    a, b = coefficients(20)
    python = computed(form, a, b)
    engine.select(name)
    for other, right in zip(computed(form, a, b), python, strict=True):
        np.testing.assert_allclose(other, right, rtol=1e-11, atol=1e-14)
