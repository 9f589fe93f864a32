"""ACD proxy requests, [MS-TRP] 4.11 and 4.12, and all twenty of them against the demo site."""

import struct
import time
import uuid

from tests.live import packets
from tests.live.demosite import (
    CONTEXT,
    RESULT_CONTEXT,
    ROOM,
    agentHandle,
    createAgent,
    createSession,
    getStruct,
    groups,
    payload,
    sessionForAGroup,
    sessionHandle,
)
from tests.live.packets import (
    LINE_AGENTSPECIFIC,
    LINEAGENTSESSIONSTATE_BUSYWRAPUP,
    LINEAGENTSESSIONSTATE_ENDED,
    LINEAGENTSESSIONSTATE_NOTREADY,
    LINEAGENTSESSIONSTATE_READY,
    LINEAGENTSTATE_LOGGEDOFF,
    LINEAGENTSTATE_NOTREADY,
    LINEAGENTSTATE_READY,
    LINEAGENTSTATEEX_NOTREADY,
    LINEAGENTSTATEEX_READY,
    LINEERR_INVALADDRESSID,
    LINEERR_INVALADDRESSSTATE,
    LINEERR_INVALAGENTACTIVITY,
    LINEERR_INVALAGENTID,
    LINEERR_INVALAGENTSESSIONSTATE,
    LINEERR_INVALGROUPID,
    LINEERR_INVALLINEHANDLE,
    LINEERR_INVALPARAM,
    LINEERR_INVALPASSWORD,
    LINEERR_STRUCTURETOOSMALL,
    NO_DATA,
    AgentSpecific,
    CreateAgent,
    Event,
    GetAgentActivityList,
    GetAgentCaps,
    GetAgentGroupList,
    GetAgentInfo,
    GetAgentSessionInfo,
    GetAgentSessionList,
    GetAgentStatus,
    GetGroupList,
    GetProxyStatus,
    GetQueueInfo,
    GetQueueList,
    SetAgentActivity,
    SetAgentGroup,
    SetAgentMeasurementPeriod,
    SetAgentSessionState,
    SetAgentState,
    SetAgentStateEx,
    SetQueueMeasurementPeriod,
    VarData,
)
from tests.live.peer import Agent

# The examples of the specification.


def test_proxyRequestAndResponse(application):
    """4.11: CreateAgent is acknowledged with its request ID, then answered by LINE_REPLY."""
    area = VarData()
    agentID, PIN = area.text("1001"), area.text("1234")
    reply = application.ask(
        CreateAgent,
        0x4711,
        CONTEXT,
        application.hLine,
        agentID,
        PIN,
        RESULT_CONTEXT,
        varData=area.data,
    )
    assert reply.ack == 0x4711
    assert reply.args[:6] == (0x4711, CONTEXT, application.hLine, agentID, PIN, RESULT_CONTEXT)
    event = application.reply(0x4711)
    assert event.Param2 == 0
    (hAgent,) = struct.unpack("<I", payload(application, event))
    assert hAgent != 0


def test_agentSessionForAGroup(application):
    """4.12: create an agent, ask for the groups he may join, create a session for one of them."""
    hAgent, hAgentSession, Sales = sessionForAGroup(application)
    (entry,) = packets.sessionList(getStruct(application, GetAgentSessionList, hAgent))
    assert entry == (hAgentSession, hAgent, Sales, 0)


# The twelve requests of TAPI 2.2.


def test_CreateAgent(application, server, makeAgent):
    """The same agent has the same handle for every application; another agent has another."""
    hAgent = agentHandle(application)
    assert agentHandle(application) == hAgent
    assert agentHandle(application, "1002") != hAgent
    assert agentHandle(makeAgent(server).establish()) == hAgent


def test_CreateAgent_refused(application):
    """An unknown agent and a wrong PIN are refused in LINE_REPLY, without data."""
    for name, PIN, code in [
        ("4711", "1234", LINEERR_INVALAGENTID),
        ("1001", "4321", LINEERR_INVALPASSWORD),
        (None, None, LINEERR_INVALAGENTID),
    ]:
        event = createAgent(application, name, PIN)
        assert event.Param2 == code
        assert payload(application, event) == b""


def test_CreateAgentSession_refused(application):
    """An unknown group or agent is refused in LINE_REPLY."""
    hAgent = agentHandle(application)
    event = createSession(application, hAgent, uuid.uuid4(), "1234")
    assert event.Param2 == LINEERR_INVALGROUPID
    event = createSession(application, hAgent ^ 0x10101010, groups(application)["Sales"], "1234")
    assert event.Param2 == LINEERR_INVALAGENTID
    assert payload(application, event) == b""


def test_GetGroupList(application):
    """All groups of the demo site."""
    found = groups(application)
    assert sorted(found) == ["Sales", "Support"]
    assert found["Sales"] != found["Support"]


