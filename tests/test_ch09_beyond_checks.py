"""The checks of chapter 9's exercises: right answers, near-misses, garbage."""

from functools import partial

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from check_answers import (
    CHANGED,
    ask,
    check_accepts,
    check_tells,
    each_near_miss,
    each_right_answer,
    edited,
    slips,
    spoiling,
)
from scipy.special import softmax

from helpers.check import ch09_beyond_checks as check
from helpers.tasks.reber import EMBEDDED, SYMBOLS


def layer(**changes):
    """Two counts, of all and of the inner string; with other numbers by symbol."""
    F, G = np.ones((7, 2)), np.zeros((7, 2))
    F[SYMBOLS.index("B"), 1] = 0
    G[SYMBOLS.index("T")], G[SYMBOLS.index("P")] = 1, -1
    parts = {"F": F, "G": G, "w": np.array([1.0, -1.0])}
    return lambda: tuple({**parts, **changes}.values())


def doubled(a, b, h0):
    b = np.concatenate([a[:1] * h0 + b[:1], b[1:]])
    step = 1
    while step < len(a):
        b = np.concatenate([b[:step], b[step:] + a[step:] * b[:-step]])
        a = np.concatenate([a[:step], a[step:] * a[:-step]])
        step *= 2
    return b


def log_states(log_a, log_b, T):
    log_A = pt.cumsum(log_a, axis=0)
    s, step = log_b - log_A, 1
    while step < T:
        late, early = s[step:], s[:-step]
        s = pt.concatenate([s[:step], late + pt.softplus(early - late)])
        step *= 2
    return log_A + s


def gated_delta_step(q, k, v, alpha, beta, S_tm1):
    S = alpha[..., None, None] * S_tm1
    old = (k[..., None] * S).sum(axis=-2)
    S = S + k[..., None] * (beta[..., None] * (v - old))[..., None, :]
    return S, (q[..., None] * S).sum(axis=-2)


def cached_step(q_t, k_t, v_t, K, V):
    K, V = np.vstack([K, k_t]), np.vstack([V, v_t])
    scores = K @ q_t / np.sqrt(len(q_t))
    weights = np.exp(scores - scores.max())
    weights = weights / weights.sum()
    return weights @ V, K, V


def decoder_step(x_t, s_tm1, E, W_a, W_ih, W_hh, b_h):
    query = np.concatenate([x_t, s_tm1]) @ W_a
    weights = softmax(E @ query)
    context = weights @ E
    heard = np.concatenate([x_t, context]) @ W_ih
    return np.tanh(heard + s_tm1 @ W_hh + b_h), weights


def normalised_step(x_t, h_tm1, W_ih, b_h):
    n = h_tm1.shape[-1]
    a_t = x_t @ W_ih + b_h
    f, i, g = pt.sigmoid(a_t[..., :n]), pt.sigmoid(a_t[..., n : 2 * n]), a_t[..., -n:]
    kept = f / (f + i)
    return kept * h_tm1 + pt.sqrt(1 - kept**2) * g


def longest(k, units, bits):
    return int(units * bits / np.log2(k))


SOLUTIONS = {
    check.counting_layer: layer(),
    check.doubled: doubled,
    check.log_states: log_states,
    check.gated_delta_step: gated_delta_step,
    check.cached_step: cached_step,
    check.decoder_step: decoder_step,
    check.normalised_step: normalised_step,
    check.longest: longest,
}


def by_halves(a, b, h0):
    """Pairs are joined, half as many are solved, and the others follow from these."""

    def solved(a, b):
        if len(a) == 1:
            return b
        early_a, early_b, n = a[0::2], b[0::2], len(a) // 2
        late = solved(early_a[:n] * a[1::2], a[1::2] * early_b[:n] + b[1::2])
        h = np.empty_like(b)
        h[1::2], h[:1] = late, b[:1]
        h[2::2] = early_a[1:] * late[: len(early_a) - 1] + early_b[1:]
        return h

    return solved(a, np.concatenate([a[:1] * h0 + b[:1], b[1:]]))


def h0_in_front(a, b, h0):
    """h_0 is the state of a step before all others, whose gate is 0."""
    a, b = np.concatenate([0 * a[:1], a]), np.concatenate([h0[None], b])
    return doubled(a, b, 0 * h0)[1:]


