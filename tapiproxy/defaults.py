"""
Where a server is found if nobody says otherwise: its port and its data directory.

The one place that names them, for the server, the commands and the documentation.
"""

import os
from collections.abc import Mapping
from pathlib import Path

__all__ = [
    "CONTROL_SOCKET",
    "DEMO_AGENTS",
    "DEMO_PIN",
    "HOST",
    "LISTEN",
    "PORT",
    "dataDirectory",
]

#: Not 135: that needs privileges, and belongs to the endpoint mapper where there is one.
PORT = 13135
HOST = "127.0.0.1"
#: As a Twisted endpoint string.
LISTEN = f"tcp:{PORT}:interface={HOST}"

#: Who there is in the built-in ACD's demo site, and everybody's PIN; served on loopback only.
DEMO_AGENTS = ("1001", "1002", "1003", "1004")
DEMO_PIN = "1234"

#: The name, in the data directory, of the socket that ``tapiproxy status`` asks.
CONTROL_SOCKET = "control.sock"


def dataDirectory(environ: Mapping[str, str] | None = None, superuser: bool | None = None) -> Path:
    """
    The data directory: a system service's for root, else below the user's home.

    :param environ: the environment; the process's own without it.
    :param superuser: whether this is root; as the process says without it.
    """
    environ = os.environ if environ is None else environ
    superuser = os.geteuid() == 0 if superuser is None else superuser
    if superuser:
        return Path("/var/lib/tapiproxy")
    # The XDG base directory specification: a relative path there is to be ignored.
    state = environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(state):
        return Path(state, "tapiproxy")
    return Path(environ.get("HOME") or os.path.expanduser("~"), ".local/state/tapiproxy")
