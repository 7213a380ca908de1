"""The recorded experiment on where the networks of chapter 5 come to rest.

A loop of the grammar is a word that leads from a state back to it. A network that is
right however often the loop is walked may come to rest in it: at a fixed point of the
map from the state before the word to the state after it. What is asked of each network
and each loop is how many fixed points there are, whether they attract and what the
network says there; and what becomes of a string that walks the loop a hundred times.
"""

import numpy as np

from helpers.experiments import ch05_reber_runs as reber
from helpers.experiments.runner import Experiment
from helpers.networks import fixed_points
from helpers.networks.elman import Elman, hidden_states_numpy, readout
from helpers.tasks.reber import REBER, encode

# The loops without a shorter one inside, by the state where they begin and end.
LOOPS = {"S": 2, "T": 3, "VPX": 3, "XVP": 4, "PXV": 5}
WAYS = {2: "BT", 3: "BP", 4: "BTX", 5: "BPV"}  # the shortest beginnings
ROUNDS = 100
ARRIVED = 1e-3  # a state that is closer than this to a fixed point is there


def visited(params: Elman, strings: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """The hidden states after each symbol of the strings but the last, (n, n_hid).

    And the automaton's state at the same places, (n,).
    """
    h = [hidden_states_numpy(encode(string[:-1]), params) for string in strings]
    states = [REBER.states(string[:-1]) for string in strings]
    return np.concatenate(h), np.concatenate(states)


def starts_of(h: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Where the searches start, (2 n, n_hid).

    n of the visited states h, and n points that are drawn anywhere between -1 and 1.
    """
    anywhere = rng.uniform(-1, 1, (n, h.shape[1]))
    return np.concatenate([h[rng.integers(len(h), size=n)], anywhere])


def says(h: np.ndarray, params: Elman) -> np.ndarray:
    """The symbols whose sigmoid output is above 1/2 in states h: (..., 7), 0 or 1."""
    return (readout(h, params) > 0).astype(int)


def judge_loop(
    word: str,
    state: int,
    params: Elman,
    starts: np.ndarray,
    centres: dict[int, np.ndarray],
) -> dict[str, float]:
    """The fixed points of a word, which leads from a state back to it.

    "points": how many were found; "attracting": how many of them attract; "radius": the
    largest absolute eigenvalue, at the point where it is smallest. 1 or 0: "legal", the
    network says at all points that attract what may follow in the state; "near", each
    of them is closest to the mean hidden state of this state, of those in `centres`.

    Of a string that walks the loop ROUNDS times, 1 or 0: "arrives", it ends at a fixed
    point that attracts; "right", after each of its symbols the network says what may
    follow.
    """
    found = fixed_points.minima(encode(word), starts, params)
    points = [minimum for minimum in found if minimum.is_fixed]
    attracting = [point for point in points if point.radius < 1]
    legal = REBER.legal_next[state]
    closest = [
        min(centres, key=lambda s: np.linalg.norm(centres[s] - point.h))
        for point in attracting
    ]
    right = [(says(point.h, params) == legal).all() for point in attracting]
    string = WAYS[state] + ROUNDS * word
    h = hidden_states_numpy(encode(string), params)
    away = [np.linalg.norm(point.h - h[-1]) for point in attracting]
    expected = REBER.legal_next[list(REBER.states(string))]
    return {
        "points": len(points),
        "attracting": len(attracting),
        "radius": min((point.radius for point in points), default=0.0),
        "legal": int(bool(right) and all(right)),
        "near": int(bool(closest) and set(closest) == {state}),
        "arrives": int(min(away, default=np.inf) < ARRIVED),
        "right": int((says(h, params) == expected).all()),
    }


FIXED_POINTS = {
    "hidden": 10,
    "test": 500,
    "every": 10_000,
    "starts": 50,  # visited states, and as many points anywhere
    "loops": LOOPS,
    "settings": {
        "source": reber.SOURCE | {"epochs": [10]},
        "summed": reber.SOURCE | {"scale": 1, "epochs": [10]},
    },
}


def resting(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed: the loops of the untrained network and of the trained ones."""
    runs = {
        name: reber.learn(seed, REBER, setting, parameters, updates)
        for name, setting in parameters["settings"].items()
    }
    traces = {name: run.trace for name, run in runs.items()}
    if updates:
        return {"trace": traces}
    networks = {"before": reber.start(seed, parameters)}
    networks |= {name: run.params[10] for name, run in runs.items()}
    strings = reber.test_strings(seed, REBER, parameters)
    metrics: dict = {}
    for name, params in networks.items():
        h, states = visited(params, strings)
        centres = {int(s): h[states == s].mean(axis=0) for s in np.unique(states)}
        rng = np.random.default_rng([seed, 5])
        starts = starts_of(h, parameters["starts"], rng)
        metrics[name] = {
            word: judge_loop(word, state, params, starts, centres)
            for word, state in parameters["loops"].items()
        }
    return {"trace": traces, "metrics": metrics}


EXPERIMENTS = (
    Experiment(
        name="reber-fixed-points",
        summary="Where networks that know the Reber grammar come to rest in its loops.",
        parameters=FIXED_POINTS,
        run=resting,
        metrics=tuple(
            f"{name}.{word}.{what}"
            for name in ("before", "source", "summed")
            for word in LOOPS
            for what in (
                *("points", "attracting", "radius", "legal", "near"),
                *("arrives", "right"),
            )
        ),
    ),
)
