"""The bibliography page, made from book/references.bib.

    python -m helpers.press.bibliography        writes book/bibliography.md

A chapter cites with a plain link, ``[Elman 1990](bibliography.md#elman1990)``, which
leads to the entry in the book and to a readable page in JupyterLab.
"""

import argparse
import re
from dataclasses import dataclass

from helpers import ROOT

BOOK = ROOT / "book"
SOURCE, PAGE = "references.bib", "bibliography.md"

HEAD = """\
# Bibliography

Where the course comes from, and what it rests on. The same list for a reference
manager: [references.bib](references.bib).
"""
SECTIONS = {"Tutorials": "source", "Papers": ""}  # the title, the wanted keyword
ENTRY = re.compile(r"^@(\w+)\{([a-z0-9-]+),\n(.*?)^\}$", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r"  (\w+) = \{(.+)\},?")


@dataclass(frozen=True)
class Reference:
    """An entry of the .bib file; `fields` by their names, as they stand there."""

    key: str
    fields: dict[str, str]

    @property
    def authors(self) -> list[str]:
        """Full names, "others" if the list was cut; a team's name is one author."""
        return [
            name.strip("{}") for name in self.fields.get("author", "").split(" and ")
        ]

    @property
    def label(self) -> str:
        """How a chapter names it: family names and year; unsigned, its short title."""
        if self.authors == [""]:
            return self.fields["shorttitle"]
        team = self.fields["author"].startswith("{")
        names = self.authors if team else [name.split()[-1] for name in self.authors]
        if len(names) > 3:
            names = [names[0], "others"]
        *first, last = names
        who = f"{', '.join(first)} and {last}" if first else last
        return f"{who} {self.fields['year']}"

    @property
    def markdown(self) -> str:
        """The entry as an item of a list, with an anchor named by the key."""
        *first, last = self.authors
        names = f"{', '.join(first)} and {last}." if first else f"{last}."
        parts = [f'<a id="{self.key}"></a>**{self.label}.**']
        if last:
            parts.append(names)
        parts.append(f"*{self.fields['title']}.*")
        if place := self.place:
            parts.append(f"{place}.")
        if doi := self.fields.get("doi"):
            parts.append(f"[doi:{doi}](<https://doi.org/{doi}>)")
        if number := self.fields.get("eprint"):
            parts.append(f"[arXiv:{number}](https://arxiv.org/abs/{number})")
        return "- " + " ".join(parts)

    @property
    def place(self) -> str:
        """Journal, conference or school, with volume, number and pages."""
        names = ("journal", "booktitle", "school", "howpublished")
        venue = next((self.fields[n] for n in names if n in self.fields), "")
        volume = self.fields.get("volume", "")
        if number := self.fields.get("number"):
            volume += f"({number})"
        pages = self.fields.get("pages", "").replace("--", "–")
        return ", ".join(filter(None, [f"{venue} {volume}".strip(), pages]))


def parse(text: str) -> list[Reference]:
    """The entries of a .bib file that has one field a line.

    Raises:
        ValueError: if a key comes twice, or a line is neither field nor comment.
    """
    references = []
    for _, key, body in ENTRY.findall(text):
        fields = {}
        for line in body.splitlines():
            if not (match := FIELD.fullmatch(line)):
                raise ValueError(f"{key} must have lines 'name = {{...}},'; got {line}")
            fields[match[1]] = match[2]
        references.append(Reference(key, fields))
    rest = [line for line in ENTRY.sub("", text).splitlines() if line.strip()]
    if stray := [line for line in rest if not line.startswith("%")]:
        raise ValueError(f"text must hold entries and % comments only; got {stray[0]}")
    keys = [reference.key for reference in references]
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise ValueError(f"each key must stand once; got {', '.join(twice)} again")
    return references


def page(references: list[Reference]) -> str:
    """The text of the bibliography page: each section sorted by author and year."""
    parts = [HEAD]
    for title, keyword in SECTIONS.items():
        chosen = [r for r in references if r.fields.get("keywords", "") == keyword]
        chosen.sort(key=lambda r: (r.label.rpartition(" ")[0].casefold(), r.label))
        items = "\n".join(reference.markdown for reference in chosen)
        parts.append(f"## {title}\n\n{items}\n")
    return "\n".join(parts)


def main() -> None:
    argparse.ArgumentParser(
        prog="python -m helpers.press.bibliography",
        description=f"Make book/{PAGE} from book/{SOURCE}.",
    ).parse_args()
    references = parse((BOOK / SOURCE).read_text(encoding="utf-8"))
    (BOOK / PAGE).write_text(page(references), encoding="utf-8", newline="\n")
    print(f"book/{PAGE}: {len(references)} entries")


if __name__ == "__main__":
    main()
