"""The checks of the exercises of chapter 2."""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np

from helpers.check.core import Domain, Probe, Verdict, call, exercise, judge, unpack
from helpers.check.core.values import to_array
from helpers.check.core.verdicts import right, wrong
from helpers.check.core.words import describe, number

# The latch of exercise 2.5: inputs of at most NOISE, for HELD steps after each pulse.
NOISE = 0.2
HELD = 50

# Exercise 2.6: symbols in the streams, and how far from 0 the state must stay.
LONGEST = 300
EDGE = 0.5


# 2.1 ------------------------------------------------------------------------------


def _draw_sizes(rng: np.random.Generator) -> tuple:
    return (*rng.integers(1, 30, 3).tolist(), bool(rng.integers(2)))


@exercise(
    "The length of the sequences plays no part, and W_hh grows with the square "
    "of n_hid.",
    Domain(
        "count_parameters(n_in, n_hid, n_out, learned_h0)",
        "The three sizes are whole numbers, each at least 1.",
        _draw_sizes,
        # First without h0: only then is it clear what n_hid too few or too many means.
        weak=(
            (2, 20, 3, False),
            (2, 20, 3, True),
            (7, 5, 4, False),
            (1, 100, 1, True),
            (3, 1, 2, False),
        ),
    ),
)
def count_parameters(student: Callable, probes: list[Probe]) -> Iterator[Verdict]:
    """Judge `count_parameters(n_in, n_hid, n_out, learned_h0)` of an Elman network."""
    yield judge(student, probes, _count, mistakes=_count_mistakes, formulas=[_by_layer])


def _count(n_in: int, n_hid: int, n_out: int, learned_h0: bool) -> int:
    base = n_in * n_hid + n_hid**2 + n_hid + n_hid * n_out + n_out
    return base + n_hid * learned_h0


def _by_layer(n_in: int, n_hid: int, n_out: int, learned_h0: bool) -> int:
    count = (n_in + n_hid + 1) * n_hid + (n_hid + 1) * n_out
    return count + n_hid if learned_h0 else count


def _count_mistakes(n_in: int, n_hid: int, n_out: int, learned: bool) -> dict[str, int]:
    """The counts with one mistake each."""
    base, count = (_count(n_in, n_hid, n_out, h0) for h0 in (False, learned))
    return {
        "a learned h0 is missing": base,
        "a learned h0 is one number for each hidden unit": base + learned,
        "a learned h0 is one vector, expected no matrix": base + n_hid**2 * learned,
        "h0 counts only if it is learned": base + n_hid,
        "h0 counts if it is learned, and not if it is not": (
            _count(n_in, n_hid, n_out, not learned)
        ),
        "a learned h0 adds to the count": base - n_hid * learned,
        "this counts the learned h0 alone": n_hid if learned else base,
        "h0 counts only if it is learned, and a hidden unit has one bias, not "
        "one for each matrix": count + n_hid,
        "each hidden unit has a bias, and hears itself as well": count - n_hid,
        "W_hh is missing": count - n_hid**2,
        "W_hh leads from each unit to each, not only to itself": (
            count - n_hid**2 + n_hid
        ),
        "W_ih is missing": count - n_in * n_hid,
        "W_ho is missing": count - n_hid * n_out,
        "b_o is missing": count - n_out,
        "the biases are missing": count - n_hid - n_out,
        "the inputs have no biases": count + n_in,
        "an output has one bias, not one for each hidden unit": (
            count - n_out + n_hid * n_out
        ),
        "the outputs are missing: W_ho and b_o count as well": (
            count - n_hid * n_out - n_out
        ),
        "the hidden layer is missing: W_ih, W_hh and b_h count as well": (
            count - n_hid * (n_in + n_hid + 1)
        ),
    }


# 2.2 ------------------------------------------------------------------------------


