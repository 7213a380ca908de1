"""An end to what would never end, where the platform can tell the time."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SECONDS = 60.0  # far more than any answer needs that does not train
TRAINING = 3600.0  # for an answer that trains a network, on a slow computer
# Of compiling, which is not counted in these: a slow computer may need minutes for a
# right answer. Only what compiles again and again needs more than this.
COMPILING = 1800.0
# Where the time goes if it is spent on compiling, or on loading what compiles. Code
# that is compiled runs in none of these.
COMPILERS = (
    "/pytensor/compile/maker.py",
    "/numba/core/",
    "/jax/_src/compiler.py",
    "<frozen importlib._bootstrap>",
)
# What is counted: the time that passes, or what the processor spends on this process,
# which does not depend on what else it has to do.
CLOCKS = {
    "wall": ("ITIMER_REAL", "SIGALRM", time.monotonic),
    "cpu": ("ITIMER_PROF", "SIGPROF", time.process_time),
}
CLOCK = "wall"
LOOK = 0.5  # seconds from one look at the clock to the next
AGAIN = 0.05


class OutOfTime(BaseException):
    """Raised in a student's code; no `except Exception` of theirs can hold it.

    `seconds` is the limit that was reached.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def possible() -> bool:
    """Whether there is a time limit here.

    Only Unix has an alarm that interrupts running code, and Python hears it in the
    main thread, between two of its own instructions. Nor is there a limit where
    somebody else has set an alarm.
    """
    main = threading.current_thread() is threading.main_thread()
    if not (main and hasattr(signal, "setitimer")):
        return False
    timers = (getattr(signal, timer) for timer, _, _ in CLOCKS.values())
    return not any(any(signal.getitimer(timer)) for timer in timers)


@contextmanager
def limited(seconds: float | None = None, clock: str | None = None) -> Iterator[None]:
    """Raises OutOfTime in what runs inside, after `SECONDS` of `CLOCK` or others.

    What it compiles is not counted. Nothing is limited where that is not possible.
    """
    if not possible():
        yield
        return

    timer_name, alarm_name, now = CLOCKS[clock or CLOCK]
    timer, alarm = getattr(signal, timer_name), getattr(signal, alarm_name)
    limit = seconds or SECONDS
    running = compiling = 0.0
    last = now()

    def look(signum, frame):
        nonlocal running, compiling, last
        passed, last = now() - last, now()
        if _compiles(frame):
            compiling += passed
        else:
            running += passed
        if running >= limit or compiling >= COMPILING:
            # Again and again: Python drops an error that comes while it cleans up.
            signal.setitimer(timer, AGAIN, AGAIN)
            raise OutOfTime(limit if running >= limit else COMPILING)

    before = signal.signal(alarm, look)
    every = min(limit, LOOK)
    signal.setitimer(timer, every, every)
    try:
        yield
    finally:
        signal.setitimer(timer, 0)
        signal.signal(alarm, before or signal.SIG_DFL)


def _compiles(frame: FrameType | None) -> bool:
    """Whether a frame, or one that waits for it, is of a compiler."""
    while frame is not None:
        file = frame.f_code.co_filename
        if any(part in file for part in COMPILERS):
            return True
        frame = frame.f_back
    return False


def too_long(error: OutOfTime) -> str:
    """What to say of code that was stopped."""
    return (
        f"no answer after {error.seconds:g} s, so it was stopped: is there an endless "
        "loop?"
    )
