"""How fast the language model learns, and where the time goes.

    python -m helpers.bench.ch08_lm_times

writes `data/results/lm-speed.json`, which chapter 8 reads with `load`. It needs
GoEmotions on this computer (`helpers.tasks.corpus.load` says where), about 10 minutes,
and a machine with nothing else to do. PyTorch is measured where it is installed. Each
way has a process of its own; no number is written unless all ways give the same losses.
"""

import argparse
import contextlib
import io
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
import pytensor
import pytensor.tensor as pt

from helpers import engine
from helpers.bench import by_torch
from helpers.bench.timing import in_new_process, peak_memory_MB, seconds_per_call
from helpers.bench.ways import WAYS, prepare
from helpers.bench.workloads import language
from helpers.engine import selection
from helpers.lm import batches, inplace, model, training
from helpers.networks.elman import readout, shared
from helpers.networks.optimisers import adam, clip_by_norm
from helpers.results import records, tables
from helpers.results.provenance import load_average, machine, write_measured

SCHEMA = "rnns-unrolled language model speed 1"
NAME = "lm-speed"
MODULE = "helpers.bench.ch08_lm_times"
COMMAND = f"python -m {MODULE}"
V, H = 8000, 100
WORDS = 20  # of the sentence of the classic figures
N = 640  # predictions of a batch
SIZES = (1000, 2000, 4000, 8000, 16000, 32000)
PUBLISHED_MS = {"NumPy": 350, "Theano, CPU": 70, "Theano, GPU": 23}  # Britz 2015
SAMPLED = 60  # batches
ROUNDS = 9
PARTS = ("step", "batch", "softmax", "vocabulary")


def load(folder: Path | str | None = None) -> dict:
    """The recorded timings; all are medians of rounds, with the range of these.

    "published_ms", and lists of rows: "step" (one sentence), "batch" (all of a sample,
    with "tokens_per_s"), "softmax" (the layer alone) and "vocabulary" (the update by
    the size of the vocabulary). A row has "name", "ms", "ms_range" and "MB".

    Raises FileNotFoundError where there is no file and ValueError for a damaged one;
    both say how to make it.
    """
    return records.load_measured(NAME, SCHEMA, "timings", "step", COMMAND, folder)


def first_values(size: int | None = None) -> model.Params:
    """An Elman network for `size` words or V, float32 whatever floatX is."""
    params = model.initial("elman", size or V, H, np.random.default_rng(0))
    return type(params)(*(value.astype(np.float32) for value in params))


# One SGD step on one sentence -------------------------------------------------


def step(way: str) -> Callable[[], float]:
    """One step of `helpers.bench` on a sentence; calling it returns the loss before."""
    prepare(way, "float32")
    return WAYS[way].make(language(V, T=WORDS, H=H)).run


STEPS = {
    "numpy": partial(step, "numpy loop"),
    **{name: partial(step, f"pytensor {name}") for name in selection.NAMES},
    "jax by hand": partial(step, "jax"),
    "torch": partial(step, "torch rnn"),
}


# Updates on batches ---------------------------------------------------------------
#
# Each way is a function that makes a function of a batch: an update, which returns its
# cost. The first five come in the order in which the trainer was made faster; a way
# keeps what those before it have gained.

SETTINGS = training.Settings(batch=N, dropout=0)


def update_plain(written_out: bool) -> Callable[[batches.Batch], float]:
    """x is looked up by row; the gradient and Adam are those of the whole W_ih."""
    _select("jax")
    params = shared(first_values())

    @cache
    def compile_for(T: int, B: int):
        x, y = (pt.imatrix(name, shape=(T, B)) for name in "xy")
        mask = pt.matrix("mask", shape=(T, B))
        h = model.states(params.W_ih[x], params).reshape((T * B, H))
        y_flat, weights = y.ravel(), mask.ravel() / (T * B)
        if written_out:
            costs, o, d_o = training.softmax_layer(h, y_flat, weights, params)
            grads = pt.grad(None, list(params), known_grads={o: d_o})
        else:
            costs = autodiff_costs(h, y_flat, params)
            grads = pt.grad((costs * weights).sum(), list(params))
        grads = clip_by_norm(grads, SETTINGS.clip)
        updates = adam(grads, list(params), SETTINGS.lr)
        return pytensor.function(
            [x, y, mask], (costs * mask.ravel()).sum(), updates=updates
        )

    return lambda batch: float(compile_for(*batch.x.shape)(*batch))


