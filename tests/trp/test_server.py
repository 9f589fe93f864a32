"""Clients that go, a reload's lines, draining, and who is told what."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import eventAsText, globalLogPublisher
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc.interface import RPC_C_AUTHN_LEVEL_PKT_PRIVACY
from tapiproxy.proxy.broker import Assignment
from tapiproxy.proxy.lines import StaticLines, staticLine
from tapiproxy.tapi.lineconstants import LINEDEVSTATE_CLOSE, LINEDEVSTATE_OPEN
from tapiproxy.tapi.lineerr import (
    LINEERR_NODEVICE,
    LINEERR_OPERATIONFAILED,
    LINEERR_RESOURCEUNAVAIL,
)
from tapiproxy.tapi.proxymessages import LINE_GROUPSTATUS
from tapiproxy.tapi.versions import TAPI_1_3, TAPI_3_1
from tapiproxy.trp.principals import Principal
from tapiproxy.trp.requests import agent, line
from tests.trp.support import (
    ASSIGNMENTS,
    LINES,
    MACHINE,
    Application,
    FakeConnection,
    makeHarness,
)

LINE_CLOSE, LINE_LINEDEVSTATE, LINE_CREATE, LINE_REMOVE = 0x03, 0x08, 0x13, 0x19


class Coming(TestCase):
    """What an administrator sees of who has come."""

    def setUp(self) -> None:
        self.harness = makeHarness()
        self.log = EventLoggingObserver()
        globalLogPublisher.addObserver(self.log)
        self.addCleanup(globalLogPublisher.removeObserver, self.log)

    def seen(self, app: Application) -> tuple[str, str, str, str]:
        """Principal, mechanism and level by ``tapiproxy status``, and the line of the log."""
        app.attach()
        (client,) = self.harness.server.status()["clients"]
        (line,) = [text for each in self.log if "attached:" in (text := eventAsText(each))]
        return client["principal"], client["mechanism"], client["level"], line

    def test_loggedOn(self) -> None:
        """Who, by what, at which level."""
        app = self.harness.application(Principal("CALLS\\alice"))
        app.connection.mechanism = "Negotiate (NTLM)"
        app.connection.authLevel = RPC_C_AUTHN_LEVEL_PKT_PRIVACY
        *found, line = self.seen(app)
        self.assertEqual(found, ["CALLS\\alice", "Negotiate (NTLM)", "privacy"])
        self.assertIn("attached: CALLS\\alice by Negotiate (NTLM) at level privacy", line)

    def test_nobody(self) -> None:
        """Nobody in particular."""
        *found, line = self.seen(self.harness.application())
        self.assertEqual(found, ["", "", "none"])
        self.assertIn("attached: nobody has logged on", line)


class Going(TestCase):
    """Clients that detach, and clients that are lost."""

    def setUp(self) -> None:
        self.harness = makeHarness()
        self.app = self.harness.application().ready()

    def gone(self) -> None:
        self.assertEqual(self.harness.server.status()["attached"], 0)
        self.assertEqual(self.harness.server.status()["lines"][0]["open"], 0)

    def test_detach(self) -> None:
        """ClientDetach is answered first, then RemoteSPDetach is called."""
        self.app.connection.blocked = True
        call = self.app.detach()
        self.assertEqual((call.answers, self.app.callback.detached), ([bytes(20)], 0))
        self.app.connection.unblock()
        self.assertEqual(self.app.callback.detached, 1)
        self.assertFalse(self.app.connection.attached)
        self.gone()

    def test_contextIsGone(self) -> None:
        """After ClientDetach the context handle is unknown."""
        self.app.detach()
        self.assertEqual(self.app.rawCall(bytes(60)).faults, [0x1C00001A])

    def test_connectionLost(self) -> None:
        """With its last tapsrv connection the client goes, and its call-back is closed."""
        self.app.connection.lose()
        self.assertTrue(self.app.callback.closed)
        self.assertEqual(self.harness.handler.closed[0][1], "lost")
        self.gone()

    def test_callbackLost(self) -> None:
        """With its call-back the client goes, and its connections are closed."""
        self.app.callback.lose()
        self.harness.clock.advance(0)
        self.assertTrue(self.app.connection.aborted)
        self.assertEqual(self.harness.server.status()["callbacksLost"], 1)
        self.gone()

    def test_eventsNotTaken(self) -> None:
        """A client that does not answer RemoteSPEventProc for 10 s is lost."""
        self.app.callback.answering = False
        self.app.result(agent.CreateAgent(dwRequestID=7, hLine=self.app.hLine))
        self.harness.clock.advance(9.9)
        self.assertEqual(self.app.connection.aborted, "")
        self.harness.clock.pump([0.1, 0])
        self.assertTrue(self.app.connection.aborted)
        self.gone()

    def test_slowButAlive(self) -> None:
        """The deadline is that of one call: a client that answers in time stays."""
        for _ in range(5):
            self.app.result(agent.CreateAgent(dwRequestID=7, hLine=self.app.hLine))
            self.harness.clock.advance(6)
            self.assertTrue(self.app.callback.answer())
        self.assertEqual(self.app.connection.aborted, "")

    def test_tornDown(self) -> None:
        """A context that is being torn down, though still known, is INVALRPCCONTEXT."""
        second = self.another()
        self.app.callback.lose()
        self.harness.clock.advance(0)
        answer = self.app.raw(bytes(60), connection=second)
        self.assertEqual(answer[:4], (0xF101).to_bytes(4, "little"))

    def another(self) -> Any:
        """A second connection of the same group."""
        return FakeConnection(self.app.group)

    def test_detachOnBoth(self) -> None:
        """After ClientDetach no connection of the client is attached any more."""
        second = self.another()
        self.app.raw(bytes(60), connection=second)
        self.assertTrue(second.attached)
        self.app.detach()
        self.assertEqual((self.app.connection.attached, second.attached), (False, False))

    def test_againAndAgain(self) -> None:
        """A connection that attaches and detaches for ever does not grow."""
        self.app.detach()
        waiting = self.app.connection.waiting
        for machine in [MACHINE] * 5 + ["PC-1"] * 5:
            if not self.app.attach(machine).result:
                self.app.detach()
        self.assertEqual(self.app.connection.waiting, waiting)
        self.app.attach()
        self.app.connection.lose()
        self.gone()

    def test_secondConnection(self) -> None:
        """Another connection of the group may use the context, and keeps the client alive."""
        second = self.another()
        answer = self.app.raw(bytes(60), connection=second)
        self.assertEqual(answer[:4], bytes(4))
        self.app.connection.lose()
        self.assertEqual(self.harness.server.status()["attached"], 1)
        second.lose()
        self.gone()


class Reload(TestCase):
    """A re-read configuration."""

    def setUp(self) -> None:
        self.harness = makeHarness()
        self.app = self.harness.application().ready()

    def reload(self, *lines: Any, handler: str = "acd") -> None:
        self.harness.broker.assign(Assignment(line=each, handler=handler) for each in lines)
        self.harness.server.linesChanged(StaticLines(lines))

    def test_stays(self) -> None:
        """A line that stays stays open, and its requests go on."""
        waiting: Deferred[int] = Deferred()
        self.harness.handler.answers["createAgent"] = lambda request: waiting
        self.app.result(agent.CreateAgent(dwRequestID=7, hLine=self.app.hLine))
        self.reload(*LINES)
        self.assertEqual(self.app.events(), [])
        waiting.callback(5)
        self.assertEqual([event.Param2 for event in self.app.replies()], [0])

    def test_removed(self) -> None:
        """A line that is gone is closed with LINE_CLOSE; its identifier becomes a hole."""
        self.harness.handler.answers["createAgent"] = lambda request: Deferred()
        self.app.result(agent.CreateAgent(dwRequestID=7, hLine=self.app.hLine))
        self.reload(*LINES[1:])
        events = [event for event in self.app.events() if event.Msg != 0x1F]
        self.assertEqual([event.Msg for event in events], [0x0C, LINE_CLOSE, LINE_REMOVE])
        self.assertEqual(events[0].Param2, LINEERR_OPERATIONFAILED)
        self.assertEqual((events[2].Param1, events[2].hDevice), (0, 0))
        caps = line.GetDevCaps(
            hLineApp=self.app.hLineApp, dwTSPIVersion=TAPI_3_1, lpLineDevCaps=1024
        )
        self.assertEqual(self.app.result(caps), LINEERR_NODEVICE)
        self.assertTrue(self.app.open(1))
        self.assertEqual(self.harness.handler.closed[0][1], "forced")

    def test_removedWithCaps(self) -> None:
        """GetAgentCaps ends like the line's other requests, though it belongs to the HLINEAPP."""
        answers: list[Deferred[Any]] = [Deferred(), Deferred()]
        waiting = iter(answers)
        self.harness.handler.answers["getAgentCaps"] = lambda request: next(waiting)
        for dwDeviceID in (0, 1):
            caps = agent.GetAgentCaps(
                dwRequestID=7 + dwDeviceID,
                hLineApp=self.app.hLineApp,
                dwDeviceID=dwDeviceID,
                dwAppAPIVersion=TAPI_3_1,
                lpAgentCapsSize=1024,
            )
            self.assertEqual(self.app.result(caps), 7 + dwDeviceID)
        self.reload(*LINES[1:])
        events = [event for event in self.app.events() if event.Msg != 0x1F]
        self.assertEqual([event.Msg for event in events], [LINE_CLOSE, 0x0C, LINE_REMOVE])
        self.assertEqual((events[1].Param1, events[1].Param2), (7, LINEERR_OPERATIONFAILED))
        self.assertEqual(self.harness.outcomes()["forced"], 1)
        self.assertEqual([answer.called for answer in answers], [True, False])

    def test_created(self) -> None:
        """A new line goes behind the others, whatever its place in the configuration."""
        self.reload(staticLine("New", ("1",)), *LINES)
        (event,) = self.app.events()
        self.assertEqual((event.Msg, event.Param1), (LINE_CREATE, 3))
        self.assertTrue(self.app.open(3))
        self.assertEqual(self.app.result(agent.CreateAgent(hLine=self.app.hLine)), 1)

    def test_oldApplication(self) -> None:
        """An application before TAPI 1.4 is told to initialise anew."""
        self.app.initialize(version=TAPI_1_3)
        self.app.events()
        self.reload(*LINES[:2])
        msgs = sorted(event.Msg for event in self.app.events())
        self.assertEqual(msgs, [LINE_LINEDEVSTATE, LINE_REMOVE])

    def test_changed(self) -> None:
        """A line whose addresses change stays open, with the new addresses."""
        self.reload(staticLine("Sales", ("1000", "1001", "1002")), *LINES[1:])
        reply = self.app.request(line.GetNumAddressIDs(hLine=self.app.hLine))
        self.assertEqual(reply.message.lpdwNumAddressIDs, 3)

    def test_otherHandler(self) -> None:
        """A line that names another handler ends what the former has not answered."""
        self.harness.handler.answers["createAgent"] = lambda request: Deferred()
        self.app.result(agent.CreateAgent(dwRequestID=7, hLine=self.app.hLine))
        self.reload(*LINES, handler="other")
        (event,) = self.app.replies()
        self.assertEqual(event.Param2, LINEERR_OPERATIONFAILED)
        self.assertEqual(self.harness.outcomes()["handlerRemoved"], 1)


