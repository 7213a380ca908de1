"""The parts of chapter 7's experiments that a wrong number could hide in."""

import numpy as np
import pytest
from scipy.special import expit

from helpers.experiments import ch07_sine_runs as experiments
from helpers.networks import bptt
from helpers.networks.elman import Elman, hidden_states_numpy, initial_elman, readout
from helpers.networks.gradients import numerical_gradient, relative_error
from helpers.results import intervals, records
from helpers.tasks import sine, sunspots

RECURRENT = ("W_ih", "W_hh", "b_h")


def problem(seed=0, T=8, n=3, n_hid=4):
    """Inputs, targets and parameters; states, and the errors at the last step."""
    rng = np.random.default_rng(seed)
    shapes = ((1, n_hid), (n_hid, n_hid), n_hid, (n_hid, 1), 1)
    params = Elman(*(rng.normal(0, 0.8, shape) for shape in shapes), np.zeros(n_hid))
    x, y = rng.standard_normal((T, n, 1)), rng.standard_normal((n, 1))
    h = hidden_states_numpy(x, params, expit)
    d_o = np.zeros((T, n, 1))
    d_o[-1] = (readout(h[-1], params) - y) / n
    return x, y, params, h, d_o


def same(a, b, names=Elman._fields):
    return all(
        relative_error(getattr(a, name), getattr(b, name)) < 1e-12 for name in names
    )


# The gradients, right and wrong --------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_without_a_bug_the_gradients_are_right(seed):
    x, y, params, h, d_o = problem(seed)
    for k in (1, 3, 8):
        window = bptt.windows(x, h, d_o, params, k, bptt.sigmoid_slope)
        got = experiments.gradients(x, y, params, k)
        assert same(got, window, Elman._fields[:5])

    def loss(*values):
        p = Elman(*values)
        o = readout(hidden_states_numpy(x, p, expit)[-1], p)
        return np.mean((o - y) ** 2) / 2

    slopes = numerical_gradient(loss, list(params))
    for a, b in zip(got[:5], slopes, strict=False):
        assert relative_error(a, b) < 1e-6


def wrong(bug, k=3):
    x, y, params, *_ = problem()
    return experiments.gradients(x, y, params, k, bug)


def right(k=3):
    return wrong("none", k)


def test_an_unknown_bug_is_refused():
    with pytest.raises(ValueError, match=r"bug must be one of none, .*; got 'no'"):
        wrong("no")


@pytest.mark.parametrize("bug", experiments.BUGS[1:])
def test_each_bug_changes_something_and_the_output_bias_never(bug):
    assert not same(wrong(bug), right())
    assert same(wrong(bug), right(), ["b_o"])


def test_the_forward_product_depends_on_no_error():
    x, y, params, h, _ = problem()
    a, b = (
        experiments.gradients(x, target, params, 3, "forward product")
        for target in (y, y + 5)
    )
    assert same(a, b, ["W_ih", "W_hh"])
    assert not same(a, b, ["W_ho"])
    # one row for all rows, as the published broadcast of a column gives
    expected = sum((h[t - 1] @ params.W_hh).mean(axis=0) for t in (7, 6, 5))
    for row in a.W_hh:
        np.testing.assert_allclose(row, expected)


def test_the_slope_of_the_sum_is_a_times_1_minus_a():
    # One step back, one example: d_a = d_h * slope, which b_h shows as it is.
    x, y, params, h, d_o = problem(n=1)
    a = x[-1] @ params.W_ih + h[-2] @ params.W_hh + params.b_h
    got = experiments.gradients(x, y, params, 1, "slope of the sum")
    expected = (d_o[-1] @ params.W_ho.T) * a * (1 - a)
    np.testing.assert_allclose(got.b_h, expected[0])


