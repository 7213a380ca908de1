"""A process is killed at each moment at which it changes something in a folder."""

import itertools
import os
import shutil
import subprocess
import sys
import traceback
from pathlib import Path

DIED = 77
EVENTS = ("os.rename", "os.remove", "os.mkdir", "os.rmdir")
SCRIPT = """
from pathlib import Path
import kills

{code}

kills.in_forks(act, Path({before!r}), Path({to!r}))
"""


def killed_at_every_write(before: Path, to: Path, code: str) -> list[Path]:
    """Copies of a folder in each of which `act` of `code` was killed, one write later.

    `act` takes such a folder. In the last one it came to its end.
    """
    script = SCRIPT.format(code=code, before=str(before), to=str(to))
    paths = [str(Path(__file__).parent), *sys.path]
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return sorted(to.iterdir(), key=lambda folder: int(folder.name))


def in_forks(act, before: Path, to: Path) -> None:
    """Call `act` in a fork for each of its writes, which does not get beyond that."""
    for k in itertools.count(1):
        folder = to / str(k)
        shutil.copytree(before, folder)
        child = os.fork()
        if not child:
            try:
                die_at(k, str(folder))
                act(folder)
                os._exit(0)
            except BaseException:
                traceback.print_exc()
            finally:  # it must not come back to the loop
                os._exit(1)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == 0:
            return
        assert code == DIED, f"act failed before write {k}"


def die_at(k: int, folder: str) -> None:
    """End this process, without a word, at its k-th change of something in a folder.

    That is before a file is opened to be written, renamed or removed; and where one is
    sent to the disk, of which only half arrives then.
    """
    count, fsync = itertools.count(1), os.fsync

    def hook(event, arguments) -> None:
        changes = event in EVENTS
        if event == "open":
            changes = arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if changes and str(arguments[0]).startswith(folder) and next(count) == k:
            os._exit(DIED)

    def half(file) -> None:
        if next(count) == k:
            os.ftruncate(file, os.fstat(file).st_size // 2)
            os._exit(DIED)
        fsync(file)

    os.fsync = half
    sys.addaudithook(hook)
