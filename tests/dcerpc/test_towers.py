"""Tests for tapiproxy.dcerpc.towers, by the octets of C706 appendix L."""

from ipaddress import IPv4Address
from uuid import UUID

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc.ndr import NDR
from tapiproxy.dcerpc.pdu import SyntaxID
from tapiproxy.dcerpc.towers import MAX_TOWER, TCPTower, TowerError, decodeTower

TAPSRV = SyntaxID(UUID("2f5f6520-ca46-1067-b319-00dd010662da"), 1, 0)

#: tapsrv in NDR 2.0 at 192.0.2.7, port 13135, floor by floor.
FLOORS = (
    "1300 0d 20655f2f46ca6710b31900dd010662da 0100 0200 0000",
    "1300 0d 045d888aeb1cc9119fe808002b104860 0200 0200 0000",
    "0100 0b 0200 0000",
    "0100 07 0200 334f",
    "0100 09 0400 c0000207",
)
OCTETS = bytes.fromhex("0500" + "".join(FLOORS))
TOWER = TCPTower(
    abstract=TAPSRV, transfer=NDR.syntaxID, port=13135, address=IPv4Address("192.0.2.7")
)

SHORTS = st.integers(0, 0xFFFF)
SYNTAXES = st.builds(SyntaxID, st.uuids(), SHORTS, SHORTS)
TOWERS = st.builds(
    TCPTower,
    abstract=SYNTAXES,
    transfer=SYNTAXES,
    port=SHORTS,
    address=st.ip_addresses(v=4),
)


def tower(*floors: str) -> bytes:
    """A tower of these floors, in hexadecimal."""
    return len(floors).to_bytes(2, "little") + bytes.fromhex("".join(floors))


class Right(TestCase):
    """Towers of ncacn_ip_tcp."""

    def test_octets(self) -> None:
        """The counts are little endian, port and address are not."""
        self.assertEqual(TOWER.encode(), OCTETS)
        self.assertEqual(decodeTower(OCTETS), TOWER)
        self.assertEqual(len(OCTETS), 75)

    @given(TOWERS)
    def test_roundTrip(self, made: TCPTower) -> None:
        """Any tower is read as it was written."""
        self.assertEqual(decodeTower(made.encode()), made)


class Other(TestCase):
    """Towers of other protocol sequences are found out, whatever their floors say."""

    def test_sequences(self) -> None:
        """ncacn_np, ncadg_ip_udp, ncacn_http, ncalrpc, fewer floors, and none."""
        uuid, ndr, ncacn, tcp, ip = FLOORS
        for floors in (
            (uuid, ndr, ncacn, "0100 0f 0300 5c7000", "0100 11 0200 5c00"),
            (uuid, ndr, "0100 0a 0200 0000", "0100 08 0200 0000", ip),
            (uuid, ndr, ncacn, "0100 1f 0200 0050", ip),
            (uuid, ndr, "0100 0c 0200 0000", "0100 10 0000"),
            (uuid, ndr, ncacn, tcp),
            (uuid, ndr, ncacn, ip, tcp),
            (uuid, ndr, ncacn, tcp, ip, ip),
            (),
        ):
            self.assertIsNone(decodeTower(tower(*floors)))


class Wrong(TestCase):
    """Octets that are no tower."""

    def test_truncated(self) -> None:
        """No beginning of a tower is one, nor is one with an octet more."""
        for size in range(len(OCTETS)):
            self.assertRaises(TowerError, decodeTower, OCTETS[:size])
        self.assertRaises(TowerError, decodeTower, OCTETS + b"\0")

    def test_counts(self) -> None:
        """A count beyond the end is none, however large."""
        for at in (0, 2, 23, 27, 48, 52, 55, 59, 62, 66, 69):
            wrong = OCTETS[:at] + b"\xff\xff" + OCTETS[at + 2 :]
            self.assertRaises(TowerError, decodeTower, wrong)

    def test_sizes(self) -> None:
        """A floor of a size that its protocol does not have."""
        uuid, ndr, ncacn, tcp, ip = FLOORS
        for floors in (
            ("1200 0d 20655f2f46ca6710b31900dd010662da 01 0200 0000", ndr, ncacn, tcp, ip),
            ("1300 0d 20655f2f46ca6710b31900dd010662da 0100 0100 00", ndr, ncacn, tcp, ip),
            (uuid, "0100 0d 0200 0000", ncacn, tcp, ip),
            (uuid, ndr, ncacn, "0100 07 0300 334f00", ip),
            (uuid, ndr, ncacn, "0100 07 0000", ip),
            (uuid, ndr, ncacn, tcp, "0100 09 0300 c00002"),
            (uuid, ndr, ncacn, tcp, "0100 09 1000" + "00" * 16),
            (uuid, ndr, ncacn, tcp, "0000 0400 c0000207"),
        ):
            self.assertRaises(TowerError, decodeTower, tower(*floors))

    @given(st.binary(max_size=MAX_TOWER))
    @example(b"\xff\xff" + bytes(MAX_TOWER - 2))
    def test_anything(self, octets: bytes) -> None:
        """Any octets are a tower of ours, another one, or refused; what is read can be written."""
        try:
            found = decodeTower(octets)
        except TowerError:
            return
        if found is not None:
            self.assertEqual(decodeTower(found.encode()), found)

    @given(TOWERS, st.data())
    def test_mutants(self, made: TCPTower, data: st.DataObject) -> None:
        """A tower with one octet changed is read, or refused, and nothing else happens."""
        octets = bytearray(made.encode())
        at = data.draw(st.integers(0, len(octets) - 1))
        octets[at] ^= data.draw(st.integers(1, 255))
        try:
            decodeTower(bytes(octets))
        except TowerError:
            return
