"""The recorded experiments of chapter 6: the symbol that an Elman network misses.

A string of the embedded grammar ends as it began: its last symbol but one is its second
one, T or P. Between them lies an inner string, and the **lag**, from reading the symbol
to using it, is the length of that string. At all other places what comes next can be
told from the last few symbols. So we ask one thing of a network: whether it finds that
symbol the likelier one of T and P, at the one place where only one of them is legal.

    solved    right for at least 99% of fresh strings, at the end of training
    chance    right for at most 55% of them

The settings of a cell are trained side by side in one compiled function: the same
network and the same optimisers, with one more axis in front of every parameter. In a
`sweep` all of them see the same strings in the same order, one string an update, so
that nothing is padded to fit another. They differ in their first weights, their rates
and their loss. What trains several seeds side by side, `side_by_side`, gives each seed
strings of its own.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from importlib.metadata import version
from itertools import count
from typing import NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as pt
from scipy.special import expit

from helpers.experiments.runner import Experiment
from helpers.experiments.trainer import Trainer
from helpers.networks import initialisation, trained
from helpers.networks.elman import (
    Elman,
    for_each_example,
    hidden_states,
    hidden_states_numpy,
    initial_elman,
    readout,
    shared,
)
from helpers.networks.elman import step as elman_step
from helpers.networks.gated import (
    GRU,
    LSTM,
    gru_states,
    gru_states_numpy,
    gru_step,
    initial_gru,
    initial_lstm,
    lstm_states,
    lstm_states_numpy,
    lstm_step,
)
from helpers.networks.optimisers import adam
from helpers.results.provenance import versions
from helpers.results.tables import significant
from helpers.tasks.reber import EMBEDDED, SYMBOLS, Examples, encode

T, P = SYMBOLS.index("T"), SYMBOLS.index("P")
SOLVED, CHANCE = 0.99, 0.55

# Numbers of predictions to which strings are filled up where they must be. A longer one
# is drawn again: 1 in 3,000 with inner strings of at least 20 symbols, and 3 in a
# million of all.
LENGTHS = (16, 24, 32, 48)
# The same where the strings of several seeds are filled up to one length.
APART_LENGTHS = (16, 24, 32)

# Before 3.3, PyTensor fuses the steps of a scan that has no mode of its own, and Python
# runs what is fused number by number. Since then they are compiled as what is around.
OLD = tuple(map(int, version("pytensor").split(".")[:2])) < (3, 3)
UNFUSED = {"mode": "FAST_COMPILE"} if OLD else {}

INITIAL: dict[str, Callable] = {
    "elman": initial_elman,
    "lstm": initial_lstm,
    "gru": initial_gru,
}


# Strings ----------------------------------------------------------------------


def strings(
    n: int,
    min_inner: int,
    rng: np.random.Generator,
    max_inner: int = LENGTHS[-1] - 3,
) -> list[str]:
    """n random strings with inner strings of `min_inner` to `max_inner` symbols."""
    drawn: list[str] = []
    while len(drawn) < n:
        string = EMBEDDED.sample(rng, min_inner=min_inner)
        if len(string) - 4 <= max_inner:
            drawn.append(string)
    return drawn


def strings_of_length(n: int, inner: int, rng: np.random.Generator) -> list[str]:
    """n random strings whose inner strings have exactly `inner` symbols."""
    return strings(n, inner, rng, inner)


class Questions(NamedTuple):
    """Strings as a padded batch, and where in each of them the question is asked."""

    examples: Examples
    place: np.ndarray  # (n,), the prediction of the last symbol but one
    is_T: np.ndarray  # (n,), whether that symbol is T


def questions(some: list[str]) -> Questions:
    """The question that each of these strings of the embedded grammar asks."""
    place = np.array([len(string) - 3 for string in some])
    return Questions(
        EMBEDDED.batch(some), place, np.array([string[-2] == "T" for string in some])
    )


# Networks ---------------------------------------------------------------------


def relu(a: np.ndarray) -> np.ndarray:
    """The positive part, the activation that Le et al. (2015) start at the identity."""
    return np.maximum(a, 0)


def first_values(
    cell: str,
    units: int,
    rng: np.random.Generator,
    init: str,
    forget_bias: float | None = None,
):
    """A network's first values.

    `init` names a function of helpers.networks.initialisation.
    "identity" is that of Le, Jaitly and Hinton (2015) for an Elman network: W_hh the
    identity, W_ih and W_ho normal with standard deviation 0.001.
    """
    if init == "identity":
        tiny = partial(initialisation.normal, sd=0.001)
        values = INITIAL[cell](7, units, 7, rng, init=tiny)
        return values._replace(W_hh=np.eye(units, dtype=values.W_hh.dtype))
    options = {} if forget_bias is None else {"forget_bias": forget_bias}
    return INITIAL[cell](
        7, units, 7, rng, init=getattr(initialisation, init), **options
    )


def states(x, params, g: Callable = pt.tanh):
    """The states h of any of the three cells, symbolic; g is for Elman networks."""
    if isinstance(params, LSTM):
        return lstm_states(x, params)[0]
    if isinstance(params, GRU):
        return gru_states(x, params)
    return hidden_states(x, params, g)


def states_numpy(x: np.ndarray, params, g: Callable = np.tanh) -> np.ndarray:
    """The states h of any of the three cells, in NumPy."""
    if isinstance(params, LSTM):
        return lstm_states_numpy(x, params)[0]
    if isinstance(params, GRU):
        return gru_states_numpy(x, params)
    return hidden_states_numpy(x, params, g)


def cross_entropy(o, y):
    """-y log s(o) - (1 - y) log(1 - s(o)) from the logits o, s being the sigmoid."""
    return pt.softplus(o) - y * o


def outputs(x: np.ndarray, params, setting: dict) -> np.ndarray:
    """The logits of one network, (T, n, 7) for x (T, n, 7)."""
    g = relu if setting.get("relu") else np.tanh
    return readout(states_numpy(x, params, g), params)


def answers_right(asked: Questions, params, setting: dict) -> np.ndarray:
    """For each string, whether the right one of T and P has the larger output: (n,)."""
    return right_of(outputs(asked.examples.x, params, setting), asked)


def right_of(o: np.ndarray, asked: Questions) -> np.ndarray:
    """The same, of logits (T, n, 7)."""
    o = o[asked.place, np.arange(len(asked.place))]
    return (o[:, T] > o[:, P]) == asked.is_T


def share_right(asked: Questions, params, setting: dict) -> float:
    """The share of the strings for which `answers_right`."""
    return float(answers_right(asked, params, setting).mean())


def all_right(some: Examples, params, setting: dict) -> np.ndarray:
    """For each string, whether every prediction of it is right: (n,), bool.

    A prediction is right if the outputs of the legal next symbols are the most active
    ones, the criterion of Hochreiter and Schmidhuber (1997), section 5.1.
    """
    o, legal = outputs(some.x, params, setting), some.y == 1
    least = np.where(legal, o, np.inf).min(axis=2)
    others = np.where(legal, -np.inf, o).max(axis=2)
    return ((least > others) | (some.mask == 0)).all(axis=0)


def loss_by_position(some: Examples, params, setting: dict) -> np.ndarray:
    """The mean loss at each prediction of strings of one length: (T,), in nats.

    Summed over the seven outputs.
    """
    o = outputs(some.x, params, setting)
    loss = np.logaddexp(0, o) - some.y * o
    return loss.sum(axis=2).mean(axis=1)


def mean_loss(some: Examples, params, setting: dict) -> float:
    """The mean over strings of the loss that training sees, a mean over a string."""
    return loss_of(outputs(some.x, params, setting), some)


def loss_of(o: np.ndarray, some: Examples) -> float:
    """The same, of logits (T, n, 7)."""
    loss = (np.logaddexp(0, o) - some.y * o).mean(axis=2) * some.mask
    return float((loss.sum(axis=0) / some.mask.sum(axis=0)).mean())


# Networks side by side ----------------------------------------------------------


class Stack(NamedTuple):
    """Networks of one cell and one size, trained side by side.

    Each parameter has the networks as its first axis; vectors have a second one of
    length 1, where a batch of one string goes. `rates` are the settings' numbers, each
    of shape (networks, 1, 1). An update of the trainer is one of all networks on one
    string, given as the Examples of `EMBEDDED.batch`; its loss holds one a network.
    """

    trainer: Trainer
    rates: dict[str, pytensor.compile.SharedVariable]


# What a setting may hold beside its first weights, and what it is otherwise.
RATES = {"sgd": 0.0, "momentum": 0.0, "adam": 0.0, "clip": np.inf, "scale": 1.0}


def stacked(values: list):
    """Parameters of single networks as those of a stack, NumPy arrays."""
    return type(values[0])(
        *(
            np.stack([v if v.ndim == 2 else v[None] for v in field])
            for field in zip(*values, strict=True)
        )
    )


def unstacked(params) -> list:
    """Parameters of a stack, NumPy arrays, as those of its single networks."""
    vectors = [name[0] != "W" for name in params._fields]
    return [
        params._make(
            a[i, 0] if vector else a[i]
            for a, vector in zip(params, vectors, strict=True)
        )
        for i in range(len(params[0]))
    ]


@cache
def compiled(cell: str, units: int, relus: tuple[bool, ...]) -> Stack:
    """Build and compile; `train` sets the values of parameters and rates.

    `relus` says for each network whether its activation is ReLU in the place of tanh.
    All networks read the same string.
    """
    networks = len(relus)
    params = _blank(cell, units, networks)
    x = pt.tensor3("x", shape=(None, 1, 7))
    y = pt.tensor3("y", shape=(None, 1, 7))
    mask = pt.matrix("mask", shape=(None, 1))
    o = readout(states(x, params, _activation(relus)), params)  # (T, networks, 1, 7)
    per_step = cross_entropy(o, y[:, None]).mean(axis=(2, 3))
    losses = (per_step * mask).sum(axis=0) / mask.sum()
    return _trained_by([x, y, mask], losses, params, networks)


@cache
def compiled_apart(cell: str, units: int, relus: tuple[bool, ...]) -> Stack:
    """As `compiled`, but each network reads a string of its own.

    An update is given x (T, networks, 1, 7), y (T, networks, 7) and mask
    (T, networks), the strings filled up to one length.
    """
    networks = len(relus)
    params = _blank(cell, units, networks)
    x = pt.tensor4("x", shape=(None, networks, 1, 7))
    y = pt.tensor3("y", shape=(None, networks, 7))
    mask = pt.matrix("mask", shape=(None, networks))
    h = _scanned(x, params, params[5:], _activation(relus))  # (T, networks, 1, units)
    o = readout(h, params)[:, :, 0]  # (T, networks, 7)
    per_step = cross_entropy(o, y).mean(axis=2)
    losses = (per_step * mask).sum(axis=0) / mask.sum(axis=0)
    return _trained_by([x, y, mask], losses, params, networks, velocity=True)


def _scanned(x, params, start: Iterable, g: Callable, **options):
    """The states h from `start`, h0 and for the LSTM c0, by a scan of the steps.

    `options` are other arguments of `pytensor.scan`.
    """
    steps = {LSTM: lstm_step, GRU: gru_step}
    of_state = pytensor.scan(
        steps.get(type(params), partial(elman_step, g=g)),
        sequences=x,
        outputs_info=list(start),
        non_sequences=[params.W_ih, params.W_hh, params.b_h],
        strict=True,
        return_updates=False,
        **options,
    )
    return of_state[0] if isinstance(of_state, list | tuple) else of_state


def _blank(cell: str, units: int, networks: int):
    """Shared parameters of a stack, to be set before training."""
    rng = np.random.default_rng(0)
    return shared(stacked([INITIAL[cell](7, units, 7, rng)] * networks))


def _activation(relus: tuple[bool, ...]) -> Callable:
    def g(a):
        if not any(relus):
            return pt.tanh(a)
        return pt.switch(np.array(relus)[:, None, None], pt.maximum(a, 0), pt.tanh(a))

    return g


def _trained_by(
    inputs: list, losses, params, networks: int, velocity: bool = False
) -> Stack:
    """A stack with losses (networks,) of these inputs.

    A network's update is that of SGD at its rate plus that of Adam at its rate, one of
    which is zero, on its own gradient: `scale` times that of the mean loss, and cut to
    the norm `clip`. With `velocity` SGD may have momentum.
    """
    one_each = (networks, 1, 1)
    rates = {
        name: pytensor.shared(np.zeros(one_each), name=name, shape=one_each)
        for name in RATES
    }
    # No network acts on the loss of another: the gradient of the sum has that of each.
    gradients = pt.grad(losses.sum(), list(params))
    gradients = [rates["scale"] * d for d in gradients]
    elements = pt.concatenate([d.reshape((networks, -1)) for d in gradients], axis=1)
    norm = pt.sqrt((elements**2).sum(axis=1))[:, None, None]
    gradients = [d / pt.maximum(norm / rates["clip"], 1) for d in gradients]
    updates = dict(adam(gradients, params, rates["adam"]))
    for p, d in zip(params, gradients, strict=True):
        way = d
        if velocity:
            v = pytensor.shared(np.zeros_like(p.get_value()), shape=p.type.shape)
            way = updates[v] = rates["momentum"] * v + d
        updates[p] = updates[p] - rates["sgd"] * way
    # In a longer chunk some string is long, and all would be filled up to it.
    trainer = Trainer(inputs, losses, list(updates.items()), params, chunk=10)
    return Stack(trainer, rates)


def _set_rates(net: Stack, settings: list[dict]) -> None:
    for name, usual in RATES.items():
        values = [float(setting.get(name, usual)) for setting in settings]
        net.rates[name].set_value(np.array(values)[:, None, None])


def train(
    net: Stack,
    start: list,
    settings: list[dict],
    training: list[str],
    rng: np.random.Generator,
    updates: int,
    look: Callable[[int], bool] = lambda k: False,
    lengths: tuple[int, ...] = LENGTHS,
) -> Iterator[tuple[int, np.ndarray | None]]:
    """Train a stack from `start`; yields (k, losses) as `Trainer.train`.

    Each update draws one of the training strings, with replacement.
    """
    net.trainer.reset(stacked(start))
    _set_rates(net, settings)
    prepared = [EMBEDDED.batch([string]) for string in training]
    drawn = (prepared[rng.integers(len(prepared))] for _ in count())
    return net.trainer.train(drawn, updates, look, lengths)


# What reaches the second symbol ---------------------------------------------------


@cache
def _reach(kind: type, relu: bool):
    """Compiled: the gradient at the inputs, from an error of 1/2 at given places.

    On PyTensor's own engine, which needs no compiling; it is called a few times only.
    """

    def g(a):
        return pt.maximum(a, 0) if relu else pt.tanh(a)

    params = kind(
        *(pt.matrix(n) if n[0] == "W" else pt.vector(n) for n in kind._fields)
    )
    x, where = pt.tensor3("x"), pt.matrix("where")
    start = (for_each_example(state, x) for state in params[5:])
    o = readout(_scanned(x, params, start, g, **UNFUSED), params)
    undecided = (where * (o[:, :, T] - o[:, :, P])).sum() / 2
    return pytensor.function(
        [x, where, *params], pt.grad(undecided, x), mode="FAST_COMPILE"
    )


def reach(asked: Questions, params, setting: dict) -> np.ndarray:
    """The norm of the gradient that arrives at the second symbol: (n,).

    Each network is given the error of one that is undecided, +1/2 on one of T and P
    and -1/2 on the other, at the place of the question. So networks differ in the way
    back alone, not in what they already know.
    """
    x, _, mask = asked.examples
    where = np.zeros_like(mask)
    where[asked.place, np.arange(len(asked.place))] = 1
    compiled_reach = _reach(type(params), setting.get("relu", False))
    gradient = np.asarray(compiled_reach(x, where, *params))
    return np.linalg.norm(gradient[1], axis=1)


# The experiments ------------------------------------------------------------------


def sweep(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed: all settings of a cell at each least inner length.

    metrics, each by least inner length and setting: "right", the share of right
    answers after `budget` updates; "longer", that after all updates where there are
    more; "ever", 1 if some look at 200 strings and then 1,000 others both found at
    least 99% right, else 0; "loss", the mean loss on the strings of the last test.
    curves: "by length", the share right at the budget for strings of each exact inner
    length. For the settings that are `watched`: "looks", the share right at the
    `moments`; "reach", the gradient that arrives at the second symbol, by inner length,
    and "singular", the largest and the median singular value of W_hh, both at the
    `marks`. For those that are `mapped`: "positions", the loss at each position of
    strings of one length, at the `moments`.
    """
    settings = parameters["settings"]
    names, chosen = list(settings), list(settings.values())
    relus = tuple(setting.get("relu", False) for setting in chosen)
    net = compiled(parameters["cell"], parameters["units"], relus)
    start = [_start(seed, parameters, setting) for setting in chosen]
    traces: dict = {}
    metrics: dict = {key: {} for key in ("right", "longer", "ever", "loss")}
    curves: dict = {}
    for least, total in parameters["updates"].items():
        rng = np.random.default_rng([seed, 1, int(least)])
        training = strings(parameters["strings"], int(least), rng)
        look = None if updates else Looks(seed, parameters, int(least), names)
        # A short run is not worth compiling for more than one length.
        lengths = LENGTHS[-1:] if updates else LENGTHS
        for k, _ in train(
            net,
            start,
            chosen,
            training,
            rng,
            updates or total,
            lambda k: k % parameters["every"] == 0,
            lengths,
        ):
            if look:
                look.at(k, unstacked(net.trainer.now()), last=k == total)
        for name, trace in zip(names, np.transpose(net.trainer.trace), strict=True):
            traces[f"{least} {name}"] = trace
        if look:
            for key in metrics:
                if found := getattr(look, key):
                    metrics[key][least] = found
            curves[least] = look.curves
    return {"trace": traces, "metrics": metrics, "curves": curves}


