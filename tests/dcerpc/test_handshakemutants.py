"""
Ten thousand handshakes of each kind of which somebody changed a token on its way.

A handshake that both sides complete all the same must be the one that it was: the same principal,
level, flags and session key; and what was changed must be of what nothing protects, listed here.
"""

from collections.abc import Callable, Sequence
from random import Random

import attrs
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc.interface import AuthenticationFailed
from tapiproxy.dcerpc.ntlm import NTLMAcceptor
from tapiproxy.dcerpc.ntlminitiator import NTLMInitiator
from tapiproxy.dcerpc.security import ISecurityContext
from tapiproxy.dcerpc.spnego import SPNEGOAcceptor
from tapiproxy.dcerpc.spnegoinitiator import SPNEGOInitiator
from tapiproxy.dcerpc.spnegotokens import (
    KERBEROS,
    NegTokenInit,
    NegTokenResp,
    decodeInit,
    decodeResp,
)
from tests.dcerpc.ntlmpeers import (
    ntlmAcceptor,
    ntlmInitiator,
    shake,
    spnegoAcceptor,
    spnegoInitiator,
)
from tests.fuzz.mutation import mutate

CASES = 10_000
SEED = 20_240_229

LEVELS = (6, 2)

NOT_COVERED = {
    # RFC 4178 4.2.1: nobody looks at it, so that it decides nothing.
    "reqFlags",
    # RFC 4178 4.2.2: unsigned; at most it ends the negotiation, or asks for a signature that is
    # made in any case.
    "negState",
    # What was chosen, said again in a later token: it must be the same.
    "supportedMech",
}
"""Fields of SPNEGO that its signature, mechListMIC over the list of mechanisms, does not cover."""

NOT_COVERED_AT_CONNECT = NOT_COVERED | {
    # At CONNECT nothing is signed after the logon: NTLM's own MIC covers NTLM's messages, and which
    # mechanism carried them decides nothing about who logged on.
    "mechTypes",
    "mechListMIC",
}


DROPPED = {
    # The first message of the mechanism that the server does not know: dropped unread.
    "mechToken",
}


@attrs.frozen
class Outcome:
    """What a handshake has come to, on both sides."""

    principal: object
    level: int
    flags: int
    sessionKey: bytes
    clientFlags: int
    clientKey: bytes


def outcomeOf(client: ISecurityContext, acceptor: ISecurityContext) -> Outcome:
    """What both sides believe."""
    inner = acceptor.mechanism if isinstance(acceptor, SPNEGOAcceptor) else acceptor
    outer = client.mechanism if isinstance(client, SPNEGOInitiator) else client
    assert isinstance(inner, NTLMAcceptor)
    assert isinstance(outer, NTLMInitiator)
    return Outcome(
        acceptor.principal,
        acceptor.authLevel,
        inner.flags,
        inner.sessionKey,
        outer.flags,
        outer.sessionKey,
    )


def changedFields(leg: int, token: bytes, mutant: bytes) -> set[str]:
    """The fields of a token of SPNEGO that differ."""
    decode: Callable[[bytes], NegTokenInit | NegTokenResp] = decodeResp if leg else decodeInit
    one, other = decode(token), decode(mutant)
    found = {
        field.name
        for field in attrs.fields(type(one))
        if getattr(one, field.name) != getattr(other, field.name)
    }
    return found or {"reqFlags"}


Maker = Callable[[int], ISecurityContext]


class Mutants(TestCase):
    def campaign(
        self, makeClient: Maker, makeAcceptor: Maker, allowed: Callable[[int], set[str]]
    ) -> int:
        """
        Change one token of each handshake.

        :param allowed: the fields that may differ at a level where the outcome is the same.
        :returns: how many handshakes were completed all the same.
        """
        random = Random(SEED)
        right: dict[int, Sequence[bytes]] = {}
        expected: dict[int, Outcome] = {}
        for level in LEVELS:
            client, acceptor = makeClient(level), makeAcceptor(level)
            right[level] = shake(client, acceptor)
            expected[level] = outcomeOf(client, acceptor)
        others = [token for tokens in right.values() for token in tokens]
        completed = 0
        for number in range(CASES):
            level = LEVELS[number % len(LEVELS)]
            leg = random.randrange(len(right[level]))
            token = right[level][leg]
            mutant = mutate(token, others, random)
            if mutant == token:
                continue
            client, acceptor = makeClient(level), makeAcceptor(level)
            try:
                shake(client, acceptor, lambda at, t, leg=leg, m=mutant: m if at == leg else t)
            except AuthenticationFailed:
                continue
            if not (client.complete and acceptor.complete):
                continue
            completed += 1
            where = f"case {number}: level {level}, token {leg}, {mutant.hex()}"
            self.assertEqual(outcomeOf(client, acceptor), expected[level], where)
            surplus = changedFields(leg, token, mutant) - allowed(level)
            self.assertEqual(surplus, set(), where)
        return completed

    def test_ntlm(self) -> None:
        """NTLM's MIC covers each octet of its messages: no mutant is completed."""
        self.assertEqual(self.campaign(ntlmInitiator, ntlmAcceptor, lambda level: set()), 0)

    def test_bare(self) -> None:
        """The same without SPNEGO under its type."""
        self.assertEqual(self.campaign(ntlmInitiator, spnegoAcceptor, lambda level: set()), 0)

    def test_spnego(self) -> None:
        """With SPNEGO only what is listed can be changed."""
        self.campaign(
            spnegoInitiator,
            spnegoAcceptor,
            lambda level: NOT_COVERED if level == 6 else NOT_COVERED_AT_CONNECT,
        )

    def test_spnegoPreferringAnother(self) -> None:
        """The same where the server does not know what the client likes best."""
        self.campaign(
            lambda level: spnegoInitiator(level, None, KERBEROS),
            spnegoAcceptor,
            lambda level: DROPPED | (NOT_COVERED if level == 6 else NOT_COVERED_AT_CONNECT),
        )
