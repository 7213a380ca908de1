"""What came after: each recurrence of chapter 9 as a step of scan, and as a layer.

Vectors are rows. A step takes x_t (..., n_in) and states (..., n), whatever axes stand
in front. A layer makes of a sequence x (T, ..., n_in) the outputs (T, ..., n), from
states that are zero, or learned where the cell of an earlier chapter learns them. What
of a step does not wait for the state stands before the loop in its layer, and those of
keys and values do without one: the same numbers, sooner.

A network has one or two layers and a linear readout:

    h = layer_1(x),    h = h + layer_2(h),    o = h W_ho + b_o

Its parameters are a dict of arrays, those of layer 1 under "1.W_ih" and so on. Three
kinds mix steps without a bias or a place of their own, "linear-attention", "deltanet"
and "attention". Their networks begin with u = x W_in, to which the first layer is added
too; to u of the two attentions belong sinusoids that tell the steps apart.

Several networks of one kind and size may stand side by side: then each parameter has
them as its first axis, vectors a second one of length 1, and x is
(T, networks, batch, n_in).
"""

from collections.abc import Callable

import numpy as np
import pytensor
import pytensor.tensor as pt

from helpers import arguments
from helpers.networks import initialisation
from helpers.networks.gated import gru_from, lstm_from

# Steps --------------------------------------------------------------------------------


def mingru_step(x_t, h_tm1, W_ih, b_h):
    """The minGRU of Feng et al. (2024), "Were RNNs all we needed?", section 3.1.

    W_ih (n_in, 2 n): update gate, candidate. Neither sees the state. Returns h_t.
    """
    f_t, b_t = mingru_gates(x_t @ W_ih + b_h)
    return f_t * h_tm1 + b_t  # (..., n)


def mingru_gates(a):
    """f and b of h_t = f_t h_{t-1} + b_t, from a = x W_ih + b_h, (..., 2 n)."""
    n = a.shape[-1] // 2
    z, g = pt.sigmoid(a[..., :n]), a[..., n:]  # (..., n), (..., n)
    return 1 - z, z * g


def minlstm_step(x_t, h_tm1, W_ih, b_h):
    """The minLSTM of Feng et al. (2024), section 3.2, with gates that sum to 1.

    W_ih (n_in, 3 n): forget gate, input gate, candidate. Returns h_t.
    """
    f_t, b_t = minlstm_gates(x_t @ W_ih + b_h)
    return f_t * h_tm1 + b_t  # (..., n)


def minlstm_gates(a):
    """f and b of h_t = f_t h_{t-1} + b_t, from a = x W_ih + b_h, (..., 3 n)."""
    n = a.shape[-1] // 3
    f, i = pt.sigmoid(a[..., :n]), pt.sigmoid(a[..., n : 2 * n])
    return f / (f + i), i / (f + i) * a[..., 2 * n :]


def rglru_step(x_t, h_tm1, W_ih, b_h, decay):
    """The RG-LRU of De et al. (2024), "Griffin", section 2.4.

    W_ih (n_in, 3 n): recurrence gate, input gate, candidate; decay (n,). The input is
    scaled so that a state of variance 1 keeps it. Returns h_t.
    """
    f_t, b_t = rglru_gates(x_t @ W_ih + b_h, decay)
    return f_t * h_tm1 + b_t  # (..., n)


def rglru_gates(a, decay):
    """f and b of h_t = f_t h_{t-1} + b_t, from a = x W_ih + b_h, (..., 3 n)."""
    n = a.shape[-1] // 3
    r, i = pt.sigmoid(a[..., :n]), pt.sigmoid(a[..., n : 2 * n])
    log_f = -8 * pt.softplus(decay) * r  # (..., n), the log of the forget gate
    keep = pt.sqrt(-pt.expm1(2 * log_f))  # sqrt(1 - f^2)
    return pt.exp(log_f), keep * i * a[..., 2 * n :]


def lru_step(x_t, re, im, W_re, W_im, nu, theta):
    """The LRU of Orvieto et al. (2023), section 3: a rotation for a complex number.

    lambda = exp(-exp(nu) + i theta), (n,), is what the state re + i im is multiplied
    with; PyTensor has no gradients of complex numbers. Returns the two new states.
    """
    return lru_from(x_t @ W_re, x_t @ W_im, re, im, nu, theta)


