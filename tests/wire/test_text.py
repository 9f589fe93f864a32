"""UTF-16LE with a terminating null."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from tapiproxy.wire.text import decodeText, encodeText, terminator


class Text(TestCase):
    """Text both ways."""

    @given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
    def test_bothWays(self, text: str) -> None:
        """Text survives encoding and decoding, and its null is where it ends."""
        octets = encodeText(text)
        end = terminator(octets, 0, len(octets))
        self.assertEqual(end, len(octets) - 2)
        self.assertEqual(decodeText(octets, 0, end), text)

    def test_nullAcrossUnits(self) -> None:
        """Two zero octets that belong to two code units end nothing."""
        octets = b"x" + "A\u0100B".encode("utf-16-le") + b"\0\0"
        self.assertEqual(terminator(octets, 1, len(octets)), 7)

    def test_noNull(self) -> None:
        """Without a null there is no end, and beyond the end none is looked for."""
        self.assertEqual(terminator(b"A\0B\0\0\0", 0, 4), -1)

    def test_loneSurrogates(self) -> None:
        """An unpaired surrogate is no text, in either direction."""
        self.assertRaises(UnicodeDecodeError, decodeText, b"\x00\xd8", 0, 2)
        self.assertRaises(ValueError, encodeText, "\ud800")

    def test_oddOctet(self) -> None:
        """Half a code unit is no text."""
        self.assertRaises(UnicodeDecodeError, decodeText, b"A\0B", 0, 3)

    def test_nullWithin(self) -> None:
        """Text that a null would cut off is not written."""
        self.assertRaises(ValueError, encodeText, "A\0B")
