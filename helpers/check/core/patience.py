"""An end to what would never end, where the platform can tell the time."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Longer than the first compile of a graph on the slowest engine, which an answer may
# contain.
SECONDS = 60.0


class OutOfTime(BaseException):
    """Raised in a student's code; no `except Exception` of theirs can hold it."""


@contextmanager
def limited() -> Iterator[None]:
    """Raises OutOfTime in what runs inside, after `SECONDS`.

    Only Unix has an alarm that interrupts running code, and Python hears it in the
    main thread, between two of its own instructions. Elsewhere, and where somebody
    else has set an alarm, nothing is limited.
    """
    main = threading.current_thread() is threading.main_thread()
    if not (hasattr(signal, "setitimer") and main) or any(
        signal.getitimer(signal.ITIMER_REAL)
    ):
        yield
        return

    def stop(signum, frame):
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before or signal.SIG_DFL)


def too_long() -> str:
    """What to say of code that was stopped."""
    return (
        f"no answer after {SECONDS:g} s, so it was stopped: is there an endless loop?"
    )
