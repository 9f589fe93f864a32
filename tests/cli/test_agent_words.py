"""Values of the protocol in words, and words that were typed as values."""

import uuid

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from tapiproxy.cli.agent_words import (
    callRate,
    constantNames,
    duration,
    handle,
    parseConstant,
    parseNumber,
    sessionStart,
    shown,
    table,
    version,
    words,
)
from tapiproxy.cli.main import CommandError
from tapiproxy.tapi.lineconstants import (
    LINEAGENTSESSIONSTATE,
    LINEAGENTSTATE,
    LINEAGENTSTATEEX,
    LINEAGENTSTATEEX_NOTREADY,
)


class States(TestCase):
    def test_words(self) -> None:
        """A state reads as an agent would say it, a sum as a list, nothing as a dash."""
        self.assertEqual(words(LINEAGENTSTATEEX, LINEAGENTSTATEEX_NOTREADY), "not ready")
        self.assertEqual(words(LINEAGENTSTATEEX, 3), "not ready, ready")
        self.assertEqual(words(LINEAGENTSTATEEX, 0), "-")

    def test_unknownBits(self) -> None:
        """A bit that no constant names is shown, not hidden."""
        self.assertEqual(words(LINEAGENTSTATEEX, 0x80000002), "ready, 0x80000000")

    def test_everyNameIsUnderstood(self) -> None:
        """Every state of the three sets can be typed by the name that help lists."""
        for constants in (LINEAGENTSTATE, LINEAGENTSTATEEX, LINEAGENTSESSIONSTATE):
            for value, name in zip(constants, constantNames(constants), strict=True):
                self.assertEqual(parseConstant(constants, name), value)

    def test_dashesAndCapitals(self) -> None:
        """NOT-READY, not_ready and notready are one state."""
        for typed in ("NOT-READY", "not_ready", "notready", "not ready"):
            self.assertEqual(parseConstant(LINEAGENTSTATEEX, typed), LINEAGENTSTATEEX_NOTREADY)

    def test_unknownState(self) -> None:
        """A state that does not exist is refused with those that do."""
        error = self.assertRaises(CommandError, parseConstant, LINEAGENTSTATEEX, "asleep")
        self.assertIn("'asleep'", str(error))
        self.assertIn("notready, ready", str(error))


class Numbers(TestCase):
    def test_decimalAndHexadecimal(self) -> None:
        """Numbers are taken in both notations, and handles as they are shown."""
        self.assertEqual(parseNumber("17", "a number"), 17)
        self.assertEqual(parseNumber(handle(0xABCD), "a handle"), 0xABCD)

    def test_refused(self) -> None:
        """What is no DWORD is refused in words."""
        for typed in ("", "x", "-1", "4294967296", "1.5"):
            error = self.assertRaises(CommandError, parseNumber, typed, "a line")
            self.assertIn("is not a line", str(error))

    def test_times(self) -> None:
        """Seconds read as hours, minutes and seconds, rates with two digits, dates as dates."""
        self.assertEqual(duration(3723), "1:02:03")
        self.assertEqual(callRate(123456), "12.35")
        self.assertEqual(sessionStart(1.5), "1899-12-31 12:00:00")
        self.assertEqual(version(0x00020002), "2.2")

    @given(st.floats())
    def test_anyDate(self, days: float) -> None:
        """Whatever a server sends as a date can be shown."""
        self.assertTrue(sessionStart(days))


class Text(TestCase):
    @given(st.text())
    def test_noControl(self, text: str) -> None:
        """Text of a peer cannot steer the terminal, nor fill it."""
        line = shown(text)
        self.assertTrue(line.isprintable() or not line)
        self.assertLessEqual(len(line), 300)

    def test_guidAndBytes(self) -> None:
        """A GUID is shown in braces, bytes in hexadecimal."""
        self.assertEqual(shown(uuid.UUID(int=1)), "{00000000-0000-0000-0000-000000000001}")
        self.assertEqual(shown(b"\x01\xff"), "01 ff")

    def test_table(self) -> None:
        """Columns are as wide as their widest cell; an empty table says so."""
        self.assertEqual(table(("A", "B"), [("long", 1), ("x", 22)]), "A     B\nlong  1\nx     22")
        self.assertEqual(table(("A", "B"), []), "A  B\n(none)")
