"""What an offset points to: each check of it, alone."""

from uuid import UUID

from twisted.trial.unittest import TestCase

from tapiproxy.tapi.agentstructs import LINEAGENTGROUPENTRY, LINEAGENTGROUPLIST
from tapiproxy.wire import cursor
from tapiproxy.wire.errors import (
    BADTEXT,
    BEYOND,
    MISALIGNED,
    OUTSIDE,
    TOOLONG,
    TOOSMALL,
    UNTERMINATED,
    DecodeError,
)
from tapiproxy.wire.layout import BYTES, GUID, TEXT
from tapiproxy.wire.structs import pack
from tapiproxy.wire.text import LONGEST_STRING

#: Octets of others around what was sent, which must never be looked at.
BEFORE = b"\xee" * 5
AFTER = b"\0" * 8

GROUP = UUID("00112233-4455-6677-8899-aabbccddeeff")


class CursorTests(TestCase):
    """Calls with octets of others around, and what they are refused with."""

    def sent(self, octets: bytes) -> tuple[bytes, int, int]:
        return BEFORE + octets + AFTER, len(BEFORE), len(BEFORE) + len(octets)

    def assertProblem(self, problem: str, function: object, *arguments: object) -> None:
        error = self.assertRaises(DecodeError, function, *arguments)
        self.assertEqual(error.problem, problem)
        self.assertEqual(error.field, "Packet.field")


class WideStrings(CursorTests):
    """A null-terminated string."""

    def read(self, octets: bytes, offset: int) -> str:
        return cursor.wideString(*self.sent(octets), offset, "Packet.field")

    def assertRefused(self, problem: str, octets: bytes, offset: int) -> None:
        self.assertProblem(problem, self.read, octets, offset)

    def test_accepted(self) -> None:
        """A string ends at its null, and may be the last thing that was sent."""
        octets = "Ab".encode("utf-16-le") + b"\0\0" + "ż".encode("utf-16-le") + b"\0\0"
        self.assertEqual(self.read(octets, 0), "Ab")
        self.assertEqual(self.read(octets, 6), "ż")
        self.assertEqual(self.read(octets, 4), "")

    def test_firstNullIsAcrossUnits(self) -> None:
        """Zero octets of two code units are passed over."""
        octets = "A\u0100".encode("utf-16-le") + b"\0\0"
        self.assertEqual(self.read(octets, 0), "A\u0100")

    def test_misaligned(self) -> None:
        """An odd offset is misaligned, though a string could be read there."""
        self.assertRefused(MISALIGNED, b"xA\0\0\0xxx", 1)

    def test_outside(self) -> None:
        """A string that begins where nothing was sent is outside, at once or far away."""
        octets = b"A\0\0\0"
        self.assertRefused(OUTSIDE, octets, 4)
        self.assertRefused(OUTSIDE, octets, 0xFFFFFFFE)
        self.assertRefused(OUTSIDE, b"", 0)

    def test_unterminated(self) -> None:
        """A string needs its null within what was sent; the octets behind do not count."""
        self.assertRefused(UNTERMINATED, b"A\0B\0", 0)
        self.assertRefused(UNTERMINATED, b"A\0B\0\0", 0)

    def test_tooLong(self) -> None:
        """The longest string passes, a longer one does not."""
        longest = b"A\0" * LONGEST_STRING
        self.assertEqual(len(self.read(longest + b"\0\0", 0)), LONGEST_STRING)
        self.assertRefused(TOOLONG, longest + b"A\0\0\0", 0)

    def test_badText(self) -> None:
        """A lone surrogate is refused, since nothing could be done with it."""
        self.assertRefused(BADTEXT, b"\x00\xdc\0\0", 0)


