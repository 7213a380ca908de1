"""helpers.networks.gradients against functions whose gradient is known."""

import math

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


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_no_error_of_what_is_not_finite_is_small(bad):
    for a, b in (([bad, 1.0], [1.0, 1.0]), ([1.0, 1.0], [1.0, bad]), ([bad], [bad])):
        assert math.isnan(relative_error(np.array(a), np.array(b)))
        assert not relative_error(a, b) < 1e300


def test_the_norms_neither_overflow_nor_vanish():
    assert relative_error([1e200, 0.0], [2e200, 0.0]) == pytest.approx(0.5, rel=1e-15)
    assert relative_error([1e-200], [2e-200]) == pytest.approx(0.5, rel=1e-15)
    assert relative_error([1e308] * 4, [-1e308] * 4) == pytest.approx(2, rel=1e-15)
    assert relative_error([1.0, 1e-200], [1.0, 0.0]) == pytest.approx(1e-200)
    assert relative_error([5e-324], [0.0]) == 1


def test_integers_without_a_sign_are_subtracted_as_numbers():
    a, b = np.array([1, 2], np.uint8), np.array([2, 2], np.uint8)
    assert relative_error(a, b) == pytest.approx(1 / np.sqrt(8))
    a, b = (np.array([n], np.int64) for n in (2**62, -(2**62)))
    assert relative_error(a, b) == 2


@pytest.mark.parametrize("call", range(1, 7))
@pytest.mark.parametrize("stop", [ZeroDivisionError, KeyboardInterrupt])
def test_the_arrays_come_back_unchanged_where_f_raises(call, stop):
    calls = iter(range(1, 100))

    def f(A, v):
        if next(calls) == call:
            raise stop
        return (A * v).sum()

    values = [np.array([[0.1, 0.2]]), np.array([0.3])]
    kept = [value.copy() for value in values]
    with pytest.raises(stop):
        numerical_gradient(f, values)
    for value, before in zip(values, kept, strict=True):
        np.testing.assert_array_equal(value, before)


def test_a_step_that_rounding_loses_is_refused():
    for value, eps in ((1e20, 1e-5), (1.0, 1e-17), (math.inf, 1e-5)):
        with pytest.raises(ValueError, match=r"eps must be larger, .* values\[0\]"):
            numerical_gradient(lambda v: v.sum(), [np.array([value])], eps)


def test_nan_comes_out_of_the_differences_as_nan():
    (slopes,) = numerical_gradient(lambda v: v.sum(), [np.array([math.nan, 1.0])])
    assert np.isnan(slopes).all()
    (slope,) = numerical_gradient(lambda v: math.nan, [np.array([1.0])])
    assert np.isnan(slope).all()


def test_what_cannot_be_changed_alone_is_refused():
    v = np.ones(3)
    fixed = np.broadcast_to(1.0, 3)
    for values, name in (
        ([v, v], r"values\[1\] must have memory of its own"),
        ([v[:2], v[1:]], r"values\[1\] must have memory of its own"),
        ([v, fixed], r"values\[1\] must be an array that can be written to; got"),
        ([[1.0]], r"values\[0\] must be an array that can be written to; got"),
        (v, r"values\[0\] must be an array that can be written to; got"),
    ):
        with pytest.raises(ValueError, match=name):
            numerical_gradient(lambda *values: 1.0, values)


@pytest.mark.parametrize("value", [None, "1", np.ones(1), [1.0], 1j])
def test_an_f_that_gives_no_number_is_refused(value):
    v = np.ones(2)
    with pytest.raises(ValueError, match=r"f\(\*values\) must be one number; got"):
        numerical_gradient(lambda v: value, [v])
    np.testing.assert_array_equal(v, 1)
