"""
Network Data Representation: the primitives that the interfaces here need, strictly checked.

C706 chapter 14, [MS-RPCE] 2.2.4 and 2.2.5; the consistency checks are those that [MS-RPCE] 3 asks
for at target level 6.0.  Values go out little endian and are read in either order.  Nothing is
allocated by a count: arrays are given as offsets into the bytes that are there.
"""

from __future__ import annotations

from struct import Struct
from uuid import UUID

import attrs

from tapiproxy.dcerpc.interface import RPC_X_BAD_STUB_DATA, Fault, nca_s_fault_invalid_bound
from tapiproxy.dcerpc.pdu import SyntaxID

CONTEXT_HANDLE_SIZE = 20

MAX_SIZE = 0x7FFFFFFF
"""The largest count: size_is names a signed long in [MS-TRP] section 6, and -1 is no size."""


@attrs.frozen(eq=False)
class TransferSyntax:
    """
    One way to lay values out.

    :ivar syntaxID: its name in presentation context negotiation.
    :ivar countSize: octets of max_count, offset, actual_count and of pointers, which align to it:
        4 in NDR 2.0 (C706 14.3.3), 8 in NDR64 ([MS-RPCE] 2.2.5.3.2).
    """

    syntaxID: SyntaxID
    countSize: int


NDR = TransferSyntax(SyntaxID(UUID("8a885d04-1ceb-11c9-9fe8-08002b104860"), 2), 4)
NDR64 = TransferSyntax(SyntaxID(UUID("71710533-beba-4937-8319-b5dbef9ccc36"), 1), 8)

_LONG = {True: Struct("<i"), False: Struct(">i")}
_UNSIGNED_LONG = {True: Struct("<I"), False: Struct(">I")}
_SHORT = {True: Struct("<H"), False: Struct(">H")}
_COUNT = {
    (True, 4): Struct("<I"),
    (False, 4): Struct(">I"),
    (True, 8): Struct("<Q"),
    (False, 8): Struct(">Q"),
}
_THREE_COUNTS = {4: Struct("<III"), 8: Struct("<QQQ")}
_WIDE = {True: "utf-16-le", False: "utf-16-be"}

CAUSES = {
    RPC_X_BAD_STUB_DATA: "octets are missing, or are not what should stand there",
    nca_s_fault_invalid_bound: "a count is too large, or contradicts another",
}
"""What the faults of a :class:`Reader` say of octets that are no stub, for a log."""

_FIRST_REFERENT = 0x00020000
"""A pointer's octets say no more than which referents are the same (C706 14.3.10): none is."""


@attrs.frozen
class Extent:
    """Where the octets of an array lie, and how many there could be."""

    start: int
    length: int
    maxCount: int


class Reader:
    """
    Reads one stub.

    Every method raises :class:`Fault`: RPC_X_BAD_STUB_DATA where octets are missing or no text,
    nca_s_fault_invalid_bound where counts contradict each other.  Octets beyond what is read are
    no fault: some clients append a verification trailer ([MS-RPCE] 2.2.2.13).

    :param data: the bytes that hold the stub.
    :param start: where it begins; alignment counts from here.
    :param end: where it ends.
    """

    def __init__(
        self,
        data: bytes,
        start: int,
        end: int,
        littleEndian: bool = True,
        syntax: TransferSyntax = NDR,
    ) -> None:
        self._data = data
        self._start = start
        self._end = end
        self._position = start
        self._littleEndian = littleEndian
        self._countSize = syntax.countSize

    def _take(self, size: int, alignment: int) -> int:
        position = self._position + (self._start - self._position) % alignment
        if self._end - position < size:
            raise Fault(RPC_X_BAD_STUB_DATA)
        self._position = position + size
        return position

    def long(self) -> int:
        """A signed 32-bit number."""
        position = self._take(4, 4)
        number: int = _LONG[self._littleEndian].unpack_from(self._data, position)[0]
        return number

    def unsignedLong(self) -> int:
        """An unsigned 32-bit number."""
        position = self._take(4, 4)
        number: int = _UNSIGNED_LONG[self._littleEndian].unpack_from(self._data, position)[0]
        return number

    def short(self) -> int:
        """An unsigned 16-bit number."""
        position = self._take(2, 2)
        number: int = _SHORT[self._littleEndian].unpack_from(self._data, position)[0]
        return number

    def fixed(self, size: int, alignment: int) -> bytes:
        """
        A structure or array of a size that both sides know, as it lies there.

        :param alignment: of the largest member, in octets (C706 14.3.2).
        """
        position = self._take(size, alignment)
        return self._data[position : position + size]

    def pointer(self) -> bool:
        """
        A unique pointer, or a full one that is no alias of another: whether what it points to
        follows, where deferred referents go.

        C706 14.3.10, 14.3.12.3.
        """
        return self.count() != 0

    def conformance(self, size: int) -> None:
        """
        The max_count of a conformant array whose size_is has been read already.

        :param size: what size_is says.
        """
        if self.count() != size:
            raise Fault(nca_s_fault_invalid_bound)

    def count(self) -> int:
        """A max_count, offset or actual_count."""
        position = self._take(self._countSize, self._countSize)
        layout = _COUNT[self._littleEndian, self._countSize]
        number: int = layout.unpack_from(self._data, position)[0]
        return number

    def uuid(self) -> UUID:
        """A UUID."""
        octets = self.fixed(16, 4)
        return UUID(bytes_le=octets) if self._littleEndian else UUID(bytes=octets)

    def contextHandle(self) -> bytes:
        """A context handle's 20 octets, in little-endian order whatever the stub's."""
        position = self._take(CONTEXT_HANDLE_SIZE, 4)
        octets = self._data[position : position + CONTEXT_HANDLE_SIZE]
        if self._littleEndian:
            return octets
        return octets[3::-1] + UUID(bytes=octets[4:]).bytes_le

    def _varying(self, elementSize: int) -> Extent:
        maxCount = self.count()
        offset = self.count()
        actualCount = self.count()
        if offset or actualCount > maxCount or maxCount > MAX_SIZE:
            raise Fault(nca_s_fault_invalid_bound)
        return Extent(self._take(actualCount * elementSize, 1), actualCount, maxCount)

    def octets(self) -> Extent:
        """A conformant varying array of octets; size_is and length_is are the caller's to check."""
        return self._varying(1)

    def wideCharacters(self, maxCount: int, actualCount: int) -> str:
        """
        A conformant varying array of wide characters, without terminator, as of RPC_UNICODE_STRING.

        :param maxCount: what size_is says, in characters.
        :param actualCount: what length_is says, in characters.
        """
        extent = self._varying(2)
        if (extent.maxCount, extent.length) != (maxCount, actualCount):
            raise Fault(nca_s_fault_invalid_bound)
        return self._text(extent)

    def wideString(self, limit: int) -> str:
        """
        A conformant varying string of wide characters, without its terminator.

        :param limit: characters it may have, terminator included.
        """
        extent = self._varying(2)
        if extent.length > limit:
            raise Fault(nca_s_fault_invalid_bound)
        return _unterminated(self._text(extent))

    def utf8String(self, limit: int) -> str:
        """
        A conformant varying string in UTF-8, as Samba has it, without its terminator.

        :param limit: octets it may have, terminator included.
        """
        extent = self._varying(1)
        if extent.length > limit:
            raise Fault(nca_s_fault_invalid_bound)
        octets = self._data[extent.start : extent.start + extent.length]
        return _unterminated(_decoded(octets, "utf-8"))

    def rest(self) -> bytes:
        """What lies behind all that was read."""
        return self._data[self._position : self._end]

    def _text(self, extent: Extent) -> str:
        octets = self._data[extent.start : extent.start + 2 * extent.length]
        return _decoded(octets, _WIDE[self._littleEndian])


