"""Commits in a thread of their own."""

import queue
import sqlite3
import tempfile
import threading
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorFromThreads
from twisted.trial import unittest
from zope.interface import implementer

from tapiproxy.plugins.acd.events import Event, QueuePeriodSet
from tapiproxy.plugins.acd.store import Store, StoreError
from tapiproxy.plugins.acd.writer import MOST_UNSAVED, Writer


@implementer(IReactorFromThreads)
class Turns:
    """The way back from a thread, one call at a time when the test wants it."""

    def __init__(self) -> None:
        self.calls: queue.Queue[Any] = queue.Queue()

    def callFromThread(self, call: Any, *arguments: Any) -> None:
        self.calls.put((call, arguments))

    def turn(self) -> None:
        """Wait for the thread to call back, and do that."""
        call, arguments = self.calls.get(timeout=20)
        call(*arguments)


class GatedStore:
    """A store that writes when it is let, and fails when it is told."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.reached = threading.Event()
        self.batches: list[tuple[int, int]] = []
        self.failing = False
        self.closed = False

    def append(self, sequence: int, added: list[Event]) -> None:
        self.reached.set()
        self.gate.wait(20)
        if self.failing:
            raise sqlite3.OperationalError("disk I/O error")
        self.batches.append((sequence, len(added)))

    def close(self) -> None:
        self.closed = True


def made(count: int) -> list[Event]:
    return [QueuePeriodSet(number, 1, 1) for number in range(count)]


class WriterTests(unittest.TestCase):
    """The thread, step by step."""

    def setUp(self) -> None:
        self.turns = Turns()
        self.failures: list[Exception] = []
        self.store = GatedStore()
        self.writer = Writer(self.turns, self.failures.append)
        self.writer.begin(lambda: self.store)  # type: ignore[arg-type,return-value]  # a stand-in
        self.turns.turn()
        self.addCleanup(self.end)

    def end(self) -> None:
        self.store.gate.set()
        self.writer.end()

    def test_savedAfterCommit(self) -> None:
        """Who waits for an event is answered after its commit, not before."""
        self.writer.save(made(2))
        saved = self.writer.saved(2)
        self.store.reached.wait(20)
        self.assertNoResult(saved)
        self.store.gate.set()
        self.turns.turn()
        self.successResultOf(saved)
        self.assertEqual(self.writer.committed, 2)
        self.successResultOf(self.writer.saved(1))

    def test_grouped(self) -> None:
        """What comes while the disk is busy goes in one commit with everything else that waits."""
        self.writer.save(made(1))
        self.store.reached.wait(20)
        for _ in range(5):
            self.writer.save(made(2))
        waits = [self.writer.saved(number) for number in (3, 11)]
        self.store.gate.set()
        self.turns.turn()
        self.turns.turn()
        for wait in waits:
            self.successResultOf(wait)
        self.assertEqual(self.store.batches, [(1, 1), (2, 10)])

    def test_failure(self) -> None:
        """A failed commit fails everybody who waits, and what came behind it is not written."""
        self.store.failing = True
        self.writer.save(made(1))
        self.store.reached.wait(20)
        self.writer.save(made(1))
        waits = [self.writer.saved(number) for number in (1, 2)]
        self.store.gate.set()
        self.turns.turn()
        self.assertEqual(len(self.failures), 1)
        for wait in waits:
            self.failureResultOf(wait, sqlite3.OperationalError)
        self.failureResultOf(self.writer.saved(2), StoreError)

        self.store.failing = False
        self.writer.call(self.writer.recover)
        self.turns.turn()
        self.writer.startAt(0)
        self.writer.save(made(3))
        saved = self.writer.saved(3)
        self.turns.turn()
        self.successResultOf(saved)
        self.assertEqual(self.store.batches, [(1, 3)])

    def test_full(self) -> None:
        """The writer says when as many events wait as may."""
        self.writer.save(made(MOST_UNSAVED - 1))
        self.assertFalse(self.writer.full)
        self.writer.save(made(1))
        self.assertTrue(self.writer.full)
        self.store.gate.set()
        while self.writer.committed < MOST_UNSAVED:
            self.turns.turn()
        self.assertFalse(self.writer.full)

    def test_cancelled(self) -> None:
        """Who does not wait any more is forgotten at once, however long the disk hangs."""
        self.writer.save(made(1))
        waits = [self.writer.saved(1) for _ in range(3)]
        for wait in waits[:2]:
            wait.cancel()
            self.failureResultOf(wait, CancelledError)
        self.assertEqual(list(self.writer._waiting), waits[2:])
        self.store.gate.set()
        self.turns.turn()
        self.successResultOf(waits[2])
        self.assertEqual(len(self.writer._waiting), 0)

    def test_cancelledByFailure(self) -> None:
        """Whoever hears of a failed commit may cancel the others who wait for it."""
        self.store.failing = True
        self.writer.save(made(1))
        first, second = self.writer.saved(1), self.writer.saved(1)
        first.addErrback(lambda failure: second.cancel())
        self.store.gate.set()
        self.turns.turn()
        self.successResultOf(first)
        self.failureResultOf(second, CancelledError)

    def test_fullOfAnswers(self) -> None:
        """It is full too when as many answers wait, though few events do; who goes makes room."""
        self.writer.save(made(1))
        waits = [self.writer.saved(1) for _ in range(MOST_UNSAVED - 1)]
        self.assertFalse(self.writer.full)
        waits.append(self.writer.saved(1))
        self.assertTrue(self.writer.full)
        waits[5].addErrback(lambda failure: failure.trap(CancelledError))
        waits[5].cancel()
        self.assertFalse(self.writer.full)

    def test_call(self) -> None:
        """Work runs in the thread, behind what waits to be written; its failure comes back."""
        self.store.gate.set()
        self.writer.save(made(1))
        named = self.writer.call(lambda: (len(self.store.batches), threading.current_thread().name))
        failing = self.writer.call(lambda: 1 // 0)
        for _ in range(3):
            self.turns.turn()
        self.assertEqual(self.successResultOf(named), (1, "acd log"))
        self.failureResultOf(failing, ZeroDivisionError)

    def test_end(self) -> None:
        """The end closes the store when everything is written, and the thread goes."""
        self.store.gate.set()
        self.writer.save(made(1))
        ended = self.writer.end()
        self.turns.turn()
        self.turns.turn()
        self.successResultOf(ended)
        self.assertTrue(self.store.closed)
        thread = self.writer._thread
        assert thread is not None
        thread.join(20)
        self.assertFalse(thread.is_alive())


class InPlace(unittest.TestCase):
    """A reactor without threads."""

    def test_atOnce(self) -> None:
        """Everything is done before the call returns, with a real store."""
        folder = tempfile.TemporaryDirectory(prefix="tapiproxy-")
        self.addCleanup(folder.cleanup)
        writer = Writer(object(), self.fail)
        store = self.successResultOf(writer.begin(lambda: Store(Path(folder.name))))
        writer.save(made(2))
        self.assertEqual(writer.committed, 2)
        self.assertEqual(len(list(store.events(0))), 2)
        self.successResultOf(writer.end())
