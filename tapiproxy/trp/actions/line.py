"""
Requests about lines that are answered at once.  [MS-TRP] 2.2.4.1.3

Each action is called when its packet's rules are kept; see ``init``.
"""

from struct import pack
from typing import Any

from attrs import evolve

from tapiproxy.tapi.agentstructs import LINEPROXYREQUESTLIST
from tapiproxy.tapi.lineconstants import STRINGFORMAT_BINARY
from tapiproxy.tapi.lineerr import (
    LINEERR_INCOMPATIBLEEXTVERSION,
    LINEERR_INVALADDRESS,
    LINEERR_INVALDEVICECLASS,
)
from tapiproxy.tapi.linestructs import LINEAPPINFO, VARSTRING
from tapiproxy.trp.actions.replies import reply
from tapiproxy.trp.requests import agent, line
from tapiproxy.trp.session import Client, OpenLine

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
            return reply(message, lpdwAddressID=address.dwAddressID)
    return LINEERR_INVALADDRESS


def getAddressStatus(message: line.GetAddressStatus, client: Client) -> bytes:
    """Say how an address is; in use by everyone who has its line open.  [MS-TRP] 2.2.4.1.3.21"""
    opened = client.lines[message.hLine]
    status: Any = client.register.provider.addressStatus(opened.line, message.dwAddressID)
    status = evolve(status, dwNumInUse=len(client.register.opened(opened.line)))
    return reply(message, version=opened.version, lpAddressStatus=status)


def getID(message: line.GetID, client: Client) -> bytes | int:
    """Tell the device identifier of the line, as this HLINEAPP knows it.  [MS-TRP] 2.2.4.1.3.35"""
    if (message.lpszDeviceClass or "").lower() != _LINE_CLASS:
        return LINEERR_INVALDEVICECLASS
    opened = client.lines[message.hLine]
    dwDeviceID = opened.app.devices.find(opened.line)
    assert dwDeviceID is not None  # a line that is no device any more is closed
    value = VARSTRING(dwStringFormat=STRINGFORMAT_BINARY, String=pack("<I", dwDeviceID))
    return reply(message, lpDeviceID=value)


def getLineDevStatus(message: line.GetLineDevStatus, client: Client) -> bytes:
    """Say how a line is, and who has it open.  [MS-TRP] 2.2.4.1.3.36"""
    mine = client.lines[message.hLine]
    everyone = client.register.opened(mine.line)
    modes = 0
    for opened in everyone:
        modes |= opened.dwMediaModes
    status: Any = client.register.provider.devStatus(mine.line)
    status = evolve(
        status,
        dwNumOpens=len(everyone),
        dwOpenMediaModes=modes,
        AppInfo=tuple(_appInfo(opened) for opened in everyone if opened.app is mine.app),
    )
    return reply(message, version=mine.version, lpLineDevStatus=status)


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
    return reply(message, lpdwNumAddressIDs=count)


def getProxyStatus(message: agent.GetProxyStatus, client: Client) -> bytes:
    """List the requests that can be made now.  [MS-TRP] 2.2.4.1.3.39"""
    device = client.device(message)
    assert device is not None
    types = LINEPROXYREQUESTLIST(List=client.broker.service(device).requestTypes())
    return reply(message, version=message.dwAppAPIVersion, lpLineProxyRequestList=types)


def negotiateExtVersion(message: line.NegotiateExtVersion, client: Client) -> bytes | int:
    """Agree that there are no extensions, if the client can do without.  [MS-TRP] 2.2.4.1.3.47"""
    if message.dwLowVersion:
        return LINEERR_INCOMPATIBLEEXTVERSION
    return reply(message, lpdwExtVersion=0)


def selectExtVersion(message: line.SelectExtVersion, client: Client) -> int:
    """Cancel the selection of an extension version: there is none to select.  2.2.4.1.3.55"""
    return LINEERR_INCOMPATIBLEEXTVERSION if message.dwExtVersion else 0


def setStatusMessages(message: line.SetStatusMessages, client: Client) -> int:
    """Choose which changes are told.  [MS-TRP] 2.2.4.1.3.75"""
    opened = client.lines[message.hLine]
    opened.addressStates = message.dwAddressStates
    client.register.watch(opened, message.dwLineStates)
    return 0
