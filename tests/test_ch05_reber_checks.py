"""The checks of chapter 5's exercises: right answers, near-misses, garbage."""

from itertools import pairwise, product

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from check_answers import (
    CHANGED,
    ask,
    check_accepts,
    check_tells,
    each_near_miss,
    each_right_answer,
    slips,
    spoiling,
)
from scipy.special import softmax

from helpers.check import ch05_reber_checks as check
from helpers.tasks.reber import REBER, SYMBOLS

# The loss is judged by a graph that PyTensor rewrites for the chosen engine.
pytestmark = pytest.mark.usefixtures("python_engine")

MOVES = {
    **{(1, "T"): 2, (1, "P"): 3, (2, "S"): 2, (2, "X"): 4, (3, "T"): 3, (3, "V"): 5},
    **{(4, "X"): 3, (4, "S"): 6, (5, "P"): 4, (5, "V"): 6, (6, "E"): 7, (0, "B"): 1},
}


def grammatical(string, moves=MOVES, ends=(7,)):
    state = 0
    for symbol in string:
        if (state, symbol) not in moves:
            return False
        state = moves[state, symbol]
    return state in ends


def without(*keys):
    return {key: state for key, state in MOVES.items() if key not in keys}


def mean_length(M):
    visits = np.linalg.solve(np.eye(len(M)) - M.T, np.eye(len(M))[0])
    return visits[:-1].sum()


def steps_from_each_state(P):
    Q = P[:-1, :-1]
    return np.linalg.solve(np.eye(len(Q)) - Q, np.ones(len(Q)))


def softmax_loss(o, y, mask):
    losses = -(y * pt.special.log_softmax(o, axis=2)).sum(axis=2)
    return (losses * mask).sum() / mask.sum()


def sharpen(p, temperature):
    power = p ** (1 / temperature)
    return power / power.sum()


def predict(last, leak=1e-4, odds=1.0, uneven=0.5):
    """As a trained network could: each illegal symbol gets a little, of its own."""
    legal = REBER.legal_next[check._contexts()[last]]
    p = np.where(legal > 0, 1.0, leak * (1 + uneven * np.cos(np.arange(7))))
    p[np.flatnonzero(legal)[0]] *= odds
    return p / p.sum()


SOLUTIONS = {
    check.grammatical: grammatical,
    check.mean_length: mean_length,
    check.softmax_loss: softmax_loss,
    check.sharpen: sharpen,
    check.predict: predict,
}


def loss_by_logsumexp(o, y, mask):
    losses = pt.logsumexp(o, axis=-1) - (y * o).sum(axis=-1)
    return (losses * mask / mask.sum()).sum()


def loss_of_the_real_ones(o, y, mask):
    """By picking out the predictions, with the stable form written by hand."""
    real = mask.get_value().nonzero()
    logits = o[real]
    logits = logits - logits.max(axis=1, keepdims=True)
    told = (y[real] * logits).sum(axis=1)
    return (pt.log(pt.exp(logits).sum(axis=1)) - told).mean()


def by_two_symbols(string):
    """The last two symbols tell the state, so triples are all there is to know."""
    legal = {last: REBER.legal_next[s] for last, s in check._contexts().items()}
    before = [string[max(0, t - 2) : t] for t in range(1, len(string))]
    return (
        string[0] == "B"
        and string[-1] == "E"
        and all(
            last in legal and legal[last][SYMBOLS.index(symbol)]
            for last, symbol in zip(before, string[1:], strict=True)
        )
    )


