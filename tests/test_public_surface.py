"""Every public function against an independent reference, for good inputs and bad.

Arguments that mean the same in another form (lists, integers, other types and layouts)
must give the reference's value; what means nothing, an error that names the argument,
what was expected and what came. NaN and infinity are refused or seen in the result.
"""

import ast
import functools
import itertools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import scipy.stats
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_cells import by_hand, random_cell

from helpers import ROOT
from helpers.lm import batches, generation, model, ngrams, scoring, training, wordfilter
from helpers.lm import by_hand as lm
from helpers.lm.model import LanguageModel
from helpers.networks import (
    bptt,
    capacity,
    elman,
    feedforward,
    fixed_points,
    gated,
    gradients,
    initialisation,
    optimisers,
)
from helpers.networks.elman import Elman
from helpers.networks.gated import GRU, LSTM
from helpers.results import comparing, intervals, tables
from helpers.tasks import copying, reber, sine, sunspots
from helpers.tasks.reber import EMBEDDED, REBER, SYMBOLS
from helpers.tasks.text import SPECIAL, Vocabulary

# Arguments ----------------------------------------------------------------------------


class Array(NamedTuple):
    """Real numbers. Where `free`, its shape may change."""

    shape: tuple
    free: bool = False

    def draw(self, rng):
        return rng.integers(-16, 17, self.shape) / 8  # float32 holds them exactly


class Size(NamedTuple):
    least: int
    most: int

    def draw(self, rng):
        return int(rng.integers(self.least, self.most + 1))


class Number(NamedTuple):
    low: float
    high: float

    def draw(self, rng):
        return float(rng.integers(1, 8) / 8 * (self.high - self.low) + self.low)


class Words(NamedTuple):
    """Indices of words, from `least` to n - 1."""

    n: int
    count: int
    least: int = 0

    def draw(self, rng):
        return rng.integers(self.least, self.n, self.count)


class Given(NamedTuple):
    """What is not varied but for what is never meant: a function, a cell, a text."""

    value: Any
    kind: str = ""

    def draw(self, rng):
        return self.value


class Cell(NamedTuple):
    kind: type
    sizes: tuple = (2, 3, 4)

    def draw(self, rng):
        values = random_cell(self.kind, int(rng.integers(100)), *self.sizes)
        return values._make(np.round(value * 8) / 8 for value in values)


RNG = Given(None, "rng")


def noncontiguous(a):
    return np.repeat(a, 2, axis=-1)[..., ::2] if a.ndim else a


def with_one(value):
    def change(a):
        a = np.array(a, dtype=float)
        a.flat[: 1 if a.size else 0] = value
        return a

    return change


# Same meaning: the function must give the reference's value.
SAME = {
    Array: {
        "list": lambda a: a.tolist(),
        "float32": lambda a: a.astype(np.float32),
        "float16": lambda a: a.astype(np.float16),
        "int": lambda a: np.round(a).astype(int),
        "int8": lambda a: np.round(a).astype(np.int8),
        "uint8": lambda a: np.abs(np.round(a)).astype(np.uint8),
        "bool": lambda a: a > 0,
        "noncontiguous": noncontiguous,
        "backwards": lambda a: a[::-1].copy()[::-1],
        "fortran": np.asfortranarray,
        "big endian": lambda a: a.astype(">f8"),
    },
    Size: {"int64": np.int64, "uint8": np.uint8, "0-d": np.array},
    Number: {"float64": np.float64, "0-d": np.array, "fraction": Fraction},
    Words: {
        "list": lambda a: a.tolist(),
        "int32": lambda a: a.astype(np.int32),
        "uint8": lambda a: a.astype(np.uint8),
        "noncontiguous": noncontiguous,
    },
}
# Seen or refused.
POISON = {
    Array: {str(v): with_one(v) for v in (np.nan, np.inf, -np.inf, 1e300, 1e-300)},
    Number: {"inf": lambda v: np.inf},
}
# No meaning: must be refused.
BAD = {
    Array: {
        "None": lambda a: None,
        "text": lambda a: "text",
        "texts": lambda a: np.full(a.shape, "1.5"),
        "objects": lambda a: np.full(a.shape, None),
        "complex": lambda a: a + 0.5j,
        "masked": lambda a: np.ma.masked_less(a, 0),
        "ragged": lambda a: [[1.0], [1.0, 2.0]],
    },
    Size: {
        **{str(v): lambda n, v=v: v for v in (None, "3", True, [3], -1, -(10**30))},
        **{str(v): lambda n, v=v: v for v in (np.nan, np.inf, 2.5, 3j)},
        "float": float,
        "array": lambda n: np.array([n, n]),
    },
    Number: {
        **{str(v): lambda x, v=v: v for v in (None, "0.5", True, [0.5], np.nan, 1j)},
        "array": lambda x: np.array([x, x]),
    },
    Words: {
        "None": lambda a: None,
        "negative": lambda a: -1 - a,
        "beyond": lambda a: a + 1000,
        "floats": lambda a: a.astype(float),
        "booleans": lambda a: a > 0,
        "texts": lambda a: [str(i) for i in a],
        "matrix": lambda a: a[None],
    },
}
BAD_SHAPES = {
    "an axis more": lambda a: a[None, None],
    "an axis less": lambda a: a[0],
    "longer": lambda a: np.concatenate([a, a[..., :1]], axis=-1),
    "one": lambda a: np.ones(1),
    "0-d": lambda a: np.array(1.0),
}
NO_SCORES = (None, 3, "a", [[0.1]], [[np.inf]], [[None]], [["-1"]], [-1.0], [[1j]])
RNGS = (0, None, "rng", np.random, np.random.RandomState(0))
NEVER = {
    "rng": RNGS,
    "function": (None, 3, "tanh"),
    "cell": (None, (1, 2, 3), {}, "elman"),
    "text": (None, 3, b"BT", ["B", "T"], "BQ", np.array(["B"])),
    "word": (None, 3, b"a", ["a"], "turnip", ""),
    "cell's name": (None, 3, ["elman"], "rnn", Elman),
    "how": (None, 3, ["apart"], "half"),
    "model": (None, 3, "reddit", (), {}),
    "vocabulary": (None, 3, "abc", ["a", "b"], {}),
    "tokens": (None, 3, "a b", [1, 2], [None], [["a"]]),
    "sentence": (None, 3, "ab", [0.0, 3.0, 4.0, 1.0], [0, -3, 4, 1], [0, 3, 3, 1]),
    "mask": (None, np.ones(5, bool), np.ones((6, 1), bool), True, 1.5),
    "rng or none": tuple(v for v in RNGS if v is not None),
    "many": (None, 3, {}),
    "seed text": (None, 3, b"b", ["b"]),
    "sentences": (None, 3, "a b", {0: [0, 3, 1]}, np.array(3)),
    "lengths": (None, 3, "35", [], [3, 4], [0, 9], [-9, 9], [2.0, 9.0], [True, 9]),
    "edges": (None, 3, "12", [0, 2], [2, 1], [2, 2], [1.0], ["1"]),
    "scores or nan": NO_SCORES,
    "scores": (*NO_SCORES, [[np.nan]]),
    "score": (None, 3, "log", lambda sentences: [], len, list),
}


@dataclass
class Entry:
    """Arguments by name, and what the function must give for them."""

    function: Callable
    reference: Callable
    arguments: dict = field(default_factory=dict)
    also: str = ""  # the argument that an error may name in place of the varied one


# References ---------------------------------------------------------------------------


def random(rng, *shape):
    return 2 * rng.random(shape) - 1


def largest_factor(W):
    """The largest singular value, by the eigenvalues of the Gram matrix."""
    return math.sqrt(np.linalg.eigvalsh(W @ W.T).max())


def gram_schmidt(n_in, n_out, rng):
    A = rng.standard_normal((max(n_in, n_out), min(n_in, n_out)))
    columns = []
    for a in A.T:
        for _ in range(2):  # again, against rounding
            for q in columns:
                a = a - (a @ q) * q
        columns.append(a / math.sqrt(a @ a))
    Q = np.stack(columns, axis=1)
    return Q if n_in >= n_out else Q.T


def some_heard(n_in, n_out, rng, connections):
    W = np.zeros((n_in, n_out))
    for j in range(n_out):
        heard = rng.choice(n_in, min(n_in, connections), replace=False)
        for i, value in zip(heard, rng.standard_normal(len(heard)), strict=True):
            W[i, j] = value
    return W / largest_factor(W)


def first_values(blocks, kind, n_in, n_hid, n_out, rng, forget_bias=None):
    def drawn(n, columns):
        return random(rng, n, columns) / math.sqrt(n)

    W_ih = np.concatenate([drawn(n_in, n_hid) for _ in range(blocks)], axis=1)
    W_hh = np.concatenate([drawn(n_hid, n_hid) for _ in range(blocks)], axis=1)
    b_h = [0.0] * (blocks * n_hid)
    if kind is LSTM:
        b_h[n_hid : 2 * n_hid] = [forget_bias] * n_hid
    W_ho = drawn(n_hid, n_out)
    rest = [np.zeros(n_hid)] * (2 if kind is LSTM else 1)
    return kind(W_ih, W_hh, np.array(b_h), W_ho, np.zeros(n_out), *rest)


def run_and_differ(h, x, params):
    """The last state, and the derivative by each unit of the first, carried forward."""
    visited = states(x, params._replace(h0=h))
    J = []
    for d in np.eye(len(h)):
        for h_t in visited:
            before = zip(d, params.W_hh, strict=True)
            d = sum(a * row for a, row in before) * (1 - np.square(h_t))
        J.append(d)
    return visited[-1], np.array(J)


CONTRACTING = random_cell(Elman, 1)
CONTRACTING = CONTRACTING._replace(W_hh=CONTRACTING.W_hh / 4)  # its norm is below 1


def resting_places(x, starts, params):
    """The one place to which all states are drawn."""
    h = params.h0
    for _ in range(200):
        h = states(x, params._replace(h0=h))[-1]
    return np.array([h])


