"""
The same figures as `statistics`, counted anew from the events with nothing but lists.

Slow and plain on purpose: it shares no sums with the model, so that a figure which both give is
right or ``docs/statistics.md`` is wrong.  ``tapiproxy acd recompute`` compares the two.
"""

import datetime
from collections.abc import Iterable

from attrs import Factory, define

from tapiproxy.plugins.acd import events
from tapiproxy.plugins.acd.model import DEFAULT_PERIOD, Model
from tapiproxy.plugins.acd.states import (
    BUSYWRAPUP,
    INCOMING,
    LIVE,
    NOTREADY,
    OUTGOING,
    RELEASED,
    busiest,
)
from tapiproxy.plugins.acd.statistics import average, oleDate, perHour, seconds
from tapiproxy.tapi.agentstructs import LINEAGENTINFO, LINEAGENTSESSIONINFO, LINEQUEUEINFO
from tapiproxy.tapi.lineconstants import LINEAGENTSTATEEX_NOTREADY, LINEAGENTSTATEEX_RELEASED

__all__ = ["Figures", "recount"]


@define
class Figures:
    """All structs at one instant: by agent id, hAgentSession and dwQueueID."""

    agents: dict[str, LINEAGENTINFO] = Factory(dict)
    sessions: dict[int, LINEAGENTSESSIONINFO] = Factory(dict)
    queues: dict[int, LINEQUEUEINFO] = Factory(dict)


@define
class _Session:
    agent: str
    began: int
    state: int = NOTREADY
    next: int = 0
    resting: int = NOTREADY
    since: int = 0
    ended: int = 0
    #: How long each answered call had rung.
    rings: list[int] = Factory(list)
    #: Calls that go on, by id: when they were answered.
    talking: dict[str, int] = Factory(dict)
    talks: list[int] = Factory(list)
    wrapUps: list[int] = Factory(list)
    #: Calls that were answered before the log begins, beside the one that rang longest, and how
    #: long they rang altogether.
    earlier: int = 0
    earlierRings: int = 0


@define
class _Agent:
    period: int
    released: bool = False
    #: What has ended: its instant and its milliseconds, or its direction.
    talks: list[tuple[int, int]] = Factory(list)
    wrapUps: list[tuple[int, int]] = Factory(list)
    others: list[tuple[int, str]] = Factory(list)
    #: Non-ACD calls that go on: their directions.
    going: dict[str, str] = Factory(dict)
    #: When he was logged on, from and to.
    active: list[tuple[int, int]] = Factory(list)
    activeSince: int = 0


@define
class _Queue:
    period: int
    waiting: dict[str, int] = Factory(dict)
    #: What came in: its instant, whether it flowed in.
    entered: list[tuple[int, bool]] = Factory(list)
    #: What has left: its instant, its wait, and how.
    left: list[tuple[int, int, str]] = Factory(list)
    longest: int = 0


@define
class _Count:
    agents: dict[str, _Agent] = Factory(dict)
    sessions: dict[int, _Session] = Factory(dict)
    queues: dict[int, _Queue] = Factory(dict)
    #: Calls: where each rings and since when, whose it is, where it waits.
    rings: dict[str, tuple[int, int]] = Factory(dict)
    answeredBy: dict[str, int] = Factory(dict)
    queued: dict[str, int] = Factory(dict)
    others: dict[str, str] = Factory(dict)


def recount(
    base: Model, log: Iterable[events.Event], now: int, timeZone: datetime.tzinfo
) -> Figures:
    """
    Count everything anew.

    :param base: the fold of what is not in the log any more; it has no finished pieces within any
        measurement period.
    :param log: every event since.
    :param now: the end of the measurement periods, in milliseconds since 1970.
    :param timeZone: as in `statistics.sessionInfo`.
    """
    count = _begin(base)
    for event in log:
        _take(count, event)
    return Figures(
        agents={name: _agentInfo(count, name, now) for name in count.agents},
        sessions={
            number: _sessionInfo(session, now, timeZone)
            for number, session in count.sessions.items()
            if session.state != RELEASED
        },
        queues={number: _queueInfo(queue, now) for number, queue in count.queues.items()},
    )


