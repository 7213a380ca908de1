"""The parts of chapter 9's experiments that a wrong number could hide in."""

from collections import namedtuple
from functools import partial

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from test_optimisers import adam_step

from helpers import engine, results
from helpers.experiments import ch06_embedded_reber_runs as chapter_6
from helpers.experiments import ch09_beyond_runs as experiments
from helpers.experiments import trainer
from helpers.experiments.ch06_embedded_reber_runs import SOLVED, P, T
from helpers.experiments.ch09_beyond_runs import Course
from helpers.networks import trained
from helpers.networks.gated import LSTM, initial_lstm, lstm_step
from helpers.networks.recurrences import (
    LAYERS,
    initial_network,
    mingru_step,
    network,
    rglru_step,
)
from helpers.results import files
from helpers.tasks.reber import EMBEDDED

RATES = (0.01, 0.02)


def some_source(seed=0, least=5):
    return experiments.source(seed, least, strung=6, watch=10, test=20)


def settings(layers=1, rates=RATES):
    return {
        f"{layers}.5.{rate:g}": {"layers": layers, "least": 5, "rate": rate}
        for rate in rates
    }


def tiny(kind="mingru", updates=6, units=3, **more):
    sizes = {"units": {"1": units, "2": units}, "strings": 6, "watch": 10, "test": 20}
    return {
        "kind": kind,
        "first": 7,
        "every": 2,
        "updates": updates,
        "settings": settings(),
        **sizes,
        **more,
    }


# Units ------------------------------------------------------------------------------


def weights(kind, layers, units):
    p = initial_network(kind, layers, 7, units, 7, np.random.default_rng(0))
    return sum(value.size for value in p.values())


@pytest.mark.parametrize("kind", LAYERS)
def test_the_number_of_weights_is_as_near_to_1500_as_there_is(kind):
    for layers, units in enumerate(experiments.UNITS[kind], start=1):
        here, less, more = (weights(kind, layers, units + by) for by in (0, -1, 1))
        assert abs(here - 1500) <= min(abs(less - 1500), abs(more - 1500))
        assert abs(here - 1500) < 110


# Networks side by side ----------------------------------------------------------------


def alone(kind, layers, start, strings, rate):
    """Losses and parameters of a network that is trained alone, on whole strings."""
    p = {k: pytensor.shared(v, k, shape=v.shape) for k, v in start.items()}
    x, y = pt.matrix("x", shape=(len(strings[0]) - 1, 7)), pt.matrix("y")
    o = network(kind, layers, x, p)
    loss = (pt.softplus(o) - y * o).mean()
    slopes = pytensor.function([x, y], [loss, *pt.grad(loss, list(p.values()))])
    losses, Values = [], namedtuple("Values", [f"p{i}" for i in range(len(p))])
    m = v = Values(*(0.0 * value for value in start.values()))
    for t, string in enumerate(strings, start=1):
        some = EMBEDDED.batch([string])
        found, *gradient = slopes(some.x[:, 0], some.y[:, 0])
        losses.append(float(found))
        way, m, v = adam_step(Values(*gradient), m, v, t)
        for variable, step in zip(p.values(), way, strict=True):
            variable.set_value(variable.get_value() - rate * step)
    return losses, {k: v.get_value() for k, v in p.items()}


@pytest.mark.parametrize("kind", ["mingru", "attention"])
def test_networks_side_by_side_are_trained_as_if_alone(python_engine, kind):
    compare_with_alone(kind, 1)


@pytest.mark.nightly
@pytest.mark.parametrize("kind", LAYERS)
def test_all_networks_side_by_side_are_trained_as_if_alone(python_engine, kind):
    compare_with_alone(kind, 2)


def compare_with_alone(kind, layers):
    net = experiments.compiled(kind, layers, 3, 2)
    start = [
        initial_network(kind, layers, 7, 3, 7, np.random.default_rng(seed))
        for seed in (0, 1)
    ]
    net.trainer.reset(experiments.stacked(start).values())
    net.rates.set_value(np.array(RATES)[:, None, None])
    rng, losses = np.random.default_rng(0), []
    # Of one length each: those of the second network are longer, all are filled up.
    chosen = [chapter_6.strings_of_length(3, inner, rng) for inner in (6, 12)]
    for pair in zip(*chosen, strict=True):
        x, y, mask = EMBEDDED.batch(list(pair), experiments.PREDICTIONS)
        losses.append(net.trainer.step(x[:, :, None], y, mask))
    now = net.trainer.now()
    for i, rate in enumerate(RATES):
        expected, params = alone(kind, layers, start[i], chosen[i], rate)
        np.testing.assert_allclose(np.array(losses)[:, i], expected, atol=1e-10)
        for name, value in experiments.single(now, i, start[i]).items():
            np.testing.assert_allclose(value, params[name], atol=1e-10, err_msg=name)


