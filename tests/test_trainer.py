"""Many updates in one compiled function: those of one call each, to the last digits."""

import itertools

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from helpers import engine
from helpers.experiments.trainer import CHUNK, SHORT, Trainer
from helpers.networks import bptt, optimisers
from helpers.networks.elman import (
    Elman,
    hidden_states,
    hidden_states_numpy,
    initial_elman,
    readout,
    shared,
)

N_IN, N_HID, T = 2, 5, 6
START = initial_elman(N_IN, N_HID, 1, np.random.default_rng(0))
HAND = ("W_ho", "b_o")  # parameters whose gradients are not left to pt.grad
RATES = {"sgd": 0.05, "momentum": 0.01, "adam": 0.003}


def gradient_by_hand(x, y, mask, params):
    """Of the loss below, by W_ho and b_o."""
    h = hidden_states(x, params)
    d_o = 2 * (readout(h, params) - y) * mask[:, None]
    return [h.T @ d_o, d_o.sum(axis=0)]


def trainer(optimiser, chunk, clip=None, trained=Elman._fields):
    """On the sum of squared errors at all steps."""
    params = shared(START)
    x, y = pt.matrix("x", shape=(None, N_IN)), pt.matrix("y", shape=(None, 1))
    mask, lr = pt.vector("mask"), pt.scalar("lr")
    errors = (readout(hidden_states(x, params), params) - y) ** 2
    loss = (mask[:, None] * errors).sum()
    chosen = [getattr(params, name) for name in trained]
    if trained is HAND:
        grads = gradient_by_hand(x, y, mask, params)
    else:
        grads = pt.grad(loss, chosen)
    if clip:
        grads = clip(grads, 0.5)
    updates = getattr(optimisers, optimiser)(grads, chosen, lr)
    return Trainer([x, y, mask, lr], loss, updates, params, chunk)


def batches(optimiser):
    """Sequences of 3 to T steps and at each the sum so far, at a rate that falls."""
    rng = np.random.default_rng(1)
    for k in itertools.count():
        x = rng.uniform(-1, 1, (rng.integers(3, T + 1), N_IN))
        y = np.cumsum(x.prod(axis=1))[:, None]
        yield x, y, np.ones(len(x)), RATES[optimiser] / (1 + k / 1000)


def trained_in(net, optimiser, updates, every, lengths=(T,)):
    """Losses every so many updates, and the parameters and the memory at the end."""
    net.reset(START)
    some = net.train(batches(optimiser), updates, lambda k: k % every == 0, lengths)
    losses = [loss for k, loss in some if k]
    return np.array(losses), [*net.now(), *(v.get_value() for v in net.memory)]


def by_numpy(updates, every):
    """SGD on the same, by a loop over `helpers.networks.bptt`."""
    params, losses = Elman(*(value.copy() for value in START)), []
    for k, (x, y, _, lr) in zip(range(updates), batches("sgd"), strict=False):
        h = hidden_states_numpy(x, params)
        d_o = 2 * (readout(h, params) - y)
        if (k + 1) % every == 0:
            losses.append((d_o**2).sum() / 4)
        gradients = bptt.bptt(x, h, d_o, params)
        params = Elman(*(p - lr * g for p, g in zip(params, gradients, strict=True)))
    return np.array(losses), params


@pytest.fixture
def jax():
    pytest.importorskip("jax")
    engine.select("jax")


def assert_same(ours, expected, atol):
    np.testing.assert_allclose(ours[0], expected[0], rtol=0, atol=atol)
    for one, other in zip(ours[1], expected[1], strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=atol)


