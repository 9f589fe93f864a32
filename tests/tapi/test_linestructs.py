"""Structs of line devices, where they are more than a list of fields."""

import struct

from twisted.trial.unittest import TestCase

from tapiproxy.tapi.lineconstants import STRINGFORMAT_BINARY
from tapiproxy.tapi.linestructs import (
    LINEADDRESSCAPS,
    LINEADDRESSSTATUS,
    LINEAPPINFO,
    LINEDEVCAPS,
    LINEDEVSTATUS,
    LINEFORWARD,
    VARSTRING,
)
from tapiproxy.tapi.versions import TAPI_1_4, TAPI_2_0
from tapiproxy.wire.structs import pack, unpack


class Octets(TestCase):
    """Lists and strings within them."""

    def test_deviceClasses(self) -> None:
        """The classes stand one after the other, each with a null, and one more at the end."""
        octets = pack(LINEDEVCAPS(DeviceClasses=("tapi/line", "x")), 1000)
        size, offset = struct.unpack_from("<2I", octets, 244)
        self.assertEqual(octets[offset : offset + size], "tapi/line\0x\0\0".encode("utf-16-le"))
        self.assertEqual(unpack(LINEDEVCAPS, octets).DeviceClasses, ("tapi/line", "x"))

    def test_olderCapsHaveNoDeviceClasses(self) -> None:
        """What came with TAPI 2.0 is not sent to older clients, neither fixed nor variable part."""
        caps = LINEADDRESSCAPS(Address="1001", DeviceClasses=("tapi/line",))
        self.assertEqual(len(pack(caps, 1000, TAPI_1_4)), 180 + 12)
        self.assertEqual(len(pack(caps, 1000, TAPI_2_0)), 228 + 12 + 24)

    def test_applications(self) -> None:
        """Applications have a size but no count: that is dwNumOpens of LINEDEVSTATUS."""
        value = LINEDEVSTATUS(
            dwNumOpens=2,
            AppInfo=(
                LINEAPPINFO(MachineName="PC1", UserName="ann", dwMediaModes=4),
                LINEAPPINFO(MachineName="PC2", dwAddressID=0xFFFFFFFF),
            ),
        )
        octets = pack(value)
        self.assertEqual(struct.unpack_from("<2I", octets, 80), (80, 88))
        self.assertEqual(unpack(LINEDEVSTATUS, octets), value)

    def test_forwarding(self) -> None:
        """2.2.6.7: addresses in LINEFORWARD count from the start of LINEADDRESSSTATUS."""
        value = LINEADDRESSSTATUS(Forward=(LINEFORWARD(dwForwardMode=1, DestAddress="12"),))
        octets = pack(value)
        self.assertEqual(struct.unpack_from("<3I", octets, 36), (1, 32, 64))
        size, offset = struct.unpack_from("<2I", octets, 64 + 16)
        self.assertEqual(octets[offset : offset + size], "12\0".encode("utf-16-le"))

    def test_deviceIdentifier(self) -> None:
        """GetID gives a DWORD in a VARSTRING."""
        value = VARSTRING(dwStringFormat=STRINGFORMAT_BINARY, String=b"\5\0\0\0")
        self.assertEqual(pack(value, 64), struct.pack("<7I", 64, 28, 28, 4, 4, 24, 5))
