"""Judging an answer on all of its probes at once, and finding what explains it."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from helpers.check.core import patience
from helpers.check.core.calls import call, unpack
from helpers.check.core.diagnosis import compare, compare_parts
from helpers.check.core.domains import Probe
from helpers.check.core.slips import variants
from helpers.check.core.values import to_array
from helpers.check.core.verdicts import VALUES, Verdict, right, wrong
from helpers.check.core.words import number

Parts = dict[str, Any]  # results by name
ONE = ""  # the name of the result where there is but one
LONG = 0.1  # seconds, for a computation of our own with a slip in it
ENOUGH = 4  # numbers in a result that do not agree by chance


class Tried(NamedTuple):
    """A probe, what the student's function gave for it, and what is right."""

    probe: Probe
    got: Parts
    right: Parts


def judge(
    student: Callable,
    probes: Sequence[Probe],
    answer: Callable,
    *,
    mistakes: Callable[..., Mapping[str, Any]] = lambda *arguments: {},
    parts: Sequence[str] = (),
    order: Sequence[str] = (),
    label: str = "{part} of {call}",
    leads: Mapping[str, str] | None = None,
    formulas: Sequence[Callable] = (),
    give: Callable[[tuple], Sequence] = tuple,
    take: Callable[[str, Any, Sequence], Any] = lambda name, result, given: result,
    explain: Callable[[BaseException], str] = lambda error: "",
    rtol: float = 1e-6,
) -> Verdict:
    """The verdict on a function: right on all probes, or what is wrong on the first.

    `answer(*arguments)` is the right result, a value or with `parts` a value for each
    name, in a tuple or by name. `mistakes(*arguments)` maps sentences to what these
    mistakes would give; a mistake that is not defined for these arguments is left out.
    `give` makes what the student is given of the arguments of a probe, and
    take(name, result, given) a value of what comes back, or a Verdict; `explain` is as
    in `call`. Of several parts `order` says in which order to look, by default as they
    come, `label` how they are called, and `leads` where to look if a part is wrong and
    nothing explains it; the parts before it in the order are right then. `formulas`
    are functions that give the same as `answer`, written as students write it; slips
    are made in these and in `answer`.

    What is said to be the cause explains the results of all probes: a mistake that
    fits one of them by chance is not told.
    """
    tried: list[Tried] = []
    failed = None
    for probe in probes:
        given = give(probe.arguments)
        result = call(probe.name, student, *given, explain=explain)
        got = _parts(probe.name, take(probe.name, result, given), parts)
        if isinstance(got, Verdict):
            failed = got
            break
        tried.append(Tried(probe, got, _named(answer(*probe.arguments), parts)))
    for one in tried:
        verdict = _judged(
            one,
            tried,
            answer,
            mistakes,
            parts,
            order,
            label,
            leads,
            (answer, *formulas),
            rtol,
        )
        if not verdict.ok:
            return verdict
    return failed or right(probes[0].name.partition("(")[0])


def _parts(name: str, result: Any, parts: Sequence[str]) -> Parts | Verdict:
    """The results by name, evaluated where they are graphs, or the first Verdict."""
    if isinstance(result, Verdict):
        return result
    found = unpack(name, result, parts) if parts else {ONE: result}
    if isinstance(found, Verdict):
        return found
    # What is no array is told when its turn comes, in `compare`.
    return {part: _array(value) for part, value in found.items()}


def _array(value: Any) -> Any:
    array = value if value is None or value is ... else to_array("", value)
    return value if isinstance(array, Verdict) else array


def _named(result: Any, parts: Sequence[str]) -> Parts:
    """The right results by name."""
    if not parts:
        return {ONE: result}
    if isinstance(result, Mapping):
        return dict(result)
    return dict(zip(parts, result, strict=True))


