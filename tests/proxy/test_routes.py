"""From packets to arms."""

import attrs
from twisted.trial.unittest import TestCase

from tapiproxy.proxy.routes import BY_FUNCTION
from tapiproxy.tapi.agentstructs import LINEAGENTGROUPENTRY, LINEAGENTGROUPLIST
from tapiproxy.tapi.proxyrequest import PROXY_REQUESTS
from tapiproxy.trp.requests import agent
from tests.trp.support import GROUP, accepted, makeHarness


class Routes(TestCase):
    """The table of the twenty, compiled."""

    def test_every(self) -> None:
        """Each packet gives exactly what its arm holds beside the context."""
        app = makeHarness().application().ready()
        requests = accepted(app)
        self.assertEqual(len(BY_FUNCTION), len(PROXY_REQUESTS))
        for Req_Func, route in BY_FUNCTION.items():
            members = route.members(requests[Req_Func])
            self.assertEqual(len(members), len(attrs.fields(route.row.arm)) - 1)

    def test_names(self) -> None:
        """Members with other names in the packet come in the arm's order."""
        session = agent.CreateAgentSession(
            lpszAgentPIN="p", hAgent=1, lpGroupID=GROUP, dwWorkingAddressID=2
        )
        arm = BY_FUNCTION[147].row.arm(None, *BY_FUNCTION[147].members(session))
        self.assertEqual((arm.AgentPIN, arm.hAgent), ("p", 1))
        self.assertEqual((arm.GroupID, arm.dwWorkingAddressID), (GROUP, 2))
        entry = LINEAGENTGROUPENTRY(GroupID=GROUP, Name="Sales")
        group = agent.SetAgentGroup(lpAgentGroupList=LINEAGENTGROUPLIST(List=(entry,)))
        self.assertEqual(BY_FUNCTION[67].members(group), (0, (entry,)))