def test_GetAgentInfo(application):
    """A new agent has done nothing yet."""
    hAgent = agentHandle(application)
    info = packets.unpack(packets.AgentInfo, getStruct(application, GetAgentInfo, hAgent))
    assert info.dwAgentState == LINEAGENTSTATEEX_NOTREADY
    assert info.dwMeasurementPeriod == 86400
    assert info.cyOverallCallRate == 0
    assert info[4:] == (0,) * 6


def test_SetAgentMeasurementPeriod(application):
    """The period set is the period that GetAgentInfo shows."""
    hAgent = agentHandle(application)
    event = application.succeed(SetAgentMeasurementPeriod, application.hLine, hAgent, 900)
    assert event.Context == 0
    info = packets.unpack(packets.AgentInfo, getStruct(application, GetAgentInfo, hAgent))
    assert info.dwMeasurementPeriod == 900


def test_GetAgentSessionList(application):
    """One entry per session, with group and address."""
    hAgent = agentHandle(application)
    assert packets.sessionList(getStruct(application, GetAgentSessionList, hAgent)) == []
    site = groups(application)
    sales = sessionHandle(application, hAgent, "Sales")
    support = sessionHandle(application, hAgent, "Support")
    found = packets.sessionList(getStruct(application, GetAgentSessionList, hAgent))
    assert sorted(found) == sorted(
        [(sales, hAgent, site["Sales"], 0), (support, hAgent, site["Support"], 0)]
    )


def test_GetAgentSessionInfo(application):
    """A new session: its start as an OLE date in UTC, and nothing done yet."""
    begun = time.time()
    hAgentSession = sessionHandle(application, agentHandle(application))
    info = packets.unpack(
        packets.AgentSessionInfo, getStruct(application, GetAgentSessionInfo, hAgentSession)
    )
    assert info.dwAgentSessionState == LINEAGENTSESSIONSTATE_NOTREADY
    started = (info.dateSessionStartTime - 25569) * 86400
    assert begun - 2 < started < time.time() + 2
    assert info.dwSessionDuration < 10
    assert info[4:] == (0,) * 10


def test_SetAgentSessionState(application):
    """Not ready, ready, ended: what is set is what GetAgentSessionInfo shows."""
    hAgentSession = sessionHandle(application, agentHandle(application))
    for state in (LINEAGENTSESSIONSTATE_READY, LINEAGENTSESSIONSTATE_NOTREADY):
        application.succeed(SetAgentSessionState, application.hLine, hAgentSession, state, 0)
        info = getStruct(application, GetAgentSessionInfo, hAgentSession)
        assert packets.unpack(packets.AgentSessionInfo, info).dwAgentSessionState == state
    application.succeed(
        SetAgentSessionState, application.hLine, hAgentSession, LINEAGENTSESSIONSTATE_ENDED, 0
    )
    event = application.complete(
        SetAgentSessionState, application.hLine, hAgentSession, LINEAGENTSESSIONSTATE_READY, 0
    )
    assert event.Param2 == LINEERR_INVALAGENTSESSIONSTATE


def queues(application: Agent, group: str) -> dict[str, int]:
    """The queues of a group by name."""
    area = VarData()
    offset = area.add(groups(application)[group].bytes_le)
    event = application.succeed(
        GetQueueList,
        CONTEXT,
        application.hLine,
        offset,
        16,
        RESULT_CONTEXT,
        ROOM,
        varData=area.data,
    )
    return packets.namedList(packets.cutStruct(payload(application, event)))


def test_GetQueueList(application):
    """Each group of the demo site has one queue of its own."""
    sales, support = queues(application, "Sales"), queues(application, "Support")
    assert len(sales) == len(support) == 1
    assert set(sales.values()).isdisjoint(support.values())


def test_GetQueueInfo(application):
    """A queue where nobody has waited yet."""
    (queue,) = queues(application, "Sales").values()
    info = packets.unpack(packets.QueueInfo, getStruct(application, GetQueueInfo, queue))
    assert info[1:] == (0,) * 9


def test_SetQueueMeasurementPeriod(application):
    """The period set is the period that GetQueueInfo shows."""
    (queue,) = queues(application, "Support").values()
    application.succeed(SetQueueMeasurementPeriod, application.hLine, queue, 1200)
    info = packets.unpack(packets.QueueInfo, getStruct(application, GetQueueInfo, queue))
    assert info.dwMeasurementPeriod == 1200


def test_SetAgentStateEx(application):
    """Ready and not ready: what is set is what GetAgentInfo shows."""
    hAgent = agentHandle(application)
    sessionHandle(application, hAgent)
    for state in (LINEAGENTSTATEEX_READY, LINEAGENTSTATEEX_NOTREADY):
        application.succeed(SetAgentStateEx, application.hLine, hAgent, state, 0)
        info = packets.unpack(packets.AgentInfo, getStruct(application, GetAgentInfo, hAgent))
        assert info.dwAgentState == state


