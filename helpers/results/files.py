"""Files that are written whole or not at all: strict JSON, and arrays.

Here too: a folder that one process at a time writes to, and how a lost file of the
course comes back.
"""

import contextlib
import io
import json
import math
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from helpers import ROOT
from helpers.results.tables import significant


def write_text(path: Path, text: str) -> None:
    r"""Write a file as UTF-8 with its folder, "\n" at the end of lines everywhere.

    As `write_bytes`. Raises ValueError for text that UTF-8 cannot hold.
    """
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Write a file so that a reader sees the old content or the new, never a part.

    Whatever happens on the way, a full disk or a loss of power, the file is one of the
    two, and no other file stays behind.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def plain(value, where: str):
    """`value` as a recorded file holds it; `where` names it in an error.

    Arrays of NumPy and JAX become lists, floats keep 10 significant digits: enough
    for every comparison, and the files stay small and their differences readable.
    Raises ValueError for NaN, infinity, keys that are not text, masked arrays, whose
    mask would be forgotten, and whatever else JSON cannot hold.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        rounded = significant(value, 10)
        if not math.isfinite(rounded):
            raise ValueError(f"{where} must be finite; got {value}")
        return rounded
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise ValueError(f"keys of {where} must be text; got {key!r}")
        return {key: plain(v, f"{where}.{key}") for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v, f"{where}[{i}]") for i, v in enumerate(value)]
    if hasattr(value, "__array__") and not isinstance(value, np.ma.MaskedArray):
        array = np.asarray(value)
        if array.dtype.kind in "biufU":  # booleans, integers, floats, text
            kind = float if array.dtype.kind == "f" else array.dtype
            return plain(array.astype(kind).tolist(), where)
    raise ValueError(
        f"{where} must be made of numbers, text, lists and dicts; got {value!r}"
    )


def read_json(path: Path):
    """What a JSON file holds. Raises ValueError if it is damaged or not strict."""

    def refuse(constant):
        raise ValueError(f"{constant} is not a JSON number")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def write_json(path: Path, document: dict) -> None:
    """Write a dict as strict JSON, a key a line, and a dict a line in lists of dicts.

    Atomic: whatever happens on the way, the file is either the old or the new one.
    Raises ValueError for NaN and infinity.
    """

    def dump(value) -> str:
        return json.dumps(value, allow_nan=False, ensure_ascii=False)

    entries = []
    for key, value in document.items():
        text = dump(value)
        if isinstance(value, list) and value and isinstance(value[0], dict):
            text = "[\n  " + ",\n  ".join(map(dump, value)) + "\n ]"
        entries.append(f" {dump(key)}: {text}")
    write_text(path, "{\n" + ",\n".join(entries) + "\n}\n")


# Arrays -----------------------------------------------------------------------


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays under their names as one npz file. Atomic, as `write_bytes`."""
    content = io.BytesIO()
    np.savez(content, **arrays)
    write_bytes(path, content.getbuffer())


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an npz file by name. Nothing is unpickled: no code can run.

    Raises OSError where the file cannot be opened, FileNotFoundError among them,
    MemoryError where it does not fit, and ValueError for whatever is no whole npz file
    of plain arrays.
    """
    with open(path, "rb") as file:
        try:
            # Of such a file np.load says that it may be read unsafely.
            if file.read(2) != b"PK":
                raise ValueError("it does not begin like one")
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                arrays = {key: archive[key] for key in archive.files}
            if not all(isinstance(array, np.ndarray) for array in arrays.values()):
                raise ValueError("it holds something else than arrays")
            return arrays
        except MemoryError:
            raise
        except Exception as error:  # a damaged archive fails in a dozen other ways
            raise ValueError(f"it is no whole npz file: {error}") from None


# One process at a time --------------------------------------------------------


@contextlib.contextmanager
def alone(folder: Path, doing: str, remedy: str) -> Iterator[None]:
    """Hold a folder, made if need be, against every other process that holds it so.

    The system keeps the lock, on the file .lock in the folder, and gives it back when a
    process ends, however it ends: what a killed one leaves stops nobody. Raises
    BlockingIOError if another process holds it: what it is `doing`, and `remedy`.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise BlockingIOError(
            f"another process is {doing} {folder}: {remedy}"
        ) from None
    try:
        yield
    finally:
        lock.release()


# Lost files -------------------------------------------------------------------


def restoring(*paths: Path) -> str:
    """How to get files back that came with the course: from git where it has it."""
    names = " ".join(
        path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
        for path in map(Path, paths)
    )
    if (ROOT / ".git").exists():
        return f"restore it with `git checkout {names}`"
    return f"copy {names} from a fresh copy of the course"
