"""Making the environment: it says what is wrong, and redoes what was interrupted."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import ROOT, environment

SCRIPT = ROOT / "helpers" / "environment.py"


@pytest.fixture
def project(tmp_path):
    """A project whose lock asks for nothing, so that no network is needed."""
    (tmp_path / "helpers").mkdir()
    shutil.copy(SCRIPT, tmp_path / "helpers")
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n[tool.a]\nb = 1\n")
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


@pytest.mark.parametrize("version", [(3, 10), (3, 14), (2, 7), (4, 0)])
def test_an_unsupported_python_gets_one_sentence(project, version):
    pretend = f"import sys\nsys.version_info = {(*version, 0, 'final', 0)}"
    result = command(project, ".venv", pretend=pretend)
    said = f"3.11, 3.12 or 3.13, and {sys.executable} is {version[0]}.{version[1]}"
    assert_refused(result, project, f"needs Python {said}", "PYTHON=python3.12")


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


@pytest.mark.slow
def test_it_is_made_once_and_again_only_when_the_lock_changes(project):
    first = command(project, ".venv")
    assert first.returncode == 0, first.stderr
    assert first.stdout.count("\n") == 1
    assert "1.5 GB" in first.stdout
    stamp = project / ".venv" / environment.STAMP
    made = stamp.stat().st_mtime_ns

    (project / "pyproject.toml").write_text("[project]\nname = 'x'\n[tool.a]\nb = 2\n")
    second = command(project, ".venv")
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert stamp.stat().st_mtime_ns == made

    marker = project / ".venv" / "marker"
    marker.touch()
    (project / "requirements.lock").write_text("./no-such-package.whl\n")
    third = command(project, ".venv")
    assert third.returncode == 1
    assert "The installation failed. pip said:" in third.stderr
    assert "no-such-package.whl" in third.stderr
    assert "Traceback" not in third.stderr
    assert marker.exists()  # brought up to date in place ...

    (project / "requirements.lock").write_text("# nothing\n")
    fourth = command(project, ".venv")
    assert fourth.returncode == 0, fourth.stderr
    assert not marker.exists()  # ... but made anew after an installation that failed
    assert json.loads(stamp.read_text())["packages"]


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


def test_an_interruption_is_seen(project, commands, monkeypatch):
    assert make(project)
    assert not make(project)
    (project / "requirements.lock").write_text("# something else\n")
    with monkeypatch.context() as patch:
        patch.setattr(environment, "run_logged", interrupt)
        with pytest.raises(KeyboardInterrupt):
            make(project)
    (project / ".venv" / "half-written").touch()
    assert make(project)
    assert not (project / ".venv" / "half-written").exists()


@pytest.mark.parametrize("key", ["root", "python"])
def test_another_folder_or_python_makes_it_anew(project, commands, key):
    make(project)
    stamp = project / ".venv" / environment.STAMP
    record = json.loads(stamp.read_text())
    stamp.write_text(json.dumps({**record, key: "another"}))
    (project / ".venv" / "old").touch()
    assert make(project)
    assert not (project / ".venv" / "old").exists()


def test_an_environment_made_by_hand_is_completed(project, commands):
    environment.run_logged([], None, project)
    commands.clear()
    assert make(project)
    assert len(commands) == 1
    assert commands[0][1:4] == ["-m", "pip", "install"]


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
        ("Temporary failure in name resolution", "Is there a network?"),
        ("No matching distribution found for jax", "Is there a network?"),
        ("error: subprocess-exited-with-error", "The installation failed"),
    ],
)
def test_pips_last_words_get_advice(said, advice, tmp_path):
    log = tmp_path / "log"
    words = "\n".join([*map(str, range(50)), said])
    failing = [sys.executable, "-c", f"import sys; print({words!r}); sys.exit(1)"]
    with pytest.raises(environment.SetUpError) as caught:
        environment.run_logged(failing, log, tmp_path)
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
    handed_on |= {"MARKS", "JOBS", "AGAINST"}
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
