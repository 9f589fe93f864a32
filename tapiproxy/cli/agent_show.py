"""
The commands that show something: what is asked of the server, and how the answer reads.

The commands that change something are in `agent_change`; the table of all is in `agent_commands`.
"""

import argparse
from collections.abc import Iterable

from tapiproxy.cli.agent_application import AgentApplication
from tapiproxy.cli.agent_words import (
    callRate,
    duration,
    handle,
    sessionStart,
    shown,
    table,
    version,
    words,
)
from tapiproxy.cli.main import CommandError
from tapiproxy.tapi.lineconstants import (
    LINEAGENTFEATURE,
    LINEAGENTSESSIONSTATE,
    LINEAGENTSTATE,
    LINEAGENTSTATEEX,
    LINEMEDIAMODE,
    LINEPROXYREQUEST,
)

__all__ = [
    "activities",
    "caps",
    "groups",
    "info",
    "lines",
    "myGroups",
    "proxyStatus",
    "queues",
    "sessions",
    "status",
    "watch",
]


async def lines(app: AgentApplication, options: argparse.Namespace) -> None:
    """Show the lines that the server shows to this user."""
    client = await app.client()
    rows = []
    for dwDeviceID in range(client.dwNumDevs):
        negotiated = (await client.negotiateAPIVersion(dwDeviceID)).dwNegotiatedVersion
        caps = await client.getDevCaps(dwDeviceID, negotiated)
        rows.append(
            (
                dwDeviceID,
                caps.LineName or "",
                caps.dwNumAddresses,
                version(negotiated),
                handle(caps.dwPermanentLineID),
            )
        )
    app.write(table(("LINE", "NAME", "ADDRESSES", "TAPI", "PERMANENT ID"), rows))


async def caps(app: AgentApplication, options: argparse.Namespace) -> None:
    """Show what the line, its address and the ACD behind it can do."""
    negotiated = await app.version()
    client = await app.client()
    dwDeviceID, dwAddressID = app.wanted.dwDeviceID, app.wanted.dwAddressID
    device = await client.getDevCaps(dwDeviceID, negotiated)
    address = await client.getAddressCaps(dwDeviceID, dwAddressID, negotiated)
    agent = await client.getAgentCaps(dwDeviceID, dwAddressID, negotiated)
    app.write(
        _pairs(
            (
                ("line", device.LineName or ""),
                ("provider", device.ProviderInfo or ""),
                ("switch", device.SwitchInfo or ""),
                ("addresses", device.dwNumAddresses),
                ("media", words(LINEMEDIAMODE, device.dwMediaModes)),
                ("address", address.Address or ""),
                ("ACD", agent.AgentHandlerInfo or ""),
                ("ACD version", version(agent.dwCapsVersion)),
                ("agent features", words(LINEAGENTFEATURE, agent.dwFeatures)),
                ("agent states", words(LINEAGENTSTATE, agent.dwStates)),
                ("next states", words(LINEAGENTSTATE, agent.dwNextStates)),
                ("groups at once", agent.dwMaxNumGroupEntries),
                ("extensions", len(agent.AgentExtensionIDList)),
            )
        )
    )


async def groups(app: AgentApplication, options: argparse.Namespace) -> None:
    """Show all groups of the ACD."""
    found = (await (await app.line()).getGroupList()).List
    app.write(table(("GROUP", "ID"), [(g.Name or "", g.GroupID) for g in found]))


async def myGroups(app: AgentApplication, options: argparse.Namespace) -> None:
    """Show the groups that the agent may log in to on this address."""
    line = await app.line()
    if app.wanted.agentID is not None:
        await app.agent()
    found = (await line.getAgentGroupList(app.wanted.dwAddressID)).List
    app.write(table(("GROUP", "ID"), [(g.Name or "", g.GroupID) for g in found]))


async def queues(app: AgentApplication, options: argparse.Namespace) -> None:
    """Show the queues of a group, or of all."""
    line = await app.line()
    wanted = [await app.group(options.group)] if options.group else (await line.getGroupList()).List
    rows = []
    for group in wanted:
        for queue in (await line.getQueueList(group.GroupID)).List:
            rows.append((queue.dwQueueID, queue.Name or "", group.Name or ""))
    app.write(table(("QUEUE", "NAME", "GROUP"), rows))


async def sessions(app: AgentApplication, options: argparse.Namespace) -> None:
    """Show the agent's sessions."""
    line = await app.line()
    found = (await line.getAgentSessionList(await app.agent())).List
    names = {group.GroupID: group.Name for group in (await line.getGroupList()).List}
    rows = []
    for session in found:
        info = await line.getAgentSessionInfo(session.hAgentSession)
        rows.append(
            (
                handle(session.hAgentSession),
                names.get(session.GroupID) or session.GroupID,
                session.dwWorkingAddressID,
                words(LINEAGENTSESSIONSTATE, info.dwAgentSessionState),
                words(LINEAGENTSESSIONSTATE, info.dwNextAgentSessionState),
            )
        )
    app.write(table(("SESSION", "GROUP", "ADDRESS", "STATE", "NEXT"), rows))


