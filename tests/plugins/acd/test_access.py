"""PINs off the reactor thread."""

import queue
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorThreads
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.threadpool import ThreadPool
from twisted.trial import unittest
from zope.interface import implementer

from tapiproxy.errors import TAPIError
from tapiproxy.plugins.acd import access
from tapiproxy.plugins.acd.options import readSite
from tapiproxy.tapi.lineerr import LINEERR_RESOURCEUNAVAIL
from tests.plugins.acd.support import OPTIONS

SETTINGS = readSite(OPTIONS).agents["1001"]


@implementer(IReactorThreads)
class ThreadedReactor:
    """A reactor with a thread pool, whose turns the test takes."""

    def __init__(self) -> None:
        self.pool = ThreadPool(0, 2)
        self.calls: queue.Queue[Any] = queue.Queue()

    def getThreadPool(self) -> ThreadPool:
        return self.pool

    def callFromThread(self, call: Any, *arguments: Any) -> None:
        self.calls.put((call, arguments))

    def callInThread(self, call: Any, *arguments: Any) -> None:
        self.pool.callInThread(call, *arguments)

    def suggestThreadPoolSize(self, size: int) -> None:
        self.pool.adjustPoolsize(0, size)

    def turn(self) -> None:
        call, arguments = self.calls.get(timeout=20)
        call(*arguments)


class Lock(unittest.TestCase):
    """After too many wrong PINs."""

    def test_trying(self) -> None:
        """Who tries on while every PIN is wrong does not make it longer."""
        check = access.PINCheck.of(None)
        for _ in range(access.MOST_FAILURES):
            self.assertFalse(self.successResultOf(check.right(SETTINGS, "4321", 0)))
        for now in range(10_000, 60_000, 10_000):
            self.assertFalse(self.successResultOf(check.right(SETTINGS, "1234", now)))
        self.assertTrue(self.successResultOf(check.right(SETTINGS, "1234", 60_000)))


class Log(unittest.SynchronousTestCase):
    """What the administrator is told."""

    def test_wrongPINs(self) -> None:
        """Each wrong PIN is told with agent and client, never with the PIN; a lock only once."""
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        check = access.PINCheck.of(None)
        for _ in range(access.MOST_FAILURES + 3):
            self.successResultOf(check.right(SETTINGS, "4321", 0, "<client PC #1>"))
        self.successResultOf(check.right(None, "4321", 0, "<client PC #1>"))
        said = [formatEvent(event) for event in events]
        self.assertEqual(len(said), access.MOST_FAILURES)
        self.assertEqual(said[0], "agent 1001: wrong PIN from <client PC #1>")
        self.assertIn("no PIN is right for a while", said[-1])
        self.assertNotIn("4321", "".join(said))


class Threads(unittest.TestCase):
    """Comparing takes its time elsewhere."""

    def setUp(self) -> None:
        self.reactor = ThreadedReactor()
        self.reactor.pool.start()
        self.addCleanup(self.reactor.pool.stop)
        self.pins = access.PINCheck.of(self.reactor)

    def test_inThread(self) -> None:
        """The answer comes from the pool in another turn."""
        right = self.pins.right(SETTINGS, "1234", 0)
        wrong = self.pins.right(SETTINGS, "4321", 0)
        nobody = self.pins.right(None, "1234", 0)
        self.assertNoResult(right)
        for _ in range(3):
            self.reactor.turn()
        answers = [self.successResultOf(each) for each in (right, wrong, nobody)]
        self.assertEqual(answers, [True, False, False])

    def test_sideBySide(self) -> None:
        """Guesses that run side by side count before their answers are known."""
        answers: list[Deferred[bool]] = []
        for guess in ("1", "2", "3", "4", "5", "1234"):
            answers.append(self.pins.right(SETTINGS, guess, 0))
        for _ in answers:
            self.reactor.turn()
        self.assertEqual([self.successResultOf(each) for each in answers], [False] * 6)

    def test_bound(self) -> None:
        """No more comparisons wait than may; then it is RESOURCEUNAVAIL."""
        self.patch(access, "MOST_CHECKS", 2)
        answers = [self.pins.right(SETTINGS, "1234", 0) for _ in range(2)]
        error = self.assertRaises(TAPIError, self.pins.right, SETTINGS, "1234", 0)
        self.assertEqual(error.code, LINEERR_RESOURCEUNAVAIL)
        for _ in answers:
            self.reactor.turn()
        for each in answers:
            self.assertTrue(self.successResultOf(each))
        self.pins.right(SETTINGS, "1234", 0)
        self.reactor.turn()

    def test_boundOfTheThreads(self) -> None:
        """Who gives up does not make room: what waits for a thread waits there still."""
        self.patch(access, "MOST_CHECKS", 2)
        for _ in range(2):
            answer = self.pins.right(SETTINGS, "1234", 0)
            answer.cancel()
            self.failureResultOf(answer, CancelledError)
        self.assertRaises(TAPIError, self.pins.right, SETTINGS, "1234", 0)
        for _ in range(2):
            self.reactor.turn()
        answer = self.pins.right(SETTINGS, "1234", 0)
        self.reactor.turn()
        self.assertTrue(self.successResultOf(answer))
