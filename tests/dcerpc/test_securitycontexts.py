"""Tests for tapiproxy.dcerpc.securitycontexts, through an association and a provider for tests."""

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.interface import (
    ERROR_ACCESS_DENIED,
    RPC_C_AUTHN_LEVEL_CONNECT,
    RPC_C_AUTHN_LEVEL_PKT,
    RPC_C_AUTHN_LEVEL_PKT_INTEGRITY,
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
    RPC_S_SEC_PKG_ERROR,
    nca_s_op_rng_error,
    nca_s_proto_error,
)
from tapiproxy.dcerpc.security import IAuthenticationService, ISecurityContext, NoAuthentication
from tapiproxy.dcerpc.securitycontexts import MAX_SECURITY_CONTEXTS
from tests.dcerpc.conversation import Conversation, ack, alterAck, fault, nak, response
from tests.dcerpc.pdus import (
    DNE,
    FIRST,
    LAST,
    alter,
    bind,
    context,
    request,
    split,
)
from tests.dcerpc.toysecurity import TOKEN_SIZE, TOY, ToyClient, ToyContext, ToyService

HDR = pdu.PFC_SUPPORT_HEADER_SIGN
PROTECTING = (
    RPC_C_AUTHN_LEVEL_PKT,
    RPC_C_AUTHN_LEVEL_PKT_INTEGRITY,
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
)


def auth3(verifier: pdu.AuthVerifier) -> bytes:
    """An auth3."""
    return pdu.Auth3(call_id=1, auth_verifier=verifier).encode()


class Seam(TestCase):
    """The two interfaces."""

    def test_fakes(self) -> None:
        """The provider for tests has all that the seam asks for."""
        service = ToyService()
        verifyObject(IAuthenticationService, service)
        verifyObject(ISecurityContext, service.newContext(TOY, 6, "peer"))
        verifyObject(ISecurityContext, ToyContext(6, []))

    def test_noAuthentication(self) -> None:
        """The service that knows no provider has all that the seam asks for."""
        verifyObject(IAuthenticationService, NoAuthentication())


