"""What applications are told without asking."""

from twisted.trial import unittest

from tapiproxy.plugins.acd.states import BUSYONCALL, BUSYWRAPUP, ENDED, NOTREADY, READY, RELEASED
from tapiproxy.tapi.lineconstants import (
    LINEAGENTSESSIONSTATUS_NEWSESSION,
    LINEAGENTSESSIONSTATUS_STATE,
    LINEAGENTSESSIONSTATUS_UPDATEINFO,
    LINEAGENTSTATE_LOGGEDOFF,
    LINEAGENTSTATE_NOTREADY,
    LINEAGENTSTATE_READY,
    LINEAGENTSTATEEX_BUSYACD,
    LINEAGENTSTATEEX_READY,
    LINEAGENTSTATEEX_RELEASED,
    LINEAGENTSTATUS_ACTIVITY,
    LINEAGENTSTATUS_GROUP,
    LINEAGENTSTATUS_NEXTSTATE,
    LINEAGENTSTATUS_STATE,
    LINEAGENTSTATUS_VALIDNEXTSTATES,
    LINEAGENTSTATUS_VALIDSTATES,
    LINEAGENTSTATUSEX_NEWAGENT,
    LINEAGENTSTATUSEX_STATE,
    LINEAGENTSTATUSEX_UPDATEINFO,
    LINEQUEUESTATUS_UPDATEINFO,
)
from tapiproxy.tapi.proxymessages import (
    LINE_AGENTSESSIONSTATUS,
    LINE_AGENTSTATUS,
    LINE_AGENTSTATUSEX,
    LINE_QUEUESTATUS,
)
from tests.plugins.acd.support import Desk