def step_by_step(slope_at, input_at, k=3):
    """The gradients of the first problem, with steps confused as told."""
    x, _, params, h, d_o = problem()
    before = np.concatenate([0 * h[:1], h[:-1]])
    d = {"W_ih": 0, "W_hh": 0, "b_h": 0}
    d_h = d_o[-1] @ params.W_ho.T
    for t in (7, 6, 5)[:k]:
        s = h[slope_at(t)]
        d_a = d_h * s * (1 - s)
        d["W_ih"] = d["W_ih"] + x[input_at(t)].T @ d_a
        d["W_hh"] = d["W_hh"] + before[input_at(t)].T @ d_a
        d["b_h"] = d["b_h"] + d_a.sum(axis=0)
        d_h = d_a @ params.W_hh.T
    return right()._replace(**d)


def test_steps_are_confused_as_the_names_say():
    assert same(step_by_step(lambda t: t, lambda t: t), right())
    assert same(step_by_step(lambda t: 7, lambda t: t), wrong("slope of the last step"))
    assert same(step_by_step(lambda t: t, lambda t: 7), wrong("input of the last step"))


def test_the_skipped_step_is_what_one_step_back_would_give():
    got = wrong("own step skipped")
    for name in RECURRENT:
        expected = getattr(right(3), name) - getattr(right(1), name)
        np.testing.assert_allclose(getattr(got, name), expected)


def test_sums_that_run_on_add_up_all_shorter_ways_back():
    got = wrong("sums run on")
    for name in RECURRENT:
        expected = sum(getattr(right(k), name) for k in (1, 2, 3))
        np.testing.assert_allclose(getattr(got, name), expected)


def test_an_error_at_each_step_is_a_loss_at_each_step():
    x, _, params, h, d_o = problem()
    at_each = d_o.copy()
    at_each[-3:] = d_o[-1]
    expected = bptt.last_steps(x, h, at_each, params, 3, bptt.sigmoid_slope)
    assert same(wrong("error at each step"), expected, RECURRENT)
    assert same(wrong("error at each step"), right(), ["W_ho"])


def test_the_readout_at_each_step_leaves_the_rest_right():
    _, _, _, h, d_o = problem()
    got = wrong("readout at each step")
    assert same(got, right(), RECURRENT)
    np.testing.assert_allclose(got.W_ho, h.sum(axis=0).T @ d_o[-1])


@pytest.mark.nightly
def test_all_errors_at_once_give_the_losses_of_the_published_program():
    # With the seed that the article sets, its code ends at 17.58, and at 12.51 when
    # only the readout learns. Weights are drawn in its order, U, V, W, and transposed.
    rng = np.random.RandomState(12161)
    U, V, W = (rng.uniform(0, 1, shape) for shape in ((100, 50), (1, 100), (100, 100)))
    weights = U.T, W.T, V.T
    whole = experiments.published_training(*weights, epochs=25)
    assert whole.losses[0, 1] == pytest.approx(66107.73, abs=0.01)
    assert whole.losses[4, 1] == pytest.approx(3263.98, abs=0.01)
    # The article prints the losses before each epoch, so its last line is number 24.
    # Until then the last bits have grown: any order of summation ends near 17.5.
    assert whole.losses[24, 1] == pytest.approx(17.58, rel=0.03)
    frozen = experiments.published_training(*weights, epochs=25, frozen=True)
    assert frozen.losses[24, 1] == pytest.approx(12.509, abs=0.001)
    assert frozen.losses[0, 0] == whole.losses[0, 0]
    # what its last lines print, and what they should
    training, validation = sine.split()
    said = experiments.said_as_published(training.x[:, :50], whole)
    assert experiments.rmse(said, validation.y) == pytest.approx(0.40, abs=0.03)
    fair = experiments.unshared_states(validation.x, whole.W_ih, whole.W_hh)[-1]
    assert experiments.rmse(fair @ whole.W_ho, validation.y) == pytest.approx(
        0.83, abs=0.03
    )


# Training --------------------------------------------------------------------------


def test_the_classic_setting_is_sgd_in_order_with_clipped_truncated_gradients(
    python_engine,
):
    setting = experiments.TRAINING["settings"]["classic sigmoid"] | {
        "updates": 3,
        "lr": 0.1,
    }
    data = tuple(part._replace(y=50 * part.y) for part in sine.split())  # clips
    learned = experiments.learn(1, data, hidden=4, **setting)
    p = initial_elman(1, 4, 1, np.random.default_rng(1))
    clipped = False
    for i in range(3):
        d = experiments.gradients(*data[0].take([i]), p, 5)
        clipped |= any(np.abs(g).max() > 10 for g in d)
        p = Elman(*(v - 0.1 * np.clip(g, -10, 10) for v, g in zip(p, d, strict=True)))
    assert clipped
    for a, b in zip(learned.params, p, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-10)


