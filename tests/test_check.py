"""The checks: what they say of right answers, of near-misses, and of anything else."""

import re
from itertools import pairwise

import jax.numpy as jnp
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from check_answers import (
    GARBAGE,
    NOT_STARTED,
    Hostile,
    ask,
    check_survives,
    each_near_miss,
    near_misses,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from myst_parser.mdit_to_docutils.base import default_slugify

from helpers import check, notebooks
from helpers.check import feedforward

# ---------------------------------------------------------------------------
# One value beside the right one

A = np.array([[0.3, -1.2, 2.0], [0.7, 0.05, -0.4]])
SQUARE = np.array([[1.0, 2.0], [-3.0, 0.5]])
V = np.array([0.5, -1.0, 2.5, 4.0])
one_wrong = A.copy()
one_wrong[1, 0] = 0.9

DIFFERENCES = {
    "not started": (..., A, "Not started yet: replace the `...` in x."),
    "None": (None, A, "x: None, expected numbers."),
    "a text": ("3", 3, "x: a text (str), expected numbers."),
    "ragged": ([[1.0], [1.0, 2.0]], A, "x: a list of length 2 that does not make"),
    "a function": (np.sum, A, "expected numbers."),
    "complex": (A + 1j, A, "x: the dtype is complex128, expected real numbers."),
    "nan": (A * [1, np.nan, 1], A, "x: 2 of 6 entries are nan."),
    "infinite": (A * [1, 1, np.inf], A, "x: 2 of 6 entries are infinite."),
    "zero": (0 * A, A, "x: zero everywhere."),
    "sign": (-A, A, "x: of the opposite sign."),
    "half": (A / 2, A, "x: half of what it should be."),
    "twice": (2 * A, A, "x: twice what it should be."),
    "a factor": (7 * A, A, "x: 7 times what it should be."),
    "sign and factor": (-A / 3, A, "the opposite sign and 0.333 times what it"),
    "offset": (A - 0.25, A, "x: 0.25 too small everywhere: is a term missing?"),
    "transposed": (
        A.T,
        A,
        "x: has shape (3, 2), expected shape (2, 3): right, but transposed.",
    ),
    "transposed square": (SQUARE.T, SQUARE, "x: right, but transposed."),
    "exchanged": (A.T + A.T**2, A, "(2, 3): are rows and columns exchanged?"),
    "a column": (V[:, None], V, "the numbers are right, the shape is not."),
    "other numbers": (V[:, None] ** 2, V, "nor are the numbers right."),
    "a number": (0.5, V[:1], "x: a single number, expected shape (1,): the numbers"),
    "for a number": (V, 0.5, "x: has shape (4,), expected a single number: too many"),
    "no sum": (np.stack([V / 2, V / 2]), V, "the sum over axis 0 is missing."),
    "no mean": (np.stack([V, V], 1), V, "the mean over axis 1 is missing."),
    "too many axes": (np.ones((3, 4)), V, "too many axes."),
    "too few axes": (np.ones(4), A, "too few axes."),
    "all sizes": (np.ones((4, 5)), A, "more than one axis differs."),
    "lost at the end": (V[:-1], V, "one entry missing at the end."),
    "lost at the start": (V[2:], V, "2 entries missing at the start."),
    "a row too many": (np.vstack([A, V[:3]]), A, "one row too many at the end."),
    "a column too few": (A[:, :2] + 1, A, "one column missing."),
    "reversed": (V[::-1], V, "x: right, but with the entries in reverse order."),
    "columns reversed": (A[:, ::-1], A, "with the columns in reverse order."),
    "late": (np.roll(V, 1), V, "x: each entry comes one place too late."),
    "early": (np.roll(A, -1, axis=1), A, "x: each column comes one place too early."),
    "truncated": (V.astype(int), V, "x: the dtype is int64, so the fractions are cut"),
    "half precision": (A.astype(np.float16), A, "few digits that float16 holds."),
    "one entry": (
        one_wrong,
        A,
        "x: 1 of 6 entries wrong, off by up to 0.2, where the largest is 2; the first "
        "is [1, 0]: 0.9, expected 0.7.",
    ),
    "all entries": (A**3 + 1, A, "x: all 6 entries are wrong, off by up to "),
    "a count": (26, 29, "x: 26, expected 29: 3 too small."),
    "half a number": (13, 26, "x: 13, expected 26: half of what it should be."),
    "close is not equal": (1_000_001, 1_000_000, "x: 1000001, expected 1000000: 1 too"),
    "free input": (
        pt.vector("z").sum(),
        1.0,
        "x: a symbolic expression that needs a value for z: compile it",
    ),
    "no evaluation": (pytensor.shared(A) @ pytensor.shared(A), A, "PyTensor cannot"),
}


@pytest.mark.parametrize("case", DIFFERENCES)
def test_a_difference_is_named(case):
    got, expected, said = DIFFERENCES[case]
    with np.errstate(all="ignore"):
        verdict = check.compare("x", got, expected)
    assert not verdict.ok
    assert said in verdict.message
    assert not verdict.message.endswith("?.")
    assert verdict.started == (case != "not started")


KINDS = {
    "NumPy": A,
    "nested lists": A.tolist(),
    "integers for floats": np.array([[0, 1, 2]]),
    "JAX": jnp.asarray(A),
    "JAX in float32": jnp.asarray(A, dtype="float32"),
    "shared": pytensor.shared(A),
    "constant": pt.constant(A),
    "symbolic": 2 * pytensor.shared(A) - A,
    "list of symbolic": [pt.constant(A[0]), pytensor.shared(A[1]) * 1],
}


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_of_every_kind_are_accepted(kind):
    expected = [[0.0, 1.0, 2.0]] if kind == "integers for floats" else A
    assert check.compare("x", KINDS[kind], expected).ok


def test_numbers_of_every_kind_are_accepted():
    for five in (5, 5.0, np.int32(5), np.array(5), jnp.array(5), pt.constant(5)):
        assert check.compare("x", five, 5).ok


def test_a_known_mistake_is_called_by_its_name():
    def verdict(got):
        return check.compare(
            "x", got, A, mistakes={"unsquared": A**2, "harmless": 1.0 * A}
        )

    assert verdict(A).ok
    assert verdict(A**2).message == "x: unsquared."
    assert verdict(3 * A**2).message == (
        "x: unsquared. And the whole is 3 times what it should be."
    )
    assert "unsquared" not in verdict(A**4).message


def test_a_mistake_that_changes_nothing_is_not_blamed():
    # Half of A is half of what the mistake gives too.
    said = check.compare("x", A / 2, A, mistakes={"invisible": A}).message
    assert said == "x: half of what it should be."


def test_parts_that_are_right_are_named_before_the_first_that_is_not():
    expected = {"a": 1.0, "b": V, "c": A}
    verdict = check.compare_parts(
        {"a": 1.0, "b": -V, "c": A},
        expected,
        mistakes={"flipped": {"b": -V}},
        order=("c", "b", "a"),
        label="the slope of {}",
    )
    assert verdict.message == "c, a: right. the slope of b: flipped."
    assert check.compare_parts(expected, expected).ok
    assert not check.compare_parts({**expected, "b": ...}, expected).started


def test_a_checker_that_expects_nonsense_is_told():
    for nonsense in (None, [np.nan], "text", 1j):
        with pytest.raises(ValueError, match="expected must hold finite numbers"):
            check.compare("x", 1.0, nonsense)


finite = st.floats(-1e6, 1e6, allow_subnormal=False)
arrays = hnp.arrays(
    np.float64, hnp.array_shapes(max_dims=3, max_side=5), elements=finite
)


@settings(deadline=None)
@given(arrays)
def test_an_array_equals_itself_and_not_its_neighbour(x):
    assert check.compare("x", x.copy(), x).ok
    changed = x.copy()
    changed.flat[-1] += 0.001 * (1 + np.abs(x).max())
    assert not check.compare("x", changed, x).ok


@settings(deadline=None)
@given(
    hnp.arrays(np.float64, (3, 2), elements=st.floats(0.1, 10), unique=True),
    st.floats(-1e3, 1e3).filter(lambda c: abs(c) > 1e-3),
)
def test_a_factor_is_told_to_three_digits(x, c):
    assume(abs(c - 1) > 1e-3)
    said = check.compare("x", c * x, x).message
    words = {"half of": 0.5, "twice": 2.0, "": 1.0}
    pattern = r"x: (of the opposite sign)?(?: and )?(.*?)(?: times)?(?: what it.*)?\."
    sign, size = re.fullmatch(pattern, said).groups()
    told = words[size] if size in words else float(size)
    assert (-told if sign else told) == pytest.approx(c, rel=6e-3)


@settings(deadline=None, max_examples=200)
@given(GARBAGE)
def test_any_value_gets_a_verdict(garbage):
    verdict = check.compare("x", garbage, A)
    assert isinstance(verdict, check.Verdict)
    assert not verdict.ok
    assert "\n" not in verdict.message


# ---------------------------------------------------------------------------
# Calling a student's function


def fail_here(x):
    y = np.zeros(3)
    return y @ x


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no words")


def raise_(error):
    raise error


CALLS = {
    "raises": (fail_here, "return y @ x`, raised ValueError: matmul"),
    "too many": (lambda: 1, "cannot be called like this, TypeError: "),
    "exits": (lambda x: raise_(SystemExit(3)), "SystemExit: 3"),
    "deep": (lambda x: deep(x), "raised RecursionError: maximum recursion"),
    "mute": (lambda x: raise_(Mute()), "raised Mute."),
    "returns nothing": (lambda x: None, "f(x): returned None: is a `return` missing?"),
    "no function": (3, "f(x): expected a function, got an int."),
    "no answer": (None, "f(x): expected a function, got None."),
}


def deep(x):
    return deep(x)


@pytest.mark.parametrize("case", CALLS)
def test_a_call_that_fails_is_explained(case):
    function, said = CALLS[case]
    verdict = check.call("f(x)", function, np.zeros(4))
    assert isinstance(verdict, check.Verdict)
    assert (verdict.ok, verdict.started) == (False, True)
    assert said in verdict.message


def test_the_line_is_the_students():
    line = fail_here.__code__.co_firstlineno + 2
    said = check.call("f(x)", fail_here, np.zeros(4)).message
    assert said.startswith(f"f(x): line {line}, ")
    # An error deep inside a library is told at the line that called the library.
    inside = check.call("f(x)", lambda x: np.linalg.inv(x), np.zeros(4)).message
    assert f"line {test_the_line_is_the_students.__code__.co_firstlineno + 5}" in inside


@pytest.mark.parametrize("started", [..., NotImplemented])
def test_an_untouched_starter_is_not_started(started):
    for function in (started, lambda x: started, lambda x: raise_(NotImplementedError)):
        verdict = check.call("f(x)", function, 1)
        assert verdict == check.Verdict(False, False, NOT_STARTED.format("f"))


def test_a_result_and_a_verdict_are_handed_on():
    assert check.call("f(2)", lambda x: x + 1, 2) == 3
    bad = check.Verdict(False, True, "bad")
    assert check.unpack("f", bad, "ab") is bad
    assert check.compare("f", bad, 1) is bad
    assert check.compare_parts(bad, {"a": 1}) is bad
    assert check.run_updates("f", bad, [], 1) is bad


def test_results_are_unpacked_by_order_or_by_name():
    for result in ((1, 2), [1, 2], {"b": 2, "a": 1}):
        assert check.unpack("f", result, "ab") == {"a": 1, "b": 2}
    for result, said in {
        (1,): "f: returned a tuple of length 1, expected 2 results: a, b.",
        5: "f: returned an int, expected 2 results: a, b.",
    }.items():
        assert check.unpack("f", result, "ab").message == said
    said = check.unpack("f", {"a": 1}, "ab").message
    assert said == "f: the dict has no 'b', expected 2 results: a, b."
    said = check.unpack("f", np.zeros((2, 3)), "ab").message
    assert "an array of shape (2, 3)" in said


# ---------------------------------------------------------------------------
# Running a student's updates


def parameters():
    return [pytensor.shared(np.ones(2), name=name) for name in "pq"]


def test_updates_run_as_often_as_asked():
    p, q = parameters()
    for updates in ([(p, 2 * p), (q, q + p)], {q: q + p, p: 2 * p}):
        p.set_value(np.ones(2))
        q.set_value(np.ones(2))
        moved = check.run_updates("f", updates, [p, q], 3)
        np.testing.assert_array_equal(moved["p"], [[1, 1], [3, 3], [7, 7]])
        np.testing.assert_array_equal(moved["q"], [[1, 1], [3, 3], [7, 7]])


UPDATES = {
    "no list": (lambda p, q: 3, "f: returned an int, expected a list of pairs."),
    "no pairs": (lambda p, q: [2 * p, q], "entry 0 of the list is a symbolic expr"),
    "not shared": (lambda p, q: [(2 * p, p)], "updates a symbolic expression, exp"),
    "missing": (lambda p, q: [(p, 2 * p)], "f: q is not updated."),
    "twice": (lambda p, q: [(p, p), (q, q), (p, p)], "f: p is updated twice."),
    "shape": (lambda p, q: [(p, p.sum()), (q, q)], "compile these updates: TypeError:"),
    "free": (lambda p, q: [(p, pt.vector("z")), (q, q)], "MissingInputError: "),
    "running": (
        lambda p, q: [(p, p + pt.zeros(3)), (q, q)],
        "f: PyTensor cannot run these updates: ValueError: ",
    ),
}


@pytest.mark.parametrize("case", UPDATES)
def test_updates_that_cannot_run_are_explained(case):
    build, said = UPDATES[case]
    p, q = parameters()
    verdict = check.run_updates("f", build(p, q), [p, q], 1)
    assert isinstance(verdict, check.Verdict)
    assert said in verdict.message


# ---------------------------------------------------------------------------
# The answer


def test_the_first_failure_is_the_answer_and_nothing_runs_after_it():
    def verdicts():
        yield check.compare("a", 1, 1)
        yield check.compare("b", 1, 2)
        raise AssertionError("ran on")

    said = check.conclude(verdicts(), "Well.")
    assert said.message == "Not yet. b: 1, expected 2: half of what it should be."
    assert (said.ok, said.started) == (False, True)
    fine = check.conclude([check.compare("a", 1, 1)], "Well.")
    assert fine == check.Verdict(True, True, "Right. Well.")


def test_what_raises_while_it_is_judged_is_answered():
    def verdicts():
        yield check.compare("a", 1, int(Hostile().x))

    assert check.conclude(verdicts(), "Well.") == check.Verdict(
        False, True, "Not yet. The answer cannot be judged: RuntimeError."
    )


# ---------------------------------------------------------------------------
# The exercises of chapter 1: right answers

CHECKS = [
    feedforward.count_parameters,
    feedforward.windows,
    feedforward.gradients,
    feedforward.l2_updates,
    feedforward.momentum_updates,
]
each_check = pytest.mark.parametrize("checked", CHECKS, ids=lambda c: c.__name__)
CHAPTER = notebooks.ROOT / "book" / "01_feedforward.ipynb"
SOLUTIONS = CHAPTER.parent / "solutions" / CHAPTER.name


def code(path):
    """The code cells of a notebook without its opening."""
    for cell in notebooks.read(path).cells:
        tags = set(cell.metadata.get("tags", []))
        if cell.cell_type == "code" and not tags & {"setup", "engine"}:
            yield cell.source, tags


@pytest.fixture(scope="module")
def solutions():
    """What the cells of the solutions notebook import and define."""
    names = {}
    for source, _ in code(SOLUTIONS):
        if source.startswith(("import ", "from ", "def ")):
            exec(source, names)
    return names


@each_check
def test_the_solution_is_right(checked, solutions):
    assert ask(checked, solutions[checked.__name__]).startswith("Right. ")


@each_check
def test_the_starter_is_not_started(checked):
    name = checked.__name__
    starters = [
        source
        for source, tags in code(CHAPTER)
        if "exercise" in tags and source.startswith(f"def {name}(")
    ]
    assert len(starters) == 1
    assert starters[0].endswith(f"\ncheck.{name}({name})")
    names = {"check": feedforward}
    exec(starters[0], names)
    assert ask(checked, names[name]) == NOT_STARTED.format(name)


def plain_windows(series, k):
    X = [series[i : i + k] for i in range(len(series) - k)]
    return np.array(X), series[k:]


def symbolic_gradients(X, y, *params):
    params = [pytensor.shared(p) for p in params]
    W_ih, b_h, W_ho, b_o = params
    o = pt.tanh(X @ W_ih + b_h) @ W_ho + b_o
    return pt.grad(((o - y) ** 2).mean(), params)


def heavy_ball(loss, params, lr, mu):
    """The same path with a velocity of other units: p moves by lr * v."""
    updates = {}
    for p in params:
        v = pytensor.shared(0 * p.get_value())
        updates[v] = mu * v - pt.grad(loss, p)
        updates[p] = p + lr * updates[v]
    return updates


OTHER_WAYS = {
    "a NumPy integer": (
        feedforward.count_parameters,
        lambda sizes: np.dot(np.add(sizes[:-1], 1), sizes[1:]),
    ),
    "a symbolic count": (
        feedforward.count_parameters,
        lambda sizes: ((pt.constant(sizes[:-1]) + 1) * pt.constant(sizes[1:])).sum(),
    ),
    "windows as lists": (
        feedforward.windows,
        lambda s, k: [part.tolist() for part in plain_windows(s, k)],
    ),
    "windows in JAX": (
        feedforward.windows,
        lambda s, k: [jnp.asarray(part, "float32") for part in plain_windows(s, k)],
    ),
    "windows by name": (
        feedforward.windows,
        lambda s, k: dict(zip("yX", plain_windows(s, k)[::-1], strict=True)),
    ),
    "symbolic gradients": (feedforward.gradients, symbolic_gradients),
    "gradients in JAX": (
        feedforward.gradients,
        lambda *a: [jnp.asarray(g, "float32") for g in backward(*a)[0]],
    ),
    "another velocity": (feedforward.momentum_updates, heavy_ball),
}


@pytest.mark.parametrize("case", OTHER_WAYS)
def test_other_ways_are_right_too(case):
    checked, student = OTHER_WAYS[case]
    assert ask(checked, student).startswith("Right. ")


@pytest.mark.parametrize("floatX", ["float32", "float64"])
def test_updates_are_judged_whatever_the_engine(solutions, floatX):
    with pytensor.config.change_flags(floatX=floatX, mode="JAX"):
        for name in ("l2_updates", "momentum_updates"):
            said = ask(getattr(feedforward, name), solutions[name])
            assert said.startswith("Right. ")


# ---------------------------------------------------------------------------
# The exercises of chapter 1: near-misses


def products(sizes):
    return [m * n for m, n in pairwise(sizes)]


def layers(sizes):
    return [m * n + n for m, n in pairwise(sizes)]


def two_layers_only(sizes):
    n_in, n_hid, n_out = sizes
    return (n_in + 1) * n_hid + (n_hid + 1) * n_out


NEAR_COUNT = {
    "the biases are not counted": lambda s: sum(products(s)),
    "the weights are not counted": lambda s: sum(s[1:]),
    "the input units have no biases": lambda s: sum(products(s)) + sum(s),
    "each unit has a bias, not each layer": lambda s: sum(products(s)) + len(s) - 1,
    "the biases of the last layer are missing": lambda s: sum(layers(s)) - s[-1],
    "the last layer is missing": lambda s: sum(layers(s)[:-1]),
    "the first layer is missing": lambda s: sum(layers(s)[1:]),
    "count_parameters([12, 20, 10, 5, 1]): line": two_layers_only,
    "1 too large": lambda s: sum(layers(s)) + 1,
    "expected numbers": lambda s: str(sum(layers(s))),
    "is a `return` missing?": lambda s: print(end="") if sum(layers(s)) else 0,
}


def cut(X=lambda X, s, k: X, y=lambda y, s, k: y):
    """Windows with one mistake, in X or in y."""

    def student(series, k):
        good_X, good_y = plain_windows(series, k)
        return X(good_X, series, k), y(good_y, series, k)

    return student


NEAR_WINDOWS = {
    "k + 1 values in each window, the last of them the one to predict": cut(
        X=lambda X, s, k: plain_windows(np.append(s, 0), k + 1)[0]
    ),
    "one step late: X[i] holds y[i], the value to predict": cut(
        X=lambda X, s, k: plain_windows(np.append(s, 0), k)[0][1:]
    ),
    "X and y are exchanged": lambda s, k: plain_windows(s, k)[::-1],
    "the newest value comes first": cut(X=lambda X, s, k: X[:, ::-1]),
    "the last window has no value that follows it": cut(
        X=lambda X, s, k: np.lib.stride_tricks.sliding_window_view(s, k)
    ),
    "one step late: y[i] is series[i + k + 1], expected series[i + k]": cut(
        X=lambda X, s, k: X[:-1], y=lambda y, s, k: y[1:]
    ),
    "one step early: y[i] is still in the window X[i]": cut(
        y=lambda y, s, k: s[k - 1 : -1]
    ),
    "the windows overlap: one starts at each value of the series": lambda s, k: (
        s[: len(s) // k * k - k].reshape(-1, k),
        s[k::k],
    ),
    "has shape (9, 1), expected shape (9,): the numbers are right": cut(
        y=lambda y, s, k: y[:, None]
    ),
    "shape (8,), expected shape (9,): one entry missing at the end": cut(
        X=lambda X, s, k: X[:-1], y=lambda y, s, k: y[:-1]
    ),
    "shape (8, 3), expected shape (9, 3): one row missing at the end": cut(
        X=lambda X, s, k: X[:-1]
    ),
    "shape (3, 9), expected shape (9, 3): right, but transposed": cut(
        X=lambda X, s, k: X.T
    ),
    "returned an array of shape (9, 3), expected 2 results: X, y": lambda s, k: (
        plain_windows(s, k)[0]
    ),
    "X of windows(series, 3): 27 of 27 entries are nan": cut(
        X=lambda X, s, k: X * np.nan
    ),
    "y of windows(series, 1): has": lambda s, k: (
        plain_windows(s, k) if k > 1 else plain_windows(s, 3)
    ),
}


def backward(X, y, W_ih, b_h, W_ho, b_o, scale=None, slope=None, back=None):
    """The gradients as a chain of three replaceable pieces."""
    n = len(X)
    a = X @ W_ih + b_h
    h = np.tanh(a)
    d_o = (2 / n if scale is None else scale(n)) * (h @ W_ho + b_o - y)
    d_h = (d_o @ W_ho.T) if back is None else back(d_o, W_ho)
    d_a = d_h * (1 - h**2 if slope is None else slope(a, h))
    return [X.T @ d_a, d_a.sum(0), h.T @ d_o, d_o.sum(0)], d_a, d_o


def slip(change=lambda grads, d_a, d_o: grads, **pieces):
    """The gradients with a piece replaced, or changed at the end."""
    return lambda *arguments: change(*backward(*arguments, **pieces))


def replaced(**parts):
    """A change of the results: what takes the place of some of them."""
    names = ("W_ih", "b_h", "W_ho", "b_o")

    def change(grads, d_a, d_o):
        new = {name: part(d_a, d_o) for name, part in parts.items()}
        return [new.get(name, g) for name, g in zip(names, grads, strict=True)]

    return change


NEAR_GRADIENTS = {
    "the factor 2 is missing: the derivative of e**2 is 2 * e": slip(
        scale=lambda n: 1 / n
    ),
    "divide by n: the loss is the mean over the examples": slip(scale=lambda n: 2),
    "the factor 2 / n is missing": slip(scale=lambda n: 1),
    "the sign is wrong: the error is o - y": slip(scale=lambda n: -2 / n),
    "b_o, W_ho: right. b_h: the derivative of tanh is missing": slip(
        slope=lambda a, h: 1
    ),
    "1 - h**2 takes h, the output of tanh, and not its input": slip(
        slope=lambda a, h: 1 - a**2
    ),
    "the derivative of tanh is 1 - h**2, not 1 - h": slip(slope=lambda a, h: 1 - h),
    "h * (1 - h) belongs to the sigmoid": slip(slope=lambda a, h: h * (1 - h)),
    "the way back through W_ho is missing": slip(back=lambda d_o, W_ho: d_o),
    "b_o: -0.303, expected -1.82: the sum over the examples became a mean": slip(
        replaced(b_o=lambda d_a, d_o: d_o.mean(0), b_h=lambda d_a, d_o: d_a.mean(0))
    ),
    "summed over the units, expected over the examples (axis 0)": slip(
        replaced(b_h=lambda d_a, d_o: d_a.sum(1))
    ),
    "has shape (6, 4), expected shape (4,): the sum over axis 0 is missing": slip(
        replaced(b_h=lambda d_a, d_o: d_a)
    ),
    "W_ho: has shape (1, 4), expected shape (4, 1): right, but transposed": slip(
        lambda grads, d_a, d_o: [g.T for g in grads]
    ),
    "b_o: a single number, expected shape (1,): the numbers are right": slip(
        replaced(b_o=lambda d_a, d_o: d_o.sum())
    ),
    "b_h: 5 times what it should be": slip(
        replaced(b_h=lambda d_a, d_o: d_a.sum(0) * 5)
    ),
    "expected 4 results: W_ih, b_h, W_ho, b_o": slip(lambda grads, d_a, d_o: grads[:3]),
    "Not started yet: replace the `...` in W_ih": slip(replaced(W_ih=lambda *_: ...)),
}


def decayed(rule=None, on=(2,)):
    """L2 updates by a rule (p, g, lr, decay) for the parameters of some dimensions."""

    def student(loss, params, lr, decay):
        return [
            (p, rule(p, g, lr, decay) if p.ndim in on else p - lr * g)
            for p, g in zip(params, pt.grad(loss, params), strict=True)
        ]

    return student


NEAR_L2 = {
    "this is plain SGD, without the penalty": decayed(on=()),
    "the factor 2 is missing: the derivative of W**2 is 2 * W": decayed(
        lambda p, g, lr, c: p - lr * (g + c * p)
    ),
    "b_h: the biases are decayed too": decayed(
        lambda p, g, lr, c: p - lr * (g + 2 * c * p), on=(1, 2)
    ),
    "the penalty has the wrong sign: the weights grow": decayed(
        lambda p, g, lr, c: p - lr * (g - 2 * c * p)
    ),
    "the step goes uphill: subtract lr times the gradient": decayed(
        lambda p, g, lr, c: p + lr * (g + 2 * c * p)
    ),
    "the gradient of the penalty is not multiplied by lr": decayed(
        lambda p, g, lr, c: p - lr * g - 2 * c * p
    ),
    "the penalty is not multiplied by decay": decayed(
        lambda p, g, lr, c: p - lr * (g + 2 * p)
    ),
    "the absolute values are summed, expected the squares": decayed(
        lambda p, g, lr, c: p - lr * (g + c * pt.sign(p))
    ),
    "the mean of the squares is taken, expected their sum": decayed(
        lambda p, g, lr, c: p - lr * (g + 2 * c * p / p.size)
    ),
    "the step of W_ih: 10 times what it should be": decayed(
        lambda p, g, lr, c: p - g - 2 * c * p
    ),
    "W_ih is not updated": lambda loss, params, lr, c: [(p, p) for p in params[1:]],
    "entry 0 of the list is a symbolic expression": lambda loss, params, lr, c: [
        2 * p for p in params
    ],
    "compile these updates": lambda loss, params, lr, c: [(p, loss) for p in params],
}


def moving(new_v, new_p, start=np.zeros_like, kept=True):
    """Momentum by rules for the new v and, knowing it, for the new p."""

    def student(loss, params, lr, mu):
        updates = []
        for p, g in zip(params, pt.grad(loss, params), strict=True):
            v = pytensor.shared(start(p.get_value()))
            v_new = new_v(v, g, lr, mu)
            updates += [(v, v_new)] * kept + [(p, new_p(p, v, v_new, g, lr, mu))]
        return updates

    return student


def right_v(v, g, lr, mu):
    return mu * v - lr * g


def right_p(p, v, v_new, *others):
    return p + v_new


NEAR_MOMENTUM = {
    "this is plain SGD: is v used, and is (v, new v) in the list?": moving(
        right_v, right_p, kept=False
    ),
    "moves one update late: p must use the new v, mu * v - lr * g": moving(
        right_v, lambda p, v, *others: p + v
    ),
    "never moves: v stays zero. Is the pair (v, new v) in the list?": moving(
        right_v, lambda p, v, *others: p + v, kept=False
    ),
    "goes uphill: the gradient has the wrong sign": moving(
        right_v, lambda p, v, v_new, *others: p - v_new
    ),
    "mu * v has the wrong sign": moving(lambda v, g, lr, mu: -mu * v - lr * g, right_p),
    "the gradient is multiplied by 1 - mu, expected by lr alone": moving(
        lambda v, g, lr, mu: mu * v - (1 - mu) * lr * g, right_p
    ),
    "the gradient is multiplied by mu, expected by lr alone": moving(
        lambda v, g, lr, mu: mu * (v - lr * g), right_p
    ),
    "v is not multiplied by mu, so nothing fades": moving(
        lambda v, g, lr, mu: v - lr * g, right_p
    ),
    "the gradient is not multiplied by lr": moving(
        lambda v, g, lr, mu: mu * v - g, right_p
    ),
    "the gradient acts twice, in v and again in p": moving(
        right_v, lambda p, v, v_new, g, lr, mu: p + v_new - lr * g
    ),
    "this is Nesterov's variant: add v itself to p": moving(
        right_v, lambda p, v, v_new, g, lr, mu: p + mu * v_new - lr * g
    ),
    "v must start at zero, not at the parameter's value": moving(
        right_v, right_p, start=np.copy
    ),
    "v must start at zero, not at one": moving(right_v, right_p, start=np.ones_like),
    "updates a symbolic expression": lambda loss, params, lr, mu: [
        (pt.zeros_like(p), p) for p in params
    ],
    "compile these updates": moving(
        right_v, right_p, start=lambda value: np.zeros(value.size + 1)[:, None, None]
    ),
}
NEAR = near_misses(
    CHECKS, (NEAR_COUNT, NEAR_WINDOWS, NEAR_GRADIENTS, NEAR_L2, NEAR_MOMENTUM)
)


@each_near_miss(NEAR)
def test_a_near_miss_is_told_what_it_is(checked, sentence, student):
    with np.errstate(all="ignore"):
        said = ask(checked, student)
    assert not said.startswith("Right")
    assert sentence in said


@each_check
def test_every_mistake_that_a_check_knows_is_tried(checked, solutions, monkeypatch):
    known = set()

    def note(compare):
        def noting(*args, mistakes, **options):
            known.update(mistakes)
            return compare(*args, mistakes=mistakes, **options)

        return noting

    for name in ("compare", "compare_parts"):
        monkeypatch.setattr(feedforward, name, note(getattr(check, name)))
    ask(checked, solutions[checked.__name__])
    tried = [sentence for other, sentence, _ in NEAR if other is checked]
    assert known
    for mistake in known:
        heard = [part for part in tried if part in mistake or mistake in part]
        shared = [part for part in tried if part.split(": ")[-1] in mistake]
        assert heard or shared, f"no near-miss makes the check say: {mistake}"


@each_check
@settings(max_examples=40, deadline=None)
@given(parts=st.lists(GARBAGE, min_size=2, max_size=4))
def test_whatever_comes_back_in_parts_is_answered(checked, parts):
    check_survives(checked, tuple(parts))


@pytest.mark.parametrize("name", ["l2_updates", "momentum_updates"])
@settings(max_examples=40, deadline=None)
@given(garbage=GARBAGE)
def test_whatever_stands_in_an_update_is_answered(name, garbage):
    checked = getattr(feedforward, name)
    said = ask(checked, lambda loss, params, *rest: [(p, garbage) for p in params])
    assert said.startswith("Not yet. ")


# ---------------------------------------------------------------------------
# Each exercise of each chapter has one starter and one solution, linked both ways

EXERCISE = re.compile(
    r"^### (Exercise (\d+)\.(\d+): .+ \((?:easy|medium|hard), \d+ minutes\))$", re.M
)
SOLUTION = re.compile(r"^## (Exercise (\d+)\.(\d+): .+)$", re.M)
LINK = re.compile(r"\]\(([\w./]+)#([\w-]+)\)")
CHAPTERS = sorted((notebooks.ROOT / "book").glob("[0-9][0-9]_*.ipynb"))
each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


def sections(path, heading):
    """Heading, chapter, number, text and starter cells of each exercise in a file."""
    found = []
    for cell in notebooks.read(path).cells:
        match = heading.search(cell.source) if cell.cell_type == "markdown" else None
        if match:
            title, chapter, number = match.groups()
            found.append((title, int(chapter), int(number), [cell.source], []))
        elif cell.cell_type == "markdown" and cell.source.startswith("## "):
            found.append(("", 0, 0, [], []))
        elif found and cell.cell_type == "markdown":
            found[-1][3].append(cell.source)
        elif found and "exercise" in cell.metadata.get("tags", []):
            found[-1][4].append(cell)
    return [section for section in found if section[0]]


def links(texts):
    return [link for text in texts for link in LINK.findall(text)]


def test_there_are_chapters():
    assert CHAPTER in CHAPTERS


@each_chapter
def test_exercises_and_solutions_belong_together(path):
    exercises = sections(path, EXERCISE)
    solved = sections(path.parent / "solutions" / path.name, SOLUTION)
    expected = [(int(path.stem[:2]), i + 1) for i in range(len(exercises))]
    assert len(exercises) >= 4
    assert [section[1:3] for section in exercises] == expected
    assert [section[1:3] for section in solved] == expected
    for exercise, solution in zip(exercises, solved, strict=True):
        title = exercise[0].partition(" (")[0]
        assert solution[0] == title
        assert len(exercise[4]) == 1, f"{title} needs one starter cell"
        assert links(exercise[3]) == [
            (f"solutions/{path.name}", default_slugify(solution[0]))
        ]
        assert (f"../{path.name}", default_slugify(exercise[0])) in links(solution[3])


@each_chapter
def test_every_starter_cell_belongs_to_an_exercise(path):
    starters = [tags for _, tags in code(path) if "exercise" in tags]
    assert len(starters) == sum(len(s[4]) for s in sections(path, EXERCISE))


@each_chapter
def test_the_committed_solutions_are_right(path):
    for cell in notebooks.read(path.parent / "solutions" / path.name).cells:
        if cell.cell_type == "code" and re.search(r"^check\.", cell.source, re.M):
            said = "".join(output.get("text", "") for output in cell.outputs)
            assert said.startswith("Right. "), cell.source
