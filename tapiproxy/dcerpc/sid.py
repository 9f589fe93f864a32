"""
Security identifiers as octets and as text.  [MS-DTYP] 2.4.2

Nothing of what a SID means: who is allowed what is decided above, by its text.
"""

from __future__ import annotations

from tapiproxy.dcerpc.interface import RPC_X_BAD_STUB_DATA, Fault, nca_s_fault_invalid_bound
from tapiproxy.dcerpc.ndr import Reader

MAX_SUB_AUTHORITIES = 15
"""[MS-DTYP] 2.4.2.2, SubAuthorityCount."""

_REVISION = 1


def readSID(reader: Reader) -> str:
    """
    A SID as it stands in a packet, [MS-DTYP] 2.4.2.2, in its string form, 2.4.2.1.

    :raises Fault: as the reader does; RPC_X_BAD_STUB_DATA where it is of another revision,
        nca_s_fault_invalid_bound where it has too many sub-authorities.
    """
    head = reader.fixed(8, 4)
    if head[0] != _REVISION:
        raise Fault(RPC_X_BAD_STUB_DATA)
    if head[1] > MAX_SUB_AUTHORITIES:
        raise Fault(nca_s_fault_invalid_bound)
    authority = int.from_bytes(head[2:], "big")
    # From 2 ** 32 on it is written in hexadecimal.
    parts = [f"0x{authority:012X}" if authority >> 32 else str(authority)]
    parts += [str(reader.unsignedLong()) for _ in range(head[1])]
    return f"S-{_REVISION}-" + "-".join(parts)


def readRPCSID(reader: Reader) -> str:
    """
    A SID behind the size of its array, as NDR has it: RPC_SID, [MS-DTYP] 2.4.2.3.

    :raises Fault: as :func:`readSID`; nca_s_fault_invalid_bound where the sizes differ.
    """
    size = reader.count()
    sid = readSID(reader)
    if sid.count("-") != 2 + size:
        raise Fault(nca_s_fault_invalid_bound)
    return sid
