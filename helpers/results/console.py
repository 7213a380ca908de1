"""What commands print, on whatever console there is."""

import io
import sys


def show_any_text() -> None:
    """Let standard output show characters that it does not have as escapes.

    A console of Windows often knows 250 characters, and a print of another one ends the
    command. What shows the messages of errors is so from the start.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # in Jupyter it shows everything
        sys.stdout.reconfigure(errors="backslashreplace")
