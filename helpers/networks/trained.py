"""Trained networks that the book ships: data/NAME.npz, and data/NAME.json on each.

The arrays are stored without pickle, so that reading a file can run no code.
`python -m helpers.experiments.ship` makes the networks.
"""

import contextlib
import hashlib
import os
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from helpers import ROOT
from helpers.results.files import (
    plain,
    read_json,
    read_npz,
    restoring,
    write_json,
    write_npz,
)

FOLDER = ROOT / "data"
Params = TypeVar("Params", bound=NamedTuple)


def save(name: str, params: NamedTuple, made: dict, folder: Path = FOLDER) -> None:
    """Write the arrays of `params` under their names, and `made`, which says how.

    `made` should name the command that repeats it; the checksum of the arrays is added.
    Atomic: whenever this is killed, `load` finds the old network or the new one.
    """
    arrays = {key: np.asarray(value) for key, value in params._asdict().items()}
    document = {**plain(made, "made"), "sha256": _checksum(arrays)}
    path, said, new = _files(name, folder)
    if _left(said, new) is not None:
        os.replace(new, path)
    # The JSON decides: as long as it describes the old arrays, those count, and from
    # then on the new ones, wherever they lie.
    write_npz(new, arrays)
    write_json(said, document)
    os.replace(new, path)


def load(name: str, kind: type[Params], folder: Path = FOLDER) -> Params:
    """The trained parameters as a `kind`, a NamedTuple of arrays.

    Raises FileNotFoundError where a file is missing, and ValueError for one that is
    damaged, holds pickled objects, or holds other arrays than `kind` has or the JSON
    beside it describes. All say how to get it back.
    """
    path, said, new = _files(name, folder)
    remedy = _remedy(path, said)
    try:
        # Twice, because a training may put new files in their place in between.
        for _ in range(2):
            made, arrays = read_json(said), _left(said, new) or read_npz(path)
            if _describes(made, arrays):
                break
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"no trained network {name!r}: {error.filename} is missing; {remedy}"
        ) from None
    except ValueError as error:
        raise ValueError(f"{path} cannot be read ({error}); {remedy}") from None
    if set(arrays) != set(kind._fields):
        raise ValueError(
            f"{path} must hold {', '.join(kind._fields)}; got {', '.join(arrays)}; "
            f"{remedy}"
        )
    if not _describes(made, arrays):
        raise ValueError(f"{path} is not what {said.name} describes; {remedy}")
    return kind(**arrays)


def _files(name: str, folder: Path) -> tuple[Path, Path, Path]:
    """Arrays, what describes them, and new arrays while they are being saved."""
    endings = (".npz", ".json", ".new.npz")
    return tuple(Path(folder) / f"{name}{ending}" for ending in endings)


def _left(said: Path, new: Path) -> dict[str, np.ndarray] | None:
    """The arrays that count where `save` was killed in its last step, else None."""
    with contextlib.suppress(OSError, ValueError):
        arrays = read_npz(new)
        if _describes(read_json(said), arrays):
            return arrays
    return None


def _describes(made, arrays: dict[str, np.ndarray]) -> bool:
    return isinstance(made, dict) and made.get("sha256") == _checksum(arrays)


def _remedy(path: Path, said: Path) -> str:
    """How to get a network back: the course's own, or one that somebody trained."""
    if path.parent == FOLDER:
        return restoring(path, said)
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return f"`{read_json(said)['command']}` makes it anew"
    return "train it anew"


def _checksum(arrays: dict[str, np.ndarray]) -> str:
    """sha256 of names, types, shapes and values: the same for every npz of them."""
    digest = hashlib.sha256()
    for key in sorted(arrays):
        value = np.ascontiguousarray(arrays[key])
        digest.update(f"{key} {value.dtype.str} {value.shape} ".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()
