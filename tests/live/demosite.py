"""
Questions to the demo site, and the frames of their answers, for more than one module of tests.

[MS-TRP] 2.2.4.1.3 and 2.2.4.2.2; `payload` holds each special completion to its table.
"""

import struct
import uuid

from tests.live import packets
from tests.live.packets import (
    CreateAgent,
    CreateAgentSession,
    Event,
    GetAgentGroupList,
    GetGroupList,
    VarData,
)
from tests.live.peer import Agent

#: What the agent puts into every lpContext and lp...Context, to see it again.
CONTEXT = 0x00C0FFEE
RESULT_CONTEXT = 0x0BADCAFE
ROOM = 2048

#: Of the demo site what `sessionForAGroup` needs, for listeners where a demonstration is refused.
CONFIGURATION = """
[handlers.acd.groups.Sales]

[handlers.acd.agents.1001]
pin = "scrypt$ln=14,r=8,p=1$dGFwaXByb3h5LWRlbW8tMQ$LWJIQRcmkGmYB48Zh+pVqsNl7M3IjRhoF6dfPTP8/f4"
groups = ["Sales"]
"""


def payload(agent: Agent, event: Event, lpContext: int = CONTEXT) -> bytes:
    """
    The data of a special completion, 2.2.4.2.2, once its frame is as the specification says.

    :raises AssertionError: it is not.
    """
    assert event.InitContext == agent.InitContext
    assert event.Context == lpContext
    assert event.Param3 == RESULT_CONTEXT
    dwSize = event.Param4
    assert dwSize <= len(event.varData) < dwSize + 8
    assert (40 + len(event.varData)) % 8 == 0, "QWORD-aligned"
    assert not any(event.varData[dwSize:]), "padded with zeros"
    return event.varData[:dwSize]


def getStruct(agent: Agent, Req_Func: int, *middle: int, varData: bytes = b"") -> bytes:
    """A request for a struct, in room enough: the struct, all of it and nothing more."""
    event = agent.succeed(
        Req_Func, CONTEXT, agent.hLine, *middle, RESULT_CONTEXT, ROOM, varData=varData
    )
    assert event.OpenContext == agent.OpenContext
    data = payload(agent, event)
    total, needed, used = struct.unpack_from("<3I", data)
    assert total == ROOM
    assert needed == used == len(data)
    return data


def createAgent(agent: Agent, name: str | None = "1001", PIN: str | None = "1234") -> Event:
    """CreateAgent, 2.2.4.1.3.10, whatever its result."""
    area = VarData()
    return agent.complete(
        CreateAgent,
        CONTEXT,
        agent.hLine,
        area.text(name),
        area.text(PIN),
        RESULT_CONTEXT,
        varData=area.data,
    )


def agentHandle(agent: Agent, name: str = "1001") -> int:
    """The hAgent of an agent of the demo site."""
    event = createAgent(agent, name)
    assert event.Param2 == 0, hex(event.Param2)
    (hAgent,) = struct.unpack("<I", payload(agent, event))
    assert hAgent != 0
    return hAgent


def groups(agent: Agent) -> dict[str, uuid.UUID]:
    """The groups of the site by name."""
    return packets.groupList(getStruct(agent, GetGroupList))


def createSession(agent: Agent, hAgent: int, group: uuid.UUID, PIN: str | None = None) -> Event:
    """CreateAgentSession, 2.2.4.1.3.11, at the first address, whatever its result."""
    area = VarData()
    pin = area.text(PIN)
    return agent.complete(
        CreateAgentSession,
        CONTEXT,
        agent.hLine,
        hAgent,
        pin,
        0,
        area.add(group.bytes_le),
        16,
        RESULT_CONTEXT,
        varData=area.data,
    )


def sessionHandle(agent: Agent, hAgent: int, group: str = "Sales") -> int:
    """The hAgentSession of a new session of an agent."""
    event = createSession(agent, hAgent, groups(agent)[group], "1234")
    assert event.Param2 == 0, hex(event.Param2)
    (hAgentSession,) = struct.unpack("<I", payload(agent, event))
    assert hAgentSession != 0
    return hAgentSession


def sessionForAGroup(agent: Agent) -> tuple[int, int, uuid.UUID]:
    """
    4.12: create an agent, ask for the groups he may join, create a session for one of them.

    :returns: hAgent, hAgentSession and the group.
    """
    hAgent = agentHandle(agent)
    mine = packets.groupList(getStruct(agent, GetAgentGroupList, 0))
    assert "Sales" in mine
    event = createSession(agent, hAgent, mine["Sales"], "1234")
    assert event.Param2 == 0, hex(event.Param2)
    (hAgentSession,) = struct.unpack("<I", payload(agent, event))
    assert hAgentSession != 0
    return hAgent, hAgentSession, mine["Sales"]
