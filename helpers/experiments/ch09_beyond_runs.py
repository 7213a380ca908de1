"""The recorded experiments of chapter 9: the question of chapter 6 again.

The question, the strings and what counts as solved are those of
`ch06_embedded_reber_runs`, at lags of at least 10 and 20. Every kind of recurrence has
about 1,500 weights, in one layer and in two, and learns by Adam, one string an update.

    beyond-rates-KIND    a grid of rates, seeds of its own, 5,000 updates
    beyond-reber-KIND    20 other seeds at the rates that came first there, 20,000
    beyond-reber-starts  one layer, a lag of at least 20: starts exchanged, no more

All networks of a kind with so many layers are trained side by side. A network's
training has ended when it was right for 99% of the strings of three looks running, and
for 99% of 1,000 others at the last of them: what is said of it is what it was then.
When half of the networks have ended, the others go on without them.

A network of which some output is NaN or infinite has **diverged**. It knows nothing any
more, and is recorded as one that does not: right 0.5, loss ln 2 (an output of 0), and
the update of the look that saw it. Losses of a trace that are not finite are ln 2 too.
"""

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as pt
from scipy.special import expit, logit

from helpers.experiments.ch06_embedded_reber_runs import (
    CHANCE,
    LENGTHS,
    SOLVED,
    P,
    Questions,
    T,
    cross_entropy,
    loss_of,
    questions,
    right_of,
    strings,
)
from helpers.experiments.runner import Experiment
from helpers.experiments.trainer import Trainer
from helpers.networks import trained
from helpers.networks.optimisers import adam
from helpers.networks.recurrences import initial_network, network, states
from helpers.results.provenance import versions
from helpers.tasks.reber import EMBEDDED

PREDICTIONS = 32  # of the longest training string; shorter ones are filled up
RUNNING = 3  # looks at which a network must have solved the task
UNDECIDED = float(np.log(2))  # the loss of outputs that are all 0
FEWER = 5000  # updates to come for which it pays to compile for fewer networks

# Units for a number of weights as near to 1,500 as there is, in one layer and in two.
UNITS = {
    "elman": (31, 20),
    "lstm": (15, 9),
    "gru": (18, 11),
    "mingru": (65, 22),
    "minlstm": (48, 17),
    "rglru": (47, 17),
    "lru": (22, 14),
    "selective": (27, 16),
    "linear-attention": (18, 13),
    "deltanet": (18, 13),
    "attention": (18, 13),
}


# Networks side by side ----------------------------------------------------------------


class Stack(NamedTuple):
    """Networks of one kind and size, each trained on a string of its own at its rate.

    An update is given x (T, networks, 1, 7), y (T, networks, 7) and mask (T, networks);
    its loss holds one a network.
    """

    trainer: Trainer
    rates: pytensor.compile.SharedVariable  # (networks, 1, 1)


@cache
def compiled(kind: str, layers: int, units: int, networks: int) -> Stack:
    """Build and compile; first values and rates are set before training."""
    blank = initial_network(kind, layers, 7, units, 7, np.random.default_rng(0))
    params = {
        name: pytensor.shared(value, name=name, shape=value.shape)
        for name, value in stacked([blank] * networks).items()
    }
    shape = PREDICTIONS, networks
    x, y = pt.tensor4("x", shape=(*shape, 1, 7)), pt.tensor3("y", shape=(*shape, 7))
    mask = pt.matrix("mask", shape=shape)
    o = network(kind, layers, x, params)[:, :, 0]  # (T, networks, 7)
    losses = (cross_entropy(o, y).mean(axis=2) * mask).sum(axis=0) / mask.sum(axis=0)
    zeros = np.zeros((networks, 1, 1), losses.dtype)
    rates = pytensor.shared(zeros, name="rates", shape=zeros.shape)
    # No network acts on the loss of another: the gradient of the sum has that of each.
    learned = list(params.values())
    updates = adam(pt.grad(losses.sum(), learned), learned, rates)
    # An update takes so long that to call it is cheap.
    return Stack(Trainer([x, y, mask], losses, updates, learned, chunk=1), rates)


def stacked(values: list[dict]) -> dict[str, np.ndarray]:
    """Parameters of single networks as those of a stack: vectors have a second axis."""
    return {
        name: np.stack(
            [v[name] if v[name].ndim == 2 else v[name][None] for v in values]
        )
        for name in values[0]
    }


