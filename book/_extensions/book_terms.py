"""The definition of a term shows where the term stands.

The first use of a term of the glossary in a notebook becomes a link to its entry, and
so does one that comes long after. The page carries the entry's text, which terms.js
shows beside the term when one points at it, comes to it by keyboard or taps it. It is
a plain link without scripts. The notebooks stay plain: a term is found by its name in
the glossary, or by its FORMS. Where the text explains it, in bold or in the section to
which the entry leads, it is no link.
"""

import functools
import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.osutil import relative_uri

import book_mathjax

GLOSSARY = "book/glossary"
PAPER = "singlehtml"
NAME = 3  # words in bold, with which the text introduces something
AGAIN = 1000  # words, or ten minutes, after which one may have forgotten
ANCHOR = re.compile(r'<a id="([\w-]+)">')
TERM = re.compile(r'<a class="[^"]*\bterm\b[^"]*" href="[^"]*#([\w-]+)"')
SPACE, SPACES = re.compile(r"\\? "), r"\\s+"  # a term may go on in the next line
# Regular expressions for terms that the text calls otherwise than the glossary; those
# with none are everyday words too, and only a link that the text makes means the term.
FORMS = {
    "agreement": (),
    "automaton": ("automaton", "automata"),
    "autoregression": ("autoregression",),
    "backing-off": ("back(?:s|ing|ed)? off",),
    "bidirectional": ("bidirectional",),
    "broadcasting": ("broadcast(?:s|ing)?",),
    "candidate": (),
    "chance-level": ("at chance",),
    "chunks": ("chunks",),
    "clipping": ("clipping", "clipped", "clips?"),
    "context": (),
    "detach": ("detach(?:ed|es|ing)?", "as a constant"),
    "discount": (),
    "engine": (),
    "error-signal": (),
    "feedforward": ("feed-?forward(?: networks?)?",),
    "floor": ("floors?",),
    "gradient-norm": ("gradient norms?", "lengths? of the gradient"),
    "head": (),
    "held-out": ("held[- ]out",),
    "legal-next": ("legal-next",),
    "orthogonal": ("orthogonal",),
    "overfitting": ("overfit(?:s|ting)?",),
    "position": (),
    "r-squared": (),
    "recurrent": ("recurrent networks?",),
    "relu": ("rectified linear units?", "ReLU"),
    "row-lookup": ("row lookup", "embeddings?"),
    "saturation": ("saturation", "saturated?s?"),
    "scan": (),
    "solved": (),
    "sparse": ("sparse",),
    "test-set": ("test set",),
    "top-k-sampling": ("top-k", "nucleus sampling"),
    "truncated-bptt": ("truncated (?:backpropagation|BPTT)", "truncations?", "TBPTT"),
    "unknown": ("(?-i:UNKNOWN)",),
    "unrolling": ("unroll(?:s|ed|ing)?",),
    "update": (r"updates?(?!\s+gate)",),
    "window-of-inputs": (),
    "windows-truncation": (),
}
UNMARKED = ("Three questions first", "Quiz", "Further reading")
# What holds no plain text, or is a heading or a table.
PASSED_OVER = (
    nodes.literal,
    nodes.literal_block,
    nodes.math,
    nodes.math_block,
    nodes.raw,
    nodes.table,
    nodes.title,
)


class Term(NamedTuple):
    """An entry of the glossary."""

    anchor: str
    text: nodes.paragraph  # its name, what it means and where
    home: str  # address of the section that explains it, relative to the glossary


@functools.cache
def entries(app: Sphinx) -> dict[str, Term]:
    """The entries of the glossary by their anchors; none if there is no glossary."""
    found = {}
    if GLOSSARY not in app.env.found_docs:
        return found
    document = app.env.get_and_resolve_doctree(GLOSSARY, app.builder)
    for item in document.findall(nodes.list_item):
        text = item.next_node(nodes.paragraph)
        if anchor := ANCHOR.search(
            "".join(n.astext() for n in text.findall(nodes.raw))
        ):
            for raw in list(text.findall(nodes.raw)):
                raw.parent.remove(raw)
            *_, last = text.findall(nodes.reference)
            found[anchor[1]] = Term(anchor[1], text, last["refuri"])
    return found


def names(term: Term) -> tuple[str, ...]:
    """Regular expressions for what the text calls a term."""
    name = term.text.next_node(nodes.strong).astext().removesuffix(".")
    parts = re.fullmatch(r"(.+?)(?: \((.+)\))?", name).groups()
    plain = [form for part in parts if part for form in part.split(", ")]
    ending = {"x": "(?:es)?", "h": "(?:es)?", "s": ""}
    regular = (f"{re.escape(form)}{ending.get(form[-1], 's?')}" for form in plain)
    return FORMS.get(term.anchor, tuple(regular))


@functools.cache
def patterns(app: Sphinx) -> tuple[re.Pattern, dict[str, str]]:
    """What finds a term in a text, and the anchor for each of its groups."""
    forms = [(form, anchor) for anchor, t in entries(app).items() for form in names(t)]
    forms.sort(key=lambda pair: -len(pair[0]))  # "gradient check" before "gradient"
    groups = {f"g{i}": anchor for i, (_, anchor) in enumerate(forms)}
    either = "|".join(
        f"(?P<{group}>{SPACE.sub(SPACES, form)})"
        for group, (form, _) in zip(groups, forms, strict=True)
    )
    return re.compile(rf"(?<![\w-])(?:{either})(?![\w-])", re.IGNORECASE), groups


