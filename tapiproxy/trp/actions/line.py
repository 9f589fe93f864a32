"""
Requests about lines that are answered at once.  [MS-TRP] 2.2.4.1.3

Each action is called when its packet's rules are kept; see ``init``.
"""

from struct import pack

import attrs

from tapiproxy.tapi.agentstructs import LINEPROXYREQUESTLIST
from tapiproxy.tapi.lineconstants import STRINGFORMAT_BINARY
from tapiproxy.tapi.lineerr import (
    LINEERR_INCOMPATIBLEEXTVERSION,
    LINEERR_INVALADDRESS,
    LINEERR_INVALDEVICECLASS,
)
from tapiproxy.tapi.linestructs import LINEAPPINFO, VARSTRING
from tapiproxy.trp.requests import agent, line
from tapiproxy.trp.session import Client, OpenLine
from tapiproxy.trp.templates import encodeReply

__all__ = [
    "getAddressID",
    "getAddressStatus",
    "getID",
    "getLineDevStatus",
    "getNumAddressIDs",
    "getProxyStatus",
    "negotiateExtVersion",
    "selectExtVersion",
    "setStatusMessages",
]

#: The one device class that a line has: the line itself.
_LINE_CLASS = "tapi/line"


def getAddressID(message: line.GetAddressID, client: Client) -> bytes | int:
    """Find an address by its name or number.  [MS-TRP] 2.2.4.1.3.20"""
    for address in client.lines[message.hLine].line.addresses:
        if address.address == message.lpsAddress:
            reply = attrs.evolve(message, lpdwAddressID=address.dwAddressID)
            return encodeReply(reply, 0, message)
    return LINEERR_INVALADDRESS


def getAddressStatus(message: line.GetAddressStatus, client: Client) -> bytes:
    """Say how an address is; in use by everyone who has its line open.  [MS-TRP] 2.2.4.1.3.21"""
    opened = client.lines[message.hLine]
    status = client.register.provider.addressStatus(opened.line, message.dwAddressID)
    status = attrs.evolve(status, dwNumInUse=len(client.register.opened(opened.line)))
    reply = attrs.evolve(message, lpAddressStatus=status)
    return encodeReply(reply, 0, message, opened.version)


def getID(message: line.GetID, client: Client) -> bytes | int:
    """Tell the device identifier of the line, as this HLINEAPP knows it.  [MS-TRP] 2.2.4.1.3.35"""
    if (message.lpszDeviceClass or "").lower() != _LINE_CLASS:
        return LINEERR_INVALDEVICECLASS
    opened = client.lines[message.hLine]
    dwDeviceID = opened.app.devices.find(opened.line)
    assert dwDeviceID is not None  # a line that is no device any more is closed
    value = VARSTRING(dwStringFormat=STRINGFORMAT_BINARY, String=pack("<I", dwDeviceID))
    return encodeReply(attrs.evolve(message, lpDeviceID=value), 0, message)


def getLineDevStatus(message: line.GetLineDevStatus, client: Client) -> bytes:
    """Say how a line is, and who has it open.  [MS-TRP] 2.2.4.1.3.36"""
    mine = client.lines[message.hLine]
    everyone = client.register.opened(mine.line)
    modes = 0
    for opened in everyone:
        modes |= opened.dwMediaModes
    status = attrs.evolve(
        client.register.provider.devStatus(mine.line),
        dwNumOpens=len(everyone),
        dwOpenMediaModes=modes,
        AppInfo=tuple(_appInfo(opened) for opened in everyone if opened.app is mine.app),
    )
    return encodeReply(attrs.evolve(message, lpLineDevStatus=status), 0, message, mine.version)


def _appInfo(opened: OpenLine) -> LINEAPPINFO:
    # Only the application's own: who else works on a line is none of a client's business.
    return LINEAPPINFO(
        MachineName=opened.client.machine,
        UserName=opened.client.user,
        FriendlyName=opened.app.name,
        dwMediaModes=opened.dwMediaModes,
    )


def getNumAddressIDs(message: line.GetNumAddressIDs, client: Client) -> bytes:
    """Count the addresses of a line.  [MS-TRP] 2.2.4.1.3.38"""
    count = len(client.lines[message.hLine].line.addresses)
    return encodeReply(attrs.evolve(message, lpdwNumAddressIDs=count), 0, message)


def getProxyStatus(message: agent.GetProxyStatus, client: Client) -> bytes:
    """List the requests that can be made now.  [MS-TRP] 2.2.4.1.3.39"""
    device = client.device(message)
    assert device is not None
    types = LINEPROXYREQUESTLIST(List=client.broker.service(device).requestTypes())
    reply = attrs.evolve(message, lpLineProxyRequestList=types)
    return encodeReply(reply, 0, message, message.dwAppAPIVersion)


def negotiateExtVersion(message: line.NegotiateExtVersion, client: Client) -> bytes | int:
    """Agree that there are no extensions, if the client can do without.  [MS-TRP] 2.2.4.1.3.47"""
    if message.dwLowVersion:
        return LINEERR_INCOMPATIBLEEXTVERSION
    return encodeReply(attrs.evolve(message, lpdwExtVersion=0), 0, message)


def selectExtVersion(message: line.SelectExtVersion, client: Client) -> int:
    """Cancel the selection of an extension version: there is none to select.  2.2.4.1.3.55"""
    return LINEERR_INCOMPATIBLEEXTVERSION if message.dwExtVersion else 0


def setStatusMessages(message: line.SetStatusMessages, client: Client) -> int:
    """Choose which changes are told.  [MS-TRP] 2.2.4.1.3.75"""
    opened = client.lines[message.hLine]
    opened.lineStates = message.dwLineStates
    opened.addressStates = message.dwAddressStates
    return 0
