"""Tests of helpers.lm.training and of the command line: one update, and whole runs."""

import io
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytensor
import pytest
from kills import killed_at_every_write
from scipy.special import softmax
from test_cells import random_cell

from helpers import engine
from helpers.lm import (
    __main__,
    batches,
    by_hand,
    checkpoints,
    compiled,
    generation,
    inplace,
    model,
    scoring,
    training,
)
from helpers.lm.training import Run, Settings, Stopped, Trainer
from helpers.networks import bptt
from helpers.networks.elman import Elman, hidden_states_numpy, readout, shared
from helpers.results import files, provenance

V, H = 9, 4
PLAIN = Settings(hidden=H, vocabulary=V, batch=12, dropout=0, clip=1e9, lr=0.01)


@pytest.fixture(autouse=True)
def float64(request, monkeypatch):
    """Commands select by RNN_ENGINE: Python, but for tests of the chosen engine."""
    if not request.node.get_closest_marker("engine"):
        monkeypatch.setenv("RNN_ENGINE", "python")
    engine.select("python")


@pytest.fixture
def params():
    return random_cell(Elman, 3, V, H, V)


@pytest.fixture
def batch():
    """Two sentences, of 4 and of 2 predictions; word 5 is read in both."""
    some = [np.array([0, 5, 7, 5, 1]), np.array([0, 5, 1])]
    return batches.fill(some, 4, 3, [0, 1])


def gradient(batch, params) -> Elman:
    """By chapter 4: of the summed cost of the real predictions over all positions."""
    x = np.eye(V)[batch.x]
    h = hidden_states_numpy(x, params)
    p = softmax(readout(h, params), axis=-1)
    d_o = (p - np.eye(V)[batch.y]) * batch.mask[..., None]
    return bptt.bptt(x, h, d_o / batch.mask.size, params)


# One update -------------------------------------------------------------------


def test_updates_are_adam_on_the_rows_of_the_batch_and_on_all_other_weights(
    params, batch
):
    trainer = Trainer(params, PLAIN)
    values = [np.array(p) for p in params]
    m, v = ([np.zeros_like(p) for p in params] for _ in range(2))
    read = np.unique(batch.x)
    for t in (1, 2, 3):
        trainer.update(batch, t, 0.01, None)
        for i, g in enumerate(gradient(batch, Elman(*values))):
            rows = read if i == 0 else slice(None)
            m[i][rows] = 0.9 * m[i][rows] + 0.1 * g[rows]
            v[i][rows] = 0.999 * v[i][rows] + 0.001 * g[rows] ** 2
            m_hat, v_hat = m[i] / (1 - 0.9**t), v[i] / (1 - 0.999**t)
            step = 0.01 * m_hat / (np.sqrt(v_hat) + 1e-8 / math.sqrt(1 - 0.999**t))
            values[i][rows] -= step[rows]
    for ours, expected in zip(trainer.values(), values, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-6)
    others = np.setdiff1d(np.arange(V), read)
    np.testing.assert_array_equal(trainer.values().W_ih[others], params.W_ih[others])


def test_an_update_returns_the_cost_of_the_words_and_the_length_of_the_gradient(
    params, batch
):
    cost, norm = map(float, Trainer(params, PLAIN).update(batch, 1, 0.01, None))
    expected = 0.0
    for column, n in ((0, 4), (1, 2)):
        _, p = by_hand.forward(batch.x[:n, column], params)
        expected -= np.log(p[np.arange(n), batch.y[:n, column]]).sum()
    assert cost == pytest.approx(expected, rel=1e-6)
    squares = sum((g**2).sum() for g in gradient(batch, params))
    assert norm == pytest.approx(math.sqrt(squares), rel=1e-6)


def test_a_long_gradient_is_clipped(params, batch):
    """Adam does not feel the length of one gradient, so its memory is looked at."""
    free = Trainer(params, PLAIN)
    norm = float(free.update(batch, 1, 0.01, None)[1])
    clipped = Trainer(params, Settings(**vars(PLAIN) | {"clip": norm / 4}))
    assert float(clipped.update(batch, 1, 0.01, None)[1]) == pytest.approx(norm)
    for name, value in clipped.arrays().items():
        if name.startswith("m_"):
            np.testing.assert_allclose(value, free.arrays()[name] / 4, atol=1e-9)


def test_filler_changes_nothing_but_the_divisor(params, batch):
    wide = batches.Batch(
        *(np.pad(part, ((0, 2), (0, 1))).astype(part.dtype) for part in batch)
    )
    cost, norm = map(float, Trainer(params, PLAIN).update(batch, 1, 0.01, None))
    more = Trainer(params, PLAIN).update(wide, 1, 0.01, None)
    assert float(more[0]) == pytest.approx(cost, rel=1e-9)
    assert float(more[1]) == pytest.approx(norm * 12 / 24, rel=1e-9)


