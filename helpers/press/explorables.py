"""The numbers and the static pictures of the figures that answer when touched.

    python -m helpers.press.explorables     writes both into book/_static/explorables/

An explorable is a figure of a chapter that shows NAME.svg, a picture with a caption
like any other. In the built book, book/_extensions/book_explorables.py adds NAME.json
and NAME.js to the page, and the picture answers. The numbers are those of Python: the
networks that the book ships, and the functions that the chapters use.
"""

import argparse
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.special import entr, expit, softmax

from helpers import ROOT, results
from helpers.experiments import ch05_reber_runs as reber_runs
from helpers.experiments import ch06_embedded_reber_runs as experiments
from helpers.lm import generation
from helpers.lm.model import LanguageModel
from helpers.networks import bptt, elman, gated, initialisation, recurrences, trained
from helpers.press import explorable_pictures, model_in_page
from helpers.results import console
from helpers.results.files import write_json, write_text
from helpers.results.intervals import median_interval
from helpers.tasks.reber import EMBEDDED, LONGEST, REBER, SYMBOLS, Grammar, encode
from helpers.tasks.text import sentences

FOLDER = ROOT / "book/_static/explorables"


def rounded(values: np.ndarray, digits: int) -> list:
    """Nested lists of the values with so many significant digits."""
    if np.ndim(values):
        return [rounded(value, digits) for value in values]
    return float(f"{values:.{digits}g}")


