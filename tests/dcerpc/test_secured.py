"""Associations under NTLM and SPNEGO: from the bind to the last sealed response."""

import os
from collections.abc import Callable

import attrs
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.interface import (
    ERROR_ACCESS_DENIED,
    RPC_C_AUTHN_WINNT,
    RPC_S_SEC_PKG_ERROR,
    Fault,
    nca_s_proto_error,
)
from tapiproxy.dcerpc.security import ISecurityContext
from tests.dcerpc.conversation import Conversation, fault, nak
from tests.dcerpc.ntlmpeers import (
    LEVELS,
    PROTECTING,
    Accounts,
    Secured,
    account,
    legOf,
    ntlmInitiator,
    service,
    spnegoInitiator,
)
from tests.dcerpc.ntlmvectors import GOLDEN
from tests.dcerpc.pdus import DNE, FIRST, LAST, alter, bind, request, split

HDR = pdu.PFC_SUPPORT_HEADER_SIGN
MAKERS: tuple[Callable[[int], ISecurityContext], ...] = (ntlmInitiator, spnegoInitiator)


def auth3(verifier: pdu.AuthVerifier) -> bytes:
    """An auth3."""
    return pdu.Auth3(call_id=1, auth_verifier=verifier).encode()


def logOn(conversation: Conversation, secured: Secured) -> None:
    """Bind, and go through all legs as real clients do."""
    flags = pdu.WHOLE | (HDR if secured.headerSigning else 0)
    answer = conversation.raw(bind(verifier=secured.begin(), flags=flags))
    if secured.context.authType == RPC_C_AUTHN_WINNT:
        assert conversation.raw(auth3(secured.goOn(answer))) == b""
        return
    answer = conversation.raw(alter(verifier=secured.goOn(answer), flags=flags))
    legOf(secured.context, pdu.decode(answer).auth_verifier.auth_value)


class Established(TestCase):
    def test_calls(self) -> None:
        """Every provider at every level, with header signing and without: calls are answered."""
        for make in MAKERS:
            for level in LEVELS:
                for headerSigning in (False, True):
                    conversation = Conversation(service(minimum=level))
                    secured = Secured(make(level), headerSigning=headerSigning)
                    logOn(conversation, secured)
                    for callID in range(1, 6):
                        stub = bytes((callID,)) * callID
                        plain = request(stub, callID=callID)
                        if level in PROTECTING:
                            octets = conversation.raw(secured.protect(plain))
                            self.assertEqual(secured.unprotect(octets), stub)
                        else:
                            octets = conversation.raw(plain)
                            self.assertEqual(octets[24:], stub)
                    self.assertEqual(conversation.principal, "DOM\\alice")
                    self.assertEqual(conversation.authLevel, level)
                    self.assertEqual(conversation.calls[-1].principal, "DOM\\alice")
                    self.assertEqual(conversation.ended, "")

    def test_golden(self) -> None:
        """The captured first leg is understood in its PDU."""
        answer = pdu.decode(Conversation(service()).raw(GOLDEN.bind))
        self.assertIsInstance(answer, pdu.BindAck)
        self.assertEqual(answer.auth_verifier.auth_context_id, 2)
        self.assertEqual(answer.auth_verifier.auth_value[:12], GOLDEN.challenge[:12])

    def test_fragments(self) -> None:
        """Stubs of many fragments are sealed fragment by fragment, both ways."""
        for make in MAKERS:
            conversation = Conversation(service())
            secured = Secured(make(6))
            logOn(conversation, secured)
            parts = [bytes((number,)) * 4000 for number in range(5)]
            sent = [
                secured.protect(
                    request(part, flags=(0 if number else FIRST) | (LAST if number == 4 else 0))
                )
                for number, part in enumerate(parts)
            ]
            answers = split(conversation.raw(*sent))
            self.assertGreater(len(answers), 1)
            found = b"".join(secured.unprotect(answer) for answer in answers)
            self.assertEqual(found, b"".join(parts))

    def test_verifierAtConnect(self) -> None:
        """At CONNECT a request may have a verifier, which says nothing."""
        conversation = Conversation(service())
        secured = Secured(ntlmInitiator(2))
        logOn(conversation, secured)
        octets = conversation.raw(request(b"stub", verifier=secured.verifier(bytes(16))))
        self.assertEqual(octets[24:], b"stub")

    def test_several(self) -> None:
        """Contexts of several providers and levels stand beside each other on one association."""
        conversation = Conversation(service())
        first = Secured(ntlmInitiator(6), 1)
        logOn(conversation, first)
        others = [
            Secured(make(level), number)
            for number, (make, level) in enumerate(
                ((make, level) for make in MAKERS for level in PROTECTING), 2
            )
        ]
        for secured in others:
            answer = conversation.raw(alter(verifier=secured.begin()))
            if secured.context.authType == RPC_C_AUTHN_WINNT:
                conversation.raw(auth3(secured.goOn(answer)))
            else:
                answer = conversation.raw(alter(verifier=secured.goOn(answer)))
                legOf(secured.context, pdu.decode(answer).auth_verifier.auth_value)
        for secured in (*others, first, *reversed(others)):
            octets = conversation.raw(secured.protect(request(b"stub")))
            self.assertEqual(secured.unprotect(octets), b"stub")
        self.assertEqual({call.authLevel for call in conversation.calls}, set(PROTECTING))

    def test_later(self) -> None:
        """While accounts are looked up, requests wait; then they are answered."""
        accounts = Accounts()
        accounts.held = []
        conversation = Conversation(service(accounts))
        secured = Secured(ntlmInitiator(6))
        answer = conversation.raw(bind(verifier=secured.begin()))
        last = auth3(secured.goOn(answer))
        self.assertEqual(conversation.raw(last, secured.protect(request(b"stub"))), b"")
        accounts.held[0]()
        octets = conversation.association.takeOutput()
        self.assertEqual(secured.unprotect(octets), b"stub")

    def test_goneMeanwhile(self) -> None:
        """An answer of the accounts that comes after the end changes nothing."""
        accounts = Accounts()
        accounts.held = []
        conversation = Conversation(service(accounts))
        secured = Secured(ntlmInitiator(6))
        conversation.raw(auth3(secured.goOn(conversation.raw(bind(verifier=secured.begin())))))
        conversation.abort("gone")
        accounts.held[0]()
        self.assertEqual(conversation.resumed, 0)

    def test_octetByOctet(self) -> None:
        """A sealed request may come in any pieces."""
        conversation = Conversation(service())
        secured = Secured(spnegoInitiator(6))
        logOn(conversation, secured)
        for octet in secured.protect(request(b"stub")):
            conversation.association.receiveData(bytes((octet,)))
        self.assertEqual(secured.unprotect(conversation.association.takeOutput()), b"stub")


