"""The twelve requests of TAPI 2.2, and their refusals."""

import uuid

from twisted.trial import unittest

from tapiproxy.plugins.acd import centre
from tapiproxy.plugins.acd.states import (
    BUSYONCALL,
    BUSYWRAPUP,
    ENDED,
    NOTREADY,
    READY,
    RELEASED,
)
from tapiproxy.tapi.lineconstants import (
    LINEAGENTSTATEEX_BUSYACD,
    LINEAGENTSTATEEX_BUSYINCOMING,
    LINEAGENTSTATEEX_NOTREADY,
    LINEAGENTSTATEEX_READY,
    LINEAGENTSTATEEX_RELEASED,
    LINEAGENTSTATEEX_UNKNOWN,
)
from tapiproxy.tapi.lineerr import (
    LINEERR_INVALADDRESSID,
    LINEERR_INVALAGENTGROUP,
    LINEERR_INVALAGENTID,
    LINEERR_INVALAGENTSESSIONSTATE,
    LINEERR_INVALAGENTSTATE,
    LINEERR_INVALGROUPID,
    LINEERR_INVALPARAM,
    LINEERR_INVALPASSWORD,
    LINEERR_RESOURCEUNAVAIL,
)
from tapiproxy.testing import FakeClient, FakePrincipal
from tests.plugins.acd.support import SALES, SUPPORT, Desk

BEN = FakePrincipal("DOM\\ben")
DAN = FakePrincipal("DOM\\dan")


class CreateAgent(unittest.TestCase):
    """Who becomes which agent."""

    def setUp(self) -> None:
        self.desk = Desk()

    def test_sameHandle(self) -> None:
        """CreateAgent for an agent that exists gives the same handle, to another client as well."""
        first = self.desk.agent()
        self.assertTrue(1 <= first <= 0x7FFFFFFF)
        self.assertEqual(self.desk.agent(client=FakeClient()), first)
        self.assertNotEqual(self.desk.agent("1002"), first)

    def test_byPrincipal(self) -> None:
        """Without an id the principal's own agent is meant, and needs no PIN."""
        own = self.desk.ask("createAgent", AgentID=None, AgentPIN=None, principal=BEN)
        self.assertEqual(self.desk.agent("1002"), own)

    def test_nobody(self) -> None:
        """Without an id and without a principal that has an agent it is INVALAGENTID."""
        for principal in (FakePrincipal(), FakePrincipal("DOM\\stranger")):
            code = self.desk.refusal(
                "createAgent", AgentID=None, AgentPIN="1234", principal=principal
            )
            self.assertEqual(code, LINEERR_INVALAGENTID)

    def test_unknownAgent(self) -> None:
        """An id that the site does not have is INVALAGENTID."""
        code = self.desk.refusal("createAgent", AgentID="9999", AgentPIN="1234")
        self.assertEqual(code, LINEERR_INVALAGENTID)

    def test_wrongPIN(self) -> None:
        """A wrong PIN, and none where one is needed, is INVALPASSWORD."""
        for pin in ("4321", "", None, "x" * 5000):
            code = self.desk.refusal("createAgent", AgentID="1001", AgentPIN=pin)
            self.assertEqual(code, LINEERR_INVALPASSWORD)

    def test_ownButWrongPIN(self) -> None:
        """A PIN that is given must be right, even where none is needed."""
        code = self.desk.refusal("createAgent", AgentID="1002", AgentPIN="4321", principal=BEN)
        self.assertEqual(code, LINEERR_INVALPASSWORD)

    def test_agentWithoutPIN(self) -> None:
        """An agent that has no PIN is for its user and supervisors; no PIN fits."""
        code = self.desk.refusal("createAgent", AgentID="1004", AgentPIN="1234")
        self.assertEqual(code, LINEERR_INVALPASSWORD)
        boss = FakePrincipal("DOM\\boss")
        for principal in (DAN, boss):
            self.desk.ask("createAgent", AgentID="1004", AgentPIN=None, principal=principal)

    def test_guessing(self) -> None:
        """After five wrong PINs in a minute the right one is wrong too, for that agent alone."""
        for _ in range(5):
            self.desk.refusal("createAgent", AgentID="1001", AgentPIN="4321")
        code = self.desk.refusal("createAgent", AgentID="1001", AgentPIN="1234")
        self.assertEqual(code, LINEERR_INVALPASSWORD)
        self.desk.agent("1002")
        self.desk.clock.advance(61)
        self.desk.agent("1001")


