"""Reading, summarising, printing and writing of recorded results."""

import itertools
import json
import math
import os
import statistics
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from helpers.results import comparing, files, intervals, records, tables
from helpers.results.intervals import Estimate

RUNS = [
    {
        "seed": seed,
        "metrics": {"rmse": 1.5 * seed, "noise 0.1": {"test": seed}},
        "trace": {"width 8": [1.0, 0.5 / (seed + 1)]},
        "uneven": [0] * seed,
    }
    for seed in range(3)
]
DOCUMENT = {
    "schema": records.SCHEMA,
    "experiment": "toy",
    "command": "python -m helpers.experiments toy --seeds 3",
    "parameters": {"lr": 0.1},
    "seeds": [0, 1, 2],
    "date": "2026-01-02T03:04:05+00:00",
    "duration_s": 200.4,
    "runs": RUNS,
}


@pytest.fixture
def write(tmp_path):
    """Write the document with some keys changed, and give the folder."""

    def write(**changed):
        files.write_json(tmp_path / "toy.json", DOCUMENT | changed)
        return tmp_path

    return write


def test_load(write):
    result = records.load("toy", write())
    assert (result.name, result.seeds) == ("toy", (0, 1, 2))
    assert result.parameters == {"lr": 0.1}
    assert list(result.runs) == RUNS
    assert result.meta == {k: DOCUMENT[k] for k in ("command", "date", "duration_s")}


def test_metrics_and_curves_are_stacked_over_seeds(write):
    result = records.load("toy", write())
    np.testing.assert_array_equal(result.metric("rmse"), [0, 1.5, 3])
    np.testing.assert_array_equal(result.metric("noise 0.1.test"), [0, 1, 2])
    expected = [[1, 0.5], [1, 0.25], [1, 0.5 / 3]]
    np.testing.assert_array_equal(result.curve("trace.width 8"), expected)


def test_unknown_keys_name_the_known_ones(write):
    result = records.load("toy", write())
    with pytest.raises(ValueError, match=r"one of noise 0\.1\.test, rmse; got 'mae'"):
        result.metric("mae")
    with pytest.raises(ValueError, match="got 'trace'"):
        result.curve("trace")
    with pytest.raises(ValueError, match="'uneven' differs in shape"):
        result.curve("uneven")


def test_describe(write):
    lines = records.describe(records.load("toy", write())).splitlines()
    assert lines == [
        "toy: 3 seeds, recorded 2026-01-02 in 3 min 20 s",
        "  python -m helpers.experiments toy --seeds 3",
    ]
    one = records.load("toy", write(runs=RUNS[:1], seeds=[0]))
    assert records.describe(one).startswith("toy: 1 seed, recorded")


def test_a_missing_record_says_how_to_make_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"experiments toy` makes it"):
        records.load("toy", tmp_path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"schema": "something else"}, "in the form 'something else'"),
        ({"experiment": "other"}, "holds 'other'"),
        ({"seeds": [0, 1]}, "its runs are not those of its seeds"),
        ({"seeds": [2, 1, 0]}, "its runs are not those of its seeds"),
        ({"seeds": [], "runs": []}, "its runs are not those of its seeds"),
        ({"runs": [1, 2, 3]}, "is no record"),
        ({"runs": [{}, {}, {}]}, "no 'seed'"),
        *(
            (text, "is no record of the experiment 'toy'")
            for text in (b"[]", b"3", b"{}")
        ),
        *((text, r"is damaged \(") for text in (b'{"schema": "rnns', b"", b"\xff")),
        (b'{"a": NaN}', r"is damaged \("),
    ],
)
def test_a_file_that_is_no_record(write, changed, message):
    """Some keys are changed, or the whole file."""
    folder = write(**changed) if isinstance(changed, dict) else write()
    if isinstance(changed, bytes):
        (folder / "toy.json").write_bytes(changed)
    with pytest.raises(ValueError, match=rf"(?s){message}.*makes it again"):
        records.load("toy", folder)


