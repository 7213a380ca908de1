"""The language model as a script that a page of the book can load.

    python -m helpers.press.model_in_page FILE     writes it

A page that is opened as a file may fetch nothing but scripts, and so the weights are
text: each has two digits to the base 91. The file is half as long as data/reddit.npz,
and the probabilities that follow from it are those of the model to 1e-3 (tested).
"""

import argparse
import json
from pathlib import Path

import numpy as np

from helpers.lm.model import LanguageModel
from helpers.lm.wordfilter import unsuitable
from helpers.results import console
from helpers.results.files import write_text

# From "#" to "~", without the backslash, which a string of JavaScript would double.
DIGITS = np.array([chr(c) for c in range(ord("#"), ord("~") + 1) if chr(c) != "\\"])
HALF = len(DIGITS) ** 2 // 2  # the number that stands for 0


def packed(W: np.ndarray) -> dict:
    """A matrix as {"step", "digits"}: step * (number - HALF) of each two digits.

    Row after row; numbers lie between 0 and 2 * HALF. An element is wrong by half a
    step at most, which is 1/8280 of the largest.
    """
    step = float(f"{np.abs(W).max() / HALF:.8g}")
    high, low = np.divmod(np.rint(W / step).astype(int).ravel() + HALF, len(DIGITS))
    return {"step": step, "digits": "".join(DIGITS[np.stack([high, low], 1)].ravel())}


def script(model: LanguageModel) -> str:
    """Assigns `explorable.delivered`: the model, words and weights of an Elman network.

    Raises ValueError for a model with another cell.
    """
    vocabulary, params = model.vocabulary, model.params
    if params._fields != ("W_ih", "W_hh", "b_h", "W_ho", "b_o", "h0"):
        raise ValueError(
            f"model must be an Elman network; got {type(params).__name__}, for which "
            "the page has no step"
        )
    delivered = {
        "words": vocabulary.words,
        "unsuitable": np.flatnonzero(unsuitable(vocabulary.words)).tolist(),
        "W_ih": packed(params.W_ih),
        "W_hh": packed(params.W_hh),
        "W_ho": packed(params.W_ho),
        **{
            name: [float(f"{value:.6g}") for value in getattr(params, name)]
            for name in ("b_h", "b_o", "h0")
        },
    }
    text = json.dumps(delivered, ensure_ascii=False, separators=(",", ":"))
    return f'"use strict";\nexplorable.delivered = {text};\n'


def main() -> None:
    """The command line."""
    console.show_any_text()
    parser = argparse.ArgumentParser(
        prog="python -m helpers.press.model_in_page", description="Write the script."
    )
    parser.add_argument("file", type=Path)
    write_text(parser.parse_args().file, script(LanguageModel.load()))


if __name__ == "__main__":
    main()
