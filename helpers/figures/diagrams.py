"""Diagrams of networks, drawn by matplotlib."""

import re
from collections.abc import Sequence
from itertools import pairwise, product

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from matplotlib.path import Path

from helpers.figures import plots


def layers(
    sizes: Sequence[int],
    units: Sequence[str],
    weights: Sequence[str],
    roles: Sequence[str],
) -> Figure:
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
    _, ax = plt.subplots(figsize=(4.8, 2.6))
    columns = [
        [(2.2 * i, y) for y in np.arange(size) - (size - 1) / 2]
        for i, size in enumerate(sizes)
    ]
    for left, right in pairwise(columns):
        for a, b in product(left, right):
            ax.plot(*zip(a, b, strict=True), color="#BBBBBB", lw=0.9, zorder=1)
    bottom = -max(sizes) / 2 - 0.25
    for column, unit, role in zip(columns, units, roles, strict=True):
        x, y = zip(*column, strict=True)
        ax.scatter(x, y, s=330, color=plots.colour(role), zorder=2)
        _label(ax, x[0], -bottom, unit, role, fontsize=12)
    for i, weight in enumerate(weights):
        ax.text(2.2 * i + 1.1, bottom, _typeset(weight), ha="center", va="center")
    right = 2.2 * (len(sizes) - 1) + 0.7
    return _drawn(ax, (-0.7, right), (bottom - 0.4, 0.4 - bottom))


def unrolled(steps: int = 4) -> Figure:
    """The Elman network folded, with its loop, and beside it unrolled over `steps`.

    Each arrow carries the name of its weights: the same names at each step.
    """
    if steps < 1:
        raise ValueError(f"steps must be a positive integer; got {steps}")
    sides = ((-1.75, 0.95), (-0.45, 1.5 * steps + 0.95))
    widths = [right - left for left, right in sides]
    fig, (folded, row) = plt.subplots(
        1, 2, figsize=(6.4, 3.0), width_ratios=widths, sharey=True
    )

    def column(ax, x, t):
        _units(ax, x, t)
        _arrow(ax, (x, 0), (x, 1.5), "W_ih", "input", (0.42, 0))
        _arrow(ax, (x, 1.5), (x, 3), "W_ho", "output", (0.44, 0))

    column(folded, 0, "")
    curve = Path(
        [(-0.24, 1.68), (-1.15, 2.5), (-1.15, 0.5), (-0.24, 1.32)],
        [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4],
    )
    color = plots.colour("hidden")
    folded.add_patch(
        FancyArrowPatch(
            path=curve, arrowstyle="-|>", mutation_scale=10, lw=1.5, color=color
        )
    )
    _label(folded, -1.35, 1.5, "W_hh", "hidden")
    _node(row, 0, 1.5, "h_0", "hidden")
    for t in range(1, steps + 1):
        x = 1.5 * t
        column(row, x, str(t))
        _arrow(row, (x - 1.5, 1.5), (x, 1.5), "W_hh", "hidden", (0, 0.27))
    folded.set_title("folded")
    row.set_title("unrolled")
    for ax, side in zip((folded, row), sides, strict=True):
        _drawn(ax, side, (-0.5, 3.5))
    return fig


def gradient_flow() -> Figure:
    """Two neighbouring steps of the unrolled network, and the errors on their way back.

    Grey arrows are the forward pass. Coloured ones carry errors backwards, each named
    by the matrix that it is multiplied with.
    """
    _, ax = plt.subplots(figsize=(4.8, 3.2))
    for x, t in ((0.0, "t-1"), (2.6, "t")):
        _units(ax, x, t)
        for start, end in (((x, 0), (x, 1.5)), ((x, 1.5), (x, 3))):
            _arrow(ax, start, end, "", None)
        _arrow(ax, (x, 3), (x, 1.5), "", "gradient", bend=0.35)
        name = rf"$\delta o_{{{t}}} W_{{ho}}^T$"
        _label(ax, x - 0.4, 2.25, name, "gradient", ha="right")
    for start, end in ((-2.0, 0.0), (0.0, 2.6), (2.6, 4.6)):
        _arrow(ax, (start, 1.5), (end, 1.5), "", None)
    for start, end, t, x in ((4.6, 2.6, "t+1", 3.75), (2.6, 0.0, "t", 1.3)):
        _arrow(ax, (start, 1.5), (end, 1.5), "", "gradient", bend=-0.3)
        name = rf"$\delta a_{{{t}}} W_{{hh}}^T$"
        _label(ax, x, 0.84, name, "gradient")
    _arrow(ax, (0.0, 1.5), (-2.0, 1.5), "", "gradient", bend=-0.3)
    return _drawn(ax, (-2.2, 4.9), (-0.4, 3.4))


