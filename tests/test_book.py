"""The book builds without a warning, and what it builds is whole, small and linked."""

import csv
import importlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
import rendered_book
from rendered_book import EXPLORABLES, contents, listed, parsed

from helpers import ROOT
from helpers.press import artwork, notebooks, reading
from helpers.press.rendering import render

pytestmark = pytest.mark.documents

sys.path.append(str(ROOT / "book" / "_extensions"))
book_cost = importlib.import_module("book_cost")
book_pages = importlib.import_module("book_pages")
book_repository = importlib.import_module("book_repository")
scripts = importlib.import_module("book_explorables").scripts

REMOTE = "git@github.com:someone/rnns.git"
PUBLIC = "https://github.com/someone/rnns"
TOO_BIG = 1_000_000  # bytes of a page, its pictures apart


@pytest.fixture(scope="module")
def html():
    return rendered_book.book().html


@pytest.fixture(scope="module")
def pages(html):
    """The elements of each page that has a source, by its address."""
    found = sorted(html.glob("book/**/*.html"))
    assert found, f"no page was built:\n{rendered_book.book().log}"
    return {path.relative_to(html).as_posix(): parsed(path) for path in found}


def launch_links(page):
    """Where the page's links to GitHub, Colab and Binder lead.

    But for what is cited: a thread in which a fault was told or mended.
    """
    hosts = ("https://github.com/", "https://colab.", "https://mybinder.org/v2/")
    links = [element["href"] for element in page.select("a[href]")]
    thread = re.compile(r"/(issues|pull)/\d+$")
    return [
        link for link in links if link.startswith(hosts) and not thread.search(link)
    ]


# ---------------------------------------------------------------------------
# The build


@pytest.mark.daily
def test_the_book_builds_without_a_warning():
    book = rendered_book.book()
    assert (book.status, "WARNING" in book.log) == (0, False), book.log


def test_the_contents_list_every_page_and_no_other(html, pages):
    assert set(pages) == set(listed())
    listed_notebooks = {ROOT / f"{name}.ipynb" for name in contents()}
    assert set(notebooks.find()) == set(filter(Path.exists, listed_notebooks))


def test_each_page_says_what_it_is(pages):
    descriptions = set()
    for name, page in pages.items():
        assert [e["lang"] for e in page.find_all("html")] == ["en"], name
        titles = page.select("h1:not(.onlyprint h1)")
        assert len(titles) == 1, f"{name} has {len(titles)} titles"
        [text] = [m["content"] for m in page.select("meta[name=description]")]
        assert 20 <= len(text) <= 160, name
        card = {m["property"]: m["content"] for m in page.select("meta[property]")}
        assert card["og:description"] == text
        assert card["og:site_name"] == "RNNs, Unrolled"
        assert card["og:image"] == "../" * name.count("/") + book_pages.CARD
        assert titles[0].text.startswith(card["og:title"]), name
        descriptions.add(text)
    assert len(descriptions) == len(pages)


@pytest.mark.parametrize(
    ("repository", "address"),
    [
        (PUBLIC, "https://someone.github.io/rnns/"),
        ("https://github.com/Some-One/Rnns", "https://some-one.github.io/Rnns/"),
        ("https://github.com/me/me.github.io", "https://me.github.io/"),
        ("", ""),
    ],
)
def test_pages_are_read_where_github_puts_them(repository, address):
    assert book_pages.published(repository) == address


def test_a_public_page_has_whole_addresses_on_its_card(published):
    page = parsed(published.html / "book/one.html")
    card = {m["property"]: m["content"] for m in page.select("meta[property]")}
    assert card["og:image"] == "https://someone.github.io/rnns/_static/card.png"
    assert card["og:url"] == "https://someone.github.io/rnns/book/one.html"
    assert (published.html / "_static/card.png").is_file()


