"""
Structs: how a declared class becomes octets, and octets the class.  [MS-TRP] 2.2.6

Offsets count from the start of the struct; those within the entries of a list count from the start
of the struct that holds the list, as 2.2.6.7 says of LINEFORWARD ("the root container").
"""

import struct
from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform
from uuid import UUID

import attrs

from tapiproxy.wire import layout
from tapiproxy.wire.errors import (
    BADTEXT,
    BEYOND,
    MISALIGNED,
    OUTSIDE,
    TOOLONG,
    TOOSMALL,
    DecodeError,
    EncodeError,
)
from tapiproxy.wire.layout import Array, Currency, Date, Field, Guid, Nested, Sized
from tapiproxy.wire.text import LONGEST_STRING, decodeText, encodeText, terminator

T = TypeVar("T")

#: The first members of nearly all structs of variable size.
SIZES = ("dwTotalSize", "dwNeededSize", "dwUsedSize")

#: For `fixedSize`, `pack` and `unpack`: every field, whatever version it came with.
EVERY_VERSION = 0xFFFFFFFF

#: Parts of a struct may share octets, but only so often: the parts of one struct may not be longer
#: in sum than this many times the struct, so that a list cannot name one long text without end.
SHARING = 4

_FORMATS: dict[type, str] = {Sized: "II", Array: "III", Guid: "16s", Currency: "q", Date: "d"}


@attrs.frozen
class _Step:
    """A struct as of one version: the fields that it has, and their layout."""

    fields: tuple[Field, ...]
    struct: struct.Struct


@attrs.frozen
class _Plan:
    """A declared class: the sizes that it begins with, its steps, and what it asks of offsets."""

    cls: type
    header: tuple[str, ...]
    steps: tuple[tuple[int, _Step], ...]
    aligned: int
    unboundedBefore: dict[str, int]

    def step(self, version: int) -> _Step:
        """Choose the latest step that a version knows."""
        for since, step in reversed(self.steps):
            if since <= version:
                return step
        return self.steps[0][1]


_plans: dict[type, _Plan] = {}


def _format(field: Field) -> str:
    if isinstance(field.kind, Nested):
        return f"{_plans[field.kind.structure].steps[-1][1].struct.size}s"
    return _FORMATS.get(type(field.kind), "I")


def _declare(
    cls: type[T], header: tuple[str, ...], aligned: int, unboundedBefore: dict[str, int]
) -> type[T]:
    made = attrs.frozen(cls, kw_only=True)
    fields = layout.fieldsOf(made)
    versions = sorted({field.since for field in fields} | {0})
    if [field.since for field in fields] != sorted(field.since for field in fields):
        raise TypeError(f"{cls.__name__}: a field of a later version stands before an older one")
    steps = []
    for version in versions:
        known = tuple(field for field in fields if field.since <= version)
        form = "<" + "I" * len(header) + "".join(map(_format, known))
        steps.append((version, _Step(known, struct.Struct(form))))
    _plans[made] = _Plan(made, header, tuple(steps), aligned, unboundedBefore)
    return made


@dataclass_transform(frozen_default=True, kw_only_default=True)
def structure(
    *,
    header: tuple[str, ...] = SIZES,
    aligned: int = 1,
    unboundedBefore: dict[str, int] | None = None,
) -> Callable[[type[T]], type[T]]:
    """
    Declare a struct of variable size.

    :param header: the sizes it begins with, which are computed and no fields.
    :param aligned: what the offsets of its variable parts are a multiple of.
    :param unboundedBefore: variable parts whose end is not checked for clients of a version up to
        the one given; what lies beyond the struct is cut off.
    """

    def declare(cls: type[T]) -> type[T]:
        return _declare(cls, header, aligned, unboundedBefore or {})

    return declare


@dataclass_transform(frozen_default=True, kw_only_default=True)
def entry(cls: type[T]) -> type[T]:
    """Declare a struct of fixed size, which stands in a list or alone."""
    return _declare(cls, (), 1, {})


