"""Train a network, one update a call or many updates in one compiled function.

What a training is, is said once: the inputs of an update, its loss, and the updates
that an optimiser made of them. From that two functions are compiled:

    one update a call       loss = f(x, y)
    many updates a call     losses = F(X, Y), a row of X and of Y for each update

F is a scan over the updates. Its states are what the updates change: the parameters and
the optimiser's memory. Both do the same arithmetic in the same order. But to call a
compiled function costs up to ten times what an update of a small network does, and
F pays for that once.

What JAX must know when it compiles, and is said here if it is not: the number of
updates of a call, and the length of a sequence. Sequences of several lengths are filled
up with zeros to one of a few; a mask, or weights that are zero there, keeps the zeros
out of the loss.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.graph.replace import graph_replace

from helpers import engine
from helpers.experiments.runner import traced

CHUNK = 50  # updates a call; all that experiments look at are multiples of it
SHORT = 1000  # updates up to which compiling many in one function takes longer


class Learned(NamedTuple):
    """What an experiment keeps of one training."""

    trace: list  # losses at updates 50, 100, 150 and 200
    curve: np.ndarray  # what was measured every so many updates, from 0 on
    params: tuple | dict  # NumPy arrays: at the end, or by epoch


class Trainer:
    """A network with its optimiser, compiled once and trained from any start.

    inputs: the symbolic inputs of one update. Where the first axis has no static length
    a sequence of any length fits; JAX compiles anew for each.
    loss: what an update returns, the loss before it: a scalar, or a vector with one for
    each of several networks side by side.
    updates: pairs (shared variable, new value), as `helpers.networks.optimisers` makes.
    params: the shared variables that `reset` sets, as a NamedTuple or a list. What else
    the updates change is the optimiser's memory.
    chunk: how many updates a call of `train` makes on JAX, which compiles a training in
    seconds. On the others it is one: Numba and C++ take minutes to compile more, and
    Python compiles nothing and so gains nothing.

    After a training, `trace` holds its losses at the updates that are `runner.traced`.
    """

    def __init__(
        self,
        inputs: Sequence,
        loss,
        updates: Sequence[tuple],
        params: Sequence,
        chunk: int = CHUNK,
    ) -> None:
        self.inputs, self.loss, self.updates = list(inputs), loss, list(updates)
        self.params, self.chunk = params, chunk if engine.is_jax() else 1
        self.memory = [
            v for v, _ in self.updates if not any(v is p for p in self.params)
        ]
        self.trace: list[np.ndarray] = []
        self._fixed_length = engine.is_jax()
        self._functions: dict[tuple, Callable] = {}

    def reset(self, start: Iterable) -> None:
        """The parameters become `start`, one value each; the memory becomes zero."""
        for variable, value in zip(self.params, start, strict=True):
            variable.set_value(value)
        for variable in self.memory:
            variable.set_value(np.zeros_like(variable.get_value()))

    def step(self, *values) -> np.ndarray:
        """One update on the values of the inputs: the loss before it."""
        return np.asarray(self._function(1, values)(*values))

    def steps(self, n: int, *values) -> np.ndarray:
        """n updates in one call: (n, ...), the loss before each.

        The values have one more axis in front, of length n.
        """
        return np.asarray(self._function(n, values)(*values))

    def train(
        self,
        batches: Iterable[Sequence],
        updates: int,
        look: Callable[[int], bool] = lambda k: False,
        lengths: Sequence[int] = (),
    ) -> Iterator[tuple[int, np.ndarray | None]]:
        """Make so many updates; yields (k, loss of update k) where `look(k)`.

        `batches` gives the values of the inputs of each update, and is read no further
        than needed. When (k, loss) is yielded the parameters are those after update k.
        k = 0 is the start, without a loss. Where they must be, sequences are filled up
        with zeros to the next of `lengths`. Of at most SHORT updates each is a call.
        """
        batches, k, self.trace = iter(batches), 0, []
        chunk = self.chunk if updates > SHORT else 1
        if look(0):
            yield 0, None
        while k < updates:
            stops = (i for i in range(k + 1, updates) if look(i) or traced(i))
            end = next(stops, updates)
            while k < end:
                n = chunk if end - k >= chunk else 1
                values = self._filled(list(islice(batches, n)), lengths)
                if n > 1:
                    *_, loss = self.steps(n, *map(np.stack, values))
                else:
                    loss = self.step(*(value for (value,) in values))
                k += n
            if traced(k):
                self.trace.append(loss)
            if look(k):
                yield k, loss

    def now(self):
        """The present parameters, NumPy arrays in the form of `params`."""
        values = [np.array(p.get_value()) for p in self.params]
        return self.params._make(values) if hasattr(self.params, "_make") else values

    @property
    def state(self) -> list[np.ndarray]:
        """All that updates change; set it to go on from there."""
        return [np.array(v.get_value()) for v, _ in self.updates]

    @state.setter
    def state(self, values: Sequence[np.ndarray]) -> None:
        for (variable, _), value in zip(self.updates, values, strict=True):
            variable.set_value(value)

    def _filled(self, chosen: list[Sequence], lengths: Sequence[int]) -> list[list]:
        """The values of each input, sequences filled up to a length that all have."""
        columns = [list(column) for column in zip(*chosen, strict=True)]
        if lengths and (self._fixed_length or len(chosen) > 1):
            open_ended = [i for i, v in enumerate(self.inputs) if _any_length(v)]
            longest = max(len(value) for i in open_ended for value in columns[i])
            T = min(length for length in lengths if length >= longest)
            for i in open_ended:
                columns[i] = [_fill(value, T) for value in columns[i]]
        return columns

    def _function(self, n: int, values: Sequence) -> Callable:
        """That for n updates on values of these lengths."""
        lengths = (
            tuple(
                np.shape(value)[n > 1] if _any_length(v) else None
                for v, value in zip(self.inputs, values, strict=True)
            )
            if self._fixed_length
            else ()
        )
        if (n, lengths) not in self._functions:
            self._functions[n, lengths] = self._compiled(n, lengths)
        return self._functions[n, lengths]

    def _compiled(self, n: int, lengths: Sequence[int | None]) -> Callable:
        variables, new = zip(*self.updates, strict=True)
        inputs, outputs = self.inputs, [*new, self.loss]
        if any(lengths):
            fixed = {
                v: v.type.clone(shape=(T, *v.type.shape[1:]))(v.name)
                for v, T in zip(inputs, lengths, strict=True)
                if T
            }
            inputs = [fixed.get(v, v) for v in inputs]
            outputs = graph_replace(outputs, fixed, strict=False)
        *new, loss = outputs
        updates = list(zip(variables, new, strict=True))
        if n > 1:
            return compile_updates(inputs, loss, updates, n)
        return pytensor.function(inputs, loss, updates=updates)


def compile_updates(
    inputs: Sequence, loss, updates: Sequence[tuple], n: int
) -> Callable:
    """One function that makes n updates and returns their losses, (n, ...).

    Its inputs are those of one update with an axis of n in front. What the updates
    change are the states of a scan; each is afterwards what n calls would have left.
    """
    variables, new = zip(*updates, strict=True)

    def one(*values):
        replaced = dict(zip([*inputs, *variables], values, strict=True))
        *after, cost = graph_replace([*new, loss], replaced, strict=False)
        # A state keeps its type, also where an update leaves a length open.
        typed = zip(after, variables, strict=True)
        return [*(pt.specify_shape(a, v.type.shape) for a, v in typed), cost]

    sequences = [v.type.clone(shape=(n, *v.type.shape))(v.name) for v in inputs]
    *states, losses = pytensor.scan(
        one,
        sequences=sequences,
        outputs_info=[*variables, None],
        n_steps=n,
        return_updates=False,
    )
    last = [(v, s[-1]) for v, s in zip(variables, states, strict=True)]
    return pytensor.function(sequences, losses, updates=last)


def _any_length(variable) -> bool:
    return variable.type.shape[:1] == (None,)


def _fill(value: np.ndarray, T: int) -> np.ndarray:
    zeros = np.zeros((T - len(value), *value.shape[1:]), value.dtype)
    return np.concatenate([value, zeros])
