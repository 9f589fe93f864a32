"""
PDUs of C706 12.6, and what pyspnego does to them: for peers whose RPC runtime is the tests' own.

Written from C706 and [MS-RPCE] 2.2.2, on purpose without ``tapiproxy``: this is the second opinion
on every signature.
"""

import contextlib
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

import pytest

REASON = "pyspnego, the security provider that is not ours, is not installed"
spnego = pytest.importorskip("spnego", reason=REASON)
iov = pytest.importorskip("spnego.iov", reason=REASON)
compute_nthash = pytest.importorskip("impacket.ntlm").compute_nthash

REQUEST = 0
RESPONSE = 2
FAULT = 3
BIND = 11
BIND_ACK = 12
BIND_NAK = 13
ALTER_CONTEXT = 14
ALTER_CONTEXT_RESP = 15
AUTH3 = 16

FIRST_FRAG = 1
LAST_FRAG = 2
SUPPORT_HEADER_SIGN = 4
WHOLE = FIRST_FRAG | LAST_FRAG

CONNECT = 2
PKT = 4
PKT_INTEGRITY = 5
PKT_PRIVACY = 6

#: The levels by the names that the configuration has for them.
LEVEL_NAMES = {
    CONNECT: "connect",
    PKT: "packet",
    PKT_INTEGRITY: "integrity",
    PKT_PRIVACY: "privacy",
}

GSS_NEGOTIATE = 9
WINNT = 10
GSS_KERBEROS = 16

#: The providers by the names that pyspnego has for them.
PROTOCOLS = {GSS_NEGOTIATE: "negotiate", WINNT: "ntlm", GSS_KERBEROS: "kerberos"}

#: NDR 2.0 and NDR64, as presentation contexts name them.
NDR = bytes.fromhex("045d888aeb1cc9119fe808002b10486002000000")
NDR64 = bytes.fromhex("33057171babe37498319b5dbef9ccc3601000000")

#: What a context names instead, to ask for both bind-time features: [MS-RPCE] 3.3.1.5.3.
FEATURES = bytes.fromhex("2c1cb76c12984045") + b"\x03" + bytes(7) + b"\1\0\0\0"

#: Octets of a fragment, both ways.
FRAGMENT = 4280

_common = struct.Struct("<BBBBIHHI")
_trailer = struct.Struct("<BBBxI")

#: Where the stub of a request or response begins.
STUB = 24


class Verifier(NamedTuple):
    """A sec_trailer and its auth_value."""

    auth_type: int
    auth_level: int
    auth_context_id: int
    auth_value: bytes
    auth_pad_length: int = 0

    @property
    def trailer(self) -> bytes:
        return _trailer.pack(
            self.auth_type, self.auth_level, self.auth_pad_length, self.auth_context_id
        )


class PDU(NamedTuple):
    """One PDU; ``body`` is what lies between its common header and the verifier."""

    PTYPE: int
    pfc_flags: int
    call_id: int
    body: bytes
    verifier: Verifier | None = None

    @classmethod
    def parse(cls, data: bytes) -> Self:
        major, minor, kind, flags, drep, length, authLength, call = _common.unpack_from(data)
        assert (major, minor) == (5, 0)
        assert length == len(data)
        assert drep == 0x10, "little endian, as every client here"
        if not authLength:
            return cls(kind, flags, call, data[16:])
        at = length - authLength - _trailer.size
        assert at % 4 == 0, "sec_trailer is 4-aligned"
        auth_type, auth_level, pad, contextID = _trailer.unpack_from(data, at)
        verifier = Verifier(auth_type, auth_level, contextID, data[at + _trailer.size :], pad)
        return cls(kind, flags, call, data[16:at], verifier)

    def encode(self) -> bytes:
        verifier = self.verifier
        tail = verifier.trailer + verifier.auth_value if verifier else b""
        return (
            _common.pack(
                5,
                0,
                self.PTYPE,
                self.pfc_flags,
                0x10,
                16 + len(self.body) + len(tail),
                len(verifier.auth_value) if verifier else 0,
                self.call_id,
            )
            + self.body
            + tail
        )


def cut(data: bytes) -> tuple[bytes | None, bytes]:
    """The first PDU of a byte stream, None if it is not all there, and the rest."""
    if len(data) < _common.size:
        return None, data
    length = _common.unpack_from(data)[5]
    return (data[:length], data[length:]) if len(data) >= length else (None, data)


def presentation(interface: bytes, *syntaxes: bytes) -> bytes:
    """The fixed part of a bind or alter_context, with a presentation context for each syntax."""
    head = struct.pack("<HHIBxxx", FRAGMENT, FRAGMENT, 0, len(syntaxes))
    contexts = (
        struct.pack("<HBx", contextID, 1) + interface + syntax
        for contextID, syntax in enumerate(syntaxes)
    )
    return head + b"".join(contexts)


class Result(NamedTuple):
    """What a server says to a presentation context."""

    result: int
    reason: int
    syntax: bytes


def results(body: bytes) -> list[Result]:
    """What a bind_ack says to each presentation context, in their order."""
    (length,) = struct.unpack_from("<H", body, 8)
    at = 10 + length
    at += -at % 4
    layout = struct.Struct("<HH20s")
    assert len(body) == at + 4 + body[at] * layout.size
    return [Result(*found) for found in layout.iter_unpack(body[at + 4 :])]


