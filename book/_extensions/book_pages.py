"""What a page carries beside its text: description, card, theme, contents, a way in."""

import re
from collections.abc import Callable
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

LENGTH = 160  # characters that search engines show of a description
CARD = "_static/card.png"  # python -m helpers.press.artwork draws it
CARD_ALT = "Coloured stripes: what three recurrent networks make of one pulse"
GITHUB = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+)")
PART = re.compile(
    r'<p aria-level="2" class="caption" role="heading">'
    r'<span class="caption-text">(?P<name>.*?)</span></p>\s*(?P<list><ul.*?</ul>)',
    re.DOTALL,
)
MAIN_PARTS = ("Chapters", "Beyond the tutorials")  # other parts are folded
ENTRY = """\
<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="0; url={page}">
<title>{title}</title>
</head>
<body><main><h1><a href="{page}">{title}</a></h1></main></body>
</html>
"""


def depend(app: Sphinx, document: nodes.document) -> None:
    """Read a page again when the look of the book changes.

    Where no page changed, Sphinx would leave the old style and script in place.
    """
    for folder in ("_extensions", "_static", "_static/explorables", "_templates"):
        for path in Path(app.srcdir, "book", folder).glob("*.*"):
            app.env.note_dependency(path.relative_to(app.srcdir).as_posix())


def published(repository: str) -> str:
    """Where the pages of a repository are read: by GitHub Pages, "" if not known."""
    match = GITHUB.fullmatch(repository)
    if not match:
        return ""
    owner, name = match[1].lower(), match[2]
    place = f"https://{owner}.github.io/"
    return place if name.lower() == f"{owner}.github.io" else f"{place}{name}/"


def describe(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Offer the first paragraph of a page as its description, and on its card.

    The card is what other programs show of a link to the page (Open Graph).
    """
    if pagename == app.config.root_doc:
        context["docstitle"] = ""  # it is the title of this page already
    if doctree is None:
        return
    for paragraph in doctree.findall(nodes.paragraph):
        if "cost" in paragraph["classes"]:
            continue
        text = " ".join(paragraph.astext().split())
        if len(text) > LENGTH:
            text = text[: LENGTH - 1].rsplit(" ", 1)[0] + "…"
        title = next(doctree.findall(nodes.title)).astext()
        card = {
            "og:type": "article",
            "og:site_name": app.config.html_title,
            "og:title": title,
            "og:description": text,
            "og:image:alt": CARD_ALT,
        }
        # Crawlers want whole addresses; the book knows them only once it is public.
        public = published(app.config.html_theme_options.get("repository_url", ""))
        up = "../" * pagename.count("/")
        card["og:image"] = f"{public or up}{CARD}"
        if public:
            card["og:url"] = public + app.builder.get_target_uri(pagename)
        tags = [context.get("metatags", "")]
        tags.append(f'<meta name="description" content="{escape(text)}" />')
        for name, content in card.items():
            tags.append(f'<meta property="{name}" content="{escape(content)}" />')
        context["metatags"] = "\n".join(tags)
        return


def fold_part(match: re.Match) -> str:
    """A part of the contents, behind its name unless it is read or one of chapters."""
    if match["name"] in MAIN_PARTS:
        return match[0]
    is_open = " open" if re.search(r'class="[^"]*\bcurrent\b', match["list"]) else ""
    return (
        f'<details class="part"{is_open}><summary>{match["name"]}</summary>'
        f"{match['list']}</details>"
    )


def fold_contents(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Fold the parts of the contents beside a page that come after the chapters."""
    whole: Callable[..., object] = context.get("generate_toctree_html", str)

    def folded(kind: str, **options: object) -> object:
        made = whole(kind, **options)
        return PART.sub(fold_part, str(made)) if kind == "sidebar" else made

    context["generate_toctree_html"] = folded


def write_entry(app: Sphinx, exception: Exception | None) -> None:
    """Write index.html, which leads to the first page."""
    if exception is None and app.builder.name == "html":
        page = app.builder.get_target_uri(app.config.root_doc)
        title, language = escape(app.config.html_title), app.config.language
        text = ENTRY.format(language=language, page=page, title=title)
        Path(app.outdir, "index.html").write_text(text, encoding="utf-8")


def light_without_scripts(app: Sphinx, exception: Exception | None) -> None:
    """Name the light theme in every page; else it has one by a script alone."""
    if exception is None and app.builder.format == "html":
        for page in Path(app.outdir).rglob("*.html"):
            text = page.read_text(encoding="utf-8")
            if "<html " in text and "<html data-theme=" not in text:
                text = text.replace("<html ", '<html data-theme="light" ', 1)
                page.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict:
    """Tell Sphinx what to call, and when."""
    app.connect("doctree-read", depend)
    app.connect("html-page-context", describe)
    app.connect("html-page-context", fold_contents, priority=900)  # after the theme
    app.connect("build-finished", light_without_scripts)
    app.connect("build-finished", write_entry)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
