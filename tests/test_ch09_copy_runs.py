"""The parts of chapter 9's copying that a wrong number could hide in."""

from collections import namedtuple

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from test_optimisers import adam_step

from helpers.experiments import ch09_copy_runs as experiments
from helpers.experiments.ch09_copy_runs import Size
from helpers.networks.recurrences import network
from helpers.results import records
from helpers.tasks.copying import K, examples, share_right

KINDS = tuple(experiments.SIZES)
SMALL = {"elman": Size(1, 4), "lstm": Size(1, 3)}
SMALL |= {"mingru": Size(2, 3), "attention": Size(2, 4)}


@pytest.fixture
def small(monkeypatch, python_engine):
    """Networks of a few units on the Python engine; no test here compiles others."""
    monkeypatch.setattr(experiments, "SIZES", SMALL)


# Sizes and memory -----------------------------------------------------------------


def test_the_networks_are_of_about_one_size():
    weights = {
        kind: sum(a.size for a in experiments.start(0, kind).values()) for kind in KINDS
    }
    assert weights == {"elman": 5320, "lstm": 5704, "mingru": 5408, "attention": 5858}


def test_a_state_is_the_same_at_every_step_and_attention_keeps_all_steps():
    kept = {k: [experiments.remembered(k, t) for t in (1, 2, 40)] for k in KINDS}
    assert kept == {
        "elman": [64, 64, 64],
        "lstm": [64, 64, 64],  # the state and the cell
        "mingru": [90, 90, 90],
        "attention": [104, 208, 4160],  # a key and a value in each of two layers
    }


# The search -------------------------------------------------------------------------


def searched(shares, found):
    """A record of a search over three rates, by rate what became of two seeds."""
    settings = {f"lstm {rate}": {"kind": "lstm", "rate": rate} for rate in (1, 2, 3)}
    runs = [
        {
            "metrics": {
                "right": {k: s[i] for k, s in zip(settings, shares, strict=True)},
                "found": {k: f[i] for k, f in zip(settings, found, strict=True)},
            }
        }
        for i in (0, 1)
    ]
    return records.Results("a", {"settings": settings}, (0, 1), tuple(runs), {})


@pytest.mark.parametrize(
    ("shares", "found", "best"),
    [
        ([(1, 0.5), (1, 1), (1, 0.9)], [(100, 0), (900, 900), (100, 0)], 2),  # more
        ([(1, 1), (1, 1), (1, 1)], [(300, 300), (300, 500), (200, 300)], 3),  # sooner
        ([(1, 0.6), (1, 0.5), (1, 0.4)], [(100, 0), (100, 0), (100, 0)], 1),
        ([(0.4, 0.4), (0.5, 0.6), (0.7, 0.3)], [(0, 0), (0, 0), (0, 0)], 2),  # none
    ],
)
def test_the_best_rate_solves_most_then_soonest_then_nearly(shares, found, best):
    assert experiments.best_rate(searched(shares, found), "lstm") == best


@pytest.mark.parametrize("kind", KINDS)
def test_the_rates_are_those_that_the_search_found_inside_its_grid(kind):
    found = experiments.best_rate(records.load("beyond-copy-rates"), kind)
    assert experiments.RATES[kind] == found
    assert found in experiments.GRID[1:-1]


def test_the_seeds_of_the_search_are_its_own():
    assert experiments.SEARCH["first"] >= 20
    others = [*experiments.LEARNED.values(), experiments.UNMET]
    assert not any("first" in parameters for parameters in others)


# Networks side by side ---------------------------------------------------------------