class Security:
    """
    One security context of pyspnego, in either role, and what it does to requests and responses.

    :param context: of pyspnego.
    """

    contextID = 0x7A

    def __init__(self, context, authType: int, level: int) -> None:
        self.context = context
        self.authType = authType
        self.level = level
        self.headerSigning = False

    @property
    def protects(self) -> bool:
        return self.level >= PKT

    def verifier(self, token: bytes, padding: int = 0) -> Verifier:
        return Verifier(self.authType, self.level, self.contextID, token, padding)

    def step(self, token: bytes) -> bytes:
        """One leg."""
        return self.context.step(token or None) or b""

    def protect(self, pdu: PDU) -> bytes:
        """A request or response that has no verifier, signed or sealed."""
        size = self.context.query_message_sizes().header if self._seals else self._signatureSize
        padding = -(len(pdu.body) - 8) % 16
        whole = pdu._replace(
            body=pdu.body + bytes(padding), verifier=self.verifier(bytes(size), padding)
        ).encode()
        head, data, trailer, _ = self._parts(whole, size)
        if not self._seals:
            token = self.context.sign(self._signed(head, data, trailer))
        else:
            kind = self._readOnly
            sealed = self.context.wrap_iov(
                [
                    (kind, head),
                    (iov.BufferType.data, data),
                    (kind, trailer),
                    iov.BufferType.header,
                ]
            ).buffers
            data, token = sealed[1].data, sealed[3].data
        assert len(token) == size
        return head + data + trailer + token

    def unprotect(self, whole: bytes) -> bytes:
        """
        The stub of a request or response.

        :raises Exception: of pyspnego, if the signature is not that of the PDU.
        """
        verifier = PDU.parse(whole).verifier
        assert verifier is not None, "no verifier"
        found = (verifier.auth_type, verifier.auth_level, verifier.auth_context_id)
        assert found == (self.authType, self.level, self.contextID)
        head, data, trailer, token = self._parts(whole, len(verifier.auth_value))
        if not self._seals:
            self.context.verify(self._signed(head, data, trailer), token)
        else:
            kind = self._readOnly
            data = (
                self.context.unwrap_iov(
                    [
                        (kind, head),
                        (iov.BufferType.data, data),
                        (kind, trailer),
                        (iov.BufferType.header, token),
                    ]
                )
                .buffers[1]
                .data
            )
        return data[: len(data) - verifier.auth_pad_length]

    @property
    def _seals(self) -> bool:
        return self.level == PKT_PRIVACY

    @property
    def _signatureSize(self) -> int:
        # pyspnego tells that of a seal only; Kerberos' is that of AES with SHA-1, RFC 4121 4.2.6.1.
        return 16 if self.context.negotiated_protocol == "ntlm" else 28

    @property
    def _readOnly(self):
        # NTLM signs both; GSSAPI signs no header that is not "sign only".
        return iov.BufferType.sign_only if self.headerSigning else iov.BufferType.data_readonly

    def _signed(self, head: bytes, data: bytes, trailer: bytes) -> bytes:
        # [MS-RPCE] 3.3.1.5.2.2; NTLM signs headers whether or not that was agreed on.
        whole = self.headerSigning or self.context.negotiated_protocol == "ntlm"
        return head + data + trailer if whole else data

    @staticmethod
    def _parts(whole: bytes, size: int) -> tuple[bytes, bytes, bytes, bytes]:
        at = len(whole) - size - _trailer.size
        return whole[:STUB], whole[STUB:at], whole[at:-size], whole[-size:]


# What pyspnego is asked for: all that RPC needs, whatever the level.
_WANTED = (
    spnego.ContextReq.mutual_auth
    | spnego.ContextReq.replay_detect
    | spnego.ContextReq.sequence_detect
    | spnego.ContextReq.integrity
    | spnego.ContextReq.confidentiality
)


def initiator(
    authType: int,
    user: str = "",
    password: str = "",
    *,
    service: str = "host",
    kerberos: str = "never",
):
    """
    A client's context of pyspnego.

    :param user: who logs on by NTLM.
    :param service: for which there are tickets on localhost.
    :param kerberos: "never", "preferred" or "always", with the tickets of this process.
    """
    # With a password, pyspnego would ask all KDCs of the network for a ticket first.
    hashed = spnego.NTLMHash(user, nt_hash=compute_nthash(password).hex())
    tickets = spnego.KerberosCCache(os.environ.get("KRB5CCNAME", ""))
    credentials = {"never": hashed, "preferred": [tickets, hashed], "always": tickets}
    wanted = _WANTED if authType == WINNT else _WANTED | spnego.ContextReq.dce_style
    return spnego.client(
        credentials[kerberos],
        hostname="localhost",
        service=service,
        protocol=PROTOCOLS[authType],
        context_req=wanted,
    )


def acceptor(authType: int):
    """A server's context of pyspnego; NTLM's accounts are those of the file NTLM_USER_FILE."""
    return spnego.server(protocol=PROTOCOLS[authType], context_req=_WANTED)


@contextlib.contextmanager
def accounts(directory: Path, account: str, password: str) -> Iterator[None]:
    """While the block runs, acceptors of NTLM know one account, and NTLMv2 alone."""
    users = directory / "pyspnego.users"
    users.write_text(f"{account.replace(chr(92), ':')}:{password}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NTLM_USER_FILE", str(users))
        patch.setenv("LM_COMPAT_LEVEL", "5")
        yield
