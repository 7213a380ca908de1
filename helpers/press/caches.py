"""Where the tests keep compiled code, so that the next run need not compile it again.

It lies in the user's cache folder, one folder for each combination of versions and
processor: code of another compiler, or for another processor, is never found there.
"""

import hashlib
import os
import platform
from importlib.metadata import version
from pathlib import Path

import llvmlite.binding as llvm
import pooch

COMPILERS = ("pytensor", "numba", "llvmlite", "numpy", "scipy")


def key() -> str:
    """What compiled code depends on beside its own source, as 16 hex digits."""
    parts = [platform.python_version(), platform.system(), platform.machine()]
    parts += [llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()]
    parts += [f"{name} {version(name)}" for name in COMPILERS]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def use() -> Path:
    """Let this process and its children keep their compiled code; returns the folder.

    To be called before PyTensor is imported. A folder that the user has named, by
    PYTENSOR_FLAGS or NUMBA_CACHE_DIR, stays.
    """
    folder = pooch.os_cache("rnns-unrolled") / "compiled" / key()
    flags = os.environ.get("PYTENSOR_FLAGS", "")
    if "compiledir" not in flags:
        flags = f"{flags},base_compiledir={folder / 'pytensor'}".lstrip(",")
        os.environ["PYTENSOR_FLAGS"] = flags
    os.environ.setdefault("NUMBA_CACHE_DIR", str(folder / "numba"))
    return folder
