"""
A process that lives to be killed: it changes a built-in ACD at random and prints what that told.

``python -m tests.plugins.acd.crashing DIRECTORY SEED``.  Each line of its output is what a client
would know: ``reply SEQUENCE DIGEST`` is an answer with result 0 that rests on the log up to that
event, with the digest of the whole model at it; ``state SESSION STATE`` is a status event.
"""

import hashlib
import json
import os
import random
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred

from tapiproxy.errors import TAPIError
from tapiproxy.plugins.acd import snapshot
from tapiproxy.plugins.acd.handler import ACDHandler
from tapiproxy.plugins.acd.model import Model
from tapiproxy.plugins.acd.options import readSite
from tapiproxy.plugins.acd.site import groupID
from tapiproxy.tapi.lineconstants import LINEAGENTSESSIONSTATE
from tapiproxy.tapi.proxymessages import LINE_AGENTSESSIONSTATUS
from tapiproxy.testing import FakeClient, FakePrincipal, FakeProxyHost, makeRequest

AGENTS = [str(number) for number in range(2001, 2009)]

OPTIONS: dict[str, Any] = {
    "groups": {"Sales": {"wrap_up": 0.005}, "Support": {}},
    "agents": {name: {"user": f"DOM\\{name}", "groups": ["Sales", "Support"]} for name in AGENTS},
}

#: Requests that are begun in one turn of the reactor, so that commits are grouped.
BURST = 12


def digest(model: Model) -> str:
    """A few octets that differ when anything in a model differs."""
    text = json.dumps(snapshot.dump(model), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def say(text: str) -> None:
    """Print at once, in one write."""
    os.write(1, f"{text}\n".encode())


class TellingHost(FakeProxyHost):
    """A host that prints the states that it is told."""

    def proxyMessage(self, line: Any, message: Any) -> None:
        """Print a session's new state."""
        if isinstance(message, LINE_AGENTSESSIONSTATUS) and message.dwAgentSessionState:
            say(f"state {message.hAgentSession} {message.dwAgentSessionState}")


class Load:
    """Random requests and facts, several at a time."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.host = TellingHost(reactor=reactor, dataDirectory=directory)
        self.handler = ACDHandler(self.host, readSite(OPTIONS))
        self.client = FakeClient()
        self.calls = 0

    def begin(self, ignored: object) -> None:
        """The log is open."""
        say("open")
        self.burst()

    def burst(self) -> None:
        """Begin some requests; the next come in another turn."""
        for _ in range(BURST):
            try:
                answer = self.one()
            except TAPIError:
                continue
            model = self.handler.operation.centre.model
            told = f"reply {model.sequence} {digest(model)}"
            if isinstance(answer, Deferred):
                answer.addCallback(lambda _, told=told: say(told))
            else:
                say(told)
        reactor.callLater(0.001, self.burst)  # type: ignore[attr-defined]  # the real reactor

    def one(self) -> Any:
        """Begin one random request, or feed one random fact."""
        model = self.handler.operation.centre.model
        name = self.random.choice(AGENTS)
        asked = {"client": self.client, "principal": FakePrincipal(f"DOM\\{name}")}
        agent = model.agents.get(name)
        if agent is None or self.random.random() < 0.1:
            return self.ask("createAgent", AgentID=None, AgentPIN=None, **asked)
        sessions = agent.liveSessions()
        if len(sessions) < 2:
            group = groupID(self.random.choice(["Sales", "Support"]))
            return self.ask(
                "createAgentSession",
                AgentPIN=None,
                hAgent=agent.hAgent,
                GroupID=group,
                dwWorkingAddressID=0,
                **asked,
            )
        session = self.random.choice(sessions)
        if self.random.random() < 0.4:
            return self.fact(session.hAgentSession)
        return self.ask(
            "setAgentSessionState",
            hAgentSession=session.hAgentSession,
            dwAgentSessionState=self.random.choice(list(LINEAGENTSESSIONSTATE)),
            dwNextAgentSessionState=0,
            **asked,
        )

    def fact(self, session: int) -> Any:
        """Begin a call at a session, or end one."""
        calls = list(self.handler.operation.centre.model.calls)
        if calls and self.random.random() < 0.6:
            found = {"fact": "ended", "call": self.random.choice(calls)}
        else:
            found = {"fact": "answered", "call": os.urandom(6).hex(), "session": session}
        return self.handler.controlVerbs()["feed"]({"facts": [json.dumps(found)]})

    def ask(self, method: str, **members: Any) -> Any:
        """Ask the handler."""
        return getattr(self.handler, method)(makeRequest(method, self.host, **members))


def main(directory: str, seed: str) -> None:
    """Go on until killed."""
    load = Load(Path(directory), int(seed))
    maybeDeferred(load.handler.start).addCallbacks(load.begin, lambda why: say(f"failed {why}"))
    reactor.run()  # type: ignore[attr-defined]  # the real reactor


if __name__ == "__main__":
    main(*sys.argv[1:])
