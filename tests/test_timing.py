"""Timing: calls are counted, and a process that fails says why."""

import pytest

from helpers.bench.timing import in_new_process, seconds_per_call


def test_seconds_per_call_counts_the_calls():
    calls = []
    seconds = seconds_per_call(lambda: calls.append(1), rounds=3, round_s=0.01)
    assert len(seconds) == 3
    # three rounds of n calls, and the shorter ones in which n was found
    assert max(seconds) * len(calls) >= 3 * 0.005


def test_a_process_that_fails_says_its_last_line():
    with pytest.raises(RuntimeError, match=r"helpers\.nothing --x failed: .*nothing"):
        in_new_process("helpers.nothing", ["--x"], "unused")
