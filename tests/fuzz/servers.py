"""Targets: the whole server, with a witness that works before, during and after."""

import zlib
from collections.abc import Sequence
from random import Random

import attrs

from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.ndr import NDR, NDR64, TransferSyntax
from tapiproxy.tapi.handles import HLINE, HLINEAPP
from tapiproxy.trp import idl, templates
from tapiproxy.trp.requests import byFunction
from tapiproxy.trp.templates import Request
from tapiproxy.wire import layout
from tests.dcerpc.vectors import load
from tests.fuzz.cost import Cost
from tests.fuzz.instances import instance
from tests.fuzz.mutation import pieces
from tests.fuzz.target import Target
from tests.fuzz.world import BIND, CONTEXT, FIRST_HANDLE, World, call, clientRequest
from tests.trp.support import MACHINE, Application, accepted, makeHarness

__all__ = ["SERVERS"]

#: Octets that a peer may be sent for each of its own: a short request may ask for a long struct.
MOST_ANSWER = (16384, 64)


def packets() -> list[bytes]:
    """A pBuffer of each request that is served, for a client with the first handles."""
    app = Application(makeHarness())
    app.hLineApp, app.hLine = FIRST_HANDLE, FIRST_HANDLE + 1
    return [templates.encodeRequest(message) for message in accepted(app).values()]


def allPackets() -> list[bytes]:
    """The same, and one of each packet there is, with right handles and anything else."""
    return [*packets(), *map(anything, byFunction.values())]


def anything(cls: type[Request]) -> bytes:
    """A packet with right handles and anything else."""
    message = instance(cls, Random(cls.Req_Func))
    handles = {
        field.name: FIRST_HANDLE + (field.kind.type == HLINE)
        for field in layout.fieldsOf(cls)
        if isinstance(field.kind, layout.Handle) and field.kind.type in (HLINE, HLINEAPP)
    }
    return templates.encodeRequest(attrs.evolve(message, **handles))


def syntax(known: TransferSyntax) -> bytes:
    """How a bind names a transfer syntax."""
    return known.syntaxID.if_uuid.bytes_le + known.syntaxID.major.to_bytes(4, "little")


def conversations() -> Sequence[bytes]:
    """From the first octet on: bind, attach, requests, detach."""
    attach = call(idl.ClientAttach, idl.encodeClientAttach(-1, "alice", MACHINE))
    detach = call(idl.ClientDetach, idl.encodeClientDetach(CONTEXT))
    captured = b"".join(vector.pdu for vector in load() if vector.frame in (4, 8))
    requests = [clientRequest(packet) for packet in packets()]
    inNDR64 = call(idl.ClientAttach, idl.encodeClientAttach(-1, "alice", MACHINE, NDR64))
    return [
        BIND + attach,
        BIND + attach + detach,
        BIND.replace(syntax(NDR), syntax(NDR64)) + inNDR64,
        captured,
        *(captured + request for request in requests),
    ]


def calls() -> Sequence[bytes]:
    """What an attached client sends: one request, some, a detach between."""
    requests = [clientRequest(packet) for packet in allPackets()]
    detach = call(idl.ClientDetach, idl.encodeClientDetach(CONTEXT))
    return [*requests, b"".join(requests[:6]), b"".join(requests[20:26]), requests[-1] + detach]


def feedStranger(data: bytes) -> None:
    """The input is all that a connection ever says; its call-back address answers."""
    misbehave(World(attached=False), data)


def feedClient(data: bytes) -> None:
    """The input is what a client says after it has attached and opened a line."""
    misbehave(World(attached=True), data)


def feedPacket(data: bytes) -> None:
    """The input is one pBuffer, asked with much room, with none, and again."""
    world = World(attached=True)
    for room in (len(data), 4096, 0x50000):
        if room >= len(data):
            misbehaveOnce(world, clientRequest(data, room))
            world.callback.answer()
    world.end()


def misbehave(world: World, data: bytes) -> None:
    """Deliver the input in pieces, with the witness at work before, during and after."""
    world.witness()
    for piece in pieces(data, Random(zlib.crc32(data))):
        misbehaveOnce(world, piece)
    world.end()


def misbehaveOnce(world: World, data: bytes) -> None:
    """Deliver some octets, look at what is answered, and let the witness work."""
    world.hostile.send(data)
    world.turn()
    answered = sum(len(answer.encode()) for answer in learn(world))
    least, each = MOST_ANSWER
    if answered > least + each * len(data):
        raise AssertionError(f"{answered} octets answer {len(data)}")
    if zlib.crc32(data) % 4 == 0:
        world.witness()


def learn(world: World) -> list[pdu.AnyPDU]:
    """Take what the server sent; of a ClientAttach that went well the handle is used from now."""
    answers = world.hostile.received()
    for answer in answers:
        if isinstance(answer, pdu.Response) and len(answer.stub) == 28 and any(answer.stub[:20]):
            world.hostile.context = answer.stub[:20]
    return answers


BASE, PER_OCTET = Cost(memory=1048576, calls=30000), Cost(memory=2000, calls=200)

SERVERS = tuple(
    Target(name=name, seeds=seeds, feed=feed, base=BASE, perOctet=PER_OCTET, cases=cases)
    for name, seeds, feed, cases in (
        ("server.stranger", conversations, feedStranger, 300),
        ("server.client", calls, feedClient, 300),
        ("server.packet", allPackets, feedPacket, 500),
    )
)
