"""
Requests that are of neither lines nor phones.  [MS-TRP] 2.2.4.1.8

The specification does not say how they complete; nothing in them could carry a request ID, so they
complete at once.
"""

from tapiproxy.tapi.eventmasks import EM
from tapiproxy.tapi.handles import HLINEAPP
from tapiproxy.trp.templates import NOW, Request, request
from tapiproxy.wire.layout import dword, flags, handle, out, returned


@request(0, replies=NOW)
class GetAsyncEvents(Request):
    """
    Fetch the events that wait, the "pull" model.  [MS-TRP] 2.2.4.1.8.1

    They are the reply's VarData, to which no field points.
    """

    dwTotalBufferSize: int = dword()
    dwNeededBufferSize: int = out()
    dwUsedBufferSize: int = out()


@request(130, replies=NOW)
class NegotiateAPIVersionForAllDevices(Request):
    """
    Agree on a TAPI version for every device at once.  [MS-TRP] 2.2.4.1.8.2

    Each of the four lists is a number of octets in the request, and octets in the reply.
    """

    hLineApp: int = handle(HLINEAPP)
    dwNumLineDevices: int = dword()
    dwNumPhoneDevices: int = dword()
    dwAPIHighVersion: int = dword()
    dwLineAPIVersionListOffset: int | bytes = returned(size="dwLineAPIVersionListSize")
    dwLineExtensionIDListOffset: int | bytes = returned(size="dwLineExtensionIDListSize")
    dwPhoneAPIVersionListOffset: int | bytes = returned(size="dwPhoneAPIVersionListSize")
    dwPhoneExtensionIDListOffset: int | bytes = returned(size="dwPhoneExtensionIDListSize")


@request(161, replies=NOW)
class RSPSetEventFilterMasks(Request):
    """
    Choose which events come, for clients of TAPI 3.0 and later.  [MS-TRP] 2.2.4.1.8.3

    dwObjType is 0 for all of the client, or 1 HLINEAPP, 2 HLINE, 3 HCALL, 4 HPHONEAPP, 5 HPHONE.
    """

    dwObjType: int = dword()
    lObjectID: int = dword()
    fSubMask: int = dword()
    dwSubMasks: int = dword()
    ulEventMasksLo: int = flags(EM)
    ulEventMasksHi: int = dword()