class Blocks(CursorTests):
    """A block by offset and size."""

    def read(self, octets: bytes, offset: int, size: int, content: str = BYTES) -> object:
        return cursor.block(*self.sent(octets), offset, size, content, "Packet.field")

    def assertRefused(
        self, problem: str, octets: bytes, offset: int, size: int, content: str = BYTES
    ) -> None:
        self.assertProblem(problem, self.read, octets, offset, size, content)

    def test_accepted(self) -> None:
        """A block may be empty, and may end where the sent octets end."""
        self.assertEqual(self.read(b"abcdefgh", 4, 4), b"efgh")
        self.assertEqual(self.read(b"abcdefgh", 4, 0), b"")

    def test_misaligned(self) -> None:
        """A block begins at a DWORD."""
        self.assertRefused(MISALIGNED, b"abcdefgh", 2, 4)

    def test_outside(self) -> None:
        """A block begins within what was sent, even an empty one."""
        self.assertRefused(OUTSIDE, b"abcdefgh", 8, 0)
        self.assertRefused(OUTSIDE, b"abcdefgh", 0xFFFFFFFC, 4)

    def test_beyond(self) -> None:
        """A block ends within what was sent."""
        self.assertRefused(BEYOND, b"abcdefgh", 4, 5)
        self.assertRefused(BEYOND, b"abcdefgh", 0, 0xFFFFFFFF)

    def test_guid(self) -> None:
        """A GUID has its octets in the order of [MS-DTYP] 2.3.4.2."""
        octets = bytes.fromhex("33221100 5544 7766 8899aabbccddeeff")
        self.assertEqual(self.read(octets, 0, 16, GUID), GROUP)
        self.assertEqual(self.read(octets + b"more", 0, 20, GUID), GROUP)

    def test_guidTooSmall(self) -> None:
        """Fifteen octets are no GUID."""
        self.assertRefused(TOOSMALL, bytes(16), 0, 15, GUID)

    def test_text(self) -> None:
        """The size counts the null; without one the size rules."""
        octets = "Ab".encode("utf-16-le") + b"\0\0" + b"zz"
        self.assertEqual(self.read(octets, 0, 8, TEXT), "Ab")
        self.assertEqual(self.read(octets, 0, 4, TEXT), "Ab")

    def test_textOfOddSize(self) -> None:
        """Half a code unit is refused."""
        self.assertRefused(BADTEXT, b"A\0B\0", 0, 3, TEXT)

    def test_textTooLong(self) -> None:
        """A text within a block has the same longest length."""
        octets = b"A\0" * (LONGEST_STRING + 1)
        self.assertEqual(len(f"{self.read(octets, 0, 2 * LONGEST_STRING, TEXT)}"), LONGEST_STRING)
        self.assertRefused(TOOLONG, octets, 0, len(octets), TEXT)


class Structs(CursorTests):
    """A struct by its offset."""

    def setUp(self) -> None:
        self.value = LINEAGENTGROUPLIST(List=(LINEAGENTGROUPENTRY(GroupID=GROUP, Name="Sales"),))
        self.octets = pack(self.value)

    def read(self, octets: bytes, offset: int) -> object:
        data, base, end = self.sent(octets)
        return cursor.within(data, base, end, offset, LINEAGENTGROUPLIST, "Packet.field")

    def assertRefused(self, problem: str, octets: bytes, offset: int) -> None:
        self.assertProblem(problem, self.read, octets, offset)

    def test_accepted(self) -> None:
        """A struct may lie anywhere at a DWORD, and be the last thing that was sent."""
        self.assertEqual(self.read(b"xxxx" + self.octets, 4), self.value)

    def test_misaligned(self) -> None:
        """A struct begins at a DWORD."""
        self.assertRefused(MISALIGNED, b"xx" + self.octets + b"xx", 2)

    def test_outside(self) -> None:
        """A struct begins within what was sent."""
        self.assertRefused(OUTSIDE, self.octets, len(self.octets))
        self.assertRefused(OUTSIDE, b"", 0)

    def test_fixedPartTooSmall(self) -> None:
        """The fixed part lies within what was sent; the octets behind do not count."""
        self.assertRefused(TOOSMALL, self.octets[:20], 0)
        self.assertRefused(TOOSMALL, self.octets[:2], 0)

    def test_totalTooSmall(self) -> None:
        """All of dwTotalSize lies within what was sent."""
        self.assertRefused(TOOSMALL, self.octets[:-1], 0)