def _decoded(octets: bytes, encoding: str) -> str:
    try:
        return octets.decode(encoding)
    except UnicodeDecodeError:
        raise Fault(RPC_X_BAD_STUB_DATA) from None


def _unterminated(text: str) -> str:
    # Exactly one terminator, at the end: with another inside, two readers see two strings.
    if text.find("\0") != len(text) - 1 or not text:
        raise Fault(RPC_X_BAD_STUB_DATA)
    return text[:-1]


class Writer:
    """Writes one stub, little endian."""

    def __init__(self, syntax: TransferSyntax = NDR) -> None:
        self._stub = bytearray()
        self._countSize = syntax.countSize
        self._referent = _FIRST_REFERENT

    def _align(self, alignment: int) -> None:
        self._stub += bytes(-len(self._stub) % alignment)

    def long(self, number: int) -> None:
        """A 32-bit number; one with the highest bit set may be given unsigned."""
        self._align(4)
        self._stub += (number & 0xFFFFFFFF).to_bytes(4, "little")

    def short(self, number: int) -> None:
        """An unsigned 16-bit number."""
        self._align(2)
        self._stub += number.to_bytes(2, "little")

    def count(self, number: int) -> None:
        """The max_count before a conformant array."""
        self._align(self._countSize)
        self._stub += number.to_bytes(self._countSize, "little")

    def pointer(self, present: bool) -> None:
        """A unique or full pointer; what it points to, if anything, is written where it belongs."""
        self._align(self._countSize)
        referent = 0
        if present:
            referent = self._referent
            self._referent += 4
        self._stub += referent.to_bytes(self._countSize, "little")

    def uuid(self, uuid: UUID) -> None:
        """A UUID."""
        self._align(4)
        self._stub += uuid.bytes_le

    def contextHandle(self, octets: bytes) -> None:
        """A context handle."""
        self._align(4)
        self._stub += octets

    def fixed(self, octets: bytes) -> None:
        """Octets without a count before them."""
        self._stub += octets

    def varying(self, count: int, maxCount: int) -> None:
        """
        The counts before a conformant varying array.

        :param maxCount: what size_is names; not less than there are elements.
        """
        self._align(self._countSize)
        self._stub += _THREE_COUNTS[self._countSize].pack(maxCount, 0, count)

    def octets(self, octets: bytes, maxCount: int) -> None:
        """
        A conformant varying array of octets.

        :param maxCount: as for :meth:`varying`.
        """
        self.varying(len(octets), maxCount)
        self._stub += octets

    def wideString(self, text: str) -> None:
        """A conformant varying string; the terminator is added."""
        octets = text.encode("utf-16-le") + b"\0\0"
        self.varying(len(octets) // 2, len(octets) // 2)
        self._stub += octets

    def stub(self) -> bytes:
        """What was written."""
        return bytes(self._stub)
