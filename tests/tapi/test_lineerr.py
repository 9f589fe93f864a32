"""Result codes in words."""

from twisted.trial.unittest import TestCase

from tapiproxy.tapi import lineerr, phoneerr


class Names(TestCase):
    """name()."""

    def test_known(self) -> None:
        """A code has its name, success is 0."""
        self.assertEqual(lineerr.name(0x80000032), "LINEERR_INVALPARAM")
        self.assertEqual(phoneerr.name(0x90000012), "PHONEERR_INVALPARAM")
        self.assertEqual(lineerr.name(0), "0")
        self.assertEqual(phoneerr.name(0), "0")

    def test_unknown(self) -> None:
        """A code that no table has is shown in hexadecimal."""
        self.assertEqual(lineerr.name(0xF101), "0x0000F101")
        self.assertEqual(phoneerr.name(0x80000032), "0x80000032")
