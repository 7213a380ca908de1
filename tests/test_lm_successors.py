"""helpers.lm.successors, against loops in NumPy and central differences."""

import dataclasses
import math

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from scipy.special import expit, log_softmax, softmax
from test_lm_remedies import FEW, killed_and_taken_up, write_corpus

from helpers import engine
from helpers.lm import batches, successors, training
from helpers.lm.training import Run, Settings, Trainer

V, N = 9, 8
PLAIN = Settings(
    cell="mingru",
    hidden=N,
    embedding=N,
    tied=True,
    vocabulary=V,
    batch=12,
    dropout=0,
    clip=1e9,
    lr=0.01,
)
DROPPING = {"dropout": 0.3, "locked": True, "words": 0.3}
SOME = [np.array([0, 5, 7, 5, 1]), np.array([0, 5, 1])]
each_cell = pytest.mark.parametrize("cell", successors.CELLS)


@pytest.fixture(autouse=True)
def float64():
    engine.select("python")


@pytest.fixture
def batch():
    """Two sentences, of 4 and of 2 predictions; word 5 is read in both."""
    return batches.fill(SOME, 4, 2, [0, 1])


def settings_of(cell, **changes):
    return dataclasses.replace(PLAIN, cell=cell, **changes)


def first_of(cell, blocks=2):
    """Values none of which is zero, so that none can be left out unseen."""
    rng = np.random.default_rng(0)
    made = successors.shapes(cell, V, N, N, True, blocks=blocks)
    return {key: rng.uniform(-1, 1, shape) for key, shape in made.items()}


# A word at a time, in NumPy -----------------------------------------------------------


def normed(u, gain):
    centred = u - u.mean()
    return centred / np.sqrt(centred.var() + 1e-5) * gain


def look_back(cell, x, state, p):
    """What was read before, and the state with this word in it, a list of rows."""
    if cell == "attention":
        q, k, v = np.split(x @ p["W_qkv"], 3)
        state = [*state, k, v]
        keys, values = np.array(state[::2]), np.array(state[1::2])
        found, n = [], len(q) // 4
        for head in range(4):
            own = slice(head * n, (head + 1) * n)
            shares = softmax(keys[:, own] @ q[own] / math.sqrt(n))
            found.append(shares @ values[:, own])
        return np.concatenate(found) @ p["W_out"], state
    (h,), a = state, x @ p["W_ih"] + p["b_h"]
    if cell == "mingru":
        z, g = np.split(a, 2)
        h = h + expit(z) * (g - h)
    else:
        r, i, g = np.split(a, 3)
        f = expit(-p["decay"]) ** (8 * expit(r))
        h = f * h + np.sqrt(1 - f**2) * expit(i) * g
    return h, [h]


def start(cell, blocks):
    """The state before the first word, by block."""
    return [[] if cell == "attention" else [np.zeros(N)] for _ in range(blocks)]


def advance(cell, t, row, state, p):
    """What is multiplied by E^T at step t for a row of E, and the state after it.

    p has a block for each entry of the state.
    """
    u = math.sqrt(N) * row
    if cell == "attention":
        angles = t / 10000 ** (np.arange(0, N, 2) / N)
        u = u + np.stack([np.sin(angles), np.cos(angles)], axis=1).ravel()
    after = []
    for i, own in enumerate(state, start=1):
        q = {key[2:]: a for key, a in p.items() if key.startswith(f"{i}.")}
        found, own = look_back(cell, normed(u, q["gain_back"]), own, q)
        u = u + found
        z = normed(u, q["gain_forward"]) @ q["W_1"] + q["b_1"]
        u = u + np.where(z > 0, z, 0) @ q["W_2"] + q["b_2"]
        after.append(own)
    return normed(u, p["gain"]), after


