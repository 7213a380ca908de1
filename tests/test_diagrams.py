"""Diagrams: every unit, state, symbol and mistake is there."""

import re

import pytest

from helpers.figures import diagrams, plots
from helpers.tasks.reber import REBER

PLACES = [(0, 0), (1, 0), (2, 1), (2, -1), (4, 1), (4, -1), (5, 0), (6, 0)]


LAYERS = ((2, 3), ("x", "h"), ("W",), ("input", "hidden"))


def draw(*arguments, kind=diagrams.automaton):
    plots.use()
    return plots.svg(kind(*arguments))


def texts(svg):
    found = re.findall(r"<text[^>]*>(.*?)</text>", svg)
    return sorted(re.sub("<[^>]*>", "", text) for text in found)


def test_an_automaton_shows_its_states_and_symbols():
    symbols = [symbol for moves in REBER.transitions for symbol in moves]
    assert texts(draw(REBER.transitions, PLACES)) == sorted(["0", *"1234567", *symbols])


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (diagrams.automaton, (REBER.transitions, PLACES)),
        (diagrams.layers, LAYERS),
        (diagrams.unrolled, ()),
        (diagrams.gradient_flow, ()),
        (diagrams.lstm, (3,)),
        (diagrams.lstm, (3, True)),
    ],
)
def test_a_diagram_is_the_same_each_time(kind, arguments):
    assert draw(*arguments, kind=kind) == draw(*arguments, kind=kind)


def test_layers_hold_their_labels_as_text():
    svg = draw(*LAYERS, kind=diagrams.layers)
    assert texts(svg) == ["W", "h", "x"]
    assert svg.count("<use") == 5  # two inputs and three hidden units


def test_names_are_typeset_as_in_the_formulas():
    layers = ((2, 3), ("x", "h"), ("W_ih, b_h",), ("input", "hidden"))
    [weights, *_] = texts(draw(*layers, kind=diagrams.layers))
    assert sorted(re.sub(r"\W", "", weights)) == sorted("Wihbh")
    assert texts(draw(2, kind=diagrams.unrolled)).count("Whh") == 3  # a loop, two steps
    flow = map(sorted, texts(draw(kind=diagrams.gradient_flow)))
    assert sorted("δatWhhT") in flow


def test_the_lstm_grows_by_a_gate_at_a_time():
    found = [texts(draw(gates, kind=diagrams.lstm)) for gates in range(4)]
    signs = [[text.count("×") for text in texts].count(1) for texts in found]
    assert signs == [0, 1, 2, 3]
    gates = [sum("σ" in text for text in texts) for texts in found]
    assert gates == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="from 0 to 3; got 4"):
        diagrams.lstm(4)


def test_what_the_last_gate_adds_is_coloured_and_all_errors_are():
    color = plots.colour("gradient").lower()
    assert color not in draw(3, kind=diagrams.lstm)
    assert draw(3, True, kind=diagrams.lstm).count(color) > 12
    input_lines = [draw(n, kind=diagrams.lstm).count("#0072b2") for n in range(4)]
    assert min(input_lines) > 1


def test_symbols_between_the_same_states_share_an_arrow_unless_one_is_wrong():
    transitions = ({"S": 1, "X": 1}, {"E": 2}, {})
    places = [(0, 0), (1, 0), (2, 0)]
    assert texts(draw(transitions, places, "abc")) == ["E", "S, X", "a", "b", "c"]
    svg = draw(transitions, places, "abc", [(0, "S")])
    assert texts(svg) == ["E", "S", "X", "a", "b", "c"]
    assert "stroke-dasharray" in svg
    assert "stroke-dasharray" not in draw(transitions, places, "abc")


def test_labels_places_or_names_that_do_not_fit_are_refused():
    for arguments in ((PLACES[1:],), (PLACES, ["a"])):
        with pytest.raises(ValueError, match="one entry for each of 8 states"):
            draw(REBER.transitions, *arguments)
    with pytest.raises(ValueError, match="one entry a layer"):
        diagrams.layers((2, 3), ("x",), ("W",), ("input", "hidden"))
