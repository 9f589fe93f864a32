"""
Agents, sessions, queues and calls as the log has made them: the fold of the events.

`Model.apply` is the only way to change anything here, so the same events give the same model after
every start.  No rules (they are in `centre`), no configuration, no clock.
"""

from collections.abc import Callable
from typing import Any

from attrs import Factory, define

from tapiproxy.plugins.acd import events
from tapiproxy.plugins.acd.series import Intervals, Series
from tapiproxy.plugins.acd.states import (
    BUSYWRAPUP,
    INCOMING,
    LIVE,
    NOTREADY,
    OUTGOING,
    RELEASED,
    Row,
    busiest,
)

__all__ = [
    "DEFAULT_PERIOD",
    "Agent",
    "Call",
    "Changed",
    "Model",
    "NonACDCall",
    "Queue",
    "Session",
]

#: Seconds that an agent's or a queue's statistics cover until somebody sets another period.
DEFAULT_PERIOD = 24 * 3600

#: Principals remembered per agent; the one who came first is forgotten first.
_MOST_PRINCIPALS = 16


@define(eq=False)
class NonACDCall:
    """A call of an agent that came from no queue."""

    direction: str
    begun: int


@define(eq=False)
class Session:
    """
    An agent who serves one group at one address.

    :ivar calls: the ACD calls that it is on, with the instants of their answers.
    :ivar answered: how many calls it has answered; ``talk``, ``wrapUp`` and ``answerTime`` are
        the milliseconds of those pieces that have ended.
    """

    hAgentSession: int
    agent: str
    group: str
    line: str
    address: int
    began: int
    state: int = NOTREADY
    next: int = 0
    resting: int = NOTREADY
    until: int = 0
    since: int = 0
    ended: int = 0
    answered: int = 0
    talk: int = 0
    wrapUp: int = 0
    answerTime: int = 0
    longestAnswer: int = 0
    calls: dict[str, int] = Factory(dict)
    sequence: int = 0

    @property
    def live(self) -> bool:
        """Whether it counts as logged on."""
        return bool(self.state & LIVE)


@define(eq=False)
class Agent:
    """
    Somebody who has, or had, an application that works for him.

    :ivar latest: the latest instant in his part of the log: nothing of his is ever put before it.
    :ivar unattended: since when no application works for him; 0 while one does.
    :ivar ended: his finished ACD calls: 1 and the talk time each.
    :ivar activeSince: since when he has a live session; 0 without one.
    """

    id: str
    hAgent: int
    principals: list[str] = Factory(list)
    unattended: int = 0
    released: bool = False
    activity: int = 0
    period: int = DEFAULT_PERIOD
    latest: int = 0
    activeSince: int = 0
    sessions: dict[int, Session] = Factory(dict)
    nonACD: dict[str, NonACDCall] = Factory(dict)
    ended: Series = Factory(lambda: Series(2))
    wrapUps: Series = Factory(lambda: Series(1))
    incoming: Series = Factory(lambda: Series(1))
    outgoing: Series = Factory(lambda: Series(1))
    active: Intervals = Factory(Intervals)
    sequence: int = 0

    def liveSessions(self) -> list[Session]:
        """His sessions that count as logged on."""
        return [session for session in self.sessions.values() if session.live]

    def row(self) -> Row | None:
        """
        The row of `states.SIDE_BY_SIDE` that speaks for him; None if he has no session and no call.
        """
        conditions: list[int | str] = [session.state for session in self.liveSessions()]
        conditions += [call.direction for call in self.nonACD.values()]
        return busiest(conditions)


@define(eq=False)
class Queue:
    """
    What waits, and what has waited, in a queue.

    :ivar waiting: the calls in it, with the instants at which they came.
    :ivar entered: what came in: 1, and 1 if it flowed in.
    :ivar left: what went out: 1, its wait, 1 if abandoned, 1 if it flowed out.
    :ivar longest: the longest wait that has ended, in milliseconds, since the queue exists.
    """

    dwQueueID: int
    period: int = DEFAULT_PERIOD
    waiting: dict[str, int] = Factory(dict)
    entered: Series = Factory(lambda: Series(2))
    left: Series = Factory(lambda: Series(4))
    longest: int = 0
    sequence: int = 0


@define(eq=False)
class Call:
    """
    A call that has begun and not ended.

    :ivar latest: the latest instant in its part of the log.
    :ivar queue: where it waits; 0 if it does not.
    :ivar session: who answered it; 0 if nobody has.
    :ivar offeredTo: the session that it rings at, since ``offered``.
    :ivar agent: whose it is, if it came from no queue.
    """

    id: str
    began: int
    latest: int
    queue: int = 0
    session: int = 0
    offeredTo: int = 0
    offered: int = 0
    agent: str = ""


@define
class Changed:
    """
    What the events since the last look have touched, each in the order of the first touch.

    :ivar figures: agents and sessions of which more than the state changed.
    """

    agents: dict[str, None] = Factory(dict)
    sessions: dict[int, None] = Factory(dict)
    queues: dict[int, None] = Factory(dict)
    addresses: dict[tuple[str, int], None] = Factory(dict)
    figures: set[str | int] = Factory(set)


