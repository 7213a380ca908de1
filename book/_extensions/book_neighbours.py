"""The links at the foot of a page say why one would follow them.

They lead along the table of contents, but past the solutions: from a page of those one
goes back to its chapter, or on to the chapter after it. Every page needs its reasons
here; one without is a warning, and so an error of a strict build.
"""

from pathlib import PurePosixPath

from sphinx.application import Sphinx
from sphinx.util import logging

SOLUTIONS = "solutions"
EXERCISES = "Here are the exercises that this page solves, with their checks."
# Of each page: why one goes on to it, and why one goes back to it.
REASONS = {
    "index": (
        "The first page says what the course is, and has the map of its chapters.",
    ),
    "01_feedforward": (
        "Every recurrent network is made of the layers, gradients and updates that you"
        " build and check there.",
        "Layers, gradients by hand and the window, whose memory ends, are explained"
        " there.",
    ),
    "02_elman": (
        "A window forgets what has left it. A network with a state can keep it, and"
        " this chapter lets you set its weights by hand.",
        "There the network that scan repeats is written down and run by hand.",
    ),
    "03_scan": (
        "You know one step of the network. Scan repeats it inside a graph, and so the"
        " network can be trained.",
        "There scan builds the loop, through which the gradient goes back.",
    ),
    "04_bptt": (
        "So far the gradient came from PyTensor. Now you derive it, and see why an"
        " early input is so hard to learn from.",
        "There you see how the gradient is computed, and how an error fades on its way"
        " back.",
    ),
    "05_reber": (
        "You can trust your gradients. Now a network learns a grammar, and we know"
        " exactly how small its loss can be.",
        "There the same network learns the plain grammar, without the long wait.",
    ),
    "06_embedded_reber": (
        "The same network fails once it has to remember one symbol. You find out why,"
        " and build the LSTM, which can.",
        "There you see what fails when a network has to remember, and the gates that"
        " mend it.",
    ),
    "07_sine": (
        "The loss of a well-known program falls although its gradient is wrong. You"
        " learn how one notices.",
        "There you see the baselines and controls that show whether a network has"
        " learned anything.",
    ),
    "08_language_model": (
        "Now everything comes together: a network learns to write comments, and has to"
        " beat plain counts.",
        "There the language model is built, judged and made to write.",
    ),
    "09_beyond": (
        "You know the networks up to 1997. Here are their successors, each as one step"
        " of scan, and the same question for all of them.",
        "There the successors of the LSTM are written down and compared, up to"
        " attention.",
    ),
    "notation": (
        "One page holds all symbols, and what the sources call the same things.",
        "All symbols stand there, with their shapes and their names in the code.",
    ),
    "engines": (
        "The networks of the chapters run on every engine, and you see what makes a"
        " program fast.",
        "There you see how fast each engine runs the same networks.",
    ),
    "from_theano": (
        "Old code for Theano runs again once you know what each piece of it becomes.",
        "There each piece of old code for Theano gets its new form.",
    ),
    "glossary": (
        "Each word of the course is explained in a sentence or two.",
        "Each word of the course is explained there in a sentence or two.",
    ),
    "errata": (
        "If you know the original tutorials, you will want to know where this course"
        " says something else, and why.",
        "There you see where the original tutorials are wrong, and what is so.",
    ),
    "teaching": (
        "If you teach, you find here how long each part takes, what to ask and what to"
        " leave out.",
        "There you see how long each part takes, what to ask and what to leave out.",
    ),
    "hosting": (
        "If you run a class, you find here how thirty people get the course running.",
        "There you see how a whole class gets the course running.",
    ),
    "results": (
        "Every recorded number has a command that makes it again. This page lists them"
        " all.",
        "There stands the command that makes each recorded number again.",
    ),
    "bibliography": (
        "These are the papers that the course rests on, should you want to read the"
        " originals.",
    ),
}
logger = logging.getLogger(__name__)


def is_solution(docname: str) -> bool:
    """Whether a page holds the solutions of a chapter."""
    return PurePosixPath(docname).parent.name == SOLUTIONS


def neighbours(docname: str, contents: list[str]) -> tuple[str | None, str | None]:
    """The pages before and after a page, None where there is none.

    `contents` are all pages in the order of the table of contents.
    """
    line = [name for name in contents if not is_solution(name)]
    if is_solution(docname):
        path = PurePosixPath(docname)
        chapter = str(path.parents[1] / path.name)
        return chapter, neighbours(chapter, contents)[1]
    place = line.index(docname)
    return (
        line[place - 1] if place else None,
        line[place + 1] if place + 1 < len(line) else None,
    )


def reason(docname: str, before: bool, whence: str) -> str:
    """Why one would go from the page `whence` to this one, before it or after it.

    It is empty for a page without REASONS.
    """
    if before and is_solution(whence):
        return EXERCISES
    reasons = REASONS.get(PurePosixPath(docname).name, ("",))
    return reasons[-1 if before else 0]


def contents(app: Sphinx) -> list[str]:
    """All pages in the order of the table of contents."""
    follows = {name: after for name, (_, _, after) in app.builder.relations.items()}
    found, page = [], app.config.root_doc
    while page:
        found.append(page)
        page = follows.get(page)
    return found


def say_why(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Let the links of a page lead along this line, and say why."""
    line = contents(app) if app.builder.name == "html" else []
    if pagename not in line:
        return
    if PurePosixPath(pagename).name not in REASONS:
        logger.warning("%s has no REASONS in book_neighbours", pagename)
    for key, page in zip(("prev", "next"), neighbours(pagename, line), strict=True):
        context[key] = None
        if page:
            title = app.builder.render_partial(app.env.titles[page])["title"]
            link = app.builder.get_relative_uri(pagename, page)
            context[key] = {"link": link, "title": title}
            why = reason(page, key == "prev", pagename)
            context[f"{key}_title"] = f'{title}<span class="reason">{why}</span>'


def setup(app: Sphinx) -> dict:
    """Tell Sphinx what to call, and when."""
    app.connect("html-page-context", say_why)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
