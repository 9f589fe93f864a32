"""
From a host and a port to an attached client: two connections and ClientAttach.  [MS-TRP] 3.1.4.1

The client listens on the address from which its own connection to the server goes out, since that
is the one that the server can reach, and the only one that a careful server connects back to.
"""

import platform
from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.error import (
    CannotListenError,
    ConnectError,
    ConnectionClosed,
    DNSLookupError,
)
from twisted.internet.interfaces import IListeningPort

from tapiproxy.client.callers import Callers
from tapiproxy.client.errors import (
    AttachRefused,
    CallFailed,
    ClientError,
    ConnectionEnded,
    LogonRefused,
    NoAnswer,
    ServerUnreachable,
)
from tapiproxy.client.observing import EventReceiver, Observer
from tapiproxy.client.remotesp import RemoteSP
from tapiproxy.client.session import ClientSession, Deadlines
from tapiproxy.client.telephony import TelephonyClient
from tapiproxy.dcerpc.authnames import levelName
from tapiproxy.dcerpc.client import AssociationFailed, ClientConnection, LogonFailed, Reactor
from tapiproxy.dcerpc.client import connect as connectRPC
from tapiproxy.dcerpc.interface import (
    ERROR_ACCESS_DENIED,
    RPC_S_SEC_PKG_ERROR,
    Interface,
    nca_s_proto_error,
)
from tapiproxy.dcerpc.security import IAuthenticationService, ISecurityContext
from tapiproxy.dcerpc.server import Limits, ServerFactory
from tapiproxy.trp import idl

__all__ = ["connect"]

#: What the first call is answered where who calls is refused, or how: a logon may have no answer of
#: its own.
_NOT_YOU = {ERROR_ACCESS_DENIED, RPC_S_SEC_PKG_ERROR, nca_s_proto_error}

#: The server calls back once; a few more connections are let in to be refused in words.
CALLBACK_LIMITS = Limits(connections=4, connectionsPerAddress=4)

_TAPSRV = Interface(idl.TAPSRV, idl.TAPSRV_VERSION, {}, idl.TRANSFER_SYNTAXES)


def connect(
    reactor: Reactor,
    host: str,
    port: int,
    *,
    onEvent: EventReceiver,
    observer: Observer | None = None,
    deadlines: Deadlines | None = None,
    machine: str | None = None,
    newContext: Callable[[str], ISecurityContext] | None = None,
    servers: IAuthenticationService | None = None,
) -> "Deferred[TelephonyClient]":
    """
    Connect to a server, bind tapsrv, and attach with a remotesp endpoint of our own.

    :param host: the server's name or address.
    :param port: its TCP port.
    :param onEvent: called with every event, in order.
    :param observer: called with every packet.
    :param machine: the name that the server knows this machine by; its own without it.
    :param newContext: gives the initiator of the logon, by the server's name; None to come as
        nobody.
    :param servers: which servers may call back, by their logon; None for one that has none.
    :returns: the attached client.  It fails with ServerUnreachable, LogonRefused, AttachRefused or
        another `ClientError`; nothing is left open then.
    """
    return Deferred.fromCoroutine(
        _connect(
            reactor,
            host,
            port,
            onEvent,
            observer,
            deadlines or Deadlines(),
            platform.node() if machine is None else machine,
            None if newContext is None else newContext(host),
            Callers(servers),
        )
    )


async def _connect(
    reactor: Reactor,
    host: str,
    port: int,
    onEvent: EventReceiver,
    observer: Observer | None,
    deadlines: Deadlines,
    machine: str,
    security: ISecurityContext | None,
    callers: Callers,
) -> TelephonyClient:
    try:
        connection = await connectRPC(
            reactor,
            host,
            port,
            _TAPSRV,
            deadlines.connect,
            # Or a fault that somebody puts in would make each answer that of the call behind it.
            strictCallID=security is not None,
            security=security,
        )
    except DeferredTimeout:
        raise ServerUnreachable(f"no connection within {deadlines.connect:g} s") from None
    except (ConnectError, ConnectionClosed, DNSLookupError) as error:
        raise ServerUnreachable(str(error).rstrip(".")) from None
    except LogonFailed as error:
        raise LogonRefused(str(error)) from None
    except AssociationFailed as error:
        raise ServerUnreachable(f"it is no telephony server: {error}") from None
    session = ClientSession(reactor, connection, onEvent, observer=observer, deadlines=deadlines)
    connection.onLost(lambda: session.end(ConnectionEnded("the server closed the connection")))
    try:
        callback = _Callback(reactor, connection, session, callers)
        await _attach(session, callback, machine, security)
    except BaseException:
        session.end(ConnectionEnded("attaching failed"))
        raise
    return TelephonyClient(session, callback.remotesp.detached)


class _Callback:
    """
    The client's own endpoint: it listens as long as the session lasts.

    :raises ServerUnreachable: no port can be had.
    """

    def __init__(
        self,
        reactor: Reactor,
        connection: ClientConnection,
        session: ClientSession,
        callers: Callers,
    ) -> None:
        self.reactor = reactor
        self.callers = callers
        self.remotesp = RemoteSP(
            connection.peer.host,
            session.deliver,
            lambda: session.end(ConnectionEnded("the server closed its call-back connection")),
        )
        self._factory = ServerFactory(
            reactor, [self.remotesp.interface], callers, limits=CALLBACK_LIMITS
        )
        own: str = connection.transport.getHost().host
        try:
            self._listening: IListeningPort = reactor.listenTCP(
                0, cast(Any, self._factory), interface=own
            )
        except CannotListenError as error:
            raise ServerUnreachable(f"no endpoint for its call-back: {error}") from None
        self.port: int = cast(Any, self._listening.getHost()).port
        session.whenEnded().addCallback(self._close)

    def _close(self, reason: ClientError) -> None:
        self._listening.stopListening()
        self._factory.abortConnections(str(reason))


async def _attach(
    session: ClientSession, callback: _Callback, machine: str, security: ISecurityContext | None
) -> None:
    try:
        await session.attach(machine, callback.port)
    except AttachRefused as error:
        raise AttachRefused(
            error.code, callback.callers.problem, callback.remotesp.elsewhere
        ) from None
    except CallFailed as error:
        if error.status not in _NOT_YOU:
            raise
        raise LogonRefused(
            f"the server wants clients to log on ({error})"
            if security is None
            else f"the server does not take the logon, or not at level "
            f"{levelName(security.authLevel)} ({error})"
        ) from None
    # The server connects back before it answers; a slow one gets the time of another call.
    seconds = session.deadlines.call
    try:
        await callback.remotesp.attached.addTimeout(seconds, callback.reactor)
    except DeferredTimeout:
        raise NoAnswer(f"the server did not call back within {seconds:g} s") from None
