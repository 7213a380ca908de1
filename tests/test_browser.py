"""The book in Chromium: quiet, at home, accessible, and no wider than a phone."""

import gzip
import re
from contextlib import suppress

import pytest
import rendered_book
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import TimeoutError, sync_playwright
from rendered_book import each, listed
from test_artwork import contrast

from helpers.press import notebooks
from helpers.press.pdf import LAUNCH, chromium

pytestmark = [pytest.mark.browser, pytest.mark.documents]

SEARCH = "search.html?q=gradient"
PHONE, TABLET, DESKTOP = 390, 820, 1400
GRAVE = ("serious", "critical")
HEAVIEST = 1_200_000  # bytes that a page may load; test_weight.py counts its files
TEXTS = ("html", "css", "js", "json", "svg")


@pytest.fixture(scope="module")
def address():
    if not chromium():
        pytest.skip("no Chromium: install it, or name one by the variable CHROME")
    with rendered_book.served(rendered_book.book().html) as address:
        yield address


@pytest.fixture(scope="module")
def browser(address):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), **LAUNCH)
        yield browser
        browser.close()


class Visit:
    """A page that was opened, with what the browser said and asked for."""

    def __init__(self, browser, address, name, theme="light", width=DESKTOP, **context):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, **context
        )
        self.page = context.new_page()
        self.said, self.foreign, self.responses = [], [], []
        self.page.on("console", self.hear)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", self.watch)
        self.page.on("response", self.note)
        self.address = address
        self.page.goto(f"{address}/{name}", wait_until="load")
        self.page.evaluate("document.fonts.ready.then(() => true)")
        self.page.wait_for_load_state("networkidle")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.page.context.close()

    def hear(self, message):
        if message.type in ("error", "warning"):
            self.said.append(message.text)

    def watch(self, request):
        if not request.url.startswith((f"{self.address}/", "data:", "blob:")):
            self.foreign.append(request.url)

    def note(self, response):  # Playwright marks what it calls; append cannot be
        self.responses.append(response)

    def weight(self):
        """What was loaded, in bytes as a web server sends it: texts compressed."""
        total = 0
        for response in self.responses:
            kind = response.url.split("?")[0].rpartition(".")[2]
            body = response.body()
            total += len(gzip.compress(body) if kind in TEXTS else body)
        return total


# Whether what scrolls is reached by the keyboard, itself or by something in it. A page
# sees to that (book.js) a moment after it has changed: a width, a fold, an explorable.
REACHED = """() => [...document.querySelectorAll("body *")].filter(
    (e) => e.scrollWidth > e.clientWidth && e.checkVisibility()
        && /auto|scroll/.test(getComputedStyle(e).overflowX)
).every((e) => [e, ...e.querySelectorAll("*")].some((part) => part.tabIndex >= 0))"""


def settle(page):
    """Wait until what scrolls is reached; what never is, axe complains of."""
    with suppress(TimeoutError):
        page.wait_for_function(REACHED, polling=50, timeout=3000)


# Formulas are a third of a page. Where only a part of it is judged, axe need not walk
# through those of the others.
ALONE = """part => document.querySelectorAll("article mjx-container").forEach(
    (e) => e.closest(part) || e.remove())"""


def grave(page, part=None, rules=None, without=()):
    """The serious and critical violations that axe finds, as one line each.

    `part` is the CSS selector of what is judged, the whole page if None; `rules` are
    the names of those that are asked, all that axe asks by itself if None, but for
    those in `without`.
    """
    if part:
        page.evaluate(ALONE, part)
    settle(page)
    options = {"preload": False, "resultTypes": ["violations"]}
    options["rules"] = {name: {"enabled": False} for name in without}
    if rules:
        options["runOnly"] = {"type": "rule", "values": rules}
    found = Axe().run(page, context=part, options=options).response["violations"]
    return [
        f"{violation['id']}: {node['html'][:120]}"
        for violation in found
        if violation["impact"] in GRAVE
        for node in violation["nodes"]
    ]


