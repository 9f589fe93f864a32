"""Target: the call-back, answered by a remotesp endpoint that says what it likes."""

import zlib
from collections.abc import Sequence
from random import Random
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.client import ClientConnection, connect
from tapiproxy.dcerpc.interface import Interface
from tapiproxy.trp import idl, templates
from tapiproxy.trp.requests import agent
from tests.dcerpc.vectors import load
from tests.fuzz.cost import Cost
from tests.fuzz.mutation import pieces
from tests.fuzz.servers import learn
from tests.fuzz.target import Target
from tests.fuzz.world import BIND, FIRST_HANDLE, OPENING, World, call, clientRequest
from tests.trp.support import MACHINE

__all__ = ["CALLBACKS"]

#: Tells the answer of ClientAttach from others.
ATTACHING = 77

#: Longer than a call-back may take to be attached.
PATIENCE = 10.0

REMOTESP = Interface(idl.REMOTESP, idl.REMOTESP_VERSION, {}, idl.TRANSFER_SYNTAXES)


class Endpoint:
    """A client's remotesp endpoint: the server's own connection, and what comes by it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.connected = connect(self, "192.0.2.66", 45001, REMOTESP, 3.0)
        self._transport = StringTransport(lenient=True)
        self._protocol.makeConnection(self._transport)

    # The reactor, as far as the connection needs one

    def connectTCP(self, host: str, port: int, factory: Any, timeout: float) -> "Endpoint":
        """Be connected to, by a transport that leads nowhere."""
        self._protocol: ClientConnection = factory.buildProtocol(None)
        return self

    def callLater(self, *arguments: Any) -> IDelayedCall:
        """Time is the clock's."""
        return self._clock.callLater(*arguments)

    def disconnect(self) -> None:
        """The attempt to connect is given up; it has succeeded already."""

    # The other end

    def say(self, data: bytes) -> None:
        """Deliver octets, unless the server has ended the connection."""
        if self._transport.disconnecting:
            self._protocol.connectionLost(Failure(ConnectionDone()))
        else:
            self._protocol.dataReceived(data)

    def close(self) -> None:
        """The connection has gone."""
        self._protocol.connectionLost(Failure(ConnectionDone()))


def feed(data: bytes) -> World:
    """
    The input is what a client's endpoint says, in pieces, while the client attaches and works.

    ClientAttach has one answer, whatever the endpoint does.

    :returns: what is left of the world.
    """
    world = World(attached=False)
    endpoint = Endpoint(world.harness.clock)
    world.harness.endpoints[:] = [endpoint.connected]
    attach = idl.encodeClientAttach(-1, "", MACHINE)
    world.hostile.send(BIND + call(idl.ClientAttach, attach, ATTACHING))
    answers = 0
    for piece in pieces(data, Random(zlib.crc32(data))):
        endpoint.say(piece)
        world.turn()
        answers += attachAnswers(world)
        if world.hostile.context != idl.NO_CONTEXT:
            work(world)
        world.witness()
    world.harness.clock.advance(PATIENCE)
    answers += attachAnswers(world)
    if answers != 1:
        raise AssertionError(f"ClientAttach was answered {answers} times")
    endpoint.close()
    world.end()
    return world


def attachAnswers(world: World) -> int:
    """Count answers of ClientAttach among what has come; use the handle if there is one."""
    return sum(answer.call_id == ATTACHING for answer in learn(world))


def work(world: World) -> None:
    """What an attached client does, so that there are events for its endpoint."""
    for message in (*OPENING, agent.CreateAgent(hLine=FIRST_HANDLE + 1, lpszAgentID="1002")):
        world.hostile.send(clientRequest(templates.encodeRequest(message)))
    learn(world)


def conversations() -> Sequence[bytes]:
    """What an endpoint says: the captured answers, refusals, and fragments."""
    by = {vector.frame: vector.pdu for vector in load()}
    accept, attached, taken = by[14], by[17], by[21]
    nak = pdu.BindNak(call_id=1, provider_reject_reason=2).encode()
    fault = pdu.FaultPDU(call_id=2, status=5).encode()
    shutdown = pdu.Shutdown(call_id=3).encode()
    first, last = (
        pdu.Response(call_id=2, pfc_flags=flags, alloc_hint=24, p_cont_id=0, stub=bytes(12)).encode(
            pdu.BIG
        )
        for flags in (pdu.PFC_FIRST_FRAG, pdu.PFC_LAST_FRAG)
    )
    return [
        accept + attached + taken * 6,
        accept + attached + taken + fault,
        accept + attached + shutdown,
        accept + first + last + taken * 2,
        accept + fault,
        nak,
    ]


CALLBACKS = (
    Target(
        name="server.callback",
        seeds=conversations,
        feed=feed,
        base=Cost(memory=1048576, calls=30000),
        perOctet=Cost(memory=4000, calls=2500),
        cases=300,
    ),
)