@define(eq=False)
class Model:
    """
    The fold of the log.

    :ivar sequence: how many events it has seen since the log began.
    :ivar onAddress: the live sessions by line and address.
    :ivar handles: how many handles were given out since the log began.
    """

    agents: dict[str, Agent] = Factory(dict)
    sessions: dict[int, Session] = Factory(dict)
    queues: dict[int, Queue] = Factory(dict)
    calls: dict[str, Call] = Factory(dict)
    byHandle: dict[int, Agent] = Factory(dict)
    onAddress: dict[tuple[str, int], dict[int, Session]] = Factory(dict)
    sequence: int = 0
    handles: int = 0
    changed: Changed = Factory(Changed)

    def apply(self, event: events.Event) -> None:
        """Make an event part of the state; it is known to be possible."""
        self.sequence += 1
        _APPLY[type(event)](self, event)

    def queue(self, dwQueueID: int) -> Queue:
        """The queue of that number, which begins to exist when it is asked for."""
        found = self.queues.get(dwQueueID)
        if found is None:
            found = self.queues[dwQueueID] = Queue(dwQueueID)
        return found

    def atAddress(self, line: str, address: int) -> list[Session]:
        """The live sessions at an address."""
        return list(self.onAddress.get((line, address), {}).values())

    def trim(self, at: int) -> None:
        """Forget finished pieces that ended at ``at`` or before: no period reaches so far."""
        for agent in self.agents.values():
            for series in (agent.ended, agent.wrapUps, agent.incoming, agent.outgoing):
                series.trim(at)
            agent.active.trim(at)
        for queue in self.queues.values():
            queue.entered.trim(at)
            queue.left.trim(at)

    def takeChanged(self) -> Changed:
        """What was touched since this was last asked."""
        changed, self.changed = self.changed, Changed()
        return changed

    def _touchAgent(self, agent: Agent, at: int, figures: bool = False) -> None:
        agent.latest = max(agent.latest, at)
        agent.sequence = self.sequence
        self.changed.agents[agent.id] = None
        if figures:
            self.changed.figures.add(agent.id)
        for session in agent.liveSessions():
            self.changed.addresses[session.line, session.address] = None

    def _touchSession(self, session: Session, at: int, figures: bool = False) -> None:
        session.sequence = self.sequence
        self.changed.sessions[session.hAgentSession] = None
        self.changed.addresses[session.line, session.address] = None
        if figures:
            self.changed.figures.add(session.hAgentSession)
        self._touchAgent(self.agents[session.agent], at, figures)

    def _touchQueue(self, queue: Queue) -> None:
        queue.sequence = self.sequence
        self.changed.queues[queue.dwQueueID] = None

    def _agentCreated(self, event: events.AgentCreated) -> None:
        agent = Agent(event.agent, event.hAgent)
        self.agents[event.agent] = self.byHandle[event.hAgent] = agent
        self.handles += 1
        self._touchAgent(agent, event.at)

    def _agentGranted(self, event: events.AgentGranted) -> None:
        agent = self.agents[event.agent]
        agent.principals.append(event.principal)
        del agent.principals[:-_MOST_PRINCIPALS]
        self._touchAgent(agent, event.at)

    def _agentAttended(self, event: events.AgentAttended) -> None:
        agent = self.agents[event.agent]
        agent.unattended = 0
        self._touchAgent(agent, event.at)

    def _agentUnattended(self, event: events.AgentUnattended) -> None:
        agent = self.agents[event.agent]
        agent.unattended = event.at
        self._touchAgent(agent, event.at)

    def _agentReleased(self, event: events.AgentReleased) -> None:
        agent = self.agents[event.agent]
        agent.released = event.released
        self._touchAgent(agent, event.at)

    def _agentActivitySet(self, event: events.AgentActivitySet) -> None:
        agent = self.agents[event.agent]
        agent.activity = event.activity
        self._touchAgent(agent, event.at)

    def _agentPeriodSet(self, event: events.AgentPeriodSet) -> None:
        agent = self.agents[event.agent]
        agent.period = event.period
        self._touchAgent(agent, event.at, figures=True)

    def _sessionCreated(self, event: events.SessionCreated) -> None:
        agent = self.agents[event.agent]
        session = Session(
            event.session,
            event.agent,
            event.group,
            event.line,
            event.address,
            began=event.at,
            since=event.at,
        )
        if not agent.liveSessions():
            agent.activeSince = event.at
        agent.released = False
        agent.sessions[event.session] = self.sessions[event.session] = session
        self.handles += 1
        self.onAddress.setdefault((event.line, event.address), {})[event.session] = session
        self._touchSession(session, event.at)

    def _sessionChanged(self, event: events.SessionChanged) -> None:
        session = self.sessions[event.session]
        agent = self.agents[session.agent]
        before = session.state
        wasLive = session.live
        if before == BUSYWRAPUP and event.state != BUSYWRAPUP:
            wrapUp = event.at - session.since
            session.wrapUp += wrapUp
            agent.wrapUps.add(event.at, wrapUp)
        self._touchSession(session, event.at, figures=BUSYWRAPUP in (before, event.state))
        if before != event.state:
            session.since = event.at
        session.state, session.next = event.state, event.next
        session.resting, session.until = event.resting, event.until
        if wasLive and not session.live:
            session.ended = event.at
            there = self.onAddress[session.line, session.address]
            del there[event.session]
            if not there:
                del self.onAddress[session.line, session.address]
            if not agent.liveSessions():
                agent.active.add(agent.activeSince, event.at)
                agent.activeSince = 0
                agent.released = True
        if event.state == RELEASED:
            del self.sessions[event.session], agent.sessions[event.session]

    def _callQueued(self, event: events.CallQueued) -> None:
        call = self._call(event.call, event.at)
        queue = self.queue(event.queue)
        call.queue = event.queue
        queue.waiting[event.call] = event.at
        queue.entered.add(event.at, 1, int(event.flowed))
        self._touchQueue(queue)

    def _callOffered(self, event: events.CallOffered) -> None:
        call = self._call(event.call, event.at)
        call.offeredTo, call.offered = event.session, event.at

    def _callAnswered(self, event: events.CallAnswered) -> None:
        call = self._call(event.call, event.at)
        self._leaveQueue(call, event.at)
        session = self.sessions[event.session]
        waited = event.at - call.offered if call.offeredTo == event.session else 0
        session.calls[event.call] = event.at
        session.answered += 1
        session.answerTime += waited
        session.longestAnswer = max(session.longestAnswer, waited)
        call.session = event.session
        self._touchSession(session, event.at, figures=True)

    def _callEnded(self, event: events.CallEnded) -> None:
        call = self.calls.pop(event.call)
        session = self.sessions[call.session]
        talk = event.at - session.calls.pop(event.call)
        session.talk += talk
        self.agents[session.agent].ended.add(event.at, 1, talk)
        self._touchSession(session, event.at, figures=True)

    def _callAbandoned(self, event: events.CallAbandoned) -> None:
        call = self.calls.pop(event.call)
        self._leaveQueue(call, event.at, abandoned=1)

    def _callFlowedOut(self, event: events.CallFlowedOut) -> None:
        call = self.calls.pop(event.call)
        self._leaveQueue(call, event.at, flowedOut=1)

    def _nonACDBegun(self, event: events.NonACDBegun) -> None:
        agent = self.agents[event.agent]
        self._call(event.call, event.at).agent = event.agent
        agent.nonACD[event.call] = NonACDCall(event.direction, event.at)
        self._touchAgent(agent, event.at, figures=True)

    def _nonACDEnded(self, event: events.NonACDEnded) -> None:
        agent = self.agents[self.calls.pop(event.call).agent]
        call = agent.nonACD.pop(event.call)
        if call.direction == INCOMING:
            agent.incoming.add(event.at, 1)
        elif call.direction == OUTGOING:
            agent.outgoing.add(event.at, 1)
        self._touchAgent(agent, event.at, figures=True)

    def _queuePeriodSet(self, event: events.QueuePeriodSet) -> None:
        queue = self.queue(event.queue)
        queue.period = event.period
        self._touchQueue(queue)

    def _call(self, call: str, at: int) -> Call:
        found = self.calls.get(call)
        if found is None:
            found = self.calls[call] = Call(call, at, at)
        found.latest = max(found.latest, at)
        return found

    def _leaveQueue(self, call: Call, at: int, abandoned: int = 0, flowedOut: int = 0) -> None:
        if not call.queue:
            return
        queue = self.queue(call.queue)
        waited = at - queue.waiting.pop(call.id)
        queue.left.add(at, 1, waited, abandoned, flowedOut)
        queue.longest = max(queue.longest, waited)
        call.queue = 0
        self._touchQueue(queue)


_APPLY: dict[type[events.Event], Callable[[Model, Any], None]] = {
    events.AgentCreated: Model._agentCreated,
    events.AgentGranted: Model._agentGranted,
    events.AgentAttended: Model._agentAttended,
    events.AgentUnattended: Model._agentUnattended,
    events.AgentReleased: Model._agentReleased,
    events.AgentActivitySet: Model._agentActivitySet,
    events.AgentPeriodSet: Model._agentPeriodSet,
    events.SessionCreated: Model._sessionCreated,
    events.SessionChanged: Model._sessionChanged,
    events.CallQueued: Model._callQueued,
    events.CallOffered: Model._callOffered,
    events.CallAnswered: Model._callAnswered,
    events.CallEnded: Model._callEnded,
    events.CallAbandoned: Model._callAbandoned,
    events.CallFlowedOut: Model._callFlowedOut,
    events.NonACDBegun: Model._nonACDBegun,
    events.NonACDEnded: Model._nonACDEnded,
    events.QueuePeriodSet: Model._queuePeriodSet,
}
