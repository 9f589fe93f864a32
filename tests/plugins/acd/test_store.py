"""The log on disk."""

import sqlite3
import tempfile
from pathlib import Path

from twisted.trial import unittest

from tapiproxy.plugins.acd import events, snapshot
from tapiproxy.plugins.acd.model import Model
from tapiproxy.plugins.acd.recount import recount
from tapiproxy.plugins.acd.statistics import agentInfo, queueInfo, sessionInfo
from tapiproxy.plugins.acd.store import Store, StoreError, StoreInUse
from tests.plugins.acd.test_invariants import SITE

#: A short history: an agent, a session, calls at seconds 10, 20, ... of which each lasts 5.
BEGINNING = (
    events.AgentCreated(1000, "1001", 77),
    events.SessionCreated(2000, 88, "1001", "g", "Line 1", 0),
)


def call(number: int) -> list[events.Event]:
    """A call that waits 1 s, rings 2 s and lasts 5 s."""
    at, name = number * 10_000, f"c{number}"
    return [
        events.CallQueued(at, name, 11, False),
        events.CallOffered(at + 1000, name, 88),
        events.CallAnswered(at + 3000, name, 88),
        events.SessionChanged(at + 3000, 88, 4, 0, 1, 0),
        events.CallEnded(at + 8000, name),
        events.SessionChanged(at + 8000, 88, 1, 0, 1, 0),
    ]


HISTORY = [*BEGINNING, *(event for number in range(1, 9) for event in call(number))]


