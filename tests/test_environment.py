"""Making the environment: whole or as it was, whatever interrupts it."""

import base64
import functools
import hashlib
import http.server
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest

from helpers import ROOT, environment

SCRIPT = ROOT / "helpers" / "environment.py"


# A course that is its own build backend, so that it needs no setuptools.
PROJECT = """\
[build-system]
requires = []
build-backend = "tiny"
backend-path = ["."]

[project]
name = "course"
version = "1"

[tool.a]
b = 1
"""
BACKEND = """\
import os, zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    name, info = "course-1-py3-none-any.whl", "course-1.dist-info/"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("course.pth", os.getcwd())
        head = "Metadata-Version: 2.1\\nName: course\\nVersion: 1\\n"
        wheel.writestr(info + "METADATA", head)
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\n")
        wheel.writestr(info + "RECORD", "")
    return name
"""


@pytest.fixture
def project(tmp_path):
    """A project whose lock asks for nothing, so that no network is needed."""
    (tmp_path / "helpers").mkdir()
    shutil.copy(SCRIPT, tmp_path / "helpers")
    (tmp_path / "tiny.py").write_text(BACKEND)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "requirements.lock").write_text("# nothing\n")
    return tmp_path


def command(project, *arguments, pretend="", **options):
    """Run the script in a project, on a Python that pretends something."""
    pretence = project / "pretence"
    pretence.mkdir(exist_ok=True)
    (pretence / "sitecustomize.py").write_text(pretend)
    return subprocess.run(
        [sys.executable, "helpers/environment.py", *arguments],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(pretence) if pretend else ""},
        capture_output=True,
        text=True,
        **options,
    )


def assert_refused(result, project, *words):
    """That the command made nothing, and said why in one line that has these words."""
    assert result.returncode == 1
    assert len(result.stderr.strip().splitlines()) == 1
    assert [word for word in words if word not in result.stderr] == []
    assert not (project / ".venv").exists()


@pytest.mark.parametrize("version", [(3, 10), (3, 15), (2, 7), (4, 0)])
def test_an_unsupported_python_gets_one_sentence(project, version):
    pretend = f"import sys\nsys.version_info = {(*version, 0, 'final', 0)}"
    result = command(project, ".venv", pretend=pretend)
    said = f"3.11 to 3.14, and {sys.executable} is {version[0]}.{version[1]}"
    lack = "for which PyTensor has no release yet"
    assert_refused(result, project, f"needs Python {said}", "PYTHON=python3.12")
    assert (lack in result.stderr) == (version > (3, 14))


def test_the_range_is_that_of_the_package():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    oldest, newest = environment.OLDEST, environment.NEWEST
    after = f"{newest[0]}.{newest[1] + 1}"
    assert f'requires-python = ">={oldest[0]}.{oldest[1]},<{after}"' in project


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_missing_module_gets_one_sentence(project, module):
    pretend = f"import sys\nsys.modules[{module!r}] = None"
    result = command(project, ".venv", pretend=pretend)
    install = "sudo apt install python{}.{}-venv".format(*sys.version_info)
    assert_refused(result, project, f"has no {module} module", install)


# Installing, cut ------------------------------------------------------------------


FILES = 300  # of each package, so that placing them takes a while
LARGE = 5_000_000  # bytes of one of them


def make_wheel(index, name, version):
    """Put a wheel with many files and one large one into a folder; its locked line."""
    info = f"{name}-{version}.dist-info"
    files = {f"{name}/{i}.txt": f"{name} {version} {i}" for i in range(FILES)}
    files[f"{name}/large"] = version * LARGE
    files[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    )
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n"
    record = []
    for file, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
        record += [f"{file},sha256={digest.decode().rstrip('=')},{len(text)}\n"]
    files[f"{info}/RECORD"] = "".join([*record, f"{info}/RECORD,,\n"])
    path = index / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for file, text in files.items():
            wheel.writestr(file, text)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"{name}=={version} --hash=sha256:{digest}\n"


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """A folder of wheels, and the locks of the releases 1 and 2, by number."""
    folder = tmp_path_factory.mktemp("index")
    names = ("ant", "bee", "cow")
    locks = {v: "".join(make_wheel(folder, n, v) for n in names) for v in ("1", "2")}
    return folder, locks


NOWHERE = {
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_RETRIES": "0",
    "PIP_CONFIG_FILE": os.devnull,
}


