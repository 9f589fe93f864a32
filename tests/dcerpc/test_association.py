"""Tests for tapiproxy.dcerpc.association without authentication: PDUs in, PDUs or the end out."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc import association, pdu
from tapiproxy.dcerpc.association import MAX_PDUS_PER_TURN, MAX_PENDING_CALLS, State
from tapiproxy.dcerpc.interface import (
    nca_s_proto_error,
    nca_s_server_too_busy,
    nca_s_unk_if,
)
from tests.dcerpc.conversation import Conversation, ack, alterAck, fault, nak, response
from tests.dcerpc.exchanges import (
    ALTERING,
    BINDING,
    CANCEL,
    FRAGMENTS,
    MPX,
    NO_INTERFACE,
    ORPHAN,
    REQUESTS,
    SIZES,
    STOPPING,
    TABLES,
    Row,
    changed,
)
from tests.dcerpc.pdus import DNE, FIRST, LAST, UNKNOWN, alter, bind, context, request, split


class Tables(TestCase):
    """The tables of tests.dcerpc.exchanges."""

    def check(self, rows: dict[str, Row]) -> None:
        for name, row in rows.items():
            conversation = Conversation()
            self.assertEqual(conversation.say(*row.sent), list(row.answers), name)
            self.assertEqual(bool(conversation.ended), row.ends, name)
            self.assertEqual(conversation.endpoint.reassembling, 0, name)

    def test_binding(self) -> None:
        """What may be bound, what it is answered, and what is refused how."""
        self.check(BINDING)

    def test_sizes(self) -> None:
        """Fragments are as large as bind says; alter_context changes nothing; 5840 is the most."""
        self.check(SIZES)

    def test_altering(self) -> None:
        """What alter_context may ask for."""
        self.check(ALTERING)

    def test_requests(self) -> None:
        """Whole requests."""
        self.check(REQUESTS)

    def test_fragments(self) -> None:
        """Requests in fragments."""
        self.check(FRAGMENTS)

    def test_stopping(self) -> None:
        """co_cancel and orphaned."""
        self.check(STOPPING)

    @given(st.sampled_from(sorted(TABLES)), st.lists(st.integers(1, 300), max_size=30))
    def test_anyPieces(self, name: str, sizes: list[int]) -> None:
        """In whatever pieces the octets arrive, the answers are the same."""
        row = TABLES[name]
        left = b"".join(row.sent)
        conversation = Conversation()
        answers = []
        for size in [*sizes, len(left) or 1]:
            answers += conversation.say(left[:size])
            left = left[size:]
        self.assertEqual(answers, list(row.answers))
        self.assertEqual(bool(conversation.ended), row.ends)

    @given(st.binary(max_size=300), st.lists(st.integers(0, 80), max_size=6), st.integers(1, 400))
    def test_anyFragments(self, stub: bytes, cuts: list[int], size: int) -> None:
        """However a stub is cut into fragments, and those into reads, it arrives whole."""
        edges = sorted({0, *(cut for cut in cuts if cut < len(stub)), len(stub)})
        parts = [stub[start:end] for start, end in pairwise(edges)] or [b""]
        sent = b"".join(
            request(part, flags=(0 if n else FIRST) | (LAST if n == len(parts) - 1 else 0))
            for n, part in enumerate(parts)
        )
        conversation = Conversation()
        conversation.say(bind())
        answers = [
            answer
            for start in range(0, len(sent), size)
            for answer in conversation.say(sent[start : start + size])
        ]
        self.assertEqual((answers, conversation.stubs), ([response(stub)], [stub]))
        self.assertTrue(conversation.association.idle)

    @given(st.sampled_from(sorted(TABLES)), st.data())
    def test_anyOctets(self, name: str, data: st.DataObject) -> None:
        """With any octets in it, a conversation is still answered by PDUs, or ended."""
        octets = bytearray(b"".join(TABLES[name].sent))
        for _ in range(data.draw(st.integers(1, 4))):
            octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
        conversation = Conversation()
        conversation.say(bytes(octets))
        conversation.association.connectionLost(self.fail)
        self.assertEqual(conversation.endpoint.reassembling, 0)
        self.assertEqual(len(conversation.endpoint.groups), 0)


class States(TestCase):
    """Which PDUs may come when: the table at the end of the module."""

    EXAMPLES = {
        pdu.BIND: bind(),
        pdu.ALTER_CONTEXT: alter(),
        pdu.REQUEST: request(),
        pdu.CO_CANCEL: CANCEL,
        pdu.ORPHANED: ORPHAN,
        pdu.AUTH3: pdu.Auth3(call_id=1).encode(),
        pdu.BIND_ACK: ack().encode(),
        pdu.ALTER_CONTEXT_RESP: alterAck().encode(),
        pdu.BIND_NAK: nak().encode(),
        pdu.RESPONSE: response().encode(),
        pdu.FAULT: fault(5).encode(),
        pdu.SHUTDOWN: pdu.Shutdown(call_id=1).encode(),
        **{kind: changed(CANCEL, 2, kind) for kind in (1, 4, 10, 20, 99, 255)},
    }

    def test_unbound(self) -> None:
        """Before bind, every other PDU is a protocol error and the end."""
        for kind, octets in self.EXAMPLES.items():
            conversation = Conversation()
            answers = conversation.say(octets)
            if kind in association._EXPECTED[State.UNBOUND]:
                self.assertEqual((answers, conversation.ended), ([ack()], ""))
            else:
                self.assertEqual(answers, [fault(nca_s_proto_error)], kind)
                self.assertIn("fault", conversation.ended)

    def test_bound(self) -> None:
        """After bind, a server's PDUs, unknown types and an auth3 for nothing are the end."""
        endings = {
            pdu.BIND: [nak()],
            pdu.AUTH3: [fault(nca_s_proto_error, flags=DNE)],
        }
        for kind, octets in self.EXAMPLES.items():
            conversation = Conversation()
            conversation.say(bind())
            answers = conversation.say(octets)
            if kind in (pdu.ALTER_CONTEXT, pdu.REQUEST, pdu.CO_CANCEL, pdu.ORPHANED):
                self.assertEqual(conversation.ended, "", kind)
            else:
                self.assertEqual(answers, endings.get(kind, [fault(nca_s_proto_error)]), kind)
                self.assertNotEqual(conversation.ended, "", kind)

    def test_ended(self) -> None:
        """After the end nothing is taken and nothing answered."""
        for octets in self.EXAMPLES.values():
            conversation = Conversation()
            conversation.say(bind(), bind())
            self.assertEqual(conversation.say(octets), [])
            self.assertFalse(conversation.association.hasOutput)

    def test_firstReason(self) -> None:
        """The first reason to end is the one that is told."""
        conversation = Conversation()
        conversation.say(bind(), bind())
        reason = conversation.ended
        conversation.association.connectionLost(self.fail)
        self.assertEqual(conversation.ended, reason)
        self.assertIn("bind refused", reason)

    def test_bound_property(self) -> None:
        """Whether a bind was accepted can be asked."""
        conversation = Conversation()
        self.assertFalse(conversation.association.bound)
        conversation.say(bind())
        self.assertTrue(conversation.association.bound)

    def test_idle(self) -> None:
        """An association is idle but for an octet, a fragment, or its end."""
        conversation = Conversation()
        self.assertTrue(conversation.association.idle)
        conversation.say(bind(), request(flags=FIRST))
        self.assertFalse(conversation.association.idle)
        conversation.say(request(flags=LAST))
        self.assertTrue(conversation.association.idle)
        conversation.say(b"\5")
        self.assertFalse(conversation.association.idle)


