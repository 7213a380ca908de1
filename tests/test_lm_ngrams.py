"""Kneser-Ney against NLTK, a slow independent version, and chains that are known."""

from collections import Counter, defaultdict
from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest
from nltk.lm import KneserNeyInterpolated
from nltk.util import everygrams

from helpers.experiments import ch08_baselines_runs as experiments
from helpers.experiments.__main__ import main
from helpers.lm import ngrams, training
from helpers.results import records
from helpers.tasks.text import SPECIAL, Vocabulary

START, END = 0, 1


def random_text(seed, sentences=60, V=12):
    """Sentences of words 2 to V - 1, some words much more common than others."""
    rng = np.random.default_rng(seed)
    p = 1 / np.arange(1, V - 1)
    return [
        [START, *rng.choice(np.arange(2, V), rng.integers(0, 8), p=p / p.sum()), END]
        for _ in range(sentences)
    ]


def every_context(V, length):
    return list(product(range(V), repeat=length))


# Against other versions -----------------------------------------------------------


def by_definition(text, n, V, modified=False):
    """P(word | context) with dicts and recursion, after the formulas."""
    padded = [[START] * (n - 1) + list(s[1:]) for s in text]
    counts = {n: Counter()}
    for s in padded:
        counts[n].update(tuple(s[i : i + n]) for i in range(len(s) - n + 1))
    for k in range(n - 1, 0, -1):
        before = defaultdict(set)
        for gram in counts[k + 1]:
            before[gram[1:]].add(gram[0])
        counts[k] = Counter({gram: len(words) for gram, words in before.items()})
        for gram in counts[k]:
            if modified and gram[0] == START:
                ends = [
                    tuple(s[i - k : i]) for s in padded for i in range(n, len(s) + 1)
                ]
                counts[k][gram] = ends.count(gram)
    for k in counts if modified else ():
        once = {g: c for g, c in counts[k].items() if g[:-1][:2] != (START, START)}
        counts[k] = Counter(once or counts[k])
    discounts = {}
    for k in counts:
        n_1, n_2, n_3, n_4 = (
            sum(c == i for c in counts[k].values()) for i in (1, 2, 3, 4)
        )
        D = n_1 / (n_1 + 2 * n_2) if n_1 else 0.5
        discounts[k] = [D, D, D]
        if modified and n_1 and n_2 and n_3 and n_4:
            three = (
                1 - 2 * D * n_2 / n_1,
                2 - 3 * D * n_3 / n_2,
                3 - 4 * D * n_4 / n_3,
            )
            discounts[k] = [
                d if 0 < d <= i else D for i, d in enumerate(three, start=1)
            ]

    @cache
    def followers(context):
        k = len(context) + 1
        return {gram[-1]: c for gram, c in counts[k].items() if gram[:-1] == context}

    def p(word, context):
        if word == START:
            return 0
        lower = p(word, context[1:]) if context else 1 / (V - 1)
        after, D = followers(context), discounts[len(context) + 1]
        if not after:
            return lower
        count = after.get(word, 0)
        kept = count - min(D[min(count, 3) - 1], count) if count else 0
        given = sum(D[min(c, 3) - 1] for c in after.values())
        return (kept + given * lower) / sum(after.values())

    return p


@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("text", [random_text(3), [[START, 2, 2, END]] * 3])
@pytest.mark.parametrize("modified", [False, True])
def test_it_agrees_with_the_definition(text, n, modified):
    """Also in contexts, and on words, that never occurred: 12 and 13."""
    V = 14
    model = ngrams.fit(text, n, V, START, modified)
    p = by_definition(text, n, V, modified)
    for context in every_context(V, n - 1)[:: 1 if n < 4 else 7]:
        found = ngrams.distribution(model, context)
        expected = [p(word, context) for word in range(V)]
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        assert found.sum() == pytest.approx(1, abs=1e-12)
        assert (np.delete(found, START) > 0).all()


def test_the_modified_discounts_are_three_and_a_gram_at_the_start_keeps_its_count():
    text = random_text(3)
    plain, modified = (ngrams.fit(text, 3, 12, START, m) for m in (False, True))
    for order in plain.orders:
        assert len(set(order.discounts)) == 1
    assert len(set(modified.orders[2].discounts)) == 3
    first = Counter(s[1] for s in text)
    of_pairs = modified.orders[1]
    for word, count in first.items():  # START stands before START: one context
        key = np.searchsorted(of_pairs.contexts, START) * 12 + word
        assert of_pairs.counts[np.searchsorted(of_pairs.grams, key)] == count
        assert plain.orders[1].counts[np.searchsorted(of_pairs.grams, key)] == 1


def test_five_words_of_eight_thousand_are_counted():
    seen = [START, 7999, 7998, 7999, 7998, END]
    text = [seen, [START, 5, 7998, 7999, 7998, 6]] * 9
    model = ngrams.fit(text, 5, 8000, START)
    p = ngrams.distribution(model, [7999, 7998, 7999, 7998])
    assert p.argmax() == END
    assert p.sum() == pytest.approx(1)