def test_the_contents_fold_what_comes_after_the_chapters(pages):
    for name, page in pages.items():
        nav = page.select_one("nav.bd-links")
        assert len(nav.select("a")) == len(contents()) - 1, name
        folded = {d.summary.text: d.has_attr("open") for d in nav.select("details")}
        place = "Solutions" if "/solutions/" in name else "Appendices"
        place = "" if re.search(r"/\d|/index", name) and "sol" not in name else place
        assert folded == {p: p == place for p in ("Solutions", "Appendices")}, name
        assert len(nav.select("details a")) == len(contents()) - 10


def test_pages_are_small(html, pages):
    sizes = {name: (html / name).stat().st_size for name in pages}
    assert {name: size for name, size in sizes.items() if size >= TOO_BIG} == {}


# ---------------------------------------------------------------------------
# Nothing from another host (test_browser.py watches the browser as well)


def test_pages_name_no_file_on_another_host(html, pages):
    foreign = []
    for name in (*pages, "index.html", "search.html", "genindex.html"):
        for element in parsed(html / name).select(":not(a)"):
            for key in ("src", "href", "data", "srcset", "poster", "action"):
                value = element.get(key) or ""
                if re.match(r"(\w+:)?//", value):
                    foreign.append(f"{name}: <{element.name} {key}={value}>")
    assert foreign == []


def test_style_sheets_name_no_file_on_another_host(html):
    pattern = re.compile(r"""(?:url\(|@import)\s*["']?\s*((?:https?:)?//[^"')\s]+)""")
    sheets = {
        path.name: path.read_text(encoding="utf-8") for path in html.rglob("*.css")
    }
    assert "book.css" in sheets
    foreign = {name: pattern.findall(text) for name, text in sheets.items()}
    assert not any(foreign.values()), foreign


def test_formulas_stand_in_the_page_and_need_no_script(html, pages):
    for name, page in pages.items():
        for formula in page.select(".math"):
            assert formula.select("mjx-container mjx-assistive-mml math"), name
            assert "\\" not in formula.text, f"{name} shows TeX: {formula.text}"
        assert not page.select("mjx-merror, mjx-utext"), name
        assert not [s for s in page.select("script[src]") if "mathjax" in s["src"]]
    assert len(pages["book/01_feedforward.html"].select(".math")) > 50


def test_a_page_has_the_style_of_every_glyph_in_it(pages):
    for name, page in pages.items():
        used = {c for glyph in page.select("mjx-c[class]") for c in glyph["class"]}
        used = {c for c in used if c.startswith("mjx-c")}
        style = "".join(sheet.text for sheet in page.select("head style"))
        known = set(re.findall(r"\.(mjx-c\w+)", style))
        assert used <= known, name
        assert bool(used) == bool(page.select(".math")), name


def test_printed_tables_are_tables_and_sentences_wrap(pages):
    tables = wraps = keeps = 0
    for page in pages.values():
        tables += len(page.select(".cell_output .printed table"))
        for output in page.select(".cell_output .stream"):
            assert not re.search(r"^-+(  -+)+$", output.text, re.MULTILINE)
            columns = re.search(r"\S {2,}\S|^ +\S", output.text, re.MULTILINE)
            assert ("sentences" in output["class"]) != bool(columns), output.text
            wraps += not columns
            keeps += bool(columns)
    assert min(tables, wraps, keeps) > 30


# ---------------------------------------------------------------------------
# Links, pictures


# The attributes by which a page asks for a file, or leads to it.
REFERENCES = ("href", "src", "data", "poster")