class Pending(TestCase):
    """Calls that are answered later."""

    def test_oneAtATime(self) -> None:
        """Without multiplexing a second call before the answer is a protocol error."""
        conversation = Conversation()
        answers = conversation.say(bind(), request(opnum=3), request(callID=2))
        self.assertEqual(answers[1:], [fault(nca_s_proto_error, 2)])
        conversation.calls[0].respond(b"late")
        self.assertEqual(conversation.say(), [])

    def test_multiplexed(self) -> None:
        """With it calls are answered in any order, each under its own call_id."""
        conversation = Conversation()
        conversation.say(bind(flags=3 | MPX))
        for callID in (5, 6, 7):
            conversation.say(request(opnum=3, callID=callID))
        self.assertEqual(conversation.say(request(b"x", callID=8)), [response(b"x", 8)])
        for call in reversed(conversation.calls[:3]):
            call.respond(b"")
        self.assertEqual(conversation.say(), [response(callID=each) for each in (7, 6, 5)])

    def test_callIDInUse(self) -> None:
        """A call_id that is still to be answered cannot be used for another call."""
        conversation = Conversation()
        answers = conversation.say(
            bind(flags=3 | MPX), request(opnum=3, callID=5), request(callID=5)
        )
        self.assertEqual(answers[1:], [fault(nca_s_proto_error, 5)])

    def test_tooMany(self) -> None:
        """Beyond the limit calls are told that the server is busy, and that they were not made."""
        conversation = Conversation()
        conversation.say(bind(flags=3 | MPX))
        for callID in range(MAX_PENDING_CALLS):
            self.assertEqual(conversation.say(request(opnum=3, callID=callID)), [])
        busy = fault(nca_s_server_too_busy, 99, flags=DNE)
        self.assertEqual(conversation.say(request(callID=99)), [busy])
        conversation.calls[0].respond(b"")
        self.assertEqual(conversation.say(request(b"x", callID=99))[1], response(b"x", 99))

    def test_orphaned(self) -> None:
        """A call that its client gave up is not answered, and its call_id is free."""
        conversation = Conversation()
        conversation.say(bind(), request(opnum=3), ORPHAN)
        conversation.calls[0].respond(b"late")
        self.assertEqual(conversation.say(request(b"on")), [response(b"on")])


