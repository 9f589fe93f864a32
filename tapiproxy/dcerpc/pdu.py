"""
The connection-oriented PDUs of DCE/RPC, as bytes and as values.

Codecs only: no state, no policy, no input or output, and no import but the standard library and
attrs.  C706 chapter 12.6 with the extensions of [MS-RPCE] 2.2.2; field names are those of the
specification.  Both byte orders are read; everything is written little endian unless asked.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import ClassVar, TypeAlias
from uuid import UUID

import attrs

# 12.6.4: PTYPE
REQUEST = 0
RESPONSE = 2
FAULT = 3
BIND = 11
BIND_ACK = 12
BIND_NAK = 13
ALTER_CONTEXT = 14
ALTER_CONTEXT_RESP = 15
AUTH3 = 16  # [MS-RPCE] 2.2.2.10: rpc_auth_3
SHUTDOWN = 17
CO_CANCEL = 18
ORPHANED = 19

# 12.6.3.1: pfc_flags
PFC_FIRST_FRAG = 0x01
PFC_LAST_FRAG = 0x02
PFC_PENDING_CANCEL = 0x04
PFC_SUPPORT_HEADER_SIGN = 0x04  # the same bit in bind and alter_context: [MS-RPCE] 2.2.2.3
PFC_RESERVED_1 = 0x08
PFC_CONC_MPX = 0x10
PFC_DID_NOT_EXECUTE = 0x20
PFC_MAYBE = 0x40
PFC_OBJECT_UUID = 0x80
WHOLE = PFC_FIRST_FRAG | PFC_LAST_FRAG

# 12.6.3.1: p_cont_def_result_t, with negotiate_ack of [MS-RPCE] 2.2.2.4
ACCEPTANCE = 0
USER_REJECTION = 1
PROVIDER_REJECTION = 2
NEGOTIATE_ACK = 3

# 12.6.3.1: p_provider_reason_t
REASON_NOT_SPECIFIED = 0
ABSTRACT_SYNTAX_NOT_SUPPORTED = 1
PROPOSED_TRANSFER_SYNTAXES_NOT_SUPPORTED = 2
LOCAL_LIMIT_EXCEEDED = 3

# 12.6.3.1: p_reject_reason_t, with the codes of [MS-RPCE] 2.2.2.5
NAK_REASON_NOT_SPECIFIED = 0
NAK_LOCAL_LIMIT_EXCEEDED = 2
NAK_PROTOCOL_VERSION_NOT_SUPPORTED = 4
NAK_AUTHENTICATION_TYPE_NOT_RECOGNIZED = 8
NAK_INVALID_CHECKSUM = 9

HEADER_SIZE = 16
REQUEST_HEADER_SIZE = 24
OBJECT_SIZE = 16
FAULT_SIZE = 32
SEC_TRAILER_SIZE = 8

MIN_FRAGMENT = 2048
"""Every implementation takes fragments of this size: 12.6.3.1, MustRecvFragSize, rounded up as
MS-RPC runtimes do."""

MAX_FRAGMENT = 5840
"""The largest request or response fragment, sent or taken: what MS-RPC runtimes ask for on TCP."""

LITTLE_ENDIAN_DREP = b"\x10\x00\x00\x00"
BIG_ENDIAN_DREP = b"\x00\x00\x00\x00"


class PDUError(Exception):
    """Bytes that are no such PDU: a length, count or field contradicts another."""


@attrs.frozen
class SyntaxID:
    """An abstract or transfer syntax: p_syntax_id_t (12.6.3.1)."""

    if_uuid: UUID
    major: int
    minor: int = 0


NO_SYNTAX = SyntaxID(UUID(int=0), 0)


@attrs.frozen
class PresentationContext:
    """What a client proposes: p_cont_elem_t (12.6.3.1)."""

    p_cont_id: int
    abstract_syntax: SyntaxID
    transfer_syntaxes: tuple[SyntaxID, ...]


@attrs.frozen
class ContextResult:
    """What a server answers to one proposal: p_result_t (12.6.3.1)."""

    result: int
    reason: int
    transfer_syntax: SyntaxID = NO_SYNTAX


@attrs.frozen
class AuthVerifier:
    """The end of an authenticated PDU: sec_trailer ([MS-RPCE] 2.2.2.11) and the token after it."""

    auth_type: int
    auth_level: int
    auth_context_id: int
    auth_value: bytes = attrs.field(repr=False)
    auth_pad_length: int = 0
    auth_reserved: int = 0


@attrs.frozen
class Header:
    """The sixteen octets that every PDU begins with (12.6.3.1)."""

    rpc_vers: int
    rpc_vers_minor: int
    PTYPE: int
    pfc_flags: int
    packed_drep: bytes
    frag_length: int
    auth_length: int
    call_id: int

    @property
    def littleEndian(self) -> bool:
        """The byte order of all that follows: the high half of packed_drep's first octet (14.1)."""
        return self.packed_drep[0] & 0xF0 == 0x10


