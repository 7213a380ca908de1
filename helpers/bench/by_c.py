"""The workloads of one example in C, compiled here: what a processor can do."""

import ctypes
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from helpers.bench.workloads import LR, STEPS, Step, Workload
from helpers.networks.elman import Elman

SOURCE = Path(__file__).with_name("elman_step.c")
COSTS = ("sigmoid", "squared")


def compiler() -> str | None:
    """The user's C compiler; None where there is none."""
    return next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)


def fits(workload: Workload) -> bool:
    """Whether the C program can do it: one example in float64, without words."""
    double = workload.dtype == np.float64
    return workload.cost in COSTS and workload.single and double


def make(workload: Workload, steps: int = STEPS) -> Step:
    """So many steps a call. Raises ValueError where `fits` says no."""
    if not fits(workload):
        raise ValueError("workload must be one example in float64, without words")
    p = Elman(*(value.copy() for value in workload.start))
    sizes = {"T": len(workload.x), "N": len(workload.y)}
    sizes |= dict(zip(("N_IN", "N_HID"), p.W_ih.shape, strict=True))
    sizes |= {"N_OUT": p.W_ho.shape[1], "COST": COSTS.index(workload.cost)}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        library = Path(folder) / "elman_step.so"
        # The parts of -ffast-math; as a whole it would set the processor, in this
        # process for good, to take the smallest numbers for zero.
        command = [compiler(), "-O3", "-march=native", "-fno-math-errno"]
        command += ["-fassociative-math", "-fno-signed-zeros", "-fno-trapping-math"]
        command += ["-freciprocal-math", "-ffinite-math-only"]
        command += ["-shared", "-fPIC"]
        command += [f"-D{name}={size}" for name, size in sizes.items()]
        command += [SOURCE, "-o", library, "-lm"]
        subprocess.run(command, check=True)
        function = ctypes.CDLL(str(library)).steps
    function.restype = ctypes.c_double

    def pointers(values) -> list[ctypes.c_void_p]:
        # Each keeps its array alive.
        return [value.ctypes.data_as(ctypes.c_void_p) for value in values]

    examples = [np.ascontiguousarray(part) for part in workload.examples]
    given = [ctypes.c_int(steps), *pointers(examples), ctypes.c_double(LR)]
    given += pointers(p)

    def run() -> float:
        return function(*given)

    return Step(run, lambda: p, steps)
