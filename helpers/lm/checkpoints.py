"""Checkpoints: all that a training run needs to go on as if it had never stopped."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np

from helpers.results.files import write_bytes


def save(path: Path, arrays: dict[str, np.ndarray], progress: dict) -> None:
    """Write arrays and `progress`, which JSON can hold exactly, as one file.

    Whenever the run is killed, the file is the old one or the new one, and whole.
    """
    text = np.frombuffer(json.dumps(progress).encode(), np.uint8)
    content = io.BytesIO()
    np.savez(content, **arrays, progress=text)
    write_bytes(path, content.getvalue())


def load(path: Path) -> tuple[dict[str, np.ndarray], dict] | None:
    """What `save` wrote, or None where there is no file.

    Raises ValueError for a damaged file and says how to start afresh. Nothing in it is
    unpickled, so that reading a file can run no code.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        return arrays, json.loads(arrays.pop("progress").tobytes())
    except FileNotFoundError:
        return None
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} cannot be read ({error}); delete it to start afresh"
        ) from None
