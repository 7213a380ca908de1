"""The slips that people make in one place of a formula, made in a function's code.

Each slip is an operator on the abstract syntax tree of a function:

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

`variants` makes them in our own computation: what one of them gives tells what may be
wrong with an answer that gives the same. The tests make them in the solutions.
"""

import ast
import copy
import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

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
WORDS = {
    ast.Add: "plus",
    ast.Sub: "minus",
    ast.Mult: "times",
    ast.Div: "divided by",
    ast.FloorDiv: "the quotient without a rest",
    ast.Mod: "the rest of a division",
    ast.Pow: "to the power of",
    ast.MatMult: "the matrix product @",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.And: "and",
    ast.Or: "or",
}


class Slip(NamedTuple):
    """A slip: its operator, the line, what is otherwise, what to say, and the tree."""

    operator: str
    line: int
    change: str
    sentence: str
    tree: ast.Module


def slips(tree: ast.Module) -> Iterator[Slip]:
    """All slips in the functions of a module, one at a time.

    A slip's tree is `tree` itself, which has the slip until the next one is asked for.
    """
    nodes = list(ast.walk(tree))
    parents = {
        child: parent for parent in nodes for child in ast.iter_child_nodes(parent)
    }
    for function in tree.body:
        if not isinstance(function, ast.FunctionDef):
            continue
        names, texts = _names(function), _texts(function)
        inside = set(ast.walk(function)) - set(ast.walk(function.args))
        inside -= {n for d in function.decorator_list for n in ast.walk(d)}
        if function.returns:
            inside -= set(ast.walk(function.returns))
        for node in nodes:
            if node not in inside:
                continue
            if isinstance(node, ast.expr) and not _docstring(node, parents):
                for operator, new in _expressions(node, parents, names, texts):
                    said = f"{ast.unparse(node)} -> {text(new)}"
                    sentence = _sentence(operator, node, new)
                    with _replaced(parents[node], node, new):
                        yield Slip(operator, node.lineno, said, sentence, tree)
            for field in ("body", "orelse"):
                block = getattr(node, field, None)
                if isinstance(block, list) and block:
                    yield from _blocks(tree, node, field, block)


@contextmanager
def _replaced(parent: ast.AST, old: ast.AST, new: ast.AST) -> Iterator[None]:
    """The tree with `new` in the place of `old`."""
    ast.fix_missing_locations(ast.copy_location(new, old))
    for field, value in ast.iter_fields(parent):
        if value is old:
            setattr(parent, field, new)
            yield
            setattr(parent, field, old)
            return
        if isinstance(value, list) and any(item is old for item in value):
            i = next(i for i, item in enumerate(value) if item is old)
            value[i] = new
            yield
            value[i] = old
            return


def _sentence(operator: str, old: ast.expr, new: ast.expr) -> str:
    """What to say of a slip, without the formula that is right."""
    if operator == "operator":
        pair = [_word(node) for node in (new, old)]
        if all(pair):
            return (
                f"It is right but for one operation: {pair[0]} where {pair[1]} is due"
            )
    if operator == "term" and isinstance(old, ast.BinOp):
        left_out = old.right if new is old.left else old.left
        said = f" with {', '.join(_named(left_out))}" if _named(left_out) else ""
        kind = "term" if isinstance(old.op, (ast.Add, ast.Sub)) else "factor"
        return f"It is right but for one {kind}{said}, which is missing"
    if operator == "name":
        return f"It is right but for one name: {text(new)} where {text(old)} is due"
    if operator == "constant":
        return f"It is right but for one constant: {text(new)} where {text(old)} is due"
    if operator == "step" and isinstance(old, ast.Call):
        return f"It is right but for {_called(old)}, which is missing in one place"
    if operator == "step" and isinstance(old, ast.Attribute):
        return f"It is right but for one .{old.attr}, which is missing"
    return {
        "sign": "It is right but for one sign",
        "order": "It is right but for two things that are exchanged",
        "index": "It is right but for one index or one end of a slice",
        "bound": "It is right but for one bound of a loop",
        "string": "It is right but for one text, which should be another",
    }.get(operator, "It is right but for one step that is missing")


def _word(node: ast.expr) -> str:
    if isinstance(node, (ast.BinOp, ast.BoolOp)):
        return WORDS.get(type(node.op), "")
    if isinstance(node, ast.Compare):
        return WORDS.get(type(node.ops[0]), "")
    return ""


