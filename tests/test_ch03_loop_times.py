"""What is timed of loops: three ways to write one network."""

import numpy as np
import pytest

from helpers.bench import ch03_loop_times as times
from helpers.networks.elman import (
    Elman,
    hidden_states_numpy,
    initial_elman,
    readout,
)
from helpers.networks.gradients import numerical_gradient, relative_error

pytestmark = pytest.mark.usefixtures("python_engine")


@pytest.mark.parametrize("way", times.WAYS)
def test_each_way_computes_the_loss_and_its_gradients(way):
    T, n = 3, 2
    timed = times.prepare(way, T, n, engine="python")()
    loss, *gradients = timed.run()
    rng = np.random.default_rng(0)
    start = initial_elman(n, n, 1, rng)
    x = rng.standard_normal((T, times.BATCH, n))
    y = rng.standard_normal((times.BATCH, 1))

    def by_numpy(*values):
        params = Elman(*values)
        o = readout(hidden_states_numpy(x, params)[-1], params)
        return float(np.mean((o - y) ** 2))

    assert loss == pytest.approx(by_numpy(*start), rel=1e-12)
    slopes = numerical_gradient(by_numpy, [value.copy() for value in start])
    for g, slope in zip(gradients, slopes, strict=True):
        assert relative_error(g, slope) < 1e-6
    found = timed.numbers([loss, *gradients])
    assert [*found] == [f"{k} at T = 3, n = 2" for k in ("loss", *Elman._fields)]
    np.testing.assert_allclose(
        found["W_hh at T = 3, n = 2"] ** 2, (slopes[1] ** 2).sum()
    )


def test_the_recorded_loops_are_those_of_the_plan():
    recorded = times.load()
    sizes = {
        "lengths": {(T, times.SMALL) for T in times.LENGTHS},
        "sizes": {(times.LONG, n) for n in times.SIZES},
    }
    for name, ways in times.COMPARED.items():
        found = [(row["way"], (row["T"], row["n"])) for row in recorded[name]]
        assert len(found) == len(ways) * len(sizes[name])
        assert {*found} == {(way, size) for way in ways for size in sizes[name]}
