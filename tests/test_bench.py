"""The bench: every way computes the same, and what it writes can be trusted."""

import numpy as np
import pytest

from helpers.bench import by_numpy
from helpers.bench.ways import WAYS, missing, prepare
from helpers.bench.workloads import LR, language, reber, sine
from helpers.gradients import numerical_gradient

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
