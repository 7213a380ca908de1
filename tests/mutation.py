"""Would the tests notice a mistake? Mutants of the code are judged by its own tests.

    make mutants                               at least 300, drawn from all modules
    make mutants SAMPLE=50 MODULES="tasks/sine lm/model"   fewer, of these modules

A mutant is a module with one small mistake that cosmic-ray made: another operator,
another number, a condition turned around. It is killed when a test of that module
fails, and timed out when its tests take far longer than without a mistake. Where it
survives, a test is missing, or the mistake changes nothing that matters.

Each verdict is kept in _build/mutation at once, and the same command goes on where it
was stopped. A verdict holds until the code, the data or the module's tests change.
"""

import argparse
import ast
import asyncio
import contextlib
import difflib
import hashlib
import json
import math
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from helpers import ROOT
from helpers.results.tables import table

FOLDER = Path("_build/mutation")
PYTEST = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
PYTEST += ["--disable-plugin-autoload"]  # that of notebooks takes seconds to start
PYTEST += ["-p", "hypothesispytest", "--hypothesis-profile=ci"]  # the same examples
PYTEST += ["-m", "not browser and not network and not nightly"]
FEW = 3  # mutants of a module at least, where it has as many
PATIENCE = 30.0  # seconds beyond twice those without a mistake
MEMORY = 8 << 30  # bytes: a mutant may want all there are
VERDICTS = ("killed", "survived", "timed out")

# The rooms that are judged; those of the others make and host the book, or measure.
ROOMS = ("networks", "tasks", "lm", "results")
# The tests of helpers/ROOM/NAME.py are tests/test_NAME.py, of helpers/lm/NAME.py
# tests/test_lm_NAME.py, or those that are named here.
JUDGES = {
    "lm/checkpoints": "lm_training",
    "lm/compiled": "lm_training",
    "lm/inplace": "lm_training",
    "lm/recorded_runs": "lm_training lm_shipped",
    "lm/wordfilter": "lm_generation",
    "networks/elman": "cells",
    "networks/gated": "cells",
    "networks/trained": "ch05_reber_runs",
    "press/model_in_page": "explorables",
    "results/comparing": "results",
    "results/console": "files",
    "results/described": "files ch05_reber_runs",
    "results/files": "files results notebooks",
    "results/intervals": "results",
    "results/records": "results",
    "results/tables": "results",
}


def judged(root: Path = ROOT) -> list[str]:
    """The modules that are judged, as "ROOM/NAME"."""
    files = [p for room in ROOMS for p in (root / "helpers" / room).glob("[!_]*.py")]
    names = {f"{path.parent.name}/{path.stem}" for path in files}
    return sorted(names - {"results/provenance"} | {"press/model_in_page"})


class Mutant(NamedTuple):
    """A module with a mistake, or as it is."""

    name: str  # as in `judged`
    operator: str  # what cosmic-ray did; "" where it did nothing
    line: int
    code: str  # the whole module
    diff: str

    @property
    def path(self) -> str:
        """Where the module lies in the course."""
        return f"helpers/{self.name}.py"


def tests_of(name: str) -> list[str]:
    """The files whose tests judge a module."""
    own = name.replace("lm/", "lm_").rpartition("/")[2]
    return [f"tests/test_{judge}.py" for judge in JUDGES.get(name, own).split()]


# Drawing -----------------------------------------------------------------------------


def left_alone(node) -> bool:
    """Whether a node of parso's tree is one of those that are never mutated.

    They are in an annotation, in `__all__`, or in `if __name__ == "__main__"`.
    cosmic-ray changes no strings, so docstrings are safe.
    """
    below = None
    while node:
        kind, parts = node.type, getattr(node, "children", ())
        if (
            kind == "tfpdef"
            or (kind == "annassign" and below is parts[1])
            or (kind == "funcdef" and below is node.annotation)
            or (kind == "expr_stmt" and parts[0].get_first_leaf().value == "__all__")
            or (kind == "if_stmt" and parts[1].get_first_leaf().value == "__name__")
        ):
            return True
        below, node = node, node.parent
    return False


