"""
The eight agent requests of TAPI 2.0, which name an agent by the address where he is.

[MS-TRP] 2.2.4.1.3; what a Get tells is given at once if the disk has it, which is nearly always.
"""

import struct
from uuid import UUID, uuid5

from tapiproxy.errors import InvalidAgentID, TAPIError
from tapiproxy.plugins.acd.address import addressStatus
from tapiproxy.plugins.acd.announcements import News
from tapiproxy.plugins.acd.operation import Answer
from tapiproxy.plugins.acd.options import MOST_GROUPS
from tapiproxy.plugins.acd.requests import Requests, checkAddress, groupList, translated
from tapiproxy.plugins.acd.states import BUSYWRAPUP, fromAgentState
from tapiproxy.tapi import agentstructs, lineconstants, lineerr, proxyrequest, versions
from tapiproxy.tapi.extensionids import LINEEXTENSIONID
from tapiproxy.tapi.proxymessages import LINE_AGENTSPECIFIC

__all__ = ["AgentRequests"]

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


class AgentRequests(Requests):
    """`tapiproxy.interfaces.IAgentProxyHandler`."""

    def setAgentGroup(self, request: proxyrequest.SetAgentGroupArm) -> "Answer[None]":
        """Log the client's agent (else the principal's) on into exactly these groups."""
        checkAddress(request.line, request.dwAddressID)
        now = self.operation.begin()
        centre = self.operation.centre
        groups = []
        for entry in request.GroupList:
            group = self.operation.site.groups.get(entry.GroupID)
            if group is None:
                raise TAPIError(lineerr.LINEERR_INVALAGENTGROUP, f"no group {entry.GroupID}")
            groups.append(group)
        if len(groups) > MOST_GROUPS:
            raise TAPIError(lineerr.LINEERR_INVALPARAM, f"{len(groups)} groups")
        agents = self.ownAgents(request)
        own = self.operation.site.agentOf(request.principal.name)
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
        self.attend(request, agent, now)
        return self.operation.commit(None)

    def setAgentState(self, request: proxyrequest.SetAgentStateArm) -> "Answer[None]":
        """Set the state of the sessions at an address; LOGGEDOFF ends them."""
        now = self.operation.begin()
        sessions = self.sessionsAt(request, request.dwAddressID)
        self.operation.centre.setStates(
            sessions,
            translated(request.dwAgentState, fromAgentState),
            translated(request.dwNextAgentState, fromAgentState),
            now,
            lineerr.LINEERR_INVALAGENTSTATE,
        )
        return self.operation.commit(None)

    def setAgentActivity(self, request: proxyrequest.SetAgentActivityArm) -> "Answer[None]":
        """Set what the agents at an address are doing."""
        now = self.operation.begin()
        sessions = self.sessionsAt(request, request.dwAddressID)
        agents = self.operation.centre.model.agents
        self.operation.centre.setAgentActivity(
            [agents[name] for name in {session.agent: None for session in sessions}],
            request.dwActivityID,
            now,
        )
        return self.operation.commit(None)

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
            ProxyGUID=uuid5(_PROXIES, self.operation.host.name),
        )

    def getAgentStatus(
        self, request: proxyrequest.GetAgentStatusArm
    ) -> "Answer[agentstructs.LINEAGENTSTATUS]":
        """The state at an address; LOGGEDOFF where nobody is."""
        checkAddress(request.line, request.dwAddressID)
        centre = self.operation.centre
        status = addressStatus(centre, request.line.name, request.dwAddressID)
        return self.operation.told(status, centre.model.sequence)

    def getAgentActivityList(
        self, request: proxyrequest.GetAgentActivityListArm
    ) -> agentstructs.LINEAGENTACTIVITYLIST:
        """The site's activities."""
        checkAddress(request.line, request.dwAddressID)
        return agentstructs.LINEAGENTACTIVITYLIST(
            List=tuple(
                agentstructs.LINEAGENTACTIVITYENTRY(dwID=number, Name=name)
                for number, name in self.operation.site.activities.items()
            )
        )

    def getAgentGroupList(
        self, request: proxyrequest.GetAgentGroupListArm
    ) -> agentstructs.LINEAGENTGROUPLIST:
        """Where the client's agents may log on; else the principal's; else who is there."""
        checkAddress(request.line, request.dwAddressID)
        site, model = self.operation.site, self.operation.centre.model
        names = [agent.id for agent in self.ownAgents(request)]
        own = site.agentOf(request.principal.name)
        if not names and own is not None:
            names = [own.id]
        if not names:
            here = model.atAddress(request.line.name, request.dwAddressID)
            names = [session.agent for session in here]
        return groupList(
            {
                group.GroupID: group
                for name in names
                if name in site.agents
                for group in site.agents[name].groups
            }.values()
        )

    def agentSpecific(self, request: proxyrequest.AgentSpecificArm) -> "Answer[bytes]":
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
        now = self.operation.begin()
        session = self.session(request, hAgentSession)
        if wanted != _ASK:
            if wanted > _LONGEST_WRAP_UP:
                raise TAPIError(lineerr.LINEERR_INVALPARAM, f"{wanted} s of wrap-up")
            self.operation.centre.setWrapUp(session, wanted * 1000, now)
        left = 0
        if session.state == BUSYWRAPUP and session.until:
            left = max(0, session.until - now) // 1000
        answer = _WRAP_UP_BLOCK.pack(hAgentSession, left)
        if wanted != _ASK:
            message = LINE_AGENTSPECIFIC(_WRAP_UP_EXTENSION, hAgentSession, left)
            return self.operation.commit(answer, News(request.line.name, message))
        return self.operation.told(answer, session.sequence)
