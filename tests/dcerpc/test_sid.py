"""Tests for tapiproxy.dcerpc.sid: SIDs as octets and as text."""

import struct

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc.interface import RPC_X_BAD_STUB_DATA, Fault, nca_s_fault_invalid_bound
from tapiproxy.dcerpc.ndr import Reader
from tapiproxy.dcerpc.sid import MAX_SUB_AUTHORITIES, readRPCSID, readSID

ADMINISTRATORS = bytes.fromhex("01 02 00 00 00 00 00 05 20 00 00 00 20 02 00 00")


def reader(octets: bytes, littleEndian: bool = True) -> Reader:
    return Reader(octets, 0, len(octets), littleEndian)


def encoded(authority: int, subAuthorities: list[int]) -> bytes:
    """By the tables of [MS-DTYP] 2.4.2.2."""
    count = len(subAuthorities)
    return (
        b"\1%c" % count + authority.to_bytes(6, "big") + struct.pack(f"<{count}I", *subAuthorities)
    )


class SIDTests(TestCase):
    def test_wellKnown(self) -> None:
        """BUILTIN\\Administrators, [MS-DTYP] 2.4.2.4, in a packet and behind its size."""
        self.assertEqual(readSID(reader(ADMINISTRATORS)), "S-1-5-32-544")
        self.assertEqual(readRPCSID(reader(b"\2\0\0\0" + ADMINISTRATORS)), "S-1-5-32-544")

    def test_bigEndian(self) -> None:
        """The authority is in network order in either; sub-authorities are numbers."""
        octets = bytes.fromhex("01 02 00 00 00 00 00 05 00 00 00 20 00 00 02 20")
        self.assertEqual(readSID(reader(octets, littleEndian=False)), "S-1-5-32-544")

    def test_largeAuthority(self) -> None:
        """An authority of more than 32 bits is written in hexadecimal."""
        self.assertEqual(readSID(reader(encoded(2**32 - 1, [7]))), "S-1-4294967295-7")
        self.assertEqual(readSID(reader(encoded(2**32, [7]))), "S-1-0x000100000000-7")

    @given(
        st.integers(0, 2**32 - 1),
        st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=MAX_SUB_AUTHORITIES),
    )
    def test_any(self, authority: int, subAuthorities: list[int]) -> None:
        """Any SID is written with its numbers; without its last octet it is none."""
        octets = encoded(authority, subAuthorities)
        expected = "-".join(map(str, ["S-1", authority, *subAuthorities]))
        self.assertEqual(readSID(reader(octets)), expected)
        fault = self.assertRaises(Fault, readSID, reader(octets[:-1]))
        self.assertEqual(fault.status, RPC_X_BAD_STUB_DATA)

    def test_wrong(self) -> None:
        """Another revision, too many sub-authorities, and a size that is not theirs."""
        for read, octets, status in (
            (readSID, b"\2" + ADMINISTRATORS[1:], RPC_X_BAD_STUB_DATA),
            (readSID, encoded(5, list(range(16))), nca_s_fault_invalid_bound),
            (readSID, b"\1\xff" + bytes(6 + 255 * 4), nca_s_fault_invalid_bound),
            (readRPCSID, b"\3\0\0\0" + ADMINISTRATORS + bytes(4), nca_s_fault_invalid_bound),
            (readRPCSID, b"\xff\xff\xff\xff" + ADMINISTRATORS, nca_s_fault_invalid_bound),
        ):
            self.assertEqual(self.assertRaises(Fault, read, reader(octets)).status, status)
