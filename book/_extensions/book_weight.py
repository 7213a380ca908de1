"""Leave out what no reader needs: of the theme, of the pages, of what is downloaded.

When the book is built,

- the style sheets of the theme and of packages become one, theme.css, with the rules
  that the pages use (weight_styles) and the few icons that they show (weight_fonts);
  our own sheets stay as they are, but for comments;
- no script keeps a page from being drawn: each is deferred, and the theme (light or
  dark) is known before the first line is drawn;
- the pages are written short (weight_pages), and the fonts of formulas hold the signs
  that stand in the book;
- files that nothing asks for go (the same icons as a script of 1.5 MB, translations);
- a notebook to download is one to run: its outputs, which are nine tenths of it and
  stand in the page, are left out.

What is done to a page may be done to it again, since a later build leaves a page that
has not changed as it is. The book for paper (singlehtml) keeps all but the icons.
"""

import hashlib
import posixpath
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import nbformat
from sphinx.application import Sphinx

import weight_fonts
import weight_pages
import weight_styles

STATIC, SHEET = "_static", "theme.css"
FORMULAS = "mathjax"
ICONS = re.compile(
    r'<script src="[^"]*vendor/fontawesome/[^"]*\.js[^"]*">\s*</script>\s*'
)
LINK = re.compile(r"<link\b[^>]*>")
SCRIPT = re.compile(
    r'<script\b(?P<before>[^>]*)\ssrc="(?P<src>[^"]*)"(?P<after>[^>]*)>'
)
STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
# The theme asks for these early, which the style sheet and the scripts now come before.
PRELOAD = re.compile(r'\s*<link rel="preload" as="(?:font|script)"[^>]*>')
PAGE_NAME = re.compile(r"<script>DOCUMENTATION_OPTIONS\.pagename = [^<]*</script>\s*")
THEME = 'dataset.theme = localStorage.getItem("theme") || "auto";'
THEME_NOW = (
    "dataset.theme = /^(light|dark)$/.exec(document.documentElement.dataset.mode)?.[0]"
    ' ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");'
)
NAMED = re.compile(rf"{STATIC}/([\w./-]+)")
QUOTED = re.compile(r"[\w.-]+\.(?:js|css|png|svg|woff2?)\b")
URL = re.compile(r"""url\("?([^")]+)"?\)""")
LICENCE = re.compile(r"/\*!.*?\*/", re.DOTALL)
PRIVATE = re.compile("[\ue000-\uf8ff]")  # where fonts of icons have them


def drop_icons(app: Sphinx, exception: Exception | None) -> None:
    """Take the script that draws icons out of every page, and out of the book."""
    if exception is not None or app.builder.format != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        if ICONS.search(text):
            page.write_text(ICONS.sub("", text), encoding="utf-8")
    for script in Path(app.outdir, "_static/vendor/fontawesome").rglob("*.js*"):
        script.unlink()


def attribute(tag: str, name: str) -> str:
    """The value of an attribute of a tag, empty if it has none."""
    found = re.search(rf'\s{name}="([^"]*)"', tag)
    return found[1] if found else ""


def local(page: str, address: str) -> str:
    """Where an address of a page leads, seen from the folder of the book."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), bare(address)))


def bare(address: str) -> str:
    """An address without what follows ? or #."""
    return re.split(r"[?#]", address, maxsplit=1)[0]