class Drain(TestCase):
    """The server is about to stop."""

    def setUp(self) -> None:
        self.harness = makeHarness()
        self.app = self.harness.application().ready()

    def test_drain(self) -> None:
        """Each request is ended, each line closed, and the clients take it before they go."""
        self.harness.handler.answers["createAgent"] = lambda request: Deferred()
        self.app.result(agent.CreateAgent(dwRequestID=7, hLine=self.app.hLine))
        drained = self.harness.server.drain()
        self.assertNoResult(drained)
        self.assertEqual([event.Msg for event in self.app.events()], [0x0C, LINE_CLOSE])
        self.successResultOf(drained)
        self.assertTrue(self.app.callback.closed)
        self.assertEqual(self.harness.server.status()["attached"], 0)

    def test_nothingNew(self) -> None:
        """While it drains nothing is begun and nobody attaches."""
        self.app.callback.answering = False
        self.harness.server.drain()
        opening = line.Open(
            hLineApp=self.app.hLineApp, dwNegotiatedVersion=TAPI_3_1, dwPrivileges=2
        )
        self.assertEqual(self.app.result(opening), LINEERR_RESOURCEUNAVAIL)
        self.assertEqual(self.app.result(line.ShutDown(hLineApp=self.app.hLineApp)), 0)
        self.assertEqual(self.harness.application().attach().result, LINEERR_OPERATIONFAILED)

    def test_deadline(self) -> None:
        """A client that does not take its events is not waited for longer than asked."""
        self.app.callback.answering = False
        drained = self.harness.server.drain(1.0)
        self.harness.clock.advance(0.9)
        self.assertNoResult(drained)
        self.harness.clock.advance(0.1)
        self.successResultOf(drained)

    def test_nobody(self) -> None:
        """A server without clients drains at once."""
        self.app.detach()
        self.successResultOf(self.harness.server.drain())


