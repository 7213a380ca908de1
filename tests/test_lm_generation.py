"""Generated sentences have the probabilities of the model, and keep to the rules."""

import codecs

import numpy as np
import pytest
from scipy import stats
from scipy.special import softmax

from helpers.lm import generation, wordfilter
from helpers.lm.generation import by_rerunning, draw_word, sample, sentences
from helpers.lm.model import LanguageModel, advance, initial, start
from helpers.tasks.text import END, START, UNKNOWN, Vocabulary

WORDS = ("a", "b", "c", "d", "e", "f", ".", ",", "!")
CELLS = ("elman", "lstm", "gru")


def tiny(cell="elman", seed=0, H=5, words=WORDS):
    """An untrained model with large weights, so that its words depend on the past."""
    vocabulary = Vocabulary((START, END, UNKNOWN, *words))
    params = initial(cell, len(vocabulary), H, np.random.default_rng(seed))
    params = type(params)(*(3 * value for value in params))
    return LanguageModel(vocabulary, params, {})


def rng(seed=0):
    return np.random.default_rng(seed)


def tokens(model, sentence):
    return [model.vocabulary.words[i] for i in sentence]


def fit(counts, p):
    """The p-value of the chi-square test; rare outcomes are counted as one."""
    expected = counts.sum() * p
    often = expected > 5
    observed = np.append(counts[often], counts[~often].sum())
    wanted = np.append(expected[often], expected[~often].sum())
    possible = wanted > 0
    assert observed[~possible].sum() == 0
    return stats.chisquare(observed[possible], wanted[possible]).pvalue


# The right probabilities --------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("temperature", [0.5, 1, 3])
def test_words_come_as_often_as_the_model_says(cell, temperature):
    """The first two words of 20,000 sentences, against softmax(o / temperature)."""
    model = tiny(cell)
    v, n = model.vocabulary, 20_000
    allowed = ~np.isin(np.arange(len(v)), [v.start, v.unknown])

    def probabilities(o):
        return softmax(np.where(allowed, o, -np.inf) / temperature)

    state, o = advance(v.start, start(model.params), model.params)
    expected = np.zeros((len(v), len(v)))  # first word, second word
    for word, p in enumerate(
        probabilities(np.where(np.arange(len(v)) == v.end, -np.inf, o))
    ):
        if p:
            expected[word] = p * probabilities(advance(word, state, model.params)[1])
    found = np.zeros_like(expected)
    for s in sample(model, n, rng(1), temperature, maximum=2):
        found[s[1], s[2]] += 1
    assert found[expected == 0].sum() == 0
    assert fit(found, expected) > 0.001


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("words", [(), (3, 7), (4, 4, 9)])
def test_the_probabilities_are_those_that_a_word_is_drawn_from(cell, words):
    """Each draw at the middle of a word's share takes that word."""
    model = tiny(cell)
    v = model.vocabulary
    p = generation.probabilities(model, words, temperature=0.7)
    assert p.sum() == pytest.approx(1)
    never = [v.start, v.unknown, *([] if words else [v.end])]
    assert set(np.flatnonzero(p == 0)) == set(never)
    state = start(model.params)
    for word in (v.start, *words):
        state, o = advance(word, state, model.params)
    o[never] = -np.inf
    np.testing.assert_allclose(p, softmax(o / 0.7), rtol=1e-9)
    allowed = np.flatnonzero(p)
    reach = np.cumsum(p)[allowed]
    middle = 1 - (reach - p[allowed] / 2)
    drawn = draw_word(np.tile(o, (len(allowed), 1)), middle, 0.7)
    np.testing.assert_array_equal(drawn, allowed)


def test_the_probabilities_leave_out_what_is_not_to_be_shown():
    rude = codecs.decode("shpx", "rot13")
    model = tiny(words=(*WORDS, rude))
    number = model.vocabulary.index[rude]
    assert generation.probabilities(model, [3])[number] == 0
    assert generation.probabilities(model, [3], filtered=False)[number] > 0
    with pytest.raises(ValueError, match="temperature must be a positive number"):
        generation.probabilities(model, [3], temperature=0)


