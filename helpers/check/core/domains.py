"""The inputs for which an answer must be right, and those on which it is tried."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


class Probe(NamedTuple):
    """A call that is tried, as the answer should show it, and its arguments."""

    name: str
    arguments: tuple
    names: Sequence[str]


@dataclass(frozen=True)
class Domain:
    """The valid inputs of an exercise.

    `signature` is the call, "windows(series, k)". `says` is the sentence about the
    inputs that stands in the exercise's text. `draw(rng)` gives the arguments of one
    call, any that are valid. `weak` are calls that a natural mistake survives nearly
    everywhere else; they come first, so they should also be easy to read. After them
    come `drawn` calls of `draw`, the same in each run. Where the function is called
    with something made of what is drawn, such as a loss, `arguments` names what is
    drawn.
    """

    signature: str
    says: str
    draw: Callable[[np.random.Generator], tuple]
    weak: Sequence[tuple] = ()
    drawn: int = 8
    arguments: Sequence[str] = ()

    @property
    def names(self) -> list[str]:
        """The names of what `draw` gives."""
        return list(self.arguments) or self._called

    @property
    def _called(self) -> list[str]:
        return re.findall(r"\w+", self.signature)[1:]

    def probes(self) -> list[Probe]:
        """The calls on which an answer is tried."""
        rng = np.random.default_rng(0)
        calls = [*self.weak, *(self.draw(rng) for _ in range(self.drawn))]
        return [Probe(self.shown(a), a, self.names) for a in calls]

    def shown(self, arguments: tuple) -> str:
        """The call in words: numbers and short lists by value, the others by name."""
        known = dict(zip(self.names, arguments, strict=True))
        # An array of one number is hardly easier to read than its name.
        arrays = {n: v for n, v in known.items() if isinstance(v, np.ndarray)}
        hidden = {n for n, v in arrays.items() if v.ndim and v.size == 1}
        shown = (
            name if name in hidden else _short(known.get(name)) or name
            for name in self._called
        )
        return f"{self.signature.partition('(')[0]}({', '.join(shown)})"


def _short(value: Any) -> str:
    """A value that is easy to read, or ""."""
    longest = 60
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "f" and np.all(value == np.floor(value)):
            value = value.astype(int)  # 3 is easier to read than 3.0
        elif value.dtype.kind == "f":
            longest = 24
        value = value.tolist()
    elif isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (bool, int, float, str, list, tuple)):
        text = repr(value)
        return text if len(text) <= longest and "array" not in text else ""
    return ""
