"""The call-back: what pszMachine says, what is sent, when it is given up."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, TimeoutError, fail, succeed
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.client import AssociationFailed, LogonFailed
from tapiproxy.dcerpc.interface import (
    ERROR_ACCESS_DENIED,
    RPC_S_SEC_PKG_ERROR,
    Fault,
    nca_s_fault_unspec,
    nca_s_proto_error,
)
from tapiproxy.trp import idl
from tapiproxy.trp.remotesp import (
    Callback,
    LogonRefused,
    Machine,
    connect,
    parseMachine,
    tcpConnector,
)
from tapiproxy.trp.settings import Settings
from tests.dcerpc.conversation import ack
from tests.trp.support import FakeCallback


class PszMachine(TestCase):
    """Name and endpoints.  [MS-TRP] 3.1.4.1"""

    def test_endpoints(self) -> None:
        """The ports of ncacn_ip_tcp, in order; other protocol sequences are passed over."""
        machine = parseMachine('PC"ncacn_nb_nb"251"ncacn_ip_tcp"251"ncacn_ip_tcp"252"')
        self.assertEqual(machine, Machine("PC", (251, 252)))

    def test_noPorts(self) -> None:
        """What is no port is no endpoint."""
        for endpoint in ("0", "65536", "-1", "", "x", "1.5", "\u0661", "9" * 4000):
            self.assertEqual(parseMachine(f'PC"ncacn_ip_tcp"{endpoint}"'), Machine("PC", ()))

    def test_bounded(self) -> None:
        """A client may name many endpoints; few are tried."""
        self.assertEqual(len(parseMachine("PC" + '"ncacn_ip_tcp"1' * 100).ports), 4)

    @given(st.text())
    def test_anything(self, pszMachine: str) -> None:
        """Any string has a name and some ports."""
        machine = parseMachine(pszMachine)
        self.assertNotIn('"', machine.name)
        self.assertTrue(all(0 < port < 65536 for port in machine.ports))


class Connecting(TestCase):
    """tcpConnector."""

    def test_address(self) -> None:
        """It connects where it is told, and gives up in time."""
        reactor = MemoryReactorClock()
        connecting = tcpConnector(reactor)("192.0.2.1", 4711, 3.0, "PC")
        self.assertEqual(reactor.tcpClients[0][:2], ("192.0.2.1", 4711))
        reactor.advance(3)
        self.failureResultOf(connecting, TimeoutError)

    def test_longAnswer(self) -> None:
        """An answer longer than any of remotesp ends the connection: nobody is to fill memory."""
        reactor = MemoryReactorClock()
        connecting = tcpConnector(reactor)("192.0.2.1", 4711, 3.0, "PC")
        protocol = reactor.tcpClients[0][2].buildProtocol(None)
        protocol.makeConnection(StringTransport())
        protocol.dataReceived(ack().encode())
        connection = self.successResultOf(connecting)
        answer = connection.call(idl.RemoteSPAttach, b"", 3.0)
        self.assertNoResult(answer)
        begun = pdu.Response(
            call_id=2, pfc_flags=pdu.PFC_FIRST_FRAG, alloc_hint=0, p_cont_id=0, stub=bytes(4096)
        )
        protocol.dataReceived(begun.encode())
        self.assertIn("more than 1024 octets", str(self.failureResultOf(answer).value))
        self.assertTrue(protocol.transport.disconnecting)


class Attaching(TestCase):
    """connect(): to each endpoint with the logon, and without it where that is allowed."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.callback = FakeCallback()
        self.asked: list[tuple[str, int, float]] = []
        self.told: list[str] = []

    def attempt(
        self, first: list[Any], second: list[Any] | None = None, ports: tuple[int, ...] = (1, 2)
    ) -> "Deferred[Callback]":
        """
        Connect.

        :param first: what each connection with the logon comes to.
        :param second: the same without it; None where that is not allowed.
        """

        def connector(kind: str, outcomes: list[Any]) -> Any:
            def connect(host: str, port: int, seconds: float, name: str) -> "Deferred[Any]":
                self.asked.append((kind, port, seconds))
                outcome = outcomes.pop(0)
                if isinstance(outcome, Deferred):
                    return outcome
                return fail(outcome) if isinstance(outcome, Exception) else succeed(outcome)

            return connect

        return Deferred.fromCoroutine(
            connect(
                connector("logon", first),
                "192.0.2.1",
                Machine("PC", ports),
                self.clock,
                Settings(callbackConnect=3.0),
                None if second is None else connector("none", second),
                lambda reason: self.told.append(str(reason)),
            )
        )

    def answering(self, outcome: Any) -> FakeCallback:
        """A connection whose RemoteSPAttach comes to something else."""
        connection = FakeCallback()
        connection.call = lambda *arguments: (  # type: ignore[method-assign]  # a test's
            outcome if isinstance(outcome, Deferred) else fail(outcome)
        )
        return connection

    def test_logon(self) -> None:
        """A client that takes the logon is not asked for anything else."""
        self.successResultOf(self.attempt([self.callback], []))
        self.assertEqual((self.asked, self.told), ([("logon", 1, 3.0)], []))

    def test_required(self) -> None:
        """Where the logon is required, its refusal leaves the other endpoints only."""
        refused = self.attempt([LogonFailed("no"), LogonFailed("never")])
        failure = self.failureResultOf(refused, LogonRefused)
        self.assertEqual(str(failure.value), "never")
        self.assertEqual([each[:2] for each in self.asked], [("logon", 1), ("logon", 2)])
        self.assertEqual(self.told, [])

    def test_notRequired(self) -> None:
        """Where it is not, the same endpoint is tried without it, whatever shows the refusal."""
        closed = ConnectionDone("closed")
        for refusal, said in (
            (LogonFailed("no verifier"), "no verifier"),
            (closed, "Connection was closed cleanly: closed"),
            (self.answering(Fault(ERROR_ACCESS_DENIED)), "fault 0x00000005"),
            (self.answering(Fault(RPC_S_SEC_PKG_ERROR)), "fault 0x00000721"),
            (self.answering(Fault(nca_s_proto_error)), "fault 0x1C01000B"),
            (self.answering(closed), "Connection was closed cleanly: closed"),
        ):
            self.asked.clear()
            self.told.clear()
            self.successResultOf(self.attempt([refusal], [self.callback]))
            self.assertEqual([each[:2] for each in self.asked], [("logon", 1), ("none", 1)])
            [told] = self.told
            self.assertIn(said, told)
            if isinstance(refusal, FakeCallback):
                self.assertTrue(refusal.closed)
            self.assertFalse(self.callback.closed)

    def test_otherFailures(self) -> None:
        """What is no matter of the logon is not tried without it, but at the next endpoint."""
        for refusal in (
            ConnectionRefusedError(),
            AssociationFailed("the server broke the protocol"),
            self.answering(Fault(nca_s_fault_unspec)),
            self.answering(succeed(b"")),
            self.answering(succeed(idl.encodeRemoteSPAttachReply(bytes(20), 0x80000048))),
        ):
            self.asked.clear()
            self.successResultOf(self.attempt([refusal, self.callback], []))
            self.assertEqual([each[:2] for each in self.asked], [("logon", 1), ("logon", 2)])
            if isinstance(refusal, FakeCallback):
                self.assertTrue(refusal.closed)
        self.assertEqual(self.told, [])

    def test_oneDeadline(self) -> None:
        """What is tried without the logon has what is left of the time, or none."""
        slow: Deferred[Any] = Deferred()
        attempt = self.attempt([slow], [self.callback])
        self.clock.advance(2)
        slow.errback(LogonFailed("at last"))
        self.successResultOf(attempt)
        self.assertEqual(self.asked, [("logon", 1, 3.0), ("none", 1, 1.0)])
        late: Deferred[Any] = Deferred()
        attempt = self.attempt([late], [self.callback])
        self.clock.advance(3)
        late.errback(LogonFailed("too late"))
        self.failureResultOf(attempt, TimeoutError)

    def test_cancelled(self) -> None:
        """Whoever is cancelled while RemoteSPAttach is called leaves no connection."""
        connection = self.answering(Deferred())
        attempt = self.attempt([connection], [self.callback])
        attempt.cancel()
        self.failureResultOf(attempt, CancelledError)
        self.assertTrue(connection.closed)
        self.assertEqual(len(self.asked), 1)


