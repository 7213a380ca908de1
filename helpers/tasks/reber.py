"""The Reber grammar of chapter 5 and the embedded one of chapter 6.

A grammar is an explicit automaton, and everything here is derived from it: strings,
membership, targets, and the exact probabilities that a network is judged by. Where
several symbols may follow they are equally likely, unless a grammar gives odds.

Reber (1967, "Implicit learning of artificial grammars") made up the first one;
Cleeremans, Servan-Schreiber and McClelland (1989, "Finite state automata and simple
recurrent networks") gave both to Elman networks.

A string of n symbols makes n - 1 predictions. The inputs are all symbols but the last,
and row t of the targets marks what may follow symbol t; after the last, E, nothing
does, and the grammar says nothing about it.
"""

from bisect import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np

from helpers import arguments

SYMBOLS = "BTPSXVE"

# Distributions over lengths are computed up to this length. Beyond it lie less than
# 1e-25 of all strings of either grammar; odds can make them longer.
LONGEST = 200


class Misfit(NamedTuple):
    """The first place where a string leaves the grammar."""

    position: int  # of the wrong symbol, counted from 0
    found: str  # that symbol, or "" where the string ends too early
    expected: str  # the symbols that could stand there, "" where it should have ended

    def __str__(self) -> str:
        expected = " or ".join(self.expected) or "the end"
        found = self.found or "the end"
        return f"position {self.position}: expected {expected}, found {found}"


class Examples(NamedTuple):
    """Strings as a padded batch, time first: what a network reads and should say.

    Beyond the end of a string, x, y and mask are zero.
    """

    x: np.ndarray  # (T, n, 7): row t is symbol t, one-hot
    y: np.ndarray  # (T, n, 7): the symbols that may follow it, each marked by 1
    mask: np.ndarray  # (T, n): 1 where there is a prediction to make


