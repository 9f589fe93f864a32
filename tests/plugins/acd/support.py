"""What the tests of the built-in ACD share: a handler on a Clock, and short words for requests."""

import json
from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tapiproxy.errors import TAPIError
from tapiproxy.pins import hashPIN
from tapiproxy.plugins.acd.handler import ACDHandler
from tapiproxy.plugins.acd.options import readSite
from tapiproxy.plugins.acd.site import groupID
from tapiproxy.tapi.agentstructs import LINEAGENTGROUPENTRY
from tapiproxy.testing import FakeAddress, FakeClient, FakeLine, FakeProxyHost, makeRequest

#: 2024-01-02 09:00:00 UTC.
NINE = 1704186000

SALES, SUPPORT = groupID("Sales"), groupID("Support")

LINE = FakeLine(addresses=(FakeAddress(0, "1000"), FakeAddress(1, "1001")))

#: The same for every agent: making one costs 40 ms.
PIN = hashPIN("1234", b"0123456789abcdef")

OPTIONS: Mapping[str, Any] = {
    "groups": {
        "Sales": {"wrap_up": 20, "queues": ["Sales"]},
        "Support": {"queues": ["Support"], "client_gone": "log_out", "grace": 30},
    },
    "queues": {"Sales": {"id": 11}, "Support": {"id": 22}},
    "activities": {"1": "Lunch", "2": "Training"},
    "supervisors": ["DOM\\boss", "DOM\\Supervisors"],
    "agents": {
        "1001": {"pin": PIN, "groups": ["Sales", "Support"]},
        "1002": {"pin": PIN, "user": "DOM\\ben", "groups": ["Sales"]},
        "1003": {"pin": PIN, "groups": ["Support"]},
        "1004": {"user": "DOM\\dan", "groups": ["Sales", "Support"]},
    },
}


class Desk:
    """
    A handler on a Clock that stands at `NINE`, and requests to it.

    :ivar told: the messages since they were last taken.
    """

    def __init__(self, options: Mapping[str, Any] = OPTIONS, before: "Desk | None" = None) -> None:
        self.clock = Clock()
        self.clock.rightNow = NINE if before is None else before.clock.rightNow
        self.options = options
        # The folder lives as long as the host that made it.
        self.before = before
        made = {} if before is None else {"dataDirectory": before.host.dataDirectory}
        self.host = FakeProxyHost(lines=(LINE,), reactor=self.clock, **made)
        self.handler = ACDHandler(self.host, readSite(options), epoch=0.0)
        self.host.handler = self.handler
        self.client = FakeClient()
        result(self.handler.start())

    def ask(self, method: str, **members: Any) -> Any:
        """Ask as this desk's client and get the answer; a refusal is raised."""
        members.setdefault("client", self.client)
        return result(getattr(self.handler, method)(makeRequest(method, self.host, **members)))

    def refusal(self, method: str, **members: Any) -> int:
        """Ask and get the LINEERR_ code of the refusal."""
        try:
            answer = self.ask(method, **members)
        except TAPIError as error:
            return error.code
        raise AssertionError(f"{method} was answered: {answer!r}")

    def agent(self, AgentID: str = "1001", **members: Any) -> int:
        """Log an agent on by PIN."""
        number: int = self.ask("createAgent", AgentID=AgentID, AgentPIN="1234", **members)
        return number

    def session(self, hAgent: int, GroupID: Any = SALES, address: int = 0, **members: Any) -> int:
        """Make a session."""
        number: int = self.ask(
            "createAgentSession",
            AgentPIN=None,
            hAgent=hAgent,
            GroupID=GroupID,
            dwWorkingAddressID=address,
            **members,
        )
        return number

    def setSession(self, session: int, state: int, next: int = 0) -> None:
        """Set a session's state."""
        self.ask(
            "setAgentSessionState",
            hAgentSession=session,
            dwAgentSessionState=state,
            dwNextAgentSessionState=next,
        )

    def state(self, session: int) -> int:
        """A session's state."""
        state: int = self.ask("getAgentSessionInfo", hAgentSession=session).dwAgentSessionState
        return state

    def status(self, address: int = 0) -> Any:
        """The LINEAGENTSTATUS of an address."""
        return self.ask("getAgentStatus", dwAddressID=address)

    def feed(self, *facts: str) -> Any:
        """Feed facts, none of which may be refused."""
        answer = result(self.handler.controlVerbs()["feed"]({"facts": list(facts)}))
        if answer["refused"]:
            raise AssertionError(answer["refused"])
        return answer

    def fact(self, fact: str, call: str, **members: Any) -> None:
        """Feed one fact that happens now."""
        self.feed(json.dumps({"fact": fact, "call": call, **members}))

    def recompute(self) -> Any:
        """What ``recompute`` answers."""
        return result(self.handler.controlVerbs()["recompute"]({}))

    def takeMessages(self) -> list[Any]:
        """The messages since this was last asked."""
        told = [message for _, message in self.host.messages]
        self.host.messages.clear()
        return told

    def crash(self) -> "Desk":
        """Go away without a word, as by kill -9, and come back on the same files."""
        self.handler.operation.store.close()
        return Desk(self.options, before=self)

    def restart(self) -> "Desk":
        """Stop in order and come back on the same files."""
        result(self.handler.stop())
        return Desk(self.options, before=self)


def result(answer: Any) -> Any:
    """The result of what has been answered already; a failure is raised."""
    if not isinstance(answer, Deferred):
        return answer
    results: list[Any] = []
    answer.addBoth(results.append)
    if not results:
        raise AssertionError("there is no answer yet")
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0]


def entry(GroupID: Any) -> LINEAGENTGROUPENTRY:
    """A group in a list, as clients send it."""
    return LINEAGENTGROUPENTRY(GroupID=GroupID, Name=None)
