"""Pipes: the handshake, who the client is by it, and the messages after it."""

import struct

from twisted.internet.address import UNIXAddress
from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver, StringTransport
from twisted.logger import eventAsText, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.interface import (
    ERROR_ACCESS_DENIED,
    RPC_C_AUTHN_LEVEL_CONNECT,
    RPC_C_AUTHN_LEVEL_NONE,
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
    AuthenticationFailed,
    nca_s_proto_error,
)
from tapiproxy.dcerpc.logshare import SECONDS
from tapiproxy.dcerpc.messagemode import MessageReader, messages
from tapiproxy.dcerpc.namedpipeauth import encodeReply
from tapiproxy.dcerpc.pipe import (
    MAX_HANDSHAKES,
    IPipePrincipals,
    PipeAddress,
    PipeContext,
    PipeFactory,
    PipeProtocol,
)
from tapiproxy.dcerpc.security import ISecurityContext, NoAuthentication
from tapiproxy.dcerpc.server import Limits
from tests.dcerpc.pdus import alter, bind, context, request, split
from tests.dcerpc.pipeclients import ALICE, Client, captured
from tests.dcerpc.support import Calls
from tests.dcerpc.toysecurity import ToyClient, ToyService

LIMITS = Limits(connections=40, connectionsPerAddress=2, handshake=10, idle=60, stalled=30)
REPLY = encodeReply(7)
UNENCRYPTED = (ALICE, "S-1-5-21-1-2-3-513", "S-1-5-11")
NULL = ("S-1-5-7", "S-1-1-0", "S-1-5-2")


class Handle:
    """A UNIX socket that takes everything, and knows who has connected."""

    def __init__(self, user: int, transport: "Transport") -> None:
        self.user = user
        self.transport = transport

    def send(self, data: bytes) -> int:
        self.transport.sent += data
        return len(data)

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        return struct.pack("3i", 4711, self.user, 0)[:size]


class Transport(StringTransport):
    """A UNIX transport."""

    def __init__(self, user: int) -> None:
        super().__init__(hostAddress=UNIXAddress("/np/tapsrv"), peerAddress=UNIXAddress(None))
        self.sent = b""
        self.user = user

    def getHandle(self) -> Handle:
        return Handle(self.user, self)

    def write(self, data: bytes) -> None:
        self.sent += data

    def take(self) -> bytes:
        """What was sent since the last time."""
        sent, self.sent = self.sent, b""
        return sent

    def answers(self) -> list[pdu.AnyPDU]:
        """The same, as messages of one PDU."""
        sent = self.take()
        content = MessageReader().receive(sent)
        assert messages(content) == sent
        return [pdu.decode(each) for each in split(content)]


@implementer(IPipePrincipals)
class Principals:
    """Answers with a name, at once or when the test says so."""

    def __init__(self) -> None:
        self.later = False
        self.nobody = False
        self.waiting = []

    def identify(self, request, done) -> None:
        """Take it."""
        answer = None if self.nobody else f"{request.domain}\\{request.account}"
        if self.later:
            self.waiting.append(lambda: done(answer))
        else:
            done(answer)


class Pipes(SynchronousTestCase):
    """A factory, its clock and its log."""

    minimumLevel = RPC_C_AUTHN_LEVEL_NONE

    def setUp(self) -> None:
        self.clock = Clock()
        self.calls = Calls()
        self.context = context(abstract=pdu.SyntaxID(self.calls.interface.uuid, 1))
        self.principals = Principals()
        self.callers = []
        self.calls.interface.operations[5] = self.note
        self.makeFactory(NoAuthentication(self.minimumLevel))
        self.log = EventLoggingObserver()
        globalLogPublisher.addObserver(self.log)
        self.addCleanup(globalLogPublisher.removeObserver, self.log)

    def makeFactory(self, authentication, principals=True) -> None:
        self.factory = PipeFactory(
            self.clock,
            [self.calls.interface],
            authentication,
            LIMITS,
            pipe="tapsrv",
            principals=self.principals if principals else None,
        )

    def note(self, call, data, start, end) -> bytes:
        """An operation that remembers who called."""
        self.callers.append((call.principal, call.authLevel))
        self.mechanism = call.mechanism
        return b""

    def connect(self, user: int = 0) -> PipeProtocol:
        protocol = self.factory.buildProtocol(UNIXAddress(None))
        protocol.makeConnection(Transport(user))
        return protocol

    def opened(self, **client: object) -> PipeProtocol:
        """A pipe whose client has the reply."""
        protocol = self.connect()
        protocol.dataReceived(Client(**client).request())
        self.assertEqual(protocol.transport.take(), REPLY)
        return protocol

    def ask(self, protocol: PipeProtocol, *pdus: bytes) -> list[pdu.AnyPDU]:
        """What is answered to PDUs."""
        protocol.dataReceived(messages(b"".join(pdus)))
        return protocol.transport.answers()

    def bound(self, **client: object) -> PipeProtocol:
        protocol = self.opened(**client)
        (ack,) = self.ask(protocol, bind(self.context))
        self.assertIsInstance(ack, pdu.BindAck)
        return protocol

    def lose(self, protocol: PipeProtocol) -> None:
        protocol.connectionLost(Failure(ConnectionError()))

    def lines(self) -> list[str]:
        return [eventAsText(event, includeTimestamp=False) for event in self.log]

    def assertRefused(self, protocol: PipeProtocol, reason: str) -> None:
        """It is ended without a reply, with a line in the log, and nothing is left."""
        self.assertTrue(protocol.transport.disconnecting or protocol.transport.aborting)
        self.assertIn(reason, self.lines()[-1])
        self.lose(protocol)
        self.assertEqual(self.factory.handshakes, set())
        self.assertEqual(self.factory.connections, set())
        self.assertEqual(self.clock.getDelayedCalls(), [])


