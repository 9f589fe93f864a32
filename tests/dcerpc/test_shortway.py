"""The short way of whole PDUs: nobody outside can tell it from the general one."""

from itertools import pairwise
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc import clientassociation, pdu
from tapiproxy.dcerpc.association import ServerAssociation
from tapiproxy.dcerpc.clientassociation import ClientAssociation
from tapiproxy.dcerpc.clientsecurity import ClientSecurity
from tapiproxy.dcerpc.interface import RPC_C_AUTHN_WINNT, Interface
from tapiproxy.dcerpc.management import Statistics
from tapiproxy.dcerpc.security import ISecurityContext
from tests.dcerpc.conversation import Conversation
from tests.dcerpc.ntlmpeers import (
    LEVELS,
    Secured,
    legOf,
    ntlmInitiator,
    service,
    spnegoInitiator,
)
from tests.dcerpc.pdus import ECHO, FIRST, LAST, alter, bind, context, request

HDR = pdu.PFC_SUPPORT_HEADER_SIGN
CONC_MPX = pdu.PFC_CONC_MPX
GROUP_ID = slice(20, 24)
PLACE = 5
"""The p_cont_id of the presentation context."""
ECHO_THERE = context(PLACE)


class LongWay(ServerAssociation):
    """An association that takes every request the general way."""

    def _settle(self) -> None:
        self._short = self._plain = False


class Pair:
    """
    One client and two servers, which are told the same and draw the same lots.

    :param minimum: the level that both ask for.
    """

    def __init__(self, minimum: int = 0) -> None:
        self.short = Conversation(service(minimum=minimum))
        self.long = Conversation(service(minimum=minimum))
        self.long.association = LongWay(self.long.endpoint, self.long, "client", b"135\0")

    def legs(self, sent: bytes) -> bytes:
        """What both answer to a bind, an alter_context or an auth3: the same but for the group."""
        first, second = self.short.raw(sent), self.long.raw(sent)
        assert without(first) == without(second)
        return first

    def logOn(self, secured: Secured, *, again: bool, flags: int) -> None:
        """Establish a context, with the bind or with an alter_context after it."""
        flags |= HDR if secured.headerSigning else 0
        begin = alter if again else bind
        answer = self.legs(begin(ECHO_THERE, verifier=secured.begin(), flags=flags))
        last = secured.goOn(answer)
        if secured.context.authType == RPC_C_AUTHN_WINNT:
            self.legs(pdu.Auth3(call_id=1, auth_verifier=last).encode())
        else:
            answer = self.legs(alter(ECHO_THERE, verifier=last, flags=flags))
            legOf(secured.context, pdu.decode(answer).auth_verifier.auth_value)


def without(answer: bytes) -> bytes:
    """The answer to a leg without its assoc_group_id, which is drawn by chance."""
    octets = bytearray(answer)
    octets[GROUP_ID] = bytes(len(octets[GROUP_ID]))
    return bytes(octets)


def seen(conversation: Conversation) -> tuple[object, ...]:
    """All that operations and the connection have noticed."""
    return (
        conversation.ended,
        conversation.stubs,
        conversation.failures,
        [
            (call.callID, call.contextID, call.opnum, call.principal, call.authLevel, call.open)
            for call in conversation.calls
        ],
        *(getattr(conversation.endpoint.statistics, name) for name in Statistics.__slots__),
    )


@st.composite
def spoiled(draw: st.DrawFn, octets: bytes) -> bytes:
    """A PDU as it is, or with something wrong: mostly in what the short way looks at."""
    kind = draw(st.sampled_from(("whole",) * 12 + ("octet", "word", "cut", "longer")))
    if kind == "whole" or len(octets) < 24:
        return octets
    changed = bytearray(octets)
    if kind == "octet":
        place = draw(st.integers(-len(octets), 23))
        changed[place] ^= draw(st.integers(1, 255))
    elif kind == "word":
        place = draw(st.sampled_from((8, 10, 20, 22)))
        changed[place : place + 2] = draw(st.integers(0, 0x300)).to_bytes(2, "little")
    elif kind == "cut":
        return octets[: draw(st.integers(0, len(octets)))]
    else:
        changed += draw(st.binary(max_size=20))
    return bytes(changed)


#: What a sec_trailer says that is not true.
lies: st.SearchStrategy[dict[str, int]] = st.sampled_from(
    (
        *[{}] * 12,
        {"auth_pad_length": 0},
        {"auth_pad_length": 99},
        {"auth_type": 16},
        {"auth_level": 4},
        {"auth_context_id": 7},
    )
)


@st.composite
def requests(draw: st.DrawFn, callID: int) -> bytes:
    """A request before it is protected; most are whole ones for an operation that there is."""
    return request(
        draw(st.one_of(st.binary(max_size=80), st.sampled_from((b"\0\x20", bytes(5820))))),
        draw(st.sampled_from((0,) * 6 + (1, 2, 3, 3, 3, 4, 5, 6, 7))),
        callID=callID,
        flags=draw(st.sampled_from((pdu.WHOLE,) * 9 + (FIRST, FIRST, LAST, 0, 0x83, 0x27))),
        p_cont_id=draw(st.sampled_from((PLACE,) * 9 + (0,))),
        order=draw(st.sampled_from((pdu.LITTLE,) * 9 + (pdu.BIG,))),
    )


