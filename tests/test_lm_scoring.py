"""Scores against an independent forward pass; counts against counts by hand."""

from functools import partial
from itertools import product

import numpy as np
import pytest
from scipy.special import log_softmax
from test_cells import STATES_NUMPY

from helpers.experiments import ch08_scores_runs as experiments
from helpers.lm import ngrams, scoring, training
from helpers.lm.model import LanguageModel, initial
from helpers.lm.scoring import Group, agreement, habits, log_probabilities
from helpers.networks.elman import readout
from helpers.results.intervals import wilson
from helpers.tasks.text import END, START, UNKNOWN, Vocabulary

WORDS = ("a", "b", "c", "d", "e", "f", "g", "h", "i", "j")
VOCABULARY = Vocabulary((START, END, UNKNOWN, *WORDS))


def tiny(cell="elman", seed=0):
    params = initial(cell, len(VOCABULARY), 5, np.random.default_rng(seed))
    params = type(params)(*(2 * value for value in params))
    params.h0[:] = np.random.default_rng(seed).uniform(-1, 1, 5)
    return LanguageModel(VOCABULARY, params, {})


def random_sentences(n, seed=0, longest=9):
    rng = np.random.default_rng(seed)
    return [
        VOCABULARY.encode(list(rng.choice(WORDS, rng.integers(0, longest))))
        for _ in range(n)
    ]


# Scores -----------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["elman", "lstm", "gru"])
def test_the_score_of_a_word_is_its_log_softmax(cell):
    model = tiny(cell)
    sentences = random_sentences(150)
    scores = log_probabilities(model, sentences)
    assert len({len(s) for s in sentences}) > 5
    for sentence, found in zip(sentences, scores, strict=True):
        x = np.eye(len(VOCABULARY))[sentence[:-1]]
        h = STATES_NUMPY[type(model.params)](x, model.params)
        o = readout(h, model.params)
        expected = log_softmax(o, axis=1)[np.arange(len(x)), sentence[1:]]
        np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_a_sentence_scores_the_same_alone_and_among_others():
    model, sentences = tiny(), random_sentences(100)
    together = log_probabilities(model, sentences)
    for sentence, score in zip(sentences[:20], together, strict=False):
        (alone,) = log_probabilities(model, [sentence])
        np.testing.assert_allclose(alone, score, rtol=1e-12)
    assert log_probabilities(model, []) == []


def test_the_beginning_of_a_sentence_scores_as_it_does_in_the_whole():
    model = tiny()
    (sentence,) = [s for s in random_sentences(50) if len(s) == 8][:1]
    (whole,) = log_probabilities(model, [sentence])
    (begun,) = log_probabilities(model, [sentence[:5]])
    np.testing.assert_allclose(begun, whole[:4])


def test_probabilities_of_all_continuations_sum_to_1():
    n = len(VOCABULARY)
    pairs = [np.array([VOCABULARY.start, *two]) for two in product(range(n), repeat=2)]
    p = sum(np.exp(row.sum()) for row in log_probabilities(tiny(), pairs))
    assert p == pytest.approx(1)


def test_huge_logits_do_not_overflow():
    model = tiny()
    params = model.params._replace(b_o=1000 * np.arange(len(VOCABULARY)))
    scores = log_probabilities(model._replace(params=params), random_sentences(3))
    assert np.isfinite(np.concatenate(scores)).all()


@pytest.mark.parametrize("sentence", [[0], [], [3, 4, 1]])
def test_what_is_no_sentence_is_refused(sentence):
    with pytest.raises(ValueError, match="START and at least one word"):
        log_probabilities(tiny(), [np.array([0, 1]), np.array(sentence)])


# Groups -----------------------------------------------------------------------------


def test_perplexity_by_position_is_that_of_each_place():
    log_p = [np.log([0.5, 0.25]), np.log([0.5, 0.1, 0.3]), np.log([0.125, 0.2])]
    first, second = scoring.by_position(log_p)  # one word alone is no group
    assert (first.label, second.label) == ("1", "2")
    assert (first.n, second.n) == (3, 3)
    assert first.perplexity.value == pytest.approx((2 * 2 * 8) ** (1 / 3))
    assert second.perplexity.value == pytest.approx((4 * 10 * 5) ** (1 / 3))
    assert first.perplexity.low < first.perplexity.value < first.perplexity.high
    assert [g.label for g in scoring.by_position(log_p, longest=1)] == ["1"]


