"""A Chromium on this computer: the book is printed, tested and timed in it."""

import functools
import os
import shutil

BROWSERS = ("chromium", "chromium-browser")
BROWSERS += ("google-chrome", "google-chrome-stable", "chrome")
# Its sandbox needs an account that is not root's.
LAUNCH = {
    "args": ["--disable-gpu", "--disable-dev-shm-usage"],
    "chromium_sandbox": not (hasattr(os, "geteuid") and os.geteuid() == 0),
}


@functools.cache
def chromium() -> str | None:
    """The path of a Chromium, that of the variable CHROME first; None without one."""
    names = (os.environ.get("CHROME", ""), *BROWSERS)
    return next(filter(None, map(shutil.which, names)), None)
