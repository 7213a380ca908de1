"""Where compiled code is kept, so that the next run need not compile it again.

It lies in the user's cache folder, or where the variable RNN_COMPILED says ("off":
nowhere), one folder for each combination of versions and processor: code of another
compiler, or for another processor, is never found there.
"""

import atexit
import hashlib
import os
import platform
import shutil
import sys
import tempfile
import warnings
import zlib
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import platformdirs

COMPILERS = ("pytensor", "numba", "llvmlite", "jax", "jaxlib", "numpy", "scipy")
MOST = 2000  # files of JAX's, of which an average one has 12 kB


def key() -> str:
    """What compiled code depends on beside its own source, as 16 hex digits."""
    import llvmlite.binding as llvm

    parts = [platform.python_version(), platform.system(), platform.machine()]
    parts += [llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()]
    for name in COMPILERS:
        with suppress(PackageNotFoundError):
            parts.append(f"{name} {version(name)}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def folder() -> Path | None:
    """The folder for this processor and these versions; None if there is to be none."""
    named = os.environ.get("RNN_COMPILED", "")
    if named.lower() == "off":
        return None
    if named:
        return Path(named).absolute() / key()
    return platformdirs.user_cache_path("rnns-unrolled", False) / "compiled" / key()


def use() -> None:
    """Let PyTensor and Numba keep theirs, in this process and its children.

    To be called before PyTensor is imported. A folder that the user has named, by
    PYTENSOR_FLAGS or NUMBA_CACHE_DIR, stays.
    """
    place = folder()
    if place is None:
        return
    flags = os.environ.get("PYTENSOR_FLAGS", "")
    if "compiledir" not in flags:
        flags = f"{flags},base_compiledir={place / 'pytensor'}".lstrip(",")
        os.environ["PYTENSOR_FLAGS"] = flags
    os.environ.setdefault("NUMBA_CACHE_DIR", str(place / "numba"))


# JAX ----------------------------------------------------------------------------------
#
# JAX writes its files in place. A process that ends while it writes leaves half a file,
# of which every later one complains and which none replaces. So each process has a
# folder of its own, with hard links to what others have left; what it adds is linked to
# that once it is whole.


@cache  # once in a process
def keep_jax() -> None:
    """Let JAX keep what it compiles from now on, and find what was kept before.

    Nothing is done where JAX has been told to keep nothing (by the variable
    JAX_ENABLE_COMPILATION_CACHE), where the user has named a folder for it, and where
    the disk is full, cannot be written or knows no links.
    """
    import jax

    config = jax.config
    if config.jax_compilation_cache_dir or not config.jax_enable_compilation_cache:
        return
    try:
        kept = folder()
        if kept is None:
            return
        kept = kept / "jax"
        kept.mkdir(parents=True, exist_ok=True)
        own = _own_folder(kept)
    except (OSError, ImportError):
        return
    config.update("jax_compilation_cache_dir", str(own))
    config.update("jax_persistent_cache_min_compile_time_secs", 0)
    config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    # They are a GPU's, and their folder would be part of what a file is found by.
    config.update("jax_persistent_cache_enable_xla_caches", "none")
    # What cannot be read or written is compiled, which is all that there is to say.
    for verb in ("reading", "writing"):
        warnings.filterwarnings(
            "ignore", f"Error {verb} persistent compilation cache", UserWarning
        )
    known = {path.name for path in own.iterdir()}

    def compiled(event: str, seconds: float, **_) -> None:
        if event.endswith("/backend_compile_duration"):  # and written, if at all
            _publish(own, kept, known)

    jax.monitoring.register_event_duration_secs_listener(compiled)


def _own_folder(kept: Path) -> Path:
    """A new folder for this process, with links to the newest of what is kept."""
    running = f"{platform.node()}-"
    for other in kept.parent.glob(f"{running}*"):
        if not _runs(other.name.removeprefix(running).split("-")[0]):
            shutil.rmtree(other, ignore_errors=True)
    own = tempfile.mkdtemp(prefix=f"{running}{os.getpid()}-", dir=kept.parent)
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    with os.scandir(kept) as entries:
        newest_first = sorted(entries, key=lambda e: e.stat().st_mtime, reverse=True)
    for number, entry in enumerate(newest_first):
        with suppress(FileNotFoundError):  # another process has removed it
            if number < MOST:
                os.link(entry.path, Path(own, entry.name))
            else:
                os.unlink(entry.path)
    return Path(own)


def _runs(pid: str) -> bool:
    """Whether a process of this computer runs."""
    import psutil

    return pid.isdecimal() and psutil.pid_exists(int(pid))


def _publish(own: Path, kept: Path, known: set[str]) -> None:
    """Link the files that are whole, and not `known`, to what is kept."""
    with suppress(OSError):  # a full disk: what has been compiled is used all the same
        for path in own.glob("*-cache"):
            if path.name not in known and _is_whole(path.read_bytes()):
                known.add(path.name)
                with suppress(FileExistsError):
                    os.link(path, kept / path.name)


def _is_whole(data: bytes) -> bool:
    """Whether a file of JAX's can be unpacked."""
    try:
        zlib.decompress(data)
    except zlib.error:  # what is no zlib is zstd, where JAX has found that
        for name in ("compression.zstd", "zstandard"):
            if module := sys.modules.get(name):
                with suppress(Exception):  # each has an error of its own
                    module.decompress(data)
                    return True
        return False
    return True
