"""A class on one Linux machine.

    jupyterhub -f jupyterhub_config.py

It hands out the course that its own Python has installed, which is to be
the student edition. Each student is an account of the machine, and the hub
is started by root.

With a password in RNN_HUB_TRIAL it is a trial on this computer alone:
every name may log in with it, and all of them share one account.
"""

import ipaddress
import os
import pwd
import sys
from pathlib import Path
from urllib.parse import urlsplit

from traitlets.config import Application

from helpers import ROOT

c = get_config()  # noqa: F821 (JupyterHub defines it)
trial = os.environ.get("RNN_HUB_TRIAL", "")
MEMORY = 2 * 2**30  # bytes that each process of a student may fill
PROCESSORS = 2  # on which all the processes of a student run

if (ROOT / "book" / "solutions").exists():
    raise SystemExit(
        f"{ROOT} holds the solutions, and students would get them."
        " Install the student edition, and start this with its Python."
    )

if trial and os.geteuid() == 0:
    raise SystemExit(
        "The trial runs every visitor in the account that starts it, and"
        " this is root's. Start it from your own account, without sudo."
    )

# To be reached from other computers it needs their network's address
# here, and with it a certificate: c.JupyterHub.ssl_cert and ssl_key.
c.JupyterHub.ip = "127.0.0.1"
c.Authenticator.allow_all = True  # whoever has the password or account
c.Authenticator.blocked_users = {
    a.pw_name for a in pwd.getpwall() if a.pw_uid == 0
}


def processors(spawner):
    """The processors of a student: the next ones for the next."""
    here = sorted(os.sched_getaffinity(0))
    first = spawner.user.id * PROCESSORS
    chosen = {here[(first + i) % len(here)] for i in range(PROCESSORS)}
    return ",".join(map(str, sorted(chosen)))


# A student's first start copies the chapters, whole or not at all;
# later ones keep the copy.
start = """\
set -e
if [ ! -e "$HOME/rnns-unrolled" ]; then
  rm -rf "$HOME/.rnns-unrolled.part"
  cp -r "$COURSE/book" "$HOME/.rnns-unrolled.part"
  mv -T "$HOME/.rnns-unrolled.part" "$HOME/rnns-unrolled"
fi
ulimit -d "$MEMORY_KB"
exec taskset -c "$PROCESSORS" "$0" -m jupyterhub.singleuser "$@"
"""
c.Spawner.cmd = ["sh", "-c", start, sys.executable]
c.Spawner.environment = {
    "COURSE": str(ROOT),
    "MEMORY_KB": str(MEMORY // 1024),
    "PROCESSORS": processors,
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

# What this file and the command line ask for together.
asked = dict(c.JupyterHub)
if Application.initialized():
    asked |= Application.instance().cli_config.JupyterHub


def only_here(address):
    """Whether other computers cannot reach it; "" is every address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


url = urlsplit(asked.get("bind_url", "//localhost"))
outside = not all(map(only_here, [asked["ip"], url.hostname]))
certified = asked.get("ssl_cert") and asked.get("ssl_key")
if outside and trial:
    raise SystemExit("The trial is for this computer: leave its address.")
if outside and not certified:
    raise SystemExit(
        "Other computers would reach this hub, and whoever is on the way"
        " would read its passwords: give it a certificate, by"
        " c.JupyterHub.ssl_cert and c.JupyterHub.ssl_key."
    )
