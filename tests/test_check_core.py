"""What all checks share: domains and their sentences, judging, unusual right answers.

The rest of the core is tested in tests/test_core.py.
"""

import inspect
import time
from decimal import Decimal
from fractions import Fraction
from importlib import import_module
from itertools import pairwise
from operator import attrgetter

import numpy as np
import pytest
from check_answers import ask
from test_every_check import CHECKS

from helpers import ROOT
from helpers.check import ch01_feedforward_checks as ch01
from helpers.check import ch02_elman_checks as ch02
from helpers.check.core import Domain, call, exercise, judge, patience
from helpers.check.core.slips import variants
from helpers.check.core.values import to_array, to_truth
from helpers.check.core.verdicts import VALUES
from helpers.press import notebooks

WITH_DOMAIN = [p for p in CHECKS if getattr(p.values[0], "domain", None)]
each_domain = pytest.mark.parametrize("checked", WITH_DOMAIN)


def draw_pair(rng):
    return int(rng.integers(1, 9)), int(rng.integers(1, 9))


PAIRS = Domain("area(a, b)", "Two sides.", draw_pair, weak=((2, 2), (3, 4)))


def right_area(a, b):
    return a * b


def said_of(student, **how):
    return judge(student, PAIRS.probes(), right_area, **how)


# Domains ------------------------------------------------------------------------------


@each_domain
def test_the_domain_stands_in_the_exercise(checked):
    module = checked.__module__.rpartition(".")[2].removesuffix("_checks")
    path = ROOT / "book" / f"{module.removeprefix('ch')}.ipynb"
    cells = notebooks.read(path).cells
    called = f"check.{checked.__name__}("
    starters = [
        i
        for i, cell in enumerate(cells)
        if called in cell.source and "exercise" in cell.metadata.get("tags", [])
    ]
    assert len(starters) == 1
    assert checked.domain.says in cells[starters[0] - 1].source


@each_domain
def test_a_domain_gives_the_same_probes_each_time(checked):
    first, again = checked.domain.probes(), checked.domain.probes()
    assert repr(first) == repr(again)
    assert len(first) >= 2
    assert all(len(p.arguments) == len(p.names) for p in first)


def test_probes_are_shown_by_value_where_they_are_short():
    assert [p.name for p in PAIRS.probes()][:2] == ["area(2, 2)", "area(3, 4)"]
    domain = Domain("f(x, W, k)", "", None)
    shown = domain.shown((np.array([1.0, 2.0]), np.full((3, 3), 0.1234567), 2))
    assert shown == "f([1, 2], W, 2)"


# Judging ------------------------------------------------------------------------------


def test_a_mistake_that_fits_one_probe_by_chance_is_not_told():
    mistakes = {"the sides are added, expected multiplied": lambda a, b: a + b}
    verdict = said_of(
        lambda a, b: a * b + (a > 2) - (a == 3) * (12 + 1 - 7),
        mistakes=lambda a, b: {s: m(a, b) for s, m in mistakes.items()},
    )
    assert not verdict.ok
    assert verdict.message.startswith("area(3, 4): 7, expected 12")
    assert "added" not in verdict.message
    told = said_of(
        lambda a, b: a + b,
        mistakes=lambda a, b: {s: m(a, b) for s, m in mistakes.items()},
    )
    assert told.message == (
        "area(3, 4): 7, expected 12: the sides are added, expected multiplied."
    )


@pytest.mark.parametrize(
    ("student", "rule", "said"),
    [
        (lambda a, b: a * (b + 1), "argument", "It is right for b + 1"),
        (lambda a, b: b * b, "argument", "Does b stand in the place of a?"),
        (lambda a, b: a * b + 3, "term", "too large by 3 each time"),
        (lambda a, b: a + b, "slip", "one operation: plus where times is due"),
        (lambda a, b: a * b * (1 + (a == 3)), "factor", "twice what it should be"),
        (lambda a, b: a**3 + 7 * b**2, VALUES, "too large"),
    ],
)
def test_a_rule_is_found(student, rule, said):
    verdict = said_of(student)
    assert (verdict.rule, said in verdict.message) == (rule, True), verdict


def test_two_numbers_are_never_shown_as_the_same():
    verdict = said_of(lambda a, b: a * b + 1e-9 * a)
    assert "4.000000002, expected 4" in verdict.message


def test_results_in_another_order_are_recognised():
    said = ask(ch01.gradients, lambda *a: ch01._by_hand(*a)[::-1])
    assert "the results are right, but in the order b_o, W_ho, b_h, W_ih" in said


def test_slips_are_made_in_what_a_function_calls_too():
    sentences = [sentence for sentence, _ in variants(ch02._held)]
    assert "It is right but for tanh, which is missing in one place" in sentences
    assert variants(lambda a: a) == []


# An input changed in place, and what never ends ---------------------------------------


def spoils_a_list(sizes):
    count = sum((m + 1) * n for m, n in pairwise(sizes))
    sizes.clear()
    return count


def test_an_input_that_has_changed_is_told():
    said = ask(ch01.count_parameters, spoils_a_list)
    assert "sizes itself has changed: leave what is given as it is" in said


def test_a_check_is_right_again_after_an_input_was_changed():
    ask(ch01.count_parameters, spoils_a_list)
    right = ask(ch01.count_parameters, lambda s: spoils_a_list(list(s)))
    assert right.startswith("Right. ")


def endless(a, b):
    while True:
        try:
            time.sleep(0.001)
        except Exception:
            continue


def endless_iterator(a, b):
    while True:
        yield a