class HandshakeTests(Pipes):
    """Before anything of the client's."""

    def test_fakes(self) -> None:
        """What stands for others has all that they have."""
        verifyObject(IPipePrincipals, self.principals)
        verifyObject(ISecurityContext, PipeContext(principal="x", authLevel=2))

    def test_pieces(self) -> None:
        """In whatever pieces the request comes, the reply follows its last octet."""
        for octets in (captured()["SMB 3.1.1, encrypted"], Client(level=8).request()):
            protocol = self.connect()
            for at in range(len(octets) - 1):
                protocol.dataReceived(octets[at : at + 1])
            self.assertEqual(protocol.transport.take(), b"")
            protocol.dataReceived(octets[-1:])
            self.assertEqual(protocol.transport.take(), encodeReply(octets[8]))

    def test_foreign(self) -> None:
        """Whoever is not the user of smbd is not listened to, and costs one line in a minute."""
        for _ in range(3):
            protocol = self.connect(user=1000)
            protocol.dataReceived(Client().request())
            self.assertEqual(protocol.transport.take(), b"")
            self.assertRefused(protocol, "its user is 1000; smbd's should be 0")
        self.assertEqual(len(self.lines()), 1)
        self.assertEqual(self.factory.refused, 3)
        self.clock.advance(SECONDS)
        self.assertRefused(self.connect(user=1000), "2 more of it left unsaid")

    def test_otherUser(self) -> None:
        """smbd may run as somebody else, and then only as him."""
        self.factory.user = 1000
        protocol = self.connect(user=1000)
        protocol.dataReceived(Client().request())
        self.assertEqual(protocol.transport.take(), REPLY)
        self.lose(protocol)
        self.assertRefused(self.connect(user=0), "smbd's should be 1000")

    def test_garbage(self) -> None:
        """What is no request is refused as soon as that is known, with a line that says why."""
        for octets, reason in (
            (b"GET / HTTP/1.1\r\n", "NPAM"),
            (b"\xff\xff\xff\xff", "are allowed"),
            (Client(level=4).request(), "level 4"),
            (Client().request() + b"more", "length"),
        ):
            protocol = self.connect()
            protocol.dataReceived(octets)
            self.assertEqual(protocol.transport.take(), b"")
            self.assertRefused(protocol, reason)
            protocol.dataReceived(Client().request())
            self.assertEqual(protocol.transport.take(), b"")
            self.clock.advance(SECONDS)

    def test_slow(self) -> None:
        """A handshake has its deadline, whatever has come of it."""
        protocol = self.connect()
        protocol.dataReceived(Client().request()[:-1])
        self.clock.advance(LIMITS.handshake - 0.1)
        self.assertFalse(protocol.transport.disconnecting)
        self.clock.advance(0.2)
        self.assertRefused(protocol, "not done within 10 s")

    def test_many(self) -> None:
        """No more than so many are shaken at one time; others are not hindered."""
        other = self.bound()
        for _ in range(MAX_HANDSHAKES):
            self.connect()
        self.assertIsNone(self.factory.buildProtocol(UNIXAddress(None)))
        self.assertIn("being opened", self.lines()[-1])
        (answer,) = self.ask(other, request(b"x"))
        self.assertEqual(answer.stub, b"x")
        self.clock.advance(LIMITS.handshake)
        self.assertIsNotNone(self.factory.buildProtocol(UNIXAddress(None)))

    def test_nobody(self) -> None:
        """Null sessions and guests get no reply, so that they cannot open the pipe."""
        for sids in (NULL, (), ("S-1-5-21-1-2-3-501", "S-1-5-32-546")):
            protocol = self.connect()
            protocol.dataReceived(Client(sids=sids).request())
            self.assertEqual(protocol.transport.take(), b"")
            self.assertRefused(protocol, "TAPISRV\\alice, a guest or nobody")
            self.clock.advance(SECONDS)

    def test_lost(self) -> None:
        """smbd may go at any time, and nothing is left."""
        self.principals.later = True
        for sent in (b"", Client().request()[:50], Client().request()):
            protocol = self.connect()
            protocol.dataReceived(sent)
            self.lose(protocol)
            self.assertEqual(self.factory.handshakes, set())
            self.assertEqual(self.clock.getDelayedCalls(), [])
        (answer,) = self.principals.waiting
        answer()
        self.assertEqual(self.factory.connections, set())

    def test_stop(self) -> None:
        """When the server stops, handshakes and connections end."""
        handshake, connection = self.connect(), self.bound()
        self.factory.abortConnections("the server stops")
        for protocol in (handshake, connection):
            self.assertTrue(protocol.transport.disconnecting)
            self.lose(protocol)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class IdentityTests(Pipes):
    """Who the client is."""

    minimumLevel = RPC_C_AUTHN_LEVEL_CONNECT

    def test_identity(self) -> None:
        """Requests without security context come under the pipe's, at the level of its SMB."""
        for sids, level in (
            (Client().sids, RPC_C_AUTHN_LEVEL_PKT_PRIVACY),
            (UNENCRYPTED, RPC_C_AUTHN_LEVEL_CONNECT),
        ):
            protocol = self.bound(sids=sids)
            (answer,) = self.ask(protocol, request(opnum=5))
            self.assertIsInstance(answer, pdu.Response)
            self.assertEqual(self.callers.pop(), ("TAPISRV\\alice", level))
            [connection] = self.factory.connections
            self.assertEqual(self.mechanism, "SMB")
            self.assertEqual(
                (connection.principal, connection.authLevel), ("TAPISRV\\alice", level)
            )
            self.lose(protocol)

    def test_level(self) -> None:
        """What the listener wants more than the pipe has is denied."""
        self.makeFactory(NoAuthentication(RPC_C_AUTHN_LEVEL_PKT_PRIVACY))
        (answer,) = self.ask(self.bound(sids=UNENCRYPTED), request(opnum=5))
        self.assertEqual(answer.status, ERROR_ACCESS_DENIED)
        (answer,) = self.ask(self.bound(), request(opnum=5))
        self.assertIsInstance(answer, pdu.Response)

    def test_notAsked(self) -> None:
        """Where the pipe's identity is not taken, requests have none."""
        self.makeFactory(NoAuthentication(self.minimumLevel), principals=False)
        (answer,) = self.ask(self.bound(), request(opnum=5))
        self.assertEqual(answer.status, ERROR_ACCESS_DENIED)
        self.assertEqual(self.callers, [])

    def test_later(self) -> None:
        """The client has its reply before its groups are known; what it asks waits for them."""
        self.principals.later = True
        protocol = self.opened()
        self.assertEqual(protocol.transport.producerState, "paused")
        self.assertEqual(self.factory.connections, set())
        self.principals.waiting.pop()()
        self.assertEqual(protocol.transport.producerState, "producing")
        (ack,) = self.ask(protocol, bind(self.context))
        self.assertIsInstance(ack, pdu.BindAck)

    def test_tooLate(self) -> None:
        """The handshake's deadline counts for groups too."""
        self.principals.later = True
        protocol = self.opened()
        self.clock.advance(LIMITS.handshake)
        self.principals.waiting.pop()()
        self.assertRefused(protocol, "not done within 10 s")

    def test_noPrincipal(self) -> None:
        """Whoever can be no principal loses the pipe."""
        self.principals.nobody = True
        self.assertRefused(self.opened(), "is no principal here")

    def test_ownContext(self) -> None:
        """A client that begins a security context is who that says, and nobody if it fails."""
        self.makeFactory(ToyService())
        client = ToyClient(level=RPC_C_AUTHN_LEVEL_CONNECT)
        protocol = self.opened()
        self.ask(protocol, bind(self.context, verifier=client.verifier("bob")))
        self.ask(protocol, request(opnum=5))
        self.assertEqual(self.callers.pop(), ("bob", RPC_C_AUTHN_LEVEL_CONNECT))
        protocol = self.opened()
        (refusal,) = self.ask(protocol, bind(self.context, verifier=client.verifier("mallory")))
        self.assertIsInstance(refusal, pdu.BindNak)

    def test_noWayBack(self) -> None:
        """Who has begun a security context is not the pipe's user any more, done or not."""
        self.makeFactory(ToyService())
        client = ToyClient(level=RPC_C_AUTHN_LEVEL_CONNECT)
        protocol = self.bound()
        self.ask(protocol, request(opnum=5), alter(self.context, verifier=client.verifier("hello")))
        self.assertEqual(self.callers.pop()[0], "TAPISRV\\alice")
        (refusal,) = self.ask(protocol, request(opnum=5))
        self.assertEqual(refusal.status, nca_s_proto_error)
        protocol = self.bound()
        for leg in ("hello", "mallory"):
            self.ask(protocol, alter(self.context, verifier=client.verifier(leg)))
        self.assertEqual(self.ask(protocol, request(opnum=5)), [])
        self.assertTrue(protocol.transport.disconnecting)
        self.assertEqual(self.callers, [])

    def test_groupsOfOneUser(self) -> None:
        """Association groups are joined by the same user only, wherever he is."""
        protocol = self.opened()
        (ack,) = self.ask(protocol, bind(self.context))
        group = ack.assoc_group_id
        for client, kind in (
            ({"host": "192.0.2.8"}, pdu.BindAck),
            ({"sids": ("S-1-5-21-1-2-3-1001", "S-1-5-11")}, pdu.BindNak),
        ):
            (answer,) = self.ask(self.opened(**client), bind(self.context, group=group))
            self.assertIsInstance(answer, kind)

    def test_context(self) -> None:
        """What stands for a security context does nothing, and takes no leg."""
        stand = PipeContext(principal="x", authLevel=RPC_C_AUTHN_LEVEL_PKT_PRIVACY)
        refused = []
        stand.step(b"token", refused.append)
        self.assertIsInstance(refused[0], AuthenticationFailed)
        self.assertEqual(stand.protect(b"head", b"body", b"trailer", True), (b"body", b""))
        self.assertEqual(stand.unprotect(b"head", b"body", b"trailer", b"", True), b"body")