class Told(TestCase):
    """What the connection is told about refusals, so that an administrator reads why."""

    def told(self, conversation: Conversation) -> list[tuple[int, int, str, str]]:
        return conversation.refusedLogons

    def test_unknownProvider(self) -> None:
        """Of which provider there is none."""
        conversation = Conversation(service())
        conversation.raw(bind(verifier=pdu.AuthVerifier(16, 6, 1, b"token")))
        (told,) = self.told(conversation)
        self.assertEqual(told, (16, 6, "no security provider 16 here", ""))

    def test_noToken(self) -> None:
        """What the provider has against the first leg."""
        for authType in (9, 10):
            conversation = Conversation(service())
            conversation.raw(bind(verifier=pdu.AuthVerifier(authType, 6, 1, b"x")))
            ((provider, level, reason, user),) = self.told(conversation)
            self.assertEqual((provider, level, user), (authType, 6, ""))
            self.assertTrue(reason)

    def test_user(self) -> None:
        """Who was refused, once he has named himself: in an auth3 as in an alter_context."""
        who = account(ntHash=bytes(16))
        for make in (ntlmInitiator, spnegoInitiator):
            conversation = Conversation(service())
            secured = Secured(make(6, who))
            answer = conversation.raw(bind(verifier=secured.begin()))
            last = secured.goOn(answer)
            conversation.raw(auth3(last) if make is ntlmInitiator else alter(verifier=last))
            ((_, _, reason, user),) = self.told(conversation)
            self.assertEqual((reason, user), ("logon failure", "DOM\\alice"))

    def test_weakFlags(self) -> None:
        """What is wrong with a logon that no account is asked about."""
        conversation = Conversation(service())
        secured = Secured(ntlmInitiator(2))
        answer = conversation.raw(bind(verifier=attrs.evolve(secured.begin(), auth_level=6)))
        token = bytearray(secured.goOn(answer).auth_value)
        token[60:64] = bytes(4)
        last = pdu.AuthVerifier(10, 6, 1, bytes(token))
        conversation.raw(auth3(last))
        ((_, _, reason, user),) = self.told(conversation)
        self.assertIn("too weak for level 6", reason)
        self.assertTrue(user.endswith("alice"))

    def test_lastLegOfAnother(self) -> None:
        """An auth3 of another level, and one whose token wants an answer."""
        for make, level, word in ((ntlmInitiator, 5, "or level"), (spnegoInitiator, 6, "answer")):
            conversation = Conversation(service())
            secured = Secured(make(6))
            answer = conversation.raw(bind(verifier=secured.begin()))
            conversation.raw(auth3(attrs.evolve(secured.goOn(answer), auth_level=level)))
            ((_, _, reason, _),) = self.told(conversation)
            self.assertIn(word, reason)

    def test_nothing(self) -> None:
        """A logon that succeeds and calls that are permitted are not told."""
        for make in MAKERS:
            conversation = Conversation(service(minimum=6))
            secured = Secured(make(6))
            logOn(conversation, secured)
            conversation.raw(secured.protect(request(b"stub")))
            self.assertEqual((self.told(conversation), conversation.refusedCalls), ([], []))

    def test_calls(self) -> None:
        """The level of each call that is refused for it; none where nobody has logged on."""
        conversation = Conversation(service(minimum=6))
        conversation.raw(bind(), request(b"stub"))
        secured = Secured(ntlmInitiator(5))
        answer = conversation.raw(alter(verifier=secured.begin()))
        conversation.raw(auth3(secured.goOn(answer)))
        conversation.raw(secured.protect(request(b"stub")))
        self.assertEqual(conversation.refusedCalls, [1, 5])

    def test_mechanism(self) -> None:
        """By what the client of a call has logged on."""
        for make, words in ((ntlmInitiator, "NTLM"), (spnegoInitiator, "Negotiate (NTLM)")):
            conversation = Conversation(service())
            secured = Secured(make(6))
            logOn(conversation, secured)
            conversation.raw(secured.protect(request(b"stub")))
            (call,) = conversation.calls
            self.assertEqual(call.mechanism, words)


