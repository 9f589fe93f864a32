"""
Structs of agents, sessions, groups and queues: what an ACD handler returns.  [MS-TRP] 2.2.6

A handler gives values by keyword and never meets a size, an offset or a count.  An entry stands in
the list of the same chapter; a text that is None is not sent at all.
"""

from uuid import UUID

from tapiproxy.tapi import lineconstants
from tapiproxy.tapi.extensionids import LINEEXTENSIONID
from tapiproxy.tapi.handles import HAGENT, HAGENTSESSION
from tapiproxy.tapi.lineconstants import (
    LINEAGENTFEATURE,
    LINEAGENTSESSIONSTATE,
    LINEAGENTSTATE,
    LINEAGENTSTATEEX,
)
from tapiproxy.tapi.versions import TAPI_2_2
from tapiproxy.wire.layout import (
    TEXT,
    addressID,
    array,
    choice,
    currency,
    date,
    dword,
    flags,
    guid,
    handle,
    sized,
)
from tapiproxy.wire.structs import entry, structure

__all__ = [
    "LINEAGENTACTIVITYENTRY",
    "LINEAGENTACTIVITYLIST",
    "LINEAGENTCAPS",
    "LINEAGENTGROUPENTRY",
    "LINEAGENTGROUPLIST",
    "LINEAGENTINFO",
    "LINEAGENTSESSIONENTRY",
    "LINEAGENTSESSIONINFO",
    "LINEAGENTSESSIONLIST",
    "LINEAGENTSTATUS",
    "LINEPROXYREQUESTLIST",
    "LINEQUEUEENTRY",
    "LINEQUEUEINFO",
    "LINEQUEUELIST",
]


@entry
class LINEAGENTGROUPENTRY:
    """
    An ACD group.  [MS-TRP] 2.2.6.12

    The four DWORDs dwGroupID1 to dwGroupID4 are the octets of the GUID, as tapi.h has them.
    """

    GroupID: UUID = guid()
    Name: str | None = sized(TEXT)


@structure()
class LINEAGENTGROUPLIST:
    """A list of ACD groups.  [MS-TRP] 2.2.6.11"""

    List: tuple[LINEAGENTGROUPENTRY, ...] = array(LINEAGENTGROUPENTRY)


@structure()
class LINEAGENTSTATUS:
    """The state of the agent on an address.  [MS-TRP] 2.2.6.8"""

    GroupList: tuple[LINEAGENTGROUPENTRY, ...] = array(LINEAGENTGROUPENTRY)
    dwState: int = choice(LINEAGENTSTATE)
    dwNextState: int = choice(LINEAGENTSTATE)
    dwActivityID: int = dword()
    Activity: str | None = sized(TEXT)
    dwAgentFeatures: int = flags(LINEAGENTFEATURE)
    dwValidStates: int = flags(LINEAGENTSTATE)
    dwValidNextStates: int = flags(LINEAGENTSTATE)


@entry
class LINEAGENTACTIVITYENTRY:
    """An activity that an agent can be in.  [MS-TRP] 2.2.6.9"""

    dwID: int = dword()
    Name: str | None = sized(TEXT)


@structure()
class LINEAGENTACTIVITYLIST:
    """A list of activities.  [MS-TRP] 2.2.6.10"""

    List: tuple[LINEAGENTACTIVITYENTRY, ...] = array(LINEAGENTACTIVITYENTRY)


@structure()
class LINEAGENTCAPS:
    """
    What a handler can do on an address.  [MS-TRP] 2.2.6.13

    56 octets before TAPI 2.2, 72 since.
    """

    AgentHandlerInfo: str | None = sized(TEXT)
    dwCapsVersion: int = dword()
    dwFeatures: int = flags(LINEAGENTFEATURE)
    dwStates: int = flags(LINEAGENTSTATE)
    dwNextStates: int = flags(LINEAGENTSTATE)
    dwMaxNumGroupEntries: int = dword()
    dwAgentStatusMessages: int = flags(lineconstants.LINEAGENTSTATUS)
    AgentExtensionIDList: tuple[LINEEXTENSIONID, ...] = array(
        LINEEXTENSIONID, count="dwNumAgentExtensionIDs"
    )
    ProxyGUID: UUID = guid(since=TAPI_2_2)


