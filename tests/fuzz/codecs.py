"""Targets: every codec, alone."""

import pkgutil
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from random import Random

import attrs

from tapiproxy import tapi
from tapiproxy.dcerpc import pdu
from tapiproxy.dcerpc.interface import Fault
from tapiproxy.dcerpc.messagemode import EmptyMessage, MessageReader, messages
from tapiproxy.dcerpc.namedpipeauth import LEVELS, NamedPipeAuthError, decodeRequest
from tapiproxy.dcerpc.ndr import NDR, NDR64
from tapiproxy.tapi.proxymessages import LINE_AGENTSTATUS
from tapiproxy.tapi.versions import VALID_VERSIONS
from tapiproxy.trp import completions, events, idl, templates
from tapiproxy.trp.requests import byFunction
from tapiproxy.trp.templates import LATER, Request
from tapiproxy.wire import layout, structs
from tapiproxy.wire.errors import DecodeError, EncodeError
from tests.dcerpc.pipeclients import Client, captured
from tests.dcerpc.vectors import load
from tests.fuzz.cost import Cost
from tests.fuzz.instances import instance
from tests.fuzz.target import Target

__all__ = ["CODECS"]

#: Octets before and behind an input, which belong to others and may not be looked at.
FOREIGN = b"\xff\x00\xff\x00\xff\x00\xff\x00"

RECIPIENT = events.Recipient(0x1111, 0x2222, 0x3333)

#: What is no struct in a completion: a handle, a block.
VALUES: dict[type, object] = {int: 1001, bytes: b""}

#: Right inputs for each struct and packet.
SEEDS = 4


def vectors(name: str = "") -> Callable[[], Sequence[bytes]]:
    """The captured PDUs with a word in their name."""
    return lambda: [vector.pdu for vector in load() if name in vector.name]


def stubs(name: str) -> Callable[[], Sequence[bytes]]:
    """The stubs of the captured PDUs with a word in their name."""
    return lambda: [vector.stub for vector in load() if name in vector.name and vector.stub]


def decodePDU(data: bytes) -> None:
    """Decode a PDU; one that decodes must encode to bytes that mean the same."""
    try:
        decoded = pdu.decode(FOREIGN + data + FOREIGN, len(FOREIGN))
    except pdu.PDUError:
        return
    if pdu.decode(decoded.encode()) != decoded:
        raise AssertionError("a PDU does not survive encoding and decoding")


def openPipe(data: bytes) -> None:
    """Decode what smbd says of a client, and what is made of it."""
    try:
        request = decodeRequest(data)
    except NamedPipeAuthError:
        return
    if request.authenticated and not request.groups:
        raise AssertionError("somebody without a SID is authenticated")
    _ = request.encrypted


