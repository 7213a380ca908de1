"""Can you make it remember? and The cell, gate by gate: what they show is right."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
import test_train_it
from scipy.special import expit, logit
from test_browser import DESKTOP, PHONE, TABLET, grave
from test_explorables import number_of

from helpers import results
from helpers.experiments import ch06_embedded_reber_runs as runs
from helpers.networks import gated
from helpers.press import explorable_pictures as pictures
from helpers.press import explorables
from helpers.tasks.reber import EMBEDDED

browser, site, library = (
    test_train_it.browser,
    test_train_it.site,
    test_train_it.library,
)

# ---------------------------------------------------------------------------
# The training of chapter 6

TRAIN = """([numbers, seed, setting, updates]) => {
    const { net, update, measure } = embeddedTraining(numbers).training(seed, setting);
    const [trace, first] = [[], measure(0)];
    for (let k = 1; k <= updates; k++) {
        const { loss } = update();
        if (k % 50 === 0) trace.push(loss);
    }
    const now = measure(numbers.updates);
    const parts = Object.values(net.parameters).map((part) => [...part]);
    return { trace, first, now, parts };
}"""
TRIED = [
    (cell, recipe, lag)
    for cell in explorables.CELLS
    for recipe in explorables.RECIPES
    for lag in explorables.LAGS
    if (cell, recipe) != ("gru", "sgd")  # which was never recorded
]


@pytest.mark.browser
def test_a_seed_in_the_page_is_that_seed_of_the_record(library):
    """The losses of its first 200 updates, to all digits that were recorded."""
    for cell, recipe, lag in TRIED:
        record = results.load(f"embedded-reber-{cell}")
        name = explorables.RECIPES[recipe]
        for seed in (0, 19) if lag == "10" else (7,):
            setting = {"cell": cell, "lag": lag, "optimiser": recipe}
            given = [explorables.remember(), seed, setting, 200]
            trace = np.array(library.evaluate(TRAIN, given)["trace"])
            [run] = [run for run in record.runs if run["seed"] == seed]
            scale = 7 if recipe == "sum" else 1
            wanted = run["trace"][f"{lag} {name}"]
            np.testing.assert_allclose(trace / scale, wanted, rtol=1e-9)


def network_of(cell, parts):
    start = runs.first_values(
        cell, explorables.CELLS[cell]["units"], np.random.default_rng(0), "uniform"
    )
    return start._make(
        np.reshape(p, s.shape) for p, s in zip(parts, start, strict=True)
    )


@pytest.mark.browser
@pytest.mark.engine
@pytest.mark.usefixtures("python_engine")
@pytest.mark.parametrize("cell", explorables.CELLS)
def test_what_is_measured_is_what_python_measures(library, cell):
    """After 300 updates: the share right, and the gradient that `reach` has."""
    seed, lag = 3, 10
    setting = {"cell": cell, "lag": str(lag), "optimiser": "adam"}
    found = library.evaluate(TRAIN, [explorables.remember(), seed, setting, 300])
    params = network_of(cell, found["parts"])
    rng = np.random.default_rng([seed, 2, lag])
    for share, n in ((found["now"]["right"], 200), (found["now"]["end"], 1000)):
        asked = runs.questions(runs.strings(n, lag, rng))
        assert share == pytest.approx(runs.share_right(asked, params, {}))
    rng = np.random.default_rng([seed, 3])
    for norm, inner in zip(found["now"]["reach"], runs.COMMON["lengths"], strict=True):
        asked = runs.questions(runs.strings(20, inner, rng, inner))
        assert norm == pytest.approx(np.median(runs.reach(asked, params, {})), rel=1e-9)


@pytest.mark.browser
def test_untrained_it_measures_what_the_picture_shows(library):
    setting = explorables.SETTING
    first = library.evaluate(TRAIN, [explorables.remember(), 0, setting, 0])["first"]
    assert first["right"] == explorables.first_right(0, int(setting["lag"]))
    np.testing.assert_allclose(first["reach"], explorables.first_reach(0), rtol=1e-9)


@pytest.mark.browser
def test_strings_are_those_of_python(library):
    draw = """([numbers, seed, least]) => {
        const draw = grammar(numbers).drawing(least && least + 4);
        const generator = numpyRandom(seed, 5);
        return Array.from({ length: 300 }, () => draw(generator));
    }"""
    for least in (0, 5, 20, 29):
        rng = np.random.default_rng([8, 5])
        wanted = [EMBEDDED.sample(rng, min_inner=least) for _ in range(300)]
        given = [explorables.remember(), 8, least]
        assert library.evaluate(draw, given) == wanted


def test_the_house_is_the_record():
    """The numbers of the chapter's tables, and none where nothing was recorded."""
    solved = {
        key: explorables.house(*key)["solved"]
        for key in (
            ("lstm", "adam", "10"),
            ("gru", "adam", "20"),
            ("elman", "sgd", "5"),
        )
    }
    assert list(solved.values()) == [20, 8, 2]
    assert explorables.house("gru", "sgd", "10") is None
    assert "looks" not in explorables.house("lstm", "sgd", "10")