class Legs(TestCase):
    """Handshakes."""

    def setUp(self) -> None:
        self.service = ToyService()
        self.conversation = Conversation(self.service)
        self.client = ToyClient(level=RPC_C_AUTHN_LEVEL_CONNECT)

    def principals(self) -> list[object]:
        return [call.principal for call in self.conversation.calls]

    def test_one(self) -> None:
        """A context may be established by bind alone; its answer is a bare sec_trailer."""
        octets = self.conversation.raw(bind(verifier=self.client.verifier("alice")))
        self.assertEqual(pdu.decode(octets).auth_verifier, None)
        self.assertEqual(octets[-8:], bytes((TOY, 2, 0, 0, 1, 0, 0, 0)))
        self.assertEqual(self.conversation.say(request(b"x")), [response(b"x")])
        self.assertEqual(self.principals(), ["alice"])
        self.assertEqual(self.conversation.calls[0].authLevel, RPC_C_AUTHN_LEVEL_CONNECT)
        self.assertEqual(self.conversation.principal, "alice")
        self.assertEqual(self.conversation.authLevel, RPC_C_AUTHN_LEVEL_CONNECT)

    def test_afterABareBind(self) -> None:
        """Where bind has begun none, a later one does not speak for requests without verifier..."""
        for level in PROTECTING:
            self.setUp()
            client = ToyClient(level=level)
            answers = self.conversation.say(
                bind(), alter(), alter(verifier=client.verifier("alice")), request(b"x")
            )
            self.assertEqual(answers, [ack(), alterAck(), alterAck(), response(b"x")])
            self.assertEqual(self.conversation.principal, "alice")
            self.assertEqual(self.conversation.authLevel, level)
            self.conversation.raw(client.protect(request(b"y")))
            self.assertEqual(self.principals(), [None, "alice"])

    def test_connectAfterABareBind(self) -> None:
        """...unless it is one whose requests have no verifier: the first of these does."""
        protecting = ToyClient(2, level=RPC_C_AUTHN_LEVEL_PKT)
        later = ToyClient(3, level=RPC_C_AUTHN_LEVEL_CONNECT)
        self.conversation.say(bind(), request(b"x"))
        for client, name in ((protecting, "bob"), (self.client, "alice"), (later, "carol")):
            self.conversation.say(alter(verifier=client.verifier(name)), request(b"x"))
        self.assertEqual(self.principals(), [None, None, "alice", "alice"])
        self.assertEqual(self.conversation.principal, "bob")

    def test_afterABareAlterContext(self) -> None:
        """The context of bind speaks for them whatever comes later."""
        self.conversation.say(bind(verifier=self.client.verifier("alice")), alter())
        other = ToyClient(2)
        self.conversation.say(alter(verifier=other.verifier("bob")), request(b"x"))
        self.assertEqual(self.principals(), ["alice"])
        self.assertEqual(self.conversation.principal, "alice")

    def test_byAlterContext(self) -> None:
        """A token is answered in bind_ack; alter_context brings the next leg."""
        (answer,) = self.conversation.say(bind(verifier=self.client.verifier("hello")))
        self.assertEqual(answer.auth_verifier, self.client.verifier("who?"))
        self.assertEqual(self.conversation.principal, None)
        answers = self.conversation.say(alter(verifier=self.client.verifier("alice")), request())
        self.assertEqual(answers, [alterAck(), response()])
        self.assertEqual(self.principals(), ["alice"])

    def test_byAuth3(self) -> None:
        """auth3 brings a leg that has no answer."""
        self.conversation.say(bind(verifier=self.client.verifier("hello")))
        answers = self.conversation.say(auth3(self.client.verifier("alice")), request())
        self.assertEqual(answers, [response()])
        self.assertEqual(self.principals(), ["alice"])

    def test_failedAuth3(self) -> None:
        """What auth3 spoils is told to the first request: access denied, and the end."""
        other = ToyClient(level=RPC_C_AUTHN_LEVEL_PKT)
        for last in (
            self.client.verifier("mallory"),
            self.client.verifier("hello"),
            other.verifier("alice"),
            attrs.evolve(self.client.verifier("alice"), auth_type=9),
        ):
            self.setUp()
            self.conversation.say(bind(verifier=self.client.verifier("hello")))
            self.assertEqual(self.conversation.say(auth3(last)), [])
            self.assertEqual(self.conversation.ended, "")
            self.assertEqual(self.conversation.say(request()), [fault(ERROR_ACCESS_DENIED)])
            self.assertNotEqual(self.conversation.ended, "")

    def test_auth3OfAFailedContext(self) -> None:
        """A context that has failed gets no more legs."""
        self.conversation.say(bind(verifier=self.client.verifier("hello")))
        for _ in range(3):
            self.conversation.say(auth3(self.client.verifier("mallory")))
        self.assertEqual(self.service.contexts[0].steps, 2)
        self.conversation.say(auth3(self.client.verifier("alice")))
        self.assertEqual(self.conversation.say(request()), [fault(ERROR_ACCESS_DENIED)])

    def test_auth3TooMany(self) -> None:
        """An auth3 for a finished context, or for none, is a protocol error."""
        for identifier in (1, 2):
            self.setUp()
            self.conversation.say(bind(verifier=self.client.verifier("alice")))
            answers = self.conversation.say(auth3(ToyClient(identifier, 2).verifier("alice")))
            self.assertEqual(answers, [fault(nca_s_proto_error, flags=DNE)])

    def test_refusedInBind(self) -> None:
        """A refusal in bind is a bind_nak with the provider's reason."""
        for verifier, reason in (
            (self.client.verifier("mallory"), pdu.NAK_INVALID_CHECKSUM),
            (attrs.evolve(self.client.verifier("alice"), auth_type=10), 8),
            (attrs.evolve(self.client.verifier("alice"), auth_level=3), pdu.NAK_INVALID_CHECKSUM),
            (attrs.evolve(self.client.verifier("alice"), auth_level=1), 0),
            (attrs.evolve(self.client.verifier("alice"), auth_level=7), 0),
        ):
            self.setUp()
            self.assertEqual(self.conversation.say(bind(verifier=verifier)), [nak(reason)])
            self.assertNotEqual(self.conversation.ended, "")
            self.assertFalse(self.conversation.association.bound)

    def test_refusedInAlterContext(self) -> None:
        """A refusal in alter_context, or a leg that does not fit, is a fault and the end."""
        hello = self.client.verifier("hello")
        finished = self.client.verifier("alice")
        for first, second, status in (
            (hello, self.client.verifier("mallory"), ERROR_ACCESS_DENIED),
            (finished, finished, ERROR_ACCESS_DENIED),
            (hello, attrs.evolve(finished, auth_level=5), ERROR_ACCESS_DENIED),
            (hello, attrs.evolve(finished, auth_type=16), RPC_S_SEC_PKG_ERROR),
            (hello, attrs.evolve(finished, auth_type=0), ERROR_ACCESS_DENIED),
        ):
            self.setUp()
            self.conversation.say(bind(verifier=first))
            answers = self.conversation.say(alter(verifier=second))
            self.assertEqual(answers, [fault(status, flags=DNE)])
            self.assertNotEqual(self.conversation.ended, "")

    def test_brokenAlterContextChangesNothing(self) -> None:
        """The contexts proposed with a leg that is refused do not come to be."""
        self.conversation.say(bind(verifier=self.client.verifier("hello")))
        self.conversation.say(alter(context(9), verifier=self.client.verifier("mallory")))
        self.assertNotIn(9, self.conversation.association._presentations)

    def test_unfinished(self) -> None:
        """A request before the last leg is a protocol error that executed nothing."""
        for verifier in (None, self.client.verifier("x")):
            self.setUp()
            self.conversation.say(bind(verifier=self.client.verifier("hello")))
            answers = self.conversation.say(request(verifier=verifier))
            self.assertEqual(answers, [fault(nca_s_proto_error, flags=DNE)])
            self.assertEqual(self.conversation.calls, [])

    def test_tooMany(self) -> None:
        """An association has so many security contexts; one more is a protocol error."""
        self.conversation.say(bind())
        for identifier in range(MAX_SECURITY_CONTEXTS):
            leg = ToyClient(identifier, 2).verifier("alice")
            self.assertEqual(self.conversation.say(alter(verifier=leg)), [alterAck()])
        leg = ToyClient(999, 2).verifier("alice")
        answers = self.conversation.say(alter(verifier=leg))
        self.assertEqual(answers, [fault(nca_s_proto_error, flags=DNE)])
        self.assertEqual(len(self.service.contexts), MAX_SECURITY_CONTEXTS)