def _planOf(cls: type) -> _Plan:
    plan = _plans.get(cls)
    if plan is None:
        raise TypeError(f"{cls.__name__} is not a struct of the protocol")
    return plan


def fixedSize(cls: type, version: int = EVERY_VERSION) -> int:
    """
    Tell the size of a struct's fixed part.

    :param cls: a declared class.
    :param version: the TAPI version asked for.
    :returns: its size in octets.
    """
    return _planOf(cls).step(version).struct.size


def slotNames(cls: type, version: int = EVERY_VERSION) -> tuple[str, ...]:
    """Name the members of a struct's fixed part on the wire, in order."""
    plan = _planOf(cls)
    names = [slot for field in plan.step(version).fields for slot in field.slots]
    return (*plan.header, *names)


def neededSize(data: bytes, base: int = 0) -> int:
    """
    Tell what a struct would have needed, for a client that gave it too little room.

    :param data: a struct that begins with the three sizes.
    :param base: where it begins.
    :returns: its dwNeededSize.
    :raises DecodeError: not even the three sizes are there.
    """
    if len(data) - base < 12:
        raise DecodeError(TOOSMALL, "dwNeededSize", "structure", f"{len(data) - base} octets")
    needed: int = _WORD.unpack_from(data, base + 4)[0]
    return needed


_WORD = struct.Struct("<I")


# Packing.


def pack(value: object, total: int = EVERY_VERSION, version: int = EVERY_VERSION) -> bytes:
    """
    Write a struct into the room that a client gave.

    :param value: an instance of a declared class.
    :param total: the room in octets, which becomes dwTotalSize.
    :param version: the TAPI version asked for; later fields are not written.
    :returns: dwUsedSize octets.  With too little room that is the fixed part, without the variable
        ones and with the dwNeededSize that a second request should give.
    :raises DecodeError: TOOSMALL: less room than the fixed part.
    :raises EncodeError: a value does not fit its field.
    """
    plan = _planOf(type(value))
    step = plan.step(version)
    fixed = step.struct.size
    if total < fixed:
        raise DecodeError(TOOSMALL, plan.cls.__name__, "structure", f"{total} of {fixed} octets")
    whole = bytearray(fixed)
    sizes = (0,) * len(plan.header)
    _place(plan, step, value, whole, 0, sizes, _append)
    needed = len(whole)
    if needed > total:
        whole = bytearray(fixed)
        _place(plan, step, value, whole, 0, sizes, None)
    if total == EVERY_VERSION:
        total = needed
    for index, name in enumerate(plan.header):
        size = {"dwTotalSize": total, "dwNeededSize": needed, "dwUsedSize": len(whole)}[name]
        _WORD.pack_into(whole, 4 * index, size)
    return bytes(whole)


_Append = Callable[[bytearray, bytes], int]


def _append(whole: bytearray, part: bytes) -> int:
    """Put a variable part at the end, DWORD-aligned, and tell its offset."""
    offset = len(whole)
    whole += part
    whole += bytes(-len(whole) % 4)
    return offset


def _place(
    plan: _Plan,
    step: _Step,
    value: object,
    whole: bytearray,
    position: int,
    sizes: tuple[int, ...],
    append: _Append | None,
) -> None:
    """Write one struct's fixed part, and its variable ones unless there is no room for them."""
    flat: list[object] = list(sizes)
    for field in step.fields:
        _flatten(field, getattr(value, field.name), whole, flat, append)
    try:
        step.struct.pack_into(whole, position, *flat)
    except struct.error as error:
        names = [*plan.header, *(slot for field in step.fields for slot in field.slots)]
        raise EncodeError(_culprit(plan, names, flat), str(error)) from None


def _culprit(plan: _Plan, names: list[str], flat: list[object]) -> str:
    for name, item in zip(names, flat, strict=True):
        if not isinstance(item, bytes | float) and not (
            isinstance(item, int) and 0 <= item <= 0xFFFFFFFF
        ):
            return f"{plan.cls.__name__}.{name}"
    return plan.cls.__name__


