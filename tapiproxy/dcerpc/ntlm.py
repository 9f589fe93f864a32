"""
NTLM as an acceptor: NTLMv2 alone, the MIC enforced, no flag weaker than the level wants.

Where a client asks for PKT or PKT_INTEGRITY and for no signatures, the logon is taken and each of
its requests is refused, as MS-RPC servers do; without sealing PKT_PRIVACY is refused at once.

Sans-IO; who the accounts are is asked of :class:`tapiproxy.dcerpc.identity.INTLMCredentials`.
[MS-NLMP] 3.2.5.1 and 3.4, [MS-RPCE] 2.2.1.1.7.
"""

from __future__ import annotations

import hmac
import os
import time
from collections.abc import Callable

import attrs
from zope.interface import implementer

from tapiproxy.dcerpc.identity import INTLMCredentials, NTLMLogon, Verified
from tapiproxy.dcerpc.interface import (
    ANONYMOUS,
    ERROR_ACCESS_DENIED,
    RPC_C_AUTHN_LEVEL_PKT,
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
    RPC_C_AUTHN_WINNT,
    RPC_S_SEC_PKG_ERROR,
    AuthenticationFailed,
)
from tapiproxy.dcerpc.mechanism import IMechanism
from tapiproxy.dcerpc.ntlmkeys import SIGNATURE_SIZE, NTLMContext, SessionSecurity, rc4
from tapiproxy.dcerpc.ntlmmessages import (
    CHALLENGE_SIZE,
    MIC_SIZE,
    NTLMSSP_NEGOTIATE_56,
    NTLMSSP_NEGOTIATE_128,
    NTLMSSP_NEGOTIATE_ALWAYS_SIGN,
    NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY,
    NTLMSSP_NEGOTIATE_KEY_EXCH,
    NTLMSSP_NEGOTIATE_NTLM,
    NTLMSSP_NEGOTIATE_SEAL,
    NTLMSSP_NEGOTIATE_SIGN,
    NTLMSSP_NEGOTIATE_TARGET_INFO,
    NTLMSSP_NEGOTIATE_UNICODE,
    NTLMSSP_NEGOTIATE_VERSION,
    NTLMSSP_REQUEST_TARGET,
    NTLMSSP_TARGET_TYPE_DOMAIN,
    NTLMSSP_TARGET_TYPE_SERVER,
    PROOF_SIZE,
    AuthenticateMessage,
    ChallengeMessage,
    MessageError,
    MsvAvDnsComputerName,
    MsvAvDnsDomainName,
    MsvAvNbComputerName,
    MsvAvNbDomainName,
    MsvAvTimestamp,
    NegotiateMessage,
    fileTime,
    machineIDOf,
)
from tapiproxy.dcerpc.pdu import NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED

MIN_RESPONSE = PROOF_SIZE + 28
"""Octets of an NTLMv2 response at least ([MS-NLMP] 2.2.2.7); one of NTLMv1 has 24."""

OFFERED = (
    NTLMSSP_NEGOTIATE_UNICODE
    | NTLMSSP_REQUEST_TARGET
    | NTLMSSP_NEGOTIATE_SIGN
    | NTLMSSP_NEGOTIATE_SEAL
    | NTLMSSP_NEGOTIATE_NTLM
    | NTLMSSP_NEGOTIATE_ALWAYS_SIGN
    | NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY
    | NTLMSSP_NEGOTIATE_VERSION
    | NTLMSSP_NEGOTIATE_128
    | NTLMSSP_NEGOTIATE_KEY_EXCH
    | NTLMSSP_NEGOTIATE_56
)
"""What a client gets where it asks for it."""

SIGNS = (
    NTLMSSP_NEGOTIATE_SIGN
    | NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY
    | NTLMSSP_NEGOTIATE_128
    | NTLMSSP_NEGOTIATE_KEY_EXCH
)
"""What signatures want."""

_Done = Callable[[bytes | AuthenticationFailed], None]


def requiredFlags(authLevel: int) -> int:
    """The flags without which a level is refused."""
    if authLevel < RPC_C_AUTHN_LEVEL_PKT:
        return 0
    if authLevel < RPC_C_AUTHN_LEVEL_PKT_PRIVACY:
        return SIGNS
    return SIGNS | NTLMSSP_NEGOTIATE_SEAL