def cost_by_loop(cell, batch, p, kept):
    """The cost of a batch, a sentence and a word at a time, with these masks."""
    total, words = 0.0, np.unique(batch.x)
    for b in range(batch.x.shape[1]):
        state = start(cell, 1 + ("2.W_1" in p))
        for t in range(batch.x.shape[0]):
            row = p["E"][batch.x[t, b]]
            if kept:
                at = np.searchsorted(words, batch.x[t, b])
                row = row * kept["words"][at] * kept["rows"][0, b]
            out, state = advance(cell, t, row, state, p)
            out = out * kept["h"][0, b] if kept else out
            log_p = log_softmax(out @ p["E"].T + p["b_o"])
            total -= log_p[batch.y[t, b]] * batch.mask[t, b]
    return total


# The network --------------------------------------------------------------------------


@each_cell
@pytest.mark.parametrize("changes", [{}, DROPPING])
def test_cost_and_gradients_are_those_of_a_loop_and_of_differences(
    cell, changes, batch
):
    settings, first = settings_of(cell, **changes), first_of(cell)
    trainer = Trainer(first, settings)
    T, B = batch.x.shape
    drawn = trainer._kept(T, B, np.random.default_rng(5))
    kept = dict(zip(trainer._shapes(T, B), drawn, strict=True))
    assert kept.keys() == ({"rows", "h", "words"} if changes else set())
    cost, norm = map(float, trainer.update(batch, 1, 0.01, np.random.default_rng(5)))
    assert cost == pytest.approx(cost_by_loop(cell, batch, first, kept), rel=1e-6)
    memory, squares = trainer.arrays(), 0.0
    for key, value in first.items():
        found = memory[f"m_{key}"] / 0.1  # Adam's after one update
        squares += (found**2).sum()
        way = np.random.default_rng(1).normal(size=value.shape)
        ends = [
            cost_by_loop(cell, batch, first | {key: value + s * way}, kept)
            for s in (1e-6, -1e-6)
        ]
        slope = (ends[0] - ends[1]) / 2e-6 / batch.mask.size
        assert (found * way).sum() == pytest.approx(slope, rel=1e-4, abs=1e-7), key
        assert found.any(), key
    assert norm == pytest.approx(math.sqrt(squares), rel=1e-6)


def scores(cell, x, p):
    """o (T, B, V) of the words x (T, B)."""
    rows = pt.constant(p["E"][x])
    h = successors.states(cell, rows, {k: pt.constant(a) for k, a in p.items()})
    return pytensor.function([], h)() @ p["E"].T + p["b_o"]


@each_cell
def test_a_word_changes_no_score_before_it_and_those_from_it_on(cell):
    x = np.random.default_rng(3).integers(2, V, (6, 2))
    changed = x.copy()
    changed[3, 0] = 2 + (x[3, 0] - 1) % (V - 2)
    first = first_of(cell)
    one, other = scores(cell, x, first), scores(cell, changed, first)
    np.testing.assert_array_equal(one[:3], other[:3])
    np.testing.assert_array_equal(one[:, 1], other[:, 1])
    assert (np.abs(one[3:, 0] - other[3:, 0]).max(axis=-1) > 1e-6).all()


@each_cell
def test_filler_changes_neither_cost_nor_gradient(cell, batch):
    first = first_of(cell, blocks=1)
    wider = batches.fill(SOME, 7, 3, [0, 1])
    costs, slopes = [], []
    for some in (batch, wider):
        trainer = Trainer(first, settings_of(cell))
        costs.append(float(trainer.update(some, 1, 0.01, None)[0]))
        arrays = trainer.arrays()
        slopes.append({key: arrays[f"m_{key}"] * some.mask.size for key in first})
    assert costs[0] == pytest.approx(costs[1], rel=1e-7)
    for key in first:
        np.testing.assert_allclose(slopes[0][key], slopes[1][key], atol=1e-7)


