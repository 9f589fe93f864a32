"""
Requests about agents, groups and queues: what a proxy function handler answers.  [MS-TRP] 2.2.4.1.3

In the order of LINEPROXYREQUEST_Constants (2.2.3.1.48), then GetProxyStatus, which the server
answers itself.  `tapiproxy.tapi.proxyrequest.PROXY_REQUESTS` is the table of the first twenty.
"""

from uuid import UUID

from tapiproxy.tapi.agentstructs import (
    LINEAGENTACTIVITYLIST,
    LINEAGENTCAPS,
    LINEAGENTGROUPLIST,
    LINEAGENTINFO,
    LINEAGENTSESSIONINFO,
    LINEAGENTSESSIONLIST,
    LINEAGENTSTATUS,
    LINEPROXYREQUESTLIST,
    LINEQUEUEINFO,
    LINEQUEUELIST,
)
from tapiproxy.tapi.handles import HAGENT, HAGENTSESSION, HLINE, HLINEAPP
from tapiproxy.tapi.lineconstants import LINEAGENTSESSIONSTATE, LINEAGENTSTATE, LINEAGENTSTATEEX
from tapiproxy.trp.templates import LATER, NOW, Request, request
from tapiproxy.wire.layout import (
    GUID,
    addressID,
    block,
    choice,
    deviceID,
    dword,
    echoed,
    handle,
    requestID,
    room,
    wideString,
    within,
)


@request(67, replies=LATER)
class SetAgentGroup(Request):
    """
    Log an agent on at an address, into the groups listed.  [MS-TRP] 2.2.4.1.3.58

    An empty list logs the agent off.
    """

    dwRequestID: int = requestID()
    hLine: int = handle(HLINE)
    dwAddressID: int = addressID()
    lpAgentGroupList: LINEAGENTGROUPLIST | None = within(LINEAGENTGROUPLIST)


@request(68, replies=LATER)
class SetAgentState(Request):
    """Set the state of the agent on an address.  [MS-TRP] 2.2.4.1.3.61"""

    dwRequestID: int = requestID()
    hLine: int = handle(HLINE)
    dwAddressID: int = addressID()
    dwAgentState: int = choice(LINEAGENTSTATE)
    dwNextAgentState: int = choice(LINEAGENTSTATE)


@request(66, replies=LATER)
class SetAgentActivity(Request):
    """Set what the agent on an address is doing.  [MS-TRP] 2.2.4.1.3.57"""

    dwRequestID: int = requestID()
    hLine: int = handle(HLINE)
    dwAddressID: int = addressID()
    dwActivityID: int = dword()


@request(25, replies=LATER)
class GetAgentCaps(Request):
    """Ask what the handler can do on an address.  [MS-TRP] 2.2.4.1.3.23"""

    dwRequestID: int = requestID()
    lpContext: int = echoed()
    hLineApp: int = handle(HLINEAPP)
    dwDeviceID: int = deviceID()
    dwAddressID: int = addressID()
    dwAppAPIVersion: int = dword()
    lpAgentCapsContext: int = echoed()
    lpAgentCapsSize: int | LINEAGENTCAPS = room(LINEAGENTCAPS)


@request(27, replies=LATER)
class GetAgentStatus(Request):
    """Ask for the state of the agent on an address.  [MS-TRP] 2.2.4.1.3.28"""

    dwRequestID: int = requestID()
    lpContext: int = echoed()
    hLine: int = handle(HLINE)
    dwAddressID: int = addressID()
    lpAgentStatusContext: int = echoed()
    lpAgentStatusSize: int | LINEAGENTSTATUS = room(LINEAGENTSTATUS)


@request(6, replies=LATER)
class AgentSpecific(Request):
    """Use one of the handler's own extensions.  [MS-TRP] 2.2.4.1.3.3"""

    dwRequestID: int = requestID()
    lpContext: int = echoed()
    hLine: int = handle(HLINE)
    dwAddressID: int = addressID()
    dwAgentExtensionIDIndex: int = dword()
    lpParamsContext: int = echoed()
    lpParams: bytes = block(size="dwSize")


@request(24, replies=LATER)
class GetAgentActivityList(Request):
    """Ask which activities can be set on an address.  [MS-TRP] 2.2.4.1.3.22"""

    dwRequestID: int = requestID()
    lpContext: int = echoed()
    hLine: int = handle(HLINE)
    dwAddressID: int = addressID()
    lpAgentActivityListContext: int = echoed()
    lpAgentActivityList: int | LINEAGENTACTIVITYLIST = room(LINEAGENTACTIVITYLIST)


@request(26, replies=LATER)
class GetAgentGroupList(Request):
    """Ask into which groups an agent may log on.  [MS-TRP] 2.2.4.1.3.24"""

    dwRequestID: int = requestID()
    lpContext: int = echoed()
    hLine: int = handle(HLINE)
    dwAddressID: int = addressID()
    lpAgentGroupListContext: int = echoed()
    lpAgentGroupListSize: int | LINEAGENTGROUPLIST = room(LINEAGENTGROUPLIST)


@request(146, replies=LATER)
class CreateAgent(Request):
    """Make an agent object.  [MS-TRP] 2.2.4.1.3.10"""

    dwRequestID: int = requestID()
    lpContext: int = echoed()
    hLine: int = handle(HLINE)
    lpszAgentID: str | None = wideString(optional=True)
    lpszAgentPIN: str | None = wideString(optional=True, secret=True)
    lphAgentContext: int = echoed()


