"""The timings of engines: honest numbers, or none."""

import json

import numpy as np
import pytest

from helpers import engine
from helpers.bench import ch03_engine_times as times
from helpers.networks.gradients import numerical_gradient
from helpers.results import files, records


@pytest.fixture(autouse=True)
def quiet(capsys):
    engine.select("python")


def loss_by_numpy(x, y, W_ih, W_hh, b_h, W_ho, b_o, h0):
    h = h0
    for x_t in x:
        h = np.tanh(x_t @ W_ih + h @ W_hh + b_h)
    return float(((h @ W_ho + b_o - y) ** 2).sum())


def test_what_is_timed_is_forward_backward_and_update():
    x, y = times.example()
    assert (x.shape, y.shape) == ((times.STEPS, times.INPUTS), (1,))
    step, params = times.build()
    for _ in range(2):
        before = [p.get_value() for p in params]
        loss = float(step(x, y))
        assert loss == pytest.approx(loss_by_numpy(x, y, *before), rel=1e-10)
        slopes = numerical_gradient(lambda *v: loss_by_numpy(x, y, *v), before)
        for p, value, slope in zip(params, before, slopes, strict=True):
            np.testing.assert_allclose(
                p.get_value(), value - times.LR * slope, atol=1e-8
            )


def test_record_runs_each_engine_in_its_own_process(tmp_path):
    path = times.record(["python"], rounds=3, folder=tmp_path)
    assert path == tmp_path / "elman-engines.json"
    timings = times.load(tmp_path)
    (row,) = timings.rows
    assert row.engine == "python"
    assert row.title.startswith("Python 3.")
    low, high = row.call_us_range
    assert 0 < low <= row.call_us <= high
    # Nothing is kept on disk by this engine: the second start is as slow.
    assert 0.2 < row.again_s / row.compile_s < 5
    assert timings.meta["command"] == "python -m helpers.bench.ch03_engine_times"
    assert timings.meta["cores"] > 0


def test_engines_that_disagree_are_not_recorded(tmp_path, monkeypatch):
    def measured(name, rounds, cache):
        numbers = [1.0, 2.0 + 1e-6 * (name == "numba")]
        return {
            "title": name,
            "compile_s": 1.0,
            "call_us": [1.0] * rounds,
            "numbers": numbers,
        }

    monkeypatch.setattr(times, "measure_in_new_process", measured)
    times.record(["jax", "c"], folder=tmp_path)
    with pytest.raises(RuntimeError, match="numba and jax differ after 5 updates"):
        times.record(["jax", "numba"], folder=tmp_path)
    assert [row.engine for row in times.load(tmp_path).rows] == ["jax", "c"]


def test_an_engine_that_fails_says_why():
    message = "--engine tpu --rounds 1 failed: ValueError: name: expected an engine"
    with pytest.raises(RuntimeError, match=message):
        times.measure_in_new_process("tpu", 1, "unused")


def test_a_missing_or_damaged_file_says_how_to_make_it(tmp_path):
    remedy = "`python -m helpers.bench.ch03_engine_times` makes it"
    with pytest.raises(FileNotFoundError, match=remedy):
        times.load(tmp_path)
    for document in ([], {"schema": "other"}, {"schema": times.SCHEMA}):
        (tmp_path / "elman-engines.json").write_text(json.dumps(document))
        with pytest.raises(ValueError, match=f"{remedy} anew"):
            times.load(tmp_path)


def test_the_recorded_timings_are_complete():
    timings = times.load()
    assert {row.engine for row in timings.rows} == {"jax", "numba", "c", "python"}
    assert [row.call_us for row in timings.rows] == sorted(
        row.call_us for row in timings.rows
    )
    for row in timings.rows:
        low, high = row.call_us_range
        assert low <= row.call_us <= high
    assert files.read_json(records.FOLDER / "elman-engines.json")["versions"]["numba"]