@attrs.frozen(kw_only=True)
class NTLMServer:
    """
    What all acceptors of a server share.

    :ivar computerName: its NetBIOS name, which clients are told.
    :ivar domainName: the NetBIOS name of its domain; its own if it is in none.  A domain controller
        takes responses to challenges that name the domain and the computer which asks it.
    :ivar dnsName: its full name.
    :ivar dnsDomain: the full name of its domain, possibly empty.
    :ivar anonymous: let clients log on as nobody: for tests of the runtime.  An endpoint permits
        :data:`~tapiproxy.dcerpc.interface.ANONYMOUS` public interfaces only.
    :ivar machineID: that of the initiators of this process, whose logons it does not take; empty
        if there are none.
    :ivar seconds: the time since 1970.
    :ivar random: gives so many octets that nobody can guess.
    """

    computerName: str
    domainName: str
    dnsName: str
    dnsDomain: str = ""
    anonymous: bool = False
    machineID: bytes = attrs.field(default=b"", repr=False)
    seconds: Callable[[], float] = time.time
    random: Callable[[int], bytes] = os.urandom

    def challenge(self, flags: int) -> ChallengeMessage:
        """
        A challenge to a client that asked for *flags*.

        The time in it makes clients send a MIC ([MS-NLMP] 3.1.5.1.2).
        """
        pairs = {
            MsvAvNbDomainName: self.domainName,
            MsvAvNbComputerName: self.computerName,
            MsvAvDnsDomainName: self.dnsDomain,
            MsvAvDnsComputerName: self.dnsName,
        }
        info = {kind: text.encode("utf-16-le") for kind, text in pairs.items() if text}
        info[MsvAvTimestamp] = fileTime(self.seconds())
        inDomain = self.domainName != self.computerName
        return ChallengeMessage(
            NegotiateFlags=flags & OFFERED
            | NTLMSSP_REQUEST_TARGET
            | (NTLMSSP_TARGET_TYPE_DOMAIN if inDomain else NTLMSSP_TARGET_TYPE_SERVER)
            | NTLMSSP_NEGOTIATE_TARGET_INFO
            | NTLMSSP_NEGOTIATE_ALWAYS_SIGN,
            ServerChallenge=self.random(CHALLENGE_SIZE),
            TargetName=self.domainName,
            TargetInfo=info,
        )


@attrs.frozen(kw_only=True)
class _Negotiation:
    """
    What is kept from the challenge to the answer.

    :ivar negotiate: the client's message.
    :ivar challenge: the answer to it.
    :ivar flags: what was offered in it.
    :ivar nobody: what becomes of who logs on as nobody.
    :ivar machineID: whose logons are refused; empty for nobody's.
    """

    negotiate: bytes
    challenge: bytes
    flags: int
    serverChallenge: bytes
    nobody: Verified | None
    machineID: bytes


def _negotiate(server: NTLMServer, token: bytes) -> _Negotiation:
    """
    Challenge.

    :raises MessageError: the message is broken, or of a client that knows no NTLM of today.
    """
    flags = NegotiateMessage.decode(token).NegotiateFlags
    if not flags & NTLMSSP_NEGOTIATE_UNICODE or not flags & NTLMSSP_NEGOTIATE_NTLM:
        raise MessageError("neither Unicode nor NTLM is asked for")
    challenge = server.challenge(flags)
    nobody = None
    if server.anonymous:
        # [MS-NLMP] 3.2.5.1.2: nobody has no key.
        nobody = Verified(principal=ANONYMOUS, sessionBaseKey=bytes(16))
    return _Negotiation(
        negotiate=token,
        challenge=challenge.encode(),
        flags=challenge.NegotiateFlags,
        serverChallenge=challenge.ServerChallenge,
        nobody=nobody,
        machineID=server.machineID,
    )


