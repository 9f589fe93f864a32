"""Packets and events in words."""

from attrs import evolve
from twisted.trial.unittest import TestCase

from tapiproxy.cli.agent_events import eventLine
from tapiproxy.cli.agent_packets import eventWords, replyWords, requestWords, structWords
from tapiproxy.tapi import proxymessages
from tapiproxy.trp import events
from tapiproxy.trp.requests import agent, byFunction, line
from tests.client.canned import ANSWERS

EVENTS = (
    *[cls(*[1] * len(cls.__attrs_attrs__)) for cls in proxymessages.PROXY_MESSAGES],
    events.LINE_PROXYSTATUS(1, 9),
    events.LINE_LINEDEVSTATE(0x200),
    events.LINE_CLOSE(),
    events.LINE_CREATE(1),
    events.LINE_REMOVE(1),
)


class Requests(TestCase):
    def test_every(self) -> None:
        """Every declared request can be put into words."""
        for cls in byFunction.values():
            for text in requestWords(cls()):
                self.assertRegex(text, r"^\w+ = \S")

    def test_secret(self) -> None:
        """A PIN is not shown; that there is none is."""
        words = requestWords(agent.CreateAgent(lpszAgentID="1001", lpszAgentPIN="s3cret"))
        self.assertIn("lpszAgentPIN = (hidden)", words)
        self.assertIn("lpszAgentID = 1001", words)
        self.assertIn("lpszAgentPIN = (none)", requestWords(agent.CreateAgent()))

    def test_constants(self) -> None:
        """Constants are spelled out, unknown bits shown, versions and handles readable."""
        words = requestWords(
            agent.SetAgentState(hLine=0xAB, dwAgentState=6, dwNextAgentState=0x80000000)
        )
        self.assertIn("dwAgentState = LINEAGENTSTATE_NOTREADY | LINEAGENTSTATE_READY", words)
        self.assertIn("dwNextAgentState = 0x80000000", words)
        self.assertIn("hLine = 0x000000AB", words)
        words = requestWords(line.Open(dwNegotiatedVersion=0x00020002, dwPrivileges=4))
        self.assertIn("dwNegotiatedVersion = TAPI 2.2", words)
        self.assertIn("dwPrivileges = LINECALLPRIVILEGE_OWNER", words)

    def test_reply(self) -> None:
        """Of a reply only what the server put in is shown."""
        request = line.Open(hLineApp=1, hRemoteLine=3)
        self.assertEqual(replyWords(evolve(request, hLine=2), request), ["hLine = 0x00000002"])


class Structs(TestCase):
    def test_every(self) -> None:
        """Every answer of the 20 requests that is a struct can be put into words."""
        for value in ANSWERS.values():
            if hasattr(value, "__attrs_attrs__"):
                self.assertTrue(structWords(value))

    def test_entries(self) -> None:
        """A list shows its entries, a line each."""
        words = structWords(ANSWERS["GetGroupList"])
        self.assertEqual(words[0], "List:")
        self.assertIn("Name = Sales", words[1])
        self.assertIn("GroupID = {6F1C1A52-", words[1])


class Events(TestCase):
    def test_every(self) -> None:
        """Every event has a line in words and its parameters by name."""
        for event in EVENTS:
            self.assertTrue(eventLine(event))
            self.assertEqual(len(eventWords(event)), len(type(event).__attrs_attrs__))

    def test_states(self) -> None:
        """A change of state says what changed, and to what."""
        event = proxymessages.LINE_AGENTSTATUSEX(0x1001, 2, 2)
        self.assertEqual(eventLine(event), "agent 0x00001001: state, now ready")
        self.assertIn("dwAgentStatus = LINEAGENTSTATUSEX_STATE", eventWords(event))
