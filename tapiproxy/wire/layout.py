"""
The kinds of fields: a closed list, from which every packet and struct is declared.

A class is declared with one line for each field, in wire order; sizes, offsets and counts that can
be computed are never fields.  The decorators are `tapiproxy.trp.templates.request` for request
packets and `tapiproxy.wire.structs.structure` and ``entry`` for structs.  A new kind needs a reason
and two users.

Kinds of request fields, one DWORD each unless the table says more:

==================  ==========================================  ====================================
kind                value                                       checked while decoding
==================  ==========================================  ====================================
``dword()``         int                                         -
``echoed()``        int, which goes back untouched              -
``requestID()``     int, 0 = the server makes one               - (the session: at most 0x7FFFFFFF)
``handle(HLINE)``   int                                         - (the session resolves it)
``deviceID()``      int                                         - (the session)
``addressID()``     int                                         - (the session)
``flags(SET)``      int                                         - (the session: bits of the set)
``choice(SET)``     int                                         - (the session: one of the set)
``wideString()``    str; if optional None for TAPI_NO_DATA      alignment, range, null, UTF-16
``block(size)``     bytes, text or GUID; 2 DWORDs               alignment, range, end, GUID's size
``within(STRUCT)``  a struct that lies in VarData               alignment, range, room, the struct
``out()``           int, filled by the server                   -
``room(STRUCT)``    int, the room that the client has for a     - (the session: lNeededSize, size)
                    struct; in the reply the struct
``returned(size)``  int, the size that the client expects; in   - (the session: lNeededSize)
                    the reply bytes; 2 DWORDs
==================  ==========================================  ====================================

Kinds of struct fields only (structs also use dword, handle, deviceID, addressID, flags, choice):

==================  ====================  ==========================================================
``sized(CONTENT)``  Size, Offset          text, bytes, a list of texts, entries without a count
``array(ENTRY)``    Num, Size, Offset     a tuple of entries or of DWORDs
``guid()``          16 octets             uuid.UUID, in the order of [MS-DTYP] 2.3.4.2
``currency()``      8 octets              int, the value times 10,000
``date()``          8 octets              float, days since 1899-12-30
``nested(ENTRY)``   its size              an entry without variable parts, LINEDIALPARAMS
==================  ====================  ==========================================================
"""

import uuid
from typing import Any, ClassVar

import attrs

from tapiproxy.wire.sets import ConstantSet

#: An offset, size or handle that is not there.  [MS-TRP] calls it TAPI_NO_DATA.
TAPI_NO_DATA = 0xFFFFFFFF

#: The GUID of nothing, what a field has that was not set.
NIL_GUID = uuid.UUID(int=0)

_KIND = "tapiproxy.kind"

#: What a variable part holds.
BYTES = "bytes"
TEXT = "text"
TEXTS = "texts"
GUID = "guid"


@attrs.frozen
class Kind:
    """What a field is.  Attributes that a kind adds are for the rules of the session layer."""

    name: ClassVar[str]

    def slots(self, field: str) -> tuple[str, ...]:
        """
        Name the members that a field has on the wire.

        :param field: the name of the attribute.
        :returns: the specification's names, in wire order.
        """
        return (field,)


@attrs.frozen
class Dword(Kind):
    """An unsigned 32-bit integer."""

    name = "dword"


@attrs.frozen
class Echoed(Kind):
    """An opaque value of the client's, handed back untouched."""

    name = "echoed"


@attrs.frozen
class RequestID(Kind):
    """The identifier of an asynchronous request; 0 asks the server to make one."""

    name = "requestID"


@attrs.frozen
class Handle(Kind):
    """A handle; ``type`` is one of 2.2.1: HLINE, HLINEAPP ..."""

    name = "handle"
    type: str


@attrs.frozen
class DeviceID(Kind):
    """The index of a device."""

    name = "deviceID"


@attrs.frozen
class AddressID(Kind):
    """The index of an address on its line."""

    name = "addressID"


@attrs.frozen
class Flags(Kind):
    """A sum of the constants of a set."""

    name = "flags"
    set: ConstantSet


@attrs.frozen
class Choice(Kind):
    """One constant of a set."""

    name = "choice"
    set: ConstantSet


@attrs.frozen
class WideString(Kind):
    """
    The offset of a null-terminated Unicode string in VarData.

    :ivar optional: TAPI_NO_DATA says that there is none; elsewhere it is an offset like any other.
    """

    name = "wideString"
    optional: bool


@attrs.frozen
class Block(Kind):
    """Offset and size of a block in VarData; ``content`` is BYTES, TEXT or GUID."""

    name = "block"
    size: str
    content: str

    def slots(self, field: str) -> tuple[str, ...]:
        """As for every kind."""
        return field, self.size


@attrs.frozen
class Within(Kind):
    """
    The offset of a struct in VarData.

    :ivar structure: its class.
    :ivar flag: a bit of the field ``when`` without which the offset means nothing; 0 for always.
    :ivar version: the field with the version that rules the struct's size, if there is one.
    """

    name = "within"
    structure: type
    when: str
    flag: int
    version: str


@attrs.frozen
class Out(Kind):
    """Filled by the server."""

    name = "out"


@attrs.frozen
class Room(Kind):
    """In the request the room for a struct, in the reply the struct's offset in VarData."""

    name = "room"
    structure: type