def _named(node: ast.expr) -> list[str]:
    """The first variables in an expression."""
    found = [n.id for n in ast.walk(node) if isinstance(n, ast.Name)]
    return [name for name in dict.fromkeys(found) if name not in ("np", "pt")][:2]


def _called(node: ast.Call) -> str:
    return ast.unparse(node.func).rpartition(".")[2]


def text(node: ast.AST) -> str:
    """The code of a node."""
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
) -> Iterator[tuple[str, ast.expr]]:
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


def _blocks(
    tree: ast.Module, node: ast.AST, field: str, block: list[ast.stmt]
) -> Iterator[Slip]:
    """Statements left out and exchanged, and loops that end early."""

    def with_block(j: int, n: int, new: list[ast.stmt], *slip: Any) -> Iterator[Slip]:
        """The slip with `new` in the place of n statements from number j on."""
        whole = [*block[:j], *new, *block[j + n :]] or [ast.Pass()]
        for statement in whole:
            if not hasattr(statement, "lineno"):
                ast.copy_location(statement, block[j])
            ast.fix_missing_locations(statement)
        setattr(node, field, whole)
        yield Slip(*slip, tree)
        setattr(node, field, block)

    for j, statement in enumerate(block):
        line = statement.lineno
        plain = isinstance(statement, (ast.Assign, ast.AugAssign, ast.Expr, ast.If))
        docstring = isinstance(statement, ast.Expr) and isinstance(
            statement.value, ast.Constant
        )
        if plain and not docstring:
            first = ast.unparse(statement).splitlines()[0]
            said = "It is right but for one step that is missing"
            yield from with_block(j, 1, [], "step", line, f"without {first}", said)
        if isinstance(statement, ast.If):
            change = f"without the condition {ast.unparse(statement.test)}"
            said = "It is right but for one condition that is missing"
            yield from with_block(j, 1, statement.body, "step", line, change, said)
        if isinstance(statement, ast.AugAssign):
            target = ast.unparse(statement.target)
            other = ast.Assign([statement.target], statement.value)
            said = f"It is right but for {target}: set where it should be added to"
            change = f"{target} = ..."
            yield from with_block(j, 1, [other], "operator", line, change, said)
            minus = ast.AugAssign(statement.target, ast.Sub(), statement.value)
            said = f"It is right but for {target}: subtracted where it should be added"
            change = f"{target} -= ..."
            yield from with_block(j, 1, [minus], "operator", line, change, said)
        if isinstance(statement, ast.For):
            early = copy.copy(statement)
            early.body = [*statement.body, ast.Break()]
            said = "It is right but for a loop that ends after its first round"
            change = "only one round"
            yield from with_block(j, 1, [early], "loop", line, change, said)
        pair = block[j : j + 2]
        if len(pair) == 2 and not any(
            isinstance(s, (ast.Return, ast.FunctionDef)) for s in pair
        ):
            said = "It is right but for two steps that are exchanged"
            yield from with_block(
                j, 2, pair[::-1], "order", line, "two statements", said
            )


# In our own computations --------------------------------------------------------------

PACKAGE = __name__.partition(".core")[0]


@cache
def variants(function: Callable) -> list[tuple[str, Callable]]:
    """A function with each slip in turn: what to say, and the function.

    The slips are made in it and in what it calls of its own module. There are none
    where the source is not at hand, as that of a lambda.
    """
    family = _family(function)
    try:
        sources = [textwrap.dedent(inspect.getsource(f)) for f in family]
        tree = ast.parse("\n".join(sources))
    except (OSError, TypeError, SyntaxError):
        return []
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            return []
        node.decorator_list = []
    found = []
    for slip in slips(tree):
        names: dict[str, Any] = dict(function.__globals__)
        try:
            exec(compile(slip.tree, "<slip>", "exec"), names)
        except (SyntaxError, ValueError, TypeError):
            continue
        found.append((slip.sentence, names[function.__name__]))
    return found


def _family(function: Callable) -> list[Callable]:
    """A function and those of its module that it calls, each once."""
    family, waiting = [], [function]
    while waiting:
        now = waiting.pop()
        if now in family:
            continue
        family.append(now)
        for name in now.__code__.co_names:
            called = now.__globals__.get(name)
            if inspect.isfunction(called) and called.__module__ == function.__module__:
                waiting.append(called)
    return family
