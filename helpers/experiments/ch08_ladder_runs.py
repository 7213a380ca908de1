"""The rungs between counts and a recurrent network, on the shipped comments.

A window network reads the n words before the next one, START where there are fewer: it
looks up a row for each, and has one tanh layer over these rows laid end to end before
the softmax (Bengio, Ducharme, Vincent and Jauvin 2003, "A neural probabilistic language
model"). With n = 1 it sees what a bigram model sees. The recurrent network is that of
`helpers.lm.model`. All have the same vocabulary, training sentences, number of units
and of epochs, and the same Adam, whose rate falls linearly to 0. A batch of the
recurrent network is 32 sentences, about 500 words; one of a window network is 512
words, wherever they stand. All are judged on the new comments, validation and test
together.
"""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as pt

from helpers.experiments.runner import Experiment, traced
from helpers.lm import batches, model, ngrams, scoring, training
from helpers.lm.model import LanguageModel
from helpers.networks.elman import Elman, shared
from helpers.networks.optimisers import adam

LADDER = {
    "vocabulary": 1000,
    "hidden": 50,
    "embedding": 50,
    "windows": [1, 2, 3, 5],
    "epochs": 6,
    "steps": 30,  # longer sentences are cut in the training
    "batch": 32,  # sentences
    "words": 512,  # in a batch of windows
    "lr": 0.01,
}


class Window(NamedTuple):
    """The parameters of a window network."""

    W_ih: np.ndarray  # (V, m) the rows of the words
    C: np.ndarray  # (n, m, n_hid) the layer over n of them, the newest first
    b_h: np.ndarray
    W_ho: np.ndarray  # (n_hid, V)
    b_o: np.ndarray


def initial(n: int, V: int, m: int, H: int, rng: np.random.Generator) -> Window:
    """First values: weights uniform within +-1/sqrt(connections), biases 0.

    A row has one connection that carries something, so its values lie within +-1.
    """
    C = rng.uniform(-1, 1, (n, m, H)) / np.sqrt(n * m)
    W_ho = rng.uniform(-1, 1, (H, V)) / np.sqrt(H)
    W_ih = rng.uniform(-1, 1, (V, m))
    values = W_ih, C, np.zeros(H), W_ho, np.zeros(V)
    return Window(*(value.astype(pytensor.config.floatX) for value in values))


def windows(x: np.ndarray, n: int) -> np.ndarray:
    """The n words up to each, newest first: (n, T, ...) for x (T, ...).

    x begins with START, which also stands where there are fewer words.
    """
    before = np.repeat(x[:1], n - 1, axis=0)
    padded = np.concatenate([before, x])
    return np.stack([padded[n - 1 - k : n - 1 - k + len(x)] for k in range(n)])


def logits(x, params: Window):
    """o (N, V) for windows of words x (n, N): the rows end to end times the layer."""
    a = sum(params.W_ih[x[k]] @ params.C[k] for k in range(x.type.shape[0]))
    return pt.tanh(a + params.b_h) @ params.W_ho + params.b_o


def window_log_p(params: Window, sentences: list[np.ndarray]) -> scoring.Scores:
    """log P of each word after START, in NumPy: (T,) for each sentence."""
    params = Window(*map(np.asarray, params))  # on JAX's arrays each length compiles
    scores = []
    for sentence in sentences:
        x = windows(sentence[:-1], len(params.C))
        rows = params.W_ih[x]  # (n, T, m)
        a = np.einsum("ntm,nmh->th", rows, params.C) + params.b_h
        o = np.tanh(a) @ params.W_ho + params.b_o
        o = o - o.max(axis=1, keepdims=True)
        log_p = o - np.log(np.exp(o).sum(axis=1, keepdims=True))
        scores.append(log_p[np.arange(len(o)), sentence[1:]])
    return scores


@cache
def _data(V: int) -> training.Data:
    return training.data("comments", V)


