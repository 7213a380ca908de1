"""The networks in plain JavaScript, and Train it: what they compute is Python's."""

import importlib
import json
import re
import sys
from html import escape

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import rendered_book
from playwright.sync_api import sync_playwright
from test_browser import DESKTOP, PHONE, TABLET, grave

from helpers import ROOT, results
from helpers.browser import LAUNCH, chromium
from helpers.experiments import ch05_reber_runs as runs
from helpers.networks import bptt, elman, gated, initialisation, optimisers
from helpers.networks.gradients import numerical_gradient
from helpers.press import explorable_pictures as pictures
from helpers.press import explorables
from helpers.tasks.reber import REBER, SYMBOLS, encode

sys.path.append(str(ROOT / "book" / "_extensions"))
book_explorables = importlib.import_module("book_explorables")

FOLDER = explorables.FOLDER
PAGE = """<!DOCTYPE html>
<html lang="en" data-theme="{theme}"><head><meta charset="utf-8"><title>{name}</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<style>html {{--pst-color-text-base: #222832; --pst-color-background: #fff;
--pst-color-text-muted: #55606e; --pst-color-border: #d1d5da; --accent: #0b63a5;
--pst-color-surface: #f5f6f7; font-family: sans-serif}}
html[data-theme="dark"] {{--pst-color-text-base: #ced6dd; --accent: #6cb6f0;
--pst-color-text-muted: #9ca4af; --pst-color-border: #37404c;
--pst-color-surface: #1f252d; background: #14181e; color: #ced6dd}}
* {{box-sizing: border-box}}</style>
<link rel="stylesheet" href="_static/book.css">
<link rel="stylesheet" href="_static/explorables/explorable.css"></head>
<body><main class="bd-article" style="max-width: 47rem; margin: auto; padding: 0 1rem">
<figure data-explorable="{name}">
<p>{picture}</p>
<figcaption>What it means.</figcaption></figure></main>
<script type="application/json" id="{name}-numbers">{numbers}</script>
{scripts}</body></html>"""


LONE = ("train-it", "cell-gates", "remember", "three-pasts")


def lone_page(name, theme):
    """A page that has this explorable and nothing else, with the files of the book."""
    names = ("explorable", *book_explorables.scripts([name]))
    return PAGE.format(
        theme=theme,
        name=name,
        picture=(FOLDER / f"{name}.svg").read_text(encoding="utf-8"),
        numbers=(FOLDER / f"{name}.json").read_text(encoding="utf-8"),
        scripts="\n".join(
            f'<script src="_static/explorables/{escape(script)}.js" defer></script>'
            for script in names
        ),
    )


@pytest.fixture(scope="module")
def browser():
    if not chromium():
        pytest.skip("no Chromium: install it, or name one by the variable CHROME")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), **LAUNCH)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the pages in both themes, and its address."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "_static").symlink_to(FOLDER.parent, target_is_directory=True)
    for name in LONE:
        for theme in ("light", "dark"):
            page = folder / f"{name}-{theme}.html"
            page.write_text(lone_page(name, theme), encoding="utf-8")
    with rendered_book.served(folder) as address:
        yield folder, address


@pytest.fixture(scope="module")
def library(browser):
    """A page that has all of the scripts that calculate, and shows nothing."""
    page = browser.new_page()
    trained = book_explorables.scripts(["remember", "train-it"])
    for name in (
        "explorable",
        *(n for n in trained if n not in explorables.EXPLORABLES),
    ):
        page.add_script_tag(path=FOLDER / f"{name}.js")
    yield page
    page.close()


# ---------------------------------------------------------------------------
# The networks

CELLS = {
    "elman": (elman.initial_elman, elman.hidden_states),
    "lstm": (gated.initial_lstm, lambda x, p: gated.lstm_states(x, p)[0]),
    "gru": (gated.initial_gru, gated.gru_states),
}
N_IN, N_HID, N_OUT, T = 3, 4, 2, 6


def start(cell):
    """A stable start: weights uniform in +-1/sqrt(n), biases and states near zero."""
    rng = np.random.default_rng(26)
    params = CELLS[cell][0](N_IN, N_HID, N_OUT, rng, initialisation.uniform)
    near = {
        name: value + 0.1 * rng.standard_normal(value.shape)
        for name, value in params._asdict().items()
        if name in ("b_h", "b_o", "h0", "c0")
    }
    return params._replace(**near)


