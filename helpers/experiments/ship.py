"""Make the trained networks that the book ships: data/NAME.npz, and NAME.json on each.

python -m helpers.experiments.ship reber
python -m helpers.experiments.ship embedded-reber
python -m helpers.experiments.ship embedded-reber-beyond
"""

import argparse
from collections.abc import Sequence

from helpers import engine
from helpers.experiments import (
    ch05_reber_runs,
    ch06_embedded_reber_runs,
    ch09_beyond_runs,
)
from helpers.results import console

SHIPPED = {
    "reber": ch05_reber_runs.ship,
    "embedded-reber": ch06_embedded_reber_runs.ship,
    "embedded-reber-beyond": ch09_beyond_runs.ship,
}


def main(argv: Sequence[str] | None = None) -> None:
    """The command line: train again what stands under these names in data/."""
    console.show_any_text()
    parser = argparse.ArgumentParser(
        prog="python -m helpers.experiments.ship",
        description="Train networks again, and write them to data/.",
    )
    parser.add_argument("names", nargs="+", choices=SHIPPED, metavar="NAME")
    names = parser.parse_args(argv).names
    engine.select()
    for name in names:
        SHIPPED[name]()


if __name__ == "__main__":
    main()
