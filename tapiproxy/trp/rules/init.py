"""
Rules of the packets that create and end a session for line devices.  [MS-TRP] 2.2.4.1.1, 2.2.4.1.2
"""

from typing import Any

from tapiproxy.tapi.extensionids import LINEEXTENSIONID
from tapiproxy.tapi.lineconstants import (
    LINEADDRESSMODE_ADDRESSID,
    LINECALLPRIVILEGE,
    LINECALLPRIVILEGE_NONE,
    LINECALLPRIVILEGE_OWNER,
    LINEOPENOPTION,
    LINEOPENOPTION_SINGLEADDRESS,
)
from tapiproxy.tapi.lineerr import (
    LINEERR_BADDEVICEID,
    LINEERR_INCOMPATIBLEAPIVERSION,
    LINEERR_INCOMPATIBLEEXTVERSION,
    LINEERR_INVALADDRESSID,
    LINEERR_INVALADDRESSMODE,
    LINEERR_INVALAPPHANDLE,
    LINEERR_INVALLINEHANDLE,
    LINEERR_INVALMEDIAMODE,
    LINEERR_INVALPARAM,
    LINEERR_INVALPRIVSELECT,
    LINEERR_NODEVICE,
    LINEERR_STRUCTURETOOSMALL,
)
from tapiproxy.tapi.linestructs import LINEADDRESSCAPS, LINEDEVCAPS
from tapiproxy.tapi.versions import VALID_VERSIONS
from tapiproxy.trp.rules import callparams
from tapiproxy.trp.rules.predicates import (
    aboveRoom,
    badAddressOfDevice,
    badDevice,
    below,
    noApp,
    noLine,
    nonZero,
    removedDevice,
    roomBelow,
    unknownVersion,
)
from tapiproxy.trp.rules.rule import PacketRules, Rule, check, codec, effect, packet
from tapiproxy.wire.errors import (
    BADTEXT,
    BEYOND,
    MISALIGNED,
    OUTSIDE,
    TOOLONG,
    TOOSMALL,
    UNTERMINATED,
)

__all__ = ["RULES", "string"]


def string(first: int, field: str, code: int) -> tuple[Any, ...]:
    """Declare the three rules of a string: aligned, within VarData, terminated."""
    return (
        codec(first, code, field, MISALIGNED),
        codec(first + 1, code, field, OUTSIDE, BEYOND),
        codec(first + 2, code, field, UNTERMINATED, TOOLONG, BADTEXT),
    )


def backwards(message: Any, client: Any, room: int) -> bool:
    """The earliest version is later than the latest one."""
    return bool(message.dwVersion > message.dwVersionCurrent)


def noVersionBetween(message: Any, client: Any, room: int) -> bool:
    """None of the versions lies between the two, whichever is the later."""
    low, high = sorted((message.dwVersion, message.dwVersionCurrent))
    return not any(low <= version <= high for version in VALID_VERSIONS)


def badPrivileges(message: Any, client: Any, room: int) -> bool:
    """No privilege is named, or none and some."""
    privileges = message.dwPrivileges & LINECALLPRIVILEGE.mask
    return not privileges or (
        bool(privileges & LINECALLPRIVILEGE_NONE) and privileges != LINECALLPRIVILEGE_NONE
    )


def unknownPrivileges(message: Any, client: Any, room: int) -> bool:
    """A bit is set that is neither a privilege nor an option."""
    return bool(message.dwPrivileges & ~(LINECALLPRIVILEGE.mask | LINEOPENOPTION.mask))


def notByAddressID(message: Any, client: Any, room: int) -> bool:
    """A single address is asked for, but not by its identifier."""
    return (
        bool(message.dwPrivileges & LINEOPENOPTION_SINGLEADDRESS)
        and message.pCallParams is not None
        and message.pCallParams.dwAddressMode != LINEADDRESSMODE_ADDRESSID
    )


def badSingleAddress(message: Any, client: Any, room: int) -> bool:
    """The single address asked for does not exist."""
    line = client.device(message)
    return (
        bool(message.dwPrivileges & LINEOPENOPTION_SINGLEADDRESS)
        and message.pCallParams is not None
        and line is not None
        and message.pCallParams.dwAddressID >= len(line.addresses)
    )


def badMediaModes(message: Any, client: Any, room: int) -> bool:
    """An owner names no media mode, or one that the line has not."""
    line = client.device(message)
    if line is None or not message.dwPrivileges & LINECALLPRIVILEGE_OWNER:
        return False
    modes = message.dwMediaModes
    return not modes or bool(modes & ~client.mediaModes(line))


