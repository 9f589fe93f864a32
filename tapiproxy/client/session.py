"""
One client's session: requests go out, acknowledgements and events come in, and all of it ends once.

It knows the frames of requests and events, the request IDs and the deadlines.  Which packet is sent
when, and with which handles, is `telephony`'s and `line`'s.  [MS-TRP] 3.2, 3.3.4.2
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Protocol, TypeVar, cast

from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.error import ConnectionClosed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from tapiproxy.client.admission import Admission
from tapiproxy.client.errors import (
    AttachRefused,
    BadAnswer,
    BadValue,
    CallFailed,
    ClientError,
    ConnectionEnded,
    NoAnswer,
    TelephonyError,
)
from tapiproxy.client.observing import EventReceiver, Observer, Passed
from tapiproxy.client.outstanding import Awaited, Outstanding
from tapiproxy.client.room import FIRST_ROOM, MAXIMUM_ROOM, returnedSize, roomOf
from tapiproxy.dcerpc.client import AssociationFailed
from tapiproxy.dcerpc.interface import Fault
from tapiproxy.dcerpc.ndr import TransferSyntax
from tapiproxy.tapi.proxymessages import LINE_AGENTSPECIFIC
from tapiproxy.trp import completions, events, idl
from tapiproxy.trp.completions import Completion
from tapiproxy.trp.events import ASYNCEVENTMSG, FRAME_SIZE, LINE_REPLY
from tapiproxy.trp.templates import FRAME_SIZE as REQUEST_FRAME_SIZE
from tapiproxy.trp.templates import Reply, Request, decodeReply, encodeRequest
from tapiproxy.wire.errors import BADVALUE, MISALIGNED, TOOSMALL, DecodeError, EncodeError
from tapiproxy.wire.structs import EVERY_VERSION, neededSize

__all__ = ["ClientSession", "Deadlines", "TapsrvConnection"]

_log = Logger()

_Content = TypeVar("_Content")
_Request = TypeVar("_Request", bound=Request)

#: lProcessID of a client that uses telephony devices.
CONTROL_DEVICES = -1
#: A computer's name in DNS has at most this many characters.
LONGEST_NAME = 255
#: 2.2.5.2: the context handle is being torn down.  The one error that is a positive number.
TAPIERR_INVALRPCCONTEXT = 0xF101
#: A list may grow between two tries, but not for ever.
TRIES = 4


@frozen(kw_only=True)
class Deadlines:
    """
    How long a client waits, in seconds.

    :ivar connect: for the connection to the server, its bind, and ClientAttach with the call-back.
    :ivar call: for the answer of one RPC call, 5 s as [MS-TRP] 3.2.2 has it.
    :ivar reply: for LINE_REPLY after the acknowledgement.  A server ends each request itself, after
        5 s by default; more than its deadline and the delivery's is waiting for nothing.
    :ivar detach: for RemoteSPDetach after ClientDetach, before the endpoint is closed anyway.
    """

    connect: float = 5.0
    call: float = 5.0
    reply: float = 20.0
    detach: float = 2.0


class TapsrvConnection(Protocol):
    """What a session needs of the connection to tapsrv."""

    @property
    def littleEndian(self) -> bool:
        """The byte order of the last answer's stub."""

    @property
    def transferSyntax(self) -> TransferSyntax:
        """The transfer syntax that the server has chosen."""

    def call(self, opnum: int, stub: bytes, deadline: float) -> "Deferred[bytes]":
        """Call an operation; the answer's stub, or Fault, or what ended the connection."""

    def close(self) -> None:
        """Close the connection; nothing is called after it."""


