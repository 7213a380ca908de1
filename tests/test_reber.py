"""The two Reber grammars: strings, membership, targets, and exact probabilities."""

import math
import re
from collections import Counter
from dataclasses import FrozenInstanceError
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.tasks import reber
from helpers.tasks.reber import EMBEDDED, REBER, SYMBOLS, Grammar, Misfit

# Each symbol with odds of its own, to see that probabilities are used throughout.
UNEVEN = Grammar(
    "uneven Reber", REBER.transitions, odds={"S": 2, "V": 3, "T": 1.5, "P": 0.5}
)
GRAMMARS = pytest.mark.parametrize(
    "grammar", [REBER, EMBEDDED, UNEVEN], ids=["plain", "embedded", "uneven"]
)
grammars = st.sampled_from([REBER, EMBEDDED, UNEVEN])
seeds = st.integers(0, 2**32 - 1)

# The grammar once more, written as a regular expression and without the automaton:
# the upper way is TS*X, then either S to the end or X into the lower way; the lower
# way is T*V, then V to the end or P, and from there X (round again) or S (the end).
INNER = "B(TS*X(S|XLOW)|PLOW)E".replace("LOW", "(T*VPX)*T*V(V|PS)")
EXPRESSIONS = {REBER: INNER, UNEVEN: INNER, EMBEDDED: f"B(T{INNER}T|P{INNER}P)E"}


@cache
def samples(grammar, n, seed=0, **limits):
    rng = np.random.default_rng(seed)
    return [grammar.sample(rng, **limits) for _ in range(n)]


# Strings and membership ---------------------------------------------------------


@settings(deadline=None)
@given(grammar=grammars, seed=seeds, longer=st.integers(0, 40))
def test_every_generated_string_belongs_to_the_grammar(grammar, seed, longer):
    (string,) = samples(grammar, 1, seed, min_length=longer)
    assert grammar.check(string) is None
    assert re.fullmatch(EXPRESSIONS[grammar], string)
    assert len(string) >= longer


@pytest.mark.parametrize(
    "string", ["BTXSE", "BPVVE", "BPVPXVPSE", "BTSSXXTVVE", "BPTVPXTTVPSE"]
)
def test_strings_walked_by_hand_belong(string):
    assert REBER.check(string) is None
    for symbol, other in ("TP", "PT"):
        assert EMBEDDED.check(f"B{symbol}{string}{symbol}E") is None
        # The symbol before the last decides, and nothing else tells it.
        misfit = EMBEDDED.check(f"B{symbol}{string}{other}E")
        assert misfit == Misfit(len(string) + 2, other, symbol)


def mutated(string, rng):
    """One symbol replaced, left out, doubled, put in, or two neighbours exchanged."""
    i = int(rng.integers(len(string) - 1))
    other = SYMBOLS[rng.integers(7)]
    return (
        string[:i] + other + string[i + 1 :],
        string[:i] + string[i + 1 :],
        string[:i] + string[i] + string[i:],
        string[:i] + other + string[i:],
        string[:i] + string[i + 1] + string[i] + string[i + 2 :],
    )[rng.integers(5)]


@GRAMMARS
def test_membership_agrees_with_the_regular_expression(grammar):
    rng = np.random.default_rng(0)
    expression = re.compile(EXPRESSIONS[grammar])
    strings = [
        "".join(rng.choice(list(SYMBOLS), rng.integers(1, 15))) for _ in range(5000)
    ]
    strings += [mutated(string, rng) for string in samples(grammar, 10_000)]
    inside = [bool(expression.fullmatch(string)) for string in strings]
    assert [grammar.check(string) is None for string in strings] == inside
    # Many mutations stay inside and many leave: the test can fail either way.
    assert 500 < sum(inside) < 9500


@settings(deadline=None)
@given(grammar=grammars, seed=seeds)
def test_what_check_expects_is_exactly_what_leads_on(grammar, seed):
    rng = np.random.default_rng(seed)
    string = mutated(grammar.sample(rng), rng)
    misfit = grammar.check(string)
    if misfit is None:
        return
    good, found = string[: misfit.position], string[misfit.position :][:1]
    assert misfit.found == found
    assert found not in misfit.expected or not found
    assert grammar.legal(good) == misfit.expected
    for symbol in SYMBOLS:
        after = grammar.check(good + symbol)
        leads_on = after is None or after.position > len(good)
        assert leads_on == (symbol in misfit.expected)


