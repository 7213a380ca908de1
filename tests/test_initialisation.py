"""First weights: what each function promises about its singular values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.networks.initialisation import (
    normal,
    orthogonal,
    sparse,
    uniform,
    unit_singular_value,
)

ALL = (uniform, unit_singular_value, orthogonal, normal, sparse)
sizes = st.integers(1, 12)


def rng(seed=0):
    return np.random.default_rng(seed)


def singular_values(W):
    return np.linalg.svd(W, compute_uv=False)


@pytest.mark.parametrize("init", ALL)
@pytest.mark.parametrize("size", [(1, 1), (5, 3), (3, 5)])
def test_shape_type_and_repetition(init, size):
    W = init(*size, rng())
    assert W.shape == size
    assert W.dtype == np.float64
    np.testing.assert_array_equal(W, init(*size, rng()))
    assert not np.array_equal(init(4, 4, rng()), init(4, 4, rng(1)))


@pytest.mark.parametrize("init", ALL)
@pytest.mark.parametrize(
    ("size", "name"), [((0, 3), "n_in"), ((2.5, 3), "n_in"), ((3, -1), "n_out")]
)
def test_bad_sizes_are_refused(init, size, name):
    with pytest.raises(ValueError, match=f"{name} must be a positive integer; got"):
        init(*size, rng())


def test_uniform_fills_its_limits():
    W = uniform(100, 400, rng())
    assert 0.099 < abs(W).max() <= 0.1
    assert W.std() == pytest.approx(0.1 / np.sqrt(3), rel=0.01)
    assert W.mean() == pytest.approx(0, abs=1e-3)


@given(sizes, sizes, st.integers(0, 100))
def test_unit_singular_value_is_the_largest(n_in, n_out, seed):
    W = unit_singular_value(n_in, n_out, rng(seed))
    assert singular_values(W)[0] == pytest.approx(1, abs=1e-12)


def test_unit_singular_value_is_a_scaled_uniform_matrix():
    W = unit_singular_value(200, 200, rng())
    # uniform on +-a: standard deviation a / sqrt(3), fourth moment a**4 / 5
    a = abs(W).max()
    assert W.std() == pytest.approx(a / np.sqrt(3), rel=0.01)
    assert np.mean(W**4) == pytest.approx(a**4 / 5, rel=0.02)


@given(sizes, sizes, st.integers(0, 100))
def test_orthogonal_keeps_all_singular_values_at_1(n_in, n_out, seed):
    W = orthogonal(n_in, n_out, rng(seed))
    np.testing.assert_allclose(singular_values(W), 1, atol=1e-12)


def is_haar(draws):
    """Three moments of Haar-distributed n x n matrices, each to 5 standard errors.

    For n = 4: entries have mean 0 and variance 1/4, the trace mean 0 and variance 1
    (Diaconis and Shahshahani 1994), and the determinant is 1 as often as -1.
    """
    W = np.array(draws)
    n, error = W.shape[1], 5 / np.sqrt(len(W))
    traces = np.trace(W, axis1=1, axis2=2)
    return (
        np.all(abs(W.mean(axis=0)) < error / np.sqrt(n))
        and abs(np.mean(traces**2) - 1) < error * np.sqrt(2)
        and abs(np.mean(np.linalg.det(W) > 0) - 0.5) < error / 2
    )


def test_orthogonal_prefers_no_direction():
    generator = rng()
    assert is_haar([orthogonal(4, 4, generator) for _ in range(4000)])
    # The test sees the mistake that the correction of signs repairs.
    without = [np.linalg.qr(generator.standard_normal((4, 4)))[0] for _ in range(4000)]
    assert not is_haar(without)


def test_normal_has_its_standard_deviation():
    assert normal(200, 200, rng()).std() == pytest.approx(0.01, rel=0.02)
    assert normal(200, 200, rng(), sd=0.5).std() == pytest.approx(0.5, rel=0.02)
    # the largest singular value that the docstring states
    largest = np.mean([singular_values(normal(20, 20, rng(s)))[0] for s in range(50)])
    assert largest == pytest.approx(0.01 * 2 * np.sqrt(20), rel=0.1)


@given(sizes, sizes, st.integers(1, 15), st.integers(0, 100))
def test_sparse_has_its_connections_and_scale(n_in, n_out, connections, seed):
    W = sparse(n_in, n_out, rng(seed), connections)
    assert np.all((W != 0).sum(axis=0) == min(connections, n_in))
    assert singular_values(W)[0] == pytest.approx(1, abs=1e-12)


def test_sparse_hears_each_input_equally_often():
    heard = (sparse(10, 20_000, rng(), connections=3) != 0).mean(axis=1)
    np.testing.assert_allclose(heard, 0.3, atol=0.02)


@pytest.mark.parametrize(
    ("init", "option", "message"),
    [
        *((normal, {"sd": sd}, "sd must be pos") for sd in (0, -0.1, float("nan"))),
        (sparse, {"connections": 0}, "connections must be a positive integer"),
        (sparse, {"connections": 1.5}, "connections must be a positive integer"),
    ],
)
def test_bad_options_are_refused(init, option, message):
    with pytest.raises(ValueError, match=message):
        init(4, 4, rng(), **option)


WRONG_SIZES = (2.0, None, math.inf, math.nan, [3], "3", True, 3j, np.array([3, 3]))


@pytest.mark.parametrize("init", ALL)
@pytest.mark.parametrize("size", WRONG_SIZES, ids=repr)
def test_what_is_no_size_is_refused(init, size):
    for sizes, name in (((size, 3), "n_in"), ((3, size), "n_out")):
        with pytest.raises(ValueError, match=f"{name} must be a positive integer; got"):
            init(*sizes, rng())


@pytest.mark.parametrize("init", ALL)
@pytest.mark.parametrize("wrong", [0, None, "rng", np.random, np.random.default_rng])
def test_a_seed_is_no_generator(init, wrong):
    with pytest.raises(ValueError, match="rng must be a generator such as"):
        init(3, 3, wrong)


@pytest.mark.parametrize("init", ALL)
def test_sizes_of_any_integer_type_draw_the_same(init):
    """1 / sqrt of a uint8 would be a float16."""
    small = init(np.uint8(5), np.uint8(3), rng())
    np.testing.assert_array_equal(small, init(5, 3, rng()))
