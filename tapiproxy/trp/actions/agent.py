"""
The twenty requests that go to a line's proxy function handler.  [MS-TRP] 2.2.4.1.3, 4.11
"""

from typing import Any

from tapiproxy.trp.requests import agent
from tapiproxy.trp.session import Client

__all__ = ["proxyRequest", "proxyRequestOfDevice"]


def proxyRequest(message: Any, client: Client) -> int:
    """
    Send a request to the handler of an open line.

    :returns: the request identifier, or a LINEERR_.
    """
    opened = client.lines[message.hLine]
    return client.pending.accept(message, opened, opened.service, opened.requester)


def proxyRequestOfDevice(message: agent.GetAgentCaps, client: Client) -> int:
    """Send GetAgentCaps, which belongs to an HLINEAPP and no open line.  [MS-TRP] 2.2.4.1.3.23"""
    app = client.apps[message.hLineApp]
    device = app.devices.line(message.dwDeviceID)
    assert device is not None
    requester = app.requester(device, message.dwAppAPIVersion)
    return client.pending.accept(message, app, client.broker.service(device), requester)