def logs_by_scan(log_a, log_b, T):
    def step(a, b, s):
        late = a + s
        return pt.maximum(late, b) + pt.log1p(pt.exp(-abs(late - b)))

    later = pytensor.scan(
        step,
        sequences=[log_a[1:], log_b[1:]],
        outputs_info=log_b[0],
        return_updates=False,
    )
    return pt.concatenate([log_b[:1], later])


def from_matrices(q, k, v, alpha, beta, S_tm1):
    """As it is written with matrices: alpha (I - beta k^T k) S + beta k^T v."""
    d = k.shape[-1]
    K = k[..., :, None]
    alpha, beta = alpha[..., None, None], beta[..., None, None]
    erase = pt.eye(d) - beta * K * k[..., None, :]
    S = alpha * (erase @ S_tm1) + beta * K * v[..., None, :]
    return S, (q[..., None, :] @ S)[..., 0, :]


def by_whole_numbers(k, units, bits):
    n, states = 0, 1
    while states * k <= 1 << units * bits:
        states, n = states * k, n + 1
    return n


def in_one_unit_each():
    """The second unit counts the other way, and is added."""
    F, G, _ = layer()()
    return F, G * [1, -1], np.ones(2)


OTHER_WAYS = {
    "P counts, and the sign is turned": (
        check.counting_layer,
        lambda: {"F": layer()()[0], "G": -2 * layer()()[1], "w": [-3, 3]},
    ),
    "added": (check.counting_layer, in_one_unit_each),
    "by halves": (check.doubled, by_halves),
    "h0 in front": (check.doubled, h0_in_front),
    "a list of rows": (check.doubled, lambda *a: list(doubled(*a))),
    "by a scan": (check.log_states, logs_by_scan),
    "matrices": (check.gated_delta_step, from_matrices),
    "a dict of results": (
        check.cached_step,
        lambda *a: dict(zip(("o_t", "K", "V"), cached_step(*a), strict=True)),
    ),
    "a decoder in PyTensor": (
        check.decoder_step,
        edited(
            decoder_step,
            {
                "softmax(E @ query)": "pt.special.softmax(pt.as_tensor(E @ query))",
                "np.concatenate([x_t, context])": "pt.concatenate([x_t, context])",
                "np.tanh": "pt.tanh",
            },
        ),
    ),
    "the share by a sigmoid": (
        check.normalised_step,
        edited(
            normalised_step, {"kept = f / (f + i)": "kept = 1 / (1 + i / f)"}
        ),
    ),
    "by whole numbers": (check.longest, by_whole_numbers),
    "a float": (check.longest, lambda *a: np.floor(a[1] * a[2] / np.log2(a[0]))),
}  # fmt: skip


@each_right_answer(SOLUTIONS, OTHER_WAYS)
def test_a_right_answer_is_right(checked, student):
    check_accepts(checked, student)


@pytest.mark.parametrize("floatX", ["float32", "float64"])
@pytest.mark.parametrize(
    ("checked", "student"),
    [
        (check.gated_delta_step, gated_delta_step),
        (check.normalised_step, normalised_step),
    ],
)
def test_graphs_are_judged_in_the_precision_of_the_engine(checked, student, floatX):
    with pytensor.config.change_flags(floatX=floatX):
        check_accepts(checked, student)


def without(symbol, unit=1, gate=1.0):
    F = layer()()[0]
    F[SYMBOLS.index(symbol), unit] = gate
    return F