class Access(unittest.TestCase):
    """Who may use a handle."""

    def setUp(self) -> None:
        self.desk = Desk()
        self.hAgent = self.desk.ask(
            "createAgent", AgentID="1001", AgentPIN="1234", principal=FakePrincipal("DOM\\ada")
        )

    def test_creatorUserAndSupervisors(self) -> None:
        """The principal that created it and supervisors may; everybody else gets INVALAGENTID."""
        allowed = (
            FakePrincipal("DOM\\ada"),
            FakePrincipal("DOM\\boss"),
            FakePrincipal("DOM\\carl", frozenset({"DOM\\Supervisors"})),
        )
        for principal in allowed:
            self.desk.ask("getAgentInfo", hAgent=self.hAgent, principal=principal)
        refused = (FakePrincipal(), BEN, FakePrincipal("", frozenset({"DOM\\Supervisors"})))
        for principal in refused:
            code = self.desk.refusal("getAgentInfo", hAgent=self.hAgent, principal=principal)
            self.assertEqual(code, LINEERR_INVALAGENTID)

    def test_user(self) -> None:
        """An agent's user may use a handle that somebody else has created."""
        hAgent = self.desk.agent("1002")
        self.desk.ask("getAgentInfo", hAgent=hAgent, principal=BEN)

    def test_session(self) -> None:
        """A session may be used by those who may use its agent; a strange one looks unknown."""
        ada = FakePrincipal("DOM\\ada")
        session = self.desk.session(self.hAgent, principal=ada)
        for number in (session, 0x7E57AB1E):
            code = self.desk.refusal("getAgentSessionInfo", hAgentSession=number, principal=BEN)
            self.assertEqual(code, LINEERR_INVALAGENTID)

    def test_unauthenticated(self) -> None:
        """Without authentication all clients are one principal: what one created, all may use."""
        hAgent = self.desk.agent("1003")
        self.desk.ask("getAgentInfo", hAgent=hAgent, client=FakeClient())

    def test_bound(self) -> None:
        """The last sixteen principals that created an agent are remembered."""
        for number in range(16):
            self.desk.agent("1001", principal=FakePrincipal(f"DOM\\p{number}"))
        self.desk.ask("getAgentInfo", hAgent=self.hAgent, principal=FakePrincipal("DOM\\p0"))
        first = FakePrincipal("DOM\\ada")
        code = self.desk.refusal("getAgentInfo", hAgent=self.hAgent, principal=first)
        self.assertEqual(code, LINEERR_INVALAGENTID)

    def test_afterRestart(self) -> None:
        """Who may use a handle is known after a restart."""
        again = self.desk.crash()
        again.ask("getAgentInfo", hAgent=self.hAgent, principal=FakePrincipal("DOM\\ada"))
        code = again.refusal("getAgentInfo", hAgent=self.hAgent, principal=BEN)
        self.assertEqual(code, LINEERR_INVALAGENTID)


