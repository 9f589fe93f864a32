"""
Rules of the requests about an open line that are answered at once.  [MS-TRP] 2.2.4.1.3
"""

from typing import Any

from tapiproxy.tapi.agentstructs import LINEPROXYREQUESTLIST
from tapiproxy.tapi.lineconstants import (
    LINEADDRESSMODE_DIALABLEADDR,
    LINEADDRESSSTATE,
    LINECALLSELECT,
    LINECALLSELECT_ADDRESS,
    LINECALLSELECT_CALL,
    LINECALLSELECT_CALLID,
    LINECALLSELECT_DEVICEID,
    LINECALLSELECT_LINE,
    LINEDEVSTATE,
)
from tapiproxy.tapi.lineerr import (
    LINEERR_BADDEVICEID,
    LINEERR_INCOMPATIBLEAPIVERSION,
    LINEERR_INVALADDRESSID,
    LINEERR_INVALADDRESSMODE,
    LINEERR_INVALADDRESSSTATE,
    LINEERR_INVALAPPHANDLE,
    LINEERR_INVALCALLHANDLE,
    LINEERR_INVALCALLSELECT,
    LINEERR_INVALLINEHANDLE,
    LINEERR_INVALLINESTATE,
    LINEERR_INVALPARAM,
    LINEERR_NODEVICE,
    LINEERR_STRUCTURETOOSMALL,
)
from tapiproxy.tapi.linestructs import LINEADDRESSSTATUS, LINEDEVSTATUS, VARSTRING
from tapiproxy.trp.rules.predicates import (
    aboveRoom,
    badAddress,
    badDevice,
    below,
    noApp,
    noLine,
    notIn,
    removedDevice,
    unknownVersion,
)
from tapiproxy.trp.rules.rule import ANY_PROBLEM, PacketRules, check, codec, packet
from tapiproxy.wire.errors import BEYOND, MISALIGNED, OUTSIDE

__all__ = ["RULES"]


def otherAddressMode(message: Any, client: Any, room: int) -> bool:
    """The address is not given as a dialable one."""
    return bool(message.dwAddressMode != LINEADDRESSMODE_DIALABLEADDR)


def noSelectedLine(message: Any, client: Any, room: int) -> bool:
    """What is selected is found by its line, which is not open."""
    return (
        message.dwSelect in (LINECALLSELECT_LINE, LINECALLSELECT_ADDRESS, LINECALLSELECT_DEVICEID)
        and message.hLine not in client.lines
    )


def selectedCall(message: Any, client: Any, room: int) -> bool:
    """A call is selected: no call handle is valid, since there are no calls."""
    return message.dwSelect in (LINECALLSELECT_CALL, LINECALLSELECT_CALLID)


def badSelectedDevice(message: Any, client: Any, room: int) -> bool:
    """A device is selected by an address that the line has not."""
    return bool(message.dwSelect == LINECALLSELECT_DEVICEID) and badAddress(message, client, room)


def badSelectedAddress(message: Any, client: Any, room: int) -> bool:
    """An address is selected that the line has not."""
    return bool(message.dwSelect == LINECALLSELECT_ADDRESS) and badAddress(message, client, room)


def unknownSelect(message: Any, client: Any, room: int) -> bool:
    """What is selected is not exactly one of the constants."""
    return not LINECALLSELECT.single(message.dwSelect)


RULES: tuple[PacketRules, ...] = (
    packet(
        22,
        "GetAddressID",
        codec(1, LINEERR_INVALPARAM, "lpsAddress", MISALIGNED, OUTSIDE),
        codec(2, LINEERR_INVALPARAM, "lpsAddress", BEYOND),
        check(3, LINEERR_INVALLINEHANDLE, noLine),
        check(4, LINEERR_INVALADDRESSMODE, otherAddressMode),
    ),
    packet(
        23,
        "GetAddressStatus",
        check(1, LINEERR_INVALLINEHANDLE, noLine),
        check("dwAddressID", LINEERR_INVALADDRESSID, badAddress),
        check(
            3,
            LINEERR_STRUCTURETOOSMALL,
            below("lpAddressStatus", LINEADDRESSSTATUS),
            size=True,
            note="printed as lpAddressCaps",
        ),
        check(
            2,
            LINEERR_INVALPARAM,
            aboveRoom("lpAddressStatus"),
            size=True,
            note="printed as lpAddressCaps",
        ),
    ),
    packet(
        37,
        "GetID",
        codec(3, LINEERR_INVALPARAM, "lpszDeviceClass", *ANY_PROBLEM),
        check(6, LINEERR_INVALCALLSELECT, unknownSelect),
        check("hCall", LINEERR_INVALCALLHANDLE, selectedCall, note="the half of 37.4 about hCall"),
        check(4, LINEERR_INVALLINEHANDLE, noSelectedLine),
        check(5, LINEERR_INVALADDRESSID, badSelectedDevice),
        check("dwAddressID", LINEERR_INVALADDRESSID, badSelectedAddress),
        check(1, LINEERR_STRUCTURETOOSMALL, below("lpDeviceID", VARSTRING), size=True),
        check(2, LINEERR_INVALPARAM, aboveRoom("lpDeviceID"), size=True),
    ),
    packet(
        38,
        "GetLineDevStatus",
        check(3, LINEERR_INVALLINEHANDLE, noLine),
        check(
            2,
            LINEERR_STRUCTURETOOSMALL,
            below("lpLineDevStatus", LINEDEVSTATUS, "hLine"),
            size=True,
        ),
        check(1, LINEERR_INVALPARAM, aboveRoom("lpLineDevStatus"), size=True),
    ),
    packet(40, "GetNumAddressIDs", check(1, LINEERR_INVALLINEHANDLE, noLine)),
    packet(
        158,
        "GetProxyStatus",
        check("hLineApp", LINEERR_INVALAPPHANDLE, noApp),
        check(1, LINEERR_BADDEVICEID, badDevice),
        check("dwDeviceID removed", LINEERR_NODEVICE, removedDevice, note="decision 14"),
        check(2, LINEERR_INCOMPATIBLEAPIVERSION, unknownVersion("dwAppAPIVersion")),
        check(
            4,
            LINEERR_STRUCTURETOOSMALL,
            below("lpLineProxyRequestList", LINEPROXYREQUESTLIST),
            size=True,
        ),
        check(3, LINEERR_INVALPARAM, aboveRoom("lpLineProxyRequestList"), size=True),
    ),
    packet(
        53,
        "NegotiateExtVersion",
        check(1, LINEERR_INVALAPPHANDLE, noApp),
        check(2, LINEERR_BADDEVICEID, badDevice),
        check("dwDeviceID removed", LINEERR_NODEVICE, removedDevice, note="decision 14"),
        check(3, LINEERR_INCOMPATIBLEAPIVERSION, unknownVersion("dwTSPIVersion")),
    ),
    packet(128, "SelectExtVersion", check(1, LINEERR_INVALLINEHANDLE, noLine)),
    packet(
        82,
        "SetStatusMessages",
        check(1, LINEERR_INVALLINEHANDLE, noLine),
        check(2, LINEERR_INVALLINESTATE, notIn("dwLineStates", LINEDEVSTATE)),
        check(3, LINEERR_INVALADDRESSSTATE, notIn("dwAddressStates", LINEADDRESSSTATE)),
    ),
)
