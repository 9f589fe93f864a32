"""A client's association under a security context, against this server's."""

from collections.abc import Callable

import attrs
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.clientassociation import (
    AssociationFailed,
    ClientAssociation,
    LogonFailed,
)
from tapiproxy.dcerpc.interface import ERROR_ACCESS_DENIED, Fault
from tapiproxy.dcerpc.management import Statistics
from tapiproxy.dcerpc.ndr import NDR, NDR64
from tapiproxy.dcerpc.ntlminitiator import NTLMInitiator
from tapiproxy.dcerpc.security import ISecurityContext
from tapiproxy.dcerpc.spnegoinitiator import Choice, SPNEGOInitiator
from tapiproxy.dcerpc.spnegotokens import KERBEROS, NTLMSSP
from tests.dcerpc.conversation import Conversation, fault, nak
from tests.dcerpc.ntlmpeers import (
    LEVELS,
    PROTECTING,
    Accounts,
    Slow,
    account,
    ntlmInitiator,
    service,
    spnegoInitiator,
)
from tests.dcerpc.pdus import split
from tests.dcerpc.support import Calls

Change = Callable[[bytes], bytes]


def same(octets: bytes) -> bytes:
    """What becomes of a PDU that nobody touches."""
    return octets


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


class Both:
    """Client and server, with nothing between them but *change*."""

    def __init__(
        self,
        context: ISecurityContext | None,
        accounts: Accounts | None = None,
        minimum: int = 0,
    ) -> None:
        self.events: list[object] = []
        self.statistics = Statistics()
        self.server = Conversation(service(accounts, minimum))
        self.client = ClientAssociation(
            attrs.evolve(Calls().interface, transferSyntaxes=(NDR, NDR64)),
            lambda: self.events.append("bound"),
            self.events.append,
            security=context,
            flush=lambda: self.events.append("flush"),
            statistics=self.statistics,
        )
        self.sent: list[int] = []
        self.client.bind()

    def pump(self, change: Change = same) -> None:
        """Move PDUs until both are silent; *change* is for the server's."""
        while octets := self.client.takeOutput() or self.server.association.takeOutput():
            if self.sentByServer(octets):
                self.client.receiveData(b"".join(change(one) for one in split(octets)))
            else:
                self.sent += [pdu.readHeader(one, 0).PTYPE for one in split(octets)]
                self.server.association.receiveData(octets)

    def sentByServer(self, octets: bytes) -> bool:
        kind = pdu.readHeader(octets, 0).PTYPE
        return kind in (
            pdu.BIND_ACK,
            pdu.BIND_NAK,
            pdu.ALTER_CONTEXT_RESP,
            pdu.RESPONSE,
            pdu.FAULT,
        )

    def call(self, stub: bytes, opnum: int = 0, change: Change = same) -> bytes | Exception:
        """What becomes of a call."""
        receiver = Receiver()
        self.client.request(opnum, stub, receiver)
        self.pump(change)
        (outcome,) = receiver.told
        return outcome

    def failure(self) -> str:
        """Why the client has ended."""
        assert isinstance(self.events[-1], AssociationFailed), self.events
        return str(self.events[-1])


