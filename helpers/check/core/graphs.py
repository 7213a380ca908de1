"""Evaluating what a student built in PyTensor.

Everything is compiled for PyTensor's Python linker: a small graph is ready in some
hundredths of a second, whichever engine the notebook has selected.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytensor
from pytensor.compile.mode import Mode
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable
from pytensor.graph.traversal import explicit_graph_inputs

from helpers.check.core.calls import listed
from helpers.check.core.patience import OutOfTime, limited, too_long
from helpers.check.core.verdicts import Verdict, wrong
from helpers.check.core.words import describe, first_line


def function(inputs: Sequence, outputs: Any, updates: Sequence[tuple] = ()) -> Callable:
    """`pytensor.function` with the Python linker."""
    mode = Mode(linker="py", optimizer="fast_compile")
    # A scan compiles its inner function with the C compiler where it finds one.
    with pytensor.config.change_flags(cxx=""):
        return pytensor.function(inputs, outputs, updates=list(updates), mode=mode)


def evaluate(name: str, variable: Variable) -> Any:
    """The value of an expression or shared variable, or the Verdict on why not."""
    free = [v.name or "an unnamed variable" for v in explicit_graph_inputs([variable])]
    if free:
        return wrong(
            name,
            f"a symbolic expression that needs a value for {', '.join(free)}: "
            "compile it with pytensor.function and call that",
            "type",
        )
    try:
        with limited():
            return function([], variable)()
    except OutOfTime as error:
        return wrong(name, too_long(error), "time")
    except Exception as error:
        said = f"PyTensor cannot evaluate it: {first_line(error)}"
        return wrong(name, said, "error")


def run_updates(
    name: str, updates: Any, params: Sequence[SharedVariable], n: int
) -> dict[str, np.ndarray] | Verdict:
    """How far each parameter has moved after 1, 2, ..., n updates, by its name.

    `updates` is what a student returned: pairs (shared variable, new expression) in a
    list or tuple, or a dict. Each of `params` must have a name and be updated; other
    shared variables may be. The arrays have shape (n, *shape of the parameter).
    """
    if isinstance(updates, Verdict):
        return updates
    start = [p.get_value() for p in params]
    if isinstance(updates, Mapping):
        updates = list(updates.items())
    if isinstance(updates, Sequence):  # an update may come as a list or from zip
        updates = [listed(update) for update in updates]
    problem = _malformed(updates, params)
    if problem:
        return wrong(name, problem, "type")
    try:
        step = function([], [], updates)
    except Exception as error:
        said = f"PyTensor cannot compile these updates: {first_line(error)}"
        return wrong(name, said, "error")
    path = []
    try:
        with limited():
            for _ in range(n):
                step()
                path.append([p.get_value() for p in params])
    except OutOfTime as error:
        return wrong(name, too_long(error), "time")
    except Exception as error:
        said = f"PyTensor cannot run these updates: {first_line(error)}"
        return wrong(name, said, "error")
    return {
        p.name: np.stack([values[i] for values in path]) - start[i]
        for i, p in enumerate(params)
    }


def _malformed(updates: Any, params: Sequence[SharedVariable]) -> str:
    """What keeps `updates` from being a list of updates of `params`, or ""."""
    pair = "expected pairs (shared variable, new expression)"
    if not isinstance(updates, (list, tuple)):
        return f"returned {describe(updates)}, expected a list of pairs"
    for i, update in enumerate(updates):
        if not isinstance(update, (list, tuple)) or len(update) != 2:
            return f"entry {i} of the list is {describe(update)}, {pair}"
        if not isinstance(update[0], SharedVariable):
            return f"entry {i} of the list updates {describe(update[0])}, {pair}"
    targets = [target for target, _ in updates]
    for target in targets:
        if targets.count(target) > 1:
            return f"{target.name or 'a shared variable'} is updated twice"
    missing = [p.name for p in params if p not in targets]
    return f"{missing[0]} is not updated" if missing else ""
