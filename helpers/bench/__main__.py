"""The command line: measure, write data/results/bench.json, and print a summary.

python -m helpers.bench [--quick]
"""

import argparse
import sys
from collections.abc import Sequence

from helpers import results
from helpers.bench.record import COMMAND, load, record


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code."""
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
        print(results.table(shown, columns))
    print(f"\nwritten to {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
