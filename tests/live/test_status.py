"""What applications hear without asking: status events of the demo site, by version."""

from tests.live.demosite import (
    agentHandle,
    sessionHandle,
)
from tests.live.packets import (
    LINE_AGENTSESSIONSTATUS,
    LINE_AGENTSTATUS,
    LINE_AGENTSTATUSEX,
    LINE_REPLY,
    LINEAGENTSESSIONSTATE_READY,
    LINEAGENTSESSIONSTATUS_NEWSESSION,
    LINEAGENTSESSIONSTATUS_STATE,
    LINEAGENTSTATE_READY,
    LINEAGENTSTATEEX_READY,
    LINEAGENTSTATUS_STATE,
    LINEAGENTSTATUSEX_NEWAGENT,
    LINEAGENTSTATUSEX_STATE,
    SetAgentSessionState,
)


def test_statusEvents(application, watcher):
    """Agent, session and states: every application with the line open is told, in this order."""
    hAgent = agentHandle(application)
    event = watcher.remotesp.take(lambda event: event.Msg == LINE_AGENTSTATUSEX)
    assert (event.Param1, event.Param2) == (hAgent, LINEAGENTSTATUSEX_NEWAGENT)
    assert event.InitContext == watcher.InitContext
    assert event.OpenContext == watcher.OpenContext

    hAgentSession = sessionHandle(application, hAgent)
    event = watcher.remotesp.take(lambda event: event.Msg == LINE_AGENTSESSIONSTATUS)
    assert event.Param1 == hAgentSession
    assert event.Param2 & LINEAGENTSESSIONSTATUS_NEWSESSION

    application.succeed(
        SetAgentSessionState,
        application.hLine,
        hAgentSession,
        LINEAGENTSESSIONSTATE_READY,
        0,
    )
    event = watcher.remotesp.take(
        lambda event: (
            event.Msg == LINE_AGENTSESSIONSTATUS
            and bool(event.Param2 & LINEAGENTSESSIONSTATUS_STATE)
            and event.Param3 == LINEAGENTSESSIONSTATE_READY
        )
    )
    assert event.Param1 == hAgentSession
    event = watcher.remotesp.take(
        lambda event: (
            event.Msg == LINE_AGENTSTATUSEX
            and bool(event.Param2 & LINEAGENTSTATUSEX_STATE)
            and event.Param3 == LINEAGENTSTATEEX_READY
        )
    )
    assert event.Param1 == hAgent
    event = watcher.remotesp.take(
        lambda event: (
            event.Msg == LINE_AGENTSTATUS
            and bool(event.Param2 & LINEAGENTSTATUS_STATE)
            and event.Param3 == LINEAGENTSTATE_READY
        )
    )
    assert event.Param1 == 0, "the address"
    assert not [event for event in watcher.remotesp.events if event.Msg == LINE_REPLY]


def test_oldApplicationsHearLess(server, application, makeAgent):
    """At TAPI 2.0 there are LINE_AGENTSTATUS events, but none of those that came with 2.2."""
    old = makeAgent(server, machine="OLD").establish(version=0x00020000)
    hAgentSession = sessionHandle(application, agentHandle(application))
    application.succeed(
        SetAgentSessionState,
        application.hLine,
        hAgentSession,
        LINEAGENTSESSIONSTATE_READY,
        0,
    )
    old.remotesp.take(
        lambda event: event.Msg == LINE_AGENTSTATUS and event.Param3 == LINEAGENTSTATE_READY
    )
    assert {event.Msg for event in old.remotesp.events} <= {LINE_AGENTSTATUS}
