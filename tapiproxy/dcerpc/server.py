"""
Server connections: the transport, the clocks and the limits around an association.

The protocol decides nothing about PDUs (:mod:`tapiproxy.dcerpc.association` does); it moves bytes,
holds every wait to a deadline and every client to its share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from enum import Enum
from typing import Any

import attrs
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from tapiproxy.dcerpc.addresses import peerKey, shown
from tapiproxy.dcerpc.association import ServerAssociation
from tapiproxy.dcerpc.authnames import levelName, mechanismName, providerName
from tapiproxy.dcerpc.call import Call
from tapiproxy.dcerpc.contexthandles import AssociationGroup
from tapiproxy.dcerpc.directsend import DirectSender
from tapiproxy.dcerpc.endpoint import Endpoint
from tapiproxy.dcerpc.interface import AuthenticationFailed, Interface
from tapiproxy.dcerpc.keepalive import isTCP, setKeepAlive
from tapiproxy.dcerpc.logshare import LogShare
from tapiproxy.dcerpc.management import Statistics
from tapiproxy.dcerpc.pdu import AuthVerifier
from tapiproxy.dcerpc.security import IAuthenticationService, NoAuthentication
from tapiproxy.dcerpc.securitycontexts import AuthContext, levelOf


@attrs.frozen(kw_only=True)
class Limits:
    """
    What a listener's clients may use.  Times are seconds.

    :ivar connections: of all clients; the descriptors of the process are the reason, and each
        attached client has a second one for its call-backs.
    :ivar connectionsPerAddress: of one address: a terminal server has many agents, a flood more.
    :ivar handshake: from accepting the connection to an accepted bind, logon included.
    :ivar idle: without input, while no client has attached.
    :ivar stalled: for a client to send the rest of a request, or to read what waits for it.
    """

    connections: int = 10000
    connectionsPerAddress: int = 1000
    handshake: float = 10.0
    idle: float = 60.0
    stalled: float = 30.0


class _Wait(Enum):
    """What a connection waits for, and has a deadline for; an attached one may be idle for ever."""

    HANDSHAKE = "no bind within {seconds} s"
    STALLED = "stalled for {seconds} s"
    IDLE = "idle for {seconds} s"


class ServerProtocol(Protocol):
    """
    One connection; what operations see of it is :class:`tapiproxy.dcerpc.interface.Connection`.

    :ivar association: its association.
    """

    _log = Logger()
    transport: Any

    def __init__(self, factory: ServerFactory) -> None:
        self.peer: Any = None
        self._factory = factory
        self._afterSent: list[Callable[[], object]] = []
        self._onLost: list[Callable[[], object]] = []
        self._receiving = False
        self._lost = False
        self._aborted = False
        self._attached = False
        self._paused = False
        self._nextTurn: IDelayedCall | None = None
        self._waitingFor: _Wait | None = None
        self._deadline: IDelayedCall | None = None

    # Transport

    def connectionMade(self) -> None:
        """Begin an association, which has to be bound soon."""
        if isTCP(self.transport):
            self.transport.setTcpNoDelay(True)
        self._sender = DirectSender(self.transport, self._drained, self._overflowed)
        self.association = self._makeAssociation()
        self._factory.connections.add(self)
        self._regulate()

    def dataReceived(self, data: bytes) -> None:
        """Hand input to the association, then send what it has to say, in one piece."""
        self._receiving = True
        try:
            self.association.receiveData(data)
        except Exception:  # noqa: BLE001 -- a frontier: a bug ends one connection, not the server
            self._log.failure("association with {peer} failed", peer=shown(self.peer))
            self.abort("internal error")
        self._receiving = False
        self._deliver()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Drop calls, run context handles down if this was the group's last connection."""
        self._lost = True
        for timer in (self._deadline, self._nextTurn):
            if timer is not None and timer.active():
                timer.cancel()
        self._factory.forget(self)
        self.association.connectionLost(self._rundownFailed)
        callbacks = self._afterSent + self._onLost
        self._afterSent, self._onLost = [], []
        self._callAll(callbacks)

    # What operations see

    @property
    def host(self) -> Any:
        """The address that the client reached."""
        return self.transport.getHost()

    @property
    def group(self) -> AssociationGroup:
        """The association group; operations are called in bound associations only."""
        assert self.association.group is not None
        return self.association.group

    @property
    def principal(self) -> Any:
        """Who the client is, by its first logon."""
        return self.association.security.principal

    @property
    def authLevel(self) -> int:
        """The level of its first logon."""
        return self.association.security.authLevel

    def afterSent(self, f: Callable[[], object]) -> None:
        """Call *f* once when all that this connection was asked to send is in the kernel."""
        self._afterSent.append(f)
        if not self._receiving and (self._lost or not self._sender.buffered):
            self._runAfterSent()

    def onLost(self, f: Callable[[], object]) -> None:
        """Call *f* once when the connection has gone; at once if it has."""
        self._onLost.append(f)
        if self._lost:
            callbacks, self._onLost = self._onLost, []
            self._callAll(callbacks)

    def setAttached(self, attached: bool) -> None:
        """Take TCP keepalive instead of the idle deadline, or go back."""
        self._attached = attached
        if not self._lost:
            setKeepAlive(self.transport, attached)
            self._regulate()

    def abort(self, reason: str) -> None:
        """End the connection without sending what waits."""
        if not self._lost and not self._aborted:
            self._aborted = True
            unsaid = self._factory.logShare.take(("ended", peerKey(self.peer)))
            if unsaid is not None:
                self._log.info(
                    "connection of {peer} ended: {reason}{unsaid}",
                    peer=shown(self.peer),
                    reason=reason,
                    unsaid=unsaid,
                )
            self.association.end(reason)
            self.transport.abortConnection()

    # What the association calls

    def flush(self) -> None:
        """Send what the association has to say outside of input."""
        if not self._receiving:
            self._deliver()

    def resume(self) -> None:
        """Go on with input that was held back."""
        self._nextTurn = None
        if not self._lost:
            self.dataReceived(b"")

    def logonFailed(self, verifier: AuthVerifier, failure: AuthenticationFailed) -> None:
        """Log why a logon was refused, unless who refused it has said so."""
        if failure.logged:
            return
        unsaid = self._factory.logShare.take(("logon", peerKey(self.peer)))
        if unsaid is not None:
            self._log.warn(
                "logon of {peer} by {provider} at level {authLevel} refused: "
                "{reason}{user}{unsaid}",
                peer=shown(self.peer),
                provider=providerName(verifier.auth_type),
                authLevel=levelName(verifier.auth_level),
                reason=str(failure),
                user=f", user {failure.user!r}" if failure.user else "",
                unsaid=unsaid,
            )

    def callRefused(self, security: AuthContext | None) -> None:
        """Log what a call lacks."""
        unsaid = self._factory.logShare.take(("level", peerKey(self.peer)))
        if unsaid is not None:
            self._log.warn(
                "calls of {peer} refused: {logon} is level {authLevel}, and the listener's "
                "minimum_level is {wanted}{unsaid}",
                peer=shown(self.peer),
                logon=mechanismName(security.context) if security else "no logon",
                authLevel=levelName(levelOf(security)),
                wanted=levelName(self._factory.endpoint.authentication.minimumLevel),
                unsaid=unsaid,
            )

    def operationFailed(self, call: Call) -> None:
        """Log what an operation raised."""
        self._log.failure(
            "operation {opnum} of interface {uuid} failed for {peer}",
            opnum=call.opnum,
            uuid=call.interface.uuid,
            peer=shown(self.peer),
        )

    # What other transports than TCP do their own way

    def _makeAssociation(self) -> ServerAssociation:
        """Find out who the peer is."""
        self.peer = self.transport.getPeer()
        port = getattr(self.transport.getHost(), "port", None)
        return ServerAssociation(
            self._factory.endpoint,
            self,
            peerKey(self.peer),
            b"" if port is None else b"%d\0" % port,
        )

    def _takeOutput(self) -> bytes:
        """What is to be sent, once."""
        return self.association.takeOutput()

    # Inside

    def _deliver(self) -> None:
        if self._aborted:
            return
        association = self.association
        if association.hasOutput:
            self._sender.send(self._takeOutput())
        if self._afterSent and not self._sender.buffered:
            self._runAfterSent()
        if (
            self._deadline is not None
            or self._paused
            or self._sender.buffered
            or not association.idle
        ):
            self._regulate()

    def _regulate(self) -> None:
        """Set reading, the next turn and the deadline as the association's state wants them."""
        if self._lost or self._aborted:
            return
        association = self.association
        if association.ended:
            self.transport.loseConnection()
            self._watch()
            return
        hold = bool(association.unfinished or association.security.waiting or self._sender.buffered)
        if hold is not self._paused:
            self._paused = hold
            if hold:
                self.transport.pauseProducing()
            else:
                self.transport.resumeProducing()
        if association.unfinished and not self._sender.buffered and self._nextTurn is None:
            self._nextTurn = self._factory.reactor.callLater(0, self.resume)
        self._watch()

    def _watch(self) -> None:
        association = self.association
        limits = self._factory.limits
        waits = {
            _Wait.HANDSHAKE: limits.handshake,
            _Wait.STALLED: limits.stalled,
            _Wait.IDLE: limits.idle,
        }
        wait: _Wait | None = None
        if association.ended or self._sender.buffered:
            wait = _Wait.STALLED
        elif not association.bound:
            wait = _Wait.HANDSHAKE
        elif not association.idle:
            wait = _Wait.STALLED
        elif not self._attached:
            wait = _Wait.IDLE
        if wait is self._waitingFor:
            if wait is _Wait.IDLE and self._deadline is not None:
                self._deadline.reset(limits.idle)
            return
        self._waitingFor = wait
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if wait is not None:
            self._deadline = self._factory.reactor.callLater(waits[wait], self._late, waits[wait])

    def _late(self, seconds: float) -> None:
        self._deadline = None
        wait, self._waitingFor = self._waitingFor, None
        assert wait is not None
        self.abort(wait.value.format(seconds=seconds))

    def _drained(self) -> None:
        self._runAfterSent()
        self._regulate()

    def _overflowed(self) -> None:
        self.abort("it does not read what it asked for")

    def _runAfterSent(self) -> None:
        callbacks, self._afterSent = self._afterSent, []
        self._callAll(callbacks)

    def _callAll(self, callbacks: list[Callable[[], object]]) -> None:
        for f in callbacks:
            try:
                f()
            except Exception:  # noqa: BLE001 -- a frontier: the layer above is called, and logged
                self._log.failure("callback failed on connection of {peer}", peer=shown(self.peer))

    def _rundownFailed(self) -> None:
        self._log.failure("rundown of a context handle of {peer} failed", peer=shown(self.peer))


