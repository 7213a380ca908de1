"""The search: what stands in which section, for a script that reads no other page.

Sphinx's own index knows pages. Ours knows sections, and their sentences, so that a
result leads to its section and quotes it, also where pages are opened as files and may
not read each other. It is one script, search_index.js, which the page of the search
loads; _static/search.js ranks the sections. Of code and what it prints, and of
solutions, which nobody should read by accident, it holds the words alone, and not
their order.

A list whose items have anchors of their own, as the glossary has, counts each item as
a section. Where the glossary says in which section a term is explained, that section
knows the term.
"""

import json
import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.search import IndexBuilder

from book_folding import DEEPER

INDEX = "search_index.js"
LEFT = ("searchindex.js", "_static/searchtools.js")  # Sphinx's, which no page loads
GLOSSARY, SOLUTIONS = "book/glossary", "book/solutions/"
CHAPTER = re.compile(r"book/\d\d_\w+")
ANCHOR = re.compile(r'<a id="([^"]+)">')
PIECES = (nodes.paragraph, nodes.caption, nodes.table, nodes.literal_block)
WORD = re.compile(r"[^\W\d]\w\w+")
NAMES = re.compile(r"[(),:]| and ")  # what parts the names of one term

# What a section counts for whoever looks for an explanation.
WEIGHTS = {"chapter": 1.0, "appendix": 0.6, "glossary": 0.5, "solution": 0.2}
PARTS = {"Exercises": 0.5, "Summary": 0.2, "Three questions first": 0.2, "Quiz": 0.2}
PARTS["Further reading"] = 0.2
GOING_DEEPER = 0.9
LONGEST = 4  # words of a name: what is longer in bold is a statement

SIGNS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eta": "η",
    "theta": "θ", "kappa": "κ", "lambda": "λ", "mu": "μ", "pi": "π", "rho": "ρ",
    "sigma": "σ", "tau": "τ", "phi": "φ", "omega": "ω", "varepsilon": "ε",
    "Delta": "Δ", "Sigma": "Σ", "times": "×", "cdot": "·",
    "odot": "⊙", "top": "ᵀ", "le": "≤", "ge": "≥", "ne": "≠", "approx": "≈",
    "sum": "∑", "partial": "∂", "infty": "∞", "in": "∈", "to": "→", "pm": "±",
    "ldots": "…", "dots": "…", "cdots": "…", "lVert": "‖", "rVert": "‖", "|": "‖",
    "tanh": "tanh", "ln": "ln", "log": "log", "exp": "exp", "max": "max", "min": "min",
    "sqrt": "√", "quad": " ", "prod": "∏", "lvert": "|", "rvert": "|", "sim": "~",
}  # fmt: skip
COMMAND = re.compile(r"\\([A-Za-z]+|.)")
FRACTION = re.compile(r"\\[dt]?frac\s*(\{[^{}]*\}|\w)\s*(\{[^{}]*\}|\w)")


def plain(tex: str) -> str:
    r"""A formula as one types it: W_hh h_{t-1} for ``W_{hh}\,h_{t-1}``."""
    tex = FRACTION.sub(lambda m: "/".join(part.strip("{}") for part in m.groups()), tex)
    tex = COMMAND.sub(lambda m: SIGNS.get(m[1], " " if m[1] in ",; " else ""), tex)
    tex = re.sub(r"\{(\w*)\}", r"\1", tex.replace("^ᵀ", "ᵀ").replace("^{ᵀ}", "ᵀ"))
    return " ".join(tex.split())


def text(node: nodes.Node) -> str:
    """What a paragraph says, its formulas as one types them."""
    if isinstance(node, nodes.math):
        return plain(node.astext())
    if isinstance(node, nodes.raw):
        return ""
    if isinstance(node, nodes.Text):
        return node.astext()
    return " ".join("".join(map(text, node.children)).split("\n"))


@dataclass
class Section:
    """What the search knows of a section."""

    page: str
    anchor: str  # "" for the top of a page
    title: str
    weight: float
    above: list[str] = field(default_factory=list)  # headings that it stands under
    paragraphs: list[str] = field(default_factory=list)
    words: set[str] = field(default_factory=set)  # those whose order is not told
    bold: set[str] = field(default_factory=set)  # what it introduces, by its looks
    terms: set[str] = field(default_factory=set)  # what it explains, by the glossary


def own(node: nodes.Element) -> Iterator[nodes.Element]:
    """The pieces of a section, without those of sections in it."""
    for child in node.children:
        if isinstance(child, PIECES):
            yield child
        elif isinstance(child, nodes.Element) and not isinstance(child, nodes.section):
            yield from own(child)


def names(term: str) -> set[str]:
    """The names of a term of the glossary: "Mean squared error (MSE)" has two."""
    parts = NAMES.split(term.rstrip("."))
    return {part.strip() for part in parts if len(part.strip()) > 1}


def weigh(page: str, above: list[str]) -> float:
    """What a section counts; `above` are its heading and those it stands under."""
    kind = "chapter" if CHAPTER.fullmatch(page) else "appendix"
    kind = "glossary" if page == GLOSSARY else kind
    kind = "solution" if page.startswith(SOLUTIONS) else kind
    weight = WEIGHTS[kind]
    for title in above:
        weight *= GOING_DEEPER if title.startswith(DEEPER) else PARTS.get(title, 1)
    return round(weight, 2)


