"""Say where one runs a page what that takes, and on the first page what all take.

The numbers are those of data/results/run_times.json, which
``python -m helpers.press.notebooks time`` measures. A notebook that is not in it is a
warning, and so an error of a strict build.
"""

import json
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

RUN_TIMES = "data/results/run_times.json"
RUN = "Run it"  # the heading of the first page under which the sum stands
logger = logging.getLogger(__name__)


def seconds(value: float) -> str:
    """A time as one says it: 8 s, 25 s, 2 minutes; never less than was measured."""
    for limit, step in ((10, 1), (90, 5)):
        if value <= limit:
            return f"{-(-value // step) * step:.0f} s"
    return f"{-(-value // 60):.0f} minutes"


def number(count: int) -> str:
    """A number of processor cores as a word where it has a usual one."""
    return {1: "one core", 2: "two cores", 4: "four cores"}.get(count, f"{count} cores")


def sentence(what: str, cores: int, times: list[dict]) -> str:
    """What notebooks with these run times take, one after the other.

    `times` are entries of run_times.json, with cold_s and warm_s in seconds and
    memory_mb in megabytes.
    """
    warm, cold = (sum(entry[key] for entry in times) for key in ("warm_s", "cold_s"))
    memory = max(entry["memory_mb"] for entry in times)
    gigabytes = -(-memory // 100) / 10  # rounded up to a tenth
    first = ""
    if cold > warm and seconds(cold) != seconds(warm):
        first = f" ({seconds(cold)} the first time)"
    return (
        f"To run {what}: {number(cores)}, {seconds(warm)}{first}, "
        f"{gigabytes:.1f} GB of memory; no GPU, no network."
    )


def note(app: Sphinx, document: nodes.document) -> None:
    """Put the sentence under the title of a notebook, or that of the first page."""
    env = app.env
    path = Path(env.doc2path(env.docname))
    root = Path(app.srcdir)
    env.note_dependency(RUN_TIMES)
    file = root / RUN_TIMES
    record = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    times = record.get("notebooks", {})
    titles = list(document.findall(nodes.title))
    if env.docname == app.config.root_doc:
        titles = [title for title in titles if title.astext() == RUN]
        if not times or not titles:
            return
        text = sentence("the whole course", record["cores"], list(times.values()))
    elif path.suffix != ".ipynb":
        return
    elif name := times.get(path.relative_to(root).as_posix()):
        text = sentence("this page", record["cores"], [name])
    else:
        logger.warning(
            "%s is not in %s: run python -m helpers.press.notebooks time",
            path.name,
            RUN_TIMES,
            location=env.docname,
        )
        return
    title = titles[0]
    paragraph = nodes.paragraph(text, text, classes=["cost"])
    title.parent.insert(title.parent.index(title) + 1, paragraph)


def setup(app: Sphinx) -> dict:
    """Tell Sphinx what to call, and when."""
    app.connect("doctree-read", note)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