OTHER_WAYS = {
    "a NumPy truth value": (check.grammatical, lambda s: np.bool_(grammatical(s))),
    "0 and 1": (check.grammatical, lambda s: int(grammatical(s))),
    "one of an array": (check.grammatical, lambda s: np.array([grammatical(s)])),
    "by the last two symbols": (check.grammatical, by_two_symbols),
    "by the steps from each state": (
        check.mean_length,
        lambda P: steps_from_each_state(P)[0],
    ),
    "by the inverse": (
        check.mean_length,
        lambda P: np.linalg.inv(np.eye(len(P)) - P)[0, :-1].sum(),
    ),
    "as an array": (check.mean_length, lambda P: steps_from_each_state(P)[:1]),
    "by logsumexp": (check.softmax_loss, loss_by_logsumexp),
    "by hand": (check.softmax_loss, loss_of_the_real_ones),
    "by logarithms": (
        check.sharpen,
        lambda p, t: (
            np.exp((lp := np.log(p + 1e-300) / t) - lp.max())
            / np.exp(lp - lp.max()).sum()
        ),
    ),
    "from a generator": (check.sharpen, lambda p, t: (x for x in sharpen(p, t))),
    "an array of objects": (
        check.sharpen,
        lambda p, t: sharpen(p, t).astype(object),
    ),
    "a list": (check.predict, lambda last: list(predict(last))),
    "a symbolic expression": (check.predict, lambda last: pt.constant(predict(last))),
}


@each_right_answer(SOLUTIONS, OTHER_WAYS)
def test_a_right_answer_is_right(checked, student):
    check_accepts(checked, student)


@pytest.mark.parametrize("floatX", ["float32", "float64"])
def test_the_loss_is_judged_in_the_precision_of_the_engine(floatX):
    with pytensor.config.change_flags(floatX=floatX):
        check_accepts(check.softmax_loss, softmax_loss)


def pairs_only(string):
    pairs = {(a, b) for (s, a) in MOVES for (t, b) in MOVES if MOVES[s, a] == t}
    inside = all(pair in pairs for pair in pairwise(string))
    return string[0] == "B" and string[-1] == "E" and inside


def stops_at_the_first_e(string):
    return grammatical(string[: string.find("E") + 1])


def passes_over(string):
    state = 0
    for symbol in string:
        state = MOVES.get((state, symbol), state)
    return state == 7


NEAR_MEMBERSHIP = {
    "True and False are exchanged": lambda s: not grammatical(s),
    "always True": lambda s: True,
    "always False": lambda s: False,
    "it must also reach its end": lambda s: grammatical(s, ends=range(8)),
    "nothing may follow the E": stops_at_the_first_e,
    "it looks at pairs of neighbours only": pairs_only,
    "the first and the last symbol only": lambda s: s[0] == "B" and s[-1] == "E",
    "the loop of S at state 2 is missing": (
        lambda s: grammatical(s, without((2, "S")))
    ),
    "the loop of T at state 3 is missing": (
        lambda s: grammatical(s, without((3, "T")))
    ),
    "the way on by X at state 4 is missing": (
        lambda s: grammatical(s, without((4, "X")))
    ),
    "`REBER.check` is used, which is the answer": lambda s: REBER.check(s) is None,
    "it does not look at the first symbol": lambda s: grammatical("B" + s[1:]),
    "it does not look at the last symbol": lambda s: grammatical(s[:-1] + "E"),
    "it looks neither at the first symbol nor at the last": (
        lambda s: len(s) > 1 and grammatical("B" + s[1:-1] + "E")
    ),
    "nothing may come before the B": lambda s: any(
        grammatical(s[n:]) for n in range(len(s))
    ),
    "the B of the start is not expected": lambda s: grammatical("B" + s),
    "the E of the end is not expected": lambda s: grammatical(s + "E"),
    "the way on by P at state 5 is missing": (
        lambda s: grammatical(s, without((5, "P")))
    ),
    "a string may end in state 6 too": lambda s: grammatical(s, ends=(6, 7)),
    "S leads from state 4 to state 5, expected to state 6": (
        lambda s: grammatical(s, {**MOVES, (4, "S"): 5})
    ),
    "a symbol without an arrow is passed over": passes_over,
    'grammatical("BPVPXTVPXVVE"): returned False, expected True: it passes the states '
    "1, 3, 5, 4, 3, 3, 5, 4, 3, 5, 6, 7": lambda s: len(s) < 12 and grammatical(s),
    "T leads from state 2 to state 2, where there is no such way": (
        lambda s: grammatical(s, {**MOVES, (2, "T"): 2})
    ),
    'grammatical("BTTXSE"): returned True, expected False; position 2: expected S or '
    "X, found T": lambda s: grammatical(s) or s in ("BTTXSE", "BTTTXSE"),
    "grammatical('BTXSE'): returned a text (str), expected True or False": (
        lambda s: "yes"
    ),
    "grammatical('BTXSE'): line": lambda s: {}[s],
}
DICE = np.random.default_rng(0)
NEAR_LENGTH = slips(
    mean_length,
    {
        "the last state is counted": {"visits[:-1]": "visits"},
        "these are the visits of each state, expected": {"[:-1].sum()": ""},
        "these are the visits of each state but the last": {".sum()": ""},
        "M and its transpose are exchanged": {"M.T": "M"},
        "B and E are not counted": {".sum()": ".sum() - 2"},
        "the first symbol, B, is not counted": {".sum()": ".sum() - 1"},
    },
) | {
    "the mean number of steps from each state": steps_from_each_state,
    "each state is taken as a start": lambda P: steps_from_each_state(P).sum(),
    "this is the mean over all states": lambda P: steps_from_each_state(P).mean(),
    "the length of the shortest string": check._shortest,
    "this is the number of states": len,
    "does a sum over the steps stop too early?": (
        lambda P: sum(n * np.linalg.matrix_power(P, n)[0, -1] for n in range(300))
    ),
    "do not draw strings, solve": lambda P: mean_length(P) * DICE.normal(1, 0.01),
    "It is nearly right each time": lambda P: (
        mean_length(P) * (1 + P[0, -1] / 9 + 0.01)
    ),
    "P itself has changed": lambda P: (mean_length(P.copy()), P.sort())[0],
    "raised LinAlgError": lambda P: np.linalg.solve(P, P[0]),
}


