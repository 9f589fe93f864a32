"""Tests for tapiproxy.dcerpc.server: transports, deadlines, limits and what operations see."""

import socket

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver, StringTransport
from twisted.logger import eventAsText, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tapiproxy.dcerpc import keepalive, pdu
from tapiproxy.dcerpc.addresses import peerKey
from tapiproxy.dcerpc.association import MAX_PDUS_PER_TURN, ServerAssociation
from tapiproxy.dcerpc.directsend import MAX_OUTPUT
from tapiproxy.dcerpc.interface import AuthenticationFailed
from tapiproxy.dcerpc.logshare import SECONDS
from tapiproxy.dcerpc.security import IAuthenticationService, NoAuthentication
from tapiproxy.dcerpc.server import Limits, ServerFactory, ServerProtocol
from tests.dcerpc.pdus import bind, request, split
from tests.dcerpc.support import Calls
from tests.dcerpc.toysecurity import ToyService

HERE = IPv4Address("TCP", "127.0.0.1", 135)
LIMITS = Limits(connections=4, connectionsPerAddress=2, handshake=10, idle=60, stalled=30)


class Socket:
    """A socket that takes as much as the test lets it, and remembers its options."""

    def __init__(self) -> None:
        self.room = 1 << 40
        self.taken = b""
        self.options: dict[int, int] = {}

    def send(self, data: bytes) -> int:
        if not self.room:
            raise BlockingIOError
        sent = data[: self.room]
        self.room -= len(sent)
        self.taken += sent
        return len(sent)

    def setsockopt(self, level: int, option: int, value: int) -> None:
        self.options[option] = value


@implementer(ITCPTransport)
class Transport(StringTransport):
    """A TCP transport over such a socket."""

    noDelay = keepAlive = False

    def __init__(self, peer: object) -> None:
        super().__init__(hostAddress=HERE, peerAddress=peer)
        self.handle = Socket()

    def getHandle(self) -> Socket:
        return self.handle

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.noDelay = enabled

    def setTcpKeepAlive(self, enabled: bool) -> None:
        self.keepAlive = enabled

    def registerProducer(self, producer, streaming) -> None:
        super().registerProducer(producer, streaming)
        producer.resumeProducing()

    def empty(self) -> None:
        """The kernel takes everything at last."""
        self.clear()
        self.producer.resumeProducing()

    def answers(self) -> list[pdu.AnyPDU]:
        octets, self.handle.taken = self.handle.taken, b""
        return [pdu.decode(each) for each in split(octets)]


