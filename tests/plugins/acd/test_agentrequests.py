"""The eight requests of TAPI 2.0, and their refusals."""

import struct
import uuid

from twisted.trial import unittest

from tapiproxy.plugins.acd.states import BUSYWRAPUP, ENDED, NOTREADY, READY
from tapiproxy.tapi.lineconstants import (
    LINEAGENTSTATE_BUSYACD,
    LINEAGENTSTATE_BUSYINCOMING,
    LINEAGENTSTATE_LOGGEDOFF,
    LINEAGENTSTATE_NOTREADY,
    LINEAGENTSTATE_READY,
    LINEAGENTSTATE_UNKNOWN,
    LINEAGENTSTATE_WORKINGAFTERCALL,
)
from tapiproxy.tapi.lineerr import (
    LINEERR_INVALADDRESSID,
    LINEERR_INVALADDRESSSTATE,
    LINEERR_INVALAGENTACTIVITY,
    LINEERR_INVALAGENTGROUP,
    LINEERR_INVALAGENTID,
    LINEERR_INVALAGENTSESSIONSTATE,
    LINEERR_INVALAGENTSTATE,
    LINEERR_INVALPARAM,
    LINEERR_STRUCTURETOOSMALL,
)
from tapiproxy.tapi.proxymessages import LINE_AGENTSPECIFIC
from tapiproxy.tapi.versions import TAPI_2_0, TAPI_3_1
from tapiproxy.testing import FakeClient, FakePrincipal
from tests.plugins.acd.support import SALES, SUPPORT, Desk, entry

BEN = FakePrincipal("DOM\\ben")


class NobodyThere(unittest.TestCase):
    """An address without an agent."""

    def setUp(self) -> None:
        self.desk = Desk()

    def test_status(self) -> None:
        """GetAgentStatus shows LOGGEDOFF and no group."""
        status = self.desk.status()
        self.assertEqual(status.dwState, LINEAGENTSTATE_LOGGEDOFF)
        self.assertEqual(status.GroupList, ())

    def test_activities(self) -> None:
        """GetAgentActivityList gives the site's activities."""
        found = self.desk.ask("getAgentActivityList", dwAddressID=0).List
        self.assertEqual(
            [(each.dwID, each.Name) for each in found], [(1, "Lunch"), (2, "Training")]
        )

    def test_groups(self) -> None:
        """GetAgentGroupList: the groups of the client's agents, else the principal's, else none."""
        other = FakeClient()
        self.assertEqual(self.desk.ask("getAgentGroupList", dwAddressID=0).List, ())
        found = self.desk.ask("getAgentGroupList", dwAddressID=0, principal=BEN).List
        self.assertEqual([each.GroupID for each in found], [SALES])
        self.desk.agent("1003")
        found = self.desk.ask("getAgentGroupList", dwAddressID=0).List
        self.assertEqual([(each.GroupID, each.Name) for each in found], [(SUPPORT, "Support")])
        found = self.desk.ask("getAgentGroupList", dwAddressID=0, client=other).List
        self.assertEqual(found, ())

    def test_setting(self) -> None:
        """There is nobody whose state or activity could be set: INVALADDRESSSTATE."""
        code = self.desk.refusal(
            "setAgentState", dwAddressID=0, dwAgentState=LINEAGENTSTATE_READY, dwNextAgentState=0
        )
        self.assertEqual(code, LINEERR_INVALADDRESSSTATE)
        code = self.desk.refusal("setAgentActivity", dwAddressID=0, dwActivityID=1)
        self.assertEqual(code, LINEERR_INVALADDRESSSTATE)

    def test_noSuchAddress(self) -> None:
        """An address that the line does not have is INVALADDRESSID."""
        for method, members in (
            ("getAgentStatus", {}),
            ("getAgentGroupList", {}),
            ("getAgentActivityList", {}),
            ("setAgentGroup", {"GroupList": ()}),
            ("setAgentState", {"dwAgentState": 4, "dwNextAgentState": 0}),
            ("setAgentActivity", {"dwActivityID": 1}),
        ):
            code = self.desk.refusal(method, dwAddressID=2, **members)
            self.assertEqual(code, LINEERR_INVALADDRESSID, method)


