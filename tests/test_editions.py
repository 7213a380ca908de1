"""What a teacher hands out holds what it should, and runs where it is unpacked."""

import importlib.metadata
import json
import os
import posixpath
import re
import stat
import subprocess
import sys
import tomllib
import zipfile

import nbformat
import pytest
import yaml
from course_copy import PLAIN, make_copy
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from test_environment import assert_refused

from helpers import ROOT, environment
from helpers.environment import SetUpError
from helpers.press import editions, notebooks

TARGET = re.compile(r"\]\(([^)\s]+)\)")
BOOK = {"html/index.html": b"<p>Book</p>", "html/book/index.html": b"<p>One</p>"}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A copy of the course with files that git does not track."""
    root = make_copy(tmp_path_factory.mktemp("course"))
    for name in ("book/marks.md", "data/results/.lock", "helpers/private.py"):
        (root / name).write_text("secret", encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def student(course):
    return editions.edition(course, student=True)


@pytest.fixture(scope="module")
def teacher(course):
    return editions.edition(course, student=False)


def texts(files, suffixes=(".md", ".py"), kinds=("markdown", "code")):
    """The text of cells of these kinds and of other readable files, in one string."""
    found = []
    for name, content in files.items():
        if name.endswith(".ipynb"):
            cells = nbformat.reads(content, 4).cells
            found += [cell.source for cell in cells if cell.cell_type in kinds]
        elif name.endswith(suffixes):
            found.append(content.decode())
    return "\n\n".join(found)


# What the editions hold ------------------------------------------------------


@pytest.mark.documents
def test_they_hold_what_git_tracks_and_what_is_made(course, student, teacher):
    known = set(editions.tracked(course))
    assert "book/marks.md" not in known
    assert set(teacher) <= known
    assert b"secret" not in {*student.values(), *teacher.values()}
    for files in (student, teacher):
        folders = {name.partition("/")[0] for name in files}
        assert {"book", "data", "helpers", "README.md", "pyproject.toml"} < folders
        assert not folders & {"tests", ".ci", "Makefile", "_toc.yml"}


@pytest.mark.documents
def test_the_students_lack_what_is_for_teachers_and_nothing_else(student, teacher):
    gone = set(teacher) - set(student)
    assert set(student) < set(teacher)
    assert len([name for name in gone if name.startswith("book/solutions/")]) == 9
    assert "book/hosting.md" in gone
    assert all(name.startswith(editions.FOR_TEACHERS) for name in gone)


@pytest.mark.documents
def test_the_student_edition_gives_no_solution_away(student, teacher):
    handed_out, everything, solved = texts(student), texts(teacher), []
    for name, content in teacher.items():
        if name.startswith("book/solutions/"):
            cells = nbformat.reads(content, 4).cells
            solved += [c.source for c in cells if re.search("^def ", c.source, re.M)]
    assert len(solved) > 30
    assert [cell for cell in solved if cell not in everything] == []
    assert [cell for cell in solved if cell in handed_out] == []


def dead_links(files):
    """Links from page to page to a file that the edition does not hold."""
    found = []
    for name, content in files.items():
        # In code, brackets are no links.
        text = texts({name: content}, (".md",), ("markdown",))
        for target in TARGET.findall(text):
            path = posixpath.join(posixpath.dirname(name), target.partition("#")[0])
            if "://" not in target and posixpath.normpath(path) not in files:
                found += [(name, target)] if target[0] != "#" else []
    return found


@pytest.mark.documents
def test_every_link_leads_to_a_file_of_the_edition(student, teacher):
    assert dead_links(teacher) == []
    assert dead_links(student) == []
    without = {k: v for k, v in student.items() if k != "book/bibliography.md"}
    assert ("book/index.md", "bibliography.md#tutorials") in dead_links(without)


@pytest.mark.documents
def test_the_notebooks_are_those_of_the_course(course, student):
    names = [name for name in student if name.endswith(".ipynb")]
    assert names == [
        path.relative_to(ROOT).as_posix()
        for path in notebooks.find()
        if path.parent.name == "book"
    ]
    for name in names:
        mine = nbformat.reads(student[name], 4)
        nbformat.validate(mine)
        ours = nbformat.read(course / name, 4)
        for cell, before in zip(mine.cells, ours.cells, strict=True):
            if cell.source == before.source:
                assert cell == before
            else:
                assert cell.cell_type == "markdown"
                assert "solutions/" in before.source


@pytest.mark.documents
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Do it.\n\n[Solution](solutions/01_a.ipynb#x)\n", "Do it.\n\n"),
        ("The [solution](solutions/01_a.ipynb) says\nso", "The solution says\nso"),
        ("the [two\nlines](solutions/01_a.ipynb#b)", "the two\nlines"),
        ("[One](a.ipynb), [two](solutions/01_a.ipynb)", "[One](a.ipynb), two"),
        ("[Other](solutions/02_b.ipynb)", "[Other](solutions/02_b.ipynb)"),
        ("[Away](https://a.org/solutions/01_a.ipynb)", None),
    ],
)
def test_a_link_to_what_is_gone_becomes_text(text, expected):
    gone = {"book/solutions/01_a.ipynb"}
    expected = text if expected is None else expected
    assert editions.without_links("book/a.md", text.encode(), gone) == expected.encode()
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell(text), nbformat.v4.new_code_cell(text)]
    )
    content = nbformat.writes(notebook).encode()
    made = editions.without_links("book/a.ipynb", content, gone)
    prose, code = nbformat.reads(made, 4).cells
    assert prose.source == (text if expected == text else expected.rstrip())
    assert code.source == text


# The packages ----------------------------------------------------------------


def needed(requirements, extra, found=frozenset()):
    """The installed packages that requirements need here, by their own word."""
    for wanted in map(Requirement, requirements):
        key = (canonicalize_name(wanted.name), *sorted(wanted.extras))
        if key in found or (wanted.marker and not wanted.marker.evaluate(extra)):
            continue
        found |= {key}
        theirs = importlib.metadata.requires(wanted.name) or []
        for each in (*wanted.extras, ""):
            found = needed(theirs, {"extra": each}, found)
    return found


def test_the_short_lock_names_what_the_notebooks_need_and_no_tools(course, student):
    lock = student["requirements.lock"].decode()
    full = (course / "requirements.lock").read_text(encoding="utf-8")
    pins = editions.entries(lock)
    assert "".join(text for text, *_ in pins) == lock
    assert set(pins) < set(editions.entries(full))
    locked = [Requirement(text.partition(" \\")[0]) for text, *_ in pins]
    here = {pin.name for pin in locked if not pin.marker or pin.marker.evaluate()}
    project = tomllib.loads((course / "pyproject.toml").read_text(encoding="utf-8"))
    direct = [*project["project"]["dependencies"], "jupyterlab", "ipykernel"]
    found = needed([*direct, "nbformat", "nbclient", "jupytext"], {"extra": ""})
    # It serves every Python: another one's PyTensor may need a package more.
    assert {name for name, *_ in found} <= here
    assert len(here - {name for name, *_ in found}) < 3
    assert not {"sphinx", "pytest", "playwright"} & {pin.name for pin in locked}


def test_the_short_lock_installs_the_course_itself(course, student):
    pyproject = (course / "pyproject.toml").read_text(encoding="utf-8")
    [build] = re.findall(r'requires = \["(.*)"\]', pyproject)
    pin = re.search(r"(?m)^setuptools==(\S+)", student["requirements.lock"].decode())
    assert Requirement(build).specifier.contains(pin[1])


def test_a_kit_has_what_each_patch_of_its_python_needs():
    minor = environment.this_computer()["python"]
    hashes = " \\\n    --hash=sha256:12 \\\n    --hash=sha256:34\n"
    lock = f"""# A lock
