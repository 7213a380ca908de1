"""helpers.networks.recurrences against loops, closed forms and differences."""

import functools

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from scipy.special import expit, softmax

from helpers import engine
from helpers.networks import elman, gated, recurrences
from helpers.networks.recurrences import EMBEDDED, LAYERS, initial_network, network

pytestmark = pytest.mark.usefixtures("python_engine")
T, N_IN, N, N_OUT = 6, 3, 4, 2
each_kind = pytest.mark.parametrize("kind", LAYERS)


def drawn(*shape, seed=1):
    return np.random.default_rng(seed).uniform(-1, 1, shape)


def values(kind, layers=1, seed=0, n_in=N_IN):
    """Parameters none of which is zero, so that none can be left out unseen."""
    rng = np.random.default_rng(seed)
    found = initial_network(kind, layers, n_in, N, N_OUT, rng)
    return {name: a + 0.3 * rng.uniform(-1, 1, a.shape) for name, a in found.items()}


def shared(some):
    return {k: pytensor.shared(a, k, shape=a.shape) for k, a in some.items()}


def evaluated(function, *arguments):
    """A function of variables on arrays, compiled."""
    variables = [pt.as_tensor(a).type(shape=a.shape) for a in arguments]
    made = function(*variables)
    made = list(made) if isinstance(made, list | tuple) else made
    return pytensor.function(variables, made, on_unused_input="ignore")(*arguments)


# Layers as loops over time, of one sequence ------------------------------------------


def softplus(a):
    return np.logaddexp(0, a)


def blocks(a, count):
    return np.split(a, count, axis=-1)


def loop(kind, x, p):
    """The outputs of a layer, (T, n)."""
    outputs, n = [], N
    h = p.get("h0", np.zeros(n))
    c = p.get("c0", np.zeros(n))
    S, total, z = np.zeros((n, n)), np.zeros((n, 4)), np.zeros(n)
    keys, held = [], []
    for x_t in x:
        if kind == "elman":
            o = h = np.tanh(x_t @ p["W_ih"] + h @ p["W_hh"] + p["b_h"])
        elif kind == "lstm":
            i, f, o, g = blocks(x_t @ p["W_ih"] + h @ p["W_hh"] + p["b_h"], 4)
            c = expit(f) * c + expit(i) * np.tanh(g)
            o = h = expit(o) * np.tanh(c)
        elif kind == "gru":
            W, U, b = (blocks(p[name], 3) for name in ("W_ih", "W_hh", "b_h"))
            r, u = (expit(x_t @ W[k] + h @ U[k] + b[k]) for k in (0, 1))
            g = np.tanh(x_t @ W[2] + (r * h) @ U[2] + b[2])
            o = h = h + u * (g - h)
        elif kind == "mingru":
            u, g = blocks(x_t @ p["W_ih"] + p["b_h"], 2)
            o = h = h + expit(u) * (g - h)
        elif kind == "minlstm":
            f, i, g = blocks(x_t @ p["W_ih"] + p["b_h"], 3)
            share = expit(i) / (expit(i) + expit(f))
            o = h = h + share * (g - h)
        elif kind == "rglru":
            r, i, g = blocks(x_t @ p["W_ih"] + p["b_h"], 3)
            f = expit(-p["decay"]) ** (8 * expit(r))
            o = h = f * h + np.sqrt(1 - f**2) * expit(i) * g
        elif kind == "lru":
            lam = np.exp(-np.exp(p["nu"]) + 1j * p["theta"])
            b = np.sqrt(1 - np.abs(lam) ** 2) * (x_t @ (p["W_re"] + 1j * p["W_im"]))
            h = lam * h + b
            o = np.tanh(np.concatenate([h.real, h.imag]) @ p["W_c"] + p["b_c"])
        elif kind == "selective":
            u = x_t @ p["W_in"] + p["b_in"]
            dt, B, C = softplus(u @ p["W_dt"] + p["b_dt"]), u @ p["W_B"], u @ p["W_C"]
            A = -np.exp(p["log_A"])
            for j in range(n):
                total[j] = np.exp(dt[j] * A[j]) * total[j] + dt[j] * B * u[j]
            o = total @ C + p["D"] * u
        else:
            q, k, v = blocks(x_t @ p["W_qkv"], 3)
            if kind == "linear-attention":
                q, k = (np.where(a > 0, a + 1, np.exp(a)) for a in (q, k))
                S, z = S + np.outer(k, v), z + k
                o = q @ S / (q @ z)
            elif kind == "deltanet":
                k = k / np.sqrt(k @ k + 1e-6)
                S = S + expit(x_t @ p["W_beta"]) * np.outer(k, v - k @ S)
                o = q @ S
            else:
                keys, held = [*keys, k], [*held, v]
                o = softmax(np.array(keys) @ q / np.sqrt(n)) @ np.array(held)
            o = o @ p["W_out"]
        outputs.append(o)
    return np.array(outputs)


