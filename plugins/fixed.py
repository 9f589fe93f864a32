"""The smallest useful handler: fixed groups, any agent, sessions kept in memory."""

from uuid import NAMESPACE_OID, uuid5

from zope.interface import implementer

from tapiproxy import interfaces
from tapiproxy.errors import InvalidAgentID, OperationUnavailable, TAPIError
from tapiproxy.tapi import agentstructs, lineconstants, lineerr, proxymessages, proxyrequest

ANSWERED = {"CreateAgent", "CreateAgentSession", "GetAgentGroupList", "GetGroupList"}


@implementer(interfaces.IAgentProxyHandler, interfaces.ICallCenterProxyHandler)
@implementer(interfaces.IPartialProxyHandler)
class FixedHandler:
    """Answers what an agent needs to log in and to open a session."""

    requestTypes = frozenset(
        p.requestType for p in proxyrequest.PROXY_REQUESTS if p.name in ANSWERED
    )

    def __init__(self, groups: list[str], host: interfaces.IProxyHost) -> None:
        self.host = host
        self.groups = agentstructs.LINEAGENTGROUPLIST(
            List=tuple(
                agentstructs.LINEAGENTGROUPENTRY(GroupID=uuid5(NAMESPACE_OID, name), Name=name)
                for name in groups
            )
        )
        self.agents: dict[str, int] = {}
        self.sessions = 0

    def createAgent(self, request: proxyrequest.CreateAgentArm) -> int:
        """Whoever has an id is an agent; the same id is the same one."""
        if not request.AgentID:
            raise InvalidAgentID("an agent needs an id")
        if len(self.agents) >= 10_000 and request.AgentID not in self.agents:
            raise TAPIError(lineerr.LINEERR_RESOURCEUNAVAIL)
        return self.agents.setdefault(request.AgentID, len(self.agents) + 1)

    def createAgentSession(self, request: proxyrequest.CreateAgentSessionArm) -> int:
        """Open a session, and tell the line of it."""
        if not 1 <= request.hAgent <= len(self.agents):
            raise InvalidAgentID()
        if request.GroupID not in [group.GroupID for group in self.groups.List]:
            raise TAPIError(lineerr.LINEERR_INVALAGENTGROUP)
        self.sessions += 1
        new = lineconstants.LINEAGENTSESSIONSTATUS_NEWSESSION
        message = proxymessages.LINE_AGENTSESSIONSTATUS(self.sessions, new)
        self.host.proxyMessage(request.line, message)
        return self.sessions

    def getGroupList(self, request: proxyrequest.Arm) -> agentstructs.LINEAGENTGROUPLIST:
        """All groups, for everybody."""
        return self.groups

    getAgentGroupList = getGroupList

    def setAgentGroup(self, request: proxyrequest.Arm) -> None:
        """Stand in for the methods that are not ANSWERED, and so never called."""
        raise OperationUnavailable()

    setAgentState = setAgentActivity = getAgentCaps = getAgentStatus = setAgentGroup
    agentSpecific = getAgentActivityList = setAgentMeasurementPeriod = getAgentInfo = setAgentGroup
    getAgentSessionList = getAgentSessionInfo = setAgentSessionState = setAgentGroup
    getQueueList = setQueueMeasurementPeriod = getQueueInfo = setAgentStateEx = setAgentGroup


@implementer(interfaces.IProxyHandlerFactory)
class FixedFactory:
    """What the server finds in this module."""

    handlerName = "fixed"
    handlerHelp = "Fixed groups and any agent, for trying out agent applications."
    argStringFormat = "the groups' names, with commas between them (Sales,Support)"

    def makeHandler(self, argString: str, host: interfaces.IProxyHost) -> FixedHandler:
        """Called once for each [handlers.NAME] with this plugin."""
        return FixedHandler((argString or "Sales,Support").split(","), host)


fixed = FixedFactory()