def lru_from(a_re, a_im, re, im, nu, theta):
    """The same from a_re = x_t W_re and a_im = x_t W_im, (..., n)."""
    r = pt.exp(-pt.exp(nu))  # (n,), the modulus of lambda
    c, s = r * pt.cos(theta), r * pt.sin(theta)  # (n,): lambda = c + i s
    gain = pt.sqrt(1 - r**2)  # (n,)
    re_t = c * re - s * im + gain * a_re  # (..., n)
    im_t = s * re + c * im + gain * a_im  # (..., n)
    return re_t, im_t


def selective_step(u_t, H_tm1, W_dt, b_dt, W_B, W_C, log_A):
    """The selective scan of Gu and Dao (2023), "Mamba", algorithm 2.

    u_t (..., d), H_tm1 (..., d, N): each feature has N numbers for a state. Returns
    H_t and the output (..., d).
    """
    dt, C_t = pt.softplus(u_t @ W_dt + b_dt), u_t @ W_C  # (..., d), (..., N)
    f_t, b_t = selective_gates(u_t, dt, u_t @ W_B, log_A)
    H_t = f_t * H_tm1 + b_t  # (..., d, N)
    return H_t, (H_t * C_t[..., None, :]).sum(axis=-1)


def selective_gates(u, dt, B, log_A):
    """f and b of H_t = f_t H_{t-1} + b_t, (..., d, N), from dt (..., d), B (..., N)."""
    f = pt.exp(-dt[..., None] * pt.exp(log_A))
    return f, (dt * u)[..., None] * B[..., None, :]


def linear_attention_step(q, k, v, S_tm1, z_tm1):
    """Linear attention as a recurrence (Katharopoulos et al. 2020, section 3.4).

    q and k (..., d), positive; v (..., m); S_tm1 (..., d, m) and z_tm1 (..., d) are the
    sums so far. Returns S_t, z_t and the output (..., m).
    """
    S_t = S_tm1 + k[..., None] * v[..., None, :]  # (..., d, m)
    z_t = z_tm1 + k  # (..., d)
    read = (q[..., None] * S_t).sum(axis=-2)  # (..., m): q S
    return S_t, z_t, read / (q * z_t).sum(axis=-1, keepdims=True)


def deltanet_step(q, k, v, beta, S_tm1):
    """The delta rule (Schlag, Irie and Schmidhuber 2021, section 4.2).

    q and k (..., d), k of norm 1 as in Yang et al. (2024); v (..., m); beta (..., 1)
    from 0 to 1; S_tm1 (..., d, m). What the key k holds is replaced by v to the share
    beta. Returns S_t and the output (..., m).
    """
    old = (k[..., None] * S_tm1).sum(axis=-2)  # (..., m): k S, what k holds now
    S_t = S_tm1 + k[..., None] * (beta * (v - old))[..., None, :]  # (..., d, m)
    return S_t, (q[..., None] * S_t).sum(axis=-2)


def attention_step(t, q_t, K, V):
    """Attention of step t over the steps up to it: the "state" is K and V, the past.

    q_t (d,), K (T, d), V (T, m). Returns the output (m,).
    """
    scores = _over_root(K @ q_t, K)  # (T,)
    scores = pt.switch(pt.arange(K.shape[0]) <= t, scores, -1e9)  # no look ahead
    return pt.special.softmax(scores, axis=-1) @ V  # (m,)


def attention(Q, K, V):
    """Attention of all steps at once, without scan (Vaswani et al. 2017, equation 1).

    Q and K (..., T, d), V (..., T, m): time is the last axis but one. No step sees a
    later one. Returns (..., T, m).
    """
    return attention_weights(Q, K) @ V


def attention_weights(Q, K):
    """How much of each step every step takes: (..., T, T), rows that sum to 1."""
    scores = _over_root(Q @ K.swapaxes(-1, -2), K)  # (..., T, T)
    t = pt.arange(Q.shape[-2])
    scores = pt.switch(t[None, :] <= t[:, None], scores, -1e9)
    return pt.special.softmax(scores, axis=-1)


def _over_root(scores, K):
    return scores / pt.sqrt(pt.cast(K.shape[-1], K.dtype))


