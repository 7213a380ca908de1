"""The tables of the page that says how the results were made.

    ```{recorded-results}
    ```
    ```{run-times}
    ```

They are made of data/results/ whenever the book is built, so that they cannot be out of
date: which command wrote each file and how long it took, and what each notebook takes.
"""

import json
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from helpers.results.tables import duration
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

RESULTS = Path("data/results")
RUN_TIMES = "run_times.json"


def entries(document: dict) -> list[tuple[str, str, str]]:
    """What made a file: rows of command, duration and day.

    A file that holds several runs, each with a command of its own, has a row for each.
    A duration that was not kept is a dash.
    """
    rows = []
    for part in [document] if "command" in document else document["runs"]:
        seconds = part.get("duration_s", part.get("seconds"))
        took = "–" if seconds is None else duration(seconds)
        rows.append((part["command"], took, part["date"][:10]))
    return rows


def recorded_results(folder: Path) -> list[str]:
    """A Markdown list of the files: what each holds, and what made it.

    Raises ValueError for a file that does not say so.
    """
    lines = []
    for path in sorted(folder.glob("*.json")):
        if path.name == RUN_TIMES:
            continue
        document = json.loads(path.read_text(encoding="utf-8"))
        try:
            lines += [f"- **{path.name}**. {document['summary']}", ""]
            lines += [
                f"  - `{command}`\\\n    {took}, {day}"
                for command, took, day in entries(document)
            ]
        except KeyError as missing:
            raise ValueError(f"{path} does not say its {missing}") from None
        lines.append("")
    return "\n".join(lines).split("\n")


def run_times(folder: Path) -> list[str]:
    """A Markdown table of the notebooks: seconds cold and warm, and memory."""
    record = json.loads((folder / RUN_TIMES).read_text(encoding="utf-8"))
    lines = ["| notebook | cold, s | warm, s | memory, MB |", "|---|---:|---:|---:|"]
    for name, entry in record["notebooks"].items():
        # Without links: an edition for students leaves some notebooks out.
        which = ", solutions" if "solutions/" in name else ""
        lines.append(
            f"| {Path(name).stem}{which} "
            f"| {entry['cold_s']:.0f} | {entry['warm_s']:.0f} | {entry['memory_mb']} |"
        )
    cold, warm = (
        sum(entry[key] for entry in record["notebooks"].values())
        for key in ("cold_s", "warm_s")
    )
    return [*lines, f"| all | {cold:.0f} | {warm:.0f} | |"]


class FromRecords(SphinxDirective):
    """A directive whose content is Markdown made of the files in data/results."""

    def run(self) -> list[nodes.Node]:
        """The table or list, and a note that the page depends on every file."""
        folder = Path(self.env.srcdir, RESULTS)
        for path in folder.glob("*.json"):
            self.env.note_dependency(path.relative_to(self.env.srcdir).as_posix())
        make = {"recorded-results": recorded_results, "run-times": run_times}[self.name]
        container = nodes.container(classes=[self.name])
        self.state.nested_parse(StringList(make(folder), self.name), 0, container)
        return [container]


def setup(app: Sphinx) -> dict:
    """Tell Sphinx what to call, and when."""
    for name in ("recorded-results", "run-times"):
        app.add_directive(name, FromRecords)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
