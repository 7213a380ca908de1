"""Tests of helpers.lm.batches: every word once, and little filler."""

from itertools import combinations

import numpy as np
import pytest

from helpers.lm import batches


def sequences(lengths, seed=0):
    """Sequences that predict so many words each: START (0) and n others."""
    rng = np.random.default_rng(seed)
    return [np.r_[0, rng.integers(3, 50, n - 1), 1].astype(np.int32) for n in lengths]


LENGTHS = [1, 2, 2, 3, 3, 3, 5, 8, 8, 9, 13, 13, 13, 20]


def positions(lengths, buckets):
    return sum(min(T for T in buckets if n <= T) for n in lengths)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 100])
def test_buckets_leave_the_least_filler_of_all_choices(count):
    chosen = batches.bucket_lengths(sequences(LENGTHS), count)
    different = sorted(set(LENGTHS))
    others = min(count, len(different)) - 1
    best = min(
        positions(LENGTHS, (*some, 20)) for some in combinations(different[:-1], others)
    )
    assert positions(LENGTHS, chosen) == best
    assert list(chosen) == sorted(set(chosen))
    assert chosen[-1] == 20


def test_each_sequence_comes_once_in_its_bucket():
    some = sequences(LENGTHS * 5)
    plan = batches.batches(some, (3, 9, 20), 40, np.random.default_rng(0))
    indices = np.concatenate([members for _, _, members in plan])
    assert sorted(indices) == list(range(len(some)))
    for T, B, members in plan:
        assert B == 40 // T
        assert 0 < len(members) <= B

        assert all(len(some[i]) - 1 <= T for i in members)

        below = {3: 0, 9: 3, 20: 9}[T]
        assert all(len(some[i]) - 1 > below for i in members)


def test_a_sentence_longer_than_the_batch_has_one_to_itself():
    plan = batches.batches(sequences([50, 2, 2]), (2, 50), 10)
    assert [(T, B, list(members)) for T, B, members in plan] == [
        (2, 5, [1, 2]),
        (50, 1, [0]),
    ]


def test_the_order_is_that_of_the_generator():
    some = sequences(LENGTHS * 5)

    def order(rng):
        plan = batches.batches(some, (3, 9, 20), 40, rng)
        return [(T, list(members)) for T, _, members in plan]

    assert order(np.random.default_rng(7)) == order(np.random.default_rng(7))
    assert order(np.random.default_rng(7)) != order(np.random.default_rng(8))
    assert order(None) == order(None)


def test_a_batch_holds_the_pairs_and_masks_the_rest():
    some = sequences([3, 1, 2])
    x, y, mask = batches.fill(some, 4, 5, [0, 2, 1])
    assert x.shape == y.shape == mask.shape == (4, 5)
    assert (x.dtype, y.dtype, mask.dtype) == (np.int32, np.int32, np.float32)
    for column, i in enumerate([0, 2, 1]):
        n = len(some[i]) - 1
        assert x[:n, column].tolist() == some[i][:-1].tolist()
        assert y[:n, column].tolist() == some[i][1:].tolist()
    assert mask.sum(axis=0).tolist() == [3, 2, 1, 0, 0]
    assert not x[mask == 0].any()
    assert not y[mask == 0].any()


def test_start_is_read_and_never_predicted():
    some = sequences(LENGTHS)
    for x, y, mask in batches.filled(some, batches.bucket_lengths(some), 30):
        assert (x[0][mask[0] == 1] == 0).all()
        assert (y[mask == 1] != 0).all()


def test_all_batches_together_hold_all_predictions():
    some = sequences(LENGTHS * 9)
    real = sum(mask.sum() for *_, mask in batches.filled(some, (3, 9, 20), 64))
    assert real == sum(LENGTHS) * 9


@pytest.mark.parametrize("wrong", [[], [np.array([0])]])
def test_sequences_must_predict_something(wrong):
    with pytest.raises(ValueError, match="sequences must be one or more arrays"):
        batches.bucket_lengths(wrong)


def test_wrong_arguments_are_named():
    some = sequences([3, 5])
    with pytest.raises(ValueError, match="count must be at least 1; got 0"):
        batches.bucket_lengths(some, 0)
    with pytest.raises(ValueError, match="tokens must be at least 1; got 0"):
        batches.batches(some, (5,), 0)
    with pytest.raises(ValueError, match="lengths must reach 5"):
        batches.batches(some, (3, 4), 10)
    with pytest.raises(ValueError, match="T must be at least 5, the longest; got 4"):
        batches.fill(some, 4, 2, [0, 1])
    with pytest.raises(ValueError, match=r"B must be at least 2, .* indices; got 1"):
        batches.fill(some, 5, 1, [0, 1])
    for index in (-1, 2):  # NumPy would count -1 from the end
        with pytest.raises(ValueError, match=r"indices must be .* from 0 to 1"):
            batches.fill(some, 5, 2, [0, index])


def test_a_word_that_int32_does_not_hold_is_not_made_another():
    too_large = np.array([0, 2**32 + 3, 1])
    with pytest.raises(ValueError, match=r"sequences\[1\] must be made of integers"):
        batches.fill([np.array([0, 1]), too_large], 3, 2, [0, 1])
