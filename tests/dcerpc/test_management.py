"""Tests for tapiproxy.dcerpc.management, by the octets of C706 appendix Q."""

import struct
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.endpoint import Endpoint
from tapiproxy.dcerpc.interface import (
    ERROR_ACCESS_DENIED,
    RPC_C_AUTHN_LEVEL_CONNECT,
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
    RPC_S_UNKNOWN_AUTHN_SERVICE,
    RPC_X_BAD_STUB_DATA,
    Interface,
    nca_s_fault_invalid_bound,
    nca_s_op_rng_error,
)
from tapiproxy.dcerpc.management import Statistics
from tapiproxy.dcerpc.ndr import NDR, NDR64
from tapiproxy.dcerpc.security import NoAuthentication
from tests.dcerpc.conversation import Conversation, alterAck, fault, nak
from tests.dcerpc.pdus import DNE, ECHO, FIRST, LAST, alter, bind, context, request, split
from tests.dcerpc.toysecurity import ToyClient, ToyService

MGMT = pdu.SyntaxID(UUID("afa8bd80-7d8a-11c9-bef4-08002b102989"), 1)


def managed(endpoint: Endpoint | None = None) -> Conversation:
    """A conversation whose presentation context 0 is mgmt."""
    conversation = Conversation(endpoint=endpoint)
    conversation.say(bind(context(abstract=MGMT)))
    return conversation


def answer(conversation: Conversation, opnum: int, stub: bytes = b"") -> bytes:
    """The stub of the response to a request."""
    (octets,) = split(conversation.raw(request(stub, opnum)))
    response = pdu.decode(octets)
    assert isinstance(response, pdu.Response), response
    return response.stub


def refusal(conversation: Conversation, opnum: int, stub: bytes = b"") -> int:
    """The status of the fault that a request gets."""
    (octets,) = split(conversation.raw(request(stub, opnum)))
    refused = pdu.decode(octets)
    assert isinstance(refused, pdu.FaultPDU), refused
    return refused.status


class Operations(TestCase):
    """What each operation answers."""

    def test_inqIfIds(self) -> None:
        """The interfaces of this endpoint and mgmt itself: pointers first, then what they name."""
        stub = answer(managed(), 0)
        expected = struct.pack("<5I", 0x20000, 2, 2, 0x20004, 0x20008)
        expected += ECHO.if_uuid.bytes_le + struct.pack("<HH", 1, 2)
        expected += MGMT.if_uuid.bytes_le + struct.pack("<HH", 1, 0)
        self.assertEqual(stub, expected + bytes(4))

    def test_inqIfIdsOfSeveral(self) -> None:
        """An endpoint names what it offers and nothing that another does."""
        several = [Interface(UUID(int=number), (number, 0), {}) for number in range(1, 4)]
        stub = answer(managed(Endpoint(several, NoAuthentication())), 0)
        self.assertEqual(struct.unpack_from("<II", stub, 4), (4, 4))
        found = [UUID(bytes_le=stub[at : at + 16]) for at in range(28, 28 + 80, 20)]
        self.assertEqual(found, [*(one.uuid for one in several), MGMT.if_uuid])

    def test_inqStats(self) -> None:
        """The four counters, or as many of them as the client has room for."""
        endpoint = Endpoint([], NoAuthentication())
        conversation = managed(endpoint)
        for room in (0, 1, 3, 4, 5, 0xFFFFFFFF):
            expected = endpoint.statistics.vector()[:room]
            count = len(expected)
            self.assertEqual(count, min(room, 4))
            self.assertEqual(
                answer(conversation, 1, struct.pack("<I", room)),
                struct.pack(f"<{3 + count}I", count, count, *expected, 0),
            )

    def test_largeCounters(self) -> None:
        """Counters begin again at 0 where 32 bits do not hold them."""
        statistics = Statistics()
        statistics.callsOut = (1 << 32) + 5
        conversation = managed(Endpoint([], NoAuthentication(), statistics))
        self.assertEqual(struct.unpack_from("<I", answer(conversation, 1, b"\2\0\0\0"), 12), (5,))

    def test_isServerListening(self) -> None:
        """It is: the status, then true."""
        self.assertEqual(answer(managed(), 2), struct.pack("<II", 0, 1))

    def test_stopServerListening(self) -> None:
        """Access is denied in the status, not in a fault, and the server goes on."""
        conversation = managed()
        self.assertEqual(answer(conversation, 3), struct.pack("<I", ERROR_ACCESS_DENIED))
        self.assertEqual(answer(conversation, 2), struct.pack("<II", 0, 1))

    def test_inqPrincName(self) -> None:
        """No principal is named, whatever provider is asked for."""
        conversation = managed()
        for provider in (0, 9, 10, 16, 0xFFFFFFFF):
            self.assertEqual(
                answer(conversation, 4, struct.pack("<II", provider, 100)),
                struct.pack("<IIIIII", 100, 0, 1, 0, RPC_S_UNKNOWN_AUTHN_SERVICE, 0)[:-4],
            )

    def test_bigEndian(self) -> None:
        """A big-endian request is understood."""
        conversation = managed()
        octets = conversation.raw(request(struct.pack(">I", 1), 1, order=pdu.BIG))
        self.assertEqual(struct.unpack_from("<II", octets, 24), (1, 1))