def test_at_the_smallest_temperature_the_likeliest_word_is_certain():
    likeliest = generation.probabilities(tiny(), [3]).argmax()
    with np.errstate(over="ignore"):
        p = generation.probabilities(tiny(), [3], temperature=1e-310)
    np.testing.assert_array_equal(p, np.arange(len(p)) == likeliest)


@pytest.mark.parametrize("end", [0, 1])
def test_no_word_comes_after_the_end_and_start_is_not_said_twice(end):
    with pytest.raises(ValueError, match=r"words must hold neither START.*got \[3"):
        generation.probabilities(tiny(), [3, end])


def test_a_vocabulary_without_words_is_refused():
    for draw in (
        lambda model: generation.probabilities(model, []),
        lambda model: sample(model, 1, rng()),
        lambda model: by_rerunning(model, rng()),
    ):
        with pytest.raises(ValueError, match="vocabulary must hold a word"):
            draw(tiny(words=()))


def test_a_model_whose_vocabulary_has_another_size_is_refused():
    model = tiny()._replace(vocabulary=Vocabulary((START, END, UNKNOWN, "a")))
    with pytest.raises(ValueError, match=r"W_ih must have 4 rows .* got 12 and 12"):
        sample(model, 1, rng())


def test_a_wrong_temperature_would_be_noticed():
    model, n = tiny(), 20_000
    first = [
        np.bincount(
            [s[1] for s in sample(model, n, rng(2), t, maximum=1)], minlength=12
        )
        for t in (1, 1.1)
    ]
    often = first[0] > 5
    table = [counts[often] for counts in first]
    assert stats.chi2_contingency(table).pvalue < 1e-6


def test_a_low_temperature_takes_the_likeliest_word():
    model = tiny(seed=3)
    v, blocked = model.vocabulary, generation._blocked(model.vocabulary, True)
    expected, (state, o) = (
        [v.start],
        advance(v.start, start(model.params), model.params),
    )
    for t in range(8):
        o = o + blocked
        o[v.end] = -np.inf if t < 1 else o[v.end]
        expected.append(int(o.argmax()))
        if expected[-1] == v.end:
            break
        state, o = advance(expected[-1], state, model.params)
    for s in sample(model, 20, rng(4), temperature=1e-3, maximum=8):
        assert list(s) == expected


@pytest.mark.parametrize("cell", CELLS)
def test_carrying_the_state_gives_what_reading_all_again_gives(cell):
    """Many sentences at once, of which some end early, and each of them alone.

    Each takes a row of random numbers, so both ways take the same.
    """
    model, options = tiny(cell), {"temperature": 0.8, "minimum": 2, "maximum": 12}
    carried, one_by_one = sample(model, 150, rng(), **options), rng()
    for sentence in carried:
        again = by_rerunning(model, one_by_one, **options)
        np.testing.assert_array_equal(sentence, again)
    assert len({len(sentence) for sentence in carried}) > 8


@pytest.mark.parametrize("n", [1, 10, 200])
def test_the_first_sentences_do_not_depend_on_how_many_follow(n):
    model = tiny()
    many, few = sample(model, 201, rng(5)), sample(model, n, rng(5))
    for a, b in zip(few, many, strict=False):
        np.testing.assert_array_equal(a, b)


def test_a_word_costs_one_step_and_by_rerunning_one_for_each_word_before(monkeypatch):
    steps = []

    def counted(word, state, params):
        steps.append(word)
        return advance(word, state, params)

    monkeypatch.setattr(generation, "advance", counted)
    for T in (1, 5, 20):
        sample(tiny(), 1, rng(), minimum=T, maximum=T)
        # The last word is read too, though nothing is drawn after it.
        assert len(steps) == T + 1
        steps.clear()
        by_rerunning(tiny(), rng(), minimum=T, maximum=T)
        assert len(steps) == T * (T + 1) / 2
        steps.clear()