def example(one_hot):
    rng = np.random.default_rng(5)
    symbols = rng.integers(N_IN, size=T)
    x = np.eye(N_IN)[symbols] if one_hot else rng.standard_normal((T, N_IN))
    return x, rng.integers(2, size=(T, N_OUT)).astype(float)


def given(cell, one_hot, **more):
    """The network and its example as a page takes them."""
    x, y = example(one_hot)
    return more | {
        "cell": cell,
        "sizes": {"n_in": N_IN, "n_hid": N_HID, "n_out": N_OUT},
        "start": {k: v.ravel().tolist() for k, v in start(cell)._asdict().items()},
        "x": x.argmax(axis=1).tolist() if one_hot else x.ravel().tolist(),
        "oneHot": one_hot,
        "y": y.ravel().tolist(),
        "T": T,
    }


SETUP = """
    const N = networks(gatedCells);
    const set = ({ cell, sizes, start, x, oneHot, y }) => {
        const net = N.network(cell, sizes);
        for (const name in start) net.parameters[name].set(start[name]);
        return [net, oneHot ? x : Float64Array.from(x), Float64Array.from(y)];
    };
"""
DIFFERENCES = f"""(cases) => {{{SETUP}
    return cases.map((given) => {{
        const [net, x, y] = set(given);
        const loss = () => {{
            net.forward(x, given.T);
            return N.sigmoidLoss(net, y, given.T, 0.5);
        }};
        loss();
        net.backward(x, given.T);
        const gradient = [...net.d_theta];
        const eps = 1e-5;
        const differences = gradient.map((_, k) => {{
            const kept = net.theta[k];
            const [above, below] = [eps, -eps].map((by) => {{
                net.theta[k] = kept + by;
                return loss();
            }});
            net.theta[k] = kept;
            return (above - below) / (2 * eps);
        }});
        return [gradient, differences];
    }});
}}"""
TRAININGS = f"""(cases) => {{{SETUP}
    return cases.map((given) => {{
        const [net, x, y] = set(given);
        const step = N.optimisers[given.optimiser](net.theta.length);
        return Array.from({{ length: 200 }}, () => {{
            net.forward(x, given.T);
            const loss = N.sigmoidLoss(net, y, given.T, 0.5);
            net.backward(x, given.T);
            N.clipping[given.clip](net.d_theta, 0.1);
            step(net.theta, net.d_theta, given.lr);
            return loss;
        }});
    }});
}}"""


@pytest.mark.browser
def test_the_gradients_of_the_page_are_those_of_central_differences(library):
    cases = [given(cell, one_hot) for cell in CELLS for one_hot in (True, False)]
    cases += [case | {"cell": "relu"} for case in cases if case["cell"] == "elman"]
    for gradient, differences in library.evaluate(DIFFERENCES, cases):
        assert np.abs(gradient).max() > 0.1
        np.testing.assert_allclose(gradient, differences, atol=2e-10, rtol=1e-7)


def trained(cell, one_hot, optimiser, clip, lr):
    """The losses of 200 updates by the helpers."""
    x, y = example(one_hot)
    params = elman.shared(start(cell))
    x_, y_ = pt.matrix("x"), pt.matrix("y")
    o = elman.readout(CELLS[cell][1](x_, params), params)
    loss = 0.5 * runs.cross_entropy(o, y_, "sigmoid").sum()
    grads = pytensor.grad(loss, list(params))
    if clip != "none":
        grads = getattr(optimisers, f"clip_by_{clip}")(grads, 0.1)
    updates = getattr(optimisers, optimiser)(grads, list(params), lr)
    update = pytensor.function([x_, y_], loss, updates=updates)
    return [float(update(x, y)) for _ in range(200)]


RATES = {"sgd": 0.1, "momentum": 0.02, "adam": 0.01}
SETTINGS = [(cell, True, name, "none") for cell in CELLS for name in RATES]
SETTINGS += [("elman", False, "sgd", "norm"), ("gru", False, "adam", "value")]