@dataclass(frozen=True, eq=False)
class Grammar:
    """An automaton: `transitions[state]` maps each legal symbol to the next state.

    State 0 is the start; in the last state the string has ended. `outer` is the number
    of symbols around the inner string, None for a grammar without one. `odds` makes
    symbols more or less likely than 1, the odds of all others: with {"S": 4}, S is
    taken four times as often as what else may stand in its place.

    Raises ValueError for transitions that do not lead from every state to the last and
    end there, for odds that are not numbers from 1e-100 to 1e100 for some of the seven
    symbols, and for odds with which strings would hardly ever end.
    """

    name: str
    transitions: tuple[dict[str, int], ...]
    outer: int | None = None
    odds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        last = len(self.transitions) - 1
        if last < 1:
            expected = "of two states or more"
            raise arguments.wrong("transitions", expected, self.transitions)
        for state, moves in enumerate(self.transitions):
            if bool(moves) == (state == last):
                raise ValueError(
                    f"transitions must lead on from every state but the last, {last}; "
                    f"got {moves} in state {state}"
                )
            for symbol, after in moves.items():
                _check_symbol(f"symbols of state {state}", symbol)
                name = f"transitions[{state}][{symbol!r}]"
                arguments.integer(name, after, 0, last)
        for symbol, odds in self.odds.items():
            _check_symbol("symbols of odds", symbol)
            arguments.number(
                f"odds[{symbol!r}]",
                odds,
                "a number from 1e-100 to 1e100",
                lambda value: 1e-100 <= value <= 1e100,
            )
        if self.outer is not None:
            arguments.integer("outer", self.outer, 0)
        if not 0 < self.mean_length < 1e6:
            raise ValueError(
                f"transitions and odds must let strings end; got a mean length of "
                f"{self.mean_length:g} symbols for the {self.name} grammar"
            )

    # Strings ------------------------------------------------------------------

    def sample(
        self, rng: np.random.Generator, min_length: int = 0, min_inner: int = 0
    ) -> str:
        """A random string with at least `min_length` symbols, B and E included.

        The inner string of an embedded one is what stands between the two symbols
        that must agree, its own B and E included: `min_inner` is its least length.
        The string has the probability that it would have if strings were drawn until
        one is long enough, but none is thrown away: each choice is weighted by the
        chance that what follows is still long enough.

        Raises ValueError for lengths that are not integers from 0 to 1000 or that no
        string of the grammar reaches, for `min_inner` where the grammar has no inner
        string, and for an `rng` that is no generator.
        """
        arguments.generator(rng)
        min_length = arguments.integer("min_length", min_length, 0, 1000)
        min_inner = arguments.integer("min_inner", min_inner, 0, 1000)
        if min_inner and self.outer is None:
            raise ValueError(
                f"min_inner needs a grammar with an inner string; the {self.name} "
                f"grammar has none, got {min_inner}"
            )
        if min_inner:
            min_length = max(min_length, min_inner + self.outer)
        choices = self._choices(min_length)
        symbols, state = [], 0
        while self.transitions[state]:
            needed = max(0, min_length - len(symbols))
            ways, cumulative = choices[needed][state]
            # The random number may reach a sum that rounding has left below 1.
            i = min(bisect(cumulative, rng.random()), len(ways) - 1)
            symbol, state = ways[i]
            symbols.append(symbol)
        return "".join(symbols)

    @cache  # noqa: B019  (a grammar is a constant and lives as long as the program)
    def _choices(self, min_length: int) -> list:
        """The ways on and their cumulative probabilities, by symbols needed and state.

        `reach[state]` is the chance that at least as many symbols follow as needed.
        """
        reach = np.ones(len(self.transitions))
        table = []
        for needed in range(min_length + 1):
            before = reach  # with one symbol less to come
            if needed:
                reach = self.matrix @ before
            row = []
            for state, moves in enumerate(self.transitions):
                weights = [
                    self.next_symbol[state, SYMBOLS.index(a)] * before[after]
                    for a, after in moves.items()
                ]
                total = sum(weights) or 1.0  # 0 where too few symbols can follow
                shares = np.cumsum(weights) / total
                row.append((list(moves.items()), shares.tolist()))
            table.append(row)
        if reach[0] < 1e-290:  # near the smallest numbers, weights lose their digits
            raise ValueError(
                f"min_length must be a length that strings of the {self.name} grammar "
                f"reach; got {min_length}, what is around an inner string included"
            )
        return table

    def check(self, string: str) -> Misfit | None:
        """None for a string of the grammar, else the first place that does not fit.

        Raises ValueError for what is not a string of the seven symbols.
        """
        _check_string(string)
        states, misfit = self._walk(string)
        if misfit is None and self.transitions[states[-1]]:
            return Misfit(len(string), "", self._symbols(states[-1]))
        return misfit

    def legal(self, prefix: str) -> str:
        """The symbols that may follow `prefix`, in the order of SYMBOLS.

        "B" for the empty prefix and "" for a complete string. Raises ValueError for a
        prefix with which no string of the grammar begins.
        """
        return self._symbols((0, *self.states(prefix))[-1])

    def states(self, prefix: str) -> tuple[int, ...]:
        """The automaton's state after each symbol of `prefix`.

        Raises ValueError as `legal` does.
        """
        if not isinstance(prefix, str) or prefix:
            _check_string(prefix, "prefix")
        states, misfit = self._walk(prefix)
        if misfit:
            raise ValueError(
                f"prefix {prefix!r} does not begin a string of the {self.name} "
                f"grammar; {misfit}"
            )
        return states[1:]

    def _symbols(self, state: int) -> str:
        return "".join(sorted(self.transitions[state], key=SYMBOLS.index))

    def _walk(self, string: str) -> tuple[tuple[int, ...], Misfit | None]:
        """The states from the start on, as far as they go, and why not further."""
        states = [0]
        for position, symbol in enumerate(string):
            moves = self.transitions[states[-1]]
            if symbol not in moves:
                misfit = Misfit(position, symbol, self._symbols(states[-1]))
                return tuple(states), misfit
            states.append(moves[symbol])
        return tuple(states), None

    # What a network reads, and what it should say ------------------------------

    def targets(self, string: str) -> np.ndarray:
        """What may follow each symbol but the last: (len(string) - 1, 7), 0 or 1.

        Raises ValueError for a string that does not belong to the grammar.
        """
        misfit = self.check(string)
        if misfit:
            raise ValueError(
                f"string {string!r} is not in the {self.name} grammar; {misfit}"
            )
        return self.legal_next[list(self.states(string[:-1]))]

    def batch(self, strings: Sequence[str], length: int | None = None) -> Examples:
        """Strings of the grammar as inputs, targets and mask, padded with zeros.

        `length` is the number of predictions T, that of the longest string if not
        given. Raises ValueError for no strings, for one that does not belong to the
        grammar, and for one that is too long.
        """
        if isinstance(strings, str) or not isinstance(strings, Iterable):
            raise arguments.wrong("strings", "a list of strings", strings)
        strings = list(strings)
        if not strings:
            raise ValueError("strings must hold at least one string; got none")
        for i, string in enumerate(strings):
            _check_string(string, f"strings[{i}]")
        T = longest = max(map(len, strings)) - 1
        if length is not None:
            expected = f"at least {longest}, for the longest string"
            T = arguments.integer("length", length, longest, expected=expected)
        x, y = np.zeros((2, T, len(strings), len(SYMBOLS)))
        mask = np.zeros((T, len(strings)))
        for i, string in enumerate(strings):
            t = slice(len(string) - 1)
            y[t, i] = self.targets(string)
            x[t, i] = encode(string[:-1])
            mask[t, i] = 1
        return Examples(x, y, mask)

    # Exact probabilities --------------------------------------------------------

    @cached_property
    def legal_next(self) -> np.ndarray:
        """The legal symbols of each state: (n_states, 7), 0 or 1."""
        legal = np.zeros((len(self.transitions), len(SYMBOLS)))
        for state, moves in enumerate(self.transitions):
            legal[state, [SYMBOLS.index(symbol) for symbol in moves]] = 1
        return legal

    @cached_property
    def next_symbol(self) -> np.ndarray:
        """The probability of each symbol in each state, (n_states, 7).

        The last row is zero: nothing follows the end.
        """
        weights = self.legal_next * [self.odds.get(symbol, 1) for symbol in SYMBOLS]
        sums = weights.sum(axis=1)
        return weights / np.where(sums > 0, sums, 1)[:, None]

    @cached_property
    def matrix(self) -> np.ndarray:
        """The probability of each step from state to state, (n_states, n_states)."""
        return self._by_step(self.next_symbol)

    @cached_property
    def _information(self) -> np.ndarray:
        """-p log(p) of each step from state to state, in nats: (n_states, n_states)."""
        p = self.next_symbol
        return self._by_step(-p * np.log(np.where(p > 0, p, 1)))

    def _by_step(self, values: np.ndarray) -> np.ndarray:
        """Values by state and symbol, summed by state and next state."""
        M = np.zeros((len(self.transitions),) * 2)
        for state, moves in enumerate(self.transitions):
            for symbol, after in moves.items():
                M[state, after] += values[state, SYMBOLS.index(symbol)]
        return M

    @cached_property
    def visits(self) -> np.ndarray:
        """How often a string passes each state, in the mean: (n_states,).

        The visits v solve v = start + v M, where M is `matrix`. They are infinite where
        strings never end.
        """
        n = len(self.transitions)
        try:
            return np.linalg.solve(np.eye(n) - self.matrix.T, np.eye(n)[0])
        except np.linalg.LinAlgError:
            return np.full(n, np.inf)

    @cached_property
    def mean_length(self) -> float:
        """The mean number of symbols of a string, B and E included."""
        return float(self.visits[:-1].sum())  # each state but the last emits one

    def length_distribution(self) -> np.ndarray:
        """The probability of each length from 0 to LONGEST: (LONGEST + 1,)."""
        at, P = np.eye(len(self.transitions))[0], []
        for _ in range(LONGEST + 1):
            P.append(at[-1])
            at = at @ self.matrix
        return np.array(P)

    def pair_distribution(self) -> np.ndarray:
        """The share of each pair of neighbours among all pairs of all strings: (7, 7).

        Row: the first symbol, column: the second.
        """
        pairs = np.zeros((len(SYMBOLS),) * 2)
        for state, moves in enumerate(self.transitions):
            for symbol, after in moves.items():
                i = SYMBOLS.index(symbol)
                weight = self.visits[state] * self.next_symbol[state, i]
                pairs[i] += weight * self.next_symbol[after]
        return pairs / pairs.sum()

    # The least losses -----------------------------------------------------------
    #
    # The sigmoid's loss against legal-next targets has the floor 0, since the symbols
    # so far determine the state. What follows is for a softmax and the next symbol.

    @cached_property
    def entropy(self) -> float:
        """The entropy of a string, in nats: what its symbols tell, in the mean."""
        return float(self.visits @ self._information.sum(axis=1))

    @cached_property
    def entropy_per_prediction(self) -> float:
        """The entropy of the next symbol, in nats: the mean over all predictions.

        The least cross-entropy of a softmax where each prediction counts the same. The
        true probabilities of the next symbol reach it.
        """
        return self.entropy / (self.mean_length - 1)

    @cached_property
    def mean_inverse(self) -> float:
        """The mean of 1 / (n - 1) over the strings, n being the length.

        Raises ValueError where more than a millionth of them are longer than LONGEST.
        """
        P = self.length_distribution()
        if not P.sum() > 1 - 1e-6:
            raise ValueError(
                f"odds must let strings end within {LONGEST} symbols for this sum; got "
                f"{1 - P.sum():.2g} of the strings that are longer"
            )
        return float(P[2:] @ (1 / np.arange(1, LONGEST)))

    @cached_property
    def softmax_floor(self) -> float:
        """The least cross-entropy of a softmax where each string counts the same.

        In nats: the mean over strings of a loss that is the mean over the n - 1
        predictions of a string, as when training goes one string at a time. A string
        then has the weight 1 / (n - 1), and so the best network is not the true p: it
        gives a string the probability q = p / (n - 1) / m, where m is `mean_inverse`,
        and makes strings shorter than the grammar does. The floor is the mean of
        -log(q) / (n - 1); the part with log(p) is summed by length.
        """
        at = np.eye(len(self.transitions))[0]
        told = np.zeros(len(at))  # -log(p) so far, times the chance to be in the state
        floor = self.mean_inverse * np.log(self.mean_inverse)
        for n in range(1, LONGEST + 1):
            told = told @ self.matrix + at @ self._information
            at = at @ self.matrix
            if n > 1:
                floor += (told[-1] + at[-1] * np.log(n - 1)) / (n - 1)
        return float(floor)


