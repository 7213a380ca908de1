"""Our bptt against central differences, pytensor.grad and cut dependencies.

The truncated ways are tested by what they mean: the sequence is run again with the
state at each cut held constant, and that loss is differentiated by central differences.
"""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from helpers.networks.bptt import (
    bptt,
    chunks,
    last_steps,
    sigmoid_slope,
    state_errors,
    tanh_slope,
    windows,
)
from helpers.networks.elman import (
    Elman,
    hidden_states,
    hidden_states_numpy,
    readout,
    shared,
)
from helpers.networks.gradients import numerical_gradient, relative_error

UNITS = {"tanh": (np.tanh, tanh_slope), "sigmoid": (expit, sigmoid_slope)}
each_unit = pytest.mark.parametrize(("g", "slope"), UNITS.values(), ids=UNITS)
SIZES = st.tuples(*[st.integers(1, 4)] * 3)


def problem(T, sizes=(2, 4, 3), seed=0, batch=(), g=np.tanh):
    """x, y, parameters without a zero, states, and the errors d_o of 1/2 |o - y|^2."""
    rng = np.random.default_rng(seed)
    n_in, n_hid, n_out = sizes
    shapes = [(n_in, n_hid), (n_hid, n_hid), n_hid, (n_hid, n_out), n_out, n_hid]
    params = Elman(*(rng.uniform(-1, 1, shape) for shape in shapes))
    x = rng.standard_normal((T, *batch, n_in))
    y = rng.standard_normal((T, *batch, n_out))
    h = hidden_states_numpy(x, params, g)
    return x, y, params, h, readout(h, params) - y


def half_square(o, y):
    return ((o - y) ** 2).sum() / 2


def assert_close(gradient, expected, tolerance=1e-6):
    assert isinstance(gradient, Elman)
    for name, g, e in zip(Elman._fields, gradient, expected, strict=True):
        assert relative_error(g, e) < tolerance, name


# The whole gradient ---------------------------------------------------------------


@each_unit
@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.integers(1, 7), SIZES, st.sampled_from([(), (1,), (3,)]), st.integers(0, 99))
def test_bptt_equals_central_differences(g, slope, T, sizes, batch, seed):
    x, y, params, h, d_o = problem(T, sizes, seed, batch, g)

    def loss(*values):
        values = Elman(*values)
        return half_square(readout(hidden_states_numpy(x, values, g), values), y)

    assert_close(bptt(x, h, d_o, params, slope), numerical_gradient(loss, params))


@pytest.mark.parametrize("looked_at", [[5], [0], [1, 3]])
def test_steps_without_a_loss_have_no_error(looked_at):
    x, y, params, h, d_o = problem(6)
    errors = np.zeros_like(d_o)
    errors[looked_at] = d_o[looked_at]

    def loss(*values):
        values = Elman(*values)
        o = readout(hidden_states_numpy(x, values), values)
        return half_square(o[looked_at], y[looked_at])

    assert_close(bptt(x, h, errors, params), numerical_gradient(loss, params))


@pytest.mark.parametrize("batch", [(), (3,)])
def test_bptt_equals_the_gradient_through_scan(batch, python_engine):
    x, y, params, h, d_o = problem(8, batch=batch)
    variables = shared(params)
    o = readout(hidden_states(pt.constant(x), variables), variables)
    gradient = pytensor.function([], pt.grad(half_square(o, y), list(variables)))()
    assert_close(bptt(x, h, d_o, params), gradient, 1e-12)


def test_the_error_at_a_state_is_what_a_change_of_that_state_does():
    x, y, params, h, d_o = problem(6)
    d_h = state_errors(h, d_o, params)
    for t in range(6):

        def loss(h_t, t=t):
            later = hidden_states_numpy(x[t + 1 :], params._replace(h0=h_t))
            return half_square(readout(np.vstack([h_t, later]), params), y[t:])

        (expected,) = numerical_gradient(loss, [h[t].copy()])
        assert relative_error(d_h[t], expected) < 1e-7