class SetAgentGroup(unittest.TestCase):
    """Logging on and off by address."""

    def setUp(self) -> None:
        self.desk = Desk()

    def set(self, *groups: uuid.UUID, **members: object) -> None:
        self.desk.ask(
            "setAgentGroup", dwAddressID=0, GroupList=tuple(map(entry, groups)), **members
        )

    def refusal(self, *groups: uuid.UUID, **members: object) -> int:
        return self.desk.refusal(
            "setAgentGroup", dwAddressID=0, GroupList=tuple(map(entry, groups)), **members
        )

    def groups(self) -> list[uuid.UUID]:
        return [each.GroupID for each in self.desk.status().GroupList]

    def test_principal(self) -> None:
        """The principal's agent logs on without CreateAgent, a session per group; none logs off."""
        self.set(SALES, principal=BEN)
        self.assertEqual(self.groups(), [SALES])
        self.assertEqual(self.desk.status().dwState, LINEAGENTSTATE_NOTREADY)
        self.set(principal=BEN)
        self.assertEqual(self.desk.status().dwState, LINEAGENTSTATE_LOGGEDOFF)

    def test_clientsAgent(self) -> None:
        """The agent that the client created last logs on; the list is what he is in afterwards."""
        self.desk.agent("1003")
        hAgent = self.desk.agent("1001")
        self.set(SALES)
        sales = self.desk.session(hAgent)
        self.set(SALES, SUPPORT, SALES)
        self.assertEqual(self.groups(), [SALES, SUPPORT])
        self.assertEqual(self.desk.session(hAgent), sales)
        self.set(SUPPORT)
        self.assertEqual(self.groups(), [SUPPORT])
        self.assertEqual(self.desk.state(sales), ENDED)

    def test_refusals(self) -> None:
        """Nobody to log on, an unknown group, one that is not his: and then nothing changed."""
        self.assertEqual(self.refusal(SALES), LINEERR_INVALAGENTID)
        unknown = uuid.UUID(int=1)
        self.assertEqual(self.refusal(SALES, unknown, principal=BEN), LINEERR_INVALAGENTGROUP)
        self.assertEqual(self.refusal(SALES, SUPPORT, principal=BEN), LINEERR_INVALAGENTGROUP)
        self.assertEqual(self.groups(), [])
        self.assertEqual(self.refusal(*[SALES] * 65, principal=BEN), LINEERR_INVALPARAM)

    def test_onCall(self) -> None:
        """Nobody leaves a group whose call he is on: INVALADDRESSSTATE."""
        hAgent = self.desk.agent()
        self.set(SALES, SUPPORT)
        self.desk.fact("answered", "c1", session=self.desk.session(hAgent))
        self.assertEqual(self.refusal(SUPPORT), LINEERR_INVALADDRESSSTATE)
        self.assertEqual(self.groups(), [SALES, SUPPORT])
        self.set(SALES)


class SetAgentState(unittest.TestCase):
    """States by address."""

    def setUp(self) -> None:
        self.desk = Desk()
        self.hAgent = self.desk.agent()
        self.sales = self.desk.session(self.hAgent)
        self.support = self.desk.session(self.hAgent, SUPPORT)

    def set(self, state: int, next: int = 0, **members: object) -> None:
        self.desk.ask(
            "setAgentState", dwAddressID=0, dwAgentState=state, dwNextAgentState=next, **members
        )

    def refusal(self, state: int, next: int = 0, **members: object) -> int:
        return self.desk.refusal(
            "setAgentState", dwAddressID=0, dwAgentState=state, dwNextAgentState=next, **members
        )

    def test_allSessions(self) -> None:
        """A state is set on all sessions of the address; LOGGEDOFF ends them."""
        self.set(LINEAGENTSTATE_READY)
        self.assertEqual((self.desk.state(self.sales), self.desk.state(self.support)), (READY,) * 2)
        self.set(LINEAGENTSTATE_WORKINGAFTERCALL)
        self.assertEqual(self.desk.state(self.sales), BUSYWRAPUP)
        self.set(LINEAGENTSTATE_LOGGEDOFF)
        self.assertEqual((self.desk.state(self.sales), self.desk.state(self.support)), (ENDED,) * 2)

    def test_cannotBeSet(self) -> None:
        """Busy and unknown are seen, never set."""
        for state in (LINEAGENTSTATE_BUSYACD, LINEAGENTSTATE_UNKNOWN):
            self.assertEqual(self.refusal(state), LINEERR_INVALAGENTSTATE)

    def test_busiest(self) -> None:
        """LINEAGENTSTATUS shows the busiest session or call, and what may be set then."""
        self.set(LINEAGENTSTATE_READY)
        self.desk.fact("nonACDBegun", "n1", agent="1001", direction="incoming")
        self.assertEqual(self.desk.status().dwState, LINEAGENTSTATE_BUSYINCOMING)
        self.desk.fact("answered", "c1", session=self.sales)
        status = self.desk.status()
        self.assertEqual(status.dwState, LINEAGENTSTATE_BUSYACD)
        self.assertEqual(status.dwNextState, LINEAGENTSTATE_READY)
        self.assertEqual(status.dwValidStates, LINEAGENTSTATE_BUSYACD)
        self.assertTrue(status.dwValidNextStates & LINEAGENTSTATE_NOTREADY)
        self.assertEqual(self.refusal(LINEAGENTSTATE_NOTREADY), LINEERR_INVALAGENTSTATE)

    def test_ownAgentOfTwo(self) -> None:
        """Of two agents at one address a client sets the one that it has logged on."""
        other = FakeClient()
        cleo = self.desk.session(self.desk.agent("1003", client=other), SUPPORT, client=other)
        self.set(LINEAGENTSTATE_READY, client=other)
        self.assertEqual((self.desk.state(cleo), self.desk.state(self.sales)), (READY, NOTREADY))

    def test_strangers(self) -> None:
        """Who may use none of the agents at the address gets INVALAGENTID."""
        self.assertEqual(
            self.refusal(LINEAGENTSTATE_READY, client=FakeClient(), principal=BEN),
            LINEERR_INVALAGENTID,
        )


