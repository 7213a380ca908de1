"""Windows over a sine, their splits, the closed loop, and what chapter 7 writes out."""

from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from test_written_out import functions

from helpers.experiments import ch07_sine_runs as experiments
from helpers.networks import bptt
from helpers.networks.elman import Elman, hidden_states_numpy, readout
from helpers.networks.gradients import numerical_gradient, relative_error
from helpers.tasks import sine


def test_a_window_is_a_column_of_neighbours_and_its_target_comes_next():
    x, y = sine.windows(np.arange(7.0), 3)
    assert x.shape == (3, 4, 1)
    np.testing.assert_array_equal(x[:, 1, 0], [1, 2, 3])
    np.testing.assert_array_equal(y[:, 0], [3, 4, 5, 6])


def test_the_published_split_is_that_of_the_source():
    training, validation = sine.split()
    wave = np.sin(np.arange(200))
    assert training.x.shape == (50, 100, 1)
    assert validation.x.shape == (50, 50, 1)
    for part, first in ((training, 0), (validation, 100)):
        for i in range(part.y.size):
            at = first + i
            np.testing.assert_array_equal(part.x[:, i, 0], wave[at : at + 50])
            assert part.y[i, 0] == wave[at + 50]


def values(*parts):
    return set(np.concatenate([np.append(part.x, part.y) for part in parts]))


def test_the_published_sets_share_values_and_the_others_do_not():
    assert len(values(sine.split()[0]) & values(sine.split()[1])) == 50
    for how in ("apart", "new half"):
        training, validation = sine.split(how)
        assert not values(training) & values(validation)


def test_the_new_half_asks_for_what_was_never_a_target():
    training, validation = sine.split("new half")
    assert training.y.max() <= 0 < validation.y.min()
    assert len(training.y) > 40
    assert len(validation.y) > 20


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match=r"'apart', .* 'louder' or 'frequency'; got 1"):
        sine.split(1)


def found(part):
    """Step and amplitude of each wave, by least squares on neighbours."""
    v = np.concatenate([part.x[:, :, 0], part.y.T])
    before, now, after = v[:-2], v[1:-1], v[2:]
    cosine = (now * (before + after)).sum(axis=0) / (now**2).sum(axis=0) / 2
    step = np.arccos(cosine)
    quadrature = (now * cosine - before) / np.sin(step)
    return step, np.hypot(now, quadrature)[0]


def within(values, *ranges):
    return all(any(a - 1e-9 <= v <= b + 1e-9 for a, b in ranges) for v in values)


@pytest.mark.parametrize(
    ("how", "varies", "asked"),
    [
        ("amplitude", 1, (0.9, 1.1)),
        ("louder", 1, (1.6, 2.0)),
        ("frequency", 0, (0.9, 1.1)),
    ],
)
def test_a_range_is_held_out_and_waves_on_both_sides_of_it_are_known(
    how, varies, asked
):
    training, validation = sine.split(how)
    assert training.x.shape == (50, 400, 1)
    assert validation.x.shape == (50, 50, 1)
    known, new = found(training), found(validation)
    assert within(known[varies], (0.5, 0.8), (1.2, 1.5))
    assert 190 < np.sum(known[varies] < 1) < 210
    assert within(new[varies], asked)
    assert np.ptp(new[varies]) > 0.9 * (asked[1] - asked[0])
    for part in (known, new):
        np.testing.assert_allclose(part[1 - varies], 1)
    # The phases are spread over all of a period.
    assert np.histogram(validation.y / new[1][:, None], 4)[0].min() > 4


def test_no_change_of_sign_brings_a_table_near_what_is_held_out():
    for how, least in (("new half", 0.0), ("amplitude", 0.1), ("frequency", 0.5)):
        training, validation = sine.split(how)
        known = np.concatenate([training.x, -training.x], axis=1)[:, None, :, 0]
        nearest = ((known - validation.x) ** 2).sum(axis=0).argmin(axis=1)
        told = np.concatenate([training.y, -training.y])[nearest]
        error = np.sqrt(np.mean((told - validation.y) ** 2))
        assert error > least
        assert (error < 0.03) == (how == "new half")


def test_channels_go_on_for_32_steps_of_a_fifth_where_nothing_is_said():
    waves = sine.channels([0.3])
    assert waves.shape == (33, 1, 2)
    np.testing.assert_allclose(waves, sine.channels([0.3], steps=32, step=0.2))


def test_channels_are_sine_and_cosine_a_step_apart():
    waves = sine.channels([0.3, -1.0], steps=5, step=0.2)
    assert waves.shape == (6, 2, 2)
    np.testing.assert_allclose(waves[:, 0, 0], np.sin(0.3 + 0.2 * np.arange(6)))
    np.testing.assert_allclose(waves[:, 1, 1], np.cos(-1.0 + 0.2 * np.arange(6)))


