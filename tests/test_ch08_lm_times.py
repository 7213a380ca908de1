"""What is timed of the language model: like compared with like."""

import numpy as np
import pytest

from helpers import engine
from helpers.bench import ch08_lm_times as times
from helpers.bench import ways


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A network that any engine runs at once, on the engine that compiles nothing."""
    for name, value in {"V": 30, "H": 5, "N": 24, "SAMPLED": 4}.items():
        monkeypatch.setattr(times, name, value)
    monkeypatch.setattr(times, "ENGINE", "python")
    yield
    engine.select("python")


@pytest.fixture
def sequences():
    rng = np.random.default_rng(0)
    return [np.r_[0, rng.integers(3, 30, n), 1] for n in rng.integers(1, 9, 60)]


@pytest.mark.nightly
def test_all_updates_cost_the_same(sequences, monkeypatch, tmp_path):
    """In the first batch: dense Adam and that of rows part afterwards."""
    monkeypatch.setattr(times, "keep_memory", lambda: None)
    monkeypatch.setattr(times, "SAMPLED", 2)
    times.write_sample(sequences, tmp_path)
    names = ["buckets", "gradient", "rows", "in place"]
    names += ["torch"] * (not ways.missing("torch", times.language()))
    made = [times.updates(name, str(tmp_path)) for name in names]
    costs = [timed.run() for timed in made]
    for timed, some in zip(made, costs, strict=True):
        assert len(some) == 2
        assert timed.numbers(some) == {"buckets": pytest.approx(costs[0][0], 1e-5)}


def test_the_sample_holds_the_same_words_both_ways(sequences):
    some = times.sample(sequences)
    words = [
        np.sort(np.concatenate([b.y[b.mask == 1] for b in some[name]]))
        for name in ("buckets", "together")
    ]
    np.testing.assert_array_equal(*words)
    assert len(some["buckets"]) == 4
    assert len({b.x.shape for b in some["together"]}) == 1
    filler = [np.mean([1 - b.mask.mean() for b in some[name]]) for name in some]
    assert filler[0] < filler[1]


@pytest.mark.parametrize("kind", ["autodiff", "written out"])
def test_the_layer_is_the_softmax_layer(kind):
    timed = times.softmax(kind)
    cost, d_h, d_W, d_b = found = timed.run()
    assert timed.numbers(found) == {"cost": cost}
    params = times.first_values()
    rng = np.random.default_rng(2)
    h = rng.uniform(-1, 1, (24, 5)).astype(np.float32)
    y = rng.integers(0, 30, 24)
    o = h @ params.W_ho + params.b_o
    p = np.exp(o) / np.exp(o).sum(axis=1, keepdims=True)
    d_o = p - np.eye(30)[y]
    assert cost == pytest.approx(-np.log(p[np.arange(24), y]).sum(), rel=1e-5)
    np.testing.assert_allclose(d_h, d_o @ params.W_ho.T, atol=1e-5)
    np.testing.assert_allclose(d_W, h.T @ d_o, atol=1e-5)
    np.testing.assert_allclose(d_b, d_o.sum(0), atol=1e-5)


def test_tokens_a_second_are_those_of_the_sample(sequences, tmp_path):
    parts, contents = times.plan(True, tmp_path, sequences=sequences)
    seconds = [0.1, 0.2, 0.4]
    rows = [
        {"part": part.name, "way": way, "seconds": seconds, "peak_MB": 99.6}
        for part in parts
        for way in part.ways
    ]
    document = contents(rows, [])
    assert document["published_ms"]["NumPy"] == 350
    words = sum(b.mask.sum() for b in times.sample(sequences)["buckets"])
    for row in document["batch"]:
        assert row["tokens_per_s"] == round(words / 0.2)
    spread = {"ms": 200.0, "ms_range": [100.0, 400.0], "MB": 100}
    assert document["softmax"][0] == {"name": "products"} | spread
