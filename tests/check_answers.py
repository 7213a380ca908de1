"""What the tests of the checks share: asking a check, and answers of every kind."""

import inspect
import io
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout

import numpy as np
import pytensor.tensor as pt
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pytensor.compile.sharedvalue import SharedVariable

from helpers.tasks.text import Vocabulary

NOT_STARTED = "Not started yet: replace the `...` in {}."
CHANGED = " itself has changed: leave what is given as it is"
NEAR_MISS = ("checked", "sentence", "student")  # what such a test is given


def ask(check: Callable, student) -> str:
    """What the check prints about the student's function: always one line."""
    with redirect_stdout(io.StringIO()) as printed:
        assert check(student) is None
    lines = printed.getvalue().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def check_accepts(check: Callable, student) -> None:
    """The check is content."""
    said = ask(check, student)
    assert said.startswith("Right. "), said


class Hostile:
    """Raises wherever it is touched."""

    def __getattr__(self, name):
        raise RuntimeError("touched")

    def __array__(self, *args, **kwargs):
        raise RuntimeError("touched")

    def __len__(self):
        raise RuntimeError("touched")

    def __eq__(self, other):
        raise RuntimeError("touched")

    __hash__ = None


_x = pt.vector("nobody_gives_this")
_leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.text(max_size=5),
    st.just(...),
    st.just(NotImplemented),
    st.just(np.sum),
    st.builds(Hostile),
    hnp.arrays(
        st.sampled_from([np.float64, np.float32, np.int64, bool, complex, object]),
        hnp.array_shapes(min_dims=0, max_dims=3, max_side=5),
        elements=st.just(1) | st.just(0),
    ),
    hnp.arrays(np.float64, hnp.array_shapes(min_dims=0, max_dims=3, max_side=5)),
    st.sampled_from([_x, _x.sum(), pt.constant(2.0), pt.zeros((3, 4)), [_x, _x]]),
)
GARBAGE = st.recursive(
    _leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=4,
)


def check_survives(check: Callable, garbage) -> None:
    """The check answers whatever a function returns, and never with "Right"."""
    said = ask(check, lambda *arguments: garbage)
    assert said.startswith(("Not yet. ", "Not started yet: ")), said


def not_functions() -> list:
    """What a student may hand over in the place of a function."""
    return [None, 3, "f", [1], ..., Hostile(), np.zeros(3)]


def edited(function: Callable, *changes: dict[str, str]) -> Callable:
    """The function with other code in some places, each given by the code it has."""
    source = inspect.getsource(function)
    for old, new in (change for of_one in changes for change in of_one.items()):
        assert source.count(old) == 1, f"{source.count(old)} places with {old}"
        source = source.replace(old, new)
    names = dict(function.__globals__)
    exec(source, names)
    return names[function.__name__]


def slips(function: Callable, table: dict[str, dict[str, str]]) -> dict[str, Callable]:
    """The function with each slip of a table, which leads from a sentence to its code.

    A slip is given as in `edited`, so that the tables of `each_near_miss` can be made
    of such tables.
    """
    return {sentence: edited(function, slip) for sentence, slip in table.items()}


def each_right_answer(solutions: dict[Callable, Callable], other_ways: dict):
    """Gives a test each right answer: checked, student.

    `solutions` leads from the check to the student's function, `other_ways` from a
    name to the check and another function that is right too.
    """
    answers = {check.__name__: (check, own) for check, own in solutions.items()}
    answers |= other_ways
    return pytest.mark.parametrize(
        ("checked", "student"), answers.values(), ids=answers
    )


def each_near_miss(checks: Iterable[Callable], tables: Iterable[dict]):
    """Gives a test each entry of the tables, one a check: checked, sentence, student.

    A table leads from the sentence that the check must say to the student's function
    that should make it say so.
    """
    return pytest.mark.parametrize(
        NEAR_MISS,
        [
            pytest.param(checked, *entry, id=f"{checked.__name__}-{entry[0]}")
            for checked, table in zip(checks, tables, strict=True)
            for entry in table.items()
        ],
    )


def check_tells(checked: Callable, sentence: str, student: Callable) -> None:
    """The check is not content, and says the sentence."""
    with np.errstate(all="ignore"):  # some wrong answers divide by 0
        said = ask(checked, student)
    assert said.startswith("Not yet. "), said
    assert sentence in said, said


def spoiling(student: Callable) -> Callable:
    """The function, which changes all that it was given before it returns."""

    def spoil(given):
        if isinstance(given, list):
            for value in given:
                spoil(value)
            given.clear()
        elif isinstance(given, np.ndarray):
            given[...] = 7
        elif isinstance(given, SharedVariable):
            given.set_value(0 * given.get_value())
        elif isinstance(given, Vocabulary):
            given.index.clear()

    def spoiler(*arguments):
        result = student(*arguments)
        for argument in arguments:
            spoil(argument)
        return result

    return spoiler


def off_a_little(student: Callable) -> Callable:
    """The function, of whose numbers some are not quite what they should be."""

    def almost(*arguments):
        result = student(*arguments)
        if isinstance(result, tuple):
            return result[0], result[1] + 1
        return result + 1e-4

    return almost
