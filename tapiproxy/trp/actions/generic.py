"""
Requests of neither lines nor phones: events by polling, filters of events.  [MS-TRP] 2.2.4.1.8
"""

from tapiproxy.trp.actions.replies import reply
from tapiproxy.trp.eventfilter import EventFilter
from tapiproxy.trp.requests import generic
from tapiproxy.trp.rules.generic import LINE, LINEAPP, PHONEAPP
from tapiproxy.trp.session import Client, LineApp

__all__ = ["getAsyncEvents", "rspSetEventFilterMasks"]


def getAsyncEvents(message: generic.GetAsyncEvents, client: Client) -> bytes:
    """Hand out what waits, in whole events; what does not fit stays.  [MS-TRP] 2.2.4.1.8.1"""
    octets, needed = client.delivery.poll(message.dwTotalBufferSize)
    return reply(message, varData=octets, dwNeededBufferSize=needed, dwUsedBufferSize=len(octets))


def rspSetEventFilterMasks(message: generic.RSPSetEventFilterMasks, client: Client) -> int:
    """
    Set the filter of a handle and of those below it.  [MS-TRP] 2.2.4.1.8.3

    A filter of the whole client, or of an HLINEAPP, is what handles made later begin with.
    """
    for filters in _filters(message, client):
        # 31 bits are in use; the upper half of the 64 is for events that do not exist.
        if message.fSubMask:
            filters.setSubMask(message.ulEventMasksLo, message.dwSubMasks)
        else:
            filters.set(message.ulEventMasksLo)
    return 0


def _filters(message: generic.RSPSetEventFilterMasks, client: Client) -> list[EventFilter]:
    if message.dwObjType == LINE:
        return [client.lines[message.lObjectID].filter]
    if message.dwObjType == LINEAPP:
        return _ofApp(client.apps[message.lObjectID])
    if message.dwObjType == PHONEAPP:
        return []  # phones have no events
    filters = [client.filter]
    for app in client.apps.values():
        filters += _ofApp(app)
    return filters


def _ofApp(app: LineApp) -> list[EventFilter]:
    return [app.filter, *(opened.filter for opened in app.lines.values())]
