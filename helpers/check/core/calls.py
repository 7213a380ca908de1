"""Calling a student's function, and telling what came of it."""

import copy
import inspect
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable

from helpers.check.core.patience import OutOfTime, limited, too_long
from helpers.check.core.verdicts import Verdict, not_started, wrong
from helpers.check.core.words import describe, first_line

LONGEST = 100_000  # what an endless generator may give before it is believed to be one


def call(
    name: str,
    function: Callable,
    /,
    *arguments: Any,
    explain: Callable[[BaseException], str] = lambda error: "",
    seconds: float | None = None,
) -> Any:
    """`function(*arguments)`, or the Verdict on why there is no result.

    `name` is the call as the answer should show it: "windows(series, 3)". A starter
    returns `...`, which counts as not started, and so does NotImplementedError. The
    function gets copies of what can be copied, and must leave them as they are. What
    never ends is stopped where the platform allows it, after `seconds` or as long as
    most answers are given. `explain` says of an error what an exercise knows about it,
    or "".
    """
    starter = name.partition("(")[0]
    if function is Ellipsis or function is NotImplemented:
        return not_started(starter)
    if not callable(function):
        return wrong(name, f"expected a function, got {describe(function)}", "type")
    given = [_copied(argument) for argument in arguments]
    before = [_contents(argument) for argument in given]
    try:
        with limited(seconds), warnings.catch_warnings():
            # That a call is deprecated is told where it is wrong here, in words.
            warnings.simplefilter("ignore", DeprecationWarning)
            result = listed(function(*given))
    except NotImplementedError:
        return not_started(starter)
    except OutOfTime as error:
        return wrong(name, too_long(error), "time")
    except (Exception, SystemExit) as error:
        return wrong(name, explain(error) or _failure(error), "error")
    if result is Ellipsis or result is NotImplemented:
        return not_started(starter)
    if result is None:
        return wrong(name, "returned None: is a `return` missing?", "type")
    changed = [
        i
        for i, (argument, was) in enumerate(zip(given, before, strict=True))
        if not _unchanged(was, _contents(argument))
    ]
    if changed:
        called = _parameter(function, changed[0])
        said = f"{called} itself has changed: leave what is given as it is, on a copy"
        return wrong(name, f"{said} you may do what you like", "in place")
    return result


def listed(value: Any) -> Any:
    """A list of what an iterator gives, such as zip or a generator; else the value.

    Raises OverflowError where that never ends.
    """
    if not isinstance(value, Iterator):
        return value
    items = []
    for item in value:
        items.append(listed(item))
        if len(items) > LONGEST:
            raise OverflowError("the iterator that was returned never ends")
    return items


def _copied(argument: Any) -> Any:
    """A copy, or the thing itself where it has an identity of its own."""
    if isinstance(argument, (Variable, np.random.Generator)) or callable(argument):
        return argument
    if isinstance(argument, (list, tuple)) and not hasattr(argument, "_fields"):
        return type(argument)(map(_copied, argument))
    return copy.deepcopy(argument)


def _contents(value: Any) -> Any:
    """What a value holds, to be compared with what it holds later."""
    if isinstance(value, SharedVariable):
        return value.get_value()
    if isinstance(value, (Variable, np.random.Generator)) or callable(value):
        return id(value)
    if isinstance(value, (list, tuple)):
        return [_contents(item) for item in value]
    return copy.deepcopy(value)


def _unchanged(was: Any, now: Any) -> bool:
    if isinstance(was, np.ndarray) and isinstance(now, np.ndarray):
        same = was.shape == now.shape and was.dtype == now.dtype
        return same and was.tobytes() == now.tobytes()
    if isinstance(was, (list, tuple)) and type(was) is type(now):
        return len(was) == len(now) and all(map(_unchanged, was, now))
    if isinstance(was, dict) and isinstance(now, dict):
        return list(was) == list(now) and all(_unchanged(was[k], now[k]) for k in was)
    if type(was) is type(now) and hasattr(was, "__dict__"):
        return _unchanged(vars(was), vars(now))
    return bool(was == now) or (was != was and now != now)


def _parameter(function: Callable, i: int) -> str:
    """What a function calls its i-th argument."""
    try:
        return list(inspect.signature(function).parameters.values())[i].name
    except (TypeError, ValueError, IndexError):
        return f"argument {i + 1}"


def unpack(name: str, result: Any, parts: Sequence[str]) -> dict[str, Any] | Verdict:
    """The results of a call by name: from several in order, or from a dict."""
    if isinstance(result, Verdict):
        return result
    expected = f"expected {len(parts)} results: {', '.join(parts)}"
    if isinstance(result, Mapping):
        missing = [part for part in parts if part not in result]
        if missing:
            return wrong(
                name, f"the dict has no {missing[0]!r}, {expected}", "number of results"
            )
        return {part: result[part] for part in parts}
    if isinstance(result, np.ndarray) and result.dtype == object and result.ndim == 1:
        result = list(result)
    if not isinstance(result, (tuple, list)) or len(result) != len(parts):
        said = f"returned {describe(result)}, {expected}"
        return wrong(name, said, "number of results")
    return dict(zip(parts, result, strict=True))


def _failure(error: BaseException) -> str:
    """What was raised, and in which line of the student's code."""
    frames = traceback.extract_tb(error.__traceback__)[1:]  # without `call` itself
    if not frames:  # nothing of the function ran: wrong number of arguments
        return f"cannot be called like this, {first_line(error)}"
    # The error may surface deep in a library: the student's line is the last one in
    # the file (in a notebook, the cell) in which their function stands.
    first = frames[0]
    if first.filename == __file__ and len(frames) > 1:  # of a generator
        first = next((f for f in frames if f.filename != __file__), first)
    own = [frame for frame in frames if frame.filename == first.filename][-1]
    source = f", `{own.line}`," if own.line else ""
    return f"line {own.lineno}{source} raised {first_line(error)}"
