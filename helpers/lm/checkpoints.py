"""Checkpoints: all that a training run needs to go on as if it had never stopped."""

import json
from pathlib import Path

import numpy as np

from helpers.results.files import read_npz, write_npz


def save(path: Path, arrays: dict[str, np.ndarray], progress: dict) -> None:
    """Write arrays and `progress`, which JSON can hold exactly, as one file.

    Whenever the run is killed, the file is the old one or the new one, and whole.
    """
    text = np.frombuffer(json.dumps(progress).encode(), np.uint8)
    write_npz(path, {**arrays, "progress": text})


def load(path: Path) -> tuple[dict[str, np.ndarray], dict] | None:
    """What `save` wrote, or None where there is no file.

    Raises ValueError for a damaged file and says how to start afresh. Nothing in it is
    unpickled, so that reading a file can run no code.
    """
    try:
        arrays = read_npz(path)
        return arrays, json.loads(arrays.pop("progress").tobytes())
    except FileNotFoundError:
        return None
    except (KeyError, ValueError) as error:
        what = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise damaged(path, what) from None


def check(path: Path, arrays: dict[str, np.ndarray], like: dict) -> None:
    """Raise ValueError unless the names, shapes and types are those of `like`.

    And unless all numbers are finite. As for a damaged file: these are from `path`.
    """
    if arrays.keys() != like.keys():
        raise damaged(path, f"it must hold {', '.join(like)}; got {', '.join(arrays)}")
    for name, expected in like.items():
        found = arrays[name]
        if (found.shape, found.dtype) != (expected.shape, expected.dtype):
            what = f"{name} must be {expected.dtype} of shape {expected.shape}"
            raise damaged(path, f"{what}; got {found.dtype} of {found.shape}")
        if not np.isfinite(found).all():
            raise damaged(path, f"{name} must be finite")


def damaged(path: Path, what) -> ValueError:
    """The error for a checkpoint that is not one, and how to start afresh."""
    return ValueError(f"{path} cannot be read ({what}); delete it to start afresh")
