"""
What becomes of a logon that its peer hands on to another server, or back to the process it is of.

Mallory is whom the victim calls: each token that she is sent she gives to a server of her choice,
and the server's answer to the victim.
"""

from functools import partial

import attrs
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.clientassociation import ClientAssociation, LogonFailed
from tapiproxy.dcerpc.initiators import Initiators
from tapiproxy.dcerpc.interface import (
    ERROR_ACCESS_DENIED,
    RPC_C_AUTHN_GSS_NEGOTIATE,
    RPC_C_AUTHN_WINNT,
    RPC_S_SEC_PKG_ERROR,
    nca_s_proto_error,
)
from tapiproxy.dcerpc.ntlminitiator import NTLMInitiator
from tapiproxy.dcerpc.spnegotokens import NTLMSSP
from tests.dcerpc.conversation import Conversation, ack
from tests.dcerpc.ntlmpeers import LEVELS, PROTECTING, account, server, service
from tests.dcerpc.pdus import bind, request, split
from tests.dcerpc.support import Calls

PROVIDERS = (RPC_C_AUTHN_GSS_NEGOTIATE, RPC_C_AUTHN_WINNT)
VICTIM = bytes(range(32))
OTHER = bytes(reversed(range(32)))


class Mallory:
    """
    Between a victim that logs on to her and a server that she wants to use.

    :param machineID: that of the server's process.
    :ivar last: the end of the victim's association; None while it is of use.
    """

    def __init__(self, authType: int, level: int, machineID: bytes) -> None:
        shared = attrs.evolve(server(), machineID=machineID)
        self.server = Conversation(service(minimum=level, shared=shared))
        self.last: Exception | None = None
        who = attrs.evolve(account(), machineID=VICTIM)
        initiators = Initiators(
            mechanisms={NTLMSSP: partial(NTLMInitiator, who)}, authType=authType, authLevel=level
        )
        self.bound = False
        self.victim = ClientAssociation(
            Calls().interface, self._isBound, self._ended, security=initiators.newContext("mallory")
        )
        self.victim.bind()
        while octets := self.victim.takeOutput():
            for one in split(self.server.raw(octets)):
                self.victim.receiveData(one)

    def _isBound(self) -> None:
        self.bound = True

    def _ended(self, reason: Exception) -> None:
        self.last = reason


class Reflected(TestCase):
    def test_refused(self) -> None:
        """A server does not take what its own process has made, at any level, by any provider."""
        for level in LEVELS:
            negotiated = Mallory(RPC_C_AUTHN_GSS_NEGOTIATE, level, VICTIM)
            self.assertIsInstance(negotiated.last, LogonFailed)
            bare = Mallory(RPC_C_AUTHN_WINNT, level, VICTIM)
            # The last leg of NTLM by itself has no answer: the first request has.
            [answer] = bare.server.say(request(b"hers"))
            assert isinstance(answer, pdu.FaultPDU)
            self.assertEqual(answer.status, ERROR_ACCESS_DENIED)
            for mallory in (negotiated, bare):
                self.assertTrue(mallory.server.ended)
                self.assertIsNone(mallory.server.principal)
                self.assertEqual(mallory.server.stubs, [])


class Relayed(TestCase):
    def test_withoutTheKey(self) -> None:
        """
        A logon that was handed on to another host gives nothing to who has not got its key.

        The other host cannot tell: it is for the level, not the logon, to keep her out.
        """
        for level in PROTECTING:
            for authType in PROVIDERS:
                hers = {
                    "without verifier": (request(b"hers"), nca_s_proto_error),
                    "with one that she made up": (
                        request(
                            bytes(16), verifier=pdu.AuthVerifier(authType, level, 1, bytes(16))
                        ),
                        RPC_S_SEC_PKG_ERROR,
                    ),
                }
                for name, (octets, status) in hers.items():
                    mallory = Mallory(authType, level, OTHER)
                    self.assertTrue(mallory.bound)
                    self.assertEqual(mallory.server.principal, "DOM\\alice")
                    [answer] = mallory.server.say(octets)
                    assert isinstance(answer, pdu.FaultPDU), name
                    self.assertEqual(answer.status, status, name)
                    self.assertEqual(mallory.server.stubs, [], name)
                    self.assertTrue(mallory.server.ended)

    def test_atConnect(self) -> None:
        """At CONNECT she comes in as the victim: why nothing logs on at that level by default."""
        mallory = Mallory(RPC_C_AUTHN_WINNT, 2, OTHER)
        mallory.server.say(request(b"hers"))
        self.assertEqual(mallory.server.stubs, [b"hers"])

    def test_withoutLogon(self) -> None:
        """She cannot leave the victim's level out and have the connection all the same."""
        mallory = Mallory(RPC_C_AUTHN_WINNT, 6, OTHER)
        fresh = Conversation(endpoint=mallory.server.endpoint)
        [answer, refused] = fresh.say(bind(), request(b"hers"))
        self.assertEqual(answer, ack())
        assert isinstance(refused, pdu.FaultPDU)
        self.assertEqual(refused.status, ERROR_ACCESS_DENIED)
