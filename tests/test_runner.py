"""The machinery that runs experiments: nothing lost, nothing mixed, nothing hidden."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import toy_experiments
from toy_experiments import toy

from helpers.experiments import REGISTRY, by_name, runner
from helpers.experiments.__main__ import main
from helpers.experiments.runner import Experiment, run_seed
from helpers.results import files, intervals, provenance, records


def run(output, *arguments, **parameters):
    """The command with the toy experiment, in this process; its exit code."""
    arguments = ["toy", "--output", str(output), *map(str, arguments)]
    return toy_experiments.main(arguments, **parameters)


def times_run(folder):
    """How often each seed was run."""
    seeds = [int(mark.name.split("-")[1]) for mark in folder.glob("ran-*")]
    return {seed: seeds.count(seed) for seed in sorted(set(seeds))}


def lasting(path):
    """A recorded file without what differs from one session to the next."""
    document = files.read_json(path)
    for key in ("date", "duration_s"):
        del document[key]
    for one in document["runs"]:
        del one["duration_s"]
    return document


@pytest.fixture
def marks(tmp_path):
    """A folder in which the toy leaves its marks, with "go" said."""
    folder = tmp_path / "marks"
    folder.mkdir()
    (folder / "go").touch()
    return folder


def test_a_record_says_how_it_was_made(tmp_path):
    assert run(tmp_path, "--seeds", 3, "--jobs", 2) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["toy.json"]
    recorded = records.load("toy", tmp_path)
    assert recorded.parameters == {"lr": 0.001}
    assert recorded.seeds == (0, 1, 2)
    for seed, one in enumerate(recorded.runs):
        assert one.pop("duration_s") > 0
        assert one == {"seed": seed, **run_seed(toy(), seed)}
    meta = recorded.meta
    command = "python -m helpers.experiments toy --seeds 3 --engine python"
    assert meta["command"] == command
    assert (meta["engine"], meta["floatX"], meta["jobs"]) == ("python", "float64", 2)
    assert meta["versions"] == provenance.versions()
    assert {"python", "pytensor", "numpy", "scipy"} <= meta["versions"].keys()
    assert meta["date"].endswith("+00:00")
    assert meta["cores"] >= 1
    assert 0 < meta["duration_s"] < 60


def test_a_trace_starts_the_whole_run():
    assert run_seed(toy(), 0, 200) == {"trace": run_seed(toy(), 0)["trace"]}


@pytest.mark.nightly
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_run_loses_no_finished_seed(tmp_path):
    """Seeds from 3 on wait for "go": at the kill, 0 to 2 are finished, no other is."""
    marks, output = tmp_path / "marks", tmp_path / "results"
    marks.mkdir()

    def start():
        script = Path(toy_experiments.__file__)
        options = ["--seeds", "6", "--jobs", "2", "--output", str(output)]
        command = [sys.executable, str(script), str(marks), "toy", *options]
        paths = [str(script.parent.parent), os.environ.get("PYTHONPATH", "")]
        with open(tmp_path / "stderr", "w") as stderr:
            return subprocess.Popen(
                command,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
                stderr=stderr,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )

    def kept():
        return sorted(path.name for path in output.glob(".partial/toy/*/*.json"))

    process = start()
    try:
        deadline = time.monotonic() + 120
        while len(kept()) < 3:
            assert process.poll() is None, (tmp_path / "stderr").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        assert kept() == ["seed-000.json", "seed-001.json", "seed-002.json"]
        assert not (output / "toy.json").exists()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its orphaned workers

    (marks / "go").touch()
    assert start().wait(timeout=120) == 0
    said = (tmp_path / "stderr").read_text()
    assert "toy: 3 of 6 seeds were finished before" in said
    ran = times_run(marks)
    assert [ran[seed] for seed in (0, 1, 2)] == [1, 1, 1]
    assert ran.keys() == set(range(6))
    assert list(output.iterdir()) == [output / "toy.json"]

    options = {"folder": str(marks), "wait_from": 3}
    assert run(tmp_path, "--seeds", 6, "--jobs", 2, **options) == 0
    assert lasting(output / "toy.json") == lasting(tmp_path / "toy.json")


def entry(**changed):
    """What is kept of seed 1, with some keys changed."""
    run = {"seed": 1, "metrics": {}, "trace": {}}
    return json.dumps({"session": "1", "elapsed_s": 0.5, "run": run} | changed)


@pytest.mark.parametrize(
    "damage",
    [
        entry()[:20],
        "[]",
        '{"run": NaN}',
        "",
        entry(session=1),
        entry(elapsed_s="long"),
        entry(run={"seed": 0, "metrics": {}, "trace": {}}),
        entry(run={"seed": 1, "metrics": {}}),
        entry(run={"seed": 1, "trace": {}}),
    ],
)
def test_a_damaged_seed_is_run_again(tmp_path, marks, capsys, damage):
    options = {"folder": str(marks), "wait_from": 0}
    assert run(tmp_path, "--seeds", 3, "--jobs", 1, fails=[2], **options) == 1
    [partial] = tmp_path.glob(".partial/toy/*/seed-001.json")
    partial.write_text(damage)
    assert run(tmp_path, "--seeds", 2, "--jobs", 1, fails=[2], **options) == 0
    assert "seed-001.json is damaged" in capsys.readouterr().err
    assert times_run(marks) == {0: 1, 1: 2, 2: 1}
    assert records.load("toy", tmp_path).seeds == (0, 1)


def test_seeds_are_not_mixed_with_those_of_other_parameters(tmp_path, marks):
    options = {"folder": str(marks), "wait_from": 0}
    assert run(tmp_path, "--seeds", 2, "--jobs", 1, fails=[1], **options) == 1
    assert run(tmp_path, "--seeds", 2, "--jobs", 1, lr=0.002, **options) == 0
    assert times_run(marks) == {0: 2, 1: 2}
    # Nor does the one that finishes take away what the other has kept.
    assert run(tmp_path, "--seeds", 2, "--jobs", 1, fails=[1], **options) == 1
    assert times_run(marks) == {0: 2, 1: 3}


@pytest.mark.parametrize(
    "other",
    ["nothing", "engine", "versions", "compiler", "code", "data", "floatX", "name"],
)
def test_seeds_are_not_mixed_with_those_of_another(tmp_path, marks, monkeypatch, other):
    experiment = toy(folder=str(marks), wait_from=0, fails=[1])
    workers = runner.Workers(engine="python")
    with pytest.raises(runner.Incomplete, match="seed 1 failed"):
        runner.record(experiment, 2, workers, tmp_path)
    if other == "engine":
        workers = replace(workers, engine="numba")
    elif other == "versions":
        changed = provenance.versions() | {"numpy": "1.0"}
        monkeypatch.setattr(provenance, "versions", lambda also=(): changed)
    elif other == "compiler":
        real = provenance.versions
        monkeypatch.setattr(
            provenance,
            "versions",
            lambda also=(): real(also) | dict.fromkeys(also, "0.1"),
        )
    elif other == "code":
        monkeypatch.setattr(provenance, "code", lambda module: f"new {module}")
    elif other == "data":
        monkeypatch.setattr(provenance, "data", lambda: "new")
    elif other == "floatX":
        experiment = replace(experiment, floatX="float32")
    elif other == "name":
        experiment = replace(experiment, name="twin")
    with pytest.raises(runner.Incomplete, match="seed 1 failed"):
        runner.record(experiment, 2, workers, tmp_path)
    assert times_run(marks) == {0: 1 if other == "nothing" else 2, 1: 2}


def test_a_second_recording_of_the_same_is_refused(tmp_path, capsys):
    with files.alone(tmp_path / ".partial/toy", "recording in", ""):
        assert run(tmp_path, "--seeds", 1, "--jobs", 1) == 1
    said = capsys.readouterr().err
    assert f"toy: another process is recording in {tmp_path / '.partial/toy'}: " in said
    assert not (tmp_path / "toy.json").exists()
    assert run(tmp_path, "--seeds", 1, "--jobs", 1) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["toy.json"]


def test_what_is_measured_once_is_not_said_to_go_on(tmp_path, monkeypatch, capsys):
    from helpers.experiments import ch08_baselines_runs

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(ch08_baselines_runs, "record", interrupted)
    assert main(["lm-baselines", "--output", str(tmp_path)]) == 130
    assert capsys.readouterr().err == "lm-baselines: interrupted\n"


def test_a_record_of_fewer_seeds_leaves_the_others_kept(tmp_path, marks):
    options = {"folder": str(marks), "wait_from": 0, "fails": [3]}
    assert run(tmp_path, "--seeds", 4, "--jobs", 1, **options) == 1
    assert run(tmp_path, "--seeds", 2, "--jobs", 1, **options) == 0
    assert times_run(marks) == {0: 1, 1: 1, 2: 1, 3: 1}
    assert run(tmp_path, "--seeds", 3, "--jobs", 1, **options) == 0
    assert times_run(marks) == {0: 2, 1: 2, 2: 1, 3: 1}


def test_a_failing_seed_stops_no_other(tmp_path, marks, capsys):
    options = {"folder": str(marks), "wait_from": 0, "fails": [1, 3]}
    for _ in range(2):  # the second time, only those that failed run
        assert run(tmp_path, "--seeds", 5, "--jobs", 2, **options) == 1
        said = capsys.readouterr().err
        assert "seed 1 failed: ArithmeticError: seed 1 cannot be" in said
        assert "seed 3 failed: ArithmeticError: seed 3 cannot be" in said
        assert "3 of 5 seeds are finished and kept; the same command" in said
        assert "in descend" in said
    assert times_run(marks) == {0: 1, 1: 2, 2: 1, 3: 2, 4: 1}
    assert not (tmp_path / "toy.json").exists()


def test_a_dead_worker_loses_no_finished_seed(tmp_path, capsys):
    options = {"run": toy_experiments.die, "dies": 3}
    assert run(tmp_path, "--seeds", 4, "--jobs", 2, **options) == 1
    said = capsys.readouterr().err
    assert "the workers stopped (TerminatedWorkerError" in said
    assert "of 4 seeds are finished and kept" in said
    assert len(list(tmp_path.glob(".partial/toy/*/seed-*.json"))) >= 2


def test_nan_is_refused_by_seed_and_key(tmp_path, capsys):
    assert run(tmp_path, "--seeds", 1, "--jobs", 1, nan=True) == 1
    said = capsys.readouterr().err
    assert "seed 0 failed: ValueError: result.curves.loss[1] must be finite" in said


def test_other_versions_on_a_worker_are_refused():
    here = runner._made_of(toy())
    for other in ("numpy", "code", "data"):
        (failure,) = runner._job(toy(), [0], "python", here | {other: "1.0"})
        assert "not {'python'" in failure.error
    (outcome,) = runner._job(toy(), [0], "python", here)
    assert outcome["seed"] == 0


def test_seeds_that_are_one_job_have_the_results_of_each(tmp_path, marks):
    alone, together = tmp_path / "alone", tmp_path / "together"
    workers = runner.Workers(1, "python")
    runner.record(toy(), 5, workers, alone)
    of_two = replace(toy(toy_experiments.descend_all), together=2)
    runner.record(of_two, 5, workers, together)
    one, other = (records.load("toy", folder) for folder in (alone, together))
    assert other.seeds == one.seeds
    np.testing.assert_array_equal(other.metric("start"), one.metric("start"))
    assert run_seed(of_two, 3, 200) == run_seed(toy(), 3, 200)


def test_a_job_that_forgets_a_seed_fails_as_a_whole(tmp_path):
    short = replace(toy(toy_experiments.forget_one), together=2)
    with pytest.raises(runner.Incomplete, match="one for each of 2 seeds; got 1"):
        runner.record(short, 2, runner.Workers(1, "python"), tmp_path)


# What decides a number is known by its code ----------------------------------

COURSE = {
    "__init__": "",
    "mine": "import numpy\nfrom helpers import tools\nfrom helpers.deep import first\n",
    "tools": "def late():\n    import helpers.lazy as lazy\n",
    "lazy": "NAMED = 'helpers.named'\n",
    "named": "from helpers.tools import late\n",  # in a circle
    "deep/__init__": "from helpers import every\n",
    "deep/first": "from helpers.whole import anything\n",
    "whole/__init__": "anything = 1\n",
    "every": "",
    "apart": "",
}


def test_the_code_of_a_module_is_its_own_and_all_that_it_uses(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "ROOT", tmp_path)

    def code():
        return provenance.code.__wrapped__("helpers.mine")

    def write(name, text, newline="\n"):
        path = tmp_path / "helpers" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline=newline)

    for name, text in COURSE.items():
        write(name, text)
    first = code()
    for name, text in COURSE.items():
        write(name, text + "x = 1\n")
        used = name not in ("__init__", "apart", "every", "deep/__init__")
        assert (code() != first) == used, name
        write(name, text)
        assert code() == first
        write(name, text, newline="\r\n")
        assert code() == first, "lines end as on Windows"
    assert provenance.code.__wrapped__("helpers.nowhere") is None


def test_the_data_of_the_course_are_known_by_what_they_hold(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    (tmp_path / "data/results").mkdir(parents=True)

    def after(path, text):
        (tmp_path / "data" / path).write_text(text)
        return provenance.data.__wrapped__()

    first = after("a.csv", "1")
    assert after("results/a.json", "1") == after(".a.tmp", "1") == first
    assert after("a.csv", "2") != first
    assert after("a.csv", "1") == first
    assert after("b.csv", "") != first


def test_the_code_of_every_experiment_is_known():
    for experiment in REGISTRY.values():
        assert provenance.code(experiment.run.__module__)


def test_duration_is_the_sum_over_sessions(tmp_path, monkeypatch):
    partial = tmp_path / "partial"

    def compute(experiment, seeds, workers):
        for seed in seeds:
            run = {"seed": seed, "metrics": {}, "trace": {}}
            yield run if seed < broken else runner.Failure(seed, "", "")

    clock = iter([0, 10, 20, 100, 105, 107])  # start, two seeds; start, two seeds
    monkeypatch.setattr(runner, "compute", compute)
    times = {"perf_counter": clock.__next__, "time": iter([1.0, 2.0]).__next__}
    monkeypatch.setattr(runner, "time", SimpleNamespace(**times))
    workers = runner.Workers(engine="python")
    broken = 2
    with pytest.raises(runner.Incomplete):
        runner.record(toy(), 4, workers, partial)
    broken = 4
    path = runner.record(toy(), 4, workers, partial)
    assert files.read_json(path)["duration_s"] == 20 + 7


# Dask ------------------------------------------------------------------------


@pytest.fixture
def cluster():
    """A Dask cluster of one process, as it might run on another machine."""
    distributed = pytest.importorskip("distributed")

    def start(**options):
        return distributed.LocalCluster(dashboard_address=None, **options)

    return start


def test_a_dask_cluster_gives_the_same_numbers(tmp_path, cluster):
    assert run(tmp_path / "here", "--seeds", 3, "--jobs", 2) == 0
    with cluster(n_workers=1, threads_per_worker=1) as there:
        address = there.scheduler_address
        assert run(tmp_path / "there", "--seeds", 3, "--dask", address) == 0
    here, there = (lasting(tmp_path / f / "toy.json") for f in ("here", "there"))
    assert (there.pop("jobs"), there.pop("cores")) == (None, None)
    assert there == {k: v for k, v in here.items() if k not in ("jobs", "cores")}


def test_dask_workers_of_several_threads_are_refused(tmp_path, cluster, capsys):
    with cluster(n_workers=1, threads_per_worker=2, processes=False) as there:
        assert run(tmp_path, "--seeds", 2, "--dask", there.scheduler_address) == 1
    assert "must have workers of one thread each; got 1 workers with 2" in (
        capsys.readouterr().err
    )


def test_a_dask_cluster_without_the_course_is_refused(tmp_path, capsys):
    """Started in another folder, the scheduler and worker cannot import the toy."""
    pytest.importorskip("distributed")
    code = """
