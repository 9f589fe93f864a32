"""
Commits in a thread of their own, as many events at once as have gathered meanwhile.

Requests wait here for the commit that keeps what they changed: `Writer.saved`.  A reactor without
threads (a test's `Clock`) has everything done in place.
"""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from attrs import frozen
from twisted.internet.defer import Deferred, execute, fail, succeed
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure

from tapiproxy.plugins.acd.events import Event
from tapiproxy.plugins.acd.store import Store, StoreError

__all__ = ["MOST_UNSAVED", "Writer"]

_T = TypeVar("_T")

#: Events that may wait for the disk, and answers that may wait for these; a request that finds as
#: many of either is refused.
MOST_UNSAVED = 20_000


@frozen
class _Batch:
    sequence: int
    events: Sequence[Event]


@frozen
class _Job:
    run: Callable[[], object]
    done: Callable[[object], None]


class Writer:
    """
    The one who writes into a store.

    :param reactor: for the way back from the thread.
    :param failed: called in the reactor thread, with the exception, when a commit failed: nothing
        since the last `saved` event is kept, and nothing more will be until a `call` to
        `Writer.recover`.
    :ivar broken: in the thread: whether a commit failed and nothing is written any more.
    :ivar committed: the number of the last event that is kept.
    """

    def __init__(self, reactor: object, failed: Callable[[Exception], None]) -> None:
        self._reactor = reactor
        self._failed = failed
        self._threaded = IReactorFromThreads.providedBy(reactor)
        self._jobs: queue.SimpleQueue[_Batch | _Job | None] = queue.SimpleQueue()
        # With the numbers of their events, as they came; a dict, so that any of them can go.
        self._waiting: dict[Deferred[None], int] = {}
        self._thread: threading.Thread | None = None
        self._store: Store | None = None
        self.broken = False
        self._sequence = 0
        self._lostAll = False
        self.committed = 0

    @property
    def full(self) -> bool:
        """Whether as many events or answers wait for the disk as may."""
        return self._sequence - self.committed >= MOST_UNSAVED or len(self._waiting) >= MOST_UNSAVED

    def begin(self, store: Callable[[], Store]) -> "Deferred[Store]":
        """
        Open the store in the thread.

        :returns: a Deferred of the store, whose ``load`` is still to be called.
        """
        if self._threaded:
            self._thread = threading.Thread(target=self._work, name="acd log", daemon=True)
            self._thread.start()

        def opened() -> Store:
            self._store = store()
            return self._store

        return self.call(opened)

    def end(self) -> "Deferred[None]":
        """Write what is still to be written, close the store, let the thread go."""

        def closed() -> None:
            if self._store is not None:
                self._store.close()

        done = self.call(closed)
        self._jobs.put(None)
        return done

    def startAt(self, sequence: int) -> None:
        """Begin behind the last event of the model that was loaded."""
        self._sequence = self.committed = sequence
        self._lostAll = False

    def save(self, added: Sequence[Event]) -> None:
        """Have events written; they follow those of the call before."""
        batch = _Batch(self._sequence + 1, added)
        self._sequence += len(added)
        if self._threaded:
            self._jobs.put(batch)
        else:
            self._write([batch])

    def saved(self, sequence: int) -> "Deferred[None]":
        """Wait until an event is kept; fails if it never will be.  Can be cancelled."""
        if sequence <= self.committed:
            return succeed(None)
        if self._lostAll:
            return fail(StoreError("what it rests on could not be written"))
        waiting: Deferred[None] = Deferred(self._waiting.__delitem__)
        self._waiting[waiting] = sequence
        return waiting

    def call(self, work: Callable[[], _T]) -> "Deferred[_T]":
        """
        Run something in the thread, behind everything that waits to be written.

        :returns: a Deferred of its result.
        """
        if not self._threaded:
            return execute(work)
        done: Deferred[_T] = Deferred()
        self._jobs.put(_Job(work, done.callback))  # type: ignore[arg-type]  # of the same work
        return done

    def recover(self) -> None:
        """In the thread: write again from here on; the model was loaded anew."""
        self.broken = False

    def _work(self) -> None:
        job: _Batch | _Job | None = _Batch(0, ())
        while job is not None:
            job = self._jobs.get()
            batches = []
            while isinstance(job, _Batch):
                batches.append(job)
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
            if batches:
                self._write(batches)
            if isinstance(job, _Job):
                try:
                    result: object = job.run()
                except Exception:  # noqa: BLE001  # handed over to whoever asked for it
                    result = Failure()
                self._back(job.done, result)

    def _write(self, batches: list[_Batch]) -> None:
        if self.broken or self._store is None:
            return
        gathered = [event for batch in batches for event in batch.events]
        try:
            self._store.append(batches[0].sequence, gathered)
        except Exception as error:  # noqa: BLE001  # of whatever kind: nothing is kept
            self.broken = True
            self._back(self._lost, error)
        else:
            self._back(self._kept, batches[0].sequence + len(gathered) - 1)

    def _back(self, call: Callable[..., None], argument: object) -> None:
        if self._threaded:
            self._reactor.callFromThread(call, argument)  # type: ignore[attr-defined]  # see above
        else:
            call(argument)

    def _kept(self, sequence: int) -> None:
        self.committed = sequence
        due = [each for each, number in self._waiting.items() if number <= sequence]
        for each in self._taken(due):
            each.callback(None)

    def _lost(self, error: Exception) -> None:
        self._lostAll = True
        waiting = list(self._waiting)
        self._sequence = self.committed
        self._failed(error)
        for each in self._taken(waiting):
            each.errback(error)

    def _taken(self, waiting: list[Deferred[None]]) -> Iterator[Deferred[None]]:
        """Take out who waits, one by one: who hears of it may cancel those behind."""
        for each in waiting:
            if self._waiting.pop(each, None) is not None:
                yield each
