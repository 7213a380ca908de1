"""The page about running a class: its figures, its files, a hub with two students."""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import tomllib
import venv
from contextlib import contextmanager
from types import SimpleNamespace
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import yaml
from course_copy import make_copy
from packaging.specifiers import SpecifierSet
from playwright.sync_api import sync_playwright
from traitlets.config import Application, Config

import helpers
from helpers import ROOT, environment
from helpers.press import editions
from helpers.press.notebooks import RUN_TIMES
from helpers.press.pdf import LAUNCH, chromium

PAGE = (ROOT / "book" / "hosting.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CONFIG = ROOT / "book" / "jupyterhub_config.py"
SERVER_MB = 200  # of one student's JupyterLab, without a chapter
FREE_GIB = 2  # for the system and the hub
PASSWORD = "unrolled-in-time"
NOBODY = 65534


@pytest.fixture(scope="module")
def chapters():
    """Seconds and megabytes of each chapter, as recorded, by its number."""
    times = json.loads((ROOT / RUN_TIMES).read_text(encoding="utf-8"))["notebooks"]
    found = {re.match(r"book/(\d\d)_", name): took for name, took in times.items()}
    return {int(match[1]): took for match, took in found.items() if match}


# The figures -------------------------------------------------------------------


def section(title):
    """The text below a heading, up to the next of its level."""
    return re.split(r"(?m)^## ", PAGE.split(f"## {title}\n")[1])[0]


@pytest.mark.documents
def test_the_figures_are_those_of_the_recorded_run_times(chapters):
    text = section("What does one student need?")
    memory = {number: took["memory_mb"] for number, took in chapters.items()}
    seconds = {number: took["warm_s"] for number, took in chapters.items()}
    small, large = min(memory, key=memory.get), max(memory, key=memory.get)
    longest = max(seconds, key=seconds.get)
    assert f"Chapter {small} is content with" in text
    assert f"chapter {large} needs the most" in text
    assert f"chapter {longest}, the longest" in text
    needs = [memory[small] + SERVER_MB, memory[large] + SERVER_MB]
    figures = [memory[small], memory[large], *needs]
    table = []
    for gib, *students in re.findall(r"\| (\d+) GiB \| `(\d+)` \| `(\d+)` \|", text):
        room = (int(gib) - FREE_GIB) * 2**30 / 1e6
        table += [str(int(room // need)) for need in needs]
        assert students == table[-2:]
    assert len(table) == 8
    times = [seconds[1], seconds[longest]]
    figures = [str(f) for f in (*figures, *table, *times)]
    figures += [f"{4 * t:.0f}" for t in times]
    assert re.findall(r"`([\d.]+)`", text) == figures
    assert f"we add {SERVER_MB} MB" in text
    assert f"{FREE_GIB} GiB of a machine stay free" in text


@pytest.mark.documents
def test_the_values_for_kubernetes_fit_the_chapters(chapters):
    [code] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    values = yaml.safe_load(code)["singleuser"]
    largest = max(took["memory_mb"] for took in chapters.values())
    in_gb = {key: float(text.rstrip("G")) for key, text in values["memory"].items()}
    assert in_gb["guarantee"] == round((largest + SERVER_MB) / 1e3 + 0.04, 1)
    assert in_gb["limit"] == round((2 * largest + SERVER_MB) / 1e3 + 0.04, 1)
    assert values["cpu"]["guarantee"] == 1 / 4  # "one core for four students"
    assert values["image"]["tag"] == PROJECT["version"]
    assert f"{values['image']['name']}:{values['image']['tag']} " in PAGE


# Links ---------------------------------------------------------------------------


@pytest.mark.documents
def test_the_links_open_the_first_chapter():
    first = "book/01_feedforward.ipynb"
    assert (ROOT / first).is_file()
    links = re.findall(r"```text\n(https://\S+)\n```", PAGE)
    repository = quote("https://github.com/OWNER/NAME", safe="")
    # A repository is put into a folder of its own name.
    path = quote(f"lab/tree/NAME/{first}", safe="")
    pull = f"repo={repository}&branch=main&urlpath={path}"
    assert links == [
        f"https://mybinder.org/v2/gh/OWNER/NAME/main?urlpath=lab/tree/{first}",
        f"https://HUB/hub/user-redirect/git-pull?{pull}",
    ]
    assert parse_qs(urlsplit(links[1]).query)["urlpath"] == [f"lab/tree/NAME/{first}"]


# Binder --------------------------------------------------------------------------


@pytest.mark.documents
def test_binder_installs_the_lock_on_a_python_that_it_covers():
    folder = ROOT / ".binder"
    assert (folder / "requirements.txt").read_text() == "-r ../requirements.lock\n"
    name, _, version = (folder / "runtime.txt").read_text().strip().partition("-")
    assert name == "python"
    assert SpecifierSet(PROJECT["requires-python"]).contains(version)
    assert os.access(folder / "postBuild", os.X_OK)


# The hub -------------------------------------------------------------------------


def configured(monkeypatch, root, trial, user=1000, edited="", command=()):
    """What the configuration sets, in a course that lies in `root`.

    For the hub of the account `user`, with a line after that of the address, and with
    arguments of the command line.
    """
    monkeypatch.setattr(helpers, "ROOT", root)
    monkeypatch.setenv("RNN_HUB_TRIAL", trial)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    line = 'c.JupyterHub.ip = "127.0.0.1"\n'
    text = CONFIG.read_text()
    assert text.count(line) == 1
    c = Config()
    Application.clear_instance()
    try:
        Application.instance().parse_command_line(command)
        code = compile(text.replace(line, line + edited), CONFIG, "exec")
        exec(code, {"get_config": lambda: c})
    finally:
        Application.clear_instance()
    return c


@pytest.mark.documents
def test_the_page_shows_the_configuration():
    assert "```{literalinclude} jupyterhub_config.py\n" in PAGE


def test_a_trial_stays_on_this_computer_and_a_class_uses_accounts(
    monkeypatch, tmp_path
):
    trial = configured(monkeypatch, tmp_path, PASSWORD)
    assert trial.JupyterHub.ip == "127.0.0.1"
    assert trial.SharedPasswordAuthenticator.user_password == PASSWORD
    assert trial.JupyterHub.spawner_class == "simple"
    hub = configured(monkeypatch, tmp_path, "").JupyterHub
    assert set(hub) == {"ip"}  # and the hub's defaults: PAM and local processes


def test_the_trial_is_refused_as_root(monkeypatch, tmp_path):
    with pytest.raises(SystemExit, match="Start it from your own account"):
        configured(monkeypatch, tmp_path, PASSWORD, user=0)
    configured(monkeypatch, tmp_path, "", user=0)


def test_root_is_no_user(monkeypatch, tmp_path):
    for trial in ("", PASSWORD):
        c = configured(monkeypatch, tmp_path, trial)
        assert "root" in c.Authenticator.blocked_users


CERTIFIED = 'c.JupyterHub.ssl_cert = "a.crt"; c.JupyterHub.ssl_key = "a.key"\n'


@pytest.mark.parametrize(
    ("edited", "command"),
    [
        ('c.JupyterHub.ip = "192.0.2.1"\n', []),
        ('c.JupyterHub.ip = "::"\n', []),
        ('c.JupyterHub.ip = ""\n', []),
        ('c.JupyterHub.ip = "hub.example.org"\n', []),
        ('c.JupyterHub.bind_url = "http://:8000"\n', []),
        ("", ["--JupyterHub.ip=0.0.0.0"]),
        ("", ["--JupyterHub.bind_url=http://192.0.2.1:8000"]),
    ],
)
def test_other_computers_need_a_certificate(monkeypatch, tmp_path, edited, command):
    for given in ("", 'c.JupyterHub.ssl_cert = "a.crt"\n'):
        with pytest.raises(SystemExit, match=r"give it a certificate"):
            configured(monkeypatch, tmp_path, "", 0, edited + given, command)
    configured(monkeypatch, tmp_path, "", 0, edited + CERTIFIED, command)
    with pytest.raises(SystemExit, match="The trial is for this computer"):
        configured(monkeypatch, tmp_path, PASSWORD, 1000, edited + CERTIFIED, command)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost", "127.1.2.3"])
def test_this_computer_needs_none(monkeypatch, tmp_path, address):
    configured(monkeypatch, tmp_path, "", 0, f'c.JupyterHub.ip = "{address}"\n')


def test_each_student_has_the_next_processors(monkeypatch, tmp_path):
    c = configured(monkeypatch, tmp_path, "")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 4, 6, 8})
    given = [
        c.Spawner.environment["PROCESSORS"](SimpleNamespace(user=SimpleNamespace(id=i)))
        for i in range(4)
    ]
    assert given == ["0,2", "4,6", "0,8", "2,4"]


def of_the_configuration(monkeypatch, home):
    c = configured(monkeypatch, ROOT.parent, "")
    environ = {**os.environ, "HOME": str(home), "COURSE": str(home.parent / "course")}
    environ |= {"MEMORY_KB": "1000000", "PROCESSORS": "0"}
    return ["sh", "-c", c.Spawner.cmd[2], "true"], environ


def of_the_values_for_kubernetes(monkeypatch, home):
    [code] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    hooks = yaml.safe_load(code)["singleuser"]["lifecycleHooks"]
    *shell, line = hooks["postStart"]["exec"]["command"]
    line = line.replace("/srv/rnns-unrolled", str(home.parent / "course"))
    return [*shell, line.replace("/home/jovyan", str(home))], os.environ


# Of JAX, which another test of this process may have imported: the child only sets
# its limits before it becomes a shell.
@pytest.mark.filterwarnings("ignore:os.fork.. was called:RuntimeWarning")
@pytest.mark.parametrize(
    "start",
    [of_the_configuration, of_the_values_for_kubernetes],
    ids=lambda f: f.__name__,
)
def test_a_first_copy_that_is_cut_is_made_again(monkeypatch, tmp_path, start):
    chapters = {f"{i:02}.ipynb": bytes(2000 * i) for i in range(9)}
    for name, content in chapters.items():
        editions.write_bytes(tmp_path / "course" / "book" / name, content)
    home = tmp_path / "home"
    home.mkdir()
    command, environ = start(monkeypatch, home)

    def run(largest=resource.RLIM_INFINITY):
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

        return subprocess.run(command, env=environ, preexec_fn=limit).returncode

    assert run(largest=9000) != 0
    assert not (home / "rnns-unrolled").exists()
    assert run() == 0
    found = {p.name: p.read_bytes() for p in (home / "rnns-unrolled").iterdir()}
    assert found == chapters
    (home / "rnns-unrolled" / "01.ipynb").write_text("mine")
    assert run() == 0
    assert (home / "rnns-unrolled" / "01.ipynb").read_text() == "mine"
    assert os.listdir(home) == ["rnns-unrolled"]


def test_the_hub_hands_out_no_solutions(monkeypatch):
    assert (ROOT / "book" / "solutions").is_dir()
    with pytest.raises(SystemExit, match="holds the solutions"):
        configured(monkeypatch, ROOT, PASSWORD)


@pytest.fixture(scope="module")
def hub_python(tmp_path_factory):
    """A Python with JupyterHub that also has what this one has, and a student edition.

    Returns its path and the folder of the edition.
    """
    if not shutil.which("npm"):
        pytest.skip("no npm, which installs the proxy of JupyterHub")
    made = tmp_path_factory.mktemp("hub")
    course = made / "rnns-unrolled"
    files = editions.edition(make_copy(made / "copy"), student=True)
    for name, content in files.items():
        editions.write_bytes(course / name, content)
    venv.create(made / ".venv", with_pip=True)
    python = environment.python_of(made / ".venv")
    (site,) = (made / ".venv").glob("lib/python*/site-packages")
    here = sysconfig.get_path("purelib")
    (site / "course.pth").write_text(f"{course}\n{here}\n", encoding="utf-8")
    subprocess.run([python, "-m", "pip", "install", "-q", "jupyterhub"], check=True)
    npm = ["npm", "install", "--silent", "--global", "--prefix", made / ".venv"]
    subprocess.run([*npm, "configurable-http-proxy"], check=True)
    for folder in ("etc/jupyter", "share/jupyter"):  # JupyterLab's settings and pages
        link = made / ".venv" / folder
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(os.path.join(sys.prefix, folder))
    return python, course


@contextmanager
def running(python, folder):
    """A hub that runs in a folder while the block runs: its address."""
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    environ = {**os.environ, "PATH": path, "RNN_HUB_TRIAL": PASSWORD}
    environ.pop("PYTHONPATH", None)
    command = [python, "-m", "jupyterhub", "-f", CONFIG]
    command += ["--port=8765", "--JupyterHub.hub_port=8766"]
    command += ["--ConfigurableHTTPProxy.api_url=http://127.0.0.1:8767"]
    if os.geteuid() == 0:  # the trial is refused to root: another account reads all
        environ["HOME"] = str(folder)
        shutil.chown(folder, NOBODY, NOBODY)
        capable = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
        capable += ["--securebits=+no_setuid_fixup"]  # for access() as well
        account = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        command = ["setpriv", *account, *capable, *command]
    log = folder.with_suffix(".log")
    with log.open("wb") as output:
        hub = subprocess.Popen(
            command, cwd=folder, env=environ, stdout=output, stderr=output
        )
    try:
        while b"JupyterHub is now running" not in log.read_bytes():
            assert hub.poll() is None
            time.sleep(0.2)
        yield "http://127.0.0.1:8765"
    except BaseException:
        print(log.read_text(errors="replace")[-6000:])
        raise
    finally:
        hub.terminate()  # it stops the students' servers, too
        hub.wait(60)


def servers(python):
    """Megabytes of each student's JupyterLab that runs on a Python."""
    listed = subprocess.check_output(["ps", "-ewwo", "rss=,args="], text=True)
    lines = [line.split(maxsplit=1) for line in listed.splitlines()]
    mine = f"{python} -m jupyterhub.singleuser"
    return [int(rss) * 1024 / 1e6 for rss, call in lines if call.startswith(mine)]


def open_and_run(page, hub, name, chapter, code):
    """Log in, open a chapter, run code in its first cell; what that printed."""
    page.goto(hub)
    page.fill("#username_input", name)
    page.fill("#password_input", PASSWORD)
    page.click("#login_submit")
    page.wait_for_url(f"{hub}/user/{name}/lab/**")  # once the server has started
    page.goto(f"{hub}/user/{name}/lab/tree/rnns-unrolled/{chapter}")
    return run(page, code)


def run(page, code):
    """Run code in the first cell of an open chapter; what that printed."""
    page.locator("#jp-main-statusbar", has_text="| Idle").wait_for()
    cell = page.locator(".jp-CodeCell").first
    cell.locator(".cm-content").fill(code)
    page.keyboard.press("Shift+Enter")
    page.locator("#jp-main-statusbar", has_text="| Idle").wait_for()
    return cell.locator(".jp-OutputArea-output").last.inner_text().strip()


@pytest.mark.network
@pytest.mark.nightly
@pytest.mark.browser
def test_two_students_open_a_chapter_and_run_a_cell(hub_python, tmp_path):
    if not chromium():
        pytest.skip("no Chromium: install it, or name one by the variable CHROME")
    python, course = hub_python
    where = "import helpers, os; print(helpers.__file__, os.getcwd(), sep='\\n')"
    visits = {"ada": "01_feedforward.ipynb", "bela": "02_elman.ipynb"}
    with running(python, tmp_path) as hub, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), **LAUNCH)
        pages = {name: browser.new_context().new_page() for name in visits}
        for name, chapter in visits.items():
            pages[name].set_default_timeout(60_000)
            said = open_and_run(pages[name], hub, name, chapter, where)
            home = tmp_path / "students" / name / "rnns-unrolled"
            assert said.split() == [str(course / "helpers" / "__init__.py"), str(home)]
            assert not (home / "solutions").exists()
        sizes = servers(python)
        fill = "import os; x = bytearray(3 << 30)"
        cores = "print(len(os.sched_getaffinity(0)))"
        assert "MemoryError" in run(pages["ada"], fill)
        assert int(run(pages["ada"], cores)) <= 2
        assert run(pages["bela"], "print('here')") == "here"
        browser.close()
    assert len(sizes) == len(visits)
    assert max(sizes) < SERVER_MB