class StoreTests(unittest.TestCase):
    """One data directory."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="tapiproxy-")
        self.addCleanup(folder.cleanup)
        self.directory = Path(folder.name)
        self.store = self.open()

    def open(self) -> Store:
        store = Store(self.directory)
        self.addCleanup(lambda: store.close() if store is self.store else None)
        return store

    def again(self) -> Store:
        """Close and open."""
        self.store.close()
        self.store = Store(self.directory)
        return self.store

    def test_eventsAreKept(self) -> None:
        """What was appended is there after opening again, in its order."""
        self.store.append(1, HISTORY[:5])
        self.store.append(6, HISTORY[5:])
        self.assertEqual(list(self.again().events(0)), HISTORY)
        self.assertEqual(list(self.store.events(40)), HISTORY[40:])

    def test_allOrNothing(self) -> None:
        """A batch of which one event cannot be written leaves none."""
        self.store.append(1, HISTORY[:3])
        self.assertRaises(sqlite3.IntegrityError, self.store.append, 3, HISTORY[3:6])
        self.assertEqual(list(self.store.events(0)), HISTORY[:3])
        self.store.append(4, HISTORY[3:6])

    def test_lock(self) -> None:
        """The directory is for one at a time; who comes second is told what to do."""
        error = self.assertRaises(StoreInUse, Store, self.directory)
        self.assertIn("--data", str(error))
        self.again()

    def test_synchronous(self) -> None:
        """By default a commit waits for the disk; normal leaves that to the system."""
        self.assertEqual(self.store._connection.execute("PRAGMA synchronous").fetchone(), (2,))
        self.store.close()
        self.store = Store(self.directory, durable=False)
        self.assertEqual(self.store._connection.execute("PRAGMA synchronous").fetchone(), (1,))

    def test_otherSchema(self) -> None:
        """A log of another version is refused, and the directory is free again."""
        self.store._connection.execute("UPDATE meta SET value = 99 WHERE name = 'schema'")
        self.store.close()
        error = self.assertRaises(StoreError, Store, self.directory)
        self.assertIn("99", str(error))
        with sqlite3.connect(self.directory / "acd.sqlite") as connection:
            connection.execute("UPDATE meta SET value = 1 WHERE name = 'schema'")
        connection.close()
        self.store = Store(self.directory)

    def test_notADatabase(self) -> None:
        """A file that is no database is refused by its name."""
        self.store.close()
        for file in self.directory.glob("acd.sqlite*"):
            file.unlink()
        (self.directory / "acd.sqlite").write_bytes(b"nothing of the kind" * 100)
        error = self.assertRaises(StoreError, Store, self.directory)
        self.assertIn("acd.sqlite", str(error))
        (self.directory / "acd.sqlite").unlink()
        self.store = Store(self.directory)

    def test_noDirectory(self) -> None:
        """A directory that is not there is refused by its name."""
        error = self.assertRaises(StoreError, Store, self.directory / "nowhere")
        self.assertIn("nowhere", str(error))

    def test_damaged(self) -> None:
        """An event that cannot be read is named by its number."""
        self.store.append(1, HISTORY)
        for wrong in ("kind = 'CallTeleported'", "body = '[1'", "body = '[]'"):
            self.store._connection.execute(f"UPDATE event SET {wrong} WHERE sequence = 9")
            error = self.assertRaises(StoreError, self.store.load)
            self.assertIn("near event 8", str(error))

    def test_key(self) -> None:
        """The secret of the handles stays the same."""
        key = self.store.key
        self.assertEqual(self.again().key, key)

    def test_checkpoint(self) -> None:
        """A checkpoint shortens the start and changes nothing."""
        self.store.append(1, HISTORY[:20])
        self.store.checkpoint(snapshot.dump(self.store.load()))
        self.store.append(21, HISTORY[20:])
        folded = Model()
        for event in HISTORY:
            folded.apply(event)
        self.assertEqual(snapshot.dump(self.again().load()), snapshot.dump(folded))

    def test_compact(self) -> None:
        """Old events go, a portion at a time; the log stays bounded, the state as it is."""
        self.store.append(1, HISTORY)
        before = snapshot.dump(self.store.load())
        self.assertTrue(self.store.compact(45_000, 20))
        self.assertFalse(self.store.compact(45_000, 20))
        self.assertFalse(self.store.compact(45_000, 20))
        kept = list(self.again().events(0))
        self.assertEqual(kept, [event for event in HISTORY if event.at > 45_000])
        after = self.store.load()
        after.trim(45_000)
        expected = snapshot.load(before)
        expected.trim(45_000)
        self.assertEqual(after.sequence, expected.sequence)
        self.assertEqual(sessionsOf(after), sessionsOf(expected))

    def test_checkpointBehindTheBase(self) -> None:
        """A checkpoint older than what was folded away since is of no more use, and is not used."""
        self.store.append(1, HISTORY[:8])
        self.store.checkpoint(snapshot.dump(self.store.load()))
        self.store.append(9, HISTORY[8:])
        whole = self.store.load()
        self.store.compact(45_000, 1000)
        after = self.again().load()
        self.assertEqual(after.sequence, whole.sequence)
        self.assertEqual(sessionsOf(after), sessionsOf(whole))

    def test_gap(self) -> None:
        """Events that are missing are damage: a model without them is no history."""
        self.store.append(1, HISTORY)
        self.store._connection.execute("DELETE FROM event WHERE sequence BETWEEN 9 AND 14")
        error = self.assertRaises(StoreError, self.store.load)
        self.assertIn("6 events are missing", str(error))

    def test_figuresAfterCompact(self) -> None:
        """Figures of periods that reach no further than the log, and recounts, stay equal."""
        self.store.append(1, HISTORY)
        self.store.compact(45_000, 1000)
        now = 100_000
        model = self.again().load()
        for agent in model.agents.values():
            agent.period = 55
        for queue in model.queues.values():
            queue.period = 55
        base, log = self.store.log(len(HISTORY))
        for agent in base.agents.values():
            agent.period = 55
        for queue in base.queues.values():
            queue.period = 55
        anew = recount(base, log, now, SITE.timeZone)
        self.assertEqual(anew.agents["1001"], agentInfo(model.agents["1001"], now))
        self.assertEqual(anew.sessions[88], sessionInfo(model.sessions[88], now, SITE.timeZone))
        self.assertEqual(anew.queues[11], queueInfo(model.queues[11], now))
        # Calls 4 (ended at 48 s) to 8 within the period; all eight in the session.
        self.assertEqual(anew.agents["1001"].dwNumberOfACDCalls, 5)
        self.assertEqual(anew.sessions[88].dwNumberOfCalls, 8)

    def test_logUpTo(self) -> None:
        """The log for a recount ends where the figures were taken."""
        self.store.append(1, HISTORY)
        self.store.compact(45_000, 1000)
        base, log = self.store.log(30)
        self.assertEqual(base.sequence + len(log), 30)


def sessionsOf(model: Model) -> object:
    """The sessions of a model, written down."""
    return snapshot.dump(model)["sessions"]
