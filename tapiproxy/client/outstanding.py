"""
The requests whose LINE_REPLY is awaited: request IDs and who waits for them.

The client always sends request IDs of its own ([MS-TRP] 2.2.4.1.3, dwRequestID).  Acknowledgement
and LINE_REPLY travel on two connections, and nothing orders one against the other: with an ID of
the server's making, a LINE_REPLY that comes first would name a request that nobody knows yet, and
3.3.4.2 has it ignored, so that its answer would be lost.  With an ID of our own the request is
known before its first octet leaves.

IDs count up, so that one of a request that was given up is not used again before all the others:
its late LINE_REPLY finds nobody and is counted.
"""

from attrs import define, field
from twisted.internet.defer import Deferred

from tapiproxy.client.errors import ClientError, TooManyRequests
from tapiproxy.trp.events import ASYNCEVENTMSG

__all__ = ["LAST_REQUEST_ID", "MAXIMUM_OUTSTANDING", "Awaited", "Outstanding"]

#: dwRequestID is a positive signed number.
LAST_REQUEST_ID = 0x7FFFFFFF
#: An application of one agent has a handful; more is a mistake that must not eat memory.
MAXIMUM_OUTSTANDING = 256


@define(eq=False)
class Awaited:
    """
    One request that completes later.

    :ivar requestID: its dwRequestID.
    :ivar hLine: the line that it belongs to; None for one that belongs to no line.
    :ivar reply: fires with the LINE_REPLY, or fails when its line or the session ends.
    """

    requestID: int
    hLine: int | None
    reply: "Deferred[ASYNCEVENTMSG]" = field(factory=Deferred)


class Outstanding:
    """
    All requests of one session whose LINE_REPLY is awaited.

    :ivar strays: how many LINE_REPLY matched no request: late, double, or made up.
    """

    def __init__(self) -> None:
        self._requests: dict[int, Awaited] = {}
        self._last = 0
        self.strays = 0

    def __len__(self) -> int:
        return len(self._requests)

    def begin(self, hLine: int | None) -> Awaited:
        """
        Give a new request its ID.

        :param hLine: the line that the request belongs to, if any.
        :raises TooManyRequests: as many as there may be are outstanding.
        """
        if len(self._requests) >= MAXIMUM_OUTSTANDING:
            raise TooManyRequests(
                f"{MAXIMUM_OUTSTANDING} requests are outstanding: wait for one of them"
            )
        while True:
            self._last = self._last % LAST_REQUEST_ID + 1
            if self._last not in self._requests:
                break
        awaited = Awaited(self._last, hLine)
        self._requests[awaited.requestID] = awaited
        return awaited

    def end(self, awaited: Awaited) -> None:
        """Nobody waits for this request any more; ending one twice is ending it once."""
        self._requests.pop(awaited.requestID, None)
        # A failure that came while the acknowledgement was awaited has been told by that.
        awaited.reply.addErrback(lambda failure: None)

    def replied(self, packet: ASYNCEVENTMSG) -> None:
        """Take a LINE_REPLY; one that nobody awaits is counted and dropped."""
        awaited = self._requests.pop(packet.Param1, None)
        if awaited is None:
            self.strays += 1
        else:
            awaited.reply.callback(packet)

    def fail(self, reason: ClientError, hLine: int | None = None) -> None:
        """
        Fail every request that still waits, once.

        :param hLine: only those of this line; None for all.
        """
        for awaited in list(self._requests.values()):
            if hLine is None or awaited.hLine == hLine:
                del self._requests[awaited.requestID]
                awaited.reply.errback(reason)
