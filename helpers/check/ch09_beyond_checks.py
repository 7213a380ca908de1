"""The checks of the exercises of chapter 9."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.graph.basic import Variable
from scipy.special import expit, softmax

from helpers.check.clues import ask, changed, with_clue
from helpers.check.core import Domain, Probe, Verdict, call, exercise, judge, unpack
from helpers.check.core.computation import Computation
from helpers.check.core.graphs import function
from helpers.check.core.patience import OutOfTime, limited, too_long
from helpers.check.core.values import to_numbers
from helpers.check.core.verdicts import right, wrong
from helpers.check.core.words import describe, first_line, number
from helpers.tasks.reber import EMBEDDED, SYMBOLS

# Exercise 9.1 --------------------------------------------------------------------

UNITS = 2
STRINGS = 300  # of any length, and as many long ones
LONG = 15  # symbols of the inner string of a long one


@exercise(
    "One unit counts T minus P in all that it hears, the other in the inner string: "
    "their difference is the second symbol, and no gate has seen a state."
)
def counting_layer(student: Callable) -> Iterator[Verdict]:
    """Judge `counting_layer()`: gates, what comes in, and the readout of two units."""
    name = "counting_layer()"
    made = unpack(name, call(name, student), ("F", "G", "w"))
    if isinstance(made, Verdict):
        yield made
        return
    shapes = {"F": (len(SYMBOLS), UNITS), "G": (len(SYMBOLS), UNITS), "w": (UNITS,)}
    values = {}
    for part, shape in shapes.items():
        value = to_numbers(
            f"{part} of {name}", made[part], "numbers", shape, _layer_hint
        )
        if isinstance(value, Verdict):
            yield value
            return
        values[part] = value
    outside = np.argwhere((values["F"] < 0) | (values["F"] > 1))
    for symbol, unit in outside[:1]:
        yield wrong(
            f"F of {name}",
            f"the gate of unit {unit} for {SYMBOLS[symbol]} is "
            f"{number(values['F'][symbol, unit])}, and a gate lies between 0 and 1",
        )
    prefixes = _questions()
    with np.errstate(all="ignore"):
        y = np.array([_heard(prefix, **values) for prefix in prefixes])
    yield _judge_counts(name, y, prefixes, values)


def _layer_hint(shape: tuple[int, ...]) -> str:
    if shape == (UNITS, len(SYMBOLS)):
        return ": one row a symbol, one column a unit"
    return ": one number a unit" if shape in ((1, UNITS), (UNITS, 1)) else ""


def _questions() -> list[str]:
    """Strings up to where the second symbol is asked for, the shortest first."""
    rng = np.random.default_rng(9)
    strings = [EMBEDDED.sample(rng) for _ in range(STRINGS)]
    strings += [EMBEDDED.sample(rng, min_inner=LONG) for _ in range(STRINGS)]
    return sorted((string[:-2] for string in strings), key=len)


def _heard(prefix: str, F: np.ndarray, G: np.ndarray, w: np.ndarray) -> float:
    """The readout of the two units after a prefix, both from 0."""
    h = np.zeros(UNITS)
    for symbol in prefix:
        i = SYMBOLS.index(symbol)
        h = F[i] * h + G[i]
    return float(h @ w)


def _count(symbols: str) -> int:
    return symbols.count("T") - symbols.count("P")


def _judge_counts(
    name: str, y: np.ndarray, prefixes: list[str], values: Mapping[str, np.ndarray]
) -> Verdict:
    """Whether the sign of the readout is right, and what else it is."""
    is_T = np.array([prefix[1] == "T" for prefix in prefixes])
    good = np.where(is_T, y > 0, y < 0)
    if not np.isfinite(y).all():
        return wrong(name, "a state grows beyond what float64 holds", "not finite")
    if good.all():
        return right(name)
    if not y.any():
        return wrong(name, "the readout is always 0")
    if np.where(is_T, y < 0, y > 0).all():
        return wrong(
            name, "all signs are turned round: it is negative where T was the second"
        )
    inner = np.array([_count(prefix[2:]) for prefix in prefixes])
    whole = inner + np.where(is_T, 1, -1)
    share = f"{good.sum()} of {len(good)} strings are right"
    for count, what in (
        (
            whole,
            "of all that was heard. In it the inner string counts as well: a "
            "second unit must count that alone",
        ),
        (inner, "of the inner string alone, in which the second symbol is not"),
    ):
        if (np.sign(y) == np.sign(count)).all():
            return wrong(name, f"{share}: the sign is that of T minus P {what}")
        if (np.sign(y) == -np.sign(count)).all():
            return wrong(name, f"{share}: the sign is that of P minus T {what}")
    other = {"T": "P", "P": "T"}
    turned = np.array(
        [_heard(p[0] + other[p[1]] + p[2:], **values) for p in prefixes[:STRINGS]]
    )
    if np.array_equal(turned, y[:STRINGS]):
        return wrong(
            name,
            f"{share}: the readout does not depend on the second symbol. Does B shut "
            "the gates of both units, when the inner string begins with it?",
        )
    longest = max(len(p) for p, fine in zip(prefixes, good, strict=True) if fine)
    short = [fine for p, fine in zip(prefixes, good, strict=True) if len(p) < LONG]
    if np.all(short):
        return wrong(
            name,
            f"{share}, and all that are short: is a gate less than 1, so that what "
            "was counted fades?",
        )
    at = int(np.argmin(good))
    return wrong(
        name,
        f"{share}, up to a length of {longest}. The first that is wrong is "
        f"{prefixes[at]!r}: the readout is {number(y[at])}, expected it to be "
        f"{'positive' if is_T[at] else 'negative'}",
    )


# Exercise 9.2 --------------------------------------------------------------------

DEEP = 64  # steps at which a loop and halving are far apart


def _draw_recurrence(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    return _recurrence(rng, *rng.integers(1, (13, 5)))


def _recurrence(rng, T: int, n: int) -> tuple[np.ndarray, ...]:
    a = rng.uniform(0.3, 1, (T, n)) * (rng.random((T, n)) > 0.1)
    return a, rng.normal(0, 1, (T, n)), rng.normal(0, 1, n)


@exercise(
    "64 steps in six rounds, and h_0 is in the first of them.",
    Domain(
        "doubled(a, b, h0)",
        "There is at least one step and one unit, and a gate in `a` lies between 0 "
        "and 1 and may be exactly 0.",
        _draw_recurrence,
        [
            _recurrence(np.random.default_rng(T), T, n)
            for T, n in ((6, 2), (8, 3), (1, 2), (5, 5), (DEEP, 2))
        ],
    ),
)
def doubled(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `doubled(a, b, h0)`: all states of h_t = a_t h_{t-1} + b_t, by doubling."""
    probes = [
        p._replace(name=f"doubled(a, b, h0) with a of shape {p.arguments[0].shape}")
        for p in probes
    ]
    verdict = judge(student, probes, _doubled, mistakes=_doubled_mistakes)
    if verdict.rule == "not finite":
        said = verdict.message.rstrip(".")
        hint = "a gate may be 0, so divide by no product of gates"
        verdict = Verdict(False, True, f"{said}: {hint}.", verdict.rule)
    yield with_clue(verdict, _doubled_clues(student))
    yield _few_products(student)


