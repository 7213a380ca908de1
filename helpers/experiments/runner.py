"""Runs an experiment over many seeds, and records it or compares it with its record.

Each seed is one job, or a few are that are trained side by side: in a process of this
machine (loky) or on a Dask cluster, both through joblib. A finished job is written to
disk at once, so a run that was killed continues where it was: the same command runs
only what is missing.
"""

import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import joblib
import numpy as np
from tqdm import tqdm

from helpers import engine
from helpers.results import files, intervals, provenance, records, tables

ENGINES = ("numba", "llvmlite", "jaxlib")  # packages that compile, besides PyTensor's
TRACE_UPDATES = 200  # the length of a trace, which the tests compute again
DASK_TIMEOUT_S = 10  # to wait for a scheduler's answer


@dataclass(frozen=True)
class Experiment:
    """Something measured once per seed.

    `run(seed, parameters, None)` does the whole run and returns
    `{"metrics": {...}, "trace": {...}, ...}`: `metrics` is a dict of numbers, nested
    if need be, and `trace` holds for each setting that was trained its losses during
    the first 200 updates, thinned. `run(seed, parameters, 200)` stops each training
    after 200 updates; of what it returns, only the trace counts. What else a whole run
    returns, such as curves, is recorded beside them.

    Where small networks cost less side by side, `together` seeds are one job: `run`
    then takes a tuple of seeds and returns a list with the result of each, which must
    not depend on the others.
    """

    name: str  # also the name of the file, data/results/NAME.json
    summary: str  # one sentence: what it measures
    parameters: dict  # everything that decides the outcome but the seed
    run: Callable[[int, dict, int | None], dict]
    metrics: tuple[str, ...]  # dotted keys into "metrics" that --verify compares
    floatX: str = "float64"
    command: str = "python -m helpers.experiments"  # which runs it by its name
    together: int = 1  # seeds of a job

    def __post_init__(self):
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.name):
            raise ValueError(
                f"name must be lower-case words joined by hyphens; got {self.name!r}"
            )
        if not self.metrics or isinstance(self.metrics, str):
            raise ValueError(
                f"metrics must be a tuple of one key or more; got {self.metrics!r}"
            )
        files.plain(self.parameters, "parameters")


@dataclass(frozen=True)
class Workers:
    """Where the seeds run: `jobs` processes here, or the Dask cluster at `dask`."""

    jobs: int = 1
    engine: str | None = None  # helpers.engine chooses if None
    dask: str | None = None  # the address of the scheduler


@dataclass(frozen=True)
class Failure:
    """A seed that raised an error."""

    seed: int
    error: str  # its type and message
    trace: str  # the whole traceback


class Incomplete(RuntimeError):
    """Some seeds did not finish; those that did are kept."""


# One seed --------------------------------------------------------------------


def run_seed(experiment: Experiment, seed: int, updates: int | None = None) -> dict:
    """The result of one seed as JSON will hold it, on the engine now selected.

    Raises ValueError naming the key for a result that is not of the agreed form or
    holds NaN or infinity.
    """
    (result,) = run_seeds(experiment, [seed], updates)
    return result


def run_seeds(
    experiment: Experiment, seeds: Sequence[int], updates: int | None = None
) -> list[dict]:
    """The results of the seeds of one job; form and errors as for `run_seed`."""
    if experiment.together == 1:
        results = [experiment.run(s, experiment.parameters, updates) for s in seeds]
    else:
        results = experiment.run(tuple(seeds), experiment.parameters, updates)
        if len(results) != len(seeds):
            raise ValueError(
                f"result must hold one for each of {len(seeds)} seeds; "
                f"got {len(results)}"
            )
    return [_agreed(experiment, result, updates) for result in results]


