"""Endpoint strings."""

import os
import socket
import sys
import tempfile

from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

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
            "np:/run/samba/ncalrpc/np/tapsrv",
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


class PipeTests(TestCase):
    """np:PATH"""

    def setUp(self):
        # Not below trial's folders, whose names are too long for a socket's.
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "tapsrv")
        self.reactor = MemoryReactor()

    def listen(self, options=""):
        """Listen at the path: what the reactor was asked for."""
        endpoint = listeners.serverEndpoint(self.reactor, f"np:{self.path}{options}")
        verifyObject(IStreamServerEndpoint, endpoint)
        self.successResultOf(endpoint.listen(Factory()))
        path, _factory, _backlog, mode, wantPID = self.reactor.unixServers[-1]
        self.assertFalse(wantPID)
        return path, mode

    def refused(self):
        """Why it cannot be listened at the path."""
        endpoint = listeners.serverEndpoint(self.reactor, f"np:{self.path}")
        failure = self.failureResultOf(endpoint.listen(Factory()), listeners.ListenerError)
        self.assertEqual(self.reactor.unixServers, [])
        self.assertIn(f"np:{self.path}: ", str(failure.value))
        return str(failure.value)

    def bound(self):
        """A socket at the path."""
        bound = socket.socket(socket.AF_UNIX)
        self.addCleanup(bound.close)
        bound.bind(self.path)
        return bound

    def test_options(self):
        """A pipe has a path, a mode and smbd's user; a colon is written as elsewhere."""
        Pipe = listeners.PipeListener
        for endpoint, expected in (
            ("np:/np/tapsrv", Pipe(path="/np/tapsrv", mode=0o600, user=0)),
            ("np:/np/tapsrv:mode=0666:user=7", Pipe(path="/np/tapsrv", mode=0o666, user=7)),
            (r"np:/n\:p/tapsrv", Pipe(path="/n:p/tapsrv")),
            ("np:/" + "x" * 106, Pipe(path="/" + "x" * 106)),
            ("tcp:135", None),
            ("unix:/np/tapsrv", None),
        ):
            self.assertEqual(listeners.pipeListener(endpoint), expected)

    def test_wrongOptions(self):
        """Whatever else is refused, with what was written and how it should be."""
        for endpoint, problem in (
            ("np", "begin at the root"),
            ("np:", "begin at the root"),
            ("np:tapsrv", "begin at the root"),
            ("np:/" + "x" * 107, "longer than 107 octets"),
            ("np:/x:mode=9", "'mode=9' is nothing"),
            ("np:/x:mode=1000", "'mode=1000' is nothing"),
            ("np:/x:user=root", "'user=root' is nothing"),
            ("np:/x:user=-1", "'user=-1' is nothing"),
            ("np:/x:user=1:user=2", "'user=2' is nothing"),
            ("np:/x:backlog=5", "'backlog=5' is nothing"),
            ("np:/x:", "'' is nothing"),
        ):
            error = self.assertRaises(
                listeners.ListenerError, listeners.serverEndpoint, self.reactor, endpoint
            )
            self.assertIn(problem, str(error))
            self.assertIn(repr(endpoint), str(error))
            self.assertIn("like np:/run/samba/ncalrpc/np/tapsrv", str(error))

    def test_listen(self):
        """The socket is made where nothing is, for its owner alone if nothing else is said."""
        self.assertEqual(self.listen(), (self.path, 0o600))
        self.assertEqual(self.listen(":mode=0660"), (self.path, 0o660))

    def test_stale(self):
        """A socket that nobody listens on is removed."""
        self.bound().close()
        self.listen()
        self.assertFalse(os.path.lexists(self.path))

    def test_live(self):
        """A socket that somebody listens on is his, also when his queue is full."""
        bound = self.bound()
        bound.listen(0)
        self.assertIn("another process has that socket (it listens)", self.refused())
        self.assertIn("another process has that socket", self.refused())
        self.assertTrue(os.path.exists(self.path))

    def test_otherThings(self):
        """Files and links are left alone."""
        with open(self.path, "w"):
            pass
        self.assertIn("something else than a socket", self.refused())
        os.unlink(self.path)
        os.symlink("nowhere", self.path)
        self.assertIn("name what it points to", self.refused())
        self.assertTrue(os.path.lexists(self.path))

    def test_noDirectory(self):
        """Where smbd has not made the directory, the refusal says what to do."""
        self.path = os.path.join(os.path.dirname(self.path), "np", "tapsrv")
        self.assertIn("start it first, or make the directory with mode 0700", self.refused())


class NoEndpoints:
    """An import system in which the endpoints want a package that is not there."""

    def find_spec(self, name, path=None, target=None):
        if name == "twisted.internet.endpoints":
            raise ModuleNotFoundError("No module named 'service_identity'", name="service_identity")
