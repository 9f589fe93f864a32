"""Rules of the requests about an open line that are answered at once."""

from tapiproxy.tapi.lineconstants import (
    LINEADDRESSMODE_ADDRESSID,
    LINEADDRESSMODE_DIALABLEADDR,
    LINECALLSELECT_ADDRESS,
    LINECALLSELECT_CALL,
    LINECALLSELECT_CALLID,
    LINECALLSELECT_DEVICEID,
    LINECALLSELECT_LINE,
)
from tapiproxy.tapi.lineerr import (
    LINEERR_INCOMPATIBLEAPIVERSION,
    LINEERR_INVALADDRESSID,
    LINEERR_INVALADDRESSMODE,
    LINEERR_INVALADDRESSSTATE,
    LINEERR_INVALCALLHANDLE,
    LINEERR_INVALCALLSELECT,
    LINEERR_INVALLINEHANDLE,
    LINEERR_INVALLINESTATE,
    LINEERR_INVALPARAM,
    LINEERR_STRUCTURETOOSMALL,
)
from tapiproxy.tapi.versions import TAPI_1_4, TAPI_2_0, TAPI_3_1
from tapiproxy.trp.requests import agent, line
from tests.trp.rules.patterns import (
    atLeast,
    blocks,
    fits,
    given,
    noAddress,
    noApp,
    noDevice,
    noLine,
    removedDevice,
    strings,
    version,
)
from tests.trp.rules.rows import RuleTests, accepted, refused
from tests.trp.rules.scene import NOBODYS, Scene, opened

_ADDRESS = "1000\0".encode("utf-16-le")


class GetAddressID(RuleTests):
    """2.2.4.1.3.20"""

    rows = (
        *blocks("22.1", "22.2", "lpsAddress", "dwSize", _ADDRESS, LINEERR_INVALPARAM),
        *noLine("22.3"),
        refused("22.4", "by its identifier", LINEERR_INVALADDRESSMODE,
                dwAddressMode=LINEADDRESSMODE_ADDRESSID),
        refused("22.4", "by both", LINEERR_INVALADDRESSMODE, dwAddressMode=3),
        refused("22.4", "by none", LINEERR_INVALADDRESSMODE, dwAddressMode=0),
    )  # fmt: skip

    def request(self, scene: Scene) -> line.GetAddressID:
        return line.GetAddressID(
            hLine=scene.hLine, dwAddressMode=LINEADDRESSMODE_DIALABLEADDR, lpsAddress="1000"
        )


class GetAddressStatus(RuleTests):
    """2.2.4.1.3.21; its rules call lpAddressStatus lpAddressCaps"""

    rows = (
        *noLine("23.1"),
        *noAddress("23.dwAddressID"),
        *fits("23.2", 1024, LINEERR_INVALPARAM),
        *atLeast("23.3", "lpAddressStatus", 64, LINEERR_STRUCTURETOOSMALL),
    )

    def request(self, scene: Scene) -> line.GetAddressStatus:
        return line.GetAddressStatus(hLine=scene.hLine, lpAddressStatus=1024)


class GetID(RuleTests):
    """2.2.4.1.3.35"""

    rows = (
        *atLeast("37.1", "lpDeviceID", 24, LINEERR_STRUCTURETOOSMALL),
        *fits("37.2", 1024, LINEERR_INVALPARAM),
        *(row for row in strings("37.3", "37.3", "37.3", "lpszDeviceClass", LINEERR_INVALPARAM)
          if row.answer != "accepted"),
        given("37.3", "lpszDeviceClass", LINEERR_INVALPARAM),
        *noLine("37.4"),
        refused("37.4", "nobody's HLINE for an address", LINEERR_INVALLINEHANDLE,
                hLine=NOBODYS, dwSelect=LINECALLSELECT_ADDRESS),
        refused("37.4", "nobody's HLINE for a device", LINEERR_INVALLINEHANDLE,
                hLine=NOBODYS, dwSelect=LINECALLSELECT_DEVICEID),
        refused("37.hCall", "a call, of which there are none", LINEERR_INVALCALLHANDLE,
                dwSelect=LINECALLSELECT_CALL),
        refused("37.hCall", "a call by its identifier", LINEERR_INVALCALLHANDLE,
                dwSelect=LINECALLSELECT_CALLID),
        accepted("37.5", "no address is looked at for a line", dwAddressID=2),
        accepted("37.5", "the last address", dwSelect=LINECALLSELECT_DEVICEID, dwAddressID=1),
        refused("37.5", "the first beyond", LINEERR_INVALADDRESSID,
                dwSelect=LINECALLSELECT_DEVICEID, dwAddressID=2),
        accepted("37.dwAddressID", "the last", dwSelect=LINECALLSELECT_ADDRESS, dwAddressID=1),
        refused("37.dwAddressID", "the first beyond", LINEERR_INVALADDRESSID,
                dwSelect=LINECALLSELECT_ADDRESS, dwAddressID=2),
        refused("37.6", "nothing", LINEERR_INVALCALLSELECT, dwSelect=0),
        refused("37.6", "two at once", LINEERR_INVALCALLSELECT, dwSelect=3),
        refused("37.6", "the first bit above", LINEERR_INVALCALLSELECT, dwSelect=0x20),
    )  # fmt: skip

    def request(self, scene: Scene) -> line.GetID:
        return line.GetID(
            hLine=scene.hLine,
            dwSelect=LINECALLSELECT_LINE,
            lpDeviceID=1024,
            lpszDeviceClass="tapi/line",
        )


