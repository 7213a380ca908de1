"""The checks of the lab and of the exercises of chapter 4.

What is wrong with a backward pass is found out by
`helpers.check.ch04_backward_mistakes`.
"""

from collections.abc import Callable, Iterator, Mapping
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
    Verdict,
    call,
    compare,
    compare_parts,
    conclude,
    exercise,
    unpack,
)
from helpers.check.core.computation import Computation
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
    are "tanh" or "sigmoid". The problems are drawn from `seed`. Raises ValueError for
    another `loss` and for other `units`.
    """
    problems = random_problems(np.random.default_rng(seed), loss, units)
    meaning = "All six gradients equal those of backpropagation through time."
    print(conclude(_backward(student, problems), meaning))


def _backward(student: Callable, problems: list[Problem]) -> Iterator[Verdict]:
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
            yield Verdict(False, True, said)
        yield verdict
    for name, answer in answers.items():
        if answer.wrong:
            unknown = f"Unlike any mistake I know; {where_to_look(answer)}"
            yield wrong(name, f"{symptoms(answer)}. {found or unknown}")


def _gradients(name: str, result: Any, truth: Gradients) -> Gradients | Verdict:
    """Six arrays of real finite numbers and the right shapes, or the first Verdict."""
    parts = unpack(name, result, Elman._fields)
    if isinstance(parts, Verdict):
        return parts
    arrays = {part: to_array(part, value) for part, value in parts.items()}
    order = _order(arrays, truth)
    if order:
        return wrong(name, f"the gradients are right, but in the order {order}")
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


def _order(arrays: Mapping[str, Any], truth: Gradients) -> str:
    """The order of six right gradients, if it is not that of the parameters."""
    found = [
        name
        for array in arrays.values()
        if isinstance(array, np.ndarray) and array.dtype.kind in "iuf"
        for name, gradient in truth.items()
        if array.shape == gradient.shape and same(array, gradient)
    ]
    exchanged = sorted(found) == sorted(truth) and found != list(truth)
    return ", ".join(found) if exchanged else ""


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
    if guess.strip() not in NAMES:
        return wrong(name, f"no mistake is called {guess!r}; check.NAMES has all names")
    problem = random_problems(np.random.default_rng(0))[1]  # all shapes fit
    found = SUSPECTS[name](problem.x, problem.y, *problem.params)
    got = dict(zip(Elman._fields, found, strict=True))
    answer = Answer(problem, got, way_back(problem))
    guessed = [mistake for mistake in MISTAKES if mistake.name == guess.strip()]
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
    return wrong(name, f"{guess.strip()!r} {why}")


# The other exercises --------------------------------------------------------------


@exercise("No gradient of this network can be larger after so many steps.")
def bound(student: Callable) -> Iterator[Verdict]:
    """Judge `bound(W_hh, lag, steepest)`: how much of a gradient can get so far."""
    for rows, lag, steepest in (
        ([[0.5, 2, 0], [0, 0.5, 1], [0.2, 0, 0.4]], 3, 1.0),
        ([[1.5, -1], [2, 0.5]], 4, 0.25),
        ([[1.5, -1], [2, 0.5]], 0, 0.25),
    ):
        W = np.array(rows)
        norm = np.linalg.norm(W, 2)

        def power(n, c=1.0, lag=lag):
            return (c * n) ** lag

        name = f"bound({rows}, {lag}, {steepest})"
        yield compare(
            name,
            call(name, student, W.copy(), lag, steepest),
            power(norm, steepest),
            mistakes={
                "the spectral radius is no bound for single vectors, expected the "
                "largest singular value": (
                    power(np.abs(np.linalg.eigvals(W)).max(), steepest)
                ),
                "the norm of the product is no bound, because the slopes come between: "
                "take the product of the norms": (
                    power(steepest) * np.linalg.norm(np.linalg.matrix_power(W, lag), 2)
                ),
                "this is the root of the sum of squares (np.linalg.norm without a "
                "second argument); a bound, but a larger one than need be": (
                    power(np.linalg.norm(W), steepest)
                ),
                "the slopes are missing": power(norm),
                "there is a slope at each step, not only at one": (
                    power(norm) * steepest
                ),
                "one step too many": power(norm, steepest) * norm * steepest,
                "one step too few": power(norm, steepest) / (norm * steepest),
                "this is the factor of a single step": norm * steepest,
                "multiplied by the lag, expected to the power of it": (
                    norm * steepest * lag
                ),
                "this takes the largest element, expected the largest singular value": (
                    power(np.abs(W).max(), steepest)
                ),
            },
        )


@exercise("The errors go back on both ways, through the weights and past them.")
def leaky_backward(student: Callable) -> Iterator[Verdict]:
    """Judge `leaky_backward(x, y, W_ih, W_hh, b_h, W_ho, b_o, h0, alpha)`."""
    alpha = 0.3
    problems = random_problems(np.random.default_rng(1))
    for x, y, params, *_ in problems[:2]:
        name = f"leaky_backward({ARGUMENTS}, alpha) with x of shape {x.shape}"
        arguments = [array.copy() for array in (x, y, *params)]
        result = call(name, student, *arguments, alpha)
        yield compare_parts(
            unpack(name, result, Elman._fields),
            _leaky(x, y, params, alpha),
            mistakes={
                sentence: _leaky(x, y, params, alpha, formulas)
                for sentence, formulas in LEAKY_MISTAKES.items()
            },
            order=ORDER,
            label=f"{{}} from {name}",
        )


def _leaky(
    x: np.ndarray,
    y: np.ndarray,
    params: Elman,
    alpha: float,
    *mistakes: Mapping[str, Callable],
) -> Gradients:
    """The six gradients, right without mistakes (see `Computation`)."""
    w = Computation(*mistakes)
    w.alpha, w.W_hh = alpha, params.W_hh
    states, g, d_a = [params.h0], [], []
    for x_t in x:
        w.g_t = np.tanh(x_t @ params.W_ih + states[-1] @ params.W_hh + params.b_h)
        w.h_t = (1 - alpha) * states[-1] + alpha * w.g_t
        g.append(w.g_t)
        states.append(w.h_t)
    before, w.h, w.g = np.array(states[:-1]), np.array(states[1:]), np.array(g)
    d_o = readout(w.h, params) - y
    w.slopes = 1 - w.g**2
    later = np.zeros_like(params.h0)
    for t in reversed(range(len(x))):
        w.d_h, w.slope = d_o[t] @ params.W_ho.T + later, w.slopes[t]
        w.d_a = alpha * w.d_h * w.slope
        w.past = (1 - alpha) * w.d_h  # past the weights, and through them
        w.through = w.d_a @ params.W_hh.T
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


@exercise("Each error goes back through k steps, and through all if there are fewer.")
def window_gradients(student: Callable) -> Iterator[Verdict]:
    """Judge `window_gradients(x, y, W_ih, W_hh, b_h, W_ho, b_o, h0, k)`."""
    problems = random_problems(np.random.default_rng(2))
    for (x, y, params, *_), k in zip(problems, (3, 1, 40), strict=True):
        h = hidden_states_numpy(x, params)
        passed = (x, h, readout(h, params) - y, params)

        def gradients(way=bptt.windows, k=k, passed=passed):
            return way(*passed, k)._asdict()

        full = bptt.bptt(*passed)._asdict()
        mistakes = {
            "this is the whole gradient": full,
            "one step too far: the step of the output itself counts": gradients(
                k=k + 1
            ),
            "cut off at fixed places, expected k steps back from each output": (
                gradients(bptt.chunks)
            ),
            "h0 is always zero, but the first k outputs reach it": {
                "h0": 0 * params.h0
            },
            "only the last k steps are gone back through, expected k steps from each "
            "output": gradients(bptt.last_steps),
        }
        if k > 1:
            mistakes["one step too short: k counts the step of the output itself"] = (
                gradients(k=k - 1)
            )
        name = f"window_gradients({ARGUMENTS}, {k}) with x of shape {x.shape}"
        arguments = [array.copy() for array in (x, y, *params)]
        yield compare_parts(
            unpack(name, call(name, student, *arguments, k), Elman._fields),
            gradients(),
            mistakes=mistakes,
            order=ORDER,
            label=f"{{}} from {name}",
        )


@exercise("Entry k is the norm of the gradient at the state k steps before the last.")
def relu_lags(student: Callable) -> Iterator[Verdict]:
    """Judge `relu_lags(x, W_ih, W_hh, b_h, d_h)`: norms of gradients by lag."""
    for T, n_in, n_hid in ((7, 2, 5), (4, 3, 3)):
        rng = np.random.default_rng(T)
        W_ih, W_hh = rng.normal(0, 0.7, (n_in, n_hid)), rng.normal(0, 0.7, (n_hid,) * 2)
        arguments = [
            rng.standard_normal((T, n_in)),
            W_ih,
            W_hh,
            rng.uniform(0.5, 1.5, n_hid),
            rng.standard_normal(n_hid),
        ]
        d_h = _by_lag(*arguments)  # to lag T, the state h0
        norms = np.linalg.norm(d_h[:-1], axis=1)
        name = f"relu_lags(x, W_ih, W_hh, b_h, d_h) with x of shape {(T, n_in)}"
        yield compare(
            name,
            call(name, student, *(array.copy() for array in arguments)),
            norms,
            mistakes={
                "in the order of time, expected by lag, the last state first": (
                    norms[::-1]
                ),
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
            },
        )


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