def test_it_agrees_with_nltk():
    """NLTK has one discount for all orders, and takes none from single words.

    So it never reaches the level below, where all words are equally likely. Its own
    padding would add predictions of START and a second END, so it gets our n-grams.
    """
    text, V, D = random_text(4), 12, 0.4
    names = [f"word {i}" for i in range(V)]
    padded = [[names[i] for i in (START, *sentence)] for sentence in text]
    nltk_model = KneserNeyInterpolated(3, discount=D)
    nltk_model.fit(
        [
            [gram for gram in everygrams(s, max_len=3) if gram[-1] != names[START]]
            for s in padded
        ],
        names,
    )
    model = ngrams.fit(text, 3, V, START)
    orders = []
    for k, o in enumerate(model.orders):
        taken = np.full(3, D * (k > 0))
        followers = np.bincount(o.grams // V)
        orders.append(replace(o, discounts=taken, given=taken[0] * followers))
    model = replace(model, orders=tuple(orders))
    for context in every_context(V, 2):
        if context[1] == START != context[0]:
            continue  # START stands only at the beginning
        words = tuple(names[i] for i in context)
        expected = [nltk_model.unmasked_score(word, words) for word in names]
        np.testing.assert_allclose(ngrams.distribution(model, context), expected)


# What it should find ----------------------------------------------------------------


def chain(rng, sentences):
    """Sentences of a Markov chain over a, b and c, and the perplexity of its truth."""
    #              END   a    b    c
    step = {
        START: [0.0, 0.6, 0.3, 0.1],
        2: [0.1, 0.1, 0.7, 0.1],
        3: [0.2, 0.1, 0.1, 0.6],
        4: [0.5, 0.3, 0.1, 0.1],
    }
    text, log_p = [], []
    for _ in range(sentences):
        sentence = [START]
        while sentence[-1] != END:
            p = step[sentence[-1]]
            sentence.append(int(rng.choice([END, 2, 3, 4], p=p)))
            log_p.append(np.log(p[[END, 2, 3, 4].index(sentence[-1])]))
        text.append(sentence)
    return text, np.exp(-np.mean(log_p))


def test_the_bigram_model_learns_a_chain_and_the_unigram_model_cannot():
    rng = np.random.default_rng(5)
    train, _ = chain(rng, 5000)
    test, truth = chain(rng, 2000)
    found = {}
    for n in (1, 2, 3):
        model = ngrams.fit(train, n, 5, START)
        found[n] = ngrams.perplexity(ngrams.log_probabilities(model, test))
    assert found[2] == pytest.approx(truth, rel=0.005)
    assert found[3] == pytest.approx(truth, rel=0.01)
    assert found[1] > 1.3 * truth


def test_a_word_of_one_context_is_not_expected_in_others():
    """ "Francisco": as frequent as another word, but always after the same one."""
    san, francisco, house, *others = range(2, 10)
    text = [[START, san, francisco, END]] * 10
    text += [[START, word, house, END] for word in others for _ in range(2)]
    model = ngrams.fit(text, 2, 11, START)
    assert sum(s.count(house) for s in text) == sum(s.count(francisco) for s in text)
    p = ngrams.distribution(model, [10])  # a context that was never seen
    assert p[house] > 3 * p[francisco]


# Scores -------------------------------------------------------------------------------


def test_each_word_after_start_has_its_probability():
    text = random_text(6)
    model = ngrams.fit(text, 3, 12, START)
    sentences = [[START, END], [START, 2, 5, 3, END], [START, 4, END]]
    scores = ngrams.log_probabilities(model, sentences)
    assert [len(row) for row in scores] == [1, 4, 2]
    expected = [
        ngrams.distribution(model, context)[word]
        for context, word in (([], 2), ([2], 5), ([2, 5], 3), ([2, 5, 3], END))
    ]
    np.testing.assert_allclose(np.exp(scores[1]), expected)
    # A sentence knows nothing of the one before it.
    alone = ngrams.log_probabilities(model, sentences[1:2])
    np.testing.assert_array_equal(alone[0], scores[1])
    assert ngrams.log_probabilities(model, []) == []


def test_the_probabilities_of_all_sentences_of_two_words_add_up():
    model = ngrams.fit(random_text(7), 3, 12, START)
    words = range(2, 12)
    of_two = [[START, a, b, END] for a in words for b in words]
    p = sum(np.exp(row.sum()) for row in ngrams.log_probabilities(model, of_two))
    begun = [[START, a, b] for a in words for b in words]
    q = sum(
        np.exp(row.sum()) * ngrams.distribution(model, s)[END]
        for row, s in zip(ngrams.log_probabilities(model, begun), begun, strict=True)
    )
    assert p == pytest.approx(q)
    assert 0.01 < p < 1


def test_perplexity_counts_words_and_not_sentences():
    log_p = [np.log([0.5, 0.5, 0.5]), np.log([0.125])]
    assert ngrams.perplexity(log_p) == pytest.approx((2**3 * 8) ** (1 / 4))
    assert ngrams.perplexity([np.log(np.full(9, 1 / 8000))]) == pytest.approx(8000)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ngrams.fit([[START, 2, END]], 0, 5, START), "n must be at least 1"),
        (lambda: ngrams.fit([[START, 2, END]], 6, 8000, START), r"below 2 \*\* 63"),
        (lambda: ngrams.fit([[START, 2]], 10**30, 5, START), r"below 2 \*\* 63"),
        (lambda: ngrams.fit([], 2, 5, START), "at least one word"),
        (lambda: ngrams.fit([[START]], 2, 5, START), "at least one word"),
        (lambda: ngrams.fit([[2, END]], 2, 5, START), "sentence 0"),
        (lambda: ngrams.fit([[START, 2, START]], 2, 5, START), "sentence 0"),
        (
            lambda: ngrams.fit([[START, 2, 5]], 2, 5, START),
            r"from 0 to 4; got \[0, 2, 5\]",
        ),
        (lambda: ngrams.fit([[START, -1]], 2, 5, START), "from 0 to 4"),
        (lambda: ngrams.perplexity([]), "at least one word"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# The recorded baselines ---------------------------------------------------------------


def small_data():
    rng = np.random.default_rng(8)
    parts = (chain(rng, n)[0] for n in (2000, 500, 500))
    start, end, unknown = SPECIAL
    vocabulary = Vocabulary((start, end, "a", "b", "c", unknown))
    return training.Data(vocabulary, *parts)


def test_baselines_are_measured_on_the_test_part():
    data = small_data()
    models = experiments.measure(data)
    assert list(models) == ["uniform", *experiments.ORDERS]
    assert models["uniform"]["test"] == 6
    assert models["bigram"]["test"] < 0.8 * models["unigram"]["test"]
    swapped = data._replace(validation=data.test, test=data.validation)
    again = experiments.measure(swapped)
    for name, n in experiments.ORDERS.items():
        assert again[name]["test"] == models[name]["validation"]
        model = ngrams.fit(data.train, n, 6, START)
        expected = ngrams.perplexity(ngrams.log_probabilities(model, data.test))
        assert models[name]["test"] == expected
        assert models[name]["discounts"] == [o.discounts[0] for o in model.orders]


def test_the_record_is_written_read_and_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(training, "data", lambda name, size: small_data())
    assert main(["lm-baselines", "--output", str(tmp_path)]) == 0
    document = experiments.load(tmp_path)
    said = capsys.readouterr().out
    assert f"{document['models']['bigram']['test']:.2f}\n" in said
    assert said.endswith(f"written to {tmp_path / 'lm-baselines.json'}\n")
    assert document["vocabulary"] == 6
    assert document["sentences"] == {"train": 2000, "validation": 500, "test": 500}
    assert document["test_words"] == sum(len(s) - 1 for s in small_data().test)
    assert document["test_unknown"] == 0
    assert document["models"]["bigram"]["test"] == pytest.approx(
        experiments.measure(small_data())["bigram"]["test"]
    )


def test_a_corpus_that_is_not_here_is_said_and_nothing_written(monkeypatch, capsys):
    def missing(name, size):
        raise FileNotFoundError("the corpus is not here")

    monkeypatch.setattr(training, "data", missing)
    before = (records.FOLDER / "lm-baselines.json").read_bytes()
    assert main(["lm-baselines"]) == 1
    assert "lm-baselines: the corpus is not here" in capsys.readouterr().err
    assert (records.FOLDER / "lm-baselines.json").read_bytes() == before


@pytest.mark.parametrize("option", ["--verify", "--seeds=2"])
def test_what_is_measured_once_has_no_seeds(option, capsys):
    with pytest.raises(SystemExit):
        main(["lm-baselines", option])
    assert "lm-baselines is measured once" in capsys.readouterr().err


def test_the_recorded_baselines_are_those_of_8000_words():
    document = experiments.load()
    perplexity = [model["test"] for model in document["models"].values()]
    assert perplexity == sorted(perplexity, reverse=True)
    assert perplexity[0] == document["vocabulary"] == experiments.V
    assert 0 < document["test_unknown"] < 0.1


def test_the_recorded_baselines_come_out_again():
    try:
        data = training.data(experiments.CORPUS, experiments.V)
    except FileNotFoundError as error:
        pytest.skip(str(error))
    recorded = experiments.load()["models"]
    for name, model in experiments.measure(data).items():
        for key in ("test", "validation", "discounts"):
            assert model[key] == pytest.approx(recorded[name][key], rel=1e-8)
