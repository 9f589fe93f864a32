"""
Sending without the reactor's help where that is possible, and with a bound where it is not.

Most answers are a few hundred octets and the kernel has room for them: a send from here saves two
rounds through the reactor, the largest single cost of a request (measured: benchmarks/).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IPullProducer, ISSLTransport
from zope.interface import implementer

MAX_OUTPUT = 8 * 1024 * 1024
"""Octets that wait for one peer to read: more than the longest answer, far less than a machine."""


@implementer(IPullProducer)
class DirectSender:
    """
    Writes to one transport, and knows whether all that was written is in the kernel.

    It registers with the transport as a producer while something waits, since that is how a
    transport tells that its buffer is empty.

    :param drained: called when what waited has gone.
    :param overflowed: called when more than :data:`MAX_OUTPUT` waits; it ends the connection.
    :ivar buffered: octets handed to the transport since its buffer was last empty.
    """

    def __init__(
        self, transport: Any, drained: Callable[[], object], overflowed: Callable[[], object]
    ) -> None:
        self.buffered = 0
        self._transport = transport
        self._drained = drained
        self._overflowed = overflowed
        self._registering = False
        self._send: Callable[[bytes], int] | None = None
        if hasattr(transport, "getHandle") and not ISSLTransport.providedBy(transport):
            self._send = transport.getHandle().send

    def send(self, data: bytes) -> None:
        """Send *data*; what the kernel does not take at once follows when it can."""
        if self._send is None:
            self._transport.write(data)
            return
        sent = 0
        if not self.buffered:
            # No room (BlockingIOError), or the peer has gone (BrokenPipeError,
            # ConnectionResetError): the transport meets the same and says so its own way.
            try:
                sent = self._send(data)
            except OSError:  # contextlib.suppress would cost as much as a dozen of these
                sent = 0
            if sent == len(data):
                return
        first = not self.buffered
        self.buffered += len(data) - sent
        if self.buffered > MAX_OUTPUT:
            self._overflowed()
            return
        self._transport.write(data[sent:])
        if first:
            self._registering = True
            self._transport.registerProducer(self, False)
            self._registering = False

    def resumeProducing(self) -> None:
        """The transport's buffer is empty; also called by registration itself, which means no more
        than that it has begun."""
        if not self._registering:
            self._transport.unregisterProducer()
            self.buffered = 0
            self._drained()

    def stopProducing(self) -> None:
        """The connection has gone; its protocol is told so too."""
