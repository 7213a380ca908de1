"""The drawings that lie in the book are those that the code draws."""

import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from helpers import ROOT
from helpers.press import artwork


@pytest.mark.parametrize("name", artwork.FILES)
def test_the_committed_drawing_is_the_one_that_is_drawn(name):
    committed = (artwork.FOLDER / name).read_text(encoding="utf-8")
    assert committed == artwork.FILES[name](), "run python -m helpers.press.artwork"


@pytest.mark.parametrize("name", [*artwork.FILES, "logo.svg", "favicon.svg"])
def test_a_drawing_is_whole_loads_nothing_and_has_the_colours(name):
    text = (artwork.FOLDER / name).read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert not re.search(r"href|url\(|<script|<image", text)
    colours = {artwork.BLUE, artwork.ORANGE, artwork.GREY, artwork.DEEP, artwork.WHITE}
    assert set(re.findall(r"#\w{6}", text)) <= colours


def test_the_place_of_the_cover_is_known_before_it_is_there():
    sheet = (ROOT / "book" / "_static" / "book.css").read_text(encoding="utf-8")
    width, height = (
        ElementTree.fromstring(artwork.cover()).attrib["viewBox"].split()[2:]
    )
    assert f"aspect-ratio: {width} / {height};" in sheet


def test_the_cover_does_not_depend_on_the_last_digits(monkeypatch):
    """The third network amplifies them, but less than the colours resolve."""
    exact = artwork.cover()
    orthogonal = artwork.orthogonal

    def inexact(units, seed):
        noise = np.random.default_rng(9).uniform(-1, 1, (units, units))
        return orthogonal(units, seed) * (1 + 1e-14 * noise)

    monkeypatch.setattr(artwork, "orthogonal", inexact)
    assert artwork.cover() == exact


def test_the_matrix_is_orthogonal_and_turns_slowly():
    Q = artwork.orthogonal(32, seed=0)
    np.testing.assert_allclose(Q @ Q.T, np.eye(32), atol=1e-14)
    angles = np.abs(np.angle(np.linalg.eigvals(Q)))
    assert np.isclose(np.degrees(angles.max()), np.degrees(2 * np.arctan(0.25)))


def test_states_follow_the_formula():
    W_hh = np.array([[0.0, 2.0], [-1.0, 0.5]])
    h = artwork.respond(np.array([1.0, -0.5]), W_hh, steps=2)
    first = np.tanh([1.0, -0.5])
    second = np.tanh([-first[1], 2 * first[0] + 0.5 * first[1]])
    np.testing.assert_allclose(h[:2], [first, second])
    assert h.shape == (3, 2)


def test_a_matrix_that_does_not_fit_is_refused():
    with pytest.raises(
        ValueError, match=r"W_hh must have shape \(3, 3\).*got \(2, 3\)"
    ):
        artwork.respond(np.zeros(3), np.zeros((2, 3)))


def test_growth_is_that_of_two_pulses_close_together():
    churns = artwork.responses()[2]
    W_hh = churns.scale * artwork.orthogonal(artwork.UNITS, 0)
    pulse = np.linspace(1, -1, artwork.UNITS)
    a, b = (artwork.respond(pulse * (1 + e), W_hh) for e in (1e-10, -1e-10))
    distance = np.linalg.norm(a - b, axis=1)
    assert np.isclose(distance[-1] / distance[0], churns.growth, rtol=1e-3)


def test_the_three_networks_do_what_they_are_called():
    fades, lingers, churns = artwork.responses()
    assert fades.left < 0.001 < 0.1 < lingers.left < 1 < churns.left
    assert lingers.growth < 1 < 1000 < churns.growth