RULES: tuple[PacketRules, ...] = (
    packet(
        47,
        "Initialize",
        *string(1, "dwFriendlyNameOffset", LINEERR_INVALPARAM),
        *string(4, "dwModuleNameOffset", LINEERR_INVALPARAM),
        effect(7, "tapiproxy.trp.actions.init.initialize"),
    ),
    packet(
        52,
        "NegotiateAPIVersion",
        check(1, LINEERR_STRUCTURETOOSMALL, roomBelow(LINEEXTENSIONID), size=True),
        check(3, LINEERR_INVALAPPHANDLE, noApp),
        check(2, LINEERR_BADDEVICEID, badDevice),
        check("dwDeviceID removed", LINEERR_NODEVICE, removedDevice, note="decision 14"),
        check(4, LINEERR_INCOMPATIBLEAPIVERSION, backwards),
        check(
            5,
            LINEERR_INCOMPATIBLEAPIVERSION,
            noVersionBetween,
            note="read as: between the two, whichever is later, so that rule 4 is seen alone",
        ),
    ),
    packet(
        34,
        "GetDevCaps",
        check(6, LINEERR_INVALAPPHANDLE, noApp),
        check(3, LINEERR_BADDEVICEID, badDevice),
        check("dwDeviceID removed", LINEERR_NODEVICE, removedDevice, note="decision 14"),
        check(4, LINEERR_INCOMPATIBLEAPIVERSION, unknownVersion("dwTSPIVersion")),
        check(5, LINEERR_INCOMPATIBLEEXTVERSION, nonZero("dwExtVersion")),
        check(
            2,
            LINEERR_STRUCTURETOOSMALL,
            below("lpLineDevCaps", LINEDEVCAPS, "dwTSPIVersion"),
            size=True,
        ),
        check(1, LINEERR_INVALPARAM, aboveRoom("lpLineDevCaps"), size=True),
    ),
    packet(
        21,
        "GetAddressCaps",
        check(1, LINEERR_INVALAPPHANDLE, noApp),
        check(5, LINEERR_BADDEVICEID, badDevice),
        check("dwDeviceID removed", LINEERR_NODEVICE, removedDevice, note="decision 14"),
        check("dwAddressID", LINEERR_INVALADDRESSID, badAddressOfDevice),
        check(6, LINEERR_INCOMPATIBLEAPIVERSION, unknownVersion("dwTSPIVersion")),
        check(7, LINEERR_INCOMPATIBLEEXTVERSION, nonZero("dwExtVersion")),
        # Whatever breaks rule 4 breaks 2 or 3 too: it stands first, so that its code shows.
        check(4, LINEERR_STRUCTURETOOSMALL, roomBelow(LINEADDRESSCAPS, "dwTSPIVersion"), size=True),
        check(
            3,
            LINEERR_STRUCTURETOOSMALL,
            below("lpAddressCaps", LINEADDRESSCAPS, "dwTSPIVersion"),
            size=True,
        ),
        check(2, LINEERR_INVALPARAM, aboveRoom("lpAddressCaps"), size=True),
    ),
    packet(
        54,
        "Open",
        codec(5, LINEERR_INVALPARAM, "pCallParams", MISALIGNED, OUTSIDE, TOOSMALL),
        check(1, LINEERR_INVALAPPHANDLE, noApp),
        check("dwDeviceID", LINEERR_BADDEVICEID, badDevice),
        check("dwDeviceID removed", LINEERR_NODEVICE, removedDevice, note="decision 14"),
        check(2, LINEERR_INCOMPATIBLEAPIVERSION, unknownVersion("dwNegotiatedVersion")),
        check(3, LINEERR_INVALPRIVSELECT, badPrivileges),
        check(4, LINEERR_INVALPRIVSELECT, unknownPrivileges),
        check(8, LINEERR_INCOMPATIBLEEXTVERSION, nonZero("dwExtVersion")),
        check(
            7,
            LINEERR_INVALMEDIAMODE,
            badMediaModes,
            note="LINEOPENOPTION_OWNER, which does not exist, is LINECALLPRIVILEGE_OWNER",
        ),
        *callparams.OF_OPEN,
        check(6, LINEERR_INVALADDRESSMODE, notByAddressID),
        check(9, LINEERR_INVALADDRESSID, badSingleAddress),
        lambda Req_Func, packet: Rule(
            id="54.10", sameAs="LINECALLPARAMS.2", note="holds by LINECALLPARAMS.1 to .7"
        ),
        effect(
            11,
            "tapiproxy.trp.actions.init.open",
            "LINEOPENOPTION_PROXY passes its checks and then fails with LINEERR_OPERATIONUNAVAIL: "
            "the protocol gives a remote handler no way to answer",
        ),
    ),
    packet(
        9,
        "Close",
        check(1, LINEERR_INVALLINEHANDLE, noLine),
        effect(2, "tapiproxy.trp.actions.init.close"),
    ),
    packet(
        86,
        "ShutDown",
        check(1, LINEERR_INVALAPPHANDLE, noApp),
        effect(2, "tapiproxy.trp.actions.init.shutDown"),
    ),
)
