"""The ACD in operation: its clock, a disk that fails, housekeeping."""

import gc
import sqlite3
import time
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial import unittest

from tapiproxy.errors import OperationUnavailable, TAPIError
from tapiproxy.plugins.acd.operation import Operation
from tapiproxy.plugins.acd.options import readSite
from tapiproxy.plugins.acd.states import NOTREADY, READY
from tapiproxy.plugins.acd.writer import Writer
from tapiproxy.tapi.lineerr import LINEERR_OPERATIONFAILED, LINEERR_RESOURCEUNAVAIL
from tapiproxy.testing import FakeProxyHost, makeRequest
from tests.plugins.acd.support import NINE, OPTIONS, Desk

TYPES = frozenset(range(1, 21))


class Time(unittest.TestCase):
    """What time it is."""

    def operation(self, epoch: float | None) -> tuple[Clock, Operation]:
        host = FakeProxyHost()
        return host.reactor, Operation(host, readSite(OPTIONS), TYPES, epoch)

    def test_wallClock(self) -> None:
        """A reactor that counts from an instant of its own is mapped to the time of day."""
        clock, operation = self.operation(None)
        self.patch(time, "time", lambda: float(NINE))
        self.assertEqual(operation.now(), NINE * 1000)
        clock.advance(1.5)
        self.assertEqual(operation.now(), NINE * 1000 + 1500)

    def test_backwards(self) -> None:
        """When the clock is set back, time stands still until it has caught up."""
        clock, operation = self.operation(0.0)
        clock.advance(100)
        self.assertEqual(operation.now(), 100_000)
        clock.rightNow = 40.0
        self.assertEqual(operation.now(), 100_000)
        clock.advance(61)
        self.assertEqual(operation.now(), 101_000)

    def test_noNegativeDurations(self) -> None:
        """A clock that was set back between start and end of a call gives a talk time of 0."""
        desk = Desk()
        session = desk.session(desk.agent())
        desk.fact("answered", "c1", session=session)
        desk.clock.rightNow -= 3600
        desk.fact("ended", "c1", time=desk.clock.seconds())
        info = desk.ask("getAgentSessionInfo", hAgentSession=session)
        self.assertEqual((info.dwTotalTalkTime, info.dwSessionDuration), (0, 0))
        again = desk.crash()
        info = again.ask("getAgentSessionInfo", hAgentSession=session)
        self.assertEqual((info.dwTotalTalkTime, info.dwSessionDuration), (0, 0))


class FailingDisk(unittest.TestCase):
    """A disk that is full for a while."""

    def setUp(self) -> None:
        self.desk = Desk()
        self.hAgent = self.desk.agent()
        self.session = self.desk.session(self.hAgent)
        self.desk.takeMessages()
        self.connection = self.desk.handler.operation.store._connection

    def fill(self) -> None:
        for table in ("event", "meta"):
            self.connection.execute(
                f"CREATE TRIGGER full_{table} BEFORE INSERT ON {table} "
                "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
            )

    def free(self) -> None:
        for table in ("event", "meta"):
            self.connection.execute(f"DROP TRIGGER full_{table}")

    def refusal(self) -> int:
        return self.desk.refusal(
            "setAgentSessionState",
            hAgentSession=self.session,
            dwAgentSessionState=READY,
            dwNextAgentSessionState=0,
        )

    def test_untold(self) -> None:
        """What could not be written is refused, not told, and not true afterwards."""
        self.fill()
        self.assertEqual(self.refusal(), LINEERR_OPERATIONFAILED)
        self.assertEqual(self.desk.takeMessages(), [])
        self.assertEqual(self.desk.host.available, {"Line 1": frozenset()})
        self.assertRaises(OperationUnavailable, self.desk.state, self.session)
        self.free()
        self.desk.clock.advance(5)
        self.assertEqual(self.desk.host.available, {"Line 1": TYPES})
        self.assertEqual(self.desk.state(self.session), NOTREADY)
        self.desk.setSession(self.session, READY)
        self.assertEqual(self.desk.crash().state(self.session), READY)

    def test_undoneAgent(self) -> None:
        """An agent whose creation could not be written is nobody; his client may go in peace."""
        self.fill()
        self.assertRaises(TAPIError, self.desk.agent, "1002")
        self.free()
        self.desk.clock.advance(5)
        self.assertEqual(self.desk.ask("getAgentGroupList", dwAddressID=1).List[0].Name, "Sales")
        self.desk.handler.clientClosed(self.desk.client, "lost")
        self.assertNotIn("1002", self.desk.handler.operation.centre.model.agents)

    def test_stillAttended(self) -> None:
        """Applications that are still there when the disk is back keep their agents attended."""
        self.desk.setSession(self.session, READY)
        self.fill()
        self.assertRaises(TAPIError, self.desk.agent, "1002")
        self.free()
        self.desk.clock.advance(5)
        self.desk.clock.advance(3600)
        self.assertEqual(self.desk.state(self.session), READY)

    def test_triesAgain(self) -> None:
        """While the disk stays full, it is tried again every five seconds."""
        self.fill()
        self.refusal()
        self.desk.clock.pump([5] * 3)
        self.assertEqual(self.desk.host.available, {"Line 1": frozenset()})
        self.free()
        self.desk.clock.advance(5)
        self.assertEqual(self.desk.state(self.session), NOTREADY)

    def test_slowDisk(self) -> None:
        """When too many events wait for the disk, changes are RESOURCEUNAVAIL; reading goes on."""
        self.patch(Writer, "full", property(lambda writer: True))
        self.assertEqual(self.refusal(), LINEERR_RESOURCEUNAVAIL)
        self.assertEqual(self.desk.state(self.session), NOTREADY)