@each_unit
def test_the_slopes_are_those_of_their_units(g, slope):
    a = np.linspace(-3, 3, 13)
    (expected,) = numerical_gradient(lambda a: g(a).sum(), [a])
    np.testing.assert_allclose(slope(g(a)), expected, atol=1e-9)


# Cut gradients, by running the pieces again ---------------------------------------


def run_from(x, values, state, g):
    """Outputs of a piece of a sequence from a state, h0 or a constant."""
    return readout(hidden_states_numpy(x, values._replace(h0=state), g), values)


def window_loss(x, y, h, k, g):
    """Output by output: the last k steps are run again from a constant state."""

    def loss(*values):
        values, total = Elman(*values), 0.0
        for s in range(len(x)):
            start = s - k + 1
            state = values.h0 if start <= 0 else h[start - 1]
            o = run_from(x[max(start, 0) : s + 1], values, state, g)[-1]
            total += half_square(o, y[s])
        return total

    return loss


def chunk_loss(x, y, h, k, g):
    """Chunk by chunk, each from a constant state."""

    def loss(*values):
        values, total = Elman(*values), 0.0
        for start in range(0, len(x), k):
            state = h[start - 1] if start else values.h0
            piece = slice(start, start + k)
            total += half_square(run_from(x[piece], values, state, g), y[piece])
        return total

    return loss


def last_steps_loss(x, y, h, k, g):
    """The first states are constants for the readout, the last k are run again."""
    first = len(x) - k

    def loss(*values):
        values = Elman(*values)
        if first <= 0:
            return half_square(run_from(x, values, values.h0, g), y)
        early = half_square(readout(h[:first], values), y[:first])
        late = run_from(x[first:], values, h[first - 1], g)
        return early + half_square(late, y[first:])

    return loss


WAYS = {
    "windows": (windows, window_loss),
    "chunks": (chunks, chunk_loss),
    "last_steps": (last_steps, last_steps_loss),
}


@each_unit
@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.integers(1, 7), st.integers(1, 9), SIZES, st.integers(0, 99))
def test_a_cut_gradient_is_that_of_the_pieces(way, g, slope, T, k, sizes, seed):
    truncated, loss_of = WAYS[way]
    x, y, params, h, d_o = problem(T, sizes, seed, g=g)
    expected = numerical_gradient(loss_of(x, y, h, k, g), params)
    assert_close(truncated(x, h, d_o, params, k, slope), expected)


@pytest.mark.parametrize("k", [1, 3, 8])
def test_last_steps_is_what_scan_truncates(k, python_engine):
    x, y, params, h, d_o = problem(8)
    variables = shared(params)
    states = pytensor.scan(
        lambda x_t, h_tm1: pt.tanh(
            x_t @ variables.W_ih + h_tm1 @ variables.W_hh + variables.b_h
        ),
        sequences=pt.constant(x),
        outputs_info=variables.h0,
        truncate_gradient=k,
        return_updates=False,
    )
    loss = half_square(readout(states, variables), y)
    gradient = pytensor.function([], pt.grad(loss, list(variables)))()
    assert_close(last_steps(x, h, d_o, params, k), gradient, 1e-12)


@pytest.mark.parametrize("way", WAYS)
def test_a_cut_longer_than_the_sequence_cuts_nothing(way):
    x, _, params, h, d_o = problem(5)
    whole = bptt(x, h, d_o, params)
    for k in (5, 6, 100):
        assert_close(WAYS[way][0](x, h, d_o, params, k), whole, 1e-14)


def test_the_three_ways_differ():
    """So that a test in which they agree would say nothing."""
    x, _, params, h, d_o = problem(8)
    gradients = [way(x, h, d_o, params, 3).W_hh for way, _ in WAYS.values()]
    gradients.append(bptt(x, h, d_o, params).W_hh)
    for i, a in enumerate(gradients):
        for b in gradients[:i]:
            assert relative_error(a, b) > 0.01


# The batch, and what is refused ---------------------------------------------------