class Sending(TestCase):
    """RemoteSPEventProc and RemoteSPDetach."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.connection = FakeCallback()
        self.delivered = 0
        self.lost: list[str] = []
        self.callback = Callback(
            self.connection, FakeCallback.CONTEXT, self.clock, Settings(callbackEvents=10)
        )
        self.callback.begin(self.taken, self.lost.append)

    def taken(self) -> None:
        self.delivered += 1

    def test_taken(self) -> None:
        """An answer says that the events were taken; nothing is left to wait for."""
        self.callback.send(bytes(40))
        self.assertTrue(self.connection.answer())
        self.assertEqual(self.delivered, 1)
        self.clock.advance(10)
        self.assertEqual((self.clock.getDelayedCalls(), self.lost), ([], []))

    def test_deadline(self) -> None:
        """Each call has its own ten seconds, though one timer watches all."""
        self.callback.send(bytes(40))
        self.clock.advance(6)
        self.connection.answer()
        self.callback.send(bytes(40))
        self.clock.advance(9)
        self.assertEqual(self.lost, [])
        self.clock.pump([1, 0])
        self.assertEqual(len(self.lost), 1)
        self.assertTrue(self.connection.closed)

    def test_failed(self) -> None:
        """A fault, or whatever ends a call, ends the association."""
        self.callback.send(bytes(40))
        self.callback.failed(ConnectionError("gone"))
        self.assertEqual(self.lost, [])
        self.clock.advance(0)
        self.assertEqual(self.lost, ["RemoteSPEventProc failed: gone"])

    def test_lostOnce(self) -> None:
        """However much goes wrong, it is told once."""
        self.callback.send(bytes(40))
        self.callback.failed(ConnectionError("gone"))
        self.connection.lose()
        self.clock.advance(20)
        self.assertEqual(len(self.lost), 1)

    def test_detach(self) -> None:
        """RemoteSPDetach is called and the connection closed; later losses are nobody's concern."""
        self.callback.detach()
        self.assertEqual((self.connection.detached, self.connection.closed), (1, True))
        self.connection.lose()
        self.assertEqual(self.lost, [])

    def test_close(self) -> None:
        """Closing is no loss."""
        self.callback.send(bytes(40))
        self.callback.close()
        self.clock.advance(20)
        self.assertEqual((self.connection.closed, self.lost), (True, []))
