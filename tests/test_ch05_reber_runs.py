"""The parts of chapter 5's experiments that a wrong number could hide in."""

import io
import json
import re
import zipfile
from collections import Counter, defaultdict
from typing import NamedTuple

import numpy as np
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.vq import kmeans2
from scipy.optimize import least_squares
from scipy.special import expit, softmax
from test_cells import random_cell
from test_written_out import functions

from helpers import engine
from helpers.experiments import ch05_reber_runs as experiments
from helpers.experiments.ch05_reber_runs import SOURCE
from helpers.networks import elman, fixed_points, trained
from helpers.networks.bptt import bptt
from helpers.networks.elman import Elman, hidden_states_numpy, readout
from helpers.results import records
from helpers.tasks.reber import REBER, SYMBOLS, Grammar, encode

SMALL = {"hidden": 3, "test": 20, "every": 1000}
SETTING = SOURCE | {"epochs": [1]}
SOFTMAX = SETTING | {"outputs": "softmax", "targets": "next", "scale": 1}


@pytest.fixture
def short_epochs(python_engine, monkeypatch):
    monkeypatch.setattr(experiments, "EPOCH", 20)


def strings(n, seed=0, grammar=REBER):
    return experiments.draw(grammar, n, np.random.default_rng(seed))


def random_elman(seed):
    return random_cell(Elman, seed, 7, 4, 7)


# Losses and weights --------------------------------------------------------------


@pytest.mark.parametrize("outputs", ["sigmoid", "softmax"])
def test_the_losses_are_the_textbook_ones(outputs):
    rng = np.random.default_rng(0)
    o = rng.normal(0, 2, (5, 3, 7))
    p = expit(o) if outputs == "sigmoid" else np.exp(o) / np.exp(o).sum(-1)[..., None]
    y = rng.integers(0, 2, o.shape).astype(float)
    expected = -(y * np.log(p)).sum(axis=-1)
    if outputs == "sigmoid":
        expected -= ((1 - y) * np.log(1 - p)).sum(axis=-1)
    got = experiments.cross_entropy_numpy(o, y, outputs)
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    graph = experiments.cross_entropy(pt.constant(o), pt.constant(y), outputs)
    np.testing.assert_allclose(graph.eval(mode="FAST_COMPILE"), got, rtol=1e-12)


@pytest.mark.parametrize("outputs", ["sigmoid", "softmax"])
def test_the_losses_stand_large_logits(outputs):
    o, y = np.array([[800.0, -800, 0, 0, 0, 0, 0]]), np.eye(7)[:1]
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        loss = experiments.cross_entropy_numpy(o, y, outputs)
    expected = 5 * np.log(2) if outputs == "sigmoid" else 0.0
    np.testing.assert_allclose(loss, expected, atol=1e-12)


def test_weights_make_each_string_or_each_prediction_count_the_same():
    made = strings(50)
    counts = np.array([len(string) - 1 for string in made])
    by_string = experiments.data(REBER, made, SETTING)
    np.testing.assert_allclose(by_string.w.sum(axis=0), 1 / 7)
    by_prediction = experiments.data(REBER, made, SETTING | {"weight": "prediction"})
    np.testing.assert_allclose(by_prediction.w.sum(axis=0), counts / 7 / 7)
    for w in (by_string.w, by_prediction.w):
        assert ((w > 0) == (np.arange(len(w))[:, None] < counts)).all()


def test_targets_are_what_may_follow_or_what_does():
    made = ["BTXSE", "BPVPXVVE"]
    legal = experiments.data(REBER, made, SETTING)
    shared = experiments.data(REBER, made, SETTING | {"outputs": "softmax"})
    following = experiments.data(REBER, made, SOFTMAX)
    for i, string in enumerate(made):
        t = slice(len(string) - 1)
        np.testing.assert_array_equal(legal.y[t, i], REBER.targets(string))
        np.testing.assert_allclose(shared.y[t, i].sum(axis=1), 1)
        np.testing.assert_array_equal(shared.y[t, i] > 0, legal.y[t, i] > 0)
        np.testing.assert_array_equal(following.y[t, i], encode(string[1:]))
        assert not following.y[len(string) - 1 :, i].any()