def encode(string: str) -> np.ndarray:
    """One row a symbol, one-hot in the order of SYMBOLS: (len(string), 7).

    Any order of symbols is encoded, grammatical or not. Raises ValueError for what is
    not a string of the seven symbols.
    """
    _check_string(string)
    return np.eye(len(SYMBOLS))[[SYMBOLS.index(symbol) for symbol in string]]


def decode(x: np.ndarray) -> str:
    """The string whose one-hot rows are x (T, 7), the inverse of `encode`.

    Raises ValueError for another shape, and for a row that is not one-hot.
    """
    x = arguments.array("x", x, ("T", len(SYMBOLS)))
    one_hot = ((x == 0) | (x == 1)).all(axis=1) & (x.sum(axis=1) == 1)
    if not one_hot.all():
        row = int(np.argmin(one_hot))
        raise ValueError(
            f"x must have one 1 and else 0 in each row; row {row}: {x[row]}"
        )
    return "".join(SYMBOLS[i] for i in x.argmax(axis=1))


# Arguments --------------------------------------------------------------------


def _check_string(string: str, name: str = "string") -> None:
    if not isinstance(string, str):
        raise ValueError(
            f"{name} must be text of the symbols {SYMBOLS}; got {type(string).__name__}"
        )
    if not string:
        raise ValueError(f"{name} must hold at least one symbol; got an empty one")
    for position, symbol in enumerate(string):
        if symbol not in SYMBOLS:
            raise ValueError(
                f"{name} must be made of the symbols {SYMBOLS}; got {symbol!r} at "
                f"position {position} of {string!r}"
            )