class Announcements(unittest.TestCase):
    """Messages for what changed, and for nothing else."""

    def setUp(self) -> None:
        self.desk = Desk()

    def ready(self) -> tuple[int, int]:
        """An agent with a ready session; nothing left to be told."""
        hAgent = self.desk.agent()
        session = self.desk.session(hAgent)
        self.desk.setSession(session, READY)
        self.desk.takeMessages()
        return hAgent, session

    def test_newAgentOnce(self) -> None:
        """NEWAGENT is told at the first CreateAgent and never again, also not after a restart."""
        hAgent = self.desk.agent()
        expected = [LINE_AGENTSTATUSEX(hAgent, LINEAGENTSTATUSEX_NEWAGENT)]
        self.assertEqual(self.desk.takeMessages(), expected)
        self.desk.agent()
        self.assertEqual(self.desk.takeMessages(), [])
        again = self.desk.crash()
        again.agent()
        self.assertEqual(again.takeMessages(), [])

    def test_newSession(self) -> None:
        """A session is told as new, and the address as having somebody now."""
        hAgent = self.desk.agent()
        self.desk.takeMessages()
        session = self.desk.session(hAgent)
        self.assertEqual(
            self.desk.takeMessages(),
            [
                LINE_AGENTSESSIONSTATUS(session, LINEAGENTSESSIONSTATUS_NEWSESSION),
                LINE_AGENTSTATUS(
                    0,
                    LINEAGENTSTATUS_GROUP
                    | LINEAGENTSTATUS_STATE
                    | LINEAGENTSTATUS_NEXTSTATE
                    | LINEAGENTSTATUS_VALIDSTATES
                    | LINEAGENTSTATUS_VALIDNEXTSTATES,
                    LINEAGENTSTATE_NOTREADY,
                ),
            ],
        )

    def test_state(self) -> None:
        """A new state is told for the session, its agent and its address."""
        hAgent = self.desk.agent()
        session = self.desk.session(hAgent)
        self.desk.takeMessages()
        self.desk.setSession(session, READY)
        self.assertEqual(
            self.desk.takeMessages(),
            [
                LINE_AGENTSTATUSEX(
                    hAgent,
                    LINEAGENTSTATUSEX_STATE | LINEAGENTSTATUSEX_UPDATEINFO,
                    LINEAGENTSTATEEX_READY,
                ),
                LINE_AGENTSESSIONSTATUS(
                    session,
                    LINEAGENTSESSIONSTATUS_STATE | LINEAGENTSESSIONSTATUS_UPDATEINFO,
                    READY,
                ),
                LINE_AGENTSTATUS(
                    0, LINEAGENTSTATUS_STATE | LINEAGENTSTATUS_NEXTSTATE, LINEAGENTSTATE_READY
                ),
            ],
        )

    def test_nothingNew(self) -> None:
        """A request that changes nothing tells nothing."""
        _, session = self.ready()
        self.desk.setSession(session, READY)
        self.assertEqual(self.desk.takeMessages(), [])

    def test_call(self) -> None:
        """An answered call is told as state and figures, its queue as figures."""
        hAgent, session = self.ready()
        self.desk.fact("queued", "c1", queue="Sales")
        self.assertEqual(
            self.desk.takeMessages(), [LINE_QUEUESTATUS(11, LINEQUEUESTATUS_UPDATEINFO)]
        )
        self.desk.fact("answered", "c1", session=session)
        told = self.desk.takeMessages()
        both = LINEAGENTSTATUSEX_STATE | LINEAGENTSTATUSEX_UPDATEINFO
        self.assertIn(LINE_AGENTSTATUSEX(hAgent, both, LINEAGENTSTATEEX_BUSYACD), told)
        both = LINEAGENTSESSIONSTATUS_STATE | LINEAGENTSESSIONSTATUS_UPDATEINFO
        self.assertIn(LINE_AGENTSESSIONSTATUS(session, both, BUSYONCALL), told)
        self.assertIn(LINE_QUEUESTATUS(11, LINEQUEUESTATUS_UPDATEINFO), told)

    def test_wrapUpTimer(self) -> None:
        """The end of wrap-up is told although nobody asked for anything."""
        _, session = self.ready()
        self.desk.fact("answered", "c1", session=session)
        self.desk.fact("ended", "c1")
        states = [
            message.dwAgentSessionState
            for message in self.desk.takeMessages()
            if isinstance(message, LINE_AGENTSESSIONSTATUS)
        ]
        self.assertEqual(states, [BUSYONCALL, BUSYWRAPUP])
        self.desk.clock.advance(20)
        both = LINEAGENTSESSIONSTATUS_STATE | LINEAGENTSESSIONSTATUS_UPDATEINFO
        self.assertIn(LINE_AGENTSESSIONSTATUS(session, both, READY), self.desk.takeMessages())

    def test_planned(self) -> None:
        """A planned state is told as changed information, without a state."""
        _, session = self.ready()
        self.desk.fact("answered", "c1", session=session)
        self.desk.takeMessages()
        self.desk.setSession(session, 0, NOTREADY)
        told = self.desk.takeMessages()
        self.assertIn(LINE_AGENTSESSIONSTATUS(session, LINEAGENTSESSIONSTATUS_UPDATEINFO, 0), told)
        self.assertIn(LINE_AGENTSTATUS(0, LINEAGENTSTATUS_NEXTSTATE, 0), told)

    def test_endAndRelease(self) -> None:
        """The end of the last session frees the address and releases the agent."""
        hAgent, session = self.ready()
        self.desk.setSession(session, ENDED)
        told = self.desk.takeMessages()
        both = LINEAGENTSTATUSEX_STATE | LINEAGENTSTATUSEX_UPDATEINFO
        self.assertIn(LINE_AGENTSTATUSEX(hAgent, both, LINEAGENTSTATEEX_RELEASED), told)
        (address,) = [message for message in told if isinstance(message, LINE_AGENTSTATUS)]
        self.assertEqual(address.dwAgentState, LINEAGENTSTATE_LOGGEDOFF)
        self.desk.setSession(session, RELEASED)
        self.assertEqual(
            self.desk.takeMessages(),
            [LINE_AGENTSESSIONSTATUS(session, LINEAGENTSESSIONSTATUS_STATE, RELEASED)],
        )

    def test_activity(self) -> None:
        """An activity is told for the address."""
        self.ready()
        self.desk.ask("setAgentActivity", dwAddressID=0, dwActivityID=1)
        self.assertEqual(self.desk.takeMessages(), [LINE_AGENTSTATUS(0, LINEAGENTSTATUS_ACTIVITY)])