def _agreed(experiment: Experiment, result: dict, updates: int | None) -> dict:
    """A result as JSON will hold it, if it is of the agreed form."""
    if not isinstance(result, dict):
        raise ValueError(f"result must be a dict; got {type(result).__name__}")
    if updates is not None:
        result = {"trace": result.get("trace")}
    result = files.plain(result, "result")
    if not isinstance(result.get("trace"), dict) or not result["trace"]:
        raise ValueError("result must have a trace: losses for each trained setting")
    if updates is not None:
        return result
    if not isinstance(result.get("metrics"), dict):
        raise ValueError("result must have metrics, a dict of numbers")
    metrics = records.flatten(result["metrics"])
    for key, value in metrics.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"result.metrics.{key} must be a number; got {value!r}")
    for key in experiment.metrics:
        if key not in metrics:
            raise ValueError(
                f"result.metrics must hold {key!r}; got {', '.join(metrics)}"
            )
    for key in ("seed", "duration_s"):
        if key in result:
            raise ValueError(f"result must leave the key {key!r} to the runner")
    return result


def _job(
    experiment: Experiment,
    seeds: Sequence[int],
    engine_name: str | None,
    expected: dict,
) -> list[dict | Failure]:
    """The seeds of one job in a worker. Errors are returned, so that others go on."""
    start = time.perf_counter()
    try:
        here = _made_of(experiment)
        # A function of a script comes without its file.
        if here["code"] is None or experiment.run.__module__ == "__main__":
            here["code"] = expected.get("code")
        if here != expected:
            raise RuntimeError(f"the worker has {here}, not {expected}")
        with contextlib.redirect_stdout(io.StringIO()):
            engine.select(engine_name, floatX=experiment.floatX)
        results = run_seeds(experiment, seeds)
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        return [Failure(seed, message, traceback.format_exc()) for seed in seeds]
    each = round((time.perf_counter() - start) / len(seeds), 3)
    return [
        {"seed": seed, "duration_s": each, **result}
        for seed, result in zip(seeds, results, strict=True)
    ]


def _made_of(experiment: Experiment) -> dict[str, str | None]:
    """The versions that decide a run, and checksums of the code and data behind it."""
    code, data = provenance.code(experiment.run.__module__), provenance.data()
    return provenance.versions(ENGINES) | {"code": code, "data": data}


def traced(k: int) -> bool:
    """Whether the loss at update k is recorded, for the tests to recompute."""
    return 0 < k <= TRACE_UPDATES and k % 50 == 0


# Many seeds ------------------------------------------------------------------


def compute(
    experiment: Experiment, seeds: Iterable[int], workers: Workers
) -> Iterator[dict | Failure]:
    """Runs of the seeds as they finish, in any order.

    Raises Incomplete if the workers themselves die, ModuleNotFoundError where Dask is
    asked for but not installed, and ConnectionError where no cluster can serve.
    """
    seeds, made_of = list(seeds), _made_of(experiment)
    if not seeds:
        return
    n = experiment.together
    groups = [seeds[i : i + n] for i in range(0, len(seeds), n)]
    jobs = (
        joblib.delayed(_job)(experiment, group, workers.engine, made_of)
        for group in groups
    )
    with _quiet_workers(), warnings.catch_warnings(), contextlib.ExitStack() as stack:
        # Compiled programs stay in a worker's memory, and joblib replaces one that has
        # grown. It warns of that; no run is lost.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs")
        if workers.dask is None:
            n_jobs = min(workers.jobs, len(groups))
            # One thread each: the processes share the cores among them, and the
            # networks are too small to gain from more.
            config = joblib.parallel_config("loky", inner_max_num_threads=1)
        else:
            n_jobs = -1
            stack.enter_context(_dask_client(workers.dask, experiment))
            config = joblib.parallel_config("dask")  # finds the client just made
        stack.enter_context(config)
        # No more is handed out than can run at once: what waits in the queue of a
        # killed run would be computed all the same, and for nothing.
        parallel = joblib.Parallel(
            n_jobs, return_as="generator_unordered", pre_dispatch="n_jobs", batch_size=1
        )
        try:
            for outcomes in parallel(jobs):
                yield from outcomes
        except Exception as error:
            message = f"the workers stopped ({type(error).__name__}: {error})"
            raise Incomplete(message) from error