@pytest.mark.nightly
def test_the_lstm_is_that_of_chapter_6(python_engine):
    """From the seed's first weights to the numbers after three updates."""
    seed, units, rate = 5, 4, 0.005
    setting = {"init": "uniform", "adam": rate}
    there = chapter_6.compiled("lstm", units, (False,))
    start = initial_lstm(7, units, 7, np.random.default_rng([seed, 0]))
    strings = chapter_6.strings(4, 10, np.random.default_rng(1))
    strings = [s for s in strings if len(s) <= experiments.PREDICTIONS]
    settings_there = [setting]
    rng = np.random.default_rng(3)
    losses = [
        float(loss[0])
        for _, loss in chapter_6.train(
            there, [start], settings_there, strings, rng, 3, lambda k: k > 0
        )
    ]
    (params,) = chapter_6.unstacked(there.trainer.now())

    here = experiments.compiled("lstm", 1, units, 1)
    first = initial_network("lstm", 1, 7, units, 7, np.random.default_rng([seed, 0]))
    here.trainer.reset(experiments.stacked([first]).values())
    here.rates.set_value(np.full((1, 1, 1), rate))
    rng = np.random.default_rng(3)
    for expected in losses:
        string = strings[rng.integers(len(strings))]
        x, y, mask = EMBEDDED.batch([string], experiments.PREDICTIONS)
        (loss,) = here.trainer.step(x[:, :, None], y, mask)
        assert loss == pytest.approx(expected, rel=1e-10)
    found = experiments.single(here.trainer.now(), 0, first)
    for name in LSTM._fields:
        key = name if name in found else f"1.{name}"
        np.testing.assert_allclose(found[key], getattr(params, name), atol=1e-10)


def test_every_network_reads_the_strings_of_its_source():
    sources = [some_source(seed) for seed in (0, 1)]
    rngs = [np.random.default_rng(seed) for seed in (4, 5)]
    batches = experiments.drawn(sources, rngs, np.array([0, 0, 1]))
    again = [np.random.default_rng(seed) for seed in (4, 5)]
    for _ in range(5):
        x, y, mask = next(batches)
        assert x.shape == (experiments.PREDICTIONS, 3, 1, 7)
        one = [rng.integers(6) for rng in again]
        for network_i, j in enumerate((0, 0, 1)):
            of = sources[j]
            np.testing.assert_array_equal(x[:, network_i, 0], of.x[one[j]])
            np.testing.assert_array_equal(y[:, network_i], of.y[one[j]])
            np.testing.assert_array_equal(mask[:, network_i], of.mask[one[j]])


def test_a_source_has_whole_strings_of_its_lag():
    of = experiments.source(3, 20, strung=6, watch=10, test=20)
    assert of.x.shape == (6, 32, 7)
    assert (of.mask.sum(axis=1) >= 23).all()
    assert [len(q.place) for q in (*of.watch, *of.test)] == [10, 10, 10]
    for some in (*of.watch, *of.test):
        assert (some.place >= 21).all()
        T = 32 if some is of.watch[0] else 48
        assert some.examples.x.shape == (T, 10, 7)


@pytest.fixture
def traced_early(monkeypatch):
    monkeypatch.setattr(trainer, "traced", lambda k: k in (2, 4))


@pytest.mark.usefixtures("traced_early")
def test_a_seed_among_others_is_as_if_alone(python_engine):
    both = experiments.side_by_side((0, 1), tiny())
    (single,) = experiments.side_by_side((1,), tiny())
    assert both[1]["metrics"].keys() == single["metrics"].keys()
    for key, found in records_of(both[1]).items():
        assert found == pytest.approx(records_of(single)[key], rel=1e-9), key
    assert records_of(both[0]) != records_of(both[1])


def records_of(result):
    return {
        f"{key}.{name}": value
        for key, values in result["metrics"].items()
        for name, value in values.items()
    }


# How long a state lasts at first ------------------------------------------------------


def kept_at_first(kind, params, units):
    """What a unit keeps of a state of 1 in a step, where no input acts on its gates."""
    p = {name[2:]: 0 * v if "W" in name else v for name, v in params.items()}
    x, one = pt.zeros(7), pt.ones(units)
    if kind == "mingru":
        h = mingru_step(x, one, p["W_ih"], p["b_h"])
    elif kind == "rglru":
        h = rglru_step(x, one, p["W_ih"], p["b_h"], p["decay"])
    else:
        _, h = lstm_step(x, pt.zeros(units), one, p["W_ih"], p["W_hh"], p["b_h"])
    return np.asarray(h.eval())