def _doubled(a, b, h0):
    """The right states, written as the answer is: slips are made in it."""
    b = np.concatenate([a[:1] * h0 + b[:1], b[1:]])
    step = 1
    while step < len(a):
        b = np.concatenate([b[:step], b[step:] + a[step:] * b[:-step]])
        a = np.concatenate([a[:step], a[step:] * a[:-step]])
        step *= 2
    return b


def _in_a_loop(a, b, h0, last: int = 1) -> np.ndarray:
    """The states; with `last` those of h_t = a_t h_{t-last} + b_t."""
    h = []
    for t in range(len(a)):
        h.append(a[t] * (h[t - last] if t >= last else h0) + b[t])
    return np.stack(h)


def _rounds(a, b, steps, both: bool = True, a_first: bool = False) -> np.ndarray:
    """What rounds with these steps make; of b alone, or of a before b."""
    for step in steps:
        if step >= len(a):
            break
        new_a = np.concatenate([a[:step], a[step:] * a[:-step]]) if both else a
        by = new_a if a_first else a
        b = np.concatenate([b[:step], b[step:] + by[step:] * b[:-step]])
        a = new_a
    return b


def _doubled_mistakes(a, b, h0) -> dict[str, np.ndarray]:
    """The states with one mistake each."""
    T = len(a)
    h, free = _in_a_loop(a, b, h0), _in_a_loop(a, b, 0 * h0)
    start = np.concatenate([a[:1] * h0 + b[:1], b[1:]])
    doubling, counting = [2**k for k in range(12)], range(1, 13)
    added = np.concatenate([b[:1] + h0, b[1:]])
    return {
        "h_0 is left out: these are the states from 0 (the published form of the "
        "parallel scan had this bug)": free,
        "h_0 is added to the first input as it is, expected times the first gate": (
            _in_a_loop(a, added, 0 * h0)
        ),
        "h_0 is added to every state, expected times the product of all gates up to "
        "it": free + h0,
        "h_0 is added to the first state alone: it goes on from there": (
            np.concatenate([h[:1], free[1:]])
        ),
        "h_0 comes into every step by its gate, expected into the first": (
            _in_a_loop(a, b + a * h0, 0 * h0)
        ),
        "h_0 comes into every step, expected into the first": (
            _in_a_loop(a, b + h0, 0 * h0)
        ),
        "h_0 replaces the first input: both are there": (
            _in_a_loop(a, np.concatenate([a[:1] * h0, b[1:]]), 0 * h0)
        ),
        "h_0 stands among the states, expected h_1 as the first": (
            np.concatenate([h0[None], h])
        ),
        "each state is that before the step, expected after it": (
            np.concatenate([h0[None], h[:-1]])
        ),
        "only the last state, expected all": h[-1],
        "only one round: pairs of neighbours are joined and no more": (
            _rounds(a, start, doubling[:1])
        ),
        "one round is missing": _rounds(
            a, start, doubling[: max(int(np.ceil(np.log2(T))) - 1, 0)]
        ),
        "a stays as it is from round to round, expected the product of the two that "
        "are joined": _rounds(a, start, doubling, both=False),
        "the new a is used in the round that makes it: b comes first, or both at "
        "once": _rounds(a, start, doubling, a_first=True),
        "the step grows by 1 from round to round, expected doubled": (
            _rounds(a, start, counting)
        ),
        "the step stays 1 in all rounds, expected doubled": (
            _rounds(a, start, [1] * int(np.ceil(np.log2(T))))
        ),
        "nothing is carried: these are the inputs": b,
        "the running sum of the inputs: the gates are left out": np.cumsum(b, axis=0),
        "the running products of the gates alone": np.cumprod(a, axis=0),
    }


def _doubled_clues(student: Callable) -> Iterator[str]:
    """Where the state is wrong first, and what it should not depend on."""
    a, b, h0 = _recurrence(np.random.default_rng(8), 8, 3)
    h, wanted = ask(student, a, b, h0), _in_a_loop(a, b, h0)
    if h is None or h.shape != wanted.shape:
        return
    later = b.copy()
    later[5:] += 1
    after = ask(student, a, later, h0)
    if after is not None and changed(h[:5], after[:5]):
        yield "A state depends on inputs that come after it."
    off = ~np.isclose(h, wanted).all(axis=1)
    if off.any():
        yield f"Of 8 steps the first that is wrong is step {int(np.argmax(off)) + 1}."


class _Counted(np.ndarray):
    """An array that counts the products of arrays in all that is made of it."""

    __array_priority__ = 1.0
    products = 0

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs) -> Any:
        _Counted.products += ufunc is np.multiply
        given = [np.asarray(x) if isinstance(x, _Counted) else x for x in inputs]
        if "out" in kwargs:
            kwargs["out"] = tuple(np.asarray(x) for x in kwargs["out"])
        result = getattr(ufunc, method)(*given, **kwargs)
        return result.view(_Counted) if isinstance(result, np.ndarray) else result


def _few_products(student: Callable) -> Verdict:
    """Whether the work is done in rounds; the states are known to be right."""
    arguments = _recurrence(np.random.default_rng(DEEP), DEEP, 2)
    _Counted.products = 0
    name = f"doubled(a, b, h0) with a of shape {arguments[0].shape}"
    result = call(name, student, *(a.view(_Counted) for a in arguments))
    rounds = DEEP.bit_length() - 1
    if isinstance(result, Verdict) or _Counted.products <= 4 * rounds:
        return right(name)
    return wrong(
        name,
        f"the states are right, but it makes {_Counted.products} products of arrays, "
        f"one after the other. By doubling there are {rounds} rounds with two products "
        "each, and one more for h_0",
        "depth",
    )


# Exercise 9.3 --------------------------------------------------------------------

LOGS = ("log h", "the gradient by log_a", "the gradient by log_b")


def _draw_logs(rng: np.random.Generator) -> tuple:
    T, n = int(rng.choice([2, 3, 6, 8])), int(rng.integers(1, 4))
    return _logs(rng, T, n, float(rng.choice([1.0, 300.0])))


def _logs(rng, T: int, n: int, spread: float = 1.0, gate: Any = 0.8) -> tuple:
    """Gates whose logarithm has the mean -gate, and inputs of any size."""
    return -gate * rng.exponential(1, (T, n)), rng.normal(0, spread, (T, n)), T


def _weights_of(T: int, n: int) -> np.ndarray:
    """How much each log h counts in the number whose gradient is taken."""
    return np.cos(np.arange(T)[:, None] + np.arange(n))


