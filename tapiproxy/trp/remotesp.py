"""
The call-back: the server as a client of the application's remotesp endpoint.  [MS-TRP] 3.3

It connects only to the address that the client's own call came from; the client names the port.
Which events go out, and in which order, is ``delivery``'s.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.error import ConnectionClosed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from tapiproxy.dcerpc import client
from tapiproxy.dcerpc.interface import (
    ERROR_ACCESS_DENIED,
    RPC_S_SEC_PKG_ERROR,
    Fault,
    Interface,
    Receiver,
    nca_s_proto_error,
)
from tapiproxy.dcerpc.management import Statistics
from tapiproxy.dcerpc.ndr import TransferSyntax
from tapiproxy.dcerpc.security import ISecurityContext
from tapiproxy.trp import idl
from tapiproxy.trp.settings import Settings

__all__ = [
    "Callback",
    "CallbackConnection",
    "Connector",
    "LogonRefused",
    "Machine",
    "connect",
    "parseMachine",
    "tcpConnector",
]

#: Endpoints of one client that are tried: a client has one, or one for each network.
_MAX_ENDPOINTS = 4

#: Octets of an answer of remotesp: 24 at most, and clients may put something behind.  Any client
#: can begin an answer that has no end, and a thousand of one address at one time.
_LARGEST_ANSWER = 1024

_TCP = "ncacn_ip_tcp"


@frozen
class Machine:
    """
    What pszMachine says: the machine's name and the ports of its ncacn_ip_tcp endpoints.

    Other protocol sequences are not served.
    """

    name: str
    ports: tuple[int, ...]


def parseMachine(pszMachine: str) -> Machine:
    """
    Read pszMachine: ``PC-NAME"ncacn_ip_tcp"251"ncacn_nb_nb"251"``.  [MS-TRP] 3.1.4.1

    What is no such list has no endpoints.
    """
    name, *words = pszMachine.split('"')
    ports = []
    for sequence, endpoint in zip(words[::2], words[1::2], strict=False):
        if sequence == _TCP and endpoint.isascii() and endpoint.isdigit() and len(endpoint) <= 5:
            if 0 < int(endpoint) <= 0xFFFF:
                ports.append(int(endpoint))
    return Machine(name, tuple(ports[:_MAX_ENDPOINTS]))


class CallbackConnection(Protocol):
    """A connection that is bound to remotesp: `tapiproxy.dcerpc.client.ClientConnection`."""

    @property
    def littleEndian(self) -> bool:
        """The byte order of the last answer."""

    @property
    def transferSyntax(self) -> TransferSyntax:
        """The transfer syntax that the client's endpoint has chosen."""

    def call(self, opnum: int, stub: bytes, deadline: float) -> Deferred[bytes]:
        """Call a method; the Deferred has the answer's stub."""

    def request(self, opnum: int, stub: bytes, receiver: Receiver) -> object:
        """Call a method for which a receiver waits: without a Deferred."""

    def onLost(self, f: Callable[[], object]) -> None:
        """Call *f* once when the connection has gone."""

    def close(self) -> None:
        """End the connection."""


#: Connects and binds to remotesp: (host, port, seconds, the client's name) -> connection.
Connector = Callable[[str, int, float, str], Awaitable[CallbackConnection]]


def tcpConnector(
    reactor: client.Reactor,
    newContext: Callable[[str, str], ISecurityContext] | None = None,
    statistics: Statistics | None = None,
) -> Connector:
    """
    Make what connects to clients by TCP.

    :param reactor: connections and time.
    :param newContext: gives the initiator of a logon to a client, by its address and what it calls
        itself; None to come as nobody.
    :param statistics: where to count; None to count nothing.
    """
    remotesp = Interface(idl.REMOTESP, idl.REMOTESP_VERSION, {}, idl.TRANSFER_SYNTAXES)

    def connector(
        host: str, port: int, seconds: float, name: str
    ) -> Deferred[client.ClientConnection]:
        security = None if newContext is None else newContext(host, name)
        return client.connect(
            reactor,
            host,
            port,
            remotesp,
            seconds,
            security=security,
            statistics=statistics,
            largestStub=_LARGEST_ANSWER,
        )

    return connector


class AttachRefused(Exception):
    """The client's remotesp answered RemoteSPAttach with an error."""


class LogonRefused(Exception):
    """The client does not take the server's logon, or wants one; what it answered."""


#: What RemoteSPAttach is answered where it is not the call that is refused but who calls, or how:
#: the last leg of a logon may have no answer of its own.
_NOT_YOU = {ERROR_ACCESS_DENIED, RPC_S_SEC_PKG_ERROR, nca_s_proto_error}


