"""Tests for tapiproxy.dcerpc.directsend: what the kernel takes, what waits, what is too much."""

from twisted.internet.interfaces import ISSLTransport
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import directlyProvides

from tapiproxy.dcerpc.directsend import MAX_OUTPUT, DirectSender


class Socket:
    """A socket with a certain room, or with an error."""

    def __init__(self, room: int = 1 << 30) -> None:
        self.room = room
        self.error: Exception | None = None
        self.taken = b""

    def send(self, data: bytes) -> int:
        if self.error is not None:
            raise self.error
        if not self.room and data:
            raise BlockingIOError
        sent = data[: self.room]
        self.room -= len(sent)
        self.taken += sent
        return len(sent)


class SocketTransport(StringTransport):
    """A transport over a socket; what is written to it waits until :meth:`empty`."""

    def __init__(self, handle: Socket) -> None:
        super().__init__()
        self.handle = handle

    def getHandle(self) -> Socket:
        return self.handle

    def registerProducer(self, producer, streaming) -> None:
        super().registerProducer(producer, streaming)
        producer.resumeProducing()  # as a transport does for a pull producer

    def empty(self) -> bytes:
        data = self.value()
        self.clear()
        if self.producer is not None:
            self.producer.resumeProducing()
        return data


class DirectSenderTests(SynchronousTestCase):
    """What is sent arrives once and in order, and its arrival in the kernel is known."""

    def make(self, room: int = 1 << 30) -> None:
        self.socket = Socket(room)
        self.transport = SocketTransport(self.socket)
        self.events: list[str] = []
        self.sender = DirectSender(
            self.transport,
            lambda: self.events.append("drained"),
            lambda: self.events.append("overflowed"),
        )

    def test_roomForAll(self) -> None:
        """What the kernel takes at once never meets the transport."""
        self.make()
        self.sender.send(b"one")
        self.sender.send(b"two")
        self.assertEqual((self.socket.taken, self.transport.value()), (b"onetwo", b""))
        self.assertEqual((self.sender.buffered, self.events), (0, []))

    def test_roomForSome(self) -> None:
        """The rest goes by the transport, and what comes after goes behind it."""
        self.make(room=2)
        self.sender.send(b"one")
        self.socket.room = 100
        self.sender.send(b"two")
        self.assertEqual((self.socket.taken, self.transport.value()), (b"on", b"etwo"))
        self.assertEqual((self.sender.buffered, self.events), (4, []))

    def test_drained(self) -> None:
        """When the transport is empty that is told once, and sending is direct again."""
        self.make(room=0)
        self.sender.send(b"one")
        self.assertEqual(self.transport.empty(), b"one")
        self.assertEqual((self.sender.buffered, self.events), (0, ["drained"]))
        self.assertIsNone(self.transport.producer)
        self.socket.room = 100
        self.sender.send(b"two")
        self.assertEqual(self.socket.taken, b"two")
        self.socket.room = 0
        self.sender.send(b"three")
        self.assertEqual((self.transport.empty(), self.events), (b"three", ["drained"] * 2))

    def test_peerGone(self) -> None:
        """A broken connection is left to the transport, which meets the same and reports it."""
        for error in (BrokenPipeError(), ConnectionResetError(), TimeoutError()):
            self.make()
            self.socket.error = error
            self.sender.send(b"one")
            self.assertEqual(self.transport.value(), b"one")

    def test_overflow(self) -> None:
        """More than the limit is not kept: the owner is told to end the connection."""
        self.make(room=0)
        self.sender.send(bytes(MAX_OUTPUT))
        self.assertEqual(self.events, [])
        self.sender.send(b"x")
        self.assertEqual(self.events, ["overflowed"])
        self.assertEqual(len(self.transport.value()), MAX_OUTPUT)

    def test_withoutSocket(self) -> None:
        """A transport without a socket of its own is written to."""
        transport = StringTransport()
        DirectSender(transport, self.fail, self.fail).send(b"one")
        self.assertEqual(transport.value(), b"one")

    def test_neverPastTLS(self) -> None:
        """What is to be encrypted is never sent beside the encryption."""
        handle = Socket()
        transport = SocketTransport(handle)
        directlyProvides(transport, ISSLTransport)
        DirectSender(transport, self.fail, self.fail).send(b"one")
        self.assertEqual((transport.value(), handle.taken), (b"one", b""))

    def test_connectionLost(self) -> None:
        """The transport's notice that it will ask for nothing more is no event of its own."""
        self.make(room=0)
        self.sender.send(b"one")
        self.sender.stopProducing()
        self.assertEqual(self.events, [])
