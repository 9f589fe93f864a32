"""The line requests: structs and strings in VarData, and what offsets are refused for."""

import struct

from twisted.trial.unittest import TestCase

from tapiproxy.tapi.callstructs import LINECALLPARAMS
from tapiproxy.tapi.lineconstants import (
    LINEADDRESSMODE_ADDRESSID,
    LINECALLPRIVILEGE_NONE,
    LINEOPENOPTION_PROXY,
    LINEOPENOPTION_SINGLEADDRESS,
)
from tapiproxy.tapi.versions import TAPI_1_4, TAPI_2_0, TAPI_2_2, TAPI_3_0
from tapiproxy.trp.requests import line, phone
from tapiproxy.trp.templates import decodeRequest, encodeRequest
from tapiproxy.wire.errors import (
    BEYOND,
    MISALIGNED,
    OUTSIDE,
    TOOSMALL,
    UNTERMINATED,
    DecodeError,
)
from tapiproxy.wire.structs import pack, slotNames


def octets(words: list[int], varData: bytes) -> bytes:
    """Lay a request out by hand: Req_Func, Reserved1, thirteen parameters, VarData."""
    parameters = [*words[1:], *[0] * (14 - len(words))]
    return struct.pack("<15I", words[0], 0, *parameters) + varData


class RefusalTests(TestCase):
    """A packet that is accepted, changed in one place."""

    def refused(self, words: list[int], varData: bytes) -> tuple[str, str]:
        error = self.assertRaises(DecodeError, decodeRequest, octets(words, varData))
        return error.problem, error.field


class InitializeOffsets(RefusalTests):
    """Rules 47.1 to 47.6, and 106.1 to 106.6 of phones."""

    STRINGS = b"A\0\0\0B\0\0\0"
    UNTERMINATED = b"A\0\0\0B\0C\0"

    def words(self, number: int, friendly: int = 0, module: int = 4) -> list[int]:
        return [number, 0, 0, 0x55, friendly, 0, module, 0x20002]

    def test_accepted(self) -> None:
        """Two strings in VarData are accepted; that there is none cannot be said."""
        for number, cls in ((47, line.Initialize), (106, phone.Initialize)):
            message = decodeRequest(octets(self.words(number), self.STRINGS))
            self.assertIsInstance(message, cls)
            self.assertEqual(message.dwFriendlyNameOffset, "A")
            self.assertEqual(message.dwModuleNameOffset, "B")
            none = self.words(number, 0xFFFFFFFF, 0xFFFFFFFF)
            field = "Initialize.dwFriendlyNameOffset"
            self.assertEqual(self.refused(none, self.STRINGS), (MISALIGNED, field))

    def assertBoth(self, problem: str, field: str, varData: bytes, **offset: int) -> None:
        for number in (47, 106):
            found = self.refused(self.words(number, **offset), varData)
            self.assertEqual(found, (problem, f"Initialize.{field}"))

    def test_47_1(self) -> None:
        """47.1, 106.1: the display name is aligned."""
        self.assertBoth(MISALIGNED, "dwFriendlyNameOffset", self.STRINGS, friendly=1)

    def test_47_2(self) -> None:
        """47.2, 106.2: the display name begins within VarData."""
        self.assertBoth(OUTSIDE, "dwFriendlyNameOffset", self.STRINGS, friendly=8)

    def test_47_3(self) -> None:
        """47.3, 106.3: the display name is terminated."""
        self.assertBoth(
            UNTERMINATED, "dwFriendlyNameOffset", self.UNTERMINATED, friendly=4, module=0
        )

    def test_47_4(self) -> None:
        """47.4, 106.4: the module's name is aligned."""
        self.assertBoth(MISALIGNED, "dwModuleNameOffset", self.STRINGS, module=5)

    def test_47_5(self) -> None:
        """47.5, 106.5: the module's name begins within VarData."""
        self.assertBoth(OUTSIDE, "dwModuleNameOffset", self.STRINGS, module=8)

    def test_47_6(self) -> None:
        """47.6, 106.6: the module's name is terminated."""
        self.assertBoth(UNTERMINATED, "dwModuleNameOffset", self.UNTERMINATED)


class GetAddressIDOffsets(RefusalTests):
    """Rules 22.1 and 22.2."""

    ADDRESS = b"\0\0\0\0" + "1001\0".encode("utf-16-le") + b"\0\0"

    def words(self, offset: int = 4, size: int = 10) -> list[int]:
        return [22, 1, 0xFFFFFFFF, 2, offset, size]

    def test_accepted(self) -> None:
        """An address with its null is accepted."""
        message = decodeRequest(octets(self.words(), self.ADDRESS))
        self.assertEqual(message.lpsAddress, "1001")

    def test_22_1(self) -> None:
        """22.1: the address begins at a DWORD, and within VarData."""
        field = "GetAddressID.lpsAddress"
        self.assertEqual(self.refused(self.words(offset=2), self.ADDRESS), (MISALIGNED, field))
        self.assertEqual(self.refused(self.words(16, 0), self.ADDRESS), (OUTSIDE, field))

    def test_22_2(self) -> None:
        """22.2: the address ends within VarData."""
        found = self.refused(self.words(size=14), self.ADDRESS)
        self.assertEqual(found, (BEYOND, "GetAddressID.lpsAddress"))


class GetIDOffsets(RefusalTests):
    """Rule 37.3."""

    CLASS = "tapi/line\0".encode("utf-16-le")

    def words(self, offset: int) -> list[int]:
        return [37, 1, 0, 0, 1, 100, offset]

    def test_37_3(self) -> None:
        """37.3: the device class is aligned, terminated, and within VarData."""
        field = "GetID.lpszDeviceClass"
        self.assertEqual(
            decodeRequest(octets(self.words(0), self.CLASS)).lpszDeviceClass, "tapi/line"
        )
        self.assertEqual(self.refused(self.words(1), self.CLASS), (MISALIGNED, field))
        self.assertEqual(self.refused(self.words(20), self.CLASS), (OUTSIDE, field))
        self.assertEqual(self.refused(self.words(0), self.CLASS[:-2]), (UNTERMINATED, field))


