"""The static pictures of the explorables, as SVG that the book puts into its pages.

Opened alone, as in JupyterLab, a picture has a white ground and the colours of
`helpers.figures.plots`. In a page its colours are the variables of explorable.css,
which know light and dark. The scripts only change what is there: they find elements by
the ids and classes given here.
"""

from collections.abc import Sequence
from html import escape

import numpy as np

from helpers.figures import plots
from helpers.press.artwork import FONTS
from helpers.tasks.reber import REBER, SYMBOLS

ROLES = "\n".join(
    f".picture .{role} {{--role: var(--picture-{role}, {colour})}}"
    for role, colour in plots.COLOURS.items()
)
STYLE = f"""\
svg.picture {{font: 14px {FONTS}}}
.picture text {{fill: var(--picture-text, #333); text-anchor: middle}}
.picture text.start {{text-anchor: start}}
.picture text.end {{text-anchor: end}}
.picture text.small {{font-size: 13px}}
.picture .ground {{fill: var(--picture-ground, #fff)}}
.picture .line {{fill: none; stroke: var(--picture-line, #888)}}
{ROLES}
.picture .filled, .picture text.named {{fill: var(--role)}}
.picture .drawn {{fill: none; stroke: var(--role)}}
.picture text.named {{font-weight: 600}}
.picture .hide {{visibility: hidden}}
"""


def picture(
    width: float,
    height: float,
    label: str,
    parts: Sequence[str],
    style: str = "",
    kind: str = "",
) -> str:
    """An SVG document with the common style; `label` says what is to be seen.

    The styles of all pictures of a page hold for each: where another has the same names
    for its parts, `kind` is a class of this picture alone.
    """
    size = f'width="{width:g}" height="{height:g}"'
    classes = f"picture {kind}".strip()
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{classes}" role="img" '
        f'aria-label="{label}" {size} viewBox="0 0 {width:g} {height:g}">\n'
        f'<style>\n{STYLE}{style}</style>\n<rect class="ground" {size}/>'
    )
    return "\n".join([head, *parts, "</svg>", ""])


def text(x: float, y: float, content: str, classes: str = "", name: str = "") -> str:
    """A line of text around, from or up to x, as its classes say."""
    marks = f' id="{name}"' if name else ""
    marks += f' class="{classes}"' if classes else ""
    return f'<text{marks} x="{x:g}" y="{y:g}">{content}</text>'


POWERS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def plain(value: float) -> str:
    """A positive number with two digits: 27, 1.3, 0.011 or 2.5·10⁻⁸."""
    if value >= 0.001:
        return f"{value:.2g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    power = str(int(exponent)).translate(POWERS)
    return f"{mantissa}·10{power}"


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


# The Reber walker: the automaton, and over each symbol what the network gives it. ---

X = (24, 80, 150, 150, 258, 258, 332, 394)
Y = (122, 122, 72, 172, 72, 172, 122, 122)
PLACES = np.array([X, Y], float).T
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
        f"The automaton of the Reber grammar after the symbols {', '.join(read)}: it "
        f"is in state {state}, where {legal} may follow. Seven bars show the outputs "
        f"of the network: those of {legal} are nearly 1, the others nearly 0."
    )
    return picture(420, BASE + 28, label, parts, WALKER_STYLE)


def _transition(
    here: int, symbol: str, after: int, places: np.ndarray = PLACES, of: str = ""
) -> list[str]:
    """The arrow of one transition and its symbol beside it."""
    name = f"{of}arrow-{here}{symbol}"
    start, end = places[here], places[after]
    if here == after:  # a loop
        up = np.array([1, -1 if start[1] < places[0, 1] else 1])
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


# The gradient horizon: how much of an error is left, by lag. ------------------------

DECADES = (-12, 6)  # of the axis, from its foot to its top
FRAME = (50, 46, 358, 252)  # x, y, width, height of the plot
HORIZON = 0.01  # what is left of an error at the horizon

HORIZON_STYLE = """\
.picture .band {fill: var(--role); fill-opacity: 0.25}
.picture .thick {stroke-width: 2.5}
.picture .dashed {stroke-dasharray: 6 4; stroke-width: 1.8}
.picture .beyond {fill: var(--picture-line, #888); fill-opacity: 0.14}
"""