def single(stack: list[np.ndarray], i: int, like: dict) -> dict[str, np.ndarray]:
    """The parameters of network i of a stack, of the shapes of `like`."""
    return {
        name: a[i].reshape(value.shape)
        for a, (name, value) in zip(stack, like.items(), strict=True)
    }


@cache
def answering(kind: str, layers: int, units: int, shape: tuple[int, int]) -> Callable:
    """Compiled: the logits (T, n, 7) of one network for x (T, n, 7) of this shape."""
    return _of_one(kind, layers, units, shape, network)


def _of_one(kind: str, layers: int, units: int, shape: tuple, made: Callable):
    blank = initial_network(kind, layers, 7, units, 7, np.random.default_rng(0))
    params = {k: pt.TensorType(v.dtype, v.shape)(k) for k, v in blank.items()}
    x = pt.tensor3("x", shape=(*shape, 7))
    return pytensor.function(
        [x, *params.values()],
        made(kind, layers, x, params),
        on_unused_input="ignore",  # a readout
    )


# What is trained and looked at ------------------------------------------------------


class Source(NamedTuple):
    """The strings of one seed at one lag, the same for every kind and rate."""

    x: np.ndarray  # (strings, T, 7), to train on
    y: np.ndarray  # (strings, T, 7)
    mask: np.ndarray  # (strings, T)
    watch: list[Questions]  # of a look, of at most T predictions
    test: list[Questions]  # of the last one, longer ones among them


