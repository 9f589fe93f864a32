"""
An open line, and the requests about agents that go by it.  [MS-TRP] 2.2.4.1.3

One method for each packet, named after it with a small first letter.  Each returns a Deferred of
what the LINE_REPLY brings, and fails with `tapiproxy.client.errors.TelephonyError` when the server
or the handler refuses.  A list or info is asked for again with more room when it did not fit.
"""

from collections.abc import Iterable
from uuid import UUID

from twisted.internet.defer import Deferred

from tapiproxy.client.session import ClientSession
from tapiproxy.tapi.agentstructs import (
    LINEAGENTACTIVITYLIST,
    LINEAGENTGROUPENTRY,
    LINEAGENTGROUPLIST,
    LINEAGENTINFO,
    LINEAGENTSESSIONINFO,
    LINEAGENTSESSIONLIST,
    LINEAGENTSTATUS,
    LINEQUEUEINFO,
    LINEQUEUELIST,
)
from tapiproxy.trp.requests import agent, line

__all__ = ["OpenLine"]


class OpenLine:
    """
    A line that this client has open (HLINE).

    :ivar hLine: the server's handle, for requests.
    :ivar hRemoteLine: the client's handle, which events of this line carry.
    :ivar dwDeviceID: the line's number.
    :ivar version: the TAPI version it was opened with.
    """

    def __init__(
        self, session: ClientSession, *, hLine: int, hRemoteLine: int, dwDeviceID: int, version: int
    ) -> None:
        self._session = session
        self.hLine = hLine
        self.hRemoteLine = hRemoteLine
        self.dwDeviceID = dwDeviceID
        self.version = version

    def close(self) -> "Deferred[None]":
        """
        Close the line.  [MS-TRP] 2.2.4.1.2.1

        What is outstanding on it ends without LINE_REPLY, and fails here with its own deadline.
        """
        return Deferred.fromCoroutine(self._close())

    async def _close(self) -> None:
        await self._session.now(line.Close(hLine=self.hLine))
        self._session.lineClosed(self.hRemoteLine)

    def setStatusMessages(self, dwLineStates: int, dwAddressStates: int) -> "Deferred[None]":
        """
        Choose which changes of the line and its addresses are told.  [MS-TRP] 2.2.4.1.3.75

        :param dwLineStates: LINEDEVSTATE_ bits.
        :param dwAddressStates: LINEADDRESSSTATE_ bits.
        """
        return Deferred.fromCoroutine(self._setStatusMessages(dwLineStates, dwAddressStates))

    async def _setStatusMessages(self, dwLineStates: int, dwAddressStates: int) -> None:
        await self._session.now(
            line.SetStatusMessages(
                hLine=self.hLine, dwLineStates=dwLineStates, dwAddressStates=dwAddressStates
            )
        )

    # The requests of TAPI 2.0, which name an agent by the address he is on

    def setAgentGroup(
        self, dwAddressID: int, groups: Iterable[LINEAGENTGROUPENTRY]
    ) -> "Deferred[None]":
        """Log an agent on at an address, into groups, or off with none.  2.2.4.1.3.58"""
        return self._session.done(
            agent.SetAgentGroup(
                hLine=self.hLine,
                dwAddressID=dwAddressID,
                lpAgentGroupList=LINEAGENTGROUPLIST(List=tuple(groups)),
            )
        )

    def setAgentState(
        self, dwAddressID: int, dwAgentState: int, dwNextAgentState: int = 0
    ) -> "Deferred[None]":
        """Set state or next state (LINEAGENTSTATE_, 0 leaves it) on an address.  2.2.4.1.3.61"""
        return self._session.done(
            agent.SetAgentState(
                hLine=self.hLine,
                dwAddressID=dwAddressID,
                dwAgentState=dwAgentState,
                dwNextAgentState=dwNextAgentState,
            )
        )

    def setAgentActivity(self, dwAddressID: int, dwActivityID: int) -> "Deferred[None]":
        """Set what the agent on an address is doing.  2.2.4.1.3.57"""
        return self._session.done(
            agent.SetAgentActivity(
                hLine=self.hLine, dwAddressID=dwAddressID, dwActivityID=dwActivityID
            )
        )

    def getAgentStatus(self, dwAddressID: int) -> "Deferred[LINEAGENTSTATUS]":
        """Ask for the state of the agent on an address.  2.2.4.1.3.28"""
        return self._session.struct(
            LINEAGENTSTATUS, agent.GetAgentStatus(hLine=self.hLine, dwAddressID=dwAddressID)
        )

    def agentSpecific(
        self, dwAddressID: int, dwAgentExtensionIDIndex: int, params: bytes
    ) -> "Deferred[bytes]":
        """
        Call an extension of the handler.  2.2.4.1.3.3

        :param params: the block that is sent; what comes back is at most as long.
        """
        return self._session.block(
            agent.AgentSpecific(
                hLine=self.hLine,
                dwAddressID=dwAddressID,
                dwAgentExtensionIDIndex=dwAgentExtensionIDIndex,
                lpParams=params,
            )
        )

    def getAgentActivityList(self, dwAddressID: int) -> "Deferred[LINEAGENTACTIVITYLIST]":
        """Ask which activities can be set on an address.  2.2.4.1.3.22"""
        return self._session.struct(
            LINEAGENTACTIVITYLIST,
            agent.GetAgentActivityList(hLine=self.hLine, dwAddressID=dwAddressID),
        )

    def getAgentGroupList(self, dwAddressID: int) -> "Deferred[LINEAGENTGROUPLIST]":
        """Ask into which groups the agent may log on at an address.  2.2.4.1.3.24"""
        return self._session.struct(
            LINEAGENTGROUPLIST,
            agent.GetAgentGroupList(hLine=self.hLine, dwAddressID=dwAddressID),
        )

    # The requests of TAPI 2.2, which name agents, sessions and queues by handles

    def createAgent(
        self, agentID: str | None = None, agentPIN: str | None = None
    ) -> "Deferred[int]":
        """Make an agent, or find it again: the same agent has the same HAGENT.  2.2.4.1.3.10"""
        return self._session.handle(
            agent.CreateAgent(hLine=self.hLine, lpszAgentID=agentID, lpszAgentPIN=agentPIN)
        )

    def setAgentMeasurementPeriod(self, hAgent: int, dwMeasurementPeriod: int) -> "Deferred[None]":
        """Set the period, in seconds, that an agent's statistics cover.  2.2.4.1.3.59"""
        return self._session.done(
            agent.SetAgentMeasurementPeriod(
                hLine=self.hLine, hAgent=hAgent, dwMeasurementPeriod=dwMeasurementPeriod
            )
        )

    def getAgentInfo(self, hAgent: int) -> "Deferred[LINEAGENTINFO]":
        """Ask for state and statistics of an agent.  2.2.4.1.3.25"""
        return self._session.struct(
            LINEAGENTINFO, agent.GetAgentInfo(hLine=self.hLine, hAgent=hAgent)
        )

    def createAgentSession(
        self, hAgent: int, groupID: UUID, dwWorkingAddressID: int, agentPIN: str | None = None
    ) -> "Deferred[int]":
        """Begin a session: the agent serves a group at an address.  2.2.4.1.3.11"""
        return self._session.handle(
            agent.CreateAgentSession(
                hLine=self.hLine,
                hAgent=hAgent,
                lpszAgentPIN=agentPIN,
                dwWorkingAddressID=dwWorkingAddressID,
                lpGroupID=groupID,
            )
        )

    def getAgentSessionList(self, hAgent: int) -> "Deferred[LINEAGENTSESSIONLIST]":
        """Ask for the sessions of an agent.  2.2.4.1.3.27"""
        return self._session.struct(
            LINEAGENTSESSIONLIST, agent.GetAgentSessionList(hLine=self.hLine, hAgent=hAgent)
        )

    def getAgentSessionInfo(self, hAgentSession: int) -> "Deferred[LINEAGENTSESSIONINFO]":
        """Ask for state and statistics of a session.  2.2.4.1.3.26"""
        return self._session.struct(
            LINEAGENTSESSIONINFO,
            agent.GetAgentSessionInfo(hLine=self.hLine, hAgentSession=hAgentSession),
        )

    def setAgentSessionState(
        self, hAgentSession: int, dwAgentSessionState: int, dwNextAgentSessionState: int = 0
    ) -> "Deferred[None]":
        """Set state or next state (LINEAGENTSESSIONSTATE_, 0 leaves it).  2.2.4.1.3.60"""
        return self._session.done(
            agent.SetAgentSessionState(
                hLine=self.hLine,
                hAgentSession=hAgentSession,
                dwAgentSessionState=dwAgentSessionState,
                dwNextAgentSessionState=dwNextAgentSessionState,
            )
        )

    def getQueueList(self, groupID: UUID) -> "Deferred[LINEQUEUELIST]":
        """Ask for the queues of a group.  2.2.4.1.3.41"""
        return self._session.struct(
            LINEQUEUELIST, agent.GetQueueList(hLine=self.hLine, pGroupID=groupID)
        )

    def setQueueMeasurementPeriod(
        self, dwQueueID: int, dwMeasurementPeriod: int
    ) -> "Deferred[None]":
        """Set the period, in seconds, that a queue's statistics cover.  2.2.4.1.3.74"""
        return self._session.done(
            agent.SetQueueMeasurementPeriod(
                hLine=self.hLine, dwQueueID=dwQueueID, dwMeasurementPeriod=dwMeasurementPeriod
            )
        )

    def getQueueInfo(self, dwQueueID: int) -> "Deferred[LINEQUEUEINFO]":
        """Ask for the statistics of a queue.  2.2.4.1.3.40"""
        return self._session.struct(
            LINEQUEUEINFO, agent.GetQueueInfo(hLine=self.hLine, dwQueueID=dwQueueID)
        )

    def getGroupList(self) -> "Deferred[LINEAGENTGROUPLIST]":
        """Ask for all groups.  2.2.4.1.3.34"""
        return self._session.struct(LINEAGENTGROUPLIST, agent.GetGroupList(hLine=self.hLine))

    def setAgentStateEx(
        self, hAgent: int, dwAgentState: int, dwNextAgentState: int = 0
    ) -> "Deferred[None]":
        """Set an agent's state or next state (LINEAGENTSTATEEX_, 0 leaves it).  2.2.4.1.3.62"""
        return self._session.done(
            agent.SetAgentStateEx(
                hLine=self.hLine,
                hAgent=hAgent,
                dwAgentState=dwAgentState,
                dwNextAgentState=dwNextAgentState,
            )
        )