def _begin(base: Model) -> _Count:
    count = _Count()
    for agent in base.agents.values():
        count.agents[agent.id] = _Agent(
            agent.period,
            agent.released,
            going={call: each.direction for call, each in agent.nonACD.items()},
            activeSince=agent.activeSince,
        )
    for number, session in base.sessions.items():
        # Of what ended before the log begins only the sums are known: they are a piece each.
        count.sessions[number] = _Session(
            agent=session.agent,
            began=session.began,
            state=session.state,
            next=session.next,
            resting=session.resting,
            since=session.since,
            ended=session.ended,
            rings=[session.longestAnswer],
            talking=dict(session.calls),
            talks=[session.talk],
            wrapUps=[session.wrapUp],
            earlier=session.answered - 1,
            earlierRings=session.answerTime - session.longestAnswer,
        )
    for dwQueueID, queue in base.queues.items():
        count.queues[dwQueueID] = _Queue(queue.period, dict(queue.waiting), longest=queue.longest)
    for call in base.calls.values():
        if call.offeredTo:
            count.rings[call.id] = (call.offeredTo, call.offered)
        if call.session:
            count.answeredBy[call.id] = call.session
        if call.queue:
            count.queued[call.id] = call.queue
        if call.agent:
            count.others[call.id] = call.agent
    return count


def _take(count: _Count, event: events.Event) -> None:
    match event:
        case events.AgentCreated():
            count.agents[event.agent] = _Agent(DEFAULT_PERIOD)
        case events.AgentReleased():
            count.agents[event.agent].released = event.released
        case events.AgentPeriodSet():
            count.agents[event.agent].period = event.period
        case events.QueuePeriodSet():
            _queue(count, event.queue).period = event.period
        case events.SessionCreated():
            _sessionCreated(count, event)
        case events.SessionChanged():
            _sessionChanged(count, event)
        case events.CallQueued():
            count.queued[event.call] = event.queue
            queue = _queue(count, event.queue)
            queue.waiting[event.call] = event.at
            queue.entered.append((event.at, event.flowed))
        case events.CallOffered():
            count.rings[event.call] = (event.session, event.at)
        case events.CallAnswered():
            _leave(count, event.call, event.at, "answered")
            session = count.sessions[event.session]
            rang, since = count.rings.pop(event.call, (0, 0))
            session.rings.append(event.at - since if rang == event.session else 0)
            session.talking[event.call] = event.at
            count.answeredBy[event.call] = event.session
        case events.CallEnded():
            session = count.sessions[count.answeredBy.pop(event.call)]
            talk = event.at - session.talking.pop(event.call)
            session.talks.append(talk)
            count.agents[session.agent].talks.append((event.at, talk))
        case events.CallAbandoned() | events.CallFlowedOut():
            how = "abandoned" if isinstance(event, events.CallAbandoned) else "flowedOut"
            _leave(count, event.call, event.at, how)
            count.rings.pop(event.call, None)
        case events.NonACDBegun():
            count.others[event.call] = event.agent
            count.agents[event.agent].going[event.call] = event.direction
        case events.NonACDEnded():
            agent = count.agents[count.others.pop(event.call)]
            agent.others.append((event.at, agent.going.pop(event.call)))


def _sessionCreated(count: _Count, event: events.SessionCreated) -> None:
    agent = count.agents[event.agent]
    if not _live(count, event.agent):
        agent.activeSince = event.at
    agent.released = False
    count.sessions[event.session] = _Session(event.agent, event.at, since=event.at)


def _sessionChanged(count: _Count, event: events.SessionChanged) -> None:
    session = count.sessions[event.session]
    agent = count.agents[session.agent]
    if session.state == BUSYWRAPUP and event.state != BUSYWRAPUP:
        session.wrapUps.append(event.at - session.since)
        agent.wrapUps.append((event.at, event.at - session.since))
    if event.state != session.state:
        session.since = event.at
    wasLive = session.state & LIVE
    session.state, session.next, session.resting = event.state, event.next, event.resting
    if wasLive and not event.state & LIVE:
        session.ended = event.at
        if not _live(count, session.agent):
            agent.active.append((agent.activeSince, event.at))
            agent.activeSince = 0
            agent.released = True


def _leave(count: _Count, call: str, at: int, how: str) -> None:
    if call in count.queued:
        queue = _queue(count, count.queued.pop(call))
        waited = at - queue.waiting.pop(call)
        queue.left.append((at, waited, how))
        queue.longest = max(queue.longest, waited)


def _live(count: _Count, agent: str) -> list[_Session]:
    return [each for each in count.sessions.values() if each.agent == agent and each.state & LIVE]


def _queue(count: _Count, dwQueueID: int) -> _Queue:
    return count.queues.setdefault(dwQueueID, _Queue(DEFAULT_PERIOD))


