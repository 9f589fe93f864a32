"""The life of the handler: start, clients that go, a configuration that is read again."""

import copy
from typing import Any

from twisted.trial import unittest
from zope.interface.verify import verifyObject

from tapiproxy import interfaces
from tapiproxy.errors import HandlerArgumentError, OperationUnavailable
from tapiproxy.plugins.acd import acd
from tapiproxy.plugins.acd.handler import ACDHandler
from tapiproxy.plugins.acd.options import readSite
from tapiproxy.plugins.acd.site import groupID, queueID
from tapiproxy.plugins.acd.states import BUSYONCALL, ENDED, NOTREADY, READY
from tapiproxy.plugins.acd.store import StoreInUse
from tapiproxy.tapi.lineconstants import (
    LINEAGENTSTATUS_ACTIVITYLIST,
    LINEAGENTSTATUS_GROUPLIST,
    LINEGROUPSTATUS_GROUPREMOVED,
    LINEGROUPSTATUS_NEWGROUP,
    LINEQUEUESTATUS_NEWQUEUE,
    LINEQUEUESTATUS_QUEUEREMOVED,
)
from tapiproxy.tapi.lineerr import (
    LINEERR_INVALAGENTGROUP,
    LINEERR_INVALAGENTID,
    LINEERR_INVALGROUPID,
    LINEERR_INVALPARAM,
)
from tapiproxy.tapi.proxymessages import LINE_AGENTSTATUS, LINE_GROUPSTATUS, LINE_QUEUESTATUS
from tapiproxy.testing import FakeClient, FakeLine, FakeProxyHost, makeRequest
from tests.plugins.acd.support import OPTIONS, SALES, SUPPORT, Desk, result


class Life(unittest.TestCase):
    """From makeHandler to stop."""

    def test_interfaces(self) -> None:
        """It provides both handler interfaces and all that it is asked for beside them."""
        handler = Desk().handler
        for interface in (
            interfaces.IAgentProxyHandler,
            interfaces.ICallCenterProxyHandler,
            interfaces.IProxyHandlerLifecycle,
            interfaces.IClientObserver,
            interfaces.IReloadable,
            interfaces.IControllable,
            interfaces.IDemonstration,
        ):
            verifyObject(interface, handler)

    def test_factory(self) -> None:
        """The factory makes the demo site without options, and takes no arguments."""
        verifyObject(interfaces.IProxyHandlerFactory, acd)
        handler: Any = acd.makeHandler("", FakeProxyHost())
        self.assertTrue(handler.demo)
        self.assertFalse(Desk().handler.demo)
        error = self.assertRaises(
            HandlerArgumentError, acd.makeHandler, "agents=5", FakeProxyHost()
        )
        self.assertIn("'agents=5'", str(error))

    def test_demoSite(self) -> None:
        """The demo site: agents 1001 to 1004 with PIN 1234, Sales and Support, a queue each."""
        desk = Desk({})
        handles = {desk.agent(name) for name in ("1001", "1002", "1003", "1004")}
        self.assertEqual(len(handles), 4)
        groups = desk.ask("getGroupList").List
        self.assertEqual([each.Name for each in groups], ["Sales", "Support"])
        for group in groups:
            (queue,) = desk.ask("getQueueList", GroupID=group.GroupID).List
            self.assertEqual(queue.Name, group.Name)

    def test_notStarted(self) -> None:
        """Before start and after stop a request is OPERATIONUNAVAIL, never a crash."""
        host = FakeProxyHost()
        handler = ACDHandler(host, readSite(OPTIONS))
        request = makeRequest("getAgentInfo", host, hAgent=1)
        self.assertRaises(OperationUnavailable, handler.getAgentInfo, request)
        result(handler.start())
        result(handler.stop())
        self.assertRaises(OperationUnavailable, handler.getAgentInfo, request)
        handler.clientClosed(request.client, "lost")

    def test_secondServer(self) -> None:
        """A second server on the same data directory does not start."""
        desk = Desk()
        other = ACDHandler(FakeProxyHost(dataDirectory=desk.host.dataDirectory), readSite(OPTIONS))
        self.failureResultOf(other.start(), StoreInUse)

    def test_stopLeavesNoTimer(self) -> None:
        """After stop nothing waits on the clock."""
        desk = Desk()
        session = desk.session(desk.agent())
        desk.fact("answered", "c1", session=session)
        desk.fact("ended", "c1")
        result(desk.handler.stop())
        self.assertEqual(desk.clock.getDelayedCalls(), [])

    def test_answeredAtOnce(self) -> None:
        """What only reads is answered without a Deferred."""
        desk = Desk()
        hAgent = desk.agent()
        session = desk.session(hAgent)
        for method, members in (
            ("getAgentInfo", {"hAgent": hAgent}),
            ("getAgentSessionInfo", {"hAgentSession": session}),
            ("getAgentSessionList", {"hAgent": hAgent}),
            ("getQueueInfo", {"dwQueueID": 11}),
            ("getAgentStatus", {"dwAddressID": 0}),
        ):
            request = makeRequest(method, desk.host, client=desk.client, **members)
            answer = getattr(desk.handler, method)(request)
            self.assertFalse(hasattr(answer, "addCallback"), method)


