"""The parts of chapter 3's experiments that a wrong number could hide in."""

from itertools import product

import numpy as np
import pytest
from scipy import integrate
from scipy.special import expit
from test_cells import random_cell
from test_optimisers import adam_step

from helpers import engine
from helpers.experiments import ch03_streams_runs as streams
from helpers.experiments.ch03_streams_runs import Examples
from helpers.networks import bptt
from helpers.networks.elman import Elman, hidden_states_numpy, readout
from helpers.results import records

SMALL = {"length": 4, "hidden": 3, "test": 50}
SETTING = {"activation": "tanh", "init": "uniform", "optimiser": "sgd", "batch": 5}


def random_elman(seed):
    return random_cell(Elman, seed, 2, 3, 1)


# The task and its baselines -----------------------------------------------------


def test_the_target_is_the_dot_product_of_the_two_streams():
    x, y = streams.examples(7, 3, np.random.default_rng(0))
    assert x.shape == (7, 3, 2)
    expected = [[np.dot(x[:, n, 0], x[:, n, 1])] for n in range(3)]
    np.testing.assert_allclose(y, expected, atol=1e-14)


def test_the_inputs_fill_their_range_and_the_target_has_its_variance():
    x, y = streams.examples(9, 40_000, np.random.default_rng(1))
    assert -1 <= x.min() < -0.999
    assert 0.999 < x.max() <= 1
    assert y.var() == pytest.approx(9 / 9, rel=0.03)


def test_r_squared_of_the_mean_is_0_and_of_the_target_1():
    y = np.random.default_rng(2).standard_normal((100, 1))
    assert streams.r_squared(y.mean(), y) == pytest.approx(0, abs=1e-12)
    assert streams.r_squared(y, y) == 1
    assert streams.r_squared(y + y.std(), y) == pytest.approx(0)


def test_a_linear_readout_finds_a_linear_target_and_not_this_one():
    rng = np.random.default_rng(3)
    training = streams.examples(10, 10_000, rng)
    test = streams.examples(10, 2000, rng)

    def linear(x):
        return (3 * x[2, :, 0] - x[9, :, 1] + 1)[:, None]

    o = streams.linear_readout(Examples(training.x, linear(training.x)), test.x)
    assert streams.r_squared(o, linear(test.x)) == pytest.approx(1)
    o = streams.linear_readout(training, test.x)
    assert abs(streams.r_squared(o, test.y)) < 0.02


def test_the_best_prediction_under_noise_is_the_mean_given_the_noisy_input():
    sd = 0.3

    def mean_given(z):
        """By integration over the clean input, uniform in +-1."""

        def likelihood(x):
            return np.exp(-(((z - x) / sd) ** 2) / 2)

        mass, _ = integrate.quad(likelihood, -1, 1)
        moment, _ = integrate.quad(lambda x: x * likelihood(x), -1, 1)
        return moment / mass

    x = np.array([[[0.1, -0.9]], [[1.3, 0.5]]])
    expected = mean_given(0.1) * mean_given(-0.9) + mean_given(1.3) * mean_given(0.5)
    assert streams.best_under_noise(x, sd) == pytest.approx(expected)


def test_no_rule_beats_the_best_prediction_under_noise():
    rng = np.random.default_rng(4)
    x, y = streams.examples(10, 20_000, rng)
    noisy = x + 0.3 * rng.standard_normal(x.shape)
    best = streams.r_squared(streams.best_under_noise(noisy, 0.3), y)
    exact = streams.dot_product(noisy)
    for factor in (1.0, 0.9, 0.8, 0.7, 0.6):
        assert streams.r_squared(factor * exact, y) < best


# Training -------------------------------------------------------------------------


def loss_and_gradient(x, y, p, activation):
    """The mean squared error, and its gradient by the backpropagation of chapter 4."""
    g, slope = np.tanh, bptt.tanh_slope
    if activation == "sigmoid":
        g, slope = expit, bptt.sigmoid_slope
    h = hidden_states_numpy(x, p, g)
    d_o = np.zeros((*h.shape[:2], 1))
    d_o[-1] = readout(h[-1], p) - y
    return np.mean(d_o[-1] ** 2), bptt.bptt(x, h, 2 * d_o / len(y), p, slope)