class LightBook:
    """The pages of a rendered book in `folder`, and what becomes of them and of it.

    `own` is the folder of our own style sheets and scripts. What selectors can name is
    found at first: see `weight_styles.words`.
    """

    def __init__(self, folder: Path, own: Path):
        self.folder, self.own = folder, own
        self.pages = {
            path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
            for path in sorted(folder.rglob("*.html"))
            if path.relative_to(folder).parts[0] != STATIC
        }
        self.words = {name: weight_styles.words(t) for name, t in self.pages.items()}

    def read(self, name: str) -> str:
        """The text of a file of the book."""
        return (self.folder / name).read_text(encoding="utf-8")

    def sheets(self, name: str) -> dict[str, str]:
        """The style sheets of the packages that a page asks for, by their tags."""
        found = {}
        for tag in LINK.findall(self.pages[name]):
            path = local(name, attribute(tag, "href"))
            if attribute(tag, "rel") == "stylesheet" and path.startswith(STATIC):
                inner = posixpath.relpath(path, STATIC)
                if not (self.own / inner).exists() and inner != SHEET:
                    found[tag] = path
        return found

    def scripts(self) -> list[str]:
        """The scripts that pages ask for, each once."""
        found = [
            local(name, script["src"])
            for name, text in self.pages.items()
            for script in SCRIPT.finditer(text)
        ]
        return [path for path in dict.fromkeys(found) if (self.folder / path).exists()]

    def said(self) -> set[str]:
        """The words of the scripts that pages ask for."""
        return set().union(*(weight_styles.said(self.read(p)) for p in self.scripts()))

    def defer(self) -> None:
        """Let no script keep a page from being drawn, nor the theme come late."""
        for name, text in self.pages.items():
            text = PRELOAD.sub("", text)
            text = text.replace(THEME, THEME_NOW)
            text = PAGE_NAME.sub("", text)
            text = SCRIPT.sub(deferred, text)
            self.pages[name] = text

    def merge_styles(self) -> None:
        """Make one style sheet of those of the packages, and cut it."""
        found = {name: self.sheets(name) for name in self.pages}
        paths = list(dict.fromkeys(p for tags in found.values() for p in tags.values()))
        if not paths:
            return
        used = self.said().union(*self.words.values())
        texts = {p: self.imported(p) for path in paths for p in self.with_imports(path)}
        sheet = "".join(
            weight_styles.cut(
                text, used, posixpath.relpath(posixpath.dirname(path), STATIC)
            )
            for path, text in texts.items()
        )
        scripts = [self.read(path) for path in self.scripts()]
        others = " ".join([*self.own_sheets().values(), *scripts, *self.pages.values()])
        sheet = self.with_icons(weight_styles.without_idle(sheet, others))
        licences = "\n".join(dict.fromkeys(LICENCE.findall("".join(texts.values()))))
        (self.folder / STATIC / SHEET).write_text(
            f'@charset "UTF-8";\n{licences}\n{sheet}\n', encoding="utf-8"
        )
        self.ask_for_one(found)

    def own_sheets(self) -> dict[str, str]:
        """Our own style sheets, as we wrote them, by their places in the book."""
        return {
            f"{STATIC}/{path.relative_to(self.own).as_posix()}": path.read_text("utf-8")
            for path in sorted(self.own.rglob("*.css"))
        }

    def with_imports(self, path: str) -> list[str]:
        """A style sheet after those that it imports."""
        found = re.findall(r'@import "([^"]+)";', self.read(path))
        return [*(local(path, address) for address in found), path]

    def imported(self, path: str) -> str:
        """The text of a style sheet without its imports."""
        return re.sub(r'@import "[^"]+";', "", self.read(path))

    def with_icons(self, sheet: str) -> str:
        """The sheet with its fonts in itself, cut to the icons that it names."""
        shown = set(PRIVATE.findall(sheet + "".join(self.pages.values())))

        def embedded(face: re.Match) -> str:
            files = [URL.sub(r"\1", url[0]) for url in URL.finditer(face[0])]
            path = self.folder / STATIC / next(f for f in files if f.endswith(".ttf"))
            font = weight_fonts.data(weight_fonts.cut(path, shown))
            return re.sub(r"src:[^;}]*", f"src:{font}", face[0])

        return weight_styles.FACE.sub(embedded, sheet)

    def ask_for_one(self, found: Mapping[str, Mapping[str, str]]) -> None:
        """Let the pages ask for the one style sheet in place of those of packages."""
        content = (self.folder / STATIC / SHEET).read_bytes()
        version = hashlib.sha256(content).hexdigest()[:8]
        for name, tags in found.items():
            text = self.pages[name]
            up = "../" * name.count("/")
            link = f'<link rel="stylesheet" href="{up}{STATIC}/{SHEET}?v={version}" />'
            for i, tag in enumerate(tags):
                text = text.replace(tag, "" if i else link, 1)
            self.pages[name] = re.sub(rf"{SHEET}\?v=\w+", f"{SHEET}?v={version}", text)

    def shorten_styles(self) -> None:
        """Take comments and spaces out of our own style sheets."""
        for name, text in self.own_sheets().items():
            if (self.folder / name).exists():
                short = weight_styles.cut(text)
                (self.folder / name).write_text(short, encoding="utf-8")

    def shorten_pages(self, plain: Iterable[str]) -> None:
        """Write the pages short; `plain` are the classes of words in a listing."""
        said = self.said()
        for name, text in self.pages.items():
            words = self.words[name] | said

            def style(sheet: str, words: set[str] = words) -> str:
                sheet = weight_styles.cut(sheet, words)
                # Its variables may be for another sheet.
                return weight_pages.placed(weight_styles.without_idle(sheet, sheet))

            text = weight_pages.without_comments(text)
            text = weight_pages.listings(text, set(plain))
            text = weight_pages.formulas(weight_pages.figures(text))
            self.pages[name] = weight_pages.spaces(text, style)

    def cut_formulas(self) -> None:
        """Cut the fonts of formulas to the signs that the pages show."""
        shown, asked = set(), set()
        for text in self.pages.values():
            for sheet in STYLE.findall(text):
                asked |= {posixpath.basename(url) for url in URL.findall(sheet)}
                shown |= set(sheet)
        for path in (self.folder / FORMULAS).glob("*.woff"):
            if path.name in asked:
                path.write_bytes(weight_fonts.cut(path, shown))
            else:
                path.unlink()

    def drop_files(self) -> None:
        """Delete the files beside the pages that nothing asks for, but for licences."""
        static = self.folder / STATIC
        asked = {path for text in self.pages.values() for path in NAMED.findall(text)}
        names = set()
        for path in sorted(static.rglob("*.*")):
            inner = path.relative_to(static).as_posix()
            if path.suffix == ".css" and (inner in asked):
                content = path.read_text(encoding="utf-8")
                asked |= {local(inner, url) for url in URL.findall(content)}
            elif path.suffix == ".js" and inner in asked:
                names |= set(QUOTED.findall(path.read_text(encoding="utf-8")))
        for path in sorted(static.rglob("*"), reverse=True):
            if path.is_dir():
                if not any(path.iterdir()):
                    path.rmdir()
            elif not (
                path.relative_to(static).as_posix() in asked
                or path.name in names
                or "LICENSE" in path.name
            ):
                path.unlink()

    def write(self) -> None:
        """Write the pages."""
        for name, text in self.pages.items():
            (self.folder / name).write_text(text, encoding="utf-8")


