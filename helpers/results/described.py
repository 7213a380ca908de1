"""Arrays in NAME.npz, and NAME.json on how they were made: saved as one thing.

The JSON holds a checksum of the arrays, and decides: the arrays that it describes are
those that count, wherever they lie.
"""

import contextlib
import hashlib
import os
from pathlib import Path

import numpy as np

from helpers.results.files import plain, read_json, read_npz, write_json, write_npz


def save(path: Path, arrays: dict[str, np.ndarray], made: dict) -> None:
    """Write arrays to an npz file, and `made` beside it.

    Atomic: whenever this is killed, `load` finds the old arrays or the new ones.
    """
    document = {**plain(made, "made"), "sha256": _checksum(arrays)}
    said, new = _beside(path)
    if _left(said, new) is not None:
        os.replace(new, path)
    # As long as the JSON describes the old arrays those count, and from then on the
    # new ones.
    write_npz(new, arrays)
    write_json(said, document)
    os.replace(new, path)


def load(path: Path) -> dict[str, np.ndarray]:
    """The arrays. Nothing is unpickled: no code can run.

    Raises FileNotFoundError where a file is missing, and ValueError for one that is
    damaged, or where the JSON describes other arrays.
    """
    said, new = _beside(path)
    # Twice, because a process may put new files in their place in between.
    for _ in range(2):
        made, arrays = read_json(said), _left(said, new) or read_npz(path)
        if _describes(made, arrays):
            return arrays
    raise ValueError(f"it is not what {said.name} describes")


def _beside(path: Path) -> tuple[Path, Path]:
    """What describes the arrays, and new arrays while they are being saved."""
    return path.with_suffix(".json"), path.with_suffix(".new.npz")


def _left(said: Path, new: Path) -> dict[str, np.ndarray] | None:
    """The arrays that count where `save` was killed in its last step, else None."""
    with contextlib.suppress(OSError, ValueError):
        arrays = read_npz(new)
        if _describes(read_json(said), arrays):
            return arrays
    return None


def _describes(made, arrays: dict[str, np.ndarray]) -> bool:
    return isinstance(made, dict) and made.get("sha256") == _checksum(arrays)


def _checksum(arrays: dict[str, np.ndarray]) -> str:
    """sha256 of names, types, shapes and values: the same for every npz of them."""
    digest = hashlib.sha256()
    for key in sorted(arrays):
        value = np.ascontiguousarray(arrays[key])
        digest.update(f"{key} {value.dtype.str} {value.shape} ".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()