@pytest.mark.parametrize(
    ("activation", "optimiser", "batch", "l1"),
    [
        *product(["tanh", "sigmoid"], ["sgd"], [1, 5], [0.3]),
        ("tanh", "adam", 5, 0),
    ],
)
def test_training_equals_a_version_in_numpy(
    python_engine, activation, optimiser, batch, l1
):
    net = streams.compiled(activation, optimiser, batch, length=4, hidden=3)
    start, lr = random_elman(0), {"sgd": 0.1, "adam": 0.01}[optimiser]
    rngs = [np.random.default_rng(1) for _ in range(2)]
    options = {"lr": lr, "updates": 6, "l1": l1, "look": lambda k: True}
    steps = list(streams.train(net, start, rngs[0], **options))
    p, losses = start, []
    m = v = Elman(*(np.zeros_like(value) for value in p))
    for t in range(1, 7):
        x = rngs[1].uniform(-1, 1, (4, batch, 2))
        y = (x[:, :, 0] * x[:, :, 1]).sum(axis=0)[:, None]
        loss, d = loss_and_gradient(x, y, p, activation)
        losses.append(loss)
        if optimiser == "adam":
            d, m, v = adam_step(d, m, v, t)
        p = Elman(*(value - lr * slope for value, slope in zip(p, d, strict=True)))
        W = p.W_hh
        p = p._replace(W_hh=np.where(abs(W) > lr * l1, W - lr * l1 * np.sign(W), 0))
    assert steps[0] == (0, None)
    assert [k for k, _ in steps] == list(range(7))
    np.testing.assert_allclose([loss for _, loss in steps[1:]], losses, rtol=1e-10)
    atol = 1e-12 if optimiser == "sgd" else 1e-10
    for trained, value in zip(net.now(), p, strict=True):
        np.testing.assert_allclose(trained, value, atol=atol)


def test_h0_stays_where_it_is_unless_it_is_trained(python_engine):
    for train_h0 in (False, True):
        net = streams.compiled("tanh", "sgd", 5, length=4, hidden=3, train_h0=train_h0)
        start = random_elman(0)
        for _ in streams.train(net, start, np.random.default_rng(0), lr=0.1, updates=3):
            pass
        moved = [
            not np.array_equal(trained, value)
            for trained, value in zip(net.now(), start, strict=True)
        ]
        assert moved == [True] * 5 + [train_h0]


def test_noise_is_on_the_inputs_and_not_in_the_target(python_engine, monkeypatch):
    seen = []
    net = streams.compiled("tanh", "sgd", 500, length=4, hidden=3)
    monkeypatch.setattr(net, "step", lambda x, y, *_: seen.append((x, y)) or 0.0)
    start, rng = random_elman(0), np.random.default_rng(5)
    for _ in streams.train(net, start, rng, lr=0.1, updates=1, noise=0.3):
        pass
    x, y = seen[0]
    clean, target = streams.examples(4, 500, np.random.default_rng(5))
    np.testing.assert_array_equal(y, target)
    assert np.std(x - clean) == pytest.approx(0.3, rel=0.05)
    assert np.mean(x - clean) == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_a_training_does_not_depend_on_what_was_trained_before(
    python_engine, optimiser
):
    setting = SETTING | {"optimiser": optimiser, "every": 10, "lr": 0.05}
    first = streams.learn(0, SMALL, **setting, updates=60)
    other = streams.learn(1, SMALL, **setting, updates=20)
    again = streams.learn(0, SMALL, **setting, updates=60)
    assert len(first.curve) == 7
    assert len(first.trace) == 1  # update 50
    assert first.trace == again.trace
    np.testing.assert_array_equal(first.curve, again.curve)
    np.testing.assert_array_equal(first.params.W_hh, again.params.W_hh)
    assert not np.array_equal(first.curve[:3], other.curve)


def test_the_curve_is_r_squared_on_examples_that_training_never_draws(python_engine):
    learned = streams.learn(0, SMALL, **SETTING, every=30, lr=0.05, updates=30)
    test = streams.fresh(0, SMALL)
    o = streams.outputs(test.x, learned.params, "tanh")
    assert learned.curve[-1] == pytest.approx(streams.r_squared(o, test.y), abs=1e-4)
    drawn = np.random.default_rng([0, 1]).uniform(-1, 1, (30, *test.x.shape))
    assert not np.isin(test.x, drawn).any()