class NotYetWritten(unittest.TestCase):
    """A commit that takes its time."""

    def setUp(self) -> None:
        self.desk = Desk()
        self.hAgent = self.desk.agent()
        self.session = self.desk.session(self.hAgent)
        self.desk.takeMessages()
        self.writer = self.desk.handler.operation.writer
        self.held: list[Any] = []
        write = self.writer._write
        self.patch(self.writer, "_write", lambda batches: self.held.append((write, batches)))

    def release(self) -> None:
        for write, batches in self.held:
            write(batches)
        self.held.clear()

    def ask(self, method: str, **members: Any) -> Any:
        request = makeRequest(method, self.desk.host, client=self.desk.client, **members)
        return getattr(self.desk.handler, method)(request)

    def setReady(self) -> Any:
        return self.ask(
            "setAgentSessionState",
            hAgentSession=self.session,
            dwAgentSessionState=READY,
            dwNextAgentSessionState=0,
        )

    def test_waits(self) -> None:
        """Answer, message and what a Get tells of it: all wait for the commit."""
        answer = self.setReady()
        info = self.ask("getAgentSessionInfo", hAgentSession=self.session)
        status = self.ask("getAgentStatus", dwAddressID=0)
        for each in (answer, info, status):
            self.assertNoResult(each)
        self.assertEqual(self.desk.takeMessages(), [])
        self.release()
        self.assertIsNone(self.successResultOf(answer))
        self.assertEqual(self.successResultOf(info).dwAgentSessionState, READY)
        self.assertEqual(len(self.desk.takeMessages()), 3)

    def test_othersDoNot(self) -> None:
        """What is not touched is told at once."""
        self.setReady()
        info = self.ask("getQueueInfo", dwQueueID=11)
        self.assertEqual(info.dwCurrentCallsQueued, 0)

    def test_cancelled(self) -> None:
        """A client that goes while the commit runs leaves no trace but what was decided."""
        answer = self.setReady()
        answer.addErrback(lambda failure: None)
        answer.cancel()
        self.release()
        self.assertEqual(self.desk.state(self.session), READY)

    def test_nobodyWaits(self) -> None:
        """What was decided without a request (an application has gone) fails in silence."""
        logged: list[str] = []

        def observe(event: LogEvent) -> None:
            # Not the event: it would keep what failed alive, and so from being unhandled.
            logged.append(event["log_level"].name)

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        self.desk.handler.clientClosed(self.desk.client, "lost")
        self.writer._lost(OSError("disk full"))
        gc.collect()
        self.assertEqual(logged, ["critical"])


class Housekeeping(unittest.TestCase):
    """The log does not grow for ever."""

    def test_oldEventsGo(self) -> None:
        """A month later the events of today are folded away, and the figures are as they were."""
        desk = Desk()
        hAgent = desk.agent()
        session = desk.session(hAgent)
        for number in range(5):
            desk.fact("queued", f"c{number}", queue="Sales")
            desk.clock.advance(3)
            desk.fact("answered", f"c{number}", session=session)
            desk.clock.advance(30)
            desk.fact("ended", f"c{number}")
            desk.clock.advance(60)
        store = desk.handler.operation.store
        self.assertGreater(len(list(store.events(0))), 20)
        for _ in range(33):
            desk.clock.advance(86400)
        self.assertLess(len(list(store.events(0))), 5)
        info = desk.ask("getAgentSessionInfo", hAgentSession=session)
        self.assertEqual((info.dwNumberOfCalls, info.dwTotalTalkTime), (5, 150))
        self.assertEqual(desk.recompute()["differences"], [])
        again = desk.crash()
        self.assertEqual(again.ask("getAgentSessionInfo", hAgentSession=session), info)
        self.assertEqual(again.recompute()["differences"], [])


class Errors(unittest.TestCase):
    """Failures of the store."""

    def test_lostOnlyOnce(self) -> None:
        """A refusal because of the disk is a TAPIError; its cause is in the log alone."""
        desk = Desk()
        desk.handler.operation.store._connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'secret'); END"
        )
        error = self.assertRaises(TAPIError, desk.agent)
        self.assertNotIn("secret", str(error))
        self.assertNotIsInstance(error, sqlite3.Error)
