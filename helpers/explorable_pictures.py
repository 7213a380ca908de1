"""The static pictures of the explorables, as SVG that the book puts into its pages.

Opened alone, as in JupyterLab, a picture has a white ground and the colours of
`helpers.plots`. In a page its colours are the variables of explorable.css, which know
light and dark. The scripts only change what is there: they find elements by the ids
and classes given here.
"""

from collections.abc import Sequence

import numpy as np

from helpers import plots
from helpers.artwork import FONTS
from helpers.reber import REBER, SYMBOLS

STYLE = "\n".join(
    [
        f"svg.picture {{font: 14px {FONTS}}}",
        ".picture text {fill: var(--picture-text, #333); text-anchor: middle}",
        ".picture text.start {text-anchor: start}",
        ".picture text.end {text-anchor: end}",
        ".picture text.small {font-size: 13px}",
        ".picture .ground {fill: var(--picture-ground, #fff)}",
        ".picture .line {fill: none; stroke: var(--picture-line, #888)}",
        *(
            f".picture .{role} {{--role: var(--picture-{role}, {colour})}}"
            for role, colour in plots.COLOURS.items()
        ),
        ".picture .filled, .picture text.named {fill: var(--role)}",
        ".picture .drawn {fill: none; stroke: var(--role)}",
        ".picture text.named {font-weight: 600}",
        ".picture .hide {visibility: hidden}",
    ]
)


