"""The bibliography page is made from references.bib, and every citation finds it."""

import re

import pytest
from pybtex.database import Entry, Person
from pybtex.exceptions import PybtexError

from helpers.press import bibliography, notebooks
from helpers.press.bibliography import BOOK, PAGE, SOURCE

pytestmark = pytest.mark.documents

ARTICLE = """\
@article{gers2000,
  author = {Felix A. Gers and Jürgen Schmidhuber and Fred Cummins},
  title = {Learning to forget},
  journal = {Neural Computation},
  volume = {12},
  number = {10},
  pages = {2451--2471},
  year = {2000},
  doi = {10.1162/089976600300015015}
}
"""


def references():
    return bibliography.parse((BOOK / SOURCE).read_text(encoding="utf-8"))


def test_the_page_is_the_one_that_is_made_of_every_entry():
    committed = (BOOK / PAGE).read_text(encoding="utf-8")
    message = "run python -m helpers.press.bibliography"
    assert committed == bibliography.page(references()), message
    # BibTeX skips whatever does not begin with an @.
    text = (BOOK / SOURCE).read_text(encoding="utf-8")
    assert len(re.findall(r"(?m)^}$", text)) == len(references())


def test_an_article_becomes_one_line_with_its_anchor():
    [entry] = bibliography.parse(ARTICLE)
    assert bibliography.markdown(entry) == (
        '- <a id="gers2000"></a>**Gers, Schmidhuber and Cummins 2000.** Felix A. Gers, '
        "Jürgen Schmidhuber and Fred Cummins. *Learning to forget.* Neural Computation "
        "12(10), 2451–2471. [doi:10.1162/089976600300015015]"
        "(<https://doi.org/10.1162/089976600300015015>)"
    )


@pytest.mark.parametrize(
    ("authors", "label"),
    [
        ("Jeffrey L. Elman", "Elman 1990"),
        ("Hava T. Siegelmann and Eduardo D. Sontag", "Siegelmann and Sontag 1990"),
        ("A B and C D and E F and G H", "B and others 1990"),
        ("A B and others", "B and others 1990"),
        ("{A Team}", "A Team 1990"),
        ("", "A notebook"),
    ],
)
def test_labels_name_up_to_three_families(authors, label):
    persons = [Person(name) for name in authors.split(" and ") if name]
    fields = {"year": "1990", "shorttitle": "A notebook"}
    entry = Entry("misc", fields, {"author": persons} if persons else {})
    assert bibliography.label(entry) == label


def test_a_name_is_written_out_as_it_is_said():
    for name in ("Erik Sparre Andersen", "Ludwig van Beethoven", "A Team"):
        person = Person(f"{{{name}}}" if "Team" in name else name)
        assert bibliography.full_name(person) == name


def test_every_entry_is_on_the_page_once_and_in_order():
    text = (BOOK / PAGE).read_text(encoding="utf-8")
    anchors = re.findall(r'<a id="([^"]+)"></a>', text)
    assert sorted(anchors) == sorted(reference.key for reference in references())
    for section in text.split("\n## ")[1:]:
        labels = re.findall(r"\*\*(.+)\.\*\*", section)
        names = [re.sub(r" \d{4}$", "", label).casefold() for label in labels]
        assert names == sorted(names)


def test_keys_tell_author_and_year():
    for reference in references():
        if year := reference.fields.get("year"):
            assert re.fullmatch(rf"[a-z]+{year}", reference.key)


def test_every_citation_names_the_entry_as_the_page_does():
    labels = {entry.key: bibliography.label(entry) for entry in references()}
    cited = 0
    for path in notebooks.find():
        for cell in notebooks.read(path).cells:
            text = " ".join(cell.source.split())
            links = re.findall(
                r"\[([^]]*)\]\((?:\.\./)?bibliography\.md#([^)]*)\)", text
            )
            for shown, key in links:
                cited += 1
                assert labels[key] in shown
    assert cited


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ARTICLE + ARTICLE, "repeated bibliography entry: gers2000"),
        (ARTICLE.replace("{12},", "{12}"), "syntax error in line 6"),
        (ARTICLE.removesuffix("}\n"), "premature end of file"),
    ],
)
def test_what_cannot_be_read_is_refused(text, message):
    with pytest.raises(PybtexError, match=message):
        bibliography.parse(text)
