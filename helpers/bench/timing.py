"""What is timed, and how: warm, waited for, in rounds of many calls."""

import contextlib
import io
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from helpers import engine


class Timed(NamedTuple):
    """Something that is ready to be timed."""

    run: Callable[[], Any]  # one call, which returns when its value is there
    # From what the first call returned, arrays by name that all ways have to agree on.
    numbers: Callable[[Any], dict] = lambda first: {}
    title: str = ""
    steps: int = 1  # of a call, if what is wanted is the time of one of them


def select(name: str, dtype: str = "float64") -> engine.Engine:
    """`helpers.engine.select` without its line."""
    with contextlib.redirect_stdout(io.StringIO()):
        return engine.select(name, floatX=dtype)


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


def peak_memory_MB() -> float:
    """The most memory that this process has held so far. Not on Windows."""
    import resource

    # Linux counts in `ru_maxrss` what the parent held when it started this process.
    with contextlib.suppress(OSError):
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / (1 << 10)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
