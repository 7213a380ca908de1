"""The figures that answer: what they know is what Python knows, and they are used."""

import json
import re
from contextlib import ExitStack
from functools import cache
from xml.etree import ElementTree

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import rendered_book
import test_browser
from rendered_book import EXPLORABLES as PAGES
from rendered_book import each
from test_artwork import contrast
from test_browser import DESKTOP, PHONE, Visit, grave

from helpers import ROOT
from helpers.experiments import ch06_embedded_reber_runs as experiments
from helpers.figures import plots
from helpers.lm import generation
from helpers.lm.model import LanguageModel
from helpers.lm.wordfilter import unsuitable
from helpers.networks import elman, trained
from helpers.networks.gated import initial_lstm
from helpers.networks.gradients import numerical_gradient
from helpers.press import explorables, model_in_page, notebooks
from helpers.press.explorables import EXPLORABLES, FOLDER
from helpers.results.intervals import median_interval
from helpers.tasks import corpus
from helpers.tasks.reber import REBER, SYMBOLS
from helpers.tasks.text import Vocabulary, cut, sentences

address, browser = test_browser.address, test_browser.browser

FIGURE = re.compile(
    r'<figure data-explorable="([\w-]+)">\n\n'
    r"!\[([^]]+)\]\(_static/explorables/([\w-]+)\.svg\)\n\n"
    r"<figcaption>\n\n(.+)\n\n</figcaption>\n</figure>"
)


def committed(name, suffix):
    return (FOLDER / f"{name}.{suffix}").read_text(encoding="utf-8")


# ---------------------------------------------------------------------------
# What lies in the book is what Python computes


@pytest.mark.parametrize("name", EXPLORABLES)
def test_the_committed_numbers_are_those_of_python(name):
    def number(text):
        # Another machine may round the last of three digits the other way.
        about = pytest.approx(float(text), rel=1.1e-2)
        return about if name == "gradient-horizon" else float(text)

    old, new = committed(name, "json"), json.dumps(EXPLORABLES[name][0]())
    old = json.loads(old, parse_float=number, object_pairs_hook=list)  # in order
    new = json.loads(new, object_pairs_hook=list)
    assert old == new, "run python -m helpers.press.explorables"


def test_numbers_are_rounded_to_significant_digits():
    values = np.array([[123456.789, -0.00123456], [0, 2 / 3]])
    assert explorables.rounded(values, 3) == [[123000, -0.00123], [0, 0.667]]
    assert explorables.rounded(values[1, 1], 6) == 0.666667


@pytest.mark.parametrize("name", EXPLORABLES)
def test_the_committed_picture_is_the_one_that_is_drawn(name):
    drawn = EXPLORABLES[name][1]()
    assert committed(name, "svg") == drawn, "run python -m helpers.press.explorables"
    root = ElementTree.fromstring(drawn)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert not re.search(r"href|url\(#|<script|<image|https?:(?!//www.w3.org)", drawn)


@pytest.mark.parametrize("name", EXPLORABLES)
def test_the_files_are_small(name):
    for suffix, most in (("json", 60_000), ("js", 10_000), ("svg", 20_000)):
        assert len(committed(name, suffix).encode()) < most, suffix


def test_each_explorable_stands_in_one_chapter_with_picture_and_caption():
    found = {}
    for path in notebooks.find():
        for cell in notebooks.read(path).cells:
            if "data-explorable" in cell.source:
                [(name, alt, image, caption)] = FIGURE.findall(cell.source)
                assert name == image
                # What a screen reader hears in the book and in Jupyter is the same.
                root = ElementTree.fromstring(committed(name, "svg"))
                assert root.attrib["aria-label"] == alt
                assert min(len(alt), len(caption)) > 100
                found[name] = f"book/{path.stem}.html"
    assert found == PAGES
    assert set(EXPLORABLES) == set(PAGES)


def test_the_colours_are_those_of_the_plots_and_stand_out_in_the_dark():
    book = (FOLDER.parent / "book.css").read_text(encoding="utf-8")
    dark = dict(re.findall(r"--picture-(\w+): (#[0-9a-f]{6});", book))
    assert dark.pop("rule")  # of grids, which stand back
    assert set(dark) == {*plots.COLOURS, "soft"}
    [ground] = re.findall(r"--pst-color-background: (#[0-9a-f]{6})", book)
    for name in EXPLORABLES:
        for role, colour in plots.COLOURS.items():
            assert f"var(--picture-{role}, {colour})" in committed(name, "svg")
    for role, colour in dark.items():
        assert contrast(colour, ground) > 4.5, role


# ---------------------------------------------------------------------------
# In the page


LOAD = re.compile("Load the model")


def opened(figure):
    """The figure, in sight where it was folded, its model loaded where it has one."""
    figure.evaluate(
        "e => [e.closest('details'), ...e.querySelectorAll('details')]"
        ".forEach(fold => { if (fold) fold.open = true })"
    )
    load = figure.get_by_role("button", name=LOAD)
    if load.count():
        load.click()
        load.wait_for(state="detached")
    return figure


class Use(Visit):
    """A page opened at its explorable."""

    def __init__(self, browser, address, name, theme="light", width=DESKTOP):
        super().__init__(browser, address, PAGES[name], theme, width)
        self.figure = opened(self.page.locator(f'figure[data-explorable="{name}"]'))

    def press(self, *buttons):
        for text in buttons:
            button = self.figure.get_by_role("button", name=text, exact=True)
            button.click(force=button.get_attribute("aria-disabled") == "true")

    def answer(self):
        return self.figure.get_by_role("status").inner_text()

    def slider(self, name):
        return self.figure.get_by_role("slider", name=name)


@pytest.fixture
def use(browser, address):
    """Opens the page of an explorable, as `Use` does, until the test is over."""
    with ExitStack() as visits:
        yield lambda *what, **how: visits.enter_context(
            Use(browser, address, *what, **how)
        )


