"""The recorded experiments of chapter 9 on the bottleneck: how much fits into a state.

A network reads n symbols and then says them (`helpers.tasks.copying`). A recurrent one
has to carry them all through one state; attention keeps what it has read and looks it
up. Four networks with about 5,500 weights each are trained alike: batches of fresh
sequences, Adam at one rate, the gradient cut to the norm 1.

    solved    at least 99% of the symbols of fresh sequences are right, at some look
    chance    1 of 8 of them

What is not solved within a budget need not be beyond the state: `coarse` says how many
bits of it suffice a network that has learned.

The networks of several seeds are trained side by side in one compiled function, with
one more axis in front of every parameter. Each has sequences of its own. It is measured
when it has solved the task, or else at the end, whatever becomes of the others.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as pt
from scipy.special import expit

from helpers.experiments.ch09_beyond_runs import stacked
from helpers.experiments.runner import TRACE_UPDATES, Experiment
from helpers.experiments.trainer import Trainer
from helpers.networks.gated import lstm_step
from helpers.networks.optimisers import adam
from helpers.networks.recurrences import initial_network, network
from helpers.results.records import Results
from helpers.tasks.copying import K, examples, share_right

SOLVED = 0.99


class Size(NamedTuple):
    """Of a network: how many layers, of how many units each."""

    layers: int
    units: int


# With 5,320 to 5,858 weights (a test counts them).
SIZES = {
    "elman": Size(1, 64),
    "lstm": Size(1, 32),
    "mingru": Size(2, 45),
    "attention": Size(2, 26),
}


def remembered(kind: str, t: int) -> int:
    """The numbers that a network keeps between steps t and t + 1, t counted from 1.

    An Elman network and minGRU keep the state of each layer, the LSTM its cell too.
    Attention keeps a key and a value of every step so far, in each layer.
    """
    layers, units = SIZES[kind]
    return layers * units * {"lstm": 2, "attention": 2 * t}.get(kind, 1)


# Networks side by side ------------------------------------------------------------


def start(seed: int, kind: str) -> dict[str, np.ndarray]:
    """A network's first values."""
    layers, units = SIZES[kind]
    rng = np.random.default_rng([seed, 0])
    return initial_network(kind, layers, K + 1, units, K, rng)


