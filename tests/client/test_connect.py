"""Attaching: what can go wrong on the way, and that nothing is left of it."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from tapiproxy.client.connect import connect
from tapiproxy.client.errors import (
    AttachRefused,
    ConnectionEnded,
    NoAnswer,
    ServerUnreachable,
)
from tapiproxy.dcerpc.client import connect as connectRPC
from tapiproxy.dcerpc.interface import Fault, Interface
from tapiproxy.dcerpc.server import ServerFactory
from tapiproxy.tapi.lineerr import LINEERR_OPERATIONFAILED
from tapiproxy.trp import idl
from tests.client.network import MemoryNetwork
from tests.client.servers import HOST, PORT, REMOTESP, Application, ScriptedServer


class Connecting(TestCase):
    def setUp(self) -> None:
        self.network = MemoryNetwork()

    def attach(self, seconds: float = 0) -> Any:
        """What the attempt comes to after some time."""
        found: list[Any] = []
        attempt = connect(
            self.network,  # type: ignore[arg-type]  # a Clock
            HOST,
            PORT,
            onEvent=lambda event, hRemoteLine: None,
        )
        attempt.addBoth(found.append)
        self.network.flush()
        self.network.advance(seconds)
        self.network.flush()
        self.assertEqual(len(found), 1)
        return found[0]

    def left(self) -> None:
        """Nothing is open and nothing ticks."""
        self.assertFalse(any(pipe.connected for pipe in self.network.pipes))
        self.assertEqual([port for port in self.network.ports if port != PORT], [])
        self.assertEqual(self.network.getDelayedCalls(), [])

    def test_nobodyListens(self) -> None:
        """Nobody there: unreachable, at once."""
        self.attach().trap(ServerUnreachable)
        self.left()

    def test_silence(self) -> None:
        """A network that does not answer: unreachable, at the deadline."""
        self.network.silent = True
        failure = self.attach(5)
        failure.trap(ServerUnreachable)
        self.assertIn("within 5 s", str(failure.value))
        self.network.advance(10)
        self.left()

    def test_otherServer(self) -> None:
        """An RPC server without tapsrv: unreachable, and the message says what it is not."""
        factory = ServerFactory(self.network, [REMOTESP])  # type: ignore[arg-type]  # a Clock
        self.network.listenTCP(PORT, factory, interface=HOST)
        failure = self.attach()
        failure.trap(ServerUnreachable)
        self.assertIn("no telephony server", str(failure.value))
        self.left()

    def test_refused(self) -> None:
        """ClientAttach is refused with its code."""
        server = ScriptedServer(self.network)
        server.attachResult = LINEERR_OPERATIONFAILED
        failure = self.attach()
        failure.trap(AttachRefused)
        self.assertEqual(failure.value.code, LINEERR_OPERATIONFAILED)
        self.left()

    def test_calledBackFromElsewhere(self) -> None:
        """A call-back from another address than the server's is refused, and the error names it."""
        ScriptedServer(self.network).callBackFrom = "203.0.113.66"
        failure = self.attach()
        failure.trap(AttachRefused)
        self.assertEqual(failure.value.callback, "")
        self.assertEqual(failure.value.elsewhere, "203.0.113.66")
        self.left()

    def test_noCallback(self) -> None:
        """A server that never calls back is of no use for the push model: given up in time."""
        server = ScriptedServer(self.network)
        server.callBack = False
        self.attach(5).trap(NoAnswer)
        self.left()

    def test_noPort(self) -> None:
        """Without a port to listen on there is no session."""
        ScriptedServer(self.network)
        self.network.freePort = lambda: PORT  # type: ignore[method-assign]
        self.attach().trap(ServerUnreachable)
        self.left()

    def test_cancelled(self) -> None:
        """Who gives up while attaching leaves nothing open."""
        ScriptedServer(self.network).callBack = False
        attempt = connect(
            self.network,  # type: ignore[arg-type]  # a Clock
            HOST,
            PORT,
            onEvent=lambda event, hRemoteLine: None,
        )
        attempt.addErrback(lambda failure: None)
        self.network.flush()
        attempt.cancel()
        self.network.flush()
        self.left()


class Callback(TestCase):
    """The client's remotesp endpoint, from outside ([MS-TRP] 3.3)."""

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.server = ScriptedServer(self.network)
        self.app = Application(self.network)
        self.client = self.app.connect()
        self.port = next(port for port in self.network.ports if port != PORT)

    def intrude(self, host: str = HOST, interface: Interface = REMOTESP) -> Any:
        """Connect to the client's endpoint from an address."""
        return self.app.result(connectRPC(self.network, host, self.port, interface, 3))  # type: ignore[arg-type]  # a Clock

    def test_secondCallback(self) -> None:
        """A second RemoteSPAttach is refused, though it comes from the server's address."""
        intruder = self.intrude()
        attaching = intruder.call(idl.RemoteSPAttach, b"", 3)
        fault = self.assertRaises(Fault, self.app.result, attaching)
        self.assertEqual(fault.status, 5)
        self.assertIsNone(self.client.session.ended)

    def test_foreignHandle(self) -> None:
        """Events with another's context handle are refused, and not told."""
        intruder = self.intrude()
        stub = idl.encodeRemoteSPEventProc(self.server._context, bytes(40))
        fault = self.assertRaises(
            Fault, self.app.result, intruder.call(idl.RemoteSPEventProc, stub, 3)
        )
        self.assertEqual(fault.status, 0x1C00001A)
        self.assertEqual(self.app.events, [])

    def test_malformedEvents(self) -> None:
        """Events that break the rules of 3.3.4.2 are answered with a fault; the session goes on."""
        fault = self.assertRaises(Fault, self.app.result, self.server.push(bytes(40)))
        self.assertEqual(fault.status, 0x6F7)
        self.assertIsNone(self.client.session.ended)
        self.assertEqual(self.app.result(self.client.initialize("test")), 1)

    def test_otherAddress(self) -> None:
        """A call-back from another address than the server's is refused while attaching."""
        self.client.abort()
        self.network.flush()
        self.server.callBack = False
        attempt = connect(
            self.network,  # type: ignore[arg-type]  # a Clock
            HOST,
            PORT,
            onEvent=lambda event, hRemoteLine: None,
        )
        attempt.addErrback(lambda failure: None)
        self.network.flush()
        self.port = next(port for port in self.network.ports if port != PORT)
        intruder = self.intrude("203.0.113.66")
        attaching = intruder.call(idl.RemoteSPAttach, b"", 3)
        self.assertEqual(self.assertRaises(Fault, self.app.result, attaching).status, 5)
        attempt.cancel()

    def test_detachedHandle(self) -> None:
        """After RemoteSPDetach the handle is void."""
        stub = idl.encodeRemoteSPDetach(self.server._context)
        callback = self.server._callback
        answer = self.app.result(callback.call(idl.RemoteSPDetach, stub, 3))
        self.assertEqual(answer, idl.NO_CONTEXT)
        fault = self.assertRaises(
            Fault, self.app.result, callback.call(idl.RemoteSPDetach, stub, 3)
        )
        self.assertEqual(fault.status, 0x1C00001A)

    def test_lostDuringDetach(self) -> None:
        """A server that closes its call-back instead of RemoteSPDetach does not delay the end."""
        self.server._callback.call = lambda *arguments: Deferred()
        done = self.client.detach()
        done.addErrback(lambda failure: failure.trap(ConnectionEnded))
        self.network.pipes[1].abortConnection()
        self.network.flush()
        self.successResultOf(done)
        self.assertEqual(list(self.network.ports), [PORT])
