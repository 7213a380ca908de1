"""What is wrong with a backward pass: its gradients beside those of known mistakes.

`way_back` is the backward pass of the Elman network. A `Mistake` is a name, a sentence
and the formulas of the pass that are wrong in it, and `explain` finds the one mistake,
or the two, that give what a student's function has given.

What sums over time is a weighted sum over pairs of steps (t, s): what the error of
output s contributes at step t, t <= s. So windows, cuts, steps left out and sums that
run on are no more than weights.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from helpers.check.core.computation import Computation
from helpers.check.core.words import number
from helpers.networks.bptt import sigmoid_slope, tanh_slope
from helpers.networks.elman import Elman, hidden_states_numpy, readout
from helpers.networks.gradients import relative_error
from helpers.networks.initialisation import orthogonal

SAME = 1e-5  # the relative error up to which two gradients are the same, in float32 too
LONG = 30  # steps of the longest problem
LOSSES = ("each", "last")
UNITS: dict[str, tuple[Callable, Callable]] = {  # and the slope, by the state
    "tanh": (np.tanh, tanh_slope),
    "sigmoid": (expit, sigmoid_slope),
}
Gradients = dict[str, np.ndarray]  # by the names of the parameters


class Problem(NamedTuple):
    """A sequence, its targets and a network, none of its numbers zero."""

    x: np.ndarray  # (T, n_in)
    y: np.ndarray  # (T, n_out)
    params: Elman
    loss: str  # the steps that it looks at: "each" or "last"
    units: str = "tanh"  # or "sigmoid"

    # Arrays have no hash: a problem is the one that was drawn, as a key too.
    __hash__ = object.__hash__
    __eq__ = object.__eq__


class Mistake(NamedTuple):
    """A mistake: a short name, a sentence, and the wrong formulas of `way_back`."""

    name: str
    sentence: str
    formulas: Mapping[str, Callable]

    __hash__ = object.__hash__
    __eq__ = object.__eq__


def random_problems(
    rng: np.random.Generator, loss: str = "each", units: str = "tanh"
) -> list[Problem]:
    """Three random problems: all sizes different; all but T the same; a long one.

    The first shows whatever depends on a shape, the second lets a matrix pass for its
    transpose, the third has `LONG` steps. Errors do not vanish on the way back, and
    gradients are large enough for the usual limits of clipping to show. Raises
    ValueError for an unknown loss and for unknown units.
    """
    if loss not in LOSSES:
        raise ValueError(f"loss must be one of {', '.join(LOSSES)}; got {loss!r}")
    if units not in UNITS:
        raise ValueError(f"units must be one of {', '.join(UNITS)}; got {units!r}")
    different = rng.permutation([3, 5, 7])
    T = rng.integers(9, 13, 2)
    return [
        Problem(*_random_sequence(rng, *sizes, units), loss, units)
        for sizes in ((T[0], *different), (T[1], 4, 4, 4), (LONG, *different))
    ]


def _random_sequence(rng, T, n_in, n_hid, n_out, units):
    """x, y and parameters whose units stay near the steepest part of their curve."""
    W_hh, b_h = 1.1 * orthogonal(n_hid, n_hid, rng), 0.1 * rng.standard_normal(n_hid)
    if units == "sigmoid":  # four times flatter, about 1/2
        W_hh *= 4
        b_h -= W_hh.sum(axis=0) / 2
    params = Elman(
        W_ih=0.15 * rng.standard_normal((n_in, n_hid)),
        W_hh=W_hh,
        b_h=b_h,
        W_ho=rng.standard_normal((n_hid, n_out)),
        b_o=rng.standard_normal(n_out),
        h0=rng.uniform(-0.9, 0.9, n_hid),
    )
    return rng.standard_normal((T, n_in)), 5 * rng.standard_normal((T, n_out)), params


def way_back(problem: Problem, *mistakes: Mapping[str, Callable]) -> Gradients:
    """The gradients of 1/2 |o - y|^2, summed over the steps that the loss looks at.

    Without `mistakes` they are right: the formulas are those of chapter 4. Only that
    the errors of the outputs travel back side by side, and are added up at the end:
    d_h[t, s] and d_a[t, s] are what the error of output s contributes at step t.
    """
    w = Computation(*mistakes)
    w.x, w.y, w.params, loss, w.units = problem
    w.unit, w.slope = UNITS[w.units]
    w.T, n_hid = len(w.x), len(w.params.h0)
    w.t, w.s = np.arange(w.T)[:, None], np.arange(w.T)[None]

    w.forward = w.params  # as the forward pass takes them
    w.h = hidden_states_numpy(w.x, w.forward, w.unit)
    w.before = np.vstack([w.forward.h0, w.h[:-1]])
    w.a = w.x @ w.forward.W_ih + w.before @ w.forward.W_hh + w.forward.b_h
    w.o = readout(w.h, w.forward)
    w.errors = w.o - w.y if loss == "each" else _only_last(w.o - w.y)

    w.W_hh, w.W_ho = w.params.W_hh, w.params.W_ho  # as the way back takes them
    w.slopes = w.slope(w.h)
    w.slopes_on = w.slopes  # the same, of what goes on to the step before
    d_h, d_a = np.zeros((2, w.T, w.T, n_hid))
    later = np.zeros((w.T, n_hid))
    for t in reversed(range(w.T)):
        d_h[t] = later
        d_h[t, t] += w.errors[t] @ w.W_ho.T
        d_a[t] = d_h[t] * w.slopes[t]
        later = (d_h[t] * w.slopes_on[t]) @ w.W_hh.T

    w.counts = np.ones((w.T, w.T))  # how much the error of output s counts at step t
    w.d_h, w.d_a = ((w.counts[:, :, None] * d).sum(axis=1) for d in (d_h, d_a))
    w.d_a1, w.d_a1_of_all = w.d_a[0], d_a[0].sum(axis=0)  # before w.counts
    w.times = np.ones((w.T, 1))  # how often step t counts in the sums over time
    w.d_a, w.d_o = w.times * w.d_a, w.times * w.errors
    w.gradients = {
        "W_ih": w.x.T @ w.d_a,
        "W_hh": w.before.T @ w.d_a,
        "b_h": w.d_a.sum(axis=0),
        "W_ho": w.h.T @ w.d_o,
        "b_o": w.d_o.sum(axis=0),
        "h0": w.d_a1 @ w.W_hh.T,
    }
    return w.gradients


def _only_last(d: np.ndarray) -> np.ndarray:
    return np.vstack([0 * d[:-1], d[-1:]])


# The mistakes ---------------------------------------------------------------------


def _but(**formulas: Callable) -> dict[str, Callable]:
    """Other formulas for some of the gradients."""

    def changed(w: Computation) -> Gradients:
        return w.gradients | {name: formula(w) for name, formula in formulas.items()}

    return {"gradients": changed}


def _scaled(factor: Callable[[int, int], float]) -> dict[str, Callable]:
    """All gradients times factor(T, n_out)."""

    def scaled(w: Computation) -> Gradients:
        return {name: factor(*w.d_o.shape) * g for name, g in w.gradients.items()}

    return {"gradients": scaled}


def _one(w: Computation) -> np.ndarray:
    return np.ones_like(w.h)


def _by_origin(own: np.ndarray, later: np.ndarray) -> np.ndarray:
    """Slopes (t, s): one for the error of the step's own output, one for later ones."""
    is_own = np.eye(len(own), dtype=bool)
    return np.where(is_own[:, :, None], own[:, None], later[:, None])


