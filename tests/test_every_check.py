"""Every check of every chapter answers whatever it is given, and says "Right" to none.

What the checks say to answers that are nearly right stands in a file for each chapter.
"""

import inspect
import pkgutil
from importlib import import_module

import pytest
from check_answers import GARBAGE, NOT_STARTED, ask, check_survives, not_functions
from hypothesis import given, settings

import helpers.check


def checks():
    """The checks of a student's function, of all chapters, as pytest parameters."""
    for found in pkgutil.iter_modules(helpers.check.__path__, "helpers.check."):
        module = import_module(found.name)
        for name, function in inspect.getmembers(module, inspect.isfunction):
            own = function.__module__ == found.name and not name.startswith("_")
            if own and next(iter(inspect.signature(function).parameters)) == "student":
                chapter = found.name.rpartition(".")[2]
                yield pytest.param(function, id=f"{chapter}.{name}")


CHECKS = list(checks())
each_check = pytest.mark.parametrize("checked", CHECKS)


def test_the_checks_are_found():
    names = {parameter.id for parameter in CHECKS}
    chapters = {name.partition("_")[0] for name in names}
    assert chapters == {f"ch{n:02}" for n in range(1, 10)}
    assert "ch02_elman_checks.latch" in names


@each_check
def test_a_starter_is_not_started(checked):
    said = ask(checked, lambda *arguments: ...)
    assert said == NOT_STARTED.format(checked.__name__)


@each_check
def test_an_error_of_the_student_is_told_with_its_line(checked):
    def student(*arguments):
        return {}["missing"]

    said = ask(checked, student)
    assert said.startswith("Not yet. ")
    assert f"line {student.__code__.co_firstlineno + 1}, " in said
    assert 'return {}["missing"]' in said
    assert "raised KeyError: 'missing'" in said


@each_check
@pytest.mark.parametrize("thing", not_functions(), ids=lambda t: type(t).__name__)
def test_what_is_no_function_is_answered(checked, thing):
    assert ask(checked, thing).startswith(("Not yet. ", "Not started yet: "))


@each_check
@settings(max_examples=60, deadline=None, derandomize=True)
@given(garbage=GARBAGE)
def test_whatever_comes_back_is_answered(checked, garbage):
    check_survives(checked, garbage)
