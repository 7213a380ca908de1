"""The word-level language model: a recurrent network from each word to the next.

    a_t = W_ih[x_t] + b_h,    h_t = cell(a_t, h_{t-1}),    o_t = h_t W_ho + b_o,
    P(x_{t+1} = j | x_1, ..., x_t) = softmax(o_t)_j

x_t is the index of a word. A one-hot row times W_ih is the row of that index, so the
product is never made: the row is looked up. The parameters are those of
`helpers.networks.elman` and `helpers.networks.gated` with n_in = n_out = V, the size of
the vocabulary. (Mikolov et al. 2010, "Recurrent neural network based language model".)
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.gradient import zero_grad
from scipy.special import expit

from helpers import arguments
from helpers.networks import trained
from helpers.networks.elman import Elman, for_each_example, initial_elman, readout
from helpers.networks.gated import (
    GRU,
    LSTM,
    gru_from,
    initial_gru,
    initial_lstm,
    lstm_from,
)
from helpers.networks.initialisation import uniform
from helpers.results.files import read_json, restoring
from helpers.tasks.text import Vocabulary

Params = Elman | LSTM | GRU
Learned = dict[str, np.ndarray]  # what is learned, by name
CELLS = {"elman": Elman, "lstm": LSTM, "gru": GRU}
FOLDER = trained.FOLDER
WORDS = {"x": (("T",), ("T", "B"))}
SHAPES = {
    kind: arguments.shapes_of(kind, blocks)
    for kind, blocks in {Elman: 1, LSTM: 4, GRU: 3}.items()
}


# Parameters -------------------------------------------------------------------


def _of_cell(cell: str) -> type[Params]:
    if not isinstance(cell, str) or cell not in CELLS:
        raise arguments.wrong("cell", f"one of {', '.join(CELLS)}", cell)
    return CELLS[cell]


def initial(
    cell: str, V: int, H: int, rng: np.random.Generator, rows: float = 1.0
) -> Params:
    """First values of floatX for a vocabulary of V words and H hidden units.

    Weights are uniform in +-1/sqrt(n), n the connections into a unit that carry
    something: H for W_hh and W_ho. A one-hot input has V connections and only one that
    is not zero, so n = 1 for W_ih, whose rows lie within +-`rows`: the divisor sqrt(V)
    would start each 89 times smaller at V = 8000. `cell` is "elman", "lstm" or "gru".
    Raises ValueError for another cell, for sizes that are not positive integers, for an
    `rng` that is no generator, and for `rows` that are no number of at least 0.
    """
    V, H = arguments.integer("V", V), arguments.integer("H", H)
    arguments.not_negative("rows", rows)
    initials = {Elman: initial_elman, LSTM: initial_lstm, GRU: initial_gru}
    params = initials[_of_cell(cell)](V, H, V, rng, init=uniform)
    W_ih = rng.uniform(-rows, rows, params.W_ih.shape)
    return params._replace(W_ih=W_ih.astype(params.W_ih.dtype))


def shapes(
    cell: str,
    V: int,
    H: int,
    embedding: int | None = None,
    tied: bool = False,
    norm: bool = False,
) -> dict[str, tuple[int, ...]]:
    """The shapes of what is learned, by name; none of it is made.

    Without more, the parameters of `initial`; `helpers.lm.remedies` says what E, P,
    tied weights and the gain of layer norm are. Raises ValueError for another cell, for
    sizes that are not positive integers, for tied weights without an embedding where
    W_ih has not the shape of W_ho^T, and for a GRU with layer norm.
    """
    kind, V, H = _of_cell(cell), arguments.integer("V", V), arguments.integer("H", H)
    columns = {Elman: 1, LSTM: 4, GRU: 3}[kind] * H
    hidden = {"W_ih": (V, columns), "W_hh": (H, columns), "b_h": (columns,)}
    found = {**hidden, "W_ho": (H, V), "b_o": (V,), "h0": (H,), "c0": (H,)}
    found = {name: found[name] for name in kind._fields}
    if embedding is not None:
        m = arguments.integer("embedding", embedding)
        found = {"E": (V, m)} | found | {"W_ih": (m, columns)}
    if tied:
        del found["W_ho"]
        if embedding is None and columns != H:
            raise ValueError(
                f"tied weights of the cell {cell} need an embedding: W_ih has "
                f"{columns} columns and W_ho {H} rows"
            )
        if embedding not in (None, H):
            found["P"] = (H, embedding)
    if norm:
        if cell == "gru":
            raise ValueError("norm must be False for the cell gru")
        found["gain"] = (columns,)
    return found


def table(learned: Learned) -> str:
    """The name of the matrix whose rows are looked up."""
    return "E" if "E" in learned else "W_ih"


def network(learned: Learned, cell: str) -> Params:
    """The parameters of the cell; W_ho, where it is tied, is the table turned over."""
    found = {"W_ho": learned[table(learned)].T} | learned
    return CELLS[cell](**{name: found[name] for name in CELLS[cell]._fields})


def folded(learned: Learned, cell: str) -> Params:
    """The plain network of these NumPy arrays: W_ih = E W_ih, and W_ho = P E^T if tied.

    Raises ValueError for layer norm, which none computes.
    """
    if "gain" in learned:
        raise ValueError("a network with layer norm is no plain network of its cell")
    found = network(learned, cell)
    if "P" in learned:
        found = found._replace(W_ho=learned["P"] @ found.W_ho)
    if "E" in learned:
        found = found._replace(W_ih=learned["E"] @ found.W_ih)
    return found._replace(W_ho=np.ascontiguousarray(found.W_ho))


def cell_of(params: Params) -> str:
    """The name of the cell whose parameters these are, as `initial` takes it."""
    return next(name for name, kind in CELLS.items() if type(params) is kind)


# One step, from a_t -----------------------------------------------------------
#
# The steps of `helpers.networks.elman` and `helpers.networks.gated` begin with a
# product x_t W_ih. Here its rows have been looked up for all times at once, and a_t has
# b_h in it already.


def _elman(a_t, h_tm1, W_hh, sigmoid=pt.sigmoid, tanh=pt.tanh):
    return (tanh(a_t + h_tm1 @ W_hh),)


def _gru(a_t, h_tm1, W_hh, **functions):
    return (gru_from(a_t, h_tm1, W_hh, **functions),)


def _step(params: Params) -> Callable:
    return {Elman: _elman, LSTM: lstm_from, GRU: _gru}[type(params)]


def start(params: Params) -> tuple:
    """The state before the first word: (h0,), for the LSTM (h0, c0)."""
    return (params.h0, params.c0) if isinstance(params, LSTM) else (params.h0,)


def advance(word: int, state: tuple, params: Params) -> tuple[tuple, np.ndarray]:
    """One word in NumPy: the state after it, and the logits o (V,) of the next word.

    The state carries all that was read before, so a word costs the same however long
    the sentence is. Several sentences at once: `word` (B,), states (B, n_hid).
    """
    step = partial(_step(params), sigmoid=expit, tanh=np.tanh)
    state = step(params.W_ih[word] + params.b_h, *state, params.W_hh)
    return state, readout(state[0], params)


# All steps, in PyTensor -------------------------------------------------------


def logits(x, params: Params, truncate: int | None = None):
    """o of shape (T, B, V) for words x (T, B), or (T, V) for one sentence x (T,).

    x is an integer variable; for gradients under JAX its shape must be static:
    `pt.imatrix("x", shape=(T, B))`. With `truncate=k` gradients are those of
    `helpers.networks.bptt.chunks`: the state crosses a cut every k steps, no gradient
    does. Raises ValueError for an x that is not integer or of another number of axes,
    and for parameters whose types or shapes do not fit together.
    """
    if type(params) not in SHAPES:
        raise arguments.wrong("params", "those of a cell", params)
    arguments.check_variables(SHAPES[type(params)], type(params), params)
    arguments.check_graph(WORDS, integers=True, x=x)
    return readout(states(params.W_ih[x], params, truncate), params)


def states(
    rows,
    params: Params,
    truncate: int | None = None,
    wrap: Callable | None = None,
    given: Sequence = (),
):
    """All h, (T, B, n_hid), from the looked-up rows W_ih[x], (T, B, columns of W_ih).

    Without B for one sentence. `truncate` as in `logits`; raises ValueError if it is
    below 1. `wrap` makes another step of the cell's; it reads what is `given` behind
    W_hh, as in `helpers.lm.remedies`.
    """
    if truncate is not None:
        arguments.integer("truncate", truncate, expected="at least 1 or None")
    first = [for_each_example(s, rows) for s in start(params)]
    step, sequences = _step(params), [rows + params.b_h]
    if wrap is not None:
        step = wrap(step)
    if truncate is not None:
        t = pt.arange(rows.shape[0])
        # not at t = 0: the gradient of h0 crosses no cut
        sequences = [pt.eq(t % truncate, 0) & pt.gt(t, 0), *sequences]
        step = partial(_cutting, step, len(first))
    outputs = pytensor.scan(
        step,
        sequences=sequences,
        outputs_info=first,
        non_sequences=[params.W_hh, *given],
        strict=True,
        return_updates=False,
    )
    return outputs[0] if len(first) > 1 else outputs


def _cutting(step: Callable, n: int, cut_t, a_t, *rest):
    """A step whose gradient stops at the n states before it where cut_t is true."""
    kept = [pt.switch(cut_t, zero_grad(s), s) for s in rest[:n]]
    return step(a_t, *kept, *rest[n:])


# Model, vocabulary and card ---------------------------------------------------


class LanguageModel(NamedTuple):
    """A trained model: the words, the parameters (NumPy arrays), and what made it.

    Where less was learned than the parameters, which follow from it, it is kept, too.
    """

    vocabulary: Vocabulary
    params: Params
    card: dict  # data, licence, split, command, seed, versions, perplexities, limits
    factors: Learned | None = None  # what was learned, where it is not the parameters

    @classmethod
    def of(
        cls, vocabulary: Vocabulary, learned: Learned, cell: str, card: dict
    ) -> "LanguageModel":
        """The model of what was learned; errors as in `folded`."""
        plain = learned.keys() == set(CELLS[cell]._fields)
        params = folded(learned, cell)
        return cls(vocabulary, params, card, None if plain else learned)

    @property
    def learned(self) -> Learned:
        """What was learned."""
        return self.params._asdict() if self.factors is None else self.factors

    def checked(self) -> "LanguageModel":
        """The same with parameters of one floating-point type.

        Raises ValueError for parameters that are not finite, or do not fit together or
        to the vocabulary.
        """
        arguments.of_kind("vocabulary", self.vocabulary, Vocabulary)
        kind, V = type(self.params), len(self.vocabulary)
        arguments.of_kind("params", self.params, *SHAPES)
        (params,) = arguments.arrays(SHAPES[kind], kind, self.params)
        if not len(params.W_ih) == len(params.b_o) == V:
            raise ValueError(
                f"W_ih must have {V} rows and b_o {V} entries, one for each word of "
                f"the vocabulary; got {len(params.W_ih)} and {len(params.b_o)}"
            )
        if not all(np.isfinite(value).all() for value in params):
            raise ValueError("model must have finite parameters; got NaN or infinity")
        return self._replace(params=params)

    def save(self, name: str, folder: Path | str = FOLDER) -> None:
        """Write folder/name.npz and folder/name.json (card and vocabulary)."""
        made = {
            **self.card,
            "cell": cell_of(self.params),
            "vocabulary": list(self.vocabulary.words),
        }
        trained.save(name, self.learned, made, Path(folder))

    @classmethod
    def load(cls, name: str = "reddit", folder: Path | str = FOLDER) -> "LanguageModel":
        """The model that `save` wrote; without arguments the one that the book ships.

        Raises FileNotFoundError where a file is missing and ValueError for a damaged
        one, as `helpers.networks.trained.load` does.
        """
        path = Path(folder) / f"{name}.json"
        try:
            card = read_json(path)
            cell = card.pop("cell")
            forms = [*_forms(cell)]
            vocabulary = Vocabulary(tuple(card.pop("vocabulary")))
        except FileNotFoundError:
            raise FileNotFoundError(
                f"no language model: {path} is missing; {_remedy(path)}"
            ) from None
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{path} does not describe a language model ({error!r}); "
                f"{_remedy(path)}"
            ) from None
        found = trained.load_arrays(name, forms, Path(folder))
        rows, *_ = (*found[table(found)].shape, 0)
        if rows != len(vocabulary):
            raise ValueError(
                f"{path} must have {rows} words, one per row of {table(found)}; "
                f"got {len(vocabulary)}; {_remedy(path)}"
            )
        m = found["E"].shape[-1] if "E" in found and found["E"].ndim else None
        expected = shapes(cell, rows, found["h0"].size, m, "W_ho" not in found)
        for key, shape in expected.items():
            value = found[key]
            if value.shape != shape or value.dtype.kind != "f":
                raise ValueError(
                    f"{path.with_suffix('.npz')} must hold numbers of shape "
                    f"{shape} as {key}; got {value.dtype} of {value.shape}; "
                    f"{_remedy(path)}"
                )
        return cls.of(vocabulary, found, cell, card)


load = LanguageModel.load


def _forms(cell: str) -> Iterator[tuple[str, ...]]:
    """The names of what may have been learned; the first are those of the cell."""
    yield CELLS[cell]._fields
    for embedding, tied in ((2, False), (2, True), (3, True)):
        yield tuple(shapes(cell, 9, 2, embedding, tied))
    if cell == "elman":
        yield tuple(shapes(cell, 9, 2, None, True))


def _remedy(path: Path) -> str:
    """How to get back a model whose JSON is this path."""
    if path.parent == FOLDER:
        return restoring(path.with_suffix(".npz"), path)
    return "name the folder of a run that has ended, or train it anew in another one"