def add(section: Section, node: nodes.Element) -> None:
    """Add a piece to what the search knows of a section."""
    if isinstance(node, nodes.literal_block):
        section.words |= set(WORD.findall(node.astext()))
    elif section.page.startswith(SOLUTIONS):
        section.words |= set(WORD.findall(text(node)))
    elif "cost" in node["classes"]:
        return
    elif isinstance(node, nodes.table):
        for row in node.findall(nodes.row):
            cells = [" ".join(map(text, cell.children)) for cell in row.children]
            section.paragraphs.append(", ".join(filter(None, cells)))
    elif said := text(node).strip():
        section.paragraphs.append(said)
        if CHAPTER.fullmatch(section.page):
            bold = {strong.astext() for strong in node.findall(nodes.strong)}
            section.bold |= {name for name in bold if len(name.split()) <= LONGEST}


def read(page: str, document: nodes.document) -> Iterator[Section]:
    """The sections of a page, in order."""
    above: list[tuple[nodes.Element, str]] = []
    for node in document.findall(nodes.section):
        while above and above[-1][0] not in ancestors(node):
            above.pop()
        title = text(node.next_node(nodes.title)).strip()
        over = [name for _, name in above]
        above.append((node, title))
        section = Section(
            page, node["ids"][0] if over else "", title, weigh(page, [*over, title])
        )
        section.above = over
        for part in own(node):
            mark = next(iter(part.findall(nodes.raw)), None)
            anchor = ANCHOR.search(mark.astext()) if mark is not None else None
            if anchor and isinstance(part.parent, nodes.list_item):
                named = part.next_node(nodes.strong)
                entry = Section(page, anchor[1], text(named), weigh(page, over))
                entry.title = entry.title.rstrip(".")
                entry.above = [*over[:1]]
                add(entry, part)
                yield entry
            else:
                add(section, part)
        yield section


def ancestors(node: nodes.Element) -> Iterator[nodes.Element]:
    """What an element stands in, from the inside."""
    while node := node.parent:
        yield node


def explained(
    env: BuildEnvironment, glossary: nodes.document
) -> dict[tuple[str, str], set[str]]:
    """The terms that a section explains by the glossary, under its page and anchor."""
    found: dict[tuple[str, str], set[str]] = {}
    for item in glossary.findall(nodes.list_item):
        links = list(item.findall(pending_xref))
        if not links or not (term := item.next_node(nodes.strong)):
            continue
        page, slug = links[-1]["reftarget"], links[-1]["reftargetid"]
        known = env.metadata[page].get("myst_slugs", {}).get(slug)
        place = (page, known[1] if known else "")
        found.setdefault(place, set()).update(names(text(term)))
    return found


def unsaid(section: Section) -> list[str]:
    """The words of a section that its paragraphs lack, and that are no Python."""
    said = set(WORD.findall("\n".join(section.paragraphs)))
    return sorted(section.words - said - set(keyword.kwlist))


def collect(env: BuildEnvironment) -> list[Section]:
    """The sections of the whole book."""
    sections, explains = [], {}
    for page in sorted(env.found_docs):
        document = env.get_doctree(page)
        sections += read(page, document)
        if page == GLOSSARY:
            explains = explained(env, document)
    for section in sections:
        section.terms = explains.get((section.page, section.anchor), set())
    return sections


def replace_sphinx(app: Sphinx) -> None:
    """Let Sphinx make no index, but give our script its stop words and its stemmer."""
    if app.builder.name == "html":
        builder = IndexBuilder(app.env, app.config.language, {}, "")
        app.config.html_context |= builder.context_for_searchtool()
        app.builder.search = False


def add_page(app: Sphinx) -> Iterator[tuple[str, dict, str]]:
    """The page of the search, which Sphinx leaves out with its index."""
    if app.builder.name == "html":
        yield "search", {}, "search.html"


def write_index(app: Sphinx, exception: Exception | None) -> None:
    """Write the index beside the page of the search."""
    if exception is not None or app.builder.name != "html":
        return
    sections = collect(app.env)
    pages = sorted({section.page for section in sections})
    rows = [
        [
            pages.index(s.page), s.anchor, s.title, s.weight, s.above[1:],
            "\n".join(s.paragraphs), " ".join(unsaid(s)),
            sorted(s.terms), sorted(s.bold),
        ]
        for s in sections
    ]  # fmt: skip
    heads = [
        [app.builder.get_target_uri(page), text(app.env.titles[page])] for page in pages
    ]
    index = json.dumps([heads, rows], ensure_ascii=False, separators=(",", ":"))
    Path(app.outdir, INDEX).write_text(f"Search.load({index});\n", encoding="utf-8")
    for name in LEFT:
        Path(app.outdir, name).unlink(missing_ok=True)


def setup(app: Sphinx) -> dict:
    """Tell Sphinx what to call, and when."""
    app.connect("builder-inited", replace_sphinx)
    app.connect("html-collect-pages", add_page)
    app.connect("build-finished", write_index)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