class Passage(NamedTuple):
    """A text of a page, or a link in it."""

    node: nodes.Text | nodes.reference
    sections: frozenset[str]  # the anchors of those that hold it
    introduces: bool


def prose(
    node: nodes.Element, sections: frozenset[str] = frozenset()
) -> Iterator[Passage]:
    """What is read on a page, but for what terms are not looked for in."""
    words = len(node.astext().split())
    introduces = isinstance(node, nodes.strong) and words <= NAME
    for child in list(node.children):
        if isinstance(child, nodes.Text | nodes.reference):
            yield Passage(child, sections, introduces)
        elif isinstance(child, nodes.section):
            if child.next_node(nodes.title).astext() not in UNMARKED:
                yield from prose(child, sections | {*child["ids"]})
        elif not isinstance(child, PASSED_OVER):
            yield from prose(child, sections)


def mark(app: Sphinx, document: nodes.document, docname: str) -> None:
    """Make links of terms in a notebook."""
    if app.builder.format != "html" or app.builder.name == PAPER:
        return
    if not app.env.doc2path(docname).endswith(".ipynb"):
        return
    known, place = entries(app), 0
    if not known:
        return
    glossary = app.builder.get_relative_uri(docname, GLOSSARY)
    page = relative_uri(
        app.builder.get_target_uri(GLOSSARY), app.builder.get_target_uri(docname)
    )
    homes = {
        anchor: term.home.removeprefix(f"{page}#")
        for anchor, term in known.items()
        if term.home.startswith(f"{page}#")
    }
    last: dict[str, int] = {}  # the word of the page at which a term was explained
    for passage in prose(document):
        node = passage.node
        if isinstance(node, nodes.reference):
            address, _, anchor = node.get("refuri", "").partition("#")
            if address == glossary and anchor in known:
                node["classes"].append("term")
                last[anchor] = place
        else:
            here = (a for a, home in homes.items() if home in passage.sections)
            explained = set(known if passage.introduces else here)
            link_terms(app, node, glossary, last, place, explained)
        place += len(node.astext().split())


def link_terms(
    app: Sphinx,
    text: nodes.Text,
    glossary: str,
    last: dict[str, int],
    place: int,
    explained: set[str],
) -> None:
    """Make links of the terms in a text that were not explained shortly before.

    The text begins at the word `place` of its page; `last` says where each term was
    explained, and is kept up to date. The text itself says what `explained` are.
    """
    pattern, groups = patterns(app)
    whole, made, end = text.astext(), [], 0
    for match in pattern.finditer(whole):
        anchor = groups[match.lastgroup]
        near = anchor in last and place - last[anchor] < AGAIN
        if anchor not in explained and near:
            continue
        last[anchor] = place
        if anchor not in explained:
            link = nodes.reference("", match[0], internal=True, classes=["term"])
            link["refuri"] = f"{glossary}#{anchor}"
            made += [nodes.Text(whole[end : match.start()]), link]
            end = match.end()
    if made:
        text.parent.replace(text, [*made, nodes.Text(whole[end:])])


@functools.cache
def definition(app: Sphinx, folder: str, anchor: str) -> str:
    """What is shown of a term on the pages of a folder: its entry, and a way to it."""
    term = entries(app)[anchor]
    entry = f"{posixpath.basename(GLOSSARY)}.html#{anchor}"
    text = term.text.deepcopy()
    text += [nodes.Text(", "), nodes.reference("", "glossary", refuri=entry)]
    for link in text.findall(nodes.reference):
        address, sign, place = link["refuri"].partition("#")
        if ":" not in address:
            goal = posixpath.join(posixpath.dirname(GLOSSARY), address)
            link["refuri"] = relative_uri(f"{folder}/", goal) + sign + place
        link["internal"] = True
        link[:] = [nodes.Text(link.astext())]
    for formula in list(text.findall(nodes.math)):
        before, after = formula["around"]
        shown = f"{before}{book_mathjax.mathml(formula.astext())}{after}"
        formula.replace_self(nodes.raw("", shown, format="html"))
    said = app.builder.render_partial(text)["fragment"]
    return said.replace("<p>", f'<p id="definition-{anchor}">', 1)


def add_definitions(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Give a page what the terms on it mean, and what shows it.

    The text stands in a template, which neither a reader nor a search sees.
    """
    body = context.get("body", "")
    used = sorted(set(TERM.findall(body)))
    if used:
        folder = posixpath.dirname(pagename)
        said = "".join(definition(app, folder, anchor) for anchor in used)
        context["body"] = f'{body}<template id="definitions">\n{said}</template>\n'
        app.add_js_file("terms.js", loading_method="defer")


def setup(app: Sphinx) -> dict:
    """Tell Sphinx what to call, and when."""
    app.connect("doctree-resolved", mark)
    app.connect("html-page-context", add_definitions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
