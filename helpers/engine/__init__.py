"""Choose the engine that PyTensor compiles for, and explain its errors.

PyTensor turns one graph into a program for several engines. A notebook chooses one in
the line on its top:

    from helpers import engine
    engine.select()

and everything after it is plain PyTensor: `pytensor.function(...)`, then calls.
`engine.explain(error)` says in plain words what went wrong and what to do.

    jax     compiles within seconds, runs fast: the default where it is installed
    numba   runs as fast; the first compile of a graph takes up to a minute, then cached
    c       needs a C++ compiler, compiles as slowly
    python  compiles nothing: starts at once, runs every graph, and slowly

A chapter needs no other name from here. `selection` chooses and compiles, `advice`
explains errors, `limits` is the table of what engines cannot do, and `until` watches
for a fault of older versions of PyTensor. What is compiled is none of this room's
business: it knows PyTensor and its engines, and no network.
"""

from helpers.engine.advice import explain
from helpers.engine.selection import Engine, installed, is_jax, select, why_not

__all__ = ["Engine", "explain", "installed", "is_jax", "select", "why_not"]
