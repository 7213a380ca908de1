"""Our optimisers against the formulas of the papers, written out in NumPy."""

import math

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from helpers.networks.optimisers import (
    adam,
    clip_by_norm,
    clip_by_value,
    momentum,
    sgd,
    soft_threshold,
)

pytestmark = pytest.mark.usefixtures("python_engine")


def test_sgd_on_a_quadratic_follows_its_closed_form():
    # p -> p - lr * 2 a p, so p_k = (1 - 2 a lr)^k p_0
    a, lr, start = 1.5, 0.1, 2.0
    p = pytensor.shared(start)
    step = pytensor.function([], updates=sgd(a * p**2, [p], lr))
    for _ in range(10):
        step()
    assert p.get_value() == pytest.approx((1 - 2 * a * lr) ** 10 * start, rel=1e-12)


def adam_step(d, m, v, t):
    """The direction of step t in NumPy, and the memory: NamedTuples of arrays."""
    m = d._make(0.9 * a + 0.1 * b for a, b in zip(m, d, strict=True))
    v = d._make(0.999 * a + 0.001 * b**2 for a, b in zip(v, d, strict=True))
    way = d._make(
        a / (1 - 0.9**t) / (np.sqrt(b / (1 - 0.999**t)) + 1e-8)
        for a, b in zip(m, v, strict=True)
    )
    return way, m, v


