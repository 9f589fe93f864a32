"""The requests of neither lines nor phones, octet by octet."""

import struct

import attrs
from twisted.trial.unittest import TestCase

from tapiproxy.tapi.eventmasks import EM_ALL
from tapiproxy.trp.requests import generic
from tapiproxy.trp.templates import decodeRequest, encodeReply, encodeRequest


class Golden(TestCase):
    """The three packets."""

    def test_filterMasks(self) -> None:
        """RSPSetEventFilterMasks has the template's 60 octets, one more DWORD than is printed."""
        message = generic.RSPSetEventFilterMasks(2, 0x55, 0, 0, EM_ALL, 0)
        expected = struct.pack("<15I", 161, 0, 2, 0x55, 0, 0, EM_ALL, *[0] * 8)
        self.assertEqual(encodeRequest(message), expected)
        self.assertEqual(decodeRequest(expected), message)

    def test_asyncEvents(self) -> None:
        """GetAsyncEvents names its room; what it gets back has no offset."""
        request = decodeRequest(struct.pack("<15I", 0, 0, 4096, *[0] * 12))
        self.assertEqual(request, generic.GetAsyncEvents(4096, 0, 0))

    def test_allDevices(self) -> None:
        """Four lists: their sizes in the request, offsets and sizes in the reply."""
        words = (130, 0, 1, 1, 0, 0x30001, 9, 4, 9, 16, 9, 0, 9, 0, 0)
        request = decodeRequest(struct.pack("<15I", *words))
        self.assertEqual(request.dwLineAPIVersionListOffset, 4)
        self.assertEqual(request.dwLineExtensionIDListOffset, 16)
        answer = attrs.evolve(
            request,
            dwLineAPIVersionListOffset=b"\1\0\3\0",
            dwLineExtensionIDListOffset=bytes(16),
            dwPhoneAPIVersionListOffset=b"",
            dwPhoneExtensionIDListOffset=b"",
        )
        reply = encodeReply(answer, 0, request)
        self.assertEqual(struct.unpack_from("<4I", reply, 24), (0, 4, 4, 16))
        self.assertEqual(reply[60:64], b"\1\0\3\0")