@pytest.mark.browser
@pytest.mark.nightly
@pytest.mark.usefixtures("python_engine")
def test_200_updates_in_the_page_have_the_losses_of_the_helpers(library):
    cases = [
        given(cell, one_hot, optimiser=name, clip=clip, lr=RATES[name])
        for cell, one_hot, name, clip in SETTINGS
    ]
    for setting, found in zip(
        SETTINGS, library.evaluate(TRAININGS, cases), strict=True
    ):
        wanted = trained(*setting, RATES[setting[2]])
        assert wanted[-1] < 0.8 * wanted[0]
        np.testing.assert_allclose(found, wanted, rtol=1e-10, err_msg=str(setting))


@pytest.mark.browser
def test_an_overflowing_gradient_is_not_clipped_to_nothing(library):
    clip = """(g) => {
        const clipped = Float64Array.from(g);
        networks().clipping.norm(clipped, 1);
        return [...clipped];
    }"""
    assert np.isnan(library.evaluate(clip, [1e200, 1e200])).all()
    np.testing.assert_allclose(library.evaluate(clip, [3, 4]), [0.6, 0.8])
    assert library.evaluate(clip, [0.3, 0.4]) == [0.3, 0.4]


# ---------------------------------------------------------------------------
# The random numbers, and the first values


@pytest.mark.browser
def test_the_random_numbers_are_those_of_numpy(library):
    draw = """(entropy) => {
        const { random, integer } = numpyRandom(...entropy);
        return Array.from({ length: 300 }, (_, k) =>
            k % 3 ? integer([1000, 7, 2 ** 31 + 1][k % 7 % 3]) : random());
    }"""
    for entropy in ([0, 0], [0, 1], [19, 2], [9999, 3], [2**32 - 1, 5]):
        rng = np.random.default_rng(entropy)
        wanted = [
            int(rng.integers([1000, 7, 2**31 + 1][k % 7 % 3]))
            if k % 3
            else rng.random()
            for k in range(300)
        ]
        assert library.evaluate(draw, entropy) == wanted


INITIAL = """([init, n_hid, seed]) => {
    const N = networks();
    const net = N.network("elman", { n_in: 7, n_hid, n_out: 7 });
    const starts = { ...N.initialisations, ...moreStarts() };
    N.initialise(net, starts[init], numpyRandom(seed, 0));
    return Object.values(net.parameters).map((part) => [...part]);
}"""


def first_values(library, init, n_hid, seed):
    start = elman.initial_elman(7, n_hid, 7, np.random.default_rng(0))
    parts = library.evaluate(INITIAL, [init, n_hid, seed])
    return start._make(
        np.reshape(p, s.shape) for p, s in zip(parts, start, strict=True)
    )


@pytest.mark.browser
@pytest.mark.parametrize("n_hid", [1, 5, 10, 30])
def test_first_values_are_those_of_the_helpers(library, n_hid):
    for name in ("unit_singular_value", "uniform"):
        init = getattr(initialisation, name)
        for seed in (0, 19):
            rng = np.random.default_rng([seed, 0])
            wanted = elman.initial_elman(7, n_hid, 7, rng, init)
            found = first_values(library, name, n_hid, seed)
            for ours, theirs in zip(found, wanted, strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-15)
    orthogonal = first_values(library, "orthogonal", n_hid, 0)
    for W in (orthogonal.W_ih, orthogonal.W_hh, orthogonal.W_ho):
        np.testing.assert_allclose(np.linalg.svd(W)[1], 1, rtol=1e-13)
    assert not any(part.any() for part in first_values(library, "zero", n_hid, 0))


@pytest.mark.browser
def test_normal_first_values_are_normal(library):
    W = first_values(library, "normal", 50, 0).W_hh
    assert np.abs(W.mean()) < 5 * 0.01 / 50
    assert W.std() == pytest.approx(0.01, rel=0.06)
    assert 0.6 < (np.abs(W) < 0.01).mean() < 0.76


# ---------------------------------------------------------------------------
# The training of chapter 5

TRAIN = """([grammar, seed, setting, updates]) => {
    const { net, update, measure } = reberTraining(grammar).training(seed, setting);
    const [trace, curve] = [[], [measure().loss]];
    for (let k = 1; k <= updates; k++) {
        const { loss } = update();
        if (k <= 200 && k % 50 === 0) trace.push(loss);
        if (k % 250 === 0) curve.push(measure().loss);
    }
    return { trace, curve, ...measure(), theta: [...net.theta] };
}"""