def test_the_ways_in_which_a_string_can_leave():
    assert REBER.check("BTXT") == Misfit(3, "T", "SX")
    assert str(REBER.check("BTXT")) == "position 3: expected S or X, found T"
    assert str(REBER.check("BTX")) == "position 3: expected S or X, found the end"
    assert str(REBER.check("BTXSEE")) == "position 5: expected the end, found E"


def test_legal_symbols_and_states_along_a_string():
    string = "BPVPXVPSE"
    legal = [REBER.legal(string[:n]) for n in range(len(string) + 1)]
    assert legal == ["B", "TP", "TV", "PV", "SX", "TV", "PV", "SX", "E", ""]
    assert REBER.states(string) == (1, 3, 5, 4, 3, 5, 4, 6, 7)
    assert REBER.states("") == ()


@pytest.mark.parametrize("method", [REBER.legal, REBER.states])
def test_an_illegal_prefix_is_refused_with_its_place(method):
    with pytest.raises(ValueError, match=r"'BTT' .*; position 2: expected S or X"):
        method("BTT")


# Lengths, entropy and pairs: exact against counted -------------------------------


@GRAMMARS
def test_lengths_of_samples_follow_the_exact_distribution(grammar):
    exact = grammar.length_distribution()
    lengths = np.array([len(string) for string in samples(grammar, 50_000)])
    counted = np.bincount(lengths, minlength=len(exact)) / len(lengths)
    np.testing.assert_allclose(counted, exact, atol=0.008)  # 4 standard errors
    n = np.arange(len(exact))
    assert exact.sum() == pytest.approx(1, abs=1e-12)
    assert n @ exact == pytest.approx(grammar.mean_length, abs=1e-10)
    spread = np.sqrt(n**2 @ exact - grammar.mean_length**2)
    assert lengths.mean() == pytest.approx(
        grammar.mean_length, abs=4 * spread / np.sqrt(len(lengths))
    )


def test_short_strings_have_the_probabilities_counted_by_hand():
    # The only strings of 5 symbols, BTXSE and BPVVE, pass three and three choices
    # between two symbols: 1/8 each.
    assert REBER.length_distribution()[:6].tolist() == [0, 0, 0, 0, 0, 0.25]
    assert EMBEDDED.length_distribution()[9] == 0.25
    assert REBER.mean_length == pytest.approx(8)
    assert EMBEDDED.mean_length == pytest.approx(12)


def test_a_minimum_length_gives_the_tail_of_the_distribution():
    exact = REBER.length_distribution()
    tail = np.where(np.arange(len(exact)) >= 12, exact, 0)
    tail /= tail.sum()
    strings = samples(REBER, 20_000, min_length=12)
    counted = np.bincount([len(s) for s in strings], minlength=len(exact)) / 20_000
    np.testing.assert_allclose(counted, tail, atol=0.014)  # 4 standard errors
    # Among strings of one length, each still has its own probability.
    of_13 = Counter(s for s in samples(REBER, 20_000, seed=1) if len(s) == 13)
    conditioned = Counter(s for s in strings if len(s) == 13)
    top, count = conditioned.most_common(1)[0]
    share, of_all = count / conditioned.total(), of_13[top] / of_13.total()
    assert share == pytest.approx(of_all, abs=0.03)


@settings(deadline=None)
@given(seed=seeds, inner=st.integers(0, 60))
def test_the_inner_string_is_what_stands_between_the_two_symbols(seed, inner):
    (string,) = samples(EMBEDDED, 1, seed, min_inner=inner)
    assert REBER.check(string[2:-2]) is None
    assert len(string[2:-2]) >= inner
    assert string[1] == string[-2]


def test_the_two_minimum_lengths_agree():
    a = samples(EMBEDDED, 50, min_inner=10)
    assert a == samples(EMBEDDED, 50, min_length=14)
    assert a == samples(EMBEDDED, 50, min_length=12, min_inner=10)


