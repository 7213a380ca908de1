"""Tests of helpers.lm.training and of the command line: one update, and whole runs."""

import io
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytensor
import pytest
from scipy.special import softmax
from test_cells import random_cell

from helpers import engine
from helpers.lm import (
    __main__,
    batches,
    by_hand,
    checkpoints,
    compiled,
    inplace,
    model,
    scoring,
    training,
)
from helpers.lm.training import Run, Settings, Stopped, Trainer
from helpers.networks import bptt
from helpers.networks.elman import Elman, hidden_states_numpy, readout, shared

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
        ("cell", "rnn", "cell must be one of elman, lstm, gru; got 'rnn'"),
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


@pytest.fixture
def corpus(tmp_path):
    """60 comments of 3 or 5 words, each word followed by the same one mostly."""
    rng = np.random.default_rng(0)
    lines = []
    for i in range(60):
        first = rng.integers(5)
        words = [
            f"w{(first + k + (rng.random() < 0.1)) % 5}" for k in range(3 + i % 2 * 2)
        ]
        lines.append(" ".join(words))
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def settings(corpus):
    return Settings(
        corpus=str(corpus), hidden=6, vocabulary=8, epochs=3, batch=24, lr=0.02, seed=1
    )


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


@pytest.mark.slow
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
    wild = Settings(**vars(settings) | {"lr": 3.0, "epochs": 50, "patience": 2})
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


def test_where_the_c_library_is_another_nothing_is_asked_of_it(monkeypatch):
    for error in (AttributeError, OSError, TypeError):

        def missing(name, error=error):
            raise error

        monkeypatch.setattr(training.ctypes, "CDLL", missing)
        assert training.keep_memory() is None


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


@pytest.mark.slow
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


@pytest.mark.slow  # four processes
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


# The command line -------------------------------------------------------------


@pytest.fixture
def trained(settings, tmp_path):
    Run(settings, tmp_path / "run").go()
    return tmp_path / "run"


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
