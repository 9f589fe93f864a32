"""Clients and a server of NTLM and SPNEGO in memory, and what passes between them."""

from collections.abc import Callable

import attrs
from zope.interface import implementer

from tapiproxy.accountnames import principalName
from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.authentication import Authentication
from tapiproxy.dcerpc.identity import INTLMCredentials, NTLMLogon, Verified
from tapiproxy.dcerpc.interface import (
    RPC_C_AUTHN_LEVEL_CONNECT,
    RPC_C_AUTHN_LEVEL_PKT,
    RPC_C_AUTHN_LEVEL_PKT_INTEGRITY,
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
    AuthenticationFailed,
)
from tapiproxy.dcerpc.ntlm import NTLMAcceptor, NTLMServer
from tapiproxy.dcerpc.ntlminitiator import NTLMAccount, NTLMInitiator
from tapiproxy.dcerpc.ntlmmessages import AuthenticateMessage, ChallengeMessage
from tapiproxy.dcerpc.security import ISecurityContext
from tapiproxy.dcerpc.spnego import SPNEGOAcceptor
from tapiproxy.dcerpc.spnegoinitiator import Choice, SPNEGOInitiator
from tapiproxy.dcerpc.spnegotokens import NTLMSSP
from tests.dcerpc.ntlmvectors import GOLDEN, NT_HASH

LEVELS = (
    RPC_C_AUTHN_LEVEL_CONNECT,
    RPC_C_AUTHN_LEVEL_PKT,
    RPC_C_AUTHN_LEVEL_PKT_INTEGRITY,
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
)
PROTECTING = LEVELS[1:]


@implementer(INTLMCredentials)
class Accounts:
    """
    Alice, and nobody else.

    :ivar held: what is to be answered when the test says so; None to answer at once.
    :ivar asked: every logon that was verified.
    """

    def __init__(self) -> None:
        self.held: list[Callable[[], object]] | None = None
        self.asked: list[NTLMLogon] = []

    def logOn(self, logon: NTLMLogon, done: Callable[[Verified | None], None]) -> None:
        """By the hash."""
        self.asked.append(logon)
        known = (logon.domain, logon.user) in ((GOLDEN.domain, GOLDEN.user), ("", "alice@DOM"))
        key = logon.sessionBaseKey(NT_HASH if known else None)
        verified = None
        if key is not None:
            name = principalName(logon.domain, logon.user)
            verified = Verified(principal=name, sessionBaseKey=key)
        if self.held is None:
            done(verified)
        else:
            self.held.append(lambda: done(verified))


@attrs.frozen(kw_only=True)
class GoldenServer(NTLMServer):
    """The server of the captured session: whatever it is asked, its challenge is that one."""

    def challenge(self, flags: int) -> ChallengeMessage:
        """As captured."""
        return ChallengeMessage.decode(GOLDEN.challenge)


class Lot:
    """Chance that a test can repeat."""

    def __init__(self) -> None:
        self._drawn = 0

    def __call__(self, count: int) -> bytes:
        self._drawn += 1
        return bytes((self._drawn * 37 + place * 11) & 0xFF for place in range(count))


def server(anonymous: bool = False) -> NTLMServer:
    """A server whose time stands still."""
    return NTLMServer(
        computerName="TAPIHOST",
        domainName="DOM",
        dnsName="tapihost.dom.test",
        dnsDomain="dom.test",
        anonymous=anonymous,
        seconds=lambda: 1_700_000_000.0,
        random=Lot(),
    )


def account(user: str = "alice", domain: str = "DOM", ntHash: bytes = NT_HASH) -> NTLMAccount:
    """Alice, if nothing else is asked for."""
    return NTLMAccount(
        domain=domain,
        user=user,
        ntHash=ntHash,
        workstation="WINHOST",
        seconds=lambda: 1_700_000_000.0,
        random=Lot(),
    )


def nobody(flags: int = GOLDEN.flags, keySize: int = 16) -> bytes:
    """The AUTHENTICATE message of who logs on as nobody."""
    return AuthenticateMessage(
        LmChallengeResponse=b"",
        NtChallengeResponse=b"",
        DomainName="",
        UserName="",
        Workstation="",
        EncryptedRandomSessionKey=bytes(keySize),
        NegotiateFlags=flags,
    ).encode()


def ntlmAcceptor(
    level: int, shared: NTLMServer | None = None, accounts: Accounts | None = None
) -> NTLMAcceptor:
    """A server's side."""
    return NTLMAcceptor(shared or server(), accounts or Accounts(), level)


def ntlmInitiator(level: int, who: NTLMAccount | None = None) -> NTLMInitiator:
    """A client's side."""
    return NTLMInitiator(who or account(), level, "host/tapihost.dom.test")