_SLOPES: dict[str, dict[str, Callable]] = {
    "tanh units: the states are those of tanh, expected the sigmoid": {
        "units": lambda w: "tanh"
    },
    "sigmoid units: the states are those of the sigmoid, expected tanh": {
        "units": lambda w: "sigmoid"
    },
    "slope of the pre-activation: the formula of the slope wants the state h, here it "
    "is given the sum a": {"slopes": lambda w: w.slope(w.a)},
    "slope forgotten: d_a is d_h times the slope, here it is d_h": {"slopes": _one},
    "slope of another unit: 1 - h^2 is the slope of tanh, h (1 - h) that of the "
    "sigmoid": {
        "slopes": lambda w: tanh_slope(w.h) + sigmoid_slope(w.h) - w.slope(w.h)
    },
    "activation taken twice: in the formula of the slope; h has gone through it "
    "already": {"slopes": lambda w: w.slope(w.unit(w.h))},
    "slope 1 - h: that of tanh is 1 - h^2, that of the sigmoid h (1 - h)": {
        "slopes": lambda w: 1 - w.h
    },
    "slope of the step before: the slope at step t is that at h_t, here it is that at "
    "h_{t-1}": {"slopes": lambda w: w.slope(w.before)},
    "slope of the last step: each step has a slope of its own, here all have that of "
    "the last step": {"slopes": lambda w: _one(w) * w.slope(w.h[-1])},
    "slope on the own error only: what comes from later is added after the slope, it "
    "belongs before it": {
        "slopes": lambda w: _by_origin(own=w.slope(w.h), later=_one(w))
    },
    "slope on the later errors only: the error of the step's own output is added after "
    "the slope, it belongs before it": {
        "slopes": lambda w: _by_origin(own=_one(w), later=w.slope(w.h))
    },
    "slope forgotten on the way: what goes on to the step before is d_a W_hh^T, here "
    "it is d_h W_hh^T": {
        "slopes_on": _one,
        **_but(h0=lambda w: w.d_h[0] @ w.params.W_hh.T),
    },
    "slope forgotten in the sums: W_ih, W_hh and b_h sum up d_a, here they sum up "
    "d_h": {"slopes": _one, "slopes_on": lambda w: w.slope(w.h)},
}