@cache
def _compiled(n: int, parameters: tuple) -> tuple:
    """Parameters, what Adam remembers of them, and one update: n words or recurrent."""
    settings = dict(parameters)
    V, T, B = (settings[key] for key in ("vocabulary", "steps", "batch"))
    N = settings["words"] if n else T * B
    first = _first(n, settings, np.random.default_rng(0))
    net = Window(*map(pytensor.shared, first)) if n else shared(first)
    y, mask = pt.vector("y", shape=(N,), dtype="int32"), pt.vector("mask", shape=(N,))
    x = pt.matrix("x", shape=(n, N) if n else (T, B), dtype="int32")
    o = logits(x, net) if n else model.logits(x, net).reshape((N, V))
    log_p = o[pt.arange(N), y] - pt.logsumexp(o, axis=1)
    loss = -(log_p * mask).sum() / mask.sum()
    rate = pt.scalar("rate")
    updates = adam(loss, list(net), rate)
    memory = [h for h, _ in updates if all(h is not value for value in net)]
    return net, memory, pytensor.function([x, y, mask, rate], loss, updates=updates)


def _first(n: int, settings: dict, rng: np.random.Generator) -> Window | Elman:
    V, H = settings["vocabulary"], settings["hidden"]
    if n:
        return initial(n, V, settings["embedding"], H, rng)
    return model.initial("elman", V, H, rng)


def _examples(n: int, settings: dict, rng: np.random.Generator) -> Iterator[tuple]:
    """x, y and mask of each update of one epoch."""
    T, B, N = (settings[key] for key in ("steps", "batch", "words"))
    cut = [sentence[: T + 1] for sentence in _data(settings["vocabulary"]).train]
    if n:
        x = np.concatenate([windows(s[:-1], n) for s in cut], axis=1)
        y, mask = np.concatenate([s[1:] for s in cut]), np.ones(N)
        order = rng.permutation(len(y))
        for some in order[: len(y) // N * N].reshape(-1, N):
            yield x[:, some], y[some], mask
    else:
        order = rng.permutation(len(cut))
        for some in order[: len(cut) // B * B].reshape(-1, B):
            batch = batches.fill(cut, T, B, some)
            yield batch.x, batch.y.ravel(), batch.mask.ravel()


def learn(
    n: int, seed: int, settings: dict, updates: int | None = None
) -> tuple[float, list[float]]:
    """Train; the perplexity on the new comments, and the traced losses.

    A window of n words, or the recurrent network for n = 0. `updates` stops the
    training after so many.
    """
    flat = tuple((k, v) for k, v in settings.items() if k != "windows")
    net, memory, update = _compiled(n, flat)
    rng = np.random.default_rng([seed, n])
    for held, value in zip(net, _first(n, settings, rng), strict=True):
        held.set_value(value)
    for held in memory:
        held.set_value(0 * held.get_value())
    every = [e for _ in range(settings["epochs"]) for e in _examples(n, settings, rng)]
    trace = []
    for k, (x, y, mask) in enumerate(every[:updates], start=1):
        lr = settings["lr"] * (1 - (k - 1) / len(every))
        loss = update(x, y, mask.astype(pytensor.config.floatX), lr)
        if traced(k):
            trace.append(float(loss))
    learned = type(net)(*(np.asarray(held.get_value()) for held in net))
    return _judged(_data(settings["vocabulary"]), learned), trace


def _judged(data: training.Data, learned: Window | Elman) -> float:
    new = data.validation + data.test
    if isinstance(learned, Window):
        return ngrams.perplexity(window_log_p(learned, new))
    reader = LanguageModel(data.vocabulary, learned, {})
    return ngrams.perplexity(scoring.log_probabilities(reader, new))


def ladder(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed: the perplexity of each network."""
    metrics, traces = {}, {}
    for n in (*parameters["windows"], 0):
        name = f"window {n}" if n else "recurrent"
        metrics[name], traces[name] = learn(n, seed, parameters, updates)
    return {"trace": traces, "metrics": metrics}


EXPERIMENTS = (
    Experiment(
        name="lm-ladder",
        summary="Perplexity of window and recurrent networks on the shipped comments.",
        parameters=LADDER,
        run=ladder,
        metrics=(*(f"window {n}" for n in LADDER["windows"]), "recurrent"),
        floatX="float32",
    ),
)