def spnegoAcceptor(
    level: int, shared: NTLMServer | None = None, accounts: Accounts | None = None
) -> SPNEGOAcceptor:
    """A server's side."""
    return SPNEGOAcceptor({NTLMSSP: lambda: ntlmAcceptor(level, shared, accounts)}, level)


def spnegoInitiator(level: int, who: NTLMAccount | None = None, *before: bytes) -> SPNEGOInitiator:
    """
    A client's side.

    :param before: mechanisms that it would like better; their messages are those of NTLM.
    """
    mechTypes = (*before, NTLMSSP)
    return SPNEGOInitiator(
        [Choice(mechType, lambda: ntlmInitiator(level, who)) for mechType in mechTypes], level
    )


def service(
    accounts: Accounts | None = None, minimum: int = 0, shared: NTLMServer | None = None
) -> Authentication:
    """Both providers."""
    known = accounts or Accounts()
    return Authentication(
        mechanisms={NTLMSSP: lambda level, peer: ntlmAcceptor(level, shared, known)},
        minimumLevel=minimum,
    )


@implementer(ISecurityContext)
class Slow:
    """A provider that thinks before each answer."""

    def __init__(self, context: ISecurityContext) -> None:
        self._context = context
        self.held: list[Callable[[], None]] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._context, name)

    def step(self, token: bytes, done: Callable[[bytes | AuthenticationFailed], None]) -> None:
        """When the test says so."""
        self.held.append(lambda: self._context.step(token, done))


def answerOf(context: ISecurityContext, token: bytes) -> bytes | AuthenticationFailed:
    """What a context answers at once to a leg."""
    outcomes: list[bytes | AuthenticationFailed] = []
    context.step(token, outcomes.append)
    (outcome,) = outcomes
    return outcome


def legOf(context: ISecurityContext, token: bytes) -> bytes:
    """The same where it must not be a refusal."""
    outcome = answerOf(context, token)
    if isinstance(outcome, AuthenticationFailed):
        raise outcome
    return outcome


Change = Callable[[int, bytes], bytes]


def shake(
    client: ISecurityContext, acceptor: ISecurityContext, change: Change = lambda leg, token: token
) -> list[bytes]:
    """
    Carry tokens between both until nothing is left to say.

    :param change: what becomes of a token on its way, by its number from 0.
    :returns: the tokens as they were sent.
    :raises AuthenticationFailed: one of them refuses.
    """
    tokens: list[bytes] = []
    turn, other = acceptor, client
    token = legOf(client, b"")
    while token:
        tokens.append(token)
        token = legOf(turn, change(len(tokens) - 1, token))
        turn, other = other, turn
    return tokens


class Secured:
    """
    A client's side of one security context on the wire: legs, and protected requests.

    :param headerSigning: whether it was agreed on.
    """

    def __init__(
        self,
        context: ISecurityContext,
        auth_context_id: int = 1,
        headerSigning: bool = False,
    ) -> None:
        self.context = context
        self.auth_context_id = auth_context_id
        self.headerSigning = headerSigning

    def verifier(self, token: bytes) -> pdu.AuthVerifier:
        """A leg."""
        context = self.context
        return pdu.AuthVerifier(context.authType, context.authLevel, self.auth_context_id, token)

    def begin(self) -> pdu.AuthVerifier:
        """The first leg."""
        return self.verifier(legOf(self.context, b""))

    def goOn(self, answer: bytes) -> pdu.AuthVerifier:
        """The leg after a bind_ack or alter_context_resp."""
        verifier = pdu.decode(answer).auth_verifier
        return self.verifier(legOf(self.context, b"" if verifier is None else verifier.auth_value))

    def protect(self, octets: bytes, **said: int) -> bytes:
        """
        A request as :func:`tests.dcerpc.pdus.request` makes it, protected.

        :param said: what the sec_trailer says, where that is not true.
        """
        stub = octets[24:]
        padding = -len(stub) % 16
        size = len(octets) + padding + 8 + self.context.tokenSize
        head = octets[:8] + size.to_bytes(2, "little")
        head += self.context.tokenSize.to_bytes(2, "little") + octets[12:24]
        said.setdefault("auth_pad_length", padding)
        trailer = pdu.packTrailer(attrs.evolve(self.verifier(b""), **said))
        body, token = self.context.protect(head, stub + bytes(padding), trailer, self.headerSigning)
        return head + body + trailer + token

    def unprotect(self, octets: bytes) -> bytes:
        """The stub of a response fragment."""
        size = self.context.tokenSize
        trailer = octets[-size - 8 : -size]
        clear = self.context.unprotect(
            octets[:24], octets[24 : -size - 8], trailer, octets[-size:], self.headerSigning
        )
        return clear[: len(clear) - trailer[2]]
