"""The command line of the language model.

    python -m helpers.lm train --corpus goemotions --output runs/elman-0
    python -m helpers.lm evaluate runs/elman-0
    python -m helpers.lm generate --temperature 0.8
    python -m helpers.lm score "how are you doing ?"
    python -m helpers.lm record runs/*

`train` goes on where it was stopped, however it was, when it is given again. MODEL is
the folder of a run; without it, the model that the book ships.
"""

import argparse
import contextlib
import sys
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np

from helpers import engine
from helpers.lm import generation, model, recorded_runs, scoring, training
from helpers.lm.model import LanguageModel
from helpers.lm.training import Run, Settings, Stopped
from helpers.results import console
from helpers.tasks.corpus import clean
from helpers.tasks.text import sentences

HELP = {
    "corpus": "comments, goemotions, classic, or a file of your own",
    "cell": "elman, lstm or gru",
    "hidden": "hidden units",
    "vocabulary": "words, START, END and UNKNOWN among them",
    "epochs": "times through the training comments",
    "batch": "predictions in an update",
    "lr": "rate of the first update; it falls to 0 along half a cosine",
    "clip": "longest gradient",
    "rows": "the first rows of W_ih lie within +- this",
    "dropout": "share of the looked-up rows and of the states set to zero",
    "truncate": "steps that gradients go back; all of the sentence if not given",
    "patience": "epochs without a better validation after which training stops",
    "seed": "of everything random",
    "embedding": "numbers of a row of E; no E if not given",
    "tied": "whether W_ho is E turned over",
    "locked": "whether dropout has one mask for all steps of a sentence",
    "recurrent": "share of the last state set to zero, one mask for all steps",
    "connect": "share of the elements of W_hh set to zero in an update",
    "words": "share of the words of a batch whose rows are set to zero",
    "norm": "layer norm, True or False",
    "carried": "whether the state goes on over the sentences of a comment",
    "schedule": "of the rate: cosine, constant or linear",
    "warmup": "share of the updates in which the rate rises",
    "average": "last epochs, the mean of whose weights is the model",
    "buckets": "lengths of batches at most",
}


def _truth(text: str) -> bool:
    """True or False, in these words."""
    if text not in ("True", "False"):
        raise argparse.ArgumentTypeError(f"must be True or False; got {text!r}")
    return text == "True"


KINDS = {bool: _truth}  # how a setting is read, where not by its own type