# What axe is asked where: the colours alone depend on the theme, and the size of what
# one taps on the width.
COLOURS = ["color-contrast", "link-in-text-block"]
TAPPED = ["target-size", "scrollable-region-focusable"]


# When colours are judged, which takes longest, a word of a listing stands for those
# that look the same: the same colour, weight and ground.
ONE_OF_EACH = """() => {
    const look = word => {
        const style = getComputedStyle(word);
        const ground = getComputedStyle(word.closest("pre"));
        return [style.color, style.fontWeight, style.backgroundColor,
                ground.backgroundColor, ground.color].join();
    };
    const words = [...document.querySelectorAll(".highlight pre span[class]")];
    const seen = new Set();
    for (const [word, looks] of words.map(word => [word, look(word)])) {
        if (seen.has(looks)) word.replaceWith(word.textContent);
        else seen.add(looks);
    }
}"""


# The formulas that are cut: what a display hides, and how far the others stand out of
# what holds them.
CUT = """() => [...document.querySelectorAll("article mjx-container")].map(formula => {
    let over = formula.scrollWidth - formula.clientWidth;
    if (!formula.hasAttribute("display")) {
        let holder = formula.parentElement;
        const inline = e => getComputedStyle(e).display == "inline";
        while (inline(holder)) holder = holder.parentElement;
        const edge = holder.getBoundingClientRect().right;
        over = Math.max(...[...formula.getClientRects()].map(r => r.right)) - edge;
    }
    return [Math.round(over), formula.textContent];
}).filter(([over]) => over > 1)"""


@pytest.mark.daily
@pytest.mark.parametrize("name", [*each(listed()), SEARCH])
def test_a_page_is_quiet_accessible_and_whole_and_asks_no_other_host(
    browser, address, name
):
    with Visit(browser, address, name) as visit:
        page = visit.page
        assert page.locator("mjx-merror").all_inner_texts() == []
        page.evaluate(
            "document.querySelectorAll('details').forEach(e => e.open = true)"
        )
        assert grave(page, without=COLOURS) == []

        for width in (DESKTOP, TABLET, PHONE):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate(CUT) == [], f"at {width}"
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert grave(page, rules=TAPPED) == []

        page.set_viewport_size({"width": DESKTOP, "height": 900})
        page.evaluate(ONE_OF_EACH)
        for theme in ("light", "dark"):
            see(page, theme)
            assert grave(page, rules=COLOURS) == []
        assert visit.said == []
        assert visit.foreign == []
        assert visit.weight() <= HEAVIEST


def see(page, theme):
    """Look at an open page in a theme, without the change of colours in between."""
    page.add_style_tag(content="* { transition: none !important }")
    page.emulate_media(color_scheme=theme)
    page.wait_for_function(
        "theme => document.documentElement.dataset.theme == theme", arg=theme
    )


def test_the_entry_leads_to_the_first_page(browser, address):
    page = browser.new_context().new_page()
    page.goto(f"{address}/")
    page.wait_for_url(f"{address}/book/index.html")
    assert page.title() == "RNNs, Unrolled"


def test_the_gates_see_what_they_are_for(browser, address):
    with Visit(browser, address, "book/index.html", width=PHONE) as visit:
        visit.page.evaluate(
            """() => {
                console.error("a complaint");
                const image = new Image();
                image.src = "http://other.invalid/x.png";
                document.querySelector("article").append(image);
                const wide = document.createElement("div");
                wide.style = "height: 1px; width: 3000px";
                document.body.append(wide);
                const cut = document.createElement("p");
                cut.style = "overflow-x: auto; width: 99px; white-space: nowrap";
                cut.textContent = "What no script of the page lets the keyboard reach.";
                document.querySelector("article").append(cut);
            }"""
        )
        visit.page.wait_for_timeout(200)
        assert "a complaint" in visit.said
        assert visit.foreign == ["http://other.invalid/x.png"]
        assert visit.page.evaluate("document.documentElement.scrollWidth") > PHONE
        seen = {problem.partition(":")[0] for problem in grave(visit.page)}
        assert {"image-alt", "scrollable-region-focusable"} <= seen


