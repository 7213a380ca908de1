"""The copying task: what is heard, what is asked, and what can be known of it."""

from collections import Counter
from itertools import product

import numpy as np
import pytest

from helpers.tasks.copying import GO, K, examples, share_right


def some(N=5, *columns, seed=0):
    return np.random.default_rng(seed).integers(K, size=(N, *columns))


def in_words(row):
    """What a one-hot row says: a number, "GO" or nothing."""
    (found,) = np.flatnonzero(row) if row.any() else [-1]
    return {-1: ".", GO: "GO"}.get(found, str(found))


def as_words(rows):
    return " ".join(in_words(row) for row in rows)


def test_a_sequence_is_heard_then_asked_with_what_should_have_been_said():
    x, y = examples(np.array([2, 0, 3, 1]))
    assert as_words(x) == "2 0 3 1 GO 2 0 3"
    assert as_words(y) == ". . . . 2 0 3 1"


def test_what_is_left_of_a_shorter_one_comes_after_it_and_is_zero():
    x, y = examples(np.array([[2, 4], [0, 5], [3, 6]]), np.array([3, 1]))
    assert as_words(x[:, 0]) == "2 0 3 GO 2 0"
    assert as_words(x[:, 1]) == "4 GO . . . ."
    assert as_words(y[:, 1]) == ". 4 . . . ."


@pytest.mark.parametrize("columns", [(), (3,), (2, 3)])
def test_each_column_is_made_as_if_alone(columns):
    symbols = some(4, *columns)
    lengths = np.random.default_rng(1).integers(1, 5, size=columns)
    x, y = examples(symbols, lengths)
    assert x.shape == (8, *columns, K + 1)
    assert y.shape == (8, *columns, K)
    for at in np.ndindex(columns):
        n = lengths[at]
        alone = examples(symbols[(slice(n), *at)])
        for whole, own in zip((x, y), alone, strict=True):
            column = whole[(slice(None), *at)]
            np.testing.assert_array_equal(column[: 2 * n], own)
            assert not column[2 * n :].any()


def test_nothing_that_is_heard_up_to_a_step_was_asked_at_it_or_later():
    """But for the sequence itself: another answer changes what is heard after it."""
    symbols, n = some(6, 50), 6
    x, y = examples(symbols)
    for k in range(n):
        other = symbols.copy()
        other[k] = (other[k] + 1) % K
        x_other, y_other = examples(other)
        changed = np.flatnonzero((x != x_other).any(axis=(1, 2)))
        asked = np.flatnonzero((y != y_other).any(axis=(1, 2)))
        assert asked.tolist() == [n + k]
        # read in the sequence, and heard again after it has been asked for
        assert changed.tolist() == [k] + [n + k + 1] * (k < n - 1)


def test_who_has_forgotten_the_sequence_is_right_once_in_K():
    """From GO on, each symbol is as likely as any other after all that is heard."""
    n = 3
    every = np.array(list(product(range(K), repeat=n))).T
    x, y = examples(every)
    for k in range(n):
        after = Counter()
        for i in range(every.shape[1]):
            heard = as_words(x[n : n + k + 1, i])
            after[heard, in_words(y[n + k, i])] += 1
        assert len(after) == K ** (k + 1)
        assert set(after.values()) == {K ** (n - k - 1)}


def test_the_share_right_counts_what_is_asked_alone():
    symbols = some(5, 40)
    lengths = np.random.default_rng(2).integers(1, 6, size=40)
    _, y = examples(symbols, lengths)
    assert share_right(y, y) == 1
    o = y.copy()
    o[lengths, np.arange(40)] = 0  # the first of each
    o[lengths, np.arange(40), (symbols[0] + 1) % K] = 1
    assert share_right(o, y) == pytest.approx(1 - 40 / lengths.sum())
    constant = np.zeros_like(y)
    constant[..., 3] = 1
    threes = (symbols == 3) & (np.arange(5)[:, None] < lengths)
    assert share_right(constant, y) == pytest.approx(threes.sum() / lengths.sum())


def test_an_output_that_is_no_number_is_wrong():
    _, y = examples(np.zeros((3, 2), int))
    o = y.copy()
    o[3, 0] = np.nan
    assert share_right(o, y) == pytest.approx(5 / 6)


@pytest.mark.parametrize(
    ("symbols", "lengths", "said"),
    [
        (np.array([0, K]), None, "symbols must be made of integers from 0 to 7"),
        (np.array([0.5]), None, "symbols must be made of integers"),
        (np.zeros((0, 3), int), None, "symbols must be of one step or more"),
        (np.array(3), None, "symbols must be of one step or more"),
        (np.zeros((3, 2), int), np.array([0, 3]), "lengths must be from 1 to 3"),
        (np.zeros((3, 2), int), np.array([1, 4]), "lengths must be made of integers"),
        (np.zeros((3, 2), int), np.array([1]), r"lengths must have shape \(2,\)"),
    ],
)
def test_what_is_no_sequence_is_refused(symbols, lengths, said):
    with pytest.raises(ValueError, match=said):
        examples(symbols, lengths)


def test_a_share_of_nothing_is_refused():
    with pytest.raises(ValueError, match="y must be targets"):
        share_right(np.zeros((2, K)), np.zeros((2, K)))
    with pytest.raises(ValueError, match="o must have shape"):
        share_right(np.zeros((2, K)), np.ones((3, K)))
