"""What smbd says of clients of a pipe: captured, and made up at any level."""

import json
import struct
from pathlib import Path

import attrs

ALICE = "S-1-5-21-1-2-3-1000"
#: What smbd 4.17 adds where SMB 3.1.1 encrypts, and always.
ENCRYPTED = "S-1-22-1397571891-785-2-1"
FLAGS = "S-1-22-2041152804-0"


def captured() -> dict[str, bytes]:
    """Requests of Debian's smbd 4.17.12, all of level 7, by what was done."""
    path = Path(__file__).parent.parent / "vectors" / "namedpipeauth.json"
    return {each["name"]: bytes.fromhex(each["octets"]) for each in json.loads(path.read_text())}


def sid(text: str) -> bytes:
    """A SID as octets."""
    authority, *others = map(int, text.split("-")[2:])
    return struct.pack(f"<BB6s{len(others)}I", 1, len(others), authority.to_bytes(6), *others)


class Writer:
    """NDR 2.0, alignment counted from the beginning of what is written."""

    def __init__(self, before: int) -> None:
        self.octets = bytearray(before)
        self.referent = 0x20000

    def put(self, form: str, *values: object, alignment: int = 0) -> None:
        """Values, aligned as the first of them wants it."""
        size = alignment or min(struct.calcsize("<" + form[0]), 8)
        self.octets += bytes(-len(self.octets) % size) + struct.pack("<" + form, *values)

    def pointers(self, *targets: object) -> None:
        """A pointer to each, null to those that are None."""
        for target in targets:
            self.put("I", 0 if target is None else self.referent)
            self.referent += 0 if target is None else 4

    def strings(self, *texts: str | None) -> None:
        """What pointers point to."""
        for text in texts:
            if text is not None:
                octets = text.encode() + b"\0"
                self.put("III", len(octets), 0, len(octets))
                self.octets += octets

    def sids(self, *sids: str) -> None:
        """An array whose count stands before."""
        self.put("I", len(sids))
        for each in sids:
            self.octets += sid(each)


@attrs.frozen(kw_only=True)
class Client:
    """
    A client, and whatever smbd says of it.

    Without arguments: alice, by an SMB 3.1.1 connection that is encrypted.
    """

    level: int = 7
    levelAgain: int | None = None
    host: str | None = "192.0.2.7"
    port: int = 50000
    serverName: str = "srv"
    serverAddress: str = "192.0.2.1"
    account: str | None = "alice"
    domain: str | None = "TAPISRV"
    sids: tuple[str, ...] = (
        ALICE,
        "S-1-5-21-1-2-3-513",
        "S-1-22-2-70001",
        "S-1-1-0",
        "S-1-5-2",
        "S-1-5-11",
        "S-1-22-1-70001",
        ENCRYPTED,
        FLAGS,
    )
    userFlags: int = 1
    sessionKey: bytes = bytes(16)
    sessionToken: bytes = bytes(16)
    ticket: bytes = b""
    hasTicketType: bool = True
    times: bytes = bytes(48)
    unixUser: int = 70001
    fullName: str = ""
    profile: str = ""
    home: str = ""
    logonServer: str = "TAPISRV"
    claims: int = 0
    deviceSIDs: tuple[str, ...] = ()

    def request(self) -> bytes:
        """What smbd would send."""
        out = Writer(4)
        out.octets += b"NPAM"
        out.put("IIB", self.level, self.level if self.levelAgain is None else self.levelAgain, 1)
        names = (self.serverName, self.host, self.serverName, self.serverAddress)
        out.pointers(*names[:2])
        out.put("H", self.port)
        out.pointers(*names[2:])
        out.put("H", 445)
        out.pointers(self)
        if self.level == 5:
            out.put("B", 0)
        out.strings(*names)
        # auth_session_info_transport
        out.pointers(self)
        out.put("I", len(self.ticket))
        out.octets += self.ticket
        # auth_session_info
        out.pointers(self, self, self, self, None)
        out.put("I", len(self.sessionKey))
        out.octets += self.sessionKey
        out.pointers(None)
        out.octets += self.sessionToken
        if self.hasTicketType:
            out.put("H", 0)
        # security_token
        out.put("I", len(self.sids), alignment=8)
        out.sids(*self.sids)
        out.put("QI", 0, 0)
        if self.level >= 8:
            out.put("IIIIIII", self.claims, 0, 0, len(self.deviceSIDs), self.claims, 0, 0)
            out.sids(*self.deviceSIDs)
            out.put("H", 0)
        # security_unix_token
        out.put("I", 1)
        out.put("QQIxxxxQ", self.unixUser, self.unixUser, 1, self.unixUser)
        # auth_user_info
        texts = (
            self.domain,
            None,
            self.fullName,
            "",
            self.profile,
            self.home,
            "",
            self.logonServer,
        )
        out.pointers(self.account, None)
        out.put("B", 0)
        out.pointers(*texts)
        out.octets += self.times
        out.put("HHII", 0, 0, 0x10, self.userFlags, alignment=4)
        out.strings(self.account, None, *texts)
        # auth_user_info_unix
        out.pointers(self.account, self.account)
        out.strings(self.account, self.account)
        out.octets[:4] = struct.pack(">I", len(out.octets) - 4)
        return bytes(out.octets)