def autodiff_costs(h, y, params):
    """-log p of each y as one would write it; its gradient is left to PyTensor."""
    log_p = pt.special.log_softmax(readout(h, params), axis=1)
    return -log_p[pt.arange(y.shape[0]), y]


def update_rows(in_place: bool) -> Callable[[batches.Batch], float]:
    """The trainer."""
    _select("jax")
    if not in_place:
        inplace.mode = lambda: pytensor.config.mode
    trainer, count = training.Trainer(first_values(), SETTINGS), itertools.count(1)
    return lambda batch: float(trainer.update(batch, next(count), SETTINGS.lr, None)[0])


def update_torch() -> Callable[[batches.Batch], float]:
    """The same update in PyTorch: sparse Adam for the rows, fused Adam for the rest."""
    import torch

    network = by_torch.network_of(first_values(), words=True)
    rows = network.rows.weight
    others = [p for p in network.parameters() if p.requires_grad and p is not rows]
    optimisers = (
        torch.optim.SparseAdam([rows], lr=SETTINGS.lr),
        torch.optim.Adam(others, lr=SETTINGS.lr, fused=True),
    )

    def update(batch: batches.Batch) -> float:
        x, y = torch.from_numpy(batch.x), torch.from_numpy(batch.y).long()
        y[torch.from_numpy(batch.mask) == 0] = -1
        network.zero_grad()
        cost = torch.nn.functional.cross_entropy(
            network(x).view(-1, V), y.view(-1), ignore_index=-1, reduction="sum"
        )
        (cost / y.numel()).backward()
        rows.grad = rows.grad.coalesce()
        grads = [rows.grad.values(), *(p.grad for p in others)]
        norm = torch.nn.utils.get_total_norm(grads).item()
        for g in grads:
            g.mul_(SETTINGS.clip / max(norm, SETTINGS.clip))
        for optimiser in optimisers:
            optimiser.step()
        return cost.item()

    return update


class Way(NamedTuple):
    """A way to make an update, and on what."""

    text: str
    make: Callable
    buckets: bool = True  # sentences by length, or all filled up to the longest
    keep: bool = True  # see `training.keep_memory`


UPDATES = {
    "plain": Way("as one writes it first", partial(update_plain, False), False, False),
    "buckets": Way("sentences by length", partial(update_plain, False), True, False),
    "memory": Way("memory kept", partial(update_plain, False)),
    "gradient": Way("p - onehot written out", partial(update_plain, True)),
    "rows": Way("rows of W_ih", partial(update_rows, False)),
    "in place": Way("in place", partial(update_rows, True)),
    "torch": Way("PyTorch", update_torch),
}


def sample(sequences: Sequence[np.ndarray]) -> dict[str, list[batches.Batch]]:
    """The same sentences in batches by length, and filled up to the longest."""
    rng = np.random.default_rng(0)
    lengths = batches.bucket_lengths(sequences, training.BUCKETS)
    plan = batches.batches(sequences, lengths, N, rng)[:SAMPLED]
    chosen = [sequences[i] for *_, indices in plan for i in indices]
    longest = max(lengths)
    together = batches.batches(chosen, (longest,), N, rng)
    return {
        "buckets": [batches.fill(sequences, *part) for part in plan],
        "together": [batches.fill(chosen, *part) for part in together],
    }


# The softmax layer alone, and the size of the vocabulary --------------------------