class ClientSession:
    """
    The session of one client with one server.

    :param clock: for deadlines.
    :param connection: to tapsrv.
    :param onEvent: called with every event that passes the checks.
    :param observer: called with every packet.

    :ivar admission: what events may name.
    :ivar outstanding: the requests that await their LINE_REPLY.
    :ivar phContext: the context handle of ClientAttach; none before it and after ClientDetach.
    """

    def __init__(
        self,
        clock: IReactorTime,
        connection: TapsrvConnection,
        onEvent: EventReceiver,
        *,
        observer: Observer | None = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        self._clock = clock
        self._connection = connection
        self._onEvent = onEvent
        self._observer = observer
        self._waiting: list[Deferred[ClientError]] = []
        self._ended: ClientError | None = None
        self.deadlines = deadlines or Deadlines()
        self.admission = Admission()
        self.outstanding = Outstanding()
        self.phContext = idl.NO_CONTEXT
        self._hLines: dict[int, int] = {}

    # The end

    @property
    def ended(self) -> ClientError | None:
        """Why the session is over; None while it is not."""
        return self._ended

    def whenEnded(self) -> "Deferred[ClientError]":
        """A Deferred of why the session is over; it never fails."""
        waiting: Deferred[ClientError] = Deferred(self._forget)
        if self._ended is None:
            self._waiting.append(waiting)
        else:
            waiting.callback(self._ended)
        return waiting

    def _forget(self, waiting: "Deferred[ClientError]") -> None:
        self._waiting.remove(waiting)

    def end(self, reason: ClientError) -> ClientError:
        """
        End the session: what is outstanding fails, once; a second end changes nothing.

        :returns: why it is over, the reason of the first end.
        """
        if self._ended is not None:
            return self._ended
        self._ended = reason
        self.phContext = idl.NO_CONTEXT
        self._connection.close()
        self.outstanding.fail(reason)
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(reason)
        return reason

    # Requests

    async def call(self, opnum: int, stub: bytes) -> bytes:
        """
        Call an operation of tapsrv.

        :raises ClientError: and nothing else.
        """
        if self._ended is not None:
            raise self._ended
        try:
            return await self._connection.call(opnum, stub, self.deadlines.call)
        except Fault as fault:
            raise CallFailed(fault.status) from None
        except DeferredTimeout:
            # Until it answers it takes no other call: the connection is of no more use.
            reason: ClientError = NoAnswer(
                f"the server did not answer a call within {self.deadlines.call:g} s"
            )
        except (AssociationFailed, ConnectionClosed) as error:
            reason = ConnectionEnded(f"the connection to the server ended: {error}")
        raise self.end(reason)

    async def now(self, packet: _Request, version: int = EVERY_VERSION) -> Reply[_Request]:
        """
        Send a request that completes at once; one with room for a struct gets as much as it needs.

        :param version: the TAPI version of structs in the answer.
        :raises ClientError: TelephonyError if it was refused.
        """
        name = type(packet).__name__
        place = roomOf(type(packet))
        room = FIRST_ROOM if place else 0
        for _ in range(TRIES):
            sent = _with(packet, {place.field: room}) if place else packet
            pBuffer = await self._clientRequest(sent, room + returnedSize(sent))
            result = int.from_bytes(pBuffer[:4], "little")
            if result:
                self._show(Passed(False, name, None, result))
                raise TelephonyError(result, name)
            with _malformed(name):
                needed = place.needed(pBuffer) if place else 0
                if needed <= room:
                    reply = decodeReply(type(packet), pBuffer, version=version)
                    self._show(Passed(False, name, reply.message, result))
                    return reply
            room = min(needed, MAXIMUM_ROOM)
        raise BadAnswer(f"{name} needs more room each time it is asked")

    async def _clientRequest(self, packet: Request, more: int) -> bytes:
        """Call ClientRequest; the answer's pBuffer has an Ack_ReturnValue at least."""
        self._show(Passed(True, type(packet).__name__, packet))
        try:
            pBuffer = encodeRequest(packet)
        except EncodeError as error:
            raise BadValue(str(error)) from None
        room = max(len(pBuffer), REQUEST_FRAME_SIZE + more)
        stub = await self.call(
            idl.ClientRequest,
            idl.encodeClientRequest(self.phContext, pBuffer, room, self._connection.transferSyntax),
        )
        with _malformed("ClientRequest"):
            begin, size = idl.decodeClientRequestReply(
                stub, 0, len(stub), self._connection.littleEndian, self._connection.transferSyntax
            )
            if not 4 <= size <= room:
                raise DecodeError(BADVALUE, "plUsedSize", "dword", f"{size} of {room}")
        return stub[begin : begin + size]

    async def later(self, packet: Request, version: int = EVERY_VERSION) -> object:
        """
        Send a request that completes by LINE_REPLY, and wait for that.

        :param version: the TAPI version of a struct in the answer.
        :returns: what the completion carries: a handle, a struct, a block or None.
        :raises ClientError: TelephonyError if it was refused, at once or in LINE_REPLY.
        """
        place = roomOf(type(packet))
        room = FIRST_ROOM if place else 0
        for _ in range(TRIES):
            sent = _with(packet, {place.field: room}) if place else packet
            completed = await self._later(sent, room, version)
            if isinstance(completed, Completion):
                return completed.value
            room = min(completed, MAXIMUM_ROOM)
        raise BadAnswer(f"{type(packet).__name__} needs more room each time it is asked")

    async def _later(self, packet: Request, room: int, version: int) -> Completion[Any] | int:
        """Send once; the completion, or how much room it would need."""
        name = type(packet).__name__
        awaited = self.outstanding.begin(getattr(packet, "hLine", None))
        try:
            special = completions.SPECIAL.get(type(packet))
            contexts = ["lpContext"] if hasattr(packet, "lpContext") else []
            contexts += [special.context] if special else []
            # Any context would do; this one makes a mix-up of completions visible.
            sent = _with(packet, dict.fromkeys(["dwRequestID", *contexts], awaited.requestID))
            acknowledged = int.from_bytes((await self._clientRequest(sent, 0))[:4], "little")
            self._show(Passed(False, name, None, acknowledged))
            if acknowledged != awaited.requestID:
                if acknowledged & 0x80000000 or acknowledged == TAPIERR_INVALRPCCONTEXT:
                    raise TelephonyError(acknowledged, name)
                raise BadAnswer(
                    f"{name} was acknowledged with {acknowledged} instead of its own "
                    f"dwRequestID {awaited.requestID}"
                )
            reply = await self._reply(awaited, name)
        finally:
            self.outstanding.end(awaited)
        with _malformed(name):
            return self._completed(sent, reply, room if special and special.room else -1, version)

    async def _reply(self, awaited: Awaited, name: str) -> ASYNCEVENTMSG:
        awaited.reply.addTimeout(self.deadlines.reply, self._clock)
        try:
            return await awaited.reply
        except DeferredTimeout:
            raise NoAnswer(f"no LINE_REPLY for {name} within {self.deadlines.reply:g} s") from None

    def _completed(
        self, packet: Request, reply: ASYNCEVENTMSG, room: int, version: int
    ) -> Completion[Any] | int:
        """
        Decode a LINE_REPLY and compare it with its request.

        :param room: what the request had for a struct, -1 if it asks for none.
        """
        if room >= 0 and not reply.Param2:
            needed = neededSize(reply.varData)
            if needed > room:
                return needed
            if reply.Param4 > room:
                raise DecodeError(BADVALUE, "LINE_REPLY.dwSize", "dword", f"{reply.Param4}")
        completion: Completion[Any] = completions.decode(reply, type(packet), version)
        name = type(packet).__name__
        self._show(Passed(False, "LINE_REPLY", completion, completion.Result))
        special = completions.SPECIAL.get(type(packet))
        if completion.lpContext != getattr(packet, "lpContext", 0) or (
            special and completion.context != getattr(packet, special.context)
        ):
            raise DecodeError(BADVALUE, "LINE_REPLY.lpContext", "echoed", "not the request's")
        if completion.Result:
            raise TelephonyError(completion.Result, name, completed=True)
        return completion

    # The same as Deferreds, by what the completion carries

    def done(self, packet: Request) -> "Deferred[None]":
        """Send a request whose completion says only that it was done."""
        return Deferred.fromCoroutine(self._done(packet))

    async def _done(self, packet: Request) -> None:
        await self.later(packet)

    def handle(self, packet: Request) -> "Deferred[int]":
        """Send a request whose completion brings a handle."""
        return Deferred.fromCoroutine(self._handle(packet))

    async def _handle(self, packet: Request) -> int:
        value = await self.later(packet)
        if not isinstance(value, int) or not value:
            raise BadAnswer(f"the handle that {type(packet).__name__} gave is {value}")
        return value

    def block(self, packet: Request) -> "Deferred[bytes]":
        """Send a request whose completion brings a block."""
        return Deferred.fromCoroutine(self._content(bytes, packet, EVERY_VERSION))

    def struct(
        self, cls: type[_Content], packet: Request, version: int = EVERY_VERSION
    ) -> "Deferred[_Content]":
        """Send a request whose completion brings a struct of a class."""
        return Deferred.fromCoroutine(self._content(cls, packet, version))

    async def _content(self, cls: type[_Content], packet: Request, version: int) -> _Content:
        value = await self.later(packet, version)
        # The table of completions pairs each request with its content.
        assert isinstance(value, cls)
        return value

    async def attach(self, machine: str, port: int) -> None:
        """
        Call ClientAttach (3.1.4.1) for the push model.

        :param machine: the name of this machine.
        :param port: where its remotesp endpoint listens.
        :raises AttachRefused: the server does not want us.
        """
        name = "".join(c if c.isascii() and c.isprintable() and c != '"' else "-" for c in machine)
        self._show(Passed(True, "ClientAttach"))
        stub = await self.call(
            idl.ClientAttach,
            idl.encodeClientAttach(
                CONTROL_DEVICES,
                "",
                f'{name[:LONGEST_NAME]}"ncacn_ip_tcp"{port}"',
                self._connection.transferSyntax,
            ),
        )
        with _malformed("ClientAttach"):
            reply = idl.decodeClientAttachReply(
                stub, 0, len(stub), self._connection.littleEndian, self._connection.transferSyntax
            )
        self._show(Passed(False, "ClientAttach", None, reply.result))
        if reply.result:
            raise AttachRefused(reply.result)
        self.phContext = reply.phContext

    async def detach(self, detached: "Deferred[None]") -> None:
        """
        Call ClientDetach (3.1.4.3); the context handle is void, whatever comes back.

        :param detached: fires when the server has called RemoteSPDetach, which it does after its
            answer; one that does not is not waited for long.
        """
        phContext, self.phContext = self.phContext, idl.NO_CONTEXT
        self._show(Passed(True, "ClientDetach"))
        stub = await self.call(idl.ClientDetach, idl.encodeClientDetach(phContext))
        with _malformed("ClientDetach"):
            idl.decodeClientDetachReply(
                stub, 0, len(stub), self._connection.littleEndian, self._connection.transferSyntax
            )
        self._show(Passed(False, "ClientDetach", None, 0))
        with suppress(DeferredTimeout):
            await detached.addTimeout(self.deadlines.detach, self._clock)

    # Lines and events

    def lineOpened(self, hRemoteLine: int, hLine: int) -> None:
        """An Open succeeded."""
        self._hLines[hRemoteLine] = hLine

    def lineClosed(self, hRemoteLine: int) -> None:
        """A line is no more: its events are ignored, its requests fail (no LINE_REPLY follows)."""
        self.admission.lineClosed(hRemoteLine)
        hLine = self._hLines.pop(hRemoteLine, None)
        if hLine is not None:
            self.outstanding.fail(ConnectionEnded("the line was closed"), hLine)

    def linesClosed(self) -> None:
        """All lines are no more."""
        for hRemoteLine in tuple(self._hLines):
            self.lineClosed(hRemoteLine)

    def deliver(self, data: bytes, start: int, end: int) -> None:
        """
        Take the pBuffer of a RemoteSPEventProc.  3.3.4.2

        Nothing of it is used unless all of it is well-formed.

        :raises DecodeError: what the specification says to fail.
        """
        size = end - start
        if size < FRAME_SIZE:
            raise DecodeError(TOOSMALL, "RemoteSPEventProc.lSize", "dword", f"{size} octets")
        packets = events.decodeList(data, start, end)
        for packet in packets:
            # The sum of them is lSize, which is DWORD-aligned then, too.
            if len(packet.varData) % 4:
                raise DecodeError(MISALIGNED, "ASYNCEVENTMSG.TotalSize", "dword", "")
            if not self.admission.knows(packet.InitContext):
                raise DecodeError(
                    BADVALUE, "ASYNCEVENTMSG.InitContext", "echoed", f"{packet.InitContext}"
                )
        for packet in packets:
            if self._ended is None:
                self._received(packet)

    def _received(self, packet: ASYNCEVENTMSG) -> None:
        if packet.Msg == LINE_REPLY:
            self.outstanding.replied(packet)
            return
        event = events.decode(packet)
        if event is None or not self.admission.admits(packet):
            return
        hRemoteLine = packet.hDevice
        if isinstance(event, LINE_AGENTSPECIFIC):
            hRemoteLine = packet.Param4 or packet.hDevice
        self._show(Passed(False, type(event).__name__, event))
        if isinstance(event, events.LINE_CLOSE):
            self.lineClosed(hRemoteLine)
        try:
            self._onEvent(event, hRemoteLine)
        except Exception:  # noqa: BLE001 -- a frontier: the application is called, and logged
            _log.failure("the application failed on {event}", event=event)

    def _show(self, passed: Passed) -> None:
        if self._observer is not None:
            self._observer(passed)


def _with(packet: _Request, values: Mapping[str, int]) -> _Request:
    # Every Request is an attrs class, which its common class does not say.
    changed: _Request = evolve(cast(Any, packet), **values)
    return changed


@contextmanager
def _malformed(name: str) -> Iterator[None]:
    """Turn what the codecs say about the server's octets into BadAnswer."""
    try:
        yield
    except (DecodeError, Fault) as error:
        raise BadAnswer(f"the answer to {name} is malformed: {error}") from None