# Layers: x (T, ..., n_in) and the layer's parameters -> outputs (T, ..., n) ---------


def elman(x, p):
    """The Elman network's states."""

    def step(a_t, h_tm1, W_hh):
        return pt.tanh(a_t + h_tm1 @ W_hh)

    a = _affine(x, p["W_ih"], p["b_h"])
    return _scan(step, [a], [_start(a, p["h0"])], [p["W_hh"]])


def lstm(x, p):
    """The states h of the LSTM of chapter 6."""
    a = _affine(x, p["W_ih"], p["b_h"])
    start = [_start(a, p["h0"]), _start(a, p["c0"])]
    return _scan(lstm_from, [a], start, [p["W_hh"]])[0]


def gru(x, p):
    """The states of the GRU of chapter 6."""
    a = _affine(x, p["W_ih"], p["b_h"])
    return _scan(gru_from, [a], [_start(a, p["h0"])], [p["W_hh"]])


def linear(a, b):
    """All h of h_t = a_t h_{t-1} + b_t step by step, h before it zero: (T, ..., n).

    a and b are PyTensor variables of that shape. Without a loop over time:
    `parallel_scan`.
    """

    def step(a_t, b_t, h_tm1):
        return a_t * h_tm1 + b_t

    return _scan(step, [a, b], [pt.zeros_like(b[0])])


def mingru(x, p):
    """See `mingru_step`."""
    return linear(*mingru_gates(_affine(x, p["W_ih"], p["b_h"])))


def minlstm(x, p):
    """See `minlstm_step`."""
    return linear(*minlstm_gates(_affine(x, p["W_ih"], p["b_h"])))


def rglru(x, p):
    """See `rglru_step`."""
    return linear(*rglru_gates(_affine(x, p["W_ih"], p["b_h"]), p["decay"]))


def lru(x, p):
    """See `lru_step`. The output is tanh([re im] W_c + b_c), (T, ..., n)."""
    a_re, a_im = _product(x, p["W_re"]), _product(x, p["W_im"])
    zeros = pt.zeros_like(a_re[0])
    states = _scan(lru_from, [a_re, a_im], [zeros, zeros], [p["nu"], p["theta"]])
    both = pt.concatenate(states, axis=-1)  # (T, ..., 2 n)
    return pt.tanh(_affine(both, p["W_c"], p["b_c"]))


def selective(x, p):
    """See `selective_step`, of u = x W_in + b_in; D u is added to what it says."""
    u = _affine(x, p["W_in"], p["b_in"])
    dt = pt.softplus(_affine(u, p["W_dt"], p["b_dt"]))
    B, C, log_A = _product(u, p["W_B"]), _product(u, p["W_C"]), p["log_A"]
    log_A = log_A[:, None] if log_A.ndim == 3 else log_A  # of networks side by side
    H = linear(*selective_gates(u, dt, B, log_A))  # (T, ..., n, N)
    return (H * C[..., None, :]).sum(axis=-1) + p["D"] * u


def linear_attention(x, p):
    """See `linear_attention_step`. q and k are made positive by elu + 1."""
    q, k, v = _queries_keys_values(x, p)
    q, k = (pt.switch(a > 0, a + 1, pt.exp(pt.minimum(a, 0))) for a in (q, k))
    pairs = pt.tril(q @ k.swapaxes(-1, -2))  # (..., T, T)
    read = pairs @ v / pairs.sum(axis=-1, keepdims=True)
    return _product(_time_first(read), p["W_out"])


def deltanet(x, p):
    """See `deltanet_step`.

    S_t is the sum of outer products of the keys up to t and what was written to them,
    w_s = beta_s (v_s - k_s S_{s-1}). So the w_s solve a triangular system.
    """
    q, k, v = _queries_keys_values(x, p)
    k = k / pt.sqrt((k**2).sum(axis=-1, keepdims=True) + 1e-6)
    beta = _time_late(pt.sigmoid(_product(x, p["W_beta"])))  # (..., T, 1)
    before = pt.tril(beta * (k @ k.swapaxes(-1, -2)), -1)  # (..., T, T)
    one = pt.eye(k.shape[-2], dtype=k.dtype)
    written = pt.linalg.solve_triangular(
        one + before, beta * v, lower=True, unit_diagonal=True, b_ndim=2
    )
    read = pt.tril(q @ k.swapaxes(-1, -2)) @ written
    return _product(_time_first(read), p["W_out"])


