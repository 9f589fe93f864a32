"""
The built-in ACD as a handler: each of the twenty requests, in words of `centre` and `statistics`.

This module resolves what a request names, sees whether its principal may, and shapes the answer.
What a Get tells is given at once if the disk has it, which is nearly always.
"""

import struct
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID, uuid5

from twisted.internet.defer import Deferred
from zope.interface import implementer

from tapiproxy.errors import InvalidAgentID, InvalidPassword, TAPIError
from tapiproxy.interfaces import (
    IAgentProxyHandler,
    ICallCenterProxyHandler,
    IClientObserver,
    IControllable,
    ILine,
    IPrincipal,
    IProxyHandlerLifecycle,
    IProxyHost,
    IReloadable,
)
from tapiproxy.plugins.acd.access import PINCheck, isOwn, mayUse
from tapiproxy.plugins.acd.address import addressStatus
from tapiproxy.plugins.acd.announcements import News
from tapiproxy.plugins.acd.control import Verbs
from tapiproxy.plugins.acd.model import Agent, Session
from tapiproxy.plugins.acd.operation import Operation
from tapiproxy.plugins.acd.options import MOST_GROUPS, readSite
from tapiproxy.plugins.acd.site import AgentSettings, GroupSettings, Site
from tapiproxy.plugins.acd.states import (
    BUSYWRAPUP,
    ENDED,
    NOTREADY,
    fromAgentState,
    fromAgentStateEx,
)
from tapiproxy.plugins.acd.statistics import agentInfo, queueInfo, sessionInfo
from tapiproxy.tapi import agentstructs, lineconstants, lineerr, proxyrequest, versions
from tapiproxy.tapi.extensionids import LINEEXTENSIONID
from tapiproxy.tapi.proxymessages import LINE_AGENTSPECIFIC

__all__ = ["ACDHandler"]

#: Name space of LINEAGENTCAPS.ProxyGUID; any fixed one does.
_PROXIES = UUID("0d4a9c52-3f0e-4f6b-8a86-6a1f4f2f7d30")

#: The place of the wrap-up extension in LINEAGENTCAPS.AgentExtensionIDList, and its identifier.
_WRAP_UP_EXTENSION = 0
_EXTENSIONS = (
    LINEEXTENSIONID(
        dwExtensionID0=0x74617069,
        dwExtensionID1=0x70726F78,
        dwExtensionID2=0x79616364,
        dwExtensionID3=1,
    ),
)

#: The block of the wrap-up extension: hAgentSession and seconds.
_WRAP_UP_BLOCK = struct.Struct("<II")

#: In the seconds of the block: only ask.
_ASK = 0xFFFFFFFF
_LONGEST_WRAP_UP = 24 * 3600

_STATUS_MESSAGES = lineconstants.LINEAGENTSTATUS.mask & ~lineconstants.LINEAGENTSTATUS_CAPSCHANGE
_SET_STATES = (
    lineconstants.LINEAGENTSTATE_LOGGEDOFF
    | lineconstants.LINEAGENTSTATE_NOTREADY
    | lineconstants.LINEAGENTSTATE_READY
    | lineconstants.LINEAGENTSTATE_WORKINGAFTERCALL
)

_REQUEST_TYPES = frozenset(each.requestType for each in proxyrequest.PROXY_REQUESTS)


