"""helpers.networks.gated against loops, closed forms and central differences."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import engine
from helpers.networks import initialisation
from helpers.networks.elman import readout
from helpers.networks.gated import (
    GRU,
    LSTM,
    gru_states,
    gru_states_numpy,
    gru_step,
    initial_gru,
    initial_lstm,
    lstm_states,
    lstm_states_numpy,
    lstm_step,
    shared,
)
from helpers.networks.gradients import numerical_gradient, relative_error

N_IN, N_HID, N_OUT = 2, 3, 4
BLOCKS = {LSTM: 4, GRU: 3}
INITIAL = {LSTM: initial_lstm, GRU: initial_gru}
each_cell = pytest.mark.parametrize("kind", [LSTM, GRU], ids=lambda k: k.__name__)


@pytest.fixture(autouse=True)
def python_engine(capsys):
    engine.select("python")


def random_cell(kind, seed=0, n_in=N_IN, n_hid=N_HID):
    """Parameters none of which is zero, so that none can be left out unseen."""
    rng, n = np.random.default_rng(seed), BLOCKS[kind] * n_hid
    shapes = {
        "W_ih": (n_in, n),
        "W_hh": (n_hid, n),
        "b_h": n,
        "W_ho": (n_hid, N_OUT),
        "b_o": N_OUT,
        "h0": n_hid,
        "c0": n_hid,
    }
    return kind(*(rng.uniform(-1, 1, shapes[name]) for name in kind._fields))


def sequences(*shape, seed=1):
    return np.random.default_rng(seed).uniform(-1, 1, shape)


def s(a):
    return 1 / (1 + np.exp(-a))


def by_hand(x, params):
    """All states of one sequence, one unit and one gate at a time; cells too (LSTM)."""
    n = len(params.h0)

    def total(block, unit, x_t, before):
        column = block * n + unit
        return (
            sum(x_t[i] * params.W_ih[i, column] for i in range(len(x_t)))
            + sum(before[i] * params.W_hh[i, column] for i in range(n))
            + params.b_h[column]
        )

    h, c, states = list(params.h0), list(getattr(params, "c0", params.h0)), []
    for x_t in x:
        if isinstance(params, LSTM):
            i, f, o = ([s(total(b, j, x_t, h)) for j in range(n)] for b in range(3))
            g = [np.tanh(total(3, j, x_t, h)) for j in range(n)]
            c = [f[j] * c[j] + i[j] * g[j] for j in range(n)]
            h = [o[j] * np.tanh(c[j]) for j in range(n)]
        else:
            r, z = ([s(total(b, j, x_t, h)) for j in range(n)] for b in range(2))
            reset = [r[j] * h[j] for j in range(n)]
            g = [np.tanh(total(2, j, x_t, reset)) for j in range(n)]
            h = c = [(1 - z[j]) * h[j] + z[j] * g[j] for j in range(n)]
        states.append((h, c))
    h, c = np.swapaxes(states, 0, 1)
    return (h, c) if isinstance(params, LSTM) else h


def states_numpy(x, params):
    if isinstance(params, LSTM):
        return lstm_states_numpy(x, params)[0]
    return gru_states_numpy(x, params)


def states(x, params):
    if isinstance(params, LSTM):
        return lstm_states(x, params)[0]
    return gru_states(x, params)


# NumPy ------------------------------------------------------------------------


@given(st.integers(1, 5), st.integers(1, 3), st.integers(1, 4))
def test_the_lstm_equals_a_loop_by_hand(T, n_in, n_hid):
    params, x = random_cell(LSTM, n_in=n_in, n_hid=n_hid), sequences(T, n_in)
    for got, expected in zip(
        lstm_states_numpy(x, params), by_hand(x, params), strict=True
    ):
        np.testing.assert_allclose(got, expected, atol=1e-14)


@given(st.integers(1, 5), st.integers(1, 3), st.integers(1, 4))
def test_the_gru_equals_a_loop_by_hand(T, n_in, n_hid):
    params, x = random_cell(GRU, n_in=n_in, n_hid=n_hid), sequences(T, n_in)
    h = gru_states_numpy(x, params)
    np.testing.assert_allclose(h, by_hand(x, params), atol=1e-14)


@each_cell
def test_each_example_of_a_batch_is_as_if_alone(kind):
    params, x = random_cell(kind), sequences(5, 4, N_IN)
    h = states_numpy(x, params)
    assert h.shape == (5, 4, N_HID)
    for n in range(4):
        np.testing.assert_allclose(h[:, n], states_numpy(x[:, n], params), atol=1e-14)


@each_cell
@pytest.mark.parametrize("shape", [(5,), (5, 3), (5, 4, 3), (5, 2, 2, 2)])
def test_numpy_refuses_other_shapes(kind, shape):
    with pytest.raises(ValueError, match=r"x must have shape \(T, 2\) or \(T, batch"):
        states_numpy(np.zeros(shape), random_cell(kind))


# What the gates are for ----------------------------------------------------------


def test_a_cell_with_its_forget_gate_open_and_its_input_shut_holds_for_ever():
    params = random_cell(LSTM)
    params.b_h[:N_HID] = -40  # input gate
    params.b_h[N_HID : 2 * N_HID] = 40  # forget gate
    _, c = lstm_states_numpy(sequences(1000, N_IN), params)
    np.testing.assert_allclose(c, np.tile(params.c0, (1000, 1)), atol=1e-12)


def test_a_cell_with_its_forget_gate_shut_does_not_know_what_it_held():
    params = random_cell(LSTM)
    params.b_h[N_HID : 2 * N_HID] = -40
    params = params._replace(W_hh=0 * params.W_hh)
    x = sequences(6, N_IN)
    h, _ = lstm_states_numpy(x, params)
    later, _ = lstm_states_numpy(x[3:], params._replace(c0=5 * params.c0))
    np.testing.assert_allclose(h[3:], later, atol=1e-12)


def test_a_gru_whose_update_gate_is_shut_holds_for_ever():
    params = random_cell(GRU)
    params.b_h[N_HID : 2 * N_HID] = -40
    h = gru_states_numpy(sequences(1000, N_IN), params)
    np.testing.assert_allclose(h, np.tile(params.h0, (1000, 1)), atol=1e-12)


def test_a_gru_with_its_gates_open_is_an_elman_network():
    params = random_cell(GRU)
    params.b_h[: 2 * N_HID] = 40
    x, h_t, h = sequences(6, N_IN), params.h0, []
    last = slice(2 * N_HID, None)
    for x_t in x:
        a = x_t @ params.W_ih[:, last] + h_t @ params.W_hh[:, last] + params.b_h[last]
        h_t = np.tanh(a)
        h.append(h_t)
    np.testing.assert_allclose(gru_states_numpy(x, params), h, atol=1e-12)


# PyTensor ---------------------------------------------------------------------


@each_cell
@pytest.mark.parametrize("shape", [(6, N_IN), (6, 4, N_IN), (1, N_IN), (6, 1, N_IN)])
def test_scan_equals_numpy(kind, shape):
    values, x = random_cell(kind), sequences(*shape)
    h = states(pt.constant(x), shared(values)).eval()
    np.testing.assert_allclose(h, states_numpy(x, values), atol=1e-12)


def test_scan_gives_the_cells_too():
    values, x = random_cell(LSTM), sequences(6, 4, N_IN)
    _, c = lstm_states(pt.constant(x), shared(values))
    np.testing.assert_allclose(c.eval(), lstm_states_numpy(x, values)[1], atol=1e-12)


def test_a_step_is_one_step():
    x = sequences(2, N_IN)
    values = random_cell(LSTM)
    (h1, h2), (c1, c2) = by_hand(x, values)
    h, c = lstm_step(pt.constant(x[1]), h1, c1, *shared(values)[:3])
    np.testing.assert_allclose(h.eval(), h2, atol=1e-14)
    np.testing.assert_allclose(c.eval(), c2, atol=1e-14)
    values = random_cell(GRU)
    h1, h2 = by_hand(x, values)
    h = gru_step(pt.constant(x[1]), h1, *shared(values)[:3])
    np.testing.assert_allclose(h.eval(), h2, atol=1e-14)


@each_cell
@pytest.mark.parametrize("ndim", [1, 4])
def test_scan_refuses_other_shapes(kind, ndim):
    x = pt.tensor("x", shape=(None,) * ndim)
    with pytest.raises(ValueError, match=f"x must have 2 axes .* got {ndim}"):
        states(x, shared(random_cell(kind)))


@each_cell
@pytest.mark.parametrize(
    ("name", "shape"), [("jax", (4, 3, N_IN)), ("python", (4, N_IN))]
)
def test_gradient_through_scan_equals_central_differences(kind, name, shape):
    if name not in engine.installed():
        pytest.skip(f"{name} is not installed")
    engine.select(name)
    values, x = random_cell(kind), sequences(*shape)
    y = sequences(*shape[:-1], N_OUT, seed=2)

    def loss_of(*values):
        params = kind(*values)
        return ((readout(states_numpy(x, params), params) - y) ** 2).sum()

    params = shared(values)
    loss = ((readout(states(pt.constant(x), params), params) - y) ** 2).sum()
    gradient = pytensor.function([], pt.grad(loss, list(params)))()
    slopes = numerical_gradient(loss_of, values)
    for field, g, slope in zip(kind._fields, gradient, slopes, strict=True):
        assert relative_error(g, slope) < 1e-6, field


# Parameters -------------------------------------------------------------------


@each_cell
def test_each_block_comes_from_init_alone(kind):
    values = INITIAL[kind](
        6, 5, 4, np.random.default_rng(0), init=initialisation.orthogonal
    )
    for W, n in ((values.W_ih, 6), (values.W_hh, 5)):
        assert W.shape == (n, BLOCKS[kind] * 5)
        for block in np.split(W, BLOCKS[kind], axis=1):
            np.testing.assert_allclose(block.T @ block, np.eye(5), atol=1e-12)
    assert values.W_ho.shape == (5, 4)
    for name in set(kind._fields) - {"W_ih", "W_hh", "W_ho", "b_h"}:
        assert not getattr(values, name).any()
        assert len(getattr(values, name)) == (4 if name == "b_o" else 5)


def test_only_the_forget_gate_has_a_bias_at_the_start():
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(
        initial_lstm(2, 3, 1, rng).b_h, np.repeat([0, 1, 0, 0], 3)
    )
    assert initial_lstm(2, 3, 1, rng, forget_bias=-2).b_h.sum() == -6
    assert not initial_gru(2, 3, 1, rng).b_h.any()


@each_cell
def test_initial_values_follow_floatX_and_refuse_bad_sizes(kind):
    engine.select("python", floatX="float32")
    values = INITIAL[kind](2, 3, 1, np.random.default_rng(0))
    assert {value.dtype for value in values} == {np.dtype("float32")}
    with pytest.raises(ValueError, match="n_out must be a positive integer; got 0"):
        INITIAL[kind](2, 0, 1, np.random.default_rng(0))


@each_cell
def test_shared_variables_carry_names_and_values(kind):
    values = random_cell(kind)
    params = shared(values)
    assert isinstance(params, kind)
    for name, variable, value in zip(kind._fields, params, values, strict=True):
        assert variable.name == name
        np.testing.assert_array_equal(variable.get_value(), value)
