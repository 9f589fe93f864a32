"""
Completions: how a request that completes later ends.  [MS-TRP] 2.2.4.2.1.25 and 2.2.4.2.2

A LINE_REPLY, or one of its special forms, which add a context of the client's, a size and VarData.
The table at the end says which request has which.
"""

import struct
from typing import Generic, TypeVar

from attrs import frozen

from tapiproxy.tapi.agentstructs import (
    LINEAGENTACTIVITYLIST,
    LINEAGENTCAPS,
    LINEAGENTGROUPLIST,
    LINEAGENTINFO,
    LINEAGENTSESSIONINFO,
    LINEAGENTSESSIONLIST,
    LINEAGENTSTATUS,
    LINEQUEUEINFO,
    LINEQUEUELIST,
)
from tapiproxy.trp.events import ASYNCEVENTMSG, FRAME_SIZE, LINE_REPLY, Recipient
from tapiproxy.trp.requests import agent
from tapiproxy.trp.templates import Request
from tapiproxy.wire.errors import BADVALUE, BEYOND, DecodeError, EncodeError
from tapiproxy.wire.structs import EVERY_VERSION, pack, unpack

T = TypeVar("T", bound=Request)

_FRAME = struct.Struct("<10I")
_HANDLE = struct.Struct("<12I")
_WORD = struct.Struct("<I")


@frozen
class Special:
    """
    What a special completion adds to LINE_REPLY.

    :ivar context: the field of the request that comes back.
    :ivar content: what VarData is: a struct's class, int for a handle, bytes for a block.
    :ivar room: the field of the request with the room for a struct; empty for the others.
    """

    context: str
    content: type
    room: str = ""


def encode(
    request: Request,
    requestID: int,
    recipient: Recipient,
    result: int = 0,
    value: object = None,
    version: int = EVERY_VERSION,
) -> bytes:
    """
    Encode the completion of a request.

    :param request: the request.
    :param requestID: its ID, the client's own or the server's.
    :param recipient: whose request it was; for GetAgentCaps one without device.
    :param result: 0 or an error code.
    :param value: for result 0: a handle, a struct, a block, or None where the request has no
        special completion; None for AgentSpecific leaves the block as it was.
    :param version: the TAPI version for which a struct is packed.
    :returns: an ASYNCEVENTMSG, padded to a multiple of 8.
    :raises EncodeError: the value does not fit the packet.
    """
    special = SPECIAL.get(type(request))
    context = getattr(request, special.context) if special else 0
    varData = b""
    if special and not result:
        if special.content is int:
            return _encodeHandle(request, requestID, recipient, context, value)
        varData = _varData(request, special, value, version)
    padding = -len(varData) % 8
    frame = _FRAME.pack(
        FRAME_SIZE + len(varData) + padding,
        recipient.InitContext,
        # Requests without lpContext (66, 67, 68, 154 to 157) reply with 0 there.
        getattr(request, "lpContext", 0),
        recipient.hDevice,
        LINE_REPLY,
        recipient.OpenContext,
        requestID,
        result,
        context,
        len(varData),
    )
    return frame + varData + bytes(padding) if varData else frame


def _encodeHandle(
    request: Request, requestID: int, recipient: Recipient, context: int, value: object
) -> bytes:
    """Encode CreateAgent and CreateAgentSession in one go: VarData is the handle and padding."""
    if not isinstance(value, int) or not 0 < value <= 0xFFFFFFFF:
        raise EncodeError(type(request).__name__, f"{value!r} is no handle")
    return _HANDLE.pack(
        _HANDLE.size,
        recipient.InitContext,
        request.lpContext,  # type: ignore[attr-defined]  # both requests have one
        recipient.hDevice,
        LINE_REPLY,
        recipient.OpenContext,
        requestID,
        0,
        context,
        4,
        value,
        0,
    )


