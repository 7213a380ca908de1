"""The search leads to the section that explains, by the script that the page runs."""

import gzip
import importlib
import json
import sys

import pytest
import rendered_book
from docutils import nodes
from py_mini_racer import MiniRacer

from helpers import ROOT

pytestmark = pytest.mark.documents

sys.path.append(str(ROOT / "book" / "_extensions"))
book_search = importlib.import_module("book_search")

# The first result for what a student may type. The glossary's terms are asked below.
FIRST = {
    "vanishing gradient": "04_bptt.html#how-far-does-an-error-get",
    "why do gradients vanish": "04_bptt.html#how-far-does-an-error-get",
    "vanishng gradient": "04_bptt.html#how-far-does-an-error-get",
    "exploding gradients": "04_bptt.html#what-if-it-grows",
    "gradient clipping": "04_bptt.html#how-do-we-survive-it",
    "truncate_gradient": "04_bptt.html#going-deeper-what-does-truncate-gradient-do",
    "truncated BPTT": "04_bptt.html#what-is-truncated-backpropagation",
    "LSTM forget gate": "06_embedded_reber.html#what-is-dropped",
    "GRU": "06_embedded_reber.html#going-deeper-what-is-a-gru-and-which-one",
    "teacher forcing": "05_reber.html#what-strings-does-it-make",
    "perplexity": "08_language_model.html#what-is-a-good-loss",
    "what is a recurrent neural network": "02_elman.html#what-is-a-recurrent-network",
    "RNN": "02_elman.html#what-is-a-recurrent-network",
    "hidden state": "02_elman.html#what-is-a-recurrent-network",
    "is h0 a parameter": "02_elman.html#going-deeper-is-h-0-a-parameter",
    "scan outputs_info": "03_scan.html#in-which-order-do-the-arguments-come",
    "outputs info": "03_scan.html#in-which-order-do-the-arguments-come",
    "why not a python loop": "03_scan.html#why-is-a-python-loop-not-enough",
    "backpropagation through time": "04_bptt.html#how-is-it-derived",
    "back propagation through time": "04_bptt.html#how-is-it-derived",
    "adam optimizer": "04_bptt.html#going-deeper-which-step-do-we-take",
    "gradient check": "01_feedforward.html#is-the-gradient-right",
    "finite differences": "01_feedforward.html#is-the-gradient-right",
    "cross entropy": "01_feedforward.html#what-if-the-answer-is-one-of-several",
    "crossentropy": "01_feedforward.html#what-if-the-answer-is-one-of-several",
    "minibatch": "01_feedforward.html#how-is-a-network-trained",
    "overfitting": "01_feedforward.html#when-does-learning-become-memorising",
    "initialization": "02_elman.html#what-does-w-hh-do-to-the-past",
    "Reber grammar": "05_reber.html#what-is-a-reber-string",
    "temperature": "05_reber.html#step-by-step-with-a-temperature",
    "Kneser-Ney": "08_language_model.html#baselines-first",
    "drop out": "08_language_model.html#what-does-the-real-run-reach",
    "exercise 3.7": "03_scan.html#exercise-3-7-train-an-echo-hard-40-minutes",
}


@pytest.fixture(scope="module")
def html():
    return rendered_book.book().html


@pytest.fixture(scope="module")
def index(html):
    """The addresses and titles of the pages, and their sections."""
    text = (html / book_search.INDEX).read_text(encoding="utf-8")
    return json.loads(text.removeprefix("Search.load(").removesuffix(");\n"))


@pytest.fixture(scope="module")
def find(html):
    """What the script of the page finds."""
    with MiniRacer() as engine:
        for name in ("_static/language_data.js", "_static/search.js"):
            engine.eval((html / name).read_text(encoding="utf-8"))
        engine.eval((html / book_search.INDEX).read_text(encoding="utf-8"))
        engine.eval("var find = (query) => JSON.stringify(Search.find(query));")
        yield lambda query: json.loads(engine.call("find", query))


def addresses(find, query):
    return [result["address"] for result in find(query)["results"]]


@pytest.mark.parametrize("query", FIRST)
def test_the_first_result_is_the_section_that_explains(find, query):
    assert addresses(find, query)[0] == f"book/{FIRST[query]}"


def test_every_term_of_the_glossary_leads_to_where_it_is_explained(find, index):
    pages, sections = index
    asked = {
        term: f"{pages[page][0]}#{anchor}".removesuffix("#")
        for page, anchor, *_, terms, _ in sections
        for term in terms
    }
    assert len(asked) > 120
    found = {term: addresses(find, term)[0] for term in asked}
    assert {t: a for t, a in found.items() if a != asked[t]} == {}


def test_every_result_is_a_section_that_stands_in_its_page(html, index):
    pages, sections = index
    assert {address for address, _ in pages} == set(rendered_book.listed())
    assert len(sections) > 500
    texts = [(html / address).read_text(encoding="utf-8") for address, _ in pages]
    for page, anchor, title, *_ in sections:
        assert not anchor or f'id="{anchor}"' in texts[page], (pages[page], anchor)
        assert title


def test_a_passage_is_quoted_with_the_words_marked(find):
    [first, *_] = find("teacher forcing")["results"]
    said = "".join(text for text, _ in first["excerpt"])
    marked = [text for text, hit in first["excerpt"] if hit]
    assert "teacher forcing" in said
    assert {word.strip("(;.,").lower() for word in marked} == {"teacher", "forcing"}
    assert len(said.split()) <= 40


def test_solutions_are_found_but_neither_first_nor_quoted(find, index):
    pages, sections = index
    exercise = "exercise 4.5"
    chapter, solution, *_ = addresses(find, exercise)
    assert chapter.startswith("book/04_bptt.html#exercise-4-5")
    assert solution.startswith("book/solutions/04_bptt.html#exercise-4-5")
    quoted = {pages[page][0] for page, _, _, _, _, text, *_ in sections if text}
    assert not [page for page in quoted if page.startswith("book/solutions/")]


def test_words_that_no_section_has(find):
    assert find("zebra") == {"results": [], "changed": []}
    assert find("the of and") == {"results": [], "changed": []}
    assert find("")["results"] == []
    typo = find("perplexty")
    assert typo["changed"] == [["perplexty", "perplexity"]]
    assert typo["results"] == find("perplexity")["results"]


def test_code_is_found_by_its_names(find):
    assert "book/03_scan.html#other-lengths" in addresses(find, "axvline")


def test_the_index_is_small(html):
    data = (html / book_search.INDEX).read_bytes()
    assert len(gzip.compress(data)) < 250_000
    left = [name for name in book_search.LEFT if (html / name).exists()]
    assert left == []


def test_formulas_are_written_as_one_types_them():
    said = {
        r"W_{hh}": "W_hh",
        r"h_{t-1} W_{hh}": "h_{t-1} W_hh",
        r"\tanh(x_t\, W_{ih})": "tanh(x_t W_ih)",
        r"\frac{1}{2}": "1/2",
        r"\delta h_t = \delta a_{t+1} W_{hh}^\top": "δ h_t = δ a_{t+1} W_hhᵀ",
    }
    assert {tex: book_search.plain(tex) for tex in said} == said


def test_a_paragraph_is_one_line():
    paragraph = nodes.paragraph(
        "", "", nodes.Text("one\ntwo "), nodes.math("", "h_{t}")
    )
    assert book_search.text(paragraph) == "one two h_t"
