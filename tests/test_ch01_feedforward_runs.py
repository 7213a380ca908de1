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


def test_exact_readout_is_the_best_readout():
    X, y = data(40, 2)
    net = experiments.compiled((2, 6, 1), 10)
    for _ in experiments.train(net, X, y, np.random.default_rng(3), lr=0.1, updates=50):
        pass
    params = W_ih, b_h, W_ho, b_o = net.trainer.now()
    best = experiments.rmse(experiments.exact_readout(params, X, y, X), y)
    h = np.tanh(X @ W_ih + b_h)
    rng = np.random.default_rng(4)
    assert best < experiments.rmse(h @ W_ho + b_o, y)
    features = np.column_stack([h, np.ones(len(h))])
    solution = np.linalg.pinv(features) @ y
    assert best == pytest.approx(experiments.rmse(features @ solution, y), rel=1e-8)
    for _ in range(20):
        other = solution + 1e-3 * rng.standard_normal(solution.shape)
        assert best <= experiments.rmse(features @ other, y)


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
