"""Who may come in by NTLM, and at which level; what somebody on the way can change."""

import struct
from collections.abc import Callable

import attrs
from impacket import ntlm as impacket
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from tapiproxy.dcerpc.identity import INTLMCredentials
from tapiproxy.dcerpc.interface import (
    ANONYMOUS,
    ERROR_ACCESS_DENIED,
    RPC_S_SEC_PKG_ERROR,
    AuthenticationFailed,
    Fault,
)
from tapiproxy.dcerpc.mechanism import IMechanism
from tapiproxy.dcerpc.ntlm import NTLMAcceptor, NTLMServer, requiredFlags
from tapiproxy.dcerpc.ntlmmessages import (
    NTLMSSP_NEGOTIATE_128,
    NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY,
    NTLMSSP_NEGOTIATE_KEY_EXCH,
    NTLMSSP_NEGOTIATE_NTLM,
    NTLMSSP_NEGOTIATE_SEAL,
    NTLMSSP_NEGOTIATE_SIGN,
    NTLMSSP_NEGOTIATE_UNICODE,
    NTLMSSP_TARGET_TYPE_DOMAIN,
    NTLMSSP_TARGET_TYPE_SERVER,
    AuthenticateMessage,
    ChallengeMessage,
    MsvAvNbComputerName,
    MsvAvNbDomainName,
    MsvAvTimestamp,
    NegotiateMessage,
)
from tapiproxy.dcerpc.pdu import NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED
from tests.dcerpc.ntlmpeers import (
    LEVELS,
    PROTECTING,
    Accounts,
    GoldenServer,
    account,
    answerOf,
    legOf,
    nobody,
    ntlmAcceptor,
    ntlmInitiator,
    server,
    shake,
)
from tests.dcerpc.ntlmvectors import GOLDEN

WANTED = (
    NTLMSSP_NEGOTIATE_SIGN,
    NTLMSSP_NEGOTIATE_SEAL,
    NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY,
    NTLMSSP_NEGOTIATE_128,
    NTLMSSP_NEGOTIATE_KEY_EXCH,
)


def without(flag: int) -> Callable[[int, bytes], bytes]:
    """What takes a flag out of AUTHENTICATE on its way."""

    def change(leg: int, token: bytes) -> bytes:
        if leg != 2:
            return token
        (flags,) = struct.unpack_from("<I", token, 60)
        return token[:60] + struct.pack("<I", flags & ~flag) + token[64:]

    return change


class Base(TestCase):
    def refusal(
        self, acceptor: NTLMAcceptor, token: bytes, status: int = ERROR_ACCESS_DENIED
    ) -> str:
        """Why a token is refused; nobody is known then."""
        outcome = answerOf(acceptor, token)
        assert isinstance(outcome, AuthenticationFailed), outcome
        self.assertEqual(outcome.reason, NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED)
        self.assertEqual(outcome.status, status)
        self.assertFalse(acceptor.complete)
        self.assertIsNone(acceptor.principal)
        self.assertEqual(acceptor.sessionKey, b"")
        return str(outcome)


class Seam(TestCase):
    def test_provided(self) -> None:
        """Both sides have all that an association and SPNEGO ask for, before and after."""
        for level in LEVELS:
            client, acceptor = ntlmInitiator(level), ntlmAcceptor(level)
            for _ in range(2):
                verifyObject(IMechanism, client)
                verifyObject(IMechanism, acceptor)
                if not acceptor.complete:
                    shake(client, acceptor)
        verifyObject(INTLMCredentials, Accounts())


class Golden(Base):
    def setUp(self) -> None:
        self.acceptor = NTLMAcceptor(
            GoldenServer(computerName="SRV", domainName="DOM", dnsName="srv"), Accounts(), 6
        )

    def test_accepted(self) -> None:
        """The captured client is let in, with the session key that was captured."""
        self.assertEqual(legOf(self.acceptor, GOLDEN.negotiate), GOLDEN.challenge)
        self.assertEqual(legOf(self.acceptor, GOLDEN.authenticate), b"")
        self.assertTrue(self.acceptor.complete)
        self.assertEqual(self.acceptor.principal, "DOM\\alice")
        self.assertEqual(self.acceptor.sessionKey, GOLDEN.exportedSessionKey)
        self.assertEqual(self.acceptor.flags, GOLDEN.flags)

    def test_unsealed(self) -> None:
        """What the captured client sealed is read, and its answers are sealed as they were."""
        legOf(self.acceptor, GOLDEN.negotiate)
        legOf(self.acceptor, GOLDEN.authenticate)
        for vector in GOLDEN.sealed:
            head, body, trailer, token = (
                vector.pdu[:24],
                vector.pdu[24:-24],
                vector.pdu[-24:-16],
                vector.pdu[-16:],
            )
            if vector.toServer:
                clear = self.acceptor.unprotect(head, body, trailer, token, False)
                self.assertEqual(clear[: len(clear) - vector.padding], vector.stub)

    def test_everyOctet(self) -> None:
        """An octet of the three messages that somebody changes is found, whichever it is."""
        for place in range(len(GOLDEN.authenticate)):
            self.setUp()
            legOf(self.acceptor, GOLDEN.negotiate)
            octets = bytearray(GOLDEN.authenticate)
            octets[place] ^= 1
            self.refusal(self.acceptor, bytes(octets))
        for place in range(len(GOLDEN.negotiate)):
            self.setUp()
            octets = bytearray(GOLDEN.negotiate)
            octets[place] ^= 1
            if isinstance(answerOf(self.acceptor, bytes(octets)), bytes):
                self.refusal(self.acceptor, GOLDEN.authenticate)


