"""The teacher's guide names what there is, and its minutes add up."""

import re
from functools import cache

import pytest
from test_appendices import cells, page, sections, slug

from helpers.press import notebooks, reading

pytestmark = pytest.mark.documents

CHAPTERS = {int(path.name[:2]): path.name for path in notebooks.chapters()}
each_chapter = pytest.mark.parametrize("number", CHAPTERS)
ALWAYS = (reading.QUESTIONS, reading.SUMMARY, *reading.UNREAD)
EXERCISE = re.compile(
    r"^### Exercise (\d\.\d: .+) \((easy|medium|hard), (\d+) minutes\)$", re.MULTILINE
)
SECTION_ROW = re.compile(
    r"^\| (\d+) \| \[(.+?)\]\((\S+)#(\S+)\) \| (\d+) \|$", re.MULTILINE
)
EXERCISE_ROW = re.compile(
    r"^\| \[(\d\.\d) (.+?)\]\((\S+)#(\S+)\) \| (\w+) \| (\d+) \|$", re.MULTILINE
)
TOGETHER = re.compile(r"\*\*(?:together|going deeper)\*\*(?: \|)+ \*\*(\d+)\*\*")
QUIZ = 10  # minutes


@cache
def parts():
    """The sections of the guide, {heading: text}."""
    found = re.split(r"^## (.+)$", page("teaching.md"), flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2], strict=True))


def part(number):
    """What the guide says of a chapter."""
    [text] = [t for h, t in parts().items() if h.startswith(f"Chapter {number}:")]
    return text


def markdown(number):
    """The Markdown of a chapter."""
    found = [c.source for c in cells(CHAPTERS[number]) if c.cell_type == "markdown"]
    return "\n\n".join(found)


@cache
def counted():
    """The minutes of the chapters by the rule."""
    return reading.all_chapters()


def section_minutes(number):
    return {int(row[0]): int(row[4]) for row in SECTION_ROW.findall(part(number))}


def exercise_minutes(number):
    return {row[0]: int(row[5]) for row in EXERCISE_ROW.findall(part(number))}


@each_chapter
def test_each_section_is_there_by_its_name_and_in_order(number):
    rows = SECTION_ROW.findall(part(number))
    headings = re.findall(
        rf"^##(?: |# (?={reading.DEEPER}))(.+)$", markdown(number), re.MULTILINE
    )
    assert [row[1] for row in rows] == [h for h in headings if h not in ALWAYS]
    assert [int(row[0]) for row in rows] == list(range(1, len(rows) + 1))
    for _, name, chapter, anchor, _ in rows:
        assert (chapter, anchor) == (CHAPTERS[number], slug(name))


@each_chapter
def test_each_exercise_is_there_with_its_level_and_minutes(number):
    rows = EXERCISE_ROW.findall(part(number))
    assert [
        (f"{row[0]}: {row[1]}", row[4], row[5]) for row in rows
    ] == EXERCISE.findall(markdown(number))
    for _, _, chapter, anchor, _, _ in rows:
        assert chapter == CHAPTERS[number]
        assert anchor in sections(chapter)


@each_chapter
def test_a_page_states_the_minutes_of_the_rule(number):
    [stated] = re.findall(r"\*\*It takes\*\* .+?\.", markdown(number))
    assert stated == counted()[number].line()


@each_chapter
def test_the_guide_has_the_minutes_of_the_rule(number):
    said = [(row[1], int(row[4])) for row in SECTION_ROW.findall(part(number))]
    rule = counted()[number]
    assert said == [(each.title, each.minutes) for each in rule.parts]
    deeper = [minutes for title, minutes in said if reading.DEEPER in title]
    main, *more, exercises = map(int, TOGETHER.findall(part(number)))
    assert main == sum(minutes for _, minutes in said) - sum(deeper)
    assert more == ([sum(deeper)] if deeper else [])
    assert exercises == sum(exercise_minutes(number).values())


@each_chapter
def test_a_main_line_is_short_enough(number):
    assert counted()[number].main <= reading.LONGEST


def test_the_guide_speaks_of_every_chapter_by_its_title():
    told = [heading for heading in parts() if heading.startswith("Chapter ")]
    titles = [re.match(r"# (\d)\. (.+)", markdown(n)).groups() for n in CHAPTERS]
    assert told == [f"Chapter {number}: {title}" for number, title in titles]
    for number in CHAPTERS:
        for what in ("Goals", "Ask in class", "Misconceptions", "When time is short"):
            assert f"**{what}" in part(number), (number, what)


def test_sections_are_called_by_numbers_that_exist():
    for number in CHAPTERS:
        text = re.sub(r"sections? \d+ of chapter \d", "", part(number))
        for called in re.findall(r"[Ss]ections? ((?:\d+(?:, | and | to )?)+)", text):
            assert {*map(int, re.findall(r"\d+", called))} <= {*section_minutes(number)}
    for section, number in re.findall(
        r"section (\d+) of chapter (\d)", page("teaching.md").replace("\n", " ")
    ):
        assert int(section) in section_minutes(int(number))


# ---------------------------------------------------------------------------
# The schedules

SCHEDULES = ("One day", "Two weeks", "A term")


def numbers(text):
    """The numbers that "1, 3 to 5" stands for."""
    for item in text.split(", "):
        first, _, last = item.partition(" to ")
        yield from range(int(first), int(last or first) + 1)


def items(text):
    """What a cell lists, {name: minutes}: "4: 1 to 3", "4.1", "quiz 4"."""
    minutes = {}
    for entry in filter(None, text.split("; ")):
        chapter, colon, listed = entry.partition(": ")
        if colon:
            known = section_minutes(int(chapter))
            minutes |= {f"{chapter}: {n}": known[n] for n in numbers(listed)}
            continue
        for name in entry.split(", "):
            quiz = re.fullmatch(r"quiz ([1-9])", name)
            minutes[name] = QUIZ if quiz else exercise_minutes(int(name[0]))[name]
    return minutes


def schedule(title):
    """The rows of a schedule as cells, and the last one apart."""
    lines = [line for line in parts()[title].splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[1:]]
    return rows[:-1], rows[-1]


@pytest.mark.parametrize("title", SCHEDULES)
def test_the_minutes_of_a_schedule_add_up(title):
    rows, last = schedule(title)
    plans = [(2, 3, 4)] if title == "One day" else [(1, 2, 3), (4, 4, 5)]
    for sections_at, exercises_at, minutes_at in plans:
        for row in rows:
            minutes = items(row[sections_at]) | items(row[exercises_at])
            assert sum(minutes.values()) == int(row[minutes_at]), row
        total = sum(int(row[minutes_at]) for row in rows)
        assert last[minutes_at] == f"**{total}**"


@pytest.mark.parametrize("title", ["Two weeks", "A term"])
def test_the_long_schedules_hold_everything_once(title):
    planned = []
    for row in schedule(title)[0]:
        planned += [*items(row[1]), *items(row[2]), *items(row[4])]
    for number in CHAPTERS:
        everything = [f"{number}: {n}" for n in section_minutes(number)]
        everything += [*exercise_minutes(number), f"quiz {number}"]
        assert sorted(everything) == sorted(
            name for name in planned if re.match(rf"(quiz )?{number}\b", name)
        )


def test_a_double_hour_and_a_morning_are_long_enough():
    assert all(int(row[3]) <= 90 for row in schedule("A term")[0])
    assert all(int(row[3]) <= 150 for row in schedule("Two weeks")[0])
    [day] = re.findall(r"\d+", schedule("One day")[1][4])
    assert 330 <= int(day) <= 360
