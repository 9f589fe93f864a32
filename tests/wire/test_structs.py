"""Structs to octets and back: sizes, offsets, too little room, and whatever a peer may send."""

import struct
from random import Random
from uuid import UUID

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from tapiproxy.tapi.versions import VALID_VERSIONS
from tapiproxy.wire.errors import (
    BADTEXT,
    BEYOND,
    MISALIGNED,
    OUTSIDE,
    PROBLEMS,
    TOOLONG,
    TOOSMALL,
    DecodeError,
    EncodeError,
)
from tapiproxy.wire.layout import (
    BYTES,
    NIL_GUID,
    TEXT,
    TEXTS,
    array,
    currency,
    date,
    dword,
    fieldsOf,
    guid,
    nested,
    sized,
)
from tapiproxy.wire.structs import (
    SHARING,
    entry,
    fixedSize,
    neededSize,
    pack,
    slotNames,
    structure,
    unpack,
)
from tapiproxy.wire.text import LONGEST_STRING
from tests.fuzz.codecs import structClasses
from tests.fuzz.instances import instance

GROUP = UUID("00112233-4455-6677-8899-aabbccddeeff")


@entry
class PAIR:
    dwLeft: int = dword()
    dwRight: int = dword()


@entry
class ITEM:
    dwID: int = dword()
    Name: str | None = sized(TEXT)


@structure()
class SHELF:
    """One of each kind, in two versions."""

    dwNumber: int = dword()
    Title: str | None = sized(TEXT)
    Owner: UUID = guid()
    cyPrice: int = currency()
    dateBought: float = date()
    Size: PAIR = nested(PAIR)
    ItemList: tuple[ITEM, ...] = array(ITEM)
    Codes: tuple[int, ...] = array(None, count="dwNumCodes")
    Photo: bytes = sized(BYTES, since=2)
    Words: tuple[str, ...] = sized(TEXTS, since=2)
    Pairs: tuple[PAIR, ...] = sized(PAIR, since=2)


@structure(header=("dwTotalSize",), aligned=4, unboundedBefore={"Note": 2})
class STRICT:
    """Offsets are held to the DWORD, and the end of Note is not looked at before version 3."""

    Note: str | None = sized(TEXT)
    Block: bytes = sized(BYTES)


FULL = SHELF(
    dwNumber=7,
    Title="Top",
    Owner=GROUP,
    cyPrice=-12345,
    dateBought=2.5,
    Size=PAIR(dwLeft=1, dwRight=2),
    ItemList=(ITEM(dwID=1, Name="Zażółć"), ITEM(dwID=2, Name=None), ITEM(dwID=3, Name="")),
    Codes=(5, 6),
    Photo=b"abcde",
    Words=("wave/in", "tapi/line"),
    Pairs=(PAIR(dwLeft=3, dwRight=4),),
)


def words(octets: bytes) -> list[int]:
    return [word for (word,) in struct.iter_unpack("<I", octets)]