class CreateAgentSession(unittest.TestCase):
    """Sessions come into being."""

    def setUp(self) -> None:
        self.desk = Desk()
        self.hAgent = self.desk.agent()

    def refusal(self, **members: object) -> int:
        asked = {
            "AgentPIN": None,
            "hAgent": self.hAgent,
            "GroupID": SALES,
            "dwWorkingAddressID": 0,
            **members,
        }
        return self.desk.refusal("createAgentSession", **asked)

    def test_notReady(self) -> None:
        """A new session is not ready, and is in its agent's list."""
        session = self.desk.session(self.hAgent, SUPPORT, 1)
        self.assertEqual(self.desk.state(session), NOTREADY)
        (found,) = self.desk.ask("getAgentSessionList", hAgent=self.hAgent).List
        self.assertEqual(
            (found.hAgentSession, found.hAgent, found.GroupID, found.dwWorkingAddressID),
            (session, self.hAgent, SUPPORT, 1),
        )

    def test_again(self) -> None:
        """The same group at the same address is the same session; other ones are new."""
        first = self.desk.session(self.hAgent)
        self.assertEqual(self.desk.session(self.hAgent), first)
        others = {self.desk.session(self.hAgent, SUPPORT), self.desk.session(self.hAgent, SALES, 1)}
        self.assertEqual(len(others - {first}), 2)

    def test_afterItsEnd(self) -> None:
        """A session that ended is not taken up again: there is a new one with a new handle."""
        first = self.desk.session(self.hAgent)
        self.desk.setSession(first, ENDED)
        self.assertNotEqual(self.desk.session(self.hAgent), first)

    def test_PIN(self) -> None:
        """A PIN is not needed again, but if it is given it must be right."""
        self.assertEqual(self.refusal(AgentPIN="4321"), LINEERR_INVALPASSWORD)
        self.assertTrue(
            self.desk.ask(
                "createAgentSession",
                AgentPIN="1234",
                hAgent=self.hAgent,
                GroupID=SALES,
                dwWorkingAddressID=0,
            )
        )

    def test_refusals(self) -> None:
        """Unknown agent, group, address, and a group that is not his: each its own code."""
        self.assertEqual(self.refusal(hAgent=0x7E57AB1E), LINEERR_INVALAGENTID)
        self.assertEqual(self.refusal(GroupID=uuid.UUID(int=1)), LINEERR_INVALGROUPID)
        self.assertEqual(self.refusal(dwWorkingAddressID=2), LINEERR_INVALADDRESSID)
        ben = self.desk.agent("1002")
        self.assertEqual(self.refusal(hAgent=ben, GroupID=SUPPORT), LINEERR_INVALAGENTGROUP)

    def test_bound(self) -> None:
        """An agent has a bounded number of sessions, ended ones that are kept included."""
        self.patch(centre, "MOST_SESSIONS", 2)
        self.desk.session(self.hAgent)
        self.desk.session(self.hAgent, SUPPORT)
        self.assertEqual(self.refusal(dwWorkingAddressID=1), LINEERR_RESOURCEUNAVAIL)