def train(library, seed, updates, **setting):
    grammar = {"symbols": SYMBOLS, "transitions": list(REBER.transitions)}
    setting = explorables.CLASSIC | setting
    return library.evaluate(TRAIN, [grammar, seed, setting, updates])


def network_of(theta, n_hid=10):
    start = elman.initial_elman(7, n_hid, 7, np.random.default_rng(0))
    ends = np.cumsum([part.size for part in start])[:-1]
    parts = zip(np.split(np.array(theta), ends), start, strict=True)
    return start._make(part.reshape(s.shape) for part, s in parts)


@pytest.mark.browser
def test_a_seed_in_the_page_is_that_seed_of_the_record(library):
    """Its losses to all digits that were recorded: ten, and four of the curve."""
    document = json.loads((ROOT / "data/results/reber-learned.json").read_text("utf-8"))
    for loss, name, scale in (("mean", "source", 1), ("sum", "summed", 7)):
        for run in document["runs"]:
            updates = 10_000 if run["seed"] in (0, 19) else 250
            found = train(library, run["seed"], updates, loss=loss)
            np.testing.assert_allclose(found["trace"], run["trace"][name], rtol=1e-9)
            recorded = run["curves"][name][: len(found["curve"])]
            curve = scale * np.array(found["curve"])
            np.testing.assert_allclose(curve, recorded, rtol=6e-4)


@pytest.mark.browser
@pytest.mark.parametrize("updates", [0, 700])
def test_what_is_measured_is_what_python_measures(library, updates):
    for seed in (0, 3):
        found = train(library, seed, updates)
        params = network_of(found["theta"])
        strings = runs.test_strings(seed, REBER, runs.LEARNED)
        test = runs.data(REBER, strings, runs.SOURCE)
        loss = runs.test_loss(params, test, runs.SOURCE)
        assert found["loss"] == pytest.approx(loss, rel=1e-12)
        rng = np.random.default_rng([seed, 3])
        made = runs.sample_strings(params, explorables.SAMPLES, rng)
        assert found["strings"] == made[:8]
        right = np.mean([REBER.check(string) is None for string in made])
        assert found["share"] == pytest.approx(right)
        if (seed, updates) == (0, 0):
            said = explorables.before_training()["said"]
            ours = np.array(found["said"], float)[1:-1]  # where it is asked
            np.testing.assert_allclose(ours, said[1:-1], rtol=1e-9)


def test_the_least_losses_are_those_of_many_strings():
    """Against the best rule on strings that were drawn, as in the chapter."""
    rng = np.random.default_rng(0)
    strings = [REBER.sample(rng) for _ in range(4000)]
    for memory in (0, 1):
        rows: dict = {}
        for string in strings:
            for t, y in enumerate(REBER.targets(string)):
                seen = string[t] if memory else ""
                rows.setdefault(seen, []).append((y, 1 / (len(string) - 1)))
        total = 0.0
        for group in rows.values():
            y, weight = map(np.array, zip(*group, strict=True))
            q = np.clip(np.average(y, axis=0, weights=weight), 1e-12, 1 - 1e-12)
            entropy = -q * np.log(q) - (1 - q) * np.log(1 - q)
            total += weight.sum() * entropy.mean() / len(strings)
        assert explorables.least_loss(memory) == pytest.approx(total, rel=0.01)


# ---------------------------------------------------------------------------
# In the page


TWO_FRAMES = """() => new Promise((done) =>
    requestAnimationFrame(() => requestAnimationFrame(done)))"""


