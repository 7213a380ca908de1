"""Cut fonts to the characters that the book shows."""

import io
from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont


def cut(path: Path, characters: Iterable[str]) -> bytes:
    """A font (TrueType, OpenType, WOFF) of these characters alone, as WOFF.

    Characters that the font does not have are left out. The same font and characters
    give the same bytes.
    """
    options = subset.Options(layout_features=[], notdef_outline=True)
    options.drop_tables += ["FFTM"]  # a note of FontForge
    with TTFont(path, recalcTimestamp=False) as font:
        cutter = subset.Subsetter(options)
        cutter.populate(text="".join(sorted(characters)))
        cutter.subset(font)
        font.flavor = "woff"
        file = io.BytesIO()
        font.save(file)
    return file.getvalue()


def data(font: bytes) -> str:
    """A font as a style sheet holds it in itself."""
    return f'url("data:font/woff;base64,{b64encode(font).decode()}") format("woff")'
