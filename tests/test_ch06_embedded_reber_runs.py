"""The parts of chapter 6's experiments that a wrong number could hide in."""

from typing import ClassVar

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from test_cells import random_cell
from test_optimisers import adam_step

from helpers import engine, results
from helpers.experiments import ch06_embedded_reber_runs as experiments
from helpers.experiments import trainer
from helpers.experiments.ch06_embedded_reber_runs import P, T
from helpers.networks import trained
from helpers.networks.bptt import bptt, state_errors, tanh_slope
from helpers.networks.elman import (
    Elman,
    hidden_states_numpy,
    initial_elman,
    readout,
    shared,
)
from helpers.networks.gated import GRU, LSTM, initial_gru, initial_lstm
from helpers.results import files
from helpers.tasks.reber import EMBEDDED, SYMBOLS

UNIT = {"init": "unit_singular_value"}


def random_elman(seed):
    return random_cell(Elman, seed, 7, 3, 7)


def some_strings(n=5, least=5, seed=0):
    return experiments.strings(n, least, np.random.default_rng(seed))


# Strings ------------------------------------------------------------------------


@pytest.mark.parametrize("least", [5, 10, 20])
def test_strings_are_in_the_grammar_and_long_enough(least):
    for string in some_strings(200, least):
        assert EMBEDDED.check(string) is None
        assert least <= len(string) - 4
        assert len(string) - 1 <= experiments.LENGTHS[-1]


def test_strings_of_one_length_have_it_and_both_symbols_occur():
    some = experiments.strings_of_length(50, 12, np.random.default_rng(0))
    assert {len(string) for string in some} == {16}
    assert {string[1] for string in some} == {"T", "P"}


def test_the_share_that_is_drawn_again_is_as_the_module_says():
    P_length = EMBEDDED.length_distribution()
    n = np.arange(len(P_length))
    too_long = n - 1 > experiments.LENGTHS[-1]
    assert P_length[too_long].sum() == pytest.approx(3e-6, rel=0.2)
    given = P_length * (n >= 24)
    assert given[too_long].sum() / given.sum() == pytest.approx(1 / 3000, rel=0.1)


def test_the_question_is_asked_where_only_the_second_symbol_is_legal():
    some = some_strings(40)
    asked = experiments.questions(some)
    for i, string in enumerate(some):
        legal = asked.examples.y[asked.place[i], i]
        assert [SYMBOLS[j] for j in np.flatnonzero(legal)] == [string[1]]
        # read one symbol before the last but one: the E of the inner string
        assert SYMBOLS[asked.examples.x[asked.place[i], i].argmax()] == "E"
        assert asked.is_T[i] == (string[1] == "T")


# First values and what is measured ------------------------------------------------


def test_identity_is_that_of_le_et_al():
    values = experiments.first_values("elman", 50, np.random.default_rng(0), "identity")
    np.testing.assert_array_equal(values.W_hh, np.eye(50))
    for W in (values.W_ih, values.W_ho):
        assert W.std() == pytest.approx(0.001, rel=0.1)
    assert not values.b_h.any()


def test_settings_of_one_start_begin_with_the_same_weights():
    a, b = (
        experiments.first_values("elman", 10, np.random.default_rng(0), init)
        for init in ("orthogonal", "orthogonal")
    )
    np.testing.assert_array_equal(a.W_hh, b.W_hh)
    np.testing.assert_allclose(a.W_hh @ a.W_hh.T, np.eye(10), atol=1e-12)
    lstm = experiments.first_values(
        "lstm", 4, np.random.default_rng(0), "uniform", forget_bias=3.0
    )
    np.testing.assert_array_equal(lstm.b_h, np.repeat([0, 3, 0, 0], 4))


@pytest.mark.parametrize(("wrong", "expected"), [(0, 1.0), (10, 0.75), (40, 0.0)])
def test_share_right_counts_the_place_of_the_question_alone(
    monkeypatch, wrong, expected
):
    asked = experiments.questions(some_strings(40))
    o = np.random.default_rng(0).normal(size=asked.examples.x.shape)
    some = np.arange(40)
    sign = np.where(asked.is_T, 1, -1) * np.where(some < wrong, -1, 1)
    o[asked.place, some, T] = 0.1 * sign
    o[asked.place, some, P] = -0.1 * sign
    monkeypatch.setattr(experiments, "outputs", lambda *arguments: o)
    assert experiments.share_right(asked, None, {}) == expected


