"""Where and with what a number was made: code, versions, processor, load, time."""

import ast
import contextlib
import functools
import hashlib
import importlib.metadata
import os
import platform
import re
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil

from helpers import ROOT
from helpers.results.files import plain, write_json
from helpers.results.records import FOLDER

OURS = re.compile(r"helpers(\.\w+)*").fullmatch


def versions(also: Iterable[str] = ()) -> dict[str, str]:
    """The versions of Python and of the packages that decide the numbers.

    And those of the packages `also`, as far as they are installed.
    """
    found = {"python": platform.python_version()}
    for package in ("pytensor", "jax", "numpy", "scipy", *also):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


@functools.cache  # a process goes on with the code that it has loaded
def code(module: str) -> str | None:
    """A checksum of a module and of all that it imports of the course, or names.

    None for a module whose file is not here.
    """
    sources, names = {}, {module}
    while names:
        name = names.pop()
        if (path := _file(name)) and name not in sources:
            sources[name] = path.read_text(encoding="utf-8")
            names.update(_imported(sources[name]))
    if module not in sources:
        return None
    return hashlib.sha256(repr(sorted(sources.items())).encode()).hexdigest()


@functools.cache  # as that of the code
def data() -> str:
    """A checksum of the files in the folder data/ of the course, results left out."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "data").glob("*")):
        if path.is_file() and not path.name.startswith("."):
            digest.update(f"{path.name} ".encode() + path.read_bytes())
    return digest.hexdigest()


def _file(module: str) -> Path | None:
    """Where the source of a module lies: one of the course, or one that is loaded."""
    if module.split(".")[0] == "helpers":
        path = ROOT.joinpath(*module.split("."))
        found = [path.with_suffix(".py"), path / "__init__.py"]
    else:
        loaded = getattr(sys.modules.get(module), "__file__", None)
        found = [Path(loaded)] if loaded else []
    return next((file for file in found if file.is_file()), None)


def _imported(source: str) -> Iterator[str]:
    """The modules of the course that a source imports, or names as text."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.startswith("helpers."))
        elif isinstance(node, ast.ImportFrom) and OURS(node.module or ""):
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                yield inside if _file(inside) else node.module
        elif isinstance(node, ast.Constant) and OURS(str(node.value)):
            yield node.value


def machine() -> str:
    """The processor's name where the system tells it, else its architecture."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def free_memory() -> int:
    """The bytes of memory that a process may take here before others lose theirs.

    What the system calls available; less where a container may hold less in all.
    """
    free = psutil.virtual_memory().available
    with contextlib.suppress(OSError, ValueError):  # no such limit, or "max"
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="utf-8"))
        free = min(free, limit)
    return free


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
