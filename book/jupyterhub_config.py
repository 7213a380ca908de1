"""A class on one Linux machine.

    jupyterhub -f jupyterhub_config.py

It hands out the course that its own Python has installed, which is to be
the student edition. Each student is an account of the machine, and the hub
is started by root.

With a password in RNN_HUB_TRIAL it is a trial on this computer alone:
every name may log in with it, and all of them share one account.
"""

import os
import sys
from pathlib import Path

from helpers import ROOT

c = get_config()  # noqa: F821 (JupyterHub defines it)
trial = os.environ.get("RNN_HUB_TRIAL", "")

if (ROOT / "book" / "solutions").exists():
    raise SystemExit(
        f"{ROOT} holds the solutions, and students would get them."
        " Install the student edition, and start this with its Python."
    )

# To be reached from other computers it needs their network's address
# here, and with it a certificate: c.JupyterHub.ssl_cert and ssl_key.
c.JupyterHub.ip = "127.0.0.1"
c.Authenticator.allow_all = True  # whoever has the password or account

# A student's first start copies the chapters; later ones keep the copy.
start = """\
[ -e "$HOME/rnns-unrolled" ] || cp -r "$COURSE/book" "$HOME/rnns-unrolled"
exec "$0" -m jupyterhub.singleuser "$@"
"""
c.Spawner.cmd = ["sh", "-c", start, sys.executable]
c.Spawner.environment = {
    "COURSE": str(ROOT),
    "OMP_NUM_THREADS": "1",  # nobody takes every core
}
c.Spawner.http_timeout = 120  # seconds, when all of them start at once
c.Spawner.default_url = "/lab/tree/rnns-unrolled/01_feedforward.ipynb"
# An hour after the last tab is closed, the memory is free again.
c.Spawner.args = ["--MappingKernelManager.cull_idle_timeout=3600"]

if trial:
    c.JupyterHub.authenticator_class = "shared-password"
    c.SharedPasswordAuthenticator.user_password = trial
    c.JupyterHub.spawner_class = "simple"
    homes = Path("students").resolve()
    c.SimpleLocalProcessSpawner.home_dir_template = f"{homes}/{{username}}"