def layer(kind: str) -> Callable[[], object]:
    """Costs and gradients of the layer, for N states; "products" only multiplies."""
    _select("jax")
    rng = np.random.default_rng(2)
    params = shared(first_values())
    h = pytensor.shared(rng.uniform(-1, 1, (N, H)).astype(np.float32), shape=(N, H))
    y = rng.integers(0, V, N).astype(np.int32)
    wrt = [h, params.W_ho, params.b_o]
    if kind == "products":
        o = h @ params.W_ho
        outputs = [o @ params.W_ho.T, h.T @ o]
    elif kind == "autodiff":
        cost = autodiff_costs(h, pt.constant(y), params).sum()
        outputs = [cost, *pt.grad(cost, wrt)]
    else:
        ones = pt.ones((N,), dtype="float32")
        costs, o, d_o = training.softmax_layer(h, pt.constant(y), ones, params)
        outputs = [costs.sum(), *pt.grad(None, wrt, known_grads={o: d_o})]
    compute = pytensor.function([], outputs)

    def call():
        return [np.asarray(value) for value in compute()]  # np.asarray waits

    return call


LAYERS = {
    "products": ("products", True),
    "autodiff": ("autodiff", False),
    "autodiff, memory kept": ("autodiff", True),
    "written out": ("written out", False),
    "written out, memory kept": ("written out", True),
}