@pytest.mark.parametrize(
    ("theme", "width", "rules", "style"),
    [
        ("dark", DESKTOP, COLOURS, "color: #777"),
        ("light", PHONE, TAPPED, "display: inline-block; width: 9px; height: 9px"),
    ],
)
def test_what_depends_on_theme_or_width_is_seen_there(
    browser, address, theme, width, rules, style
):
    with Visit(browser, address, "book/index.html", width=width) as visit:
        see(visit.page, theme)
        assert grave(visit.page, rules=rules) == []
        visit.page.evaluate(
            """style => {
                const text = document.createElement("p");
                text.innerHTML = "<a href='#a'>one</a><a href='#b'>two</a>";
                for (const link of text.children) link.style = style;
                document.querySelector("article").prepend(text);
            }""",
            style,
        )
        found = grave(visit.page, rules=rules)
        assert found
        assert all(problem.startswith(rules[0]) for problem in found)


def test_formulas_are_rendered_with_the_fonts_of_the_book(browser, address):
    with Visit(browser, address, "book/01_feedforward.html") as visit:
        math = visit.page.locator("mjx-container")
        assert math.count() == visit.page.locator(".math").count() > 50
        assert math.first.locator("mjx-assistive-mml math").count() == 1
        families = visit.page.evaluate(
            "[...document.fonts].filter(f => f.status == 'loaded').map(f => f.family)"
        )
        assert {"MJXTEX", "MJXTEX-I"} <= set(families)


def narrow(page, selector, width):
    """Make what holds a formula as narrow as no phone is."""
    page.locator(selector).first.evaluate(
        """(e, width) => {
            e.style.width = `${width}px`;
            window.dispatchEvent(new Event("resize"));
        }""",
        width,
    )
    settle(page)


def test_a_formula_that_is_cut_is_seen(browser, address):
    with Visit(browser, address, "book/02_elman.html", width=PHONE) as visit:
        assert visit.page.evaluate(CUT) == []
        narrow(visit.page, "div.math", 100)
        narrow(visit.page, "p:has(span.math)", 10)
        cut = visit.page.evaluate(CUT)
        assert len(cut) >= 2
        assert all(over > 1 for over, _ in cut)


def test_a_wide_formula_scrolls_by_itself_and_by_keyboard(browser, address):
    with Visit(browser, address, "book/01_feedforward.html", width=PHONE) as visit:
        formula = visit.page.locator("div.math mjx-container").first
        assert not formula.evaluate("e => e.scrollWidth > e.clientWidth")
        narrow(visit.page, "div.math", 60)
        assert formula.evaluate("e => e.scrollWidth > e.clientWidth")
        formula.focus()
        visit.page.keyboard.press("ArrowRight")
        scrolled = "e => e.scrollLeft > 0"
        visit.page.wait_for_function(scrolled, arg=formula.element_handle())


def test_a_long_formula_in_a_sentence_goes_on_in_the_next_line(browser, address):
    with Visit(browser, address, "book/02_elman.html", width=PHONE) as visit:
        formula = visit.page.locator("p mjx-container[breaks]").first
        narrow(visit.page, "p:has(mjx-container[breaks])", 150)
        tops = "e => [...e.querySelectorAll('mjx-part')].map(part => part.offsetTop)"
        assert len(set(formula.evaluate(tops))) > 1


# Punctuation after a formula that begins a line, without it.
LONELY = """() => [...document.querySelectorAll("p .unbroken")].filter(whole => {
    const mark = whole.lastChild;
    if (mark.nodeType != Node.TEXT_NODE) return false;
    const range = document.createRange();
    range.selectNodeContents(mark);
    const parts = whole.querySelectorAll("mjx-part, mjx-math");
    const last = [...parts].at(-1).getBoundingClientRect();
    return range.getBoundingClientRect().left < last.right - 2;
}).map(whole => whole.textContent)"""