def test_the_exact_rule_in_a_closed_loop_is_the_sine():
    def rule(x):
        assert x.shape == (50, 1, 1)
        return 2 * np.cos(1) * x[-1] - x[-2]

    o = sine.roll_out(rule, np.sin(np.arange(50)), 200)
    np.testing.assert_allclose(o, np.sin(np.arange(50, 250)), atol=1e-10)


@given(
    st.floats(0.1, 3.0),
    st.floats(0.01, 10.0),
    st.floats(-3.0, 3.0),
)
def test_phase_and_amplitude_of_a_wave_are_found(step, amplitude, start):
    phase = start + step * np.arange(8)
    wave = sine.wave(amplitude * np.sin(phase), step)
    np.testing.assert_allclose(sine.wrapped(wave.phase - phase[1:]), 0, atol=1e-6)
    np.testing.assert_allclose(wave.amplitude, amplitude, rtol=1e-6)


def test_a_step_of_half_a_period_hides_the_phase():
    with pytest.raises(ValueError, match="not be a multiple of pi"):
        sine.wave(np.zeros(3), np.pi)


def test_angles_are_wrapped_the_shorter_way_round():
    np.testing.assert_allclose(
        sine.wrapped([0.5, 2 * np.pi + 0.5, -7.0]), [0.5, 0.5, 2 * np.pi - 7]
    )


# What the chapter writes out ------------------------------------------------------


@pytest.fixture(scope="module")
def written():
    """The functions of the chapter, with what it imports."""
    namespace = functions("07_sine.ipynb")
    namespace.update(expit=expit, Elman=Elman, accumulate=accumulate, sine=sine)
    return namespace


def problem(seed, T=9, n=4, n_hid=5):
    rng = np.random.default_rng(seed)
    shapes = ((1, n_hid), (n_hid, n_hid), n_hid, (n_hid, 1), 1)
    params = Elman(*(rng.normal(0, 0.8, shape) for shape in shapes), np.zeros(n_hid))
    return rng.standard_normal((T, n, 1)), rng.standard_normal((n, 1)), params


@pytest.mark.parametrize("seed", range(3))
def test_forward_and_loss(written, seed):
    x, y, params = problem(seed)
    h, o = written["forward"](x, params)
    states = hidden_states_numpy(x, params, expit)
    np.testing.assert_allclose(h[1:], states, rtol=0, atol=1e-14)
    np.testing.assert_allclose(o, readout(states[-1], params), rtol=0, atol=1e-14)
    assert written["loss"](x, y, params) == pytest.approx(np.mean((o - y) ** 2) / 2)


@pytest.mark.parametrize("k", [1, 3, 9])
def test_backward_is_the_window_of_chapter_4(written, k):
    x, y, params = problem(7)
    h = hidden_states_numpy(x, params, expit)
    d_o = np.zeros((9, 4, 1))
    d_o[-1] = (readout(h[-1], params) - y) / 4
    expected = bptt.windows(x, h, d_o, params, k, bptt.sigmoid_slope)
    for a, b in zip(written["backward"](x, y, params, k)[:5], expected, strict=False):
        assert relative_error(a, b) < 1e-12


def test_backward_without_a_cut_is_the_slope_of_the_loss(written):
    x, y, params = problem(8)
    slopes = numerical_gradient(
        lambda *p: written["loss"](x, y, Elman(*p)), list(params)
    )
    got = written["backward"](x, y, params, 9)
    for a, b in zip(got, slopes, strict=True):
        assert relative_error(a, b) < 1e-6


@pytest.mark.parametrize("bug", experiments.BUGS)
def test_the_lab_writes_out_the_bugs_of_the_experiment(written, bug):
    x, y, params = problem(9)
    here = written["broken"](x, y, params, 4, bug)
    there = experiments.gradients(x, y, params, 4, bug)
    for a, b in zip(here, there, strict=True):
        assert relative_error(a, b) < 1e-12


def test_look_up_finds_the_nearest_window(written):
    training, _ = sine.split()
    again = written["look_up"](training, training.x[:, ::-1])
    np.testing.assert_array_equal(again, training.y[::-1])
    nearly = written["look_up"](training, training.x[:, [17]] + 0.001)
    np.testing.assert_array_equal(nearly, training.y[[17]])


def test_with_negatives_knows_each_window_with_both_signs(written):
    training, _ = sine.split()
    both = written["with_negatives"](training)
    np.testing.assert_array_equal(both.x[:, :100], training.x)
    np.testing.assert_array_equal(both.x[:, 100:], -training.x)
    np.testing.assert_array_equal(both.y[:100], training.y)
    np.testing.assert_array_equal(both.y[100:], -training.y)
    told = written["look_up"](both, -training.x[:, [17]] + 0.001)
    np.testing.assert_array_equal(told, -training.y[[17]])