def _start(seed: int, parameters: dict, setting: dict):
    """First values: those of one seed and one initialisation are the same."""
    return first_values(
        parameters["cell"],
        parameters["units"],
        np.random.default_rng([seed, 0]),
        setting["init"],
        setting.get("forget_bias"),
    )


class Looks:
    """What is measured while a stack is trained, by the names of its settings."""

    def __init__(self, seed: int, parameters: dict, least: int, names: list[str]):
        rng = np.random.default_rng([seed, 2, least])
        self.parameters, self.names = parameters, names
        self.watch = questions(strings(parameters["watch"], least, rng))
        self.test = questions(strings(parameters["test"], least, rng))
        self.by_length, self.probes = (
            [
                questions(strings(n, inner, rng, inner))
                for inner in parameters["lengths"]
            ]
            for n in (parameters["watch"], parameters["probes"])
        )
        inner = parameters["positions"].get(str(least))
        self.one_length = inner and EMBEDDED.batch(
            strings_of_length(parameters["watch"], inner, rng)
        )
        self.right: dict[str, float] = {}
        self.longer: dict[str, float] = {}
        self.loss: dict[str, float] = {}
        self.ever = dict.fromkeys(names, 0)
        self.curves: dict = {
            key: {} for key in ("looks", "by length", "reach", "singular", "positions")
        }

    def at(self, k: int, networks: list, last: bool) -> None:
        """Measure after update k."""
        parameters, curves = self.parameters, self.curves
        for name, params in zip(self.names, networks, strict=True):
            setting = parameters["settings"][name]
            share = share_right(self.watch, params, setting)
            if k in parameters["moments"]:
                if name in parameters["watched"]:
                    curves["looks"].setdefault(name, []).append(share)
                if self.one_length and name in parameters["mapped"]:
                    loss = loss_by_position(self.one_length, params, setting)
                    curves["positions"].setdefault(name, []).append(loss.round(3))
            if share >= SOLVED and not self.ever[name]:
                confirmed = share_right(self.test, params, setting) >= SOLVED
                self.ever[name] = int(confirmed)
            if k in parameters["marks"] and name in parameters["watched"]:
                reached = [
                    significant(np.median(reach(asked, params, setting)), 3)
                    for asked in self.probes
                ]
                curves["reach"].setdefault(name, []).append(reached)
                if isinstance(params, Elman):
                    values = np.linalg.svd(params.W_hh, compute_uv=False)
                    pair = np.round([values[0], np.median(values)], 4)
                    curves["singular"].setdefault(name, []).append(pair)
            if k == parameters["budget"]:
                self.right[name] = share_right(self.test, params, setting)
                loss = mean_loss(self.test.examples, params, setting)
                self.loss[name] = round(loss, 5)
                curves["by length"][name] = [
                    share_right(asked, params, setting) for asked in self.by_length
                ]
            elif last:
                self.longer[name] = share_right(self.test, params, setting)


