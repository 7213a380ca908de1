"""Wrong answers to the exercises that people gave, or that a test of a check holds.

`of_readers` are those that were given to the checks when the chapters were read and
tried, and `of_the_tests` the near-misses of tests/test_ch0*_checks.py. An echo that is
the rule and some noise is not among them: it has the error that exercise 3.7 asks for.
"""

from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytensor.tensor as pt
import test_ch01_feedforward_checks as ch01
import test_ch02_elman_checks as ch02
import test_ch03_scan_checks as ch03
import test_ch04_bptt_checks as ch04
import test_ch05_reber_checks as ch05
import test_ch06_embedded_reber_checks as ch06
import test_ch07_sine_checks as ch07
import test_ch08_language_model_checks as ch08
import test_ch09_beyond_checks as ch09
from check_answers import NEAR_MISS, edited

from helpers.networks.suspects import SUSPECTS

CHAPTERS = (ch01, ch02, ch03, ch04, ch05, ch06, ch07, ch08, ch09)


class WrongAnswer(NamedTuple):
    """A check, what is wrong with an answer to it, and the answer."""

    checked: Callable
    what: str
    student: Any

    @property
    def title(self) -> str:
        """Chapter, check and what is wrong."""
        chapter = self.checked.__module__.rpartition(".")[2][:4]
        return f"{chapter} {self.checked.__name__}: {self.what}"


def of_the_tests() -> list[WrongAnswer]:
    """What the tests of the checks call near-misses, bugs and rules."""
    found = [WrongAnswer(*miss) for chapter in CHAPTERS for miss in _misses(chapter)]
    others = {name: student for name, (student, _) in ch04.SAID.items()}
    for table in (ch04.EACH, ch04.UNKNOWN, others):
        found += [WrongAnswer(ch04.check.backward, *entry) for entry in table.items()]
    return found


def _misses(module: ModuleType) -> Iterator[tuple]:
    """The parameters that `each_near_miss` has given to the tests of a module."""
    for test in vars(module).values():
        for mark in getattr(test, "pytestmark", ()) if callable(test) else ():
            if mark.args[:1] == (NEAR_MISS,):
                yield from (parameters.values for parameters in mark.args[1])


# Those of readers ---------------------------------------------------------------------


def endless(sizes):
    while True:
        sizes = sizes[:]


def exchanged_gradients(*arguments):
    W_ih, b_h, W_ho, b_o = ch01.backward(*arguments)
    return W_ih, W_ho, b_h, b_o


def one_array_for_all_states(x, lengths, W_ih, W_hh, b_h, h0):
    h, out = np.tile(h0, (x.shape[1], 1)), []
    for t, x_t in enumerate(x):
        runs = t < lengths
        h[runs] = np.tanh(x_t @ W_ih + h @ W_hh + b_h)[runs]
        out.append(h)
    return np.stack(out)


def product_from(start):
    return lambda x: ch03.running(lambda x_t, p: p * x_t, x, start)


def one_alpha(function, alpha):
    """The function, which takes any alpha for this one."""
    return lambda *arguments: function(*arguments[:-1], alpha)


def drawn_length(P):
    rng, lengths = np.random.default_rng(), []
    for _ in range(50):
        state, steps = 0, 0
        while state < len(P) - 1:
            state = rng.choice(len(P), p=P[state])
            steps += 1
        lengths.append(steps)
    return np.mean(lengths)


def summed_length(P):
    power, total = np.eye(len(P)), 0.0
    for n in range(1, 101):
        before, power = power[0, -1], power @ P
        total += n * (power[0, -1] - before)
    return total


def logarithm_of_softmax(o, y, mask):
    losses = -(y * pt.log(pt.special.softmax(o))).sum(axis=2)
    return (losses * mask).sum() / mask.sum()


def neither_end(string):
    return len(string) > 1 and ch05.grammatical(f"B{string[1:-1]}E")


def picks_all_strings(o, place, is_T):
    at = o[place]
    T, P = ch06.check.T, ch06.check.P
    return np.mean((at[..., T] > at[..., P]) == is_T)


def ratio_of_products(f):
    with np.errstate(all="ignore"):
        products = np.cumprod(f, axis=0)
        return products[-1] / products


def by_phase(before, now, step):
    cosine = (now * np.cos(step) - before) / np.sin(step)
    return np.sin(np.arctan2(now, cosine) + step)


def nearly_excluded(o, temperature, excluded):
    o = o / temperature
    o[excluded] = -1e4
    p = np.exp(o - o.max())
    return p / p.sum()


def mean_of_counts(sentences, V):
    models = [ch08.counted(sentences, V, n=n) for n in (2, 3)]
    return lambda words: sum(model(words) for model in models) / 2


def of_readers() -> list[WrongAnswer]:
    """What readers tried that was wrong, and was called right, or not what it is."""
    scan, masked = ch03.check.running_product, ch03.masked_states
    slices = {"a[...,": "a["}
    found = [
        (ch01.check.count_parameters, "an endless loop", endless),
        (ch01.check.gradients, "in another order", exchanged_gradients),
        (ch02.check.forward, "all states are one array", one_array_for_all_states),
        (ch02.check.latch, "too weak to flip", lambda: (1.0, 1.5, 0.0)),
        (ch02.check.latch, "noise flips it", lambda: (5.0, 2.0, 0.0)),
        (scan, "a start of 1", product_from(1)),
        (scan, "a start of 1.0", product_from(1.0)),
        (scan, "a constant start", lambda x: product_from(pt.constant(1.0))(x)),
        (
            ch03.check.masked_states,
            "the state comes first",
            edited(masked, {"step(x_t, m_t, h_tm1,": "step(h_tm1, x_t, m_t,"}),
        ),
        (
            ch03.check.masked_states,
            "x and mask are exchanged",
            edited(masked, {"[x, mask]": "[mask, x]"}),
        ),
        (ch03.check.leaky_step, "one alpha", one_alpha(ch03.leaky_step, 0.3)),
        (ch04.check.leaky_backward, "one alpha", one_alpha(ch04.leaky_backward, 0.3)),
        (ch05.check.grammatical, "looks at neither end", neither_end),
        (ch05.check.mean_length, "draws strings", drawn_length),
        (ch05.check.mean_length, "a sum that ends", summed_length),
        (ch05.check.softmax_loss, "log(softmax(o))", logarithm_of_softmax),
        (ch06.check.share_right, "logits[place]", picks_all_strings),
        (ch06.check.carried, "a ratio of products", ratio_of_products),
        (ch06.check.coupled_step, "a[:n]", edited(ch06.coupled_step, slices)),
        (ch07.check.next_value, "by the phase alone", by_phase),
        (ch07.check.forecast, "a linear rule", ch07.linear_rule(8)),
        (ch08.check.word_probabilities, "-1e4 for -inf", nearly_excluded),
        (ch08.check.language_model, "bigrams and trigrams", mean_of_counts),
    ]
    found += [
        (ch04.check.backward, name, partial(suspect))
        for name, suspect in SUSPECTS.items()
    ]
    return [WrongAnswer(*entry) for entry in found]