class Wrong(TestCase):
    """Requests that cannot be answered."""

    def test_unknownOperation(self) -> None:
        """There are five operations."""
        for opnum in (5, 0xFFFF):
            conversation = managed()
            self.assertEqual(refusal(conversation, opnum), nca_s_op_rng_error)
            self.assertEqual(conversation.ended, "")

    def test_missingOctets(self) -> None:
        """A stub that ends before its parameters is bad stub data."""
        for opnum, size in ((1, 4), (4, 8)):
            for length in range(size):
                conversation = managed()
                self.assertEqual(refusal(conversation, opnum, bytes(length)), RPC_X_BAD_STUB_DATA)

    def test_noRoomForAName(self) -> None:
        """A string without room for its terminator cannot be answered."""
        status = refusal(managed(), 4, struct.pack("<II", 10, 0))
        self.assertEqual(status, nca_s_fault_invalid_bound)

    @given(st.integers(0, 4), st.binary(max_size=24))
    def test_anyStub(self, opnum: int, stub: bytes) -> None:
        """Whatever the stub is, there is one answer, no larger than the interfaces make it."""
        conversation = managed()
        octets = conversation.raw(request(stub, opnum))
        self.assertEqual(len(split(octets)), 1)
        self.assertLess(len(octets), 120)
        self.assertEqual((conversation.failures, conversation.ended), (0, ""))

    def test_syntaxes(self) -> None:
        """It is spoken in NDR 2.0 and not in NDR64."""
        refused = alterAck(
            pdu.ContextResult(pdu.PROVIDER_REJECTION, pdu.PROPOSED_TRANSFER_SYNTAXES_NOT_SUPPORTED)
        )
        wide = context(7, MGMT, (NDR64.syntaxID,))
        self.assertEqual(managed().say(alter(wide)), [refused])
        both = context(7, MGMT, (NDR64.syntaxID, NDR.syntaxID))
        self.assertEqual(managed().say(alter(both)), [alterAck()])


class Permitted(TestCase):
    """Who may call it."""

    def test_withoutAuthentication(self) -> None:
        """It may be called by anyone where the other interfaces may not."""
        conversation = Conversation(ToyService(minimum=RPC_C_AUTHN_LEVEL_PKT_PRIVACY))
        conversation.say(bind(context(), context(1, MGMT)))
        self.assertEqual(conversation.say(request()), [fault(ERROR_ACCESS_DENIED, flags=DNE)])
        (octets,) = split(conversation.raw(request(opnum=2, p_cont_id=1)))
        self.assertEqual(octets[24:], struct.pack("<II", 0, 1))
        self.assertEqual(conversation.calls, [])

    def test_belowTheMinimum(self) -> None:
        """The same under a security context of a lower level."""
        conversation = Conversation(ToyService(minimum=RPC_C_AUTHN_LEVEL_PKT_PRIVACY))
        client = ToyClient(level=RPC_C_AUTHN_LEVEL_CONNECT)
        conversation.say(bind(context(), context(1, MGMT), verifier=client.verifier("alice")))
        self.assertEqual(conversation.say(request()), [fault(ERROR_ACCESS_DENIED, flags=DNE)])
        (octets,) = split(conversation.raw(request(opnum=2, p_cont_id=1)))
        self.assertEqual(octets[24:], struct.pack("<II", 0, 1))


