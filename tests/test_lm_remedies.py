"""helpers.lm.remedies, against loops in NumPy and central differences."""

import dataclasses
import math

import numpy as np
import pytest
from scipy.special import expit, log_softmax

from helpers import engine
from helpers.lm import batches, model, remedies, scoring, training
from helpers.lm.training import Run, Settings, Trainer
from helpers.tasks.text import SPECIAL, Vocabulary

V, H, M = 9, 4, 3
PLAIN = Settings(hidden=H, vocabulary=V, batch=12, dropout=0, clip=1e9, lr=0.01)
WORDS = Vocabulary((*SPECIAL[:2], SPECIAL[2], *"abcdef"))
LOCKED = {"dropout": 0.3, "locked": True}
RECIPES = {
    "zaremba": {"dropout": 0.3, "embedding": M},
    "gal": LOCKED | {"embedding": M, "recurrent": 0.4, "words": 0.3},
    "merity": LOCKED | {"embedding": H, "tied": True, "connect": 0.4, "words": 0.3},
    "projected": {"dropout": 0.2, "embedding": M, "tied": True},
    "turned over": {"tied": True, "recurrent": 0.3},
    "norm": {"norm": True, "embedding": M, "recurrent": 0.3},
    "all but E": {"norm": True, "words": 0.3, "connect": 0.3},
}
CASES = [
    (name, cell)
    for name, recipe in RECIPES.items()
    for cell in ("elman", "lstm")
    if "embedding" in recipe or "tied" not in recipe or cell == "elman"
]
each_recipe = pytest.mark.parametrize(("name", "cell"), CASES)


@pytest.fixture(autouse=True)
def float64():
    engine.select("python")


@pytest.fixture
def batch():
    """Two sentences, of 4 and of 2 predictions; word 5 is read in both."""
    some = [np.array([0, 5, 7, 5, 1]), np.array([0, 5, 1])]
    return batches.fill(some, 4, 2, [0, 1])


def settings_of(name, cell):
    return dataclasses.replace(PLAIN, cell=cell, **RECIPES[name])


def first_of(settings, seed=0):
    """Values none of which is zero, so that none can be left out unseen."""
    rng = np.random.default_rng(seed)
    sizes = (settings.cell, V, settings.hidden)
    made = remedies.initial(*sizes, rng, 1.0, *settings.layers())
    return {key: rng.uniform(-1, 1, value.shape) for key, value in made.items()}


def normed(z, n):
    parts = z.reshape(-1, n)
    centred = parts - parts.mean(1, keepdims=True)
    return (centred / np.sqrt(centred.var(1, keepdims=True) + 1e-5)).ravel()


def cost_by_loop(batch, learned, cell, kept):
    """The cost of a batch, a sentence and a word at a time, with these masks."""
    total = 0.0
    words = np.unique(batch.x)
    E = learned.get("E", learned["W_ih"])
    for b in range(batch.x.shape[1]):
        h, c = learned["h0"], learned.get("c0")
        W_hh = learned["W_hh"] * kept.get("connect", 1)
        for t in range(batch.x.shape[0]):
            at = np.searchsorted(words, batch.x[t, b])
            e = E[batch.x[t, b]] * (kept["words"][at] if "words" in kept else 1)
            rows, outs = (kept.get(key) for key in ("rows", "h"))
            if rows is not None:
                e = e * rows[min(t, len(rows) - 1), b]
            a = e @ learned["W_ih"] if "E" in learned else e
            back = h * (kept["back"][b] if "back" in kept else 1)
            z = a + back @ W_hh
            if "gain" in learned:
                z = normed(z, H) * learned["gain"]
            z = z + learned["b_h"]
            if cell == "elman":
                h = np.tanh(z)
            else:
                i, f, o = expit(z[:H]), expit(z[H : 2 * H]), expit(z[2 * H : 3 * H])
                c = f * c + i * np.tanh(z[3 * H :])
                h = o * np.tanh(c)
            out = h if outs is None else h * outs[min(t, len(outs) - 1), b]
            out = out @ learned["P"] if "P" in learned else out
            W_ho = learned.get("W_ho", E.T)
            log_p = log_softmax(out @ W_ho + learned["b_o"])
            total -= log_p[batch.y[t, b]] * batch.mask[t, b]
    return total


