"""
Requests about phones, of which there are none.  [MS-TRP] 2.2.4.1.4, 2.2.4.1.5

Clients ask for phones when they start, whether they have a use for them or not.
"""

from tapiproxy.tapi.phoneerr import PHONEERR_BADDEVICEID, PHONEERR_RESOURCEUNAVAIL
from tapiproxy.trp.actions.replies import reply
from tapiproxy.trp.requests import phone
from tapiproxy.trp.session import Client, PhoneApp
from tapiproxy.trp.templates import Request

__all__ = ["initialize", "noDevice", "shutDown"]


def initialize(message: phone.Initialize, client: Client) -> bytes | int:
    """Make an HPHONEAPP.  [MS-TRP] 2.2.4.1.4.1"""
    if len(client.apps) + len(client.phoneApps) >= client.settings.appsPerClient:
        return PHONEERR_RESOURCEUNAVAIL
    app = PhoneApp(client.phoneApps.reserve(), message.InitContext, message.dwAPIVersion)
    client.phoneApps[app.handle] = app
    return reply(message, hPhoneApp=app.handle, dwNumDevs=0)


def shutDown(message: phone.ShutDown, client: Client) -> int:
    """Give an HPHONEAPP back.  [MS-TRP] 2.2.4.1.5.2"""
    del client.phoneApps[message.hPhoneApp]
    return 0


def noDevice(message: Request, client: Client) -> int:
    """Answer what is asked of a device that cannot be."""
    return PHONEERR_BADDEVICEID