def test_no_full_stop_stands_alone_on_the_next_line(browser, address):
    with Visit(browser, address, "book/02_elman.html", width=PHONE) as visit:
        for width in (320, 350, 360, PHONE, 430):
            visit.page.set_viewport_size({"width": width, "height": 900})
            assert visit.page.evaluate(LONELY) == []


def test_without_scripts_a_page_shows_its_formulas(browser, address):
    context = {"java_script_enabled": False}
    with browser.new_context(**context) as plain:
        page = plain.new_page()
        page.goto(f"{address}/book/02_elman.html")
        formulas = page.locator("article mjx-container")
        assert formulas.count() > 50
        assert formulas.first.bounding_box()["width"] > 10
        assert page.locator(".bd-article h1").bounding_box()["y"] < 200
        link = page.locator(".bd-article p a.reference:not(.term)").first
        colour = link.evaluate("e => getComputedStyle(e).color")
        assert colour == "rgb(11, 99, 165)"  # the accent of the light theme


def test_a_formula_is_copied_as_tex(browser, address):
    with Visit(browser, address, "book/02_elman.html") as visit:
        copied = visit.page.evaluate(
            """() => {
                const section = document.querySelector("#what-happens-in-two-steps");
                getSelection().selectAllChildren(section);
                const clipboardData = new DataTransfer();
                const event = { bubbles: true, cancelable: true, clipboardData };
                section.dispatchEvent(new ClipboardEvent("copy", event));
                return clipboardData.getData("text/plain");
            }"""
        )
        assert "The inputs are $x_1 = 1$ and $x_2 = 0$: a pulse" in copied
        assert r"$$\begin{gathered}" in copied


def test_touch_shows_the_copy_buttons(browser, address):
    touch = {"has_touch": True, "is_mobile": True}
    shown = "e => getComputedStyle(e).opacity"
    for context, opacity in (({}, 0.0), (touch, 1.0)):
        with Visit(browser, address, "book/02_elman.html", **context) as visit:
            button = visit.page.locator("button.copybtn").first
            visit.page.wait_for_timeout(400)
            assert float(button.evaluate(shown)) == opacity


# A section that goes deeper, as book_folding makes it.
DEEPER = """<section id="deep"><h2>Going deeper</h2>
<details class="deeper"><summary>Show</summary><p id="inside">Text</p></details>
</section>"""


@pytest.mark.parametrize("goal", ["deep", "inside"])
def test_a_link_and_a_printer_open_what_is_folded(browser, address, goal):
    with Visit(browser, address, "book/index.html") as visit:
        visit.page.evaluate(
            "html => document.querySelector('article').insertAdjacentHTML("
            "'beforeend', html + '<a id=\"to\">link</a>')",
            DEEPER,
        )
        part, is_open = visit.page.locator("details.deeper"), "e => e.open"
        for event, wanted in (("beforeprint", True), ("afterprint", False)):
            visit.page.evaluate("e => window.dispatchEvent(new Event(e))", event)
            assert part.evaluate(is_open) == wanted
        for _ in range(2):  # the second click changes no address
            visit.page.evaluate("goal => { to.href = '#' + goal; to.click(); }", goal)
            visit.page.wait_for_timeout(100)
            assert part.evaluate(is_open)
            part.evaluate("e => { e.open = false; }")


# Words that stand once on a page, where it is folded.
PAGE = "book/03_scan.html"
FOLDED = {"details.deeper": "proximal", "details.code": "axvline"}
OPEN = """([fold, word]) => [...document.querySelectorAll(fold)].filter(
    (e) => e.textContent.includes(word)).map((e) => e.open)"""
folded = pytest.mark.parametrize(("fold", "word"), FOLDED.items(), ids=FOLDED.values())