def _draw_columns(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    return _columns(rng, *rng.integers(1, 6, 2))


def _columns(rng, n_in, n_hid) -> tuple[np.ndarray, ...]:
    shapes = ((n_in, 1), (n_hid, 1), (n_in, n_hid), (n_hid, n_hid), (n_hid,))
    return tuple(rng.normal(0, 0.6, shape) for shape in shapes)


@exercise(
    "Every matrix is transposed, every product reversed: the same step.",
    Domain(
        "step_columns(x, h, W_ih, W_hh, b_h)",
        "`n_in` and `n_hid` are at least 1, and all numbers are finite.",
        _draw_columns,
        weak=[_columns(np.random.default_rng(3), 3, 4)],
    ),
)
def step_columns(student: Callable, probes: list[Probe]) -> Iterator[Verdict]:
    """Judge `step_columns(x, h, W_ih, W_hh, b_h)`: a step in column notation."""
    yield judge(
        student,
        probes,
        _column_step,
        mistakes=lambda x, h, W_ih, W_hh, b_h: _column_mistakes(
            W_ih.T @ x, W_hh.T @ h, b_h, W_hh @ h
        ),
    )


def _column_step(x, h, W_ih, W_hh, b_h) -> np.ndarray:
    return np.tanh(W_ih.T @ x + W_hh.T @ h + b_h[:, None])


def _column_mistakes(
    from_x: np.ndarray, from_h: np.ndarray, b_h: np.ndarray, by_rows: np.ndarray
) -> dict[str, np.ndarray]:
    """The step with one mistake each; `by_rows` is W_hh @ h without the transpose."""
    b = b_h[:, None]
    total = from_x + from_h + b
    return {
        "W_hh is not transposed; it is square, so no shape complains": (
            np.tanh(from_x + by_rows + b)
        ),
        "b_h of shape (n_hid,) acts as a row, and column + row is a matrix: make it a "
        "column": np.tanh(from_x + from_h + b_h),
        "b_h acts as a row, expected a column, and W_hh is not transposed": (
            np.tanh(from_x + by_rows + b_h)
        ),
        "the tanh is missing": total,
        "b_h is missing": np.tanh(from_x + from_h),
        "the last state is missing: W_hh does nothing": np.tanh(from_x + b),
        "the input is missing: W_ih does nothing": np.tanh(from_h + b),
        "this is the sigmoid, expected tanh": 1 / (1 + np.exp(-total)),
    }


# 2.3 ------------------------------------------------------------------------------


def _draw_matrix(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    n = rng.integers(1, 7)
    return rng.normal(size=(n, n)), round(rng.uniform(0.1, 3), 3)


@exercise(
    "The largest eigenvalue in absolute value is now the radius.",
    Domain(
        "set_radius(W, radius)",
        "`W` holds real numbers and has an eigenvalue that is not zero, and `radius` "
        "is positive.",
        _draw_matrix,
        weak=(
            # Eigenvalues 3 + 4i, 3 - 4i, -4; then 1, -2.
            (np.array([[3.0, -4.0, 0.0], [4.0, 3.0, 0.0], [6.0, 0.0, -4.0]]), 0.9),
            (np.array([[1.0, 3.0], [0.0, -2.0]]), 1.25),
        ),
    ),
)
def set_radius(student: Callable, probes: list[Probe]) -> Iterator[Verdict]:
    """Judge `set_radius(W, radius)`: a matrix scaled to a spectral radius."""
    yield judge(
        student, probes, _scaled, mistakes=_radius_mistakes, take=_no_complex_numbers
    )


def _scaled(W: np.ndarray, radius: float) -> np.ndarray:
    return W * radius / np.abs(np.linalg.eigvals(W)).max()


def _no_complex_numbers(name: str, result: Any, given: Any) -> Any:
    values = result if isinstance(result, Verdict) else to_array(name, result)
    if isinstance(values, np.ndarray) and values.dtype.kind == "c":
        return wrong(
            name,
            "complex numbers: eigenvalues can be complex, first take their "
            "absolute values, then the largest of them",
        )
    return values


def _radius_mistakes(W: np.ndarray, radius: float) -> dict[str, np.ndarray]:
    """The matrix with one mistake each."""
    eigenvalues = np.linalg.eigvals(W)
    largest = np.abs(eigenvalues).max()
    return {
        "scaled by the largest singular value, expected the largest "
        "absolute eigenvalue": W * radius / np.linalg.norm(W, 2),
        "scaled by the eigenvalue with the largest real part: first take the "
        "absolute values, then the largest of them": (
            W * radius / np.abs(eigenvalues[eigenvalues.real.argmax()])
        ),
        "scaled by the real part of the eigenvalue with the largest real part: first "
        "take the absolute values, then the largest of them": W
        * radius
        / eigenvalues.real.max(),
        "scaled by the largest absolute real part: 3 + 4i lies 5 from 0": (
            W * radius / np.abs(eigenvalues.real).max()
        ),
        "eigvalsh is for symmetric matrices only": (
            W * radius / np.abs(np.linalg.eigvalsh(W)).max()
        ),
        "scaled by the square root of the sum of squares (np.linalg.norm "
        "without a second argument)": W * radius / np.linalg.norm(W),
        "scaled by the largest entry": W * radius / np.abs(W).max(),
        "scaled by the smallest absolute eigenvalue, expected the largest": (
            W * radius / np.abs(eigenvalues).min()
        ),
        "the radius is now 1: multiply by radius": W / largest,
        "multiply by radius only after dividing by the radius of W": W * radius,
        "multiplied by the radius of W, expected divided": W * radius * largest,
        "W is divided by radius, expected multiplied": W / largest / radius,
        "this is W itself": W,
        "this is the number by which to multiply, expected the matrix": (
            np.asarray(radius / largest)
        ),
        "the number is added to each entry, expected multiplied": W + radius / largest,
        "W is divided by the number, expected multiplied": W / (radius / largest),
    }


# 2.4 ------------------------------------------------------------------------------


def _draw_batch(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    T, batch, n_in, n_hid = rng.integers(1, 7), *rng.integers(1, 5, 3)
    return _batch(rng, T, n_in, n_hid, rng.integers(0, T + 1, batch))


def _batch(rng, T, n_in, n_hid, lengths) -> tuple[np.ndarray, ...]:
    shapes = (
        (T, len(lengths), n_in),
        (n_in, n_hid),
        (n_hid, n_hid),
        (n_hid,),
        (n_hid,),
    )
    x, *params = (rng.normal(0, 0.8, shape) for shape in shapes)
    return x, np.array(lengths), *params


@exercise(
    "Each example keeps its last state once its sequence has ended.",
    Domain(
        "forward(x, lengths, W_ih, W_hh, b_h, h0)",
        "There is at least one step, example, input and hidden unit, and the filling "
        "holds finite numbers.",
        _draw_batch,
        # With as many examples as units, a mask along the wrong axis raises no error.
        weak=(
            _batch(np.random.default_rng(4), 7, 3, 4, (7, 3, 5, 1)),
            _batch(np.random.default_rng(5), 6, 2, 3, (4, 0, 6, 6, 1)),
        ),
    ),
)
def forward(student: Callable, probes: list[Probe]) -> Iterator[Verdict]:
    """Judge `forward(x, lengths, W_ih, W_hh, b_h, h0)`: a batch of unequal lengths."""
    yield judge(
        student,
        probes,
        _held,
        mistakes=_forward_mistakes,
    )


def _held(x, lengths, W_ih, W_hh, b_h, h0) -> np.ndarray:
    return held_states(x, _here(len(x), lengths), W_ih, W_hh, b_h, h0)


def _here(T: int, lengths: np.ndarray) -> np.ndarray:
    """Which examples still run, from step 0 on: booleans of shape (T, batch, 1)."""
    return np.arange(T)[:, None, None] < lengths[:, None]


def held_states(
    x: np.ndarray,
    here: np.ndarray,
    W_ih: np.ndarray,
    W_hh: np.ndarray,
    b_h: np.ndarray,
    h0: np.ndarray,
    rest: Callable = np.positive,
) -> np.ndarray:
    """All states (T, batch, n_hid): a step where `here` holds, else rest(state).

    h0 has the shape (n_hid,) or (batch, n_hid).
    """
    h_t = np.broadcast_to(h0, (x.shape[1], h0.shape[-1]))
    h = []
    for x_t, on in zip(x, here, strict=True):
        h_t = np.where(on, np.tanh(x_t @ W_ih + h_t @ W_hh + b_h), rest(h_t))
        h.append(h_t)
    return np.stack(h)


def _forward_mistakes(x, lengths, *params) -> dict[str, np.ndarray]:
    """The states with one mistake each."""
    T, batch = x.shape[:2]
    W_ih, W_hh, b_h, h0 = params
    here = _here(T, lengths)
    always = _here(T, np.full(batch, T))
    h = held_states(x, here, *params)
    first = np.tile(h0, (1, batch, 1))
    mistakes = {
        "the states go on changing after an example has ended": (
            held_states(x, always, *params)
        ),
        "the states are 0 after an example has ended, expected held": h * here,
        "the states go back to h0 after an example has ended, expected held": (
            held_states(x, here, *params, rest=lambda h_t: 0 * h_t + h0)
        ),
        "held one step late: an example of length n runs in the steps 0 to n - 1": (
            held_states(x, _here(T, lengths + 1), *params)
        ),
        "held one step early: an example of length n runs in the steps 0 to n - 1": (
            held_states(x, _here(T, lengths - 1), *params)
        ),
        "the input is silent after an example has ended, but the state still changes": (
            held_states(x * here, always, *params)
        ),
        "all examples end with the shortest": (
            held_states(x, _here(T, 0 * lengths + lengths.min()), *params)
        ),
        "time and batch are exchanged, expected shape (T, batch, n_hid)": (
            h.swapaxes(0, 1)
        ),
        "h0 stands among the states, expected h_1 as the first": (
            np.concatenate([first, h])
        ),
        "each state is that before the step, expected after it": (
            np.concatenate([first, h[:-1]])
        ),
        "only the last states, expected those of all steps": h[-1],
        "starts from zero, expected from h0": (
            held_states(x, here, W_ih, W_hh, b_h, 0 * h0)
        ),
        "W_hh is transposed": held_states(x, here, W_ih, W_hh.T, b_h, h0),
        "b_h is missing": held_states(x, here, W_ih, W_hh, 0 * b_h, h0),
        "all steps show the state of the last: is the same array filled at each step "
        "and put into the list? Put in a copy, h_t.copy()": np.tile(h[-1], (T, 1, 1)),
        "h0 at all steps: nothing moves": np.tile(h0, (T, batch, 1)),
        "every example is held where it runs, and runs where it should be held": (
            held_states(x, ~here, *params)
        ),
    }
    if batch == len(h0):
        mistakes[
            "the lengths act on the units, expected on the examples: each row of the "
            "state is an example, so a mask of the examples must be a column"
        ] = held_states(x, here.swapaxes(1, 2), *params)
    return mistakes


# 2.5 ------------------------------------------------------------------------------


@exercise(
    "Noise cannot move the state from one side to the other, and every pulse can."
)
def latch(student: Callable) -> Iterator[Verdict]:
    """Judge `latch()`: weights (w_ih, w_hh, b_h) of one unit that keeps a sign."""
    names = ("w_ih", "w_hh", "b_h")
    weights = _numbers("latch()", unpack("latch()", call("latch()", student), names))
    if isinstance(weights, Verdict):
        yield weights
        return
    fault = _latch_fault(**weights)
    yield wrong("latch()", fault) if fault else right("latch()")


def _numbers(
    name: str, parts: Mapping[str, Any] | Verdict
) -> dict[str, float] | Verdict:
    """Each part as one number, or the Verdict on the first that is none."""
    if isinstance(parts, Verdict):
        return parts
    numbers = {}
    for part, value in parts.items():
        array = to_array(part, value)
        if isinstance(array, Verdict):
            return array
        if array.size != 1 or array.dtype.kind == "c" or not np.isfinite(array).all():
            shown = describe(array) if array.size != 1 else str(array.item())
            return wrong(name, f"{part} is {shown}, expected one number")
        numbers[part] = float(array.item())
    return numbers


def _latch_fault(w_ih: float, w_hh: float, b_h: float) -> str:
    """What keeps a unit with these weights from being a latch, or "".

    The sign of h must be that of the last pulse, +1 or -1, for HELD steps of any noise
    within +-NOISE, wherever the pulses before have left it. If w_ih and w_hh are
    positive, more input never makes less h. So the noise that always pulls the
    other way is the worst there is, and pulses of the other sign are the worst past.
    """

    def states(inputs: list[float]) -> np.ndarray:
        h, path = 0.0, []
        for x in inputs:
            h = math.tanh(w_ih * x + w_hh * h + b_h)
            path.append(h)
        return np.array(path)

    if w_ih == 0:
        return "w_ih is 0: the unit does not hear its input"
    if w_ih < 0:
        return "w_ih is negative: a pulse of +1 pushes h down, expected up"
    if w_hh < 0:
        return "w_hh is negative: without input, h changes its sign at every step"
    up, down = (states([pulse, *[0.0] * HELD])[-1] for pulse in (1.0, -1.0))
    ends = (
        f"after a pulse of +1 and {HELD} silent steps h is {number(up)}, "
        f"after -1 it is {number(down)}"
    )
    if w_hh <= 1:
        return f"it forgets: {ends}. Nothing holds the state while w_hh is at most 1"
    if up < 0 or down > 0:
        return f"stuck on one side: {ends}. b_h is too far from 0"
    for pulse in (1.0, -1.0):
        path = pulse * states([pulse, *[-pulse * NOISE] * HELD])
        if path.min() <= 0:
            return (
                f"noise flips it: after a pulse of {pulse:+.0f}, inputs of "
                f"{-pulse * NOISE:+} turn the sign of h at step "
                f"{np.argmax(path <= 0)} after it. w_hh must hold the state more "
                "strongly than w_ih times the noise pulls"
            )
    for pulse in (1.0, -1.0):
        before = [-pulse] * HELD
        path = pulse * states([*before, pulse, *[-pulse * NOISE] * HELD])[len(before) :]
        if path[0] <= 0:
            return (
                f"stuck: a pulse of {pulse:+.0f} does not flip the state that earlier "
                f"pulses have left, h stays at {number(pulse * path[0])}. w_ih must "
                "outweigh w_hh"
            )
        if path.min() <= 0:
            return (
                f"a pulse of {pulse:+.0f} flips the state, but only to h = "
                f"{number(pulse * path[0])}, and inputs of {-pulse * NOISE:+} turn it "
                f"back at step {np.argmax(path <= 0)} after it. w_ih must outweigh "
                "w_hh by more"
            )
    return ""


# 2.6 ------------------------------------------------------------------------------


def _draw_symbols(rng: np.random.Generator) -> tuple[int, int, int]:
    n = int(rng.integers(3, 8))
    opening, closing = rng.choice(n, 2, replace=False).tolist()
    return n, opening, closing


@exercise(
    "The unit holds what the last bracket left, and each bracket can change it.",
    Domain(
        "bracket(n, opening, closing)",
        "`n` is at least 3, and `opening` and `closing` are two different numbers from "
        "0 to n - 1.",
        _draw_symbols,
        weak=((4, 1, 3), (3, 2, 0), (5, 0, 1)),
    ),
)
def bracket(student: Callable, probes: list[Probe]) -> Iterator[Verdict]:
    """Judge `bracket(n, opening, closing)`: one unit that knows an open bracket."""
    for probe in probes:
        n = probe.arguments[0]
        shapes = {"W_ih": (n, 1), "W_hh": (1, 1), "b_h": (1,)}
        returned = call(probe.name, student, *probe.arguments)
        weights = _weights(probe.name, unpack(probe.name, returned, [*shapes]), shapes)
        if isinstance(weights, Verdict):
            yield weights
            return
        fault = _bracket_fault(*probe.arguments, *weights)
        yield wrong(probe.name, fault) if fault else right(probe.name)


def _weights(
    name: str, parts: Mapping[str, Any] | Verdict, shapes: Mapping[str, tuple]
) -> list[np.ndarray] | Verdict:
    """Each part as an array of its shape, or the Verdict on the first that is none."""
    if isinstance(parts, Verdict):
        return parts
    arrays = []
    for part, value in parts.items():
        array = to_array(part, value)
        if isinstance(array, Verdict):
            return array
        if array.shape != shapes[part]:
            said = f"{part} has the shape {array.shape}, expected {shapes[part]}"
            return wrong(name, said, "shape")
        if array.dtype.kind not in "biuf" or not np.isfinite(array).all():
            return wrong(name, f"{part} must hold finite real numbers", "type")
        arrays.append(array.astype(float))
    return arrays


@cache
def bracket_streams(n: int, opening: int, closing: int) -> np.ndarray:
    """Streams of symbols of shape (LONGEST, streams): runs of one symbol, and mixed."""
    rng = np.random.default_rng([n, opening, closing])
    streams = []
    for symbol in range(n):  # each alone, and after one or many of each bracket
        for before in ([], [opening], [closing], [opening] * 100, [closing] * 100):
            streams.append(before + [symbol] * LONGEST)
            streams.append(before + [symbol, opening, symbol, closing] * LONGEST)
    for _ in range(20):
        runs = rng.choice([1, 1, 2, 60], LONGEST)
        streams.append(np.repeat(rng.integers(0, n, LONGEST), runs))
    found = np.stack([stream[:LONGEST] for stream in streams], axis=1)
    found.setflags(write=False)  # the same array each time
    return found


def bracket_states(
    streams: np.ndarray, W_ih: np.ndarray, W_hh: np.ndarray, b_h: np.ndarray
) -> np.ndarray:
    """The states of the unit before the first symbol and after each, from -1 on."""
    h = [np.full(streams.shape[1], -1.0)]
    for symbols in streams:
        h.append(np.tanh(W_ih[symbols, 0] + W_hh[0, 0] * h[-1] + b_h[0]))
    return np.stack(h)


def _bracket_fault(n, opening, closing, W_ih, W_hh, b_h) -> str:
    """What is wrong with the first state that is not where it should be, or ""."""
    streams = bracket_streams(n, opening, closing)
    h = bracket_states(streams, W_ih, W_hh, b_h)
    is_open = np.zeros(h.shape, bool)
    for t, symbols in enumerate(streams):
        stays = is_open[t] & (symbols != closing)
        is_open[t + 1] = stays | (symbols == opening)
    wrongly = np.where(is_open, h < EDGE, h > -EDGE)
    wrongly[0] = False
    if not wrongly.any():
        return ""
    if W_ih[opening, 0] < 0 < W_ih[closing, 0]:
        return "the opening symbol pushes the state down and the closing one up"
    if W_hh[0, 0] < 0:
        return "W_hh is negative: without a bracket the state changes its sign"
    t = int(wrongly.any(axis=1).argmax())
    stream = int(wrongly[t].argmax())
    symbol, before, after = int(streams[t - 1, stream]), h[t - 1, stream], h[t, stream]
    found = (
        f"symbol {symbol} turns the state from {number(before)} to {number(after)}, "
        f"expected {f'above {EDGE}' if is_open[t, stream] else f'below -{EDGE}'}"
    )
    if symbol in (opening, closing):
        does = "opens" if symbol == opening else "closes"
        return f"{found}: it {does} the bracket. Its weight must outweigh W_hh"
    if W_hh[0, 0] <= math.atanh(EDGE) / EDGE:
        return (
            f"{found}, and it is no bracket. W_hh is too small to hold a state of "
            f"{EDGE}: it fades"
        )
    if W_ih[symbol, 0] != 0:
        return (
            f"{found}, and it is no bracket. Its weight is "
            f"{number(W_ih[symbol, 0])}: it should leave the state as it is"
        )
    return f"{found}, and it is no bracket. b_h is too far from 0 for this W_hh"


# 2.7 ------------------------------------------------------------------------------


def _draw_run(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    n_hid, lag = int(rng.integers(1, 5)), int(rng.integers(0, 5))
    return _driven(rng, n_hid, lag, n_hid + 3 + int(rng.integers(0, 20)))


def _driven(rng, n_hid: int, lag: int, targets: int) -> tuple:
    """States of a random network, some noise on them, and the inputs that drove it."""
    x = rng.uniform(-0.6, 1, lag + targets)
    W_ih, W_hh = rng.normal(0, 0.8, n_hid), rng.normal(0, 0.6, (n_hid, n_hid))
    h_t, h = np.zeros(n_hid), []
    for x_t in x:
        h_t = np.tanh(x_t * W_ih + h_t @ W_hh)
        h.append(h_t + rng.normal(0, 0.1, n_hid))
    return np.stack(h), x, lag


@exercise(
    "This is what a linear readout can decode; summed over the lags, on new steps, it "
    "is the memory capacity.",
    Domain(
        "recall(h, x, lag)",
        "`lag` is at least 0, at least $n_{hid} + 3$ steps have a target, and the "
        "numbers of `h` and `x` are finite and change from step to step.",
        _draw_run,
        weak=(
            _driven(np.random.default_rng(6), 3, 2, 30),
            _driven(np.random.default_rng(7), 2, 0, 12),
            _driven(np.random.default_rng(8), 4, 1, 7),
        ),
    ),
)
def recall(student: Callable, probes: list[Probe]) -> Iterator[Verdict]:
    """Judge `recall(h, x, lag)`: R^2 of a readout of the input of `lag` steps ago."""
    yield judge(
        student, probes, _recall, mistakes=_recall_mistakes, formulas=[_by_residuals]
    )


def _recall(h: np.ndarray, x: np.ndarray, lag: int) -> float:
    return 1 - _unexplained(_with_bias(h[lag:]), x[: len(x) - lag])


def _by_residuals(h: np.ndarray, x: np.ndarray, lag: int) -> float:
    units = np.column_stack([h[lag:], np.ones(len(h) - lag)])
    y = x[: len(x) - lag]
    residuals = y - units @ np.linalg.lstsq(units, y, rcond=None)[0]
    return 1 - (residuals**2).sum() / ((y - y.mean()) ** 2).sum()


def _with_bias(h: np.ndarray) -> np.ndarray:
    return np.column_stack([h, np.ones(len(h))])


def _squared_error(units: np.ndarray, y: np.ndarray) -> float:
    residuals = y - units @ np.linalg.lstsq(units, y, rcond=None)[0]
    return float((residuals**2).sum())


def _unexplained(units: np.ndarray, y: np.ndarray) -> float:
    return _squared_error(units, y) / float(((y - y.mean()) ** 2).sum())


def _recall_mistakes(h: np.ndarray, x: np.ndarray, lag: int) -> dict[str, float]:
    """The share with one mistake each."""
    steps = len(x) - lag
    state, y = h[lag:], x[:steps]
    units = _with_bias(state)
    share = 1 - _unexplained(units, y)
    error = _squared_error(units, y)
    earlier = {  # where the lag is 0, these are right
        "the readout is given the state of `lag` steps ago, and asked for the present "
        "input: the lag goes the other way": (
            1 - _unexplained(_with_bias(h[:steps]), x[lag:])
        ),
        "the targets of the first steps come around from the end of x: leave these "
        "steps out": 1 - _unexplained(_with_bias(h), np.roll(x, lag)),
        "the targets are those of the future: x[t - lag] stands before x[t]": (
            1 - _unexplained(_with_bias(h), np.roll(x, -lag))
        ),
    }
    return {
        "the readout has no bias: give it a unit that is always 1": (
            1 - _unexplained(state, y)
        ),
        "this is the share that is left over, expected 1 minus it": 1 - share,
        "this is the correlation, expected its square": share**0.5,
        "this is the square of the share": share**2,
        "this is the mean squared error": error / steps,
        "this is the sum of the squared errors": error,
        "1 minus the mean squared error: divide it by the variance of the targets": (
            1 - error / steps
        ),
        "the variance of the targets is taken around 0, expected around their mean": (
            1 - error / float((y**2).sum())
        ),
        "the squared errors are divided by the variance of all of x, expected of the "
        "targets": 1 - error / steps / float(x.var()),
        **(earlier if lag else {}),
    }