# Training --------------------------------------------------------------------------


@pytest.mark.parametrize("chosen", ["python", "jax"])
@pytest.mark.parametrize("setting", [SETTING, SOFTMAX], ids=["sigmoid", "softmax"])
def test_an_update_equals_a_version_in_numpy_padded_or_not(chosen, setting, capsys):
    if why := engine.why_not(chosen):
        pytest.skip(why)
    engine.select(chosen)
    experiments.compiled.cache_clear()
    net = experiments.compiled(setting["outputs"], "sgd", 4)
    p, made = random_elman(0), strings(5)
    data = experiments.data(REBER, made, setting)
    net.reset(p)
    for i, string in enumerate(made):
        n = len(string) - 1
        t = slice(experiments.STEPS if chosen == "jax" else n)
        loss = net.step(data.x[t, i], data.y[t, i], data.w[t, i], 0.3)
        x, y, w = data.x[:n, i], data.y[:n, i], data.w[:n, i]
        h = hidden_states_numpy(x, p)
        o = readout(h, p)
        expected = (w * experiments.cross_entropy_numpy(o, y, setting["outputs"])).sum()
        assert float(loss) == pytest.approx(expected, rel=1e-12)
        said = expit(o) if setting["outputs"] == "sigmoid" else softmax(o, axis=1)
        d = bptt(x, h, w[:, None] * (said - y), p)
        p = Elman(*(value - 0.3 * slope for value, slope in zip(p, d, strict=True)))
    for found, value in zip(net.now(), p, strict=True):
        np.testing.assert_allclose(found, value, atol=1e-12)
    experiments.compiled.cache_clear()


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_a_training_does_not_depend_on_what_was_trained_before(
    python_engine, optimiser
):
    setting = SETTING | {"optimiser": optimiser, "lr": 0.05}
    parameters = SMALL | {"every": 20}
    first = experiments.learn(0, REBER, setting, parameters, 60)
    other = experiments.learn(1, REBER, setting, parameters, 20)
    again = experiments.learn(0, REBER, setting, parameters, 60)
    assert len(first.curve) == 4  # 0, 20, 40, 60
    assert len(first.trace) == 1  # update 50
    assert first.trace == again.trace
    np.testing.assert_array_equal(first.curve, again.curve)
    assert not np.array_equal(first.curve[:2], other.curve)


