"""A figure as SVG is the figure: its lines, its labels, its colours, its panels."""

import re
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.figures import plots, vector

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def style():
    with plt.rc_context():
        plots.use()
        yield
        plt.close("all")


def two_panels(**options):
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 3.0), **options)
    for ax, name in zip(axes, ("left", "right"), strict=True):
        ax.plot([0, 1, 2], [1, 3, 2], color=plots.colour("hidden"), marker="o")
        ax.set_title(name)
    axes[0].set_ylabel("loss")
    return fig, axes


def panels(fig):
    root = ElementTree.fromstring(plots.svg(fig))
    assert root[0].get("class") is None, "the ground"
    assert all(panel.get("class") == "panel" for panel in root[1:])
    return root[1:]


def words(element):
    return ["".join(text.itertext()) for text in element.iter(f"{SVG}text")]


def points(d):
    """The points of a path of straight lines, read as the standard says."""
    x = y = 0.0
    found, command = [], None
    for token in re.findall(r"[Mlz]|-?(?:\d+\.?\d*|\.\d+) ?-?(?:\d+\.?\d*|\.\d+)", d):
        if token in "Mlz":
            command = token
            continue
        a, b = map(float, re.findall(r"-?(?:\d+\.?\d*|\.\d+)", token))
        x, y = (a, b) if command == "M" else (x + a, y + b)
        found.append((x, y))
    return np.array(found)


COORDINATE = st.floats(-1e4, 1e4).map(lambda x: round(x, 5))


@given(st.lists(st.tuples(COORDINATE, COORDINATE), min_size=1, max_size=20))
def test_a_path_keeps_its_points(given):
    d = "".join(f"{'L' if i else 'M'} {x:f} {y:f} \n" for i, (x, y) in enumerate(given))
    read = points(vector.polyline(d))
    # Points that fall together are one.
    kept = [given[0]]
    for point in given[1:]:
        if not np.array_equal(np.round(point, 2), np.round(kept[-1], 2)):
            kept.append(point)
    assert len(read) <= len(given)
    assert np.abs(read[0] - given[0]).max() <= 0.0051
    assert np.abs(read[-1] - given[-1]).max() <= 0.0051
    distance = np.abs(read[:, None] - np.array(given)[None]).max(axis=2)
    assert distance.min(axis=0).max() <= 0.0051  # each point is there


def test_a_curve_lies_where_its_data_lie():
    fig, ax = plt.subplots()
    t = np.linspace(0, 10, 300)
    ax.plot(t, np.exp(-t / 3) * np.sin(3 * t), color=plots.colour("output"))
    ax.set(xlim=(0, 10), ylim=(-1, 1))
    [panel] = panels(fig)
    [d] = [
        e.get("d") for e in panel.iter(f"{SVG}path") if e.get("class") == "output-line"
    ]
    found = points(d)
    ticks = {
        "".join(e.itertext()): (float(e.get("x")), float(e.get("y")))
        for e in panel.iter(f"{SVG}text")
    }
    x0, x1 = ticks["0"][0], ticks["10"][0]
    time = 10 * (found[:, 0] - x0) / (x1 - x0)
    high, low = ticks["1.00"][1], ticks["−1.00"][1]
    value = 1 - 2 * (found[:, 1] - high) / (low - high)
    shift = np.mean(value - np.exp(-time / 3) * np.sin(3 * time))  # of a label
    assert abs(shift) < 0.05
    assert value - shift == pytest.approx(
        np.exp(-time / 3) * np.sin(3 * time), abs=0.02
    )


def test_each_column_of_axes_is_a_panel_and_they_make_the_whole():
    fig, _ = two_panels()
    left, right = panels(fig)
    assert "left" in words(left)
    assert "right" not in words(left)
    assert "right" in words(right)
    assert "left" not in words(right)
    x, width = ([float(p.get(k)) for p in (left, right)] for k in ("x", "width"))
    assert x == pytest.approx([0, width[0]], abs=0.1)
    assert sum(width) == pytest.approx(6.4 * 72, abs=0.1)
    assert [p.get("viewBox").split()[0] for p in (left, right)] == [
        "0",
        left.get("width"),
    ]


def test_a_grid_has_a_panel_for_each_column_and_a_bar_stays_with_its_picture():
    fig, axes = plt.subplots(2, 2)
    picture = axes[1, 0].imshow(np.eye(3))
    fig.colorbar(picture, ax=axes[1, 0], label="size")
    for ax, name in zip(axes.flat, "abcd", strict=True):
        ax.set_title(name)
    left, right = panels(fig)
    assert {"a", "c", "size"} <= set(words(left))
    assert {"b", "d"} <= set(words(right))
    assert "size" not in words(right)