_MATRICES: dict[str, dict[str, Callable]] = {
    "W_hh for its transpose: what goes on to the step before is d_a W_hh^T, here it is "
    "d_a W_hh, which has the same shape": {"W_hh": lambda w: w.params.W_hh.T},
    "W_hh for its transpose: in the gradient of h0 it is right, but not on the way "
    "back to it": {
        "W_hh": lambda w: w.params.W_hh.T,
        **_but(h0=lambda w: w.d_a1 @ w.params.W_hh.T),
    },
    "W_hh for its transpose: on the way back it is right, but not in the gradient of "
    "h0": _but(h0=lambda w: w.d_a1 @ w.params.W_hh),
    "W_hh transposed in the forward pass: the sum holds h_{t-1} W_hh": {
        "forward": lambda w: w.params._replace(W_hh=w.params.W_hh.T)
    },
    "W_hh forgotten on the way back: what goes on to the step before is d_a W_hh^T, "
    "here it is d_a": {"W_hh": lambda w: np.eye(len(w.params.h0))},
    "W_ho for its transpose: the error of an output reaches the state as d_o W_ho^T, "
    "here it is d_o W_ho": {"W_ho": lambda w: w.params.W_ho.T},
    "h0 used as zero: the first step starts from h0, here it starts from 0": {
        "forward": lambda w: w.params._replace(h0=0 * w.params.h0)
    },
    "h0 used as zero: in the gradient of W_hh, where the first step adds h0^T d_a": (
        _but(W_hh=lambda w: w.before[1:].T @ w.d_a[1:])
    ),
    "b_h forgotten in the forward pass: the sum a_t holds b_h": {
        "forward": lambda w: w.params._replace(b_h=0 * w.params.b_h)
    },
    "b_o forgotten in the forward pass: the output o_t holds b_o": {
        "forward": lambda w: w.params._replace(b_o=0 * w.params.b_o)
    },
}

