"""
The frame of every request, TAPI32_MSG, and the classes declared for it.  [MS-TRP] 2.2.5.2

Two DWORDs (Req_Func, which is Ack_ReturnValue on the way back, and Reserved1), thirteen for the
parameters, then VarData, from whose start offsets count.  A request class names its parameters and
nothing else; importing `tapiproxy.trp.requests` declares them all.
"""

import struct
from collections.abc import Callable
from operator import itemgetter
from typing import Any, ClassVar, Generic, TypeVar, dataclass_transform
from uuid import UUID

import attrs

from tapiproxy.wire import cursor
from tapiproxy.wire.errors import MISSING, OUTSIDE, DecodeError, EncodeError
from tapiproxy.wire.layout import (
    TAPI_NO_DATA,
    TEXT,
    Block,
    Field,
    Returned,
    Room,
    WideString,
    Within,
    fieldsOf,
)
from tapiproxy.wire.structs import EVERY_VERSION, pack, unpack
from tapiproxy.wire.text import encodeText

T = TypeVar("T", bound="Request")

#: How a request is completed: by its acknowledgement, or by LINE_REPLY with its request ID.
NOW = "now"
LATER = "later"

#: Octets before VarData.
FRAME_SIZE = 60

#: MAX_TAPI_FUNC_ARGS of 2.2.5.2.
PARAMETERS = 13

_FRAME = struct.Struct("<15I")
_WORD = struct.Struct("<I")


class UnknownRequest(Exception):
    """
    A Req_Func for which no class is declared.

    :ivar Req_Func: the number; `tapiproxy.trp.requests.names` knows those of the specification.
    """

    def __init__(self, Req_Func: int) -> None:
        super().__init__(Req_Func)
        self.Req_Func = Req_Func


class Request:
    """
    A request packet.

    :cvar Req_Func: its number.
    :cvar completes: NOW or LATER.
    """

    __slots__ = ()
    Req_Func: ClassVar[int]
    completes: ClassVar[str]


_Convert = Callable[[tuple[int, ...], bytes, int, int], object]


@attrs.frozen
class _Plan:
    """
    How to decode a class: which DWORDs are its arguments, and which of them are converted.

    :ivar words: how many DWORDs of the frame it uses.
    """

    cls: type[Request]
    fields: tuple[Field, ...]
    words: int
    select: Callable[[tuple[int, ...]], tuple[int, ...]]
    converters: tuple[tuple[int, _Convert], ...]


#: Every declared class by its number.
byFunction: dict[int, type[Request]] = {}

_plans: dict[int, _Plan] = {}


@dataclass_transform(frozen_default=True)
def request(Req_Func: int, *, replies: str) -> Callable[[type[T]], type[T]]:
    """
    Declare a request packet.

    :param Req_Func: its number.
    :param replies: NOW where the specification says "MUST complete this call synchronously", LATER
        where it speaks of a request identifier.
    """

    def declare(cls: type[T]) -> type[T]:
        made = attrs.frozen(cls)
        made.Req_Func = Req_Func
        made.completes = replies
        plan = _compile(made)
        if Req_Func in byFunction:
            other = byFunction[Req_Func]
            raise TypeError(f"{Req_Func} is {other.__module__}.{other.__name__} already")
        byFunction[Req_Func] = made
        _plans[Req_Func] = plan
        return made

    return declare


def _compile(cls: type[Request]) -> _Plan:
    fields = fieldsOf(cls)
    positions = []
    converters = []
    word = 2
    for index, field in enumerate(fields):
        convert = _converter(field, word, fields)
        # A block that the reply will carry has its size in the second DWORD.
        positions.append(word + 1 if isinstance(field.kind, Returned) else word)
        if convert is not None:
            converters.append((index, convert))
        word += len(field.slots)
    if word - 2 > PARAMETERS:
        raise TypeError(f"{cls.__name__} has {word - 2} parameters of {PARAMETERS}")
    return _Plan(cls, fields, word, _selector(positions), tuple(converters))


def _selector(positions: list[int]) -> Callable[[tuple[int, ...]], tuple[int, ...]]:
    if positions == list(range(2, 2 + len(positions))):
        return itemgetter(slice(2, 2 + len(positions)))
    return itemgetter(*positions)


def _converter(field: Field, word: int, fields: tuple[Field, ...]) -> _Convert | None:
    """Make the function that turns a DWORD into what it points to, for the kinds that point."""
    kind = field.kind
    if isinstance(kind, WideString):
        return _wideString(field.path, word, kind.optional)
    if isinstance(kind, Block):
        return _block(field.path, word, kind.content)
    if isinstance(kind, Within):
        return _within(field.path, word, kind, fields)
    return None


def _wideString(path: str, word: int, optional: bool) -> _Convert:
    read = cursor.wideString

    def convert(words: tuple[int, ...], data: bytes, base: int, end: int) -> str | None:
        offset = words[word]
        if optional and offset == TAPI_NO_DATA:
            return None
        return read(data, base, end, offset, path)

    return convert


