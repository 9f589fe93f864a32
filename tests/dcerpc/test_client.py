"""A client connection against the server connection, and against servers of other manners."""

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.client import AssociationFailed, ClientConnection, connect
from tapiproxy.dcerpc.clientassociation import MAX_STUB, MAX_WAITING_CALLS, ClientAssociation
from tapiproxy.dcerpc.interface import Fault, nca_s_fault_unspec, nca_s_op_rng_error
from tapiproxy.dcerpc.ndr import NDR
from tests.dcerpc.support import Calls, Joined


class Receiver:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[bytes | Exception] = []

    def responded(self, data: bytes, start: int, end: int) -> None:
        """Keep the stub."""
        self.told.append(data[start:end])

    def failed(self, reason: Exception) -> None:
        """Keep the reason."""
        self.told.append(reason)


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


class Association(SynchronousTestCase):
    """The sans-IO client against hand-made PDUs."""

    def setUp(self) -> None:
        self.events: list[object] = []
        self.association = self.make()
        self.association.bind()

    def make(self, *, strict: bool = False) -> ClientAssociation:
        return ClientAssociation(
            Calls().interface,
            lambda: self.events.append("bound"),
            self.events.append,
            strictCallID=strict,
        )

    def ack(self, **changes: object) -> bytes:
        fields: dict[str, object] = {
            "call_id": 1,
            "max_xmit_frag": 5840,
            "max_recv_frag": 5840,
            "assoc_group_id": 1,
            "sec_addr": b"135\0",
            "results": (pdu.ContextResult(pdu.ACCEPTANCE, 0, NDR.syntaxID),),
        }
        return pdu.BindAck(**{**fields, **changes}).encode()  # type: ignore[arg-type]  # a table

    def response(self, stub: bytes, callID: int = 2, flags: int = pdu.WHOLE) -> bytes:
        return pdu.Response(
            call_id=callID, pfc_flags=flags, alloc_hint=len(stub), p_cont_id=0, stub=stub
        ).encode()

    def bound(self) -> Receiver:
        self.association.receiveData(self.ack())
        self.association.takeOutput()
        receiver = Receiver()
        self.association.request(0, b"", receiver)
        return receiver

    def reason(self) -> str:
        self.assertIsInstance(self.events[-1], AssociationFailed)
        return str(self.events[-1])

    def test_requestBeforeTheAnswerToBind(self) -> None:
        """A request made while binding goes out when the bind is acknowledged."""
        self.association.takeOutput()
        self.association.request(7, b"stub", Receiver())
        self.assertEqual(self.association.takeOutput(), b"")
        self.association.receiveData(self.ack())
        sent = pdu.decode(self.association.takeOutput())
        self.assertIsInstance(sent, pdu.Request)
        self.assertEqual((sent.opnum, sent.stub), (7, b"stub"))  # type: ignore[union-attr]  # checked above

    def test_fragmentsAsSmallAsTheServerWants(self) -> None:
        """Request fragments are no larger than either size in the bind_ack."""
        self.association.takeOutput()
        self.association.receiveData(self.ack(max_xmit_frag=4280, max_recv_frag=3000))
        self.association.request(0, bytes(9000), Receiver())
        sent = self.association.takeOutput()
        sizes = []
        while sent:
            size = int.from_bytes(sent[8:10], "little")
            sizes.append(size)
            sent = sent[size:]
        self.assertEqual(sizes[:-1], [3000, 3000, 3000])
        self.assertEqual(sum(sizes) - 24 * len(sizes), 9000)

    def test_refusals(self) -> None:
        """A bind_nak, a refused interface, another syntax, too many results: each ends it."""
        rejected = pdu.ContextResult(pdu.PROVIDER_REJECTION, 1)
        accepted = pdu.ContextResult(pdu.ACCEPTANCE, 0, NDR.syntaxID)
        for answer, words in (
            (pdu.BindNak(call_id=1, provider_reject_reason=8).encode(), "reason 8"),
            (self.ack(results=(rejected,)), "result 2, reason 1"),
            (self.ack(results=(pdu.ContextResult(pdu.ACCEPTANCE, 0),)), "refused"),
            (self.ack(results=(accepted, accepted)), "2 results"),
            (self.ack(max_recv_frag=100), "too small"),
            (self.response(b""), "not expected"),
        ):
            self.setUp()
            receiver = Receiver()
            self.association.request(0, b"", receiver)
            self.association.receiveData(answer)
            self.assertIn(words, self.reason())
            self.assertEqual(receiver.told, self.events)

    def test_callIDOfAnotherCall(self) -> None:
        """Wine answers every call with call_id 1: taken, unless the caller is strict."""
        receiver = self.bound()
        self.association.receiveData(self.response(b"one", callID=1))
        self.assertEqual(receiver.told, [b"one"])
        self.association = self.make(strict=True)
        self.association.bind()
        receiver = self.bound()
        self.association.receiveData(self.response(b"one", callID=1))
        self.assertIn("an answer to call 1", self.reason())
        self.assertEqual(receiver.told, [self.events[-1]])

    def test_fragmentsOfAResponse(self) -> None:
        """The fragments of a response make one stub; out of order they end the association."""
        receiver = self.bound()
        for flags, stub in ((1, b"a" * 8), (0, b"b" * 8), (2, b"c")):
            self.association.receiveData(self.response(stub, flags=flags))
        self.assertEqual(receiver.told, [b"a" * 8 + b"b" * 8 + b"c"])
        for flags in ((0,), (2,), (1, 1), (1, 3)):
            self.association = self.make()
            self.association.bind()
            self.bound()
            for each in flags:
                self.association.receiveData(self.response(b"x", flags=each))
            self.assertIn("fragments out of order", self.reason())

    def test_responseWithoutEnd(self) -> None:
        """A response that grows beyond the limit ends the association, not the memory."""
        receiver = self.bound()
        fragment = self.response(bytes(5816), flags=0)
        self.association.receiveData(self.response(bytes(5816), flags=1))
        for _ in range(MAX_STUB // 5816):
            self.association.receiveData(fragment)
        self.assertIn("more than", self.reason())
        self.assertEqual(receiver.told, [self.events[-1]])

    def test_bigEndianAnswer(self) -> None:
        """A big-endian answer is taken, and its byte order told."""
        receiver = self.bound()
        stub = b"\0\0\0\x01"
        answer = pdu.Response(call_id=2, alloc_hint=4, p_cont_id=0, stub=stub).encode(pdu.BIG)
        self.association.receiveData(answer)
        self.assertEqual((receiver.told, self.association.littleEndian), ([stub], False))

    def test_answerToNothing(self) -> None:
        """A response that nobody asked for, and one with a verifier, break the protocol."""
        self.association.receiveData(self.ack())
        self.association.receiveData(self.response(b"x"))
        self.assertIn("no call", self.reason())
        self.association = self.make()
        self.association.bind()
        self.bound()
        answer = bytearray(self.response(b"x" * 32))
        answer[10] = 8
        self.association.receiveData(bytes(answer))
        self.assertIn("verifier", self.reason())

    def test_shutdown(self) -> None:
        """The server's wish to close is met when no call is under way."""
        receiver = self.bound()
        shutdown = pdu.Shutdown(call_id=0).encode()
        self.association.receiveData(shutdown + self.response(b"still"))
        self.assertEqual(receiver.told, [b"still"])
        self.association.receiveData(shutdown)
        self.assertIn("asked to close", self.reason())

    def test_tooManyCallsWait(self) -> None:
        """More calls than may wait fail at once, and nothing else does."""
        self.bound()
        receivers = [Receiver() for _ in range(MAX_WAITING_CALLS + 1)]
        for receiver in receivers:
            self.association.request(0, b"", receiver)
        self.assertEqual([len(r.told) for r in receivers], [0] * MAX_WAITING_CALLS + [1])


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
