"""What `make lab` opens: a page whose links lead to the chapters."""

import os
import re
import subprocess
import sys

import pytest
from playwright.sync_api import sync_playwright
from test_environment import run_make

from helpers import ROOT
from helpers.press.pdf import LAUNCH, chromium

pytestmark = pytest.mark.browser


@pytest.fixture
def lab(tmp_path):
    """The address of a JupyterLab started as `make lab` starts it, without a window."""
    line = run_make("-n", "lab").stdout.splitlines()[-1]
    command = [sys.executable, *line.split()[1:], "--no-browser", "--allow-root"]
    mine = {"JUPYTER_CONFIG_DIR": tmp_path}  # nobody's own settings
    mine |= {"JUPYTERLAB_WORKSPACES_DIR": tmp_path, "JUPYTERLAB_SETTINGS_DIR": tmp_path}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **{key: str(path) for key, path in mine.items()}},
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        said = ""
        while not (found := re.search(r"http://127\S+", said)):
            said = server.stderr.readline()
            assert said, "JupyterLab has ended"
        yield found[0]
        server.terminate()
        try:
            server.communicate(timeout=20)
        # Once told to end, it may wait for ever for a thread that a cut request left.
        except subprocess.TimeoutExpired:
            server.kill()


@pytest.mark.slow
def test_the_first_page_leads_to_the_chapters(lab):
    if not chromium():
        pytest.skip("no Chromium: install it, or name one by the variable CHROME")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), **LAUNCH)
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(lab)
        page.locator(".jp-MarkdownViewer a", has_text="Elman math").click()
        page.locator(".jp-NotebookPanel h1", has_text="Elman math").wait_for()
        browser.close()