def adam_by_hand(gradient, p, lr, steps, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """Algorithm 1 of Kingma and Ba, element by element; returns p after each step."""
    p, history = dict(p), []
    m, v = dict.fromkeys(p, 0.0), dict.fromkeys(p, 0.0)
    for t in range(1, steps + 1):
        g = gradient(p)
        for key in p:
            m[key] = beta1 * m[key] + (1 - beta1) * g[key]
            v[key] = beta2 * v[key] + (1 - beta2) * g[key] ** 2
            m_hat = m[key] / (1 - beta1**t)
            v_hat = v[key] / (1 - beta2**t)
            p[key] -= lr * m_hat / (math.sqrt(v_hat) + epsilon)
        history.append(dict(p))
    return history


@pytest.mark.parametrize(
    "options", [{}, {"beta1": 0.5, "beta2": 0.9, "epsilon": 1e-2}, {"beta1": 0.0}]
)
def test_adam_equals_the_algorithm_by_hand(options):
    # loss = a^2 + 3 b^2 + a b c^2, with slopes of very different sizes
    history = adam_by_hand(
        lambda p: {
            "a": 2 * p["a"] + p["b"] * p["c"] ** 2,
            "b": 6 * p["b"] + p["a"] * p["c"] ** 2,
            "c": 2 * p["a"] * p["b"] * p["c"],
        },
        {"a": 1.0, "b": -2.0, "c": 0.5},
        lr=0.1,
        steps=12,
        **options,
    )
    ab = pytensor.shared(np.array([1.0, -2.0]), name="ab")
    c = pytensor.shared(np.array(0.5), name="c")
    lr = pt.scalar("lr")
    loss = ab[0] ** 2 + 3 * ab[1] ** 2 + ab[0] * ab[1] * c**2
    step = pytensor.function([lr], loss, updates=adam(loss, [ab, c], lr, **options))
    for expected in history:
        step(0.1)
        now = [*ab.get_value(), float(c.get_value())]
        np.testing.assert_allclose(now, list(expected.values()), rtol=1e-12)


def test_adam_with_its_memory_cleared_starts_afresh():
    p = pytensor.shared(np.array([1.0, -3.0]), name="p")
    updates = adam((p**4).sum(), [p], 0.1)
    step = pytensor.function([], updates=updates)

    def run():
        p.set_value(np.array([1.0, -3.0]))
        for _ in range(5):
            step()
        return p.get_value()

    first, second = run(), run()
    for variable, _ in updates:
        variable.set_value(np.zeros_like(variable.get_value()))
    third = run()
    assert not np.allclose(first, second)
    np.testing.assert_array_equal(first, third)


def test_soft_threshold_in_its_closed_form():
    start = np.array([[-2.0, -0.5, -0.3], [0.0, 0.3, 2.0]])
    p, other = pytensor.shared(start), pytensor.shared(start)
    amount = pt.scalar("amount")
    updates = soft_threshold([(p, p + 0.0), (other, other + 0.1)], p, amount)
    pytensor.function([amount], updates=updates)(0.4)
    np.testing.assert_allclose(
        p.get_value(), [[-1.6, -0.1, 0.0], [0.0, 0.0, 1.6]], atol=1e-15
    )
    assert np.count_nonzero(p.get_value()) == 3
    np.testing.assert_allclose(other.get_value(), start + 0.1)


def test_no_amount_changes_nothing():
    start = np.random.default_rng(0).standard_normal(1000)
    p = pytensor.shared(start)
    pytensor.function([], updates=soft_threshold([(p, 0.9 * p)], p, 0.0))()
    np.testing.assert_array_equal(p.get_value(), 0.9 * start)


def test_proximal_steps_reach_the_minimum_of_the_penalised_loss():
    # (p - b)^2 / 2 + strength |p| has its minimum at b drawn towards 0 by strength
    b, strength, lr = np.array([-3.0, -0.2, 0.1, 0.6, 1.0]), 0.5, 0.3
    p = pytensor.shared(np.ones(5))
    updates = sgd(((p - b) ** 2).sum() / 2, [p], lr)
    step = pytensor.function([], updates=soft_threshold(updates, p, lr * strength))
    for _ in range(100):
        step()
    np.testing.assert_allclose(p.get_value(), [-2.5, 0, 0, 0.1, 0.5], atol=1e-12)
    assert np.count_nonzero(p.get_value()) == 3


@pytest.mark.parametrize(
    ("optimiser", "betas", "message"),
    [
        (momentum, [1], "beta must be at least 0 and below 1; got 1"),
        (adam, [1.0, 0.9], "beta1 must be at least 0 and below 1; got 1.0"),
        (adam, [0.9, -0.1], "beta2 must be at least 0 and below 1; got -0.1"),
    ],
)
def test_bad_betas_are_refused(optimiser, betas, message):
    p = pytensor.shared(1.0)
    with pytest.raises(ValueError, match=message):
        optimiser(p**2, [p], 0.1, *betas)


def test_soft_threshold_needs_an_update_of_its_parameter():
    p, q = pytensor.shared(1.0, name="p"), pytensor.shared(1.0, name="q")
    with pytest.raises(ValueError, match=r"param must be among the updated .*p; got q"):
        soft_threshold([(p, 2 * p)], q, 0.1)


def test_momentum_equals_its_recursion_by_hand():
    a, lr, beta = np.array([1.0, 3.0]), 0.05, 0.8
    p = pytensor.shared(np.array([2.0, -1.0]), name="p")
    step = pytensor.function([], updates=momentum((a * p**2).sum(), [p], lr, beta))
    by_hand, v = np.array([2.0, -1.0]), np.zeros(2)
    for _ in range(10):
        v = beta * v + 2 * a * by_hand
        by_hand = by_hand - lr * v
        step()
        np.testing.assert_allclose(p.get_value(), by_hand, rtol=1e-12)


@pytest.mark.parametrize("optimiser", [sgd, momentum, adam])
def test_a_list_of_gradients_does_what_its_loss_does(optimiser):
    def after_three_steps(first):
        p = pytensor.shared(np.array([1.0, -2.0]), name="p")
        q = pytensor.shared(np.array(0.5), name="q")
        loss = (p**2).sum() * q + q**4
        given = loss if first == "loss" else pt.grad(loss, [p, q])
        step = pytensor.function([], updates=optimiser(given, [p, q], 0.1))
        for _ in range(3):
            step()
        return [*p.get_value(), float(q.get_value())]

    assert after_three_steps("loss") == after_three_steps("gradients")


@pytest.mark.parametrize("optimiser", [sgd, momentum, adam])
def test_a_parameter_without_a_gradient_is_refused(optimiser):
    p, q = pytensor.shared(1.0, name="p"), pytensor.shared(2.0, name="q")
    with pytest.raises(ValueError, match="a loss or 2 gradients, one a parameter"):
        optimiser([p * 0 + 1], [p, q], 0.1)


def test_clipping_by_norm_keeps_the_direction_and_by_value_does_not():
    grads = [np.array([[3.0, 0.0], [0.0, 0.1]]), np.array([4.0])]  # norm 5.001
    norm = np.sqrt(25.01)

    def clipped(clip, limit):
        return [g.eval() for g in clip([pt.constant(g) for g in grads], limit)]

    for limit in (0.5, 2.0):
        for g, c in zip(grads, clipped(clip_by_norm, limit), strict=True):
            np.testing.assert_allclose(c, g * limit / norm, rtol=1e-12)
    for g, c in zip(grads, clipped(clip_by_norm, 6.0), strict=True):
        np.testing.assert_allclose(c, g, rtol=1e-14)  # short enough: left alone
    by_value = clipped(clip_by_value, 2.0)
    np.testing.assert_array_equal(by_value[0], [[2.0, 0.0], [0.0, 0.1]])
    np.testing.assert_array_equal(by_value[1], [2.0])


def test_clipping_leaves_a_zero_gradient_at_zero():
    for clip in (clip_by_norm, clip_by_value):
        (zero,) = clip([pt.zeros(3)], 1.0)
        np.testing.assert_array_equal(zero.eval(), np.zeros(3))


def test_a_norm_that_overflows_stops_nothing_unseen():
    grads = [np.array([3e200, -1.0]), np.array([1.0])]
    for g in clip_by_norm([pt.constant(g) for g in grads], 1.0):
        assert np.isnan(g.eval()).all()  # not 0, where training would stand still
    (g,) = clip_by_norm([pt.constant(np.array([1e30], np.float32))], np.float64(1.0))
    assert g.dtype == "float32"
    assert np.isnan(g.eval()).all()


def test_nan_is_clipped_to_nothing():
    g = pt.constant(np.array([np.nan, 5.0]))
    for clip in (clip_by_norm, clip_by_value):
        assert np.isnan(clip([g], 1.0)[0].eval()[0])


@pytest.mark.parametrize("optimiser", [sgd, momentum, adam])
def test_gradients_of_other_shapes_and_no_loss_are_refused(optimiser):
    p = pytensor.shared(np.zeros((2, 3)), name="p", shape=(2, 3))
    for g in (pt.dscalar(), pt.dvector(), p.T, p[:1]):
        with pytest.raises(ValueError, match=r"_grads\[0\] must have the shape of p"):
            optimiser([g], [p], 0.1)
    with pytest.raises(ValueError, match=r"loss must have shape \(\); got \(2, 3\)"):
        optimiser(p**2, [p], 0.1)
    with pytest.raises(ValueError, match="params must be shared variables"):
        optimiser(pt.dscalar() ** 2, [pt.dscalar()], 0.1)
