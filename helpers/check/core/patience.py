"""An end to what would never end, where the platform can tell the time."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Longer than the first compile of a graph on the slowest engine, which an answer may
# contain.
SECONDS = 60.0
# What is counted: the time that passes, or what the processor spends on this process,
# which does not depend on what else it has to do.
CLOCKS = {"wall": ("ITIMER_REAL", "SIGALRM"), "cpu": ("ITIMER_PROF", "SIGPROF")}
CLOCK = "wall"


class OutOfTime(BaseException):
    """Raised in a student's code; no `except Exception` of theirs can hold it."""


def possible() -> bool:
    """Whether there is a time limit here.

    Only Unix has an alarm that interrupts running code, and Python hears it in the
    main thread, between two of its own instructions. Nor is there a limit where
    somebody else has set an alarm.
    """
    main = threading.current_thread() is threading.main_thread()
    if not (main and hasattr(signal, "setitimer")):
        return False
    timers = (getattr(signal, timer) for timer, _ in CLOCKS.values())
    return not any(any(signal.getitimer(timer)) for timer in timers)


@contextmanager
def limited(seconds: float | None = None, clock: str | None = None) -> Iterator[None]:
    """Raises OutOfTime in what runs inside, after `SECONDS` of `CLOCK` or others.

    Nothing is limited where that is not possible.
    """
    if not possible():
        yield
        return

    def stop(signum, frame):
        raise OutOfTime

    timer, alarm = (getattr(signal, name) for name in CLOCKS[clock or CLOCK])
    before = signal.signal(alarm, stop)
    # Again and again: Python drops an error that comes while it cleans up.
    signal.setitimer(timer, seconds or SECONDS, 0.05)
    try:
        yield
    finally:
        signal.setitimer(timer, 0)
        signal.signal(alarm, before or signal.SIG_DFL)


def too_long() -> str:
    """What to say of code that was stopped."""
    return (
        f"no answer after {SECONDS:g} s, so it was stopped: is there an endless loop?"
    )