@contextlib.contextmanager
def _quiet_workers() -> Iterator[None]:
    """Messages about compiling would break the progress bar: none in the workers."""
    before = os.environ.get("RNN_QUIET")
    os.environ["RNN_QUIET"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["RNN_QUIET"]
        else:
            os.environ["RNN_QUIET"] = before


def _dask_client(address: str, experiment: Experiment):
    """A client of a cluster that can run the experiment; errors as in `compute`."""
    try:
        import distributed
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            '--dask needs the package "distributed": pip install -e ".[dask]"'
        ) from None
    try:
        client = distributed.Client(address, timeout=DASK_TIMEOUT_S)
    except (OSError, ValueError) as error:
        raise ConnectionError(
            f"no Dask scheduler answers at {address!r} ({error})"
        ) from None
    try:
        threads = client.nthreads().values()
        if not threads or max(threads) > 1:
            # Two seeds in one process would share its engine and its compiler.
            raise ConnectionError(
                f"the Dask cluster at {address!r} must have workers of one thread "
                f"each; got {len(threads)} workers with {sum(threads)} threads (start "
                f"them with `dask worker {address} --nworkers auto --nthreads 1`)"
            )
        try:  # without the course at its other end, joblib would wait for ever
            client.run_on_scheduler(_arrived, experiment)
            client.run(_arrived, experiment)
        except Exception as error:
            raise ConnectionError(
                f"the Dask cluster at {address!r} cannot import the course; its "
                f"scheduler and workers need it installed as here ({error})"
            ) from None
    except ConnectionError:
        client.close()
        raise
    return client


def _arrived(experiment: Experiment) -> bool:
    """Something to call elsewhere, which works only where the course is installed."""
    return isinstance(experiment, Experiment)


# Recording -------------------------------------------------------------------


def record(
    experiment: Experiment,
    n_seeds: int,
    workers: Workers,
    folder: Path | str = records.FOLDER,
) -> Path:
    """Run seeds 0 to n_seeds - 1 and write `folder`/NAME.json; returns its path.

    Each finished seed is kept in `folder`/.partial/NAME/ until all are, in a folder
    named by a hash of all that decides the outcome, so that no run is ever continued
    with other parameters, another engine, or other versions, code or data. Raises
    Incomplete, naming the seeds and their errors, if not all of them finished, and
    BlockingIOError where another process records the same.
    """
    kept = Path(folder) / ".partial" / experiment.name
    remedy = "wait for it, or give another folder by --output"
    with files.alone(kept, "recording in", remedy):
        try:
            return _record(experiment, n_seeds, workers, Path(folder), kept)
        finally:
            _remove_empty(kept)


def _record(
    experiment: Experiment, n_seeds: int, workers: Workers, folder: Path, kept: Path
) -> Path:
    seeds, name = range(n_seeds), experiment.name
    chosen = _select_engine(experiment, workers)
    setting = {
        "parameters": files.plain(experiment.parameters, "parameters"),
        "versions": provenance.versions(),
        "engine": chosen.engine,
        "floatX": experiment.floatX,
    }
    decided = setting | {"made of": _made_of(experiment)}
    text = json.dumps(decided, sort_keys=True).encode()
    partial = kept / hashlib.sha256(text).hexdigest()[:12]
    finished = _finished(partial, seeds)
    if finished:
        _say(f"{name}: {len(finished)} of {n_seeds} seeds were finished before")
    finished |= _run_missing(experiment, seeds, chosen, partial, finished)
    local = workers.dask is None
    path = folder / f"{name}.json"
    files.write_json(
        path,
        {
            "schema": records.SCHEMA,
            "experiment": name,
            "summary": experiment.summary,
            "command": _command(experiment, n_seeds, workers),
            "seeds": list(seeds),
            **setting,
            "jobs": workers.jobs if local else None,
            "cores": joblib.cpu_count() if local else None,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "duration_s": _duration(finished.values()),
            "duration_note": "wall-clock time, summed over the sessions of the run",
            "runs": [finished[seed]["run"] for seed in seeds],
        },
    )
    _clear(partial, seeds)
    return path


