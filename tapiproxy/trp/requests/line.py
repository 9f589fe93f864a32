"""
Requests about line devices: opening them, asking what they can do.  [MS-TRP] 2.2.4.1.1 to 2.2.4.1.3

Those of agents, groups and queues are in `tapiproxy.trp.requests.agent`.
"""

from tapiproxy.tapi.callstructs import LINECALLPARAMS
from tapiproxy.tapi.handles import HCALL, HLINE, HLINEAPP
from tapiproxy.tapi.lineconstants import (
    LINEADDRESSMODE,
    LINEADDRESSSTATE,
    LINECALLSELECT,
    LINEDEVSTATE,
    LINEMEDIAMODE,
    LINEOPENOPTION,
)
from tapiproxy.tapi.linestructs import (
    LINEADDRESSCAPS,
    LINEADDRESSSTATUS,
    LINEDEVCAPS,
    LINEDEVSTATUS,
    VARSTRING,
)
from tapiproxy.trp.templates import NOW, Request, request
from tapiproxy.wire.layout import (
    TEXT,
    addressID,
    block,
    choice,
    deviceID,
    dword,
    echoed,
    flags,
    handle,
    out,
    returned,
    room,
    wideString,
    within,
)


@request(47, replies=NOW)
class Initialize(Request):
    """
    Begin to use lines.  [MS-TRP] 2.2.4.1.1.1

    InitContext comes back with every event and completion for this hLineApp.
    """

    hLineApp: int = out()
    hInstance: int = dword()
    InitContext: int = echoed()
    dwFriendlyNameOffset: str | None = wideString()
    dwNumDevs: int = out()
    dwModuleNameOffset: str | None = wideString()
    dwAPIVersion: int = dword()


@request(52, replies=NOW)
class NegotiateAPIVersion(Request):
    """
    Agree on a TAPI version for a device.  [MS-TRP] 2.2.4.1.1.2

    The reply's ExtensionID holds the octets of a LINEEXTENSIONID.
    """

    hLineApp: int = handle(HLINEAPP)
    dwDeviceID: int = deviceID()
    dwVersion: int = dword()
    dwVersionCurrent: int = dword()
    dwNegotiatedVersion: int = out()
    ExtensionID: int | bytes = returned(size="dwSize")


@request(34, replies=NOW)
class GetDevCaps(Request):
    """Ask what a line device can do.  [MS-TRP] 2.2.4.1.1.3"""

    hLineApp: int = handle(HLINEAPP)
    dwDeviceID: int = deviceID()
    dwTSPIVersion: int = dword()
    dwExtVersion: int = dword()
    lpLineDevCaps: int | LINEDEVCAPS = room(LINEDEVCAPS)


@request(21, replies=NOW)
class GetAddressCaps(Request):
    """Ask what an address can do.  [MS-TRP] 2.2.4.1.1.4"""

    hLineApp: int = handle(HLINEAPP)
    dwDeviceID: int = deviceID()
    dwAddressID: int = addressID()
    dwTSPIVersion: int = dword()
    dwExtVersion: int = dword()
    lpAddressCaps: int | LINEADDRESSCAPS = room(LINEADDRESSCAPS)


@request(54, replies=NOW)
class Open(Request):
    """
    Open a line device.  [MS-TRP] 2.2.4.1.1.5

    dwPrivileges holds LINECALLPRIVILEGE_ and LINEOPENOPTION_ bits.  pCallParams means something
    only with one of the latter.  OpenContext comes back with every event and completion of the
    line, and hRemoteLine, unless 0, in the place of hLine.
    """

    hLineApp: int = handle(HLINEAPP)
    dwDeviceID: int = deviceID()
    hLine: int = out()
    dwNegotiatedVersion: int = dword()
    dwExtVersion: int = dword()
    OpenContext: int = echoed()
    dwPrivileges: int = dword()
    dwMediaModes: int = flags(LINEMEDIAMODE)
    pCallParams: LINECALLPARAMS | None = within(
        LINECALLPARAMS, when="dwPrivileges", flag=LINEOPENOPTION.mask, version="dwNegotiatedVersion"
    )
    dwAsciiCallParamsCodePage: int = dword()
    pGetCallParams: int = out()
    hRemoteLine: int = echoed()


@request(9, replies=NOW)
class Close(Request):
    """Close a line device.  [MS-TRP] 2.2.4.1.2.1"""

    hLine: int = handle(HLINE)


@request(86, replies=NOW)
class ShutDown(Request):
    """Stop using lines.  [MS-TRP] 2.2.4.1.2.2"""

    hLineApp: int = handle(HLINEAPP)


@request(22, replies=NOW)
class GetAddressID(Request):
    """Find the address of a line that has a name or number.  [MS-TRP] 2.2.4.1.3.20"""

    hLine: int = handle(HLINE)
    lpdwAddressID: int = out()
    dwAddressMode: int = choice(LINEADDRESSMODE)
    lpsAddress: str | None = block(size="dwSize", content=TEXT)


@request(23, replies=NOW)
class GetAddressStatus(Request):
    """Ask for the state of an address.  [MS-TRP] 2.2.4.1.3.21"""

    hLine: int = handle(HLINE)
    dwAddressID: int = addressID()
    lpAddressStatus: int | LINEADDRESSSTATUS = room(LINEADDRESSSTATUS)


@request(37, replies=NOW)
class GetID(Request):
    """
    Find the device of another class that belongs to a line.  [MS-TRP] 2.2.4.1.3.35

    What dwSelect names says which of hLine, dwAddressID and hCall count.
    """

    hLine: int = handle(HLINE)
    dwAddressID: int = addressID()
    hCall: int = handle(HCALL)
    dwSelect: int = choice(LINECALLSELECT)
    lpDeviceID: int | VARSTRING = room(VARSTRING)
    lpszDeviceClass: str | None = wideString()


@request(38, replies=NOW)
class GetLineDevStatus(Request):
    """Ask for the state of an open line device.  [MS-TRP] 2.2.4.1.3.36"""

    hLine: int = handle(HLINE)
    lpLineDevStatus: int | LINEDEVSTATUS = room(LINEDEVSTATUS)


@request(40, replies=NOW)
class GetNumAddressIDs(Request):
    """Ask how many addresses a line has.  [MS-TRP] 2.2.4.1.3.38"""

    hLine: int = handle(HLINE)
    lpdwNumAddressIDs: int = out()


@request(53, replies=NOW)
class NegotiateExtVersion(Request):
    """Agree on a version of a device's extensions.  [MS-TRP] 2.2.4.1.3.47"""

    hLineApp: int = handle(HLINEAPP)
    dwDeviceID: int = deviceID()
    dwTSPIVersion: int = dword()
    dwLowVersion: int = dword()
    dwHighVersion: int = dword()
    lpdwExtVersion: int = out()


@request(128, replies=NOW)
class SelectExtVersion(Request):
    """Use a version of a device's extensions.  [MS-TRP] 2.2.4.1.3.55"""

    hLine: int = handle(HLINE)
    dwExtVersion: int = dword()


@request(82, replies=NOW)
class SetStatusMessages(Request):
    """Choose which changes of a line and its addresses are told.  [MS-TRP] 2.2.4.1.3.75"""

    hLine: int = handle(HLINE)
    dwLineStates: int = flags(LINEDEVSTATE)
    dwAddressStates: int = flags(LINEADDRESSSTATE)
