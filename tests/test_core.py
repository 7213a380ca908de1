"""What all checks are made of: what it says of answers of any kind."""

import inspect
import re

import jax.numpy as jnp
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from check_answers import (
    GARBAGE,
    NOT_STARTED,
    Hostile,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from helpers.check import core
from helpers.check.core.computation import Computation

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
        verdict = core.compare("x", got, expected)
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
    assert core.compare("x", KINDS[kind], expected).ok


def test_numbers_of_every_kind_are_accepted():
    for five in (5, 5.0, np.int32(5), np.array(5), jnp.array(5), pt.constant(5)):
        assert core.compare("x", five, 5).ok


def test_a_known_mistake_is_called_by_its_name():
    def verdict(got):
        return core.compare(
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
    said = core.compare("x", A / 2, A, mistakes={"invisible": A}).message
    assert said == "x: half of what it should be."


def test_parts_that_are_right_are_named_before_the_first_that_is_not():
    expected = {"a": 1.0, "b": V, "c": A}
    verdict = core.compare_parts(
        {"a": 1.0, "b": -V, "c": A},
        expected,
        mistakes={"flipped": {"b": -V}},
        order=("c", "b", "a"),
        label="the slope of {}",
    )
    assert verdict.message == "c, a: right. the slope of b: flipped."
    assert core.compare_parts(expected, expected).ok
    assert not core.compare_parts({**expected, "b": ...}, expected).started


def test_a_checker_that_expects_nonsense_is_told():
    for nonsense in (None, [np.nan], "text", 1j):
        with pytest.raises(ValueError, match="expected must hold finite numbers"):
            core.compare("x", 1.0, nonsense)


finite = st.floats(-1e6, 1e6, allow_subnormal=False)
arrays = hnp.arrays(
    np.float64, hnp.array_shapes(max_dims=3, max_side=5), elements=finite
)


@settings(deadline=None)
@given(arrays)
def test_an_array_equals_itself_and_not_its_neighbour(x):
    assert core.compare("x", x.copy(), x).ok
    changed = x.copy()
    changed.flat[-1] += 0.001 * (1 + np.abs(x).max())
    assert not core.compare("x", changed, x).ok


@settings(deadline=None)
@given(
    hnp.arrays(np.float64, (3, 2), elements=st.floats(0.1, 10), unique=True),
    st.floats(-1e3, 1e3).filter(lambda c: abs(c) > 1e-3),
)
def test_a_factor_is_told_to_three_digits(x, c):
    assume(abs(c - 1) > 1e-3)
    said = core.compare("x", c * x, x).message
    words = {"half of": 0.5, "twice": 2.0, "": 1.0}
    pattern = r"x: (of the opposite sign)?(?: and )?(.*?)(?: times)?(?: what it.*)?\."
    sign, size = re.fullmatch(pattern, said).groups()
    told = words[size] if size in words else float(size)
    assert (-told if sign else told) == pytest.approx(c, rel=6e-3)


@settings(deadline=None, max_examples=200)
@given(GARBAGE)
def test_any_value_gets_a_verdict(garbage):
    verdict = core.compare("x", garbage, A)
    assert isinstance(verdict, core.Verdict)
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
    verdict = core.call("f(x)", function, np.zeros(4))
    assert isinstance(verdict, core.Verdict)
    assert (verdict.ok, verdict.started) == (False, True)
    assert said in verdict.message


def test_the_line_is_the_students():
    line = fail_here.__code__.co_firstlineno + 2
    said = core.call("f(x)", fail_here, np.zeros(4)).message
    assert said.startswith(f"f(x): line {line}, ")
    # An error deep inside a library is told at the line that called the library.
    inside = core.call("f(x)", lambda x: np.linalg.inv(x), np.zeros(4)).message
    assert f"line {test_the_line_is_the_students.__code__.co_firstlineno + 5}" in inside


@pytest.mark.parametrize("started", [..., NotImplemented])
def test_an_untouched_starter_is_not_started(started):
    for function in (started, lambda x: started, lambda x: raise_(NotImplementedError)):
        verdict = core.call("f(x)", function, 1)
        assert verdict == core.Verdict(False, False, NOT_STARTED.format("f"))


def test_a_result_and_a_verdict_are_handed_on():
    assert core.call("f(2)", lambda x: x + 1, 2) == 3
    bad = core.Verdict(False, True, "bad")
    assert core.unpack("f", bad, "ab") is bad
    assert core.compare("f", bad, 1) is bad
    assert core.compare_parts(bad, {"a": 1}) is bad
    assert core.run_updates("f", bad, [], 1) is bad


def test_results_are_unpacked_by_order_or_by_name():
    for result in ((1, 2), [1, 2], {"b": 2, "a": 1}):
        assert core.unpack("f", result, "ab") == {"a": 1, "b": 2}
    for result, said in {
        (1,): "f: returned a tuple of length 1, expected 2 results: a, b.",
        5: "f: returned an int, expected 2 results: a, b.",
    }.items():
        assert core.unpack("f", result, "ab").message == said
    said = core.unpack("f", {"a": 1}, "ab").message
    assert said == "f: the dict has no 'b', expected 2 results: a, b."
    said = core.unpack("f", np.zeros((2, 3)), "ab").message
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
        moved = core.run_updates("f", updates, [p, q], 3)
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
    verdict = core.run_updates("f", build(p, q), [p, q], 1)
    assert isinstance(verdict, core.Verdict)
    assert said in verdict.message


# ---------------------------------------------------------------------------
# A computation with wrong formulas


def test_what_follows_from_a_wrong_formula_is_wrong_too():
    def area_and_volume(*mistakes):
        w = Computation(*mistakes)
        w.side = 3
        w.area = w.side**2
        w.volume = w.side * w.area
        return w.area, w.volume

    doubled = {"area": lambda w: 2 * w.side}
    assert area_and_volume() == (9, 27)
    assert area_and_volume({}, doubled) == (6, 18)
    # A formula finds the value that was to be set, and one before it has changed.
    negative = {"area": lambda w: -w.area, "volume": lambda w: w.volume + 1}
    assert area_and_volume(negative) == (-9, -26)
    assert area_and_volume(doubled, negative) == (-6, -17)
    assert area_and_volume(negative, doubled) == (6, 19)


# ---------------------------------------------------------------------------
# The answer


def test_the_first_failure_is_the_answer_and_nothing_runs_after_it():
    def verdicts():
        yield core.compare("a", 1, 1)
        yield core.compare("b", 1, 2)
        raise AssertionError("ran on")

    said = core.conclude(verdicts(), "Well.")
    assert said.message == "Not yet. b: 1, expected 2: half of what it should be."
    assert (said.ok, said.started) == (False, True)
    fine = core.conclude([core.compare("a", 1, 1)], "Well.")
    assert fine == core.Verdict(True, True, "Right. Well.")


def test_a_generator_of_verdicts_becomes_a_check(capsys):
    @core.exercise("Well.")
    def five(student, at=0):
        """Judge five."""
        yield core.compare("a", student, 5 + at)

    assert five(5) is None
    five(student=6, at=2)
    assert capsys.readouterr().out.splitlines() == [
        "Right. Well.",
        "Not yet. a: 6, expected 7: 1 too small.",
    ]
    assert (five.__name__, five.__doc__) == ("five", "Judge five.")
    assert inspect.signature(five).return_annotation is None


def test_what_raises_while_it_is_judged_is_answered():
    def verdicts():
        yield core.compare("a", 1, int(Hostile().x))

    assert core.conclude(verdicts(), "Well.") == core.Verdict(
        False, True, "Not yet. The answer cannot be judged: RuntimeError.", "values"
    )
