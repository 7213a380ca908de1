"""Buttons that lead to the repository, Colab and Binder, if it is public.

Its address is the one in pyproject.toml, else that of the git remote "origin". Without
a public address there are no such buttons, and so no dead links.
"""

import re
import subprocess
from pathlib import Path

from helpers.press.notebooks import repository
from sphinx.application import Sphinx
from sphinx.config import Config

PUBLIC = re.compile(
    r"(?:https://(?:[^@/]+@)?|ssh://git@|git@)github\.com[:/]"
    r"([\w.-]+/[\w.-]+?)(?:\.git)?/?"
)


def public_address(remote: str) -> str:
    """The web address of a GitHub remote, "" for any other remote."""
    match = PUBLIC.fullmatch(remote.strip())
    return f"https://github.com/{match[1]}" if match else ""


def git(root: Path, *arguments: str) -> str:
    """What git prints, "" if it fails or is not installed."""
    try:
        run = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return run.stdout.strip()


def find_repository(root: Path) -> tuple[str, str]:
    """Public address and branch of the course in `root`; the address "" if none."""
    remote, branch = repository(root)
    if not remote:
        top = git(root, "rev-parse", "--show-toplevel")
        # A copy without .git inside another repository is not that repository.
        if top and Path(top).resolve() == root.resolve():
            remote = git(root, "remote", "get-url", "origin")
    return public_address(remote), branch


def add_buttons(app: Sphinx, config: Config) -> None:
    """Set the options of sphinx-book-theme from the repository."""
    address, branch = find_repository(Path(app.srcdir))
    # Here, since Jupyter Book sets options of its own if _config.yml has none.
    config.html_theme_options |= {
        "repository_url": address,
        "repository_branch": branch,
        "path_to_docs": "",
        "use_repository_button": bool(address),
        "use_issues_button": bool(address),
        "launch_buttons": {
            "notebook_interface": "jupyterlab",
            "colab_url": "https://colab.research.google.com",
            "binderhub_url": "https://mybinder.org",
        }
        if address
        else {},
    }


def setup(app: Sphinx) -> dict:
    """Tell Sphinx what to call, and when."""
    app.connect("config-inited", add_buttons)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
