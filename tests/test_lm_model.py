"""Tests of helpers.lm.model: the language model's network, in PyTensor and NumPy."""

import json
from importlib.util import find_spec

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from test_cells import STATES_NUMPY, random_cell

from helpers import engine
from helpers.lm import model
from helpers.lm.model import LanguageModel
from helpers.networks import bptt
from helpers.networks.elman import Elman, hidden_states_numpy, readout, shared
from helpers.tasks.text import SPECIAL, Vocabulary

V, H, T, B = 11, 4, 7, 3

pytestmark = pytest.mark.usefixtures("python_engine")


@pytest.fixture(params=list(model.CELLS))
def params(request):
    """Parameters of each cell, none of them zero."""
    return random_cell(model.CELLS[request.param], 3, V, H, V)


@pytest.fixture
def words():
    return np.random.default_rng(4).integers(0, V, (T, B)).astype(np.int32)


def expected_logits(words, params):
    return readout(STATES_NUMPY[type(params)](np.eye(V)[words], params), params)


# First values -----------------------------------------------------------------


def test_the_elman_model_has_as_many_weights_as_the_source_counts():
    params = model.initial("elman", 8000, 100, np.random.default_rng(0))
    weights = sum(getattr(params, name).size for name in ("W_ih", "W_hh", "W_ho"))
    assert weights == 2 * 100 * 8000 + 100**2 == 1_610_000
    assert not params.b_h.any()
    assert not params.b_o.any()


@pytest.mark.parametrize("cell", list(model.CELLS))
def test_rows_start_within_1_and_other_weights_within_1_over_sqrt_H(cell):
    params = model.initial(cell, 500, 25, np.random.default_rng(0))
    for name, limit in (("W_ih", 1), ("W_hh", 0.2), ("W_ho", 0.2)):
        value = getattr(params, name)
        assert 0.99 * limit < np.abs(value).max() <= limit
        assert value.std() == pytest.approx(limit / np.sqrt(3), rel=0.05)
    assert model.cell_of(params) == cell


def test_initial_gives_floatX():
    engine.select("python", "float32")
    first = model.initial("lstm", V, H, np.random.default_rng(0))
    assert {value.dtype for value in first} == {np.dtype("float32")}


def test_initial_refuses_another_cell():
    with pytest.raises(ValueError, match=r"cell must be one of elman.*'rnn'"):
        model.initial("rnn", V, H, np.random.default_rng(0))


def test_a_new_model_finds_all_words_nearly_equally_likely():
    params = model.initial("elman", 8000, 100, np.random.default_rng(0))
    _, o = model.advance(17, model.start(params), params)
    p = np.exp(o) / np.exp(o).sum()
    assert -np.log(p).mean() == pytest.approx(np.log(8000), abs=0.1)


# Forward ----------------------------------------------------------------------


def test_logits_are_those_of_one_hot_rows(params, words):
    x = pt.imatrix("x", shape=(T, B))
    o = model.logits(x, shared(params)).eval({x: words})
    np.testing.assert_allclose(o, expected_logits(words, params), rtol=1e-12)


def test_logits_of_one_sentence(params, words):
    x = pt.ivector("x")
    o = model.logits(x, shared(params)).eval({x: words[:, 1]})
    expected = expected_logits(words, params)[:, 1]
    assert o.shape == (T, V)
    np.testing.assert_allclose(o, expected, rtol=1e-12)


def test_advance_carries_the_sentence_in_its_state(params, words):
    expected = expected_logits(words, params)
    state = model.start(params)
    for t, word in enumerate(words[:, 2]):
        state, o = model.advance(word, state, params)
        assert o.shape == (V,)
        assert all(s.shape == (H,) for s in state)
        np.testing.assert_allclose(o, expected[t, 2], rtol=1e-12)


def test_advance_takes_several_sentences_at_once(params, words):
    expected = expected_logits(words, params)
    state = tuple(np.tile(s, (B, 1)) for s in model.start(params))
    for t in range(T):
        state, o = model.advance(words[t], state, params)
        np.testing.assert_allclose(o, expected[t], rtol=1e-12)


# Gradients --------------------------------------------------------------------


