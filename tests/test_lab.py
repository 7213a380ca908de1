"""What `make lab` opens: a page that leads to the chapters, and they show all."""

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
    mine["JUPYTER_DATA_DIR"] = tmp_path  # nor whom somebody trusts
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


@pytest.fixture
def page(lab):
    """JupyterLab in a browser, at its first page."""
    if not chromium():
        pytest.skip("no Chromium: install it, or name one by the variable CHROME")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), **LAUNCH)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(60_000)
        page.goto(lab)
        yield page
        browser.close()


def open_chapter(page):
    page.locator(".jp-MarkdownViewer a", has_text="Elman math").click()
    page.locator(".jp-NotebookPanel h1", has_text="Elman math").wait_for()


@pytest.mark.nightly
def test_the_first_page_leads_to_the_chapters(page):
    open_chapter(page)


@pytest.mark.nightly
def test_a_notebook_that_is_not_trusted_shows_its_figures_and_tables(page):
    """JupyterLab shows no SVG in it, and cleans its HTML."""
    open_chapter(page)
    figure = page.locator(".jp-NotebookPanel .jp-RenderedImage img").first
    table = page.locator(".jp-NotebookPanel .jp-RenderedHTML table")
    table = table.filter(has_text="mean s.v.")
    for found in (figure, table):
        for _ in range(60):  # what is far away is not in the page yet
            if found.count():
                break
            page.locator(".jp-WindowedPanel-outer").evaluate("e => e.scrollBy(0, 600)")
            page.wait_for_timeout(250)
        found.scroll_into_view_if_needed()
        found.wait_for()
        if found is figure:
            assert found.get_attribute("src").startswith("data:image/png")
            assert found.evaluate("e => e.decode().then(() => e.naturalWidth)") > 500
    number = table.locator("td").first
    assert number.evaluate("e => getComputedStyle(e).textAlign") == "right"
    assert "orthogonal" in table.text_content()