def gradient_horizon(
    activation: str,
    radius: float,
    lag: int,
    median: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    bound: Sequence[float],
) -> str:
    """Median, interval and bound of the length of an error by lag, each (T,)."""
    x, y, width, height = FRAME
    per_lag = width / (len(median) - 1)
    foot, top = DECADES

    def at(k: int, value: float) -> str:
        down = height * (top - np.log10(value)) / (top - foot)
        return f"{per_lag * k:.1f} {down:.1f}"

    def line(values: Sequence[float]) -> str:
        return "L".join(at(k, value) for k, value in enumerate(values))

    back = "L".join(at(k, value) for k, value in reversed(list(enumerate(high))))
    far = next((k for k, value in enumerate(median) if value < HORIZON), len(median))
    start = min(per_lag * far, width)
    (_, measured), (_, allowed) = (
        at(lag, values[lag]).split() for values in (median, bound)
    )
    parts = [
        '<path class="gradient drawn thick" d="M4 12H30"/>',
        text(36, 17, "measured", "start small"),
        '<path class="baseline drawn dashed" d="M124 12H150"/>',
        text(156, 17, "bound", "start small"),
        '<rect class="beyond" x="226" y="5" width="26" height="14"/>',
        text(258, 17, "less than 1% arrives", "start small"),
        f'<svg role="presentation" x="{x}" y="{y}" width="{width}" '
        f'height="{height}" overflow="hidden">',
        f'<rect id="horizon-beyond" class="beyond" x="{start:.1f}" y="0" '
        f'width="{width - start:.1f}" height="{height}"/>',
        f'<path id="horizon-band" class="gradient band" d="M{line(low)}L{back}z"/>',
        f'<path id="horizon-bound" class="baseline drawn dashed" d="M{line(bound)}"/>',
        f'<path id="horizon-median" class="gradient drawn thick" d="M{line(median)}"/>',
        f'<g id="horizon-lag" transform="translate({per_lag * lag:.1f} 0)">'
        f'<path class="line" d="M0 0V{height}"/>'
        f'<circle id="horizon-allowed" class="baseline filled" cy="{allowed}" r="5"/>'
        f'<circle id="horizon-measured" class="gradient filled" cy="{measured}" r="5"/>'
        "</g></svg>",
        f'<path class="line" d="M{x} {y}V{y + height}H{x + width}"/>',
        text(4, y - 10, "length of the error, relative to lag 0", "start small"),
    ]
    for decade in range(foot, top + 1, 3):
        label = f"10{str(decade).translate(POWERS)}" if decade else "1"
        level = y + height * (top - decade) / (top - foot)
        parts.append(text(x - 6, level + 5, label, "end small"))
    for k in (0, 10, 20, 30, 39):
        parts.append(text(x + per_lag * k, y + height + 18, str(k), "small"))
    parts.append(text(x + width / 2, y + height + 38, "lag in steps", "small"))
    label = (
        f"How much of an error is left by lag, on a logarithmic scale, for "
        f"{activation} and spectral radius {radius:g}. The measured curve falls from "
        f"1 at lag 0 to {median[lag]:.2g} at lag {lag}, and less than 1% is left from "
        f"lag {far} on. The bound is a horizontal line at 1."
    )
    return picture(420, y + height + 46, label, parts, HORIZON_STYLE)


# The unroller: four steps of the network that is run by hand. -----------------------

ROWS = {"o": 44, "h": 150, "x": 262, "d": 334}
SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉"

UNROLLER_STYLE = """\
.picture .box {fill: var(--picture-page, #fff); stroke: var(--role); stroke-width: 1.8}
.picture .edge path {opacity: 0.45}
.picture .edge.used path {opacity: 1}
.picture .edge.used .drawn {stroke-width: 3.5}
.picture .edge.back {--role: var(--picture-gradient, #A3427A)}
.picture .now .box {stroke-width: 4}
.picture .later .value {visibility: hidden}
.picture .edge text {font-size: 12px}
.picture .edge .below {font-size: 9px}
"""


def unroller(x: Sequence[float], h: np.ndarray, o: np.ndarray, d_h: np.ndarray) -> str:
    """The unrolled network with all its values, forwards and backwards.

    x and o have one number a step, h and d_h (steps + 1, 2) begin with h_0.
    """
    steps = len(x)
    columns = [44 + 84 * t for t in range(steps + 1)]
    parts, nodes = [], []
    for t, column in enumerate(columns):
        suffix = SUBSCRIPTS[t]
        nodes.append(_box(f"h{t}", column, ROWS["h"], f"h{suffix}", "hidden", h[t]))
        for i, value in enumerate(d_h[t]):
            y = ROWS["d"] + 16 * i
            name = f"value-d{t}-{i}"
            parts.append(text(column, y, signed(value), "named gradient small", name))
        if t == 0:
            continue
        nodes += [
            _box(f"x{t}", column, ROWS["x"], f"x{suffix}", "input", [x[t - 1]]),
            _box(f"o{t}", column, ROWS["o"], f"o{suffix}", "output", [o[t - 1]]),
        ]
        left, beside = columns[t - 1], column - 6
        x_top, h_foot = (column, ROWS["x"] - 30), (column, ROWS["h"] + 30)
        h_top, o_foot = (column, ROWS["h"] - 30), (column, ROWS["o"] + 30)
        before, after = (left + 26, ROWS["h"] + 8), (column - 26, ROWS["h"] + 8)
        over = ((left + column) / 2, 151, "")
        parts += [
            _edge(f"W_ih-{t}", x_top, h_foot, "input", (beside, 208, "end")),
            _edge(f"W_hh-{t}", before, after, "hidden", over),
            _edge(f"W_ho-{t}", h_top, o_foot, "output", (beside, 94, "end")),
        ]
    last = SUBSCRIPTS[steps]
    parts.append(text(4, 312, f"∂o{last}/∂h, backwards:", "start named gradient small"))
    label = (
        f"The Elman network unrolled over {steps} steps with the values of its "
        "inputs, states and outputs, after a pulse in the first step. The same W_ih, "
        "W_hh and W_ho stand at each step. Below each state is the derivative of "
        f"the last output with respect to it: {pair(d_h[-1])} for the last state, "
        f"{pair(d_h[0])} for h0."
    )
    return picture(420, 360, label, [*parts, *nodes], UNROLLER_STYLE)


def signed(value: float) -> str:
    """A number with three decimals and a true minus sign."""
    return f"{value:.3f}".replace("-0.000", "0.000").replace("-", "−")


def pair(values: Sequence[float]) -> str:
    """Numbers in brackets."""
    return f"({', '.join(map(signed, values))})"


def _box(
    name: str, x: float, y: float, title: str, role: str, values: Sequence[float]
) -> str:
    """A node: its name over its one or two values."""
    top, first = y - 28, y + 14 - 8 * (len(values) - 1)
    lines = [
        text(x, first + 16 * i, signed(value), "value small", f"value-{name}-{i}")
        for i, value in enumerate(values)
    ]
    return (
        f'<g id="node-{name}" class="{role}"><rect class="box" x="{x - 26}" y="{top}" '
        f'width="52" height="56" rx="8"/>'
        f"{text(x, top + 17, title, 'named ' + role)}{''.join(lines)}</g>"
    )


