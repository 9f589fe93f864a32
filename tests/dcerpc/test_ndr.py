"""Tests for tapiproxy.dcerpc.ndr; the methods of [MS-TRP] have theirs in tests/trp/test_idl.py."""

import struct
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc.interface import RPC_X_BAD_STUB_DATA, Fault, nca_s_fault_invalid_bound
from tapiproxy.dcerpc.ndr import MAX_SIZE, NDR, NDR64, Reader, TransferSyntax, Writer

SYNTAXES = st.sampled_from([NDR, NDR64])


def reader(stub: bytes, littleEndian: bool = True, syntax: TransferSyntax = NDR) -> Reader:
    """A reader whose stub lies between octets of others."""
    return Reader(b"<<<" + stub + b">>>>>>>>", 3, 3 + len(stub), littleEndian, syntax)


class Values(TestCase):
    """Right values, one by one."""

    def test_alignment(self) -> None:
        """Numbers align to their size from where the stub begins, not from where its bytes do."""
        stub = b"\1\0\0\0a\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0"
        read = reader(stub, syntax=NDR64)
        self.assertEqual(read.long(), 1)
        read._position += 1
        self.assertEqual(read.count(), 0x200000000)

    def test_bigEndian(self) -> None:
        """Numbers and a handle's UUID are swapped, its last eight octets are not."""
        handle = struct.pack(">IIHH", 1, 0x01020304, 0x0506, 0x0708) + b"ABCDEFGH"
        read = reader(struct.pack(">i", -2) + handle, littleEndian=False)
        self.assertEqual(read.long(), -2)
        expected = struct.pack("<IIHH", 1, 0x01020304, 0x0506, 0x0708) + b"ABCDEFGH"
        self.assertEqual(read.contextHandle(), expected)

    def test_octetsStayWhereTheyAre(self) -> None:
        """An array is given as an extent of the bytes that hold the stub."""
        stub = struct.pack("<III", 9, 0, 5) + b"octet"
        extent = reader(stub).octets()
        self.assertEqual((extent.start, extent.length, extent.maxCount), (15, 5, 9))

    def test_bigEndianText(self) -> None:
        """Wide characters are read in the stub's order."""
        stub = struct.pack(">III", 3, 0, 3) + "ä€\0".encode("utf-16-be")
        self.assertEqual(reader(stub, littleEndian=False).wideString(3), "ä€")

    def test_layout(self) -> None:
        """NDR 2.0 counts in four octets, NDR64 in eight; numbers align in both."""
        for syntax, expected in (
            (NDR, "01000000 02000000 00000000 02000000 61000000 ffffffff"),
            (
                NDR64,
                "01000000 00000000 0200000000000000 0000000000000000 0200000000000000"
                "61000000 ffffffff",
            ),
        ):
            writer = Writer(syntax)
            writer.long(1)
            writer.wideString("a")
            writer.long(-1)
            self.assertEqual(writer.stub(), bytes.fromhex(expected))

    def test_pointers(self) -> None:
        """A null pointer is 0, others differ from each other; they are as large as counts."""
        for syntax, expected in (
            (NDR, "0100 0000 00000200 00000000 04000200"),
            (NDR64, "0100 000000000000 0000020000000000 0000000000000000 0400020000000000"),
        ):
            writer = Writer(syntax)
            writer.short(1)
            for present in (True, False, True):
                writer.pointer(present)
            self.assertEqual(writer.stub(), bytes.fromhex(expected))

    def test_conformance(self) -> None:
        """A count aligns to its size, a UUID and its numbers to the largest of them."""
        for syntax, expected in (
            (NDR, "01000000 02000000 fffe"),
            (NDR64, "0100000000000000 0200000000000000 fffe"),
        ):
            writer = Writer(syntax)
            writer.short(1)
            writer.count(2)
            writer.short(0xFEFF)
            self.assertEqual(writer.stub(), bytes.fromhex(expected))
        writer = Writer()
        writer.short(1)
        value = UUID("00112233-4455-6677-8899-aabbccddeeff")
        writer.uuid(value)
        expected = "01000000 33221100 5544 7766 8899aabbccddeeff"
        self.assertEqual(writer.stub(), bytes.fromhex(expected))
        for littleEndian, octets in ((True, value.bytes_le), (False, value.bytes)):
            read = reader(bytes(4) + octets, littleEndian)
            read.short()
            self.assertEqual(read.uuid(), value)

    def test_unsigned(self) -> None:
        """An unsigned number is read in the stub's order."""
        self.assertEqual(reader(b"\xfe\xff\xff\xff").unsignedLong(), 0xFFFFFFFE)
        self.assertEqual(reader(b"\xfe\0\0\1", littleEndian=False).unsignedLong(), 0xFE000001)

    def test_structures(self) -> None:
        """What structures are made of, each aligned to its size, in either order."""
        for order, little in (("<", True), (">", False)):
            stub = struct.pack(order + "HxxIIHxx", 0xFFFE, 0xFFFFFFFE, 0x20004, 7) + b"12345678"
            read = reader(stub + bytes(4), little)
            self.assertEqual((read.short(), read.unsignedLong()), (0xFFFE, 0xFFFFFFFE))
            self.assertIs(read.pointer(), True)
            self.assertEqual((read.short(), read.fixed(8, 4)), (7, b"12345678"))
            self.assertIs(read.pointer(), False)

    def test_conformantArrays(self) -> None:
        """Arrays whose sizes were said before."""
        read = reader(struct.pack("<IIII", 3, 5, 0, 2) + "ä\0".encode("utf-16-le"))
        read.conformance(3)
        self.assertEqual(read.wideCharacters(5, 2), "ä\0")

    @given(
        st.lists(
            st.one_of(
                st.tuples(st.just("long"), st.integers(-(2**31), 2**31 - 1)),
                st.tuples(st.just("octets"), st.binary(max_size=20)),
                st.tuples(st.just("handle"), st.binary(min_size=20, max_size=20)),
                st.tuples(
                    st.just("text"),
                    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
                ),
            )
        ),
        SYNTAXES,
    )
    def test_anySequence(self, values: list[tuple[str, object]], syntax: TransferSyntax) -> None:
        """Any values in any order are read as they were written."""
        writer = Writer(syntax)
        for kind, value in values:
            write = {
                "long": writer.long,
                "handle": writer.contextHandle,
                "text": writer.wideString,
                "octets": lambda octets: writer.octets(octets, len(octets) + 3),
            }[kind]
            write(value)
        stub = writer.stub()
        read = Reader(stub, 0, len(stub), True, syntax)
        for kind, value in values:
            if kind == "long":
                self.assertEqual(read.long(), value)
            elif kind == "handle":
                self.assertEqual(read.contextHandle(), value)
            elif kind == "text":
                self.assertEqual(read.wideString(10000), value)
            else:
                extent = read.octets()
                self.assertEqual(stub[extent.start : extent.start + extent.length], value)


