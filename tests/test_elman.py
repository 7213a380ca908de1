"""helpers.networks.elman against loops, NumPy and central differences."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from helpers import engine
from helpers.networks import initialisation
from helpers.networks.elman import (
    Elman,
    hidden_states,
    hidden_states_numpy,
    initial_elman,
    readout,
    shared,
    step,
)
from helpers.networks.gradients import numerical_gradient, relative_error

N_IN, N_HID, N_OUT = 2, 4, 3
ACTIVATIONS = {"tanh": (pt.tanh, np.tanh), "sigmoid": (pt.sigmoid, expit)}


@pytest.fixture(autouse=True)
def python_engine(capsys):
    engine.select("python")


def random_elman(seed=0, n_in=N_IN, n_hid=N_HID, n_out=N_OUT):
    """Parameters none of which is zero, so that none can be left out unseen."""
    rng = np.random.default_rng(seed)
    shapes = [(n_in, n_hid), (n_hid, n_hid), n_hid, (n_hid, n_out), n_out, n_hid]
    return Elman(*(rng.uniform(-1, 1, shape) for shape in shapes))


def sequences(*shape, seed=1):
    return np.random.default_rng(seed).uniform(-1, 1, shape)


def by_hand(x, params, g):
    """States of one sequence, one multiplication at a time."""
    n_in, n_hid = params.W_ih.shape
    h, states = list(params.h0), []
    for x_t in x:
        before, h = h, []
        for j in range(n_hid):
            a = params.b_h[j]
            for i in range(n_in):
                a += x_t[i] * params.W_ih[i, j]
            for i in range(n_hid):
                a += before[i] * params.W_hh[i, j]
            h.append(g(a))
        states.append(h)
    return np.array(states)


# NumPy ------------------------------------------------------------------------


@pytest.mark.parametrize("g", [np.tanh, expit])
@given(st.integers(1, 6), st.integers(1, 3), st.integers(1, 4))
def test_numpy_equals_a_loop_by_hand(g, T, n_in, n_hid):
    params = random_elman(n_in=n_in, n_hid=n_hid)
    x = sequences(T, n_in)
    h = hidden_states_numpy(x, params, g)
    np.testing.assert_allclose(h, by_hand(x, params, g), atol=1e-14)


def test_each_example_of_a_batch_is_as_if_alone():
    params, x = random_elman(), sequences(5, 3, N_IN)
    h = hidden_states_numpy(x, params)
    assert h.shape == (5, 3, N_HID)
    for n in range(3):
        alone = hidden_states_numpy(x[:, n], params)
        np.testing.assert_allclose(h[:, n], alone, atol=1e-14)


@pytest.mark.parametrize("shape", [(5,), (5, 3), (5, 4, 3), (5, 2, 2, 2)])
def test_numpy_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match=r"x must have shape \(T, 2\) or \(T, batch"):
        hidden_states_numpy(np.zeros(shape), random_elman())


# PyTensor ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("shape", [(6, N_IN), (6, 3, N_IN), (1, N_IN), (6, 1, N_IN)])
def test_scan_equals_numpy(name, shape):
    g, g_numpy = ACTIVATIONS[name]
    values, x = random_elman(), sequences(*shape)
    h = hidden_states(pt.constant(x), shared(values), g).eval()
    np.testing.assert_allclose(h, hidden_states_numpy(x, values, g_numpy), atol=1e-12)


def test_tanh_is_what_both_take_without_being_told():
    values, x = random_elman(), sequences(4, N_IN)
    expected = by_hand(x, values, np.tanh)
    np.testing.assert_allclose(hidden_states_numpy(x, values), expected, atol=1e-12)
    h = hidden_states(pt.constant(x), shared(values)).eval()
    np.testing.assert_allclose(h, expected, atol=1e-12)


@pytest.mark.parametrize("name", ["jax", "python"])
def test_one_compiled_scan_takes_any_length_and_batch(name):
    if name not in engine.installed():
        pytest.skip(f"{name} is not installed")
    engine.select(name)
    values, x = random_elman(), pt.tensor3("x")
    f = pytensor.function([x], hidden_states(x, shared(values)))
    for T, batch in [(3, 2), (7, 5)]:
        value = sequences(T, batch, N_IN)
        np.testing.assert_allclose(
            f(value), hidden_states_numpy(value, values), atol=1e-12
        )


def test_step_is_one_step():
    params, x = random_elman(), sequences(2, N_IN)
    first, second = by_hand(x, params, np.tanh)
    weights = params.W_ih, params.W_hh, params.b_h
    h = step(x[1], pt.constant(first), *weights).eval()
    np.testing.assert_allclose(h, second, atol=1e-14)


@pytest.mark.parametrize("ndim", [1, 4])
def test_scan_refuses_other_shapes(ndim):
    x = pt.tensor("x", shape=(None,) * ndim)
    with pytest.raises(ValueError, match=f"x must have 2 axes .* got {ndim}"):
        hidden_states(x, shared(random_elman()))


@pytest.mark.parametrize("shape", [(4, N_IN), (4, 3, N_IN)])
@pytest.mark.parametrize("name", ["jax", "python"])
def test_gradient_through_scan_equals_central_differences(name, shape):
    if name not in engine.installed():
        pytest.skip(f"{name} is not installed")
    engine.select(name)
    values, x = random_elman(), sequences(*shape)
    y = sequences(*shape[:-1], N_OUT, seed=2)

    def loss_of(*values):
        params = Elman(*values)
        h = hidden_states_numpy(x, params)
        return ((h @ params.W_ho + params.b_o - y) ** 2).sum()

    params = shared(values)
    loss = ((readout(hidden_states(pt.constant(x), params), params) - y) ** 2).sum()
    gradient = pytensor.function([], pt.grad(loss, list(params)))()
    slopes = numerical_gradient(loss_of, values)
    for field, g, slope in zip(Elman._fields, gradient, slopes, strict=True):
        assert relative_error(g, slope) < 1e-6, field


# Parameters -------------------------------------------------------------------


def test_readout_serves_numpy_and_pytensor():
    values, h = random_elman(), sequences(5, 3, N_HID)
    o = readout(h, values)
    np.testing.assert_allclose(
        o, np.einsum("tni,ij->tnj", h, values.W_ho) + values.b_o, atol=1e-14
    )
    symbolic = readout(pt.constant(h), shared(values)).eval()
    np.testing.assert_allclose(symbolic, o, atol=1e-14)


def test_initial_values_have_their_shapes_and_come_from_init():
    values = initial_elman(2, 20, 3, np.random.default_rng(0))
    assert [value.shape for value in values] == [
        (2, 20),
        (20, 20),
        (20,),
        (20, 3),
        (3,),
        (20,),
    ]
    for W in (values.W_ih, values.W_hh, values.W_ho):
        assert np.linalg.norm(W, 2) == pytest.approx(1)
    for zero in (values.b_h, values.b_o, values.h0):
        assert not zero.any()
    values = initial_elman(
        2, 5, 1, np.random.default_rng(0), init=initialisation.orthogonal
    )
    np.testing.assert_allclose(values.W_hh @ values.W_hh.T, np.eye(5), atol=1e-12)


def test_initial_values_follow_floatX():
    engine.select("python", floatX="float32")
    values = initial_elman(2, 3, 1, np.random.default_rng(0))
    assert {value.dtype for value in values} == {np.dtype("float32")}


def test_initial_values_refuse_bad_sizes():
    with pytest.raises(ValueError, match="n_out must be a positive integer; got 0"):
        initial_elman(2, 0, 1, np.random.default_rng(0))


def test_shared_variables_carry_names_and_values():
    values = random_elman()
    params = shared(values)
    assert isinstance(params, Elman)
    for name, variable, value in zip(Elman._fields, params, values, strict=True):
        assert variable.name == name
        np.testing.assert_array_equal(variable.get_value(), value)