class Accepting(Base):
    def test_levels(self) -> None:
        """At each level both sides come to the same key, and sign if the level does."""
        for level in LEVELS:
            client, acceptor = ntlmInitiator(level), ntlmAcceptor(level)
            self.assertEqual(len(shake(client, acceptor)), 3)
            self.assertTrue(acceptor.complete and client.complete)
            self.assertEqual(acceptor.sessionKey, client.sessionKey)
            self.assertEqual(acceptor.flags, client.flags)
            self.assertEqual(acceptor.principal, "DOM\\alice")
            self.assertEqual(acceptor.integrity, level in PROTECTING)

    def test_protected(self) -> None:
        """What either side protects, the other one reads."""
        for level in PROTECTING:
            client, acceptor = ntlmInitiator(level), ntlmAcceptor(level)
            shake(client, acceptor)
            for sender, receiver in ((client, acceptor), (acceptor, client)):
                body, token = sender.protect(b"head", b"body", b"trailer", False)
                self.assertEqual(len(token), sender.tokenSize)
                clear = receiver.unprotect(b"head", body, b"trailer", token, False)
                self.assertEqual(clear, b"body")

    def test_userAtDomain(self) -> None:
        """A client may name itself user@domain, with no domain beside it."""
        acceptor = ntlmAcceptor(6)
        shake(ntlmInitiator(6, account("alice@DOM", "")), acceptor)
        self.assertEqual(acceptor.principal, "DOM\\alice")

    def test_asked(self) -> None:
        """The accounts are asked with what the client said, and never see a key of its choice."""
        accounts = Accounts()
        shake(ntlmInitiator(6), ntlmAcceptor(6, accounts=accounts))
        (logon,) = accounts.asked
        self.assertEqual((logon.domain, logon.user, logon.workstation), ("DOM", "alice", "WINHOST"))

    def test_later(self) -> None:
        """Accounts that answer later keep the client waiting until then."""
        accounts = Accounts()
        accounts.held = []
        client, acceptor = ntlmInitiator(6), ntlmAcceptor(6, accounts=accounts)
        token = legOf(client, legOf(acceptor, legOf(client, b"")))
        outcomes: list[object] = []
        acceptor.step(token, outcomes.append)
        self.assertEqual((outcomes, acceptor.complete), ([], False))
        accounts.held[0]()
        self.assertEqual((outcomes, acceptor.complete), ([b""], True))

    def test_foreignClient(self) -> None:
        """A client that shares no code with this, and sends no MIC, is let in."""
        for level in (2, 5, 6):
            acceptor = ntlmAcceptor(level)
            first = impacket.getNTLMSSPType1("WINHOST", "DOM", level > 2, use_ntlmv2=True)
            challenge = legOf(acceptor, first.getData())
            last, key = impacket.getNTLMSSPType3(first, challenge, "alice", "secret", "DOM")
            self.assertEqual(legOf(acceptor, last.getData()), b"")
            self.assertEqual(acceptor.principal, "DOM\\alice")
            if level > 2:
                self.assertEqual(acceptor.sessionKey, key)

    def test_challenge(self) -> None:
        """The challenge names the server, tells the time, and differs each time."""
        shared = server()
        found = [
            ChallengeMessage.decode(legOf(ntlmAcceptor(6, shared), GOLDEN.negotiate))
            for _ in range(2)
        ]
        self.assertEqual(found[0].TargetName, "DOM")
        self.assertIn(MsvAvTimestamp, found[0].TargetInfo)
        self.assertNotEqual(found[0].ServerChallenge, found[1].ServerChallenge)
        self.assertEqual(len(found[0].ServerChallenge), 8)

    def test_target(self) -> None:
        """A server of a domain is of that domain, another one is its own; [MS-NLMP] 3.2.5.1.1."""
        types = {"DOM": NTLMSSP_TARGET_TYPE_DOMAIN, "A": NTLMSSP_TARGET_TYPE_SERVER}
        for domainName, kind in types.items():
            shared = NTLMServer(computerName="A", domainName=domainName, dnsName="c")
            challenge = shared.challenge(0)
            self.assertEqual(challenge.TargetName, domainName)
            self.assertEqual(challenge.NegotiateFlags & 0x00030000, kind)
            told = challenge.TargetInfo
            self.assertEqual(told[MsvAvNbDomainName], domainName.encode("utf-16-le"))
            self.assertEqual(told[MsvAvNbComputerName], b"A\0")

    def test_ownChance(self) -> None:
        """Without more said, time and chance are the system's."""
        shared = NTLMServer(computerName="A", domainName="B", dnsName="c")
        one, other = shared.challenge(0), shared.challenge(0)
        self.assertNotEqual(one.ServerChallenge, other.ServerChallenge)


