"""Window and recurrent networks on the shipped comments: their inputs and training."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from helpers import engine
from helpers.experiments import ch08_ladder_runs as experiments
from helpers.networks.gradients import numerical_gradient, relative_error

pytestmark = pytest.mark.engine
SMALL = experiments.LADDER | {
    "hidden": 6,
    "embedding": 4,
    "windows": [2],
    "epochs": 1,
    "vocabulary": 100,
}


@pytest.fixture(autouse=True)
def compiled_here():
    engine.select()
    experiments._compiled.cache_clear()
    yield
    experiments._compiled.cache_clear()


def test_a_window_has_the_newest_word_first_and_start_before_the_first():
    x = experiments.windows(np.array([7, 3, 5]), 3)
    np.testing.assert_array_equal(x, [[7, 3, 5], [7, 7, 3], [7, 7, 7]])


def test_the_graph_says_what_numpy_says_and_its_gradient_is_that_of_differences():
    params = experiments.initial(2, 9, 3, 4, np.random.default_rng(0))
    params = experiments.Window(*(p.astype(float) for p in params))
    sentence = np.array([0, 4, 7, 4, 1])
    x, y = experiments.windows(sentence[:-1], 2), sentence[1:]
    (log_p,) = experiments.window_log_p(params, [sentence])
    net = experiments.Window(*map(pytensor.shared, params))
    held = pt.imatrix("x", shape=x.shape)
    o = experiments.logits(held, net)
    loss = -(o[pt.arange(4), y] - pt.logsumexp(o, axis=1)).sum()
    found = pytensor.function([held], [loss, *pt.grad(loss, list(net))])
    said, *slopes = found(x.astype("int32"))
    assert float(said) == pytest.approx(-log_p.sum(), rel=1e-9)

    def summed(*values):
        given = experiments.Window(*values)
        return -experiments.window_log_p(given, [sentence])[0].sum()

    for slope, right in zip(
        slopes, numerical_gradient(summed, list(params)), strict=True
    ):
        assert relative_error(np.asarray(slope), right) < 1e-7


@pytest.mark.parametrize("n", [2, 0])
def test_a_seed_gives_the_same_again_and_learns(n):
    first, trace = experiments.learn(n, 3, SMALL)
    assert experiments.learn(n, 3, SMALL) == (first, trace)
    assert first < 30 < 100
    assert len(trace) == 1  # of update 50
    begun = experiments.learn(n, 3, SMALL, updates=50)
    assert begun[1] == trace
