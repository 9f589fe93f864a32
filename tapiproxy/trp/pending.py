"""
Requests that complete later: identifiers, deadlines, cancellation and the one outcome of each.

Every request whose specification says "request ID" goes through here, whatever answers it.  The
laws: an accepted request has exactly one outcome; what comes after it is dropped and counted; a
client cannot have more than a bounded number of them.  No handle tables, no bytes.
[MS-TRP] 2.2.4.1 (dwRequestID), 2.2.4.2.1.25 (LINE_REPLY)
"""

from collections.abc import Container
from typing import Any, Protocol

from attrs import asdict, define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from tapiproxy.tapi.lineerr import (
    LINEERR_INVALPARAM,
    LINEERR_OPERATIONFAILED,
    LINEERR_RESOURCEUNAVAIL,
)

__all__ = [
    "CANCELLED",
    "CLOSED",
    "DEADLINE",
    "FORCED",
    "HANDLER_REMOVED",
    "LOST",
    "Ending",
    "Outcomes",
    "Owner",
    "PendingRequest",
    "PendingRequests",
    "Refusal",
    "Service",
]

_MAX_ID = 0x7FFFFFFF


@frozen
class Refusal:
    """
    A request that was not done.

    :ivar code: the Result of LINE_REPLY.
    :ivar failed: the handler failed, rather than refused.
    """

    code: int
    failed: bool = False


#: What a service answers whose work was cancelled.
CANCELLED = Refusal(LINEERR_OPERATIONFAILED, failed=True)


class Service(Protocol):
    """What can be asked to answer a request: a line's proxy handler."""

    def seconds(self, message: Any) -> float:
        """Give the time that it has for a request."""

    def request(self, message: Any, requester: Any, deadline: float) -> Any:
        """
        Begin to answer; called once the request is accepted.

        :param deadline: in seconds of the reactor.
        :returns: the value for the completion, a `Refusal`, or a Deferred of one of these, which
            never fails: a failure of the handler is a `Refusal`, a cancellation is `CANCELLED`.
        """

    @property
    def name(self) -> str:
        """The handler, for the log."""


class Owner(Protocol):
    """What a request belongs to: an HLINE, or an HLINEAPP."""

    def complete(self, message: Any, requestID: int, result: int, value: Any) -> None:
        """
        Queue the LINE_REPLY of a request.

        :raises Exception: the value is not what the request's completion holds; nothing is queued.
        """

    def describe(self) -> str:
        """Name client and line, for the log."""


class Waiting(Protocol):
    """What `PendingRequests` must know of the client's queue of events."""

    @property
    def replies(self) -> int:
        """How many LINE_REPLY the client has not taken yet."""

    def holdTurn(self) -> None:
        """Send nothing before the next turn of the reactor."""


@define
class Outcomes:
    """
    How accepted requests have ended; their sum with the outstanding ones is ``accepted``.

    :ivar answered: with a result.
    :ivar refused: with a code of the handler's.
    :ivar failed: the handler raised something else, or answered nonsense.
    :ivar deadline: no answer in time.
    :ivar cancelled: by the client's own Close, ShutDown or ClientDetach; it gets no LINE_REPLY.
    :ivar lost: the client has gone.
    :ivar forced: the server closed the line.
    :ivar handlerRemoved: the handler was taken away.
    :ivar late: answers that came after the outcome, and were dropped; not part of the sum.
    """

    accepted: int = 0
    answered: int = 0
    refused: int = 0
    failed: int = 0
    deadline: int = 0
    cancelled: int = 0
    lost: int = 0
    forced: int = 0
    handlerRemoved: int = 0
    late: int = 0

    def asDict(self) -> dict[str, int]:
        """All of them, for status."""
        return asdict(self)


@frozen
class Ending:
    """
    A way for requests to end without an answer.

    :ivar outcome: the attribute of `Outcomes` that counts it.
    :ivar reply: the client gets LINE_REPLY with LINEERR_OPERATIONFAILED.
    """

    outcome: str
    reply: bool


@define(eq=False)
class PendingRequest:
    """An accepted request that waits for its answer."""

    requestID: int
    message: Any
    owner: Owner
    service: Service
    answer: Deferred[Any]
    timer: IDelayedCall | None = field(default=None)