class Counting(TestCase):
    """What is counted: once for each PDU, whatever way it takes."""

    def check(self, conversation: Conversation, *reads: bytes, calls: int) -> list[int]:
        """
        Compare the counters with the PDUs that go in and out.

        :param calls: how many of them are calls.
        :returns: the sizes of the answers.
        """
        statistics = conversation.endpoint.statistics
        before = statistics.vector()
        answers = [each for octets in reads for each in split(conversation.raw(octets))]
        found = [now - then for now, then in zip(statistics.vector(), before, strict=True)]
        sent = split(b"".join(reads))
        self.assertEqual(found, [calls, 0, len(sent), len(answers)])
        return [len(each) for each in answers]

    def test_shortWay(self) -> None:
        """Plain requests, several in one read and in several turns."""
        conversation = Conversation()
        self.check(conversation, bind(), calls=0)
        self.check(conversation, request() * 3, calls=3)
        self.check(conversation, request(b"stub") * 200, calls=200)

    def test_otherPDUs(self) -> None:
        """Whatever else is said is no call, and its answer is one PDU."""
        conversation = Conversation()
        self.check(conversation, bind() + request() + alter(), calls=1)
        cancel = pdu.CoCancel(call_id=1).encode()
        self.check(conversation, cancel + request(), calls=1)
        self.check(conversation, bind(), calls=0)

    def test_faults(self) -> None:
        """A call that gets a fault is a call, and a fault is one PDU."""
        for requested in (request(opnum=1), request(opnum=99), request(p_cont_id=9)):
            conversation = Conversation()
            self.check(conversation, bind() + request() + requested + request(), calls=3)
        conversation = Conversation()
        self.check(conversation, bind() + request(opnum=4), calls=1)

    def test_fragments(self) -> None:
        """A request in fragments is one call; each fragment of an answer is a PDU."""
        conversation = Conversation()
        stub = bytes(3000)
        fragments = [request(stub, flags=FIRST), request(stub, flags=0), request(stub, flags=LAST)]
        sizes = self.check(conversation, bind(), *fragments, calls=1)
        self.assertEqual(len(sizes), 3)

    def test_halfAPDU(self) -> None:
        """A PDU that comes in two reads is counted once, when it is there."""
        conversation = Conversation()
        self.check(conversation, bind(), calls=0)
        octets = request(b"stub")
        for size in (3, 16, 24, len(octets) - 1):
            before = conversation.endpoint.statistics.vector()
            self.assertEqual(conversation.raw(octets[:size]), b"")
            self.assertEqual(conversation.endpoint.statistics.vector(), before)
            conversation.raw(octets[size:])
            found = conversation.endpoint.statistics.vector()
            self.assertEqual(found, (before[0] + 1, 0, before[2] + 1, before[3] + 1))

    def test_answeredLater(self) -> None:
        """An answer counts when it is sent."""
        conversation = Conversation()
        self.check(conversation, bind() + request(opnum=3), calls=1)
        conversation.calls[0].respond(bytes(6000))
        conversation.association.takeOutput()
        self.assertEqual(conversation.endpoint.statistics.vector(), (1, 0, 2, 3))

    def test_protected(self) -> None:
        """The same for sealed requests and answers, whole and in fragments."""
        for level in (2, 4, 5, 6):
            conversation = Conversation(ToyService())
            client = ToyClient(level=level)
            self.check(conversation, bind(verifier=client.verifier("alice")), calls=0)
            for stub, count in ((b"", 1), (b"stub", 1), (bytes(5000), 1)):
                plain = request(stub)
                octets = plain if level == 2 else client.protect(plain)
                sizes = self.check(conversation, octets, calls=1)
                self.assertEqual(len(sizes), count)
            plain = request((9000).to_bytes(2, "little"), 5)
            octets = plain if level == 2 else client.protect(plain)
            self.assertEqual(len(self.check(conversation, octets, calls=1)), 2)

    def test_refusedBind(self) -> None:
        """A bind_nak is a PDU too."""
        conversation = Conversation()
        self.assertEqual(conversation.say(bind(group=99)), [nak()])
        self.assertEqual(conversation.endpoint.statistics.vector(), (0, 0, 1, 1))

    def test_together(self) -> None:
        """Endpoints may count together."""
        statistics = Statistics()
        for _ in range(2):
            conversation = managed(Endpoint([], NoAuthentication(), statistics))
            answer(conversation, 2)
        self.assertEqual(statistics.vector(), (2, 0, 4, 4))
