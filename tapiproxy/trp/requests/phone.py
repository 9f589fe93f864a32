"""
Requests about phone devices, those that clients send before they know of any.  [MS-TRP] 2.2.4.1.4
"""

from tapiproxy.tapi.handles import HPHONEAPP
from tapiproxy.tapi.phoneconstants import PHONEPRIVILEGE
from tapiproxy.tapi.phonestructs import PHONECAPS
from tapiproxy.trp.templates import NOW, Request, request
from tapiproxy.wire.layout import (
    choice,
    deviceID,
    dword,
    echoed,
    handle,
    out,
    returned,
    room,
    wideString,
)


@request(106, replies=NOW)
class Initialize(Request):
    """Begin to use phones.  [MS-TRP] 2.2.4.1.4.1"""

    hPhoneApp: int = out()
    hInstance: int = dword()
    InitContext: int = echoed()
    dwFriendlyNameOffset: str | None = wideString()
    dwNumDevs: int = out()
    dwModuleNameOffset: str | None = wideString()
    dwAPIVersion: int = dword()


@request(108, replies=NOW)
class NegotiateAPIVersion(Request):
    """
    Agree on a TAPI version for a device.  [MS-TRP] 2.2.4.1.4.2

    The reply's ExtensionID holds the octets of a PHONEEXTENSIONID.
    """

    hPhoneApp: int = handle(HPHONEAPP)
    dwDeviceIDLocal: int = deviceID()
    dwVersion: int = dword()
    dwVersionCurrent: int = dword()
    dwNegotiatedVersion: int = out()
    ExtensionID: int | bytes = returned(size="dwSize")


@request(95, replies=NOW)
class GetDevCaps(Request):
    """Ask what a phone device can do.  [MS-TRP] 2.2.4.1.4.3"""

    hPhoneApp: int = handle(HPHONEAPP)
    dwDeviceID: int = deviceID()
    dwTSPIVersion: int = dword()
    dwExtVersion: int = dword()
    lpPhoneCaps: int | PHONECAPS = room(PHONECAPS)


@request(107, replies=NOW)
class Open(Request):
    """Open a phone device.  [MS-TRP] 2.2.4.1.4.4"""

    hPhoneApp: int = handle(HPHONEAPP)
    dwDeviceID: int = deviceID()
    hPhone: int = out()
    dwNegotiatedVersion: int = dword()
    dwExtVersion: int = dword()
    OpenContext: int = echoed()
    dwPrivilege: int = choice(PHONEPRIVILEGE)
    hRemotePhone: int = echoed()


@request(119, replies=NOW)
class ShutDown(Request):
    """Stop using phones.  [MS-TRP] 2.2.4.1.5.2"""

    hPhoneApp: int = handle(HPHONEAPP)
