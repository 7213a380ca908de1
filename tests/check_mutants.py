"""Does a check call a wrong answer right? Mutants of each solution are given to it.

    make wrong-answers                          all checks of all exercises
    make wrong-answers CHECKS="ch01 herd"       those whose names hold one of these

`answer_mutants` makes the mutants of the code in book/solutions. A mutant is different
if it gives another value or an error, or changes its input, for one of the check's weak
probes or of `INPUTS` inputs drawn from the exercise's domain; values are the same
within rounding, whatever their type, since a check takes all of them. The others are
equivalent, and listed. No different mutant may be called right, and no equivalent one
wrong.

The wrong answers of `wrong_answers`, that readers gave or tests hold, are asked too.

A wrong answer is diagnosed if what the check says comes from a rule that has a name,
and not from the comparison of values alone.
"""

import argparse
import ast
import contextlib
import copy
import io
import linecache
import os
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import pytensor
from answer_mutants import SPOIL, Mutant, mutants, some

from helpers import ROOT, engine
from helpers.check import ch01_feedforward_checks as ch01
from helpers.check import ch02_elman_checks as ch02
from helpers.check import ch03_scan_checks as ch03
from helpers.check.core import patience
from helpers.check.core.calls import call
from helpers.check.core.graphs import function as compiled
from helpers.check.core.values import to_array
from helpers.check.core.verdicts import VALUES, Verdict
from helpers.press import notebooks
from helpers.results.tables import table

INPUTS = 1000
SURE = 10  # inputs after which a graph that is slow to build is not built again
EACH = 60  # mutants of an exercise, where there are as many
PATIENCE = 4.0  # seconds of the processor after which a mutant is stopped
SAME = 1e-6  # relative to the largest number


class Answer(NamedTuple):
    """A solution: the check that judges it, and the code that it stands in."""

    module: str  # "ch01_feedforward_checks"
    check: str
    options: dict[str, Any]  # that the check is called with
    name: str
    source: str  # the function, and those of the notebook that it calls
    imports: str

    @property
    def title(self) -> str:
        """Chapter and check."""
        return f"{self.module[:4]} {self.check}"

    @property
    def checked(self) -> Callable:
        """The check itself."""
        return getattr(import_module(f"helpers.check.{self.module}"), self.check)


class Judged(NamedTuple):
    """A mutant, what the check said of it, and an input that shows that it differs."""

    mutant: Mutant
    verdict: Verdict
    differs: str  # "" for an equivalent mutant


# The solutions ------------------------------------------------------------------------


@cache
def answers() -> list[Answer]:
    """The first answer to each check in the solutions whose check has a domain."""
    found: dict[tuple[str, str], Answer] = {}
    for path in sorted((ROOT / "book/solutions").glob("*.ipynb")):
        for answer in _in_notebook(path):
            if getattr(answer.checked, "domain", None):
                found.setdefault((answer.module, answer.check), answer)
    return list(found.values())


def _in_notebook(path) -> Iterator[Answer]:
    imports, functions, module = [], {}, ""
    for cell in notebooks.read(path).cells[1:]:
        if cell.cell_type != "code":
            continue
        constants = []  # of the cell, such as an index by its symbol
        for node in ast.parse(cell.source).body:
            if isinstance(node, ast.Assign):
                constants.append(ast.unparse(node))
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                imports.append(ast.unparse(node))
                if isinstance(node, ast.ImportFrom) and node.module == "helpers.check":
                    module = node.names[0].name
            elif isinstance(node, ast.FunctionDef):
                functions[node.name] = node
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                called = ast.unparse(node.value.func)
                given = node.value.args
                if called.startswith("check.") and given:
                    name = ast.unparse(given[0])
                    if name in functions:
                        options = {
                            k.arg: ast.literal_eval(k.value)
                            for k in node.value.keywords
                        }
                        source = _needed(name, functions)
                        yield Answer(
                            module,
                            called.removeprefix("check."),
                            options,
                            name,
                            source,
                            "\n".join([*imports, *constants]),
                        )


def _needed(name: str, functions: dict[str, ast.FunctionDef]) -> str:
    """The source of a function and of those in the notebook that it calls."""
    needed, waiting = [], [name]
    while waiting:
        now = waiting.pop()
        if now in needed:
            continue
        needed.append(now)
        used = {n.id for n in ast.walk(functions[now]) if isinstance(n, ast.Name)}
        waiting += sorted(used & set(functions))
    return "\n\n\n".join(ast.unparse(functions[n]) for n in functions if n in needed)


