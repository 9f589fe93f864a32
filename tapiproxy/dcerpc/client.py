"""
Client connections: the transport and the clocks around a client association.

Used for the call-backs of a server and by the agent's side; both know the address to connect to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IConnector, IReactorTCP, IReactorTime
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from tapiproxy.dcerpc.addresses import shown
from tapiproxy.dcerpc.clientassociation import (
    MAX_STUB,
    AssociationFailed,
    ClientAssociation,
    LogonFailed,
)
from tapiproxy.dcerpc.directsend import DirectSender
from tapiproxy.dcerpc.interface import Interface, Receiver
from tapiproxy.dcerpc.keepalive import isTCP, setKeepAlive
from tapiproxy.dcerpc.management import Statistics
from tapiproxy.dcerpc.ndr import TransferSyntax
from tapiproxy.dcerpc.security import ISecurityContext

__all__ = ["AssociationFailed", "ClientConnection", "LogonFailed", "Reactor", "connect"]


class Reactor(IReactorTCP, IReactorTime):
    """A reactor that connects and keeps time; every real one does."""


class _Answer:
    """A receiver that has a Deferred for its answer."""

    __slots__ = ("deferred",)

    def __init__(self) -> None:
        self.deferred: Deferred[bytes] = Deferred(lambda deferred: None)

    def responded(self, data: bytes, start: int, end: int) -> None:
        """Give the stub, unless nobody waits any more."""
        if not self.deferred.called:
            self.deferred.callback(data[start:end])

    def failed(self, reason: Exception) -> None:
        """Give the reason, unless nobody waits any more."""
        if not self.deferred.called:
            self.deferred.errback(Failure(reason))


class ClientConnection(Protocol):
    """
    A connection that is bound to one interface.

    Made by :func:`connect`.  All methods belong to the reactor's thread.

    :param strictCallID: as for :class:`ClientAssociation`.
    :param security: an initiator for this connection; None to come as nobody.
    :param statistics: as for :class:`ClientAssociation`.
    :param largestStub: likewise.
    """

    _log = Logger()
    transport: Any

    def __init__(
        self,
        reactor: Any,
        interface: Interface,
        *,
        strictCallID: bool = False,
        security: ISecurityContext | None = None,
        statistics: Statistics | None = None,
        largestStub: int = MAX_STUB,
    ) -> None:
        self._reactor = reactor
        self._onLost: list[Callable[[], object]] = []
        self._lost = False
        self._bound: Deferred[ClientConnection] | None = Deferred(self._abandoned)
        self._association = ClientAssociation(
            interface,
            self._accepted,
            self._ended,
            strictCallID=strictCallID,
            security=security,
            flush=self._flush,
            statistics=statistics,
            largestStub=largestStub,
        )
        self._sender: DirectSender | None = None

    @property
    def littleEndian(self) -> bool:
        """The byte order of the last answer: hand it to the stub codecs."""
        return self._association.littleEndian

    @property
    def transferSyntax(self) -> TransferSyntax:
        """What the server has chosen of the interface's: hand it to the stub codecs."""
        return self._association.transferSyntax

    @property
    def peer(self) -> Any:
        """The server's address."""
        return self.transport.getPeer()

    def call(self, opnum: int, stub: bytes, deadline: float) -> Deferred[bytes]:
        """
        Call an operation, after those that wait already.

        :param stub: little endian, in the connection's transfer syntax.
        :param deadline: seconds to wait for the answer.
        :returns: the answer's stub.  It fails with :class:`tapiproxy.dcerpc.interface.Fault`, with
            TimeoutError (whose late answer is dropped), or with what ended the connection.
        """
        answer = _Answer()
        self.request(opnum, stub, answer)
        answer.deferred.addTimeout(deadline, self._reactor)
        return answer.deferred

    def request(self, opnum: int, stub: bytes, receiver: Receiver) -> None:
        """
        Call an operation for which a receiver waits; deadlines are the receiver's own.

        :param stub: little endian, in the connection's transfer syntax.
        """
        self._association.request(opnum, stub, receiver)
        self._flush()

    def onLost(self, f: Callable[[], object]) -> None:
        """Call *f* once when the association is of no more use; at once if it is not."""
        if self._lost:
            self._tell(f)
        else:
            self._onLost.append(f)

    def close(self) -> None:
        """End the connection, in order where nothing waits to be sent; calls that wait fail."""
        if self._sender is not None and not self._sender.buffered:
            self.transport.loseConnection()
        self._association.end(ConnectionDone("closed here"))

    # Transport

    def connectionMade(self) -> None:
        """Ask for the interface."""
        if isTCP(self.transport):
            self.transport.setTcpNoDelay(True)
        setKeepAlive(self.transport, True)
        self._sender = DirectSender(self.transport, self._drained, self._overflowed)
        self._association.bind()
        self._flush()

    def dataReceived(self, data: bytes) -> None:
        """Hand input to the association, then send what it has to say."""
        try:
            self._association.receiveData(data)
        except Exception:  # noqa: BLE001 -- a frontier: a bug ends one connection, not the process
            self._log.failure("association with {peer} failed", peer=shown(self.peer))
            self._association.end(AssociationFailed("internal error"))
        self._flush()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Fail what waits."""
        self._association.end(
            reason.value if isinstance(reason.value, Exception) else ConnectionDone()
        )

    # Inside

    def _flush(self) -> None:
        output = self._association.takeOutput()
        if output and self._sender is not None:
            self._sender.send(output)

    def _drained(self) -> None:
        """What waited has gone; nobody waits for that here."""

    def _overflowed(self) -> None:
        self._association.end(AssociationFailed("the server does not read what it is asked"))

    def _accepted(self) -> None:
        # Not kept once it has fired: there is one for each attached client.
        bound, self._bound = self._bound, None
        if bound is not None:
            bound.callback(self)

    def _ended(self, reason: Exception) -> None:
        self._lost = True
        if self.transport is not None and not getattr(self.transport, "disconnecting", False):
            self.transport.abortConnection()
        bound, self._bound = self._bound, None
        if bound is not None:
            bound.errback(Failure(reason))
        callbacks, self._onLost = self._onLost, []
        for f in callbacks:
            self._tell(f)

    def _tell(self, f: Callable[[], object]) -> None:
        try:
            f()
        except Exception:  # noqa: BLE001 -- a frontier: the layer above is called, and logged
            self._log.failure("callback failed on connection to a server")

    def _abandoned(self, deferred: Deferred[ClientConnection]) -> None:
        self._association.end(CancelledError())


class _Factory(ClientFactory):
    """Makes the one connection, or says that it cannot be made."""

    noisy = False

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    def buildProtocol(self, addr: object) -> ClientConnection:
        """The connection; a client factory is asked once."""
        return self._connection

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        """Pass the reason on."""
        self._connection.connectionLost(reason)


def connect(
    reactor: Reactor,
    host: str,
    port: int,
    interface: Interface,
    timeout: float,
    *,
    strictCallID: bool = False,
    security: ISecurityContext | None = None,
    statistics: Statistics | None = None,
    largestStub: int = MAX_STUB,
) -> Deferred[ClientConnection]:
    """
    Connect by TCP, bind and log on.

    :param timeout: seconds for all of it together.
    :param strictCallID: as for :class:`ClientAssociation`.
    :param security: an initiator for this connection; None to come as nobody.  Where its last leg
        is one that has no answer (NTLM's by itself), a logon that the server refuses shows as the
        :class:`tapiproxy.dcerpc.interface.Fault` of the first call.
    :param statistics: as for :class:`ClientAssociation`.
    :param largestStub: likewise.
    :returns: the connection.  It fails with TimeoutError, a twisted.internet.error of connecting,
        or :class:`AssociationFailed`, which is :class:`LogonFailed` where it is about the logon;
        nothing is left open then.
    """
    connection = ClientConnection(
        reactor,
        interface,
        strictCallID=strictCallID,
        security=security,
        statistics=statistics,
        largestStub=largestStub,
    )
    outcome = connection._bound
    assert outcome is not None
    connector = reactor.connectTCP(
        host, port, _Factory(connection), timeout=max(1, int(timeout) + 1)
    )

    def finish(result: ClientConnection | Failure) -> ClientConnection | Failure:
        if isinstance(result, Failure):
            connector.disconnect()
        return result

    outcome.addTimeout(timeout, reactor, onTimeoutCancel=_tooLate)
    outcome.addBoth(finish)
    return outcome


def _tooLate(result: Any, timeout: float) -> Any:
    if isinstance(result, Failure):
        raise TimeoutError(timeout, "Deferred")
    return result