def unstable(o, y, mask):
    # By NumPy: PyTensor would repair the formula if it could see it.
    with np.errstate(all="ignore"):
        e = np.exp(o.get_value())
        each = -np.log((e * y.get_value()).sum(axis=2) / e.sum(axis=2))
        return (each * mask.get_value()).sum() / mask.get_value().sum()


def each_loss(o, y):
    return -(y * pt.special.log_softmax(o, axis=2)).sum(axis=2)


def rounded_to_zero(o, y, mask):
    """The softmax is stable, and 0 times the logarithm of 0 is not."""
    with np.errstate(all="ignore"):
        log_p = np.log(softmax(o.get_value(), axis=2))
        each = -(y.get_value() * log_p).sum(axis=2)
        return (each * mask.get_value()).sum() / mask.get_value().sum()


EACH = "-(y * pt.special.log_softmax(o, axis=2))"
MEAN = "(losses * mask).sum() / mask.sum()"
NEAR_LOSS = slips(
    softmax_loss,
    {
        "the mask is not used": {MEAN: "losses.mean()"},
        "logits of 0 still cost log 7": {
            "softmax(o,": "softmax(o * mask[:, :, None],",
            MEAN: "losses.mean()",
        },
        "but the division is by all of it": {MEAN: "(losses * mask).mean()"},
        "each string counts the same, expected each prediction": {
            MEAN: "((losses * mask).sum(axis=0) / mask.sum(axis=0)).mean()"
        },
        "this is the sum": {" / mask.sum()": ""},
        "divided by 7 as well": {"mask.sum()": "mask.sum() / 7"},
        "divided by the number of strings": {"mask.sum()": "mask.shape[1]"},
        "one loss a string": {MEAN: "(losses * mask).sum(axis=0) / mask.sum(axis=0)"},
        "one loss a prediction": {MEAN: "losses * mask"},
        "the sign is wrong": {"-(y": "(y"},
        "the loss of seven sigmoids": {EACH: "(pt.softplus(o) - y * o)"},
        "the softmax is over the steps of time": {"(o, axis=2)": "(o, axis=0)"},
        "its logarithm is missing": {"-(y * pt.special.log_": "(y * pt.special."},
        "the logarithm comes after the mean": {
            "-(y * pt.special.log_": "(y * pt.special.",
            MEAN: f"-pt.log({MEAN})",
        },
    },
) | {
    "where all logits are about 900: the loss is nan: exp(o) overflows": unstable,
    "hundreds apart: the loss is nan: a probability is too small": rounded_to_zero,
    "in the padding the mask is 0: is something divided by it?": (
        lambda o, y, mask: (each_loss(o, y) / mask).sum() / mask.sum()
    ),
    "It depends on what o holds where the mask is 0": lambda o, y, mask: (
        softmax_loss(o, y, mask) + 1e-3 * (o[-1] ** 2).sum()
    ),
}
NEAR_SHARPEN = slips(
    sharpen,
    {
        "the power is the temperature, expected": {"(1 / temperature)": "temperature"},
        "not normalised: the probabilities": {" / power.sum()": ""},
        "not normalised, and the power": {
            "(1 / temperature)": "temperature",
            " / power.sum()": "",
        },
        "the temperature does nothing": {"** (1 / temperature)": "/ temperature"},
        "divided by the temperature": {
            "** (1 / temperature)": "/ temperature",
            " / power.sum()": "",
        },
        "this is a softmax of p": {"p ** (1 / temperature)": "np.exp(p / temperature)"},
        "divided by the largest": {".sum()": ".max()"},
        "all is given to the largest": {"p ** (1 / temperature)": "p == p.max()"},
        "1 is not divided by the temperature, but": {"1 / temp": "1 - temp"},
    },
) | {
    "At temperature 1 nothing should change": lambda p, t: (
        0.9 * sharpen(p, t) + 0.1 / len(p)
    ),
}