def shown(figure, ids, attribute=None):
    """The numbers that these parts of a picture show, or have as an attribute."""
    parts = [figure.locator(f"#{name}") for name in ids]
    texts = [part.text_content() for part in parts]
    if attribute:
        texts = [part.get_attribute(attribute) for part in parts]
    return np.array([float(text.replace("−", "-").rstrip("%")) for text in texts])


RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def number_of(text):
    """The number of a text such as −0.0295, 2.50·10⁻⁸ or 10⁻³."""
    power = re.fullmatch(r"(?:(−?[\d.]+)·)?10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", text)
    if power:
        return number_of(power[1] or "1") * 10.0 ** int(power[2].translate(RAISED))
    return float(text.replace("−", "-"))


# A button that changes something at once.
USED = {
    "reber-walker": "T",
    "gradient-horizon": "sigmoid",
    "unroller": "Next",
    "two-memories": "Back",
    "reddit-on-tap": "Next word",
    "train-it": "One step",
    "cell-gates": "Show",
    "remember": "One step",
    "three-pasts": "Show",
}


@pytest.mark.browser
@pytest.mark.parametrize(
    ("theme", "width"),
    [
        pytest.param("light", PHONE, marks=pytest.mark.daily),
        ("dark", DESKTOP),
        pytest.param("dark", PHONE, marks=pytest.mark.nightly),
        pytest.param("light", DESKTOP, marks=pytest.mark.nightly),
    ],
)
@pytest.mark.parametrize("name", PAGES)
def test_it_is_quiet_accessible_and_no_wider_than_the_page(use, name, theme, width):
    visit = use(name, theme, PHONE)
    for control in visit.figure.locator("button, input, select").all():
        box = control.bounding_box()  # large enough for a finger
        assert min(box["height"], box["width"]) >= 40, control
    before = visit.answer()
    visit.press(USED[name])
    assert visit.answer() != before
    # The rest of the page is judged in test_browser.
    part = f'figure[data-explorable="{name}"]'
    visit.page.set_viewport_size({"width": width, "height": 900})
    assert visit.page.evaluate("document.documentElement.scrollWidth") == width
    assert grave(visit.page, part) == []
    assert (visit.said, visit.foreign) == ([], [])


@pytest.mark.browser
@pytest.mark.parametrize("name", PAGES)
def test_it_is_used_by_keyboard(use, name):
    visit = use(name)
    before = visit.answer()
    controls = visit.figure.locator("button, input, select")
    controls.first.focus()
    for _ in range(controls.count()):
        focused = "document.activeElement"
        if visit.page.evaluate(f"{focused}.textContent") == USED[name]:
            break
        visit.page.keyboard.press("Tab")
    else:
        pytest.fail(f"Tab does not reach {USED[name]}")
    outline = visit.page.evaluate(f"getComputedStyle({focused}).outlineStyle")
    assert outline == "solid"
    visit.page.keyboard.press("Enter")
    assert visit.answer() != before
    assert visit.page.evaluate(f"{focused}.textContent") == USED[name]


@pytest.mark.browser
@pytest.mark.parametrize("name", each(PAGES, PAGES.get))
def test_it_runs_where_the_book_is_opened_as_a_file(browser, name):
    page = browser.new_page()
    page.goto((rendered_book.book().html / PAGES[name]).as_uri())
    figure = opened(page.locator(f'figure[data-explorable="{name}"]'))
    said = figure.get_by_role("status")
    before = said.inner_text()
    figure.get_by_role("button", name=USED[name], exact=True).click()
    assert said.inner_text() != before
    page.close()


def drawn_points(figure, name):
    """The corners of a path of the picture: (n, 2)."""
    path = figure.locator(f"#{name}").get_attribute("d")
    return np.array(re.findall(r"[ML]([-\d.e]+) ([-\d.e]+)", path), float)


@pytest.mark.browser
def test_without_scripts_a_picture_shows_what_python_computes(browser, address):
    """The values at which each of them opens, read from the page."""
    page = browser.new_context(java_script_enabled=False).new_page()

    def figure(name):
        page.goto(f"{address}/{PAGES[name]}")
        found = page.locator(f'figure[data-explorable="{name}"]')
        assert found.locator("svg.picture").bounding_box()["height"] > 200
        assert found.get_by_role("img").count() == 1
        assert found.locator("figcaption").is_visible()
        assert found.locator("button, input, select").count() == 0
        return found

    outputs = explorables.reber_outputs("BTXX")
    ids = [f"output-{symbol}" for symbol in SYMBOLS]
    np.testing.assert_allclose(shown(figure("reber-walker"), ids), outputs, atol=1e-3)

    lengths = explorables.error_by_lag("tanh", 1.0)[:, 19]
    ids = ("horizon-measured", "horizon-allowed")
    heights = 252 * (6 - np.log10([np.median(lengths), 1])) / 18
    found = shown(figure("gradient-horizon"), ids, "cy")
    np.testing.assert_allclose(found, heights, atol=0.1)

    assert_unrolled(figure("unroller"), (1, 0, 0, 0))

    memories = figure("two-memories")
    for panel, name in enumerate(("elman", "lstm")):
        for symbol in "TP":
            points = drawn_points(memories, f"memory-{panel}-{symbol}")
            wanted = explorables.beliefs(explorables.inner_string(), name)[symbol]
            shares = 1 - (points[:, 1] - TOPS[panel]) / HEIGHT
            np.testing.assert_allclose(shares, wanted, atol=1e-3)

    p = np.sort(next_words("i think"))[::-1][:10]
    ids = [f"reddit-p-{k}" for k in range(11)]
    wanted = 100 * np.append(p, 1 - p.sum())
    reddit = figure("reddit-on-tap")
    np.testing.assert_allclose(shown(reddit, ids), wanted, atol=0.051)
    page.context.close()


# ---------------------------------------------------------------------------
# The Reber walker


