"""The cost of chapter 6's networks: what is timed."""

from helpers.bench import ch06_embedded_reber_times as times


def test_cost_times_each_stack_and_counts_parameters(python_engine):
    parameters = {
        "updates": 4,
        "rounds": 1,
        "length": 16,
        "setting": {"init": "unit_singular_value", "adam": 0.003},
        "stacks": [["elman", 3, 1], ["elman", 3, 2], ["gru", 3, 2]],
    }
    result = times.cost(0, parameters)
    us = result["metrics"]["us"]
    assert us.keys() == {"elman 3 x 1", "elman 3 x 2", "gru 3 x 2"}
    assert min(us.values()) > 0
    # 7 x 3 + 3 x 3 + 3 + 3 x 7 + 7 + 3, and with three times as much before the output
    assert result["metrics"]["parameters"] == {"elman 3": 64, "gru 3": 130}