@pytest.mark.parametrize(
    ("optimiser", "options"),
    [
        ("sgd", {"trained": HAND}),
        ("sgd", {"clip": optimisers.clip_by_norm}),
        ("momentum", {}),
        ("adam", {"clip": optimisers.clip_by_value}),
    ],
    ids=["by hand", "sgd, clipped", "momentum", "adam, clipped"],
)
def test_many_updates_in_one_function_are_those_of_one_call_each(
    jax, optimiser, options
):
    """1,060 updates: chunks of 50, and the last 10 one by one."""
    net, updates, every = trainer(optimiser, CHUNK, **options), SHORT + 60, CHUNK
    many = trained_in(net, optimiser, updates, every)
    net.chunk = 1
    assert_same(many, trained_in(net, optimiser, updates, every), 1e-10)
    assert max(abs(a - b).max() for a, b in zip(many[1], START, strict=False)) > 0.1
    if (optimiser, options) == ("sgd", {}):
        assert_same(many, by_numpy(updates, every), 1e-10)


def test_many_updates_run_on_an_engine_that_compiles_nothing(python_engine):
    net, (x, y, mask, lr) = trainer("sgd", 4, trained=HAND), next(batches("sgd"))
    net.reset(START)
    one = [net.step(x, y, mask, rate * lr) for rate in (1, 2, 3)], net.state
    net.reset(START)
    rates = lr * np.arange(1, 4)
    many = net.steps(3, *(np.stack(3 * [value]) for value in (x, y, mask)), rates)
    assert_same((many, net.state), one, 1e-12)


def test_a_reset_forgets_everything(python_engine):
    net, values = trainer("momentum", 1), next(batches("momentum"))
    net.reset(START)
    first = [net.step(*values) for _ in range(3)]
    assert first[0] > first[2]
    net.reset(START)
    assert [net.step(*values) for _ in range(3)] == first
    assert isinstance(net.now(), Elman)


def test_a_training_goes_on_from_its_state(python_engine):
    net, values = trainer("momentum", 1), next(batches("momentum"))
    net.reset(START)
    net.step(*values)
    state = net.state
    second = net.step(*values)
    net.step(*values)
    net.state = state
    assert net.step(*values) == second


def test_what_is_looked_at_is_what_was_asked_for(python_engine):
    net = trainer("sgd", 1)
    net.reset(START)
    drawn, seen = batches("sgd"), []
    for k, loss in net.train(drawn, 5, lambda k: k in (0, 2, 3)):
        assert (loss is None) == (k == 0)
        seen.append((k, net.now().b_o[0]))
    assert [k for k, _ in seen] == [0, 2, 3]
    assert len({b_o for _, b_o in seen}) == 3
    assert net.trace == []  # no update is traced before the 50th
    # Five were taken: what follows is the sixth.
    sixth = [values for _, values in zip(range(6), batches("sgd"), strict=False)][5]
    np.testing.assert_array_equal(next(drawn)[0], sixth[0])


def test_networks_side_by_side_have_losses_of_their_own(jax):
    """And an update without inputs is one, too."""
    w = pytensor.shared(np.array([1.0, 2.0]), name="w")
    losses = w**2
    net = Trainer([], losses, optimisers.sgd(losses.sum(), [w], 0.25), [w], 3)
    ((k, last),) = net.train(iter(lambda: (), None), SHORT + 2, lambda k: k == 3)
    # w becomes half of itself with each update.
    assert k == 3
    np.testing.assert_allclose(last, [1 / 16, 4 / 16])
    np.testing.assert_allclose(net.now()[0], 0, atol=1e-100)


@pytest.mark.usefixtures("python_engine")
def test_an_update_may_leave_a_length_open_that_its_variable_has_fixed():
    W = pytensor.shared(np.ones((1, 3)), shape=(1, 3))
    x = pt.matrix("x")  # of any shape, and so is x.T @ ...
    h = x @ W
    updates = [(W, W - 0.1 * x.T @ h)]
    assert updates[0][1].type.shape != W.type.shape
    net = Trainer([x], (h**2).sum(), updates, [W])
    X = np.random.default_rng(0).normal(size=(4, 2, 1))
    many = net.steps(4, X), W.get_value()
    net.reset([np.ones((1, 3))])
    one = [net.step(x_) for x_ in X], W.get_value()
    for ours, theirs in zip(many, one, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
