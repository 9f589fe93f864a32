"""
One answer for each of the 20 proxy requests, for the fake server and for the fake handler alike.
"""

import uuid
from typing import Any

from tapiproxy.tapi.agentstructs import (
    LINEAGENTACTIVITYENTRY,
    LINEAGENTACTIVITYLIST,
    LINEAGENTCAPS,
    LINEAGENTGROUPENTRY,
    LINEAGENTGROUPLIST,
    LINEAGENTINFO,
    LINEAGENTSESSIONENTRY,
    LINEAGENTSESSIONINFO,
    LINEAGENTSESSIONLIST,
    LINEAGENTSTATUS,
    LINEQUEUEENTRY,
    LINEQUEUEINFO,
    LINEQUEUELIST,
)
from tapiproxy.tapi.extensionids import LINEEXTENSIONID
from tapiproxy.tapi.lineconstants import (
    LINEAGENTFEATURE_SETAGENTSTATE,
    LINEAGENTSESSIONSTATE_NOTREADY,
    LINEAGENTSESSIONSTATE_READY,
    LINEAGENTSTATE_LOGGEDOFF,
    LINEAGENTSTATE_READY,
    LINEAGENTSTATEEX_NOTREADY,
    LINEAGENTSTATEEX_READY,
)

H_AGENT = 0x1001
H_SESSION = 0x2002
QUEUE = 7
PIN = "1234"
SALES = uuid.UUID("6f1c1a52-9b3e-4a50-8a0e-5d7d1c1c0001")
SUPPORT = uuid.UUID("6f1c1a52-9b3e-4a50-8a0e-5d7d1c1c0002")
GROUPS = (
    LINEAGENTGROUPENTRY(GroupID=SALES, Name="Sales"),
    LINEAGENTGROUPENTRY(GroupID=SUPPORT, Name="Support"),
)

#: By the name of the packet.
ANSWERS: dict[str, Any] = {
    "SetAgentGroup": None,
    "SetAgentState": None,
    "SetAgentActivity": None,
    "GetAgentCaps": LINEAGENTCAPS(
        AgentHandlerInfo="canned",
        dwCapsVersion=0x00020002,
        dwFeatures=LINEAGENTFEATURE_SETAGENTSTATE,
        dwStates=LINEAGENTSTATE_READY,
        dwMaxNumGroupEntries=2,
        AgentExtensionIDList=(LINEEXTENSIONID(dwExtensionID0=1),),
        ProxyGUID=SALES,
    ),
    "GetAgentStatus": LINEAGENTSTATUS(
        GroupList=GROUPS[:1],
        dwState=LINEAGENTSTATE_READY,
        dwActivityID=3,
        Activity="Mail",
        dwValidStates=LINEAGENTSTATE_LOGGEDOFF | LINEAGENTSTATE_READY,
    ),
    "AgentSpecific": b"pong",
    "GetAgentActivityList": LINEAGENTACTIVITYLIST(
        List=(LINEAGENTACTIVITYENTRY(dwID=3, Name="Mail"),)
    ),
    "GetAgentGroupList": LINEAGENTGROUPLIST(List=GROUPS),
    "CreateAgent": H_AGENT,
    "SetAgentMeasurementPeriod": None,
    "GetAgentInfo": LINEAGENTINFO(
        dwAgentState=LINEAGENTSTATEEX_READY,
        dwNextAgentState=LINEAGENTSTATEEX_NOTREADY,
        dwMeasurementPeriod=3600,
        cyOverallCallRate=125000,
        dwNumberOfACDCalls=12,
        dwTotalACDTalkTime=3723,
    ),
    "CreateAgentSession": H_SESSION,
    "GetAgentSessionList": LINEAGENTSESSIONLIST(
        List=(
            LINEAGENTSESSIONENTRY(
                hAgentSession=H_SESSION, hAgent=H_AGENT, GroupID=SALES, dwWorkingAddressID=0
            ),
        )
    ),
    "SetAgentSessionState": None,
    "GetAgentSessionInfo": LINEAGENTSESSIONINFO(
        dwAgentSessionState=LINEAGENTSESSIONSTATE_READY,
        dwNextAgentSessionState=LINEAGENTSESSIONSTATE_NOTREADY,
        dateSessionStartTime=45000.5,
        dwSessionDuration=61,
        cyACDCallRate=-5,
    ),
    "GetQueueList": LINEQUEUELIST(List=(LINEQUEUEENTRY(dwQueueID=QUEUE, Name="Sales queue"),)),
    "SetQueueMeasurementPeriod": None,
    "GetQueueInfo": LINEQUEUEINFO(dwMeasurementPeriod=900, dwTotalCallsQueued=5),
    "GetGroupList": LINEAGENTGROUPLIST(List=GROUPS),
    "SetAgentStateEx": None,
}