class SetAgentSessionState(unittest.TestCase):
    """States of a session."""

    def setUp(self) -> None:
        self.desk = Desk()
        self.hAgent = self.desk.agent()
        self.session = self.desk.session(self.hAgent)
        self.support = self.desk.session(self.hAgent, SUPPORT)

    def refusal(self, state: int, next: int = 0) -> int:
        return self.desk.refusal(
            "setAgentSessionState",
            hAgentSession=self.session,
            dwAgentSessionState=state,
            dwNextAgentSessionState=next,
        )

    def test_readyAndNot(self) -> None:
        """A session becomes ready, and not ready again."""
        self.desk.setSession(self.session, READY)
        self.assertEqual(self.desk.state(self.session), READY)
        self.desk.setSession(self.session, NOTREADY)
        self.assertEqual(self.desk.state(self.session), NOTREADY)

    def test_onlyFactsMakeBusy(self) -> None:
        """No request puts a session on a call, or takes it off one."""
        self.assertEqual(self.refusal(BUSYONCALL), LINEERR_INVALAGENTSESSIONSTATE)
        self.desk.fact("answered", "c1", session=self.session)
        self.assertEqual(self.desk.state(self.session), BUSYONCALL)
        for state in (NOTREADY, READY, BUSYWRAPUP, ENDED, RELEASED):
            self.assertEqual(self.refusal(state), LINEERR_INVALAGENTSESSIONSTATE)

    def test_sumOfStates(self) -> None:
        """Two states at once are no state."""
        self.assertEqual(self.refusal(READY | NOTREADY), LINEERR_INVALAGENTSESSIONSTATE)
        self.assertEqual(self.refusal(0, READY | NOTREADY), LINEERR_INVALAGENTSESSIONSTATE)

    def test_wrapUp(self) -> None:
        """After a call the group's wrap-up runs, then the session is where it was before."""
        self.desk.setSession(self.session, READY)
        self.desk.fact("answered", "c1", session=self.session)
        self.desk.fact("ended", "c1")
        self.assertEqual(self.desk.state(self.session), BUSYWRAPUP)
        self.desk.clock.advance(19.9)
        self.assertEqual(self.desk.state(self.session), BUSYWRAPUP)
        self.desk.clock.advance(0.2)
        self.assertEqual(self.desk.state(self.session), READY)

    def test_restsWhereItWas(self) -> None:
        """A call to a session that was not ready leaves it not ready."""
        self.desk.fact("answered", "c1", session=self.support)
        self.desk.fact("ended", "c1")
        self.assertEqual(self.desk.state(self.support), NOTREADY)

    def test_next(self) -> None:
        """What is planned during a call comes after its wrap-up, once."""
        self.desk.setSession(self.session, READY)
        self.desk.fact("answered", "c1", session=self.session)
        self.desk.setSession(self.session, 0, NOTREADY)
        info = self.desk.ask("getAgentSessionInfo", hAgentSession=self.session)
        self.assertEqual(info.dwNextAgentSessionState, NOTREADY)
        self.desk.fact("ended", "c1")
        self.desk.clock.advance(21)
        self.assertEqual(self.desk.state(self.session), NOTREADY)
        self.desk.setSession(self.session, READY)
        self.desk.fact("answered", "c2", session=self.session)
        self.desk.fact("ended", "c2")
        self.desk.clock.advance(21)
        self.assertEqual(self.desk.state(self.session), READY)

    def test_nextIsWrapUp(self) -> None:
        """Planned wrap-up lasts until the agent ends it, also in a group without wrap-up."""
        self.desk.fact("answered", "c1", session=self.support)
        self.desk.setSession(self.support, 0, BUSYWRAPUP)
        self.desk.fact("ended", "c1")
        self.desk.clock.advance(3600)
        self.assertEqual(self.desk.state(self.support), BUSYWRAPUP)
        self.desk.setSession(self.support, READY)
        self.assertEqual(self.desk.state(self.support), READY)

    def test_nextIsForgotten(self) -> None:
        """A state that is set forgets what was planned before."""
        self.desk.setSession(self.session, 0, ENDED)
        self.desk.setSession(self.session, READY)
        self.desk.fact("answered", "c1", session=self.session)
        self.desk.fact("ended", "c1")
        self.desk.clock.advance(21)
        self.assertEqual(self.desk.state(self.session), READY)

    def test_callDuringWrapUp(self) -> None:
        """A call during wrap-up ends it; afterwards wrap-up begins anew."""
        self.desk.fact("answered", "c1", session=self.session)
        self.desk.fact("ended", "c1")
        self.desk.clock.advance(15)
        self.desk.fact("answered", "c2", session=self.session)
        self.desk.clock.advance(15)
        self.assertEqual(self.desk.state(self.session), BUSYONCALL)
        self.desk.fact("ended", "c2")
        self.desk.clock.advance(19)
        self.assertEqual(self.desk.state(self.session), BUSYWRAPUP)

    def test_twoCalls(self) -> None:
        """With two calls the session is busy until the last of them has ended."""
        self.desk.fact("answered", "c1", session=self.session)
        self.desk.fact("answered", "c2", session=self.session)
        self.desk.fact("ended", "c1")
        self.assertEqual(self.desk.state(self.session), BUSYONCALL)
        self.desk.fact("ended", "c2")
        self.assertEqual(self.desk.state(self.session), BUSYWRAPUP)

    def test_endedAndReleased(self) -> None:
        """An ended session can be asked about until it is released; then its handle is nothing."""
        self.desk.setSession(self.session, ENDED)
        self.assertEqual(self.desk.state(self.session), ENDED)
        self.assertEqual(self.refusal(READY), LINEERR_INVALAGENTSESSIONSTATE)
        self.desk.setSession(self.session, RELEASED)
        self.assertEqual(self.refusal(READY), LINEERR_INVALAGENTID)

    def test_endedIsReleasedOneDay(self) -> None:
        """A session that nobody releases is released a day after its end."""
        self.desk.setSession(self.session, ENDED)
        self.desk.clock.advance(24 * 3600 - 1)
        self.assertEqual(self.desk.state(self.session), ENDED)
        self.desk.clock.advance(2)
        self.assertEqual(self.refusal(READY), LINEERR_INVALAGENTID)

    def test_wrapUpSurvives(self) -> None:
        """A wrap-up goes on after a restart, and ends at the time at which it was due."""
        self.desk.fact("answered", "c1", session=self.session)
        self.desk.fact("ended", "c1")
        self.desk.clock.advance(12)
        again = self.desk.crash()
        self.assertEqual(again.state(self.session), BUSYWRAPUP)
        again.clock.advance(9)
        self.assertEqual(again.state(self.session), NOTREADY)
        info = again.ask("getAgentSessionInfo", hAgentSession=self.session)
        self.assertEqual(info.dwTotalWrapUpTime, 20)

    def test_wrapUpEndedWhileDown(self) -> None:
        """A wrap-up that was due while the server was down ended when it was due."""
        self.desk.fact("answered", "c1", session=self.session)
        self.desk.fact("ended", "c1")
        self.desk.clock.rightNow += 500
        again = self.desk.crash()
        info = again.ask("getAgentSessionInfo", hAgentSession=self.session)
        self.assertEqual((info.dwAgentSessionState, info.dwTotalWrapUpTime), (NOTREADY, 20))


