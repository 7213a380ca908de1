"""The perplexities that the language model of chapter 8 has to beat.

    python -m helpers.experiments lm-baselines

writes `data/results/lm-baselines.json`, which chapter 8 reads with `load`: on the
comments, the split and the vocabulary that the network is trained with, all words
equally likely, and Kneser-Ney of the orders 1 to 4. It takes about a minute, nearly
all of it for cutting comments into words. The corpus must be on this computer
(`helpers.tasks.corpus.load` says where).
"""

import time
from pathlib import Path

import numpy as np

from helpers.lm import ngrams, training
from helpers.results import records
from helpers.results.provenance import write_measured

SCHEMA = "rnns-unrolled baselines 1"
NAME = "lm-baselines"
COMMAND = "python -m helpers.experiments lm-baselines"
CORPUS, V = "goemotions", 8000
ORDERS = {"unigram": 1, "bigram": 2, "trigram": 3, "4-gram": 4}


def load(folder: Path | str | None = None) -> dict:
    """The recorded baselines: "models" holds a dict for each, under its name.

    It has "test" and "validation", two perplexities, and "discounts", D of each order.
    Raises FileNotFoundError where there is no file and ValueError for a damaged one;
    both say how to make it.
    """

    def checked(document: dict) -> dict:
        if "uniform" not in document["models"]:
            raise ValueError("no uniform model")
        return document

    return records.load_measured(
        NAME, SCHEMA, "baselines", "models", COMMAND, folder, checked
    )


def measure(data: training.Data) -> dict[str, dict]:
    """Test and validation perplexity of each baseline, fitted to the training part."""
    v = data.vocabulary
    models = {"uniform": {"test": len(v), "validation": len(v), "discounts": []}}
    for name, n in ORDERS.items():
        model = ngrams.fit(data.train, n, len(v), v.start)
        models[name] = {
            "test": _perplexity(model, data.test),
            "validation": _perplexity(model, data.validation),
            "discounts": [float(order.discounts[0]) for order in model.orders],
        }
    return models


def _perplexity(model: ngrams.KneserNey, sentences: list[np.ndarray]) -> float:
    return ngrams.perplexity(ngrams.log_probabilities(model, sentences))


def record(folder: Path | str = records.FOLDER) -> Path:
    """Measure and write; returns the file's path. Errors are those of `corpus.load`."""
    begun = time.perf_counter()
    data = training.data(CORPUS, V)
    models = measure(data)
    targets = np.concatenate([sentence[1:] for sentence in data.test])
    contents = {
        "summary": "Perplexity of baselines, END and UNKNOWN counted as words.",
        "corpus": CORPUS,
        "vocabulary": len(data.vocabulary),
        "sentences": {
            part: len(getattr(data, part)) for part in ("train", "validation", "test")
        },
        "test_words": len(targets),
        "test_unknown": np.mean(targets == data.vocabulary.unknown),
        "models": models,
    }
    return write_measured(NAME, SCHEMA, COMMAND, contents, begun, folder)


def describe(document: dict) -> str:
    """What was recorded, for the command line."""
    models = document["models"].items()
    return "\n".join(f"{name:8} {model['test']:8.2f}" for name, model in models)
