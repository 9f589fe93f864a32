"""
Rules that only the handler can check (decision 1): an error of its own, after a request ID, in
LINE_REPLY.  Here the handler is the built-in ACD.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.trial.unittest import TestCase

from tapiproxy.pins import hashPIN
from tapiproxy.plugins.acd.handler import ACDHandler
from tapiproxy.plugins.acd.options import readSite
from tapiproxy.plugins.acd.site import groupID
from tapiproxy.proxy.host import ProxyHost
from tapiproxy.tapi.lineconstants import LINEAGENTSTATE_LOGGEDOFF
from tapiproxy.tapi.lineerr import LINEERR_INVALAGENTID
from tapiproxy.trp import completions
from tapiproxy.trp.requests import agent
from tapiproxy.trp.templates import Request
from tests.trp.rules.scene import ACCEPTED, Scene, nameOf

INVALAGENTID = nameOf(LINEERR_INVALAGENTID)

OPTIONS = {
    "groups": {"Sales": {"queues": ["Sales"]}},
    "queues": {"Sales": {"id": 11}},
    "activities": {"1": "Lunch"},
    "agents": {"1001": {"pin": hashPIN("1234", b"0123456789abcdef"), "groups": ["Sales"]}},
}


class BuiltInACD(TestCase):
    """A scene whose handler is the built-in ACD, with one agent, who has one session."""

    def setUp(self) -> None:
        self.scene = scene = Scene()
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        broker = scene.harness.broker
        host = ProxyHost("acd", broker, scene.harness.clock, Path(folder.name), OPTIONS)
        self.handler = ACDHandler(host, readSite(OPTIONS), epoch=0.0)
        broker.addHandler("acd", self.handler)
        self.successResultOf(self.handler.start())
        broker.handlerStarted("acd")
        self.addCleanup(self.handler.stop)
        scene.app.events()
        self.hAgent = self.completed(
            agent.CreateAgent(hLine=scene.hLine, lpszAgentID="1001", lpszAgentPIN="1234")
        ).value
        self.hAgentSession = self.completed(
            agent.CreateAgentSession(
                hLine=scene.hLine, hAgent=self.hAgent, lpGroupID=groupID("Sales")
            )
        ).value

    def completed(self, message: Request) -> Any:
        """Send a request, which is accepted; its completion."""
        self.assertEqual(self.scene.ask(message), ACCEPTED)
        (reply,) = self.scene.app.replies()
        return completions.decode(reply, type(message))

    def result(self, message: Request) -> str:
        """Send a request, which is accepted; how it completes."""
        Result = self.completed(message).Result
        return nameOf(Result) if Result else ACCEPTED


class Handles(BuiltInACD):
    """Handles that only the handler knows."""

    def test_rule_148_4__an_hAgent_of_nobody(self) -> None:
        """GetAgentInfo of an agent that does not exist."""
        hLine = self.scene.hLine
        right = agent.GetAgentInfo(hLine=hLine, hAgent=self.hAgent, lpAgentInfo=1024)
        self.assertEqual(self.result(right), ACCEPTED)
        wrong = agent.GetAgentInfo(hLine=hLine, hAgent=self.hAgent ^ 1, lpAgentInfo=1024)
        self.assertEqual(self.result(wrong), INVALAGENTID)

    def test_rule_149_4__an_hAgentSession_of_nobody(self) -> None:
        """GetAgentSessionInfo of a session that does not exist."""
        hLine, mine = self.scene.hLine, self.hAgentSession
        right = agent.GetAgentSessionInfo(hLine=hLine, hAgentSession=mine, lpAgentSessionInfo=1024)
        self.assertEqual(self.result(right), ACCEPTED)
        wrong = agent.GetAgentSessionInfo(
            hLine=hLine, hAgentSession=mine ^ 1, lpAgentSessionInfo=1024
        )
        self.assertEqual(self.result(wrong), INVALAGENTID)

    def test_rule_150_4__an_hAgent_of_nobody(self) -> None:
        """GetAgentSessionList of an agent that does not exist."""
        hLine, mine = self.scene.hLine, self.hAgent
        right = agent.GetAgentSessionList(hLine=hLine, hAgent=mine, lpAgentSessionList=1024)
        self.assertEqual(self.result(right), ACCEPTED)
        wrong = agent.GetAgentSessionList(hLine=hLine, hAgent=mine ^ 1, lpAgentSessionList=1024)
        self.assertEqual(self.result(wrong), INVALAGENTID)


class NobodyThere(BuiltInACD):
    """An address that the line has, but no agent: no error, for there is an answer."""

    def test_rule_24_2__no_agent_on_the_address(self) -> None:
        """GetAgentActivityList gives the activities of the site."""
        asked = agent.GetAgentActivityList(
            hLine=self.scene.hLine, dwAddressID=1, lpAgentActivityList=1024
        )
        completion = self.completed(asked)
        self.assertEqual(completion.Result, 0)
        self.assertEqual([entry.Name for entry in completion.value.List], ["Lunch"])

    def test_rule_26_2__no_agent_on_the_address(self) -> None:
        """GetAgentGroupList gives the groups of the client's agent."""
        asked = agent.GetAgentGroupList(
            hLine=self.scene.hLine, dwAddressID=1, lpAgentGroupListSize=1024
        )
        completion = self.completed(asked)
        self.assertEqual(completion.Result, 0)
        self.assertEqual([entry.Name for entry in completion.value.List], ["Sales"])

    def test_rule_27_2__no_agent_on_the_address(self) -> None:
        """GetAgentStatus says that nobody is logged on."""
        asked = agent.GetAgentStatus(hLine=self.scene.hLine, dwAddressID=1, lpAgentStatusSize=1024)
        completion = self.completed(asked)
        self.assertEqual(completion.Result, 0)
        self.assertEqual(completion.value.dwState, LINEAGENTSTATE_LOGGEDOFF)
