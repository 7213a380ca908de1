"""Which cells of a notebook fold: those that only import, draw, or print a record.

What the eye should meet is the idea, its formula, its ten lines and its number. A cell
that folds is tagged `hide-input`, which folds it in the web book, and its source is
hidden in JupyterLab. Nobody tags by hand: the rule looks at the syntax tree.

Names are followed through the notebook: what they were imported as, what a function
that was written in a cell uses, and what was made by a call. So a cell that calls a
function compiled earlier is seen to compute, though it names no module.
"""

import ast
import builtins
import threading
from collections.abc import Iterator

from nbformat import NotebookNode

TAG = "hide-input"
SHORT = 3  # lines; a cell as short as this is read faster than unfolded
NEVER = {"setup", "engine", "exercise", "raises-exception"}

# What a name is for, by the module that it comes from.
DRAWS, PRINTS, COMPUTES = "draws", "prints", "computes"
UNKNOWN = {COMPUTES}  # who calls what came out of a list may well compute
HARMLESS = ("numpy", "helpers.results.records", "helpers.results.intervals")
USES = {
    "helpers.figures": DRAWS,
    "matplotlib": DRAWS,
    "helpers.results": PRINTS,
    "helpers.bench": PRINTS,  # in a chapter only the recorded times
}


def use(module: str) -> str | None:
    """What a module is for; None where it takes part in everything."""
    for names in (HARMLESS, *USES):
        for name in [names] if isinstance(names, str) else names:
            if f"{module}.".startswith(f"{name}."):
                return USES.get(name)
    return COMPUTES


# Two notebooks are run at once, and in Python 3.11 two threads that parse at once may
# fail ("AST constructor recursion depth mismatch", python/cpython issue 106905).
PARSING = threading.Lock()


def parsed(source: str) -> ast.Module | None:
    """The syntax tree of a cell; None if it is not plain Python."""
    try:
        with PARSING:
            return ast.parse(source)
    except SyntaxError:
        return None


def names(tree: ast.AST) -> set[str]:
    """The names that a piece of code reads."""
    found = (n for n in ast.walk(tree) if isinstance(n, ast.Name))
    return {n.id for n in found if isinstance(n.ctx, ast.Load)}


def called(tree: ast.AST) -> set[str]:
    """The names that a piece of code calls."""
    calls = (n.func for n in ast.walk(tree) if isinstance(n, ast.Call))
    return {f.id for f in calls if isinstance(f, ast.Name)}


class Reader:
    """Follows names from cell to cell."""

    def __init__(self) -> None:
        self.uses: dict[str, set[str]] = {}  # of a name, wherever it is read
        # Of a name, where it is called.
        self.makes: dict[str, set[str]] = {
            name: set() for name in [*dir(builtins), "display"]
        }

    def kinds(self, tree: ast.AST) -> set[str]:
        """What a piece of code does: some of draws, prints, computes."""
        read = [self.uses.get(name, set()) for name in names(tree)]
        made = [self.makes.get(name, UNKNOWN) for name in called(tree)]
        return set().union(*read, *made)

    def learn(self, statement: ast.stmt) -> None:
        """Remember what the names are for that a statement binds."""
        for node in ast.walk(statement):
            if isinstance(node, ast.Import | ast.ImportFrom):
                origin = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
                for alias in node.names:
                    name = alias.asname or alias.name.partition(".")[0]
                    self.uses[name] = {use(origin + alias.name)} - {None}
                    self.makes[name] = set()
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            self.makes[statement.name] = set()  # it may call itself
            self.uses[statement.name] = self.kinds(statement)
        elif isinstance(statement, ast.Assign):
            made = self.kinds(statement.value) & {COMPUTES}
            for target in statement.targets:
                for node in ast.walk(target):
                    if isinstance(node, ast.Name):
                        self.uses.pop(node.id, None)
                        self.makes[node.id] = made

    def folds(self, tree: ast.Module) -> bool:
        """Whether a cell only imports, draws or prints; its names are learned."""
        kinds: set[str] = set()
        for statement in tree.body:
            self.learn(statement)
            kinds |= self.kinds(statement)
        imports = all(isinstance(s, ast.Import | ast.ImportFrom) for s in tree.body)
        return imports or (bool(kinds) and COMPUTES not in kinds)


def lines(source: str) -> int:
    """The lines of a cell that are not empty."""
    return sum(1 for line in source.splitlines() if line.strip())


def foldable(notebook: NotebookNode) -> Iterator[NotebookNode]:
    """The code cells that fold, in order."""
    reader = Reader()
    for cell in notebook.cells:
        if cell.cell_type != "code" or not (tree := parsed(cell.source)):
            continue
        folds = reader.folds(tree)
        kept = NEVER & set(cell.metadata.get("tags", []))
        if folds and lines(cell.source) > SHORT and not kept:
            yield cell


def fold(notebook: NotebookNode) -> None:
    """Tag the cells that fold, and no other, in place; hide their source in Jupyter."""
    folded = {id(cell) for cell in foldable(notebook)}
    for cell in notebook.cells:
        tags = [tag for tag in cell.metadata.get("tags", []) if tag != TAG]
        cell.metadata.pop("jupyter", None)
        cell.metadata.pop("tags", None)
        if id(cell) in folded:
            tags.append(TAG)
            cell.metadata["jupyter"] = {"source_hidden": True}
        if tags:
            cell.metadata["tags"] = tags