@pytest.mark.parametrize(
    "changed",
    [{"schema": "times 2"}, {"schema": "times 0"}, {"ways": []}, {"ways": ["slow"]}],
)
def test_what_a_command_of_its_own_has_measured(tmp_path, changed):
    def load(parse=lambda document: document):
        return records.load_measured(
            "speeds", "times 1", "times", "ways", "make times", tmp_path, parse
        )

    def total(document):
        return sum(document["ways"])

    with pytest.raises(FileNotFoundError, match="`make times` makes it"):
        load()
    document = {"schema": "times 1", "ways": [3, 4]}
    files.write_json(tmp_path / "speeds.json", document)
    assert load() == document
    assert load(total) == 7
    files.write_json(tmp_path / "speeds.json", document | changed)
    with pytest.raises(ValueError, match=r"no times \(.*; `make times` makes it anew"):
        load(total)


# Intervals -------------------------------------------------------------------

CONFIDENCES = (0.5, 0.9, 0.95, 0.99)
REPEATS = 20_000  # a share of 0.95 has a standard error of 0.0015


def share_inside(estimate, truth):
    return np.mean((estimate.low <= truth) & (truth <= estimate.high))


def skewed(rng, n):
    """Many samples of n values with median 1, far from normal."""
    return rng.lognormal(size=(n, REPEATS))


@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize("n", [8, 20, 30, 33])
def test_median_interval_is_that_of_scipy(n, confidence):
    values = np.random.default_rng(n).lognormal(size=n)
    expected = stats.quantile_test(values).confidence_interval(confidence)
    estimate = intervals.median_interval(values, confidence)
    assert estimate == (np.median(values), *expected)


@pytest.mark.parametrize("n_new", [20, 19, 10, 5, 3])
def test_new_medians_fall_into_their_interval(n_new):
    rng = np.random.default_rng(1)
    estimate = intervals.median_of_new_runs(skewed(rng, 20), n_new)
    new = np.median(skewed(rng, n_new), axis=0)
    assert share_inside(estimate, new) > 0.95 - 0.005
    if n_new == 20:  # not by being far too wide
        assert share_inside(estimate, new) < 0.98
        assert share_inside(intervals.median_interval(skewed(rng, 20)), new) < 0.9


def test_new_medians_interval_widens_as_runs_get_fewer():
    for n_new, i in ((1000, 6), (20, 4), (None, 4), (5, 2), (1, 1)):
        estimate = intervals.median_of_new_runs(range(1, 21), n_new)
        assert estimate == (10.5, i, 21 - i)
    assert intervals.median_of_new_runs([3.0], 1) == (3, 3, 3)


@pytest.mark.parametrize(("n", "n_new"), [(8, 8), (20, 3), (12, 5), (30, 2)])
def test_new_medians_interval_is_that_of_all_orders_of_the_pool(n, n_new):
    """If nothing has changed, the new values may stand at any places of the pool."""
    places = np.array(list(itertools.combinations(range(n + n_new), n_new)))
    middle = (n_new - 1) // 2
    old_below = places[:, middle] - middle  # so many old values below the new median
    for confidence in CONFIDENCES:
        missed = [np.mean(old_below < i) for i in range(1, n + 1)]
        i = max(1, sum(share <= (1 - confidence) / 2 for share in missed))
        asked = None if n_new == n else n_new
        estimate = intervals.median_of_new_runs(range(1, n + 1), asked, confidence)
        assert estimate == ((n + 1) / 2, i, n + 1 - i)


