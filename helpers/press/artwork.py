"""The cover and the map of the chapters, as SVG, and the card that links show.

    python -m helpers.press.artwork        writes them into book/_static/

The text of the first page says what the networks of the cover do, and the map what the
chapters say of each other: so both are computed and not only drawn. Logo and favicon
are files without a source. All are transparent and in colours that stand out from a
white page and from a dark one, so that one file serves both.
"""

import argparse
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

import numpy as np
from PIL import Image

from helpers import ROOT
from helpers.press import notebooks
from helpers.results import console
from helpers.results.files import write_bytes, write_text

FOLDER = ROOT / "book" / "_static"

# Okabe and Ito's blue and vermilion, which every kind of eye tells apart, brightened so
# that they stand out from white and from the dark page alike.
BLUE, ORANGE = "#1483CE", "#DD6208"
GREY = "#7B7B7B"  # 4.2 to 1 on white, 4.3 to 1 on the dark page
DEEP, WHITE = "#1272B5", "#FFFFFF"  # a box and what is written on it, 5.1 to 1
FONTS = "-apple-system, Segoe UI, Roboto, Helvetica Neue, Noto Sans, Arial, sans-serif"

UNITS, STEPS = 32, 100
SCALES = {"fades": 0.9, "lingers": 1.0, "churns": 1.6}
LEVELS = 24  # of colour; so coarse that the last digits of a processor do not show


# ---------------------------------------------------------------------------
# The cover: what three networks make of one pulse


def orthogonal(units: int, seed: int) -> np.ndarray:
    """A random orthogonal matrix that turns its input slowly, shape (units, units).

    The Cayley transform of a random antisymmetric matrix whose largest singular value
    is 1/4: no direction turns by more than 2 arctan(1/4), or 28 degrees.
    """
    A = np.random.default_rng(seed).standard_normal((units, units))
    A = A - A.T
    A /= 4 * np.linalg.norm(A, 2)
    return np.linalg.solve(np.eye(units) - A, np.eye(units) + A)


def respond(pulse: np.ndarray, W_hh: np.ndarray, steps: int = STEPS) -> np.ndarray:
    """The states of an Elman network without biases after one input.

    h_0 = tanh(pulse) and h_t = tanh(h_{t-1} W_hh), shape (steps + 1, units).

    Raises ValueError if `W_hh` is not square with a row for each number of `pulse`.
    """
    if W_hh.shape != (len(pulse), len(pulse)):
        raise ValueError(
            f"W_hh must have shape {(len(pulse), len(pulse))}, as the pulse has "
            f"{len(pulse)} numbers; got {W_hh.shape}"
        )
    h = [np.tanh(pulse)]
    for _ in range(steps):
        h.append(np.tanh(h[-1] @ W_hh))
    return np.array(h)


@dataclass(frozen=True)
class Response:
    """One band of the cover, and the two numbers that its caption gives."""

    name: str
    scale: float  # all singular values of W_hh
    h: np.ndarray  # shape (STEPS + 1, UNITS)
    left: float  # size of the last state over that of the first
    growth: float  # of a tiny difference between two pulses, from first to last state


def responses(seed: int = 0) -> list[Response]:
    """What the same pulse leaves in three networks that differ in one number."""
    pulse = np.linspace(1, -1, UNITS)
    Q = orthogonal(UNITS, seed)
    bands = []
    for name, scale in SCALES.items():
        h = respond(pulse, scale * Q)
        # The difference follows the derivative: d tanh(a) = (1 - tanh(a)^2) da.
        difference = (1 - h[0] ** 2) * pulse
        start = np.linalg.norm(difference)
        for state in h[1:]:
            difference = (difference @ (scale * Q)) * (1 - state**2)
        size = np.linalg.norm(h, axis=1)
        growth = np.linalg.norm(difference) / start
        bands.append(Response(name, scale, h, size[-1] / size[0], growth))
    return bands


def cells(h: np.ndarray, width: int, height: int, top: int) -> list[str]:
    """SVG paths that show states, shape (steps, units), time to the right.

    A unit of value v covers its cell with the opacity sqrt(|v|), orange if positive
    and blue if negative. The root lifts small values: 0.01 shows as a tenth.
    """
    level = np.rint(np.sign(h) * np.sqrt(np.abs(h)) * LEVELS).astype(int).T
    paths = []
    for value in range(-LEVELS, LEVELS + 1):
        runs = []
        for y, row in enumerate(level == value):
            # Neighbours of one colour make one rectangle: 1 where a run begins,
            # -1 just after it ends.
            edges = np.diff(row.astype(int), prepend=0, append=0)
            starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
            for start, end in zip(starts, ends, strict=True):
                runs.append(
                    f"M{start * width} {top + y * height}"
                    f"h{(end - start) * width}v{height}h-{(end - start) * width}z"
                )
        if value and runs:
            colour = ORANGE if value > 0 else BLUE
            opacity = f"{abs(value) / LEVELS:.2f}"
            paths.append(
                f'<path fill="{colour}" fill-opacity="{opacity}" d="{"".join(runs)}"/>'
            )
    return paths


def cover() -> str:
    """The picture of the first page: one pulse in three networks."""
    width, height, line = 10, 5, 62
    band = UNITS * height
    total = (STEPS + 1) * width
    parts = []
    for i, response in enumerate(responses()):
        top = i * (band + line) + line
        parts.append(
            f'<text x="0" y="{top - 16}"><tspan font-weight="600">{response.name}'
            f'</tspan> <tspan dx="6" fill-opacity="0.9">× {response.scale:g}'
            "</tspan></text>"
        )
        parts += cells(response.h, width, height, top)
    bottom = 3 * (band + line) + 40
    parts += [
        f'<text x="0" y="{bottom}">pulse</text>',
        f'<text x="{total}" y="{bottom}" text-anchor="end">{STEPS} steps later</text>',
    ]
    return svg((0, 0, total, bottom + 12), parts, 33, ' shape-rendering="crispEdges"')


