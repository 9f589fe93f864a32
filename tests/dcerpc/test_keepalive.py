"""Tests for tapiproxy.dcerpc.keepalive."""

import socket

from twisted.internet.interfaces import ITCPTransport
from twisted.internet.testing import MemoryReactor, StringTransport
from twisted.internet.unix import Server
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from tapiproxy.dcerpc.keepalive import isTCP, setKeepAlive


class Socket:
    """Keeps the options that it is set."""

    def __init__(self) -> None:
        self.options: dict[int, int] = {}

    def setsockopt(self, level: int, option: int, value: int) -> None:
        """Keep one."""
        assert level == socket.IPPROTO_TCP
        self.options[option] = value


@implementer(ITCPTransport)
class Transport:
    """A TCP transport, as far as keepalive goes."""

    def __init__(self) -> None:
        self.keepAlive: bool | None = None
        self.socket = Socket()

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Keep it."""
        self.keepAlive = enabled

    def getHandle(self) -> Socket:
        """The socket."""
        return self.socket


class KeepAlive(TestCase):
    """Probes."""

    def test_on(self) -> None:
        """A silent peer is probed after a minute, and given up three probes of 10 s later."""
        transport = Transport()
        setKeepAlive(transport, True)
        self.assertTrue(transport.keepAlive)
        self.assertEqual(
            transport.socket.options,
            {socket.TCP_KEEPIDLE: 60, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 3},
        )

    def test_off(self) -> None:
        """Probes can be stopped; their times are left alone."""
        transport = Transport()
        setKeepAlive(transport, False)
        self.assertIs(transport.keepAlive, False)
        self.assertEqual(transport.socket.options, {})

    def test_otherTransports(self) -> None:
        """A transport that is not TCP is left as it is."""
        transport = StringTransport()
        before = dict(vars(transport))
        setKeepAlive(transport, True)
        self.assertEqual(vars(transport), before)

    def test_unix(self) -> None:
        """Nor is one of a UNIX socket, which has no such options whatever it provides."""
        here, there = socket.socketpair()
        self.addCleanup(here.close)
        self.addCleanup(there.close)
        transport = Server(here, None, "", None, 0, MemoryReactor())
        self.assertFalse(isTCP(transport))
        setKeepAlive(transport, True)
        self.assertTrue(isTCP(Transport()))