@entry
class LINEAGENTSESSIONENTRY:
    """A session of an agent.  [MS-TRP] 2.2.6.14"""

    hAgentSession: int = handle(HAGENTSESSION)
    hAgent: int = handle(HAGENT)
    GroupID: UUID = guid()
    dwWorkingAddressID: int = addressID()


@structure()
class LINEAGENTSESSIONLIST:
    """The sessions of an agent.  [MS-TRP] 2.2.6.15"""

    List: tuple[LINEAGENTSESSIONENTRY, ...] = array(LINEAGENTSESSIONENTRY)


@structure()
class LINEAGENTSESSIONINFO:
    """
    State and statistics of a session; times in seconds.  [MS-TRP] 2.2.6.16

    76 octets: the specification prints dateSessionStartTime and cyACDCallRate with four octets, but
    applications are compiled with tapi.h, where they are a DATE and a CURRENCY.
    """

    dwAgentSessionState: int = choice(LINEAGENTSESSIONSTATE)
    dwNextAgentSessionState: int = choice(LINEAGENTSESSIONSTATE)
    dateSessionStartTime: float = date()
    dwSessionDuration: int = dword()
    dwNumberOfCalls: int = dword()
    dwTotalTalkTime: int = dword()
    dwAverageTalkTime: int = dword()
    dwTotalCallTime: int = dword()
    dwAverageCallTime: int = dword()
    dwTotalWrapUpTime: int = dword()
    dwAverageWrapUpTime: int = dword()
    cyACDCallRate: int = currency()
    dwLongestTimeToAnswer: int = dword()
    dwAverageTimeToAnswer: int = dword()


@structure()
class LINEAGENTINFO:
    """
    State and statistics of an agent; times in seconds.  [MS-TRP] 2.2.6.47

    56 octets: cyOverallCallRate is a CURRENCY in tapi.h, and printed with four octets.
    """

    dwAgentState: int = choice(LINEAGENTSTATEEX)
    dwNextAgentState: int = choice(LINEAGENTSTATEEX)
    dwMeasurementPeriod: int = dword()
    cyOverallCallRate: int = currency()
    dwNumberOfACDCalls: int = dword()
    dwNumberOfIncomingCalls: int = dword()
    dwNumberOfOutgoingCalls: int = dword()
    dwTotalACDTalkTime: int = dword()
    dwTotalACDCallTime: int = dword()
    dwTotalACDWrapUpTime: int = dword()


@entry
class LINEQUEUEENTRY:
    """A queue.  [MS-TRP] 2.2.6.36"""

    dwQueueID: int = dword()
    Name: str | None = sized(TEXT)


@structure()
class LINEQUEUELIST:
    """A list of queues.  [MS-TRP] 2.2.6.35"""

    List: tuple[LINEQUEUEENTRY, ...] = array(LINEQUEUEENTRY)


@structure()
class LINEQUEUEINFO:
    """Statistics of a queue; times in seconds.  [MS-TRP] 2.2.6.29"""

    dwMeasurementPeriod: int = dword()
    dwTotalCallsQueued: int = dword()
    dwCurrentCallsQueued: int = dword()
    dwTotalCallsAbandoned: int = dword()
    dwTotalCallsFlowedIn: int = dword()
    dwTotalCallsFlowedOut: int = dword()
    dwLongestEverWaitTime: int = dword()
    dwCurrentLongestWaitTime: int = dword()
    dwAverageWaitTime: int = dword()
    dwFinalDisposition: int = dword()


@structure()
class LINEPROXYREQUESTLIST:
    """The LINEPROXYREQUEST_ types that are served for a device.  [MS-TRP] 2.2.6.34"""

    List: tuple[int, ...] = array(None)
