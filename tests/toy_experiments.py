"""Experiments that take no time, for the tests of the machinery that runs them.

They stand in a module of their own, so that worker processes can import them. Run as
a script, this is the command line with these experiments for a registry.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np

from helpers.experiments.runner import Experiment


def descend(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """Gradient descent on a parabola, leaving a mark in "folder" each time it runs."""
    if updates is None and "folder" in parameters:
        folder = Path(parameters["folder"])
        (folder / f"ran-{seed}-{time.monotonic_ns()}").touch()
        deadline = time.monotonic() + 60
        while seed >= parameters["wait_from"] and not (folder / "go").exists():
            assert time.monotonic() < deadline, "nobody said go"
            time.sleep(0.02)
    if seed in parameters.get("fails", []):
        raise ArithmeticError(f"seed {seed} cannot be")
    w = np.random.default_rng(seed).normal()
    losses = []
    for _ in range(updates or 300):
        losses.append(w**2)
        w -= parameters["lr"] * 2 * w
    result = {
        "metrics": {"start": losses[0], "deep": {"rate": np.float32(1)}},
        "trace": {"parabola": losses[49:200:50]},
        "curves": {"loss": np.array(losses[::100])},
    }
    if parameters.get("nan"):
        result["curves"]["loss"][1] = np.nan
    return result


def descend_all(seeds: tuple, parameters: dict, updates: int | None = None) -> list:
    """Several seeds side by side."""
    return [descend(seed, parameters, updates) for seed in seeds]


def forget_one(seeds: tuple, parameters: dict, updates: int | None = None) -> list:
    """Somebody lost a result."""
    return descend_all(seeds[1:], parameters, updates)


def redrawn(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """Other numbers of the same distribution: a long run on another machine."""
    return descend(seed + 1000, parameters, updates)


def drifted(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """Other numbers of another distribution: somebody broke something."""
    result = descend(seed, parameters, updates)
    result["metrics"]["start"] += 10
    return result


def die(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """What happens to a worker when memory runs out."""
    if seed == parameters["dies"]:
        time.sleep(0.5)  # the seeds before it are written meanwhile
        os._exit(9)
    return descend(seed, parameters, updates)


def toy(run=descend, **parameters) -> Experiment:
    """The experiment "toy" with these parameters beside its learning rate."""
    return Experiment(
        name="toy",
        summary="Gradient descent on a parabola.",
        parameters={"lr": 0.001, **parameters},
        run=run,
        metrics=("start", "deep.rate"),
    )


def main(argv: list[str], **parameters) -> int:
    """The command line with the toy for its only experiment, on the Python engine."""
    from helpers.experiments.__main__ import main

    return main([*argv, "--engine", "python"], {"toy": toy(**parameters)})


if __name__ == "__main__":
    import toy_experiments  # by this name the workers can import it

    folder, *arguments = sys.argv[1:]
    sys.exit(toy_experiments.main(arguments, folder=folder, wait_from=3))
