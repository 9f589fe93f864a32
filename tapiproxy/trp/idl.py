"""
The six methods of the interfaces tapsrv and remotesp as stubs of NDR.  [MS-TRP] section 6.

Codecs only: for each method its opnum, under the method's name, and the functions that read and
write its request and its answer, so that both roles are here.  What pBuffer holds is no business of
this module.  Every ``decode`` raises :class:`~tapiproxy.dcerpc.interface.Fault`; each takes the
byte order and the transfer syntax of the stub, each ``encode`` the transfer syntax.
"""

from __future__ import annotations

from struct import Struct
from uuid import UUID

import attrs

from tapiproxy.dcerpc.interface import RPC_X_BAD_STUB_DATA, Fault, nca_s_fault_invalid_bound
from tapiproxy.dcerpc.ndr import MAX_SIZE, NDR, NDR64, Reader, TransferSyntax, Writer

TRANSFER_SYNTAXES = (NDR, NDR64)
"""
Those that both interfaces are spoken in (2.2), in the order in which a client proposes them.

NDR comes first: it is shorter, and what peers are known to speak.
"""

# 6.2: interface tapsrv
TAPSRV = UUID("2f5f6520-ca46-1067-b319-00dd010662da")
TAPSRV_VERSION = (1, 0)
PIPE = "tapsrv"
"""The well-known endpoint of tapsrv over ncacn_np (2.1), without the ``\\pipe\\`` before it."""
ClientAttach = 0
ClientRequest = 1
ClientDetach = 2

# 6.1: interface remotesp
REMOTESP = UUID("2f5f6521-ca47-1068-b319-00dd010662db")
REMOTESP_VERSION = (1, 0)
RemoteSPAttach = 0
RemoteSPEventProc = 1
RemoteSPDetach = 2

NO_CONTEXT = bytes(20)
"""The context handle that is none: what the detaching methods hand back."""

MAX_DOMAIN_USER = 512
"""Characters of pszDomainUser: DNLEN + UNLEN and a mailslot's name are less."""

MAX_MACHINE = 4096
"""Characters of pszMachine: a computer's name and a pair of words per protocol sequence."""

# The stubs that every request carries, in the byte order and syntax that most clients send.
_head = Struct("<20sIII")  # context handle, max_count, offset, actual_count
_counts = Struct("<III")
_pair = Struct("<II")
_single = Struct("<I")
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")


@attrs.frozen
class AttachRequest:
    """What ClientAttach asks with."""

    lProcessID: int
    pszDomainUser: str
    pszMachine: str


@attrs.frozen
class AttachReply:
    """What ClientAttach and RemoteSPAttach answer; the latter has no event."""

    phContext: bytes
    result: int
    phAsyncEventsEvent: int = 0


def encodeClientAttach(
    lProcessID: int, pszDomainUser: str, pszMachine: str, syntax: TransferSyntax = NDR
) -> bytes:
    """The request of ClientAttach (3.1.4.1)."""
    writer = Writer(syntax)
    writer.long(lProcessID)
    writer.wideString(pszDomainUser)
    writer.wideString(pszMachine)
    return writer.stub()


def decodeClientAttach(
    data: bytes, start: int, end: int, littleEndian: bool = True, syntax: TransferSyntax = NDR
) -> AttachRequest:
    """The request of ClientAttach (3.1.4.1)."""
    reader = Reader(data, start, end, littleEndian, syntax)
    return AttachRequest(
        reader.long(), reader.wideString(MAX_DOMAIN_USER), reader.wideString(MAX_MACHINE)
    )


def encodeClientAttachReply(
    phContext: bytes, phAsyncEventsEvent: int, result: int, syntax: TransferSyntax = NDR
) -> bytes:
    """The answer of ClientAttach; a failure has NO_CONTEXT."""
    writer = Writer(syntax)
    writer.contextHandle(phContext)
    writer.long(phAsyncEventsEvent)
    writer.long(result)
    return writer.stub()


def decodeClientAttachReply(
    data: bytes, start: int, end: int, littleEndian: bool = True, syntax: TransferSyntax = NDR
) -> AttachReply:
    """The answer of ClientAttach; both numbers come as unsigned ones."""
    reader = Reader(data, start, end, littleEndian, syntax)
    context = reader.contextHandle()
    event = reader.long() & 0xFFFFFFFF
    return AttachReply(context, reader.long() & 0xFFFFFFFF, event)


def encodeClientRequest(
    phContext: bytes, pBuffer: bytes, lNeededSize: int, syntax: TransferSyntax = NDR
) -> bytes:
    """
    The request of ClientRequest (3.1.4.2).

    :param pBuffer: as long as plUsedSize says.
    :param lNeededSize: the room asked for, not less than pBuffer's length.
    """
    writer = Writer(syntax)
    writer.contextHandle(phContext)
    writer.octets(pBuffer, lNeededSize)
    writer.long(lNeededSize)
    writer.long(len(pBuffer))
    return writer.stub()


