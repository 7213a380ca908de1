"""The command line: measure, write a file in data/results/, and print what is in it.

    python -m helpers.bench [NAME] [--quick] [--output FOLDER]
    python -m helpers.bench embedded-reber-cost --seeds 20

Without a name it times all ways on all workloads. The second is an experiment, with the
options of `helpers.experiments`. `--list` names all.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from helpers.bench import (
    ch03_engine_times,
    ch03_loop_times,
    ch04_bptt_times,
    ch06_embedded_reber_times,
    ch08_lm_times,
    ch09_scan_times,
    step_times,
)
from helpers.bench.recording import BENCH, COMMAND
from helpers.experiments import by_name
from helpers.experiments.__main__ import main as run_experiments
from helpers.results import console, records, tables

TIMED = (
    step_times,
    ch03_engine_times,
    ch03_loop_times,
    ch04_bptt_times,
    ch08_lm_times,
    ch09_scan_times,
)
RECORDINGS = {module.RECORDING.name: module.RECORDING for module in TIMED}
EXPERIMENTS = by_name(ch06_embedded_reber_times.EXPERIMENTS)


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code, as `helpers.experiments.__main__.main` does."""
    console.show_any_text()
    argv = sys.argv[1:] if argv is None else argv
    if "--list" in argv:
        everything = (RECORDINGS | EXPERIMENTS).items()
        rows = [(name, timed.summary) for name, timed in everything]
        print(tables.table(rows, ("name", "what it measures"), width=200))
        return 0
    if EXPERIMENTS.keys() & set(argv):
        return run_experiments(argv, EXPERIMENTS, COMMAND)
    parser = argparse.ArgumentParser(
        prog=COMMAND,
        description="Time the course's networks, in data/results/. A recording that "
        "was interrupted goes on where it was: give the same command again.",
    )
    add = parser.add_argument
    add("name", nargs="?", default=BENCH, choices=RECORDINGS, help="see --list")
    add("--list", action="store_true", help="name the recordings and stop")
    add("--quick", action="store_true", help="in minutes: few rounds, no Numba")
    add("--output", type=Path, default=records.FOLDER, metavar="FOLDER")
    options = parser.parse_args(argv)
    recording = RECORDINGS[options.name]
    try:
        path = recording.record(options.output, options.quick)
    except KeyboardInterrupt:
        print("Interrupted. The same command goes on from here.", file=sys.stderr)
        return 130
    except (RuntimeError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    for title, rows in tables_in(recording.load(options.output)):
        columns = [k for k in max(rows, key=len) if not k.endswith("_range")]
        shown = [
            ["" if row.get(c) is None else row[c] for c in columns] for row in rows
        ]
        print(f"\n{title}\n{tables.table(shown, columns, width=200)}")
    print(f"\nwritten to {path}")
    return 0


def tables_in(document: Mapping) -> Iterator[tuple[str, list[dict]]]:
    """The lists of rows in a recorded file, each with its name."""
    for key, value in document.items():
        if isinstance(value, Mapping):
            yield from tables_in(value)
        elif isinstance(value, list) and value:
            yield key, value


if __name__ == "__main__":
    sys.exit(main())