class Packing(TestCase):
    """pack()."""

    def test_layout(self) -> None:
        """The fixed part holds computed sizes and offsets; variable parts follow, each aligned."""
        octets = pack(
            SHELF(
                dwNumber=7, Title="Abc", Owner=GROUP, Size=PAIR(dwLeft=1, dwRight=2), Codes=(5, 6)
            ),
            1000,
            1,
        )
        self.assertEqual(len(octets), 104)
        self.assertEqual(words(octets[:24]), [1000, 104, 104, 7, 8, 88])
        self.assertEqual(octets[24:40], GROUP.bytes_le)
        self.assertEqual(words(octets[40:88]), [0, 0, 0, 0, 1, 2, 0, 0, 0, 2, 8, 96])
        self.assertEqual(octets[88:96], b"A\0b\0c\0\0\0")
        self.assertEqual(words(octets[96:]), [5, 6])

    def test_offsetsOfEntriesCountFromTheStruct(self) -> None:
        """A name in a list lies at its offset from the start of the struct, not of the entry."""
        octets = pack(SHELF(ItemList=(ITEM(dwID=1, Name="A"), ITEM(dwID=2, Name="B"))), version=1)
        count, _, offset = struct.unpack_from("<3I", octets, 64)
        self.assertEqual(count, 2)
        for index, name in enumerate("AB"):
            number, size, place = struct.unpack_from("<3I", octets, offset + 12 * index)
            self.assertEqual(number, index + 1)
            self.assertEqual(octets[place : place + size], f"{name}\0".encode("utf-16-le"))

    def test_exactRoom(self) -> None:
        """With exactly the room that is needed everything is there."""
        needed = len(pack(FULL))
        self.assertEqual(unpack(SHELF, pack(FULL, needed)), FULL)

    def test_tooLittleRoom(self) -> None:
        """With less, the fixed part comes alone, with what a second request should give."""
        needed = len(pack(FULL))
        for room in (needed - 1, fixedSize(SHELF)):
            octets = pack(FULL, room)
            self.assertEqual(len(octets), fixedSize(SHELF))
            self.assertEqual(words(octets[:12]), [room, needed, fixedSize(SHELF)])
            self.assertEqual(neededSize(octets), needed)
            alone = attrs.evolve(
                FULL, Title=None, ItemList=(), Codes=(), Photo=b"", Words=(), Pairs=()
            )
            self.assertEqual(unpack(SHELF, octets), alone)

    def test_noRoom(self) -> None:
        """Less room than the fixed part is an error, which names the struct."""
        error = self.assertRaises(DecodeError, pack, FULL, fixedSize(SHELF) - 1)
        self.assertEqual((error.problem, error.field), (TOOSMALL, "SHELF"))

    def test_olderVersion(self) -> None:
        """A client of an older version gets the fields that it knows, in the older size."""
        octets = pack(FULL, 4096, 1)
        self.assertEqual(fixedSize(SHELF, 2) - fixedSize(SHELF, 1), 24)
        older = attrs.evolve(FULL, Photo=b"", Words=(), Pairs=())
        self.assertEqual(unpack(SHELF, octets, 0, 1), older)

    def test_valueTooLarge(self) -> None:
        """A number that is no DWORD names its field."""
        for value in (-1, 1 << 32, "1", None):
            error = self.assertRaises(EncodeError, pack, SHELF(dwNumber=value))
            self.assertEqual(error.field, "SHELF.dwNumber")
        error = self.assertRaises(EncodeError, pack, SHELF(ItemList=(ITEM(dwID=-1),)))
        self.assertEqual(error.field, "ITEM.dwID")
        error = self.assertRaises(EncodeError, pack, SHELF(Codes=(1, -1)))
        self.assertEqual(error.field, "SHELF.Codes")
        error = self.assertRaises(EncodeError, pack, SHELF(cyPrice=1 << 63))
        self.assertIn("SHELF", error.field)

    def test_textThatIsNone(self) -> None:
        """Text that is not Unicode, or holds a null, names its field."""
        for text in ("\ud800", "A\0B"):
            error = self.assertRaises(EncodeError, pack, SHELF(Title=text))
            self.assertEqual(error.field, "SHELF.Title")

    def test_notDeclared(self) -> None:
        """Something else than a struct is a mistake of the caller."""
        self.assertRaises(TypeError, pack, object())
        self.assertRaises(TypeError, fixedSize, int)

    def test_slotNames(self) -> None:
        """Members are named as on the wire, by version."""
        self.assertEqual(
            slotNames(STRICT),
            ("dwTotalSize", "dwNoteSize", "dwNoteOffset", "dwBlockSize", "dwBlockOffset"),
        )
        self.assertNotIn("dwPhotoSize", slotNames(SHELF, 1))

    def test_declarationOutOfOrder(self) -> None:
        """A field of a later version before an older one cannot be laid out."""

        class WRONG:
            dwNew: int = dword(since=2)
            dwOld: int = dword()

        self.assertRaises(TypeError, structure(), WRONG)


