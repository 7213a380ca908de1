"""The trained network of the tutorial behind chapter 8, looked at beside ours.

    python -m helpers.experiments lm-published

writes `data/results/lm-published.json`, which chapter 8 reads with `load`. The
network's file must be on this computer (`helpers.lm.published.load` says where). Its
words are not in it, so that what is recorded first needs none: sentences that it draws,
how many words they have, how many of these are UNKNOWN and which word stands before
END; and what its recurrent weights do to a state. The same is asked of the network that
the book ships. Where the tutorial's comments are here, too (the corpus "classic"), its
vocabulary is counted again, and recorded are how much of its order is certain, its
perplexity on these comments, on which it was trained, beside counts made from them, and
the first sentences that it draws.
"""

import time
from collections import Counter
from pathlib import Path

import numpy as np

from helpers.lm import ngrams, published, scoring
from helpers.lm.model import LanguageModel, advance, start
from helpers.lm.wordfilter import unsuitable
from helpers.networks.elman import Elman
from helpers.results import intervals, records
from helpers.results.provenance import write_measured
from helpers.tasks import corpus

SCHEMA = "rnns-unrolled published network 1"
NAME = "lm-published"
COMMAND = "python -m helpers.experiments lm-published"
MADE, LONGEST = 2000, 100  # sentences, and words in them at most
SHORTEST = 7  # words below which the tutorial threw a sentence away
STEPS = (1, 2, 5, 10, 20)  # words after which a difference of states is looked at
SHOWN = 5  # words before END, and sentences


def load(folder: Path | str | None = None) -> dict:
    """The recorded look; `looked_at` and `with_words` say what it holds.

    Raises FileNotFoundError where there is no file and ValueError for a damaged one;
    both say how to make it.
    """
    return records.load_measured(
        NAME, SCHEMA, "published network", "networks", COMMAND, folder
    )


def drawn(params: Elman, special: tuple[int, int], made: int) -> list[np.ndarray]:
    """Sentences as the network says them, word indices after START, END the last.

    `special` are the indices of START and END. Nothing is filtered, UNKNOWN neither;
    a sentence without END after LONGEST words stays without.
    """
    first, end = special
    rng = np.random.default_rng(0)
    h = np.tile(params.h0, (made, 1))
    word, going = np.full(made, first), np.arange(made)
    said = np.full((made, LONGEST), -1)
    for t in range(LONGEST):
        (h,), o = advance(word, (h,), params)
        word = np.argmax(o + rng.gumbel(size=o.shape), axis=1)  # a draw from softmax(o)
        said[going, t] = word
        going, h, word = (some[word != end] for some in (going, h, word))
    return [row[row >= 0] for row in said]


def looked_at(params: Elman, special: tuple[int, int, int], made: int = MADE) -> dict:
    """What needs no words; `special` are the indices of START, END and UNKNOWN.

    "words" in a sentence (mean and interval), the share of sentences "of seven words or
    more", of words that are "unknown", "before end" the most common last words with
    their shares, "first unknown" P(UNKNOWN) after START; "radius" and "norm" of W_hh,
    "saturated" the share of states beyond +-0.9, and "kept" how long a difference of
    two states is after some words that both have read, over what it was before.
    """
    first, end, unknown = special
    sentences = drawn(params, (first, end), made)
    closed = [s for s in sentences if s[-1] == end]
    lengths = np.array([len(s) - (s[-1] == end) for s in sentences])
    words = np.concatenate([s[s != end] for s in sentences])
    belongs = np.repeat(np.arange(made), lengths)
    last = Counter(int(s[-2]) for s in closed if len(s) > 1)
    _, o = advance(first, start(params), params)
    log_p = o - o.max() - np.log(np.exp(o - o.max()).sum())
    return {
        "words": intervals.mean_interval(lengths),
        "of seven words or more": intervals.wilson(
            int(np.sum(lengths >= SHORTEST)), made
        ),
        "unknown": intervals.clustered_interval(words == unknown, belongs),
        "before end": {
            str(word): count / len(closed) for word, count in last.most_common(SHOWN)
        },
        "first unknown": float(np.exp(log_p[unknown])),
        "radius": float(abs(np.linalg.eigvals(params.W_hh)).max()),
        "norm": float(np.linalg.norm(params.W_hh, 2)),
        **_states(params, first, sentences),
    }