def test_a_figure_with_a_text_of_its_own_is_one_panel():
    fig, _ = two_panels()
    fig.suptitle("both")
    [panel] = panels(fig)
    assert {"both", "left", "right"} <= set(words(panel))


def test_what_stands_below_another_panel_says_what_its_axis_is():
    fig, axes = two_panels(sharey=True)
    right = words(panels(fig)[1])
    assert "loss" in right
    numbers = [t.get_text() for t in axes[0].get_yticklabels()]
    assert len(set(numbers) & set(right)) >= 3
    assert plots.svg(fig) == plots.svg(fig)


@pytest.mark.parametrize("role", plots.COLOURS)
def test_a_role_is_a_class_and_the_colour_stays_beside_it(role):
    fig, ax = plt.subplots()
    ax.plot([0, 1], color=plots.colour(role))
    plots.label(ax, 0.5, 0.5, "name", role)
    [panel] = panels(fig)
    [line] = [e for e in panel.iter() if e.get("class") == f"{role}-line"]
    assert line.get("stroke") == plots.colour(role).lower()
    [text] = [e for e in panel.iter(f"{SVG}text") if e.text == "name"]
    assert text.get("class") == f"{role}-fill"
    assert text.get("font-weight") in ("700", "bold")


@pytest.mark.parametrize(
    ("colour", "kind"),
    [
        ("black", "ink"),
        ("#333333", "ink"),
        ("#888888", "soft"),
        ("#CCCCCC", "rule"),
        ("white", "page"),
        ("#FF0000", None),
    ],
)
def test_greys_are_named_by_how_much_they_stand_out(colour, kind):
    assert vector.shade(colour, plots.COLOURS) == kind


def test_numbers_on_a_picture_keep_their_colour_in_the_dark():
    fig, ax = plt.subplots()
    ax.imshow(np.eye(2), cmap="Greens")
    ax.text(0, 0, "1.0")
    ax.set_xlabel("symbol")
    [panel] = panels(fig)
    classes = {e.text: e.get("class") for e in panel.iter(f"{SVG}text")}
    assert classes["1.0"] is None
    assert classes["symbol"] == "ink-fill"


def test_a_panel_holds_what_it_refers_to_and_no_name_comes_twice():
    names = []
    for marker in "os":
        fig, axes = two_panels()
        axes[1].plot([0, 1], marker=marker, ls="")
        for panel in panels(fig):
            here = [e.get("id") for e in panel.iter() if e.get("id")]
            text = ElementTree.tostring(panel, encoding="unicode")
            used = set(re.findall(r'(?:href="|url\()#([\w-]+)', text))
            assert used == set(here)
            assert "style" not in text
            names += here
    assert len(names) == len(set(names)) > 8


def test_a_mark_takes_its_colours_from_where_it_is_used():
    """The rules of a page do not see into a mark that is used."""
    fig, _ = two_panels()
    for panel in panels(fig):
        marks = panel.findall(f"{SVG}defs/{SVG}path")
        assert marks
        assert not any({"fill", "stroke", "class"} & set(mark.keys()) for mark in marks)
        said = [
            {*parent.keys(), *use.keys()}
            for parent in panel.iter()
            for use in parent.findall(f"{SVG}use")
        ]
        assert said
        assert all({"fill", "stroke"} <= keys for keys in said)


def test_marks_of_one_curve_say_their_colours_once():
    fig, ax = plt.subplots()
    ax.plot(range(40), marker="o", ls="", color=plots.colour("gradient"))
    [panel] = panels(fig)
    [group] = [e for e in panel.iter(f"{SVG}g") if len(e.findall(f"{SVG}use")) == 40]
    assert group.get("fill") == plots.colour("gradient").lower()
    assert all(set(use.keys()) == {"href", "x", "y"} for use in group)


def test_the_same_figure_gives_the_same_bytes():
    drawn = {plots.svg(two_panels()[0]) for _ in range(2)}
    pictures = {plots.png(two_panels()[0]) for _ in range(2)}
    assert len(drawn) == len(pictures) == 1


def test_a_figure_without_axes_is_nothing_to_show():
    assert plots.svg(plt.figure()) is plots.png(plt.figure()) is None


def test_fonts_are_read_in_either_form_of_matplotlib():
    """Before 3.10 it wrote them in one property."""
    element = ElementTree.Element("text")
    element.set("style", "font: bold 9px 'DejaVu Sans', sans-serif; text-anchor: end")
    short = vector.declared(element)
    assert short == {"font-size": "9", "font-weight": "bold", "text-anchor": "end"}
    element.set("style", "font-weight: 700; font-size: 9px; font-family: 'DejaVu Sans'")
    assert vector.declared(element) == {"font-weight": "700", "font-size": "9px"}