def test_a_falling_rate_falls_to_zero_over_the_whole_training(python_engine):
    rates = []
    net = experiments.compiled("sigmoid", "sgd", 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(net, "step", lambda x, y, w, lr: rates.append(lr) or 0.0)
        experiments.learn(
            0, REBER, SETTING | {"falls": True, "epochs": [1, 2]}, SMALL, None
        )
        stopped = len(rates)
        experiments.learn(
            0, REBER, SETTING | {"falls": True, "epochs": [1, 2]}, SMALL, 10
        )
    assert stopped == 2000
    np.testing.assert_allclose(rates[:stopped], 0.2 * (1 - np.arange(2000) / 2000))
    assert rates[stopped:] == rates[:10]


def test_the_curve_is_the_loss_of_strings_apart_from_the_training(short_epochs):
    run = experiments.learn(0, REBER, SETTING, SMALL | {"every": 20}, None)
    test = experiments.test_strings(0, REBER, SMALL)
    losses = []
    for string in test:
        o = readout(
            hidden_states_numpy(encode(string[:-1]), run.params[1]), run.params[1]
        )
        y, p = REBER.targets(string), expit(o)
        losses.append(-(y * np.log(p) + (1 - y) * np.log(1 - p)).mean())
    assert run.curve[-1] == pytest.approx(np.mean(losses), rel=1e-10)
    assert test != experiments.draw(REBER, len(test), np.random.default_rng([0, 1]))


# Sampling ---------------------------------------------------------------------------


def speaker(grammar):
    """A network that says exactly the grammar: its units hold the last two symbols.

    Unit a is on where a is the last symbol, unit 7 + a where it was the one before;
    which symbols may follow depends on these two alone. The logits are set by pairs,
    so this is no Elman network of the usual size, but it runs as one.
    """
    big = 20.0
    pairs = {
        (string[t - 1] if t else " ", string[t]): state
        for string in strings(2000, grammar=grammar)
        for t, state in enumerate(grammar.states(string[:-1]))
    }
    n = len(pairs)
    # First 7 units: the last symbol; then a unit a pair, on if both are there.
    W_ih, W_hh = np.zeros((7, 7 + n)), np.zeros((7 + n, 7 + n))
    b_h, W_ho = np.full(7 + n, -big / 2), np.zeros((7 + n, 7))
    W_ih[:, :7] = big * np.eye(7)
    for i, ((before, last), state) in enumerate(pairs.items()):
        W_ih[SYMBOLS.index(last), 7 + i] = 2 * big
        if before == " ":
            b_h[7 + i] = -big
        else:
            W_hh[SYMBOLS.index(before), 7 + i] = big
            b_h[7 + i] = -2 * big
        # tanh is +-1, so a unit that is on adds 2 to what it adds where it is off
        W_ho[7 + i] = np.where(grammar.legal_next[state], big, 0)
    b_o = W_ho.sum(axis=0) - big
    return Elman(W_ih, W_hh, b_h, W_ho, b_o, -np.ones(7 + n))


def test_a_network_that_knows_the_grammar_makes_its_strings():
    made = experiments.sample_strings(speaker(REBER), 20_000, np.random.default_rng(0))
    judged = experiments.judge_strings(made, REBER)
    assert judged["grammatical"] == 1
    assert judged["length"] == pytest.approx(8, abs=0.1)
    assert judged["pairs"] < 0.01
    data = experiments.data(REBER, strings(100), SETTING)
    outputs = experiments.judge_outputs(speaker(REBER), data, REBER, "sigmoid")
    assert outputs == pytest.approx({"stray": 0, "next": 0, "legal": 0}, abs=1e-6)


@pytest.mark.parametrize("outputs", ["sigmoid", "softmax"])
def test_each_symbol_is_drawn_with_its_probability(outputs):
    p = random_elman(1)
    made = experiments.sample_strings(p, 40_000, np.random.default_rng(0), outputs)
    h = hidden_states_numpy(encode("B"), p)
    expected = experiments.PROBABILITIES[outputs](readout(h, p))[0]
    second = [string[1] for string in made]
    shares = [second.count(symbol) / len(made) for symbol in SYMBOLS]
    np.testing.assert_allclose(shares, expected, atol=0.01)
    h = hidden_states_numpy(encode("BT"), p)
    expected = experiments.PROBABILITIES[outputs](readout(h, p))[-1]
    third = [string[2] for string in made if string[1] == "T"]
    shares = [third.count(symbol) / len(third) for symbol in SYMBOLS]
    np.testing.assert_allclose(shares, expected, atol=0.03)


def test_temperature_and_cutoff_change_the_probabilities_as_stated():
    p = random_elman(1)
    h = hidden_states_numpy(encode("B"), p)
    raw = experiments.PROBABILITIES["sigmoid"](readout(h, p))[0]

    def shares(**options):
        rng = np.random.default_rng(0)
        second = [s[1] for s in experiments.sample_strings(p, 20_000, rng, **options)]
        return np.array([second.count(a) for a in SYMBOLS]) / 20_000

    sharp = raw**4 / (raw**4).sum()
    np.testing.assert_allclose(shares(temperature=0.25), sharp, atol=0.015)
    cut = np.where(raw < 0.12, 0, raw)
    assert 0 < (cut == 0).sum() < 7
    np.testing.assert_allclose(shares(cutoff=0.12), cut / cut.sum(), atol=0.015)


def test_strings_end_with_their_first_e_or_are_given_up():
    made = experiments.sample_strings(random_elman(2), 2000, np.random.default_rng(1))
    assert all(re.fullmatch("B[BTPSXV]*E", string) for string in made)
    mute = random_elman(2)._replace(b_o=np.array([0, 0, 0, 0, 0, 0, -50.0]))
    made = experiments.sample_strings(mute, 10, np.random.default_rng(1))
    assert all(len(string) == experiments.PATIENCE for string in made)
    assert experiments.judge_strings(made, REBER)["grammatical"] == 0


def test_pairs_and_distances():
    shares = experiments.pair_shares(["BTXSE", "BT"])
    assert shares.sum() == pytest.approx(1)
    assert shares[SYMBOLS.index("B"), SYMBOLS.index("T")] == pytest.approx(2 / 5)
    assert shares[SYMBOLS.index("S"), SYMBOLS.index("E")] == pytest.approx(1 / 5)
    assert experiments.distance(np.array([1, 0]), np.array([0, 1])) == 1
    assert experiments.distance(np.array([0.5, 0.5]), np.array([0.75, 0.25])) == 0.25


def test_the_distances_of_outputs_tell_the_two_estimates_apart():
    uneven = Grammar("uneven", REBER.transitions, odds={"S": 3, "V": 3})
    data = experiments.data(uneven, strings(300, grammar=uneven), SETTING)
    judged = experiments.judge_outputs(speaker(REBER), data, uneven, "sigmoid")
    assert judged["legal"] == pytest.approx(0, abs=1e-6)
    # A choice of 3/4 against 1/2 is 1/4 away; four of the six states have one.
    assert judged["next"] == pytest.approx(0.17, abs=0.02)


# Reading the automaton back ----------------------------------------------------------


def labelled(made, label):
    """Clusters by a function of (state, symbol before it)."""
    return [
        np.array([label(s, a) for s, a in zip(REBER.states(t[:-1]), t, strict=False)])
        for t in made
    ]


def test_perfect_clusters_give_the_automaton():
    made = strings(300)
    labels = labelled(made, lambda state, symbol: state - 1)
    found = experiments.read_back(labels, made)
    expected = tuple(
        {a: s - 1 for a, s in moves.items()} for moves in REBER.transitions[1:]
    )
    assert found == expected
    names, pure = experiments.most_common_states(
        labels, [REBER.states(t[:-1]) for t in made]
    )
    assert names == [1, 2, 3, 4, 5, 6]
    assert pure == 1
    assert experiments.wrong_transitions(found, names, REBER) == []
    assert experiments.same_language(found, 0, REBER)
    assert len(set(experiments.merged(found))) == 7


def test_a_cluster_for_each_way_in_merges_to_the_automaton():
    made = strings(300)
    keys: dict = {}
    labels = labelled(made, lambda *key: keys.setdefault(key, len(keys)))
    assert len(keys) == 11  # 1, 2, 3, 2, 1 and 2 ways into the six states
    found = experiments.read_back(labels, made)
    assert experiments.same_language(found, labels[0][0], REBER)
    assert len(set(experiments.merged(found))) == 7
    names, _ = experiments.most_common_states(
        labels, [REBER.states(t[:-1]) for t in made]
    )
    for (state, _), cluster in keys.items():
        assert names[cluster] == state
    # Merging puts together the clusters of one state and no others.
    classes = experiments.merged(found)
    assert len({(names[c], classes[c]) for c in range(11)}) == 6


def test_states_thrown_together_are_found_out():
    made = strings(300)
    # States 2 and 4 in one cluster: both let S and X follow.
    labels = labelled(made, lambda state, _: {4: 1, 5: 3, 6: 4}.get(state, state - 1))
    states = [REBER.states(t[:-1]) for t in made]
    found = experiments.read_back(labels, made)
    names, pure = experiments.most_common_states(labels, states)
    assert pure < 0.9
    wrong = experiments.wrong_transitions(found, names, REBER)
    assert wrong
    assert {names[here] for here, _ in wrong} <= {2, 4, 1, 5}
    assert not experiments.same_language(found, 0, REBER)


def test_one_more_or_one_less_transition_is_another_language():
    plain = [{a: s - 1 for a, s in m.items()} for m in REBER.transitions[1:]]
    assert experiments.same_language(plain, 0, REBER)
    for change in ({"B": 0}, {"S": 0}):
        other = [dict(moves) for moves in plain]
        other[1] |= change
        assert not experiments.same_language(other, 0, REBER)
    other = [dict(moves) for moves in plain]
    del other[3]["X"]
    assert not experiments.same_language(other, 0, REBER)


@settings(deadline=None)
@given(st.permutations(range(6)))
def test_reading_back_does_not_depend_on_the_numbers_of_the_clusters(order):
    made = strings(60)
    labels = labelled(made, lambda state, symbol: order[state - 1])
    found = experiments.read_back(labels, made)
    assert experiments.same_language(found, order[0], REBER)
    assert len(set(experiments.merged(found))) == 7


def test_clusters_find_clouds_that_lie_apart():
    rng = np.random.default_rng(0)
    centres = 10 * rng.standard_normal((5, 4))
    cloud = rng.integers(5, size=500)
    h = centres[cloud] + 0.1 * rng.standard_normal((500, 4))
    found = experiments.clusters(h, 5, np.random.default_rng(1))
    assert len(set(zip(cloud.tolist(), found.tolist(), strict=True))) == 5


def test_the_closest_states_are_found():
    h = np.array([[0.0, 0], [9, 9], [2, 0], [9, 8], [5, 5], [5, 5]])
    states = np.array([1, 4, 1, 2, 3, 3])
    assert experiments.closest_states(h, states) == (2, 4)


def test_the_states_of_a_network_that_knows_the_grammar_give_it_back():
    judged = experiments.judge_states(speaker(REBER), strings(200), [2, 19], 0)
    assert judged["19"]["exact"] == 1
    assert judged["19"]["right"] == judged["19"]["pure"] == 1
    assert judged["19"]["classes"] == 6
    assert judged["2"]["exact"] == 0
    assert judged["2"]["right"] < 1


# Small versions of the experiments, to see that each number is where it should be --


TINY = {"hidden": 3, "test": 20, "samples": 50, "every": 20}


@pytest.mark.nightly
def test_learned_judges_each_network_at_each_epoch(short_epochs):
    settings = {
        name: setting | {"epochs": [epoch for epoch in setting["epochs"] if epoch < 11]}
        for name, setting in experiments.LEARNED["settings"].items()
    }
    settings["summed"]["epochs"] = [10, 50]
    parameters = experiments.LEARNED | TINY | {"settings": settings, "clusters": [3]}
    result = experiments.learned(0, parameters)
    metrics = result["metrics"]
    for key in ("before", "source 1", "source 10", "summed 50", "adam 10", "true"):
        assert 0 <= metrics[key]["grammatical"] <= 1
    assert metrics["true"]["grammatical"] == 1
    assert metrics["temperature"]["1"] == {
        key: metrics["source 10"][key] for key in ("grammatical", "length", "pairs")
    }
    assert len(result["curves"]["summed"]) == 51
    assert metrics["source 10"]["clusters"]["3"].keys() == {
        *("pure", "right", "exact", "classes")
    }
    assert sum(result["lengths"]["source 10"]) == 50
    assert len(result["pairs"]["true"]) == 49


@pytest.mark.nightly
def test_outputs_measures_each_setting_on_each_grammar(short_epochs):
    result = experiments.outputs(0, experiments.OUTPUTS | TINY)
    assert len(result["metrics"]) == 10
    assert result["metrics"].keys() == result["trace"].keys()
    metrics = result["metrics"]["uneven softmax next"]
    assert metrics.keys() == {
        *("loss", "grammatical", "length", "pairs", "stray", "next", "legal", "S")
    }
    assert 0 < metrics["S"] < 1
    # On the even grammar the two distances are one.
    even = result["metrics"]["even sigmoid legal"]
    assert even["next"] == pytest.approx(even["legal"])


def test_shares_of_made_strings_are_of_enough_of_them():
    for experiment in experiments.EXPERIMENTS:
        assert experiment.parameters["samples"] >= 1000


# What the chapter writes out --------------------------------------------------------


@pytest.fixture(scope="module")
def chapter():
    written = functions("05_reber.ipynb")
    names = {"SYMBOLS": SYMBOLS, "REBER": REBER, "elman": elman, "encode": encode}
    names |= {"kmeans2": kmeans2, "least_squares": least_squares}
    written.update(names, Counter=Counter, defaultdict=defaultdict)
    return written


def test_the_chapter_samples_as_the_helper(chapter):
    for seed in range(20):
        for temperature in (1.0, 0.5):
            one = chapter["sample"](
                random_elman(seed), np.random.default_rng(seed), temperature
            )
            (many,) = experiments.sample_strings(
                random_elman(seed),
                1,
                np.random.default_rng(seed),
                temperature=temperature,
            )
            assert one == many


def test_the_chapter_reads_back_as_the_helper(chapter):
    made = strings(100)
    h = [hidden_states_numpy(encode(s[:-1]), random_elman(0)) for s in made]
    found, written = (
        cluster(np.concatenate(h), 7, np.random.default_rng(1))
        for cluster in (experiments.clusters, chapter["cluster"])
    )
    np.testing.assert_array_equal(found, written)
    labels = np.split(found, np.cumsum([len(part) for part in h])[:-1])
    assert experiments.read_back(labels, made) == chapter["read_back"](labels, made)


def some_automata():
    """Read back from the grammar's own states, from all ways in, and from chance."""
    made = strings(100)
    rng, keys = np.random.default_rng(0), {}
    yield made, labelled(made, lambda state, symbol: state - 1)
    yield made, labelled(made, lambda *key: keys.setdefault(key, len(keys)))
    for k in (2, 5, 9):
        yield made, [np.append(0, rng.integers(k, size=len(s) - 2)) for s in made]


def test_the_chapter_merges_names_and_compares_as_the_helper(chapter):
    verdicts = set()
    for made, labels in some_automata():
        states = [REBER.states(string[:-1]) for string in made]
        found = experiments.read_back(labels, made)
        assert chapter["merged"](found) == experiments.merged(found)
        first = int(labels[0][0])
        equal = experiments.same_language(found, first, REBER)
        assert chapter["same_language"](found, first, REBER) == equal
        names, _ = experiments.most_common_states(labels, states)
        chapter["states"] = states  # which the cell of the chapter has made
        assert chapter["names_of"](labels) == names
        wrong = experiments.wrong_transitions(found, names, REBER)
        assert chapter["wrong_transitions"](found, names) == wrong
        verdicts.add((equal, not wrong))
    assert verdicts == {(True, True), (False, False)}


def test_the_chapter_says_what_a_loss_by_string_gives_to_s(chapter):
    """By all strings of up to 24 symbols, one by one."""
    for odds in ({}, {"S": 3, "V": 3}):
        grammar = Grammar("uneven", REBER.transitions, odds=odds)
        given = defaultdict(float)  # p / T of the strings that begin so
        walks = [("BT", 2, 1.0)]
        for string, state, p in walks:  # the list grows while we walk through it
            if state == 7:
                for n in range(2, len(string)):
                    given[string[:n]] += p / (len(string) - 1)
            elif len(string) < 24:
                for a, after in REBER.transitions[state].items():
                    p_a = grammar.next_symbol[state, SYMBOLS.index(a)]
                    walks.append((string + a, after, p * p_a))
        read = ["BT" + n * "S" for n in range(8)]
        shares = [given[string + "S"] / given[string] for string in read]
        p_S = grammar.next_symbol[2, SYMBOLS.index("S")]
        expected = np.average(shares, weights=p_S ** np.arange(8))
        assert chapter["given_to_S"](grammar) == pytest.approx(expected, abs=0.01)


def test_the_chapter_searches_for_fixed_points_as_the_helper(chapter):
    params = trained.load("reber", Elman)
    starts = np.random.default_rng(0).uniform(-1, 1, (6, 10))
    for word in ("S", "VPX"):
        for start in starts:
            F, J = chapter["around"](start, word, params)
            expected = fixed_points.run(start, encode(word), params)
            np.testing.assert_allclose(F, expected[0], rtol=1e-13)
            np.testing.assert_allclose(J, expected[1], rtol=1e-10, atol=1e-12)
            (only,) = fixed_points.minima(encode(word), [start], params)
            end = chapter["search"](start, word, params)
            np.testing.assert_allclose(end, only.h, atol=1e-4)


# The trained network that the book ships --------------------------------------------


def test_the_shipped_network_makes_grammatical_strings():
    params = trained.load("reber", Elman)
    assert [value.shape for value in params] == [
        *((7, 10), (10, 10), (10,), (10, 7), (7,), (10,))
    ]
    made = experiments.sample_strings(params, 5000, np.random.default_rng(0))
    assert experiments.judge_strings(made, REBER)["grammatical"] > 0.99


def test_the_shipped_network_is_that_of_the_recorded_experiment():
    said = json.loads((trained.FOLDER / "reber.json").read_text())
    assert said["setting"] == experiments.LEARNED["settings"]["summed"]
    params = trained.load("reber", Elman)
    test = experiments.test_strings(said["seed"], REBER, experiments.LEARNED)
    loss = experiments.test_loss(
        params, experiments.data(REBER, test, said["setting"]), said["setting"]
    )
    curve = records.load("reber-learned").curve("curves.summed")[said["seed"]]
    assert loss == pytest.approx(curve[-1], rel=1e-3)


def saved(folder):
    params = Elman(*(np.arange(3.0) + i for i in range(6)))
    trained.save("net", params, {"command": "none", "seed": 0}, folder)
    return params


def test_what_was_saved_is_loaded(tmp_path):
    params = saved(tmp_path)
    loaded = trained.load("net", Elman, tmp_path)
    assert isinstance(loaded, Elman)
    for a, b in zip(params, loaded, strict=True):
        np.testing.assert_array_equal(a, b)
    first = (tmp_path / "net.npz").read_bytes()
    saved(tmp_path)
    assert (tmp_path / "net.npz").read_bytes() == first


def test_parameters_whose_names_are_no_fields_are_saved_too(tmp_path):
    params = {"1.W": np.eye(2), "2.W": np.zeros(3)}
    trained.save("net", params, {"command": "none"}, tmp_path)
    loaded = trained.load_arrays("net", [["2.W", "1.W"]], tmp_path)
    assert list(loaded) == ["2.W", "1.W"]
    np.testing.assert_array_equal(loaded["1.W"], np.eye(2))
    with pytest.raises(ValueError, match=r"must hold 1.W, got 1.W, 2.W"):
        trained.load_arrays("net", [["1.W"]], tmp_path)


def test_a_missing_file_is_refused_with_advice(tmp_path):
    saved(tmp_path)
    for name in ("net.npz", "net.json"):
        kept = (tmp_path / name).read_bytes()
        (tmp_path / name).unlink()
        with pytest.raises(FileNotFoundError, match=rf"{name} is missing; .* anew"):
            trained.load("net", Elman, tmp_path)
        (tmp_path / name).write_bytes(kept)


def flipped(content):
    """The archive with a bit of its first array changed."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        info = file.infolist()[0]
    at = info.header_offset + 30 + len(info.filename) + 140
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


def file_of(save, *values, **named):
    file = io.BytesIO()
    save(file, *values, **named)
    return file.getvalue()


ZEROS = Elman(*(np.zeros(3) for _ in range(6)))._asdict()
PICKLED = {name: np.array([{"a": 1}], dtype=object) for name in Elman._fields}


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        (
            "net.npz",
            lambda _: file_of(np.savez, **PICKLED),
            "read .*allow_pickle=False",
        ),
        (
            "net.npz",
            lambda _: file_of(np.savez, **ZEROS),
            "is not what net.json describes",
        ),
        ("net.npz", lambda _: file_of(np.save, np.zeros(3)), "cannot be read"),
        ("net.npz", lambda content: content[:500], "cannot be read"),
        ("net.npz", flipped, "cannot be read|is not what"),
        ("net.npz", lambda _: b"", "cannot be read"),
        ("net.json", lambda _: b'{"command"', "cannot be read"),
        ("net.json", lambda _: b'{"sha256": "0"}', "is not what"),
    ],
)
def test_a_damaged_file_is_refused_with_advice(tmp_path, name, damage, message):
    saved(tmp_path)
    path = tmp_path / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=message) as caught:
        trained.load("net", Elman, tmp_path)
    how = "`none` makes it" if name == "net.npz" else "train it"
    assert str(caught.value).endswith(f"{how} anew")


def test_a_network_of_another_kind_is_refused(tmp_path):
    saved(tmp_path)
    said = r"must hold W, got W_ih, W_hh, b_h, W_ho, b_o, h0\); `none` makes it anew"
    with pytest.raises(ValueError, match=said):
        trained.load("net", NamedTuple("Other", [("W", np.ndarray)]), tmp_path)
