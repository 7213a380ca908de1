"""The recorded results belong to the code as it is now.

Long runs are not repeated here (`python -m helpers.experiments NAME --verify` does
that), but their beginnings are: the losses of the first 200 updates of two seeds.
"""

import json
import re

import numpy as np
import pytest

from helpers import ROOT, engine
from helpers.bench import ch06_embedded_reber_times as times
from helpers.bench.__main__ import BENCH, RECORDINGS
from helpers.experiments import (
    REGISTRY,
    by_name,
    ch08_baselines_runs,
    ch08_compared_runs,
    ch08_portrait_runs,
    ch08_published_runs,
    ch08_scores_runs,
)
from helpers.experiments.__main__ import ONCE
from helpers.experiments.runner import TRACE_UPDATES, run_seed
from helpers.experiments.ship import SHIPPED
from helpers.lm import recorded_runs
from helpers.press import notebooks
from helpers.results import files, records

EXPERIMENTS = REGISTRY | by_name(times.EXPERIMENTS)
# Of others, updates 50, 100, 150 and 200 are traced; these have reasons of their own.
TRACED = {"bptt-last-bit": {2, 4}, "sine-published": {3}}
# Where rates are chosen, by few seeds of their own, and where networks copy; all others
# have 20 or more.
COPIES = tuple(name for name in EXPERIMENTS if name.startswith("beyond-copy-"))
SEEDS = dict.fromkeys((name for name in EXPERIMENTS if "beyond-rates" in name), 5)
SEEDS |= dict.fromkeys(COPIES, 6) | {"beyond-copy-rates": 3}
BYTES = {  # at most, and 150,000 of others
    "embedded-reber-elman": 400_000,
    "reber-learned": 300_000,
    "streams-well": 200_000,
}
# So many of the traced losses are compared, all of others: where 200 updates solve the
# task, its loss becomes so small that rounding moves the first digits.
COMPARED = dict.fromkeys(COPIES, 2)
# In float32 the order of a sum, which differs between processors, moves the sixth digit
# within 200 updates (3e-6 from an Intel to an AMD).
DIGITS = {"float64": 1e-6, "float32": 1e-5}
# Rates so large that rounding moves them within 100 updates: nothing is compared.
CHAOTIC = {
    "beyond-copy-rates": ("elman 0.1", "attention 0.03", "attention 0.1"),
    "beyond-rates-attention": (".0.03", ".0.1"),
    "beyond-rates-deltanet": (".0.1",),
    "beyond-rates-linear-attention": (".0.1",),
    "beyond-rates-lru": (".0.03", ".0.1"),
    "beyond-rates-selective": (".0.03", ".0.1"),
}