class Turns(TestCase):
    """How much is taken before other connections have their turn."""

    def test_turn(self) -> None:
        """So many PDUs are taken in one turn; the rest wait, and lose nothing."""
        conversation = Conversation()
        conversation.say(bind())
        conversation.association.receiveData(request(b"x") * (2 * MAX_PDUS_PER_TURN + 1))
        for expected in (MAX_PDUS_PER_TURN, MAX_PDUS_PER_TURN, 1):
            answers = split(conversation.association.takeOutput())
            self.assertEqual(len(answers), expected)
            self.assertIs(conversation.association.unfinished, expected > 1)
            conversation.association.receiveData()
        self.assertEqual(conversation.association.takeOutput(), b"")

    def test_longAnswers(self) -> None:
        """Of many requests with long answers one is taken in a turn: few octets ever wait."""
        conversation = Conversation()
        conversation.say(bind())
        lots = request((20480).to_bytes(2, "little"), opnum=5)
        conversation.association.receiveData(lots * 3 + request(b"short"))
        for _ in range(3):
            self.assertTrue(conversation.association.unfinished)
            answers = split(conversation.association.takeOutput())
            self.assertEqual(sum(len(each) - 24 for each in answers), 20480)
            conversation.association.receiveData()
        self.assertFalse(conversation.association.unfinished)
        self.assertEqual(conversation.say(), [response(b"short")])


class Groups(TestCase):
    """Association groups, from the wire."""

    def groupOf(self, conversation: Conversation) -> int:
        answer = pdu.decode(conversation.raw(bind()))
        assert isinstance(answer, pdu.BindAck)
        return answer.assoc_group_id

    def test_own(self) -> None:
        """Each connection that names no group gets one of its own."""
        first = Conversation()
        second = Conversation(endpoint=first.endpoint)
        self.assertNotEqual(self.groupOf(first), self.groupOf(second))

    def test_join(self) -> None:
        """A second connection joins; presentation contexts stay each connection's own."""
        first = Conversation()
        group = self.groupOf(first)
        second = Conversation(endpoint=first.endpoint)
        answers = second.say(bind(context(1, UNKNOWN), group=group), request())
        self.assertEqual(answers, [ack(NO_INTERFACE), fault(nca_s_unk_if, flags=DNE)])
        self.assertIs(second.group, first.group)

    def test_gone(self) -> None:
        """A group dies with its last connection, and with it its handles."""
        down: list[object] = []
        first = Conversation()
        group = self.groupOf(first)
        first.say(request())
        first.group.handles.open(first.calls[0].interface, "value", down.append)
        first.association.connectionLost(self.fail)
        self.assertEqual(down, ["value"])
        second = Conversation(endpoint=first.endpoint)
        self.assertEqual(second.say(bind(group=group)), [nak()])

    def test_otherAddress(self) -> None:
        """Another address cannot join."""
        first = Conversation()
        group = self.groupOf(first)
        thief = Conversation(endpoint=first.endpoint, peerKey="thief")
        self.assertEqual(thief.say(bind(group=group)), [nak()])