class SetAgentStateEx(unittest.TestCase):
    """States of an agent, over all sessions."""

    def setUp(self) -> None:
        self.desk = Desk()
        self.hAgent = self.desk.agent()

    def set(self, state: int, next: int = 0) -> None:
        self.desk.ask(
            "setAgentStateEx", hAgent=self.hAgent, dwAgentState=state, dwNextAgentState=next
        )

    def refusal(self, state: int, next: int = 0) -> int:
        return self.desk.refusal(
            "setAgentStateEx", hAgent=self.hAgent, dwAgentState=state, dwNextAgentState=next
        )

    def state(self) -> int:
        state: int = self.desk.ask("getAgentInfo", hAgent=self.hAgent).dwAgentState
        return state

    def test_allSessions(self) -> None:
        """READY and NOTREADY are set on every session; the agent shows the busiest."""
        sales, support = self.desk.session(self.hAgent), self.desk.session(self.hAgent, SUPPORT)
        self.set(LINEAGENTSTATEEX_READY)
        self.assertEqual((self.desk.state(sales), self.desk.state(support)), (READY, READY))
        self.desk.fact("answered", "c1", session=sales)
        self.assertEqual(self.state(), LINEAGENTSTATEEX_BUSYACD)

    def test_nonACD(self) -> None:
        """A call from outside shows at the agent and leaves his sessions alone."""
        session = self.desk.session(self.hAgent)
        self.set(LINEAGENTSTATEEX_READY)
        self.desk.fact("nonACDBegun", "n1", agent="1001", direction="incoming")
        self.assertEqual(self.state(), LINEAGENTSTATEEX_BUSYINCOMING)
        self.assertEqual(self.desk.state(session), READY)
        self.desk.fact("nonACDEnded", "n1")
        self.assertEqual(self.state(), LINEAGENTSTATEEX_READY)

    def test_whileOnCall(self) -> None:
        """On a call the state cannot be set, on no session at all; it can be planned."""
        sales, support = self.desk.session(self.hAgent), self.desk.session(self.hAgent, SUPPORT)
        self.set(LINEAGENTSTATEEX_READY)
        self.desk.fact("answered", "c1", session=sales)
        self.assertEqual(self.refusal(LINEAGENTSTATEEX_NOTREADY), LINEERR_INVALAGENTSTATE)
        self.assertEqual(self.desk.state(support), READY)
        self.set(0, LINEAGENTSTATEEX_NOTREADY)
        self.assertEqual(self.desk.state(support), NOTREADY)
        self.desk.fact("ended", "c1")
        self.desk.clock.advance(21)
        self.assertEqual(self.state(), LINEAGENTSTATEEX_NOTREADY)

    def test_released(self) -> None:
        """RELEASED logs off; CreateAgent brings the agent back, not ready."""
        session = self.desk.session(self.hAgent)
        self.set(LINEAGENTSTATEEX_RELEASED)
        self.assertEqual(self.desk.state(session), ENDED)
        self.assertEqual(self.state(), LINEAGENTSTATEEX_RELEASED)
        self.assertEqual(self.desk.agent(), self.hAgent)
        self.assertEqual(self.state(), LINEAGENTSTATEEX_NOTREADY)
        self.set(LINEAGENTSTATEEX_RELEASED)
        self.assertEqual(self.state(), LINEAGENTSTATEEX_RELEASED)

    def test_nothingToBeReadyFor(self) -> None:
        """Without a session there is no READY."""
        self.assertEqual(self.refusal(LINEAGENTSTATEEX_READY), LINEERR_INVALAGENTSTATE)
        self.set(LINEAGENTSTATEEX_NOTREADY)

    def test_cannotBeSet(self) -> None:
        """Busy and unknown are seen, never set."""
        self.desk.session(self.hAgent)
        for state in (LINEAGENTSTATEEX_BUSYACD, LINEAGENTSTATEEX_UNKNOWN):
            self.assertEqual(self.refusal(state), LINEERR_INVALAGENTSTATE)
            self.assertEqual(self.refusal(0, state), LINEERR_INVALAGENTSTATE)