def deferred(script: re.Match) -> str:
    """The tag of a script that runs when the page has been read."""
    if re.search(r"\s(defer|async|type)\b", script["before"] + script["after"]):
        return script[0]
    return f'<script defer{script["before"]} src="{script["src"]}"{script["after"]}>'


def without_outputs(path: Path) -> None:
    """Take out of a notebook what its cells showed: to be run is why it is fetched."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, path)


def lighten(app: Sphinx, exception: Exception | None) -> None:
    """Make the book for the web light."""
    if exception is not None or app.builder.name != "html":
        return
    folder, own = Path(app.outdir), Path(app.srcdir, "book/_static")
    book = LightBook(folder, own)
    pygments = folder / STATIC / "pygments.css"
    plain = (
        weight_pages.plain(pygments.read_text(encoding="utf-8"))
        if pygments.exists()
        else set()
    )
    book.defer()
    book.merge_styles()
    book.shorten_styles()
    book.shorten_pages(plain)
    book.cut_formulas()
    book.write()
    book.drop_files()
    for path in (folder / "_sources").rglob("*.ipynb"):
        without_outputs(path)


def setup(app: Sphinx) -> dict:
    """Tell Sphinx what to call, and when."""
    app.connect("build-finished", drop_icons)
    app.connect("build-finished", lighten, priority=900)  # after all others
    return {"parallel_read_safe": True, "parallel_write_safe": True}
