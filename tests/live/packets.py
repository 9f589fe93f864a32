"""
The packets of [MS-TRP] 2.2 that the live tests send and read, by hand.

Numbers and layouts are written from the specification's tables (and tapi.h, where the tables print
a CURRENCY or a DATE with 4 bytes), on purpose without ``tapiproxy``: this is the second opinion.
"""

import struct
import uuid
from typing import NamedTuple, Self

#: TAPI_NO_DATA: no string, no struct, or "the server fills this".
NO_DATA = 0xFFFFFFFF

# Req_Func, 2.2.4.1; the phone's with a prefix where both have the name.
GetAsyncEvents = 0
AgentSpecific = 6
Close = 9
GetAddressCaps = 21
GetAddressID = 22
GetAddressStatus = 23
GetAgentActivityList = 24
GetAgentCaps = 25
GetAgentGroupList = 26
GetAgentStatus = 27
GetDevCaps = 34
GetID = 37
GetLineDevStatus = 38
GetNumAddressIDs = 40
Initialize = 47
MakeCall = 48
NegotiateAPIVersion = 52
Open = 54
SetAgentActivity = 66
SetAgentGroup = 67
SetAgentState = 68
SetStatusMessages = 82
ShutDown = 86
phoneInitialize = 106
phoneShutDown = 119
NegotiateAPIVersionForAllDevices = 130
CreateAgent = 146
CreateAgentSession = 147
GetAgentInfo = 148
GetAgentSessionInfo = 149
GetAgentSessionList = 150
GetQueueInfo = 151
GetGroupList = 152
GetQueueList = 153
SetAgentMeasurementPeriod = 154
SetAgentSessionState = 155
SetQueueMeasurementPeriod = 156
SetAgentStateEx = 157
GetProxyStatus = 158
RSPSetEventFilterMasks = 161

# Msg, 2.2.4.2.1.
LINE_CLOSE = 0x03
LINE_LINEDEVSTATE = 0x08
LINE_REPLY = 0x0C
LINE_CREATE = 0x13
LINE_AGENTSPECIFIC = 0x15
LINE_AGENTSTATUS = 0x16
LINE_REMOVE = 0x19
LINE_AGENTSESSIONSTATUS = 0x1B
LINE_QUEUESTATUS = 0x1C
LINE_AGENTSTATUSEX = 0x1D
LINE_GROUPSTATUS = 0x1E
LINE_PROXYSTATUS = 0x1F

# LINEERR_Constants, 2.2.3.1.38, and TAPIERR of 2.2.5.2.
LINEERR_INVALADDRESSID = 0x80000011
LINEERR_INVALADDRESSSTATE = 0x80000013
LINEERR_INVALAPPHANDLE = 0x80000014
LINEERR_INVALGROUPID = 0x8000002A
LINEERR_INVALLINEHANDLE = 0x8000002B
LINEERR_INVALPARAM = 0x80000032
LINEERR_NODEVICE = 0x80000042
LINEERR_OPERATIONFAILED = 0x80000048
LINEERR_OPERATIONUNAVAIL = 0x80000049
LINEERR_STRUCTURETOOSMALL = 0x8000004D
LINEERR_INVALAGENTID = 0x80000057
LINEERR_INVALPASSWORD = 0x80000059
LINEERR_INVALAGENTACTIVITY = 0x8000005B
LINEERR_INVALAGENTSESSIONSTATE = 0x8000005F

# LINEAGENTSTATE, LINEAGENTSTATEEX, LINEAGENTSESSIONSTATE: the ones that tests set.
LINEAGENTSTATE_LOGGEDOFF = 0x1
LINEAGENTSTATE_NOTREADY = 0x2
LINEAGENTSTATE_READY = 0x4
LINEAGENTSTATEEX_NOTREADY = 0x1
LINEAGENTSTATEEX_READY = 0x2
LINEAGENTSESSIONSTATE_NOTREADY = 0x1
LINEAGENTSESSIONSTATE_READY = 0x2
LINEAGENTSESSIONSTATE_BUSYWRAPUP = 0x8
LINEAGENTSESSIONSTATE_ENDED = 0x10

LINEAGENTSTATUS_STATE = 0x2
LINEAGENTSTATUS_ACTIVITY = 0x8
LINEAGENTSTATUSEX_NEWAGENT = 0x1
LINEAGENTSTATUSEX_STATE = 0x2
LINEAGENTSESSIONSTATUS_NEWSESSION = 0x1
LINEAGENTSESSIONSTATUS_STATE = 0x2

LINEPROXYSTATUS_OPEN = 0x1
LINEPROXYSTATUS_CLOSE = 0x2
LINEPROXYSTATUS_ALLOPENFORACD = 0x4

LINEDEVSTATE_OPEN = 0x200
LINEDEVSTATE_CLOSE = 0x400