@attrs.frozen
class Returned(Kind):
    """Offset and size of a block in the reply's VarData."""

    name = "returned"
    size: str

    def slots(self, field: str) -> tuple[str, ...]:
        """As for every kind."""
        return field, self.size


@attrs.frozen
class Sized(Kind):
    """A variable part by size and offset; ``content`` is BYTES, TEXT, TEXTS or an entry class."""

    name = "sized"
    content: str | type

    def slots(self, field: str) -> tuple[str, ...]:
        """As for every kind."""
        return f"dw{field}Size", f"dw{field}Offset"


@attrs.frozen
class Array(Kind):
    """A variable part by count, size and offset; ``entry`` is None for DWORDs."""

    name = "array"
    entry: type | None
    count: str

    def slots(self, field: str) -> tuple[str, ...]:
        """As for every kind."""
        return self.count, f"dw{field}Size", f"dw{field}Offset"


@attrs.frozen
class Guid(Kind):
    """Sixteen octets of a GUID."""

    name = "guid"


@attrs.frozen
class Currency(Kind):
    """A CURRENCY of OLE: 64 bits, signed, in ten-thousandths."""

    name = "currency"


@attrs.frozen
class Date(Kind):
    """A DATE of OLE: a double, days since 1899-12-30."""

    name = "date"


@attrs.frozen
class Nested(Kind):
    """A struct without variable parts, in place."""

    name = "nested"
    structure: type


@attrs.frozen
class Field:
    """
    One declared field.

    :ivar owner: the packet or struct.
    :ivar name: the attribute.
    :ivar since: the first TAPI version that has it; 0 for all.
    """

    owner: str
    name: str
    kind: Kind
    since: int

    @property
    def path(self) -> str:
        """Owner and name, ``"CreateAgent.lpszAgentID"``."""
        return f"{self.owner}.{self.name}"

    @property
    def slots(self) -> tuple[str, ...]:
        """The specification's names of its members on the wire, in order."""
        return self.kind.slots(self.name)


def fieldsOf(cls: type) -> tuple[Field, ...]:
    """
    The declared fields of a packet or struct, in wire order.

    :raises TypeError: the class was not declared with kinds.
    """
    found = []
    for attribute in attrs.fields(cls):
        declared = attribute.metadata.get(_KIND)
        if declared is None:
            raise TypeError(f"{cls.__name__}.{attribute.name} has no kind")
        kind, since = declared
        found.append(Field(cls.__name__, attribute.name, kind, since))
    return tuple(found)


def _field(kind: Kind, default: object, *, since: int = 0, secret: bool = False) -> Any:
    return attrs.field(default=default, repr=not secret, metadata={_KIND: (kind, since)})


def dword(since: int = 0) -> Any:
    """An unsigned 32-bit integer."""
    return _field(Dword(), 0, since=since)


def echoed() -> Any:
    """An opaque value that goes back to the client."""
    return _field(Echoed(), 0)


def requestID() -> Any:
    """The identifier of the request, or 0."""
    return _field(RequestID(), 0)


def handle(type: str) -> Any:
    """A handle of the type, one of `tapiproxy.tapi.handles`."""
    return _field(Handle(type), 0)


def deviceID() -> Any:
    """The index of a device."""
    return _field(DeviceID(), 0)


def addressID() -> Any:
    """The index of an address."""
    return _field(AddressID(), 0)


def flags(set: ConstantSet, since: int = 0) -> Any:
    """Any sum of the constants of a set."""
    return _field(Flags(set), 0, since=since)


def choice(set: ConstantSet, since: int = 0) -> Any:
    """One constant of a set."""
    return _field(Choice(set), 0, since=since)


def wideString(*, optional: bool = False, secret: bool = False) -> Any:
    """A string in VarData, or perhaps none; a secret one does not show in repr()."""
    return _field(WideString(optional), None, secret=secret)


_EMPTY: dict[str, object] = {BYTES: b"", TEXT: None, TEXTS: (), GUID: NIL_GUID}


def block(size: str, content: str = BYTES) -> Any:
    """A block in VarData, with the name of the field that holds its size."""
    return _field(Block(size, content), _EMPTY[content])


def within(structure: type, *, when: str = "", flag: int = 0, version: str = "") -> Any:
    """A struct in VarData, perhaps only when a flag of another field asks for it."""
    return _field(Within(structure, when, flag, version), None)


def out() -> Any:
    """A number that the server fills in."""
    return _field(Out(), TAPI_NO_DATA)


def room(structure: type) -> Any:
    """Room for a struct in the reply."""
    return _field(Room(structure), 0)


def returned(size: str) -> Any:
    """A block of the reply, with the name of the field that holds its size."""
    return _field(Returned(size), 0)


def sized(content: str | type, since: int = 0) -> Any:
    """A variable part by size and offset."""
    empty = _EMPTY[content] if isinstance(content, str) else ()
    return _field(Sized(content), empty, since=since)


def array(entry: type | None, count: str = "dwNumEntries", since: int = 0) -> Any:
    """A variable part of entries (None: of DWORDs), with the name of the field that counts them."""
    return _field(Array(entry, count), (), since=since)


def guid(since: int = 0) -> Any:
    """A GUID in place."""
    return _field(Guid(), NIL_GUID, since=since)


def currency() -> Any:
    """A CURRENCY."""
    return _field(Currency(), 0)


def date() -> Any:
    """A DATE."""
    return _field(Date(), 0.0)


def nested(structure: type) -> Any:
    """A struct without variable parts, in place."""
    return _field(Nested(structure), structure())