def lstm(gates: int = 3, back: bool = False) -> Figure:
    """One step of the LSTM, built up: the cell alone, or with its first gates.

    `gates` counts them in the order in which they are explained: input gate, output
    gate, forget gate. What the last of them adds is in the colours of the roles, and
    what was there before is grey, but for the way of the cell. With `back` all of it is
    grey and coloured arrows carry the errors. Raises ValueError for other numbers.
    """
    if gates not in range(4):
        raise ValueError(f"gates must be a number from 0 to 3; got {gates!r}")
    _, ax = plt.subplots(figsize=(4.8, 2.9))

    def role(since: int, name: str) -> str | None:
        return name if gates == since and not back else None

    cell = None if back else "hidden"
    first, into, tap = 1.5, 3.4, 5.3  # where the gates act on the cell, and it is read
    stops = [0.0, *([first] if gates == 3 else []), into, tap, 7.0]
    for left, right in pairwise(stops):
        _line(ax, [(left, 3), (right, 3)], cell, right != tap, thick=True)
    _line(ax, [(tap, 3), (tap, 2.15)], role(0, "hidden"), False)
    if gates >= 2:
        _line(ax, [(tap, 2.15), (tap, 1.2)], role(2, "hidden"))
    bends = [(tap, 2.15), (tap, 1.2)] if gates < 2 else [(tap, 1.2)]
    _line(ax, [*bends, (7, 1.2)], role(2 if gates >= 2 else 0, "hidden"))
    # From x_t and h_{t-1} to all that is made of them.
    boxes = [(into, "g", 0, None)]
    boxes += [(2.45, "i", 1, (into, 1.7))] if gates >= 1 else []
    boxes += [(4.4, "o", 2, (tap, 1.2))] if gates >= 2 else []
    boxes += [(first, "f", 3, (first, 3))] if gates == 3 else []
    if gates >= 1:
        _line(ax, [(into, 0.2), (into, 1.7)], role(1, "hidden"))
        _line(ax, [(into, 1.7), (into, 3)], role(1, "hidden"))
    else:
        _line(ax, [(into, 0.2), (into, 3)], role(0, "hidden"))
    for y, name in ((0.2, "hidden"), (-0.9, "input")):
        _line(ax, [(0, y), (0.8, -0.55)], role(0, name), False)
    for x, _, since, at in boxes:
        _line(ax, [(0.8, -0.55), (x, -0.55), (x, 0.2)], role(since, "input"))
        if at and x == at[0]:
            _line(ax, [(x, 0.2), at], role(since, "target"))
        elif at:
            _line(ax, [(x, 0.2), (x, at[1]), at], role(since, "target"))
    for x, name, since, _ in boxes:
        what = "tanh" if name == "g" else r"$\sigma$"
        _box(ax, x, 0.2, f"${name}_t$ {what}", role(since, "target"))
    _box(ax, tap, 2.15, "tanh", role(0, "target"))
    signs = [(into, 3, "+", 0)]
    signs += [(into, 1.7, "×", 1)] if gates >= 1 else []
    signs += [(tap, 1.2, "×", 2)] if gates >= 2 else []
    signs += [(first, 3, "×", 3)] if gates == 3 else []
    for x, y, sign, since in signs:
        _box(ax, x, y, sign, role(since, "target"), "circle")
    for place, name, kind in (
        ((0, 3), "c_{t-1}", "hidden"),
        ((7, 3), "c_t", "hidden"),
        ((0, 0.2), "h_{t-1}", "hidden"),
        ((7, 1.2), "h_t", "hidden"),
        ((0, -0.9), "x_t", "input"),
    ):
        _node(ax, *place, f"${name}$", kind)
    if back:
        for start, end, name, (x, y) in (
            ((7, 3), (tap, 3), r"$\delta c_{t}$", (6.2, 3.5)),
            ((tap, 3), (into, 3), "", (0, 0)),
            ((into, 3), (first, 3), "", (0, 0)),
            ((first, 3), (0, 3), r"$\delta c_{t} \odot f_{t}$", (0.85, 3.55)),
            ((7, 1.2), (tap, 1.2), r"$\delta h_{t}$", (6.2, 0.7)),
            ((tap, 1.2), (tap, 2.15), "", (0, 0)),
            ((tap, 2.15), (tap, 3), "", (0, 0)),
            ((tap, 1.2), (4.4, 0.2), r"$\delta o_{t}$", (5.2, 0.45)),
            ((first, 3), (first, 0.2), r"$\delta f_{t}$", (1.05, 1.5)),
            ((into, 3), (into, 1.7), "", (0, 0)),
            ((into, 1.7), (into, 0.2), r"$\delta g_{t}$", (3.8, 1.0)),
            ((3.2, -0.85), (0.4, -0.85), r"$\delta a_{t} W_{hh}^T$", (1.8, -1.45)),
            ((into, 1.7), (2.45, 0.2), r"$\delta i_{t}$", (2.82, 1.3)),
        ):
            _arrow(ax, start, end, "", "gradient", bend=-0.22)
            if name:
                _label(ax, x, y, name, "gradient")
    return _drawn(ax, (-0.6, 7.6), (-1.7, 3.9))


