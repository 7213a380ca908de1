"""The first steps of a language model: 100 sentences, SGD, and how it all begins.

Plain SGD goes nine times through the first hundred sentences of the shipped comments,
as the log of the WildML tutorial does with a hundred of its own (Britz 2015). Three
networks differ in how they begin:

- "as published": without biases, and all weights within +-1/sqrt(n) with n = V for
  W_ih, although of its V inputs all but one are 0;
- "rows of size 1": the same with n = 1 for W_ih;
- "with biases": the same with the biases and h0 learned, too.
"""

import numpy as np

from helpers.experiments.runner import Experiment, traced
from helpers.lm import by_hand
from helpers.lm.model import LanguageModel, initial
from helpers.networks.elman import Elman
from helpers.tasks import corpus, text

FIRST_STEPS = {
    "sentences": 100,
    "hidden": 100,
    "lr": 0.005,  # halved after an epoch in which the loss rose
    "epochs": 9,
    "settings": ["as published", "rows of size 1", "with biases"],
}


def first_sentences(count: int, vocabulary: text.Vocabulary) -> list[np.ndarray]:
    """The first sentences of the shipped comments: START, words, END."""
    tokens = [some for comment in corpus.load() for some in text.sentences(comment)]
    return [vocabulary.encode(some) for some in tokens[:count]]


def begin(setting: str, V: int, H: int, rng: np.random.Generator) -> Elman:
    """First weights. Raises ValueError for an unknown setting."""
    if setting not in FIRST_STEPS["settings"]:
        raise ValueError(
            f"setting must be one of {', '.join(FIRST_STEPS['settings'])}; "
            f"got {setting!r}"
        )
    params = Elman(*(value.astype(float) for value in initial("elman", V, H, rng)))
    if setting == "as published":
        params = params._replace(W_ih=params.W_ih / np.sqrt(V))
    return params


def learn(
    setting: str, seed: int, parameters: dict, updates: int | None = None
) -> tuple[list[float], list[float]]:
    """Train; the mean losses before and after each epoch, and the traced losses.

    A trace holds the loss of the sentence of an update just before it. `updates` stops
    the training after so many.
    """
    model = LanguageModel.load()
    sentences = first_sentences(parameters["sentences"], model.vocabulary)
    rng = np.random.default_rng([seed, 0])
    params = begin(setting, len(model.vocabulary), parameters["hidden"], rng)
    lr, trace = parameters["lr"], []
    losses = [by_hand.mean_loss(sentences, params)]
    for k in range(1, (updates or parameters["epochs"] * len(sentences)) + 1):
        sentence = sentences[(k - 1) % len(sentences)]
        if traced(k):
            trace.append(by_hand.mean_loss([sentence], params))
        by_hand.sgd_step(sentence[:-1], sentence[1:], params, lr)
        if setting != "with biases":
            for held in (params.b_h, params.b_o, params.h0):
                held[:] = 0
        if k % len(sentences) == 0:
            losses.append(by_hand.mean_loss(sentences, params))
            if losses[-1] > losses[-2]:
                lr /= 2
    return losses, trace


def first_steps(seed: int, parameters: dict, updates: int | None = None) -> dict:
    """One seed: for each setting the losses by epoch ("curves"), the last as metric."""
    curves, traces = {}, {}
    for setting in parameters["settings"]:
        curves[setting], traces[setting] = learn(setting, seed, parameters, updates)
    metrics = {setting: losses[-1] for setting, losses in curves.items()}
    return {"trace": traces, "metrics": metrics, "curves": curves}


EXPERIMENTS = (
    Experiment(
        name="lm-first-steps",
        summary="Loss of a language model on 100 sentences during nine epochs of SGD.",
        parameters=FIRST_STEPS,
        run=first_steps,
        metrics=tuple(FIRST_STEPS["settings"]),
    ),
)