import distributed
if __name__ == "__main__":
    options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options, processes=False, protocol="tcp") as there:
        print(there.scheduler_address, flush=True)
        input()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        address = process.stdout.readline().strip()
        assert run(tmp_path, "--seeds", 2, "--dask", address) == 1
    finally:
        process.communicate("\n", timeout=120)
    assert "cannot import the course" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense"])
def test_a_dask_cluster_that_is_not_there(tmp_path, monkeypatch, capsys, address):
    pytest.importorskip("distributed")
    monkeypatch.setattr(runner, "DASK_TIMEOUT_S", 0.5)
    assert run(tmp_path, "--seeds", 2, "--dask", address) == 1
    assert f"no Dask scheduler answers at '{address}'" in capsys.readouterr().err


def test_dask_not_installed(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert run(tmp_path, "--seeds", 2, "--dask", "tcp://127.0.0.1:9") == 1
    assert 'pip install -e ".[dask]"' in capsys.readouterr().err


# Verifying -------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    assert run(folder, "--seeds", 12, "--jobs", 2) == 0
    return folder


@pytest.mark.parametrize(
    ("how", "seeds", "verdict", "code"),
    [
        (toy_experiments.descend, 12, "same", 0),
        (toy_experiments.descend, 3, "same", 0),
        (toy_experiments.redrawn, 12, "inside", 0),
        (toy_experiments.redrawn, 5, "inside", 0),
        (toy_experiments.drifted, 12, "OUTSIDE", 1),
        (toy_experiments.drifted, 5, "OUTSIDE", 1),
    ],
)
def test_verify(recorded, capsys, how, seeds, verdict, code):
    before = (recorded / "toy.json").read_bytes()
    assert run(recorded, "--verify", "--seeds", seeds, "--jobs", 1, run=how) == code
    shown = capsys.readouterr().out.splitlines()
    [start], [rate] = ([s for s in shown if s.startswith(k)] for k in ("start", "deep"))
    assert start.endswith(verdict)
    assert rate.endswith("same")
    old = records.load("toy", recorded).metric("start")
    interval = intervals.median_of_new_runs(old, seeds)
    assert start.split()[1:4] == [f"{part:.4g}" for part in interval]
    assert (recorded / "toy.json").read_bytes() == before
    assert [path.name for path in recorded.iterdir()] == ["toy.json"]


def test_verify_takes_all_recorded_seeds_by_default(recorded, capsys):
    assert run(recorded, "--verify", "--jobs", 1) == 0
    assert "median of 12 new runs" in capsys.readouterr().out


def test_verify_compares_each_seed_with_itself(recorded, monkeypatch):
    """In whatever order they finish."""
    workers = runner.Workers(engine="python")
    runs = list(runner.compute(toy(), range(3), workers))
    monkeypatch.setattr(runner, "compute", lambda *arguments: reversed(runs))
    table, holds = runner.verify(toy(), 3, workers, recorded)
    assert holds
    assert "inside" not in table


def test_verify_of_other_parameters(recorded, capsys):
    assert run(recorded, "--verify", lr=0.5) == 1
    assert "recorded with other parameters" in capsys.readouterr().err


def test_verify_of_a_metric_that_was_not_recorded(recorded):
    experiment = replace(toy(), metrics=("start", "end"))
    with pytest.raises(RuntimeError, match="toy was recorded without 'end'; record it"):
        runner.verify(experiment, 1, runner.Workers(engine="python"), recorded)


def test_verify_of_what_fails(recorded, capsys):
    def fails(seed, parameters, updates=None):
        raise ArithmeticError("no")

    assert run(recorded, "--verify", "--seeds", 1, "--jobs", 1, run=fails) == 1
    assert "seed 0 failed: ArithmeticError: no" in capsys.readouterr().err


def test_verify_of_nothing(tmp_path, capsys):
    assert run(tmp_path, "--verify") == 1
    assert "`python -m helpers.experiments toy` makes it" in capsys.readouterr().err


# What makes no sense ---------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "NAME is missing; there are: toy"),
        (["tooy"], "no experiment 'tooy'; there are: toy"),
        (["toy", "--seeds", "0"], "--seeds: must be a positive integer; got '0'"),
        (["toy", "--seeds", "-3"], "--seeds: must be a positive integer; got '-3'"),
        (["toy", "--seeds", "ten"], "--seeds: must be a positive integer; got 'ten'"),
        (["toy", "--jobs", "1.5"], "--jobs: must be a positive integer; got '1.5'"),
        (["toy", "--jobs", "2", "--dask", "tcp://h:1"], "--jobs says nothing to"),
        (["toy", "--engine", "steam"], "steam"),
        (["toy", "--verify", "--seeds", "13"], "--seeds must be at most the 12"),
    ],
)
def test_arguments_that_make_no_sense(recorded, capsys, arguments, message):
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--output", str(recorded)], {"toy": toy()})
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_list(capsys):
    assert main(["--list"], {"toy": toy()}) == 0
    assert "toy   Gradient descent on a parabola." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "Bad name"}, "name must be lower-case words"),
        ({"name": "../toy"}, "name must be lower-case words"),
        ({"metrics": ()}, "metrics must be a tuple of one key or more"),
        ({"metrics": "start"}, "metrics must be a tuple of one key or more"),
        ({"parameters": {"a": object()}}, "parameters.a must be made of"),
    ],
)
def test_an_experiment_that_makes_no_sense(change, message):
    valid = {"name": "x", "summary": "", "parameters": {}, "run": max, "metrics": "a"}
    with pytest.raises(ValueError, match=message):
        Experiment(**{**valid, "metrics": ("a",), **change})


