"""The language model of chapter 8 beside the counts, with intervals by comment.

    python -m helpers.experiments lm-compared

writes `data/results/lm-compared.json`, which chapter 8 reads with `load`: perplexities
on the test part of the network that the book ships (or of a run's, with `--model`), of
the trigram and of a modified Kneser-Ney 5-gram model, and of means of two of them; on
all test words, and without comments and sentences that stand in the training part, too;
by the place of the word; and what the network loses when it forgets all but the last
words. The words of one comment depend on each other, so that each interval takes the
comments for the independent units. It takes about three minutes, and the corpus must be
on this computer (`helpers.tasks.corpus.load` says where).
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from helpers import arguments
from helpers.experiments.ch08_baselines_runs import CORPUS
from helpers.lm import ngrams, scoring, training
from helpers.lm.model import LanguageModel
from helpers.lm.scoring import Scores
from helpers.networks.elman import readout
from helpers.results import records
from helpers.results.intervals import Estimate, clustered_interval
from helpers.results.provenance import write_measured
from helpers.tasks.text import Vocabulary

SCHEMA = "rnns-unrolled compared models 1"
NAME = "lm-compared"
COMMAND = "python -m helpers.experiments lm-compared"
NETWORK, TRIGRAM, FIVE = "network", "trigram", "modified 5-gram"
COUNTED = {  # n, and whether modified
    "bigram": (2, False),
    TRIGRAM: (3, False),
    "modified trigram": (3, True),
    "modified 4-gram": (4, True),
    FIVE: (5, True),
}
MEANS = ((TRIGRAM, "bigram"), (NETWORK, TRIGRAM), (NETWORK, FIVE))
RATIOS = ((NETWORK, TRIGRAM), (NETWORK, FIVE))
PLACES = ((1, 1), (2, 2), (3, 3), (4, 6), (7, 10), (11, 20), (21, 1000))
MEMORIES = (1, 2, 3, 4, 5, 6, 8, 12)  # words back


class Words(NamedTuple):
    """The test words as one list: to which comment each belongs, and what is known."""

    comment: np.ndarray  # (n,) the number of its comment
    place: np.ndarray  # (n,) its place in its sentence, from 1; END has one, too
    kept: dict[str, np.ndarray]  # (n,) whether it is in each part of the test words


def load(folder: Path | str | None = None) -> dict:
    """The recorded comparison; `compared` says what it holds.

    Intervals come as `Estimate`. Raises FileNotFoundError where there is no file and
    ValueError for a damaged one; both say how to make it.
    """
    return records.load_measured(
        NAME, SCHEMA, "comparison", "models", COMMAND, folder, _estimates
    )


def _estimates(found):
    if isinstance(found, dict):
        return {key: _estimates(value) for key, value in found.items()}
    return Estimate(*found) if isinstance(found, list) else found


def words_of(
    train: Sequence[Sequence[list[str]]],
    test: Sequence[Sequence[list[str]]],
    vocabulary: Vocabulary,
) -> Words:
    """The words of test comments, and those left when what was trained on is left out.

    Both are lists of comments, each a list of sentences of tokens. "new comments" lacks
    the comments that stand in the training part, and "new sentences" the sentences that
    do, in the words of the vocabulary.
    """
    known = {tuple(map(tuple, comment)) for comment in train}
    read = {tuple(vocabulary.encode(s)) for comment in train for s in comment}
    comment, place, new_comment, new_sentence = [], [], [], []
    for i, sentences in enumerate(test):
        fresh = tuple(map(tuple, sentences)) not in known
        for tokens in sentences:
            ids = vocabulary.encode(tokens)
            n = len(ids) - 1
            comment += [i] * n
            place += range(1, n + 1)
            new_comment += [fresh] * n
            new_sentence += [tuple(ids) not in read] * n
    kept = {
        "all": np.ones(len(comment), bool),
        "new comments": np.array(new_comment),
        "new sentences": np.array(new_sentence),
    }
    return Words(np.array(comment), np.array(place), kept)


def forgetting(
    model: LanguageModel, sentences: Sequence[np.ndarray], k: int, batch: int = 512
) -> Scores:
    """log P of each word by an Elman network that forgets all but the last k words.

    Each is predicted from the state that the k words before it give, read from h0, or
    all words from START on where there are fewer. Raises ValueError for k < 1.
    """
    k = arguments.integer("k", k, expected="at least 1")
    params = model.params
    scores = [np.empty(len(sentence) - 1) for sentence in sentences]
    at: dict[int, list[tuple[int, int]]] = {}  # by the length of what is read
    for i, sentence in enumerate(sentences):
        for t in range(1, len(sentence)):
            at.setdefault(min(k, t), []).append((i, t))
    for length, places in at.items():
        for some in (places[i : i + batch] for i in range(0, len(places), batch)):
            read = np.array([sentences[i][t - length : t + 1] for i, t in some])
            h = params.h0
            for x in read.T[:-1]:
                h = np.tanh(params.W_ih[x] + params.b_h + h @ params.W_hh)
            o = readout(h, params)
            o = o - o.max(axis=1, keepdims=True)
            log_p = o[np.arange(len(o)), read[:, -1]] - np.log(np.exp(o).sum(axis=1))
            for (i, t), value in zip(some, log_p, strict=True):
                scores[i][t - 1] = value
    return scores


def compared(
    model: LanguageModel, train: Sequence[np.ndarray], test: Sequence, words: Words
) -> dict:
    """All that is recorded, of sentences of indices and of `words_of` the test part.

    "tokens" by part of the test words; "models" the perplexity by name and part, a mean
    of two under "a and b"; "ratios" of two perplexities, "a over b", by part; "places"
    the ratio of network to trigram and both perplexities by place; "memory" by k the
    number of words that have more than k before them, START counted, the perplexity on
    these with and without forgetting, and the nats a word that forgetting costs.
    """
    v = model.vocabulary
    log_p = {NETWORK: np.concatenate(scoring.log_probabilities(model, test))}
    for name, (n, modified) in COUNTED.items():
        counted = ngrams.fit(train, n, len(v), v.start, modified)
        log_p[name] = np.concatenate(ngrams.log_probabilities(counted, test))
    for a, b in MEANS:
        log_p[f"{a} and {b}"] = np.logaddexp(log_p[a], log_p[b]) - np.log(2)
    return {
        "tokens": {part: int(kept.sum()) for part, kept in words.kept.items()},
        "models": {
            name: {
                part: _ratio(-log_p[name], k, words) for part, k in words.kept.items()
            }
            for name in log_p
        },
        "ratios": {
            f"{a} over {b}": {
                part: _ratio(log_p[b] - log_p[a], kept, words)
                for part, kept in words.kept.items()
            }
            for a, b in RATIOS
        },
        "places": _by_place(log_p[NETWORK], log_p[TRIGRAM], words),
        "memory": {
            str(k): _memory(log_p[NETWORK], forgetting(model, test, k), k, words)
            for k in MEMORIES
        },
    }


def _ratio(nats: np.ndarray, kept: np.ndarray, words: Words) -> Estimate:
    """exp of a mean over the words that are kept, with its interval by comment."""
    mean = clustered_interval(nats[kept], words.comment[kept])
    return Estimate(*np.exp(mean).tolist())


def _by_place(network: np.ndarray, trigram: np.ndarray, words: Words) -> dict:
    found = {}
    for low, high in PLACES:
        kept = (low <= words.place) & (words.place <= high)
        if len(np.unique(words.comment[kept])) > 1:
            label = f"{low} to {high}" if low < high else str(low)
            found[label if high < 1000 else f"from {low} on"] = {
                NETWORK: _ratio(-network, kept, words),
                TRIGRAM: _ratio(-trigram, kept, words),
                "ratio": _ratio(trigram - network, kept, words),
            }
    return found


def _memory(whole: np.ndarray, scores: Scores, k: int, words: Words) -> dict:
    forgot, concerned = np.concatenate(scores), words.place > k
    return {
        "words": int(concerned.sum()),
        "all words": float(np.exp(-forgot.mean())),
        "reading all": _ratio(-whole, concerned, words),
        "forgetting": _ratio(-forgot, concerned, words),
        "nats": clustered_interval(
            (whole - forgot)[concerned], words.comment[concerned]
        ),
    }


def record(
    folder: Path | str = records.FOLDER, model: LanguageModel | None = None
) -> Path:
    """Measure and write; returns the file's path. Errors are those of `corpus.load`."""
    begun = time.perf_counter()
    model = LanguageModel.load() if model is None else model
    v = model.vocabulary
    parts = training.by_comment(CORPUS)
    words = words_of(parts.train, parts.test, v)
    new = len(np.unique(words.comment[words.kept["new comments"]]))
    train, test = (
        [v.encode(tokens) for comment in part for tokens in comment]
        for part in (parts.train, parts.test)
    )
    contents = {
        "summary": "Perplexities of network and counts on the test words, with "
        "intervals by comment, and the network's when it forgets.",
        "corpus": CORPUS,
        "model": model.card.get("sha256", ""),
        "comments": len(parts.test),
        "repeated_comments": len(parts.test) - new,
        **compared(model, train, test, words),
    }
    return write_measured(NAME, SCHEMA, COMMAND, contents, begun, folder)


def describe(document: dict) -> str:
    """What was recorded, for the command line."""
    lines = [
        f"{name:28} {parts['all']:.2f}" for name, parts in document["models"].items()
    ]
    lines += [f"{name:28} {r['all']:.3f}" for name, r in document["ratios"].items()]
    for k, memory in document["memory"].items():
        lines.append(f"{k:>2} words back: {memory['nats']:.4f} nats a word")
    return "\n".join(lines)
