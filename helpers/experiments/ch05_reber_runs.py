"""The recorded experiments of chapter 5: the Reber grammar learned and sampled.

A network reads a string symbol by symbol and says what may follow. Training draws one
string at a time from 1,000, with replacement, so that 1,000 updates are what the source
calls an epoch. Judged are the strings that the network makes itself, one symbol after
the other, and what its hidden states know of the automaton.
"""

import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import combinations, count, pairwise
from typing import NamedTuple

import numpy as np
import pytensor.tensor as pt
from scipy.cluster.vq import kmeans2
from scipy.special import expit, log_softmax, softmax

from helpers.experiments.runner import Experiment
from helpers.experiments.trainer import Learned, Trainer
from helpers.networks import optimisers, trained
from helpers.networks.elman import (
    Elman,
    hidden_states,
    hidden_states_numpy,
    initial_elman,
    readout,
    shared,
)
from helpers.results.tables import significant
from helpers.tasks.reber import REBER, SYMBOLS, Grammar, encode

EPOCH = 1000  # updates, as many as there are strings
STEPS = 60  # the most predictions of a string
LENGTHS = (20, 30, STEPS)  # to which strings are filled up where they must be
PATIENCE = 100  # symbols after which a sampled string without an end is given up
SOURCE = {
    "outputs": "sigmoid",
    "targets": "legal",
    "scale": 1 / 7,  # the mean over the outputs; 1 is their sum
    "weight": "string",
    "optimiser": "sgd",
    "lr": 0.2,
    "falls": False,
}

# The network and its loss ------------------------------------------------------


def cross_entropy(o, y, outputs: str):
    """The loss of each prediction, from logits o and targets y, (..., 7): (...).

    "sigmoid": the sum of seven cross-entropies, a yes or no each. "softmax": one
    cross-entropy, for targets that sum to 1. For PyTensor variables.
    """
    if outputs == "sigmoid":
        return (pt.softplus(o) - y * o).sum(axis=-1)
    return -(y * pt.special.log_softmax(o, axis=-1)).sum(axis=-1)


def cross_entropy_numpy(o: np.ndarray, y: np.ndarray, outputs: str) -> np.ndarray:
    """The same for arrays."""
    if outputs == "sigmoid":
        return (np.logaddexp(0, o) - y * o).sum(axis=-1)
    return -(y * log_softmax(o, axis=-1)).sum(axis=-1)


# From logits to the probabilities by which the next symbol is drawn.
PROBABILITIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sigmoid": lambda o: expit(o) / expit(o).sum(axis=-1, keepdims=True),
    "softmax": lambda o: softmax(o, axis=-1),
}


@cache
def compiled(outputs: str, optimiser: str, hidden: int) -> Trainer:
    """A network with its optimiser, compiled once a process.

    An update has inputs x and y (T, 7), w (T,) and lr: a step on the weighted sum of
    the losses of a string's predictions.
    """
    params = shared(initial_elman(7, hidden, 7, np.random.default_rng(0)))
    x, y = pt.matrix("x", shape=(None, 7)), pt.matrix("y", shape=(None, 7))
    w, lr = pt.vector("w"), pt.scalar("lr")
    o = readout(hidden_states(x, params), params)
    loss = (w * cross_entropy(o, y, outputs)).sum()
    updates = getattr(optimisers, optimiser)(loss, list(params), lr)
    return Trainer([x, y, w, lr], loss, updates, params)


# Strings -----------------------------------------------------------------------


class Data(NamedTuple):
    """Strings as arrays, padded with zeros: x, y (T, n, 7) and weights w (T, n).

    The weights of a string's predictions are what its loss multiplies them with.
    """

    strings: list[str]
    x: np.ndarray
    y: np.ndarray
    w: np.ndarray


def draw(grammar: Grammar, n: int, rng: np.random.Generator) -> list[str]:
    """n strings of the grammar."""
    return [grammar.sample(rng) for _ in range(n)]


