"""What is wrong with a backward pass: its gradients beside those of known mistakes.

Here is one backward pass of the Elman network, `way_back`, with a place for each thing
that people get wrong on the way. A `Mistake` is a name and a change in one of these
places, and `explain` finds the one mistake, or the two, that give what a student's
function has given.

What sums over time is a weighted sum over pairs of steps (t, s): what the error of
output s contributes at step t, t <= s. So windows, cuts, steps left out and sums that
run on are no more than weights.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit

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


class Mistake(NamedTuple):
    """A mistake: a short name, a sentence, and what it changes in `way_back`."""

    name: str
    sentence: str
    change: Mapping[str, Any]


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


def _every(d: np.ndarray) -> np.ndarray:
    return d


def _only_last(d: np.ndarray) -> np.ndarray:
    return np.vstack([0 * d[:-1], d[-1:]])


def way_back(
    problem: Problem,
    *,
    units: str | None = None,  # where they are not those of the problem
    forward: Callable = lambda p: p,  # the parameters that the forward pass uses
    errors: Callable | None = None,  # from o_t - y at all steps to the errors d_o
    slope: Callable = lambda w, lag: w.slope(w.h),  # from d_h to the d_a of the sums
    slope_on: Callable | None = None,  # ... to what goes on to the step before
    back: Callable = lambda p: p.W_hh.T,
    out: Callable = lambda p: p.W_ho.T,
    reach: Callable = lambda t, s, T: 1,  # how much the error of output s counts at t
    terms: Callable = lambda t, T: 1,  # how much step t counts in the sums over time
    then: tuple[Callable, ...] = (),  # last changes: new gradients by name
) -> Gradients:
    """The gradients of 1/2 |o - y|^2, summed over the steps that the loss looks at.

    With the changes as they are by default they are right. The changes see the way,
    `w`, as it is so far: x, y, h, a, the states `before`, d_o, d_h, d_a, params `p` and
    at last the gradients `g`.
    """
    x, y, params, loss, right_units = problem
    T, t = len(x), np.arange(len(x))
    p = forward(params)
    g, slope_of = UNITS[units or right_units]
    h = hidden_states_numpy(x, p, g)
    before = np.vstack([p.h0, h[:-1]])
    a = x @ p.W_ih + before @ p.W_hh + p.b_h
    errors = errors or {"each": _every, "last": _only_last}[loss]
    d_o = errors(readout(h, p) - y)
    w = SimpleNamespace(
        x=x, h=h, a=a, before=before, d_o=d_o, p=params, unit=g, slope=slope_of
    )

    slope_on = slope_on or slope
    w.d_h, w.d_a = np.zeros_like(h), np.zeros_like(h)
    w.all_a1 = 0  # d_a of the first step, whatever `reach` says
    arriving = d_o @ out(params)  # at each step, from the output `lag` steps later
    for lag in range(T):
        here = slice(T - lag)
        counted = arriving * np.reshape(reach(t[here], t[here] + lag, T), (-1, 1))
        w.d_h[here] += counted
        w.d_a[here] += counted * slope(w, lag)[here]
        w.all_a1 += (arriving * slope(w, lag)[here])[0]
        arriving = (arriving * slope_on(w, lag)[here])[1:] @ back(params)
    w.d_a1 = w.d_a[0]  # of the first step, on whose way h0 lies
    d_h0 = w.d_a1 @ back(params)

    often = np.reshape(terms(t, T), (-1, 1))
    w.d_a, w.d_o = often * w.d_a, often * w.d_o
    sums = (x.T @ w.d_a, before.T @ w.d_a, w.d_a.sum(0), h.T @ w.d_o, w.d_o.sum(0))
    w.g = dict(zip(Elman._fields, (*sums, d_h0), strict=True))
    for change in then:
        w.g = w.g | change(w)
    return w.g


# The mistakes ---------------------------------------------------------------------


def _scaled(factor: Callable) -> dict:
    """All gradients times factor(T, n_out)."""

    def scaled(w):
        c = factor(*w.d_o.shape)
        return {name: c * gradient for name, gradient in w.g.items()}

    return {"then": (scaled,)}


def _replaced(**parts: Callable) -> dict:
    """Some gradients replaced by part(w)."""
    return {"then": (lambda w: {name: part(w) for name, part in parts.items()},)}


def _slopes(own: Callable, later: Callable | None = None) -> dict:
    """Another slope, a function of w; for errors that come from later yet another."""
    return {"slope": lambda w, lag: (later or own if lag else own)(w)}


def _slope(w) -> np.ndarray:
    return w.slope(w.h)


def _one(w) -> np.ndarray:
    return np.ones_like(w.h)


_SLOPES = (
    (
        "tanh units",
        "the states are those of tanh, expected the sigmoid",
        {"units": "tanh"},
    ),
    (
        "sigmoid units",
        "the states are those of the sigmoid, expected tanh",
        {"units": "sigmoid"},
    ),
    (
        "slope of the pre-activation",
        "the formula of the slope wants the state h, here it is given the sum a",
        _slopes(lambda w: w.slope(w.a)),
    ),
    (
        "slope forgotten",
        "d_a is d_h times the slope, here it is d_h",
        _slopes(_one),
    ),
    (
        "slope of another unit",
        "1 - h^2 is the slope of tanh, h (1 - h) that of the sigmoid",
        _slopes(lambda w: tanh_slope(w.h) + sigmoid_slope(w.h) - w.slope(w.h)),
    ),
    (
        "activation taken twice",
        "in the formula of the slope; h has gone through it already",
        _slopes(lambda w: w.slope(w.unit(w.h))),
    ),
    (
        "slope 1 - h",
        "that of tanh is 1 - h^2, that of the sigmoid h (1 - h)",
        _slopes(lambda w: 1 - w.h),
    ),
    (
        "slope of the step before",
        "the slope at step t is that at h_t, here it is that at h_{t-1}",
        _slopes(lambda w: w.slope(w.before)),
    ),
    (
        "slope of the last step",
        "each step has a slope of its own, here all have that of the last step",
        _slopes(lambda w: _one(w) * w.slope(w.h[-1])),
    ),
    (
        "slope on the own error only",
        "what comes from later is added after the slope, it belongs before it",
        _slopes(_slope, later=_one),
    ),
    (
        "slope on the later errors only",
        "the error of the step's own output is added after the slope, it belongs "
        "before it",
        _slopes(_one, later=_slope),
    ),
    (
        "slope forgotten on the way",
        "what goes on to the step before is d_a W_hh^T, here it is d_h W_hh^T",
        {"slope_on": lambda w, lag: _one(w)}
        | _replaced(h0=lambda w: w.d_h[0] @ w.p.W_hh.T),
    ),
    (
        "slope forgotten in the sums",
        "W_ih, W_hh and b_h sum up d_a, here they sum up d_h",
        _slopes(_one) | {"slope_on": lambda w, lag: _slope(w)},
    ),
)

_MATRICES = (
    (
        "W_hh for its transpose",
        "what goes on to the step before is d_a W_hh^T, here it is d_a W_hh, which has "
        "the same shape",
        {"back": lambda p: p.W_hh},
    ),
    (
        "W_hh for its transpose",
        "in the gradient of h0 it is right, but not on the way back to it",
        {"back": lambda p: p.W_hh} | _replaced(h0=lambda w: w.d_a1 @ w.p.W_hh.T),
    ),
    (
        "W_hh for its transpose",
        "on the way back it is right, but not in the gradient of h0",
        _replaced(h0=lambda w: w.d_a1 @ w.p.W_hh),
    ),
    (
        "W_hh transposed in the forward pass",
        "the sum holds h_{t-1} W_hh",
        {"forward": lambda p: p._replace(W_hh=p.W_hh.T)},
    ),
    (
        "W_hh forgotten on the way back",
        "what goes on to the step before is d_a W_hh^T, here it is d_a",
        {"back": lambda p: np.eye(len(p.W_hh))},
    ),
    (
        "W_ho for its transpose",
        "the error of an output reaches the state as d_o W_ho^T, here it is d_o W_ho",
        {"out": lambda p: p.W_ho},
    ),
    (
        "h0 used as zero",
        "the first step starts from h0, here it starts from 0",
        {"forward": lambda p: p._replace(h0=0 * p.h0)},
    ),
    (
        "h0 used as zero",
        "in the gradient of W_hh, where the first step adds h0^T d_a",
        _replaced(W_hh=lambda w: w.before[1:].T @ w.d_a[1:]),
    ),
    (
        "b_h forgotten in the forward pass",
        "the sum a_t holds b_h",
        {"forward": lambda p: p._replace(b_h=0 * p.b_h)},
    ),
    (
        "b_o forgotten in the forward pass",
        "the output o_t holds b_o",
        {"forward": lambda p: p._replace(b_o=0 * p.b_o)},
    ),
)

_ERRORS = (
    (
        "only the last error",
        "the errors of all outputs count, here those of the earlier ones are dropped",
        {"errors": _only_last},
    ),
    (
        "errors of all outputs",
        "the loss looks at the last output only, here it looks at all",
        {"errors": _every},
    ),
    (
        "error of the last step at each step",
        "it arises at the last output, here it is put in at each",
        {"errors": lambda d: d[-1] + 0 * d},
    ),
    (
        "error of the last step at each step",
        "it belongs to the last state; in the gradients of W_ho and b_o it is put to "
        "each",
        _replaced(
            W_ho=lambda w: np.outer(w.h.sum(axis=0), w.d_o[-1]),
            b_o=lambda w: len(w.d_o) * w.d_o[-1],
        ),
    ),
    (
        "own step skipped",
        "the error of a step's own output must reach the sums at this step, here only "
        "what comes from later does",
        {"reach": lambda t, s, T: t < s}
        | _replaced(h0=lambda w: w.all_a1 @ w.p.W_hh.T),
    ),
    ("sign", "the error is o - y, here it is y - o", _scaled(lambda T, n: -1)),
    (
        "factor 2",
        "the slope of 1/2 d^2 is d, here the 1/2 is forgotten",
        _scaled(lambda T, n: 2),
    ),
    (
        "factor 1/2",
        "the slope of 1/2 d^2 is d, here the 1/2 is still there",
        _scaled(lambda T, n: 1 / 2),
    ),
    (
        "mean for the sum",
        "the loss is a sum over the steps, here the gradients are divided by T",
        _scaled(lambda T, n: 1 / T),
    ),
    (
        "mean for the sum",
        "the loss is a sum over the outputs, here the gradients are divided by n_out",
        _scaled(lambda T, n: 1 / n),
    ),
    (
        "mean for the sum",
        "the loss is a sum over steps and outputs, here the gradients are divided by "
        "T n_out",
        _scaled(lambda T, n: 1 / (T * n)),
    ),
    (
        "mean for the sum",
        "this is the gradient of the mean of |o - y|^2 over the steps",
        _scaled(lambda T, n: 2 / T),
    ),
    (
        "mean for the sum",
        "this is the gradient of the mean of (o - y)^2 over steps and outputs",
        _scaled(lambda T, n: 2 / (T * n)),
    ),
)

_SUMS = (
    (
        "sums not reset",
        "on the way back each step's part is added again at all steps before it",
        {"terms": lambda t, T: t + 1},
    ),
    (
        "sums not reset",
        "going forward, each step's part is added again at all steps after it",
        {"terms": lambda t, T: T - t},
    ),
    (
        "sums not reset",
        "what one output's error gives is added again with all outputs after it",
        {"errors": lambda d: np.arange(len(d), 0, -1)[:, None] * d},
    ),
    (
        "only the last step's part",
        "a gradient is the sum of the parts of all steps",
        {"terms": lambda t, T: t == T - 1},
    ),
    (
        "only the last step's part",
        "the gradient of a bias is the sum of the errors of all steps",
        _replaced(b_h=lambda w: w.d_a[-1], b_o=lambda w: w.d_o[-1]),
    ),
    (
        "only the first step's part",
        "a gradient is the sum of the parts of all steps: is it set where it should be "
        "added to?",
        {"terms": lambda t, T: t == 0},
    ),
    (
        "only the first step's part",
        "the gradient of a bias is the sum of the errors of all steps: is it set where "
        "it should be added to?",
        _replaced(b_h=lambda w: w.d_a[0], b_o=lambda w: w.d_o[0]),
    ),
    (
        "first step left out",
        "the loop must come down to the first step",
        {"terms": lambda t, T: t > 0} | _replaced(h0=lambda w: w.d_a[1] @ w.p.W_hh.T),
    ),
    (
        "last step left out",
        "the loop must begin at the last step",
        {"errors": lambda d: np.vstack([d[:-1], 0 * d[-1:]])},
    ),
)

_PRODUCTS = (
    (
        "forward product",
        "the gradient of a matrix is the outer product of what goes in and the error, "
        "here it is a product of the forward pass, without any error",
        _replaced(
            W_ih=lambda w: np.tile(w.x.sum(axis=0) @ w.p.W_ih, (len(w.p.W_ih), 1)),
            W_hh=lambda w: np.tile(w.before.sum(axis=0) @ w.p.W_hh, (len(w.p.W_hh), 1)),
        ),
    ),
    (
        "h_t for h_{t-1}",
        "in the gradient of W_hh, which carries the state before into the step",
        _replaced(W_hh=lambda w: w.h.T @ w.d_a),
    ),
    (
        "h_{t-1} for h_t",
        "in the gradient of W_ho, which carries the new state to the output",
        _replaced(W_ho=lambda w: w.before.T @ w.d_o),
    ),
    (
        "a_t for h_t",
        "in the gradient of W_ho, which carries the state to the output",
        _replaced(W_ho=lambda w: w.a.T @ w.d_o),
    ),
    (
        "gradient transposed",
        "that of W_hh is h_{t-1}^T d_a, here it is d_a^T h_{t-1}",
        _replaced(W_hh=lambda w: w.g["W_hh"].T),
    ),
    (
        "h0 forgotten",
        "h0 is a parameter too, and its gradient is d_a W_hh^T of the first step",
        _replaced(h0=lambda w: 0 * w.g["h0"]),
    ),
    (
        "gradient of h0 one step short",
        "this is d_a of the first step, which must still go through W_hh^T",
        _replaced(h0=lambda w: w.d_a1),
    ),
    (
        "gradient of h0 one step short",
        "this is d_h of the first step, the gradient at h_1",
        _replaced(h0=lambda w: w.d_h[0]),
    ),
    (
        "slope at h0",
        "no unit has made h0, so its gradient has no slope",
        _replaced(h0=lambda w: w.g["h0"] * w.slope(w.p.h0)),
    ),
)


def _truncations() -> Iterator[tuple[str, str, dict]]:
    for k in range(1, LONG):
        steps = "1 step" if k == 1 else f"{k} steps"
        last = "the last step is" if k == 1 else f"the last {k} steps are"
        yield (
            "truncated",
            f"each error goes back through {steps} only, its own included",
            {"reach": lambda t, s, T, k=k: s - t < k},
        )
        yield (
            "truncated",
            f"only {last} gone back through",
            {"reach": lambda t, s, T, k=k: t >= T - k},
        )
        yield (
            "truncated",
            f"no error crosses a cut, and there is a cut after every {steps}",
            {"reach": lambda t, s, T, k=k: t // k == s // k},
        )


MISTAKES = tuple(
    Mistake(*row)
    for group in (_SLOPES, _MATRICES, _ERRORS, _SUMS, _PRODUCTS, _truncations())
    for row in group
)
NAMES = tuple(dict.fromkeys(mistake.name for mistake in MISTAKES))


def clipped(limit: float) -> Mistake:
    """Each element of each gradient drawn into +-limit."""

    def clip(w):
        return {name: np.clip(g, -limit, limit) for name, g in w.g.items()}

    return Mistake(
        "clipped",
        f"each element is cut at +-{number(limit)}, but clipping belongs to the update "
        "and not to the gradient",
        {"then": (clip,)},
    )


# The diagnosis --------------------------------------------------------------------


class Answer(NamedTuple):
    """What came out for a problem, six arrays of the right shapes, and the truth."""

    problem: Problem
    got: Gradients
    truth: Gradients

    @property
    def wrong(self) -> list[str]:
        """The names of the gradients that are not right."""
        return [
            name for name in self.truth if not same(self.got[name], self.truth[name])
        ]


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
            yield from combinations([m for (m,) in singles if shows_in(m, first)], 2)

    for tried in (singles, pairs()):
        found = [Found(mistakes, agreement(mistakes, answers)) for mistakes in tried]
        best = max(found, key=lambda f: f.agreeing, default=None)
        if best and best.agreeing:
            return best
    return None


def agreement(mistakes: tuple[Mistake, ...], answers: Sequence[Answer]) -> int:
    """How many gradients the mistakes give; 0 if a wrong one is not among them."""
    agreeing = 0
    for problem, got, truth in answers:
        made = made_with(mistakes, problem)
        if made is None:
            return 0
        for name in truth:
            if same(got[name], made[name]):
                agreeing += 1
            elif not same(got[name], truth[name]):
                return 0
    return agreeing


def shows_in(mistake: Mistake, answer: Answer) -> list[str]:
    """The names of the gradients that a mistake makes wrong in a problem."""
    made = made_with((mistake,), answer.problem)
    return Answer(answer.problem, made, answer.truth).wrong if made else []


def made_with(mistakes: tuple[Mistake, ...], problem: Problem) -> Gradients | None:
    """The gradients with these mistakes; None where they cannot be made together."""
    change: dict[str, Any] = {}
    for mistake in mistakes:
        for place, what in mistake.change.items():
            if place == "then":
                what = change.get("then", ()) + what
            elif place in change:
                return None
            change[place] = what
    try:
        with np.errstate(all="ignore"):
            return way_back(problem, **change)
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
