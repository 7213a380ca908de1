"""A process in which one way is built and timed, on request.

    python -m helpers.bench.worker MODULE WAY

answers each line of JSON that it reads with another: {"do": "build", ...} and so on,
the functions of `Worker` below. `Process` is the other end.
"""

import contextlib
import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from helpers.bench.timing import Timed, peak_memory_MB, seconds_per_call


class Worker:
    """What a process can be asked for."""

    def __init__(self, module: str, way: str) -> None:
        """`module` has `prepare`, as `helpers.bench.recording.Part` says."""
        self.way, self.prepare = way, importlib.import_module(module).prepare
        self.before = peak_memory_MB()
        self.timed: Timed | None = None

    def build(self, **given) -> dict:
        """Make it ready; "seconds" run from the graph to the end of the first call."""
        make = self.prepare(self.way, **given)
        start = time.perf_counter()
        self.timed = make()
        self.first = self.timed.run()
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "title": self.timed.title}

    def numbers(self, path: str) -> dict:
        """What must agree with other ways, written to `path`."""
        np.savez(path, **self.timed.numbers(self.first))
        return {}

    def time(self, rounds: int, round_s: float) -> dict:
        """Seconds a step in so many rounds, of about `round_s` each.

        A call goes before: in the turns of the others the caches have lost our arrays.
        """
        self.timed.run()
        seconds = seconds_per_call(self.timed.run, rounds, round_s)
        return {"seconds": [s / self.timed.steps for s in seconds]}

    def memory(self) -> dict:
        """MB that this process held at most, and those beyond what it had imported."""
        peak = peak_memory_MB()
        return {"peak_MB": peak, "own_MB": peak - self.before}


class Process:
    """The other end: a process that runs a `Worker`, and can be asked.

    `cache` is a folder where it keeps what it compiles; it may use so many threads for
    products of matrices (all cores if None).
    """

    def __init__(
        self, module: str, way: str, cache: Path, threads: int | None = None
    ) -> None:
        cache.mkdir(parents=True, exist_ok=True)
        self.way, self._cache = way, cache
        # Written by the other process in an encoding of its own.
        self._errors = (cache / "errors.txt").open(
            "w+", encoding="utf-8", errors="backslashreplace"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-m", "helpers.bench.worker", module, way],
            env=environment(str(cache), threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def ask(self, do: str, **options) -> dict:
        """The answer. RuntimeError with the last line of a process that gave none."""
        request = json.dumps({"do": do, "options": options})
        with contextlib.suppress(BrokenPipeError):
            print(request, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if answer:
            return json.loads(answer)
        self._process.wait()
        self._errors.seek(0)
        *_, error = self._errors.read().strip().splitlines() or ["without a word"]
        raise RuntimeError(f"{self.way} failed to {do}: {error}")

    def numbers(self) -> dict[str, np.ndarray]:
        """What must agree with other ways. Errors as in `ask`."""
        path = self._cache / "numbers.npz"
        self.ask("numbers", path=str(path))
        with np.load(path) as found:
            return dict(found)

    def close(self) -> None:
        """End the process."""
        for pipe in (self._process.stdin, self._process.stdout, self._errors):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        self._process.terminate()
        self._process.wait()


def environment(cache: str, threads: int | None) -> dict[str, str]:
    """The environment of a process that is to be timed, as `Process` has it."""
    chosen = os.environ | {
        "PYTENSOR_FLAGS": f"base_compiledir={cache}",
        "NUMBA_CACHE_DIR": cache,
        "TORCHINDUCTOR_CACHE_DIR": cache,
        "JAX_ENABLE_COMPILATION_CACHE": "false",  # unless one is set up, it has none
        "RNN_QUIET": "1",
    }
    if threads:
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
        chosen |= dict.fromkeys(names, str(threads))
        chosen["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    return chosen


def main() -> None:
    """Answer requests until there are no more."""
    worker, answers = Worker(*sys.argv[1:]), sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        for line in sys.stdin:
            request = json.loads(line)
            answer = getattr(worker, request["do"])(**request["options"])
            print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