class GetLineDevStatus(RuleTests):
    """2.2.4.1.3.36"""

    rows = (
        *fits("38.1", 1024, LINEERR_INVALPARAM),
        *atLeast("38.2", "lpLineDevStatus", 88, LINEERR_STRUCTURETOOSMALL),
        *atLeast("38.2", "lpLineDevStatus", 88, LINEERR_STRUCTURETOOSMALL, hLine=opened(TAPI_2_0)),
        *atLeast("38.2", "lpLineDevStatus", 76, LINEERR_STRUCTURETOOSMALL, hLine=opened(TAPI_1_4)),
        *noLine("38.3"),
    )

    def request(self, scene: Scene) -> line.GetLineDevStatus:
        return line.GetLineDevStatus(hLine=scene.hLine, lpLineDevStatus=1024)


class GetNumAddressIDs(RuleTests):
    """2.2.4.1.3.38"""

    rows = noLine("40.1")

    def request(self, scene: Scene) -> line.GetNumAddressIDs:
        return line.GetNumAddressIDs(hLine=scene.hLine)


class GetProxyStatus(RuleTests):
    """2.2.4.1.3.39; its table is exhaustive, without STRUCTURETOOSMALL, INVALAPPHANDLE, NODEVICE"""

    rows = (
        *noDevice("158.1"),
        removedDevice(158, LINEERR_INVALPARAM),
        *version("158.2", "dwAppAPIVersion", LINEERR_INCOMPATIBLEAPIVERSION),
        *fits("158.3", 1024, LINEERR_INVALPARAM),
        *atLeast("158.4", "lpLineProxyRequestList", 24, LINEERR_INVALPARAM),
        *noApp("158.hLineApp", LINEERR_INVALPARAM),
    )

    def request(self, scene: Scene) -> agent.GetProxyStatus:
        return agent.GetProxyStatus(
            hLineApp=scene.hLineApp, dwAppAPIVersion=TAPI_3_1, lpLineProxyRequestList=1024
        )


class NegotiateExtVersion(RuleTests):
    """2.2.4.1.3.47"""

    rows = (
        *noApp("53.1"),
        *noDevice("53.2"),
        removedDevice(53),
        *version("53.3", "dwTSPIVersion", LINEERR_INCOMPATIBLEAPIVERSION),
    )

    def request(self, scene: Scene) -> line.NegotiateExtVersion:
        return line.NegotiateExtVersion(hLineApp=scene.hLineApp, dwTSPIVersion=TAPI_3_1)


class SelectExtVersion(RuleTests):
    """2.2.4.1.3.55"""

    rows = noLine("128.1")

    def request(self, scene: Scene) -> line.SelectExtVersion:
        return line.SelectExtVersion(hLine=scene.hLine)


class SetStatusMessages(RuleTests):
    """2.2.4.1.3.75"""

    rows = (
        *noLine("82.1"),
        accepted("82.2", "all that there are", dwLineStates=0x01BFFFFF),
        refused("82.2", "the one that there is not", LINEERR_INVALLINESTATE,
                dwLineStates=0x00400000),
        refused("82.2", "the first above", LINEERR_INVALLINESTATE, dwLineStates=0x02000000),
        accepted("82.3", "all that there are", dwAddressStates=0x1FF),
        refused("82.3", "the first above", LINEERR_INVALADDRESSSTATE, dwAddressStates=0x200),
    )  # fmt: skip

    def request(self, scene: Scene) -> line.SetStatusMessages:
        return line.SetStatusMessages(hLine=scene.hLine)
