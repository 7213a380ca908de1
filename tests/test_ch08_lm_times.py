"""The timings of the language model: like compared with like, or no number."""

import numpy as np
import pytest

from helpers import engine
from helpers.bench import ch08_lm_times as times
from helpers.lm import batches, training


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A network that any engine runs at once, on the engine that compiles nothing."""
    for name, value in {"V": 30, "H": 5, "WORDS": 6, "N": 24, "SAMPLED": 4}.items():
        monkeypatch.setattr(times, name, value)
    select = times._select
    monkeypatch.setattr(times, "_select", lambda name: select("python"))
    yield
    engine.select("python")


@pytest.fixture
def sequences():
    rng = np.random.default_rng(0)
    return [np.r_[0, rng.integers(3, 30, n), 1] for n in rng.integers(1, 9, 60)]


def losses(step):
    return [step() for _ in range(4)]


@pytest.mark.parametrize("name", ["python", "jax by hand", "torch"])
def test_all_ways_take_the_same_steps(name):
    for needed in ("jax", "torch"):
        if needed in name:
            pytest.importorskip(needed)
    expected = losses(times.STEPS["numpy"]())
    assert expected[0] > expected[-1]
    np.testing.assert_allclose(losses(times.STEPS[name]()), expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["gradient", "rows", "in place", "torch"])
def test_all_updates_cost_the_same(name, sequences, monkeypatch):
    """Over several batches: dense Adam and that of rows agree only on the first."""
    if name == "torch":
        pytest.importorskip("torch")
    monkeypatch.setattr(training, "keep_memory", lambda: None)
    monkeypatch.setattr(times.inplace, "mode", times.inplace.mode)
    some = times.sample(sequences)["buckets"]
    base = "in place" if name == "torch" else "buckets"
    expected = [times.UPDATES[base].make()(some[0])]
    assert times.UPDATES[name].make()(some[0]) == pytest.approx(expected[0], 1e-5)


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
    cost, d_h, d_W, d_b = times.layer(kind)()
    params = times.first_values()
    rng = np.random.default_rng(2)
    h = rng.uniform(-1, 1, (24, 5)).astype(np.float32)
    y = rng.integers(0, 30, 24)
    o = h @ params.W_ho + params.b_o
    p = np.exp(o) / np.exp(o).sum(axis=1, keepdims=True)
    d_o = p - np.eye(30)[y]
    assert cost == pytest.approx(-np.log(p[np.arange(24), y]).sum(), rel=1e-5)
    for ours, expected in (
        (d_h, d_o @ params.W_ho.T),
        (d_W, h.T @ d_o),
        (d_b, d_o.sum(0)),
    ):
        np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_the_size_of_the_vocabulary_is_that_of_the_network():
    cost = times.update_of_size(50)()
    assert cost / batches.Batch(*np.zeros((3, 6, 4))).mask.size == pytest.approx(
        np.log(50), abs=0.3
    )


# Recording ----------------------------------------------------------------------


@pytest.fixture
def processes(monkeypatch):
    """Pretended processes: each call takes a number of milliseconds of its own."""
    asked = []

    def pretended(module, arguments, cache, threads=None):
        _, what, _, name, *_ = arguments
        asked.append((what, name))
        seconds = 0.001 * len(asked)
        return {"seconds": [seconds] * 3, "MB": 99.6, "numbers": [1.0, 2.0]}

    monkeypatch.setattr(times, "in_new_process", pretended)
    return asked


def test_record_writes_a_row_for_each_way(processes, sequences, tmp_path):
    times.record(3, tmp_path, (10, 20), sequences)
    recorded = times.load(tmp_path)
    assert recorded["published_ms"]["NumPy"] == 350
    rows = [(k, r["name"]) for k in times.PARTS for r in recorded[k]]
    assert rows == processes
    assert ("step", "numpy") in rows
    assert ("vocabulary", "20") in rows
    words = sum(b.mask.sum() for b in times.sample(sequences)["buckets"])
    for row in recorded["batch"]:
        assert row["tokens_per_s"] == pytest.approx(1000 * words / row["ms"], rel=0.01)
    assert recorded["step"][0] == {
        "name": "numpy",
        "ms": 1.0,
        "ms_range": [1.0, 1.0],
        "MB": 100,
    }


@pytest.mark.parametrize("wrong", ["jax by hand", "rows", "written out"])
def test_ways_that_disagree_are_not_recorded(
    wrong, processes, sequences, tmp_path, monkeypatch
):
    pytest.importorskip("jax")
    pretended = times.in_new_process

    def one_is_wrong(module, arguments, cache, threads=None):
        found = pretended(module, arguments, cache)
        if arguments[3] == wrong:
            found["numbers"][0] += 0.01
        return found

    monkeypatch.setattr(times, "in_new_process", one_is_wrong)
    with pytest.raises(RuntimeError, match=f"{wrong} and .* differ"):
        times.record(3, tmp_path, (10,), sequences)
    assert not list(tmp_path.iterdir())


def test_missing_and_damaged_files_say_how_to_make_them(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"ch08_lm_times` makes it"):
        times.load(tmp_path)
    (tmp_path / "lm-speed.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match="makes it anew"):
        times.load(tmp_path)