class SlowLegs(TestCase):
    """Providers that think."""

    def setUp(self) -> None:
        self.service = ToyService()
        self.conversation = Conversation(self.service)
        self.client = ToyClient(level=RPC_C_AUTHN_LEVEL_CONNECT)

    def test_inputWaits(self) -> None:
        """What comes after a leg waits for its answer, and is taken then."""
        answers = self.conversation.say(
            bind(verifier=self.client.verifier("slow alice")), request(b"1"), request(b"2")
        )
        self.assertEqual(answers, [])
        self.assertTrue(self.conversation.association.security.waiting)
        self.assertFalse(self.conversation.association.idle)
        self.assertEqual(self.conversation.say(request(b"3")), [])
        self.service.answers.pop()()
        self.assertEqual(self.conversation.resumed, 1)
        answers = self.conversation.say()
        self.assertEqual(answers, [ack(), response(b"1"), response(b"2"), response(b"3")])
        self.assertTrue(self.conversation.association.idle)

    def test_refusedLater(self) -> None:
        """A refusal that comes late ends the association, and what waited with it."""
        self.conversation.say(bind(verifier=self.client.verifier("slow mallory")), request())
        self.service.answers.pop()()
        self.assertEqual(self.conversation.say(), [nak(pdu.NAK_INVALID_CHECKSUM)])
        self.assertNotEqual(self.conversation.ended, "")
        self.assertEqual(self.conversation.calls, [])

    def test_slowAuth3(self) -> None:
        """The request behind an auth3 waits for it."""
        self.conversation.say(bind(verifier=self.client.verifier("hello")))
        answers = self.conversation.say(auth3(self.client.verifier("slow alice")), request(b"x"))
        self.assertEqual(answers, [])
        self.service.answers.pop()()
        self.assertEqual(self.conversation.say(), [response(b"x")])

    def test_goneMeanwhile(self) -> None:
        """An answer for a connection that has gone is dropped."""
        self.conversation.say(bind(verifier=self.client.verifier("slow alice")))
        self.conversation.association.connectionLost(self.fail)
        self.service.answers.pop()()
        self.assertEqual((self.conversation.say(), self.conversation.resumed), ([], 0))


