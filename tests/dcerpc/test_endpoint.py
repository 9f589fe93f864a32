"""Tests for tapiproxy.dcerpc.endpoint: what is offered, and to whom."""

from uuid import UUID

from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.endpoint import Endpoint
from tapiproxy.dcerpc.interface import (
    ANONYMOUS,
    ERROR_ACCESS_DENIED,
    RPC_C_AUTHN_LEVEL_CONNECT,
    RPC_C_AUTHN_LEVEL_NONE,
    Interface,
)
from tapiproxy.dcerpc.management import MGMT
from tapiproxy.dcerpc.ndr import NDR
from tapiproxy.dcerpc.negotiation import Presentation
from tapiproxy.dcerpc.ntlmmessages import NegotiateMessage
from tapiproxy.dcerpc.securitycontexts import AuthContext
from tests.dcerpc.conversation import Conversation, fault
from tests.dcerpc.ntlmpeers import LEVELS, nobody, server, service
from tests.dcerpc.ntlmvectors import GOLDEN
from tests.dcerpc.pdus import DNE, bind, context, request, split
from tests.dcerpc.toysecurity import ToyContext, ToyService

GUARDED = Interface(UUID(int=1), (1, 3), {})
PUBLIC = Interface(UUID(int=2), (1, 3), {}, public=True)


def presentationOf(endpoint: Endpoint, interface: Interface) -> Presentation:
    """What an accepted bind makes of an interface."""
    abstract = pdu.SyntaxID(interface.uuid, *interface.version)
    offer = endpoint.offer(abstract)
    assert offer is not None
    return Presentation(interface, abstract, NDR, frozenset(), interface.operations, offer.open)


def contextOf(principal: object, level: int) -> AuthContext:
    """An established security context."""
    toy = ToyContext(level, [])
    toy.complete, toy.principal = True, principal
    return AuthContext(toy, 1)


class Offering(TestCase):
    def test_versions(self) -> None:
        """An interface is offered under its major version and no higher minor one."""
        endpoint = Endpoint([GUARDED], ToyService())
        for version, found in (((1, 0), True), ((1, 3), True), ((1, 4), False), ((2, 0), False)):
            offer = endpoint.offer(pdu.SyntaxID(GUARDED.uuid, *version))
            self.assertEqual(offer is not None, found)

    def test_open(self) -> None:
        """What is public is open whatever the level; the rest is if nobody has to log on."""
        for minimum in (RPC_C_AUTHN_LEVEL_NONE - 1, *LEVELS):
            endpoint = Endpoint([GUARDED, PUBLIC], ToyService(minimum))
            self.assertTrue(presentationOf(endpoint, PUBLIC).open)
            self.assertEqual(presentationOf(endpoint, GUARDED).open, minimum == 0)


class Permitting(TestCase):
    def test_levels(self) -> None:
        """An account's calls of a guarded interface count from the minimum on."""
        for minimum in LEVELS:
            endpoint = Endpoint([GUARDED, PUBLIC], ToyService(minimum))
            for level in LEVELS:
                alice = contextOf("alice", level)
                guarded = endpoint.permits(presentationOf(endpoint, GUARDED), alice)
                self.assertEqual(guarded, level >= minimum)
                self.assertTrue(endpoint.permits(presentationOf(endpoint, PUBLIC), alice))

    def test_nobody(self) -> None:
        """Who has logged on as nobody may call what is public, and nothing else at any level."""
        for minimum in (0, *LEVELS):
            endpoint = Endpoint([GUARDED, PUBLIC], ToyService(minimum))
            for level in LEVELS:
                security = contextOf(ANONYMOUS, level)
                self.assertFalse(endpoint.permits(presentationOf(endpoint, GUARDED), security))
                self.assertTrue(endpoint.permits(presentationOf(endpoint, PUBLIC), security))

    def test_nobodyByNTLM(self) -> None:
        """The same for a client that has done so, where those who have not may call everything."""
        conversation = Conversation(service(shared=server(anonymous=True)))
        management = context(1, pdu.SyntaxID(MGMT, 1))
        leg = NegotiateMessage(GOLDEN.flags).encode()
        verifier = pdu.AuthVerifier(10, RPC_C_AUTHN_LEVEL_CONNECT, 1, leg)
        conversation.say(bind(context(), management, verifier=verifier))
        verifier = pdu.AuthVerifier(10, RPC_C_AUTHN_LEVEL_CONNECT, 1, nobody())
        conversation.say(pdu.Auth3(call_id=1, auth_verifier=verifier).encode())
        self.assertIs(conversation.principal, ANONYMOUS)
        self.assertEqual(conversation.say(request()), [fault(ERROR_ACCESS_DENIED, flags=DNE)])
        self.assertEqual(conversation.calls, [])
        (octets,) = split(conversation.raw(request(opnum=2, p_cont_id=1)))
        self.assertEqual(octets[24:], bytes.fromhex("0000000001000000"))