def test_the_outputs_fit_the_state_of_the_automaton_for_grammatical_strings():
    rng = np.random.default_rng(0)
    for _ in range(200):
        string = REBER.sample(rng)[:-1]
        state = REBER.states(string)[-1]
        fits = explorables.fitting_states(explorables.reber_outputs(string))
        assert fits == ([2, 4] if state in (2, 4) else [state]), string


def test_outputs_between_two_states_fit_the_nearer_one():
    said = 0.6 * REBER.legal_next[3] + 0.4 * REBER.legal_next[6]
    assert explorables.fitting_states(said) == [3]
    assert explorables.fitting_states(REBER.legal_next[6]) == [6]


WALKS = ("B", "BT", "BPVPXVV", "BTSSXXTVV", "BTXT", "BV", "BE", "BBPXXS", "BTXSS")


@pytest.mark.browser
def test_the_walker_says_what_python_computes(use):
    visit = use("reber-walker", width=PHONE)
    for string in WALKS:
        visit.press("Start again", *string[1:])
        wrong = REBER.check(string)
        if wrong and wrong.found:  # it has left the grammar
            assert str(wrong) in visit.answer()
            place, mark = REBER.states(string[: wrong.position])[-1], "left"
            assert visit.figure.locator("mark").inner_text() == wrong.found
        else:
            place, mark = REBER.states(string)[-1], "here"
            assert visit.figure.locator("mark").count() == 0
        if string[-1] == "E":
            continue
        outputs = explorables.reber_outputs(string)
        found = shown(visit.figure, [f"output-{symbol}" for symbol in SYMBOLS])
        np.testing.assert_allclose(found, outputs, atol=1e-3)
        fits = {f"state-{i}" for i in explorables.fitting_states(outputs)}
        for kind, states in ((mark, {f"state-{place}"}), ("said", fits)):
            found = visit.figure.locator(f".state.{kind}")
            assert {e.get_attribute("id") for e in found.all()} == states, string


@pytest.mark.browser
def test_a_whole_string_ends_the_walk_and_back_undoes(use):
    visit = use("reber-walker")
    visit.press("Start again", *"TXSE")
    assert "BTXSE is in the grammar" in visit.answer()
    visit.press("T", "Network’s turn")  # nothing follows E
    assert "BTXSE is in the grammar" in visit.answer()
    visit.press("Back")
    assert "the automaton is in state 6: E may follow" in visit.answer()
    for _ in range(10):
        visit.press("Back")
    assert "the automaton is in state 1: T or P may follow" in visit.answer()


@pytest.mark.browser
def test_the_network_speaks_by_itself(use):
    visit = use("reber-walker")
    visit.press("Start again")
    for _ in range(40):
        visit.press("Network’s turn")
    read = visit.figure.locator(".explorable-read").inner_text()
    string = read.removeprefix("Read: ")
    assert set(string) <= set(SYMBOLS)
    assert string.endswith("E") or len(string) == 40
    # A mistake is possible, and is named as such.
    assert (REBER.check(string) is None) == ("is in the grammar" in visit.answer())


# ---------------------------------------------------------------------------
# The gradient horizon


@pytest.mark.parametrize("activation", explorables.ACTIVATIONS)
def test_the_error_by_lag_is_the_derivative_of_the_last_output(activation):
    """One network, against central differences at each state."""
    g, _, largest = explorables.ACTIVATIONS[activation]
    rng, radius = np.random.default_rng(0), 1.3
    init = explorables.initialisation.orthogonal
    params = elman.initial_elman(2, explorables.UNITS, 1, rng, init)
    params = params._replace(W_hh=radius * params.W_hh)
    x = rng.standard_normal((explorables.STEPS, 2))
    h = elman.hidden_states_numpy(x, params, g)

    def last_output(state, lag):
        later = params._replace(h0=state)
        tail = x[len(x) - lag :]
        end = elman.hidden_states_numpy(tail, later, g)[-1] if lag else state
        return elman.readout(end, params)[0]

    def length(lag):
        differences = numerical_gradient(
            lambda state: last_output(state, lag), [h[len(h) - 1 - lag].copy()]
        )
        return np.linalg.norm(differences[0])

    [measured] = explorables.error_by_lag(activation, radius, draws=1)
    for lag in (0, 1, 3, 6):
        assert measured[lag] == pytest.approx(length(lag) / length(0), rel=1e-5)
    assert (measured <= (largest * radius) ** np.arange(len(h)) * (1 + 1e-9)).all()


def test_without_a_nonlinearity_the_bound_is_reached():
    [measured] = explorables.error_by_lag("linear", 0.8, draws=1)
    np.testing.assert_allclose(measured, 0.8 ** np.arange(explorables.STEPS))


def test_what_the_chapter_says_of_the_horizon():
    numbers = json.loads(committed("gradient-horizon", "json"))
    horizon = {
        name: [
            min((k for k, v in enumerate(c["median"]) if v < 0.01), default=None)
            for c in curves
        ]
        for name, curves in numbers["measured"].items()
    }
    # With the sigmoid it is gone within a few steps at every radius.
    assert max(horizon["sigmoid"]) <= 6
    # With tanh a hundredth arrives at all lags from a radius a little above 1 on.
    reaching = [
        r for r, k in zip(numbers["radii"], horizon["tanh"], strict=True) if k is None
    ]
    assert reaching == [r for r in numbers["radii"] if r > 1.05]


LOOKS = (("tanh", 1.0, 19), ("tanh", 2.0, 39), ("sigmoid", 0.5, 5), ("linear", 1.4, 0))