# Several seeds side by side -------------------------------------------------------


def side_by_side(
    seeds: tuple[int, ...], parameters: dict, updates: int | None = None
) -> list[dict]:
    """The settings of one cell for several seeds, each with strings of its own.

    A seed's settings see the same strings in the same order. Where `parameters` has
    `trials` in the place of `settings`, a seed is one trial: seed s has setting
    s % len(trials), and the trials of one round the same first weights and strings,
    those of seed `first` + s // len(trials).

    metrics, by setting: "right", the share of right answers at the end on `test` fresh
    strings; "unseen", that on those of them that were not trained on, and "share
    unseen", how many these are; "ever", 1 if some look found a solution as in `sweep`,
    and "found", the update of that look, 0 if none; "all right", 1 if at the end every
    prediction is right in all of `strict` training strings and as many others
    (`all_right`), and "all right at", the update of the first look of which that holds.
    curves: "looks", the share right at every `moments`-th look; with `opened` also
    "carriers", as `carriers` has it, of a network that has solved the task.
    """
    least, longest = parameters["least"], parameters["longest"]
    drawn_by = [_source(seed, parameters) for seed in seeds]
    chosen = [_settings(seed, parameters) for seed in seeds]
    networks = [(i, name) for i, of_seed in enumerate(chosen) for name in of_seed]
    settings = [chosen[i][name] for i, name in networks]
    net = compiled_apart(
        parameters["cell"],
        parameters["units"],
        tuple(setting.get("relu", False) for setting in settings),
    )
    rngs = [np.random.default_rng([seed, 1, least]) for seed in drawn_by]
    training = [strings(parameters["strings"], least, r, longest) for r in rngs]
    start = [
        _start(drawn_by[i], parameters, setting)
        for (i, _), setting in zip(networks, settings, strict=True)
    ]
    net.trainer.reset(stacked(start))
    _set_rates(net, settings)
    looks = [
        Solutions(seed, parameters, of_seed)
        for seed, of_seed in zip(drawn_by, training, strict=True)
    ]
    every, total = parameters["every"], updates or parameters["updates"]
    for k, _ in net.trainer.train(
        _drawn(training, rngs, [i for i, _ in networks]),
        total,
        lambda k: updates is None and (k % every == 0 or k == total),
        APART_LENGTHS[-1:] if updates else APART_LENGTHS,
    ):
        now = unstacked(net.trainer.now())
        for (i, name), params, setting in zip(networks, now, settings, strict=True):
            looks[i].at(k, name, params, setting, last=k == total)
    traces: list[dict] = [{} for _ in seeds]
    by_network = np.transpose(net.trainer.trace)
    for (i, name), losses in zip(networks, by_network, strict=True):
        traces[i][name] = losses
    return [
        {"trace": trace, "metrics": look.metrics, "curves": look.curves}
        for trace, look in zip(traces, looks, strict=True)
    ]