def by_loops(kind, layers, x, p):
    h = x
    if kind in EMBEDDED:
        h = x @ p["W_in"]
        if kind != "deltanet":
            h = h + recurrences.sinusoids(len(x), N)
    for i in range(1, layers + 1):
        own = {name[2:]: a for name, a in p.items() if name.startswith(f"{i}.")}
        made = loop(kind, h, own)
        h = h + made if i == 2 or kind in EMBEDDED else made
    return h @ p["W_ho"] + p["b_o"]


@functools.cache
def compiled(kind, layers, shape):
    """The outputs of a network and how a loss of them depends on each parameter."""
    p = shared(values(kind, layers))
    x = pt.tensor("x", shape=shape, dtype="float64")
    o = network(kind, layers, x, p)
    loss = (o * drawn(*shape[:-1], N_OUT, seed=5)).sum()
    return (
        p,
        pytensor.function([x], o),
        pytensor.function([x], pt.grad(loss, [*p.values()])),
    )


@each_kind
@pytest.mark.parametrize("layers", [1, 2])
def test_a_network_is_a_loop_over_time(kind, layers):
    p, x = values(kind, layers), drawn(T, N_IN)
    o = evaluated(lambda x: network(kind, layers, x, shared(p)), x)
    np.testing.assert_allclose(o, by_loops(kind, layers, x, p), atol=1e-12)


@each_kind
def test_the_sequences_of_a_batch_do_not_see_each_other(kind):
    p, x = values(kind), drawn(T, 2, N_IN)
    o = evaluated(lambda x: network(kind, 1, x, shared(p)), x)
    for j in range(2):
        np.testing.assert_allclose(o[:, j], by_loops(kind, 1, x[:, j], p), atol=1e-12)


@each_kind
def test_networks_side_by_side_are_as_if_alone(kind):
    alone = [values(kind, 2, seed) for seed in (0, 1)]
    both = {
        name: np.stack([p[name] if p[name].ndim == 2 else p[name][None] for p in alone])
        for name in alone[0]
    }
    x = drawn(T, 2, 1, N_IN)
    o = evaluated(lambda x: network(kind, 2, x, shared(both)), x)
    for j, p in enumerate(alone):
        expected = by_loops(kind, 2, x[:, j, 0], p)
        np.testing.assert_allclose(o[:, j, 0], expected, atol=1e-12)


@each_kind
@pytest.mark.parametrize("layers", [1, 2])
def test_what_comes_later_moves_nothing_before_it(kind, layers):
    x = drawn(T, N_IN)
    p = shared(values(kind, layers))
    variable = pt.matrix("x", shape=x.shape)
    outputs = pytensor.function([variable], network(kind, layers, variable, p))
    before = np.array(outputs(x))
    for t in range(1, T):
        changed = x.copy()
        changed[t:] = drawn(T - t, N_IN, seed=2)
        after = np.array(outputs(changed))
        np.testing.assert_array_equal(after[:t], before[:t])
        assert np.abs(after[t] - before[t]).max() > 1e-6


@each_kind
def test_the_gradient_is_what_central_differences_find(kind):
    shape = (T, 2, N_IN)
    p, outputs, slopes = compiled(kind, 1, shape)
    x, weights = drawn(*shape), drawn(T, 2, N_OUT, seed=5)
    for (name, variable), slope in zip(p.items(), slopes(x), strict=True):
        start = variable.get_value()
        way = drawn(*start.shape, seed=3)
        found = []
        for by in (1e-5, -1e-5):
            variable.set_value(start + by * way)
            found.append((outputs(x) * weights).sum())
        variable.set_value(start)
        expected = (found[0] - found[1]) / 2e-5
        assert (slope * way).sum() == pytest.approx(expected, rel=1e-6, abs=1e-8), name


@pytest.mark.nightly
@each_kind
def test_jax_gives_what_the_python_engine_does(kind):
    if why := engine.why_not("jax"):
        pytest.skip(why)
    compare_engines("jax", kind)


def test_jax_gives_the_same_for_a_linear_recurrence():
    if why := engine.why_not("jax"):
        pytest.skip(why)
    compare_engines("jax", "mingru", layers=1)


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["mingru", "deltanet", "attention"])
def test_numba_gives_what_the_python_engine_does(kind):
    if why := engine.why_not("numba"):
        pytest.skip(why)
    compare_engines("numba", kind)


def compare_engines(name, kind, layers=2):
    """Outputs and gradients on this engine and on Python."""
    x, found = drawn(T, 2, N_IN), []
    for each in ("python", name):
        engine.select(each)
        _, outputs, slopes = compiled.__wrapped__(kind, layers, x.shape)
        found.append([np.array(a) for a in (outputs(x), *slopes(x))])
    for python, other in zip(*found, strict=True):
        np.testing.assert_allclose(other, python, rtol=1e-9, atol=1e-12)