def _integers(value):
    return _each(value, lambda array: array.astype(int))


def _rounded(value):
    return _each(value, lambda array: np.round(array, 2))


def _each(value, how: Callable):
    if isinstance(value, (tuple, list)):
        return type(value)(_each(item, how) for item in value)
    return how(np.asarray(value))


def _spoil(value) -> None:
    """Change what is given, if it can be changed."""
    if isinstance(value, np.ndarray) and value.size:
        value += 1
    elif isinstance(value, (list, dict, set)):
        value.clear()
    elif isinstance(value, pytensor.compile.sharedvalue.SharedVariable):
        value.set_value(value.get_value() + 1)


ADDED = {
    SPOIL: _spoil,
    "__integers__": _integers,
    "__rounded__": _rounded,
    "__nested__": lambda value: np.asarray(value)[None],
}


def defined(answer: Answer, source: str) -> Callable:
    """The function that a source defines, with what the notebook has imported."""
    names: dict[str, Any] = dict(ADDED)
    exec(answer.imports, names)
    file = f"<answer {hash(source)}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    exec(compile(source, file, "exec"), names)
    return names[answer.name]


# What a function gives ----------------------------------------------------------------


class Outcome(NamedTuple):
    """An error, or values and inputs that have changed."""

    error: str
    values: list[np.ndarray]
    many: bool = False  # whether the values came in a tuple, a list or a dict


def _called(function: Callable) -> Callable[[tuple], Any]:
    """As it is called on NumPy arrays; what it changes is an error of `call`."""
    return lambda arguments: call("f()", function, *arguments)


def _in_pieces(function: Callable) -> Callable[[tuple], Any]:
    """As it is called with the `run` that is made of what is drawn."""
    return lambda arguments: call("f()", function, *ch03.with_run(arguments))


def _of_graph(fixed: tuple[int, ...] = (), shared: bool = True) -> Callable:
    """The runner of a function of graphs, compiled for the axes of its arguments.

    Those at the places that are `fixed` stay the numbers that they are. Other numbers
    are shared variables, or where not `shared` expressions, which nobody can change.
    """

    def runner(function: Callable) -> Callable[[tuple], Any]:
        @cache
        def graph(axes: tuple[int, ...], kept: tuple) -> Callable:
            inputs = [pytensor.shared(np.zeros((1,) * n)) for n in axes]
            given = [v if shared or v.ndim else 1 * v for v in inputs]
            for i, value in zip(fixed, kept, strict=True):
                given.insert(i, value)
            result = call("f()", function, *given)
            if isinstance(result, Verdict):
                return lambda *values: result
            ready = compiled([], result)

            def given_values(*values: np.ndarray) -> Any:
                for variable, value in zip(inputs, values, strict=True):
                    variable.set_value(value)
                return ready()

            return given_values

        def run(arguments: tuple) -> Any:
            free = [
                np.asarray(a, float) for i, a in enumerate(arguments) if i not in fixed
            ]
            kept = tuple(arguments[i] for i in fixed)
            return graph(tuple(a.ndim for a in free), kept)(*free)

        return run

    return runner


def _of_updates(make: Callable[[tuple], tuple[list, list]], n: int) -> Callable:
    """The runner of a function of (loss, params, ...) that gives n updates.

    make(arguments) gives what the function is called with, made of shared variables
    alone, and those in a list in an order of its own; compiled once, they are given
    the values of other arguments.
    """

    def runner(function: Callable) -> Callable[[tuple], Any]:
        kept: dict[str, Any] = {}

        def begin(arguments: tuple) -> Verdict | None:
            """Build the graph for these arguments, and keep it if it is the first."""
            given, shared = make(arguments)
            updates = call("f()", function, *given)
            if isinstance(updates, Verdict):
                return updates
            updates = list(updates.items() if isinstance(updates, dict) else updates)
            targets = [target for target, _ in updates]
            if len({*map(id, targets)}) < len(targets) or not {*map(id, given[1])} <= {
                *map(id, targets)
            }:
                raise ValueError("a parameter is updated twice, or not at all")
            own = [target for target in targets if target not in shared]
            kept["zero"] = all(not v.get_value().any() for v in own)
            if "step" not in kept:
                step = compiled([], [], updates)
                kept.update(step=step, shared=shared, own=own, params=given[1])
            fresh = [v.get_value() for v in own]
            for variable, value in zip(kept["own"], fresh, strict=True):
                variable.set_value(value)
            return None

        def run(arguments: tuple) -> Any:
            kept["calls"] = kept.get("calls", 0) + 1
            # A velocity of zero is believed to be one always, and is not made again.
            if kept["calls"] <= SURE or (kept["own"] and not kept["zero"]):
                failed = begin(arguments)
                if failed:
                    return failed
            else:
                # Each has the axes of one parameter.
                shapes = {np.ndim(a): np.shape(a) for a in arguments}
                for v in kept["own"]:
                    v.set_value(np.zeros(shapes[v.ndim]))
            for variable, value in zip(kept["shared"], arguments, strict=True):
                variable.set_value(np.asarray(value))
            path = []
            for _ in range(n):
                kept["step"]()
                path.append([p.get_value() for p in kept["params"]])
            return [np.stack(values) for values in zip(*path, strict=True)]

        return run

    return runner


