"""
Rules of LINECALLPARAMS, by the one packet that is served and carries one, Open; and Open's own
rules about it.

The struct stands alone in VarData, 180 octets of version 3.1, and nothing behind it.
"""

from typing import Any

from tapiproxy.tapi.callstructs import LINECALLPARAMS
from tapiproxy.tapi.lineconstants import (
    LINEADDRESSMODE_ADDRESSID,
    LINEADDRESSMODE_DIALABLEADDR,
    LINEBEARERMODE_DATA,
    LINEBEARERMODE_SPEECH,
    LINEBEARERMODE_VOICE,
    LINECALLPRIVILEGE_MONITOR,
    LINEMEDIAMODE_INTERACTIVEVOICE,
    LINEOPENOPTION_PROXY,
    LINEOPENOPTION_SINGLEADDRESS,
)
from tapiproxy.tapi.lineerr import (
    LINEERR_INVALADDRESSID,
    LINEERR_INVALADDRESSMODE,
    LINEERR_INVALBEARERMODE,
    LINEERR_INVALCALLPARAMS,
    LINEERR_INVALPARAM,
    LINEERR_OPERATIONUNAVAIL,
    LINEERR_STRUCTURETOOSMALL,
)
from tapiproxy.tapi.versions import TAPI_1_4, TAPI_2_0, TAPI_2_1, TAPI_3_1
from tapiproxy.trp.requests import line
from tests.trp.rules.rows import Row, RuleTests, accepted, refused
from tests.trp.rules.scene import END, Change, Scene, nameOf

#: In every version.
FIRST = (
    "OrigAddress",
    "UserUserInfo",
    "HighLevelComp",
    "LowLevelComp",
    "DevSpecific",
)
#: Later versions'.
LATER = (
    "TargetAddress",
    "SendingFlowspec",
    "ReceivingFlowspec",
    "DeviceClass",
    "DeviceConfig",
    "CallData",
    "CallingPartyID",
)
#: Those whose end is checked above 2.0 only.
BOUNDED_LATER = ("DisplayableAddress", "CalledParty", "Comment")


def params(**members: int) -> dict[str, Any]:
    """Members of the struct, with nothing behind it."""
    changed = {f"LINECALLPARAMS.{name}": value for name, value in members.items()}
    return {"tail": b"", "members": changed}


def part(name: str, size: int, offset: int) -> dict[str, Any]:
    """The size and offset of a variable part."""
    return params(**{f"dw{name}Size": size, f"dw{name}Offset": offset})


def layout(name: str) -> tuple[Row, ...]:
    """Say that an offset is not aligned, or does not lie within."""
    rule, code = "LINECALLPARAMS.5", LINEERR_INVALCALLPARAMS
    return (
        accepted(rule, f"dw{name}Offset 176", **part(name, 0, 176)),
        refused(rule, f"dw{name}Offset 1", code, **part(name, 0, 1)),
        refused(rule, f"dw{name}Offset 2", code, **part(name, 0, 2)),
        refused(rule, f"dw{name}Offset 180", code, **part(name, 0, 180)),
        refused(rule, f"dw{name}Offset 0xFFFFFFFC", code, **part(name, 0, 0xFFFFFFFC)),
    )


def end(rule: str, name: str) -> tuple[Row, ...]:
    """Say that the sum of size and offset does not lie within."""
    code = LINEERR_INVALCALLPARAMS
    return (
        accepted(rule, f"dw{name} up to the end", **part(name, 4, 176)),
        refused(rule, f"dw{name} an octet more", code, **part(name, 5, 176)),
        refused(rule, f"dw{name} with the largest size", code, **part(name, 0xFFFFFFFF, 176)),
    )