def broken_links(html):
    """What leads nowhere in a folder of pages: links, anchors, pictures, styles."""
    pages = {
        path.resolve(): parsed(path)
        for path in html.rglob("*.html")
        if "_static" not in path.relative_to(html).parts  # templates of the theme
    }
    ids = {
        path: {e.get(key) for e in page.find_all() for key in ("id", "name")}
        for path, page in pages.items()
    }
    found = set()
    for path, page in pages.items():
        values = {e.get(key) or "" for e in page.find_all() for key in REFERENCES}
        for link in map(urlsplit, values):
            if link.scheme or link.netloc:
                continue
            goal = (path.parent / unquote(link.path)).resolve() if link.path else path
            goal = goal / "index.html" if goal.is_dir() else goal
            anchor = unquote(link.fragment)
            if not goal.is_file() or (
                anchor and goal in ids and anchor not in ids[goal]
            ):
                found.add(link.geturl())
    return found


def test_no_link_and_no_anchor_is_broken(html):
    assert broken_links(html) == set()


SOUND = """\
<!DOCTYPE html><html lang="en"><head><title>Two pages</title>
<link rel="stylesheet" href="style.css"></head><body>
<h1 id="top">One</h1><a name="old">An old anchor</a>
<p><a href="#top">a</a> <a href="deep/two.html">b</a> <a href="deep/two.html#at%20end">
c</a> <a href="#old">d</a> <a href="deep/">e</a> <a href="?q=1#top">f</a></p>
<img src="picture.png" alt="A picture">MORE</body></html>
"""
FAULTS = {
    '<a href="gone.html">a page that is not there</a>',
    '<a href="deep/gone.html#top">a page that is not there, with an anchor</a>',
    '<a href="#gone">an anchor of this page</a>',
    '<a href="deep/two.html#gone">an anchor of another page</a>',
    '<a href="deep/two.html#at%20once">an anchor with a space</a>',
    '<a href="deep/two.html#End">an anchor in another case</a>',
    '<a href="Deep/two.html">a folder in another case</a>',
    '<a href="none/">a folder that is not there</a>',
    '<a href="_sources/gone.ipynb" download>a file to download</a>',
    '<img src="gone.png" alt="a picture">',
    '<script src="gone.js"></script>',
    '<link rel="stylesheet" href="gone.css">',
    '<object data="gone.svg">a drawing</object>',
    '<video poster="gone.jpg"></video>',
}


def two_pages(folder, more):
    """Two pages whose links hold, and more that stands on the first."""
    (folder / "deep").mkdir(parents=True)
    for name in ("style.css", "picture.png"):
        (folder / name).write_bytes(b"")
    (folder / "index.html").write_text(SOUND.replace("MORE", more), encoding="utf-8")
    (folder / "deep/two.html").write_text(
        '<!DOCTYPE html><html lang="en"><head><title>Two</title></head><body>'
        '<p id="at end">The <a id="end" href="../index.html#top">end</a></p>'
        "</body></html>",
        encoding="utf-8",
    )
    (folder / "deep/index.html").write_text("<title>Deep</title>", encoding="utf-8")
    return folder


def by_linkchecker(folder, tmp_path):
    """What LinkChecker finds broken in a folder of pages."""
    settings = tmp_path / "linkcheckerrc"
    settings.write_text(
        "[AnchorCheck]\n[checking]\nmaxrequestspersecond=1000\n", encoding="utf-8"
    )
    # Run by root, LinkChecker reads files as nobody, so it is given an address.
    with rendered_book.served(folder) as address:
        options = ["-f", settings, "-o", "csv", "--no-status"]
        done = subprocess.run(
            [sys.executable, "-m", "linkcheck", *options, f"{address}/index.html"],
            capture_output=True,
            encoding="utf-8",
            timeout=1200,
        )
    table = [line for line in done.stdout.splitlines() if not line.startswith("#")]
    rows = list(csv.DictReader(table, delimiter=";"))
    assert (done.returncode == 0) == (rows == []), done.stdout + done.stderr
    return {row["urlname"] for row in rows}


def test_every_planted_fault_is_found_and_linkchecker_finds_no_more(tmp_path):
    faults = "\n".join(sorted(FAULTS))
    pages = two_pages(tmp_path / "pages", faults)
    planted = {*re.findall('(?:href|src|data|poster)="(.*?)"', faults)}
    assert len(planted) == len(FAULTS)
    assert broken_links(pages) == planted
    assert by_linkchecker(pages, tmp_path) <= planted


