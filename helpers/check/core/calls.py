"""Calling a student's function, and telling what came of it."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from helpers.check.core.verdicts import Verdict, not_started, wrong
from helpers.check.core.words import describe, first_line


def call(name: str, function: Callable, /, *arguments: Any) -> Any:
    """`function(*arguments)`, or the Verdict on why there is no result.

    `name` is the call as the answer should show it: "windows(series, 3)". A starter
    returns `...`, which counts as not started, and so does NotImplementedError.
    """
    starter = name.partition("(")[0]
    if function is Ellipsis or function is NotImplemented:
        return not_started(starter)
    if not callable(function):
        return wrong(name, f"expected a function, got {describe(function)}")
    try:
        result = function(*arguments)
    except NotImplementedError:
        return not_started(starter)
    except (Exception, SystemExit) as error:
        return wrong(name, _failure(error))
    if result is Ellipsis or result is NotImplemented:
        return not_started(starter)
    if result is None:
        return wrong(name, "returned None: is a `return` missing?")
    return result


def unpack(name: str, result: Any, parts: Sequence[str]) -> dict[str, Any] | Verdict:
    """The results of a call by name: from a tuple or list in order, or from a dict."""
    if isinstance(result, Verdict):
        return result
    expected = f"expected {len(parts)} results: {', '.join(parts)}"
    if isinstance(result, Mapping):
        missing = [part for part in parts if part not in result]
        if missing:
            return wrong(name, f"the dict has no {missing[0]!r}, {expected}")
        return {part: result[part] for part in parts}
    if not isinstance(result, (tuple, list)) or len(result) != len(parts):
        return wrong(name, f"returned {describe(result)}, {expected}")
    return dict(zip(parts, result, strict=True))


def _failure(error: BaseException) -> str:
    """What was raised, and in which line of the student's code."""
    frames = traceback.extract_tb(error.__traceback__)[1:]  # without `call` itself
    if not frames:  # nothing of the function ran: wrong number of arguments
        return f"cannot be called like this, {first_line(error)}"
    # The error may surface deep in a library: the student's line is the last one in
    # the file (in a notebook, the cell) in which their function stands.
    own = [frame for frame in frames if frame.filename == frames[0].filename][-1]
    source = f", `{own.line}`," if own.line else ""
    return f"line {own.lineno}{source} raised {first_line(error)}"