@pytest.mark.browser
def test_the_horizon_shows_what_python_measures(use):
    visit = use("gradient-horizon", width=PHONE)
    radii = visit.slider("Spectral radius")
    for activation, radius, lag in LOOKS:
        visit.press(activation)
        radii.fill(str(list(explorables.RADII).index(radius)))
        visit.slider("Lag").fill(str(lag))
        slope = explorables.ACTIVATIONS[activation][2]
        samples = explorables.error_by_lag(activation, radius)[:, lag]
        wanted = (*median_interval(samples), (slope * radius) ** lag)
        said = visit.answer()
        assert said.startswith(f"{activation}, spectral radius {radius:.1f}: at lag")
        _, told = said.split(f"lag {lag}, ", 1)
        told = re.findall(r"[\d.]+(?:·10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?(?=[ ,.\]])", told)[:4]
        told = [number_of(number.rstrip(".")) for number in told]
        np.testing.assert_allclose(told, wanted, rtol=6e-3)
        heights = 252 * (6 - np.log10([wanted[0], wanted[3]])) / 18
        heights = np.clip(heights, 0, 252)  # a marker stays at the edge
        found = shown(visit.figure, ("horizon-measured", "horizon-allowed"), "cy")
        np.testing.assert_allclose(found, heights, atol=0.1)


@pytest.mark.browser
def test_the_sliders_of_the_horizon_move_by_keyboard(use):
    visit = use("gradient-horizon")
    radius = visit.slider("Spectral radius")
    radius.focus()
    visit.page.keyboard.press("ArrowRight")
    assert radius.get_attribute("aria-valuetext") == "1.1"
    assert "tanh, spectral radius 1.1: at lag 19" in visit.answer()
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.press("Home")
    assert "at lag 0, 1.00 [1.00, 1.00] of the error" in visit.answer()


@pytest.mark.browser
def test_the_lag_is_dragged_in_the_plot_and_markers_stay_in_it(use):
    visit = use("gradient-horizon")
    plot = visit.figure.locator("svg svg").first
    plot.scroll_into_view_if_needed()
    plot = plot.bounding_box()
    middle = plot["y"] + plot["height"] / 2
    visit.page.mouse.move(plot["x"] + 2, middle)
    visit.page.mouse.down()
    assert "at lag 0" in visit.answer()
    visit.page.mouse.move(plot["x"] + plot["width"] - 2, middle, steps=4)
    visit.page.mouse.up()
    assert "at lag 39" in visit.answer()
    visit.page.mouse.move(plot["x"] + 2, middle)
    assert "at lag 39" in visit.answer()  # let go
    visit.press("sigmoid")  # far below the foot of the plot
    ids = ("horizon-measured", "horizon-allowed")
    assert shown(visit.figure, ids, "cy").tolist() == [252, 252]


# ---------------------------------------------------------------------------
# The unroller


def test_the_unroller_shows_the_network_of_the_chapter():
    cells = notebooks.read(ROOT / "book/02_elman.ipynb").cells
    [cell] = [c for c in cells if c.source.startswith("W_ih = np.array([[1.0")]
    scope = {"np": np}
    exec(cell.source.partition("\n\n")[0], scope)
    for name in ("W_ih", "W_hh", "b_h", "W_ho", "b_o"):
        np.testing.assert_array_equal(scope[name], getattr(explorables.PENCIL, name))


def test_the_rows_of_the_unroller_are_derivatives():
    values = explorables.unrolled_values(explorables.PULSE)
    for t, state in enumerate(values["h"]):

        def last(h_t, t=t):
            tail = np.array(explorables.PULSE[t:])[:, None]
            params = explorables.PENCIL._replace(h0=h_t)
            end = elman.hidden_states_numpy(tail, params)[-1] if len(tail) else h_t
            return elman.readout(end, explorables.PENCIL)[0]

        [slope] = numerical_gradient(last, [state.copy()])
        np.testing.assert_allclose(values["d_h"][t], slope, rtol=1e-6)


def assert_unrolled(figure, inputs, params=explorables.PENCIL):
    """That the picture shows all values of the network for these inputs."""
    values = explorables.unrolled_values(inputs, params)
    rows = {"h": values["h"], "d": values["d_h"], "o": values["o"][:, None]}
    for kind, row in rows.items():
        steps = range(kind == "o", len(inputs) + 1)
        ids = [f"value-{kind}{t}-{i}" for t in steps for i in range(row.shape[1])]
        np.testing.assert_allclose(shown(figure, ids), row.ravel(), atol=1e-3)


@pytest.mark.browser
@pytest.mark.parametrize("inputs", [(1, 0, 0, 0), (0, 1, 0, 1), (0, 0, 0, 0)])
def test_the_unroller_calculates_as_python_does(use, inputs):
    visit = use("unroller", width=PHONE)
    for t, (x_t, first) in enumerate(zip(inputs, explorables.PULSE, strict=True), 1):
        if x_t != first:
            visit.press(f"x{'₀₁₂₃₄'[t]} = {first:g}")
    visit.press(*["Next"] * (3 * len(inputs) + 1))
    assert_unrolled(visit.figure, inputs)
    hidden = visit.figure.locator(".hide")
    assert hidden.count() == 0


@pytest.mark.browser
def test_the_unroller_shows_which_weights_are_used_where(use):
    def used(visit):
        edges = visit.figure.locator(".edge.used").all()
        return {edge.get_attribute("id").removeprefix("edge-") for edge in edges}

    visit = use("unroller")
    assert "the state before the first step" in visit.answer()
    assert used(visit) == set()
    visit.press("Next")
    assert used(visit) == {"W_ih-1", "W_hh-1"}
    assert "(0.762, −0.462)" in visit.answer()
    visit.press("Next")
    assert used(visit) == {"W_ho-1"}
    assert "−0.663" in visit.answer()
    # The second step is not calculated yet.
    assert not visit.figure.locator("#value-h2-0").is_visible()
    visit.slider("Position").focus()
    visit.page.keyboard.press("End")
    assert used(visit) == {"W_hh-1"}
    assert visit.figure.locator(".edge.back").count() == 1
    visit.press("Back", "Back", "Back", "Back")
    assert used(visit) == {"W_ho-4"}
    assert "W_hoᵀ = (1.000, 2.000)" in visit.answer()


