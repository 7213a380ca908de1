"""The two finals of chapter 8: the best recipe of each cell, of 2 million weights.

    python -m helpers.experiments lm-finals

trains each with three seeds and twice the epochs of `lm-remedies`, which chose the
recipes by the validation comments, and writes a record for each run as soon as it has
ended, `data/results/lm-finals/NAME.json`. How it goes on and shares its work is said in
`helpers.experiments.ch08_remedies_runs`. The test comments are looked at once, by the
best epoch of each run; nothing was chosen by them. The models stay in
`data/results/.partial/lm-finals`, so that `python -m helpers.lm ship` can make one that
of the book.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from helpers.experiments import ch08_remedies_runs as remedies_runs
from helpers.experiments.ch08_remedies_runs import (
    BEST,
    ROWS,
    load_runs,
    make,
    table_of,
)
from helpers.lm.training import Run, Settings
from helpers.results import records

SCHEMA = remedies_runs.SCHEMA
NAME = "lm-finals"
COMMAND = "python -m helpers.experiments lm-finals"
EPOCHS, SEEDS = 10, (0, 1, 2)
WEIGHTS = 2_000_000  # at most
GOALS = {"elman": 80, "lstm": 75}  # test perplexities at most
# What the ablation changed in the best recipe of each cell.
CHANGES: dict[str, dict] = {
    "elman": ROWS["less dropout"][1],
    "lstm": ROWS["wider, less dropout, twice the rate"][1],
}


def runs() -> dict[str, Settings]:
    """All runs by name, in the order in which they are made."""
    return {
        f"{cell}-{seed}": replace(
            BEST[cell], **CHANGES[cell], epochs=EPOCHS, patience=EPOCHS, seed=seed
        )
        for seed in SEEDS
        for cell in ("elman", "lstm")
    }


def load(folder: Path | str | None = None) -> dict[str, dict]:
    """The records that are there, by name; errors as in `ch08_remedies_runs.load`."""
    return load_runs(NAME, COMMAND, runs(), folder)


def record(folder: Path | str = records.FOLDER) -> Path:
    """Make the runs that have no record yet; returns the folder of the records."""
    return make(NAME, COMMAND, runs(), folder, judged)


def judged(run: Run, say: Callable[[str], None]) -> dict:
    """Train a model; recorded is the "test" perplexity of its best epoch."""
    return {"test": run.go(say).card["test_perplexity"]}


def describe(found: dict[str, dict]) -> str:
    """What was recorded, for the command line."""
    return table_of(found, runs())
