"""Diagrams of networks, drawn by matplotlib and shown as SVG."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import SVG

from helpers import plots


def layers(
    sizes: Sequence[int],
    units: Sequence[str],
    weights: Sequence[str],
    roles: Sequence[str],
) -> SVG:
    """A feedforward network: a column of units for each layer, all connected.

    `sizes` are the layer sizes from input to output, `units` the labels over the
    layers, `weights` the labels under the connections (one fewer), `roles` the keys
    of `plots.COLOURS` that colour the layers.
    """
    if not len(sizes) == len(units) == len(roles) == len(weights) + 1:
        raise ValueError(
            "units and roles must have one entry a layer, weights one fewer; got "
            f"{len(sizes)} sizes, {len(units)} units, {len(roles)} roles and "
            f"{len(weights)} weights"
        )
    fig, ax = plt.subplots(figsize=(6.4, 3.0))
    columns = [
        [(2.2 * i, y) for y in np.arange(size) - (size - 1) / 2]
        for i, size in enumerate(sizes)
    ]
    for left, right in zip(columns[:-1], columns[1:], strict=True):
        for a in left:
            for b in right:
                ax.plot(*zip(a, b, strict=True), color="#BBBBBB", lw=0.9, zorder=1)
    bottom = -max(sizes) / 2 - 0.25
    for column, unit, role in zip(columns, units, roles, strict=True):
        x, y = zip(*column, strict=True)
        ax.scatter(x, y, s=330, color=plots.colour(role), zorder=2)
        plots.label(ax, x[0], -bottom, unit, role, ha="center", fontsize=11)
    for i, weight in enumerate(weights):
        ax.text(2.2 * i + 1.1, bottom, weight, ha="center", va="center", fontsize=10)
    ax.set_xlim(-0.7, 2.2 * (len(sizes) - 1) + 0.7)
    ax.set_ylim(bottom - 0.4, 0.4 - bottom)
    ax.axis("off")
    return plots.svg(fig)