class Train:
    """The page, opened."""

    name, opening = "train-it", "Untrained"

    def __init__(self, browser, site, query="", theme="light", width=DESKTOP, **how):
        _, address = site
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, **how
        )
        self.page = self.context.new_page()
        self.said: list = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.goto(f"{address}/{self.name}-{theme}.html{query}")
        self.figure = self.page.locator("figure")

    def __enter__(self):
        self.waits_for(self.opening)
        return self

    def __exit__(self, *_):
        self.context.close()

    def waits_for(self, text):
        """Until it says this, and draws it."""
        self.figure.get_by_role("status").filter(has_text=text).wait_for(
            timeout=180_000
        )
        # What is said comes a frame before what is drawn.
        self.page.evaluate(TWO_FRAMES)

    def answer(self):
        return self.figure.get_by_role("status").inner_text()

    def press(self, name):
        self.figure.get_by_role("button", name=name, exact=True).click()

    def unfold(self, name):
        self.figure.get_by_text(name, exact=True).click()

    def path(self, name):
        """The lines of a path: a list of (n, 2)."""
        d = self.figure.locator(f"#{name}").get_attribute("d")
        return [
            np.array(re.findall(r"([-\d.]+) ([-\d.]+)", line), float)
            for line in d.split("M")[1:]
        ]

    def losses(self):
        """The losses that are drawn, a row a seed."""
        low, high = pictures.TRAIN_DECADES
        height = pictures.TRAIN_HEIGHT - pictures.TRAIN_FLOOR
        return np.array(
            [
                10 ** (high - (high - low) * (line[:, 1] - pictures.TRAIN_TOP) / height)
                for line in self.path("train-loss")
            ]
        )


@pytest.fixture
def visit(browser, site):
    return lambda *what, **how: Train(browser, site, *what, **how)


FAST = "?pace=Infinity"


@pytest.mark.browser
def test_it_opens_as_the_picture_without_scripts(visit):
    with visit() as train:
        svg = train.figure.locator("svg").first
        read = "svg => [...svg.querySelectorAll('text')].map(e => e.textContent)"
        assert svg.evaluate(read) == re.findall(
            r"<text[^>]*>(.*?)</text>",
            re.sub(r"</?tspan[^>]*>", "", (FOLDER / "train-it.svg").read_text("utf-8")),
        )
        [point] = train.losses()
        assert point[0] == pytest.approx(
            explorables.before_training()["loss"], rel=0.02
        )
        drawn = """svg => [...svg.querySelectorAll("[id^=train-arrow]")].map(
            (arrow) => Number(arrow.style.opacity))"""
        committed = re.findall(
            r'style="opacity: ([\d.]+)"', (FOLDER / "train-it.svg").read_text("utf-8")
        )
        np.testing.assert_allclose(
            svg.evaluate(drawn), [float(o) for o in committed], atol=2e-3
        )
        assert "test loss: 0.683 (floor: 0)" in train.answer().lower()
        assert not train.figure.locator("#train-band-loss").is_visible()
        assert train.said == []


@pytest.mark.browser
def test_a_whole_training_is_that_of_the_record(visit):
    record = results.load("reber-learned")
    with visit(f"{FAST}&seeds=3&first=17") as train:
        train.press("Start")
        train.waits_for("After 10,000 updates")
        wanted = record.curve("curves.source")[17:, :41]
        found = train.losses()
        assert found.shape == wanted.shape
        np.testing.assert_allclose(found, wanted, rtol=0.02)  # a tenth of a pixel
        low, median, high = np.sort(wanted[:, -1])
        text = re.search(r"median ([\d.]+), from ([\d.]+) to ([\d.]+)", train.answer())
        told = [float(number) for number in text.groups()]
        np.testing.assert_allclose(told, [median, low, high], rtol=6e-3)
        assert re.search(
            r"Half of them were after \d+,?\d* updates; you guessed 1,000",
            train.answer(),
        )
        assert train.figure.locator("#train-band-loss").is_visible()
        start = train.figure.get_by_role("button", name="Start")
        assert start.get_attribute("aria-disabled") == "true"
        written = train.figure.locator(".written").all_text_contents()
        assert sum(text.startswith("✓") for text in written) >= 5
        train.press("Reset")
        train.waits_for("Untrained")
        assert len(train.path("train-last-loss")[0]) == 41


@pytest.mark.browser
def test_it_is_started_paused_and_goes_on(visit):
    with visit("?pace=100") as train:
        train.press("Start")
        train.page.wait_for_timeout(400)
        train.press("Pause")
        train.waits_for("whose loss was")
        at = int(re.search(r"Update (\d+) was", train.answer())[1])
        assert 0 < at < 250
        train.press("One step")
        train.waits_for(f"Update {at + 1} was")
        assert train.said == []