class ServerTests(SynchronousTestCase):
    """A factory, its clock and its connections."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.calls = Calls()
        self.syntax = pdu.SyntaxID(self.calls.interface.uuid, 1)
        self.factory = ServerFactory(self.clock, [self.calls.interface], limits=LIMITS)
        self.log = EventLoggingObserver()
        globalLogPublisher.addObserver(self.log)
        self.addCleanup(globalLogPublisher.removeObserver, self.log)

    def connect(self, host: str = "10.0.0.1") -> ServerProtocol:
        address = IPv4Address("TCP", host, 40000)
        protocol = self.factory.buildProtocol(address)
        assert protocol is not None
        protocol.makeConnection(Transport(address))
        return protocol

    def bound(self, group: int = 0) -> ServerProtocol:
        protocol = self.connect()
        protocol.dataReceived(bind(group=group))
        (ack,) = protocol.transport.answers()
        assert isinstance(ack, pdu.BindAck)
        return protocol

    def lose(self, protocol: ServerProtocol) -> None:
        protocol.connectionLost(Failure(ConnectionError()))

    def reasons(self) -> list[str]:
        return [str(event["reason"]) for event in self.log if "reason" in event]

    def assertAborted(self, protocol: ServerProtocol, reason: str) -> None:
        self.assertTrue(protocol.transport.disconnected or protocol.transport.aborting)
        self.assertIn(reason, self.reasons()[-1])


class ConnectionTests(ServerTests):
    """One connection and its octets."""

    def test_begins(self) -> None:
        """A connection is without delay, tells its port, and answers by the socket itself."""
        protocol = self.connect()
        self.assertTrue(protocol.transport.noDelay)
        protocol.dataReceived(bind())
        (ack,) = protocol.transport.answers()
        self.assertEqual(ack.sec_addr, b"135\0")
        self.assertEqual(protocol.transport.value(), b"")

    def test_oneSendPerRead(self) -> None:
        """All answers of one read go out together."""
        protocol = self.bound()
        sends: list[int] = []
        send = protocol._sender._send
        protocol._sender._send = lambda data: sends.append(len(data)) or send(data)
        protocol.dataReceived(b"".join(request(b"x", callID=n) for n in range(5)))
        self.assertEqual(len(sends), 1)
        self.assertEqual([each.call_id for each in protocol.transport.answers()], [0, 1, 2, 3, 4])

    def test_answerOutsideOfInput(self) -> None:
        """An answer that comes later is sent when it comes."""
        protocol = self.bound()
        protocol.dataReceived(request(opnum=3))
        self.assertEqual(protocol.transport.answers(), [])
        self.calls.later[0].respond(b"late")
        self.assertEqual(protocol.transport.answers()[0].stub, b"late")

    def test_protocolError(self) -> None:
        """A PDU that breaks the protocol is answered, and the connection closed in order."""
        protocol = self.bound()
        protocol.dataReceived(pdu.Shutdown(call_id=7).encode())
        (fault,) = protocol.transport.answers()
        self.assertEqual(fault.call_id, 7)
        self.assertTrue(protocol.transport.disconnecting)

    def test_bugInAnOperation(self) -> None:
        """An operation's bug is logged with the client's name; the connection lives on."""
        protocol = self.bound()
        protocol.dataReceived(request(opnum=2) + request(b"on", callID=3))
        self.assertEqual(protocol.transport.answers()[1].stub, b"on")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_bugInTheAssociation(self) -> None:
        """A bug of our own ends this connection, is logged, and goes no further."""
        protocol = self.bound()
        self.patch(ServerAssociation, "receiveData", lambda association, data: 1 // 0)
        protocol.dataReceived(b"x")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertAborted(protocol, "internal error")

    def test_turns(self) -> None:
        """A burst is worked off in turns: the client is not read meanwhile, others are."""
        protocol = self.bound()
        count = 2 * MAX_PDUS_PER_TURN + 5
        protocol.dataReceived(b"".join(request(b"x", callID=n) for n in range(count)))
        self.assertEqual(len(protocol.transport.answers()), MAX_PDUS_PER_TURN)
        self.assertEqual(protocol.transport.producerState, "paused")
        self.clock.advance(0)
        self.assertEqual(len(protocol.transport.answers()), MAX_PDUS_PER_TURN + 5)
        self.assertEqual(protocol.transport.producerState, "producing")

    def test_longAnswers(self) -> None:
        """A client that asks for much and reads nothing makes us keep one answer, not all."""
        protocol = self.bound()
        protocol.transport.handle.room = 0
        self.calls.interface.operations[0] = lambda call, data, start, end: bytes(100_000)
        protocol.dataReceived(request() * 5)
        self.clock.advance(1)
        self.assertLess(protocol._sender.buffered, 110_000)
        self.assertEqual(protocol.transport.producerState, "paused")
        protocol.transport.handle.room = 1 << 40
        protocol.transport.empty()
        self.clock.advance(1)
        self.assertEqual(sum(len(each.stub) for each in protocol.transport.answers()), 400_000)
        self.assertEqual(protocol.transport.producerState, "producing")

    def test_lostBetweenTurns(self) -> None:
        """When the client goes in the middle of its burst nothing is left to do."""
        protocol = self.bound()
        protocol.dataReceived(request() * (MAX_PDUS_PER_TURN + 1))
        self.lose(protocol)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_principal(self) -> None:
        """Without authentication a connection has no principal, and says who its peer is."""
        protocol = self.bound()
        self.assertEqual((protocol.principal, protocol.authLevel), (None, 1))
        self.assertEqual(protocol.peer.host, "10.0.0.1")
        verifyObject(IAuthenticationService, NoAuthentication())


class AfterSentTests(ServerTests):
    """What is to happen when the answers have left."""

    def setUp(self) -> None:
        super().setUp()
        self.protocol = self.bound()
        self.happened: list[object] = []

    def during(self, *callbacks) -> None:
        """Ask for callbacks while an operation runs."""

        def operation(call, data, start, end):
            for f in callbacks:
                call.connection.afterSent(f)
            return b"answer"

        self.calls.interface.operations[0] = operation
        self.protocol.dataReceived(request() + request(opnum=1, callID=3))

    def test_duringAnOperation(self) -> None:
        """What an operation asks for happens when all answers of the read are in the kernel."""
        self.during(lambda: self.happened.append(len(self.protocol.transport.answers())))
        self.assertEqual(self.happened, [2])
        self.protocol.dataReceived(request(opnum=1))
        self.assertEqual(self.happened, [2])

    def test_whileOutputWaits(self) -> None:
        """It waits for a kernel that has no room."""
        self.protocol.transport.handle.room = 5
        self.during(lambda: self.happened.append("sent"))
        self.protocol.afterSent(lambda: self.happened.append("too"))
        self.assertEqual(self.happened, [])
        self.protocol.transport.empty()
        self.assertEqual(self.happened, ["sent", "too"])

    def test_nothingWaits(self) -> None:
        """Where nothing waits it happens at once."""
        self.protocol.afterSent(lambda: self.happened.append("now"))
        self.assertEqual(self.happened, ["now"])

    def test_connectionLost(self) -> None:
        """It happens also if the connection goes first, or had gone: nobody is left waiting."""
        self.protocol.transport.handle.room = 0
        self.during(lambda: self.happened.append("sent"))
        self.lose(self.protocol)
        self.protocol.afterSent(lambda: self.happened.append("later"))
        self.assertEqual(self.happened, ["sent", "later"])

    def test_failure(self) -> None:
        """One that fails is logged and keeps none of the others."""
        self.during(lambda: 1 // 0, lambda: self.happened.append("sent"))
        self.assertEqual(self.happened, ["sent"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class LossTests(ServerTests):
    """What is told when a connection goes."""

    def test_onLost(self) -> None:
        """Each callback is called once, those that come late at once."""
        protocol = self.bound()
        told: list[str] = []
        protocol.onLost(lambda: told.append("lost"))
        self.assertEqual(told, [])
        self.lose(protocol)
        protocol.onLost(lambda: told.append("was lost"))
        self.assertEqual(told, ["lost", "was lost"])

    def test_rundown(self) -> None:
        """Context handles are run down with the group's last connection; failures are logged."""
        first = self.bound()
        second = self.bound(first.group.groupID)
        self.assertIs(first.group, second.group)
        gone: list[str] = []
        first.group.handles.open(self.calls.interface, "state", gone.append)
        first.group.handles.open(self.calls.interface, 0, lambda value: 1 // value)
        self.lose(first)
        self.assertEqual(gone, [])
        self.lose(second)
        self.assertEqual(gone, ["state"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_groupAborted(self) -> None:
        """The layer above ends a client by its group: each connection goes, none reads on."""
        first = self.bound()
        second = self.bound(first.group.groupID)
        first.group.abort("call-back failed")
        for protocol in (first, second):
            self.assertAborted(protocol, "call-back failed")
            protocol.dataReceived(request(b"x"))
            self.assertEqual(protocol.transport.answers(), [])

    def test_abortDuringAnOperation(self) -> None:
        """An operation that aborts its connection is not answered."""
        protocol = self.bound()

        def operation(call, data, start, end):
            call.connection.abort("enough")
            return b"answer"

        self.calls.interface.operations[0] = operation
        protocol.dataReceived(request())
        self.assertEqual(protocol.transport.answers(), [])
        self.assertEqual(self.reasons(), ["enough"])
        protocol.abort("again")
        self.assertEqual(self.reasons(), ["enough"])

    def test_nothingIsLeft(self) -> None:
        """A connection that goes leaves no timer, in whatever state it was."""
        for octets in (b"", bind()[:10], bind(), bind() + request(flags=1)):
            protocol = self.connect()
            protocol.dataReceived(octets)
            self.lose(protocol)
            self.assertEqual(self.clock.getDelayedCalls(), [])
            self.assertEqual(self.factory.connections, set())


class DeadlineTests(ServerTests):
    """Every wait ends."""

    def test_handshake(self) -> None:
        """A connection that is not bound in time ends, however busy it is."""
        protocol = self.connect()
        for octet in bind()[:9]:
            self.clock.advance(1)
            protocol.dataReceived(bytes((octet,)))
        self.clock.advance(1)
        self.assertAborted(protocol, "no bind within 10 s")

    def test_idle(self) -> None:
        """Before a client has attached its connection ends after a minute of silence."""
        protocol = self.bound()
        for _ in range(3):
            self.clock.advance(59)
            protocol.dataReceived(request())
        self.clock.advance(59)
        self.assertFalse(protocol.transport.disconnected)
        self.clock.advance(1)
        self.assertAborted(protocol, "idle for 60 s")

    def test_attached(self) -> None:
        """An attached one may be silent for ever, its peer is probed; detached it may not."""
        protocol = self.bound()
        protocol.setAttached(True)
        self.clock.advance(100_000)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertTrue(protocol.transport.keepAlive)
        self.assertEqual(
            protocol.transport.handle.options,
            {
                socket.TCP_KEEPIDLE: keepalive.KEEPALIVE_IDLE,
                socket.TCP_KEEPINTVL: keepalive.KEEPALIVE_INTERVAL,
                socket.TCP_KEEPCNT: keepalive.KEEPALIVE_PROBES,
            },
        )
        protocol.setAttached(False)
        self.assertFalse(protocol.transport.keepAlive)
        self.clock.advance(60)
        self.assertAborted(protocol, "idle for 60 s")

    def test_unfinishedRequest(self) -> None:
        """The rest of a request is due in time, octet by octet or not, attached or not."""
        for octets in (request(b"x", flags=1), request(b"x")[:20]):
            protocol = self.bound()
            protocol.setAttached(True)
            protocol.dataReceived(octets)
            self.clock.advance(29)
            self.assertFalse(protocol.transport.disconnected)
            self.clock.advance(1)
            self.assertAborted(protocol, "stalled for 30 s")
            self.lose(protocol)

    def test_finishedInTime(self) -> None:
        """A request that is completed has no deadline left."""
        protocol = self.bound()
        protocol.setAttached(True)
        octets = request(b"x")
        protocol.dataReceived(octets[:20])
        self.clock.advance(29)
        protocol.dataReceived(octets[20:])
        self.assertEqual(len(protocol.transport.answers()), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_slowReader(self) -> None:
        """A client that does not read is not read from, and ends in time."""
        protocol = self.bound()
        protocol.setAttached(True)
        protocol.transport.handle.room = 3
        protocol.dataReceived(request(b"x"))
        self.assertEqual(protocol.transport.producerState, "paused")
        self.clock.advance(30)
        self.assertAborted(protocol, "stalled for 30 s")

    def test_readsAtLast(self) -> None:
        """One that reads in time goes on as before."""
        protocol = self.bound()
        protocol.setAttached(True)
        protocol.transport.handle.room = 3
        protocol.dataReceived(request(b"x"))
        self.clock.advance(29)
        protocol.transport.empty()
        self.assertEqual(protocol.transport.producerState, "producing")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_tooMuchOutput(self) -> None:
        """Answers that pile up beyond the limit end the connection."""
        protocol = self.bound()
        protocol.dataReceived(request(opnum=3))
        protocol.transport.handle.room = 0
        self.calls.later[0].respond(bytes(MAX_OUTPUT))
        self.assertAborted(protocol, "does not read")

    def test_endedButUnread(self) -> None:
        """A last answer that nobody reads does not keep the connection."""
        protocol = self.bound()
        protocol.transport.handle.room = 0
        protocol.dataReceived(pdu.Shutdown(call_id=7).encode())
        self.assertTrue(protocol.transport.disconnecting)
        self.clock.advance(30)
        self.assertAborted(protocol, "stalled for 30 s")


class LimitTests(ServerTests):
    """A client has its share."""

    def refused(self, host: str) -> bool:
        return self.factory.buildProtocol(IPv4Address("TCP", host, 1)) is None

    def test_perAddress(self) -> None:
        """An address has so many connections; one that goes makes room."""
        first = self.connect("10.0.0.1")
        self.connect("10.0.0.1")
        self.assertTrue(self.refused("10.0.0.1"))
        self.connect("10.0.0.2")
        self.lose(first)
        self.connect("10.0.0.1")
        self.assertEqual(self.factory.refused, 1)

    def test_total(self) -> None:
        """All addresses together have so many."""
        for n in range(4):
            self.connect(f"10.0.0.{n}")
        self.assertTrue(self.refused("10.0.0.9"))

    def test_floodIsLoggedOnce(self) -> None:
        """A flood of refused connections is one line a minute, though some are let in meanwhile."""
        self.connect("10.0.0.1")
        for _ in range(50):
            protocol = self.connect("10.0.0.1")
            self.refused("10.0.0.1")
            self.lose(protocol)
        self.assertEqual(len(self.logged("refused")), 1)
        self.clock.advance(SECONDS)
        self.connect("10.0.0.1")
        self.refused("10.0.0.1")
        self.assertEqual(self.factory.refused, 51)
        (_, line) = self.logged("refused")
        self.assertIn("connectionsPerAddress is 2 (49 more", line)

    def test_fullIsLoggedOnce(self) -> None:
        """Where the server has its fill, a flood from everywhere is one line too."""
        for n in range(4):
            self.connect(f"10.0.0.{n}")
        for n in range(50):
            self.refused(f"10.0.1.{n}")
        self.assertEqual(len(self.logged("refused: connections is 4")), 1)

    def test_endingsAreLoggedOnce(self) -> None:
        """Connections that one address breaks are one line a minute; another's is said."""
        for _ in range(50):
            protocol = self.connect("10.0.0.1")
            protocol.abort("broken")
            self.lose(protocol)
        self.connect("10.0.0.2").abort("broken")
        self.assertEqual(len(self.logged("ended: broken")), 2)

    def test_refusedLogons(self) -> None:
        """Why a logon is refused is one line a minute for each address, with what it came with."""
        verifier = pdu.AuthVerifier(16, 6, 1, b"token")
        for _ in range(5):
            protocol = self.connect()
            protocol.dataReceived(bind(verifier=verifier))
            self.lose(protocol)
        (line,) = self.logged("logon of")
        self.assertIn("10.0.0.1", line)
        self.assertIn("by Kerberos at level privacy refused: no security provider 16 here", line)
        self.connect("10.0.0.2").dataReceived(bind(verifier=verifier))
        self.assertEqual(len(self.logged("logon of")), 2)

    def test_refusedUser(self) -> None:
        """The user's name is the client's own text, and looks like that."""
        verifier = pdu.AuthVerifier(10, 99, 1, b"")
        failure = AuthenticationFailed("the MIC is wrong", reason=8, user="DOM\\al\nice {peer}")
        self.connect().logonFailed(verifier, failure)
        (line,) = self.logged("logon of")
        self.assertIn("by NTLM at level 99 refused: the MIC is wrong, user 'DOM", line)
        self.assertIn("al\\nice {peer}'", line)

    def test_loggedAlready(self) -> None:
        """What the accounts have said is not said again, and takes nobody's share."""
        verifier = pdu.AuthVerifier(10, 6, 1, b"")
        protocol = self.connect()
        failure = AuthenticationFailed("logon failure", reason=8, user="u", logged=True)
        protocol.logonFailed(verifier, failure)
        self.assertEqual(self.logged("logon of"), [])
        protocol.logonFailed(verifier, AuthenticationFailed("something else", reason=8))
        self.assertEqual(len(self.logged("something else")), 1)

    def test_refusedCalls(self) -> None:
        """What a call lacks is one line a minute: what it came with, what is wanted, which key."""
        service = ToyService(minimum=6)
        self.factory = ServerFactory(self.clock, [self.calls.interface], service, LIMITS)
        for _ in range(5):
            protocol = self.connect()
            protocol.dataReceived(bind() + request())
            (_, answer) = protocol.transport.answers()
            self.assertEqual(answer.status, 5)
            self.lose(protocol)
        (line,) = self.logged("calls of")
        self.assertIn("no logon is level none, and the listener's minimum_level is privacy", line)

    def logged(self, words: str) -> list[str]:
        lines = [eventAsText(event) for event in self.log]
        return [line for line in lines if words in line]

    def test_nothingIsRemembered(self) -> None:
        """An address without connections costs nothing."""
        for n in range(100):
            self.lose(self.connect(f"10.0.1.{n}"))
        self.assertEqual(len(self.factory._perAddress), 0)

    def test_abortConnections(self) -> None:
        """A server that stops ends all its connections."""
        protocols = [self.connect("10.0.0.1"), self.bound()]
        self.factory.abortConnections("stopping")
        for protocol in protocols:
            self.assertAborted(protocol, "stopping")

    def test_peerKey(self) -> None:
        """Peers are the same if transport and host are, whatever the port."""
        one = IPv4Address("TCP", "10.0.0.1", 1)
        self.assertEqual(peerKey(one), peerKey(IPv4Address("TCP", "10.0.0.1", 2)))
        self.assertNotEqual(peerKey(one), peerKey(IPv4Address("TCP", "10.0.0.2", 1)))
        self.assertNotEqual(peerKey(one), peerKey(UNIXAddress("/run/socket")))
