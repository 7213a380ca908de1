"""A figure as SVG for pages: small, with classes for its colours, in panels.

What matplotlib writes is taken apart and put together anew. A colour of the palette
becomes a class of its role ("input-line", "hidden-fill") beside the colour, so that a
page may give it another one; so do the greys. Each column of axes is an image of its
own within the whole, which a page may place below another. Text stays text. The same
figure gives the same bytes.
"""

import hashlib
import io
import re
from collections.abc import Mapping
from xml.etree import ElementTree

from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

SVG = "http://www.w3.org/2000/svg"
HREF = "{http://www.w3.org/1999/xlink}href"
FONTS = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif"
RASTER = 216  # dots an inch: two for each pixel that a page gives a picture
ON_PICTURE = "on-picture"  # text that stands on colours which no page changes

ANY = "\ue000"  # in the place of a name that follows from the whole
NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
SHORTHAND = re.compile(r"(.*?)([\d.]+)px .*")  # of fonts, in matplotlib before 3.10
REFERENCE = re.compile(r"(?:url\()?#([\w-]+)")
STAYS = ("clip-path", "transform", "x", "y", "width", "height", "d")
PAINT = ("class", "fill", "stroke")
FILLED = ("path", "text", "tspan", "use")
USUAL = {
    ("fill-rule", "nonzero"),
    ("font-style", "normal"),
    ("font-weight", "400"),
    ("text-anchor", "start"),
}


def svg(fig: Figure, roles: Mapping[str, str]) -> str:
    """The text of a figure as SVG, its panels as `svg` elements of the class "panel".

    `roles` names the colours that a page may change, {"input": "#0072B2"}. A white
    ground lies under the panels. The figure must have axes.
    """
    fig.draw_without_rendering()  # places the axes
    panels = columns(fig)
    edges = borders(fig, panels)
    marked = [(ax, f"panel-{k}") for k, panel in enumerate(panels) for ax in panel]
    marked += [(text, ON_PICTURE) for ax in fig.axes for text in on_picture(ax)]
    before = [(artist, artist.get_gid()) for artist, _ in marked]
    for artist, name in marked:
        artist.set_gid(name)
    text = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    fig.savefig(text, format="svg", dpi=RASTER, metadata=nothing)
    for artist, name in before:
        artist.set_gid(name)
    return Rewriting(text.getvalue(), roles).whole(edges)


def columns(fig: Figure) -> list[list[Axes]]:
    """The axes of a drawn figure by column, from the left, bars of colour with theirs.

    There is one column where something belongs to the figure as a whole.
    """
    if fig.texts or fig.legends or fig.lines or fig.artists or fig.subfigs:
        return [list(fig.axes)]
    found: list[list[Axes]] = []
    bars = [ax for ax in fig.axes if ax.get_label() == "<colorbar>"]
    plots = [ax for ax in fig.axes if ax not in bars]
    for ax in sorted(plots, key=lambda ax: ax.get_position().x0):
        if found and ax.get_position().x0 < found[-1][-1].get_position().x1:
            found[-1].append(ax)
        else:
            found.append([ax])
    for bar in bars:
        left = bar.get_position().x0
        beside = [c for c in found if c[0].get_position().x0 <= left]
        (beside or found)[-1].append(bar)
    return found


def borders(fig: Figure, panels: list[list[Axes]]) -> list[float]:
    """Where the panels of a drawn figure begin and where the last ends, in points."""
    boxes = [[ax.get_tightbbox() for ax in panel] for panel in panels]
    ends = [max(b.x1 for b in box) for box in boxes[:-1]]
    starts = [min(b.x0 for b in box) for box in boxes[1:]]
    between = [(a + b) / 2 for a, b in zip(ends, starts, strict=True)]
    return [0, *(72 / fig.dpi * x for x in between), 72 * fig.get_figwidth()]


def on_picture(ax: Axes) -> list:
    """The texts that are written on a picture, such as the numbers of a heat map."""
    pictures = [*ax.images, *(c for c in ax.collections if isinstance(c, QuadMesh))]
    return list(ax.texts) if pictures else []


def shade(colour: str, roles: Mapping[str, str]) -> str | None:
    """What a page knows a colour as: a role, or a kind of grey; None for another."""
    for role, known in roles.items():
        if to_hex(known) == to_hex(colour):
            return role
    red, green, blue = to_rgb(colour)
    if max(red, green, blue) - min(red, green, blue) > 0.02:
        return None
    for kind, limit in (("ink", 0.3), ("soft", 0.65), ("rule", 0.97)):
        if red < limit:
            return kind
    return "page"


def decimal(hundredths: int) -> str:
    """A number of hundredths as text."""
    return f"{hundredths / 100:.2f}".rstrip("0").rstrip(".")


def rounded(text: str) -> str:
    """Coordinates to a hundredth of a point, and no more blanks than they need."""
    short = NUMBER.sub(lambda number: decimal(round(100 * float(number[0]))), text)
    return re.sub(r"\s*([A-Za-z(),])\s*", r"\1", " ".join(short.split()))


def polyline(d: str) -> str:
    """The data of a path, from point to point where it has only straight lines."""
    if set(re.findall("[A-Za-z]", d)) - set("MLz"):
        return rounded(d)
    x, y, last, short = 0, 0, "", []
    for command, *point in re.findall(r"([MLz])(?:\s+(\S+)\s+(\S+))?", d):
        if command == "z":
            step = ""
        else:
            before, (x, y) = (x, y), (round(100 * float(p)) for p in point)
            if command == "L" and (x, y) == before:
                continue
            ends = (x, y) if command == "M" else (x - before[0], y - before[1])
            step = " ".join(map(decimal, ends))
        command = command.replace("L", "l")
        short.append(f" {step}" if command == last == "l" else command + step)
        last = command
    # No blank before a sign and no zero before a point: a reader needs neither.
    return re.sub(r" (?=-)|(?<![\d.])0(?=\.)", "", "".join(short))