def test_loss_by_position_is_0_for_the_truth_and_2_ln_2_for_an_undecided_bit(
    monkeypatch,
):
    strings = experiments.strings_of_length(30, 8, np.random.default_rng(0))
    some = EMBEDDED.batch(strings)
    o = np.where(some.y == 1, 50.0, -50.0)
    o[9, :, [T, P]] = 0  # the place of the question: the tenth of eleven predictions
    monkeypatch.setattr(experiments, "outputs", lambda *arguments: o)
    loss = experiments.loss_by_position(some, None, {})
    expected = np.zeros(11)
    expected[9] = 2 * np.log(2)
    np.testing.assert_allclose(loss, expected, atol=1e-12)


def test_the_mean_loss_is_that_of_training():
    params, some = random_elman(0), some_strings(6)
    losses = []
    for string in some:
        x, y, _ = EMBEDDED.batch([string])
        o = readout(hidden_states_numpy(x, params), params)
        s = 1 / (1 + np.exp(-o))
        losses.append(-np.mean(y * np.log(s) + (1 - y) * np.log(1 - s)))
    got = experiments.mean_loss(EMBEDDED.batch(some), params, {})
    assert got == pytest.approx(np.mean(losses), rel=1e-12)


# Training side by side --------------------------------------------------------------


def relu_slope(h):
    return (h > 0).astype(float)


def loss_and_gradient(string, p, relu):
    """By the backpropagation of chapter 4, in NumPy."""
    x, y = (value[:, 0] for value in EMBEDDED.batch([string])[:2])
    g, slope = (experiments.relu, relu_slope) if relu else (np.tanh, tanh_slope)
    h = hidden_states_numpy(x, p, g)
    o = readout(h, p)
    d_o = (1 / (1 + np.exp(-o)) - y) / y.size
    return (np.logaddexp(0, o) - y * o).mean(), bptt(x, h, d_o, p, slope)


def train_by_numpy(start, setting, drawn):
    p, losses = start, []
    m = v = Elman(*(np.zeros_like(value) for value in p))
    for t, string in enumerate(drawn, start=1):
        loss, d = loss_and_gradient(string, p, setting.get("relu"))
        losses.append(loss)
        d = Elman(*(setting.get("scale", 1) * slope for slope in d))
        norm = np.sqrt(sum((slope**2).sum() for slope in d))
        cut = min(1, setting.get("clip", np.inf) / norm)
        d = Elman(*(cut * slope for slope in d))
        way, m, v = adam_step(d, m, v, t)
        sgd, adam = setting.get("sgd", 0), setting.get("adam", 0)
        p = Elman(*(a - sgd * b - adam * c for a, b, c in zip(p, d, way, strict=True)))
    return losses, p


SETTINGS = [
    {"sgd": 0.2},
    {"sgd": 0.2, "scale": 7},
    {"sgd": 0.2, "clip": 0.1},
    {"adam": 0.01},
    {"adam": 0.01, "clip": 0.05},
    {"sgd": 0.1, "relu": True, "clip": 1},
]


def trained_losses(net, start, settings, training, updates, lengths=(48,), seed=0):
    """All networks' losses by update, (updates, networks)."""
    rng, look = np.random.default_rng(seed), lambda k: True
    steps = experiments.train(
        net, start, settings, training, rng, updates, look, lengths
    )
    (first, nothing), *after = steps
    assert (first, nothing) == (0, None)
    assert [k for k, _ in after] == list(range(1, updates + 1))
    return np.array([loss for _, loss in after])


def test_each_network_of_a_stack_is_trained_as_if_alone_in_numpy(python_engine):
    relus = tuple(setting.get("relu", False) for setting in SETTINGS)
    net = experiments.compiled("elman", 3, relus)
    start = [random_elman(seed) for seed in range(len(SETTINGS))]
    training = some_strings(4)
    losses = trained_losses(net, start, SETTINGS, training, 8, seed=1)
    rng = np.random.default_rng(1)
    drawn = [training[rng.integers(4)] for _ in range(8)]
    for i, (setting, params) in enumerate(
        zip(SETTINGS, experiments.unstacked(net.trainer.now()), strict=True)
    ):
        expected, p = train_by_numpy(start[i], setting, drawn)
        np.testing.assert_allclose(losses[:, i], expected, 1e-9, err_msg=str(setting))
        for name, got, value in zip(Elman._fields, params, p, strict=True):
            np.testing.assert_allclose(got, value, atol=1e-9, err_msg=name)