@pytest.mark.browser
def test_weights_of_the_unroller_can_be_changed_and_live_in_the_address(use):
    visit = use("unroller")
    number = {"W_ih₂": 0.25, "W_hh₁₂": -1.5, "b_h₁": 0.1, "W_ho₁": -2, "b_o": 3}
    for name, value in number.items():
        visit.figure.get_by_label(name, exact=True).fill(str(value))
    visit.slider("Position").focus()
    visit.page.keyboard.press("End")
    changed = explorables.PENCIL._replace(
        W_ih=np.array([[1, 0.25]]),
        W_hh=np.array([[0.5, -1.5], [1, 0.5]]),
        b_h=np.array([0.1, 0.5]),
        W_ho=np.array([[-2.0], [2]]),
        b_o=np.array([3.0]),
    )
    assert_unrolled(visit.figure, explorables.PULSE, changed)
    visit.figure.get_by_label("b_o", exact=True).fill("much")
    assert "b_o must be above -10 and at most 10; it is still 3" in visit.answer()
    address = visit.page.url
    visit.page.goto("about:blank")
    visit.page.go_back()
    assert visit.page.url == address
    opened(visit.figure)
    assert_unrolled(visit.figure, explorables.PULSE, changed)


# ---------------------------------------------------------------------------
# Two memories

LEFT, WIDTH, HEIGHT = 44, 362, 84  # of the panels of the picture
TOPS = (56, 196)
INNERS = experiments.strings(40, 10, np.random.default_rng(1))
INNERS = [string[2:-2] for string in INNERS]


@pytest.mark.parametrize("name", explorables.MEMORIES)
def test_a_memory_is_called_what_the_card_of_its_network_says(name):
    card = json.loads((trained.FOLDER / f"embedded-reber-{name}.json").read_text())
    activation = {"elman": "tanh ", "relu": "ReLU ", "lstm": ""}[name]
    optimiser = "Adam" if "adam" in card["setting"] else "SGD"
    cell = {"elman": "Elman", "lstm": "LSTM"}[card["cell"]]
    title = f"{cell}, {card['units']} {activation}units, {optimiser}"
    assert explorables.MEMORIES[name][1] == title
    assert card["least_inner_length"] == 10


def test_the_endings_are_the_shortest_of_the_grammar():
    found = explorables.endings()
    reached = set()
    strings = {REBER.sample(np.random.default_rng(seed)) for seed in range(500)}
    for string in strings:
        for k, state in enumerate((0, *REBER.states(string))):
            rest = string[k:]
            assert len(found[state]) <= len(rest)
            if len(rest) == len(found[state]):
                reached.add(state)
            assert REBER.check(string[:k] + found[state]) is None
    assert reached == set(range(len(REBER.transitions)))


@pytest.mark.parametrize("name", explorables.MEMORIES)
def test_the_last_belief_is_the_answer_that_the_chapter_judges(name):
    setting = {"relu": name == "relu"}
    params = explorables.memory(name)
    for inner in INNERS[:10]:
        values = explorables.beliefs(inner, name)
        assert len(values["T"]) == len(values["P"]) == len(inner) + 1
        for symbol in "TP":
            asked = experiments.questions([f"B{symbol}{inner}{symbol}E"])
            right = experiments.share_right(asked, params, setting)
            assert right == ((values[symbol][-1] > 0.5) == (symbol == "T"))


def test_what_the_chapter_says_of_the_memories():
    default = explorables.beliefs(explorables.inner_string(), "elman")
    for symbol in "TP":
        assert (default[symbol][:2] > 0.99).all()
        assert (np.abs(default[symbol][2:] - 0.5) < 0.05).all()
    falls = default["apart"] / default["apart"][0]
    assert falls[-1] < 1e-6
    assert falls[6] > 1e-3  # a part at each step
    for inner in INNERS:
        tanh, relu, lstm = (
            explorables.beliefs(inner, name) for name in ("elman", "relu", "lstm")
        )
        np.testing.assert_allclose(tanh["T"], tanh["P"], atol=0.01)
        for holds in (relu, lstm):
            assert holds["T"].min() > 0.9
            assert holds["P"].max() < 0.1


def shown_beliefs(figure, inner):
    """What the picture shows of each panel: shares after T and after P, distance."""
    found = []
    for panel, top in enumerate(TOPS):
        shares = []
        for symbol in "TP":
            points = drawn_points(figure, f"memory-{panel}-{symbol}")
            steps = LEFT + WIDTH * np.arange(len(points)) / len(inner)
            np.testing.assert_allclose(points[:, 0], steps, atol=0.1)
            shares.append(1 - (points[:, 1] - top) / HEIGHT)
        apart = figure.locator(f"#memory-apart-{panel}").text_content()
        found.append((*shares, number_of(apart.split()[1])))
    return found


def read_inner(figure):
    letters = figure.locator("#memory-symbols text:not(.named)")
    return "".join(letters.all_text_contents())


@pytest.mark.browser
def test_the_memories_say_what_python_computes(use):
    visit = use("two-memories", width=PHONE)
    position = visit.slider("Symbols read")
    for string, least in ((None, 0), ("at least 10", 10), ("at least 20", 20)):
        if string:
            visit.press(string)
        inner = read_inner(visit.figure)
        assert REBER.check(inner) is None
        assert least <= len(inner) <= 29
        for upper, choice in (("elman", "tanh"), ("relu", "ReLU")):
            visit.press(choice)
            for at in (0, 3, len(inner)):
                position.fill(str(at))
                panels = shown_beliefs(visit.figure, inner)
                for name, (T, P, apart) in zip((upper, "lstm"), panels, strict=True):
                    wanted = explorables.beliefs(inner, name)
                    np.testing.assert_allclose(T, wanted["T"][: at + 1], atol=1e-3)
                    np.testing.assert_allclose(P, wanted["P"][: at + 1], atol=1e-3)
                    assert apart == pytest.approx(
                        wanted["apart"][at], rel=0.06, abs=1e-9
                    )