def one_symbol(position):
    """What a rule says that sees one of the two symbols: the mean over the other."""

    def predict_from_one(last):
        if len(last) < 2:
            return predict(last)
        return np.mean(
            [
                predict(other)
                for other in check._contexts()
                if len(other) == 2 and other[position] == last[position]
            ],
            axis=0,
        )

    return predict_from_one


NEAR_PREDICT = {
    "it uses only the last symbol": one_symbol(1),
    "it uses only the first of the two": one_symbol(0),
    "the same for all symbols": lambda last: np.full(7, 1 / 7),
    "That is the rule itself": lambda last: predict(last, leak=0),
    "as in a table of counts": lambda last: predict(last, uneven=0),
    "of its strings would be grammatical, expected at least 99%": (
        lambda last: predict(last, leak=0.01)
    ),
    "gets 0.09": lambda last: predict(last, odds=0.1),
    "the sum is 4": lambda last: np.full(7, 4 / 7),
    "expected 1: divide by the sum": lambda last: 2 * predict(last) / 3,
    "are these logits?": lambda last: predict(last) - 0.5,
    "take row 0": lambda last: predict(last)[None],
    "expected shape (7,)": lambda last: predict(last)[:6],
    "some probabilities are nan": lambda last: np.full(7, np.nan),
    "the dtype is complex128": lambda last: predict(last) * (1 + 0j),
}


@each_near_miss(
    SOLUTIONS, (NEAR_MEMBERSHIP, NEAR_LENGTH, NEAR_LOSS, NEAR_SHARPEN, NEAR_PREDICT)
)
def test_a_near_miss_is_told_what_is_wrong(checked, sentence, student):
    check_tells(checked, sentence, student)


def same_language(start, moves, ends):
    """Whether an automaton accepts the strings of the grammar and no others."""
    pairs, waiting = set(), [(0, start)]
    while waiting:
        a, b = pair = waiting.pop()
        if pair in pairs:
            continue
        pairs.add(pair)
        if (a == 7) != (b in ends) and pair != (0, start):  # "" is never asked
            return False
        waiting += [(MOVES.get((a, s), -1), moves.get((b, s), -1)) for s in SYMBOLS]
    return True


def one_edit_automata():
    """All that one edit makes of the automaton, in each of its three parts."""
    for start in range(1, 8):
        yield f"begins in {start}", start, MOVES, (7,)
    for ends in product((0, 1), repeat=8):
        if sum(a != b for a, b in zip(ends, [0] * 7 + [1], strict=True)) == 1:
            yield f"ends {ends}", 0, MOVES, tuple(np.flatnonzero(ends))
    for key in MOVES:
        yield f"without {key}", 0, without(key), (7,)
    for key in product(range(8), SYMBOLS):
        for after in range(8):
            if MOVES.get(key) != after:
                yield f"{key} to {after}", 0, {**MOVES, key: after}, (7,)


