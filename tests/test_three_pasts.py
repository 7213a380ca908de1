"""Three pasts of chapter 9: what it shows of three networks is what Python computes."""

import json
import re
from xml.etree import ElementTree

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import test_train_it
from scipy.special import expit
from test_browser import DESKTOP, PHONE, TABLET, grave

from helpers.networks import gated, recurrences, trained
from helpers.press import explorable_pictures as pictures
from helpers.press import explorables
from helpers.tasks.reber import EMBEDDED, REBER, SYMBOLS, encode

browser, site = test_train_it.browser, test_train_it.site


def strings(n, seed):
    """Strings up to the question, with inner strings of 5 to 29 symbols."""
    rng, found = np.random.default_rng(seed), []
    while len(found) < n:
        string = EMBEDDED.sample(rng, min_inner=(5, 10, 20)[len(found) % 3])[:-2]
        if len(string) <= explorables.LONGEST_INNER + 2:
            found.append(string)
    return found


OPENING = f"BT{explorables.inner_string()}"

# ---------------------------------------------------------------------------
# What Python computes


@pytest.mark.engine
@pytest.mark.usefixtures("python_engine")
@pytest.mark.parametrize("kind", ["mingru", "attention"])
def test_the_pasts_are_those_of_the_recurrences(kind):
    """The answers of a network in PyTensor; layer by layer what they come from."""
    params = explorables.two_layers(kind)
    x = pt.matrix("x", shape=(len(OPENING), len(SYMBOLS)))
    variables = {key: pt.constant(value) for key, value in params.items()}
    wanted = [recurrences.network(kind, 2, x, variables)[-1]]
    one = {key: v for key, v in variables.items() if not key.startswith("2.")}
    first = recurrences.states(kind, 1, x, one)
    wanted.append(first)
    if kind == "attention":
        n = len(params["W_ho"])
        a = first @ params["2.W_qkv"]
        wanted.append(recurrences.attention_weights(a[:, :n], a[:, n : 2 * n]))
    else:
        wanted.append(recurrences.states(kind, 2, x, variables) - first)
    said, _, second = pytensor.function([x], wanted)(encode(OPENING))
    found = explorables.past(OPENING)
    p_T, p_P = expit(said[[SYMBOLS.index(symbol) for symbol in "TP"]])
    which = ["lstm", "mingru", "attention"].index(kind)
    assert found.answers[which] == pytest.approx(p_T / (p_T + p_P), abs=1e-9)
    ours = found.weights if kind == "attention" else found.states
    np.testing.assert_allclose(ours[1], second, atol=1e-9)


@pytest.mark.parametrize("kind", explorables.OF_LAYERS)
def test_a_past_is_called_what_the_card_of_its_network_says(kind):
    card = json.loads((trained.FOLDER / f"embedded-reber-{kind}.json").read_text())
    assert card["kind"] == kind
    assert card["setting"]["layers"] == 2
    assert card["setting"]["least"] == 10  # as of the LSTM
    picture = (explorables.FOLDER / "three-pasts.svg").read_text("utf-8")
    units = f"minGRU, two layers of {card['units']} units"
    assert (units if kind == "mingru" else "attention, two layers") in picture


def test_what_is_kept_is_what_the_state_keeps():
    """A layer anew from a state that is shifted at one step: the shift that is left."""
    params, found = explorables.two_layers("mingru"), explorables.past(OPENING)
    below = encode(OPENING)
    for layer, (h, kept) in enumerate(zip(found.states, found.kept, strict=True), 1):
        a = below @ params[f"{layer}.W_ih"] + params[f"{layer}.b_h"]
        n = h.shape[1]
        for t in (3, 11):
            shifted = h[t - 1] + 0.5
            z = expit(a[t, :n])
            after = (1 - z) * shifted + z * a[t, n:]
            np.testing.assert_allclose((after - h[t]) / 0.5, kept[t], atol=1e-9)
        below = h


