"""The one look of all figures: colours with fixed meanings, direct labels, bands.

A colour means the same thing in every chapter (`COLOURS`). The palette starts from
Okabe and Ito's colour-blind-safe one and is darkened where its text would be hard to
read on white: each colour has a contrast of at least 4.5 to 1.
"""

import io

import matplotlib as mpl
import numpy as np
from IPython import get_ipython
from matplotlib.figure import Figure

from helpers.figures import vector
from helpers.results.intervals import median_interval

COLOURS = {
    "input": "#0072B2",
    "hidden": "#00785A",
    "output": "#BF4B00",
    "gradient": "#A3427A",
    "target": "#1A1A1A",
    "baseline": "#6A6A6A",
}

STYLE = {
    # 9 points are 10 pixels of a phone where a figure of 4.8 inches fills its width.
    "figure.figsize": (4.8, 2.9),
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.wspace": 0.06,
    "savefig.dpi": 144,
    "savefig.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.facecolor": "none",
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelsize": 10,
    "axes.labelcolor": "#333333",
    "axes.edgecolor": "#888888",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": mpl.cycler(color=list(COLOURS.values())),
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "grid.color": "#E4E4E4",
    # SVG: real text, and the same bytes from run to run.
    "svg.fonttype": "none",
    "svg.hashsalt": "rnns-unrolled",
}


def use() -> None:
    """Switch matplotlib, and the notebook's figures, to the course's style.

    A figure is then shown as SVG and as PNG: JupyterLab shows no SVG in a notebook that
    it does not trust.
    """
    mpl.rcParams.update(STYLE)
    if shell := get_ipython():
        # It sets the formats when it is first imported, which must not come later.
        import matplotlib_inline.backend_inline  # noqa: F401

        for kind, draw in (("image/svg+xml", svg), ("image/png", png)):
            shell.display_formatter.formatters[kind].for_type(Figure, draw)


def colour(role: str) -> str:
    """The hex colour of a role; ValueError for a role that does not exist."""
    if role not in COLOURS:
        raise ValueError(f"role must be one of {', '.join(COLOURS)}; got {role!r}")
    return COLOURS[role]


def label(ax, x, y, text: str, role: str, **kwargs) -> None:
    """Write `text` beside a curve, in the curve's colour, instead of a legend."""
    options = {"va": "center", "fontsize": 9, "fontweight": "bold"} | kwargs
    ax.text(x, y, text, color=colour(role), **options)


def band(ax, x, samples, role: str, **kwargs):
    """Draw the median over seeds with its 95% interval.

    `x` has the positions (n,) and `samples` one curve a seed (seeds, n); `role` is a
    key of `COLOURS`. Returns the median, shape (n,). The interval is that of
    `helpers.results.intervals.median_interval`, taken at each position alone. Raises
    ValueError for samples of another shape.
    """
    samples = np.asarray(samples, dtype=float)
    if samples.ndim != 2 or samples.shape[1] != len(x):
        raise ValueError(
            f"samples must have shape (seeds, {len(x)}); got {samples.shape}"
        )
    median, low, high = median_interval(samples)
    ax.plot(x, median, color=colour(role), **kwargs)
    ax.fill_between(x, low, high, color=colour(role), alpha=0.18, linewidth=0)
    return median


def svg(fig: Figure) -> str | None:
    """The figure as SVG, each column of axes a panel that says what its axes are.

    None for a figure without axes.
    """
    if not fig.axes:
        return None
    stand_alone(fig)
    return vector.svg(fig, COLOURS)


def png(fig: Figure) -> bytes | None:
    """The figure as PNG, with the same labels; None for a figure without axes."""
    if not fig.axes:
        return None
    stand_alone(fig)
    picture = io.BytesIO()
    fig.savefig(picture, format="png", pil_kwargs={"optimize": True})
    return picture.getvalue()


def stand_alone(fig: Figure) -> None:
    """Give axes that share the axis y with their neighbour its numbers and its name.

    On a narrow page they stand below it.
    """
    for ax in fig.axes:
        row = [
            other
            for other in ax.get_shared_y_axes().get_siblings(ax)
            if abs(other.get_position().y0 - ax.get_position().y0) < 0.01
        ]
        first = min(row, key=lambda other: other.get_position().x0)
        if ax is not first and ax.axison:
            ax.tick_params(axis="y", labelleft=True)
            ax.set_ylabel(ax.get_ylabel() or first.get_ylabel())
