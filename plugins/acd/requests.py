"""
What requests name: agents and sessions by their handles, addresses, states, and who may.

The requests themselves are in `agentrequests` and `callcenterrequests`.
"""

from collections.abc import Callable, Iterable

from tapiproxy.errors import InvalidAgentID, TAPIError
from tapiproxy.interfaces import ILine
from tapiproxy.plugins.acd.access import PINCheck, mayUse
from tapiproxy.plugins.acd.model import Agent, Session
from tapiproxy.plugins.acd.operation import Operation
from tapiproxy.plugins.acd.site import GroupSettings
from tapiproxy.tapi import agentstructs, lineerr, proxyrequest

__all__ = ["Requests", "checkAddress", "groupList", "translated"]


class Requests:
    """
    What both kinds of requests need.

    :param operation: the ACD in operation.
    :ivar pins: compares PINs.
    """

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.pins = PINCheck.of(operation.host.reactor)

    def attend(self, request: proxyrequest.Arm, agent: Agent, now: int) -> None:
        """The request's client works for an agent from now on."""
        self.operation.attendance.join(request.client, agent.id)
        self.operation.centre.attend(agent, now)

    def agent(self, request: proxyrequest.Arm, hAgent: int) -> Agent:
        """
        The agent of a handle.

        :raises InvalidAgentID: there is none, or its principal may not use it; which of the two is
            not told.
        """
        agent = self.operation.centre.model.byHandle.get(hAgent)
        if agent is None or not mayUse(self.operation.site, agent, request.principal):
            raise InvalidAgentID(f"hAgent {hAgent:#x} for {request.principal.name!r}")
        return agent

    def session(self, request: proxyrequest.Arm, hAgentSession: int) -> Session:
        """
        The session of a handle.

        :raises InvalidAgentID: as `agent`.
        """
        model = self.operation.centre.model
        session = model.sessions.get(hAgentSession)
        if session is None or not mayUse(
            self.operation.site, model.agents[session.agent], request.principal
        ):
            raise InvalidAgentID(f"hAgentSession {hAgentSession:#x} for {request.principal.name!r}")
        return session

    def ownAgents(self, request: proxyrequest.Arm) -> list[Agent]:
        """The agents that this client has logged on and may still use, the latest last."""
        agents = self.operation.centre.model.agents
        return [
            agents[name]
            for name in self.operation.attendance.of(request.client)
            # What a failed commit has undone is not there any more.
            if name in agents and mayUse(self.operation.site, agents[name], request.principal)
        ]

    def sessionsAt(self, request: proxyrequest.Arm, dwAddressID: int) -> list[Session]:
        """
        The sessions at an address that a request is about: the client's own, else all it may use.

        :raises TAPIError: LINEERR_INVALADDRESSID, LINEERR_INVALADDRESSSTATE: nobody is there.
        :raises InvalidAgentID: whoever is there may not be used.
        """
        checkAddress(request.line, dwAddressID)
        model = self.operation.centre.model
        here = model.atAddress(request.line.name, dwAddressID)
        if not here:
            raise TAPIError(lineerr.LINEERR_INVALADDRESSSTATE, "no agent is at the address")
        own = self.operation.attendance.of(request.client)
        usable = [
            session
            for session in here
            if mayUse(self.operation.site, model.agents[session.agent], request.principal)
        ]
        if not usable:
            raise InvalidAgentID(f"the agents at the address, for {request.principal.name!r}")
        return [session for session in usable if session.agent in own] or usable


def translated(state: int, translate: Callable[[int], int]) -> int:
    """
    Read a state that a request wants to be set as a session state.

    :param translate: of `states`, for the set that the request speaks.
    :raises TAPIError: LINEERR_INVALAGENTSTATE: nobody can set that one.
    """
    found = translate(state) if state else 0
    if state and not found:
        raise TAPIError(lineerr.LINEERR_INVALAGENTSTATE, f"state {state:#x} cannot be set")
    return found


def checkAddress(line: ILine, dwAddressID: int) -> None:
    """
    See that a line has an address.

    :raises TAPIError: LINEERR_INVALADDRESSID.
    """
    if all(address.dwAddressID != dwAddressID for address in line.addresses):
        raise TAPIError(lineerr.LINEERR_INVALADDRESSID, f"no address {dwAddressID}")


def groupList(groups: Iterable[GroupSettings]) -> agentstructs.LINEAGENTGROUPLIST:
    """Groups as they are told."""
    return agentstructs.LINEAGENTGROUPLIST(
        List=tuple(
            agentstructs.LINEAGENTGROUPENTRY(GroupID=group.GroupID, Name=group.name)
            for group in groups
        )
    )
