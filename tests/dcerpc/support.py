"""Two protocols joined in memory, and an interface to call."""

from uuid import UUID

from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from tapiproxy.dcerpc.client import ClientConnection
from tapiproxy.dcerpc.interface import Call, Fault, Interface
from tapiproxy.dcerpc.security import IAuthenticationService, ISecurityContext
from tapiproxy.dcerpc.server import Limits, ServerFactory, ServerProtocol

CLIENT = IPv4Address("TCP", "127.0.0.1", 40000)
SERVER = IPv4Address("TCP", "127.0.0.1", 135)


class Calls:
    """An interface with an echo, a fault, a bug, and a call that is answered by hand."""

    def __init__(self) -> None:
        self.later: list[Call] = []
        self.interface = Interface(
            UUID("7c1a0000-0000-4000-8000-00000000d00d"),
            (1, 0),
            {0: self.echo, 1: self.fault, 2: self.bug, 3: self.wait},
        )

    def echo(self, call: Call, data: bytes, start: int, end: int) -> bytes:
        """Answer with what came."""
        return data[start:end]

    def fault(self, call: Call, data: bytes, start: int, end: int) -> bytes:
        """Refuse."""
        raise Fault(0x6F7)

    def bug(self, call: Call, data: bytes, start: int, end: int) -> bytes:
        """Fail as code does."""
        raise ZeroDivisionError("a bug")

    def wait(self, call: Call, data: bytes, start: int, end: int) -> None:
        """Answer when the test says so."""
        self.later.append(call)


class Joined:
    """A client connection and a server connection, with their octets under control."""

    def __init__(
        self,
        interface: Interface,
        limits: Limits | None = None,
        authentication: IAuthenticationService | None = None,
        security: ISecurityContext | None = None,
    ) -> None:
        self.clock = Clock()
        self.factory = ServerFactory(self.clock, [interface], authentication, limits)
        server = self.factory.buildProtocol(CLIENT)
        assert server is not None
        self.server: ServerProtocol = server
        self.client = ClientConnection(self.clock, interface, security=security)
        self.bound = self.client._bound
        self._join(self.server, CLIENT, SERVER)
        self._join(self.client, SERVER, CLIENT)

    def _join(self, protocol: Protocol, peer: IPv4Address, host: IPv4Address) -> None:
        protocol.makeConnection(StringTransport(hostAddress=host, peerAddress=peer))

    def pump(self, size: int = 1 << 20) -> None:
        """Move octets until both sides are silent, at most *size* at a time."""
        moved = True
        while moved:
            moved = False
            for source, target in ((self.client, self.server), (self.server, self.client)):
                data = source.transport.value()
                source.transport.clear()
                for start in range(0, len(data), size):
                    moved = True
                    target.dataReceived(data[start : start + size])
            self.clock.advance(0)