def test_an_interval_by_group_holds_the_mean_as_often_as_it_says():
    """Groups of unequal size whose values go together, as the words of a comment do."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(1000):
        sizes = rng.integers(1, 12, 40)
        groups = np.repeat(np.arange(40), sizes)
        values = rng.normal(size=40)[groups] + 0.3 * rng.normal(size=len(groups))
        _, low, high = intervals.clustered_interval(values, groups)
        held += low < 0 < high
    assert held / 1000 == pytest.approx(0.95, abs=0.03)


def test_groups_of_one_are_values_alone_and_copies_tell_nothing_new():
    values = np.random.default_rng(1).normal(size=20)
    alone = intervals.mean_interval(values)
    groups = np.arange(20)[::-1]
    assert intervals.clustered_interval(values, groups) == pytest.approx(alone)
    many = intervals.clustered_interval(np.repeat(values, 5), np.repeat(groups, 5))
    assert many == pytest.approx(alone)
    with pytest.raises(ValueError, match="groups must be at least 2; got 1"):
        intervals.clustered_interval(values, np.zeros(20))
    with pytest.raises(ValueError, match="a group for each of the values"):
        intervals.clustered_interval(values, groups[1:])


@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize("n", [2, 3, 8])
def test_mean_interval_is_that_of_scipy(n, confidence):
    values = np.random.default_rng(n).normal(3, 2, size=n)
    expected = stats.ttest_1samp(values, 0).confidence_interval(confidence)
    estimate = intervals.mean_interval(values, confidence)
    assert estimate == pytest.approx((values.mean(), *expected), rel=1e-12)
    assert intervals.mean_interval([2.0, 2.0]) == (2, 2, 2)


@pytest.mark.parametrize("confidence", CONFIDENCES)
def test_wilson_ends_at_the_rates_that_are_z_errors_off(confidence):
    """Wilson's definition: the error is that of the rate p, not of the share."""
    z = statistics.NormalDist().inv_cdf((1 + confidence) / 2)
    estimate = intervals.wilson(8, 10, confidence)
    assert estimate.value == 0.8
    for p, off in ((estimate.low, z), (estimate.high, -z)):
        assert 0.8 - p == pytest.approx(off * math.sqrt(p * (1 - p) / 10))


def test_wilson_at_its_ends_and_by_default():
    z = statistics.NormalDist().inv_cdf(0.975)
    assert intervals.wilson(1, 1) == pytest.approx((1, 1 / (1 + z**2), 1))
    assert intervals.wilson(8, 10) == intervals.wilson(8, 10, 0.95)
    assert intervals.wilson(0, 20).low == 0
    assert 0 < intervals.wilson(0, 20).high < 0.2
    assert intervals.wilson(20, 20).high == 1