@pytest.mark.browser
def test_the_lines_grow_with_what_is_read(use):
    visit = use("two-memories")
    inner = explorables.inner_string()
    assert read_inner(visit.figure) == inner
    opened = drawn_points(visit.figure, "memory-1-T")
    visit.slider("Symbols read").focus()
    visit.page.keyboard.press("Home")
    for k in range(len(inner)):
        assert len(drawn_points(visit.figure, "memory-1-T")) == k + 1
        visit.press("Next")
    assert "the question is asked" in visit.answer()
    np.testing.assert_array_equal(drawn_points(visit.figure, "memory-1-T"), opened)
    visit.press("Next")  # there is no further symbol
    assert len(drawn_points(visit.figure, "memory-0-P")) == len(inner) + 1
    visit.press("Back")
    assert "E would end it" in visit.answer()
    visit.slider("Symbols read").focus()
    visit.page.keyboard.press("Home")
    assert "Nothing of the inner string read" in visit.answer()


# ---------------------------------------------------------------------------
# Reddit on tap


def next_words(beginning, temperature=1.0, filtered=True):
    """What Python draws the word after this beginning from: (V,)."""
    model = explorables.language_model()
    tokens = [t for some in sentences(corpus.clean(beginning)) for t in some]
    words = model.vocabulary.encode(tokens)[1:-1]
    return generation.probabilities(model, words, temperature, filtered=filtered)