def _flatten(
    field: Field, value: Any, whole: bytearray, flat: list[object], append: _Append | None
) -> None:
    kind = field.kind
    if isinstance(kind, Sized):
        if append is None or _absent(value):
            flat += (0, 0)
        elif isinstance(kind.content, type):
            flat += _entries(kind.content, value, whole, append)
        else:
            part = _content(field, kind.content, value)
            flat += (len(part), append(whole, part))
    elif isinstance(kind, Array):
        if append is None or not value:
            flat += (0, 0, 0)
        elif kind.entry is None:
            words = _words(field, value)
            flat += (len(value), len(words), append(whole, words))
        else:
            flat += (len(value), *_entries(kind.entry, value, whole, append))
    elif isinstance(kind, Guid):
        flat.append(value.bytes_le)
    elif isinstance(kind, Nested):
        flat.append(pack(value))
    else:
        flat.append(value)


def _absent(value: Any) -> bool:
    """Tell whether there is no variable part at all; an empty text still has its null."""
    return value is None or (not value and not isinstance(value, str))


def _content(field: Field, content: str, value: Any) -> bytes:
    try:
        if content == layout.TEXT:
            return encodeText(value)
        if content == layout.TEXTS:
            return b"".join(map(encodeText, value)) + b"\0\0"
    except ValueError as error:
        raise EncodeError(field.path, str(error)) from None
    return bytes(value)


def _words(field: Field, values: tuple[int, ...]) -> bytes:
    try:
        return struct.pack(f"<{len(values)}I", *values)
    except struct.error as error:
        raise EncodeError(field.path, str(error)) from None


def _entries(
    cls: type, values: tuple[object, ...], whole: bytearray, append: _Append
) -> tuple[int, int]:
    """Write a list: first its entries side by side, then what they point to."""
    plan = _planOf(cls)
    step = plan.steps[-1][1]
    size = step.struct.size
    offset = append(whole, bytes(size * len(values)))
    for index, value in enumerate(values):
        _place(plan, step, value, whole, offset + index * size, (), append)
    return size * len(values), offset


# Unpacking.


class _Reader:
    """One struct's octets, and how many of them its parts may still take."""

    __slots__ = ("base", "budget", "data", "extent", "plan", "version")

    def __init__(self, data: bytes, base: int, extent: int, plan: _Plan, version: int) -> None:
        self.data = data
        self.base = base
        self.extent = extent
        self.plan = plan
        self.version = version
        self.budget = SHARING * extent

    def place(self, field: Field, size: int, offset: int) -> tuple[int, int]:
        """
        Check where a variable part lies.

        :returns: its start and end in ``data``.
        """
        if offset % self.plan.aligned:
            raise _error(MISALIGNED, field, f"offset {offset}")
        if offset >= self.extent and (size or self.plan.aligned > 1):
            raise _error(OUTSIDE, field, f"offset {offset} of {self.extent} octets")
        # A part that begins outside is the other check's business.
        if offset < self.extent < offset + size and self.bounded(field):
            raise _error(BEYOND, field, f"{size} octets at {offset} of {self.extent}")
        start = self.base + offset
        end = min(start + size, self.base + self.extent)
        self.spend(field, max(end - start, 0))
        return start, max(start, end)

    def bounded(self, field: Field) -> bool:
        """Tell whether a part's end is checked for this version."""
        return self.version > self.plan.unboundedBefore.get(field.name, -1)

    def spend(self, field: Field, size: int) -> None:
        """Refuse parts that share their octets too often."""
        self.budget -= size
        if self.budget < 0:
            raise _error(TOOLONG, field, f"the parts exceed {SHARING} times {self.extent} octets")


def _error(problem: str, field: Field, detail: str) -> DecodeError:
    return DecodeError(problem, field.path, field.kind.name, detail)