def mutations(source: str) -> dict[tuple[int, int], list[tuple[str, int]]]:
    """What cosmic-ray can do, by line and column: its operators, which occurrence."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.plugins import get_operator, operator_names

    found, nodes = {}, list(ast_nodes(get_ast(source)))
    for name in operator_names():
        if get_operator(name).arguments():
            continue  # it wants to be told names of variables
        occurrence, operator = 0, get_operator(name)()
        for node in nodes:
            for start, _ in operator.mutation_positions(node):
                if not left_alone(node):
                    found.setdefault(start, []).append((name, occurrence))
                occurrence += 1
    return found


def mutated(source: str, operator: str, occurrence: int) -> str:
    """The module with that mistake, or as it is where cosmic-ray fails."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    try:
        return mutate_code(source, get_operator(operator)(), occurrence)
    except AttributeError:  # at a dotted name in an except clause
        return source


def quotas(numbers: dict[str, int], size: int) -> dict[str, int]:
    """How many to draw of each module: in proportion, rounded up, and at least FEW."""
    total = sum(numbers.values())
    return {
        name: min(number, max(FEW, math.ceil(size * number / total)))
        for name, number in numbers.items()
    }


def draw(name: str, source: str, found: dict, quota: int, seed: int) -> list[Mutant]:
    """One mutant at each of `quota` places, which all have the same chance.

    A larger quota adds to what a smaller one draws.
    """
    rng, drawn = random.Random(f"{name} {seed}"), []
    for place in rng.sample(sorted(found), len(found)):
        for operator, occurrence in rng.sample(found[place], len(found[place])):
            if len(drawn) == quota:
                return drawn
            code = mutated(source, operator, occurrence)
            if is_another_program(code, source):
                short = operator.removeprefix("core/")
                diff = difference(f"helpers/{name}.py", source, code)
                drawn.append(Mutant(name, short, place[0], code, diff))
                break
    return drawn


def is_another_program(code: str, source: str) -> bool:
    """Whether `code` can be parsed, and is not `source` in another layout."""
    try:
        return ast.dump(ast.parse(code)) != ast.dump(ast.parse(source))
    except SyntaxError:
        return False


def difference(path: str, source: str, code: str) -> str:
    """A unified diff, as `git apply` takes it."""
    old, new = source.splitlines(keepends=True), code.splitlines(keepends=True)
    return "".join(difflib.unified_diff(old, new, f"a/{path}", f"b/{path}"))


def sample(course: Path, names: list[str], size: int, seed: int) -> list[Mutant]:
    """At least `size` mutants, spread over the modules."""
    sources = {n: (course / f"helpers/{n}.py").read_text("utf-8") for n in names}
    found = {name: mutations(source) for name, source in sources.items()}
    numbers = {name: sum(map(len, found[name].values())) for name in names}
    drawn = [
        draw(name, sources[name], found[name], quota, seed)
        for name, quota in quotas(numbers, size).items()
    ]
    return [mutant for mutants in drawn for mutant in mutants]


# Judging -----------------------------------------------------------------------------


