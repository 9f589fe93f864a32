"""
Which lines there are, and who has them open.  [MS-TRP] 3.1.1, Provider List, List of Opened Lines

What happens to a line is told from here to every client that has it open.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IReactorTime

from tapiproxy.interfaces import ILine, ILineProvider
from tapiproxy.tapi.lineconstants import LINEDEVSTATE_CLOSE, LINEDEVSTATE_OPEN
from tapiproxy.trp.events import LINE_LINEDEVSTATE, Event
from tapiproxy.trp.proxies import Broker

if TYPE_CHECKING:
    from tapiproxy.trp.delivery import Delivery
    from tapiproxy.trp.session import OpenLine

__all__ = ["LineRegister"]


class LineRegister:
    """
    The lines of the server.

    :ivar provider: where lines come from; a reload puts another one here.
    :ivar broker: who answers for them.
    :param clock: for the next turn of the reactor, in which events are sent.
    """

    def __init__(self, clock: IReactorTime, provider: ILineProvider, broker: Broker) -> None:
        self.provider = provider
        self.broker = broker
        self._clock = clock
        # By the name of the line; a dict for a set that keeps its order.
        self._open: dict[str, dict[OpenLine, None]] = {}
        # Those of them that asked for LINE_LINEDEVSTATE: few, so that thousands of clients that
        # come or go at once are not told of each other.
        self._watching: dict[str, dict[OpenLine, None]] = {}
        self._woken: dict[Delivery, None] = {}

    def add(self, openLine: "OpenLine") -> None:
        """Enter a line that was opened, and tell the others who have it open."""
        self._tellWatching(openLine.line.name, LINE_LINEDEVSTATE(LINEDEVSTATE_OPEN))
        self._open.setdefault(openLine.line.name, {})[openLine] = None

    def remove(self, openLine: "OpenLine") -> None:
        """Strike out a line that was closed, and tell the others who have it open."""
        name = openLine.line.name
        opened = self._open[name]
        del opened[openLine]
        if not opened:
            del self._open[name]
        self.watch(openLine, 0)
        self._tellWatching(name, LINE_LINEDEVSTATE(LINEDEVSTATE_CLOSE))

    def watch(self, openLine: "OpenLine", states: int) -> None:
        """
        Tell an open line of the line's states from now on (SetStatusMessages).

        :param states: LINEDEVSTATE_ bits; 0 for none.
        """
        openLine.lineStates = states
        name = openLine.line.name
        if states:
            self._watching.setdefault(name, {})[openLine] = None
        elif name in self._watching:
            self._watching[name].pop(openLine, None)
            if not self._watching[name]:
                del self._watching[name]

    def opened(self, line: ILine) -> "tuple[OpenLine, ...]":
        """List who has a line open."""
        return tuple(self._open.get(line.name, ()))

    def tell(self, line: ILine, event: Event) -> None:
        """Send an event to everyone who has a line open and is to get it."""
        self._tell(self._open.get(line.name, ()), event)

    def wake(self, delivery: "Delivery") -> None:
        """
        Send what a client has waiting in the next turn of the reactor.

        So that what is said at once goes out at once: in one RemoteSPEventProc.
        """
        if not self._woken:
            self._clock.callLater(0, self._wakeUp)
        self._woken[delivery] = None

    def status(self) -> list[dict[str, object]]:
        """Describe the lines for ``tapiproxy status``."""
        return [
            {
                "name": line.name,
                "handler": self.broker.service(line).name,
                "requestTypes": list(self.broker.service(line).requestTypes()),
                "open": len(self._open.get(line.name, ())),
            }
            for line in self.provider.lines()
        ]

    def _tellWatching(self, name: str, event: Event) -> None:
        self._tell(self._watching.get(name, ()), event)

    def _tell(self, openLines: "Iterable[OpenLine]", event: Event) -> None:
        for openLine in openLines:
            openLine.event(event)
            self.wake(openLine.client.delivery)

    def _wakeUp(self) -> None:
        woken, self._woken = self._woken, {}
        for delivery in woken:
            delivery.pump()