def _run_missing(
    experiment: Experiment,
    seeds: range,
    workers: Workers,
    folder: Path,
    before: dict[int, dict],
) -> dict[int, dict]:
    """Run the seeds not finished `before`, and keep each in the folder; {seed: entry}.

    Raises Incomplete, when all have been tried, if one of them failed.
    """
    missing = [seed for seed in seeds if seed not in before]
    outcomes = compute(experiment, missing, workers)
    session, start = f"{time.time():.3f}", time.perf_counter()
    finished, problems = {}, []
    try:
        for outcome in _progress(experiment.name, outcomes, len(seeds), len(before)):
            if isinstance(outcome, Failure):
                problems.append(outcome)
                continue
            elapsed = round(time.perf_counter() - start, 3)
            entry = {"session": session, "elapsed_s": elapsed, "run": outcome}
            files.write_json(_partial_file(folder, outcome["seed"]), entry)
            finished[outcome["seed"]] = entry
    except Incomplete as error:
        problems.append(error)
    if problems:
        raise Incomplete(
            f"{_report(problems)}\n{len(before) + len(finished)} of {len(seeds)} seeds "
            "are finished and kept; the same command runs only the others"
        )
    return finished


def _duration(entries: Iterable[dict]) -> float:
    """Seconds of all sessions; each counts from its start to its last finished seed."""
    sessions: dict[str, float] = {}
    for entry in entries:
        elapsed = max(entry["elapsed_s"], sessions.get(entry["session"], 0))
        sessions[entry["session"]] = elapsed
    return round(sum(sessions.values()), 3)


def _clear(folder: Path, seeds: Iterable[int]) -> None:
    """Take away what was kept of these seeds, and their folder if it is empty then."""
    for seed in seeds:
        _partial_file(folder, seed).unlink(missing_ok=True)
    if not any(folder.glob("seed-*.json")):
        shutil.rmtree(folder, ignore_errors=True)


def _remove_empty(kept: Path) -> None:
    """Take away the folder of an experiment and that of all, unless one is needed."""
    if not any(path.is_dir() for path in kept.iterdir()):
        shutil.rmtree(kept, ignore_errors=True)
    with contextlib.suppress(OSError):  # not empty: an unfinished run of another
        kept.parent.rmdir()


def _partial_file(folder: Path, seed: int) -> Path:
    return folder / f"seed-{seed:03d}.json"


def _finished(folder: Path, seeds: Iterable[int]) -> dict[int, dict]:
    """What earlier sessions left; a damaged file is reported and left out."""
    finished = {}
    for seed in seeds:
        path = _partial_file(folder, seed)
        try:
            entry = files.read_json(path)
            run = entry["run"]
            if run["seed"] != seed or not {"metrics", "trace"} <= run.keys():
                raise ValueError(f"not a run of seed {seed}")
            entry["session"] + "", entry["elapsed_s"] + 0.0  # TypeError if neither
        except FileNotFoundError:
            continue
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            _say(f"{path.name} is damaged ({error!r}): seed {seed} runs again")
        else:
            finished[seed] = entry
    return finished


