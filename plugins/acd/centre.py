"""
The call centre's rules: what requests and deadlines turn into events of the log.

Sans-IO: it is told the time with everything and never asks for it; what it decides it applies to
its `Model` and leaves in `Centre.unsaved`.  Everything is checked before the first event of a
decision, so a refusal changes nothing.  Who may ask is not known here (`access`).  Facts about
calls are in `traffic`.
"""

import heapq
from collections.abc import Callable, Container, Iterable
from uuid import UUID

from attrs import Factory, define

from tapiproxy.errors import TAPIError
from tapiproxy.plugins.acd import events
from tapiproxy.plugins.acd.handlenumbers import handleNumber
from tapiproxy.plugins.acd.model import Agent, Call, Model, Session
from tapiproxy.plugins.acd.site import KEEP, LOG_OUT, AgentSettings, GroupSettings, Site
from tapiproxy.plugins.acd.states import (
    BUSYONCALL,
    BUSYWRAPUP,
    ENDED,
    LIVE,
    NOTREADY,
    RELEASED,
    RESTING,
    TRANSITIONS,
)
from tapiproxy.tapi import lineerr

__all__ = ["ENDED_KEPT", "MOST_SESSIONS", "Centre"]

#: Milliseconds for which an ended session can still be asked about, unless it is released sooner.
ENDED_KEPT = 24 * 3600 * 1000

#: Sessions of one agent, ended ones that are still kept included.
MOST_SESSIONS = 512

_BUSY = BUSYONCALL | BUSYWRAPUP