def test_padding_changes_nothing(python_engine):
    net, trained = experiments.compiled("elman", 3, (False,)), []
    for length in (None, 16, 48):
        net.trainer.reset(experiments.stacked([random_elman(0)]))
        net.rates["sgd"].set_value(np.full((1, 1, 1), 0.2))
        some = [EMBEDDED.batch([string], length) for string in some_strings(3)]
        trained.append(([net.trainer.step(*one) for one in some], net.trainer.now()))
    for losses, params in trained[1:]:
        np.testing.assert_allclose(losses, trained[0][0], rtol=1e-12)
        for a, b in zip(params, trained[0][1], strict=True):
            np.testing.assert_allclose(a, b, atol=1e-12)


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("cell", "initial"), [("lstm", initial_lstm), ("gru", initial_gru)]
)
def test_gated_cells_side_by_side_are_trained_as_if_alone(python_engine, cell, initial):
    start = [initial(7, 3, 7, np.random.default_rng(seed)) for seed in (0, 1)]
    settings, training = [{"sgd": 0.2}, {"sgd": 0.5}], some_strings(3)
    net = experiments.compiled(cell, 3, (False, False))
    trained_losses(net, start, settings, training, 4)
    params, lr = shared(start[0]), pt.scalar("lr")
    x, y = pt.matrix("x"), pt.matrix("y")
    o = readout(experiments.states(x, params), params)
    loss = (pt.softplus(o) - y * o).mean()
    slopes = pt.grad(loss, list(params))
    updates = [(p, p - lr * d) for p, d in zip(params, slopes, strict=True)]
    alone = pytensor.function([x, y, lr], updates=updates)
    for values, setting, got in zip(
        start, settings, experiments.unstacked(net.trainer.now()), strict=True
    ):
        for p, value in zip(params, values, strict=True):
            p.set_value(value)
        rng = np.random.default_rng(0)
        for _ in range(4):
            some = EMBEDDED.batch([training[rng.integers(3)]])
            alone(some.x[:, 0], some.y[:, 0], setting["sgd"])
        for name, a, p in zip(params._fields, got, params, strict=True):
            np.testing.assert_allclose(a, p.get_value(), atol=1e-12, err_msg=name)


@pytest.mark.nightly
def test_jax_compiles_for_each_length_and_gives_the_same(capsys):
    if why := engine.why_not("jax"):
        pytest.skip(why)
    training, outcomes = some_strings(8, 12), []
    assert {len(string) - 1 > 16 for string in training} == {False, True}
    for name in ("python", "jax"):
        engine.select(name)
        net = experiments.compiled.__wrapped__("elman", 3, (False, True))
        start = [random_elman(0), random_elman(1)]
        settings = [{"adam": 0.01}, {"sgd": 0.1, "clip": 1}]
        outcomes.append(trained_losses(net, start, settings, training, 8, (16, 24)))
    np.testing.assert_allclose(*outcomes, rtol=1e-10)


def test_a_training_does_not_depend_on_what_was_trained_before(python_engine):
    def losses(seed, updates):
        net, start = experiments.compiled("elman", 3, (False,)), [random_elman(seed)]
        settings, some = [{"adam": 0.01}], some_strings(3)
        return trained_losses(net, start, settings, some, updates, seed=seed)

    first = losses(0, 5)
    losses(1, 3)
    np.testing.assert_array_equal(losses(0, 5), first)


# Several seeds side by side ----------------------------------------------------------


def momentum_step(p, way, setting, velocity):
    share = setting.get("momentum", 0)
    velocity = [share * v + d for v, d in zip(velocity, way, strict=True)]
    moved = (a - setting["sgd"] * v for a, v in zip(p, velocity, strict=True))
    return Elman(*moved), velocity


