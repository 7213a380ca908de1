"""What all recordings of timings have in common: honest numbers, or none."""

import numpy as np
import pytest

from helpers import engine
from helpers.bench import __main__ as command
from helpers.bench import ch06_embedded_reber_times, recording, step_times, timing
from helpers.bench import ways as bench_ways
from helpers.bench.worker import Process
from helpers.results import files, provenance

RECORDINGS = command.RECORDINGS
RNG = np.random.default_rng(0)
SENTENCES = [np.r_[0, RNG.integers(3, 30, n), 1] for n in RNG.integers(1, 9, 60)]
OPTIONS = {"lm-speed": {"sequences": SENTENCES}}
every = pytest.mark.parametrize("name", RECORDINGS)


def record(name, folder, quick=False):
    return RECORDINGS[name].record(folder, quick, **OPTIONS.get(name, {}))


@pytest.fixture
def processes(monkeypatch):
    """Pretended processes: what they were asked; by way what is wrong or slow."""
    asked, wrong, slow = [], {}, {}

    class Pretended:
        def __init__(self, module, way, cache, threads):
            assert not {*cache.name, *cache.parent.name} & {" ", "/"}
            self.way = way
            asked.append((way, "start", threads))

        def ask(self, do, **options):
            asked.append((self.way, do, options))
            given = (self.way, *options, *map(str, options.values()))
            if "interrupted" in map(slow.get, given):
                raise KeyboardInterrupt
            rounds = [slow.get(self.way, 0.001)] * options.get("rounds", 0)
            return {
                "build": {"seconds": 0.5, "title": "T"},
                "time": {"seconds": rounds},
                "memory": {"peak_MB": 99.6, "own_MB": 12.3},
            }[do]

        def numbers(self):
            return {"loss": np.float64(1), "W": np.ones(3) + wrong.get(self.way, 0)}

        def close(self):
            asked.append((self.way, "close", None))

    monkeypatch.setattr(recording.worker, "Process", Pretended)
    # Everything is installed: what is left out is what no machine can do.
    monkeypatch.setattr(engine, "installed", lambda: ("jax", "numba", "c", "python"))
    monkeypatch.setattr(engine, "why_not", lambda name: "")
    monkeypatch.setattr(bench_ways, "find_spec", lambda name: True)
    monkeypatch.setattr(bench_ways, "chromium", lambda: "/usr/bin/chromium")
    monkeypatch.setattr(bench_ways.by_c, "compiler", lambda: "/usr/bin/cc")
    return asked, wrong, slow


def what_is_told_apart(document):
    """Rows of all tables without what was measured."""
    return {
        tuple(sorted((k, v) for k, v in row.items() if isinstance(v, str | int)))
        for title, rows in command.tables_in(document)
        if title != "left_out"
        for row in ({k: v for k, v in row.items() if k not in MEASURED} for row in rows)
    }


# The way, or the size, at which a recording is interrupted
LAST = {"elman-engines": "python", "bptt-costs": "numba", "lm-speed": "torch"}
LAST["bench"] = "T"  # in the first of the series
LAST["elman-loop"] = "three axes"  # in the second part alone
LAST["linear-scan"] = "32"  # the batch of the later parts
MEASURED = ("MB", "tokens_per_s", "title")
MANY = {name for name, way in bench_ways.WAYS.items() if way.many}


@every
def test_the_record_is_complete(name, processes, tmp_path):
    record(name, tmp_path)
    assert not (tmp_path / ".partial").exists()
    now, recorded = RECORDINGS[name].load(tmp_path), RECORDINGS[name].load()
    assert what_is_told_apart(recorded) == what_is_told_apart(now)
    assert recorded["command"] == now["command"] == RECORDINGS[name].command()
    assert recorded["machine"]
    assert recorded["versions"]["pytensor"]
    for document in (recorded, now):
        for _, rows in command.tables_in(document):
            for row in rows:
                for key in (key for key in row if key.endswith("_range")):
                    low, high = row[key]
                    assert 0 < low <= row[key.removesuffix("_range")] <= high


@pytest.mark.parametrize("name", [*RECORDINGS, *command.EXPERIMENTS])
def test_a_missing_or_damaged_file_says_how_to_make_it(name, tmp_path):
    of = RECORDINGS.get(name, ch06_embedded_reber_times)
    remedy = f"`python -m helpers.bench {name}` makes it".replace(" bench`", "`")
    with pytest.raises(FileNotFoundError, match=remedy):
        of.load(tmp_path)
    for text in ("[]", "not JSON", '{"schema": "other"}'):
        (tmp_path / f"{name}.json").write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=f"{remedy} a"):  # "anew", "again"
            of.load(tmp_path)