# The eight requests of TAPI 2.0.


def status(application: Agent) -> packets.AgentStatus:
    """LINEAGENTSTATUS of the first address."""
    return packets.unpack(packets.AgentStatus, getStruct(application, GetAgentStatus, 0))


def test_GetAgentCaps(application):
    """What the built-in ACD can do: every feature, every state, its extensions."""
    event = application.succeed(
        GetAgentCaps, CONTEXT, application.hLineApp, 0, 0, 0x00020002, RESULT_CONTEXT, ROOM
    )
    assert (event.hDevice, event.OpenContext) == (0, 0)
    data = packets.cutStruct(payload(application, event))
    caps = packets.unpack(packets.AgentCaps, data)
    assert packets.sizedText(data, 12) == "tapiproxy built-in ACD"
    assert caps.dwCapsVersion == 0x00020002
    assert caps.dwFeatures == 0x3F
    # LOGGEDOFF, NOTREADY, READY, WORKINGAFTERCALL.
    assert caps.dwStates == caps.dwNextStates == 0x87
    assert caps.dwMaxNumGroupEntries == 64
    # All of LINEAGENTSTATUS_Constants but CAPSCHANGE.
    assert caps.dwAgentStatusMessages == 0x1BF
    (extension,) = packets.entries(data, 16, 44)
    assert extension == struct.pack("<4I", 0x74617069, 0x70726F78, 0x79616364, 1)
    assert caps.ProxyGUID != bytes(16)


def test_GetAgentCaps_ofTAPI20(application):
    """For an application of TAPI 2.0 the struct ends before ProxyGUID."""
    event = application.succeed(
        GetAgentCaps, CONTEXT, application.hLineApp, 0, 0, 0x00020000, RESULT_CONTEXT, ROOM
    )
    data = packets.cutStruct(payload(application, event))
    info, ids = struct.unpack_from("<I", data, 16)[0], struct.unpack_from("<I", data, 52)[0]
    assert min(info, ids) == 56


def test_SetAgentGroup(application):
    """Logged on at the address into both groups, then logged off with an empty list."""
    site = groups(application)
    agentHandle(application)
    assert status(application).dwState == LINEAGENTSTATE_LOGGEDOFF
    both = packets.packGroupList(site["Sales"], site["Support"])
    event = application.succeed(SetAgentGroup, application.hLine, 0, 0, varData=both)
    assert event.Context == 0
    data = getStruct(application, GetAgentStatus, 0)
    assert {uuid.UUID(bytes_le=entry[:16]) for entry in packets.entries(data, 24)} == set(
        site.values()
    )
    application.succeed(SetAgentGroup, application.hLine, 0, 0, varData=packets.packGroupList())
    assert status(application).dwState == LINEAGENTSTATE_LOGGEDOFF


def test_SetAgentState(application):
    """Ready and not ready at the address: what is set is what GetAgentStatus shows."""
    sessionHandle(application, agentHandle(application))
    for state in (LINEAGENTSTATE_READY, LINEAGENTSTATE_NOTREADY):
        application.succeed(SetAgentState, application.hLine, 0, state, 0)
        assert status(application).dwState == state


def test_SetAgentState_withoutAgent(application):
    """Nobody is at the address: only the handler knows, so LINE_REPLY refuses."""
    event = application.complete(SetAgentState, application.hLine, 0, LINEAGENTSTATE_READY, 0)
    assert event.Param2 == LINEERR_INVALADDRESSSTATE


def activities(application: Agent) -> dict[str, int]:
    """The activities of the site by name."""
    return packets.namedList(getStruct(application, GetAgentActivityList, 0))


def test_GetAgentActivityList(application):
    """The activities of the demo site."""
    assert activities(application) == {"Lunch": 1, "Training": 2, "Meeting": 3}


def test_SetAgentActivity(application):
    """What the agent does is what GetAgentStatus shows, by number and name."""
    sessionHandle(application, agentHandle(application))
    name, number = next(iter(activities(application).items()))
    application.succeed(SetAgentActivity, application.hLine, 0, number)
    data = getStruct(application, GetAgentStatus, 0)
    assert packets.unpack(packets.AgentStatus, data).dwActivityID == number
    assert packets.sizedText(data, 36) == name
    event = application.complete(SetAgentActivity, application.hLine, 0, 0x7FFFFFFF)
    assert event.Param2 == LINEERR_INVALAGENTACTIVITY