def _decay(arguments: tuple) -> tuple[list, list]:
    shared = [pytensor.shared(np.asarray(a)) for a in arguments]
    X, y, *params, lr, decay = shared
    for p, name in zip(params, ch01.NAMES, strict=True):
        p.name = name
    loss = ch01.mean_squared_error(ch01.network(X, params), y)
    return [loss, list(params), 1 * lr, 1 * decay], shared  # no shared variables


def _bowl(arguments: tuple) -> tuple[list, list]:
    shared = [pytensor.shared(np.asarray(a)) for a in arguments]
    W, b, lowest, lr, mu = shared
    W.name, b.name = "W", "b"
    loss = sum((0.5 * (p - lowest) ** 2).sum() for p in (W, b))
    return [loss, [W, b], 1 * lr, 1 * mu], shared


def outcome(
    run: Callable[[tuple], Any], arguments: tuple, seconds: float | None = None
) -> Outcome:
    """What comes of a call, as far as a check may distinguish it."""
    try:
        with patience.limited(seconds), np.errstate(all="ignore"):
            result = run(copy.deepcopy(arguments))
    except (Exception, patience.OutOfTime) as error:
        return Outcome(type(error).__name__, [])
    if isinstance(result, Verdict):
        return Outcome(result.message, [])
    many = isinstance(result, (tuple, list, dict))
    parts = list(result) if isinstance(result, (tuple, list)) else [result]
    if isinstance(result, dict):
        parts = list(result.values())
    arrays = [to_array("", part) for part in parts]
    if any(isinstance(array, Verdict) for array in arrays):
        return Outcome("not numbers", [])
    return Outcome("", arrays, many)


def same(a: Outcome, b: Outcome) -> bool:
    """Whether outcome b does for a, which is right."""
    if a.error or b.error:
        return bool(a.error) and bool(b.error)
    whole = _stacked(a), _stacked(b)
    if all(w is not None for w in whole) and _equal(*whole):
        return True
    fits = len(a.values) == len(b.values) and a.many == b.many
    return fits and all(map(_equal, a.values, b.values))


