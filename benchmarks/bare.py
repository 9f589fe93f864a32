"""
The baseline: Twisted moving the same bytes over the same two connections, and nothing else.

For each whole message on A (its length stands where a PDU has frag_length) it writes one
acknowledgement on A and one event on B; what comes back on B is counted off and dropped.  Stock
reactor, ``transport.write``.  With ``--direct`` the two go to the socket at once, gathered per
read, as the server does it: that is the floor beneath all protocol work.
"""

import argparse

from twisted.internet import protocol, reactor
from twisted.internet.interfaces import IAddress


def message(length: int) -> bytes:
    """A message of ``length`` bytes that looks enough like a PDU for the load generator."""
    ptype = RESPONSE if length == options.ack else REQUEST
    header = bytes([5, 0, ptype, 3, 0x10, 0, 0, 0]) + length.to_bytes(2, "little")
    return header.ljust(length, b"\0")


class Counted(protocol.Protocol):
    """A connection that knows where its messages end."""

    def connectionMade(self) -> None:
        self.rest = b""
        self.transport.setTcpNoDelay(True)

    def whole(self, data: bytes) -> int:
        """How many messages have become whole with ``data``."""
        if self.rest:
            data = self.rest + data
        position, end, count = 0, len(data), 0
        while end - position >= 16:
            length = data[position + 8] | data[position + 9] << 8
            if end - position < length:
                break
            position += length
            count += 1
        self.rest = data[position:]
        return count


class Called(Counted):
    """Connection A: its first message names the port for B."""

    back: "CallingBack | None" = None

    def dataReceived(self, data: bytes) -> None:
        if self.back is None:
            factory = protocol.ClientFactory.forProtocol(CallingBack)
            factory.noisy = False
            factory.called = self
            port = int.from_bytes(data[16:20], "little")
            reactor.connectTCP(self.transport.getPeer().host, port, factory)
        elif options.direct:
            count = self.whole(data)
            if count:
                self.transport.getHandle().send(ACKNOWLEDGEMENT * count)
                self.back.transport.getHandle().send(EVENT * count)
        else:
            for _ in range(self.whole(data)):
                self.transport.write(ACKNOWLEDGEMENT)
                self.back.transport.write(EVENT)

    def connectionLost(self, reason: object) -> None:
        if self.back is not None:
            self.back.transport.loseConnection()


class CallingBack(Counted):
    """Connection B."""

    def connectionMade(self) -> None:
        super().connectionMade()
        self.factory.called.back = self
        # The other end may begin: before this, its next message would be taken for another port.
        self.transport.write(message(24))

    def dataReceived(self, data: bytes) -> None:
        self.whole(data)


class Listening(protocol.Factory):
    protocol = Called
    noisy = False

    def buildProtocol(self, addr: IAddress) -> Called:
        return Called()


REQUEST, RESPONSE = 0, 2

parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
parser.add_argument("--ack", type=int, required=True, help="bytes of an acknowledgement")
parser.add_argument("--event", type=int, required=True, help="bytes of an event")
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--direct", action="store_true", help="send to the socket, not to the reactor")
options = parser.parse_args()
ACKNOWLEDGEMENT, EVENT = message(options.ack), message(options.event)
if __name__ == "__main__":
    reactor.listenTCP(options.port, Listening(), backlog=200, interface="127.0.0.1")
    reactor.run()
