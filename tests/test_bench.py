"""The ways of the bench: all compute the same."""

import numpy as np
import pytensor
import pytest

from helpers import engine
from helpers.bench import by_browser, by_numpy, floors, step_times
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
    name for name in WAYS if name not in ("pytensor c", "pytensor numba")
]

# What JAX does with one string it does with the others in the same way.
SLOW = pytest.mark.slow
OTHERS = {
    (name, what)
    for name in ("pytensor jax", "jax")
    for what in SMALL.keys() - {"a string"}
}


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


@pytest.mark.parametrize(
    ("name", "what"),
    [
        pytest.param(name, what, marks=SLOW if (name, what) in OTHERS else ())
        for name in QUICK_TO_COMPILE
        for what in SMALL
    ],
)
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


@pytest.mark.browser
def test_the_page_gives_the_same_loss_and_gradients():
    if not chromium():
        pytest.skip("no Chromium: install it, or name one by the variable CHROME")
    workload = SMALL["a string"]
    loss, expected = gradients(by_numpy.over_batch, workload)
    with by_browser.opened(workload) as page:
        found, ours = gradients(lambda w: by_browser.step(page, w), workload)
    assert found == pytest.approx(loss, rel=1e-10)
    for mine, theirs in zip(ours, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-9)
    for other in ("strings", "a wave", "a sentence"):
        with (
            pytest.raises(ValueError, match="must be one string"),
            by_browser.opened(SMALL[other]),
        ):
            pass
    row = by_browser.row(rounds=2)
    assert row["workload"] == "reber"
    assert 0 < row["ms_range"][0] <= row["ms"] <= row["ms_range"][1]


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


@pytest.mark.slow
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
    assert missing("pytensor c") == "no compiler"
    assert missing("pytensor numba") == "does not compile"
    assert missing("pytensor jax") is None
    assert missing("numpy") is None