def recalled(h, x, longest):
    """One lag at a time, by the normal equations in fractions."""
    half, shares = len(x) // 2, []
    units = [[*map(Fraction, row), Fraction(1)] for row in h.tolist()]
    x = [Fraction(value) for value in x.tolist()]
    for k in range(longest + 1):
        fit, new = range(longest, half), range(half, len(x))
        columns = range(len(units[0]))
        rows = [
            [sum(units[t][i] * units[t][j] for t in fit) for j in columns]
            + [sum(units[t][i] * x[t - k] for t in fit)]
            for i in columns
        ]
        for i in columns:  # Gauss and Jordan
            rows[i:] = sorted(rows[i:], key=lambda row: -abs(row[i]))
            rows[i] = [value / rows[i][i] for value in rows[i]]
            for j in columns:
                if j != i:
                    factor = rows[j][i]
                    pairs = zip(rows[j], rows[i], strict=True)
                    rows[j] = [a - factor * b for a, b in pairs]
        weights = [row[-1] for row in rows]
        told = [sum(u * w for u, w in zip(units[t], weights, strict=True)) for t in new]
        past = [x[t - k] for t in new]
        told, past = ([v - sum(of) / len(of) for v in of] for of in (told, past))
        apart = sum(v * v for v in told) * sum(v * v for v in past)
        together = sum(a * b for a, b in zip(told, past, strict=True)) ** 2
        shares.append(float(together / apart) if apart else 0.0)
    return np.array(shares)


def layers(sizes, rng):
    drawn = []
    for n_in, n_out in itertools.pairwise(map(int, sizes)):
        drawn += [random(rng, n_in, n_out), random(rng, n_out)]
        drawn[-2], drawn[-1] = (v / math.sqrt(n_in) for v in drawn[-2:])
    return drawn


def states(x, params):
    """One example and one unit at a time."""
    if x.ndim == 3:
        alone = [states(x[:, n], params) for n in range(x.shape[1])]
        return np.stack(alone, axis=-2) if alone else None
    found = by_hand(x, params) if len(x) else np.zeros((0, len(params.h0)))
    return np.array(found)


def travelled(h, d_o, params, slopes, may_go):
    """dL/da and dL/dh, each error from its output at s back to t where it may go."""
    d_a, d_h = np.zeros(h.shape), np.zeros(h.shape)
    for s in range(len(h)):
        v = np.einsum("...o,ho->...h", d_o[s], params.W_ho)
        for t in range(s, -1, -1):
            if may_go(s, t):
                d_h[t] += v
                d_a[t] += v * slopes[t]
            v = np.einsum("...j,ij->...i", v * slopes[t], params.W_hh)
    return d_a, d_h


def gradient(x, h, d_o, params, may_go):
    d_a, _ = travelled(h, d_o, params, 1 - h * h, may_go)
    n = x.shape[1] if x.ndim == 3 else 1
    x, h, d_o, d_a = (v.reshape(len(v), n, v.shape[-1]) for v in (x, h, d_o, d_a))
    before = np.concatenate([np.broadcast_to(params.h0, (1, n, len(params.h0))), h])
    return Elman(
        W_ih=np.einsum("tni,tnj->ij", x, d_a),
        W_hh=np.einsum("tni,tnj->ij", before[:-1], d_a),
        b_h=np.einsum("tnj->j", d_a),
        W_ho=np.einsum("tni,tnj->ij", h, d_o),
        b_o=np.einsum("tnj->j", d_o),
        h0=np.einsum("nj,ij->i", d_a[0], params.W_hh),
    )


def error(a, b):
    a, b = np.ravel(a).tolist(), np.ravel(b).tolist()
    if not all(map(math.isfinite, a + b)):
        return math.nan
    difference = [float(Fraction(p) - Fraction(q)) for p, q in zip(a, b, strict=True)]
    larger = max(math.hypot(*a), math.hypot(*b))
    return math.hypot(*difference) / larger if larger else 0.0


def series_windows(series, k):
    pairs = [(series[i : i + k], series[i + k]) for i in range(len(series) - k)]
    return np.array([w for w, _ in pairs]), np.array([y for _, y in pairs])


def yearly(k):
    years, counts = sunspots.load()
    parts = [[], [], []]
    for i in range(k, len(years)):
        part = int(years[i] > 1920) + int(years[i] > 1955)
        parts[part].append((counts[i - k : i], [counts[i]]))
    return [tuple(map(np.array, zip(*part, strict=True))) for part in parts]


def waves(phases, steps, step):
    return np.array(
        [
            [[math.sin(p + t * step), math.cos(p + t * step)] for p in phases]
            for t in range(steps + 1)
        ]
    ).reshape(steps + 1, len(phases), 2)


def closed_loop(start, steps):
    start, o = list(start), []
    for _ in range(steps):
        o.append(sum((start + o)[-len(start) :]) / 2)
    return np.array(o)


def as_sums(phase, amplitude):
    """A sin p and A cos p, since where A is 0 any p will do."""
    return amplitude * np.sin(phase), amplitude * np.cos(phase)


def sums_of(values, step):
    """The same from two linear equations."""
    equations = [[1, 0], [math.cos(step), -math.sin(step)]]
    pairs = np.stack([values[1:], values[:-1]])
    return np.linalg.solve(equations, pairs)


def median_by_counting(values, confidence):
    n, ordered = len(values), np.sort(values)
    k = 0
    while sum(math.comb(n, i) for i in range(k + 1)) / 2**n <= (1 - confidence) / 2:
        k += 1
    middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    return middle, ordered[k - 1], ordered[n - k]


def new_median_by_counting(values, n_new, confidence):
    """The chance that at least half of the new are among the first of the pool."""
    n, ordered, half = len(values), np.sort(values), (n_new + 1) // 2

    def below(i):
        j = i + half - 1
        ways = sum(
            math.comb(n_new, m) * math.comb(n, j - m) for m in range(half, j + 1)
        )
        return ways / math.comb(n + n_new, j)

    good = [i for i in range(1, (n + 1) // 2 + 1) if below(i) <= (1 - confidence) / 2]
    i = max(good, default=1)
    middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    return middle, ordered[i - 1], ordered[n - i]


def student(values, confidence):
    n = len(values)
    mean = math.fsum(values) / n
    error = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1) / n)
    reach = scipy.stats.t.ppf((1 + confidence) / 2, n - 1) * error
    return mean, mean - reach, mean + reach


def wilson(successes, trials, confidence):
    z = scipy.stats.norm.ppf((1 + confidence) / 2)
    p, w = successes / trials, 1 + z * z / trials
    middle = (p + z * z / (2 * trials)) / w
    reach = z * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials**2)) / w
    return p, max(middle - reach, 0), min(middle + reach, 1)


def paired_by_counting(first, second):
    difference = np.subtract(first, second, dtype=float)
    ahead, differ = np.sum(difference > 0), np.count_nonzero(difference)
    share = wilson(ahead, differ, 0.95) if differ else (math.nan, 0, 1)
    return ahead, differ, share, median_by_counting(difference, 0.95)


def rounded(value, digits):
    if value == 0 or not math.isfinite(value):
        return value
    return round(value, digits - 1 - math.floor(math.log10(abs(value))))


def read(string):
    """The inner grammar's states, by a table written down once more."""
    table = ["B1", "T2P3", "S2X4", "T3V5", "X3S6", "P4V6", "E7", ""]
    states, at = [], 0
    for symbol in string:
        at = int(table[at][table[at].index(symbol) + 1])
        states.append(at)
    return states, [set(row[::2]) for row in table]


def marked(string):
    states, follow = read(string)
    return np.array([[a in follow[s] for a in SYMBOLS] for s in states[:-1]], float)


def one_hot(string):
    return np.array([[float(a == b) for b in SYMBOLS] for a in string])


def word_logits(x, params):
    """States and o, a number at a time."""
    n_hid, V = params.W_ho.shape
    h, before, o = [], list(params.h0), []
    for word in x:
        before = [
            math.tanh(
                params.W_ih[word, j]
                + params.b_h[j]
                + sum(before[i] * params.W_hh[i, j] for i in range(n_hid))
            )
            for j in range(n_hid)
        ]
        row = [
            params.b_o[v] + sum(before[i] * params.W_ho[i, v] for i in range(n_hid))
            for v in range(V)
        ]
        h.append(before)
        o.append(row)
    return np.reshape(h, (-1, n_hid)), np.reshape(o, (-1, V))


def word_probabilities(x, params):
    """States and softmax."""
    h, o = word_logits(x, params)
    p = []
    for row in o.tolist():
        powers = [math.exp(a - max(row)) for a in row]
        p.append([power / sum(powers) for power in powers])
    return h, np.reshape(p, o.shape)


def word_gradient(x, y, h, p, params):
    d_o = np.array(
        [[p[t, v] - (v == y[t]) for v in range(p.shape[1])] for t in range(len(y))]
    )
    whole = gradient(np.eye(len(params.W_ih))[x], h, d_o, params, lambda s, t: True)
    d_a, _ = travelled(h, d_o, params, 1 - h * h, lambda s, t: True)
    return whole._replace(W_ih=d_a)


def words_hit(o, draw, temperature):
    found = []
    for row, u in zip(o, draw, strict=True):
        p = np.exp((row - row.max()) / temperature)
        left = (1 - u) * p.sum()
        i = 0
        while p[i] < left:
            left -= p[i]
            i += 1
        found.append(i)
    return np.array(found)


def fewest_positions(sequences, count):
    """The buckets, of all that can be chosen, in which the batches are smallest."""
    lengths = [len(s) - 1 for s in sequences]
    different = sorted(set(lengths))
    choices = (
        (*some, different[-1])
        for k in range(min(count, len(different)))
        for some in itertools.combinations(different[:-1], k)
    )
    return min(
        choices,
        key=lambda chosen: (
            sum(min(T for T in chosen if n <= T) for n in lengths),
            len(chosen),
        ),
    )