_ERRORS: dict[str, dict[str, Callable]] = {
    "only the last error: the errors of all outputs count, here those of the earlier "
    "ones are dropped": {"errors": lambda w: _only_last(w.o - w.y)},
    "errors of all outputs: the loss looks at the last output only, here it looks at "
    "all": {"errors": lambda w: w.o - w.y},
    "error of the last step at each step: it arises at the last output, here it is put "
    "in at each": {"errors": lambda w: np.tile(w.o[-1] - w.y[-1], (w.T, 1))},
    "error of the last step at each step: it belongs to the last state; in the "
    "gradients of W_ho and b_o it is put to each": _but(
        W_ho=lambda w: np.outer(w.h.sum(axis=0), w.d_o[-1]),
        b_o=lambda w: w.T * w.d_o[-1],
    ),
    "own step skipped: the error of a step's own output must reach the sums at this "
    "step, here only what comes from later does": {
        "counts": lambda w: w.t < w.s,
        **_but(h0=lambda w: w.d_a1_of_all @ w.params.W_hh.T),
    },
    "sign: the error is o - y, here it is y - o": _scaled(lambda T, n: -1),
    "factor 2: the slope of 1/2 d^2 is d, here the 1/2 is forgotten": (
        _scaled(lambda T, n: 2)
    ),
    "factor 1/2: the slope of 1/2 d^2 is d, here the 1/2 is still there": (
        _scaled(lambda T, n: 1 / 2)
    ),
    "mean for the sum: the loss is a sum over the steps, here the gradients are "
    "divided by T": _scaled(lambda T, n: 1 / T),
    "mean for the sum: the loss is a sum over the outputs, here the gradients are "
    "divided by n_out": _scaled(lambda T, n: 1 / n),
    "mean for the sum: the loss is a sum over steps and outputs, here the gradients "
    "are divided by T n_out": _scaled(lambda T, n: 1 / (T * n)),
    "mean for the sum: this is the gradient of the mean of |o - y|^2 over the steps": (
        _scaled(lambda T, n: 2 / T)
    ),
    "mean for the sum: this is the gradient of the mean of (o - y)^2 over steps and "
    "outputs": _scaled(lambda T, n: 2 / (T * n)),
}

_SUMS: dict[str, dict[str, Callable]] = {
    "sums not reset: on the way back each step's part is added again at all steps "
    "before it": {"times": lambda w: w.t + 1},
    "sums not reset: going forward, each step's part is added again at all steps after "
    "it": {"times": lambda w: w.T - w.t},
    "sums not reset: what one output's error gives is added again with all outputs "
    "after it": {"errors": lambda w: np.arange(w.T, 0, -1)[:, None] * (w.o - w.y)},
    "only the last step's part: a gradient is the sum of the parts of all steps": {
        "times": lambda w: w.t == w.T - 1
    },
    "only the last step's part: the gradient of a bias is the sum of the errors of all "
    "steps": _but(b_h=lambda w: w.d_a[-1], b_o=lambda w: w.d_o[-1]),
    "only the first step's part: a gradient is the sum of the parts of all steps: is "
    "it set where it should be added to?": {"times": lambda w: w.t == 0},
    "only the first step's part: the gradient of a bias is the sum of the errors of "
    "all steps: is it set where it should be added to?": _but(
        b_h=lambda w: w.d_a[0], b_o=lambda w: w.d_o[0]
    ),
    "first step left out: the loop must come down to the first step": {
        "times": lambda w: w.t > 0,
        **_but(h0=lambda w: w.d_a[1] @ w.params.W_hh.T),
    },
    "last step left out: the loop must begin at the last step": {
        "errors": lambda w: (w.t < w.T - 1) * (w.o - w.y)
    },
}