def test_the_rate_falls_to_zero_along_a_line(python_engine):
    setting = experiments.TRAINING["settings"]["sgd tanh"] | {"updates": 4}
    rates = []
    net = experiments.compiled("tanh", "sgd", 10, -1, biases=True, hidden=3)

    def step(x, y, lr):
        assert x.shape == (50, 10, 1)
        rates.append(lr)
        return 0.0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(net, "step", step)
        experiments.learn(0, sine.split(), hidden=3, **setting)
    np.testing.assert_allclose(rates, [0.05, 0.0375, 0.025, 0.0125])


def test_published_weights_are_positive_and_have_no_biases(python_engine):
    setting = experiments.TRAINING["settings"]["published"] | {"updates": 100}
    learned = experiments.learn(0, sine.split(), hidden=3, **setting)
    assert learned.params.W_hh.min() > 0
    assert not learned.params.b_h.any()
    assert not learned.params.b_o.any()
    assert learned.curve.shape == (2, 2)


@pytest.mark.nightly
def test_a_training_measures_each_setting_and_its_closed_loop(python_engine):
    setting = experiments.TRAINING["settings"]["adam tanh"]
    parameters = {
        "hidden": 3,
        "settings": {"few": setting | {"updates": 100}},
        "roll_out": 10,
    }
    result = experiments.training(0, parameters)
    metrics = result["metrics"]
    np.testing.assert_allclose(
        [metrics["training"]["few"], metrics["validation"]["few"]],
        result["curves"]["few"][-1],
        atol=1e-5,
    )
    assert metrics["phase"]["few"] == pytest.approx(
        result["phases"]["few"].item(), abs=1e-5
    )
    assert len(result["trace"]["few"]) == 2  # updates 50 and 100


def test_wrong_gradients_are_trained_by_adam(python_engine):
    parameters = experiments.BUGGY | {"hidden": 3}
    trace, ends = experiments.learn_with("none", 0, parameters, stop=60)
    assert len(trace) == 1
    assert ends[1] < ends[0]


@pytest.mark.nightly
def test_a_split_asks_for_what_it_holds_out_and_how_odd_the_answers_are(python_engine):
    parameters = experiments.SPLITS | {
        "hidden": 3,
        "asked": {"new half": ["new half"], "amplitude": ["amplitude", "louder"]},
        "settings": {
            "tanh": experiments.TRAINING["settings"]["adam tanh"] | {"updates": 50}
        },
    }
    result = experiments.splits(0, parameters)
    assert result["trace"].keys() == {"new half, tanh", "amplitude, tanh"}
    metrics = result["metrics"]
    for key in ("validation", "odd"):
        assert metrics[key].keys() == {"new half", "amplitude", "louder"}
    # What was trained on "amplitude" is asked for "louder", too.
    net = experiments.compiled("tanh", "adam", 10, -1, biases=True, hidden=3).now()
    for how in ("amplitude", "louder"):
        x, y = sine.split(how)[1]
        says, of_negatives = (
            readout(hidden_states_numpy(x * sign, net)[-1], net) for sign in (1, -1)
        )
        error = np.sqrt(np.mean((says - y) ** 2))
        odd = np.sqrt(np.mean((says + of_negatives) ** 2))
        assert metrics["validation"][how]["tanh"] == pytest.approx(error)
        assert metrics["odd"][how]["tanh"] == pytest.approx(odd)


# Channels --------------------------------------------------------------------------


def test_without_memory_an_output_sees_its_own_input_only(python_engine):
    parameters = experiments.CHANNELS | {
        "updates": 50,
        "steps": 12,
        "test": 30,
        "settings": ["one, no memory"],
    }
    experiments.two_channels(0, parameters)
    params = experiments.channel_net(1, 12, 4, False).now()
    first = initial_elman(1, 4, 1, np.random.default_rng([0, 0]))
    np.testing.assert_array_equal(params.W_hh, first.W_hh)
    np.testing.assert_array_equal(params.h0, first.h0)
    assert not np.array_equal(params.W_ih, first.W_ih)