class OpenOffsets(RefusalTests):
    """Rule 54.5, and the rules of LINECALLPARAMS that are about sizes and offsets."""

    def words(self, privileges: int, params: int, version: int = TAPI_2_2) -> list[int]:
        return [54, 1, 0, 0xFFFFFFFF, version, 0, 0, privileges, 4, params, 0xFFFFFFFF, 0, 0x77]

    def params(self, version: int = TAPI_3_0, **members: int) -> bytes:
        """Lay a LINECALLPARAMS out, with members set by their names on the wire."""
        names = slotNames(LINECALLPARAMS, version)
        found = bytearray(pack(LINECALLPARAMS(), version=version))
        for name, value in members.items():
            # DialParams is four DWORDs, and stands before every size and offset.
            place = names.index(name) + (3 if names.index(name) > names.index("DialParams") else 0)
            struct.pack_into("<I", found, 4 * place, value)
        return bytes(found)

    def test_accepted(self) -> None:
        """Call parameters are read in the size of the version that the line is opened with."""
        for version in (TAPI_1_4, TAPI_2_0, TAPI_3_0):
            params = LINECALLPARAMS(dwAddressMode=LINEADDRESSMODE_ADDRESSID, dwAddressID=2)
            message = line.Open(
                dwNegotiatedVersion=version,
                dwPrivileges=LINEOPENOPTION_SINGLEADDRESS,
                pCallParams=params,
            )
            self.assertEqual(decodeRequest(encodeRequest(message)), message)

    def test_withoutOption(self) -> None:
        """Without an option that needs them, the offset of call parameters means nothing."""
        message = decodeRequest(octets(self.words(LINECALLPRIVILEGE_NONE, 3), b""))
        self.assertIsNone(message.pCallParams)

    def test_54_5(self) -> None:
        """54.5: with either option, call parameters begin at a DWORD, and within VarData."""
        params = self.params(TAPI_2_2)
        for option in (LINEOPENOPTION_SINGLEADDRESS, LINEOPENOPTION_PROXY):
            self.assertEqual(
                self.refused(self.words(option, 2), b"xx" + params),
                (MISALIGNED, "Open.pCallParams"),
            )
            self.assertEqual(
                self.refused(self.words(option, len(params)), params),
                (OUTSIDE, "Open.pCallParams"),
            )

    def test_notAllSent(self) -> None:
        """Call parameters that were not sent to their end are refused."""
        found = self.refused(self.words(LINEOPENOPTION_PROXY, 0), self.params(TAPI_2_2)[:-1])
        self.assertEqual(found, (TOOSMALL, "Open.pCallParams"))

    def refusedParams(self, version: int, tail: bytes = b"", **members: int) -> tuple[str, str]:
        params = self.params(version, **members) + tail
        return self.refused(self.words(LINEOPENOPTION_PROXY, 0, version), params)

    def test_LINECALLPARAMS_1(self) -> None:
        """LINECALLPARAMS.1: dwTotalSize covers the fixed part of the version."""
        for version, size in ((TAPI_1_4, 112), (TAPI_2_2, 168), (TAPI_3_0, 180)):
            self.assertEqual(
                self.refusedParams(version, dwTotalSize=size - 4), (TOOSMALL, "LINECALLPARAMS")
            )

    def offsets(self) -> list[str]:
        return [name for name in slotNames(LINECALLPARAMS) if name.endswith("Offset")]

    def test_LINECALLPARAMS_5(self) -> None:
        """LINECALLPARAMS.5: each of the 15 offsets is DWORD-aligned and lies within the packet."""
        self.assertEqual(len(self.offsets()), 15)
        for name in self.offsets():
            field = f"LINECALLPARAMS.{name[2:-6]}"
            self.assertEqual(self.refusedParams(TAPI_3_0, **{name: 2}), (MISALIGNED, field))
            self.assertEqual(self.refusedParams(TAPI_3_0, **{name: 180}), (OUTSIDE, field))

    def test_LINECALLPARAMS_6(self) -> None:
        """LINECALLPARAMS.6: each part ends within the packet."""
        for name in self.offsets():
            part = name[2:-6]
            members = {name: 176, f"dw{part}Size": 6}
            found = self.refusedParams(TAPI_3_0, **members)
            self.assertEqual(found, (BEYOND, f"LINECALLPARAMS.{part}"))

    def test_LINECALLPARAMS_7(self) -> None:
        """LINECALLPARAMS.7: three of them may end anywhere for versions up to 2.0, not after."""
        three = {"DisplayableAddress", "CalledParty", "Comment"}
        for version in (TAPI_1_4, TAPI_2_0):
            for name in self.offsets():
                if name not in slotNames(LINECALLPARAMS, version):
                    continue
                part = name[2:-6]
                members = {name: 0, f"dw{part}Size": 0x1000}
                if part in three:
                    params = self.params(version, **members)
                    words = self.words(LINEOPENOPTION_PROXY, 0, version)
                    decodeRequest(octets(words, params))
                else:
                    found = self.refusedParams(version, **members)
                    self.assertEqual(found, (BEYOND, f"LINECALLPARAMS.{part}"))
        for part in three:
            members = {f"dw{part}Offset": 0, f"dw{part}Size": 0x1000}
            found = self.refusedParams(TAPI_2_2, **members)
            self.assertEqual(found, (BEYOND, f"LINECALLPARAMS.{part}"))