async def judge(course: Path, mutant: Mutant, limit: float | None) -> tuple[str, str]:
    """The verdict and what pytest said, in a copy of the course for this mutant."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        copy, said = Path(folder) / "course", Path(folder) / "said"
        shutil.copytree(course, copy)
        (copy / mutant.path).write_text(mutant.code, "utf-8")
        settings = {
            "PYTHONPATH": str(copy),  # for the processes that a test starts
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            "PYTEST_ADDOPTS": "",
            "TMPDIR": folder,
        }
        with said.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *["sh", "-c", f'ulimit -d {MEMORY >> 10} && exec "$@"', "sh"],
                *[*PYTEST, *tests_of(mutant.name)],
                cwd=copy,
                env={**os.environ, **settings},
                stdout=output,
                stderr=output,
                start_new_session=True,  # a group, which can be ended as a whole
            )
        try:
            await asyncio.wait_for(process.wait(), limit)
            verdict = "killed" if process.returncode else "survived"
        except TimeoutError:
            verdict = "timed out"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        return verdict, said.read_text("utf-8", "replace")


def contents(course: Path, name: str) -> str:
    """A digest of all that decides what the tests of a module say."""
    digest = hashlib.sha256(" ".join(PYTEST[1:]).encode())
    for path in sorted(path for path in course.rglob("*") if path.is_file()):
        file = path.relative_to(course).as_posix()
        if file.startswith("tests/test_") and file not in tests_of(name):
            continue
        if file.startswith(("helpers/", "data/", "tests/", "pyproject.toml")):
            digest.update(f"{file}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def read(store: Path) -> dict[str, dict]:
    """The verdicts that are kept, by their keys, without lines that were cut off."""
    known = {}
    for line in store.read_text("utf-8").splitlines() if store.exists() else []:
        with contextlib.suppress(ValueError):
            record = json.loads(line)
            known[record["key"]] = record
    return known


async def examine(
    course: Path, mutants: list[Mutant], store: Path, jobs: int
) -> list[dict]:
    """The verdicts on the mutants, in order; each new one is added to `store` at once.

    Raises RuntimeError where a module's tests fail without a mistake.
    """
    known, digests, sound = read(store), {}, {}
    store.parent.mkdir(parents=True, exist_ok=True)

    def key(mutant: Mutant) -> str:
        said = digests[mutant.name] + mutant.diff
        return hashlib.sha256(said.encode()).hexdigest()

    async def work(waiting) -> None:
        for left, mutant in waiting:
            before = known.get(key(sound[mutant.name]))
            limit = 2 * before["seconds"] + PATIENCE if before else None
            start = time.monotonic()
            verdict, said = await judge(course, mutant, limit)
            if not mutant.operator and verdict != "survived":
                raise RuntimeError(f"{said}\n{mutant.path}: no mistake, and tests fail")
            record = {
                "key": key(mutant),
                "module": mutant.path,
                "line": mutant.line,
                "operator": mutant.operator,
                "diff": mutant.diff,
                "verdict": verdict,
                "seconds": round(time.monotonic() - start, 1),
                "said": said.splitlines()[-2:],  # which test failed
            }
            known[record["key"]] = record
            with store.open("a", encoding="utf-8") as file:
                file.write(f"\n{json.dumps(record)}")  # the last line may be cut off
            place = f"{mutant.path}:{mutant.line}" if mutant.operator else mutant.path
            print(f"{left:4} {verdict:9} {record['seconds']:6} s  {place}", flush=True)

    for name in {mutant.name for mutant in mutants}:
        digests[name] = contents(course, name)
        source = (course / f"helpers/{name}.py").read_text("utf-8")
        sound[name] = Mutant(name, "", 1, source, "")
    missing = [mutant for mutant in mutants if key(mutant) not in known]
    # Modules with the same tests have the same key as long as there is no mistake.
    first = {key(sound[mutant.name]): sound[mutant.name] for mutant in missing}
    for todo in ([first[k] for k in first if k not in known], missing):
        waiting = iter([(len(todo) - n, mutant) for n, mutant in enumerate(todo)])
        await asyncio.gather(*(work(waiting) for _ in range(jobs)))
    return [known[key(mutant)] for mutant in mutants]


def report(records: list[dict]) -> str:
    """A table by module, then each mutant that survived."""
    rows = []
    for module in [*dict.fromkeys(record["module"] for record in records), "all"]:
        count = Counter(r["verdict"] for r in records if module in (r["module"], "all"))
        rows.append((module, count.total(), *(count[v] for v in VERDICTS)))
    lines = [table(rows, ("module", "mutants", *VERDICTS))]
    for record in records:
        if record["verdict"] == "survived":
            place = f"{record['module']}:{record['line']}"
            lines += ["", f"{place}  {record['operator']}", record["diff"].rstrip()]
    seconds = sum(record["seconds"] for record in records)
    return "\n".join([*lines, "", f"The tests of the mutants took {seconds:.0f} s."])


def main(argv: list[str] | None = None, root: Path = ROOT) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Judge mutants of the course.")
    parser.add_argument("--sample", type=int, default=300, help="mutants at least")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    known = judged(root)
    parser.add_argument("--modules", nargs="+", choices=known, default=known)
    options = parser.parse_args(argv)
    start, store = time.monotonic(), root / FOLDER / "verdicts.jsonl"
    with tempfile.TemporaryDirectory() as folder:
        course = Path(folder) / "course"
        others = shutil.ignore_patterns(".*", "_build", "dist", "__pycache__")
        shutil.copytree(root, course, ignore=others)
        print("Drawing the mutants ...", flush=True)
        try:
            mutants = sample(course, options.modules, options.sample, options.seed)
            records = asyncio.run(examine(course, mutants, store, options.jobs))
        except RuntimeError as error:
            print(error, file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("Stopped. The same command goes on from here.", file=sys.stderr)
            return 130
    text = f"{report(records)}\nThis run took {time.monotonic() - start:.0f} s.\n"
    (root / FOLDER / "report.txt").write_text(text, "utf-8")
    print(text, end="")
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C does
    sys.exit(main())
