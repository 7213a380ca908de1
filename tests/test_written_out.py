"""What a chapter writes out gives the numbers of the helper that replaces it later."""

import ast
from itertools import pairwise

import nbformat
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from scipy.special import expit

from helpers import ROOT
from helpers.lm import by_hand, model
from helpers.networks import (
    bptt,
    capacity,
    elman,
    feedforward,
    gated,
    gradients,
    optimisers,
    parallel_scan,
    recurrences,
)

pytestmark = pytest.mark.usefixtures("python_engine")


def functions(notebook: str) -> dict:
    """The functions that the cells of a notebook define, ready to call."""
    nb = nbformat.read(ROOT / "book" / notebook, as_version=4)
    namespace = {
        **{"np": np, "pt": pt, "pytensor": pytensor},
        **{"pairwise": pairwise, "elman": elman, "gated": gated, "expit": expit},
    }
    for cell in nb.cells:
        if cell.cell_type != "code":
            continue
        for node in ast.parse(cell.source).body:
            if isinstance(node, ast.FunctionDef):
                exec(compile(ast.Module([node], []), notebook, "exec"), namespace)
    return namespace


@pytest.fixture(scope="module")
def chapter():
    return functions("01_feedforward.ipynb")


@pytest.mark.parametrize("sizes", [(3, 2), (1, 8, 1), (3, 5, 4, 2)])
def test_initial_values_network_loss_and_sgd(chapter, sizes):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((5, sizes[0])), rng.standard_normal((5, sizes[-1]))

    def after_two_steps(source):
        values = source("initial_values")(sizes, np.random.default_rng(1))
        params = [pytensor.shared(value) for value in values]
        o = source("network")(pt.constant(x), params)
        loss = source("mean_squared_error")(o, y)
        updates = source("sgd")(loss, params, 0.1)
        step = pytensor.function([], loss, updates=updates)
        losses = [float(step()), float(step())]
        return losses + [p.get_value() for p in params]

    written = after_two_steps(chapter.__getitem__)
    helper = vars(feedforward) | {"sgd": optimisers.sgd}
    imported = after_two_steps(helper.__getitem__)
    for a, b in zip(written, imported, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("shape", [(6, 3), (6, 4, 3)])
def test_hidden_states(shape):
    written = functions("02_elman.ipynb")
    rng = np.random.default_rng(4)
    params = elman.initial_elman(3, 5, 1, rng)._replace(h0=rng.uniform(-1, 1, 5))
    x = rng.standard_normal(shape)
    W_ih, W_hh, b_h, *_, h0 = params
    imported = elman.hidden_states_numpy(x, params)
    by_hand = written["hidden_states_numpy"](x, W_ih, W_hh, b_h, h0)
    np.testing.assert_array_equal(by_hand, imported)
    # the graph that the chapter unrolls, and the scan that replaces it
    unrolled = written["unrolled_states"](pt.constant(x), 6, W_ih, W_hh, b_h, h0)
    by_scan = elman.hidden_states(pt.constant(x), elman.shared(params))
    for graph in (unrolled, by_scan):
        np.testing.assert_allclose(graph.eval(), imported, rtol=0, atol=1e-12)


def test_what_a_readout_recalls():
    rng = np.random.default_rng(7)
    x = rng.uniform(-1, 1, (600, 1))
    h = elman.hidden_states_numpy(x, elman.initial_elman(1, 4, 1, rng))
    written = functions("02_elman.ipynb")["recalled"](h, x[:, 0], 5)
    imported = capacity.recalled(h, x[:, 0], 5)
    np.testing.assert_allclose(written, imported, rtol=0, atol=1e-9)


def test_the_parity_that_is_written_with_units_is_an_elman_network():
    """With the weights of the table in the chapter."""
    x = np.random.default_rng(8).integers(0, 2, (50, 3))
    params = elman.Elman(
        W_ih=np.array([[6.0, 6.0]]),
        W_hh=np.array([[3.0, 3.0], [-3.0, -3.0]]),
        b_h=np.array([-3.0, -9.0]),
        W_ho=np.array([[0.5], [-0.5]]),
        b_o=np.zeros(1),
        h0=np.array([-1.0, -1.0]),
    )
    o = elman.readout(elman.hidden_states_numpy(x[:, :, None], params), params)
    written = functions("02_elman.ipynb")["parity"](x)
    np.testing.assert_allclose(o[:, :, 0], written, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(np.round(written), np.cumsum(x, axis=0) % 2)


def test_minibatches(chapter):
    for source in (chapter["minibatches"], feedforward.minibatches):
        batches = list(source(23, 5, np.random.default_rng(2)))
        np.testing.assert_array_equal(
            np.concatenate(batches), np.random.default_rng(2).permutation(23)[:20]
        )


def test_numerical_gradient_and_relative_error(chapter):
    rng = np.random.default_rng(3)
    values = [rng.standard_normal((2, 3)), rng.standard_normal(3)]

    def f(A, v):
        return np.sin(A @ v).sum()

    written = chapter["numerical_gradient"](f, values)
    imported = gradients.numerical_gradient(f, values)
    for a, b in zip(written, imported, strict=True):
        np.testing.assert_array_equal(a, b)
    a, b = values[1], written[1]
    assert chapter["relative_error"](a, b) == gradients.relative_error(a, b)


@pytest.mark.parametrize("every", [True, False])
def test_backpropagation_through_time(every):
    backward = functions("04_bptt.ipynb")["backward"]
    rng = np.random.default_rng(5)
    params = elman.initial_elman(3, 5, 2, rng)._replace(h0=rng.uniform(-1, 1, 5))
    x, y = rng.standard_normal((7, 3)), rng.standard_normal((7, 2))
    h = elman.hidden_states_numpy(x, params)
    d_o = elman.readout(h, params) - y
    if not every:
        d_o[:-1] = 0
    written = backward(x, y, *params, every=every)
    for a, b in zip(written, bptt.bptt(x, h, d_o, params), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("k", [1, 3, 4, 12, 20])
@pytest.mark.parametrize("name", ["last_steps", "chunks", "windows"])
def test_errors_of_states_and_truncations(name, k):
    written = functions("04_bptt.ipynb")
    rng = np.random.default_rng(7)
    params = elman.initial_elman(3, 5, 2, rng)._replace(h0=rng.uniform(-1, 1, 5))
    x, d_o = rng.standard_normal((12, 3)), rng.standard_normal((12, 2))
    h = elman.hidden_states_numpy(x, params)
    np.testing.assert_allclose(
        written["state_errors"](h, d_o, params),
        bptt.state_errors(h, d_o, params),
        rtol=0,
        atol=1e-12,
    )
    d_a = written[name](h, d_o, params, k)
    imported = vars(bptt)[name](x, h, d_o, params, k)
    before = np.vstack([params.h0, h[:-1]])
    for part, d in (("W_ih", x.T @ d_a), ("W_hh", before.T @ d_a), ("b_h", d_a.sum(0))):
        np.testing.assert_allclose(d, getattr(imported, part), rtol=0, atol=1e-12)


@pytest.mark.parametrize("limit", [0.5, 2.0, 9.0])
@pytest.mark.parametrize("name", ["clip_by_value", "clip_by_norm"])
def test_clipping(name, limit):
    grads = [np.array([[3.0, -0.2], [0.0, 0.1]]), np.array([-4.0])]
    written = functions("04_bptt.ipynb")[name](grads, limit)
    imported = getattr(optimisers, name)([pt.constant(g) for g in grads], limit)
    for a, b in zip(written, imported, strict=True):
        np.testing.assert_allclose(a, b.eval(), rtol=1e-14)


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam"])
def test_optimisers(name):
    written, start = functions("04_bptt.ipynb")[name], np.array([2.0, -3.0])
    p, memory = start, {}
    q = pytensor.shared(start, name="q")
    updates = vars(optimisers)[name]((q**4).sum(), [q], 0.01)
    step = pytensor.function([], updates=updates)
    for _ in range(5):
        p = p + written(4 * p**3, memory, 0.01)
        step()
        np.testing.assert_allclose(p, q.get_value(), rtol=1e-12)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_gated_cells(cell):
    step = functions("06_embedded_reber.ipynb")[f"{cell}_step"]
    rng = np.random.default_rng(6)
    params = getattr(gated, f"initial_{cell}")(3, 4, 2, rng)
    x, state = rng.standard_normal((5, 3)), rng.standard_normal((2, 5, 4))
    state = state[: 2 if cell == "lstm" else 1]
    weights = params.W_ih, params.W_hh, params.b_h + 0.1
    written = step(pt.constant(x), *state, *weights)
    helper = getattr(gated, f"{cell}_step")(pt.constant(x), *state, *weights)
    for a, b in zip(np.atleast_1d(written), np.atleast_1d(helper), strict=True):
        np.testing.assert_allclose(
            a.eval(mode="FAST_COMPILE"), b.eval(mode="FAST_COMPILE"), rtol=1e-12
        )


def test_the_backward_pass_of_the_lstm():
    backward = functions("06_embedded_reber.ipynb")["lstm_backward"]
    rng = np.random.default_rng(6)
    params = gated.initial_lstm(3, 4, 2, rng)
    params = gated.LSTM(*(v + rng.normal(0, 0.3, v.shape) for v in params))
    x, y = rng.standard_normal((6, 3)), rng.standard_normal((6, 2))

    def outputs(*values):
        some = gated.LSTM(*values)
        return elman.readout(gated.lstm_states_numpy(x, some)[0], some)

    ours = backward(x, outputs(*params) - y, params)
    near = gradients.numerical_gradient(
        lambda *values: ((outputs(*values) - y) ** 2).sum() / 2, list(params)
    )
    for name, g, other in zip(params._fields, ours, near, strict=True):
        assert gradients.relative_error(g, other) < 1e-6, name


def test_language_model_by_hand():
    written = functions("08_language_model.ipynb")
    rng = np.random.default_rng(8)
    params = model.initial("elman", 12, 5, rng)
    sentence = rng.integers(0, 12, 9)
    x, y = sentence[:-1], sentence[1:]
    h, p = written["forward"](x, params)
    for a, b in zip((h, p), by_hand.forward(x, params), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    ours = written["backward"](x, y, h, p, params)
    for a, b in zip(ours, by_hand.backward(x, y, h, p, params), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-14)
    assert written["mean_loss"]([sentence], params) == pytest.approx(
        by_hand.mean_loss([sentence], params), rel=1e-12
    )
    after = [type(params)(*(value.copy() for value in params)) for _ in range(2)]
    written["sgd_step"](x, y, after[0], lr=0.1)
    by_hand.sgd_step(x, y, after[1], lr=0.1)
    for a, b in zip(*after, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


# What the steps of chapter 9 are given, as shapes: n = 4 units, n_in = 3, N = 2.
STEPS = {
    "mingru_step": [(3,), (4,), (3, 8), (8,)],
    "minlstm_step": [(3,), (4,), (3, 12), (12,)],
    "lru_step": [(3,), (4,), (4,), (3, 4), (3, 4), (4,), (4,)],
    "rglru_step": [(3,), (4,), (3, 12), (12,), (4,)],
    "selective_step": [(4,), (4, 2), (4, 4), (4,), (4, 2), (4, 2), (4, 2)],
    "linear_attention_step": [(4,), (4,), (5,), (4, 5), (4,)],
    "deltanet_step": [(4,), (4,), (5,), (1,), (4, 5)],
}


@pytest.mark.parametrize("batch", [(), (6,)], ids=["one", "batch"])
@pytest.mark.parametrize("name", STEPS)
def test_steps_of_what_came_after(name, batch):
    """Of one example, and of a batch wherever no weight stands."""
    rng = np.random.default_rng(9)
    kept = 5 if name in ("linear_attention_step", "deltanet_step") else 2
    kept = 3 if name == "lru_step" else kept
    values = [
        pt.constant(rng.uniform(0.1, 1, (batch + shape if i < kept else shape)))
        for i, shape in enumerate(STEPS[name])
    ]
    written = functions("09_beyond.ipynb")[name](*values)
    imported = getattr(recurrences, name)(*values)
    both = (s if isinstance(s, tuple) else (s,) for s in (written, imported))
    for one, other in zip(*both, strict=True):
        np.testing.assert_allclose(one.eval(), other.eval(), rtol=1e-13)


def test_attention_and_the_parallel_scan():
    rng = np.random.default_rng(10)
    Q, K, V = (pt.constant(rng.standard_normal((7, 4))) for _ in range(3))
    written = functions("09_beyond.ipynb")
    imported = recurrences.attention(Q, K, V).eval()
    np.testing.assert_allclose(written["attention"](Q, K, V).eval(), imported, 1e-13)
    third = written["attention_step"](2, Q[2], K, V).eval()
    np.testing.assert_allclose(third, imported[2], rtol=1e-13)
    a, b = (pt.constant(rng.uniform(0, 1, (11, 3))) for _ in range(2))
    np.testing.assert_array_equal(
        written["doubling"](a, b, 11).eval(), parallel_scan.doubling(a, b, 11).eval()
    )