def picture(
    width: float, height: float, label: str, parts: Sequence[str], style: str = ""
) -> str:
    """An SVG document with the common style; `label` says what is to be seen."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="picture" role="img" '
            f'aria-label="{label}" width="{width:g}" height="{height:g}" '
            f'viewBox="0 0 {width:g} {height:g}">',
            f"<style>\n{STYLE}\n{style}</style>",
            f'<rect class="ground" width="{width:g}" height="{height:g}"/>',
            *parts,
            "</svg>",
            "",
        ]
    )


def text(x: float, y: float, content: str, classes: str = "", name: str = "") -> str:
    """A line of text around, from or up to x, as its classes say."""
    marks = (f' id="{name}"' if name else "") + (
        f' class="{classes}"' if classes else ""
    )
    return f'<text{marks} x="{x:g}" y="{y:g}">{content}</text>'


def arrow(
    start: Sequence[float], end: Sequence[float], room: float, classes: str, name: str
) -> str:
    """A straight arrow between two points, `room` away from both.

    Its head is drawn as a shape of its own, as markers cannot take the line's colour
    everywhere.
    """
    start, end = np.asarray(start, float), np.asarray(end, float)
    along = (end - start) / np.linalg.norm(end - start)
    tail, tip = start + room * along, end - room * along
    return (
        f'<g id="{name}" class="{classes}"><path class="drawn" stroke-width="1.8" '
        f'd="M{_point(tail)}L{_point(tip - 6 * along)}"/>{head(tip, along)}</g>'
    )


def head(tip: np.ndarray, along: np.ndarray) -> str:
    """The head of an arrow that ends at `tip` in the direction `along`."""
    across = np.array([-along[1], along[0]])
    corners = (tip, tip - 9 * along + 4.5 * across, tip - 9 * along - 4.5 * across)
    return f'<path class="filled" d="M{"L".join(map(_point, corners))}z"/>'


def _point(place: np.ndarray) -> str:
    return f"{place[0]:.1f} {place[1]:.1f}"


# The Reber walker: the automaton, and over each symbol what the network gives it. -----

PLACES = 1.0 * np.array(
    [
        *((24, 122), (80, 122), (150, 72), (150, 172)),
        *((258, 72), (258, 172), (332, 122), (394, 122)),
    ]
)
COLUMNS = 30 + 60 * np.arange(len(SYMBOLS))
BASE, FULL = 374, 90  # where the bars stand, and the height of an output of 1

WALKER_STYLE = """\
.picture .state circle {fill: var(--picture-page, #fff); stroke-width: 1.8}
.picture .state.here circle:first-child {fill: var(--role)}
.picture .state.here text {fill: var(--picture-page, #fff); font-weight: 600}
.picture .state.left circle:first-child {stroke-dasharray: 4 3}
.picture .state .fits {stroke: var(--picture-output, #BF4B00); stroke-width: 3}
.picture .state:not(.said) .fits {visibility: hidden}
.picture .frame {stroke-dasharray: 3 3}
.picture .taken .drawn {stroke-width: 3.5}
.picture.live .letter {display: none}
"""


def reber_walker(read: str, outputs: np.ndarray, fits: Sequence[int]) -> str:
    """The automaton after `read`, with the network's outputs (7,) and what they fit."""
    state = REBER.states(read)[-1]
    legal = REBER.legal(read)
    parts = [
        '<circle class="hidden filled" cx="14" cy="12" r="6"/>',
        text(26, 17, "the automaton is here", "start small"),
        '<circle class="output drawn" stroke-width="3" cx="222" cy="12" r="6"/>',
        text(234, 17, "the network’s outputs fit here", "start small"),
    ]
    for here, moves in enumerate(REBER.transitions):
        for symbol, after in moves.items():
            parts += _transition(here, symbol, after)
    for number, (x, y) in enumerate(PLACES):
        classes = ["state", "hidden"]
        classes += ["here"] * (number == state) + ["said"] * (number in fits)
        last = '<circle class="drawn" r="12"/>' if number == len(PLACES) - 1 else ""
        parts.append(
            f'<g id="state-{number}" class="{" ".join(classes)}" '
            f'transform="translate({x:g} {y:g})"><circle class="drawn" r="16"/>{last}'
            f'<circle class="drawn fits" r="21" style="fill: none"/>'
            f"{text(0, 5, str(number))}</g>"
        )
    what = "what the network says, and frames where 1 is right"
    parts.append(text(4, BASE - FULL - 34, what, "start small"))
    for symbol, x, output in zip(SYMBOLS, COLUMNS, outputs, strict=True):
        height = FULL * output
        hide = "" if symbol in legal else " hide"
        parts += [
            f'<rect id="bar-{symbol}" class="output filled" x="{x - 17}" '
            f'y="{BASE - height:.2f}" width="34" height="{height:.2f}"/>',
            f'<rect id="frame-{symbol}" class="target drawn frame{hide}" '
            f'x="{x - 20}" y="{BASE - FULL}" width="40" height="{FULL}"/>',
            text(x, BASE - FULL - 8, f"{output:.3f}", "small", f"output-{symbol}"),
            text(x, BASE + 19, symbol, "letter"),
        ]
    parts.append(f'<path class="line" d="M4 {BASE}H416"/>')
    legal = " and ".join(legal)
    label = (
        f"The automaton of the Reber grammar after the symbols {', '.join(read)}: it is "
        f"in state {state}, where {legal} may follow. Seven bars show the outputs of "
        f"the network: those of {legal} are nearly 1, the others nearly 0."
    )
    return picture(420, BASE + 28, label, parts, WALKER_STYLE)


def _transition(here: int, symbol: str, after: int) -> list[str]:
    """The arrow of one transition and its symbol beside it."""
    name = f"arrow-{here}{symbol}"
    start, end = PLACES[here], PLACES[after]
    if here == after:  # a loop
        up = np.array([1, -1 if start[1] < PLACES[0, 1] else 1])
        curve = [start + up * c for c in ((-8, 16), (-24, 44), (24, 44), (8, 16))]
        tip = curve[-1]
        along = (tip - curve[2]) / np.linalg.norm(tip - curve[2])
        points = [*curve[:3], tip - 6 * along]
        line = (
            f'<g id="{name}" class="input"><path class="drawn" stroke-width="1.8" '
            f'd="M{_point(points[0])}C{" ".join(map(_point, points[1:]))}"/>'
            f"{head(tip, along)}</g>"
        )
        x, y = start + up * (25, 34)
    else:
        line = arrow(start, end, 17, "input", name)
        along = (end - start) / np.linalg.norm(end - start)
        x, y = (start + end) / 2 + 13 * np.array([along[1], -along[0]])
    return [line, text(x, y + 5, symbol, "named input")]