def recorded_names():
    """Of the files in data/results/, those that record an experiment."""
    for path in sorted(records.FOLDER.glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(document, dict) and document.get("schema") == records.SCHEMA:
            yield path.stem


def test_the_command_of_a_record_makes_it():
    names = {
        "helpers.experiments": REGISTRY | ONCE,
        "helpers.experiments.ship": SHIPPED,
    }
    names |= {"helpers.bench": RECORDINGS | EXPERIMENTS, "helpers.lm": {"train": ()}}
    for path in [*ROOT.glob("data/*.json"), *ROOT.glob("data/results/*.json")]:
        command = files.read_json(path).get("command", "")
        for module, _, name in re.findall(r"-m ([\w.]+)( ([a-z][\w-]*))?", command):
            assert (name or BENCH) in names[module], command
            if module in ("helpers.experiments", "helpers.bench"):
                assert (name or BENCH) == path.stem


def test_every_record_is_of_an_experiment_and_every_experiment_recorded():
    assert set(recorded_names()) == set(EXPERIMENTS)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_recorded_parameters_are_those_of_the_code(name):
    experiment, recorded = EXPERIMENTS[name], records.load(name)
    parameters = files.plain(experiment.parameters, "parameters")
    assert recorded.parameters == parameters
    assert recorded.meta["floatX"] == experiment.floatX
    assert recorded.meta["summary"] == experiment.summary
    for key in experiment.metrics:
        assert recorded.metric(key).shape == (len(recorded.seeds),)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_record_has_enough_seeds_and_traces_and_is_not_large(name):
    recorded = records.load(name)
    assert len(recorded.seeds) >= SEEDS.get(name, 20)
    lengths = {len(losses) for losses in recorded.runs[0]["trace"].values()}
    assert lengths == TRACED.get(name, {4})
    size = (records.FOLDER / f"{name}.json").stat().st_size
    assert size < BYTES.get(name, 150_000)


# The networks of chapter 9 repeat what the first of them tries.
REPEAT = tuple(name for name in EXPERIMENTS if name.startswith("beyond-re"))[1:]
REPEAT += tuple(SEEDS)


def mark(name):
    """How often the beginning of this record is computed."""
    return pytest.mark.nightly if name in REPEAT else ()


NAMES = [pytest.param(name, marks=mark(name)) for name in EXPERIMENTS]


# Another seed differs in its numbers, not in its code: once a night is enough.
@pytest.mark.engine
@pytest.mark.records
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("name", NAMES)
def test_the_first_updates_give_the_recorded_losses(name, seed):
    experiment, recorded = EXPERIMENTS[name], records.load(name)
    engine.select(floatX=experiment.floatX)
    assert recorded.seeds[:2] == (0, 1)
    now = records.flatten(run_seed(experiment, seed, TRACE_UPDATES)["trace"])
    then = records.flatten(recorded.runs[seed]["trace"])
    assert now.keys() == then.keys()
    few = slice(COMPARED.get(name))
    for setting, losses in now.items():
        assert len(losses) == len(then[setting]) > 0
        if setting.endswith(CHAOTIC.get(name, ())):
            continue
        np.testing.assert_allclose(
            losses[few],
            then[setting][few],
            rtol=DIGITS[experiment.floatX],
            err_msg=f"seed {seed}, {setting}",
        )


@pytest.mark.parametrize(
    "module",
    [
        ch08_baselines_runs,
        ch08_compared_runs,
        ch08_portrait_runs,
        ch08_published_runs,
        ch08_scores_runs,
        recorded_runs,
    ],
)
def test_a_missing_or_damaged_record_says_how_to_make_it(module, tmp_path):
    path = tmp_path / f"{module.NAME}.json"
    with pytest.raises(FileNotFoundError, match=f"{module.COMMAND}` makes it"):
        module.load(tmp_path)
    for damaged in (
        "",
        "{}",
        '{"schema": "other"}',
        f'{{"schema": "{module.SCHEMA}"}}',
    ):
        path.write_text(damaged)
        with pytest.raises(ValueError, match=f"{module.COMMAND}` makes it anew"):
            module.load(tmp_path)


# Grids --------------------------------------------------------------------------------

# Of a grid on which a chapter names a best value: the record, its parameter, the metric
# by the value, and what the page says where the best one has no neighbour on one side.
GRIDS = [
    ("bptt-clipping", "lr", "none.lr {:g}", ""),
    ("bptt-clipping", "lr", "value 0.03.lr {:g}", ""),
    ("bptt-clipping", "lr", "value 0.1.lr {:g}", ""),
    ("bptt-clipping", "lr", "norm 0.3.lr {:g}", ""),
    ("bptt-clipping", "lr", "norm 1.lr {:g}", ""),
    (
        "streams-well",
        "noise",
        "noise.{:g} to 0.2",
        "largest that was trained with",
    ),
    ("streams-noise", "noise", "R2.{:g} to 0.2", ""),
    (
        "streams-noise",
        "noise",
        "R2.{:g} to 0.4",
        "largest that was trained with",
    ),
]
# Of searches that try the settings by turns, the parameters, and by the metric what the
# page says where the best setting has no neighbour on one side.
SEARCHES = {
    "sine-search-sunspots": (
        ("hidden", "lr"),
        {
            "validation.recurrent": "",
            "validation.window": "the largest rate that was tried",
        },
    )
}
# Lists of numbers that are no grids: what is looked at, and when; all of it is shown.
LOOKED_AT = {"delays", "k", "lengths", "marks", "moments", "scales", "seen"}
LOOKED_AT |= {"clusters", "l1", "lr", "mapped", "temperatures", "watched", "windows"}
# The second edition of chapter 1 says what it makes of its grids.
CHAPTER_1 = {"widths", "input_noise", "decay"}


def on_pages(text):
    """Whether a chapter says this."""
    pages = [path.read_text(encoding="utf-8") for path in notebooks.chapters()]
    return any(text in page for page in pages)


@pytest.mark.parametrize(("name", "parameter", "key", "said"), GRIDS)
def test_the_best_of_a_grid_has_neighbours_or_the_page_says_so(
    name, parameter, key, said
):
    record = records.load(name)
    grid = record.parameters[parameter]
    medians = [np.median(record.metric(key.format(value))) for value in grid]
    best = np.argmax(medians)
    assert (0 < best < len(grid) - 1) == (said == "")
    assert on_pages(said)


@pytest.mark.parametrize(
    ("name", "metric"),
    [(name, metric) for name, (_, metrics) in SEARCHES.items() for metric in metrics],
)
def test_the_best_of_a_search_has_neighbours_or_the_page_says_so(name, metric):
    record, (parameters, metrics) = records.load(name), SEARCHES[name]
    shape = [len(record.parameters[key]) for key in parameters]
    medians = np.median(record.metric(metric).reshape(-1, *shape), axis=0)
    best = np.unravel_index(medians.argmin(), shape)
    inside = all(0 < i < n - 1 for i, n in zip(best, shape, strict=True))
    assert inside == (metrics[metric] == "")
    assert on_pages(metrics[metric])


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_list_of_numbers_is_a_known_grid_or_none(name):
    grids = {parameter for record, parameter, *_ in GRIDS if record == name}
    grids |= {*SEARCHES.get(name, [()])[0]}
    for parameter, value in records.load(name).parameters.items():
        if isinstance(value, list) and all(isinstance(v, int | float) for v in value):
            assert parameter in grids | LOOKED_AT | CHAPTER_1, (name, parameter)
