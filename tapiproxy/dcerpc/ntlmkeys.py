"""
What NTLM makes of its session key: signed and sealed PDUs.  No messages, no accounts, no state but
the two directions'.

Extended session security with 128 bits and key exchange, and nothing weaker.  The extra ``auth``
has the RC4: without it this module cannot be imported.  [MS-NLMP] 3.4.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import md5 as _portable
from hmac import compare_digest
from struct import Struct
from typing import Any

from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives.ciphers import Cipher

from tapiproxy.dcerpc.interface import (
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
    RPC_S_SEC_PKG_ERROR,
    Fault,
)

try:
    # CPython's own: its state is copied faster than OpenSSL's, a third of an HMAC's whole cost.
    from _md5 import md5  # type: ignore[import-not-found]  # private: no stubs describe it
except ImportError:
    md5 = _portable

SIGNATURE_SIZE = 16
"""Octets of NTLMSSP_MESSAGE_SIGNATURE_Extended_Sessionsecurity ([MS-NLMP] 2.2.2.9.2)."""

_BLOCK = 64
_IPAD = bytes(octet ^ 0x36 for octet in range(256))
_OPAD = bytes(octet ^ 0x5C for octet in range(256))
_VERSION = b"\x01\x00\x00\x00"
# After 2**32 PDUs the number, which is signed, begins anew; the key stream goes on.
_MAX_SEQUENCE = 0xFFFFFFFF

_sequence = Struct("<I").pack


def rc4(key: bytes) -> Callable[[bytes], bytes]:
    """A key stream: encrypts, or decrypts, what is put in; goes on from call to call."""
    update: Callable[[bytes], bytes] = Cipher(ARC4(key), mode=None).encryptor().update
    return update


class Direction:
    """
    What one side sends: its key stream, its signatures and their sequence numbers.

    One update of the key stream serves a PDU, since stub and checksum are neighbours in it, and
    HMAC goes on from two prepared states: half the cost of the straight way.

    :param sessionKey: ExportedSessionKey.
    :param toServer: whether it is the client's.
    """

    __slots__ = ("_inner", "_number", "_outer", "_sealingKey", "_stream")

    def __init__(self, sessionKey: bytes, *, toServer: bool) -> None:
        way = b"client-to-server" if toServer else b"server-to-client"
        # SIGNKEY and SEALKEY, [MS-NLMP] 3.4.5.2 and 3.4.5.3
        prefix = sessionKey + b"session key to " + way
        signingKey = md5(prefix + b" signing key magic constant\0").digest()
        self._sealingKey = md5(prefix + b" sealing key magic constant\0").digest()
        self._stream = rc4(self._sealingKey)
        padded = signingKey.ljust(_BLOCK, b"\0")
        self._inner: Any = md5(padded.translate(_IPAD))
        self._outer: Any = md5(padded.translate(_OPAD))
        self._number = 0

    def seal(self, head: bytes, body: bytes, trailer: bytes) -> tuple[bytes, bytes]:
        """Encrypt *body* and sign the whole: *body* as it travels, and the signature."""
        number = _sequence(self._number)
        self._number = self._number + 1 & _MAX_SEQUENCE
        inner = self._inner.copy()
        inner.update(number + head + body + trailer)
        outer = self._outer.copy()
        outer.update(inner.digest())
        sealed = self._stream(body + outer.digest()[:8])
        size = len(body)
        return sealed[:size], _VERSION + sealed[size:] + number

    def unseal(self, head: bytes, body: bytes, trailer: bytes, signature: bytes) -> bytes:
        """
        Decrypt *body* and verify the whole.

        :returns: *body* in the clear.
        :raises Fault: the signature is not that of what came next from the other side.
        """
        number = _sequence(self._number)
        self._number = self._number + 1 & _MAX_SEQUENCE
        opened = self._stream(body + signature[4:12])
        clear = opened[: len(body)]
        inner = self._inner.copy()
        inner.update(number + head + clear + trailer)
        outer = self._outer.copy()
        outer.update(inner.digest())
        # The first and the last word are no secrets.
        if (
            not compare_digest(outer.digest()[:8], opened[len(body) :])
            or signature[:4] != _VERSION
            or signature[12:] != number
        ):
            raise Fault(RPC_S_SEC_PKG_ERROR)
        return clear

    def sign(self, message: bytes) -> bytes:
        """The signature of *message*."""
        return self.seal(message, b"", b"")[1]

    def verify(self, message: bytes, signature: bytes) -> None:
        """
        Verify a signature.

        :raises Fault: it is not that of *message*, or not the next one.
        """
        self.unseal(message, b"", b"", signature)

    def signList(self, mechTypes: bytes) -> bytes:
        """SPNEGO's mechListMIC: a signature after which the key stream begins anew."""
        signature = self.sign(mechTypes)
        self._stream = rc4(self._sealingKey)
        return signature

    def verifyList(self, mechTypes: bytes, signature: bytes) -> None:
        """
        Verify SPNEGO's mechListMIC.

        :raises Fault: it is not that of *mechTypes*.
        """
        self.verify(mechTypes, signature)
        self._stream = rc4(self._sealingKey)