# Steps: what each promises ---------------------------------------------------------


STEPS = {
    "mingru": (recurrences.mingru_step, ("W_ih", "b_h")),
    "minlstm": (recurrences.minlstm_step, ("W_ih", "b_h")),
    "rglru": (recurrences.rglru_step, ("W_ih", "b_h", "decay")),
    "lru": (recurrences.lru_step, ("W_re", "W_im", "nu", "theta")),
}


def own(kind):
    """The parameters of a layer."""
    return {name[2:]: a for name, a in values(kind).items() if name[:2] == "1."}


@pytest.mark.parametrize("kind", STEPS)
def test_the_step_of_the_formula_makes_the_layer(kind):
    step, names = STEPS[kind]
    p, x = own(kind), drawn(T, N_IN)
    states = [np.zeros(N)] * (2 if kind == "lru" else 1)
    outputs = []
    for x_t in x:
        made = evaluated(step, x_t, *states, *(p[name] for name in names))
        states = made if kind == "lru" else [made]
        outputs.append(np.concatenate(states))
    outputs = np.array(outputs)
    if kind == "lru":
        outputs = np.tanh(outputs @ p["W_c"] + p["b_c"])
    np.testing.assert_allclose(outputs, loop(kind, x, p), atol=1e-12)


def test_the_selective_step_makes_the_layer():
    p, x = own("selective"), drawn(T, N_IN)
    u, H, outputs = x @ p["W_in"] + p["b_in"], np.zeros((N, 4)), []
    names = ("W_dt", "b_dt", "W_B", "W_C", "log_A")
    for u_t in u:
        weights = (p[name] for name in names)
        H, y_t = evaluated(recurrences.selective_step, u_t, H, *weights)
        outputs.append(y_t + p["D"] * u_t)
    np.testing.assert_allclose(outputs, loop("selective", x, p), atol=1e-12)


def test_the_gates_of_the_minlstm_sum_to_1():
    p, x_t = own("minlstm"), drawn(N_IN)
    g = (x_t @ p["W_ih"] + p["b_h"])[-N:]

    def after(h):
        return evaluated(recurrences.minlstm_step, x_t, h, p["W_ih"], p["b_h"])

    np.testing.assert_allclose(after(g), g, atol=1e-12)  # the mean of g and g
    kept = after(g + 1) - after(g)  # f / (f + i)
    assert ((kept > 0) & (kept < 1)).all()


def test_the_rglru_keeps_the_variance_of_its_state():
    p, x_t = own("rglru"), drawn(N_IN)
    _, i, g = blocks(x_t @ p["W_ih"] + p["b_h"], 3)

    def after(h):
        weights = (p[name] for name in ("W_ih", "b_h", "decay"))
        return evaluated(recurrences.rglru_step, x_t, h, *weights)

    written = after(np.zeros(N))
    forget = after(np.ones(N)) - written
    let_in = written / (expit(i) * g)
    np.testing.assert_allclose(forget**2 + let_in**2, 1, atol=1e-12)


def test_attention_by_scan_is_attention_at_once():
    Q, K, V = (drawn(T, N, seed=seed) for seed in range(3))

    def by_scan(Q, K, V):
        return pytensor.scan(
            recurrences.attention_step,
            sequences=[pt.arange(T), Q],
            outputs_info=None,
            non_sequences=[K, V],
            strict=True,
            return_updates=False,
        )

    at_once = evaluated(recurrences.attention, Q, K, V)
    np.testing.assert_allclose(evaluated(by_scan, Q, K, V), at_once, atol=1e-14)


def test_the_weights_of_attention_sum_to_1_over_the_past():
    Q, K = (drawn(2, T, N, seed=seed) for seed in range(2))
    weights = evaluated(recurrences.attention_weights, Q, K)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-14)
    assert (weights[:, ~np.tri(T, dtype=bool)] == 0).all()
    assert (weights[:, np.tri(T, dtype=bool)] > 0).all()


def test_linear_attention_is_a_masked_product_of_all_pairs():
    q, k, v = (drawn(T, N, seed=seed) for seed in range(3))
    q, k = np.exp(q), np.exp(k)

    def by_scan(q, k, v):
        return pytensor.scan(
            recurrences.linear_attention_step,
            sequences=[q, k, v],
            outputs_info=[pt.zeros((N, N)), pt.zeros(N), None],
            strict=True,
            return_updates=False,
        )[2]

    pairs = np.tri(T) * (q @ k.T)
    expected = pairs @ v / pairs.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(evaluated(by_scan, q, k, v), expected, atol=1e-13)


