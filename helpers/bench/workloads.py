"""What is timed: four networks of the chapters, each with its examples and its loss.

Every workload is the Elman network of `helpers.networks.elman`, and what is timed is
one step of SGD on the same examples again and again: forward, backward, update. Outputs
are read at the last len(y) steps, and the loss is the weighted sum of their costs.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import pytensor

from helpers.lm import model
from helpers.networks import initialisation
from helpers.networks.elman import Elman, initial_elman
from helpers.tasks.reber import REBER

LR = 1e-4  # so small that step after step finds almost the same network
STEPS = 500  # of a training that is compiled as a whole


class Workload(NamedTuple):
    """A network, its examples and its loss. Without B where there is one example."""

    cost: str  # "sigmoid" cross-entropy, "squared" error or "softmax" cross-entropy
    x: np.ndarray  # (T, B, n_in), or words (T, B), integers
    y: np.ndarray  # (n, B, n_out), or words (n, B): targets of the last n steps
    weights: np.ndarray  # (n, B), of each cost in the loss
    start: Elman  # the first values

    @property
    def words(self) -> bool:
        """Whether inputs are words, whose rows of W_ih are looked up."""
        return self.cost == "softmax"

    @property
    def single(self) -> bool:
        """Whether it is one example, without an axis for a batch."""
        return self.weights.ndim == 1

    @property
    def dtype(self) -> np.dtype:
        """That of the parameters."""
        return self.start.W_hh.dtype

    @property
    def examples(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """x, y and weights."""
        return self.x, self.y, self.weights

    def example(self, i: int) -> "Workload":
        """Example i of a batch alone, without the steps that only fill it up."""
        real = np.flatnonzero(self.weights[:, i])[-1] + 1
        T = len(self.x) - len(self.y) + real
        return self._replace(
            x=self.x[:T, i], y=self.y[:real, i], weights=self.weights[:real, i]
        )


class Step(NamedTuple):
    """One implementation of a workload, ready to run."""

    run: Callable[[], float]  # SGD; the loss before the last step, waited for
    values: Callable[[], Elman]  # the present parameters as NumPy arrays
    steps: int = 1  # of SGD in one call


def _first_values(make: Callable[..., Elman], *arguments, dtype: str) -> Elman:
    """What `make` draws, the same whatever floatX is."""
    with pytensor.config.change_flags(floatX="float64"):
        params = make(*arguments)
    return Elman(*(value.astype(dtype) for value in params))


def reber(B: int | None = None, dtype: str = "float64") -> Workload:
    """Chapter 5: one Reber string of 12 symbols or more, or B strings of any length.

    7 inputs, 10 hidden units, 7 sigmoid outputs; the mean over a string's predictions.
    """
    rng = np.random.default_rng(1)
    strings = [REBER.sample(rng, 0 if B else 12) for _ in range(B or 1)]
    x, y, mask = (part.astype(dtype) for part in REBER.batch(strings))
    rng = np.random.default_rng(0)
    params = _first_values(initial_elman, 7, 10, 7, rng, dtype=dtype)
    batch = Workload("sigmoid", x, y, mask / mask.sum(axis=0) / len(strings), params)
    return batch if B else batch.example(0)


def sine(
    T: int = 50, H: int = 100, B: int | None = None, dtype: str = "float64"
) -> Workload:
    """Chapter 7: windows of T values of a sine, and the value that follows."""
    series = np.sin(np.arange(T + 1)[:, None] + np.arange(B or 1))[:, :, None]
    rng = np.random.default_rng(0)
    init = initialisation.orthogonal
    params = _first_values(initial_elman, 1, H, 1, rng, init, dtype=dtype)
    weights = np.full((1, B or 1), 0.5 / (B or 1), dtype)
    x, y = series[:-1].astype(dtype), series[-1:].astype(dtype)
    batch = Workload("squared", x, y, weights, params)
    return batch if B else batch.example(0)


def language(
    V: int = 8000,
    B: int | None = None,
    T: int = 20,
    H: int = 100,
    dtype: str = "float32",
) -> Workload:
    """Chapter 8: sentences of T words drawn at random from V."""
    words = np.random.default_rng(1).integers(3, V, (T + 1, B or 1)).astype(np.int32)
    rng = np.random.default_rng(0)
    params = _first_values(model.initial, "elman", V, H, rng, dtype=dtype)
    weights = np.full((T, B or 1), 1 / (B or 1), dtype)
    batch = Workload("softmax", words[:-1], words[1:], weights, params)
    return batch if B else batch.example(0)


class Chapter(NamedTuple):
    """A workload as the bench lists it."""

    title: str
    make: Callable[..., Workload]
    threads: int | None  # for products of matrices; None: one a core


WORKLOADS = {
    "reber": Chapter("one Reber string", reber, 1),
    "reber batch": Chapter("32 Reber strings", partial(reber, B=32), 1),
    "sine": Chapter("sine, 50 steps, 100 units", sine, 1),
    "sentence": Chapter("language model, one sentence", language, None),
    "sentences": Chapter("language model, 32 sentences", partial(language, B=32), None),
}


class Axis(NamedTuple):
    """A size that grows while the others stay."""

    make: Callable[..., Workload]
    sizes: tuple[int, ...]
    threads: int | None


AXES = {
    "T": Axis(sine, (10, 30, 100, 300, 1000), 1),
    "H": Axis(sine, (10, 30, 100, 300, 1000), 1),
    "B": Axis(sine, (1, 8, 32, 128, 512), 1),
    "V": Axis(partial(language, B=32), (1000, 2000, 4000, 8000, 16000, 32000), None),
}
