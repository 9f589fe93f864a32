"""
The twelve call-centre requests of TAPI 2.2, which name agents, sessions and queues by handles.

[MS-TRP] 2.2.4.1.3; what a Get tells is given at once if the disk has it, which is nearly always.
"""

from uuid import UUID

from twisted.internet.defer import Deferred

from tapiproxy.errors import InvalidAgentID, InvalidPassword, TAPIError
from tapiproxy.plugins.acd.access import isOwn
from tapiproxy.plugins.acd.operation import Answer
from tapiproxy.plugins.acd.requests import Requests, checkAddress, groupList, translated
from tapiproxy.plugins.acd.site import AgentSettings
from tapiproxy.plugins.acd.states import ENDED, NOTREADY, fromAgentStateEx
from tapiproxy.plugins.acd.statistics import agentInfo, queueInfo, sessionInfo
from tapiproxy.tapi import agentstructs, lineconstants, lineerr, proxyrequest

__all__ = ["CallCenterRequests"]


class CallCenterRequests(Requests):
    """`tapiproxy.interfaces.ICallCenterProxyHandler`."""

    def createAgent(self, request: proxyrequest.CreateAgentArm) -> "Answer[int]":
        """Log on as an agent: by PIN, or as the principal whose agent it is."""
        site = self.operation.site
        named = request.AgentID or ""
        settings = site.agents.get(named) if named else site.agentOf(request.principal.name)
        pin = request.AgentPIN or ""
        if settings is not None and not pin and isOwn(site, settings, request.principal):
            return self._createAgent(settings, request)
        if settings is None and not named:
            raise InvalidAgentID("no agent is named, and none belongs to the principal")

        def checked(right: bool) -> "Answer[int]":
            if settings is None:
                raise InvalidAgentID(f"no agent {named!r}")
            # The configuration may have been read again meanwhile.
            if not right or self.operation.site.agents.get(settings.id) != settings:
                raise InvalidPassword(f"agent {settings.id}")
            return self._createAgent(settings, request)

        return self._right(settings, pin, request).addCallback(checked)

    def _right(
        self, settings: AgentSettings | None, pin: str, request: proxyrequest.Arm
    ) -> "Deferred[bool]":
        return self.pins.right(settings, pin, self.operation.now(), str(request.client))

    def createAgentSession(self, request: proxyrequest.CreateAgentSessionArm) -> "Answer[int]":
        """Log an agent on for a group at an address; again is the same session."""
        agent = self.agent(request, request.hAgent)
        if not request.AgentPIN:
            return self._createAgentSession(request)
        settings = self.operation.site.agents[agent.id]

        def checked(right: bool) -> "Answer[int]":
            if not right:
                raise InvalidPassword(f"agent {agent.id}")
            return self._createAgentSession(request)

        return self._right(settings, request.AgentPIN, request).addCallback(checked)

    def setAgentStateEx(self, request: proxyrequest.SetAgentStateExArm) -> "Answer[None]":
        """Set the state of all of an agent's sessions; RELEASED logs him off."""
        now = self.operation.begin()
        agent = self.agent(request, request.hAgent)
        centre = self.operation.centre
        state = translated(request.dwAgentState, fromAgentStateEx)
        following = translated(request.dwNextAgentState, fromAgentStateEx)
        sessions = agent.liveSessions()
        if not sessions and (state not in (NOTREADY, ENDED) or following):
            raise TAPIError(lineerr.LINEERR_INVALAGENTSTATE, f"{agent.id} has no session")
        centre.setStates(sessions, state, following, now, lineerr.LINEERR_INVALAGENTSTATE)
        if state == ENDED:
            centre.releaseAgent(agent, now)
        return self.operation.commit(None)

    def setAgentSessionState(self, request: proxyrequest.SetAgentSessionStateArm) -> "Answer[None]":
        """Set the state of a session, what is planned for it, or both."""
        now = self.operation.begin()
        session = self.session(request, request.hAgentSession)
        single = lineconstants.LINEAGENTSESSIONSTATE.single
        state, following = request.dwAgentSessionState, request.dwNextAgentSessionState
        refusal = lineerr.LINEERR_INVALAGENTSESSIONSTATE
        if (state and not single(state)) or (following and not single(following)):
            raise TAPIError(refusal, "more than one state")
        self.operation.centre.setStates([session], state, following, now, refusal)
        return self.operation.commit(None)

    def setAgentMeasurementPeriod(
        self, request: proxyrequest.SetAgentMeasurementPeriodArm
    ) -> "Answer[None]":
        """Set the seconds that an agent's statistics cover."""
        now = self.operation.begin()
        agent = self.agent(request, request.hAgent)
        self.operation.centre.setAgentPeriod(agent, request.dwMeasurementPeriod, now)
        return self.operation.commit(None)

    def setQueueMeasurementPeriod(
        self, request: proxyrequest.SetQueueMeasurementPeriodArm
    ) -> "Answer[None]":
        """Set the seconds that a queue's statistics cover, for everybody."""
        now = self.operation.begin()
        self.operation.centre.setQueuePeriod(request.dwQueueID, request.dwMeasurementPeriod, now)
        return self.operation.commit(None)

    def getAgentInfo(
        self, request: proxyrequest.GetAgentInfoArm
    ) -> "Answer[agentstructs.LINEAGENTINFO]":
        """State and statistics of an agent."""
        agent = self.agent(request, request.hAgent)
        return self.operation.told(agentInfo(agent, self.operation.now()), agent.sequence)

    def getAgentSessionInfo(
        self, request: proxyrequest.GetAgentSessionInfoArm
    ) -> "Answer[agentstructs.LINEAGENTSESSIONINFO]":
        """State and statistics of a session."""
        session = self.session(request, request.hAgentSession)
        info = sessionInfo(session, self.operation.now(), self.operation.site.timeZone)
        return self.operation.told(info, session.sequence)

    def getAgentSessionList(
        self, request: proxyrequest.GetAgentSessionListArm
    ) -> "Answer[agentstructs.LINEAGENTSESSIONLIST]":
        """The sessions of an agent, those included that ended and are not released."""
        agent = self.agent(request, request.hAgent)
        found = agentstructs.LINEAGENTSESSIONLIST(
            List=tuple(
                agentstructs.LINEAGENTSESSIONENTRY(
                    hAgentSession=session.hAgentSession,
                    hAgent=agent.hAgent,
                    GroupID=UUID(session.group),
                    dwWorkingAddressID=session.address,
                )
                for session in agent.sessions.values()
            )
        )
        return self.operation.told(found, agent.sequence)

    def getQueueList(self, request: proxyrequest.GetQueueListArm) -> agentstructs.LINEQUEUELIST:
        """The queues of a group."""
        group = self.operation.site.groups.get(request.GroupID)
        if group is None:
            raise TAPIError(lineerr.LINEERR_INVALGROUPID, f"no group {request.GroupID}")
        return agentstructs.LINEQUEUELIST(
            List=tuple(
                agentstructs.LINEQUEUEENTRY(dwQueueID=queue.dwQueueID, Name=queue.name)
                for queue in group.queues
            )
        )

    def getQueueInfo(
        self, request: proxyrequest.GetQueueInfoArm
    ) -> "Answer[agentstructs.LINEQUEUEINFO]":
        """The statistics of a queue."""
        if request.dwQueueID not in self.operation.site.queues:
            raise TAPIError(lineerr.LINEERR_INVALPARAM, f"no queue {request.dwQueueID}")
        queue = self.operation.centre.model.queue(request.dwQueueID)
        return self.operation.told(queueInfo(queue, self.operation.now()), queue.sequence)

    def getGroupList(
        self, request: proxyrequest.GetGroupListArm
    ) -> agentstructs.LINEAGENTGROUPLIST:
        """All groups."""
        return groupList(self.operation.site.groups.values())

    def _createAgent(
        self, settings: AgentSettings, request: proxyrequest.CreateAgentArm
    ) -> "Answer[int]":
        now = self.operation.begin()
        agent = self.operation.centre.createAgent(settings, request.principal.name, now)
        self.attend(request, agent, now)
        return self.operation.commit(agent.hAgent)

    def _createAgentSession(self, request: proxyrequest.CreateAgentSessionArm) -> "Answer[int]":
        now = self.operation.begin()
        # Looked up again: while the PIN was compared, the agent may have gone.
        agent = self.agent(request, request.hAgent)
        checkAddress(request.line, request.dwWorkingAddressID)
        group = self.operation.site.groups.get(request.GroupID)
        if group is None:
            raise TAPIError(lineerr.LINEERR_INVALGROUPID, f"no group {request.GroupID}")
        session = self.operation.centre.createSession(
            agent, group, request.line.name, request.dwWorkingAddressID, now
        )
        self.attend(request, agent, now)
        return self.operation.commit(session.hAgentSession)