@pytest.mark.parametrize("kind", experiments.OWN_START)
def test_a_start_keeps_as_much_in_every_network(python_engine, kind):
    """And changes nothing else of the first values."""
    own = initial_network(kind, 1, 7, 5, 7, np.random.default_rng([3, 0]))
    for start in ("short", "long"):
        params = experiments.begun_with(kind, 1, 5, 3, {"start": start})
        keeps = kept_at_first(kind, params, 5)
        if start == "short":
            np.testing.assert_allclose(keeps, 0.7311, atol=1e-4)
        else:
            assert 0.9 < (keeps**2).min() < (keeps**2).max() < 0.999
            assert np.ptp(keeps) > 0.005
        changed = [name for name in own if (own[name] != params[name]).any()]
        other = [] if start == experiments.OWN_START[kind] else ["1.b_h"]
        assert changed == (["1.decay"] if other and kind == "rglru" else other)
        if changed == ["1.b_h"]:
            moved = own["1.b_h"] != params["1.b_h"]
            assert moved.sum() == 5
    without = experiments.begun_with(kind, 1, 5, 3, {})
    for name, value in own.items():
        np.testing.assert_array_equal(without[name], value)


@pytest.mark.usefixtures("traced_early")
def test_starts_are_those_of_the_kinds_side_by_side(python_engine):
    one = {"layers": 1, "least": 5, "rate": 0.01}
    settings = {
        f"{kind}.{start}": {"kind": kind, "start": start, **one}
        for kind in ("mingru", "rglru")
        for start in ("short", "long")
    }
    parameters = tiny(settings=settings) | {"units": {"mingru": 3, "rglru": 3}}
    (found,) = experiments.starts((0,), parameters)
    assert found["trace"].keys() == settings.keys()
    for kind in ("mingru", "rglru"):
        own = {"own": one}
        (alone,) = experiments.side_by_side((0,), tiny(kind=kind, settings=own))
        name = f"{kind}.{experiments.OWN_START[kind]}"
        np.testing.assert_allclose(found["trace"][name], alone["trace"]["own"])
        other = {"short": "long", "long": "short"}[experiments.OWN_START[kind]]
        assert found["trace"][f"{kind}.{other}"][0] != alone["trace"]["own"][0]
        assert found["curves"]["looks"][name] == alone["curves"]["looks"]["own"]
        for key, values in alone["metrics"].items():
            assert found["metrics"][key][name] == pytest.approx(values["own"])


def test_the_exchanged_starts_are_all_else_as_in_the_record():
    for name, setting in experiments.starts_parameters()["settings"].items():
        kind, start, rate = setting["kind"], setting["start"], setting["rate"]
        assert name == f"{kind}.{start}.{rate:g}"
        if start == experiments.OWN_START[kind]:
            chosen = experiments.RATES[kind][experiments.SIZES.index((1, 20))]
            assert rate == chosen or (kind, rate) == ("lstm", 0.03)


# When a training has ended ------------------------------------------------------------


def knowing(right, asked):
    """Logits of a network that knows this share of the answers."""
    n = len(asked.place)
    o = np.zeros(asked.examples.x.shape)
    sign = np.where(asked.is_T, 1, -1) * np.where(np.arange(n) < right * n, 1, -1)
    o[asked.place, np.arange(n), T] = sign
    o[asked.place, np.arange(n), P] = -sign
    return o


class Played:
    """A course through looks at which the network knows these shares of the answers."""

    def __init__(self, shares, tested=1.0, last=99):
        source = some_source()
        self.course = Course(0, "net", {"layers": 1}, source)
        for k, share in enumerate(shares, start=1):
            shares_of = {id(q.examples.x): (q, share) for q in source.watch}
            shares_of |= {id(q.examples.x): (q, tested) for q in source.test}

            def outputs(x, shares_of=shares_of):
                asked, right = shares_of[id(x)]
                return np.nan * x if right is None else knowing(right, asked)

            self.course.at(k, outputs, last=k == last)
            if self.course.ended:
                break
        self.metrics = self.course.metrics


@pytest.mark.parametrize(
    ("shares", "until", "updates"),
    [
        ([0.5, 1, 1, 1, 1], 2, 4),
        ([1, 1, 0.9, 1, 1, 1], 4, 6),  # what is lost again is not solved
        ([1, 1, 1], 1, 3),
    ],
)
def test_a_training_ends_when_three_looks_running_were_solved(shares, until, updates):
    played = Played(shares)
    assert played.metrics["until"] == until
    assert played.metrics["updates"] == updates
    assert played.metrics["right"] == 1
    assert played.metrics["diverged"] == 0
    assert len(played.course.looks) == updates


