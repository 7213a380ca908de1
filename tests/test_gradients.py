"""helpers.networks.gradients against functions whose gradient is known."""

import numpy as np
import pytest

from helpers.networks.gradients import numerical_gradient, relative_error


def test_central_differences_of_known_functions():
    rng = np.random.default_rng(0)
    A, v = rng.standard_normal((4, 4)), rng.standard_normal(4)
    kept = A.copy(), v.copy()
    gradient_A, gradient_v = numerical_gradient(lambda A, v: v @ A @ v, [A, v])
    np.testing.assert_allclose(gradient_A, np.outer(v, v), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(gradient_v, (A + A.T) @ v, rtol=1e-7, atol=1e-9)
    assert np.array_equal(A, kept[0])
    assert np.array_equal(v, kept[1])


def test_central_differences_are_exact_to_second_order():
    # a one-sided difference would be off by eps * f'' / 2 = eps
    (slope,) = numerical_gradient(lambda x: float(x[0] ** 2), [np.array([3.0])], 0.1)
    assert slope[0] == pytest.approx(6.0, rel=1e-12)


def test_float32_is_refused():
    with pytest.raises(ValueError, match=r"values\[0\] must be float64"):
        numerical_gradient(lambda x: x.sum(), [np.ones(2, dtype="float32")])


def test_relative_error():
    assert relative_error([3.0, 4.0], [3.0, 4.0]) == 0
    assert relative_error([0.0], [0.0]) == 0
    assert relative_error([2.0], [-2.0]) == 2
    assert relative_error([1.0, 0.0], [0.0, 0.0]) == 1
    with pytest.raises(ValueError, match="one shape"):
        relative_error(np.ones((3, 1)), np.ones(3))
