"""The appendices say what the chapters say: figures, names and links."""

import doctest
import re
from functools import cache

import nbformat
import pytest

from helpers import ROOT
from helpers.press import notebooks

BOOK = ROOT / "book"
LINK = re.compile(r"\]\((\w+\.ipynb)#([^)]*)\)")
FIGURE = re.compile(r"`(-?\d[\d.,]*(?:e[+-]\d+)?(?: of \d+)?(?: \[[^]`]*\])?)`")
TERM = re.compile(r"\]\(glossary\.md#([^)]*)\)")
HEADING = re.compile(r"^(#{1,3}) (.+)$", re.MULTILINE)
CODE = re.compile(r"^```pycon\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def page(name):
    return (BOOK / name).read_text(encoding="utf-8")


def slug(heading):
    """The anchor of a heading, as MyST and GitHub make it."""
    text = re.sub(r"\$[^$]*\$", "", heading).strip().lower().replace(" ", "-")
    return re.sub(r"[^\w-]", "", text)


@cache
def cells(chapter):
    return nbformat.read(BOOK / chapter, 4).cells


@cache
def sections(chapter):
    """What the cells of each section print, {anchor: text}, subsections included."""
    printed, around = {}, []
    for cell in cells(chapter):
        if cell.cell_type == "markdown":
            for marks, heading in HEADING.findall(cell.source):
                around = [*around[: len(marks) - 1], slug(heading)]
                printed.setdefault(around[-1], "")
        else:
            for anchor in around:
                said = [
                    output.get("text") or output.get("data", {}).get("text/plain", "")
                    for output in cell.outputs
                ]
                printed[anchor] = "\n".join([printed[anchor], *said])
    return printed


def entries():
    """The entries of the errata, {heading: text}."""
    parts = re.split(r"^### (.+)$", page("errata.md"), flags=re.MULTILINE)[1:]
    bodies = [body.split("\n## ")[0] for body in parts[1::2]]
    return dict(zip(parts[::2], bodies, strict=True))


def unsupported(entry):
    """The figures that the linked sections, or the entry's code, do not print."""
    linked = [sections(chapter)[anchor] for chapter, anchor in LINK.findall(entry)]
    shown = "\n".join([*linked, *CODE.findall(entry)])
    return [
        figure
        for figure in FIGURE.findall(CODE.sub("", entry))
        if not re.search(rf"(?<![\w.]){re.escape(figure)}(?![\w.]*\d)", shown)
    ]


@cache
def readers(name):
    """The modules that read this record: they say its name to what loads it."""
    modules = (ROOT / "helpers").rglob("*.py")
    said = re.compile(rf'\b(NAME = |name=)"{name}"')
    return [m.stem for m in modules if said.search(m.read_text("utf-8"))]


def unread(entry):
    """The recorded results that it names and no linked chapter loads."""
    chapters = {chapter for chapter, _ in LINK.findall(entry)}
    code = "\n".join(cell.source for name in chapters for cell in cells(name))
    named = re.findall(r"`([\w-]+)\.json`", entry)
    return [
        name
        for name in named
        if f'results.load("{name}")' not in code
        and not any(f"{module}.load()" in code for module in readers(name))
    ]


@pytest.mark.documents
def test_a_figure_that_no_section_prints_is_seen():
    where = "[so](02_elman.ipynb#what-does--do-to-the-past)"
    assert unsupported(f"It is `0.0065` and `0.55`, {where}.") == []
    assert unsupported(f"It is `0.006`, {where}.") == ["0.006"]
    assert unread(f"It is so, {where} (`no.json`).") == ["no"]


@pytest.mark.documents
@pytest.mark.parametrize("heading", entries())
def test_each_erratum_is_whole_and_its_figures_are_printed_where_it_says(heading):
    entry = entries()[heading]
    for part in ("**The source**", "**What is so.**", "**Where.**"):
        assert entry.count(part) == 1, part
    assert LINK.search(entry)
    assert unsupported(entry) == []
    assert unread(entry) == []


@pytest.mark.parametrize("heading", [h for h, e in entries().items() if CODE.search(e)])
def test_the_code_of_the_errata_gives_what_it_says(heading):
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(verbose=False)
    [code] = CODE.findall(entries()[heading])
    runner.run(parser.get_doctest(code, {}, heading, "errata.md", 0))
    assert runner.summarize(verbose=False).failed == 0


@pytest.mark.documents
def test_the_glossary_is_sorted_and_every_entry_leads_somewhere():
    lines = page("glossary.md").split("\n- ")[1:]
    found = [re.match(r'<a id="([\w-]+)"></a>\*\*(.+?)\.\*\* ', line) for line in lines]
    assert all(found)
    terms = [re.sub(r"\W", "", match[2]).casefold() for match in found]
    assert terms == sorted(terms)
    assert len({match[1] for match in found}) == len(lines)
    for line in lines:
        assert LINK.search(line), line


@pytest.mark.documents
@pytest.mark.parametrize("chapter", [path.name for path in notebooks.chapters()])
def test_a_chapter_links_each_of_its_glossary_terms_once(chapter):
    glossary = re.findall(r'<a id="([\w-]+)"></a>', page("glossary.md"))
    text = [cell.source for cell in cells(chapter) if cell.cell_type == "markdown"]
    linked = TERM.findall("\n".join(text))
    assert set(linked) <= set(glossary)
    assert len(linked) == len(set(linked))
    assert 5 <= len(linked) <= 12
    body = "\n".join(text).split("\n## Summary")[0]
    assert TERM.findall(body) == linked, "only in the text, not in what follows it"
    assert not any(TERM.search(heading) for _, heading in HEADING.findall(body))


# The field's words --------------------------------------------------------------------

WORD_ROW = re.compile(r"^\| ([\w ]+) \| ([\w -]+) \|$", re.MULTILINE)


def house_words():
    """The field's term for each word of our own."""
    table = page("glossary.md").partition("## House words and the field's words")[2]
    return dict(WORD_ROW.findall(table))


def unexplained(text):
    """The house words that a page says first without the field's term beside them."""
    text = re.sub(r"^#+ [^\n]*$|```.*?```|\]\([^)]*\)", "", text, flags=re.M | re.S)
    for word, term in house_words().items():
        saying, meaning = (re.sub("[ -]", r"[\\s-]+", said) for said in (word, term))
        blocks = [
            block
            for block in re.split(r"\n\s*\n", text)
            if re.search(rf"\b{saying}\b", block, re.I)
        ]
        if blocks and not re.search(meaning, blocks[0], re.I):
            yield f"{word} ({term}): {' '.join(blocks[0].split())[:200]}"


@pytest.mark.documents
@pytest.mark.parametrize("chapter", [path.name for path in notebooks.chapters()])
def test_a_house_word_stands_beside_the_fields_term_at_first(chapter):
    text = [cell.source for cell in cells(chapter) if cell.cell_type == "markdown"]
    assert [*unexplained("\n\n".join(text))] == []


@pytest.mark.documents
def test_a_house_word_alone_is_seen():
    assert len(house_words()) >= 9
    assert [*unexplained("On its way\nback.\n\nThe backward pass.")]
    assert [*unexplained("Cut into chunks.\n\nThis is TBPTT.")]
    assert not [*unexplained("The way back (the backward pass).\n\nThe way back.")]
    assert not [*unexplained("## The way back\n\nNo [word](way-back.md#way-back).")]