def test_the_cell_and_the_differences_are_those_of_the_lstm():
    difference = explorables.apart(OPENING)["cell"]
    cells = [
        gated.lstm_states_numpy(encode(string), explorables.memory("lstm"))[1]
        for string in (OPENING, f"BP{OPENING[2:]}")
    ]
    np.testing.assert_array_equal(difference, cells[0] - cells[1])
    assert not difference[0].any()  # B is the same
    np.testing.assert_array_equal(explorables.past(OPENING).cell, cells[0])
    # After T less after P, whichever of the two is read.
    other = explorables.apart(f"BP{OPENING[2:]}")["cell"]
    np.testing.assert_array_equal(difference, other)


def test_the_way_to_the_question_is_legal_and_as_long_as_that_of_the_inner_grammar():
    ways = explorables.to_question()
    for string in strings(30, 0):
        for k in range(2, len(string) + 1):
            way = ways[EMBEDDED.states(string[:k])[-1]]
            assert EMBEDDED.check(f"{string[:k]}{way}{string[1]}E") is None
            state = (0, *REBER.states(string[2:k]))[-1]
            assert way == explorables.endings()[state]
    assert explorables.past_answers(OPENING) == pytest.approx(
        explorables.past(OPENING).answers
    )


def test_the_pasts_have_as_many_numbers_as_are_carried_on():
    n = [len(explorables.memory("lstm").h0)]
    n += [len(explorables.two_layers(kind)["W_ho"]) for kind in ("mingru", "attention")]
    assert explorables.sizes(7) == [2 * n[0], 2 * n[1], 7 * 4 * n[2]]


def test_what_the_chapter_says_of_the_pasts():
    """Where each of the networks has the symbol when it is asked, over 60 strings."""
    looked, right, carriers = [], [], []
    for i, string in enumerate(strings(60, 2)):
        string = f"B{'TP'[i % 2]}{string[2:]}"
        past, apart = explorables.past(string), explorables.apart(string)
        right.append((past.answers > 0.5) == (string[1] == "T"))
        first, second = (np.abs(apart[f"state-{i}"]).max(axis=1) for i in (1, 2))
        assert min(first[1], second[1]) > 1  # both have it at first
        if len(string) >= 22:  # the first layer loses it, the second does not
            assert first[-1] < min(first[1] / 2, second[-1] / 5)
        carriers.append(np.abs(apart["state-2"][-1]).argmax())
        looked.append(past.weights[0][-1].argmax())
    assert np.mean(right, axis=0).min() > 0.95
    assert len(set(carriers)) <= 2  # units of the second layer, whatever the string
    assert np.mean(np.array(looked) == 1) > 0.9
    holds = np.abs(explorables.apart(OPENING)["cell"]).argmax(axis=1)
    assert holds[1] != holds[-1]  # the LSTM hands it over


def squares(path):
    """The squares (t, j) that a path of lines fills."""
    lines = re.findall(r"M(\d+) (\d+)\.5h(\d+)", path)
    assert sum(map(len, ("M{} {}.5h{}".format(*line) for line in lines))) == len(path)
    return {(int(t) + k, int(j)) for t, j, wide in lines for k in range(int(wide))}


def test_the_shades_are_those_of_the_values():
    rng = np.random.default_rng(0)
    values = 10 ** rng.uniform(-2, 2, (9, 5)) * rng.choice([-1, 1], (9, 5))
    paths = pictures.shades(values)
    levels = len(pictures.PASTS_LEVELS)
    assert len(paths) == 2 * levels
    for t, j in np.ndindex(values.shape):
        shade = sum(abs(values[t, j]) > level for level in pictures.PASTS_LEVELS)
        inside = [i for i, path in enumerate(paths) if (t, j) in squares(path)]
        place = shade - 1 + (values[t, j] < 0) * levels
        assert inside == ([place] if shade else [])


# ---------------------------------------------------------------------------
# The same in JavaScript

PAST = """([numbers, strings]) => strings.map(threeNetworks(numbers).past)"""


