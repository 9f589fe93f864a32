"""Which mechanism is chosen, who can tell that nobody on the way chose it, and both sides of it."""

from collections.abc import Callable

import attrs
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from tapiproxy.dcerpc.interface import AuthenticationFailed
from tapiproxy.dcerpc.ntlm import NTLMAcceptor
from tapiproxy.dcerpc.ntlmmessages import SIGNATURE
from tapiproxy.dcerpc.pdu import NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED
from tapiproxy.dcerpc.security import ISecurityContext
from tapiproxy.dcerpc.spnego import SPNEGOAcceptor
from tapiproxy.dcerpc.spnegoinitiator import Choice, SPNEGOInitiator
from tapiproxy.dcerpc.spnegotokens import (
    KERBEROS,
    MS_KERBEROS,
    NTLMSSP,
    NegState,
    NegTokenInit,
    NegTokenResp,
    decodeInit,
    decodeResp,
)
from tests.dcerpc.ntlmpeers import (
    LEVELS,
    PROTECTING,
    Accounts,
    Slow,
    account,
    answerOf,
    legOf,
    ntlmAcceptor,
    ntlmInitiator,
    server,
    shake,
    spnegoAcceptor,
    spnegoInitiator,
)
from tests.dcerpc.ntlmvectors import GOLDEN

OTHER = bytes.fromhex("06022a03")


def init(change: Callable[[NegTokenInit], NegTokenInit]) -> Callable[[int, bytes], bytes]:
    """What changes the client's first token on its way."""
    return lambda leg, token: token if leg else change(decodeInit(token)).encode()


def resp(number: int, **fields: object) -> Callable[[int, bytes], bytes]:
    """What changes fields of a later token on its way."""
    return lambda leg, token: (
        attrs.evolve(decodeResp(token), **fields).encode() if leg == number else token
    )


class Seam(TestCase):
    def test_provided(self) -> None:
        """Both sides have all that an association asks for."""
        for level in LEVELS:
            client, acceptor = spnegoInitiator(level), spnegoAcceptor(level)
            self.assertIsNone(acceptor.principal)
            self.assertIsNone(client.principal)
            shake(client, acceptor)
            verifyObject(ISecurityContext, client)
            verifyObject(ISecurityContext, acceptor)


class Unable(Slow):
    """A mechanism that cannot begin."""

    def __init__(self, context: ISecurityContext, reason: str) -> None:
        super().__init__(context)
        self.reason = reason

    def step(self, token: bytes, done: Callable[[bytes | AuthenticationFailed], None]) -> None:
        """Refuse."""
        done(AuthenticationFailed(self.reason, reason=8))