@pytest.mark.browser
def test_a_step_is_that_of_python(visit):
    rng = np.random.default_rng([5, 1])
    strings = runs.draw(REBER, runs.EPOCH, rng)
    string = strings[rng.integers(runs.EPOCH)]
    params = runs.start(5, runs.LEARNED)
    data = runs.data(REBER, [string], runs.SOURCE)
    loss = runs.test_loss(params, data, runs.SOURCE)
    with visit("?first=5") as train:
        train.press("One step")
        train.waits_for("Update 1 was")
        assert f"Update 1 was on {string}, whose loss was {loss:.3g}" in train.answer()


@pytest.mark.browser
def test_settings_live_in_the_address(visit):
    with visit("?rate=2&optimiser=adam&units=4&seeds=2&first=-3&loss=median") as train:
        train.unfold("Settings")
        field = train.figure.get_by_label
        assert field("Rate").input_value() == "2"
        assert field("Units").input_value() == "4"
        assert field("First seed").input_value() == "0"  # -3 is none
        assert field("Loss over outputs").input_value() == "mean"
        assert "seeds=2" in train.page.url
        assert "first" not in train.page.url
        field("Clipping").select_option("norm")
        field("Rate").fill("0.5")
        train.waits_for("Untrained")
        query = train.page.url.partition("?")[2]
        assert set(query.partition("#")[0].split("&")) == {
            *("rate=0.5", "optimiser=adam", "units=4", "seeds=2", "clip=norm")
        }
        assert query.endswith("#train-it")
        train.page.goto("about:blank")
        train.page.go_back()
        train.waits_for("Untrained")
        assert field("Rate").input_value() == "0.5"


@pytest.mark.browser
def test_what_is_no_setting_is_refused_and_said(visit):
    with visit() as train:
        train.unfold("Settings")
        for name, wrong in (
            ("First seed", "-1"),
            ("First seed", "1.5"),
            ("Units", "0"),
        ):
            train.figure.get_by_label(name).fill(wrong)
            assert f"{name} must be a whole number from" in train.answer()
            assert (
                train.figure.get_by_label(name).get_attribute("aria-invalid") == "true"
            )
        train.figure.get_by_label("Rate").fill("0")
        assert "Rate must be above 0 and at most 100; it is still 0.2" in train.answer()
        train.figure.get_by_label("Rate").fill("0.1")
        train.waits_for("Untrained")


@pytest.mark.browser
def test_networks_that_diverge_are_counted(visit):
    with visit(f"{FAST}&rate=100&loss=sum&init=normal&optimiser=momentum") as train:
        train.press("Start")
        train.waits_for("After 10,000 updates")
        assert train.said == []
        assert (train.losses() <= 1.001).all()


@pytest.mark.browser
def test_the_guess_is_dragged_or_set_by_keyboard(visit):
    with visit() as train:
        guess = train.figure.get_by_role("slider", name="Guess")
        assert guess.get_attribute("aria-valuetext") == "1,000 updates"
        guess.focus()
        train.page.keyboard.press("ArrowRight")
        assert guess.get_attribute("aria-valuetext") == "1,250 updates"
        box = train.figure.locator("#train-guess circle").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        scale = train.figure.locator("svg").first.bounding_box()["width"] / 420
        train.page.mouse.move(x, y)
        train.page.mouse.down()
        train.page.mouse.move(x + pictures.TRAIN_WIDTH * scale / 4, y, steps=3)
        train.page.mouse.up()
        assert guess.get_attribute("aria-valuetext") == "3,750 updates"
        train.press("One step")
        train.waits_for("Update 1 was")
        assert guess.is_disabled()


