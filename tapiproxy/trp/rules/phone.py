"""
Rules of the requests about phone devices.  [MS-TRP] 2.2.4.1.4, 2.2.4.1.5

There are no phones: every device identifier is wrong.  The packets' action says so, which comes
after all checks, so that each other rule is seen by its own code.
"""

from typing import Any

from tapiproxy.tapi.extensionids import PHONEEXTENSIONID
from tapiproxy.tapi.phoneconstants import PHONEPRIVILEGE
from tapiproxy.tapi.phoneerr import (
    PHONEERR_BADDEVICEID,
    PHONEERR_INCOMPATIBLEAPIVERSION,
    PHONEERR_INCOMPATIBLEEXTVERSION,
    PHONEERR_INVALAPPHANDLE,
    PHONEERR_INVALPARAM,
    PHONEERR_INVALPRIVILEGE,
    PHONEERR_STRUCTURETOOSMALL,
)
from tapiproxy.tapi.phonestructs import PHONECAPS
from tapiproxy.trp.rules.init import backwards, noVersionBetween, string
from tapiproxy.trp.rules.predicates import nonZero, roomBelow, unknownVersion
from tapiproxy.trp.rules.rule import PacketRules, check, effect, packet

__all__ = ["RULES"]

_NO_DEVICE = "tapiproxy.trp.actions.phone.noDevice"


def noPhoneApp(message: Any, client: Any, room: int) -> bool:
    """The HPHONEAPP is none of this client's."""
    return message.hPhoneApp not in client.phoneApps


def badPrivilege(message: Any, client: Any, room: int) -> bool:
    """The privilege is neither MONITOR nor OWNER."""
    return not PHONEPRIVILEGE.single(message.dwPrivilege)


RULES: tuple[PacketRules, ...] = (
    packet(
        106,
        "Initialize",
        *string(1, "dwFriendlyNameOffset", PHONEERR_INVALPARAM),
        *string(4, "dwModuleNameOffset", PHONEERR_INVALPARAM),
        effect(7, "tapiproxy.trp.actions.phone.initialize"),
    ),
    packet(
        108,
        "NegotiateAPIVersion",
        check(1, PHONEERR_STRUCTURETOOSMALL, roomBelow(PHONEEXTENSIONID), size=True),
        check(3, PHONEERR_INVALAPPHANDLE, noPhoneApp),
        check(4, PHONEERR_INCOMPATIBLEAPIVERSION, backwards),
        check(5, PHONEERR_INCOMPATIBLEAPIVERSION, noVersionBetween),
        effect(2, _NO_DEVICE, code=PHONEERR_BADDEVICEID),
    ),
    packet(
        95,
        "GetDevCaps",
        check("hPhoneApp", PHONEERR_INVALAPPHANDLE, noPhoneApp),
        check(1, PHONEERR_STRUCTURETOOSMALL, roomBelow(PHONECAPS, "dwTSPIVersion"), size=True),
        check(2, PHONEERR_INCOMPATIBLEEXTVERSION, nonZero("dwExtVersion")),
        effect(3, _NO_DEVICE, code=PHONEERR_BADDEVICEID),
    ),
    packet(
        107,
        "Open",
        check(1, PHONEERR_INVALAPPHANDLE, noPhoneApp),
        check(2, PHONEERR_INVALPRIVILEGE, badPrivilege),
        check(3, PHONEERR_INCOMPATIBLEAPIVERSION, unknownVersion("dwNegotiatedVersion")),
        check(4, PHONEERR_INCOMPATIBLEEXTVERSION, nonZero("dwExtVersion")),
        effect("dwDeviceID", _NO_DEVICE, code=PHONEERR_BADDEVICEID),
        effect(5, _NO_DEVICE, "no phone can be opened while there is none"),
    ),
    packet(
        119,
        "ShutDown",
        check(1, PHONEERR_INVALAPPHANDLE, noPhoneApp),
        effect(2, "tapiproxy.trp.actions.phone.shutDown"),
    ),
)
