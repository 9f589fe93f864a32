"""A client connection against the server connection, and against servers of other manners."""

from collections.abc import Callable

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tapiproxy.dcerpc.client import AssociationFailed, ClientConnection, LogonFailed, connect
from tapiproxy.dcerpc.interface import (
    ERROR_ACCESS_DENIED,
    AuthenticationFailed,
    Fault,
    nca_s_fault_unspec,
    nca_s_op_rng_error,
)
from tapiproxy.dcerpc.security import ISecurityContext
from tests.dcerpc.ntlmpeers import (
    LEVELS,
    Slow,
    account,
    ntlmInitiator,
    service,
    spnegoInitiator,
)
from tests.dcerpc.support import Calls, Joined


class Unable(Slow):
    """
    A provider that has nothing to log on with.

    :param later: whether it has to think before it knows.
    """

    def __init__(self, later: bool) -> None:
        super().__init__(spnegoInitiator(6))
        self._later = later

    def step(self, token: bytes, done: Callable[[bytes | AuthenticationFailed], None]) -> None:
        """Refuse."""
        self.held.append(lambda: done(AuthenticationFailed("no ticket", reason=0)))
        if not self._later:
            self.held.pop()()


class AgainstOurServer(SynchronousTestCase):
    """Both sides of the runtime, joined in memory."""

    def setUp(self) -> None:
        self.calls = Calls()
        self.joined = Joined(self.calls.interface)
        self.joined.pump()
        self.client = self.joined.client

    def test_binds(self) -> None:
        """The server accepts the interface that the client asks for."""
        self.assertIs(self.successResultOf(self.joined.bound), self.client)

    def test_callAndAnswer(self) -> None:
        """An operation's answer is the Deferred's result, whatever the size of either stub."""
        for size in (0, 1, 5816, 5817, 100_000):
            stub = bytes(range(256)) * (size // 256) + bytes(size % 256)
            answer = self.client.call(0, stub, 5)
            self.joined.pump(1000)
            self.assertEqual(self.successResultOf(answer), stub)

    def test_octetByOctet(self) -> None:
        """How the octets arrive does not matter."""
        answer = self.client.call(0, b"x" * 6000, 5)
        self.joined.pump(1)
        self.assertEqual(self.successResultOf(answer), b"x" * 6000)

    def test_faultKeepsTheConnection(self) -> None:
        """A fault fails its call with the status; the next call is answered."""
        for opnum, status in ((1, 0x6F7), (9, nca_s_op_rng_error)):
            refused = self.client.call(opnum, b"", 5)
            self.joined.pump()
            self.assertEqual(self.failureResultOf(refused, Fault).value.status, status)
        answer = self.client.call(0, b"on", 5)
        self.joined.pump()
        self.assertEqual(self.successResultOf(answer), b"on")

    def test_bugInAnOperation(self) -> None:
        """An operation that fails is logged and answered nca_s_fault_unspec."""
        answer = self.client.call(2, b"", 5)
        self.joined.pump()
        self.assertEqual(self.failureResultOf(answer, Fault).value.status, nca_s_fault_unspec)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_oneCallAtATime(self) -> None:
        """Calls go out one after the other, in the order in which they were asked for."""
        first, second = self.client.call(3, b"1", 5), self.client.call(0, b"2", 5)
        self.joined.pump()
        self.assertNoResult(second)
        self.calls.later[0].respond(b"late")
        self.joined.pump()
        self.assertEqual(self.successResultOf(first), b"late")
        self.assertEqual(self.successResultOf(second), b"2")

    def test_deadline(self) -> None:
        """A call without answer ends with its deadline; the answer that comes later is dropped."""
        answer = self.client.call(3, b"", 5)
        self.joined.pump()
        self.joined.clock.advance(5)
        self.failureResultOf(answer, TimeoutError)
        self.calls.later[0].respond(b"late")
        after = self.client.call(0, b"on", 5)
        self.joined.pump()
        self.assertEqual(self.successResultOf(after), b"on")

    def test_lossFailsEveryCall(self) -> None:
        """When the connection goes, each call that waits fails once and the observers are told."""
        lost: list[str] = []
        self.client.onLost(lambda: lost.append("lost"))
        waiting = [self.client.call(3, b"", 5) for _ in range(3)]
        self.client.connectionLost(Failure(ConnectionLost()))
        for each in waiting:
            self.failureResultOf(each, ConnectionLost)
        self.client.onLost(lambda: lost.append("at once"))
        self.assertEqual(lost, ["lost", "at once"])
        self.failureResultOf(self.client.call(0, b"", 5), AssociationFailed)

    def test_close(self) -> None:
        """close() fails what waits and ends the transport, without a reset."""
        waiting = self.client.call(3, b"", 5)
        self.client.close()
        self.failureResultOf(waiting, ConnectionDone)
        self.assertTrue(self.client.transport.disconnecting)
        self.assertFalse(self.client.transport.disconnected)

    def test_observerThatFails(self) -> None:
        """An observer's bug is logged and keeps nobody else from hearing."""
        told: list[int] = []
        self.client.onLost(lambda: 1 // 0)
        self.client.onLost(lambda: told.append(1))
        self.client.close()
        self.assertEqual((told, len(self.flushLoggedErrors(ZeroDivisionError))), ([1], 1))


class LoggingOn(SynchronousTestCase):
    """The same with a logon, over the connections of both sides."""

    def join(self, context: ISecurityContext, minimum: int = 6) -> Joined:
        joined = Joined(
            Calls().interface, authentication=service(minimum=minimum), security=context
        )
        joined.pump()
        return joined

    def test_established(self) -> None:
        """Each provider at each level logs on and is answered, octet by octet too."""
        for make in (ntlmInitiator, spnegoInitiator):
            for level in LEVELS:
                for size in (1, 1 << 20):
                    joined = self.join(make(level), minimum=level)
                    client = self.successResultOf(joined.bound)
                    answer = client.call(0, b"stub", 5)
                    joined.pump(size)
                    self.assertEqual(self.successResultOf(answer), b"stub")
                    self.assertEqual(joined.server.principal, "DOM\\alice")
                    self.assertEqual(joined.server.authLevel, level)

    def test_providerThatThinks(self) -> None:
        """What a provider answers later is sent when it comes; nothing is sent before."""
        slow = Slow(spnegoInitiator(6))
        joined = self.join(slow)
        while slow.held:
            self.assertNoResult(joined.bound)
            slow.held.pop()()
            joined.pump()
        answer = self.successResultOf(joined.bound).call(0, b"stub", 5)
        joined.pump()
        self.assertEqual(self.successResultOf(answer), b"stub")

    def test_providerThatRefuses(self) -> None:
        """A provider that cannot begin, at once or later, ends the connection unused."""
        for later in (False, True):
            context = Unable(later)
            joined = self.join(context)
            if later:
                self.assertNoResult(joined.bound)
                context.held.pop()()
            failure = self.failureResultOf(joined.bound, LogonFailed)
            self.assertIn("no ticket", str(failure.value))
            self.assertTrue(joined.client.transport.disconnected)
            self.assertEqual(joined.client.transport.value(), b"")

    def test_wrongPassword(self) -> None:
        """SPNEGO's refusal fails the connection; NTLM's by itself the first call."""
        who = account(ntHash=bytes(16))
        self.failureResultOf(self.join(spnegoInitiator(6, who)).bound, LogonFailed)
        joined = self.join(ntlmInitiator(6, who))
        answer = self.successResultOf(joined.bound).call(0, b"", 5)
        joined.pump()
        self.assertEqual(self.failureResultOf(answer, Fault).value.status, ERROR_ACCESS_DENIED)

    def test_serverWithoutProviders(self) -> None:
        """A server that authenticates nobody refuses the logon, not the connection."""
        joined = Joined(Calls().interface, security=spnegoInitiator(6))
        joined.pump()
        failure = self.failureResultOf(joined.bound, LogonFailed)
        self.assertIn("reason 8", str(failure.value))
        self.assertTrue(joined.client.transport.disconnected)

    def test_deadline(self) -> None:
        """The time for the connection holds for the logon too, and nothing is left then."""
        reactor = MemoryReactorClock()
        slow = Slow(spnegoInitiator(6))
        outcome = connect(reactor, "127.0.0.1", 4001, Calls().interface, 3.0, security=slow)
        connection = reactor.tcpClients[0][2].buildProtocol(None)
        transport = StringTransport()
        connection.makeConnection(transport)
        reactor.advance(2.9)
        slow.held.pop()()
        self.assertNotEqual(transport.value(), b"")
        reactor.advance(0.1)
        self.failureResultOf(outcome, TimeoutError)
        self.assertTrue(transport.disconnected)
        self.assertEqual(reactor.getDelayedCalls(), [])


class Connect(SynchronousTestCase):
    """Connecting and binding within one deadline."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.outcome: Deferred[ClientConnection] = connect(
            self.reactor, "127.0.0.1", 4001, Calls().interface, 3.0
        )
        self.factory = self.reactor.tcpClients[0][2]

    def test_nobodyListens(self) -> None:
        """A refused connection is the reason of the failure."""
        self.factory.clientConnectionFailed(self.reactor.connectors[0], Failure(OSError("refused")))
        self.failureResultOf(self.outcome, OSError)

    def test_silentServer(self) -> None:
        """A server that accepts and says nothing is given up at the deadline, and closed."""
        connection = self.factory.buildProtocol(None)
        transport = StringTransport()
        connection.makeConnection(transport)
        self.reactor.advance(3.0)
        self.failureResultOf(self.outcome, TimeoutError)
        self.assertTrue(transport.disconnected or transport.aborting)

    def test_unreachable(self) -> None:
        """A connection that is not made in time is given up too."""
        self.reactor.advance(3.0)
        self.failureResultOf(self.outcome, TimeoutError)