class Refusing(Base):
    def begun(
        self, shared: NTLMServer | None = None, accounts: Accounts | None = None
    ) -> NTLMAcceptor:
        """An acceptor that has challenged."""
        acceptor = ntlmAcceptor(6, shared, accounts)
        legOf(acceptor, GOLDEN.negotiate)
        return acceptor

    def test_wrongPassword(self) -> None:
        """Who does not know the password stays out, whether or not there is such an account."""
        for who in (
            account(ntHash=bytes(16)),
            account("mallory"),
            account("mallory", ntHash=bytes(16)),
            account(domain="OTHER"),
        ):
            for level in LEVELS:
                client, acceptor = ntlmInitiator(level, who), ntlmAcceptor(level)
                challenge = legOf(acceptor, legOf(client, b""))
                self.assertEqual(self.refusal(acceptor, legOf(client, challenge)), "logon failure")

    def test_weakFlags(self) -> None:
        """PKT_PRIVACY wants its flags of both messages: without one of them nobody comes in."""
        for flag in WANTED:
            client, acceptor = ntlmInitiator(6), ntlmAcceptor(6)
            failure = self.assertRaises(
                AuthenticationFailed, shake, client, acceptor, without(flag)
            )
            self.assertIn("too weak", str(failure))
            self.assertEqual(failure.status, RPC_S_SEC_PKG_ERROR)

            acceptor = ntlmAcceptor(6)
            legOf(acceptor, NegotiateMessage(GOLDEN.flags & ~flag).encode())
            reason = self.refusal(acceptor, GOLDEN.authenticate, RPC_S_SEC_PKG_ERROR)
            self.assertIn("too weak", reason)

    def test_flagTakenOut(self) -> None:
        """Below that, somebody on the way who takes a flag out is found by the MIC."""
        for level in (4, 5):
            for flag in WANTED:
                if not requiredFlags(level) & flag:
                    continue
                client, acceptor = ntlmInitiator(level), ntlmAcceptor(level)
                self.assertRaises(AuthenticationFailed, shake, client, acceptor, without(flag))
                self.assertFalse(acceptor.complete)

    def test_nothingToVerifyWith(self) -> None:
        """Who asks for PKT or PKT_INTEGRITY but for no signatures can make no call."""
        for level in (4, 5):
            client, acceptor = ntlmInitiator(2), ntlmAcceptor(level)
            shake(client, acceptor)
            self.assertEqual((acceptor.complete, acceptor.integrity), (True, False))
            for token in (b"", bytes(16), b"\1" + bytes(15)):
                fault = self.assertRaises(Fault, acceptor.unprotect, b"", b"", b"", token, False)
                self.assertEqual(fault.status, RPC_S_SEC_PKG_ERROR)

    def test_noSignatures(self) -> None:
        """The same without one of the flags that make signatures strong."""
        for flag in WANTED:
            if not requiredFlags(5) & flag:
                continue
            acceptor = NTLMAcceptor(server(anonymous=True), Accounts(), 5)
            legOf(acceptor, NegotiateMessage(GOLDEN.flags).encode())
            message = nobody(GOLDEN.flags & ~flag)
            self.assertEqual(legOf(acceptor, message), b"")
            fault = self.assertRaises(Fault, acceptor.unprotect, b"", b"", b"", bytes(16), True)
            self.assertEqual(fault.status, RPC_S_SEC_PKG_ERROR)

    def test_sealingIsForPrivacy(self) -> None:
        """Below PKT_PRIVACY nobody needs to know how to seal, and at CONNECT nothing at all."""
        self.assertEqual(requiredFlags(2), 0)
        self.assertFalse(requiredFlags(5) & NTLMSSP_NEGOTIATE_SEAL)
        self.assertTrue(requiredFlags(6) & NTLMSSP_NEGOTIATE_SEAL)

    def test_changedOnTheWay(self) -> None:
        """A flag that somebody takes out of AUTHENTICATE is found at CONNECT too."""
        for level in LEVELS:
            client, acceptor = ntlmInitiator(level), ntlmAcceptor(level)
            change = without(0x8000)
            failure = self.assertRaises(AuthenticationFailed, shake, client, acceptor, change)
            self.assertIn("MIC", str(failure))

    def test_withoutMIC(self) -> None:
        """The MIC cannot be taken out, nor its place made small by what points into it."""

        def taken(leg: int, token: bytes) -> bytes:
            if leg != 2:
                return token
            message = AuthenticateMessage.decode(token)
            return attrs.evolve(message, MIC=None).encode()

        def pointed(leg: int, token: bytes) -> bytes:
            if leg != 2:
                return token
            return token[:44] + struct.pack("<HHI", 1, 1, 64) + token[52:]

        def dropped(leg: int, token: bytes) -> bytes:
            if leg != 2:
                return token
            octets = bytearray(token)
            del octets[72:88]
            for at in range(12, 60, 8):
                (offset,) = struct.unpack_from("<I", octets, at + 4)
                struct.pack_into("<I", octets, at + 4, offset - 16)
            return bytes(octets)

        for level in LEVELS:
            for change in (taken, pointed, dropped):
                acceptor = ntlmAcceptor(level)
                failure = self.assertRaises(
                    AuthenticationFailed, shake, ntlmInitiator(level), acceptor, change
                )
                self.assertIn("MIC", str(failure))
                self.assertFalse(acceptor.complete)

    def test_oldResponse(self) -> None:
        """A response of NTLMv1 is refused unread, as is one of no octets with a user."""
        for response in (b"", bytes(24), bytes(43)):
            accounts = Accounts()
            acceptor = self.begun(accounts=accounts)
            message = AuthenticateMessage(
                LmChallengeResponse=bytes(24),
                NtChallengeResponse=response,
                DomainName="DOM",
                UserName="alice",
                Workstation="",
                EncryptedRandomSessionKey=bytes(16),
                NegotiateFlags=GOLDEN.flags,
            )
            self.assertIn("NTLMv2", self.refusal(acceptor, message.encode()))
            self.assertEqual(accounts.asked, [])

    def test_anonymous(self) -> None:
        """Nobody is refused, and let in where that was asked for."""
        message = nobody()
        acceptor = self.begun()
        self.assertEqual(self.refusal(acceptor, message), "logon failure")
        acceptor = self.begun(server(anonymous=True))
        self.assertEqual(legOf(acceptor, message), b"")
        self.assertIs(acceptor.principal, ANONYMOUS)
        self.assertTrue(acceptor.integrity)

    def test_sessionKeySize(self) -> None:
        """A session key of another length than sixteen octets is none."""
        for size in (0, 15, 17):
            acceptor = self.begun(server(anonymous=True))
            message = nobody(keySize=size)
            self.assertIn("session key", self.refusal(acceptor, message))

    def test_replayed(self) -> None:
        """An AUTHENTICATE that was good once is none for the next challenge."""
        client, acceptor = ntlmInitiator(6), ntlmAcceptor(6)
        tokens = shake(client, acceptor)
        shared = server()
        shared.random(8)
        again = ntlmAcceptor(6, shared)
        legOf(again, tokens[0])
        self.assertEqual(self.refusal(again, tokens[2]), "logon failure")

    def test_outOfOrder(self) -> None:
        """AUTHENTICATE first, NEGOTIATE twice, and anything after the end, are refused."""
        self.refusal(ntlmAcceptor(6), GOLDEN.authenticate)
        acceptor = self.begun()
        self.refusal(acceptor, GOLDEN.negotiate)
        self.refusal(acceptor, GOLDEN.authenticate)
        client, acceptor = ntlmInitiator(6), ntlmAcceptor(6)
        tokens = shake(client, acceptor)
        for token in tokens:
            self.assertIsInstance(answerOf(acceptor, token), AuthenticationFailed)
        self.assertEqual(acceptor.principal, "DOM\\alice")

    def test_oldClient(self) -> None:
        """Who asks for neither Unicode nor NTLM is refused at once."""
        for flag in (NTLMSSP_NEGOTIATE_UNICODE, NTLMSSP_NEGOTIATE_NTLM):
            octets = NegotiateMessage(GOLDEN.flags & ~flag).encode()
            self.assertIn("asked for", self.refusal(ntlmAcceptor(2), octets))