def _stacked(result: Outcome) -> np.ndarray | None:
    """The values as one array, where they make one."""
    if not result.many:
        return result.values[0]
    alike = len({v.shape for v in result.values}) == 1
    return np.stack(result.values) if alike else None


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether b does for a, which is right."""
    if a.ndim == 0 and b.size == 1:
        b = b.reshape(())  # an array of one number does for a number
    if a.shape != b.shape or "c" in (a.dtype.kind, b.dtype.kind):
        return a.shape == b.shape and np.array_equal(a, b) and a.dtype == b.dtype
    a, b = a.astype(float), b.astype(float)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return np.array_equal(a, b, equal_nan=True)
    scale = max(np.abs(a).max(initial=0), np.abs(b).max(initial=0))
    return bool(np.all(np.abs(a - b) <= SAME * scale))


def _brackets(function: Callable) -> Callable[[tuple], Any]:
    """The runner of a function that gives weights, of which many are right.

    What counts is when the state is high, when it is low, and when it is neither.
    """

    def run(arguments: tuple) -> Any:
        weights = call("f()", function, *arguments)
        if isinstance(weights, Verdict):
            return weights
        arrays = [np.asarray(weight, float) for weight in weights]
        shapes = [(arguments[0], 1), (1, 1), (1,)]
        if [array.shape for array in arrays] != shapes:
            raise ValueError("weights of other shapes")
        streams = ch02.bracket_streams(*arguments)
        h = ch02.bracket_states(streams, *arrays)[1:]
        return np.sign(h) * (np.abs(h) >= ch02.EDGE)

    return run


# Runners of what is no function of arrays.
RUNNERS: dict[str, Callable] = {
    "ch01 l2_updates": _of_updates(_decay, 1),
    "ch01 momentum_updates": _of_updates(_bowl, ch01.UPDATES),
    "ch02 bracket": _brackets,
    "ch03 running_product": _of_graph(),
    "ch03 leaky_step": _of_graph(),
    "ch03 herd": _of_graph(fixed=(1,), shared=False),
    "ch03 masked_states": _of_graph(),
    "ch03 in_pieces": _in_pieces,
    "ch03 gated_states": _of_graph(),
    "ch05 softmax_loss": _of_graph(),
    "ch06 coupled_step": _of_graph(),
    "ch09 log_states": _of_graph(fixed=(2,)),
    "ch09 gated_delta_step": _of_graph(),
    "ch09 normalised_step": _of_graph(),
}


def run_of(answer: Answer, function: Callable) -> Callable[[tuple], Any]:
    """How to call a function on arguments that are drawn."""
    return RUNNERS.get(answer.title, _called)(function)


class Inputs:
    """The weak probes and the drawn inputs of an exercise, with what is right."""

    def __init__(self, answer: Answer) -> None:
        self.domain = answer.checked.domain
        self.run = run_of(answer, defined(answer, answer.source))
        self.rng = np.random.default_rng(1)
        self.known: list[tuple[tuple, Outcome]] = []

    def __iter__(self) -> Iterator[tuple[tuple, Outcome]]:
        for i in range(len(self.domain.weak) + INPUTS):
            if i == len(self.known):
                weak = i < len(self.domain.weak)
                arguments = self.domain.weak[i] if weak else self.domain.draw(self.rng)
                # The right answer may compile for long on a busy machine.
                right = outcome(self.run, arguments, 600.0)
                assert not right.error, (self.domain.shown(arguments), right.error)
                self.known.append((arguments, right))
            yield self.known[i]


def difference(answer: Answer, function: Callable, inputs: Inputs) -> str:
    """The first input for which a mutant differs, or ""."""
    run = run_of(answer, function)
    for arguments, right in inputs:
        if not same(right, outcome(run, arguments)):
            return inputs.domain.shown(arguments)
    return ""


# The campaign -------------------------------------------------------------------------


@contextlib.contextmanager
def _quickly() -> Iterator[None]:
    """Asks checks in silence, with little patience and the engine that is ready first.

    Some operations of PyTensor compile graphs of their own for the engine.
    """
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        engine.select("python")
        pytensor.config.cxx = ""
        patience.SECONDS, patience.CLOCK = PATIENCE, "cpu"
        yield


def judged(answer: Answer, chosen: list[Mutant]) -> list[Judged]:
    """What the check says of mutants, and whether they are different."""
    inputs, found = Inputs(answer), []
    with _quickly():
        for mutant in chosen:
            function = defined(answer, mutant.source)
            verdict = answer.checked.verdict(function, **answer.options)
            differs = difference(answer, function, inputs)
            found.append(Judged(mutant, verdict, differs))
    return found


def drawn(answer: Answer, n: int | None = EACH) -> list[Mutant]:
    """Mutants of an answer: n of them, or all."""
    found = mutants(answer.source, answer.name)
    return found if n is None else some(found, n)


def examined(answer: Answer, n: int | None) -> tuple[Answer, list[Judged], float]:
    """The campaign for one exercise, and the seconds that it took."""
    start = time.monotonic()
    return answer, judged(answer, drawn(answer, n)), time.monotonic() - start


def counts(found: list[Judged]) -> tuple[int, int, int, int, int]:
    """Mutants, equivalent, different called right, equal called wrong, diagnosed."""
    different = [j for j in found if j.differs]
    return (
        len(found),
        len(found) - len(different),
        sum(j.verdict.ok for j in different),
        sum(not j.verdict.ok for j in found if not j.differs),
        sum(_is_diagnosed(j.verdict) for j in different),
    )


# The functions of `wrong_answers`, and whose answers they give.
SOURCES = {"of_readers": "of readers", "of_the_tests": "of the tests"}

LEGEND = """
equal: equivalent. passed: different, and called right. refused: equivalent, and
called wrong. known: the share of the different ones that are diagnosed by a rule.
"""


def told(source: str, checks: Sequence[str]) -> list[tuple[str, Verdict]]:
    """The titles of the wrong answers of a source, and what the checks say of them."""
    # Not with this module: it imports JAX, which minds a fork.
    answers = getattr(import_module("wrong_answers"), source)()
    chosen = [a for a in answers if _is_chosen(a.title, checks)]
    with _quickly(), np.errstate(all="ignore"):
        return [(a.title, a.checked.verdict(a.student)) for a in chosen]


def _is_chosen(title: str, checks: Sequence[str]) -> bool:
    return not checks or any(part in title.partition(":")[0] for part in checks)


def report_of_told(found: dict[str, list[tuple[str, Verdict]]]) -> str:
    """A table of the known wrong answers, and those that are not diagnosed."""
    rows, lines = [], []
    for source, answers in found.items():
        right = sum(verdict.ok for _, verdict in answers)
        known = sum(_is_diagnosed(verdict) for _, verdict in answers)
        share = f"{100 * known / max(len(answers), 1):.0f}%"
        rows.append((SOURCES[source], len(answers), right, share))
        for title, verdict in answers:
            if not _is_diagnosed(verdict):
                kind = "CALLED RIGHT" if verdict.ok else "not diagnosed"
                lines.append(f"{kind:13} {title}  {verdict.message}")
    head = ("wrong answers", "n", "passed", "known")
    return "\n".join([table(rows, head), "", *sorted(lines)])


def _is_diagnosed(verdict: Verdict) -> bool:
    return not verdict.ok and verdict.rule != VALUES


def report(results: list[tuple[Answer, list[Judged], float]]) -> str:
    """A table by exercise, then the mutants of which something is to be told."""
    rows, lines, rules = [], [], Counter()
    for answer, found, seconds in results:
        n, equal, right, refused, known = counts(found)
        share = f"{100 * known / max(n - equal, 1):.0f}%"
        rows.append((answer.title, n, equal, right, refused, share, f"{seconds:.0f}"))
        rules.update(j.verdict.rule for j in found if j.differs)
        for j in found:
            kind = (
                ("CALLED RIGHT" if j.verdict.ok else "")
                if j.differs
                else ("equivalent" if j.verdict.ok else "CALLED WRONG")
            )
            said = j.differs if j.verdict.ok else j.verdict.message
            if not kind and j.verdict.rule == VALUES:
                kind = "not diagnosed"
            if kind:
                place = f"{answer.title}:{j.mutant.line} {j.mutant.operator}"
                lines.append(f"{kind:13} {place}: {j.mutant.change}  {said}".rstrip())
    all_found = [j for _, found, _ in results for j in found]
    n, equal, right, refused, known = counts(all_found)
    share = f"{100 * known / max(n - equal, 1):.0f}%"
    rows.append(("all", n, equal, right, refused, share, ""))
    head = ("check", "mutants", "equal", "passed", "refused", "known", "s")
    said = ", ".join(f"{rule or 'none'} {count}" for rule, count in rules.most_common())
    return "\n".join([table(rows, head), LEGEND, f"Rules: {said}.", "", *sorted(lines)])


def main(argv: list[str] | None = None) -> int:
    """The command line; 1 if a wrong answer is called right or an equal mutant not."""
    parser = argparse.ArgumentParser(description="Give wrong answers to the checks.")
    parser.add_argument("checks", nargs="*", help="parts of the names of checks")
    parser.add_argument("--each", type=int, default=EACH, help="mutants of an exercise")
    parser.add_argument("--all", action="store_true", help="all mutants")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args(argv)
    start = time.monotonic()
    checks = options.checks
    chosen = [answer for answer in answers() if _is_chosen(answer.title, checks)]
    each = None if options.all else options.each
    if options.jobs == 1:
        known = {source: told(source, checks) for source in SOURCES}
        results = [examined(answer, each) for answer in chosen]
    else:
        with ProcessPoolExecutor(options.jobs) as pool:
            waiting = {s: pool.submit(told, s, checks) for s in SOURCES}
            results = list(pool.map(examined, chosen, [each] * len(chosen)))
            known = {source: future.result() for source, future in waiting.items()}
    print(report(results))
    print(report_of_told(known))
    print(f"This run took {time.monotonic() - start:.0f} s.")
    found = [counts(found) for _, found, _ in results]
    passed = any(v.ok for of_source in known.values() for _, v in of_source)
    return int(passed or any(right or refused for _, _, right, refused, _ in found))


if __name__ == "__main__":
    sys.exit(main())
