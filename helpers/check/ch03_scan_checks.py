"""The checks of the exercises of chapter 3.

What a student builds with scan is evaluated on the Python engine, whichever one the
notebook has selected.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytensor
from pytensor.graph.basic import Variable
from pytensor.graph.op import Op
from pytensor.graph.traversal import ancestors
from pytensor.tensor.blas import BatchedDot
from pytensor.tensor.math import Dot

from helpers.check.ch02_elman_checks import held_states
from helpers.check.core import Domain, Probe, Verdict, call, exercise, judge
from helpers.check.core.values import SAME, to_numbers
from helpers.check.core.verdicts import right, wrong
from helpers.check.core.words import describe, number
from helpers.networks.elman import Elman, hidden_states_numpy

# The echo of exercise 3.7: how far it lies back, and what is good enough.
DELAY = 3
GOOD = 0.9


# 3.1 ------------------------------------------------------------------------------


def _draw_numbers(rng: np.random.Generator) -> tuple[np.ndarray]:
    return (rng.uniform(-2, 2, rng.integers(1, 9)),)


@exercise(
    "Each step multiplies what the last one returned, and 1 is the start.",
    Domain(
        "running_product(x)",
        "`x` holds at least one number.",
        _draw_numbers,
        weak=((np.array([3.0, -0.5, 2.0, 5.0]),), (np.array([0.7]),)),
        drawn=1,
    ),
)
def running_product(student: Callable, probes: list[Probe]) -> Iterator[Verdict]:
    """Judge `running_product(x)`: the products of the first 1, 2, ..., n numbers."""
    yield from _judge_graph(student, probes, _products, _product_mistakes)


def _products(x: np.ndarray) -> np.ndarray:
    product, products = 1.0, []
    for x_t in x:
        product = product * x_t
        products.append(product)
    return np.array(products)


def _product_mistakes(x: np.ndarray) -> dict[str, np.ndarray]:
    """The products with one mistake each."""
    products = _products(x)
    return {
        "0 everywhere: the start is 0 and stays 0, start at 1": 0 * x,
        "the running sum, expected the product": np.cumsum(x),
        "the running sum from 1 on, expected the product": 1 + np.cumsum(x),
        "the first number counts twice: as the start and in the first step": (
            x[0] * products
        ),
        "the first product is missing: it is the first number itself": products[1:],
        "the start is among the products": np.append(1, products),
        "each product is that before the step, expected after it": (
            np.append(1, products[:-1])
        ),
        "only the last product, expected all of them": products[-1],
        "the numbers themselves: nothing is handed from step to step": x,
        "each is the product of only two neighbours": x * np.append(1, x[:-1]),
        "1 everywhere: the step hands on the product and no new number": 0 * x + 1,
    }


# 3.2 ------------------------------------------------------------------------------


def _draw_leaky(rng: np.random.Generator) -> tuple:
    batch = tuple(rng.integers(1, 5, rng.integers(2)))
    return _leaky_example(rng, *rng.integers(1, 5, 2), batch, round(rng.uniform(), 3))


def _leaky_example(rng, n_in, n_hid, batch, alpha) -> tuple:
    shapes = ((*batch, n_in), (*batch, n_hid), (n_in, n_hid), (n_hid, n_hid), (n_hid,))
    return *(rng.normal(0, 0.8, shape) for shape in shapes), alpha


@exercise(
    "The state moves the share alpha of the way to where the tanh calls it.",
    Domain(
        "leaky_step(x_t, h_tm1, W_ih, W_hh, b_h, alpha)",
        "All arguments are symbolic, `x_t` and `h_tm1` are vectors or matrices with a "
        "row for each example, and `alpha` is a number from 0 to 1.",
        _draw_leaky,
        # With as many inputs as units, exchanged arguments raise no error.
        weak=(
            _leaky_example(np.random.default_rng(3), 3, 3, (), 0.3),
            _leaky_example(np.random.default_rng(4), 2, 4, (5,), 0.8),
        ),
        drawn=2,
    ),
)
def leaky_step(student: Callable, probes: list[Probe]) -> Iterator[Verdict]:
    """Judge `leaky_step(x_t, h_tm1, W_ih, W_hh, b_h, alpha)`: a slow Elman step."""
    yield from _judge_graph(
        student, probes, _leaky, _leaky_mistakes, numbers=True, look=None
    )


def _leaky(x_t, h_tm1, W_ih, W_hh, b_h, alpha) -> np.ndarray:
    """The right step, in NumPy."""
    return (1 - alpha) * h_tm1 + alpha * np.tanh(x_t @ W_ih + h_tm1 @ W_hh + b_h)


def _leaky_mistakes(x_t, h_tm1, W_ih, W_hh, b_h, alpha) -> dict[str, np.ndarray]:
    """The step with one mistake each."""
    total = x_t @ W_ih + h_tm1 @ W_hh + b_h
    new = np.tanh(total)
    mistakes = {
        "alpha and 1 - alpha are exchanged": alpha * h_tm1 + (1 - alpha) * new,
        "the leak is inside the tanh, expected outside": (
            np.tanh((1 - alpha) * h_tm1 + alpha * total)
        ),
        "nothing leaks: this is the plain Elman step": new,
        "the factor 1 - alpha is missing": h_tm1 + alpha * new,
        "the factor alpha is missing": (1 - alpha) * h_tm1 + new,
        "both factors are missing": h_tm1 + new,
        "the last state is missing in front of the tanh": alpha * new,
        "the last state is missing inside the tanh": (
            (1 - alpha) * h_tm1 + alpha * np.tanh(x_t @ W_ih + b_h)
        ),
        "the tanh is missing": (1 - alpha) * h_tm1 + alpha * total,
        "b_h is missing": _leaky(x_t, h_tm1, W_ih, W_hh, 0 * b_h, alpha),
    }
    if len(W_ih) == len(W_hh):  # as many inputs as units
        mistakes |= {
            "the arguments come in another order: scan gives x_t first, then h_tm1": (
                _leaky(h_tm1, x_t, W_ih, W_hh, b_h, alpha)
            ),
            "W_ih and W_hh are exchanged": (_leaky(x_t, h_tm1, W_hh, W_ih, b_h, alpha)),
        }
    return mistakes


# 3.3 ------------------------------------------------------------------------------


def _draw_herd(rng: np.random.Generator) -> tuple:
    a, b = np.round(rng.uniform(0.1, 2, 2), 2).tolist()
    return rng.uniform(0, 5, 3), int(rng.integers(1, 9)), a, b


@exercise(
    "The step receives what the taps list, in the order in which they stand.",
    Domain(
        "herd(start, n_steps, a, b)",
        "`n_steps` is at least 1, and `a` and `b` are numbers.",
        _draw_herd,
        weak=(
            (np.array([1.0, 2.0, 4.0]), 6, 0.9, 0.5),
            (np.array([3.0, 1.0, 2.0]), 2, 1, 2),
        ),
        drawn=1,
    ),
)
def herd(student: Callable, probes: list[Probe]) -> Iterator[Verdict]:
    """Judge `herd(start, n_steps, a, b)`: y_t = a y_{t-1} + b y_{t-3}, by taps."""
    yield from _judge_graph(student, probes, _years, _herd_mistakes)


def _years(start, n_steps, a, b, back=3) -> np.ndarray:
    """What follows the start, with y_{t-back} in the place of y_{t-3}."""
    y = list(start)
    for _ in range(n_steps):
        y.append(a * y[-1] + b * y[-back])
    return np.array(y[len(start) :])


def _herd_mistakes(start, n, a, b) -> dict[str, np.ndarray]:
    """The years with one mistake each."""

    def years(start=start, n=n, a=a, b=b, back=3) -> np.ndarray:
        return _years(start, n, a, b, back)

    y = years()
    with_start = np.concatenate([start, y])
    return {
        "a and b are exchanged, or the two taps: with taps [-3, -1] the step "
        "receives the value of 3 steps ago first": years(a=b, b=a),
        "the calves come from 2 steps ago, expected 3": years(back=2),
        "the calves come from 1 step ago, expected 3": years(back=1),
        "the start is read backwards: it holds the oldest value first": (
            years(start=start[::-1])
        ),
        "the start is among the values, expected those after it": with_start,
        "the start is among the values: n_steps counts only those after it": (
            with_start[:n]
        ),
        "only the last value, expected all": y[-1],
        "a does nothing": years(a=1),
        "b does nothing": years(b=1),
        "the animals of last year are missing": years(a=0),
        "the calves are missing": years(b=0),
        "one step too many": years(n=n + 1),
        "one step too few": y[:-1],
    }


# 3.4 ------------------------------------------------------------------------------


def _draw_masked(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    T, batch, n_in, n_hid = rng.integers(1, 6), *rng.integers(1, 5, 3)
    return _masked(rng, rng.integers(0, 2, (T, batch)), n_in, n_hid)


def _masked(rng, mask, n_in, n_hid) -> tuple[np.ndarray, ...]:
    T, batch = np.shape(mask)
    shapes = (
        (T, batch, n_in),
        (batch, n_hid),
        (n_in, n_hid),
        (n_hid, n_hid),
        (n_hid,),
    )
    x, h0, *weights = (rng.normal(0, 0.8, shape) for shape in shapes)
    return x, np.array(mask, float), h0, *weights


def _rows(*rows: str) -> list[list[int]]:
    return [[int(digit) for digit in row] for row in rows]


@exercise(
    "Where the mask is 0 the state is handed on as it is, and no input counts.",
    Domain(
        "masked_states(x, mask, h0, W_ih, W_hh, b_h)",
        "All arguments are symbolic, there is at least one step, example, input and "
        "hidden unit, and the mask holds nothing but 0 and 1.",
        _draw_masked,
        # With as many examples as units, a mask along the wrong axis raises no error.
        weak=(
            _masked(
                np.random.default_rng(4),
                _rows("1101", "0111", "1011", "0001", "1110"),
                2,
                4,
            ),
            _masked(np.random.default_rng(3), _rows("111", "001", "010", "111"), 3, 2),
        ),
        drawn=1,
    ),
)
def masked_states(student: Callable, probes: list[Probe]) -> Iterator[Verdict]:
    """Judge `masked_states(x, mask, h0, W_ih, W_hh, b_h)`: states held by a mask."""
    yield from _judge_graph(student, probes, _held, _mask_mistakes)


def _held(x, mask, h0, W_ih, W_hh, b_h) -> np.ndarray:
    h_t, h = h0, []
    for x_t, m_t in zip(x, mask, strict=True):
        new = np.tanh(x_t @ W_ih + h_t @ W_hh + b_h)
        h_t = np.where(m_t[:, None], new, h_t)
        h.append(h_t)
    return np.stack(h)


def _mask_mistakes(x, mask, h0, W_ih, W_hh, b_h) -> dict[str, np.ndarray]:
    """The states with one mistake each."""
    params = (W_ih, W_hh, b_h, h0)
    m = mask[:, :, None]
    h = held_states(x, m, *params)
    mistakes = {
        "the mask is not used: the states change at every step": (
            held_states(x, 0 * m + 1, *params)
        ),
        "the other way round: 1 in the mask means that the input counts": (
            held_states(x, 1 - m, *params)
        ),
        "the state is 0 where the mask is 0, expected held": (
            held_states(x, m, *params, rest=lambda h_t: 0 * h_t)
        ),
        "the state is h0 where the mask is 0, expected held": (
            held_states(x, m, *params, rest=lambda h_t: h0)
        ),
        "held inside, but returned as 0 where the mask is 0": h * m,
        "the input is silent where the mask is 0, but the state still changes": (
            held_states(x * m, 0 * m + 1, *params)
        ),
        "held for good from the first 0 on: after it the mask can be 1 again": (
            held_states(x, np.cumprod(m, axis=0), *params)
        ),
        "the mask acts one step late": (
            held_states(x, np.concatenate([m[:1], m[:-1]]), *params)
        ),
        "starts from zero, expected from h0": held_states(
            x, m, W_ih, W_hh, b_h, 0 * h0
        ),
        "h0 stands among the states, expected h_1 as the first": (
            np.concatenate([h0[None], h])
        ),
        "only the last states, expected those of all steps": h[-1],
        "time and batch are exchanged, expected shape (T, batch, n_hid)": (
            h.swapaxes(0, 1)
        ),
        "W_hh is transposed": held_states(x, m, W_ih, W_hh.T, b_h, h0),
        "b_h is missing": held_states(x, m, W_ih, W_hh, 0 * b_h, h0),
    }
    if h0.shape[0] == h0.shape[1]:
        mistakes[
            "the mask acts on the units, expected on the examples: m_t has shape "
            "(batch,), and m_t[:, None] makes it a column"
        ] = held_states(x, mask[:, None, :], *params)
    return mistakes


# 3.5 ------------------------------------------------------------------------------


def _draw_pieces(rng: np.random.Generator) -> tuple:
    T, size = rng.integers(1, 9), int(rng.integers(1, 6))
    return _cut(rng, T, size, *rng.integers(1, 5, 2))


def _cut(rng, T, size, n_in, n_hid) -> tuple:
    shapes = ((T, n_in), (n_hid,), (n_in, n_hid), (n_hid, n_hid), (n_hid,))
    x, h0, *weights = (rng.normal(0, 0.8, shape) for shape in shapes)
    return x, h0, size, *weights


@exercise(
    "Each piece goes on from the last state of the one before it.",
    Domain(
        "in_pieces(run, x, h0, size)",
        "`x` holds at least one step, and `size` is at least 1.",
        _draw_pieces,
        # The last piece is shorter, is as long as the others, and is the only one.
        weak=(
            _cut(np.random.default_rng(3), 7, 3, 2, 4),
            _cut(np.random.default_rng(4), 6, 2, 3, 3),
            _cut(np.random.default_rng(5), 2, 4, 1, 2),
        ),
        drawn=5,
        arguments=("x", "h0", "size", "W_ih", "W_hh", "b_h"),
    ),
)
def in_pieces(student: Callable, probes: list[Probe]) -> Iterator[Verdict]:
    """Judge `in_pieces(run, x, h0, size)`: all states, run piece by piece."""
    yield judge(
        student,
        probes,
        _pieces,
        mistakes=_piece_mistakes,
        give=with_run,
        explain=lambda error: str(error) if isinstance(error, _WrongSizeError) else "",
    )


def with_run(arguments: tuple) -> list:
    """What `in_pieces` is called with: (run, x, h0, size), made of what is drawn."""
    x, h0, size, *weights = arguments

    def run(piece, state):
        if not 1 <= len(piece) <= size:
            raise _WrongSizeError(len(piece), size)
        return _states(piece, state, *weights)

    return [run, x, h0, size]


class _WrongSizeError(ValueError):
    """A piece of a length that `run` does not take."""

    def __init__(self, length: int, size: int) -> None:
        super().__init__(
            f"run was given a piece of {length} steps, and takes 1 to {size}"
        )


def _states(x, h0, W_ih, W_hh, b_h) -> np.ndarray:
    no_readout = np.zeros((len(h0), 1)), np.zeros(1)
    return hidden_states_numpy(x, Elman(W_ih, W_hh, b_h, *no_readout, h0))


def _pieces(x, h0, size, *weights, begin=lambda h, h0: h[-1]) -> np.ndarray:
    """All states; begin(states of a piece, h0) is where the next piece begins."""
    state, pieces = h0, []
    for start in range(0, len(x), size):
        h = _states(x[start : start + size], state, *weights)
        pieces.append(h)
        state = begin(h, h0)
    return np.concatenate(pieces)


def _piece_mistakes(x, h0, size, *weights) -> dict[str, np.ndarray]:
    """The states with one mistake each."""

    def pieces(begin) -> np.ndarray:
        return _pieces(x, h0, size, *weights, begin=begin)

    h = _pieces(x, h0, size, *weights)
    last = (len(x) - 1) // size * size  # where the last piece begins
    whole = len(x) // size * size
    return {
        "each piece begins from h0, expected from the last state of the piece before": (
            pieces(lambda h, h0: h0)
        ),
        "each piece begins from zeros, expected from the last state of the piece "
        "before": _pieces(x, 0 * h0, size, *weights, begin=lambda h, h0: h0),
        "the first piece begins from zeros, expected from h0": (
            _pieces(x, 0 * h0, size, *weights)
        ),
        "each piece begins from zeros but the first, expected from the last state of "
        "the piece before": pieces(lambda h, h0: 0 * h0),
        "a piece begins from the first state of the piece before, expected from the "
        "last": pieces(lambda h, h0: h[0]),
        "a piece begins from the mean state of the piece before, expected from the "
        "last": pieces(lambda h, h0: h.mean(axis=0)),
        "the last piece is missing where it is shorter than size": h[:whole],
        "the last piece is missing": h[:last],
        "only the states of the first piece, expected those of all": h[:size],
        "only the states of the last piece, expected those of all": h[last:],
        "only the last state of each piece, expected all": (
            h[[*range(size - 1, last, size), len(x) - 1]]
        ),
        "only the last state, expected all": h[-1],
        "h0 stands among the states, expected h_1 as the first": (
            np.concatenate([h0[None], h])
        ),
    }


# 3.6 ------------------------------------------------------------------------------


def _draw_gated(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    return _gated_example(rng, rng.integers(1, 6), *rng.integers(1, 5, 3))


def _gated_example(rng, T, batch, n_in, n_hid) -> tuple[np.ndarray, ...]:
    shapes = (
        (T, batch, n_in),
        (batch, n_hid),
        (n_in, n_hid),
        (n_hid,),
        (n_in, n_hid),
        (n_hid, n_hid),
        (n_hid,),
    )
    return tuple(rng.normal(0, 0.8, shape) for shape in shapes)


@exercise(
    "One product waits for the state, and only that one is in the loop.",
    Domain(
        "gated_states(x, h0, W_z, b_z, W_ih, W_hh, b_h)",
        "All arguments are symbolic, and there is at least one step, example, input "
        "and hidden unit.",
        _draw_gated,
        weak=(
            _gated_example(np.random.default_rng(3), 4, 2, 3, 5),
            _gated_example(np.random.default_rng(4), 3, 2, 3, 3),
        ),
        drawn=1,
    ),
)
def gated_states(student: Callable, probes: list[Probe]) -> Iterator[Verdict]:
    """Judge `gated_states(x, h0, W_z, b_z, W_ih, W_hh, b_h)`: one product a step."""
    yield from _judge_graph(student, probes, _gated, _gate_mistakes, look=_one_product)


def _sigmoid(a: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-a))


def _gated(x, h0, W_z, b_z, W_ih, W_hh, b_h) -> np.ndarray:
    """The right states, in NumPy, written as the answer is: slips are made in it."""
    h_t, h = h0, []
    for z_t, a_t in zip(_sigmoid(x @ W_z + b_z), x @ W_ih + b_h, strict=True):
        h_t = (1 - z_t) * h_t + z_t * np.tanh(a_t + h_t @ W_hh)
        h.append(h_t)
    return np.stack(h)


def _mixed(
    x, h0, z, W_ih, W_hh, b_h, g=np.tanh, mix=lambda z, h, new: (1 - z) * h + z * new
) -> np.ndarray:
    h_t, h = h0, []
    for x_t, z_t in zip(x, z, strict=True):
        h_t = mix(z_t, h_t, g(x_t @ W_ih + h_t @ W_hh + b_h))
        h.append(h_t)
    return np.stack(h)


def _gate_mistakes(x, h0, W_z, b_z, W_ih, W_hh, b_h) -> dict[str, np.ndarray]:
    """The states with one mistake each."""
    params, a = (W_ih, W_hh, b_h), x @ W_z + b_z
    z = _sigmoid(a)
    h = _mixed(x, h0, z, *params)
    return {
        "z_t and 1 - z_t are exchanged": _mixed(x, h0, 1 - z, *params),
        "the gate has no sigmoid": _mixed(x, h0, a, *params),
        "the gate has a tanh, expected the sigmoid": _mixed(x, h0, np.tanh(a), *params),
        "the gate does nothing: this is the plain Elman step": (
            _mixed(x, h0, 0 * z + 1, *params)
        ),
        "b_z is missing": _mixed(x, h0, _sigmoid(x @ W_z), *params),
        "b_h is missing": _mixed(x, h0, z, W_ih, W_hh, 0 * b_h),
        "the tanh is missing": _mixed(x, h0, z, *params, g=np.positive),
        "W_z and W_ih are exchanged": _gated(x, h0, W_ih, b_z, W_z, W_hh, b_h),
        "b_z and b_h are exchanged": _gated(x, h0, W_z, b_h, W_ih, W_hh, b_z),
        "W_hh is transposed": _mixed(x, h0, z, W_ih, W_hh.T, b_h),
        "h_{t-1} @ W_hh is missing inside the tanh": (
            _mixed(x, h0, z, W_ih, 0 * W_hh, b_h)
        ),
        "the factor 1 - z_t is missing": (
            _mixed(x, h0, z, *params, mix=lambda z, h, new: h + z * new)
        ),
        "the factor z_t is missing": (
            _mixed(x, h0, z, *params, mix=lambda z, h, new: (1 - z) * h + new)
        ),
        "the last state is missing in front of the tanh": (
            _mixed(x, h0, z, *params, mix=lambda z, h, new: z * new)
        ),
        "starts from zero, expected from h0": _mixed(x, 0 * h0, z, *params),
        "h0 stands among the states, expected h_1 as the first": (
            np.concatenate([h0[None], h])
        ),
        "only the last states, expected those of all steps": h[-1],
        "time and batch are exchanged, expected shape (T, batch, n_hid)": (
            h.swapaxes(0, 1)
        ),
    }


# 3.7 ------------------------------------------------------------------------------


@exercise(
    "The state carries the last three inputs, at lengths never trained on as well, "
    "and the network looks only at the past."
)
def echo(student: Callable) -> Iterator[Verdict]:
    """Judge `echo(x)`: a trained network that says what it heard 3 steps ago."""
    rng = np.random.default_rng(0)
    batch, first, few = 50, 20, 7
    for T, so_far in (
        (first, ""),
        (60, f", where shape {(first, batch, 1)} is right"),
    ):
        x = _in_floatX(rng.uniform(-1, 1, (T, batch, 1)))
        name = f"echo(x) with x of shape {x.shape}{so_far}"
        o = _outputs(name, call(name, student, x.copy()), (T, batch))
        if isinstance(o, Verdict):
            yield o
            return
        # Another future, the same past: nothing before it may change.
        change = T // 2
        other = x.copy()
        other[change:] = rng.uniform(-1, 1, other[change:].shape)
        o_other = _outputs(name, call(name, student, other), o.shape)
        yield _causal(name, o, o_other, change)
        alone = f"echo(x[:, :{few}]) with x of shape {x.shape}"
        o_few = _outputs(alone, call(alone, student, x[:, :few].copy()), (T, few))
        yield _alone(alone, o, o_few)
        yield _follows(name, o, x[:, :, 0])


def _outputs(name: str, result: Any, shape: tuple[int, int]) -> np.ndarray | Verdict:
    """The outputs as finite numbers of shape (T, batch), or the Verdict on why not."""
    T, batch = shape
    hints = {
        (T, batch, 1): ": take [:, :, 0]",
        (batch, T): ": time and batch are exchanged",
        (batch,): ": only the last step, expected all",
        (T - DELAY, batch): f": the first {DELAY} steps are missing; they are not "
        "judged, but need an output",
    }
    return to_numbers(name, result, "outputs", shape, lambda s: hints.get(s, ""))


def _causal(name: str, o: np.ndarray, other: Any, change: int) -> Verdict:
    """Whether outputs stay the same when only inputs from `change` on differ."""
    if isinstance(other, Verdict):
        return other
    moved = np.abs(other - o)[:change].max(axis=1) > SAME * np.abs(o).max()
    if not moved.any():
        return right(name)
    step = int(np.argmax(moved))
    return wrong(
        name,
        f"it looks into the future: another input at step {change} and later changes "
        f"the output at step {step}",
    )


def _alone(name: str, o: np.ndarray, few: Any) -> Verdict:
    """Whether the first examples alone get the same outputs as among others."""
    if isinstance(few, Verdict):
        return few
    if np.abs(few - o[:, : few.shape[1]]).max() <= SAME * np.abs(o).max():
        return right(name)
    return wrong(
        name,
        "the output for an example depends on the other examples of the batch: each "
        "must stand alone",
    )


def _follows(name: str, o: np.ndarray, x: np.ndarray) -> Verdict:
    """Whether the outputs are the echo, and if not, what else they are."""
    longest = 2 * DELAY  # the longest delay that is looked for

    def score(delay: int, sign: int = 1) -> float:
        """R^2 of the outputs beside the inputs of `delay` steps ago."""
        target = sign * x[longest - delay : len(x) - delay]
        return 1 - np.mean((o[longest:] - target) ** 2) / target.var()

    judged, target = o[DELAY:], x[:-DELAY]
    error = np.mean((judged - target) ** 2)
    r2 = 1 - error / target.var()
    if error < 1e-12:
        return wrong(
            name,
            "the error is zero. That is the rule itself, and no trained network is so "
            "exact: let a network find it",
        )
    if r2 >= GOOD:
        return right(name)
    if np.ptp(judged) < 1e-6:
        return wrong(name, f"the output is always {number(o[-1, 0])}: nothing is heard")
    for delay in range(longest + 1):
        steps = f"{delay} step{'s' * (delay != 1)}"
        if delay != DELAY and score(delay) > 0.7:
            return wrong(name, f"this is the input of {steps} ago, expected {DELAY}")
    if score(DELAY, -1) > 0.7:
        return wrong(name, "the echo has the wrong sign")
    if judged.std() < 0.1 * target.std():
        said = "it says the mean of the targets and little else"
    elif r2 < 0:
        said = "always 0 would do better, so the network has not learned it"
    else:
        said = "it is on the way, but needs more training or another learning rate"
    return wrong(name, f"R^2 is {number(r2)}, expected at least {GOOD}: {said}")


# What is built with scan ----------------------------------------------------------


def _scans(result: Variable) -> list:
    """The scans in the graph."""
    ops = [variable.owner.op for variable in ancestors([result]) if variable.owner]
    return [op for op in ops if type(op).__name__ == "Scan"]


def _uses_scan(name: str, result: Variable) -> Verdict:
    """Whether there is a scan in the graph."""
    if _scans(result):
        return right(name)
    return wrong(name, "the numbers are right, but the graph holds no scan")


def _is_product(op: Op) -> bool:
    """Whether this multiplies matrices; @ wraps the product into a Blockwise."""
    return isinstance(getattr(op, "core_op", op), (Dot, BatchedDot))


def _one_product(name: str, result: Variable) -> Verdict:
    """Whether there is a scan, with one product of matrices in each step."""
    verdict = _uses_scan(name, result)
    if not verdict.ok:
        return verdict
    inner = [node.op for op in set(_scans(result)) for node in op.fgraph.toposort()]
    products = sum(_is_product(op) for op in inner)
    if products == 1:
        return right(name)
    if products == 0:
        return wrong(
            name,
            "the numbers are right, but the loop holds no product of matrices, and "
            "h_{t-1} @ W_hh must wait for the state",
        )
    return wrong(
        name,
        f"the numbers are right, but each step makes {products} products, expected 1: "
        "what needs no state can be done before the loop",
    )


def _judge_graph(
    student: Callable,
    probes: list[Probe],
    answer: Callable,
    mistakes: Callable,
    numbers: bool = False,
    look: Callable[[str, Variable], Verdict] | None = _uses_scan,
) -> Iterator[Verdict]:
    """The verdicts on a function that builds a graph, by scan or without.

    Arrays are given as shared variables, and with `numbers` numbers as well, all in
    floatX, the type that a graph expects. Where the numbers are right, `look` judges
    the graph.
    """
    probes = [
        probe._replace(arguments=tuple(map(_in_floatX, probe.arguments)))
        for probe in probes
    ]
    graphs = []

    def give(arguments: tuple) -> list:
        kinds = (np.ndarray, float) if numbers else np.ndarray
        return [
            pytensor.shared(_in_floatX(np.asarray(a))) if isinstance(a, kinds) else a
            for a in arguments
        ]

    def take(name: str, result: Any, given: Sequence) -> Any:
        graphs.append(_expression(name, result))
        return graphs[-1]

    yield judge(
        student,
        probes,
        answer,
        mistakes=mistakes,
        give=give,
        take=take,
        explain=_start_refused,
    )
    if look:
        yield look(probes[0].name, graphs[0])


def _in_floatX(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.astype(pytensor.config.floatX)
    return value


def _start_refused(error: BaseException) -> str:
    """Why scan refuses a start, in words; "" for any other error."""
    said = str(error)
    if "The initial state" not in said:
        return ""
    dtypes = re.search(r"has dtype (\w+), while .* has dtype (\w+)", said)
    if dtypes:
        start, step = dtypes.groups()
        why = {
            "i": "A plain 1 is an integer",
            "u": "A plain 1 is an integer",
            "b": "True is no number for it",
            "f": f"Of a plain 1.0 or 0.1 PyTensor makes {start}",
        }.get(np.dtype(start).kind, "It")
        return (
            f"scan refuses the start: its dtype is {start}, and what the step returns "
            f"has {step}. {why}, pt.ones(()) is a number like those in x"
        )
    axes = re.search(r"has (\d+) dimension\(s\), while .* has (\d+) dim", said)
    if axes:
        start, step = int(axes[1]) - 1, int(axes[2])  # that of scan has time as well
        return (
            f"scan refuses the start: it has {start} axes, and what the step returns "
            f"has {step}. Does the step take its arguments in the order in which scan "
            "gives them, one element of each sequence first and then the state? And "
            "has the start one row for each example?"
        )
    return ""


def _expression(name: str, result: Any) -> Variable | Verdict:
    """The symbolic expression that a call returned, or the Verdict on what it is."""
    if isinstance(result, Verdict):
        return result
    pair = isinstance(result, (tuple, list)) and len(result) == 2
    if pair and isinstance(result[1], Mapping):
        return wrong(
            name,
            "returned the pair (result, updates): give scan return_updates=False",
        )
    if not isinstance(result, Variable):
        return wrong(
            name, f"returned {describe(result)}, expected a symbolic expression", "type"
        )
    return result
