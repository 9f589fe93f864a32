"""
The three messages of NTLM and their flags.  Bytes only: no key, no state, no policy.

[MS-NLMP] 2.2.1 and 2.2.2; Unicode strings alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import ClassVar

import attrs

SIGNATURE = b"NTLMSSP\0"

# [MS-NLMP] 2.2.2.5: NegotiateFlags
NTLMSSP_NEGOTIATE_UNICODE = 0x00000001
NTLMSSP_REQUEST_TARGET = 0x00000004
NTLMSSP_NEGOTIATE_SIGN = 0x00000010
NTLMSSP_NEGOTIATE_SEAL = 0x00000020
NTLMSSP_NEGOTIATE_NTLM = 0x00000200
NTLMSSP_NEGOTIATE_ALWAYS_SIGN = 0x00008000
NTLMSSP_TARGET_TYPE_DOMAIN = 0x00010000
NTLMSSP_TARGET_TYPE_SERVER = 0x00020000
NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY = 0x00080000
NTLMSSP_NEGOTIATE_TARGET_INFO = 0x00800000
NTLMSSP_NEGOTIATE_VERSION = 0x02000000
NTLMSSP_NEGOTIATE_128 = 0x20000000
NTLMSSP_NEGOTIATE_KEY_EXCH = 0x40000000
NTLMSSP_NEGOTIATE_56 = 0x80000000

# [MS-NLMP] 2.2.2.1: AvId
MsvAvEOL = 0
MsvAvNbComputerName = 1
MsvAvNbDomainName = 2
MsvAvDnsComputerName = 3
MsvAvDnsDomainName = 4
MsvAvFlags = 6
MsvAvTimestamp = 7
MsvAvSingleHost = 8
MsvAvTargetName = 9
MsvAvChannelBindings = 10

MIC_PROVIDED = 0x00000002
"""MsvAvFlags: the AUTHENTICATE_MESSAGE has a MIC."""

CHALLENGE_SIZE = 8
MACHINE_ID_SIZE = 32
MIC_SIZE = 16
PROOF_SIZE = 16

VERSION = bytes((10, 0, 0, 0, 0, 0, 0, 15))
"""[MS-NLMP] 2.2.2.10: of no use but for NTLMRevisionCurrent, 15."""

MAX_NEGOTIATE = 1024
"""Octets of a NEGOTIATE_MESSAGE, which is kept until the MIC: 40, and two names."""

MAX_CHALLENGE = 2048
"""Octets of a CHALLENGE_MESSAGE, whose AvPairs travel back in a PDU of one fragment: three names of
DNS, of 255 characters each, fill 1,530."""

MAX_NAME = 1026
"""Octets of a domain's, user's or computer's name: a user may be called ``user@domain``, of 256
characters each.  Nothing is proven yet where they are computed with, and written into the log."""

MAX_AV_PAIRS = 32
"""AvPairs of one message: ten kinds exist."""

_start = Struct("<8sI")
_negotiate = Struct("<I")
_field = Struct("<HHI")
_challenge = Struct("<8sIHHII8s8sHHI8s")
_authenticate = Struct("<8sI" + "HHI" * 6 + "I8s")
_avPair = Struct("<HH")
_timestamp = Struct("<Q")
_singleHost = Struct("<II8s32s")

_AV_PAIRS_AT = 28
"""Where NTLMv2_CLIENT_CHALLENGE (2.2.2.7) has its AvPairs."""

_MIC_AT = 72

_TICKS = 10_000_000
_EPOCH = 116_444_736_000_000_000


class MessageError(Exception):
    """Bytes that are no such message."""


def messageType(data: bytes) -> int:
    """
    Which message it is: 1, 2 or 3.

    :raises MessageError: it is none of NTLM.
    """
    if len(data) < _start.size:
        raise MessageError("shorter than its type")
    signature, kind = _start.unpack_from(data)
    if signature != SIGNATURE:
        raise MessageError("not of NTLM")
    return int(kind)


def fileTime(seconds: float) -> bytes:
    """Seconds since 1970 as MsvAvTimestamp."""
    return _timestamp.pack(int(seconds * _TICKS) + _EPOCH)


@attrs.frozen
class NegotiateMessage:
    """What a client begins with (2.2.1.1); the names that it may carry are of no use."""

    TYPE: ClassVar[int] = 1
    NegotiateFlags: int
    Version: bytes = VERSION

    @classmethod
    def decode(cls, data: bytes) -> NegotiateMessage:
        """
        Read one.

        :raises MessageError: its type is another, or its length is none that it can have.
        """
        _expect(cls.TYPE, data, _start.size + _negotiate.size)
        if len(data) > MAX_NEGOTIATE:
            raise MessageError(f"more than {MAX_NEGOTIATE} octets")
        (flags,) = _negotiate.unpack_from(data, _start.size)
        return cls(flags, data[32:40])

    def encode(self) -> bytes:
        """The message, without names."""
        flags = self.NegotiateFlags
        return (
            _start.pack(SIGNATURE, self.TYPE)
            + _negotiate.pack(flags)
            + _field.pack(0, 0, 40) * 2
            + (self.Version if flags & NTLMSSP_NEGOTIATE_VERSION else bytes(8))
        )


@attrs.frozen(kw_only=True)
class ChallengeMessage:
    """
    What a server answers (2.2.1.2).

    :ivar TargetInfo: AvPairs by their AvId, in the order in which they travel.
    """

    TYPE: ClassVar[int] = 2
    NegotiateFlags: int
    ServerChallenge: bytes
    TargetName: str
    TargetInfo: dict[int, bytes]
    Version: bytes = VERSION

    @classmethod
    def decode(cls, data: bytes) -> ChallengeMessage:
        """
        Read one.

        :raises MessageError: its type is another, it is too long, a length or offset leaves it, or
            its AvPairs do not end.
        """
        _expect(cls.TYPE, data, _challenge.size)
        if len(data) > MAX_CHALLENGE:
            raise MessageError(f"more than {MAX_CHALLENGE} octets")
        fields = _challenge.unpack_from(data)
        return cls(
            NegotiateFlags=fields[5],
            ServerChallenge=fields[6],
            TargetName=_text(_payload(data, 12)),
            TargetInfo=dict(avPairs(_payload(data, 40))),
            Version=fields[11],
        )

    def encode(self) -> bytes:
        """The message."""
        name = self.TargetName.encode("utf-16-le")
        info = packAvPairs(self.TargetInfo)
        start = _challenge.size
        return (
            _challenge.pack(
                SIGNATURE,
                self.TYPE,
                len(name),
                len(name),
                start,
                self.NegotiateFlags,
                self.ServerChallenge,
                bytes(8),
                len(info),
                len(info),
                start + len(name),
                self.Version,
            )
            + name
            + info
        )


@attrs.frozen(kw_only=True)
class AuthenticateMessage:
    """
    What a client proves itself with (2.2.1.3).

    :ivar NtChallengeResponse: NTProofStr and NTLMv2_CLIENT_CHALLENGE, as received.
    :ivar MIC: None where the client says that there is none.
    :ivar micAt: where the MIC lies; 0 if there is none.
    """

    TYPE: ClassVar[int] = 3
    LmChallengeResponse: bytes = attrs.field(repr=False)
    NtChallengeResponse: bytes = attrs.field(repr=False)
    DomainName: str
    UserName: str
    Workstation: str
    EncryptedRandomSessionKey: bytes = attrs.field(repr=False)
    NegotiateFlags: int
    MIC: bytes | None = attrs.field(default=None, repr=False)
    micAt: int = 0
    Version: bytes = VERSION

    @classmethod
    def decode(cls, data: bytes) -> AuthenticateMessage:
        """
        Read one.

        :raises MessageError: its type is another, a length or offset leaves it, a string is no
            Unicode or too long, or the MIC that its AvPairs speak of is not there.
        """
        _expect(cls.TYPE, data, 64)
        response = _payload(data, 20)
        mic = None
        micAt = 0
        if micProvided(response):
            micAt = _micPosition(data)
            mic = data[micAt : micAt + MIC_SIZE]
        return cls(
            LmChallengeResponse=_payload(data, 12),
            NtChallengeResponse=response,
            DomainName=_name(_payload(data, 28)),
            UserName=_name(_payload(data, 36)),
            Workstation=_name(_payload(data, 44)),
            EncryptedRandomSessionKey=_payload(data, 52),
            NegotiateFlags=_negotiate.unpack_from(data, 60)[0],
            MIC=mic,
            micAt=micAt,
            Version=data[64:72],
        )

    def encode(self) -> bytes:
        """The message, with sixteen octets for a MIC in any case."""
        start = _MIC_AT + MIC_SIZE
        fields: list[int] = []
        payload = b""
        for part in (
            self.LmChallengeResponse,
            self.NtChallengeResponse,
            self.DomainName.encode("utf-16-le"),
            self.UserName.encode("utf-16-le"),
            self.Workstation.encode("utf-16-le"),
            self.EncryptedRandomSessionKey,
        ):
            fields += (len(part), len(part), start + len(payload))
            payload += part
        return (
            _authenticate.pack(SIGNATURE, self.TYPE, *fields, self.NegotiateFlags, self.Version)
            + (self.MIC or bytes(MIC_SIZE))
            + payload
        )


def avPairs(data: bytes) -> Iterator[tuple[int, bytes]]:
    """
    The AvPairs of TargetInfo, or of a client's answer to it; padding may follow their end.

    :raises MessageError: one leaves *data*, there are too many, two are of one kind, or they do
        not end.
    """
    position = 0
    seen: set[int] = set()
    while len(data) - position >= _avPair.size and len(seen) < MAX_AV_PAIRS:
        kind, length = _avPair.unpack_from(data, position)
        position += _avPair.size
        if kind == MsvAvEOL:
            return
        if length > len(data) - position or kind in seen:
            break
        seen.add(kind)
        yield kind, data[position : position + length]
        position += length
    raise MessageError("AvPairs that do not end as they must")


def packAvPairs(pairs: dict[int, bytes]) -> bytes:
    """AvPairs with their end."""
    packed = b"".join(_avPair.pack(kind, len(value)) + value for kind, value in pairs.items())
    return packed + _avPair.pack(MsvAvEOL, 0)


def clientChallenge(time: bytes, challenge: bytes, pairs: dict[int, bytes]) -> bytes:
    """
    NTLMv2_CLIENT_CHALLENGE (2.2.2.7): what an NTLMv2 response proves.

    :param time: as :func:`fileTime` gives it, or as the server did.
    """
    return b"\1\1" + bytes(6) + time + challenge + bytes(4) + packAvPairs(pairs) + bytes(4)


def micProvided(response: bytes) -> bool:
    """
    Whether an NTLMv2 response, which nobody else can change, says that there is a MIC.

    :raises MessageError: its AvPairs are none.
    """
    flags = responsePairs(response).get(MsvAvFlags, b"")
    return bool(int.from_bytes(flags, "little") & MIC_PROVIDED)


def responsePairs(response: bytes) -> dict[int, bytes]:
    """
    The AvPairs of an NTLMv2 response; none of one that is too short to have any.

    :raises MessageError: its AvPairs are none.
    """
    if len(response) < PROOF_SIZE + _AV_PAIRS_AT:
        return {}
    return dict(avPairs(response[PROOF_SIZE + _AV_PAIRS_AT :]))


def singleHost(machineID: bytes) -> bytes:
    """
    Single_Host_Data (2.2.2.2): by which a machine knows its own logons when it sees them.

    :param machineID: MACHINE_ID_SIZE octets that nobody else draws.
    """
    return _singleHost.pack(_singleHost.size, 0, bytes(8), machineID)


def machineIDOf(response: bytes) -> bytes:
    """
    The MachineID of the client that made an NTLMv2 response; empty if it names none.

    :raises MessageError: the response's AvPairs are none.
    """
    data = responsePairs(response).get(MsvAvSingleHost, b"")
    return bytes(_singleHost.unpack(data)[3]) if len(data) == _singleHost.size else b""


def _expect(kind: int, data: bytes, size: int) -> None:
    if messageType(data) != kind:
        raise MessageError(f"not the message of type {kind}")
    if len(data) < size:
        raise MessageError("shorter than its fixed part")


def _payload(data: bytes, at: int) -> bytes:
    length, _, offset = _field.unpack_from(data, at)
    if offset + length > len(data):
        raise MessageError("a field that leaves the message")
    return data[offset : offset + length]


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-16-le")
    except UnicodeDecodeError:
        raise MessageError("a name that is no Unicode") from None


def _name(data: bytes) -> str:
    if len(data) > MAX_NAME:
        raise MessageError(f"a name of more than {MAX_NAME // 2} characters")
    return _text(data)


def _micPosition(data: bytes) -> int:
    """
    Where the MIC is: behind Version, which some clients leave out with its flag.

    :raises MessageError: what the fields point at leaves no room for it.
    """
    start = len(data)
    for at in range(12, 60, _field.size):
        length, _, offset = _field.unpack_from(data, at)
        if length:
            start = min(start, offset)
    versioned = _negotiate.unpack_from(data, 60)[0] & NTLMSSP_NEGOTIATE_VERSION
    for position in (_MIC_AT,) if versioned else (_MIC_AT, _MIC_AT - len(VERSION)):
        if start >= position + MIC_SIZE:
            return position
    raise MessageError("no room for the MIC")