@attrs.frozen
class Order:
    """The layouts of one byte order, compiled once."""

    drep: bytes
    header: Struct
    uuid: str
    version: Struct
    sizes: Struct
    count: Struct
    contextElement: Struct
    short: Struct
    result: Struct
    request: Struct
    response: Struct
    status: Struct
    secTrailer: Struct


def _order(mark: str, drep: bytes, uuid: str) -> Order:
    return Order(
        drep=drep,
        header=Struct(mark + "BBBB4sHHI"),
        uuid=uuid,
        version=Struct(mark + "I"),
        sizes=Struct(mark + "HHI"),
        count=Struct(mark + "Bxxx"),
        contextElement=Struct(mark + "HBx"),
        short=Struct(mark + "H"),
        result=Struct(mark + "HH"),
        request=Struct(mark + "IHH"),
        response=Struct(mark + "IHBx"),
        status=Struct(mark + "I"),
        secTrailer=Struct(mark + "BBBBI"),
    )


LITTLE = _order("<", LITTLE_ENDIAN_DREP, "bytes_le")
BIG = _order(">", BIG_ENDIAN_DREP, "bytes")

# For the one path that must be short: a whole little-endian request or response without
# authentication is told by its first eight octets, read as one number.
WHOLE_REQUEST = int.from_bytes(bytes((5, 0, REQUEST, WHOLE)) + LITTLE_ENDIAN_DREP, "little")
WHOLE_RESPONSE = int.from_bytes(bytes((5, 0, RESPONSE, WHOLE)) + LITTLE_ENDIAN_DREP, "little")
requestStart = Struct("<QHHIIHH")  # the two above, frag_length .. call_id, alloc_hint, id, opnum
responseStart = Struct("<QHHIIHH")  # the same of a response; cancel_count is the last


def readHeader(data: bytes, start: int) -> Header:
    """
    Read a common header.

    :raises PDUError: fewer than sixteen octets, a byte order that does not exist, or a
        frag_length that has no room for the header.
    """
    if len(data) - start < HEADER_SIZE:
        raise PDUError("no room for a header")
    order = BIG if data[start + 4] & 0xF0 == 0 else LITTLE
    header = Header(*order.header.unpack_from(data, start))
    if header.packed_drep[0] & 0xF0 not in (0x00, 0x10):
        raise PDUError("packed_drep: no such byte order")
    if header.frag_length < HEADER_SIZE:
        raise PDUError("frag_length: less than the header")
    return header


