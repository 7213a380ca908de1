"""The parts of chapter 1's experiments that a wrong number could hide in."""

import numpy as np
import pytest

from helpers.experiments import ch01_feedforward_runs as experiments
from helpers.networks.feedforward import initial_values
from helpers.tasks import sunspots

pytestmark = pytest.mark.usefixtures("python_engine")


def data(n, n_in):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, n_in))
    return X, np.sin(X.sum(axis=1, keepdims=True))


def by_numpy(values, X, y, lr, decay, rng, batch, updates):
    """The same training written out: permuted batches, L2 on the weights alone."""
    W_ih, b_h, W_ho, b_o = (value.copy() for value in values)
    k = 0
    while True:
        order = rng.permutation(len(X))
        for start in range(0, len(X) - batch + 1, batch):
            i = order[start : start + batch]
            h = np.tanh(X[i] @ W_ih + b_h)
            d_o = 2 * (h @ W_ho + b_o - y[i]) / batch
            d_a = (d_o @ W_ho.T) * (1 - h**2)
            steps = (
                X[i].T @ d_a + 2 * decay * W_ih,
                d_a.sum(axis=0),
                h.T @ d_o + 2 * decay * W_ho,
                d_o.sum(axis=0),
            )
            for p, g in zip((W_ih, b_h, W_ho, b_o), steps, strict=True):
                p -= lr * g
            k += 1
            if k == updates:
                return W_ih, b_h, W_ho, b_o


@pytest.mark.parametrize("decay", [0.0, 0.02])
def test_training_equals_a_version_in_numpy(decay):
    X, y = data(20, 3)
    net = experiments.compiled((3, 4, 1), 6)
    for _ in experiments.train(
        net, X, y, np.random.default_rng(1), lr=0.1, updates=7, decay=decay
    ):
        pass
    rng = np.random.default_rng(1)
    start = initial_values((3, 4, 1), rng)
    expected = by_numpy(start, X, y, 0.1, decay, rng, batch=6, updates=7)
    for p, value in zip(net.trainer.now(), expected, strict=True):
        np.testing.assert_allclose(p, value, rtol=1e-10)


def test_input_noise_changes_the_inputs_by_its_standard_deviation(monkeypatch):
    seen = []
    net = experiments.compiled((3, 4, 1), 10)
    monkeypatch.setattr(net.trainer, "step", lambda x, *_: seen.append(x) or 0.0)
    X, y = np.zeros((10, 3)), np.zeros((10, 1))
    rng = np.random.default_rng(2)
    for _ in experiments.train(net, X, y, rng, lr=0.1, updates=200, noise=0.3):
        pass
    assert np.std(seen) == pytest.approx(0.3, rel=0.03)
    assert not np.array_equal(seen[0], seen[1])


def test_networks_side_by_side_are_trained_as_each_would_be_alone():
    rates, (X, y) = (0.05, 0.2), data(20, 1)
    start = initial_values((1, 3, 1), np.random.default_rng(1))
    trainer = experiments.side_by_side(3, 6, rates)
    trainer.reset(experiments.stacked(start, rates))
    order = experiments.endless_minibatches(20, 6, np.random.default_rng(2))
    for _ in trainer.train(((X[i], y[i]) for i in order), 7):
        pass
    for lr, *params in zip(rates, *trainer.now(), strict=True):
        rng = np.random.default_rng(2)
        expected = by_numpy(start, X, y, lr, 0.0, rng, batch=6, updates=7)
        for p, value in zip(params, expected, strict=True):
            np.testing.assert_allclose(p, np.atleast_2d(value), rtol=1e-10)
        o = np.tanh(X @ expected[0] + expected[1]) @ expected[2] + expected[3]
        np.testing.assert_allclose(experiments.outputs(params, X), o, rtol=1e-10)


def test_exact_readout_is_the_best_readout():
    X, y = data(40, 2)
    W_ih, b_h, W_ho, b_o = initial_values((2, 6, 1), np.random.default_rng(3))
    F = experiments.features(W_ih, b_h, X)
    solution = experiments.exact_readout(F, y)
    best = experiments.rmse(F @ solution, y)
    h = np.tanh(X @ W_ih + b_h)
    assert best < experiments.rmse(h @ W_ho + b_o, y)
    np.testing.assert_allclose(F, np.column_stack([h, np.ones(len(h))]))
    np.testing.assert_allclose(solution, np.linalg.pinv(F) @ y, rtol=1e-8)
    rng = np.random.default_rng(4)
    for _ in range(20):
        other = solution + 1e-3 * rng.standard_normal(solution.shape)
        assert best <= experiments.rmse(F @ other, y)


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_the_rate_is_chosen_by_the_validation_error_and_what_diverges_is_not(
    monkeypatch,
):
    seen = []

    def noting(net, x):
        o = outputs(net, x)
        seen.append((len(x), o))
        return o

    outputs = experiments.outputs
    monkeypatch.setattr(experiments, "outputs", noting)
    rates = [0.05, 0.2, 50.0]
    parameters = experiments.APPROXIMATION | {
        "widths": [4],
        "validation": 77,
        "lr": rates,
        "updates": 400,
    }
    metrics = experiments.approximation(0, parameters)["metrics"]
    rng = np.random.default_rng([0, 4, 1])
    y = np.sin(2 * np.pi * rng.uniform(-1, 1, (77, 1)))
    errors = [experiments.rmse(o, y) for n, o in seen if n == 77]
    assert len(errors) == len(rates)
    assert not errors[2] < 1e3
    assert metrics["rate"]["4"] == rates[int(np.argmin(errors[:2]))]
    X = np.linspace(-1, 1, 401)[:, None]
    [o] = [o for n, o in seen if n == 401]
    expected = experiments.rmse(o, np.sin(2 * np.pi * X))
    assert metrics["trained"]["4"] == pytest.approx(expected)


def test_a_window_longer_than_the_delay_holds_the_answer_and_no_other():
    """The data of the delay experiment: least squares alone shows the cliff."""
    parameters = experiments.DELAY | {
        "windows": [3],
        "delays": [2, 3],
        "training": 400,
        "test": 400,
        "updates": 400,
    }
    metrics = experiments.delay(0, parameters)["metrics"]
    assert metrics["window 3 delay 2"] > 0.8
    assert metrics["window 3 delay 3"] < 0.05


def test_the_sunspot_forecast_is_scored_in_sunspots():
    parameters = experiments.SUNSPOTS | {"updates": 300}
    result = experiments.sunspot_window(0, parameters)
    test = sunspots.split_windows(parameters["window"])[2]
    assert result["metrics"]["early stopping"] == pytest.approx(
        experiments.rmse(result["forecast"], test.y[:, 0]), rel=1e-3
    )
    persistence = experiments.rmse(test.X[:, -1:], test.y)
    assert result["metrics"]["early stopping"] < persistence


@pytest.mark.nightly
def test_early_stopping_and_the_cures_are_chosen_on_validation_data():
    parameters = experiments.OVERFITTING | {
        "updates": 200,
        "marks": [0, 50, 100, 200],
        "test": 50,
    }
    result = experiments.overfitting(1, parameters)
    curves, metrics = result["curves"], result["metrics"]
    plain = curves["plain"]
    stop = int(np.argmin(plain["validation"]))
    assert metrics["early stopping"] == plain["test"][stop]
    for cure in ("noise", "decay"):
        ends = {
            key: curve["validation"][-1]
            for key, curve in curves.items()
            if key.startswith(cure)
        }
        best = min(ends, key=ends.get)
        assert result["chosen"][cure] == best
        assert metrics[cure] == curves[best]["test"][-1]
