"""What the engines cannot do, or do otherwise than NumPy, as far as this course knows.

Each row was tried, on every engine and on the two versions of PyTensor that the course
is locked to; `tests/test_limits.py` runs it on what is installed, and shows too that an
engine without the limit gives the right answer. The page "Engines and speed" prints it.
"""

import textwrap
from typing import NamedTuple

ALL = ("jax", "numba", "c", "python")


class Limit(NamedTuple):
    """What is asked of which engines, what happens then, and what to do instead.

    silent: whether a wrong number comes without an error. since, before: the versions
    of PyTensor that have the limit, "" for all that are known.
    """

    program: str
    engines: tuple[str, ...]
    happens: str
    instead: str
    silent: bool = False
    since: str = ""
    before: str = ""

    def __str__(self) -> str:
        names = "all engines" if self.engines == ALL else ", ".join(self.engines)
        if self.since:
            names += f" (PyTensor {self.since} and later)"
        if self.before:
            names += f" (PyTensor before {self.before})"
        lines = (f"{names}: {self.program}", self.happens, f"Instead: {self.instead}")
        return "\n".join(
            textwrap.fill(
                line, 75, initial_indent="    " * (i > 0), subsequent_indent="    "
            )
            for i, line in enumerate(lines)
        )


LIMITS = (
    Limit(
        "the gradient through until, over a sequence and with a state",
        ("numba", "c", "python"),
        "is taken one step late; an error if the loop goes on to its end",
        "PyTensor 3.1.1 (Python 3.12) or later; or all steps, and a mask",
        silent=True,
        before="3.1.1",
    ),
    Limit(
        "x[i] or x[i].set(v) with an index beyond the end",
        ("jax",),
        "takes the nearest element, or sets none",
        "check indices where they are made",
        silent=True,
    ),
    Limit(
        "x[i] with a vector of indices, one of them beyond the end",
        ("numba",),
        "reads whatever stands in memory there",
        "check indices where they are made",
        silent=True,
        since="3.3.7",
    ),
    Limit(
        "x[::-1][:1] @ W, where x has three axes of declared sizes",
        ("jax", "numba", "c"),
        "multiplies the first element in place of the last",
        "x[-1:] @ W",
        silent=True,
    ),
    Limit(
        "n_steps greater than the length of a sequence",
        ("jax", "numba", "c"),
        "makes as many steps as there are elements",
        "leave n_steps out, or check it",
        silent=True,
    ),
    Limit(
        "taps [-2, -1] and a start of one value",
        ALL,
        "starts from something else; engines differ in what",
        "give the start as many values as the farthest tap",
        silent=True,
    ),
    Limit(
        "the gradient with respect to an array of length 1 that is not declared so",
        ALL,
        "has the shape of the array that it met",
        "declare the length 1: it is summed over then",
        silent=True,
    ),
    Limit(
        "log(sigmoid(a)) far from 0",
        ("python",),
        "is -inf: FAST_COMPILE leaves formulas as they are written",
        "write the loss from logits, by pt.softplus",
        silent=True,
    ),
    Limit(
        "the maximum of an array with NaN",
        ("numba",),
        "ignores the NaN",
        "look for NaN by pt.isnan",
        silent=True,
        before="3.3.7",
    ),
    Limit(
        "random numbers in a graph",
        ("jax",),
        "are others than NumPy draws from the same seed",
        "draw in NumPy, or on the Python engine",
        silent=True,
    ),
    Limit(
        "two precisions in one process, by PyTensor alone",
        ("jax",),
        "float64 inputs are computed in float32 after floatX was float32",
        "engine.select(floatX=...), which sets the switch of JAX with it",
        silent=True,
    ),
    Limit(
        "until",
        ("jax",),
        "NotImplementedError",
        'mode="FAST_COMPILE" for this function; or all steps, and a mask',
    ),
    Limit(
        "the gradient through a scan of undeclared length",
        ("jax",),
        "TypeError at the first call",
        'declare it: pt.matrix("x", shape=(T, n_in))',
    ),
    Limit(
        "a scan over several sequences of undeclared length",
        ("jax",),
        "IndexError at the first call",
        "declare the lengths",
    ),
    Limit(
        "a size that is an input: pt.zeros(n), x[:n], n_steps=n",
        ("jax",),
        "TypeError or IndexError",
        'a Python number; or mode="FAST_COMPILE"',
    ),
    Limit(
        "a size that depends on values: x[x > 0], x.nonzero()",
        ("jax",),
        "NonConcreteBooleanIndexError or NotImplementedError",
        'pt.switch(x > 0, x, 0); or mode="FAST_COMPILE"',
    ),
    Limit(
        "the gradient of a scan in a scan, with the readout inside",
        ("jax",),
        "IndexError",
        "only h from the inner scan, the readout outside, all shapes declared",
    ),
    Limit(
        "truncate_gradient, and a gradient with respect to a sequence",
        ("jax",),
        "AssertionError without a word; also for W_ih if x @ W_ih is outside",
        'take the product inside the step; or mode="FAST_COMPILE"',
    ),
    Limit(
        "a scan over an empty sequence",
        ("jax",),
        "ValueError, or the whole process is aborted",
        "leave empty sequences out",
    ),
    Limit(
        "an operation without translation: Print",
        ("jax",),
        "NotImplementedError",
        'mode="FAST_COMPILE" for this function',
    ),
    Limit(
        "changing a result in place",
        ("jax",),
        "TypeError: it is a JAX array",
        "np.array(f(x)) is a copy that can be changed",
    ),
    Limit(
        "a gradient through complex numbers",
        ALL,
        "TypeError",
        "two real arrays for the real and the imaginary part",
    ),
    Limit(
        "an array of length 1 that meets a longer one, not declared so",
        ALL,
        "ValueError, where NumPy would repeat it",
        'declare it: pt.matrix("b", shape=(1, n))',
    ),
)