def test_cells_merge_equal_neighbours_and_leave_zero_out():
    h = np.array([[1.0, 0.0], [1.0, -0.25]])  # two steps of two units
    paths = artwork.cells(h, width=10, height=5, top=7)
    assert paths == [
        f'<path fill="{artwork.BLUE}" fill-opacity="0.50" d="M10 12h10v5h-10z"/>',
        f'<path fill="{artwork.ORANGE}" fill-opacity="1.00" d="M0 7h20v5h-20z"/>',
    ]


def contrast(a, b):
    """The contrast of two hex colours as WCAG 2 defines it, from 1 to 21."""

    def luminance(colour):
        rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    dark, light = sorted([luminance(a), luminance(b)])
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colour", [artwork.BLUE, artwork.ORANGE, artwork.GREY])
def test_colours_stand_out_from_the_white_page_and_the_dark(colour):
    style = (artwork.FOLDER / "book.css").read_text(encoding="utf-8")
    dark = re.search(r"--pst-color-background: (#\w{6})", style)[1]
    assert min(contrast(colour, "#ffffff"), contrast(colour, dark)) >= 3


def test_the_map_is_read_on_both_pages():
    style = (artwork.FOLDER / "book.css").read_text(encoding="utf-8")
    dark = re.search(r"--pst-color-background: (#\w{6})", style)[1]
    assert contrast(artwork.DEEP, artwork.WHITE) >= 4.5
    assert min(contrast(artwork.DEEP, "#ffffff"), contrast(artwork.DEEP, dark)) >= 3


def test_titles_fit_the_boxes_of_the_map_in_any_font():
    """Verdana, the widest of the common ones, has 0.58 ems a letter in such titles."""
    width, _ = artwork.BOX
    for number, text in artwork.openings().items():
        title = text.partition("\n")[0].removeprefix(f"# {number}. ")
        assert 44 + 0.62 * 18 * len(title) <= width - 8, title


def test_the_boxes_of_a_map_in_a_page_are_links_in_the_order_of_reading():
    links = {number: f"{number:02}.html" for number in artwork.ORDER}
    drawn = artwork.learning_map(links, "A map <of chapters>")
    assert re.findall(r'<a href="(.*?)">', drawn) == [*map(links.get, artwork.ORDER)]
    assert 'role="group" aria-label="A map &lt;of chapters&gt;"' in drawn
    ElementTree.fromstring(drawn)
    assert "<a " not in artwork.learning_map()


def test_the_committed_card_is_the_one_that_is_drawn():
    """As pixels: how a PNG is packed depends on the library."""

    def pixels(file):
        with Image.open(file) as image:
            return np.asarray(image.convert("RGB"))

    drawn = pixels(io.BytesIO(artwork.card()))
    assert drawn.shape == (630, 1200, 3)
    committed = pixels(artwork.FOLDER / artwork.CARD_FILE)
    assert np.array_equal(drawn, committed), "run python -m helpers.press.artwork"
    assert (artwork.FOLDER / artwork.CARD_FILE).stat().st_size < 50_000


def test_an_arrow_of_the_map_leads_over_no_other():
    """In the words of the chapters, and without the arrows that others imply."""
    link = "[{0}](0{0}_name.ipynb)"
    words = {1: "nothing", 2: link.format(1), 3: link.format(1) + link.format(2)}
    assert artwork.needed(words) == {1: set(), 2: {1}, 3: {2}}
    words[4] = link.format(1)
    assert artwork.needed(words)[4] == {1}


def test_the_map_shows_every_chapter_and_says_the_same_as_they():
    drawn = artwork.learning_map()
    for number, text in artwork.openings().items():
        title = text.partition("\n")[0].removeprefix(f"# {number}. ")
        assert f">{number}</text>" in drawn
        assert f">{title}</text>" in drawn
    before = artwork.needed(artwork.openings())
    first_six = {1: set(), 2: {1}, 3: {2}, 4: {3}, 5: {4}, 6: {5}}
    assert before == first_six | {7: {4}, 8: {6}, 9: {6}}
    assert drawn.count("<path") == 2 * sum(map(len, before.values()))