class Established(TestCase):
    def test_calls(self) -> None:
        """Each provider at each level proves itself in its legs, and calls of any size go on."""
        legs = {
            ntlmInitiator: [pdu.BIND, pdu.AUTH3],
            spnegoInitiator: [pdu.BIND, pdu.ALTER_CONTEXT],
        }
        for make, expected in legs.items():
            for level in LEVELS:
                both = Both(make(level), minimum=level)
                both.pump()
                self.assertEqual(both.events, ["bound"])
                self.assertEqual(both.sent, expected)
                for size in (0, 1, 16, 5000, 20_000):
                    stub = bytes(range(250)) * (size // 250) + bytes(size % 250)
                    self.assertEqual(both.call(stub), stub)
                self.assertEqual(both.server.principal, "DOM\\alice")
                self.assertEqual(both.server.authLevel, level)

    def test_counted(self) -> None:
        """Both sides count the same PDUs and calls, sealed or not."""
        makers = (lambda level: None, ntlmInitiator, spnegoInitiator)
        for make in makers:
            for level in LEVELS:
                both = Both(make(level))
                both.pump()
                for size in (0, 16, 20_000):
                    both.call(bytes(size))
                both.call(b"", 99)
                callsIn, callsOut, pktsIn, pktsOut = both.statistics.vector()
                self.assertEqual((callsIn, callsOut), (0, 4))
                self.assertEqual(both.server.endpoint.statistics.vector(), (4, 0, pktsOut, pktsIn))
                self.assertEqual(pktsOut, len(both.sent))

    def test_waitingCalls(self) -> None:
        """A call that is made while the client proves itself goes out sealed, after the legs."""
        for make in (ntlmInitiator, spnegoInitiator):
            both = Both(make(6))
            receiver = Receiver()
            both.client.request(0, b"stub", receiver)
            both.pump()
            self.assertEqual(receiver.told, [b"stub"])

    def test_preferringKerberos(self) -> None:
        """More legs are more alter_contexts."""
        both = Both(spnegoInitiator(6, None, KERBEROS))
        both.pump()
        self.assertEqual(both.sent, [pdu.BIND, pdu.ALTER_CONTEXT, pdu.ALTER_CONTEXT])
        self.assertEqual(both.call(b"stub"), b"stub")

    def test_sealed(self) -> None:
        """At PKT_PRIVACY nobody on the way reads the stub."""
        seen = b""

        def keep(octets: bytes) -> bytes:
            nonlocal seen
            seen += octets
            return octets

        both = Both(spnegoInitiator(6))
        both.pump()
        self.assertEqual(both.call(b"a secret of both", change=keep), b"a secret of both")
        self.assertNotIn(b"a secret of both", seen)

    def test_faults(self) -> None:
        """A fault, which servers do not protect, fails its call and nothing more."""
        both = Both(ntlmInitiator(6))
        both.pump()
        outcome = both.call(b"", 1)
        assert isinstance(outcome, Fault)
        self.assertEqual(outcome.status, 0x6F7)
        self.assertEqual(both.call(b"stub"), b"stub")

    def test_slowProvider(self) -> None:
        """A provider may think: its answers are sent when it has, and say that there is output."""
        slow = Slow(spnegoInitiator(6))
        both = Both(slow)
        both.pump()
        self.assertEqual(both.sent, [])
        for _ in range(3):
            slow.held.pop()()
            self.assertEqual(both.events.pop(), "flush")
            both.pump()
        self.assertEqual(both.events, ["bound"])
        self.assertEqual(both.call(b"stub"), b"stub")

    def test_endedMeanwhile(self) -> None:
        """What a provider answers after the end is dropped."""
        slow = Slow(spnegoInitiator(6))
        both = Both(slow)
        both.client.end(AssociationFailed("enough"))
        slow.held.pop()()
        self.assertEqual(both.failure(), "enough")
        self.assertEqual(both.client.takeOutput(), b"")

    def test_withoutSecurity(self) -> None:
        """Without a context nothing is proven and nothing protected."""
        both = Both(None)
        both.pump()
        self.assertEqual(both.sent, [pdu.BIND])
        self.assertEqual(both.call(b"stub"), b"stub")
        self.assertIsNone(both.server.principal)


class Refused(TestCase):
    def test_wrongPassword(self) -> None:
        """SPNEGO's refusal ends the handshake; NTLM's, which has no leg, the first call."""
        who = account(ntHash=bytes(16))
        both = Both(spnegoInitiator(6, who))
        both.pump()
        self.assertIn("refuses the logon", both.failure())
        self.assertIsInstance(both.events[-1], LogonFailed)
        both = Both(ntlmInitiator(6, who))
        both.pump()
        outcome = both.call(b"stub")
        assert isinstance(outcome, Fault)
        self.assertEqual(outcome.status, ERROR_ACCESS_DENIED)

    def test_bindNak(self) -> None:
        """A server that knows no providers refuses the bind; the reason tells of the logon."""
        both = Both(spnegoInitiator(6))
        both.client.receiveData(nak(8).encode())
        self.assertIn("refuses a bind with a logon, reason 8", both.failure())
        self.assertIsInstance(both.events[-1], LogonFailed)
        both = Both(None)
        both.client.receiveData(nak(8).encode())
        self.assertNotIsInstance(both.events[-1], LogonFailed)

    def test_unsignedHeaders(self) -> None:
        """A mechanism that wants headers signed is proven to nobody who does not sign them."""

        class Wanting(NTLMInitiator):
            needsHeaderSigning = True

        def unsigned(octets: bytes) -> bytes:
            return octets[:3] + bytes([octets[3] & ~pdu.PFC_SUPPORT_HEADER_SIGN]) + octets[4:]

        for negotiated in (False, True):
            for change in (same, unsigned):
                context: ISecurityContext = Wanting(account(), 6)
                if negotiated:
                    mechanism = Choice(NTLMSSP, lambda: Wanting(account(), 6))
                    context = SPNEGOInitiator([mechanism], 6)
                both = Both(context)
                both.pump(change)
                if change is same:
                    self.assertEqual(both.call(b"stub"), b"stub")
                else:
                    self.assertIn("does not sign headers", both.failure())
                    self.assertIsInstance(both.events[-1], LogonFailed)

    def test_lowerLevel(self) -> None:
        """A server that answers at a lower level is refused before anything is proven to it."""

        def lower(octets: bytes) -> bytes:
            found = pdu.decode(octets)
            verifier = attrs.evolve(found.auth_verifier, auth_level=5)
            return attrs.evolve(found, auth_verifier=verifier).encode()

        for make, provider in ((ntlmInitiator, 10), (spnegoInitiator, 9)):
            both = Both(make(6))
            both.pump(lower)
            self.assertIn(f"provider {provider}, level 5, asked was {provider}, 6", both.failure())
            self.assertIsInstance(both.events[-1], LogonFailed)
            self.assertEqual(both.sent, [pdu.BIND])

    def test_everyOctetOfAResponse(self) -> None:
        """No response gets through of which an octet was changed."""
        for make in (ntlmInitiator, spnegoInitiator):
            for level in PROTECTING:
                both = Both(make(level))
                both.pump()
                size = 24 + 16 + 8 + 16
                for place in range(size):
                    both = Both(make(level))
                    both.pump()

                    def flip(octets: bytes, place: int = place) -> bytes:
                        changed = bytearray(octets)
                        changed[place] ^= 1
                        return bytes(changed)

                    receiver = Receiver()
                    both.client.request(0, b"stub", receiver)
                    both.pump(flip)
                    self.assertNotIn(b"stub", receiver.told, f"octet {place}")
                    self.assertFalse([each for each in receiver.told if isinstance(each, bytes)])

    def test_unprotected(self) -> None:
        """A response in the clear is refused where it must be sealed, in one piece or in many."""
        for flags in (pdu.WHOLE, pdu.PFC_FIRST_FRAG):
            both = Both(ntlmInitiator(6))
            both.pump()
            plain = pdu.Response(
                call_id=2, pfc_flags=flags, alloc_hint=4, p_cont_id=0, stub=b"stub"
            ).encode()
            outcome = both.call(b"stub", change=lambda octets, plain=plain: plain)
            self.assertIsInstance(outcome, AssociationFailed)
            self.assertIn("without verifier", both.failure())

    def test_anotherContext(self) -> None:
        """A verifier of another type, level or context is refused, in a leg and in a response."""
        for at in (0, 1, 4):

            def other(octets: bytes, at: int = at) -> bytes:
                size = pdu.readHeader(octets, 0).auth_length
                trailer = len(octets) - size - 8 + at
                return octets[:trailer] + b"\x05" + octets[trailer + 1 :]

            both = Both(spnegoInitiator(6))
            both.pump(other)
            self.assertIn("another security context", both.failure())
            both = Both(spnegoInitiator(6))
            both.pump()
            self.assertIsInstance(both.call(b"stub", change=other), AssociationFailed)
            self.assertIn("another security context", both.failure())

    def test_replayed(self) -> None:
        """A response that comes once more, for another call, is refused."""
        both = Both(spnegoInitiator(6))
        both.pump()
        seen: list[bytes] = []

        def keep(octets: bytes) -> bytes:
            seen.append(octets)
            return octets

        both.call(b"first", change=keep)
        again = seen[0][:12] + b"\x05\0\0\0" + seen[0][16:]
        self.assertIsInstance(
            both.call(b"other", change=lambda octets: again[:12] + octets[12:16] + again[16:]),
            AssociationFailed,
        )

    def test_faultPutIn(self) -> None:
        """
        A fault, which nobody signs, can be put in: its call fails, and the right answer, which
        comes then, is not taken for that of the next call.
        """
        both = Both(spnegoInitiator(6))
        both.pump()
        first, second = Receiver(), Receiver()
        both.client.request(0, b"first", first)
        both.client.request(0, b"second", second)
        both.pump(lambda octets: fault(5, 2).encode() + octets)
        (outcome,) = first.told
        self.assertIsInstance(outcome, Fault)
        self.assertIn("an answer to call", both.failure())
        self.assertEqual(second.told, [both.events[-1]])

    def test_noAnswerToALeg(self) -> None:
        """A server that answers a leg without a token has not proven anything."""

        def bare(octets: bytes) -> bytes:
            return attrs.evolve(pdu.decode(octets), auth_verifier=None).encode()

        for make in (ntlmInitiator, spnegoInitiator):
            both = Both(make(6))
            both.pump(bare)
            self.assertIn("no verifier: it does not authenticate", both.failure())
            self.assertIsInstance(both.events[-1], LogonFailed)

    def test_refusedInterface(self) -> None:
        """An interface that is refused in a later leg ends the handshake."""

        def refuse(octets: bytes) -> bytes:
            found = pdu.decode(octets)
            if not isinstance(found, pdu.AlterContextResp):
                return octets
            results = (pdu.ContextResult(pdu.PROVIDER_REJECTION, 1),)
            return attrs.evolve(found, results=results).encode()

        both = Both(spnegoInitiator(6))
        both.pump(refuse)
        self.assertIn("refused", both.failure())

    def test_otherTransferSyntax(self) -> None:
        """A later leg cannot change the transfer syntax that the server has chosen."""
        chosen = pdu.ContextResult(pdu.ACCEPTANCE, 0, NDR64.syntaxID)

        def other(octets: bytes) -> bytes:
            found = pdu.decode(octets)
            if not isinstance(found, pdu.AlterContextResp):
                return octets
            return attrs.evolve(found, results=(chosen,)).encode()

        both = Both(spnegoInitiator(6))
        both.pump(other)
        self.assertIn("refused", both.failure())
        self.assertIs(both.client.transferSyntax, NDR)

    def test_impatientServer(self) -> None:
        """A PDU while the provider thinks breaks the protocol."""
        slow = Slow(spnegoInitiator(6))
        both = Both(slow)
        slow.held.pop()()
        both.pump()
        both.client.receiveData(fault(5).encode())
        self.assertIn("broke the protocol", both.failure())

    def test_faultWithVerifier(self) -> None:
        """A fault that is protected tells its status, and is the last that is taken."""
        both = Both(ntlmInitiator(6))
        both.pump()
        verifier = pdu.AuthVerifier(10, 6, 1, bytes(16))
        signed = attrs.evolve(fault(5, 2), auth_verifier=verifier).encode()
        outcome = both.call(b"stub", change=lambda octets: signed)
        self.assertIsInstance(outcome, Fault)
        self.assertIn("verifier", both.failure())

    def test_verifierUnasked(self) -> None:
        """Without a context a verifier breaks the protocol."""
        both = Both(None)
        both.pump()
        verifier = pdu.AuthVerifier(10, 6, 1, bytes(16))

        def sign(octets: bytes) -> bytes:
            return attrs.evolve(pdu.decode(octets), auth_verifier=verifier).encode()

        self.assertIsInstance(both.call(b"stub", change=sign), AssociationFailed)
