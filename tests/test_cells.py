"""helpers.networks.elman and .gated against loops, closed forms and differences."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from helpers import engine
from helpers.networks import elman, gated, initialisation
from helpers.networks.elman import Elman, hidden_states, hidden_states_numpy, readout
from helpers.networks.gated import GRU, LSTM, gru_states_numpy, lstm_states_numpy
from helpers.networks.gradients import numerical_gradient, relative_error

pytestmark = pytest.mark.usefixtures("python_engine")
N_IN, N_HID, N_OUT = 2, 3, 4
BLOCKS = {Elman: 1, LSTM: 4, GRU: 3}
INITIAL = {Elman: elman.initial_elman, LSTM: gated.initial_lstm, GRU: gated.initial_gru}
STATES = {
    Elman: hidden_states,
    LSTM: lambda x, params: gated.lstm_states(x, params)[0],
    GRU: gated.gru_states,
}
STATES_NUMPY = {
    Elman: hidden_states_numpy,
    LSTM: lambda x, params: lstm_states_numpy(x, params)[0],
    GRU: gru_states_numpy,
}
each_cell = pytest.mark.parametrize("kind", BLOCKS, ids=lambda k: k.__name__)


def random_cell(kind, seed=0, n_in=N_IN, n_hid=N_HID, n_out=N_OUT):
    """Parameters none of which is zero, so that none can be left out unseen."""
    rng, n = np.random.default_rng(seed), BLOCKS[kind] * n_hid
    shapes = {
        **{"W_ih": (n_in, n), "W_hh": (n_hid, n), "b_h": n},
        **{"W_ho": (n_hid, n_out), "b_o": n_out, "h0": n_hid, "c0": n_hid},
    }
    return kind(*(rng.uniform(-1, 1, shapes[name]) for name in kind._fields))


def sequences(*shape, seed=1):
    return np.random.default_rng(seed).uniform(-1, 1, shape)


def by_hand(x, params, g=np.tanh):
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
        if isinstance(params, Elman):
            h = c = [g(total(0, j, x_t, h)) for j in range(n)]
        elif isinstance(params, LSTM):
            i, f, o = ([expit(total(b, j, x_t, h)) for j in range(n)] for b in range(3))
            g_t = [np.tanh(total(3, j, x_t, h)) for j in range(n)]
            c = [f[j] * c[j] + i[j] * g_t[j] for j in range(n)]
            h = [o[j] * np.tanh(c[j]) for j in range(n)]
        else:
            r, z = ([expit(total(b, j, x_t, h)) for j in range(n)] for b in range(2))
            reset = [r[j] * h[j] for j in range(n)]
            g_t = [np.tanh(total(2, j, x_t, reset)) for j in range(n)]
            h = c = [(1 - z[j]) * h[j] + z[j] * g_t[j] for j in range(n)]
        states.append((h, c))
    h, c = np.swapaxes(states, 0, 1)
    return (h, c) if isinstance(params, LSTM) else h


# NumPy ------------------------------------------------------------------------


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(1, 3), st.integers(1, 4))
@pytest.mark.parametrize(
    ("kind", "states", "options"),
    [
        (Elman, hidden_states_numpy, [np.tanh]),
        (Elman, hidden_states_numpy, [expit]),
        (LSTM, lstm_states_numpy, []),
        (GRU, gru_states_numpy, []),
    ],
)
def test_numpy_equals_a_loop_by_hand(kind, states, options, T, n_in, n_hid):
    params, x = random_cell(kind, n_in=n_in, n_hid=n_hid), sequences(T, n_in)
    expected = by_hand(x, params, *options)
    np.testing.assert_allclose(states(x, params, *options), expected, atol=1e-14)


@each_cell
def test_each_example_of_a_batch_is_as_if_alone(kind):
    params, x = random_cell(kind), sequences(5, 4, N_IN)
    h = STATES_NUMPY[kind](x, params)
    assert h.shape == (5, 4, N_HID)
    for n in range(4):
        alone = STATES_NUMPY[kind](x[:, n], params)
        np.testing.assert_allclose(h[:, n], alone, atol=1e-14)


@each_cell
@pytest.mark.parametrize("shape", [(5,), (5, 3), (5, 4, 3), (5, 2, 2, 2)])
def test_numpy_refuses_other_shapes(kind, shape):
    with pytest.raises(ValueError, match=r"x must have shape \(T, 2\) or \(T, batch"):
        STATES_NUMPY[kind](np.zeros(shape), random_cell(kind))


@each_cell
@pytest.mark.parametrize("T", [4, 0])
def test_the_type_of_the_states_is_that_of_all_that_enters(kind, T):
    """No buffer takes the type of one of them."""
    params, x = random_cell(kind), sequences(T, N_IN)
    zero = params._replace(h0=np.zeros(N_HID))
    expected = STATES_NUMPY[kind](x, zero)
    for h0 in (np.zeros(N_HID, int), [0] * N_HID, np.zeros(N_HID, np.float32)):
        h = STATES_NUMPY[kind](x, params._replace(h0=h0))
        assert h.dtype == np.float64
        np.testing.assert_array_equal(h, expected)
    narrow = kind(*(value.astype(np.float32) for value in params))
    assert STATES_NUMPY[kind](x.astype(np.float32), narrow).dtype == np.float32
    assert STATES_NUMPY[kind](x, narrow).dtype == np.float64
    assert STATES_NUMPY[kind](np.zeros((T, N_IN), np.int8), narrow).dtype == np.float32
    whole = kind(*(np.ones(value.shape, np.int8) for value in params))
    assert STATES_NUMPY[kind](np.ones((T, N_IN), np.int8), whole).dtype == np.float64


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
    params, x = random_cell(GRU), sequences(6, N_IN)
    params.b_h[: 2 * N_HID] = 40
    weights = (value[..., 2 * N_HID :] for value in params[:3])
    h = hidden_states_numpy(x, Elman(*weights, *params[3:]))
    np.testing.assert_allclose(gru_states_numpy(x, params), h, atol=1e-12)


# PyTensor ---------------------------------------------------------------------


@each_cell
@pytest.mark.parametrize("shape", [(6, N_IN), (6, 4, N_IN), (1, N_IN), (6, 1, N_IN)])
def test_scan_equals_numpy(kind, shape):
    values, x = random_cell(kind), sequences(*shape)
    h = STATES[kind](pt.constant(x), elman.shared(values)).eval()
    np.testing.assert_allclose(h, STATES_NUMPY[kind](x, values), atol=1e-12)


@pytest.mark.parametrize("shape", [(6, N_IN), (6, 3, N_IN)])
def test_scan_takes_another_activation(shape):
    values, x = random_cell(Elman), sequences(*shape)
    h = hidden_states(pt.constant(x), elman.shared(values), pt.sigmoid).eval()
    np.testing.assert_allclose(h, hidden_states_numpy(x, values, expit), atol=1e-12)


def test_scan_gives_the_cells_too():
    values, x = random_cell(LSTM), sequences(6, 4, N_IN)
    _, c = gated.lstm_states(pt.constant(x), elman.shared(values))
    np.testing.assert_allclose(c.eval(), lstm_states_numpy(x, values)[1], atol=1e-12)


@pytest.mark.parametrize("name", ["jax", "python"])
def test_one_compiled_scan_takes_any_length_and_batch(name):
    if why := engine.why_not(name):
        pytest.skip(why)
    engine.select(name)
    values, x = random_cell(Elman), pt.tensor3("x")
    f = pytensor.function([x], hidden_states(x, elman.shared(values)))
    for T, batch in [(3, 2), (7, 5)]:
        value = sequences(T, batch, N_IN)
        expected = hidden_states_numpy(value, values)
        np.testing.assert_allclose(f(value), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("kind", "step"),
    [(Elman, elman.step), (LSTM, gated.lstm_step), (GRU, gated.gru_step)],
)
def test_a_step_is_one_step(kind, step):
    values, x = random_cell(kind), sequences(2, N_IN)
    states = np.reshape(by_hand(x, values), (-1, 2, N_HID))  # of an LSTM h and c
    found = step(pt.constant(x[1]), *states[:, 0], *elman.shared(values)[:3])
    found = found if isinstance(found, tuple) else (found,)
    for new, expected in zip(found, states[:, 1], strict=True):
        np.testing.assert_allclose(new.eval(), expected, atol=1e-14)


@each_cell
@pytest.mark.parametrize("ndim", [1, 4])
def test_scan_refuses_other_shapes(kind, ndim):
    x = pt.tensor("x", shape=(None,) * ndim)
    with pytest.raises(ValueError, match=f"x must have 2 axes .* got {ndim}"):
        STATES[kind](x, elman.shared(random_cell(kind)))


@pytest.mark.parametrize(
    ("kind", "name", "shape"),
    [
        *((Elman, "jax", shape) for shape in ((4, N_IN), (4, 3, N_IN))),
        *((Elman, "python", shape) for shape in ((4, N_IN), (4, 3, N_IN))),
        *((kind, "jax", (4, 3, N_IN)) for kind in (LSTM, GRU)),
        *((kind, "python", (4, N_IN)) for kind in (LSTM, GRU)),
    ],
)
def test_gradient_through_scan_equals_central_differences(kind, name, shape):
    if why := engine.why_not(name):
        pytest.skip(why)
    engine.select(name)
    values, x = random_cell(kind), sequences(*shape)
    y = sequences(*shape[:-1], N_OUT, seed=2)

    def loss_of(*values):
        params = kind(*values)
        return ((readout(STATES_NUMPY[kind](x, params), params) - y) ** 2).sum()

    params = elman.shared(values)
    loss = ((readout(STATES[kind](pt.constant(x), params), params) - y) ** 2).sum()
    gradient = pytensor.function([], pt.grad(loss, list(params)))()
    slopes = numerical_gradient(loss_of, values)
    for field, g, slope in zip(kind._fields, gradient, slopes, strict=True):
        assert relative_error(g, slope) < 1e-6, field


# Parameters -------------------------------------------------------------------


def test_readout_serves_numpy_and_pytensor():
    values, h = random_cell(Elman), sequences(5, 3, N_HID)
    o = readout(h, values)
    expected = np.einsum("tni,ij->tnj", h, values.W_ho) + values.b_o
    np.testing.assert_allclose(o, expected, atol=1e-14)
    symbolic = readout(pt.constant(h), elman.shared(values)).eval()
    np.testing.assert_allclose(symbolic, o, atol=1e-14)


@each_cell
def test_each_block_comes_from_init_alone(kind):
    rng = np.random.default_rng(0)
    values = INITIAL[kind](6, 5, 4, rng, init=initialisation.orthogonal)
    for W, n in ((values.W_ih, 6), (values.W_hh, 5)):
        assert W.shape == (n, BLOCKS[kind] * 5)
        for block in np.split(W, BLOCKS[kind], axis=1):
            np.testing.assert_allclose(block.T @ block, np.eye(5), atol=1e-12)
    assert values.W_ho.shape == (5, 4)
    assert values.b_h.shape == (BLOCKS[kind] * 5,)
    for name in set(kind._fields) - {"W_ih", "W_hh", "W_ho", "b_h"}:
        assert not getattr(values, name).any()
        assert len(getattr(values, name)) == (4 if name == "b_o" else 5)


def test_an_elman_network_starts_with_unit_singular_values():
    values = elman.initial_elman(2, 20, 3, np.random.default_rng(0))
    for W in (values.W_ih, values.W_hh, values.W_ho):
        assert np.linalg.norm(W, 2) == pytest.approx(1)


def test_only_the_forget_gate_has_a_bias_at_the_start():
    rng = np.random.default_rng(0)
    b_h = gated.initial_lstm(2, 3, 1, rng).b_h
    np.testing.assert_array_equal(b_h, np.repeat([0, 1, 0, 0], 3))
    assert gated.initial_lstm(2, 3, 1, rng, forget_bias=-2).b_h.sum() == -6
    assert not gated.initial_gru(2, 3, 1, rng).b_h.any()
    assert not elman.initial_elman(2, 3, 1, rng).b_h.any()


@each_cell
def test_initial_values_follow_floatX_and_refuse_bad_sizes(kind):
    engine.select("python", floatX="float32")
    values = INITIAL[kind](2, 3, 1, np.random.default_rng(0))
    assert {value.dtype for value in values} == {np.dtype("float32")}
    with pytest.raises(ValueError, match="n_hid must be a positive integer; got 0"):
        INITIAL[kind](2, 0, 1, np.random.default_rng(0))


@each_cell
def test_shared_variables_carry_names_and_values(kind):
    values = random_cell(kind)
    params = elman.shared(values)
    assert isinstance(params, kind)
    for name, variable, value in zip(kind._fields, params, values, strict=True):
        assert variable.name == name
        assert variable.type.shape == value.shape
        np.testing.assert_array_equal(variable.get_value(), value)