def in_order(search) -> list[tuple[dict, np.ndarray, np.ndarray]]:
    """The trials of a search, the best first, each with what its rounds say.

    `search` is a record of `side_by_side` with `trials`. Beside a trial stand, of shape
    (rounds,), the share of right answers at the end, and the update at which a solution
    was found, infinite where the end is none. First come trials that more rounds end
    with a solution; among them those that found it sooner, in the median of these
    rounds; then those with more right answers; then as listed.
    """
    trials = search.parameters["trials"]
    right, found = (
        search.metric(f"{key}.trial").reshape(-1, len(trials)).T
        for key in ("right", "found")
    )
    found = np.where(right >= SOLVED, found, np.inf)

    def rank(i: int) -> tuple:
        solved = found[i][np.isfinite(found[i])]
        sooner = np.median(solved) if solved.size else np.inf
        return -solved.size, sooner, -right[i].mean()

    order = sorted(range(len(trials)), key=rank)
    return [(trials[i], right[i], found[i]) for i in order]


def _source(seed: int, parameters: dict) -> int:
    """The seed of first weights and strings."""
    if "trials" not in parameters:
        return seed
    return parameters["first"] + seed // len(parameters["trials"])


def _settings(seed: int, parameters: dict) -> dict[str, dict]:
    if "trials" not in parameters:
        return parameters["settings"]
    trials = parameters["trials"]
    return {"trial": trials[seed % len(trials)]}