def data(grammar: Grammar, strings: Sequence[str], setting: dict) -> Data:
    """Strings as a setting wants them.

    targets "legal": each symbol that may follow is 1, divided by their number for a
    softmax; "next": only the symbol that does follow. weight "string": the mean over
    a string's predictions, so that each string counts the same; "prediction": their
    sum, over the mean number of predictions.
    """
    x, y, mask = grammar.batch(strings, STEPS)
    if setting["targets"] == "next":
        y = np.zeros_like(y)
        for i, string in enumerate(strings):
            y[: len(string) - 1, i] = encode(string[1:])
    elif setting["outputs"] == "softmax":
        y = y / np.maximum(1, y.sum(axis=2, keepdims=True))
    by_string = setting["weight"] == "string"
    count = mask.sum(axis=0) if by_string else grammar.mean_length - 1
    return Data(list(strings), x, y, setting["scale"] * mask / count)


# Training ----------------------------------------------------------------------


def learn(
    seed: int, grammar: Grammar, setting: dict, parameters: dict, stop: int | None
) -> Learned:
    """One training, of `setting["epochs"]` or the last of them; `stop` ends it early.

    Its curve is the test loss, its parameters are by epoch. All trainings of a seed
    start from the same weights. Those on one grammar see the
    same strings in the same order.
    """
    epochs = setting["epochs"]
    updates = epochs[-1] * EPOCH
    rng = np.random.default_rng([seed, 1])
    training = data(grammar, draw(grammar, EPOCH, rng), setting)
    test = data(grammar, test_strings(seed, grammar, parameters), setting)
    net = compiled(setting["outputs"], setting["optimiser"], parameters["hidden"])
    net.reset(start(seed, parameters))

    def batches() -> Iterator[tuple]:
        for k in count():
            i = rng.integers(EPOCH)
            t = slice(len(training.strings[i]) - 1)
            lr = setting["lr"] * (1 - k / updates if setting["falls"] else 1)
            yield training.x[t, i], training.y[t, i], training.w[t, i], lr

    def look(k: int) -> bool:
        return k % parameters["every"] == 0 or k % EPOCH == 0

    curve, kept = [], {}
    # A short run is not worth compiling for more than one length.
    lengths = LENGTHS[-1:] if stop else LENGTHS
    for k, _ in net.train(batches(), stop or updates, look, lengths):
        if k % parameters["every"] == 0:
            curve.append(test_loss(net.now(), test, setting))
        if k % EPOCH == 0 and k // EPOCH in epochs:
            kept[k // EPOCH] = net.now()
    return Learned(net.trace, np.array(curve), kept)


def start(seed: int, parameters: dict) -> Elman:
    """The untrained network of a seed."""
    rng = np.random.default_rng([seed, 0])
    return initial_elman(7, parameters["hidden"], 7, rng)


def test_strings(seed: int, grammar: Grammar, parameters: dict) -> list[str]:
    """Strings drawn apart from those of the training."""
    return draw(grammar, parameters["test"], np.random.default_rng([seed, 2]))


def test_loss(params: Elman, test: Data, setting: dict) -> float:
    """The mean loss of a test string."""
    o = readout(hidden_states_numpy(test.x, params), params)
    losses = (test.w * cross_entropy_numpy(o, test.y, setting["outputs"])).sum(axis=0)
    return float(losses.mean())


# Sampling ----------------------------------------------------------------------


def sample_strings(
    params: Elman,
    n: int,
    rng: np.random.Generator,
    outputs: str = "sigmoid",
    temperature: float = 1.0,
    cutoff: float = 0.0,
) -> list[str]:
    """n strings that the network makes, each symbol drawn from what it says.

    The first symbol is B. Probabilities below `cutoff`, at most 1/7, become 0; then
    all are taken to the power 1 / temperature, and the next symbol is drawn in
    proportion. A string ends with E; one that has not ended after PATIENCE symbols is
    returned as it is.
    """
    h = np.broadcast_to(params.h0, (n, len(params.h0)))
    symbols = np.zeros((n, PATIENCE), int)  # 0 is B
    for t in range(1, PATIENCE):
        h = np.tanh(params.W_ih[symbols[:, t - 1]] + h @ params.W_hh + params.b_h)
        p = PROBABILITIES[outputs](readout(h, params))
        p = np.where(p < cutoff, 0, p) ** (1 / temperature)
        cumulative = p.cumsum(axis=1)
        chosen = rng.random(n)[:, None] * cumulative[:, -1:]
        symbols[:, t] = (cumulative[:, :-1] <= chosen).sum(axis=1)
    end = SYMBOLS.index("E")
    lengths = np.where((symbols == end).any(axis=1), (symbols == end).argmax(axis=1), t)
    return [
        "".join(SYMBOLS[i] for i in row[: length + 1])
        for row, length in zip(symbols, lengths, strict=True)
    ]


def pair_shares(strings: Sequence[str]) -> np.ndarray:
    """The share of each pair of neighbours among all pairs of the strings: (7, 7)."""
    pairs = Counter(pair for string in strings for pair in pairwise(string))
    counts = np.array([[pairs[a, b] for b in SYMBOLS] for a in SYMBOLS])
    return counts / counts.sum()


def distance(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """The total variation distance along the last axis: 0 if equal, 1 if disjoint."""
    return 0.5 * np.abs(p - q).sum(axis=-1)


def judge_strings(strings: Sequence[str], grammar: Grammar) -> dict[str, float]:
    """Sampled strings beside the grammar: share that belongs, mean length, pairs."""
    belongs = [grammar.check(string) is None for string in strings]
    exact = grammar.pair_distribution()
    return {
        "grammatical": np.mean(belongs),
        "length": np.mean([len(string) for string in strings]),
        "pairs": distance(pair_shares(strings).ravel(), exact.ravel()),
    }


def said_of(params: Elman, test: Data, outputs: str) -> np.ndarray:
    """What a network says after each symbol of test strings, (n, 7).

    Its probabilities of the next symbol, string after string, without the padding.
    """
    o = readout(hidden_states_numpy(test.x, params), params)
    o = np.concatenate([o[: len(s) - 1, i] for i, s in enumerate(test.strings)])
    return PROBABILITIES[outputs](o)


def states_of(test: Data, grammar: Grammar) -> np.ndarray:
    """The automaton's state at the same places, (n,)."""
    return np.concatenate([grammar.states(s[:-1]) for s in test.strings])


def judge_outputs(params: Elman, test: Data, grammar: Grammar, outputs: str) -> dict:
    """A network's probabilities on test strings, the mean over all predictions.

    "stray": what illegal symbols get; "next" and "legal": the distance from the true
    probabilities of the next symbol, and from equal ones for the legal symbols.
    """
    p, states = said_of(params, test, outputs), states_of(test, grammar)
    legal = grammar.legal_next[states]
    return {
        "stray": (p * (1 - legal)).sum(axis=1).mean(),
        "next": distance(p, grammar.next_symbol[states]).mean(),
        "legal": distance(p, legal / legal.sum(axis=1, keepdims=True)).mean(),
    }


# Reading the automaton back from hidden states -----------------------------------


def clusters(
    h: np.ndarray, k: int, rng: np.random.Generator, restarts: int = 10
) -> np.ndarray:
    """The cluster of each state h (n, n_hid), 0 to k - 1: the best of some k-means."""
    with warnings.catch_warnings():
        # Now and then a run leaves a cluster empty; it is not the best of them.
        warnings.simplefilter("ignore", UserWarning)
        runs = [kmeans2(h, k, iter=30, minit="++", seed=rng) for _ in range(restarts)]
    _, labels = min(runs, key=lambda run: ((h - run[0][run[1]]) ** 2).sum())
    return labels


def read_back(labels: Sequence[np.ndarray], strings: Sequence[str]) -> tuple[dict, ...]:
    """Clusters as the states of an automaton: its transitions, as in a `Grammar`.

    labels[i][t] is the cluster after symbol t of string i, without the last symbol. A
    symbol leads from a cluster to the one to which it leads most often; E leads to the
    end, which is the last state.
    """
    k = 1 + max(int(label.max()) for label in labels)
    seen: dict = defaultdict(Counter)
    for label, string in zip(labels, strings, strict=True):
        for here, symbol, after in zip(label, string[1:], [*label[1:], k], strict=True):
            seen[int(here), symbol][int(after)] += 1
    transitions: list[dict[str, int]] = [{} for _ in range(k + 1)]
    for (here, symbol), after in sorted(seen.items()):
        transitions[here][symbol] = after.most_common(1)[0][0]
    return tuple(transitions)


def most_common_states(
    labels: Sequence[np.ndarray], states: Sequence[Sequence[int]]
) -> tuple[list[int], float]:
    """The true state that most members of each cluster are in, and their share."""
    members: dict = defaultdict(Counter)
    for label, state in zip(labels, states, strict=True):
        for cluster, true in zip(label, state, strict=True):
            members[int(cluster)][true] += 1
    names = [
        members[c].most_common(1)[0] if c in members else (0, 0)
        for c in range(1 + max(members))
    ]
    total = sum(counts.total() for counts in members.values())
    return [state for state, _ in names], sum(count for _, count in names) / total


def wrong_transitions(
    transitions: Sequence[dict], names: Sequence[int], grammar: Grammar
) -> list[tuple[int, str]]:
    """The pairs (cluster, symbol) that do not lead where the grammar leads.

    A cluster stands for the true state `names[cluster]`, the end for the end.
    """
    names = [*names, len(grammar.transitions) - 1]
    return [
        (here, symbol)
        for here, moves in enumerate(transitions)
        for symbol, after in moves.items()
        if grammar.transitions[names[here]].get(symbol) != names[after]
    ]


def merged(transitions: Sequence[dict]) -> list[int]:
    """The class of each state, where states of one class cannot be told apart.

    States begin as equal if the same symbols may follow; each round tells those apart
    whose symbols lead to different classes, until nothing changes (Moore 1956).
    """
    classes = _numbered([tuple(sorted(moves)) for moves in transitions])
    while True:
        finer = _numbered(
            [
                (classes[s], *sorted((a, classes[to]) for a, to in moves.items()))
                for s, moves in enumerate(transitions)
            ]
        )
        if finer == classes:
            return classes
        classes = finer


def _numbered(keys: Sequence) -> list[int]:
    """Equal keys by equal numbers, in the order in which they first come."""
    numbers = {key: n for n, key in enumerate(dict.fromkeys(keys))}
    return [numbers[key] for key in keys]


def same_language(transitions: Sequence[dict], first: int, grammar: Grammar) -> bool:
    """Whether an automaton, from the state `first` after B, makes the same strings."""
    pairs = [(first, grammar.transitions[0]["B"])]
    for here, true in pairs:  # the list grows while we walk through it
        moves = grammar.transitions[true]
        if transitions[here].keys() != moves.keys():
            return False
        new = [(transitions[here][symbol], moves[symbol]) for symbol in moves]
        pairs += [pair for pair in dict.fromkeys(new) if pair not in pairs]
    return True


def closest_states(h: np.ndarray, states: np.ndarray) -> tuple[int, int]:
    """The two states of the automaton whose mean hidden states lie closest together.

    h has shape (n, n_hid), states (n,), the true state of each.
    """
    known = np.unique(states)
    centres = np.array([h[states == state].mean(axis=0) for state in known])
    apart = {
        (int(known[i]), int(known[j])): np.linalg.norm(centres[i] - centres[j])
        for i, j in combinations(range(len(known)), 2)
    }
    return min(apart, key=apart.__getitem__)


def judge_states(
    params: Elman, strings: Sequence[str], sizes: Sequence[int], seed: int
) -> dict:
    """The automaton read back with each number of clusters, beside the true one.

    "pure": the share of hidden states in a cluster of their own true state; "right":
    the share of transitions that lead where the grammar leads; "exact": 1 if it makes
    the grammar's strings and no others; "classes": its states after merging. Beside
    these, "closest": the two closest true states, 24 for the states 2 and 4.
    """
    states = [REBER.states(string[:-1]) for string in strings]
    h = [hidden_states_numpy(encode(string[:-1]), params) for string in strings]
    ends = np.cumsum([len(part) for part in h])[:-1]
    all_h = np.concatenate(h)
    a, b = closest_states(all_h, np.concatenate(states))
    judged: dict = {"closest": 10 * a + b}
    for k in sizes:
        found = clusters(all_h, k, np.random.default_rng([seed, 4, k]))
        labels = np.split(found, ends)
        transitions = read_back(labels, strings)
        names, pure = most_common_states(labels, states)
        wrong = wrong_transitions(transitions, names, REBER)
        judged[str(k)] = {
            "pure": pure,
            "right": 1 - len(wrong) / sum(map(len, transitions)),
            "exact": int(same_language(transitions, labels[0][0], REBER)),
            "classes": len(set(merged(transitions))) - 1,  # without the end
        }
    return judged


# As published, and tuned -----------------------------------------------------------

EPOCHS = [1, 2, 3, 5, 10, 20, 50]
SHOWN = ("before", "source 10", "summed 50")  # what the chapter looks at closely
LEARNED = {
    "hidden": 10,
    "test": 500,
    "samples": 2000,
    "every": 250,
    "settings": {
        "source": SOURCE | {"epochs": EPOCHS},
        "summed": SOURCE | {"scale": 1, "epochs": EPOCHS},
        "adam": SOURCE
        | {"optimiser": "adam", "lr": 0.003, "falls": True, "epochs": [10]},
    },
    "temperatures": [0.25, 0.5, 0.75, 1.0, 1.5, 2.0],
    "cutoff": 0.1,
    "clusters": list(range(4, 17)),
}


def learned(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed: what is learned, what strings it makes, what its states know.

    Under "before", "source 10" and so on, the setting and the epoch: strings and
    outputs, and for those of SHOWN also states, lengths and pairs. "true" has strings
    of the grammar in the place of a network's; "temperature" and "cutoff" have those
    of the source's network after 10 epochs.
    """
    runs = {
        name: learn(seed, REBER, setting, parameters, updates)
        for name, setting in parameters["settings"].items()
    }
    traces = {name: run.trace for name, run in runs.items()}
    if updates:
        return {"trace": traces}

    networks = {"before": start(seed, parameters)}
    for name, run in runs.items():
        networks |= {f"{name} {epoch}": params for epoch, params in run.params.items()}
    test = data(REBER, test_strings(seed, REBER, parameters), SOURCE)

    def rng() -> np.random.Generator:
        return np.random.default_rng([seed, 3])

    def sampled(params: Elman, **options) -> list[str]:
        return sample_strings(params, parameters["samples"], rng(), **options)

    strings = {key: sampled(params) for key, params in networks.items()}
    strings["true"] = draw(REBER, parameters["samples"], rng())
    metrics: dict = {key: judge_strings(made, REBER) for key, made in strings.items()}
    for key, params in networks.items():
        metrics[key] |= judge_outputs(params, test, REBER, "sigmoid")
    for key in SHOWN:
        metrics[key]["clusters"] = judge_states(
            networks[key], test.strings, parameters["clusters"], seed
        )
    ten = networks["source 10"]
    metrics["temperature"] = {
        f"{t:g}": judge_strings(sampled(ten, temperature=t), REBER)
        for t in parameters["temperatures"]
    }
    metrics["cutoff"] = judge_strings(sampled(ten, cutoff=parameters["cutoff"]), REBER)
    shown = {key: strings[key] for key in (*SHOWN, "true")}
    return {
        "trace": traces,
        "metrics": metrics,
        "curves": {name: _short(run.curve) for name, run in runs.items()},
        "lengths": {
            key: np.bincount([min(len(s), 30) for s in made], minlength=31)
            for key, made in shown.items()
        },
        "pairs": {key: _short(pair_shares(made)) for key, made in shown.items()},
    }


def _short(values: np.ndarray) -> list:
    """Four significant digits, for curves that are only looked at."""
    return [significant(value) for value in np.ravel(values)]


def ship() -> None:
    """Write data/reber.npz: seed 0 of the summed loss after 50 epochs."""
    setting = LEARNED["settings"]["summed"]
    params = learn(0, REBER, setting, LEARNED, None).params[50]
    made = {
        "what": "an Elman network that has learned the Reber grammar",
        "command": "python -m helpers.experiments.ship reber",
        "seed": 0,
        "hidden": LEARNED["hidden"],
        "setting": setting,
    }
    trained.save("reber", params, made)


# What the outputs estimate ----------------------------------------------------------

_SUMMED = SOURCE | {"scale": 1, "falls": True, "epochs": [10]}
OUTPUTS = {
    "hidden": 10,
    "test": 500,
    "samples": 2000,
    "every": 10_000,
    "odds": {"even": {}, "uneven": {"S": 3, "V": 3}},
    "settings": {
        "sigmoid legal": _SUMMED,
        "sigmoid next": _SUMMED | {"targets": "next"},
        "softmax legal": _SUMMED | {"outputs": "softmax"},
        "softmax next": _SUMMED | {"outputs": "softmax", "targets": "next"},
        "softmax next, predictions": _SUMMED
        | {"outputs": "softmax", "targets": "next", "weight": "prediction"},
    },
}


def outputs(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed: outputs and targets of both kinds, on an even and an uneven grammar.

    "S": the probability that the network gives to S in state 2, the mean over all
    predictions there.
    """
    traces, metrics = {}, {}
    for name, odds in parameters["odds"].items():
        grammar = Grammar(f"{name} Reber", REBER.transitions, odds=odds)
        for kind, setting in parameters["settings"].items():
            run = learn(seed, grammar, setting, parameters, updates)
            traces[f"{name} {kind}"] = run.trace
            if updates:
                continue
            (params,) = run.params.values()
            test = data(grammar, test_strings(seed, grammar, parameters), setting)
            made = sample_strings(
                params,
                parameters["samples"],
                np.random.default_rng([seed, 3]),
                setting["outputs"],
            )
            p = said_of(params, test, setting["outputs"])
            metrics[f"{name} {kind}"] = {
                "loss": run.curve[-1],
                "S": p[states_of(test, grammar) == 2, SYMBOLS.index("S")].mean(),
                **judge_strings(made, grammar),
                **judge_outputs(params, test, grammar, setting["outputs"]),
            }
    return {"trace": traces, "metrics": metrics}


EXPERIMENTS = (
    Experiment(
        name="reber-learned",
        summary="The Reber grammar learned as published and tuned: strings and states.",
        parameters=LEARNED,
        run=learned,
        metrics=(
            *(f"{key}.grammatical" for key in ("before", "source 10", "source 50")),
            *(f"{key}.grammatical" for key in ("summed 10", "summed 50", "adam 10")),
            "source 10.stray",
            "source 10.length",
            "temperature.0.5.grammatical",
            "temperature.2.grammatical",
            "cutoff.grammatical",
            "before.clusters.6.right",
            "source 10.clusters.6.right",
            "source 10.clusters.8.right",
        ),
    ),
    Experiment(
        name="reber-outputs",
        summary="What a sigmoid and a softmax estimate from two kinds of targets.",
        parameters=OUTPUTS,
        run=outputs,
        metrics=tuple(
            f"{grammar} {kind}.{what}"
            for grammar in OUTPUTS["odds"]
            for kind in OUTPUTS["settings"]
            for what in ("next", "legal", "length", "S")
        ),
    ),
)
