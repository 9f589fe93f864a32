"""
A network in memory: a reactor whose TCP connections are queues and whose time is a Clock.

Client and server connect to each other through it, call-backs included, without a socket.  Nothing
moves until `MemoryNetwork.flush` or ``advance``.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet import error
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import (
    IConnector,
    IListeningPort,
    IReactorTCP,
    IReactorTime,
    ITCPTransport,
)
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

#: A test that needs more turns than this for one flush runs in circles.
MAX_TURNS = 100_000


@implementer(ITCPTransport)
class Pipe:
    """One end of a connection."""

    disconnecting = False
    producer: Any = None

    def __init__(self, network: "MemoryNetwork", host: IPv4Address, peer: IPv4Address) -> None:
        self.network = network
        self.host = host
        self.peer = peer
        self.protocol: Any = None
        self.other: Pipe = self
        self.connected = True
        self.sent: deque[bytes] = deque()
        self.paused = False
        self.ended: Callable[[Failure], object] = lambda reason: None

    def write(self, data: bytes) -> None:
        if not isinstance(data, bytes):
            raise TypeError("bytes are wanted")
        if self.connected and not self.disconnecting and data:
            self.sent.append(data)
            self.network.callLater(0, self.deliver)

    def writeSequence(self, data: Any) -> None:
        self.write(b"".join(data))

    def deliver(self) -> None:
        other = self.other
        while self.sent and other.connected and not other.paused:
            data = self.sent.popleft()
            if self.network.tap is not None:
                data = self.network.tap(self, data)
            if data:
                other.protocol.dataReceived(data)
        if self.disconnecting and not self.sent:
            self.drop(error.ConnectionDone())

    def drop(self, reason: Exception) -> None:
        for end in (self, self.other):
            if end.connected:
                end.connected = False
                end.protocol.connectionLost(Failure(reason))
                end.ended(Failure(reason))

    def loseConnection(self) -> None:
        if self.connected and not self.disconnecting:
            self.disconnecting = True
            self.network.callLater(0, self.deliver)

    def abortConnection(self) -> None:
        if self.connected:
            self.disconnecting = True
            self.sent.clear()
            self.network.callLater(0, self.drop, error.ConnectionAborted())

    loseWriteConnection = loseConnection

    def getHost(self) -> IPv4Address:
        return self.host

    def getPeer(self) -> IPv4Address:
        return self.peer

    def getHandle(self) -> "Pipe":
        return self

    def send(self, data: bytes) -> int:
        """As a socket's: everything is taken at once."""
        if not self.connected:
            raise BrokenPipeError
        self.write(bytes(data))
        return len(data)

    def setsockopt(self, *arguments: object) -> None:
        """Keepalive times mean nothing here."""

    def fileno(self) -> int:
        return -1

    def getTcpNoDelay(self) -> bool:
        return True

    def setTcpNoDelay(self, enabled: bool) -> None:
        """As every connection here."""

    def getTcpKeepAlive(self) -> bool:
        return True

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """As every connection here."""

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False
        self.network.callLater(0, self.other.deliver)

    def stopProducing(self) -> None:
        self.loseConnection()


@implementer(IListeningPort)
class Port:
    """A listening port."""

    def __init__(self, network: "MemoryNetwork", address: IPv4Address, factory: Any) -> None:
        self.network = network
        self.address = address
        self.factory = factory

    def startListening(self) -> None:
        self.network.ports[self.address.port] = self
        self.factory.doStart()

    def stopListening(self) -> None:
        if self.network.ports.pop(self.address.port, None) is not None:
            self.factory.doStop()

    loseConnection = stopListening

    def getHost(self) -> IPv4Address:
        return self.address


@implementer(IConnector)
class Connector:
    """A connection that is being made."""

    def __init__(self, network: "MemoryNetwork", host: str, port: int, factory: Any) -> None:
        self.network = network
        self.destination = IPv4Address("TCP", host, port)
        self.factory = factory
        self.pipe: Pipe | None = None
        self.stopped = False
        self.timeout: Any = None

    def connect(self, timeout: float) -> None:
        self.timeout = self.network.callLater(timeout, self.fail, error.TimeoutError())
        self.factory.doStart()
        self.factory.startedConnecting(self)
        self.network.callLater(0, self.arrive)

    def arrive(self) -> None:
        if self.stopped or self.network.silent:
            return
        port = self.network.ports.get(self.destination.port)
        if port is None:
            self.fail(error.ConnectionRefusedError())
            return
        self.timeout.cancel()
        # As on one machine: whoever connects to an address comes from it.
        source = IPv4Address("TCP", self.destination.host, self.network.freePort())
        server = port.factory.buildProtocol(source)
        client = self.factory.buildProtocol(self.destination)
        here = Pipe(self.network, source, self.destination)
        there = Pipe(self.network, self.destination, source)
        here.other, there.other = there, here
        here.protocol, there.protocol = client, server
        self.pipe = here
        here.ended = lambda reason: self.factory.clientConnectionLost(self, reason)
        self.network.pipes.append(here)
        client.makeConnection(here)
        if server is None:
            here.drop(error.ConnectionDone())
        else:
            server.makeConnection(there)

    def fail(self, reason: Exception) -> None:
        self.stopped = True
        if self.timeout.active():
            self.timeout.cancel()
        self.factory.clientConnectionFailed(self, Failure(reason))
        self.factory.doStop()

    def stopConnecting(self) -> None:
        if not self.stopped:
            self.fail(error.UserError())

    def disconnect(self) -> None:
        if self.pipe is None:
            self.stopConnecting()
        else:
            self.pipe.loseConnection()

    def getDestination(self) -> IPv4Address:
        return self.destination


@implementer(IReactorTCP, IReactorTime)
class MemoryNetwork(Clock):
    """
    The reactor.

    :ivar ports: what listens, by port number.
    :ivar pipes: the client's end of every connection, in the order they were made.
    :ivar tap: sees (and may change) the bytes of every write on their way.
    :ivar silent: connections are neither made nor refused.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ports: dict[int, Port] = {}
        self.pipes: list[Pipe] = []
        self.tap: Callable[[Pipe, bytes], bytes] | None = None
        self.silent = False
        self._lastPort = 40000

    def freePort(self) -> int:
        self._lastPort += 1
        return self._lastPort

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Port:
        number = port or self.freePort()
        if number in self.ports:
            raise error.CannotListenError(interface, number, OSError("in use"))
        listening = Port(self, IPv4Address("TCP", interface or "0.0.0.0", number), factory)
        listening.startListening()
        return listening

    def connectTCP(
        self, host: str, port: int, factory: Any, timeout: float = 30, bindAddress: Any = None
    ) -> Connector:
        connector = Connector(self, host, port, factory)
        connector.connect(timeout)
        return connector

    def flush(self) -> None:
        """Let everything happen that needs no time."""
        for _ in range(MAX_TURNS):
            due = [call for call in self.getDelayedCalls() if call.getTime() <= self.seconds()]
            if not due:
                return
            self.advance(0)
        raise AssertionError("the network does not come to rest")