def attention_layer(x, p):
    """See `attention`."""
    return _product(_time_first(attention(*_queries_keys_values(x, p))), p["W_out"])


LAYERS: dict[str, Callable] = {
    "elman": elman,
    "lstm": lstm,
    "gru": gru,
    "mingru": mingru,
    "minlstm": minlstm,
    "rglru": rglru,
    "lru": lru,
    "selective": selective,
    "linear-attention": linear_attention,
    "deltanet": deltanet,
    "attention": attention_layer,
}
EMBEDDED = ("linear-attention", "deltanet", "attention")  # begin with u = x W_in
PLACED = ("linear-attention", "attention")  # would not know the order of the steps


def _scan(
    step: Callable, sequences: list, start: list, non_sequences: tuple | list = ()
):
    return pytensor.scan(
        step,
        sequences=sequences,
        outputs_info=start,
        non_sequences=list(non_sequences),
        strict=True,
        return_updates=False,
    )


def _product(x, W):
    """X W for all steps at once; of networks side by side, each with its own W."""
    if W.ndim == 2:
        return x @ W
    T, networks, batch, n = x.shape
    by_network = x.swapaxes(0, 1).reshape((networks, T * batch, n)) @ W
    return by_network.reshape((networks, T, batch, W.shape[-1])).swapaxes(0, 1)


def _affine(x, W, b):
    return _product(x, W) + b


def _start(a, h0):
    """The learned first state h0 for every example of a (T, ..., blocks of n)."""
    return h0 + pt.zeros_like(a[0, ..., :1])


def _queries_keys_values(x, p):
    """Time is the last axis but one: (..., T, n) each."""
    a = _time_late(_product(x, p["W_qkv"]))  # (..., T, 3 n)
    n = a.shape[-1] // 3
    return a[..., :n], a[..., n : 2 * n], a[..., 2 * n :]


def _time_late(a):
    """Time, the first axis, as the last but one."""
    return a.transpose(*range(1, a.ndim - 1), 0, a.ndim - 1)


def _time_first(a):
    return a.transpose(a.ndim - 2, *range(a.ndim - 2), a.ndim - 1)


# Networks -----------------------------------------------------------------------------


def network(kind: str, layers: int, x, p: dict):
    """The outputs (T, ..., n_out) of a network that reads x (T, ..., n_in)."""
    return _affine(states(kind, layers, x, p), p["W_ho"], p["b_o"])


def states(kind: str, layers: int, x, p: dict):
    """What its readout sees, (T, ..., n).

    x and p are PyTensor variables. For gradients under JAX, T must be static. Raises
    ValueError for a kind or a number of layers that there is none of.
    """
    _check(kind, layers)
    layer, h = LAYERS[kind], x
    for i in range(1, layers + 1):
        own = {key[2:]: value for key, value in p.items() if key[:2] == f"{i}."}
        if i == 1 and kind in EMBEDDED:
            h = _product(x, p["W_in"])
            h = h + _places(h) if kind in PLACED else h
        made = layer(h, own)
        h = h + made if i > 1 or kind in EMBEDDED else made
    return h


