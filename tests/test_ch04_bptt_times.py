"""What is timed by length: the gradient of chapter 4."""

import numpy as np
import pytest

from helpers.bench import ch04_bptt_times as times
from helpers.networks import bptt, elman


def test_all_implementations_make_the_gradient_of_bptt():
    x, y, params = times.problem(4)
    h = elman.hidden_states_numpy(x, params)
    expected = bptt.bptt(x, h, elman.readout(h, params) - y, params)
    for way in ("numpy", "python"):
        timed = times.prepare(way, 4)()
        gradients = timed.run()
        for g, e in zip(gradients, expected, strict=True):
            np.testing.assert_allclose(g, e, rtol=1e-9, atol=1e-12)
        norms = [np.sqrt((e**2).sum()) for e in expected]
        np.testing.assert_allclose([*timed.numbers(gradients).values()], norms)


def test_the_slope_of_a_power_is_its_exponent():
    rows = [{"T": T, "ms": 3 * T**1.5 if T >= 10 else 100} for T in (1, 10, 100, 1000)]
    assert times.slope(rows, "ms", at_least=10) == pytest.approx(1.5)
