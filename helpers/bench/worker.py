"""A process in which one implementation is built and timed, on request.

    python -m helpers.bench.worker NAME

answers each line of JSON that it reads with another: {"do": "build", ...} and so on,
the functions of `Worker` below. `Process` is the other end.
"""

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from helpers.bench.timing import environment, peak_memory_MB, seconds_per_call
from helpers.bench.ways import FLOORS, WAYS, prepare
from helpers.bench.workloads import AXES, LR, WORKLOADS, Step, Workload
from helpers.lm.training import keep_memory


def workload(what: str, dtype: str | None = None) -> Workload:
    """What a request names: "sine", a workload, or "H=300", one of a series."""
    name, _, size = what.partition("=")
    options = {"dtype": dtype} if dtype else {}
    if not size:
        return WORKLOADS[name].make(**options)
    return AXES[name].make(**{name: int(size)}, **options)


class Worker:
    """What a process can be asked for."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.make = (WAYS | FLOORS)[name].make
        self.step: Step | None = None
        self.before = peak_memory_MB()
        keep_memory()  # as the trainer of the language model does: for all alike

    def build(self, what: str) -> dict:
        """Make it ready; "seconds" run from the graph to the end of the first call."""
        todo = workload(what)
        prepare(self.name, str(todo.dtype))
        start = time.perf_counter()
        self.step = self.make(todo)
        self.step.run()
        return {"seconds": time.perf_counter() - start}

    def time(self, seconds: float) -> dict:
        """Seconds a call, in a round of about so many `seconds`.

        A call goes before: in the turns of the others the caches have lost our arrays.
        """
        self.step.run()
        return {"seconds": seconds_per_call(self.step.run, 1, seconds)[0]}

    def memory(self) -> dict:
        """MB that this process needed beyond Python, NumPy and PyTensor, at most."""
        return {"MB": peak_memory_MB() - self.before}

    def check(self, what: str, path: str) -> dict:
        """Loss and gradients in float64, written to `path`."""
        todo = workload(what, "float64")
        prepare(self.name, "float64")
        step = self.make(todo)
        loss = step.run()
        after = step.values()
        gradients = {
            name: (getattr(todo.start, name) - getattr(after, name)) / LR
            for name in todo.start._fields
        }
        np.savez(path, loss=loss, **gradients)
        prepare(self.name, str(workload(what).dtype))
        return {}


class Process:
    """The other end: a process that runs a `Worker`, and can be asked.

    `cache` is where it keeps what it compiles; it may use so many threads for products
    of matrices (all cores if None).
    """

    def __init__(self, name: str, cache: Path, threads: int | None) -> None:
        self.name = name
        self._errors = (cache / "errors.txt").open("w+", encoding="utf-8")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "helpers.bench.worker", name],
            env=environment(str(cache), threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def ask(self, do: str, **options) -> dict:
        """The answer. RuntimeError with the last line of a process that gave none."""
        with contextlib.suppress(BrokenPipeError):
            print(
                json.dumps({"do": do, **options}), file=self._process.stdin, flush=True
            )
        answer = self._process.stdout.readline()
        if answer:
            return json.loads(answer)
        self._process.wait()
        self._errors.seek(0)
        *_, error = self._errors.read().strip().splitlines() or ["without a word"]
        raise RuntimeError(f"{self.name} failed to {do}: {error}")

    def close(self) -> None:
        """End the process."""
        for pipe in (self._process.stdin, self._process.stdout, self._errors):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        self._process.terminate()
        self._process.wait()


def main() -> None:
    worker, answers = Worker(sys.argv[1]), sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        for line in sys.stdin:
            request = json.loads(line)
            answer = getattr(worker, request.pop("do"))(**request)
            print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
