"""How the trained language model of chapter 8 speaks.

    python -m helpers.experiments lm-portrait

writes `data/results/lm-portrait.json`, which chapter 8 reads with `load`. Sentences
that the network that the book ships (or that of a run, with `--model`) and n-gram
models make are counted beside comments: their length and their marks
(`scoring.habits`), how many stand in the training comments word for word, and how many
hold a word that the word filter stops. It takes two minutes, and the corpus must be on
this computer.
"""

import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from helpers.experiments import ch08_baselines_runs
from helpers.lm import generation, ngrams, scoring, training
from helpers.lm.model import LanguageModel
from helpers.lm.ngrams import KneserNey
from helpers.lm.wordfilter import unsuitable
from helpers.results import intervals, records
from helpers.results.provenance import write_measured
from helpers.tasks.text import Vocabulary

SCHEMA = "rnns-unrolled portrait 1"
NAME = "lm-portrait"
COMMAND = "python -m helpers.experiments lm-portrait"
ORDERS = {"unigram": 1, "bigram": 2, "trigram": 3}
MADE = 2000  # sentences that each model makes
LONGEST = 60  # words in them
LENGTHS = ((1, 4), (5, 7), (8, LONGEST))  # words in a sentence, from and to


def load(folder: Path | str | None = None) -> dict:
    """The recorded portrait; `portrait` says what it holds.

    Raises FileNotFoundError where there is no file and ValueError for a damaged one;
    both say how to make it.
    """
    return records.load_measured(NAME, SCHEMA, "portrait", "habits", COMMAND, folder)


def portrait(model: LanguageModel, data: training.Data, made: int = MADE) -> dict:
    """All that is recorded. Shares are [share, low, high] of a 95% interval.

    Raises ValueError for data in other words than the model's.
    """
    if data.vocabulary != model.vocabulary:
        raise ValueError("data must have the vocabulary of the model; got another")
    v = model.vocabulary
    grams = {
        name: ngrams.fit(data.train, n, len(v), v.start) for name, n in ORDERS.items()
    }
    sentences = {
        "network": generation.sample(
            model, made, np.random.default_rng(0), maximum=LONGEST, filtered=False
        ),
        **{name: sample_ngrams(g, v, made) for name, g in grams.items()},
    }
    return {
        "habits": habits(data, sentences),
        "copied": copied(data, sentences),
        "unsuitable": unsuitable_shares(v, data.test, sentences["network"]),
    }


def sample_ngrams(
    model: KneserNey, vocabulary: Vocabulary, n: int, seed: int = 0
) -> list[np.ndarray]:
    """n sentences of word indices, START to END; UNKNOWN is never drawn."""
    rng, reach = np.random.default_rng(seed), len(model.orders) - 1

    @cache
    def logits(context: tuple[int, ...]) -> np.ndarray:
        p = ngrams.distribution(model, context)
        p[[vocabulary.start, vocabulary.unknown]] = 0
        with np.errstate(divide="ignore"):
            return np.log(p)

    made = []
    for _ in range(n):
        sentence = [vocabulary.start]
        while sentence[-1] != vocabulary.end and len(sentence) <= LONGEST:
            context = tuple(sentence[max(0, len(sentence) - reach) :])
            sentence.append(int(generation.draw_word(logits(context), rng.random())))
        made.append(np.array(sentence))
    return made


def habits(data: training.Data, sentences: dict[str, list[np.ndarray]]) -> dict:
    """`scoring.habits` and the mean number of words, of comments and of each model."""
    everyone = {"comments": data.test, **sentences}
    found = {}
    for name, some in everyone.items():
        tokens = [scoring.tokens(ids, data.vocabulary) for ids in some]
        lengths = [len(words) for words in tokens]
        found[name] = {
            "words": intervals.mean_interval(lengths),
            **scoring.habits(tokens),
        }
    return found


def copied(data: training.Data, sentences: dict[str, list[np.ndarray]]) -> dict:
    """How many sentences stand word for word in the training comments, by length.

    A share with its interval for each of LENGTHS, of the test comments ("comments") and
    of what each model makes; none for lengths without a sentence.
    """
    known = {tuple(sentence) for sentence in data.train}
    found = {}
    for name, some in {"comments": data.test, **sentences}.items():
        found[name] = {}
        for low, high in LENGTHS:
            words = [tuple(s) for s in some if low <= len(s) - 2 <= high]
            if words:
                share = intervals.wilson(sum(s in known for s in words), len(words))
                found[name][f"{low} to {high}"] = share
    return found


def unsuitable_shares(
    vocabulary: Vocabulary, test: Sequence[np.ndarray], made: Sequence[np.ndarray]
) -> dict:
    """Words that the word filter stops, and how many sentences hold one of them."""
    flagged = unsuitable(vocabulary.words)
    return {
        "words": int(flagged.sum()),
        "comments": intervals.wilson(sum(flagged[s].any() for s in test), len(test)),
        "network": intervals.wilson(sum(flagged[s].any() for s in made), len(made)),
    }


def record(
    folder: Path | str = records.FOLDER, model: LanguageModel | None = None
) -> Path:
    """Measure and write; returns the file's path. Errors are those of `corpus.load`."""
    begun = time.perf_counter()
    model = LanguageModel.load() if model is None else model
    data = training.data(ch08_baselines_runs.CORPUS, len(model.vocabulary))
    measured = portrait(model, data)
    contents = {
        "summary": "Habits of the sentences that a network and n-gram models make.",
        "corpus": ch08_baselines_runs.CORPUS,
        "model": model.card.get("sha256", ""),
        "sentences": len(data.test),
        "made": MADE,
        **measured,
    }
    return write_measured(NAME, SCHEMA, COMMAND, contents, begun, folder)


def describe(document: dict) -> str:
    """What was recorded, for the command line."""
    lines = []
    for writer, habits in document["habits"].items():
        share = habits["sentences that end in . ! or ?"][0]
        lines.append(f"{writer:8} {habits['words'][0]:.1f} words, {share:.0%} closed")
    return "\n".join(lines)