def main(argv: Sequence[str] | None = None) -> int:
    """The command with these arguments; returns its exit code: 0, 1 for an error."""
    console.show_any_text()
    options = vars(_parser().parse_args(argv))
    run, name = options.pop("run"), options.pop("command")
    try:
        run(**options)
    except (ValueError, OSError, MemoryError, Stopped) as error:
        print(f"python -m helpers.lm {name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        goes_on = "; the same command goes on from here" if name == "train" else ""
        print(f"\nstopped{goes_on}", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m helpers.lm",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, run, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    train_it = command("train", train, "train a model, or go on with it")
    defaults = Settings()
    for field in fields(Settings):
        default = getattr(defaults, field.name)
        kind = int if default is None else KINDS.get(type(default), type(default))
        text = HELP[field.name] + ("" if default is None else f" ({default})")
        train_it.add_argument(f"--{field.name}", type=kind, default=default, help=text)
    train_it.add_argument(
        "--output", type=Path, required=True, help="folder of the run"
    )
    train_it.add_argument(
        "--fetch", action="store_true", help="download the corpus if it is not here"
    )

    evaluate_it = command("evaluate", evaluate, "perplexity on the test comments")
    evaluate_it.add_argument("--corpus", help="another corpus than the model's own")
    generate_it = command("generate", generate, "write sentences")
    generate_it.add_argument("-n", type=int, default=10, help="how many (10)")
    generate_it.add_argument("--temperature", type=float, default=1.0, help="(1.0)")
    generate_it.add_argument("--minimum", type=int, default=1, help="least words (1)")
    generate_it.add_argument("--begin", default="", help="first words of each sentence")
    generate_it.add_argument("--seed", type=int, default=0, help="of the draws (0)")
    generate_it.add_argument(
        "--unfiltered", action="store_true", help="let it say any word"
    )
    score_it = command("score", score, "log-probability and perplexity of sentences")
    score_it.add_argument("text", nargs="+", help="a sentence, in quotes")
    for one in (evaluate_it, generate_it):
        one.add_argument("model", nargs="?", type=Path, help="folder of a run")
    score_it.add_argument("--model", type=Path, help="folder of a run")

    record_it = command(
        "record", recorded_runs.record, "write data/results/lm-runs.json"
    )
    record_it.add_argument("folders", nargs="+", type=Path, help="folders of runs")
    record_it.add_argument("--note", default="", help="what else one should know")
    ship_it = command("ship", recorded_runs.ship, "make a run's model that of the book")
    ship_it.add_argument("folder", type=Path, help="folder of the run")
    return parser


def train(output: Path, fetch: bool, **settings) -> None:
    """Train a model in the folder `output`, or go on with it."""
    with contextlib.redirect_stdout(sys.stderr):
        engine.select(floatX="float32")
    run = Run(Settings(**settings), output, fetch=fetch)
    best = run.go(Progress())
    print(
        f"best after epoch {best.card['epoch']}: perplexity "
        f"{scoring.shown(best.card['validation_perplexity'])} on the validation "
        f"comments, {scoring.shown(best.card['test_perplexity'])} on those of the "
        f"test; written to {output}"
    )


def evaluate(model: Path | None, corpus: str | None) -> None:
    """Print the perplexity on the test part of a corpus."""
    judged = _load(model)
    corpus = corpus or judged.card.get("settings", {}).get("corpus")
    if corpus is None:
        raise ValueError("the model does not say what it was trained on; give --corpus")
    test = training.sequences(corpus, judged.vocabulary).test
    log_p = np.concatenate(scoring.log_probabilities(judged, test))
    print(
        f"perplexity {_shown(log_p)} on {len(log_p):,} words and ends of "
        f"{len(test):,} sentences, the test part of {corpus}"
    )


def generate(model: Path | None, n, temperature, minimum, begin, seed, unfiltered):
    """Print n sentences, some at a time: whoever interrupts it has the others."""
    if seed < 0:
        raise ValueError(f"seed must not be negative; got {seed}")
    writer, rng = _load(model), np.random.default_rng(seed)
    for done in range(0, max(n, 1), generation.BATCH):
        for sentence in generation.sentences(
            writer,
            min(n - done, generation.BATCH),
            rng,
            temperature=temperature,
            minimum=minimum,
            seed_text=begin,
            filtered=not unfiltered,
        ):
            print(sentence, flush=True)


def score(model: Path | None, text: list[str]) -> None:
    """Print log-probability and perplexity of each sentence.

    The model knows all other words as one, UNKNOWN, which is common: a line says which
    those are, and a sentence of nothing else is refused.
    """
    judge = _load(model)
    read = [tokens for some in text for tokens in sentences(clean(some))]
    if not read:
        raise ValueError("text must hold at least one word")
    unknown = [[t for t in some if t not in judge.vocabulary.index] for some in read]
    for tokens, strange in zip(read, unknown, strict=True):
        if not any(t.isalnum() for t in tokens if t not in strange):
            raise ValueError(
                "text must hold words that the model knows; "
                f"{' '.join(tokens)!r} holds none"
            )
    encoded = [judge.vocabulary.encode(tokens) for tokens in read]
    scores = scoring.log_probabilities(judge, encoded)
    for tokens, strange, log_p in zip(read, unknown, scores, strict=True):
        said = f" (unknown: {', '.join(dict.fromkeys(strange))})" if strange else ""
        print(
            f"{log_p.sum():8.2f} nats, perplexity {_shown(log_p, 1):>8}: "
            f"{' '.join(tokens)}{said}"
        )


def _shown(log_p: np.ndarray, digits: int = 2) -> str:
    """The perplexity that these log-probabilities make, to read."""
    return scoring.shown(scoring.perplexity(-float(log_p.mean())), digits)


def _load(folder: Path | None) -> LanguageModel:
    return model.load() if folder is None else model.load("model", folder)


class Progress:
    """Says on stderr how far training is: a line that changes, or one now and then."""

    def __init__(self) -> None:
        self.on_screen = sys.stderr.isatty()
        self.every = 1 if self.on_screen else 30  # seconds
        self.last = -self.every

    def __call__(self, text: str) -> None:
        """Say it, if it is time to."""
        if time.monotonic() - self.last >= self.every:
            self.last = time.monotonic()
            end = "\r" if self.on_screen else "\n"
            print(f"{text:78}", end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
