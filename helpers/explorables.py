"""The numbers and the static pictures of the figures that answer when touched.

    python -m helpers.explorables     writes both into book/_static/explorables/

An explorable is a figure of a chapter that shows NAME.svg, a picture with a caption
like any other. In the built book, book/_extensions/book_explorables.py adds NAME.json
and NAME.js to the page, and the picture answers. The numbers are those of Python: the
networks that the book ships, and the functions that the chapters use.
"""

import argparse
from pathlib import Path

import numpy as np

from helpers import elman, explorable_pictures, trained
from helpers.notebooks import write_text
from helpers.reber import REBER, SYMBOLS, encode
from helpers.results import write_json

FOLDER = Path(__file__).resolve().parent.parent / "book/_static/explorables"


def rounded(values: np.ndarray, digits: int) -> list:
    """Nested lists of the values with so many significant digits."""
    if np.ndim(values):
        return [rounded(value, digits) for value in values]
    return float(f"{values:.{digits}g}")


# The Reber walker (chapter 5) ------------------------------------------------------

FIRST_READ = "BTXX"  # what has been read when the page opens


def reber_outputs(read: str) -> np.ndarray:
    """What the shipped network says after the symbols `read`: (7,), from 0 to 1."""
    params = trained.load("reber", elman.Elman)
    h = elman.hidden_states_numpy(encode(read), params)[-1]
    return 1 / (1 + np.exp(-elman.readout(h, params)))


def fitting_states(outputs: np.ndarray) -> list[int]:
    """The states whose legal symbols the outputs (7,) fit best, by cross-entropy.

    States where the same symbols may follow are equal in this, and all returned. The
    first and the last are left out: there the network is never asked.
    """
    p = np.clip(outputs, 1e-12, 1 - 1e-12)
    legal = REBER.legal_next[1:-1]
    losses = -(legal * np.log(p) + (1 - legal) * np.log(1 - p)).sum(axis=1)
    return [int(state) + 1 for state in np.flatnonzero(losses < losses.min() + 1e-9)]


def reber_walker() -> dict:
    """The automaton, and the weights of the shipped network to 6 digits."""
    params = trained.load("reber", elman.Elman)
    return {
        "symbols": SYMBOLS,
        "transitions": list(REBER.transitions),
        "read": FIRST_READ,
        **{name: rounded(value, 6) for name, value in params._asdict().items()},
    }


def reber_walker_picture() -> str:
    outputs = reber_outputs(FIRST_READ)
    return explorable_pictures.reber_walker(
        FIRST_READ, outputs, fitting_states(outputs)
    )


# All of them -----------------------------------------------------------------------

NUMBERS = {"reber-walker": reber_walker}
PICTURES = {"reber-walker": reber_walker_picture}


def main() -> None:
    argparse.ArgumentParser(
        prog="python -m helpers.explorables",
        description="Write the numbers and the pictures of the explorables.",
    ).parse_args()
    for name in NUMBERS:
        write_json(FOLDER / f"{name}.json", NUMBERS[name]())
        write_text(FOLDER / f"{name}.svg", PICTURES[name]())
        print(f"{name}: {FOLDER.relative_to(FOLDER.parents[2])}/{name}.json and .svg")


if __name__ == "__main__":
    main()
