"""What the C library does with the memory of arrays, on Linux (glibc).

Its settings hold for the whole process. Elsewhere these functions do nothing.
"""

import ctypes

# Numbers from malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8


def keep_memory() -> None:
    """Keep the memory of large arrays for the next update.

    The C library hands blocks of more than 32 MB back to the system as soon as they are
    free, and gets them filled with zeros, page by page, the next time. Of an update of
    640 predictions over 8000 words that is close to half the time.
    """
    _set(M_MMAP_THRESHOLD, 1 << 30)
    _set(M_TRIM_THRESHOLD, (1 << 31) - 1)


def share_memory() -> None:
    """Let threads that start from now on take memory from one place.

    Otherwise each gets one of its own, an arena, which never holds a block of more than
    64 MB: for larger ones the system is asked each time, whatever `keep_memory` says.
    It is JAX's threads that allocate the logits of 640 predictions over 16,000 words.
    """
    _set(M_ARENA_MAX, 1)


def _set(parameter: int, value: int) -> None:
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(parameter, value)