def readMessages(data: bytes) -> None:
    """Take a stream out of its messages, whole and in two pieces: it is the same."""
    whole = messagesOf(data)
    for at in (1, len(data) // 2):
        if messagesOf(data[:at], data[at:]) != whole:
            raise AssertionError("messages depend on the pieces that they come in")


def messagesOf(*pieces: bytes) -> bytes | None:
    """What is in messages; None if one is empty."""
    reader = MessageReader()
    try:
        return b"".join(map(reader.receive, pieces))
    except EmptyMessage:
        return None


def stubCodec(decode: Callable[..., object]) -> Callable[[bytes], None]:
    """Decode a stub in both byte orders and both transfer syntaxes."""

    def feed(data: bytes) -> None:
        surrounded = FOREIGN + data + FOREIGN
        start, end = len(FOREIGN), len(FOREIGN) + len(data)
        for littleEndian in (True, False):
            for syntax in (NDR, NDR64):
                try:
                    decode(surrounded, start, end, littleEndian, syntax)
                except Fault:
                    continue

    return feed


def structClasses() -> Iterator[type]:
    """Every struct that is declared in the package of words."""
    for found in pkgutil.iter_modules(tapi.__path__):
        module = import_module(f"{tapi.__name__}.{found.name}")
        for value in vars(module).values():
            if isinstance(value, type) and value.__module__ == module.__name__ and declared(value):
                yield value


def declared(cls: type) -> bool:
    """Whether a class is a struct of the protocol."""
    try:
        structs.fixedSize(cls)
    except TypeError:
        return False
    return True


def structTarget(cls: type) -> Target:
    """A struct in all its versions' sizes; what can be read can be written, and read again."""

    def seeds() -> Sequence[bytes]:
        random = Random(cls.__name__)
        return [structs.pack(instance(cls, random)) for _ in range(SEEDS)]

    def feed(data: bytes) -> None:
        surrounded = FOREIGN + data + FOREIGN
        start, end = len(FOREIGN), len(FOREIGN) + len(data)
        for version in VALID_VERSIONS:
            try:
                value = structs.unpack(cls, surrounded, start, version, end)
                written = structs.pack(value, version=version)
                again = structs.pack(structs.unpack(cls, written, 0, version), version=version)
            except (DecodeError, EncodeError):
                continue
            if again != written:
                raise AssertionError(f"{value!r} does not survive packing and unpacking")

    return Target(
        name=f"struct.{cls.__name__}",
        seeds=seeds,
        feed=feed,
        base=Cost(memory=32768, calls=20000),
        cases=60,
    )


def requestTarget(cls: type[Request]) -> Target:
    """A request packet; what decodes encodes again, and to what decodes to the same."""

    def seeds() -> Sequence[bytes]:
        random = Random(cls.Req_Func)
        return [templates.encodeRequest(instance(cls, random)) for _ in range(SEEDS)]

    def feed(data: bytes) -> None:
        try:
            message = templates.decodeRequest(
                FOREIGN + data + FOREIGN, len(FOREIGN), len(FOREIGN) + len(data)
            )
            again = templates.decodeRequest(templates.encodeRequest(message))
        except (DecodeError, EncodeError, templates.UnknownRequest):
            return
        if again != message:
            raise AssertionError(f"{message!r} does not survive encoding and decoding: {again!r}")

    return Target(name=f"request.{nameOf(cls)}", seeds=seeds, feed=feed, cases=200)


def replyTarget(cls: type[Request]) -> Target:
    """What a client reads: the reply to a request."""

    def seeds() -> Sequence[bytes]:
        random = Random(-cls.Req_Func)
        request = instance(cls, random)
        return [reply(instance(cls, random), request) for _ in range(SEEDS)]

    def feed(data: bytes) -> None:
        try:
            templates.decodeReply(
                cls, FOREIGN + data + FOREIGN, len(FOREIGN), len(FOREIGN) + len(data)
            )
        except DecodeError:
            return

    return Target(name=f"reply.{nameOf(cls)}", seeds=seeds, feed=feed, cases=50)


def reply(message: Request, original: Request) -> bytes:
    """A reply that returns all that this request can return."""
    random = Random(message.Req_Func)
    filled: dict[str, object] = {}
    roomy: dict[str, int] = {}
    for field in layout.fieldsOf(type(message)):
        if isinstance(field.kind, layout.Room):
            filled[field.name] = instance(field.kind.structure, random)
            roomy[field.name] = 0x10000
        elif isinstance(field.kind, layout.Returned):
            filled[field.name] = random.randbytes(12)
    return templates.encodeReply(
        attrs.evolve(message, **filled), 0, attrs.evolve(original, **roomy)
    )


def completed(cls: type[Request], random: Random) -> bytes:
    """The completion of a request, with all that it can carry."""
    special = completions.SPECIAL.get(cls)
    request = instance(cls, random)
    if special is None:
        return completions.encode(request, 7, RECIPIENT)
    if special.room:
        request = attrs.evolve(request, **{special.room: 0x10000})
    value: object = VALUES.get(special.content)
    if value is None:
        value = instance(special.content, random)
    return completions.encode(request, 7, RECIPIENT, 0, value)


def eventsAndCompletions() -> Sequence[bytes]:
    """Lists as RemoteSPEventProc and GetAsyncEvents carry them."""
    random = Random("events")
    told = [
        events.encode(event, RECIPIENT)
        for event in (
            LINE_AGENTSTATUS(dwAddressID=0, dwAgentStatus=1),
            events.LINE_PROXYSTATUS(1, 9),
            events.LINE_CLOSE(),
        )
    ]
    later = [cls for cls in byFunction.values() if cls.completes == LATER]
    ended = [completed(cls, random) for cls in later]
    return [*told, *ended, b"".join(told), b"".join(ended[:3] + told)]


def readEvents(data: bytes) -> None:
    """Read a list of packets, each as every event and every completion that it might be."""
    try:
        packets = events.decodeList(
            FOREIGN + data + FOREIGN, len(FOREIGN), len(FOREIGN) + len(data)
        )
    except DecodeError:
        return
    for packet in packets:
        events.decode(packet)
        for cls in completions.SPECIAL:
            try:
                completions.decode(packet, cls)
            except DecodeError:
                continue


def nameOf(cls: type) -> str:
    """A request's name; eleven names are both a line's and a phone's."""
    return f"{cls.__module__.rpartition('.')[2]}.{cls.__name__}"


def _targets() -> Iterator[Target]:
    yield Target(name="pdu", seeds=vectors(), feed=decodePDU, perOctet=Cost(memory=200, calls=5))
    for name, words, decode in METHODS:
        yield Target(name=f"ndr.{name}", seeds=stubs(words), feed=stubCodec(decode))
    yield Target(
        name="pipe.namedpipeauth",
        seeds=lambda: [*captured().values(), *(Client(level=level).request() for level in LEVELS)],
        feed=openPipe,
    )
    yield Target(
        name="pipe.messages",
        seeds=lambda: [messages(b"".join(vectors()()))],
        feed=readMessages,
    )
    for cls in structClasses():
        yield structTarget(cls)
    yield Target(name="events", seeds=eventsAndCompletions, feed=readEvents, perOctet=Cost(300, 20))
    for packet in byFunction.values():
        yield requestTarget(packet)
        yield replyTarget(packet)


#: Target, words in the names of the captured PDUs, codec.
METHODS: tuple[tuple[str, str, Callable[..., object]], ...] = (
    ("ClientAttach", "ClientAttach request", idl.decodeClientAttach),
    ("ClientAttach.reply", "ClientAttach response", idl.decodeClientAttachReply),
    ("ClientRequest", "ClientRequest request", idl.decodeClientRequest),
    ("ClientRequest.reply", "ClientRequest response", idl.decodeClientRequestReply),
    ("ClientDetach", "ClientDetach request", idl.decodeClientDetach),
    ("RemoteSPAttach.reply", "RemoteSPAttach response", idl.decodeRemoteSPAttachReply),
    ("RemoteSPEventProc", "RemoteSPEventProc request", idl.decodeRemoteSPEventProc),
    ("RemoteSPDetach", "RemoteSPDetach request", idl.decodeRemoteSPDetach),
)

CODECS = tuple(_targets())