@GRAMMARS
def test_entropy_of_samples_is_the_exact_one(grammar):
    information, predictions = [], []
    for string in samples(grammar, 20_000):
        p = grammar.next_symbol[list(grammar.states(string[:-1]))]
        information.append(-np.log((p * reber.encode(string[1:])).sum(axis=1)).sum())
        predictions.append(len(p))
    information, T = np.array(information), np.array(predictions)
    mean, error = information.mean(), information.std() / np.sqrt(len(information))
    assert mean == pytest.approx(grammar.entropy, abs=4 * error)
    pooled = information.sum() / T.sum()
    assert pooled == pytest.approx(grammar.entropy_per_prediction, abs=0.003)
    m = (1 / T).mean()
    assert m == pytest.approx(grammar.mean_inverse, abs=0.002)
    best = (information + np.log(T * m)) / T
    error = best.std() / np.sqrt(len(best))
    assert best.mean() == pytest.approx(grammar.softmax_floor, abs=4 * error)


def test_entropy_in_round_numbers():
    assert REBER.entropy / np.log(2) == pytest.approx(6)  # bits
    assert REBER.entropy_per_prediction == pytest.approx(6 * np.log(2) / 7)
    # One more choice, T or P, and four more symbols.
    assert EMBEDDED.entropy / np.log(2) == pytest.approx(7)
    assert EMBEDDED.entropy_per_prediction == pytest.approx(7 * np.log(2) / 11)


def best_probabilities(grammar, each_prediction_counts_the_same, longest=60):
    """The next symbol's best probabilities (longest, n_states, 7), by recursion.

    weight[n, state] is the mean weight of the strings that pass the state after n
    symbols; a symbol deserves a probability in proportion to p times what follows it.
    """
    n_states = len(grammar.transitions)
    weight = np.ones((longest + 1, n_states))
    if not each_prediction_counts_the_same:
        weight[:, -1] = 1 / np.maximum(1, np.arange(longest + 1) - 1)
    best = np.zeros((longest, n_states, 7))
    for n in reversed(range(longest)):
        for state, moves in enumerate(grammar.transitions[:-1]):
            p = dict(zip(SYMBOLS, grammar.next_symbol[state], strict=True))
            parts = {a: p[a] * weight[n + 1, s] for a, s in moves.items()}
            weight[n, state] = sum(parts.values())
            for symbol, part in parts.items():
                best[n, state, SYMBOLS.index(symbol)] = part / weight[n, state]
    return best


@GRAMMARS
@pytest.mark.parametrize("same", [True, False], ids=["predictions", "strings"])
def test_no_softmax_does_better_than_its_floor(grammar, same):
    """By sums over all strings of up to 60 symbols, state by state."""
    longest = 60
    n_states = len(grammar.transitions)

    def loss(q):
        """The mean loss of probabilities q (longest, n_states, 7)."""
        cost = -np.log(np.where(q > 0, q, 1))
        at, told, total = np.eye(n_states)[0], np.zeros(n_states), 0.0
        for n in range(longest):
            after, told_after = np.zeros(n_states), np.zeros(n_states)
            for state, moves in enumerate(grammar.transitions):
                for symbol, s in moves.items():
                    i = SYMBOLS.index(symbol)
                    p = grammar.next_symbol[state, i]
                    after[s] += p * at[state]
                    told_after[s] += p * (told[state] + at[state] * cost[n, state, i])
            at, told = after, told_after
            total += told[-1] / (grammar.mean_length - 1 if same else max(1, n))
        return total

    best = best_probabilities(grammar, same, longest)
    floor = grammar.entropy_per_prediction if same else grammar.softmax_floor
    assert loss(best) == pytest.approx(floor, abs=1e-6)
    true = np.broadcast_to(grammar.next_symbol, best.shape)
    assert np.allclose(best[:, :-1], true[:, :-1]) == same
    assert loss(true) >= floor - 1e-6
    rng = np.random.default_rng(0)
    for _ in range(5):
        other = best * np.exp(0.1 * rng.standard_normal(best.shape))
        other /= np.maximum(other.sum(axis=2, keepdims=True), 1e-300)
        assert loss(other) > floor


@GRAMMARS
def test_pairs_of_samples_have_the_exact_shares(grammar):
    counts = np.zeros((7, 7))
    for string in samples(grammar, 20_000):
        for a, b in pairwise(string):
            counts[SYMBOLS.index(a), SYMBOLS.index(b)] += 1
    exact = grammar.pair_distribution()
    assert exact.sum() == pytest.approx(1)
    np.testing.assert_allclose(counts / counts.sum(), exact, atol=0.003)
    assert ((counts > 0) == (exact > 0)).all()


# What a network reads ------------------------------------------------------------