def unstacked(values: dict[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
    """Parameters of networks side by side as those of single ones."""
    networks = len(next(iter(values.values())))
    return [
        {name: a[i, 0] if a.shape[1] == 1 else a[i] for name, a in values.items()}
        for i in range(networks)
    ]


class Stack(NamedTuple):
    """Networks of one kind, trained side by side on sequences of at most N symbols.

    An update of the trainer is given x (2 N, networks, batch, K + 1) and y
    (2 N, networks, batch, K); its loss has one number a network, the mean of
    -log p over the symbols that are asked of it.
    """

    trainer: Trainer
    names: tuple[str, ...]  # of the trainer's parameters
    rate: pytensor.compile.SharedVariable

    def now(self) -> dict[str, np.ndarray]:
        """The present parameters of all networks."""
        return dict(zip(self.names, self.trainer.now(), strict=True))


@cache
def compiled(kind: str, networks: int, N: int, batch: int, clip: float) -> Stack:
    """Build and compile; `train` sets the values of parameters and rate."""
    values = stacked([start(0, kind)] * networks)
    params = {k: pytensor.shared(v, name=k, shape=v.shape) for k, v in values.items()}
    x = pt.tensor4("x", shape=(2 * N, networks, batch, K + 1))
    y = pt.tensor4("y", shape=(2 * N, networks, batch, K))
    o = network(kind, SIZES[kind].layers, x, params)
    log_p = pt.special.log_softmax(o, axis=-1)
    losses = -(y * log_p).sum(axis=(0, 2, 3)) / y.sum(axis=(0, 2, 3))
    trained, rate = list(params.values()), pytensor.shared(0.0, name="rate")
    # No network acts on the loss of another: the gradient of the sum has that of each.
    gradients = pt.grad(losses.sum(), trained)
    norm = pt.sqrt(sum((d**2).sum(axis=(1, 2), keepdims=True) for d in gradients))
    gradients = [d / pt.maximum(norm / clip, 1) for d in gradients]
    updates = adam(gradients, trained, rate)
    return Stack(Trainer([x, y], losses, updates, trained), tuple(params), rate)


@cache
def _outputs(kind: str, shape: tuple, shapes: tuple) -> Callable:
    params = {name: pt.tensor3(name, shape=of_it) for name, of_it in shapes}
    x = pt.tensor4("x", shape=shape)
    o = network(kind, SIZES[kind].layers, x, params)
    return pytensor.function([x, *params.values()], o)


def outputs(kind: str, x: np.ndarray, params: dict[str, np.ndarray]) -> np.ndarray:
    """What networks side by side say to x (T, networks, n, K + 1): (T, ..., K)."""
    shapes = tuple((name, value.shape) for name, value in params.items())
    return np.asarray(_outputs(kind, x.shape, shapes)(x, *params.values()))


# Sequences --------------------------------------------------------------------------


def sequences(rng: np.random.Generator, n: int, setting: dict) -> tuple:
    """n fresh sequences (N, n) and the length of each, (n,): see `examples`.

    Of N symbols, or of `shortest` to N where a setting says so.
    """
    N = setting["n"]
    symbols = rng.integers(K, size=(N, n))
    return symbols, rng.integers(setting.get("shortest", N), N + 1, size=n)


def _drawn(
    rngs: Sequence[np.random.Generator], batch: int, setting: dict
) -> Iterator[tuple]:
    """For each update fresh sequences, those of a network drawn by its own rng."""
    while True:
        each = [sequences(rng, batch, setting) for rng in rngs]
        symbols, lengths = (np.stack(part, axis=-2) for part in zip(*each, strict=True))
        yield examples(symbols, lengths)


# How much of the state is needed ------------------------------------------------------


def rounded(a: np.ndarray, bits: int) -> np.ndarray:
    """Each unit of states (n, units) as one of 2^bits numbers, evenly spread.

    They lie in the middle of as many equal parts of the range that the unit has, about
    zero: one bit is its sign.
    """
    reach = np.abs(a).max(axis=0)
    reach = np.where(reach == 0, 1, reach)
    part = np.floor((a / reach + 1) / 2 * 2**bits).clip(0, 2**bits - 1)
    return ((part + 0.5) / 2**bits * 2 - 1) * reach


def coarse(
    kind: str, params: dict[str, np.ndarray], symbols: np.ndarray, bits: int | None
) -> float:
    """The share right where all that crosses from reading to saying is so coarse.

    The state of an Elman network or an LSTM of one layer, its cell too, is `rounded`
    once, after the last symbol of symbols (n, sequences) and before GO.
    """
    x, y = examples(symbols)
    W_ih, W_hh, b_h = (params[f"1.{name}"] for name in ("W_ih", "W_hh", "b_h"))
    names = ("h0", "c0") if kind == "lstm" else ("h0",)
    first = (params[f"1.{name}"] for name in names)
    state, o = tuple(np.tile(a, (x.shape[1], 1)) for a in first), []
    for t, x_t in enumerate(x):
        if t == len(symbols) and bits is not None:
            state = tuple(rounded(a, bits) for a in state)
        if kind == "lstm":
            state = lstm_step(x_t, *state, W_ih, W_hh, b_h, sigmoid=expit, tanh=np.tanh)
        else:
            state = (np.tanh(x_t @ W_ih + state[0] @ W_hh + b_h),)
        o.append(state[0] @ params["W_ho"] + params["b_o"])
    return share_right(np.array(o), y)


# The experiments --------------------------------------------------------------------


def copies(
    seeds: tuple[int, ...], parameters: dict, updates: int | None = None
) -> list[dict]:
    """Each setting, for the networks of these seeds side by side.

    metrics, by setting: "found", the update of the first look at which a network had
    solved the task, 0 if none; "right", the share right then or at the end. Where
    sequences are of 1 to n symbols: "met" and "unmet", the mean share over the lengths
    up to n and over those from there to `tested`.
    curves, by setting: "looks", the share right at every look until then; "lengths",
    the share for 1 to `tested` symbols; with `back`, that of `as_far_back`, for n + 1
    to `tested`; of Elman and LSTM, "coarse", the share with a state of so many `bits` a
    number. No training ends before the updates that are
    traced.
    """
    drawn_by = [parameters.get("first", 0) + seed for seed in seeds]
    results: list[dict] = [{"trace": {}, "metrics": {}, "curves": {}} for _ in seeds]
    for name, setting in parameters["settings"].items():
        kind, N = setting["kind"], setting["n"]
        batch, total = parameters["batch"], updates or setting["updates"]
        net = compiled(kind, len(seeds), N, batch, parameters["clip"])
        net.trainer.reset(stacked([start(s, kind) for s in drawn_by]).values())
        net.rate.set_value(setting["rate"])
        watch = Watch(drawn_by, parameters, setting)
        training = _drawn(
            [np.random.default_rng([s, 1]) for s in drawn_by], batch, setting
        )

        def look(k: int, total: int = total) -> bool:
            return updates is None and (k % parameters["every"] == 0 or k == total)

        for k, _ in net.trainer.train(training, total, look):
            watch.at(k, net.now(), last=k == total)
            if watch.done and k >= TRACE_UPDATES:
                break
        for i, result in enumerate(results):
            result["trace"][name] = [losses[i] for losses in net.trainer.trace]
            for part in ("metrics", "curves"):
                for key, value in getattr(watch, part)[i].items():
                    result[part].setdefault(key, {})[name] = value
    return results


class Watch:
    """What is measured of networks side by side while they are trained."""

    def __init__(self, seeds: Sequence[int], parameters: dict, setting: dict):
        self.seeds, self.parameters, self.setting = seeds, parameters, setting
        rngs = [np.random.default_rng([seed, 2]) for seed in seeds]
        self.test = next(_drawn(rngs, parameters["test"], setting))
        self.metrics: list[dict] = [{} for _ in seeds]
        self.curves: list[dict] = [{"looks": []} for _ in seeds]

    @property
    def done(self) -> bool:
        """Whether all networks have been measured for good."""
        return all(self.metrics)

    def at(self, k: int, params: dict, last: bool) -> None:
        """Measure, after update k, the networks that have not solved the task."""
        if self.done:
            return
        o = outputs(self.setting["kind"], self.test.x, params)
        ended = []
        for i, metrics in enumerate(self.metrics):
            if metrics:
                continue
            right = share_right(o[:, i], self.test.y[:, i])
            self.curves[i]["looks"].append(round(right, 4))
            if right >= SOLVED or last:
                metrics |= {"found": k * (right >= SOLVED), "right": right}
                ended.append(i)
        if ended:
            self._end(ended, params)

    def _end(self, ended: list[int], params: dict) -> None:
        """Measure once, when it is over, what takes longer."""
        kind, N, test = self.setting["kind"], self.setting["n"], self.parameters["test"]
        if bits := self.setting.get("bits"):
            for i in ended:
                rng = np.random.default_rng([self.seeds[i], 3])
                symbols = rng.integers(K, size=(N, test))
                self.curves[i]["coarse"] = [
                    round(coarse(kind, unstacked(params)[i], symbols, b), 4)
                    for b in bits
                ]
        if tested := self.setting.get("tested"):
            shares, back = self._by_length(tested, params)
            for i in ended:
                self.curves[i]["lengths"] = shares[i].round(4)
                if self.setting.get("back"):
                    self.curves[i]["back"] = back[i].round(4)
                met, unmet = shares[i, :N], shares[i, N:]
                self.metrics[i] |= {"met": met.mean(), "unmet": unmet.mean()}

    def _by_length(self, tested: int, params: dict) -> tuple[np.ndarray, np.ndarray]:
        """The share right of each network for 1 to `tested` symbols.

        And for more than the n of training the share of `as_far_back`.
        """
        N = self.setting["n"]
        size = tested, self.parameters["test"]
        each = [
            np.random.default_rng([s, 4]).integers(K, size=size) for s in self.seeds
        ]
        symbols = np.stack(each, axis=1)  # (tested, networks, test)
        shares = np.empty((len(each), tested))
        back = np.empty((len(each), tested - N))
        for n in range(1, tested + 1):
            x, y = examples(symbols, np.full(symbols.shape[1:], n))
            o = outputs(self.setting["kind"], x, params)
            shares[:, n - 1] = [share_right(o[:, i], y[:, i]) for i in range(len(each))]
            if n > N:
                back[:, n - N - 1] = as_far_back(o, symbols[:n], N)
        return shares, back


def as_far_back(o: np.ndarray, symbols: np.ndarray, N: int) -> np.ndarray:
    """How often the first N answers are the symbol heard N steps before each.

    o (T, networks, sequences, K) to symbols (n, networks, sequences), n > N: a copy
    looks n steps back, and so such an answer is the symbol that comes n - N later.
    """
    n = len(symbols)
    return (o[n : n + N].argmax(axis=-1) == symbols[n - N :]).mean(axis=(0, 2))


def solved_within(recorded: Results, setting: str, budget: int) -> np.ndarray:
    """Which seeds of a record of `copies` had solved a setting by update `budget`."""
    found = recorded.metric(f"found.{setting}")
    return (found > 0) & (found <= budget)


def right_at(recorded: Results, setting: str, update: int) -> np.ndarray:
    """The share right of each seed at a look, or at its last if it was done before."""
    last = update // recorded.parameters["every"]
    looks = (run["curves"]["looks"][setting] for run in recorded.runs)
    return np.array([shares[: last + 1][-1] for shares in looks])


def best_rate(search: Results, kind: str) -> float:
    """The rate of a search with which most seeds solved the task.

    Among rates that are level in this, that with which they did so sooner, in the
    median; then that with more right answers.
    """

    def rank(name: str) -> tuple:
        found, right = search.metric(f"found.{name}"), search.metric(f"right.{name}")
        sooner = np.median(found[found > 0]) if found.any() else np.inf
        return -np.count_nonzero(found), sooner, -right.mean()

    settings = search.parameters["settings"]
    names = [name for name in settings if settings[name]["kind"] == kind]
    return settings[min(names, key=rank)]["rate"]


COMMON = {
    "batch": 32,
    "clip": 1.0,
    "every": 100,  # updates from look to look
    "test": 250,  # sequences of a look
}
GRID = 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1
BUDGET = 2000
# What the search found (`best_rate`).
RATES = {"elman": 0.003, "lstm": 0.01, "mingru": 0.03, "attention": 0.01}
LENGTHS = {
    "elman": (3, 5, 7, 10, 14, 20),
    "lstm": (3, 5, 7, 10, 14, 20),
    "mingru": (3, 5, 7, 10),
    "attention": (3, 5, 7, 10, 14, 20),
}
# Where it is asked whether it is the budget that ends it: four times as much.
LONGER = {"lstm": (5, 7, 10)}
COARSE = {"elman": [1, 2, 3, 4, 6, 8], "lstm": [1, 2, 3, 4, 6, 8]}
SPOKEN = {"elman": "an Elman network", "lstm": "an LSTM"}
SPOKEN |= {"mingru": "two layers of minGRU", "attention": "two layers of attention"}

SEARCH = COMMON | {
    "first": 100,
    "settings": {
        f"{kind} {rate:g}": {"kind": kind, "n": 7, "rate": rate, "updates": 1000}
        for kind in SIZES
        for rate in GRID
    },
}
LEARNED = {
    kind: COMMON
    | {
        "settings": {
            str(n): {
                "kind": kind,
                "n": n,
                "rate": RATES[kind],
                "updates": BUDGET * (4 if n in LONGER.get(kind, ()) else 1),
                "bits": COARSE.get(kind, []),
            }
            for n in lengths
        }
    }
    for kind, lengths in LENGTHS.items()
}
# The shortest length that the Elman network did not solve, with the budget of LONGER.
PATIENT = COMMON | {
    "settings": {
        "elman 10": LEARNED["elman"]["settings"]["10"] | {"updates": 4 * BUDGET}
    }
}
UNMET = COMMON | {
    "settings": {
        kind: {
            "kind": kind,
            "shortest": 1,
            "n": 10,
            "tested": 20,
            "rate": RATES[kind],
            "updates": BUDGET,
        }
        for kind in SIZES
    }
}
# Of attention alone: where does it look when a copy asks for more than it has met?
BACK = UNMET | {
    "settings": {"attention": UNMET["settings"]["attention"] | {"back": True}}
}

EXPERIMENTS = tuple(
    Experiment(
        name=f"beyond-copy-{name}",
        summary=summary,
        parameters=parameters,
        run=copies,
        metrics=tuple(f"right.{setting}" for setting in parameters["settings"]),
        together=together,
    )
    for name, parameters, together, summary in (
        ("rates", SEARCH, 3, "Copies of 7 symbols: four networks by rate of Adam."),
        *(
            (kind, parameters, 6, f"Copies by {SPOKEN[kind]}, by length.")
            for kind, parameters in LEARNED.items()
        ),
        ("longer", PATIENT, 6, "Copies of 10 symbols by an Elman network, for longer."),
        (
            "lengths",
            UNMET,
            6,
            "Copies of lengths that training had, and of longer ones.",
        ),
        ("back", BACK, 6, "Copies of longer ones: how far back does attention look?"),
    )
)
