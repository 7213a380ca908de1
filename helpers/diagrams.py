"""Diagrams of networks, drawn by matplotlib and shown as SVG."""

from collections.abc import Sequence
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import SVG
from matplotlib.patches import FancyArrowPatch
from matplotlib.path import Path

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
    for left, right in pairwise(columns):
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


def unrolled(steps: int = 4) -> SVG:
    """The Elman network folded, with its loop, and beside it unrolled over `steps`.

    Each arrow carries the name of its weights: the same names at each step.
    """
    if steps < 1:
        raise ValueError(f"steps must be a positive integer; got {steps}")
    fig, ax = plt.subplots(figsize=(6.4, 3.2))

    def node(x, y, text, role):
        ax.scatter(x, y, s=620, color=plots.colour(role), zorder=2)
        ax.text(x, y, text, color="white", ha="center", va="center", fontsize=10)

    def arrow(start, end, text, role, offset):
        style = {"arrowstyle": "-|>", "shrinkA": 14, "shrinkB": 14, "lw": 1.5}
        color = plots.colour(role)
        ax.annotate("", end, start, arrowprops=style | {"color": color}, zorder=1)
        x = (start[0] + end[0]) / 2 + offset[0]
        y = (start[1] + end[1]) / 2 + offset[1]
        plots.label(ax, x, y, text, role, ha="center", fontsize=8.5)

    def column(x, suffix):
        node(x, 0, f"x{suffix}", "input")
        node(x, 1.5, f"h{suffix}", "hidden")
        node(x, 3, f"o{suffix}", "output")
        arrow((x, 0), (x, 1.5), "W_ih", "input", (0.42, 0))
        arrow((x, 1.5), (x, 3), "W_ho", "output", (0.44, 0))

    column(0, "")
    curve = Path(
        [(-0.24, 1.68), (-1.15, 2.5), (-1.15, 0.5), (-0.24, 1.32)],
        [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4],
    )
    color = plots.colour("hidden")
    ax.add_patch(
        FancyArrowPatch(
            path=curve, arrowstyle="-|>", mutation_scale=10, lw=1.5, color=color
        )
    )
    plots.label(ax, -1.3, 1.5, "W_hh", "hidden", ha="center", fontsize=8.5)
    ax.annotate(
        "",
        (2.1, 1.5),
        (1.0, 1.5),
        arrowprops={"arrowstyle": "->", "color": "#777777", "lw": 1.2},
    )
    ax.text(1.55, 1.72, "unroll", ha="center", color="#555555", fontsize=9)
    first = 2.8
    node(first, 1.5, "h₀", "hidden")
    for t in range(1, steps + 1):
        x = first + 1.5 * t
        column(x, str(t).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")))
        arrow((x - 1.5, 1.5), (x, 1.5), "W_hh", "hidden", (0, 0.27))
    ax.set_xlim(-1.7, first + 1.5 * steps + 0.9)
    ax.set_ylim(-0.5, 3.5)
    ax.axis("off")
    return plots.svg(fig)
