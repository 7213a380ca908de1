"""The command that judges mutants: what it draws, how it judges, what it reports."""

import asyncio
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import parso
import pytest

pytest.importorskip("resource")  # Windows has none, and no make

import mutation
from mutation import Mutant

from helpers import ROOT


def test_every_module_has_its_judges():
    there = mutation.judged()
    assert set(mutation.JUDGES) < set(there)
    for name in there:
        for path in (f"helpers/{name}.py", *mutation.tests_of(name)):
            assert (ROOT / path).is_file()


# Drawing -----------------------------------------------------------------------------

SOURCE = '''\
"""A docstring: 1 + 1."""

__all__ = ["é" + "double", *[""][1:]]

def double(x: int | None = 2, *, y: "2 - 3" = 4) -> int | 5:
    """Another: 1 + 1."""
    z: float | None = 6 * x
    return z

if __name__ == "__main__":
    print(double(7))
'''


def test_annotations_and_what_only_a_command_runs_are_left_alone():
    leaf, mutable = parso.parse(SOURCE).get_first_leaf(), []
    while leaf := leaf.get_next_leaf():
        if leaf.type == "number" or (leaf.type == "operator" and leaf.value in "|+*"):
            mutable += [leaf.value] * (not mutation.left_alone(leaf))
    assert "".join(mutable) == "2*46*"  # the first star stands among the parameters


def test_each_module_has_its_share_and_at_least_a_few():
    numbers = {"large": 900, "small": 80, "tiny": 20, "least": 2}
    quotas = mutation.quotas(numbers, 100)
    assert quotas == {"large": 90, "small": 8, "tiny": 3, "least": 2}
    assert mutation.quotas(numbers, 10_000) == numbers


@pytest.fixture
def digits(monkeypatch):
    """In the place of cosmic-ray: a digit becomes another, "/" no program."""

    def mutated(source, operator, occurrence):
        lines = source.split("\n")
        lines[occurrence] = lines[occurrence].replace("0", operator)
        return "\n".join(lines)

    monkeypatch.setattr(mutation, "mutated", mutated)
    source = "".join(f"{letter} = 0\n" for letter in "abcdefghijklmnopqrst")
    found = {(n, 4): [(d, n - 1) for d in ("/", "0", "1", "2")] for n in range(1, 21)}
    return source, found


def test_a_place_is_drawn_once_and_its_mutant_is_another_program(digits):
    source, found = digits
    drawn = mutation.draw("toy", source, found, 20, seed=0)
    assert sorted(mutant.line for mutant in drawn) == list(range(1, 21))
    assert {mutant.operator for mutant in drawn} == {"1", "2"}
    for mutant in drawn:
        old = source.split("\n")[mutant.line - 1]
        new = mutant.code.split("\n")[mutant.line - 1]
        assert new == old.replace("0", mutant.operator)
        assert f"\n-{old}\n+{new}\n" in mutant.diff
        assert mutant.diff.startswith("--- a/helpers/toy.py\n+++ b/helpers/toy.py\n")


def test_the_seed_decides_and_a_larger_sample_adds(digits):
    few = mutation.draw("toy", *digits, 5, seed=0)
    assert few == mutation.draw("toy", *digits, 20, seed=0)[:5]
    assert few != mutation.draw("toy", *digits, 5, seed=1)


# Judging -----------------------------------------------------------------------------

