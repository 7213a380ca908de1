"""The bench: every way computes the same, and what it writes can be trusted."""

import numpy as np
import pytensor
import pytest

from helpers import engine
from helpers.bench import __main__ as command
from helpers.bench import by_numpy, floors, recording, worker
from helpers.bench.ways import FLOORS, WAYS, missing, prepare
from helpers.bench.workloads import AXES, LR, WORKLOADS, language, reber, sine
from helpers.networks.gradients import numerical_gradient

SMALL = {
    "a string": reber(),
    "strings": reber(B=5),
    "a wave": sine(T=6, H=4),
    "waves": sine(T=6, H=4, B=3),
    "a sentence": language(V=12, T=6, dtype="float64"),
    "sentences": language(V=12, T=6, B=3, dtype="float64"),
}
QUICK_TO_COMPILE = [
    name for name in WAYS if name not in ("pytensor c", "pytensor numba")
]


@pytest.fixture(autouse=True)
def restored():
    yield
    prepare("pytensor python", "float64")


def gradients(make, workload):
    step = make(workload)
    loss = step.run()
    after = step.values()
    pairs = zip(workload.start, after, strict=True)
    return loss, [(before - value) / LR for before, value in pairs]


@pytest.mark.parametrize("what", SMALL)
def test_the_gradient_of_numpy_is_that_of_differences(what):
    workload = SMALL[what]

    def loss(*values):
        start = type(workload.start)(*values)
        return by_numpy.over_batch(workload._replace(start=start)).run()

    _, found = gradients(by_numpy.over_batch, workload)
    expected = numerical_gradient(loss, [v.copy() for v in workload.start])
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-8)


@pytest.mark.parametrize("what", SMALL)
@pytest.mark.parametrize("name", QUICK_TO_COMPILE)
def test_all_ways_give_the_same_loss_and_gradients(name, what):
    if why := missing(name):
        pytest.skip(why)
    workload = SMALL[what]
    loss, expected = gradients(by_numpy.over_batch, workload)
    prepare(name, "float64")
    found, ours = gradients(WAYS[name].make, workload)
    assert found == pytest.approx(loss, rel=1e-10)
    for mine, theirs in zip(ours, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-9)


@pytest.mark.parametrize("what", SMALL)
def test_a_step_goes_down(what):
    step = by_numpy.over_batch(SMALL[what])
    losses = [step.run() for _ in range(4)]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > losses[-1]


def test_the_workloads_are_those_of_the_chapters():
    sizes = {name: chapter.make().start for name, chapter in WORKLOADS.items()}
    assert sizes["reber"].W_ho.shape == sizes["reber batch"].W_ho.shape == (10, 7)
    assert sizes["sine"].W_hh.shape == (100, 100)
    assert sizes["sentence"].W_ho.shape == sizes["sentences"].W_ho.shape == (100, 8000)
    assert reber(B=32).x.shape[1:] == (32, 7)
    assert sine().x.shape == (50, 1)
    assert language(B=32).x.shape == (20, 32)
    assert language().dtype == "float32"


def test_first_values_are_the_same_whatever_floatX_is():
    with pytensor.config.change_flags(floatX="float32"):
        single = language(V=12, dtype="float64").start
    double = language(V=12, dtype="float64").start
    np.testing.assert_array_equal(single.W_hh, double.W_hh)


def test_a_batch_is_its_examples_and_filler():
    batch = reber(B=5)
    parts = [batch.example(i) for i in range(5)]
    assert len({len(part.x) for part in parts}) > 1
    losses = [by_numpy.over_batch(part).run() for part in parts]
    assert by_numpy.over_batch(batch).run() == pytest.approx(sum(losses), rel=1e-12)


@pytest.mark.parametrize("axis", AXES)
def test_a_series_changes_one_size(axis):
    small, large = (worker.workload(f"{axis}={size}") for size in (13, 17))
    shapes = [
        [part.shape for part in w[1:4]] + [w.start.W_ho.shape] for w in (small, large)
    ]
    assert shapes[0] != shapes[1]
    assert str(shapes[0]).count("13") > 0


def test_the_floors_leave_the_parameters_alone():
    pytest.importorskip("jax")
    for workload in (SMALL["a wave"], SMALL["sentences"]):
        for floor in (floors.products, floors.products_jax, floors.memory):
            step = floor(workload)
            assert step.run() == 0.0
            for value, start in zip(step.values(), workload.start, strict=True):
                np.testing.assert_array_equal(value, start)


def test_what_is_missing_has_a_reason(monkeypatch):
    monkeypatch.setattr(engine, "installed", lambda: ("jax", "python"))
    assert missing("pytensor c") == "no C++ compiler"
    assert missing("pytensor numba") == "numba is not installed"
    assert missing("pytensor jax") is None
    assert missing("numpy") is None


# Recording ----------------------------------------------------------------------


def test_a_process_answers_and_says_why_it_failed(tmp_path):
    process = worker.Process("numpy", tmp_path, 1)
    assert process.ask("build", what="reber")["seconds"] > 0
    assert process.ask("time", seconds=0.001)["seconds"] > 0
    assert process.ask("memory")["MB"] >= 0
    process.ask("check", what="sentence", path=str(tmp_path / "check.npz"))
    with np.load(tmp_path / "check.npz") as found:
        assert found["loss"] == pytest.approx(20 * np.log(8000), rel=0.05)
        assert found["W_ho"].dtype == "float64"
    with pytest.raises(RuntimeError, match="numpy failed to build: KeyError: 'tea'"):
        process.ask("build", what="tea")
    process.close()


