"""Training the language model on all comments of a corpus, in minutes.

One update sees a batch of sentences of like length (`helpers.lm.batches`) and costs
little more than the three products with W_ho that no softmax can do without:

- The error of the logits is known, p - onehot; it is written out and handed to
  `pytensor.grad` (`known_grads`), which need not find it by itself.
- Of W_ih only the rows of the words in the batch are looked up, and only they change.
  Adam's memory of a row (Kingma and Ba 2015) likewise changes only when its word
  occurs: "lazy" Adam. The usual Adam moves a row on by its momentum in updates that do
  not contain the word, and forgets its scale between them.
- Memory is kept from update to update (`helpers.engine.memory`), and new values take
  the place of the old ones in it (`helpers.lm.inplace`).

What each of these gains is measured by `helpers.bench.ch08_lm_times`.

Everything random is drawn from generators that are seeded with the seed of the run and
the number of the epoch or update. So a run can go on from a checkpoint as if it had
never stopped.
"""

import contextlib
import dataclasses
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as pt

from helpers import arguments
from helpers.engine.memory import keep_memory
from helpers.lm import (
    batches,
    checkpoints,
    inplace,
    model,
    remedies,
    scoring,
    successors,
)
from helpers.lm.model import LanguageModel, Learned, Params
from helpers.networks.elman import readout
from helpers.networks.optimisers import clip_by_norm
from helpers.results import tables
from helpers.results.files import alone, write_text
from helpers.results.provenance import free_memory, machine, versions
from helpers.tasks import corpus
from helpers.tasks.text import SPECIAL, Vocabulary, sentences

BUCKETS = 12
JUDGED_BUCKETS, JUDGED = 4, 2048  # lengths and predictions of a batch to be judged
FLOAT32, MANY = np.finfo(np.float32), 2**31 - 1
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
# A cost of so many nats a word beyond guessing, and beyond the first update, means that
# training has diverged: a network that learns, however badly, stays below.
DIVERGED = 1.0


def falling(lr: float, done: int, total: int) -> float:
    """The rate of the next update: half a cosine from lr down to 0 at `total`.

    Raises ValueError for an lr that is no number of at least 0, and for updates `done`
    that are not some or none of a positive number of them.
    """
    lr, total = arguments.not_negative("lr", lr), arguments.integer("total", total)
    done = arguments.integer("done", done, 0, total)
    return lr * (1 + math.cos(math.pi * done / total)) / 2


def _along_a_cosine(lr: float, done: int, total: int, warmup: float) -> float:
    return falling(lr, done, total)


SCHEDULES = {  # the rate of the next update
    "cosine": _along_a_cosine,
    "constant": remedies.constant,
    "linear": remedies.linear,
}


