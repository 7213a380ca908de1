"""The experiments of chapter 4: each part against something that is known."""

import numpy as np
import pytest

from helpers.experiments import ch03_streams_runs as streams
from helpers.experiments import ch04_bptt_runs as experiments
from helpers.networks import elman
from helpers.networks.gradients import numerical_gradient
from helpers.networks.initialisation import orthogonal

pytestmark = pytest.mark.usefixtures("python_engine")


def test_gradient_by_lag_at_rest_is_a_power_of_the_scale():
    # Without input the state stays 0, where tanh has slope 1.
    params = elman.initial_elman(2, 6, 1, np.random.default_rng(0), orthogonal)
    params = params._replace(W_hh=0.8 * params.W_hh)
    by_lag = experiments.gradient_by_lag(params, np.zeros((9, 4, 2)))
    np.testing.assert_allclose(by_lag, 0.8 ** np.arange(9), rtol=1e-12)


def test_gradient_by_lag_agrees_with_central_differences():
    rng = np.random.default_rng(1)
    params = elman.initial_elman(2, 5, 1, rng)._replace(h0=rng.normal(0, 0.5, 5))
    x = rng.standard_normal((7, 1, 2))

    def end(h_t, t):  # the last output, if the state after step t were h_t
        later = elman.hidden_states_numpy(x[t:], params._replace(h0=h_t))
        return float(elman.readout(later[-1], params)[0, 0])

    h = elman.hidden_states_numpy(x, params)[:, 0]
    norms = [np.linalg.norm(params.W_ho)]
    for t in range(6, 0, -1):
        (slopes,) = numerical_gradient(lambda h_t, t=t: end(h_t, t), [h[t - 1].copy()])
        norms.append(np.linalg.norm(slopes))
    by_lag = experiments.gradient_by_lag(params, x)
    np.testing.assert_allclose(by_lag, np.array(norms) / norms[0], rtol=1e-6)


def test_the_echo_says_what_was_heard_so_many_steps_ago():
    x, y = experiments.echo(10, 3, 4, np.random.default_rng(0))
    assert x.shape == y.shape == (10, 3, 1)
    assert np.abs(x).max() <= 1
    for t in range(10):
        expected = x[t - 4] if t >= 4 else np.zeros((3, 1))
        np.testing.assert_array_equal(y[t], expected)


def test_what_a_shift_register_recalls():
    # Each unit hands its value to the next, on the nearly straight part of the tanh:
    # unit d holds the input of d steps ago.
    n, small = 5, 1e-3
    params = elman.Elman(
        W_ih=small * np.eye(1, n),
        W_hh=np.eye(n, k=1),
        b_h=np.zeros(n),
        W_ho=np.zeros((n, 1)),
        b_o=np.zeros(1),
        h0=np.zeros(n),
    )
    rng = np.random.default_rng(0)
    for delay, r2 in ((n - 1, 1.0), (n, 0.0)):
        x, y = experiments.echo(20, 200, delay, rng)
        found = experiments.recalled(x, y, params, delay)
        assert found == pytest.approx(r2, abs=0.02)


def test_a_diverged_network_is_recorded_as_such():
    parameters = experiments.CLIPPING | {
        "hidden": 3,
        "length": 4,
        "lr": [1e3],
        "clips": [None, ["norm", 1e-3]],
        "updates": 30,
        "test": 50,
    }
    metrics = experiments.clipping(0, parameters)["metrics"]
    assert metrics["none.lr 1000"] == -1
    assert metrics["norm 0.001.lr 1000"] >= -1


@pytest.mark.parametrize(("clip", "longest"), [("norm", 1.0), ("value", None)])
def test_a_clipped_step_is_no_longer_than_allowed(clip, longest):
    limit, lr = 0.05, 0.1
    net = streams.compiled("tanh", "sgd", 8, length=3, hidden=4, clip=(clip, limit))
    start = elman.initial_elman(2, 4, 1, np.random.default_rng(0))
    for _ in streams.train(net, start, np.random.default_rng(1), lr=lr, updates=1):
        pass
    steps = [(p - value).ravel() for p, value in zip(net.now(), start, strict=True)]
    steps = np.concatenate(steps)
    if longest:
        assert np.linalg.norm(steps) == pytest.approx(lr * limit, rel=1e-9)
    else:
        assert np.abs(steps).max() == pytest.approx(lr * limit, rel=1e-9)


@pytest.mark.nightly
def test_the_twins_begin_one_rounding_error_apart():
    parameters = experiments.LAST_BIT | {
        "hidden": 3,
        "length": 3,
        "scales": [0.5, 1.8],
        "updates": 200,
        "seen": [0, 1, 200],
    }
    run = experiments.last_bit(0, parameters)
    for scale in (0.5, 1.8):
        first, *_ = run["curves"][f"{scale:g}"]
        params = elman.initial_elman(2, 3, 1, np.random.default_rng([0, 0]), orthogonal)
        one = scale * params.W_hh
        gap = np.nextafter(one[0, 0], np.inf) - one[0, 0]
        assert first == pytest.approx(gap / np.linalg.norm(one), rel=0.01)
    assert set(run["metrics"]) == {"apart 0.5", "apart 1.8"}


def test_every_way_with_all_steps_learns_as_the_whole_gradient_does():
    parameters = experiments.TRUNCATION | {
        "length": 6,
        "delay": 2,
        "hidden": 4,
        "batch": 3,
        "k": [6],
        "updates": 100,
        "test": 20,
    }
    run = experiments.truncation(0, parameters)
    for way in parameters["ways"]:
        np.testing.assert_allclose(
            run["trace"][f"{way} 6"], run["trace"]["whole"], rtol=1e-9
        )
        assert run["metrics"][f"{way} 6"] == pytest.approx(
            run["metrics"]["whole"], abs=1e-6
        )


def test_the_norm_of_the_gradient_agrees_with_an_unclipped_step():
    net = streams.compiled("tanh", "sgd", 8, length=3, hidden=4)
    start = elman.initial_elman(2, 4, 1, np.random.default_rng(0))
    for p, value in zip(net.params, start, strict=True):
        p.set_value(value)
    norm = experiments.gradient_norm(net, np.random.default_rng(1))
    x, y = streams.examples(3, 8, np.random.default_rng(1))
    net.step(x, y, 0.1, 0.0)
    moved = [
        ((p.get_value() - value) ** 2).sum()
        for p, value in zip(net.params, start, strict=True)
    ]
    assert norm == pytest.approx(np.sqrt(sum(moved)) / 0.1, rel=1e-9)
