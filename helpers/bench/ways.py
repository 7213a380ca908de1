"""Who takes part: every implementation by name, and why one cannot run here."""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import NamedTuple

from helpers import engine
from helpers.bench import (
    by_browser,
    by_c,
    by_jax,
    by_numpy,
    by_pytensor,
    by_torch,
    floors,
)
from helpers.bench.timing import select
from helpers.bench.workloads import STEPS, Step, Workload
from helpers.browser import chromium


class Way(NamedTuple):
    """One implementation: its name in figures, and what makes it ready to run."""

    title: str
    make: Callable[[Workload], Step]
    needs: str | None = None  # a package, an engine, "cc" or "chromium"
    many: bool = False  # whether a call makes many steps, which `make` can be told


def _pytensor(title: str, name: str) -> Way:
    return Way(f"PyTensor, {title}", partial(by_pytensor.make, name=name), name)


def _training(title: str, name: str, **options) -> Way:
    make = partial(by_pytensor.make, name=name, steps=STEPS, **options)
    return Way(f"PyTensor, {title}, a training", make, name, True)


WAYS = {
    "numpy loop": Way("NumPy, one by one", by_numpy.one_by_one),
    "numpy": Way("NumPy, whole batch", by_numpy.over_batch),
    "pytensor python": _pytensor("Python", "python"),
    "pytensor c": _pytensor("C++", "c"),
    "pytensor numba": _pytensor("Numba", "numba"),
    "pytensor jax": _pytensor("JAX", "jax"),
    "training numba": _training("Numba", "numba"),
    "training jax": _training("JAX", "jax"),
    "training jax unrolled": _training("JAX, unrolled", "jax", unroll=True),
    "jax": Way("JAX, direct", by_jax.make, "jax"),
    "jax unrolled": Way("JAX, unrolled", partial(by_jax.make, unroll=True), "jax"),
    "jax training": Way(
        "JAX, a training", partial(by_jax.make, steps=STEPS), "jax", True
    ),
    "jax training unrolled": Way(
        "JAX, a training, unrolled",
        partial(by_jax.make, unroll=True, steps=STEPS),
        "jax",
        True,
    ),
    "torch": Way("PyTorch, written out", by_torch.written_out, "torch"),
    "torch compiled": Way(
        "PyTorch, compiled", partial(by_torch.written_out, compiled=True), "torch"
    ),
    "torch rnn": Way("PyTorch, nn.RNN", by_torch.module, "torch"),
    "c": Way("C, a training", by_c.make, "cc", True),
    "page": Way("JavaScript, in a page", by_browser.make, "chromium", True),
}
FLOORS = {
    "products": Way("products, BLAS", floors.products),
    "products jax": Way("products, JAX", floors.products_jax, "jax"),
    "memory": Way("memory alone", floors.memory),
}
ALL = WAYS | FLOORS


def prepare(name: str, dtype: str) -> None:
    """Import what this way needs, and choose its engine, before anything is timed."""
    needs = ALL[name].needs
    if needs == "torch":
        import torch  # noqa: F401
    elif needs == "chromium":
        by_browser.launch()
    elif needs and needs != "cc":
        select(needs, dtype)  # for JAX too: its precision and its threads


def missing(name: str, workload: Workload) -> str | None:
    """Why this way cannot run this here; None if it can."""
    needs, many = ALL[name].needs, ALL[name].many
    if needs == "chromium":
        if not (chromium() and find_spec("playwright")):
            return "there is no Chromium, or no Playwright"
        return None if by_browser.fits(workload) else "only one string of symbols"
    if needs == "cc":
        if by_c.compiler() is None:
            return "no C compiler"
        return None if by_c.fits(workload) else "only one example, without words"
    if name == "torch compiled" and workload.words:
        return "torch.compile does not take the sparse gradient of looked-up rows"
    if many and workload.words:
        return "the rows of all words, for each step of a training"
    if needs == "torch":
        return None if find_spec("torch") else "PyTorch is not installed"
    return engine.why_not(needs) or None if needs else None