def test_GetAgentStatus(application):
    """Nobody is at the address: logged off and no error; then an agent in two groups."""
    found = status(application)
    assert (found.dwNumEntries, found.dwActivityID) == (0, 0)
    assert found.dwState == found.dwNextState == LINEAGENTSTATE_LOGGEDOFF
    assert found.dwValidStates == LINEAGENTSTATE_LOGGEDOFF
    # SETAGENTSTATE and SETAGENTACTIVITY need somebody.
    assert found.dwAgentFeatures == 0x39
    hAgent = agentHandle(application)
    sessionHandle(application, hAgent, "Sales")
    sessionHandle(application, hAgent, "Support")
    found = status(application)
    assert found.dwNumEntries == 2
    assert found.dwState == found.dwNextState == LINEAGENTSTATE_NOTREADY
    assert found.dwValidStates == found.dwValidNextStates == 0x87
    assert found.dwAgentFeatures == 0x3F


def test_GetAgentGroupList(application):
    """Before CreateAgent there is nobody to list groups for; after it there are his."""
    assert packets.groupList(getStruct(application, GetAgentGroupList, 0)) == {}
    agentHandle(application)
    mine = packets.groupList(getStruct(application, GetAgentGroupList, 0))
    assert mine == groups(application)


def agentSpecific(application: Agent, hAgentSession: int, seconds: int) -> Event:
    """AgentSpecific with the block of the built-in ACD's wrap-up extension."""
    return application.complete(
        AgentSpecific,
        CONTEXT,
        application.hLine,
        0,
        0,
        RESULT_CONTEXT,
        0,
        8,
        varData=struct.pack("<2I", hAgentSession, seconds),
    )


def test_AgentSpecific(application, watcher):
    """The wrap-up extension asks for the seconds left, and sets them; others hear of it."""
    hAgentSession = sessionHandle(application, agentHandle(application))
    event = agentSpecific(application, hAgentSession, 0xFFFFFFFF)
    assert event.Param2 == 0
    assert struct.unpack("<2I", payload(application, event)) == (hAgentSession, 0)
    event = agentSpecific(application, hAgentSession, 60)
    assert event.Param2 == LINEERR_INVALAGENTSESSIONSTATE

    wrapUp = (SetAgentSessionState, application.hLine, hAgentSession)
    application.succeed(*wrapUp, LINEAGENTSESSIONSTATE_BUSYWRAPUP, 0)
    event = agentSpecific(application, hAgentSession, 60)
    assert struct.unpack("<2I", payload(application, event)) in (
        (hAgentSession, 59),
        (hAgentSession, 60),
    )
    event = watcher.remotesp.take(lambda event: event.Msg == LINE_AGENTSPECIFIC)
    assert (event.Param1, event.Param2) == (0, hAgentSession)


def test_GetProxyStatus(application):
    """The built-in ACD is registered for all twenty requests."""
    reply = application.must(GetProxyStatus, application.hLineApp, 0, 0x00020002, ROOM, room=ROOM)
    assert packets.proxyRequestList(reply.struct(reply.args[3])) == list(range(1, 21))


# What the server itself refuses, before there is a request ID.


def test_refusedAtOnce(application):
    """A wrong handle, address, offset or size is answered in the acknowledgement."""
    hLine = application.hLine
    for code, packet in [
        (LINEERR_INVALLINEHANDLE, (GetGroupList, 0, 0, hLine ^ 0xFF00, 0, 512)),
        (LINEERR_INVALADDRESSID, (GetAgentGroupList, 0, 0, hLine, 7, 0, 512)),
        (LINEERR_STRUCTURETOOSMALL, (GetAgentGroupList, 0, 0, hLine, 0, 0, 8)),
        (LINEERR_INVALPARAM, (CreateAgent, 0, 0, hLine, 4096, NO_DATA, 0)),
        (LINEERR_INVALPARAM, (CreateAgent, 0x80000000, 0, hLine, NO_DATA, NO_DATA, 0)),
    ]:
        assert hex(application.ask(*packet).ack) == hex(code), packet
    time.sleep(0.2)
    assert application.remotesp.events == []


def test_outstandingRequestID(application):
    """Generated request IDs are positive and differ; the client's own are used as they are."""
    found = {
        application.ask(GetGroupList, 0, CONTEXT, application.hLine, RESULT_CONTEXT, 512).ack
        for _ in range(20)
    }
    assert len(found) == 20
    for requestID in found:
        assert 0 < requestID < 0x80000000
        assert application.reply(requestID).Param2 == 0


def test_tooLittleRoom(application):
    """A list that does not fit comes as its fixed part, with the size that it needs."""
    event = application.succeed(GetGroupList, CONTEXT, application.hLine, RESULT_CONTEXT, 24)
    data = payload(application, event)
    assert len(data) == 24
    total, needed, used, count = struct.unpack_from("<4I", data)
    assert (total, used, count) == (24, 24, 0)
    event = application.succeed(GetGroupList, CONTEXT, application.hLine, RESULT_CONTEXT, needed)
    assert sorted(packets.groupList(payload(application, event))) == ["Sales", "Support"]
