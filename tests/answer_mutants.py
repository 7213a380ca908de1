"""Mutants of an answer: what a list of operators makes of the code of a function.

The operators are those of `helpers.check.core.slips`, and two more:

    in place    a parameter is changed; an array is filled where a new one is due
    type        what is returned has another type, or one part too few

A mutant is a whole source, which defines the functions of the answer again.
"""

import ast
import copy
import random
from collections.abc import Iterator
from typing import NamedTuple

from helpers.check.core.slips import slips, text

SPOIL = "__spoil__"  # a function that changes whatever it is given
TYPES = {
    "cut to integers": "__integers__",
    "rounded to two digits": "__rounded__",
    "of one axis more": "__nested__",
    "as text": "str",
}


class Mutant(NamedTuple):
    """A mutant: its operator, the line it is in, what is otherwise, its source."""

    operator: str
    line: int
    change: str
    source: str


def mutants(source: str, name: str) -> list[Mutant]:
    """All mutants of a source, whose function `name` is the answer, without doubles."""
    tree = ast.parse(source)
    seen, found = {ast.unparse(tree)}, []
    for operator, line, change, mutated in _mutations(tree, name):
        try:
            code = ast.unparse(ast.fix_missing_locations(mutated))
            compile(code, "<mutant>", "exec")
        except (SyntaxError, ValueError, TypeError):
            continue
        if code not in seen:
            seen.add(code)
            found.append(Mutant(operator, line, change, code))
    return found


def some(found: list[Mutant], n: int, seed: int = 0) -> list[Mutant]:
    """At most n of the mutants, from all operators in turn."""
    rng = random.Random(seed)
    heaps: dict[str, list[Mutant]] = {}
    for mutant in rng.sample(found, len(found)):
        heaps.setdefault(mutant.operator, []).append(mutant)
    drawn = []
    while len(drawn) < n and any(heaps.values()):
        drawn += [heap.pop() for heap in heaps.values() if heap]
    return drawn[:n]


def _mutations(tree: ast.Module, name: str) -> Iterator[tuple]:
    """Operator, line, change and the mutated tree."""
    for slip in slips(tree):
        yield slip.operator, slip.line, slip.change, slip.tree
    nodes = list(ast.walk(tree))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    answer = next(node for node in functions if node.name == name)
    yield from _filled(tree, nodes)
    yield from _in_place(tree, nodes, answer)
    yield from _returns(tree, nodes, answer)


def _filled(tree, nodes) -> Iterator[tuple]:
    """`h = ...` in a loop as `h[...] = ...`."""
    for i, loop in enumerate(nodes):
        for j, statement in enumerate(loop.body if isinstance(loop, ast.For) else ()):
            if not isinstance(statement, ast.Assign):
                continue
            target = statement.targets[0]
            if not isinstance(target, ast.Name):
                continue
            clone = copy.deepcopy(tree)
            name = ast.Name(target.id, ast.Load())
            whole = ast.Subscript(name, ast.Constant(...), ast.Store())
            filled = ast.Assign([whole], statement.value)
            list(ast.walk(clone))[i].body[j] = copy.deepcopy(filled)
            yield "in place", statement.lineno, text(filled), clone


def _in_place(tree, nodes, answer) -> Iterator[tuple]:
    """Each parameter changed after the result is there."""
    i = nodes.index(answer)
    last = answer.body[-1]
    if not isinstance(last, ast.Return):
        return
    for argument in answer.args.args:
        clone = copy.deepcopy(tree)
        body = list(ast.walk(clone))[i].body
        value = body[-1].value
        body[-1:] = [
            ast.Assign([ast.Name("__result__", ast.Store())], value),
            ast.Expr(ast.parse(f"{SPOIL}({argument.arg})", mode="eval").body),
            ast.Return(ast.Name("__result__", ast.Load())),
        ]
        yield "in place", last.lineno, f"{argument.arg} is changed", clone


def _returns(tree, nodes, answer) -> Iterator[tuple]:
    """Another type of what is returned, or less of it."""
    for i, node in enumerate(nodes):
        inside = isinstance(node, ast.Return) and node in set(ast.walk(answer))
        if not inside or node.value is None:
            continue
        news = {said: f"{f}({text(node.value)})" for said, f in TYPES.items()}
        news["nothing"] = "None"
        if isinstance(node.value, ast.Tuple):
            parts = [ast.unparse(part) for part in node.value.elts]
            news["the last part is missing"] = f"({', '.join(parts[:-1])},)"
            news["only the first part"] = parts[0]
        for said, code in news.items():
            clone = copy.deepcopy(tree)
            list(ast.walk(clone))[i].value = ast.parse(code, mode="eval").body
            yield "type", node.lineno, said, clone