_PRODUCTS: dict[str, dict[str, Callable]] = {
    "forward product: the gradient of a matrix is the outer product of what goes in "
    "and the error, here it is a product of the forward pass, without any error": _but(
        W_ih=lambda w: np.tile(w.x.sum(axis=0) @ w.params.W_ih, (w.x.shape[1], 1)),
        W_hh=lambda w: np.tile(w.before.sum(axis=0) @ w.params.W_hh, (w.h.shape[1], 1)),
    ),
    "h_t for h_{t-1}: in the gradient of W_hh, which carries the state before into the "
    "step": _but(W_hh=lambda w: w.h.T @ w.d_a),
    "h_{t-1} for h_t: in the gradient of W_ho, which carries the new state to the "
    "output": _but(W_ho=lambda w: w.before.T @ w.d_o),
    "a_t for h_t: in the gradient of W_ho, which carries the state to the output": (
        _but(W_ho=lambda w: w.a.T @ w.d_o)
    ),
    "gradient transposed: that of W_hh is h_{t-1}^T d_a, here it is d_a^T h_{t-1}": (
        _but(W_hh=lambda w: w.gradients["W_hh"].T)
    ),
    "h0 forgotten: h0 is a parameter too, and its gradient is d_a W_hh^T of the first "
    "step": _but(h0=lambda w: 0 * w.gradients["h0"]),
    "gradient of h0 one step short: this is d_a of the first step, which must still go "
    "through W_hh^T": _but(h0=lambda w: w.d_a1),
    "gradient of h0 one step short: this is d_h of the first step, the gradient at "
    "h_1": _but(h0=lambda w: w.d_h[0]),
    "slope at h0: no unit has made h0, so its gradient has no slope": (
        _but(h0=lambda w: w.gradients["h0"] * w.slope(w.params.h0))
    ),
}


