"""Which rate each network of chapter 9 needs as a language model.

    python -m helpers.experiments beyond-lm-rates

trains minGRU, RG-LRU and attention for one epoch with each rate of its grid, and writes
a record for each run as soon as it has ended, `data/results/beyond-lm-rates/NAME.json`.
How it goes on and shares its work is said in `helpers.experiments.ch08_remedies_runs`.
The validation comments judge, and the seed is none of those of `ch09_lm_runs`, which
takes the rates that `choose` finds. Elman network and LSTM keep those of chapter 8.
"""

from dataclasses import replace
from pathlib import Path

from helpers.experiments import ch08_remedies_runs as remedies_runs
from helpers.experiments.ch08_remedies_runs import BEST, load_runs, make, table_of
from helpers.lm.training import Settings
from helpers.results import records

SCHEMA = remedies_runs.SCHEMA
NAME = "beyond-lm-rates"
COMMAND = "python -m helpers.experiments beyond-lm-rates"
# Each goes on until the best of it has a neighbour on both sides. (With 0.03 the
# training of the RG-LRU diverged at update 847.)
GRIDS = {
    "mingru": (0.001, 0.003, 0.01, 0.03),
    "rglru": (0.001, 0.003, 0.01, 0.02),
    "attention": (0.001, 0.003, 0.01),
}
SEED = 100
# As wide as 2 million weights allow. All else is as for the Elman network of chapter 8.
WIDTHS = {"mingru": 172, "rglru": 168, "attention": 164}
# What `choose` finds.
RATES = {"mingru": 0.003, "rglru": 0.01, "attention": 0.003}


def network(cell: str, rate: float, epochs: int, seed: int) -> Settings:
    """One run of a network of chapter 9."""
    n = WIDTHS[cell]
    sizes = {"cell": cell, "hidden": n, "embedding": n}
    length = {"epochs": epochs, "patience": epochs}
    return replace(BEST["elman"], **sizes, **length, lr=rate, seed=seed)


def runs() -> dict[str, Settings]:
    """All runs by name, in the order in which they are made."""
    return {
        f"{cell}-{rate:g}": network(cell, rate, 1, SEED)
        for cell, grid in GRIDS.items()
        for rate in grid
    }


def choose(found: dict[str, dict]) -> dict[str, float]:
    """The rate with the lowest validation perplexity, of the cells with all records."""
    chosen = {}
    for cell, grid in GRIDS.items():
        by_rate = {rate: found.get(f"{cell}-{rate:g}") for rate in grid}
        if all(by_rate.values()):
            chosen[cell] = min(grid, key=lambda rate: by_rate[rate]["validation"])
    return chosen


def load(folder: Path | str | None = None) -> dict[str, dict]:
    """The records that are there, by name; errors as in `ch08_remedies_runs.load`."""
    return load_runs(NAME, COMMAND, runs(), folder)


def record(folder: Path | str = records.FOLDER) -> Path:
    """Make the runs that have no record yet; returns the folder of the records."""
    return make(NAME, COMMAND, runs(), folder)


def describe(found: dict[str, dict]) -> str:
    """What was recorded, for the command line."""
    return f"{table_of(found, runs())}\nchosen: {choose(found)}"