a==1 ; python_full_version < '{minor}.5'{hashes}    # via b
a==2 ; python_full_version >= '{minor}.5'{hashes}    # via b
b==1 ; sys_platform == 'plan9'{hashes}c==3.0{hashes}    # via a, b
"""
    for patch, a in ((0, "a==1"), (99, "a==2")):
        pins = editions.pins(lock, patch)
        assert {pin.replace("    # via b\n", "") for pin in pins} == {
            f"{a}{hashes}",
            f"c==3.0{hashes}    # via a, b\n",
        }


@pytest.mark.documents
def test_other_sections_are_seen():
    with pytest.raises(ValueError, match="must have the sections"):
        editions.short_lock("# To run\nnumpy>=2\n", "numpy==2.0")


# The archives ----------------------------------------------------------------


def test_an_archive_is_the_same_each_time(tmp_path):
    wheel = tmp_path / "a.whl"
    wheel.write_bytes(b"packed")
    files = {"b/c.txt": b"text" * 99, "install.sh": b"#!/bin/sh\n", "a.whl": wheel}
    for name, order in (("one", files), ("two", dict(reversed(files.items())))):
        editions.write_zip(tmp_path / name, order)
        wheel.touch()
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    with zipfile.ZipFile(tmp_path / "one") as archive:
        names = ["rnns-unrolled/" + name for name in sorted(files)]
        assert archive.namelist() == names
        assert archive.read("rnns-unrolled/a.whl") == b"packed"
        modes = [info.external_attr >> 16 for info in archive.infolist()]
        assert [bool(mode & stat.S_IXUSR) for mode in modes] == [False, False, True]


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """A course in which all is small and made up, the package and the books as well."""

    def edition(root, student):
        files = {"requirements.lock": b"", "README.md": b"", "book/1.ipynb": b""}
        files["helpers/a.py"] = b""
        return files | ({} if student else {"book/solutions/1.ipynb": b""})

    def collect(lock, folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "a-1-py3-none-any.whl").write_bytes(b"wheel")

    html = tmp_path / "_build" / "html"
    html.mkdir(parents=True)
    (html / "index.html").write_text("The solutions", encoding="utf-8")
    monkeypatch.setattr(editions, "edition", edition)
    monkeypatch.setattr(editions, "student_book", lambda root, files: BOOK)
    monkeypatch.setattr(editions, "make_wheelhouse", collect)
    return tmp_path


def names_in(archive):
    with zipfile.ZipFile(archive) as file:
        return {name.removeprefix("rnns-unrolled/") for name in file.namelist()}


def test_dist_holds_both_editions_and_the_kit(quick):
    first = editions.make_editions(quick)
    content = [path.read_bytes() for path in first]
    student, teacher, kit = map(names_in, first)
    here = environment.this_computer()
    assert first[2].name.endswith(f"-python{here['python']}.zip")
    assert student - teacher == {"html/book/index.html"}
    assert teacher - student == {"book/solutions/1.ipynb"}
    added = {"install.sh", "SHA256SUMS", "wheels/a-1-py3-none-any.whl"}
    assert kit - student == added
    with zipfile.ZipFile(first[2]) as archive:
        archive.extractall(quick)
        sums = subprocess.check_output(
            ["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=quick / editions.NAME
        )
        checked = {line.rpartition(":")[0] for line in sums.decode().splitlines()}
        wheel = "wheels/a-1-py3-none-any.whl"
        assert checked == {"requirements.lock", "helpers/a.py", wheel}
        assert "sh install.sh" in archive.read("rnns-unrolled/README.md").decode()
    assert [path.read_bytes() for path in editions.make_editions(quick)] == content


def test_without_a_network_the_editions_are_there(quick, monkeypatch):
    def fail(lock, folder):
        raise SetUpError("Is there a network?")

    monkeypatch.setattr(editions, "make_wheelhouse", fail)
    with pytest.raises(SetUpError, match=r"but no offline kit\. Is there a network\?"):
        editions.make_editions(quick)
    names = sorted(path.name for path in (quick / "dist").iterdir())
    assert names == ["rnns-unrolled-student.zip", "rnns-unrolled-teacher.zip"]


@pytest.mark.parametrize("broken", range(3))
def test_a_run_that_breaks_leaves_what_was_there(quick, monkeypatch, broken):
    made = {path.name: path.read_bytes() for path in editions.make_editions(quick)}
    write, calls = editions.write_zip, []

    def interrupt(path, files):
        calls.append(path)
        if len(calls) > broken:
            path.write_bytes(b"half")
            raise KeyboardInterrupt
        write(path, files)

    monkeypatch.setattr(editions, "write_zip", interrupt)
    with pytest.raises(KeyboardInterrupt):
        editions.make_editions(quick)
    assert len(calls) == broken + 1
    left = {path.name: path.read_bytes() for path in (quick / "dist").iterdir()}
    assert left == made


def test_without_a_book_or_git_it_says_what_to_do(tmp_path):
    with pytest.raises(SetUpError, match="The book is not built yet: make book"):
        editions.make_editions(tmp_path)
    with pytest.raises(SetUpError, match="is not a clone of the course: git clone it"):
        editions.edition(tmp_path, student=True)


# A kit where it does not fit ---------------------------------------------------


@pytest.fixture
def unpacked(tmp_path):
    """A kit without its packages, in a folder with a space in its name."""
    folder = tmp_path / "a kit"
    script = (ROOT / "helpers/environment.py").read_text(encoding="utf-8")
    made_for = json.dumps(environment.this_computer())
    none = "no-such-package==1.0 --hash=sha256:" + "0" * 64 + "\n"
    files = {
        "helpers/environment.py": script,
        "install.sh": editions.INSTALL["install.sh"],
        "pyproject.toml": "[project]\n",
        "requirements.lock": none,
        f"wheels/{environment.MADE_FOR}": made_for,
    }
    for name, text in files.items():
        editions.write_text(folder / name, text)
    sums = editions.sums({name: text.encode() for name, text in files.items()})
    editions.write_bytes(folder / environment.SUMS, sums)
    return folder


def install(folder, **environ):
    """Run the install script from another folder, with this Python and no index."""
    return subprocess.run(
        ["sh", f"{folder}/install.sh"],
        cwd="/",
        env={**os.environ, "PYTHON": sys.executable, **environ},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("python", "3.10", "for Python 3.10 on"),
        ("system", "Plan9", "on Plan9 "),
        ("machine", "z80", " z80, and "),
    ],
)
def test_a_kit_for_another_computer_is_refused(unpacked, key, value, words):
    stamp = unpacked / "wheels" / environment.MADE_FOR
    stamp.write_text(json.dumps({**environment.this_computer(), key: value}))
    assert_refused(install(unpacked), unpacked, words, "sh install.sh")


@pytest.mark.parametrize("name", ["requirements.lock", "helpers/environment.py"])
@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_a_damaged_kit_is_refused(unpacked, name, damage):
    sums = (unpacked / environment.SUMS).read_text()
    assert f"  {name}\n" in sums
    file = unpacked / name if damage != "gone" else unpacked / "wheels/a.whl"
    if damage == "gone":
        line = f"{'0' * 64}  wheels/a.whl\n"
        (unpacked / environment.SUMS).write_text(sums + line)
    else:
        text = file.read_text()
        file.write_text(text[:-1] if damage == "cut" else text + "\n")
    words = (str(file.relative_to(unpacked)), "Copy and unpack it once more")
    assert_refused(install(unpacked), unpacked, *words)


@pytest.mark.nightly  # it makes an environment
def test_a_kit_that_lacks_a_package_says_so(unpacked):
    result = install(unpacked, PIP_FIND_LINKS="")
    assert result.returncode == 1
    assert "A package of the kit is missing, or needs a newer system" in result.stderr
    assert "no-such-package" in result.stderr


# The whole way -----------------------------------------------------------------


@pytest.mark.documents
@pytest.mark.nightly  # it builds the book
def test_the_students_book_has_no_solution_in_it(course, student, teacher):
    book = editions.student_book(course, student)
    pages = {name for name in book if name.endswith(".html")}
    toc = yaml.safe_load((course / "_toc.yml").read_text(encoding="utf-8"))
    listed = {page["file"] for part in toc["parts"] for page in part["chapters"]}
    gone = {name for name in listed if f"{name}.".startswith(editions.FOR_TEACHERS)}
    assert len(gone) > 8  # the solutions, and the page about hosting
    assert {f"html/{name}.html" for name in listed - gone} < pages
    assert not {f"html/{name}.html" for name in gone} & pages
    assert not [name for name in book if "solutions" in name]
    linked = [n for n in pages if b"solutions/" in book[n]]
    assert linked == []


NO_INDEX = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}  # no index, no settings


@pytest.mark.network
@pytest.mark.nightly
def test_the_kit_runs_a_chapter_and_a_solution_without_an_index(
    course, student, teacher, tmp_path
):
    wheels = tmp_path / "wheels"
    editions.make_wheelhouse(student["requirements.lock"].decode(), wheels)
    editions.write_zip(tmp_path / "kit.zip", editions.kit(student, wheels))
    editions.write_zip(tmp_path / "teacher.zip", teacher)
    folder = tmp_path / "somewhere" / "rnns-unrolled"
    zipfile.ZipFile(tmp_path / "kit.zip").extractall(folder.parent)
    assert not (folder / "book" / "solutions").exists()
    result = install(folder, **NO_INDEX)
    assert result.returncode == 0, result.stderr

    def run(name):
        notebook = folder / "book" / name
        subprocess.run(
            [folder / ".venv" / "bin" / "jupyter-execute", "--inplace", notebook],
            env={**PLAIN, **NO_INDEX, "IPYTHONDIR": str(tmp_path / "ipython")},
            check=True,
        )
        return nbformat.read(notebook, 4)

    run("02_elman.ipynb")
    zipfile.ZipFile(tmp_path / "teacher.zip").extractall(folder.parent)
    solved = run("solutions/02_elman.ipynb")
    said = [o.get("text", "") for c in solved.cells for o in c.get("outputs", [])]
    assert sum(text.startswith("Right. ") for text in said) >= 4
    where = "import helpers; print(helpers.__file__)"
    python = folder / ".venv" / "bin" / "python"
    place = subprocess.check_output([python, "-c", where], cwd="/", env=PLAIN)
    assert place.decode().strip() == str(folder / "helpers" / "__init__.py")
