"""How fast the language model learns, and where the time goes.

    python -m helpers.bench lm-speed [--quick]

writes `data/results/lm-speed.json`, which the page on engines reads with `load`. It
needs GoEmotions on this computer (`helpers.tasks.corpus.load` says where), about 10
minutes, and a machine with nothing else to do. PyTorch is measured where it is
installed.
"""

import itertools
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as pt

from helpers.bench import by_torch, ways
from helpers.bench.recording import Part, Plan, Recording, spread
from helpers.bench.timing import Timed, select
from helpers.bench.workloads import language
from helpers.engine.memory import keep_memory
from helpers.lm import batches, model, training
from helpers.networks.elman import readout, shared
from helpers.networks.optimisers import adam, clip_by_norm

ENGINE = "jax"  # of the updates and the layer
V, H = 8000, 100
N = 640  # predictions of a batch
PUBLISHED_MS = {"NumPy": 350, "Theano, CPU": 70, "Theano, GPU": 23}  # Britz 2015
SAMPLED = 60  # batches
TOLERANCE = {"rtol": 1e-3, "atol": 1e-8}  # of losses in float32


def load(folder: Path | str | None = None) -> dict:
    """The recorded timings; all are medians of rounds, with the range of these.

    "published_ms", and lists of rows: "batch" (updates on all of a sample, with
    "tokens_per_s") and "softmax" (the layer alone). A row has "name", "ms", "ms_range"
    and "MB". Errors as in `recording.Recording.load`.
    """
    return RECORDING.load(folder)


def first_values() -> model.Params:
    """An Elman network for V words, float32 whatever floatX is."""
    return language(V, H=H).start


# Updates on batches ---------------------------------------------------------------
#
# Each way is a function that makes a function of a batch: an update, which returns its
# cost. The first five come in the order in which the trainer was made faster; a way
# keeps what those before it have gained.

SETTINGS = training.Settings(batch=N, dropout=0)


def update_plain(written_out: bool) -> Callable[[batches.Batch], float]:
    """x is looked up by row; the gradient and Adam are those of the whole W_ih."""
    select(ENGINE, "float32")
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
    select(ENGINE, "float32")
    trainer = training.Trainer(first_values(), SETTINGS, in_place)
    count = itertools.count(1)
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
    keep: bool = True  # see `helpers.engine.memory`


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


def write_sample(sequences: Sequence[np.ndarray], folder: Path) -> int:
    """`sample` into files for `updates`; returns how many words are to be predicted."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, some in sample(sequences).items():
        arrays = {str(i): np.stack(batch) for i, batch in enumerate(some)}
        np.savez(folder / f"{name}.npz", **arrays)
    return int(sum(batch.mask.sum() for batch in some))


def updates(name: str, folder: str) -> Timed:
    """A call makes an update on each batch of the sample; it returns the costs.

    The first must agree: the usual Adam and that of rows part from the second on.
    """
    way = UPDATES[name]
    which = "buckets" if way.buckets else "together"
    with np.load(Path(folder) / f"{which}.npz") as file:
        parts = [file[str(i)] for i in range(len(file.files))]
    some = [
        batches.Batch(*part[:2].astype(np.int32), part[2].astype(np.float32))
        for part in parts
    ]
    if way.keep:
        keep_memory()
    update = way.make()
    return Timed(
        lambda: [update(batch) for batch in some],  # the first call compiles
        lambda costs: {which: costs[0]},
    )


# The softmax layer alone ----------------------------------------------------------


LAYERS = ("products", *("autodiff", "autodiff, memory kept"))
LAYERS += ("written out", "written out, memory kept")


def softmax(name: str) -> Timed:
    """Costs and gradients of the layer, for N states; "products" only multiplies."""
    kind, _, kept = name.partition(", ")
    if kept or kind == "products":
        keep_memory()
    select(ENGINE, "float32")
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
    return Timed(
        lambda: [np.asarray(value) for value in compute()],  # np.asarray waits
        lambda found: {"cost": found[0]} if kind != "products" else {},
    )


# Recording ------------------------------------------------------------------------

KINDS = {"batch": updates, "softmax": softmax}


def prepare(way: str, what: str, **given) -> Callable[[], Timed]:
    """What makes one of `KINDS` ready."""
    return partial(KINDS[what], way, **given)


def plan(
    quick: bool, folder: Path, sequences: Sequence[np.ndarray] | None = None
) -> Plan:
    """`KINDS`; a quick run has fewer rounds.

    `sequences` are those of the training part of GoEmotions if not given. Raises what
    `helpers.tasks.corpus.load` raises where the corpus is not there.
    """
    if sequences is None:
        sequences = training.data("goemotions", V).train
    words = write_sample(sequences, folder)
    rounds = 3 if quick else 9
    no_torch = ("torch",) * bool(ways.missing("torch", language()))
    batch = tuple(name for name in UPDATES if name not in no_torch)

    def part(what: str, names: Sequence[str], tolerance: dict, **given) -> Part:
        given = ({"what": what} | given,)
        return Part(what, __name__, tuple(names), given, rounds, **tolerance)

    parts = [
        part("batch", batch, TOLERANCE, folder=str(folder)),
        part("softmax", LAYERS, TOLERANCE),
    ]

    def written(row: dict) -> dict:
        name = row["way"]
        new = {"name": name} | spread(row["seconds"]) | {"MB": round(row["peak_MB"])}
        if row["part"] == "batch":
            rate = round(words / float(np.median(row["seconds"])))
            new |= {"text": UPDATES[name].text, "tokens_per_s": rate}
        return new

    def contents(rows: list[dict], _) -> dict:
        return {
            "network": f"Elman, V = {V}, H = {H}, float32",
            "published_ms": PUBLISHED_MS,
            "batch_predictions": N,
            **{
                part.name: [written(row) for row in rows if row["part"] == part.name]
                for part in parts
            },
        }

    return Plan(parts, contents)


RECORDING = Recording(
    name="lm-speed",
    schema="rnns-unrolled language model speed 1",
    key="batch",
    summary="Milliseconds, medians and ranges of rounds; memory in MB.",
    plan=plan,
)
