"""
Tests for tapiproxy.dcerpc.pac.

The vectors are what MIT's gss_get_name_attribute has given for urn:mspac:logon-info of tickets
from Samba 4.17.12's key distribution centre; "resource groups" was changed and packed by Samba.
"""

import contextlib
import json
import struct
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc.pac import MAX_GROUPS, LogonInformation, PACError, decodeLogonInformation

VECTORS = {
    each["name"]: each
    for each in json.loads(
        (Path(__file__).parent.parent / "vectors" / "pac-golden.json").read_text()
    )
}
ALICE = bytes.fromhex(VECTORS["alice"]["octets"])
RESOURCES = bytes.fromhex(VECTORS["resource groups"]["octets"])

ENABLED = 0x00000007
DOMAIN = "S-1-5-21-1-2-3"


class Builder:
    """Logon information by the tables of [MS-PAC] 2.5, little endian, with all that can vary."""

    def __init__(self) -> None:
        self.account = "ann"
        self.userID = 1001
        self.primaryGroupID = 513
        self.groups: list[tuple[int, int]] = []
        self.userFlags = 0x220
        self.domainID: list[int] | None = [21, 1, 2, 3]
        self.extra: list[tuple[list[int], int]] = []
        self.resourceDomain: list[int] | None = None
        self.resources: list[tuple[int, int]] = []

    def octets(self) -> bytes:
        fixed, self._deferred, self._referents = b"", b"", 0
        fixed += self._pointer() + bytes(48)
        fixed += self._string(self.account)
        fixed += b"".join(self._string(text) for text in ("Ann", "", "", "", ""))
        fixed += struct.pack("<HHII", 1, 0, self.userID, self.primaryGroupID)
        fixed += self._groups(self.groups)
        fixed += struct.pack("<I", self.userFlags) + bytes(16)
        fixed += self._string("DC") + self._string("DOM")
        fixed += self._sid(self.domainID)
        fixed += bytes(40)
        fixed += struct.pack("<I", len(self.extra))
        if self.extra:
            fixed += self._pointer()
            self._later(struct.pack("<I", len(self.extra)))
            for _, attributes in self.extra:
                self._later(self._pointer() + struct.pack("<I", attributes))
            for numbers, _ in self.extra:
                self._later(self._sidOctets(numbers))
        else:
            fixed += bytes(4)
        fixed += self._sid(self.resourceDomain)
        fixed += self._groups(self.resources)
        body = fixed + self._deferred
        body += bytes(-len(body) % 8)
        return bytes.fromhex("01100800cccccccc") + struct.pack("<II", len(body), 0) + body

    def _pointer(self) -> bytes:
        self._referents += 4
        return struct.pack("<I", 0x20000 + self._referents)

    def _later(self, octets: bytes) -> None:
        self._deferred += octets + bytes(-len(octets) % 4)

    def _string(self, text: str) -> bytes:
        octets = text.encode("utf-16-le")
        count = len(octets) // 2
        self._later(struct.pack("<III", count, 0, count) + octets)
        return struct.pack("<HH", len(octets), len(octets)) + self._pointer()

    def _sidOctets(self, numbers: list[int]) -> bytes:
        count = len(numbers)
        return struct.pack(f"<IBB6s{count}I", count, 1, count, b"\0\0\0\0\0\5", *numbers)

    def _sid(self, numbers: list[int] | None) -> bytes:
        if numbers is None:
            return bytes(4)
        self._later(self._sidOctets(numbers))
        return self._pointer()

    def _groups(self, groups: list[tuple[int, int]]) -> bytes:
        if not groups:
            return struct.pack("<II", 0, 0)
        self._later(
            struct.pack("<I", len(groups)) + b"".join(struct.pack("<II", *g) for g in groups)
        )
        return struct.pack("<I", len(groups)) + self._pointer()

    def decoded(self) -> LogonInformation:
        return decodeLogonInformation(self.octets())


class GoldenTests(TestCase):
    def test_vectors(self) -> None:
        """Names and SIDs of each captured ticket, as the domain has them."""
        self.assertEqual(len(VECTORS), 5)
        for each in VECTORS.values():
            self.assertEqual(
                decodeLogonInformation(bytes.fromhex(each["octets"])),
                LogonInformation(
                    account=each["account"], domain=each["domain"], sids=frozenset(each["sids"])
                ),
            )

    def test_truncated(self) -> None:
        """Cut anywhere they are refused, with the length that they had and with one that fits."""
        for octets in (ALICE, RESOURCES):
            # The padding at the end belongs to no field.
            end = len(octets.rstrip(b"\0"))
            for size in range(end):
                cut = octets[:size]
                self.assertRaises(PACError, decodeLogonInformation, cut)
                if size >= 16:
                    fitting = cut[:8] + struct.pack("<I", size - 16) + cut[12:]
                    self.assertRaises(PACError, decodeLogonInformation, fitting)

    @settings(max_examples=500)
    @given(st.sampled_from([ALICE, RESOURCES]), st.data())
    def test_mutated(self, octets: bytes, data: st.DataObject) -> None:
        """Whatever is changed, it is refused by name, or read as names and at most so many SIDs."""
        mutant = bytearray(octets)
        for _ in range(data.draw(st.integers(1, 4))):
            position = data.draw(st.integers(0, len(octets) - 1))
            mutant[position] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
        try:
            found = decodeLogonInformation(bytes(mutant))
        except PACError:
            return
        self.assertLessEqual(len(found.sids), 12)
        self.assertTrue(all(sid.startswith("S-1-") for sid in found.sids))

    @given(st.binary(max_size=400))
    def test_anything(self, octets: bytes) -> None:
        """Octets of no PAC are refused by name, behind right headers too."""
        self.assertRaises(PACError, decodeLogonInformation, octets)
        headed = ALICE[:8] + struct.pack("<II", len(octets), 0) + octets
        with contextlib.suppress(PACError):
            decodeLogonInformation(headed)


