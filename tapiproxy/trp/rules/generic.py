"""
Rules of the requests that are of neither lines nor phones.  [MS-TRP] 2.2.4.1.8
"""

from typing import Any

from tapiproxy.tapi.extensionids import LINEEXTENSIONID, PHONEEXTENSIONID
from tapiproxy.tapi.lineerr import (
    LINEERR_INCOMPATIBLEAPIVERSION,
    LINEERR_INVALAPPHANDLE,
    LINEERR_INVALPARAM,
    LINEERR_STRUCTURETOOSMALL,
)
from tapiproxy.trp.rules.predicates import aboveRoom, noApp, unknownVersion
from tapiproxy.trp.rules.rule import PacketRules, Predicate, check, packet
from tapiproxy.wire.structs import fixedSize

__all__ = ["CALL", "LINE", "LINEAPP", "PHONE", "PHONEAPP", "RULES", "WHOLE"]

# 2.2.4.1.8.3, dwObjType
WHOLE = 0
LINEAPP = 1
LINE = 2
CALL = 3
PHONEAPP = 4
PHONE = 5

_VERSION = 4


def listsAboveRoom(message: Any, client: Any, room: int) -> bool:
    """VarData has no room for the four lists."""
    sizes = (
        message.dwLineAPIVersionListOffset,
        message.dwLineExtensionIDListOffset,
        message.dwPhoneAPIVersionListOffset,
        message.dwPhoneExtensionIDListOffset,
    )
    return bool(sum(sizes) > room)


def badCounts(message: Any, client: Any, room: int) -> bool:
    """More devices are named than there are."""
    app = client.apps.get(message.hLineApp)
    return app is not None and (
        message.dwNumLineDevices > len(app.devices) or message.dwNumPhoneDevices > 0
    )


def listOf(size: str, count: str, each: int) -> Predicate:
    """Ask whether a list's size is not that of so many entries."""

    def wrongSize(message: Any, client: Any, room: int) -> bool:
        return bool(getattr(message, size) != each * getattr(message, count))

    wrongSize.__name__ = f"{size} not of {count}"
    return wrongSize


def unknownObjectType(message: Any, client: Any, room: int) -> bool:
    """The type of object does not exist."""
    return message.dwObjType not in (WHOLE, LINEAPP, LINE, CALL, PHONEAPP, PHONE)


def noObject(message: Any, client: Any, room: int) -> bool:
    """There is no such object of its type; there are no calls and no phones."""
    tables = {LINEAPP: client.apps, LINE: client.lines, PHONEAPP: client.phoneApps}
    if message.dwObjType in (CALL, PHONE):
        return True
    table = tables.get(message.dwObjType)
    return table is not None and message.lObjectID not in table


def manyEvents(message: Any, client: Any, room: int) -> bool:
    """Sub-types are named, but not of exactly one event."""
    masks = message.ulEventMasksLo | message.ulEventMasksHi
    return bool(message.fSubMask) and (not masks or bool(masks & (masks - 1)))


RULES: tuple[PacketRules, ...] = (
    packet(
        0,
        "GetAsyncEvents",
        check(1, LINEERR_INVALPARAM, aboveRoom("dwTotalBufferSize"), size=True),
    ),
    packet(
        130,
        "NegotiateAPIVersionForAllDevices",
        check("hLineApp", LINEERR_INVALAPPHANDLE, noApp),
        check(2, LINEERR_INVALPARAM, badCounts),
        check(
            3,
            LINEERR_INVALPARAM,
            listOf("dwLineAPIVersionListOffset", "dwNumLineDevices", _VERSION),
            size=True,
        ),
        check(
            4,
            LINEERR_INVALPARAM,
            listOf("dwPhoneAPIVersionListOffset", "dwNumPhoneDevices", _VERSION),
            size=True,
        ),
        check(
            5,
            LINEERR_INVALPARAM,
            listOf("dwLineExtensionIDListOffset", "dwNumLineDevices", fixedSize(LINEEXTENSIONID)),
            size=True,
        ),
        check(
            6,
            LINEERR_INVALPARAM,
            listOf(
                "dwPhoneExtensionIDListOffset", "dwNumPhoneDevices", fixedSize(PHONEEXTENSIONID)
            ),
            size=True,
        ),
        check(1, LINEERR_STRUCTURETOOSMALL, listsAboveRoom, size=True),
        check(7, LINEERR_INCOMPATIBLEAPIVERSION, unknownVersion("dwAPIHighVersion")),
    ),
    packet(
        161,
        "RSPSetEventFilterMasks",
        check(1, LINEERR_INVALPARAM, unknownObjectType),
        check(2, LINEERR_INVALPARAM, noObject),
        check("fSubMask", LINEERR_INVALPARAM, manyEvents, note="2.2.4.1.8.3, fSubMask"),
    ),
)