class Refused(TestCase):
    def test_wrongPassword(self) -> None:
        """A failed logon is told where it can be: after auth3 to the first request."""
        who = account(ntHash=bytes(16))
        conversation = Conversation(service())
        secured = Secured(ntlmInitiator(6, who))
        logOn(conversation, secured)
        self.assertEqual(
            conversation.say(secured.protect(request(b"stub"))), [fault(ERROR_ACCESS_DENIED)]
        )
        self.assertTrue(conversation.ended)
        self.assertEqual(conversation.calls, [])

        conversation = Conversation(service())
        secured = Secured(spnegoInitiator(6, who))
        answer = conversation.raw(bind(verifier=secured.begin()))
        self.assertEqual(
            conversation.say(alter(verifier=secured.goOn(answer))),
            [fault(ERROR_ACCESS_DENIED, flags=DNE)],
        )
        self.assertTrue(conversation.ended)

    def test_noToken(self) -> None:
        """A first leg that is no token is refused with the bind."""
        for authType in (9, 10):
            for token in (b"x", b"NTLMSSP\0", bytes(64)):
                conversation = Conversation(service())
                verifier = pdu.AuthVerifier(authType, 6, 1, token)
                self.assertEqual(
                    conversation.say(bind(verifier=verifier)),
                    [nak(pdu.NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED)],
                )
                self.assertTrue(conversation.ended)

    def test_lowerLevel(self) -> None:
        """An interface that wants more than a context has is not called."""
        for level in LEVELS[:-1]:
            conversation = Conversation(service(minimum=6))
            secured = Secured(ntlmInitiator(level))
            logOn(conversation, secured)
            plain = request(b"stub")
            sent = secured.protect(plain) if level in PROTECTING else plain
            self.assertEqual(conversation.say(sent), [fault(ERROR_ACCESS_DENIED, flags=DNE)])
            self.assertEqual(conversation.calls, [])

    def test_unfinished(self) -> None:
        """A request between the legs is refused."""
        for make in MAKERS:
            conversation = Conversation(service())
            secured = Secured(make(6))
            conversation.raw(bind(verifier=secured.begin()))
            verifier = secured.verifier(bytes(16))
            self.assertEqual(
                conversation.say(request(b"stub", verifier=verifier)),
                [fault(nca_s_proto_error, flags=DNE)],
            )

    def test_auth3InPlaceOfAlter(self) -> None:
        """SPNEGO's last leg has an answer, which an auth3 cannot have."""
        conversation = Conversation(service())
        secured = Secured(spnegoInitiator(6))
        answer = conversation.raw(bind(verifier=secured.begin()))
        conversation.raw(auth3(secured.goOn(answer)))
        verifier = secured.verifier(bytes(16))
        self.assertEqual(
            conversation.say(request(b"stub", verifier=verifier)), [fault(ERROR_ACCESS_DENIED)]
        )

    def test_unprotected(self) -> None:
        """Who may protect his requests must."""
        for make in MAKERS:
            for level in PROTECTING:
                conversation = Conversation(service())
                secured = Secured(make(level))
                logOn(conversation, secured)
                self.assertEqual(conversation.say(request(b"x")), [fault(nca_s_proto_error)])
                self.assertEqual(conversation.calls, [])

    def test_anotherLevel(self) -> None:
        """A request of another level than its context is refused."""
        for one in PROTECTING:
            for other in LEVELS:
                if one == other:
                    continue
                conversation = Conversation(service())
                secured = Secured(ntlmInitiator(one))
                logOn(conversation, secured)
                secured.context.authLevel = other
                sent = secured.protect(request(b"stub"))
                self.assertEqual(conversation.say(sent), [fault(ERROR_ACCESS_DENIED)])

    def test_everyBit(self) -> None:
        """No request gets through of which a bit was flipped, whatever is in that place."""
        for make in MAKERS:
            for level in PROTECTING:
                for headerSigning in (False, True):
                    self.flip(make, level, headerSigning)

    def flip(
        self, make: Callable[[int], ISecurityContext], level: int, headerSigning: bool
    ) -> None:
        secured = Secured(make(level), headerSigning=headerSigning)
        logOn(Conversation(service()), secured)
        size = len(secured.protect(request(b"stub")))
        for place in range(size):
            conversation = Conversation(service())
            secured = Secured(make(level), headerSigning=headerSigning)
            logOn(conversation, secured)
            octets = bytearray(secured.protect(request(b"stub")))
            octets[place] ^= 1 << place % 8
            conversation.raw(bytes(octets))
            self.assertEqual(conversation.calls, [], f"octet {place}")

    def test_replayed(self) -> None:
        """A request that comes twice is answered once, and ends the association."""
        for make in MAKERS:
            for level in PROTECTING:
                conversation = Conversation(service())
                secured = Secured(make(level))
                logOn(conversation, secured)
                sent = secured.protect(request(b"stub"))
                conversation.raw(sent)
                self.assertEqual(conversation.say(sent), [fault(RPC_S_SEC_PKG_ERROR)])
                self.assertEqual(len(conversation.calls), 1)
                self.assertTrue(conversation.ended)

    def test_reordered(self) -> None:
        """Requests that change places on the way are refused."""
        conversation = Conversation(service())
        secured = Secured(spnegoInitiator(6))
        logOn(conversation, secured)
        first = secured.protect(request(b"first"))
        second = secured.protect(request(b"second", callID=2))
        self.assertEqual(conversation.say(second, first), [fault(RPC_S_SEC_PKG_ERROR, 2)])

    def test_ofAnotherAssociation(self) -> None:
        """What one association was sent is nothing to another one of the same client."""
        shared = service()
        who = attrs.evolve(account(), random=os.urandom)
        found = []
        for _ in range(2):
            conversation = Conversation(shared)
            secured = Secured(ntlmInitiator(6, who))
            logOn(conversation, secured)
            found.append((conversation, secured))
        (_, secured), (conversation, _) = found
        self.assertEqual(
            conversation.say(secured.protect(request(b"stub"))), [fault(RPC_S_SEC_PKG_ERROR)]
        )

    def test_responses(self) -> None:
        """A client refuses a response that comes twice."""
        for make in MAKERS:
            for level in PROTECTING:
                conversation = Conversation(service())
                secured = Secured(make(level))
                logOn(conversation, secured)
                octets = conversation.raw(secured.protect(request(b"stub")))
                self.assertEqual(secured.unprotect(octets), b"stub")
                self.assertRaises(Fault, secured.unprotect, octets)
