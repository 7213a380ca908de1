"""Where and with what a number was made: versions, processor, load, day, duration."""

import contextlib
import importlib.metadata
import os
import platform
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from helpers.results.files import plain, write_json
from helpers.results.records import FOLDER


def versions(also: Iterable[str] = ()) -> dict[str, str]:
    """The versions of Python and of the packages that decide the numbers.

    And those of the packages `also`, as far as they are installed.
    """
    found = {"python": platform.python_version()}
    for package in ("pytensor", "jax", "numpy", "scipy", *also):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


def machine() -> str:
    """The processor's name where the system tells it, else its architecture."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def load_average() -> float | None:
    """How many processes wanted to run in the last minute; None where unknown."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def write_measured(
    name: str,
    schema: str,
    command: str,
    contents: dict,
    begun: float,
    folder: Path | str = FOLDER,
    packages: Iterable[str] = (),
) -> Path:
    """Write `folder`/NAME.json, measured by a command of its own; returns its path.

    To the contents come the versions (of these packages, too), the date, and the
    seconds since `begun`, a value of `time.perf_counter`.
    `helpers.results.records.load_measured` reads it.
    """
    document = {
        "schema": schema,
        **contents,
        "command": command,
        "versions": versions(packages),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "duration_s": round(time.perf_counter() - begun, 1),
    }
    path = Path(folder) / f"{name}.json"
    write_json(path, plain(document, name))
    return path