def decodeClientRequest(
    data: bytes, start: int, end: int, littleEndian: bool = True, syntax: TransferSyntax = NDR
) -> tuple[bytes, int, int, int]:
    """
    The request of ClientRequest (3.1.4.2), pBuffer where it lies.

    :returns: phContext; where in *data* pBuffer begins; plUsedSize, its length; lNeededSize.
    """
    if littleEndian and syntax is NDR:
        if end - start < _head.size + _pair.size:
            raise Fault(RPC_X_BAD_STUB_DATA)
        context, maxCount, offset, actualCount = _head.unpack_from(data, start)
        tail = start + _head.size + (actualCount + 3 & ~3)
        if end - tail < _pair.size:
            raise Fault(RPC_X_BAD_STUB_DATA)
        lNeededSize, plUsedSize = _pair.unpack_from(data, tail)
        if (
            offset
            or actualCount != plUsedSize
            or maxCount != lNeededSize
            or actualCount > maxCount
            or maxCount > MAX_SIZE
        ):
            raise Fault(nca_s_fault_invalid_bound)
        return context, start + _head.size, plUsedSize, lNeededSize
    reader = Reader(data, start, end, littleEndian, syntax)
    context = reader.contextHandle()
    pBuffer = reader.octets()
    lNeededSize = reader.long()
    plUsedSize = reader.long()
    if pBuffer.maxCount != lNeededSize or pBuffer.length != plUsedSize:
        raise Fault(nca_s_fault_invalid_bound)
    return context, pBuffer.start, plUsedSize, lNeededSize


def encodeClientRequestReply(
    pBuffer: bytes, lNeededSize: int, syntax: TransferSyntax = NDR
) -> bytes:
    """
    The answer of ClientRequest.

    :param pBuffer: as long as plUsedSize is to say.
    :param lNeededSize: the request's, not less than pBuffer's length.
    """
    if syntax is NDR:
        used = len(pBuffer)
        return b"".join(
            (
                _counts.pack(lNeededSize, 0, used),
                pBuffer,
                _PADDING[used & 3],
                _single.pack(used),
            )
        )
    writer = Writer(syntax)
    writer.octets(pBuffer, lNeededSize)
    writer.long(len(pBuffer))
    return writer.stub()


def decodeClientRequestReply(
    data: bytes, start: int, end: int, littleEndian: bool = True, syntax: TransferSyntax = NDR
) -> tuple[int, int]:
    """
    The answer of ClientRequest, pBuffer where it lies.

    :returns: where in *data* pBuffer begins; plUsedSize, its length.
    """
    reader = Reader(data, start, end, littleEndian, syntax)
    pBuffer = reader.octets()
    if pBuffer.length != reader.long():
        raise Fault(nca_s_fault_invalid_bound)
    return pBuffer.start, pBuffer.length


def encodeClientDetach(phContext: bytes) -> bytes:
    """The request of ClientDetach (3.1.4.3)."""
    return phContext


def decodeClientDetach(
    data: bytes, start: int, end: int, littleEndian: bool = True, syntax: TransferSyntax = NDR
) -> bytes:
    """The request of ClientDetach: its context handle."""
    return Reader(data, start, end, littleEndian, syntax).contextHandle()


def encodeClientDetachReply(phContext: bytes = NO_CONTEXT) -> bytes:
    """The answer of ClientDetach."""
    return phContext


decodeClientDetachReply = decodeClientDetach


def encodeRemoteSPAttach() -> bytes:
    """The request of RemoteSPAttach (3.3.4.1), which is empty."""
    return b""


def encodeRemoteSPAttachReply(phContext: bytes, result: int) -> bytes:
    """The answer of RemoteSPAttach; a failure has NO_CONTEXT."""
    return phContext + _single.pack(result & 0xFFFFFFFF)


def decodeRemoteSPAttachReply(
    data: bytes, start: int, end: int, littleEndian: bool = True, syntax: TransferSyntax = NDR
) -> AttachReply:
    """The answer of RemoteSPAttach."""
    reader = Reader(data, start, end, littleEndian, syntax)
    return AttachReply(reader.contextHandle(), reader.long() & 0xFFFFFFFF)


def encodeRemoteSPEventProc(
    phContext: bytes, pBuffer: bytes, syntax: TransferSyntax = NDR
) -> bytes:
    """The request of RemoteSPEventProc (3.3.4.2); its answer is empty, and is not looked at."""
    if syntax is NDR:
        size = len(pBuffer)
        return b"".join(
            (
                _head.pack(phContext, size, 0, size),
                pBuffer,
                _PADDING[size & 3],
                _single.pack(size),
            )
        )
    writer = Writer(syntax)
    writer.contextHandle(phContext)
    writer.octets(pBuffer, len(pBuffer))
    writer.long(len(pBuffer))
    return writer.stub()


def decodeRemoteSPEventProc(
    data: bytes, start: int, end: int, littleEndian: bool = True, syntax: TransferSyntax = NDR
) -> tuple[bytes, int, int]:
    """
    The request of RemoteSPEventProc, pBuffer where it lies.

    :returns: phContext; where in *data* pBuffer begins; lSize, its length.
    """
    reader = Reader(data, start, end, littleEndian, syntax)
    context = reader.contextHandle()
    pBuffer = reader.octets()
    lSize = reader.long()
    if not pBuffer.maxCount == pBuffer.length == lSize:
        raise Fault(nca_s_fault_invalid_bound)
    return context, pBuffer.start, lSize


encodeRemoteSPEventProcReply = encodeRemoteSPAttach

encodeRemoteSPDetach = encodeClientDetach
decodeRemoteSPDetach = decodeClientDetach
encodeRemoteSPDetachReply = encodeClientDetachReply
decodeRemoteSPDetachReply = decodeClientDetach
