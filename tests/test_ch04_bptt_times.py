"""The costs of a gradient by its length: equal gradients, or no number."""

import numpy as np
import pytest

from helpers.bench import ch04_bptt_times as times
from helpers.networks import bptt, elman


def test_all_implementations_make_the_gradient_of_bptt():
    x, y, params = times.problem(4)
    h = elman.hidden_states_numpy(x, params)
    expected = bptt.bptt(x, h, elman.readout(h, params) - y, params)
    for gradients in (times.by_numpy(4)(), times.by_pytensor(4, "python")()):
        for g, e in zip(gradients, expected, strict=True):
            np.testing.assert_allclose(g, e, rtol=1e-9, atol=1e-12)


def test_costs_are_recorded_from_processes_of_their_own(tmp_path):
    path = times.record(["numpy"], [2, 4], rounds=2, folder=tmp_path)
    assert path == tmp_path / "bptt-costs.json"
    document = times.load(tmp_path)
    rows = document["ways"]["numpy"]
    assert [row["T"] for row in rows] == [2, 4]
    for row in rows:
        low, high = row["ms_range"]
        assert 0 < low <= row["ms"] <= high
        assert row["MB"] > 10
    assert document["command"] == "python -m helpers.bench.ch04_bptt_times"


def test_implementations_that_disagree_are_not_recorded(tmp_path, monkeypatch):
    def measured(module, arguments, cache, threads):
        wrong = 1e-6 * ("jax" in arguments)
        return {"seconds": [1.0], "MB": 100.0, "numbers": [1.0 + wrong]}

    monkeypatch.setattr(times, "in_new_process", measured)
    with pytest.raises(RuntimeError, match="jax and numpy differ at T = 2"):
        times.record(["numpy", "jax"], [2], folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_slope_of_a_power_is_its_exponent():
    rows = [{"T": T, "ms": 3 * T**1.5 if T >= 10 else 100} for T in (1, 10, 100, 1000)]
    assert times.slope(rows, "ms", at_least=10) == pytest.approx(1.5)


def test_missing_and_damaged_costs_say_how_to_make_them(tmp_path):
    remedy = "`python -m helpers.bench.ch04_bptt_times` makes it"
    with pytest.raises(FileNotFoundError, match=remedy):
        times.load(tmp_path)
    for text in ("{}", "not JSON", '{"schema": "other", "ways": {}}'):
        (tmp_path / "bptt-costs.json").write_text(text)
        with pytest.raises(ValueError, match=f"{remedy} anew"):
            times.load(tmp_path)


def test_the_recorded_costs_are_complete():
    for rows in times.load()["ways"].values():
        assert tuple(row["T"] for row in rows) == times.LENGTHS
