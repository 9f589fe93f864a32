"""A whole NTLM session at PKT_PRIVACY, captured from an MS-RPC runtime that is not ours."""

import json
from pathlib import Path

import attrs


@attrs.frozen
class Sealed:
    """A request or response as it travelled, its stub in the clear, and what signs it."""

    toServer: bool
    pdu: bytes
    stub: bytes
    padding: int
    signature: bytes


@attrs.frozen
class Session:
    user: str
    domain: str
    password: str
    negotiate: bytes
    challenge: bytes
    authenticate: bytes
    ntowfv2: bytes
    sessionBaseKey: bytes
    exportedSessionKey: bytes
    flags: int
    bind: bytes
    bindAck: bytes
    auth3: bytes
    sealed: tuple[Sealed, ...]


def load() -> Session:
    """The captured session."""
    path = Path(__file__).parent.parent / "vectors" / "ntlm-golden.json"
    entry = json.loads(path.read_text())
    octets = bytes.fromhex
    return Session(
        entry["user"],
        entry["domain"],
        entry["password"],
        octets(entry["negotiate"]),
        octets(entry["challenge"]),
        octets(entry["authenticate"]),
        octets(entry["ntowfv2"]),
        octets(entry["session_base_key"]),
        octets(entry["exported_session_key"]),
        int(entry["negotiated_flags"], 16),
        octets(entry["bind"]),
        octets(entry["bind_ack"]),
        octets(entry["auth3"]),
        tuple(
            Sealed(
                one["to_server"],
                octets(one["pdu"]),
                octets(one["stub"]),
                one["auth_pad_length"],
                octets(one["signature"]),
            )
            for one in entry["sealed"]
        ),
    )


GOLDEN = load()

NT_HASH = bytes.fromhex("878d8014606cda29677a44efa1353fc7")
"""MD4 of the captured session's password, "secret", in UTF-16."""