class PendingRequests:
    """
    The outstanding requests of one client.

    :param clock: for deadlines.
    :param outcomes: where outcomes are counted, for all clients.
    :param queue: the client's queue of events, whose LINE_REPLYs count towards the bound.
    :param limit: accepted requests that the client has not seen the end of.
    """

    __slots__ = ("_clock", "_limit", "_next", "_outcomes", "_queue", "entries")

    _log = Logger()

    def __init__(self, clock: IReactorTime, outcomes: Outcomes, queue: Waiting, limit: int) -> None:
        self._clock = clock
        self._outcomes = outcomes
        self._queue = queue
        self._limit = limit
        self._next = 1
        self.entries: dict[int, PendingRequest] = {}

    def accept(self, message: Any, owner: Owner, service: Service, requester: Any) -> int:
        """
        Give a request its identifier and begin to answer it.

        :param message: the request packet.
        :param owner: what it belongs to.
        :param service: what answers it.
        :param requester: who asks, passed on to the service.
        :returns: the Ack_ReturnValue: a request identifier, or a LINEERR_.
        """
        requestID: int = message.dwRequestID
        entries = self.entries
        if requestID > _MAX_ID or requestID in entries:
            return LINEERR_INVALPARAM
        if len(entries) + self._queue.replies >= self._limit:
            return LINEERR_RESOURCEUNAVAIL
        if requestID == 0:
            requestID = self._generate()
            self._queue.holdTurn()
        self._outcomes.accepted += 1
        seconds = service.seconds(message)
        answer = service.request(message, requester, self._clock.seconds() + seconds)
        if isinstance(answer, Deferred):
            entry = PendingRequest(requestID, message, owner, service, answer)
            entries[requestID] = entry
            entry.timer = self._clock.callLater(seconds, self._expired, entry)
            answer.addCallback(self._answered, entry)
        else:
            self._finish(message, owner, service, requestID, answer)
        return requestID

    def end(
        self,
        ending: Ending,
        *,
        owner: Owner | None = None,
        service: Service | None = None,
        devices: Container[int] | None = None,
    ) -> None:
        """
        End outstanding requests without an answer.

        :param ending: how; one of the table below.
        :param owner: only those of this handle.
        :param service: only those that wait for this handler.
        :param devices: only those whose dwDeviceID is among these; for an *owner* that is an
            HLINEAPP, since requests of an HLINE have none.
        """
        for entry in tuple(self.entries.values()):
            if (
                (owner is None or entry.owner is owner)
                and (service is None or entry.service is service)
                and (devices is None or entry.message.dwDeviceID in devices)
            ):
                self._end(entry, ending)

    def _generate(self) -> int:
        requestID = self._next
        while requestID in self.entries:
            requestID = requestID + 1 if requestID < _MAX_ID else 1
        self._next = requestID + 1 if requestID < _MAX_ID else 1
        return requestID

    def _answered(self, answer: Any, entry: PendingRequest) -> None:
        if self.entries.get(entry.requestID) is not entry:
            if answer is not CANCELLED:
                self._outcomes.late += 1
            return
        self._forget(entry)
        self._finish(entry.message, entry.owner, entry.service, entry.requestID, answer)

    def _finish(
        self, message: Any, owner: Owner, service: Service, requestID: int, answer: Any
    ) -> None:
        """Give a request its outcome: an answer, a refusal or a failure."""
        outcomes = self._outcomes
        if isinstance(answer, Refusal):
            if answer.failed:
                outcomes.failed += 1
            else:
                outcomes.refused += 1
            owner.complete(message, requestID, answer.code, None)
            return
        try:
            owner.complete(message, requestID, 0, answer)
        except Exception:  # noqa: BLE001 -- a frontier: the value is the handler's
            self._log.failure(
                "{owner}: what handler {handler} returned for {request} cannot be sent",
                owner=owner.describe(),
                handler=service.name,
                request=type(message).__name__,
            )
            outcomes.failed += 1
            owner.complete(message, requestID, LINEERR_OPERATIONFAILED, None)
        else:
            outcomes.answered += 1

    def _forget(self, entry: PendingRequest) -> None:
        del self.entries[entry.requestID]
        timer, entry.timer = entry.timer, None
        if timer is not None and timer.active():
            timer.cancel()

    def _expired(self, entry: PendingRequest) -> None:
        self._log.warn(
            "{owner}: handler {handler} has not answered {request} {requestID} in time",
            owner=entry.owner.describe(),
            handler=entry.service.name,
            request=type(entry.message).__name__,
            requestID=entry.requestID,
        )
        self._end(entry, DEADLINE)

    def _end(self, entry: PendingRequest, ending: Ending) -> None:
        if self.entries.get(entry.requestID) is not entry:
            return  # ended by a handler's own doing while another one was being cancelled
        self._forget(entry)
        setattr(self._outcomes, ending.outcome, getattr(self._outcomes, ending.outcome) + 1)
        if ending.reply:
            entry.owner.complete(entry.message, entry.requestID, LINEERR_OPERATIONFAILED, None)
        try:
            entry.answer.cancel()
        except Exception:  # noqa: BLE001 -- a frontier: the canceller is the handler's
            self._log.failure(
                "{owner}: handler {handler} failed when {request} was cancelled",
                owner=entry.owner.describe(),
                handler=entry.service.name,
                request=type(entry.message).__name__,
            )


# How requests end without an answer, and whether the client is told ([MS-TRP] 2.2.4.1.2.1: Close
# aborts "all outstanding ... asynchronous operations on the device").
DEADLINE = Ending("deadline", reply=True)
CLOSED = Ending("cancelled", reply=False)
LOST = Ending("lost", reply=False)
FORCED = Ending("forced", reply=True)
HANDLER_REMOVED = Ending("handlerRemoved", reply=True)
