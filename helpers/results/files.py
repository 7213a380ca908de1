"""Files that are written whole or not at all, and strict JSON in them."""

import json
import math
import os
from pathlib import Path

import numpy as np

from helpers.results.tables import significant


def write_text(path: Path, text: str) -> None:
    r"""Write a file as UTF-8 with its folder, "\n" at the end of lines everywhere.

    As `write_bytes`. Raises ValueError for text that UTF-8 cannot hold.
    """
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
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