def _edge(name: str, start, end, role: str, place: tuple) -> str:
    """An arrow with the name of its weights beside it."""
    x, y, anchor = place
    letter, _, which = name.partition("-")[0].partition("_")
    below = f'{letter}<tspan class="below" dy="4">{which}</tspan>'
    label = text(x, y, below, f"named small {anchor}".strip())
    drawn = arrow(start, end, 0, f"edge {role}", f"edge-{name}")
    return drawn.removesuffix("</g>") + label + "</g>"


# Two memories: what two networks believe about the last symbol but one. -------------

PANELS = (56, 196)  # where they begin
PANEL = (44, 362, 84)  # left, width, height of each

MEMORIES_STYLE = """\
.picture .under, .picture .over {stroke-linecap: round}
.picture .under {stroke-width: 7; stroke-opacity: 0.6}
.picture .over {stroke-width: 2}
.picture .half {stroke-dasharray: 3 4}
"""


def two_memories(inner: str, networks: dict[str, dict[str, np.ndarray]]) -> str:
    """The shares of T after BT and after BP, (len(inner) + 1,), a panel for a network.

    `networks` gives by title what `helpers.press.explorables.beliefs` returns.
    """
    left, width, height = PANEL
    right, per_symbol = left + width, width / len(inner)
    parts = [
        '<path class="input drawn under" d="M4 12H30"/>',
        text(36, 17, "began with BT", "start small"),
        '<path class="output drawn over" d="M150 12H176"/>',
        text(182, 17, "began with BP", "start small"),
    ]
    said = []
    for panel, (title, values) in enumerate(networks.items()):
        top = PANELS[panel]
        distance = f"states {plain(values['apart'][-1])} apart"
        parts += [
            text(left, top - 12, title, "start small", f"memory-title-{panel}"),
            text(4, top + 10, "all T", "start small"),
            text(4, top + height, "all P", "start small"),
            f'<path class="line half" d="M{left} {top + height / 2}h{width}"/>',
            f'<path class="line" d="M{left} {top}v{height}h{width}"/>',
            text(
                right, top + height + 18, distance, "end small", f"memory-apart-{panel}"
            ),
        ]
        for symbol, classes in (("T", "input drawn under"), ("P", "output drawn over")):
            points = "L".join(
                f"{left + per_symbol * k:.1f} {top + height * (1 - share):.1f}"
                for k, share in enumerate(values[symbol])
            )
            name = f"memory-{panel}-{symbol}"
            parts.append(f'<path id="{name}" class="{classes}" d="M{points}"/>')
        ends = " and ".join(f"{values[symbol][-1]:.2f}" for symbol in "TP")
        said.append(f"{title}: {ends}, {distance}")
    foot = PANELS[1] + PANEL[2] + 50
    read = [
        text(left, foot - 14, "T", "named input small"),
        text(left, foot + 1, "P", "named output small"),
        *(
            text(left + per_symbol * k, foot - 6, symbol, "small")
            for k, symbol in enumerate(inner, 1)
        ),
    ]
    parts.append(f'<g id="memory-symbols">{"".join(read)}</g>')
    now = "".join(f"M{left + width} {top}v{height}" for top in PANELS)
    parts.append(f'<path id="memory-now" class="line" d="{now}"/>')
    label = (
        f"The share of T in what two networks say at the question, over the inner "
        f"string {inner}, for the string that began with BT and for the one that began "
        f"with BP. At the end, {'; '.join(said)}."
    )
    return picture(420, foot + 8, label, parts, MEMORIES_STYLE)


# Reddit on tap: what the language model may say next. -------------------------------

BARS = (132, 200)  # where they stand, and the length of a probability of 1
ROW = 25
FIRST_ROW = 44
READABLE = {"SENTENCE_END": "(end)", "``": "“", "''": "”"}
READABLE |= {"_name_": "(name)", "_religion_": "(religion)"}

REDDIT_STYLE = """\
.picture .all {fill: var(--picture-line, #888); fill-opacity: 0.14}
"""


def reddit_on_tap(beginning: str, likeliest: dict[str, float]) -> str:
    """A bar for the probability of each of these words, and one for all others."""
    x, full = BARS
    rest = 1 - sum(likeliest.values())
    rows = [(READABLE.get(word, word), p, "output") for word, p in likeliest.items()]
    rows.append(("all others", rest, "baseline"))
    parts = [text(4, 17, f"After “{beginning}”, what next?", "start", "reddit-after")]
    for row, (word, p, role) in enumerate(rows):
        y = FIRST_ROW + ROW * row
        parts += [
            text(x - 8, y + 5, escape(word), "end", f"reddit-word-{row}"),
            f'<rect class="all" x="{x}" y="{y - 9}" width="{full}" height="18"/>',
            f'<rect id="reddit-bar-{row}" class="{role} filled" x="{x}" y="{y - 9}" '
            f'width="{full * p:.1f}" height="18"/>',
            text(x + full + 8, y + 5, percent(p), "start small", f"reddit-p-{row}"),
        ]
    words = ", ".join(f"{word} {percent(p)}" for word, p, _ in rows)
    label = (
        f"The words that the network gives the highest probability after "
        f"“{beginning}”, with their bars: {words}."
    )
    return picture(420, FIRST_ROW + ROW * len(rows), escape(label), parts, REDDIT_STYLE)


def percent(p: float) -> str:
    """A probability in per cent, with one decimal."""
    return f"{100 * p:.1f}%"


# Train it: the automaton as the network says it, loss and strings while it learns. ---