def _truncations() -> Iterator[tuple[str, dict[str, Callable]]]:
    for k in range(1, LONG):
        steps = "1 step" if k == 1 else f"{k} steps"
        last = "the last step is" if k == 1 else f"the last {k} steps are"
        yield (
            f"truncated: each error goes back through {steps} only, its own included",
            {"counts": lambda w, k=k: w.s - w.t < k},
        )
        yield (
            f"truncated: only {last} gone back through",
            {"counts": lambda w, k=k: w.t >= w.T - k},
        )
        yield (
            "truncated: no error crosses a cut, and there is a cut after every "
            + steps,
            {"counts": lambda w, k=k: w.t // k == w.s // k},
        )


MISTAKES = tuple(
    Mistake(*said.split(": ", 1), formulas)
    for said, formulas in (
        _SLOPES | _MATRICES | _ERRORS | _SUMS | _PRODUCTS | dict(_truncations())
    ).items()
)
NAMES = tuple(dict.fromkeys(mistake.name for mistake in MISTAKES))


def clipped(limit: float) -> Mistake:
    """Each element of each gradient drawn into +-limit."""

    def clip(w: Computation) -> Gradients:
        return {name: np.clip(g, -limit, limit) for name, g in w.gradients.items()}

    return Mistake(
        "clipped",
        f"each element is cut at +-{number(limit)}, but clipping belongs to the update "
        "and not to the gradient",
        {"gradients": clip},
    )


# The diagnosis --------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What came out for a problem, six arrays of the right shapes, and the truth."""

    problem: Problem
    got: Gradients
    truth: Gradients

    @cached_property
    def wrong(self) -> list[str]:
        """The names of the gradients that are not right."""
        return [
            name for name in self.truth if not same(self.got[name], self.truth[name])
        ]

    def agreement(self, made: Gradients) -> int:
        """How many gradients a mistake gives; 0 if a wrong one is not among them."""
        if not all(same(self.got[name], made[name]) for name in self.wrong):
            return 0
        right = self.truth.keys() - set(self.wrong)
        return len(self.wrong) + sum(same(self.got[name], made[name]) for name in right)


class Found(NamedTuple):
    """Mistakes that explain answers, and how many gradients they give exactly."""

    mistakes: tuple[Mistake, ...]
    agreeing: int

    def __str__(self) -> str:
        return ", and ".join(f"{m.name}: {m.sentence}" for m in self.mistakes)


def same(got: np.ndarray, expected: np.ndarray) -> bool:
    """Whether two gradients of one shape are the same, within rounding."""
    with np.errstate(all="ignore"):
        return relative_error(got, expected) < SAME


def explain(answers: Sequence[Answer]) -> Found | None:
    """The mistake that gives all these answers, or two at once; None if none does.

    A gradient that is wrong must be what the mistake makes of it, in each problem. One
    that is right may be right all the same: people make a mistake in one line and not
    in the next. Of several that explain, the one is meant that agrees in most.
    """
    answers = [answer for answer in answers if answer.wrong]
    if not answers:
        return None
    first = answers[0]
    limits = sorted({float(np.abs(g).max()) for g in first.got.values()} - {0.0})
    singles = [(mistake,) for mistake in (*MISTAKES, *map(clipped, limits))]

    def pairs() -> Iterator[tuple[Mistake, ...]]:
        if len(first.problem.x) < LONG:  # else they take long
            shown = [(m, set(shows_in(m, first))) for (m,) in singles]
            for (a, in_a), (b, in_b) in combinations(filter(all, shown), 2):
                if in_a | in_b >= set(first.wrong):  # else some are left right
                    yield a, b

    for tried in (singles, pairs()):
        found = [Found(mistakes, agreement(mistakes, answers)) for mistakes in tried]
        best = max(found, key=lambda f: f.agreeing, default=None)
        if best and best.agreeing:
            return best
    return None


def agreement(mistakes: tuple[Mistake, ...], answers: Sequence[Answer]) -> int:
    """How many gradients the mistakes give; 0 if a wrong one is not among them."""
    agreeing = 0
    for answer in answers:
        made = made_with(mistakes, answer.problem)
        here = answer.agreement(made) if made else 0
        if here == 0:
            return 0
        agreeing += here
    return agreeing


def shows_in(mistake: Mistake, answer: Answer) -> list[str]:
    """The names of the gradients that a mistake makes wrong in a problem."""
    made = made_with((mistake,), answer.problem)
    return Answer(answer.problem, made, answer.truth).wrong if made else []


@lru_cache(8192)  # all pairs take seconds, and the next answer needs the same
def made_with(mistakes: tuple[Mistake, ...], problem: Problem) -> Gradients | None:
    """The gradients with these mistakes; None where they cannot be made together.

    Of all quantities only the gradients can be changed by two, one after the other.
    """
    changed = [name for m in mistakes for name in m.formulas if name != "gradients"]
    if len(set(changed)) < len(changed):
        return None
    try:
        with np.errstate(all="ignore"):
            return way_back(problem, *(mistake.formulas for mistake in mistakes))
    except ValueError:  # shapes that do not fit, such as those of W_ho untransposed
        return None


def symptoms(answer: Answer) -> str:
    """Which gradients are right; of each other one the cosine and the length."""
    wrong = answer.wrong
    fine = ", ".join(name for name in answer.truth if name not in wrong)
    shown = (f"{n} ({_symptom(answer.got[n], answer.truth[n])})" for n in wrong)
    return f"{f'right: {fine}; ' if fine else ''}wrong: {', '.join(shown)}"


def _symptom(got: np.ndarray, truth: np.ndarray) -> str:
    if not got.any():
        return "zero"
    with np.errstate(all="ignore"):
        lengths = np.linalg.norm(got), np.linalg.norm(truth)
        ratio = lengths[0] / lengths[1]
        cosine = float(np.vdot(got / lengths[0], truth / lengths[1]))
    if 1 - abs(cosine) < SAME**2:
        return f"{number(np.sign(cosine) * ratio)} times what it should be"
    shown = "above 0.999" if cosine > 0.999 else f"{cosine:.3f}"
    return f"cosine {shown}, length times {number(ratio)}"


def where_to_look(answer: Answer) -> str:
    """On which part of the way back a mistake lies, by which gradients are wrong."""
    wrong = answer.wrong
    if "b_o" in wrong:
        return "b_o comes first on the way back: look at the forward pass and at d_o"
    if "W_ho" in wrong:
        return "d_o is right, since b_o is: look at the product h_t^T d_o"
    if "b_h" in wrong:
        return "d_o is right: look at the loop that carries it back, up to d_a"
    if "W_ih" in wrong or "W_hh" in wrong:
        return "d_a is right, since b_h is: look at its product with what goes in"
    return "the loop is right: look at how it ends, d_a W_hh^T of the first step"