# The two frames, 2.2.5.


class Reply(NamedTuple):
    """A TAPI32_MSG as the server gave it back; ``args`` are the 13 DWORDs of 2.2.5.2."""

    ack: int
    args: tuple[int, ...]
    varData: bytes

    @classmethod
    def parse(cls, buffer: bytes) -> Self:
        assert len(buffer) >= 60, f"a short answer: {buffer.hex()}"
        ack, _reserved, *args = struct.unpack_from("<15I", buffer)
        return cls(ack, tuple(args), buffer[60:])

    def struct(self, offset: int) -> bytes:
        """The variable-size struct at an offset of VarData, cut at its own dwUsedSize."""
        return cutStruct(self.varData[offset:])


class Event(NamedTuple):
    """An ASYNCEVENTMSG, 2.2.5.1, in wire order and without its TotalSize."""

    InitContext: int
    Context: int
    hDevice: int
    Msg: int
    OpenContext: int
    Param1: int
    Param2: int
    Param3: int
    Param4: int
    varData: bytes


def request(Req_Func: int, *args: int, varData: bytes = b"") -> bytes:
    """A TAPI32_MSG: the function, Reserved1, 13 DWORDs of parameters, VarData."""
    padding = (0,) * (13 - len(args))
    return struct.pack("<15I", Req_Func, 0, *args, *padding) + varData


def splitEvents(buffer: bytes) -> list[Event]:
    """
    The list of ASYNCEVENTMSG in a buffer, as strict as 3.3.4.2 tells a client to be.

    :raises AssertionError: one of the sizes is not what that section demands.
    """
    assert len(buffer) % 4 == 0, f"lSize {len(buffer)} is not DWORD-aligned"
    assert len(buffer) >= 40, f"lSize {len(buffer)} is less than one ASYNCEVENTMSG"
    events = []
    offset = 0
    while offset < len(buffer):
        assert len(buffer) - offset >= 40, "data behind the last ASYNCEVENTMSG"
        (total,) = struct.unpack_from("<I", buffer, offset)
        assert total >= 40, f"TotalSize {total} is less than the fixed part"
        assert total % 4 == 0, f"TotalSize {total} is not DWORD-aligned"
        assert offset + total <= len(buffer), f"TotalSize {total} overflows the buffer"
        fields = struct.unpack_from("<9I", buffer, offset + 4)
        events.append(Event(*fields, varData=buffer[offset + 40 : offset + total]))
        offset += total
    return events


class VarData:
    """The variable data of a request being filled: each piece starts at a multiple of 4."""

    def __init__(self) -> None:
        self.data = b""

    def add(self, piece: bytes) -> int:
        """
        Append a piece.

        :returns: its offset.
        """
        self.data += bytes(-len(self.data) % 4)
        offset = len(self.data)
        self.data += piece
        return offset

    def text(self, value: str | None) -> int:
        """
        Append a null-terminated string; nothing for None.

        :returns: its offset, TAPI_NO_DATA for None.
        """
        if value is None:
            return NO_DATA
        return self.add(value.encode("utf-16-le") + b"\0\0")


# Structs, 2.2.6.


def cutStruct(data: bytes) -> bytes:
    """A variable-size struct, cut at dwUsedSize once its three sizes agree with each other."""
    total, needed, used = struct.unpack_from("<3I", data)
    assert used <= total, (total, needed, used)
    assert used <= needed, (total, needed, used)
    assert used <= len(data), (used, len(data))
    return data[:used]


def text(data: bytes, size: int, offset: int) -> str:
    """The null-terminated string of a (Size, Offset) pair, wholly inside the struct."""
    raw = data[offset : offset + size]
    assert len(raw) == size, (size, offset, len(data))
    assert raw[-2:] == b"\0\0", f"not null-terminated: {raw.hex()}"
    return raw[:-2].decode("utf-16-le")


def sizedText(data: bytes, at: int) -> str:
    """The string whose (Size, Offset) pair stands at an offset of a struct."""
    return text(data, *struct.unpack_from("<2I", data, at))


def entries(data: bytes, size: int, at: int = 12) -> list[bytes]:
    """The entries of a (Num, Size, Offset) triple that stands at an offset of a struct."""
    count, total, offset = struct.unpack_from("<3I", data, at)
    assert total == count * size, (count, total, size)
    assert offset + total <= len(data), (offset, total, len(data))
    return [data[offset + index * size :][:size] for index in range(count)]


def groupList(data: bytes) -> dict[str, uuid.UUID]:
    """LINEAGENTGROUPLIST, 2.2.6.11: the groups by name."""
    return {
        text(data, size, offset): uuid.UUID(bytes_le=group)
        for group, size, offset in (struct.unpack("<16s2I", entry) for entry in entries(data, 24))
    }


