"""JupyterLab opens at a page whose links lead to the chapters.

python -m jupyterlab --config=book/jupyter_lab_config.py
"""

from pathlib import Path

c = get_config()  # noqa: F821 (JupyterLab defines it)
book = Path(__file__).resolve().parent
c.ServerApp.root_dir = str(book)
c.LabApp.default_url = "/lab/tree/index.md"
# There overrides.json says that Markdown is shown as a page.
c.LabApp.app_settings_dir = str(book.parent / "data" / "jupyterlab")