class Unpacking(TestCase):
    """unpack()."""

    def strict(self, *numbers: int, tail: bytes = b"") -> bytes:
        return struct.pack("<5I", *numbers) + tail

    def assertRefused(self, problem: str, field: str, octets: bytes, version: int = 3) -> None:
        error = self.assertRaises(DecodeError, unpack, STRICT, octets, 0, version)
        self.assertEqual((error.problem, error.field), (problem, field))

    def test_bothWays(self) -> None:
        """What was packed is unpacked, wherever it lies."""
        self.assertEqual(unpack(SHELF, pack(FULL)), FULL)
        octets = b"\xff" * 7 + pack(FULL) + b"\xff" * 7
        self.assertEqual(unpack(SHELF, octets, 7, 2, len(octets) - 7), FULL)

    def test_fixedPart(self) -> None:
        """Fewer octets than the fixed part are no struct."""
        self.assertRefused(TOOSMALL, "STRICT", self.strict(20, 0, 0, 0, 0)[:-1])

    def test_totalSize(self) -> None:
        """dwTotalSize covers the fixed part at least."""
        self.assertRefused(TOOSMALL, "STRICT", self.strict(19, 0, 0, 0, 0))

    def test_misaligned(self) -> None:
        """Where offsets are held to the DWORD, each one is, even that of nothing."""
        self.assertRefused(MISALIGNED, "STRICT.Note", self.strict(22, 0, 2, 0, 0, tail=b"\0\0"))

    def test_outside(self) -> None:
        """Where offsets are held, each one lies within the struct, even that of nothing."""
        self.assertRefused(OUTSIDE, "STRICT.Block", self.strict(20, 0, 0, 0, 20))

    def test_outsideOfTheStructButSent(self) -> None:
        """Octets behind dwTotalSize are not the struct's."""
        octets = self.strict(20, 0, 0, 4, 20, tail=b"more")
        self.assertRefused(OUTSIDE, "STRICT.Block", octets)

    def test_beyond(self) -> None:
        """A part ends within the struct."""
        self.assertRefused(BEYOND, "STRICT.Block", self.strict(24, 0, 0, 5, 20, tail=b"more"))

    def test_beyondForOlderVersions(self) -> None:
        """Where an older version is not held to the end, what lies beyond is cut off."""
        octets = self.strict(24, 99, 20, 0, 0, tail=b"A\0B\0")
        self.assertEqual(unpack(STRICT, octets, 0, 2).Note, "AB")
        self.assertRefused(BEYOND, "STRICT.Note", octets, 3)

    def test_nothingAnywhere(self) -> None:
        """Where offsets are not held, that of nothing does not matter."""
        octets = bytearray(pack(SHELF()))
        struct.pack_into("<II", octets, 16, 0, 0xFFFFFFF1)
        self.assertIsNone(unpack(SHELF, bytes(octets)).Title)

    def test_arrayTooSmall(self) -> None:
        """A list holds all the entries that it counts."""
        octets = bytearray(pack(SHELF(Codes=(1, 2))))
        struct.pack_into("<I", octets, 76, 3)
        error = self.assertRaises(DecodeError, unpack, SHELF, bytes(octets))
        self.assertEqual((error.problem, error.field), (TOOSMALL, "SHELF.Codes"))

    def test_badText(self) -> None:
        """Text that is not UTF-16 names its field."""
        octets = bytearray(pack(SHELF(Title="AB")))
        octets[fixedSize(SHELF) + 1] = 0xD8
        error = self.assertRaises(DecodeError, unpack, SHELF, bytes(octets))
        self.assertEqual((error.problem, error.field), (BADTEXT, "SHELF.Title"))

    def test_textTooLong(self) -> None:
        """The longest text passes, a longer one does not."""
        longest = SHELF(Title="x" * LONGEST_STRING)
        self.assertEqual(unpack(SHELF, pack(longest)), longest)
        longer = SHELF(Title="x" * (LONGEST_STRING + 1))
        error = self.assertRaises(DecodeError, unpack, SHELF, pack(longer))
        self.assertEqual((error.problem, error.field), (TOOLONG, "SHELF.Title"))

    def test_sharedOctets(self) -> None:
        """Entries may share a text, but not so often that a small struct unpacks to a large one."""
        entries = 400
        octets = bytearray(pack(SHELF(ItemList=(ITEM(Name="x" * 1000),) * entries)))
        (offset,) = struct.unpack_from("<I", octets, 72)
        size, place = struct.unpack_from("<II", octets, offset + 4)
        for index in range(entries):
            struct.pack_into("<II", octets, offset + 12 * index + 4, size, place)
        end = place + size
        struct.pack_into("<I", octets, 0, end)
        error = self.assertRaises(DecodeError, unpack, SHELF, bytes(octets[:end]))
        self.assertEqual(error.problem, TOOLONG)
        self.assertGreater(entries * size, SHARING * end)

    def test_neededSizeOfNothing(self) -> None:
        """Without the three sizes there is nothing to learn."""
        self.assertRaises(DecodeError, neededSize, b"\0" * 11)


class EveryStruct(TestCase):
    """All structs of the protocol, by loop."""

    def test_bothWays(self) -> None:
        """Any value survives packing and unpacking, in each version as far as that goes."""
        for cls in structClasses():
            for seed, version in enumerate((*VALID_VERSIONS, 0xFFFFFFFF)):
                value = instance(cls, Random(seed))
                known = {
                    field.name: getattr(value, field.name)
                    for field in fieldsOf(cls)
                    if field.since <= version
                }
                octets = pack(value, version=version)
                self.assertEqual(unpack(cls, octets, 0, version), cls(**known))

    def test_truncated(self) -> None:
        """Cut off anywhere, a struct is refused, or it was padding that is missing."""
        for cls in structClasses():
            value = instance(cls, Random(5))
            octets = pack(value)
            for end in range(len(octets)):
                try:
                    found = unpack(cls, octets[:end])
                except DecodeError as error:
                    self.assertIn(error.problem, PROBLEMS)
                else:
                    self.assertEqual(found, value)
                    self.assertLess(len(octets) - end, 4)

    @given(st.integers(0, 1 << 32), st.binary(max_size=400))
    def test_anyOctets(self, seed: int, octets: bytes) -> None:
        """Random octets are a struct or a DecodeError, nothing else."""
        cls = Random(seed).choice(sorted(structClasses(), key=lambda cls: cls.__name__))
        try:
            value = unpack(cls, octets)
        except DecodeError as error:
            self.assertIn(error.problem, PROBLEMS)
        else:
            self.assertIsInstance(value, cls)

    def test_defaults(self) -> None:
        """A struct without arguments is one of nothing, which packs to its fixed part."""
        for cls in structClasses():
            self.assertEqual(len(pack(cls())), fixedSize(cls))
        self.assertEqual(SHELF().Owner, NIL_GUID)
