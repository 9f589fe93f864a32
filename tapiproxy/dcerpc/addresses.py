"""
Addresses as people read them in logs: ``192.0.2.7 port 50000``, and as peers are told apart.

Any transport's: what has a host is known by it, a UNIX socket by its path.
"""

from __future__ import annotations

import os
from collections.abc import Hashable

_PIPE = "PipeAddress"


def shown(address: object) -> str:
    """An address of a transport: host and port, or the path of a UNIX socket."""
    host = getattr(address, "host", None)
    if host is None:
        name = getattr(address, "name", None)
        return os.fsdecode(name) if name else "a local socket"
    pipe = getattr(address, "pipe", "")
    return f"{host} port {getattr(address, 'port', '')}" + (f" by pipe {pipe}" if pipe else "")


def peerKey(address: object) -> Hashable:
    """What tells peers apart: transport and host, but no port."""
    return (type(address).__name__, getattr(address, "host", None))


def shownPeer(peer: Hashable) -> str:
    """
    What tells peers apart, as the log shows it: ``192.0.2.7``, so that other programs find it.

    :param peer: as :func:`peerKey` gives it.
    """
    if not isinstance(peer, tuple):
        return str(peer)
    kind, host = peer
    if host is None:
        return "a local socket"
    return f"{host} by pipe" if kind == _PIPE else str(host)