# Agreeing ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "way", "part", "off"),
    [
        ("bench", "jax", "reber", 1e-7),
        ("elman-engines", "c", "elman", 1e-8),
        ("bptt-costs", "jax", "T = 10", 1e-6),
        ("elman-loop", "unrolled", "lengths", 1e-8),
        ("linear-scan", "parallel scan", "batch 1, T = 10", 1e-8),
        ("lm-speed", "rows", "batch", 0.01),
        ("lm-speed", "written out", "softmax", 0.01),
    ],
)
def test_ways_that_disagree_are_not_recorded(name, way, part, off, processes, tmp_path):
    _, wrong, _ = processes
    for wrong[way] in (off, np.nan):
        says = rf"{way} differs from the others on {part}: W by ({off:.1e}|nan)"
        with pytest.raises(RuntimeError, match=says.replace("+", r"\+")):
            record(name, tmp_path, quick=way != "c")
        assert not list(tmp_path.iterdir())
    wrong[way] = off / 1000
    record(name, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.json"]


def test_only_what_several_ways_have_is_compared():
    part = recording.Part("p", "m", (), rtol=0.1, atol=0.01)
    agreed = {}
    recording.agree(part, "a", {"x": np.array([1.0, 0.0])}, agreed)
    recording.agree(part, "b", {"y": np.array(5.0)}, agreed)
    recording.agree(part, "c", {"x": np.array([1.09, 0.009])}, agreed)
    for x in ([1.11, 0.0], [1.0, 0.011]):
        with pytest.raises(recording.Disagreement, match="c differs"):
            recording.agree(part, "c", {"x": np.array(x), "y": np.array(5.0)}, agreed)


# Going on ------------------------------------------------------------------------


@every
def test_an_interrupted_recording_goes_on_where_it_was(name, processes, tmp_path):
    asked, _, slow = processes

    def timed():
        return [entry for entry in asked if entry[1] == "time"]

    def interrupted():
        slow[LAST[name]] = "interrupted"
        asked.clear()
        with pytest.raises(KeyboardInterrupt):
            record(name, tmp_path)
        assert not (tmp_path / f"{name}.json").exists()
        del slow[LAST[name]]

    record(name, tmp_path)
    everything, first = timed(), asked[0]
    (tmp_path / f"{name}.json").unlink()
    interrupted()
    before = timed()
    asked.clear()
    record(name, tmp_path)
    assert before + timed() == everything
    assert 0 < len(before) < len(everything)
    (tmp_path / f"{name}.json").unlink()
    # Another effort is another setting: nothing is taken over.
    interrupted()
    asked.clear()
    record(name, tmp_path, quick=True)
    assert asked[0] == first
    assert not (tmp_path / ".partial").exists()


@pytest.mark.parametrize("other", ["nothing", "versions", "code", "data", "machine"])
def test_what_was_timed_by_another_is_timed_again(
    processes, tmp_path, monkeypatch, other
):
    asked, _, slow = processes
    slow["python"] = "interrupted"  # the last way of the engines
    for _ in range(2):
        asked.clear()
        with pytest.raises(KeyboardInterrupt):
            record("elman-engines", tmp_path)
        again = [way for way, do, _ in asked if do == "time" and way != "python"]
        if other == "versions":
            changed = provenance.versions(recording.PACKAGES) | {"numba": "0.1"}
            monkeypatch.setattr(provenance, "versions", lambda also, c=changed: c)
        elif other == "code":
            monkeypatch.setattr(provenance, "code", lambda module: f"new {module}")
        elif other == "data":
            monkeypatch.setattr(provenance, "data", lambda: "new")
        elif other == "machine":
            monkeypatch.setattr(provenance, "machine", lambda: "another")
    assert (again == []) == (other == "nothing")


def test_a_second_recording_of_the_same_is_refused(processes, tmp_path, capsys):
    said = r"another process is recording in .*elman-engines: wait for it, or give"
    with files.alone(tmp_path / ".partial/elman-engines", "recording in", ""):
        with pytest.raises(BlockingIOError, match=said):
            record("elman-engines", tmp_path)
        assert command.main(["elman-engines", "--output", str(tmp_path)]) == 1
        record("bptt-costs", tmp_path)
    assert "another process is recording in" in capsys.readouterr().err
    assert processes[0] != []
    record("elman-engines", tmp_path)


# Measuring -----------------------------------------------------------------------


def test_of_the_bench_all_take_turns(processes, tmp_path):
    asked, _, _ = processes
    record("bench", tmp_path)
    timed = [way for way, do, _ in asked if do == "time"]
    n = len(step_times.ALL)
    assert timed[:n] == timed[n : 2 * n] == [*step_times.ALL]
    built = [given for way, do, given in asked if (way, do) == ("numpy", "build")]
    # cold and warm on each workload, once at each size
    assert built[:2] == [{"workload": "reber"}] * 2
    assert built[2 * len(step_times.WORKLOADS) :] == [
        {name: size} for name, axis in step_times.AXES.items() for size in axis.sizes
    ]
    for row in step_times.load(tmp_path)["steps"]:
        assert row["ms"] == 1.0
        assert ("cold_s" in row) == ("MB" in row) == (row["way"] in step_times.WAYS)


def test_a_way_that_is_too_slow_leaves_the_series(processes, tmp_path):
    _, _, slow = processes
    slow["torch rnn"] = 3.0
    record("bench", tmp_path)
    bench = step_times.load(tmp_path)
    of_way = [row for row in bench["series"] if row["way"] == "torch rnn"]
    assert [row["size"] for row in of_way if row["axis"] == "T"] == [10]
    why = "a step took over 2 s at T = 10"
    assert {"what": "T", "way": "torch rnn", "why": why} in bench["left_out"]


def test_a_quick_bench_says_what_it_leaves_out(processes, tmp_path):
    record("bench", tmp_path, quick=True)
    bench = step_times.load(tmp_path)
    assert bench["command"].endswith("helpers.bench --quick")
    quick = "left out of a quick run"
    left = {row["way"] for row in bench["left_out"] if row["why"] == quick}
    left_of_words = {row["way"] for row in bench["left_out"]} - left
    assert left == set(step_times.SLOW)
    assert left_of_words == {"c", "page", "torch compiled", *MANY} - left
    assert {row["size"] for row in bench["series"] if row["axis"] == "T"} == {10, 300}


@pytest.mark.parametrize(
    ("name", "options", "n"),
    [
        ("elman-engines", {"names": ["python"]}, 1),
        ("bptt-costs", {"ways": ["numpy"], "lengths": [2, 4]}, 2),
    ],
)
def test_true_processes_are_recorded(name, options, n, tmp_path):
    path = RECORDINGS[name].record(tmp_path, True, **options)
    assert path == tmp_path / f"{name}.json"
    document = RECORDINGS[name].load(tmp_path)
    assert document["command"] == f"python -m helpers.bench {name} --quick"
    ((_, rows),) = command.tables_in(document)
    assert len(rows) == n
    for row in rows:
        assert row.get("MB", 100) > 10
        assert row.get("title", "Python 3.").startswith("Python 3.")
        # Nothing is kept on disk by these: the second start is as slow.
        assert 0.2 < row.get("again_s", 1) / row.get("compile_s", 1) < 5


# Processes -----------------------------------------------------------------------


def test_a_process_answers_and_says_why_it_failed(tmp_path):
    process = Process("helpers.bench.step_times", "numpy", tmp_path, 1)
    assert process.ask("build", workload="sentence")["seconds"] > 0
    assert min(process.ask("time", rounds=2, round_s=0.001)["seconds"]) > 0
    memory = process.ask("memory")
    assert memory["peak_MB"] > memory["own_MB"] >= 0
    numbers = process.numbers()
    assert numbers["loss"] == pytest.approx(20 * np.log(8000), rel=0.05)
    assert numbers["W_ho"].dtype == "float64"
    with pytest.raises(RuntimeError, match="numpy failed to build: KeyError: 'tea'"):
        process.ask("build", workload="tea")
    process.close()


@pytest.mark.parametrize(
    ("module", "way", "says"),
    [
        ("helpers.nothing", "x", "x failed to build: .*nothing"),
        ("helpers.bench.ch03_engine_times", "tpu", "ValueError: name: expected an en"),
    ],
)
def test_a_process_that_cannot_start_says_why(module, way, says, tmp_path):
    process = Process(module, way, tmp_path)
    with pytest.raises(RuntimeError, match=says):
        process.ask("build")
    process.close()


def test_the_memory_of_a_process_is_not_that_of_its_parent(tmp_path):
    ours = np.ones(1 << 27)  # 1 GB
    process = Process("helpers.bench.step_times", "numpy", tmp_path)
    assert process.ask("memory")["peak_MB"] < ours.nbytes / (1 << 20)
    process.close()


def test_seconds_per_call_counts_the_calls():
    calls = []
    seconds = timing.seconds_per_call(lambda: calls.append(1), rounds=3, round_s=0.01)
    assert len(seconds) == 3
    # three rounds of n calls, and the shorter ones in which n was found
    assert max(seconds) * len(calls) >= 3 * 0.005


# The command ---------------------------------------------------------------------


def test_the_command_records_shows_and_says_what_went_wrong(
    processes, capsys, tmp_path
):
    _, wrong, slow = processes
    arguments = ["elman-engines", "--quick", "--output", str(tmp_path)]
    assert command.main(arguments) == 0
    assert "written to" in (out := capsys.readouterr().out)
    assert "call_us" in out
    wrong["python"] = 1.0
    assert command.main(arguments) == 1
    assert "python differs from the others" in capsys.readouterr().err
    slow["jax"] = "interrupted"
    assert command.main(arguments) == 130
    assert "goes on from here" in capsys.readouterr().err


def test_all_that_is_timed_is_listed(capsys):
    assert command.main(["--list"]) == 0
    listed = capsys.readouterr().out
    for name in (*RECORDINGS, "embedded-reber-cost"):
        assert name in listed