# ---------------------------------------------------------------------------
# In the page


class Remember(test_train_it.Train):
    """Can you make it remember?, opened."""

    name = "remember"

    def findings(self):
        return self.figure.locator(".explorable-answer").inner_text()


class Gates(test_train_it.Train):
    """The cell, gate by gate, opened."""

    name, opening = "cell-gates", "Guess, then show"


@pytest.fixture
def remember(browser, site):
    return lambda *what, **how: Remember(browser, site, *what, **how)


@pytest.fixture
def gates(browser, site):
    return lambda *what, **how: Gates(browser, site, *what, **how)


@pytest.mark.browser
@pytest.mark.nightly
def test_a_whole_training_ends_with_what_was_found(remember):
    """Of two LSTMs of the record, whose 20 seeds all solve it at this lag."""
    with remember("?cell=gru&optimiser=adam&lag=5&seeds=2") as visit:
        assert not visit.figure.locator("#remember-band").is_visible()
        visit.press("Start")
        visit.waits_for("After 50,000 updates")
        assert re.search(r"100% \(median of 2\)", visit.answer())
        assert (
            "You found: with GRU, Adam, lag 5 and more, 2 of 2 networks remember the "
            "symbol after 50,000 updates. You bet 10 of 20; the house had 20 of 20."
        ) in visit.findings()
        assert visit.figure.locator(".seed.won").count() >= 20
        assert visit.figure.locator("#remember-band").is_visible()
        lines = visit.path("remember-right")
        assert [len(line) for line in lines] == [51, 51]
        top = pictures.REMEMBER_TOP
        assert lines[0][-1][1] == pytest.approx(top, abs=0.11)
        visit.figure.get_by_label("Least lag").select_option("10")
        visit.waits_for("Untrained")
        assert "Found before: GRU, Adam, lag 5: 2 of 2." in visit.findings()
        visit.page.reload()
        visit.waits_for("Untrained")
        assert "GRU, Adam, lag 5: 2 of 2" in visit.findings()
        assert visit.said == []


@pytest.mark.browser
def test_it_is_started_paused_stepped_and_reset(remember):
    with remember() as visit:
        visit.press("Start")
        visit.page.wait_for_timeout(300)
        visit.press("Pause")
        visit.waits_for("The last string was")
        at = int(re.search(r"After ([\d,]+) ", visit.answer())[1].replace(",", ""))
        assert 0 < at < 50_000
        visit.press("One step")
        visit.waits_for(f"After {at + 1:,} updates")
        visit.press("Reset")
        visit.waits_for("Untrained")
        assert visit.said == []