class MeaningTests(TestCase):
    def sids(self, **fields: object) -> frozenset[str]:
        builder = Builder()
        for name, value in fields.items():
            setattr(builder, name, value)
        return builder.decoded().sids

    def test_least(self) -> None:
        """The account and its primary group are always there."""
        self.assertEqual(self.sids(), {f"{DOMAIN}-1001", f"{DOMAIN}-513"})

    def test_disabled(self) -> None:
        """A group that is not enabled counts for nothing, wherever it stands."""
        off = ENABLED & ~4
        self.assertEqual(
            self.sids(
                groups=[(1, off), (2, ENABLED)],
                extra=[([11], off), ([12], ENABLED)],
                resourceDomain=[21, 7],
                resources=[(21, off), (22, ENABLED)],
            ),
            {f"{DOMAIN}-1001", f"{DOMAIN}-513", f"{DOMAIN}-2", "S-1-5-12", "S-1-5-21-7-22"},
        )

    def test_flags(self) -> None:
        """Extra SIDs and resource groups count only where UserFlags says that they are there."""
        more = {
            "extra": [([11], ENABLED)],
            "resourceDomain": [21, 7],
            "resources": [(21, ENABLED)],
        }
        least = self.sids()
        self.assertEqual(self.sids(**more, userFlags=0), least)
        self.assertEqual(self.sids(**more, userFlags=0x20), least | {"S-1-5-11"})
        self.assertEqual(self.sids(**more, userFlags=0x200), least | {"S-1-5-21-7-21"})

    def test_noUserID(self) -> None:
        """An account without UserId has its SID among the extra ones, and perhaps no domain."""
        sids = self.sids(userID=0, domainID=None, extra=[([21, 9, 9, 1104], ENABLED)])
        self.assertEqual(sids, {"S-1-5-21-9-9-1104"})

    @given(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
        st.lists(st.integers(0, 2**32 - 1), max_size=5),
        st.lists(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=15), max_size=5),
    )
    def test_any(self, account: str, groups: list[int], extra: list[list[int]]) -> None:
        """Any names and SIDs are read as they were written."""
        builder = Builder()
        builder.account = account
        builder.groups = [(each, ENABLED) for each in groups]
        builder.extra = [(each, ENABLED) for each in extra]
        found = builder.decoded()
        self.assertEqual((found.account, found.domain), (account, "DOM"))
        expected = {f"{DOMAIN}-{each}" for each in (1001, 513, *groups)}
        expected |= {"-".join(map(str, ["S-1-5", *each])) for each in extra}
        self.assertEqual(found.sids, expected)


class WrongTests(TestCase):
    def refused(self, octets: bytes, words: str) -> None:
        error = self.assertRaises(PACError, decodeLogonInformation, octets)
        self.assertIn(words, str(error))

    def test_headers(self) -> None:
        """Another version, big endian, no headers, and a length beyond what is there."""
        for octets in (b"\2" + ALICE[1:], ALICE[:1] + b"\0" + ALICE[2:], b"", ALICE[:15]):
            self.refused(octets, "no header")
        self.refused(ALICE[:8] + b"\xff\xff\xff\xff" + ALICE[12:], "ObjectBufferLength")

    def test_nothing(self) -> None:
        """A null pointer instead of the structure."""
        self.refused(ALICE[:16] + bytes(4) + ALICE[20:], "octets are missing")

    def test_counts(self) -> None:
        """More groups than anybody has, at one place or in sum; the most there may be are read."""
        most = [(2000 + each, ENABLED) for each in range(MAX_GROUPS)]
        builder = Builder()
        builder.groups = most
        self.assertEqual(len(builder.decoded().sids), MAX_GROUPS + 2)
        builder.extra = [([11], ENABLED)]
        self.refused(builder.octets(), "a count is too large")
        builder.groups, builder.extra = [*most, (5000, ENABLED)], []
        self.refused(builder.octets(), "a count is too large")

    def test_sizes(self) -> None:
        """Sizes of arrays and strings that contradict what was said before of them."""
        for found, wrong in (
            # GroupIds' max_count
            ("03000000 01020000 07000000", "02000000 01020000 07000000"),
            # ExtraSids' max_count
            ("01000000 30000200", "02000000 30000200"),
            # EffectiveName's Length, and an odd one
            ("0a000a00 04000200", "08000a00 04000200"),
            ("0a000a00 04000200", "09000a00 04000200"),
            # LogonDomainId's size
            ("04000000 01040000 00000005", "05000000 01040000 00000005"),
            # EffectiveName, GroupIds and the extra SID of no octets
            ("0a000a00 04000200", "0a000a00 00000000"),
            ("03000000 1c000200", "03000000 00000000"),
            ("01000000 30000200", "01000000 00000000"),
        ):
            old, new = bytes.fromhex(found), bytes.fromhex(wrong)
            self.assertEqual(ALICE.count(old), 1, found)
            self.assertRaises(PACError, decodeLogonInformation, ALICE.replace(old, new))

    def test_noDomain(self) -> None:
        """Relative identifiers without the domain that they are of."""
        builder = Builder()
        builder.domainID = None
        self.refused(builder.octets(), "octets are missing")
        builder = Builder()
        builder.resources = [(1, ENABLED)]
        self.refused(builder.octets(), "octets are missing")