@folded
def test_a_search_of_the_browser_opens_what_is_folded(browser, address, fold, word):
    # A link to words takes the same way as a search in the page, which asks for a
    # window that is seen.
    for ending, is_open in (("", False), (f"#:~:text={word}", True)):
        with Visit(browser, address, PAGE + ending) as visit:
            visit.page.wait_for_timeout(200)
            assert visit.page.evaluate(OPEN, [fold, word]) == [is_open]


@folded
def test_the_search_of_the_book_opens_what_is_folded(browser, address, fold, word):
    with Visit(browser, address, f"search.html?q={word}") as visit:
        visit.page.locator(f"ul.search a[href*='{PAGE}']").first.click()
        found = visit.page.locator(f"{fold} span.highlighted")
        found.first.wait_for()
        assert found.all_inner_texts() == [word]
        assert visit.page.evaluate(OPEN, [fold, word]) == [True]
        visit.page.wait_for_timeout(200)
        marked = visit.page.locator("span.highlighted")
        visit.page.locator(fold, has=marked).locator("> summary").first.click()
        visit.page.wait_for_timeout(200)  # who closes it finds it closed
        assert visit.page.evaluate(OPEN, [fold, word]) == [False]


def test_a_link_and_the_contents_open_what_goes_deeper(browser, address):
    anchor = "#going-deeper-can-most-weights-be-zero"
    asked = ["details.deeper", FOLDED["details.deeper"]]
    with Visit(browser, address, PAGE + anchor) as visit:
        assert visit.page.evaluate(OPEN, asked) == [True]
    with Visit(browser, address, PAGE) as visit:
        visit.page.locator(f".bd-toc a[href='{anchor}']").first.evaluate(
            "e => e.click()"
        )
        visit.page.wait_for_timeout(200)
        assert visit.page.evaluate(OPEN, asked) == [True]


# What moved by itself while a page was loaded (Cumulative Layout Shift).
WATCH = """window.moved = 0;
new PerformanceObserver((list) => {
    for (const { hadRecentInput, value } of list.getEntries())
        if (!hadRecentInput) moved += value;
}).observe({ type: "layout-shift", buffered: true });"""
# The sections of a page, and how far below the header the heading of one stands.
SECTIONS = "[...document.querySelectorAll('.bd-article section[id]')].map((e) => e.id)"
BELOW = """(id) => document.getElementById(id).querySelector("h1, h2, h3, h4")
    .getBoundingClientRect().top
    - document.querySelector(".bd-header-article").getBoundingClientRect().bottom"""
NEAR, STEADY = 20, 0.02  # pixels, and the share of the screen times that of the way