def _judged(
    one: Tried,
    tried,
    answer,
    mistakes,
    parts,
    order,
    label,
    leads,
    formulas,
    rtol: float,
) -> Verdict:
    """The verdict on one probe, with the mistakes that explain all."""
    if all(_fits(one.got[part], one.right[part], rtol) for part in one.right):
        return right(one.probe.name)
    name = one.probe.name
    near = _explaining(one, tried, mistakes, parts, rtol)
    exchanged = found_order(
        one.got, one.right, lambda got, made: _fits(got, made, rtol)
    )
    # Of two results an exercise may know it better.
    if exchanged and not any(len(made) == len(parts) for made in near.values()):
        said = f"the results are right, but in the order {exchanged}"
        return wrong(name, said, "order")
    if not parts:
        values = {sentence: made[ONE] for sentence, made in near.items()}
        verdict = compare(
            name, one.got[ONE], one.right[ONE], mistakes=values, rtol=rtol
        )
    else:
        verdict = compare_parts(
            one.got,
            one.right,
            mistakes=near,
            order=order or parts,
            label=label.replace("{call}", name).replace("{part}", "{}"),
            rtol=rtol,
        )
    if verdict.ok or verdict.rule != VALUES:
        return verdict
    wrong_parts = [
        part
        for part in order or one.right
        if not _fits(one.got[part], one.right[part], rtol)
    ]
    part = wrong_parts[0]
    found = _unless_known(part, one, tried, answer, parts, rtol)
    if found:
        return _with(verdict, found, "argument")
    found = _slip(formulas, part, one, tried, parts, rtol)
    if found:
        return _with(verdict, found, "slip")
    found = _term(part, tried) if np.ndim(one.right[part]) == 0 else ""
    if found:
        return _with(verdict, found, "term")
    if leads and part in leads:
        return _with(verdict, leads[part], "part")
    return verdict


def found_order(got: Parts, right: Parts, fits: Callable[[Any, Any], bool]) -> str:
    """The order of results that are all right, if it is not the one asked for."""
    found = [
        name
        for value in got.values()
        for name, expected in right.items()
        if isinstance(value, np.ndarray) and fits(value, expected)
    ]
    exchanged = sorted(found) == sorted(right) and found != list(right)
    return ", ".join(found) if exchanged else ""


def _with(verdict: Verdict, found: str, rule: str) -> Verdict:
    message = verdict.message.rstrip(".")
    return Verdict(False, True, f"{message}. {found}", rule)


def _fits(got: Any, made: Any, rtol: float) -> bool:
    """Whether a student's value is the one that something would have made."""
    if not isinstance(got, np.ndarray) or got.dtype.kind not in "biuf":
        return False
    return compare("", got, made, rtol=rtol).ok


def _finite(value: Any) -> bool:
    array = np.asarray(value)
    return array.dtype.kind in "biuf" and bool(np.isfinite(array).all())


def _explaining(one: Tried, tried, mistakes, parts, rtol) -> dict[str, Parts]:
    """What the mistakes give for a probe, of those that explain all probes."""
    with np.errstate(all="ignore"):
        tables = [
            {
                sentence: _made(values, parts)
                for sentence, values in mistakes(*other.probe.arguments).items()
            }
            for other in tried
        ]
    here = tables[_index(tried, one)]
    kept: dict[str, Parts] = {}
    for sentence, made in here.items():
        values = {
            part: value
            for part, value in made.items()
            if _agrees(part, sentence, tables, tried, rtol)
        }
        if values:
            kept[sentence] = values
    # Of several that explain, the one is meant that agrees in most parts.
    return dict(sorted(kept.items(), key=lambda item: -len(item[1])))


def _index(tried: Sequence[Tried], one: Tried) -> int:
    return next(i for i, other in enumerate(tried) if other is one)


def _made(values: Any, parts: Sequence[str]) -> Parts:
    return dict(values) if parts else {ONE: values}


def _agrees(part: str, sentence: str, tables, tried, rtol: float) -> bool:
    """Whether the results are, on all probes, what a mistake makes of a part.

    Up to a factor that is the same on all: "and the whole is twice what it should be".
    """
    for table, other in zip(tables, tried, strict=True):
        made = table.get(sentence, {}).get(part)
        if made is None or not _finite(made):
            continue
        if _fits(other.got[part], made, rtol):
            continue
        if np.size(made) < 2 or not _multiple(other.got[part], made):
            return False
    return True


def _multiple(got: Any, made: Any) -> bool:
    """Whether one array is a multiple of the other."""
    if not isinstance(got, np.ndarray) or got.dtype.kind not in "biuf":
        return False
    if got.shape != np.shape(made):
        return False
    a, b = got.astype(float).ravel(), np.asarray(made, float).ravel()
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return False
    # Of numbers up to 1 no square overflows, and a multiple remains one.
    a, b = (v / (abs(v).max() or 1) for v in (a, b))
    return abs(np.dot(a, b)) >= (1 - 1e-9) * np.linalg.norm(a) * np.linalg.norm(b) > 0


# One slip in the formula --------------------------------------------------------------


