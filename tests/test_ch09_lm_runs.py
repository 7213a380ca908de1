"""The language model again: what is declared, what is recorded, what must be kept.

Missing and damaged records: tests/test_ch08_remedies_runs.py.
"""

from dataclasses import asdict, replace

import numpy as np
import pytest
import test_lm_successors as by_word
from test_ch08_remedies_runs import FEW, weights
from test_lm_remedies import write_corpus

from helpers.experiments import ch08_remedies_runs as remedies_runs
from helpers.experiments import ch09_lm_rates_runs as rates_runs
from helpers.experiments import ch09_lm_runs as experiments
from helpers.lm import model
from helpers.lm.training import Run, Settings

DECLARED = experiments.runs()


# What is declared -----------------------------------------------------------------


def test_five_networks_have_three_seeds_each_and_nearly_two_million_weights():
    assert len(DECLARED) == 15
    for name, settings in DECLARED.items():
        assert name == f"{settings.cell}-{settings.seed}"
        assert settings.seed in (0, 1, 2)
        new = settings.cell not in model.CELLS
        assert (1_960_000 if new else 1_600_000) < weights(settings) <= 2_000_000


def test_they_differ_in_network_rate_and_dropout_alone():
    own = {"cell", "hidden", "embedding", "lr", "dropout"}
    same = [
        {k: v for k, v in asdict(settings).items() if k not in {*own, "seed"}}
        for settings in DECLARED.values()
    ]
    assert all(settings == same[0] for settings in same)
    assert same[0]["epochs"] == same[0]["patience"] == experiments.EPOCHS


@pytest.mark.parametrize("cell", ["elman", "lstm"])
def test_those_of_chapter_8_are_where_its_ablation_starts(cell):
    ours, theirs = DECLARED[f"{cell}-2"], remedies_runs.runs()[f"{cell}-best"]
    assert theirs.epochs > ours.epochs == experiments.EPOCHS
    length = {"epochs": theirs.epochs, "patience": theirs.patience}
    assert replace(ours, **length, seed=theirs.seed) == theirs


@pytest.mark.parametrize("cell", list(rates_runs.WIDTHS))
def test_a_search_differs_from_the_final_in_rate_seed_and_length(cell):
    searched = [s for s in rates_runs.runs().values() if s.cell == cell]
    assert tuple(s.lr for s in searched) == rates_runs.GRIDS[cell]
    final = DECLARED[f"{cell}-0"]
    assert final.lr == rates_runs.RATES[cell]
    for settings in searched:
        assert settings.seed not in experiments.SEEDS
        other = {"lr": settings.lr, "seed": settings.seed, "epochs": 1, "patience": 1}
        assert replace(final, **other) == settings


def test_the_best_rate_is_chosen_where_all_were_tried():
    found = {
        f"mingru-{rate:g}": {"validation": judged}
        for rate, judged in zip(
            rates_runs.GRIDS["mingru"], (90, 80, 85, 95), strict=True
        )
    }
    found["rglru-0.01"] = {"validation": 70}
    assert rates_runs.choose(found) == {"mingru": rates_runs.GRIDS["mingru"][1]}


def test_the_rates_are_those_that_were_found():
    assert rates_runs.choose(rates_runs.load()) == rates_runs.RATES
    for cell, rate in rates_runs.RATES.items():
        assert rate in rates_runs.GRIDS[cell][1:-1]


@pytest.mark.parametrize("module", [experiments, rates_runs])
def test_what_is_recorded_is_what_is_declared(module):
    recorded = {name: run["settings"] for name, run in module.load().items()}
    assert recorded == {name: asdict(run) for name, run in module.runs().items()}


# What must be kept ----------------------------------------------------------------


@pytest.mark.parametrize("cell", experiments.CELLS)
def test_the_numbers_that_are_kept_are_those_of_the_state(cell):
    sizes = {"hidden": by_word.N, "embedding": by_word.N}
    kept = experiments.kept(replace(DECLARED[f"{cell}-0"], **sizes))
    words, found = (3, 5, 7), []
    if cell in model.CELLS:
        rng = np.random.default_rng(0)
        params = model.initial(cell, by_word.V, by_word.N, rng)
        state = model.start(params)
        for word in words:
            state, _ = model.advance(word, state, params)
            found.append(sum(a.size for a in state))
    else:
        p = by_word.first_of(cell)
        state = by_word.start(cell, blocks=2)
        for t, word in enumerate(words):
            _, state = by_word.advance(cell, t, p["E"][word], state, p)
            found.append(sum(a.size for block in state for a in block))
    assert found == [kept["always"] + read * kept["a word"] for read in (1, 2, 3)]


# How it runs ----------------------------------------------------------------------


def test_a_record_holds_the_test_of_the_last_epoch(tmp_path, monkeypatch):
    monkeypatch.setenv("RNN_ENGINE", "python")
    sizes = {"cell": "attention", "hidden": 4, "average": 1}
    few = Settings(write_corpus(tmp_path), **FEW | sizes)
    runs = []

    def judged(run, say):
        runs.append(run)
        return experiments.judged(run, say)

    make = remedies_runs.make
    inside = make("few", "the command", {"one": few}, tmp_path, judged)
    assert [path.name for path in inside.iterdir()] == ["one.json"]
    assert not list((tmp_path / ".partial/few").iterdir())
    found = remedies_runs.load_runs("few", "it", {"one": few}, tmp_path)["one"]
    (run,) = runs
    assert isinstance(run, Run)
    with run.trainer.averaged():
        test = run.trainer.perplexity(run.data.test)
        validation = run.trainer.perplexity(run.data.validation)
    assert found["test"] == pytest.approx(test, rel=1e-9)
    assert found["validation"] == pytest.approx(validation, rel=1e-9)
    assert found["validation"] == found["log"][-1]["validation_perplexity"]
    assert dict(found["kept"]) == {"always": 0, "a word": 16}
    assert found["weights"] == weights(few)
    assert found["tokens_per_s"] > 0