@dataclass(frozen=True)
class Settings:
    """What decides the outcome of a training run."""

    corpus: str = "goemotions"
    cell: str = "elman"
    hidden: int = 100
    vocabulary: int = 8000
    epochs: int = 10
    batch: int = 640  # predictions in an update, filler included
    lr: float = 0.003  # of the first update; falls to 0 along a half cosine
    clip: float = 1.0  # the longest gradient, see `clip_by_norm`
    rows: float = 0.1  # the first rows of W_ih lie within +- this
    dropout: float = 0.2  # share of the elements of rows and states set to zero
    truncate: int | None = None  # steps that a gradient goes back; None: all
    patience: int = 3  # epochs without a better validation before training stops
    seed: int = 0
    # remedies, see `helpers.lm.remedies`
    embedding: int | None = None  # numbers of a row of E; None: no E
    tied: bool = False  # W_ho is E^T
    locked: bool = False  # dropout: one mask for all steps of a sentence
    recurrent: float = 0.0  # share of h_{t-1} set to zero, one mask for all steps
    connect: float = 0.0  # share of the elements of W_hh set to zero in an update
    words: float = 0.0  # share of the words of a batch whose rows are set to zero
    norm: bool = False  # layer norm
    carried: bool = False  # the state goes on over the sentences of a comment
    schedule: str = "cosine"  # of the rate: one of SCHEDULES
    warmup: float = 0.0  # share of the updates in which the rate rises
    average: int = 0  # last epochs, the mean of whose weights is the model
    buckets: int = BUCKETS  # lengths of batches at most

    def __post_init__(self) -> None:
        cells = (*model.CELLS, *successors.CELLS)
        if self.cell not in cells:
            raise ValueError(
                f"cell must be one of {', '.join(cells)}; got {self.cell!r}"
            )
        integers = ("hidden", "epochs", "batch", "patience", "truncate", "embedding")
        for name in (*integers, "buckets"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1; got {value}")
            if value is not None and value > MANY:
                raise ValueError(f"{name} must be at most {MANY}; got {value}")
        if self.vocabulary <= len(SPECIAL):
            raise ValueError(
                f"vocabulary must be more than {len(SPECIAL)} words, "
                f"{', '.join(SPECIAL)} among them; got {self.vocabulary}"
            )
        for name in ("lr", "clip", "rows"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise ValueError(f"{name} must be positive; got {value}")
            if not float(FLOAT32.tiny) <= value <= float(FLOAT32.max):
                raise ValueError(f"{name} must fit into float32; got {value}")
        for name in ("dropout", "recurrent", "connect", "words", "warmup"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise ValueError(f"{name} must be at least 0 and below 1; got {value}")
        if self.seed < 0:
            raise ValueError(f"seed must not be negative; got {self.seed}")
        if self.schedule not in SCHEDULES:
            known = ", ".join(SCHEDULES)
            raise ValueError(f"schedule must be one of {known}; got {self.schedule!r}")
        if self.schedule == "cosine" and self.warmup:
            raise ValueError("warmup must be 0 for the schedule cosine, which has none")
        if not 0 <= self.average <= self.epochs:
            raise ValueError(
                f"average must be from 0 to epochs, {self.epochs}; got {self.average}"
            )
        if self.recurrent and self.cell == "gru":
            raise ValueError("recurrent must be 0 for the cell gru")
        for name in ("truncate", "recurrent", "connect"):
            if self.cell in successors.CELLS and getattr(self, name):
                raise ValueError(f"{name} is not for the cell {self.cell}")
        shapes(self.cell, self.vocabulary, self.hidden, *self.layers())

    def layers(self) -> tuple[int | None, bool, bool]:
        """What the network has besides its cell, as `model.shapes` takes it."""
        return self.embedding, self.tied, self.norm


def shapes(cell: str, V: int, hidden: int, *layers) -> dict[str, tuple[int, ...]]:
    """The shapes of what is learned: `model.shapes`, or those of `successors`."""
    of = successors if cell in successors.CELLS else model
    return of.shapes(cell, V, hidden, *layers)


# Data -------------------------------------------------------------------------


class Data(NamedTuple):
    """A corpus as numbers, split by comment; the words are those of the training."""

    vocabulary: Vocabulary
    train: list[np.ndarray]  # START, words, END
    validation: list[np.ndarray]
    test: list[np.ndarray]


def data(name: str, size: int, fetch: bool = False, carried: bool = False) -> Data:
    """The corpus `name` with the most common words of its training comments.

    With `carried` a sequence is a whole comment (`remedies.joined`), else a sentence.
    Other arguments and errors as in `helpers.tasks.corpus.load` and `Vocabulary.of`.
    """
    comments = by_comment(name, fetch)
    parts = _laid_out(comments)
    vocabulary = Vocabulary.of(parts.train, size)
    if carried:
        return Data(vocabulary, *(remedies.joined(p, vocabulary) for p in comments))
    return Data(vocabulary, *_encoded(parts, vocabulary))


def sequences(name: str, vocabulary: Vocabulary) -> corpus.Split:
    """The corpus `name` split as for training, in the words of this vocabulary."""
    return _encoded(_laid_out(by_comment(name)), vocabulary)


def by_comment(name: str, fetch: bool = False) -> corpus.Split:
    """The tokens of the sentences of each comment: three lists of lists of lists.

    Laid end to end they are the sentences of `data` and `sequences`, in their order.
    """
    parts = corpus.split(corpus.load(name, fetch))
    return corpus.Split(*([sentences(comment) for comment in p] for p in parts))


def _laid_out(parts: corpus.Split) -> corpus.Split:
    return corpus.Split(*([some for one in part for some in one] for part in parts))


def _encoded(parts: corpus.Split, vocabulary: Vocabulary) -> corpus.Split:
    return corpus.Split(*([vocabulary.encode(some) for some in p] for p in parts))


# One update -------------------------------------------------------------------


def softmax_layer(h, y, weights, params: Params):
    """What states h (N, n_hid) cost that should predict y (N,), and the slope of it.

    Returns the costs -log p, (N,), the logits o (N, V), and the gradient of the sum of
    weights (N,) times costs with respect to o: weights times p - onehot.
    """
    o = readout(h, params)
    log_sum = pt.logsumexp(o, axis=1, keepdims=True)
    at_y = (pt.arange(o.shape[0]), y)
    d_o = pt.inc_subtensor((pt.exp(o - log_sum) * weights[:, None])[at_y], -weights)
    return log_sum[:, 0] - o[at_y], o, d_o


def _adam(p, m, v, g, rate):
    """New p, m and v; the corrections for the start of m and v are in the rate."""
    m = BETA1 * m + (1 - BETA1) * g
    v = BETA2 * v + (1 - BETA2) * g**2
    return p - rate * m / (pt.sqrt(v) + EPSILON), m, v


class Trainer:
    """All that is learned, Adam's memory of it, and the compiled functions."""

    def __init__(
        self,
        first: Params | Learned,
        settings: Settings,
        in_place: bool = True,
    ) -> None:
        """Start from first values: a cell, or the `initial` of remedies or successors.

        `in_place` is False only to time what it gains.
        """
        keep_memory()
        cell = settings.cell
        if not isinstance(first, dict):
            cell, first = model.cell_of(first), first._asdict()
        self.settings, self.cell, self._in_place = settings, cell, in_place
        self.learned = _shared(first)
        self.table = model.table(first)
        if cell in successors.CELLS:
            self.params = successors.network(self.learned)
            self._W_hh = first["E"].shape[1:]  # there is none, but as many units
        else:
            self.params = model.network(self.learned, cell)
            self._W_hh = first["W_hh"].shape
        self.n_hid = self._W_hh[0]
        zeros = {name: np.zeros_like(value) for name, value in first.items()}
        self.m, self.v = _shared(zeros), _shared(zeros)
        self.mean = _shared(zeros) if settings.average else {}
        self._update = cache(self._compile_update)
        self._cost = cache(self._compile_cost)
        self._average = cache(self._compile_average)
        self._shapes = cache(self._mask_shapes)

    def _variables(self) -> dict:
        """Shared variables by name: what is learned, Adam's m_ and v_, and means."""
        groups = (("", self.learned), ("m_", self.m), ("v_", self.v))
        return {
            f"{prefix}{name}": variable
            for prefix, group in (*groups, ("mean_", self.mean))
            for name, variable in group.items()
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """All values by name, as `restore` takes them."""
        variables = self._variables().items()
        return {name: np.array(variable.get_value()) for name, variable in variables}

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Take the values that `arrays` returned."""
        for name, variable in self._variables().items():
            variable.set_value(arrays[name])

    def set(self, values: Params | Learned) -> None:
        """Take other values of what is learned; Adam's memory stays as it is."""
        values = values if isinstance(values, dict) else values._asdict()
        for name, variable in self.learned.items():
            variable.set_value(values[name])

    def values(self) -> Params:
        """The parameters of the plain network as NumPy arrays, see `model.folded`."""
        return model.folded(self.held(), self.cell)

    def held(self) -> Learned:
        """What is learned, as NumPy arrays."""
        return {name: np.array(p.get_value()) for name, p in self.learned.items()}

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Within it, what is learned is the mean that `average` made."""
        last = self.held()
        self.set({name: np.array(p.get_value()) for name, p in self.mean.items()})
        try:
            yield
        finally:
            self.set(last)

    def average(self, n: int) -> None:
        """Take what is learned into its mean, as the n-th of those that are in it."""
        self._average()(np.asarray(1 / n, pytensor.config.floatX))

    def update(self, batch: batches.Batch, count: int, lr: float, rng) -> list:
        """Update number `count` (from 1): [summed cost, length of the gradient].

        Both are still being computed when this returns: `float` waits for them.
        """
        T, B = batch.x.shape
        words, inverse = np.unique(batch.x, return_inverse=True)
        rows = np.zeros(T * B, np.int32)
        rows[: len(words)] = words
        used = (np.arange(T * B) < len(words)).astype(np.float32)
        inverse = inverse.reshape(T, B).astype(np.int32)
        correction = math.sqrt(1 - BETA2**count) / (1 - BETA1**count)
        rate = np.float32(lr * correction)
        kept = self._kept(T, B, rng)
        given = (rows, used, inverse, batch.y, batch.mask, *kept, rate)
        return self._update(T, B)(*given)

    def _kept(self, T: int, B: int, rng: np.random.Generator) -> list[np.ndarray]:
        """A mask for each place where something is dropped."""
        return remedies.masks(self._shapes(T, B), remedies.rates_of(self.settings), rng)

    def _mask_shapes(self, T: int, B: int) -> dict[str, tuple]:
        m = self.learned[self.table].type.shape[1]
        return remedies.mask_shapes(self.settings, T, B, m, self._W_hh)

    def _states(self, x, truncate: int | None, kept: dict):
        """All h, (T, B, n_hid), from looked-up rows x (T, B, m)."""
        if self.cell in successors.CELLS:
            return successors.states(self.cell, x, self.learned)
        read = remedies.read(x, self.learned)
        return remedies.states(read, self.learned, self.params, truncate, kept)

    def _compile_update(self, T: int, B: int) -> Callable:
        settings, table = self.settings, self.learned[self.table]
        rows = pt.ivector("rows", shape=(T * B,))
        used = pt.vector("used", shape=(T * B,))
        inverse, y = (pt.imatrix(name, shape=(T, B)) for name in ("inverse", "y"))
        mask = pt.matrix("mask", shape=(T, B))
        rate = pt.scalar("rate")
        kept = {
            name: pt.tensor(name, shape=shape, dtype=pytensor.config.floatX)
            for name, shape in self._shapes(T, B).items()
        }
        looked_up = table[rows]
        x = (looked_up * kept.get("words", 1))[inverse] * kept.get("rows", 1)
        h = self._states(x, settings.truncate, kept)
        h = (h * kept.get("h", 1)).reshape((T * B, self.n_hid))
        real = mask.ravel()
        costs, o, d_o = softmax_layer(
            remedies.said(h, self.learned), y.ravel(), real / (T * B), self.params
        )
        tied = "W_ho" not in self.learned
        wrt = self.learned | {self.table: looked_up}
        wrt = [*wrt.values(), *[self.params.W_ho] * tied]
        grads = pt.grad(None, wrt, known_grads={o: d_o})
        if tied:  # where the words are said, and where they are read
            i, g_out = [*self.learned].index(self.table), grads.pop().T
            grads[i] = pt.inc_subtensor(g_out[rows], grads[i])
        norm = pt.sqrt(sum((g**2).sum() for g in grads))
        updates = []
        for name, g in zip(
            self.learned, clip_by_norm(grads, settings.clip), strict=True
        ):
            whole = (self.learned[name], self.m[name], self.v[name])
            if name == self.table and not tied:
                old = [w[rows] for w in whole]
                new = _adam(*old, g, rate)
                # the rows that only fill up `rows` change by 0
                changed = [
                    (b - a) * used[:, None] for a, b in zip(old, new, strict=True)
                ]
                new = [
                    pt.inc_subtensor(a, c) for a, c in zip(old, changed, strict=True)
                ]
            else:
                new = _adam(*whole, g, rate)
            updates += zip(whole, new, strict=True)
        outputs = [(costs * real).sum(), norm]
        return pytensor.function(
            [rows, used, inverse, y, mask, *kept.values(), rate],
            outputs,
            updates=updates,
            mode=inplace.mode() if self._in_place else None,
            on_unused_input="ignore" if tied else "raise",  # `used`
        )

    def _compile_average(self) -> Callable:
        share = pt.scalar("share")
        updates = [
            (mean, mean + share * (self.learned[name] - mean))
            for name, mean in self.mean.items()
        ]
        return pytensor.function([share], [], updates=updates, mode=inplace.mode())

    # Judging ------------------------------------------------------------------

    def perplexity(self, sequences: Sequence[np.ndarray]) -> float:
        """exp of the mean -log p of all words and ENDs of the sequences."""
        lengths = batches.bucket_lengths(sequences, JUDGED_BUCKETS)
        size = max(JUDGED, self.settings.batch)
        cost = words = 0.0
        for batch in batches.filled(sequences, lengths, size, self.settings.carried):
            cost += float(self._cost(*batch.x.shape)(*batch))
            words += float(batch.mask.sum())
        return scoring.perplexity(cost / words)

    def _compile_cost(self, T: int, B: int) -> Callable:
        x, y = (pt.imatrix(name, shape=(T, B)) for name in ("x", "y"))
        mask = pt.matrix("mask", shape=(T, B))
        h = self._states(self.learned[self.table][x], None, {})
        h = remedies.said(h.reshape((T * B, self.n_hid)), self.learned)
        costs, *_ = softmax_layer(h, y.ravel(), mask.ravel(), self.params)
        return pytensor.function([x, y, mask], (costs * mask.ravel()).sum())


def _shared(values: Learned) -> dict:
    """A shared variable for each array; JAX needs their fixed shapes."""
    return {
        name: pytensor.shared(value, name=name, shape=value.shape)
        for name, value in values.items()
    }


# A run ------------------------------------------------------------------------


class Stopped(RuntimeError):
    """A run that cannot go on; its last good checkpoint stays."""


def memory(
    cell: str,
    V: int,
    hidden: int,
    batch: int,
    layers: tuple[int | None, bool, bool] = (None, False, False),
) -> int:
    """The bytes that training takes at the least, all of them in float32.

    Parameters and Adam's two memories: three times while a checkpoint is written (in
    use, as copies and as the file), once beside the logits of the `batch` predictions.
    `layers` are those of `Settings.layers`. Raises ValueError as `shapes`, and
    for such a batch.
    """
    V, batch = arguments.integer("V", V), arguments.integer("batch", batch)
    learned = shapes(cell, V, hidden, *layers)
    kept = 3 * sum(map(math.prod, learned.values()))
    return 4 * max(3 * kept, kept + batch * V)


def _check_memory(settings: Settings, V: int) -> None:
    """Raise ValueError, with the figures, for a run that cannot fit into memory."""
    needed = memory(
        settings.cell, V, settings.hidden, settings.batch, settings.layers()
    )
    free = free_memory()
    if needed > free:
        raise ValueError(
            f"hidden = {settings.hidden}, batch = {settings.batch} and a vocabulary of "
            f"{V} words need at least {needed / 1e9:,.1f} GB of memory; free here are "
            f"{free / 1e9:,.1f} GB; make them smaller"
        )


class Run:
    """One training run in its folder: what is done, and how to go on.

    The folder holds `checkpoint.npz`, the best model so far (`model.npz`, `model.json`)
    and `log.jsonl`, a line per evaluation.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        every: int = 500,
        fetch: bool = False,
        read: Data | None = None,
    ) -> None:
        """Read the corpus and, where the folder holds one, the checkpoint.

        A checkpoint is written every so many updates and after each epoch. The corpus
        is `read` already where it is given. Raises
        ValueError for a folder with a run of other settings and for one that needs more
        memory than is free, BlockingIOError where another process is at work in the
        folder, and what `helpers.tasks.corpus.load` raises.
        """
        self.settings, self.folder, self.every = settings, Path(folder), every
        with self._alone():
            self._prepare(fetch, read)

    def _alone(self):
        remedy = "wait for it, or give another folder"
        return alone(self.folder, "training in", remedy)

    def _prepare(self, fetch: bool, read: Data | None) -> None:
        settings = self.settings
        self.data = read or data(
            settings.corpus, settings.vocabulary, fetch, settings.carried
        )
        rng = np.random.default_rng(settings.seed)
        V = len(self.data.vocabulary)
        _check_memory(settings, V)
        of = successors if settings.cell in successors.CELLS else remedies
        sizes = (settings.cell, V, settings.hidden)
        first = of.initial(*sizes, rng, settings.rows, *settings.layers())
        self.trainer = Trainer(first, settings)
        self.lengths = batches.bucket_lengths(self.data.train, settings.buckets)
        # epoch and position: where the next update is; cost and tokens: of this epoch;
        # first: nats a word of the first update
        self.progress = {
            "settings": dataclasses.asdict(settings),
            **{"epoch": 0, "position": 0, "updates": 0, "cost": 0.0, "tokens": 0},
            **{"seconds": 0.0, "first": 0.0, "log": []},
        }
        self._restore()

    def _restore(self) -> None:
        self._since = (0.0, 0)  # cost and tokens since the last checkpoint
        path = self.folder / "checkpoint.npz"
        saved = checkpoints.load(path)
        if saved is None:
            return
        arrays, progress = saved
        if not _sound(progress, self.progress):
            raise checkpoints.damaged(path, "its progress makes no sense")
        ours, theirs = self.progress["settings"], progress["settings"]
        different = [name for name in ours if ours[name] != theirs.get(name)]
        if different:
            raise ValueError(
                f"{self.folder} holds a run with other settings: "
                + ", ".join(f"{n} = {theirs.get(n)}, not {ours[n]}" for n in different)
                + "; give another folder or the same settings"
            )
        checkpoints.check(path, arrays, self.trainer.arrays())
        self.trainer.restore(arrays)
        self.progress = progress

    def _save(self) -> None:
        """Write the checkpoint, unless what was done since the last one diverged."""
        self._check()
        self._since = (0.0, 0)
        lines = "".join(json.dumps(line) + "\n" for line in self.progress["log"])
        write_text(self.folder / "log.jsonl", lines)
        path = self.folder / "checkpoint.npz"
        checkpoints.save(path, self.trainer.arrays(), self.progress)

    @property
    def best(self) -> dict | None:
        """The line of the log with the lowest validation perplexity."""
        log = self.progress["log"]
        return min(log, key=lambda line: line["validation_perplexity"], default=None)

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or the last `patience` made nothing better."""
        epoch, best = self.progress["epoch"], self.best
        stale = best is not None and epoch - best["epoch"] >= self.settings.patience
        return stale or epoch >= self.settings.epochs

    def go(self, say: Callable[[str], None] = lambda text: None) -> LanguageModel:
        """Train to the end, from wherever the run is; returns the best model.

        Raises Stopped, with the number of the update, where training diverges: the cost
        or the gradient is not finite, or the cost worse than that of guessing. Raises
        BlockingIOError where another process is at work in the folder, and ValueError
        for layer norm and for the cells of `successors`, which have no model of a cell
        (`model.folded`).
        """
        if self.settings.norm:
            raise ValueError("norm must be False for a model; `learn` only learns")
        if self.settings.cell not in model.CELLS:
            known = ", ".join(model.CELLS)
            raise ValueError(f"cell must be {known} for a model; `learn` only learns")
        with self._alone():
            self._learn(say)
            return self._best()

    def learn(self, say: Callable[[str], None] = lambda text: None) -> None:
        """As `go`, but no model is kept, and the test comments are not looked at."""
        with self._alone():
            self._learn(say, models=False)

    def tested(self) -> float:
        """The perplexity on the test comments after the epoch that was the last."""
        with self._judged_weights(self.progress["epoch"]):
            return self.trainer.perplexity(self.data.test)

    def _learn(self, say: Callable[[str], None], models: bool = True) -> None:
        # Another process may have gone on with it; and whoever interrupted `go` may
        # have done so in the middle of an update.
        self._restore()
        if not self.progress["updates"]:
            self._save()
        while not self.finished:
            self._epoch(say)
            self._evaluate(models)

    def _best(self) -> LanguageModel:
        """The best model, judged by the test comments."""
        try:
            best = LanguageModel.load("model", self.folder)
        except (FileNotFoundError, ValueError):
            if self.best["epoch"] != self.progress["epoch"]:
                raise ValueError(
                    f"the best model in {self.folder}, of epoch {self.best['epoch']}, "
                    "is lost or damaged, and the checkpoint beside it holds that of "
                    f"epoch {self.progress['epoch']}; delete the folder, and the same "
                    "command trains it anew"
                ) from None
            with self._judged_weights(self.best["epoch"]):
                best = self._model()
        if "test_perplexity" not in best.card:
            self.trainer.set(best.learned)
            words = sum(len(sequence) - 1 for sequence in self.data.train)
            if self.settings.carried:
                words -= sum((s[1:] == s[0]).sum() for s in self.data.train)
            seconds = self.progress["seconds"] / self.progress["epoch"]
            best.card["tokens_per_s"] = words / seconds
            best.card["test_perplexity"] = self.trainer.perplexity(self.data.test)
            best.save("model", self.folder)
        return best

    def _model(self) -> LanguageModel:
        learned = self.trainer.held()
        return LanguageModel.of(
            self.data.vocabulary, learned, self.settings.cell, self._card()
        )

    def _epoch(self, say) -> None:
        """Go on to the end of this epoch.

        The host makes the next batch ready while the network is at work on the last
        one, whose cost is looked at after that.
        """
        done, settings = self.progress, self.settings
        seed, epoch = settings.seed, done["epoch"]
        order = np.random.default_rng([seed, 1, epoch])
        plan = batches.batches(self.data.train, self.lengths, settings.batch, order)
        total = settings.epochs * len(plan)
        averaged = total - settings.average * len(plan)  # the updates before
        pending = None
        for T, B, indices in plan[done["position"] :]:
            began = time.perf_counter()
            batch = batches.fill(self.data.train, T, B, indices, settings.carried)
            count = done["updates"] + 1
            schedule = SCHEDULES[settings.schedule]
            lr = schedule(settings.lr, done["updates"], total, settings.warmup)
            dropping = np.random.default_rng([seed, 2, count])
            found = self.trainer.update(batch, count, lr, dropping)
            if count > averaged:
                self.trainer.average(count - averaged)
            done["updates"], done["position"] = count, done["position"] + 1
            if pending is not None:
                self._settle(*pending)
            pending = (count, int(batch.mask.sum()), *found)
            if count % self.every == 0 or done["position"] == len(plan):
                self._settle(*pending)
                pending = None
            done["seconds"] += time.perf_counter() - began
            if count % self.every == 0:
                self._save()
            if done["tokens"]:
                say(self._line(len(plan)))

    def _settle(self, count: int, words: int, cost, norm) -> None:
        """Wait for what an update found, and take it into the progress."""
        done, cost, norm = self.progress, float(cost), float(norm)
        if not (math.isfinite(cost) and math.isfinite(norm)):
            cost, norm = map(tables.significant, (cost, norm))
            what = f"the cost is {cost} and the length of the gradient {norm}"
            self._stop(what, count)
        if count == 1:
            done["first"] = cost / words
        done["cost"] += cost
        done["tokens"] += words
        self._since = (self._since[0] + cost, self._since[1] + words)

    def _check(self) -> None:
        """Raise Stopped if what was done since the last checkpoint diverged."""
        cost, tokens = self._since
        if tokens and not cost / tokens <= self._bound():
            self._stop(
                f"since the last checkpoint a word cost {cost / tokens:.4g} nats"
            )

    def _bound(self) -> float:
        """Nats a word beyond which training has diverged."""
        guessing = math.log(len(self.data.vocabulary))
        return max(guessing, self.progress["first"]) + DIVERGED

    def _stop(self, what: str, update: int | None = None) -> None:
        """Raise Stopped for training that has diverged; `what` shows it."""
        done, best = self.progress, self.best
        update = done["updates"] if update is None else update
        model = f" and the best model, of epoch {best['epoch']}" if best else ""
        raise Stopped(
            f"training diverged at update {update}, in epoch "
            f"{done['epoch'] + 1}: {what}; guessing would cost "
            f"{math.log(len(self.data.vocabulary)):.4g}; {self.folder} keeps the last "
            f"good checkpoint{model}; try a lower lr or clip, in another folder"
        )

    def _judged_weights(self, epoch: int):
        """Within it, the network has the weights that are judged after this epoch."""
        mean = epoch > self.settings.epochs - self.settings.average
        return self.trainer.averaged() if mean else contextlib.nullcontext()

    def _evaluate(self, models: bool) -> None:
        """Add a line to the log, start the next epoch, and keep the best model."""
        self._check()
        done, validation = self.progress, self.data.validation
        epoch = done["epoch"] + 1
        with self._judged_weights(epoch):
            judged = self.trainer.perplexity(validation)
            if not math.log(judged) <= self._bound():
                # Words that the training comments lack cost as much as one likes.
                # Whether the network learned nothing at all, its own comments tell.
                own = self.trainer.perplexity(self.data.train[: len(validation)])
                if not math.log(own) <= self._bound():
                    self._stop(f"the perplexity on its own comments is {own:.4g}")
            line = {
                "epoch": epoch,
                "updates": done["updates"],
                "train_perplexity": scoring.perplexity(done["cost"] / done["tokens"]),
                "validation_perplexity": judged,
                "seconds": done["seconds"],
            }
            done["log"].append(line)
            done |= {"epoch": epoch, "position": 0, "cost": 0.0, "tokens": 0}
            if models and self.best is line:
                self._model().save("model", self.folder)
        self._save()

    def _card(self) -> dict:
        given = dataclasses.asdict(self.settings).items()
        options = " ".join(
            f"--{name} {value}" for name, value in given if value is not None
        )
        return {
            "command": f"python -m helpers.lm train {options} --output FOLDER",
            "settings": dict(given),
            "epoch": self.best["epoch"],
            "validation_perplexity": self.best["validation_perplexity"],
            "versions": versions(),
            "machine": machine(),
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
        }

    def _line(self, batches_an_epoch: int) -> str:
        done, epochs = self.progress, self.settings.epochs
        seconds = done["seconds"] / done["updates"]
        left = seconds * (epochs * batches_an_epoch - done["updates"])
        rate = done["tokens"] / done["position"] / seconds
        mean = done["cost"] / done["tokens"]
        return (
            f"epoch {done['epoch'] + 1}/{epochs} "
            f"{done['position'] / batches_an_epoch:4.0%}, "
            f"perplexity {scoring.shown(scoring.perplexity(mean), 1)}, "
            f"{rate:,.0f} tokens/s, {tables.duration(left)} left"
        )


def _sound(progress, form: dict) -> bool:
    """Whether this may be the `Run.progress` of a run that begins with `form`."""
    line = dict.fromkeys(("epoch", "updates"), 0)
    line |= dict.fromkeys(("train_perplexity", "validation_perplexity", "seconds"), 0.0)

    def alike(found, like) -> bool:
        """The keys of `like`, and under each a value of its type, none negative."""
        if not isinstance(found, dict) or not like.keys() <= found.keys():
            return False
        return all(
            type(found[key]) is type(value)
            and (not isinstance(value, int | float) or found[key] >= 0)
            for key, value in like.items()
        )

    return (
        alike(progress, form)
        and len(progress["log"]) == progress["epoch"]
        and all(alike(entry, line) for entry in progress["log"])
        and (progress["tokens"] > 0) == (progress["position"] > 0)
    )