def masks_of(trainer, batch, seed):
    """What an update with this seed drops, by where."""
    T, B = batch.x.shape
    drawn = trainer._kept(T, B, np.random.default_rng(seed))
    return dict(zip(trainer._shapes(T, B), drawn, strict=True))


# The network ----------------------------------------------------------------------


@each_recipe
def test_cost_and_gradients_are_those_of_a_loop_and_of_differences(name, cell, batch):
    settings = settings_of(name, cell)
    first = first_of(settings)
    trainer = Trainer(first, settings)
    kept = masks_of(trainer, batch, 5)
    cost, norm = map(float, trainer.update(batch, 1, 0.01, np.random.default_rng(5)))
    assert cost == pytest.approx(cost_by_loop(batch, first, cell, kept), rel=1e-6)
    memory, squares = trainer.arrays(), 0.0
    for key, value in first.items():
        found = memory[f"m_{key}"] / 0.1  # Adam's after one update
        squares += (found**2).sum()
        for seed in (1, 2):
            way = np.random.default_rng(seed).normal(size=value.shape)
            ends = [
                cost_by_loop(batch, first | {key: value + s * way}, cell, kept)
                for s in (1e-5, -1e-5)
            ]
            slope = (ends[0] - ends[1]) / 2e-5 / batch.mask.size
            assert (found * way).sum() == pytest.approx(slope, rel=1e-4, abs=1e-7), key
    assert norm == pytest.approx(math.sqrt(squares), rel=1e-6)


@each_recipe
def test_nothing_is_dropped_when_it_is_judged(name, cell):
    """And the plain network, where there is one, says the same."""
    settings = settings_of(name, cell)
    first = first_of(settings)
    some = [np.array([0, 5, 7, 5, 1]), np.array([0, 5, 1]), np.array([0, 3, 8, 1])]
    whole = batches.fill(some, 4, 3, [0, 1, 2])
    nats = cost_by_loop(whole, first, cell, {}) / whole.mask.sum()
    found = Trainer(first, settings).perplexity(some)
    assert found == pytest.approx(math.exp(nats), rel=1e-6)
    if settings.norm:
        with pytest.raises(ValueError, match="no plain network of its cell"):
            model.folded(first, cell)
        return
    plain = model.LanguageModel.of(WORDS, first, cell, {})
    log_p = np.concatenate(scoring.log_probabilities(plain, some))
    assert -log_p.mean() == pytest.approx(nats, rel=1e-9)


def test_the_gradient_of_a_tied_table_is_the_sum_of_reading_and_saying(batch):
    """Untied, with equal numbers in both, the same network has two gradients."""
    tied = dataclasses.replace(PLAIN, embedding=H, tied=True)
    apart = dataclasses.replace(PLAIN, embedding=H)
    first = first_of(tied)
    ours, theirs = (
        Trainer(first, tied),
        Trainer({key: first.get(key, first["E"].T) for key in first_of(apart)}, apart),
    )
    for trainer in (ours, theirs):
        trainer.update(batch, 1, 0.01, None)
    read, said = (theirs.arrays()[f"m_{key}"] for key in ("E", "W_ho"))
    assert (read != 0).any()
    np.testing.assert_allclose(ours.arrays()["m_E"], read + said.T, atol=1e-9)


# Dropout --------------------------------------------------------------------------


def test_masks_are_locked_where_they_should_be():
    shapes = {}
    for name in ("zaremba", "gal", "merity"):
        settings = settings_of(name, "lstm")
        m = settings.embedding
        shapes[name] = remedies.mask_shapes(settings, 5, 2, m, (H, 4 * H))
    assert shapes["zaremba"] == {"rows": (5, 2, M), "h": (5, 2, H)}
    assert shapes["gal"] == {
        **{"rows": (1, 2, M), "h": (1, 2, H), "back": (2, H), "words": (10, 1)}
    }
    assert shapes["merity"] == {
        **{"rows": (1, 2, H), "h": (1, 2, H), "connect": (H, 4 * H), "words": (10, 1)}
    }


