"""Updates in place: let JAX write new values of shared variables over the old ones.

Other engines do so by themselves. JAX returns new arrays and leaves its arguments as
they were; to change 20 rows of W_ih it copies all 8000. `jax.jit` can be told that an
argument is not needed any more ("donated"), and then writes into its memory.
"""

import pytensor
from pytensor.link.jax.linker import JAXLinker


class _InPlace(JAXLinker):
    """PyTensor's linker to JAX, which also donates what a function updates."""

    def jit_compile(self, fn):
        import jax

        updated = self.fgraph.update_mapping.values()  # places among the inputs
        return jax.jit(fn, donate_argnums=tuple(updated))


def mode():
    """The mode that `helpers.engine` has selected, with updates in place.

    A function of this mode consumes the values that its shared variables had before:
    whoever holds them, from `get_value(borrow=True)`, finds them deleted.
    """
    selected = pytensor.config.mode
    if not isinstance(selected.linker, JAXLinker):
        return selected
    return type(selected)(_InPlace(), selected.provided_optimizer)
