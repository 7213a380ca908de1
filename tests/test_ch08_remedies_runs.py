"""The ablation and the finals of the language model: what is declared, how it runs."""

import math
from dataclasses import asdict, replace

import pytest
from test_lm_remedies import write_corpus

from helpers.experiments import ch08_finals_runs as finals
from helpers.experiments import ch08_remedies_runs as experiments
from helpers.experiments import ch09_lm_rates_runs as again_rates
from helpers.experiments import ch09_lm_runs as again
from helpers.lm import model, training
from helpers.lm.training import Settings
from helpers.results import files

FEW = {"hidden": 4, "vocabulary": 10, "epochs": 2, "batch": 48, "lr": 0.02}
FEW |= {"buckets": 2, "embedding": 4, "tied": True}


def weights(settings):
    sizes = settings.cell, settings.vocabulary, settings.hidden
    return sum(map(math.prod, training.shapes(*sizes, *settings.layers()).values()))


# What is declared -----------------------------------------------------------------


@pytest.mark.parametrize("cell", ["elman", "lstm"])
def test_a_row_differs_from_the_best_in_what_it_says(cell):
    best = asdict(experiments.BEST[cell])
    declared = experiments.runs()
    for row, (cells, changes) in experiments.ROWS.items():
        if cell in cells:
            found = asdict(declared[experiments.file_name(cell, row)])
            assert {k for k in found if found[k] != best[k]} == set(changes), row
    assert len(declared) == sum(len(cells) for cells, _ in experiments.ROWS.values())


def test_the_records_are_found_by_row_and_cell():
    recorded = {name: {"of": name} for name in experiments.runs()}
    del recorded["lstm-wider"]
    grid = experiments.by_row(recorded)
    assert grid["best"] == {c: {"of": f"{c}-best"} for c in ("lstm", "elman")}
    assert grid["wider"] == {"lstm": None, "elman": {"of": "elman-wider"}}
    some = [run for row in grid.values() for run in row.values()]
    assert len(some) - 1 == len([run for run in some if run]) == len(recorded)


def test_what_is_recorded_is_what_is_declared():
    declared = experiments.runs()
    for name, record in experiments.load().items():
        assert record["settings"] == asdict(declared[name]), name


def test_each_remedy_is_there_for_a_cell():
    changed = {key for _, changes in experiments.ROWS.values() for key in changes}
    remedies = {"tied", "dropout", "locked", "words", "recurrent", "connect", "norm"}
    remedies |= {"carried", "average", "schedule", "warmup", "lr", "hidden"}
    assert remedies <= changed


def test_none_has_more_than_two_million_weights():
    for name, settings in (experiments.runs() | finals.runs()).items():
        assert weights(settings) <= finals.WEIGHTS, name


def test_the_finals_are_the_best_with_three_seeds_and_twice_the_epochs():
    declared = finals.runs()
    assert sorted((s.cell, s.seed) for s in declared.values()) == [
        (cell, seed) for cell in ("elman", "lstm") for seed in (0, 1, 2)
    ]
    for settings in declared.values():
        assert settings.epochs == settings.patience == 2 * experiments.EPOCHS
        expected = replace(
            experiments.BEST[settings.cell], **finals.CHANGES[settings.cell]
        )
        same = {"epochs": 5, "patience": 5, "seed": 0}
        assert replace(settings, **same) == replace(expected, **same)
        assert not settings.norm  # which has no plain network to ship


# How it runs ----------------------------------------------------------------------


@pytest.fixture
def declared(tmp_path, monkeypatch):
    monkeypatch.setenv("RNN_ENGINE", "python")
    few = Settings(write_corpus(tmp_path), **FEW)
    return {"one": few, "two": replace(few, words=0.2), "three": replace(few, seed=1)}


def make(declared, folder, **options):
    return experiments.make("few", "the command", declared, folder, **options)


def test_each_run_is_recorded_as_it_ends_and_goes_on_where_it_was(
    declared, tmp_path, monkeypatch
):
    class Killed(BaseException):
        pass

    update, done = training.Trainer.update, []

    def dying(self, batch, count, lr, rng):
        done.append(count)
        if len(done) == len(set(done)) + 4:  # in the second run
            raise Killed
        return update(self, batch, count, lr, rng)

    monkeypatch.setattr(training.Trainer, "update", dying)
    with pytest.raises(Killed):
        make(declared, tmp_path)
    assert [path.name for path in (tmp_path / "few").iterdir()] == ["one.json"]
    first = (tmp_path / "few/one.json").read_bytes()
    assert (tmp_path / ".partial/few/two/run/checkpoint.npz").exists()
    monkeypatch.setattr(training.Trainer, "update", update)
    assert make(declared, tmp_path) == tmp_path / "few"
    assert (tmp_path / "few/one.json").read_bytes() == first
    found = experiments.load_runs("few", "the command", declared, tmp_path)
    assert list(found) == list(declared)
    assert not list((tmp_path / ".partial/few").iterdir())
    for name, record in found.items():
        assert record["weights"] == weights(declared[name])
        assert record["settings"]["words"] == declared[name].words
        assert len(record["log"]) == 2
        best = min(line["validation_perplexity"] for line in record["log"])
        assert record["validation"] == best
        assert "test" not in record
        assert record["tokens_per_s"] > 0
    assert "missing" not in experiments.table_of(found, declared)
    del found["two"]
    assert "1 of 3 runs are missing" in experiments.table_of(found, declared)


def test_two_processes_share_the_runs(declared, tmp_path, capsys):
    with files.alone(tmp_path / ".partial/few/one", "training in", ""):
        make(declared, tmp_path)
    assert "left to another process: one" in capsys.readouterr().err
    names = {path.stem for path in (tmp_path / "few").iterdir()}
    assert names == {"two", "three"}
    make(declared, tmp_path)
    assert (tmp_path / "few/one.json").exists()


def test_a_final_is_judged_by_the_test_and_its_model_kept(declared, tmp_path):
    del declared["two"], declared["three"]
    make(declared, tmp_path, train=finals.judged)
    (record,) = experiments.load_runs("few", "it", declared, tmp_path).values()
    kept = model.load("model", tmp_path / ".partial/few/one/run")
    assert record["test"] == pytest.approx(kept.card["test_perplexity"], rel=1e-9)
    assert record["validation"] == pytest.approx(kept.card["validation_perplexity"])


def test_progress_says_how_long_all_will_take(monkeypatch, capsys):
    times = iter([0, 10, 40])
    monkeypatch.setattr(experiments.time, "monotonic", lambda: next(times))
    say = experiments._progress("lstm-best", experiments.Left(3, 5, 100.0))
    say("unheard")
    times = iter([40, 40])
    say("epoch 1/5")
    said = capsys.readouterr().err
    assert said == "3/5 lstm-best: epoch 1/5; then 2 more, about 3 min 20 s\n"


@pytest.mark.parametrize("module", [experiments, finals, again, again_rates])
def test_missing_and_damaged_records_say_how_they_are_made(module, tmp_path):
    with pytest.raises(FileNotFoundError, match=f"{module.COMMAND}` makes it"):
        module.load(tmp_path)
    (tmp_path / module.NAME).mkdir()
    run = next(iter(module.runs()))
    (tmp_path / module.NAME / f"{run}.json").write_text("{}")
    with pytest.raises(ValueError, match=rf"{run}.json .*{module.COMMAND}` makes it"):
        module.load(tmp_path)