@cache
def source(seed: int, least: int, strung: int, watch: int, test: int) -> Source:
    """So many training strings, strings of a look and strings of the last test."""
    rng = np.random.default_rng([seed, 1, least])
    longest = PREDICTIONS - 3  # inner symbols
    training = EMBEDDED.batch(strings(strung, least, rng, longest), PREDICTIONS)
    rng = np.random.default_rng([seed, 2, least])
    return Source(
        *(np.ascontiguousarray(a.swapaxes(0, 1)) for a in training),
        [asked(strings(watch, least, rng, longest), PREDICTIONS)],
        [asked(strings(watch, least, rng), LENGTHS[-1]) for _ in range(test // watch)],
    )


def asked(some: list[str], T: int) -> Questions:
    """Their questions, all filled up to one length."""
    return questions(some)._replace(examples=EMBEDDED.batch(some, T))


def drawn(
    sources: list[Source], rngs: list[np.random.Generator], reads: np.ndarray
) -> Iterator[tuple]:
    """For each update a string of every source, with replacement.

    Network i gets that of source `reads[i]`; forms as in `Stack`.
    """
    x, y, mask = (np.stack([s[k] for s in sources]) for k in range(3))
    while True:
        one = np.array([rng.integers(x.shape[1]) for rng in rngs])[reads]
        yield (
            x[reads, one].swapaxes(0, 1)[:, :, None],
            y[reads, one].swapaxes(0, 1),
            mask[reads, one].swapaxes(0, 1),
        )


class Course:
    """How one network fares: what is seen of it at the looks, until it has ended."""

    def __init__(self, seed: int, name: str, setting: dict, place: Source):
        self.seed, self.name, self.setting, self.source = seed, name, setting, place
        self.looks: list[float] = []  # the share right of each
        self.since = 0  # the first of the present run of looks that were all solved
        self.ended = False
        self.metrics: dict[str, float] = {}
        self.trace: list[float] = []

    def at(self, k: int, outputs: Callable[[np.ndarray], np.ndarray], last: bool):
        """Look after update k; `outputs` gives the network's logits for x."""
        share, _, finite = judged(self.source.watch, outputs)
        self.looks.append(round(share, 3))
        if share < SOLVED:
            self.since = 0
        elif not self.since:
            self.since = k
        if not finite:
            self._end(k, 0.5, UNDECIDED, diverged=k)
        elif last or self._running() >= RUNNING:
            right, loss, finite = judged(self.source.test, outputs)
            if last or right >= SOLVED:
                self._end(k, right, loss, 0 if finite else k)

    def _running(self) -> int:
        """How many looks running have solved it."""
        shares = np.array(self.looks[::-1]) >= SOLVED
        return len(shares) if shares.all() else int(shares.argmin())

    def _end(self, k: int, right: float, loss: float, diverged: int) -> None:
        self.ended = True
        self.metrics = {
            "right": right,
            "loss": round(loss, 6),
            "until": self.since if right >= SOLVED else 0,
            "updates": k,
            "diverged": diverged,
        }


def answered(kind: str, layers: int, params: dict, x: np.ndarray) -> np.ndarray:
    """The logits (T, n, 7) of one network for x (T, n, 7)."""
    look = answering(kind, layers, len(params["W_ho"]), x.shape[:2])
    return np.asarray(look(x, *params.values()))


def judged(
    asked: list[Questions], outputs: Callable[[np.ndarray], np.ndarray]
) -> tuple[float, float, bool]:
    """The share right, the mean loss, and whether every output was finite.

    Where one was not: 0.5, ln 2 and False.
    """
    rights, losses = [], []
    for some in asked:
        o = outputs(some.examples.x)
        if not np.isfinite(o).all():
            return 0.5, UNDECIDED, False
        rights.append(right_of(o, some).mean())
        losses.append(loss_of(o, some.examples))
    return float(np.mean(rights)), float(np.mean(losses)), True


def side_by_side(
    seeds: tuple[int, ...], parameters: dict, updates: int | None = None
) -> list[dict]:
    """The settings of one kind for several seeds, those of so many layers at a time.

    Seed s has the first weights and strings of seed `first` + s, whatever the kind. A
    setting has its `layers`, its `least` inner length and its `rate`.

    metrics, by setting, each when the training of the network had ended: "right", the
    share of right answers on fresh strings, and "loss", their mean loss; "until", the
    first of the looks from which on every one was right for 99%, as the last test was;
    or 0: the task is solved where it is above 0;
    "updates", those that were made; "diverged", the look that saw it, 0 if none.
    curves: "looks", the share right at every look, by setting. Where `counted`, also
    what `counting` finds in networks of one layer before and after their training.
    """
    courses = []
    for seed in (parameters["first"] + s for s in seeds):
        for name, setting in parameters["settings"].items():
            numbers = (parameters[key] for key in ("strings", "watch", "test"))
            place = source(seed, setting["least"], *numbers)
            courses.append(Course(seed, name, setting, place))
    for layers in sorted({course.setting["layers"] for course in courses}):
        together = [c for c in courses if c.setting["layers"] == layers]
        follow(together, layers, parameters, updates)
    results = []
    for seed in (parameters["first"] + s for s in seeds):
        own = [course for course in courses if course.seed == seed]
        metrics: dict = {}
        for course in own:
            for key, value in course.metrics.items():
                metrics.setdefault(key, {})[course.name] = value
        results.append(
            {
                "trace": {course.name: course.trace for course in own},
                "metrics": metrics,
                "curves": {"looks": {course.name: course.looks for course in own}},
            }
        )
    return results


def follow(
    courses: list[Course], layers: int, parameters: dict, updates: int | None = None
) -> list[dict]:
    """Train the networks of these courses, all of so many layers, until all have ended.

    Returns the parameters of each when it had. With `updates` only so many are made,
    and nothing is looked at.
    """
    kind, units = parameters["kind"], parameters["units"][str(layers)]
    first = [begun_with(kind, layers, units, c.seed, c.setting) for c in courses]
    sources = {(c.seed, c.setting["least"]): c.source for c in courses}
    rngs = [np.random.default_rng([seed, 3, least]) for seed, least in sources]
    order = list(sources)
    reads = np.array([order.index((c.seed, c.setting["least"])) for c in courses])
    rates = np.array([c.setting["rate"] for c in courses])[:, None, None]
    going = np.arange(len(courses))  # the networks of the stack
    ended, state, k, total = list(first), None, 0, updates or parameters["updates"]
    while k < total and not (state and all(c.ended for c in courses)):
        net = compiled(kind, layers, units, len(going))
        net.rates.set_value(rates[going])
        if state is None:
            net.trainer.reset(stacked(first).values())
        else:
            net.trainer.state = state
        batches = drawn(list(sources.values()), rngs, reads[going])
        begun = k
        for more, _ in net.trainer.train(
            batches,
            total - begun,
            lambda more, begun=begun: (
                updates is None
                and more > 0
                and ((begun + more) % parameters["every"] == 0 or begun + more == total)
            ),
        ):
            k, now = begun + more, net.trainer.now()
            for i, course in enumerate(courses[j] for j in going):
                if course.ended:
                    continue
                params = single(now, i, first[0])
                answers = partial(answered, kind, layers, params)
                course.at(k, answers, last=k == total)
                ended[going[i]] = params
            left = np.array([not courses[j].ended for j in going])
            pays = 2 * left.sum() <= len(going) and total - k >= FEWER
            if not left.any() or pays:
                break
        if begun == 0:
            traces = np.transpose(net.trainer.trace)
            for course, losses in zip(courses, traces, strict=True):
                course.trace = np.where(np.isfinite(losses), losses, UNDECIDED)
        if updates:
            break
        state = [a[left] if a.ndim else a for a in net.trainer.state]
        going = going[left]
    if parameters.get("counted") and layers == 1 and not updates:
        for course, before, after in zip(courses, first, ended, strict=True):
            for when, params in (("before", before), ("after", after)):
                found = counting(kind, params, course.source.test[0])
                course.metrics |= {f"{key} {when}": v for key, v in found.items()}
    return ended


# How long a state lasts at first ------------------------------------------------------

OWN_START = {"lstm": "short", "mingru": "short", "rglru": "long"}  # of `initial`


def begun_with(
    kind: str, layers: int, units: int, seed: int, setting: dict
) -> dict[str, np.ndarray]:
    """The first values of a network, with the `start` that its setting names, if any.

    Where no input acts on its gates, a unit keeps so much of its state in a step:
    "short" 0.73, as the LSTM and minGRU have it of themselves; "long" the root of a
    number between 0.9 and 0.999, as the RG-LRU has it. Only networks of one layer are
    given the start of another.
    """
    rng = np.random.default_rng([seed, 0])
    params = initial_network(kind, layers, 7, units, 7, rng)
    start = setting.get("start", OWN_START.get(kind))
    if start == OWN_START.get(kind):
        return params
    drawn = np.random.default_rng([seed, 4]).uniform(0.9, 0.999, units)
    keeps = np.sqrt(drawn) if start == "long" else np.full(units, expit(1))
    if kind == "rglru":  # keeps^2 is its factor where the gate is 1, not 1/2
        params["1.decay"][:] = np.log(np.expm1(-np.log(keeps**2) / 8))
    elif kind == "mingru":
        params["1.b_h"][:units] = -logit(keeps)  # the update gate, 1 - keeps
    else:
        params["1.b_h"][units : 2 * units] = logit(keeps)  # the forget gate
    return params


def starts(
    seeds: tuple[int, ...], parameters: dict, updates: int | None = None
) -> list[dict]:
    """As `side_by_side`, for settings of several kinds: each names its own."""
    results: list[dict] = [{} for _ in seeds]
    for kind, units in parameters["units"].items():
        own = {n: s for n, s in parameters["settings"].items() if s["kind"] == kind}
        of_it = parameters | {"kind": kind, "units": {"1": units}, "settings": own}
        for whole, part in zip(
            results, side_by_side(seeds, of_it, updates), strict=True
        ):
            whole.setdefault("trace", {}).update(part["trace"])
            for group in ("metrics", "curves"):
                for key, found in part[group].items():
                    whole.setdefault(group, {}).setdefault(key, {}).update(found)
    return results


# Counting -----------------------------------------------------------------------------


def T_minus_P(x: np.ndarray) -> np.ndarray:
    """How many more T than P were read up to each step of x (T, n, 7): (T, n).

    The second symbol is among them. To the same from the inner string on it is what one
    has to add, and so one layer whose gates do not see the state can know the answer.
    """
    return (x[:, :, T] - x[:, :, P]).cumsum(axis=0)


def counting(kind: str, params: dict, some: Questions) -> dict[str, float]:
    """How well the states of a network of one layer count T minus P.

    At all steps from the second symbol to the question: "unit", the largest absolute
    correlation of a unit with the count; "readout", R^2 of the best linear readout,
    found by least squares on the first half of the strings and judged on the others.
    0 where a state is not finite, and for an R^2 below 0.
    """
    x = some.examples.x
    look = _states(kind, len(params["W_ho"]), x.shape[:2])
    h, count = np.asarray(look(x, *params.values())), T_minus_P(x)
    if not np.isfinite(h).all():
        return {"unit": 0.0, "readout": 0.0}
    t = np.arange(len(x))[:, None]
    counted = (t >= 1) & (t <= some.place)
    half = np.arange(x.shape[1]) < x.shape[1] // 2
    fitted, judged_on = counted & half, counted & ~half
    all_h, all_c = h[counted], count[counted]
    spread = np.maximum(all_h.std(axis=0), 1e-12) * all_c.std()
    means = (all_h * (all_c - all_c.mean())[:, None]).mean(axis=0)
    ones = np.ones((*h.shape[:2], 1))
    h = np.concatenate([h, ones], axis=2)
    weights = np.linalg.lstsq(h[fitted], count[fitted], rcond=None)[0]
    target = count[judged_on]
    left = ((h[judged_on] @ weights - target) ** 2).mean() / target.var()
    return {
        "unit": round(float(np.abs(means / spread).max()), 4),
        "readout": round(max(0.0, 1 - float(left)), 4),
    }


@cache
def _states(kind: str, units: int, shape: tuple[int, int]) -> Callable:
    return _of_one(kind, 1, units, shape, states)


# The experiments --------------------------------------------------------------------

GRID = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
# Where the best rate had no neighbour on one side.
FURTHER: dict[str, tuple[float, ...]] = {}
SIZES = [(layers, least) for layers in (1, 2) for least in (10, 20)]
COMMON = {
    "strings": 1000,  # to train on, drawn with replacement
    "every": 500,  # updates from look to look
    "watch": 100,  # strings of a look
    "test": 1000,  # strings of the last one
}


def grid(kind: str) -> list[float]:
    """The rates that were tried, from the lowest to the highest."""
    return sorted({*GRID, *FURTHER.get(kind, ())})


def of_kind(kind: str, settings: dict, first: int, updates: int) -> dict:
    """The parameters of an experiment."""
    units = dict(zip("12", UNITS[kind], strict=True))
    return COMMON | {
        "kind": kind,
        "units": units,
        "first": first,
        "updates": updates,
        "settings": settings,
    }


def rates_parameters(kind: str) -> dict:
    """Those of a search: settings "LAYERS.LEAST.RATE"."""
    settings = {
        f"{layers}.{least}.{rate:g}": {"layers": layers, "least": least, "rate": rate}
        for layers, least in SIZES
        for rate in grid(kind)
    }
    return of_kind(kind, settings, first=100, updates=5_000)


def finals_parameters(kind: str) -> dict:
    """Those of the runs at the rates that were chosen: settings "LAYERS.LEAST"."""
    settings = {
        f"{layers}.{least}": {"layers": layers, "least": least, "rate": rate}
        for (layers, least), rate in zip(SIZES, RATES[kind], strict=True)
    }
    found = of_kind(kind, settings, first=0, updates=20_000)
    return found | {"counted": True}


def starts_parameters() -> dict:
    """Those of the exchanged starts: settings "KIND.START.RATE"."""
    settings = {
        f"{kind}.{start}.{rate:g}": {
            "kind": kind,
            "start": start,
            "layers": 1,
            "least": 20,
            "rate": rate,
        }
        for kind, rate in STARTED
        for start in ("short", "long")
    }
    return COMMON | {
        "units": {kind: UNITS[kind][0] for kind, _ in STARTED},
        "first": 0,
        "updates": 20_000,
        "settings": settings,
    }


def choose(search) -> dict[str, float]:
    """The rate that comes first in a record of a search, by "LAYERS.LEAST".

    First come rates with which more seeds solved the task; among them those that needed
    fewer updates in the mean, where one that is not solved counts all there were; then
    those with more right answers in the mean, if they are more than `CHANCE`; then
    those with the lower loss.
    """
    chosen: dict[str, tuple] = {}
    for name, setting in search.parameters["settings"].items():
        right, loss = search.metric(f"right.{name}"), search.metric(f"loss.{name}")
        until, most = search.metric(f"until.{name}"), search.parameters["updates"]
        solved = until > 0
        until = np.where(solved, until, most)
        place = f"{setting['layers']}.{setting['least']}"
        known = max(right.mean(), CHANCE)
        rank = -solved.sum(), until.mean(), -known, loss.mean()
        candidate = rank, setting["rate"]
        chosen[place] = min(chosen.get(place, candidate), candidate)
    return {place: rate for place, (_, rate) in chosen.items()}


# What `choose` finds, in the order of SIZES.
RATES: dict[str, tuple[float, float, float, float]] = {
    "mingru": (0.03, 0.03, 0.03, 0.03),
    "attention": (0.003, 0.003, 0.003, 0.003),
    "rglru": (0.03, 0.03, 0.03, 0.01),
    "lstm": (0.01, 0.01, 0.03, 0.01),
    "elman": (0.003, 0.003, 0.003, 0.003),
    "gru": (0.03, 0.03, 0.01, 0.01),
    "minlstm": (0.03, 0.03, 0.03, 0.03),
    "lru": (0.003, 0.003, 0.003, 0.003),
    "selective": (0.003, 0.003, 0.001, 0.003),
    "linear-attention": (0.03, 0.03, 0.03, 0.03),
    "deltanet": (0.003, 0.01, 0.003, 0.01),
}

# Whose starts are exchanged, with the rate in one layer at lags of at least 20.
# The LSTM has a second one: from a long start it may do with another.
STARTED = (("mingru", 0.03), ("rglru", 0.03), ("lstm", 0.01), ("lstm", 0.03))

SPOKEN = {
    "elman": "the Elman network",
    "lstm": "the LSTM",
    "gru": "the GRU",
    "mingru": "the minGRU",
    "minlstm": "the minLSTM",
    "rglru": "the RG-LRU",
    "lru": "the LRU",
    "selective": "the selective scan",
    "linear-attention": "linear attention",
    "deltanet": "the DeltaNet",
    "attention": "attention",
}


def experiment(
    name: str, summary: str, parameters: dict, together: int, run=side_by_side
) -> Experiment:
    """One of them, with the metrics of each setting."""
    return Experiment(
        name=name,
        summary=summary,
        parameters=parameters,
        run=run,
        metrics=tuple(
            f"{key}.{setting}"
            for key in ("right", "until", "diverged")
            for setting in parameters["settings"]
        ),
        together=together,
    )


EXPERIMENTS = tuple(
    experiment(
        f"beyond-rates-{kind}",
        f"Embedded Reber and {SPOKEN[kind]}, in one layer and two: a grid of rates.",
        rates_parameters(kind),
        together=5,
    )
    for kind in RATES
) + tuple(
    experiment(
        f"beyond-reber-{kind}",
        f"Embedded Reber and {SPOKEN[kind]}, in one layer and two: the chosen rates.",
        finals_parameters(kind),
        together=20,
    )
    for kind in RATES
)
EXPERIMENTS += (
    experiment(
        "beyond-reber-starts",
        "Embedded Reber and one layer: each network from its own start and another's.",
        starts_parameters(),
        together=20,
        run=starts,
    ),
)


# Trained networks to look into ------------------------------------------------------

# By the name of the file, of two layers and on strings with inner strings of at least
# 10 symbols: kind, seed and rate.
SHIPPED = {
    "embedded-reber-mingru": ("mingru", 0, 0.01),
    "embedded-reber-attention": ("attention", 0, 0.003),
}
SHIPPED_LEAST = 10


def shipped(kind: str, seed: int, rate: float, parameters: dict) -> tuple[dict, dict]:
    """One network, trained alone: its parameters, and how they were made."""
    setting = {"layers": 2, "least": SHIPPED_LEAST, "rate": rate}
    numbers = (parameters[key] for key in ("strings", "watch", "test"))
    place = source(seed, SHIPPED_LEAST, *numbers)
    course = Course(seed, kind, setting, place)
    (params,) = follow([course], 2, parameters)
    return params, {
        "command": "python -m helpers.experiments.ship embedded-reber-beyond",
        "versions": versions(),
        "kind": kind,
        "units": parameters["units"]["2"],
        "setting": setting,
        "seed": seed,
        "strings": parameters["strings"],
        "updates": course.metrics["updates"],
        "right_of_1000_fresh_strings": course.metrics["right"],
    }


def ship() -> None:
    """Train the networks that the chapter loads, and write them to data/."""
    for name, (kind, seed, rate) in SHIPPED.items():
        parameters = of_kind(kind, {}, first=0, updates=20_000)
        trained.save(name, *shipped(kind, seed, rate, parameters))