def readVerifier(data: bytes, start: int, header: Header, fixed: int) -> AuthVerifier | None:
    """
    Read the authentication verifier at a PDU's end.

    :param fixed: how many octets at the PDU's beginning the verifier cannot reach back into.
    :raises PDUError: auth_length or auth_pad_length reach further than they can.
    """
    if not header.auth_length:
        return None
    end = start + header.frag_length
    trailer = end - header.auth_length - SEC_TRAILER_SIZE
    if trailer - start < fixed:
        raise PDUError("auth_length: more than the PDU")
    order = LITTLE if header.littleEndian else BIG
    kind, level, pad, reserved, contextID = order.secTrailer.unpack_from(data, trailer)
    # Whatever the type, as MS-RPC servers count: the four octets of an auth3 are no padding.
    if pad > max(0, trailer - start - max(fixed, REQUEST_HEADER_SIZE)):
        raise PDUError("auth_pad_length: more than the body")
    value = data[trailer + SEC_TRAILER_SIZE : end]
    return AuthVerifier(kind, level, contextID, value, pad, reserved)


def packVerifier(verifier: AuthVerifier, order: Order = LITTLE) -> bytes:
    """The sec_trailer and its token."""
    return packTrailer(verifier, order) + verifier.auth_value


def packTrailer(verifier: AuthVerifier, order: Order = LITTLE) -> bytes:
    """The eight octets of the sec_trailer."""
    return order.secTrailer.pack(
        verifier.auth_type,
        verifier.auth_level,
        verifier.auth_pad_length,
        verifier.auth_reserved,
        verifier.auth_context_id,
    )


@attrs.frozen(kw_only=True)
class PDU:
    """What every PDU has: its call, its flags and, where it is authenticated, its verifier."""

    PTYPE: ClassVar[int]
    call_id: int
    pfc_flags: int = WHOLE
    auth_verifier: AuthVerifier | None = None

    def body(self, order: Order) -> bytes:
        """What follows the common header, without padding and verifier."""
        return b""

    def encode(self, order: Order = LITTLE) -> bytes:
        """The PDU's bytes; lengths are computed, padding is zero."""
        body = self.body(order)
        authLength = 0
        if self.auth_verifier is not None:
            body += bytes(self.auth_verifier.auth_pad_length)
            body += packVerifier(self.auth_verifier, order)
            authLength = len(self.auth_verifier.auth_value)
        return (
            order.header.pack(
                5,
                0,
                self.PTYPE,
                self.pfc_flags,
                order.drep,
                HEADER_SIZE + len(body),
                authLength,
                self.call_id,
            )
            + body
        )


def _packSyntax(syntax: SyntaxID, order: Order) -> bytes:
    octets: bytes = getattr(syntax.if_uuid, order.uuid)
    return octets + order.version.pack(syntax.minor << 16 | syntax.major)


@attrs.frozen(kw_only=True)
class Bind(PDU):
    """A client proposes presentation contexts on a new association (12.6.4.3)."""

    PTYPE = BIND
    max_xmit_frag: int
    max_recv_frag: int
    assoc_group_id: int
    contexts: tuple[PresentationContext, ...]

    def body(self, order: Order) -> bytes:
        """Fragment sizes, group and p_context_elem."""
        parts = [
            order.sizes.pack(self.max_xmit_frag, self.max_recv_frag, self.assoc_group_id),
            order.count.pack(len(self.contexts)),
        ]
        for context in self.contexts:
            parts.append(
                order.contextElement.pack(context.p_cont_id, len(context.transfer_syntaxes))
            )
            parts.append(_packSyntax(context.abstract_syntax, order))
            parts.extend(_packSyntax(syntax, order) for syntax in context.transfer_syntaxes)
        return b"".join(parts)


@attrs.frozen(kw_only=True)
class AlterContext(Bind):
    """A client proposes more contexts, or goes on authenticating (12.6.4.1)."""

    PTYPE = ALTER_CONTEXT


