"""The lists of requirements agree with each other, and the lock satisfies them."""

import ast
import itertools
import re
import sys
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from helpers import ROOT
from helpers.press import notebooks
from helpers.press.editions import ONLINE, entries

pytestmark = pytest.mark.documents

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PYTHONS = ("3.11.9", "3.12.7", "3.13.0", "3.14.8")
SYSTEMS = (  # sys_platform, platform_system, platform_machine
    ("linux", "Linux", "x86_64"),
    ("darwin", "Darwin", "arm64"),
    ("darwin", "Darwin", "x86_64"),
    ("win32", "Windows", "AMD64"),
)


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def project():
    return tomllib.loads(text("pyproject.toml"))


def sections():
    """The requirements of requirements.txt, in the sections that comments head."""
    found, lines = [], text("requirements.txt").split("\n\n", 1)[1]
    for section in lines.split("\n\n"):
        title, *entries = section.strip().splitlines()
        assert title.startswith("# "), f"a section starts with its title, not {title!r}"
        found.append([re.split(r"\s+#", entry)[0].strip() for entry in entries])
    return found


def locked():
    """The requirements of the lock, without their hashes."""
    return [Requirement(text.partition(" \\")[0]) for text, *_ in entries(LOCK)]


def environment(python, system):
    """An environment for markers: in what it differs from this one."""
    return {
        "python_version": python.rpartition(".")[0],
        "python_full_version": python,
        "sys_platform": system[0],
        "platform_system": system[1],
        "platform_machine": system[2],
        "os_name": "nt" if system[0] == "win32" else "posix",
    }


def applies(requirement, where):
    return requirement.marker is None or requirement.marker.evaluate(where)


def test_what_a_notebook_needs_stands_twice_and_is_the_same():
    assert sections()[0] == project()["project"]["dependencies"]


def test_every_requirement_is_a_range_with_its_reason():
    for line in text("requirements.txt").splitlines():
        if line and not line.startswith("#"):
            assert re.search(r"\S\s+# \S", line), f"no reason: {line}"
            assert re.search(r"[<=]=?\d", line.partition("#")[0]), f"no bound: {line}"


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", SYSTEMS, ids="-".join)
def test_the_lock_satisfies_every_requirement(python, system):
    where, lock = environment(python, system), locked()
    for entry in itertools.chain.from_iterable(sections()):
        if not applies(wanted := Requirement(entry), where):
            continue
        names = [
            pin
            for pin in lock
            if pin.name.lower() == wanted.name.lower() and applies(pin, where)
        ]
        assert len(names) == 1, f"{wanted.name} is locked {len(names)} times: make lock"
        (pin,) = names[0].specifier
        assert pin.operator == "=="
        assert wanted.specifier.contains(pin.version), f"{names[0]}: make lock"


def test_colab_gets_the_pytensor_that_is_tested():
    """pip takes the newest that the range allows."""
    [bound] = re.findall(r'"pytensor>=.*,<=(.*)"', text("pyproject.toml"))
    assert re.findall(r"(?m)^pytensor==(\S+)", LOCK)[1] == bound


def test_the_readme_names_the_locked_releases_of_pytensor():
    old, new = re.findall(r"(?m)^pytensor==(\S+)", LOCK)
    said = f"Python 3.11 gets PyTensor {old}, .* from 3.12 on it is {new}[.]"
    assert re.search(said, text("README.md"))


def test_the_lock_has_packages_with_hashes_and_nothing_else():
    hashed = r"( \\\n    --hash=sha256:[0-9a-f]{64})+\n( +# via .*\n)?"
    for entry, name, _ in entries(LOCK):
        pin = rf"{name}==[\w.+]+( ; [\w\s.'<>=!()]+)?"
        assert re.fullmatch(pin + hashed, entry), entry
    lines = [line for line in LOCK.splitlines(keepends=True) if line[0] != "#"]
    assert "".join(lines) == "".join(entry for entry, *_ in entries(LOCK))


def test_the_course_follows_wherever_the_lock_is_installed():
    """In what a reader types; tests/test_environment.py runs what make does."""
    course = "--no-deps --no-build-isolation -e ."
    found = {}
    for path in [
        *ROOT.glob("*.md"),
        *ROOT.glob("book/*.md"),
        *(ROOT / "helpers").rglob("*.py"),
    ]:
        lines = path.read_text(encoding="utf-8").splitlines()
        for line, following in itertools.pairwise(lines):
            pip, _, what = line.partition(" pip install ")
            if "requirements.lock" in what:
                assert what == "--require-hashes -r requirements.lock"
                assert following == f"{pip} pip install {course}"
                found[path.name] = found.get(path.name, 0) + 1
    assert found == {"README.md": 1, "editions.py": 2}
    assert text(".binder/requirements.txt") == "-r ../requirements.lock\n"
    binder = text(".binder/postBuild").splitlines()[-1]
    assert binder == f"exec python -m pip install {course}"