class SessionSecurity:
    """
    Both directions at the level of one security context, on either side.

    :param level: the authentication level: PDUs are sealed at PKT_PRIVACY, and signed below.
    :ivar outgoing: what this side sends.
    :ivar incoming: what the other one sends.
    """

    __slots__ = ("_sealed", "incoming", "outgoing")

    def __init__(self, sessionKey: bytes, level: int, *, server: bool) -> None:
        self.outgoing = Direction(sessionKey, toServer=not server)
        self.incoming = Direction(sessionKey, toServer=server)
        self._sealed = level == RPC_C_AUTHN_LEVEL_PKT_PRIVACY

    def protect(self, head: bytes, body: bytes, trailer: bytes) -> tuple[bytes, bytes]:
        """Sign a PDU, and seal it where the level says so: *body* as it travels, the signature."""
        if self._sealed:
            return self.outgoing.seal(head, body, trailer)
        return body, self.outgoing.sign(head + body + trailer)

    def unprotect(self, head: bytes, body: bytes, trailer: bytes, signature: bytes) -> bytes:
        """
        Verify a PDU.

        :returns: *body* in the clear.
        :raises Fault: it is not what the other side sent next.
        """
        if self._sealed:
            return self.incoming.unseal(head, body, trailer, signature)
        self.incoming.verify(head + body + trailer, signature)
        return body


class NTLMContext:
    """What a security context of NTLM does once it is established, whichever side it is on."""

    __slots__ = ()

    # The header is signed in any case.
    needsHeaderSigning = False

    # A slot of each side, which has it from the end of the handshake.
    _security: SessionSecurity | None

    def protect(
        self, head: bytes, body: bytes, trailer: bytes, headerSigning: bool
    ) -> tuple[bytes, bytes]:
        """As ISecurityContext; the header is signed whether or not that was agreed on."""
        assert self._security is not None
        return self._security.protect(head, body, trailer)

    def unprotect(
        self, head: bytes, body: bytes, trailer: bytes, token: bytes, headerSigning: bool
    ) -> bytes:
        """As ISecurityContext."""
        if self._security is None:
            raise Fault(RPC_S_SEC_PKG_ERROR)
        return self._security.unprotect(head, body, trailer, token)

    def signList(self, mechTypes: bytes) -> bytes:
        """As IMechanism."""
        assert self._security is not None
        return self._security.outgoing.signList(mechTypes)

    def verifyList(self, mechTypes: bytes, mechListMIC: bytes) -> None:
        """As IMechanism."""
        assert self._security is not None
        self._security.incoming.verifyList(mechTypes, mechListMIC)