def _drawn(
    training: list[list[str]], rngs: list[np.random.Generator], reads: list[int]
) -> Iterator[tuple]:
    """For each update a string of every seed, drawn with replacement by its own rng.

    Network i gets that of seed `reads[i]`; forms as in `compiled_apart`.
    """
    longest = max(len(string) for some in training for string in some) - 1
    batches = [EMBEDDED.batch(some, longest) for some in training]
    x, y = (np.array([b[k] for b in batches]).swapaxes(1, 2) for k in (0, 1))
    mask = np.array([b.mask for b in batches]).swapaxes(1, 2)  # (seeds, strings, T)
    lengths, every = mask.sum(axis=2).astype(int), np.arange(len(training))
    sources = list(zip(rngs, training, strict=True))
    while True:
        one = np.array([rng.integers(len(some)) for rng, some in sources])
        T, of_each = lengths[every, one].max(), one[reads]
        drawn = (a[reads, of_each, :T].swapaxes(0, 1) for a in (x, y, mask))
        x_now, y_now, mask_now = drawn
        yield x_now[:, :, None], y_now, mask_now


class Solutions:
    """What is measured while the settings of a seed are trained side by side."""

    def __init__(self, seed: int, parameters: dict, training: list[str]):
        least, longest = parameters["least"], parameters["longest"]
        rng = np.random.default_rng([seed, 2, least])
        self.parameters, known = parameters, set(training)
        self.watch = questions(strings(parameters["watch"], least, rng))
        test = strings(parameters["test"], least, rng)
        self.test = questions(test)
        self.unseen = np.array([string not in known for string in test])
        others: list[str] = []
        while len(others) < parameters["strict"]:
            (string,) = strings(1, least, rng, longest)
            if string not in known:
                others.append(string)
        some = training[: parameters["strict"]]
        self.strict = EMBEDDED.batch([*some, *others])
        keys = "right", "unseen", "share unseen", "ever", "found"
        self.metrics: dict = {k: {} for k in (*keys, "all right", "all right at")}
        self.curves: dict = {"looks": {}}

    def at(self, k: int, name: str, params, setting: dict, last: bool) -> None:
        """Measure one network after update k."""
        parameters, metrics = self.parameters, self.metrics
        share = share_right(self.watch, params, setting)
        if k % parameters["moments"] == 0:
            self.curves["looks"].setdefault(name, []).append(share)
        ever = metrics["ever"].setdefault(name, 0)
        found = metrics["found"].setdefault(name, 0)
        at = metrics["all right at"].setdefault(name, 0)
        if share >= SOLVED and not ever:
            ever = int(share_right(self.test, params, setting) >= SOLVED)
            metrics["ever"][name], metrics["found"][name] = ever, ever * k or found
        if last or (share == 1 and not at):
            strict = int(all_right(self.strict, params, setting).all())
            metrics["all right at"][name] = at or strict * k
            metrics["all right"][name] = strict
        if last:
            answers = answers_right(self.test, params, setting)
            metrics["right"][name] = float(answers.mean())
            metrics["unseen"][name] = float(answers[self.unseen].mean())
            metrics["share unseen"][name] = float(self.unseen.mean())
            if lag := parameters.get("opened"):
                self.curves["carriers"] = opened(params, lag)