def prefixes():
    """50 beginnings: sentences of the comments of the course, and first halves."""
    found = []
    for comment in corpus.load():
        for sentence in cut(comment):
            words = sentence.split()
            if len(words) > 5 and not sentence.endswith('"'):
                found += [" ".join(words[: len(words) // 2]), sentence]
    return found[:50]


def unpacked(matrix, columns):
    """The numbers of a matrix, decoded one by one."""
    alphabet = [chr(c) for c in range(35, 127) if chr(c) != "\\"]
    value = {digit: i for i, digit in enumerate(alphabet)}
    digits = [value[digit] for digit in matrix["digits"]]
    numbers = 91 * np.array(digits[::2]) + digits[1::2] - 4140
    return matrix["step"] * numbers.reshape(-1, columns)


def test_the_script_is_small_and_repeatable():
    model = explorables.language_model()
    script = model_in_page.script(model)
    assert script == model_in_page.script(model)
    assert len(script.encode()) < 4_000_000


def test_packed_numbers_are_right_to_half_a_step():
    W = np.random.default_rng(0).standard_normal((30, 20))
    W[3, 4] = -np.abs(W).max() - 1  # the largest is the first of all numbers
    matrix = model_in_page.packed(W)
    assert np.abs(unpacked(matrix, 20) - W).max() <= matrix["step"] * 0.5001
    assert matrix["step"] == pytest.approx(np.abs(W).max() / 4140)


@cache
def packed_model():
    """The model that follows from the script, decoded here."""
    script = model_in_page.script(explorables.language_model())
    page = json.loads(script.partition(" = ")[2].rstrip(";\n"))
    W_ih, W_hh = (unpacked(page[w], 100) for w in ("W_ih", "W_hh"))
    W_ho = unpacked(page["W_ho"], len(page["words"]))
    b_h, b_o, h0 = (np.array(page[name]) for name in ("b_h", "b_o", "h0"))
    params = elman.Elman(W_ih, W_hh, b_h, W_ho, b_o, h0)
    return LanguageModel(Vocabulary(tuple(page["words"])), params, {})


def test_packed_weights_give_the_probabilities_of_the_model():
    """All 8,000 of them, for 50 prefixes."""
    model, rounded = explorables.language_model(), packed_model()
    assert rounded.vocabulary == model.vocabulary
    for prefix in prefixes():
        [*tokens] = [t for some in sentences(prefix) for t in some]
        words = model.vocabulary.encode(tokens)[1:-1]
        p = generation.probabilities(rounded, words)
        assert np.abs(p - next_words(prefix)).max() < 1e-3, prefix


def test_another_cell_is_refused():
    model = explorables.language_model()
    lstm = initial_lstm(8, 2, 8, np.random.default_rng(0))
    with pytest.raises(ValueError, match="must be an Elman network; got LSTM"):
        model_in_page.script(model._replace(params=lstm))


def test_what_the_chapter_says_of_the_tap():
    words = explorables.language_model().vocabulary.words

    def rank(beginning):
        return [words[i] for i in np.argsort(-next_words(beginning))[:10]]

    assert ")" not in rank("i like it")
    assert rank("( i like it")[2] == ")"
    tens = {t: np.sort(next_words("i think", t))[-10:].sum() for t in (0.3, 2)}
    assert tens[0.3] > 0.99
    assert tens[2] < 0.2


def readable(model, i):
    word = model.vocabulary.words[i]
    word = explorables.explorable_pictures.READABLE.get(word, word)
    return f"{word[:15]}…" if len(word) > 16 else word


def assert_bars_are(figure, p):
    """That the ten bars and that of all others are those of p (V,), to 1e-3."""
    model = explorables.language_model()
    words = [figure.locator(f"#reddit-word-{k}").text_content() for k in range(10)]
    drawn = shown(figure, [f"reddit-bar-{k}" for k in range(11)], "width") / 200
    likeliest = np.argsort(-p)[:10]
    np.testing.assert_allclose(drawn[:10], p[likeliest], atol=1e-3)
    assert drawn[10] == pytest.approx(1 - p[likeliest].sum(), abs=5e-3)
    by_word = {}
    for i in np.argsort(-p)[:40]:
        by_word.setdefault(readable(model, i), p[i])
    for word, value in zip(words, drawn[:10], strict=True):
        assert value == pytest.approx(by_word[word], abs=1e-3), word


@pytest.mark.nightly
@pytest.mark.browser
def test_the_page_gives_the_probabilities_of_python(use):
    visit = use("reddit-on-tap", width=PHONE)
    beginning = visit.figure.get_by_role("textbox", name="Begin with")
    for prefix in prefixes():
        beginning.fill(prefix)
        assert_bars_are(visit.figure, next_words(prefix))
    heat = visit.slider("Temperature")
    beginning.fill("I can't wait")
    for place, temperature in ((4, 0.5), (19, 2.0)):
        heat.fill(str(place))
        assert_bars_are(visit.figure, next_words("I can't wait", temperature))


def page_draws(seed):
    """The draws of a seed, by Park and Miller's generator in whole numbers."""
    state, found = 1 + 7919 * seed % (2**31 - 2), []
    for _ in range(60):
        state = 48271 * state % (2**31 - 1)
        found.append(state / (2**31 - 1))
    return found[10:]


def written(beginning, seed, temperature=1.0):
    """The words after the beginning, drawn in Python as the page draws them.

    From the packed weights: with those of the model, a draw near the border of two
    rare words may fall on the other.
    """
    model = packed_model()
    words = [*model.vocabulary.encode(beginning.split())[1:-1]]
    read = len(words)
    while len(words) < 50 and words[-1] != model.vocabulary.end:
        p = generation.probabilities(model, words, temperature)
        with np.errstate(divide="ignore"):
            word = generation.draw_word(np.log(p), page_draws(seed)[len(words)])
        words.append(word)
    return [readable(model, i) for i in words[read:]]


@pytest.mark.browser
def test_the_same_number_draws_the_same_sentence_as_in_python(use):
    def drawn(visit):
        return visit.figure.locator(".explorable-text b").all_text_contents()

    visit = use("reddit-on-tap")
    number = visit.figure.get_by_role("spinbutton", name="Seed number")
    for seed in (1, 2, 30):
        number.fill(str(seed))
        visit.press("Write the rest")
        sentence = drawn(visit)
        assert sentence == written("i think", seed)
        assert "Written to the end" in visit.answer()
        number.fill(str(seed))  # a word at a time
        for k in range(len(sentence)):
            visit.press("Next word")
            assert drawn(visit) == sentence[: k + 1]
        visit.press("Next word")  # it has ended
        assert drawn(visit) == sentence
    visit.press("Back")
    assert drawn(visit) == sentence[:-1]
    visit.press("Draw anew")
    assert number.input_value() == "31"
    assert drawn(visit) == written("i think", 31) != sentence


def leaning(words):
    """The gradient of ln p of the last word by the vector of each before it: lengths.

    By PyTensor, of the packed weights; without filter, at temperature 1.
    """
    model = packed_model()
    params = model.params
    *before, now = words
    vectors = pt.matrix("vectors")
    identity = elman.Elman(
        np.eye(len(params.b_h)), *map(np.asarray, params[1:])
    )  # W_ih is in the vectors
    h = elman.hidden_states(vectors, elman.Elman(*map(pt.as_tensor, identity)))
    o = h[-1] @ params.W_ho + params.b_o
    log_p = o[now] - pt.logsumexp(o)
    gradient = pytensor.function([vectors], pt.grad(log_p, vectors))
    return np.linalg.norm(gradient(params.W_ih[before]), axis=1)


@pytest.mark.browser
@pytest.mark.engine
@pytest.mark.usefixtures("python_engine")
def test_what_a_word_leans_on_is_the_gradient_of_python(use):
    vocabulary = packed_model().vocabulary
    visit = use("reddit-on-tap")
    beginning = visit.figure.get_by_role("textbox", name="Begin with")
    look = visit.slider("What did it lean on?")
    spans = visit.figure.locator(".explorable-text > *")
    for text, places in (
        ("( i like it )", (2, 5)),
        ("you are not the only one who thinks that", (4, 9)),
        ("my xyzzy is here", (3,)),
        ("i", (1,)),
    ):
        beginning.fill(text)
        words = vocabulary.encode(text.split())[:-1]  # with START
        for place in places:
            if place % 2:
                look.fill(str(place))
            else:
                spans.nth(place - 1).click()
            assert (
                look.get_attribute("aria-valuetext") == f"“{text.split()[place - 1]}”"
            )
            lengths = leaning(words[: place + 1])
            shares = lengths / lengths.sum()
            leans = "e => Number(e.style.getPropertyValue('--lean'))"
            shown_ = [span.evaluate(leans) for span in spans.all()]
            np.testing.assert_allclose(shown_[: place - 1], shares[1:], atol=1e-3)
            assert not any(shown_[place - 1 :])
            most = int(np.argmax(shares))
            name = text.split()[most - 1] if most else "(start)"
            assert f"leaned on “{name}” {100 * shares[most]:.1f}%" in visit.answer()
            assert visit.figure.locator(".asked").count() == 1


@pytest.mark.browser
def test_reddit_is_found_as_it_was_left(use):
    visit = use("reddit-on-tap")
    visit.figure.get_by_role("spinbutton", name="Seed number").fill("7")
    visit.press("Next word", "Next word", "Next word")
    text = visit.figure.locator(".explorable-text").inner_text()
    visit.page.goto("about:blank")
    visit.page.go_back()
    opened(visit.figure)
    assert visit.figure.locator(".explorable-text").inner_text() == text
    seed = visit.figure.get_by_role("spinbutton", name="Seed number")
    assert seed.input_value() == "7"


@pytest.mark.browser
@pytest.mark.parametrize(
    "name", each((n for n in PAGES if n != "reddit-on-tap"), PAGES.get)
)
def test_it_is_found_as_it_was_left(use, name):
    visit = use(name)
    visit.press({"train-it": "Reset", "remember": "Reset"}.get(name, USED[name]))
    for slider in visit.figure.get_by_role("slider").all()[:1]:
        slider.focus()
        visit.page.keyboard.press("ArrowLeft")
    left = visit.answer()
    visit.page.goto("about:blank")
    visit.page.go_back()
    visit.figure.get_by_role("status").filter(has_text=left[:40]).wait_for()
    if name not in ("train-it", "remember"):
        assert visit.answer() == left


@pytest.mark.browser
@pytest.mark.parametrize("name", each(PAGES, PAGES.get))
def test_picture_and_controls_fit_a_phone_and_do_not_move(browser, address, name):
    """Within 844 CSS pixels; and what is pressed changes no height."""
    with ExitStack() as visits:
        visit = visits.enter_context(Use(browser, address, name, width=PHONE))
        visit.figure.evaluate(
            "e => e.querySelectorAll('details').forEach(fold => (fold.open = false))"
        )
        top = visit.figure.locator("svg").first.bounding_box()["y"]
        rows = visit.figure.locator(".explorable-controls > .explorable-row")
        rows = [row.bounding_box() for row in rows.all() if row.is_visible()]
        assert max(row["y"] + row["height"] for row in rows) - top < 844
        before = visit.figure.bounding_box()["height"]
        for _ in range(3):
            visit.press(USED[name])
            now = visit.figure.bounding_box()["height"]
            assert now == pytest.approx(before, abs=1)


@pytest.mark.browser
def test_pictures_are_dragged(use):
    """The position of the unroller and what the memories have read."""
    for name, slider, to in (
        ("unroller", "Position", (380 / 420, 44 / 360)),
        ("two-memories", "Symbols read", (0.5, 0.5)),
    ):
        visit = use(name)
        picture = visit.figure.locator("svg").first
        picture.scroll_into_view_if_needed()
        box = picture.bounding_box()
        visit.page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 100)
        visit.page.mouse.down()
        across, down = to
        x, y = box["x"] + box["width"] * across, box["y"] + box["height"] * down
        visit.page.mouse.move(x, y, steps=5)
        visit.page.mouse.up()
        found = visit.slider(slider).get_attribute("aria-valuetext")
        if name == "unroller":
            assert found == "8 of 13"
            assert "o₄ = h₄ W_ho" in visit.answer()
        else:
            inner = explorables.inner_string()
            wanted = round((210 - LEFT) / WIDTH * len(inner))
            assert found == f"{wanted} of {len(inner)}"


@pytest.mark.browser
def test_a_number_that_is_no_seed_is_refused(use):
    visit = use("reddit-on-tap")
    number = visit.figure.get_by_role("spinbutton", name="Seed number")
    number.fill("2")
    visit.press("Write the rest")
    sentence = visit.figure.locator(".explorable-text b").all_text_contents()
    for wrong in ("-1", "1.5", "", "1000000"):
        number.fill(wrong)
        assert "whole number from 0 to 999999; it is still 2" in visit.answer()
        assert number.get_attribute("aria-invalid") == "true"
    found = visit.figure.locator(".explorable-text b").all_text_contents()
    assert found == sentence
    visit.press("Draw anew")
    assert number.input_value() == "3"
    assert number.get_attribute("aria-invalid") == "false"


@pytest.mark.browser
def test_the_word_filter_is_on_until_it_is_switched_off(use):
    model = explorables.language_model()
    rude = np.flatnonzero(unsuitable(model.vocabulary.words))
    beginnings = ("what the", "you are full of", "holy", "this is")
    found = 0
    visit = use("reddit-on-tap")
    for beginning in beginnings:
        visit.figure.get_by_role("textbox", name="Begin with").fill(beginning)
        pressed = visit.figure.get_by_role("button", name="Word filter")
        assert pressed.get_attribute("aria-pressed") == "true"
        assert_bars_are(visit.figure, next_words(beginning))
        visit.press("Word filter")
        assert pressed.get_attribute("aria-pressed") == "false"
        p = next_words(beginning, filtered=False)
        assert_bars_are(visit.figure, p)
        found += np.isin(rude, np.argsort(-p)[:10]).sum()
        visit.press("Word filter")
    assert found >= 3  # of the words that were shown without it


@pytest.mark.browser
def test_unknown_words_of_the_beginning_are_shown_as_such(use):
    visit = use("reddit-on-tap")
    beginning = visit.figure.get_by_role("textbox", name="Begin with")
    beginning.fill("My xyzzy can't")
    assert "does not know “xyzzy”: it reads UNKNOWN" in visit.answer()
    assert visit.figure.locator("mark").all_text_contents() == ["xyzzy"]
    assert visit.figure.locator(".explorable-text").inner_text() == "my xyzzy can't"
    assert_bars_are(visit.figure, next_words("My xyzzy can't"))
    beginning.fill("")  # the first word, which may not be the end
    assert visit.figure.locator("mark").count() == 0
    assert_bars_are(visit.figure, next_words(""))


@pytest.mark.browser
def test_the_model_comes_only_when_it_is_asked_for(browser, address):
    with Visit(browser, address, PAGES["reddit-on-tap"]) as visit:
        asked = []
        visit.page.on("request", lambda request: asked.append(request.url))
        figure = visit.page.locator("figure[data-explorable]")
        load = figure.get_by_role("button", name=LOAD)
        visit.page.route("**/reddit-on-tap-model.js", lambda route: route.abort())
        load.click()
        figure.get_by_text("could not be loaded").wait_for()
        visit.page.unroute("**/reddit-on-tap-model.js")
        assert figure.locator("input").first.is_hidden()
        load.focus()
        visit.page.keyboard.press("Enter")
        figure.get_by_role("textbox").wait_for()
        assert len(asked) == 2
        assert all(url.startswith(f"{address}/_static/explorables/") for url in asked)
        # Who pressed the button by keyboard is led to what took its place.
        assert visit.page.evaluate("document.activeElement.type") == "text"