class Negotiating(TestCase):
    def reads(self, client: ISecurityContext, acceptor: ISecurityContext) -> None:
        for _ in range(2):
            for sender, receiver in ((client, acceptor), (acceptor, client)):
                body, token = sender.protect(b"head", b"body", b"trailer", True)
                self.assertEqual(len(token), sender.tokenSize)
                clear = receiver.unprotect(b"head", body, b"trailer", token, True)
                self.assertEqual(clear, b"body")

    def test_ntlm(self) -> None:
        """NTLM in four tokens; the list is signed where PDUs are, and what is sealed is read."""
        for level in LEVELS:
            client, acceptor = spnegoInitiator(level), spnegoAcceptor(level)
            tokens = shake(client, acceptor)
            self.assertEqual(len(tokens), 4)
            self.assertTrue(client.complete and acceptor.complete)
            self.assertEqual(acceptor.principal, "DOM\\alice")
            first, last = decodeResp(tokens[1]), decodeResp(tokens[3])
            self.assertIs(first.negState, NegState.ACCEPT_INCOMPLETE)
            self.assertEqual(first.supportedMech, NTLMSSP)
            self.assertIs(last.negState, NegState.ACCEPT_COMPLETED)
            for token in tokens[2:]:
                self.assertEqual(decodeResp(token).mechListMIC is not None, level in PROTECTING)
            if level in PROTECTING:
                self.reads(client, acceptor)

    def test_preferringAnother(self) -> None:
        """A client that likes Kerberos better is asked to sign its list, and to begin anew."""
        for level in LEVELS:
            client = spnegoInitiator(level, None, KERBEROS, OTHER)
            acceptor = spnegoAcceptor(level)
            tokens = shake(client, acceptor)
            self.assertEqual(len(tokens), 6)
            asked = decodeResp(tokens[1])
            self.assertIs(asked.negState, NegState.REQUEST_MIC)
            self.assertEqual(asked.supportedMech, NTLMSSP)
            self.assertIsNone(asked.responseToken)
            if level in PROTECTING:
                self.reads(client, acceptor)

    def test_mechanismThatCannotBegin(self) -> None:
        """What has no ticket is not offered; if nothing can begin, all reasons are told."""

        def without(reason: str) -> Choice:
            return Choice(KERBEROS, lambda: Unable(ntlmInitiator(6), reason))

        client = SPNEGOInitiator(
            [without("a"), without("b"), Choice(NTLMSSP, lambda: ntlmInitiator(6))], 6
        )
        acceptor = spnegoAcceptor(6)
        tokens = shake(client, acceptor)
        self.assertEqual(decodeInit(tokens[0]).mechTypes, (NTLMSSP,))
        self.reads(client, acceptor)
        client = SPNEGOInitiator([without("a"), without("b")], 6)
        failure = answerOf(client, b"")
        self.assertEqual(str(failure), "a; b")
        self.assertIsNone(client.mechanism)

    def test_firstMechanismThatIsKnown(self) -> None:
        """The client's order counts."""
        chosen: list[bytes] = []
        shared = server()

        def made(name: bytes) -> Callable[[], NTLMAcceptor]:
            def make() -> NTLMAcceptor:
                chosen.append(name)
                return ntlmAcceptor(6, shared)

            return make

        known = {NTLMSSP: made(NTLMSSP), KERBEROS: made(KERBEROS)}
        for before, expected in (
            ((), NTLMSSP),
            ((KERBEROS,), KERBEROS),
            ((OTHER, MS_KERBEROS), KERBEROS),
            ((MS_KERBEROS, KERBEROS), KERBEROS),
        ):
            shake(spnegoInitiator(6, None, *before), SPNEGOAcceptor(known, 6))
            self.assertEqual(chosen.pop(), expected)
            self.assertEqual(chosen, [])

    def test_bothNamesOfKerberos(self) -> None:
        """A message for Kerberos under its one name will do under the other."""
        shared = server()
        acceptor = SPNEGOAcceptor({KERBEROS: lambda: ntlmAcceptor(6, shared)}, 6)
        client = spnegoInitiator(6, None, MS_KERBEROS, KERBEROS)
        tokens = shake(client, acceptor)
        self.assertEqual(len(tokens), 4)
        self.assertEqual(decodeResp(tokens[1]).supportedMech, MS_KERBEROS)

    def test_withoutFirstMessage(self) -> None:
        """A client may wait for the choice before it begins."""
        inner, acceptor = ntlmInitiator(6), spnegoAcceptor(6)
        answer = decodeResp(legOf(acceptor, NegTokenInit(mechTypes=(NTLMSSP,)).encode()))
        self.assertEqual(answer.supportedMech, NTLMSSP)
        self.assertIsNone(answer.responseToken)
        token = NegTokenResp(responseToken=legOf(inner, b"")).encode()
        challenge = decodeResp(legOf(acceptor, token)).responseToken
        assert challenge is not None
        self.assertTrue(challenge.startswith(SIGNATURE))

    def test_bare(self) -> None:
        """NTLM's own messages under the same type are answered with NTLM's own."""
        for level in LEVELS:
            client, acceptor = ntlmInitiator(level), spnegoAcceptor(level)
            tokens = shake(client, acceptor)
            self.assertEqual(len(tokens), 3)
            self.assertTrue(all(token.startswith(SIGNATURE) for token in tokens))
            self.assertEqual(acceptor.principal, "DOM\\alice")
            if level in PROTECTING:
                self.reads(client, acceptor)

    def test_later(self) -> None:
        """Accounts that answer later keep the client waiting until then."""
        for make in (spnegoInitiator, ntlmInitiator):
            accounts = Accounts()
            accounts.held = []
            client, acceptor = make(6), spnegoAcceptor(6, accounts=accounts)
            token = legOf(client, legOf(acceptor, legOf(client, b"")))
            outcomes: list[bytes | AuthenticationFailed] = []
            acceptor.step(token, outcomes.append)
            self.assertEqual((outcomes, acceptor.complete), ([], False))
            accounts.held[0]()
            self.assertEqual(len(outcomes), 1)
            self.assertTrue(acceptor.complete)