@pytest.mark.parametrize("setting", [{"sgd": 0.2}, {"sgd": 0.05, "momentum": 0.9}])
def test_each_network_has_its_string_and_momentum(python_engine, setting):
    net = experiments.compiled_apart("elman", 3, (False, False))
    start, some = [random_elman(0), random_elman(1)], some_strings(6)
    net.trainer.reset(experiments.stacked(start))
    settings = setting, setting | {"sgd": 2 * setting["sgd"]}
    experiments._set_rates(net, settings)
    pairs = [some[:2], some[2:4], some[4:]]
    for pair in pairs:
        x, y, mask = EMBEDDED.batch(pair)
        net.trainer.step(x[:, :, None], y, mask)
    for i, got in enumerate(experiments.unstacked(net.trainer.now())):
        p, velocity = start[i], [0 * value for value in start[i]]
        for pair in pairs:
            way = loss_and_gradient(pair[i], p, relu=False)[1]
            p, velocity = momentum_step(p, way, settings[i], velocity)
        for name, a, b in zip(Elman._fields, got, p, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-9, err_msg=name)


def test_every_network_reads_the_string_of_its_seed():
    training = [some_strings(3, seed=seed) for seed in (0, 1)]
    rngs = [np.random.default_rng(seed) for seed in (4, 5)]
    drawn = experiments._drawn(training, rngs, [0, 0, 1])
    again = [np.random.default_rng(seed) for seed in (4, 5)]
    for _ in range(5):
        x, y, mask = next(drawn)
        read = [
            some[rng.integers(3)] for some, rng in zip(training, again, strict=True)
        ]
        wanted = EMBEDDED.batch([read[0], read[0], read[1]])
        np.testing.assert_array_equal(x[:, :, 0], wanted.x)
        np.testing.assert_array_equal(y, wanted.y)
        np.testing.assert_array_equal(mask, wanted.mask)


APART = {
    "cell": "lstm",
    "units": 3,
    "least": 5,
    "longest": 12,
    "strings": 8,
    "updates": 60,
    "every": 30,
    "moments": 60,
    "watch": 10,
    "test": 20,
    "strict": 4,
}
ADAM = {"init": "uniform", "adam": 0.01}


@pytest.mark.nightly
def test_a_seed_among_others_is_as_if_alone(python_engine):
    parameters = APART | {"settings": {"A": ADAM}, "opened": 6}
    both = experiments.side_by_side((0, 1), parameters)
    (alone,) = experiments.side_by_side((1,), parameters)
    metrics = both[1]["metrics"]
    assert metrics == alone["metrics"]
    assert metrics["ever"]["A"] == metrics["found"]["A"] == 0
    assert 0 <= metrics["share unseen"]["A"] <= 1
    np.testing.assert_allclose(both[1]["trace"]["A"], alone["trace"]["A"], rtol=1e-9)
    curves = both[0]["curves"]
    assert len(curves["looks"]["A"]) == 2  # at the start and at the end
    assert curves["carriers"]["carries"].shape == (8, 3)


@pytest.mark.nightly
def test_trials_go_through_the_settings_with_the_same_first_weights(python_engine):
    trials = [ADAM, ADAM | {"adam": 0.0}]
    parameters = APART | {"trials": trials, "first": 7}
    each = experiments.side_by_side((0, 1, 2), parameters | {"updates": 50})
    losses = [result["trace"]["trial"] for result in each]
    assert losses[0] != losses[1]
    assert losses[0] != losses[2]
    plain = APART | {"settings": {"trial": ADAM}, "updates": 50}
    (same,) = experiments.side_by_side((7,), plain)
    np.testing.assert_allclose(losses[0], same["trace"]["trial"], rtol=1e-9)


class Searched:
    """A search of four trials in two rounds, of which three rank differently."""

    parameters: ClassVar = {"trials": ["never", "late", "soon", "often"]}

    def metric(self, key):
        return {
            "right.trial": np.array([0.9, 1, 1, 1, 0.5, 0.5, 0.5, 0.99]),
            # At the last of these a look had found what the end did not keep.
            "found.trial": np.array([0, 400, 300, 900, 0, 0, 100, 800]),
        }[key]


def test_a_search_ranks_by_solutions_and_then_by_how_soon():
    ranked = experiments.in_order(Searched())
    assert [trial for trial, *_ in ranked] == ["often", "soon", "late", "never"]
    assert ranked[1][2].tolist() == [300, np.inf]


@pytest.mark.parametrize("name", experiments.FOUND)
def test_the_finals_are_what_came_first_in_the_search(name):
    search = results.load(f"embedded-reber-search-{name}")
    first_two = [trial for trial, *_ in experiments.in_order(search)[:2]]
    assert list(experiments.FINALS[name]["settings"].values()) == first_two