def sinusoids(T: int, n: int) -> np.ndarray:
    """What tells steps apart, (T, n): sines and cosines of T steps at n/2 frequencies.

    Feature 2i of step t is sin(t / 10000^(2i / n)), feature 2i + 1 its cosine (Vaswani
    et al. 2017, section 3.5).
    """
    T, n = arguments.integer("T", T), arguments.integer("n", n)
    i = np.arange(n)
    angle = np.arange(T)[:, None] / 10000 ** (2 * (i // 2) / n)
    return np.where(i % 2 == 0, np.sin(angle), np.cos(angle))


def _places(u):
    """The sinusoids of u (T, ..., n), with an axis of length 1 for each in between."""
    T, n = u.type.shape[0], u.type.shape[-1]
    if T is None or n is None:
        raise ValueError(
            f"x and W_in must have static lengths, T and n, for the places of the "
            f"steps; got {u.type.shape}"
        )
    places = sinusoids(T, n).astype(u.dtype)
    return pt.constant(places.reshape(T, *(1,) * (u.ndim - 2), n))


def initial_network(
    kind: str, layers: int, n_in: int, n: int, n_out: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """First values by the names of the parameters, arrays of floatX.

    Every layer has n units. Raises ValueError as `states`, for sizes that are not
    positive integers, and for an `rng` that is no generator.
    """
    _check(kind, layers)
    n_in, n, n_out = (
        arguments.integer(*size)
        for size in (("n_in", n_in), ("n", n), ("n_out", n_out))
    )
    arguments.generator(rng)
    values, width = {}, n_in
    if kind in EMBEDDED:
        values["W_in"], width = initialisation.uniform(n_in, n, rng), n
    for i in range(1, layers + 1):
        of_layer = initial(kind, width, n, rng)
        values |= {f"{i}.{name}": value for name, value in of_layer.items()}
        width = n
    values["W_ho"], values["b_o"] = _init(kind)(n, n_out, rng), np.zeros(n_out)
    floatX = pytensor.config.floatX
    return {name: value.astype(floatX) for name, value in values.items()}


BLOCKS = {"elman": 1, "lstm": 4, "gru": 3, "mingru": 2, "minlstm": 3, "rglru": 3}
STATES = {"elman": ("h0",), "lstm": ("h0", "c0"), "gru": ("h0",)}  # that are learned


def initial(
    kind: str, n_in: int, n: int, rng: np.random.Generator, N: int = 4
) -> dict[str, np.ndarray]:
    """First values of one layer, float64; N is the state of a feature of "selective".

    Weights are uniform in +-1/sqrt(rows), those of an Elman network as in chapter 2;
    gates begin so that a state lasts for a while.
    """

    def w(rows: int, blocks: int = 1, columns: int = n) -> np.ndarray:
        drawn = [_init(kind)(rows, columns, rng) for _ in range(blocks)]
        return np.hstack(drawn)

    if kind in BLOCKS:
        blocks = BLOCKS[kind]
        p = {"W_ih": w(n_in, blocks)}
        if kind in STATES:
            p["W_hh"] = w(n, blocks)
        p["b_h"] = np.zeros(blocks * n)
        p |= {name: np.zeros(n) for name in STATES.get(kind, ())}
        if kind == "lstm":
            p["b_h"][n : 2 * n] = 1  # the forget gate
        if kind == "mingru":
            p["b_h"][:n] = -1  # the update gate
        if kind == "minlstm":
            p["b_h"][:n] = 1
        if kind == "rglru":
            f = rng.uniform(0.9, 0.999, n)  # the forget gate where r = 1
            p["decay"] = np.log(np.expm1(-np.log(f) / 8))
        return p
    if kind == "lru":
        p = {"W_re": w(n_in), "W_im": w(n_in)}
        p["nu"] = np.log(-np.log(rng.uniform(0.9, 0.999, n)))
        p["theta"] = rng.uniform(0, np.pi / 4, n)
        return p | {"W_c": w(2 * n), "b_c": np.zeros(n)}
    if kind == "selective":
        p = {"W_in": w(n_in), "b_in": np.zeros(n), "W_dt": 0.3 * w(n)}
        dt = np.exp(rng.uniform(np.log(0.01), np.log(0.3), n))
        p["b_dt"] = np.log(np.expm1(dt))
        p |= {"W_B": w(n, columns=N), "W_C": w(n, columns=N)}
        log_A = np.log(np.tile(np.arange(1.0, N + 1), (n, 1)))
        return p | {"log_A": log_A, "D": np.ones(n)}
    p = {"W_qkv": w(n_in, 3), "W_out": w(n)}
    if kind == "deltanet":
        p["W_beta"] = w(n_in, columns=1)
    return p


def _init(kind: str) -> Callable:
    """How its weights are drawn: as the initial_... of the course's own cells do."""
    elman = kind == "elman"
    return initialisation.unit_singular_value if elman else initialisation.uniform


def _check(kind: str, layers: int) -> None:
    if kind not in LAYERS:
        raise arguments.wrong("kind", f"one of {', '.join(LAYERS)}", kind)
    arguments.integer("layers", layers, 1, 9)
