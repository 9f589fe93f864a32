"""TCP keepalive: how a connection that may be silent for hours learns that its peer has gone."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.interfaces import ITCPTransport, IUNIXTransport

KEEPALIVE_IDLE = 60
KEEPALIVE_INTERVAL = 10
KEEPALIVE_PROBES = 3
"""Seconds until the first probe, between probes, and unanswered probes: a client that was switched
off is noticed within a minute and a half."""


def isTCP(transport: Any) -> bool:
    """Whether a transport has TCP's options; Twisted's UNIX transports only say so."""
    return ITCPTransport.providedBy(transport) and not IUNIXTransport.providedBy(transport)


def setKeepAlive(transport: Any, wanted: bool) -> None:
    """Probe the peer of a TCP transport, or stop it; other transports have no such thing."""
    if not isTCP(transport):
        return
    transport.setTcpKeepAlive(wanted)
    if wanted and hasattr(transport, "getHandle"):
        handle = transport.getHandle()
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE)
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL)
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_PROBES)
