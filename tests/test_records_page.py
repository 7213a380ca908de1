"""The page that says how the results were made names every file, and truly."""

import importlib
import json
import sys

import pytest
import rendered_book

from helpers import ROOT
from helpers.press.notebooks import find
from helpers.results import files, records

pytestmark = pytest.mark.documents

sys.path.append(str(ROOT / "book" / "_extensions"))
book_records = importlib.import_module("book_records")


def test_a_file_is_named_with_its_command_duration_and_day(tmp_path):
    made = {"summary": "Sums.", "command": "add", "date": "2026-01-02T03:04:05"}
    files.write_json(tmp_path / "one.json", made | {"duration_s": 100})
    files.write_json(tmp_path / "run_times.json", {})
    runs = [
        {"command": "add a", "date": "2026-01-02", "seconds": 5},
        {"command": "add b", "date": "2026-01-03"},
    ]
    files.write_json(tmp_path / "two.json", {"summary": "Two.", "runs": runs})
    assert [line for line in book_records.recorded_results(tmp_path) if line] == [
        "- **one.json**. Sums.",
        "  - `add`\\",
        "    1 min 40 s, 2026-01-02",
        "- **two.json**. Two.",
        "  - `add a`\\",
        "    5.0 s, 2026-01-02",
        "  - `add b`\\",
        "    –, 2026-01-03",
    ]


def test_a_file_that_does_not_say_how_it_was_made_is_refused(tmp_path):
    files.write_json(tmp_path / "one.json", {"summary": "Sums.", "command": "add"})
    with pytest.raises(ValueError, match=r"one\.json does not say its 'date'"):
        book_records.recorded_results(tmp_path)


def test_run_times_are_added_up(tmp_path):
    times = {
        "book/a.ipynb": {"cold_s": 2.4, "warm_s": 1.0, "memory_mb": 300},
        "book/solutions/a.ipynb": {"cold_s": 1.4, "warm_s": 0.9, "memory_mb": 200},
    }
    files.write_json(tmp_path / "run_times.json", {"notebooks": times})
    assert book_records.run_times(tmp_path)[2:] == [
        "| a | 2 | 1 | 300 |",
        "| a, solutions | 1 | 1 | 200 |",
        "| all | 4 | 2 | |",
    ]


def test_the_page_names_every_file_and_every_notebook():
    page = rendered_book.parsed(rendered_book.book().html / "book/results.html")
    [article] = page.find_all("article")
    text = " ".join(article.text.split()).replace("’", "'")
    for path in records.FOLDER.glob("*.json"):
        if path.name == book_records.RUN_TIMES:
            continue
        record = json.loads(path.read_text(encoding="utf-8"))
        assert f"{path.name}. {record['summary']}" in text
        for part in record.get("runs", [record]):
            assert part.get("command", record.get("command")) in text
    for path in find():
        assert path.stem in text
