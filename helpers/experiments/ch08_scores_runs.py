"""The trained language model of chapter 8 on comments it has not seen, and the trigram.

    python -m helpers.experiments lm-scores

writes `data/results/lm-scores.json`, which chapter 8 reads with `load`: for the network
that the book ships (or for a run's, with `--model`) and for the trigram model of
`ch08_baselines_runs`, perplexity on the test part, by place and by rank, real sentences
against changed ones, and agreement at a distance. It takes about two minutes, and the
corpus must be on this computer.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from helpers.experiments.ch08_baselines_runs import CORPUS
from helpers.lm import ngrams, scoring, training
from helpers.lm.model import LanguageModel
from helpers.results import records
from helpers.results.intervals import Estimate
from helpers.results.provenance import write_measured
from helpers.tasks.text import Vocabulary

SCHEMA = "rnns-unrolled scores 1"
NAME = "lm-scores"
COMMAND = "python -m helpers.experiments lm-scores"


def load(folder: Path | str | None = None) -> dict:
    """The recorded scores: "network" and "trigram" as `judge` returns them.

    Raises FileNotFoundError where there is no file and ValueError for a damaged one;
    both say how to make it.
    """

    def estimates(document: dict) -> dict:
        for judged in (document["network"], document["trigram"]):
            for key in ("by_position", "by_rank"):
                judged[key] = [
                    scoring.Group(label, Estimate(*perplexity), n)
                    for label, perplexity, n in judged[key]
                ]
            for key in ("preference", "agreement"):
                judged[key] = {k: Estimate(*share) for k, share in judged[key].items()}
        return document

    return records.load_measured(
        NAME, SCHEMA, "scores", "network", COMMAND, folder, estimates
    )


def judge(
    score: Callable[[Sequence[np.ndarray]], scoring.Scores],
    vocabulary: Vocabulary,
    sentences: Sequence[np.ndarray],
) -> dict:
    """All scores of one model; `score` gives log P of sentences.

    Sentences without two different words have no other order, and are left out of the
    comparison with changed ones. Every model gets the same changed ones.
    """
    log_p = score(sentences)
    real = [sentence for sentence in sentences if len(set(sentence[1:-1])) > 1]
    of_real, rng = score(real), np.random.default_rng(0)
    preference = {
        change.__name__: scoring.preference(
            of_real, score([change(sentence, rng) for sentence in real])
        )
        for change in (scoring.shuffled, scoring.swapped)
    }
    return {
        "perplexity": ngrams.perplexity(log_p),
        "by_position": scoring.by_position(log_p),
        "by_rank": scoring.by_rank(log_p, sentences, vocabulary),
        "pairs": len(real),
        "preference": preference,
        "agreement": scoring.agreement(score, vocabulary),
    }


def record(
    folder: Path | str = records.FOLDER, model: LanguageModel | None = None
) -> Path:
    """Measure and write; returns the file's path.

    Raises ValueError where the model has another vocabulary than the corpus gives, and
    the errors of `corpus.load` and of `LanguageModel.load`.
    """
    begun = time.perf_counter()
    network = LanguageModel.load() if model is None else model
    v = network.vocabulary
    data = training.data(CORPUS, len(v))
    if data.vocabulary != v:
        raise ValueError(
            f"the model must have the vocabulary that {CORPUS} gives; got "
            "another, so it was trained on other words"
        )
    trigram = ngrams.fit(data.train, 3, len(v), v.start)
    contents = {
        "summary": "Scores of the shipped network and of a trigram model on the test "
        "part, each share and perplexity with its interval.",
        "corpus": CORPUS,
        "model": network.card.get("sha256", ""),
        "network": judge(partial(scoring.log_probabilities, network), v, data.test),
        "trigram": judge(partial(ngrams.log_probabilities, trigram), v, data.test),
    }
    return write_measured(NAME, SCHEMA, COMMAND, contents, begun, folder)


def describe(document: dict) -> str:
    """What was recorded, for the command line."""
    lines = []
    for name in ("network", "trigram"):
        judged = document[name]
        lines.append(f"{name}: perplexity {judged['perplexity']:.2f}")
        for key in ("preference", "agreement"):
            lines += [f"  {label:30} {s:.3f}" for label, s in judged[key].items()]
    return "\n".join(lines)
