"""Tests for tapiproxy.dcerpc.fragments: long stubs in both directions, and their bounds."""

from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.fragments import (
    MAX_REASSEMBLY,
    MAX_REASSEMBLY_PER_PEER,
    MAX_STUB,
    parts,
)
from tapiproxy.dcerpc.interface import (
    ERROR_ACCESS_DENIED,
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
    nca_s_fault_remote_no_memory,
)
from tests.dcerpc.conversation import Conversation, fault
from tests.dcerpc.pdus import FIRST, LAST, bind, request, split
from tests.dcerpc.toysecurity import ToyClient, ToyService


class Parts(TestCase):
    """Taking stubs apart."""

    def test_table(self) -> None:
        """The first and the last part are marked; none is empty but that of an empty stub."""
        for stub, expected in (
            (b"", [(FIRST | LAST, 0, b"")]),
            (b"abc", [(FIRST | LAST, 3, b"abc")]),
            (b"abcd", [(FIRST | LAST, 4, b"abcd")]),
            (b"abcde", [(FIRST, 5, b"abcd"), (LAST, 1, b"e")]),
            (b"abcdefgh", [(FIRST, 8, b"abcd"), (LAST, 4, b"efgh")]),
            (b"abcdefghi", [(FIRST, 9, b"abcd"), (0, 5, b"efgh"), (LAST, 1, b"i")]),
        ):
            self.assertEqual(list(parts(stub, 4)), expected)


class Bounds(TestCase):
    """Limits of what one client, and all together, may hold."""

    def test_wholeStub(self) -> None:
        """A request of exactly the limit is answered, in fragments."""
        conversation = Conversation()
        conversation.say(bind())
        piece = bytes(4096)
        for number in range(MAX_STUB // 4096):
            flags = (FIRST if not number else 0) | (LAST if number == MAX_STUB // 4096 - 1 else 0)
            answers = split(conversation.raw(request(piece, flags=flags, hint=MAX_STUB)))
        self.assertEqual(conversation.stubs, [bytes(MAX_STUB)])
        self.assertEqual(sum(len(each) - 24 for each in answers), MAX_STUB)
        self.assertEqual(int.from_bytes(answers[0][16:20], "little"), MAX_STUB)

    def test_stubTooLong(self) -> None:
        """One octet more is refused as soon as it is there, and its memory is given back."""
        conversation = Conversation()
        conversation.say(bind(), request(bytes(4096), flags=FIRST))
        for _ in range(MAX_STUB // 4096 - 1):
            self.assertEqual(conversation.say(request(bytes(4096), flags=0)), [])
        self.assertEqual(conversation.endpoint.reassembling, MAX_STUB)
        answers = conversation.say(request(b"x", flags=0))
        self.assertEqual(answers, [fault(ERROR_ACCESS_DENIED)])
        self.assertEqual((conversation.endpoint.reassembling, conversation.stubs), (0, []))
        self.assertNotEqual(conversation.ended, "")

    def test_allTogether(self) -> None:
        """What all clients' unfinished requests hold is bounded; who goes gives it back."""
        first = Conversation()
        first.say(bind(), request(b"x", flags=FIRST))
        first.endpoint.reassembling = MAX_REASSEMBLY
        second = Conversation(endpoint=first.endpoint)
        answers = second.say(bind(), request(b"y", flags=FIRST))
        self.assertEqual(answers[1:], [fault(nca_s_fault_remote_no_memory)])
        self.assertEqual(first.endpoint.reassembling, MAX_REASSEMBLY)
        first.association.connectionLost(self.fail)
        self.assertEqual(first.endpoint.reassembling, MAX_REASSEMBLY - 1)

    def test_shareOfAPeer(self) -> None:
        """One address holds no more than its share, whatever others hold, and can give it back."""
        fragment = request(bytes(4096), flags=FIRST)
        more = [request(bytes(4096), flags=0)] * (MAX_STUB // 4096 - 1)
        first = Conversation()
        greedy = [first, *(Conversation(endpoint=first.endpoint) for _ in range(2))]
        answers = [each.say(bind(), fragment, *more)[1:] for each in greedy]
        self.assertEqual(answers, [[], [], [fault(nca_s_fault_remote_no_memory)]])
        self.assertEqual(first.endpoint.reassembling, MAX_REASSEMBLY_PER_PEER)
        other = Conversation(endpoint=first.endpoint, peerKey="another")
        self.assertEqual(other.say(bind(), fragment, *more)[1:], [])
        for each in (*greedy, other):
            each.association.connectionLost(self.fail)
        self.assertEqual((first.endpoint.reassembling, first.endpoint.reassemblingOf), (0, {}))

    def test_shareOfNobody(self) -> None:
        """Who has not logged on where one has to has one share with all others like him."""
        fragment = request(bytes(4096), flags=FIRST)
        more = [request(bytes(4096), flags=0)] * (MAX_STUB // 4096 - 1)
        first = Conversation(ToyService(RPC_C_AUTHN_LEVEL_PKT_PRIVACY))
        others = [Conversation(endpoint=first.endpoint, peerKey=f"{n}") for n in range(2)]
        answers = [each.say(bind(), fragment, *more)[1:] for each in (first, *others)]
        self.assertEqual(answers, [[], [], [fault(nca_s_fault_remote_no_memory)]])
        client = ToyClient()
        loggedOn = Conversation(endpoint=first.endpoint)
        loggedOn.say(bind(verifier=client.verifier("alice")))
        self.assertEqual(loggedOn.say(client.protect(fragment)), [])
        for each in (first, *others, loggedOn):
            each.association.connectionLost(self.fail)
        self.assertEqual((first.endpoint.reassembling, first.endpoint.reassemblingOf), (0, {}))

    def test_largeAnswer(self) -> None:
        """A large answer goes out in fragments of the negotiated size, which join to it."""
        conversation = Conversation()
        conversation.say(bind(recv=3199))
        answers = conversation.say(request((20480).to_bytes(2, "little"), opnum=5))
        stubs = []
        for number, answer in enumerate(answers):
            assert isinstance(answer, pdu.Response)
            first = FIRST if number == 0 else 0
            last = LAST if number == len(answers) - 1 else 0
            self.assertEqual(answer.pfc_flags, first | last)
            self.assertEqual(answer.alloc_hint, 20480 - sum(map(len, stubs)))
            stubs.append(answer.stub)
        self.assertEqual({len(stub) for stub in stubs[:-1]}, {3192 - 24})
        self.assertEqual(b"".join(stubs), bytes(range(256)) * 80)