def test_the_interval_of_a_perplexity_holds_the_truth_as_often_as_it_says():
    rng, truth, hits = np.random.default_rng(1), np.exp(2), 0
    for _ in range(400):
        log_p = [np.array([value]) for value in -rng.exponential(2, 100)]
        (group,) = scoring.by_position(log_p)
        hits += group.perplexity.low < truth < group.perplexity.high
    assert 0.91 < hits / 400 < 0.98


def test_words_are_grouped_by_how_common_they_are():
    # The first words of the vocabulary are the most common: a, b | c, d, e | f to j
    sentence = VOCABULARY.encode(["a", "c", "zzz", "f", "b", "e", "j", "zzz", "f"])
    p = np.array([0.5, 0.1, 0.3, 0.01, 0.25, 0.2, 0.02, 0.4, 0.05, 0.9])
    groups = scoring.by_rank(
        [np.log(p), np.log([0.7])], [sentence, sentence[-2:]], VOCABULARY, edges=(2, 5)
    )
    found = {g.label: (g.n, g.perplexity.value) for g in groups}
    expected = {
        "END": (2, (1 / 0.9 / 0.7) ** (1 / 2)),
        "UNKNOWN": (2, (1 / 0.3 / 0.4) ** (1 / 2)),
        "1 to 2": (2, (2 * 4) ** (1 / 2)),
        "3 to 5": (2, (10 * 5) ** (1 / 2)),
        "6 to 10": (3, (100 * 50 * 20) ** (1 / 3)),
    }
    assert found.keys() == expected.keys()
    for label, (n, value) in expected.items():
        assert found[label] == (n, pytest.approx(value))


def test_scores_of_other_sentences_are_not_grouped():
    """As many words in all, but of sentences in another order."""
    sentences = [VOCABULARY.encode(["a"]), VOCABULARY.encode(["a", "b", "c"])]
    scores = log_probabilities(tiny(), sentences)
    with pytest.raises(ValueError, match="sentences must hold START and a word for"):
        scoring.by_rank(scores, sentences[::-1], VOCABULARY)


def test_a_row_of_zeros_is_near_to_nothing():
    model = tiny()
    model.params.W_ih[VOCABULARY.index["d"]] = 0
    with pytest.raises(ValueError, match=r"rows of W_ih must have a length .* of 'd'"):
        scoring.nearest("a", model)


def test_the_groups_together_have_the_perplexity_of_all():
    model, sentences = tiny(), random_sentences(300)
    scores = log_probabilities(model, sentences)
    overall = ngrams.perplexity(scores)
    for groups in (
        scoring.by_rank(scores, sentences, VOCABULARY, edges=(1, 4)),
        scoring.by_rank(scores, sentences, VOCABULARY),  # edges beyond the vocabulary
        scoring.by_position(scores, longest=50),
    ):
        assert len(groups) > 1
        n = sum(group.n for group in groups)
        assert n == sum(map(len, scores))
        mean = sum(group.n * np.log(group.perplexity.value) for group in groups) / n
        assert np.exp(mean) == pytest.approx(overall)
        assert all(isinstance(group, Group) for group in groups)


# Changed sentences ------------------------------------------------------------------


def test_shuffling_changes_the_order_and_nothing_else():
    rng, orders = np.random.default_rng(2), set()
    sentence = VOCABULARY.encode(["a", "b", "c", "b"])
    for _ in range(200):
        new = scoring.shuffled(sentence, rng)
        assert sorted(new) == sorted(sentence)
        assert (new[0], new[-1]) == (VOCABULARY.start, VOCABULARY.end)
        orders.add(tuple(new))
    # 4! / 2! orders, less the one that was there.
    assert len(orders) == 11
    assert tuple(sentence) not in orders


