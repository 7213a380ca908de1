"""The checks of the exercises of chapter 5."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise, product
from typing import Any, NamedTuple

import numpy as np
import pytensor
from pytensor.compile.mode import Mode
from pytensor.graph.basic import Variable
from scipy.special import log_softmax, softmax

from helpers.check.clues import ask, changed, of_probabilities, with_clue
from helpers.check.core import Domain, Probe, Verdict, call, exercise, judge
from helpers.check.core.probabilities import to_probabilities
from helpers.check.core.values import to_array, to_finite
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
    # one symbol wrong at either end, and junk around a string that is right
    *("TTXSE", "BTXSV", "XTXSS", "PBTXSE", "VBPVVET"),
    *("BBTXSE", "BTTXSE", "BXSE", "BPVXSE", "BTXVVE", "BPSE", "BTSE", "BTVVE"),
    *("BTSSE", "BPTXSE", "BTXXSE", "BTXXVPE", "BPVPVVE", "BTSXXTTVSE"),
)
END = len(REBER.transitions) - 1


class Automaton(NamedTuple):
    """Where the walk begins, where each symbol leads, and where it may end."""

    start: int
    moves: Mapping[tuple[int, str], int]
    ends: frozenset[int]

    def accepts(self, string: str) -> bool:
        """Whether the walk of a string ends where it may."""
        state = self.start
        for symbol in string:
            if (state, symbol) not in self.moves:
                return False
            state = self.moves[state, symbol]
        return state in self.ends


MOVES = {(s, a): t for s, ways in enumerate(REBER.transitions) for a, t in ways.items()}
RIGHT = Automaton(0, MOVES, frozenset([END]))


def _telling_strings() -> list[str]:
    """Strings that no wrong automaton with up to nine states answers all right.

    This is the W method of Chow (1978, "Testing software design modeled by
    finite-state machines"): from each state, which some shortest string reaches, each
    symbol is taken, and then for each state the string that only it accepts. Nine
    states are those of the right automaton, with that of all strings that have failed.
    """
    reached, waiting = {0: ""}, [0]
    for state in waiting:  # the list grows while we walk through it
        for symbol, after in REBER.transitions[state].items():
            if after not in reached:
                reached[after] = reached[state] + symbol
                waiting.append(after)
    ends = {END: ""}  # the shortest way to the end from each state
    while len(ends) < len(REBER.transitions):
        for (state, symbol), after in MOVES.items():
            if after in ends and state not in ends:
                ends[state] = symbol + ends[after]
    middles = ["", *SYMBOLS]
    beginnings = [*reached.values(), "E"]  # E leads to where all has failed
    strings = (a + m + e for a in beginnings for m in middles for e in ends.values())
    return [string for string in dict.fromkeys(strings) if string]


def _draw_string(rng: np.random.Generator) -> tuple[str]:
    """A string of the grammar, of any length, with no, one or two slips."""
    symbols = list(REBER.sample(rng, min_length=int(rng.choice([0, 0, 12, 40]))))
    for _ in range(rng.integers(3)):
        i, slip = rng.integers(len(symbols)), rng.integers(4)
        symbols[i : i + 1] = {
            0: [],
            1: [SYMBOLS[rng.integers(7)]],
            2: [SYMBOLS[rng.integers(7)], symbols[i]],
            3: symbols[i : i + 1] * 2,
        }[int(slip)]
    return ("".join(symbols) or "B",)


@exercise(
    "All strings that could tell a wrong automaton were tried, and long ones too.",
    Domain(
        "grammatical(string)",
        "A string has one or more of the seven symbols.",
        _draw_string,
        [(string,) for string in dict.fromkeys([*STRINGS, *_telling_strings()])],
        drawn=300,
    ),
)
def grammatical(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `grammatical(string)`: True if the Reber grammar makes the string."""
    said: dict[str, bool] = {}
    for name, (string,), _ in probes:
        with _without_its_check():
            result = call(name, student, string, explain=_borrowed)
        answer = _truth(name, result)
        if isinstance(answer, Verdict):
            yield answer
            return
        said[string] = answer
    wrongly = [string for string in said if said[string] != RIGHT.accepts(string)]
    if not wrongly:
        return
    # Where the answers are wrong, a guess is refuted soonest.
    order = dict.fromkeys([*wrongly, *said])
    for mistake, rule in (*_membership_mistakes().items(), *_slips()):
        if all(rule(string) == said[string] for string in order):
            yield wrong("grammatical", mistake, "mistake")
            return
    string = wrongly[0]
    expected = f"returned {said[string]}, expected {not said[string]}{_why(string)}"
    yield wrong(f'grammatical("{string}")', expected, "step")


class Borrowed(Exception):
    """The answer has asked the grammar itself."""


@contextmanager
def _without_its_check() -> Iterator[None]:
    """Grammar.check, and what is built on it, is the answer and not to be had."""
    kept = Grammar.check

    def refuse(grammar: Grammar, string: str) -> None:
        raise Borrowed

    Grammar.check = refuse
    try:
        yield
    finally:
        Grammar.check = kept


def _borrowed(error: BaseException) -> str:
    if not isinstance(error, Borrowed):
        return ""
    return "`REBER.check` is used, which is the answer: walk the automaton yourself"


def _truth(name: str, result: Any) -> bool | Verdict:
    """True or False, from anything that can only be meant as one of them."""
    if isinstance(result, Verdict):
        return result
    array = to_array(name, result)
    if isinstance(array, Verdict) or array.size != 1 or array.item() not in (0, 1):
        said = f"returned {describe(result)}, expected True or False"
        return wrong(name, said, "type")
    return bool(array.item())


def _why(string: str) -> str:
    """Why a string does not belong, or how it does."""
    misfit = REBER.check(string)
    if misfit:
        return f"; {misfit}"
    return f": it passes the states {', '.join(map(str, REBER.states(string)))}"


def _membership_mistakes() -> dict[str, Callable[[str], bool]]:
    """What wrong functions say of a string."""
    complete = RIGHT.accepts
    everywhere = Automaton(0, MOVES, frozenset(range(END + 1)))
    pairs = {(a, b) for (s, a), t in MOVES.items() for b in REBER.transitions[t]}

    def only_pairs(s: str) -> bool:
        return s[0] == "B" and s[-1] == "E" and pairs.issuperset(pairwise(s))

    def begun(s: str) -> bool:
        return any(complete(s[:n]) for n in range(1, len(s) + 1))

    return {
        "True and False are exchanged": lambda s: not complete(s),
        "always True": lambda s: True,
        "always False": lambda s: False,
        "a string that only begins well is not in the grammar: it must also reach its "
        'end, as "BTXS" does not': everywhere.accepts,
        'nothing may follow the E of the end, as it does in "BTXSEE"': begun,
        'nothing may come before the B of the start, as it does in "PBTXSE"': (
            lambda s: any(complete(s[n:]) for n in range(len(s)))
        ),
        "it only looks for a string of the grammar somewhere inside, as in "
        '"VBPVVET": expected the whole string': (
            lambda s: any(begun(s[n:]) for n in range(len(s)))
        ),
        'it does not look at the first symbol: "TTXSE" does not begin with B': (
            lambda s: complete("B" + s[1:])
        ),
        'it does not look at the last symbol: "BTXSV" does not end with E': (
            lambda s: complete(s[:-1] + "E")
        ),
        'it looks neither at the first symbol nor at the last: "XTXSS" is not in the '
        "grammar": lambda s: len(s) > 1 and complete("B" + s[1:-1] + "E"),
        'the B of the start is not expected: "TXSE" alone is not in the grammar': (
            lambda s: complete("B" + s)
        ),
        'the E of the end is not expected: "BTXS" alone is not in the grammar': (
            lambda s: complete(s + "E")
        ),
        'it looks at pairs of neighbours only. In "BTSE" each pair occurs in the '
        "grammar, but what may follow S depends on the state": only_pairs,
        "it looks at the first and the last symbol only": (
            lambda s: s[0] == "B" and s[-1] == "E"
        ),
        "a symbol without an arrow is passed over, expected the end of the walk": (
            _passes_over
        ),
        "no string that passes a state twice is accepted, but the grammar has loops": (
            lambda s: complete(s) and len(set(REBER.states(s))) == len(s)
        ),
        "the order of the symbols does not count": (
            lambda s: any(sorted(s) == sorted(other) for other in STRINGS[:6])
        ),
    }


def _passes_over(string: str) -> bool:
    state = 0
    for symbol in string:
        state = MOVES.get((state, symbol), state)
    return state == END


def _slips() -> Iterator[tuple[str, Callable[[str], bool]]]:
    """Automata with one slip, and what the slip is."""
    for state in range(1, END):
        yield (
            f"the walk begins in state {state}, expected state 0",
            RIGHT._replace(start=state).accepts,
        )
    for state in range(END):
        yield (
            f"a string may end in state {state} too, expected in state {END} only",
            RIGHT._replace(ends=frozenset([state, END])).accepts,
        )
        yield (
            f"a string must end in state {state}, expected in state {END}",
            RIGHT._replace(ends=frozenset([state])).accepts,
        )
    for (state, symbol), after in MOVES.items():
        without = {key: MOVES[key] for key in MOVES if key != (state, symbol)}
        what = "the loop of" if state == after else "the way on by"
        yield (
            f"{what} {symbol} at state {state} is missing",
            RIGHT._replace(moves=without).accepts,
        )
    for state, symbol, after in product(range(END + 1), SYMBOLS, range(END + 1)):
        expected = MOVES.get((state, symbol))
        if after == expected:
            continue
        what = "where there is no such way" if expected is None else "expected to"
        where = "" if expected is None else f" state {expected}"
        yield (
            f"{symbol} leads from state {state} to state {after}, {what}{where}",
            RIGHT._replace(moves=MOVES | {(state, symbol): after}).accepts,
        )


# Exercise 5.2 --------------------------------------------------------------------

SLOW = 1000  # steps that the slowest of the automata takes on average


def _draw_steps(rng: np.random.Generator) -> tuple[np.ndarray]:
    """A matrix of probabilities, from each of whose states the last can be reached."""
    n = rng.integers(2, 8)
    M = rng.dirichlet(np.ones(n), n) * (rng.random((n, n)) < 0.7)
    M[:, -1] += rng.uniform(0.02, 0.3, n)
    M /= M.sum(axis=1, keepdims=True)
    M[-1] = 0
    return (M,)


@exercise(
    "This is the mean over all strings that there can be, the long ones too.",
    Domain(
        "mean_length(M)",
        "It can be reached from every other state.",
        _draw_steps,
        [
            (np.array([[0, 0.75, 0.25], [0.5, 0, 0.5], [0, 0, 0]]),),
            (REBER.matrix,),
            (Grammar("uneven", REBER.transitions, odds={"T": 3, "S": 2}).matrix,),
            (np.array([[1 - 1 / SLOW, 1 / SLOW], [0, 0]]),),
        ],
    ),
)
def mean_length(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `mean_length(M)`: the mean number of steps from state 0 to the last one."""
    verdict = judge(student, probes, _mean_length, mistakes=_length_mistakes)
    yield with_clue(verdict, _length_clues(student, probes))


def _mean_length(M: np.ndarray) -> float:
    return _visits(M)[:-1].sum()


def _visits(M: np.ndarray) -> np.ndarray:
    """How often each state is passed, on average."""
    return np.linalg.solve(np.eye(len(M)) - M.T, np.eye(len(M))[0])


def _length_mistakes(M: np.ndarray) -> dict[str, Any]:
    n, last = len(M), len(M) - 1
    visits = _visits(M)
    steps = np.linalg.solve(np.eye(last) - M[:last, :last], np.ones(last))
    from_the_end = np.linalg.solve(np.eye(n) - M.T, np.eye(n)[-1])
    return {
        "the last state is counted, but no symbol comes after it": visits.sum(),
        "these are the visits of each state, expected their sum over all but "
        "the last": visits,
        "these are the visits of each state but the last, expected their sum": (
            visits[:last]
        ),
        "this is the mean number of steps from each state, expected that from "
        "state 0": steps,
        "M and its transpose are exchanged": (
            np.linalg.solve(np.eye(n) - M, np.eye(n)[0])[:last].sum()
        ),
        "each state is taken as a start, expected state 0": steps.sum(),
        "this is the mean over all states as starts, expected state 0": steps.mean(),
        "the first symbol, B, is not counted": visits[:last].sum() - 1,
        "B and E are not counted": visits[:last].sum() - 2,
        "this is the length of the shortest string": _shortest(M),
        "this is the number of states": n,
        "this is the number of states but the last": last,
        "these are the visits on average over the states, expected their sum": (
            visits[:last].mean()
        ),
        "these are the visits of the state that is visited most, expected the sum over "
        "all but the last": visits[:last].max(),
        "these are the visits of state 0, expected the sum over all but the last": (
            visits[0]
        ),
        "the visits of state 0 are left out": visits[1:last].sum(),
        "the visits of the last state but one are left out: only the last state has "
        "no symbol after it": visits[: last - 1].sum(),
        "only the visits of the last state are left: expected those of all others": (
            visits[last]
        ),
        "the walk begins in the last state, expected in state 0": (
            from_the_end[:last].sum()
        ),
        "M is added to the identity, expected subtracted": (
            np.linalg.solve(np.eye(n) + M.T, np.eye(n)[0])[:last].sum()
        ),
        "only one step is taken: each visit leads to other visits": (
            (np.eye(n)[0] + M[0])[:last].sum()
        ),
    }


def _shortest(M: np.ndarray) -> int:
    """The least number of steps from state 0 to the last."""
    at, steps = np.eye(len(M))[0], 0
    while not at[-1]:
        at, steps = at @ M, steps + 1
    return steps


def _length_clues(student: Callable, probes: Sequence[Probe]) -> Iterator[str]:
    once, again = (ask(student, *probes[1].arguments) for _ in range(2))
    if once is not None and again is not None and not np.array_equal(once, again):
        yield "It says something else when asked again: do not draw strings, solve."
    pairs = [(ask(student, *p.arguments), _mean_length(*p.arguments)) for p in probes]
    if any(got is None or got.size != 1 for got, _ in pairs):
        return
    ratio = np.array([got.item() / expected for got, expected in pairs])
    off = np.abs(ratio - 1) > 1e-6
    if not off[:3].any() or ((ratio[off] < 1).all() and not off[1]):
        yield (
            "The automata with short strings are right: does a sum over the steps stop "
            "too early? Equations have no longest string."
        )
    if np.abs(ratio - 1).max() < 0.2:
        yield (
            "It is nearly right each time, as if strings were drawn or a sum were cut "
            "off: solve the equations."
        )
    line = np.eye(5, k=1)
    got = ask(student, line)
    if got is not None and got.item() != 4:
        yield (
            "Try five states in a line, each with one way on, to the next: there are 4 "
            f"steps, and it says {number(got.item())}."
        )
    yield (
        "It is right for states in a line, each with one way on: what happens where "
        "there are several?"
    )


# Exercise 5.3 --------------------------------------------------------------------


def _draw_predictions(rng: np.random.Generator) -> tuple:
    """Logits o, one-hot y and the mask of a padded batch; anything in the padding."""
    lengths = rng.integers(1, 7, rng.integers(1, 6))
    mask = (np.arange(lengths.max())[:, None] < lengths).astype(float)
    o = rng.normal(0, rng.choice([0.5, 2.0, 8.0]), (*mask.shape, len(SYMBOLS)))
    y = np.eye(len(SYMBOLS))[rng.integers(0, len(SYMBOLS), mask.shape)]
    padding = mask[:, :, None] == 0
    o, y = np.where(padding, 3 * o + 1, o), np.where(padding, o - y, y)
    return _short(o), _short(y), mask


HIGH, APART = " where all logits are about 900", " where logits are hundreds apart"
NOT_FINITE = {
    HIGH: "exp(o) overflows. Use pt.special.log_softmax",
    APART: (
        "a probability is too small for a computer and becomes 0, whose logarithm is "
        "-infinity. Use pt.special.log_softmax, which never takes it"
    ),
}


def _batches() -> list[tuple]:
    """Batches without padding, with little, and with logits of several hundred."""
    rng = np.random.default_rng(0)
    batches = []
    for lengths, scale in (((4, 4), 1.0), ((5, 2, 3), 1.0), ((3, 1), 1.0)):
        mask = (np.arange(max(lengths))[:, None] < lengths).astype(float)
        o = scale * rng.normal(0, 1, (*mask.shape, len(SYMBOLS)))
        y = np.eye(len(SYMBOLS))[rng.integers(0, len(SYMBOLS), mask.shape)]
        batches.append((o, y, mask))
    o, y, mask = batches[1]
    batches += [(o + 900, y, mask), (400 * o, y, mask)]
    return [tuple(map(_short, batch)) for batch in batches]


def _short(numbers: np.ndarray) -> np.ndarray:
    """Numbers that float32 holds exactly, so that each engine is given the same."""
    return numbers.astype(np.float32).astype(float)


@exercise(
    "What stands in the padding does not count, each prediction counts the same, "
    "and large logits do no harm.",
    Domain(
        "softmax_loss(o, y, mask)",
        "Where the mask is 0, `o` and `y` may hold any finite numbers.",
        _draw_predictions,
        _batches(),
        drawn=2,
    ),
)
def softmax_loss(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `softmax_loss(o, y, mask)`: next-symbol cross-entropy of a padded batch."""
    probes = [p._replace(name=_batch_name(*p.arguments)) for p in probes]
    verdict = judge(
        student,
        probes,
        _loss,
        mistakes=_loss_mistakes,
        give=_as_shared,
        take=_evaluated,
    )
    yield with_clue(verdict, _loss_clues(student))


def _batch_name(o, y, mask) -> str:
    """The call, and what is special about the batch."""
    said = f"softmax_loss(o, y, mask) with o of shape {o.shape}"
    if mask.all():
        return f"{said} without padding"
    if o.min() > 100:
        return f"{said}{HIGH}"
    return f"{said}{APART}" if np.ptp(o) > 100 else said


def _as_shared(arguments: tuple) -> list:
    return [pytensor.shared(a.astype(pytensor.config.floatX)) for a in arguments]


def _loss(o, y, mask) -> float:
    each = -(y * log_softmax(o, axis=2)).sum(axis=2)
    return (each * mask).sum() / mask.sum()


def _loss_mistakes(o, y, mask) -> dict[str, Any]:
    """The loss with one mistake each."""
    log_p, p, real = log_softmax(o, axis=2), softmax(o, axis=2), mask[:, :, None]
    each, n = -(y * log_p).sum(axis=2), mask.sum()
    strings = (each * mask).sum(axis=0) / mask.sum(axis=0)
    times = (each * mask).sum(axis=1) / mask.sum(axis=1)
    total = (each * mask).sum()
    silent = -(y * log_softmax(o * real, axis=2)).sum(axis=2)

    def mean(of_each) -> float:
        return (of_each * mask).sum() / n

    return {
        "the mask is not used: the padding counts": each.mean(),
        "masked logits are not left out: logits of 0 still cost log 7": silent.mean(),
        "the padding is left out of the sum, but the division is by all of it": (
            (each * mask).mean()
        ),
        "the padding is in the sum, and only the division leaves it out": (
            each.sum() / n
        ),
        "the mask is added to the losses, expected multiplied": (each + mask).sum() / n,
        "the mask is used the wrong way round": (each * (1 - mask)).sum() / n,
        "each string counts the same, expected each prediction: divide once, by the "
        "number of all predictions": strings.mean(),
        "each step of time counts the same, expected each prediction: divide once, by "
        "the number of all predictions": times.mean(),
        "this is the sum, expected the mean": total,
        "multiplied by the number of predictions, expected divided": total * n,
        "this is the loss of the worst prediction, expected the mean": (
            (each * mask).max()
        ),
        "the loss of the worst prediction is divided by their number, expected the "
        "sum": (each * mask).max() / n,
        "divided by the number of predictions twice": (each * mask).mean() / n,
        "divided by 7 as well: a softmax has one loss a prediction, not seven": (
            total / n / len(SYMBOLS)
        ),
        "divided by the number of strings, expected that of the predictions": (
            total / mask.shape[1]
        ),
        "divided by the number of steps, expected that of the predictions": (
            total / mask.shape[0]
        ),
        "this is the number of the predictions": n,
        "one loss a string, expected one for the batch": strings,
        "the losses of each string, summed: expected one loss for the batch": (
            (each * mask).sum(axis=0)
        ),
        "one loss a step, expected one for the batch": times,
        "one loss a prediction, expected one for the batch": each * mask,
        "one loss a prediction, the padding too, expected one for the batch": each,
        "one loss a prediction, divided by their number: their sum is missing": (
            each * mask / n
        ),
        "the sign is wrong": -total / n,
        "this is the loss of seven sigmoids, expected that of a softmax": (
            mean((np.logaddexp(0, o) - y * o).sum(axis=2))
        ),
        "this is the loss of seven sigmoids, the mean over them too, expected that of "
        "a softmax": mean((np.logaddexp(0, o) - y * o).mean(axis=2)),
        "the softmax is over the steps of time: the symbols are on the last axis": (
            mean(-(y * log_softmax(o, axis=0)).sum(axis=2))
        ),
        "the softmax is over the strings: the symbols are on the last axis": (
            mean(-(y * log_softmax(o, axis=1)).sum(axis=2))
        ),
        "the softmax is over the whole array: give it the last axis, axis=2": (
            mean(-(y * log_softmax(o)).sum(axis=2))
        ),
        "this is the mean probability of the next symbol: its logarithm is missing": (
            mean((p * y).sum(axis=2))
        ),
        "this is minus the mean probability of the next symbol: its logarithm is "
        "missing": -mean((p * y).sum(axis=2)),
        "this is how much the next symbol lacks of the probability 1, expected minus "
        "its logarithm": mean(1 - (p * y).sum(axis=2)),
        "the logarithm comes after the mean, expected before it": (
            -np.log(mean((p * y).sum(axis=2)))
        ),
        "the logarithm comes after the mean over all positions, expected before it": (
            -np.log((p * y * real).sum() / n)
        ),
        "this is the logit of the next symbol with the sign of a loss: log_softmax is "
        "missing": mean(-(y * o).sum(axis=2)),
        "this is the logit of the next symbol: log_softmax is missing": (
            mean((y * o).sum(axis=2))
        ),
        "the loss has the normaliser alone, ln of the sum of exp(o): the logit of the "
        "next symbol is not subtracted": mean((o - log_p)[:, :, 0]),
        "y is not used: all seven symbols cost something, expected the one that comes "
        "next": mean(-log_p.sum(axis=2)),
        "log_softmax is not used: this is y alone": mean(-y.sum(axis=2)),
        "y is added to the logarithms, expected multiplied": (
            mean(-(y + log_p).sum(axis=2))
        ),
        "y is divided by the logarithms, expected multiplied": (
            mean(-(y / log_p).sum(axis=2))
        ),
        "the softmax is of y, expected of o": (
            mean(-(y * log_softmax(y, axis=2)).sum(axis=2))
        ),
        "the logarithms are weighted by the logits, expected by y": (
            mean(-(o * log_p).sum(axis=2))
        ),
        "this is the entropy of what is predicted: y is not used": (
            mean(-(p * log_p).sum(axis=2))
        ),
        "the logarithm has base 2, expected nats": total / n / np.log(2),
        "the logarithm has base 10, expected nats": total / n / np.log(10),
        "this is a squared error, expected minus the logarithm": (
            mean(((p - y) ** 2).sum(axis=2))
        ),
        "the largest of the seven is taken, expected the sum over them": (
            mean(-(y * log_p).max(axis=2))
        ),
    }


def _loss_clues(student: Callable) -> Iterator[str]:
    """What the loss should not depend on."""
    o, y, mask = _batches()[1]
    padding = mask[:, :, None] == 0

    def loss(*arguments) -> np.ndarray | None:
        return ask(
            lambda *given: _evaluated("", student(*given)), *_as_shared(arguments)
        )

    before = loss(o, y, mask)
    if changed(before, loss(np.where(padding, o + 5, o), y, mask)):
        yield "It depends on what o holds where the mask is 0."
    if changed(before, loss(o, np.where(padding, 2.0, y), mask)):
        yield "It depends on what y holds where the mask is 0."
    if changed(before, loss(o[:, ::-1], y[:, ::-1], mask[:, ::-1])):
        yield "It changes when the strings of the batch come in another order."
    if changed(before, loss(o + np.arange(3)[:, None], y, mask)):
        yield (
            "It changes when the same number is added to all seven logits of a "
            "prediction, and a softmax does not."
        )
    if not changed(before, loss(o, np.roll(y, 1, axis=2), mask)):
        yield "It is the same whatever comes next: where is y used?"


def _evaluated(name: str, result: Any, given: Sequence = ()) -> Any:
    """The value of an expression, compiled with all rewrites, as the engines do.

    Some of them make an unstable formula stable, which `compare` would not see.
    """
    if isinstance(result, Variable):
        mode = Mode(linker="py", optimizer="fast_run")
        with suppress(Exception), pytensor.config.change_flags(cxx=""):
            result = pytensor.function([], result, mode=mode)()
    hint = next((why for what, why in NOT_FINITE.items() if name.endswith(what)), "")
    if not hint and "padding" not in name:
        hint = "in the padding the mask is 0: is something divided by it?"
    return to_finite(name, result, hint, "the loss is ") if hint else result


# Exercise 5.4 --------------------------------------------------------------------


def _draw_probabilities(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Probabilities of two to nine symbols, some of them 0, and a temperature."""
    n = rng.integers(2, 10)
    p = rng.dirichlet(np.ones(n)) * (np.arange(n) != rng.integers(2 * n))
    return p / p.sum(), float(np.exp(rng.uniform(np.log(0.1), np.log(10))))


EXAMPLE = np.array([0.02, 0.48, 0.01, 0.3, 0.0, 0.15, 0.04])


@exercise(
    "Low temperatures sharpen, high ones flatten, and 1 changes nothing.",
    Domain(
        "sharpen(p, temperature)",
        "`p` is a NumPy array of probabilities, some of which may be 0, and the "
        "temperature lies between 0.1 and 10.",
        _draw_probabilities,
        [(EXAMPLE, 0.5), (EXAMPLE, 2.0), (EXAMPLE, 1.0), (EXAMPLE, 0.1)],
    ),
)
def sharpen(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `sharpen(p, temperature)`: p to the power 1 / temperature, normalised."""
    probes = [
        p._replace(name=f"sharpen(p, {p.arguments[1]:.3g}) with {len(p.arguments[0])}")
        for p in probes
    ]
    probes = [p._replace(name=f"{p.name} probabilities") for p in probes]
    verdict = judge(student, probes, _sharpened, mistakes=_sharpen_mistakes)
    yield with_clue(verdict, _sharpen_clues(student))


def _sharpened(p: np.ndarray, temperature: float) -> np.ndarray:
    power = p ** (1 / temperature)
    return power / power.sum()


def _sharpen_mistakes(p: np.ndarray, temperature: float) -> dict[str, Any]:
    power, raised, scaled = p ** (1 / temperature), p**temperature, p / temperature
    return {
        "the power is the temperature, expected 1 / temperature": raised / raised.sum(),
        "not normalised: the probabilities must sum to 1": power,
        "not normalised, and the power is the temperature": raised,
        "the temperature does nothing: dividing all by it cancels out": p,
        "divided by the temperature, and neither sharper nor normalised": scaled,
        "this is a softmax of p: it would be right with log(p) instead of p": (
            softmax(scaled)
        ),
        "this is a softmax of p times the temperature: it would be right with log(p) "
        "instead of p, and divided": softmax(p * temperature),
        "divided by the largest, expected by the sum": power / power.max(),
        "divided by the mean, expected by the sum": power / power.mean(),
        "multiplied by the sum, expected divided": power * power.sum(),
        "this is the sum, by which all should be divided": power.sum(),
        "all is given to the largest": (p == p.max()).astype(float),
        "all are the same, whatever p is": np.full(len(p), 1 / len(p)),
        "this is the logarithm of p divided by the temperature, whose exponential is "
        "wanted": np.log(p) / temperature,
        "base and exponent are exchanged": (1 / temperature) ** p / power.sum(),
        "base and exponent are exchanged, and the sum is theirs": (
            (1 / temperature) ** p / ((1 / temperature) ** p).sum()
        ),
        "1 is not divided by the temperature, but has it subtracted": (
            p ** (1 - temperature) / (p ** (1 - temperature)).sum()
        ),
    }


def _sharpen_clues(student: Callable) -> Iterator[str]:
    """What holds at every temperature."""
    p = np.array([0.1, 0.6, 0.3])
    alike, same, cold = (ask(student, p, t) for t in (2.0, 1.0, 0.25))
    if alike is None or same is None or cold is None or alike.shape != p.shape:
        return
    yield from of_probabilities(alike)
    if np.allclose(alike, cold):
        yield "The temperature makes no difference."
    if not np.allclose(same, p):
        yield "At temperature 1 nothing should change, and it does."
    if (np.argsort(cold) != np.argsort(p)).any():
        yield "The order of the symbols changes: a likelier one must remain likelier."
    if cold.max() < alike.max():
        yield "A low temperature flattens and a high one sharpens, the wrong way round."
    if not np.isclose(cold[1] / cold[2], 2**4):
        yield (
            "At temperature 1/4 a symbol that was twice as likely should be 2 to the "
            f"power 4 times as likely, and it is {number(cold[1] / cold[2])} times."
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
    yield _uses_both(said)
    yield _trained(said, contexts)
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
    legal = {last: REBER.legal_next[state] > 0 for last, state in contexts.items()}
    if illegal > 1e-12:
        if any(np.ptp(p[~legal[last]]) > 1e-12 for last, p in said.items()):
            return right("predict")
        return wrong(
            "predict",
            "all illegal symbols get the same, as in a table of counts to which a "
            "little was added, and as no trained network gives: let a network find it",
        )
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