def _check_symbol(name: str, symbol: str) -> None:
    if not isinstance(symbol, str) or len(symbol) != 1 or symbol not in SYMBOLS:
        raise arguments.wrong(name, f"among {SYMBOLS}", symbol)


# The two grammars -------------------------------------------------------------

REBER = Grammar(
    "Reber",
    (
        {"B": 1},
        {"T": 2, "P": 3},
        {"S": 2, "X": 4},
        {"T": 3, "V": 5},
        {"X": 3, "S": 6},
        {"P": 4, "V": 6},
        {"E": 7},
        {},
    ),
)


def _embedded(inner: Grammar) -> Grammar:
    """B, then T or P, then a string of `inner`, then the same T or P, then E.

    The automaton needs a copy of the inner one for each of the two symbols: only in
    which copy it is tells it, at the end, which symbol it has seen. The states of
    the copy for T come first, then those of the copy for P.
    """
    n = len(inner.transitions)
    first = {"T": 2, "P": 2 + n}
    last = 2 + 2 * n
    transitions: list[dict[str, int]] = [{"B": 1}, dict(first)]
    for symbol, offset in first.items():
        for moves in inner.transitions[:-1]:
            transitions.append({a: offset + state for a, state in moves.items()})
        transitions.append({symbol: last})
    return Grammar("embedded Reber", (*transitions, {"E": last + 1}, {}), outer=4)


EMBEDDED = _embedded(REBER)