def test_stacking_is_undone_by_unstacking():
    values = [experiments.start(seed, "lstm") for seed in (0, 1, 2)]
    back = experiments.unstacked(experiments.stacked(values))
    for one, other in zip(values, back, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


def drawn(seeds, n, setting, updates):
    rngs = [np.random.default_rng([seed, 1]) for seed in seeds]
    batches = experiments._drawn(rngs, n, setting)
    return [next(batches) for _ in range(updates)]


def alone(kind, values, setting, batches, clip):
    """Trained by itself, Adam and the cut in NumPy: the losses and the parameters."""
    names = list(values)
    symbolic = {name: pt.as_tensor(values[name]).type(name) for name in names}
    T = 2 * setting["n"]
    x, y = pt.tensor3("x", shape=(T, None, K + 1)), pt.tensor3("y", shape=(T, None, K))
    o = network(kind, SMALL[kind].layers, x, symbolic)
    p_right = (pt.special.softmax(o, axis=-1) * y).sum(axis=-1)
    asked = y.sum(axis=-1)
    loss = -(asked * pt.log(p_right + 1 - asked)).sum() / asked.sum()
    slopes = pt.grad(loss, list(symbolic.values()))
    f = pytensor.function([x, y, *symbolic.values()], [loss, *slopes])
    p, losses = namedtuple("Values", names, rename=True)(*values.values()), []
    m = v = p._make(np.zeros_like(a) for a in p)
    for t, (x_t, y_t) in enumerate(batches, start=1):
        loss_t, *d = f(x_t, y_t, *p)
        norm = np.sqrt(sum((a**2).sum() for a in d))
        assert norm > clip  # the cut is tried
        way, m, v = adam_step(p._make(a * clip / norm for a in d), m, v, t)
        p = p._make(a - setting["rate"] * b for a, b in zip(p, way, strict=True))
        losses.append(loss_t)
    return losses, dict(zip(names, p, strict=True))


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(k, marks=() if k == "attention" else pytest.mark.nightly)
        for k in KINDS
    ],
)
def test_each_network_of_a_stack_is_trained_as_if_alone(small, kind):
    setting = {"kind": kind, "n": 3, "shortest": 2, "rate": 0.01}
    batches = drawn((4, 5), 6, setting, 5)
    net = experiments.compiled(kind, 2, 3, 6, 0.05)
    start = [experiments.start(seed, kind) for seed in (4, 5)]
    net.trainer.reset(experiments.stacked(start).values())
    net.rate.set_value(0.01)
    losses = np.array([net.trainer.step(*batch) for batch in batches])
    for i, params in enumerate(experiments.unstacked(net.now())):
        own = [(x[:, i], y[:, i]) for x, y in batches]
        expected, p = alone(kind, start[i], setting, own, 0.05)
        np.testing.assert_allclose(losses[:, i], expected, rtol=1e-10)
        for name in p:
            np.testing.assert_allclose(params[name], p[name], atol=1e-10, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_said_at_a_step_is_not_moved_by_what_is_heard_later(small, kind):
    params = experiments.stacked([experiments.start(seed, kind) for seed in (0, 1)])
    rng = np.random.default_rng(0)
    x, _ = examples(rng.integers(K, size=(3, 2, 5)))
    o = experiments.outputs(kind, x, params)
    for t in range(1, 6):
        other = x.copy()
        other[t:] = rng.permuted(x[t:], axis=-1)
        moved = experiments.outputs(kind, other, params) != o
        assert not moved[:t].any()
        assert moved[t].any()


def test_an_untrained_network_is_right_by_chance(small):
    params = experiments.stacked([experiments.start(seed, "elman") for seed in (0, 1)])
    x, y = examples(np.random.default_rng(0).integers(K, size=(3, 2, 3000)))
    o = experiments.outputs("elman", x, params)
    assert share_right(o, y) == pytest.approx(1 / K, abs=0.01)


def test_the_sequences_of_a_seed_are_its_own_whoever_stands_beside_it():
    setting = {"n": 4, "shortest": 1}
    both, one = drawn((3, 8), 6, setting, 2), drawn((8,), 6, setting, 2)
    for (x, y), (x_alone, y_alone) in zip(both, one, strict=True):
        np.testing.assert_array_equal(x[:, 1], x_alone[:, 0])
        np.testing.assert_array_equal(y[:, 1], y_alone[:, 0])
    asked = np.concatenate([y.any(axis=-1).sum(axis=0) for _, y in both])
    assert {*asked.flat} == {1, 2, 3, 4}


# How much of the state is needed ----------------------------------------------------


def test_one_bit_is_a_sign_and_more_bits_are_closer():
    a = np.random.default_rng(0).normal(size=(200, 3)) * [1, 5, 0.1]
    reach = np.abs(a).max(axis=0)
    np.testing.assert_allclose(experiments.rounded(a, 1), np.sign(a) * reach / 2)
    for bits in (2, 3, 8):
        near = experiments.rounded(a, bits)
        assert len(np.unique(near[:, 0])) <= 2**bits
        assert np.all(np.abs(near - a) <= reach / 2**bits * (1 + 1e-12))


@pytest.mark.parametrize("kind", ["elman", "lstm"])
def test_a_state_that_is_not_rounded_is_that_of_the_network(small, kind):
    rng = np.random.default_rng(1)
    values = {
        k: rng.normal(size=a.shape) for k, a in experiments.start(0, kind).items()
    }
    symbols = rng.integers(K, size=(3, 60))
    x, y = examples(symbols)
    o = experiments.outputs(kind, x[:, None], experiments.stacked([values]))[:, 0]
    whole = share_right(o, y)
    assert experiments.coarse(kind, values, symbols, None) == whole
    assert experiments.coarse(kind, values, symbols, 40) == whole


def latch():
    """An Elman network of 3 units that holds one symbol as three signs until GO."""
    code = np.array([[1 - 2 * (s >> b & 1) for b in range(3)] for s in range(K)])
    return {
        "1.W_ih": np.vstack([3.0 * code, np.zeros((1, 3))]),
        "1.W_hh": 3.0 * np.eye(3),
        "1.b_h": np.zeros(3),
        "1.h0": np.zeros(3),
        "W_ho": code.T.astype(float),
        "b_o": np.zeros(K),
    }


def test_three_signs_are_enough_for_one_symbol_of_eight():
    symbols = np.arange(K)[None]
    assert experiments.coarse("elman", latch(), symbols, 1) == 1
    gone = latch() | {"1.W_hh": np.zeros((3, 3))}
    assert experiments.coarse("elman", gone, symbols, 1) == 1 / K


def run(found, looks):
    metrics = {"found": {"3": found}, "right": {"3": looks[-1]}}
    return {"metrics": metrics, "curves": {"looks": {"3": looks}}}


def test_who_looks_as_far_back_as_before_says_what_comes_later():
    """Of 5 symbols, with 3 as the longest copy before: the first 3 answers."""
    symbols = np.random.default_rng(0).integers(K, size=(5, 2, 40))
    T = 2 * len(symbols)
    right, late = (np.zeros((T, *symbols.shape[1:], K)) for _ in range(2))
    for i in range(5):
        np.put_along_axis(right[5 + i], symbols[i][..., None], 1, axis=-1)
        np.put_along_axis(late[5 + i], symbols[min(i + 2, 4)][..., None], 1, axis=-1)
    late[:, 1] = right[:, 1]  # the second network
    found = experiments.as_far_back(late, symbols, 3)
    assert found[0] == 1
    by_chance = experiments.as_far_back(right, symbols, 3)
    assert (np.abs(by_chance - 1 / K) < 0.1).all()
    assert found[1] == by_chance[1]


def test_what_was_solved_and_right_within_a_budget():
    runs = run(200, [0.1, 0.5, 1.0]), run(0, [0.1, 0.2, 0.3, 0.4]), run(100, [0.1, 1.0])
    record = records.Results("a", {"every": 100}, (0, 1, 2), runs, {})
    within = experiments.solved_within(record, "3", 199)
    assert within.tolist() == [False, False, True]
    assert experiments.solved_within(record, "3", 200).tolist() == [True, False, True]
    assert experiments.right_at(record, "3", 200).tolist() == [1.0, 0.3, 1.0]
    assert experiments.right_at(record, "3", 100).tolist() == [0.5, 0.2, 1.0]


# What is measured -------------------------------------------------------------------

TINY = {
    "batch": 4,
    "clip": 1.0,
    "every": 2,
    "test": 10,
    "settings": {
        "3": {"kind": "elman", "n": 3, "rate": 0.01, "updates": 5, "bits": [1, 8]},
        "mixed": {
            "kind": "mingru",
            **{"shortest": 1, "n": 2, "tested": 3, "back": True},
            **{"rate": 0.01, "updates": 4},
        },
    },
}


def test_a_seed_does_not_depend_on_those_beside_it(small):
    both, one = experiments.copies((0, 1), TINY), experiments.copies((1,), TINY)
    for key in ("metrics", "curves"):
        assert both[1][key].keys() == one[0][key].keys()
        for name, values in one[0][key].items():
            for setting, value in values.items():
                np.testing.assert_allclose(both[1][key][name][setting], value)
    assert len(both[0]["curves"]["looks"]["3"]) == 4  # updates 0, 2, 4 and 5
    assert len(both[0]["curves"]["lengths"]["mixed"]) == 3
    assert len(both[0]["curves"]["back"]["mixed"]) == 1
    assert both[0]["metrics"]["found"] == {"3": 0, "mixed": 0}


def test_a_network_is_measured_when_it_has_solved_the_task_and_training_then_ends(
    small, monkeypatch
):
    """Network 0 is right from the look at update 2 on, network 1 from that at 4."""
    looks = []

    def outputs(kind, x, params):
        looks.append(params)
        y = Watch.test.y
        o = np.zeros_like(y)
        for i, first in enumerate((1, 2)):
            if len(looks) > first:
                o[:, i] = y[:, i]
        return o

    class Watch(experiments.Watch):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            Watch.test = self.test

    monkeypatch.setattr(experiments, "outputs", outputs)
    monkeypatch.setattr(experiments, "Watch", Watch)
    setting = TINY["settings"]["3"] | {"updates": 50}
    first, second = experiments.copies((0, 1), TINY | {"settings": {"a": setting}})
    assert first["metrics"] == {"found": {"a": 2}, "right": {"a": 1.0}}
    assert second["metrics"] == {"found": {"a": 4}, "right": {"a": 1.0}}
    assert len(first["curves"]["looks"]["a"]) == 2
    assert len(second["curves"]["looks"]["a"]) == 3
    assert len(looks) == 3  # at updates 0, 2 and 4, not at 50


def test_a_short_run_looks_at_nothing_and_gives_the_losses(small, monkeypatch):
    monkeypatch.setattr(experiments, "outputs", None)
    settings = {"3": TINY["settings"]["3"]}
    (result,) = experiments.copies((0,), TINY | {"settings": settings}, 100)
    assert len(result["trace"]["3"]) == 2
    assert result["trace"]["3"][0] == pytest.approx(np.log(K), rel=0.2)