NEAR_LAYER = {
    "a second unit must count that alone": layer(w=[1, 0]),
    "P minus T of all that was heard": layer(w=[-1, 0]),
    "T minus P of the inner string alone": layer(w=[0, 1]),
    "the sign is that of T minus P of all": layer(F=np.ones((7, 2)), w=[1, 1]),
    "all signs are turned round": layer(w=[-1, 1]),
    "the readout is always 0": layer(F=np.ones((7, 2))),
    "does not depend on the second symbol": layer(
        F=without("B", 0, 0.0), G=np.arange(14.0).reshape(7, 2)
    ),
    "what was counted fades": layer(F=[0.98, 1] * layer()()[0]),
    "the gate of unit 1 for B is -1, and a gate lies between 0 and 1": layer(
        F=without("B", gate=-1)
    ),
    "expected shape (7, 2): one row a symbol": layer(F=np.ones((2, 7))),
    "expected shape (2,): one number a unit": layer(w=[[1], [-1]]),
    "some numbers are nan": layer(G=np.full((7, 2), np.nan)),
    "expected 3 results: F, G, w": lambda: layer()()[:2],
    "The first that is wrong is": layer(F=without("S", gate=0.0)),
}
NEAR_DOUBLED = slips(
    doubled,
    {
        "h_0 is left out": {"a[:1] * h0 + b[:1]": "b[:1]"},
        "h_0 is added to the first input as it is": {"a[:1] * h0": "h0"},
        "h_0 replaces the first input": {" * h0 + b[:1]": " * h0"},
        "h_0 comes into every step by its gate": {
            "b = np.concatenate([a[:1] * h0 + b[:1], b[1:]])": "b = b + a * h0"
        },
        "h_0 stands among the states": {"return b": "return np.vstack([h0, b])"},
        "only the last state": {"return b": "return b[-1]"},
        "only one round": {"while step < len(a)": "for step in [1][: len(a) - 1]"},
        "a stays as it is from round to round": {
            "        a = np.concatenate([a[:step], a[step:] * a[:-step]])\n": ""
        },
        "the step grows by 1": {"step *= 2": "step += 1"},
        "one round is missing": {"step < len(a)": "2 * step < len(a)"},
        "divide by no product of gates": {
            "step *= 2\n    return b": (
                "step *= 2\n    A = np.cumprod(a, axis=0)\n"
                "    return b / A * A"
            )
        },
    },
) | {
    "h_0 is added to every state": lambda a, b, h0: doubled(a, b, 0 * h0) + h0,
    "the new a is used in the round": lambda a, b, h0: check._rounds(
        a,
        np.concatenate([a[:1] * h0 + b[:1], b[1:]]),
        [2**k for k in range(9)],
        a_first=True,
    ),
    "it makes 64 products of arrays": check._in_a_loop,
    "depends on inputs that come after it": lambda a, b, h0: (
        doubled(a, b, h0) + 0.1 * b[-1]
    ),
}  # fmt: skip
STEP = "late + pt.softplus(early - late)"
NEAR_LOGS = slips(
    log_states,
    {
        "pt.logaddexp takes exp of both": {STEP: "pt.logaddexp(late, early)"},
        "these are the states h": {"return log_A + s": "return pt.exp(log_A + s)"},
        "log A is missing at the end": {"return log_A + s": "return s"},
        "log A is added to log b": {"log_b - log_A": "log_b + log_A"},
        "log A is added at the end to inputs": {"log_b - log_A": "log_b"},
        "log A is subtracted at the end": {"return log_A + s": "return s - log_A"},
        "only the largest term counts": {STEP: "pt.maximum(late, early)"},
        "log a stands in the place": {"pt.cumsum(log_a, axis=0)": "log_a"},
        "only the last state": {"return log_A + s": "return (log_A + s)[-1]"},
        "only one round of joining": {"step *= 2": "step *= T"},
        "The states are right, and their gradient is not": {
            "return log_A + s": (
                "return pytensor.gradient.disconnected_grad(log_A) + s"
            )
        },
        "a symbolic expression": {"return log_A + s": "return 3"},
    },
) | {
    "the logarithm of a sum is not the sum of logarithms": lambda log_a, log_b, T: (
        pt.cumsum(log_b - pt.cumsum(log_a, axis=0), axis=0) + pt.cumsum(log_a, axis=0)
    ),
    "exp leaves the range of float64": lambda log_a, log_b, T: pt.log(
        by_products(pt.exp(log_a), pt.exp(log_b))
    ),
}  # fmt: skip


def by_products(a, b):
    A = pt.cumprod(a, axis=0)
    return A * pt.cumsum(b / A, axis=0)


