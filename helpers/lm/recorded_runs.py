"""From the folders of training runs to what the book shows and ships."""

import json
from pathlib import Path

from helpers.lm.model import FOLDER, LanguageModel
from helpers.results import files, records

SCHEMA = "rnns-unrolled language models 1"
NAME = "lm-runs"
COMMAND = "python -m helpers.lm record"
SHIPPED = "reddit"
ABOUT = {
    "title": "A word-level language model of short comments from reddit",
    "data": "GoEmotions (Demszky et al. 2020, ACL): 54,263 comments from reddit in "
    "English, of 2005 to 2019, names and religions masked by its authors",
    "licence": "the data is CC BY 4.0, Google Research; the weights are under the "
    "licence of the course's text, CC BY 4.0",
    "split": "helpers.tasks.corpus.split: by comment, shuffled by default_rng(0), 90% "
    "for training, 5% to choose by, 5% for the test",
    "use": "for teaching: to be measured, sampled from and taken apart",
    "limits": "knows 8,000 words and one sentence at a time; has no facts and no sense "
    "of truth; loses the thread after a few words; repeats the opinions, prejudices "
    "and mistakes of those who wrote the comments",
    "words": "its vocabulary holds profanity and slurs, as the comments do; "
    "helpers.lm.generation leaves out the words of data/unsuitable-words.txt unless "
    "told otherwise, and no list catches every hurtful sentence",
}


def load(folder: Path | str | None = None) -> dict:
    """The recorded runs: "runs" holds a dict for each, in the order of recording.

    "note" says how they were run. A run has its "settings", "parameters" (how many
    numbers were learned), lists "epoch", "train" and "validation" (perplexities by
    epoch), "best_epoch", "validation_perplexity" and "test_perplexity" of the model of
    that epoch, "seconds" of training, "tokens_per_s" and its "command". Raises
    FileNotFoundError where there is no file and ValueError for a damaged one; both say
    how to make it.
    """
    return records.load_measured(NAME, SCHEMA, "runs", "runs", COMMAND, folder)


def record(
    folders: list[Path], note: str = "", to: Path | str = records.FOLDER
) -> Path:
    """Write data/results/lm-runs.json from the folders of finished runs.

    `note` says what else one should know, such as what the machine did besides. Raises
    FileNotFoundError and ValueError for a folder without a finished run.
    """
    path = Path(to) / f"{NAME}.json"
    runs = [_run(Path(folder)) for folder in folders]
    document = {
        "schema": SCHEMA,
        "summary": "Perplexity by epoch of language models, END and UNKNOWN counted as "
        "words; the test is taken once, of the epoch that validates best.",
        "note": note,
        "runs": runs,
    }
    files.write_json(path, files.plain(document, "runs"))
    print(f"written to {path}")
    return path


def _run(folder: Path) -> dict:
    model = LanguageModel.load("model", folder)
    card = _finished(model.card, folder)
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    try:
        return _told(model, card, lines)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ValueError(
            f"folder must hold a run of this course, with its log.jsonl; that in "
            f"{folder} does not ({error!r})"
        ) from None


def _told(model: LanguageModel, card: dict, lines: list[str]) -> dict:
    log = [json.loads(line) for line in lines]
    return {
        "settings": card["settings"],
        "parameters": sum(value.size for value in model.learned.values()),
        "epoch": [line["epoch"] for line in log],
        "train": [round(line["train_perplexity"], 3) for line in log],
        "validation": [round(line["validation_perplexity"], 3) for line in log],
        "best_epoch": card["epoch"],
        "validation_perplexity": card["validation_perplexity"],
        "test_perplexity": card["test_perplexity"],
        "seconds": round(log[-1]["seconds"], 1),
        "tokens_per_s": round(card["tokens_per_s"]),
        "command": card["command"],
        "versions": card["versions"],
        "machine": card["machine"],
        "date": card["date"],
    }


def ship(folder: Path, to: Path | str = FOLDER) -> None:
    """Copy the model of a finished run to data/reddit.npz and data/reddit.json."""
    model = LanguageModel.load("model", Path(folder))
    card = _finished(model.card, folder)
    model._replace(card={**ABOUT, **card}).save(SHIPPED, to)
    print(f"written to {Path(to) / SHIPPED}.npz and .json")


def _finished(card: dict, folder: Path) -> dict:
    if "test_perplexity" not in card:
        raise ValueError(
            f"folder must hold a finished run; that in {folder} has stopped before its "
            "end, and its command goes on with it"
        )
    return {key: value for key, value in card.items() if key != "sha256"}