def test_it_goes_on_where_other_strings_do_not_confirm_it():
    played = Played([1, 1, 1, 1, 1], tested=0.9)
    assert not played.course.ended
    assert Played([1, 1, 1, 1, 1], tested=0.9, last=5).metrics["until"] == 0


def test_the_last_look_ends_it_whatever_it_finds():
    played = Played([0.5, 1, 0.5], tested=0.6, last=3)
    assert played.metrics["right"] == pytest.approx(0.6)
    assert (played.metrics["until"], played.metrics["updates"]) == (0, 3)
    solved = Played([0.5, 0.5, 1], tested=1, last=3)
    assert (solved.metrics["right"], solved.metrics["until"]) == (1, 3)


def test_a_network_without_finite_outputs_has_diverged():
    played = Played([0.7, None, 1])
    assert played.metrics == {
        "right": 0.5,
        "loss": experiments.UNDECIDED,
        "until": 0,
        "updates": 2,
        "diverged": 2,
    } | {"loss": round(experiments.UNDECIDED, 6)}
    assert played.course.looks == [0.7, 0.5]


@pytest.mark.usefixtures("traced_early")
def test_what_diverges_is_a_measured_failure_and_harms_no_other(python_engine):
    with np.errstate(all="ignore"):
        both = tiny(settings=settings(rates=(0.01, 1e200)))
        (result,) = experiments.side_by_side((0,), both)
        (single,) = experiments.side_by_side(
            (0,), tiny(settings=settings(rates=[0.01]))
        )
    files.plain(result, "result")  # has no NaN
    metrics, calm, wild = result["metrics"], "1.5.0.01", "1.5.1e+200"
    assert metrics["diverged"][calm] == 0
    assert metrics["diverged"][wild] == metrics["updates"][wild] == 2
    assert metrics["right"][wild] == 0.5
    assert result["trace"][wild][-1] == experiments.UNDECIDED
    for key in ("right", "loss", "until", "updates"):
        assert metrics[key][calm] == pytest.approx(single["metrics"][key][calm])
    np.testing.assert_allclose(result["trace"][calm], single["trace"][calm])


@pytest.mark.usefixtures("traced_early")
def test_the_others_go_on_without_those_that_have_ended(python_engine, monkeypatch):
    """As they would have with them."""
    monkeypatch.setattr(experiments, "FEWER", 2)

    class Ends(Course):
        """Ends at a look that its rate names."""

        def at(self, k, outputs, last):
            super().at(k, outputs, last)
            if self.setting["rate"] == 0.02 and k == 4:
                self._end(k, 1.0, 0.1, diverged=0)

    parameters = tiny(updates=10)
    chosen = list(settings(rates=(0.02, 0.01, 0.03)).items())

    def courses(kind=Course):
        return [kind(0, name, setting, some_source()) for name, setting in chosen]

    whole = experiments.follow(courses(), 1, parameters)
    made, compiled = [], experiments.compiled

    def seen(kind, layers, units, networks):
        made.append(networks)
        return compiled(kind, layers, units, networks)

    monkeypatch.setattr(experiments, "compiled", seen)
    fewer = courses(Ends)
    fewer[2].setting = {**fewer[2].setting, "rate": 0.02}  # two of three have ended
    apart = experiments.follow(fewer, 1, parameters)
    assert made == [3, 1]
    for name, value in whole[1].items():
        np.testing.assert_allclose(apart[1][name], value, rtol=1e-9, err_msg=name)
    assert fewer[0].metrics["updates"] == 4
    assert fewer[1].metrics["updates"] == 10


# Counting -----------------------------------------------------------------------------


def test_T_minus_P_counts_the_second_symbol_too():
    x = EMBEDDED.batch(["BTBPVVETE"]).x
    assert experiments.T_minus_P(x)[:, 0].tolist() == [0, 1, 1, 0, 0, 0, 0, 1]


def counter(units=3):
    """A minGRU of which unit 1 adds T and takes away P, and forgets hardly anything."""
    p = initial_network("mingru", 1, 7, units, 7, np.random.default_rng(0))
    p = {name: np.zeros_like(value) for name, value in p.items()}
    p["1.b_h"][1] = -12  # z = 6e-6
    p["1.W_ih"][[T, P], units + 1] = 1e5, -1e5
    return p


