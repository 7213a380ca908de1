"""The first steps of a language model: how its settings differ, and that they learn."""

import numpy as np
import pytest

from helpers.experiments import ch08_first_steps_runs as experiments
from helpers.lm import by_hand
from helpers.lm.model import LanguageModel
from helpers.tasks import corpus, text

SMALL = {**experiments.FIRST_STEPS, "sentences": 10, "hidden": 8, "epochs": 3}


@pytest.fixture(autouse=True)
def small_vocabulary(monkeypatch):
    """A model of few words in the place of the shipped one."""
    tokens = [t for c in corpus.load()[:50] for t in text.sentences(c)]
    model = LanguageModel(text.Vocabulary.of(tokens, 150), None, {})
    monkeypatch.setattr(LanguageModel, "load", staticmethod(lambda: model))
    return model.vocabulary


def test_sentences_are_the_first_of_the_shipped_comments(small_vocabulary):
    first, second = experiments.first_sentences(2, small_vocabulary)
    tokens = text.sentences(corpus.load()[0])
    np.testing.assert_array_equal(first, small_vocabulary.encode(tokens[0]))
    np.testing.assert_array_equal(second, small_vocabulary.encode(tokens[1]))


def test_settings_differ_in_the_size_of_the_rows_and_in_nothing_else():
    def begin(setting):
        return experiments.begin(setting, 400, 9, np.random.default_rng(0))

    published, rows = begin("as published"), begin("rows of size 1")
    assert np.abs(rows.W_ih).max() == pytest.approx(1, abs=1e-2)
    np.testing.assert_allclose(published.W_ih, rows.W_ih / 20)
    for a, b, c in zip(published[1:], rows[1:], begin("with biases")[1:], strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)
    with pytest.raises(ValueError, match="setting must be one of as published"):
        begin("bias")


def test_each_setting_learns_and_only_one_learns_biases(monkeypatch):
    used = {}
    step = by_hand.sgd_step

    def watched(x, y, params, lr):
        used[setting] = params
        step(x, y, params, lr)

    monkeypatch.setattr(by_hand, "sgd_step", watched)
    for setting in SMALL["settings"]:
        losses, trace = experiments.learn(setting, 0, SMALL)
        assert len(losses) == 4
        assert losses[0] == pytest.approx(np.log(150), abs=0.2)
        assert losses[-1] < losses[0]
        assert trace == []  # fewer than 50 updates
    for setting, params in used.items():
        learned = any(bias.any() for bias in (params.b_h, params.b_o, params.h0))
        assert learned == (setting == "with biases")


def test_the_rate_is_halved_after_a_loss_that_rose(monkeypatch):
    rates, losses = [], iter([5.0, 4.0, 4.5, 4.2])
    monkeypatch.setattr(by_hand, "sgd_step", lambda x, y, p, lr: rates.append(lr))
    monkeypatch.setattr(by_hand, "mean_loss", lambda sentences, p: next(losses))
    experiments.learn("with biases", 0, SMALL)
    assert rates == [0.005] * 20 + [0.0025] * 10


def test_a_trace_holds_the_losses_of_updates_50_to_200():
    parameters = {**SMALL, "epochs": 30, "settings": ["with biases"]}
    whole = experiments.first_steps(1, parameters)
    begun = experiments.first_steps(1, parameters, updates=200)
    assert len(begun["trace"]["with biases"]) == 4
    assert begun["trace"] == whole["trace"]
    assert whole["metrics"]["with biases"] == whole["curves"]["with biases"][-1]