def automaton(
    transitions: Sequence[dict[str, int]],
    places: Sequence[tuple[float, float]],
    names: Sequence[str] | None = None,
    wrong: Sequence[tuple[int, str]] = (),
) -> Figure:
    """States as circles at their places, the last with a ring; symbols on the arrows.

    `transitions` are those of a `helpers.tasks.reber.Grammar`. States are named by
    their numbers if no names are given; `wrong` transitions, pairs (state, symbol), are
    drawn broken and in another colour. Raises ValueError where `places` or `names` do
    not have one entry a state.
    """
    names = names or [str(state) for state in range(len(transitions))]
    if not len(transitions) == len(places) == len(names):
        raise ValueError(
            f"places and names must have one entry for each of {len(transitions)} "
            f"states; got {len(places)} and {len(names)}"
        )
    _, ax = plt.subplots(figsize=(4.8, 2.7))
    arrows: dict = {}  # (from, to, whether wrong): symbols
    for here, moves in enumerate(transitions):
        for symbol, after in moves.items():
            arrows.setdefault((here, after, (here, symbol) in wrong), []).append(symbol)
    ends = {(here, after) for here, after, _ in arrows}
    for (here, after, is_wrong), symbols in arrows.items():
        role, line = ("gradient", "--") if is_wrong else ("input", "-")
        start, end = np.array(places[here]), np.array(places[after])
        if here == after:
            up = np.array([1, 1 if start[1] >= 0 else -1])
            loop = Path(start + up * _LOOP, [Path.MOVETO, *[Path.CURVE4] * 3])
            shape, place = {"path": loop}, start + up * (0, 0.88)
        else:
            along = (end - start) / np.linalg.norm(end - start)
            left = np.array([-along[1], along[0]])
            # Arrows there and back pass each other on their right sides, and a wrong
            # arrow passes the right one between the same states.
            beside = (after, here) in ends or (
                is_wrong and (here, after, False) in arrows
            )
            bend = 0.18 if beside else 0.0
            into = 17 if after == len(transitions) - 1 else 14  # outside its ring
            shape = {"posA": start, "posB": end, "shrinkA": 14, "shrinkB": into}
            shape["connectionstyle"] = f"arc3,rad={bend}"
            bulge = 0.5 * bend * np.linalg.norm(end - start)
            reach = -0.17 - bulge if bend else 0.17
            place = (start + end) / 2 + reach * left
        color = plots.colour(role)
        style = {"arrowstyle": "-|>", "mutation_scale": 11, "lw": 1.5, "zorder": 1}
        ax.add_patch(FancyArrowPatch(**shape, **style, color=color, linestyle=line))
        _label(ax, *place, ", ".join(symbols), role)
    for name, place in zip(names, places, strict=True):
        _node(ax, *place, name, "hidden")
    ax.scatter(*places[-1], s=900, facecolors="none", edgecolors=plots.colour("hidden"))
    x, y = np.transpose(places)
    ax.set_aspect("equal")
    left, right = x.min() - 0.4, x.max() + 0.4
    return _drawn(ax, (left, right), (y.min() - 1.05, y.max() + 1.05))  # for the loops


