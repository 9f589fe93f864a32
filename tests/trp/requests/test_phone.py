"""The phone requests octet by octet; offsets of Initialize are tested with the line's."""

import struct

from twisted.trial.unittest import TestCase

from tapiproxy.trp.requests import phone
from tapiproxy.trp.templates import Request, decodeRequest, encodeRequest

NO_DATA = 0xFFFFFFFF

#: Each packet, its DWORDs, and the text in VarData.
GOLDEN: list[tuple[Request, list[int], str]] = [
    (
        phone.Initialize(
            InitContext=5,
            dwFriendlyNameOffset="A",
            dwModuleNameOffset="B",
            dwAPIVersion=0x20002,
        ),
        [106, 0, NO_DATA, 0, 5, 0, NO_DATA, 4, 0x20002],
        "A\0B\0",
    ),
    (
        phone.NegotiateAPIVersion(1, 0, 0x10003, 0x30001, ExtensionID=16),
        [108, 0, 1, 0, 0x10003, 0x30001, NO_DATA, NO_DATA, 16],
        "",
    ),
    (phone.GetDevCaps(1, 0, 0x20002, 0, 500), [95, 0, 1, 0, 0x20002, 0, 500], ""),
    (
        phone.Open(1, 0, NO_DATA, 0x20002, 0, 7, 1, 9),
        [107, 0, 1, 0, NO_DATA, 0x20002, 0, 7, 1, 9],
        "",
    ),
    (phone.ShutDown(1), [119, 0, 1], ""),
]


class Golden(TestCase):
    """The five packets."""

    def test_octets(self) -> None:
        """Each packet has the octets that were laid out by hand, in both directions."""
        for message, words, varData in GOLDEN:
            expected = struct.pack("<15I", *words, *[0] * (15 - len(words)))
            expected += varData.encode("utf-16-le")
            self.assertEqual(encodeRequest(message), expected)
            self.assertEqual(decodeRequest(expected), message)
