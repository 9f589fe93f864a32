"""Tests for tapiproxy.dcerpc.ndr: what is aligned, what is checked, what is refused."""

import struct

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tapiproxy.dcerpc.interface import RPC_X_BAD_STUB_DATA, Fault, nca_s_fault_invalid_bound
from tapiproxy.dcerpc.ndr import NDR, NDR64, Reader, Writer

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
ITEMS = st.lists(
    st.one_of(
        st.tuples(st.just("long"), st.integers(-(2**31), 2**31 - 1)),
        st.tuples(st.just("contextHandle"), st.binary(min_size=20, max_size=20)),
        st.tuples(st.just("octets"), st.binary(max_size=21)),
        st.tuples(st.just("wideString"), TEXT),
    ),
    max_size=6,
)


def counts(*numbers: int) -> bytes:
    """Little-endian longs."""
    return struct.pack(f"<{len(numbers)}I", *numbers)


class NDRTests(SynchronousTestCase):
    """Reader and Writer are each other's opposite, and C706's."""

    def status(self, data: bytes, method: str, *arguments: int) -> int:
        reader = Reader(data, 0, len(data))
        return self.assertRaises(Fault, getattr(reader, method), *arguments).status

    @given(ITEMS, st.sampled_from([NDR, NDR64]), st.integers(0, 9), st.binary(max_size=9))
    def test_roundTrip(self, items, syntax, before, after) -> None:
        """Any sequence of values is read as it was written, wherever in the bytes it lies."""
        writer = Writer(syntax)
        for kind, value in items:
            if kind == "octets":
                writer.octets(value, len(value) + 3)
            else:
                getattr(writer, kind)(value)
        data = bytes(before) + writer.stub() + after
        reader = Reader(data, before, len(data), True, syntax)
        for kind, value in items:
            if kind == "octets":
                extent = reader.octets()
                found = data[extent.start : extent.start + extent.length]
                self.assertEqual((found, extent.maxCount), (value, len(value) + 3))
            elif kind == "wideString":
                self.assertEqual(reader.wideString(100), value)
            else:
                self.assertEqual(getattr(reader, kind)(), value)

    def test_layout(self) -> None:
        """A string of two characters, a number behind it: 14.3.4.2, padded to four."""
        writer = Writer()
        writer.wideString("ab")
        writer.long(-1)
        self.assertEqual(
            writer.stub(), counts(3, 0, 3) + "ab\0".encode("utf-16-le") + b"\0\0\xff\xff\xff\xff"
        )

    def test_wideCounts(self) -> None:
        """NDR64 has counts of eight octets, aligned to eight: [MS-RPCE] 2.2.5.3.2."""
        writer = Writer(NDR64)
        writer.long(1)
        writer.octets(b"x", 2)
        self.assertEqual(writer.stub(), counts(1, 0) + struct.pack("<3Q", 2, 0, 1) + b"x")

    def test_bigEndian(self) -> None:
        """A big-endian stub's numbers, text and handle come out the same."""
        handle = bytes(4) + bytes(range(16))
        swapped = bytes(4) + bytes((3, 2, 1, 0, 5, 4, 7, 6)) + handle[12:]
        data = struct.pack(">iIII", -2, 2, 0, 2) + "a\0".encode("utf-16-be") + swapped
        reader = Reader(data, 0, len(data), False)
        self.assertEqual(reader.long(), -2)
        self.assertEqual(reader.wideString(10), "a")
        self.assertEqual(reader.contextHandle(), handle)

    def test_cutShort(self) -> None:
        """Missing octets are bad stub data, also those of padding."""
        for method, data in (
            ("long", b"\1\2\3"),
            ("count", b"\1\2\3"),
            ("contextHandle", bytes(19)),
            ("octets", counts(4, 0, 4) + b"abc"),
            ("octets", counts(0x7FFFFFFF, 0, 0x7FFFFFFF)),
        ):
            self.assertEqual(self.status(data, method), RPC_X_BAD_STUB_DATA)
        reader = Reader(counts(1, 0, 1) + b"x\0\0", 0, 15)
        reader.octets()
        self.assertEqual(self.assertRaises(Fault, reader.long).status, RPC_X_BAD_STUB_DATA)

    def test_bounds(self) -> None:
        """An offset, more elements than the maximum, and sizes that are no long are refused."""
        for data in (
            counts(4, 1, 3) + b"abc",
            counts(2, 0, 3) + b"abc",
            counts(0x80000000, 0, 0),
        ):
            self.assertEqual(self.status(data, "octets"), nca_s_fault_invalid_bound)

    def test_strings(self) -> None:
        """A string has one terminator, at its end, is UTF-16, and not longer than allowed."""
        good = counts(5, 0, 2) + b"a\0\0\0"
        self.assertEqual(Reader(good, 0, len(good)).wideString(2), "a")
        self.assertEqual(self.status(good, "wideString", 1), nca_s_fault_invalid_bound)
        for text in (b"", b"a\0", b"a\0\0\0b\0\0\0", b"\0\0\0\0", b"\0\xdc\0\0"):
            count = len(text) // 2
            data = counts(count, 0, count) + text
            self.assertEqual(self.status(data, "wideString", 9), RPC_X_BAD_STUB_DATA)
