"""
LINEPROXYREQUEST: what a proxy function handler is asked, its twenty arms.  [MS-TRP] 2.2.6.28

An arm is a member of the specification's union: ``hAgentGETAGENTINFO`` is
``GetAgentInfoArm.hAgent``.  Members in which the handler's answer goes are not here, the answer is
what its method returns.  The octets of the union are in `tapiproxy.tapi.proxybytes`.  The table at
the end is the map of the product.
"""

from typing import Any, Protocol
from uuid import UUID

from attrs import field, frozen

from tapiproxy.tapi.agentstructs import (
    LINEAGENTACTIVITYLIST,
    LINEAGENTCAPS,
    LINEAGENTGROUPENTRY,
    LINEAGENTGROUPLIST,
    LINEAGENTINFO,
    LINEAGENTSESSIONINFO,
    LINEAGENTSESSIONLIST,
    LINEAGENTSTATUS,
    LINEQUEUEINFO,
    LINEQUEUELIST,
)
from tapiproxy.tapi.lineconstants import (
    LINEPROXYREQUEST_AGENTSPECIFIC,
    LINEPROXYREQUEST_CREATEAGENT,
    LINEPROXYREQUEST_CREATEAGENTSESSION,
    LINEPROXYREQUEST_GETAGENTACTIVITYLIST,
    LINEPROXYREQUEST_GETAGENTCAPS,
    LINEPROXYREQUEST_GETAGENTGROUPLIST,
    LINEPROXYREQUEST_GETAGENTINFO,
    LINEPROXYREQUEST_GETAGENTSESSIONINFO,
    LINEPROXYREQUEST_GETAGENTSESSIONLIST,
    LINEPROXYREQUEST_GETAGENTSTATUS,
    LINEPROXYREQUEST_GETGROUPLIST,
    LINEPROXYREQUEST_GETQUEUEINFO,
    LINEPROXYREQUEST_GETQUEUELIST,
    LINEPROXYREQUEST_SETAGENTACTIVITY,
    LINEPROXYREQUEST_SETAGENTGROUP,
    LINEPROXYREQUEST_SETAGENTMEASUREMENTPERIOD,
    LINEPROXYREQUEST_SETAGENTSESSIONSTATE,
    LINEPROXYREQUEST_SETAGENTSTATE,
    LINEPROXYREQUEST_SETAGENTSTATEEX,
    LINEPROXYREQUEST_SETQUEUEMEASUREMENTPERIOD,
)


class RequestContext(Protocol):
    """Who asks, on which line, and until when; `tapiproxy.interfaces` says what each is."""

    @property
    def line(self) -> Any:
        """The line, an ILine."""

    @property
    def client(self) -> Any:
        """The open line of one application, opaque and hashable; None for GetAgentCaps."""

    @property
    def principal(self) -> Any:
        """Who is at the other end, an IPrincipal."""

    @property
    def clientMachineName(self) -> str:
        """The client's computer, as it says."""

    @property
    def clientUserName(self) -> str:
        """The client's user, as it says."""

    @property
    def dwClientAppAPIVersion(self) -> int:
        """The highest TAPI version that the application knows."""

    @property
    def deadline(self) -> float:
        """When the client gets an answer at the latest, in seconds of the reactor's clock."""


@frozen
class Arm:
    """
    One request to a handler: its members, and its context's attributes.

    :ivar context: who asks; opaque here.
    """

    context: RequestContext = field(repr=False)

    @property
    def line(self) -> Any:
        """The line that the request is for, an ILine."""
        return self.context.line

    @property
    def client(self) -> Any:
        """The open line of one application, opaque and hashable; None for GetAgentCaps."""
        return self.context.client

    @property
    def principal(self) -> Any:
        """Who asks, an IPrincipal."""
        return self.context.principal

    @property
    def clientMachineName(self) -> str:
        """The client's computer, as it says."""
        return self.context.clientMachineName

    @property
    def clientUserName(self) -> str:
        """The client's user, as it says."""
        return self.context.clientUserName

    @property
    def dwClientAppAPIVersion(self) -> int:
        """The highest TAPI version that the application knows."""
        return self.context.dwClientAppAPIVersion

    @property
    def deadline(self) -> float:
        """When the client gets an answer at the latest, in seconds of the reactor's clock."""
        return self.context.deadline


