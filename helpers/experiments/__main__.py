"""The command line: `python -m helpers.experiments NAME --seeds 20 --jobs 2`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import joblib

from helpers.experiments import (
    REGISTRY,
    ch08_baselines_runs,
    ch08_compared_runs,
    ch08_finals_runs,
    ch08_portrait_runs,
    ch08_published_runs,
    ch08_remedies_runs,
    ch08_scores_runs,
    ch09_lm_rates_runs,
    ch09_lm_runs,
)
from helpers.experiments.runner import Experiment, Workers, record, verify
from helpers.lm.model import LanguageModel
from helpers.results import console, records, tables

# What is measured once, without seeds: by name, modules with `record` and `describe`.
ONCE = {
    module.NAME: module
    for module in (
        ch08_baselines_runs,
        ch08_compared_runs,
        ch08_finals_runs,
        ch08_portrait_runs,
        ch08_published_runs,
        ch08_remedies_runs,
        ch08_scores_runs,
        ch09_lm_rates_runs,
        ch09_lm_runs,
    )
}
OF_A_MODEL = {  # those that measure the language model that `--model` names
    module.NAME for module in (ch08_compared_runs, ch08_portrait_runs, ch08_scores_runs)
}
DESCRIPTION = """\
Run experiments over many seeds and record them in data/results/. A run that was
interrupted, however rudely, continues where it was: give the same command again.
"""
EPILOG = """\
--verify runs recorded seeds again and compares the median of each metric with the
interval, from the recorded values, into which the median of that many new runs falls
with 95% probability if nothing has changed: "same" (each seed gives its recorded
value to 1e-6), "inside" or "OUTSIDE". It changes no file.
"""


def main(
    argv: Sequence[str] | None = None,
    registry: dict[str, Experiment] = REGISTRY,
    prog: str = "python -m helpers.experiments",
) -> int:
    """The command with these arguments; returns its exit code.

    0: all went well; 1: a seed failed, or a result did not verify; 2 (by SystemExit,
    from argparse): arguments that make no sense; 130: interrupted.
    """
    console.show_any_text()
    parser = _parser(prog)
    options = parser.parse_args(argv)
    once = ONCE if registry is REGISTRY else {}
    if options.list:
        rows = [(e.name, e.summary) for e in registry.values()]
        rows += [
            (name, module.__doc__.splitlines()[0]) for name, module in once.items()
        ]
        print(tables.table(rows, ("name", "what it measures"), width=200))
        return 0
    known = ", ".join([*registry, *once])
    if not options.names:
        parser.error(f"NAME is missing; there are: {known}")
    for name in options.names:
        if name not in registry | once:
            parser.error(f"no experiment {name!r}; there are: {known}")
        if name in once and (options.verify or options.seeds):
            parser.error(f"{name} is measured once: it has no seeds and no --verify")
        if options.model and name not in OF_A_MODEL:
            measured = ", ".join(sorted(OF_A_MODEL))
            parser.error(f"{name} measures no --model; {measured} do")
    if options.dask and options.jobs:
        parser.error("--jobs says nothing to a Dask cluster: its workers are the jobs")
    workers = Workers(options.jobs or joblib.cpu_count(), options.engine, options.dask)
    code = 0
    for name in options.names:
        try:
            if name in once:
                given = {}
                if options.model:
                    given["model"] = LanguageModel.load("model", options.model)
                path = once[name].record(options.output, **given)
                print(once[name].describe(once[name].load(options.output)))
                print(f"  written to {path}")
            elif options.verify:
                text, holds = verify(
                    registry[name], options.seeds, workers, options.output
                )
                print(f"{name}\n{text}")
                code = code if holds else 1
            else:
                path = record(
                    registry[name], options.seeds or 20, workers, options.output
                )
                print(
                    f"{records.describe(records.load(name, options.output))}\n"
                    f"  written to {path}"
                )
        except (ImportError, OSError, RuntimeError, ValueError) as error:
            if isinstance(error, ValueError) and name in registry:
                parser.error(str(error))
            print(f"{name}: {error}", file=sys.stderr)
            code = 1
        except KeyboardInterrupt:
            kept = "; the same command continues where it was"
            if options.verify or name in once:
                kept = ""  # what is measured once begins anew
            print(f"{name}: interrupted{kept}", file=sys.stderr)
            return 130
    return code


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=prog, description=DESCRIPTION, epilog=EPILOG)
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="what to run (see --list)")
    add("--list", action="store_true", help="name the experiments and stop")
    add("--verify", action="store_true", help="compare with what is recorded")
    add(
        "--seeds",
        type=_count,
        metavar="N",
        help="run seeds 0 to N-1 (default: 20; with --verify, all recorded)",
    )
    add(
        "--jobs",
        type=_count,
        metavar="N",
        help="so many processes (default: one per core)",
    )
    add(
        "--dask",
        metavar="ADDRESS",
        help="run on the Dask cluster with this scheduler, such as tcp://HOST:8786; "
        "whoever answers there gets our code, and may have us run theirs",
    )
    add(
        "--engine",
        metavar="NAME",
        help="jax, numba, c or python (default: as helpers.engine chooses)",
    )
    add(
        "--model",
        type=Path,
        metavar="FOLDER",
        help="of a run of helpers.lm, whose language model is measured in the place of "
        "the one that the book ships",
    )
    add(
        "--output",
        type=Path,
        default=records.FOLDER,
        metavar="FOLDER",
        help="where results lie (default: data/results)",
    )
    return parser


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"must be a positive integer; got {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