# What the cells of an LSTM hold ---------------------------------------------------


class Watched(NamedTuple):
    """An LSTM along strings of one length, all of shape (T, strings, n_hid)."""

    i: np.ndarray  # the input gates
    f: np.ndarray  # the forget gates
    c: np.ndarray  # the cells
    h: np.ndarray  # the states


def watched(x: np.ndarray, params: LSTM) -> Watched:
    """Gates, cells and states of an LSTM that reads x (T, strings, 7)."""
    h, c = lstm_states_numpy(x, params)
    before = np.concatenate([np.broadcast_to(params.h0, h[:1].shape), h[:-1]])
    sums = x @ params.W_ih + before @ params.W_hh + params.b_h
    i, f = expit(np.split(sums, 4, axis=-1)[:2])
    return Watched(i, f, c, h)


def carriers(inner: list[str], params: LSTM) -> tuple[np.ndarray, np.ndarray]:
    """How much of the answer each cell carries at each step, and its forget gates.

    Every inner string is read twice, after BT and after BP. In the first reading cell k
    alone is given, after step t, the value that it has in the second; then the reading
    goes on. What it carries is the change of the answer, o_T - o_P, as a share of the
    whole difference between the two readings: 0 for a cell that has nothing to do with
    it, 1 for one that carries the symbol alone. Returns the means over the strings,
    (T, n_hid), and the lowest forget gate of each cell and step over the two readings,
    the median of the strings, (T, n_hid). T counts the symbols before the question.
    The inner strings must be of one length.
    """
    read = [
        np.stack([encode(f"B{symbol}{s}") for s in inner], axis=1) for symbol in "TP"
    ]
    first, second = (watched(x, params) for x in read)
    length, units = len(read[0]), len(params.h0)

    def answer(h: np.ndarray) -> np.ndarray:
        o = readout(h, params)
        return o[..., T] - o[..., P]

    whole = answer(second.h[-1]) - answer(first.h[-1])
    o_gates = slice(2 * units, 3 * units)
    shares = np.empty((length, units))
    x = read[0]
    for t in range(length):
        before = first.h[t - 1] if t else np.broadcast_to(params.h0, first.h[0].shape)
        sums = x[t] @ params.W_ih[:, o_gates] + before @ params.W_hh[:, o_gates]
        # (units, n, units): in row k, cell k is that of the second reading.
        swapped = np.eye(units, dtype=bool)[:, None]
        c = np.where(swapped, second.c[t], first.c[t])
        h = expit(sums + params.b_h[o_gates]) * np.tanh(c)
        for x_t in x[t + 1 :]:
            h, c = lstm_step(x_t, h, c, *params[:3], sigmoid=expit, tanh=np.tanh)
        shares[t] = ((answer(h) - answer(first.h[-1])) / whole).mean(axis=1)
    lowest = np.median(np.minimum(first.f, second.f), axis=1)
    return shares, lowest


def opened(params: LSTM, lag: int) -> dict[str, np.ndarray]:
    """`carriers` on 50 strings of this lag, rounded: "carries" and "forget gate"."""
    inner = [s[2:-2] for s in strings_of_length(50, lag, np.random.default_rng(lag))]
    shares, lowest = carriers(inner, params)
    return {"carries": shares.round(3), "forget gate": lowest.round(3)}


# The experiments of the chapter ----------------------------------------------------