class ClientGone(unittest.TestCase):
    """Applications go; agents stay for a while."""

    def setUp(self) -> None:
        self.desk = Desk()
        self.hAgent = self.desk.agent()
        self.sales = self.desk.session(self.hAgent)
        self.support = self.desk.session(self.hAgent, SUPPORT)
        for session in (self.sales, self.support):
            self.desk.setSession(session, READY)

    def states(self, desk: Desk) -> tuple[int, int]:
        return desk.state(self.sales), desk.state(self.support)

    def leave(self, client: Any = None) -> None:
        self.desk.handler.clientClosed(client or self.desk.client, "lost")

    def test_policies(self) -> None:
        """Each group's grace time, then its policy: Support logs out after 30 s, Sales is not
        ready after 60 s."""
        self.leave()
        self.desk.clock.advance(29)
        self.assertEqual(self.states(self.desk), (READY, READY))
        self.desk.clock.advance(2)
        self.assertEqual(self.states(self.desk), (READY, ENDED))
        self.desk.clock.advance(30)
        self.assertEqual(self.states(self.desk), (NOTREADY, ENDED))

    def test_keep(self) -> None:
        """A group that keeps its agents keeps them."""
        options = copy.deepcopy(dict(OPTIONS))
        options["groups"]["Sales"]["client_gone"] = "keep"
        self.desk.handler.reload(options)
        self.leave()
        self.desk.clock.advance(3600)
        self.assertEqual(self.desk.state(self.sales), READY)

    def test_backInTime(self) -> None:
        """Who comes back within the grace time has the same sessions, as they were."""
        self.leave()
        self.desk.clock.advance(20)
        self.desk.agent(client=FakeClient())
        self.desk.clock.advance(3600)
        self.assertEqual(self.states(self.desk), (READY, READY))

    def test_secondClient(self) -> None:
        """While another application works for the agent, nothing happens."""
        other = FakeClient()
        self.desk.agent(client=other)
        self.leave()
        self.desk.clock.advance(3600)
        self.assertEqual(self.states(self.desk), (READY, READY))
        self.leave(other)
        self.desk.clock.advance(61)
        self.assertEqual(self.states(self.desk), (NOTREADY, ENDED))

    def test_onCall(self) -> None:
        """A call is finished first; the policy is planned for its end."""
        self.desk.fact("answered", "c1", session=self.support)
        self.leave()
        self.desk.clock.advance(31)
        self.assertEqual(self.desk.state(self.support), BUSYONCALL)
        self.desk.fact("ended", "c1")
        self.assertEqual(self.desk.state(self.support), ENDED)

    def test_graceSurvives(self) -> None:
        """A grace time goes on after a restart where it was."""
        self.leave()
        self.desk.clock.advance(25)
        again = self.desk.crash()
        self.assertEqual(self.states(again), (READY, READY))
        again.clock.advance(6)
        self.assertEqual(self.states(again), (READY, ENDED))

    def test_nobodyBack(self) -> None:
        """Who was attended when the server died, and is not again, is left by the grace time."""
        again = self.desk.crash()
        again.clock.advance(61)
        self.assertEqual(self.states(again), (NOTREADY, ENDED))

    def test_restartIsLeaving(self) -> None:
        """After a restart applications have the grace time to come back."""
        again = self.desk.crash()
        again.clock.advance(20)
        again.agent()
        again.clock.advance(3600)
        self.assertEqual(self.states(again), (READY, READY))
        self.assertEqual(self.states(again.crash()), (READY, READY))