# The rules --------------------------------------------------------------------------


def test_sentences_begin_and_end_as_they_should():
    model = tiny()
    v = model.vocabulary
    drawn = sample(model, 300, rng(6), minimum=3, maximum=9)
    assert {len(s) for s in drawn} == set(range(5, 12)) - {11}
    for s in drawn:
        assert s[0] == v.start
        assert v.start not in s[1:]
        assert v.end not in s[:-1]
        assert v.unknown not in s
        assert (s[-1] == v.end) or len(s) == 10
    assert any(s[-1] != v.end for s in drawn)


def test_a_minimum_of_0_allows_the_empty_sentence():
    assert min(map(len, sample(tiny(), 300, rng(7), minimum=0))) == 2
    assert min(map(len, sample(tiny(), 300, rng(7)))) == 3


def test_unknown_would_come_if_it_were_not_excluded():
    model = tiny()
    _, o = advance(model.vocabulary.start, start(model.params), model.params)
    assert softmax(o)[model.vocabulary.unknown] > 0.005


def test_the_seed_is_read_and_not_changed():
    model = tiny()
    drawn = sample(model, 300, rng(8), seed_text="B c, d", maximum=5)
    for s in drawn:
        assert tokens(model, s)[:5] == [START, "b", "c", ",", "d"]
    v = model.vocabulary
    state = start(model.params)
    for word in drawn[0][:5]:
        state, o = advance(word, state, model.params)
    p = softmax(o + generation._blocked(v, True))
    counts = np.bincount([s[5] for s in drawn], minlength=len(v))
    assert fit(counts, p) > 0.001


def test_sentences_are_text_to_read():
    model = tiny()
    texts = sentences(model, 50, rng(9), temperature=0.7)
    expected = [
        model.vocabulary.decode(s) for s in sample(model, 50, rng(9), temperature=0.7)
    ]
    assert texts == expected
    assert not any(mark in text for text in texts for mark in (START, END, UNKNOWN))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0}, "temperature must be a positive number"),
        ({"temperature": float("nan")}, "temperature must be a positive number"),
        ({"minimum": 9, "maximum": 8}, "maximum = 8, minimum = 9"),
        ({"minimum": -1}, "minimum = -1"),
        ({"maximum": 0, "minimum": 0}, "maximum = 0"),
        ({"seed_text": "a b c", "maximum": 3}, "3 words"),
        ({"seed_text": "a turnip"}, "does not know 'turnip'"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        sample(tiny(), 1, rng(), **options)


# Drawing one word ---------------------------------------------------------------------


def test_a_number_draws_the_word_on_whose_share_it_falls():
    o = np.log([[0.2, 0.3, 0.5]] * 5)
    words = draw_word(o, 1 - np.array([1, 0.51, 0.49, 0.21, 0.19]))
    assert list(words) == [2, 2, 1, 1, 0]


@pytest.mark.parametrize("blocked", [0, 1, 2])
def test_a_blocked_word_is_not_hit_by_the_extreme_numbers(blocked):
    o = np.zeros((1000, 3))
    o[:, blocked] = -np.inf
    extremes = [0.0, np.nextafter(1, 0), 0.5, np.nextafter(0.5, 0)]
    draws = np.array([*extremes, *rng().random(996)])
    assert set(draw_word(o, draws)) == {0, 1, 2} - {blocked}


def test_large_logits_do_not_overflow():
    o = np.array([1e4, 1e4 - 1, -1e4])
    assert draw_word(o, np.array(0.99)) == 0
    assert draw_word(o, np.array(0.01)) == 1


# The word filter ----------------------------------------------------------------------


@pytest.fixture
def harmless_list(tmp_path, monkeypatch):
    """A list of vegetables, with each kind of entry."""
    path = tmp_path / "list.txt"
    entries = codecs.encode("turnip\nbake\n=leek\n*radish\n", "rot13")
    path.write_text("# a turnip in a comment\n" + entries)
    monkeypatch.setattr(wordfilter, "PATH", path)
    wordfilter._pattern.cache_clear()
    wordfilter._matches.cache_clear()
    yield
    wordfilter._pattern.cache_clear()
    wordfilter._matches.cache_clear()


@pytest.mark.usefixtures("harmless_list")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("turnip Turnips TURNIPED turniping turniper's tturniiips turnipped", True),
        ("half-turniped turnip/carrot *turnip* turnip.", True),
        ("turnipy turnipish returnip turn comment", False),
        ("bake bakes baked baker bakers baking bakeeee bakkked", True),
        ("bak bakery baklava", False),
        ("leek leek-like", True),
        ("leeks leeeek leeky", False),
        ("radish horseradish radishes raaadishy", True),
        ("t*rnip c@rrot b**e", True),
        ("* 2*3 @someone #topic *so* a+b 5% $5", False),
        (f"{START} {END} {UNKNOWN}", False),
    ],
)
def test_an_entry_stands_for_its_forms(words, expected):
    found = wordfilter.unsuitable(words.split())
    assert found.dtype == bool
    assert dict(zip(words.split(), found, strict=True)) == dict.fromkeys(
        words.split(), expected
    )


