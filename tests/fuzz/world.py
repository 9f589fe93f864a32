"""
A whole server in memory: real associations over string transports, a client that misbehaves and a
witness that must not notice.
"""

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.ndr import NDR
from tapiproxy.dcerpc.server import ServerFactory
from tapiproxy.trp import completions, events, idl, templates
from tapiproxy.trp.requests import agent, line
from tests.trp.support import MACHINE, FakeCallback, makeHarness

__all__ = ["CONTEXT", "Wire", "World"]

#: Stands for the live context handle in inputs, which would not be the same twice.
CONTEXT = bytes(4) + b"a-context-handle"

#: Longer than every deadline of the server.
FOR_EVER = 600.0

#: What an attached client's first HLINEAPP and HLINE are, since handles are numbered in order.
FIRST_HANDLE = 0x10000

BIND = pdu.Bind(
    call_id=1,
    max_xmit_frag=5840,
    max_recv_frag=5840,
    assoc_group_id=0,
    contexts=(
        pdu.PresentationContext(0, pdu.SyntaxID(idl.TAPSRV, *idl.TAPSRV_VERSION), (NDR.syntaxID,)),
    ),
).encode()


def call(opnum: int, stub: bytes, callID: int = 2) -> bytes:
    """A request PDU."""
    return pdu.Request(
        call_id=callID, alloc_hint=len(stub), p_cont_id=0, opnum=opnum, stub=stub
    ).encode()


def clientRequest(pBuffer: bytes, room: int = 4096) -> bytes:
    """A ClientRequest PDU with the handle's stand-in."""
    return call(idl.ClientRequest, idl.encodeClientRequest(CONTEXT, pBuffer, room))


class Wire:
    """One connection to the server, from its other end."""

    def __init__(self, factory: ServerFactory, host: str) -> None:
        protocol = factory.buildProtocol(IPv4Address("TCP", host, 49152))
        assert protocol is not None
        self.context = idl.NO_CONTEXT
        self.transport = StringTransport(peerAddress=IPv4Address("TCP", host, 49152), lenient=True)
        self._protocol = protocol
        protocol.makeConnection(self.transport)

    @property
    def open(self) -> bool:
        """Whether the server has not ended it."""
        return not self.transport.disconnecting

    def send(self, data: bytes) -> None:
        """Deliver octets, unless nobody reads any more."""
        if self.open:
            self._protocol.dataReceived(data.replace(CONTEXT, self.context))

    def received(self) -> list[pdu.AnyPDU]:
        """
        What the server has sent since the last time.

        :raises AssertionError: it is not a row of whole PDUs.
        """
        data = self.transport.value()
        self.transport.clear()
        found = []
        position = 0
        while position < len(data):
            try:
                found.append(pdu.decode(data, position))
            except pdu.PDUError as error:
                raise AssertionError(f"the server sent what is no PDU: {error}") from None
            position += pdu.readHeader(data, position).frag_length
        return found

    def close(self) -> None:
        """End it, if the server has not; either way the server is told that it has gone."""
        self.transport.disconnecting = True
        self._protocol.connectionLost()


class World:
    """
    A server, a witness that has a line open, and a connection for the input.

    :param attached: whether its client is attached and has a line open already.
    :ivar hostile: that connection.
    :ivar callback: its client's remotesp endpoint.
    """

    def __init__(self, *, attached: bool) -> None:
        self.harness = makeHarness()
        self.harness.handler.answers["getAgentStatus"] = lambda request: Deferred()
        self._factory = ServerFactory(self.harness.clock, [self.harness.server.interface])
        self._witness, self._callback = self.attached("192.0.2.1")
        self._requests = 0
        self._events = 0
        if attached:
            self.hostile, self.callback = self.attached("192.0.2.66")
        else:
            self.hostile, self.callback = Wire(self._factory, "192.0.2.66"), FakeCallback()
            self.harness.endpoints.append(self.callback)

    def attached(self, host: str) -> tuple[Wire, FakeCallback]:
        """Attach a client, which opens the first line."""
        callback = FakeCallback()
        self.harness.endpoints.append(callback)
        wire = Wire(self._factory, host)
        wire.send(BIND + call(idl.ClientAttach, idl.encodeClientAttach(-1, "", MACHINE)))
        _, answer = wire.received()
        assert isinstance(answer, pdu.Response)
        wire.context = idl.decodeClientAttachReply(answer.stub, 0, len(answer.stub)).phContext
        for message in OPENING:
            wire.send(clientRequest(templates.encodeRequest(message)))
        wire.received()
        return wire, callback

    def witness(self) -> None:
        """
        Let the witness do its work.

        :raises AssertionError: it is disturbed.
        """
        self._requests += 1
        self._witness.send(
            clientRequest(
                templates.encodeRequest(
                    agent.CreateAgent(
                        dwRequestID=self._requests,
                        hLine=FIRST_HANDLE + 1,
                        lpszAgentID="1001",
                        lphAgentContext=self._requests,
                    )
                )
            )
        )
        self.turn()
        (answer,) = self._witness.received()
        assert isinstance(answer, pdu.Response), answer
        start, used = idl.decodeClientRequestReply(answer.stub, 0, len(answer.stub))
        acknowledged = int.from_bytes(answer.stub[start : start + min(used, 4)], "little")
        told = self._callback.buffers[self._events :]
        self._events += len(told)
        replies = [
            completions.decode(packet, agent.CreateAgent)
            for packet in events.decodeList(b"".join(told))
            if packet.Msg == events.LINE_REPLY
        ]
        assert acknowledged == self._requests, f"acknowledged with {acknowledged:#x}"
        assert [reply.dwRequestID for reply in replies] == [self._requests], replies

    def turn(self) -> None:
        """Let the reactor turn, and the witness answer its call-backs."""
        self.harness.clock.advance(0)
        while self._callback.answer():
            self.harness.clock.advance(0)

    def end(self) -> None:
        """
        Let the hostile connection go, and all deadlines pass.

        :raises AssertionError: something of it is left, or a request has no outcome or two.
        """
        self.hostile.close()
        self.harness.clock.advance(FOR_EVER)
        self.turn()
        self.witness()
        status: dict[str, Any] = self.harness.server.status()
        outcomes = dict(status["outcomes"])
        accepted, late = outcomes.pop("accepted"), outcomes.pop("late")
        assert status["attached"] == 1, f"{status['attached']} clients are left"
        assert status["attaching"] == 0, "somebody is still attaching"
        assert status["outstanding"] == 0, "requests are outstanding"
        assert accepted == sum(outcomes.values()), f"{accepted} accepted, {outcomes}, {late} late"
        assert len(self._factory.connections) == 1, "a connection is left"
        assert self._factory.endpoint.reassembling == 0, "a request's fragments are left"


OPENING = (
    line.Initialize(InitContext=1, dwFriendlyNameOffset="Agent", dwModuleNameOffset="agent.exe"),
    line.Open(hLineApp=FIRST_HANDLE, dwNegotiatedVersion=0x20002, OpenContext=2, dwPrivileges=2),
)