class SameAnswers(TestCase):
    @settings(max_examples=500)
    @given(st.data())
    def test_same(self, data: st.DataObject) -> None:
        """The same octets are answered with the same octets, whatever was spoiled on the way."""
        pair = Pair(data.draw(st.sampled_from((0, 0, 5, 6))))
        flags = pdu.WHOLE | data.draw(st.sampled_from((0, CONC_MPX)))
        contexts: list[Secured | None] = []
        for number in range(data.draw(st.integers(0, 2))):
            make = data.draw(st.sampled_from((ntlmInitiator, spnegoInitiator)))
            level = data.draw(st.sampled_from((*LEVELS, 6, 6)))
            secured = Secured(make(level), number + 1, data.draw(st.booleans()))
            pair.logOn(secured, again=bool(number), flags=flags)
            contexts.append(secured)
        if not contexts:
            pair.legs(bind(ECHO_THERE, flags=flags))
        sent = b""
        for callID in range(1, data.draw(st.integers(1, 6)) + 1):
            octets = data.draw(requests(callID))
            secured = data.draw(st.sampled_from([*contexts * 4, None]))
            if secured is not None and secured.context.authLevel > 2 and octets[4] == 0x10:
                octets = secured.protect(octets, **data.draw(lies))
            elif secured is not None and data.draw(st.booleans()):
                octets = octets[:10] + b"\x10\0" + octets[12:] + bytes(24)
            sent += data.draw(spoiled(octets))
        cuts = data.draw(st.lists(st.integers(0, len(sent)), max_size=4))
        answers = []
        for conversation in (pair.short, pair.long):
            places = sorted({0, len(sent), *cuts})
            answers.append([conversation.raw(sent[start:end]) for start, end in pairwise(places)])
        self.assertEqual(*answers)
        self.assertEqual(seen(pair.short), seen(pair.long))

    def test_taken(self) -> None:
        """Whole requests under an established context do take the short way."""
        for make in (ntlmInitiator, spnegoInitiator):
            pair = Pair(minimum=6)
            secured = Secured(make(6))
            pair.logOn(secured, again=False, flags=pdu.WHOLE)
            self.patch(ServerAssociation, "_receivePDU", None)
            answer = pair.short.raw(secured.protect(request(b"stub", p_cont_id=PLACE)))
            self.assertEqual(secured.unprotect(answer), b"stub")
            self.doCleanups()


class Answers:
    """What a client was told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def responded(self, data: bytes, start: int, end: int) -> None:
        """Note."""
        self.told.append(data[start:end])

    def failed(self, reason: Exception) -> None:
        """Note."""
        self.told.append(str(reason))


class Caller:
    """A client's association, and the server's that it is bound to."""

    def __init__(self, security: ISecurityContext | None) -> None:
        self.answers = Answers()
        self.server = Conversation(service())
        interface = Interface(ECHO.if_uuid, (ECHO.major, 0), {})
        self.association = ClientAssociation(
            interface, lambda: None, lambda reason: None, security=security
        )
        self.association.bind()
        while sent := self.association.takeOutput():
            self.association.receiveData(self.server.raw(sent))

    def call(self) -> bytes:
        """Call an operation; the request."""
        self.association.request(0, b"asked", self.answers)
        return self.association.takeOutput()

    def seen(self) -> tuple[object, ...]:
        """All that can be noticed."""
        association = self.association
        return self.answers.told, association.littleEndian, association.takeOutput()


def noStart(data: bytes, position: int) -> tuple[int, ...]:
    """A response that is none for the short way."""
    return (0,) * 7


class SameResponses(TestCase):
    @settings(max_examples=500)
    @given(st.data())
    def test_same(self, data: st.DataObject) -> None:
        """The same responses are told in the same way, whatever was spoiled on the way."""
        make = data.draw(st.sampled_from((None, ntlmInitiator, ntlmInitiator, spnegoInitiator)))
        level = data.draw(st.sampled_from((*LEVELS, 6, 6)))
        short, long = (Caller(None if make is None else make(level)) for _ in range(2))
        server = short.server.association.security.default
        for callID in range(2, data.draw(st.integers(2, 6))):
            self.assertEqual(short.call(), long.call())
            octets = pdu.Response(
                call_id=callID - data.draw(st.sampled_from((0, 0, 1))),
                pfc_flags=data.draw(st.sampled_from((pdu.WHOLE,) * 6 + (FIRST, FIRST, LAST, 0))),
                alloc_hint=0,
                p_cont_id=0,
                stub=data.draw(st.binary(max_size=80)),
            ).encode(data.draw(st.sampled_from((pdu.LITTLE,) * 9 + (pdu.BIG,))))
            if server is not None and server.protects and data.draw(st.integers(0, 9)):
                secured = Secured(server.context)
                octets = secured.protect(octets, **data.draw(lies))
            octets = data.draw(spoiled(octets))
            cut = data.draw(st.integers(0, len(octets)))
            for part in (octets[:cut], octets[cut:]):
                short.association.receiveData(part)
                with mock.patch.object(clientassociation, "_responseStart", noStart):
                    long.association.receiveData(part)
            self.assertEqual(short.seen(), long.seen())

    def test_taken(self) -> None:
        """Whole responses that are protected do take the short way."""
        for make in (ntlmInitiator, spnegoInitiator):
            caller = Caller(make(6))
            self.patch(ClientSecurity, "response", None)
            caller.association.receiveData(caller.server.raw(caller.call()))
            self.assertEqual(caller.answers.told, [b"asked"])
            self.doCleanups()