# What the chapter says ------------------------------------------------------------


@pytest.mark.nightly
@pytest.mark.engine
def test_the_good_recipe_learns_in_an_instant_what_the_published_one_does_not():
    engine.select()
    parameters = {"length": 10, "hidden": 20, "test": 1000}
    good = {"activation": "tanh", "init": "uniform", "optimiser": "adam", "batch": 32}
    learned = streams.learn(0, parameters, **good, every=1000, lr=0.003, updates=1000)
    assert learned.curve[-1] > 0.9
    published = streams.PUBLISHED["setting"]
    learned = streams.learn(
        0, parameters, **published, every=1000, lr=0.05, updates=1000
    )
    assert learned.curve[-1] < 0.05


# Small versions of the experiments, to see that each number is where it should be.
TINY = SMALL | {"updates": 100, "every": 50}
VERSIONS = {
    "streams-published": {"long_updates": 200},
    "streams-well": {
        "batch": 5,
        "inits": ["normal", "unit"],
        "linear_readout_examples": 50,
        "lengths": [2, 4],
        "noise": [0.1],
    },
    "streams-plateau": {},
    "streams-noise": {"batch": 5, "noise": [0.0, 0.3]},
    "streams-batch": {
        "updates": {"1": 100, "4": 50},
        "every": {"1": 25, "4": 25},
        "equal_updates": 50,
        "equal_examples": 100,
    },
    "streams-sparse": {"l1": [0.0, 0.5], "lr": 0.1},
}


@pytest.fixture
def tiny(request, python_engine):
    (experiment,) = (e for e in streams.EXPERIMENTS if e.name == request.param)
    parameters = experiment.parameters | TINY | VERSIONS[request.param]
    return experiment.run(0, parameters, None), parameters


@pytest.mark.parametrize("tiny", ["streams-published"], indirect=True)
def test_published_reports_each_rate_at_the_same_update(tiny):
    result, parameters = tiny
    for lr in parameters["lr"]:
        curve = result["curves"][f"lr {lr:g}"]
        assert len(curve) == (5 if lr == parameters["long_lr"] else 3)
        assert result["metrics"][f"lr {lr:g}"] == curve[2]
    long = result["curves"][f"lr {parameters['long_lr']:g}"]
    assert result["metrics"]["long"] == long[-1]


@pytest.mark.parametrize("tiny", ["streams-plateau"], indirect=True)
def test_plateau_makes_one_thing_easier_at_a_time(tiny):
    result, parameters = tiny
    keys = {"no memory", "no product", "larger W_ih", "larger W_hh", "larger W_ho"}
    assert result["curves"].keys() == result["metrics"]["R2"].keys() == keys
    for key, curve in result["curves"].items():
        assert len(curve) == 3
        assert result["metrics"]["R2"][key] == curve[-1]
    x = streams.fresh(0, parameters).x
    np.testing.assert_array_equal(
        streams.last_product(x)[:, 0], x[-1, :, 0] * x[-1, :, 1]
    )
    np.testing.assert_array_equal(streams.first_sum(x)[:, 0], x[:, :, 0].sum(axis=0))


def test_one_parameter_can_begin_by_another_initialisation():
    small, large = (streams.first_values(3, 5, init) for init in ("normal", "unit"))
    mixed = streams.first_values(3, 5, "normal", {"W_hh": "unit"})
    np.testing.assert_array_equal(mixed.W_hh, large.W_hh)
    for name in ("W_ih", "b_h", "W_ho", "b_o", "h0"):
        np.testing.assert_array_equal(getattr(mixed, name), getattr(small, name))


