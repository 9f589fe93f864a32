"""
The handshake by which Samba's smbd tells the server of a pipe who has opened it.

Codec only: what smbd sends once for each pipe handle, and the reply that it waits for.  There is no
specification but Samba's ``librpc/idl/named_pipe_auth.idl``; NDR 2.0, little endian, in a frame
whose length is big endian.  The layout goes by a level, which changes between and even within
Samba's release series (docs/named-pipes.md): the reply has that of the request.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from struct import Struct

import attrs

from tapiproxy.dcerpc.interface import Fault
from tapiproxy.dcerpc.ndr import CAUSES, Reader
from tapiproxy.dcerpc.sid import readSID

MAGIC = b"NPAM"

LEVELS = (5, 7, 8)
"""5: Samba 4.16 and 4.17 up to 4.17.8; 7: from 4.17.9 to 4.19; 8: from 4.20 on."""

FRAME = 4
"""Octets of the length in front, which does not count itself."""

MAX_REQUEST = 262144
"""Octets: as many SIDs and groups as are allowed here fit in, and a Kerberos ticket beside them."""

MAX_SIDS = 1024
"""Windows makes no access token with more, and lets nobody log on."""

MAX_GROUPS = 8192
"""Unix groups: eight times as many as SIDs, which they are made of."""

MAX_STRING = 4096
"""Octets of one string with its null; the longest are paths."""

_ANONYMOUS = "S-1-5-7"
_AUTHENTICATED_USERS = "S-1-5-11"
_GUESTS = "S-1-5-32-546"
_GUEST_RID = "-501"

_UNIX_SIDS = "S-1-22-"
"""Samba's own: Unix users and groups, and notes of smbd to the server of a pipe."""

_SMB3_SID = "S-1-22-1397571891-"
"""Such a note: dialect, whether it is encrypted, cipher; there only where SMB3 encrypts."""

_SMB3 = 0x0300
_ENCRYPTED = 2

_MESSAGE_MODE = 2
_DEVICE_STATE = 0x05FF
_ALLOCATION = 4096

_frame = Struct(">I")
_reply = Struct("<4sIIHH4xQI")


class NamedPipeAuthError(Exception):
    """Octets that are no such request; the text says what is wrong with them."""


@attrs.frozen(kw_only=True)
class NamedPipeAuthRequest:
    """
    Who has opened a pipe, as smbd says; nothing in it proves that it was smbd.

    :ivar level: which layout it had.
    :ivar host: the address of the SMB client: IPv4, or IPv6.
    :ivar port: its TCP port.
    :ivar account: the account's name as smbd's user database spells it.
    :ivar domain: the short name of its domain, smbd's own name for users of its own.
    :ivar sids: the account's SID, then those of its groups, Samba's notes included.
    """

    level: int
    host: str
    port: int
    account: str
    domain: str
    sids: tuple[str, ...]

    @property
    def sid(self) -> str:
        """The account's SID; empty if there is none."""
        return self.sids[0] if self.sids else ""

    @property
    def authenticated(self) -> bool:
        """
        Whether somebody has logged on, who is no guest.

        By SIDs: the field of that purpose has the opposite sense in two releases of level 7.
        """
        return (
            _AUTHENTICATED_USERS in self.sids
            and not {_ANONYMOUS, _GUESTS}.intersection(self.sids)
            and not self.sid.endswith(_GUEST_RID)
        )

    @property
    def encrypted(self) -> bool:
        """Whether SMB3 encrypted the request to open the pipe."""
        notes = [sid for sid in self.sids if sid.startswith(_SMB3_SID)]
        if len(notes) != 1:
            return False
        dialect, *rest = map(int, notes[0].removeprefix(_SMB3_SID).split("-"))
        return dialect >= _SMB3 and rest[:1] == [_ENCRYPTED]

    @property
    def groups(self) -> frozenset[str]:
        """All SIDs that mean the same elsewhere as here, the account's own included."""
        return frozenset(sid for sid in self.sids if not sid.startswith(_UNIX_SIDS))


def requestSize(octets: bytes) -> int | None:
    """
    How long a request is, its frame included.

    :param octets: what there is of it.
    :returns: octets; None if too few are there to tell.
    :raises NamedPipeAuthError: it is too long, or no request from its beginning on.
    """
    if not MAGIC.startswith(octets[FRAME : FRAME + len(MAGIC)]):
        raise NamedPipeAuthError(f"it does not begin with {MAGIC.decode()}")
    if len(octets) < FRAME:
        return None
    size: int = FRAME + _frame.unpack_from(octets)[0]
    if size > MAX_REQUEST:
        raise NamedPipeAuthError(f"{size} octets long; {MAX_REQUEST} are allowed")
    return size


def decodeRequest(octets: bytes) -> NamedPipeAuthRequest:
    """
    Read a request.

    :param octets: all of it and no more, with its frame.
    :raises NamedPipeAuthError: it is none.
    """
    if requestSize(octets) != len(octets):
        raise NamedPipeAuthError("its length is not that in its frame")
    # Alignment counts from the frame on.
    reader = Reader(octets, 0, len(octets))
    try:
        return _read(reader)
    except Fault as fault:
        raise NamedPipeAuthError(CAUSES[fault.status]) from None


