"""The long runs behind the chapters' numbers, each recorded by one command.

`python -m helpers.experiments --list` names them; README.md and the appendix on
results say how to repeat them.
"""

from helpers.experiments import (
    bptt,
    embedded_reber,
    feedforward,
    lm_first_steps,
    reber,
    sine,
    streams,
    suspects,
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
    feedforward.EXPERIMENTS,
    streams.EXPERIMENTS,
    bptt.EXPERIMENTS,
    suspects.EXPERIMENTS,
    reber.EXPERIMENTS,
    embedded_reber.EXPERIMENTS,
    sine.EXPERIMENTS,
    lm_first_steps.EXPERIMENTS,
)