@pytest.fixture
def install(project, index):
    """Run the command on release 1 or 2, with the index or with what else is given."""
    folder, locks = index
    found = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}

    def start(version, settings=found, **options):
        (project / "requirements.lock").write_text(locks[version])
        return subprocess.Popen(
            [sys.executable, "helpers/environment.py", ".venv"],
            cwd=project,
            env={**kept, "PIP_CONFIG_FILE": os.devnull, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )

    def run(version, settings=found, **options):
        process = start(version, settings, **options)
        said, _ = process.communicate(timeout=120)
        return process.returncode, said

    run.start = start
    return run


def contents(project):
    """The release of which each package has every file, by what the files hold."""
    (site,) = (project / ".venv").glob("lib/python*/site-packages")
    found = set()
    for name in ("ant", "bee", "cow"):
        files = [(site / name / f"{i}.txt").read_text() for i in range(FILES)]
        version = files[0].split()[1]
        assert files == [f"{name} {version} {i}" for i in range(FILES)]
        assert (site / name / "large").read_text() == version * LARGE
        assert [p.name for p in site.glob(f"{name}-*")] == [
            f"{name}-{version}.dist-info"
        ]
        found.add(version)
    (version,) = found
    return version


def left(project):
    """What lies beside the environment, the log apart."""
    names = {path.name for path in project.glob(".venv*")}
    return names - {".venv", ".venv-pip.log"}


@pytest.mark.nightly
def test_it_is_made_once_and_again_only_when_the_lock_changes(project, install):
    code, said = install("1")
    assert code == 0, said
    assert "1.5 GB" in said
    assert contents(project) == "1"
    stamp = project / ".venv" / environment.STAMP
    made = stamp.stat().st_mtime_ns
    (project / "pyproject.toml").write_text(PROJECT.replace("b = 1", "b = 2"))
    assert install("1") == (0, "")
    assert stamp.stat().st_mtime_ns == made

    marker = project / ".venv" / "marker"
    marker.touch()
    (project / "pyproject.toml").write_text(PROJECT.replace('"1"', '"1.0"'))
    code, said = install("1", NOWHERE)  # the packages are those: none is fetched
    assert (code, marker.exists()) == (0, True), said
    code, said = install("2", NOWHERE)
    assert (code, marker.exists(), contents(project)) == (1, True, "1"), said
    assert "Is there a network" in said
    assert "Traceback" not in said
    code, said = install("2")
    assert (code, marker.exists(), contents(project)) == (0, False, "2"), said
    assert left(project) == set()


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
MOMENTS = 9


@pytest.mark.nightly
@pytest.mark.parametrize("former", [False, True], ids=["first", "again"])
def test_whenever_it_is_cut_the_next_one_completes_it(project, install, former):
    """At moments of a fixed seed: the first installation, or that of a new release."""
    begun = time.monotonic()
    assert install("1")[0] == 0
    lasts = time.monotonic() - begun
    rng = random.Random(20)
    old, new = ("1", "2")
    for i in range(MOMENTS):
        if not former:
            shutil.rmtree(project / ".venv")
        process = install.start(new)
        time.sleep(rng.uniform(0, 0.9 * lasts))
        process.send_signal(SIGNALS[i % len(SIGNALS)])
        said, _ = process.communicate(timeout=60)
        if former:
            # Without a network the former one stands, or the new one if it was done.
            code, said = install(new, NOWHERE)
            assert contents(project) == (new if code == 0 else old), said
            assert left(project) == set()
        code, said = install(new)
        assert code == 0, said
        assert contents(project) == new
        assert left(project) == set()
        assert install(new) == (0, "")
        old, new = new, old


def test_a_pip_that_outlives_its_command_is_waited_for(project, tmp_path):
    log = environment.beside(project / ".venv", environment.LOG)
    held = f"""
import sys, subprocess
from pathlib import Path
sys.path.insert(0, "helpers")
import environment
with environment.only_one(Path({str(log)!r})) as log:
    subprocess.Popen(["sleep", "1"], stdout=log)
"""
    subprocess.run([sys.executable, "-c", held], cwd=project, check=True)
    with log.open("ab") as other, pytest.raises(BlockingIOError):
        environment.fcntl.flock(
            other, environment.fcntl.LOCK_EX | environment.fcntl.LOCK_NB
        )
    with environment.only_one(log):
        pass


# Of JAX, which another test of this process may have imported: the child only sets
# its limit.
@pytest.mark.filterwarnings("ignore:os.fork.. was called:RuntimeWarning")
@pytest.mark.nightly
def test_a_full_disk_leaves_what_was_there(project, install):
    limit = functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE)
    small = {"preexec_fn": lambda: limit((LARGE - 1, LARGE - 1))}
    code, said = install("1", **small)
    assert (code, (project / ".venv").exists()) == (1, False)
    assert "The disk is full" in said
    assert install("1")[0] == 0
    code, said = install("2", **small)
    assert (code, contents(project), left(project)) == (1, "1", set())
    assert install("2")[0] == 0
    assert contents(project) == "2"