@pytest.mark.parametrize("name", each(listed()))
def test_links_land_at_their_heading_and_nothing_moves(browser, address, name):
    for width in (PHONE, TABLET, DESKTOP):
        context = browser.new_context(viewport={"width": width, "height": 844})
        context.add_init_script(WATCH)
        page = context.new_page()
        page.goto(f"{address}/{name}")
        page.evaluate("document.fonts.ready.then(() => true)")
        page.wait_for_timeout(300)
        assert page.evaluate("moved") < STEADY, f"{name} at {width}"
        sections = page.evaluate(SECTIONS)
        middle = sections[len(sections) // 2]
        for section in {middle, *sections[-1:], *({"quiz"} & {*sections})}:
            page.goto("about:blank")
            page.goto(f"{address}/{name}#{section}")
            page.evaluate("document.fonts.ready.then(() => true)")
            page.wait_for_timeout(300)
            below = page.evaluate(BELOW, section)
            assert 0 <= below <= NEAR, f"{name}#{section} at {width}"
            assert page.evaluate("moved") < STEADY, f"{name}#{section} at {width}"
        context.close()


def test_who_reads_on_is_not_called_back(browser, address):
    with Visit(browser, address, "book/02_elman.html#summary") as visit:
        assert 0 <= visit.page.evaluate(BELOW, "summary") <= NEAR
        visit.page.mouse.wheel(0, -500)
        visit.page.wait_for_timeout(200)
        visit.page.evaluate("dispatchEvent(new Event('load'))")
        visit.page.wait_for_timeout(200)
        assert visit.page.evaluate(BELOW, "summary") > 300


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_first_screen_of_a_phone_says_what_it_is_and_leads_in(
    browser, address, theme
):
    phone = {"height": 844, "width": PHONE}
    with Visit(browser, address, "book/index.html", theme, PHONE) as visit:
        page = visit.page
        page.set_viewport_size(phone)
        for part in (
            "h1",
            "p.aim",
            "ul.facts",
            "p.doors a >> nth=0",
            "p.doors a >> nth=1",
        ):
            box = page.locator(f".bd-article {part}").bounding_box()
            assert 0 <= box["y"] <= box["y"] + box["height"] <= 844, part
        read, run = page.locator("p.doors a").all()
        assert min(read.bounding_box()["height"], run.bounding_box()["height"]) >= 44
        run.click()
        assert 0 <= page.evaluate(BELOW, "run-it") <= NEAR
        assert page.locator("#run-it > p.cost").is_visible()


# How far the words of the map reach beyond their boxes, in a font that is wide.
BEYOND = """(font) => [...document.querySelectorAll(".map a")].map((link) => {
    const word = link.querySelector("text:last-child");
    word.style.fontFamily = font;
    const box = link.querySelector("rect").getBoundingClientRect();
    return word.getBoundingClientRect().right - box.right;
})"""


def test_the_map_is_used_by_keyboard_and_its_words_fit_in_any_font(browser, address):
    with Visit(browser, address, "book/index.html", width=PHONE) as visit:
        page = visit.page
        for font in ("DejaVu Sans", "Verdana", "monospace", "serif", "sans-serif"):
            assert max(page.evaluate(BEYOND, font)) < 0, font
        page.locator(".map a").nth(1).focus()
        stroke = "e => getComputedStyle(e.querySelector('rect')).strokeWidth"
        assert page.locator(".map a").nth(1).evaluate(stroke) == "4px"
        page.keyboard.press("Enter")
        page.wait_for_url("**/02_elman.html")


def test_the_header_reaches_from_side_to_side_on_a_tablet(browser, address):
    with Visit(browser, address, "book/02_elman.html", width=TABLET) as visit:
        box = visit.page.locator(".bd-header-article").bounding_box()
        assert (box["x"], box["width"]) == (0, TABLET)


@pytest.mark.parametrize("java_script_enabled", [True, False])
def test_the_contents_unfold(browser, address, java_script_enabled):
    context = browser.new_context(java_script_enabled=java_script_enabled)
    page = context.new_page()
    page.goto(f"{address}/book/02_elman.html")
    part = page.locator("nav.bd-links details", has_text="Solutions to chapter 1")
    link = part.locator("a").first
    assert not link.is_visible()
    part.locator("summary").click()
    assert link.is_visible()
    context.close()


@pytest.mark.parametrize("place", ["served", "a file"])
def test_search_quotes_the_section_and_leads_to_it(browser, address, place):
    """Also where pages are opened as files, and may not read each other."""
    root = address if place == "served" else rendered_book.book().html.as_uri()
    page = browser.new_page()
    page.goto(f"{root}/search.html?q=forget gate")
    result = page.locator("ul.search li").first
    result.wait_for()
    assert "6. The embedded Reber failure" in result.locator("a").inner_text()
    assert "forget gate" in result.locator("p.context").inner_text()
    assert {"forget", "gate"} <= {*result.locator("mark").all_inner_texts()}
    result.locator("a").click()
    page.locator("#what-is-dropped span.highlighted").first.wait_for()
    assert page.url.endswith("06_embedded_reber.html#what-is-dropped")
    page.close()


def test_search_answers_as_one_types_and_covers_no_letter(browser, address):
    with Visit(browser, address, "search.html", width=PHONE) as visit:
        field = visit.page.locator(".bd-search-container input[name=q]")
        field.press_sequentially("perplexity")
        first = visit.page.locator("ul.search a").first
        first.wait_for()
        assert "What is a good loss?" in first.inner_text()
        icon = visit.page.locator(".bd-search-container .fa-magnifying-glass")
        sign, typed = icon.bounding_box(), field.bounding_box()
        assert sign["x"] + sign["width"] <= typed["x"]
        field.fill("photosynthesis")
        status = visit.page.locator("[role=status]")
        assert status.inner_text() == "No section says this. Try other words."


def test_the_theme_button_switches_and_is_remembered(browser, address):
    with Visit(browser, address, "book/index.html", "light") as visit:
        ground = "getComputedStyle(document.body).backgroundColor"
        light = visit.page.evaluate(ground)
        for _ in range(3):  # light, dark, and what the system says
            visit.page.locator(".theme-switch-button").first.click()
            if visit.page.evaluate("document.documentElement.dataset.theme") == "dark":
                break
        visit.page.reload()
        assert visit.page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert visit.page.evaluate(ground) != light


@pytest.mark.parametrize(
    ("name", "picture"),
    [
        ("02_elman", ".cell_output figure .panels"),
        ("02_elman", ".cell_output .text_html:has(table)"),
        ("index", "figure img[src$='cover.svg']"),
    ],
    ids=["figure", "table", "cover"],
)
def test_in_the_dark_nothing_stands_on_a_light_panel(browser, address, name, picture):
    with Visit(browser, address, f"book/{name}.html", "dark") as visit:
        found = visit.page.locator(picture).first.evaluate(
            "e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).filter]"
        )
        assert found == ["rgba(0, 0, 0, 0)", "none"]


# Of each label in the figures: what it says, the pixels of its letters, their colour.
LABELS = """() => [...document.querySelectorAll(".panels text")].map((text) => {
    const panel = text.closest("svg");
    const scale = panel.getBoundingClientRect().width / panel.viewBox.baseVal.width;
    const parts = text.children.length ? [...text.children] : [text];
    const sizes = parts.map((e) => parseFloat(getComputedStyle(e).fontSize));
    const {fill} = getComputedStyle(parts[0]);
    const free = parts[0].hasAttribute("class");
    return [text.textContent, Math.max(...sizes) * scale, fill, free];
})"""


def coded(colour):
    """A colour that the browser writes as rgb(1, 2, 3) in hexadecimal digits."""
    return "#{:02x}{:02x}{:02x}".format(*map(int, re.findall(r"\d+", colour)[:3]))


CHAPTERS = [path.stem for path in notebooks.chapters()]


@pytest.mark.parametrize("name", each(CHAPTERS, "book/{}.html".format))
def test_a_figure_is_read_on_a_phone_in_the_dark(browser, address, name):
    with Visit(browser, address, f"book/{name}.html", "dark", PHONE) as visit:
        visit.page.evaluate(
            "document.querySelectorAll('details').forEach(e => e.open = true)"
        )
        labels = visit.page.evaluate(LABELS)
        assert len(labels) > 30
        assert [text for text, size, *_ in labels if size < 9.95] == []
        ground = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
        colours = {fill for *_, fill, free in labels if free} - {ground}  # on units
        assert len(colours) > 1
        assert [c for c in colours if contrast(coded(c), coded(ground)) < 4.5] == []
        beyond = """() => [...document.querySelectorAll(".panels > svg")].filter(
            (e) => e.getBoundingClientRect().right > innerWidth + 1).length"""
        assert visit.page.evaluate(beyond) == 0


def test_the_panels_of_a_figure_stand_below_each_other_on_a_phone(browser, address):
    tops = "e => [...e.children].map((panel) => panel.getBoundingClientRect().top)"
    for width, rows in ((PHONE, 2), (DESKTOP, 1)):
        with Visit(browser, address, "book/02_elman.html", width=width) as visit:
            found = visit.page.locator("#fig-spectra .panels").evaluate(tops)
            assert len(found) == 2
            assert len(set(found)) == rows