def _select_engine(experiment: Experiment, workers: Workers) -> Workers:
    """The workers with their engine named, whatever RNN_ENGINE is elsewhere.

    Selects it here too, so that a wrong name fails at once.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        chosen = engine.select(workers.engine, floatX=experiment.floatX)
    return replace(workers, engine=chosen.name)


def _command(experiment: Experiment, n_seeds: int, workers: Workers) -> str:
    """The command that repeats the run; the number of jobs changes no number."""
    command = f"{experiment.command} {experiment.name} --seeds {n_seeds}"
    chosen = workers.engine or os.environ.get("RNN_ENGINE")
    return f"{command} --engine {chosen}" if chosen else command


def _report(problems: list[Failure | Incomplete]) -> str:
    failures = [p for p in problems if isinstance(p, Failure)]
    lines = [f"seed {f.seed} failed: {f.error}" for f in failures]
    lines += [str(p) for p in problems if isinstance(p, Incomplete)]
    if failures:
        lines.append(f"in seed {failures[0].seed}: {failures[0].trace.rstrip()}")
    return "\n".join(lines)


def _progress(name: str, outcomes: Iterator, n_seeds: int, before: int) -> Iterator:
    return tqdm(
        outcomes,
        desc=name,
        total=n_seeds,
        initial=before,
        unit="seed",
        disable=os.environ.get("RNN_QUIET") == "1",
    )


def _say(message: str) -> None:
    print(message, file=sys.stderr)


# Verifying -------------------------------------------------------------------


def verify(
    experiment: Experiment,
    n_seeds: int | None,
    workers: Workers,
    folder: Path | str = records.FOLDER,
) -> tuple[str, bool]:
    """Run recorded seeds again, the first n_seeds or all: (table, whether it holds).

    A long run cannot be repeated to the last digit on another machine, so we ask for
    less: the median of each metric must fall where the median of that many new runs
    falls with 95% probability if nothing has changed (`intervals.median_of_new_runs`).
    Where each seed gives its recorded value to 1e-6, nothing has changed for sure.
    The recorded file is only read. Raises RuntimeError for a record made with other
    parameters or lacking a metric, and Incomplete for seeds that fail.
    """
    recorded = records.load(experiment.name, folder, experiment.command)
    again = f"record it again: `{recorded.meta['command']}`"
    if recorded.parameters != files.plain(experiment.parameters, "parameters"):
        raise RuntimeError(
            f"{experiment.name} was recorded with other parameters; {again}"
        )
    known = records.flatten(recorded.runs[0]["metrics"])
    for key in experiment.metrics:
        if key not in known:
            raise RuntimeError(
                f"{experiment.name} was recorded without {key!r}; {again}"
            )
    n_seeds = n_seeds or len(recorded.seeds)
    if n_seeds > len(recorded.seeds):
        raise ValueError(
            f"--seeds must be at most the {len(recorded.seeds)} recorded ones; "
            f"got {n_seeds}"
        )
    workers = _select_engine(experiment, workers)
    outcomes = compute(experiment, recorded.seeds[:n_seeds], workers)
    outcomes = list(_progress(experiment.name, outcomes, n_seeds, 0))
    failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    if failures:
        raise Incomplete(_report(failures))
    runs = sorted(outcomes, key=lambda run: recorded.seeds.index(run["seed"]))
    rows, holds = [], True
    for key in experiment.metrics:
        old = recorded.metric(key)
        new = np.array([records.flatten(run["metrics"])[key] for run in runs])
        median, low, high = intervals.median_of_new_runs(old, n_seeds)
        slack = 1e-6 * max(abs(low), abs(high))  # all seeds alike: low is high
        if np.allclose(new, old[:n_seeds], rtol=1e-6, atol=1e-12):
            verdict = "same"
        elif low - slack <= np.median(new) <= high + slack:
            verdict = "inside"
        else:
            verdict, holds = "OUTSIDE", False
        rows.append([key, median, low, high, np.median(new), verdict])
    headers = ["median of", "recorded", "from", "to", "rerun", ""]
    note = (
        f"from, to: where the median of {n_seeds} new runs falls with 95% probability "
        "if nothing has changed\n(the recorded range where runs are too few for that)"
    )
    return f"{tables.table(rows, headers, width=200)}\n{note}", holds