READ = "(k[..., None] * S).sum(axis=-2)"
NEWS = "(beta[..., None] * (v - old))"
NEAR_DELTA = slips(
    gated_delta_step,
    {
        "the gate alpha does nothing": {"alpha[..., None, None] * S_tm1": "S_tm1"},
        "the state fades first": {READ: "(k[..., None] * S_tm1).sum(axis=-2)"},
        "as in linear attention": {NEWS: "(beta[..., None] * v)"},
        "what k holds is added to v": {"v - old": "v + old"},
        "the difference is turned round": {"v - old": "old - v"},
        "beta counts for v alone": {NEWS: "(beta[..., None] * v - old)"},
        "beta does nothing": {NEWS: "(v - old)"},
        "alpha and beta are exchanged": {"alpha, beta,": "beta, alpha,"},
        "alpha counts for what is written as well": {
            NEWS: "((alpha * beta)[..., None] * (v - old))"
        },
        "the last state is missing": {"S + k[..., None]": "k[..., None]"},
        "q writes, expected k": {"S + k[..., None]": "S + q[..., None]"},
        "q asks for what is there": {READ: READ.replace("k[", "q[")},
        "k reads the output": {"(q[..., None] * S)": "(k[..., None] * S)"},
        "the output is read from the last state": {
            "(q[..., None] * S)": "(q[..., None] * S_tm1)"
        },
        "q and k are exchanged": {"q, k,": "k, q,"},
        "what k holds is S k": {READ: "(k[..., None, :] * S).sum(axis=-1)"},
        "count axes from the end": {"alpha[..., None, None]": "alpha", READ: "k @ S"},
        "expected 2 results: S_t, o_t": {
            "return S, (q[..., None] * S).sum(axis=-2)": "return S"
        },
    },
)
NEAR_CACHED = slips(
    cached_step,
    {
        "not divided by the root of d": {" / np.sqrt(len(q_t))": ""},
        "divided by d, expected by its root": {"np.sqrt(len(q_t))": "len(q_t)"},
        "the root of m": {"np.sqrt(len(q_t))": "np.sqrt(len(v_t))"},
        "the root of the number of keys": {"np.sqrt(len(q_t))": "np.sqrt(len(K))"},
        "are not divided by their sum": {
            "np.exp(scores - scores.max())": "np.exp(scores)",
            "weights / weights.sum()": "weights",
        },
        "never does": {"scores - scores.max()": "scores"},
        "put in front": {
            "[K, k_t]": "[k_t, K]",
            "[V, v_t]": "[v_t, V]",
        },
        "the new key asks": {"K @ q_t": "K @ k_t"},
        "expected 3 results: o_t, K, V": {"weights @ V, K, V": "weights @ V"},
    },
) | {
    "K is handed on without the new key": lambda q, k, v, K, V: (
        cached_step(q, k, v, K, V)[0],
        K,
        np.vstack([V, v]),
    ),
    "and V are handed on as they came": lambda q, k, v, K, V: (
        cached_step(q, k, v, K, V)[0],
        K,
        V,
    ),
    "K, V: right. o_t of cached_step": lambda q, k, v, K, V: (
        cached_step(-q, k, v, K, V)[0],
        np.vstack([K, k]),
        np.vstack([V, v]),
    ),
    "the key and value of step t itself are missing": lambda q, k, v, K, V: (
        cached_step(q, K[-1], V[-1], K[:-1], V[:-1])[0]
        if len(K)
        else cached_step(q, k, v, K, V)[0],
        np.vstack([K, k]),
        np.vstack([V, v]),
    ),
}


