"""
From pBuffer to pBuffer: Req_Func, the rules of the packet, its action.  [MS-TRP] 3.1.4.2

The one place where a packet's number chooses what happens.
"""

from collections.abc import Callable
from struct import Struct
from typing import Any

from twisted.logger import Logger

from tapiproxy.tapi.lineerr import LINEERR_OPERATIONUNAVAIL, LINEERR_RESOURCEUNAVAIL
from tapiproxy.tapi.phoneerr import PHONEERR_OPERATIONUNAVAIL
from tapiproxy.trp.actions import agent, generic, init, line, phone
from tapiproxy.trp.requests import names
from tapiproxy.trp.rules.clientrequest import HEADER
from tapiproxy.trp.rules.registry import CHECKS, codeOf
from tapiproxy.trp.session import Client
from tapiproxy.trp.templates import UnknownRequest, acknowledgement, decodeRequest
from tapiproxy.wire.errors import DecodeError

__all__ = ["ACTIONS", "LATER_ACTIONS", "answer"]

_log = Logger()

_WORD = Struct("<I")

_UNKNOWN = ("a request that does not exist", names.GENERIC)


def answer(
    client: Client, connection: Any, data: bytes, start: int, end: int, lNeededSize: int
) -> bytes:
    """
    Answer a request.

    :param connection: where it came from and where the acknowledgement will leave.
    :param data: octets that hold it.
    :param start: where pBuffer begins in them; at least four octets of it are there.
    :param end: where it ends.
    :param lNeededSize: the room for the reply.
    :returns: pBuffer of the reply.
    """
    try:
        message: Any = decodeRequest(data, start, end)
    except DecodeError as error:
        (Req_Func,) = _WORD.unpack_from(data, start)
        return acknowledgement(data, start, end, codeOf(Req_Func, error))
    except UnknownRequest as unknown:
        return acknowledgement(data, start, end, _unserved(client, unknown.Req_Func))
    Req_Func = message.Req_Func
    room = lNeededSize - HEADER
    for check in CHECKS[Req_Func]:
        if check.violated(message, client, room):
            return acknowledgement(data, start, end, check.code)
    later = LATER_ACTIONS.get(Req_Func)
    if later is not None:
        if client.draining:
            return acknowledgement(data, start, end, LINEERR_RESOURCEUNAVAIL)
        client.delivery.hold(connection)
        return acknowledgement(data, start, end, later(message, client))
    if client.draining and Req_Func not in _WHILE_DRAINING:
        return acknowledgement(data, start, end, LINEERR_RESOURCEUNAVAIL)
    reply = ACTIONS[Req_Func](message, client)
    if isinstance(reply, int):
        return acknowledgement(data, start, end, reply)
    return reply


def _unserved(client: Client, Req_Func: int) -> int:
    """Answer a request that has no service yet (decision 7)."""
    name, device = names.REQUEST_NAMES.get(Req_Func, _UNKNOWN)
    # All numbers of no table count as one, so that a client cannot make either grow.
    number = Req_Func if Req_Func in names.REQUEST_NAMES else -1
    client.unserved[number] += 1
    if number not in client.unavailable:
        client.unavailable |= {number}
        _log.info(
            "{client}: no service for {name} ({device} request {Req_Func})",
            client=client.name,
            name=name,
            device=device,
            Req_Func=Req_Func,
        )
    return PHONEERR_OPERATIONUNAVAIL if device == names.PHONE else LINEERR_OPERATIONUNAVAIL


# What completes at once.
ACTIONS: dict[int, Callable[[Any, Client], bytes | int]] = {
    47: init.initialize,
    52: init.negotiateAPIVersion,
    34: init.getDevCaps,
    21: init.getAddressCaps,
    54: init.open,
    9: init.close,
    86: init.shutDown,
    130: init.negotiateForAllDevices,
    22: line.getAddressID,
    23: line.getAddressStatus,
    37: line.getID,
    38: line.getLineDevStatus,
    40: line.getNumAddressIDs,
    158: line.getProxyStatus,
    53: line.negotiateExtVersion,
    128: line.selectExtVersion,
    82: line.setStatusMessages,
    106: phone.initialize,
    119: phone.shutDown,
    95: phone.noDevice,
    107: phone.noDevice,
    108: phone.noDevice,
    0: generic.getAsyncEvents,
    161: generic.rspSetEventFilterMasks,
}

# What completes by LINE_REPLY, in the order of LINEPROXYREQUEST_Constants.
LATER_ACTIONS: dict[int, Callable[[Any, Client], int]] = {
    **dict.fromkeys((67, 68, 66), agent.proxyRequest),
    25: agent.proxyRequestOfDevice,
    **dict.fromkeys((27, 6, 24, 26), agent.proxyRequest),
    **dict.fromkeys((146, 154, 148, 147, 150, 155, 149), agent.proxyRequest),
    **dict.fromkeys((153, 156, 151, 152, 157), agent.proxyRequest),
}

# What still works while the server drains: putting things back, and fetching the last events.
_WHILE_DRAINING = frozenset({9, 86, 119, 0})
