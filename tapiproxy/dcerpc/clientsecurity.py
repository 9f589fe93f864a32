"""
What a security context does to the requests and responses of a client's association.

One context for all of them, as long as the association lives.  [MS-RPCE] 2.2.2.11, 2.2.2.12 and
3.3.1.5.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.fragments import parts
from tapiproxy.dcerpc.interface import RPC_C_AUTHN_LEVEL_PKT, Fault
from tapiproxy.dcerpc.securitycontexts import STUB_ALIGNMENT

if TYPE_CHECKING:
    from tapiproxy.dcerpc.security import ISecurityContext

_CONTEXT_ID = 1  # any will do: there is one

_OVERHEAD = pdu.REQUEST_HEADER_SIZE + pdu.SEC_TRAILER_SIZE
_PADDING = bytes(STUB_ALIGNMENT)

_requestStart = pdu.requestStart.pack
_secTrailer = pdu.LITTLE.secTrailer.pack
_readTrailer = pdu.LITTLE.secTrailer.unpack_from


class ClientSecurity:
    """
    The security context of an association.

    :param context: an initiator.
    :ivar headerSigning: whether PFC_SUPPORT_HEADER_SIGN was agreed on.
    """

    __slots__ = ("context", "headerSigning")

    def __init__(self, context: ISecurityContext) -> None:
        self.context = context
        self.headerSigning = False

    @property
    def protects(self) -> bool:
        """Whether its level wants a verifier with each request and response."""
        return self.context.authLevel >= RPC_C_AUTHN_LEVEL_PKT

    def verifier(self, token: bytes) -> pdu.AuthVerifier:
        """The verifier of a leg."""
        context = self.context
        return pdu.AuthVerifier(context.authType, context.authLevel, _CONTEXT_ID, token)

    def tokenOf(self, verifier: pdu.AuthVerifier | None) -> bytes:
        """
        The server's token in its answer to a leg.

        MS-RPC servers answer each leg with a verifier, the last with one without a token.

        :raises PDUError: there is no verifier, or it is of another context.
        """
        if verifier is None:
            raise pdu.PDUError("no verifier: it does not authenticate")
        self._expect(verifier)
        return verifier.auth_value

    def request(
        self, callID: int, contextID: int, opnum: int, stub: bytes, size: int
    ) -> Iterable[bytes]:
        """
        The bytes of a request, each fragment signed or sealed; two items for each.

        :param contextID: the presentation context.
        :param size: of a fragment at most.
        """
        room = (size - _OVERHEAD - self.context.tokenSize) & -STUB_ALIGNMENT
        if len(stub) <= room:
            # Nearly every request: not worth being taken apart.
            return self._protected(pdu.WHOLE_REQUEST, callID, len(stub), contextID, opnum, stub)
        return chain.from_iterable(
            self._protected(
                pdu.WHOLE_REQUEST ^ (pdu.WHOLE ^ flags) << 24, callID, left, contextID, opnum, part
            )
            for flags, left, part in parts(stub, room)
        )

    def _protected(
        self, start: int, callID: int, hint: int, contextID: int, opnum: int, part: bytes
    ) -> tuple[bytes, bytes]:
        context = self.context
        tokenSize = context.tokenSize
        padding = -len(part) % STUB_ALIGNMENT
        length = _OVERHEAD + len(part) + padding + tokenSize
        head = _requestStart(start, length, tokenSize, callID, hint, contextID, opnum)
        trailer = _secTrailer(context.authType, context.authLevel, padding, 0, _CONTEXT_ID)
        body, token = context.protect(head, part + _PADDING[:padding], trailer, self.headerSigning)
        return head + body, trailer + token

    def whole(
        self, data: bytes, position: int, end: int, auth: int
    ) -> tuple[bytes, int, int] | None:
        """
        The stub of a whole response that has a verifier, in the clear.

        :param position: where in *data* the response begins, and *end* where it ends.
        :param auth: its auth_length.
        :returns: in what the stub lies, where it begins and ends; None if :meth:`response` has to
            say what is wrong, and nothing of the context has changed.
        :raises PDUError: it does not verify.
        """
        trailer = end - auth - pdu.SEC_TRAILER_SIZE
        start = position + pdu.REQUEST_HEADER_SIZE
        if trailer < start:
            return None
        kind, level, padding, _, auth_context_id = _readTrailer(data, trailer)
        context = self.context
        if (
            auth_context_id != _CONTEXT_ID
            or kind != context.authType
            or level != context.authLevel
            or padding > trailer - start
        ):
            return None
        value = trailer + pdu.SEC_TRAILER_SIZE
        clear = self._unprotect(
            data[position:start], data[start:trailer], data[trailer:value], data[value:end]
        )
        return clear, 0, len(clear) - padding

    def response(self, data: bytes, position: int, header: pdu.Header) -> tuple[int, int, bytes]:
        """
        The stub of a response fragment in the clear: where it begins and ends, and in what.

        :param position: where in *data* the fragment begins.
        :raises PDUError: its verifier is missing, of another context, or does not verify.
        """
        start = position + pdu.REQUEST_HEADER_SIZE
        end = position + header.frag_length
        verifier = pdu.readVerifier(data, position, header, pdu.REQUEST_HEADER_SIZE)
        if verifier is None:
            if self.protects:
                raise pdu.PDUError("a response without verifier")
            return start, end, data
        self._expect(verifier)
        trailer = end - header.auth_length - pdu.SEC_TRAILER_SIZE
        if not self.protects:
            return start, trailer - verifier.auth_pad_length, data
        clear = self._unprotect(
            data[position:start],
            data[start:trailer],
            data[trailer : trailer + pdu.SEC_TRAILER_SIZE],
            verifier.auth_value,
        )
        return 0, len(clear) - verifier.auth_pad_length, clear

    def _unprotect(self, head: bytes, body: bytes, trailer: bytes, token: bytes) -> bytes:
        try:
            return self.context.unprotect(head, body, trailer, token, self.headerSigning)
        except Fault:
            raise pdu.PDUError("a response that is not what the server sent next") from None

    def _expect(self, verifier: pdu.AuthVerifier) -> None:
        context = self.context
        found = (verifier.auth_type, verifier.auth_level, verifier.auth_context_id)
        if found != (context.authType, context.authLevel, _CONTEXT_ID):
            raise pdu.PDUError(
                f"a verifier of another security context: provider {found[0]}, level {found[1]}, "
                f"asked was {context.authType}, {context.authLevel}"
            )