def test_dropout_is_drawn_from_the_generator_and_keeps_the_mean(params, batch):
    settings = Settings(**vars(PLAIN) | {"dropout": 0.25})
    trainer = Trainer(params, settings)
    rows, states = trainer._kept(40, 50, np.random.default_rng(0))
    for kept, n in ((rows, H), (states, H)):
        assert kept.shape == (40, 50, n)
        assert set(np.unique(kept)) == {0, np.float32(1 / 0.75)}
        assert kept.mean() == pytest.approx(1, abs=0.03)
    costs = [
        float(Trainer(params, settings).update(batch, 1, 0.01, rng)[0])
        for rng in map(np.random.default_rng, (1, 1, 2))
    ]
    assert costs[0] == costs[1] != costs[2]


@pytest.mark.parametrize("cell", list(model.CELLS))
def test_perplexity_is_that_of_scoring(cell):
    rng = np.random.default_rng(0)
    first = model.initial(cell, V, H, rng)
    some = [np.r_[0, rng.integers(2, V, n), 1].astype(np.int32) for n in (1, 4, 4, 6)]
    trainer = Trainer(first, PLAIN)
    words = ("SENTENCE_START", "SENTENCE_END", "UNKNOWN_TOKEN", *"abcdef")
    whole = model.LanguageModel(training.Vocabulary(words), first, {})
    log_p = np.concatenate(scoring.log_probabilities(whole, some))
    assert len(log_p) == 1 + 4 + 4 + 6 + 4
    expected = math.exp(-log_p.mean())
    assert trainer.perplexity(some) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", ["python", "jax"])
def test_the_compiled_sgd_step_is_the_one_by_hand(params, name):
    if why := engine.why_not(name):
        pytest.skip(why)
    engine.select(name)
    x, y = np.array([0, 3, 5, 3, 3], np.int32), np.array([3, 5, 3, 3, 1], np.int32)
    theirs = shared(Elman(*(value.copy() for value in params)))
    step = compiled.sgd_step(theirs, len(x))
    for lr in (0.5, 0.2, 0.1):
        _, p = by_hand.forward(x, params)
        expected = -np.log(p[np.arange(len(y)), y]).sum()
        assert float(step(x, y, lr)) == pytest.approx(expected, rel=1e-12)
        by_hand.sgd_step(x, y, params, lr)
    for ours, other in zip(params, theirs, strict=True):
        np.testing.assert_allclose(other.get_value(), ours, rtol=0, atol=1e-10)


def test_the_rate_falls_along_half_a_cosine():
    rates = [training.falling(0.5, done, 100) for done in (0, 25, 50, 75, 100)]
    root = math.sqrt(0.5)
    expected = [0.5, (1 + root) / 4, 0.25, (1 - root) / 4, 0]
    np.testing.assert_allclose(rates, expected, atol=1e-12)


# Settings ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("cell", "rnn", "one of elman, lstm, gru, mingru, rglru, attention; got 'rnn'"),
        ("hidden", 0, "hidden must be at least 1; got 0"),
        ("epochs", 0, "epochs must be at least 1; got 0"),
        ("batch", -1, "batch must be at least 1; got -1"),
        ("truncate", 0, "truncate must be at least 1; got 0"),
        ("patience", 0, "patience must be at least 1; got 0"),
        ("lr", 0.0, "lr must be positive; got 0.0"),
        ("lr", math.nan, "lr must be positive; got nan"),
        ("clip", math.inf, "clip must be positive; got inf"),
        ("dropout", 1.0, "dropout must be at least 0 and below 1; got 1.0"),
        ("seed", -1, "seed must not be negative; got -1"),
        ("vocabulary", 3, "vocabulary must be more than 3 words"),
        ("hidden", 10**400, "hidden must be at most 2147483647; got 1"),
        ("epochs", 2**31, "epochs must be at most 2147483647; got 2147483648"),
        ("lr", 1e-320, "lr must fit into float32; got 1e-320"),
        ("rows", 1e308, "rows must fit into float32; got 1e"),
    ],
)
def test_settings_that_make_no_sense_are_named(name, value, said, capsys):
    with pytest.raises(ValueError, match=said):
        Settings(**{name: value})
    arguments = ["train", f"--{name}", str(value), "--output", "nowhere"]
    assert __main__.main(arguments) == 1
    assert said in capsys.readouterr().err
    assert not Path("nowhere").exists()


# Whole runs -------------------------------------------------------------------


def write_corpus(folder):
    """60 comments of 3 or 5 words, each word followed by the same one mostly."""
    rng = np.random.default_rng(0)
    lines = []
    for i in range(60):
        first = rng.integers(5)
        words = [
            f"w{(first + k + (rng.random() < 0.1)) % 5}" for k in range(3 + i % 2 * 2)
        ]
        lines.append(" ".join(words))
    path = folder / "corpus.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def corpus(tmp_path):
    return write_corpus(tmp_path)


FEW = {"hidden": 6, "vocabulary": 8, "epochs": 3, "batch": 24, "lr": 0.02, "seed": 1}


