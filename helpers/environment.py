"""Make the course's own Python environment from the lock file.

    python3 helpers/environment.py .venv

stands alone (no import from the course) and reads on any Python 3, so that an
unsupported one gets a sentence and not a traceback. It does nothing where the
environment already agrees with the lock; it redoes one whose installation was
interrupted, or that another Python or another folder made. In an offline kit
(helpers/press/editions.py makes it) it takes the packages from there and asks no index.

uv would do most of this, and would have to be installed first. Whoever begins has a
Python and no more, on the computers of a class perhaps no network: this file needs only
the standard library, the venv module and the pip that comes with it.
"""

import hashlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST, NEWEST = (3, 11), (3, 13)
STAMP = "rnns-unrolled.json"  # in the environment's folder: what it was made from
LOG = "pip.log"
WHEELS = "wheels"  # the packages of an offline kit, in its folder
MADE_FOR = "made-for.json"  # among them: the Python and the computer that they fit
INTERRUPTED = 130  # the exit code of a command that Ctrl-C ended


class SetUpError(Exception):
    """What went wrong, in words that say what to do."""


def check_python():
    """Raise SetUpError unless this Python can hold the course."""
    number = "{}.{}".format(*sys.version_info)
    if not OLDEST <= tuple(sys.version_info)[:2] <= NEWEST:
        raise SetUpError(
            f"The course needs Python 3.11, 3.12 or 3.13, and {sys.executable} is"
            f" {number}. Name another one: make book PYTHON=python3.12"
        )
    missing = [m for m in ("venv", "ensurepip") if not importlib.util.find_spec(m)]
    if missing:
        raise SetUpError(
            f"{sys.executable} has no {' and no '.join(missing)} module. On Debian or"
            f" Ubuntu: sudo apt install python{number}-venv, then the same command"
            " again."
        )


def this_computer():
    """What the wheels of an offline kit have to fit."""
    return {
        "python": "{}.{}".format(*sys.version_info),
        "system": platform.system(),
        "machine": platform.machine(),
    }


def check_wheels(wheels):
    """Raise SetUpError unless the wheels in a folder fit this Python."""
    made_for = json.loads((wheels / MADE_FOR).read_text(encoding="utf-8"))
    words = "Python {python} on {system} {machine}"
    fit, here = words.format(**made_for), words.format(**this_computer())
    if fit != here:
        raise SetUpError(
            f"This kit is for {fit}, and {sys.executable} is {here}. Name the Python"
            f" that fits: PYTHON=python{made_for['python']} sh install.sh. On another"
            " kind of computer make a kit there (make class), or install the edition"
            " with a network as its README says."
        )


def wanted(root=ROOT):
    """What the environment must have been made from, as the stamp records it."""
    # Tool settings, such as the repository's address, install nothing.
    project = (root / "pyproject.toml").read_text(encoding="utf-8").split("[tool.")[0]
    lock = (root / "requirements.lock").read_text(encoding="utf-8")
    return {
        "root": str(root),
        "python": [*sys.version_info[:2], os.path.realpath(sys.base_prefix)],
        "packages": hashlib.sha256((lock + project).encode()).hexdigest(),
    }


def read_stamp(folder):
    """The record in an environment's folder, {} where there is none to trust."""
    try:
        return json.loads((folder / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def python_of(folder):
    """The path of the interpreter inside an environment."""
    windows = os.name == "nt"
    return folder / ("Scripts" if windows else "bin") / ("python" + ".exe" * windows)


def run_logged(command, log, root=ROOT):
    """Run a command quietly from the root; raise SetUpError with its last words."""
    with log.open("ab") as output:
        code = subprocess.call(command, cwd=str(root), stdout=output, stderr=output)
    if code:
        said = log.read_text(encoding="utf-8", errors="replace")
        sentence = advice(said, offline="--no-index" in command)
        raise SetUpError(sentence + "\n\n" + "\n".join(said.splitlines()[-12:]))


def advice(said, offline=False):
    """The sentence that goes above pip's last words."""
    if "No space left" in said or "Errno 28" in said:
        return "The disk is full: the environment needs about 1.5 GB. pip said:"
    network = ("Connection", "Temporary failure", "timed out", "No matching dist")
    if offline and "No matching dist" in said:
        return "A package of the kit is missing, or needs a newer system. pip said:"
    if any(sign in said for sign in network):
        return "A package could not be fetched. Is there a network? pip said:"
    return "The installation failed. pip said:"


def make_environment(folder, root=ROOT):
    """Bring the environment in a folder to what the lock says.

    Returns True if something had to be done. The folder `root` holds pyproject.toml and
    requirements.lock.

    Raises SetUpError if this Python cannot, pip fails or the folder holds other things.
    """
    wheels = root / WHEELS
    if wheels.exists():
        check_wheels(wheels)
    check_python()
    target, stamp, found = wanted(root), folder / STAMP, read_stamp(folder)
    python = python_of(folder)
    if found == target and python.exists():
        return False
    if folder.exists() and not (folder / "pyvenv.cfg").exists() and not found:
        raise SetUpError(
            f"{folder} is not a Python environment. Move it away, or name another"
            " folder."
        )
    # A stamp that differs only in its packages is brought up to date. With no
    # stamp the environment was made by hand: it is kept, and completed.
    same = found and all(found.get(key) == target[key] for key in ("root", "python"))
    if found and not (same and found.get("packages") and python.exists()):
        shutil.rmtree(str(folder))
    first = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    # Until pip is done the stamp names no packages: an interruption is seen.
    unfinished = dict(target, packages=None)
    stamp.write_text(json.dumps(unfinished), encoding="utf-8")

    size = "about two minutes and 1.5 GB the first time" if first else "a moment"
    print(f"Installing the course's packages into {folder} ({size}) ...", flush=True)
    log = folder / LOG
    log.write_bytes(b"")
    if first or not python.exists():
        run_logged([sys.executable, "-m", "venv", str(folder)], log, root)
    pip = [str(python), "-m", "pip", "install", "--progress-bar=off"]
    pip += ["--disable-pip-version-check", "-r", "requirements.lock"]
    if wheels.exists():
        pip += ["--no-index", "--find-links", str(wheels)]
    run_logged(pip, log, root)
    stamp.write_text(json.dumps(target, indent=1) + "\n", encoding="utf-8")
    return True


def main(arguments):
    """Run the command; return its exit code."""
    if len(arguments) != 1:
        print("usage: python3 helpers/environment.py FOLDER", file=sys.stderr)
        return 2
    try:
        make_environment(Path(arguments[0]).absolute())
    except (SetUpError, OSError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. The same command starts it anew.", file=sys.stderr)
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