@attrs.frozen(kw_only=True)
class BindAck(PDU):
    """A server's answer to bind (12.6.4.4); sec_addr is its port_spec, terminator included."""

    PTYPE = BIND_ACK
    max_xmit_frag: int
    max_recv_frag: int
    assoc_group_id: int
    sec_addr: bytes
    results: tuple[ContextResult, ...]

    def body(self, order: Order) -> bytes:
        """Fragment sizes, group, secondary address, padding to 4 and p_result_list."""
        parts = [
            order.sizes.pack(self.max_xmit_frag, self.max_recv_frag, self.assoc_group_id),
            order.short.pack(len(self.sec_addr)),
            self.sec_addr,
            bytes(-(2 + len(self.sec_addr)) % 4),
            order.count.pack(len(self.results)),
        ]
        for result in self.results:
            parts.append(order.result.pack(result.result, result.reason))
            parts.append(_packSyntax(result.transfer_syntax, order))
        return b"".join(parts)


@attrs.frozen(kw_only=True)
class AlterContextResp(BindAck):
    """A server's answer to alter_context (12.6.4.2); sec_addr is empty."""

    PTYPE = ALTER_CONTEXT_RESP


@attrs.frozen(kw_only=True)
class BindNak(PDU):
    """A server refuses the association (12.6.4.5) and says which versions it speaks."""

    PTYPE = BIND_NAK
    provider_reject_reason: int
    versions: tuple[tuple[int, int], ...] = ((5, 0),)

    def body(self, order: Order) -> bytes:
        """The reason, the versions, padding to 4."""
        body = order.short.pack(self.provider_reject_reason) + bytes((len(self.versions),))
        body += b"".join(bytes(version) for version in self.versions)
        return body + bytes(-len(body) % 4)


@attrs.frozen(kw_only=True)
class Auth3(PDU):
    """A client's third leg, which has no answer ([MS-RPCE] 2.2.2.10)."""

    PTYPE = AUTH3

    def body(self, order: Order) -> bytes:
        """Four octets of padding, not counted by auth_pad_length."""
        return bytes(4)


@attrs.frozen(kw_only=True)
class Request(PDU):
    """One fragment of a request (12.6.4.9)."""

    PTYPE = REQUEST
    alloc_hint: int
    p_cont_id: int
    opnum: int
    stub: bytes
    object: UUID | None = None

    def body(self, order: Order) -> bytes:
        """Hint, context, operation, object if PFC_OBJECT_UUID says so, stub."""
        head = order.request.pack(self.alloc_hint, self.p_cont_id, self.opnum)
        if self.pfc_flags & PFC_OBJECT_UUID:
            head += getattr(self.object or UUID(int=0), order.uuid)
        return head + self.stub


@attrs.frozen(kw_only=True)
class Response(PDU):
    """One fragment of a response (12.6.4.10)."""

    PTYPE = RESPONSE
    alloc_hint: int
    p_cont_id: int
    stub: bytes
    cancel_count: int = 0

    def body(self, order: Order) -> bytes:
        """Hint, context, cancel count, stub."""
        return order.response.pack(self.alloc_hint, self.p_cont_id, self.cancel_count) + self.stub


@attrs.frozen(kw_only=True)
class FaultPDU(PDU):
    """The answer to a request that failed (12.6.4.7)."""

    PTYPE = FAULT
    status: int
    p_cont_id: int = 0
    cancel_count: int = 0
    alloc_hint: int = 0

    def body(self, order: Order) -> bytes:
        """Hint, context, cancel count, status and four octets of padding."""
        head = order.response.pack(self.alloc_hint, self.p_cont_id, self.cancel_count)
        return head + order.status.pack(self.status) + bytes(4)


@attrs.frozen(kw_only=True)
class Shutdown(PDU):
    """A server asks its client to close the connection (12.6.4.11)."""

    PTYPE = SHUTDOWN


@attrs.frozen(kw_only=True)
class CoCancel(PDU):
    """A client asks that a call be cancelled (12.6.4.6)."""

    PTYPE = CO_CANCEL


@attrs.frozen(kw_only=True)
class Orphaned(PDU):
    """A client gives up a call and wants no answer (12.6.4.8)."""

    PTYPE = ORPHANED