@pytest.fixture
def processes(monkeypatch):
    """Pretended processes; returns what they were asked, and lets one be wrong."""
    asked, wrong, slow = [], {}, set()

    class Pretended:
        def __init__(self, name, cache, threads):
            self.name = name
            asked.append((name, "start", threads))

        def ask(self, do, **options):
            asked.append((self.name, do, options.get("what")))
            if do == "check":
                values = {"loss": 1.0, "W_hh": np.ones(3) + wrong.get(self.name, 0)}
                np.savez(options["path"], **values)
            return {"seconds": 3.0 if self.name in slow else 0.001, "MB": 12.3}

        def close(self):
            asked.append((self.name, "close", None))

    monkeypatch.setattr(worker, "Process", Pretended)
    monkeypatch.setattr(recording, "reason", lambda way, effort: None)
    return asked, wrong, slow


def test_ways_take_turns_and_all_is_written(processes, tmp_path):
    asked, _, _ = processes
    recording.record(False, tmp_path)
    bench = recording.load(tmp_path)
    assert [row["name"] for row in bench["workloads"]] == list(WORKLOADS)
    timed = [name for name, do, _ in asked if do == "time"]
    n = len(WAYS | FLOORS)
    assert timed[:n] == timed[n : 2 * n] == [*WAYS, *FLOORS]
    for row in bench["steps"]:
        assert row["ms"] == 1.0
        assert ("cold_s" in row) == (row["way"] in WAYS)
    built = [what for name, do, what in asked if (name, do) == ("numpy", "build")]
    # cold and warm on each workload, once at each size
    assert built[:2] == ["reber", "reber"]
    assert built[2 * len(WORKLOADS) :] == [
        f"{axis}={size}" for axis in AXES for size in AXES[axis].sizes
    ]
    assert not (tmp_path / ".partial").exists()


def test_ways_that_disagree_are_not_recorded(processes, tmp_path):
    _, wrong, _ = processes
    wrong["jax"] = 1e-7
    with pytest.raises(
        RuntimeError, match=r"jax differs .* on reber: W_hh by 1\.0e-07"
    ):
        recording.record(True, tmp_path)
    assert not (tmp_path / "bench.json").exists()
    wrong["jax"] = 1e-9
    recording.record(True, tmp_path)


def test_an_interrupted_run_goes_on_where_it_was(processes, tmp_path, monkeypatch):
    asked, _, _ = processes
    measure = recording.measure_series

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(recording, "measure_series", interrupted)
    with pytest.raises(KeyboardInterrupt):
        recording.record(True, tmp_path)
    monkeypatch.setattr(recording, "measure_series", measure)
    asked.clear()
    recording.record(True, tmp_path)
    assert {what for _, do, what in asked if do == "build"} == {
        f"{axis}={size}" for axis in AXES for size in AXES[axis].sizes[::3]
    }
    # Another effort is another setting: nothing is taken over.
    monkeypatch.setattr(recording, "measure_series", interrupted)
    with pytest.raises(KeyboardInterrupt):
        recording.record(True, tmp_path)
    monkeypatch.setattr(recording, "measure_series", measure)
    asked.clear()
    recording.record(False, tmp_path)
    assert "reber" in {what for _, do, what in asked if do == "build"}


def test_a_way_that_is_too_slow_leaves_the_series(processes, tmp_path):
    _, _, slow = processes
    slow.add("torch rnn")
    recording.record(False, tmp_path)
    bench = recording.load(tmp_path)
    sizes = [
        row["size"]
        for row in bench["series"]
        if (row["axis"], row["way"]) == ("T", "torch rnn")
    ]
    assert sizes == [10]
    assert {
        "what": "T",
        "way": "torch rnn",
        "why": "a step took over 2 s at T = 10",
    } in bench["left_out"]


def test_the_command_says_what_went_wrong(processes, capsys, monkeypatch, tmp_path):
    _, wrong, _ = processes
    wrong["jax"] = 1.0
    monkeypatch.setattr(
        command, "record", lambda quick: recording.record(quick, tmp_path)
    )
    assert command.main(["--quick"]) == 1
    assert "jax differs from the others" in capsys.readouterr().err


def test_a_missing_or_damaged_file_says_how_to_make_it(tmp_path):
    remedy = "`python -m helpers.bench` makes it"
    with pytest.raises(FileNotFoundError, match=remedy):
        recording.load(tmp_path)
    (tmp_path / "bench.json").write_text('{"schema": "other"}', encoding="utf-8")
    with pytest.raises(ValueError, match=f"{remedy} anew"):
        recording.load(tmp_path)


def test_the_recorded_bench_is_complete():
    bench = recording.load()
    assert {row["name"] for row in bench["workloads"]} == set(WORKLOADS)
    out = {(row["what"], row["way"]) for row in bench["left_out"]}
    steps = {(row["workload"], row["way"]) for row in bench["steps"]}
    for name in WORKLOADS:
        for way in [*WAYS, *FLOORS]:
            assert ((name, way) in steps) != ((name, way) in out), (name, way)
    for row in bench["steps"] + bench["series"]:
        low, high = row["ms_range"]
        assert 0 < low <= row["ms"] <= high
