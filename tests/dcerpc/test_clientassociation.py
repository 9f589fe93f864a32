"""The client's side of an association, without transport, against hand-made PDUs."""

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.clientassociation import (
    MAX_STUB,
    MAX_WAITING_CALLS,
    AssociationFailed,
    ClientAssociation,
)
from tapiproxy.dcerpc.interface import Fault
from tapiproxy.dcerpc.ndr import NDR, NDR64, TransferSyntax
from tests.dcerpc.support import Calls


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


class Association(SynchronousTestCase):
    """The sans-IO client against hand-made PDUs."""

    def setUp(self) -> None:
        self.events: list[object] = []
        self.association = self.make()
        self.association.bind()

    syntaxes: tuple[TransferSyntax, ...] = (NDR,)

    def make(self, *, strict: bool = False) -> ClientAssociation:
        return ClientAssociation(
            attrs.evolve(Calls().interface, transferSyntaxes=self.syntaxes),
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

    def test_transferSyntaxes(self) -> None:
        """All of the interface's are proposed in one context; the server's choice is told."""
        for syntaxes, chosen in (((NDR, NDR64), NDR64), ((NDR, NDR64), NDR), ((NDR64,), NDR64)):
            self.syntaxes = syntaxes
            self.setUp()
            asked = pdu.decode(self.association.takeOutput())
            assert isinstance(asked, pdu.Bind)
            (proposal,) = asked.contexts
            self.assertEqual(proposal.transfer_syntaxes, tuple(each.syntaxID for each in syntaxes))
            answer = pdu.ContextResult(pdu.ACCEPTANCE, 0, chosen.syntaxID)
            self.association.receiveData(self.ack(results=(answer,)))
            self.assertEqual(self.events, ["bound"])
            self.assertIs(self.association.transferSyntax, chosen)

    def test_syntaxNotProposed(self) -> None:
        """A server that chooses what was not proposed is of no use, though we might speak it."""
        answer = pdu.ContextResult(pdu.ACCEPTANCE, 0, NDR64.syntaxID)
        self.association.receiveData(self.ack(results=(answer,)))
        self.assertIn("refused", self.reason())

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

    @given(st.binary(max_size=200), st.booleans(), st.booleans())
    def test_anyOctets(self, octets: bytes, bound: bool, framed: bool) -> None:
        """Whatever a server sends, no call is told twice, and none is told by an exception."""
        self.setUp()
        receiver = self.bound() if bound else Receiver()
        if framed:
            octets = bytes((5, 0, len(octets) % 20, 3)) + pdu.LITTLE_ENDIAN_DREP + octets
        self.association.receiveData(octets)
        self.association.end(AssociationFailed("over"))
        self.assertEqual(len(receiver.told), int(bound))
        self.assertEqual(len([e for e in self.events if e != "bound"]), 1)

    @given(st.lists(st.integers(1, 200), max_size=20))
    def test_anyPieces(self, sizes: list[int]) -> None:
        """However the octets of a server arrive, the answers are the same."""
        octets = (
            self.response(b"a" * 300, flags=1)
            + self.response(b"b" * 100, flags=2)
            + self.response(b"whole", callID=3)
            + pdu.FaultPDU(call_id=4, status=0x6F7).encode()
        )
        self.setUp()
        receivers = [self.bound(), Receiver(), Receiver()]
        for receiver in receivers[1:]:
            self.association.request(0, b"", receiver)
        for size in [*sizes, len(octets)]:
            self.association.receiveData(octets[:size])
            octets = octets[size:]
        self.assertEqual(receivers[0].told, [b"a" * 300 + b"b" * 100])
        self.assertEqual(receivers[1].told, [b"whole"])
        (failure,) = receivers[2].told
        assert isinstance(failure, Fault)
        self.assertEqual(failure.status, 0x6F7)