def _block(path: str, word: int, content: str) -> _Convert:
    read = cursor.block

    def convert(words: tuple[int, ...], data: bytes, base: int, end: int) -> bytes | str | UUID:
        return read(data, base, end, words[word], words[word + 1], content, path)

    return convert


def _within(path: str, word: int, kind: Within, fields: tuple[Field, ...]) -> _Convert:
    place: dict[str, int] = {}
    position = 2
    for field in fields:
        place[field.name] = position
        position += len(field.slots)

    def convert(words: tuple[int, ...], data: bytes, base: int, end: int) -> object:
        if kind.when and not words[place[kind.when]] & kind.flag:
            return None
        version = words[place[kind.version]] if kind.version else EVERY_VERSION
        return cursor.within(data, base, end, words[word], kind.structure, path, version)

    return convert


def decodeRequest(data: bytes, start: int = 0, end: int | None = None) -> Request:
    """
    Decode a request.

    :param data: octets that hold it.
    :param start: where pBuffer begins in them.
    :param end: where the octets end that were sent, start + *plUsedSize; None for the end of data.
    :returns: an instance of a class of `tapiproxy.trp.requests`.
    :raises DecodeError: it is not well-formed.
    :raises UnknownRequest: no class is declared for its Req_Func.
    """
    if end is None:
        end = len(data)
    base = start + FRAME_SIZE
    if end < base:
        words = _shortFrame(data, start, end)
        base = end
    else:
        words = _FRAME.unpack_from(data, start)
    plan = _plans.get(words[0])
    if plan is None:
        raise UnknownRequest(words[0])
    if end - start < 4 * plan.words:
        raise _missing(plan, (end - start) // 4)
    arguments = plan.select(words)
    if plan.converters:
        converted: list[Any] = list(arguments)
        for index, convert in plan.converters:
            converted[index] = convert(words, data, base, end)
        return plan.cls(*converted)
    return plan.cls(*arguments)


def _shortFrame(data: bytes, start: int, end: int) -> tuple[int, ...]:
    """Read a frame whose padding was not sent, which reads as zero."""
    if end - start < 4:
        raise DecodeError(MISSING, "Req_Func", "dword", f"{end - start} octets")
    frame = data[start : end - (end - start) % 4]
    return _FRAME.unpack(frame + bytes(FRAME_SIZE - len(frame)))


def _missing(plan: _Plan, sent: int) -> DecodeError:
    """Name the first parameter that was not sent."""
    word = 2
    for field in plan.fields:
        word += len(field.slots)
        if word > sent:
            break
    return DecodeError(MISSING, field.path, field.kind.name, f"{sent} of {plan.words} DWORDs")


# Encoding.


class _VarData:
    """What offsets point to, as it grows."""

    __slots__ = ("octets",)

    def __init__(self) -> None:
        self.octets = bytearray()

    def append(self, part: bytes) -> int:
        """Add a part, DWORD-aligned and never without an octet, and tell its offset."""
        offset = len(self.octets)
        self.octets += part
        self.octets += bytes(-len(part) % 4 or (0 if part else 4))
        return offset


def encodeRequest(message: Request) -> bytes:
    """
    Encode a request, for clients and tests.

    :param message: an instance of a class of `tapiproxy.trp.requests`.
    :returns: pBuffer: the frame, and VarData if there is any.
    :raises EncodeError: a value does not fit its field.
    """
    words = [message.Req_Func, 0]
    varData = _VarData()
    for field in _plans[message.Req_Func].fields:
        words += _parameters(field, message, varData)
    return _frame(message, words, varData)


def _frame(message: Request, words: list[int], varData: _VarData) -> bytes:
    words += [0] * (2 + PARAMETERS - len(words))
    try:
        return _FRAME.pack(*words) + varData.octets
    except struct.error as error:
        raise EncodeError(type(message).__name__, str(error)) from None


def _parameters(field: Field, message: Request, varData: _VarData) -> tuple[int, ...]:
    """Write a field into its DWORDs, and what it points to into VarData."""
    value: Any = getattr(message, field.name)
    kind = field.kind
    if isinstance(kind, WideString):
        return (TAPI_NO_DATA if value is None else varData.append(_text(field, value)),)
    if isinstance(kind, Block):
        part = _blockContent(field, kind, value)
        return varData.append(part), len(part)
    if isinstance(kind, Within):
        if value is None:
            return (TAPI_NO_DATA,)
        version = getattr(message, kind.version) if kind.version else EVERY_VERSION
        return (varData.append(pack(value, version=version)),)
    if isinstance(kind, Returned):
        return TAPI_NO_DATA, value
    return (value,)


def _text(field: Field, value: str) -> bytes:
    try:
        return encodeText(value)
    except ValueError as error:
        raise EncodeError(field.path, str(error)) from None


def _blockContent(field: Field, kind: Block, value: Any) -> bytes:
    if isinstance(value, UUID):
        return value.bytes_le
    if kind.content == TEXT:
        return b"" if value is None else _text(field, value)
    return bytes(value)


# Replies.


def acknowledgement(data: bytes, start: int, end: int, result: int) -> bytes:
    """
    Make a reply that is the client's own octets with a result in front.

    :param data: octets that hold the request.
    :param start: where pBuffer begins in them.
    :param end: where the octets end that were sent; at least four.
    :param result: Ack_ReturnValue: a request ID, 0 or an error code.
    :returns: pBuffer of the reply.
    """
    return _WORD.pack(result) + data[start + 4 : end]


def encodeReply(
    message: Request,
    result: int,
    original: Request,
    version: int = EVERY_VERSION,
    varData: bytes = b"",
) -> bytes:
    """
    Make the reply of a request that completes at once.

    :param message: the request, evolved: numbers in its ``out()`` fields, a struct in a ``room()``
        field, octets in a ``returned()`` field.
    :param result: Ack_ReturnValue: 0 or an error code.
    :param original: the request as it was decoded, for the room that the client named.
    :param version: the TAPI version for which structs are packed.
    :param varData: octets of VarData that no field points to (GetAsyncEvents).
    :returns: pBuffer of the reply.  The strings and blocks of the request are not sent back, their
        offsets are TAPI_NO_DATA.
    :raises DecodeError: TOOSMALL: a struct's fixed part does not fit into the room.
    :raises EncodeError: a value does not fit its field.
    """
    words = [result, 0]
    content = _VarData()
    for field in _plans[message.Req_Func].fields:
        value = getattr(message, field.name)
        kind = field.kind
        if isinstance(kind, Room) and not isinstance(value, int):
            octets = pack(value, getattr(original, field.name), version)
            words.append(content.append(octets))
        elif isinstance(kind, Returned) and not isinstance(value, int):
            words += (content.append(value), len(value))
        elif isinstance(kind, WideString | Block | Within):
            words += (TAPI_NO_DATA,) * len(field.slots)
        else:
            words += _parameters(field, message, content)
    content.octets += varData
    return _frame(message, words, content)


@attrs.frozen
class Reply(Generic[T]):
    """
    What a client reads from the reply to a request of class T.

    :ivar result: Ack_ReturnValue: 0, an error code, or the request ID of a request that completes
        later.
    :ivar message: the request as the server sent it back, with its ``out()`` fields, and with
        structs and octets where it returned any.  Strings and blocks of the request are empty.
    :ivar varData: all of VarData.
    """

    result: int
    message: T
    varData: bytes


def decodeReply(
    cls: type[T],
    data: bytes,
    start: int = 0,
    end: int | None = None,
    version: int = EVERY_VERSION,
) -> Reply[T]:
    """
    Decode the reply to a request, for clients.

    :param cls: the class of the request.
    :param data: octets that hold the reply.
    :param start: where pBuffer begins in them.
    :param end: where they end, start + *plUsedSize; None for the end of data.
    :param version: the TAPI version for which the server packed structs.
    :raises DecodeError: it is not well-formed.
    """
    plan = _plans[cls.Req_Func]
    if end is None:
        end = len(data)
    if end - start < FRAME_SIZE:
        words = _shortFrame(data, start, end)
        base = end
    else:
        words = _FRAME.unpack_from(data, start)
        base = start + FRAME_SIZE
    result = words[0]
    if end - start < 4 * plan.words:
        raise _missing(plan, (end - start) // 4)
    values: dict[str, object] = {}
    word = 2
    for field in plan.fields:
        slots = words[word : word + len(field.slots)]
        word += len(slots)
        if isinstance(field.kind, Room) and result == 0:
            values[field.name] = _returnedStruct(field, field.kind, slots, data, base, end, version)
        elif isinstance(field.kind, Returned):
            values[field.name] = (
                slots[1] if result else _returnedBlock(field, slots, data, base, end)
            )
        elif not isinstance(field.kind, WideString | Block | Within):
            values[field.name] = slots[0]
    return Reply(result, cls(**values), data[base:end])


def _returnedStruct(
    field: Field,
    kind: Room,
    slots: tuple[int, ...],
    data: bytes,
    base: int,
    end: int,
    version: int,
) -> object:
    """Read a struct of the reply; its dwTotalSize is the room of the client, not what was sent."""
    (offset,) = slots
    if offset >= end - base:
        raise DecodeError(OUTSIDE, field.path, kind.name, f"offset {offset} of {end - base}")
    return unpack(kind.structure, data, base + offset, version, end)


def _returnedBlock(field: Field, slots: tuple[int, ...], data: bytes, base: int, end: int) -> bytes:
    offset, size = slots
    if not size:
        return b""
    start = cursor.blockStart(base, end, offset, size, field.path)
    return data[start : start + size]
