"""
LINEPROXYREQUEST as octets.  [MS-TRP] 2.2.6.28

Handlers live in the server's process and get arms as objects; these octets are what the protocol's
LINE_PROXYREQUEST packet carries.  There are two bases: the names of machine and user count from the
start of the whole, the texts of an arm from the arm's first member.

The layout of an arm follows from its attributes and from its row of PROXY_REQUESTS: a handle that
the handler will return comes first, a struct that it will return last, with the room for it.
"""

import struct
from typing import Any
from uuid import UUID

import attrs

from tapiproxy.tapi.agentstructs import LINEAGENTGROUPLIST
from tapiproxy.tapi.proxyrequest import (
    LINEPROXYREQUEST,
    PROXY_REQUESTS,
    ProxyRequest,
    RequestContext,
)
from tapiproxy.wire.errors import BADTEXT, BADVALUE, BEYOND, TOOSMALL, DecodeError, EncodeError
from tapiproxy.wire.structs import fixedSize, pack, unpack
from tapiproxy.wire.text import decodeText, encodeText, terminator

_HEADER = struct.Struct("<7I")
_WORD = struct.Struct("<I")
_PAIR = struct.Struct("<II")

_byArm = {row.arm: row for row in PROXY_REQUESTS}
_byType = {row.requestType: row for row in PROXY_REQUESTS}


def encode(whole: LINEPROXYREQUEST, room: int = 0) -> bytes:
    """
    Write a request to a handler.

    :param whole: the request.
    :param room: the room that the client gave for a struct in the answer.
    :returns: dwSize octets.
    :raises EncodeError: a value does not fit its field.
    """
    row = _byArm[type(whole.request)]
    try:
        arm = _encodeArm(whole, row, room)
        start = _HEADER.size + len(arm)
        machine = encodeText(whole.ClientMachineName)
        user = encodeText(whole.ClientUserName)
        header = _HEADER.pack(
            start + len(machine) + len(user),
            len(machine),
            start,
            len(user),
            start + len(machine),
            whole.dwClientAppAPIVersion,
            row.requestType,
        )
    except (struct.error, ValueError) as error:
        raise EncodeError(f"LINEPROXYREQUEST.{row.name}", str(error)) from None
    return header + arm + machine + user


def _encodeArm(whole: LINEPROXYREQUEST, row: ProxyRequest, room: int) -> bytes:
    fixed = bytearray(4 if row.result is int else 0)
    members = attrs.fields(row.arm)[1:]
    size = len(fixed) + sum(_size(member.type) for member in members)
    variable = b""
    for member in members:
        value = getattr(whole.request, member.name)
        if member.type is int:
            fixed += _WORD.pack(value)
        elif member.type is UUID:
            fixed += value.bytes_le
        elif member.type is bytes:
            fixed += _WORD.pack(len(value))
            variable += value + bytes(-len(value) % 4)
        elif member.type == str | None:
            text = b"" if value is None else encodeText(value)
            fixed += _PAIR.pack(len(text), size + len(variable) if text else 0)
            variable += text + bytes(-len(text) % 4)
        else:
            variable += pack(LINEAGENTGROUPLIST(List=value))
    return bytes(fixed) + variable + _answer(row, room)


def _size(kind: object) -> int:
    """Tell how many octets of the fixed part a member of a type takes."""
    if kind is int or kind is bytes:
        return 4
    if kind is UUID:
        return 16
    return 8 if kind == str | None else 0


def _answer(row: ProxyRequest, room: int) -> bytes:
    """Make an empty struct with room for the handler's answer."""
    if row.result in (None, int, bytes):
        return b""
    assert row.result is not None
    empty = pack(row.result(), max(room, fixedSize(row.result)))
    return empty + bytes(max(room - len(empty), 0))


def decode(data: bytes, context: RequestContext) -> LINEPROXYREQUEST:
    """
    Read a request to a handler.

    :param data: the octets of a LINEPROXYREQUEST.
    :param context: for the arm.
    :raises DecodeError: it is none.
    """
    if len(data) < _HEADER.size:
        raise _bad(TOOSMALL, "dwSize", f"{len(data)} octets")
    size, machineSize, machine, userSize, user, version, requestType = _HEADER.unpack_from(data)
    if size > len(data):
        raise _bad(BEYOND, "dwSize", f"{size} of {len(data)} octets")
    row = _byType.get(requestType)
    if row is None:
        raise _bad(BADVALUE, "dwRequestType", f"{requestType}")
    return LINEPROXYREQUEST(
        _text(data, machine, machineSize, "ClientMachineName") or "",
        _text(data, user, userSize, "ClientUserName") or "",
        version,
        row.arm(context, *_decodeArm(data, row)),
    )


def _decodeArm(data: bytes, row: ProxyRequest) -> list[Any]:
    start = _HEADER.size
    members = attrs.fields(row.arm)[1:]
    position = start + (4 if row.result is int else 0)
    end = position + sum(_size(member.type) for member in members)
    if len(data) < end:
        raise _bad(TOOSMALL, row.name, f"{len(data) - start} octets")
    values: list[Any] = []
    for member in members:
        name = f"{row.name}.{member.name}"
        if member.type is int:
            values.append(_WORD.unpack_from(data, position)[0])
        elif member.type is UUID:
            values.append(UUID(bytes_le=data[position : position + 16]))
        elif member.type is bytes:
            (size,) = _WORD.unpack_from(data, position)
            if size > len(data) - end:
                raise _bad(BEYOND, name, f"{size} of {len(data) - end} octets")
            values.append(data[end : end + size])
        elif member.type == str | None:
            size, offset = _PAIR.unpack_from(data, position)
            values.append(_text(data, start + offset, size, name))
        else:
            values.append(unpack(LINEAGENTGROUPLIST, data, end).List)
        position += _size(member.type)
    return values


def _text(data: bytes, start: int, size: int, name: str) -> str | None:
    """Read a text; its size counts the null."""
    if not size:
        return None
    end = start + size
    if end > len(data):
        raise _bad(BEYOND, name, f"{size} octets at {start} of {len(data)}")
    stop = terminator(data, start, end)
    try:
        return decodeText(data, start, end if stop < 0 else stop)
    except UnicodeDecodeError as error:
        raise _bad(BADTEXT, name, error.reason) from None


def _bad(problem: str, name: str, detail: str) -> DecodeError:
    return DecodeError(problem, f"LINEPROXYREQUEST.{name}", "structure", detail)