# ---------------------------------------------------------------------------
# The map of the chapters: which builds on which

# From top to bottom; a chapter on which no other builds stands aside.
ORDER, INDENT = (1, 2, 3, 4, 7, 5, 6, 8, 9), 64
# Width and height of a chapter, and the space below it. The longest title fills three
# quarters of its box, so that it fits in a wide font, too.
BOX, GAP = (400, 54), 28
BUILDS_ON = re.compile(r"\]\((\d\d)_\w+\.ipynb\)")


def openings() -> dict[int, str]:
    """The first cell of each chapter, by its number: title, aims, what it builds on."""
    paths = notebooks.chapters()
    return {int(p.name[:2]): notebooks.read(p).cells[0].source for p in paths}


def needed(chapters: dict[int, str]) -> dict[int, set[int]]:
    """The chapters that each builds on by its own words, without those in between.

    If 3 builds on 2 and on 1, and 2 builds on 1, then an arrow from 2 is enough.
    """
    named = {
        number: {int(digits) for digits in BUILDS_ON.findall(text)}
        for number, text in chapters.items()
    }

    def behind(number: int) -> set[int]:
        return set().union(*({n} | behind(n) for n in named[number]))

    return {
        number: {n for n in before if not any(n in behind(m) for m in before)}
        for number, before in named.items()
    }


def learning_map(links: Mapping[int, str] | None = None, name: str = "") -> str:
    """The chapters as boxes, with an arrow to each from those that it builds on.

    `links` are the addresses to which the boxes lead, by the number of the chapter, and
    `name` is what the map is called for those who do not see it; a file has neither.
    """
    (width, height), chapters = BOX, openings()
    before = needed(chapters)
    going_on = set().union(*before.values()) | {max(chapters)}
    left = {n: 0 if n in going_on else INDENT for n in ORDER}
    top = {n: i * (height + GAP) for i, n in enumerate(ORDER)}
    arrows, boxes = [], []
    for number in ORDER:
        x, y = left[number], top[number]
        arrows += [
            f'<path d="M{x + 40} {top[other] + height}V{y - 8}" stroke="{GREY}" '
            f'stroke-width="2"/><path d="M{x + 34} {y - 10}h12l-6 8z"/>'
            for other in sorted(before[number])
        ]
        title = escape(re.match(r"# \d+\. (.+)", chapters[number])[1])
        box = (
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="10" '
            f'fill="{DEEP}"/><text x="{x + 18}" y="{y + 34}" fill="{WHITE}" '
            f'font-weight="600">{number}</text>'
            f'<text x="{x + 44}" y="{y + 34}" fill="{WHITE}">{title}</text>'
        )
        link = escape(links[number]) if links else ""
        boxes.append(f'<a href="{link}">{box}</a>' if link else box)
    # A little room for the mark of the box that the keyboard is at.
    box = (-4, -4, INDENT + width + 8, top[ORDER[-1]] + height + 8)
    return svg(box, [*arrows, *boxes], 18, name=name)


# ---------------------------------------------------------------------------
# The card: what other programs show of a link to a page


CARD, MARGIN = (1200, 630), 60  # width and height, as they ask for it


def card() -> bytes:
    """The bands of the cover without words, as a PNG on white."""
    (width, height), gap = CARD, 30
    colours = np.array(
        [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in (ORANGE, BLUE)]
    )
    column, row = (width - 2 * MARGIN) // (STEPS + 1), 150 // UNITS
    picture = np.full((height, width, 3), 255, dtype=np.uint8)
    top = (height - 3 * row * UNITS - 2 * gap) // 2
    left = (width - column * (STEPS + 1)) // 2
    for response in responses():
        level = np.rint(np.sqrt(np.abs(response.h)) * LEVELS).T[..., None] / LEVELS
        colour = np.where(response.h.T[..., None] > 0, colours[0], colours[1])
        cells = np.rint(255 + level * (colour - 255.0)).astype(np.uint8)
        band = cells.repeat(row, axis=0).repeat(column, axis=1)
        picture[top : top + band.shape[0], left : left + band.shape[1]] = band
        top += band.shape[0] + gap
    file = io.BytesIO()
    Image.fromarray(picture).quantize(256, dither=Image.Dither.NONE).save(
        file, "PNG", optimize=True
    )
    return file.getvalue()


def svg(
    box: tuple[float, float, float, float],
    parts: list[str],
    font: int,
    more: str = "",
    name: str = "",
) -> str:
    """An SVG document in one group, with this size of letters and more attributes.

    One with a name is part of a page, and its parts are read out one by one.
    """
    view = " ".join(f"{number:g}" for number in box)
    size = f'width="{box[2]:g}" height="{box[3]:g}"'
    named = f' role="group" aria-label="{escape(name)}"' if name else ""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="{view}"{named}>'
    group = f'<g font-family="{FONTS}" font-size="{font}" fill="{GREY}"{more}>'
    return "\n".join([head, group, *parts, "</g>", "</svg>", ""])


FILES = {"cover.svg": cover, "map.svg": learning_map}
CARD_FILE = "card.png"


def main() -> None:
    """The command line."""
    console.show_any_text()
    argparse.ArgumentParser(
        prog="python -m helpers.press.artwork",
        description="Draw the cover, the map and the card.",
    ).parse_args()
    for name, draw in FILES.items():
        write_text(FOLDER / name, draw())
        print(f"book/_static/{name}")
    write_bytes(FOLDER / CARD_FILE, card())
    print(f"book/_static/{CARD_FILE}")


if __name__ == "__main__":
    main()
