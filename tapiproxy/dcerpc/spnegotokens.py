"""
The tokens of SPNEGO, and of DER no more than they want.  Bytes only: no mechanism, no policy.

RFC 4178 4.2 and appendix A, [MS-SPNG] 2.2.1.  What is not as DER has it is refused: a length longer
than it needs to be, an element out of its order, octets behind the end.
"""

from __future__ import annotations

from enum import IntEnum

import attrs

SPNEGO = bytes.fromhex("06062b0601050502")
"""1.3.6.1.5.5.2, in DER as all of them here."""

NTLMSSP = bytes.fromhex("060a2b06010401823702020a")
"""1.3.6.1.4.1.311.2.2.10"""

KERBEROS = bytes.fromhex("06092a864886f712010202")
"""1.2.840.113554.1.2.2"""

MS_KERBEROS = bytes.fromhex("06092a864882f712010202")
"""1.2.840.48018.1.2.2: the same with a bit lost, as Windows 2000 wrote it and clients still do."""

MAX_MECHANISMS = 16
"""In one list; clients know three or four."""

MAX_LIST = 512
"""Octets of a list, which is kept until it is signed."""

_APPLICATION_0 = 0x60
_SEQUENCE = 0x30
_OID = 0x06
_OCTETS = 0x04
_ENUMERATED = 0x0A
_BITS = 0x03
_CONTEXT = 0xA0
_INIT = 0xA0
_RESP = 0xA1


class TokenError(Exception):
    """Bytes that are no such token."""


class NegState(IntEnum):
    """How a negotiation stands: NegTokenResp.negState."""

    ACCEPT_COMPLETED = 0
    ACCEPT_INCOMPLETE = 1
    REJECT = 2
    REQUEST_MIC = 3


@attrs.frozen(kw_only=True)
class NegTokenInit:
    """
    What a client begins with.

    :ivar mechTypes: the mechanisms that it offers, what it prefers first; in DER.
    :ivar mechToken: the first message of the first of them.
    """

    mechTypes: tuple[bytes, ...]
    mechToken: bytes | None = None
    mechListMIC: bytes | None = None

    @property
    def mechTypeList(self) -> bytes:
        """MechTypeList, which mechListMIC signs: DER has one way to write it."""
        return _element(_SEQUENCE, b"".join(self.mechTypes))

    def encode(self) -> bytes:
        """The token in its frame (RFC 2743 3.1)."""
        fields = {0: self.mechTypeList}
        if self.mechToken is not None:
            fields[2] = _element(_OCTETS, self.mechToken)
        if self.mechListMIC is not None:
            fields[3] = _element(_OCTETS, self.mechListMIC)
        return _element(_APPLICATION_0, SPNEGO + _element(_INIT, _packFields(fields)))


@attrs.frozen(kw_only=True)
class NegTokenResp:
    """What follows, from either side."""

    negState: NegState | None = None
    supportedMech: bytes | None = None
    responseToken: bytes | None = None
    mechListMIC: bytes | None = None

    def encode(self) -> bytes:
        """The token."""
        fields = {}
        if self.negState is not None:
            fields[0] = _element(_ENUMERATED, bytes((self.negState,)))
        if self.supportedMech is not None:
            fields[1] = self.supportedMech
        if self.responseToken is not None:
            fields[2] = _element(_OCTETS, self.responseToken)
        if self.mechListMIC is not None:
            fields[3] = _element(_OCTETS, self.mechListMIC)
        return _element(_RESP, _packFields(fields))


def decodeInit(data: bytes) -> NegTokenInit:
    """
    Read a client's first token.

    :raises TokenError: it is none.
    """
    content = _whole(data, _APPLICATION_0)
    if not content.startswith(SPNEGO):
        raise TokenError("not of SPNEGO")
    fields = _fields(_whole(content[len(SPNEGO) :], _INIT), 4)
    if 0 not in fields:
        raise TokenError("no mechTypes")
    if len(fields[0]) > MAX_LIST:
        raise TokenError(f"mechTypes: more than {MAX_LIST} octets")
    if 1 in fields:
        # reqFlags: deprecated, unprotected, and never looked at; well formed all the same.
        _whole(fields[1], _BITS)
    return NegTokenInit(
        mechTypes=_mechTypes(_whole(fields[0], _SEQUENCE)),
        mechToken=_octets(fields, 2),
        mechListMIC=_octets(fields, 3),
    )


def decodeResp(data: bytes) -> NegTokenResp:
    """
    Read a token that is not the first.

    :raises TokenError: it is none.
    """
    fields = _fields(_whole(data, _RESP), 4)
    state = None
    if 0 in fields:
        try:
            state = NegState(int.from_bytes(_whole(fields[0], _ENUMERATED), "big"))
        except ValueError:
            raise TokenError("negState: no such state") from None
    if 1 in fields:
        _whole(fields[1], _OID)
    return NegTokenResp(
        negState=state,
        supportedMech=fields.get(1),
        responseToken=_octets(fields, 2),
        mechListMIC=_octets(fields, 3),
    )


def _element(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _packFields(fields: dict[int, bytes]) -> bytes:
    return _element(
        _SEQUENCE,
        b"".join(_element(_CONTEXT | number, content) for number, content in fields.items()),
    )


def _read(data: bytes, position: int) -> tuple[int, int, int]:
    """
    The element at *position*: its tag, where its content begins and where that ends.

    :raises TokenError: it leaves *data*, or its length is written longer than need be.
    """
    if len(data) - position < 2:
        raise TokenError("DER: an element that is cut off")
    tag, size = data[position], data[position + 1]
    position += 2
    if size >= 0x80:
        count = size & 0x7F
        octets = data[position : position + count]
        # Two octets of length are 64 kB, more than any PDU has; the first may not be of no use.
        if not 1 <= count <= 2 or len(octets) < count or octets[0] == 0:
            raise TokenError("DER: a length that is none")
        size = int.from_bytes(octets, "big")
        if size < 0x80:
            raise TokenError("DER: a length in long form that has a short one")
        position += count
    if size > len(data) - position:
        raise TokenError("DER: an element that is cut off")
    return tag, position, position + size


def _whole(data: bytes, tag: int) -> bytes:
    """The content of an element that is all of *data*."""
    found, start, end = _read(data, 0)
    if found != tag:
        raise TokenError(f"DER: tag {found:#04x} where {tag:#04x} belongs")
    if end != len(data):
        raise TokenError("DER: octets behind the end")
    return data[start:end]


def _fields(data: bytes, count: int) -> dict[int, bytes]:
    """The fields of a SEQUENCE by their context tags, which must ascend and be below *count*."""
    content = _whole(data, _SEQUENCE)
    fields: dict[int, bytes] = {}
    position = 0
    while position < len(content):
        tag, start, end = _read(content, position)
        number = tag - _CONTEXT
        if not max(fields, default=-1) < number < count:
            raise TokenError(f"DER: tag {tag:#04x} is out of its order")
        fields[number] = content[start:end]
        position = end
    return fields


def _octets(fields: dict[int, bytes], number: int) -> bytes | None:
    return _whole(fields[number], _OCTETS) if number in fields else None


def _mechTypes(data: bytes) -> tuple[bytes, ...]:
    found: list[bytes] = []
    position = 0
    while position < len(data):
        tag, _, end = _read(data, position)
        if tag != _OID or len(found) == MAX_MECHANISMS:
            raise TokenError("mechTypes: no list of mechanisms, or one too long")
        found.append(data[position:end])
        position = end
    return tuple(found)