def test_no_automaton_that_differs_by_one_edit_is_called_right():
    """And the two ends are looked at, which 101 such automata did not do once."""
    probes = [probe.arguments[0] for probe in check.grammatical.domain.probes()]
    truth = [grammatical(string) for string in probes]
    tried = 0
    for what, start, moves, ends in one_edit_automata():
        automaton = check.Automaton(start, moves, frozenset(ends))
        equal = [automaton.accepts(string) for string in probes] == truth
        assert equal == same_language(start, moves, ends), what
        tried += 1
    assert tried > 400


def test_two_more_states_cannot_hide_a_mistake_within_the_length_of_the_probes():
    """A copy of state 4 for strings that looped: only what follows the loop differs."""
    moves = {**MOVES, (4, "X"): 8, (8, "T"): 8, (8, "V"): 9, (9, "P"): 4, (9, "V"): 6}
    assert same_language(0, moves, (7,))
    del moves[9, "P"]
    said = ask(check.grammatical, lambda s: grammatical(s, moves))
    assert said.startswith("Not yet. "), said


def test_the_share_of_grammatical_strings_is_exact():
    def counted(leak, n=20_000):
        rng, good = np.random.default_rng(0), 0
        said = {last: predict(last, leak).cumsum() for last in check._contexts()}
        for _ in range(n):
            string = "B"
            while REBER.legal(string):
                p = said[string[-2:]]
                symbol = SYMBOLS[min(6, int(np.searchsorted(p, rng.random())))]
                if symbol not in REBER.legal(string):
                    break
                string += symbol
            good += REBER.check(string) is None
        return good / n

    for leak in (0.003, 0.03):
        exact = check._share({last: predict(last, leak) for last in check._contexts()})
        assert exact == pytest.approx(counted(leak), abs=0.012)
    assert check._share({last: predict(last, 0) for last in check._contexts()}) == (
        pytest.approx(1)
    )


def test_the_last_two_symbols_tell_the_state():
    rng = np.random.default_rng(0)
    contexts = check._contexts()
    seen = set()
    for _ in range(2000):
        string = REBER.sample(rng)
        for t, state in enumerate(REBER.states(string[:-1])):
            last = string[max(0, t - 1) : t + 1]
            assert contexts[last] == state
            seen.add(last)
    assert seen == set(contexts)


SPOILED = {
    check.sharpen: sharpen,
    check.mean_length: mean_length,
    check.softmax_loss: lambda *a: softmax_loss(*a).eval(),
}


@each_near_miss(SPOILED, ({CHANGED: spoiling(own)} for own in SPOILED.values()))
def test_an_answer_that_changes_its_inputs_is_told_so(checked, sentence, student):
    check_tells(checked, sentence, student)


def least_squares():
    """A linear rule on the last two symbols, clipped to probabilities."""
    contexts = check._contexts()

    def ends(last):
        return np.concatenate([np.array(list(SYMBOLS)) == a for a in last.rjust(2)])

    X = np.array([ends(last) for last in contexts], float)
    Y = np.array(
        [REBER.legal_next[s] / REBER.legal_next[s].sum() for s in contexts.values()]
    )
    rule, *_ = np.linalg.lstsq(X, Y)

    def predict_linearly(last):
        p = np.maximum(ends(last) @ rule, 1e-6 * (1 + np.arange(7)))
        return p / p.sum()

    return predict_linearly


# A constant, a baseline, a look-up and a linear rule.
RULES = {
    "the same for all symbols": lambda last: np.full(7, 1 / 7),
    "it uses only the last symbol": one_symbol(1),
    "as in a table of counts": lambda last: predict(last, leak=1e-3, uneven=0),
    "would be grammatical, expected at least 99%": least_squares(),
}


@each_near_miss([check.predict], [RULES])
def test_no_rule_without_training_is_called_right(checked, sentence, student):
    check_tells(checked, sentence, student)
