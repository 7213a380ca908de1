"""A fault of PyTensor before 3.1.1: the gradient through `until` is wrong in silence.

A scan that goes over a sequence, carries a state and ends early has a gradient that is
taken one step too late (by as many steps as the state looks back). With x = [1, 2.5, 9,
9] and s[t] = s[t-1] + x[t] until s[t] > 3, the gradient of the last s is [1, 1, 0, 0],
and PyTensor 3.0.7 says [0, 1, 1, 0]. What depends on the sequence is wrong with it, as
the gradient of the input weights of a network; what depends on states alone is right.
A loop that goes to the end of its sequence raises an error about negative dimensions.

Found and mended in https://github.com/pymc-devs/pytensor/pull/2217. Python 3.11 has no
version with the mend: 3.0.7 is the last for it.
"""

import functools
import re
import warnings
from importlib.metadata import version

from pytensor.scan.op import Scan

MENDED = (3, 1, 1)


def is_wrong() -> bool:
    """Whether the installed PyTensor has the fault."""
    numbers = re.findall(r"\d+", version("pytensor"))[:3]
    return tuple(map(int, numbers)) < MENDED


def watch() -> None:
    """Let a PyTensor that has the fault warn where a graph takes such a gradient.

    PyTensor asks an operation for its gradient by its method `pullback`. Scan's own is
    replaced by one that looks first; with the fault mended, nothing is replaced.
    """
    if not is_wrong() or hasattr(Scan.pullback, "__wrapped__"):
        return
    original = Scan.pullback

    @functools.wraps(original)
    def pullback(self, *args):
        info = self.info
        if info.as_while and info.n_seqs and (info.n_mit_sot or info.n_sit_sot):
            warnings.warn(
                f"PyTensor {version('pytensor')} takes a wrong gradient through a scan "
                "over a sequence that ends early (until). Right is PyTensor 3.1.1 or "
                "later, on Python 3.12 or later; or a scan of all steps with a mask.",
                stacklevel=2,
            )
        return original(self, *args)

    Scan.pullback = pullback