class ServerFactory(Factory):
    """
    Accepts connections for a set of interfaces.

    :param reactor: for deadlines and turns.
    :param interfaces: what is offered, beside mgmt.
    :param authentication: who may come in; None for anyone.
    :param statistics: where to count; None for counters of its own.
    :ivar connections: those that are open.
    :ivar logShare: what each address may have logged, by what it is about.
    """

    noisy = False
    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        interfaces: Iterable[Interface],
        authentication: IAuthenticationService | None = None,
        limits: Limits | None = None,
        statistics: Statistics | None = None,
    ) -> None:
        self.reactor = reactor
        self.limits = limits or Limits()
        self.endpoint = Endpoint(interfaces, authentication or NoAuthentication(), statistics)
        self.connections: set[ServerProtocol] = set()
        self.refused = 0
        self._accepted = 0
        self._perAddress: Counter[Hashable] = Counter()
        self.logShare = LogShare(reactor)

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """Accept, or refuse (None closes it) where the client or the server has its fill."""
        return ServerProtocol(self) if self.admit(addr) else None

    def forget(self, connection: ServerProtocol) -> None:
        """A connection has gone."""
        self.connections.discard(connection)
        key = peerKey(connection.peer)
        self._accepted -= 1
        self._perAddress[key] -= 1
        if self._perAddress[key] <= 0:
            del self._perAddress[key]

    def admit(self, addr: object) -> bool:
        """Count a connection, which is :meth:`forget`'s to take off, or refuse it."""
        key = peerKey(addr)
        if self._accepted >= self.limits.connections:
            self._refuse(addr, None, f"connections is {self.limits.connections}")
            return False
        if self._perAddress[key] >= self.limits.connectionsPerAddress:
            self._refuse(addr, key, f"connectionsPerAddress is {self.limits.connectionsPerAddress}")
            return False
        self._perAddress[key] += 1
        self._accepted += 1
        return True

    def _refuse(self, addr: object, who: Hashable, reason: str) -> None:
        """
        Count and log a connection that is refused.

        :param who: has its fill; None for all together, who have one line together.
        """
        self.refused += 1
        unsaid = self.logShare.take(("refused", who))
        if unsaid is not None:
            self._log.warn(
                "connection of {peer} refused: {reason}{unsaid}",
                peer=shown(addr),
                reason=reason,
                unsaid=unsaid,
            )

    def abortConnections(self, reason: str) -> None:
        """End all connections."""
        for connection in tuple(self.connections):
            connection.abort(reason)
