"""
What both sides of Kerberos do once they are established: signed and sealed PDUs.

By python-gssapi over MIT's library, which keeps keys and sequence numbers.  No handshake here.
Importing it needs the extra ``kerberos``.  RFC 4121 4.2, [MS-KILE] 3.4.5, [MS-RPCE] 2.2.2.11 and
3.3.1.5.2.2.
"""

from __future__ import annotations

from gssapi import SecurityContext, raw
from gssapi.raw import IOV, GSSError, IOVBufferType, RequirementFlag

from tapiproxy.dcerpc.interface import (
    ERROR_ACCESS_DENIED,
    RPC_C_AUTHN_LEVEL_PKT,
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
    RPC_S_SEC_PKG_ERROR,
    AuthenticationFailed,
    Fault,
)
from tapiproxy.dcerpc.pdu import NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED
from tapiproxy.dcerpc.spnegotokens import KERBEROS

MECHANISM = raw.OID(elements=KERBEROS[2:])
"""Kerberos V5 as the library names it."""

# GSS_C_INQ_SSPI_SESSION_KEY, 1.2.840.113554.1.2.2.5.5: the key in use, then the OID of its kind.
_SESSION_KEY = raw.OID(elements=bytes.fromhex("2a864886f71201020205") + b"\x05")
_KEY_KIND = bytes.fromhex("2a864886f71201020204")

AES = {17, 18, 19, 20}
"""Encryption types of RFC 3962 and RFC 8009.  RC4 and DES are broken, and others nobody uses."""

DETECTS = (
    RequirementFlag.mutual_authentication
    | RequirementFlag.replay_detection
    | RequirementFlag.out_of_sequence_detection
    | RequirementFlag.integrity
)
"""What signatures want: without the second and the third a PDU could be sent again."""

# Of each vector of buffers: let the library make room, or take what is given.
_NEW_HEADER = (IOVBufferType.header, True, None)
_NEW_MIC = (IOVBufferType.mic_token, True, None)
_SIGN_ONLY = IOVBufferType.sign_only

_ANY_BODY = bytes(16)

MAX_REASON = 300
"""Characters of a reason: a name in it may be as long as a token."""

# The mechanism's words where it has none.
_NOTHING = {"Success", "Unknown error"}


def requiredFlags(authLevel: int) -> int:
    """The flags without which a level is refused."""
    if authLevel < RPC_C_AUTHN_LEVEL_PKT:
        return 0
    if authLevel < RPC_C_AUTHN_LEVEL_PKT_PRIVACY:
        return int(DETECTS)
    return int(DETECTS | RequirementFlag.confidentiality)


class Unprotected(Exception):
    """What was established is less than the level wants; the text says what is missing."""