def test_intervals_keep_the_shape_of_curves():
    values = np.random.default_rng(3).normal(size=(20, 4, 5))
    for interval in (intervals.median_interval, intervals.mean_interval):
        estimate = interval(values)
        assert all(part.shape == (4, 5) for part in estimate)
        one = interval(values[:, 1, 2])
        assert all(isinstance(part, float) for part in one)
        assert one == tuple(part[1, 2] for part in estimate)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: intervals.median_interval([]), r"got the shape \(0,\)"),
        (lambda: intervals.median_interval(3.0), r"got the shape \(\)"),
        (lambda: intervals.median_interval([1, math.nan] * 9), "values must be finite"),
        (lambda: intervals.median_interval(range(9), 95), "between 0 and 1; got 95"),
        (lambda: intervals.median_of_new_runs([1, 2], 0), "n_new must be a positive"),
        (lambda: intervals.median_of_new_runs([1], 1, -0.5), "0 and 1; got -0.5"),
        (lambda: intervals.mean_interval([1, 2], 1), "between 0 and 1; got 1"),
        (lambda: intervals.mean_interval([1]), "at least 2 entries; got 1"),
        (
            lambda: intervals.wilson(3, 2),
            "successes must .* from 0 to 2; got 3",
        ),
        (lambda: intervals.wilson(-1, 2), "successes must"),
        (lambda: intervals.wilson(0, 0), "trials must be a positive integer; got 0"),
        (lambda: intervals.wilson(1, 2, 0), "between 0 and 1; got 0"),
    ],
)
def test_intervals_of_what_makes_no_sense(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_smallest_number_of_values_is_the_smallest():
    for confidence, needed in [(0.5, 2), (0.9, 5), (0.95, 6), (0.99, 8)]:
        estimate = intervals.median_interval(range(needed), confidence)
        assert estimate == ((needed - 1) / 2, 0, needed - 1)
        says = f"at least {needed} entries .* confidence {confidence}; got {needed - 1}"
        with pytest.raises(ValueError, match=says):
            intervals.median_interval(range(needed - 1), confidence)


# Printing --------------------------------------------------------------------


def test_an_estimate_is_printed_with_its_interval():
    estimate = Estimate(0.51234, 0.49821, 0.53149)
    assert f"{estimate:.3f}" == "0.512 [0.498, 0.531]"


def test_table():
    """A column is of numbers only if all its cells are."""
    rows = [("plain", 3, Estimate(0.51234, 0.5, 0.6)), ("decay", 12, "1.0 (none)")]
    assert tables.table(rows, ("cure", "runs", "rmse")).splitlines() == [
        "cure   runs               rmse",
        "-----  ----  -----------------",
        "plain     3  0.5123 [0.5, 0.6]",
        "decay    12         1.0 (none)",
    ]
    assert tables.table([], ("a", "b")) == "a  b\n-  -"
    lines = tables.table([("none", 1), (2, 3)], ("before", "after")).splitlines()
    assert lines[2:] == ["none        1", "2           3"]
    lines = tables.table([(1, "none"), (2, 3)], ("before", "after")).splitlines()
    assert lines[2:] == ["     1  none", "     2  3"]


def test_what_was_recorded_cannot_be_changed():
    recorded = records.load("streams-well")
    with pytest.raises(FrozenInstanceError):
        recorded.runs = ()


def test_table_of_what_does_not_fit():
    with pytest.raises(ValueError, match="one per header; got"):
        tables.table([("a",)], ("a", "b"))
    with pytest.raises(ValueError, match="fit into 75 characters; got a table of 76"):
        tables.table([("x" * 76,)], ("a",))
    assert tables.table([("x" * 75,)], ("a",))
    assert tables.table([("x" * 76,)], ("a",), width=76)
    with pytest.raises(ValueError, match="fit into 9 characters; got a table of 10"):
        tables.table([("x" * 10,)], ("a",), width=9)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (8.34, "8.3 s"),
        (59.96, "1 min 0 s"),
        (200.4, "3 min 20 s"),
        (3599.7, "1 h 0 min"),
        (7500, "2 h 5 min"),
    ],
)
def test_duration(seconds, text):
    assert tables.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "digits", "rounded"),
    [
        (0.123456, 4, 0.1235),
        (-98765.4, 2, -99000.0),
        (np.float64(1 / 3), 10, 0.3333333333),
        (0, 4, 0.0),
        (math.inf, 4, math.inf),
    ],
)
def test_significant(value, digits, rounded):
    found = tables.significant(value, digits)
    assert type(found) is float
    assert found == rounded
    assert tables.significant(found, digits) == found
    assert tables.significant(value) == tables.significant(value, 4)
    assert math.isnan(tables.significant(math.nan))


# Writing ---------------------------------------------------------------------


def test_plain_converts_arrays_and_rounds():
    jnp = pytest.importorskip("jax.numpy")
    mixed = {
        "numpy": np.arange(3, dtype="float32") / 4,
        "scalars": (np.float64(1 / 3), np.int64(2), np.bool_(True), None, "text"),
        "jax": jnp.ones((1, 2)),
        "long": np.longdouble(2.5),
    }
    assert files.plain(mixed, "result") == {
        "numpy": [0, 0.25, 0.5],
        "scalars": [0.3333333333, 2, True, None, "text"],
        "jax": [[1, 1]],
        "long": 2.5,
    }


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [0.0, math.nan]}, r"result\.a\[1\] must be finite; got nan"),
        ({"a": {"b": np.array([math.inf])}}, r"result\.a\.b\[0\] must be finite"),
        ({8: 1}, "keys of result must be text; got 8"),
        ({"a": {1, 2}}, r"result\.a must be made of"),
        ({"a": 1j}, r"result\.a must be made of"),
        ({"a": np.array([1j])}, r"result\.a must be made of"),
        ({"a": np.array([object()])}, r"result\.a must be made of"),
    ],
)
def test_plain_refuses_by_name(value, message):
    with pytest.raises(ValueError, match=message):
        files.plain(value, "result")