class Page(http.server.BaseHTTPRequestHandler):
    """A proxy that answers with a page, or for the packages with one in their place."""

    def do_GET(self):
        body = b"<html><body>Please log in.</body></html>"
        name = self.path.strip("/").split("/")[-1]
        if self.server.knows and not self.path.endswith(".whl"):
            files = (f"{name}-{v}-py3-none-any.whl" for v in "12")
            body = "".join(f'<a href="/{file}">{file}</a>' for file in files).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("knows", "words"),
    [(False, "no page to log in"), (True, "a proxy's page came in its place")],
)
def test_a_page_in_place_of_a_package_is_told(project, install, knows, words):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        server.knows = knows
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/simple"
        code, said = install("1", {"PIP_INDEX_URL": address, "PIP_RETRIES": "0"})
        server.shutdown()
    assert code == 1
    assert words in said
    assert not (project / ".venv").exists()


@pytest.mark.nightly
def test_an_environment_made_by_hand_is_known_by_what_is_in_it(
    project, install, index, tmp_path
):
    folder, _ = index
    subprocess.run([sys.executable, "-m", "venv", project / ".venv"], check=True)
    pip = [environment.python_of(project / ".venv"), "-m", "pip", "install", "-q"]
    pip += ["--no-index", f"--find-links={folder}", "ant==1", "bee==1", "cow==1"]
    subprocess.run(pip, check=True)
    (project / ".venv" / "mine").touch()
    stamp = project / ".venv" / environment.STAMP
    for _ in range(2):
        code, said = install("1", NOWHERE)
        assert (code, "already" in said) == (0, True), said
        assert (project / ".venv" / "mine").exists()
        stamp.unlink()  # as a make that was interrupted did

    (site,) = (project / ".venv").glob("lib/python*/site-packages")
    cut = site / "bee" / "7.txt"
    cut.write_text(cut.read_text()[:-1])
    assert install("1", NOWHERE)[0] == 1
    assert (project / ".venv" / "mine").exists()
    assert install("1")[0] == 0
    assert contents(project) == "1"
    assert not (project / ".venv" / "mine").exists()

    # Moved, its scripts name the folder that it had.
    moved = tmp_path / "moved"
    stamp.unlink()
    os.mkdir(moved)
    for name in ("helpers", "tiny.py", "pyproject.toml", "requirements.lock", ".venv"):
        os.replace(project / name, moved / name)
    target, log = environment.wanted(moved), moved / "log"
    with log.open("ab") as output:
        assert not environment.is_complete(moved / ".venv", target, moved, output)


@pytest.fixture
def commands(project, monkeypatch):
    """The commands that are given to the shell, none of which is run."""
    run = []

    def remember(command, log, root):
        run.append([str(part) for part in command])
        python = environment.python_of(Path(root) / ".venv")
        python.parent.mkdir(parents=True, exist_ok=True)
        python.touch()
        (python.parent.parent / "pyvenv.cfg").touch()

    monkeypatch.setattr(environment, "run_logged", remember)
    return run


def make(project):
    return environment.make_environment(project / ".venv", project)


def interrupt(*_):
    raise KeyboardInterrupt


def test_packages_have_hashes_and_the_course_follows(project, commands):
    make(project)
    _, packages, course = commands
    assert packages[-3:] == ["--require-hashes", "-r", "requirements.lock"]
    assert course[-4:] == ["--no-deps", "--no-build-isolation", "-e", "."]