class KerberosContext:
    """
    A security context of Kerberos, whichever side it is on.

    :param permitUnsignedHeaders: whether PDUs may go without PFC_SUPPORT_HEADER_SIGN.  Kerberos
        covers the stub alone then: whoever is on the way chooses which operation it is for.
    :ivar sessionKey: the key in use; empty before *complete*.
    :ivar flags: what was negotiated; 0 before *complete*.
    """

    __slots__ = (
        "_context",
        "_permitUnsignedHeaders",
        "_sealed",
        "authLevel",
        "complete",
        "flags",
        "integrity",
        "principal",
        "sessionKey",
        "tokenSize",
    )

    # SPNEGO's list is signed only if what the client likes best was not taken: else its first
    # message went to the mechanism that stands first, and changing the list changes nothing.
    demandsListMIC = False

    def __init__(self, authLevel: int, *, permitUnsignedHeaders: bool) -> None:
        self.authLevel = authLevel
        self.complete = False
        self.principal: object = None
        self.integrity = False
        self.tokenSize = 0
        self.sessionKey = b""
        self.flags = 0
        self._permitUnsignedHeaders = permitUnsignedHeaders
        self._sealed = authLevel == RPC_C_AUTHN_LEVEL_PKT_PRIVACY
        self._context: SecurityContext | None = None

    @property
    def needsHeaderSigning(self) -> bool:
        """As ISecurityContext."""
        return self.authLevel >= RPC_C_AUTHN_LEVEL_PKT and not self._permitUnsignedHeaders

    def protect(
        self, head: bytes, body: bytes, trailer: bytes, headerSigning: bool
    ) -> tuple[bytes, bytes]:
        """
        As ISecurityContext.

        :raises Fault: RPC_S_SEC_PKG_ERROR, if headers are not signed and that is not permitted.
        """
        self._checkHeaderSigning(headerSigning)
        context = self._context
        assert context is not None
        if not self._sealed:
            return body, raw.get_mic(context, head + body + trailer if headerSigning else body)
        if not headerSigning:
            vector = IOV(_NEW_HEADER, body, std_layout=False)
            raw.wrap_iov(context, vector, confidential=True)
            return vector[1].value or b"", vector[0].value or b""
        vector = IOV(
            _NEW_HEADER,
            (_SIGN_ONLY, False, head),
            (IOVBufferType.data, False, body),
            (_SIGN_ONLY, False, trailer),
            std_layout=False,
        )
        raw.wrap_iov(context, vector, confidential=True)
        return vector[2].value or b"", vector[0].value or b""

    def unprotect(
        self, head: bytes, body: bytes, trailer: bytes, token: bytes, headerSigning: bool
    ) -> bytes:
        """As ISecurityContext; a fault as well if headers are not signed and have to be."""
        self._checkHeaderSigning(headerSigning)
        context = self._context
        if context is None:
            raise Fault(RPC_S_SEC_PKG_ERROR)
        try:
            if not self._sealed:
                signed = head + body + trailer if headerSigning else body
                raw.verify_mic(context, signed, token)
                return body
            header = (IOVBufferType.header, False, token)
            data = (IOVBufferType.data, False, body)
            if headerSigning:
                vector = IOV(
                    header,
                    (_SIGN_ONLY, False, head),
                    data,
                    (_SIGN_ONLY, False, trailer),
                    std_layout=False,
                )
            else:
                vector = IOV(header, data, std_layout=False)
            encrypted = raw.unwrap_iov(context, vector).encrypted
        except GSSError:
            # What comes too early, too late or twice is an error too: the flags that say so are
            # required.
            raise Fault(RPC_S_SEC_PKG_ERROR) from None
        if not encrypted:
            raise Fault(RPC_S_SEC_PKG_ERROR)
        return vector[2 if headerSigning else 1].value or b""

    def signList(self, mechTypes: bytes) -> bytes:
        """As IMechanism."""
        assert self._context is not None
        mechListMIC: bytes = raw.get_mic(self._context, mechTypes)
        return mechListMIC

    def verifyList(self, mechTypes: bytes, mechListMIC: bytes) -> None:
        """As IMechanism."""
        assert self._context is not None
        try:
            raw.verify_mic(self._context, mechTypes, mechListMIC)
        except GSSError:
            raise Fault(RPC_S_SEC_PKG_ERROR) from None

    def _establish(self, context: raw.SecurityContext, flags: int) -> None:
        """
        Take what the library has established, short of being complete.

        :raises Unprotected: it is not enough for the level.
        """
        required = requiredFlags(self.authLevel)
        if flags & required != required:
            raise Unprotected(f"flags {flags:#x} are too weak for level {self.authLevel}")
        sessionKey, kind = raw.inquire_sec_context_by_oid(context, _SESSION_KEY)[:2]
        encryption = kind[-1]
        if kind[:-1] != _KEY_KIND or encryption not in AES:
            raise Unprotected(f"a key of encryption type {encryption}, which is no AES")
        self._context = SecurityContext(base=context)
        self.sessionKey = sessionKey
        self.flags = flags
        self.integrity = bool(flags & RequirementFlag.integrity)
        self.tokenSize = self._measure(self._context)

    def _measure(self, context: SecurityContext) -> int:
        """Octets of a token, which are the same for bodies of all lengths."""
        if self._sealed:
            vector = IOV(_NEW_HEADER, _ANY_BODY, std_layout=False)
            raw.wrap_iov_length(context, vector, confidential=True)
        else:
            vector = IOV(_NEW_MIC, _ANY_BODY, std_layout=False)
            raw.get_mic_iov_length(context, vector)
        return len(vector[0].value or b"")

    def _checkHeaderSigning(self, headerSigning: bool) -> None:
        """
        Refuse what leaves headers unprotected.

        :raises Fault: it does, and that is not permitted.
        """
        if not headerSigning and not self._permitUnsignedHeaders:
            self._unsigned()
            raise Fault(RPC_S_SEC_PKG_ERROR)

    def _unsigned(self) -> None:
        """Be told that a PDU is refused because headers are not signed."""


def reason(error: GSSError) -> str:
    """
    Why the library refuses, for the log: in its words.

    They may quote names that a peer has chosen.
    """
    try:
        # What the mechanism says tells more than what all mechanisms have in common.
        words = error.get_all_statuses(error.min_code, False)
        if words[0] in _NOTHING:
            words = error.get_all_statuses(error.maj_code, True)
    except UnicodeDecodeError:
        words = ["an error that quotes what is no text"]
    text = "; ".join(words)[:MAX_REASON]
    return "".join(each if each.isprintable() else "?" for each in text)


def refused(
    detail: str, user: str = "", status: int = ERROR_ACCESS_DENIED, *, logged: bool = False
) -> AuthenticationFailed:
    """
    The refusal of a handshake.

    :param user: whose, once that is proven.
    :param status: what a fault says.
    :param logged: whether the reason has been logged.
    """
    return AuthenticationFailed(
        detail,
        reason=NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED,
        status=status,
        user=user,
        logged=logged,
    )