def encodeReply(level: int) -> bytes:
    """
    The reply that opens the pipe, in message mode.

    There is none that refuses: smbd does not look at the status in it, so that a pipe is refused by
    closing the connection instead.

    :param level: that of the request.
    """
    body = _reply.pack(MAGIC, level, level, _MESSAGE_MODE, _DEVICE_STATE, _ALLOCATION, 0)
    return _frame.pack(len(body)) + body


def _read(reader: Reader) -> NamedPipeAuthRequest:
    """named_pipe_auth_req and named_pipe_auth_req_info5, 7 or 8."""
    reader.fixed(FRAME + len(MAGIC), 1)
    level = reader.unsignedLong()
    if reader.unsignedLong() != level:
        raise NamedPipeAuthError("its two levels differ")
    if level not in LEVELS:
        known = ", ".join(map(str, LEVELS))
        raise NamedPipeAuthError(f"level {level} is not known here, but {known}")
    reader.fixed(1, 4)  # transport
    clientName, clientAddress = reader.pointer(), reader.pointer()
    port = reader.short()
    serverName, serverAddress = reader.pointer(), reader.pointer()
    reader.short()  # local_server_port
    session = reader.pointer()
    if level == 5:
        reader.fixed(1, 1)  # need_idle_server
    _string(reader, clientName)
    host = _string(reader, clientAddress)
    _string(reader, serverName)
    _string(reader, serverAddress)
    if not session:
        raise NamedPipeAuthError("nobody's session is in it")
    account, domain, sids = _sessionInfo(reader, level)
    if reader.rest():
        raise NamedPipeAuthError("octets are left over behind it")
    return NamedPipeAuthRequest(
        level=level, host=_address(host), port=port, account=account, domain=domain, sids=sids
    )


def _sessionInfo(reader: Reader, level: int) -> tuple[str, str, tuple[str, ...]]:
    """auth_session_info_transport and auth_session_info: account, domain and SIDs."""
    present = reader.pointer()
    _blob(reader)  # exported_gssapi_credentials
    if not present:
        raise NamedPipeAuthError("nobody's session is in it")
    token, unixToken, info, unixInfo = (reader.pointer() for _ in range(4))
    reader.unsignedLong()  # torture
    _blob(reader)  # session_key
    reader.unsignedLong()  # credentials
    reader.fixed(16, 4)  # unique_session_token
    reader.short()  # ticket_type
    if not token or not info:
        raise NamedPipeAuthError("it says nothing of the account, or of its groups")
    sids = _securityToken(reader, level)
    if unixToken:
        _unixToken(reader)
    account, domain = _userInfo(reader)
    if unixInfo:
        names = [reader.pointer(), reader.pointer()]  # unix_name, sanitized_username
        for name in names:
            _string(reader, name)
    return account, domain, sids


def _securityToken(reader: Reader, level: int) -> tuple[str, ...]:
    """security_token: its SIDs.  It has a member of 8 octets, by which it is aligned."""
    reader.fixed(0, 8)
    sids = _sids(reader, reader.unsignedLong())
    reader.fixed(8, 8)  # privilege_mask
    reader.unsignedLong()  # rights_mask
    if level >= 8:
        # num_local_claims, num_user_claims, num_device_claims
        claims = [reader.unsignedLong() for _ in range(3)]
        if any(claims):
            raise NamedPipeAuthError("the account has claims, which are not read here")
        devices = reader.unsignedLong()
        for _ in claims:
            reader.conformance(0)
        _sids(reader, devices)
        reader.short()  # evaluate_claims
    return sids


def _sids(reader: Reader, count: int) -> tuple[str, ...]:
    if count > MAX_SIDS:
        raise NamedPipeAuthError(f"{count} SIDs; {MAX_SIDS} are allowed")
    reader.conformance(count)
    return tuple(readSID(reader) for _ in range(count))


def _unixToken(reader: Reader) -> None:
    """security_unix_token: of no use, but what follows begins behind it."""
    groups = reader.count()
    reader.fixed(16, 8)  # uid, gid
    reader.conformance(groups)
    if groups > MAX_GROUPS:
        raise NamedPipeAuthError(f"{groups} Unix groups; {MAX_GROUPS} are allowed")
    reader.fixed(8 * groups, 8)


def _userInfo(reader: Reader) -> tuple[str, str]:
    """auth_user_info: account_name and domain_name."""
    accountName, userPrincipalName = reader.pointer(), reader.pointer()
    reader.fixed(1, 1)  # user_principal_constructed
    domainName = reader.pointer()
    others = [reader.pointer() for _ in range(7)]
    reader.fixed(6 * 8, 4)  # six NTTIME
    reader.fixed(2 + 2 + 4, 4)  # logon_count, bad_password_count, acct_flags
    # One octet, authenticated, up to level 7 of Samba 4.18, then user_flags.
    reader.unsignedLong()
    account = _string(reader, accountName)
    _string(reader, userPrincipalName)
    domain = _string(reader, domainName)
    for other in others:
        _string(reader, other)
    return account, domain


def _string(reader: Reader, present: bool) -> str:
    """What a pointer to a string points to; empty where it points nowhere."""
    return reader.utf8String(MAX_STRING) if present else ""


def _blob(reader: Reader) -> None:
    """DATA_BLOB, skipped."""
    reader.fixed(reader.unsignedLong(), 1)


def _address(host: str) -> str:
    try:
        address = ip_address(host)
    except ValueError:
        raise NamedPipeAuthError(f"{host!r} is no address of a client") from None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(address)