def test_an_interruption_leaves_the_former_one(project, commands, monkeypatch):
    assert make(project)
    assert not make(project)
    (project / ".venv" / "marker").touch()
    (project / "requirements.lock").write_text("# something else\n")
    with monkeypatch.context() as patch:
        patch.setattr(environment, "build", interrupt)
        with pytest.raises(KeyboardInterrupt):
            make(project)
    assert (project / ".venv" / "marker").exists()
    assert make(project)
    assert not (project / ".venv" / "marker").exists()


@pytest.mark.parametrize("key", ["root", "python"])
def test_another_folder_or_python_makes_it_anew(project, commands, key):
    make(project)
    stamp = project / ".venv" / environment.STAMP
    record = json.loads(stamp.read_text())
    stamp.write_text(json.dumps({**record, key: "another"}))
    (project / ".venv" / "old").touch()
    assert make(project)
    assert not (project / ".venv" / "old").exists()


@pytest.mark.parametrize("record", ["", "[]", "{", "null", '{"packages": null}'])
def test_a_damaged_record_is_not_trusted(project, commands, record):
    make(project)
    (project / ".venv" / environment.STAMP).write_text(record)
    (project / ".venv" / "old").touch()
    assert make(project)
    assert not (project / ".venv" / "old").exists()


def test_a_folder_with_other_things_is_left_alone(project, commands):
    (project / ".venv").mkdir()
    (project / ".venv" / "thesis.tex").touch()
    with pytest.raises(environment.SetUpError, match="is not a Python environment"):
        make(project)
    assert (project / ".venv" / "thesis.tex").exists()
    assert commands == []


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("OSError: [Errno 28] No space left on device", "The disk is full"),
        ("Temporary failure in name resolution", "Is there a network"),
        ("No matching distribution found for jax", "Is there a network"),
        ("ERROR: HTTP error 407 while getting", "Is there a network"),
        ("OSError: [Errno 122] Disk quota exceeded", "The disk is full"),
        ("error: subprocess-exited-with-error", "The installation failed"),
    ],
)
def test_pips_last_words_get_advice(said, advice, tmp_path):
    log = tmp_path / "log"
    words = "\n".join([*map(str, range(50)), said])
    failing = [sys.executable, "-c", f"import sys; print({words!r}); sys.exit(1)"]
    with log.open("ab") as output, pytest.raises(environment.SetUpError) as caught:
        environment.run_logged(failing, output, tmp_path)
    lines = str(caught.value).splitlines()
    assert advice in lines[0]
    assert lines[-1] == said
    assert len(lines) < 20


def test_ctrl_c_ends_without_a_traceback(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(environment, "make_environment", interrupt)
    assert environment.main([str(tmp_path)]) == environment.INTERRUPTED
    assert "Interrupted" in capsys.readouterr().err


# The Makefile ---------------------------------------------------------------


def run_make(*arguments, **environ):
    """Run make as from a fresh shell: without what an outer make hands on."""
    handed_on = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "PYTHON", "ENGINE", "CHAPTER"}
    handed_on |= {"MARKS", "AND", "JOBS", "AGAINST"}
    kept = {k: v for k, v in os.environ.items() if k not in handed_on}
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        env={**kept, **environ},
        capture_output=True,
        text=True,
    )


def test_make_alone_lists_every_command():
    listed = run_make().stdout
    names = "environment book test test-all execute times lab serve class diff clean"
    for name in [*names.split(), "lock", "repository"]:
        assert f"  make {name} " in listed


@pytest.mark.parametrize(
    ("python", "folder"),
    [
        ("python3", ".venv/"),
        ("python3.12", ".venv-python3.12/"),
        ("/usr/bin/python3.13", ".venv-python3.13/"),
    ],
)
def test_each_python_has_an_environment_of_its_own(python, folder):
    for said in (
        run_make("-n", "test", f"PYTHON={python}").stdout,
        run_make("-n", "test", PYTHON=python).stdout,
    ):
        line = said.strip().splitlines()[-1]
        assert line.split()[:3] == [f"{folder}bin/python", "-m", "pytest"]
        assert "--nbval" in line


def test_an_engine_is_handed_on():
    assert "RNN_ENGINE=numba " in run_make("-n", "test", "ENGINE=numba").stdout
    assert "RNN_ENGINE" not in run_make("-n", "test").stdout


def test_a_python_that_is_not_there_gets_one_sentence():
    result = run_make("test", "PYTHON=python3.99")
    assert result.returncode != 0
    assert "'python3.99' does not run a Python 3. Install Python" in result.stderr
    assert not (ROOT / ".venv-python3.99").exists()