TRAIN_PLACES = np.array([X, (90, 90, 46, 134, 46, 134, 90, 90)], float).T
TRAIN_TOP, TRAIN_HEIGHT = 208, 106  # of both plots
TRAIN_LEFT, TRAIN_WIDTH = (46, 258), 158
TRAIN_DECADES, TRAIN_FLOOR = (-4, 0), 18  # of the loss, and the room below, for 0
WRITTEN, CUT = 8, 22  # strings that are shown, and symbols of each

TRAIN_STYLE = """\
.picture.train .band {fill: var(--role); fill-opacity: 0.25}
.picture.train .dashed {stroke-dasharray: 5 4; stroke-width: 1.4}
.picture.train .seeds {stroke-width: 1.4; stroke-linejoin: round}
.picture.train .state circle {fill: var(--role); stroke: var(--role)}
.picture.train .written {font: 13px ui-monospace, Menlo, Consolas, monospace}
.picture.train .bad {fill: var(--picture-gradient, #A3427A); font-weight: 700}
.picture.train .bad {text-decoration: underline}
.picture.train:not(.live) .guess, .picture.train.asking .record {display: none}
.picture.train .grip {fill: var(--picture-page, #fff); stroke: var(--role)}
.picture.train .grip, .picture.train .state circle {stroke-width: 2}
"""


