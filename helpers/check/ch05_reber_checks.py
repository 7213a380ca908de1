"""The checks of the exercises of chapter 5."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytensor
from pytensor.compile.mode import Mode
from pytensor.graph.basic import Variable
from scipy.special import log_softmax, softmax

from helpers.check.core import Verdict, call, compare, exercise
from helpers.check.core.probabilities import to_probabilities
from helpers.check.core.values import to_finite
from helpers.check.core.verdicts import right, wrong
from helpers.check.core.words import describe, number
from helpers.tasks.reber import REBER, SYMBOLS, Grammar

GOOD = 0.99  # the share of grammatical strings that exercise 5.5 asks for
FAIR = 0.3  # what each of two legal symbols should have of 1/2 at least


# Exercise 5.1 --------------------------------------------------------------------

STRINGS = (
    *("BTXSE", "BPVVE", "BTSSXSE", "BPTTVVE", "BTXXVPSE", "BPVPXTVPXVVE"),
    # too short, too long, a step that is not there, and pairs that all occur
    *("B", "BTX", "BTXS", "BPVPXVV", "BTXSEE", "BTXSEBPVVE", "TXSE", "E"),
    *("BBTXSE", "BTTXSE", "BXSE", "BPVXSE", "BTXVVE", "BPSE", "BTSE", "BTVVE"),
    *("BTSSE", "BPTXSE", "BTXXSE", "BTXXVPE", "BPVPVVE", "BTSXXTTVSE"),
)


@exercise("Each symbol was checked in its state, and the end was asked for.")
def grammatical(student: Callable) -> Iterator[Verdict]:
    """Judge `grammatical(string)`: True if the Reber grammar makes the string."""
    expected = [REBER.check(string) is None for string in STRINGS]
    said = []
    for string in STRINGS:
        name = f'grammatical("{string}")'
        result = call(name, student, string)
        if isinstance(result, Verdict):
            yield result
            return
        if not isinstance(result, bool | np.bool_):
            yield wrong(name, f"returned {describe(result)}, expected True or False")
            return
        said.append(bool(result))
    for mistake, answers in _membership_mistakes(expected).items():
        if said == answers:
            yield wrong("grammatical", mistake)
            return
    for string, answer, truth in zip(STRINGS, said, expected, strict=True):
        name = f'grammatical("{string}")'
        if answer != truth:
            yield wrong(name, f"returned {answer}, expected {truth}{_why(string)}")
            return
    yield right("grammatical")


def _why(string: str) -> str:
    """Why a string does not belong, or how it does."""
    misfit = REBER.check(string)
    if misfit:
        return f"; {misfit}"
    return f": it passes the states {', '.join(map(str, REBER.states(string)))}"


def _membership_mistakes(expected: list[bool]) -> dict[str, list[bool]]:
    """What wrong functions say of the strings."""

    def complete(string: str) -> bool:
        return REBER.check(string) is None

    def begins(string: str) -> bool:
        misfit = REBER.check(string)
        return misfit is None or not misfit.found

    pairs = REBER.pair_distribution() > 0

    def only_pairs(string: str) -> bool:
        i = [SYMBOLS.index(symbol) for symbol in string]
        return string[0] == "B" and string[-1] == "E" and pairs[i[:-1], i[1:]].all()

    rules = {
        "True and False are exchanged": lambda s: not complete(s),
        "always True": lambda s: True,
        "always False": lambda s: False,
        "a string that only begins well is not in the grammar: it must also reach its "
        'end, as "BTXS" does not': begins,
        'nothing may follow the E of the end, as it does in "BTXSEE"': (
            lambda s: any(complete(s[:n]) for n in range(1, len(s) + 1))
        ),
        'it looks at pairs of neighbours only. In "BTSE" each pair occurs in the '
        "grammar, but what may follow S depends on the state": only_pairs,
        "it looks at the first and the last symbol only": (
            lambda s: s[0] == "B" and s[-1] == "E"
        ),
        "the loop of S at state 2 is missing": (
            lambda s: complete(s) and not re.match("BTS", s)
        ),
        "the loop of T at state 3 is missing": (
            lambda s: (
                complete(s) and "TT" not in s[2:] and "PT" not in s and "XT" not in s
            )
        ),
        "the way back from state 4 to state 3 by X is missing": (
            lambda s: complete(s) and "XX" not in s and "PX" not in s
        ),
    }
    said = {text: [bool(rule(s)) for s in STRINGS] for text, rule in rules.items()}
    return {text: answers for text, answers in said.items() if answers != expected}


# Exercise 5.2 --------------------------------------------------------------------


@exercise("One system of linear equations instead of many strings.")
def mean_length(student: Callable) -> Iterator[Verdict]:
    """Judge `mean_length(P)`: the mean number of steps from state 0 to the last one."""
    uneven = Grammar("uneven", REBER.transitions, odds={"T": 3, "S": 2})
    small = [[0, 0.75, 0.25], [0.5, 0, 0.5], [0, 0, 0]]
    for P, what in (
        (np.array(small), f"P = {small}"),
        (REBER.matrix, "P of the Reber grammar"),
        (uneven.matrix, "P of a Reber grammar with odds"),
    ):
        n, last = len(P), len(P) - 1
        visits = np.linalg.solve(np.eye(n) - P.T, np.eye(n)[0])
        steps = np.linalg.solve(np.eye(last) - P[:last, :last], np.ones(last))
        name = f"mean_length(P) with {what}"
        yield compare(
            name,
            call(name, student, P.copy()),
            visits[:last].sum(),
            mistakes={
                "the last state is counted, but no symbol comes after it": visits.sum(),
                "these are the visits of each state, expected their sum over all but "
                "the last": visits,
                "these are the visits of each state but the last, expected their sum": (
                    visits[:last]
                ),
                "this is the mean number of steps from each state, expected that from "
                "state 0": steps,
                "P and its transpose are exchanged": (
                    np.linalg.solve(np.eye(n) - P, np.eye(n)[0])[:last].sum()
                ),
                "each state is taken as a start, expected state 0": steps.sum(),
                "this is the mean over all states as starts, expected state 0": (
                    steps.mean()
                ),
                "the first symbol, B, is not counted": visits[:last].sum() - 1,
                "B and E are not counted": visits[:last].sum() - 2,
                "this is the length of the shortest string": _shortest(P),
                "this is the number of states": n,
            },
        )


def _shortest(P: np.ndarray) -> int:
    """The least number of steps from state 0 to the last."""
    at, steps = np.eye(len(P))[0], 0
    while not at[-1]:
        at, steps = at @ P, steps + 1
    return steps


# Exercise 5.3 --------------------------------------------------------------------


@exercise(
    "What stands in the padding does not count, each prediction counts the same, "
    "and large logits do no harm."
)
def softmax_loss(student: Callable) -> Iterator[Verdict]:
    """Judge `softmax_loss(o, y, mask)`: next-symbol cross-entropy of a padded batch."""
    rng = np.random.default_rng(0)
    for lengths, scale, remark in (
        ((4, 4), 1.0, " without padding"),
        ((5, 2, 3), 1.0, ""),
        ((5, 2, 3), 400.0, " with large logits"),
    ):
        mask = (np.arange(max(lengths))[:, None] < lengths).astype(float)
        o = scale * rng.normal(0, 1, (*mask.shape, len(SYMBOLS)))
        y = np.eye(len(SYMBOLS))[rng.integers(0, len(SYMBOLS), mask.shape)]
        name = f"softmax_loss(o, y, mask) with o of shape {o.shape}{remark}"
        arrays = [value.astype(pytensor.config.floatX) for value in (o, y, mask)]
        loss = call(name, student, *map(pytensor.shared, arrays))
        if scale > 1:
            hint = "exp(o) overflows. Use pt.special.log_softmax"
            loss = to_finite(name, _evaluated(loss), hint, "the loss is ")
        each = -(y * log_softmax(o, axis=2)).sum(axis=2)
        yield compare(
            name,
            loss,
            (each * mask).sum() / mask.sum(),
            mistakes=_loss_mistakes(o, y, mask, each),
        )


def _loss_mistakes(o, y, mask, each) -> dict[str, Any]:
    """The loss with one mistake each; `each` has the loss of each prediction."""
    strings = (each * mask).sum(axis=0) / mask.sum(axis=0)
    right = (each * mask).sum() / mask.sum()
    silent = -(y * log_softmax(o * mask[:, :, None], axis=2)).sum(axis=2)
    sigmoids = (np.logaddexp(0, o) - y * o).sum(axis=2)
    over_time = -(y * log_softmax(o, axis=0)).sum(axis=2)
    p = softmax(o, axis=2)
    with np.errstate(divide="ignore"):
        after = -np.log((p * y * mask[:, :, None]).sum(axis=2).sum() / mask.sum())
    return {
        "the mask is not used: the padding counts": each.mean(),
        "masked logits are not left out: logits of 0 still cost log 7": silent.mean(),
        "the padding is left out of the sum, but the division is by all of it": (
            (each * mask).mean()
        ),
        "each string counts the same, expected each prediction: divide once, by the "
        "number of all predictions": strings.mean(),
        "this is the sum, expected the mean": (each * mask).sum(),
        "divided by 7 as well: a softmax has one loss a prediction, not seven": (
            right / len(SYMBOLS)
        ),
        "divided by the number of strings, expected that of the predictions": (
            (each * mask).sum() / mask.shape[1]
        ),
        "one loss a string, expected one for the batch": strings,
        "one loss a prediction, expected one for the batch": each * mask,
        "the sign is wrong": -right,
        "this is the loss of seven sigmoids, expected that of a softmax": (
            (sigmoids * mask).sum() / mask.sum()
        ),
        "the softmax is over the steps of time: the symbols are on the last axis": (
            (over_time * mask).sum() / mask.sum()
        ),
        "this is the mean probability of the next symbol: its logarithm is missing": (
            ((p * y).sum(axis=2) * mask).sum() / mask.sum()
        ),
        "the logarithm comes after the mean, expected before it": after,
    }


def _evaluated(result: Any) -> Any:
    """The value of an expression, compiled with all rewrites, as the engines do.

    Some of them make an unstable formula stable, which `compare` would not see.
    """
    if isinstance(result, Variable):
        mode = Mode(linker="py", optimizer="fast_run")
        with suppress(Exception), pytensor.config.change_flags(cxx=""):
            return pytensor.function([], result, mode=mode)()
    return result


# Exercise 5.4 --------------------------------------------------------------------


@exercise("Low temperatures sharpen, high ones flatten, and 1 changes nothing.")
def sharpen(student: Callable) -> Iterator[Verdict]:
    """Judge `sharpen(p, temperature)`: p to the power 1 / temperature, normalised."""
    p = np.array([0.02, 0.48, 0.01, 0.3, 0.0, 0.15, 0.04])
    for temperature in (0.5, 2.0, 1.0, 0.05):
        name = f"sharpen(p, {temperature:g})"
        power = p ** (1 / temperature)
        raised, scaled = p**temperature, np.exp(p / temperature)
        expected = power / power.sum()
        yield compare(
            name,
            call(name, student, p.copy(), temperature),
            expected,
            mistakes={
                "the power is the temperature, expected 1 / temperature": (
                    raised / raised.sum()
                ),
                "not normalised: the probabilities must sum to 1": power,
                "not normalised, and the power is the temperature": raised,
                "the temperature does nothing: dividing all by it cancels out": p,
                "divided by the temperature, and neither sharper nor normalised": (
                    p / temperature
                ),
                "this is a softmax of p: it would be right with log(p) instead of p": (
                    scaled / scaled.sum()
                ),
                "divided by the largest, expected by the sum": power / power.max(),
                "all is given to the largest": (p == p.max()).astype(float),
            },
        )


# Exercise 5.5 --------------------------------------------------------------------


def _contexts() -> dict[str, int]:
    """The last two symbols of each beginning of a string, and the state they tell."""
    contexts, waiting = {}, [("B", 1)]
    for last, state in waiting:  # the list grows while we walk through it
        if last in contexts or state == len(REBER.transitions) - 1:
            continue
        contexts[last] = state
        waiting += [(last[-1] + a, s) for a, s in REBER.transitions[state].items()]
    return contexts


@exercise(
    "Two symbols are all the memory that this grammar needs, so a network without "
    "a state makes its strings."
)
def predict(student: Callable) -> Iterator[Verdict]:
    """Judge `predict(last)`: the next symbol's probabilities from the last two symbols.

    `last` is a string of two symbols, or "B" at the start; the result has shape (7,).
    """
    contexts = _contexts()
    said: dict[str, np.ndarray] = {}
    for last in contexts:
        name = f'predict("{last}")'
        result = to_probabilities(name, call(name, student, last), len(SYMBOLS))
        if isinstance(result, Verdict):
            yield result
            return
        said[last] = result
    yield _trained(said, contexts)
    yield _uses_both(said)
    share = _share(said)
    if share < GOOD:
        last, p = min(
            said.items(), key=lambda item: item[1] @ REBER.legal_next[contexts[item[0]]]
        )
        legal = REBER.legal_next[contexts[last]]
        yield wrong(
            "predict",
            f"{number(100 * share)}% of its strings would be grammatical, expected at "
            f"least {number(100 * GOOD)}%. It is worst after "
            f'"{last}", where illegal symbols get {number(1 - p @ legal)}: train for '
            "longer, or with another rate",
        )
        return
    for last, p in said.items():
        legal = REBER.legal_next[contexts[last]] > 0
        if legal.sum() == 2 and p[legal].min() < FAIR:
            low = SYMBOLS[int(np.flatnonzero(legal)[p[legal].argmin()])]
            yield wrong(
                f'predict("{last}")',
                f"{low} gets {number(p[legal].min())}, where half of the strings go on "
                "with it",
            )
            return


def _trained(said: dict[str, np.ndarray], contexts: dict[str, int]) -> Verdict:
    """Whether the illegal symbols get something, as from a network they always do."""
    illegal = sum(
        float(p[REBER.legal_next[contexts[last]] == 0].sum())
        for last, p in said.items()
    )
    if illegal > 1e-12:
        return right("predict")
    return wrong(
        "predict",
        "no illegal symbol gets anything. That is the rule itself, and no trained "
        "network is so exact: let a network find it",
    )


def _uses_both(said: dict[str, np.ndarray]) -> Verdict:
    """Whether what stood before the last symbol makes a difference."""
    if np.ptp(list(said.values()), axis=0).max() < 1e-6:
        return wrong("predict", "the same for all symbols: what is the input?")
    for position, what in (
        (1, "only the last symbol"),
        (0, "only the first of the two"),
    ):
        groups: dict = {}
        for last, p in said.items():
            if len(last) == 2:
                groups.setdefault(last[position], []).append(p)
        if all(np.ptp(group, axis=0).max() < 1e-6 for group in groups.values()):
            return wrong(
                "predict",
                f"it uses {what}. After S, for example, it must know whether T or X "
                "stood before it",
            )
    return right("predict")


def _share(said: dict[str, np.ndarray]) -> float:
    """The chance that a string drawn from the predictions is grammatical, exactly.

    a = r + Q a, with Q the chances of the legal steps from context to context and r
    those of the legal step to the end.
    """
    contexts = _contexts()
    number_of = {last: i for i, last in enumerate(contexts)}
    Q, r = np.zeros((len(contexts),) * 2), np.zeros(len(contexts))
    for last, state in contexts.items():
        for symbol in REBER.transitions[state]:
            p = said[last][SYMBOLS.index(symbol)]
            if symbol == "E":
                r[number_of[last]] = p
            else:
                Q[number_of[last], number_of[last[-1] + symbol]] = p
    return float(np.linalg.solve(np.eye(len(r)) - Q, r)[number_of["B"]])
