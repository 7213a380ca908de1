"""Timing honestly: warm, waited for, in a process of its own, the machine named."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence


def seconds_per_call(
    call: Callable[[], object], rounds: int, round_s: float = 0.2
) -> list[float]:
    """Seconds that one call takes in each of `rounds` rounds of many calls.

    A round lasts about `round_s` or one call, whichever is longer. `call` must not
    return before its value is there, and has been called before, so that it is warm.
    """
    n, seconds = 1, []
    while len(seconds) < rounds:
        start = time.perf_counter()
        for _ in range(n):
            call()
        elapsed = time.perf_counter() - start
        if elapsed < round_s / 2:  # too short to time well: not counted
            n *= 2
        else:
            seconds.append(elapsed / n)
    return seconds


def environment(cache: str, threads: int | None = None) -> dict[str, str]:
    """The environment of a process that is to be timed.

    Whatever it compiles is kept in the folder `cache`; it may use so many threads for
    products of matrices.
    """
    chosen = os.environ | {
        "PYTENSOR_FLAGS": f"base_compiledir={cache}",
        "NUMBA_CACHE_DIR": cache,
        "JAX_ENABLE_COMPILATION_CACHE": "false",  # unless one is set up, it has none
        "RNN_QUIET": "1",
    }
    if threads:
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
        chosen |= dict.fromkeys(names, str(threads))
        chosen["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    return chosen


def in_new_process(
    module: str, arguments: Sequence[str], cache: str, threads: int | None = None
):
    """What `python -m module arguments` prints as JSON in its last line.

    `cache` and `threads` as in `environment`. Raises RuntimeError with the last line
    that the process said if it fails.
    """
    process = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=environment(cache, threads),
        capture_output=True,
        text=True,
    )
    if process.returncode:
        *_, error = process.stderr.splitlines() or ["without a word"]
        raise RuntimeError(f"{module} {' '.join(arguments)} failed: {error}")
    return json.loads(process.stdout.splitlines()[-1])


def peak_memory_MB() -> float:
    """The most memory that this process has held so far. Not on Windows."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