class Levels(TestCase):
    """What a request must carry, by the level of its context."""

    def setUp(self) -> None:
        self.conversation = Conversation(ToyService())

    def bound(self, level: int, flags: int = pdu.WHOLE) -> ToyClient:
        client = ToyClient(level=level, headerSigning=bool(flags & HDR))
        self.conversation.say(bind(verifier=client.verifier("alice"), flags=flags))
        return client

    def answer(self, client: ToyClient, *sent: bytes) -> bytes:
        answers = split(self.conversation.raw(*sent))
        return b"".join(client.unprotect(each) for each in answers)

    def test_connect(self) -> None:
        """At CONNECT a verifier may come and is not looked at; answers have none."""
        client = self.bound(RPC_C_AUTHN_LEVEL_CONNECT)
        verifier = attrs.evolve(client.verifier("any"), auth_pad_length=5)
        answers = self.conversation.say(request(b"x"), request(b"y", verifier=verifier))
        self.assertEqual(answers, [response(b"x"), response(b"y")])

    def test_protected(self) -> None:
        """At PKT and above requests are verified, and answers protected, header signing or not."""
        for level in PROTECTING:
            for flags in (pdu.WHOLE, pdu.WHOLE | HDR):
                self.setUp()
                client = self.bound(level, flags)
                for size in (0, 1, 16, 100):
                    stub = bytes(range(size))
                    sent = client.protect(request(stub, callID=size), padding=-size % 16)
                    self.assertEqual(self.answer(client, sent), stub)
                self.assertEqual(self.conversation.stubs[3], bytes(range(100)))

    def test_paddingOfAnswers(self) -> None:
        """Protected stubs are padded with zeros to a multiple of 16."""
        client = self.bound(RPC_C_AUTHN_LEVEL_PKT_INTEGRITY)
        for size, padding in ((0, 0), (4, 12), (12, 4), (16, 0), (17, 15)):
            (octets,) = split(self.conversation.raw(client.protect(request(bytes(size)))))
            self.assertEqual(octets[-TOKEN_SIZE - 6], padding)
            self.assertEqual(len(octets), 24 + size + padding + 8 + TOKEN_SIZE)

    def test_fragments(self) -> None:
        """Each fragment of a long request and of its answer is protected by itself."""
        client = self.bound(RPC_C_AUTHN_LEVEL_PKT_PRIVACY, pdu.WHOLE | HDR)
        stub = bytes(range(256)) * 64
        pieces = [stub[start : start + 4096] for start in range(0, len(stub), 4096)]
        sent = [
            client.protect(request(piece, flags=(0 if n else FIRST) | (LAST if n == 3 else 0)))
            for n, piece in enumerate(pieces)
        ]
        answers = split(self.conversation.raw(*sent))
        self.assertGreater(len(answers), 2)
        for octets in answers:
            self.assertLessEqual(len(octets), 5840)
        self.assertEqual(b"".join(client.unprotect(octets) for octets in answers), stub)

    def test_answeredLater(self) -> None:
        """An answer that comes later is protected under the request's context too."""
        client = self.bound(RPC_C_AUTHN_LEVEL_PKT_PRIVACY)
        self.conversation.raw(client.protect(request(opnum=3)))
        self.conversation.calls[0].respond(b"late")
        self.assertEqual(self.answer(client), b"late")
        self.assertEqual(self.conversation.flushed, 1)

    def test_faultsAreBare(self) -> None:
        """Faults have no verifier."""
        client = self.bound(RPC_C_AUTHN_LEVEL_PKT_PRIVACY)
        answers = self.conversation.say(client.protect(request(opnum=99)))
        self.assertEqual(answers, [fault(nca_s_op_rng_error, flags=DNE)])

    def test_missingVerifier(self) -> None:
        """A request without the verifier that its level wants breaks the protocol."""
        for level in PROTECTING:
            self.setUp()
            self.bound(level)
            self.assertEqual(self.conversation.say(request()), [fault(nca_s_proto_error)])
            self.assertNotEqual(self.conversation.ended, "")

    def test_otherVerifier(self) -> None:
        """A verifier of another context, type or level is denied, and the end."""
        for other in (
            {"auth_context_id": 2},
            {"auth_type": 10},
            {"auth_type": 0},
            {"auth_level": RPC_C_AUTHN_LEVEL_PKT},
            {"auth_level": RPC_C_AUTHN_LEVEL_PKT_PRIVACY},
            {"auth_level": 111},
        ):
            self.setUp()
            client = self.bound(RPC_C_AUTHN_LEVEL_CONNECT)
            verifier = attrs.evolve(client.verifier("x"), **other)
            answers = self.conversation.say(request(verifier=verifier))
            self.assertEqual(answers, [fault(ERROR_ACCESS_DENIED)], other)
            self.assertNotEqual(self.conversation.ended, "")

    @given(st.sampled_from(PROTECTING), st.data())
    def test_anyChange(self, level: int, data: st.DataObject) -> None:
        """With any bit of a signed request changed, nothing is executed."""
        self.setUp()
        client = self.bound(level, pdu.WHOLE | HDR)
        octets = bytearray(client.protect(request(b"sixteen octets!!")))
        # frag_length is left alone: a longer PDU would have to be waited for.
        places = [place for place in range(len(octets)) if place not in (8, 9)]
        octets[data.draw(st.sampled_from(places))] ^= 1 << data.draw(st.integers(0, 7))
        self.conversation.say(bytes(octets))
        self.assertEqual(self.conversation.stubs, [])

    def test_replayed(self) -> None:
        """A request that comes twice is executed once."""
        client = self.bound(RPC_C_AUTHN_LEVEL_PKT)
        octets = client.protect(request(b"once"))
        self.conversation.raw(octets)
        self.assertEqual(self.conversation.say(octets), [fault(RPC_S_SEC_PKG_ERROR)])
        self.assertEqual(self.conversation.stubs, [b"once"])
        self.assertNotEqual(self.conversation.ended, "")


