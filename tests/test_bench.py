"""The ways of the bench: all compute the same."""

from functools import partial

import numpy as np
import pytensor
import pytest

from helpers import engine
from helpers.bench import (
    by_browser,
    by_c,
    by_numpy,
    floors,
    recording,
    step_times,
    ways,
)
from helpers.bench.ways import WAYS, missing, prepare
from helpers.bench.workloads import AXES, LR, WORKLOADS, language, reber, sine
from helpers.browser import chromium
from helpers.networks.gradients import numerical_gradient

SMALL = {
    "a string": reber(),
    "strings": reber(B=5),
    "a wave": sine(T=6, H=4),
    "waves": sine(T=6, H=4, B=3),
    "a sentence": language(V=12, T=6, H=5, dtype="float64"),
    "sentences": language(V=12, T=6, H=5, B=3, dtype="float64"),
}
QUICK_TO_COMPILE = [
    name for name in WAYS if name not in step_times.SLOW or name == "pytensor python"
]
QUICK_TO_COMPILE.remove("page")  # which needs a browser, and has its own tests


@pytest.fixture(autouse=True)
def restored():
    yield
    prepare("pytensor python", "float64")


def gradients(make, workload, **options):
    """From one step of SGD: what `make` makes takes one a call."""
    step = make(workload, **options)
    loss = step.run()
    after = step.values()
    pairs = zip(workload.start, after, strict=True)
    return loss, [(before - value) / LR for before, value in pairs]


@pytest.mark.parametrize("what", SMALL)
def test_the_gradient_of_numpy_is_that_of_differences_and_its_steps_go_down(what):
    workload = SMALL[what]

    def loss(*values):
        start = type(workload.start)(*values)
        return by_numpy.over_batch(workload._replace(start=start)).run()

    _, found = gradients(by_numpy.over_batch, workload)
    expected = numerical_gradient(loss, [v.copy() for v in workload.start])
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-8)
    step = by_numpy.over_batch(workload)
    losses = [step.run() for _ in range(4)]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > losses[-1]


@pytest.mark.parametrize("what", SMALL)
@pytest.mark.parametrize("name", QUICK_TO_COMPILE)
def test_all_ways_give_the_same_loss_and_gradients(name, what):
    workload = SMALL[what]
    if why := missing(name, workload):
        pytest.skip(why)
    loss, expected = gradients(by_numpy.over_batch, workload)
    prepare(name, "float64")
    options = {"steps": 1} if WAYS[name].many else {}
    found, ours = gradients(WAYS[name].make, workload, **options)
    assert found == pytest.approx(loss, rel=1e-10)
    for mine, theirs in zip(ours, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-9)


@pytest.mark.browser
def test_the_page_gives_the_same_loss_and_gradients():
    if not chromium():
        pytest.skip("no Chromium: install it, or name one by the variable CHROME")
    workload = SMALL["a string"]
    loss, expected = gradients(by_numpy.over_batch, workload)
    with by_browser.browser() as browser:
        make = partial(by_browser.make, browser=browser)
        found, ours = gradients(make, workload, steps=1)
        many, one = make(workload, steps=7), make(workload, steps=1)
        assert [one.run() for _ in range(7)][-1] == many.run()
        for other in ("strings", "a wave", "a sentence"):
            with pytest.raises(ValueError, match="must be one string"):
                make(SMALL[other])
    assert found == pytest.approx(loss, rel=1e-10)
    for mine, theirs in zip(ours, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-9)


@pytest.mark.browser
def test_the_page_takes_its_turn_in_the_bench(tmp_path):
    """In a process of its own, with the same loss and gradients, in time a step."""
    if why := missing("page", SMALL["a string"]):
        pytest.skip(why)
    effort = {"rounds": 2, "round_s": 0.02, "together": True}
    part = step_times.by_all("reber", "reber", ("numpy", "page"), **effort)
    rows = recording.measure(part, part.ways, tmp_path, {})["rows"]
    assert [row["way"] for row in rows] == ["numpy", "page"]
    numpy, page = (np.median(row["seconds"]) for row in rows)
    assert 0 < page < 100 * numpy  # of one step, and not of all that a call makes


@pytest.mark.parametrize("there", [True, False])
def test_the_page_is_in_the_plan_where_there_is_a_chromium(
    monkeypatch, tmp_path, there
):
    monkeypatch.setattr(
        ways, "chromium", lambda: "/usr/bin/chromium" if there else None
    )
    planned, contents = step_times.plan(True, tmp_path)
    by_name = {part.name: part.ways for part in planned}
    assert ("page" in by_name["reber"]) == there
    assert not any("page" in by_name[n] for n in by_name if n != "reber")
    why = {
        row["what"]: row["why"]
        for row in contents([], [])["left_out"]
        if row["way"] == "page"
    }
    assert why["sine"] == (
        "only one string of symbols"
        if there
        else "there is no Chromium, or no Playwright"
    )
    assert ("reber" in why) != there


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
    small, large = (step_times.workload({axis: size}) for size in (13, 17))
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
    reasons = {"c": "no compiler", "numba": "does not compile", "jax": ""}
    monkeypatch.setattr(engine, "why_not", reasons.get)
    string, words = SMALL["a string"], SMALL["a sentence"]
    assert missing("pytensor c", string) == "no compiler"
    assert missing("pytensor numba", string) == "does not compile"
    assert missing("pytensor jax", string) is None
    assert missing("numpy", string) is None
    assert "for each step" in missing("training jax", words)
    assert missing("c", words) == "only one example, without words"
    assert missing("c", SMALL["strings"]) == "only one example, without words"
    monkeypatch.setattr(by_c, "compiler", lambda: None)
    assert missing("c", string) == "no C compiler"


@pytest.mark.parametrize("name", [name for name, way in WAYS.items() if way.many])
def test_many_steps_in_a_call_are_as_many_calls(name):
    workload = SMALL["a wave"]
    if name not in QUICK_TO_COMPILE or missing(name, workload):
        pytest.skip("slow to compile, or not here")
    prepare(name, "float64")
    many, one = (WAYS[name].make(workload, steps=n) for n in (7, 1))
    loss = many.run()
    for _ in range(7):
        last = one.run()
    assert loss == pytest.approx(last, rel=1e-12)
    for ours, theirs in zip(many.values(), one.values(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-14)


@pytest.mark.skipif(by_c.compiler() is None, reason="no C compiler")
def test_the_step_in_c_keeps_what_it_points_to():
    workload = sine()
    expected = by_c.make(workload).run()
    run = by_c.make(sine()).run  # nobody else holds the arrays of this one
    sizes = [value.size for value in (*workload.examples, *workload.start)]
    others = [np.full(n, np.nan) for n in sizes for _ in range(20)]
    assert run() == expected, len(others)
