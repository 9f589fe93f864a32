"""
NTLM as an initiator: NTLMv2 with a MIC, and nothing weaker accepted of the server.

Sans-IO and without waiting: the account's NT hash is at hand.  [MS-NLMP] 3.1.5.1.
"""

from __future__ import annotations

import hmac
import os
import time
from collections.abc import Callable

import attrs
from zope.interface import implementer

from tapiproxy.dcerpc.identity import NTLMLogon
from tapiproxy.dcerpc.interface import (
    RPC_C_AUTHN_LEVEL_PKT,
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
    RPC_C_AUTHN_WINNT,
    AuthenticationFailed,
)
from tapiproxy.dcerpc.mechanism import IMechanism
from tapiproxy.dcerpc.ntlm import requiredFlags
from tapiproxy.dcerpc.ntlmkeys import SIGNATURE_SIZE, NTLMContext, SessionSecurity, rc4
from tapiproxy.dcerpc.ntlmmessages import (
    CHALLENGE_SIZE,
    MIC_PROVIDED,
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
    AuthenticateMessage,
    ChallengeMessage,
    MessageError,
    MsvAvChannelBindings,
    MsvAvFlags,
    MsvAvSingleHost,
    MsvAvTargetName,
    MsvAvTimestamp,
    NegotiateMessage,
    clientChallenge,
    fileTime,
    singleHost,
)
from tapiproxy.dcerpc.pdu import NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED

KEY_SIZE = 16

_NO_BINDINGS = bytes(16)
"""MsvAvChannelBindings of a connection that has no channel to bind to, [MS-NLMP] 3.1.5.1.2."""

_Done = Callable[[bytes | AuthenticationFailed], None]


@attrs.frozen(kw_only=True)
class NTLMAccount:
    """
    Who an initiator logs on as.

    :ivar domain: empty if *user* is ``user@domain``.
    :ivar ntHash: MD4 of the password in UTF-16, little endian.
    :ivar workstation: what this host calls itself.
    :ivar machineID: by which an acceptor of the same process refuses what it has made itself, come
        back by way of another: MACHINE_ID_SIZE octets; empty to tell none.
    :ivar seconds: the time since 1970.
    :ivar random: gives so many octets that nobody can guess.
    """

    domain: str
    user: str
    ntHash: bytes = attrs.field(repr=False)
    workstation: str = ""
    machineID: bytes = attrs.field(default=b"", repr=False)
    seconds: Callable[[], float] = time.time
    random: Callable[[int], bytes] = os.urandom

    @classmethod
    def written(
        cls, name: str, ntHash: bytes, workstation: str = "", machineID: bytes = b""
    ) -> NTLMAccount:
        """
        An account as people write it.

        :param name: ``DOMAIN\\user``, ``user@domain``, or ``user`` of no domain.
        """
        domain, _, user = name.rpartition("\\")
        return cls(
            domain=domain, user=user, ntHash=ntHash, workstation=workstation, machineID=machineID
        )


