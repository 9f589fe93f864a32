"""
What an application is told while it uses a client: events, and, if it wants, every packet.
"""

from collections.abc import Callable

from attrs import frozen

from tapiproxy.trp.events import Event

__all__ = ["EventReceiver", "Observer", "Passed"]

#: Takes an event and the hRemoteLine that it came for, 0 for what belongs to no line.
EventReceiver = Callable[[Event, int], None]


@frozen
class Passed:
    """
    One packet that passed, for applications that show them.

    :ivar sent: whether the client sent it.
    :ivar name: of the packet, or of the method for those that carry none.
    :ivar packet: a request, its reply, an event or a completion; None where there is none.
    :ivar result: Ack_ReturnValue, or the result of a method; None for what has none.
    """

    sent: bool
    name: str
    packet: object = None
    result: int | None = None


#: Takes every packet that passed.
Observer = Callable[[Passed], None]
