"""The command line: measure, write data/results/bench.json, and print a summary.

    python -m helpers.bench [--quick]
    python -m helpers.bench embedded-reber-cost --seeds 20

The second is an experiment, with the options of `helpers.experiments`.
"""

import argparse
import sys
from collections.abc import Sequence

from helpers.bench.ch06_embedded_reber_times import EXPERIMENTS
from helpers.bench.recording import COMMAND, load, record
from helpers.experiments import by_name
from helpers.experiments.__main__ import main as run_experiments
from helpers.results import tables


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    timed = by_name(EXPERIMENTS)
    if timed.keys() & set(argv):
        return run_experiments(argv, timed, COMMAND)
    parser = argparse.ArgumentParser(
        prog=COMMAND,
        description="Time the course's networks on every engine, in data/results/.",
    )
    parser.add_argument(
        "--quick", action="store_true", help="under two minutes: few rounds, no Numba"
    )
    options = parser.parse_args(argv)
    try:
        path = record(options.quick)
    except KeyboardInterrupt:
        print("Interrupted. The same command goes on from here.", file=sys.stderr)
        return 130
    except (RuntimeError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    bench = load()
    for workload in bench["workloads"]:
        print(f"\n{workload['title']}, {workload['threads']} thread(s)")
        rows = [row for row in bench["steps"] if row["workload"] == workload["name"]]
        columns = ("title", "ms", "cold_s", "warm_s", "MB")
        shown = [
            ["" if row.get(c) is None else row[c] for c in columns] for row in rows
        ]
        print(tables.table(shown, columns))
    print(f"\nwritten to {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
