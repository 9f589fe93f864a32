"""
Pipes: connections that Samba's smbd hands on, one for each pipe handle of an SMB client.

First smbd says who has opened the pipe (:mod:`tapiproxy.dcerpc.namedpipeauth`), and the client can
do nothing until it has its reply; then everything is as with TCP, but for the messages around PDUs
(:mod:`tapiproxy.dcerpc.messagemode`).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Hashable, Iterable
from struct import Struct
from typing import Any, ClassVar

import attrs
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import Interface as ZopeInterface
from zope.interface import implementer

from tapiproxy.dcerpc.addresses import peerKey
from tapiproxy.dcerpc.association import ServerAssociation
from tapiproxy.dcerpc.interface import (
    RPC_C_AUTHN_LEVEL_CONNECT,
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
    RPC_C_AUTHN_NONE,
    AuthenticationFailed,
    Interface,
)
from tapiproxy.dcerpc.management import Statistics
from tapiproxy.dcerpc.messagemode import EmptyMessage, MessageReader, messages
from tapiproxy.dcerpc.namedpipeauth import (
    NamedPipeAuthError,
    NamedPipeAuthRequest,
    decodeRequest,
    encodeReply,
    requestSize,
)
from tapiproxy.dcerpc.pdu import NAK_REASON_NOT_SPECIFIED
from tapiproxy.dcerpc.security import IAuthenticationService, ISecurityContext
from tapiproxy.dcerpc.server import Limits, ServerFactory, ServerProtocol

MAX_HANDSHAKES = 256
"""At one time, of all clients: smbd sends its request at once, and groups are found soon."""

_credentials = Struct("3i")


class IPipePrincipals(ZopeInterface):
    """Who the users of smbd are to the server."""

    def identify(request: NamedPipeAuthRequest, done: Callable[[object | None], None]) -> None:
        """
        Make a principal of a client that has logged on to smbd.

        Called in the reactor's thread; must not block, may be slow within the deadline of
        handshakes.

        :param request: what smbd says; somebody has logged on, who is no guest.
        :param done: to be called once, now or later; with None to refuse.
        """


@attrs.frozen
class PipeAddress:
    """
    Where a client of a pipe is.

    :ivar host: the address of the SMB client.
    :ivar port: its port, of a connection that many pipes may share.
    :ivar pipe: the name of the pipe.
    """

    host: str
    port: int
    pipe: str


@implementer(ISecurityContext)
@attrs.frozen(kw_only=True)
class PipeContext:
    """
    What a pipe says of its client, in the place of a security context that the client has begun.

    :ivar authLevel: RPC_C_AUTHN_LEVEL_PKT_PRIVACY where SMB3 encrypts, which keeps others from
        reading and from changing anything between the client and smbd; CONNECT elsewhere, since
        smbd does not tell whether it wants signatures.
    """

    principal: object
    authLevel: int

    authType: ClassVar[int] = RPC_C_AUTHN_NONE
    complete: ClassVar[bool] = True
    tokenSize: ClassVar[int] = 0
    needsHeaderSigning: ClassVar[bool] = False

    def step(self, token: bytes, done: Callable[[bytes | AuthenticationFailed], None]) -> None:
        """As ISecurityContext: it is complete, and takes none."""
        done(AuthenticationFailed("a leg too many", reason=NAK_REASON_NOT_SPECIFIED))

    def protect(
        self, head: bytes, body: bytes, trailer: bytes, headerSigning: bool
    ) -> tuple[bytes, bytes]:
        """As ISecurityContext: what is to be done, SMB does."""
        return body, b""

    def unprotect(
        self, head: bytes, body: bytes, trailer: bytes, token: bytes, headerSigning: bool
    ) -> bytes:
        """As ISecurityContext: what is to be done, SMB has done."""
        return body


class PipeConnection(ServerProtocol):
    """
    What one pipe handle carries, after its handshake.

    :param address: where the client is.
    :param sid: who it is: its association groups are of him alone.
    :param context: the identity that requests have without security context of their own.
    """

    def __init__(
        self, factory: PipeFactory, address: PipeAddress, sid: str, context: PipeContext | None
    ) -> None:
        super().__init__(factory)
        self.peer = address
        self._sid = sid
        self._context = context
        self._messages = MessageReader()

    def dataReceived(self, data: bytes) -> None:
        """Take the octets out of their messages."""
        try:
            content = self._messages.receive(data)
        except EmptyMessage:
            self.abort("an empty message")
            return
        super().dataReceived(content)

    def _makeAssociation(self) -> ServerAssociation:
        return ServerAssociation(
            self._factory.endpoint,
            self,
            peerKey(self.peer),
            b"\\pipe\\%s\0" % self.peer.pipe.encode("ascii"),
            (self.peer.pipe, self._sid),
            self._context,
        )

    def _takeOutput(self) -> bytes:
        return messages(super()._takeOutput())


class PipeProtocol(Protocol):
    """smbd's connection for one pipe handle: the handshake, and then who carries on."""

    _log = Logger()
    transport: Any

    def __init__(self, factory: PipeFactory) -> None:
        self._factory = factory
        self._connection: PipeConnection | None = None
        self._request: NamedPipeAuthRequest | None = None
        self._input = b""
        self._ended = False
        self._deadline: IDelayedCall | None = None

    def connectionMade(self) -> None:
        """See that it is smbd."""
        factory = self._factory
        factory.handshakes.add(self)
        user = peerUser(self.transport)
        if user != factory.user:
            self._refuse(("user", user), f"its user is {user}; smbd's should be {factory.user}")
            return
        seconds = factory.limits.handshake
        self._deadline = factory.reactor.callLater(seconds, self._late, seconds)

    def dataReceived(self, data: bytes) -> None:
        """Collect the request, then hand on."""
        if self._connection is not None:
            self._connection.dataReceived(data)
            return
        if self._ended:
            return
        self._input += data
        try:
            size = requestSize(self._input)
            if size is None or len(self._input) < size:
                return
            request = decodeRequest(self._input)
        except NamedPipeAuthError as error:
            self._refuse("request", f"it sent no request of smbd that is known here: {error}")
            return
        self._input = b""
        self._requested(request)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The client has closed the pipe, or has gone, or smbd has."""
        self._end()
        if self._connection is not None:
            self._connection.connectionLost(reason)

    def abort(self) -> None:
        """End it, if it is still without a connection."""
        self._end()
        self.transport.abortConnection()

    def _requested(self, request: NamedPipeAuthRequest) -> None:
        # smbd looks at no refusal in the reply: who is refused gets none, and cannot open the pipe.
        if not request.authenticated:
            self._refuse(
                ("nobody", request.host),
                f"the client at {request.host} is {request.domain}\\{request.account}, a guest or "
                "nobody: set restrict anonymous = 2 and map to guest = never in smb.conf",
            )
            return
        # At once: until then the client hangs, and an smbd with it.
        self.transport.write(encodeReply(request.level))
        principals = self._factory.principals
        if principals is None:
            self._begin(request, None)
            return
        self._request = request
        # It may begin to write: that waits in the kernel.
        self.transport.pauseProducing()
        principals.identify(request, self._identified)

    def _identified(self, principal: object | None) -> None:
        request = self._request
        if request is None:
            # The handshake is over: smbd has gone, or it took too long.
            return
        if principal is None:
            self._refuse(
                ("principal", request.host),
                f"{request.domain}\\{request.account} at {request.host} is no principal here",
            )
            return
        level = RPC_C_AUTHN_LEVEL_PKT_PRIVACY if request.encrypted else RPC_C_AUTHN_LEVEL_CONNECT
        self.transport.resumeProducing()
        self._begin(request, PipeContext(principal=principal, authLevel=level))

    def _begin(self, request: NamedPipeAuthRequest, context: PipeContext | None) -> None:
        self._end()
        factory = self._factory
        address = PipeAddress(request.host, request.port, factory.pipe)
        if not factory.admit(address):
            self.transport.abortConnection()
            return
        self._connection = PipeConnection(factory, address, request.sid, context)
        self._connection.makeConnection(self.transport)  # type: ignore[no-untyped-call]  # Twisted's

    def _late(self, seconds: float) -> None:
        self._deadline = None
        self._refuse("late", f"the handshake was not done within {seconds:g} s")

    def _refuse(self, about: Hashable, reason: str) -> None:
        """
        Count and log a pipe that is refused, and end it.

        :param about: what has one line in the log for some time.
        """
        self._factory.refused += 1
        unsaid = self._factory.logShare.take(("pipe", about))
        if unsaid is not None:
            self._log.warn(
                "connection for the pipe {pipe} refused: {reason}{unsaid}",
                pipe=self._factory.pipe,
                reason=reason,
                unsaid=unsaid,
            )
        self.abort()

    def _end(self) -> None:
        """The handshake is over, whichever way."""
        self._ended = True
        self._input = b""
        self._request = None
        self._factory.handshakes.discard(self)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class PipeFactory(ServerFactory):
    """
    Accepts the connections of smbd for one pipe.

    :param pipe: its name, as clients have it.
    :param user: the Unix user that smbd runs as: no other may say who its clients are.
    :param principals: makes the identity of requests whose client has begun no security context;
        None to leave them without one.
    :ivar handshakes: those that go on.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        interfaces: Iterable[Interface],
        authentication: IAuthenticationService | None = None,
        limits: Limits | None = None,
        statistics: Statistics | None = None,
        *,
        pipe: str,
        user: int = 0,
        principals: IPipePrincipals | None = None,
    ) -> None:
        super().__init__(reactor, interfaces, authentication, limits, statistics)
        self.pipe = pipe
        self.user = user
        self.principals = principals
        self.handshakes: set[PipeProtocol] = set()

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """Accept; clients are counted when it is known where they are."""
        if len(self.handshakes) >= MAX_HANDSHAKES:
            self._refuse(addr, None, f"{MAX_HANDSHAKES} pipes are being opened")
            return None
        return PipeProtocol(self)

    def abortConnections(self, reason: str) -> None:
        """End all connections, and those that are not yet any."""
        for handshake in tuple(self.handshakes):
            handshake.abort()
        super().abortConnections(reason)


def peerUser(transport: Any) -> int:
    """The Unix user who has connected to a UNIX socket."""
    octets = transport.getHandle().getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, _credentials.size
    )
    user: int = _credentials.unpack(octets)[1]
    return user
