"""
The endpoint mapper: tells clients of ncacn_ip_tcp at which port an interface is.

Of its operations only ept_map is here: nobody registers anything from outside, and there is no list
to be read.  C706 appendix O, [MS-RPCE] 2.2.1.2.  NDR 2.0 only.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from uuid import UUID

import attrs

from tapiproxy.dcerpc.interface import (
    RPC_X_BAD_STUB_DATA,
    Call,
    Fault,
    Interface,
    nca_s_fault_context_mismatch,
    nca_s_fault_invalid_bound,
)
from tapiproxy.dcerpc.ndr import CONTEXT_HANDLE_SIZE, NDR, Reader, Writer
from tapiproxy.dcerpc.towers import MAX_TOWER, TCPTower, TowerError, decodeTower

EPT = UUID("e1af8308-5d1f-11c9-91a4-08002b14a0fa")
EPT_VERSION = (3, 0)
ept_map = 3

EPT_S_NOT_REGISTERED = 0x16C9A0D6

_NO_HANDLE = bytes(CONTEXT_HANDLE_SIZE)


@attrs.frozen
class _Registration:
    """Where an interface is: a port of one address, or of all if that is unspecified."""

    interface: Interface
    address: IPv4Address | IPv6Address
    port: int

    def speaks(self, asked: TCPTower) -> bool:
        """Whether it is what a tower asks for: as bind would have it (C706 6.2.1.1)."""
        interface = self.interface
        major, minor = interface.version
        return (
            (interface.uuid, major) == (asked.abstract.if_uuid, asked.abstract.major)
            and asked.abstract.minor <= minor
            and asked.transfer in (each.syntaxID for each in interface.transferSyntaxes or (NDR,))
        )

    def reachedBy(self, address: IPv4Address | IPv6Address) -> bool:
        """Whether a client that reached *address* can reach the port there."""
        if self.address.is_unspecified:
            return self.address.version == 6 or address.version == 4
        return self.address == address


class EndpointMap:
    """
    What is where, and the interface that tells.

    :ivar interface: ept.
    """

    def __init__(self) -> None:
        self._registered: list[_Registration] = []
        # Asked before there is a client, hence by anyone.
        self.interface = Interface(EPT, EPT_VERSION, {ept_map: self._map}, public=True)

    def register(self, interface: Interface, host: str, port: int) -> None:
        """
        Tell of an interface from now on.

        :param host: the address where it is, as the listening socket has it.
        """
        self._registered.append(_Registration(interface, _unmapped(host), port))

    def _map(self, call: Call, data: bytes, start: int, end: int) -> bytes:
        asked, most = _decode(Reader(data, start, end, call.littleEndian, call.transferSyntax))
        towers = []
        if asked is not None:
            reached = _unmapped(getattr(call.connection.host, "host", ""))
            towers = list(self._towers(asked, reached))[:most]
        return _encode(Writer(call.transferSyntax), towers, most)

    def _towers(self, asked: TCPTower, reached: IPv4Address | IPv6Address) -> Iterator[bytes]:
        for each in self._registered:
            if each.speaks(asked) and each.reachedBy(reached):
                yield TCPTower(
                    abstract=attrs.evolve(asked.abstract, minor=each.interface.version[1]),
                    transfer=asked.transfer,
                    port=each.port,
                    # Towers know no IPv6; clients go to the host that they asked anyway.
                    address=reached if isinstance(reached, IPv4Address) else IPv4Address(0),
                ).encode()


def _decode(read: Reader) -> tuple[TCPTower | None, int]:
    """
    What ept_map asks for.

    :returns: the tower, None if it can be none of ours; how many there may be in the answer.
    :raises Fault: the stub is broken.
    """
    # An object is of no interest: the interfaces here serve all of them alike.
    if read.pointer():
        read.uuid()
    asked = None
    if read.pointer():
        maxCount = read.count()
        size = read.unsignedLong()
        if size != maxCount or size > MAX_TOWER:
            raise Fault(nca_s_fault_invalid_bound)
        try:
            asked = decodeTower(read.fixed(size, 1))
        except TowerError:
            raise Fault(RPC_X_BAD_STUB_DATA) from None
    if read.contextHandle() != _NO_HANDLE:
        # None is ever given away: what there is fits into one answer.
        raise Fault(nca_s_fault_context_mismatch)
    return asked, read.unsignedLong()


def _encode(writer: Writer, towers: list[bytes], most: int) -> bytes:
    writer.contextHandle(_NO_HANDLE)
    writer.long(len(towers))
    writer.varying(len(towers), most)
    for _ in towers:
        writer.pointer(True)
    for tower in towers:
        writer.count(len(tower))
        writer.long(len(tower))
        writer.fixed(tower)
    writer.long(0 if towers else EPT_S_NOT_REGISTERED)
    return writer.stub()


def _unmapped(host: str) -> IPv4Address | IPv6Address:
    """An address as it is routed: an IPv4 one that an IPv6 socket shows in its own way is one."""
    address = ip_address(host or "0.0.0.0")
    return getattr(address, "ipv4_mapped", None) or address