@pytest.fixture
def settings(corpus):
    return Settings(str(corpus), **FEW)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run that has ended, to be copied: it has the folder of its corpus."""
    engine.select("python")
    folder = tmp_path_factory.mktemp("finished")
    run = Run(Settings(str(write_corpus(folder)), **FEW), folder / "run")
    run.go()
    return run


@pytest.fixture
def trained(finished, tmp_path):
    """The folder of a run that has ended."""
    return shutil.copytree(finished.folder, tmp_path / "run")


def weights(folder: Path) -> dict:
    return checkpoints.load(folder / "checkpoint.npz")[0]


def perplexity_by_scoring(whole: model.LanguageModel, some: list) -> float:
    log_p = np.concatenate(scoring.log_probabilities(whole, some))
    return math.exp(-log_p.mean())


def test_a_run_learns_logs_and_keeps_its_best_model(settings, tmp_path):
    said = []
    run = Run(settings, tmp_path / "run")
    best = run.go(said.append)
    log = [json.loads(line) for line in (tmp_path / "run/log.jsonl").open()]
    assert [line["epoch"] for line in log] == [1, 2, 3]
    assert log[-1]["train_perplexity"] < log[0]["train_perplexity"] < 9
    validation = [line["validation_perplexity"] for line in log]
    assert best.card["validation_perplexity"] == pytest.approx(min(validation))
    assert min(validation) < 6
    assert best.card["epoch"] == 1 + int(np.argmin(validation))
    expected = perplexity_by_scoring(best, run.data.test)
    assert best.card["test_perplexity"] == pytest.approx(expected, rel=1e-6)
    assert best.card["command"].startswith("python -m helpers.lm train --corpus ")
    assert "--seed 1" in best.card["command"]
    assert "epoch 3/3 100%" in said[-1]
    assert "tokens/s" in said[-1]


def test_words_are_those_of_the_training_comments_alone(corpus, settings):
    lines = corpus.read_text(encoding="utf-8").splitlines()
    held_out = training.corpus.split(lines).test[0]
    changed = [f"{line} only here" if line == held_out else line for line in lines]
    corpus.write_text("\n".join(changed), encoding="utf-8")
    data = training.data(str(corpus), 100)
    if lines.count(held_out) == 1:
        assert "only" not in data.vocabulary.words
    assert "w1" in data.vocabulary.words


@pytest.mark.nightly
def test_the_same_seed_gives_the_same_weights_and_another_does_not(settings, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        changed = Settings(**vars(settings) | {"seed": seed, "epochs": 1})
        Run(changed, tmp_path / name).go()
    a, b, c = (weights(tmp_path / name) for name in "abc")
    assert all((a[key] == b[key]).all() for key in a)
    assert (a["W_ho"] != c["W_ho"]).any()


def test_a_finished_run_is_not_trained_again(settings, tmp_path):
    first = Run(settings, tmp_path).go()
    again = Run(settings, tmp_path)
    assert again.finished
    assert again.go().card == model.load("model", tmp_path).card
    for ours, theirs in zip(again.go().params, first.params, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_training_stops_early_where_validation_gets_no_better(settings, tmp_path):
    wild = Settings(**vars(settings) | {"lr": 0.2, "epochs": 50, "patience": 2})
    run = Run(wild, tmp_path)
    best = run.go()
    assert run.progress["epoch"] == best.card["epoch"] + 2 < 50
    # The card is that of the best model, which is not the last one here.
    expected = perplexity_by_scoring(best, run.data.test)
    assert best.card["test_perplexity"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("validation", "best", "last"),
    [
        ([9, 8, 7, 6], 4, 4),  # the last epoch is the best
        ([9, 7, 8, 8], 2, 4),  # as many epochs as asked for
        ([9, 7, 8, 6, 7, 7, 7, 1], 4, 7),  # three in a row are no better
        ([7, 7, 7, 7, 1], 1, 4),  # as good is not better
    ],
)
def test_the_model_of_the_best_epoch_is_kept_and_judged(
    settings, tmp_path, monkeypatch, validation, best, last
):
    """A run with these perplexities; its b_o counts the updates."""
    settings = Settings(**vars(settings) | {"epochs": len(validation)})
    run = Run(settings, tmp_path)
    b_o = run.trainer.params.b_o

    def update(batch, count, lr, rng):
        b_o.set_value(np.full_like(b_o.get_value(), count))
        epoch = run.progress["epoch"] + 1
        return [batch.mask.sum() * math.log(10 + epoch), 1.0]

    def perplexity(sequences):
        if sequences is run.data.validation:
            return float(validation[run.progress["epoch"]])
        assert sequences is run.data.test
        return 100 + b_o.get_value()[0]

    monkeypatch.setattr(run.trainer, "update", update)
    monkeypatch.setattr(run.trainer, "perplexity", perplexity)
    returned = run.go()
    log = run.progress["log"]
    assert [line["epoch"] for line in log] == list(range(1, last + 1))
    for line in log:
        assert line["train_perplexity"] == pytest.approx(10 + line["epoch"])
    updates = log[best - 1]["updates"]
    words = sum(len(sequence) - 1 for sequence in run.data.train)
    for kept in (returned, model.load("model", tmp_path)):
        assert (kept.params.b_o == updates).all()
        assert kept.card["epoch"] == best
        assert kept.card["validation_perplexity"] == min(validation[:last])
        assert kept.card["test_perplexity"] == 100 + updates
        rate = words * last / log[-1]["seconds"]
        assert kept.card["tokens_per_s"] == pytest.approx(rate)


@pytest.mark.parametrize("name", ["model.npz", "model.json"])
@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_a_finished_run_whose_model_is_lost_takes_it_from_the_checkpoint_or_says_so(
    finished, trained, name, content
):
    """The checkpoint holds that of the last epoch, and only that."""
    (trained / name).unlink()
    if content is not None:
        (trained / name).write_bytes(content)
    arrays, progress = checkpoints.load(trained / "checkpoint.npz")
    progress["log"][1]["validation_perplexity"] = 1.5
    checkpoints.save(trained / "checkpoint.npz", arrays, progress)
    said = "of epoch 2, is lost or damaged, .* that of epoch 3; delete the folder"
    with pytest.raises(ValueError, match=said):
        Run(finished.settings, trained).go()
    progress["log"][2]["validation_perplexity"] = 1.25
    checkpoints.save(trained / "checkpoint.npz", arrays, progress)
    Run(finished.settings, trained).go()
    found = model.load("model", trained)
    assert (found.card["epoch"], found.card["validation_perplexity"]) == (3, 1.25)
    for key, value in found.params._asdict().items():
        np.testing.assert_array_equal(value, arrays[key])


def test_other_settings_are_refused_in_the_folder_of_a_run(settings, tmp_path):
    Run(Settings(**vars(settings) | {"epochs": 1}), tmp_path).go()
    with pytest.raises(ValueError, match=r"other settings: epochs = 1, not 3"):
        Run(settings, tmp_path)


def test_nan_stops_with_the_update_and_keeps_the_last_good_checkpoint(
    settings, tmp_path, monkeypatch
):
    run = Run(settings, tmp_path, every=2)
    update = run.trainer.update

    def broken(batch, count, lr, rng):
        if count == 5:
            W_hh = run.trainer.params.W_hh
            W_hh.set_value(np.full_like(W_hh.get_value(), np.nan))
        return update(batch, count, lr, rng)

    monkeypatch.setattr(run.trainer, "update", broken)
    with pytest.raises(Stopped, match=r"update 5, in epoch 1: the cost is nan"):
        run.go()
    arrays, progress = checkpoints.load(tmp_path / "checkpoint.npz")
    assert progress["updates"] == 4
    assert all(np.isfinite(value).all() for value in arrays.values())


@pytest.mark.parametrize(
    ("cost", "norm"), [(1.0, math.inf), (math.inf, 1.0), (1.0, math.nan)]
)
def test_cost_and_gradient_must_both_be_finite(
    settings, tmp_path, monkeypatch, cost, norm
):
    run = Run(settings, tmp_path)
    monkeypatch.setattr(run.trainer, "update", lambda *arguments: (cost, norm))
    with pytest.raises(Stopped, match=f"cost is {cost} .* the gradient {norm};"):
        run.go()


NUMBERS = re.compile(r"\d[\d.]*")


@pytest.mark.parametrize(
    "options",
    [
        "--lr 30 --epochs 2 --hidden 16 --vocabulary 300",
        "--lr 1000 --clip 1e9",
    ],
)
def test_a_training_that_diverges_says_so_and_keeps_a_good_checkpoint(
    corpus, tmp_path, capsys, options
):
    run = tmp_path / "run"
    command = ["train", *options.split(), "--corpus", str(corpus), "--output", str(run)]
    assert __main__.main(command) == 1
    said = capsys.readouterr()
    last = said.err.splitlines()[-1]
    assert last.startswith("python -m helpers.lm train: training diverged at update")
    assert f"{run} keeps the last good checkpoint" in last
    assert "try a lower lr or clip, in another folder" in last
    assert max(map(len, NUMBERS.findall(said.out + said.err))) < 10
    assert "Traceback" not in said.err
    arrays, progress = checkpoints.load(run / "checkpoint.npz")
    assert all(np.isfinite(value).all() for value in arrays.values())
    assert progress["log"] == []
    assert not (run / "model.json").exists()


@pytest.mark.parametrize("every", [2, 500])
def test_what_was_learned_before_training_diverged_is_kept(
    settings, tmp_path, monkeypatch, every
):
    """From the second epoch on, a word costs 9 nats; guessing costs 2."""
    run = Run(settings, tmp_path, every=every)
    update = run.trainer.update

    def worse(batch, *rest):
        cost, norm = update(batch, *rest)
        return [batch.mask.sum() * 9.0 if run.progress["epoch"] else cost, norm]

    monkeypatch.setattr(run.trainer, "update", worse)
    said = r"in epoch 2: since the last checkpoint a word cost 9 nats; .* cost 2\.079; "
    said += r".* keeps the last good checkpoint and the best model, of epoch 1; "
    with pytest.raises(Stopped, match=said):
        run.go()
    _, progress = checkpoints.load(tmp_path / "checkpoint.npz")
    assert (progress["epoch"], progress["position"]) == (1, 0)
    assert model.load("model", tmp_path).card["epoch"] == 1


@pytest.mark.parametrize("diverged", [False, True])
def test_comments_that_are_strange_to_a_network_are_no_divergence(
    settings, tmp_path, monkeypatch, diverged
):
    run = Run(settings, tmp_path)

    def perplexity(sequences):
        strange = sequences is run.data.validation or sequences is run.data.test
        return math.inf if diverged else 99.0 if strange else 5.0

    monkeypatch.setattr(run.trainer, "perplexity", perplexity)
    if diverged:
        with pytest.raises(Stopped, match="on its own comments is inf"):
            run.go()
        assert not (tmp_path / "model.json").exists()
    else:
        assert run.go().card["validation_perplexity"] == 99


def test_perplexities_beyond_numbers_are_infinite_and_shown_in_few_digits():
    assert scoring.perplexity(math.log(42)) == pytest.approx(42)
    assert scoring.perplexity(1e9) == math.inf
    assert scoring.shown(123.456) == "123.46"
    assert scoring.shown(999999.4, 0) == "999999"
    assert scoring.shown(2.43e58) == "2.43e+58"
    assert scoring.shown(math.inf) == "inf"


# Memory -----------------------------------------------------------------------


@pytest.mark.parametrize("cell", list(model.CELLS))
def test_the_shapes_of_parameters_are_known_without_making_them(cell):
    for V, H in ((9, 4), (5, 13)):
        made = model.initial(cell, V, H, np.random.default_rng(0))
        found = {name: value.shape for name, value in made._asdict().items()}
        assert model.shapes(cell, V, H) == found


def test_the_estimate_of_memory_holds_what_a_checkpoint_takes(settings, tmp_path):
    """In use, as copies, and as a file: each are the arrays of the trainer."""
    run = Run(Settings(**vars(settings) | {"hidden": 300}), tmp_path)
    kept = sum(value.size * 4 for value in run.trainer.arrays().values())
    V = len(run.data.vocabulary)
    assert training.memory("elman", V, 300, 24) == 3 * kept
    assert training.memory("elman", V, 300, 10**9) == kept + 4 * V * 10**9


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        (["--hidden", "100000000"], r"360,00\d,\d{3}\.\d"),
        (["--hidden", "20000", "--cell", "lstm"], r"5\d\.\d"),
        (["--batch", "1000000000"], r"3\d\.\d"),
    ],
)
def test_what_does_not_fit_into_memory_is_refused_with_the_figures(
    corpus, tmp_path, capsys, monkeypatch, options, needed
):
    monkeypatch.setattr(training, "free_memory", lambda: 3 * 10**9)
    command = ["train", "--corpus", str(corpus), "--output", str(tmp_path / "run")]
    assert __main__.main([*command, *options]) == 1
    said = f"need at least {needed} GB of memory; free here are 3.0 GB; make"
    assert re.search(said, capsys.readouterr().err)


def test_memory_that_a_container_may_not_have_is_not_free(monkeypatch):
    whole = provenance.free_memory()
    assert whole > 0
    limit = SimpleNamespace(read_text=lambda encoding: "1000\n")
    monkeypatch.setattr(provenance, "Path", lambda path: limit)
    assert provenance.free_memory() == 1000
    limit.read_text = lambda encoding: "max\n"
    assert provenance.free_memory() > 1000


# One training in a folder -----------------------------------------------------


def test_a_second_training_into_a_folder_is_refused(settings, tmp_path, capsys):
    run = Run(settings, tmp_path)
    command = ["train", "--corpus", settings.corpus, "--output", str(tmp_path)]
    said = f"another process is training in {tmp_path}: wait for it, or give another"
    with files.alone(tmp_path, "training in", ""):
        with pytest.raises(BlockingIOError, match=re.escape(said)):
            run.go()
        assert __main__.main(command) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "checkpoint.npz").exists()
    run.go()


def test_a_run_goes_on_where_another_process_has_left_it(finished, tmp_path):
    run = Run(finished.settings, tmp_path)
    shutil.copytree(finished.folder, tmp_path, dirs_exist_ok=True)
    run.trainer.update = None  # nothing is left to train
    assert run.go().card == model.load("model", tmp_path).card


# Damaged ----------------------------------------------------------------------


def npz(**arrays):
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive",
        b"PK\x03\x04 half a file",
        npz(W_ih=np.ones(9))[:-30],
        npz(W_ih=np.ones(9)),  # without progress
        npz(progress=np.frombuffer(b'{"epoch": ', np.uint8)),
    ],
)
def test_a_damaged_checkpoint_says_what_to_do(settings, tmp_path, content):
    (tmp_path / "checkpoint.npz").write_bytes(content)
    match = r"checkpoint\.npz cannot be read .* delete it to start afresh"
    with pytest.raises(ValueError, match=match):
        Run(settings, tmp_path)


def changed(arrays, name, value):
    return {key: array for key, array in arrays.items() if key != name} | (
        {} if value is None else {name: value}
    )


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("W_hh", None, "must hold W_ih, W_hh"),
        ("extra", np.ones(3), "must hold W_ih, W_hh"),
        ("W_hh", np.ones((6, 5)), r"W_hh must be float64 of shape \(6, 6\); got"),
        ("m_b_h", np.ones(()), r"m_b_h must be .* of shape \(6,\)"),
        ("v_W_ih", np.ones((8, 6), int), "v_W_ih must be float64"),
        ("h0", np.full(6, np.nan), "h0 must be finite"),
        ("W_hh", np.full((6, 6), "text"), "W_hh must be float64"),
    ],
)
def test_a_whole_checkpoint_of_other_arrays_says_what_to_do(
    settings, tmp_path, name, value, said
):
    run = Run(settings, tmp_path)
    arrays = changed(run.trainer.arrays(), name, value)
    checkpoints.save(tmp_path / "checkpoint.npz", arrays, run.progress)
    with pytest.raises(ValueError, match=f"{said}.*; delete it to start afresh"):
        Run(settings, tmp_path)


LINE = {"epoch": 1, "updates": 3, "train_perplexity": 5.0, "seconds": 1.0}


@pytest.mark.parametrize(
    "change",
    [
        {"settings": None},
        {"settings": []},
        {"epoch": "1"},
        {"epoch": -1},
        {"epoch": 2},  # without lines of the log
        {"position": 3},  # without a token
        {"cost": None},
        {"cost": "1"},
        {"log": {}},
        {"log": [LINE], "epoch": 1},
        {"log": [3], "epoch": 1},
        {"updates": True},
        {"tokens": math.nan},
        {"seconds": math.nan},
        [],
        "text",
        None,
    ],
)
def test_a_checkpoint_whose_progress_makes_no_sense_says_what_to_do(
    settings, tmp_path, change
):
    run = Run(settings, tmp_path)
    progress = run.progress | change if isinstance(change, dict) else change
    checkpoints.save(tmp_path / "checkpoint.npz", run.trainer.arrays(), progress)
    said = r"its progress makes no sense\); delete it to start afresh"
    with pytest.raises(ValueError, match=said):
        Run(settings, tmp_path)


def test_reading_a_checkpoint_runs_no_code(tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path / "sprung").touch, ()

    path = tmp_path / "checkpoint.npz"
    path.write_bytes(npz(progress=np.array([Trap()], object)))
    with pytest.raises(ValueError, match="cannot be read"):
        checkpoints.load(path)
    assert not (tmp_path / "sprung").exists()


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.npz"
    checkpoints.save(path, {"W": np.arange(3.0)}, {"epoch": 1})

    def full(*arguments):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        checkpoints.save(path, {"W": np.zeros(3)}, {"epoch": 2})
    arrays, progress = checkpoints.load(path)
    assert progress == {"epoch": 1}
    np.testing.assert_array_equal(arrays["W"], [0, 1, 2])


# Interrupted ------------------------------------------------------------------


@pytest.mark.nightly
def test_a_run_goes_on_from_any_update(settings, tmp_path, monkeypatch):
    Run(settings, tmp_path / "whole", every=3).go()
    expected = weights(tmp_path / "whole")

    class Killed(Exception):
        pass

    for last in (8, 13):  # in the first epoch and in the second
        run = Run(settings, tmp_path / f"{last}", every=3)
        update = run.trainer.update

        def dying(batch, count, lr, rng, update=update, last=last):
            if count > last:
                raise Killed
            return update(batch, count, lr, rng)

        monkeypatch.setattr(run.trainer, "update", dying)
        with pytest.raises(Killed):
            run.go()
        Run(settings, tmp_path / f"{last}", every=3).go()
        found = weights(tmp_path / f"{last}")
        assert all((found[key] == expected[key]).all() for key in expected)
        logs = [
            [json.loads(line) for line in (tmp_path / name / "log.jsonl").open()]
            for name in (f"{last}", "whole")
        ]
        for line in logs[0] + logs[1]:
            del line["seconds"]
        assert logs[0] == logs[1]


@pytest.mark.nightly  # four processes
def test_a_run_that_was_killed_ends_with_the_weights_of_one_that_was_not(
    corpus, tmp_path
):
    options = "--hidden 6 --vocabulary 8 --epochs 40 --patience 40 --batch 24 --seed 1"
    command = [sys.executable, "-m", "helpers.lm", "train", *options.split()]
    command += ["--corpus", str(corpus), "--output"]
    environment = os.environ | {"RNN_ENGINE": "python", "RNN_QUIET": "1"}

    def start(folder):
        return subprocess.Popen(
            [*command, str(tmp_path / folder)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    whole = start("whole")
    log = tmp_path / "killed/log.jsonl"
    for lines in (1, 15):
        process = start("killed")
        while process.poll() is None:
            if log.exists() and len(log.read_text().splitlines()) >= lines:
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.001)
        process.wait()
        assert process.returncode == -signal.SIGKILL
    assert start("killed").wait() == 0
    assert whole.wait() == 0
    ours, theirs = weights(tmp_path / "killed"), weights(tmp_path / "whole")
    assert all((ours[key] == theirs[key]).all() for key in theirs)
    assert (tmp_path / "killed/model.npz").exists()


SMALL = FEW | {"epochs": 2, "batch": 48}
KILLED_RUN = """
from test_lm_training import *

