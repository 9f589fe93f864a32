"""
What a privilege attribute certificate says of the groups of a Kerberos principal.

Of its buffers the logon information alone: KERB_VALIDATION_INFO, [MS-PAC] 2.5, behind the headers
of type serialization version 1, [MS-RPCE] 2.2.6.  No signature is looked at here: who hands its
octets in has verified them.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from tapiproxy.dcerpc.interface import RPC_X_BAD_STUB_DATA, Fault, nca_s_fault_invalid_bound
from tapiproxy.dcerpc.ndr import CAUSES, Reader
from tapiproxy.dcerpc.sid import readRPCSID

MAX_GROUPS = 1024
"""Groups of all kinds together; Windows makes no access token with more SIDs: no such logon is."""

# [MS-PAC] 2.5, UserFlags
_EXTRA_SIDS = 0x00000020
_RESOURCE_GROUPS = 0x00000200

# [MS-PAC] 2.2.1
_SE_GROUP_ENABLED = 0x00000004

# [MS-RPCE] 2.2.6.1: Version, Endianness (PACs have little endian only), CommonHeaderLength
_COMMON_HEADER = b"\x01\x10\x08\x00"
# The common and the private header
_HEADERS = 16


class PACError(ValueError):
    """Octets that are no logon information; the text says what is wrong with them."""


@attrs.frozen(kw_only=True)
class LogonInformation:
    """
    What a key distribution centre says of somebody.

    :ivar account: EffectiveName, the name of the account.
    :ivar domain: LogonDomainName, the short name of its domain.
    :ivar sids: of the account, its primary group and all groups that count for access.
    """

    account: str
    domain: str
    sids: frozenset[str]


def decodeLogonInformation(octets: bytes) -> LogonInformation:
    """
    Read a PAC_INFO_BUFFER of type 1.

    :param octets: the buffer: of a PAC whose signature was verified.
    :raises PACError: they are none.
    """
    if octets[:4] != _COMMON_HEADER or len(octets) < _HEADERS:
        raise PACError("no header of little-endian type serialization, version 1")
    end = _HEADERS + int.from_bytes(octets[8:12], "little")
    if end > len(octets):
        raise PACError("shorter than its ObjectBufferLength")
    try:
        return _read(Reader(octets, _HEADERS, end))
    except Fault as fault:
        raise PACError(CAUSES[fault.status]) from None


@attrs.frozen
class _String:
    """
    RPC_UNICODE_STRING, [MS-DTYP] 2.3.10, without its characters.

    :ivar length: octets, as maximumLength.
    """

    length: int
    maximumLength: int
    present: bool

    @classmethod
    def read(cls, reader: Reader) -> _String:
        """The structure itself."""
        string = cls(reader.short(), reader.short(), reader.pointer())
        if string.length % 2 or string.maximumLength % 2:
            raise Fault(RPC_X_BAD_STUB_DATA)
        return string

    def characters(self, reader: Reader) -> str:
        """What its pointer points to."""
        if self.present:
            return reader.wideCharacters(self.maximumLength // 2, self.length // 2)
        if self.length:
            raise Fault(nca_s_fault_invalid_bound)
        return ""


@attrs.frozen
class _Array:
    """A pointer to a conformant array, and what its size_is names."""

    count: int
    present: bool

    @classmethod
    def read(cls, reader: Reader) -> _Array:
        """The count and the pointer."""
        array = cls(reader.unsignedLong(), reader.pointer())
        if array.count > MAX_GROUPS or (array.count and not array.present):
            raise Fault(nca_s_fault_invalid_bound)
        return array

    def relativeIDs(self, reader: Reader) -> list[int]:
        """An array of GROUP_MEMBERSHIP, [MS-PAC] 2.2.2: those that are enabled."""
        if self.present:
            reader.conformance(self.count)
        groups = [(reader.unsignedLong(), reader.unsignedLong()) for _ in range(self.count)]
        return [rid for rid, attributes in groups if attributes & _SE_GROUP_ENABLED]

    def sids(self, reader: Reader) -> list[str]:
        """An array of KERB_SID_AND_ATTRIBUTES, [MS-PAC] 2.2.3: those that are enabled."""
        if self.present:
            reader.conformance(self.count)
        heads = [(reader.pointer(), reader.unsignedLong()) for _ in range(self.count)]
        if not all(present for present, _ in heads):
            raise Fault(RPC_X_BAD_STUB_DATA)
        # Each is read, since the next one lies behind it.
        sids = [(readRPCSID(reader), attributes) for _, attributes in heads]
        return [sid for sid, attributes in sids if attributes & _SE_GROUP_ENABLED]


def _read(reader: Reader) -> LogonInformation:
    """The structure and, in the order of its pointers, what they point to."""
    if not reader.pointer():
        raise Fault(RPC_X_BAD_STUB_DATA)
    reader.fixed(48, 4)  # LogonTime to PasswordMustChange: six times
    names = [_String.read(reader) for _ in range(6)]  # EffectiveName to HomeDirectoryDrive
    reader.fixed(4, 2)  # LogonCount, BadPasswordCount
    userID = reader.unsignedLong()
    primaryGroupID = reader.unsignedLong()
    groups = _Array.read(reader)
    userFlags = reader.unsignedLong()
    reader.fixed(16, 1)  # UserSessionKey
    servers = [_String.read(reader) for _ in range(2)]  # LogonServer, LogonDomainName
    domainPresent = reader.pointer()
    reader.fixed(40, 4)  # Reserved1 to Reserved3
    extra = _Array.read(reader)
    resourceDomainPresent = reader.pointer()
    resource = _Array.read(reader)
    if groups.count + extra.count + resource.count > MAX_GROUPS:
        raise Fault(nca_s_fault_invalid_bound)

    account, *_ = [name.characters(reader) for name in names]
    relativeIDs = groups.relativeIDs(reader)
    _, domain = [server.characters(reader) for server in servers]
    domainSID = readRPCSID(reader) if domainPresent else None
    sids = set(_inDomain(domainSID, [*_account(userID, primaryGroupID), *relativeIDs]))
    extraSIDs = extra.sids(reader)
    resourceDomainSID = readRPCSID(reader) if resourceDomainPresent else None
    resourceIDs = resource.relativeIDs(reader)
    # Either is only valid where its flag says so.
    if userFlags & _EXTRA_SIDS:
        sids |= set(extraSIDs)
    if userFlags & _RESOURCE_GROUPS:
        sids |= set(_inDomain(resourceDomainSID, resourceIDs))
    return LogonInformation(account=account, domain=domain, sids=frozenset(sids))


def _account(userID: int, primaryGroupID: int) -> list[int]:
    """The account's own; one without UserId has its SID among ExtraSids."""
    return [userID, primaryGroupID] if userID else []


def _inDomain(domain: str | None, relativeIDs: list[int]) -> Iterator[str]:
    if relativeIDs and domain is None:
        raise Fault(RPC_X_BAD_STUB_DATA)
    for each in relativeIDs:
        yield f"{domain}-{each}"