@exercise(
    "No number on the way leaves the range of float64, and so neither do the states "
    "nor their gradient.",
    Domain(
        "log_states(log_a, log_b, T)",
        "`log_a` and `log_b` are symbolic and of shape `(T, n)`, with at least two "
        "steps and one unit; the numbers of `log_a` are not positive, and no other "
        "bound is set to either.",
        _draw_logs,
        [
            _logs(np.random.default_rng(5), 5, 3),
            _logs(np.random.default_rng(3), 4, 2, spread=1000.0),
            # Of one unit's gates the product is 1e-198, of the other's it is 0.
            _logs(np.random.default_rng(23), 20, 2, gate=np.array([20.0, 60.0])),
        ],
        drawn=1,
    ),
)
def log_states(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `log_states(log_a, log_b, T)`: log h_t, and its gradient."""
    probes = [
        p._replace(name=f"log_states(log_a, log_b, {p.arguments[2]})") for p in probes
    ]
    verdict = judge(
        student,
        probes,
        _logs_and_gradients,
        mistakes=_log_mistakes,
        parts=LOGS,
        leads={
            LOGS[1]: "The states are right, and their gradient is not.",
            LOGS[2]: "The states are right, and their gradient is not.",
        },
        give=lambda given: [pytensor.shared(v) for v in given[:2]] + [given[2]],
        take=_take_gradients,
    )
    if verdict.rule == "not finite":
        said = verdict.message.rstrip(".")
        verdict = Verdict(False, True, f"{said}: {RANGE}.", verdict.rule)
    yield with_clue(verdict, _log_clues(student))


RANGE = (
    "exp leaves the range of float64 above 709 and below -745, and so does a product "
    "of gates. Take exp of differences alone, as in late + pt.softplus(early - late); "
    "pt.logaddexp takes exp of both"
)


def _take_gradients(name: str, result: Any, given: Sequence) -> Any:
    """log h, and the gradient of a weighted sum of all by log_a and log_b."""
    if isinstance(result, Verdict):
        return result
    if not isinstance(result, Variable):
        said = f"returned {describe(result)}, expected a symbolic expression"
        return wrong(name, said, "type")
    log_a, log_b, _ = given
    weights = _weights_of(*log_a.get_value().shape)
    try:
        cost = (weights * result).sum()
        slopes = pt.grad(cost, [log_a, log_b], disconnected_inputs="ignore")
    except Exception as error:
        said = f"PyTensor cannot take the gradient: {first_line(error)}"
        return wrong(name, said, "error")
    try:
        with limited():
            return function([], [result, *slopes])()  # one graph for three
    except OutOfTime as error:
        return wrong(name, too_long(error), "time")
    except Exception:
        return [result, *slopes]  # each says for itself what is wrong with it


def _running(log_a, log_b):
    """log h by the recurrence itself, which never leaves the range."""
    log_h = [log_b[0]]
    for t in range(1, len(log_a)):
        log_h.append(np.logaddexp(log_a[t] + log_h[-1], log_b[t]))
    return np.stack(log_h)


def _logs_and_gradients(log_a, log_b, T):
    """log h, and what one comes to by the chain rule."""
    log_h = _running(log_a, log_b)
    kept = np.exp(log_a[1:] + log_h[:-1] - log_h[1:])  # the share of h_{t-1} in h_t
    slope = _weights_of(*log_a.shape)
    for t in reversed(range(1, T)):
        slope[t - 1] += kept[t - 1] * slope[t]
    none = np.zeros_like(slope[:1])
    by_a = np.concatenate([none, slope[1:] * kept])
    by_b = np.concatenate([slope[:1], slope[1:] * (1 - kept)])
    return log_h, by_a, by_b


def _log_mistakes(log_a, log_b, T) -> dict[str, dict[str, np.ndarray]]:
    """log h with one mistake each."""
    log_h, log_A = _running(log_a, log_b), np.cumsum(log_a, axis=0)
    zero = np.zeros_like(log_a)
    largest = np.maximum.accumulate(log_b - log_A, axis=0) + log_A
    made = {
        "these are the states h, expected their logarithm": np.exp(log_h),
        "log A is missing at the end: this is the logarithm of the running sum of "
        "b / A alone": log_h - log_A,
        "log A is added to log b, expected subtracted: b is divided by A": (
            _running(zero, log_b + log_A) + log_A
        ),
        "log A is added at the end to inputs that were not divided by A": (
            _running(zero, log_b) + log_A
        ),
        "log A is subtracted at the end, expected added": log_h - 2 * log_A,
        "log b is added up, expected b: the logarithm of a sum is not the sum of "
        "logarithms": np.cumsum(log_b - log_A, axis=0) + log_A,
        "only the largest term counts, expected the sum of all": largest,
        "log a stands in the place of its running sum": (
            _running(zero, log_b - log_a) + log_a
        ),
        "the product of the gates is that before the step where b is divided": (
            _running(zero, log_b - log_A + log_a) + log_A
        ),
        "only the last state, expected all": log_h[-1],
        "nothing is carried: this is log b": log_b,
        "the sum is over all steps, expected up to each": (
            _running(zero, log_b - log_A)[-1:] + log_A
        ),
    }
    s = log_b - log_A
    for rounds, what in ((1, "only one round of joining"), (2, "only two rounds")):
        few = s
        for k in range(rounds):
            few = (
                np.concatenate([few[: 2**k], np.logaddexp(few[2**k :], few[: -(2**k)])])
                if 2**k < T
                else few
            )
        made[f"{what}: the running sum is not complete"] = few + log_A
    return {said: {LOGS[0]: value} for said, value in made.items()}


def _log_clues(student: Callable) -> Iterator[str]:
    """Whether it is right where nothing can leave the range, and what a shift does."""
    log_a, log_b, T = _logs(np.random.default_rng(5), 5, 3)

    def states(log_a, log_b) -> np.ndarray | None:
        shared = [pytensor.shared(v) for v in (log_a, log_b)]
        return ask(lambda *given: student(*given, T), *shared)

    given, wanted = states(log_a, log_b), _running(log_a, log_b)
    if given is None or given.shape != wanted.shape:
        return
    if np.allclose(given, wanted):
        yield f"It is right for small numbers and 5 steps: {RANGE}."
    if not np.allclose(given[0], wanted[0]):
        yield "Already the first state is wrong: it is log b of the first step."
    moved = states(log_a, log_b + 3)
    if moved is not None and not np.allclose(moved, given + 3):
        yield "If 3 is added to all of log_b, log h should grow by 3, and does not."


# Exercise 9.4 --------------------------------------------------------------------


def _draw_delta(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    d, m = rng.integers(1, 5, 2)
    batch = () if rng.random() < 0.4 else (int(rng.integers(1, 5)),)
    return _delta_arguments(rng, d, m, batch)


def _delta_arguments(rng, d: int, m: int, batch: tuple) -> tuple[np.ndarray, ...]:
    q, k = rng.normal(0, 1, (2, *batch, d))
    k = k / np.linalg.norm(k, axis=-1, keepdims=True)
    alpha, beta = map(np.asarray, rng.uniform(0.1, 0.9, (2, *batch)))
    v, S = rng.normal(0, 1, (*batch, m)), rng.normal(0, 1, (*batch, d, m))
    return q, k, v, alpha, beta, S


DELTAS = [
    _delta_arguments(np.random.default_rng(d), d, m, batch)
    for d, m, batch in ((3, 3, ()), (2, 4, (5,)), (3, 3, (3,)))
]


@exercise(
    "With alpha = 1 it is DeltaNet. Where beta is 1 as well, k holds exactly v "
    "afterwards, whatever it held before.",
    Domain(
        "gated_delta_step(q, k, v, alpha, beta, S_tm1)",
        "It must do for one example and for a batch, whose axis comes first.",
        _draw_delta,
        DELTAS,
        drawn=2,
    ),
)
def gated_delta_step(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `gated_delta_step(q, k, v, alpha, beta, S_tm1)`: (S_t, o_t)."""
    probes = [
        p._replace(name=f"gated_delta_step(...) with q of shape {p.arguments[0].shape}")
        for p in probes
    ]
    verdict = judge(
        student,
        probes,
        _delta,
        mistakes=_delta_mistakes,
        parts=("S_t", "o_t"),
        leads={"o_t": "The state is right, so look at how q reads it."},
        give=_as_shared,
        rtol=_rtol(),
    )
    if verdict.rule == "error" and probes[1].name in verdict.message:
        said = verdict.message.rstrip(".")
        hint = (
            "A batch has an axis in front: count axes from the end, as in "
            "k[..., None] * v[..., None, :]."
        )
        verdict = Verdict(False, True, f"{said}. {hint}", verdict.rule)
    yield with_clue(verdict, _delta_clues(student))


def _as_shared(arguments: tuple) -> list:
    return [pytensor.shared(a.astype(pytensor.config.floatX)) for a in arguments]


def _rtol() -> float:
    return 1e-5 if pytensor.config.floatX == "float32" else 1e-6


def _delta(q, k, v, alpha, beta, S_tm1, **formulas):
    """The right step, in NumPy; with other `formulas` for some of its quantities."""
    m = Computation(formulas)
    m.q, m.k, m.v, m.gate, m.rate, m.S_tm1 = q, k, v, alpha, beta, S_tm1
    m.kept = m.gate[..., None, None] * m.S_tm1
    m.old = _read(m.k, m.kept)
    m.news = m.v - m.old
    m.written = m.rate[..., None] * m.news
    m.S = m.kept + _outer(m.k, m.written)
    m.o = _read(m.q, m.S)
    return m.S, m.o


def _read(k: np.ndarray, S: np.ndarray) -> np.ndarray:
    """k S, for one example or a batch."""
    return (k[..., None] * S).sum(axis=-2)


def _outer(k: np.ndarray, v: np.ndarray) -> np.ndarray:
    return k[..., None] * v[..., None, :]


DELTA: dict[str, dict[str, Callable]] = {
    "the gate alpha does nothing: this is DeltaNet without it": {
        "gate": lambda m: np.ones_like(m.gate)
    },
    "what k holds is read from S_tm1, expected from alpha S_tm1: the state fades "
    "first": {"old": lambda m: _read(m.k, m.S_tm1)},
    "nothing is taken away: v is added to what k holds, as in linear attention": {
        "news": lambda m: m.v
    },
    "what k holds is added to v, expected subtracted": {"news": lambda m: m.v + m.old},
    "the difference is turned round: v minus what k holds": {
        "news": lambda m: m.old - m.v
    },
    "v itself is missing: what k holds is only taken away": {"news": lambda m: -m.old},
    "beta counts for v alone, expected for what is taken away as well": {
        "written": lambda m: m.rate[..., None] * m.v - m.old
    },
    "beta counts for what is taken away alone, expected for v as well": {
        "written": lambda m: m.v - m.rate[..., None] * m.old
    },
    "beta does nothing": {"written": lambda m: m.news},
    "beta is squared": {"written": lambda m: m.rate[..., None] ** 2 * m.news},
    "1 - beta stands in the place of beta": {
        "written": lambda m: (1 - m.rate)[..., None] * m.news
    },
    "1 - alpha stands in the place of alpha": {"gate": lambda m: 1 - m.gate},
    "alpha counts for what is written as well, expected for the last state alone": {
        "written": lambda m: (m.gate * m.rate)[..., None] * m.news
    },
    "1 - alpha counts for what is written: nothing is coupled here": {
        "written": lambda m: ((1 - m.gate) * m.rate)[..., None] * m.news
    },
    "the last state is missing": {"S": lambda m: _outer(m.k, m.written)},
    "what is written is subtracted, expected added": {
        "S": lambda m: m.kept - _outer(m.k, m.written)
    },
    "q writes, expected k": {"S": lambda m: m.kept + _outer(m.q, m.written)},
    "q asks for what is there, expected k": {"old": lambda m: _read(m.q, m.kept)},
    "k reads the output, expected q": {"o": lambda m: _read(m.k, m.S)},
    "the output is read from the last state, expected from the new one": {
        "o": lambda m: _read(m.q, m.S_tm1)
    },
    "the output is read before anything is written": {
        "o": lambda m: _read(m.q, m.kept)
    },
    "the output is divided by the sum of q, as in linear attention: nothing is "
    "normalised here": {"o": lambda m: _read(m.q, m.S) / m.q.sum(-1, keepdims=True)},
    "the output is divided by the sum of q k, as in linear attention: nothing is "
    "normalised here": {
        "o": lambda m: _read(m.q, m.S) / (m.q * m.k).sum(-1, keepdims=True)
    },
    "all of S is summed, expected k S: the rows count as much as k says": {
        "old": lambda m: m.kept.sum(axis=-2)
    },
}


def _delta_mistakes(*arguments) -> dict[str, dict[str, np.ndarray]]:
    """The step with one mistake each."""
    q, k, v, alpha, beta, S_tm1 = arguments
    made = {said: _delta(*arguments, **formulas) for said, formulas in DELTA.items()}
    made |= {
        "q and k are exchanged": _delta(k, q, v, alpha, beta, S_tm1),
        "alpha and beta are exchanged": _delta(q, k, v, beta, alpha, S_tm1),
    }
    if k.shape == v.shape:
        kept = alpha[..., None, None] * S_tm1
        columns = (kept * k[..., None, :]).sum(axis=-1)
        made |= {
            "k and v are exchanged": _delta(q, v, k, alpha, beta, S_tm1),
            "what is written is transposed: k numbers the rows of S, v the columns": (
                _delta(*arguments, S=lambda m: m.kept + _outer(m.written, m.k))
            ),
            "what k holds is S k, expected k S: the sum is over the rows": (
                _delta(*arguments, old=lambda m: columns)
            ),
            "the output is S q, expected q S: the sum is over the rows": (
                _delta(*arguments, o=lambda m: (m.S * m.q[..., None, :]).sum(axis=-1))
            ),
        }
    return _by_parts(made, ("S_t", "o_t"), _delta(*arguments))


def _by_parts(
    made: Mapping[str, tuple], parts: Sequence[str], fine: tuple
) -> dict[str, dict[str, np.ndarray]]:
    """The mistakes by name of the part; what a mistake leaves right is not named."""
    return {
        said: {
            part: value
            for part, value, good in zip(parts, values, fine, strict=True)
            if np.shape(value) != np.shape(good) or (value != good).any()
        }
        for said, values in made.items()
    }


def _delta_clues(student: Callable) -> Iterator[str]:
    """What the state is where most of the formula has nothing to say."""
    q, k, v, alpha, beta, S = DELTAS[0]

    def state(*arguments) -> np.ndarray | None:
        return ask(lambda *given: student(*given)[0], *_as_shared(arguments))

    one = np.ones_like(beta)
    nothing, empty = 0 * beta, 0 * S
    for said, given, wanted in (
        ("alpha is 1 and beta 0, S_t should be S_tm1", (one, nothing, S), S),
        ("beta is 0, S_t should be alpha S_tm1", (alpha, nothing, S), alpha * S),
        (
            "S_tm1 is 0, S_t should be beta v, at the place of k",
            (alpha, beta, empty),
            beta * _outer(k, v),
        ),
    ):
        made = state(q, k, v, *given)
        if made is not None and made.shape == S.shape and not np.allclose(made, wanted):
            yield f"Where {said}, and it is something else."
    made = state(q, k, v, one, one, S)
    if made is not None and made.shape == S.shape and not np.allclose(k @ made, v):
        yield "Where alpha and beta are 1, k S_t should be v, and is not."


# Exercise 9.5 --------------------------------------------------------------------


def _draw_cache(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    before, (d, m) = int(rng.integers(0, 8)), rng.integers(1, 6, 2)
    return _cache(rng, before, d, m, float(rng.choice([1.0, 60.0])))


def _cache(rng, before: int, d: int, m: int, size: float = 1.0) -> tuple:
    q, k = rng.normal(0, size, (2, d))
    K, V = rng.normal(0, size, (before, d)), rng.normal(0, 1, (before, m))
    return q, k, rng.normal(0, 1, m), K, V


@exercise(
    "A recurrence like all the others, but for its state: that grows by one row of K "
    "and one of V with each step.",
    Domain(
        "cached_step(q_t, k_t, v_t, K, V)",
        "`K` has shape `(t - 1, d)` and `V` `(t - 1, m)`: at the first step they have "
        "no rows. The scores may be in the thousands.",
        _draw_cache,
        [
            _cache(np.random.default_rng(before), before, d, m, size)
            for before, d, m, size in (
                (4, 3, 2, 1.0),
                (0, 3, 2, 1.0),
                (3, 4, 4, 1.0),
                (5, 4, 3, 60.0),
            )
        ],
    ),
)
def cached_step(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `cached_step(q_t, k_t, v_t, K, V)`: (o_t, K, V)."""
    probes = [
        p._replace(name=f"cached_step(...) with K of shape {p.arguments[3].shape}")
        for p in probes
    ]
    verdict = judge(
        student,
        probes,
        _cached,
        mistakes=_cached_mistakes,
        parts=("o_t", "K", "V"),
        order=("K", "V", "o_t"),
    )
    if verdict.rule == "not finite":
        said = verdict.message.rstrip(".")
        hint = (
            "exp of a score in the thousands overflows, and that of the score minus "
            "the largest never does"
        )
        verdict = Verdict(False, True, f"{said}: {hint}.", verdict.rule)
    yield with_clue(verdict, _cached_clues(student))


def _cached(q_t, k_t, v_t, K, V, **formulas):
    """The right step; with other `formulas` for some of its quantities."""
    m = Computation(formulas)
    m.k, m.v, m.q = k_t, v_t, q_t
    m.all_K, m.all_V = np.vstack([K, k_t]), np.vstack([V, v_t])
    m.keys, m.values = m.all_K, m.all_V  # that are asked and read
    m.scale = np.sqrt(len(q_t))
    m.scores = m.keys @ m.q / m.scale
    m.weights = softmax(m.scores)
    m.o = m.weights @ m.values
    return m.o, m.all_K, m.all_V


CACHED: dict[str, dict[str, Callable]] = {
    "the scores are not divided by the root of d": {"scale": lambda m: 1.0},
    "the scores are divided by d, expected by its root": {
        "scale": lambda m: float(len(m.q))
    },
    "the scores are multiplied by the root of d, expected divided": {
        "scale": lambda m: 1 / np.sqrt(len(m.q))
    },
    "the scores are divided by the root of m, the length of a value, expected by that "
    "of d": {"scale": lambda m: np.sqrt(len(m.v))},
    "the scores are divided by the root of the number of keys, expected by that of d": {
        "scale": lambda m: np.sqrt(len(m.all_K))
    },
    "the softmax is missing: the scores are the weights": {
        "weights": lambda m: m.scores
    },
    "the weights are not divided by their sum": {"weights": lambda m: np.exp(m.scores)},
    "the largest score alone counts, expected all by their softmax": {
        "weights": lambda m: (m.scores == m.scores.max()).astype(float)
    },
    "all weights are equal: q is not compared with the keys": {
        "weights": lambda m: np.full(len(m.all_K), 1 / len(m.all_K))
    },
    "the score has the wrong sign": {"scores": lambda m: -m.keys @ m.q / m.scale},
    "the keys are read, expected the values": {"values": lambda m: m.all_K},
    "the new key asks, expected q_t": {"q": lambda m: m.k},
    "the new key is put in front, expected at the end": {
        "all_K": lambda m: np.roll(m.all_K, 1, axis=0)
    },
    "the new value is put in front, expected at the end": {
        "all_V": lambda m: np.roll(m.all_V, 1, axis=0)
    },
    "the new key and value are put in front, expected at the end": {
        "all_K": lambda m: np.roll(m.all_K, 1, axis=0),
        "all_V": lambda m: np.roll(m.all_V, 1, axis=0),
    },
}


def _cached_mistakes(*arguments) -> dict[str, dict[str, np.ndarray]]:
    """The step with one mistake each."""
    q_t, k_t, v_t, K, V = arguments
    fine = _cached(*arguments)
    made = {said: _cached(*arguments, **formulas) for said, formulas in CACHED.items()}
    if len(K):
        made["the key and value of step t itself are missing in the output"] = _cached(
            *arguments, keys=lambda m: K, values=lambda m: V
        )
        made["the first key and value are left out of the output"] = _cached(
            *arguments, keys=lambda m: m.all_K[1:], values=lambda m: m.all_V[1:]
        )
    made["K is handed on without the new key"] = (fine[0], K, fine[2])
    made["V is handed on without the new value"] = (fine[0], fine[1], V)
    made["K and V are handed on as they came, without the new rows"] = (fine[0], K, V)
    if len(q_t) == len(v_t):
        made["K and V are exchanged"] = _cached(q_t, v_t, k_t, V, K)[:1] + fine[1:]
    return _by_parts(made, ("o_t", "K", "V"), fine)


def _cached_clues(student: Callable) -> Iterator[str]:
    """What the output is where all keys are alike, and where there is but one."""
    q, k, v, K, V = _cache(np.random.default_rng(4), 4, 3, 2)

    def output(*arguments) -> np.ndarray | None:
        return ask(lambda *given: student(*given)[0], *arguments)

    alone = output(q, k, v, K[:0], V[:0])
    if alone is not None and alone.shape == v.shape and not np.allclose(alone, v):
        yield "At the first step there is one value, and the output should be that."
    alike = output(0 * q, k, v, K, V)
    mean = np.vstack([V, v]).mean(axis=0)
    if alike is not None and alike.shape == v.shape and not np.allclose(alike, mean):
        yield "Where q_t is 0 all weights are equal, and the output is the mean value."
    other = output(q, k, v, K[::-1], V[::-1])
    if changed(output(q, k, v, K, V), other):
        yield "It depends on the order in which the keys and their values stand."


# Exercise 9.6 --------------------------------------------------------------------


def _draw_decoder(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    return _decoder_arguments(rng, *rng.integers(1, (8, 5, 5, 5)))


def _decoder_arguments(rng, T, n_in, n, n_enc) -> tuple[np.ndarray, ...]:
    shapes = (
        (n_in,),
        (n,),
        (T, n_enc),
        (n_in + n, n_enc),
        (n_in + n_enc, n),
        (n, n),
        (n,),
    )
    return tuple(rng.normal(0, 0.8, shape) for shape in shapes)


DECODERS = [
    # With as many states of the encoder as each has units, the bug raises no error.
    _decoder_arguments(np.random.default_rng(T), *(T, n_in, n, n_enc))
    for T, n_in, n, n_enc in ((4, 2, 3, 4), (6, 3, 3, 3), (1, 2, 2, 3))
]


@exercise(
    "The weights follow the encoder's states, wherever these stand, and so the "
    "decoder can ask strings that are longer than any it has met.",
    Domain(
        "decoder_step(x_t, s_tm1, E, W_a, W_ih, W_hh, b_h)",
        "There is at least one input, one unit and one state of the encoder.",
        _draw_decoder,
        DECODERS,
    ),
)
def decoder_step(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `decoder_step(x_t, s_tm1, E, W_a, W_ih, W_hh, b_h)`: (s_t, weights)."""
    probes = [
        p._replace(name=f"decoder_step(...) with E of shape {p.arguments[2].shape}")
        for p in probes
    ]
    yield _weights_move(probes[0], student)
    verdict = judge(
        student,
        probes,
        _decoder,
        mistakes=_decoder_mistakes,
        parts=("s_t", "weights"),
        order=("weights", "s_t"),
        leads={
            "s_t": "The weights are right, so look at the context, which is the sum of "
            "the encoder's states times their weights, and at the step."
        },
    )
    if verdict.rule == "error" and probes[1].name in verdict.message:
        said = verdict.message.rstrip(".")
        hint = (
            "It runs only where the encoder has as many states as each has units. The "
            "query has one number a unit, and is compared with each state."
        )
        verdict = Verdict(False, True, f"{said}. {hint}", verdict.rule)
    yield with_clue(verdict, _decoder_clues(student))


def _weights_move(probe: Probe, student: Callable) -> Verdict:
    """Whether the weights change places with the encoder's states."""
    x_t, s_tm1, E, *weights = probe.arguments

    def given(E: np.ndarray) -> np.ndarray | None:
        return ask(lambda *a: student(*a)[1], x_t, s_tm1, E, *weights)

    one, other = given(E), given(E[::-1])
    if one is None or other is None or one.shape != (len(E),) or changed(one, other):
        return right(probe.name)
    if one.shape == other.shape and np.ptp(one) < 1e-9:
        said = f"all weights are {number(one[0])}, whatever the encoder's states are"
        return wrong(probe.name, said, "property")
    return wrong(
        probe.name,
        "the encoder's states change places, and the weights stay as they are: they "
        f"are {', '.join(map(number, one))} both times. Who computes them of x_t and "
        "s_tm1 alone never looks at what is to be found",
        "property",
    )


def _decoder(x_t, s_tm1, E, W_a, W_ih, W_hh, b_h, **formulas):
    """The right step; with other `formulas` for some of its quantities."""
    m = Computation(formulas)
    m.x, m.s, m.E, m.W_a, m.b = x_t, s_tm1, E, W_a, b_h
    m.asks = np.concatenate([m.x, m.s])
    m.query = m.asks @ m.W_a  # (n_enc,)
    m.scores = m.E @ m.query  # (T,)
    m.weights = softmax(m.scores)
    m.context = m.weights @ m.E  # (n_enc,)
    m.heard = np.concatenate([m.x, m.context]) @ W_ih
    m.remembered = m.s @ W_hh
    m.a = m.heard + m.remembered + m.b
    m.s_t = np.tanh(m.a)
    return m.s_t, m.weights


DECODER: dict[str, dict[str, Callable]] = {
    "the softmax is missing: these are the scores": {"weights": lambda m: m.scores},
    "the weights are not divided by their sum": {"weights": lambda m: np.exp(m.scores)},
    "a sigmoid of each score, expected the softmax of all": {
        "weights": lambda m: expit(m.scores)
    },
    "the scores have the wrong sign": {"scores": lambda m: -m.E @ m.query},
    "the scores are divided by the root of the number of units: nothing is scaled "
    "here": {"scores": lambda m: m.E @ m.query / np.sqrt(len(m.query))},
    "the input has no part in the query": {"query": lambda m: m.s @ m.W_a[len(m.x) :]},
    "the last state has no part in the query": {
        "query": lambda m: m.x @ m.W_a[: len(m.x)]
    },
    "the query has a tanh around it, and none is there": {
        "query": lambda m: np.tanh(m.asks @ m.W_a)
    },
    "state and input are exchanged in the query: the input comes first": {
        "asks": lambda m: np.concatenate([m.s, m.x])
    },
    "the context is the last state of the encoder, expected the weighted sum of all": {
        "context": lambda m: m.E[-1]
    },
    "the context is the mean of the encoder's states, expected weighted": {
        "context": lambda m: m.E.mean(axis=0)
    },
    "the context is the sum of the encoder's states, expected weighted": {
        "context": lambda m: m.E.sum(axis=0)
    },
    "the context is weighted by the scores, expected by their softmax": {
        "context": lambda m: m.scores @ m.E
    },
    "the context is the state with the largest weight, expected the weighted sum": {
        "context": lambda m: m.E[m.weights.argmax()]
    },
    "the query stands in the place of the context": {"context": lambda m: m.query},
    "the context is left out": {"context": lambda m: 0 * m.query},
    "s_tm1 @ W_hh is missing": {"remembered": lambda m: 0 * m.remembered},
    "b_h is missing": {"b": lambda m: 0 * m.b},
    "the tanh of the new state is missing": {"s_t": lambda m: m.a},
}


def _decoder_mistakes(*arguments) -> dict[str, dict[str, np.ndarray]]:
    """The step with one mistake each."""
    x_t, s_tm1, E, W_a, W_ih, W_hh, b_h = arguments
    made = {said: _decoder(*arguments, **made) for said, made in DECODER.items()}
    if len(E) == E.shape[1]:
        made["the weights are the softmax of the query: it is not compared with E"] = (
            _decoder(*arguments, scores=lambda m: m.query)
        )
        made["the scores are query @ E, expected E @ query: one a state"] = _decoder(
            *arguments, scores=lambda m: m.query @ m.E
        )
        made["the context is E @ weights, expected weights @ E"] = _decoder(
            *arguments, context=lambda m: m.E @ m.weights
        )
    n, of_x = len(s_tm1), len(x_t)
    if len(W_ih) == of_x + E.shape[1] and E.shape[1] == of_x:
        made["the context comes before the input in the step: the input is first"] = (
            _decoder(x_t, s_tm1, E, W_a, np.roll(W_ih, of_x, axis=0), W_hh, b_h)
        )
    if n > 1:
        made["W_hh is transposed"] = _decoder(x_t, s_tm1, E, W_a, W_ih, W_hh.T, b_h)
    return _by_parts(made, ("s_t", "weights"), _decoder(*arguments))


def _decoder_clues(student: Callable) -> Iterator[str]:
    """What the weights and the state are where little is left of the formula."""
    x_t, s_tm1, E, W_a, W_ih, W_hh, b_h = DECODERS[0]

    def part(k: int, *arguments) -> np.ndarray | None:
        return ask(lambda *given: student(*given)[k], *arguments)

    equal = part(1, x_t, s_tm1, E, 0 * W_a, W_ih, W_hh, b_h)
    if equal is not None and not np.allclose(equal, 1 / len(E)):
        yield "Where W_a is 0 all weights should be equal, and are not."
    weights = part(1, *DECODERS[0])
    if weights is not None and not np.isclose(weights.sum(), 1):
        yield f"The weights sum to {number(weights.sum())}, expected to 1."
    silent = part(0, x_t, s_tm1, E, W_a, 0 * W_ih, W_hh, b_h)
    if silent is not None and not np.allclose(silent, np.tanh(s_tm1 @ W_hh + b_h)):
        yield "Where W_ih is 0, s_t should be tanh(s_tm1 @ W_hh + b_h), and is not."


# Exercise 9.7 --------------------------------------------------------------------


def _draw_gates(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    n_in, n = rng.integers(1, 5, 2)
    batch = () if rng.random() < 0.4 else (int(rng.integers(1, 5)),)
    return _gate_arguments(rng, n_in, n, batch)


def _gate_arguments(rng, n_in: int, n: int, batch: tuple) -> tuple[np.ndarray, ...]:
    shapes = ((*batch, n_in), (*batch, n), (n_in, 3 * n), (3 * n,))
    return tuple(rng.normal(0, 0.8, shape) for shape in shapes)


GATED = [
    _gate_arguments(np.random.default_rng(n), n_in, n, batch)
    for n_in, n, batch in ((2, 3, ()), (2, 4, (5,)), (3, 3, (3,)))
]


@exercise(
    "A state of variance 1 keeps it, however far the gates are open, where candidates "
    "of variance 1 come in that do not depend on each other.",
    Domain(
        "normalised_step(x_t, h_tm1, W_ih, b_h)",
        "It must do for one example and for a batch, whose axis comes first.",
        _draw_gates,
        GATED,
        drawn=2,
    ),
)
def normalised_step(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `normalised_step(x_t, h_tm1, W_ih, b_h)`: it keeps the variance."""
    probes = [
        p._replace(
            name=f"normalised_step(...) with x_t of shape {p.arguments[0].shape}"
        )
        for p in probes
    ]
    verdict = judge(
        student,
        probes,
        _normalised,
        mistakes=_normalised_mistakes,
        give=_as_shared,
        rtol=_rtol(),
    )
    if verdict.rule == "not finite":
        said = verdict.message.rstrip(".")
        hint = "is what is kept more than 1? Is it f / (f + i), with brackets?"
        verdict = Verdict(False, True, f"{said}: {hint}", verdict.rule)
    if verdict.rule == "error" and probes[1].name in verdict.message:
        said = verdict.message.rstrip(".")
        hint = "The blocks lie along the last axis; a batch has another one in front."
        verdict = Verdict(False, True, f"{said}. {hint}", verdict.rule)
    yield with_clue(verdict, _normalised_clues(student))


def _normalised(x_t, h_tm1, W_ih, b_h, **formulas):
    """The right step, in NumPy; with other `formulas` for some of its quantities."""
    m = Computation(formulas)
    m.h_tm1, m.bias = h_tm1, b_h
    m.a = x_t @ W_ih + m.bias
    m.blocks = np.split(m.a, 3, axis=-1)
    m.a_f, m.a_i, m.a_g = m.blocks
    m.f, m.i, m.g = expit(m.a_f), expit(m.a_i), m.a_g
    m.kept = m.f / (m.f + m.i)
    m.gain = np.sqrt(1 - m.kept**2)
    m.h = m.kept * m.h_tm1 + m.gain * m.g
    return m.h


def _normalised_formulas() -> dict[str, dict[str, Callable]]:
    """Sentences, and the quantities that are wrong in them."""
    named: dict[str, dict[str, Callable]] = {
        "this is minLSTM: the candidate comes in by the share i / (f + i), expected by "
        "the root of 1 minus the square of the share that is kept": {
            "gain": lambda m: 1 - m.kept
        },
        "the gates are not normalised: f is kept and i comes in": {
            "kept": lambda m: m.f,
            "gain": lambda m: m.i,
        },
        "the forget gate is not divided by f + i": {"kept": lambda m: m.f},
        "the square is missing under the root": {"gain": lambda m: np.sqrt(1 - m.kept)},
        "the root is missing": {"gain": lambda m: 1 - m.kept**2},
        "under the root stands f, expected the share that is kept, f / (f + i)": {
            "gain": lambda m: np.sqrt(1 - m.f**2)
        },
        "under the root stands i, expected the share that is kept, f / (f + i)": {
            "gain": lambda m: np.sqrt(1 - m.i**2)
        },
        "under the root stands the share that comes in, expected that which is kept": {
            "gain": lambda m: np.sqrt(1 - (1 - m.kept) ** 2)
        },
        "under the root stands 1 plus the square, expected minus": {
            "gain": lambda m: np.sqrt(1 + m.kept**2)
        },
        "all of the candidate comes in": {"gain": lambda m: 1.0},
        "the input gate counts once more: it is in the share already": {
            "h": lambda m: m.kept * m.h_tm1 + m.gain * m.i * m.g
        },
        "f and i are exchanged: f / (f + i) is kept": {
            "kept": lambda m: m.i / (m.f + m.i)
        },
        "divided by f - i, expected by f + i": {"kept": lambda m: m.f / (m.f - m.i)},
        "f is divided by i, expected by f + i": {"kept": lambda m: m.f / m.i},
        "multiplied by f + i, expected divided": {"kept": lambda m: m.f * (m.f + m.i)},
        "the last state is missing": {"h": lambda m: m.gain * m.g},
        "nothing is forgotten": {"h": lambda m: m.h_tm1 + m.gain * m.g},
        "nothing new comes in": {"h": lambda m: m.kept * m.h_tm1},
        "what is new is subtracted, expected added": {
            "h": lambda m: m.kept * m.h_tm1 - m.gain * m.g
        },
        "the candidate is multiplied by what is kept, expected added to it": {
            "h": lambda m: m.kept * m.h_tm1 * m.gain * m.g
        },
        "the new state has a tanh around it, and none is there": {
            "h": lambda m: np.tanh(m.kept * m.h_tm1 + m.gain * m.g)
        },
        "the candidate has a tanh around it, and none is there": {
            "g": lambda m: np.tanh(m.a_g)
        },
        "the candidate has a sigmoid around it, and none is there": {
            "g": lambda m: expit(m.a_g)
        },
        "the forget gate has no sigmoid": {"f": lambda m: m.a_f},
        "the input gate has no sigmoid": {"i": lambda m: m.a_i},
        "the forget gate has a tanh, expected a sigmoid": {
            "f": lambda m: np.tanh(m.a_f)
        },
        "the input gate has a tanh, expected a sigmoid": {
            "i": lambda m: np.tanh(m.a_i)
        },
        "b_h is missing": {"bias": lambda m: 0 * m.bias},
        "b_h is subtracted, expected added": {"bias": lambda m: -m.bias},
    }
    for order in permutations("fig"):
        if order != ("f", "i", "g"):
            said = f"the blocks are taken in the order {', '.join(order)}"
            named[f"{said}, expected f, i, g"] = {
                f"a_{name}": lambda m, k=k: m.blocks[k] for k, name in enumerate(order)
            }
    for k, what in enumerate(("forget gate", "input gate", "candidate")):
        for j, place in enumerate(("first", "second", "third")):
            if j != k:
                right_place = ("first", "second", "third")[k]
                named[
                    f"the {what} is made of the {place} block, expected the "
                    f"{right_place}"
                ] = {f"a_{'fig'[k]}": lambda m, j=j: m.blocks[j]}
    return named


NORMALISED = _normalised_formulas()


def _normalised_mistakes(*arguments) -> dict[str, np.ndarray]:
    """The step with one mistake each."""
    return {
        said: _normalised(*arguments, **formulas)
        for said, formulas in NORMALISED.items()
    }


def _normalised_clues(student: Callable) -> Iterator[str]:
    """What the state is where most of the formula has nothing to say."""
    x_t, h_tm1, W_ih, b_h = GATED[0]
    n = len(h_tm1)

    def state(*arguments) -> np.ndarray | None:
        made = ask(student, *_as_shared(arguments))
        return made if made is None or made.shape == h_tm1.shape else None

    equal = np.concatenate([b_h[:n], b_h[:n], 0 * b_h[:n]])
    half = state(0 * x_t, h_tm1, W_ih, equal)
    if half is not None and not np.allclose(half, h_tm1 / 2):
        yield (
            "Where f and i are equal and the candidate is 0, half of the last state "
            "should be left, and it is not."
        )
    equal[2 * n :] = 1
    alone = state(0 * x_t, 0 * h_tm1, W_ih, equal)
    if alone is not None and not np.allclose(alone, np.sqrt(0.75)):
        yield (
            "Where f and i are equal, a candidate of 1 should come in as "
            f"{number(np.sqrt(0.75))}, and comes as {number(alone[0])}."
        )


# Exercise 9.8 --------------------------------------------------------------------


def _draw_room(rng: np.random.Generator) -> tuple[int, int, int]:
    return tuple(int(n) for n in rng.integers((2, 1, 1), (60, 65, 33)))


@exercise(
    "32 units of 64 bits have room for 682 of 8 symbols. A network that fails at 20 "
    "has not run out of room: it has not learned to use it.",
    Domain(
        "longest(k, units, bits)",
        "There are at least two symbols, one unit and one bit.",
        _draw_room,
        [(8, 32, 64), (8, 4, 2), (2, 3, 5), (5, 2, 1), (10, 3, 8)],
    ),
)
def longest(student: Callable, probes: Sequence[Probe]) -> Iterator[Verdict]:
    """Judge `longest(k, units, bits)`: how many of k symbols a state has room for."""
    verdict = judge(student, probes, _longest, mistakes=_longest_mistakes)
    yield with_clue(verdict, _longest_clues(student))


def _longest(k: int, units: int, bits: int) -> int:
    return int(units * bits / np.log2(k))


def _longest_mistakes(k: int, units: int, bits: int) -> dict[str, float]:
    total, each = units * bits, np.log2(k)
    exact = total / each
    n = _longest(k, units, bits)
    return {
        "a fraction: no sequence has a part of a symbol, so cut it off": exact,
        "rounded up: that many do not fit": int(np.ceil(exact)),
        "rounded to the nearest, expected down": round(exact),
        "one too many": n + 1,
        "the logarithm has base e: a bit is a logarithm of base 2": int(
            total / np.log(k)
        ),
        "the logarithm has base 10: a bit is a logarithm of base 2": int(
            total / np.log10(k)
        ),
        "only one unit is counted": int(bits / each),
        "only one bit a unit is counted": int(units / each),
        "these are the bits of the state, expected the symbols that they hold": total,
        "the bits are divided by k, expected by its logarithm: a symbol needs log2(k) "
        "bits": total // k,
        "each symbol is given a whole number of bits: together they need less": (
            total // int(np.ceil(each))
        ),
        "each unit holds symbols of its own: a symbol may lie in two": (
            units * int(bits / each)
        ),
        "each bit holds a symbol of its own": int(1 / each) * total,
        "the bits are multiplied by those of a symbol, expected divided": int(
            total * each
        ),
        "units and bits are added, expected multiplied": int((units + bits) / each),
        "a unit of so many bits has 2**bits values, and its bits are counted, not "
        "these": int(units * 2.0**bits / each),
        "this is how many states there are, by its logarithm to the base e": int(
            total * np.log(2)
        ),
        "the symbols of which there is room for one position, expected the positions": (
            2.0 ** min(total, 1000)
        ),
    }


def _longest_clues(student: Callable) -> Iterator[str]:
    """What it is where a symbol is a bit, and how it grows."""
    one = ask(student, 2, 3, 5)
    if one is None or one.size != 1:
        return
    if one.item() != 15:
        yield (
            "Two symbols are a bit each, so 3 units of 5 bits have room for 15; here "
            f"it is {number(one.item())}."
        )
    four = ask(student, 4, 3, 8)
    if four is not None and four.size == 1 and four.item() != 12:
        yield (
            "One of four symbols needs 2 bits, so 3 units of 8 bits have room for 12; "
            f"here it is {number(four.item())}."
        )
    yield "It is right where k is a power of 2, and wrong elsewhere."