def declared(element: ElementTree.Element) -> dict[str, str]:
    """The style of an element by property, the font's parts named."""
    style = dict(
        part.split(": ", 1) for part in element.get("style", "").split("; ") if part
    )
    if font := SHORTHAND.fullmatch(style.pop("font", "")):
        style["font-size"] = font[2]
        for word in font[1].split():
            kind = "font-style" if word.isalpha() and word != "bold" else "font-weight"
            style[kind] = word
    style.pop("font-family", None)
    return style


def gather(group: ElementTree.Element) -> None:
    """Say once for a group of marks what all of them have in common."""
    if len(group) < 2 or any(mark.tag != "use" for mark in group):
        return
    common = set.intersection(*(set(mark.items()) for mark in group))
    for key, value in sorted(common):
        if key not in ("href", "x", "y", *group.keys()):
            group.set(key, value)
            for mark in group:
                del mark.attrib[key]


class Rewriting:
    """One SVG of matplotlib on its way to another one."""

    def __init__(self, text: str, roles: Mapping[str, str]) -> None:
        self.text, self.roles = text, roles
        self.root = ElementTree.fromstring(text)
        self.named = {e.get("id"): e for e in self.root.iter() if e.get("id")}

    def whole(self, edges: list[float]) -> str:
        """The new SVG, with a panel from each edge to the next."""
        _, _, width, height = map(float, self.root.get("viewBox").split())
        size = {"width": f"{width:g}pt", "height": f"{height:g}pt"}
        box = {"viewBox": f"0 0 {width:g} {height:g}"}
        look = {"font-family": FONTS, "stroke-linejoin": "round"}
        whole = ElementTree.Element("svg", {"xmlns": SVG, **size, **box, **look})
        ground = {"width": "100%", "height": "100%", "fill": "#fff"}
        ElementTree.SubElement(whole, "rect", ground)
        figure = self.named["figure_1"]
        for k, start in enumerate(edges[:-1]):
            part = f"{edges[k + 1] - start:.4g}"
            place = {"x": f"{start:.4g}", "width": part, "height": f"{height:g}"}
            view = f"{start:.4g} 0 {part} {height:g}"
            panel = ElementTree.SubElement(
                whole, "svg", {"class": "panel", **place, "viewBox": view}
            )
            for child in figure[1:]:  # the first is the ground
                name = child.get("id", "")
                if name == f"panel-{k}" or not (k or name.startswith("panel-")):
                    self.copy(child, panel)
            self.define(panel, f"{ANY}{k}-")
        new = ElementTree.tostring(whole, encoding="unicode")
        return new.replace(ANY, f"f{hashlib.sha256(new.encode()).hexdigest()[:8]}-")

    def define(self, panel: ElementTree.Element, prefix: str) -> None:
        """Give a panel what it refers to, under names that no other has."""
        found: dict[str, str] = {}
        held = ElementTree.Element("defs")
        for element in panel.iter():
            for key, value in element.items():
                name = REFERENCE.match(value)
                if not name or name[1] not in self.named:
                    continue
                if name[1] not in found:
                    found[name[1]] = f"{prefix}{len(found)}"
                    kept = self.copy(self.named[name[1]], held)
                    kept.set("id", found[name[1]])
                    if kept.tag == "path":  # a mark: who uses it says its colours
                        for paint in PAINT:
                            kept.attrib.pop(paint, None)
                element.set(key, value.replace(name[1], found[name[1]]))
        if len(held):
            panel.insert(0, held)

    def copy(
        self, old: ElementTree.Element, into: ElementTree.Element, fixed: bool = False
    ) -> ElementTree.Element | None:
        """Copy an element; `fixed` colours are those that no page may change."""
        tag = old.tag.removeprefix(f"{{{SVG}}}")
        if tag == "defs":
            return None
        fixed = fixed or old.get("id") == ON_PICTURE
        kept = self.attributes(old, tag, fixed)
        if tag == "path" and (
            kept.get("fill") == kept.get("stroke", "none") == "none" or not kept["d"]
        ):
            return None
        if tag == "g" and not kept:
            new = into
        else:
            new = ElementTree.SubElement(into, tag, kept)
            new.text = old.text if old.text and old.text.strip() else None
        for child in old:
            self.copy(child, new, fixed)
        if tag == "g" and new is not into:
            gather(new)
        return new

    def attributes(
        self, old: ElementTree.Element, tag: str, fixed: bool
    ) -> dict[str, str]:
        """What an element keeps, and its style as attributes and classes."""
        kept = {}
        for key, value in old.items():
            if key in STAYS:
                short = {"clip-path": str, "d": polyline}.get(key, rounded)
                kept[key] = short(value)
            elif key == HREF:
                kept["href"] = "".join(value.split())
        if kept.get("transform", "").startswith("rotate(-0 "):
            del kept["transform"]
        style = declared(old)
        if tag in FILLED and not (tag == "text" and len(old)):
            style.setdefault("fill", "#000000")  # which is not said
        classes = []
        for key, value in style.items():
            if (key, value) in USUAL:
                continue
            kept[key] = rounded(value.removesuffix("px"))
            end = {"fill": "fill", "stroke": "line"}.get(key)
            coloured = end and not fixed and value.startswith("#")
            if coloured and (name := shade(value, self.roles)):
                classes.append(f"{name}-{end}")
        if classes:
            kept["class"] = " ".join(classes)
        return kept
