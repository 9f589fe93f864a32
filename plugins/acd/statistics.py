"""
The figures of LINEAGENTINFO, LINEAGENTSESSIONINFO and LINEQUEUEINFO, from a model.

What each figure means, to the second, is written in ``docs/statistics.md``; `recount` computes the
same from the bare events.  [MS-TRP] 2.2.6.16, 2.2.6.29, 2.2.6.47
"""

import datetime
from collections.abc import Iterable

from tapiproxy.plugins.acd.model import Agent, Queue, Session
from tapiproxy.plugins.acd.states import (
    BUSYWRAPUP,
    INCOMING,
    OUTGOING,
    busiest,
)
from tapiproxy.tapi.agentstructs import LINEAGENTINFO, LINEAGENTSESSIONINFO, LINEQUEUEINFO
from tapiproxy.tapi.lineconstants import LINEAGENTSTATEEX_NOTREADY, LINEAGENTSTATEEX_RELEASED

__all__ = [
    "agentInfo",
    "agentNextState",
    "agentState",
    "average",
    "nextState",
    "oleDate",
    "perHour",
    "queueInfo",
    "seconds",
    "sessionInfo",
]

_HIGHEST_DWORD = 0xFFFFFFFF

#: Day 0 of an OLE DATE.
_OLE_EPOCH = datetime.datetime(1899, 12, 30)


def agentInfo(agent: Agent, now: int) -> LINEAGENTINFO:
    """
    State and statistics of an agent.

    :param now: the end of his measurement period, in milliseconds since 1970.
    """
    begin = now - agent.period * 1000
    calls, talk = agent.ended.since(begin)
    (wrapUp,) = agent.wrapUps.since(begin)
    (incoming,) = agent.incoming.since(begin)
    (outgoing,) = agent.outgoing.since(begin)
    for session in agent.sessions.values():
        calls += len(session.calls)
        talk += _running(session.calls.values(), now)
        wrapUp += _runningWrapUp(session, now)
    for call in agent.nonACD.values():
        incoming += call.direction == INCOMING
        outgoing += call.direction == OUTGOING
    active = agent.active.since(begin)
    if agent.activeSince:
        active += max(0, now - max(begin, agent.activeSince))
    return LINEAGENTINFO(
        dwAgentState=agentState(agent),
        dwNextAgentState=agentNextState(agent),
        dwMeasurementPeriod=agent.period,
        cyOverallCallRate=perHour(calls, active),
        dwNumberOfACDCalls=calls,
        dwNumberOfIncomingCalls=incoming,
        dwNumberOfOutgoingCalls=outgoing,
        dwTotalACDTalkTime=seconds(talk),
        dwTotalACDCallTime=seconds(talk + wrapUp),
        dwTotalACDWrapUpTime=seconds(wrapUp),
    )


def sessionInfo(session: Session, now: int, timeZone: datetime.tzinfo) -> LINEAGENTSESSIONINFO:
    """
    State and statistics of a session, over its whole life.

    :param now: in milliseconds since 1970.
    :param timeZone: in which its beginning is told.
    """
    duration = max(0, (session.ended or now) - session.began)
    talk = session.talk + _running(session.calls.values(), now)
    wrapUp = session.wrapUp + _runningWrapUp(session, now)
    return LINEAGENTSESSIONINFO(
        dwAgentSessionState=session.state,
        dwNextAgentSessionState=nextState(session),
        dateSessionStartTime=oleDate(session.began, timeZone),
        dwSessionDuration=seconds(duration),
        dwNumberOfCalls=session.answered,
        dwTotalTalkTime=seconds(talk),
        dwAverageTalkTime=average(talk, session.answered),
        dwTotalCallTime=seconds(talk + wrapUp),
        dwAverageCallTime=average(talk + wrapUp, session.answered),
        dwTotalWrapUpTime=seconds(wrapUp),
        dwAverageWrapUpTime=average(wrapUp, session.answered),
        cyACDCallRate=perHour(session.answered, duration),
        dwLongestTimeToAnswer=seconds(session.longestAnswer),
        dwAverageTimeToAnswer=average(session.answerTime, session.answered),
    )


def queueInfo(queue: Queue, now: int) -> LINEQUEUEINFO:
    """
    The statistics of a queue.

    :param now: the end of its measurement period, in milliseconds since 1970.
    """
    begin = now - queue.period * 1000
    entered, flowedIn = queue.entered.since(begin)
    left, waited, abandoned, flowedOut = queue.left.since(begin)
    longest = max((max(0, now - since) for since in queue.waiting.values()), default=0)
    return LINEQUEUEINFO(
        dwMeasurementPeriod=queue.period,
        dwTotalCallsQueued=entered,
        dwCurrentCallsQueued=len(queue.waiting),
        dwTotalCallsAbandoned=abandoned,
        dwTotalCallsFlowedIn=flowedIn,
        dwTotalCallsFlowedOut=flowedOut,
        dwLongestEverWaitTime=seconds(max(queue.longest, longest)),
        dwCurrentLongestWaitTime=seconds(longest),
        dwAverageWaitTime=average(waited, left),
        dwFinalDisposition=left - flowedOut,
    )


def agentState(agent: Agent) -> int:
    """The LINEAGENTSTATEEX_ of an agent: the busiest of his sessions and calls."""
    row = agent.row()
    if row is not None:
        return row.agentStateEx
    return LINEAGENTSTATEEX_RELEASED if agent.released else LINEAGENTSTATEEX_NOTREADY


def nextState(session: Session) -> int:
    """The LINEAGENTSESSIONSTATE_ into which a session goes when its call is over."""
    if not session.live:
        return session.state
    return session.next or session.resting


def seconds(milliseconds: int) -> int:
    """Whole seconds, as a DWORD holds them."""
    return min(milliseconds // 1000, _HIGHEST_DWORD)


def average(milliseconds: int, count: int) -> int:
    """Whole seconds for each of ``count``; 0 for none."""
    return seconds(milliseconds // count) if count else 0


def perHour(count: int, milliseconds: int) -> int:
    """Calls in an hour as a CURRENCY: the value x 10,000, rounded down; 0 if no time has passed."""
    return count * 3600 * 1000 * 10_000 // milliseconds if milliseconds else 0


def oleDate(at: int, timeZone: datetime.tzinfo) -> float:
    """
    Make an OLE DATE: days since 1899-12-30, by the clock on the wall.

    :param at: in milliseconds since 1970, UTC.
    """
    # Through integers: the same instant gives the same double on every machine.
    utc = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(milliseconds=at)
    wall = utc.astimezone(timeZone).replace(tzinfo=None)
    return (wall - _OLE_EPOCH) / datetime.timedelta(days=1)


def agentNextState(agent: Agent) -> int:
    """The LINEAGENTSTATEEX_ into which an agent goes when his calls are over."""
    row = busiest(nextState(session) for session in agent.liveSessions())
    return agentState(agent) if row is None else row.agentStateEx


def _running(begun: Iterable[int], now: int) -> int:
    return sum(max(0, now - at) for at in begun)


def _runningWrapUp(session: Session, now: int) -> int:
    return max(0, now - session.since) if session.state == BUSYWRAPUP else 0
