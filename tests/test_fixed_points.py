"""Fixed points, where a closed form or an iteration says where they must be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from test_cells import random_cell

from helpers.experiments import ch05_fixed_points_runs as resting
from helpers.networks import fixed_points
from helpers.networks.elman import Elman, hidden_states_numpy
from helpers.tasks.reber import REBER, encode


def one_unit(w, b=0.0):
    """h_t = tanh(w h_{t-1} + b), which hears an input without weight."""
    W_ih, W_ho = np.zeros((1, 1)), np.ones((1, 1))
    return Elman(W_ih, np.array([[w]]), np.array([b]), W_ho, np.zeros(1), np.zeros(1))


def searched(network, T=1):
    starts = np.linspace(-1, 1, 21)[:, None]
    return fixed_points.minima(np.zeros((T, 1)), starts, network)


# The map and its derivative ---------------------------------------------------------


@pytest.mark.parametrize("T", [1, 2, 7])
def test_the_map_is_the_network_and_its_derivative_that_of_differences(T):
    params = random_cell(Elman, T, 2, 4, 1)
    rng = np.random.default_rng(T)
    x, h = rng.uniform(-1, 1, (T, 2)), rng.uniform(-1, 1, 4)
    F, J = fixed_points.run(h, x, params)

    def after(h):
        return hidden_states_numpy(x, params._replace(h0=h))[-1]

    np.testing.assert_allclose(F, after(h), rtol=1e-14)
    eps = 1e-6
    slopes = [(after(h + d) - after(h - d)) / (2 * eps) for d in eps * np.eye(4)]
    np.testing.assert_allclose(J, slopes, atol=1e-9)


# The minima -------------------------------------------------------------------------


@pytest.mark.parametrize("w", [1.2, 2.0, 5.0])
def test_a_steep_unit_has_three_fixed_points_and_two_attract(w):
    r = brentq(lambda h: np.tanh(w * h) - h, 1e-3, 1)
    found = sorted(searched(one_unit(w)), key=lambda m: m.h[0])
    assert all(m.is_fixed for m in found)
    np.testing.assert_allclose([m.h[0] for m in found], [-r, 0, r], atol=1e-8)
    radii = [w * (1 - h**2) for h in (r, 0, r)]
    np.testing.assert_allclose([m.radius for m in found], radii, rtol=1e-6)
    assert [m.radius < 1 for m in found] == [True, False, True]
    assert sum(m.found for m in found) == 21


def test_a_unit_that_flips_has_one_fixed_point_and_it_repels():
    (zero,) = searched(one_unit(-3.0))
    assert zero.is_fixed
    assert zero.h[0] == pytest.approx(0, abs=1e-9)
    assert zero.eigenvalues[0] == pytest.approx(-3)
    # Every other step it is back: two more points of the word of two inputs.
    assert sum(m.is_fixed for m in searched(one_unit(-3.0), T=2)) == 3


def test_a_minimum_above_zero_is_no_fixed_point_and_its_eigenvalue_is_1():
    """Where two fixed points have just met and gone: there tanh' = 1 / w."""
    w = 2.0
    F = -np.sqrt(1 - 1 / w)
    critical = np.arctanh(F) - w * F  # the bias at which F(h) = h there
    h = (np.arctanh(F) - (critical + 0.05)) / w
    fixed, slow = searched(one_unit(w, critical + 0.05))
    assert fixed.is_fixed
    assert fixed.radius < 1
    assert not slow.is_fixed
    assert slow.h[0] == pytest.approx(h, abs=1e-5)
    assert slow.q == pytest.approx((F - h) ** 2, rel=1e-6)
    assert slow.radius == pytest.approx(1, abs=1e-5)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 4))
def test_a_contraction_has_one_and_every_state_is_drawn_there(seed, T):
    rng = np.random.default_rng(seed)
    params = random_cell(Elman, seed, 2, 4, 1)
    W_hh = 0.9 * params.W_hh / np.linalg.norm(params.W_hh, 2)
    params, x = params._replace(W_hh=W_hh), rng.uniform(-1, 1, (T, 2))
    (only,) = fixed_points.minima(x, rng.uniform(-1, 1, (5, 4)), params)
    h = rng.uniform(-1, 1, 4)
    for _ in range(400):
        h = hidden_states_numpy(x, params._replace(h0=h))[-1]
    assert only.is_fixed
    assert only.radius < 1
    assert only.found == 5
    np.testing.assert_allclose(only.h, h, atol=1e-8)