def train_it(
    loss: float,
    said: np.ndarray,
    strings: Sequence[str],
    record: dict[str, Sequence[float]],
    shares: dict[str, Sequence[float]],
    one_symbol: float,
    updates: int,
) -> str:
    """The network before its training, over the recorded trainings.

    said (8, 7): what the network gives each symbol in each state. `record` and `shares`
    have "at", "low", "median" and "high", test losses and shares of grammatical strings
    by update; `one_symbol` is the least loss without more memory.
    """
    foot = TRAIN_TOP + TRAIN_HEIGHT
    (left, right), width = TRAIN_LEFT, TRAIN_WIDTH

    def loss_y(value: float) -> float:
        low, high = TRAIN_DECADES
        down = (high - np.log10(value)) / (high - low)
        return TRAIN_TOP + (TRAIN_HEIGHT - TRAIN_FLOOR) * down

    def share_y(value: float) -> float:
        return foot - TRAIN_HEIGHT * value

    def curves(band: dict, x: float, y, name: str) -> list[str]:
        def line(values: Sequence[float], back: bool = False) -> str:
            pairs = list(zip(band["at"], values, strict=True))
            return "L".join(
                f"{x + width * at / updates:.1f} {y(value):.1f}"
                for at, value in (pairs[::-1] if back else pairs)
            )

        low, median, high = (band[key] for key in ("low", "median", "high"))
        return [
            f'<g class="record"><path id="train-band-{name}" class="baseline band" '
            f'd="M{line(low)}L{line(high, back=True)}z"/><path '
            f'id="train-median-{name}" class="baseline drawn" d="M{line(median)}"/></g>'
        ]

    parts = [
        text(416, 17, "bright: what it expects", "end small"),
    ]
    for here, moves in enumerate(REBER.transitions):
        for symbol, after in moves.items():
            arrow, label = _transition(here, symbol, after, TRAIN_PLACES, "train-")
            given = said[here, SYMBOLS.index(symbol)] if here else 1
            shown = f'style="opacity: {bright(given * len(moves)):.3f}" class="input"'
            parts += [arrow.replace('class="input"', shown), label]
    for state, (x, y) in enumerate(TRAIN_PLACES):
        asked = 0 < state < len(TRAIN_PLACES) - 1
        legal = said[state] @ REBER.legal_next[state] if asked else 1
        parts.append(
            f'<g class="state hidden" transform="translate({x:g} {y:g})"><circle '
            f'id="train-state-{state}" r="16" fill-opacity="{0.4 * legal:.3f}"/>'
            f"{text(0, 5, str(state))}</g>"
        )
    parts += [
        text(left - 42, TRAIN_TOP - 12, "test loss", "start small"),
        text(right - 42, TRAIN_TOP - 12, "strings in the grammar", "start small"),
        *curves(record, left, loss_y, "loss"),
        *curves(shares, right, share_y, "share"),
    ]
    for value, label in ((1, "1"), (0.1, "0.1"), (0.01, "0.01"), (0.001, "10⁻³")):
        parts.append(text(left - 6, loss_y(value) + 5, label, "end small"))
    parts.append(text(left - 6, foot + 5, "0", "end small"))
    for value in (0, 50, 100):
        parts.append(
            text(right - 6, share_y(value / 100) + 5, f"{value}%", "end small")
        )
    level = f"{loss_y(one_symbol):.1f}"
    parts += [
        f'<path class="baseline drawn dashed" d="M{left} {level}h{width}"/>',
        text(left + width, float(level) - 5, "one symbol’s best", "end small"),
        f'<path id="train-floor" class="target drawn" d="M{left} {foot}h{width}"/>',
        f'<path id="train-true" class="target drawn" '
        f'd="M{right} {TRAIN_TOP}h{width}"/>',
        f'<path class="line" d="M{left} {TRAIN_TOP}V{foot}"/>',
        f'<path class="line" d="M{right} {TRAIN_TOP}V{foot}h{width}"/>',
    ]
    for x in TRAIN_LEFT:
        for place, label in ((0, "0"), (0.45, "updates"), (1, f"{updates:,}")):
            end = "end small" if place == 1 else "small"
            parts.append(text(x + width * place, foot + 18, label, end))
    grammatical = np.mean([REBER.check(string) is None for string in strings])
    start, share = f"{loss_y(loss):.1f}", f"{share_y(grammatical):.1f}"
    parts += [
        *(
            f'<path id="train-last-{name}" class="input drawn dashed" d=""/>'
            for name in ("loss", "share")
        ),
        f'<path id="train-loss" class="output drawn seeds" d="M{left} {start}h3"/>',
        f'<path id="train-share" class="output drawn seeds" d="M{right} {share}h3"/>',
        f'<g id="train-guess" class="guess gradient" transform="translate({right} 0)">'
        f'<path class="drawn dashed" d="M0 {TRAIN_TOP}V{foot}"/><circle class="grip" '
        f'cy="{share_y(0.5):g}" r="9"/></g>',
        text(4, foot + 44, "Untrained, it writes", "start small", "train-when"),
    ]
    for place, string in enumerate(strings[:WRITTEN]):
        x, y = 4 + 212 * (place % 2), foot + 63 + 18 * (place // 2)
        parts.append(
            f'<text id="train-string-{place}" class="written start" x="{x}" y="{y}">'
            f"{_written(string)}</text>"
        )
    label = (
        "An Elman network before its training: no arrow of the automaton is bright "
        f"yet, its loss on test strings is {loss:.2f}, and of {len(strings)} strings "
        f"that it writes {grammatical:.0%} are in the grammar. Behind, as bands, 20 "
        f"recorded trainings of {updates:,} updates: the loss falls to "
        f"{record['median'][-1]:.2g}, the share rises to {shares['median'][-1]:.0%}."
    )
    return picture(420, foot + 126, label, parts, TRAIN_STYLE, "train")


def bright(relative: float) -> float:
    """How opaque an arrow is that has this part of what it should have."""
    return 0.12 + 0.88 * min(relative, 1)


def _written(string: str) -> str:
    """A string with a mark before it, its first wrong symbol marked."""
    misfit = REBER.check(string)
    shown = string if len(string) <= CUT else f"{string[: CUT - 1]}…"
    if misfit is None:
        return f"✓ {shown}"
    at = min(misfit.position, len(shown) - 1)
    return f'✗ {shown[:at]}<tspan class="bad">{shown[at]}</tspan>{shown[at + 1 :]}'


# Can you make it remember?: bets, right answers by update, the gradient by lag. -------

REMEMBER_TOP, REMEMBER_HEIGHT = 96, 130
REMEMBER_LEAST = 0.4  # at the foot of the axis of right answers
REMEMBER_DECADES = (-12, 2)
REMEMBER_SEEDS = (14, 20.5)  # the place of the first, and from one to the next

REMEMBER_STYLE = """\
.picture.remember .band {fill: var(--role); fill-opacity: 0.25}
.picture.remember .dashed {stroke-dasharray: 5 4; stroke-width: 1.4}
.picture.remember .run {stroke-width: 1.6; stroke-linejoin: round}
.picture.remember .seed {fill: transparent; stroke: var(--picture-line, #888)}
.picture.remember .seed.bet {stroke: var(--picture-gradient, #A3427A)}
.picture.remember .seed.bet {stroke-width: 3}
.picture.remember .seed.won {fill: var(--picture-baseline, #666)}
.picture.remember:not(.live) .guess, .picture.remember.asking .record {display: none}
.picture.remember .grip {fill: var(--picture-page, #fff); stroke: var(--role)}
.picture.remember .grip {stroke-width: 2}
"""


def remember(
    lengths: Sequence[int],
    updates: int,
    right: float,
    reach: Sequence[float],
    house: dict,
    seeds: int,
) -> str:
    """An untrained network over what was recorded of its training.

    `right` is its share of right answers, `reach` its gradient at the second symbol by
    lag. `house` is what `helpers.press.explorables.house` returns.
    """
    top, height, width = REMEMBER_TOP, REMEMBER_HEIGHT, TRAIN_WIDTH
    (left, beside), foot = TRAIN_LEFT, REMEMBER_TOP + REMEMBER_HEIGHT
    (first, apart), (low, high) = REMEMBER_SEEDS, REMEMBER_DECADES

    def share_at(k: float, share: float) -> str:
        part = (share - REMEMBER_LEAST) / (1 - REMEMBER_LEAST)
        return f"{left + width * k / updates:.1f} {foot - height * part:.1f}"

    def norm_at(lag: float, norm: float) -> str:
        along = (lag - lengths[0]) / (lengths[-1] - lengths[0])
        part = min(max((np.log10(norm) - low) / (high - low), 0), 1)
        return f"{beside + width * along:.1f} {foot - height * part:.1f}"

    def looks(name: str, back: bool = False) -> str:
        pairs = list(zip(house["looks"]["at"], house["looks"][name], strict=True))
        return "L".join(share_at(*pair) for pair in (pairs[::-1] if back else pairs))

    def by_lag(norms: Sequence[float]) -> str:
        return "L".join(map(norm_at, lengths, norms))

    parts = [
        text(4, 17, "bet: how many of 20 seeds learn it", "start small"),
        '<circle class="seed won record" cx="284" cy="12" r="7"/>',
        text(298, 17, "recorded seeds", "start small record"),
        '<g id="remember-bets"><rect x="0" y="24" width="420" height="40" '
        'fill="transparent"/>',
    ]
    for i in range(seeds):
        won = " won" if i < house["solved"] else ""
        parts.append(
            f'<circle id="remember-seed-{i}" class="seed{won}" '
            f'cx="{first + apart * i:g}" cy="44" r="7"/>'
        )
    parts += [
        f'<g id="remember-bet" class="guess gradient" transform="translate('
        f'{first + apart * (seeds / 2 - 0.5):g} 0)"><path class="drawn" '
        'stroke-width="2" d="M0 30V58"/><circle class="grip" cy="44" r="8"/></g></g>',
        text(left - 42, top - 12, "right at the question", "start small"),
        text(beside - 42, top - 12, "gradient at the symbol", "start small"),
        f'<g class="record"><path id="remember-band" class="baseline band" '
        f'd="M{looks("low")}L{looks("high", back=True)}z"/><path id="remember-median" '
        f'class="baseline drawn" d="M{looks("median")}"/><path '
        f'id="remember-house-reach" class="baseline drawn" '
        f'd="M{by_lag(house["reach"])}"/></g>',
    ]
    for share in (0.5, 0.75, 1):
        y = foot - height * (share - REMEMBER_LEAST) / (1 - REMEMBER_LEAST)
        parts.append(text(left - 6, y + 5, f"{share:.0%}", "end small"))
    for decade, label in ((0, "1"), (-4, "10⁻⁴"), (-8, "10⁻⁸"), (-12, "10⁻¹²")):
        y = foot - height * (decade - low) / (high - low)
        parts.append(text(beside - 6, y + 5, label, "end small"))
    coin = share_at(0, 0.5)
    parts += [
        f'<path class="baseline drawn dashed" d="M{coin}h{width}"/>',
        f'<path class="target drawn" d="M{left} {top}h{width}"/>',
        f'<path class="line" d="M{left} {top}V{foot}h{width}"/>',
        f'<path class="line" d="M{beside} {top}V{foot}h{width}"/>',
    ]
    for place, label in ((0, "0"), (0.45, "updates"), (1, f"{updates:,}")):
        end = "end small" if place == 1 else "small"
        parts.append(text(left + width * place, foot + 18, label, end))
    for lag in (5, 10, 15, 20, 25):
        x = float(norm_at(lag, 1).split()[0])
        end = "end small" if lag == lengths[-1] else "small"
        parts.append(text(x, foot + 18, str(lag), end))
    parts += [
        text(beside + width / 2, foot + 36, "lag", "small"),
        f'<path id="remember-start" class="gradient drawn dashed" '
        f'd="M{by_lag(reach)}"/>',
        f'<path id="remember-reach" class="gradient drawn run" d="M{by_lag(reach)}"/>',
        f'<path id="remember-right" class="output drawn run" '
        f'd="M{share_at(0, right)}h3"/>',
    ]
    looked, norms = house["looks"], house["reach"]
    label = (
        f"An Elman network before its training: it answers {right:.0%} right, and the "
        f"gradient at the symbol falls from {plain(reach[0])} at lag {lengths[0]} to "
        f"{plain(reach[-1])} at lag {lengths[-1]}. Behind, {seeds} recorded seeds: "
        f"after {updates:,} updates {house['solved']} have learned it, the median is "
        f"at {looked['median'][-1]:.0%}, and the gradient falls to {plain(norms[-1])}."
    )
    return picture(420, foot + 42, label, parts, REMEMBER_STYLE, "remember")


# The cell, gate by gate: a bit is carried over 20 steps, and the error back. ----------

GATES_ACROSS = (62, 18)  # the middle of the first step, and from one to the next
GATES_SHOWN = (52, 76)  # top and height of the panel of h
GATES_ERROR = (162, 60)  # and of that of the error
GATES_DECADES = (-6, 0)
GATES_ROWS, GATES_ROW = (250, 288, 326, 364), 26  # what comes in, and the gates

GATES_STYLE = """\
.picture.gates .under, .picture.gates .over {stroke-linecap: round}
.picture.gates .under {stroke-width: 7; stroke-opacity: 0.6}
.picture.gates .over {stroke-width: 2}
.picture.gates .half {stroke-dasharray: 3 4}
.picture.gates .shown {stroke-dasharray: 4 3; stroke-width: 1.6}
.picture.gates .thick {stroke-width: 2.5}
.picture.gates .room {fill: var(--picture-line, #888); fill-opacity: 0.14}
.picture.gates .absent, .picture.gates.asking .answer {display: none}
.picture.gates:not(.live) .guess {display: none}
.picture.gates .grip {fill: var(--picture-page, #fff); stroke: var(--role)}
.picture.gates .grip {stroke-width: 2}
"""


def cell_gates(g: np.ndarray, gates: np.ndarray, after_T, after_P) -> str:
    """A cell with these gates (3, 20), after either bit.

    `after_T` and `after_P` are what `helpers.press.explorables.held` returns, g (20,)
    what comes in.
    """
    first, step = GATES_ACROSS
    steps = len(g)
    begin, end = first - step / 2, first + step * (steps - 0.5)
    (top, height), (over, high) = GATES_SHOWN, GATES_ERROR
    low, most = GATES_DECADES
    middle = top + height / 2

    def line(values: Sequence[float], y) -> str:
        points = (f"{first + step * t:g} {y(v):.1f}" for t, v in enumerate(values))
        return "M" + "L".join(points)

    def shown(value: float) -> float:
        return middle - height / 2 * value

    def error(value: float) -> float:
        decade = np.log10(max(value, 10.0**low))
        return over + high * (most - decade) / (most - low)

    parts = [
        '<path class="input drawn under" d="M4 12H30"/>',
        text(36, 17, "after T", "start small"),
        '<path class="output drawn over" d="M110 12H136"/>',
        text(142, 17, "after P", "start small"),
        text(4, top - 10, "tanh(c), the cell, and dashed h, as shown", "start small"),
        text(begin - 6, top + 9, "1", "end small"),
        text(begin - 6, top + height, "−1", "end small"),
        f'<path class="line half" d="M{begin:g} {middle:g}H{end:g}"/>',
        f'<path class="line" d="M{begin:g} {top}v{height}"/>',
        f'<g class="answer"><path id="gates-T" class="input drawn under" '
        f'd="{line(np.tanh(after_T.c), shown)}"/><path id="gates-P" class="output '
        f'drawn over" d="{line(np.tanh(after_P.c), shown)}"/><path id="gates-h-T" '
        f'class="input drawn shown" d="{line(after_T.h, shown)}"/><path '
        f'id="gates-h-P" class="output drawn shown" d="{line(after_P.h, shown)}"/></g>',
        '<g id="gates-guess" class="guess gradient">'
        f'<path class="drawn" d="M{end:g} {middle - 18}V{middle + 18}"/>'
        f'<circle class="grip" cx="{end:g}" cy="{middle - 18}" r="8"/></g>',
        text(4, over - 10, "error of the last h, carried back to c", "start small"),
        text(begin - 6, over + 9, "1", "end small"),
        text(begin - 6, over + high / 2 + 5, "10⁻³", "end small"),
        text(begin - 6, over + high, "10⁻⁶", "end small"),
        f'<path class="line" d="M{begin:g} {over}v{high}H{end:g}"/>',
        f'<path id="gates-error" class="gradient drawn thick answer" '
        f'd="{line(after_T.error, error)}"/>',
    ]
    parts.append(text(begin - 6, GATES_ROWS[0] + 18, "in", "end small"))
    for t, value in enumerate(g):
        y, size = GATES_ROWS[0] + GATES_ROW / 2, GATES_ROW / 2 * abs(value)
        x, role = first + step * t - 6, "baseline" if t else "input"
        parts.append(_bar(x, y - max(value, 0) / abs(value) * size, size, role))
    parts.append(_bar(first - 6, y, GATES_ROW / 2 * g[0], "output"))
    for row, (values, y) in enumerate(zip(gates, GATES_ROWS[1:], strict=True)):
        bars = [
            _bar(first + step * t - 6, y, GATES_ROW, "room")
            + _bar(
                first + step * t - 6,
                y + GATES_ROW * (1 - value),
                GATES_ROW * value,
                "hidden",
                f"gates-{row}-{t}",
            )
            for t, value in enumerate(values)
        ]
        name = text(begin - 6, y + 18, ("input", "output", "forget")[row], "end small")
        parts.append(f'<g id="gates-row-{row}">{name}{"".join(bars)}</g>')
    for t in (0, 4, 9, 14, 19):
        parts.append(text(first + step * t, GATES_ROWS[-1] + 46, str(t + 1), "small"))
    left = (after_T.h[-1] - after_P.h[-1]) / (2 * np.tanh(g[0]))
    label = (
        "A cell of an LSTM over 20 steps. The input gate is open in the first step, "
        "the output gate in the last, and the forget gate stands at "
        f"{gates[2, -1]:.2f}. Of the bit {left:.1%} is left at the end, and of the "
        f"error {after_T.error[0]:.1%} comes back to the first step."
    )
    height = GATES_ROWS[-1] + 52
    return picture(420, height, label, parts, GATES_STYLE, "gates")


def _bar(x: float, y: float, height: float, kind: str, name: str = "") -> str:
    mark = f' id="{name}"' if name else ""
    kind = kind if kind == "room" else f"{kind} filled"
    return (
        f'<rect{mark} class="{kind}" x="{x:g}" y="{y:g}" width="12" '
        f'height="{height:g}"/>'
    )


# Three pasts: what an LSTM, a minGRU and attention have of one string. ----------------

PASTS_PANEL = (52, 364)  # left, and the width of all symbols and the question
PASTS_LEVELS = (0.3, 1, 3, 10)  # beyond each, a value is a shade darker
PASTS_LEAST = 0.1  # so much two states differ if T and P are to be told apart
PASTS_SYMBOLS = 42
PASTS_PANELS = ((72, 60), (156, 148), (334, 74))  # top and height
PASTS_HEATS = {  # a row for each unit: top, and the height of a row
    "cell": (72, 4),
    "state-1": (156, 2.6),
    "state-2": (234, 2.6),
}
PASTS_BARS = {  # a bar for each step: foot, and the height of 1
    "kept-1": (226, 12),
    "kept-2": (304, 12),
    "weights-1": (368, 34),
    "weights-2": (408, 34),
}
PASTS_ANSWERS = (436, 20)  # the top of the first bar, and from one to the next
PASTS_ANSWER = (88, 262, 14)  # left, width and height of a bar

PASTS_STYLE = """\
.picture.pasts .heat {shape-rendering: crispEdges}
.picture.pasts .s0 {stroke-opacity: 0.2}
.picture.pasts .s1 {stroke-opacity: 0.45}
.picture.pasts .s2 {stroke-opacity: 0.7}
.picture.pasts .most {stroke-width: 4; stroke-linecap: round}
.picture.pasts .later {fill: var(--picture-line, #888)}
.picture.pasts.asking .answer {visibility: hidden}
.picture.pasts:not(.live) .guess {display: none}
.picture.pasts .grip {fill: var(--picture-page, #fff); stroke: var(--role)}
.picture.pasts .grip {stroke-width: 2}
"""


def three_pasts(string: str, past, apart, memory: dict[str, tuple[str, int]]) -> str:
    """What three networks have of a string when its last symbol but one is asked for.

    `past` and `apart` are what these functions of `helpers.press.explorables` return
    for the string. `memory` has for each network a title and how many numbers its past
    is.
    """
    left, width = PASTS_PANEL
    T = len(string)
    column = width / (T + 1)
    middles = left + column * (np.arange(T) + 0.5)
    most = {name: np.abs(values).argmax(axis=1) for name, values in apart.items()}
    gaps = {name: np.abs(values).max(axis=1) for name, values in apart.items()}
    parts = [
        '<path class="input drawn" stroke-width="10" d="M4 12h10"/>',
        text(18, 17, "more after T", "start small", "pasts-above"),
        '<path class="output drawn" stroke-width="10" d="M112 12h10"/>',
        text(126, 17, "more after P", "start small", "pasts-below"),
        '<path class="target drawn most" d="M224 12h0"/>',
        text(232, 17, "where they differ most", "start small"),
    ]
    for i, ((top, _), (title, size)) in enumerate(
        zip(PASTS_PANELS, memory.values(), strict=True)
    ):
        parts += [
            text(4, top - 7, title, "start small"),
            text(416, top - 7, f"{size:,} numbers", "end small", f"pasts-size-{i}"),
        ]
    for name, (top, high) in PASTS_HEATS.items():
        place = f"translate({left} {top}) scale({column:.3f} {high})"
        heat = "".join(
            f'<path class="{role} drawn s{i % len(PASTS_LEVELS)}" d="{path}"/>'
            for i, path in enumerate(shades(apart[name]))
            for role in (("input", "output")[i // len(PASTS_LEVELS)],)
        )
        dots = "".join(
            f"M{x:.1f} {top + high * (j + 0.5):.1f}h0"
            for x, j, gap in zip(middles, most[name], gaps[name], strict=True)
            if gap > PASTS_LEAST
        )
        parts += [
            f'<g id="pasts-{name}" class="heat answer" transform="{place}">{heat}</g>',
            f'<path id="pasts-most-{name}" class="target drawn most answer" '
            f'd="{dots}"/>',
        ]
    kept = [
        np.where(
            gaps[f"state-{i}"] > PASTS_LEAST,
            values[np.arange(T), most[f"state-{i}"]],
            0,
        )
        for i, values in enumerate(past.kept, 1)
    ]
    looked = [weights[-1] for weights in past.weights]
    for (name, (foot, high)), values in zip(
        PASTS_BARS.items(), (*kept, *looked), strict=True
    ):
        bars = "".join(
            f"M{x:.1f} {foot}v{-high * value:.1f}"
            for x, value in zip(middles, values, strict=True)
        )
        label = "kept" if "kept" in name else f"layer {name[-1]}"
        parts += [
            f'<path id="pasts-{name}" class="hidden drawn answer" '
            f'stroke-width="{0.7 * column:.1f}" d="{bars}"/>',
            f'<path class="line" d="M{left} {foot}h{width}"/>',
            text(left - 5, foot - (1 if "kept" in name else 12), label, "end small"),
        ]
    for i in (1, 2):
        top, high = PASTS_HEATS[f"state-{i}"]
        middle = top + high * past.states[0].shape[1] / 2 + 4
        parts.append(text(left - 5, middle, f"layer {i}", "end small"))
    role = {"T": "input", "P": "output"}[string[1]]
    last = left + width - column / 2
    letters = "".join(
        text(round(x, 1), PASTS_SYMBOLS, symbol, f"{named}small")
        for x, symbol, named in zip(
            (*middles, last),
            f"{string}?",
            ("", f"named {role} ", *[""] * (T - 1)),
            strict=True,
        )
    )
    now = "".join(
        f"M{left + column * T:.1f} {top}v{high}" for top, high in PASTS_PANELS
    )
    parts += [
        f'<g id="pasts-symbols">{letters}</g>',
        f'<path id="pasts-now" class="line" d="{now}"/>',
        '<g id="pasts-guess" class="guess gradient" transform="translate('
        f'{middles[1]:.1f} 0)"><path class="drawn" stroke-width="2" d="M0 334V408"/>'
        '<circle class="grip" cy="371" r="8"/></g>',
    ]
    (x, wide, high), (first, each) = PASTS_ANSWER, PASTS_ANSWERS
    parts.append(text(4, first - 9, "the answer: T against P", "start small"))
    for i, (name, share) in enumerate(zip(memory, past.answers, strict=True)):
        y = first + each * i
        parts += [
            text(x - 6, y + 12, name, "end small"),
            f'<rect class="output filled answer" x="{x}" y="{y}" width="{wide}" '
            f'height="{high}"/><rect id="pasts-answer-{i}" class="input filled answer" '
            f'x="{x}" y="{y}" width="{wide * share:.1f}" height="{high}"/>',
            text(416, y + 12, f"T {share:.2f}", "end small answer", f"pasts-share-{i}"),
        ]
    cell, unit = (
        f"unit {most[name][-1] + 1}, by {plain(gaps[name][-1])}"
        for name in ("cell", "state-2")
    )
    places = [weights.argmax() for weights in looked]
    peaks = [
        f"{weights[k]:.2f} to step {k + 1}, {string[k]}"
        for weights, k in zip(looked, places, strict=True)
    ]
    numbers = [f"{size:,}" for _, size in memory.values()]
    label = (
        f"What three networks have of {string} when they are asked. After T and after "
        f"P the LSTM’s cell differs most in {cell}; the minGRU’s second layer in "
        f"{unit}, which keeps {kept[1][-1]:.3f} of itself. Attention’s first layer "
        f"gives {peaks[0]}, the second {peaks[1]}. The shares of T: "
        f"{', '.join(f'{share:.2f}' for share in past.answers)}. Their pasts are "
        f"{', '.join(numbers[:-1])} and {numbers[-1]} numbers."
    )
    return picture(420, first + 3 * each, label, parts, PASTS_STYLE, "pasts")


def shades(values: np.ndarray) -> list[str]:
    """A path for each shade of the values (T, n), those above 0 first.

    Its lines fill the squares from (t, j) to (t + 1, j + 1) of step t and unit j.
    """
    level = np.searchsorted(PASTS_LEVELS, np.abs(values)) * np.sign(values)
    paths = []
    for sign in (1, -1):
        for shade in range(1, len(PASTS_LEVELS) + 1):
            path = ""
            for j, found in enumerate((level == sign * shade).T):
                edges = np.flatnonzero(np.diff([0, *found, 0])).reshape(-1, 2)
                path += "".join(f"M{t} {j}.5h{end - t}" for t, end in edges)
            paths.append(path)
    return paths