def test_all_right_wants_every_legal_symbol_above_all_others(monkeypatch):
    some = EMBEDDED.batch(some_strings(3))
    o = np.where(some.y == 1, 0.2, 0.1)
    monkeypatch.setattr(experiments, "outputs", lambda *arguments: o)
    assert experiments.all_right(some, None, {}).tolist() == [True] * 3
    t = int(some.mask[:, 1].sum()) - 1
    o[t, 1, some.y[t, 1] == 0] = 0.3
    o[-1, some.mask[-1] == 0] = -9  # padded steps do not count
    assert experiments.all_right(some, None, {}).tolist() == [True, False, True]


def holding_lstm(units=3, cell=1):
    """Cell `cell` is written by the second symbol and held; the others see nothing."""
    p = random_cell(LSTM, 0, 7, units, 7)
    p = LSTM(*(0 * value for value in p))
    W_ih, b_h, W_ho = p.W_ih.copy(), p.b_h.copy(), p.W_ho.copy()
    b_h.reshape(4, units)[0] = -50  # input gates shut
    b_h.reshape(4, units)[1] = 50  # forget gates open
    b_h.reshape(4, units)[2] = 50  # and output gates
    W_ih[[T, P], cell] = 100
    W_ih[T, 3 * units + cell], W_ih[P, 3 * units + cell] = 50, -50
    W_ho[cell, T], W_ho[cell, P] = 1, -1
    return p._replace(W_ih=W_ih, b_h=b_h, W_ho=W_ho)


def test_the_cell_that_carries_the_symbol_is_found():
    p = holding_lstm()
    shares, lowest = experiments.carriers(["BXXE", "BVVE"], p)  # no T, no P within
    assert shares.shape == lowest.shape == (6, 3)
    np.testing.assert_allclose(shares[0], 0, atol=1e-9)  # not read yet
    np.testing.assert_allclose(shares[1:, 1], 1, atol=1e-9)
    np.testing.assert_allclose(shares[1:, [0, 2]], 0, atol=1e-9)
    np.testing.assert_allclose(lowest, 1, atol=1e-9)


def test_what_is_watched_makes_the_cells():
    p = random_cell(LSTM, 1, 7, 4, 7)
    x = EMBEDDED.batch(some_strings(3)).x
    seen = experiments.watched(x, p)
    c_before = np.concatenate([np.broadcast_to(p.c0, seen.c[:1].shape), seen.c[:-1]])
    h_before = np.concatenate([np.broadcast_to(p.h0, seen.h[:1].shape), seen.h[:-1]])
    g = np.tanh((x @ p.W_ih + h_before @ p.W_hh + p.b_h)[..., -4:])
    np.testing.assert_allclose(seen.c, seen.f * c_before + seen.i * g, atol=1e-12)


# What reaches the second symbol ---------------------------------------------------


@pytest.mark.parametrize("relu", [False, True])
def test_reach_is_the_backpropagation_of_chapter_4(python_engine, relu):
    g, slope = (experiments.relu, relu_slope) if relu else (np.tanh, tanh_slope)
    some = some_strings(4)
    asked, p = experiments.questions(some), random_elman(2)
    got = experiments.reach(asked, p, {"relu": relu})
    for i, string in enumerate(some):
        x = EMBEDDED.batch([string]).x[:, 0]
        h = hidden_states_numpy(x, p, g)
        d_o = np.zeros((len(x), 7))
        d_o[len(string) - 3, [T, P]] = 0.5, -0.5
        d_h = state_errors(h, d_o, p, slope)[1]
        expected = np.linalg.norm((d_h * slope(h[1])) @ p.W_ih.T)
        assert got[i] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("initial", [initial_elman, initial_lstm, initial_gru])
def test_reach_is_what_central_differences_find(python_engine, initial):
    p = initial(7, 4, 7, np.random.default_rng(0))
    asked = experiments.questions(some_strings(3))
    some = np.arange(3)

    def half_difference(symbol, i, by):
        x = asked.examples.x.copy()
        x[1, i, symbol] += by
        o = readout(experiments.states_numpy(x, p), p)[asked.place, some]
        return (o[i, T] - o[i, P]) / 2

    for i, got in enumerate(experiments.reach(asked, p, {})):
        slopes = [
            (half_difference(j, i, 1e-5) - half_difference(j, i, -1e-5)) / 2e-5
            for j in range(7)
        ]
        assert got == pytest.approx(np.linalg.norm(slopes), rel=1e-4, abs=1e-9)