def test_targets_follow_each_symbol_but_the_last():
    string = "BPVVE"
    x, y = reber.encode(string[:-1]), REBER.targets(string)
    assert x.shape == y.shape == (4, 7)
    said = ["".join(np.array(list(SYMBOLS))[row == 1]) for row in y]
    assert said == ["TP", "TV", "PV", "E"]
    assert y.sum(axis=1).tolist() == [2, 2, 2, 1]


@settings(deadline=None)
@given(grammar=grammars, seed=seeds)
def test_the_next_symbol_is_among_the_targets(grammar, seed):
    (string,) = samples(grammar, 1, seed)
    y = grammar.targets(string)
    assert y.shape == (len(string) - 1, 7)
    assert (y * reber.encode(string[1:])).sum(axis=1).tolist() == [1] * len(y)


@settings(deadline=None)
@given(st.text(SYMBOLS, min_size=1))
def test_decode_undoes_encode(string):
    assert reber.decode(reber.encode(string)) == string


def test_odds_make_a_symbol_likelier_where_it_is_legal():
    grammar = Grammar("test", REBER.transitions, odds={"S": 4})
    p = grammar.next_symbol[2]  # S or X
    assert p[SYMBOLS.index("S")] == pytest.approx(0.8)
    assert p[SYMBOLS.index("X")] == pytest.approx(0.2)
    others = [0, 1, 3, 5, 6, 7]
    np.testing.assert_array_equal(
        grammar.next_symbol[others], REBER.next_symbol[others]
    )
    # The shortest strings: BTXSE by 1/2, 1/5 and 4/5, BPVVE by 1/2 each.
    assert grammar.length_distribution()[5] == pytest.approx(0.08 + 0.125)


def test_a_batch_is_its_strings_and_zeros():
    strings = ["BTXSE", "BPVPXVPSE"]
    x, y, mask = REBER.batch(strings, length=10)
    assert x.shape == y.shape == (10, 2, 7)
    assert mask.sum(axis=0).tolist() == [4, 8]
    for i, string in enumerate(strings):
        n = len(string) - 1
        assert mask[:, i].tolist() == [1] * n + [0] * (10 - n)
        np.testing.assert_array_equal(x[:n, i], reber.encode(string[:-1]))
        np.testing.assert_array_equal(y[:n, i], REBER.targets(string))
        assert not x[n:, i].any()
        assert not y[n:, i].any()
    assert len(REBER.batch(strings).x) == 8


# Bad input -----------------------------------------------------------------------


@pytest.mark.parametrize("function", [REBER.check, REBER.targets, reber.encode])
@pytest.mark.parametrize(
    ("string", "message"),
    [
        ("BTQ", r"got 'Q' at position 2 of 'BTQ'"),
        ("BT XSE", r"got ' ' at position 2"),
        ("btxse", r"got 'b' at position 0"),
        ("", "must hold at least one symbol"),
        (None, "must be text of the symbols BTPSXVE; got NoneType"),
        (["B", "T"], "must be text .* got list"),
    ],
)
def test_what_is_no_string_of_symbols_is_refused(function, string, message):
    with pytest.raises(ValueError, match=message):
        function(string)


def test_targets_refuse_a_string_outside_the_grammar():
    message = r"'BTXT' is not in the Reber grammar; position 3: expected S or X"
    with pytest.raises(ValueError, match=message):
        REBER.targets("BTXT")
    with pytest.raises(ValueError, match="embedded Reber grammar; position 2"):
        EMBEDDED.targets("BTXSE")


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"min_length": -1}, r"min_length must be an integer from 0 to 1000; got -1"),
        ({"min_length": 7.5}, "min_length must be an integer"),
        ({"min_length": 1001}, "min_length must be an integer"),
        ({"min_inner": 5}, "the Reber grammar has none, got 5"),
    ],
)
def test_bad_lengths_are_refused(limits, message):
    with pytest.raises(ValueError, match=message):
        REBER.sample(np.random.default_rng(0), **limits)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 6)), r"shape \(T, 7\); got \(2, 6\)"),
        (np.eye(7)[0], r"shape \(T, 7\); got \(7,\)"),
        (np.array([[1, 0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0]]), "row 1"),
        (np.full((1, 7), 1 / 7), "row 0"),
        (np.zeros((1, 7)), "row 0"),
        (np.array([[2, -1, 0, 0, 0, 0, 0]]), "row 0"),
    ],
)
def test_decode_refuses_what_is_not_one_hot(x, message):
    with pytest.raises(ValueError, match=message):
        reber.decode(x)