# From a state and back to it, around its upper side.
_LOOP = np.array([(-0.13, 0.2), (-0.5, 0.9), (0.5, 0.9), (0.13, 0.2)])


def _typeset(text: str) -> str:
    """Names such as W_ih as the formulas write them; other text as it is."""
    return re.sub(r"(?<!\S)([A-Za-z])_([\w+-]+)", r"$\1_{\2}$", text)


def _label(ax, x: float, y: float, text: str, role: str, **kwargs) -> None:
    """Write a name beside an arrow or over a column."""
    options = {"ha": "center", "fontsize": 10} | kwargs
    plots.label(ax, x, y, _typeset(text), role, **options)


def _node(ax, x: float, y: float, text: str, role: str) -> None:
    ax.scatter(x, y, s=620, color=plots.colour(role), zorder=2)
    ax.text(x, y, _typeset(text), color="white", ha="center", va="center")


def _units(ax, x: float, t: str) -> None:
    """The units of one step, from input to output."""
    for y, name, role in ((0, "x", "input"), (1.5, "h", "hidden"), (3, "o", "output")):
        _node(ax, x, y, f"${name}_{{{t}}}$" if t else f"${name}$", role)


def _line(
    ax, points: Sequence, role: str | None, head: bool = True, thick: bool = False
) -> None:
    """A line through these points, with an arrow's head at its end; grey without role.

    The head stops where a sign or a box begins.
    """
    color = plots.colour(role) if role else "#BBBBBB"
    lw = 2.4 if thick else 1.5
    x, y = zip(*points, strict=True)
    if not head:
        ax.plot(x, y, color=color, lw=lw, zorder=1, solid_capstyle="round")
        return
    ax.plot(x[:-1], y[:-1], color=color, lw=lw, zorder=1, solid_capstyle="round")
    style = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 11, "lw": lw, "color": color}
    ax.annotate("", points[-1], points[-2], arrowprops=style, zorder=1)


def _box(ax, x: float, y: float, text: str, role: str | None, form: str = "") -> None:
    """A function or a sign of arithmetic, grey without role."""
    color = plots.colour(role) if role else "#8A8A8A"
    style = f"{form or 'round'},pad={0.2 if form else 0.3}"
    box = {"boxstyle": style, "fc": "white", "ec": color, "lw": 1.3}
    ax.text(x, y, text, ha="center", va="center", color=color, bbox=box, zorder=3)


def _drawn(ax, xlim: tuple[float, float], ylim: tuple[float, float]) -> Figure:
    """The figure, without axes, closed so that it is not shown twice."""
    ax.set(xlim=xlim, ylim=ylim)
    ax.axis("off")
    plt.close(ax.figure)
    return ax.figure


def _arrow(
    ax, start, end, text: str, role: str | None, offset=(0, 0), bend: float = 0
) -> None:
    """An arrow between two nodes with its text beside the middle; grey without role."""
    color = plots.colour(role) if role else "#BBBBBB"
    style = {"arrowstyle": "-|>", "shrinkA": 14, "shrinkB": 14, "lw": 1.5}
    style |= {"color": color, "connectionstyle": f"arc3,rad={bend}"}
    ax.annotate("", end, start, arrowprops=style, zorder=1)
    if text:
        x = (start[0] + end[0]) / 2 + offset[0]
        y = (start[1] + end[1]) / 2 + offset[1]
        _label(ax, x, y, text, role)