def gradients(words, params, d_o, truncate=None):
    """The gradient of sum(d_o * logits) by PyTensor, as NumPy arrays."""
    x, values = pt.imatrix("x", shape=(T, B)), shared(params)
    cost = (model.logits(x, values, truncate) * d_o).sum()
    found = pytensor.function([x], pt.grad(cost, list(values)))(words)
    return type(params)(*(np.asarray(g) for g in found))


@pytest.mark.parametrize("k", [1, 3, T, T + 1])
def test_truncated_gradients_are_those_of_chunks(words, k):
    params = random_cell(Elman, 3, V, H, V)
    d_o = np.random.default_rng(3).normal(size=(T, B, V))
    x = np.eye(V)[words]
    expected = bptt.chunks(x, hidden_states_numpy(x, params), d_o, params, k)
    found = gradients(words, params, d_o, truncate=k)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_truncation_cuts_every_cell_and_changes_no_output(params, words):
    x = pt.imatrix("x", shape=(T, B))
    o = model.logits(x, shared(params), 3).eval({x: words})
    np.testing.assert_allclose(o, expected_logits(words, params), rtol=1e-12)
    late = np.zeros((T, B, V))
    late[5] = 1  # the third step of the chunk that begins at t = 3
    g = gradients(words, params, late, truncate=3).W_ih
    reached = set(np.flatnonzero(g.any(axis=1)))
    assert reached == set(words[3:6].ravel())


def test_truncate_must_be_positive(params):
    with pytest.raises(ValueError, match="truncate must be at least 1 or None; got 0"):
        model.logits(pt.imatrix(), shared(params), 0)


@pytest.mark.skipif(not find_spec("jax"), reason="JAX is not installed")
@pytest.mark.parametrize("truncate", [None, 3])
def test_jax_gives_the_same_gradients(params, words, truncate):
    d_o = np.random.default_rng(5).normal(size=(T, B, V))
    expected = gradients(words, params, d_o, truncate)
    engine.select("jax")
    for ours, theirs in zip(
        gradients(words, params, d_o, truncate), expected, strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


# Saving -----------------------------------------------------------------------


@pytest.fixture
def saved(params, tmp_path):
    words = Vocabulary((*SPECIAL, *"abc’é,.!"))
    saved = LanguageModel(words, params, {"seed": 3, "perplexity": 84.125})
    saved.save("toy", tmp_path)
    return saved


def test_a_model_comes_back_as_it_was_saved(saved, tmp_path):
    loaded = model.load("toy", tmp_path)
    assert loaded.vocabulary == saved.vocabulary
    assert type(loaded.params) is type(saved.params)
    for ours, theirs in zip(loaded.params, saved.params, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert loaded.card["seed"] == 3
    assert loaded.card["perplexity"] == 84.125


def test_a_model_that_was_loaded_can_be_saved_again(saved, tmp_path):
    model.load("toy", tmp_path).save("again", tmp_path)
    again = model.load("again", tmp_path)
    assert again.card == model.load("toy", tmp_path).card


def test_a_missing_model_says_which_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"toy\.json"):
        model.load("toy", tmp_path)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("W_ih", lambda value: value[0]),
        ("W_hh", lambda value: value[:, :-1]),
        ("b_h", lambda value: value[None]),
        ("W_ho", lambda value: value.T),
        ("b_o", lambda value: value[:-1]),
        ("h0", lambda value: value.sum()),
        ("W_hh", lambda value: value.astype(int)),
        ("W_ho", lambda value: value.astype(str)),
    ],
)
def test_a_model_of_other_arrays_is_refused(saved, tmp_path, name, change):
    value = change(getattr(saved.params, name))
    broken = saved.params._replace(**{name: value})
    saved._replace(params=broken).save("toy", tmp_path)
    with pytest.raises(ValueError, match=r"one per row of W_ih|must hold numbers of"):
        model.load("toy", tmp_path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"cell": "other"}, "does not describe a language model"),
        ({"vocabulary": "other"}, "does not describe a language model"),
        ({"vocabulary": [*SPECIAL, *"abcdefghi"]}, "11 words, one per row.*; got 12"),
    ],
)
def test_a_json_that_describes_no_model_is_refused(saved, tmp_path, changed, message):
    path = tmp_path / "toy.json"
    card = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(card | changed), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        model.load("toy", tmp_path)