numbers = st.floats(-1e308, 1e308)
leaves = st.none() | st.booleans() | st.integers() | numbers | st.text()
nested = st.recursive(
    leaves,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@settings(deadline=None, max_examples=30)  # each waits for the disk
@given(st.dictionaries(st.text(), nested))
def test_what_is_written_is_read(tmp_path_factory, document):
    path = tmp_path_factory.getbasetemp() / "any.json"
    document = files.plain(document, "document")
    files.write_json(path, document)
    assert files.read_json(path) == document
    assert files.plain(document, "document") == document  # rounding is final


@settings(deadline=None)
@given(numbers)
def test_plain_keeps_ten_digits(x):
    assert files.plain(x, "x") == pytest.approx(x, rel=1e-9, abs=1e-320)


def test_a_run_a_line(write):
    text = (write() / "toy.json").read_text()
    assert json.loads(text) == DOCUMENT
    lines = [line.strip().rstrip(",") for line in text.splitlines()]
    assert all(json.dumps(run) in lines for run in RUNS)


@pytest.mark.parametrize("broken", ["replace", "fsync"])
def test_a_failing_write_leaves_the_old_file(write, monkeypatch, broken):
    folder = write()
    before = (folder / "toy.json").read_bytes()

    def full(*arguments):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, broken, full)
    with pytest.raises(OSError, match="no space left"):
        write(duration_s=1)
    assert (folder / "toy.json").read_bytes() == before
    assert [path.name for path in folder.iterdir()] == ["toy.json"]


def test_nan_is_never_written(write):
    folder = write()
    with pytest.raises(ValueError, match="not JSON compliant"):
        write(duration_s=math.nan)
    assert records.load("toy", folder).meta["duration_s"] == 200.4


# What nobody has read -----------------------------------------------------------------

SEVERAL = {
    "a": {"b": 1, "c": {"d": 2, "e": 3}, "f": {"g.h": 4, "i": 5}},
    "lr 0.1": {"x": 6},
    "rmse": 7,
}


@pytest.fixture
def several(write, monkeypatch):
    """A record that is loaded alone."""
    monkeypatch.setattr(records, "LOADED", {})
    runs = [
        {"seed": s, "metrics": SEVERAL, "curves": {"long": [1.0]}, "trace": {"w": [1]}}
        for s in range(3)
    ]
    return records.load("toy", write(runs=runs))


@pytest.mark.parametrize(
    ("read", "left"),
    [
        ([], "a; lr 0.1; rmse; curves"),
        (["rmse"], "a; lr 0.1; curves"),
        (["a.b", "rmse", "lr 0.1.x"], "a.{c; f}; curves"),
        (["a.b", "a.c.d", "a.f.g.h", "rmse"], "lr 0.1; a.{c.e; f.i}; curves"),
        (["a.b", "a.c.d", "a.f", "lr 0.1.x", "rmse"], "a.{f; c.e}; curves"),
    ],
)
def test_what_was_not_read_is_named(several, read, left):
    for key in set(read) - {"a.f"}:
        several.metric(key)
    assert records.also_recorded() == f"Also recorded:\ntoy: {left}"


def test_keys_below_which_the_same_is_left_are_named_together(write, monkeypatch):
    monkeypatch.setattr(records, "LOADED", {})
    metrics = {str(k): {"right": 1, "pure": {"a": 2, "b": 3}, "n": 4} for k in (4, 5)}
    runs = [{"seed": seed, "metrics": metrics} for seed in range(3)]
    record = records.load("toy", write(runs=runs))
    for key in ("4.right", "5.right", "4.pure.a", "5.pure.a"):
        record.metric(key)
    assert records.also_recorded() == "Also recorded:\ntoy: {4; 5}.{n; pure.b}"
    record.metric("4.n")
    assert records.also_recorded() == "Also recorded:\ntoy: 4.pure.b; 5.{n; pure.b}"


def test_what_was_read_counts_over_all_loads_of_a_record(several, write):
    for key in records.flatten(SEVERAL):
        several.metric(key)
    again = records.load("toy", write())
    assert again.read == several.read
    several.curve("curves.long")
    assert records.load("toy", write(runs=list(several.runs))).read == several.read
    assert records.also_recorded() == "Also recorded:\ntoy: nothing else"


