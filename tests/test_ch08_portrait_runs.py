"""The portrait of a language model: each part against what is known beforehand."""

import json

import numpy as np
import pytest

from helpers.experiments import ch08_portrait_runs as experiments
from helpers.lm import ngrams, training
from helpers.lm.model import LanguageModel
from helpers.networks import elman, initialisation
from helpers.results import files, intervals
from helpers.tasks import corpus, text


@pytest.fixture(scope="module")
def data():
    sentences = [t for c in corpus.load()[:200] for t in text.sentences(c)]
    v = text.Vocabulary.of(sentences, 120)
    encoded = [v.encode(tokens) for tokens in sentences]
    return training.Data(v, encoded[:300], encoded[300:350], encoded[350:420])


@pytest.fixture(scope="module")
def model(data):
    V = len(data.vocabulary)
    rng = np.random.default_rng(0)
    params = elman.initial_elman(V, 6, V, rng, initialisation.uniform)
    params = params._replace(W_ih=rng.normal(size=(V, 6)), h0=rng.normal(size=6))
    return LanguageModel(data.vocabulary, params, {})


# Sentences from counts ------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3])
def test_sampled_sentences_begin_and_end_and_hold_no_unknown(data, n):
    v = data.vocabulary
    counted = ngrams.fit(data.train, n, len(v), v.start)
    made = experiments.sample_ngrams(counted, v, 50)
    for sentence in made:
        assert sentence[0] == v.start
        assert sentence[-1] == v.end or len(sentence) == experiments.LONGEST + 1
        assert v.end not in sentence[:-1]
        assert not {v.unknown, v.start} & set(sentence[1:].tolist())


@pytest.mark.parametrize("n", [2, 3])
def test_sampled_words_follow_as_often_as_the_model_says(data, n):
    v = data.vocabulary
    counted = ngrams.fit(data.train, n, len(v), v.start)
    p = ngrams.distribution(counted, [])
    p[v.unknown] = 0
    p /= p.sum()
    made = experiments.sample_ngrams(counted, v, 2000)
    first = np.bincount([s[1] for s in made], minlength=len(v)) / len(made)
    error = np.sqrt(p * (1 - p) / len(made))
    assert np.all(abs(first - p) < 5 * error + 1e-9)

    some = int(np.argmax(p))
    q = ngrams.distribution(counted, [some])
    q[v.unknown] = 0
    q /= q.sum()
    after = [s[2] for s in made if s[1] == some]
    second = np.bincount(after, minlength=len(v)) / len(after)
    assert np.all(abs(second - q) < 5 * np.sqrt(q * (1 - q) / len(after)) + 1e-2)


# Copies and unsuitable words ------------------------------------------------------


def test_copies_are_counted_by_length(data):
    v = data.vocabulary
    rare = v.index["fewer"] if "fewer" in v.index else len(v) - 1
    new = np.array([v.start, *[rare] * 6, v.end])
    known = next(s for s in data.train if 5 <= len(s) - 2 <= 7)
    found = experiments.copied(data, {"half": [known, new], "none": [new]})
    assert found["half"]["5 to 7"].value == 0.5
    assert found["none"] == {"5 to 7": intervals.wilson(0, 1)}
    whole = experiments.copied(data._replace(test=data.train), {})["comments"]
    assert all(share.value == 1 for share in whole.values())


def test_sentences_with_unsuitable_words_are_counted():
    v = text.Vocabulary((*text.SPECIAL, "good", "damn", "day"))
    clean, not_so = v.encode(["good", "day"]), v.encode(["damn", "good"])
    found = experiments.unsuitable_shares(v, [clean, not_so], [clean] * 4)
    assert found["words"] == 1
    assert found["comments"].value == 0.5
    assert found["network"].value == 0


# The whole ------------------------------------------------------------------------


@pytest.mark.filterwarnings("error")
def test_a_small_portrait_is_whole_and_can_be_written(data, model, tmp_path):
    found = experiments.portrait(model, data, made=60)
    assert list(found["habits"]) == ["comments", "network", *experiments.ORDERS]
    document = {"schema": experiments.SCHEMA, **files.plain(found, "portrait")}
    path = tmp_path / f"{experiments.NAME}.json"
    files.write_json(path, document)
    assert experiments.load(tmp_path) == json.loads(path.read_text("utf-8"))


def test_data_in_other_words_is_refused(data, model):
    other = data._replace(vocabulary=text.Vocabulary((*text.SPECIAL, "a")))
    with pytest.raises(ValueError, match="data must have the vocabulary"):
        experiments.portrait(model, other)
