"""What each remedy earns: language models of one size with it and without it.

    python -m helpers.experiments lm-remedies

trains the networks that `runs` declares, one after the other, and writes a record for
each as soon as it has ended, `data/results/lm-remedies/NAME.json`; chapter 8 reads
those that are there with `load`. However it is stopped, the same command goes on from
the last checkpoint, and two that run at the same time share the work. A network takes
the cores that its process may use, so that two should have one each (`taskset -c 0`,
`taskset -c 1`). The corpus must be on this computer (`helpers.tasks.corpus.load` says
where).

A row differs from the recipe of its cell, which was the best of a pilot, in what its
name says and in nothing else: the seed, the first values, where they have the same
shape, and the order of the sentences are the same. Only where the state is carried on
is the batch one of comments. All are judged by the validation comments; the test
comments are not looked at.
"""

import contextlib
import io
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from helpers import engine
from helpers.lm import training
from helpers.lm.training import Run, Settings
from helpers.results import files, records, tables
from helpers.results.provenance import code, machine, versions

SCHEMA = "rnns-unrolled language model run 1"
NAME = "lm-remedies"
COMMAND = "python -m helpers.experiments lm-remedies"
EVERY = 30  # seconds between two lines of progress
EPOCHS = 5
# What several rows change.
WIDER, LESS = {"embedding": 150, "hidden": 320}, {"dropout": 0.15}
HALF, TWICE = {"lr": 0.0015}, {"lr": 0.006}
SMALL = {"embedding": 100, "hidden": 100, "tied": False}

# From a pilot with one seed; the ablation says which part of it earns what.
BEST = {
    cell: Settings(
        cell=cell,
        hidden=200,
        embedding=200,
        tied=True,
        epochs=EPOCHS,
        patience=EPOCHS,
        lr=0.003,
        dropout=dropout,
        locked=True,
        words=0.1,
    )
    for cell, dropout in (("elman", 0.3), ("lstm", 0.4))
}
BOTH, L, E = ("lstm", "elman"), ("lstm",), ("elman",)
# By name: which cells have the row, and what differs; those that decide most first.
ROWS: dict[str, tuple[tuple[str, ...], dict]] = {
    "best": (BOTH, {}),
    "wider": (BOTH, WIDER),
    "half the rate": (BOTH, HALF),
    "twice the rate": (BOTH, TWICE),
    "less dropout": (BOTH, LESS),
    "wider, less dropout, twice the rate": (L, WIDER | LESS | TWICE),
    "wider, less dropout, half the rate": (E, WIDER | LESS | HALF),
    "no dropout": (BOTH, {"dropout": 0.0}),
    "recurrent mask": (BOTH, {"recurrent": 0.2}),  # Gal and Ghahramani 2016
    "carried": (BOTH, {"carried": True}),
    "averaged": (BOTH, {"average": 1}),
    "untied": (BOTH, SMALL),  # with as many weights or fewer
    "layer norm": (BOTH, {"norm": True}),
    "no projection": (E, {"embedding": None}),  # W_ho is W_ih turned over
    "constant rate": (L, {"schedule": "constant"}),
    "fresh masks": (L, {"locked": False}),  # Zaremba et al. 2014
    "all words": (L, {"words": 0.0}),
    "DropConnect": (L, {"connect": 0.3}),  # Merity et al. 2018
    "constant rate, averaged": (L, {"schedule": "constant", "average": 2}),
    "linear rate": (L, {"schedule": "linear", "warmup": 0.1}),
}


def runs() -> dict[str, Settings]:
    """All runs by name, in the order in which they are made."""
    return {
        file_name(cell, row): replace(BEST[cell], **changes)
        for row, (cells, changes) in ROWS.items()
        for cell in cells
    }


def file_name(cell: str, row: str) -> str:
    """The name of the file of a row, without its ending."""
    return f"{cell}-{row}".lower().replace(",", "").replace(" ", "-")


def by_row(found: dict[str, dict]) -> dict[str, dict[str, dict | None]]:
    """The records of `load` by row and then by cell; None for a run that has none."""
    return {
        row: {cell: found.get(file_name(cell, row)) for cell in cells}
        for row, (cells, _) in ROWS.items()
    }


def load(folder: Path | str | None = None) -> dict[str, dict]:
    """The records that are there, by name; `record_of` says what they hold.

    Raises FileNotFoundError where there is none, and ValueError for a damaged one; both
    say how to make it.
    """
    return load_runs(NAME, COMMAND, runs(), folder)


def record(folder: Path | str = records.FOLDER) -> Path:
    """Make the runs that have no record yet; returns the folder of the records.

    Errors are those of `corpus.load` and of training.
    """
    return make(NAME, COMMAND, runs(), folder)


def describe(found: dict[str, dict]) -> str:
    """What was recorded, for the command line."""
    return table_of(found, runs())


# One run, many runs ---------------------------------------------------------------


@dataclass(frozen=True)
class Left:
    """What is still to be done, for a line of progress."""

    number: int  # of this run, from 1
    runs: int
    seconds: float | None  # of a run that has ended, in the mean