COMMON = {
    "strings": 1000,  # to train on, drawn with replacement as in the source
    "budget": 50_000,
    "every": 1000,  # updates from look to look
    "watch": 200,  # strings of a look
    "test": 1000,  # strings of the last test
    "lengths": [5, 7, 10, 12, 15, 20, 25],  # of inner strings
    "probes": 20,  # strings for each of them that the gradient is sent back through
    "marks": [0, 1000, 10_000, 50_000],
    "moments": [
        *(0, 1000, 2000, 3000, 5000, 7000, 10_000, 15_000, 20_000, 30_000, 40_000),
        50_000,
    ],
    # The least inner length, and the inner length at which positions are compared.
    "positions": {"5": 8, "10": 12},
    # By least inner length; 5 is the shortest that there is.
    "updates": {"5": 50_000, "10": 50_000, "20": 50_000},
}

UNIT, IDENTITY = {"init": "unit_singular_value"}, {"init": "identity"}
ORTHOGONAL, UNIFORM = {"init": "orthogonal"}, {"init": "uniform"}

ELMAN = COMMON | {
    "cell": "elman",
    "units": 10,
    "updates": {"5": 50_000, "10": 100_000, "20": 50_000},
    "settings": {
        "SGD": UNIT | {"sgd": 0.2},
        "SGD, sum": UNIT | {"sgd": 0.2, "scale": 7},
        "SGD, clipped": UNIT | {"sgd": 0.2, "clip": 0.1},
        "SGD, orthogonal": ORTHOGONAL | {"sgd": 0.2},
        "SGD, identity": IDENTITY | {"sgd": 0.2},
        "Adam": UNIT | {"adam": 0.003},
        "Adam, slower": UNIT | {"adam": 0.001},
        "Adam, clipped": UNIT | {"adam": 0.003, "clip": 0.1},
        "Adam, orthogonal": ORTHOGONAL | {"adam": 0.003},
        "Adam, identity": IDENTITY | {"adam": 0.003},
        "ReLU, SGD": IDENTITY | {"relu": True, "sgd": 0.2, "clip": 1},
        "ReLU, Adam": IDENTITY | {"relu": True, "adam": 0.003, "clip": 1},
        "ReLU, Adam, slower": IDENTITY | {"relu": True, "adam": 0.001, "clip": 1},
    },
    "watched": ["SGD", "SGD, orthogonal", "Adam", "ReLU, Adam"],
    "mapped": ["SGD"],
}

LARGER = COMMON | {
    "cell": "elman",
    "units": 25,
    "updates": {"10": 100_000},
    "settings": {
        "SGD": UNIT | {"sgd": 0.2},
        "Adam": UNIT | {"adam": 0.003},
        "Adam, slower": UNIT | {"adam": 0.001},
        "Adam, orthogonal": ORTHOGONAL | {"adam": 0.001},
    },
    "watched": [],
    "mapped": [],
}

LSTM_15 = COMMON | {
    "cell": "lstm",
    "units": 15,
    "settings": {
        "Adam": UNIFORM | {"adam": 0.005},
        "Adam, bias 3": UNIFORM | {"adam": 0.01, "forget_bias": 3.0},
        "SGD": UNIFORM | {"sgd": 0.2},
        "SGD, sum": UNIFORM | {"sgd": 0.2, "scale": 7},
    },
    "watched": ["Adam"],
    "mapped": ["Adam"],
}

GRU_15 = COMMON | {
    "cell": "gru",
    "units": 15,
    "settings": {
        "Adam": UNIFORM | {"adam": 0.005},
        "Adam, faster": UNIFORM | {"adam": 0.01},
        "SGD, sum": UNIFORM | {"sgd": 0.2, "scale": 7},
    },
    "watched": ["Adam"],
    "mapped": [],
}


# Several seeds side by side: what is common to them.
APART = {
    "strings": 1000,
    "every": 2000,
    "moments": 10_000,
    "watch": 200,
    "test": 1000,
    "strict": 256,  # strings of either kind, as in Hochreiter and Schmidhuber (1997)
    "longest": 29,  # inner symbols in training: one in 22 of at least 20 has more
}

# The optimiser at lag 5, on the source's network: success against rate.
RATES_5 = APART | {
    "cell": "elman",
    "units": 10,
    "least": 5,
    "updates": 50_000,
    "settings": {
        f"{name} {rate:g}": UNIT | {key: rate} | more
        for name, key, rates, more in (
            ("SGD", "sgd", (0.01, 0.03, 0.1, 0.3, 1.0), {}),
            ("momentum", "sgd", (0.003, 0.01, 0.03, 0.1, 0.3), {"momentum": 0.9}),
            ("Adam", "adam", (0.003,), {}),
        )
        for rate in rates
    },
}

# Trained as in LSTM_15, at lags of at least 10, and opened.
GATES = APART | {
    "cell": "lstm",
    "units": 15,
    "least": 10,
    "updates": 50_000,
    "settings": {"Adam": UNIFORM | {"adam": 0.005}},
    "opened": 15,
}

# The same search for every cell at lags of at least 20: seven rates of Adam, with the
# gradient cut and uncut, each with the first weights of three seeds.
RATES_OF_ADAM = 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1
CELLS = {  # its units, and what belongs to the cell whatever the rate
    "elman": (10, UNIT),
    "relu": (10, IDENTITY | {"relu": True}),
    "lstm": (15, UNIFORM),
    "gru": (15, UNIFORM),
}