@request(154, replies=LATER)
class SetAgentMeasurementPeriod(Request):
    """Set the period, in seconds, that an agent's statistics cover.  [MS-TRP] 2.2.4.1.3.59"""

    dwRequestID: int = requestID()
    hLine: int = handle(HLINE)
    hAgent: int = handle(HAGENT)
    dwMeasurementPeriod: int = dword()


@request(148, replies=LATER)
class GetAgentInfo(Request):
    """Ask for the state and statistics of an agent.  [MS-TRP] 2.2.4.1.3.25"""

    dwRequestID: int = requestID()
    lpContext: int = echoed()
    hLine: int = handle(HLINE)
    hAgent: int = handle(HAGENT)
    lpAgentInfoContext: int = echoed()
    lpAgentInfo: int | LINEAGENTINFO = room(LINEAGENTINFO)


@request(147, replies=LATER)
class CreateAgentSession(Request):
    """Begin a session: an agent, a group, an address.  [MS-TRP] 2.2.4.1.3.11"""

    dwRequestID: int = requestID()
    lpContext: int = echoed()
    hLine: int = handle(HLINE)
    hAgent: int = handle(HAGENT)
    lpszAgentPIN: str | None = wideString(optional=True, secret=True)
    dwWorkingAddressID: int = addressID()
    lpGroupID: UUID = block(size="dwSize", content=GUID)
    lphAgentSessionContext: int = echoed()


@request(150, replies=LATER)
class GetAgentSessionList(Request):
    """Ask for the sessions of an agent.  [MS-TRP] 2.2.4.1.3.27"""

    dwRequestID: int = requestID()
    lpContext: int = echoed()
    hLine: int = handle(HLINE)
    hAgent: int = handle(HAGENT)
    lpAgentSessionListContext: int = echoed()
    lpAgentSessionList: int | LINEAGENTSESSIONLIST = room(LINEAGENTSESSIONLIST)


@request(155, replies=LATER)
class SetAgentSessionState(Request):
    """Set the state of a session.  [MS-TRP] 2.2.4.1.3.60"""

    dwRequestID: int = requestID()
    hLine: int = handle(HLINE)
    hAgentSession: int = handle(HAGENTSESSION)
    dwAgentSessionState: int = choice(LINEAGENTSESSIONSTATE)
    dwNextAgentSessionState: int = choice(LINEAGENTSESSIONSTATE)


@request(149, replies=LATER)
class GetAgentSessionInfo(Request):
    """Ask for the state and statistics of a session.  [MS-TRP] 2.2.4.1.3.26"""

    dwRequestID: int = requestID()
    lpContext: int = echoed()
    hLine: int = handle(HLINE)
    hAgentSession: int = handle(HAGENTSESSION)
    lpAgentSessionInfoContext: int = echoed()
    lpAgentSessionInfo: int | LINEAGENTSESSIONINFO = room(LINEAGENTSESSIONINFO)


@request(153, replies=LATER)
class GetQueueList(Request):
    """Ask for the queues of a group.  [MS-TRP] 2.2.4.1.3.41"""

    dwRequestID: int = requestID()
    lpContext: int = echoed()
    hLine: int = handle(HLINE)
    pGroupID: UUID = block(size="cbGUID", content=GUID)
    lpQueueListContext: int = echoed()
    lpQueueList: int | LINEQUEUELIST = room(LINEQUEUELIST)


@request(156, replies=LATER)
class SetQueueMeasurementPeriod(Request):
    """Set the period, in seconds, that a queue's statistics cover.  [MS-TRP] 2.2.4.1.3.74"""

    dwRequestID: int = requestID()
    hLine: int = handle(HLINE)
    dwQueueID: int = dword()
    dwMeasurementPeriod: int = dword()


@request(151, replies=LATER)
class GetQueueInfo(Request):
    """Ask for the statistics of a queue.  [MS-TRP] 2.2.4.1.3.40"""

    dwRequestID: int = requestID()
    lpContext: int = echoed()
    hLine: int = handle(HLINE)
    dwQueueID: int = dword()
    lpQueueInfoContext: int = echoed()
    lpQueueInfo: int | LINEQUEUEINFO = room(LINEQUEUEINFO)


@request(152, replies=LATER)
class GetGroupList(Request):
    """Ask for all groups.  [MS-TRP] 2.2.4.1.3.34"""

    dwRequestID: int = requestID()
    lpContext: int = echoed()
    hLine: int = handle(HLINE)
    lpGroupListContext: int = echoed()
    lpAgentGroupListSize: int | LINEAGENTGROUPLIST = room(LINEAGENTGROUPLIST)


@request(157, replies=LATER)
class SetAgentStateEx(Request):
    """Set the state of an agent.  [MS-TRP] 2.2.4.1.3.62"""

    dwRequestID: int = requestID()
    hLine: int = handle(HLINE)
    hAgent: int = handle(HAGENT)
    dwAgentState: int = choice(LINEAGENTSTATEEX)
    dwNextAgentState: int = choice(LINEAGENTSTATEEX)


@request(158, replies=NOW)
class GetProxyStatus(Request):
    """Ask which of these requests are served for a device.  [MS-TRP] 2.2.4.1.3.39"""

    hLineApp: int = handle(HLINEAPP)
    dwDeviceID: int = deviceID()
    dwAppAPIVersion: int = dword()
    lpLineProxyRequestList: int | LINEPROXYREQUESTLIST = room(LINEPROXYREQUESTLIST)