@each_cell
def test_nothing_is_dropped_when_it_is_judged(cell):
    first = first_of(cell, blocks=1)
    some = [*SOME, np.array([0, 3, 8, 1])]
    whole = batches.fill(some, 4, 3, [0, 1, 2])
    nats = cost_by_loop(cell, whole, first, {}) / whole.mask.sum()
    found = Trainer(first, settings_of(cell, **DROPPING)).perplexity(some)
    assert found == pytest.approx(math.exp(nats), rel=1e-6)


@each_cell
def test_jax_learns_the_same(cell, batch):
    """In the types of a real run: what a graph makes float64 would not go in place."""
    if why := engine.why_not("jax"):
        pytest.skip(why)
    found = []
    for name in ("python", "jax"):
        engine.select(name, floatX="float32")
        first = {k: a.astype("float32") for k, a in first_of(cell, blocks=1).items()}
        trainer = Trainer(first, settings_of(cell, **DROPPING))
        for k in (1, 2):
            trainer.update(batch, k, 0.001, np.random.default_rng(k))
        found.append(trainer.arrays())
    for key, ours in found[0].items():
        assert ours.dtype == found[1][key].dtype == np.float32
        np.testing.assert_allclose(found[1][key], ours, atol=2e-5, err_msg=key)


# First values -------------------------------------------------------------------------


@each_cell
def test_the_shapes_are_known_without_making_them(cell):
    made = successors.initial(cell, V, N, np.random.default_rng(0), 0.1, N, True)
    found = {name: value.shape for name, value in made.items()}
    assert found == successors.shapes(cell, V, N, N, True)
    assert training.shapes(cell, V, N, N, True) == found
    back = {"mingru": 2 * N * N + 2 * N, "rglru": 3 * (N * N + N) + N}
    back["attention"] = 4 * N * N
    block = 2 * N + back[cell] + 2 * (4 * N * N) + 4 * N + N
    assert sum(a.size for a in made.values()) == V * N + N + V + 2 * block
    assert np.abs(made["E"]).max() <= 0.1
    one = successors.shapes(cell, V, N, N, True, blocks=1)
    assert one.keys() == {key for key in found if not key.startswith("2.")}


# Runs ---------------------------------------------------------------------------------


@each_cell
def test_a_run_learns_and_goes_on_bit_for_bit(cell, tmp_path):
    sizes = {"cell": cell, "hidden": 8, "embedding": 8, "tied": True}
    sizes |= {"buckets": 1, "dropout": 0.1}
    settings = Settings(write_corpus(tmp_path), **FEW | sizes)
    run = Run(settings, tmp_path / "whole", every=3)
    with pytest.raises(ValueError, match="cell must be elman, lstm, gru for a model"):
        run.go()
    run.learn()
    assert not (tmp_path / "whole/model.json").exists()
    log = run.progress["log"]
    assert log[-1]["train_perplexity"] < log[0]["train_perplexity"] < 10

    again = killed_and_taken_up(settings, tmp_path / "half", Run.learn)
    theirs = again.trainer.arrays()
    for key, value in run.trainer.arrays().items():
        np.testing.assert_array_equal(value, theirs[key], err_msg=key)
    with pytest.raises(ValueError, match="no plain network of its cell"):
        again.trainer.values()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tied": False}, "needs embedding = 8, as hidden, tied = True and"),
        ({"embedding": None}, r"norm = False; got None, True and False"),
        ({"embedding": 4}, "needs embedding = 8, as hidden"),
        ({"norm": True}, "norm = False; got 8, True and True"),
        ({"connect": 0.1}, "connect is not for the cell attention"),
        ({"recurrent": 0.1}, "recurrent is not for the cell attention"),
        ({"truncate": 5}, "truncate is not for the cell attention"),
        ({"hidden": 6, "embedding": 6}, "must be a multiple of 4 heads; got 6"),
    ],
)
def test_settings_that_make_no_sense_are_named(changes, said):
    with pytest.raises(ValueError, match=said):
        settings_of("attention", **changes)