def test_a_bad_batch_is_refused():
    with pytest.raises(ValueError, match="at least one string"):
        REBER.batch([])
    with pytest.raises(ValueError, match="length must be at least 4"):
        REBER.batch(["BTXSE"], length=3)
    with pytest.raises(ValueError, match="position 2"):
        REBER.batch(["BTXSE", "BTT"])


def test_a_grammar_that_all_share_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        REBER.odds = {}


# Grammars of one's own ---------------------------------------------------------------

FINITE = ({"B": 1}, {"T": 2, "P": 3}, {"E": 3}, {})  # BP or BTE


@pytest.mark.parametrize("length", [0, 2, 3])
def test_a_length_that_some_string_has_is_reached(length):
    grammar = Grammar("finite", FINITE)
    drawn = {grammar.sample(np.random.default_rng(s), length) for s in range(20)}
    assert drawn == {"BP", "BTE"} if length < 3 else {"BTE"}
    assert min(map(len, drawn)) >= length


@pytest.mark.parametrize("length", [4, 5, 1000])
def test_a_length_that_no_string_has_is_refused(length):
    with pytest.raises(
        ValueError, match=rf"min_length must be .* finite .* got {length}"
    ):
        Grammar("finite", FINITE).sample(np.random.default_rng(0), length)
    nested = Grammar("nested", FINITE, outer=1)
    with pytest.raises(ValueError, match=r"min_length must be .* reach; got 5"):
        nested.sample(np.random.default_rng(0), min_inner=4)


@pytest.mark.parametrize(
    "odds", [-1, 0, math.nan, math.inf, None, "2", [2], 1j, True, 1e-300, 1e300]
)
def test_what_are_no_odds_is_refused(odds):
    with pytest.raises(ValueError, match=r"odds\['S'\] must be a number from .*; got"):
        Grammar("test", REBER.transitions, odds={"S": odds})
    with pytest.raises(
        ValueError, match="symbols of odds must be among BTPSXVE; got 'Z'"
    ):
        Grammar("test", REBER.transitions, odds={"Z": 2})


@pytest.mark.parametrize("odds", [1e12, 1e100])
def test_odds_with_which_strings_hardly_end_are_refused(odds):
    with pytest.raises(ValueError, match="must let strings end; got a mean length"):
        Grammar("test", REBER.transitions, odds={"S": odds, "T": odds})


def test_small_odds_do_not_vanish():
    grammar = Grammar("small", FINITE, odds=dict.fromkeys(SYMBOLS, 1e-100))
    np.testing.assert_allclose(grammar.next_symbol.sum(axis=1), [1, 1, 1, 0])


def test_a_sum_that_leaves_out_long_strings_is_refused():
    grammar = Grammar("long", REBER.transitions, odds={"S": 300.0, "T": 300.0})
    for floor in ("mean_inverse", "softmax_floor"):
        with pytest.raises(ValueError, match="end within 200 symbols"):
            getattr(grammar, floor)


@pytest.mark.parametrize(
    ("transitions", "message"),
    [
        (({"B": 1}, {}, {}), "must lead on from every state but the last, 2; got"),
        (({"B": 1}, {"E": 0}), "must lead on from every state but the last, 1; got"),
        (({"B": 2}, {}), r"transitions\[0\]\['B'\] must be an integer from 0 to 1"),
        (({"B": 1.0}, {}), r"transitions\[0\]\['B'\] must be an integer from 0 to 1"),
        (({"b": 1}, {}), "symbols of state 0 must be among BTPSXVE; got 'b'"),
        (({"B": 1, "T": 2}, {"S": 1}, {}), "must let strings end"),
        ((), "transitions must be of two states or more; got"),
    ],
)
def test_what_is_no_automaton_is_refused(transitions, message):
    with pytest.raises(ValueError, match=message):
        Grammar("test", transitions)


@pytest.mark.parametrize("prefix", [None, 0, [], (), b"", np.array("")])
def test_what_is_empty_is_no_empty_text(prefix):
    for method in (REBER.legal, REBER.states, REBER.check, REBER.targets):
        with pytest.raises(ValueError, match="must be text of the symbols"):
            method(prefix)