# Sunspots --------------------------------------------------------------------------


def test_forecasts_run_on_by_hearing_themselves():
    params = initial_elman(1, 4, 1, np.random.default_rng(0))
    counts = np.array([3.0, 8.0, 20.0, 14.0])
    to = experiments.Scale(10.0, 5.0)
    made = experiments.run_on(params, counts, 3, to)
    assert made.shape == (3, 4)
    for t in range(4):
        heard = list(counts[: t + 1])
        for j in range(3):
            z = (np.array(heard)[:, None] - 10) / 5
            o = readout(hidden_states_numpy(z, params)[-1], params)[0]
            assert made[j, t] == pytest.approx(10 + 5 * o)
            heard.append(made[j, t])


def test_a_window_runs_on_by_hearing_itself():
    counts = np.arange(6.0)
    made = experiments.window_on(lambda X: X.sum(axis=1), counts, 2, 3)
    assert np.isnan(made[:, 0]).all()
    assert made[:, 3].tolist() == [5, 8, 13]  # after 2, 3


def test_errors_by_horizon_compare_with_the_year_that_is_meant():
    counts = np.arange(10.0) ** 2
    made = np.stack([np.append(counts[1 + j :], np.full(1 + j, 99.0)) for j in (0, 1)])
    made[1] += 3
    errors = experiments.by_horizon(made, counts, 4)
    np.testing.assert_allclose(errors, [0, 3])


BRIEF = {"updates": 50, "horizon": 4, "free_run": 6}
TINY = {
    "recurrent 3": {"kind": "recurrent", "hidden": 3, "lr": 0.01},
    "window 2": {"kind": "window", "hidden": 2, "lr": 0.01},
}


def test_sunspot_networks_are_scored_on_the_test_years(python_engine):
    parameters = (
        experiments.SUNSPOT_COMPARISON
        | BRIEF
        | {"settings": TINY, "chosen": list(TINY)}
    )
    result = experiments.forecast_sunspots(0, parameters)
    counts = sunspots.load().counts
    assert set(result["forecast"]) == set(result["free run"]) == set(TINY)
    for name in TINY:
        forecast = result["forecast"][name]
        assert forecast.shape == (53,)
        error = np.sqrt(np.mean((forecast - counts[-53:]) ** 2))
        assert result["metrics"]["test"][name] == pytest.approx(error, abs=0.01)
        assert result["horizon"][name][0] == pytest.approx(error, abs=0.01)
        assert result["free run"][name].shape == (6,)
        assert result["free run"][name][0] == pytest.approx(forecast[0], abs=0.1)
        swing = np.ptp(result["free run"][name])
        assert result["metrics"]["range"][name] == pytest.approx(swing, abs=0.1)
        assert result["stopped_at"][name] in (25, 50)


def test_each_setting_of_the_search_has_as_many_turns():
    parameters = experiments.SUNSPOT_SEARCH
    record = records.load("sine-search-sunspots")
    turns = [experiments.turn(seed, parameters) for seed in record.seeds]
    for hidden in parameters["hidden"]:
        for lr in parameters["lr"]:
            assert turns.count((hidden, lr)) == 3
    for run, (hidden, lr) in zip(record.runs, turns, strict=True):
        assert run["setting"] == {"hidden": hidden, "lr": lr}
        assert set(run["metrics"]["validation"]) == {"recurrent", "window"}


@pytest.mark.parametrize("kind", ["recurrent", "window"])
def test_the_validation_error_is_that_of_the_validation_years(python_engine, kind):
    parameters = experiments.SUNSPOTS | {"updates": 25}
    rng = np.random.default_rng(0)
    learned = experiments.learn_sunspots(kind, 2, 0.01, rng, parameters)
    counts = sunspots.load().counts
    made = experiments.forecasts_of(kind, learned.values, counts, 9, 1)[0]
    years = np.arange(1921, 1956)
    errors = [made[year - 1 - 1700] - counts[year - 1700] for year in years]
    assert learned.error == pytest.approx(np.sqrt(np.mean(np.square(errors))))
    assert learned.at == 25


