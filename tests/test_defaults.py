"""The default port and data directory."""

from pathlib import Path

from twisted.internet import endpoints
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import TestCase

from tapiproxy import defaults


class DefaultsTests(TestCase):
    def test_listensOnLoopback(self):
        """The default listener is on loopback, at the default port, which needs no privilege."""
        reactor = MemoryReactor()
        endpoints.serverFromString(reactor, defaults.LISTEN).listen(object())
        [(port, _factory, _backlog, interface)] = reactor.tcpServers
        self.assertEqual((port, interface), (defaults.PORT, "127.0.0.1"))
        self.assertGreaterEqual(port, 1024)

    def test_root(self):
        """Root's data directory is that of a system service, whatever the environment says."""
        self.assertEqual(
            defaults.dataDirectory({"XDG_STATE_HOME": "/elsewhere"}, superuser=True),
            Path("/var/lib/tapiproxy"),
        )

    def test_user(self):
        """A user's data directory is below the state directory that the environment names."""
        for environ, expected in (
            ({"HOME": "/home/ann"}, "/home/ann/.local/state/tapiproxy"),
            ({"HOME": "/home/ann", "XDG_STATE_HOME": "/state"}, "/state/tapiproxy"),
            ({"HOME": "/home/ann", "XDG_STATE_HOME": "x"}, "/home/ann/.local/state/tapiproxy"),
        ):
            self.assertEqual(defaults.dataDirectory(environ, superuser=False), Path(expected))