def test_the_lines_for_windows_are_those_for_the_others():
    """Command by command; PowerShell itself was not to be had."""
    [others, windows] = re.findall(r"(?m)^    py.*venv \.venv\n(?:    .*\n?)*", ONLINE)
    windows = windows.replace("py -3.11", "python3").replace("\\", "/")
    assert windows.replace(".venv/Scripts/", ".venv/bin/") == others.rstrip("\n")
    [block] = re.findall(r"(?m)^### .*Windows.*\n\n((?:    .*\n)+)", text("README.md"))
    make, activate, *lines = block.replace("    ", "").splitlines()
    assert [make, activate] == ["py -3.11 -m venv .venv", r".venv\Scripts\activate"]
    recipes = re.sub(r" *\\\n\s*", " ", text("Makefile"))
    recipes = recipes.replace("$(BIN)/", "").replace("-n $(JOBS)", "-n logical")
    steps = re.findall(r"(?m)^    .*(?<=/)(python -m pip .*)", others)
    for name in ("rendering", "jupyterlab", "pytest"):
        steps += re.findall(
            rf"(?m)(python -m (?:helpers\.press\.)?{name}\b.*)", recipes
        )
    assert lines == steps


# What is imported is declared ---------------------------------------------------------

# What is imported by another name than it is installed by.
INSTALLED_AS = {
    "bs4": "beautifulsoup4",
    "importlinter": "import-linter",
    "PIL": "pillow",
    "py_mini_racer": "mini-racer",
    "xdist": "pytest-xdist",
    "yaml": "pyyaml",
}


def imported(sources):
    """The packages that sources import directly, as they are installed."""
    ours = {"helpers"} | {path.stem for path in ROOT.glob("tests/*.py")}
    ours |= {path.stem for path in ROOT.glob("book/_extensions/*.py")}
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            for name in (name.partition(".")[0] for name in names):
                if name not in sys.stdlib_module_names | ours:
                    yield canonicalize_name(INSTALLED_AS.get(name, name))


def sources(*patterns):
    """The Python in these files; of a notebook, the cells of code."""
    for path in itertools.chain.from_iterable(map(ROOT.glob, patterns)):
        if path.suffix == ".py":
            yield path.read_text(encoding="utf-8")
        elif ".ipynb_checkpoints" not in path.parts:
            cells = notebooks.read(path).cells
            yield from (cell.source for cell in cells if cell.cell_type == "code")


def declared(entries):
    """The names of requirements, as they are installed."""
    found = (entry for entry in entries if not entry.startswith("-e"))
    return {canonicalize_name(Requirement(entry).name) for entry in found}


@pytest.mark.daily
def test_what_is_imported_is_declared():
    extras = project()["project"]["optional-dependencies"].values()
    known = declared(itertools.chain(*sections(), *extras))
    # `make mutants` installs what it needs itself.
    known |= set(re.findall(r"[\w-]+(?===)", text("Makefile")))
    found = set(imported(sources("helpers/**/*.py", "tests/**/*.py", "book/**/*.py")))
    found |= set(imported(sources("book/**/*.ipynb")))
    assert len(found) > 30
    assert found - known == set()


def test_what_a_notebook_imports_is_installed_with_it():
    rooms = {path.parent.name for path in ROOT.glob("helpers/*/__init__.py")}
    patterns = [f"helpers/{room}/**/*.py" for room in rooms - {"press"}]
    patterns += ["helpers/*.py", "book/**/*.ipynb"]
    found = set(imported(sources(*patterns)))
    course = project()["project"]
    extras = declared(itertools.chain(*course["optional-dependencies"].values()))
    assert found - extras == declared(course["dependencies"]) - extras


def test_an_import_that_nothing_declares_is_found():
    source = (
        "def f():\n    import nowhere.at_all\nfrom bs4 import x\nimport os, helpers"
    )
    assert set(imported([source])) == {"nowhere", "beautifulsoup4"}


def test_the_packages_are_those_in_the_folder():
    find = project()["tool"]["setuptools"]["packages"]["find"]
    assert find == {"include": ["helpers*"]}  # whatever has an __init__.py
    folders = {path.parent for path in (ROOT / "helpers").rglob("*.py")}
    assert [f for f in folders if not (f / "__init__.py").exists()] == []


def test_the_citation_is_that_of_this_version():
    citation = yaml.safe_load(text("CITATION.cff"))
    course = project()["project"]
    assert str(citation["version"]) == course["version"]
    assert " AND ".join(citation["license"]) == course["license"]
    assert citation["abstract"].startswith(course["description"])


def test_every_action_is_pinned_to_a_commit():
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        used = re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))
        assert used
        for action in used:
            assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)


def test_the_workflow_runs_every_slice_once_and_may_write_nothing_but_the_page():
    workflow = yaml.safe_load(text(".github/workflows/course.yml"))
    assert workflow["permissions"] == {"contents": "read"}
    test, publish = workflow["jobs"]["test"], workflow["jobs"]["publish"]
    assert "permissions" not in test
    assert publish["permissions"] == {"pages": "write", "id-token": "write"}
    jobs = test["strategy"]["matrix"]["include"]
    found = re.findall(r'\{"python": "(.*?)",.* "slices": "(.*?)"\}', jobs)
    slices = [name for _, names in found for name in names.split()]
    known = re.findall(r"^#   ([a-z]+)  ", text(".ci/run"), re.M)
    assert sorted(slices) == sorted([*known, *["python"] * 2])  # on three newer ones
    assert {python for python, _ in found} == {"3.11", "3.12", "3.13", "3.14"}
