"""A few mutants of each solution are told what is wrong with them; and the operators.

All of them are judged by `make wrong-answers`.
"""

import ast

import check_mutants
import numpy as np
import pytest
from answer_mutants import mutants, some
from check_mutants import PATIENCE, Inputs, answers, defined, difference, drawn

from helpers.check.core import patience

FEW = 5


@pytest.mark.parametrize(
    "answer",
    [pytest.param(each, id=each.title.replace(" ", ".")) for each in answers()],
)
@pytest.mark.usefixtures("python_engine")  # log_softmax compiles a graph of its own
def test_no_different_mutant_is_called_right(answer, monkeypatch):
    monkeypatch.setattr(check_mutants, "INPUTS", 20)
    monkeypatch.setattr(patience, "SECONDS", PATIENCE)
    monkeypatch.setattr(patience, "CLOCK", "cpu")
    few = drawn(answer, FEW)
    assert len(few) == FEW
    for mutant in few:
        function = defined(answer, mutant.source)
        with np.errstate(all="ignore"):
            verdict = answer.checked.verdict(function, **answer.options)
        if verdict.ok:
            assert not difference(answer, function, Inputs(answer)), mutant.change


SOURCE = """
def f(x, n):
    total = 0
    for i in range(1, n):
        total += x[i - 1] * 2
    return total, -x.T
"""


def test_each_operator_is_there():
    found = {(m.operator, m.change) for m in mutants(SOURCE, "f")}
    assert {
        ("operator", "x[i - 1] * 2 -> x[i - 1] / 2"),
        ("operator", "total -= ..."),
        ("term", "i - 1 -> i"),
        ("sign", "-x.T -> x.T"),
        ("constant", "2 -> 3"),
        ("index", "x[i - 1] -> x[i - 1 + 1]"),
        ("bound", "range(1, n) -> range(1, n - 1)"),
        ("name", "n -> x"),
        ("step", "x.T -> x"),
        ("order", "(total, -x.T) -> (-x.T, total)"),
        ("loop", "only one round"),
        ("in place", "x is changed"),
        ("type", "cut to integers"),
        ("type", "the last part is missing"),
    } <= found


def test_mutants_are_programs_that_differ_from_each_other():
    found = mutants(SOURCE, "f")
    trees = {ast.dump(ast.parse(m.source)) for m in found}
    assert len(trees) == len(found) > 30
    assert ast.dump(ast.parse(SOURCE)) not in trees


def test_some_are_drawn_from_all_operators():
    found = mutants(SOURCE, "f")
    few = some(found, 13)
    assert len({m.operator for m in few}) == len({m.operator for m in found})
    assert some(found, 10_000) != found
    assert sorted(some(found, 10_000)) == sorted(found)
    assert some(found, 5) == few[:5]
