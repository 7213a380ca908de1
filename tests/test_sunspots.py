"""The sunspot series, its windows and its split."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.tasks import sunspots


def test_the_series_is_the_published_one():
    series = sunspots.load()
    assert series.years.tolist() == list(range(1700, 2009))
    # landmarks of the published record
    by_year = dict(zip(series.years.tolist(), series.counts.tolist(), strict=True))
    assert by_year[1700] == 5
    assert by_year[1957] == 190.2
    assert by_year[2008] == 2.9
    assert max(by_year, key=by_year.get) == 1957


def test_the_readme_of_the_data_states_the_checksum():
    digest = hashlib.sha256(sunspots.PATH.read_bytes()).hexdigest()
    assert digest in (sunspots.PATH.parent / "README.md").read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("1800,", "1801,"), "must hold the years"),
        (lambda text: text[: len(text) // 2], "must hold the years"),
        (lambda text: text.replace("1700,5", "1700,-5"), "negative or missing"),
        (lambda text: text.replace("1700,5", "1700,nan"), "negative or missing"),
        (lambda text: text.replace("1700,5", "1700,five"), "not a table of numbers"),
    ],
)
def test_a_damaged_file_is_refused_with_advice(tmp_path, change, message):
    text = sunspots.PATH.read_text()
    damaged = tmp_path / "sunspots.csv"
    damaged.write_text(change(text))
    assert damaged.read_text() != text
    with pytest.raises(ValueError, match=message) as caught:
        sunspots.load(damaged)
    assert "git checkout" in str(caught.value)


def test_a_missing_file_is_refused_with_advice(tmp_path):
    with pytest.raises(FileNotFoundError, match="git checkout"):
        sunspots.load(tmp_path / "sunspots.csv")


@given(n=st.integers(2, 40), data=st.data())
def test_windows_hold_neighbours_and_what_follows(n, data):
    k = data.draw(st.integers(1, n - 1))
    series = np.random.default_rng(n).standard_normal(n)
    X, y = sunspots.windows(series, k)
    assert X.shape == (n - k, k)
    assert y.shape == (n - k,)
    for i in range(n - k):
        assert X[i].tolist() == series[i : i + k].tolist()
        assert y[i] == series[i + k]


def test_windows_do_not_share_memory_with_the_series():
    series = np.zeros(5)
    X, y = sunspots.windows(series, 2)
    X[0, 0] = y[0] = 1
    assert not series.any()


@pytest.mark.parametrize("k", [0, 5, 6])
def test_windows_refuse_a_bad_length(k):
    with pytest.raises(ValueError, match="k must be an integer from 1 to 4"):
        sunspots.windows(np.zeros(5), k)


def test_windows_refuse_a_matrix():
    with pytest.raises(ValueError, match=r"must have shape \(n,\); got \(5, 2\)"):
        sunspots.windows(np.zeros((5, 2)), 1)


def test_the_split_is_in_time_and_complete():
    years, counts = sunspots.load()
    for k in (1, 9):
        parts = sunspots.split_windows(k)
        n_train, n_validation, n_test = (len(part.y) for part in parts)
        assert (n_train, n_validation, n_test) == (1921 - 1700 - k, 35, 53)
        targets = np.concatenate([part.y[:, 0] for part in parts])
        assert np.array_equal(targets, counts[k:])
        # the last window of the training set ends the year before its target
        assert parts[0].X[-1].tolist() == counts[years < 1920][-k:].tolist()