NEAR_DECODER = slips(
    decoder_step,
    {
        "the weights stay as they are": {"E @ query": "query"},
        "all weights are 0.25": {"softmax(E @ query)": "np.full(len(E), 1 / len(E))"},
        "the softmax is missing": {"softmax(E @ query)": "E @ query"},
        "a sigmoid of each score": {
            "softmax(E @ query)": "1 / (1 + np.exp(-E @ query))"
        },
        "the input has no part in the query": {
            "np.concatenate([x_t, s_tm1]) @ W_a": "s_tm1 @ W_a[len(x_t) :]"
        },
        "the last state has no part in the query": {
            "np.concatenate([x_t, s_tm1]) @ W_a": "x_t @ W_a[: len(x_t)]"
        },
        "state and input are exchanged": {"[x_t, s_tm1]": "[s_tm1, x_t]"},
        "the context is the mean": {
            "context = weights @ E": "context = E.mean(axis=0)"
        },
        "the context is the last state": {"context = weights @ E": "context = E[-1]"},
        "s_tm1 @ W_hh is missing": {" + s_tm1 @ W_hh": ""},
        "b_h is missing": {" + b_h": ""},
        "the tanh of the new state is missing": {"np.tanh": "np.asarray"},
        "in the order weights, s_t": {
            "return np.tanh(heard + s_tm1 @ W_hh + b_h), weights": (
                "return weights, np.tanh(heard + s_tm1 @ W_hh + b_h)"
            )
        },
    },
)
SHARE, GAIN = "f / (f + i)", "pt.sqrt(1 - kept**2)"
NEAR_NORMALISED = slips(
    normalised_step,
    {
        "this is minLSTM": {GAIN: "(1 - kept)"},
        "the gates are not normalised": {SHARE: "f", GAIN: "i"},
        "the square is missing": {GAIN: "pt.sqrt(1 - kept)"},
        "the root is missing": {GAIN: "(1 - kept**2)"},
        "under the root stands f": {GAIN: "pt.sqrt(1 - f**2)"},
        "all of the candidate comes in": {f"{GAIN} * ": ""},
        "the input gate counts once more": {GAIN: f"{GAIN} * i"},
        "f and i are exchanged": {SHARE: "i / (f + i)"},
        "Is it f / (f + i), with brackets": {SHARE: "f / f + i"},
        "the last state is missing": {"kept * h_tm1 + ": ""},
        "the candidate has a tanh": {"a_t[..., -n:]": "pt.tanh(a_t[..., -n:])"},
        "b_h is missing": {" + b_h": ""},
        "The blocks lie along the last axis": {"a_t[..., :n]": "a_t[:n]"},
    },
) | {
    "the blocks are taken in the order g, f, i": lambda x, h, W, b: normalised_step(
        x, h, pt.roll(W, -h.shape[-1], axis=1), pt.roll(b, -h.shape[-1])
    )
}
NEAR_LONGEST = slips(
    longest,
    {
        "so cut it off": {
            "int(units * bits / np.log2(k))": "units * bits / np.log2(k)"
        },
        "rounded up": {"int(": "np.ceil("},
        "rounded to the nearest": {"int(": "round("},
        "the logarithm has base e": {"np.log2": "np.log"},
        "only one unit is counted": {"units * bits": "bits"},
        "expected the symbols that they hold": {
            "int(units * bits / np.log2(k))": "units * bits"
        },
        "expected by its logarithm": {"np.log2(k)": "k"},
        "a whole number of bits": {"np.log2(k)": "np.ceil(np.log2(k))"},
        "a symbol may lie in two": {
            "int(units * bits / np.log2(k))": "units * int(bits / np.log2(k))"
        },
    },
)