def _states(params: Elman, first: int, sentences: list[np.ndarray]) -> dict:
    """How large states are, and what becomes of a small difference between two."""
    stream = np.concatenate(sentences)  # END and all, long enough for every step
    n = min(200, len(stream) // (STEPS[-1] + 1))
    read = stream[: n * (STEPS[-1] + 1)].reshape(n, -1).T
    params = Elman(*(np.asarray(p, float) for p in params))
    rng = np.random.default_rng(1)
    (h,), _ = advance(np.full(n, first), (np.tile(params.h0, (n, 1)),), params)
    (h,), _ = advance(read[0], (h,), params)
    apart = rng.normal(size=h.shape)
    apart *= 1e-6 / np.linalg.norm(apart, axis=1, keepdims=True)
    other, large, kept = h + apart, [], {}
    for t, word in enumerate(read[1:], start=1):
        (h,), _ = advance(word, (h,), params)
        (other,), _ = advance(word, (other,), params)
        large.append(np.mean(abs(h) > 0.9))
        if t in STEPS:
            kept[str(t)] = float(np.median(np.linalg.norm(other - h, axis=1)) / 1e-6)
    return {"saturated": float(np.mean(large)), "kept": kept}


def with_words(params: Elman, comments: list[str]) -> dict:
    """What needs the tutorial's comments, on which the network was trained.

    "certain" the share of the vocabulary, and of the tokens in it, whose place in the
    order is certain; "perplexity" of the network, and of counts fitted to the same
    text and so as favoured as it is; "ties shuffled" the network's when words that are
    equally common change places, which tells what the uncertain order can cost; "last"
    the last word and its count; "said" the first sentences that pass the word filter,
    and "withheld" how many before the last of them did not.
    """
    V = len(params.W_ih)
    counted = published.vocabulary(comments, V)
    v, counts = counted.vocabulary, counted.counts
    model = LanguageModel(v, Elman(*(p.astype(np.float32) for p in params)), {})
    encoded = [v.encode(tokens) for tokens in counted.sentences]
    certain = published.certain(counts)
    order = np.arange(V)
    rng = np.random.default_rng(0)
    for count in set(counts[2:-1].tolist()):
        tied = 2 + np.flatnonzero(counts[2:-1] == count)
        order[tied] = rng.permutation(tied)
    score = {
        "network": scoring.log_probabilities(model, encoded),
        "ties shuffled": scoring.log_probabilities(model, [order[s] for s in encoded]),
    }
    for name, n in (("unigram", 1), ("bigram", 2), ("trigram", 3)):
        fitted = ngrams.fit(encoded, n, V, v.start)
        score[name] = ngrams.log_probabilities(fitted, encoded)
    flagged = unsuitable(v.words)
    made = drawn(params, (v.start, v.end), 50)
    fit = [i for i, s in enumerate(made) if not flagged[s].any()][:SHOWN]
    return {
        "sentences": len(encoded),
        "certain": {
            "words": float(certain.mean()),
            "tokens": float(counts[certain].sum() / counts.sum()),
        },
        "last": [v.words[-2], int(counts[-2])],
        "perplexity": {name: ngrams.perplexity(s) for name, s in score.items()},
        "said": [v.decode(made[i]) for i in fit],
        "withheld": fit[-1] + 1 - len(fit) if fit else len(made),
    }


def record(folder: Path | str = records.FOLDER) -> Path:
    """Measure and write; returns the file's path. Errors: those of `published.load`."""
    begun = time.perf_counter()
    params, ours = published.load(), LanguageModel.load()
    v = ours.vocabulary
    contents = {
        "summary": "The tutorial's trained network and ours: sentences and states.",
        "sha256": published.SOURCE.sha256[published.FILE],
        "model": ours.card.get("sha256", ""),
        "sizes": {"hidden": len(params.h0), "vocabulary": len(params.b_o)},
        "networks": {
            "published": looked_at(params, (0, 1, len(params.b_o) - 1)),
            "ours": looked_at(ours.params, (v.start, v.end, v.unknown)),
        },
    }
    try:
        contents["with_words"] = with_words(params, corpus.raw("classic"))
    except FileNotFoundError as error:
        contents["with_words"] = {"missing": str(error).split(":")[0]}
    return write_measured(NAME, SCHEMA, COMMAND, contents, begun, folder)


def describe(document: dict) -> str:
    """What was recorded, for the command line."""
    lines = [
        f"{name}: {look['words'][0]:.1f} words a sentence, "
        f"{look['unknown'][0]:.1%} unknown, spectral radius {look['radius']:.2f}"
        for name, look in document["networks"].items()
    ]
    lines += [f"{key}: {value}" for key, value in document["with_words"].items()]
    return "\n".join(lines)