class Telling(TestCase):
    """Which client gets which event.  (docs/decisions, number 15)"""

    def setUp(self) -> None:
        self.harness = makeHarness()
        self.app = self.harness.application().ready()

    def test_everyHandle(self) -> None:
        """A handler-wide event goes to every handle of every line of the handler."""
        self.app.open(1, OpenContext=0x3333)
        other = self.harness.application().ready()
        self.harness.host.proxyMessage(self.harness.host.lines[0], LINE_GROUPSTATUS(1))
        contexts = [event.OpenContext for event in self.app.events()]
        self.assertEqual(contexts, [0x2222, 0x3333])
        self.assertEqual(len(other.events()), 1)

    def test_oneCall(self) -> None:
        """What is said in one turn goes out in one RemoteSPEventProc."""
        for _ in range(10):
            self.harness.host.proxyMessage(self.harness.host.lines[0], LINE_GROUPSTATUS(1))
        before = len(self.app.callback.buffers)
        self.assertEqual(len(self.app.events()), 10)
        self.assertEqual(len(self.app.callback.buffers), before + 1)

    def test_remoteLine(self) -> None:
        """hRemoteLine stands in the events in the place of the HLINE."""
        self.app.open(1, hRemoteLine=0x4444)
        self.app.result(agent.CreateAgent(hLine=self.app.hLine))
        (event,) = self.app.replies()
        self.assertEqual(event.hDevice, 0x4444)

    def test_openAndClose(self) -> None:
        """Who asked for it hears that others open and close the line; nobody else does."""
        states = LINEDEVSTATE_OPEN | LINEDEVSTATE_CLOSE
        self.app.result(line.SetStatusMessages(hLine=self.app.hLine, dwLineStates=states))
        other = self.harness.application().ready()
        other.result(line.Close(hLine=other.hLine))
        self.assertEqual(
            [(event.Msg, event.Param1) for event in self.app.events()],
            [(LINE_LINEDEVSTATE, LINEDEVSTATE_OPEN), (LINE_LINEDEVSTATE, LINEDEVSTATE_CLOSE)],
        )
        self.assertEqual(other.events(), [])

    def test_proxyStatus(self) -> None:
        """Each type that closes or opens is told, then that all are open."""
        self.harness.host.setAvailable([9, 10])
        closed = self.app.events()
        self.assertEqual({(event.Msg, event.Param1) for event in closed}, {(0x1F, 2)})
        self.assertEqual(len(closed), 18)
        self.harness.host.setAvailable(range(9, 21))
        told = [(event.Param1, event.Param2) for event in self.app.events()]
        self.assertEqual(told, [*((1, each) for each in range(11, 21)), (4, 0)])

    def test_assignmentsAreSeen(self) -> None:
        """Status names lines, handlers and request types."""
        status = self.harness.server.status()
        self.assertEqual([each["handler"] for each in status["lines"]], ["acd", "acd", ""])
        self.assertEqual(len(ASSIGNMENTS), len(status["lines"]))
        self.assertEqual(status["lines"][0]["requestTypes"], list(range(1, 21)))
        self.assertEqual(status["handlers"]["acd"]["lines"], ["Sales", "Support"])