@pytest.mark.nightly  # it reads a page again for each anchor
def test_linkchecker_agrees_on_the_whole_book(html, tmp_path):
    assert by_linkchecker(html, tmp_path) == set()


def test_each_picture_has_a_text_alternative_and_a_caption(pages):
    problems = []
    for name, page in pages.items():
        for image in page.select("article img"):
            if len(image.get("alt") or "") < 30:
                problems.append(f"{name}: no text alternative for {image.attrs}")
            if not image.find_parent("figure"):
                problems.append(f"{name}: no figure around {image.attrs}")
        for figure in page.find_all("figure"):
            if not any(e.text.strip() for e in figure.find_all("figcaption")):
                problems.append(f"{name}: no caption for {figure.attrs}")
    assert problems == []
    assert sum(len(page.find_all("figure")) for page in pages.values()) > 5


# ---------------------------------------------------------------------------
# The explorables, before anybody uses them


def test_only_the_pages_that_have_one_load_scripts_for_it(pages):
    folder, common = "../_static/explorables/", {"explorable.js", "explorable.css"}
    for name, page in pages.items():
        links = [e.get("src") or e["href"] for e in page.select("[src], [href]")]
        files = {link.split("?")[0] for link in links if "/explorables/" in link}
        there = [x for x, place in EXPLORABLES.items() if place == name]
        wanted = {f"{script}.js" for script in scripts(there)}
        wanted |= common if wanted else set()
        assert files == {folder + file for file in wanted}, name


# ---------------------------------------------------------------------------
# The first page


def test_the_first_page_links_every_chapter_by_its_title():
    text = (ROOT / "book/index.md").read_text(encoding="utf-8")
    entries = re.findall(r"^\d\. (.*)$", text, re.MULTILINE)
    for entry, path in zip(entries, notebooks.chapters(), strict=True):
        assert f"]({path.name})" in entry
        title = re.search(r"[*]{2}(.+?)[*]{2}", entry)[1]
        first = notebooks.read(path).cells[0].source
        assert first.startswith(f"# {int(path.name[:2])}. {title}")
        assert "being written" not in entry


def test_the_first_page_has_two_doors_and_a_map_that_leads_to_the_chapters(pages):
    page = pages["book/index.html"]
    assert [a["href"] for a in page.select("p.doors a")] == [
        "01_feedforward.html",
        "#run-it",
    ]
    names = [f"{path.stem}.html" for path in notebooks.chapters()]
    links = [a["href"] for a in page.select("figure .map svg a")]
    assert sorted(links) == names
    assert page.select_one(".map svg")["aria-label"].startswith("A map of nine boxes")
    assert page.select_one("p.aim").text.startswith("You will understand")
    longest = max(chapter.main for chapter in reading.all_chapters().values())
    assert f"at most {longest} minutes" in page.select_one("ul.facts").text


def test_the_first_page_quotes_the_cover_rightly():
    fades, lingers, churns = artwork.responses()
    text = " ".join((ROOT / "book/index.md").read_text(encoding="utf-8").split())
    for fact in (
        f"{artwork.UNITS} units, left alone for {artwork.STEPS} steps",
        f"times {fades.scale:g}, times {lingers.scale:g} and times {churns.scale:g}",
        f"has {100 * fades.left:.3f}% of its size left, the second "
        f"{100 * lingers.left:.0f}%, and the third {100 * churns.left:.0f}%",
        f"has grown {round(churns.growth, -3):,.0f} times",
    ):
        assert fact in text


# ---------------------------------------------------------------------------
# What a page takes to run


def test_times_are_rounded_up():
    said = {0.2: "1 s", 8.4: "9 s", 10: "10 s", 10.1: "15 s", 88: "90 s"}
    said |= {91: "2 minutes", 181: "4 minutes"}
    assert {value: book_cost.seconds(value) for value in said} == said