@implementer(
    IAgentProxyHandler,
    ICallCenterProxyHandler,
    IProxyHandlerLifecycle,
    IClientObserver,
    IReloadable,
    IControllable,
)
class ACDHandler:
    """
    The built-in ACD.

    :param host: the handler's host.
    :param site: the configuration.
    :param epoch: as in `operation.Operation`.
    """

    def __init__(self, host: IProxyHost, site: Site, epoch: float | None = None) -> None:
        self._host = host
        self._operation = Operation(host, site, _REQUEST_TYPES, epoch)
        self._pins = PINCheck.of(host.reactor)
        #: The agents that each open line has logged on, the latest last.
        self._clients: dict[object, dict[str, None]] = {}

    @property
    def demo(self) -> bool:
        """Whether this is the demo site, which is for loopback only."""
        return self._operation.site.demo

    # IProxyHandlerLifecycle, IReloadable, IControllable, IClientObserver

    def start(self) -> "Deferred[None]":
        """Open the log."""
        return self._operation.start()

    def stop(self) -> "Deferred[None]":
        """Close the log."""
        return self._operation.stop()

    def check(self, options: Mapping[str, object]) -> None:
        """Read the options without using them."""
        readSite(options)

    def reload(self, options: Mapping[str, object]) -> None:
        """Use other options."""
        self._operation.useSite(readSite(options))

    def controlVerbs(self) -> Mapping[str, Any]:
        """``feed`` and ``recompute``."""
        return Verbs(self._operation).all()

    def clientOpened(self, client: object, line: ILine, principal: IPrincipal) -> None:
        """Nothing is known of its agents yet."""

    def clientClosed(self, client: object, reason: str) -> None:
        """Whoever has no application any more is on his own from now."""
        left = self._clients.pop(client, {})
        held = {agent for agents in self._clients.values() for agent in agents}
        operation = self._operation
        if not left or not operation.open:
            return
        now = operation.now()
        for name in left:
            if name not in held:
                operation.centre.unattend(operation.centre.model.agents[name], now)
        operation.commit(None)

    # ICallCenterProxyHandler

    def createAgent(self, request: proxyrequest.CreateAgentArm) -> "int | Deferred[int]":
        """Log on as an agent: by PIN, or as the principal whose agent it is."""
        site = self._operation.site
        named = request.AgentID or ""
        settings = site.agents.get(named) if named else site.agentOf(request.principal.name)
        pin = request.AgentPIN or ""
        if settings is not None and not pin and isOwn(site, settings, request.principal):
            return self._createAgent(settings, request)
        if settings is None and not named:
            raise InvalidAgentID("no agent is named, and none belongs to the principal")

        def checked(right: bool) -> "int | Deferred[int]":
            if settings is None:
                raise InvalidAgentID(f"no agent {named!r}")
            # The configuration may have been read again meanwhile.
            if not right or self._operation.site.agents.get(settings.id) != settings:
                raise InvalidPassword(f"agent {settings.id}")
            return self._createAgent(settings, request)

        return self._pins.right(settings, pin, self._operation.now()).addCallback(checked)

    def createAgentSession(
        self, request: proxyrequest.CreateAgentSessionArm
    ) -> "int | Deferred[int]":
        """Log an agent on for a group at an address; again is the same session."""
        agent = self._agent(request, request.hAgent)
        if not request.AgentPIN:
            return self._createAgentSession(request)
        settings = self._operation.site.agents[agent.id]

        def checked(right: bool) -> "int | Deferred[int]":
            if not right:
                raise InvalidPassword(f"agent {agent.id}")
            return self._createAgentSession(request)

        return self._pins.right(settings, request.AgentPIN, self._operation.now()).addCallback(
            checked
        )

    def setAgentStateEx(self, request: proxyrequest.SetAgentStateExArm) -> "Deferred[None] | None":
        """Set the state of all of an agent's sessions; RELEASED logs him off."""
        now = self._operation.begin()
        agent = self._agent(request, request.hAgent)
        centre = self._operation.centre
        state = _translated(request.dwAgentState, fromAgentStateEx)
        following = _translated(request.dwNextAgentState, fromAgentStateEx)
        sessions = agent.liveSessions()
        if not sessions and (state not in (NOTREADY, ENDED) or following):
            raise TAPIError(lineerr.LINEERR_INVALAGENTSTATE, f"{agent.id} has no session")
        centre.setStates(sessions, state, following, now, lineerr.LINEERR_INVALAGENTSTATE)
        if state == ENDED:
            centre.releaseAgent(agent, now)
        return self._operation.commit(None)

    def setAgentSessionState(
        self, request: proxyrequest.SetAgentSessionStateArm
    ) -> "Deferred[None] | None":
        """Set the state of a session, what is planned for it, or both."""
        now = self._operation.begin()
        session = self._session(request, request.hAgentSession)
        single = lineconstants.LINEAGENTSESSIONSTATE.single
        state, following = request.dwAgentSessionState, request.dwNextAgentSessionState
        refusal = lineerr.LINEERR_INVALAGENTSESSIONSTATE
        if (state and not single(state)) or (following and not single(following)):
            raise TAPIError(refusal, "more than one state")
        self._operation.centre.setStates([session], state, following, now, refusal)
        return self._operation.commit(None)

    def setAgentMeasurementPeriod(
        self, request: proxyrequest.SetAgentMeasurementPeriodArm
    ) -> "Deferred[None] | None":
        """Set the seconds that an agent's statistics cover."""
        now = self._operation.begin()
        agent = self._agent(request, request.hAgent)
        self._operation.centre.setAgentPeriod(agent, request.dwMeasurementPeriod, now)
        return self._operation.commit(None)

    def setQueueMeasurementPeriod(
        self, request: proxyrequest.SetQueueMeasurementPeriodArm
    ) -> "Deferred[None] | None":
        """Set the seconds that a queue's statistics cover, for everybody."""
        now = self._operation.begin()
        self._operation.centre.setQueuePeriod(request.dwQueueID, request.dwMeasurementPeriod, now)
        return self._operation.commit(None)

    def getAgentInfo(self, request: proxyrequest.GetAgentInfoArm) -> Any:
        """State and statistics of an agent."""
        agent = self._agent(request, request.hAgent)
        return self._operation.told(agentInfo(agent, self._operation.now()), agent.sequence)

    def getAgentSessionInfo(self, request: proxyrequest.GetAgentSessionInfoArm) -> Any:
        """State and statistics of a session."""
        session = self._session(request, request.hAgentSession)
        info = sessionInfo(session, self._operation.now(), self._operation.site.timeZone)
        return self._operation.told(info, session.sequence)

    def getAgentSessionList(self, request: proxyrequest.GetAgentSessionListArm) -> Any:
        """The sessions of an agent, those included that ended and are not released."""
        agent = self._agent(request, request.hAgent)
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
        return self._operation.told(found, agent.sequence)

    def getQueueList(self, request: proxyrequest.GetQueueListArm) -> agentstructs.LINEQUEUELIST:
        """The queues of a group."""
        group = self._operation.site.groups.get(request.GroupID)
        if group is None:
            raise TAPIError(lineerr.LINEERR_INVALGROUPID, f"no group {request.GroupID}")
        return agentstructs.LINEQUEUELIST(
            List=tuple(
                agentstructs.LINEQUEUEENTRY(dwQueueID=queue.dwQueueID, Name=queue.name)
                for queue in group.queues
            )
        )

    def getQueueInfo(self, request: proxyrequest.GetQueueInfoArm) -> Any:
        """The statistics of a queue."""
        if request.dwQueueID not in self._operation.site.queues:
            raise TAPIError(lineerr.LINEERR_INVALPARAM, f"no queue {request.dwQueueID}")
        queue = self._operation.centre.model.queue(request.dwQueueID)
        return self._operation.told(queueInfo(queue, self._operation.now()), queue.sequence)

    def getGroupList(
        self, request: proxyrequest.GetGroupListArm
    ) -> agentstructs.LINEAGENTGROUPLIST:
        """All groups."""
        return _groupList(self._operation.site.groups.values())

    # IAgentProxyHandler

    def setAgentGroup(self, request: proxyrequest.SetAgentGroupArm) -> "Deferred[None] | None":
        """Log the client's agent (else the principal's) on into exactly these groups."""
        _checkAddress(request.line, request.dwAddressID)
        now = self._operation.begin()
        centre = self._operation.centre
        groups = []
        for entry in request.GroupList:
            group = self._operation.site.groups.get(entry.GroupID)
            if group is None:
                raise TAPIError(lineerr.LINEERR_INVALAGENTGROUP, f"no group {entry.GroupID}")
            groups.append(group)
        if len(groups) > MOST_GROUPS:
            raise TAPIError(lineerr.LINEERR_INVALPARAM, f"{len(groups)} groups")
        agents = self._ownAgents(request)
        own = self._operation.site.agentOf(request.principal.name)
        if agents:
            agent = agents[-1]
        elif own is not None:
            for each in groups:
                if each not in own.groups:
                    raise TAPIError(
                        lineerr.LINEERR_INVALAGENTGROUP, f"{own.id} is not in {each.name}"
                    )
            agent = centre.createAgent(own, request.principal.name, now)
        else:
            raise InvalidAgentID("the client has no agent, and none belongs to the principal")
        centre.setGroups(agent, groups, request.line.name, request.dwAddressID, now)
        self._attend(request, agent, now)
        return self._operation.commit(None)

    def setAgentState(self, request: proxyrequest.SetAgentStateArm) -> "Deferred[None] | None":
        """Set the state of the sessions at an address; LOGGEDOFF ends them."""
        now = self._operation.begin()
        sessions = self._sessionsAt(request, request.dwAddressID)
        self._operation.centre.setStates(
            sessions,
            _translated(request.dwAgentState, fromAgentState),
            _translated(request.dwNextAgentState, fromAgentState),
            now,
            lineerr.LINEERR_INVALAGENTSTATE,
        )
        return self._operation.commit(None)

    def setAgentActivity(
        self, request: proxyrequest.SetAgentActivityArm
    ) -> "Deferred[None] | None":
        """Set what the agents at an address are doing."""
        now = self._operation.begin()
        sessions = self._sessionsAt(request, request.dwAddressID)
        agents = self._operation.centre.model.agents
        self._operation.centre.setAgentActivity(
            [agents[name] for name in {session.agent: None for session in sessions}],
            request.dwActivityID,
            now,
        )
        return self._operation.commit(None)

    def getAgentCaps(self, request: proxyrequest.GetAgentCapsArm) -> agentstructs.LINEAGENTCAPS:
        """What the built-in ACD can do; the same at every address."""
        return agentstructs.LINEAGENTCAPS(
            AgentHandlerInfo="tapiproxy built-in ACD",
            dwCapsVersion=min(
                request.dwClientAppAPIVersion or versions.TAPI_2_0, versions.TAPI_3_1
            ),
            dwFeatures=lineconstants.LINEAGENTFEATURE.mask,
            dwStates=_SET_STATES,
            dwNextStates=_SET_STATES,
            dwMaxNumGroupEntries=MOST_GROUPS,
            dwAgentStatusMessages=_STATUS_MESSAGES,
            AgentExtensionIDList=_EXTENSIONS,
            ProxyGUID=uuid5(_PROXIES, self._host.name),
        )

    def getAgentStatus(self, request: proxyrequest.GetAgentStatusArm) -> Any:
        """The state at an address; LOGGEDOFF where nobody is."""
        _checkAddress(request.line, request.dwAddressID)
        centre = self._operation.centre
        status = addressStatus(centre, request.line.name, request.dwAddressID)
        return self._operation.told(status, centre.model.sequence)

    def getAgentActivityList(
        self, request: proxyrequest.GetAgentActivityListArm
    ) -> agentstructs.LINEAGENTACTIVITYLIST:
        """The site's activities."""
        _checkAddress(request.line, request.dwAddressID)
        return agentstructs.LINEAGENTACTIVITYLIST(
            List=tuple(
                agentstructs.LINEAGENTACTIVITYENTRY(dwID=number, Name=name)
                for number, name in self._operation.site.activities.items()
            )
        )

    def getAgentGroupList(
        self, request: proxyrequest.GetAgentGroupListArm
    ) -> agentstructs.LINEAGENTGROUPLIST:
        """Where the client's agents may log on; else the principal's; else who is there."""
        _checkAddress(request.line, request.dwAddressID)
        site, model = self._operation.site, self._operation.centre.model
        names = [agent.id for agent in self._ownAgents(request)]
        own = site.agentOf(request.principal.name)
        if not names and own is not None:
            names = [own.id]
        if not names:
            here = model.atAddress(request.line.name, request.dwAddressID)
            names = [session.agent for session in here]
        return _groupList(
            {
                group.GroupID: group
                for name in names
                if name in site.agents
                for group in site.agents[name].groups
            }.values()
        )

    def agentSpecific(self, request: proxyrequest.AgentSpecificArm) -> "bytes | Deferred[bytes]":
        """The wrap-up extension: ask how long a session's wrap-up lasts, or set it."""
        if request.dwAgentExtensionIDIndex != _WRAP_UP_EXTENSION:
            raise TAPIError(
                lineerr.LINEERR_INVALPARAM, f"no extension {request.dwAgentExtensionIDIndex}"
            )
        if len(request.Params) < _WRAP_UP_BLOCK.size:
            raise TAPIError(
                lineerr.LINEERR_STRUCTURETOOSMALL, f"a block of {len(request.Params)} octets"
            )
        hAgentSession, wanted = _WRAP_UP_BLOCK.unpack_from(request.Params)
        now = self._operation.begin()
        session = self._session(request, hAgentSession)
        if wanted != _ASK:
            if wanted > _LONGEST_WRAP_UP:
                raise TAPIError(lineerr.LINEERR_INVALPARAM, f"{wanted} s of wrap-up")
            self._operation.centre.setWrapUp(session, wanted * 1000, now)
        left = 0
        if session.state == BUSYWRAPUP and session.until:
            left = max(0, session.until - now) // 1000
        answer = _WRAP_UP_BLOCK.pack(hAgentSession, left)
        if wanted != _ASK:
            message = LINE_AGENTSPECIFIC(_WRAP_UP_EXTENSION, hAgentSession, left)
            return self._operation.commit(answer, News(request.line.name, message))
        return self._operation.told(answer, session.sequence)

    # What a request names.

    def _createAgent(
        self, settings: AgentSettings, request: proxyrequest.CreateAgentArm
    ) -> "int | Deferred[int]":
        now = self._operation.begin()
        agent = self._operation.centre.createAgent(settings, request.principal.name, now)
        self._attend(request, agent, now)
        return self._operation.commit(agent.hAgent)

    def _createAgentSession(
        self, request: proxyrequest.CreateAgentSessionArm
    ) -> "int | Deferred[int]":
        now = self._operation.begin()
        # Looked up again: while the PIN was compared, the agent may have gone.
        agent = self._agent(request, request.hAgent)
        _checkAddress(request.line, request.dwWorkingAddressID)
        group = self._operation.site.groups.get(request.GroupID)
        if group is None:
            raise TAPIError(lineerr.LINEERR_INVALGROUPID, f"no group {request.GroupID}")
        session = self._operation.centre.createSession(
            agent, group, request.line.name, request.dwWorkingAddressID, now
        )
        self._attend(request, agent, now)
        return self._operation.commit(session.hAgentSession)

    def _attend(self, request: proxyrequest.Arm, agent: Agent, now: int) -> None:
        agents = self._clients.setdefault(request.client, {})
        agents.pop(agent.id, None)
        agents[agent.id] = None
        self._operation.centre.attend(agent, now)

    def _agent(self, request: proxyrequest.Arm, hAgent: int) -> Agent:
        agent = self._operation.centre.model.byHandle.get(hAgent)
        if agent is None or not mayUse(self._operation.site, agent, request.principal):
            raise InvalidAgentID(f"hAgent {hAgent:#x} for {request.principal.name!r}")
        return agent

    def _session(self, request: proxyrequest.Arm, hAgentSession: int) -> Session:
        model = self._operation.centre.model
        session = model.sessions.get(hAgentSession)
        if session is None or not mayUse(
            self._operation.site, model.agents[session.agent], request.principal
        ):
            raise InvalidAgentID(f"hAgentSession {hAgentSession:#x} for {request.principal.name!r}")
        return session

    def _ownAgents(self, request: proxyrequest.Arm) -> list[Agent]:
        """The agents that this client has logged on and may still use, the latest last."""
        agents = self._operation.centre.model.agents
        return [
            agents[name]
            for name in self._clients.get(request.client, {})
            if mayUse(self._operation.site, agents[name], request.principal)
        ]

    def _sessionsAt(self, request: proxyrequest.Arm, dwAddressID: int) -> list[Session]:
        """The sessions at an address that a request is about: the client's own, else all."""
        _checkAddress(request.line, dwAddressID)
        model = self._operation.centre.model
        here = model.atAddress(request.line.name, dwAddressID)
        if not here:
            raise TAPIError(lineerr.LINEERR_INVALADDRESSSTATE, "no agent is at the address")
        own = self._clients.get(request.client, {})
        usable = [
            session
            for session in here
            if mayUse(self._operation.site, model.agents[session.agent], request.principal)
        ]
        if not usable:
            raise InvalidAgentID(f"the agents at the address, for {request.principal.name!r}")
        return [session for session in usable if session.agent in own] or usable


def _translated(state: int, translate: Any) -> int:
    """A session state for a state that a request wants to be set."""
    translated: int = translate(state) if state else 0
    if state and not translated:
        raise TAPIError(lineerr.LINEERR_INVALAGENTSTATE, f"state {state:#x} cannot be set")
    return translated


def _checkAddress(line: ILine, dwAddressID: int) -> None:
    if all(address.dwAddressID != dwAddressID for address in line.addresses):
        raise TAPIError(lineerr.LINEERR_INVALADDRESSID, f"no address {dwAddressID}")


def _groupList(groups: Iterable[GroupSettings]) -> agentstructs.LINEAGENTGROUPLIST:
    return agentstructs.LINEAGENTGROUPLIST(
        List=tuple(
            agentstructs.LINEAGENTGROUPENTRY(GroupID=group.GroupID, Name=group.name)
            for group in groups
        )
    )