def at_20(name: str) -> dict:
    """What the search of a cell and the runs with what it found have in common."""
    units, _ = CELLS[name]
    cell = "elman" if name == "relu" else name
    return APART | {"cell": cell, "units": units, "least": 20}


SPOKEN = {"elman": "Elman", "relu": "ReLU", "lstm": "LSTM", "gru": "GRU"}
SEARCHES = {
    name: at_20(name)
    | {
        "updates": 50_000,
        "first": 100,
        "trials": [
            own | {"adam": rate} | cut
            for cut in ({}, {"clip": 1})
            for rate in RATES_OF_ADAM
        ],
    }
    for name, (_, own) in CELLS.items()
}

# The two settings of each cell that come first in its search, by `in_order`: 20 new
# seeds and twice the updates.
FOUND = {
    "elman": {"Adam 0.003": (0.003, {}), "Adam 0.01": (0.01, {})},
    "gru": {"Adam 0.003, cut": (0.003, {"clip": 1}), "Adam 0.003": (0.003, {})},
    "lstm": {
        "Adam 0.03, cut": (0.03, {"clip": 1}),
        "Adam 0.0003, cut": (0.0003, {"clip": 1}),
    },
    "relu": {"Adam 0.001, cut": (0.001, {"clip": 1}), "Adam 0.001": (0.001, {})},
}
FINALS = {
    name: at_20(name)
    | {
        "updates": 100_000,
        "moments": 4000,
        "settings": {
            setting: CELLS[name][1] | {"adam": rate} | cut
            for setting, (rate, cut) in found.items()
        },
    }
    for name, found in FOUND.items()
}

EXPERIMENTS = tuple(
    Experiment(
        name=f"embedded-reber-{name}",
        summary=summary,
        parameters=parameters,
        run=sweep,
        # The share of right answers, for each setting.
        metrics=tuple(
            f"right.{least}.{setting}"
            for least in parameters["updates"]
            for setting in parameters["settings"]
        ),
    )
    for name, parameters, summary in (
        (
            "elman",
            ELMAN,
            "The embedded Reber grammar and an Elman network of 10 units, by lag.",
        ),
        ("larger", LARGER, "The same with 25 units and up to 100,000 updates."),
        ("lstm", LSTM_15, "The same with an LSTM of 15 units."),
        ("gru", GRU_15, "The same with a GRU of 15 units."),
    )
) + tuple(
    Experiment(
        name=f"embedded-reber-{name}",
        summary=summary,
        parameters=parameters,
        run=side_by_side,
        metrics=tuple(
            f"right.{setting}" for setting in parameters.get("settings", ["trial"])
        ),
        together=together,
    )
    for name, parameters, together, summary in (
        (
            "rates",
            RATES_5,
            10,
            "SGD, with and without momentum, and Adam, by rate, at lag 5.",
        ),
        ("gates", GATES, 20, "Which cells of a trained LSTM hold the symbol."),
        *(
            (
                f"search-{name}",
                search,
                21,
                f"A search for the {SPOKEN[name]} network at lag 20: 14 settings, "
                "three times each.",
            )
            for name, search in SEARCHES.items()
        ),
        *(
            (
                f"finals-{name}",
                finals,
                10,
                f"The {SPOKEN[name]} network at lag 20: the two settings that came "
                "first in its search.",
            )
            for name, finals in FINALS.items()
        ),
    )
)


# Trained networks to look into ----------------------------------------------------

# By the name of the file: trained as in the sweep, seed 0, on strings with inner
# strings of at least 10 symbols.
SHIPPED = {
    "embedded-reber-elman": (ELMAN, "SGD"),
    "embedded-reber-relu": (ELMAN, "ReLU, Adam"),
    "embedded-reber-lstm": (LSTM_15, "Adam"),
    "embedded-reber-gru": (GRU_15, "Adam"),
}
SHIPPED_LEAST = 10


def shipped(parameters: dict, name: str, updates: int) -> tuple:
    """One setting, trained alone: its parameters, and how they were made."""
    seed, setting = 0, parameters["settings"][name]
    start = _start(seed, parameters, setting)
    rng = np.random.default_rng([seed, 1, SHIPPED_LEAST])
    training = strings(parameters["strings"], SHIPPED_LEAST, rng)
    relus = (setting.get("relu", False),)
    net = compiled(parameters["cell"], parameters["units"], relus)
    for _ in train(net, [start], [setting], training, rng, updates):
        pass  # nothing is looked at
    (params,) = unstacked(net.trainer.now())
    asked = questions(strings(1000, SHIPPED_LEAST, np.random.default_rng([seed, 4])))
    return params, {
        "command": "python -m helpers.experiments.ship embedded-reber",
        "versions": versions(),
        "cell": parameters["cell"],
        "units": parameters["units"],
        "setting": setting,
        "seed": seed,
        "least_inner_length": SHIPPED_LEAST,
        "strings": parameters["strings"],
        "updates": updates,
        "right_of_1000_fresh_strings": share_right(asked, params, setting),
    }


def ship() -> None:
    """Train the networks that the chapter loads, and write them to data/."""
    for name, (parameters, setting) in SHIPPED.items():
        trained.save(name, *shipped(parameters, setting, parameters["budget"]))
