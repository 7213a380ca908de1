"""The checks of the exercises of chapter 6."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytensor
from scipy.special import expit

from helpers.check.core import Verdict, call, compare, compare_parts, exercise, unpack
from helpers.check.core.values import SAME, to_numbers
from helpers.check.core.verdicts import right, wrong
from helpers.check.core.words import number
from helpers.tasks.reber import EMBEDDED, SYMBOLS

T, P = SYMBOLS.index("T"), SYMBOLS.index("P")

# The memory of exercise 6.5: how far it must reach, and what is good enough.
LEAST_INNER = 15
STRINGS = 500
GOOD = 0.99


@exercise(
    "At 11 predictions and 7 outputs it is 0.018, beside the 0.69 of an untrained "
    "network."
)
def undecided_cost(student: Callable) -> Iterator[Verdict]:
    """Judge `undecided_cost(predictions, outputs)`: the mean loss of one lost bit."""
    for predictions, outputs in ((11, 7), (29, 5)):
        bit = np.log(2)
        cost = 2 * bit / (outputs * predictions)
        name = f"undecided_cost({predictions}, {outputs})"
        yield compare(
            name,
            call(name, student, predictions, outputs),
            cost,
            mistakes={
                "only one of the two undecided outputs is counted": cost / 2,
                "the logarithm has base 2, expected nats": cost / bit,
                "this is the cost at the one place: the mean is over the predictions "
                "and the outputs": 2 * bit,
                "the mean over the outputs is missing": 2 * bit / predictions,
                "the mean over the predictions is missing": 2 * bit / outputs,
                "it has the wrong sign: a loss is positive": -cost,
                "a softmax would lose ln 2 here. Two sigmoids lose it each, and the "
                "mean is over the outputs too": bit / predictions,
            },
        )


@exercise("One place a string is looked at, and only which of two outputs is larger.")
def share_right(student: Callable) -> Iterator[Verdict]:
    """Judge `share_right(o, place, is_T)`: the share of strings answered right."""
    name = "share_right(o, place, is_T)"
    rng = np.random.default_rng(0)
    for length, n in ((9, 401), (12, 307)):
        o = rng.normal(0, 2, (length, n, len(SYMBOLS)))
        place, some = rng.integers(4, length - 1, n), np.arange(n)
        is_T = rng.random(n) < 0.7
        # Right to another degree at each place, so that no two mistakes look alike.
        for step, by in ((-1, -1.0), (0, 2.0), (1, 0.7)):
            o[place + step, some, T] += by * np.where(is_T, 1, -1)
        larger = o[:, :, T] > o[:, :, P]
        at = larger[place, some]
        yield compare(
            name,
            call(name, student, o.copy(), place.copy(), is_T.copy()),
            np.mean(at == is_T),
            mistakes={
                "the share of wrong answers, expected that of right ones": np.mean(
                    at != is_T
                ),
                "a number of strings, expected a share": np.sum(at == is_T),
                "the share of T among the answers: they are not compared with is_T": (
                    np.mean(at)
                ),
                "all places count, expected one place a string": np.mean(
                    larger == is_T
                ),
                "the last step of all strings, expected the place of each": np.mean(
                    larger[-1] == is_T
                ),
                "one step too late": np.mean(larger[place + 1, some] == is_T),
                "one step too early": np.mean(larger[place - 1, some] == is_T),
                "an output counts only if it is the largest of all seven: compare T "
                "and P alone": np.mean(
                    o[place, some].argmax(axis=1) == np.where(is_T, T, P)
                ),
                "the answer is T where its output is positive: compare it with that "
                "of P": np.mean((o[place, some, T] > 0) == is_T),
            },
        )


@exercise(
    "A gate of 0.73, where a bias of 1 starts it, leaves 4% after ten steps; one "
    "of 0.95, where a bias of 3 does, leaves 62%."
)
def carried(student: Callable) -> Iterator[Verdict]:
    """Judge `carried(f)`: how much of each cell's value is left at the last step."""
    name = "carried(f)"
    for shape in ((6, 3), (4, 1)):
        f = np.random.default_rng(shape[0]).uniform(0.3, 1, shape)
        after = np.concatenate([f[1:], np.ones((1, shape[1]))])
        share = np.cumprod(after[::-1], axis=0)[::-1]
        yield compare(
            name,
            call(name, student, f.copy()),
            share,
            mistakes={
                "the gate of step t itself is counted: it acts on the cell before it, "
                "c_t comes after": np.cumprod(f[::-1], axis=0)[::-1],
                "this is what is left of the first cell at each step, expected what is "
                "left of each at the last": np.cumprod(f, axis=0),
                "the last row is missing: all of c_T is in c_T": share[:-1],
                "the rows are in reverse order": share[::-1],
                "only the first row, expected one for each step": share[0],
                "only one step: the gates of all later steps multiply": after,
                "a sum, expected a product": np.cumsum(after[::-1], axis=0)[::-1],
                "the mean over the cells, expected each for itself": share.mean(axis=1),
                "the product runs over the cells too": np.cumprod(
                    after.prod(axis=1)[::-1]
                )[::-1],
            },
        )


