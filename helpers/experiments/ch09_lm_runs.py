"""The language model again: the networks of chapter 9 beside those of chapter 8.

    python -m helpers.experiments beyond-lm

trains five networks of at most 2 million weights with three seeds each, on the comments
of chapter 8 and their split, and writes a record for each run as soon as it has ended,
`data/results/beyond-lm/NAME.json`. How it goes on and shares its work is said in
`helpers.experiments.ch08_remedies_runs`.

All read the comments equally often: so often that the slowest takes no more than 15
minutes on one core. Equal minutes would give each machine, and each run after an
interruption, other weights; what a run took is recorded beside it. The rate of each
falls to zero, and what is judged is its last epoch, by the test comments once: nothing
is chosen by them, nor by the validation comments.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from helpers.experiments import ch08_finals_runs as finals
from helpers.experiments import ch09_lm_rates_runs as rates_runs
from helpers.experiments.ch08_remedies_runs import BEST, load_runs, make, table_of
from helpers.lm.successors import BLOCKS
from helpers.lm.training import Run, Settings
from helpers.results import records

SCHEMA = finals.SCHEMA
NAME = "beyond-lm"
COMMAND = "python -m helpers.experiments beyond-lm"
EPOCHS, SEEDS, WEIGHTS = 2, (0, 1, 2), finals.WEIGHTS
CELLS = ("elman", "lstm", *rates_runs.WIDTHS)


def settings_of(cell: str, seed: int) -> Settings:
    """One run; Elman network and LSTM as the first rows of chapter 8's ablation."""
    if cell in rates_runs.WIDTHS:
        return rates_runs.network(cell, rates_runs.RATES[cell], EPOCHS, seed)
    return replace(BEST[cell], epochs=EPOCHS, patience=EPOCHS, seed=seed)


def runs() -> dict[str, Settings]:
    """All runs by name, in the order in which they are made."""
    return {
        f"{cell}-{seed}": settings_of(cell, seed) for seed in SEEDS for cell in CELLS
    }


def kept(settings: Settings) -> dict[str, int]:
    """The numbers to keep from a word to the next, while a sentence is made up.

    "always" so many, and with each word that was read "a word" more.
    """
    n = settings.hidden
    if settings.cell == "attention":  # a key and a value in each block
        return {"always": 0, "a word": 2 * BLOCKS * n}
    rows = {"elman": 1, "lstm": 2, "mingru": BLOCKS, "rglru": BLOCKS}
    return {"always": rows[settings.cell] * n, "a word": 0}


def judged(run: Run, say: Callable[[str], None]) -> dict:
    """Train; recorded are also "kept" and, of the last epoch, both perplexities."""
    run.learn(say)
    return {
        "validation": run.progress["log"][-1]["validation_perplexity"],
        "test": run.tested(),
        "kept": kept(run.settings),
    }


def load(folder: Path | str | None = None) -> dict[str, dict]:
    """The records that are there, by name; errors as in `ch08_remedies_runs.load`."""
    return load_runs(NAME, COMMAND, runs(), folder)


def record(folder: Path | str = records.FOLDER) -> Path:
    """Make the runs that have no record yet; returns the folder of the records."""
    return make(NAME, COMMAND, runs(), folder, judged)


def describe(found: dict[str, dict]) -> str:
    """What was recorded, for the command line."""
    return table_of(found, runs())