def test_the_sentence_adds_times_and_takes_the_larger_memory():
    first = {"cold_s": 41.2, "warm_s": 22.3, "memory_mb": 910}
    second = {"cold_s": 20.1, "warm_s": 12.0, "memory_mb": 700}
    assert book_cost.sentence("both", 2, [first, second]) == (
        "To run both: two cores, 35 s (65 s the first time), 1.0 GB of memory; "
        "no GPU, no network."
    )
    same = {"cold_s": 3.4, "warm_s": 3.2, "memory_mb": 100}
    assert book_cost.sentence("it", 8, [same]) == (
        "To run it: 8 cores, 4 s, 0.1 GB of memory; no GPU, no network."
    )


def test_each_page_says_what_it_takes(pages):
    record = json.loads((ROOT / book_cost.RUN_TIMES).read_text(encoding="utf-8"))
    for name, page in pages.items():
        costs = [p.text for p in page.select("p.cost")]
        times = record["notebooks"].get(name.replace(".html", ".ipynb"))
        if times:
            said = book_cost.sentence("this page", record["cores"], [times])
            assert costs == [said]
        elif name == "book/index.html":
            [cost] = costs
            assert cost.startswith("To run the whole course: ")
            assert page.select_one("#run-it > p.cost")
        else:
            assert costs == []


# ---------------------------------------------------------------------------
# Buttons that need a public repository


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        (REMOTE, PUBLIC),
        (PUBLIC, PUBLIC),
        ("https://github.com/some.one/rnns.git/", "https://github.com/some.one/rnns"),
        ("https://token@github.com/someone/rnns", PUBLIC),
        ("ssh://git@github.com/someone/rnns.git", PUBLIC),
        ("https://git.example.org/someone/rnns.git", ""),
        ("https://github.com.example.org/someone/rnns", ""),
        ("https://github.com/someone", ""),
        ("/srv/git/rnns.git", ""),
        ("", ""),
    ],
)
def test_only_github_remotes_are_public(remote, address):
    assert book_repository.public_address(remote) == address


def project(folder, repository="", remote=""):
    """A folder with a pyproject.toml, and a git repository if it has a remote."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(
        f'[tool.rnns-unrolled]\nrepository = "{repository}"\nbranch = "main"\n',
        encoding="utf-8",
    )
    if remote:
        for command in (["init", "-q"], ["remote", "add", "origin", remote]):
            subprocess.run(["git", "-C", folder, *command], check=True)
    return folder


def test_the_repository_is_that_of_pyproject_or_else_of_git(tmp_path, monkeypatch):
    ours = "https://github.com/ours/course"
    find = book_repository.find_repository
    assert find(project(tmp_path / "none")) == ("", "main")
    assert find(project(tmp_path / "git", remote=REMOTE)) == (PUBLIC, "main")
    assert find(project(tmp_path / "both", ours, REMOTE)) == (ours, "main")
    # A copy inside another repository is not that repository.
    assert find(project(tmp_path / "git/copy"))[0] == ""
    monkeypatch.setenv("PATH", "")  # no git
    assert find(tmp_path / "git")[0] == ""


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A short edition of the book in a repository with a public remote.

    Its chapter was never timed.
    """
    folder = tmp_path_factory.mktemp("published")
    project(folder, remote=REMOTE)
    for name in ("book/_static", "book/_extensions", "book/_templates"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("_config.yml", "book/bibliography.md", "book/references.bib"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "book/index.md").write_text(
        "# A book\n\nWith a link to [Elman](bibliography.md#elman1990), and one to"
        " [nobody](bibliography.md#nobody1990).\n"
    )
    chapter = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell(
                "# One\n\nA chapter with a formula that is no formula: $\\frac{1$.\n\n"
                "## Going deeper: two\n\nWhat one may miss.\n\n## Three\n\nThe end."
            ),
            nbformat.v4.new_code_cell("import a\nimport b\nimport c\nimport d"),
        ]
    )
    nbformat.write(notebooks.normalise(chapter), folder / "book/one.ipynb")
    (folder / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nchapters:\n"
        "- file: book/one\n- file: book/bibliography\n"
    )
    return render(folder, folder)