@implementer(IMechanism)
class NTLMAcceptor(NTLMContext):
    """
    One logon: NEGOTIATE, CHALLENGE, AUTHENTICATE.

    :param credentials: the accounts, as this client may try them.
    :ivar sessionKey: ExportedSessionKey; empty before *complete*.
    :ivar flags: what was negotiated; 0 before *complete*.
    """

    __slots__ = (
        "_credentials",
        "_negotiation",
        "_security",
        "_server",
        "authLevel",
        "complete",
        "demandsListMIC",
        "flags",
        "integrity",
        "principal",
        "sessionKey",
    )

    authType = RPC_C_AUTHN_WINNT
    tokenSize = SIGNATURE_SIZE

    def __init__(self, server: NTLMServer, credentials: INTLMCredentials, authLevel: int) -> None:
        self.authLevel = authLevel
        self.complete = False
        self.principal: object = None
        self.integrity = False
        self.demandsListMIC = False
        self.sessionKey = b""
        self.flags = 0
        self._server: NTLMServer | None = server
        self._credentials: INTLMCredentials | None = credentials
        self._negotiation: _Negotiation | None = None
        self._security: SessionSecurity | None = None

    def step(self, token: bytes, done: _Done) -> None:
        """Take the client's message: answer with the challenge, or with whether it may come in."""
        server, self._server = self._server, None
        negotiation, self._negotiation = self._negotiation, None
        try:
            if server is not None:
                self._negotiation = _negotiate(server, token)
                done(self._negotiation.challenge)
                return
            if negotiation is None:
                raise MessageError("one message too many")
            message = AuthenticateMessage.decode(token)
        except MessageError as error:
            done(_refused(str(error)))
            return
        try:
            self._authenticate(token, message, negotiation, done)
        except MessageError as error:
            done(_refused(str(error), message))

    def _authenticate(
        self,
        token: bytes,
        message: AuthenticateMessage,
        negotiation: _Negotiation,
        done: _Done,
    ) -> None:
        """
        Have the logon verified.

        :raises MessageError: there is none to verify.
        """
        flags = message.NegotiateFlags & negotiation.flags
        required = requiredFlags(self.authLevel)
        if self.authLevel >= RPC_C_AUTHN_LEVEL_PKT_PRIVACY and flags & required != required:
            done(
                _refused(
                    f"flags {flags:#x} are too weak for level {self.authLevel}",
                    message,
                    status=RPC_S_SEC_PKG_ERROR,
                )
            )
            return

        def verified(outcome: Verified | None) -> None:
            if outcome is None:
                done(_refused("logon failure", message, logged=bool(message.UserName)))
                return
            try:
                self._establish(token, message, negotiation, flags, outcome)
            except MessageError as error:
                done(_refused(str(error), message))
                return
            done(b"")

        if not message.UserName and not message.NtChallengeResponse:
            verified(negotiation.nobody)
            return
        if not message.UserName or len(message.NtChallengeResponse) < MIN_RESPONSE:
            raise MessageError("no NTLMv2 response")
        if negotiation.machineID and (
            machineIDOf(message.NtChallengeResponse) == negotiation.machineID
        ):
            # Whom this process called back has handed on what it was sent.
            raise MessageError("this server's own logon, come back by way of another")
        credentials, self._credentials = self._credentials, None
        assert credentials is not None
        credentials.logOn(
            NTLMLogon(
                domain=message.DomainName,
                user=message.UserName,
                workstation=message.Workstation,
                serverChallenge=negotiation.serverChallenge,
                ntResponse=message.NtChallengeResponse,
            ),
            verified,
        )

    def _establish(
        self,
        token: bytes,
        message: AuthenticateMessage,
        negotiation: _Negotiation,
        flags: int,
        outcome: Verified,
    ) -> None:
        """
        Take the session key that the client made, and hold the MIC against it.

        :raises MessageError: the key is none, or one of the three messages was changed.
        """
        key = outcome.sessionBaseKey
        if flags & NTLMSSP_NEGOTIATE_KEY_EXCH and flags & (
            NTLMSSP_NEGOTIATE_SIGN | NTLMSSP_NEGOTIATE_SEAL
        ):
            if len(message.EncryptedRandomSessionKey) != len(key):
                raise MessageError("a session key of another length")
            key = rc4(key)(message.EncryptedRandomSessionKey)
        if message.MIC is not None:
            at = message.micAt
            zeroed = token[:at] + bytes(MIC_SIZE) + token[at + MIC_SIZE :]
            mic = hmac.digest(key, negotiation.negotiate + negotiation.challenge + zeroed, "md5")
            if not hmac.compare_digest(mic, message.MIC):
                raise MessageError("the MIC is not that of the three messages")
        self.sessionKey = key
        self.flags = flags
        self.principal = outcome.principal
        self.demandsListMIC = message.MIC is not None
        if flags & SIGNS == SIGNS:
            # Else nothing can be verified, and no request that should be is taken.
            self.integrity = True
            self._security = SessionSecurity(key, self.authLevel, server=True)
        self.complete = True


def _refused(
    detail: str,
    message: AuthenticateMessage | None = None,
    *,
    logged: bool = False,
    status: int = ERROR_ACCESS_DENIED,
) -> AuthenticationFailed:
    """
    Refuse.

    :param message: of whom, once he has named himself.
    :param logged: the accounts were asked, and log what they refuse.
    :param status: what a fault says.
    """
    user = ""
    if message is not None and message.UserName:
        user = f"{message.DomainName}\\{message.UserName}"
    return AuthenticationFailed(
        detail,
        reason=NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED,
        status=status,
        user=user,
        logged=logged,
    )