@pytest.mark.browser
def test_a_step_is_that_of_python(remember):
    rng = np.random.default_rng([5, 1, 20])
    strings = runs.strings(1000, 20, rng)
    string = strings[rng.integers(1000)]
    start = runs.first_values(
        "elman", 10, np.random.default_rng([5, 0]), "unit_singular_value"
    )
    loss = runs.mean_loss(EMBEDDED.batch([string]), start, {})
    with remember("?first=5&lag=20") as visit:
        visit.press("One step")
        visit.waits_for("After 1 update:")
        assert f"The last string was {string}, its loss {loss:.3g}" in visit.answer()


@pytest.mark.browser
def test_the_bet_is_dragged_or_set_by_keyboard_and_stands_when_it_starts(remember):
    with remember() as visit:
        bet = visit.figure.get_by_role("slider", name="Your bet")
        bet.focus()
        visit.page.keyboard.press("ArrowLeft")
        assert bet.get_attribute("aria-valuetext") == "9 of 20 seeds"
        assert visit.figure.locator(".seed.bet").count() == 9
        box = visit.figure.locator("#remember-seed-16").bounding_box()
        y = box["y"] + box["height"] / 2
        visit.page.mouse.move(*(box["x"] - 150, y))
        visit.page.mouse.down()
        visit.page.mouse.move(box["x"] + box["width"], y, steps=3)
        visit.page.mouse.up()
        assert bet.get_attribute("aria-valuetext") == "17 of 20 seeds"
        visit.press("One step")
        visit.waits_for("After 1 update:")
        assert bet.is_disabled()


@pytest.mark.browser
def test_settings_live_in_the_address_and_what_is_none_is_refused(remember):
    with remember("?cell=lstm&lag=7&seeds=3&first=-1") as visit:
        field = visit.figure.get_by_label
        assert field("Cell").input_value() == "lstm"
        assert field("Least lag").input_value() == "10"  # 7 is none
        # A refusal first: a training that begins says something of its own later.
        visit.unfold("Seeds and link")
        field("First seed").fill("1.5")
        assert "First seed must be a whole number from 0 to 9999" in visit.answer()
        field("First seed").fill("0")
        visit.waits_for("Untrained")
        field("Optimiser").select_option("adam")
        query = visit.page.url.partition("?")[2].partition("#")[0]
        assert set(query.split("&")) == {"cell=lstm", "optimiser=adam", "seeds=3"}


@pytest.mark.browser
def test_it_honours_reduced_motion(remember):
    with remember(reduced_motion="reduce") as visit:
        visit.page.evaluate("""() => {
            const line = document.querySelector("#remember-right");
            window.drawn = 0;
            const observer = new MutationObserver(() => (drawn += 1));
            observer.observe(line, { attributes: true });
        }""")
        visit.press("Start")
        visit.waits_for("After 50,000 updates")
        assert 1 < visit.page.evaluate("drawn") <= 12  # of 50 looks


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", [Remember, Gates])
def test_it_fits_and_can_be_seen(browser, site, theme, kind):
    with kind(browser, site, theme=theme, width=PHONE) as visit:
        picture = visit.figure.locator("svg").bounding_box()
        if kind is Gates:
            visit.press("+ forget gate")
        last = visit.figure.get_by_role("slider").last.bounding_box()
        assert last["y"] + last["height"] - picture["y"] < 844  # one phone's screen
        before = visit.figure.bounding_box()["height"]
        visit.press("Show" if kind is Gates else "One step")
        visit.page.wait_for_timeout(300)
        assert visit.figure.bounding_box()["height"] == pytest.approx(before, abs=1)
        for width in (PHONE, TABLET, DESKTOP):
            visit.page.set_viewport_size({"width": width, "height": 900})
            assert visit.page.evaluate("document.documentElement.scrollWidth") == width
        assert grave(visit.page, "figure") == []


def drawn(elements):
    """The numbers of every part of a picture that has a name, guesses apart."""
    return {
        name: [float(number) for number in re.findall(r"-?[\d.]+", " ".join(values))]
        for name, *values in elements
        if not re.search("guess|-bets?$", name)
    }


