"""Mutants of an answer: what a list of operators makes of the code of a function.

Each operator is a mistake that people make in one place:

    operator    another arithmetic, comparing or logical operator
    term        one side of an operation is left out
    sign        a minus is left out, or is there where it should not be
    constant    a number is one more or less, twice as large, or zero; True is False
    string      a text is another one that stands in the function
    index       an index or the bound of a slice is moved by one, or left out
    bound       an argument of `range` is moved by one
    name        another variable or parameter stands in the place of one
    step        a statement, a call, `.T`, a condition or a keyword is left out
    order       two statements, arguments or results are exchanged
    loop        a loop ends after its first round
    in place    a parameter is changed; an array is filled where a new one is due
    type        what is returned has another type, or one part too few

A mutant is a whole source, which defines the functions of the answer again.
"""

import ast
import copy
import random
from collections.abc import Iterator
from typing import NamedTuple

ARITHMETIC = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.Add),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult, ast.Div),
    ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,),
    ast.MatMult: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
}
COMPARING = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
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
    nodes = list(ast.walk(tree))
    parents = {
        child: parent for parent in nodes for child in ast.iter_child_nodes(parent)
    }
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    for function in functions:
        names, texts = _names(function), _texts(function)
        inside = set(ast.walk(function)) - set(ast.walk(function.args))
        for i, node in enumerate(nodes):
            if node not in inside or node is function:
                continue
            if isinstance(node, ast.expr) and not _docstring(node, parents):
                for operator, new in _expressions(node, parents, names, texts):
                    clone = copy.deepcopy(tree)
                    twin = list(ast.walk(clone))[i]
                    if new is None:
                        continue
                    _Replace(twin, new).visit(clone)
                    said = f"{ast.unparse(node)} -> {_text(new)}"
                    yield operator, node.lineno, said, clone
        for i, node in enumerate(nodes):
            if node in inside or node is function:
                for field in ("body", "orelse"):
                    block = getattr(node, field, None)
                    if isinstance(block, list) and block:
                        yield from _blocks(tree, i, node, field, block)
    answer = next(node for node in functions if node.name == name)
    yield from _in_place(tree, nodes, answer)
    yield from _returns(tree, nodes, answer)


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        if node is self.old:
            return copy.deepcopy(self.new)
        return super().generic_visit(node)


def _text(node: ast.AST) -> str:
    return ast.unparse(ast.fix_missing_locations(copy.deepcopy(node)))


def _docstring(node: ast.expr, parents: dict) -> bool:
    return isinstance(parents.get(node), ast.Expr) and isinstance(node, ast.Constant)


