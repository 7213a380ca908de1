"""The checks of the exercises of chapter 3.

What a student builds with scan is evaluated on the Python engine, whichever one the
notebook has selected.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytensor
from pytensor.graph.basic import Variable
from pytensor.graph.traversal import ancestors

from helpers.check.ch02_elman_checks import held_states
from helpers.check.core import Verdict, call, compare, exercise
from helpers.check.core.values import SAME, to_numbers
from helpers.check.core.verdicts import right, wrong
from helpers.check.core.words import describe, number

# The echo of exercise 3.5: how far it lies back, and what is good enough.
DELAY = 3
GOOD = 0.9


@exercise("Each step multiplies what the last one returned, and 1 is the start.")
def running_product(student: Callable) -> Iterator[Verdict]:
    """Judge `running_product(x)`: the products of the first 1, 2, ..., n numbers."""
    for values in ([3.0, -0.5, 2.0, 5.0], [0.7]):
        x = _array(values)
        products = np.cumprod(x)
        name = f"running_product(x) for x = {values}"
        result = _expression(name, call(name, student, pytensor.shared(x)))
        yield compare(
            name,
            result,
            products,
            mistakes={
                "0 everywhere: the start is 0 and stays 0, start at 1": 0 * x,
                "the running sum, expected the product": np.cumsum(x),
                "the running sum from 1 on, expected the product": 1 + np.cumsum(x),
                "the first number counts twice: as the start and in the first step": (
                    x[0] * products
                ),
                "the first product is missing: it is the first number itself": (
                    products[1:]
                ),
                "the start is among the products": np.append(1, products),
                "each product is that before the step, expected after it": (
                    np.append(1, products[:-1])
                ),
                "only the last product, expected all of them": products[-1],
                "the numbers themselves: nothing is handed from step to step": x,
                "each is the product of only two neighbours": (
                    x * np.append(1, x[:-1])
                ),
            },
        )
        yield _uses_scan(name, result)


@exercise("The state moves the share alpha of the way to where the tanh calls it.")
def leaky_step(student: Callable) -> Iterator[Verdict]:
    """Judge `leaky_step(x_t, h_tm1, W_ih, W_hh, b_h, alpha)`: a slow Elman step."""
    name = "leaky_step(x_t, h_tm1, W_ih, W_hh, b_h, alpha)"
    # With as many inputs as units, exchanged arguments raise no error.
    for n_in, n_hid, batch in ((3, 3, ()), (2, 4, (5,))):
        rng = np.random.default_rng(n_hid)
        shapes = ((*batch, n_in), (*batch, n_hid), (n_in, n_hid), (n_hid,) * 2, n_hid)
        arrays = [_array(rng.normal(0, 0.8, shape)) for shape in shapes]
        arguments = [*arrays, _array(0.3)]
        step = call(name, student, *map(pytensor.shared, arguments))
        yield compare(
            name,
            _expression(name, step),
            _leaky(*arguments),
            mistakes=_leaky_mistakes(*arguments) if n_in == n_hid else None,
        )


def _leaky(x_t, h_tm1, W_ih, W_hh, b_h, alpha) -> np.ndarray:
    """The right step, in NumPy."""
    return (1 - alpha) * h_tm1 + alpha * np.tanh(x_t @ W_ih + h_tm1 @ W_hh + b_h)


def _leaky_mistakes(x_t, h_tm1, W_ih, W_hh, b_h, alpha) -> dict[str, np.ndarray]:
    """The step with one mistake each; there must be as many inputs as units."""
    total = x_t @ W_ih + h_tm1 @ W_hh + b_h
    new = np.tanh(total)
    return {
        "the arguments come in another order: scan gives x_t first, then h_tm1": (
            _leaky(h_tm1, x_t, W_ih, W_hh, b_h, alpha)
        ),
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
        "W_ih and W_hh are exchanged": _leaky(x_t, h_tm1, W_hh, W_ih, b_h, alpha),
    }


@exercise("The step receives what the taps list, in the order in which they stand.")
def herd(student: Callable) -> Iterator[Verdict]:
    """Judge `herd(start, n_steps, a, b)`: y_t = a y_{t-1} + b y_{t-3}, by taps."""
    for values, n, a, b in (([1.0, 2.0, 4.0], 6, 0.9, 0.5), ([3.0, 1.0, 2.0], 2, 1, 2)):
        start = _array(values)

        def years(start=start, n=n, a=a, b=b, back=3) -> np.ndarray:
            """What follows the start, with y_{t-back} in the place of y_{t-3}."""
            y = list(start)
            for _ in range(n):
                y.append(a * y[-1] + b * y[-back])
            return np.array(y[len(start) :])

        y = years()
        with_start = np.concatenate([start, y])
        name = f"herd({values}, {n}, {a}, {b})"
        result = _expression(name, call(name, student, pytensor.shared(start), n, a, b))
        yield compare(
            name,
            result,
            y,
            mistakes={
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
            },
        )
        yield _uses_scan(name, result)


@exercise("Where the mask is 0 the state is handed on as it is, and no input counts.")
def masked_states(student: Callable) -> Iterator[Verdict]:
    """Judge `masked_states(x, mask, h0, W_ih, W_hh, b_h)`: states held by a mask."""
    name = "masked_states(x, mask, h0, W_ih, W_hh, b_h)"
    # With as many examples as units, a mask along the wrong axis raises no error.
    for n_in, n_hid, rows in (
        (2, 4, ("1101", "0111", "1011", "0001", "1110")),
        (3, 2, ("111", "001", "010", "111")),
    ):
        mask = _array([[float(digit) for digit in row] for row in rows])
        T, batch = mask.shape
        rng = np.random.default_rng(batch)
        shapes = (
            (T, batch, n_in),
            (batch, n_hid),
            (n_in, n_hid),
            (n_hid, n_hid),
            (n_hid,),
        )
        x, h0, *weights = (_array(rng.normal(0, 0.8, shape)) for shape in shapes)
        arguments = map(pytensor.shared, [x, mask, h0, *weights])
        result = _expression(name, call(name, student, *arguments))
        yield compare(
            name,
            result,
            held_states(x, mask[:, :, None], *weights, h0),
            mistakes=_mask_mistakes(x, mask, *weights, h0),
        )
        yield _uses_scan(name, result)


def _mask_mistakes(x, mask, *params) -> dict[str, np.ndarray]:
    """The states with one mistake each."""
    W_ih, W_hh, b_h, h0 = params
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
        x = _array(rng.uniform(-1, 1, (T, batch, 1)))
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


def _array(values: Any) -> np.ndarray:
    """Numbers in floatX, the type that a graph expects."""
    return np.asarray(values, dtype=pytensor.config.floatX)


def _expression(name: str, result: Any) -> Variable | Verdict:
    """The symbolic expression that a call returned, or the Verdict on what it is."""
    if isinstance(result, Verdict):
        if "The initial state" in result.message:  # a long message of PyTensor
            return wrong(
                name,
                "scan refuses the start: it needs the dtype and the number of axes of "
                "what the step returns. A plain 1 is an integer, pt.ones(()) is a "
                "number like those in x",
            )
        return result
    pair = isinstance(result, (tuple, list)) and len(result) == 2
    if pair and isinstance(result[1], Mapping):
        return wrong(
            name,
            "returned the pair (result, updates): give scan return_updates=False",
        )
    if not isinstance(result, Variable):
        return wrong(
            name, f"returned {describe(result)}, expected a symbolic expression"
        )
    return result


def _uses_scan(name: str, result: Variable) -> Verdict:
    """Whether there is a scan in the graph."""
    ops = (variable.owner.op for variable in ancestors([result]) if variable.owner)
    if any(type(op).__name__ == "Scan" for op in ops):
        return right(name)
    return wrong(name, "the numbers are right, but the graph holds no scan")