@pytest.mark.usefixtures("harmless_list")
def test_unsuitable_words_are_not_generated_unless_one_asks_for_them():
    model = tiny(words=("turnip", "carrot", "baked", "."))
    kept = {t for s in sample(model, 300, rng(10)) for t in tokens(model, s)}
    assert kept == {START, END, "carrot", "."}
    kept = {
        t for s in sample(model, 300, rng(10), filtered=False) for t in tokens(model, s)
    }
    assert kept == {START, END, "carrot", ".", "turnip", "baked"}
    for seed in range(20):
        assert "turnip" not in tokens(model, by_rerunning(model, rng(seed)))


def entries():
    lines = wordfilter.PATH.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_the_list_is_sorted_and_made_of_entries():
    assert len(entries()) > 200
    assert entries() == sorted(set(entries()))
    assert all(entry.lstrip("=*").replace("-", "").isalpha() for entry in entries())
    assert all(entry == entry.lower() for entry in entries())


def test_every_entry_matches_itself_and_does_not_stand_there_in_plain():
    plain = [codecs.decode(entry, "rot13").lstrip("=*") for entry in entries()]
    assert wordfilter.unsuitable(plain).all()
    written = {entry.lstrip("=*") for entry in entries()}
    assert not wordfilter.unsuitable(written).any()


LOOK_ALIKES = """
    class assess passion bass grass analysis canal peacock cockpit cocktail hello
    shell title constitution document circumstance rapper rappers wrapped grape
    therapist spicy spices snigger tyranny popcorn swan swanky saltwater Dickens
    addicted custard mustard sextet Essex sexism scrape drape hoof shoes homework
    shot foot after staff cute nudge spade pedal pissarro raccoon tycoon cucumber
    virtual ornament thoughts breath titan button buttercup peninsula sublime gay
    lesbian black white jewish muslim christian disabled autistic immigrant
"""


def test_words_that_only_look_alike_may_stay():
    words = LOOK_ALIKES.split()
    found = wordfilter.unsuitable(words)
    assert [word for word, bad in zip(words, found, strict=True) if bad] == []


@pytest.mark.parametrize(
    "o", [[np.nan, 0.0], [np.inf, 0.0], [-np.inf, -np.inf]], ids=repr
)
def test_logits_without_a_softmax_draw_no_word(o):
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(ValueError, match="o must be logits"),
    ):
        generation.draw_word(np.array(o), np.array(0.5))


def test_a_model_with_nan_says_nothing():
    model = tiny()
    broken = model.params._replace(b_o=np.full_like(model.params.b_o, np.nan))
    with pytest.raises(ValueError, match="model must have finite parameters"):
        sample(model._replace(params=broken), 1, rng())