@pytest.mark.browser
@pytest.mark.parametrize("kind", [Remember, Gates])
def test_the_page_draws_the_picture_that_python_drew(browser, site, kind):
    """In the state that the picture without scripts shows: no other hand drew it."""
    keys = ("d", "y", "height", "cx", "cy")
    with kind(browser, site) as visit:
        if kind is Gates:
            visit.press("+ forget gate")
            visit.press("Show")
        read = """(svg, keys) => [...svg.querySelectorAll("[id]")].map(
            (part) => [part.id, ...keys.map((key) => part.getAttribute(key) ?? "")])"""
        live = drawn(visit.figure.locator("svg").evaluate(read, keys))
    picture = ElementTree.fromstring(
        (explorables.FOLDER / f"{kind.name}.svg").read_text("utf-8")
    )
    wanted = drawn(
        [part.get("id"), *(part.get(key, "") for key in keys)]
        for part in picture.iter()
        if part.get("id")
    )
    assert live.keys() == wanted.keys()
    for name, numbers in wanted.items():
        np.testing.assert_allclose(live[name], numbers, atol=0.11, err_msg=name)


@pytest.mark.browser
def test_they_are_used_by_touch(browser, site):
    phone = {"width": PHONE, "has_touch": True, "is_mobile": True}
    with Remember(browser, site, **phone) as visit:
        visit.figure.get_by_role("button", name="Start").tap()
        visit.waits_for(re.compile(r"After \d+,000 updates"))
        visit.figure.get_by_role("button", name="Pause").tap()
    with Gates(browser, site, **phone) as visit:
        visit.figure.get_by_role("button", name="+ input gate").tap()
        visit.figure.get_by_role("button", name="Show").tap()
        assert "100% of the bit is shown" in visit.answer()


# ---------------------------------------------------------------------------
# The cell, gate by gate


@pytest.mark.parametrize("bit", [1, -1])
@pytest.mark.parametrize("stage", range(4))
def test_the_cell_is_that_of_the_helpers(bit, stage):
    """An LSTM whose sums are given: h, and the derivative by differences at each c."""
    rng = np.random.default_rng(stage)
    drawn = rng.uniform(0.05, 0.95, (3, 20))
    found = explorables.held(bit, drawn, stage)
    i, o, f = np.where(np.arange(3)[:, None] < stage, drawn, 1 - 1e-13)
    g = explorables.candidates() * np.where(np.arange(20), 1, bit)
    # The candidate has a tanh of its own: here one that leaves as it is what comes in.
    functions = {"sigmoid": expit, "tanh": np.tanh}
    weights = np.eye(4), np.zeros((1, 4)), np.zeros(4)

    def read(shift=0.0, at=-1):
        h, c, states = np.zeros(1), np.zeros(1), []
        for t in range(20):
            candidate = np.arctanh(g[t] / 2)  # half of it, and the gate twice as wide
            sums = np.array([logit(i[t] / 2), logit(f[t]), logit(o[t]), candidate])
            _, c_half = gated.lstm_step(sums, h, np.zeros(1), *weights, **functions)
            keep = np.array([-np.inf, logit(f[t]), logit(o[t]), 0.0])
            keep[0] = -800.0
            _, c_kept = gated.lstm_step(keep, h, c, *weights, **functions)
            c = c_kept + 4 * c_half + shift * (t == at)
            h = o[t] * np.tanh(c)
            states.append(h[0])
        return np.array(states)

    np.testing.assert_allclose(found.h, read(), atol=1e-9)
    for t in (0, 7, 19):
        slope = (read(1e-6, t)[-1] - read(-1e-6, t)[-1]) / 2e-6
        assert found.error[t] == pytest.approx(slope, rel=1e-5, abs=1e-9)