class ConnectionTests(Pipes):
    """What is otherwise than with TCP."""

    def test_bind(self) -> None:
        """The answer to bind has the pipe's name for its secondary address."""
        protocol = self.opened()
        (ack,) = self.ask(protocol, bind(self.context, xmit=4280, recv=4280))
        self.assertEqual(ack.sec_addr, b"\\pipe\\tapsrv\0")
        self.assertEqual((ack.max_xmit_frag, ack.max_recv_frag), (4280, 4280))

    def test_peer(self) -> None:
        """The peer is the client's machine, so that call-backs go there."""
        self.bound(host="192.0.2.9", port=1234)
        [connection] = self.factory.connections
        self.assertEqual(connection.peer, PipeAddress("192.0.2.9", 1234, "tapsrv"))

    def test_longAnswer(self) -> None:
        """Each fragment of an answer is a message; requests may come in any pieces."""
        protocol = self.bound()
        stub = bytes(range(250)) * 80
        fragments = []
        for start in range(0, len(stub), 4000):
            flags = pdu.PFC_FIRST_FRAG if not start else 0
            flags |= pdu.PFC_LAST_FRAG if start + 4000 == len(stub) else 0
            fragments.append(request(stub[start : start + 4000], flags=flags))
        octets = b"".join(fragments)
        # Messages that care for no PDU's bounds.
        for start in range(0, len(octets), 3001):
            piece = octets[start : start + 3001]
            protocol.dataReceived(struct.pack("<H", len(piece)) + piece)
        answers = protocol.transport.answers()
        self.assertGreater(len(answers), 3)
        self.assertEqual(b"".join(answer.stub for answer in answers), stub)

    def test_empty(self) -> None:
        """An empty message ends the connection."""
        protocol = self.bound()
        protocol.dataReceived(b"\0\0")
        self.assertTrue(protocol.transport.disconnecting)
        self.assertIn("an empty message", self.lines()[-1])

    def test_addresses(self) -> None:
        """The share of an address is that of the SMB client's."""
        first, _second = self.bound(), self.bound()
        third = self.opened()
        self.assertTrue(third.transport.disconnecting)
        self.assertIn("connectionsPerAddress is 2", self.lines()[-1])
        self.lose(third)
        self.bound(host="192.0.2.8")
        self.lose(first)
        self.bound()

    def test_idle(self) -> None:
        """A client that does not bind has the deadline that others have."""
        protocol = self.opened()
        self.clock.advance(LIMITS.handshake)
        self.assertTrue(protocol.transport.disconnecting)
        self.lose(protocol)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_sealed(self) -> None:
        """What is sealed by RPC passes as with TCP."""
        self.makeFactory(ToyService(RPC_C_AUTHN_LEVEL_PKT_PRIVACY), principals=False)
        protocol = self.opened()
        client = ToyClient(level=RPC_C_AUTHN_LEVEL_PKT_PRIVACY)
        self.ask(protocol, bind(self.context, verifier=client.verifier("alice")))
        protocol.dataReceived(messages(client.protect(request(b"secret"))))
        (octets,) = split(MessageReader().receive(protocol.transport.take()))
        self.assertEqual(client.unprotect(octets), b"secret")