@pytest.mark.nightly
@pytest.mark.parametrize("tiny", ["streams-well"], indirect=True)
def test_well_measures_each_setting_lengths_and_noise(tiny):
    result, _ = tiny
    metrics = result["metrics"]
    settings = {
        f"{activation} {init} {optimiser}"
        for activation in ("tanh", "sigmoid")
        for init in ("normal", "unit")
        for optimiser in ("sgd", "adam")
    }
    assert metrics["R2"].keys() == metrics["lengths"].keys() == settings
    for key, lengths in metrics["lengths"].items():
        # the trained length, and no noise, are the tests that stand under "R2"
        assert lengths["4"] == pytest.approx(metrics["R2"][key], abs=1e-4)
    noise = metrics["noise"]
    clean = metrics["R2"]["sigmoid unit adam"]
    assert noise["0 to 0"] == pytest.approx(clean, abs=1e-4)
    assert noise.keys() == {
        *("0 to 0", "0.1 to 0", "0 to 0.1", "0.1 to 0.1"),
        *("exact to 0.1", "best to 0.1"),
    }
    assert 0.8 < noise["exact to 0.1"] < 1
    assert 0.8 < noise["best to 0.1"] < 1
    assert result["trace"].keys() == settings | {"noise 0.1"}
    # Two settings of one start see the same examples; noise changes them.
    assert result["trace"]["noise 0.1"] != result["trace"]["sigmoid unit adam"]


@pytest.mark.parametrize("tiny", ["streams-noise"], indirect=True)
def test_noise_is_that_of_the_training_and_that_of_the_test(tiny):
    result, _ = tiny
    R2, curves = result["metrics"]["R2"], result["curves"]
    assert curves.keys() == result["trace"].keys() == {"noise 0", "noise 0.3"}
    assert result["trace"]["noise 0"] != result["trace"]["noise 0.3"]
    for trained in ("0", "0.3"):  # without noise the test is that of the curve
        assert R2[f"{trained} to 0"] == pytest.approx(
            curves[f"noise {trained}"][-1], abs=1e-4
        )
        assert R2[f"{trained} to 0.3"] != R2[f"{trained} to 0"]
    assert R2["best to 0"] == 1
    assert 0 < R2["best to 0.3"] < 1


def test_a_rate_that_falls_ends_at_zero(python_engine, monkeypatch):
    rates = []
    net = streams.compiled("tanh", "sgd", 5, length=4, hidden=3)
    monkeypatch.setattr(net, "step", lambda x, y, lr, _: rates.append(lr) or 0.0)
    for falls_for, wanted in ((4, [0.2, 0.15, 0.1, 0.05, 0, 0]), (0, [0.2] * 6)):
        rates.clear()
        rng = np.random.default_rng(0)
        options = {"lr": 0.2, "updates": 6, "falls_for": falls_for}
        for _ in streams.train(net, random_elman(0), rng, **options):
            pass
        assert rates == pytest.approx(wanted)


@pytest.mark.parametrize("tiny", ["streams-batch"], indirect=True)
def test_batch_compares_at_equal_updates_and_at_equal_examples(tiny):
    result, _ = tiny
    curves, metrics = result["curves"], result["metrics"]
    for size in ("1", "4"):
        assert metrics["equal updates"][size] == curves[size][2]  # 50 updates
    assert metrics["equal examples"]["1"] == curves["1"][4]  # 100 updates
    assert metrics["equal examples"]["4"] == curves["4"][1]  # 25 updates


def test_both_comparisons_of_batches_fall_on_marks():
    parameters = streams.BATCH
    for size, total in parameters["updates"].items():
        for k in (
            parameters["equal_updates"],
            parameters["equal_examples"] // int(size),
        ):
            assert k <= total
            assert k % parameters["every"][size] == 0


@pytest.mark.parametrize("tiny", ["streams-sparse"], indirect=True)
def test_sparse_counts_exact_zeros(tiny):
    result, _ = tiny
    assert result["metrics"]["zeros"]["l1 0"] == 0
    # a strong penalty: 100 updates draw every weight by 100 * 0.1 * 0.5
    assert result["metrics"]["zeros"]["l1 0.5"] == 1


@pytest.mark.parametrize("experiment", streams.EXPERIMENTS, ids=lambda e: e.name)
def test_each_recorded_curve_is_as_long_for_all_seeds(experiment):
    recorded = records.load(experiment.name)
    for curve in recorded.runs[0]["curves"]:
        assert recorded.curve(f"curves.{curve}").ndim == 2
