"""Trained networks that the book ships: data/NAME.npz, and data/NAME.json on each.

The arrays are stored without pickle, so that reading a file can run no code.
`python -m helpers.experiments.ship` makes the networks.
"""

import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from helpers import ROOT
from helpers.results import described
from helpers.results.files import read_json, restoring

FOLDER = ROOT / "data"
Params = TypeVar("Params", bound=NamedTuple)


def save(name: str, params: tuple | dict, made: dict, folder: Path = FOLDER) -> None:
    """Write the arrays of `params` under their names, and `made`, which says how.

    `params` is a NamedTuple or a dict of arrays. `made` should name the command that
    repeats it; the checksum of the arrays is added.
    Atomic: whenever this is killed, `load` finds the old network or the new one.
    """
    named = params if isinstance(params, dict) else params._asdict()
    arrays = {key: np.asarray(value) for key, value in named.items()}
    described.save(Path(folder) / f"{name}.npz", arrays, made)


def load(name: str, kind: type[Params], folder: Path = FOLDER) -> Params:
    """The trained parameters as a `kind`, a NamedTuple of arrays.

    Errors as in `load_arrays`.
    """
    return kind(**load_arrays(name, [kind._fields], folder))


def load_arrays(
    name: str, forms: Sequence[Iterable[str]], folder: Path = FOLDER
) -> dict[str, np.ndarray]:
    """The trained parameters by name: those of one of the `forms`, in its order.

    Raises FileNotFoundError where a file is missing, and ValueError for one that is
    damaged, holds pickled objects, or holds other arrays than a form names or the JSON
    beside it describes. All say how to get it back.
    """
    path, forms = Path(folder) / f"{name}.npz", [tuple(form) for form in forms]
    try:
        arrays = described.load(path)
        fitting = [form for form in forms if set(form) == set(arrays)]
        if not fitting:
            wanted, got = ", ".join(forms[0]), ", ".join(arrays)
            raise ValueError(f"it must hold {wanted}, got {got}")
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"no trained network {name!r}: {error.filename} is missing; {_remedy(path)}"
        ) from None
    except ValueError as error:
        raise ValueError(f"{path} cannot be read ({error}); {_remedy(path)}") from None
    return {key: arrays[key] for key in fitting[0]}


def _remedy(path: Path) -> str:
    """How to get a network back: the course's own, or one that somebody trained."""
    said = path.with_suffix(".json")
    if path.parent == FOLDER:
        return restoring(path, said)
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return f"`{read_json(said)['command']}` makes it anew"
    return "train it anew"
