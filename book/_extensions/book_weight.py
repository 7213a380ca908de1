"""Leave out what the theme loads and no page needs.

Its icons come twice, as fonts and as a script of 1.5 MB that draws each of them again.
The fonts are enough.
"""

import re
from pathlib import Path

from sphinx.application import Sphinx

ICONS = re.compile(
    r'<script src="[^"]*vendor/fontawesome/[^"]*\.js[^"]*">\s*</script>\s*'
)


def drop_icons(app: Sphinx, exception: Exception | None) -> None:
    """Take the script out of every page, and out of the book."""
    if exception is not None or app.builder.format != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        if ICONS.search(text):
            page.write_text(ICONS.sub("", text), encoding="utf-8")
    for script in Path(app.outdir, "_static/vendor/fontawesome").rglob("*.js*"):
        script.unlink()


def setup(app: Sphinx) -> dict:
    """Tell Sphinx what to call, and when."""
    app.connect("build-finished", drop_icons)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
