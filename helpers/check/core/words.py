"""Values and errors in a few words, the same in every run."""

import re
from typing import Any

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable


def describe(value: Any) -> str:
    """What a value is: "an array of shape (3, 4)", "None", "a list of length 2"."""
    if value is None:
        return "None"
    if value is Ellipsis:
        return "still `...`"
    if isinstance(value, SharedVariable):
        return "a shared variable"
    if isinstance(value, Variable):
        return "a symbolic expression"
    if isinstance(value, str):
        return "a text (str)"
    if isinstance(value, (list, tuple, dict, set)):
        return f"a {type(value).__name__} of length {len(value)}"
    if isinstance(value, np.ndarray):
        return f"an array of {shape(value)}"
    kind = type(value).__name__
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"


def shape(array: np.ndarray) -> str:
    """The shape of an array: "shape (3, 4)", without axes "a single number"."""
    return f"shape {array.shape}" if array.ndim else "a single number"


def number(x: float) -> str:
    """All digits of a whole number, else three significant ones."""
    x = float(x)
    if x.is_integer() and abs(x) < 1e9:
        return str(int(x))
    rounded = float(f"{x:.3g}")
    return f"{rounded:.0f}" if 1e3 <= abs(rounded) < 1e6 else f"{rounded:.3g}"


def first_line(error: BaseException) -> str:
    """Type and first line of an error's message, at most 160 characters of it."""
    try:
        lines = [line.strip() for line in str(error).splitlines()]
    except Exception:  # an error class of the student's own may fail to print
        lines = []
    text = next((line for line in lines if line), "")
    text = re.sub(r" at 0x[0-9a-f]+", "", text)[:160].rstrip(". ")
    kind = type(error).__name__
    # Some of PyTensor's errors say nothing before where a variable was made.
    return f"{kind}: {text}" if text and "Backtrace" not in text else kind
