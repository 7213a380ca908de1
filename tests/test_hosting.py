"""The page about running a class: its figures, its files, a hub with two students."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
import tomllib
import venv
from contextlib import contextmanager
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import yaml
from course_copy import make_copy
from packaging.specifiers import SpecifierSet
from playwright.sync_api import sync_playwright
from test_browser import chromium
from traitlets.config import Config

import helpers
from helpers import ROOT, environment
from helpers.press import editions
from helpers.press.notebooks import RUN_TIMES

PAGE = (ROOT / "book" / "hosting.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CONFIG = ROOT / "book" / "jupyterhub_config.py"
SERVER_MB = 200  # of one student's JupyterLab, without a chapter
FREE_GIB = 2  # for the system and the hub
PASSWORD = "unrolled-in-time"


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


# The hub -------------------------------------------------------------------------


def configured(monkeypatch, root, trial):
    """What the configuration sets, in a course that lies in `root`."""
    monkeypatch.setattr(helpers, "ROOT", root)
    monkeypatch.setenv("RNN_HUB_TRIAL", trial)
    c = Config()
    exec(compile(CONFIG.read_text(), CONFIG, "exec"), {"get_config": lambda: c})
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
    if os.geteuid() == 0:  # the servers refuse to be root unless told
        command += ["--Spawner.args=['--allow-root']"]
    log = folder / "hub.log"
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
    page.locator("#jp-main-statusbar", has_text="| Idle").wait_for()
    cell = page.locator(".jp-CodeCell").first
    cell.locator(".cm-content").fill(code)
    page.keyboard.press("Shift+Enter")
    return cell.locator(".jp-OutputArea-output").first.inner_text()


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
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox"]
        )
        for name, chapter in visits.items():
            page = browser.new_context().new_page()
            page.set_default_timeout(60_000)
            said = open_and_run(page, hub, name, chapter, where)
            home = tmp_path / "students" / name / "rnns-unrolled"
            assert said.split() == [str(course / "helpers" / "__init__.py"), str(home)]
            assert not (home / "solutions").exists()
        sizes = servers(python)
        browser.close()
    assert len(sizes) == len(visits)
    assert max(sizes) < SERVER_MB