def test_swapping_exchanges_two_different_neighbours():
    rng, places = np.random.default_rng(3), set()
    sentence = VOCABULARY.encode(["a", "b", "b", "c"])
    for _ in range(100):
        new = scoring.swapped(sentence, rng)
        i, j = np.flatnonzero(new != sentence)
        assert j == i + 1
        assert (new[i], new[j]) == (sentence[j], sentence[i])
        places.add(int(i))
    assert places == {1, 3}
    assert list(sentence) == list(VOCABULARY.encode(["a", "b", "b", "c"]))


@pytest.mark.parametrize("change", [scoring.shuffled, scoring.swapped])
@pytest.mark.parametrize("tokens", [[], ["a"], ["a", "a", "a"]])
def test_a_sentence_without_another_order_is_refused(change, tokens):
    with pytest.raises(ValueError, match="two different words"):
        change(VOCABULARY.encode(tokens), np.random.default_rng(0))


def test_preference_counts_the_pairs_in_which_the_real_one_is_likelier():
    real = [np.array([-1.0, -2]), np.array([-5.0]), np.array([-1.0]), np.array([-2.0])]
    other = [np.array([-4.0]), np.array([-1.0, -3]), np.array([-1.0]), np.array([-3.0])]
    assert scoring.preference(real, other) == wilson(2, 4)  # a tie is no preference
    assert scoring.preference(other, real) == wilson(1, 4)


def test_a_model_of_the_order_prefers_the_real_order():
    """Sentences that go up the alphabet, scored by a bigram model of such sentences."""
    rng = np.random.default_rng(4)
    text = [
        VOCABULARY.encode(sorted(rng.choice(WORDS, rng.integers(3, 8), replace=False)))
        for _ in range(400)
    ]
    model = ngrams.fit(text[:300], 2, len(VOCABULARY), VOCABULARY.start)
    score = partial(ngrams.log_probabilities, model)
    share = {
        change.__name__: scoring.preference(
            score(text[300:]), score([change(s, rng) for s in text[300:]])
        ).value
        for change in (scoring.shuffled, scoring.swapped)
    }
    assert share["shuffled"] > 0.98
    assert share["swapped"] > 0.9


# The embedding ----------------------------------------------------------------------


def test_the_nearest_rows_are_those_of_the_largest_cosine():
    model = tiny()
    W_ih, at = model.params.W_ih, VOCABULARY.index
    W_ih[at["c"]] = 10 * W_ih[at["a"]]  # length does not matter
    W_ih[at["d"]] = -W_ih[at["a"]]
    W_ih[at["e"]] = W_ih[at["a"]] + 0.1 * np.linalg.norm(W_ih[at["a"]]) * np.eye(5)[0]
    found = scoring.nearest("a", model, n=len(VOCABULARY) - 1)
    assert [word for word, _ in found[:2]] == ["c", "e"]
    assert found[0][1] == pytest.approx(1)
    assert found[-1] == ("d", pytest.approx(-1))
    assert "a" not in dict(found)
    assert len(scoring.nearest("a", model)) == 5
    with pytest.raises(ValueError, match="'turnip'"):
        scoring.nearest("turnip", model)


# Habits -----------------------------------------------------------------------------

COUNTED = """
    i like tea , and you like it too .
    tea or coffee , sugar , or milk ?
    no !
    what ? ! !
    ( he said `` no . '' )
    so it goes : )
    `` never ( again '' )
    and then
    well ...
"""


def test_habits_are_counted_as_by_hand():
    sentences = [line.split() for line in COUNTED.strip().splitlines()]
    assert habits(sentences) == {
        "sentences that end in . ! or ?": wilson(6, 9),
        "commas with and/or after them": wilson(2, 3),
        "and/or with a comma before them": wilson(2, 3),
        "sentences with !!, ??, !? or ?!": wilson(1, 9),
        "brackets or quotes left unmatched": wilson(2, 3),
    }