# Whole experiments ------------------------------------------------------------------

TINY = {
    "units": 3,
    "strings": 5,
    "budget": 6,
    "every": 2,
    "watch": 20,
    "test": 30,
    "lengths": [5, 7],
    "probes": 3,
    "marks": [0, 6],
    "moments": [0, 4, 6],
    "positions": {"5": 6},
    "updates": {"5": 6, "10": 8},
}


@pytest.mark.parametrize("cell", ["elman", "gru"])
def test_the_sweep_measures_each_setting_at_each_lag(python_engine, monkeypatch, cell):
    monkeypatch.setattr(trainer, "traced", lambda k: k in (2, 4))
    parameters = TINY | {
        "cell": cell,
        "settings": {"A": UNIT | {"sgd": 0.2}, "B": UNIT | {"adam": 0.01}},
        "watched": ["A"],
        "mapped": ["B"],
    }
    result = experiments.sweep(0, parameters, None)
    metrics, curves = result["metrics"], result["curves"]
    for key in ("right", "ever", "loss"):
        assert metrics[key].keys() == {"5", "10"}
        assert metrics[key]["5"].keys() == {"A", "B"}
    assert metrics["longer"].keys() == {"10"}
    assert set(metrics["ever"]["5"].values()) <= {0, 1}
    assert result["trace"].keys() == {"5 A", "5 B", "10 A", "10 B"}
    for least in ("5", "10"):
        assert len(curves[least]["looks"]["A"]) == 3
        assert np.shape(curves[least]["reach"]["A"]) == (2, 2)
        assert curves[least]["reach"].keys() == {"A"}
        assert np.shape(curves[least]["by length"]["B"]) == (2,)
        assert ("A" in curves[least]["singular"]) == (cell == "elman")
    assert np.shape(curves["5"]["positions"]["B"]) == (3, 9)
    assert not curves["10"]["positions"]
    short = experiments.sweep(0, parameters, 5)
    for name, losses in short["trace"].items():
        assert len(losses) == 2
        np.testing.assert_allclose(losses, result["trace"][name], rtol=1e-9)


def test_a_solution_found_on_the_way_is_confirmed_on_other_strings(monkeypatch):
    parameters = TINY | {"settings": {"A": {}}, "watched": [], "mapped": []}
    looks = experiments.Looks(0, parameters, 5, ["A"])
    shares = {id(looks.watch): [0.5, 1, 1, 0.5], id(looks.test): [0.9, 1]}

    def share_right(asked, params, setting):
        return shares.get(id(asked), [0.5]).pop(0)

    monkeypatch.setattr(experiments, "share_right", share_right)
    seen = []
    for k in (2, 4, 5, 7):
        looks.at(k, [None], last=False)
        seen.append(looks.ever["A"])
    # right on the 20 watched strings only; then on the others too; then for good
    assert seen == [0, 0, 1, 1]


# The networks that the chapter loads --------------------------------------------------


def test_a_shipped_network_is_judged_on_strings_it_has_not_seen(python_engine):
    parameters = TINY | {"cell": "elman", "settings": {"A": UNIT}}
    params, made = experiments.shipped(parameters, "A", 3)
    start = initial_elman(7, 3, 7, np.random.default_rng([0, 0]))
    for value, first in zip(params, start, strict=True):
        np.testing.assert_array_equal(value, first)  # no rate, no training
    assert 0.4 < made["right_of_1000_fresh_strings"] < 0.6


@pytest.mark.parametrize("name", experiments.SHIPPED)
def test_the_shipped_networks_do_what_their_files_say(name):
    parameters, setting = experiments.SHIPPED[name]
    kind = {"elman": Elman, "lstm": LSTM, "gru": GRU}[parameters["cell"]]
    params = trained.load(name, kind)
    made = files.read_json(trained.FOLDER / f"{name}.json")
    assert made["setting"] == parameters["settings"][setting]
    assert params.h0.shape == (parameters["units"],)
    strings = experiments.strings(1000, 10, np.random.default_rng([0, 4]))
    share = experiments.share_right(
        experiments.questions(strings), params, made["setting"]
    )
    assert share == made["right_of_1000_fresh_strings"]
    if setting == "SGD":  # the failure that the chapter explains
        assert share < experiments.CHANCE
    else:
        assert share >= experiments.SOLVED
