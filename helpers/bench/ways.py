"""Who takes part: every implementation by name, and why one cannot run here."""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import NamedTuple

from helpers import engine
from helpers.bench import by_jax, by_numpy, by_pytensor, by_torch, floors
from helpers.bench.timing import select
from helpers.bench.workloads import Step, Workload


class Way(NamedTuple):
    """One implementation: its name in figures, and what makes it ready to run."""

    title: str
    make: Callable[[Workload], Step]
    needs: str | None = None  # a package, or an engine of PyTensor


def _pytensor(title: str, name: str) -> Way:
    return Way(f"PyTensor, {title}", partial(by_pytensor.make, name=name), name)


WAYS = {
    "numpy loop": Way("NumPy, one by one", by_numpy.one_by_one),
    "numpy": Way("NumPy, whole batch", by_numpy.over_batch),
    "pytensor python": _pytensor("Python", "python"),
    "pytensor c": _pytensor("C++", "c"),
    "pytensor numba": _pytensor("Numba", "numba"),
    "pytensor jax": _pytensor("JAX", "jax"),
    "jax": Way("JAX, direct", by_jax.make, "jax"),
    "torch": Way("PyTorch, written out", by_torch.written_out, "torch"),
    "torch rnn": Way("PyTorch, nn.RNN", by_torch.module, "torch"),
}
FLOORS = {
    "products": Way("products, BLAS", floors.products),
    "products jax": Way("products, JAX", floors.products_jax, "jax"),
    "memory": Way("memory alone", floors.memory),
}


def prepare(name: str, dtype: str) -> None:
    """Import what this way needs, and choose its engine, before anything is timed."""
    needs = (WAYS | FLOORS)[name].needs
    if needs == "torch":
        import torch  # noqa: F401
    elif needs:
        select(needs, dtype)  # for JAX too: its precision and its threads


def missing(name: str) -> str | None:
    """Why this way cannot run here; None if it can."""
    needs = (WAYS | FLOORS)[name].needs
    if needs == "torch":
        return None if find_spec("torch") else "PyTorch is not installed"
    return engine.why_not(needs) or None if needs else None
