"""
Stubs that are larger than a fragment: taken apart on their way out, put together on their way in.

Bounds and bytes only; what may come when is the association's business.  C706 12.6.3.1, 12.6.4.9
and 12.6.4.10; [MS-RPCE] 2.2.2.11 for protected ones.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from itertools import chain

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.call import Answering, Call
from tapiproxy.dcerpc.endpoint import Endpoint
from tapiproxy.dcerpc.interface import ERROR_ACCESS_DENIED, Fault, nca_s_fault_remote_no_memory
from tapiproxy.dcerpc.negotiation import Presentation
from tapiproxy.dcerpc.securitycontexts import STUB_ALIGNMENT, AuthContext

MAX_STUB = 4 * 1024 * 1024
"""Octets of one reassembled request: what MS-RPC servers take before they refuse."""

MAX_REASSEMBLY = 16 * MAX_STUB
"""Octets that all unfinished requests of an endpoint hold together: anyone may send fragments."""

MAX_REASSEMBLY_PER_PEER = 2 * MAX_STUB
"""
Of these, what one address may hold, so that it cannot use them up and have everybody refused; and
all addresses together of which nobody has logged on, where clients have to.

Twice the largest request: a terminal server's agents share an address, and while one of them sends
that, the others' requests of a few fragments still have thousands of fragments' room.
"""

_OVERHEAD = pdu.REQUEST_HEADER_SIZE + pdu.SEC_TRAILER_SIZE
_PADDING = bytes(STUB_ALIGNMENT)

_responseStart = pdu.responseStart.pack
_secTrailer = pdu.LITTLE.secTrailer.pack


class Partial:
    """A request of which not all fragments are there; it is what its first fragment says."""

    __slots__ = ("callID", "contextID", "holder", "littleEndian", "opnum", "security", "stub")

    def __init__(
        self,
        holder: Hashable,
        callID: int,
        contextID: int,
        opnum: int,
        littleEndian: bool,
        security: AuthContext | None,
    ) -> None:
        self.holder = holder
        self.callID = callID
        self.contextID = contextID
        self.opnum = opnum
        self.littleEndian = littleEndian
        self.security = security
        # One growing buffer: a list of fragments would cost more than the octets they carry.
        self.stub = bytearray()

    def add(self, endpoint: Endpoint, data: bytes, start: int, end: int) -> None:
        """
        Add the stub of a fragment, which is data[start:end].

        :raises Fault: the request, all of its address or all of the endpoint would hold too much.
        """
        size = end - start
        if len(self.stub) + size > MAX_STUB:
            raise Fault(ERROR_ACCESS_DENIED)
        if (
            endpoint.reassembling + size > MAX_REASSEMBLY
            or endpoint.reassemblingOf[self.holder] + size > MAX_REASSEMBLY_PER_PEER
        ):
            raise Fault(nca_s_fault_remote_no_memory)
        endpoint.reassembling += size
        endpoint.reassemblingOf[self.holder] += size
        self.stub += data[start:end]

    def call(self, association: Answering, presentation: Presentation) -> Call:
        """The call that it is, now that all of it is there."""
        return Call(
            association,
            self.callID,
            self.contextID,
            self.opnum,
            presentation,
            self.littleEndian,
            self.security,
        )

    def release(self, endpoint: Endpoint) -> None:
        """Count its octets no more."""
        endpoint.reassembling -= len(self.stub)
        endpoint.reassemblingOf[self.holder] -= len(self.stub)
        if not endpoint.reassemblingOf[self.holder]:
            del endpoint.reassemblingOf[self.holder]


def parts(stub: bytes, room: int) -> Iterator[tuple[int, int, bytes]]:
    """
    Take a stub apart.

    :param room: octets that a fragment has for it.
    :returns: for each fragment its flags, its alloc_hint (what is left) and its part.
    """
    left = len(stub)
    flags = pdu.PFC_FIRST_FRAG
    for offset in range(0, left or 1, room):
        part = stub[offset : offset + room]
        if left <= room:
            flags |= pdu.PFC_LAST_FRAG
        yield flags, left, part
        left -= len(part)
        flags = 0


def responseHead(
    flags: int, length: int, authLength: int, callID: int, hint: int, contextID: int
) -> bytes:
    """
    A response fragment up to its stub.

    :param length: of the whole fragment.
    :param contextID: of the request; MS-RPC servers answer with its lower octet.
    """
    return _responseStart(
        pdu.WHOLE_RESPONSE ^ (pdu.WHOLE ^ flags) << 24,
        length,
        authLength,
        callID,
        hint,
        contextID & 0xFF,
        0,
    )


def plainResponse(callID: int, contextID: int, stub: bytes, size: int) -> Iterator[bytes]:
    """
    The bytes of a response without authentication, two items for each fragment.

    :param size: of a fragment at most.
    """
    for flags, left, part in parts(stub, size - pdu.REQUEST_HEADER_SIZE):
        length = pdu.REQUEST_HEADER_SIZE + len(part)
        yield responseHead(flags, length, 0, callID, left, contextID)
        yield part


def protectedResponse(
    callID: int,
    contextID: int,
    stub: bytes,
    size: int,
    security: AuthContext,
    headerSigning: bool,
) -> Iterable[bytes]:
    """
    The bytes of a response, each fragment signed or sealed under a security context; two items
    for each.

    :param size: of a fragment at most.
    :param headerSigning: whether it was agreed on.
    """
    room = (size - _OVERHEAD - security.context.tokenSize) & -STUB_ALIGNMENT
    if len(stub) <= room:
        # Nearly every response: not worth being taken apart.
        return _protected(
            pdu.WHOLE_RESPONSE, callID, len(stub), contextID, stub, security, headerSigning
        )
    return chain.from_iterable(
        _protected(
            pdu.WHOLE_RESPONSE ^ (pdu.WHOLE ^ flags) << 24,
            callID,
            left,
            contextID,
            part,
            security,
            headerSigning,
        )
        for flags, left, part in parts(stub, room)
    )


def _protected(
    start: int,
    callID: int,
    hint: int,
    contextID: int,
    part: bytes,
    security: AuthContext,
    headerSigning: bool,
) -> tuple[bytes, bytes]:
    context = security.context
    tokenSize = context.tokenSize
    padding = -len(part) % STUB_ALIGNMENT
    head = _responseStart(
        start,
        _OVERHEAD + len(part) + padding + tokenSize,
        tokenSize,
        callID,
        hint,
        contextID & 0xFF,
        0,
    )
    trailer = _secTrailer(context.authType, context.authLevel, padding, 0, security.auth_context_id)
    body, token = context.protect(head, part + _PADDING[:padding], trailer, headerSigning)
    return head + body, trailer + token