def planned(sequences, lengths, tokens):
    plan, shorter = [], 0
    for T in sorted(lengths):
        inside = [i for i, s in enumerate(sequences) if shorter < len(s) - 1 <= T]
        B = max(1, tokens // T)
        while inside:
            plan.append((T, B, np.array(inside[:B])))
            inside = inside[B:]
        shorter = T
    return plan


def filled_by_loops(sequences, T, B, indices):
    x, y, mask = np.zeros((3, T, B))
    for column, i in enumerate(indices):
        for t in range(len(sequences[i]) - 1):
            x[t, column], y[t, column] = sequences[i][t : t + 2]
            mask[t, column] = 1
    return x, y, mask


def all_filled(sequences, lengths, tokens):
    plan = planned(sequences, lengths, tokens)
    return [filled_by_loops(sequences, *part) for part in plan]


def may_come(words, o, minimum, temperature):
    """The probability of each word of LETTERS after these."""
    left_out = {0, 2} | ({1} if len(words) < minimum else set())
    powers = [
        0 if i in left_out else math.exp((value - max(o)) / temperature)
        for i, value in enumerate(o)
    ]
    return [power / sum(powers) for power in powers]


def written(params, n, rng, temperature=1, minimum=1, maximum=50, begun=()):
    """Sentences of LETTERS, each word from all before it."""
    found = []
    for draws in rng.random((n, maximum)):
        words = list(begun)
        while len(words) < maximum and 1 not in words:
            _, o = word_logits([0, *words], params)
            p = may_come(words, o[-1], minimum, temperature)
            word, left = 0, 1 - draws[len(words)]
            while p[word] < left:
                left -= p[word]
                word += 1
            words.append(word)
        found.append(np.array([0, *words]))
    return found


def written_text(**given):
    spelled = [
        "".join(" abc"[max(i - 2, 0)] for i in s).split() for s in written(**given)
    ]
    return [" ".join("".join(words)).capitalize() for words in spelled]


def scored(sentences, params):
    found = []
    for s in sentences:
        _, o = word_logits(s[:-1], params)
        sums = [math.log(math.fsum(math.exp(v - max(row)) for v in row)) for row in o]
        found.append(
            [row[i] - max(row) - a for row, i, a in zip(o, s[1:], sums, strict=True)]
        )
    return [np.array(row) for row in found]


def begun(words):
    """The words after START, of their own type."""
    words = np.asarray(words)
    return np.insert(words, 0, 0) if words.ndim == 1 else words


def kneser_ney(text, n, V, context, word):
    """P(word | context) by the formula, counting in the text for each order."""
    grams = [
        tuple(([0] * (n - 1) + list(s))[i - n + 1 : i + 1])
        for s in text
        for i in range(n, n - 1 + len(s))
    ]
    context, p = [0] * (n - 1) + list(context), (word != 0) / (V - 1)
    for k in range(1, n + 1):
        # Below n, each longer n-gram counts once.
        of_order = grams if k == n else [g[1:] for g in {g[n - k - 1 :] for g in grams}]
        count = {g: of_order.count(g) for g in of_order}
        n_1, n_2 = (list(count.values()).count(i) for i in (1, 2))
        D = n_1 / (n_1 + 2 * n_2) if n_1 else 0.5
        u = tuple(context[len(context) - k + 1 :])
        after = {g: c for g, c in count.items() if g[:-1] == u}
        if after:
            kept = max(after.get((*u, word), 0) - D, 0)
            p = (kept + D * len(after) * p) / sum(after.values())
    return p


def perplexities(groups):
    """Label, perplexity with its interval, and number of each group of log P."""
    found = []
    for label, values in groups.items():
        if len(values) > 1:
            estimate = student([-v for v in values], 0.95)
            found.append((label, np.exp(estimate), len(values)))
    return found


def places(log_p, longest):
    return perplexities(
        {str(t + 1): [row[t] for row in log_p if len(row) > t] for t in range(longest)}
    )


def ranks(log_p, sentences, edges):
    """Of LETTERS, whose words from 3 on are ordinary ones."""
    ends = [0, *(edge for edge in edges if edge < 3), 3]
    groups = {"END": [], "UNKNOWN": []}
    groups |= {f"{low + 1} to {high}": [] for low, high in itertools.pairwise(ends)}
    for row, s in zip(log_p, sentences, strict=True):
        for value, word in zip(row, s[1:], strict=True):
            if word in (1, 2):
                groups[["END", "UNKNOWN"][word - 1]].append(value)
            for low, high in itertools.pairwise(ends):
                if low < word - 2 <= high:
                    groups[f"{low + 1} to {high}"].append(value)
    return perplexities(groups)


def permuted(sentence, rng):
    words = list(sentence[1:-1])
    new = words
    while new == words:
        new = list(rng.permutation(words))
    return np.array([sentence[0], *new, sentence[-1]])


def exchanged(sentence, rng):
    words = list(sentence)
    i = rng.choice([i for i in range(1, len(words) - 2) if words[i] != words[i + 1]])
    words[i], words[i + 1] = words[i + 1], words[i]
    return np.array(words)


def by_cosine(word, params, n):
    rows = params.W_ih.tolist()
    if not all(math.isfinite(v) for value in params for v in np.ravel(value)):
        raise ValueError("not finite")
    at = LETTERS.words.index(word)
    found = []
    for i, row in enumerate(rows):
        both = sum(a * b for a, b in zip(row, rows[at], strict=True))
        cosine = both / (math.hypot(*row) * math.hypot(*rows[at]))
        if i != at:
            found.append((-round(cosine, 6), i, cosine))
    # The values alone: of equal ones, rounding says which comes first.
    return [cosine for *_, cosine in sorted(found)[:n]]


def unmatched(sentence):
    """Whether something is left when pairs with nothing in them are taken out."""
    left = [t for t in sentence if t in ("(", ")", "``", "''")]
    pairs = (["(", ")"], ["``", "''"])
    while any(left[i : i + 2] in pairs for i in range(len(left))):
        i = next(i for i in range(len(left)) if left[i : i + 2] in pairs)
        del left[i : i + 2]
    return bool(left)


def agreeing(score, vocabulary):
    """For "the dog(s) FILLER is/are" and cats, with the words that there are.

    Of two nouns with as many probes each, and Student's t for one degree of freedom.
    """
    found = {}
    for kind, filler in {"0 words": [], "1 word": ["here"]}.items():
        shares = []
        for noun in ("dog", "cat"):
            right = []
            for s, verbs in (("", "is are"), ("s", "are is")):
                begun = ["the", noun + s, *filler]
                likely = [
                    score([vocabulary.encode([*begun, verb])[:-1]])[0][-1]
                    for verb in verbs.split()
                ]
                right.append(likely[0] > likely[1])
            shares.append(sum(right) / 2)
        mean = sum(shares) / 2
        reach = math.tan(math.pi * 0.475) * abs(shares[0] - shares[1]) / 2
        found[kind] = intervals.Estimate(
            mean, max(mean - reach, 0), min(mean + reach, 1)
        )
    return found


# The steps at which two symbols are due, 5 and 2, and which.
TO_COPY = ((2, 5), (3, 2))


def copied(symbols):
    """What is heard and what is asked, word by word; 8 is GO."""
    symbols = [int(s) for s in symbols]
    heard, asked = [*symbols, 8, *symbols[:-1]], [None] * len(symbols) + symbols
    return (
        np.array([[float(k == word) for k in range(9)] for word in heard]),
        np.array([[float(k == word) for k in range(8)] for word in asked]),
    )


def half_sine():
    """Training and validation of "new half", from the sine itself."""
    parts = [[], []]
    for i in range(50, 250):
        pair = [math.sin(t) for t in range(i - 50, i)], math.sin(i)
        if i < 150 and pair[1] <= 0:
            parts[0].append(pair)
        elif i >= 200 and pair[1] > 0:
            parts[1].append(pair)
    return [
        (np.array([x for x, _ in part]).T, np.array([y for _, y in part]))
        for part in parts
    ]


# The table ----------------------------------------------------------------------------

SIZES = {"n_in": Size(1, 5), "n_hid": Size(1, 5), "n_out": Size(1, 5), "rng": RNG}
IN_OUT = {name: SIZES[name] for name in ("n_in", "n_out", "rng")}
UNIFORM = {"init": Given(initialisation.uniform, "function")}
ERRORS = {
    "h": Array((5, 3)),
    "d_o": Array((5, 4)),
    "params": Cell(Elman),
}
WAY = {"x": Array((5, 2)), **ERRORS}
CONFIDENCE = {"confidence": Number(0.5, 0.97)}
SHARES = {"successes": Size(0, 5), "trials": Size(5, 9), **CONFIDENCE}
LETTERS = Vocabulary((*SPECIAL, "a", "b", "c"))
STRING = {"string": Given("BTSSXSE", "text")}
SLOPE = {"h": Array((3, 2), free=True)}
LETTERS_CELL = Cell(Elman, (6, 3, 6))
LETTERS_TEXT = [[0, 3, 4, 1], [0, 4, 4, 5, 3, 1], [0, 2, 1], [0, 3, 4, 5, 1], [0, 4, 1]]
BIGRAM = ngrams.fit(LETTERS_TEXT, 2, 6, 0)
TRIGRAM = ngrams.fit(LETTERS_TEXT, 3, 6, 0)
# The largest indices that int32 holds: one more is too many.
LARGE = Words(2**31, 4, 2**31 - 1000)
SEQUENCES = [np.arange(n) for n in (3, 7, 2, 5, 5, 8)]
LENGTHS = {"lengths": Given([3, 7], "lengths")}
DRAWN = {
    "temperature": Number(0.5, 2),
    "minimum": Size(0, 2),
    "maximum": Size(3, 6),
    "rng": RNG,
}
SCORES = [-np.array([0.5, 1.5, 0.25]), -np.array([1.0]), -np.array([2.0, 0.125])]
SCORED = [np.array([0, 3, 2, 1]), np.array([0, 1]), np.array([0, 3, 4])]
MARKED = ["yes", ",", "and", "no", "?", "!", "(", "``", "or", "''", ")"]
AGREEING = ("the", "dog", "dogs", "cat", "cats", "boy", "boys", "here", "is", "are")
AGREEING = Vocabulary((*SPECIAL, *AGREEING))
TOKENS = {"sentence": Given(MARKED, "tokens")}
VOCABULARY = {"vocabulary": Given(LETTERS, "vocabulary")}


def of_letters(function):
    """A function of a model, as one of its parameters."""
    return lambda params, **given: function(LanguageModel(LETTERS, params, {}), **given)


def some_score(sentences):
    return [-np.cos(np.cumsum(s[1:]) + 1.0) - 1 for s in sentences]


def batched(arguments):
    """The same with 2 examples, or with none."""
    found = []
    for n in (2, 0):
        changed = {
            name: Array((a.shape[0], n, *a.shape[1:])) if type(a) is Array else a
            for name, a in arguments.items()
        }
        found.append(changed)
    return found


def entries(name, function, reference, *variants, **more):
    return {
        f"{name} {i}" if i else name: Entry(function, reference, arguments, **more)
        for i, arguments in enumerate(variants)
    }


def way_back(name, may_go, **more):
    def reference(x, h, d_o, params, k=1):
        return gradient(x, h, d_o, params, functools.partial(may_go, len(h), k))

    first = {**WAY, **more}
    several = (first, *batched(first))
    return entries(f"networks.bptt.{name}", getattr(bptt, name), reference, *several)


def of_states(kind, function):
    several = [{"x": Array((T, 2)), "params": Cell(kind)} for T in (4, 1, 0)]
    several += [{"x": Array((3, 2, 2)), "params": Cell(kind)}]
    module = "gated" if kind is not Elman else "elman"
    name = f"networks.{module}.{function.__name__}"
    call = function
    if kind is LSTM:
        call = lambda **given: np.stack(function(**given))  # noqa: E731
        reference = lambda x, params: (  # noqa: E731
            states(x, params) if len(x) else np.zeros((2, 0, 3))
        )
        return entries(name, call, reference, *several[:3])
    return entries(name, call, states, *several)


TABLE = {
    **entries(
        "networks.initialisation.uniform",
        initialisation.uniform,
        lambda n_in, n_out, rng: random(rng, n_in, n_out) / math.sqrt(n_in),
        IN_OUT,
    ),
    **entries(
        "networks.initialisation.unit_singular_value",
        initialisation.unit_singular_value,
        lambda n_in, n_out, rng: (W := random(rng, n_in, n_out)) / largest_factor(W),
        IN_OUT,
    ),
    **entries(
        "networks.initialisation.orthogonal",
        initialisation.orthogonal,
        gram_schmidt,
        IN_OUT,
    ),
    **entries(
        "networks.initialisation.normal",
        initialisation.normal,
        lambda n_in, n_out, rng, sd: sd * rng.standard_normal((n_in, n_out)),
        {**IN_OUT, "sd": Number(0, 1)},
    ),
    **entries(
        "networks.initialisation.sparse",
        initialisation.sparse,
        some_heard,
        {**IN_OUT, "connections": Size(1, 4)},
    ),
    **entries(
        "networks.capacity.recalled",
        capacity.recalled,
        recalled,
        {"h": Array((40, 2), free=True), "x": Array((40,)), "longest": Size(0, 4)},
    ),
    **entries(
        "networks.fixed_points.run",
        fixed_points.run,
        run_and_differ,
        *(
            {"h": Array((3,)), "x": Array((T, 2)), "params": Cell(Elman)}
            for T in (3, 1)
        ),
    ),
    **entries(
        "networks.fixed_points.minima",
        lambda **given: np.array([m.h for m in fixed_points.minima(**given)]),
        resting_places,
        {
            "x": Array((2, 2)),
            "starts": Array((2, 3), free=True),
            "params": Given(CONTRACTING),
        },
    ),
    **entries(
        "networks.elman.initial_elman",
        elman.initial_elman,
        lambda init, **sizes: first_values(1, Elman, **sizes),
        {**SIZES, **UNIFORM},
    ),
    **entries(
        "networks.gated.initial_lstm",
        gated.initial_lstm,
        lambda init, **sizes: first_values(4, LSTM, **sizes),
        {**SIZES, **UNIFORM, "forget_bias": Number(-2, 2)},
    ),
    **entries(
        "networks.gated.initial_gru",
        gated.initial_gru,
        lambda init, **sizes: first_values(3, GRU, **sizes),
        {**SIZES, **UNIFORM},
    ),
    **entries(
        "networks.feedforward.initial_values",
        feedforward.initial_values,
        layers,
        {"sizes": Given((3, 4, 2), "sizes"), "rng": RNG},
    ),
    **entries(
        "networks.feedforward.minibatches",
        lambda n, size, rng: list(feedforward.minibatches(n, size, rng)),
        lambda n, size, rng: rng.permutation(n)[: n // size * size].reshape(-1, size),
        {"n": Size(5, 9), "size": Size(1, 5), "rng": RNG},
        also="size",
    ),
    **of_states(Elman, elman.hidden_states_numpy),
    **of_states(LSTM, gated.lstm_states_numpy),
    **of_states(GRU, gated.gru_states_numpy),
    **entries("networks.bptt.tanh_slope", bptt.tanh_slope, lambda h: 1 - h * h, SLOPE),
    **entries(
        "networks.bptt.sigmoid_slope", bptt.sigmoid_slope, lambda h: h - h * h, SLOPE
    ),
    **entries(
        "networks.bptt.state_errors",
        bptt.state_errors,
        lambda h, d_o, params: travelled(h, d_o, params, 1 - h * h, lambda s, t: True)[
            1
        ],
        ERRORS,
        *batched(ERRORS),
    ),
    **way_back("bptt", lambda T, k, s, t: True),
    **way_back("windows", lambda T, k, s, t: s - t < k, k=Size(1, 6)),
    **way_back("chunks", lambda T, k, s, t: s // k == t // k, k=Size(1, 6)),
    **way_back("last_steps", lambda T, k, s, t: t >= T - k, k=Size(1, 6)),
    **entries(
        "networks.gradients.numerical_gradient",
        lambda f, eps: gradients.numerical_gradient(f, [np.array([0.5, -1.0])], eps)[0],
        lambda f, eps: np.array([0.75, 3.0]) + eps**2,
        {
            "f": Given(lambda v: (v**3).sum(), "function"),
            "eps": Number(1e-4, 1e-2),
        },
    ),
    **entries(
        "networks.gradients.relative_error",
        gradients.relative_error,
        error,
        {"a": Array((3, 2)), "b": Array((3, 2))},
        {"a": Array((0,)), "b": Array((0,))},
        also="b",
    ),
    **entries(
        "tasks.sunspots.windows",
        sunspots.windows,
        series_windows,
        {"series": Array((7,)), "k": Size(1, 6)},
    ),
    **entries(
        "tasks.sunspots.split_windows",
        sunspots.split_windows,
        yearly,
        {"k": Size(1, 5)},
    ),
    **entries(
        "tasks.sine.windows",
        sine.windows,
        lambda series, length: (
            series_windows(series, length)[0].T[:, :, None],
            series_windows(series, length)[1][:, None],
        ),
        {"series": Array((7,)), "length": Size(1, 6)},
        also="k",
    ),
    **entries(
        "tasks.sine.channels",
        sine.channels,
        waves,
        {"phases": Array((3,)), "steps": Size(0, 5), "step": Number(0, 1)},
        {"phases": Array((0,)), "steps": Size(0, 5), "step": Number(0, 1)},
    ),
    **entries(
        "tasks.sine.roll_out",
        sine.roll_out,
        lambda forecast, start, steps: closed_loop(start, steps),
        {
            "forecast": Given(lambda x: x.sum(axis=0) / 2, "function"),
            "start": Array((3,)),
            "steps": Size(0, 5),
        },
    ),
    **entries(
        "tasks.sine.wave",
        lambda values, step: as_sums(*sine.wave(values, step)),
        lambda values, step: sums_of(values, step),
        {"values": Array((5,)), "step": Number(0.1, 3)},
        {"values": Array((1,)), "step": Number(0.1, 3)},
    ),
    **entries(
        "tasks.sine.wrapped",
        sine.wrapped,
        lambda angle: np.arctan2(np.sin(angle), np.cos(angle)),
        {"angle": Array((4,), free=True)},
    ),
    **entries("tasks.reber.encode", reber.encode, one_hot, STRING),
    **entries(
        "tasks.reber.decode",
        lambda x: reber.decode(x),
        lambda x: "".join(SYMBOLS[list(row).index(1)] for row in x),
        {"x": Given(one_hot("BTXSE"), "one-hot")},
    ),
    **entries(
        "tasks.reber.Grammar.targets",
        REBER.targets,
        marked,
        STRING,
    ),
    **entries(
        "tasks.reber.Grammar.states",
        REBER.states,
        lambda prefix: tuple(read(prefix)[0]),
        {"prefix": Given("BTSX", "text")},
    ),
    **entries(
        "tasks.reber.Grammar.legal",
        REBER.legal,
        lambda prefix: "SX",
        {"prefix": Given("BTSX", "text")},
    ),
    **entries("tasks.reber.Grammar.check", REBER.check, lambda string: None, STRING),
    **entries(
        "tasks.reber.Grammar.batch",
        lambda strings, length: REBER.batch(strings, length).y[:, 0],
        lambda strings, length: np.concatenate(
            [marked(strings[0]), np.zeros((length - 4, 7))]
        ),
        {"strings": Given(["BTXSE"], "strings"), "length": Size(4, 8)},
    ),
    **entries(
        "tasks.reber.Grammar.sample",
        lambda **limits: EMBEDDED.check(EMBEDDED.sample(**limits)),
        lambda **limits: None,  # it has no misfit
        {"rng": RNG, "min_length": Size(0, 30), "min_inner": Size(0, 30)},
    ),
    **entries(
        "tasks.text.Vocabulary.decode",
        LETTERS.decode,
        lambda ids: " ".join("abc"[i - 3] for i in ids).capitalize(),
        {"ids": Words(6, 4, 3)},
    ),
    **entries(
        "tasks.text.Vocabulary.of",
        lambda size: Vocabulary.of([["b", "a", "b"], ["c"]], size).words,
        lambda size: (*SPECIAL, *"bac"[: size - 3]),
        {"size": Size(4, 8)},
    ),
    **entries(
        "tasks.text.Vocabulary.encode",
        LETTERS.encode,
        lambda tokens: np.array([0, 3, 2, 4, 1]),
        {"tokens": Given(["a", "z", "b"], "tokens")},
        also="sentence",
    ),
    **entries(
        "tasks.text.Vocabulary.pair",
        LETTERS.pair,
        lambda tokens: (np.array([0, 3, 2, 4]), np.array([3, 2, 4, 1])),
        {"tokens": Given(["a", "z", "b"], "tokens")},
        also="sentence",
    ),
    **entries(
        "results.intervals.median_interval",
        intervals.median_interval,
        median_by_counting,
        {"values": Array((9,), free=True), **CONFIDENCE},
    ),
    **entries(
        "results.intervals.median_of_new_runs",
        intervals.median_of_new_runs,
        new_median_by_counting,
        {"values": Array((9,), free=True), "n_new": Size(1, 9), **CONFIDENCE},
    ),
    **entries(
        "results.intervals.mean_interval",
        intervals.mean_interval,
        student,
        {"values": Array((9,), free=True), **CONFIDENCE},
    ),
    **entries(
        "results.intervals.clustered_interval",
        lambda values, confidence: intervals.clustered_interval(
            values, np.repeat([3, 1, 2], 3), confidence
        ),
        lambda values, confidence: student(
            [sum(values[i : i + 3]) / 3 for i in (0, 3, 6)], confidence
        ),
        {"values": Array((9,)), **CONFIDENCE},
    ),
    **entries(
        "results.intervals.wilson", intervals.wilson, wilson, SHARES, also="trials"
    ),
    **entries(
        "results.comparing.compare",
        comparing.compare,
        paired_by_counting,
        # One of them may be a number; test_results.py has the shapes that are refused.
        {"first": Array((9,), free=True), "second": Array((9,), free=True)},
    ),
    **entries(
        "results.tables.significant",
        tables.significant,
        rounded,
        {"value": Number(-3, 3), "digits": Size(1, 5)},
    ),
    **entries(
        "results.tables.duration",
        tables.duration,
        lambda seconds: f"{int(seconds / 60)} min {round(seconds) % 60} s",
        {"seconds": Number(60, 800)},
    ),
    **entries(
        "lm.by_hand.forward",
        lm.forward,
        word_probabilities,
        {"x": Words(4, 5), "params": Cell(Elman, (4, 3, 4))},
        {"x": Words(4, 0), "params": Cell(Elman, (4, 3, 4))},
    ),
    **entries(
        "lm.by_hand.mean_loss",
        lambda sentences, params: lm.mean_loss([sentences], params),
        lambda sentences, params: (
            -np.mean(
                [
                    math.log(row[word])
                    for row, word in zip(
                        word_probabilities(sentences[:-1], params)[1],
                        sentences[1:],
                        strict=True,
                    )
                ]
            )
        ),
        {"sentences": Words(4, 5), "params": Cell(Elman, (4, 3, 4))},
    ),
    **entries(
        "lm.by_hand.backward",
        lm.backward,
        word_gradient,
        {
            "x": Words(4, 5),
            "y": Words(4, 5),
            "h": Array((5, 3)),
            "p": Array((5, 4)),
            "params": Cell(Elman, (4, 3, 4)),
        },
    ),
    **entries(
        "lm.generation.draw_word",
        lambda o, temperature: generation.draw_word(
            o, np.array([0.3, 0.8]), temperature
        ),
        lambda o, temperature: words_hit(o, [0.3, 0.8], temperature),
        {"o": Array((2, 5), free=True), "temperature": Number(0.5, 2)},
    ),
    **entries(
        "lm.batches.bucket_lengths",
        lambda one, count: batches.bucket_lengths([one, *SEQUENCES], count),
        lambda one, count: fewest_positions([one, *SEQUENCES], count),
        {"one": LARGE, "count": Size(1, 6)},
        also="sequences",
    ),
    **entries(
        "lm.batches.batches",
        lambda sequences, lengths, tokens: batches.batches(sequences, lengths, tokens),
        planned,
        {
            "sequences": Given(SEQUENCES, "sentences"),
            **LENGTHS,
            "tokens": Size(1, 30),
        },
    ),
    **entries(
        "lm.batches.batches shuffled",
        lambda one, rng: sorted(
            i.item()
            for *_, part in batches.batches([one, *SEQUENCES], (7,), 14, rng)
            for i in part
        ),
        lambda one, rng: list(range(7)),
        {"one": LARGE, "rng": Given(None, "rng or none")},
        also="sequences",
    ),
    **entries(
        "lm.batches.fill",
        batches.fill,
        filled_by_loops,
        *(
            {
                "sequences": Given(SEQUENCES, "many"),
                "T": Size(7, 9),
                "B": Size(3, 5),
                "indices": Words(6, n),
            }
            for n in (3, 0)
        ),
    ),
    **entries(
        "lm.batches.fill with one",
        lambda one: batches.fill([one, SEQUENCES[0], one], 4, 3, [0, 2, 1]),
        lambda one: filled_by_loops([one, SEQUENCES[0], one], 4, 3, [0, 2, 1]),
        {"one": LARGE},
        also="sequences",
    ),
    **entries(
        "lm.batches.filled",
        lambda **given: list(batches.filled(**given)),
        all_filled,
        {
            "sequences": Given(SEQUENCES, "sentences"),
            **LENGTHS,
            "tokens": Size(1, 30),
        },
    ),
    **entries(
        "lm.generation.sample",
        of_letters(generation.sample),
        written,
        {"params": LETTERS_CELL, "n": Size(0, 3), **DRAWN},
        also="model",
    ),
    **entries(
        "lm.generation.sample of a model",
        lambda model, seed_text, rng: generation.sample(
            model, 2, rng, seed_text=seed_text
        ),
        lambda model, seed_text, rng: written(model.params, 2, rng, begun=[4]),
        {
            "model": Given(
                LanguageModel(LETTERS, random_cell(Elman, 0, 6, 3, 6), {}), "model"
            ),
            "seed_text": Given("B", "seed text"),
            "rng": RNG,
        },
    ),
    **entries(
        "lm.generation.sentences",
        of_letters(generation.sentences),
        written_text,
        {"params": LETTERS_CELL, "n": Size(0, 3), **DRAWN},
        also="model",
    ),
    **entries(
        "lm.generation.by_rerunning",
        of_letters(generation.by_rerunning),
        lambda **given: written(n=1, **given)[0],
        {"params": LETTERS_CELL, **DRAWN},
        also="model",
    ),
    **entries(
        "lm.generation.probabilities",
        of_letters(generation.probabilities),
        lambda params, words, minimum, temperature: np.array(
            may_come(
                words, word_logits([0, *words], params)[1][-1], minimum, temperature
            )
        ),
        *(
            {
                "params": LETTERS_CELL,
                "words": Words(6, n, 2),
                "minimum": Size(0, 4),
                "temperature": Number(0.5, 2),
            }
            for n in (3, 1, 0)
        ),
        also="model",
    ),
    **entries(
        "lm.model.initial",
        model.initial,
        lambda cell, V, H, rng, rows: first_values(1, Elman, V, H, V, rng)._replace(
            W_ih=rows * random(rng, V, H)
        ),
        {
            "cell": Given("elman", "cell's name"),
            "V": Size(1, 5),
            "H": Size(1, 5),
            "rng": RNG,
            "rows": Number(0, 1),
        },
    ),
    **entries(
        "lm.model.shapes",
        lambda cell, V, H: list(map(math.prod, model.shapes(cell, V, H).values())),
        lambda cell, V, H: [V * 3 * H, H * 3 * H, 3 * H, H * V, V, H],
        {"cell": Given("gru", "cell's name"), "V": Size(1, 5), "H": Size(1, 5)},
    ),
    **entries(
        "lm.model.LanguageModel.checked",
        lambda params: LanguageModel(LETTERS, params, {}).checked().params,
        lambda params: params,
        {"params": LETTERS_CELL},
        also="model",
    ),
    **entries(
        "lm.training.memory",
        training.memory,
        lambda cell, V, hidden, batch: (
            4
            * max(
                9 * (n := 2 * V * hidden + hidden * hidden + 2 * hidden + V),
                3 * n + batch * V,
            )
        ),
        {
            "cell": Given("elman", "cell's name"),
            "V": Size(1, 5),
            "hidden": Size(1, 5),
            "batch": Size(1, 99),
        },
        also="H",
    ),
    **entries(
        "lm.training.falling",
        training.falling,
        lambda lr, done, total: lr * math.cos(math.pi * done / total / 2) ** 2,
        {"lr": Number(0, 1), "done": Size(0, 5), "total": Size(5, 9)},
        also="total",
    ),
    **entries(
        "lm.ngrams.fit",
        lambda one, n: [
            ngrams.distribution(ngrams.fit([[0, *one], *LETTERS_TEXT], n, 6, 0), [3])
        ],
        lambda one, n: [
            np.array(
                [
                    kneser_ney([[0, *one], *LETTERS_TEXT], n, 6, [3], word)
                    for word in range(6)
                ]
            )
        ],
        {"one": Given([3, 3, 1], ""), "n": Size(1, 3)},
    ),
    **entries(
        "lm.ngrams.fit of",
        lambda sentences, V, start: ngrams.fit(sentences, 1, V, start).orders[0].counts,
        lambda sentences, V, start: np.array([5, 1, 3, 5, 2]),
        {
            "sentences": Given(LETTERS_TEXT, "sentences"),
            "V": Size(6, 9),
            "start": Size(0, 0),
        },
    ),
    **entries(
        "lm.ngrams.probabilities",
        lambda grams: ngrams.probabilities(TRIGRAM, grams),
        lambda grams: kneser_ney(LETTERS_TEXT, 3, 6, grams[:2], grams[2]),
        {"grams": Words(6, 3)},
    ),
    **entries(
        "lm.ngrams.probabilities of",
        lambda model: ngrams.probabilities(model, np.array([3, 4])),
        lambda model: np.array(kneser_ney(LETTERS_TEXT, 2, 6, [3], 4)),
        {"model": Given(BIGRAM, "model")},
    ),
    **entries(
        "lm.ngrams.distribution",
        ngrams.distribution,
        lambda model, context: np.array(
            [kneser_ney(LETTERS_TEXT, 3, 6, context, word) for word in range(6)]
        ),
        *(
            {"model": Given(TRIGRAM, "model"), "context": Words(6, n, 1)}
            for n in (4, 1, 0)
        ),
    ),
    **entries(
        "lm.ngrams.log_probabilities",
        lambda model, words: ngrams.log_probabilities(
            model, [[0, 3, 1], np.array([0, *words]) if len(words) else words]
        ),
        lambda model, words: [
            np.log(
                [kneser_ney(LETTERS_TEXT, 3, 6, s[:i], s[i]) for i in range(1, len(s))]
            )
            for s in ([0, 3, 1], [0, *words])
        ],
        {"model": Given(TRIGRAM, "model"), "words": Given([3, 5, 5, 1], "")},
    ),
    **entries(
        "lm.ngrams.log_probabilities of",
        lambda sentences: ngrams.log_probabilities(BIGRAM, sentences),
        lambda sentences: [
            np.log(
                [kneser_ney(LETTERS_TEXT, 2, 6, s[:i], s[i]) for i in range(1, len(s))]
            )
            for s in sentences
        ],
        {"sentences": Given(LETTERS_TEXT, "sentences")},
    ),
    **entries(
        "lm.scoring.log_probabilities",
        lambda params, words: scoring.log_probabilities(
            LanguageModel(LETTERS, params, {}), [[0, 3, 1], np.arange(4), begun(words)]
        ),
        lambda params, words: scored([[0, 3, 1], [0, 1, 2, 3], [0, *words]], params),
        {"params": LETTERS_CELL, "words": Words(6, 5)},
        {"params": LETTERS_CELL, "words": Words(6, 1)},
        also="model|sentences",
    ),
    **entries(
        "lm.scoring.log_probabilities of",
        scoring.log_probabilities,
        lambda model, sentences: scored(sentences, model.params),
        {
            "model": Given(
                LanguageModel(LETTERS, random_cell(Elman, 0, 6, 3, 6), {}), "model"
            ),
            "sentences": Given(LETTERS_TEXT, "sentences"),
        },
    ),
    **entries(
        "lm.scoring.perplexity",
        scoring.perplexity,
        lambda nats: math.e**nats,
        {"nats": Number(0, 9)},
    ),
    **entries(
        "lm.scoring.shown",
        scoring.shown,
        lambda perplexity, digits: str(
            f"{round(perplexity * 10**digits)}"
            if not digits
            else f"{round(perplexity * 10**digits) / 10**digits:.{digits}f}"
        ),
        {"perplexity": Number(1, 9), "digits": Size(0, 2)},
    ),
    **entries(
        "lm.scoring.by_position",
        lambda log_p, longest: scoring.by_position([log_p, *SCORES], longest),
        lambda log_p, longest: places([log_p, *SCORES], longest),
        {"log_p": Given(-np.array([0.25, 1.0]), ""), "longest": Size(1, 4)},
    ),
    **entries(
        "lm.scoring.by_position of",
        lambda log_p: scoring.by_position(log_p),
        lambda log_p: places(log_p, 3),
        {"log_p": Given(SCORES, "scores")},
    ),
    **entries(
        "lm.scoring.by_rank",
        scoring.by_rank,
        lambda log_p, sentences, edges, vocabulary: ranks(log_p, sentences, edges),
        {
            "log_p": Given(SCORES * 2, "scores"),
            "sentences": Given(SCORED * 2, "sentences"),
            "edges": Given((1, 2, 100), "edges"),
            **VOCABULARY,
        },
    ),
    **entries(
        "lm.scoring.shuffled",
        lambda sentence, rng: scoring.shuffled(sentence, rng),
        permuted,
        {"sentence": Given(np.array([0, 3, 5, 3, 4, 1]), "sentence"), "rng": RNG},
    ),
    **entries(
        "lm.scoring.swapped",
        scoring.swapped,
        exchanged,
        {"sentence": Given(np.array([0, 3, 5, 3, 4, 1]), "sentence"), "rng": RNG},
    ),
    **entries(
        "lm.scoring.nearest",
        lambda params, **given: [
            cosine
            for _, cosine in scoring.nearest(
                model=LanguageModel(LETTERS, params, {}), **given
            )
        ],
        by_cosine,
        {"params": LETTERS_CELL, "word": Given("a", "word"), "n": Size(1, 5)},
        also="model",
    ),
    **entries(
        "lm.scoring.nearest of",
        lambda model: scoring.nearest("a", model, 1)[0][1],
        lambda model: by_cosine("a", model.params, 1)[0],
        {
            "model": Given(
                LanguageModel(LETTERS, random_cell(Elman, 0, 6, 3, 6), {}), "model"
            )
        },
    ),
    **entries(
        "lm.scoring.tokens",
        scoring.tokens,
        lambda ids, vocabulary: [vocabulary.words[i] for i in ids if i > 1],
        {"ids": Words(6, 5), **VOCABULARY},
    ),
    **entries(
        "lm.scoring.habits",
        lambda sentences: list(scoring.habits(sentences).values()),
        lambda sentences: [
            wilson(successes, trials, 0.95)
            for successes, trials in ((1, 2), (1, 1), (1, 2), (1, 2), (0, 1))
        ],
        {"sentences": Given([MARKED, ["well", "."]], "sentences")},
    ),
    **entries(
        "lm.scoring.ends_closed",
        scoring.ends_closed,
        lambda sentence: str(sentence)[-3] in ".!?",
        TOKENS,
    ),
    **entries(
        "lm.scoring.repeats_marks",
        scoring.repeats_marks,
        lambda sentence: bool(re.search("[!?] [!?]", " ".join(sentence))),
        TOKENS,
    ),
    **entries(
        "lm.scoring.leaves_unmatched", scoring.leaves_unmatched, unmatched, TOKENS
    ),
    **entries(
        "lm.scoring.probes",
        lambda vocabulary: [
            " ".join([*probe.beginning, probe.right])
            for probe in scoring.probes(vocabulary)
        ],
        lambda vocabulary: [
            f"the {noun}{s}{here} {verb}"
            for here in ("", " here")
            for noun in ("dog", "cat")
            for s, verb in (("", "is"), ("s", "are"))
        ],
        {"vocabulary": Given(AGREEING, "vocabulary")},
    ),
    **entries(
        "lm.scoring.agreement",
        lambda score, vocabulary: list(scoring.agreement(score, vocabulary).items()),
        lambda score, vocabulary: list(agreeing(score, vocabulary).items()),
        {
            "score": Given(some_score, "score"),
            "vocabulary": Given(AGREEING, "vocabulary"),
        },
    ),
    **entries(
        "tasks.copying.examples",
        lambda symbols: copying.examples(symbols, 4),
        copied,
        {"symbols": Words(8, 4)},
        also="lengths",
    ),
    **entries(
        "tasks.copying.share_right",
        lambda o: copying.share_right(o, copying.examples([5, 2]).y),
        lambda o: np.mean([list(o[t]).index(max(o[t])) == k for t, k in TO_COPY]),
        {"o": Array((4, 8))},
    ),
    **entries(
        "lm.wordfilter.unsuitable",
        lambda words: wordfilter.unsuitable(words),
        lambda words: np.zeros(len(words), bool),
        {"words": Given(["tea", "or", "coffee"], "tokens")},
    ),
    **entries(
        "tasks.sine.Windows.take",
        lambda chosen: sine.windows(np.arange(9.0), 3).take(chosen),
        lambda chosen: (
            np.array([[[t + i] for i in chosen] for t in range(3)], float),
            np.array([[3.0 + i] for i in chosen]),
        ),
        {"chosen": Words(6, 4)},
    ),
    **entries(
        "tasks.sine.Windows.take of a mask",
        lambda chosen: sine.windows(np.arange(9.0), 3).take(chosen).y[:, 0],
        lambda chosen: np.array([4.0, 8.0]),
        {"chosen": Given(np.arange(6) % 4 == 1, "mask")},
    ),
    **entries(
        "tasks.sine.split",
        sine.split,
        lambda how: half_sine(),
        {"how": Given("new half", "how")},
    ),
    **entries(
        "lm.ngrams.perplexity",
        ngrams.perplexity,
        lambda log_p: math.prod(math.exp(-v) for row in log_p for v in row) ** (1 / 6),
        {"log_p": Given(SCORES, "scores or nan")},
    ),
    **entries(
        "lm.scoring.preference",
        scoring.preference,
        lambda real, changed: wilson(
            sum(sum(a) > sum(b) for a, b in zip(real, changed, strict=True)), 3, 0.95
        ),
        {"real": Given(SCORES, "scores"), "changed": Given(SCORES[::-1], "scores")},
    ),
}

# What is tried ------------------------------------------------------------------------

TOLERANCE = {2: 2e-2, 4: 2e-4}  # by bytes of the narrowest floating-point type


def fresh(value, kind, seed):
    return np.random.default_rng(seed) if kind == "rng" else value


def arrays_of(values):
    return [v for v in values if isinstance(v, np.ndarray) and v.dtype.kind == "f"]


def parts(result):
    """The numbers of a result, flat; anything else as it is."""
    if isinstance(result, str) or result is None:
        return result
    if isinstance(result, tuple | list):
        flat = [parts(part) for part in result]
        if all(isinstance(part, np.ndarray) for part in flat):
            return np.concatenate([np.ravel(part) for part in flat] or [np.zeros(0)])
        return flat
    return np.asarray(result)


def alike(got, expected):
    """Whether texts are the same, and numbers among them but for rounding."""
    if isinstance(expected, list):
        return len(got) == len(expected) and all(map(alike, got, expected))
    if isinstance(expected, np.ndarray) and expected.dtype.kind == "f":
        return np.allclose(got, expected, rtol=1e-9, atol=1e-9, equal_nan=True)
    return bool(np.all(got == expected))


def trials(name, entry):
    """All that can be done to one argument of an entry, as functions of a seed."""
    yield name, None, "as it is", "same", None
    for argument, spec in entry.arguments.items():
        if type(spec) is Given:
            for value in NEVER.get(spec.kind, ()):
                yield name, argument, repr(value)[:20], "bad", lambda _, v=value: v
            continue
        if type(spec) is Cell:
            for value in NEVER["cell"]:
                yield name, argument, repr(value)[:20], "bad", lambda _, v=value: v
            for part in spec.kind._fields:
                for how, change in SAME[Array].items():
                    yield name, (argument, part), how, "same", change
                for how, change in POISON[Array].items():
                    yield name, (argument, part), how, "poison", change
                for how, change in (BAD[Array] | BAD_SHAPES).items():
                    yield name, (argument, part), how, "bad", change
            continue
        for meaning, table in (("same", SAME), ("poison", POISON), ("bad", BAD)):
            for how, change in table.get(type(spec), {}).items():
                yield name, argument, how, meaning, change
        if type(spec) is Array and not spec.free:
            several = len(spec.shape) > 1
            for how, change in BAD_SHAPES.items():
                if how == "an axis less" and len(spec.shape) == 3:
                    continue  # one example
                if several or how in ("an axis more", "0-d"):
                    yield name, argument, how, "bad", change


ALL = [trial for name, entry in TABLE.items() for trial in trials(name, entry)]


def outcome(trial, seed):
    """What is wrong with the answer to a trial, or None."""
    name, argument, how, meaning, change = trial
    entry = TABLE[name]
    rng = np.random.default_rng(seed)
    values = {key: spec.draw(rng) for key, spec in entry.arguments.items()}
    varied = argument
    if change:
        try:
            if isinstance(argument, tuple):
                argument, varied = argument
                old = values[argument]
                new = change(getattr(old, varied))
                values[argument] = old._replace(**{varied: new})
            else:
                new = values[argument] = change(values[argument])
        except (IndexError, OverflowError, ValueError):
            return None  # nothing can be changed: there is no element
        if meaning == "bad" and is_same(entry.arguments[argument], argument, how, new):
            return None
    kinds = {k: getattr(s, "kind", "") for k, s in entry.arguments.items()}

    def call(function, given):
        given = {k: fresh(v, kinds[k], seed) for k, v in given.items()}
        if change and kinds.get(argument) == "rng":
            given[argument] = values[argument]
        with np.errstate(all="ignore"):
            return function(**given)

    def reference():
        given = {k: as_reference(entry.arguments[k], v) for k, v in values.items()}
        return parts(call(entry.reference, given))

    try:
        got = call(entry.function, values)
    except ValueError as error:
        if meaning == "same" and not (how == "list" and not np.size(new)):
            try:
                reference()
                return f"refused: {error}"
            except ZeroDivisionError:
                pass  # it has no value
        named = "|".join([*entry.arguments, *LSTM._fields, "values", entry.also or "k"])
        if not re.search(rf"\b({named})\b.* must .*got ", str(error), re.DOTALL):
            return f"an obscure error: {error}"
        return None
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if meaning == "bad":
        return f"accepted: {parts(got)!r:.200}"
    try:
        expected = reference()
    except (ArithmeticError, ValueError) as error:
        return None if meaning == "poison" else f"the reference fails: {error}"
    got = parts(got)
    if not isinstance(expected, np.ndarray) or expected.dtype.kind not in "fiub":
        if isinstance(expected, np.ndarray):
            got, expected = np.ravel(got).tolist(), np.ravel(expected).tolist()
        same = alike(got, expected)
        return None if same else f"{got!r:.300} and not {expected!r:.300}"
    if isinstance(got, np.ndarray) and got.ndim == 1:
        expected = expected.ravel()
    got = np.asarray(got)
    if got.shape != np.shape(expected):
        return f"shape {got.shape} and not {expected.shape}"
    if meaning == "poison" and not np.isfinite(expected).all():
        return None if not np.isfinite(got).all() else f"hidden: {got!r:.200}"
    narrow = min([v.dtype.itemsize for v in floating(values)] or [8])
    wide = max([v.dtype.itemsize for v in floating(values)] or [8])
    tolerance = TOLERANCE.get(wide if narrow < wide else narrow, 1e-9)
    scale = max(1, np.abs(expected).max(initial=0)) if expected.dtype.kind == "f" else 1
    if not np.allclose(
        got, expected, rtol=tolerance, atol=tolerance * scale, equal_nan=True
    ):
        return f"{got!r:.300} and not {expected!r:.300}"
    return None


def as_reference(spec, value):
    """The argument as the reference takes it: Python's numbers, float64, integers."""
    if type(spec) is Cell:
        return value._make(np.asarray(v, dtype=float) for v in value)
    if type(spec) is Given:
        return value
    dtype = int if type(spec) in (Words, Size) else float
    found = np.asarray(value, dtype=dtype)
    return found if found.ndim else found.item()


def floating(values):
    for value in values.values():
        inner = value if isinstance(value, tuple) else [value]
        yield from arrays_of(inner)


OPTIONAL = ("length", "n_new")


def is_same(spec, argument, how, new):
    """Whether a change has left what has a meaning after all."""
    if type(spec) is Size and type(new) is int:
        return spec.least <= new <= spec.most
    if new is None and how == "None" and argument in OPTIONAL:
        return True
    if argument in ("value", "nats", "perplexity") and how == "nan":
        return True  # NaN stays NaN
    if argument == "grams" and how == "matrix":
        return True
    if type(spec) is Words and not spec.count and how not in ("None", "matrix"):
        return True
    empty = type(spec) is Array and 0 in spec.shape
    return empty and how in ("texts", "objects", "complex", "masked")


@pytest.mark.parametrize("name", TABLE)
def test_a_function_gives_the_value_of_the_reference(name):
    for seed in range(2):
        assert outcome((name, None, "as it is", "same", None), seed) is None


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(ALL), st.integers(0, 10**6))
def test_an_argument_in_another_form_gives_the_same_or_an_error(trial, seed):
    assert outcome(trial, seed) is None, trial[:4]


@pytest.mark.parametrize("seed", range(3))
def test_every_argument_in_every_form(seed):
    found = {trial[:4]: outcome(trial, seed) for trial in ALL}
    assert len(found) == len(ALL) > 8000
    assert not {trial: wrong for trial, wrong in found.items() if wrong}


# Graphs -------------------------------------------------------------------------------

PARAMS = {
    Elman: {"W_ih": (2, 3), "W_hh": (3, 3), "b_h": (3,)},
    LSTM: {"W_ih": (2, 12), "W_hh": (3, 12), "b_h": (12,)},
    GRU: {"W_ih": (2, 9), "W_hh": (3, 9), "b_h": (9,)},
}
for of_cell in PARAMS.values():
    of_cell.update(W_ho=(3, 4), b_o=(4,), h0=(3,))
PARAMS[LSTM]["c0"] = (3,)


def cell_graph(kind, function, **inputs):
    """A function of inputs and a cell, and the shapes of all of these."""

    def build(**variables):
        given = {name: variables.pop(name) for name in inputs}
        return function(*given.values(), kind(**variables))

    return build, {**inputs, **PARAMS[kind]}


PARAMETER = pytensor.shared(np.zeros((2, 3)), name="p", shape=(2, 3))


def of_one(function):
    """An optimiser, of one gradient."""

    def build(g, lr):
        return function([g], [PARAMETER], lr)

    return build, {"g": (2, 3), "lr": ()}


GRAPHS = {
    "networks.elman.hidden_states": cell_graph(Elman, elman.hidden_states, x=(5, 2)),
    "networks.elman.hidden_states ": cell_graph(
        Elman, elman.hidden_states, x=(5, 7, 2)
    ),
    "networks.gated.lstm_states": cell_graph(LSTM, gated.lstm_states, x=(5, 2)),
    "networks.gated.gru_states": cell_graph(GRU, gated.gru_states, x=(5, 7, 2)),
    "networks.elman.readout": (
        lambda h, W_ho, b_o: elman.readout(h, SimpleNamespace(W_ho=W_ho, b_o=b_o)),
        {"h": (5, 3), "W_ho": (3, 4), "b_o": (4,)},
    ),
    "networks.elman.for_each_example": (
        lambda x: elman.for_each_example(pt.dvector(), x),
        {"x": (5, 2)},
    ),
    "networks.feedforward.network": (
        lambda x, W, b, V, c: feedforward.network(x, [W, b, V, c]),
        {"x": (7, 2), "W": (2, 3), "b": (3,), "V": (3, 4), "c": (4,)},
    ),
    "networks.feedforward.mean_squared_error": (
        feedforward.mean_squared_error,
        {"o": (7, 2), "target": (7, 2)},
    ),
    "networks.optimisers.sgd": of_one(optimisers.sgd),
    "networks.optimisers.momentum": of_one(optimisers.momentum),
    "networks.optimisers.adam": of_one(optimisers.adam),
    "networks.optimisers.clip_by_value": (
        lambda g, limit: optimisers.clip_by_value([g], limit),
        {"g": (2, 3), "limit": ()},
    ),
    "networks.optimisers.clip_by_norm": (
        lambda g, limit: optimisers.clip_by_norm([g], limit),
        {"g": (2, 3), "limit": ()},
    ),
    "networks.optimisers.soft_threshold": (
        lambda amount: optimisers.soft_threshold([(PARAMETER, 0)], PARAMETER, amount),
        {"amount": ()},
    ),
    "lm.model.logits": cell_graph(Elman, model.logits, x=(5,)),
}


def variable(name, dtype, shape):
    return pt.tensor(name, dtype=dtype, shape=shape)


def build(name, **changed):
    """The graph of an entry, from variables of which some are others."""
    make, shapes = GRAPHS[name]
    made = {}
    for key, shape in shapes.items():
        words = name == "lm.model.logits" and key == "x"
        dtype, shape = changed.get(key, ("int64" if words else "float64", shape))
        made[key] = variable(key, dtype, shape)
    return make(**made)


def refused(name, **changed):
    with pytest.raises(ValueError, match=r"(?s) must .*got ") as caught:
        build(name, **changed)
    names = {*GRAPHS[name][1], "params", "loss_or_grads", "grads", "n_hid"}
    assert re.match(rf"({'|'.join(names)})\b", str(caught.value)), caught.value


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_takes_variables_that_fit(name):
    build(name)
    lengths = {
        key: ("int64" if name == "lm.model.logits" and key == "x" else "float64",)
        for key in GRAPHS[name][1]
    }
    unknown = {k: (*v, (None,) * len(GRAPHS[name][1][k])) for k, v in lengths.items()}
    if "optimisers" not in name:
        build(name, **unknown)


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_refuses_types_axes_and_lengths_that_do_not_fit(name):
    cells = ("hidden_states", "lstm", "gru", "logits")
    for key, shape in GRAPHS[name][1].items():
        dtype = "int64" if name == "lm.model.logits" and key == "x" else "float64"
        if name != "networks.elman.for_each_example":
            refused(name, **{key: ("complex128", shape)})
        if not (key == "h" or ("clip" in name and key == "g")):
            refused(name, **{key: (dtype, (*shape, 1, 1, 1))})
        if shape and key not in ("x", "g", "o") and "readout" not in name:
            refused(name, **{key: (dtype, shape[:-1])})
        if any(cell in name for cell in cells) and key != "x":
            refused(name, **{key: ("int64", shape)})
        for axis in range(len(shape)):
            longer = tuple(n + 1 if i == axis else n for i, n in enumerate(shape))
            times = key == "x" and axis < len(shape) - 1 and "example" not in name
            if times or "clip" in name or "example" in name or "logits" in name:
                continue  # any length will do
            if key == "h" and axis == 0:
                continue
            refused(name, **{key: (dtype, longer)})


def test_the_type_of_the_states_is_that_of_h0():
    """Scan would say so in a page of its own words."""
    float32 = {k: ("float32", s) for k, s in PARAMS[Elman].items()}
    build("networks.elman.hidden_states", x=("float32", (5, 2)), **float32)
    build("networks.elman.hidden_states", x=("int8", (5, 2)), **float32)
    for dtype in ("float64", "int64"):
        refused("networks.elman.hidden_states", x=(dtype, (5, 2)), **float32)


RATES = (None, "0.1", np.nan, np.inf, -0.1, 1j, [0.1], True)


@pytest.mark.parametrize("rate", RATES, ids=repr)
@pytest.mark.parametrize(
    ("function", "name"),
    [
        *((f, "lr") for f in (optimisers.sgd, optimisers.momentum, optimisers.adam)),
        (lambda g, p, limit: optimisers.clip_by_value(g, limit), "limit"),
        (lambda g, p, limit: optimisers.clip_by_norm(g, limit), "limit"),
        (
            lambda g, p, lr: optimisers.soft_threshold([(p[0], g[0])], p[0], lr),
            "amount",
        ),
    ],
)
def test_a_rate_is_a_number_of_at_least_0(function, name, rate):
    with pytest.raises(ValueError, match=f"{name} must be .*; got"):
        function([pt.dmatrix()], [PARAMETER], rate)
    with pytest.raises(ValueError, match=f"{name} must "):
        function([variable("g", "float64", (2, 3))], [PARAMETER], pt.dtensor4())


# The surface --------------------------------------------------------------------------

STEPS = "one step of a loop, checked at the door of the function that loops"
FILES = "writes or reads files, whose contents its own tests damage"
NO_ARGUMENT = (
    "takes nothing: its own tests compare it with a closed form or an enumeration"
)
TEXT = "from text to text: its own tests"
RUN = "part of a training run: its own tests"
SUCCESSORS = "against loops and differences: tests/test_lm_successors.py"
REMEDIES = "against loops and differences: tests/test_lm_remedies.py"
WRONG = "wrong on purpose: tests/test_suspects.py repairs each; in one type below"
GATED = ("mingru", "minlstm", "rglru", "lru", "selective")
ELSEWHERE = {
    "networks.elman": {
        "step": STEPS,
        "initial_arrays": "behind the cells' `initial_`",
        "shared": "types and shapes: tests/test_cells.py",
    },
    "networks.gated": dict.fromkeys(
        ("lstm_from", "lstm_of", "gru_from", "lstm_step", "gru_step"), STEPS
    ),
    "networks.fixed_points": dict.fromkeys(("is_fixed", "radius"), NO_ARGUMENT),
    "networks.suspects": dict.fromkeys(
        ("in_one_type", *(f"suspect_{i}" for i in range(1, 8))), WRONG
    ),
    "networks.parallel_scan": dict.fromkeys(
        ("doubling", "by_cumsum", "by_log_cumsum"), STEPS
    ),
    "networks.recurrences": dict.fromkeys(
        (
            *(f"{kind}_step" for kind in GATED),
            *(f"{kind}_gates" for kind in GATED if kind != "lru"),
            "lru_from",
            *("linear_attention_step", "deltanet_step", "attention_step"),
            *("attention", "attention_weights", "attention_layer"),
            *("elman", "lstm", "gru", "mingru", "minlstm", "rglru", "lru", "selective"),
            *("linear_attention", "deltanet", "network", "states", "sinusoids"),
            *("initial", "initial_network", "linear"),
        ),
        "of graphs and dicts: tests/test_recurrences.py by loops",
    ),
    "networks.trained": dict.fromkeys(("save", "load", "load_arrays"), FILES),
    "tasks.corpus": {
        **dict.fromkeys(("load", "raw", "find"), FILES),
        **dict.fromkeys(("split", "clean"), TEXT),
    },
    "tasks.reber": dict.fromkeys(
        (
            "legal_next",
            "next_symbol",
            "matrix",
            "visits",
            "mean_length",
            "length_distribution",
            "pair_distribution",
            "entropy",
            "entropy_per_prediction",
            "mean_inverse",
            "softmax_floor",
        ),
        NO_ARGUMENT,
    ),
    "tasks.sunspots": {"load": FILES},
    "tasks.text": {
        **dict.fromkeys(("cut", "sentences"), TEXT),
        **dict.fromkeys(("index", "start", "end", "unknown"), NO_ARGUMENT),
        **dict.fromkeys(("save", "load"), FILES),
    },
    "results.comparing": {"comparisons": TEXT},
    "results.console": {"show_any_text": "changes the terminal's encoding, no value"},
    "results.described": dict.fromkeys(("save", "load"), FILES),
    "results.files": dict.fromkeys(
        (
            "write_text",
            "write_bytes",
            "write_npz",
            "write_json",
            "read_json",
            "read_npz",
            "plain",
            "alone",
            "restoring",
        ),
        FILES,
    ),
    "results.provenance": {
        **dict.fromkeys(("versions", "code", "data", "write_measured"), FILES),
        **dict.fromkeys(
            ("machine", "load_average", "free_memory"), "what the machine says"
        ),
    },
    "results.records": dict.fromkeys(
        (
            "metric",
            "curve",
            "load",
            "load_measured",
            "describe",
            "also_recorded",
            "flatten",
        ),
        FILES,
    ),
    "results.tables": {"table": TEXT},
    "lm.by_hand": {"sgd_step": "changes its arguments: tests/test_lm_by_hand.py"},
    "lm.checkpoints": dict.fromkeys(("save", "load", "check", "damaged"), FILES),
    "lm.compiled": dict.fromkeys(("sgd_step", "loss_and_updates"), RUN),
    "lm.inplace": {"mode": NO_ARGUMENT},
    "lm.model": {
        **dict.fromkeys(("advance", "start", "cell_of", "states"), STEPS),
        **dict.fromkeys(("save", "load"), FILES),
        **dict.fromkeys(("table", "network", "folded", "of", "learned"), REMEDIES),
    },
    "lm.remedies": dict.fromkeys(
        (
            "initial",
            "read",
            "said",
            "mask_shapes",
            "rates_of",
            "masks",
            "layer_norm",
            "states",
            "joined",
            "constant",
            "linear",
        ),
        REMEDIES,
    ),
    "lm.successors": dict.fromkeys(
        ("shapes", "initial", "network", "states", "attention", "forward"), SUCCESSORS
    ),
    "lm.recorded_runs": dict.fromkeys(("load", "record", "ship"), FILES),
    "lm.published": {
        **dict.fromkeys(("load", "read"), FILES),
        **dict.fromkeys(("vocabulary", "certain"), TEXT),
    },
    "lm.training": dict.fromkeys(
        (
            "data",
            "by_comment",
            "sequences",
            "softmax_layer",
            "arrays",
            "restore",
            "set",
            "values",
            "update",
            "perplexity",
            "best",
            "finished",
            "go",
            "learn",
            "tested",
            "layers",
            "shapes",
            "held",
            "averaged",
            "average",
        ),
        RUN,
    ),
}


def public_functions():
    """Module and name of every function without an underscore, methods among them."""
    for room in ("networks", "tasks", "results", "lm"):
        for path in sorted((ROOT / "helpers" / room).glob("[!_]*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            classes = [n for n in tree.body if isinstance(n, ast.ClassDef)]
            inside = [n for c in classes if c.name[0] != "_" for n in c.body]
            for node in [*tree.body, *inside]:
                if isinstance(node, ast.FunctionDef) and node.name[0] != "_":
                    yield f"{room}.{path.stem}", node.name


def test_every_public_function_has_a_reference_or_says_where_it_is_tested():
    named = set()
    for name in (*TABLE, *GRAPHS):
        room, module, *_, function = name.split(" ")[0].split(".")
        named.add((f"{room}.{module}", function))
    elsewhere = {(m, name) for m, names in ELSEWHERE.items() for name in names}
    found = set(public_functions())
    assert found - named - elsewhere == set()
    assert (named | elsewhere) - found == set()  # nor is one named that is gone
    assert not named & elsewhere
