"""
The events and completions that wait for one client, pushed or polled.

Push (RemoteSPEventProc) and pull (GetAsyncEvents) drain the same queue, so that an event is
delivered by one of them and never by both.  What the events are, this file does not know.
[MS-TRP] 3.3.4.2, 2.2.4.1.8.1
"""

from collections.abc import Callable, Container
from functools import partial
from typing import Protocol

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

__all__ = ["Delivery", "DeliveryCounts", "Sender"]


class Sender(Protocol):
    """The connection that an acknowledgement leaves by."""

    def afterSent(self, f: Callable[[], object]) -> None:
        """Call *f* as soon as nothing waits to be sent."""


@define
class DeliveryCounts:
    """
    What happened to events, of all clients.

    :ivar pushed: events taken by RemoteSPEventProc.
    :ivar pushes: calls of it; fewer than events under load.
    :ivar polled: events taken by GetAsyncEvents.
    :ivar dropped: status events dropped because a client's queue was full.
    :ivar withdrawn: completions and events of a handle that its client closed before taking them.
    """

    pushed: int = 0
    pushes: int = 0
    polled: int = 0
    dropped: int = 0
    withdrawn: int = 0


@define(eq=False)
class _Queued:
    packet: bytes
    source: object
    kept: bool


class Delivery:
    """
    One client's queue.

    Status events are bounded by ``limit``: one more drops the oldest of them, and is counted.
    LINE_REPLY and LINE_CLOSE are never dropped; they are bounded by the requests in flight, which
    count undelivered replies, and by the open lines.

    :param clock: for turns of the reactor.
    :param counts: where events are counted, for all clients.
    :param limit: status events that may wait.
    :param pushBytes: bytes of one push.
    """

    __slots__ = (
        "_clock",
        "_counts",
        "_drained",
        "_held",
        "_inFlight",
        "_limit",
        "_push",
        "_pushBytes",
        "_queue",
        "_turn",
        "replies",
        "size",
        "statuses",
    )

    def __init__(
        self, clock: IReactorTime, counts: DeliveryCounts, limit: int, pushBytes: int
    ) -> None:
        self._clock = clock
        self._counts = counts
        self._limit = limit
        self._pushBytes = pushBytes
        # A list: an empty deque is ten times as large, and there is one for each attached client.
        self._queue: list[_Queued] = []
        self._push: Callable[[bytes], None] | None = None
        self._inFlight: list[_Queued] | None = None
        self._held: list[Sender] = []
        self._turn = False
        self._drained: Deferred[None] | None = None
        self.replies = 0
        self.statuses = 0
        self.size = 0

    def __len__(self) -> int:
        return len(self._queue)

    def pushTo(self, push: Callable[[bytes], None]) -> None:
        """
        Push events from now on.

        :param push: begins to send a list of ASYNCEVENTMSG; `delivered` is called when the client
            has taken it.
        """
        self._push = push

    def hold(self, connection: Sender) -> None:
        """
        Send nothing before all acknowledgements on a connection have left it.

        :param connection: where the request came from that is about to be acknowledged.
        """
        if connection not in self._held:
            self._held.append(connection)
            connection.afterSent(partial(self._sent, connection))

    def holdTurn(self) -> None:
        """Send nothing in this turn of the reactor."""
        if not self._turn:
            self._turn = True
            self._clock.callLater(0, self._turned)

    def reply(self, packet: bytes, source: object) -> None:
        """
        Queue a LINE_REPLY or LINE_CLOSE, and send it if nothing is in the way.

        :param source: the handle that it belongs to.
        """
        self._queue.append(_Queued(packet, source, True))
        self.replies += 1
        self.size += len(packet)
        self.pump()

    def event(self, packet: bytes, source: object) -> None:
        """
        Queue a status event; it goes with the next `pump`.

        :param source: the handle that it belongs to.
        """
        if self.statuses >= self._limit:
            self._dropOldest()
        self._queue.append(_Queued(packet, source, False))
        self.statuses += 1
        self.size += len(packet)

    def withdraw(self, sources: Container[object]) -> None:
        """Forget what waits for handles that their client has closed."""
        kept: list[_Queued] = []
        for queued in self._queue:
            if queued.source in sources:
                self._counts.withdrawn += 1
                self._leave(queued)
                self.replies -= queued.kept
            else:
                kept.append(queued)
        self._queue = kept
        self._checkDrained()

    def pump(self) -> None:
        """Push what waits, unless a push is under way or an acknowledgement comes first."""
        if (
            self._push is None
            or self._inFlight is not None
            or not self._queue
            or self._held
            or self._turn
        ):
            return
        events = self._take(self._pushBytes, atLeastOne=True)
        self._inFlight = events
        self._counts.pushes += 1
        self._push(events[0].packet if len(events) == 1 else b"".join(e.packet for e in events))

    def delivered(self) -> None:
        """Note that the client has taken the last push; send what came up meanwhile."""
        events, self._inFlight = self._inFlight, None
        if events is not None:
            self._counts.pushed += len(events)
            self._taken(events)
        self.pump()
        self._checkDrained()

    def poll(self, room: int) -> tuple[bytes, int]:
        """
        Take what fits into a room, in whole events.

        :param room: in bytes.
        :returns: the list of ASYNCEVENTMSG, and the bytes of all that waited; nothing while an
            acknowledgement has not left, since the list may leave by another connection.
        """
        if self._held:
            return b"", 0
        needed = sum(len(queued.packet) for queued in self._queue)
        events = self._take(room, atLeastOne=False)
        self._counts.polled += len(events)
        self._taken(events)
        self._checkDrained()
        return b"".join(queued.packet for queued in events), needed

    def whenDrained(self) -> Deferred[None]:
        """
        Wait until the client has taken everything; who asks sets the deadline.

        Asked once in the life of a queue, when the server drains.  A client that polls is not
        waited for: nobody knows when it will come.
        """
        drained: Deferred[None] = Deferred()
        self._drained = drained
        self._checkDrained()
        return drained

    def stop(self) -> None:
        """Forget everything and push no more: the client has gone."""
        self._push = None
        self._inFlight = None
        self._queue.clear()
        self.replies = self.statuses = self.size = 0
        self._checkDrained()

    def _take(self, room: int, *, atLeastOne: bool) -> list[_Queued]:
        queue = self._queue
        if self.size <= room:
            self._queue = []
            self.size = self.statuses = 0
            return queue
        count = used = 0
        for queued in queue:
            used += len(queued.packet)
            if used > room and (count or not atLeastOne):
                break
            count += 1
        taken = queue[:count]
        del queue[:count]
        for queued in taken:
            self._leave(queued)
        return taken

    def _leave(self, queued: _Queued) -> None:
        self.size -= len(queued.packet)
        if not queued.kept:
            self.statuses -= 1

    def _taken(self, events: list[_Queued]) -> None:
        for queued in events:
            if queued.kept:
                self.replies -= 1

    def _dropOldest(self) -> None:
        for index, queued in enumerate(self._queue):
            if not queued.kept:
                del self._queue[index]
                self._leave(queued)
                self._counts.dropped += 1
                return

    def _sent(self, connection: Sender) -> None:
        self._held.remove(connection)
        self.pump()

    def _turned(self) -> None:
        self._turn = False
        self.pump()

    def _checkDrained(self) -> None:
        if self._drained is None:
            return
        if self._push is None or (not self._queue and self._inFlight is None):
            drained, self._drained = self._drained, None
            drained.callback(None)