def unpack(
    cls: type[T],
    data: bytes,
    base: int = 0,
    version: int = EVERY_VERSION,
    end: int | None = None,
) -> T:
    """
    Read a struct.

    :param cls: a declared class.
    :param data: octets that hold it.
    :param base: where it begins.
    :param version: the TAPI version that it was written for.
    :param end: where the octets end that may belong to it; None for the end of the data.
    :returns: an instance of the class.  Fields of later versions have their defaults.
    :raises DecodeError: it is not such a struct.
    """
    plan = _planOf(cls)
    step = plan.step(version)
    extent = (len(data) if end is None else end) - base
    fixed = step.struct.size
    if extent < fixed:
        raise DecodeError(TOOSMALL, cls.__name__, "structure", f"{extent} of {fixed} octets")
    flat = step.struct.unpack_from(data, base)
    if plan.header:
        if flat[0] < fixed:
            raise DecodeError(
                TOOSMALL, cls.__name__, "structure", f"dwTotalSize {flat[0]} of {fixed} octets"
            )
        extent = min(extent, flat[0])
    reader = _Reader(data, base, extent, plan, version)
    made: T = _build(plan, step, flat, reader)
    return made


def _build(plan: _Plan, step: _Step, flat: tuple[Any, ...], reader: _Reader) -> Any:
    values: dict[str, object] = {}
    position = len(plan.header)
    for field in step.fields:
        count = len(field.slots)
        values[field.name] = _read(field, flat[position : position + count], reader)
        position += count
    return plan.cls(**values)


def _read(field: Field, slots: tuple[Any, ...], reader: _Reader) -> object:
    kind = field.kind
    if isinstance(kind, Sized):
        return _readSized(field, kind, slots, reader)
    if isinstance(kind, Array):
        return _readArray(field, kind, slots, reader)
    if isinstance(kind, Guid):
        return UUID(bytes_le=slots[0])
    if isinstance(kind, Nested):
        return unpack(kind.structure, slots[0])
    return slots[0]


def _readSized(field: Field, kind: Sized, slots: tuple[int, ...], reader: _Reader) -> object:
    size, offset = slots
    start, end = reader.place(field, size, offset)
    if kind.content == layout.BYTES:
        return bytes(reader.data[start:end])
    if kind.content == layout.TEXT:
        return _readText(field, reader.data, start, end) if size else None
    if kind.content == layout.TEXTS:
        return _readTexts(field, reader.data, start, end)
    assert isinstance(kind.content, type)
    each = fixedSize(kind.content)
    return _readEntries(kind.content, (end - start) // each, start, reader)


def _readText(field: Field, data: bytes, start: int, end: int) -> str:
    # The size rules: a null ends the text early, a missing one does not matter.
    stop = terminator(data, start, end)
    if stop < 0:
        stop = end
    if stop - start > 2 * LONGEST_STRING:
        raise _error(TOOLONG, field, f"{stop - start} octets")
    try:
        return decodeText(data, start, stop)
    except UnicodeDecodeError as error:
        raise _error(BADTEXT, field, error.reason) from None


def _readTexts(field: Field, data: bytes, start: int, end: int) -> tuple[str, ...]:
    texts = []
    while end - start >= 2 and (text := _readText(field, data, start, end)):
        texts.append(text)
        start += len(text.encode("utf-16-le")) + 2
    return tuple(texts)


def _readArray(
    field: Field, kind: Array, slots: tuple[int, ...], reader: _Reader
) -> tuple[object, ...]:
    count, size, offset = slots
    if not count:
        return ()
    needed = count * (4 if kind.entry is None else fixedSize(kind.entry))
    if size < needed:
        raise _error(TOOSMALL, field, f"{count} entries in {size} octets")
    start, end = reader.place(field, needed, offset)
    if kind.entry is None:
        return struct.unpack_from(f"<{(end - start) // 4}I", reader.data, start)
    return _readEntries(kind.entry, count, start, reader)


def _readEntries(cls: type, count: int, start: int, reader: _Reader) -> tuple[object, ...]:
    plan = _planOf(cls)
    step = plan.steps[-1][1]
    size = step.struct.size
    return tuple(
        _build(plan, step, step.struct.unpack_from(reader.data, start + index * size), reader)
        for index in range(count)
    )
