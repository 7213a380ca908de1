"""No wrong answer that a reader gave is called right, and nearly all are diagnosed.

Those that the tests of the checks hold are asked there.
"""

import numpy as np
import pytest
from check_mutants import SOURCES
from wrong_answers import CHAPTERS, of_readers, of_the_tests

from helpers.check.core import patience
from helpers.check.core.verdicts import VALUES

pytestmark = pytest.mark.usefixtures("python_engine")


def parameters():
    for answer in of_readers():
        yield pytest.param(answer, id=answer.title)


@pytest.mark.parametrize("answer", list(parameters()))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_wrong_answer_of_a_reader_is_told_what_it_is(answer, monkeypatch):
    monkeypatch.setattr(patience, "SECONDS", 1.0)
    monkeypatch.setattr(patience, "CLOCK", "cpu")
    with np.errstate(all="ignore"):
        verdict = answer.checked.verdict(answer.student)
    assert not verdict.ok
    assert verdict.rule != VALUES, verdict.message


def test_the_near_misses_of_all_chapters_are_found():
    found = of_the_tests()
    modules = {answer.checked.__module__ for answer in found}
    assert len(modules) == len(CHAPTERS) == 9
    assert len(found) > 400
    assert set(SOURCES) == {of_readers.__name__, of_the_tests.__name__}