def update_of_size(size: int) -> Callable[[], float]:
    """The trainer's update of N predictions over a vocabulary of `size` words."""
    _select("jax")
    trainer, count = training.Trainer(first_values(size), SETTINGS), itertools.count(1)
    words = np.random.default_rng(0).integers(0, size, (2, WORDS, N // WORDS))
    mask = np.ones(words.shape[1:], np.float32)
    batch = batches.Batch(*words.astype(np.int32), mask)
    return lambda: float(trainer.update(batch, next(count), SETTINGS.lr, None)[0])


# Measuring, each in a process of its own ------------------------------------------


def measure(what: str, name: str, rounds: int, data: str) -> dict:
    """In this process: seconds a call by round, MB, and numbers to compare."""
    if what == "step":
        training.keep_memory()  # for all ways alike
        call = STEPS[name]()
        numbers = [call() for _ in range(5)]
        seconds = seconds_per_call(call, rounds)
    elif what == "batch":
        numbers, seconds = _measure_batches(UPDATES[name], rounds, Path(data))
    elif what == "softmax":
        kind, keep = LAYERS[name]
        if keep:
            training.keep_memory()
        call = layer(kind)
        numbers = [float(np.sum(value)) for value in call()[:1]]
        seconds = seconds_per_call(call, rounds)
    else:
        call = update_of_size(int(name))
        numbers = [call()]
        seconds = seconds_per_call(call, rounds)
    return {"seconds": seconds, "MB": peak_memory_MB(), "numbers": numbers}


def _measure_batches(way: Way, rounds: int, data: Path):
    with np.load(data / f"{'buckets' if way.buckets else 'together'}.npz") as file:
        parts = [file[str(i)] for i in range(len(file.files))]
    some = [
        batches.Batch(*part[:2].astype(np.int32), part[2].astype(np.float32))
        for part in parts
    ]
    if way.keep:
        training.keep_memory()
    else:
        training.keep_memory = lambda: None
    update = way.make()
    numbers = [update(batch) for batch in some]  # compiles on the way
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        for batch in some:
            update(batch)
        seconds.append(time.perf_counter() - start)
    return numbers, seconds


def _select(name: str) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        engine.select(name, "float32")


def record(
    rounds: int = ROUNDS,
    folder: Path | str = records.FOLDER,
    sizes: Sequence[int] = SIZES,
    sequences: Sequence[np.ndarray] | None = None,
) -> Path:
    """Measure everything; returns the file's path.

    `sequences` are those of the training part of GoEmotions if not given. Raises
    RuntimeError where a process fails or ways disagree, and what
    `helpers.tasks.corpus.load` raises where the corpus is not there.
    """
    if sequences is None:
        sequences = training.data("goemotions", V).train
    begun, load_before = time.perf_counter(), load_average()
    ways = [name for name in STEPS if name in (*engine.installed(), "numpy")]
    ways += ["jax by hand"] if "jax" in ways else []
    ways += ["torch"] if find_spec("torch") else []
    with tempfile.TemporaryDirectory() as cache:
        for name, some in sample(sequences).items():
            arrays = {str(i): np.stack(batch) for i, batch in enumerate(some)}
            np.savez(Path(cache) / f"{name}.npz", **arrays)

        def rows(what: str, names: Sequence[str]) -> list[dict]:
            found = []
            for name in names:
                arguments = ["--what", what, "--name", name, "--rounds", str(rounds)]
                got = in_new_process(MODULE, [*arguments, "--data", cache], cache)
                found.append({"name": name, **got})
            return found

        steps = rows("step", ways)
        updates = rows("batch", [n for n in UPDATES if n != "torch" or n in ways])
        layers = rows("softmax", list(LAYERS))
        vocabulary = rows("vocabulary", [str(size) for size in sizes])
        words = sum(float(b.mask.sum()) for b in sample(sequences)["buckets"])
    check_equal(steps, 1e-3)
    check_equal(updates, 1e-3, first=True)
    check_equal(layers[1:], 1e-3)
    return write_measured(
        NAME,
        SCHEMA,
        COMMAND,
        {
            "summary": "Milliseconds, medians and ranges of rounds; memory in MB.",
            "network": f"Elman, V = {V}, H = {H}, float32",
            "published_ms": PUBLISHED_MS,
            "step_words": WORDS,
            "step": [_row(row) for row in steps],
            "batch_predictions": N,
            "batch": [
                _row(row)
                | {
                    "text": UPDATES[row["name"]].text,
                    "tokens_per_s": round(words / float(np.median(row["seconds"]))),
                }
                for row in updates
            ],
            "softmax": [_row(row) for row in layers],
            "vocabulary": [_row(row) for row in vocabulary],
            "machine": machine(),
            "cores": joblib.cpu_count(),
            "load_before": load_before,
        },
        begun,
        folder,
        ("numba", "torch"),
    )


def check_equal(rows: Sequence[dict], rtol: float, first: bool = False) -> None:
    """RuntimeError where the numbers, or the first of each, differ by more."""
    for row in rows[1:]:
        ours, expected = (
            r["numbers"][:1] if first else r["numbers"] for r in (row, rows[0])
        )
        comparable = not first or len(row["numbers"]) == len(rows[0]["numbers"])
        if comparable and not np.allclose(ours, expected, rtol=rtol):
            raise RuntimeError(f"{row['name']} and {rows[0]['name']} differ")


def _row(row: dict) -> dict:
    ms = 1000 * np.array(row["seconds"])
    return {
        "name": row["name"],
        "ms": float(f"{np.median(ms):.4g}"),
        "ms_range": [float(f"{value:.4g}") for value in (ms.min(), ms.max())],
        "MB": round(row["MB"]),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """The command line: without arguments, record everything."""
    parser = argparse.ArgumentParser(
        prog=COMMAND, description="Time the language model; record in data/results/."
    )
    parser.add_argument("--what", choices=PARTS)
    parser.add_argument("--name", help="measure this one here and print")
    parser.add_argument("--data", default=".", help="folder of the batches")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args(argv)
    if options.what:
        found = measure(options.what, options.name, options.rounds, options.data)
        print(json.dumps(found))
        return 0
    try:
        path = record(options.rounds)
    except (RuntimeError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    recorded = load()
    for what in PARTS:
        columns = [
            c for c in ("name", "ms", "MB", "tokens_per_s") if c in recorded[what][0]
        ]
        print(tables.table([[r[c] for c in columns] for r in recorded[what]], columns))
        print()
    print(f"written to {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