@pytest.mark.skipif(not patience.possible(), reason="no alarm on this platform")
def test_an_endless_loop_ends_with_a_sentence(monkeypatch):
    monkeypatch.setattr(patience, "SECONDS", 0.2)
    said = said_of(endless)
    assert said.message == (
        "area(2, 2): no answer after 0.2 s, so it was stopped: is there an endless "
        "loop?"
    )
    assert patience.possible()  # the alarm is off


def area_after(seconds, file=__file__):
    """A right answer whose first call waits in code that stands in this file."""
    source = "import time\nend = time.monotonic() + seconds\n"
    source += "while time.monotonic() < end:\n    time.sleep(0.001)"
    code = compile(source, file, "exec")

    def area(a, b):
        if (a, b) == PAIRS.weak[0]:
            exec(code, {"seconds": seconds})
        return a * b

    return area


@pytest.mark.skipif(not patience.possible(), reason="no alarm on this platform")
@pytest.mark.parametrize("compiler", patience.COMPILERS)
def test_a_right_answer_may_compile_for_longer_than_it_may_run(compiler, monkeypatch):
    monkeypatch.setattr(patience, "SECONDS", 0.2)
    monkeypatch.setattr(patience, "LOOK", 0.02)
    assert said_of(area_after(0.4, compiler)).ok
    assert said_of(area_after(0.4)).rule == "time"


@pytest.mark.skipif(not patience.possible(), reason="no alarm on this platform")
def test_what_compiles_for_ever_ends_too(monkeypatch):
    monkeypatch.setattr(patience, "LOOK", 0.02)
    monkeypatch.setattr(patience, "COMPILING", 0.2)
    said = said_of(area_after(60, patience.COMPILERS[0]))
    assert "no answer after 0.2 s, so it was stopped" in said.message


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("pytensor.compile.maker", "function"),
        ("numba.core.dispatcher", "_FunctionCompiler.compile"),
        ("jax._src.compiler", "compile_or_get_cached"),
        ("importlib._bootstrap", "_find_and_load"),
    ],
)
def test_what_compiles_stands_where_it_is_looked_for(module, name):
    function = inspect.unwrap(attrgetter(name)(import_module(module)))
    assert any(part in function.__code__.co_filename for part in patience.COMPILERS)


def test_an_endless_iterator_ends_with_a_sentence():
    assert (
        "the iterator that was returned never ends" in said_of(endless_iterator).message
    )


# Right answers in unusual form --------------------------------------------------------


def plain_windows(series, k):
    return [series[i : i + k] for i in range(len(series) - k)], series[k:]


def as_objects(parts):
    both = np.empty(2, object)
    both[:] = [np.array(part) for part in parts]
    return both


@pytest.mark.parametrize(
    "how",
    [
        iter,
        lambda parts: (part for part in parts),
        lambda parts: zip(*[[1, 2], parts], strict=True) and iter(parts),
        lambda parts: [np.array(part, object) for part in parts],
        lambda parts: (
            [[Fraction(v) for v in row] for row in map(np.ravel, parts)][:0] or parts
        ),
        lambda parts: (map(list, parts[0]), (v for v in parts[1])),
        as_objects,
    ],
)
def test_windows_may_come_from_iterators_and_in_object_arrays(how):
    said = ask(ch01.windows, lambda series, k: how(plain_windows(series, k)))
    assert said.startswith("Right. "), said


@pytest.mark.parametrize(
    "how", [Fraction, Decimal, float, np.int8, np.array, lambda n: np.array([n]), str]
)
def test_a_count_may_be_any_number(how):
    def student(a, b):
        return how(a * b)

    verdict = said_of(student)
    assert verdict.ok == (how is not str), verdict
    if how is str:
        assert verdict.message == "area(2, 2): a text (str), expected numbers."


def test_updates_may_come_from_zip():
    import pytensor.tensor as pt

    def student(loss, params, lr, decay):
        penalty = sum((p**2).sum() for p in params if p.ndim == 2)
        grads = pt.grad(loss + decay * penalty, params)
        new = [p - lr * g for p, g in zip(params, grads, strict=True)]
        return zip(params, new, strict=True)

    assert ask(ch01.l2_updates, student).startswith("Right. ")


@pytest.mark.parametrize("value", [True, 1, 1.0, np.True_, np.array([True]), [1]])
def test_truth_comes_in_many_forms(value):
    assert to_truth("f()", value) is True
    assert to_truth("f()", np.subtract(1, np.asarray(value, int))) is False


@pytest.mark.parametrize("value", [2, 0.5, "yes", [True, False], None, np.nan])
def test_what_is_no_truth_is_told(value):
    assert to_truth("f()", value).rule == "type"


def test_fractions_make_an_array():
    assert to_array("x", [Fraction(1, 2), 3]).tolist() == [0.5, 3.0]
    assert "expected numbers" in to_array("x", np.array(["a", 1], object)).message


# The rest -----------------------------------------------------------------------------


def test_a_check_gives_its_verdict_without_printing(capsys):
    @exercise("Well done.", PAIRS)
    def area(student, probes):
        yield judge(student, probes, right_area)

    assert area.verdict(right_area).message == "Right. Well done."
    assert capsys.readouterr().out == ""
    assert ask(area, right_area) == "Right. Well done."


def test_an_error_is_explained_where_an_exercise_knows_it():
    def student():
        raise KeyError("scan")

    verdict = call("f()", student, explain=lambda error: f"known {error.args[0]}")
    assert verdict.message == "f(): known scan."
