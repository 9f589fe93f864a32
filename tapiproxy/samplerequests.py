"""The requests that the conformance kit sends: what an application would, knowing what it knows."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from attrs import Factory, define, field, frozen

from tapiproxy.fakes import FakePrincipal
from tapiproxy.tapi import lineconstants

__all__ = [
    "BLOCK",
    "MEMBERS",
    "NO_AGENT",
    "NO_HANDLE",
    "UNKNOWN",
    "WRONG_PIN",
    "Known",
    "KnownAgent",
]

#: Things that no handler has made: their bits are as unlikely as any.
NO_HANDLE = 0x7E57AB1E
NO_GROUP = UUID("7e57ab1e-0000-4000-8000-7e57ab1e7e57")
NO_AGENT = "no-such-agent-7E57AB1E"
WRONG_PIN = "wrong-PIN-7E57AB1E"


@frozen
class KnownAgent:
    """
    Somebody whom the handler knows.

    :param strict: whether the handler refuses other ids and PINs; False where any id is good.
    """

    AgentID: str | None = "1001"
    AgentPIN: str | None = field(default="1234", repr=False)
    principal: Any = Factory(FakePrincipal)
    strict: bool = False


@define
class Known:
    """What the handler has told so far, as far as requests need it."""

    agent: KnownAgent
    hAgent: int = NO_HANDLE
    hAgentSession: int = NO_HANDLE
    group: UUID = NO_GROUP
    groups: tuple[Any, ...] = ()
    queue: int = NO_HANDLE
    activity: int = 0


#: AgentSpecific's parameter block.
BLOCK = bytes(16)

#: The members of a request that an application would send, knowing what it knows.
MEMBERS: dict[str, Callable[[Known], dict[str, Any]]] = {
    "setAgentGroup": lambda known: {"dwAddressID": 0, "GroupList": known.groups[:1]},
    "setAgentState": lambda known: {
        "dwAddressID": 0,
        "dwAgentState": lineconstants.LINEAGENTSTATE_READY,
        "dwNextAgentState": 0,
    },
    "setAgentActivity": lambda known: {"dwAddressID": 0, "dwActivityID": known.activity},
    "getAgentCaps": lambda known: {"dwAddressID": 0},
    "getAgentStatus": lambda known: {"dwAddressID": 0},
    "agentSpecific": lambda known: {
        "dwAddressID": 0,
        "dwAgentExtensionIDIndex": 0,
        "Params": BLOCK,
    },
    "getAgentActivityList": lambda known: {"dwAddressID": 0},
    "getAgentGroupList": lambda known: {"dwAddressID": 0},
    "createAgent": lambda known: {
        "AgentID": known.agent.AgentID,
        "AgentPIN": known.agent.AgentPIN,
    },
    "setAgentMeasurementPeriod": lambda known: {
        "hAgent": known.hAgent,
        "dwMeasurementPeriod": 3600,
    },
    "getAgentInfo": lambda known: {"hAgent": known.hAgent},
    "createAgentSession": lambda known: {
        "AgentPIN": known.agent.AgentPIN,
        "hAgent": known.hAgent,
        "GroupID": known.group,
        "dwWorkingAddressID": 0,
    },
    "getAgentSessionList": lambda known: {"hAgent": known.hAgent},
    "setAgentSessionState": lambda known: {
        "hAgentSession": known.hAgentSession,
        "dwAgentSessionState": lineconstants.LINEAGENTSESSIONSTATE_READY,
        "dwNextAgentSessionState": 0,
    },
    "getAgentSessionInfo": lambda known: {"hAgentSession": known.hAgentSession},
    "getQueueList": lambda known: {"GroupID": known.group},
    "setQueueMeasurementPeriod": lambda known: {
        "dwQueueID": known.queue,
        "dwMeasurementPeriod": 3600,
    },
    "getQueueInfo": lambda known: {"dwQueueID": known.queue},
    "getGroupList": lambda known: {},
    "setAgentStateEx": lambda known: {
        "hAgent": known.hAgent,
        "dwAgentState": lineconstants.LINEAGENTSTATEEX_READY,
        "dwNextAgentState": 0,
    },
}

#: What names something by a handle, an identifier or a GUID that the handler has made.
UNKNOWN: tuple[tuple[str, str, object], ...] = (
    ("getAgentInfo", "hAgent", NO_HANDLE),
    ("setAgentMeasurementPeriod", "hAgent", NO_HANDLE),
    ("getAgentSessionList", "hAgent", NO_HANDLE),
    ("setAgentStateEx", "hAgent", NO_HANDLE),
    ("createAgentSession", "hAgent", NO_HANDLE),
    ("createAgentSession", "GroupID", NO_GROUP),
    ("getAgentSessionInfo", "hAgentSession", NO_HANDLE),
    ("setAgentSessionState", "hAgentSession", NO_HANDLE),
    ("getQueueList", "GroupID", NO_GROUP),
    ("getQueueInfo", "dwQueueID", NO_HANDLE),
    ("setQueueMeasurementPeriod", "dwQueueID", NO_HANDLE),
)
