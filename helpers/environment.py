"""Make the course's own Python environment from the lock file.

    python3 helpers/environment.py .venv

stands alone (no import from the course) and reads on any Python 3, so that an
unsupported one gets a sentence and not a traceback. It does nothing where the
environment already agrees with the lock. Otherwise it makes one anew, and gives the
former up only when the new one stands, whatever interrupts it. In an offline kit
(helpers/press/editions.py makes it) it takes the packages from there and asks no index.

uv would do most of this, and would have to be installed first. Whoever begins has a
Python and no more, on the computers of a class perhaps no network: this file needs only
the standard library, the venv module and the pip that comes with it.
"""

import base64
import contextlib
import csv
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where no make can run twice
    fcntl = None

ROOT = Path(__file__).resolve().parent.parent
OLDEST, NEWEST = (3, 11), (3, 14)
NOT_NEWER = "PyTensor"  # what has no release for a newer Python
STAMP = "rnns-unrolled.json"  # in the environment's folder: what it was made from
# What lies beside the folder of an environment, under its name with one of these:
FORMER = "-former"  # the environment that stood there before, until the new one stands
DISCARDED = "-discarded"  # what is being deleted
LOG = "-pip.log"
WHEELS = "wheels"  # the packages of an offline kit, in its folder
MADE_FOR = "made-for.json"  # among them: the Python and the computer that they fit
SUMS = "SHA256SUMS"  # of a kit: as `sha256sum -c` reads it
# pip, blind to PYTHONPATH: what lies there would count as installed.
PIP = ("-I", "-m", "pip", "--disable-pip-version-check")
INTERRUPTED = 130  # the exit code of a command that Ctrl-C ended


class SetUpError(Exception):
    """What went wrong, in words that say what to do."""