@frozen
class SetAgentGroupArm(Arm):
    """Log an agent on at an address, into the groups listed; with none, off."""

    dwAddressID: int
    GroupList: tuple[LINEAGENTGROUPENTRY, ...]


@frozen
class SetAgentStateArm(Arm):
    """Set the state of the agent on an address, the state after the next call, or both."""

    dwAddressID: int
    dwAgentState: int
    dwNextAgentState: int


@frozen
class SetAgentActivityArm(Arm):
    """Set what the agent on an address is doing."""

    dwAddressID: int
    dwActivityID: int


@frozen
class GetAgentCapsArm(Arm):
    """What can the handler do on an address?"""

    dwAddressID: int


@frozen
class GetAgentStatusArm(Arm):
    """What is the state of the agent on an address?"""

    dwAddressID: int


@frozen
class AgentSpecificArm(Arm):
    """Do what one of the handler's own extensions means."""

    dwAddressID: int
    dwAgentExtensionIDIndex: int
    Params: bytes


@frozen
class GetAgentActivityListArm(Arm):
    """Which activities can be set on an address?"""

    dwAddressID: int


@frozen
class GetAgentGroupListArm(Arm):
    """Into which groups may the agent log on?"""

    dwAddressID: int


@frozen
class CreateAgentArm(Arm):
    """Make, or find, an agent."""

    AgentID: str | None
    AgentPIN: str | None = field(repr=False)


@frozen
class SetAgentMeasurementPeriodArm(Arm):
    """Set the period, in seconds, that an agent's statistics cover."""

    hAgent: int
    dwMeasurementPeriod: int


@frozen
class GetAgentInfoArm(Arm):
    """What are the state and statistics of an agent?"""

    hAgent: int


@frozen
class CreateAgentSessionArm(Arm):
    """Begin a session: an agent who serves one group at one address."""

    AgentPIN: str | None = field(repr=False)
    hAgent: int
    GroupID: UUID
    dwWorkingAddressID: int


@frozen
class GetAgentSessionListArm(Arm):
    """Which sessions has an agent?"""

    hAgent: int


@frozen
class SetAgentSessionStateArm(Arm):
    """Set the state of a session, the state after the next call, or both."""

    hAgentSession: int
    dwAgentSessionState: int
    dwNextAgentSessionState: int


@frozen
class GetAgentSessionInfoArm(Arm):
    """What are the state and statistics of a session?"""

    hAgentSession: int


@frozen
class GetQueueListArm(Arm):
    """Which queues has a group?"""

    GroupID: UUID


@frozen
class SetQueueMeasurementPeriodArm(Arm):
    """Set the period, in seconds, that a queue's statistics cover."""

    dwQueueID: int
    dwMeasurementPeriod: int


@frozen
class GetQueueInfoArm(Arm):
    """What are the statistics of a queue?"""

    dwQueueID: int


@frozen
class GetGroupListArm(Arm):
    """Which groups are there?"""


@frozen
class SetAgentStateExArm(Arm):
    """Set the state of an agent, the state after the next call, or both."""

    hAgent: int
    dwAgentState: int
    dwNextAgentState: int


@frozen
class LINEPROXYREQUEST:
    """
    A whole request to a handler, as a LINE_PROXYREQUEST packet carries it.

    dwRequestType is that of the arm, by PROXY_REQUESTS.
    """

    ClientMachineName: str
    ClientUserName: str
    dwClientAppAPIVersion: int
    request: Arm