def test_a_share_of_nothing_is_no_number_and_no_error():
    shares = habits([["hello", "."]])
    for key in ("commas with and/or after them", "brackets or quotes left unmatched"):
        assert np.isnan(shares[key].value)
        assert (shares[key].low, shares[key].high) == (0, 1)
    assert shares["sentences that end in . ! or ?"].value == 1
    assert not scoring.ends_closed([])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a ( b [ c ] d ) e", False),
        ("( a [ b ) c ]", True),
        ("a ) b (", True),
        ("`` a ''", False),
        ("'' a ``", True),
        ("a '' b ''", True),
        ("a ' b", False),
        ("“ a ” ( b )", False),
    ],
)
def test_brackets_and_quotes_are_matched_in_order(text, expected):
    assert scoring.leaves_unmatched(text.split()) is expected


def test_indices_become_tokens_again():
    ids = VOCABULARY.encode(["a", "b", "turnip"])
    assert scoring.tokens(ids, VOCABULARY) == ["a", "b", UNKNOWN]


# Agreement --------------------------------------------------------------------------

NOUN_OF = {noun: pair for pair in scoring.NOUNS for noun in pair}
VERB_OF = {verb: pair for pair in scoring.VERBS for verb in pair}


def probe_vocabulary(without=()):
    fillers = " ".join(f for some in scoring.BETWEEN.values() for f in some)
    words = {*NOUN_OF, *VERB_OF, "the", *fillers.replace("{}", "").split()}
    return Vocabulary((START, END, UNKNOWN, *sorted(words - set(without))))


FULL = probe_vocabulary()


def by_noun(which):
    """A scorer that lets the verb agree with one of the nouns before it, in order."""

    def score(sentences):
        scores = []
        for sentence in sentences:
            *words, verb = scoring.tokens(sentence, FULL)
            noun = [word for word in words if word in NOUN_OF][which]
            number = NOUN_OF[noun].index(noun)
            right = VERB_OF[verb].index(verb) == number
            scores.append(np.log([0.5, 0.9 if right else 0.1]))
        return scores

    return score


def test_a_scorer_that_knows_the_noun_is_always_right():
    shares = agreement(by_noun(0), FULL)
    assert list(shares) == list(scoring.BETWEEN)
    assert {share.value for share in shares.values()} == {1}


def test_a_scorer_that_takes_the_nearest_noun_is_misled():
    shares = agreement(by_noun(-1), FULL)
    assert shares.pop("3 words, a noun that misleads").value == 0
    assert {share.value for share in shares.values()} == {1}


def test_a_scorer_that_always_prefers_one_verb_is_right_half_of_the_time():
    def score(sentences):
        return [np.array([float(-sentence[-1])]) for sentence in sentences]

    assert {share.value for share in agreement(score, FULL).values()} == {0.5}


def test_a_trigram_model_sees_the_noun_across_one_word_and_no_further():
    """Trained on probes, with the singular twice as often.

    Not on those that mislead: "near the dog are" would teach it the wrong thing.
    """
    probes = [probe for probe in scoring.probes(FULL) if "misleads" not in probe.kind]
    text = [FULL.encode([*probe.beginning, probe.right]) for probe in probes]
    singular = {verbs[0] for verbs in scoring.VERBS}
    text += [
        sentence
        for sentence, probe in zip(text, probes, strict=True)
        if probe.right in singular
    ]
    model = ngrams.fit(text, 3, len(FULL), FULL.start)
    shares = agreement(partial(ngrams.log_probabilities, model), FULL)
    assert {kind: share.value for kind, share in shares.items()} == {
        "0 words": 1,
        "1 word": 1,
        "2 words": 0.5,
        "4 words": 0.5,
        "8 words": 0.5,
        "3 words, a noun that misleads": 0,
    }


def test_every_probe_is_what_its_kind_says():
    probes = scoring.probes(FULL)
    kinds = [probe.kind for probe in probes]
    for probe in probes:
        the, noun, *between = probe.beginning
        number = NOUN_OF[noun].index(noun)
        assert the == "the"
        assert len(between) == int(probe.kind.split()[0])
        assert probe.right == VERB_OF[probe.right][number]
        assert probe.wrong == VERB_OF[probe.right][1 - number]
        others = [NOUN_OF[word].index(word) for word in between if word in NOUN_OF]
        assert others == [1 - number] * ("misleads" in probe.kind)
    per_filler = len(scoring.NOUNS) * 2 * len(scoring.VERBS)
    for kind, fillers in scoring.BETWEEN.items():
        assert kinds.count(kind) == per_filler * len(fillers)