@pytest.mark.browser
def test_the_gradient_in_the_page_is_right(visit):
    params, string = runs.start(0, runs.LEARNED), "BTXXVVE"
    x, y = encode(string[:-1]), REBER.targets(string)

    def loss(*values):
        values = elman.Elman(*values)
        o = elman.readout(elman.hidden_states_numpy(x, values), values)
        return float(runs.cross_entropy_numpy(o, y, "sigmoid").mean() / 7)

    wanted = np.concatenate(
        [part.ravel() for part in numerical_gradient(loss, [p.copy() for p in params])]
    )
    h = elman.hidden_states_numpy(x, params)
    o = elman.readout(h, params)
    d_o = (1 / (1 + np.exp(-o)) - y) / y.size
    exact = np.concatenate([part.ravel() for part in bptt.bptt(x, h, d_o, params)])
    np.testing.assert_allclose(exact, wanted, atol=1e-9)

    def number(text):
        mantissa, _, power = text.replace("−", "-").partition("·10")
        raised = power.translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-"))
        return float(mantissa.rstrip(".")) * 10.0 ** int(raised or 0)

    with visit() as train:
        train.unfold("Is the gradient right?")
        weight = train.figure.get_by_role("slider", name="Weight")
        shift = train.figure.get_by_role("slider", name="Shift")
        for k in (0, 33, 75, 160, 180, 200, len(exact) - 1):
            weight.fill(str(k))
            for places in (1, 5):
                shift.fill(str(places))
                text = train.figure.locator(".explorable-answer").inner_text()
                told = re.findall(r"(?:: |by )(−?[\d.]+(?:·10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?)", text)
                gradient, slope = map(number, told[:2])
                assert gradient == pytest.approx(exact[k], rel=1e-6, abs=1e-15)
            assert slope == pytest.approx(exact[k], rel=1e-5, abs=1e-10)
        squares = train.figure.locator(".square")
        assert squares.count() == 70 + 100 + 70
        squares.nth(100).click()
        assert weight.get_attribute("aria-valuetext") == "W_hh, from unit 4 to unit 1"
        assert train.said == []


@pytest.mark.browser
def test_it_honours_reduced_motion(visit):
    with visit("?pace=1000", reduced_motion="reduce") as train:
        seen = """() => {
            window.seen = new Set();
            const when = document.querySelector("#train-when");
            const note = () => seen.add(when.textContent);
            new MutationObserver(note).observe(when, { childList: true });
        }"""
        train.page.evaluate(seen)
        train.press("Start")
        train.waits_for("After 1,000 updates")
        train.waits_for("After 2,000 updates")
        shown = train.page.evaluate("[...seen]")
        assert {f"After {k} updates, it writes" for k in (250, 500, 750)}.isdisjoint(
            shown
        )


@pytest.mark.browser
def test_it_runs_where_the_page_is_opened_as_a_file(browser, site):
    folder, _ = site
    page = browser.new_page()
    page.goto((folder / "train-it-light.html").as_uri() + FAST)
    status = page.get_by_role("status")
    status.filter(has_text="Untrained").wait_for()
    page.get_by_role("button", name="One step").click()
    status.filter(has_text="Update 1 was").wait_for()
    page.close()


@pytest.mark.browser
def test_it_is_used_by_touch(visit):
    with visit(width=PHONE, has_touch=True, is_mobile=True) as train:
        train.figure.get_by_role("button", name="Start").tap()
        train.waits_for("After 1,000 updates")
        train.figure.get_by_role("button", name="Pause").tap()
        train.figure.get_by_text("Settings", exact=True).tap()
        assert train.figure.get_by_label("Rate").is_visible()


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_and_can_be_seen(visit, theme):
    with visit(theme=theme, width=PHONE) as train:
        picture = train.figure.locator("svg").first.bounding_box()
        last = train.figure.get_by_role("slider", name="Seeds at once").bounding_box()
        assert last["y"] + last["height"] - picture["y"] < 700  # one phone's screen
        before = train.figure.bounding_box()["height"]
        train.press("Start")
        train.waits_for("After 1,000 updates")
        assert train.figure.bounding_box()["height"] == pytest.approx(before, abs=1)
        for name in ("Settings", "Is the gradient right?"):
            train.unfold(name)
        for width in (PHONE, TABLET, DESKTOP):
            train.page.set_viewport_size({"width": width, "height": 900})
            assert train.page.evaluate("document.documentElement.scrollWidth") == width
        assert grave(train.page, "figure") == []


def test_the_scripts_of_a_page_are_small_and_lose_only_what_is_not_run():
    pages: dict = {}
    for name, page in rendered_book.EXPLORABLES.items():
        pages.setdefault(page, []).append(name)
    for names in pages.values():
        served = [
            book_explorables.slimmed((FOLDER / f"{name}.js").read_text("utf-8"))
            for name in ("explorable", *book_explorables.scripts(names))
        ]
        assert sum(len(text.encode()) for text in served) < 40_000
        assert not any("\n//" in text for text in served)
