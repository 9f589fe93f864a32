"""Endpoint strings."""

import sys

from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase

from tapiproxy import defaults, listeners


class LoopbackTests(SynchronousTestCase):
    def test_loopback(self):
        """Addresses that only this machine reaches are loopback, and so are UNIX sockets."""
        for endpoint in (
            defaults.LISTEN,
            "tcp:135:interface=127.0.0.1",
            "tcp:port=135:interface=127.9.9.9:backlog=5",
            r"tcp6:135:interface=\:\:1",
            r"tcp:135:interface=\:\:1",
            "unix:/run/tapiproxy.sock",
        ):
            self.assertTrue(listeners.isLoopback(endpoint), endpoint)

    def test_beyond(self):
        """Everything else counts as beyond loopback, whatever cannot be told included."""
        for endpoint in (
            "tcp:135",
            "tcp:135:interface=",
            "tcp:135:interface=0.0.0.0",
            "tcp:135:interface=10.0.0.1",
            "tcp:135:interface=localhost",
            "tcp:135:interface=127.0.0.1:interface=0.0.0.0",
            "tcp:135:127.0.0.1",
            "tcp6:135",
            r"tcp6:135:interface=\:\:",
            "systemd:domain=INET:index=0",
            "haproxy:tcp:135:interface=127.0.0.1",
            "",
        ):
            self.assertFalse(listeners.isLoopback(endpoint), endpoint)


class EndpointTests(SynchronousTestCase):
    def refused(self, endpoint):
        error = self.assertRaises(
            listeners.ListenerError, listeners.serverEndpoint, MemoryReactor(), endpoint
        )
        return str(error)

    def test_listens(self):
        """A good string listens where it says."""
        reactor = MemoryReactor()
        listeners.serverEndpoint(reactor, "tcp:135:interface=127.0.0.1").listen(object())
        self.assertEqual(reactor.tcpServers[0][0::3], (135, "127.0.0.1"))

    def test_wrong(self):
        """A string that is none is refused with what it should be like."""
        for endpoint in ("", "135", "tcp:", "tcp:http:x=1", "nosuch:135", "tcp:1:2:3:4:5"):
            refused = self.refused(endpoint)
            self.assertIn(repr(endpoint), refused)
            self.assertIn("tcp:PORT:interface=ADDRESS", refused)

    def test_noServiceIdentity(self):
        """Where Twisted's endpoints cannot be imported, the refusal has the line to type."""
        listeners.serverEndpoint(MemoryReactor(), "tcp:135")  # whatever was imported before
        name = "twisted.internet.endpoints"
        self.addCleanup(sys.modules.__setitem__, name, sys.modules.pop(name))
        self.patch(sys, "meta_path", [NoEndpoints(), *sys.meta_path])
        self.assertIn("pip install service-identity", self.refused("tcp:135"))


class NoEndpoints:
    """An import system in which the endpoints want a package that is not there."""

    def find_spec(self, name, path=None, target=None):
        if name == "twisted.internet.endpoints":
            raise ModuleNotFoundError("No module named 'service_identity'", name="service_identity")