def test_probes_hold_no_word_that_the_vocabulary_lacks():
    vocabulary = probe_vocabulary(without=("dogs", "here", "really", "were"))
    probes = scoring.probes(vocabulary)
    words = {w for p in probes for w in (*p.beginning, p.right, p.wrong)}
    assert words <= set(vocabulary.words)
    assert not words & {"dog", "was"}  # both numbers or none
    assert "1 word" not in {probe.kind for probe in probes}
    assert "2 words" in {probe.kind for probe in probes}


def test_a_network_can_be_asked():
    params = initial("elman", len(FULL), 4, np.random.default_rng(0))
    model = LanguageModel(FULL, params, {})
    shares = agreement(partial(log_probabilities, model), FULL)
    assert list(shares) == list(scoring.BETWEEN)
    assert all(0.2 < share.value < 0.8 for share in shares.values())


# The recorded scores ------------------------------------------------------------------


def sentence_pool(n, seed):
    lines = [line.split() for line in COUNTED.strip().splitlines()]
    rng = np.random.default_rng(seed)
    return [lines[i] for i in rng.integers(0, len(lines), n)]


@pytest.fixture
def small_world(monkeypatch):
    """A corpus of nine sentences, again and again, and an untrained network."""
    train, test = sentence_pool(300, 0), sentence_pool(100, 1)
    vocabulary = Vocabulary.of(train, 8000)
    parts = [[vocabulary.encode(tokens) for tokens in part] for part in (train, test)]
    data = training.Data(vocabulary, parts[0], parts[1], parts[1])
    params = initial("elman", len(vocabulary), 4, np.random.default_rng(0))
    network = LanguageModel(vocabulary, params, {})
    monkeypatch.setattr(training, "data", lambda name, size: data)
    monkeypatch.setattr(LanguageModel, "load", lambda: network)
    return data, network


def test_scores_are_recorded_and_read_as_they_were_measured(small_world, tmp_path):
    data, network = small_world
    assert experiments.record(tmp_path) == tmp_path / "lm-scores.json"
    document = experiments.load(tmp_path)
    score = partial(log_probabilities, network)
    judged = experiments.judge(score, data.vocabulary, data.test)
    recorded = document["network"]
    assert recorded["perplexity"] == pytest.approx(judged["perplexity"])
    for key in ("by_position", "by_rank"):
        assert [g.label for g in recorded[key]] == [g.label for g in judged[key]]
        for now, then in zip(judged[key], recorded[key], strict=True):
            assert now.n == then.n
            assert now.perplexity == pytest.approx(then.perplexity)
    for key, share in judged["preference"].items():
        assert recorded["preference"][key] == pytest.approx(share)


def test_a_model_that_knows_the_sentences_is_judged_better(small_world, tmp_path):
    experiments.record(tmp_path)
    document = experiments.load(tmp_path)
    trained, untrained = document["trigram"], document["network"]
    assert trained["perplexity"] < 5 < untrained["perplexity"]
    assert trained["preference"]["shuffled"].value > 0.95
    assert untrained["preference"]["shuffled"].value < 0.9
    assert trained["pairs"] == untrained["pairs"] == 100


def test_a_model_of_other_words_is_refused(small_world, tmp_path, monkeypatch):
    _, network = small_world
    other = network._replace(vocabulary=VOCABULARY)
    monkeypatch.setattr(LanguageModel, "load", lambda: other)
    with pytest.raises(ValueError, match="must have the vocabulary"):
        experiments.record(tmp_path)
    assert not list(tmp_path.iterdir())


def test_no_comparison_of_nan_decides_a_preference():
    good, bad = [np.array([-1.0])], [np.array([np.nan])]
    for pair, name in (((bad, good), "real"), ((good, bad), "changed")):
        with pytest.raises(ValueError, match=f"{name} must hold log P; got NaN"):
            scoring.preference(*pair)
