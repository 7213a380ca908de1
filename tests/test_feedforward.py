"""helpers.networks.feedforward against NumPy, closed forms and its own promises."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.networks.feedforward import (
    initial_values,
    mean_squared_error,
    minibatches,
    network,
)
from helpers.networks.gradients import numerical_gradient, relative_error

SIZES = [(3, 1), (1, 8, 1), (4, 5, 2), (2, 3, 4, 3)]
pytestmark = pytest.mark.usefixtures("python_engine")


def by_numpy(x, values):
    *hidden, W, b = values
    for i in range(0, len(hidden), 2):
        x = np.tanh(np.einsum("ni,ij->nj", x, hidden[i]) + hidden[i + 1])
    return np.einsum("ni,ij->nj", x, W) + b


@pytest.mark.parametrize("sizes", SIZES)
def test_network_equals_numpy(sizes):
    rng = np.random.default_rng(0)
    values = initial_values(sizes, rng)
    x = rng.standard_normal((7, sizes[0]))
    o = network(pt.constant(x), [pytensor.shared(v) for v in values]).eval()
    np.testing.assert_allclose(o, by_numpy(x, values), rtol=1e-12)


def test_a_layer_without_its_bias_is_refused():
    params = [pt.dmatrix(), pt.dmatrix(), pt.dvector(), pt.dmatrix(), pt.dvector()]
    with pytest.raises(ValueError, match="params must be W and b of each layer; got 5"):
        network(pt.dmatrix(), params)


@pytest.mark.parametrize("sizes", SIZES)
def test_gradient_equals_central_differences(sizes):
    rng = np.random.default_rng(1)
    values = initial_values(sizes, rng)
    x, y = rng.standard_normal((6, sizes[0])), rng.standard_normal((6, sizes[-1]))
    params = [pytensor.shared(v) for v in values]
    loss = mean_squared_error(network(pt.constant(x), params), y)
    gradient = pytensor.function([], pt.grad(loss, params))()

    def loss_of(*values):
        return ((by_numpy(x, values) - y) ** 2).sum() / len(x)

    for g, slopes in zip(gradient, numerical_gradient(loss_of, values), strict=True):
        assert relative_error(g, slopes) < 1e-6


def test_initial_values_have_their_shapes_and_limits():
    W_1, b_1, W_2, b_2 = initial_values((400, 100, 50), np.random.default_rng(2))
    assert [v.shape for v in (W_1, b_1, W_2, b_2)] == [
        (400, 100),
        (100,),
        (100, 50),
        (50,),
    ]
    for value, limit in [(W_1, 1 / 20), (W_2, 1 / 10)]:
        assert abs(value).max() <= limit
        # the standard deviation of a uniform distribution on +-limit
        assert value.std() == pytest.approx(limit / np.sqrt(3), rel=0.02)


@pytest.mark.parametrize("sizes", [(3,), (3, 0, 1), (3, 2.5, 1)])
def test_initial_values_refuse_bad_sizes(sizes):
    with pytest.raises(ValueError, match="sizes must be"):
        initial_values(sizes, np.random.default_rng(0))


@given(n=st.integers(1, 60), data=st.data())
def test_minibatches_are_an_epoch(n, data):
    size = data.draw(st.integers(1, n))
    batches = list(minibatches(n, size, np.random.default_rng(3)))
    assert len(batches) == n // size
    assert all(len(batch) == size for batch in batches)
    seen = np.concatenate(batches)
    assert len(set(seen)) == len(seen)
    assert set(seen) <= set(range(n))


def test_minibatches_change_from_epoch_to_epoch():
    rng = np.random.default_rng(4)
    first, second = (np.concatenate(list(minibatches(50, 10, rng))) for _ in range(2))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("size", [0, 11])
def test_minibatches_refuse_a_bad_size(size):
    with pytest.raises(ValueError, match="size must be an integer from 1 to 10"):
        list(minibatches(10, size, np.random.default_rng(0)))
