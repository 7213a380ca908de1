"""The language model by hand against differences, one-hot products and the chapter."""

import numpy as np
import pytest
from test_cells import random_cell

from helpers.lm import by_hand
from helpers.networks import bptt, elman, gradients
from helpers.networks.elman import Elman

SENTENCE = np.array([0, 7, 4, 7, 9, 7, 1])  # one word three times


def network(seed=0):
    return random_cell(Elman, seed, 12, 5, 12)


def one_hot(x, V=12):
    return np.eye(V)[x]


def test_forward_is_the_elman_network_on_one_hot_rows_with_a_softmax():
    params = network()
    h, p = by_hand.forward(SENTENCE, params)
    expected = elman.hidden_states_numpy(one_hot(SENTENCE), params)
    np.testing.assert_allclose(h, expected, atol=1e-14)
    o = np.exp(elman.readout(expected, params))
    np.testing.assert_allclose(p, o / o.sum(axis=1, keepdims=True), rtol=1e-12)


def test_forward_survives_logits_of_several_hundred():
    params = network()._replace(b_o=np.linspace(-900, 900, 12))
    _, p = by_hand.forward(SENTENCE, params)
    np.testing.assert_allclose(p.sum(axis=1), 1)


def test_the_mean_loss_counts_each_word_once():
    params = network()
    short, long = SENTENCE[:3], SENTENCE
    losses = [by_hand.mean_loss([s], params) for s in (short, long)]
    both = (2 * losses[0] + 6 * losses[1]) / 8
    assert by_hand.mean_loss([short, long], params) == pytest.approx(both)
    alike = Elman(*(0 * value for value in params))
    assert by_hand.mean_loss([long], alike) == pytest.approx(np.log(12))


def test_backward_against_differences():
    params, (x, y) = network(), (SENTENCE[:-1], SENTENCE[1:])

    def loss(*values):
        return len(y) * by_hand.mean_loss([SENTENCE], Elman(*values))

    expected = gradients.numerical_gradient(loss, list(params))
    found = by_hand.backward(x, y, *by_hand.forward(x, params), params)
    W_ih = np.zeros_like(params.W_ih)
    np.add.at(W_ih, x, found.W_ih)
    for a, b in zip((W_ih, *found[1:]), expected, strict=True):
        assert gradients.relative_error(a, b) < 1e-8


def test_backward_is_that_of_chapter_4_and_leaves_its_arguments():
    params, (x, y) = network(seed=1), (SENTENCE[:-1], SENTENCE[1:])
    h, p = by_hand.forward(x, params)
    kept = [value.copy() for value in (h, p, *params)]
    found = by_hand.backward(x, y, h, p, params)
    expected = bptt.bptt(one_hot(x), h, p - one_hot(y), params)
    for a, b in zip(found[1:], expected[1:], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)
    np.testing.assert_allclose(one_hot(x).T @ found.W_ih, expected.W_ih, atol=1e-12)
    for value, before in zip((h, p, *params), kept, strict=True):
        np.testing.assert_array_equal(value, before)


def test_a_step_moves_against_the_gradient_and_only_rows_that_were_read():
    params, (x, y) = network(), (SENTENCE[:-1], SENTENCE[1:])
    before = Elman(*(value.copy() for value in params))
    slope = by_hand.backward(x, y, *by_hand.forward(x, params), params)
    by_hand.sgd_step(x, y, params, 0.1)
    moved = before.W_ih - params.W_ih
    np.testing.assert_allclose(moved, 0.1 * one_hot(x).T @ slope.W_ih, atol=1e-14)
    assert set(np.flatnonzero(moved.any(axis=1))) == set(x)
    for new, old, g in zip(params[1:], before[1:], slope[1:], strict=True):
        np.testing.assert_allclose(new, old - 0.1 * g, atol=1e-14)


def test_steps_lower_the_loss():
    params = network()
    losses = [by_hand.mean_loss([SENTENCE], params)]
    for _ in range(5):
        by_hand.sgd_step(SENTENCE[:-1], SENTENCE[1:], params, 0.05)
        losses.append(by_hand.mean_loss([SENTENCE], params))
    assert np.all(np.diff(losses) < 0)