def shown(visit):
    """What the picture draws: tanh(c) and h after T and after P, and the error."""
    (top, height), (over, high) = pictures.GATES_SHOWN, pictures.GATES_ERROR
    low, most = pictures.GATES_DECADES
    h = [
        1 - 2 * (visit.path(f"gates-{name}")[0][:, 1] - top) / height
        for name in ("T", "P", "h-T", "h-P")
    ]
    [error] = visit.path("gates-error")
    return *h, 10 ** (most - (most - low) * (error[:, 1] - over) / high)


def assert_shown(visit, gates, stage):
    after_T, after_P = (explorables.held(bit, gates, stage) for bit in (1, -1))
    *lines, error = shown(visit)
    wanted = (np.tanh(after_T.c), np.tanh(after_P.c), after_T.h, after_P.h)
    for found, values in zip(lines, wanted, strict=True):
        np.testing.assert_allclose(found, values, atol=0.002)
    wanted = np.maximum(after_T.error, 1e-6)
    np.testing.assert_allclose(error, wanted, rtol=0.02)
    left = (after_T.h[-1] - after_P.h[-1]) / (2 * np.tanh(1))
    told = re.findall(r"([−\d.]+(?:·10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?)%", visit.answer())
    assert number_of(told[0]) == pytest.approx(100 * left, rel=0.06, abs=1e-9)
    assert number_of(told[2]) == pytest.approx(100 * after_T.error[0], rel=0.06)


@pytest.mark.browser
def test_each_gate_is_guessed_before_it_is_shown(gates):
    with gates() as visit:
        now = explorables.first_gates()
        for stage, name in enumerate(
            ("A sum", "+ input gate", "+ output gate", "+ forget gate")
        ):
            visit.press(name)
            hides = "e => getComputedStyle(e.parentNode).display === 'none'"
            assert visit.figure.locator("#gates-T").evaluate(hides)
            visit.press("Show")
            assert not visit.figure.locator("#gates-T").evaluate(hides)
            assert_shown(visit, now, stage)
        slider = visit.figure.get_by_role("slider", name="Newest gate")
        slider.fill("95")  # all steps, live
        now[2] = 0.95
        assert_shown(visit, now, 3)
        assert "multiply to 0.38: on average 0.950 each" in visit.answer()
        visit.figure.get_by_role("combobox", name="At step").select_option(label="10")
        slider.fill("0")
        now[2, 9] = 0
        assert_shown(visit, now, 3)
        visit.page.reload()  # it is as it was left
        assert_shown(visit, now, 3)
        assert visit.said == []


@pytest.mark.browser
def test_gates_and_the_guess_are_drawn_with_the_mouse(gates):
    with gates() as visit:
        visit.press("+ forget gate")
        visit.press("Show")
        box = visit.figure.locator("svg").bounding_box()
        scale = box["width"] / 420
        first, step = pictures.GATES_ACROSS
        y = pictures.GATES_ROWS[3] + 0.2 * pictures.GATES_ROW
        at = [
            (box["x"] + (first + step * t) * scale, box["y"] + y * scale)
            for t in (4, 12)
        ]
        visit.page.mouse.move(*at[0])
        visit.page.mouse.down()
        visit.page.mouse.move(*at[1], steps=40)
        visit.page.mouse.up()
        now = explorables.first_gates()
        now[2, 4:13] = 0.8
        assert_shown(visit, now, 3)
        visit.press("A sum")
        grip = visit.figure.locator("#gates-guess circle").bounding_box()
        x, y = (grip[k] + grip[s] / 2 for k, s in (("x", "width"), ("y", "height")))
        visit.page.mouse.move(x, y)
        visit.page.mouse.down()
        middle = pictures.GATES_SHOWN[0] + pictures.GATES_SHOWN[1] / 2
        visit.page.mouse.move(x, box["y"] + middle * scale, steps=5)
        visit.page.mouse.up()
        guess = visit.figure.get_by_role("slider", name="Guess")
        assert guess.get_attribute("aria-valuetext") == "0%"
