"""The long runs behind the chapters' numbers, each recorded by one command.

`python -m helpers.experiments --list` names them; README.md and the appendix on
results say how to repeat them. Here is what trains over many seeds, a module for
each chapter and study; `trainer`, which trains any of their networks, and `runner`,
which runs and records them. What is timed is in `helpers.bench`.
"""

from helpers.experiments import (
    ch01_feedforward_runs,
    ch03_streams_runs,
    ch04_bptt_runs,
    ch04_suspects_runs,
    ch05_fixed_points_runs,
    ch05_reber_runs,
    ch06_embedded_reber_runs,
    ch07_sine_runs,
    ch08_first_steps_runs,
    ch08_ladder_runs,
    ch09_beyond_runs,
    ch09_copy_runs,
)
from helpers.experiments.runner import Experiment


def by_name(*groups: tuple[Experiment, ...]) -> dict[str, Experiment]:
    """Experiments under their names. Raises ValueError for a name used twice."""
    experiments = [experiment for group in groups for experiment in group]
    registry = {experiment.name: experiment for experiment in experiments}
    if len(registry) < len(experiments):
        names = [experiment.name for experiment in experiments]
        raise ValueError(f"each experiment needs a name of its own; got {names}")
    return registry


REGISTRY = by_name(
    ch01_feedforward_runs.EXPERIMENTS,
    ch03_streams_runs.EXPERIMENTS,
    ch04_bptt_runs.EXPERIMENTS,
    ch04_suspects_runs.EXPERIMENTS,
    ch05_reber_runs.EXPERIMENTS,
    ch05_fixed_points_runs.EXPERIMENTS,
    ch06_embedded_reber_runs.EXPERIMENTS,
    ch07_sine_runs.EXPERIMENTS,
    ch08_first_steps_runs.EXPERIMENTS,
    ch08_ladder_runs.EXPERIMENTS,
    ch09_beyond_runs.EXPERIMENTS,
    ch09_copy_runs.EXPERIMENTS,
)
