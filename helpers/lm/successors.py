"""The networks of chapter 9 as language models, which are only learned.

What was read before is looked back to by one of three, minGRU, RG-LRU or attention, and
everything else is the same for them:

    u = sqrt(n) E[x]
    u = u + look_back(norm(u)),  u = u + forward(norm(u))     in each block
    o = norm(u) E^T + b_o

That is the residual block of De et al. (2024), "Griffin", section 2.1, with the plain
feedforward part of Vaswani et al. (2017), section 3.3. E (V, n) is tied, and its rows
are scaled where they are read (Vaswani et al., section 3.4). The norm is layer norm
with a gain and no bias, before each part of a block and not behind it. Only attention
is told the places of the words, by sinusoids that are added to the first u.

Dropout is that of `helpers.lm.remedies` on the words, on the rows of E and on what is
multiplied by E^T. There is none within a block. No `LanguageModel` holds such a network
(`helpers.lm.training.Run.learn`).
"""

import math
from typing import Any, NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as pt

from helpers import arguments
from helpers.lm import remedies
from helpers.lm.model import Learned
from helpers.networks import recurrences
from helpers.networks.initialisation import uniform

CELLS = ("mingru", "rglru", "attention")  # kinds of `recurrences`
BLOCKS = 2  # one behind the other
HEADS = 4  # of attention, each of n / 4 numbers
WIDER = 4  # the feedforward part has so many times n units


class Readout(NamedTuple):
    """What says the words."""

    W_ho: Any  # (n, V): E^T
    b_o: Any  # (V,)


# What is learned ----------------------------------------------------------------------


def shapes(
    cell: str,
    V: int,
    H: int,
    embedding: int | None = None,
    tied: bool = False,
    norm: bool = False,
    blocks: int = BLOCKS,
) -> dict[str, tuple[int, ...]]:
    """The shapes of what is learned, by name, those of block 1 under "1.W_1" and so on.

    Arguments as in `helpers.lm.model.shapes`. Raises ValueError for another cell, for
    sizes that are not positive integers, for an E that has not H columns or is not
    tied, for `norm`, which means another one, and for attention with an H that is no
    multiple of its heads.
    """
    V, n = arguments.integer("V", V), arguments.integer("H", H)
    if cell not in CELLS:
        raise arguments.wrong("cell", f"one of {', '.join(CELLS)}", cell)
    if embedding != n or not tied or norm:
        raise ValueError(
            f"the cell {cell} needs embedding = {n}, as hidden, tied = True and "
            f"norm = False; got {embedding}, {tied} and {norm}"
        )
    if cell == "attention":
        if n % HEADS:
            raise ValueError(f"hidden must be a multiple of {HEADS} heads; got {n}")
        looks = {"W_qkv": (n, 3 * n), "W_out": (n, n)}
    else:
        columns = recurrences.BLOCKS[cell] * n
        looks = {"W_ih": (n, columns), "b_h": (columns,)}
        looks |= {"decay": (n,)} if cell == "rglru" else {}
    forward = {"W_1": (n, WIDER * n), "b_1": (WIDER * n,)}
    forward |= {"W_2": (WIDER * n, n), "b_2": (n,)}
    block = {"gain_back": (n,), **looks, "gain_forward": (n,), **forward}
    found = {"E": (V, n), "gain": (n,), "b_o": (V,)}
    for i in range(1, blocks + 1):
        found |= {f"{i}.{name}": shape for name, shape in block.items()}
    return found


def initial(
    cell: str,
    V: int,
    H: int,
    rng: np.random.Generator,
    rows: float = 1.0,
    embedding: int | None = None,
    tied: bool = False,
    norm: bool = False,
    blocks: int = BLOCKS,
) -> Learned:
    """First values of all that is learned, arrays of floatX.

    What looks back begins as in `recurrences.initial`, E within +-`rows`, gains at 1
    and biases at 0. Errors as in `shapes`.
    """
    made = shapes(cell, V, H, embedding, tied, norm, blocks)
    found = {"E": rng.uniform(-rows, rows, made["E"])}
    for i in range(1, blocks + 1):
        own = recurrences.initial(cell, H, H, rng)
        own |= {name: uniform(*made[f"{i}.{name}"], rng) for name in ("W_1", "W_2")}
        found |= {f"{i}.{name}": value for name, value in own.items()}
    for name, shape in made.items():
        if name not in found:
            found[name] = np.ones(shape) if "gain" in name else np.zeros(shape)
    floatX = pytensor.config.floatX
    return {name: found[name].astype(floatX) for name in made}


# All steps, in PyTensor ---------------------------------------------------------------


def network(learned: dict) -> Readout:
    """What says the words, of arrays or variables."""
    return Readout(learned["E"].T, learned["b_o"])


def states(cell: str, x, p: dict):
    """What is multiplied by E^T, (T, B, n), for looked-up rows x (T, B, n)."""
    T, _, n = x.type.shape
    look_back = attention if cell == "attention" else recurrences.LAYERS[cell]
    u = math.sqrt(n) * x
    if cell == "attention":
        u = u + recurrences.sinusoids(T, n).astype(u.dtype)[:, None]
    i = 1
    while f"{i}.gain_back" in p:
        own = {key[2:]: value for key, value in p.items() if key[:2] == f"{i}."}
        u = u + look_back(_norm(u) * own["gain_back"], own)
        u = u + forward(_norm(u) * own["gain_forward"], own)
        i += 1
    return _norm(u) * p["gain"]


def attention(x, p: dict):
    """`recurrences.attention` with heads: each has its own n / HEADS numbers."""
    T, B, n = x.type.shape
    parts = (x @ p["W_qkv"]).reshape((T, B, 3, HEADS, n // HEADS))
    Q, K, V = (parts[:, :, k].transpose(1, 2, 0, 3) for k in range(3))
    found = recurrences.attention(Q, K, V)  # (B, HEADS, T, n / HEADS)
    return found.transpose(2, 0, 1, 3).reshape((T, B, n)) @ p["W_out"]


def forward(x, p: dict):
    """The feedforward part, of each step by itself: (T, B, n)."""
    return pt.maximum(x @ p["W_1"] + p["b_1"], 0) @ p["W_2"] + p["b_2"]


def _norm(u):
    return remedies.layer_norm(u, 1)