@define(eq=False)
class Centre:
    """
    The rules of one site over its model.

    :param model: the fold of the log so far.
    :param key: the secret of its handle numbers.
    :ivar unsaved: events that are applied and not yet in the log; whoever saves them empties it.
    """

    model: Model
    site: Site
    key: bytes
    unsaved: list[events.Event] = Factory(list)
    _deadlines: list[tuple[int, str, str | int]] = Factory(list)

    def __attrs_post_init__(self) -> None:
        self._watchAll()

    def record(self, event: events.Event) -> None:
        """Make an event true and have it saved."""
        self.model.apply(event)
        self.unsaved.append(event)

    # Agents.

    def createAgent(self, settings: AgentSettings, principal: str, now: int) -> Agent:
        """An agent's object, made if it is not there yet; the principal may use it from now on."""
        agent = self.model.agents.get(settings.id)
        if agent is None:
            self.record(events.AgentCreated(now, settings.id, self._handle()))
            agent = self.model.agents[settings.id]
        at = max(now, agent.latest)
        if agent.released:
            self.record(events.AgentReleased(at, agent.id, False))
        if principal not in agent.principals:
            self.record(events.AgentGranted(at, agent.id, principal))
        return agent

    def attend(self, agent: Agent, now: int) -> None:
        """An application works for the agent: no grace time runs."""
        if agent.unattended:
            self.record(events.AgentAttended(max(now, agent.latest), agent.id))

    def unattend(self, agent: Agent, now: int) -> None:
        """No application works for the agent any more: his groups' grace times begin."""
        if agent.unattended:
            return
        self.record(events.AgentUnattended(max(now, agent.latest), agent.id))
        for session in agent.liveSessions():
            self._watch("session", session.hAgentSession)

    def setAgentActivity(self, agents: Iterable[Agent], activity: int, now: int) -> None:
        """
        Say what agents are doing.

        :raises TAPIError: LINEERR_INVALAGENTACTIVITY: the site has no such activity.
        """
        if activity and activity not in self.site.activities:
            raise TAPIError(lineerr.LINEERR_INVALAGENTACTIVITY, f"no activity {activity}")
        for agent in agents:
            if agent.activity != activity:
                at = max(now, agent.latest)
                self.record(events.AgentActivitySet(at, agent.id, activity))

    def setAgentPeriod(self, agent: Agent, seconds: int, now: int) -> None:
        """
        Set the seconds that an agent's statistics cover.

        :raises TAPIError: LINEERR_INVALPARAM: longer than the log is kept, or 0.
        """
        self._checkPeriod(seconds)
        if agent.period != seconds:
            self.record(events.AgentPeriodSet(max(now, agent.latest), agent.id, seconds))

    def setQueuePeriod(self, dwQueueID: int, seconds: int, now: int) -> None:
        """
        Set the seconds that a queue's statistics cover.

        :raises TAPIError: LINEERR_INVALPARAM: no such queue, longer than the log is kept, or 0.
        """
        if dwQueueID not in self.site.queues:
            raise TAPIError(lineerr.LINEERR_INVALPARAM, f"no queue {dwQueueID}")
        self._checkPeriod(seconds)
        if self.model.queue(dwQueueID).period != seconds:
            self.record(events.QueuePeriodSet(now, dwQueueID, seconds))

    def releaseAgent(self, agent: Agent, now: int) -> None:
        """An agent without live sessions logs off."""
        if not agent.released:
            self.record(events.AgentReleased(max(now, agent.latest), agent.id, True))

    # Sessions.

    def createSession(
        self, agent: Agent, group: GroupSettings, line: str, address: int, now: int
    ) -> Session:
        """
        Log an agent on for a group at an address; again is the same session.

        :raises TAPIError: LINEERR_INVALAGENTGROUP: not his group; LINEERR_RESOURCEUNAVAIL: he has
            `MOST_SESSIONS`.
        """
        found = self._session(agent, group, line, address)
        if found is not None:
            return found
        self.checkLogOn(agent, [group])
        at = max(now, agent.latest)
        number = self._handle()
        self.record(events.SessionCreated(at, number, agent.id, str(group.GroupID), line, address))
        return self.model.sessions[number]

    def checkLogOn(self, agent: Agent, groups: Iterable[GroupSettings]) -> None:
        """
        See that an agent may log on into groups.

        :raises TAPIError: as `createSession`.
        """
        groups = list(groups)
        settings = self.site.agents.get(agent.id)
        for group in groups:
            if settings is None or group not in settings.groups:
                raise TAPIError(
                    lineerr.LINEERR_INVALAGENTGROUP, f"{agent.id} is not in {group.name}"
                )
        if len(agent.sessions) + len(groups) > MOST_SESSIONS:
            raise TAPIError(
                lineerr.LINEERR_RESOURCEUNAVAIL, f"{agent.id} has {len(agent.sessions)} sessions"
            )

    def setGroups(
        self, agent: Agent, groups: Iterable[GroupSettings], line: str, address: int, now: int
    ) -> None:
        """
        Have an agent logged on at an address into exactly these groups; into none logs him off.

        :raises TAPIError: as `createSession`; LINEERR_INVALADDRESSSTATE: he is on a call of a group
            that he would leave.
        """
        wanted = {str(group.GroupID): group for group in groups}
        here = [
            session
            for session in agent.liveSessions()
            if (session.line, session.address) == (line, address)
        ]
        surplus = [session for session in here if session.group not in wanted]
        missing = wanted.keys() - {session.group for session in here}
        self.checkLogOn(agent, (wanted[group] for group in missing))
        if any(session.state == BUSYONCALL for session in surplus):
            raise TAPIError(lineerr.LINEERR_INVALADDRESSSTATE, f"{agent.id} is on a call")
        for session in surplus:
            self._change(session, now, state=ENDED, next=0)
        for group in wanted.values():
            self.createSession(agent, group, line, address, now)

    def setStates(
        self, sessions: Iterable[Session], state: int, next: int, now: int, refusal: int
    ) -> None:
        """
        Set the state of sessions, what is planned for them, or both; of all of them or of none.

        With a state, what was planned before is forgotten unless ``next`` plans anew.  Without one,
        the plan is for the end of the call: a session of several that is not on the call itself
        takes it at once, since its agent is busy until then anyway.

        :param state: a session state, or 0 to leave it.
        :param next: a session state, or 0 for the resting state.
        :param refusal: the LINEERR_ code for what `states.TRANSITIONS` does not allow.
        :raises TAPIError: with ``refusal``.
        """
        sessions = list(sessions)
        for session in sessions:
            allowed = TRANSITIONS[session.state]
            after = TRANSITIONS[state] if state else allowed
            if state & ~allowed.state or next & ~after.next:
                raise TAPIError(
                    refusal, f"session {session.hAgentSession} is in state {session.state}"
                )
        busy = any(session.state & _BUSY for session in sessions)
        for session in sessions:
            if state:
                self._change(session, now, state=state, next=next)
            elif busy and not session.state & _BUSY:
                if next & (RESTING | ENDED):
                    self._change(session, now, state=next, next=0)
            else:
                self._change(session, now, next=next)

    def setWrapUp(self, session: Session, milliseconds: int, now: int) -> None:
        """
        Have wrap-up end so long from now.

        :raises TAPIError: LINEERR_INVALAGENTSESSIONSTATE: the session is not in wrap-up.
        """
        if session.state != BUSYWRAPUP:
            raise TAPIError(lineerr.LINEERR_INVALAGENTSESSIONSTATE, "not in wrap-up")
        self._change(session, now, until=max(now, session.since) + milliseconds)

    def answered(self, session: Session, at: int) -> None:
        """The session is on a call from now on."""
        self._change(session, at, state=BUSYONCALL)

    def afterCall(self, session: Session, at: int) -> None:
        """The session's last call ended: wrap-up, or what is planned."""
        group = self.groupOf(session)
        if session.next == BUSYWRAPUP:
            # Asked for by the agent himself: it lasts until he says otherwise.
            self._change(session, at, state=BUSYWRAPUP, next=0)
        elif group is not None and group.wrapUp:
            self._change(session, at, state=BUSYWRAPUP, until=at + group.wrapUp)
        else:
            self._afterWrapUp(session, at)

    def groupOf(self, session: Session) -> GroupSettings | None:
        """The settings of a session's group; None if the configuration has it no more."""
        return self.site.groups.get(UUID(session.group))

    # Time.

    def wake(self, now: int) -> None:
        """Do everything whose time has come, each thing at its own time."""
        while self._deadlines and self._deadlines[0][0] <= now:
            at, kind, key = heapq.heappop(self._deadlines)
            due = self._due(kind, key)
            if due is None:
                continue
            if due[0] > at:
                heapq.heappush(self._deadlines, (due[0], kind, key))
                continue
            due[1](due[0])
            self._watch(kind, key)

    def nextDeadline(self) -> int | None:
        """When `wake` may have something to do again."""
        return self._deadlines[0][0] if self._deadlines else None

    def useSite(self, site: Site, places: Container[tuple[str, int]], now: int) -> None:
        """
        Go on with another configuration.

        What it has no place for any more ends: sessions of a removed agent, of a removed group, of
        an agent in a group that is no longer his, at an address that is gone.  Calls are finished
        first.  A measurement period that reaches further back than the log becomes shorter.

        :param places: the addresses that there are, as line name and dwAddressID.
        """
        self.site = site
        self._watchAll()
        for session in list(self.model.sessions.values()):
            settings = site.agents.get(session.agent)
            group = self.groupOf(session)
            misplaced = (session.line, session.address) not in places
            homeless = settings is None or group is None or group not in settings.groups
            if session.live and (misplaced or homeless):
                self._logOut(session, now)
        longest = site.retention // 1000
        for agent in self.model.agents.values():
            if agent.period > longest:
                at = max(now, agent.latest)
                self.record(events.AgentPeriodSet(at, agent.id, longest))
        for queue in list(self.model.queues.values()):
            if queue.period > longest:
                self.record(events.QueuePeriodSet(now, queue.dwQueueID, longest))

    def watchCall(self, call: str) -> None:
        """A call began: it will not last for ever."""
        self._watch("call", call)

    def _watchAll(self) -> None:
        self._deadlines.clear()
        for session in self.model.sessions.values():
            self._watch("session", session.hAgentSession)
        for call in self.model.calls:
            self._watch("call", call)

    def _watch(self, kind: str, key: str | int) -> None:
        due = self._due(kind, key)
        if due is not None:
            heapq.heappush(self._deadlines, (due[0], kind, key))

    def _due(self, kind: str, key: str | int) -> tuple[int, Callable[[int], None]] | None:
        """What comes next of itself for a session or a call, and when."""
        if kind == "call":
            call = self.model.calls.get(str(key))
            if call is None:
                return None
            return max(call.began + self.site.longestCall, call.latest), lambda at: self._lapse(
                call, at
            )
        session = self.model.sessions.get(int(key))
        if session is None:
            return None
        if session.state == ENDED:
            return session.ended + ENDED_KEPT, lambda at: self._change(session, at, state=RELEASED)
        choices: list[tuple[int, Callable[[int], None]]] = []
        if session.state == BUSYWRAPUP and session.until:
            choices.append((session.until, lambda at: self._afterWrapUp(session, at)))
        group = self.groupOf(session)
        agent = self.model.agents[session.agent]
        if agent.unattended and group is not None and self._leavable(session, group):
            gone = max(agent.unattended, session.began) + group.grace
            choices.append((gone, lambda at: self._left(session, group, at)))
        return min(choices, key=lambda choice: choice[0], default=None)

    def _leavable(self, session: Session, group: GroupSettings) -> bool:
        """Whether the end of the grace time would change anything."""
        if group.clientGone == KEEP:
            return False
        target = ENDED if group.clientGone == LOG_OUT else NOTREADY
        return session.next != target if session.state & _BUSY else session.state != target

    def _left(self, session: Session, group: GroupSettings, at: int) -> None:
        if group.clientGone == LOG_OUT:
            self._logOut(session, at)
        elif session.state & _BUSY:
            self._change(session, at, next=NOTREADY)
        else:
            self._change(session, at, state=NOTREADY, next=0)

    def _logOut(self, session: Session, at: int) -> None:
        if session.state == BUSYONCALL:
            self._change(session, at, next=ENDED)
        else:
            self._change(session, at, state=ENDED, next=0)

    def _lapse(self, call: Call, at: int) -> None:
        """Whoever reports calls has forgotten this one: nobody stays stuck in it."""
        if call.agent:
            self.record(events.NonACDEnded(at, call.id))
        elif call.session:
            self.endCall(call, at)
        else:
            self.record(events.CallAbandoned(at, call.id))

    def endCall(self, call: Call, at: int) -> None:
        """An answered call ended; the session goes on when it was its last."""
        session = self.model.sessions[call.session]
        self.record(events.CallEnded(at, call.id))
        if not session.calls:
            self.afterCall(session, at)

    def _afterWrapUp(self, session: Session, at: int) -> None:
        self._change(session, at, state=session.next or session.resting, next=0)

    def _session(
        self, agent: Agent, group: GroupSettings, line: str, address: int
    ) -> Session | None:
        wanted = (str(group.GroupID), line, address)
        return next(
            (
                session
                for session in agent.liveSessions()
                if (session.group, session.line, session.address) == wanted
            ),
            None,
        )

    def _change(
        self,
        session: Session,
        at: int,
        *,
        state: int | None = None,
        next: int | None = None,
        until: int | None = None,
    ) -> None:
        """Record what becomes of a session, if anything does."""
        state = session.state if state is None else state
        if state & RESTING:
            resting = state
        else:
            resting = session.resting
        after = events.SessionChanged(
            max(at, self.model.agents[session.agent].latest),
            session.hAgentSession,
            state,
            (session.next if next is None else next) if state & LIVE else 0,
            resting,
            (session.until if until is None and state == session.state else until or 0)
            if state == BUSYWRAPUP
            else 0,
        )
        before = (session.state, session.next, session.resting, session.until)
        if before != (after.state, after.next, after.resting, after.until):
            self.record(after)
            self._watch("session", session.hAgentSession)

    def _handle(self) -> int:
        return handleNumber(self.key, self.model.handles + 1)

    def _checkPeriod(self, seconds: int) -> None:
        if not 1 <= seconds * 1000 <= self.site.retention:
            raise TAPIError(
                lineerr.LINEERR_INVALPARAM,
                f"a measurement period of {seconds} s; the log is kept for "
                f"{self.site.retention // 1000} s",
            )