def _next(session: _Session) -> int:
    return (session.next or session.resting) if session.state & LIVE else session.state


def _agentInfo(count: _Count, name: str, now: int) -> LINEAGENTINFO:
    agent = count.agents[name]
    begin = now - agent.period * 1000
    sessions = [each for each in count.sessions.values() if each.agent == name]
    live = _live(count, name)
    talks = [talk for at, talk in agent.talks if at > begin]
    talks += [max(0, now - at) for each in sessions for at in each.talking.values()]
    wrapUps = [wrapUp for at, wrapUp in agent.wrapUps if at > begin]
    wrapUps += [max(0, now - each.since) for each in sessions if each.state == BUSYWRAPUP]
    others = [direction for at, direction in agent.others if at > begin]
    others += agent.going.values()
    spans = list(agent.active)
    if agent.activeSince:
        spans.append((agent.activeSince, now))
    active = sum(max(0, to - max(begin, since)) for since, to in spans)
    conditions: list[int | str] = [each.state for each in live]
    row = busiest(conditions + list(agent.going.values()))
    alone = LINEAGENTSTATEEX_RELEASED if agent.released else LINEAGENTSTATEEX_NOTREADY
    state = alone if row is None else row.agentStateEx
    after = busiest(_next(each) for each in live)
    return LINEAGENTINFO(
        dwAgentState=state,
        dwNextAgentState=state if after is None else after.agentStateEx,
        dwMeasurementPeriod=agent.period,
        cyOverallCallRate=perHour(len(talks), active),
        dwNumberOfACDCalls=len(talks),
        dwNumberOfIncomingCalls=others.count(INCOMING),
        dwNumberOfOutgoingCalls=others.count(OUTGOING),
        dwTotalACDTalkTime=seconds(sum(talks)),
        dwTotalACDCallTime=seconds(sum(talks) + sum(wrapUps)),
        dwTotalACDWrapUpTime=seconds(sum(wrapUps)),
    )


def _sessionInfo(session: _Session, now: int, timeZone: datetime.tzinfo) -> LINEAGENTSESSIONINFO:
    calls = len(session.rings) + session.earlier
    duration = max(0, (session.ended or now) - session.began)
    talk = sum(session.talks) + sum(max(0, now - at) for at in session.talking.values())
    wrapUp = sum(session.wrapUps)
    if session.state == BUSYWRAPUP:
        wrapUp += max(0, now - session.since)
    return LINEAGENTSESSIONINFO(
        dwAgentSessionState=session.state,
        dwNextAgentSessionState=_next(session),
        dateSessionStartTime=oleDate(session.began, timeZone),
        dwSessionDuration=seconds(duration),
        dwNumberOfCalls=calls,
        dwTotalTalkTime=seconds(talk),
        dwAverageTalkTime=average(talk, calls),
        dwTotalCallTime=seconds(talk + wrapUp),
        dwAverageCallTime=average(talk + wrapUp, calls),
        dwTotalWrapUpTime=seconds(wrapUp),
        dwAverageWrapUpTime=average(wrapUp, calls),
        cyACDCallRate=perHour(calls, duration),
        dwLongestTimeToAnswer=seconds(max(session.rings, default=0)),
        dwAverageTimeToAnswer=average(sum(session.rings) + session.earlierRings, calls),
    )


def _queueInfo(queue: _Queue, now: int) -> LINEQUEUEINFO:
    begin = now - queue.period * 1000
    entered = [flowed for at, flowed in queue.entered if at > begin]
    left = [(waited, how) for at, waited, how in queue.left if at > begin]
    waiting = [max(0, now - at) for at in queue.waiting.values()]
    return LINEQUEUEINFO(
        dwMeasurementPeriod=queue.period,
        dwTotalCallsQueued=len(entered),
        dwCurrentCallsQueued=len(waiting),
        dwTotalCallsAbandoned=sum(how == "abandoned" for _, how in left),
        dwTotalCallsFlowedIn=sum(entered),
        dwTotalCallsFlowedOut=sum(how == "flowedOut" for _, how in left),
        dwLongestEverWaitTime=seconds(max([queue.longest, *waiting])),
        dwCurrentLongestWaitTime=seconds(max(waiting, default=0)),
        dwAverageWaitTime=average(sum(waited for waited, _ in left), len(left)),
        dwFinalDisposition=sum(how != "flowedOut" for _, how in left),
    )
