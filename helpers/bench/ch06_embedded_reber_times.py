"""What an update of the networks of chapter 6 costs, alone and side by side.

    python -m helpers.bench embedded-reber-cost --seeds 20

It is an experiment with seeds like those of
`helpers.experiments.ch06_embedded_reber_runs`, and records as they do.
"""

from functools import partial
from pathlib import Path

import numpy as np

from helpers.bench.recording import COMMAND
from helpers.bench.timing import seconds_per_call
from helpers.experiments.ch06_embedded_reber_runs import (
    INITIAL,
    UNIT,
    compiled,
    strings,
    train,
)
from helpers.experiments.runner import Experiment
from helpers.results import records
from helpers.results.provenance import machine
from helpers.results.tables import significant
from helpers.tasks.reber import EMBEDDED

COST = {
    "updates": 200,
    "rounds": 3,
    "length": 16,
    "setting": UNIT | {"adam": 0.003},
    # Cell, units, networks side by side.
    "stacks": [
        *[["elman", 10, n] for n in (1, 4, 13, 40)],
        *[["elman", 15, 1], ["elman", 25, 1]],
        *[["lstm", 15, 1], ["lstm", 15, 4], ["gru", 15, 1], ["gru", 15, 4]],
    ],
}


def load(folder: Path | str | None = None) -> records.Results:
    """The recorded cost. Errors as in `helpers.results.records.load`."""
    (experiment,) = EXPERIMENTS
    return records.load(experiment.name, folder, experiment.command)


def cost(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One round: what an update costs, for networks alone and side by side.

    metrics: "us", microseconds of one update of all networks of a stack on a string
    padded to `length`; "parameters", how many a network has. Every network of a stack
    starts alike and is trained for 200 updates before it is timed.
    """
    rng = np.random.default_rng([seed, 3])
    length, setting = parameters["length"], parameters["setting"]
    training = [s for s in strings(100, 5, rng) if len(s) - 1 <= length]
    us, sizes, traces = {}, {}, {}
    for cell, units, networks in parameters["stacks"][: 1 if updates else None]:
        name = f"{cell} {units} x {networks}"
        net = compiled(cell, units, (False,) * networks)
        start = INITIAL[cell](7, units, 7, np.random.default_rng([seed, 0]))
        sizes[f"{cell} {units}"] = sum(value.size for value in start)
        for _ in train(
            net,
            [start] * networks,
            [setting] * networks,
            training,
            np.random.default_rng([seed, 1]),
            updates or parameters["updates"],
            lengths=(length,),
        ):
            pass  # nothing is looked at
        if not traces:
            traces[name] = [loss[0] for loss in net.trainer.trace]
        if not updates:
            step = partial(net.trainer.step, *EMBEDDED.batch(training[:1], length))
            seconds = seconds_per_call(step, parameters["rounds"])
            us[name] = significant(1e6 * np.median(seconds))
    if updates:
        return {"trace": traces}
    return {
        "trace": traces,
        "metrics": {"us": us, "parameters": sizes},
        "machine": machine(),
    }


EXPERIMENTS = (
    Experiment(
        name="embedded-reber-cost",
        summary="The time of an update: the three cells, alone and side by side.",
        parameters=COST,
        run=cost,
        command=COMMAND,
        # Times belong to a machine; what must not change is what was timed.
        metrics=tuple(
            f"parameters.{cell} {units}"
            for cell, units in (("elman", 10), ("lstm", 15), ("gru", 15))
        ),
    ),
)