@implementer(IMechanism)
class NTLMInitiator(NTLMContext):
    """
    One logon: NEGOTIATE, CHALLENGE, AUTHENTICATE.

    :param targetName: the service principal name of the server, such as ``host/server``; empty if
        none is known.  It is signed, so that a server can tell a logon that was meant for another.
    :ivar sessionKey: ExportedSessionKey; empty before *complete*.
    :ivar flags: what was negotiated; 0 before *complete*.
    """

    __slots__ = (
        "_account",
        "_negotiate",
        "_security",
        "_targetName",
        "authLevel",
        "complete",
        "flags",
        "integrity",
        "sessionKey",
    )

    authType = RPC_C_AUTHN_WINNT
    tokenSize = SIGNATURE_SIZE
    # NTLM does not tell a client who the server is, only that it can verify the account.
    principal = None
    # A server that was sent a MIC has one to answer with.
    demandsListMIC = True

    def __init__(self, account: NTLMAccount, authLevel: int, targetName: str = "") -> None:
        self.authLevel = authLevel
        self.complete = False
        self.integrity = False
        self.sessionKey = b""
        self.flags = 0
        self._account = account
        self._targetName = targetName
        self._negotiate = b""
        self._security: SessionSecurity | None = None

    def step(self, token: bytes, done: _Done) -> None:
        """Begin, or answer the server's challenge."""
        try:
            outcome = self._authenticate(token) if self._negotiate else self._begin()
        except MessageError as error:
            done(AuthenticationFailed(str(error), reason=NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED))
            return
        done(outcome)

    def _begin(self) -> bytes:
        flags = (
            NTLMSSP_NEGOTIATE_UNICODE
            | NTLMSSP_REQUEST_TARGET
            | NTLMSSP_NEGOTIATE_NTLM
            | NTLMSSP_NEGOTIATE_ALWAYS_SIGN
            | NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY
            | NTLMSSP_NEGOTIATE_TARGET_INFO
            | NTLMSSP_NEGOTIATE_VERSION
            | NTLMSSP_NEGOTIATE_128
            | NTLMSSP_NEGOTIATE_KEY_EXCH
        )
        if self.authLevel >= RPC_C_AUTHN_LEVEL_PKT:
            flags |= NTLMSSP_NEGOTIATE_SIGN
        if self.authLevel == RPC_C_AUTHN_LEVEL_PKT_PRIVACY:
            flags |= NTLMSSP_NEGOTIATE_SEAL
        self._negotiate = NegotiateMessage(flags).encode()
        return self._negotiate

    def _authenticate(self, token: bytes) -> bytes:
        """
        Prove who this is.

        :raises MessageError: the challenge is none, too weak, or a second one.
        """
        if self.complete:
            raise MessageError("one message too many")
        challenge = ChallengeMessage.decode(token)
        asked = NegotiateMessage.decode(self._negotiate).NegotiateFlags
        flags = asked & challenge.NegotiateFlags
        required = requiredFlags(self.authLevel) | NTLMSSP_NEGOTIATE_UNICODE
        if flags & required != required:
            raise MessageError(f"flags {flags:#x} are too weak for level {self.authLevel}")
        account = self._account
        pairs = dict(challenge.TargetInfo)
        moment = pairs.get(MsvAvTimestamp, b"")
        # Old servers tell no time.  They get the MIC all the same: nothing is gained by leaving it
        # out of the challenge.
        if len(moment) != len(fileTime(0)):
            moment = fileTime(account.seconds())
        # What a client says of itself is not to be had from the challenge: whoever hands on that of
        # another server would choose for which target and channel this logon is good.
        pairs[MsvAvFlags] = MIC_PROVIDED.to_bytes(4, "little")
        pairs.pop(MsvAvSingleHost, None)
        if account.machineID:
            pairs[MsvAvSingleHost] = singleHost(account.machineID)
        pairs[MsvAvChannelBindings] = _NO_BINDINGS
        pairs[MsvAvTargetName] = self._targetName.encode("utf-16-le")
        blob = clientChallenge(moment, account.random(CHALLENGE_SIZE), pairs)
        responseKey, proof = NTLMLogon(
            domain=account.domain,
            user=account.user,
            workstation=account.workstation,
            serverChallenge=challenge.ServerChallenge,
            ntResponse=bytes(16) + blob,
        ).prove(account.ntHash)
        key = hmac.digest(responseKey, proof, "md5")
        encrypted = b""
        if flags & NTLMSSP_NEGOTIATE_KEY_EXCH and flags & (
            NTLMSSP_NEGOTIATE_SIGN | NTLMSSP_NEGOTIATE_SEAL
        ):
            chosen = account.random(KEY_SIZE)
            encrypted = rc4(key)(chosen)
            key = chosen
        message = AuthenticateMessage(
            LmChallengeResponse=bytes(24),
            NtChallengeResponse=proof + blob,
            DomainName=account.domain,
            UserName=account.user,
            Workstation=account.workstation,
            EncryptedRandomSessionKey=encrypted,
            NegotiateFlags=flags,
        )
        mic = hmac.digest(key, self._negotiate + token + message.encode(), "md5")
        self.sessionKey = key
        self.flags = flags
        if self.authLevel >= RPC_C_AUTHN_LEVEL_PKT:
            self.integrity = True
            self._security = SessionSecurity(key, self.authLevel, server=False)
        self.complete = True
        return attrs.evolve(message, MIC=mic).encode()