class Refusing(TestCase):
    def refused(
        self,
        change: Callable[[int, bytes], bytes],
        *before: bytes,
        level: int = 6,
        reason: str = "",
    ) -> None:
        """Nobody gets in whose tokens are changed."""
        client, acceptor = spnegoInitiator(level, None, *before), spnegoAcceptor(level)
        failure = self.assertRaises(AuthenticationFailed, shake, client, acceptor, change)
        self.assertIn(reason, str(failure))
        self.assertEqual(failure.reason, NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED)
        self.assertFalse(acceptor.complete and client.complete)

    def test_listChanged(self) -> None:
        """A mechanism that is taken from the list, put in, or put elsewhere, is missed."""
        for level in PROTECTING:
            for mechTypes in ((NTLMSSP,), (OTHER, NTLMSSP), (KERBEROS, OTHER, NTLMSSP)):
                self.refused(
                    init(lambda token, to=mechTypes: attrs.evolve(token, mechTypes=to)),
                    KERBEROS,
                    level=level,
                )

    def test_listChangedQuietly(self) -> None:
        """Whoever takes Kerberos out of the list, and its message, is found by the signature."""
        for level in PROTECTING:
            self.refused(
                init(lambda token: attrs.evolve(token, mechTypes=(NTLMSSP,), mechToken=None)),
                KERBEROS,
                level=level,
                reason="not that of the client's list",
            )

    def test_signatureTaken(self) -> None:
        """Either side misses a mechListMIC that is taken away."""
        for level in PROTECTING:
            self.refused(resp(2, mechListMIC=None), level=level, reason="missing")
            self.refused(resp(3, mechListMIC=None), level=level, reason="missing")
            self.refused(resp(4, mechListMIC=None), KERBEROS, level=level, reason="missing")
            self.refused(resp(5, mechListMIC=None), KERBEROS, level=level, reason="missing")

    def test_signatureChanged(self) -> None:
        """Either side finds a mechListMIC that is another."""
        for level in PROTECTING:
            for leg in (2, 3):
                for other in (b"", bytes(16), b"\1" + bytes(15), bytes(17)):
                    self.refused(
                        resp(leg, mechListMIC=other), level=level, reason="mechListMIC is not"
                    )

    def test_signatureTooEarly(self) -> None:
        """A mechListMIC before there is a key is refused."""
        self.refused(
            init(lambda token: attrs.evolve(token, mechListMIC=bytes(16))), reason="before"
        )

    def test_nothingInCommon(self) -> None:
        """A list without a mechanism that is known is refused, as is one of nothing."""
        for mechTypes in ((OTHER, KERBEROS), ()):
            outcome = answerOf(spnegoAcceptor(6), NegTokenInit(mechTypes=mechTypes).encode())
            self.assertIn("in common", str(outcome))
        outcome = answerOf(SPNEGOAcceptor({}, 6), GOLDEN.negotiate)
        self.assertIn("not accepted", str(outcome))

    def test_rejected(self) -> None:
        """Who says that he rejects is believed."""
        self.refused(resp(1, negState=NegState.REJECT), reason="server rejects")
        self.refused(resp(2, negState=NegState.REJECT), reason="client rejects")

    def test_anotherMechanism(self) -> None:
        """What was chosen stays chosen, and is of what was offered."""
        self.refused(resp(1, supportedMech=KERBEROS), reason="was offered")
        self.refused(resp(1, supportedMech=None), reason="was offered")
        self.refused(resp(2, supportedMech=KERBEROS), reason="another mechanism")
        self.refused(resp(3, supportedMech=KERBEROS), reason="another mechanism")

    def test_noMessage(self) -> None:
        """A token must carry what the mechanism waits for, and none that it does not."""
        self.refused(resp(1, responseToken=None), reason="no message")
        self.refused(resp(2, responseToken=None), reason="no message")
        self.refused(resp(1, responseToken=b"x"), KERBEROS, reason="not begun")
        self.refused(resp(3, responseToken=b"x"), reason="goes on")
        self.refused(resp(3, negState=NegState.ACCEPT_INCOMPLETE), reason="goes on")

    def test_wrongPassword(self) -> None:
        """What NTLM refuses is refused."""
        client = spnegoInitiator(6, account(ntHash=bytes(16)))
        failure = self.assertRaises(AuthenticationFailed, shake, client, spnegoAcceptor(6))
        self.assertEqual(str(failure), "logon failure")

    def test_noToken(self) -> None:
        """Other octets are no token, first or later; two first ones are one too many."""
        tokens = shake(spnegoInitiator(6), spnegoAcceptor(6))
        for octets in (b"", b"\x60", b"\xa1\x00", bytes(16), GOLDEN.authenticate[1:]):
            self.assertIsInstance(answerOf(spnegoAcceptor(6), octets), AuthenticationFailed)
        for octets in (b"", tokens[0], GOLDEN.authenticate):
            acceptor = spnegoAcceptor(6)
            legOf(acceptor, tokens[0])
            self.assertIsInstance(answerOf(acceptor, octets), AuthenticationFailed)
            self.assertFalse(acceptor.complete)

    def test_changingOver(self) -> None:
        """Who began without SPNEGO goes on without it."""
        acceptor = spnegoAcceptor(6)
        legOf(acceptor, GOLDEN.negotiate)
        token = NegTokenResp(responseToken=GOLDEN.authenticate).encode()
        self.assertIsInstance(answerOf(acceptor, token), AuthenticationFailed)

    def test_replayed(self) -> None:
        """The tokens of one negotiation are none for the next."""
        shared = server()
        tokens = shake(spnegoInitiator(6), spnegoAcceptor(6, shared))
        acceptor = spnegoAcceptor(6, shared)
        legOf(acceptor, tokens[0])
        self.assertIsInstance(answerOf(acceptor, tokens[2]), AuthenticationFailed)

    def test_dummySignatureAtConnect(self) -> None:
        """At CONNECT, where nothing is signed, what stands for a signature is passed over."""
        client, acceptor = spnegoInitiator(2), spnegoAcceptor(2)
        shake(client, acceptor, resp(2, mechListMIC=b"\1" + bytes(15)))
        self.assertEqual(acceptor.principal, "DOM\\alice")

    def test_bareIsNTLM(self) -> None:
        """The bare way has the same checks."""
        client = ntlmInitiator(6, account(ntHash=bytes(16)))
        self.assertRaises(AuthenticationFailed, shake, client, spnegoAcceptor(6))
        self.assertRaises(AuthenticationFailed, shake, ntlmInitiator(5), spnegoAcceptor(6))
        self.assertEqual(len(shake(ntlmInitiator(6), ntlmAcceptor(5))), 3)