def test_the_delta_rule_overwrites_what_a_key_holds():
    k, other = np.eye(N)[0], np.array([0, 0.6, 0.8, 0])
    first, second, third = (drawn(N, seed=seed) for seed in range(3))
    S = np.zeros((N, N))

    def written(k, v, beta, S, q):
        given = (np.array(a, dtype=float) for a in (q, k, v, [beta], S))
        return evaluated(recurrences.deltanet_step, *given)

    S, _ = written(k, first, 1, S, k)
    S, read = written(other, second, 1, S, k)
    np.testing.assert_allclose(read, first, atol=1e-14)
    S, read = written(k, third, 1, S, k)
    np.testing.assert_allclose(read, third, atol=1e-14)  # a sum would have both
    np.testing.assert_allclose(other @ S, second, atol=1e-14)
    _, read = written(k, first, 0.25, S, k)
    np.testing.assert_allclose(read, 0.75 * third + 0.25 * first, atol=1e-14)


# First values and what is refused ---------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "initial"),
    [
        ("elman", elman.initial_elman),
        ("lstm", gated.initial_lstm),
        ("gru", gated.initial_gru),
    ],
)
def test_the_cells_of_earlier_chapters_begin_as_there(kind, initial):
    there = initial(7, 5, 7, np.random.default_rng(3))
    here = initial_network(kind, 1, 7, 5, 7, np.random.default_rng(3))
    assert len(here) == len(there)
    for name, value in there._asdict().items():
        key = name if name in here else f"1.{name}"
        np.testing.assert_array_equal(here[key], value)


@each_kind
def test_a_state_begins_to_last(kind):
    """The share of a state that one step on a usual input keeps, at first."""
    p = recurrences.initial(kind, 7, 50, np.random.default_rng(0))
    kept = {
        "mingru": lambda: expit(-p["b_h"][:50]),
        "minlstm": lambda: expit(p["b_h"][:50]) / (expit(p["b_h"][:50]) + 0.5),
        "rglru": lambda: expit(-p["decay"]) ** 4,
        "lru": lambda: np.exp(-np.exp(p["nu"])),
        "selective": lambda: np.exp(-softplus(p["b_dt"])),
        "lstm": lambda: expit(p["b_h"][50:100]),
    }
    if kind in kept:
        assert 0.55 < np.median(kept[kind]()) < 1
    else:
        assert not any(p[name].any() for name in p if name[0] == "b")


def test_layers_have_the_shapes_of_what_they_read():
    p = initial_network("attention", 2, 3, 5, 2, np.random.default_rng(0))
    shapes = {name: a.shape for name, a in p.items()}
    assert shapes == {
        "W_in": (3, 5),
        "1.W_qkv": (5, 15),
        "1.W_out": (5, 5),
        "2.W_qkv": (5, 15),
        "2.W_out": (5, 5),
        "W_ho": (5, 2),
        "b_o": (2,),
    }
    p = initial_network("mingru", 2, 3, 5, 2, np.random.default_rng(0))
    assert (p["1.W_ih"].shape, p["2.W_ih"].shape) == ((3, 10), (5, 10))


def test_the_sinusoids_tell_all_steps_apart():
    places = recurrences.sinusoids(50, 5)
    assert places.shape == (50, 5)
    t = np.arange(50)
    np.testing.assert_allclose(places[:, 0], np.sin(t), atol=1e-14)
    np.testing.assert_allclose(places[:, 1], np.cos(t), atol=1e-14)
    np.testing.assert_allclose(places[:, 4], np.sin(t / 10000**0.8), atol=1e-14)
    distances = np.linalg.norm(places[:, None] - places, axis=-1) + np.eye(50)
    assert distances.min() > 0.05


def test_what_there_is_none_of_is_refused():
    rng, x = np.random.default_rng(0), pt.matrix("x", shape=(T, N_IN))
    with pytest.raises(ValueError, match=r"kind must be one of elman, .*'rnn'"):
        initial_network("rnn", 1, 7, 5, 7, rng)
    with pytest.raises(ValueError, match=r"layers must be an integer .* got 0"):
        network("lstm", 0, x, shared(values("lstm")))
    for name, sizes in {
        "n_in": (0, 5, 7),
        "n": (7, 2.5, 7),
        "n_out": (7, 5, -1),
    }.items():
        with pytest.raises(ValueError, match=f"^{name} must be a positive integer"):
            initial_network("lstm", 1, *sizes, rng)
    with pytest.raises(ValueError, match="rng must be a generator"):
        initial_network("lstm", 1, 7, 5, 7, 0)
    with pytest.raises(ValueError, match="x and W_in must have static lengths"):
        network("attention", 1, pt.matrix("x"), shared(values("attention")))
    with pytest.raises(ValueError, match="T must be a positive integer"):
        recurrences.sinusoids(0, 4)