def namedList(data: bytes) -> dict[str, int]:
    """LINEAGENTACTIVITYLIST and LINEQUEUELIST, 2.2.6.9 and .37: the identifiers by name."""
    return {
        text(data, size, offset): number
        for number, size, offset in (struct.unpack("<3I", entry) for entry in entries(data, 12))
    }


class SessionEntry(NamedTuple):
    """LINEAGENTSESSIONENTRY, 2.2.6.15."""

    hAgentSession: int
    hAgent: int
    GroupID: uuid.UUID
    dwWorkingAddressID: int


def sessionList(data: bytes) -> list[SessionEntry]:
    """LINEAGENTSESSIONLIST, 2.2.6.17."""
    return [
        SessionEntry(
            *struct.unpack_from("<2I", entry),
            uuid.UUID(bytes_le=entry[8:24]),
            *struct.unpack_from("<I", entry, 24),
        )
        for entry in entries(data, 28)
    ]


def proxyRequestList(data: bytes) -> list[int]:
    """LINEPROXYREQUESTLIST, 2.2.6.34: LINEPROXYREQUEST_Constants."""
    return [struct.unpack("<I", entry)[0] for entry in entries(data, 4)]


def packGroupList(*groups: uuid.UUID) -> bytes:
    """A LINEAGENTGROUPLIST as SetAgentGroup sends it, the names left out."""
    size = 24 + 24 * len(groups)
    head = struct.pack("<6I", size, size, size, len(groups), 24 * len(groups), 24)
    return head + b"".join(group.bytes_le + bytes(8) for group in groups)


class AgentCaps(NamedTuple):
    """The fixed part of LINEAGENTCAPS, 2.2.6.13, from 2.2 on, behind its three sizes."""

    dwAgentHandlerInfoSize: int
    dwAgentHandlerInfoOffset: int
    dwCapsVersion: int
    dwFeatures: int
    dwStates: int
    dwNextStates: int
    dwMaxNumGroupEntries: int
    dwAgentStatusMessages: int
    dwNumAgentExtensionIDs: int
    dwAgentExtensionIDListSize: int
    dwAgentExtensionIDListOffset: int
    ProxyGUID: bytes

    LAYOUT = "<12x11I16s"


class AgentStatus(NamedTuple):
    """The fixed part of LINEAGENTSTATUS, 2.2.6.8, behind its three sizes."""

    dwNumEntries: int
    dwGroupListSize: int
    dwGroupListOffset: int
    dwState: int
    dwNextState: int
    dwActivityID: int
    dwActivitySize: int
    dwActivityOffset: int
    dwAgentFeatures: int
    dwValidStates: int
    dwValidNextStates: int

    LAYOUT = "<12x11I"


class AgentInfo(NamedTuple):
    """LINEAGENTINFO, 2.2.6.12, behind its three sizes; a CURRENCY is 10,000 times the value."""

    dwAgentState: int
    dwNextAgentState: int
    dwMeasurementPeriod: int
    cyOverallCallRate: int
    dwNumberOfACDCalls: int
    dwNumberOfIncomingCalls: int
    dwNumberOfOutgoingCalls: int
    dwTotalACDTalkTime: int
    dwTotalACDCallTime: int
    dwTotalACDWrapUpTime: int

    LAYOUT = "<12x3Iq6I"


class AgentSessionInfo(NamedTuple):
    """LINEAGENTSESSIONINFO, 2.2.6.16, behind its three sizes."""

    dwAgentSessionState: int
    dwNextAgentSessionState: int
    dateSessionStartTime: float
    dwSessionDuration: int
    dwNumberOfCalls: int
    dwTotalTalkTime: int
    dwAverageTalkTime: int
    dwTotalCallTime: int
    dwAverageCallTime: int
    dwTotalWrapUpTime: int
    dwAverageWrapUpTime: int
    cyACDCallRate: int
    dwLongestTimeToAnswer: int
    dwAverageTimeToAnswer: int

    LAYOUT = "<12x2Id8Iq2I"


class QueueInfo(NamedTuple):
    """LINEQUEUEINFO, 2.2.6.36, behind its three sizes."""

    dwMeasurementPeriod: int
    dwTotalCallsQueued: int
    dwCurrentCallsQueued: int
    dwTotalCallsAbandoned: int
    dwTotalCallsFlowedIn: int
    dwTotalCallsFlowedOut: int
    dwLongestEverWaitTime: int
    dwCurrentLongestWaitTime: int
    dwAverageWaitTime: int
    dwFinalDisposition: int

    LAYOUT = "<12x10I"


def unpack(layout, data: bytes):
    """One of the structs above, from bytes that are exactly or at least as long as it."""
    assert len(data) >= struct.calcsize(layout.LAYOUT), (layout.__name__, len(data))
    return layout(*struct.unpack_from(layout.LAYOUT, data))
