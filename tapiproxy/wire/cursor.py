"""
Reading what an offset points to, with each check on its own.

The bytes that were sent lie in ``data[base:end]`` and offsets count from ``base``.  Every function
takes the path of the field, ``"CreateAgent.lpszAgentID"``, for the error.  The checks stand apart,
each can fail alone: a string or block that begins outside is refused as OUTSIDE, not as one that
has no end.
"""

from codecs import utf_16_le_decode
from uuid import UUID

from tapiproxy.wire.errors import (
    BADTEXT,
    BEYOND,
    MISALIGNED,
    OUTSIDE,
    TOOLONG,
    TOOSMALL,
    UNTERMINATED,
    DecodeError,
)
from tapiproxy.wire.layout import BYTES, TEXT
from tapiproxy.wire.structs import EVERY_VERSION, fixedSize, unpack
from tapiproxy.wire.text import LONGEST_STRING, decodeText, terminator

_GUID_SIZE = 16


def wideString(data: bytes, base: int, end: int, offset: int, field: str) -> str:
    """
    Read a null-terminated string.

    :raises DecodeError: MISALIGNED, OUTSIDE, UNTERMINATED, TOOLONG or BADTEXT.
    """
    length = end - base
    if offset & 1:
        raise DecodeError(MISALIGNED, field, "wideString", f"offset {offset}")
    if offset >= length:
        raise DecodeError(OUTSIDE, field, "wideString", f"offset {offset} of {length} octets")
    start = base + offset
    # Every request with a string comes here.  The first two zeros are the null, or else the high
    # octet of an ASCII character and the first octet of the null behind it.
    stop = data.find(b"\0\0", start, end)
    if (stop - start) & 1:
        if 0 <= stop < end - 2 and not data[stop + 2]:
            stop += 1
        else:
            stop = terminator(data, start, end)
    if stop < 0 and offset < length:
        raise DecodeError(UNTERMINATED, field, "wideString", f"{length - offset} octets")
    if stop - start > 2 * LONGEST_STRING:
        raise DecodeError(TOOLONG, field, "wideString", f"{stop - start} octets")
    try:
        return utf_16_le_decode(data[start : stop if stop > start else start], "strict", True)[0]
    except UnicodeDecodeError as error:
        raise DecodeError(BADTEXT, field, "wideString", error.reason) from None


def blockStart(base: int, end: int, offset: int, size: int, field: str) -> int:
    """
    Check where a block of a given size lies.

    :returns: where it begins in the data.
    :raises DecodeError: MISALIGNED, OUTSIDE or BEYOND.
    """
    length = end - base
    if offset & 3:
        raise DecodeError(MISALIGNED, field, "block", f"offset {offset}")
    if offset >= length:
        raise DecodeError(OUTSIDE, field, "block", f"offset {offset} of {length} octets")
    if offset < length < offset + size:
        raise DecodeError(BEYOND, field, "block", f"{size} octets at {offset} of {length}")
    return base + offset


def block(
    data: bytes, base: int, end: int, offset: int, size: int, content: str, field: str
) -> bytes | str | UUID:
    """
    Read a block of a given size.

    :param content: BYTES, TEXT or GUID of `tapiproxy.wire.layout`.
    :raises DecodeError: MISALIGNED, OUTSIDE, BEYOND; for a GUID TOOSMALL, for text TOOLONG or
        BADTEXT.
    """
    start = blockStart(base, end, offset, size, field)
    if content == BYTES:
        return data[start : start + size]
    if content == TEXT:
        return _blockText(data, start, start + size, field)
    if size < _GUID_SIZE:
        raise DecodeError(TOOSMALL, field, "block", f"a GUID in {size} octets")
    return UUID(bytes_le=data[start : start + _GUID_SIZE])


def _blockText(data: bytes, start: int, end: int, field: str) -> str:
    # The size counts the null; without one the size rules.
    stop = terminator(data, start, end)
    if stop < 0:
        stop = end
    if stop - start > 2 * LONGEST_STRING:
        raise DecodeError(TOOLONG, field, "block", f"{stop - start} octets")
    try:
        return decodeText(data, start, stop)
    except UnicodeDecodeError as error:
        raise DecodeError(BADTEXT, field, "block", error.reason) from None


def within(
    data: bytes,
    base: int,
    end: int,
    offset: int,
    structure: type,
    field: str,
    version: int = EVERY_VERSION,
) -> object:
    """
    Read a struct.

    :raises DecodeError: MISALIGNED, OUTSIDE, TOOSMALL, and what is wrong with the struct.
    """
    length = end - base
    # Rules 54.5 and 67.2 name the two in one breath.
    if offset & 3 or offset >= length:
        problem = MISALIGNED if offset & 3 else OUTSIDE
        raise DecodeError(problem, field, "within", f"offset {offset} of {length} octets")
    start = base + offset
    total = int.from_bytes(data[start : min(start + 4, end)], "little")
    needed = max(total, fixedSize(structure, version))
    if length - offset < needed:
        detail = f"{structure.__name__} of {needed} octets in {length - offset}"
        raise DecodeError(TOOSMALL, field, "within", detail)
    return unpack(structure, data, start, version, end)