def test_without_a_public_remote_there_are_no_launch_buttons(pages):
    if book_repository.find_repository(ROOT)[0]:
        pytest.skip("this repository has a public remote")
    links = {name: launch_links(page) for name, page in pages.items()}
    assert not any(links.values()), links


@pytest.mark.nightly
def test_with_a_public_remote_buttons_lead_to_the_notebook(published):
    notebook, text = (
        launch_links(parsed(published.html / f"book/{name}.html"))
        for name in ("one", "bibliography")
    )
    assert PUBLIC in notebook
    assert PUBLIC in text
    assert any(link.startswith(f"{PUBLIC}/issues/new") for link in notebook)
    assert {
        "https://colab.research.google.com/github/someone/rnns/blob/main/book/one.ipynb",
        "https://mybinder.org/v2/gh/someone/rnns/main?urlpath=lab/tree/book/one.ipynb",
    } <= set(notebook)
    assert not any("colab" in link or "mybinder" in link for link in text)


def test_the_download_button_leads_to_the_notebook(pages):
    page = pages["book/01_feedforward.html"]
    assert page.select("a[href='../_sources/book/01_feedforward.ipynb']")


def test_a_strict_build_fails_on_what_is_not_true(published):
    assert published.status != 0
    assert "one.ipynb is not in data/results/run_times.json" in published.log
    assert (
        "local id not found in doc 'book/bibliography': 'nobody1990'" in published.log
    )
    assert "elman1990" not in published.log
    assert re.search(r"one\.ipynb.*Missing close brace in the formula", published.log)
    assert broken_links(published.html) == {"bibliography.html#nobody1990"}
    assert "book/one has no REASONS in book_neighbours" in published.log
    assert published.log.count("WARNING") == 4, published.log


def test_what_goes_deeper_is_folded_by_a_script_alone(published):
    page = parsed(published.html / "book/one.html")
    [part] = page.select("details.deeper")
    assert part.has_attr("open")
    assert "open = false" in part.script.text
    assert part.find_previous("h2").text.startswith("Going deeper: two")
    assert [p.text for p in part.select("p")] == ["What one may miss."]
    assert not page.select_one("section#three").find_parent("details")


def words(summary):
    """What the line of a fold says while it is closed."""
    said = [part for part in summary.children if part not in summary.select(".hide")]
    return "".join(part.text for part in said)


def test_folded_code_says_what_it_is_of(published, pages):
    [code] = parsed(published.html / "book/one.html").select("details.code")
    assert not code.has_attr("open")
    assert code.select_one("summary > .hide").text == "Hide"
    assert words(code.summary) == "Show what is imported"
    kinds = {"figure": 0, "table": 0, "output": 0}
    for page in pages.values():
        for cell in page.select("div.cell:has(> details.code):has(.cell_output)"):
            kind = "table" if cell.select("table") else "output"
            kind = "figure" if cell.select("figure") else kind
            said = words(cell.select_one("summary"))
            assert said == f"Show the code of this {kind}"
            kinds[kind] += 1
    assert kinds["figure"] > 20
    assert kinds["table"] > 20


@pytest.mark.nightly
def test_a_new_style_reaches_a_book_that_was_built_before(published):
    source = published.html.parents[1]
    style = source / "book/_static/book.css"
    with style.open("a", encoding="utf-8") as file:
        file.write("p.new { color: red }\n")
    render(source, source)
    built = (published.html / "_static/book.css").read_text(encoding="utf-8")
    assert built.endswith("p.new{color:red}")
