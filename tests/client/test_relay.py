"""A client that hands the call-back on to a tapsrv endpoint, to be let in there as the server."""

from typing import Any

from attrs import evolve
from twisted.internet.protocol import ClientFactory, Factory, Protocol, connectionDone
from twisted.logger import LogEvent, eventAsText, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.authentication import Authentication
from tapiproxy.dcerpc.client import connect
from tapiproxy.dcerpc.interface import (
    RPC_C_AUTHN_LEVEL_CONNECT,
    RPC_S_SEC_PKG_ERROR,
    RPC_X_BAD_STUB_DATA,
    Interface,
    nca_s_proto_error,
)
from tapiproxy.tapi.lineerr import LINEERR_OPERATIONFAILED
from tapiproxy.trp import idl
from tests.client.network import MemoryNetwork
from tests.client.servers import HOST, PORT, RealServer
from tests.client.test_logons import Known
from tests.dcerpc.ntlmpeers import account, ntlmInitiator, server, spnegoInitiator
from tests.dcerpc.ntlmpeers import service as ntlmService
from tests.dcerpc.pdus import request, split

#: Where Mallory's remotesp endpoint is, and another server with the same accounts.
ENDPOINT = 4711
OTHER = 136

MACHINE = bytes(range(32))

TAPSRV = Interface(idl.TAPSRV, idl.TAPSRV_VERSION, {})


class HandedOn(Protocol):
    """
    The server's connection to Mallory; all that it sends goes to her target, and back.

    :ivar answers: what the target answered.
    """

    def __init__(self, network: MemoryNetwork, target: int) -> None:
        self.answers: list[bytes] = []
        self.onward: Any = None
        self._waiting = b""
        self._network = network
        self._target = target

    def connectionMade(self) -> None:
        """Go to the target."""
        factory = ClientFactory()
        factory.noisy = False
        factory.protocol = lambda: Onward(self)  # type: ignore[assignment]  # a callable will do
        self._network.connectTCP(HOST, self._target, factory)

    def dataReceived(self, data: bytes) -> None:
        """Ask for the other interface, which no logon covers; the rest is as it came."""
        data = data.replace(idl.REMOTESP.bytes_le, idl.TAPSRV.bytes_le)
        if self.onward is None:
            self._waiting += data
        else:
            self.onward.transport.write(data)

    def begin(self, onward: "Onward") -> None:
        """The target is there."""
        self.onward = onward
        onward.transport.write(self._waiting)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Mallory keeps the connection to her target."""


class Onward(Protocol):
    """The connection to the target."""

    def __init__(self, origin: HandedOn) -> None:
        self._origin = origin

    def connectionMade(self) -> None:
        """Say so."""
        self._origin.begin(self)

    def dataReceived(self, data: bytes) -> None:
        """Back to the server."""
        self._origin.answers += split(data)
        self._origin.transport.write(data)  # type: ignore[union-attr]  # connected


def taking(machineID: bytes, minimum: int) -> Authentication:
    """A listener that knows the server's account."""
    return ntlmService(Known(), minimum, evolve(server(), machineID=machineID))


class Relay(TestCase):
    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.logged: list[str] = []

        def observe(event: LogEvent) -> None:
            self.logged.append(eventAsText(event, includeTimestamp=False))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)

    def attach(self, target: int, make: Any = spnegoInitiator, level: int = 6) -> HandedOn:
        """
        Mallory attaches to the server as nobody, and has it call her back.

        :param target: where she hands that on to.
        :returns: once she was refused.
        """
        who = evolve(account(), machineID=MACHINE)
        self.server = RealServer(
            self.network, taking(MACHINE, 0), lambda host, name: make(level, who)
        )
        self.other = RealServer(self.network, taking(b"", level), port=OTHER)
        endpoint = Factory()
        endpoint.noisy = False
        handedOn: list[HandedOn] = []

        def made() -> HandedOn:
            handedOn.append(HandedOn(self.network, target))
            return handedOn[-1]

        endpoint.protocol = made  # type: ignore[assignment]  # a callable will do
        self.network.listenTCP(ENDPOINT, endpoint, interface=HOST)
        clock: Any = self.network
        found: list[Any] = []
        connecting = connect(clock, HOST, PORT, TAPSRV, 5)
        stub = idl.encodeClientAttach(-1, "", f'PC"ncacn_ip_tcp"{ENDPOINT}"')
        connecting.addCallback(lambda client: client.call(idl.ClientAttach, stub, 5))
        connecting.addBoth(found.append)
        for _ in range(5):
            self.network.flush()
            self.network.advance(1)
        [answer] = found
        self.assertEqual(
            idl.decodeClientAttachReply(answer, 0, len(answer)).result, LINEERR_OPERATIONFAILED
        )
        self.assertEqual(self.server.telephony.clients, {})
        self.assertEqual(self.other.telephony.clients, {})
        [only] = handedOn
        return only

    def test_backToTheServer(self) -> None:
        """The server does not take its own logon, at whatever level it was set to log on."""
        for make in (spnegoInitiator, ntlmInitiator):
            for level in (6, RPC_C_AUTHN_LEVEL_CONNECT):
                self.network = MemoryNetwork()
                self.logged.clear()
                self.attach(PORT, make, level)
                self.assertTrue(any("own logon, come back" in each for each in self.logged))
                self.assertFalse([c for c in self.server.factory.connections if c.principal])

    def test_toAnotherServer(self) -> None:
        """
        Another server takes the logon for what it is, but no request of Mallory's.

        The server's own RemoteSPAttach, sealed for whoever shares the key, is no ClientAttach; and
        Mallory can answer it with nothing that the other server has not sealed for her.
        """
        hers = {
            "in the clear": (request(b"hers"), nca_s_proto_error),
            "made up": (
                request(bytes(16), verifier=pdu.AuthVerifier(9, 6, 1, bytes(16))),
                RPC_S_SEC_PKG_ERROR,
            ),
        }
        for name, (octets, status) in hers.items():
            self.network = MemoryNetwork()
            handedOn = self.attach(OTHER)
            [connection] = self.other.factory.connections
            self.assertEqual(connection.principal.name, "DOM\\alice", name)
            attached = pdu.decode(handedOn.answers[-1])
            assert isinstance(attached, pdu.FaultPDU)
            self.assertEqual(attached.status, RPC_X_BAD_STUB_DATA)
            handedOn.onward.transport.write(octets)
            self.network.flush()
            answer = pdu.decode(handedOn.answers[-1])
            assert isinstance(answer, pdu.FaultPDU), name
            self.assertEqual(answer.status, status, name)
            self.assertEqual(self.other.factory.connections, set(), name)
            self.assertEqual(self.other.telephony.clients, {}, name)