@pytest.fixture(scope="module")
def library(browser):
    page = browser.new_page()
    for name in test_train_it.book_explorables.scripts(["three-pasts"])[:-1]:
        page.add_script_tag(path=explorables.FOLDER / f"{name}.js")
    yield page
    page.close()


@pytest.mark.browser
def test_the_page_computes_what_python_computes(library):
    """50 strings: states, what is kept, weights and answers, to 1e-6."""
    tried = strings(50, 1)
    tried[::2] = [f"B{'TP'[string[1] == 'T']}{string[2:]}" for string in tried[::2]]
    assert {string[1] for string in tried} == {"T", "P"}
    numbers = json.loads(json.dumps(explorables.three_pasts()))
    for string, found in zip(
        tried, library.evaluate(PAST, [numbers, tried]), strict=True
    ):
        wanted = explorables.past(string)
        close = {"rtol": 1e-6, "atol": 1e-6, "err_msg": string}
        np.testing.assert_allclose(found["cell"], wanted.cell, **close)
        np.testing.assert_allclose(found["answers"], wanted.answers, **close)
        for name in ("states", "kept"):
            np.testing.assert_allclose(found[name], getattr(wanted, name), **close)
        for ours, theirs in zip(found["weights"], wanted.weights, strict=True):
            for t, row in enumerate(ours):
                assert len(row) == t + 1  # what it looks at grows
                np.testing.assert_allclose(row, theirs[t, : t + 1], **close)


# ---------------------------------------------------------------------------
# In the page


class ThreePasts(test_train_it.Train):
    """Three pasts, opened."""

    name, opening = "three-pasts", "Guess, then show"

    def slider(self, name):
        return self.figure.get_by_role("slider", name=name)

    def string(self):
        return self.figure.get_by_role("textbox")

    def read(self):
        """Of each part of the picture that has a name, what it shows."""
        keys = ("d", "x", "width", "transform", "stroke-width")
        return self.figure.locator("svg").evaluate(
            """(svg, keys) => Object.fromEntries(
                [...svg.querySelectorAll("[id]")].map((part) => [part.id, [
                    keys.map((key) => part.getAttribute(key) ?? "").join(" "),
                    [...part.querySelectorAll("path")].map((p) => p.getAttribute("d")),
                    part.textContent]]))""",
            keys,
        )


@pytest.fixture
def pasts(browser, site):
    return lambda *what, **how: ThreePasts(browser, site, *what, **how)


def numbers_of(text):
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text)]


@pytest.mark.browser
def test_the_page_draws_the_picture_that_python_drew(pasts):
    """When it is shown, all is at its place: no other hand drew the picture."""
    with pasts() as visit:
        visit.press("Show")
        found = visit.read()
    keys = ("d", "x", "width", "transform", "stroke-width")
    root = ElementTree.fromstring(
        (explorables.FOLDER / "three-pasts.svg").read_text("utf-8")
    )
    named = [part for part in root.iter() if part.get("id")]
    assert {part.get("id") for part in named} == found.keys()
    for part in named:
        attributes, paths, text = found[part.get("id")]
        wanted = " ".join(part.get(key, "") for key in keys)
        np.testing.assert_allclose(
            numbers_of(attributes),
            numbers_of(wanted),
            atol=0.06,
            err_msg=part.get("id"),
        )
        assert text == "".join(part.itertext())
        if part.get("id") in [f"pasts-{name}" for name in pictures.PASTS_HEATS]:
            drawn = [child.get("d") for child in part]
            assert list(map(squares, paths)) == list(map(squares, drawn))
            assert any(drawn)


