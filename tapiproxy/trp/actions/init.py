"""
Beginning and ending the use of lines.  [MS-TRP] 2.2.4.1.1, 2.2.4.1.2

Each action is called when its packet's rules are kept; it returns the pBuffer of the reply, or the
result code of a reply that is the request's own octets.
"""

from struct import pack
from typing import Any

from attrs import evolve

from tapiproxy.interfaces import ILine
from tapiproxy.tapi.lineconstants import LINEOPENOPTION_PROXY
from tapiproxy.tapi.lineerr import LINEERR_OPERATIONUNAVAIL, LINEERR_RESOURCEUNAVAIL
from tapiproxy.tapi.versions import VALID_VERSIONS
from tapiproxy.trp.actions.replies import reply
from tapiproxy.trp.devices import Devices
from tapiproxy.trp.pending import CLOSED
from tapiproxy.trp.requests import generic, line
from tapiproxy.trp.session import Client, LineApp, OpenLine
from tapiproxy.wire.layout import TAPI_NO_DATA

__all__ = [
    "close",
    "getAddressCaps",
    "getDevCaps",
    "highestVersion",
    "initialize",
    "negotiateAPIVersion",
    "negotiateForAllDevices",
    "open",
    "shutDown",
]

#: A LINEEXTENSIONID of zeros: no extensions.
_NO_EXTENSIONS = bytes(16)


def highestVersion(latest: int) -> int:
    """Choose the version for a client: the highest that both sides know."""
    return max(version for version in VALID_VERSIONS if version <= latest)


def initialize(message: line.Initialize, client: Client) -> bytes | int:
    """Make an HLINEAPP; a second Initialize makes another one.  [MS-TRP] 2.2.4.1.1.1"""
    if len(client.apps) + len(client.phoneApps) >= client.settings.appsPerClient:
        return LINEERR_RESOURCEUNAVAIL
    app = LineApp(
        client,
        client.apps.reserve(),
        Devices(client.register.provider, client.principal),
        message.InitContext,
        message.dwAPIVersion,
    )
    app.name = message.dwFriendlyNameOffset or ""
    client.apps[app.handle] = app
    return reply(message, hLineApp=app.handle, dwNumDevs=len(app.devices))


def negotiateAPIVersion(message: line.NegotiateAPIVersion, client: Client) -> bytes:
    """Choose the highest version in the client's range.  [MS-TRP] 2.2.4.1.1.2"""
    version = highestVersion(message.dwVersionCurrent)
    return reply(message, dwNegotiatedVersion=version, ExtensionID=_NO_EXTENSIONS)


def negotiateForAllDevices(
    message: generic.NegotiateAPIVersionForAllDevices, client: Client
) -> bytes:
    """
    Choose the version for every device; a hole in their numbers has version 0.

    [MS-TRP] 2.2.4.1.8.2.  The lists of phones are empty.
    """
    version = highestVersion(message.dwAPIHighVersion)
    count = message.dwNumLineDevices
    devices = client.apps[message.hLineApp].devices
    if not count:
        return reply(message)
    versions = [0 if devices.removed(dwDeviceID) else version for dwDeviceID in range(count)]
    return reply(
        message,
        dwLineAPIVersionListOffset=pack(f"<{count}I", *versions),
        dwLineExtensionIDListOffset=_NO_EXTENSIONS * count,
    )


def _device(message: Any, client: Client) -> ILine:
    device = client.device(message)
    assert device is not None, "the rules of the packet say that there is one"
    return device


def getDevCaps(message: line.GetDevCaps, client: Client) -> bytes:
    """Say what a line can do.  [MS-TRP] 2.2.4.1.1.3"""
    version = message.dwTSPIVersion
    caps = client.register.provider.devCaps(_device(message, client), version)
    return reply(message, version=version, lpLineDevCaps=caps)


def getAddressCaps(message: line.GetAddressCaps, client: Client) -> bytes:
    """Say what an address can do.  [MS-TRP] 2.2.4.1.1.4"""
    version = message.dwTSPIVersion
    caps: Any = client.register.provider.addressCaps(
        _device(message, client), message.dwAddressID, version
    )
    caps = evolve(caps, dwLineDeviceID=message.dwDeviceID)
    return reply(message, version=version, lpAddressCaps=caps)


def open(message: line.Open, client: Client) -> bytes | int:
    """Open a line; any number of clients may.  [MS-TRP] 2.2.4.1.1.5"""
    if message.dwPrivileges & LINEOPENOPTION_PROXY:
        # The protocol has no lineProxyResponse: a remote handler could not answer.
        return LINEERR_OPERATIONUNAVAIL
    if len(client.lines) >= client.settings.linesPerClient:
        return LINEERR_RESOURCEUNAVAIL
    device = _device(message, client)
    opened = OpenLine(
        client.apps[message.hLineApp],
        client.lines.reserve(),
        device,
        client.broker.service(device),
        message,
    )
    client.opened(opened)
    return reply(message, hLine=opened.handle, pGetCallParams=TAPI_NO_DATA)


def close(message: line.Close, client: Client) -> int:
    """Close a line; what is outstanding ends without LINE_REPLY.  [MS-TRP] 2.2.4.1.2.1"""
    client.close(client.lines[message.hLine], CLOSED, "close")
    return 0


def shutDown(message: line.ShutDown, client: Client) -> int:
    """Give an HLINEAPP back, with its lines.  [MS-TRP] 2.2.4.1.2.2"""
    client.shutDown(client.apps[message.hLineApp], CLOSED, "close")
    return 0