async def status(app: AgentApplication, options: argparse.Namespace) -> None:
    """Show who is on this address and what may be set now."""
    found = await (await app.line()).getAgentStatus(app.wanted.dwAddressID)
    app.write(
        _pairs(
            (
                ("address", app.wanted.dwAddressID),
                ("state", words(LINEAGENTSTATE, found.dwState)),
                ("next state", words(LINEAGENTSTATE, found.dwNextState)),
                ("activity", found.Activity or "-"),
                ("groups", ", ".join(g.Name or str(g.GroupID) for g in found.GroupList) or "-"),
                ("may be set", words(LINEAGENTSTATE, found.dwValidStates)),
                ("as next", words(LINEAGENTSTATE, found.dwValidNextStates)),
            )
        )
    )


async def activities(app: AgentApplication, options: argparse.Namespace) -> None:
    """Show what an agent may be doing."""
    found = (await (await app.line()).getAgentActivityList(app.wanted.dwAddressID)).List
    app.write(table(("ACTIVITY", "NAME"), [(a.dwID, a.Name or "") for a in found]))


async def info(app: AgentApplication, options: argparse.Namespace) -> None:
    """Show state and figures of the agent, of one of his sessions, or of a queue."""
    if options.subject == "agent":
        app.write(await _agentFigures(app))
        return
    if options.name is None:
        raise CommandError(f"which {options.subject}? Name it: info {options.subject} NAME")
    if options.subject == "session":
        app.write(await _sessionFigures(app, await app.session(options.name)))
    else:
        app.write(await _queueFigures(app, options.name))


async def proxyStatus(app: AgentApplication, options: argparse.Namespace) -> None:
    """Show which requests something behind the server answers now."""
    negotiated = await app.version()
    client = await app.client()
    found = (await client.getProxyStatus(app.wanted.dwDeviceID, negotiated)).List
    rows = [
        (LINEPROXYREQUEST.names(each), "yes" if each in found else "no")
        for each in LINEPROXYREQUEST
    ]
    app.write(table(("REQUEST", "ANSWERED"), rows))


async def watch(app: AgentApplication, options: argparse.Namespace) -> None:
    """Print events until Ctrl-C."""
    if app.wanted.agentID is not None:
        await app.agent()
    await app.line()
    await app.pause(options.seconds)


async def _agentFigures(app: AgentApplication) -> str:
    info = await (await app.line()).getAgentInfo(await app.agent())
    return _pairs(
        (
            ("state", words(LINEAGENTSTATEEX, info.dwAgentState)),
            ("next state", words(LINEAGENTSTATEEX, info.dwNextAgentState)),
            ("measured over", duration(info.dwMeasurementPeriod)),
            ("calls per hour", callRate(info.cyOverallCallRate)),
            ("ACD calls", info.dwNumberOfACDCalls),
            ("incoming calls", info.dwNumberOfIncomingCalls),
            ("outgoing calls", info.dwNumberOfOutgoingCalls),
            ("ACD talk time", duration(info.dwTotalACDTalkTime)),
            ("ACD call time", duration(info.dwTotalACDCallTime)),
            ("ACD wrap-up time", duration(info.dwTotalACDWrapUpTime)),
        )
    )


async def _sessionFigures(app: AgentApplication, hAgentSession: int) -> str:
    info = await (await app.line()).getAgentSessionInfo(hAgentSession)
    return _pairs(
        (
            ("session", handle(hAgentSession)),
            ("state", words(LINEAGENTSESSIONSTATE, info.dwAgentSessionState)),
            ("next state", words(LINEAGENTSESSIONSTATE, info.dwNextAgentSessionState)),
            ("began", sessionStart(info.dateSessionStartTime)),
            ("duration", duration(info.dwSessionDuration)),
            ("calls", info.dwNumberOfCalls),
            ("calls per hour", callRate(info.cyACDCallRate)),
            ("talk time", duration(info.dwTotalTalkTime)),
            ("on average", duration(info.dwAverageTalkTime)),
            ("call time", duration(info.dwTotalCallTime)),
            ("on average", duration(info.dwAverageCallTime)),
            ("wrap-up time", duration(info.dwTotalWrapUpTime)),
            ("on average", duration(info.dwAverageWrapUpTime)),
            ("time to answer", duration(info.dwAverageTimeToAnswer)),
            ("longest", duration(info.dwLongestTimeToAnswer)),
        )
    )


async def _queueFigures(app: AgentApplication, name: str) -> str:
    queue = await app.queue(name)
    info = await (await app.line()).getQueueInfo(queue.dwQueueID)
    return _pairs(
        (
            ("queue", queue.Name or queue.dwQueueID),
            ("measured over", duration(info.dwMeasurementPeriod)),
            ("calls", info.dwTotalCallsQueued),
            ("waiting now", info.dwCurrentCallsQueued),
            ("abandoned", info.dwTotalCallsAbandoned),
            ("flowed in", info.dwTotalCallsFlowedIn),
            ("flowed out", info.dwTotalCallsFlowedOut),
            ("longest wait ever", duration(info.dwLongestEverWaitTime)),
            ("longest wait now", duration(info.dwCurrentLongestWaitTime)),
            ("average wait", duration(info.dwAverageWaitTime)),
            ("final disposition", info.dwFinalDisposition),
        )
    )


def _pairs(pairs: Iterable[tuple[str, object]]) -> str:
    shownPairs = [(name, shown(value)) for name, value in pairs]
    width = max(len(name) for name, _ in shownPairs)
    return "\n".join(f"{name.ljust(width)}  {value}".rstrip() for name, value in shownPairs)
