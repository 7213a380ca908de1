"""The language model that the book ships, and the runs recorded beside it."""

import os

import numpy as np
import pytest

from helpers.experiments import ch08_baselines_runs as experiments
from helpers.lm import model, recorded_runs, scoring, training
from helpers.networks.elman import Elman

FILES = [model.FOLDER / f"reddit.{ending}" for ending in ("npz", "json")]


@pytest.fixture(scope="module")
def shipped():
    return model.load()


@pytest.fixture(scope="module")
def runs():
    return recorded_runs.load()["runs"]


def plain(run, cell="elman"):
    settings = run["settings"]
    return settings["cell"] == cell and settings["truncate"] is None


def test_it_is_small_and_of_the_size_of_the_source(shipped):
    assert sum(path.stat().st_size for path in FILES) <= 8_000_000
    assert isinstance(shipped.params, Elman)
    assert shipped.params.W_ih.shape == (8000, 100)
    assert {value.dtype for value in shipped.params} == {np.dtype("float32")}
    assert len(shipped.vocabulary) == 8000


def test_its_card_says_what_it_is(shipped):
    card = shipped.card
    for key in ("title", "data", "licence", "split", "use", "limits", "words"):
        assert len(card[key]) > 20
    assert "GoEmotions" in card["data"]
    assert "CC BY 4.0" in card["licence"]
    assert card["command"].startswith("python -m helpers.lm train --corpus goemotions")
    assert f"--seed {card['settings']['seed']} " in card["command"]
    assert {"python", "pytensor", "jax", "numpy"} <= set(card["versions"])


def test_it_is_the_elman_network_that_validates_best(shipped, runs):
    candidates = [run for run in runs if plain(run)]
    assert sorted(run["settings"]["seed"] for run in candidates) == [0, 1, 2]
    best = min(candidates, key=lambda run: run["validation_perplexity"])
    assert shipped.card["settings"] == best["settings"]
    assert shipped.card["test_perplexity"] == best["test_perplexity"]


def test_every_elman_network_beats_the_trigram_and_85(runs):
    trigram = experiments.load()["models"]["trigram"]["test"]
    for run in runs:
        assert run["test_perplexity"] < min(trigram, 85)


def test_the_lstm_and_the_truncated_network_stand_beside_it(runs):
    assert any(plain(run, "lstm") for run in runs)
    assert any(run["settings"]["truncate"] == 4 for run in runs)
    sizes = {run["settings"]["cell"]: run["parameters"] for run in runs}
    assert sizes == {"elman": 1_618_200, "lstm": 4_048_600}


@pytest.mark.skipif("RNN_DATA_DIR" not in os.environ, reason="GoEmotions is not here")
def test_its_test_perplexity_is_what_its_card_says(shipped):
    test = training.sequences("goemotions", shipped.vocabulary).test
    log_p = np.concatenate(scoring.log_probabilities(shipped, test))
    expected = shipped.card["test_perplexity"]
    assert np.exp(-log_p.mean()) == pytest.approx(expected, rel=1e-5)