WHOLE = {"trace": {"a": [1]}, "metrics": {"start": 1, "deep.rate": 1}}


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (None, "result must be a dict; got NoneType"),
        ({"metrics": {"start": 1}}, "result must have a trace"),
        ({"trace": {"a": [1]}}, "result must have metrics"),
        ({"trace": {"a": [1]}, "metrics": {"start": "1"}}, "start must be a number"),
        ({"trace": {"a": [1]}, "metrics": {"start": True}}, "start must be a number"),
        ({"trace": {"a": [1]}, "metrics": {"start": 1}}, "must hold 'deep.rate'"),
        ({**WHOLE, "seed": 1}, "leave the key 'seed'"),
        ({**WHOLE, "duration_s": 1}, "leave the key 'duration_s'"),
        ({"trace": {1: [1]}}, "keys of result.trace must be text; got 1"),
    ],
)
def test_a_result_that_makes_no_sense(result, message):
    with pytest.raises(ValueError, match=message):
        run_seed(toy(run=lambda seed, parameters, updates: result), 0)


def test_a_name_used_twice():
    with pytest.raises(ValueError, match="a name of its own"):
        by_name((toy(),), (toy(),))


def test_float32_reaches_the_engine(tmp_path):
    """An experiment chooses its floatX; the record says which."""
    import pytensor

    def seen(seed, parameters, updates=None):
        known = {"float32": 32, "float64": 64}[pytensor.config.floatX]
        return {"trace": {"a": [known]}, "metrics": {"bits": known}}

    for bits in (32, 64):
        experiment = Experiment("x", "", {}, seen, ("bits",), f"float{bits}")
        path = runner.record(experiment, 2, runner.Workers(2, "python"), tmp_path)
        document = json.loads(path.read_text())
        assert document["floatX"] == f"float{bits}"
        assert [run["metrics"]["bits"] for run in document["runs"]] == [bits] * 2
    assert np.all(records.load("x", tmp_path).metric("bits") == 64)