def assert_shown(visit, string, at, states=False):
    """That the picture shows the networks after `at` symbols of the string."""
    past, apart = explorables.past(string), explorables.apart(string)
    left, width = pictures.PASTS_PANEL
    column = width / (len(string) + 1)
    middles = left + column * (np.arange(at) + 0.5)
    found = visit.read()

    values = dict(zip(apart, (past.cell, *past.states), strict=True))
    for name, difference in apart.items():
        drawn = (values[name] if states else difference)[:at]
        _, paths, _ = found[f"pasts-{name}"]
        assert list(map(squares, paths)) == list(map(squares, pictures.shades(drawn)))
        most = np.abs(difference).argmax(axis=1)[:at]
        told = np.abs(difference).max(axis=1)[:at] > pictures.PASTS_LEAST
        top, high = pictures.PASTS_HEATS[name]
        dots = np.column_stack([middles, top + high * (most + 0.5)])[told]
        d, *_ = found[f"pasts-most-{name}"]
        dots = np.column_stack([dots, np.zeros(len(dots))])
        np.testing.assert_allclose(np.reshape(numbers_of(d), (-1, 3)), dots, atol=1e-3)

    def heights(name):
        foot, high = pictures.PASTS_BARS[name]
        d, *_ = found[f"pasts-{name}"]
        lines = np.reshape(numbers_of(d)[:-1], (-1, 3))  # the last is its thickness
        np.testing.assert_allclose(lines[:at, 0], middles[: len(lines)], atol=1e-3)
        assert set(lines[:, 1]) == {foot}
        return -lines[:, 2] / high

    for layer in (1, 2):
        difference = np.abs(apart[f"state-{layer}"])
        kept = past.kept[layer - 1][np.arange(len(string)), difference.argmax(axis=1)]
        kept[(difference.max(axis=1) <= pictures.PASTS_LEAST)] = 0
        kept[at:] = 0
        np.testing.assert_allclose(heights(f"kept-{layer}"), kept, atol=1e-3)
        weights = past.weights[layer - 1][at - 1, :at]
        np.testing.assert_allclose(heights(f"weights-{layer}"), weights, atol=1e-3)

    shares, (_, wide, _) = explorables.past_answers(string[:at]), pictures.PASTS_ANSWER
    for i, (share, size) in enumerate(zip(shares, explorables.sizes(at), strict=True)):
        _, drawn = numbers_of(found[f"pasts-answer-{i}"][0])
        assert drawn / wide == pytest.approx(share, abs=1e-5)
        symbol, of = found[f"pasts-share-{i}"][2].split()
        assert float(of) == pytest.approx(max(share, 1 - share), abs=0.0051)
        assert symbol == ("T" if share >= 0.5 else "P")
        assert found[f"pasts-size-{i}"][2] == f"{size:,} numbers"
    assert found["pasts-symbols"][2] == f"{string}?"


