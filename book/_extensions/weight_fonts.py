"""Cut fonts to the characters that the book shows."""

import io
import logging
from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

# It tells every step, which would hide in the log of a build what matters.
logging.getLogger("fontTools").setLevel(logging.WARNING)


def cut(path: Path, characters: Iterable[str]) -> bytes:
    """A font (TrueType, OpenType, WOFF) of these characters alone, as WOFF.

    Characters that the font does not have are left out. One that has none of them stays
    as it is: MathJax has a font of no width that only its first glyph is used of. The
    same font and characters give the same bytes.
    """
    options = subset.Options(layout_features=[], notdef_outline=True)
    options.drop_tables += ["FFTM"]  # a note of FontForge
    with TTFont(path, recalcTimestamp=False) as font:
        known = {ord(c) for c in characters} & font.getBestCmap().keys()
        if not known:
            return path.read_bytes()
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes=known)
        cutter.subset(font)
        font.flavor = "woff"
        file = io.BytesIO()
        font.save(file)
    return file.getvalue()


def data(font: bytes) -> str:
    """A font as a style sheet holds it in itself."""
    return f'url("data:font/woff;base64,{b64encode(font).decode()}") format("woff")'