class Callback:
    """
    An attached call-back association: one RemoteSPEventProc at a time, each with its deadline.

    :param connection: bound to remotesp.
    :param context: the client's context handle, from RemoteSPAttach.
    :param clock: for deadlines.
    """

    __slots__ = (
        "_clock",
        "_connection",
        "_context",
        "_delivered",
        "_lost",
        "_sentAt",
        "_settings",
        "_syntax",
        "_timer",
    )

    _log = Logger()

    def __init__(
        self,
        connection: CallbackConnection,
        context: bytes,
        clock: IReactorTime,
        settings: Settings,
    ) -> None:
        self._connection = connection
        self._context = context
        self._clock = clock
        self._settings = settings
        self._syntax = connection.transferSyntax
        self._delivered: Callable[[], None] | None = None
        self._lost: Callable[[str], None] | None = None
        self._sentAt: float | None = None
        self._timer: IDelayedCall | None = None

    def begin(self, delivered: Callable[[], None], lost: Callable[[str], None]) -> None:
        """
        Say whom to tell.

        :param delivered: called when the client has taken what `send` was given.
        :param lost: called once with the reason when the association is of no more use, in a turn
            of the reactor of its own: whoever sends is not run down while it does.
        """
        self._delivered = delivered
        self._lost = lost
        self._connection.onLost(self._connectionLost)

    def send(self, events: bytes) -> None:
        """
        Send a list of ASYNCEVENTMSG; not again before ``delivered``.

        :param events: the pBuffer of RemoteSPEventProc.
        """
        if self._lost is None:
            return  # the association has ended, and its client is about to
        self._sentAt = self._clock.seconds()
        if self._timer is None:
            self._timer = self._clock.callLater(self._settings.callbackEvents, self._look)
        stub = idl.encodeRemoteSPEventProc(self._context, events, self._syntax)
        self._connection.request(idl.RemoteSPEventProc, stub, self)

    def responded(self, data: bytes, start: int, end: int) -> None:
        """Note the answer of RemoteSPEventProc; what it holds is not looked at."""
        self._sentAt = None
        if self._delivered is not None:
            self._delivered()

    def failed(self, reason: Exception) -> None:
        """Give up: the client does not take events."""
        self._end(f"RemoteSPEventProc failed: {reason}")

    def detach(self) -> None:
        """Call RemoteSPDetach and close, whatever comes of it.  [MS-TRP] 3.1.4.3"""
        self._stop()
        answered = self._connection.call(
            idl.RemoteSPDetach,
            idl.encodeRemoteSPDetach(self._context),
            self._settings.callbackDetach,
        )
        answered.addBoth(lambda result: self._connection.close())

    def close(self) -> None:
        """Close without a word: the client has gone."""
        self._stop()
        self._connection.close()

    def _stop(self) -> None:
        self._delivered = self._lost = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        # One timer for many calls: it looks how old the one under way is, and goes on only then.
        self._timer = None
        if self._sentAt is None:
            return
        left = self._sentAt + self._settings.callbackEvents - self._clock.seconds()
        if left <= 0:
            self._end(f"no answer to RemoteSPEventProc in {self._settings.callbackEvents} s")
        else:
            self._timer = self._clock.callLater(left, self._look)

    def _connectionLost(self) -> None:
        self._end("the call-back connection was lost")

    def _end(self, reason: str) -> None:
        lost = self._lost
        self._stop()
        self._connection.close()
        if lost is not None:
            self._clock.callLater(0, lost, reason)


async def connect(
    connector: Connector,
    host: str,
    machine: Machine,
    clock: IReactorTime,
    settings: Settings,
    otherwise: Connector | None = None,
    tellRefused: Callable[[Exception], object] = lambda reason: None,
) -> Callback:
    """
    Connect to the first endpoint that answers, bind, and call RemoteSPAttach.  [MS-TRP] 3.3.4.1

    :param host: the address that the client's call came from.
    :param machine: its endpoints, and what it calls itself.
    :param otherwise: connects to clients that do not take the logon of *connector*.
    :param tellRefused: called with the reason before that is tried.
    :raises LogonRefused: the client does not take the logon, or the lack of one.
    :raises Exception: none of the endpoints can be used; who awaits sets the deadline of all.
    """
    deadline = clock.seconds() + settings.callbackConnect
    failure: Exception = TimeoutError("no time left")

    async def attach(connector: Connector, port: int) -> Callback:
        return await _attach(
            lambda seconds: connector(host, port, seconds, machine.name), deadline, clock, settings
        )

    for port in machine.ports:
        try:
            try:
                return await attach(connector, port)
            except LogonRefused as error:
                if otherwise is None:
                    raise
                tellRefused(error)
            return await attach(otherwise, port)
        except CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 -- however it fails, the next one may do
            failure = error
    raise failure


async def _attach(
    connecting: Callable[[float], Awaitable[CallbackConnection]],
    deadline: float,
    clock: IReactorTime,
    settings: Settings,
) -> Callback:
    """
    Connect to an endpoint, bind, and call RemoteSPAttach; nothing is left if that fails.

    :raises LogonRefused: the client does not take the logon, or the lack of one.
    """

    def left() -> float:
        seconds = deadline - clock.seconds()
        if seconds <= 0:
            raise TimeoutError("no time left")
        return seconds

    try:
        connection = await connecting(left())
    except (client.LogonFailed, ConnectionClosed) as error:
        raise LogonRefused(str(error).rstrip(".")) from None
    try:
        answer = await connection.call(idl.RemoteSPAttach, idl.encodeRemoteSPAttach(), left())
        reply = idl.decodeRemoteSPAttachReply(
            answer, 0, len(answer), connection.littleEndian, connection.transferSyntax
        )
        if reply.result:
            raise AttachRefused(f"RemoteSPAttach gave 0x{reply.result:08X}")
    except BaseException as error:
        connection.close()
        if isinstance(error, ConnectionClosed) or (
            isinstance(error, Fault) and error.status in _NOT_YOU
        ):
            raise LogonRefused(f"RemoteSPAttach failed: {error}".rstrip(".")) from None
        raise
    return Callback(connection, reply.phContext, clock, settings)