engine.select("python")
run = Run(Settings({corpus!r}, **SMALL), Path({before!r}))
run._save()
run.folder = Path({warm!r})
run.go()  # compiles, for all forks

def act(folder):
    run.folder = folder
    run.go()
"""


@pytest.mark.nightly
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_run_that_is_killed_at_any_write_loses_nothing(corpus, tmp_path):
    before, warm, to = (tmp_path / name for name in ("before", "warm", "killed"))
    code = KILLED_RUN.format(corpus=str(corpus), warm=str(warm), before=str(before))
    *killed, whole = killed_at_every_write(before, to, code)
    assert len(killed) > 30
    engine.select("python")
    expected, run = (
        model.load("model", whole),
        Run(Settings(str(corpus), **SMALL), warm),
    )
    for folder in killed:
        if (folder / "model.json").exists():
            model.load("model", folder)
        run.folder = folder
        run.go()
        found = model.load("model", folder)
        for key in ("epoch", "validation_perplexity", "test_perplexity"):
            assert found.card[key] == expected.card[key]
        for ours, theirs in zip(found.params, expected.params, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        ours, theirs = weights(folder), weights(whole)
        assert all((ours[key] == theirs[key]).all() for key in theirs)


# The command line -------------------------------------------------------------


@pytest.mark.engine
def test_evaluate_prints_the_test_perplexity_of_the_card(trained, capsys):
    assert __main__.main(["evaluate", str(trained)]) == 0
    expected = model.load("model", trained).card["test_perplexity"]
    assert f"perplexity {expected:.2f} on" in capsys.readouterr().out


def test_generate_prints_as_many_sentences_and_the_seed_decides(trained, capsys):
    outputs = []
    for seed in "1", "1", "2":
        assert __main__.main(["generate", str(trained), "-n", "8", "--seed", seed]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1] != outputs[2]
    assert len(outputs[0].splitlines()) == 8
    # Those that are drawn later change none before them.
    assert __main__.main(["generate", str(trained), "-n", "200", "--seed", "2"]) == 0
    more = capsys.readouterr().out.splitlines()
    expected = generation.sentences(
        model.load("model", trained), 200, np.random.default_rng(2)
    )
    assert more == expected
    assert more[:8] == outputs[2].splitlines()


def test_score_finds_what_it_has_learned_more_likely(trained, capsys):
    texts = ["w1 w2 w3", "w3 w2 w1"]
    assert __main__.main(["score", "--model", str(trained), *texts]) == 0
    right, wrong = capsys.readouterr().out.splitlines()
    assert float(right.split()[0]) > float(wrong.split()[0])
    assert right.endswith(": w1 w2 w3")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "--corpus", "nothing", "--output", "{}"], "nothing"),
        (["evaluate", "{}"], "model.json"),
        (["score", "--model", "{}", "word"], "model.json"),
        (["record", "{}"], "model.json"),
    ],
)
def test_errors_are_one_line(arguments, said, tmp_path, capsys):
    filled = [a.format(tmp_path / "empty") for a in arguments]
    assert __main__.main(filled) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"python -m helpers.lm {arguments[0]}: ")
    assert said in error


def test_score_says_which_words_it_does_not_know(trained, capsys):
    command = ["score", "--model", str(trained)]
    assert __main__.main([*command, "w1 is w2 is", "w1 w2"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith(": w1 is w2 is (unknown: is)")
    assert second.endswith(": w1 w2")
    assert __main__.main([*command, "w1", "it is!"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "text must hold words that the model knows; 'it is !' holds none" in said.err


def test_a_number_of_sentences_below_0_is_named(trained, capsys):
    assert __main__.main(["generate", str(trained), "-n", "-1"]) == 1
    assert capsys.readouterr().err.endswith(
        "generate: n must be an integer of at least 0; got -1\n"
    )
    assert __main__.main(["generate", str(trained), "--seed", "-1"]) == 1
    assert capsys.readouterr().err.endswith("seed must not be negative; got -1\n")
    assert __main__.main(["generate", str(trained), "-n", "0"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("name", "goes_on"), [("train", True), ("generate", False)])
def test_only_training_is_said_to_go_on(tmp_path, monkeypatch, capsys, name, goes_on):
    def interrupted(**options):
        raise KeyboardInterrupt

    monkeypatch.setattr(__main__, name, interrupted)
    options = ["--output", str(tmp_path)] if name == "train" else []
    assert __main__.main([name, *options]) == 130
    assert ("goes on" in capsys.readouterr().err) == goes_on


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_sentences_are_written_on_a_console_without_their_characters(
    tmp_path, monkeypatch, encoding
):
    words = ("SENTENCE_START", "SENTENCE_END", "UNKNOWN_TOKEN", *"a\U0001f600日é")
    first = model.initial("elman", len(words), H, np.random.default_rng(0))
    whole = model.LanguageModel(training.Vocabulary(words), first, {})
    whole.save("model", tmp_path)
    outputs = []
    for name in (encoding, "utf-8"):
        stream = io.TextIOWrapper(io.BytesIO(), name, write_through=True)
        monkeypatch.setattr(sys, "stdout", stream)
        assert __main__.main(["generate", str(tmp_path), "-n", "30"]) == 0
        outputs.append(stream.buffer.getvalue().decode(name).split("\n"))
    shown, meant = outputs
    assert len(meant) == 31
    assert any("\U0001f600" in line for line in meant)
    for a, b in zip(shown, meant, strict=True):
        assert a.rstrip("\r") == b.encode(encoding, "backslashreplace").decode(encoding)


def test_a_model_that_names_no_corpus_is_not_evaluated_on_one(tmp_path, capsys):
    words = ("SENTENCE_START", "SENTENCE_END", "UNKNOWN_TOKEN", "a")
    first = model.initial("elman", len(words), H, np.random.default_rng(0))
    model.LanguageModel(training.Vocabulary(words), first, {}).save("model", tmp_path)
    assert __main__.main(["evaluate", str(tmp_path)]) == 1
    assert "give --corpus" in capsys.readouterr().err
    assert __main__.main(["record", str(tmp_path)]) == 1
    assert "must hold a finished run" in capsys.readouterr().err


@pytest.mark.parametrize("log", ["", "{", "[]\n", '{"epoch": 1}\n', "3\n"])
def test_a_run_with_another_log_is_not_recorded(trained, tmp_path, log):
    from helpers.lm import recorded_runs

    (trained / "log.jsonl").write_text(log)
    with pytest.raises(
        ValueError, match=r"with its log\.jsonl; that in .*run does not"
    ):
        recorded_runs.record([trained], to=tmp_path)


def test_record_and_ship_tell_of_the_run(trained, tmp_path, capsys):
    from helpers.lm import recorded_runs

    recorded_runs.record([trained], "a note", tmp_path)
    assert recorded_runs.load(tmp_path)["note"] == "a note"
    (run,) = recorded_runs.load(tmp_path)["runs"]
    card = model.load("model", trained).card
    assert run["test_perplexity"] == pytest.approx(card["test_perplexity"], rel=1e-9)
    assert run["epoch"] == [1, 2, 3]
    assert min(run["validation"]) == pytest.approx(run["validation_perplexity"], 1e-3)
    assert run["parameters"] == sum(v.size for v in model.load("model", trained).params)
    recorded_runs.ship(trained, tmp_path)
    shipped = model.load("reddit", tmp_path)
    assert {"data", "licence", "split", "limits", "words"} < set(shipped.card)
    assert {"command", "settings", "versions", "test_perplexity"} < set(shipped.card)


def test_a_run_that_has_not_finished_is_not_recorded(trained, tmp_path):
    from helpers.lm import recorded_runs

    half = model.load("model", trained)
    del half.card["test_perplexity"]
    half.save("model", trained)
    with pytest.raises(ValueError, match="folder must hold a finished run"):
        recorded_runs.record([trained], to=tmp_path)


def test_a_line_of_progress_says_what_is_left():
    """After 4 of 3 x 10 updates of 2 s: 400 of the tokens at 7 a token, 52 s left."""
    done = {"updates": 4, "seconds": 8.0, "epoch": 0, "position": 4}
    done |= {"tokens": 400, "cost": 400 * math.log(7)}
    run = SimpleNamespace(progress=done, settings=Settings(epochs=3))
    line = "epoch 1/3  40%, perplexity 7.0, 50 tokens/s, 52.0 s left"
    assert Run._line(run, 10) == line


def test_only_jax_works_in_place_and_only_in_a_mode_of_its_own():
    engine.select("python")
    selected = pytensor.config.mode
    assert inplace.mode() is selected
    if not engine.why_not("jax"):
        engine.select("jax")
        assert inplace.mode() is not pytensor.config.mode
