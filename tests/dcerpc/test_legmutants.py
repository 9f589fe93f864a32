"""
Ten thousand logons of each mechanism of which somebody changed a PDU: the bind, its answer, and
what follows until a call is answered.

[MS-RPCE] protects no PDU of a handshake, the tokens in it protect themselves.  Where a call is
answered all the same, both sides have come to what they come to otherwise: who it is, at which
level, with which flags and key, which interface, which transfer syntax, which call.  And what was
changed must be listed here, with the reason why it may.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import chain, cycle
from random import Random

import attrs
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.clientassociation import ClientAssociation
from tapiproxy.dcerpc.interface import RPC_C_AUTHN_LEVEL_CONNECT
from tapiproxy.dcerpc.management import MGMT
from tapiproxy.dcerpc.ndr import NDR, NDR64
from tapiproxy.dcerpc.security import ISecurityContext
from tests.dcerpc.conversation import Conversation
from tests.dcerpc.ntlmpeers import LEVELS, ntlmInitiator, service, spnegoInitiator
from tests.dcerpc.pdus import split
from tests.dcerpc.support import Calls
from tests.dcerpc.test_handshakemutants import (
    NOT_COVERED,
    NOT_COVERED_AT_CONNECT,
    Outcome,
    changedFields,
    outcomeOf,
)
from tests.dcerpc.test_sealedmutants import Receiver
from tests.fuzz.mutation import mutate

CASES = 10_000
SEED = 20_260_129

UNPROTECTED = {
    # C706 12.6.1: fragments, object, MAYBE and the rest mean nothing in these PDUs.  HEADER_SIGN
    # does, and can be taken away: NTLM signs headers all the same.  CONC_MPX lets the server take a
    # second call before it has answered the first; each is signed.
    "pfc_flags",
    # Each answer is awaited where it comes, its number is looked at in responses alone.
    "call_id",
    # How stubs are cut into fragments: each is signed, within bounds that the server has.
    "max_xmit_frag",
    "max_recv_frag",
    # The name of the group for later connections; a context handle of it wants the same principal.
    "assoc_group_id",
    # An endpoint that nobody here connects to.
    "sec_addr",
    # The octets of packed_drep for characters and floating point, of which there are none.
    "packed_drep",
    # [MS-RPCE] 2.2.2.11: nobody looks at it.
    "auth_reserved",
    # Octets between a leg's body and its verifier: nobody looks at them.
    "auth_pad_length",
    # Octets that C706 reserves, and those of alignment.
    "reserved",
    # Of the contexts: the number of one, which a later leg proposes rightly, and which a request
    # names under its signature; an older minor version of the interface, which is the same
    # interface; a transfer syntax less to choose from, of which each carries the same.
    "contexts.p_cont_id",
    "contexts.abstract_syntax.minor",
    "contexts.transfer_syntaxes",
    # Results say why, where something is refused.
    "results.reason",
}


@attrs.frozen
class Established:
    """What a logon has come to, on both sides."""

    outcome: Outcome
    interface: object
    serverSyntax: object
    clientSyntax: object
    stubs: tuple[bytes, ...]


class Logon:
    """
    A client that logs on to a server and calls it; both draw the same each time.

    :param change: what becomes of a PDU, by its number from 0 in the order in which they go.
    """

    def __init__(
        self,
        make: Callable[[int], ISecurityContext],
        level: int,
        change: Callable[[int, bytes], bytes] = lambda number, octets: octets,
    ) -> None:
        self.server = Conversation(service(minimum=level))
        self.context = make(level)
        self.bound = False
        self.sent: list[bytes] = []
        self._change = change
        interface = attrs.evolve(Calls().interface, transferSyntaxes=(NDR, NDR64))
        self.client = ClientAssociation(
            interface, self._established, lambda reason: None, security=self.context
        )
        self.client.bind()
        self._pump()
        self.receiver = Receiver()
        if self.bound:
            self.client.request(0, b"what is asked", self.receiver)
            self._pump(changing=False)

    def _established(self) -> None:
        self.bound = True

    def _pump(self, *, changing: bool = True) -> None:
        while True:
            octets = self.client.takeOutput()
            target: Callable[[bytes], object] = self.server.association.receiveData
            if not octets:
                octets = self.server.association.takeOutput()
                target = self.client.receiveData
            if not octets:
                return
            for one in split(octets):
                if changing:
                    self.sent.append(one)
                    one = self._change(len(self.sent) - 1, one)
                target(one)

    @property
    def answered(self) -> bool:
        """Whether the call was answered."""
        return any(isinstance(told, bytes) for told in self.receiver.told)

    def established(self) -> Established:
        """What it has come to."""
        server = self.server
        security = server.association.security.default
        assert security is not None
        presentation = server.calls[-1].presentation
        return Established(
            outcomeOf(self.context, security.context),
            presentation.abstract.if_uuid,
            presentation.syntax,
            self.client.transferSyntax,
            tuple(server.stubs),
        )


def changed(right: bytes, mutant: bytes, leg: int) -> set[str]:
    """The fields in which a PDU of a handshake differs from the right one."""
    one, other = pdu.decode(right), pdu.decode(mutant)
    found = set(_different(one, other, ""))
    if "auth_verifier.auth_value" in found:
        found.remove("auth_verifier.auth_value")
        values = (each.auth_verifier.auth_value for each in (one, other))
        found |= changedFields(leg, *values)
    if right[4:8] != mutant[4:8]:
        found.add("packed_drep")
    return {name.removeprefix("auth_verifier.") for name in found} or {"reserved"}


def _different(one: object, other: object, place: str) -> list[str]:
    """The names of attributes in which two objects differ, with those that they belong to."""
    if one == other:
        return []
    if isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        if not place.endswith("transfer_syntaxes."):
            return [n for a, b in zip(one, other, strict=True) for n in _different(a, b, place)]
    elif type(one) is type(other) and attrs.has(type(one)):
        names = [field.name for field in attrs.fields(type(one))]
        return [
            found
            for name in names
            for found in _different(getattr(one, name), getattr(other, name), f"{place}{name}.")
        ]
    return [place.rstrip(".") or "kind"]


def flips(logons: Mapping[int, Logon]) -> Iterator[tuple[int, int, bytes]]:
    """Level, PDU and mutant: every bit of every PDU at the highest level, one at a time."""
    level = max(logons)
    for at, octets in enumerate(logons[level].sent):
        for bit in range(8 * len(octets)):
            mutant = bytearray(octets)
            mutant[bit // 8] ^= 1 << bit % 8
            yield level, at, bytes(mutant)


def mutants(logons: Mapping[int, Logon]) -> Iterator[tuple[int, int, bytes]]:
    """The same by chance, at every level."""
    random = Random(SEED)
    for _, (level, logon) in zip(range(CASES), cycle(logons.items()), strict=False):
        at = random.randrange(len(logon.sent))
        yield level, at, mutate(logon.sent[at], logon.sent, random)


class Mutants(TestCase):
    def campaign(self, make: Callable[[int], ISecurityContext]) -> set[str]:
        """
        Change one PDU of each logon.

        :returns: the fields that could be changed.
        """
        right = {level: Logon(make, level) for level in LEVELS}
        expected = {level: logon.established() for level, logon in right.items()}
        found: set[str] = set()
        for level, at, mutant in chain(flips(right), mutants(right)):
            sent = right[level].sent[at]
            if mutant == sent:
                continue
            logon = Logon(make, level, lambda n, one, at=at, m=mutant: m if n == at else one)
            self.assertEqual(logon.server.failures, 0)
            if not logon.answered:
                continue
            where = f"level {level}, PDU {at}, {mutant.hex()}"
            self.assertEqual(logon.established(), expected[level], where)
            self.assertEqual(logon.receiver.told, [b"what is asked"], where)
            fields = changed(sent, mutant, 1 if at else 0)
            if make is spnegoInitiator:
                fields -= (
                    NOT_COVERED if level > RPC_C_AUTHN_LEVEL_CONNECT else NOT_COVERED_AT_CONNECT
                )
            self.assertEqual(fields - UNPROTECTED, set(), where)
            found |= fields
        return found

    def test_mutants(self) -> None:
        """
        RPC_C_AUTHN_WINNT (bind, bind_ack, auth3) and RPC_C_AUTHN_GSS_NEGOTIATE (bind, bind_ack,
        alter_context, alter_context_resp): no list names more than what can be changed.
        """
        found = self.campaign(ntlmInitiator) | self.campaign(spnegoInitiator)
        self.assertEqual(found, UNPROTECTED)

    def test_anotherInterface(self) -> None:
        """
        A bind may be changed to another interface of the endpoint, of which the client's calls
        then are: beside its own there is mgmt alone, which tells what everybody may know.
        """
        abstract = pdu.SyntaxID(MGMT, 1)

        def redirect(number: int, octets: bytes) -> bytes:
            found = pdu.decode(octets)
            if not isinstance(found, pdu.Bind):
                return octets
            contexts = (attrs.evolve(found.contexts[0], abstract_syntax=abstract),)
            return attrs.evolve(found, contexts=contexts).encode()

        for make in (ntlmInitiator, spnegoInitiator):
            logon = Logon(make, 6, redirect)
            self.assertTrue(logon.answered)
            self.assertEqual(logon.server.calls, [])
            self.assertNotIn(b"what is asked", logon.receiver.told)