def test_the_engine_is_that_of_the_command_on_every_worker(tmp_path, monkeypatch):
    pytest.importorskip("jax")
    import pytensor

    def seen(seed, parameters, updates=None):
        on_jax = "JAX" in type(pytensor.config.mode.linker).__name__
        return {"trace": {"a": [1]}, "metrics": {"jax": int(on_jax)}}

    experiment = Experiment("x", "", {}, seen, ("jax",))
    # Workers may have been started before the variable was set.
    for name in ("python", "jax"):
        monkeypatch.setenv("RNN_ENGINE", name)
        runner.record(experiment, 2, runner.Workers(jobs=2), tmp_path)
        recorded = records.load("x", tmp_path)
        assert recorded.meta["engine"] == name
        assert recorded.meta["command"].endswith(f"--seeds 2 --engine {name}")
        assert list(recorded.metric("jax")) == [name == "jax"] * 2
    monkeypatch.delenv("RNN_ENGINE")
    assert runner._command(experiment, 2, runner.Workers()).endswith("--seeds 2")


def test_a_model_is_measured_by_the_commands_that_can(tmp_path, monkeypatch, capsys):
    from helpers.experiments import ch08_scores_runs
    from helpers.lm.model import LanguageModel

    with pytest.raises(SystemExit):
        main(["lm-baselines", "--model", str(tmp_path)])
    said = capsys.readouterr().err
    assert (
        "lm-baselines measures no --model; lm-compared, lm-portrait, lm-scores" in said
    )

    measured = []
    monkeypatch.setattr(LanguageModel, "load", lambda name, folder: (name, folder))
    monkeypatch.setattr(
        ch08_scores_runs, "record", lambda to, model=None: measured.append((to, model))
    )
    monkeypatch.setattr(ch08_scores_runs, "load", lambda to: {})
    monkeypatch.setattr(ch08_scores_runs, "describe", lambda document: "")
    run = tmp_path / "run"
    assert main(["lm-scores", "--output", str(tmp_path), "--model", str(run)]) == 0
    assert measured == [(tmp_path, ("model", run))]