AnyPDU: TypeAlias = (
    Bind
    | AlterContext
    | BindAck
    | AlterContextResp
    | BindNak
    | Auth3
    | Request
    | Response
    | FaultPDU
    | Shutdown
    | CoCancel
    | Orphaned
)


class _Body:
    """A cursor over one PDU's body; running out of octets is a PDUError."""

    def __init__(self, data: bytes, start: int, header: Header) -> None:
        self.data = data
        self.position = start + HEADER_SIZE
        self.end = start + header.frag_length
        if header.auth_length:
            self.end -= header.auth_length + SEC_TRAILER_SIZE
        self.order = LITTLE if header.littleEndian else BIG

    def read(self, layout: Struct) -> tuple[int, ...]:
        if self.end - self.position < layout.size:
            raise PDUError("frag_length: the body is cut short")
        values = layout.unpack_from(self.data, self.position)
        self.position += layout.size
        return values

    def take(self, count: int) -> bytes:
        if self.end - self.position < count:
            raise PDUError("frag_length: the body is cut short")
        self.position += count
        return self.data[self.position - count : self.position]

    def syntax(self) -> SyntaxID:
        octets = self.take(16)
        uuid = UUID(bytes_le=octets) if self.order is LITTLE else UUID(bytes=octets)
        (version,) = self.read(self.order.version)
        return SyntaxID(uuid, version & 0xFFFF, version >> 16)


_Decoder: TypeAlias = Callable[[_Body, Header, AuthVerifier | None], AnyPDU]


def decode(data: bytes, start: int = 0) -> AnyPDU:
    """
    Read the PDU that begins at *start*; all its octets must be there.

    :raises PDUError: it contradicts itself, or is of no connection-oriented type.
    """
    header = readHeader(data, start)
    if len(data) - start < header.frag_length:
        raise PDUError("frag_length: more than there is")
    return decodeBody(data, start, header)


def decodeBody(data: bytes, start: int, header: Header) -> AnyPDU:
    """
    Read the PDU whose header was read already.

    :raises PDUError: as :func:`decode`.
    """
    decoder = _DECODERS.get(header.PTYPE)
    if decoder is None:
        raise PDUError("PTYPE: not connection-oriented")
    fixed = _FIXED.get(header.PTYPE, HEADER_SIZE)
    if header.PTYPE == REQUEST and header.pfc_flags & PFC_OBJECT_UUID:
        fixed += OBJECT_SIZE
    verifier = readVerifier(data, start, header, fixed)
    return decoder(_Body(data, start, header), header, verifier)


def _bind(body: _Body, header: Header, verifier: AuthVerifier | None) -> Bind:
    xmit, recv, group = body.read(body.order.sizes)
    # A list of none may come without the padding before its first element.
    count = body.take(1)[0]
    if count:
        body.take(3)
    contexts = []
    for _ in range(count):
        contextID, syntaxes = body.read(body.order.contextElement)
        abstract = body.syntax()
        contexts.append(
            PresentationContext(contextID, abstract, tuple(body.syntax() for _ in range(syntaxes)))
        )
    kind = Bind if header.PTYPE == BIND else AlterContext
    return kind(
        call_id=header.call_id,
        pfc_flags=header.pfc_flags,
        auth_verifier=verifier,
        max_xmit_frag=xmit,
        max_recv_frag=recv,
        assoc_group_id=group,
        contexts=tuple(contexts),
    )