@pytest.mark.browser
def test_any_string_is_shown_at_any_step(pasts):
    with pasts(width=PHONE) as visit:
        for string in (OPENING, *strings(3, 5)):
            visit.string().fill(string)
            visit.press("Show")
            for at in (2, 3, len(string) // 2, len(string)):
                visit.slider("Symbols read").fill(str(at))
                assert_shown(visit, string, at)
            visit.press("T ↔ P")
            string = f"B{'TP'[string[1] == 'T']}{string[2:]}"
            assert visit.string().input_value() == string
            assert_shown(visit, string, len(string))
            visit.press("States")
            assert_shown(visit, string, len(string), states=True)
            visit.press("States")
        assert visit.said == []


@pytest.mark.browser
def test_nothing_is_shown_before_the_guess(pasts):
    with pasts() as visit:
        hidden = visit.figure.locator(".answer")
        assert hidden.count() > 10
        assert not any(part.is_visible() for part in hidden.all())
        guess = visit.slider("Guess")
        guess.focus()
        visit.page.keyboard.press("ArrowRight")
        assert guess.get_attribute("aria-valuetext") == "step 3, B"
        visit.press("Show")
        assert all(
            visit.figure.locator(f"#pasts-{name}").is_visible()
            for name in ("most-cell", "answer-0", "share-2")
        )
        weights = [w[-1] for w in explorables.past(OPENING).weights]
        said = visit.answer()
        assert f"Your step 3: {weights[0][2]:.2f} and {weights[1][2]:.2f}." in said
        for w, before in zip(weights, ("looks at", "in layer 2 at"), strict=True):
            k = int(w.argmax())
            assert f"{before} step {k + 1}, {OPENING[k]} ({w[k]:.2f})" in said
        for name, what in (
            ("cell", "in unit {} (by"),
            ("state-2", "in unit {} of layer"),
        ):
            unit = np.abs(explorables.apart(OPENING)[name][-1]).argmax() + 1
            assert what.format(unit) in said
        visit.press("≥ 20")  # another string is guessed anew
        visit.waits_for("Guess, then show")
        string = visit.string().input_value()
        assert EMBEDDED.check(f"{string}{string[1]}E") is None
        assert 22 <= len(string) <= 31


@pytest.mark.browser
def test_it_is_dragged_first_the_guess_then_the_step(pasts):
    with pasts() as visit:
        box = visit.figure.locator("svg").bounding_box()
        left, width = pictures.PASTS_PANEL

        def press(t):
            x = left + width / (len(OPENING) + 1) * (t - 0.5)
            visit.page.mouse.move(box["x"] + box["width"] * x / 420, box["y"] + 100)
            visit.page.mouse.down()
            visit.page.mouse.up()

        press(9)
        assert visit.slider("Guess").input_value() == "9"
        assert visit.slider("Symbols read").input_value() == str(len(OPENING))
        visit.press("Show")
        press(5)
        assert visit.slider("Guess").input_value() == "9"
        assert visit.slider("Symbols read").input_value() == "5"
        press(1)  # the second symbol stays read
        assert visit.slider("Symbols read").input_value() == "2"
        assert_shown(visit, OPENING, 2)
        visit.press("Next")
        assert visit.slider("Symbols read").input_value() == "3"


@pytest.mark.browser
def test_a_string_is_typed_symbol_by_symbol(pasts):
    with pasts() as visit:
        field = visit.string()
        for text, wanted in (
            ("", "After nothing, B may follow."),
            ("BTBT", "After BTBT, S or X may follow."),
            ("BTBE", "E cannot follow BTB: T or P may."),
            ("BTBTXSEP", "P cannot follow BTBTXSE: T may."),
            (f"BTBPT{'T' * 30}VVE", "The inner string must have at most 29 symbols."),
        ):
            field.fill(text)
            said = visit.answer()
            assert set(re.findall(r"\w+", said)) == set(re.findall(r"\w+", wanted)), (
                said
            )
            assert field.get_attribute("aria-invalid") == "true"
            assert visit.read()["pasts-symbols"][2] == f"{OPENING}?"
        for text in ("bpbtxse", "BPBTXSEP", "BPBTXSEPE"):
            field.fill(text)
            assert field.get_attribute("aria-invalid") == "false"
            assert visit.read()["pasts-symbols"][2] == "BPBTXSE?"
        visit.press("Show")
        assert_shown(visit, "BPBTXSE", 7)


@pytest.mark.browser
def test_it_is_found_as_it_was_left(pasts):
    with pasts() as visit:
        visit.string().fill("BPBTSXXTVVE")
        visit.press("Show")
        visit.press("Back")
        visit.press("States")
        left = visit.answer()
        visit.page.reload()
        visit.waits_for(left[:20])
        assert visit.answer() == left
        assert_shown(visit, "BPBTSXXTVVE", 10, states=True)


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_a_phone_and_can_be_seen(pasts, theme):
    with pasts(theme=theme, width=PHONE) as visit:
        top = visit.figure.locator("svg").bounding_box()["y"]
        rows = visit.figure.locator(".explorable-row").all()
        boxes = [row.bounding_box() for row in rows]
        assert max(box["y"] + box["height"] for box in boxes) - top < 844
        before = visit.figure.bounding_box()["height"]
        visit.press("Show")
        assert visit.figure.bounding_box()["height"] == pytest.approx(before, abs=1)
        for width in (PHONE, TABLET, DESKTOP):
            visit.page.set_viewport_size({"width": width, "height": 900})
            assert visit.page.evaluate("document.documentElement.scrollWidth") == width
        assert grave(visit.page, "figure") == []
        assert visit.said == []
