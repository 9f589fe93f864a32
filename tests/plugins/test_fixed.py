"""The fixed handler: the kit, what it answers, and the README's copy of it."""

from pathlib import Path
from uuid import NAMESPACE_OID, uuid4, uuid5

from twisted.trial.unittest import SynchronousTestCase

from tapiproxy.errors import InvalidAgentID, TAPIError
from tapiproxy.interfaces import IAgentProxyHandler, ICallCenterProxyHandler
from tapiproxy.plugins.fixed import fixed
from tapiproxy.tapi.lineerr import LINEERR_INVALAGENTGROUP, LINEERR_RESOURCEUNAVAIL
from tapiproxy.tapi.proxymessages import LINE_AGENTSESSIONSTATUS
from tapiproxy.testing import FakeProxyHost, makeProxyHandlerTests, makeRequest

ConformanceTests = makeProxyHandlerTests(
    fixed, provides=(IAgentProxyHandler, ICallCenterProxyHandler)
)


class FixedTests(SynchronousTestCase):
    def setUp(self):
        self.host = FakeProxyHost()
        self.handler = fixed.makeHandler("Sales,Support", self.host)

    def ask(self, method, **members):
        return getattr(self.handler, method)(makeRequest(method, self.host, **members))

    def create(self, agentID):
        return self.ask("createAgent", AgentID=agentID, AgentPIN=None)

    def session(self, hAgent, group):
        return self.ask(
            "createAgentSession",
            hAgent=hAgent,
            AgentPIN=None,
            GroupID=group,
            dwWorkingAddressID=0,
        )

    def test_groups(self):
        """The arguments are the groups; their GUIDs come from their names."""
        for method, members in (("getGroupList", {}), ("getAgentGroupList", {"dwAddressID": 0})):
            groups = self.ask(method, **members).List
            self.assertEqual([group.Name for group in groups], ["Sales", "Support"])
            self.assertEqual(groups[0].GroupID, uuid5(NAMESPACE_OID, "Sales"))

    def test_defaultGroups(self):
        """Without arguments there are Sales and Support."""
        handler = fixed.makeHandler("", self.host)
        self.assertEqual(handler.groups, self.handler.groups)

    def test_agents(self):
        """Any id is an agent; the same id is the same one; no id is none."""
        self.assertEqual(self.create("a"), 1)
        self.assertEqual(self.create("b"), 2)
        self.assertEqual(self.create("a"), 1)
        self.assertRaises(InvalidAgentID, self.create, None)

    def test_manyAgents(self):
        """A client cannot fill the memory with agents, and those known are still found."""
        for number in range(10_000):
            self.create(str(number))
        error = self.assertRaises(TAPIError, self.create, "one more")
        self.assertEqual(error.code, LINEERR_RESOURCEUNAVAIL)
        self.assertEqual(self.create("0"), 1)

    def test_session(self):
        """A known agent opens sessions in the groups, and the line is told of each."""
        agent, group = self.create("a"), uuid5(NAMESPACE_OID, "Support")
        self.assertEqual([self.session(agent, group), self.session(agent, group)], [1, 2])
        self.assertEqual(
            self.host.messages,
            [(self.host.lines[0], LINE_AGENTSESSIONSTATUS(number, 1)) for number in (1, 2)],
        )

    def test_sessionRefused(self):
        """An unknown agent or group is refused with its own code, and nobody is told."""
        group = uuid5(NAMESPACE_OID, "Sales")
        self.assertRaises(InvalidAgentID, self.session, 1, group)
        agent = self.create("a")
        error = self.assertRaises(TAPIError, self.session, agent, uuid4())
        self.assertEqual(error.code, LINEERR_INVALAGENTGROUP)
        self.assertEqual(self.host.messages, [])


class ReadmeTests(SynchronousTestCase):
    def test_whole(self):
        """The README shows this handler whole, as it is."""
        root = Path(__file__).resolve().parent.parent.parent
        readme = (root / "README.md").read_text("utf-8")
        source = (root / "plugins" / "fixed.py").read_text("utf-8")
        self.assertIn(f"```python\n{source}```\n", readme)