def check_python():
    """Raise SetUpError unless this Python can hold the course."""
    here = tuple(sys.version_info)[:2]
    number = "{}.{}".format(*here)
    if not OLDEST <= here <= NEWEST:
        lack = f", for which {NOT_NEWER} has no release yet" if here > NEWEST else ""
        raise SetUpError(
            "The course needs Python {}.{} to {}.{},".format(*OLDEST, *NEWEST)
            + f" and {sys.executable} is {number}{lack}."
            " Name another one: make book PYTHON=python3.12"
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


def check_sums(root):
    """Raise SetUpError unless each file that a kit's SHA256SUMS names is as it was."""
    damaged = []
    for line in (root / SUMS).read_text(encoding="utf-8").splitlines():
        digest, name = line.split("  ", 1)
        file = root / name
        content = file.read_bytes() if file.is_file() else b""
        if hashlib.sha256(content).hexdigest() != digest:
            damaged.append(name)
    if damaged:
        raise SetUpError(
            f"The kit is damaged or not whole ({', '.join(damaged[:3])}). Copy and"
            " unpack it once more, and install it before you change its files."
        )


def which(python=sys.executable):
    """The version of a Python, and where the one lies that it was made from."""
    asked = (
        "import json, os, sys; base = os.path.realpath(sys.base_prefix);"
        " print(json.dumps([*sys.version_info[:2], base]))"
    )
    said = subprocess.check_output([str(python), "-I", "-c", asked])
    return json.loads(said.decode())


def wanted(root=ROOT):
    """What the environment must have been made from, as the stamp records it."""
    # Tool settings, such as the repository's address, install nothing.
    project = (root / "pyproject.toml").read_text(encoding="utf-8").split("[tool.")[0]
    lock = (root / "requirements.lock").read_text(encoding="utf-8")
    return {
        "root": str(root),
        "python": which(),
        "packages": hashlib.sha256((lock + project).encode()).hexdigest(),
    }


def read_stamp(folder):
    """The record in an environment's folder, {} where there is none to trust.

    Without "packages" it is that of an environment whose installation has begun.
    """
    try:
        record = json.loads((folder / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def write_stamp(folder, record):
    """Write the record, whole or not at all."""
    new = folder / f"{STAMP}.new"
    with new.open("w", encoding="utf-8") as file:
        file.write(json.dumps(record, indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(str(new), str(folder / STAMP))


def beside(folder, suffix):
    """The path of what lies beside an environment's folder: FORMER, DISCARDED, LOG."""
    return folder.with_name(folder.name + suffix)


def python_of(folder):
    """The path of the interpreter inside an environment."""
    windows = os.name == "nt"
    return folder / ("Scripts" if windows else "bin") / ("python" + ".exe" * windows)


@contextlib.contextmanager
def only_one(log):
    """The log, open and empty, for one command at a time; the next one waits.

    What the command starts inherits the lock with the log. So a pip that outlives a
    command (kill -9) is waited for, too, and writes into no other one's environment.
    """
    with log.open("ab") as output:
        if fcntl:
            try:
                fcntl.flock(output, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("Waiting for another command that installs here ...", flush=True)
                fcntl.flock(output, fcntl.LOCK_EX)
            except OSError:
                pass  # a file system without locks
        output.truncate(0)
        yield output


def run_logged(command, log, root=ROOT):
    """Run a command quietly from the root; raise SetUpError with its last words.

    An open file `log` takes what it says. Whatever interrupts the wait ends the command
    and all that it has started.
    """
    windows = os.name == "nt"
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=str(root),
        stdout=log,
        stderr=log,
        start_new_session=not windows,
    )
    try:
        code = process.wait()
    except BaseException:
        process.kill() if windows else os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if code:
        said = Path(log.name).read_text(encoding="utf-8", errors="replace")
        full = shutil.disk_usage(str(root)).free < 50e6  # pip may have lost its words
        sentence = advice(said, offline="--no-index" in command, full=full)
        raise SetUpError(sentence + "\n\n" + "\n".join(said.splitlines()[-12:]))


def advice(said, offline=False, full=False):
    """The sentence that goes above pip's last words."""
    network = ("Connection", "Temporary failure", "timed out", "No matching dist")
    network += ("ProxyError", "SSLError", "HTTP error")
    if full or any(
        sign in said for sign in ("No space left", "Disk quota", "too large")
    ):
        return (
            "The disk is full: the environment needs about 1.5 GB, and as much again"
            " while a former one is replaced. pip said:"
        )
    if "DO NOT MATCH THE HASHES" in said or "has an invalid wheel" in said:
        return (
            "What came is not the package that was locked: it was damaged on the way,"
            " or a proxy's page came in its place. pip said:"
        )
    if offline and "No matching dist" in said:
        return "A package of the kit is missing, or needs a newer system. pip said:"
    if any(sign in said for sign in network):
        return (
            "A package could not be fetched. Is there a network, and no page to log in"
            " at? pip said:"
        )
    return "The installation failed. pip said:"


# The environment ----------------------------------------------------------------------
# It is made in its own place, because its scripts name it; the former one lies aside
# meanwhile. At every moment what lies there tells the next command where this one was
# cut: a stamp with packages is written last, when all is in place.


def discard(folder):
    """Delete a folder such that no part of it is left under its name."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        rest = beside(folder, DISCARDED)
        shutil.rmtree(str(rest), ignore_errors=True)
        os.replace(str(folder), str(rest))
        shutil.rmtree(str(rest))


def settle(folder):
    """Undo what was cut: of a new environment and the former, the whole one stands."""
    former, record = beside(folder, FORMER), read_stamp(folder)
    if record.get("packages"):
        discard(former)
    elif former.exists() or record:
        discard(folder)
        if former.exists():
            os.replace(str(former), str(folder))


def is_complete(folder, target, root, log):
    """Whether an environment has what the lock says, every file as it was installed.

    It is asked of one without a finished stamp: made by hand, or left by a pip that has
    outlived its command.
    """
    python, record = python_of(folder), read_stamp(folder)
    if any(record.get(key, target[key]) != target[key] for key in ("root", "python")):
        return False
    check = [*PIP, "install", "--isolated", "--dry-run", "--no-index", "--no-deps"]
    try:
        if which(python) != target["python"]:
            return False
        run_logged([python, *check, "-r", "requirements.lock"], log, root)
        activate = (python.parent / "activate").read_text(encoding="utf-8")
    except (OSError, SetUpError, subprocess.CalledProcessError):
        return False
    # The scripts of an environment that was moved start the Python of another place.
    if not re.search(f"[=\"' ]{re.escape(str(folder))}[\"'\\s]", activate):
        return False
    return all(map(is_whole, packages_in(folder)))


def packages_in(folder):
    """The folders in which the packages of an environment say what they are."""
    site = sysconfig.get_path("purelib", "venv", {"base": str(folder)})
    return sorted(Path(site).glob("*.dist-info"))


def is_whole(package):
    """Whether a package has every file of its list, with the content that it had."""
    try:
        with (package / "RECORD").open(encoding="utf-8", newline="") as record:
            for name, digest, _ in csv.reader(record):
                kind, _, expected = digest.partition("=")
                if not expected:  # the list itself, and compiled files
                    continue
                content = (package.parent / name).read_bytes()
                found = base64.urlsafe_b64encode(hashlib.new(kind, content).digest())
                if found.decode().rstrip("=") != expected:
                    return False
    except (OSError, ValueError):
        return False
    return True


def make_environment(folder, root=ROOT):
    """Bring the environment in a folder to what the lock says.

    Returns True if something had to be done. The folder `root` holds pyproject.toml and
    requirements.lock.

    Raises SetUpError if this Python cannot, pip fails or the folder holds other things.
    What was there before is then there again.
    """
    wheels, former = root / WHEELS, beside(folder, FORMER)
    if wheels.exists():
        check_wheels(wheels)
    check_python()
    target, python = wanted(root), python_of(folder)

    def is_done():
        return read_stamp(folder) == target and python.exists()

    if is_done() and not (former.exists() or beside(folder, DISCARDED).exists()):
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    with only_one(beside(folder, LOG)) as log:
        shutil.rmtree(str(beside(folder, DISCARDED)), ignore_errors=True)
        if is_done():
            discard(former)
            return False
        ours = former.exists() or read_stamp(folder)
        others = folder.exists() and any(
            not path.name.startswith(STAMP) for path in folder.iterdir()
        )
        if others and not (ours or (folder / "pyvenv.cfg").exists()):
            raise SetUpError(
                f"{folder} is not a Python environment. Move it away, or name another"
                " folder."
            )
        if is_complete(folder, target, root, log):
            print(f"{folder} has the course's packages already.", flush=True)
            install_course(folder, target, root, log)
        else:
            settle(folder)
            if wheels.exists():
                check_sums(root)
            try:
                build(folder, target, root, log)
                install_course(folder, target, root, log)
            except BaseException:
                settle(folder)
                raise
        if former.exists():
            names = {path.name.split("-")[0] for path in packages_in(former)}
            names -= {path.name.split("-")[0] for path in packages_in(folder)}
            if names:
                print(f"The former environment also had {', '.join(sorted(names))}.")
        discard(former)
    return True


def build(folder, target, root, log):
    """Make an environment in the place of the former with the packages of the lock."""
    print(
        f"Installing the course's packages into {folder} (about two minutes and 1.5 GB)"
        " ...",
        flush=True,
    )
    if sys.version_info[:2] == (3, 11):
        print("Python 3.11 gets an older PyTensor, its last: 3.12 or newer is better.")
    if folder.exists():
        os.replace(str(folder), str(beside(folder, FORMER)))
    folder.mkdir()
    write_stamp(folder, dict(target, packages=None))
    run_logged([sys.executable, "-I", "-m", "venv", folder], log, root)
    pip = [*PIP, "install", "--progress-bar=off", "--no-deps", "--require-hashes"]
    if (root / WHEELS).exists():
        pip += ["--no-index", "--find-links", str(root / WHEELS)]
    run_logged([python_of(folder), *pip, "-r", "requirements.lock"], log, root)


def install_course(folder, target, root, log):
    """Put the course itself into an environment that has its packages; stamp it."""
    # Its build needs setuptools: that of the lock, so that none is fetched.
    pip = [*PIP, "install", "--no-deps", "--no-build-isolation", "-e", "."]
    run_logged([python_of(folder), *pip], log, root)
    write_stamp(folder, target)


def main(arguments):
    """Run the command; return its exit code."""
    if len(arguments) != 1:
        print("usage: python3 helpers/environment.py FOLDER", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends it like Ctrl-C
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