def _names(function: ast.FunctionDef) -> list[str]:
    """The parameters and the variables of a function, in the order of their first."""
    arguments = [a.arg for n in ast.walk(function) for a in _arguments(n)]
    stored = [
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
    return list(dict.fromkeys([*arguments, *stored]))


def _arguments(node: ast.AST) -> list[ast.arg]:
    return node.args.args if isinstance(node, (ast.FunctionDef, ast.Lambda)) else []


def _texts(function: ast.FunctionDef) -> list[str]:
    own = ast.get_docstring(function, clean=False)
    texts = [
        node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return [text for text in dict.fromkeys(texts) if text != own]


def _constant(value) -> ast.Constant:
    return ast.Constant(value)


def _moved(node: ast.expr, by: int) -> ast.expr:
    """An expression plus 1 or minus 1, numbers calculated."""
    try:
        return ast.parse(repr(ast.literal_eval(node) + by), mode="eval").body
    except (ValueError, TypeError):
        operation = ast.Add() if by > 0 else ast.Sub()
        return ast.BinOp(node, operation, _constant(abs(by)))


def _expressions(
    node: ast.expr, parents: dict, names: list[str], texts: list[str]
) -> Iterator[tuple[str, ast.expr | None]]:
    """The operators on one expression: their names, and what stands in its place."""
    parent = parents.get(node)
    if isinstance(node, ast.BinOp):
        for other in ARITHMETIC.get(type(node.op), ()):
            yield "operator", ast.BinOp(node.left, other(), node.right)
        yield "term", node.left
        yield "term", node.right
        if isinstance(node.op, (ast.Sub, ast.Div, ast.MatMult, ast.Pow)):
            yield "order", ast.BinOp(node.right, node.op, node.left)
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        for other in COMPARING.get(type(node.ops[0]), ()):
            yield "operator", ast.Compare(node.left, [other()], node.comparators)
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "operator", ast.BoolOp(other, node.values)
        for value in node.values:
            yield "term", value
    elif isinstance(node, ast.UnaryOp):
        kind = "sign" if isinstance(node.op, ast.USub) else "operator"
        yield kind, node.operand
    elif isinstance(node, ast.IfExp):
        yield "step", node.body
        yield "step", node.orelse
        yield "order", ast.IfExp(node.test, node.orelse, node.body)
    elif isinstance(node, ast.Constant):
        yield from _constants(node, parent, texts)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        if node.id in names:
            i = names.index(node.id)
            for other in (names[i - 1], names[(i + 1) % len(names)]):
                yield "name", ast.Name(other, ast.Load())
            if not isinstance(parent, (ast.Attribute, ast.Subscript, ast.Call)):
                yield "sign", ast.UnaryOp(ast.USub(), node)
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        yield from _subscripts(node)
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        if node.attr in ("T", "real", "imag"):
            yield "step", node.value
    elif isinstance(node, ast.Call):
        yield from _calls(node)
    elif isinstance(node, (ast.Tuple, ast.List)) and isinstance(node.ctx, ast.Load):
        for i in range(len(node.elts) - 1):
            swapped = list(node.elts)
            swapped[i : i + 2] = swapped[i : i + 2][::-1]
            yield "order", type(node)(swapped, ast.Load())
    elif isinstance(node, ast.ListComp | ast.GeneratorExp):
        for i, generator in enumerate(node.generators):
            for test in generator.ifs:
                clone = copy.deepcopy(node)
                clone.generators[i].ifs = [
                    t for t in generator.ifs if ast.dump(t) != ast.dump(test)
                ]
                yield "step", clone


def _constants(node, parent, texts) -> Iterator[tuple[str, ast.expr]]:
    value = node.value
    if isinstance(value, bool):
        yield "constant", _constant(not value)
    elif isinstance(value, (int, float)):
        for other in (value + 1, value - 1, 2 * value, 0):
            if other != value:
                yield "constant", ast.parse(repr(other), mode="eval").body
    elif isinstance(value, str) and len(texts) > 1 and value in texts:
        other = texts[(texts.index(value) + 1) % len(texts)]
        if not isinstance(parent, ast.JoinedStr):
            yield "string", _constant(other)


def _subscripts(node: ast.Subscript) -> Iterator[tuple[str, ast.expr]]:
    index = node.slice
    if isinstance(index, ast.Slice):
        for field in ("lower", "upper", "step"):
            bound = getattr(index, field)
            if bound is None:
                continue
            for by in (1, -1) if field != "step" else ():
                moved = copy.copy(index)
                setattr(moved, field, _moved(bound, by))
                yield "index", ast.Subscript(node.value, moved, node.ctx)
            without = copy.copy(index)
            setattr(without, field, None)
            yield "index", ast.Subscript(node.value, without, node.ctx)
    elif isinstance(index, ast.Tuple):
        yield "index", node.value
        if len(index.elts) == 2:
            turned = ast.Tuple(index.elts[::-1], ast.Load())
            yield "index", ast.Subscript(node.value, turned, node.ctx)
    else:
        for by in (1, -1):
            yield "index", ast.Subscript(node.value, _moved(index, by), node.ctx)
        yield "index", node.value


def _calls(node: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    called = node.func.id if isinstance(node.func, ast.Name) else ""
    if called == "range":
        for i, argument in enumerate(node.args[:2]):
            for by in (1, -1):
                arguments = list(node.args)
                arguments[i] = _moved(argument, by)
                yield "bound", ast.Call(node.func, arguments, [])
    if len(node.args) == 1 and called not in ("range", "len", "list", "tuple"):
        yield "step", node.args[0]
    if isinstance(node.func, ast.Attribute) and isinstance(
        node.func.value, (ast.Name, ast.Call, ast.BinOp, ast.Subscript, ast.Attribute)
    ):
        root = node.func.value
        while isinstance(root, ast.Attribute):
            root = root.value
        module = isinstance(root, ast.Name) and root.id in ("np", "pt", "pytensor")
        if not module:
            yield "step", node.func.value
    for i in range(len(node.args) - 1):
        swapped = list(node.args)
        swapped[i : i + 2] = swapped[i : i + 2][::-1]
        yield "order", ast.Call(node.func, swapped, node.keywords)
    for keyword in node.keywords:
        rest = [k for k in node.keywords if k is not keyword]
        yield "step", ast.Call(node.func, node.args, rest)


def _blocks(tree, i, node, field, block) -> Iterator[tuple]:
    """Statements left out and exchanged, and loops that end early."""

    def changed(new: list[ast.stmt]) -> ast.Module:
        clone = copy.deepcopy(tree)
        setattr(list(ast.walk(clone))[i], field, copy.deepcopy(new))
        return clone

    for j, statement in enumerate(block):
        plain = isinstance(statement, (ast.Assign, ast.AugAssign, ast.Expr, ast.If))
        docstring = isinstance(statement, ast.Expr) and isinstance(
            statement.value, ast.Constant
        )
        if plain and not docstring:
            rest = block[:j] + block[j + 1 :] or [ast.Pass()]
            said = f"without {ast.unparse(statement).splitlines()[0]}"
            yield "step", statement.lineno, said, changed(rest)
        if isinstance(statement, ast.If):
            inner = [*block[:j], *statement.body, *block[j + 1 :]]
            said = f"without the condition {ast.unparse(statement.test)}"
            yield "step", statement.lineno, said, changed(inner)
        if isinstance(statement, ast.AugAssign):
            target = ast.unparse(statement.target)
            other = ast.Assign([statement.target], statement.value)
            said = f"{ast.unparse(statement)} -> {target} = ..."
            swapped = [*block[:j], other, *block[j + 1 :]]
            yield "operator", statement.lineno, said, changed(swapped)
            minus = ast.AugAssign(statement.target, ast.Sub(), statement.value)
            swapped = [*block[:j], minus, *block[j + 1 :]]
            yield "operator", statement.lineno, f"{target} -= ...", changed(swapped)
        if isinstance(statement, ast.For):
            early = copy.deepcopy(statement)
            early.body.append(ast.Break())
            swapped = [*block[:j], early, *block[j + 1 :]]
            yield "loop", statement.lineno, "only one round", changed(swapped)
        filled = _filled(statement, block[:j], node)
        if filled:
            swapped = [*block[:j], filled, *block[j + 1 :]]
            yield "in place", statement.lineno, _text(filled), changed(swapped)
        if j + 1 < len(block):
            pair = block[j + 1], statement
            if not any(isinstance(s, (ast.Return, ast.FunctionDef)) for s in pair):
                swapped = [*block[:j], *pair, *block[j + 2 :]]
                yield "order", statement.lineno, "two statements", changed(swapped)


def _filled(statement, before, node) -> ast.stmt | None:
    """`h = ...` in a loop as `h[...] = ...`."""
    loop = isinstance(node, ast.For)
    if not (loop and isinstance(statement, ast.Assign)):
        return None
    target = statement.targets[0]
    if not isinstance(target, ast.Name):
        return None
    whole = ast.Subscript(ast.Name(target.id, ast.Load()), _constant(...), ast.Store())
    return ast.Assign([whole], statement.value)


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
        news = {said: f"{f}({_text(node.value)})" for said, f in TYPES.items()}
        news["nothing"] = "None"
        if isinstance(node.value, ast.Tuple):
            parts = [ast.unparse(part) for part in node.value.elts]
            news["the last part is missing"] = f"({', '.join(parts[:-1])},)"
            news["only the first part"] = parts[0]
        for said, code in news.items():
            clone = copy.deepcopy(tree)
            list(ast.walk(clone))[i].value = ast.parse(code, mode="eval").body
            yield "type", node.lineno, said, clone