@exercise(
    "It forgets as much as it takes in, with three blocks of weights for four, and "
    "its cell never leaves the range from -1 to 1."
)
def coupled_step(student: Callable) -> Iterator[Verdict]:
    """Judge `coupled_step(x_t, h_tm1, c_tm1, W_ih, W_hh, b_h)`: i = 1 - f."""
    name = "coupled_step(x_t, h_tm1, c_tm1, W_ih, W_hh, b_h)"
    for n_in, n_hid, batch in ((3, 3, ()), (2, 4, (5,))):
        rng = np.random.default_rng(n_hid)
        shapes = (
            (*batch, n_in),
            (*batch, n_hid),
            (*batch, n_hid),
            (n_in, 3 * n_hid),
            (n_hid, 3 * n_hid),
            (3 * n_hid,),
        )
        arrays = [
            rng.normal(0, 0.8, shape).astype(pytensor.config.floatX) for shape in shapes
        ]
        mistakes = _coupled_mistakes(*arrays) if n_in == n_hid else {}
        result = call(name, student, *map(pytensor.shared, arrays))
        h, c = _coupled(*arrays)
        yield compare_parts(
            unpack(name, result, ("h_t", "c_t")),
            {"h_t": h, "c_t": c},
            mistakes=mistakes,
            order=("c_t", "h_t"),
            label=f"{{}} of {name}",
        )


def _coupled(x_t, h_tm1, c_tm1, W_ih, W_hh, b_h):
    """The right step, in NumPy."""
    f, o, g = _blocks(x_t, h_tm1, W_ih, W_hh, b_h)
    c_t = f * c_tm1 + (1 - f) * g
    return o * np.tanh(c_t), c_t


def _blocks(x_t, h_tm1, W_ih, W_hh, b_h):
    f, o, g = np.split(x_t @ W_ih + h_tm1 @ W_hh + b_h, 3, axis=-1)
    return expit(f), expit(o), np.tanh(g)