def test_starts_outside_the_cube_are_moved_to_its_border():
    far = fixed_points.minima(np.zeros((1, 1)), [[1e300], [-1e300]], one_unit(2.0))
    near = fixed_points.minima(np.zeros((1, 1)), [[1.0], [-1.0]], one_unit(2.0))
    assert [m.h for m in far] == [m.h for m in near]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"starts": np.array([[np.nan]])}, "starts must be finite"),
        ({"x": np.full((1, 1), np.inf)}, "x and params must be finite"),
        ({"params": one_unit(np.nan)}, "W_hh must be finite"),
        ({"starts": np.zeros(3)}, "starts must"),
        ({"starts": np.zeros((3, 2))}, "starts must"),
        ({"x": np.zeros((2, 3, 1))}, "x must"),
    ],
)
def test_what_is_no_search_is_refused(change, message):
    given = {"x": np.zeros((1, 1)), "starts": np.zeros((1, 1)), "params": one_unit(2)}
    with pytest.raises(ValueError, match=message):
        fixed_points.minima(**given | change)


# The loops of the grammar -----------------------------------------------------------


def test_the_loops_are_all_of_the_grammar_without_a_shorter_one_inside():
    found = {}
    for start in range(len(REBER.transitions)):
        walks = [("", start, ())]
        for word, state, passed in walks:  # the list grows while we walk through it
            for symbol, after in REBER.transitions[state].items():
                if after == start:
                    found[word + symbol] = start
                elif after not in passed:
                    walks.append((word + symbol, after, (*passed, after)))
    assert found == resting.LOOPS


def pair_network():
    """A network that says what may follow, from units for pairs of symbols.

    See the tests of the experiments: the state is that of the last two symbols, so a
    word of two symbols or more has one fixed point, which is reached in two steps.
    """
    from test_ch05_reber_runs import speaker

    return speaker(REBER)


def test_a_network_that_knows_the_grammar_rests_in_its_loops():
    params = pair_network()
    strings = [REBER.sample(np.random.default_rng(seed)) for seed in range(60)]
    h, states = resting.visited(params, strings)
    centres = {s: h[states == s].mean(axis=0) for s in range(1, 7)}
    starts = resting.starts_of(h, 5, np.random.default_rng(0))
    for word, state in resting.LOOPS.items():
        judged = resting.judge_loop(word, state, params, starts, centres)
        assert judged["points"] == judged["attracting"] == 1
        assert judged["radius"] < 1e-6
        assert judged["legal"] == judged["near"] == 1
        assert judged["arrives"] == judged["right"] == 1
        (point, *_) = fixed_points.minima(encode(word), starts, params)
        walked = hidden_states_numpy(encode(3 * word), params)[-1]
        np.testing.assert_allclose(point.h, walked, atol=1e-6)


def test_a_network_that_knows_nothing_is_not_called_right():
    params = random_cell(Elman, 0, 7, 4, 7)
    centres = {s: np.full(4, s / 10) for s in range(1, 7)}
    starts = np.random.default_rng(0).uniform(-1, 1, (10, 4))
    judged = resting.judge_loop("S", 2, params, starts, centres)
    assert judged["legal"] == judged["right"] == 0


def test_the_ways_are_the_shortest_to_the_states():
    assert {state: REBER.states(way)[-1] for state, way in resting.WAYS.items()} == {
        state: state for state in resting.WAYS
    }
    assert set(resting.WAYS) == set(resting.LOOPS.values())


def test_a_network_that_swings_around_its_fixed_point_does_not_arrive():
    """tanh(-3 h), whatever it hears: every step turns it over."""
    quiet = random_cell(Elman, 0, 7, 1, 7)._replace(h0=np.array([0.5]))
    swinging = quiet._replace(
        W_ih=np.zeros((7, 1)), W_hh=np.array([[-3.0]]), b_h=np.zeros(1)
    )
    centres = {s: np.array([s / 10]) for s in range(1, 7)}
    judged = resting.judge_loop("S", 2, swinging, np.array([[0.1], [0.9]]), centres)
    assert judged["points"] == 1
    assert judged["attracting"] == judged["arrives"] == 0
    fading = swinging._replace(W_hh=np.array([[-0.5]]))
    judged = resting.judge_loop("S", 2, fading, np.array([[0.1], [0.9]]), centres)
    assert judged["attracting"] == judged["arrives"] == 1


def test_half_of_the_starts_are_visited_states():
    h = np.random.default_rng(0).uniform(-1, 1, (30, 4))
    starts = resting.starts_of(h, 8, np.random.default_rng(1))
    seen = [(h == start).all(axis=1).any() for start in starts]
    assert seen == [True] * 8 + [False] * 8