@frozen
class ProxyRequest:
    """
    One of the twenty.

    :ivar requestType: its LINEPROXYREQUEST_ constant.
    :ivar Req_Func: the number of its request packet.
    :ivar arm: what the handler gets.
    :ivar method: the handler's method.
    :ivar result: the type of what that returns: int is a handle, bytes a block.
    """

    requestType: int
    Req_Func: int
    arm: type[Arm]
    method: str
    result: type | None

    @property
    def name(self) -> str:
        """The name of its packets, ``"CreateAgent"``."""
        return self.arm.__name__.removesuffix("Arm")


_row = ProxyRequest

# fmt: off
PROXY_REQUESTS: tuple[ProxyRequest, ...] = (
    _row(LINEPROXYREQUEST_SETAGENTGROUP, 67, SetAgentGroupArm, "setAgentGroup", None),
    _row(LINEPROXYREQUEST_SETAGENTSTATE, 68, SetAgentStateArm, "setAgentState", None),
    _row(LINEPROXYREQUEST_SETAGENTACTIVITY, 66, SetAgentActivityArm, "setAgentActivity", None),
    _row(LINEPROXYREQUEST_GETAGENTCAPS, 25, GetAgentCapsArm, "getAgentCaps", LINEAGENTCAPS),
    _row(LINEPROXYREQUEST_GETAGENTSTATUS, 27, GetAgentStatusArm, "getAgentStatus", LINEAGENTSTATUS),
    _row(LINEPROXYREQUEST_AGENTSPECIFIC, 6, AgentSpecificArm, "agentSpecific", bytes),
    _row(LINEPROXYREQUEST_GETAGENTACTIVITYLIST, 24,
         GetAgentActivityListArm, "getAgentActivityList", LINEAGENTACTIVITYLIST),
    _row(LINEPROXYREQUEST_GETAGENTGROUPLIST, 26,
         GetAgentGroupListArm, "getAgentGroupList", LINEAGENTGROUPLIST),
    _row(LINEPROXYREQUEST_CREATEAGENT, 146, CreateAgentArm, "createAgent", int),
    _row(LINEPROXYREQUEST_SETAGENTMEASUREMENTPERIOD, 154,
         SetAgentMeasurementPeriodArm, "setAgentMeasurementPeriod", None),
    _row(LINEPROXYREQUEST_GETAGENTINFO, 148, GetAgentInfoArm, "getAgentInfo", LINEAGENTINFO),
    _row(LINEPROXYREQUEST_CREATEAGENTSESSION, 147,
         CreateAgentSessionArm, "createAgentSession", int),
    _row(LINEPROXYREQUEST_GETAGENTSESSIONLIST, 150,
         GetAgentSessionListArm, "getAgentSessionList", LINEAGENTSESSIONLIST),
    _row(LINEPROXYREQUEST_SETAGENTSESSIONSTATE, 155,
         SetAgentSessionStateArm, "setAgentSessionState", None),
    _row(LINEPROXYREQUEST_GETAGENTSESSIONINFO, 149,
         GetAgentSessionInfoArm, "getAgentSessionInfo", LINEAGENTSESSIONINFO),
    _row(LINEPROXYREQUEST_GETQUEUELIST, 153, GetQueueListArm, "getQueueList", LINEQUEUELIST),
    _row(LINEPROXYREQUEST_SETQUEUEMEASUREMENTPERIOD, 156,
         SetQueueMeasurementPeriodArm, "setQueueMeasurementPeriod", None),
    _row(LINEPROXYREQUEST_GETQUEUEINFO, 151, GetQueueInfoArm, "getQueueInfo", LINEQUEUEINFO),
    _row(LINEPROXYREQUEST_GETGROUPLIST, 152, GetGroupListArm, "getGroupList", LINEAGENTGROUPLIST),
    _row(LINEPROXYREQUEST_SETAGENTSTATEEX, 157, SetAgentStateExArm, "setAgentStateEx", None),
)
# fmt: on