class OpenSingleAddress(RuleTests):
    """2.2.4.1.1.5 with LINEOPENOPTION_SINGLEADDRESS, and 2.2.6.20"""

    rows = (
        refused("54.5", "an offset of 1", LINEERR_INVALPARAM, moved=1, pCallParams=1),
        refused("54.5", "an offset of 2", LINEERR_INVALPARAM, moved=2, pCallParams=2),
        accepted("54.5", "an offset of 4", moved=4, pCallParams=4),
        refused("54.5", "outside", LINEERR_INVALPARAM, pCallParams=END),
        refused("54.5", "far outside", LINEERR_INVALPARAM, pCallParams=0xFFFFFFFC),
        refused("54.5", "TAPI_NO_DATA", LINEERR_INVALPARAM, pCallParams=0xFFFFFFFF),
        accepted("54.5", "TAPI_NO_DATA without the option", pCallParams=0xFFFFFFFF,
                 dwPrivileges=LINECALLPRIVILEGE_MONITOR),
        refused("54.5", "its end outside", LINEERR_INVALPARAM, **params(dwTotalSize=181)),
        refused("54.6", "by a dialable address", LINEERR_INVALADDRESSMODE,
                **params(dwAddressMode=LINEADDRESSMODE_DIALABLEADDR)),
        refused("54.6", "by nothing", LINEERR_INVALADDRESSMODE, **params(dwAddressMode=0)),
        accepted("54.9", "the last address", **params(dwAddressID=1)),
        refused("54.9", "the first beyond", LINEERR_INVALADDRESSID, **params(dwAddressID=2)),
        # Each of the seven once more, as what makes Open's struct invalid.
        refused("54.10", "its size", LINEERR_STRUCTURETOOSMALL, **params(dwTotalSize=179)),
        refused("54.10", "its bearer mode", LINEERR_INVALBEARERMODE, **params(dwBearerMode=0x100)),
        refused("54.10", "its bearer modes", LINEERR_INVALBEARERMODE,
                dwNegotiatedVersion=TAPI_2_0, **params(dwBearerMode=3)),
        refused("54.10", "its media mode", LINEERR_INVALCALLPARAMS, **params(dwMediaMode=1)),
        refused("54.10", "an offset in it", LINEERR_INVALCALLPARAMS, **part("CallData", 0, 2)),
        refused("54.10", "a sum in it", LINEERR_INVALCALLPARAMS, **part("CallData", 5, 176)),
        refused("54.10", "a later sum in it", LINEERR_INVALCALLPARAMS, **part("Comment", 5, 176)),
        accepted("54.10", "nothing is looked at without the option",
                 dwPrivileges=LINECALLPRIVILEGE_MONITOR, **params(dwTotalSize=0)),
        # 180 octets since 3.0, 168 since 2.0, 112 before.
        refused("LINECALLPARAMS.1", "179 octets", LINEERR_STRUCTURETOOSMALL,
                **params(dwTotalSize=179)),
        refused("LINECALLPARAMS.1", "no octets", LINEERR_STRUCTURETOOSMALL,
                **params(dwTotalSize=0)),
        accepted("LINECALLPARAMS.1", "168 octets for 2.1",
                 dwNegotiatedVersion=TAPI_2_1, **params(dwTotalSize=168)),
        refused("LINECALLPARAMS.1", "167 octets for 2.1", LINEERR_STRUCTURETOOSMALL,
                dwNegotiatedVersion=TAPI_2_1, **params(dwTotalSize=167)),
        accepted("LINECALLPARAMS.1", "112 octets for 1.4",
                 dwNegotiatedVersion=TAPI_1_4, **params(dwTotalSize=112)),
        refused("LINECALLPARAMS.1", "111 octets for 1.4", LINEERR_STRUCTURETOOSMALL,
                dwNegotiatedVersion=TAPI_1_4, **params(dwTotalSize=111)),
        accepted("LINECALLPARAMS.2", "the last mode", **params(dwBearerMode=0x80)),
        accepted("LINECALLPARAMS.2", "a mode of the device", **params(dwBearerMode=0x80000000)),
        refused("LINECALLPARAMS.2", "the first above", LINEERR_INVALBEARERMODE,
                **params(dwBearerMode=0x100)),
        refused("LINECALLPARAMS.2", "the last below those of the device", LINEERR_INVALBEARERMODE,
                **params(dwBearerMode=0x8000)),
        accepted("LINECALLPARAMS.3", "two modes for 2.1", dwNegotiatedVersion=TAPI_2_1,
                 **params(dwBearerMode=LINEBEARERMODE_VOICE | LINEBEARERMODE_DATA)),
        accepted("LINECALLPARAMS.3", "one mode for 2.0", dwNegotiatedVersion=TAPI_2_0,
                 **params(dwBearerMode=LINEBEARERMODE_DATA)),
        refused("LINECALLPARAMS.3", "two modes for 2.0", LINEERR_INVALBEARERMODE,
                dwNegotiatedVersion=TAPI_2_0,
                **params(dwBearerMode=LINEBEARERMODE_VOICE | LINEBEARERMODE_DATA)),
        refused("LINECALLPARAMS.3", "two modes for 1.4", LINEERR_INVALBEARERMODE,
                dwNegotiatedVersion=TAPI_1_4,
                **params(dwBearerMode=LINEBEARERMODE_VOICE | LINEBEARERMODE_SPEECH)),
        accepted("LINECALLPARAMS.4", "the last media mode", **params(dwMediaMode=0x8000)),
        refused("LINECALLPARAMS.4", "dwMediaMode below", LINEERR_INVALCALLPARAMS,
                **params(dwMediaMode=1)),
        refused("LINECALLPARAMS.4", "dwMediaMode above", LINEERR_INVALCALLPARAMS,
                **params(dwMediaMode=0x10000)),
        accepted("LINECALLPARAMS.4", "all flags", **params(dwCallParamFlags=0xFF)),
        refused("LINECALLPARAMS.4", "dwCallParamFlags", LINEERR_INVALCALLPARAMS,
                **params(dwCallParamFlags=0x100)),
        refused("LINECALLPARAMS.4", "dwAddressMode above", LINEERR_INVALCALLPARAMS,
                **params(dwAddressMode=4)),
        refused("LINECALLPARAMS.4", "dwAddressMode both", LINEERR_INVALCALLPARAMS,
                **params(dwAddressMode=3)),
        accepted("LINECALLPARAMS.4", "all call states",
                 **params(dwPredictiveAutoTransferStates=0xFFFF)),
        refused("LINECALLPARAMS.4", "dwPredictiveAutoTransferStates", LINEERR_INVALCALLPARAMS,
                **params(dwPredictiveAutoTransferStates=0x10000)),
        accepted("LINECALLPARAMS.4", "the last address type", **params(dwAddressType=0x10)),
        refused("LINECALLPARAMS.4", "dwAddressType above", LINEERR_INVALCALLPARAMS,
                **params(dwAddressType=0x20)),
        refused("LINECALLPARAMS.4", "dwAddressType two", LINEERR_INVALCALLPARAMS,
                **params(dwAddressType=3)),
        *(row for name in FIRST + LATER + BOUNDED_LATER for row in layout(name)),
        *(row for name in FIRST + LATER for row in end("LINECALLPARAMS.6", name)),
        *(row for name in BOUNDED_LATER for row in end("LINECALLPARAMS.7", name)),
        *(
            accepted("LINECALLPARAMS.7", f"dw{name} an octet more for 2.0",
                     dwNegotiatedVersion=TAPI_2_0, **part(name, 5, 176))
            for name in BOUNDED_LATER
        ),
    )  # fmt: skip

    def request(self, scene: Scene) -> line.Open:
        return line.Open(
            hLineApp=scene.hLineApp,
            dwNegotiatedVersion=TAPI_3_1,
            dwPrivileges=LINECALLPRIVILEGE_MONITOR | LINEOPENOPTION_SINGLEADDRESS,
            pCallParams=LINECALLPARAMS(
                dwBearerMode=LINEBEARERMODE_VOICE,
                dwMediaMode=LINEMEDIAMODE_INTERACTIVEVOICE,
                dwAddressMode=LINEADDRESSMODE_ADDRESSID,
            ),
        )