class Reload(unittest.TestCase):
    """A configuration that is read again."""

    def setUp(self) -> None:
        self.desk = Desk()
        self.hAgent = self.desk.agent()
        self.sales = self.desk.session(self.hAgent)
        self.support = self.desk.session(self.hAgent, SUPPORT, 1)
        self.desk.takeMessages()
        self.options = copy.deepcopy(dict(OPTIONS))

    def reload(self) -> list[Any]:
        self.desk.handler.check(self.options)
        self.desk.handler.reload(self.options)
        return self.desk.takeMessages()

    def test_nothing(self) -> None:
        """The same options again tell nothing and change nothing."""
        self.assertEqual(self.reload(), [])

    def test_newGroup(self) -> None:
        """A new group and its queue are told, and can be used."""
        self.options["groups"]["Returns"] = {}
        self.options["agents"]["1001"]["groups"] = ["Sales", "Support", "Returns"]
        self.assertEqual(
            self.reload(),
            [
                LINE_GROUPSTATUS(LINEGROUPSTATUS_NEWGROUP),
                LINE_QUEUESTATUS(queueID("Returns"), LINEQUEUESTATUS_NEWQUEUE),
                LINE_AGENTSTATUS(0, LINEAGENTSTATUS_GROUPLIST),
                LINE_AGENTSTATUS(1, LINEAGENTSTATUS_GROUPLIST),
            ],
        )
        self.desk.session(self.hAgent, groupID("Returns"))

    def test_removedGroup(self) -> None:
        """A group that is gone takes its sessions with it, and its queue is unknown."""
        del self.options["groups"]["Support"], self.options["queues"]["Support"]
        for agent in self.options["agents"].values():
            agent["groups"] = [each for each in agent["groups"] if each != "Support"]
        told = self.reload()
        self.assertIn(LINE_GROUPSTATUS(LINEGROUPSTATUS_GROUPREMOVED), told)
        self.assertIn(LINE_QUEUESTATUS(22, LINEQUEUESTATUS_QUEUEREMOVED), told)
        self.assertEqual(self.desk.state(self.support), ENDED)
        self.assertEqual(self.desk.state(self.sales), NOTREADY)
        self.assertEqual(self.desk.refusal("getQueueInfo", dwQueueID=22), LINEERR_INVALPARAM)
        self.assertEqual(self.desk.refusal("getQueueList", GroupID=SUPPORT), LINEERR_INVALGROUPID)

    def test_groupNoLongerHis(self) -> None:
        """A group that is no longer an agent's ends his session in it and refuses another."""
        self.options["agents"]["1001"]["groups"] = ["Support"]
        self.reload()
        self.assertEqual((self.desk.state(self.sales), self.desk.state(self.support)), (16, 1))
        code = self.desk.refusal(
            "createAgentSession",
            AgentPIN=None,
            hAgent=self.hAgent,
            GroupID=SALES,
            dwWorkingAddressID=0,
        )
        self.assertEqual(code, LINEERR_INVALAGENTGROUP)

    def test_removedAgent(self) -> None:
        """A removed agent finishes his call, is logged off, and his handle is unknown until he
        is back; then it is the same."""
        self.desk.fact("answered", "c1", session=self.support)
        removed = self.options["agents"].pop("1001")
        self.reload()
        model = self.desk.handler.operation.centre.model
        self.assertEqual(model.sessions[self.sales].state, ENDED)
        self.assertEqual(model.sessions[self.support].state, BUSYONCALL)
        code = self.desk.refusal("getAgentInfo", hAgent=self.hAgent)
        self.assertEqual(code, LINEERR_INVALAGENTID)
        self.desk.fact("ended", "c1")
        self.assertEqual(model.sessions[self.support].state, ENDED)
        self.options["agents"]["1001"] = removed
        self.reload()
        self.assertEqual(self.desk.agent(), self.hAgent)

    def test_activities(self) -> None:
        """Other activities are told at every address."""
        self.options["activities"] = {"7": "Fire drill"}
        self.assertEqual(
            self.reload(),
            [LINE_AGENTSTATUS(address, LINEAGENTSTATUS_ACTIVITYLIST) for address in (0, 1)],
        )

    def test_wrapUpGoesOn(self) -> None:
        """A wrap-up that runs keeps its end when the group's wrap-up time changes."""
        self.desk.fact("answered", "c1", session=self.sales)
        self.desk.fact("ended", "c1")
        self.options["groups"]["Sales"]["wrap_up"] = 0
        self.reload()
        self.desk.clock.advance(19)
        self.assertEqual(self.desk.state(self.sales), 8)
        self.desk.clock.advance(2)
        self.assertEqual(self.desk.state(self.sales), NOTREADY)

    def test_removedAddress(self) -> None:
        """A session at an address that its line has no more ends."""
        self.desk.host.lines = (FakeLine(),)
        self.reload()
        states = (self.desk.state(self.sales), self.desk.state(self.support))
        self.assertEqual(states, (NOTREADY, ENDED))

    def test_shorterRetention(self) -> None:
        """Measurement periods are shortened to what the log will keep."""
        week = 7 * 86400
        self.desk.ask("setAgentMeasurementPeriod", hAgent=self.hAgent, dwMeasurementPeriod=week)
        self.desk.ask("setQueueMeasurementPeriod", dwQueueID=11, dwMeasurementPeriod=week)
        self.options["retention_days"] = 2
        self.reload()
        info = self.desk.ask("getAgentInfo", hAgent=self.hAgent)
        self.assertEqual(info.dwMeasurementPeriod, 2 * 86400)
        self.assertEqual(self.desk.ask("getQueueInfo", dwQueueID=11).dwMeasurementPeriod, 2 * 86400)

    def test_check(self) -> None:
        """Options that are wrong are refused by check."""
        self.options["agents"]["1001"]["groups"] = ["Nowhere"]
        error = self.assertRaises(HandlerArgumentError, self.desk.handler.check, self.options)
        self.assertIn("'Nowhere'", str(error))

    def test_whileDown(self) -> None:
        """What changed while the server was down is done at its start."""
        self.options["agents"]["1001"]["groups"] = ["Support"]
        self.desk.options = self.options
        again = self.desk.crash()
        self.assertEqual(again.state(self.sales), ENDED)