def test_masks_keep_the_mean_and_are_drawn_from_the_generator():
    shapes = {"rows": (40, 50, 3), "back": (60, 70)}
    rates = {"rows": 0.25, "back": 0.5, "words": 0.1}
    one, two, three = (
        remedies.masks(shapes, rates, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    for mask, (key, shape) in zip(one, shapes.items(), strict=True):
        assert mask.shape == shape
        assert set(np.unique(mask)) == {0, np.float32(1 / (1 - rates[key]))}
        assert mask.mean() == pytest.approx(1, abs=0.06)
    assert all((a == b).all() for a, b in zip(one, two, strict=True))
    assert (one[0] != three[0]).any()


# The state carried on -------------------------------------------------------------


def test_the_carried_state_is_that_of_one_long_sentence():
    """The second sentence begins in the state in which the first one ended."""
    comments = [[["a", "b"], ["c"]], [["d"]], []]
    found = remedies.joined(comments, WORDS)
    assert [s.tolist() for s in found] == [[0, 3, 4, 1, 0, 5, 1], [0, 6, 1]]
    settings = dataclasses.replace(PLAIN, carried=True)
    first = first_of(settings)
    params = model.network(first, "elman")
    nats, n = 0.0, 0
    for comment in comments:
        state = model.start(params)
        for i, tokens in enumerate(comment):
            if i:  # END is read, and nothing predicted from it
                state, _ = model.advance(WORDS.end, state, params)
            x, y = WORDS.pair(tokens)
            for read, said in zip(x, y, strict=True):
                state, o = model.advance(read, state, params)
                nats, n = nats - log_softmax(o)[said], n + 1
    assert n == 3 + 2 + 2
    judged = Trainer(first, settings).perplexity(found)
    assert judged == pytest.approx(math.exp(nats / n), rel=1e-6)
    whole = batches.fill(found, 7, 3, [0, 1], carried=True)
    assert whole.mask.sum() == n
    assert whole.x[:6, 0].tolist() == [0, 3, 4, 1, 0, 5]


# Rates and means ------------------------------------------------------------------


def test_rates_stay_rise_and_fall():
    def rates(name, warmup):
        schedule = training.SCHEDULES[name]
        return [schedule(0.5, done, 10, warmup) for done in range(10)]

    assert rates("constant", 0) == [0.5] * 10
    rising = [0.125, 0.25, 0.375, 0.5]
    np.testing.assert_allclose(rates("constant", 0.4), rising + [0.5] * 6)
    falling = [0.5 * k / 6 for k in (6, 5, 4, 3, 2, 1)]
    np.testing.assert_allclose(rates("linear", 0.4), rising + falling)
    np.testing.assert_allclose(rates("linear", 0), [0.05 * k for k in range(10, 0, -1)])
    assert rates("cosine", 0) == [training.falling(0.5, k, 10) for k in range(10)]


def test_the_mean_of_the_weights_is_that_of_numpy(batch):
    settings = dataclasses.replace(PLAIN, embedding=M, average=1)
    trainer, seen = Trainer(first_of(settings), settings), []
    for k in (1, 2, 3):
        trainer.update(batch, k, 0.1, None)
        trainer.average(k)
        seen.append(trainer.held())
    with trainer.averaged():
        mean = trainer.held()
    for key, last in trainer.held().items():
        expected = np.mean([values[key] for values in seen], axis=0)
        np.testing.assert_allclose(mean[key], expected, atol=1e-9)
        np.testing.assert_array_equal(last, seen[-1][key])
    assert (mean["W_hh"] != seen[-1]["W_hh"]).any()


# Runs and models ------------------------------------------------------------------


def write_corpus(folder):
    """Comments of two sentences, of few words that follow each other."""
    rng = np.random.default_rng(0)
    lines = []
    for _ in range(60):
        k, n = rng.integers(5), rng.integers(2, 5)
        lines.append(" ".join(f"w{(k + i) % 5}" for i in range(n)) + ". w1 w2!")
    path = folder / "corpus.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


@pytest.fixture
def corpus(tmp_path):
    return write_corpus(tmp_path)


FEW = {"hidden": 6, "vocabulary": 10, "epochs": 2, "batch": 48, "lr": 0.02}
FEW |= {"buckets": 2}
RUNS = {
    "tied lstm": {"cell": "lstm", "embedding": 4, "tied": True, "average": 1},
    "tied": {"tied": True, "locked": True, "words": 0.1, "schedule": "constant"},
    "carried": {"carried": True, "embedding": 3, "schedule": "linear", "warmup": 0.2},
}


def killed_and_taken_up(settings, folder, go):
    """A run that died in its 11th update, and that another process has ended."""

    class Killed(Exception):
        pass

    half = Run(settings, folder, every=3)
    update = half.trainer.update

    def dying(batch, count, lr, rng):
        if count > 10:
            raise Killed
        return update(batch, count, lr, rng)

    half.trainer.update = dying
    with pytest.raises(Killed):
        go(half)
    again = Run(settings, folder, every=3)
    assert again.progress["updates"] == 9
    again.learn()
    return again


@pytest.mark.parametrize("name", list(RUNS))
def test_a_run_with_remedies_is_kept_judged_and_goes_on(corpus, tmp_path, name):
    settings = Settings(corpus, **FEW | RUNS[name])
    run = Run(settings, tmp_path / "whole", every=3)
    best = run.go()
    assert best.card["validation_perplexity"] < 9
    found = model.load("model", tmp_path / "whole")
    for key, value in best.learned.items():
        np.testing.assert_array_equal(found.learned[key], value)
    size = sum(value.size for value in found.learned.values())
    shapes = model.shapes(settings.cell, 10, 6, *settings.layers())
    assert size == sum(map(math.prod, shapes.values()))
    if not settings.carried:
        log_p = np.concatenate(scoring.log_probabilities(found, run.data.test))
        expected = math.exp(-log_p.mean())
        assert best.card["test_perplexity"] == pytest.approx(expected, rel=1e-5)

    again = killed_and_taken_up(settings, tmp_path / "half", Run.go)
    for key, value in run.trainer.arrays().items():
        if name != "tied lstm" or not key.startswith("mean_"):
            assert np.isfinite(value).all()
    ours, theirs = again.progress["log"], run.progress["log"]
    for line in ours + theirs:
        del line["seconds"]
    assert ours == theirs


@pytest.mark.nightly
def test_layer_norm_is_learned_and_no_model(corpus, tmp_path):
    run = Run(Settings(corpus, **FEW | {"norm": True, "epochs": 1}), tmp_path)
    with pytest.raises(ValueError, match="norm must be False for a model"):
        run.go()
    run.learn()
    assert len(run.progress["log"]) == 1
    assert not (tmp_path / "model.json").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"embedding": 0}, "embedding must be at least 1; got 0"),
        ({"connect": 1.0}, "connect must be at least 0 and below 1; got 1.0"),
        ({"schedule": "steps"}, "schedule must be one of cosine, constant, linear"),
        ({"warmup": 0.1}, "warmup must be 0 for the schedule cosine"),
        ({"average": 11}, "average must be from 0 to epochs, 10; got 11"),
        ({"cell": "gru", "recurrent": 0.1}, "recurrent must be 0 for the cell gru"),
        ({"cell": "gru", "norm": True}, "norm must be False for the cell gru"),
        ({"cell": "lstm", "tied": True}, "tied weights of the cell lstm need an embed"),
    ],
)
def test_remedies_that_make_no_sense_are_named(changes, said):
    with pytest.raises(ValueError, match=said):
        Settings(**changes)


@pytest.mark.parametrize("name", ["E", "P", "W_ih"])
def test_a_model_whose_arrays_do_not_fit_says_so(tmp_path, name):
    settings = dataclasses.replace(PLAIN, embedding=M, tied=True)
    first = first_of(settings)
    first[name] = first[name][:, :-1]
    whole = model.LanguageModel(WORDS, None, {"cell": "elman"}, first)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "cell_of", lambda params: "elman")
        whole.save("model", tmp_path)
    with pytest.raises(ValueError, match="must hold numbers of shape"):
        model.load("model", tmp_path)
