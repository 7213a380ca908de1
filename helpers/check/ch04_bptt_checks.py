"""The checks of the lab and of the exercises of chapter 4.

What is wrong with a backward pass is found out by
`helpers.check.ch04_backward_mistakes`.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from helpers.check.ch04_backward_mistakes import (
    MISTAKES,
    NAMES,
    Answer,
    Gradients,
    Problem,
    agreement,
    explain,
    random_problems,
    same,
    shows_in,
    symptoms,
    way_back,
    where_to_look,
)
from helpers.check.core import (
    Domain,
    Probe,
    Verdict,
    call,
    compare,
    conclude,
    exercise,
    judge,
    unpack,
)
from helpers.check.core.computation import Computation
from helpers.check.core.judging import found_order
from helpers.check.core.values import to_array
from helpers.check.core.verdicts import not_started, right, wrong
from helpers.check.core.words import describe
from helpers.networks import bptt
from helpers.networks.elman import Elman, hidden_states_numpy, readout
from helpers.networks.suspects import SUSPECTS

# An error travels backwards with the gradient: look where it begins.
ORDER = ("b_o", "W_ho", "b_h", "W_ih", "W_hh", "h0")
ARGUMENTS = f"x, y, {', '.join(Elman._fields)}"


# A backward pass ------------------------------------------------------------------


def backward(
    student: Callable, loss: str = "each", units: str = "tanh", seed: int = 6
) -> None:
    """Judge `backward(x, y, W_ih, W_hh, b_h, W_ho, b_o, h0)`, the six gradients.

    The loss is 1/2 |o - y|^2, summed over "each" step or of the "last" alone; the units
    are "tanh" or "sigmoid". The problems are drawn from `seed`. Of the suspects of
    exercise 4.1 only the one that the chapter works out is told its name. Raises
    ValueError for another `loss` and for other `units`.
    """
    print(_verdict(student, loss, units, seed))


def _verdict(
    student: Callable, loss: str = "each", units: str = "tanh", seed: int = 6
) -> Verdict:
    problems = _problems(loss, units, seed)
    meaning = "All six gradients equal those of backpropagation through time."
    return conclude(_backward(student, problems), meaning)


@lru_cache(8)  # what mistakes make of a problem is kept as well
def _problems(loss: str, units: str, seed: int) -> list[Problem]:
    return random_problems(np.random.default_rng(seed), loss, units)


def _draw_arguments(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """x, y and the six parameters, of any sizes."""
    T, n_in, n_hid, n_out = rng.integers(1, 7, 4)
    params = Elman(
        W_ih=0.6 * rng.standard_normal((n_in, n_hid)),
        W_hh=0.6 * rng.standard_normal((n_hid, n_hid)),
        b_h=0.5 * rng.standard_normal(n_hid),
        W_ho=rng.standard_normal((n_hid, n_out)),
        b_o=rng.standard_normal(n_out),
        h0=rng.uniform(-0.9, 0.9, n_hid),
    )
    return rng.standard_normal((T, n_in)), rng.standard_normal((T, n_out)), *params


SIZES = (
    "There is at least one step, input, hidden unit and output, and all numbers are "
    "finite."
)
backward.domain = Domain(f"backward({ARGUMENTS})", SIZES, _draw_arguments)
backward.verdict = _verdict
SHOWN = "suspect_3"  # the one that the chapter works out


def _backward(student: Callable, problems: list[Problem]) -> Iterator[Verdict]:
    for name, suspect in SUSPECTS.items():
        if student is suspect and name != SHOWN:
            said = "the name of its mistake is asked in exercise 4.1, find it by its "
            yield wrong(name, said + "symptoms and let check.suspects judge")
    answers: dict[str, Answer] = {}
    failed: list[Verdict] = []
    for problem in problems:
        called = "backward" if problem.units == "tanh" else "backward_sigmoid"
        name = f"{called}({ARGUMENTS}) with x of shape {problem.x.shape}"
        arguments = [array.copy() for array in (problem.x, problem.y, *problem.params)]
        truth = way_back(problem)
        got = _gradients(name, call(name, student, *arguments), truth)
        if isinstance(got, Verdict):
            failed.append(got)
        else:
            answers[name] = Answer(problem, got, truth)
    found = explain(list(answers.values()))
    for verdict in failed:
        if verdict.started and found:  # it runs where all sizes are equal
            said = f"{verdict.message} Where it does run it is this. {found}."
            yield Verdict(False, True, said, "mistake")
        yield verdict
    for name, answer in answers.items():
        if answer.wrong:
            unknown = f"Unlike any mistake I know; {where_to_look(answer)}"
            rule = "mistake" if found else "part"
            yield wrong(name, f"{symptoms(answer)}. {found or unknown}", rule)


def _gradients(name: str, result: Any, truth: Gradients) -> Gradients | Verdict:
    """Six arrays of real finite numbers and the right shapes, or the first Verdict."""
    parts = unpack(name, result, Elman._fields)
    if isinstance(parts, Verdict):
        return parts
    arrays = {part: to_array(part, value) for part, value in parts.items()}
    order = found_order(arrays, truth, _is)
    if order:
        said = f"the gradients are right, but in the order {order}"
        return wrong(name, said, "order")
    for part in ORDER:
        array, expected = arrays[part], truth[part]
        malformed = (
            not isinstance(array, np.ndarray)
            or array.shape != expected.shape
            or array.dtype.kind == "c"
            or not np.isfinite(array).all()
        )
        if malformed:
            label = f"the gradient of {part} from {name}"
            return compare(label, parts[part], expected)
    return {part: array.astype(float) for part, array in arrays.items()}


def _is(array: np.ndarray, gradient: np.ndarray) -> bool:
    alike = array.dtype.kind in "iuf" and array.shape == gradient.shape
    return alike and same(array, gradient)


# The lab --------------------------------------------------------------------------


@exercise("You know all of them by their symptoms.")
def suspects(guess: Mapping[str, str]) -> Iterator[Verdict]:
    """Judge `guess`, a mistake by its name for each of `helpers.networks.suspects`."""
    if not isinstance(guess, Mapping):
        yield wrong("guess", f"{describe(guess)}, expected a dict of names")
        return
    verdicts = {name: _suspect(name, guess.get(name, ...)) for name in SUSPECTS}
    if not any(verdict.started for verdict in verdicts.values()):
        yield not_started("guess")
    fine = ", ".join(name for name, verdict in verdicts.items() if verdict.ok)
    for verdict in verdicts.values():
        if not verdict.ok:
            so_far = f"{fine}: right. " if fine else ""
            yield Verdict(False, True, so_far + verdict.message)


def _suspect(name: str, guess: Any) -> Verdict:
    """The verdict on one guess, by what the mistake would do."""
    if guess is Ellipsis:
        return Verdict(False, False, f"{name}: still `...`.")
    if not isinstance(guess, str):
        return wrong(name, f"{describe(guess)}, expected the name of a mistake")
    names = {known.casefold(): known for known in NAMES}
    called = names.get(guess.strip().casefold())
    if not called:
        return wrong(name, f"no mistake is called {guess!r}; check.NAMES has all names")
    problem = random_problems(np.random.default_rng(0))[1]  # all shapes fit
    found = SUSPECTS[name](problem.x, problem.y, *problem.params)
    got = dict(zip(Elman._fields, found, strict=True))
    answer = Answer(problem, got, way_back(problem))
    guessed = [mistake for mistake in MISTAKES if mistake.name == called]
    agreeing = max(agreement((mistake,), [answer]) for mistake in guessed)
    if agreeing and agreeing == explain([answer]).agreeing:
        return right(name)
    theirs, its = shows_in(guessed[0], answer), answer.wrong
    more = ", ".join(part for part in theirs if part not in its)
    less = ", ".join(part for part in its if part not in theirs)
    if more:
        why = f"would make {more} wrong too, but here that is right"
    elif less:
        why = f"would leave {less} right, but here that is wrong"
    else:
        why = "does make the same gradients wrong, but in another way"
    return wrong(name, f"{called!r} {why}")


# The other exercises --------------------------------------------------------------


def _draw_bound(rng: np.random.Generator) -> tuple[np.ndarray, int, float]:
    n = rng.integers(1, 5)
    lag, steepest = int(rng.integers(0, 6)), round(rng.uniform(0.1, 1), 3)
    return rng.normal(size=(n, n)), lag, steepest


@exercise(
    "No gradient of this network can be larger after so many steps.",
    Domain(
        "bound(W_hh, lag, steepest)",
        "`lag` is a whole number from 0 on, and `steepest` is positive.",
        _draw_bound,
        weak=(
            (np.array([[0.5, 2, 0], [0, 0.5, 1], [0.2, 0, 0.4]]), 3, 1.0),
            (np.array([[1.5, -1], [2, 0.5]]), 4, 0.25),
            (np.array([[1.5, -1], [2, 0.5]]), 0, 0.25),
        ),
    ),
)
def bound(student: Callable, probes: list[Probe]) -> Iterator[Verdict]:
    """Judge `bound(W_hh, lag, steepest)`: how much of a gradient can get so far."""
    yield judge(student, probes, _bound, mistakes=_bound_mistakes)


def _bound(W_hh: np.ndarray, lag: int, steepest: float) -> float:
    return (steepest * np.linalg.norm(W_hh, 2)) ** lag


def _bound_mistakes(W: np.ndarray, lag: int, steepest: float) -> dict[str, float]:
    """The bounds with one mistake each."""
    norm = np.linalg.norm(W, 2)

    def power(n, c=1.0):
        return (c * n) ** lag

    return {
        "the spectral radius is no bound for single vectors, expected the "
        "largest singular value": power(np.abs(np.linalg.eigvals(W)).max(), steepest),
        "the norm of the product is no bound, because the slopes come between: "
        "take the product of the norms": (
            power(steepest) * np.linalg.norm(np.linalg.matrix_power(W, lag), 2)
        ),
        "this is the root of the sum of squares (np.linalg.norm without a "
        "second argument); a bound, but a larger one than need be": (
            power(np.linalg.norm(W), steepest)
        ),
        "the slopes are missing": power(norm),
        "there is a slope at each step, not only at one": power(norm) * steepest,
        "one step too many": power(norm, steepest) * norm * steepest,
        "one step too few": power(norm, steepest) / (norm * steepest),
        "this is the factor of a single step": norm * steepest,
        "multiplied by the lag, expected to the power of it": norm * steepest * lag,
        "this takes the largest element, expected the largest singular value": (
            power(np.abs(W).max(), steepest)
        ),
    }


def _draw_leaky(rng: np.random.Generator) -> tuple:
    return *_draw_arguments(rng), round(rng.uniform(0.05, 0.95), 3)


# What is right, by what is wrong first on the way back.
LEADS = {
    "b_o": "b_o comes first on the way back: look at the forward pass and at d_o",
    "W_ho": "d_o is right, since b_o is: look at the product with the state",
    "b_h": "d_o is right: look at the loop that carries it back, up to d_a",
    "W_ih": "d_a is right, since b_h is: look at its product with x",
    "W_hh": "d_a is right, since b_h is: look at its product with h_{t-1}",
    "h0": "The sums are right: look at how the loop ends",
}


@exercise(
    "The errors go back on both ways, through the weights and past them.",
    Domain(
        f"leaky_backward({ARGUMENTS}, alpha)",
        SIZES.replace("finite.", "finite; `alpha` lies between 0 and 1."),
        _draw_leaky,
        weak=[
            (x, y, *params, 0.3)
            for x, y, params, *_ in random_problems(np.random.default_rng(1))[:2]
        ],
        drawn=4,
    ),
)
def leaky_backward(student: Callable, probes: list[Probe]) -> Iterator[Verdict]:
    """Judge `leaky_backward(x, y, W_ih, W_hh, b_h, W_ho, b_o, h0, alpha)`."""
    yield judge(
        student,
        probes,
        _leaky,
        mistakes=lambda *arguments: {
            sentence: _leaky(*arguments, formulas)
            for sentence, formulas in LEAKY_MISTAKES.items()
        },
        parts=Elman._fields,
        order=ORDER,
        leads=LEADS,
    )


def _leaky(
    x, y, W_ih, W_hh, b_h, W_ho, b_o, h0, alpha, *mistakes: Mapping[str, Callable]
) -> Gradients:
    """The six gradients, right without mistakes (see `Computation`)."""
    w = Computation(*mistakes)
    w.alpha, w.W_hh = alpha, W_hh
    states, g, d_a = [h0], [], []
    for x_t in x:
        w.g_t = np.tanh(x_t @ W_ih + states[-1] @ W_hh + b_h)
        w.h_t = (1 - alpha) * states[-1] + alpha * w.g_t
        g.append(w.g_t)
        states.append(w.h_t)
    before, w.h, w.g = np.array(states[:-1]), np.array(states[1:]), np.array(g)
    d_o = w.h @ W_ho + b_o - y
    w.slopes = 1 - w.g**2
    later = np.zeros_like(h0)
    for t in reversed(range(len(x))):
        w.d_h, w.slope = d_o[t] @ W_ho.T + later, w.slopes[t]
        w.d_a = alpha * w.d_h * w.slope
        w.past = (1 - alpha) * w.d_h  # past the weights, and through them
        w.through = w.d_a @ W_hh.T
        later = w.past + w.through
        d_a.insert(0, w.d_a)
    w.d_h0 = later
    return {
        "W_ih": x.T @ d_a,
        "W_hh": before.T @ d_a,
        "b_h": np.sum(d_a, axis=0),
        "W_ho": w.h.T @ d_o,
        "b_o": d_o.sum(axis=0),
        "h0": w.d_h0,
    }


LEAKY_MISTAKES: dict[str, dict[str, Callable]] = {
    "nothing leaks: these are the states of the plain network": {
        "h_t": lambda w: w.g_t
    },
    "the leak is missing on the way back: d_h also reaches h_{t-1} past the "
    "weights, times 1 - alpha": {"past": lambda w: 0 * w.d_h},
    "the slope is taken as 1 - h^2; it belongs to the tanh inside, which is not h_t": {
        "slopes": lambda w: 1 - w.h**2
    },
    "the slope is missing": {"slopes": lambda w: np.ones_like(w.g)},
    "alpha is missing: only the share alpha of d_h goes into the tanh": {
        "d_a": lambda w: w.d_h * w.slope
    },
    "what leaks is multiplied by the slope; it does not pass the tanh": {
        "past": lambda w: (1 - w.alpha) * w.d_h * w.slope
    },
    "1 - alpha is missing in what goes past the weights": {"past": lambda w: w.d_h},
    "alpha and 1 - alpha are exchanged on the way back": {
        "d_a": lambda w: (1 - w.alpha) * w.d_h * w.slope,
        "past": lambda w: w.alpha * w.d_h,
    },
    "W_hh is not transposed on the way back": {"through": lambda w: w.d_a @ w.W_hh},
    "the way through W_hh is missing": {"through": lambda w: 0 * w.d_h},
    "what goes past the weights of the first step is missing": {
        "d_h0": lambda w: w.through
    },
    "what goes through the weights of the first step is missing": {
        "d_h0": lambda w: w.past
    },
}


def _draw_window(rng: np.random.Generator) -> tuple:
    arguments = _draw_arguments(rng)
    return *arguments, int(rng.integers(1, len(arguments[0]) + 2))


@exercise(
    "Each error goes back through k steps, and through all if there are fewer.",
    Domain(
        f"window_gradients({ARGUMENTS}, k)",
        SIZES.replace("finite.", "finite; `k` is at least 1 and may exceed $T$."),
        _draw_window,
        weak=[
            (x, y, *params, k)
            for (x, y, params, *_), k in zip(
                random_problems(np.random.default_rng(2)), (3, 1, 40), strict=True
            )
        ],
        drawn=4,
    ),
)
def window_gradients(student: Callable, probes: list[Probe]) -> Iterator[Verdict]:
    """Judge `window_gradients(x, y, W_ih, W_hh, b_h, W_ho, b_o, h0, k)`."""
    yield judge(
        student,
        probes,
        _windows,
        mistakes=_window_mistakes,
        parts=Elman._fields,
        order=ORDER,
        leads=LEADS,
        formulas=[_output_by_output],
    )


def _passed(x, y, *params) -> tuple:
    """x, the states, the errors of the outputs and the parameters."""
    params = Elman(*params)
    h = hidden_states_numpy(x, params)
    return x, h, readout(h, params) - y, params


def _windows(*arguments) -> Gradients:
    *others, k = arguments
    return bptt.windows(*_passed(*others), k)._asdict()


def _output_by_output(x, y, W_ih, W_hh, b_h, W_ho, b_o, h0, k) -> Gradients:
    """The same as it is told: one output after the other."""
    h = [h0]
    for x_t in x:
        h.append(np.tanh(x_t @ W_ih + h[-1] @ W_hh + b_h))
    sums = {name: 0.0 for name in Elman._fields}
    for s in range(1, len(x) + 1):
        d_o = h[s] @ W_ho + b_o - y[s - 1]
        sums["W_ho"] += np.outer(h[s], d_o)
        sums["b_o"] += d_o
        d_h = d_o @ W_ho.T
        for t in range(s, max(s - k, 0), -1):
            d_a = d_h * (1 - h[t] ** 2)
            sums["W_ih"] += np.outer(x[t - 1], d_a)
            sums["W_hh"] += np.outer(h[t - 1], d_a)
            sums["b_h"] += d_a
            d_h = d_a @ W_hh.T
        if s <= k:
            sums["h0"] += d_h
    return sums


def _window_mistakes(*arguments) -> dict[str, Gradients]:
    """The gradients with one mistake each."""
    *others, k = arguments
    passed = _passed(*others)
    mistakes = {
        "this is the whole gradient": bptt.bptt(*passed)._asdict(),
        "one step too far: the step of the output itself counts": (
            _windows(*others, k + 1)
        ),
        "cut off at fixed places, expected k steps back from each output": (
            bptt.chunks(*passed, k)._asdict()
        ),
        "h0 is always zero, but the first k outputs reach it": {
            "h0": 0 * passed[-1].h0
        },
        "only the last k steps are gone back through, expected k steps from each "
        "output": bptt.last_steps(*passed, k)._asdict(),
    }
    if k > 1:
        mistakes["one step too short: k counts the step of the output itself"] = (
            _windows(*others, k - 1)
        )
    return mistakes


def _draw_relu(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    return _relu_example(rng, *rng.integers(1, 6, 3))


def _relu_example(rng, T, n_in, n_hid) -> tuple[np.ndarray, ...]:
    W_ih, W_hh = rng.normal(0, 0.7, (n_in, n_hid)), rng.normal(0, 0.7, (n_hid,) * 2)
    x, b_h = rng.standard_normal((T, n_in)), rng.uniform(0.5, 1.5, n_hid)
    return x, W_ih, W_hh, b_h, rng.standard_normal(n_hid)


@exercise(
    "Entry k is the norm of the gradient at the state k steps before the last.",
    Domain(
        "relu_lags(x, W_ih, W_hh, b_h, d_h)",
        "There is at least one step, input and hidden unit, and all numbers are "
        "finite.",
        _draw_relu,
        weak=[
            _relu_example(np.random.default_rng(7), 7, 2, 5),
            _relu_example(np.random.default_rng(4), 4, 3, 3),
        ],
    ),
)
def relu_lags(student: Callable, probes: list[Probe]) -> Iterator[Verdict]:
    """Judge `relu_lags(x, W_ih, W_hh, b_h, d_h)`: norms of gradients by lag."""
    yield judge(
        student, probes, _norms, mistakes=_relu_mistakes, formulas=[_step_by_step]
    )


def _norms(x, W_ih, W_hh, b_h, d_h) -> np.ndarray:
    return np.linalg.norm(_by_lag(x, W_ih, W_hh, b_h, d_h)[:-1], axis=1)


def _step_by_step(x, W_ih, W_hh, b_h, d_h) -> np.ndarray:
    """The same without `Computation`."""
    h = [np.zeros(len(b_h))]
    for x_t in x:
        h.append(np.maximum(x_t @ W_ih + h[-1] @ W_hh + b_h, 0))
    lengths = []
    for t in range(len(x), 0, -1):
        lengths.append(np.linalg.norm(d_h))
        d_h = (d_h * (h[t] > 0)) @ W_hh.T
    return np.array(lengths)


def _relu_mistakes(*arguments) -> dict[str, np.ndarray]:
    """The norms with one mistake each."""
    d_h = _by_lag(*arguments)  # to lag T, the state h0
    norms = np.linalg.norm(d_h[:-1], axis=1)
    return {
        "in the order of time, expected by lag, the last state first": norms[::-1],
        "lag 0 is missing: the norm of d_h itself": norms[1:],
        **{
            sentence: np.linalg.norm(_by_lag(*arguments, formulas)[:-1], axis=1)
            for sentence, formulas in RELU_MISTAKES.items()
        },
        "the squares of the norms": norms**2,
        "the state h0, before the first step, is among them": (
            np.linalg.norm(d_h, axis=1)
        ),
        "divided by the first, expected the norms themselves": norms / norms[0],
        "the sums of absolute values, expected the norms": (
            np.abs(d_h[:-1]).sum(axis=1)
        ),
        "the largest absolute values, expected the norms": (
            np.abs(d_h[:-1]).max(axis=1)
        ),
    }


def _by_lag(
    x: np.ndarray,
    W_ih: np.ndarray,
    W_hh: np.ndarray,
    b_h: np.ndarray,
    d_h: np.ndarray,
    *mistakes: Mapping[str, Callable],
) -> np.ndarray:
    """The gradients at h_T, ..., h_0 (T + 1, n_hid), right without mistakes."""
    w = Computation(*mistakes)
    states = [np.zeros_like(b_h)]
    for x_t in x:
        w.a_t = x_t @ W_ih + states[-1] @ W_hh + b_h
        w.h_t = np.maximum(w.a_t, 0)
        states.append(w.h_t)
    w.before, w.h = np.array(states[:-1]), np.array(states[1:])
    w.slopes = w.h > 0
    w.back = W_hh.T
    gradients = [d_h]
    for slope in w.slopes[::-1]:
        gradients.append((gradients[-1] * slope) @ w.back)
    return np.array(gradients)


RELU_MISTAKES: dict[str, dict[str, Callable]] = {
    "the slopes are those of tanh, expected 1 where the relu passes and 0 where not": {
        "slopes": lambda w: 1 - w.h**2
    },
    "the slopes are missing": {"slopes": lambda w: np.ones_like(w.h)},
    "the slope is taken one step too early, expected that of the relu that made h_t": {
        "slopes": lambda w: w.before > 0
    },
    "the slopes are the states, expected 1 where the relu passes": {
        "slopes": lambda w: w.h
    },
    "W_hh is not transposed": {"back": lambda w: w.back.T},
    "these are the states of tanh units": {"h_t": lambda w: np.tanh(w.a_t)},
    "these are the states without a relu": {"h_t": lambda w: w.a_t},
}


def _draw_states(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    T, n = rng.integers(1, 6, 2)
    return rng.uniform(-0.9, 0.9, (T, n)), rng.normal(0, 0.8, (n, n))


@exercise(
    "Row i tells what a change of unit i at the start does to all units at the end.",
    Domain(
        "jacobian(h, W_hh)",
        "There is at least one step and one hidden unit, the states lie between -1 "
        "and 1, and all numbers are finite.",
        _draw_states,
        weak=(
            (
                np.array([[0.5, -0.8, 0.1], [-0.3, 0.6, 0.9], [0.7, 0.2, -0.4]]),
                np.array([[0.5, 2, 0], [-1, 0.5, 1], [0.2, 0.3, 0.4]]),
            ),
            (np.array([[0.5, -0.8]]), np.array([[1.5, -1], [2, 0.5]])),
        ),
    ),
)
def jacobian(student: Callable, probes: list[Probe]) -> Iterator[Verdict]:
    """Judge `jacobian(h, W_hh)`: the derivative of the last state by the first."""
    yield judge(
        student,
        probes,
        _jacobian,
        mistakes=_jacobian_mistakes,
        formulas=[_unit_by_unit],
    )


def _jacobian(h: np.ndarray, W_hh: np.ndarray) -> np.ndarray:
    J = np.eye(len(W_hh))
    for h_t in h:
        J = J @ (W_hh * (1 - h_t**2))
    return J


def _unit_by_unit(h: np.ndarray, W_hh: np.ndarray) -> np.ndarray:
    """The same, by the errors of single units on their way back."""
    columns = []
    for error in np.eye(len(W_hh)):
        for h_t in h[::-1]:
            error = (error * (1 - h_t**2)) @ W_hh.T
        columns.append(error)
    return np.array(columns).T


def _jacobian_mistakes(h: np.ndarray, W_hh: np.ndarray) -> dict[str, np.ndarray]:
    """The matrices with one mistake each."""
    slopes = 1 - h**2
    power = np.linalg.matrix_power(W_hh, len(h))

    def product(factors):
        J = np.eye(len(W_hh))
        for factor in factors:
            J = J @ factor
        return J

    return {
        "rows and columns are exchanged: row i belongs to unit i at the start": (
            _jacobian(h, W_hh).T
        ),
        "W_hh is transposed: what goes forward meets W_hh itself": (
            _jacobian(h, W_hh.T)
        ),
        "the factors are in the reverse order: the first step comes first": (
            _jacobian(h[::-1], W_hh)
        ),
        "the slopes are missing": power,
        "the slopes are on the wrong side: they are those of the units that W_hh "
        "leads to, its columns": product(s[:, None] * W_hh for s in slopes),
        "the slope is taken as 1 - h, expected 1 - h^2": (
            product(W_hh * (1 - h_t) for h_t in h)
        ),
        "the slopes are the states, expected 1 - h^2": product(W_hh * h_t for h_t in h),
        "the first step is missing": _jacobian(h[1:], W_hh),
        "the last step is missing": _jacobian(h[:-1], W_hh),
        "multiplied element by element, expected the product of matrices": (
            np.prod([W_hh * s for s in slopes], axis=0)
        ),
        "the factors are added, expected their product": (
            np.sum([W_hh * s for s in slopes], axis=0)
        ),
    }


def _draw_batch(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    n, size = rng.integers(1, 6, 2)
    g = rng.standard_normal((n, size)) * rng.choice([0.1, 1, 10], (n, 1))
    return g, round(rng.uniform(0.5, 2), 2)


@exercise(
    "No example moves the mean further than its share of the limit.",
    Domain(
        "mean_of_clipped(g, limit)",
        "There is at least one example and one parameter, all numbers are finite, and "
        "`limit` is positive.",
        _draw_batch,
        weak=(
            (np.array([[3.0, 4.0, 0.0], [0.1, -0.2, 0.3], [-9.0, 2.0, 6.0]]), 2.0),
            (np.array([[0.0, 0.0], [0.3, -0.4], [30.0, 40.0]]), 1.0),
        ),
    ),
)
def mean_of_clipped(student: Callable, probes: list[Probe]) -> Iterator[Verdict]:
    """Judge `mean_of_clipped(g, limit)`: clipped example by example."""
    yield judge(
        student,
        probes,
        _mean_of_clipped,
        mistakes=_clipping_mistakes,
        formulas=[_row_by_row],
    )


def _mean_of_clipped(g: np.ndarray, limit: float) -> np.ndarray:
    norms = np.linalg.norm(g, axis=1, keepdims=True)
    return (g * limit / np.maximum(norms, limit)).mean(axis=0)


def _row_by_row(g: np.ndarray, limit: float) -> np.ndarray:
    """The same, by a loop."""
    total = np.zeros(g.shape[1])
    for row in g:
        norm = np.sqrt((row**2).sum())
        total += row * limit / norm if norm > limit else row
    return total / len(g)


def _clipping_mistakes(g: np.ndarray, limit: float) -> dict[str, np.ndarray]:
    """The means with one mistake each."""
    mean, norms = g.mean(axis=0), np.linalg.norm(g, axis=1, keepdims=True)
    columns, largest = np.linalg.norm(g, axis=0), np.abs(g).max(axis=1, keepdims=True)
    right = _mean_of_clipped(g, limit)
    return {
        "the mean is clipped: clip each example first, then take the mean": (
            mean * limit / max(np.linalg.norm(mean), limit)
        ),
        "clipped by value, expected by norm": np.clip(g, -limit, limit).mean(axis=0),
        "the sum over the examples, expected the mean": right * len(g),
        "what is shorter than the limit is made longer, expected as it is": (
            g * limit / np.where(norms > 0, norms, 1)
        ).mean(axis=0),
        "one norm of the whole batch, expected one for each example": (
            (g * limit / max(np.linalg.norm(g), limit)).mean(axis=0)
        ),
        "a norm for each parameter, expected one for each example": (
            (g * limit / np.maximum(columns, limit)).mean(axis=0)
        ),
        "the largest element is taken for the norm": (
            (g * limit / np.maximum(largest, limit)).mean(axis=0)
        ),
        "what is longer than the limit gets the length 1, expected the limit": (
            np.where(norms > limit, g / np.maximum(norms, limit), g).mean(axis=0)
        ),
        "what is longer than the limit is left out, expected shortened": (
            np.where(norms > limit, 0, g).mean(axis=0)
        ),
        "nothing is clipped": mean,
    }


def _draw_layer(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
    n, m = rng.integers(1, 5, 2)
    size = rng.choice([0.1, 1, 10])
    d_W, d_b = size * rng.standard_normal((n, m)), size * rng.standard_normal(m)
    return d_W, d_b, round(rng.uniform(0.5, 2), 2)


@exercise(
    "The two keep their common direction, and are no longer than the limit together.",
    Domain(
        "clip(d_W, d_b, limit)",
        "There is at least one weight and one bias, all numbers are finite, and "
        "`limit` is positive.",
        _draw_layer,
        # Each longer than the limit, one, none but both together; shorter; zero.
        weak=(
            (np.array([[0.6, -0.8], [0.0, 2.4]]), np.array([3.0, -4.0]), 2.0),
            (np.array([[6.0, 2.0, -3.0]]), np.array([0.1, 0.0, 0.2]), 2.0),
            (np.array([[0.6, -0.8], [0.0, 1.2]]), np.array([1.5, -0.5]), 2.0),
            (np.array([[0.3], [-0.2]]), np.array([0.1]), 1.5),
            (np.zeros((2, 2)), np.zeros(2), 0.5),
        ),
    ),
)
def clip(student: Callable, probes: list[Probe]) -> Iterator[Verdict]:
    """Judge `clip(d_W, d_b, limit)`: two parameters, clipped by norm together."""
    yield judge(
        student,
        probes,
        _clip,
        mistakes=_together_mistakes,
        parts=("d_W", "d_b"),
        formulas=[_if_longer],
    )


def _clip(d_W: np.ndarray, d_b: np.ndarray, limit: float) -> tuple:
    norm = np.sqrt((d_W**2).sum() + (d_b**2).sum())
    share = limit / np.maximum(norm, limit)
    return d_W * share, d_b * share


def _if_longer(d_W: np.ndarray, d_b: np.ndarray, limit: float) -> tuple:
    """The same, by a condition."""
    norm = np.linalg.norm(np.append(d_W, d_b))
    if norm > limit:
        return limit * d_W / norm, limit * d_b / norm
    return d_W, d_b


def _together_mistakes(
    d_W: np.ndarray, d_b: np.ndarray, limit: float
) -> dict[str, dict[str, np.ndarray]]:
    """The pairs with one mistake each."""
    both = {"d_W": d_W, "d_b": d_b}
    squares = [(g**2).sum() for g in both.values()]
    of_W, of_b = np.sqrt(squares)
    norm, longer = np.sqrt(sum(squares)), sum(squares) > limit**2
    largest = max(np.abs(g).max() for g in both.values())

    def times(share):
        return {name: g * share for name, g in both.items()}

    def by(length):
        return times(limit / np.maximum(length, limit))

    return {
        "each is clipped by its own norm, expected one norm of the two together": {
            "d_W": by(of_W)["d_W"],
            "d_b": by(of_b)["d_b"],
        },
        "clipped by value, expected by norm": {
            name: np.clip(g, -limit, limit) for name, g in both.items()
        },
        "what is shorter than the limit is made longer, expected as it is": (
            times(limit / (norm or 1))
        ),
        "the sum of the two norms is taken for the norm": by(of_W + of_b),
        "the larger of the two norms is taken for the norm": by(max(of_W, of_b)),
        "the norm of d_W is taken for that of the two": by(of_W),
        "the largest element is taken for the norm": by(largest),
        "the root is missing: the norm is the root of the sum of the squares": (
            by(norm**2)
        ),
        "the mean of the squares is taken, expected their sum": (
            by(norm / np.sqrt(d_W.size + d_b.size))
        ),
        "the largest singular value is taken for the norm of d_W": (
            by(np.hypot(np.linalg.norm(d_W, 2), of_b))
        ),
        "what is longer than the limit gets the length 1, expected the limit": (
            times(1 / norm if longer else 1)
        ),
        "what is longer than the limit is set to zero, expected shortened": (
            times(0 if longer else 1)
        ),
        "d_b is not clipped": both | {"d_W": by(norm)["d_W"]},
        "nothing is clipped": both,
    }