DOUBLE = "def double(x):\n    return 2 * x\n"
IN_A_PROCESS = """\
import subprocess, sys

def test_double():
    code = "from helpers.good import double; assert double(3) == 6"
    subprocess.run([sys.executable, "-c", code], cwd="/", check=True)
"""


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of one function, twice: with a good test and with a weak one."""
    root = tmp_path / "course"
    files = {
        "helpers/__init__.py": "",
        "helpers/good.py": DOUBLE,
        "helpers/weak.py": DOUBLE,
        "tests/test_good.py": IN_A_PROCESS,
        "tests/test_weak.py": "from helpers.weak import double\n\n"
        "def test_double():\n    assert double(0) == 0\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    monkeypatch.setattr(mutation, "judged", lambda root: ["good", "weak"])
    return root


def mutant(name, old, new):
    code = DOUBLE.replace(old, new)
    diff = mutation.difference(f"helpers/{name}.py", DOUBLE, code)
    return Mutant(name, "Planted", 2, code, diff)


def examine(course, mutants):
    store = course.parent / "kept" / "verdicts.jsonl"
    records = asyncio.run(mutation.examine(course, mutants, store, 2))
    assert [record["diff"] for record in records] == [m.diff for m in mutants]
    return [record["verdict"] for record in records]


@pytest.mark.nightly
def test_a_good_test_kills_what_a_weak_one_lets_live(course, monkeypatch, capsys):
    monkeypatch.setattr(mutation, "PATIENCE", 4.0)
    mutants = [
        mutant("good", "2 * x", "3 * x"),
        mutant("weak", "2 * x", "3 * x"),
        mutant("weak", "return", "while True: pass\n    return"),
    ]
    verdicts = ["killed", "survived", "timed out"]
    assert examine(course, mutants) == verdicts
    said = [line.split()[1] for line in capsys.readouterr().out.splitlines()]
    assert said[:2] == ["survived", "survived"]  # as they are
    assert sorted(said[2:]) == ["killed", "survived", "timed"]
    assert (course / "helpers" / "weak.py").read_text() == DOUBLE

    # Nothing is judged twice, and a run that was stopped goes on.
    asked = []

    async def judge(course, mutant, limit):
        asked.append((mutant.name, mutant.operator))
        return "survived", ""

    monkeypatch.setattr(mutation, "judge", judge)
    assert examine(course, mutants) == verdicts
    assert asked == []
    new = mutant("good", "2 * x", "4 * x")
    assert examine(course, [*mutants, new]) == [*verdicts, "survived"]
    assert asked == [("good", "Planted")]
    with (course / "tests" / "test_weak.py").open("a") as file:
        file.write("# another test\n")
    assert examine(course, mutants) == ["killed", "survived", "survived"]
    assert asked[1:] == [("weak", ""), ("weak", "Planted"), ("weak", "Planted")]


def test_tests_that_fail_without_a_mistake_judge_nothing(course, monkeypatch):
    async def judge(course, mutant, limit):
        assert not mutant.operator
        return "killed", "E   assert False"

    monkeypatch.setattr(mutation, "judge", judge)
    with pytest.raises(RuntimeError, match=r"assert False\nhelpers/good\.py: no"):
        examine(course, [mutant("good", "2", "3")])
    assert not (course.parent / "kept" / "verdicts.jsonl").exists()


def test_a_line_that_was_cut_off_is_no_verdict(tmp_path):
    store = tmp_path / "verdicts.jsonl"
    assert mutation.read(store) == {}
    whole = {"key": "a", "verdict": "killed"}
    store.write_text(f'\n{json.dumps(whole)}\n{{"key": "b", "verd\n')
    assert mutation.read(store) == {"a": whole}


def test_the_report_counts_by_module_and_shows_who_survived():
    diff = "--- a\n+++ b\n-2 * x\n+3 * x\n"
    verdicts = Counter(killed=3, survived=1)
    records = [
        {"module": "helpers/networks/elman.py", "line": 7, "operator": "Planted"}
        | {"diff": diff, "verdict": verdict, "seconds": 2.0}
        for verdict in verdicts.elements()
    ]
    records.append(
        {**records[0], "module": "helpers/tasks/text.py", "verdict": "timed out"}
    )
    lines = mutation.report(records).split("\n")
    assert [line.split() for line in (lines[0], *lines[2:5])] == [
        ["module", "mutants", "killed", "survived", "timed", "out"],
        ["helpers/networks/elman.py", "4", "3", "1", "0"],
        ["helpers/tasks/text.py", "1", "0", "0", "1"],
        ["all", "5", "3", "1", "1"],
    ]
    shown = "\n".join(lines[5:])
    assert shown.startswith(f"\nhelpers/networks/elman.py:7  Planted\n{diff}\n")
    assert shown.count("Planted") == 1
    assert shown.endswith("The tests of the mutants took 10 s.")


# With cosmic-ray ---------------------------------------------------------------------


@pytest.fixture
def cosmic_ray(tmp_path, monkeypatch):
    """cosmic-ray, as `make mutants` installs it."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (pins,) = re.findall(r"cosmic-ray==\S+ stevedore==\S+", makefile)
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target"]
    subprocess.run([*install, tmp_path / "tool", *pins.split()], check=True)
    monkeypatch.syspath_prepend(tmp_path / "tool")


@pytest.mark.network
@pytest.mark.nightly
def test_cosmic_ray_makes_the_mutants(course, cosmic_ray, capsys):
    found = mutation.mutations(SOURCE)
    assert {line for line, _ in found} == {5, 7}
    everything = ["--sample", "4", "--jobs", "2", "--modules", "good", "weak"]
    assert mutation.main(everything, course) == 0
    report = (course / mutation.FOLDER / "report.txt").read_text()
    assert capsys.readouterr().out.endswith(report)
    assert re.search(r"good.py +2 +2 +0 +0\n", report)
    assert re.search(r"weak.py +2 +\d +[12] +0\n", report)
    assert "-    return 2 * x\n" in report
    assert Path(course / "helpers/good.py").read_text() == DOUBLE