def test_a_unit_that_counts_is_found(python_engine):
    (asked,) = some_source().watch
    found = experiments.counting("mingru", counter(), asked)
    assert found["unit"] > 0.999
    assert found["readout"] > 0.99
    nothing = experiments.counting(
        "mingru", {k: 0 * v for k, v in counter().items()}, asked
    )
    assert nothing["unit"] == 0
    assert nothing["readout"] < 0.5
    broken = {k: np.nan * v for k, v in counter().items()}
    assert experiments.counting("mingru", broken, asked) == {"unit": 0, "readout": 0}


# The choice of rates ------------------------------------------------------------------


class Searched:
    """Two seeds at four rates, of which the best is not the most obvious."""

    def __init__(self, right, until, loss):
        self.found = {"right": right, "until": until, "loss": loss}
        self.parameters = {
            "updates": 1000,
            "settings": {
                f"1.10.{rate}": {"layers": 1, "least": 10, "rate": rate}
                for rate in (1, 2, 3, 4)
            },
        }

    def metric(self, key):
        key, _, name = key.partition(".")
        return np.array(self.found[key][int(name[-1]) - 1])


@pytest.mark.parametrize(
    ("right", "until", "loss", "best"),
    [
        # More seeds that solve it come before sooner ones,
        (
            [[1, 0.5], [1, 1], [0.9, 0.9], [1, 0.9]],
            [[100, 0], [900, 800], [0, 0], [200, 0]],
            4 * [[1, 1]],
            2,
        ),
        # then fewer updates,
        (
            [[1, 1], [1, 1], [1, 1], [0, 0]],
            [[500, 500], [400, 500], [700, 100], [0, 0]],
            4 * [[1, 1]],
            3,
        ),
        # then what is right where nothing is solved,
        (
            [[0.5, 0.5], [0.6, 0.9], [0.7, 0.7], [0.5, 0.6]],
            4 * [[0, 0]],
            4 * [[1, 1]],
            2,
        ),
        # then the loss, also where some guess better than others.
        (
            [[0.5, 0.54], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]],
            4 * [[0, 0]],
            [[1, 1], [0.9, 0.8], [0.9, 0.7], [1, 2]],
            3,
        ),
    ],
)
def test_the_choice_goes_by_solutions_then_updates_then_answers_then_loss(
    right, until, loss, best
):
    assert experiments.choose(Searched(right, until, loss)) == {"1.10": best}


@pytest.mark.parametrize("kind", experiments.RATES)
def test_the_rates_follow_from_the_search_and_lie_inside_its_grid(kind):
    search = results.load(f"beyond-rates-{kind}")
    chosen = experiments.choose(search)
    assert tuple(chosen.values()) == experiments.RATES[kind]
    assert list(chosen) == [f"{layers}.{least}" for layers, least in experiments.SIZES]
    grid = experiments.grid(kind)
    for rate in chosen.values():
        assert grid[0] < rate < grid[-1]


@pytest.mark.parametrize("kind", experiments.RATES)
def test_the_search_and_the_finals_have_no_seed_in_common(kind):
    search, finals = (
        results.load(f"beyond-{name}-{kind}") for name in ("rates", "reber")
    )
    seeds = [{r.parameters["first"] + s for s in r.seeds} for r in (search, finals)]
    assert not seeds[0] & seeds[1]
    for right, until in (
        (finals.metric(f"right.{name}"), finals.metric(f"until.{name}"))
        for name in finals.parameters["settings"]
    ):
        assert (right[until > 0] >= SOLVED).all()


# The networks that the chapter loads --------------------------------------------------


@pytest.mark.parametrize("name", experiments.SHIPPED)
def test_the_shipped_networks_do_what_their_files_say(name):
    if why := engine.why_not("jax"):
        pytest.skip(why)
    engine.select("jax")
    kind, seed, rate = experiments.SHIPPED[name]
    units = experiments.UNITS[kind][1]
    blank = initial_network(kind, 2, 7, units, 7, np.random.default_rng(0))
    params = trained.load_arrays(name, [blank])
    for key, value in params.items():
        assert value.shape == blank[key].shape
    made = files.read_json(trained.FOLDER / f"{name}.json")
    assert (made["kind"], made["seed"], made["setting"]["rate"]) == (kind, seed, rate)
    numbers = (experiments.COMMON[key] for key in ("strings", "watch", "test"))
    source = experiments.source(seed, experiments.SHIPPED_LEAST, *numbers)
    right, *_ = experiments.judged(
        source.test, partial(experiments.answered, kind, 2, params)
    )
    assert right == made["right_of_1000_fresh_strings"] >= SOLVED