def _varData(request: Request, special: Special, value: object, version: int) -> bytes:
    name = type(request).__name__
    if isinstance(request, agent.AgentSpecific):
        if value is None:
            return request.lpParams
        if not isinstance(value, bytes) or len(value) > len(request.lpParams):
            raise EncodeError(name, f"no block of at most {len(request.lpParams)} octets")
        return value
    if not isinstance(value, special.content):
        raise EncodeError(name, f"{type(value).__name__} is no {special.content.__name__}")
    return pack(value, getattr(request, special.room), version)


@frozen
class Completion(Generic[T]):
    """
    What a client reads from the completion of a request of class T.

    :ivar Result: 0 or an error code.
    :ivar context: the context of the special completion; 0 where there is none.
    :ivar value: a handle, a struct or a block; None where there is none, and after an error.
    """

    dwRequestID: int
    Result: int
    lpContext: int
    context: int
    value: object


def decode(packet: ASYNCEVENTMSG, cls: type[T], version: int = EVERY_VERSION) -> Completion[T]:
    """
    Decode a completion, for clients.

    :param packet: a packet whose Msg is LINE_REPLY; its Param1 is the request ID.
    :param cls: the class of the request with that ID.
    :param version: the TAPI version for which the server packed a struct.
    :raises DecodeError: it is not well-formed.
    """
    special = SPECIAL.get(cls)
    value: object = None
    context = 0
    if special:
        context = packet.Param3
        size = packet.Param4
        if size > len(packet.varData):
            raise _bad(BEYOND, cls, f"{size} of {len(packet.varData)} octets")
        if not packet.Param2:
            value = _value(cls, special, packet.varData[:size], version)
    return Completion(packet.Param1, packet.Param2, packet.context, context, value)


def _value(cls: type[Request], special: Special, varData: bytes, version: int) -> object:
    if special.content is bytes:
        return varData
    if special.content is int:
        if len(varData) != _WORD.size:
            raise _bad(BADVALUE, cls, f"a handle of {len(varData)} octets")
        return _WORD.unpack(varData)[0]
    return unpack(special.content, varData, 0, version)


def _bad(problem: str, cls: type[Request], detail: str) -> DecodeError:
    return DecodeError(problem, f"{cls.__name__}.dwSize", "dword", detail)


# fmt: off
SPECIAL: dict[type[Request], Special] = {
    agent.GetAgentCaps: Special("lpAgentCapsContext", LINEAGENTCAPS, "lpAgentCapsSize"),
    agent.GetAgentStatus: Special("lpAgentStatusContext", LINEAGENTSTATUS, "lpAgentStatusSize"),
    agent.AgentSpecific: Special("lpParamsContext", bytes),
    agent.GetAgentActivityList:
        Special("lpAgentActivityListContext", LINEAGENTACTIVITYLIST, "lpAgentActivityList"),
    agent.GetAgentGroupList:
        Special("lpAgentGroupListContext", LINEAGENTGROUPLIST, "lpAgentGroupListSize"),
    agent.CreateAgent: Special("lphAgentContext", int),
    agent.GetAgentInfo: Special("lpAgentInfoContext", LINEAGENTINFO, "lpAgentInfo"),
    agent.CreateAgentSession: Special("lphAgentSessionContext", int),
    agent.GetAgentSessionList:
        Special("lpAgentSessionListContext", LINEAGENTSESSIONLIST, "lpAgentSessionList"),
    agent.GetAgentSessionInfo:
        Special("lpAgentSessionInfoContext", LINEAGENTSESSIONINFO, "lpAgentSessionInfo"),
    agent.GetQueueList: Special("lpQueueListContext", LINEQUEUELIST, "lpQueueList"),
    agent.GetQueueInfo: Special("lpQueueInfoContext", LINEQUEUEINFO, "lpQueueInfo"),
    agent.GetGroupList: Special("lpGroupListContext", LINEAGENTGROUPLIST, "lpAgentGroupListSize"),
}
# fmt: on