def _bindAck(body: _Body, header: Header, verifier: AuthVerifier | None) -> BindAck:
    first = body.position
    xmit, recv, group = body.read(body.order.sizes)
    (length,) = body.read(body.order.short)
    address = body.take(length)
    body.take(-(body.position - first) % 4)
    (count,) = body.read(body.order.count)
    results = []
    for _ in range(count):
        result, reason = body.read(body.order.result)
        results.append(ContextResult(result, reason, body.syntax()))
    kind = BindAck if header.PTYPE == BIND_ACK else AlterContextResp
    return kind(
        call_id=header.call_id,
        pfc_flags=header.pfc_flags,
        auth_verifier=verifier,
        max_xmit_frag=xmit,
        max_recv_frag=recv,
        assoc_group_id=group,
        sec_addr=address,
        results=tuple(results),
    )


def _bindNak(body: _Body, header: Header, verifier: AuthVerifier | None) -> BindNak:
    (reason,) = body.read(body.order.short)
    # Some servers leave the versions out; nothing depends on them.
    count = body.take(1)[0] if body.position < body.end else 0
    versions = []
    for _ in range(count):
        major, minor = body.take(2)
        versions.append((major, minor))
    return BindNak(
        call_id=header.call_id,
        pfc_flags=header.pfc_flags,
        auth_verifier=verifier,
        provider_reject_reason=reason,
        versions=tuple(versions),
    )


def _empty(kind: type[Auth3 | Shutdown | CoCancel | Orphaned]) -> _Decoder:
    def decoder(
        body: _Body, header: Header, verifier: AuthVerifier | None
    ) -> Auth3 | Shutdown | CoCancel | Orphaned:
        return kind(call_id=header.call_id, pfc_flags=header.pfc_flags, auth_verifier=verifier)

    return decoder


def _stub(body: _Body, verifier: AuthVerifier | None) -> bytes:
    padding = 0 if verifier is None else verifier.auth_pad_length
    return body.take(body.end - body.position - padding)


def _request(body: _Body, header: Header, verifier: AuthVerifier | None) -> Request:
    hint, contextID, opnum = body.read(body.order.request)
    target = None
    if header.pfc_flags & PFC_OBJECT_UUID:
        octets = body.take(OBJECT_SIZE)
        target = UUID(bytes_le=octets) if body.order is LITTLE else UUID(bytes=octets)
    return Request(
        call_id=header.call_id,
        pfc_flags=header.pfc_flags,
        auth_verifier=verifier,
        alloc_hint=hint,
        p_cont_id=contextID,
        opnum=opnum,
        object=target,
        stub=_stub(body, verifier),
    )


def _response(body: _Body, header: Header, verifier: AuthVerifier | None) -> Response:
    hint, contextID, cancels = body.read(body.order.response)
    return Response(
        call_id=header.call_id,
        pfc_flags=header.pfc_flags,
        auth_verifier=verifier,
        alloc_hint=hint,
        p_cont_id=contextID,
        cancel_count=cancels,
        stub=_stub(body, verifier),
    )


def _fault(body: _Body, header: Header, verifier: AuthVerifier | None) -> FaultPDU:
    hint, contextID, cancels = body.read(body.order.response)
    # Four octets of padding follow the status; not every server sends them.
    (status,) = body.read(body.order.status)
    return FaultPDU(
        call_id=header.call_id,
        pfc_flags=header.pfc_flags,
        auth_verifier=verifier,
        status=status,
        p_cont_id=contextID,
        cancel_count=cancels,
        alloc_hint=hint,
    )


# Up to where a verifier cannot reach back: stubs begin behind a longer header.
_FIXED = {REQUEST: REQUEST_HEADER_SIZE, RESPONSE: REQUEST_HEADER_SIZE}

_DECODERS: dict[int, _Decoder] = {
    REQUEST: _request,
    RESPONSE: _response,
    FAULT: _fault,
    BIND: _bind,
    BIND_ACK: _bindAck,
    BIND_NAK: _bindNak,
    ALTER_CONTEXT: _bind,
    ALTER_CONTEXT_RESP: _bindAck,
    AUTH3: _empty(Auth3),
    SHUTDOWN: _empty(Shutdown),
    CO_CANCEL: _empty(CoCancel),
    ORPHANED: _empty(Orphaned),
}