class Contradictions(TestCase):
    """Wrong stubs; each fault is one that was chosen."""

    def octets(self, maximum: int, offset: int, actual: int, syntax: TransferSyntax = NDR) -> int:
        layout = "<III" if syntax is NDR else "<QQQ"
        read = reader(struct.pack(layout, maximum, offset, actual) + bytes(8), syntax=syntax)
        return self.assertRaises(Fault, read.octets).status

    def test_counts(self) -> None:
        """An offset, more octets than the maximum, and a maximum that is no size are bounds."""
        for counts in ((8, 1, 7), (7, 0, 8), (MAX_SIZE + 1, 0, 8), (0xFFFFFFFF, 0, 0)):
            for syntax in (NDR, NDR64):
                self.assertEqual(self.octets(*counts, syntax), nca_s_fault_invalid_bound)
        self.assertEqual(self.octets(1 << 63, 0, 1 << 62, NDR64), nca_s_fault_invalid_bound)

    def test_missingOctets(self) -> None:
        """An array that is longer than its stub is bad stub data, and costs nothing."""
        self.assertEqual(self.octets(MAX_SIZE, 0, MAX_SIZE), RPC_X_BAD_STUB_DATA)
        self.assertEqual(self.octets(9, 0, 9), RPC_X_BAD_STUB_DATA)

    def test_sizesSaidBefore(self) -> None:
        """An array is of the sizes that were said before, and in its stub."""
        counts = struct.pack("<III", 5, 0, 2)
        read = reader(counts)
        self.assertEqual(
            self.assertRaises(Fault, read.conformance, 4).status, nca_s_fault_invalid_bound
        )
        for sizes, text, status in (
            ((4, 2), b"a\0b\0", nca_s_fault_invalid_bound),
            ((5, 1), b"a\0b\0", nca_s_fault_invalid_bound),
            ((5, 2), b"a\0b", RPC_X_BAD_STUB_DATA),
            ((5, 2), b"a\0\0\xd8", RPC_X_BAD_STUB_DATA),
        ):
            read = reader(counts + text)
            fault = self.assertRaises(Fault, read.wideCharacters, *sizes)
            self.assertEqual(fault.status, status)
        fault = self.assertRaises(Fault, reader(b"1234567").fixed, 8, 4)
        self.assertEqual(fault.status, RPC_X_BAD_STUB_DATA)

    def test_emptyStub(self) -> None:
        """Nothing can be read from nothing."""
        for method in (
            *("long", "count", "contextHandle", "octets"),
            *("short", "unsignedLong", "pointer"),
        ):
            fault = self.assertRaises(Fault, getattr(reader(b""), method))
            self.assertEqual(fault.status, RPC_X_BAD_STUB_DATA)

    def test_missingPadding(self) -> None:
        """A number whose padding ends with the stub is not read from what follows."""
        read = reader(struct.pack("<III", 1, 0, 1) + b"x\0\0")
        read.octets()
        self.assertEqual(self.assertRaises(Fault, read.long).status, RPC_X_BAD_STUB_DATA)

    def test_text(self) -> None:
        """Text has one terminator, at its end, no half of a pair, and no more than its limit."""
        for text, status in (
            (b"a\0", RPC_X_BAD_STUB_DATA),
            (b"", RPC_X_BAD_STUB_DATA),
            (b"a\0\0\0b\0\0\0", RPC_X_BAD_STUB_DATA),
            (b"\0\xd8\0\0", RPC_X_BAD_STUB_DATA),
            ("abcdefgh\0".encode("utf-16-le"), nca_s_fault_invalid_bound),
        ):
            count = len(text) // 2
            read = reader(struct.pack("<III", count, 0, count) + text)
            self.assertEqual(self.assertRaises(Fault, read.wideString, 8).status, status)

    def test_utf8Text(self) -> None:
        """Text of octets keeps the same rules, and what lies behind it is told."""
        read = reader(struct.pack("<III", 5, 0, 4) + "aä\0".encode() + b"rest")
        self.assertEqual(read.utf8String(4), "aä")
        self.assertEqual(read.rest(), b"rest")
        for text, status in (
            (b"a", RPC_X_BAD_STUB_DATA),
            (b"", RPC_X_BAD_STUB_DATA),
            (b"a\0b\0", RPC_X_BAD_STUB_DATA),
            (b"\xe4\0", RPC_X_BAD_STUB_DATA),
            (b"abcd\0", nca_s_fault_invalid_bound),
        ):
            read = reader(struct.pack("<III", len(text), 0, len(text)) + text)
            self.assertEqual(self.assertRaises(Fault, read.utf8String, 4).status, status)
