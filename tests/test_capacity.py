"""What a linear readout recalls, where a closed form says what it must be."""

import numpy as np
import pytest

from helpers.networks import initialisation
from helpers.networks.capacity import recalled

RNG = np.random.default_rng(0)
LONG = RNG.uniform(-1, 1, 100_000)


def linear(x, W_ih, W_hh):
    h_t, h = np.zeros(len(W_hh)), []
    for x_t in x:
        h_t = x_t * W_ih + h_t @ W_hh
        h.append(h_t)
    return np.stack(h)


@pytest.mark.parametrize("n", [1, 3, 8])
def test_a_delay_line_holds_exactly_as_many_inputs_as_it_has_units(n):
    x = LONG[:4000]
    r2 = recalled(linear(x, np.eye(n)[0], np.eye(n, k=1)), x, n + 5)
    np.testing.assert_allclose(r2[:n], 1, rtol=1e-12)
    assert r2[n:].max() < 0.01  # by chance about 2 / 4000
    assert r2.sum() == pytest.approx(n, abs=0.02)


@pytest.mark.parametrize("a", [0.3, -0.7, 0.9])
def test_one_linear_unit_recalls_what_the_formula_says(a):
    r2 = recalled(linear(LONG, np.ones(1), np.array([[a]])), LONG, 30)
    expected = (1 - a**2) * a ** (2 * np.arange(31))
    np.testing.assert_allclose(r2, expected, atol=0.01)
    assert r2.sum() == pytest.approx(1, abs=0.05)


def test_the_capacity_of_a_linear_network_is_the_number_of_its_units():
    n = 4  # few enough that no trace is lost in the rounding
    W_hh = initialisation.uniform(n, n, RNG)
    h = linear(LONG, initialisation.orthogonal(1, n, RNG)[0], W_hh)
    assert recalled(h, LONG, 40).sum() == pytest.approx(n, abs=0.03)


def test_a_readout_can_be_given_the_states_in_other_coordinates():
    x = LONG[:1000]
    W_hh = initialisation.orthogonal(3, 3, RNG)
    h = np.tanh(linear(x, np.ones(3) / 2, 0.8 * W_hh))
    other = h @ RNG.normal(size=(3, 3)) * 1e-9 + 5
    np.testing.assert_allclose(recalled(other, x, 6), recalled(h, x, 6), rtol=1e-4)


def test_states_that_know_nothing_recall_nothing():
    x = LONG[:4000]
    assert recalled(RNG.normal(size=(4000, 5)), x, 9).max() < 0.01
    assert recalled(np.zeros((4000, 5)), x, 9).max() < 1e-20


@pytest.mark.parametrize(
    ("h", "x", "longest", "message"),
    [
        (np.zeros((20, 3)), np.arange(20.0), 6, "at least 22 steps; got 20"),
        (np.zeros((40, 3)), np.ones(40), 2, "x must change"),
        (np.full((40, 3), np.nan), np.arange(40.0), 2, "h must be finite"),
        (np.zeros((40, 3)), np.full(40, np.inf), 2, "x must be finite"),
        (np.zeros((40, 3)), np.arange(41.0), 2, "x"),
        (np.zeros((40, 3)), np.arange(40.0), -1, "longest"),
    ],
)
def test_what_cannot_be_meant_is_refused(h, x, longest, message):
    with pytest.raises(ValueError, match=message):
        recalled(h, x, longest)
