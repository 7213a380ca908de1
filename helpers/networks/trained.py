"""Trained networks that the book ships: data/NAME.npz, and data/NAME.json on each.

The arrays are stored without pickle, so that reading a file can run no code.
`python -m helpers.experiments.ship` makes the networks.
"""

import hashlib
import zipfile
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from helpers import ROOT
from helpers.results.files import plain, read_json, write_json

FOLDER = ROOT / "data"
Params = TypeVar("Params", bound=NamedTuple)


def save(name: str, params: NamedTuple, made: dict, folder: Path = FOLDER) -> None:
    """Write the arrays of `params` under their names, and `made`, which says how.

    `made` should name the command that repeats it; the checksum of the arrays is added.
    """
    arrays = {key: np.asarray(value) for key, value in params._asdict().items()}
    np.savez(Path(folder) / f"{name}.npz", **arrays)
    document = {**plain(made, "made"), "sha256": _checksum(arrays)}
    write_json(Path(folder) / f"{name}.json", document)


def load(name: str, kind: type[Params], folder: Path = FOLDER) -> Params:
    """The trained parameters as a `kind`, a NamedTuple of arrays.

    Raises FileNotFoundError where a file is missing, and ValueError for one that is
    damaged, holds pickled objects, or holds other arrays than `kind` has or the JSON
    beside it describes. All say how to get it back.
    """
    path, said = Path(folder) / f"{name}.npz", Path(folder) / f"{name}.json"
    remedy = f"restore it with `git checkout data/{path.name} data/{said.name}`"
    try:
        made = read_json(said)
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"no trained network {name!r}: {error.filename} is missing; {remedy}"
        ) from None
    except (ValueError, TypeError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} cannot be read ({error}); {remedy}") from None
    if set(arrays) != set(kind._fields):
        raise ValueError(
            f"{path} must hold {', '.join(kind._fields)}; got {', '.join(arrays)}; "
            f"{remedy}"
        )
    if not isinstance(made, dict) or made.get("sha256") != _checksum(arrays):
        raise ValueError(f"{path} is not what {said.name} describes; {remedy}")
    return kind(**arrays)


def _checksum(arrays: dict[str, np.ndarray]) -> str:
    """sha256 of names, types, shapes and values: the same for every npz of them."""
    digest = hashlib.sha256()
    for key in sorted(arrays):
        value = np.ascontiguousarray(arrays[key])
        digest.update(f"{key} {value.dtype.str} {value.shape} ".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()