def _slip(
    formulas: Sequence[Callable], part: str, one: Tried, tried, parts, rtol: float
) -> str:
    """What to say of a slip that gives the results of all probes, or ""."""
    if not patience.possible():  # a slip can make a loop endless
        return ""
    first = [one, *(other for other in tried if other is not one)]
    for formula in formulas:
        for sentence, variant in variants(formula):
            if all(_given_by(variant, other, part, parts, rtol) for other in first):
                return sentence
    return ""


def _given_by(variant: Callable, tried: Tried, part, parts, rtol) -> bool:
    """Whether a function gives a part as the student's does."""
    try:
        with np.errstate(all="ignore"), patience.limited(LONG, "cpu"):
            made = _named(variant(*copy.deepcopy(tried.probe.arguments)), parts)[part]
        return _finite(made) and _fits(tried.got[part], made, rtol)
    except (Exception, patience.OutOfTime):  # a slip leaves what nobody can run
        return False


# What would be right for other arguments ---------------------------------------------


def _unless_known(part, one: Tried, tried, answer, parts, rtol) -> str:
    """A sentence on the arguments for which the results would be right, or ""."""
    for sentence, change in _changes(one.probe.names, one.probe.arguments):
        agreeing = 0
        for other in tried:
            made = _right_for(change, other, answer, parts, part)
            if made is None:
                continue
            if not _fits(other.got[part], made, rtol):
                break
            agreeing += not _fits(made, other.right[part], rtol) and np.size(made)
        else:
            if agreeing >= min(ENOUGH, len(tried) * np.size(one.right[part])):
                return sentence
    return ""


def _right_for(change, tried: Tried, answer, parts, part) -> np.ndarray | None:
    """What is right for changed arguments; None where there is no such thing."""
    try:
        with np.errstate(all="ignore"):
            arguments = change(list(tried.probe.arguments))
            arrays = [a for a in arguments if isinstance(a, np.ndarray)]
            if not all(map(_finite, arrays)):  # LAPACK would print what it thinks of it
                return None
            made = _named(answer(*arguments), parts)[part]
            return np.asarray(made) if _finite(made) else None
    except Exception:  # arguments that nobody could calculate with
        return None


def _changes(
    names: Sequence[str], arguments: Sequence
) -> Iterator[tuple[str, Callable[[list], list]]]:
    """Sentences, and how they change the arguments."""

    def at(i: int, how: Callable) -> Callable[[list], list]:
        def change(arguments: list) -> list:
            arguments[i] = how(arguments[i])
            return arguments

        return change

    def exchanged(i: int, j: int) -> Callable[[list], list]:
        def change(arguments: list) -> list:
            arguments[i], arguments[j] = arguments[j], arguments[i]
            return arguments

        return change

    def instead(i: int, j: int) -> Callable[[list], list]:
        def change(arguments: list) -> list:
            arguments[i] = arguments[j]
            return arguments

        return change

    for i, (name, value) in enumerate(zip(names, arguments, strict=True)):
        for sentence, how in _other_values(name, value):
            yield sentence, at(i, how)
    alike = [
        (i, j)
        for i, j in combinations(range(len(names)), 2)
        if type(arguments[i]) is type(arguments[j])
    ]
    for i, j in alike:
        yield f"Are {names[i]} and {names[j]} exchanged?", exchanged(i, j)
        for one, other in ((i, j), (j, i)):
            said = f"Does {names[other]} stand in the place of {names[one]}?"
            yield said, instead(one, other)


