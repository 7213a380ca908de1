"""The checks of the exercises of chapter 6."""

from collections.abc import Callable, Iterator, Sequence
from itertools import permutations
from typing import Any

import numpy as np
import pytensor
from scipy.special import expit

from helpers.check.clues import ask, changed, with_clue
from helpers.check.core import Domain, Probe, Verdict, call, exercise, judge
from helpers.check.core.computation import Computation
from helpers.check.core.values import SAME, to_numbers
from helpers.check.core.verdicts import right, wrong
from helpers.check.core.words import number
from helpers.tasks.reber import EMBEDDED, SYMBOLS

T, P = SYMBOLS.index("T"), SYMBOLS.index("P")

# The memory of exercise 6.5: how far it must reach, and what is good enough.
LEAST_INNER = 15
STRINGS = 500
GOOD = 0.99


# Exercise 6.1 --------------------------------------------------------------------


def _draw_sizes(rng: np.random.Generator) -> tuple[int, int]:
    return int(rng.integers(1, 60)), int(rng.integers(2, 20))


@exercise(
    "At 11 predictions and 7 outputs it is 0.018, beside the 0.69 of an untrained "
    "network.",
    Domain(
        "undecided_cost(predictions, outputs)",
        "There is at least one prediction, of at least two outputs.",
        _draw_sizes,
        [(11, 7), (29, 5), (1, 2)],
    ),
)
def undecided_cost(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `undecided_cost(predictions, outputs)`: the mean loss of one lost bit."""
    verdict = judge(student, probes, _cost, mistakes=_cost_mistakes)
    yield with_clue(verdict, _cost_clues(student, probes))


def _cost(predictions: int, outputs: int) -> float:
    return 2 * np.log(2) / (outputs * predictions)


def _cost_mistakes(predictions: int, outputs: int) -> dict[str, float]:
    bit, cost = np.log(2), _cost(predictions, outputs)
    return {
        "only one of the two undecided outputs is counted": cost / 2,
        "the logarithm has base 2, expected nats": cost / bit,
        "the logarithm has base 10, expected nats": cost / np.log(10),
        "this is the cost at the one place: the mean is over the predictions and the "
        "outputs": 2 * bit,
        "the mean over the outputs is missing": 2 * bit / predictions,
        "the mean over the predictions is missing": 2 * bit / outputs,
        "it has the wrong sign: a loss is positive": -cost,
        "a softmax would lose ln 2 here. Two sigmoids lose it each, and the mean is "
        "over the outputs too": bit / predictions,
        "all outputs are undecided, expected two of them": bit / predictions,
        "all is undecided, as in an untrained network: expected two outputs at one "
        "place": bit,
        "this is the loss of an output at 1/2 squared, expected minus the logarithm": (
            cost / bit / 4
        ),
        "the cost is multiplied by their number, expected divided by it": (
            2 * bit * predictions * outputs
        ),
        "divided by the sum of predictions and outputs, expected by their product": (
            2 * bit / (predictions + outputs)
        ),
        "the logarithm is missing: an output of 1/2 costs ln 2": cost / bit / 2,
        "two outputs are lost, and the cost of each is ln 2: their product is meant, "
        "not their sum": (2 + bit) / (predictions * outputs),
        "the product and the quotient are exchanged: ln 2 stands below": (
            2 / bit / (predictions * outputs)
        ),
        "this is the number of the outputs in all": predictions * outputs,
        "the fraction is upside down": 1 / cost,
    }


def _cost_clues(student: Callable, probes: Sequence[Probe]) -> Iterator[str]:
    """By which powers it falls, and what it is without them."""
    cost = [ask(student, *sizes) for sizes in ((1, 2), (8, 2), (1, 16), (8, 16))]
    if any(c is None or c.size != 1 or c.item() <= 0 for c in cost):
        return
    one, many_predictions, many_outputs, both = (c.item() for c in cost)
    if not np.isclose(one * both, many_predictions * many_outputs):
        return
    for name, value in (("predictions", many_predictions), ("outputs", many_outputs)):
        if not np.isclose(value, one / 8):
            yield (
                f"Where there are eight times as many {name} it should be an eighth, "
                f"and it is {number(value / one)} times as large."
            )
    yield (
        f"The mean is right, but the one place costs {number(2 * one)}, expected twice "
        "the loss ln 2 of an output at 1/2."
    )


# Exercise 6.2 --------------------------------------------------------------------


def _draw_answers(rng: np.random.Generator) -> tuple:
    length, n = rng.integers(2, 13), rng.integers(1, 40)
    o = rng.normal(0, 2, (length, n, len(SYMBOLS)))
    return o, rng.integers(0, length, n), rng.random(n) < 0.7


def _asked(length: int, n: int) -> tuple:
    """Right to another degree at each step, so that no two mistakes look alike."""
    rng = np.random.default_rng(n)
    o = rng.normal(0, 2, (length, n, len(SYMBOLS)))
    place, some = rng.integers(4, length - 1, n), np.arange(n)
    is_T = rng.random(n) < 0.7
    for step, by in ((-1, -1.0), (0, 2.0), (1, 0.7)):
        o[place + step, some, T] += by * np.where(is_T, 1, -1)
    return o, place, is_T


@exercise(
    "One place a string is looked at, and only which of two outputs is larger.",
    Domain(
        "share_right(logits, place, is_T)",
        "There is at least one string, and no two outputs are equal.",
        _draw_answers,
        [_asked(9, 401), _asked(12, 307)],
    ),
)
def share_right(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `share_right(logits, place, is_T)`: the share of strings answered right."""
    verdict = judge(student, probes, _share_right, mistakes=_share_mistakes)
    yield with_clue(verdict, _share_clues(student))


def _share_right(o, place, is_T) -> float:
    at = o[place, np.arange(len(place))]
    return np.mean((at[:, T] > at[:, P]) == is_T)


def _share_mistakes(o, place, is_T) -> dict[str, float]:
    some = np.arange(len(place))
    larger, chosen = o[:, :, T] > o[:, :, P], o[place, some]
    at = larger[place, some]
    mistakes = {
        "the share of wrong answers, expected that of right ones": np.mean(at != is_T),
        "a number of strings, expected a share": np.sum(at == is_T),
        "whether any of the answers is right, expected the share": np.any(at == is_T),
        "whether all of the answers are right, expected the share": np.all(at == is_T),
        "the share of T among the answers: they are not compared with is_T": (
            np.mean(at)
        ),
        "the share of T among the right answers: logits is not looked at": np.mean(
            is_T
        ),
        "only the strings with T count, and the share is of all strings": (
            np.mean(at & is_T)
        ),
        "whether it is T is added to the answer, expected compared": (
            np.mean(at | is_T)
        ),
        "the right answers are divided by the steps, expected by the strings": (
            np.sum(at == is_T) / len(o)
        ),
        "one answer a string, expected their share": at == is_T,
        "all places count, expected one place a string": np.mean(larger == is_T),
        "logits[place] picks all strings at each of the steps: name the string as "
        "well, as in logits[place, np.arange(n)]": np.mean(larger[place] == is_T),
        "logits[place] picks all strings at each of the steps: name the string as "
        "well, as in logits[place, np.arange(n)]. And is_T belongs to the strings": (
            np.mean(larger[place] == is_T[:, None])
        ),
        "the first step of all strings, expected the place of each": (
            np.mean(larger[0] == is_T)
        ),
        "the last step of all strings, expected the place of each": (
            np.mean(larger[-1] == is_T)
        ),
        "the place of the first string is taken for all": (
            np.mean(larger[place[0]] == is_T)
        ),
        "an output counts only if it is the largest of all seven: compare T and P "
        "alone": np.mean(chosen.argmax(axis=1) == np.where(is_T, T, P)),
        "the answer is T only where it is the largest of all seven: compare it with P "
        "alone": np.mean((chosen.argmax(axis=1) == T) == is_T),
        "the answer is T where its output is positive: compare it with that of P": (
            np.mean((chosen[:, T] > 0) == is_T)
        ),
        "the answer is P where its output is positive: compare it with that of T": (
            np.mean((chosen[:, P] < 0) == is_T)
        ),
        "the answer is compared with the place, expected with is_T": (
            np.mean(at == place)
        ),
        "the logits are compared with is_T, expected which of the two is larger": (
            np.mean(chosen[:, T] == is_T)
        ),
    }
    for i, j in permutations(range(len(SYMBOLS)), 2):
        if {i, j} == {T, P}:
            continue
        sentence = f"outputs {i} and {j} are {SYMBOLS[i]} and {SYMBOLS[j]}"
        mistakes[f"{sentence}, expected T and P, which are {T} and {P}"] = np.mean(
            (chosen[:, i] > chosen[:, j]) == is_T
        )
    if place.max() + 1 < len(o):
        mistakes["one step too late"] = np.mean(larger[place + 1, some] == is_T)
    # A negative index is the last step, in silence.
    mistakes["one step too early"] = np.mean(larger[place - 1, some] == is_T)
    return mistakes


def _share_clues(student: Callable) -> Iterator[str]:
    """What the share should not depend on."""
    o, place, is_T = _asked(9, 401)
    some, before = np.arange(len(place)), ask(student, o, place, is_T)
    others = np.random.default_rng(0).normal(0, 2, o.shape)
    elsewhere, beside = others.copy(), o.copy()
    elsewhere[place, some] = o[place, some]
    beside[place, some] = others[place, some]
    beside[place, some, T], beside[place, some, P] = (
        o[place, some, T],
        o[place, some, P],
    )
    if changed(before, ask(student, elsewhere, place, is_T)):
        yield "It depends on other steps than the place of each string."
    if changed(before, ask(student, beside, place, is_T)):
        yield "It depends on other outputs than those of T and P."
    if changed(before, ask(student, o + 5, place, is_T)):
        yield "It changes when 5 is added to all logits, and the larger remains so."
    if not changed(before, ask(student, o, place, ~is_T)):
        yield "It is the same when all right answers are turned round."


# Exercise 6.3 --------------------------------------------------------------------


def _draw_gates(rng: np.random.Generator) -> tuple[np.ndarray]:
    f = rng.uniform(0, 1, rng.integers(1, 8, 2))
    return (np.where(rng.random(f.shape) < 0.1, np.round(f), f),)


def _gates(*shape: int) -> np.ndarray:
    return np.random.default_rng(shape[0]).uniform(0.3, 1, shape)


@exercise(
    "A gate of 0.73, where a bias of 1 starts it, leaves 4% after ten steps; one "
    "of 0.95, where a bias of 3 does, leaves 62%.",
    Domain(
        "carried(f)",
        "A gate lies between 0 and 1, and may be exactly 0 or 1.",
        _draw_gates,
        [
            (_gates(6, 3),),
            (_gates(4, 1),),
            (_gates(5, 5),),
            (_gates(5, 2) * [[1], [1], [0], [1], [1]],),
            (_gates(1, 2),),
        ],
    ),
)
def carried(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `carried(f)`: how much of each cell's value is left at the last step."""
    probes = [
        p._replace(name=f"carried(f) with f of shape {p.arguments[0].shape}")
        for p in probes
    ]
    verdict = judge(student, probes, _carried, mistakes=_carried_mistakes)
    if verdict.rule == "not finite":
        said = verdict.message.rstrip(".")
        hint = "a gate may be 0: multiply the gates that come after, divide by none"
        verdict = Verdict(False, True, f"{said}: {hint}.", verdict.rule)
    yield with_clue(verdict, _carried_clues(student))


def _carried(f: np.ndarray) -> np.ndarray:
    after = np.concatenate([f[1:], np.ones_like(f[:1])])
    return np.cumprod(after[::-1], axis=0)[::-1]


def _carried_mistakes(f: np.ndarray) -> dict[str, np.ndarray]:
    after, share = np.concatenate([f[1:], np.ones_like(f[:1])]), _carried(f)
    last = np.ones_like(f[:1])
    return {
        "the gate of step t itself is counted: it acts on the cell before it, c_t "
        "comes after": np.cumprod(f[::-1], axis=0)[::-1],
        "this is what is left of the first cell at each step, expected what is left of "
        "each at the last": np.cumprod(f, axis=0),
        "the last row is missing: all of c_T is in c_T": share[:-1],
        "the rows are in reverse order": share[::-1],
        "only the first row, expected one for each step": share[0],
        "only one step: the gates of all later steps multiply": after,
        "a sum, expected a product": np.cumsum(after[::-1], axis=0)[::-1],
        "the mean over the cells, expected each for itself": share.mean(axis=1),
        "the product runs over the cells too": np.cumprod(after.prod(axis=1)[::-1])[
            ::-1
        ],
        "nothing is multiplied: all is 1": np.ones_like(f),
        "these are the gates themselves, expected their products": f,
        "the last row is 0, and so is all that is multiplied by it: all of c_T is in "
        "c_T": np.zeros_like(f),
        "the gate of step t counts, and that of the last step does not": (
            np.concatenate([np.cumprod(f[-2::-1], axis=0)[::-1], last])
        ),
        "the product is divided by, expected multiplied": 1 / share,
        "the last gate is left out: c_T holds f_T of the cell before it": (
            np.concatenate([_carried(f[:-1]), last])
        ),
        "a forget gate leaves f of the cell, not 1 - f": _carried(1 - f),
    }


def _carried_clues(student: Callable) -> Iterator[str]:
    """Which row is the first wrong one from the end, and what it is instead."""
    f = _gates(6, 3)
    share = ask(student, f)
    if share is None or share.shape != f.shape:
        return
    if not np.allclose(share[-1], 1):
        yield "The last row should be 1: all of c_T is in c_T."
        return
    for t in reversed(range(len(f) - 1)):
        if np.allclose(share[t], share[t + 1] * f[t + 1]):
            continue
        ratio = share[t] / np.where(share[t + 1], share[t + 1], np.inf)
        same = [k for k in range(len(f)) if np.allclose(ratio, f[k])]
        instead = "is" if np.allclose(ratio, 1) else "is not"
        said = f"Row {t} (counted from 0) should be row {t + 1} times f[{t + 1}], and "
        if same:
            yield f"{said}is row {t + 1} times f[{same[0]}]."
        elif instead == "is":
            yield f"{said}is row {t + 1}: is nothing multiplied there?"
        yield f"{said}is not; all rows after it are right to each other."
    other = f.copy()
    other[:, 1:] = 0.5
    if changed(share[:, :1], ask(student, other)[:, :1]):
        yield "A cell's share depends on the gates of the other cells."


# Exercise 6.4 --------------------------------------------------------------------


def _draw_step_sizes(rng: np.random.Generator) -> tuple:
    """n_in, n_hid, and the axis of a batch or none."""
    n_in, n_hid = rng.integers(1, 5, 2)
    batch = () if rng.random() < 0.4 else (int(rng.integers(1, 5)),)
    return n_in, n_hid, batch


def _draw_step(rng: np.random.Generator) -> tuple:
    return _step_arguments(rng, *_draw_step_sizes(rng))


def _step_arguments(rng, n_in: int, n_hid: int, batch: tuple) -> tuple:
    shapes = (
        (*batch, n_in),
        (*batch, n_hid),
        (*batch, n_hid),
        (n_in, 3 * n_hid),
        (n_hid, 3 * n_hid),
        (3 * n_hid,),
    )
    return tuple(rng.normal(0, 0.8, shape) for shape in shapes)


STEPS = [
    _step_arguments(np.random.default_rng(n_hid), n_in, n_hid, batch)
    for n_in, n_hid, batch in ((3, 3, ()), (2, 4, (5,)), (3, 3, (3,)))
]


@exercise(
    "It forgets as much as it takes in, with three blocks of weights for four, and "
    "its cell never leaves the range from -1 to 1.",
    Domain(
        "coupled_step(x_t, h_tm1, c_tm1, W_ih, W_hh, b_h)",
        "It must do for one example and for a batch, whose axis comes first.",
        _draw_step,
        STEPS,
        drawn=2,
    ),
)
def coupled_step(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `coupled_step(x_t, h_tm1, c_tm1, W_ih, W_hh, b_h)`: i = 1 - f."""
    probes = [
        p._replace(name=f"coupled_step(...) with x_t of shape {p.arguments[0].shape}")
        for p in probes
    ]
    verdict = judge(
        student,
        probes,
        _coupled,
        mistakes=_coupled_mistakes,
        parts=("h_t", "c_t"),
        order=("c_t", "h_t"),
        leads={
            "h_t": "The cell is right, so look at the output gate, which is the second "
            "block, and at h_t = o_t * tanh(c_t)."
        },
        give=_as_shared,
        rtol=1e-5 if pytensor.config.floatX == "float32" else 1e-6,
    )
    if verdict.rule == "error" and probes[1].name in verdict.message:
        said = verdict.message.rstrip(".")
        hint = "The blocks lie along the last axis; a batch has another one in front."
        verdict = Verdict(False, True, f"{said}. {hint}", verdict.rule)
    yield with_clue(verdict, _coupled_clues(student))


def _as_shared(arguments: tuple) -> list:
    return [pytensor.shared(a.astype(pytensor.config.floatX)) for a in arguments]


def _coupled(x_t, h_tm1, c_tm1, W_ih, W_hh, b_h, **formulas):
    """The right step, in NumPy; with other `formulas` for some of its quantities."""
    m = Computation(formulas)
    m.c_tm1, m.h_tm1 = c_tm1, h_tm1
    m.heard, m.remembered, m.bias = x_t @ W_ih, h_tm1 @ W_hh, b_h
    m.a = m.heard + m.remembered + m.bias
    m.blocks = np.split(m.a, 3, axis=-1)
    m.a_f, m.a_o, m.a_g = m.blocks
    m.f, m.o, m.g = expit(m.a_f), expit(m.a_o), np.tanh(m.a_g)
    m.i = 1 - m.f
    m.kept, m.new = m.f * m.c_tm1, m.i * m.g
    m.c = m.kept + m.new
    m.out = np.tanh(m.c)
    m.h = m.o * m.out
    return m.h, m.c


GATES = {"f": "forget gate", "o": "output gate", "g": "candidate"}


def _coupled_formulas() -> dict[str, dict[str, Callable]]:
    """Sentences, and the quantities that are wrong in them."""
    named: dict[str, dict[str, Callable]] = {
        "f and 1 - f are exchanged: f is the share that is kept": {
            "kept": lambda m: m.i * m.c_tm1,
            "new": lambda m: m.f * m.g,
        },
        "all of the candidate comes in, expected the share 1 - f": {
            "new": lambda m: m.g
        },
        "the candidate comes in by the share f, expected 1 - f": {
            "new": lambda m: m.f * m.g
        },
        "the candidate comes in by 1 + f, expected 1 - f": {
            "new": lambda m: (1 + m.f) * m.g
        },
        "the candidate comes in by f - 1, expected 1 - f": {
            "new": lambda m: -m.i * m.g
        },
        "1 - f is added to the candidate, expected multiplied": {
            "new": lambda m: m.i + m.g
        },
        "the candidate is missing: 1 - f comes in alone": {"new": lambda m: m.i},
        "nothing new comes in": {"new": lambda m: 0 * m.g},
        "f times the candidate is subtracted from 1, expected the candidate times "
        "1 - f": {"new": lambda m: 1 - m.f * m.g},
        "the output gate lets the candidate in, expected 1 - f": {
            "new": lambda m: m.o * m.g
        },
        "nothing is forgotten: the factor f of the last cell is missing": {
            "kept": lambda m: m.c_tm1
        },
        "f is added to the last cell, expected multiplied": {
            "kept": lambda m: m.f + m.c_tm1
        },
        "f stands alone where the last cell times f is expected": {
            "kept": lambda m: m.f
        },
        "the last cell is divided by f, expected multiplied": {
            "kept": lambda m: m.c_tm1 / m.f
        },
        "f is divided by the last cell, expected multiplied": {
            "kept": lambda m: m.f / m.c_tm1
        },
        "1 - f is divided by the candidate, expected multiplied": {
            "new": lambda m: m.i / m.g
        },
        "the last cell is missing": {"kept": lambda m: 0 * m.c_tm1},
        "the last state stands in the place of the last cell": {
            "kept": lambda m: m.f * m.h_tm1
        },
        "what is new is subtracted, expected added": {"c": lambda m: m.kept - m.new},
        "what is kept and what is new are multiplied, expected added": {
            "c": lambda m: m.kept * m.new
        },
        "the tanh of the cell is missing": {"out": lambda m: m.c},
        "the sigmoid of the cell is taken, expected its tanh": {
            "out": lambda m: expit(m.c)
        },
        "the sine of the cell is taken, expected its tanh": {
            "out": lambda m: np.sin(m.c)
        },
        "the tanh is that of the last cell, expected of the new one": {
            "out": lambda m: np.tanh(m.c_tm1)
        },
        "the tanh is that of the candidate, expected of the new cell": {
            "out": lambda m: np.tanh(m.g)
        },
        "the tanh is that of the output gate, expected of the new cell": {
            "out": lambda m: np.tanh(m.o)
        },
        "the output gate is missing": {"h": lambda m: m.out},
        "only the output gate is left: the tanh of the cell is missing": {
            "h": lambda m: m.o
        },
        "the output gate is added, expected multiplied": {"h": lambda m: m.o + m.out},
        "the output gate is divided by the tanh, expected multiplied": {
            "h": lambda m: m.o / m.out
        },
        "the tanh stands around the gate too": {"h": lambda m: np.tanh(m.o * m.c)},
        "the forget gate lets the cell out, expected the output gate": {
            "h": lambda m: m.f * m.out
        },
        "b_h is missing": {"bias": lambda m: 0},
        "b_h is subtracted, expected added": {"bias": lambda m: -m.bias},
        "b_h is multiplied, expected added": {
            "a": lambda m: (m.heard + m.remembered) * m.bias
        },
        "x_t @ W_ih is missing": {"heard": lambda m: 0},
        "h_tm1 @ W_hh is missing": {"remembered": lambda m: 0},
        "x_t @ W_ih and h_tm1 @ W_hh are missing": {"a": lambda m: m.bias + 0 * m.a},
        "h_tm1 @ W_hh is subtracted, expected added": {
            "remembered": lambda m: -m.remembered
        },
        "x_t @ W_ih and h_tm1 @ W_hh are multiplied, expected added": {
            "a": lambda m: m.heard * m.remembered + m.bias
        },
        "b_h is added to h_tm1 @ W_hh twice": {"bias": lambda m: 2 * m.bias},
    }
    for order in permutations("fog"):
        if order != ("f", "o", "g"):
            said = f"the blocks are taken in the order {', '.join(order)}"
            named[f"{said}, expected f, o, g"] = {
                f"a_{name}": lambda m, k=k: m.blocks[k] for k, name in enumerate(order)
            }
    others = {"sigmoid": expit, "tanh": np.tanh, "nothing": np.copy, "sine": np.sin}
    for name, what in GATES.items():
        expected = "tanh" if name == "g" else "sigmoid"
        for other, function in others.items():
            if other != expected:
                named[f"the {what} has {other} around it, expected a {expected}"] = {
                    name: lambda m, f=function, a=f"a_{name}": f(getattr(m, a))
                }
        for k, place in enumerate(("first", "second", "third")):
            if k != list(GATES).index(name):
                right_place = ("first", "second", "third")[list(GATES).index(name)]
                named[
                    f"the {what} is made of the {place} block, expected the "
                    f"{right_place}"
                ] = {f"a_{name}": lambda m, k=k: m.blocks[k]}
    return named


FORMULAS = _coupled_formulas()


def _coupled_mistakes(*arguments) -> dict[str, dict[str, np.ndarray]]:
    """The step with one mistake each."""
    x_t, h_tm1, c_tm1, W_ih, W_hh, b_h = arguments
    _, c_t = _coupled(*arguments)

    def pair(h, c):
        return {"h_t": h, "c_t": c}

    mistakes = {
        sentence: pair(*_coupled(*arguments, **formulas))
        for sentence, formulas in FORMULAS.items()
    }
    mistakes |= {
        "the last cell and the last state are exchanged": pair(
            *_coupled(x_t, c_tm1, h_tm1, W_ih, W_hh, b_h)
        ),
    }
    n = len(W_hh)
    for j in range(3) if n == W_hh.shape[1] // 3 else ():
        turned = W_hh.copy()
        block = slice(j * n, (j + 1) * n)
        turned[:, block] = W_hh[:, block].T
        mistakes[f"block {j} of W_hh is transposed"] = pair(
            *_coupled(x_t, h_tm1, c_tm1, W_ih, turned, b_h)
        )
    if len(W_ih) == len(W_hh):
        mistakes |= {
            "the arguments come in another order: x_t first, then h_tm1": pair(
                *_coupled(h_tm1, x_t, c_tm1, W_ih, W_hh, b_h)
            ),
            "W_ih and W_hh are exchanged": pair(
                *_coupled(x_t, h_tm1, c_tm1, W_hh, W_ih, b_h)
            ),
        }
    # A mistake of the output alone says nothing about the cell.
    return {
        sentence: made if (made["c_t"] != c_t).any() else {"h_t": made["h_t"]}
        for sentence, made in mistakes.items()
    }


def _coupled_clues(student: Callable) -> Iterator[str]:
    """What the cell is where most of the formula has nothing to say."""
    x_t, h_tm1, c_tm1, W_ih, W_hh, b_h = STEPS[0]

    def cell(*arguments) -> np.ndarray | None:
        return ask(lambda *given: student(*given)[1], *_as_shared(arguments))

    shut = np.concatenate([np.full(3, -40.0), np.zeros(6)])
    candidate = np.repeat([0, 1], [6, 3])
    held = cell(0 * x_t, 0 * h_tm1, c_tm1, W_ih, W_hh, -shut)
    taken = cell(0 * x_t, 0 * h_tm1, c_tm1, W_ih, W_hh, shut + candidate)
    half = cell(0 * x_t, 0 * h_tm1, c_tm1, W_ih, W_hh, 0 * b_h)
    if held is not None and not np.allclose(held, c_tm1):
        yield "Where the forget gate is 1 the cell should stay as it is, and does not."
    if taken is not None and not np.allclose(taken, np.tanh(1)):
        yield "Where the forget gate is 0 the cell should be the candidate, and is not."
    if half is not None and not np.allclose(half, c_tm1 / 2):
        yield "Where x_t, h_tm1 and b_h are 0, c_t should be half of c_tm1, and is not."
    if not changed(cell(*STEPS[0]), cell(x_t, -h_tm1, c_tm1, W_ih, W_hh, b_h)):
        yield "The cell does not depend on h_tm1."
    if not changed(cell(*STEPS[0]), cell(-x_t, h_tm1, c_tm1, W_ih, W_hh, b_h)):
        yield "The cell does not depend on x_t."
    yield "It is right where x_t and h_tm1 are 0: how are they multiplied?"


# Exercise 6.5 --------------------------------------------------------------------


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
    p = _probabilities(name, call(name, student, prefixes), STRINGS)
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
    if len(np.unique(p)) == 2 and np.array_equal(p > p.mean(), is_T):
        return wrong(
            name,
            f"each answer is exactly {number(p.min())} or {number(p.max())}. That is "
            "the rule itself: what a network says depends a little on all that it has "
            "read, so let a network find it",
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


# Exercise 6.6 --------------------------------------------------------------------


def _draw_share(rng: np.random.Generator) -> tuple[float, int]:
    return float(rng.uniform(0.02, 0.98)), int(rng.integers(1, 60))


@exercise(
    "For a half of the error to be left after 20 steps the bias must begin at 3.3.",
    Domain(
        "bias_for(share, lag)",
        "The share lies between 0 and 1, both excluded, and the lag is at least 1.",
        _draw_share,
        [(0.5, 20), (0.25, 1), (0.5, 1), (0.9, 40), (0.05, 2)],
    ),
)
def bias_for(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `bias_for(share, lag)`: where a forget gate must begin."""
    verdict = judge(student, probes, _bias, mistakes=_bias_mistakes)
    yield with_clue(verdict, _bias_clues(student))


def _bias(share: float, lag: int) -> float:
    f = share ** (1 / lag)
    return np.log(f / (1 - f))


def _bias_mistakes(share: float, lag: int) -> dict[str, float]:
    f, far = share ** (1 / lag), share**lag
    return {
        "this is the gate, expected the bias, of which the sigmoid makes the gate": f,
        "the sign is turned round: this bias opens the gate as far as it should be "
        "shut": -_bias(share, lag),
        "the lag is left out: one step, expected as many as the lag": _bias(share, 1),
        "the gate is share ** lag, expected its power lag to be the share": np.log(
            far / (1 - far)
        ),
        "the share is divided by the lag, expected the root of it": _bias(
            share / lag, 1
        ),
        "the logarithm of the gate alone: the sigmoid is turned round by "
        "log(f / (1 - f))": np.log(f),
        "the logarithm is missing: this is f / (1 - f)": f / (1 - f),
        "the sigmoid of the gate, expected what turns the sigmoid round": expit(f),
        "the arctanh of the gate, expected what turns the sigmoid round": np.arctanh(f),
        "half of it: arctanh(2 f - 1) turns a tanh round that is moved and scaled, "
        "and the sigmoid is one of half the sum": np.arctanh(2 * f - 1),
        "the logarithm has base 2, expected the natural one": np.log2(f / (1 - f)),
        "the logarithm has base 10, expected the natural one": np.log10(f / (1 - f)),
        "one step too many: the error passes as many gates as the lag": _bias(
            share, lag + 1
        ),
        "the root is taken of what is lost, expected of what is left": _bias(
            1 - share, lag
        ),
        "a sum of gates, expected a product: the root of the share, not a part of it": (
            1 - (1 - share) / lag
        ),
    }


def _bias_clues(student: Callable) -> Iterator[str]:
    """What is left with the bias that was given."""
    for share, lag in ((0.5, 20), (0.25, 3)):
        bias = ask(student, share, lag)
        if bias is None or bias.size != 1:
            return
        left = expit(bias.item()) ** lag
        if not np.isclose(left, share):
            yield (
                f"With this bias {number(left)} is left after {lag} steps, expected "
                f"{number(share)}."
            )


# Exercise 6.7 --------------------------------------------------------------------


def _draw_foreign(rng: np.random.Generator) -> tuple:
    return _foreign_arguments(rng, *_draw_step_sizes(rng))


def _foreign_arguments(rng, n_in: int, n_hid: int, batch: tuple) -> tuple:
    shapes = (
        (*batch, n_in),
        (*batch, n_hid),
        (*batch, n_hid),
        (4 * n_hid, n_in),
        (4 * n_hid, n_hid),
        (4 * n_hid,),
        (4 * n_hid,),
    )
    return tuple(rng.normal(0, 0.8, shape) for shape in shapes)


FOREIGN = [
    _foreign_arguments(np.random.default_rng(n_hid), n_in, n_hid, batch)
    for n_in, n_hid, batch in ((3, 2, ()), (2, 3, (5,)), (4, 4, (4,)))
]


@exercise(
    "The other library's weights run here: turned round, in another order, and with "
    "two biases that are one.",
    Domain(
        "ported_step(x_t, h_tm1, c_tm1, weight_ih, weight_hh, bias_ih, bias_hh)",
        "It must do for one example and for a batch, whose axis comes first.",
        _draw_foreign,
        FOREIGN,
    ),
)
def ported_step(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `ported_step(...)`: one LSTM step with another library's weights."""
    probes = [
        p._replace(name=f"ported_step(...) with x_t of shape {p.arguments[0].shape}")
        for p in probes
    ]
    verdict = judge(
        student,
        probes,
        _ported,
        mistakes=_ported_mistakes,
        parts=("h_t", "c_t"),
        order=("c_t", "h_t"),
        leads={
            "h_t": "The cell is right, so look at the output gate, which is the last "
            "block, and at h_t = o_t * tanh(c_t)."
        },
    )
    if verdict.rule == "error" and "shape" in verdict.message:
        said = verdict.message.rstrip(".")
        hint = (
            "The weights are those of column vectors: with rows each is transposed. "
            "And the blocks of x_t @ weight_ih.T lie along the last axis."
        )
        verdict = Verdict(False, True, f"{said}. {hint}", verdict.rule)
    yield verdict


def _ported(x_t, h_tm1, c_tm1, weight_ih, weight_hh, bias_ih, bias_hh, **formulas):
    """The right step; with other `formulas` for some of its quantities."""
    m = Computation(formulas)
    m.c_tm1, m.h_tm1 = c_tm1, h_tm1
    m.heard, m.remembered = x_t @ weight_ih.T, h_tm1 @ weight_hh.T
    m.b_ih, m.b_hh = bias_ih, bias_hh
    m.a = m.heard + m.remembered + m.b_ih + m.b_hh
    m.blocks = np.split(m.a, 4, axis=-1)
    m.a_i, m.a_f, m.a_g, m.a_o = m.blocks
    m.i, m.f, m.o, m.g = expit(m.a_i), expit(m.a_f), expit(m.a_o), np.tanh(m.a_g)
    m.kept, m.new = m.f * m.c_tm1, m.i * m.g
    m.c = m.kept + m.new
    m.out = np.tanh(m.c)
    m.h = m.o * m.out
    return m.h, m.c


def _ported_formulas() -> dict[str, dict[str, Callable]]:
    named: dict[str, dict[str, Callable]] = {
        "bias_hh is missing: both biases are added": {"b_hh": lambda m: 0},
        "bias_ih is missing: both biases are added": {"b_ih": lambda m: 0},
        "both biases are missing": {"b_ih": lambda m: 0, "b_hh": lambda m: 0},
        "x_t @ weight_ih.T is missing": {"heard": lambda m: 0},
        "h_tm1 @ weight_hh.T is missing": {"remembered": lambda m: 0},
        "the two biases are multiplied, expected added": {
            "a": lambda m: m.heard + m.remembered + m.b_ih * m.b_hh
        },
        "the input gate is missing": {"new": lambda m: m.g},
        "the candidate is missing": {"new": lambda m: m.i},
        "the forget gate is missing": {"kept": lambda m: m.c_tm1},
        "the last cell is missing": {"kept": lambda m: 0 * m.c_tm1},
        "the last state stands in the place of the last cell": {
            "kept": lambda m: m.f * m.h_tm1
        },
        "input gate and forget gate are exchanged": {
            "kept": lambda m: m.i * m.c_tm1,
            "new": lambda m: m.f * m.g,
        },
        "what is new is subtracted, expected added": {"c": lambda m: m.kept - m.new},
        "what is kept and what is new are multiplied, expected added": {
            "c": lambda m: m.kept * m.new
        },
        "the tanh of the cell is missing": {"out": lambda m: m.c},
        "the output gate is missing": {"h": lambda m: m.out},
        "the tanh of the cell is missing: only the output gate is left": {
            "h": lambda m: m.o
        },
        "the tanh is that of the last cell, expected of the new one": {
            "out": lambda m: np.tanh(m.c_tm1)
        },
        "the tanh stands around the gate too": {"h": lambda m: np.tanh(m.o * m.c)},
        "the output gate is added, expected multiplied": {"h": lambda m: m.o + m.out},
    }
    for order in permutations("ifgo"):
        if order != ("i", "f", "g", "o"):
            chapter = ", that of this chapter" if order == ("i", "f", "o", "g") else ""
            said = f"the blocks are taken in the order {', '.join(order)}{chapter}"
            named[f"{said}, expected i, f, g, o"] = {
                f"a_{name}": lambda m, k=k: m.blocks[k] for k, name in enumerate(order)
            }
    for name, what in (GATES | {"i": "input gate"}).items():
        other, function = ("sigmoid", expit) if name == "g" else ("tanh", np.tanh)
        expected = "tanh" if name == "g" else "sigmoid"
        named[f"the {what} has a {other} around it, expected a {expected}"] = {
            name: lambda m, f=function, a=f"a_{name}": f(getattr(m, a))
        }
        named[f"the {what} has nothing around it, expected a {expected}"] = {
            name: lambda m, a=f"a_{name}": getattr(m, a)
        }
    return named


PORTED = _ported_formulas()


def _ported_mistakes(*arguments) -> dict[str, dict[str, np.ndarray]]:
    """The step with one mistake each."""
    x_t, h_tm1, c_tm1, weight_ih, weight_hh, *biases = arguments
    _, right_c = _ported(*arguments)
    made = {said: _ported(*arguments, **formulas) for said, formulas in PORTED.items()}
    made["the last cell and the last state are exchanged"] = _ported(
        x_t, c_tm1, h_tm1, weight_ih, weight_hh, *biases
    )
    if weight_ih.shape == weight_hh.shape:
        made["weight_ih and weight_hh are exchanged"] = _ported(
            x_t, h_tm1, c_tm1, weight_hh, weight_ih, *biases
        )
    # A mistake of the output alone says nothing about the cell.
    return {
        said: {"h_t": h, "c_t": c} if (c != right_c).any() else {"h_t": h}
        for said, (h, c) in made.items()
    }


# Exercise 6.8 --------------------------------------------------------------------


def _draw_errors(rng: np.random.Generator) -> tuple:
    return _errors(rng, int(rng.integers(1, 6)))


def _errors(rng, n: int) -> tuple:
    d_h, d_c, c_tm1, a_g = rng.normal(0, 1, (4, n))
    f, o = expit(rng.normal(0, 1, (2, n)))
    g = np.tanh(a_g)
    return d_h, d_c, f, o, g, c_tm1, f * c_tm1 + (1 - f) * g


@exercise(
    "The two gates that have become one bring one difference into the gradient, "
    "that of what is kept and what comes in.",
    Domain(
        "coupled_back(d_h, d_c, f, o, g, c_tm1, c_t)",
        "All seven arrays have shape `(n,)`, with $n$ at least 1.",
        _draw_errors,
        [_errors(np.random.default_rng(n), n) for n in (3, 1, 4)],
    ),
)
def coupled_back(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `coupled_back(d_h, d_c, f, o, g, c_tm1, c_t)`: (d_a, d_c_tm1)."""
    verdict = judge(
        student,
        probes,
        _coupled_back,
        mistakes=_back_mistakes,
        parts=("d_a", "d_c_tm1"),
        order=("d_c_tm1", "d_a"),
        leads={
            "d_a": "What goes back along the cell is right, so the error is in d_a."
        },
    )
    yield with_clue(verdict, _back_clues(student))


def _coupled_back(d_h, d_c, f, o, g, c_tm1, c_t, **formulas):
    """The right errors; with other `formulas` for some of the quantities."""
    m = Computation(formulas)
    m.d_h, m.later, m.c_tm1, m.c_t = d_h, d_c, c_tm1, c_t
    m.f, m.o, m.g, m.i = f, o, g, 1 - f
    m.out = np.tanh(m.c_t)
    m.slope_out, m.slope_f, m.slope_o = 1 - m.out**2, m.f * (1 - m.f), m.o * (1 - m.o)
    m.slope_g = 1 - m.g**2
    m.d_o = m.d_h * m.out
    m.shown = m.d_h * m.o * m.slope_out
    m.d_cell = m.later + m.shown
    m.d_f = m.d_cell * (m.c_tm1 - m.g)
    m.d_g = m.d_cell * m.i
    m.a_f, m.a_o, m.a_g = m.d_f * m.slope_f, m.d_o * m.slope_o, m.d_g * m.slope_g
    m.d_a = np.concatenate([m.a_f, m.a_o, m.a_g])
    m.d_c_tm1 = m.d_cell * m.f
    return m.d_a, m.d_c_tm1


BACK: dict[str, dict[str, Callable]] = {
    "the error from later, d_c, is missing at the cell": {"d_cell": lambda m: m.shown},
    "what comes from the state is missing at the cell": {"d_cell": lambda m: m.later},
    "two errors meet at the cell: they are added, expected not multiplied": {
        "d_cell": lambda m: m.later * m.shown
    },
    "what comes from the state is subtracted, expected added": {
        "d_cell": lambda m: m.later - m.shown
    },
    "the output gate is missing on the way from the state to the cell": {
        "shown": lambda m: m.d_h * m.slope_out
    },
    "the slope of the tanh is missing on the way from the state to the cell": {
        "shown": lambda m: m.d_h * m.o
    },
    "the slope 1 - tanh(c_t)^2 is wanted, here it is 1 - c_t^2": {
        "slope_out": lambda m: 1 - m.c_t**2
    },
    "the tanh is that of the last cell, expected of c_t": {
        "out": lambda m: np.tanh(m.c_tm1)
    },
    "the tanh of the cell is missing at the output gate": {
        "d_o": lambda m: m.d_h * m.c_t
    },
    "the candidate is missing at the forget gate: f enters the cell twice, with "
    "c_tm1 and, as 1 - f, with the candidate": {"d_f": lambda m: m.d_cell * m.c_tm1},
    "at the forget gate the candidate is added, expected subtracted": {
        "d_f": lambda m: m.d_cell * (m.c_tm1 + m.g)
    },
    "at the forget gate the difference is turned round": {
        "d_f": lambda m: m.d_cell * (m.g - m.c_tm1)
    },
    "only the candidate counts at the forget gate: c_tm1 is missing": {
        "d_f": lambda m: -m.d_cell * m.g
    },
    "the new cell stands at the forget gate, expected the last one": {
        "d_f": lambda m: m.d_cell * (m.c_t - m.g)
    },
    "the candidate gets the share f of the error, expected 1 - f": {
        "d_g": lambda m: m.d_cell * m.f
    },
    "the candidate gets all of the error, expected the share 1 - f": {
        "d_g": lambda m: m.d_cell
    },
    "the slope of the forget gate is missing": {"slope_f": lambda m: 1},
    "the slope of the output gate is missing": {"slope_o": lambda m: 1},
    "the slope of the candidate is missing": {"slope_g": lambda m: 1},
    "the slopes are missing: these are the errors of the gates, expected those of "
    "their sums": {k: lambda m: 1 for k in ("slope_f", "slope_o", "slope_g")},
    "the forget gate has the slope of a tanh, expected f (1 - f)": {
        "slope_f": lambda m: 1 - m.f**2
    },
    "the output gate has the slope of a tanh, expected o (1 - o)": {
        "slope_o": lambda m: 1 - m.o**2
    },
    "the candidate has the slope of a sigmoid, expected 1 - g^2": {
        "slope_g": lambda m: m.g * (1 - m.g)
    },
    "d_a is to be one array, the three blocks behind each other": {
        "d_a": lambda m: np.stack([m.a_f, m.a_o, m.a_g])
    },
    "the forget gate is missing on the way to the last cell": {
        "d_c_tm1": lambda m: m.d_cell
    },
    "1 - f goes back to the last cell, expected f": {
        "d_c_tm1": lambda m: m.d_cell * m.i
    },
}
BACK |= {
    f"the blocks stand in the order {', '.join(order)}, expected f, o, g": {
        "d_a": lambda m, order=order: np.concatenate(
            [getattr(m, f"a_{name}") for name in order]
        )
    }
    for order in permutations("fog")
    if order != ("f", "o", "g")
}


def _back_mistakes(*arguments) -> dict[str, dict[str, np.ndarray]]:
    """The errors with one mistake each; what it leaves right is not named."""
    right_d_a, right_d_c = _coupled_back(*arguments)
    mistakes = {}
    for said, formulas in BACK.items():
        d_a, d_c_tm1 = _coupled_back(*arguments, **formulas)
        same = d_a.shape == right_d_a.shape and (d_a == right_d_a).all()
        changed_parts = {} if same else {"d_a": d_a}
        if (d_c_tm1 != right_d_c).any():
            changed_parts["d_c_tm1"] = d_c_tm1
        mistakes[said] = changed_parts
    return {said: parts for said, parts in mistakes.items() if parts}


def _back_clues(student: Callable) -> Iterator[str]:
    """Where one of the two errors alone comes in, and which block is wrong."""
    d_h, d_c, *step = _errors(np.random.default_rng(3), 3)

    def errors(d_h, d_c, part: int) -> np.ndarray | None:
        return ask(lambda *given: student(*given)[part], d_h, d_c, *step)

    for name, given in (
        ("d_h is zero", (0 * d_h, d_c)),
        ("d_c is zero", (d_h, 0 * d_c)),
    ):
        wanted = _coupled_back(*given, *step)
        for part, what in ((1, "d_c_tm1"), (0, "d_a")):
            got = errors(*given, part)
            if got is not None and got.shape != wanted[part].shape:
                return
            if got is not None and not np.allclose(got, wanted[part]):
                yield f"{what} is wrong already where {name}."
    d_a, wanted = errors(d_h, d_c, 0), _coupled_back(d_h, d_c, *step)[0]
    if d_a is not None and d_a.shape == wanted.shape:
        for k, what in enumerate(("forget gate", "output gate", "candidate")):
            block = slice(3 * k, 3 * k + 3)
            if not np.allclose(d_a[block], wanted[block]):
                yield f"The block of the {what} is wrong."
