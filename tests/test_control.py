"""The local socket."""

import json
import socket
from pathlib import Path

from twisted.internet import defer, task
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from tapiproxy import control
from tapiproxy.errors import HandlerArgumentError
from tests.folders import makeFolder


class Transport(StringTransport):
    """A transport that tells how it was ended."""

    aborted = False

    def abortConnection(self):
        self.aborted = True


class ServerTests(SynchronousTestCase):
    def setUp(self):
        self.clock = task.Clock()
        self.server = control.ControlServer(self.clock)
        self.server.register("echo", lambda argument: argument)
        self.protocol, self.transport = self.connect()

    def connect(self):
        protocol, transport = self.server.buildProtocol(None), Transport()
        protocol.makeConnection(transport)
        return protocol, transport

    def send(self, verb, **argument):
        request = {"verb": verb, "argument": argument}
        self.protocol.dataReceived(json.dumps(request).encode() + b"\n")

    def answers(self):
        """What was answered since the last look."""
        lines = self.transport.value().splitlines()
        self.transport.clear()
        return [json.loads(line) for line in lines]

    def test_call(self):
        """A verb is called with the argument, its result is the answer."""
        self.send("echo", a=1)
        self.assertEqual(self.answers(), [{"result": {"a": 1}}])

    def test_noArgument(self):
        """A request may leave out the argument."""
        self.protocol.dataReceived(b'{"verb": "echo"}\n')
        self.assertEqual(self.answers(), [{"result": {}}])

    def test_unknown(self):
        """An unknown verb is answered with those that there are."""
        self.send("ehco")
        self.assertEqual(self.answers(), [{"error": "unknown verb 'ehco'; there are: echo"}])

    def test_noRequest(self):
        """A line that is no request is answered with what one looks like, and is no failure."""
        for line in (
            b"",
            b"status",
            b"[]",
            b"5",
            b"{}",
            b'{"verb": 5}',
            b'{"verb": "echo", "argument": [1]}',
            b"\xff\xfe",
            b"[" * 100_000,
        ):
            self.protocol.dataReceived(line + b"\n")
            [answer] = self.answers()
            self.assertIn('one line like {"verb"', answer["error"])

    def test_later(self):
        """A Deferred's result is the answer; further requests wait for it, in order."""
        waiting = defer.Deferred()
        self.server.register("slow", lambda argument: waiting)
        request = b'{"verb": "slow"}\n{"verb": "echo", "argument": {"n": 2}}\n'
        self.protocol.dataReceived(request)
        self.assertEqual(self.answers(), [])
        self.assertEqual(self.transport.producerState, "paused")
        waiting.callback({"n": 1})
        self.assertEqual(self.answers(), [{"result": {"n": 1}}, {"result": {"n": 2}}])
        self.assertEqual(self.transport.producerState, "producing")

    def test_refusal(self):
        """What a verb says of its argument is shown as it is."""

        def refuse(argument):
            raise HandlerArgumentError("line 3: no such queue")

        self.server.register("acd.feed", refuse)
        self.send("acd.feed")
        self.assertEqual(self.answers(), [{"error": "line 3: no such queue"}])

    def test_failure(self):
        """A verb that fails, or returns no dict, is logged; its text stays in the log."""
        for function in (
            lambda argument: 1 / 0,
            lambda argument: [1],
            lambda argument: {1: object},
        ):
            self.server.register("bad", function, "handler acd")
            self.send("bad")
            self.assertEqual(self.answers(), [{"error": "bad failed; the server's log says why"}])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 2)

    def test_deadline(self):
        """A verb that does not answer is cancelled, and the caller is told."""
        cancelled = []
        self.server.register("slow", lambda argument: defer.Deferred(cancelled.append))
        self.send("slow")
        self.clock.advance(60)
        self.assertEqual(len(cancelled), 1)
        self.assertEqual(self.answers(), [{"error": "slow has not answered within 60 seconds"}])

    def test_callerGone(self):
        """When the caller goes, what it asked for is cancelled, and nothing is written."""
        cancelled = []
        self.server.register("slow", lambda argument: defer.Deferred(cancelled.append))
        self.send("slow")
        self.protocol.connectionLost()
        self.assertEqual(len(cancelled), 1)
        self.assertEqual(self.answers(), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_verbCancelled(self):
        """A verb whose Deferred somebody else cancels is answered."""
        waiting = defer.Deferred()
        self.server.register("slow", lambda argument: waiting)
        self.send("slow")
        waiting.cancel()
        self.assertEqual(self.answers(), [{"error": "slow was cancelled"}])

    def test_idle(self):
        """A connection that asks nothing is ended."""
        self.clock.advance(59)
        self.send("echo")
        self.clock.advance(59)
        self.assertFalse(self.transport.aborted)
        self.clock.advance(1)
        self.assertTrue(self.transport.aborted)

    def test_endless(self):
        """A request without end is refused before it fills the memory."""
        self.protocol.dataReceived(b"x" * (4 * 1024 * 1024 + 1))
        [answer] = self.answers()
        self.assertIn("at most 4194304 octets", answer["error"])
        self.assertTrue(self.transport.disconnecting)

    def test_connections(self):
        """Only so many connections are taken; one that ends makes room."""
        others = [self.connect() for _ in range(15)]
        self.assertIsNone(self.server.buildProtocol(None))
        others[0][0].connectionLost()
        self.assertIsNotNone(self.server.buildProtocol(None))

    def test_forget(self):
        """The verbs of a handler that is gone are unknown again."""
        self.server.register("acd.feed", lambda argument: {})
        self.server.forget("acd.")
        self.send("acd.feed")
        [answer] = self.answers()
        self.assertIn("unknown verb", answer["error"])


class ListenTests(SynchronousTestCase):
    def test_listen(self):
        """The socket is for its owner only, and replaces one left over by a killed server."""
        reactor = MemoryReactorClock()
        path = makeFolder(self) / "control.sock"
        path.write_text("left over")
        server = control.ControlServer(reactor)
        server.listen(path)
        [(address, factory, _backlog, mode, _wantPID)] = reactor.unixServers
        self.assertEqual((address, factory, mode), (str(path), server, 0o600))
        self.assertFalse(path.exists())

    def test_close(self):
        """Closing ends connections too, and may be done before listening."""
        reactor = MemoryReactorClock()
        server = control.ControlServer(reactor)
        self.successResultOf(server.close())
        server.listen(makeFolder(self) / "c.sock")
        protocol, transport = server.buildProtocol(None), Transport()
        protocol.makeConnection(transport)
        self.successResultOf(server.close())
        self.assertTrue(transport.aborted)

    def test_longPath(self):
        """A path that no socket can have is refused with what to do."""
        server = control.ControlServer(MemoryReactorClock())
        error = self.assertRaises(control.ControlError, server.listen, Path("/" + "x" * 107))
        self.assertIn("shorter path", str(error))


class CallTests(SynchronousTestCase):
    def setUp(self):
        self.ours, theirs = socket.socketpair()
        self.addCleanup(self.ours.close)
        self.addCleanup(theirs.close)
        case = self

        class Connected:
            """The client's socket, connected already."""

            def __init__(self, family, kind):
                case.assertEqual((family, kind), (socket.AF_UNIX, socket.SOCK_STREAM))

            def connect(self, path):
                case.path = path

            def __getattr__(self, name):
                return getattr(theirs, name)

        self.patch(control.socket, "socket", Connected)

    def call(self, answer, verb="status", argument=None):
        self.ours.sendall(answer)
        self.ours.shutdown(socket.SHUT_WR)
        return control.call(Path("/d/control.sock"), verb, argument)

    def refused(self, *args):
        return str(self.assertRaises(control.ControlError, self.call, *args))

    def test_call(self):
        """A call sends one line and returns the result of its answer."""
        self.assertEqual(self.call(b'{"result": {"a": 1}}\n', "acd.feed", {"x": 2}), {"a": 1})
        self.assertEqual(self.path, "/d/control.sock")
        sent = self.ours.recv(1000)
        self.assertEqual(sent.count(b"\n"), 1)
        self.assertEqual(json.loads(sent), {"verb": "acd.feed", "argument": {"x": 2}})

    def test_error(self):
        """What the server refuses is raised with its text."""
        self.assertEqual(self.refused(b'{"error": "no such queue"}\n'), "no such queue")

    def test_gone(self):
        """A server that goes away in the middle of its answer is not taken for an answer."""
        self.assertIn("before it answered status", self.refused(b'{"result": {'))

    def test_large(self):
        """A request that the server would refuse for its length is not sent."""
        refused = self.refused(b"", "acd.feed", {"x": "y" * (4 * 1024 * 1024)})
        self.assertIn("more than 4194304 octets", refused)


class NoServerTests(SynchronousTestCase):
    def test_noServer(self):
        """Where no server is, the text says how to name one."""
        path = makeFolder(self) / "control.sock"
        error = self.assertRaises(control.ControlError, control.call, path, "status")
        self.assertIn("start it, or name its data directory", str(error))

    def test_noSocket(self):
        """A path that is no usable socket is refused with the system's reason."""
        error = self.assertRaises(control.ControlError, control.call, Path("/x" * 200), "status")
        self.assertIn("cannot be used: ", str(error))
