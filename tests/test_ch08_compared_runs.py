"""Models compared on the same words: each number against what is known beforehand."""

import numpy as np
import pytest

from helpers.experiments import ch08_compared_runs as experiments
from helpers.lm import ngrams, scoring, training
from helpers.lm.model import LanguageModel
from helpers.networks import elman, initialisation
from helpers.results import files, intervals
from helpers.tasks import corpus, text


@pytest.fixture(scope="module")
def comments():
    cut = [text.sentences(comment) for comment in corpus.load()[:120]]
    return cut[:90], [*cut[90:], cut[3]]  # the last stands in the training part, too


@pytest.fixture(scope="module")
def model(comments):
    v = text.Vocabulary.of([s for c in comments[0] for s in c], 120)
    rng, V = np.random.default_rng(0), len(v)
    params = elman.initial_elman(V, 6, V, rng, initialisation.uniform)
    params = params._replace(W_ih=rng.normal(size=(V, 6)), h0=rng.normal(size=6))
    return LanguageModel(v, params, {})


@pytest.fixture(scope="module")
def encoded(comments, model):
    return [[model.vocabulary.encode(s) for c in part for s in c] for part in comments]


# Forgetting -----------------------------------------------------------------------


def test_a_memory_longer_than_every_sentence_forgets_nothing(encoded, model):
    test = encoded[1]
    whole = scoring.log_probabilities(model, test)
    found = experiments.forgetting(model, test, max(map(len, test)), batch=7)
    for now, then in zip(found, whole, strict=True):
        np.testing.assert_allclose(now, then, rtol=1e-9)


def test_a_short_memory_reads_the_last_words_from_h0(encoded, model):
    params = model.params
    sentence = max(encoded[1], key=len)
    (found,) = experiments.forgetting(model, [sentence], 2)
    for t in (1, 2, 5):
        h = params.h0
        for word in sentence[max(t - 2, 0) : t]:
            h = np.tanh(params.W_ih[word] + params.b_h + h @ params.W_hh)
        o = h @ params.W_ho + params.b_o
        expected = o[sentence[t]] - np.log(np.exp(o).sum())
        assert found[t - 1] == pytest.approx(expected, rel=1e-9)
    with pytest.raises(ValueError, match="k must be at least 1; got 0"):
        experiments.forgetting(model, [sentence], 0)


# Words and groups -----------------------------------------------------------------


def test_repeated_comments_and_sentences_are_left_out(comments, model):
    train, test = comments
    words = experiments.words_of(train, test, model.vocabulary)
    last = words.comment == len(test) - 1
    assert words.kept["all"].all()
    assert not words.kept["new comments"][last].any()
    assert not words.kept["new sentences"][last].any()
    assert words.kept["new comments"][~last].all()
    n = [sum(len(s) + 1 for s in comment) for comment in test]
    np.testing.assert_array_equal(np.bincount(words.comment), n)
    assert words.place[0] == 1
    assert words.place.max() == max(len(s) + 1 for c in test for s in c)


def test_what_is_recorded_is_what_the_models_say(comments, encoded, model, tmp_path):
    words = experiments.words_of(*comments, model.vocabulary)
    found = experiments.compared(model, *encoded, words)
    v = model.vocabulary
    network = np.concatenate(scoring.log_probabilities(model, encoded[1]))
    trigram = np.concatenate(
        ngrams.log_probabilities(ngrams.fit(encoded[0], 3, len(v), v.start), encoded[1])
    )
    models = found["models"]
    assert models["network"]["all"].value == pytest.approx(np.exp(-network.mean()))
    assert models["trigram"]["all"].value == pytest.approx(np.exp(-trigram.mean()))
    new = words.kept["new sentences"]
    expected = np.exp(-trigram[new].mean())
    assert models["trigram"]["new sentences"].value == pytest.approx(expected)
    assert expected > models["trigram"]["all"].value  # it has seen the others
    mixed = np.log(np.exp(network) / 2 + np.exp(trigram) / 2)
    value = models["network and trigram"]["all"].value
    assert value == pytest.approx(np.exp(-mixed.mean()))
    ratio = found["ratios"]["network over trigram"]["all"]
    clustered = intervals.clustered_interval(trigram - network, words.comment)
    assert ratio == pytest.approx(tuple(np.exp(clustered)))

    forgot = np.concatenate(experiments.forgetting(model, encoded[1], 3))
    memory, concerned = found["memory"]["3"], words.place > 3
    assert memory["words"] == concerned.sum()
    assert memory["nats"].value == pytest.approx((network - forgot)[concerned].mean())
    np.testing.assert_allclose(network[~concerned], forgot[~concerned], rtol=1e-9)
    place = found["places"]["2"]
    at = words.place == 2
    assert place["network"].value == pytest.approx(np.exp(-network[at].mean()))

    document = {"schema": experiments.SCHEMA, **files.plain(found, "comparison")}
    files.write_json(tmp_path / f"{experiments.NAME}.json", document)
    loaded = experiments.load(tmp_path)
    assert loaded["memory"]["3"]["nats"] == pytest.approx(memory["nats"])
    assert f"{loaded['ratios']['network over trigram']['all']:.2f}"
    assert "words back" in experiments.describe(loaded)


def test_sentences_by_comment_are_those_of_training():
    parts = training.by_comment("comments")
    data = training.data("comments", 300)
    for name in ("train", "validation", "test"):
        tokens = [s for comment in getattr(parts, name) for s in comment]
        for now, then in zip(tokens, getattr(data, name), strict=True):
            np.testing.assert_array_equal(data.vocabulary.encode(now), then)