def learned(run: Run, say: Callable[[str], None]) -> dict:
    """Train, without a look at the test comments: nothing is recorded besides."""
    run.learn(say)
    return {}


def load_runs(
    name: str, command: str, declared: dict[str, Settings], folder: Path | str | None
) -> dict[str, dict]:
    """The records of `declared` runs in `folder`/name that are there, by name."""
    inside = Path(folder or records.FOLDER) / name
    found = {}
    for run in declared:
        if (inside / f"{run}.json").exists():
            found[run] = records.load_measured(
                run, SCHEMA, "run", "log", command, inside
            )
    if not found:
        raise FileNotFoundError(f"{inside} holds no record; `{command}` makes it")
    return found


def make(
    name: str,
    command: str,
    declared: dict[str, Settings],
    folder: Path | str,
    train: Callable[[Run, Callable], dict] = learned,
) -> Path:
    """Make the declared runs that have no record in `folder`/name; returns that folder.

    `train` brings a run to its end and gives what is recorded of it besides. A model
    that the run made is kept in `folder`/.partial/name. A run that another process is
    making is left to it.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        engine.select(floatX="float32")
    inside, kept = Path(folder) / name, Path(folder) / ".partial" / name
    parts: dict[tuple, training.Data] = {}  # to cut the comments takes a minute
    elsewhere = []
    for number, (run, settings) in enumerate(declared.items(), start=1):
        path = inside / f"{run}.json"
        if path.exists():
            continue
        try:
            with files.alone(kept / run, "training in", "let it"):
                if path.exists():  # ended by another process in between
                    continue
                key = (settings.corpus, settings.vocabulary, settings.carried)
                if key not in parts:
                    corpus, V, carried = key
                    parts[key] = training.data(corpus, V, carried=carried)
                left = Left(number, len(declared), _mean_seconds(inside))
                document = one(
                    run, settings, kept / run / "run", parts[key], left, train
                )
                files.write_json(
                    path, files.plain({**document, "command": command}, run)
                )
        except BlockingIOError:
            elsewhere.append(run)
            continue
        _clear(kept / run)
    if elsewhere:
        _say(f"left to another process: {', '.join(elsewhere)}")
    return inside


def one(
    run: str,
    settings: Settings,
    folder: Path,
    read: training.Data,
    left: Left,
    train: Callable[[Run, Callable], dict],
) -> dict:
    """Train from wherever the run is; what its record holds."""
    training_run = Run(settings, folder, every=200, read=read)
    more = train(training_run, _progress(run, left))
    return record_of(training_run) | more


def record_of(run: Run) -> dict:
    """What is recorded of a run that has ended.

    Its "settings", "weights" (how many numbers were learned), "log" (a dict an epoch),
    the "validation" perplexity of the best epoch, "seconds" of training,
    "tokens_per_s", and how it was made.
    """
    log = run.progress["log"]
    words = sum(float((s[1:] != s[0]).sum()) for s in run.data.train)
    return {
        "schema": SCHEMA,
        "settings": run.progress["settings"],
        "weights": sum(value.size for value in run.trainer.held().values()),
        "validation": run.best["validation_perplexity"],
        "best_epoch": run.best["epoch"],
        "log": log,
        "seconds": round(log[-1]["seconds"], 1),
        "tokens_per_s": round(len(log) * words / log[-1]["seconds"]),
        "cores": _cores(),
        "code": code("helpers.lm.training"),
        "versions": versions(),
        "machine": machine(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def table_of(found: dict[str, dict], declared: dict[str, Settings]) -> str:
    """The runs that are there, and how many are not."""
    rows = []
    for run, record in found.items():
        took = tables.duration(record["seconds"])
        judged = record["validation"], record.get("test", "")
        rows.append([run, record["weights"], *judged, took])
    headers = ("run", "weights", "validation", "test", "time")
    text = tables.table(rows, headers, width=99)
    missing = len(declared) - len(found)
    return f"{text}\n{missing} of {len(declared)} runs are missing" if missing else text


def _mean_seconds(inside: Path) -> float | None:
    seconds = [files.read_json(path)["seconds"] for path in inside.glob("*.json")]
    return sum(seconds) / len(seconds) if seconds else None


def _clear(folder: Path) -> None:
    """Take away what a run has left that was recorded, but for its model."""
    if (folder / "run/model.json").exists():
        (folder / "run/checkpoint.npz").unlink(missing_ok=True)
    else:
        shutil.rmtree(folder, ignore_errors=True)


def _cores() -> int | None:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _progress(run: str, left: Left) -> Callable[[str], None]:
    """Says now and then how far a run is, and how long all will take."""
    said = time.monotonic()

    def say(text: str) -> None:
        nonlocal said
        if time.monotonic() - said < EVERY:
            return
        said = time.monotonic()
        later = left.runs - left.number
        more = f"; then {later} more"
        if later and left.seconds:
            more += f", about {tables.duration(later * left.seconds)}"
        _say(f"{left.number}/{left.runs} {run}: {text}{more if later else ''}")

    return say


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