def test_a_training_ends_when_patience_does(python_engine):
    parameters = experiments.SUNSPOTS | {"patience": 50}
    rng = np.random.default_rng(0)
    learned = experiments.learn_sunspots("window", 2, 0.0, rng, parameters)
    assert learned.at == 25  # at a rate of 0 nothing becomes better
    memory = experiments.window_sunspots(2, 9).memory
    (updates,) = (v.get_value() for v in memory if v.name == "adam_t")
    assert updates == 75


def test_both_sunspot_networks_learn_the_same_targets(python_engine):
    # With all weights zero both say the mean, and have the variance for a loss.
    for net in (
        experiments.recurrent_sunspots(3, 9),
        experiments.window_sunspots(2, 9),
    ):
        net.reset([0 * value for value in net.now()])
        assert net.step(0.001) == pytest.approx(1)


# What the chapter says ------------------------------------------------------------


def test_proper_training_reaches_a_hundredth_and_the_classic_budget_nothing():
    record = records.load("sine-training")
    for name in ("sgd tanh", "adam sigmoid", "adam tanh", "adam tanh truncated"):
        assert np.sum(record.metric(f"validation.{name}") <= 0.01) >= 18
        assert np.all(record.metric(f"closed.{name}") < 0.01)
    for name in ("published", "classic sigmoid"):
        assert np.median(record.metric(f"validation.{name}")) > 0.7
    assert np.all(record.metric("validation.sgd sigmoid") > 0.01)


def test_the_new_half_measures_how_odd_a_network_is():
    record = records.load("sine-splits")
    for units in ("tanh", "sigmoid"):
        odd, error = (
            np.median(record.metric(f"{key}.new half.{units}"))
            for key in ("odd", "validation")
        )
        assert odd == pytest.approx(error, rel=0.25)
    tanh, sigmoid = (
        record.metric(f"validation.new half.{units}") for units in ("tanh", "sigmoid")
    )
    # a table that changes signs has 0.028
    assert np.all(tanh < 0.028)
    assert np.median(sigmoid) > 0.028


def test_one_channel_needs_memory_and_two_do_not():
    record = records.load("sine-channels")
    floor = np.sin(0.2) / np.sqrt(2)
    assert np.all(record.metric("one.late") < floor / 2)
    assert np.median(record.metric("one.late")) < floor / 10
    assert np.allclose(record.metric("one, no memory.late"), floor, rtol=0.05)
    without, recurrent = (
        intervals.median_interval(record.metric(f"{name}.late"))
        for name in ("two, no memory", "two")
    )
    assert without.high < recurrent.low


def test_only_two_of_the_bugs_alone_keep_the_network_from_learning():
    record = records.load("sine-bugs")
    failed = {
        bug for bug in experiments.BUGS if np.median(record.metric(f"end.{bug}")) > 0.1
    }
    assert failed == {"forward product", "slope of the sum"}


def test_the_comparison_is_of_what_the_search_chose_and_its_neighbours():
    search = records.load("sine-search-sunspots")
    sizes, rates = (search.parameters[key] for key in ("hidden", "lr"))
    for kind, chosen in zip(
        ("recurrent", "window"), experiments.SUNSPOT_CHOICE, strict=True
    ):
        errors = search.metric(f"validation.{kind}")
        medians = np.median(errors.reshape(-1, len(sizes), len(rates)), axis=0)
        best = medians.min(axis=1).argmin()
        assert chosen == f"{kind} {sizes[best]}"
        assert experiments.SUNSPOT_RATES[kind] == {
            sizes[i]: rates[medians[i].argmin()] for i in (best - 1, best, best + 1)
        }


def test_the_recurrent_network_beats_the_window_and_not_the_linear_rule():
    record = records.load("sine-sunspots")
    recurrent, window = (
        intervals.median_interval(record.metric(f"test.{name}"))
        for name in record.parameters["chosen"]
    )
    assert recurrent.high < window.low
    assert recurrent.low > 19.5