def test_what_is_asked_of_a_measured_record_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "LOADED", {})
    document = {
        "schema": "toy 1",
        "date": "2026-01-02",
        "ways": {"a": [{"T": 10, "ms": 1.0, "MB": 2}, {"T": 20, "ms": 3.0}], "b": []},
        "lr 0": 1,
        "lr 0.1": 2,
    }
    files.write_json(tmp_path / "toy.json", document)
    found = records.load_measured("toy", "toy 1", "toys", "ways", "make", tmp_path)
    assert records.also_recorded() == "Also recorded:\ntoy: ways; lr 0; lr 0.1"
    assert [row["ms"] for rows in found["ways"].values() for row in rows] == [1, 3]
    assert found["lr 0.1"] == 2
    assert found.get("lr 1") is None
    assert records.also_recorded() == "Also recorded:\ntoy: lr 0; ways.a.{T; MB}"
    assert dict(found["ways"]["a"][0].items())["T"] == 10
    found.get("lr 0")
    assert records.also_recorded() == "Also recorded:\ntoy: nothing else"
    assert found == document
    assert {**found} == document


def test_a_failed_look_reads_nothing(several):
    with pytest.raises(ValueError, match="key must be one of"):
        several.metric("unknown")
    assert several.read == set()


# Comparisons --------------------------------------------------------------------------


def test_a_comparison_counts_the_seeds_ahead_and_the_differences():
    first = np.r_[np.full(17, 1.0), np.full(3, 0.0)] + 0.01 * np.arange(20)
    second = np.full(20, 0.5) + 0.01 * np.arange(20)
    found = comparing.compare(first, second)
    assert (found.ahead, found.differ) == (17, 20)
    assert found.share == intervals.wilson(17, 20)
    assert found.difference == pytest.approx((0.5, 0.5, 0.5))
    turned = comparing.compare(first, second, smaller=True)
    assert (turned.ahead, turned.difference) == (3, found.difference)
    assert comparing.compare(second, first).ahead == 3


def test_seeds_without_a_difference_are_on_no_side():
    solved = np.arange(20) < 12
    found = comparing.compare(solved, np.zeros(20, bool))
    assert (found.ahead, found.differ) == (12, 12)
    assert found.share == intervals.wilson(12, 12)
    same = comparing.compare(solved, solved)
    assert (same.ahead, same.differ, *same.share[1:]) == (0, 0, 0.0, 1.0)


@given(st.integers(0, 10**6), st.booleans())
def test_pairs_agree_with_the_sign_test(seed, smaller):
    a, b = np.random.default_rng(seed).normal([[0.0], [0.6]], size=(2, 20))
    found = comparing.compare(a, b, smaller)
    p = stats.binomtest(found.ahead, found.differ).pvalue
    said = found.share.low > 0.5 or found.share.high < 0.5
    assert said == (p < 0.05)
    _, low, high = found.difference
    assert said == (low > 0 or high < 0)


def test_a_baseline_is_one_number():
    errors = np.linspace(1, 2, 20)
    assert comparing.compare(errors, 1.5, smaller=True).ahead == 10
    assert comparing.compare(1.2, errors, smaller=True).ahead == 16


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (np.ones(20), np.ones(19), "shapes"),
        (1.0, 2.0, "shapes"),
        (np.ones((20, 2)), np.ones((20, 2)), "shapes"),
        (np.r_[np.ones(19), np.nan], np.ones(20), "first must be finite"),
        (np.ones(20), np.inf, "second must be finite"),
        (np.ones(5), np.zeros(5), "at least 6"),
    ],
)
def test_what_cannot_be_compared_is_refused(first, second, said):
    with pytest.raises(ValueError, match=said):
        comparing.compare(first, second)


def test_the_table_of_comparisons():
    first = np.r_[np.ones(17), np.zeros(3)] + 0.001 * np.arange(20)
    assert comparing.comparisons({"one over half": (first, 0.5)}) == (
        "comparison       ahead in (20 seeds)  median difference\n"
        "-------------  ---------------------  -----------------\n"
        "one over half  17 of 20 [0.64, 0.95]   0.51 [0.5, 0.51]"
    )
