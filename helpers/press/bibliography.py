"""The bibliography page, made from book/references.bib.

    python -m helpers.press.bibliography        writes book/bibliography.md

A chapter cites with a plain link, ``[Elman 1990](bibliography.md#elman1990)``, which
leads to the entry in the book and to a readable page in JupyterLab.
"""

import argparse
from collections.abc import Collection
from itertools import chain

from pybtex.database import Entry, Person, parse_string

from helpers import ROOT
from helpers.results import console
from helpers.results.files import write_text

BOOK = ROOT / "book"
SOURCE, PAGE = "references.bib", "bibliography.md"

HEAD = """\
# Bibliography

Where the course comes from, and what it rests on. The same list for a reference
manager: [references.bib](references.bib).
"""
SECTIONS = {"Tutorials": "source", "Papers": ""}  # the title, the wanted keyword
VENUES = ("journal", "booktitle", "school", "howpublished")


def parse(text: str) -> Collection[Entry]:
    """The entries of a .bib file, in order.

    Raises PybtexError if BibTeX cannot read it, or a key comes twice.
    """
    return parse_string(text, "bibtex").entries.values()


def full_name(person: Person) -> str:
    """Given names first; the braces that keep a team's name together are left out."""
    names = (person.first_names, person.middle_names, person.prelast_names)
    names += (person.last_names, person.lineage_names)
    return " ".join(chain(*names)).strip("{}")


def listing(names: list[str]) -> str:
    """Names as a sentence has them: A; A and B; A, B and C."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def label(entry: Entry) -> str:
    """How a chapter names it: family names and year; unsigned, its short title.

    A list of authors that the file cuts ends in "others", as in BibTeX.
    """
    authors = entry.persons.get("author", [])
    names = [" ".join(person.last_names).strip("{}") for person in authors]
    if not names:
        return entry.fields["shorttitle"]
    if len(names) > 3:
        names = [names[0], "others"]
    return f"{listing(names)} {entry.fields['year']}"


def place(entry: Entry) -> str:
    """Journal, conference or school, with volume, number and pages."""
    fields = entry.fields
    venue = next((fields[name] for name in VENUES if name in fields), "")
    volume = fields.get("volume", "")
    if "number" in fields:
        volume += f"({fields['number']})"
    pages = fields.get("pages", "").replace("--", "–")
    return ", ".join(filter(None, [f"{venue} {volume}".strip(), pages]))


def markdown(entry: Entry) -> str:
    """The entry as an item of a list, with an anchor named by the key."""
    parts = [f'<a id="{entry.key}"></a>**{label(entry)}.**']
    if authors := entry.persons.get("author"):
        parts.append(f"{listing([*map(full_name, authors)])}.")
    parts.append(f"*{entry.fields['title']}.*")
    if venue := place(entry):
        parts.append(f"{venue}.")
    if doi := entry.fields.get("doi"):
        parts.append(f"[doi:{doi}](<https://doi.org/{doi}>)")
    if number := entry.fields.get("eprint"):
        parts.append(f"[arXiv:{number}](https://arxiv.org/abs/{number})")
    if address := entry.fields.get("url"):
        parts.append(f"<{address}>")
    return "- " + " ".join(parts)


def page(entries: Collection[Entry]) -> str:
    """The text of the bibliography page: each section sorted by author and year."""
    parts = [HEAD]
    for title, keyword in SECTIONS.items():
        chosen = [e for e in entries if e.fields.get("keywords", "") == keyword]
        chosen.sort(key=lambda e: (label(e).rpartition(" ")[0].casefold(), label(e)))
        parts.append(f"## {title}\n\n" + "\n".join(map(markdown, chosen)) + "\n")
    return "\n".join(parts)


def main() -> None:
    """The command line."""
    console.show_any_text()
    argparse.ArgumentParser(
        prog="python -m helpers.press.bibliography",
        description=f"Make book/{PAGE} from book/{SOURCE}.",
    ).parse_args()
    entries = parse((BOOK / SOURCE).read_text(encoding="utf-8"))
    write_text(BOOK / PAGE, page(entries))
    print(f"book/{PAGE}: {len(entries)} entries")


if __name__ == "__main__":
    main()