def exported(params: NamedTuple, digits: int = 6) -> dict[str, list]:
    """The parameters of a network by name, to so many digits."""
    return {name: rounded(value, digits) for name, value in params._asdict().items()}


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
    return {
        "symbols": SYMBOLS,
        "transitions": list(REBER.transitions),
        "read": FIRST_READ,
        **exported(trained.load("reber", elman.Elman)),
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

    def curves(activation: str, radius: float) -> dict[str, list]:
        median, low, high = (
            rounded(part, 3)
            for part in median_interval(error_by_lag(activation, radius))
        )
        return {"median": median, "low": low, "high": high}

    return {
        "radii": RADII.tolist(),
        "slopes": {name: slope for name, (_, _, slope) in ACTIVATIONS.items()},
        "look": FIRST_LOOK,
        "decades": list(explorable_pictures.DECADES),
        "measured": {name: [curves(name, r) for r in RADII] for name in ACTIVATIONS},
    }


def gradient_horizon_picture() -> str:
    """The curves at the place of `FIRST_LOOK`."""
    numbers = gradient_horizon()
    activation, radius = FIRST_LOOK["activation"], FIRST_LOOK["radius"]
    curves = numbers["measured"][activation][numbers["radii"].index(radius)]
    bound = (numbers["slopes"][activation] * radius) ** np.arange(STEPS)
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


def unrolled_values(
    inputs: Sequence[float], params: elman.Elman = PENCIL
) -> dict[str, np.ndarray]:
    """h (T + 1, 2), from h_0 on; o (T,); and how the last o changes with each h."""
    x = np.array(inputs)[:, None]
    h = elman.hidden_states_numpy(x, params)
    d_o = np.zeros((len(x), 1))
    d_o[-1] = 1
    d_h = bptt.state_errors(h, d_o, params)
    d_h0 = bptt.bptt(x, h, d_o, params).h0
    return {
        "h": np.vstack([params.h0, h]),
        "o": elman.readout(h, params)[:, 0],
        "d_h": np.vstack([d_h0, d_h]),
    }


def unroller() -> dict:
    """The weights of the network and the inputs at the opening."""
    return {"x": list(PULSE), **exported(PENCIL)}


def unroller_picture() -> str:
    """All values of the network after the pulse, forwards and backwards."""
    return explorable_pictures.unroller(PULSE, **unrolled_values(PULSE))


# Two memories (chapter 6) ------------------------------------------------------------

# Shipped networks that were trained on inner strings of at least 10 symbols.
MEMORIES = {
    "elman": (elman.Elman, "Elman, 10 tanh units, SGD"),
    "relu": (elman.Elman, "Elman, 10 ReLU units, Adam"),
    "lstm": (gated.LSTM, "LSTM, 15 units, Adam"),
}
LONGEST_INNER = 29  # of the strings that can be drawn, as in the chapter
UPPER, LOWER = "elman", "lstm"  # those that are shown when the page opens


@cache
def inner_string() -> str:
    """The inner string that the chapter follows through the LSTM."""
    return EMBEDDED.sample(np.random.default_rng(8), min_inner=14)[2:-2]


@cache
def endings(grammar: Grammar = REBER) -> list[str]:
    """The shortest way to the end from each state of the grammar.

    Of equally short ones, the one whose transitions are listed first.
    """
    moves = grammar.transitions
    found = {len(moves) - 1: ""}
    while len(found) < len(moves):
        found |= {
            state: symbol + found[after]
            for state in set(range(len(moves))) - set(found)
            for symbol, after in reversed(moves[state].items())
            if after in found
        }
    return [found[state] for state in range(len(moves))]


@cache
def memory(name: str) -> NamedTuple:
    """The parameters of a network of `MEMORIES`."""
    return trained.load(f"embedded-reber-{name}", MEMORIES[name][0])


def carried(string: str, name: str) -> np.ndarray:
    """What the network hands on after each symbol, h or (h, c): (len(string), n)."""
    x, params = encode(string), memory(name)
    if isinstance(params, gated.LSTM):
        return np.hstack(gated.lstm_states_numpy(x, params))
    g = experiments.relu if name == "relu" else np.tanh
    return elman.hidden_states_numpy(x, params, g)


def share_of_T(string: str, name: str) -> float:
    """p_T / (p_T + p_P) of the outputs after the string."""
    params = memory(name)
    h = carried(string, name)[-1, : len(params.h0)]
    p = expit(elman.readout(h, params))
    p_T, p_P = p[SYMBOLS.index("T")], p[SYMBOLS.index("P")]
    return p_T / (p_T + p_P)


def beliefs(inner: str, name: str) -> dict[str, np.ndarray]:
    """What the network believes after k symbols of the inner string, k = 0, 1, ...

    "T" and "P" (len(inner) + 1,): the share of T in what it would say at the question
    if the inner string went from there to its end by the shortest way, for the string
    that began with BT, and with BP. "apart": the distance between what it carries in
    the one and in the other.
    """
    begun = [
        inner[:k] + endings()[state]
        for k, state in enumerate((0, *REBER.states(inner)))
    ]
    said = {s: np.array([share_of_T(f"B{s}{i}", name) for i in begun]) for s in "TP"}
    after_T, after_P = (carried(f"B{s}{inner}", name)[1:] for s in "TP")
    return {**said, "apart": np.linalg.norm(after_T - after_P, axis=1)}


def two_memories() -> dict:
    """The grammar, the string at the opening, and the weights to 6 digits."""
    return {
        "symbols": SYMBOLS,
        "transitions": list(REBER.transitions),
        "endings": endings(),
        "inner": inner_string(),
        "longest": LONGEST_INNER,
        "upper": UPPER,
        "lower": LOWER,
        "panel": list(explorable_pictures.PANEL),
        "tops": list(explorable_pictures.PANELS),
        "networks": {
            name: {"title": title, "parameters": exported(memory(name))}
            for name, (_, title) in MEMORIES.items()
        },
    }


def two_memories_picture() -> str:
    """The beliefs of the tanh network and of the LSTM, over the whole inner string."""
    inner = inner_string()
    return explorable_pictures.two_memories(
        inner, {MEMORIES[name][1]: beliefs(inner, name) for name in (UPPER, LOWER)}
    )


# Reddit on tap (chapter 8) ------------------------------------------------------------

BEGINNING = "i think"
LIKELIEST = 10  # words that have a bar


@cache
def language_model() -> LanguageModel:
    """The language model that the book ships."""
    return LanguageModel.load()


def reddit_on_tap() -> dict:
    """What the page knows before the model is loaded: its size, and the opening."""
    script = model_in_page.script(language_model())
    return {
        "megabytes": rounded(len(script.encode()) / 1e6, 2),
        "beginning": BEGINNING,
        "likeliest": LIKELIEST,
        "readable": explorable_pictures.READABLE,
    }


def reddit_on_tap_picture() -> str:
    """The likeliest words after the beginning."""
    model = language_model()
    [tokens] = sentences(BEGINNING)
    p = generation.probabilities(model, model.vocabulary.encode(tokens)[1:-1])
    likeliest = np.argsort(-p)[:LIKELIEST]
    return explorable_pictures.reddit_on_tap(
        BEGINNING, {model.vocabulary.words[i]: p[i] for i in likeliest}
    )


# Train it (chapter 5) -----------------------------------------------------------------

CLASSIC = {
    "rate": 0.2,
    "init": "unit_singular_value",
    "loss": "mean",
    "optimiser": "sgd",
    "clip": "none",
    "limit": 1,
    "units": 10,
}
UPDATES = 10_000
SAMPLES = 200  # strings by which a network is judged in the page


def least_loss(memory: int) -> float:
    """The least loss of what sees only the last 0 or 1 symbols, exactly.

    A mean over outputs, over the predictions of a string, and over all strings: after n
    symbols of a string of N, a prediction counts 1 / (N - 1).
    """
    n_states, P = len(REBER.transitions), REBER.matrix
    ends = [np.eye(n_states)[-1]]  # chance to be over after exactly so many symbols
    for _ in range(LONGEST):
        ends.append(np.where(np.arange(n_states) < n_states - 1, P @ ends[-1], 0))
    at, weights = np.eye(n_states)[0], np.zeros((len(SYMBOLS), n_states))
    for n in range(1, LONGEST):
        ahead = sum(ends[k] / (n + k - 1) for k in range(1, LONGEST - n + 1))
        for state, moves in enumerate(REBER.transitions):
            for symbol, after in moves.items():
                k = SYMBOLS.index(symbol)
                chance = at[state] * REBER.next_symbol[state, k]
                weights[k, after] += chance * ahead[after]
        at = at @ P
    groups = weights if memory else weights.sum(axis=0, keepdims=True)
    groups = groups[groups.sum(axis=1) > 0]
    q = groups @ REBER.legal_next / groups.sum(axis=1, keepdims=True)
    return float(groups.sum(axis=1) @ (entr(q) + entr(1 - q)).mean(axis=1))


@cache
def reber_record(loss: str) -> tuple[dict, dict]:
    """Test losses and grammatical shares of the recorded seeds: range and median.

    For the loss as "mean" or "sum" over the outputs; the test loss is always the mean.
    """
    record = results.load("reber-learned")
    name, scale = {"mean": ("source", 1), "sum": ("summed", 7)}[loss]
    every = record.parameters["every"]
    curves = record.curve(f"curves.{name}")[:, : UPDATES // every + 1] / scale
    epochs = [e for e in reber_runs.EPOCHS if e * reber_runs.EPOCH <= UPDATES]
    keys = ["before", *(f"{name} {epoch}" for epoch in epochs)]
    shares = np.transpose([record.metric(f"{key}.grammatical") for key in keys])

    def band(at: Sequence[int], values: np.ndarray) -> dict[str, list]:
        parts = {"low": np.min, "median": np.median, "high": np.max}
        return {"at": list(at)} | {
            key: rounded(part(values, axis=0), 4) for key, part in parts.items()
        }

    losses = band(range(0, UPDATES + 1, every), curves)
    return losses, band([reber_runs.EPOCH * e for e in (0, *epochs)], shares)


def before_training() -> dict:
    """Seed 0 at the start: test loss, what is said by state (8, 7), its strings."""
    setting, parameters = reber_runs.SOURCE, reber_runs.LEARNED
    params = reber_runs.start(0, parameters)
    strings = reber_runs.test_strings(0, REBER, parameters)
    test = reber_runs.data(REBER, strings, setting)
    said = np.zeros((len(REBER.transitions), len(SYMBOLS)))
    visits = np.zeros((len(said), 1))
    for string in strings:
        states = list(REBER.states(string[:-1]))
        h = elman.hidden_states_numpy(encode(string[:-1]), params)
        p = expit(elman.readout(h, params))
        np.add.at(said, states, p / p.sum(axis=1, keepdims=True))
        np.add.at(visits, states, 1)
    rng = np.random.default_rng([0, 3])
    return {
        "loss": reber_runs.test_loss(params, test, setting),
        "said": said / np.maximum(visits, 1),
        "strings": reber_runs.sample_strings(params, SAMPLES, rng),
    }


def train_it() -> dict:
    """The grammar, the classic training, what was recorded of it, and the plots."""
    return {
        "symbols": SYMBOLS,
        "transitions": list(REBER.transitions),
        "setting": CLASSIC,
        "updates": UPDATES,
        "every": reber_runs.LEARNED["every"],
        "record": {
            loss: dict(zip(("loss", "share"), reber_record(loss), strict=True))
            for loss in ("mean", "sum")
        },
        "plots": {
            "left": list(explorable_pictures.TRAIN_LEFT),
            "top": explorable_pictures.TRAIN_TOP,
            "width": explorable_pictures.TRAIN_WIDTH,
            "height": explorable_pictures.TRAIN_HEIGHT,
            "decades": list(explorable_pictures.TRAIN_DECADES),
            "floor": explorable_pictures.TRAIN_FLOOR,
        },
        "cut": explorable_pictures.CUT,
    }


def train_it_picture() -> str:
    """The network of seed 0 before its training, and the record behind it."""
    return explorable_pictures.train_it(
        **before_training(),
        **dict(zip(("record", "shares"), reber_record("mean"), strict=True)),
        one_symbol=least_loss(1),
        updates=UPDATES,
    )


# Can you make it remember? (chapter 6) ------------------------------------------------

SETTING = {"cell": "elman", "lag": "10", "optimiser": "sgd"}  # when the page opens
CELLS = {"elman": experiments.ELMAN, "lstm": experiments.LSTM_15}
CELLS |= {"gru": experiments.GRU_15}
RECIPES = {"sgd": "SGD", "sum": "SGD, sum", "adam": "Adam"}  # names in the records
LAGS = ("5", "10", "20")


def house(cell: str, recipe: str, lag: str) -> dict | None:
    """What the records say of 20 seeds with these settings; None where there is none.

    "solved", how many end with a solution; where the training was watched also "looks",
    right answers by update, range and median, and "reach", the gradient at the second
    symbol by lag at the end, the median.
    """
    record, name = results.load(f"embedded-reber-{cell}"), RECIPES[recipe]
    parameters = record.parameters
    if name not in parameters["settings"]:
        return None
    right = record.metric(f"right.{lag}.{name}")
    found: dict = {"solved": int(np.sum(right >= experiments.SOLVED))}
    if name in parameters["watched"]:
        looks = record.curve(f"curves.{lag}.looks.{name}")
        parts = {"low": np.min, "median": np.median, "high": np.max}
        found["looks"] = {"at": parameters["moments"]} | {
            key: rounded(part(looks, axis=0), 3) for key, part in parts.items()
        }
        last = parameters["marks"].index(parameters["budget"])
        reach = record.curve(f"curves.{lag}.reach.{name}")[:, last]
        found["reach"] = rounded(np.median(reach, axis=0), 3)
    return found


def first_network(seed: int) -> elman.Elman:
    """The Elman network of a seed before its training."""
    rng = np.random.default_rng([seed, 0])
    return experiments.first_values("elman", 10, rng, "unit_singular_value")


def first_reach(seed: int) -> list[float]:
    """The gradient at the second symbol of `first_network`, by lag.

    The median of the strings by which the page judges a seed.
    """
    params = first_network(seed)
    rng = np.random.default_rng([seed, 3])
    k_T, k_P = experiments.T, experiments.P
    medians = []
    for inner in experiments.COMMON["lengths"]:
        norms = []
        for string in experiments.strings(20, inner, rng, inner):
            x = encode(string[:-2])
            h = elman.hidden_states_numpy(x, params)
            d_o = np.zeros((len(x), len(SYMBOLS)))
            d_o[-1, [k_T, k_P]] = 0.5, -0.5
            d_a = bptt.state_errors(h, d_o, params)[1] * (1 - h[1] ** 2)
            norms.append(np.linalg.norm(d_a @ params.W_ih.T))
        medians.append(float(np.median(norms)))
    return medians


def first_right(seed: int, lag: int) -> float:
    """The share of the watched strings that `first_network` answers right."""
    params = first_network(seed)
    rng = np.random.default_rng([seed, 2, lag])
    asked = experiments.questions(experiments.strings(200, lag, rng))
    return experiments.share_right(asked, params, {})


@cache
def remember() -> dict:
    """The grammar, what can be chosen, what was recorded of it, and the plots."""
    return {
        "symbols": SYMBOLS,
        "transitions": list(EMBEDDED.transitions),
        "setting": SETTING,
        "updates": experiments.COMMON["budget"],
        "every": experiments.COMMON["every"],
        "lengths": experiments.COMMON["lengths"],
        "seeds": len(results.load("embedded-reber-elman").seeds),
        "solved": experiments.SOLVED,
        "cells": {
            cell: {
                "units": parameters["units"],
                "init": parameters["settings"]["SGD, sum"]["init"],
            }
            for cell, parameters in CELLS.items()
        },
        "rates": {
            recipe: {
                cell: parameters["settings"].get(name, {}).get(kind, 0.2)
                for cell, parameters in CELLS.items()
            }
            for recipe, name, kind in (
                ("sgd", "SGD", "sgd"),
                ("sum", "SGD, sum", "sgd"),
                ("adam", "Adam", "adam"),
            )
        },
        "house": {
            cell: {
                recipe: {lag: house(cell, recipe, lag) for lag in LAGS}
                for recipe in RECIPES
            }
            for cell in CELLS
        },
        "plots": {
            "left": list(explorable_pictures.TRAIN_LEFT),
            "top": explorable_pictures.REMEMBER_TOP,
            "width": explorable_pictures.TRAIN_WIDTH,
            "height": explorable_pictures.REMEMBER_HEIGHT,
            "least": explorable_pictures.REMEMBER_LEAST,
            "decades": list(explorable_pictures.REMEMBER_DECADES),
            "seeds": list(explorable_pictures.REMEMBER_SEEDS),
        },
    }


def remember_picture() -> str:
    """The untrained network of seed 0, and the record of the opening's setting."""
    numbers = remember()
    return explorable_pictures.remember(
        lengths=numbers["lengths"],
        updates=numbers["updates"],
        right=first_right(0, int(SETTING["lag"])),
        reach=first_reach(0),
        house=house(SETTING["cell"], SETTING["optimiser"], SETTING["lag"]),
        seeds=numbers["seeds"],
    )


# The cell, gate by gate (chapter 6) ---------------------------------------------------

GATES = ("input", "output", "forget")  # in the order in which the chapter adds them
STEPS_HELD = 20
HALF_OPEN = 0.73  # where a bias of 1 lets the forget gate begin


@cache
def candidates() -> np.ndarray:
    """What comes to the cell: a bit of length 1, and then 19 other things: (20,)."""
    rng = np.random.default_rng(3)
    return np.array([1.0, *rng.uniform(-0.5, 0.9, STEPS_HELD - 1).round(2)])


def first_gates() -> np.ndarray:
    """Gates that take in the first step alone and show the last alone: (3, 20)."""
    gates = np.zeros((3, STEPS_HELD))
    gates[0, 0] = gates[1, -1] = 1
    gates[2] = HALF_OPEN
    return gates


class Held(NamedTuple):
    """A cell that reads a bit, all of shape (20,)."""

    c: np.ndarray
    h: np.ndarray
    error: np.ndarray  # dh_20 / dc_t


def held(bit: int, gates: np.ndarray, stage: int = len(GATES)) -> Held:
    """One cell of an LSTM with these gates (3, 20), of which the first `stage` act.

    `bit` is 1 or -1; a gate that does not act is open.
    """
    i, o, f = np.where(np.arange(3)[:, None] < stage, gates, 1)
    g = candidates() * np.where(np.arange(STEPS_HELD), 1, bit)
    c = np.zeros(STEPS_HELD)
    for t in range(STEPS_HELD):
        c[t] = f[t] * (c[t - 1] if t else 0) + i[t] * g[t]
    last = o[-1] * (1 - np.tanh(c[-1]) ** 2)
    later = np.append(np.cumprod(f[:0:-1])[::-1], 1)  # of the steps after t
    return Held(c, o * np.tanh(c), last * later)


def cell_gates() -> dict:
    """What comes in, the gates at the opening, and the plots."""
    pictures = explorable_pictures
    return {
        "candidates": candidates().tolist(),
        "gates": first_gates().tolist(),
        "across": list(pictures.GATES_ACROSS),
        "shown": list(pictures.GATES_SHOWN),
        "error": list(pictures.GATES_ERROR),
        "decades": list(pictures.GATES_DECADES),
        "rows": list(pictures.GATES_ROWS),
        "row": pictures.GATES_ROW,
    }


def cell_gates_picture() -> str:
    """The cell with all its gates, the forget gate where a bias of 1 lets it begin."""
    return explorable_pictures.cell_gates(
        candidates(), first_gates(), *(held(bit, first_gates()) for bit in (1, -1))
    )


# Three pasts (chapter 9) --------------------------------------------------------------

# Beside the LSTM of two-memories: the parameters of two networks of two layers.
OF_LAYERS = {
    "mingru": ("1.W_ih", "1.b_h", "2.W_ih", "2.b_h", "W_ho", "b_o"),
    "attention": ("W_in", "1.W_qkv", "1.W_out", "2.W_qkv", "2.W_out", "W_ho", "b_o"),
}


@cache
def two_layers(name: str) -> dict[str, np.ndarray]:
    """The parameters of a network of `OF_LAYERS`."""
    return trained.load_arrays(f"embedded-reber-{name}", [OF_LAYERS[name]])


class Past(NamedTuple):
    """What three networks have of a string after each of its T symbols."""

    cell: np.ndarray  # (T, n), of the LSTM
    states: list[np.ndarray]  # of the minGRU, (T, n) a layer
    kept: list[np.ndarray]  # 1 - z, the part of its state that a unit keeps, (T, n)
    weights: list[np.ndarray]  # of attention, (T, T) a layer: row t is that of step t
    answers: np.ndarray  # (3,), the share of T in the outputs after the last symbol


def past(string: str) -> Past:
    """The three networks after a string that begins with BT or BP."""
    x = encode(string)
    h, cell = gated.lstm_states_numpy(x, memory("lstm"))
    outputs = [elman.readout(h[-1], memory("lstm"))]

    params, states, kept = two_layers("mingru"), [], []
    below = x
    for layer in (1, 2):
        a = below @ params[f"{layer}.W_ih"] + params[f"{layer}.b_h"]
        z, g = np.split(a, 2, axis=1)  # (T, n), (T, n)
        kept.append(expit(-z))
        below, h = np.zeros_like(g), np.zeros(g.shape[1])
        for t, keep in enumerate(kept[-1]):
            h = below[t] = keep * h + (1 - keep) * g[t]
        states.append(below)
    outputs.append((states[0] + states[1])[-1] @ params["W_ho"] + params["b_o"])

    params, weights = two_layers("attention"), []
    h = x @ params["W_in"]  # (T, n)
    h = h + recurrences.sinusoids(*h.shape)
    for layer in (1, 2):
        q, k, v = np.split(h @ params[f"{layer}.W_qkv"], 3, axis=1)  # (T, n) each
        scores = q @ k.T / np.sqrt(k.shape[1])  # (T, T)
        scores[np.triu_indices(len(x), 1)] = -np.inf
        weights.append(softmax(scores, axis=1))
        h = h + weights[-1] @ v @ params[f"{layer}.W_out"]
    outputs.append(h[-1] @ params["W_ho"] + params["b_o"])

    p = expit(np.array(outputs))  # (3, 7)
    p_T, p_P = p[:, SYMBOLS.index("T")], p[:, SYMBOLS.index("P")]
    return Past(cell, states, kept, weights, p_T / (p_T + p_P))


def apart(string: str) -> dict[str, np.ndarray]:
    """What is in the states after T, less what is there after P, for the same string.

    The cell and the states of both layers by their names in the picture, (T, n) each.
    """
    after = (past(f"B{symbol}{string[2:]}") for symbol in "TP")
    after_T, after_P = ((one.cell, *one.states) for one in after)
    differences = map(np.subtract, after_T, after_P)
    return dict(zip(explorable_pictures.PASTS_HEATS, differences, strict=True))


def past_answers(string: str) -> np.ndarray:
    """The shares of T (3,) if the inner string went to its end by the shortest way."""
    return past(string + to_question()[EMBEDDED.states(string)[-1]]).answers


def to_question() -> list[str]:
    """The shortest way to the last symbol but one, "" from there on."""
    return [ending[:-2] for ending in endings(EMBEDDED)]


def sizes(T: int) -> list[int]:
    """How many numbers each network carries on after T symbols.

    h and c; the states of both layers; a key and a value of each symbol in both layers.
    """
    n_lstm, n_mingru = len(memory("lstm").h0), len(two_layers("mingru")["W_ho"])
    return [2 * n_lstm, 2 * n_mingru, 2 * 2 * len(two_layers("attention")["W_ho"]) * T]


def three_pasts() -> dict:
    """The grammar, the string at the opening, the weights to 8 digits, the plots."""
    pictures = explorable_pictures
    return {
        "symbols": SYMBOLS,
        "transitions": list(EMBEDDED.transitions),
        "endings": to_question(),
        "string": f"BT{inner_string()}",
        "longest": LONGEST_INNER,
        "sizes": sizes(1),
        "panel": list(pictures.PASTS_PANEL),
        "levels": list(pictures.PASTS_LEVELS),
        "least": pictures.PASTS_LEAST,
        "panels": [list(panel) for panel in pictures.PASTS_PANELS],
        "heats": {name: list(place) for name, place in pictures.PASTS_HEATS.items()},
        "bars": {name: list(place) for name, place in pictures.PASTS_BARS.items()},
        "answer": list(pictures.PASTS_ANSWER),
        "networks": {
            "lstm": exported(memory("lstm"), 8),
            **{
                name: {
                    key: rounded(value, 8) for key, value in two_layers(name).items()
                }
                for name in OF_LAYERS
            },
        },
    }


def three_pasts_picture() -> str:
    """The three networks when they are asked, the inner string that of two-memories."""
    string = f"BT{inner_string()}"
    titles = {
        "LSTM": f"LSTM, a cell of {len(memory('lstm').h0)} units",
        "minGRU": f"minGRU, two layers of {len(two_layers('mingru')['W_ho'])} units",
        "attention": "attention, two layers: where the last step looks",
    }
    held = zip(titles.values(), sizes(len(string)), strict=True)
    return explorable_pictures.three_pasts(
        string, past(string), apart(string), dict(zip(titles, held, strict=True))
    )


# All of them -----------------------------------------------------------------------

EXPLORABLES = {  # by name: its numbers, and its picture
    "reber-walker": (reber_walker, reber_walker_picture),
    "gradient-horizon": (gradient_horizon, gradient_horizon_picture),
    "unroller": (unroller, unroller_picture),
    "two-memories": (two_memories, two_memories_picture),
    "reddit-on-tap": (reddit_on_tap, reddit_on_tap_picture),
    "train-it": (train_it, train_it_picture),
    "cell-gates": (cell_gates, cell_gates_picture),
    "remember": (remember, remember_picture),
    "three-pasts": (three_pasts, three_pasts_picture),
}


def main() -> None:
    """The command line."""
    console.show_any_text()
    argparse.ArgumentParser(
        prog="python -m helpers.press.explorables",
        description="Write the numbers and the pictures of the explorables.",
    ).parse_args()
    for name, (numbers, picture) in EXPLORABLES.items():
        write_json(FOLDER / f"{name}.json", numbers())
        write_text(FOLDER / f"{name}.svg", picture())
        print(f"{name}: {FOLDER.relative_to(FOLDER.parents[2])}/{name}.json and .svg")


if __name__ == "__main__":
    main()
