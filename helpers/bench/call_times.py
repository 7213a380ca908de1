"""Where the time of a call goes: the step of one Reber string, called in many ways."""

from collections.abc import Callable

import numpy as np
import pytensor
import pytensor.tensor as pt

from helpers.bench.by_pytensor import graph, make
from helpers.bench.timing import Timed, select
from helpers.bench.workloads import STEPS, reber
from helpers.lm import inplace
from helpers.networks.elman import Elman, shared

# What a call does; in the table of the page, from little to the whole.
WHAT = {
    "nothing": "nothing",
    "values": "six parameters take new values",
    "checked": "a step, arguments checked",
    "step": "a step (trust_input)",
    "device": "the same, arguments on the device",
    "unread": "the same, loss not read",
    "device, unread": "both",
    "training": "many steps in one call, each",
}
ON_JAX_ONLY = ("device", "unread", "device, unread")  # elsewhere all is NumPy


def ways(engines: tuple[str, ...]) -> tuple[str, ...]:
    """All ways to call on these engines, as "jax: step"."""
    return tuple(
        f"{name}: {what}"
        for name in engines
        for what in WHAT
        if name == "jax" or what not in ON_JAX_ONLY
    )


def prepare(way: str) -> Callable[[], Timed]:
    """What makes a call ready to be timed; the engine is chosen now."""
    name, what = way.split(": ")
    select(name)

    def made() -> Timed:
        if what == "training":
            step = make(reber(), name, steps=STEPS)
            return Timed(step.run, steps=STEPS)
        return Timed(_call(what))

    return made


def _call(what: str) -> Callable[[], object]:
    workload = reber()
    params = shared(workload.start)
    examples = list(workload.examples)
    variables = [pt.tensor(dtype=v.dtype, shape=v.shape) for v in examples]
    outputs, updates = pt.constant(0.0), []
    if what == "values":
        updates = [(p, 1.0001 * p) for p in params]
    elif what != "nothing":
        outputs, updates = graph(workload.cost, *variables, Elman(*params))
    function = pytensor.function(
        variables,
        outputs,
        updates=updates,
        mode=inplace.mode(),
        on_unused_input="ignore",  # by what does nothing
    )
    function.trust_input = what != "checked"
    if "device" in what:
        import jax.numpy as jnp

        examples = [jnp.asarray(part) for part in examples]
    if "unread" in what:
        return lambda: function(*examples)
    return lambda: float(np.asarray(function(*examples)))