@pytest.mark.parametrize("k", [None, 1, 3, 9])
@pytest.mark.parametrize("way", WAYS)
def test_a_batch_is_the_sum_of_its_sequences(way, k):
    def gradient(x, h, d_o):
        return WAYS[way][0](x, h, d_o, params, k) if k else bptt(x, h, d_o, params)

    x, _, params, h, d_o = problem(7, batch=(3,))
    alone = [gradient(x[:, n], h[:, n], d_o[:, n]) for n in range(3)]
    assert_close(
        gradient(x, h, d_o), [sum(gs) for gs in zip(*alone, strict=True)], 1e-13
    )


def test_nothing_that_is_given_changes():
    x, _, params, h, d_o = problem(6)
    kept = [array.copy() for array in (x, h, d_o, *params)]
    for way, _ in WAYS.values():
        way(x, h, d_o, params, 2)
    bptt(x, h, d_o, params)
    for array, before in zip((x, h, d_o, *params), kept, strict=True):
        np.testing.assert_array_equal(array, before)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("k", [0, -1])
def test_a_cut_after_no_step_is_refused(way, k):
    x, _, params, h, d_o = problem(4)
    with pytest.raises(ValueError, match=f"k must be a positive .* got {k}"):
        WAYS[way][0](x, h, d_o, params, k)


@pytest.mark.parametrize("function", [bptt, *(way for way, _ in WAYS.values())])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": (4, 3)}, r"x must have shape \(4, 2\); got \(4, 3\)"),
        ({"x": (5, 2)}, r"x must have shape \(4, 2\); got \(5, 2\)"),
        ({"h": (4,)}, r"h must have shape \(T, 4\) or \(T, batch, 4\); got \(4,\)"),
        ({"h": (0, 4)}, r"d_o must have shape \(0, 3\); got \(4, 3\)"),
        ({"h": (4, 5)}, r"h must have shape \(T, 4\) or .* got \(4, 5\)"),
        ({"d_o": (4, 1)}, r"d_o must have shape \(4, 3\); got \(4, 1\)"),
        ({"d_o": (1, 3)}, r"d_o must have shape \(4, 3\); got \(1, 3\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(function, change, message):
    x, _, params, h, d_o = problem(4)
    arrays = {"x": x, "h": h, "d_o": d_o}
    arrays |= {name: np.zeros(shape) for name, shape in change.items()}
    options = () if function is bptt else (2,)
    with pytest.raises(ValueError, match=message):
        function(*arrays.values(), params, *options)


@pytest.mark.parametrize("way", [bptt, *(way for way, _ in WAYS.values())])
def test_the_type_of_a_gradient_is_that_of_all_that_enters(way):
    x, _, params, h, d_o = problem(4)
    options = () if way is bptt else (2,)
    signs = np.sign(d_o)
    expected = way(x, h, signs, params, *options)
    for other in (signs.astype(int), signs.astype(np.float32), signs.tolist()):
        found = way(x, h, other, params, *options)
        assert {value.dtype for value in found} == {np.dtype(float)}
        assert_close(found, expected, 1e-15)
    # h alone in float32, or integer: its errors were rounded to whole numbers
    narrow = way(x, h.astype(np.float32), d_o, params, *options)
    assert {value.dtype for value in narrow} == {np.dtype(float)}
    assert_close(narrow, way(x, h, d_o, params, *options), 1e-6)
    d_h = state_errors(np.zeros(h.shape, int), d_o, params)
    np.testing.assert_array_equal(d_h, state_errors(np.zeros(h.shape), d_o, params))


def test_no_step_is_refused():
    x, _, params, h, d_o = problem(4)
    with pytest.raises(ValueError, match="h must have at least one step"):
        bptt(x[:0], h[:0], d_o[:0], params)


def test_arrays_with_and_without_a_batch_are_not_mixed():
    x, _, params, h, d_o = problem(4)
    with pytest.raises(
        ValueError, match=r"d_o must have shape \(4, 3\); got \(4, 1, 3\)"
    ):
        bptt(x, h, d_o[:, None], params)
