"""What is timed of linear recurrences: a loop, and rounds."""

from itertools import product

import numpy as np
import pytest

from helpers.bench import ch09_scan_times as times
from helpers.networks.gradients import numerical_gradient, relative_error

pytestmark = pytest.mark.usefixtures("python_engine")


@pytest.mark.parametrize("way", times.WAYS)
def test_each_way_makes_the_loss_and_its_gradients(way, monkeypatch):
    monkeypatch.setattr(times, "UNITS", 3)
    timed = times.prepare(way, 2, 5, engine="python")()
    loss, *gradients = timed.run()
    rng = np.random.default_rng(0)
    start = [rng.uniform(0.5, 1, (5, 2, 3)), rng.standard_normal((5, 2, 3))]

    def by_numpy(a, b):
        h, total = np.zeros((2, 3)), 0.0
        for a_t, b_t in zip(a, b, strict=True):
            h = a_t * h + b_t
            total += (h**2).sum()
        return float(total / a.size)

    assert loss == pytest.approx(by_numpy(*start), rel=1e-12)
    slopes = numerical_gradient(by_numpy, [value.copy() for value in start])
    for g, slope in zip(gradients, slopes, strict=True):
        assert relative_error(g, slope) < 1e-6
    found = timed.numbers([loss, *gradients])
    np.testing.assert_allclose(
        [*found.values()], [loss, *map(np.linalg.norm, gradients)]
    )


def test_the_recorded_lengths_are_those_of_the_plan():
    found = [(row["way"], row["batch"], row["T"]) for row in times.load()["lengths"]]
    assert sorted(found) == sorted(product(times.WAYS, times.BATCHES, times.LENGTHS))
