"""A right computation, and what comes out where some of its formulas are wrong."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any


class Computation(SimpleNamespace):
    """Quantities by name, some of which may be had by wrong formulas.

    A function that computes `w.d_a = w.d_h * w.slope`, and so on, in a `Computation`
    reads like the formulas of the chapter. A mistake maps names to the formulas that
    are wrong in it, functions of the computation as it is so far: with

        Computation({"d_a": lambda w: w.d_h})

    the same function gives what comes of it if the slope is forgotten. A formula is
    asked each time its quantity is set, and finds in its place the value that was to
    be set. Of several mistakes the later ones see what the ones before have changed.
    """

    def __init__(self, *mistakes: Mapping[str, Callable[[Any], Any]]) -> None:
        super().__init__(_mistakes=mistakes)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        for formulas in self._mistakes:
            if name in formulas:
                super().__setattr__(name, formulas[name](self))