class SetAgentActivity(unittest.TestCase):
    """Activities."""

    def setUp(self) -> None:
        self.desk = Desk()
        self.desk.session(self.desk.agent())

    def test_set(self) -> None:
        """An activity shows in LINEAGENTSTATUS, also after a restart; 0 takes it back."""
        self.desk.ask("setAgentActivity", dwAddressID=0, dwActivityID=2)
        status = self.desk.crash().status()
        self.assertEqual((status.dwActivityID, status.Activity), (2, "Training"))

    def test_takenBack(self) -> None:
        """Activity 0 is none."""
        self.desk.ask("setAgentActivity", dwAddressID=0, dwActivityID=2)
        self.desk.ask("setAgentActivity", dwAddressID=0, dwActivityID=0)
        self.assertEqual(self.desk.status().dwActivityID, 0)

    def test_unknown(self) -> None:
        """An activity that the site does not have is INVALAGENTACTIVITY."""
        code = self.desk.refusal("setAgentActivity", dwAddressID=0, dwActivityID=3)
        self.assertEqual(code, LINEERR_INVALAGENTACTIVITY)


class GetAgentCaps(unittest.TestCase):
    """Capabilities."""

    def test_version(self) -> None:
        """dwCapsVersion is never above what the application knows."""
        desk = Desk()
        for version, expected in ((TAPI_2_0, TAPI_2_0), (TAPI_3_1, TAPI_3_1), (0x40000, TAPI_3_1)):
            caps = desk.ask("getAgentCaps", dwAddressID=0, version=version, client=None)
            self.assertEqual(caps.dwCapsVersion, expected)

    def test_extension(self) -> None:
        """The one extension is listed, so its index is 0."""
        caps = Desk().ask("getAgentCaps", dwAddressID=0, client=None)
        self.assertEqual(len(caps.AgentExtensionIDList), 1)


class WrapUpExtension(unittest.TestCase):
    """AgentSpecific: how long wrap-up lasts."""

    def setUp(self) -> None:
        self.desk = Desk()
        self.session = self.desk.session(self.desk.agent())

    def ask(self, seconds: int) -> tuple[int, ...]:
        block = self.desk.ask(
            "agentSpecific",
            dwAddressID=0,
            dwAgentExtensionIDIndex=0,
            Params=struct.pack("<II", self.session, seconds),
        )
        return struct.unpack("<II", block)

    def refusal(self, index: int, block: bytes) -> int:
        return self.desk.refusal(
            "agentSpecific", dwAddressID=0, dwAgentExtensionIDIndex=index, Params=block
        )

    def test_askAndExtend(self) -> None:
        """0xFFFFFFFF asks for the seconds left, anything else sets them and is told to all."""
        self.desk.fact("answered", "c1", session=self.session)
        self.desk.fact("ended", "c1")
        self.desk.clock.advance(5)
        self.assertEqual(self.ask(0xFFFFFFFF), (self.session, 15))
        self.desk.takeMessages()
        self.assertEqual(self.ask(100), (self.session, 100))
        self.assertIn(LINE_AGENTSPECIFIC(0, self.session, 100), self.desk.takeMessages())
        self.desk.clock.advance(99)
        self.assertEqual(self.desk.state(self.session), BUSYWRAPUP)
        self.desk.clock.advance(2)
        self.assertEqual(self.desk.state(self.session), NOTREADY)

    def test_refusals(self) -> None:
        """No wrap-up, another index, a short block, a strange session: each its own code."""
        block = struct.pack("<II", self.session, 10)
        self.assertEqual(self.refusal(0, block), LINEERR_INVALAGENTSESSIONSTATE)
        self.assertEqual(self.refusal(1, block), LINEERR_INVALPARAM)
        self.assertEqual(self.refusal(0, block[:7]), LINEERR_STRUCTURETOOSMALL)
        self.assertEqual(self.refusal(0, struct.pack("<II", 1, 10)), LINEERR_INVALAGENTID)
        self.assertEqual(
            self.refusal(0, struct.pack("<II", self.session, 86401)), LINEERR_INVALPARAM
        )
        self.assertEqual(self.ask(0xFFFFFFFF), (self.session, 0))