class OpenProxy(RuleTests):
    """
    2.2.4.1.1.5 with LINEOPENOPTION_PROXY, which has its checks and is then refused (decision 10):
    what shows that they are passed is LINEERR_OPERATIONUNAVAIL.
    """

    base = nameOf(LINEERR_OPERATIONUNAVAIL)
    rows = (
        refused("54.5", "an offset of 2 of a proxy", LINEERR_INVALPARAM, moved=2, pCallParams=2),
        refused("54.5", "outside for a proxy", LINEERR_INVALPARAM, pCallParams=END),
        refused("54.6", "a proxy need not name an address", LINEERR_OPERATIONUNAVAIL,
                **params(dwAddressMode=LINEADDRESSMODE_DIALABLEADDR)),
        refused("54.9", "a proxy's address does not matter", LINEERR_OPERATIONUNAVAIL,
                **params(dwAddressID=2)),
        refused("54.10", "a proxy's bearer mode", LINEERR_INVALBEARERMODE,
                **params(dwBearerMode=0x100)),
        refused("54.10", "a proxy's offset", LINEERR_INVALCALLPARAMS, **part("CallData", 0, 2)),
    )  # fmt: skip

    def request(self, scene: Scene) -> line.Open:
        return line.Open(
            hLineApp=scene.hLineApp,
            dwNegotiatedVersion=TAPI_3_1,
            dwPrivileges=LINECALLPRIVILEGE_MONITOR | LINEOPENOPTION_PROXY,
            pCallParams=LINECALLPARAMS(dwBearerMode=LINEBEARERMODE_VOICE),
        )

    def test_rule_54_11__a_proxy_opens_nothing(self) -> None:
        """54.11: with LINEOPENOPTION_PROXY no handle is made, and no handler registered."""
        scene = Scene()
        octets, needed = scene.compose(self.request(scene), Change())
        answer = scene.app.raw(octets, needed)
        self.assertEqual(answer, LINEERR_OPERATIONUNAVAIL.to_bytes(4, "little") + octets[4:])
        (client,) = scene.harness.server.status()["clients"]
        self.assertEqual(client["lines"], ["Sales"])