@each_near_miss(
    SOLUTIONS,
    (
        NEAR_LAYER,
        NEAR_DOUBLED,
        NEAR_LOGS,
        NEAR_DELTA,
        NEAR_CACHED,
        NEAR_DECODER,
        NEAR_NORMALISED,
        NEAR_LONGEST,
    ),
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_near_miss_is_told_what_it_is(checked, sentence, student):
    check_tells(checked, sentence, student)


SPOILED = [
    check.doubled,
    check.log_states,
    check.gated_delta_step,
    check.cached_step,
    check.decoder_step,
    check.normalised_step,
]


@each_near_miss(SPOILED, ({CHANGED: spoiling(SOLUTIONS[c])} for c in SPOILED))
def test_an_answer_that_changes_its_inputs_is_told_so(checked, sentence, student):
    check_tells(checked, sentence, student)


def test_b_is_changed_in_place_by_the_shortest_way_to_bring_h0_in():
    def student(a, b, h0):
        b[0] += a[0] * h0
        return doubled(a, b, 0 * h0)

    assert f"b{CHANGED}" in ask(check.doubled, student)


# What the exercises say ---------------------------------------------------------------


def test_two_counts_know_the_second_symbol_of_all_strings_up_to_some_length():
    F, G, w = layer()()
    prefixes, asked = ["B"], 0
    while prefixes:
        prefix = prefixes.pop()
        if prefix.count("E") == 1:  # the inner string has ended
            asked += 1
            y = check._heard(prefix, F, G, w)
            assert y == (1 if prefix[1] == "T" else -1)
        elif len(prefix) < 14:
            prefixes += [prefix + symbol for symbol in EMBEDDED.legal(prefix)]
    assert asked > 200


def test_the_gradient_of_logs_is_that_of_central_differences():
    log_a, log_b, T = check._logs(np.random.default_rng(2), 6, 2)
    weights = check._weights_of(T, 2)
    _, *slopes = check._logs_and_gradients(log_a, log_b, T)
    for given, slope in zip((log_a, log_b), slopes, strict=True):
        for at in np.ndindex(given.shape):
            values, step = [], 1e-6
            for by in (step, -step):
                moved = [v.copy() if v is given else v for v in (log_a, log_b)]
                moved[0 if given is log_a else 1][at] += by
                values.append((weights * check._running(*moved)).sum())
            difference = (values[0] - values[1]) / (2 * step)
            assert difference == pytest.approx(slope[at], abs=1e-7)


def test_the_quotient_has_right_states_and_no_gradient():
    """What exercise 9.3 begins with: A^2 is 0 long before A is."""
    log_a, log_b, _ = check._logs(np.random.default_rng(0), 512, 1)
    a, b = pt.dmatrix(), pt.dmatrix()
    h = by_products(a, b)
    mode = pytensor.compile.mode.Mode(linker="py", optimizer="fast_compile")
    with pytensor.config.change_flags(cxx=""):
        function = pytensor.function([a, b], [h, pt.grad(h.sum(), a)], mode=mode)
    with np.errstate(all="ignore"):
        states, slope = function(np.exp(log_a), np.exp(log_b))
    np.testing.assert_allclose(np.log(states), check._running(log_a, log_b), rtol=1e-9)
    assert not np.isfinite(slope).any()


def test_the_share_keeps_the_variance():
    """With independent candidates of variance 1, from any first state of variance 1."""
    rng = np.random.default_rng(0)
    n, W = 20_000, np.zeros((1, 3))
    W[0] = 1.0, -0.5, 0.0
    h = rng.normal(0, 1, (n, 1))
    for _ in range(30):
        x = rng.normal(0, 1, (n, 1))
        bias = np.concatenate([np.zeros((n, 2)), rng.normal(0, 1, (n, 1))], axis=1)
        h = check._normalised(x, h, W, bias)
    assert h.var() == pytest.approx(1, abs=0.05)


def test_where_alpha_and_beta_are_one_the_key_holds_the_value():
    q, k, v, _, _, S = check.DELTAS[1]
    one = np.ones(len(k))
    after, _ = check._delta(q, k, v, one, one, S)
    np.testing.assert_allclose(check._read(k, after), v)


def test_the_weights_of_the_right_decoder_change_places_with_the_states():
    x, s, E, *weights = check.DECODERS[0]
    order = np.array([2, 0, 3, 1])
    state, before = decoder_step(x, s, E, *weights)
    other, after = decoder_step(x, s, E[order], *weights)
    np.testing.assert_allclose(after, before[order])
    np.testing.assert_allclose(other, state)  # and the context stays as it is


def test_the_cache_gives_what_attention_gives_at_once():
    rng = np.random.default_rng(0)
    T, d, m = 7, 3, 2
    Q, K, V = (
        rng.normal(0, 1, (T, d)),
        rng.normal(0, 1, (T, d)),
        rng.normal(0, 1, (T, m)),
    )
    scores = np.where(np.tri(T) > 0, Q @ K.T / np.sqrt(d), -np.inf)
    wanted = softmax(scores, axis=1) @ V
    keys, values = np.zeros((0, d)), np.zeros((0, m))
    for t in range(T):
        o, keys, values = check._cached(Q[t], K[t], V[t], keys, values)
        np.testing.assert_allclose(o, wanted[t])


@pytest.mark.parametrize("k", range(2, 61))
def test_the_longest_sequence_has_a_state_of_its_own_and_a_longer_one_has_not(k):
    for units, bits in ((1, 1), (3, 8), (7, 5), (32, 64), (64, 32)):
        n = check._longest(k, units, bits)
        assert k**n <= 2 ** (units * bits) < k ** (n + 1)
    assert check._longest(8, 32, 64) == 682


def test_products_are_counted_and_change_nothing():
    arguments = check._recurrence(np.random.default_rng(0), 32, 2)
    check._Counted.products = 0
    given = [a.view(check._Counted) for a in arguments]
    np.testing.assert_array_equal(doubled(*given), doubled(*arguments))
    assert check._Counted.products == 1 + 2 * 5


exactly = partial(np.testing.assert_allclose, rtol=1e-12)


@pytest.mark.parametrize("T", [1, 2, 3, 7, 8, 9, 31])
def test_our_doubling_is_the_loop(T):
    arguments = check._recurrence(np.random.default_rng(T), T, 3)
    exactly(check._doubled(*arguments), check._in_a_loop(*arguments), atol=1e-12)
