"""Sentences from a language model, a word at a time, many sentences at once.

Each word is drawn from softmax(o / temperature) and read by the network, whose state
carries all that came before. The cost of a word is thus the same at every place of a
sentence. `by_rerunning` reads the whole sentence again for every word instead.

The parameters are float32. Here they become float64, so that the last bits of a
product, in which one machine differs from another, decide practically no draw.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import softmax

from helpers import arguments
from helpers.lm.model import LanguageModel, advance, start
from helpers.lm.wordfilter import unsuitable
from helpers.tasks import corpus, text
from helpers.tasks.text import Vocabulary

BATCH = 64  # sentences at once: more are no faster, and take more memory


def sentences(
    model: LanguageModel, n: int, rng: np.random.Generator, **options
) -> list[str]:
    """n sentences to read; the options and errors are those of `sample`."""
    return [model.vocabulary.decode(ids) for ids in sample(model, n, rng, **options)]


def sample(
    model: LanguageModel,
    n: int,
    rng: np.random.Generator,
    temperature: float = 1.0,
    minimum: int = 1,
    maximum: int = 50,
    seed_text: str = "",
    filtered: bool = True,
) -> list[np.ndarray]:
    """n sentences as word indices: START, the words of `seed_text`, new words, END.

    A temperature below 1 makes likely words more likely still. A sentence ends with at
    least `minimum` words, tokens such as commas among them and the seed's too; one that
    has `maximum` words is cut there, without END. UNKNOWN is never drawn, nor is a word
    that `helpers.lm.wordfilter` calls unsuitable, unless `filtered` is False: their
    logits are -infinity, and so the other words share their probability.

    Each sentence has random numbers of its own. So the first ones do not depend on how
    many follow.

    Raises ValueError for a number n that is no integer of at least 0, an `rng` that is
    no generator, a temperature that is not positive, lengths that do not fit, seed
    words that the vocabulary lacks, parameters that are not finite or do not fit, and a
    vocabulary without a word that may be drawn.
    """
    model = _float64(model)
    n = arguments.integer("n", n, 0)
    arguments.generator(rng)
    for name, words in {"minimum": minimum, "maximum": maximum}.items():
        arguments.integer(name, words, -np.inf, expected="an integer")
    seed = _seed(seed_text, model.vocabulary)
    if not len(seed) < maximum >= minimum >= 0:
        raise ValueError(
            "maximum must be above the number of words of seed_text and not below "
            f"minimum, which is not negative; got maximum = {maximum}, minimum = "
            f"{minimum} and {len(seed)} words"
        )
    _checked_temperature(temperature)
    blocked = _blocked(model.vocabulary, filtered)
    return [
        sentence
        for i in range(0, n, BATCH)
        for sentence in _grow(
            model,
            seed,
            rng.random((min(BATCH, n - i), maximum)),
            blocked,
            temperature,
            minimum,
        )
    ]


def _grow(model, seed, draws, blocked, temperature, minimum) -> list[np.ndarray]:
    """One sentence for each row of draws (n, maximum), which are between 0 and 1."""
    v, (n, maximum) = model.vocabulary, draws.shape
    grown = [[v.start, *seed] for _ in range(n)]
    state = tuple(np.tile(s, (n, 1)) for s in start(model.params))
    for word in (v.start, *seed):
        state, o = advance(np.full(n, word), state, model.params)
    growing = np.arange(n)  # the sentences that have not ended
    for t in range(len(seed), maximum):
        o = o + blocked
        if t < minimum:
            o[:, v.end] = -np.inf
        words = draw_word(o, draws[growing, t], temperature)
        for i, word in zip(growing, words, strict=True):
            grown[i].append(word)
        go_on = words != v.end
        if not go_on.any():
            break
        growing = growing[go_on]
        state = tuple(s[go_on] for s in state)
        state, o = advance(words[go_on], state, model.params)
    return [np.array(sentence, dtype=np.int32) for sentence in grown]


def by_rerunning(
    model: LanguageModel,
    rng: np.random.Generator,
    temperature: float = 1.0,
    minimum: int = 1,
    maximum: int = 50,
    filtered: bool = True,
) -> np.ndarray:
    """The sentence that `sample` gives for n = 1, by reading all of it for each word.

    To compare: T words take T (T + 1) / 2 steps of the network here, and T there.
    Errors as there.
    """
    arguments.generator(rng)
    maximum = arguments.integer("maximum", maximum)
    minimum = arguments.integer("minimum", minimum, 0, maximum)
    _checked_temperature(temperature)
    v, params, *_ = _float64(model)
    blocked, draws = _blocked(v, filtered), rng.random(maximum)
    sentence = [v.start]
    while sentence[-1] != v.end and len(sentence) <= maximum:
        state = start(params)
        for word in sentence:
            state, o = advance(word, state, params)
        o = o + blocked
        if len(sentence) <= minimum:
            o[v.end] = -np.inf
        sentence.append(draw_word(o, draws[len(sentence) - 1], temperature))
    return np.array(sentence, dtype=np.int32)


def probabilities(
    model: LanguageModel,
    words: Sequence[int],
    temperature: float = 1.0,
    minimum: int = 1,
    filtered: bool = True,
) -> np.ndarray:
    """What `sample` draws the word after `words` from: (V,), sums to 1.

    `words` are indices, without START and END, which `sample` does not go on from. The
    options and errors are those of `sample`.
    """
    temperature = _checked_temperature(temperature)
    minimum = arguments.integer("minimum", minimum, 0)
    v, params, *_ = _float64(model)
    words = arguments.indices("words", words, len(v), ("T",))
    if np.isin(words, [v.start, v.end]).any():
        raise ValueError(
            f"words must hold neither START ({v.start}) nor END ({v.end}); got {words}"
        )
    state = start(params)
    for word in (v.start, *words):
        state, o = advance(word, state, params)
    o = o + _blocked(v, filtered)
    if len(words) < minimum:
        o[v.end] = -np.inf
    return softmax((o - o.max()) / temperature)


def draw_word(o: np.ndarray, draw: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """The words that numbers between 0 and 1 draw from softmax(o / temperature).

    o has shape (..., V) and `draw` (...), from 0 and below 1; returns indices (...).
    The probabilities are laid end to end, and each number falls on one of them. Raises
    ValueError for logits without a softmax: one is NaN or infinite, or none is finite.
    """
    o = arguments.floats({"o": o})["o"]
    draw = arguments.floats({"draw": draw})["draw"]
    if not o.ndim or o.shape[:-1] != draw.shape:
        raise ValueError(f"o must have shape {(*draw.shape, 'V')}; got {o.shape}")
    temperature = _checked_temperature(temperature)
    scaled = (o - o.max(axis=-1, keepdims=True)) / temperature
    reach = np.cumsum(np.exp(scaled), axis=-1, dtype=np.float64)
    # 1 - draw is above 0, so that no word of probability 0 is ever hit.
    hit = (1 - draw) * reach[..., -1]
    if not np.all(hit > 0):
        raise ValueError("o must be logits and draw from 0 and below 1; got others")
    return np.sum(reach < hit[..., None], axis=-1)


def _float64(model: LanguageModel) -> LanguageModel:
    model = arguments.of_kind("model", model, LanguageModel).checked()
    params = (value.astype(np.float64, copy=False) for value in model.params)
    return model._replace(params=type(model.params)(*params))


def _blocked(vocabulary: Vocabulary, filtered: bool) -> np.ndarray:
    """What is added to the logits, (V,): -infinity for words not to be drawn."""
    never = np.zeros(len(vocabulary), dtype=bool)
    if filtered:
        never = unsuitable(vocabulary.words)
    never[[vocabulary.start, vocabulary.unknown]] = True
    if never.sum() == len(vocabulary) - 1:  # END alone is left
        raise ValueError("vocabulary must hold a word that may be drawn; got none")
    return np.where(never, -np.inf, 0.0)


def _seed(seed_text: str, vocabulary: Vocabulary) -> list[int]:
    arguments.of_kind("seed_text", seed_text, str)
    read = text.sentences(corpus.clean(seed_text))  # as the model's own comments were
    tokens = [token for some in read for token in some]
    missing = [token for token in tokens if token not in vocabulary.index]
    if missing:
        raise ValueError(
            "seed_text must be made of words that the model knows; it does not know "
            + ", ".join(map(repr, missing))
        )
    return [vocabulary.index[token] for token in tokens]


def _checked_temperature(temperature: float) -> float:
    expected = "a positive number (small for the likeliest words only)"
    fits = expected, lambda value: 0 < value < np.inf
    return arguments.number("temperature", temperature, *fits)