class GroupsAndQueues(unittest.TestCase):
    """Lists, and what they refuse."""

    def setUp(self) -> None:
        self.desk = Desk()

    def test_lists(self) -> None:
        """Groups and queues are those of the site."""
        groups = self.desk.ask("getGroupList").List
        self.assertEqual([each.Name for each in groups], ["Sales", "Support"])
        (queue,) = self.desk.ask("getQueueList", GroupID=SUPPORT).List
        self.assertEqual((queue.dwQueueID, queue.Name), (22, "Support"))

    def test_unknown(self) -> None:
        """An unknown group is INVALGROUPID, an unknown queue INVALPARAM."""
        code = self.desk.refusal("getQueueList", GroupID=uuid.UUID(int=1))
        self.assertEqual(code, LINEERR_INVALGROUPID)
        self.assertEqual(self.desk.refusal("getQueueInfo", dwQueueID=33), LINEERR_INVALPARAM)
        code = self.desk.refusal("setQueueMeasurementPeriod", dwQueueID=33, dwMeasurementPeriod=1)
        self.assertEqual(code, LINEERR_INVALPARAM)

    def test_periodTooLong(self) -> None:
        """A measurement period longer than the log is kept, and one of 0, is INVALPARAM."""
        hAgent = self.desk.agent()
        for period in (0, 31 * 86400 + 1, 0xFFFFFFFF):
            code = self.desk.refusal(
                "setAgentMeasurementPeriod", hAgent=hAgent, dwMeasurementPeriod=period
            )
            self.assertEqual(code, LINEERR_INVALPARAM)
            code = self.desk.refusal(
                "setQueueMeasurementPeriod", dwQueueID=11, dwMeasurementPeriod=period
            )
            self.assertEqual(code, LINEERR_INVALPARAM)
        self.desk.ask("setAgentMeasurementPeriod", hAgent=hAgent, dwMeasurementPeriod=31 * 86400)
