"""The numbers and the static pictures of the figures that answer when touched.

    python -m helpers.explorables     writes both into book/_static/explorables/

An explorable is a figure of a chapter that shows NAME.svg, a picture with a caption
like any other. In the built book, book/_extensions/book_explorables.py adds NAME.json
and NAME.js to the page, and the picture answers. The numbers are those of Python: the
networks that the book ships, and the functions that the chapters use.
"""

import argparse
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from helpers import bptt, elman, explorable_pictures, initialisation, trained
from helpers.notebooks import write_text
from helpers.reber import REBER, SYMBOLS, encode
from helpers.results import median_interval, write_json

FOLDER = Path(__file__).resolve().parent.parent / "book/_static/explorables"


def rounded(values: np.ndarray, digits: int) -> list:
    """Nested lists of the values with so many significant digits."""
    if np.ndim(values):
        return [rounded(value, digits) for value in values]
    return float(f"{values:.{digits}g}")


# The Reber walker (chapter 5) -------------------------------------------------------

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
    """The automaton and the outputs after `FIRST_READ`."""
    outputs = reber_outputs(FIRST_READ)
    return explorable_pictures.reber_walker(
        FIRST_READ, outputs, fitting_states(outputs)
    )


# The gradient horizon (chapter 4) ---------------------------------------------------

RADII = np.arange(5, 21) / 10
DRAWS, STEPS, UNITS = 50, 40, 20
ACTIVATIONS = {  # g, g' where the value is h, and the largest slope
    "tanh": (np.tanh, bptt.tanh_slope, 1.0),
    "sigmoid": (lambda a: 1 / (1 + np.exp(-a)), bptt.sigmoid_slope, 0.25),
    "linear": (lambda a: a, np.ones_like, 1.0),
}
FIRST_LOOK = {"activation": "tanh", "radius": 1.0, "lag": 19}


def error_by_lag(activation: str, radius: float, draws: int = DRAWS) -> np.ndarray:
    """|dh_{T-k}| / |dh_T| of an error of the last output: (draws, T), k = 0, 1, ...

    As in the chapter: fresh networks of 20 units, driven by standard normal noise,
    with an orthogonal W_hh times `radius`, which is its spectral radius and its norm.
    """
    g, slope, _ = ACTIVATIONS[activation]
    by_lag = []
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        params = elman.initial_elman(2, UNITS, 1, rng, initialisation.orthogonal)
        params = params._replace(W_hh=radius * params.W_hh)
        x = rng.standard_normal((STEPS, 2))
        h = elman.hidden_states_numpy(x, params, g)
        d_o = np.zeros((STEPS, 1))
        d_o[-1] = 1
        errors = bptt.state_errors(h, d_o, params, slope)
        lengths = np.linalg.norm(errors, axis=1)[::-1]
        by_lag.append(lengths / lengths[0])
    return np.array(by_lag)


@cache
def gradient_horizon() -> dict:
    """For each activation and radius: median and its 95% interval, by lag."""
    measured = {
        name: [
            dict(
                zip(
                    ("median", "low", "high"),
                    (rounded(part, 3) for part in median_interval(samples)),
                    strict=True,
                )
            )
            for samples in (error_by_lag(name, radius) for radius in RADII)
        ]
        for name in ACTIVATIONS
    }
    return {
        "radii": RADII.tolist(),
        "slopes": {name: slope for name, (_, _, slope) in ACTIVATIONS.items()},
        "look": FIRST_LOOK,
        "decades": list(explorable_pictures.DECADES),
        "measured": measured,
    }


def gradient_horizon_picture() -> str:
    """The curves at the place of `FIRST_LOOK`."""
    numbers = gradient_horizon()
    at = numbers["radii"].index(FIRST_LOOK["radius"])
    curves = numbers["measured"][FIRST_LOOK["activation"]][at]
    bound = (
        numbers["slopes"][FIRST_LOOK["activation"]] * FIRST_LOOK["radius"]
    ) ** np.arange(STEPS)
    return explorable_pictures.gradient_horizon(**FIRST_LOOK, **curves, bound=bound)


# The unroller (chapter 2) -----------------------------------------------------------

# The network that the chapter runs by hand, and its pulse with two more silent steps.
PENCIL = elman.Elman(
    W_ih=np.array([[1.0, -1.0]]),
    W_hh=np.array([[0.5, 0.0], [1.0, 0.5]]),
    b_h=np.array([0.0, 0.5]),
    W_ho=np.array([[1.0], [2.0]]),
    b_o=np.array([-0.5]),
    h0=np.zeros(2),
)
PULSE = (1.0, 0.0, 0.0, 0.0)


def unrolled_values(inputs: Sequence[float]) -> dict[str, np.ndarray]:
    """h (T + 1, 2), from h_0 on; o (T,); and how the last o changes with each h."""
    x = np.array(inputs)[:, None]
    h = elman.hidden_states_numpy(x, PENCIL)
    d_o = np.zeros((len(x), 1))
    d_o[-1] = 1
    d_h = bptt.state_errors(h, d_o, PENCIL)
    d_h0 = bptt.bptt(x, h, d_o, PENCIL).h0
    return {
        "h": np.vstack([PENCIL.h0, h]),
        "o": elman.readout(h, PENCIL)[:, 0],
        "d_h": np.vstack([d_h0, d_h]),
    }


def unroller() -> dict:
    """The weights of the network and the inputs at the opening."""
    weights = {name: rounded(value, 6) for name, value in PENCIL._asdict().items()}
    return {"x": list(PULSE), **weights}


def unroller_picture() -> str:
    """All values of the network after the pulse, forwards and backwards."""
    return explorable_pictures.unroller(PULSE, **unrolled_values(PULSE))


# All of them -----------------------------------------------------------------------

NUMBERS = {
    "reber-walker": reber_walker,
    "gradient-horizon": gradient_horizon,
    "unroller": unroller,
}
PICTURES = {
    "reber-walker": reber_walker_picture,
    "gradient-horizon": gradient_horizon_picture,
    "unroller": unroller_picture,
}


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
