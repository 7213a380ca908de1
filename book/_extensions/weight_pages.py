"""Write the HTML of a page short; it means and looks the same.

Spaces at the beginnings of lines go, but where they show. So do the elements around
words of a listing that look like the listing itself, and the long names within figures.
"""

import json
import re
from collections.abc import Callable, Collection

KEPT = re.compile(r"(<(pre|script|style|textarea)\b[^>]*>)(.*?)(</\2>)", re.DOTALL)
COMMENT = re.compile(r"<!--(?!\[).*?-->", re.DOTALL)
INDENTED = re.compile(r"\n\s+")
LISTING = re.compile(r'(<div class="highlight"><pre)(>.*?</pre>)', re.DOTALL)
SPAN = re.compile(r'<span class="(\w+)">([^<]*)</span>')
EMPTY = re.compile(r"<span></span>(?!\n)")
PART = re.compile(r"\bf[0-9a-f]{8}-\d+-\d+\b")  # of a figure (helpers.figures.vector)
COLOUR = re.compile(r'(fill|stroke)="#(\w)\2(\w)\3(\w)\4"')
RULE = re.compile(r"([^{}]*)\{([^{}]*)\}")
PLACED = ' style="position: relative;"'
# HTML knows MathML by itself; what MathJax notes for itself, nobody reads.
FORMULA = {
    f'jax="CHTML"{PLACED}>': 'jax="CHTML">',
    f'display="true"{PLACED}>': 'display="true">',
    '<math xmlns="http://www.w3.org/1998/Math/MathML"': "<math",
    '<mjx-assistive-mml unselectable="on"': "<mjx-assistive-mml",
    ' texclass="ORD"': "",
    ' data-mjx-texclass="ORD"': "",
    'class=" MJX-TEX"': 'class="MJX-TEX"',
}.items()
FORMULA_STYLE = "mjx-container{position:relative}"
REMARK = re.compile(r"/\*.*?\*/", re.DOTALL)


def plain(sheet: str) -> set[str]:
    """The classes of Pygments' style sheet that look as `.n`, the names, do.

    In every theme they have the one colour that the names have, and nothing else.
    """
    looks: dict[str, set[str]] = {}
    for selector, content in RULE.findall(REMARK.sub("", sheet)):
        if found := re.fullmatch(r"\s*(.*)\.highlight \.(\w+)\s*", selector):
            looks.setdefault(found[2], set()).add(f"{found[1]}{content.strip(' ;')}")
    return {name for name, look in looks.items() if look == looks.get("n")}


def listings(page: str, classes: Collection[str]) -> str:
    """The page with listings that have a colour of their own, and fewer elements."""

    def shorter(listing: re.Match) -> str:
        content = SPAN.sub(
            lambda span: span[2] if span[1] in classes else span[0], listing[2]
        )
        start = f'{listing[1]} class="n"' if content != listing[2] else listing[1]
        return start + EMPTY.sub("", content)

    return LISTING.sub(shorter, page) if classes else page


def figures(page: str) -> str:
    """The page with short names for the parts of its figures."""
    names: dict[str, str] = {}

    def name(found: re.Match) -> str:
        return names.setdefault(found[0], f"f-{len(names):x}")

    return COLOUR.sub(r'\1="#\2\3\4"', PART.sub(name, page))


def formulas(page: str) -> str:
    """The page without what its formulas say in vain, or each and the style could."""
    for part, instead in FORMULA:
        page = page.replace(part, instead)
    return page


def placed(sheet: str) -> str:
    """A style sheet of formulas which says what each formula said."""
    needed = "mjx-container" in sheet and FORMULA_STYLE not in sheet
    return sheet + FORMULA_STYLE if needed else sheet


def without_comments(page: str) -> str:
    """The page without comments; the spaces around one may part two words, and stay."""
    return COMMENT.sub("", page)


def spaces(page: str, style: Callable[[str], str]) -> str:
    """The page without indentation; `style` makes its style sheets shorter."""
    parts, end = [], 0
    for kept in KEPT.finditer(page):
        start, kind, content, close = kept.groups()
        parts.append(INDENTED.sub("\n", page[end : kept.start()]))
        if kind == "style":
            content = style(content)
        elif "application/json" in start:
            content = json.dumps(json.loads(content), separators=(",", ":"))
            content = content.replace("</", r"<\/")
        parts.append(start + content + close)
        end = kept.end()
    return "".join(parts) + INDENTED.sub("\n", page[end:])