class Several(TestCase):
    """Several contexts on one association."""

    def setUp(self) -> None:
        self.conversation = Conversation(ToyService())
        self.alice = ToyClient(1, RPC_C_AUTHN_LEVEL_PKT_INTEGRITY)
        self.bob = ToyClient(2, RPC_C_AUTHN_LEVEL_PKT_PRIVACY)
        self.conversation.say(
            bind(verifier=self.alice.verifier("alice"), flags=pdu.WHOLE | pdu.PFC_CONC_MPX),
            alter(verifier=self.bob.verifier("bob")),
        )

    def test_eachItsOwn(self) -> None:
        """Each request comes under the context that it names, and is answered under it."""
        for client, name in ((self.bob, "bob"), (self.alice, "alice"), (self.bob, "bob")):
            (octets,) = split(self.conversation.raw(client.protect(request(b"x"))))
            self.assertEqual(client.unprotect(octets), b"x")
            self.assertEqual(self.conversation.calls[-1].principal, name)
            self.assertEqual(self.conversation.calls[-1].authLevel, client.level)

    def test_bindsOwn(self) -> None:
        """The connection itself is whose bind it was."""
        self.assertEqual(self.conversation.principal, "alice")

    def test_fragmentsOfTwo(self) -> None:
        """The fragments of a request come under one context."""
        self.conversation.raw(self.alice.protect(request(b"x", flags=FIRST)))
        answers = self.conversation.say(self.bob.protect(request(b"y", flags=LAST)))
        self.assertEqual(answers, [fault(RPC_S_SEC_PKG_ERROR)])
        self.assertEqual(self.conversation.endpoint.reassembling, 0)

    def test_bareFragment(self) -> None:
        """A later fragment without verifier breaks the protocol; the fault is the call's."""
        self.conversation.raw(self.alice.protect(request(b"x", flags=FIRST)))
        answers = self.conversation.say(request(b"y", flags=LAST, p_cont_id=111, opnum=111))
        self.assertEqual(answers, [fault(nca_s_proto_error)])

    def test_strayFragment(self) -> None:
        """A fragment that begins nothing is denied under an unknown context, wrong under one."""
        verifier = attrs.evolve(self.bob.verifier("x"), auth_context_id=111)
        answers = self.conversation.say(request(flags=0, verifier=verifier))
        self.assertEqual(answers, [fault(ERROR_ACCESS_DENIED)])
        self.setUp()
        answers = self.conversation.say(request(flags=0, verifier=self.bob.verifier("x")))
        self.assertEqual(answers, [fault(nca_s_proto_error)])


class Permits(TestCase):
    """What the service permits."""

    def test_unauthenticated(self) -> None:
        """A request without authentication is denied where it is not permitted; others go on."""
        conversation = Conversation(ToyService(minimum=RPC_C_AUTHN_LEVEL_PKT_PRIVACY))
        denied = fault(ERROR_ACCESS_DENIED, flags=DNE)
        answers = conversation.say(bind(), request(), request())
        self.assertEqual(answers, [ack(), denied, denied])
        client = ToyClient()
        conversation.say(alter(verifier=client.verifier("alice")))
        (octets,) = split(conversation.raw(client.protect(request(b"x"))))
        self.assertEqual(client.unprotect(octets), b"x")

    def test_levelTooLow(self) -> None:
        """A request at a level that is not permitted is denied, and the connection lives."""
        conversation = Conversation(ToyService(minimum=RPC_C_AUTHN_LEVEL_PKT_PRIVACY))
        client = ToyClient(level=RPC_C_AUTHN_LEVEL_PKT_INTEGRITY)
        conversation.say(bind(verifier=client.verifier("alice")))
        answers = conversation.say(client.protect(request()))
        self.assertEqual(answers, [fault(ERROR_ACCESS_DENIED, flags=DNE)])
        self.assertEqual((conversation.ended, conversation.stubs), ("", []))
