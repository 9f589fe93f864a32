"""The seam by which a test shows that a rule's check matters."""

import struct

from twisted.trial.unittest import TestCase

from tapiproxy.tapi.lineerr import LINEERR_INVALLINEHANDLE, LINEERR_INVALPARAM
from tapiproxy.trp.requests import agent, line
from tapiproxy.trp.templates import encodeRequest
from tests.trp.support import GROUP, makeHarness, removed


class Removed(TestCase):
    """One check at a time."""

    def setUp(self) -> None:
        self.app = makeHarness().application().ready()

    def code(self, pBuffer: bytes, needed: int | None = None) -> int:
        return int.from_bytes(self.app.raw(pBuffer, needed)[:4], "little")

    def pointing(self, message: object, slot: int, offset: int) -> bytes:
        """A request whose slot has another offset."""
        octets = bytearray(encodeRequest(message))  # type: ignore[arg-type]  # any packet
        struct.pack_into("<I", octets, 8 + 4 * slot, offset)
        return bytes(octets)

    def test_check(self) -> None:
        """A check of the session layer."""
        message = encodeRequest(line.SelectExtVersion(hLine=1))
        self.assertEqual(self.code(message), LINEERR_INVALLINEHANDLE)
        with removed("128.1"):
            self.assertEqual(self.code(message), 0)
        self.assertEqual(self.code(message), LINEERR_INVALLINEHANDLE)

    def test_string(self) -> None:
        """A check of the codec: a string."""
        message = self.pointing(agent.CreateAgent(hLine=self.app.hLine, lpszAgentID="1"), 3, 1)
        self.assertEqual(self.code(message), LINEERR_INVALPARAM)
        with removed("146.2"):
            self.assertLess(self.code(message), 0x80000000)
        with removed("146.1"):
            self.assertEqual(self.code(message), LINEERR_INVALPARAM)

    def test_block(self) -> None:
        """A check of the codec: a GUID."""
        request = agent.GetQueueList(hLine=self.app.hLine, pGroupID=GROUP, lpQueueList=1024)
        message = self.pointing(request, 3, 64)
        self.assertEqual(self.code(message), LINEERR_INVALPARAM)
        with removed("153.2"):
            self.assertLess(self.code(message), 0x80000000)

    def test_size(self) -> None:
        """A check before the packet is read."""
        message = encodeRequest(line.Close(hLine=self.app.hLine))[:12]
        with removed("ClientRequest.1"):
            self.assertEqual(self.code(message, 59), 0)