def _other_values(name: str, value: Any) -> Iterator[tuple[str, Callable]]:
    """Sentences on an argument, and the values that it would have."""
    if isinstance(value, (bool, np.bool_)):
        yield f"It is right for the other {name}.", lambda v: not v
    elif isinstance(value, (int, np.integer)):
        for by in (1, -1, 2, -2):
            sentence = f"It is right for {name} {'+' if by > 0 else '-'} {abs(by)}."
            yield sentence, lambda v, by=by: v + by
        yield f"It is right for {name} = 0.", lambda v: 0
        yield f"It is right for {name} = 1.", lambda v: 1
        yield f"It is right for 2 * {name}.", lambda v: 2 * v
    elif isinstance(value, (float, np.floating)):
        yield f"Is {name} left out? It is right for {name} = 1.", lambda v: 1.0
        yield f"Is {name} left out? It is right for {name} = 0.", lambda v: 0.0
        yield f"Is a sign wrong? It is right for -{name}.", lambda v: -v
        yield f"It is right for 1 - {name}.", lambda v: 1 - v
        yield f"It is right for 1 + {name}.", lambda v: 1 + v
        yield f"It is right for 2 * {name}.", lambda v: 2 * v
        yield f"It is right for {name} / 2.", lambda v: v / 2
        yield f"Is it divided by {name}? It is right for 1 / {name}.", lambda v: 1 / v
        yield f"It is right for {name}**2.", lambda v: v**2
        yield f"It is right for {name} + 2.", lambda v: v + 2
        yield f"It is right for {name} - 1.", lambda v: v - 1
        for tenths in range(1, 10):
            fixed = tenths / 10
            sentence = f"Is {name} used? It is always right for {name} = {fixed:g}."
            yield sentence, lambda v, fixed=fixed: fixed
    elif isinstance(value, np.ndarray):
        yield f"Is {name} left out? It is right for {name} = 0.", lambda v: 0 * v
        yield f"Is the sign of {name} wrong? It is right for -{name}.", lambda v: -v
        yield f"Does {name} count twice? It is right for 2 * {name}.", lambda v: 2 * v
        yield f"It is right for {name} / 2.", lambda v: v / 2
        yield f"It is right for {name} = 1 everywhere.", lambda v: 0 * v + 1
        yield f"It is right for 1 / {name}.", lambda v: 1 / v
        yield f"It is right for {name}**2.", lambda v: v**2
        yield f"It is right for {name} + 1.", lambda v: v + 1
        yield f"It is right for {name} - 1.", lambda v: v - 1
        if value.ndim == 2:
            yield f"Is {name} transposed? It is right for {name}.T.", np.transpose
            yield (
                f"Only the diagonal of {name} counts.",
                lambda v: v * np.eye(*v.shape),
            )
        yield from _ends(name, value)
        yield (
            f"It is right for {name} one place later.",
            lambda v: np.concatenate([v[:1], v[:-1]]),
        )
        yield (
            f"It is right for {name} one place earlier.",
            lambda v: np.concatenate([v[1:], v[-1:]]),
        )
    elif isinstance(value, (list, str)):
        yield from _ends(name, value)


def _ends(name: str, value: Any) -> Iterator[tuple[str, Callable]]:
    """Sequences of which an end is missing, or that run the other way."""
    if not isinstance(value, (list, str)) and np.ndim(value) == 0:
        return
    yield f"Is the first of {name} left out? It is right without it.", lambda v: v[1:]
    yield f"Is the last of {name} left out? It is right without it.", lambda v: v[:-1]
    yield f"It is right for {name} in reverse order.", lambda v: v[::-1]


# How one number differs on all probes -------------------------------------------------


def _term(part: str, tried: Sequence[Tried]) -> str:
    """What the difference is on each probe, where that is one term; else ""."""
    rows = []
    for other in tried:
        got, expected = other.got[part], other.right[part]
        if not isinstance(got, np.ndarray) or got.size != 1:
            return ""
        terms = _terms(other.probe)
        rows.append((float(got.item()), float(expected), terms))
    shared = set.intersection(*(set(terms) for _, _, terms in rows))
    for name in sorted(shared, key=lambda name: (len(name), name)):
        for sign, word in ((1, "large"), (-1, "small")):
            if all(
                np.isclose(got - expected, sign * terms[name], rtol=1e-9, atol=0)
                for got, expected, terms in rows
            ):
                return f"It is too {word} by {name} each time."
    for name in sorted(shared, key=lambda name: (len(name), name)):
        for word, power in (("multiplied", 1), ("divided", -1)):
            if all(
                terms[name]
                and np.isclose(got, expected * terms[name] ** power, rtol=1e-9, atol=0)
                for got, expected, terms in rows
            ):
                return f"It is {word} by {name} too often."
    return ""


def _terms(probe: Probe) -> dict[str, float]:
    """Numbers that the arguments of a call hold, by what they are called."""
    found = {number(c): float(c) for c in (1, 2, 3)}
    basic: dict[str, float] = {}
    for name, value in zip(probe.names, probe.arguments, strict=True):
        if isinstance(value, (bool, int, float, np.number)):
            basic[name] = float(value)
        elif isinstance(value, (list, str)) or (
            isinstance(value, np.ndarray) and value.ndim == 1
        ):
            basic[f"len({name})"] = float(len(value))
            if len(value) and isinstance(value[0], (int, float, np.number)):
                basic[f"{name}[0]"] = float(value[0])
                basic[f"{name}[-1]"] = float(value[-1])
                basic[f"sum({name})"] = float(sum(value))
    found |= basic
    for (a, x), (b, y) in combinations(basic.items(), 2):
        found |= {f"{a} * {b}": x * y, f"({a} + {b})": x + y}
    return found | {f"{a}**2": x * x for a, x in basic.items()}