def _coupled_mistakes(x_t, h_tm1, c_tm1, *weights) -> dict[str, dict[str, np.ndarray]]:
    """The step with one mistake each; there must be as many inputs as units."""
    f, o, g = _blocks(x_t, h_tm1, *weights)
    h_t, c_t = _coupled(x_t, h_tm1, c_tm1, *weights)

    def of_cell(c):
        return {"c_t": c, "h_t": o * np.tanh(c)}

    def pair(h, c):
        return {"h_t": h, "c_t": c}

    def in_order(*order):
        blocks = (np.split(W, 3, axis=-1) for W in weights)
        return [np.concatenate([of_W[i] for i in order], axis=-1) for of_W in blocks]

    W_ih, W_hh, b_h = weights
    return {
        "f and 1 - f are exchanged: f is the share that is kept": of_cell(
            (1 - f) * c_tm1 + f * g
        ),
        "all of the candidate comes in, expected the share 1 - f": of_cell(
            f * c_tm1 + g
        ),
        "the output gate lets the candidate in, expected 1 - f": of_cell(
            f * c_tm1 + o * g
        ),
        "nothing is forgotten: the factor f of the last cell is missing": of_cell(
            c_tm1 + (1 - f) * g
        ),
        "the last cell is missing": of_cell((1 - f) * g),
        "the last state stands in the place of the last cell": of_cell(
            f * h_tm1 + (1 - f) * g
        ),
        "the last cell and the last state are exchanged": pair(
            *_coupled(x_t, c_tm1, h_tm1, *weights)
        ),
        "the arguments come in another order: x_t first, then h_tm1": pair(
            *_coupled(h_tm1, x_t, c_tm1, *weights)
        ),
        "the blocks are in another order: f, o, g": pair(
            *_coupled(x_t, h_tm1, c_tm1, *in_order(1, 0, 2))
        ),
        "the blocks are taken in the order g, f, o, expected f, o, g": pair(
            *_coupled(x_t, h_tm1, c_tm1, *in_order(1, 2, 0))
        ),
        "b_h is missing": pair(*_coupled(x_t, h_tm1, c_tm1, W_ih, W_hh, 0 * b_h)),
        "the tanh of the cell is missing": {"h_t": o * c_t},
        "the output gate is missing": {"h_t": np.tanh(c_t)},
        "the tanh stands around the gate too": {"h_t": np.tanh(o * c_t)},
        "the two results are exchanged: h_t first, then c_t": pair(c_t, h_t),
    }


@exercise(
    f"The symbol has come through inner strings of {LEAST_INNER} symbols and more."
)
def memory(student: Callable) -> Iterator[Verdict]:
    """Judge `memory(prefixes)`: the probability of T after each of these prefixes."""
    rng = np.random.default_rng(6)
    strings = [EMBEDDED.sample(rng, min_inner=LEAST_INNER) for _ in range(STRINGS)]
    prefixes = [string[:-2] for string in strings]
    is_T = np.array([string[1] == "T" for string in strings])
    name = f"memory(prefixes) for {STRINGS} prefixes"
    p = _probabilities(name, call(name, student, list(prefixes)), STRINGS)
    if isinstance(p, Verdict):
        yield p
        return
    few = 3
    alone = f"memory(prefixes[:{few}])"
    p_few = _probabilities(alone, call(alone, student, prefixes[:few]), few)
    if isinstance(p_few, Verdict):
        yield p_few
        return
    if np.abs(p_few - p[:few]).max() > SAME:
        yield wrong(
            alone,
            "a probability depends on the other prefixes, expected each for itself: "
            "does the padding reach the state that is read?",
        )
        return
    yield _judge(name, p, is_T)


def _probabilities(name: str, result: Any, n: int) -> np.ndarray | Verdict:
    """The answers as n probabilities, or the Verdict on why they are none."""

    def hint(shape: tuple[int, ...]) -> str:
        if shape == (n, len(SYMBOLS)):
            return ": only that of T is asked for"
        return ": one number a prefix" if len(shape) == 2 and n in shape else ""

    p = to_numbers(name, result, "answers", (n,), hint)
    if isinstance(p, Verdict):
        return p
    if p.min() < 0 or p.max() > 1:
        return wrong(
            name,
            f"{number(p.min())} to {number(p.max())} are no probabilities: is the "
            "sigmoid missing?",
        )
    return p


def _judge(name: str, p: np.ndarray, is_T: np.ndarray) -> Verdict:
    """Whether the answers are right, and if not, what they are."""
    if np.isin(p, (0, 1)).all() and np.array_equal(p == 1, is_T):
        return wrong(
            name,
            "each answer is exactly 0 or 1. That is the rule itself, and no trained "
            "network is so sure: let a network find it",
        )
    share = np.mean((p > 0.5) == is_T)
    if share >= GOOD:
        return right(name)
    said = f"{100 * share:.0f}% are right, expected at least {100 * GOOD:.0f}%"
    if share <= 1 - GOOD:
        return wrong(name, f"{said}: it says P for T and T for P")
    if np.ptp(p) < SAME:
        return wrong(name, f"{said}: the answer is always {number(p[0])}")
    if share <= 0.55:
        return wrong(name, f"{said}: it is at chance, and nothing came through")
    return wrong(name, f"{said}: it is on the way, but needs more training")
