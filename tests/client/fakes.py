"""A server of stubs: answers what a session calls, with no association in between."""

from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tapiproxy.client.observing import Passed
from tapiproxy.client.session import ClientSession
from tapiproxy.client.telephony import TelephonyClient
from tapiproxy.dcerpc.ndr import NDR
from tapiproxy.trp import completions, events, idl
from tapiproxy.trp.events import Recipient
from tapiproxy.trp.requests import agent, line
from tapiproxy.trp.templates import (
    LATER,
    Request,
    acknowledgement,
    decodeRequest,
    encodeReply,
    encodeRequest,
)
from tests.client.canned import ANSWERS

H_LINEAPP = 0x10
H_LINE = 0x20


class FakeConnection:
    """
    The connection to tapsrv.

    :ivar requests: all that were sent, decoded.
    :ivar answer: makes the pBuffer of an answer, or a Deferred of the stub.
    :ivar held: Deferreds of calls that `answer` has left open by returning None.
    """

    littleEndian = True
    transferSyntax = NDR

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.rooms: list[int] = []
        self.closed = 0
        self.held: list[Deferred[bytes]] = []
        self.answer: Callable[[Any], bytes | Exception | None] = self.standard

    def call(self, opnum: int, stub: bytes, deadline: float) -> "Deferred[bytes]":
        result: Deferred[bytes] = Deferred()
        if opnum != idl.ClientRequest:
            result.callback(idl.encodeClientDetachReply())
            return result
        _, start, used, needed = idl.decodeClientRequest(stub, 0, len(stub))
        message = decodeRequest(stub, start, start + used)
        self.requests.append(message)
        self.rooms.append(needed)
        pBuffer = self.answer(message)
        if pBuffer is None:
            self.held.append(result)
        elif isinstance(pBuffer, Exception):
            result.errback(pBuffer)
        else:
            result.callback(idl.encodeClientRequestReply(pBuffer, max(needed, len(pBuffer))))
        return result

    def close(self) -> None:
        self.closed += 1

    def standard(self, message: Any) -> bytes:
        """Acknowledge what completes later, answer the rest as a server with one line does."""
        if message.completes == LATER:
            return acknowledge(message)
        if isinstance(message, line.Initialize):
            return encodeReply(evolve(message, hLineApp=H_LINEAPP, dwNumDevs=1), 0, message)
        if isinstance(message, line.Open):
            return encodeReply(evolve(message, hLine=H_LINE), 0, message)
        return encodeReply(message, 0, message)


def acknowledge(message: Any, result: int | None = None) -> bytes:
    """The acknowledgement of a request: its own ID, or a result."""
    pBuffer = encodeRequest(message)
    return acknowledgement(
        pBuffer, 0, len(pBuffer), message.dwRequestID if result is None else result
    )


class Attached:
    """
    A session without a server: a client, its connection, and events by hand.

    :ivar events: what the application was told.
    :ivar passed: what the observer saw.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.connection = FakeConnection()
        self.events: list[tuple[Any, int]] = []
        self.passed: list[Passed] = []
        self.session = ClientSession(
            self.clock,
            self.connection,
            lambda event, hRemoteLine: self.events.append((event, hRemoteLine)),
            observer=self.passed.append,
        )
        self.detached: Deferred[None] = Deferred()
        self.client = TelephonyClient(self.session, self.detached)

    def open(self) -> Any:
        """Initialize and open a line."""
        results: list[Any] = []
        self.client.initialize("test").addCallback(results.append)
        self.client.open(0, 0x00020002).addCallback(results.append)
        return results[1]

    @property
    def recipient(self) -> Recipient:
        """Whom events of the open line are for."""
        initialize = next(m for m in self.connection.requests if isinstance(m, line.Initialize))
        opened = [m for m in self.connection.requests if isinstance(m, line.Open)]
        return Recipient(initialize.InitContext, opened[-1].hRemoteLine if opened else 0)

    def deliver(self, *packets: bytes) -> None:
        """What a RemoteSPEventProc brings."""
        pBuffer = b"".join(packets)
        self.session.deliver(pBuffer, 0, len(pBuffer))

    def event(self, event: Any) -> bytes:
        """An event for the open line."""
        return events.encode(event, self.recipient)

    def reply(self, request: Any, result: int = 0, value: Any = None) -> bytes:
        """The completion of a request, with the canned value if none is given."""
        if value is None and not result:
            value = ANSWERS[type(request).__name__]
            if isinstance(request, agent.AgentSpecific):
                value = value[: len(request.lpParams)]
        recipient = self.recipient
        if isinstance(request, agent.GetAgentCaps):
            recipient = Recipient(recipient.InitContext)
        return completions.encode(request, request.dwRequestID, recipient, result, value)

    @property
    def last(self) -> Any:
        """The latest request."""
        return self.connection.requests[-1]
