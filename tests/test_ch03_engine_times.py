"""What is timed by engine."""

import numpy as np
import pytest

from helpers.bench import ch03_engine_times as times
from helpers.networks.elman import Elman, hidden_states_numpy, readout
from helpers.networks.gradients import numerical_gradient

pytestmark = pytest.mark.usefixtures("python_engine")


def loss_by_numpy(x, y, *values):
    params = Elman(*values)
    o = readout(hidden_states_numpy(x, params)[-1], params)
    return float(((o - y) ** 2).sum())


def test_what_is_timed_is_forward_backward_and_update():
    x, y = times.example()
    assert (x.shape, y.shape) == ((times.STEPS, times.INPUTS), (1,))
    step, params = times.build()
    for _ in range(2):
        before = [p.get_value() for p in params]
        loss = float(step(x, y))
        assert loss == pytest.approx(loss_by_numpy(x, y, *before), rel=1e-10)
        slopes = numerical_gradient(lambda *v: loss_by_numpy(x, y, *v), before)
        for p, value, slope in zip(params, before, slopes, strict=True):
            np.testing.assert_allclose(
                p.get_value(), value - times.LR * slope, atol=1e-8
            )


def test_what_is_compared_are_five_losses_and_the_parameters_after_them():
    timed = times.prepare("python")()
    found = timed.numbers(timed.run())
    assert len(found["losses"]) == 5
    assert found["losses"][-1] < found["losses"][0]
    assert found.keys() == {"losses", "W_ih", "W_hh", "b_h", "W_ho", "b_o", "h0"}


def test_the_recorded_engines_are_sorted():
    took = [row["call_us"] for row in times.load()["engines"]]
    assert took == sorted(took)
